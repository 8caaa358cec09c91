//! Checks answers against the OpenAPI slice: every property declared, every type right, nothing else.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

static SLICE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../contract/entitlement-openapi.json")).unwrap());
static DOCUMENT: LazyLock<Value> = LazyLock::new(document);
static VALIDATORS: Mutex<BTreeMap<String, &'static Validator>> = Mutex::new(BTreeMap::new());

/// Types that the slice trims, as its own description says: more properties may come.
const TRIMMED: [&str; 11] = [
    "user",
    "group",
    "servicePrincipal",
    "site",
    "administrativeUnit",
    "application",
    "directoryObject",
    "baseItem",
    "appRole",
    "unifiedRoleAssignment",
    "unifiedRoleDefinition",
];
/// Documented, and not in the slice.
const BEYOND: [&str; 1] = ["PUT /identityGovernance/entitlementManagement/catalogs/{id}/customWorkflowExtensions/{id}"];

fn short(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap();
    name.trim_start_matches("microsoft.graph.")
}

/// OpenAPI 3.0 as JSON Schema: `nullable` becomes a choice with null, references lead to the closed form of a type.
fn rewritten(node: &Value) -> Value {
    match node {
        Value::Array(elements) => elements.iter().map(rewritten).collect(),
        Value::Object(object) => {
            let mut object = object.clone();
            let nullable = object.remove("nullable") == Some(json!(true));
            object.remove("discriminator");
            let mut new: Map<String, Value> = object
                .into_iter()
                .filter(|(name, _)| !name.starts_with("x-") && name != "description" && name != "title")
                .map(|(name, value)| match (name.as_str(), &value) {
                    ("$ref", Value::String(to)) => (name, json!(format!("#/types/{}.any", short(to)))),
                    ("properties", Value::Object(properties)) => {
                        // What only a request may hold has no place in an answer.
                        let readable = properties
                            .iter()
                            .filter(|(_, property)| property.get("writeOnly").is_none());
                        (
                            name,
                            readable
                                .map(|(name, property)| (name.clone(), rewritten(property)))
                                .collect::<Map<_, _>>()
                                .into(),
                        )
                    }
                    _ => (name, rewritten(&value)),
                })
                .collect();
            // A duration of the slice is Edm.Duration, which JSON Schema's format knows as well; a GUID is a uuid.
            if new.get("format") == Some(&json!("int32")) || new.get("format") == Some(&json!("int64")) {
                new.remove("format");
            }
            if nullable {
                json!({"anyOf": [{"type": "null"}, new]})
            } else {
                Value::Object(new)
            }
        }
        other => other.clone(),
    }
}

fn document() -> Value {
    let schemas = SLICE["components"]["schemas"].as_object().unwrap();
    let mut types = Map::new();
    for (name, schema) in schemas {
        let name = short(name);
        let mut open = rewritten(schema);
        // The base of a type is taken open; closed is only the whole.
        for part in open
            .get_mut("allOf")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(to) = part.get_mut("$ref") {
                *to = json!(to.as_str().unwrap().replace(".any", ".open"));
            }
        }
        let mut closed = json!({"$ref": format!("#/types/{name}.open"), "patternProperties": {"@odata\\.": {}}});
        if !TRIMMED.contains(&name) && schema.get("enum").is_none() {
            closed["unevaluatedProperties"] = json!(false);
        }
        let parts = schema
            .get("allOf")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_else(|| vec![schema.clone()]);
        let mapping = parts
            .iter()
            .find_map(|part| part.pointer("/discriminator/mapping"))
            .and_then(Value::as_object);
        let any = match mapping {
            None => json!({"$ref": format!("#/types/{name}.closed")}),
            Some(mapping) => {
                let mut choices: Vec<Value> = mapping
                    .iter()
                    .map(|(type_name, to)| {
                        let to = short(to.as_str().unwrap());
                        json!({"$ref": format!("#/types/{to}.closed"), "required": ["@odata.type"],
                            "properties": {"@odata.type": {"const": type_name}}})
                    })
                    .collect();
                let printed = name == "customExtensionCallbackConfiguration";
                if schema.get("x-ms-abstract").is_none() || printed {
                    choices.push(json!({"$ref": format!("#/types/{name}.closed")}));
                }
                json!({"anyOf": choices})
            }
        };
        types.insert(format!("{name}.open"), open);
        types.insert(format!("{name}.closed"), closed);
        types.insert(format!("{name}.any"), any);
    }
    Value::Object(types)
}

