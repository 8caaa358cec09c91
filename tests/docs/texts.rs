//! Links, commands, reasons and defaults are those of the code.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use entra_access_operator::api::{Reason, custom_resource_definitions};
use serde_json::Value;

use crate::text;

#[test]
fn every_relative_link_leads_somewhere() {
    for text in text::all() {
        if !text.place.ends_with(".md") {
            continue;
        }
        for link in links(&text.content) {
            if link.starts_with("https://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let folder = text::root().join(&text.place);
            let target = match path {
                "" => folder,
                path => folder.parent().unwrap_or(Path::new("")).join(path),
            };
            assert!(target.exists(), "{}: {link} does not exist", text.place);
            if !anchor.is_empty() {
                let content = std::fs::read_to_string(&target).unwrap();
                let anchors: Vec<String> = (1..=4)
                    .flat_map(|level| text::headings(&content, level))
                    .map(|heading| anchor_of(&heading))
                    .collect();
                assert!(
                    anchors.iter().any(|known| known == anchor),
                    "{}: {link} has no such heading",
                    text.place
                );
            }
        }
    }
}

#[test]
fn the_readme_begins_with_the_two_commands() {
    let readme = text::read("README.md");
    let beginning: String = readme.lines().take(40).collect();
    for command in ["`cargo demo`", "`cargo demo -- --once`", "`cargo test --workspace`"] {
        assert!(beginning.contains(command), "{command}");
    }
    let script = text::read(".ci/run");
    assert!(
        script.contains("cargo test --workspace"),
        ".ci/run runs another command"
    );
}

#[test]
fn every_reason_has_its_heading_and_every_heading_its_reason() {
    let written: BTreeSet<String> = text::headings(&text::read("docs/reasons.md"), 3).into_iter().collect();
    let known: BTreeSet<String> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(written, known);
}

#[test]
fn the_texts_name_no_reason_that_does_not_exist() {
    let known: BTreeSet<String> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    let readme = text::read("README.md");
    for name in first_cells(&text::section(&readme, "Troubleshooting")) {
        assert!(known.contains(&name), "README.md, Troubleshooting: {name}");
    }
}

#[test]
fn every_default_of_the_schema_stands_in_the_table() {
    let defaults = text::read("docs/defaults.md");
    for definition in custom_resource_definitions() {
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap();
        let section = text::section(&defaults, kind);
        let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let mut found = Vec::new();
        collect_defaults(spec, "", &mut found);
        assert!(!found.is_empty(), "{kind} has defaults");
        for (path, value) in found {
            let row = section.lines().find(|line| {
                let cell = line.split('`').nth(1).unwrap_or_default();
                cell == path || cell.strip_prefix('…').is_some_and(|end| path.ends_with(end))
            });
            let row = row.unwrap_or_else(|| panic!("docs/defaults.md: {kind} has no row for {path} (default {value})"));
            let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let is_empty = written.is_empty() && row.contains("| empty |");
            assert!(
                is_empty || row.contains(&format!("`{written}`")),
                "docs/defaults.md: {kind} {path} is {value}, not {row}"
            );
        }
    }
}

#[test]
fn every_option_of_run_stands_in_the_table() {
    let table = text::section(&text::read("docs/defaults.md"), "Of the process");
    let help = Command::new(env!("CARGO_BIN_EXE_entra-access-operator"))
        .args(["run", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let options = help
        .split_whitespace()
        .filter(|word| word.starts_with("--") && *word != "--help");
    let variables = help.split("[env: ").skip(1).filter_map(|rest| rest.split('=').next());
    let names: Vec<&str> = options.chain(variables).collect();
    assert!(
        names.contains(&"--namespace") && names.contains(&"POD_NAMESPACE"),
        "{help}"
    );
    for name in names {
        assert!(
            table.contains(&format!("`{name}`")),
            "docs/defaults.md does not name {name}"
        );
    }
}

#[test]
fn no_text_knows_the_machine_it_was_written_on() {
    for text in text::all() {
        let folders = ["home", "Users", "work", "root"].map(|folder| format!("/{folder}/"));
        for folder in folders {
            assert!(!text.content.contains(&folder), "{}: {folder}", text.place);
        }
    }
}

/// The defaults of plain values below a schema, each with its path; objects only hold other defaults.
fn collect_defaults(schema: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    if let Some(value) = schema.get("default").filter(|value| !value.is_object()) {
        found.push((path.to_owned(), value.clone()));
    }
    if let Some(items) = schema.get("items") {
        collect_defaults(items, &format!("{path}[]"), found);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let dot = if path.is_empty() { "" } else { "." };
        collect_defaults(field, &format!("{path}{dot}{name}"), found);
    }
}

/// The names in backquotes that begin with a capital, in the first cells of a table.
fn first_cells(markdown: &str) -> Vec<String> {
    let cells = markdown
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|name| name.chars().all(char::is_alphanumeric) && name.starts_with(char::is_uppercase))
        .map(str::to_owned)
        .collect()
}

fn links(markdown: &str) -> Vec<String> {
    let prose = text::prose(markdown);
    let inline = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let named = prose
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: ").map(|(_, link)| link));
    inline.chain(named).map(str::to_owned).collect()
}

/// As GitHub makes them: lower case, hyphens for spaces, letters, digits and hyphens only.
fn anchor_of(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => Some(letter),
            _ => None,
        })
        .collect()
}
