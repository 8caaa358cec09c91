//! What the documentation tells people to apply.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::cluster::cluster;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

#[test]
fn the_samples_of_the_documentation_are_accepted() {
    let mut files: Vec<_> = fs::read_dir(docs().join("samples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.push(docs().join("smallest.yaml"));
    assert!(files.len() > 4, "{files:?}");
    for file in files {
        let name = file.display().to_string();
        let dry_run = if name.ends_with("-namespace.yaml") {
            "none"
        } else {
            "server"
        };
        cluster()
            .kubectl(&["apply", &format!("--dry-run={dry_run}"), "-f", &name])
            .unwrap();
    }
}
