//! Namespaces: content only where one is and does not go, and their end, which the namespace controller brings about.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    kinds::NAMESPACE_FINALIZER,
    metadata,
    refusal::Refusal,
    request::Request,
    resource::Resource,
    state::{Reply, State},
    store::Key,
};

/// Those that there are from the start.
const FIRST: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];
/// Those that stay.
const LASTING: [&str; 3] = ["default", "kube-public", "kube-system"];

/// When the content of a namespace that goes is deleted, and when the namespace follows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespaceController {
    /// In the same moment, as part of the request that makes it possible.
    #[default]
    AtOnce,
    /// When [`ApiServer::run_namespace_controller`](super::ApiServer::run_namespace_controller) is called.
    WhenCalled,
}

impl State {
    pub(super) fn make_first_namespaces(&mut self) {
        let Some(resource) = self.resources.named("namespaces").cloned() else {
            return;
        };
        for name in FIRST {
            let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            metadata::begin(&mut namespace, self.chance.uid(), false, self.clock.now());
            resource.prepare_create(&mut namespace);
            self.store.put("Namespace", namespace_key(name), namespace);
        }
    }

    /// Whether an object may be created there.
    pub(super) fn check_lifecycle(&self, request: &Request, name: &str) -> Result<(), Refusal> {
        let Some(namespace) = &request.namespace else {
            return Ok(());
        };
        match self.store.get(&namespace_key(namespace)) {
            None => {
                let namespaces = self.resources.named("namespaces");
                Err(namespaces.map_or_else(Refusal::no_page, |resource| Refusal::not_found(resource, namespace)))
            }
            Some(object) if metadata::is_going(object) => {
                Err(Refusal::namespace_terminating(&request.resource, name, namespace))
            }
            Some(_) => Ok(()),
        }
    }

    pub(super) fn check_namespace_may_go(&self, resource: &Resource, name: &str) -> Result<(), Refusal> {
        if LASTING.contains(&name) {
            return Err(Refusal::forbidden(resource, name, "this namespace may not be deleted"));
        }
        Ok(())
    }

    /// Marks the namespace; the controller does the rest.
    pub(super) fn end_namespace(&mut self, resource: &Resource, key: Key, old: &Arc<Value>) -> Reply {
        if metadata::is_going(old) {
            return Reply::ok(resource.show(old));
        }
        let mut going = Value::clone(old);
        going["metadata"]["deletionTimestamp"] = metadata::time(self.clock.now());
        going["status"]["phase"] = "Terminating".into();
        let going = self.store.put(&resource.kind, key, going);
        self.content_is_gone();
        Reply::ok(resource.show(&going))
    }

    /// Something is gone that a namespace may have waited for.
    pub(super) fn content_is_gone(&mut self) {
        match self.namespace_controller {
            NamespaceController::AtOnce => self.run_namespace_controller(),
            NamespaceController::WhenCalled => {}
        }
    }

    /// Deletes the content of every namespace that goes, and the namespace where nothing is left of it.
    pub(super) fn run_namespace_controller(&mut self) {
        let Some(resource) = self.resources.named("namespaces").cloned() else {
            return;
        };
        for (key, namespace) in self.found(&resource, None) {
            if metadata::is_going(&namespace) {
                self.empty_namespace(&resource, &key, &namespace);
            }
        }
    }

    fn empty_namespace(&mut self, resource: &Resource, key: &Key, namespace: &Arc<Value>) {
        let name = metadata::text(namespace, "name");
        let kinds: Vec<Arc<Resource>> = self.resources.namespaced().cloned().collect();
        let mut is_empty = true;
        for kind in kinds {
            for (key, object) in self.found(&kind, Some(name)) {
                if metadata::finalizers(&object).is_empty() {
                    self.incomplete.remove(&key);
                    self.store.remove(&kind.kind, &key, &object);
                } else {
                    is_empty = false;
                    self.end(&kind, &key, &object);
                }
            }
        }
        let is_ours = namespace["spec"]["finalizers"][0] == NAMESPACE_FINALIZER;
        if !is_empty || !is_ours {
            return;
        }
        if metadata::finalizers(namespace).is_empty() {
            self.store.remove(&resource.kind, key, namespace);
        } else {
            // Others hold it still.
            let mut emptied = Value::clone(namespace);
            emptied["spec"] = json!({});
            self.store.put(&resource.kind, key.clone(), emptied);
        }
    }
}

fn namespace_key(name: &str) -> Key {
    Key::new("namespaces".to_owned(), None, name)
}
