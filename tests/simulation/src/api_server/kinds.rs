//! What is particular about each kind: how it is read, what it is stored as, and what is wrong with it.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use super::{
    admission, events,
    field_error::FieldError,
    metadata, names,
    refusal::Refusal,
    resource::{Nature, Resource},
    schema::{Evaluator, Part},
};

/// The label of a namespace that names it.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// The namespace controller's finalizer, in the spec of a namespace.
pub(super) const NAMESPACE_FINALIZER: &str = "kubernetes";

impl Resource {
    /// Reads an object as it was sent: what is unknown goes, defaults come. Answers it in the form that is stored, and which
    /// fields were unknown.
    pub(super) fn read(&self, mut object: Value) -> Result<(Value, Vec<String>), Refusal> {
        self.check_type(&mut object)?;
        let unknown = metadata::read(&mut object);
        let mut unknown = unknown.map_err(|words| self.unreadable(&words))?;
        match &self.nature {
            Nature::Custom(schema) => {
                unknown.extend(schema.prune(&mut object));
                schema.set_defaults(&mut object);
                unknown.sort();
            }
            Nature::Secret => read_secret(&mut object).map_err(|words| self.unreadable(&words))?,
            Nature::Event if self.group.is_empty() => {}
            Nature::Event => object = events::to_core(&object),
            Nature::Namespace | Nature::Plain { .. } => drop_nulls(&mut object),
        }
        Ok((object, unknown))
    }

    fn unreadable(&self, words: &str) -> Refusal {
        let (kind, version) = (&self.kind, &self.version);
        Refusal::bad_request(&format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: {words}"
        ))
    }

    /// Unknown fields, where they are refused.
    pub(super) fn refuse_unknown(&self, unknown: &[String]) -> Result<(), Refusal> {
        match unknown {
            [] => Ok(()),
            fields => Err(self.unreadable(&strict_words(fields))),
        }
    }

    fn check_type(&self, object: &mut Value) -> Result<(), Refusal> {
        if !object.is_object() {
            let of = metadata::go_name(object);
            let words = format!(
                r#"couldn't get version/kind; json parse error: json: cannot unmarshal {of} into Go value of type struct {{ APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }}"#
            );
            return Err(Refusal::unrecognized(&self.kind, &words, &object.to_string()));
        }
        let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned(); // Go's zero value
        let (version, kind, expected) = (text("apiVersion"), text("kind"), self.api_version());
        if kind.is_empty() && self.is_custom() {
            let words = format!("Object 'Kind' is missing in '{object}'");
            return Err(Refusal::unrecognized(&self.kind, &words, &object.to_string()));
        }
        if version != expected && (self.is_custom() || !version.is_empty()) {
            return Err(Refusal::bad_request(&format!(
                "the API version in the data ({version}) does not match the expected API version ({expected})"
            )));
        }
        object["apiVersion"] = expected.into();
        if kind.is_empty() {
            object["kind"] = self.kind.clone().into();
        }
        Ok(())
    }

    /// An object as this group and version show it.
    pub(super) fn show(&self, stored: &Value) -> Value {
        match &self.nature {
            Nature::Event if self.group.is_empty() => events::as_core(stored),
            Nature::Event => events::as_events_k8s_io(stored),
            Nature::Custom(_) | Nature::Namespace | Nature::Secret | Nature::Plain { .. } => stored.clone(),
        }
    }

    /// What the server adds to a new object.
    pub(super) fn prepare_create(&self, object: &mut Value) {
        match &self.nature {
            // Status has a door of its own.
            Nature::Custom(_) => {
                object.as_object_mut().map(|fields| fields.remove("status"));
            }
            Nature::Namespace => {
                name_namespace(object);
                object["spec"] = json!({"finalizers": [NAMESPACE_FINALIZER]});
                object["status"] = json!({"phase": "Active"});
            }
            Nature::Secret | Nature::Event | Nature::Plain { .. } => {}
        }
    }

    /// What an update may say at this door; the rest stays as it was.
    pub(super) fn prepare_update(&self, object: &mut Value, old: &Value, is_of_status: bool) {
        if is_of_status {
            let status = object.get("status").cloned();
            *object = old.clone();
            set(object, "status", status);
            return;
        }
        metadata::carry_on(object, old);
        if self.has_status() {
            set(object, "status", old.get("status").cloned());
        }
        match &self.nature {
            Nature::Namespace => {
                name_namespace(object);
                object["spec"] = old["spec"].clone();
            }
            Nature::Custom(_) | Nature::Secret | Nature::Event | Nature::Plain { .. } => {}
        }
        if self.has_generation() && without_metadata(object) != without_metadata(old) {
            metadata::count_generation(object);
        }
    }

    /// What reading it back from the store adds: a default of status.
    pub(super) fn complete(&self, object: &mut Value) {
        if let Some(schema) = self.schema() {
            schema.set_defaults(object);
        }
    }

    /// What is wrong with an object that is to be stored, in place of the old one.
    pub(super) fn validate(
        &self,
        evaluator: &Evaluator,
        object: &Value,
        old: Option<&Value>,
        is_of_status: bool,
    ) -> Result<(), Refusal> {
        let is_namespace = matches!(self.nature, Nature::Namespace);
        let mut errors = Vec::new();
        match old {
            None => errors.extend(metadata::validate(object, is_namespace)),
            Some(old) => {
                let of_update = metadata::validate_update(object, old);
                // What cannot be changed is found twice by custom resources: by the registry, and by their own strategy.
                if self.is_custom() {
                    errors.extend(of_update.clone());
                }
                errors.extend(of_update);
                if object["metadata"] != old["metadata"] {
                    let faults = metadata::validate(object, is_namespace);
                    // As often as real servers find them: their registry asks more than once.
                    let times = if self.is_custom() { 3 } else { 1 };
                    errors.extend((0..times).flat_map(|_| faults.clone()));
                }
            }
        }
        let kind = object["kind"].as_str().unwrap_or_default(); // it has one by now
        if kind != self.kind {
            errors.push(FieldError::invalid(
                "kind",
                &kind.into(),
                &format!("must be {}", self.kind),
            ));
        }
        match &self.nature {
            Nature::Custom(schema) => {
                let part = if is_of_status { Part::Status } else { Part::Whole };
                errors.extend(schema.validate(part, object, old));
                let duplicates = schema.duplicates(object);
                if old.is_none_or(|old| schema.duplicates(old).is_empty()) {
                    errors.extend(duplicates);
                }
                if errors.iter().any(|error| error.kind.blocks_rules()) {
                    errors.push(FieldError::rules_not_checked());
                } else {
                    errors.extend(evaluator.broken_rules(schema, object, old));
                }
            }
            Nature::Secret => errors.extend(validate_secret(object, old)),
            Nature::Event => errors.extend(events::validate(object, old)),
            Nature::Plain { .. } => errors.extend(admission::validate_policy(self, object)),
            Nature::Namespace => {}
        }
        if errors.is_empty() {
            return Ok(());
        }
        // Events of the newer group are stored, and judged, as those of the core.
        let group = if matches!(self.nature, Nature::Event) {
            ""
        } else {
            &self.group
        };
        Err(Refusal::invalid(group, kind, metadata::text(object, "name"), &errors))
    }
}

