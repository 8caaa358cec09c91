//! The fields of the kinds: a reference page for each, written from the definitions, and pages that name fields name those that there are.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use entra_access_operator::api::custom_resource_definitions;
use serde_json::{Map, Value};

use crate::text;

const WRITE: &str = "cargo test --test docs write_the_reference -- --ignored";

/// The schema of a field such as `AssignmentPolicy requestors.targets[].user`, and the value that is asked of it.
pub(crate) fn field<'a>(definitions: &'a BTreeMap<String, Value>, place: &str) -> Result<&'a Value, String> {
    let (kind, path) = place.split_once(' ').ok_or("no kind")?;
    let (path, value) = match path.split_once(": ") {
        Some((path, value)) => (path, Some(value)),
        None => (path, None),
    };
    let mut schema = definitions.get(kind).ok_or_else(|| format!("no kind {kind}"))?;
    for part in path.split('.') {
        let name = part.trim_end_matches("[]");
        schema = schema["properties"]
            .get(name)
            .ok_or_else(|| format!("{name} is no field there"))?;
        if part.ends_with("[]") {
            schema = schema.get("items").ok_or_else(|| format!("{name} is no list"))?;
        }
    }
    let takes = |value: &str| match schema["enum"].as_array() {
        Some(values) => values.iter().any(|one| one == value),
        None => schema["type"] == "boolean" && ["true", "false"].contains(&value),
    };
    match value {
        Some(value) if !takes(value) => Err(format!("it takes no {value}")),
        Some(_) | None => Ok(schema),
    }
}

/// The schema of the spec of each kind.
pub(crate) fn definitions() -> BTreeMap<String, Value> {
    let named = |crd: Value| {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        let spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
        (kind, spec)
    };
    custom_resource_definitions().into_iter().map(named).collect()
}

fn place(kind: &str) -> String {
    format!("docs/reference/{}.md", kind.to_lowercase())
}

/// One paragraph, as a cell of a table.
fn cell(description: &str) -> String {
    let paragraph = description.split("\n\n").next().unwrap_or_default();
    paragraph
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn type_of(schema: &Value) -> String {
    let of = |schema: &Value| match schema["type"].as_str().unwrap_or("any") {
        "array" => "list".to_owned(),
        other => other.to_owned(),
    };
    match (&schema["enum"], schema.get("items")) {
        (Value::Array(_), _) => "one of the values".to_owned(),
        (_, Some(items)) => format!("list of {}s", of(items)),
        _ => of(schema),
    }
}

/// A row for each field below a schema, in the order of their names.
fn rows(schema: &Value, path: &str, page: &mut String) {
    for (name, field) in schema["properties"].as_object().into_iter().flat_map(Map::iter) {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let default = field
            .get("default")
            .map(|value| format!("`{value}`"))
            .unwrap_or_default();
        let description = cell(field["description"].as_str().unwrap_or_default());
        // Rules with words of their own ask for it, and not the schema.
        let must = if description.contains("Required.") { "yes" } else { "" };
        let _ = writeln!(
            page,
            "| `{path}` | {} | {must} | {default} | {description} |",
            type_of(field)
        );
        rows(field, &path, page);
        if let Some(items) = field.get("items") {
            rows(items, &format!("{path}[]"), page);
        }
    }
}

fn page(crd: &Value) -> String {
    let names = &crd["spec"]["names"];
    let kind = names["kind"].as_str().unwrap();
    let version = &crd["spec"]["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let scope = match crd["spec"]["scope"].as_str() {
        Some("Namespaced") => "in a namespace",
        _ => "of the whole cluster",
    };
    let mut page = format!(
        "# {kind}\n\nWritten by `{WRITE}` from the definition; do not edit.\n\n{}\n\n`{}/{}`, {scope}; for short `kubectl get {}`. \
         What each default means stands in [defaults](../defaults.md); `kubectl explain {}.spec` tells the same in a terminal.\n\n",
        schema["description"].as_str().unwrap_or_default().trim(),
        crd["spec"]["group"].as_str().unwrap(),
        version["name"].as_str().unwrap(),
        names["shortNames"][0].as_str().unwrap(),
        names["plural"].as_str().unwrap(),
    );
    for part in ["spec", "status"] {
        let _ = writeln!(
            page,
            "## {part}\n\n| field | type | required | default | |\n|---|---|---|---|---|"
        );
        rows(&schema["properties"][part], "", &mut page);
        page.push('\n');
    }
    let _ = page.pop();
    page
}

fn pages() -> Vec<(String, String)> {
    let definitions = custom_resource_definitions();
    let named = definitions.iter().map(|crd| {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
        (place(kind), page(crd))
    });
    named.collect()
}

#[test]
fn the_reference_of_each_kind_is_that_of_its_definition() {
    for (place, page) in pages() {
        assert!(text::read(&place) == page, "{place} is not current; run `{WRITE}`");
    }
}

#[test]
#[ignore = "it writes the reference of each kind"]
fn write_the_reference() {
    fs::create_dir_all(text::root().join("docs/reference")).unwrap();
    for (place, page) in pages() {
        fs::write(text::root().join(place), page).unwrap();
    }
}

#[test]
fn whoever_comes_from_terraform_finds_every_field_that_is_named_for_an_argument() {
    let definitions = definitions();
    let (mut kind, mut count, mut wrong) = (String::new(), 0, Vec::new());
    for line in text::read("docs/from-terraform.md").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, _, ours, ..] = cells.as_slice() else { continue };
        if let Some(named) = ours
            .strip_prefix("here, in a ")
            .or_else(|| ours.strip_prefix("here, in an "))
        {
            named.clone_into(&mut kind);
        } else if ours.starts_with("---") || kind.is_empty() {
            continue;
        } else if cells[1] == "`scope_type`" {
            kind = "AssignmentPolicy requestors.scope:".to_owned();
        } else {
            for code in ours.split('`').skip(1).step_by(2) {
                let asked = match kind.split_once(' ') {
                    Some(_) => format!("{kind} {code}"),
                    None => format!("{kind} {}", code.split(": ").next().unwrap_or_default()),
                };
                count += 1;
                if let Err(why) = field(&definitions, &asked) {
                    wrong.push(format!("{asked}: {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 60, "only {count} fields were found");
}
