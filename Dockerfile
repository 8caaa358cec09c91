# syntax=docker/dockerfile:1
# The operator as one static file, for linux/amd64 and linux/arm64:
#   docker buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max --tag REPOSITORY:0.1.0 --push .

# The bases, for those who take theirs from a mirror, or by digest: --build-arg BUILDER_IMAGE=…
ARG BUILDER_IMAGE=rust:1-bookworm
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

# Compiled on the machine that builds, for the machine that runs: emulated compilers take hours.
FROM --platform=$BUILDPLATFORM ${BUILDER_IMAGE} AS builder
ARG TARGETARCH
# A compiler's version is its Debian release's, which the base names.
# hadolint ignore=DL3008
RUN if [ "$TARGETARCH" != "$(dpkg --print-architecture)" ]; then \
      apt-get update \
   && apt-get install --yes --no-install-recommends "crossbuild-essential-$TARGETARCH" \
   && rm -rf /var/lib/apt/lists/*; \
    fi
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY src src
# Cargo wants every member of the workspace to be there, also those that it does not build.
COPY tests/emulator/Cargo.toml tests/emulator/Cargo.toml
COPY tests/simulation/Cargo.toml tests/simulation/Cargo.toml
COPY tests/stage/Cargo.toml tests/stage/Cargo.toml
RUN mkdir -p tests/emulator/src tests/simulation/src tests/stage/src/demo \
 && touch tests/emulator/src/lib.rs tests/emulator/src/main.rs tests/simulation/src/lib.rs tests/stage/src/lib.rs tests/stage/src/demo/main.rs
# Static with glibc: no libc in the image, and glibc's allocator, which is quicker than musl's. Each compiler is there under
# this name on its own architecture, and by the package above on the other.
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CC_x86_64_unknown_linux_gnu=x86_64-linux-gnu-gcc \
    CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
    RUSTFLAGS="-C target-feature=+crt-static"
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    case "$TARGETARCH" in \
      amd64) target=x86_64-unknown-linux-gnu ;; \
      arm64) target=aarch64-unknown-linux-gnu ;; \
      *) echo "no target for $TARGETARCH" >&2; exit 1 ;; \
    esac \
 && rustup target add "$target" \
 && cargo build --locked --release --package entra-access-operator --bin entra-access-operator --target "$target" \
 && cp "target/$target/release/entra-access-operator" /entra-access-operator

# CA certificates, a user, and nothing to run but the operator.
FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION
LABEL org.opencontainers.image.title="entra-access-operator" \
      org.opencontainers.image.description="Microsoft Entra ID entitlement management from Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=builder /entra-access-operator /entra-access-operator
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/entra-access-operator"]
CMD ["run"]
