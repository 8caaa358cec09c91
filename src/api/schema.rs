//! The CRDs as they are written to `crds/`: derived from the types, then put into the form that serves people.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use super::{AccessPackage, AssignmentPolicy, Catalog, EntraTenant, NEVER_OBSERVED};

/// Every CRD, each as the JSON document that `kubectl apply` takes.
///
/// What the derive makes is changed in three ways:
/// - `nullable` and the `oneOf` of optional fields go: CEL rules say the same in words, and are ratcheted.
/// - number formats that Kubernetes does not know go.
/// - `status` gets a default, so that an object nobody has looked at yet is not taken for ready.
#[must_use]
pub fn custom_resource_definitions() -> Vec<Value> {
    [
        EntraTenant::crd(),
        Catalog::crd(),
        AccessPackage::crd(),
        AssignmentPolicy::crd(),
    ]
    .into_iter()
    .map(finished)
    .collect()
}

fn finished(crd: CustomResourceDefinition) -> Value {
    let mut document = json!(crd);
    if let Some(versions) = document.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        for version in versions {
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                tidy(schema);
                if let Some(status) = schema.pointer_mut("/properties/status").and_then(Value::as_object_mut) {
                    status.insert("default".into(), json!({ "observedGeneration": NEVER_OBSERVED }));
                }
            }
        }
    }
    document
}

fn tidy(schema: &mut Value) {
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
    for (key, child) in node.iter_mut() {
        match key.as_str() {
            "properties" => child
                .as_object_mut()
                .into_iter()
                .flat_map(Map::values_mut)
                .for_each(tidy),
            "items" | "additionalProperties" => tidy(child),
            _ => {}
        }
    }
}

fn only_requires(arm: &Value) -> bool {
    arm.as_object()
        .is_some_and(|arm| arm.keys().all(|key| key == "required"))
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
