//! What the schema itself refuses.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::super::field_error::FieldError;
use super::{Format, Schema, Type, child_path};

/// Which part of an object is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Part {
    /// All of it.
    Whole,
    /// Status, by a write of nothing else. Words then name fields from there on.
    Status,
}

/// Where a value is: as causes name it, and as the words of the validator do.
#[derive(Clone)]
struct Path {
    field: String,
    words: String,
}

impl Path {
    fn child(&self, name: &str) -> Self {
        Self {
            field: child_path(&self.field, name),
            words: child_path(&self.words, name),
        }
    }

    fn item(&self, index: usize) -> Self {
        Self {
            field: format!("{}[{index}]", self.field),
            words: format!("{}[{index}]", self.words),
        }
    }
}

impl Schema {
    /// What is wrong with an object that has been pruned. What it has in common with the old one is not held against it.
    pub(in super::super) fn validate(&self, part: Part, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let root = Path {
            field: String::new(),
            words: String::new(),
        };
        match part {
            Part::Whole => self.validate_value(object, old, &root, &mut errors),
            Part::Status => {
                let status = (self.properties.get("status"), object.get("status"));
                if let (Some(schema), Some(status)) = status {
                    let path = Path {
                        field: "status".to_owned(),
                        words: String::new(),
                    };
                    schema.validate_value(status, old.and_then(|old| old.get("status")), &path, &mut errors);
                }
            }
        }
        errors
    }

    fn validate_value(&self, value: &Value, old: Option<&Value>, path: &Path, errors: &mut Vec<FieldError>) {
        // Ratcheting: what was stored once may stay.
        if old == Some(value) || (value.is_null() && self.is_nullable) {
            return;
        }
        if !self.has_its_type(value) {
            let (wanted, found) = (
                self.of.map_or("object", Type::name),
                Type::of(value).map_or("null", Type::name),
            );
            let words = format!("{} in body must be of type {wanted}: \"{found}\"", path.words);
            errors.push(FieldError::wrong_type(&path.field, &found.into(), &words));
        } else {
            self.validate_as_typed(value, old, path, errors);
        }
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            errors.push(FieldError::not_supported(&path.field, value, &self.allowed));
        }
    }

    fn validate_as_typed(&self, value: &Value, old: Option<&Value>, path: &Path, errors: &mut Vec<FieldError>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(schema) = self.field(name) {
                        let old = old.and_then(|old| old.get(name));
                        schema.validate_value(value, old, &path.child(name), errors);
                    }
                }
                for name in self.required.iter().filter(|name| !fields.contains_key(*name)) {
                    errors.push(FieldError::required(path.child(name).field, ""));
                }
                let count = u64::try_from(fields.len()).unwrap_or(u64::MAX);
                if let Some(most) = self.max_properties.filter(|most| count > *most) {
                    errors.push(FieldError::too_many(&path.field, fields.len(), most));
                }
            }
            Value::Array(items) => self.validate_items(items, old, path, errors),
            Value::String(text) => self.validate_text(text, path, errors),
            Value::Number(_) => self.validate_number(value, path, errors),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn has_its_type(&self, value: &Value) -> bool {
        match self.of {
            None => true,
            // A whole number is a number, and one that is written as 1.0 is whole.
            Some(Type::Number) => value.is_number(),
            Some(Type::Integer) => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            of => Type::of(value) == of,
        }
    }

    fn validate_items(&self, items: &[Value], old: Option<&Value>, path: &Path, errors: &mut Vec<FieldError>) {
        if let Some(schema) = &self.items {
            for (index, item) in items.iter().enumerate() {
                schema.validate_value(item, self.old_item(item, old), &path.item(index), errors);
            }
        }
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        if let Some(least) = self.min_items.filter(|least| count < *least) {
            let words = format!("{} in body should have at least {least} items", path.words);
            errors.push(FieldError::invalid(&path.field, &count.into(), &words));
        }
        if let Some(most) = self.max_items.filter(|most| count > *most) {
            errors.push(FieldError::too_many(&path.field, items.len(), most));
        }
    }

    fn validate_text(&self, text: &str, path: &Path, errors: &mut Vec<FieldError>) {
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let mut invalid = |words: String| {
            let words = format!("{} in body {words}", path.words);
            errors.push(FieldError::invalid(&path.field, &text.into(), &words));
        };
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            invalid(format!("should be at least {least} chars long"));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            invalid(format!("should match '{pattern}'"));
        }
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            errors.push(FieldError::too_long(&path.field, most));
        }
        if self.format == Some(Format::DateTime) && text.parse::<Timestamp>().is_err() {
            let words = format!("{} in body must be of type date-time: \"{text}\"", path.words);
            errors.push(FieldError::wrong_type(&path.field, &text.into(), &words));
        }
    }

    fn validate_number(&self, value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
        let number = value.as_f64().unwrap_or_default(); // every number is one without arbitrary precision
        let mut invalid = |words: String| {
            let words = format!("{} in body {words}", path.words);
            errors.push(FieldError::invalid(&path.field, value, &words));
        };
        if let Some(least) = self.minimum.filter(|least| number < *least) {
            invalid(format!("should be greater than or equal to {least}"));
        }
        if let Some(most) = self.maximum.filter(|most| number > *most) {
            invalid(format!("should be less than or equal to {most}"));
        }
        let fits = match self.format {
            Some(Format::Int32) => value.as_i64().is_none_or(|number| i32::try_from(number).is_ok()),
            Some(Format::Int64) => !value.is_u64() || value.is_i64(),
            Some(Format::DateTime) | None => true,
        };
        if !fits {
            let format = if self.format == Some(Format::Int32) {
                "int32"
            } else {
                "int64"
            };
            invalid(format!("must be of type integer: \"{format}\""));
        }
    }
}
