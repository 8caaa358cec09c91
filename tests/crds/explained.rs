//! What `kubectl explain` shows: of every field of every kind what it is, and of every field that people write what to write.

use entra_access_operator::api::custom_resource_definitions;
use serde_json::Value;

/// Selectors of labels are Kubernetes' own, in its own words.
const OF_KUBERNETES: &str = "Catalog.spec.grants[].namespaces.selector.";

/// Every field below this schema, with its path.
fn fields<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields(field, &path, found);
        if let Some(items) = field.get("items") {
            fields(items, &format!("{path}[]"), found);
        }
        if field["additionalProperties"].is_object() {
            fields(&field["additionalProperties"], &format!("{path}{{}}"), found);
        }
        found.push((path, field));
    }
}

/// The paths of `spec` or `status` of each kind that do not fulfil this, and how many there are.
fn without(part: &str, fulfils: impl Fn(&str, &Value) -> bool) -> (usize, Vec<String>) {
    let (mut count, mut lacking) = (0, Vec::new());
    for crd in custom_resource_definitions() {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut found = Vec::new();
        fields(&schema["properties"][part], &format!("{kind}.{part}"), &mut found);
        count += found.len();
        let wrong = found.into_iter().filter(|(path, field)| !fulfils(path, field));
        lacking.extend(wrong.map(|(path, _)| path));
    }
    (count, lacking)
}

fn description(field: &Value) -> &str {
    field["description"].as_str().unwrap_or_default().trim()
}

#[test]
fn every_field_of_every_kind_is_explained() {
    for (part, least) in [("spec", 150), ("status", 30)] {
        let (count, lacking) = without(part, |_, field| !description(field).is_empty());
        assert!(lacking.is_empty(), "no description: {lacking:#?}");
        assert!(count > least, "{count} fields of {part}");
    }
}

#[test]
fn every_field_that_people_write_shows_what_to_write() {
    // An example, the default, the strict value in its place, or the values that there are.
    let words = ["or example", "Default", "strict value", "written `{}`"];
    let (_, lacking) = without("spec", |path, field| {
        let shows = words.iter().any(|word| description(field).contains(word));
        path.starts_with(OF_KUBERNETES) || field.get("enum").is_some() || shows
    });
    assert!(
        lacking.is_empty(),
        "nothing is shown that could be written: {lacking:#?}"
    );
}
