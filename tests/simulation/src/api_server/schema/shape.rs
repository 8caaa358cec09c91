//! What becomes of an object before anybody judges it: unknown fields go, defaults come.

use serde_json::{Map, Value};

use super::{Schema, child_path};

/// Fields of every object at its root, which schemas do not name.
const ROOT: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl Schema {
    /// Drops what the schema does not know, and answers the paths of that.
    pub(in super::super) fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut dropped = Vec::new();
        if let Value::Object(fields) = object {
            let root = ROOT.map(|name| (name, fields.remove(name)));
            self.prune_fields(fields, "", &mut dropped);
            for (name, value) in root {
                if let Some(value) = value {
                    fields.insert(name.to_owned(), value);
                }
            }
        }
        dropped
    }

    fn prune_value(&self, value: &mut Value, path: &str, dropped: &mut Vec<String>) {
        match value {
            Value::Object(fields) => self.prune_fields(fields, path, dropped),
            Value::Array(items) => {
                let Some(schema) = &self.items else { return };
                for (index, item) in items.iter_mut().enumerate() {
                    schema.prune_value(item, &format!("{path}[{index}]"), dropped);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn prune_fields(&self, fields: &mut Map<String, Value>, path: &str, dropped: &mut Vec<String>) {
        if self.keeps_unknown && self.properties.is_empty() {
            return;
        }
        fields.retain(|name, value| {
            let path = child_path(path, name);
            match self.field(name) {
                Some(schema) => schema.prune_value(value, &path, dropped),
                None if self.keeps_unknown => {}
                None => {
                    dropped.push(path);
                    return false;
                }
            }
            true
        });
    }

    /// Sets what has a default and is not there, or is null where that says nothing; drops what else is null without a
    /// meaning.
    pub(in super::super) fn set_defaults(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, schema) in &self.properties {
                    let Some(default) = &schema.default else { continue };
                    let is_there = fields
                        .get(name)
                        .is_some_and(|value| !value.is_null() || schema.is_nullable);
                    if !is_there {
                        fields.insert(name.clone(), default.clone());
                    }
                }
                fields.retain(|name, value| {
                    let says_nothing = |schema: &Self| value.is_null() && !schema.is_nullable;
                    !self.field(name).is_some_and(says_nothing)
                });
                for (name, value) in fields {
                    if let Some(schema) = self.field(name) {
                        schema.set_defaults(value);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    items.iter_mut().for_each(|item| schema.set_defaults(item));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
