//! What a patch makes of an object.
//!
//! Server-side apply is an approximation: the server remembers what each field manager applied last, takes away what that
//! manager no longer says, and sets what it says, always by force. Whether another manager set the same field since is not
//! known: then it goes all the same. Lists are merged by their keys where the schema has some.

use json_patch::Patch;
use serde_json::{Map, Value};

use super::{
    refusal::Refusal,
    request::{PatchType, Request},
    resource::Resource,
};

/// The patched object; `applied` is what the same manager applied before.
pub(super) fn patched(
    request: &Request,
    patch_type: PatchType,
    current: &Value,
    applied: Option<&Value>,
) -> Result<Value, Refusal> {
    let mut object = current.clone();
    match patch_type {
        PatchType::Merge | PatchType::StrategicMerge => json_patch::merge(&mut object, &request.body),
        PatchType::Json => {
            let patch: Patch = serde_json::from_value(request.body.clone())
                .map_err(|error| Refusal::bad_request(&format!("error decoding patch: {error}")))?;
            json_patch::patch(&mut object, &patch).map_err(|_| Refusal::unfitting_patch())?;
        }
        PatchType::Apply => {
            let lists = Lists(&request.resource);
            if let Some(before) = applied {
                lists.take_away(&mut object, before, &request.body, &mut Vec::new());
            }
            lists.put(&mut object, &request.body, &mut Vec::new());
        }
    }
    Ok(object)
}

/// Which lists of a kind are maps.
struct Lists<'a>(&'a Resource);

impl Lists<'_> {
    fn keys(&self, path: &[String]) -> &[String] {
        self.0.schema().map(|schema| schema.list_keys(path)).unwrap_or_default() // lists of the core are replaced
    }

    /// Takes away what was applied before and is not now.
    fn take_away(&self, object: &mut Value, before: &Value, now: &Value, path: &mut Vec<String>) {
        match (object, before) {
            (Value::Object(fields), Value::Object(before)) => {
                for (name, before) in before {
                    match now.get(name) {
                        None => {
                            fields.remove(name);
                        }
                        Some(now) => {
                            if let Some(field) = fields.get_mut(name) {
                                path.push(name.clone());
                                self.take_away(field, before, now, path);
                                path.pop();
                            }
                        }
                    }
                }
            }
            (Value::Array(items), Value::Array(before)) => {
                let keys = self.keys(path);
                if keys.is_empty() {
                    return;
                }
                for before in before {
                    let now = now
                        .as_array()
                        .and_then(|now| now.iter().find(|now| is_same(keys, now, before)));
                    match now {
                        None => items.retain(|item| !is_same(keys, item, before)),
                        Some(now) => {
                            if let Some(item) = items.iter_mut().find(|item| is_same(keys, item, before)) {
                                self.take_away(item, before, now, path);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Sets what is applied.
    fn put(&self, object: &mut Value, now: &Value, path: &mut Vec<String>) {
        match (object, now) {
            (Value::Object(fields), Value::Object(now)) => {
                for (name, now) in now {
                    path.push(name.clone());
                    let field = fields.entry(name.clone()).or_insert_with(|| blank(now));
                    self.put(field, now, path);
                    path.pop();
                }
            }
            (Value::Array(items), Value::Array(now)) if !self.keys(path).is_empty() => {
                let keys = self.keys(path);
                for now in now {
                    match items.iter_mut().find(|item| is_same(keys, item, now)) {
                        Some(item) => self.put(item, now, path),
                        None => items.push(now.clone()),
                    }
                }
            }
            (object, now) => *object = now.clone(),
        }
    }
}

fn blank(like: &Value) -> Value {
    if like.is_object() {
        Value::Object(Map::new())
    } else {
        Value::Null
    }
}

fn is_same(keys: &[String], one: &Value, other: &Value) -> bool {
    keys.iter().all(|key| one.get(key) == other.get(key))
}
