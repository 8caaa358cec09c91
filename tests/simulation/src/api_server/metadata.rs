//! What the API server does with `metadata`, of whatever kind.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{field_error::FieldError, names};

/// What metadata may hold.
const FIELDS: [&str; 14] = [
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
];

/// What nobody but the server says. `managedFields` are not kept here at all.
const OF_THE_SERVER: [&str; 3] = ["selfLink", "managedFields", "generation"];

/// Annotations of an object are no longer than this, all together.
const LONGEST_ANNOTATIONS: usize = 256 * 1024;

/// A time as metadata has it.
pub(super) fn time(now: Timestamp) -> Value {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()
}

/// A text of metadata; empty where there is none.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default() // Go's zero value
}

pub(super) fn finalizers(object: &Value) -> Vec<&str> {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether it goes.
pub(super) fn is_going(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// Reads metadata as the server's types do: what is unknown, null or empty is not there. Answers the unknown fields.
///
/// # Errors
/// What has another type, in the words of Go's decoder.
pub(super) fn read(object: &mut Value) -> Result<Vec<String>, String> {
    let Some(fields) = object.as_object_mut() else {
        return Ok(Vec::new());
    };
    let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
    if metadata.is_null() {
        *metadata = json!({});
    }
    let Some(metadata) = metadata.as_object_mut() else {
        return Err("json: cannot unmarshal into Go value of type v1.ObjectMeta".to_owned());
    };
    for (field, text) in ["labels", "annotations"].iter().flat_map(|field| {
        let entries = metadata.get(*field).and_then(Value::as_object);
        entries.into_iter().flatten().map(move |(_, value)| (*field, value))
    }) {
        if !text.is_string() {
            let of = go_name(text);
            return Err(format!(
                "json: cannot unmarshal {of} into Go struct field ObjectMeta.{field} of type string"
            ));
        }
    }
    let mut unknown = Vec::new();
    metadata.retain(|name, value| {
        let is_known = FIELDS.contains(&name.as_str()) || name == "selfLink";
        if !is_known {
            unknown.push(format!("metadata.{name}"));
        }
        is_known && !is_empty(value)
    });
    Ok(unknown)
}

/// What Go's decoder calls a value.
pub(super) fn go_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Makes the metadata of what is created now.
pub(super) fn begin(object: &mut Value, uid: String, has_generation: bool, now: Timestamp) {
    let Some(metadata) = object["metadata"].as_object_mut() else {
        return;
    };
    for field in OF_THE_SERVER
        .iter()
        .chain(["deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"].iter())
    {
        metadata.remove(*field);
    }
    metadata.insert("uid".to_owned(), uid.into());
    metadata.insert("creationTimestamp".to_owned(), time(now));
    if has_generation {
        metadata.insert("generation".to_owned(), 1.into());
    }
}

/// What an update leaves out, or may not say, stays as it was.
pub(super) fn carry_on(object: &mut Value, old: &Value) {
    let (Some(metadata), Some(old)) = (object["metadata"].as_object_mut(), old["metadata"].as_object()) else {
        return;
    };
    for field in OF_THE_SERVER {
        metadata.remove(field);
    }
    let keep = |field: &str, metadata: &mut Map<String, Value>| {
        if let Some(value) = old.get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    };
    for field in ["generation", "creationTimestamp"] {
        keep(field, metadata);
    }
    if !metadata.contains_key("uid") {
        keep("uid", metadata);
    }
    if old.contains_key("deletionTimestamp") {
        keep("deletionTimestamp", metadata);
        keep("deletionGracePeriodSeconds", metadata);
    }
}

/// The spec has changed.
pub(super) fn count_generation(object: &mut Value) {
    if let Some(generation) = object["metadata"]["generation"].as_i64() {
        object["metadata"]["generation"] = (generation + 1).into();
    }
}

/// Marks that the object is to go.
pub(super) fn mark_going(object: &mut Value, now: Timestamp) {
    object["metadata"]["deletionTimestamp"] = time(now);
    object["metadata"]["deletionGracePeriodSeconds"] = 0.into();
    count_generation(object);
}

/// What is wrong with metadata by itself.
pub(super) fn validate(object: &Value, is_of_namespace: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = text(object, "name");
    if name.is_empty() {
        errors.push(FieldError::required(
            "metadata.name",
            "name or generateName is required",
        ));
    } else {
        let fault = if is_of_namespace {
            names::label_name(name)
        } else {
            names::subdomain(name)
        };
        errors.extend(fault.map(|words| FieldError::invalid("metadata.name", &name.into(), &words)));
    }
    let entries = |field: &str| object["metadata"][field].as_object().into_iter().flatten();
    for (key, value) in entries("labels") {
        let path = "metadata.labels";
        errors.extend(
            names::qualified(key)
                .into_iter()
                .map(|words| FieldError::invalid(path, &key.as_str().into(), &words)),
        );
        let value = value.as_str().unwrap_or_default(); // it is a text by now
        errors.extend(names::label_value(value).map(|words| FieldError::invalid(path, &value.into(), &words)));
    }
    let mut length = 0;
    for (key, value) in entries("annotations") {
        // They are compared without regard to case.
        let faults = names::qualified(&key.to_lowercase());
        let error = |words: String| FieldError::invalid("metadata.annotations", &key.as_str().into(), &words);
        errors.extend(faults.into_iter().map(error));
        length += key.len() + value.as_str().map_or(0, str::len);
    }
    if length > LONGEST_ANNOTATIONS {
        errors.push(FieldError::too_long("metadata.annotations", 256 * 1024));
    }
    for finalizer in finalizers(object) {
        let faults = names::qualified(finalizer);
        let error = |words: String| FieldError::invalid("metadata.finalizers", &finalizer.into(), &words);
        errors.extend(faults.into_iter().map(error));
    }
    errors
}

/// What an update may not change.
pub(super) fn validate_update(object: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if is_going(old) {
        let (before, after) = (finalizers(old), finalizers(object));
        let new: Vec<String> = after
            .iter()
            .filter(|finalizer| !before.contains(finalizer))
            .map(|finalizer| format!("{finalizer:?}"))
            .collect();
        if !new.is_empty() {
            let words = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                new.join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", &words));
        }
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        let (new, old) = (&object["metadata"][field], &old["metadata"][field]);
        if new != old {
            errors.push(FieldError::invalid(
                format!("metadata.{field}"),
                new,
                "field is immutable",
            ));
        }
    }
    errors
}