/// How unknown fields are named where they are refused.
pub(super) fn strict_words(unknown: &[String]) -> String {
    let unknown: Vec<String> = unknown.iter().map(|field| format!("unknown field {field:?}")).collect();
    format!("strict decoding error: {}", unknown.join(", "))
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match value {
        Some(value) => fields.insert(field.to_owned(), value),
        None => fields.remove(field),
    };
}

fn without_metadata(object: &Value) -> Map<String, Value> {
    let fields = object.as_object().into_iter().flatten();
    fields
        .filter(|(name, _)| *name != "metadata" && *name != "status")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn name_namespace(object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    if !object["metadata"]["labels"].is_object() {
        object["metadata"]["labels"] = json!({});
    }
    object["metadata"]["labels"][NAME_LABEL] = name;
}

/// Typed objects have no nulls.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `stringData` is a way to write `data`, and `type` has a default.
fn read_secret(object: &mut Value) -> Result<(), String> {
    drop_nulls(object);
    let Some(fields) = object.as_object_mut() else {
        return Ok(());
    };
    let plain = fields.remove("stringData");
    let mut data = match fields.remove("data") {
        Some(Value::Object(data)) => data,
        Some(_) | None => Map::new(),
    };
    for text in data.values().filter_map(Value::as_str) {
        if let Err(base64::DecodeError::InvalidByte(at, _)) = BASE64.decode(text) {
            return Err(format!("illegal base64 data at input byte {at}"));
        }
    }
    for (key, text) in plain.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let text = text.as_str().unwrap_or_default(); // the types know nothing else
        data.insert(key.clone(), BASE64.encode(text).into());
    }
    if !data.is_empty() {
        fields.insert("data".to_owned(), data.into());
    }
    fields.entry("type").or_insert_with(|| "Opaque".into());
    Ok(())
}

fn validate_secret(object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(old) = old {
        for field in ["type", "immutable"] {
            let may_change = field == "immutable" && old["immutable"] != true;
            if object[field] != old[field] && !may_change {
                errors.push(FieldError::invalid(field, &object[field], "field is immutable"));
            }
        }
    }
    for (key, _) in object["data"].as_object().into_iter().flatten() {
        let error = |words: String| FieldError::invalid(format!("data[{key}]"), &key.as_str().into(), &words);
        errors.extend(names::config_key(key).map(error));
    }
    errors
}
