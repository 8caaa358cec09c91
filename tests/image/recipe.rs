//! What the Dockerfile says about building and starting the operator, so that nothing here can differ from it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stage::workspace;

use crate::{Outcome, say};

/// The Dockerfile, for the machine that the test runs on.
pub(crate) struct Recipe {
    /// The builder's environment.
    pub(crate) environment: Vec<(String, String)>,
    /// `cargo build …`, without `cargo`.
    pub(crate) arguments: Vec<String>,
    /// Where the build leaves the binary, below the target directory.
    pub(crate) built: PathBuf,
    /// Where the image has it.
    pub(crate) installed: String,
    /// Its user and group, by number.
    pub(crate) user: String,
    /// What a container runs that is given no arguments.
    pub(crate) command: Vec<String>,
}

impl Recipe {
    pub(crate) fn read() -> Outcome<Self> {
        let text = fs::read_to_string(workspace::root().join("Dockerfile"))?;
        let instructions = instructions(&text);
        let last = instructions
            .iter()
            .rposition(|(name, _)| name == "FROM")
            .ok_or("the Dockerfile has no FROM")?;
        let (builder, image) = instructions.split_at(last);

        let mut environment = Vec::new();
        for (_, value) in builder.iter().filter(|(name, _)| name == "ENV") {
            for pair in words(value)? {
                let (name, value) = pair
                    .split_once('=')
                    .ok_or_else(|| format!("ENV without a value: {pair}"))?;
                environment.push((name.to_owned(), value.to_owned()));
            }
        }
        let script = builder
            .iter()
            .find(|(name, value)| name == "RUN" && value.contains("cargo build"))
            .map(|(_, value)| value.as_str())
            .ok_or("the Dockerfile runs no cargo build")?;
        let target = after(script, &format!("{}) target=", architecture()?))?;
        let step = |program: &str| -> Outcome<Vec<String>> {
            let step = script
                .split("&&")
                .find(|step| step.trim_start().starts_with(program))
                .ok_or_else(|| format!("the step that builds has no `{program}`"))?;
            words(&step.replace("$target", &target))
        };
        let copied = step("cp ")?;
        let built = copied
            .get(1)
            .and_then(|from| from.strip_prefix("target/"))
            .ok_or("`cp` takes nothing from target/")?;

        let of_image = |name: &str| -> Outcome<String> {
            let found = image.iter().find(|(of, _)| of == name).map(|(_, value)| value.clone());
            Ok(found.ok_or_else(|| format!("the image has no {name}"))?)
        };
        let list = |name: &str| -> Outcome<Vec<String>> { Ok(serde_json::from_str(&of_image(name)?)?) };
        let installed = words(&of_image("COPY")?)?.pop().unwrap_or_default();
        let mut command = list("ENTRYPOINT")?;
        command.extend(list("CMD")?);
        Ok(Self {
            environment,
            arguments: step("cargo build")?.split_off(1),
            built: built.into(),
            installed,
            user: of_image("USER")?,
            command,
        })
    }

    /// Builds the binary, in a folder of its own below the target directory: the flags differ from those of the tests.
    pub(crate) fn build(&self, optimised: Optimised) -> Outcome<PathBuf> {
        let (folder, minutes, settings): (&str, u32, &[(&str, &str)]) = match optimised {
            Optimised::AsShipped => ("image", 8, &[]),
            Optimised::NotAtAll => (
                "image-quickly",
                3,
                &[
                    ("CARGO_PROFILE_RELEASE_LTO", "off"),
                    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
                    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
                ],
            ),
        };
        let folder = workspace::target_dir().join(folder);
        let binary = folder.join(&self.built);
        if !binary.is_file() {
            say(&format!(
                "building the operator as the image has it, about {minutes} minutes the first time …"
            ));
        }
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .current_dir(workspace::root())
            .args(&self.arguments)
            .args(["--color", "never"])
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("CARGO_TARGET_DIR", &folder)
            .envs(settings.iter().copied())
            .stdin(Stdio::null());
        for (name, value) in &self.environment {
            // A compiler that has another name here makes the same of it.
            let is_compiler = name.starts_with("CC_") || name.ends_with("_LINKER");
            if !is_compiler || program(value).is_some() {
                command.env(name, value);
            }
        }
        // Cargo's own progress goes to standard error.
        let status = command.status()?;
        if !status.success() {
            return Err(format!("cargo {}: {status}", self.arguments.join(" ")).into());
        }
        Ok(binary)
    }
}

/// How quick the binary has to be.
#[derive(Clone, Copy)]
pub(crate) enum Optimised {
    /// As in the image.
    AsShipped,
    /// As quickly as it is built: of the rest nothing differs.
    NotAtAll,
}

/// Where this program is, if it is on this machine.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// This machine's architecture, as images call it.
fn architecture() -> Outcome<&'static str> {
    match env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => Err(format!("the image is not built for {other}").into()),
    }
}

/// The instructions, each as its name and the rest, with continued lines joined and comments left out.
fn instructions(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut line = String::new();
    for part in text.lines().filter(|part| !part.trim_start().starts_with('#')) {
        if let Some(continued) = part.strip_suffix('\\') {
            line.push_str(continued);
            continue;
        }
        line.push_str(part);
        if let Some((name, rest)) = line.trim().split_once(char::is_whitespace) {
            found.push((name.to_owned(), rest.trim().to_owned()));
        }
        line.clear();
    }
    found
}

/// As a shell takes it apart.
fn words(text: &str) -> Outcome<Vec<String>> {
    Ok(shlex::split(text).ok_or_else(|| format!("a quote is left open: {text}"))?)
}

/// The word behind `mark`.
fn after(text: &str, mark: &str) -> Outcome<String> {
    let rest = text
        .split_once(mark)
        .map(|(_, rest)| rest)
        .ok_or_else(|| format!("the Dockerfile does not say {mark}"))?;
    Ok(rest.split_whitespace().next().unwrap_or_default().to_owned())
}

#[test]
fn the_dockerfile_says_how_it_builds_for_both_architectures_and_whose_root_it_is() -> Outcome {
    let text = fs::read_to_string(workspace::root().join("Dockerfile"))?;
    for (architecture, target) in [("amd64", "x86_64-unknown-linux-"), ("arm64", "aarch64-unknown-linux-")] {
        let named = after(&text, &format!("{architecture}) target="))?;
        assert!(named.starts_with(target), "{architecture}: {named}");
    }
    let recipe = Recipe::read()?;
    for flag in ["--locked", "--release", "--target"] {
        assert!(
            recipe.arguments.iter().any(|argument| argument == flag),
            "{:?}",
            recipe.arguments
        );
    }
    assert_eq!(recipe.user, "65532:65532");
    assert_eq!(recipe.command, [recipe.installed.as_str(), "run"]);
    assert!(Path::new(&recipe.installed).is_absolute());
    Ok(())
}
