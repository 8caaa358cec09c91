//! Deleting: what finalizers hold is marked, and goes when they are gone.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    metadata,
    refusal::Refusal,
    request::Request,
    resource::{Nature, Resource},
    selector::Selector,
    state::{Outcome, Reply, State},
    store::Key,
};

impl State {
    /// How dependents are treated (`propagationPolicy`) is not known: nothing here has owners.
    pub(super) fn delete(&mut self, request: &Request) -> Outcome {
        let resource = Arc::clone(&request.resource);
        let is_namespace = matches!(resource.nature, Nature::Namespace);
        if is_namespace {
            self.check_namespace_may_go(&resource, &request.name)?;
        }
        let (key, old) = self.stored(request)?;
        check_preconditions(&resource, &request.body["preconditions"], &old)?;
        if request.is_dry_run() {
            return Ok(Reply::ok(self.imagined_end(&resource, &old)));
        }
        if is_namespace {
            return Ok(self.end_namespace(&resource, key, &old));
        }
        let end = self.end(&resource, &key, &old);
        Ok(Reply::ok(match end {
            Some(object) => resource.show(&object),
            None => success(&resource, &old),
        }))
    }

    /// What would be said of the end of the object.
    fn imagined_end(&self, resource: &Resource, object: &Value) -> Value {
        if metadata::finalizers(object).is_empty() {
            return success(resource, object);
        }
        let mut object = object.clone();
        if !metadata::is_going(&object) {
            metadata::mark_going(&mut object, self.clock.now());
        }
        resource.show(&object)
    }

    pub(super) fn delete_collection(&mut self, request: &Request) -> Outcome {
        let selector = Selector::read(request)?;
        let reply = self.list(request)?;
        for (key, object) in self.found(&request.resource, request.namespace.as_deref()) {
            if selector.matches(&object) {
                self.end(&request.resource, &key, &object);
            }
        }
        Ok(reply)
    }

    /// Those of this kind, of one namespace or of all, apart from the store.
    pub(super) fn found(&self, resource: &Resource, namespace: Option<&str>) -> Vec<(Key, Arc<Value>)> {
        let found = self.store.range(&resource.storage(), namespace);
        found.map(|(key, object)| (key.clone(), Arc::clone(object))).collect()
    }

    /// Takes the object away, or marks it where finalizers hold it, and answers it then.
    pub(super) fn end(&mut self, resource: &Resource, key: &Key, object: &Arc<Value>) -> Option<Arc<Value>> {
        if metadata::finalizers(object).is_empty() {
            self.remove(resource, key, object);
            return None;
        }
        if metadata::is_going(object) {
            return Some(Arc::clone(object));
        }
        let mut going = Value::clone(object);
        metadata::mark_going(&mut going, self.clock.now());
        Some(self.store.put(&resource.kind, key.clone(), going))
    }
}

fn check_preconditions(resource: &Resource, preconditions: &Value, object: &Value) -> Result<(), Refusal> {
    let (name, uid, version) = (
        metadata::text(object, "name"),
        metadata::text(object, "uid"),
        metadata::text(object, "resourceVersion"),
    );
    if let Some(asked) = preconditions["uid"].as_str().filter(|asked| *asked != uid) {
        let words = format!(
            "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
        );
        return Err(Refusal::precondition(resource, name, &words));
    }
    if let Some(asked) = preconditions["resourceVersion"]
        .as_str()
        .filter(|asked| *asked != version)
    {
        let words = format!(
            "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record ({version}). The object might have been modified"
        );
        return Err(Refusal::precondition(resource, name, &words));
    }
    Ok(())
}

/// What is said of an object that is gone at once.
fn success(resource: &Resource, object: &Value) -> Value {
    let mut details = Map::new();
    details.insert("name".to_owned(), object["metadata"]["name"].clone());
    if !resource.group.is_empty() {
        details.insert("group".to_owned(), resource.group.clone().into());
    }
    details.insert("kind".to_owned(), resource.plural.clone().into());
    details.insert("uid".to_owned(), object["metadata"]["uid"].clone());
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
