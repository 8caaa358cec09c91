//! No rule without a refused object.

use std::collections::BTreeSet;

use entra_access_operator::api::custom_resource_definitions;
use serde_json::Value;

const TABLES: [&str; 5] = [
    include_str!("entra_tenant.rs"),
    include_str!("catalog.rs"),
    include_str!("connected_organization.rs"),
    include_str!("access_package.rs"),
    include_str!("assignment_policy.rs"),
];

fn messages(node: &Value, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(fields) => {
            if let Some(rules) = fields.get("x-kubernetes-validations").and_then(Value::as_array) {
                for rule in rules {
                    let message = rule["message"].as_str().unwrap_or_default();
                    assert!(!message.is_empty(), "no message: {rule}");
                    found.insert(message.to_owned());
                }
            }
            fields.values().for_each(|child| messages(child, found));
        }
        Value::Array(items) => items.iter().for_each(|child| messages(child, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_rule_has_an_object_that_it_refuses() {
    let mut found = BTreeSet::new();
    custom_resource_definitions()
        .iter()
        .for_each(|crd| messages(crd, &mut found));
    assert!(found.len() > 40, "only {} rules were found", found.len());
    let without: Vec<_> = found
        .iter()
        .filter(|message| {
            let literal = format!(": {message}\"");
            !TABLES.iter().any(|table| table.contains(&literal))
        })
        .collect();
    assert!(
        without.is_empty(),
        "no object in the tables is refused with {without:#?}"
    );
}

/// The paths of what the schema itself requires, below this object.
fn required_by_the_schema(node: &Value, path: &str, found: &mut Vec<String>) {
    for field in node["required"].as_array().into_iter().flatten() {
        found.push(format!("{path}.{}", field.as_str().unwrap_or_default()));
    }
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        required_by_the_schema(field, &format!("{path}.{name}"), found);
        if let Some(items) = field.get("items") {
            required_by_the_schema(items, &format!("{path}.{name}[]"), found);
        }
    }
}

#[test]
fn only_what_tells_the_entries_of_a_list_apart_is_missed_without_words() {
    let mut found = Vec::new();
    for crd in custom_resource_definitions() {
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap_or_default();
        required_by_the_schema(spec, kind, &mut found);
    }
    assert_eq!(
        found,
        [
            "Catalog.grants[].name",
            "Catalog.grants[].limits.mustAsk[].name",
            "Catalog.grants[].namespaces.selector.matchExpressions[].key",
            "Catalog.grants[].namespaces.selector.matchExpressions[].operator",
            "Catalog.resources[].name",
            "Catalog.resources[].attributes[].name",
            "Catalog.roleAssignments[].name",
            "AccessPackage.resourceRoles[].resource",
            "AccessPackage.resourceRoles[].role",
            "AssignmentPolicy.questions[].name",
        ]
    );
}
