//! Lists that are maps or sets: each entry once.

use serde_json::{Map, Value};

use super::super::field_error::FieldError;
use super::{ListType, Schema, child_path};

impl Schema {
    /// The entries that are there twice.
    pub(in super::super) fn duplicates(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.find_duplicates(object, "", &mut errors);
        errors
    }

    fn find_duplicates(&self, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(schema) = self.field(name) {
                        schema.find_duplicates(value, &child_path(path, name), errors);
                    }
                }
            }
            Value::Array(items) => {
                let identities: Vec<Option<Value>> = items.iter().map(|item| self.identity(item)).collect();
                for (index, identity) in identities.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    let earlier = identities[..index]
                        .iter()
                        .filter(|earlier| *earlier == identity)
                        .count();
                    match identity {
                        // What is there three times is told once.
                        Some(identity) if earlier == 1 => errors.push(FieldError::duplicate(path, identity)),
                        None if matches!(self.list, ListType::Map(_)) && !items[index].is_null() => {
                            let words = "must be an object for an array of list-type map";
                            errors.push(FieldError::invalid(path, &items[index], words));
                        }
                        Some(_) | None => {}
                    }
                }
                for (index, item) in items.iter().enumerate() {
                    if let Some(schema) = &self.items {
                        schema.find_duplicates(item, &format!("{path}[{index}]"), errors);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// What tells an entry of this list from the others; none where nothing needs to, or cannot.
    fn identity(&self, item: &Value) -> Option<Value> {
        match &self.list {
            ListType::Atomic => None,
            ListType::Set => Some(item.clone()),
            ListType::Map(keys) => {
                let fields = item.as_object()?;
                let keys: Map<String, Value> = keys
                    .iter()
                    .filter_map(|key| Some((key.clone(), fields.get(key)?.clone())))
                    .collect();
                Some(Value::Object(keys))
            }
        }
    }
}
