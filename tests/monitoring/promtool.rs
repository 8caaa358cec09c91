//! Prometheus' own tool, built once by the Go toolchain at the version that `tests/promtool/go.mod` pins.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use stage::workspace;

use crate::Outcome;

/// Where it is; none where there is no Go to build it.
pub(crate) fn promtool() -> Outcome<Option<PathBuf>> {
    let module = workspace::root().join("tests/promtool");
    let mut hasher = DefaultHasher::new();
    for file in ["go.mod", "go.sum"] {
        fs::read(module.join(file))?.hash(&mut hasher);
    }
    let folder = workspace::target_dir()
        .join("promtool")
        .join(format!("{:016x}", hasher.finish()));
    let program = folder.join("promtool");
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join(".lock"))?;
    lock.lock()?;
    if program.is_file() {
        return Ok(Some(program));
    }
    // Straight to standard error: the test harness captures only what the print macros write.
    writeln!(io::stderr(), "building promtool, about 4 minutes the first time …")?;
    let partial = folder.join(".promtool.partial");
    let built = Command::new("go")
        .current_dir(&module)
        .env("CGO_ENABLED", "0")
        .env_remove("GOFLAGS")
        .env_remove("GOWORK")
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o"])
        .arg(&partial)
        .arg("github.com/prometheus/prometheus/cmd/promtool")
        .stdin(Stdio::null())
        .output();
    let built = match built {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        built => built?,
    };
    if !built.status.success() {
        return Err(format!("`go build` of promtool: {}", String::from_utf8_lossy(&built.stderr)).into());
    }
    // Renamed last, so that an interrupted build leaves nothing that looks finished.
    fs::rename(&partial, &program)?;
    Ok(Some(program))
}
