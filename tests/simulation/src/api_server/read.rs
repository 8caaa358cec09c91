//! One object, or many.

use serde_json::{Map, Value, json};

use super::{
    refusal::Refusal,
    request::Request,
    resource::Resource,
    selector::Selector,
    state::{Outcome, Reply, State},
    store::Key,
};

impl State {
    pub(super) fn get(&self, request: &Request) -> Outcome {
        let resource = &request.resource;
        let stored = self.store.get(&self.key(request));
        let stored = stored.ok_or_else(|| Refusal::not_found(resource, &request.name))?;
        let object = resource.show(stored);
        Ok(Reply::ok(if request.wants_metadata_only {
            metadata_of(&object)
        } else {
            object
        }))
    }

    /// The list as it is now: one that is continued goes on with what is there now, not with what was at its beginning.
    pub(super) fn list(&self, request: &Request) -> Outcome {
        let resource = &request.resource;
        let selector = Selector::read(request)?;
        let limit = request.asks("limit").and_then(|limit| limit.parse::<usize>().ok());
        let limit = limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let after = request
            .asks("continue")
            .and_then(|token| token.split_once(' '))
            .map(|(_, path)| path);
        let all = self.store.range(&resource.storage(), request.namespace.as_deref());
        let mut left = all
            .filter(|(key, object)| after.is_none_or(|after| key.path.as_str() > after) && selector.matches(object))
            .peekable();
        let mut items = Vec::new();
        let mut last: Option<&Key> = None;
        while let Some((key, object)) = left.next_if(|_| items.len() < limit) {
            items.push(item(resource, object, request.wants_metadata_only));
            last = Some(key);
        }
        let remaining = left.count();
        let mut metadata = json!({"resourceVersion": self.store.revision().to_string()});
        match last.filter(|_| remaining > 0) {
            Some(last) => {
                metadata["continue"] = format!("{} {}", self.store.revision(), last.path).into();
                metadata["remainingItemCount"] = remaining.into();
            }
            None if resource.is_custom() && !request.wants_metadata_only => metadata["continue"] = "".into(),
            None => {}
        }
        let (api_version, kind) = if request.wants_metadata_only {
            ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned())
        } else {
            (resource.api_version(), format!("{}List", resource.kind))
        };
        Ok(Reply::ok(
            json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items}),
        ))
    }
}

/// An entry of a list: those of the core do not repeat what they are.
fn item(resource: &Resource, stored: &Value, wants_metadata_only: bool) -> Value {
    let mut object = resource.show(stored);
    if wants_metadata_only {
        return metadata_of(&object);
    }
    if let Some(fields) = object.as_object_mut().filter(|_| !resource.is_custom()) {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    object
}

pub(super) fn metadata_of(object: &Value) -> Value {
    let mut only = Map::new();
    only.insert("apiVersion".to_owned(), "meta.k8s.io/v1".into());
    only.insert("kind".to_owned(), "PartialObjectMetadata".into());
    only.insert("metadata".to_owned(), object["metadata"].clone());
    Value::Object(only)
}
