//! The table of the chart's README is written from the comments of `values.yaml`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::cluster::{Outcome, chart};

const BEGIN: &str = "<!-- Written from values.yaml; do not edit. -->\n";
const END: &str = "<!-- End of what is written from values.yaml. -->\n";
const WRITE: &str = "cargo test --test chart write_the_readme -- --ignored";

/// A key of `values.yaml`: a value, or a group of them.
struct Row {
    path: String,
    default: Option<String>,
    words: String,
}

/// The keys in the order of the file, each with the comment above it.
///
/// The schema says which of them are values: what it does not look into is one. A comment `# key:` is a value that has to be given.
fn rows(values: &str, schema: &Value) -> Vec<Row> {
    let (mut rows, mut groups, mut words) = (Vec::new(), Vec::<String>::new(), Vec::<&str>::new());
    for line in values.lines() {
        let depth = (line.len() - line.trim_start().len()) / 2;
        let line = line.trim();
        let comment = line.strip_prefix("# ");
        let required = comment.and_then(|comment| comment.strip_suffix(':'));
        let required = required.filter(|name| name.chars().all(char::is_alphanumeric));
        match (comment, required) {
            (Some(comment), None) => {
                words.push(comment);
                continue;
            }
            // What stands above an empty line speaks of the file.
            (None, _) if line.is_empty() => {
                words.clear();
                continue;
            }
            _ => {}
        }
        let (name, value) = match required {
            Some(name) => (name, "required"),
            None => line.split_once(':').unwrap_or((line, "")),
        };
        groups.truncate(depth);
        let known = groups
            .iter()
            .chain([&name.to_owned()])
            .try_fold(schema, |schema, name| {
                let known = &schema["properties"][name];
                (!known.is_null()).then_some(known)
            });
        // Part of a value.
        let Some(known) = known else { continue };
        let path = groups
            .iter()
            .map(String::as_str)
            .chain([name])
            .collect::<Vec<_>>()
            .join(".");
        let default = match value.trim() {
            _ if known["properties"].is_object() => None,
            "required" if required.is_some() => Some("none, required".to_owned()),
            "\"\"" | "{}" | "[]" => Some("none".to_owned()),
            "" => Some("see values.yaml".to_owned()),
            value => Some(format!("`{value}`")),
        };
        groups.push(name.to_owned());
        rows.push(Row {
            path,
            default,
            words: words.join(" "),
        });
        words.clear();
    }
    rows
}

fn read() -> Outcome<(PathBuf, String, Vec<Row>)> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json"))?)?;
    let place = chart().join("README.md");
    let readme = fs::read_to_string(&place)?;
    let rows = rows(&fs::read_to_string(chart().join("values.yaml"))?, &schema);
    let mut table = "| value | default | |\n|---|---|---|\n".to_owned();
    for row in &rows {
        // A group has no default; without words it says nothing.
        match &row.default {
            None if row.words.is_empty() => {}
            default => table.push_str(&format!(
                "| `{}` | {} | {} |\n",
                row.path,
                default.as_deref().unwrap_or_default(),
                row.words.replace('|', "\\|")
            )),
        }
    }
    let (head, rest) = readme.split_once(BEGIN).ok_or("README.md: no place for the table")?;
    let (_, tail) = rest.split_once(END).ok_or("README.md: no end of the table")?;
    Ok((place, format!("{head}{BEGIN}\n{table}\n{END}{tail}"), rows))
}

#[test]
fn every_value_is_explained_in_values_yaml_and_the_chart_s_readme_says_the_same() -> Outcome {
    let (place, current, rows) = read()?;
    let values: Value = serde_saphyr::from_str(&fs::read_to_string(chart().join("values.yaml"))?)?;
    for row in &rows {
        let is_value = row.default.is_some();
        assert!(
            !is_value || !row.words.is_empty(),
            "values.yaml does not explain {}",
            row.path
        );
        let pointer = format!("/{}", row.path.replace('.', "/"));
        let is_there = values.pointer(&pointer).is_some() || row.path == "image.repository";
        assert!(is_there, "values.yaml has no {}", row.path);
    }
    assert!(
        fs::read_to_string(place)? == current,
        "README.md of the chart is old: {WRITE}"
    );
    Ok(())
}

#[test]
fn the_schema_and_values_yaml_know_the_same_keys() -> Outcome {
    fn collect(schema: &Value, path: &str, found: &mut Vec<String>) {
        for (name, known) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}{name}");
            found.push(path.clone());
            collect(known, &format!("{path}."), found);
        }
        if schema["properties"].is_object() {
            assert_eq!(schema["additionalProperties"], false, "{path}");
        }
    }
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json"))?)?;
    let mut known = Vec::new();
    collect(&schema, "", &mut known);
    // What Helm gives to every chart.
    known.retain(|path| path != "global");
    let mut written: Vec<String> = read()?.2.into_iter().map(|row| row.path).collect();
    known.sort();
    written.sort();
    assert_eq!(written, known);
    Ok(())
}

#[test]
#[ignore = "it writes the README of the chart"]
fn write_the_readme() -> Outcome {
    let (place, current, _) = read()?;
    Ok(fs::write(place, current)?)
}
