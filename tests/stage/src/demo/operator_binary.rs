//! The operator, built by the cargo that runs the demo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use stage::{Error, Result, workspace};

use crate::screen::Screen;

/// Builds it in the demo's own profile and target directory, with cargo's output shown.
pub(crate) fn build(screen: &mut Screen) -> Result<PathBuf> {
    let started = Instant::now();
    let executable = env::current_exe().map_err(|source| Error::Io {
        what: "find this program".to_owned(),
        source,
    })?;
    // Cargo lays both binaries side by side.
    let folder = executable.parent().unwrap_or(Path::new("."));
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "build",
        "--package",
        "entra-access-operator",
        "--bin",
        "entra-access-operator",
    ]);
    if folder.file_name().is_some_and(|profile| profile == "release") {
        command.arg("--release");
    }
    command
        .current_dir(workspace::root())
        .env("CARGO_TARGET_DIR", workspace::target_dir());
    screen.line(&screen.dim("  building the operator"));
    let status = command.status().map_err(|source| Error::Io {
        what: "run cargo".to_owned(),
        source,
    })?;
    if !status.success() {
        return Err(Error::Build(
            "the operator does not build; what cargo says is above".to_owned(),
        ));
    }
    screen.done("the operator is built", started);
    Ok(folder.join("entra-access-operator"))
}
