//! Where things are: the checkout and cargo's target directory.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the checkout, as it was when this crate was compiled.
#[must_use]
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_owned()
}

/// Cargo's target directory: `CARGO_TARGET_DIR`, else the one that the running executable lies in, else `target` at
/// the root of the checkout.
#[must_use]
pub fn target_dir() -> PathBuf {
    // A relative CARGO_TARGET_DIR is relative to where cargo was called, which a test no longer knows.
    let named = env::var_os("CARGO_TARGET_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    named
        .or_else(target_of_executable)
        .unwrap_or_else(|| root().join("target"))
}

fn target_of_executable() -> Option<PathBuf> {
    // Cargo marks its target directory with this file.
    let executable = env::current_exe().ok()?;
    executable
        .ancestors()
        .skip(1)
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map(Path::to_owned)
}
