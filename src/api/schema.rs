//! The CRDs as they are written to `crds/`: derived from the types, then put into the form that serves people.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value, json};

use super::{KindName, NEVER_OBSERVED};

const RULES: &str = "x-kubernetes-validations";

/// Every CRD, each as the JSON document that `kubectl apply` takes.
///
/// What the derive makes is changed where the API server would otherwise answer in the schema's words, not people's:
/// - `nullable` and the `oneOf` of optional fields go: CEL rules say the same in words, and are ratcheted.
/// - `required` goes where a CEL rule asks for the field: a schema error says only "Required value", and while there
///   is one the API server looks at no CEL rule at all. What identifies the entries of a list stays required.
/// - the length of a text that must not be empty becomes a CEL rule.
/// - number formats that Kubernetes does not know go.
/// - a selector of labels gets limits, without which no CEL rule about it has a bounded cost.
/// - line breaks of the doc comments go; the object is described by what its spec says.
/// - `status` gets a default, so that an object nobody has looked at yet is not taken for ready.
#[must_use]
pub fn custom_resource_definitions() -> Vec<Value> {
    KindName::ALL.iter().map(|kind| finished(kind.definition())).collect()
}

fn finished(crd: CustomResourceDefinition) -> Value {
    let mut document = json!(crd);
    if let Some(versions) = document.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        for version in versions {
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                tidy(schema, &[]);
                let about = schema.pointer("/properties/spec/description").cloned();
                if let (Some(about), Some(schema)) = (about, schema.as_object_mut()) {
                    schema.insert("description".into(), about);
                    schema.remove("title");
                }
                if let Some(status) = schema.pointer_mut("/properties/status").and_then(Value::as_object_mut) {
                    status.insert("default".into(), json!({ "observedGeneration": NEVER_OBSERVED }));
                }
            }
        }
    }
    document
}

/// `keys` are the fields by which the list that holds this object tells its entries apart.
fn tidy(schema: &mut Value, keys: &[String]) {
    let Some(node) = schema.as_object_mut() else { return };
    node.remove("nullable");
    if node
        .get("oneOf")
        .and_then(Value::as_array)
        .is_some_and(|arms| arms.iter().all(only_requires))
    {
        node.remove("oneOf");
    }
    if node
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|format| format.starts_with("uint"))
    {
        node.remove("format");
    }
    if let Some(Value::String(description)) = node.get_mut("description") {
        *description = unwrapped(description);
    }
    let ruled: Vec<String> = node
        .get(RULES)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(field_that_must_be_there)
        .collect();
    if let Some(required) = node.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|field| {
            let field = field.as_str().unwrap_or_default(); // a schema names its fields by strings
            keys.iter().any(|key| key == field) || !ruled.iter().any(|ruled| ruled == field)
        });
        if required.is_empty() {
            node.remove("required");
        }
    }
    if node.get("type").is_some_and(|kind| kind == "string") && node.remove("minLength").is_some() {
        // A rule that the text has already is about more than its being there.
        node.entry(RULES)
            .or_insert_with(|| json!([{ "rule": "self.trim() != ''", "message": "must not be empty" }]));
    }
    limit_selector(node);
    let keys: Vec<String> = node
        .get("x-kubernetes-list-map-keys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|key| key.as_str().map(str::to_owned))
        .collect();
    for (key, child) in node.iter_mut() {
        match key.as_str() {
            "properties" => child
                .as_object_mut()
                .into_iter()
                .flat_map(Map::values_mut)
                .for_each(|child| tidy(child, &[])),
            "items" | "additionalProperties" => tidy(child, &keys),
            _ => {} // holds no schemas
        }
    }
}

fn only_requires(arm: &Value) -> bool {
    arm.as_object()
        .is_some_and(|arm| arm.keys().all(|key| key == "required"))
}

/// The field whose absence this rule reports in words.
fn field_that_must_be_there(rule: &Value) -> Option<String> {
    let field = rule.get("fieldPath")?.as_str()?.strip_prefix('.')?;
    let there = format!("has(self.{field})");
    let is_asked_for = rule.get("rule")?.as_str()?.split(" && ").next() == Some(there.as_str());
    (is_asked_for && rule.get("reason")? == "FieldValueRequired").then(|| field.to_owned())
}

/// A paragraph as one line.
fn unwrapped(text: &str) -> String {
    let paragraphs: Vec<_> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    paragraphs.join("\n\n")
}

/// Limits to a selector of labels, which the derived schema leaves open; any real one stays far below them.
fn limit_selector(node: &mut Map<String, Value>) {
    let Some(fields) = node.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(Value::Object(labels)) = fields.get_mut("matchLabels") {
        labels.insert("maxProperties".into(), json!(64));
    }
    if let Some(Value::Object(expressions)) = fields.get_mut("matchExpressions") {
        expressions.insert("maxItems".into(), json!(64));
        let operator = expressions
            .get_mut("items")
            .and_then(|items| items.pointer_mut("/properties/operator"));
        if let Some(Value::Object(operator)) = operator {
            operator.insert("enum".into(), json!(["In", "NotIn", "Exists", "DoesNotExist"]));
        }
        let values = expressions
            .get_mut("items")
            .and_then(|items| items.pointer_mut("/properties/values"));
        if let Some(Value::Object(values)) = values {
            values.insert("maxItems".into(), json!(100));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(node: &Value, path: &str, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
        match node {
            Value::Object(map) => {
                visit(path, map);
                for (key, child) in map {
                    walk(child, &format!("{path}/{key}"), visit);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path, visit)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_field_of_every_spec_is_described() {
        for crd in custom_resource_definitions() {
            let spec = crd
                .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties")
                .unwrap();
            walk(spec, "spec", &mut |path, node| {
                if let Some(fields) = node.get("properties").and_then(Value::as_object) {
                    for (name, field) in fields {
                        assert!(field.get("description").is_some(), "{path}.{name} has no description");
                    }
                }
            });
        }
    }

    #[test]
    fn a_status_says_that_nobody_has_looked_yet() {
        for crd in custom_resource_definitions() {
            assert_eq!(
                crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status/default/observedGeneration"),
                Some(&json!(-1))
            );
        }
    }

    #[test]
    fn no_schema_is_nullable_or_a_one_of() {
        for crd in custom_resource_definitions() {
            walk(&crd, "", &mut |path, node| {
                assert!(!node.contains_key("nullable") && !node.contains_key("oneOf"), "{path}");
            });
        }
    }
}
