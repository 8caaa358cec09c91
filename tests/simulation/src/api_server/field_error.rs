//! What is wrong with a field, in the API server's words.

use std::fmt;

use serde_json::{Value, json};

/// What is wrong with one field. The words after the field's name are what a cause of the `Status` holds as its message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldError {
    pub(super) kind: FieldErrorKind,
    field: String,
    words: String,
}

/// The kinds that the causes of a `Status` tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldErrorKind {
    Required,
    Invalid,
    TypeInvalid,
    NotSupported,
    TooLong,
    TooMany,
    Duplicate,
    Forbidden,
}

impl FieldErrorKind {
    fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
        }
    }

    /// Whether the rules in CEL are not looked at any more: they could not be evaluated on such an object.
    pub(super) fn blocks_rules(self) -> bool {
        match self {
            Self::Required | Self::TypeInvalid | Self::NotSupported | Self::TooLong | Self::TooMany => true,
            Self::Invalid | Self::Duplicate | Self::Forbidden => false,
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.words)
    }
}

impl FieldError {
    fn new(kind: FieldErrorKind, field: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            kind,
            field: field.into(),
            words: words.into(),
        }
    }

    pub(super) fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::new(FieldErrorKind::Required, field, with_detail("Required value", detail))
    }

    pub(super) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new(FieldErrorKind::Forbidden, field, with_detail("Forbidden", detail))
    }

    pub(super) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let words = format!("Invalid value: {}", shown(value));
        Self::new(FieldErrorKind::Invalid, field, with_detail(&words, detail))
    }

    /// By a rule: an object or a list is not shown.
    pub(super) fn invalid_by_rule(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        match value {
            Value::Array(_) | Value::Object(_) => {
                Self::new(FieldErrorKind::Invalid, field, with_detail("Invalid value", detail))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Self::invalid(field, value, detail),
        }
    }

    pub(super) fn wrong_type(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let words = format!("Invalid value: {}", shown(value));
        Self::new(FieldErrorKind::TypeInvalid, field, with_detail(&words, detail))
    }

    pub(super) fn not_supported(field: impl Into<String>, value: &Value, supported: &[Value]) -> Self {
        let supported: Vec<String> = supported
            .iter()
            .map(|value| match value {
                Value::String(text) => go_quoted(text),
                other => go_quoted(&other.to_string()),
            })
            .collect();
        let words = format!(
            "Unsupported value: {}: supported values: {}",
            shown(value),
            supported.join(", "),
        );
        Self::new(FieldErrorKind::NotSupported, field, words)
    }

    pub(super) fn too_long(field: impl Into<String>, most: u64) -> Self {
        let words = format!("Too long: may not be more than {most} bytes");
        Self::new(FieldErrorKind::TooLong, field, words)
    }

    pub(super) fn too_many(field: impl Into<String>, items: usize, most: u64) -> Self {
        let words = format!("Too many: {items}: must have at most {most} items");
        Self::new(FieldErrorKind::TooMany, field, words)
    }

    pub(super) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new(
            FieldErrorKind::Duplicate,
            field,
            format!("Duplicate value: {}", shown(value)),
        )
    }

    /// A duplicate by the words of a rule.
    pub(super) fn duplicate_by_rule(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let words = format!("Duplicate value: {}", shown(value));
        Self::new(FieldErrorKind::Duplicate, field, with_detail(&words, detail))
    }

    /// What is said beside errors for which the rules in CEL were not looked at.
    pub(super) fn rules_not_checked() -> Self {
        Self::invalid(
            "<nil>",
            &Value::Null,
            "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
        )
    }

    /// As the causes of a `Status` hold it.
    pub(super) fn cause(&self) -> Value {
        json!({"reason": self.kind.reason(), "message": self.words, "field": self.field})
    }
}

fn with_detail(words: &str, detail: &str) -> String {
    if detail.is_empty() {
        words.to_owned()
    } else {
        format!("{words}: {detail}")
    }
}

/// A value as errors show it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => go_quoted(text),
        other => other.to_string(),
    }
}

/// As Go's `%q` writes text.
pub(super) fn go_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other if other.is_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(other))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