fn validator(schema: &Value) -> &'static Validator {
    let key = schema.to_string();
    let mut known = VALIDATORS.lock().unwrap();
    if let Some(validator) = known.get(&key) {
        return validator;
    }
    let mut root = rewritten(schema);
    root["types"] = DOCUMENT.clone();
    let built = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .build(&root)
        .expect("the slice is a schema");
    let built: &'static Validator = Box::leak(Box::new(built));
    known.insert(key, built);
    built
}

fn template(path: &str) -> Option<(&'static String, &'static Value)> {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    SLICE["paths"].as_object().unwrap().iter().find(|(template, _)| {
        let parts: Vec<&str> = template.split('/').filter(|part| !part.is_empty()).collect();
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| {
                part.starts_with('{')
                    || part == segment
                    || part.split_once("='").is_some_and(|(name, _)| segment.starts_with(name))
            })
            || (template.starts_with("/sites/{hostname}:") && path.contains(":/"))
    })
}

/// Panics when an answer is not what the slice declares for the path, the method and the status.
pub fn check(method: &str, path: &str, status: u16, body: &Value) {
    let path = path.split('?').next().unwrap();
    if status >= 400 {
        let error = &SLICE["components"]["responses"]["error"]["content"]["application/json"]["schema"];
        return judge(method, path, status, body, error);
    }
    let Some((template, operations)) = template(path) else {
        panic!("{method} {path} is not in the slice")
    };
    let Some(operation) = operations.get(method.to_lowercase()) else {
        assert!(
            BEYOND.iter().any(|known| known.starts_with(method)
                && known.contains("customWorkflowExtensions")
                && template.contains("customWorkflowExtensions")),
            "{method} {template} is not in the slice"
        );
        return;
    };
    let Some(answer) = operation["responses"].get(status.to_string()) else {
        panic!("{method} {template}: {status} is not declared: {body}");
    };
    match answer.pointer("/content/application~1json/schema") {
        Some(schema) => judge(method, path, status, body, schema),
        None => assert!(body.is_null(), "{method} {template}: {status} has no body, got {body}"),
    }
}

fn judge(method: &str, path: &str, status: u16, body: &Value, schema: &Value) {
    let wrong: Vec<String> = validator(schema)
        .iter_errors(body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(
        wrong.is_empty(),
        "{method} {path} answered {status} outside the slice:\n{}\n{body:#}",
        wrong.join("\n")
    );
}

#[test]
fn the_check_itself_sees_an_undeclared_property_and_a_wrong_type() {
    let path = "/identityGovernance/entitlementManagement/settings";
    for body in [
        json!({"id": "x", "nonsense": 1}),
        json!({"id": 7}),
        json!({"id": "x", "externalUserLifecycleAction": "sometimes"}),
    ] {
        let refused = std::panic::catch_unwind(|| check("GET", path, 200, &body));
        assert!(refused.is_err(), "{body}");
    }
    check(
        "GET",
        path,
        200,
        &json!({"id": "x", "externalUserLifecycleAction": null}),
    );
}

#[test]
fn the_check_itself_wants_the_type_of_a_subject() {
    let path = "/identityGovernance/entitlementManagement/assignmentPolicies/x";
    let typed =
        json!({"id": "x", "specificAllowedTargets": [{"@odata.type": "#microsoft.graph.singleUser", "userId": "u"}]});
    check("GET", path, 200, &typed);
    let bare = json!({"id": "x", "specificAllowedTargets": [{"userId": "u"}]});
    assert!(std::panic::catch_unwind(|| check("GET", path, 200, &bare)).is_err());
}
