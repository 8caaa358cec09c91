//! What was drawn, by field and value, and what there is to be drawn.

use std::collections::{BTreeMap, BTreeSet};

use entra_access_operator::api::custom_resource_definitions;
use serde_json::Value;

/// Fields that are drawn for no kind, and why: a place in the world that has no name before the world is made.
const NOT_DRAWN: [&str; 5] = [
    "Catalog.resources[].sharePointSite.id",
    // They name objects of the cluster: other packages, and partners.
    "AccessPackage.incompatibleWith.accessPackages[].name",
    "AccessPackage.incompatibleWith.accessPackages[].namespace",
    "AssignmentPolicy.requestors.targets[].connectedOrganization.name",
    // Entra shows a domain as the tenant behind it.
    "AssignmentPolicy.requestors.targets[].connectedOrganization.domain",
];

/// Fields, and values of enumerations and switches, each with how often it was drawn.
#[derive(Clone, Debug, Default)]
pub struct Reach(BTreeMap<String, u64>);

/// The schema of the spec of each kind.
#[must_use]
pub fn schemas() -> BTreeMap<String, Value> {
    let named = |crd: Value| {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap_or_default().to_owned();
        let spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
        (kind, spec)
    };
    custom_resource_definitions().into_iter().map(named).collect()
}

impl Reach {
    /// Counts what this spec has.
    pub fn count(&mut self, kind: &str, schema: &Value, spec: &Value) {
        let mut enter = |reached: String| *self.0.entry(reached).or_default() += 1;
        drawn(schema, spec, kind, &mut enter);
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (reached, count) in &other.0 {
            *self.0.entry(reached.clone()).or_default() += count;
        }
    }

    /// How much of these kinds was drawn, and what never was.
    #[must_use]
    pub fn of(&self, kinds: &[&str]) -> (usize, Vec<String>) {
        let mut all = BTreeSet::new();
        for (kind, schema) in schemas() {
            if kinds.contains(&kind.as_str()) {
                possible(&schema, &kind, &mut all);
            }
        }
        let missed = all.iter().filter(|one| !self.0.contains_key(*one));
        let missed: Vec<String> = missed
            .filter(|one| !NOT_DRAWN.iter().any(|not| one.contains(not)))
            .cloned()
            .collect();
        (all.len() - missed.len(), missed)
    }
}

/// The values that count as different ones.
fn values(schema: &Value) -> Vec<String> {
    match schema["enum"].as_array() {
        Some(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None if schema["type"] == "boolean" => vec!["true".into(), "false".into()],
        None => Vec::new(),
    }
}

fn possible(schema: &Value, path: &str, all: &mut BTreeSet<String>) {
    all.insert(path.to_owned());
    for value in values(schema) {
        all.insert(format!("{path}: {value}"));
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        possible(field, &format!("{path}.{name}"), all);
    }
    if let Some(items) = schema.get("items") {
        possible(items, &format!("{path}[]"), all);
    }
}

fn drawn(schema: &Value, spec: &Value, path: &str, enter: &mut impl FnMut(String)) {
    enter(path.to_owned());
    match spec {
        Value::Object(fields) => {
            for (name, value) in fields {
                drawn(&schema["properties"][name], value, &format!("{path}.{name}"), enter);
            }
        }
        Value::Array(items) => {
            for item in items {
                drawn(&schema["items"], item, &format!("{path}[]"), enter);
            }
        }
        Value::String(text) if schema.get("enum").is_some() => enter(format!("{path}: {text}")),
        Value::Bool(bit) => enter(format!("{path}: {bit}")),
        Value::String(_) | Value::Number(_) | Value::Null => {}
    }
}
