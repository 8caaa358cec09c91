//! Events: one store, two groups, whose fields have different names.

use serde_json::{Map, Value, json};

use super::{field_error::FieldError, metadata, names};

/// `events.k8s.io`, and the core's name for it.
const NAMES: [(&str, &str); 6] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
];

/// As `events.k8s.io` names it, to the form that is stored: the core's.
pub(super) fn to_core(event: &Value) -> Value {
    rename(
        event,
        |name| NAMES.iter().find(|(new, _)| *new == name).map(|(_, core)| *core),
        "v1",
    )
}

/// As `events.k8s.io` shows it.
pub(super) fn as_events_k8s_io(stored: &Value) -> Value {
    let stored = as_core(stored);
    let named = |name: &str| NAMES.iter().find(|(_, core)| *core == name).map(|(new, _)| *new);
    rename(&stored, named, "events.k8s.io/v1")
}

/// As the core shows it: with fields that say nothing.
pub(super) fn as_core(stored: &Value) -> Value {
    let mut event = stored.clone();
    if let Some(fields) = event.as_object_mut() {
        for field in ["firstTimestamp", "lastTimestamp", "eventTime"] {
            fields.entry(field).or_insert(Value::Null);
        }
        fields.entry("source").or_insert_with(|| json!({}));
    }
    event
}

fn rename(event: &Value, name: impl Fn(&str) -> Option<&'static str>, api_version: &str) -> Value {
    let mut renamed = Map::new();
    for (field, value) in event.as_object().into_iter().flatten() {
        let field = name(field).unwrap_or(field);
        if !value.is_null() || field.ends_with("Timestamp") {
            renamed.insert(field.to_owned(), value.clone());
        }
    }
    renamed.insert("apiVersion".to_owned(), api_version.into());
    Value::Object(renamed)
}

/// What is wrong with one, in its stored form.
pub(super) fn validate(event: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let text = |field: &str| event[field].as_str().unwrap_or_default(); // Go's zero value
    if let Some(old) = old {
        for field in ["involvedObject", "reason", "message", "eventTime", "action", "type"] {
            if event[field] != old[field] {
                errors.push(FieldError::invalid(field, &event[field], "field is immutable"));
            }
        }
        return errors;
    }
    let namespace = metadata::text(event, "namespace");
    let of = event["involvedObject"]["namespace"].as_str().unwrap_or_default(); // of the cluster
    if of != namespace && !(of.is_empty() && namespace == "default") {
        errors.push(FieldError::invalid(
            "involvedObject.namespace",
            &of.into(),
            "does not match event.namespace",
        ));
    }
    if !event["eventTime"].is_string() {
        errors.push(FieldError::required("eventTime", ""));
        // What has none is an event of before, and nothing more is asked of those.
    }
    let kind = text("type");
    if kind != "Normal" && kind != "Warning" {
        errors.push(FieldError::invalid(
            "type",
            &"".into(),
            &format!("has invalid value: {kind}"),
        ));
    }
    if event["eventTime"].is_string() {
        let controller = text("reportingComponent");
        if controller.is_empty() {
            errors.push(FieldError::required("reportingController", ""));
        }
        let error = |words: String| FieldError::invalid("reportingController", &controller.into(), &words);
        errors.extend(names::qualified(controller).into_iter().map(error));
        for field in ["reportingInstance", "action", "reason"] {
            if text(field).is_empty() {
                errors.push(FieldError::required(field, ""));
            }
            if text(field).len() > 128 {
                errors.push(FieldError::invalid(
                    field,
                    &"".into(),
                    "can have at most 128 characters",
                ));
            }
        }
    }
    if text("message").len() > 1024 {
        errors.push(FieldError::invalid(
            "message",
            &"".into(),
            "can have at most 1024 characters",
        ));
    }
    errors
}
