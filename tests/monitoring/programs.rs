//! Prometheus and its tool, each built once by the Go toolchain at the version that `tests/prometheus/go.mod` pins.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use stage::workspace;

use crate::Outcome;

/// Where `prometheus` or `promtool` is; none, and a word about it, where there is no Go to build it.
pub(crate) fn program(name: &str) -> Outcome<Option<PathBuf>> {
    let module = workspace::root().join("tests/prometheus");
    let mut hasher = DefaultHasher::new();
    for file in ["go.mod", "go.sum"] {
        fs::read(module.join(file))?.hash(&mut hasher);
    }
    let folder = workspace::target_dir()
        .join("prometheus")
        .join(format!("{:016x}", hasher.finish()));
    let program = folder.join(name);
    fs::create_dir_all(&folder)?;
    // One at a time: what they are built from is mostly the same.
    let lock = File::create(folder.join(".lock"))?;
    lock.lock()?;
    if program.is_file() {
        return Ok(Some(program));
    }
    // Straight to standard error: the test harness captures only what the print macros write.
    writeln!(
        io::stderr(),
        "building {name}, some minutes the first time that there is neither it nor its sibling …"
    )?;
    let partial = folder.join(format!(".{name}.partial"));
    let built = Command::new("go")
        .current_dir(&module)
        .env("CGO_ENABLED", "0")
        .env_remove("GOFLAGS")
        .env_remove("GOWORK")
        // Without the clients of all the clouds in which Prometheus can look for targets.
        .args(["build", "-trimpath", "-buildvcs=false", "-tags", "remove_all_sd"])
        .args(["-ldflags", "-s -w", "-o"])
        .arg(&partial)
        .arg(format!("github.com/prometheus/prometheus/cmd/{name}"))
        .stdin(Stdio::null())
        .output();
    let built = match built {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            writeln!(
                io::stderr(),
                "skipped: {name} is built by Go, and there is no `go` on the PATH (https://go.dev/doc/install)"
            )?;
            return Ok(None);
        }
        built => built?,
    };
    if !built.status.success() {
        return Err(format!("`go build` of {name}: {}", String::from_utf8_lossy(&built.stderr)).into());
    }
    // Renamed last, so that an interrupted build leaves nothing that looks finished.
    fs::rename(&partial, &program)?;
    Ok(Some(program))
}
