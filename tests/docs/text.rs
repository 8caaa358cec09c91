//! The files of the checkout that people read.

use std::fs;
use std::path::{Path, PathBuf};

/// A text, with its place relative to the root.
pub(crate) struct Text {
    pub(crate) place: String,
    pub(crate) content: String,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(place: &str) -> String {
    fs::read_to_string(root().join(place)).unwrap_or_else(|error| panic!("{place}: {error}"))
}

/// README, CHANGELOG, CONTRIBUTING, SECURITY and everything below docs but pictures.
pub(crate) fn all() -> Vec<Text> {
    let mut places = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(str::to_owned)
        .to_vec();
    collect(&root().join("docs"), &mut places);
    places.sort();
    places
        .into_iter()
        .map(|place| Text {
            content: read(&place),
            place,
        })
        .collect()
}

fn collect(folder: &Path, places: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, places);
        } else if path.extension().is_none_or(|extension| extension != "png") {
            places.push(path.strip_prefix(root()).unwrap().display().to_string());
        }
    }
}

/// The fenced blocks of a language.
pub(crate) fn blocks(markdown: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let Some(found) = line.strip_prefix("```") else {
            continue;
        };
        let block: String = lines
            .by_ref()
            .take_while(|line| !line.starts_with("```"))
            .map(|line| format!("{line}\n"))
            .collect();
        if found == language {
            blocks.push(block);
        }
    }
    blocks
}

/// The text without its fenced blocks.
pub(crate) fn prose(markdown: &str) -> String {
    let mut fenced = false;
    markdown
        .lines()
        .filter(|line| {
            let fence = line.starts_with("```");
            fenced ^= fence;
            !fence && !fenced
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The headings of this level, `#` being 1.
pub(crate) fn headings(markdown: &str, level: usize) -> Vec<String> {
    let mark = format!("{} ", "#".repeat(level));
    prose(markdown)
        .lines()
        .filter_map(|line| line.strip_prefix(&mark).map(str::to_owned))
        .collect()
}

/// What stands below a heading of level 2, up to the next one.
pub(crate) fn section(markdown: &str, heading: &str) -> String {
    markdown
        .lines()
        .skip_while(|line| *line != format!("## {heading}"))
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .map(|line| format!("{line}\n"))
        .collect()
}
