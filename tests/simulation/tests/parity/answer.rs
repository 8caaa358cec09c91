//! An answer without what is chance or time in it.

use std::{fmt, sync::LazyLock};

use regex::Regex;
use serde_json::{Value, json};

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.code, self.body)
    }
}

static IN_WORDS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"UID in object meta: [0-9a-f-]{36}", "UID in object meta: UID"),
        (r"UID in record \([0-9a-f-]{36}\)", "UID in record (UID)"),
        (
            r"ResourceVersion in record \([0-9]+\)",
            "ResourceVersion in record (RV)",
        ),
        // The whole object, with the fields of its managers, is quoted before what is wrong with it.
        (
            r"(?s)patch: Invalid value: .*\}\\?.: ",
            "patch: Invalid value: OBJECT: ",
        ),
        (
            r"(?s)^Invalid value: .\{.*metadata.*\}\\?.: ",
            "Invalid value: OBJECT: ",
        ),
    ]
    .map(|(pattern, mask)| (Regex::new(pattern).unwrap(), mask))
    .into()
});
static GENERATED: LazyLock<Regex> = LazyLock::new(|| Regex::new("generated-[a-z0-9]{5}").unwrap());

/// The same in both servers where they are.
pub(crate) fn masked(mut answer: Answer) -> Answer {
    mask(&mut answer.body);
    let status = &mut answer.body;
    let causes = status.pointer_mut("/details/causes").and_then(Value::as_array_mut);
    if let Some(causes) = causes.filter(|causes| causes.len() > 1) {
        // A walk through an object has no order in Go.
        causes.sort_by_key(Value::to_string);
        let message = status["message"].as_str().unwrap_or_default();
        let message = message
            .split_once(" is invalid: ")
            .map_or(message, |(who, _)| who)
            .to_owned();
        status["message"] = format!("{message}: several").into();
    }
    answer
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_namespace = fields.get("kind").is_some_and(|kind| kind == "Namespace")
                || fields
                    .get("spec")
                    .is_some_and(|spec| spec["finalizers"][0] == "kubernetes");
            if is_namespace && let Some(status) = fields.get_mut("status").and_then(Value::as_object_mut) {
                // What the namespace controller found is not simulated.
                status.remove("conditions");
            }
            for (name, value) in fields {
                match (name.as_str(), &mut *value) {
                    ("metadata", Value::Object(metadata)) => {
                        metadata.remove("managedFields");
                        for field in ["uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"] {
                            if let Some(value) = metadata.get_mut(field).filter(|value| *value != "") {
                                *value = json!(field);
                            }
                        }
                        if let Some(token) = metadata.get_mut("continue").filter(|token| *token != "") {
                            *token = json!("TOKEN");
                        }
                        if let Some(labels) = metadata.get_mut("name") {
                            mask(labels);
                        }
                    }
                    ("details", Value::Object(details)) => {
                        if let Some(uid) = details.get_mut("uid") {
                            *uid = json!("UID");
                        }
                        details.values_mut().for_each(mask);
                    }
                    _ => mask(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::String(text) => {
            let mut masked = GENERATED.replace_all(text, "generated-SUFFIX").into_owned();
            for (pattern, mask) in IN_WORDS.iter() {
                masked = pattern.replace_all(&masked, *mask).into_owned();
            }
            *text = masked;
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
