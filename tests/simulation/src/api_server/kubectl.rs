//! What people do with kubectl, as the administrator, answered at once.
//!
//! The names are those of the real stage's `User`. A kind is its name, as in `Catalog` or `catalogs`, also with its group.

use serde_json::{Value, json};

use super::{ApiServer, Refusal, User, resource::Resource};

/// Where `kubectl apply` keeps what was applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

impl ApiServer {
    /// This object; none where it is not there.
    #[must_use]
    pub fn get(&self, kind: &str, name: &str, namespace: Option<&str>) -> Option<Value> {
        let path = self.path(kind, namespace, name).ok()?;
        self.ask("GET", &path, "", None).ok()
    }

    /// All of this kind, of one namespace or of all, in the server's order.
    #[must_use]
    pub fn list(&self, kind: &str, namespace: Option<&str>) -> Vec<Value> {
        let answer = self
            .path(kind, namespace, "")
            .and_then(|path| self.ask("GET", &path, "", None));
        match answer.map(|mut list| list["items"].take()) {
            Ok(Value::Array(items)) => items,
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// `kubectl create`.
    ///
    /// # Errors
    /// What the server says is wrong.
    pub fn create(&self, object: &Value) -> Result<Value, Refusal> {
        let path = self.path_of(object, "")?;
        self.ask("POST", &format!("{path}?fieldValidation=Strict"), JSON, Some(object))
    }

    /// `kubectl apply`: what was applied before and is not any more goes, what others set stays.
    ///
    /// kubectl merges kinds of the core with knowledge of their lists; here those are replaced.
    ///
    /// # Errors
    /// What the server says is wrong.
    pub fn apply(&self, object: &Value) -> Result<Value, Refusal> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default(); // the server says that it is missing
        let mut wanted = object.clone();
        annotate(
            &mut wanted,
            &format!("{}\n", without_annotations_that_say_nothing(object)),
        );
        let Ok(current) = self.ask("GET", &self.path_of(object, name)?, "", None) else {
            return self.create(&wanted);
        };
        let before = current["metadata"]["annotations"][LAST_APPLIED].as_str();
        let before = before
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or(Value::Null);
        let patch = three_ways(&before, &wanted, &current);
        let path = format!(
            "{}?fieldManager=kubectl-client-side-apply&fieldValidation=Strict",
            self.path_of(object, name)?
        );
        match patch {
            Some(patch) => self.ask("PATCH", &path, MERGE, Some(&patch)),
            None => Ok(current),
        }
    }

    /// `kubectl apply` of YAML documents, one after the other, to the first that is refused.
    ///
    /// # Errors
    /// What the server says is wrong, or that it is no YAML.
    pub fn apply_yaml(&self, documents: &str) -> Result<Vec<Value>, Refusal> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(documents)
            .map_err(|error| Refusal::bad_request(&format!("error parsing: {error}")))?;
        let objects = documents.iter().filter(|document| document.is_object());
        objects.map(|object| self.apply(object)).collect()
    }

    /// A JSON merge patch. A `status` in it is patched at the status subresource, alone.
    ///
    /// # Errors
    /// What the server says is wrong.
    pub fn patch(&self, kind: &str, name: &str, namespace: Option<&str>, patch: &Value) -> Result<Value, Refusal> {
        let mut path = self.path(kind, namespace, name)?;
        if patch.get("status").is_some() {
            path.push_str("/status");
        }
        self.ask("PATCH", &path, MERGE, Some(patch))
    }

    /// Sets an annotation, or removes it with `None`.
    ///
    /// # Errors
    /// What the server says is wrong.
    pub fn annotate(
        &self,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        key: &str,
        value: Option<&str>,
    ) -> Result<Value, Refusal> {
        let patch = json!({"metadata": {"annotations": {key: value}}});
        self.patch(kind, name, namespace, &patch)
    }

    /// Asks for the deletion; nothing to do where it is not there.
    ///
    /// # Errors
    /// What the server says is wrong.
    pub fn delete(&self, kind: &str, name: &str, namespace: Option<&str>) -> Result<(), Refusal> {
        let path = self.path(kind, namespace, name)?;
        match self.ask("DELETE", &path, "", None) {
            Err(refusal) if refusal.code != 404 => Err(refusal),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The events about this object, oldest first.
    #[must_use]
    pub fn events(&self, kind: &str, name: &str, namespace: Option<&str>) -> Vec<Value> {
        let kind = self.state().resources.named(kind).map(|resource| resource.kind.clone());
        let mut events = self.list("Event", None);
        events.retain(|event| {
            let about = &event["involvedObject"];
            about["kind"].as_str() == kind.as_deref()
                && about["name"] == name
                && namespace.is_none_or(|namespace| about["namespace"] == namespace)
        });
        let version = |event: &Value| {
            event["metadata"]["resourceVersion"]
                .as_str()
                .and_then(|text| text.parse().ok())
        };
        events.sort_by_key(|event| {
            let created = event["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
            (created, version(event).unwrap_or(0_u64))
        });
        events
    }

    fn ask(&self, method: &str, path: &str, content_type: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        match self.request(&User::admin(), method, path, content_type, body) {
            (code, body) if (200..300).contains(&code) => Ok(body),
            (code, body) => Err(Refusal { code, body }),
        }
    }

    /// The path of an object of this kind, or of all where the name is empty.
    ///
    /// # Errors
    /// Where there is no such kind.
    pub fn path(&self, kind: &str, namespace: Option<&str>, name: &str) -> Result<String, Refusal> {
        let state = self.state();
        let resource = state.resources.named(kind);
        let resource = resource.ok_or_else(|| Refusal::bad_request(&format!("the server has no kind {kind:?}")))?;
        Ok(path(resource, namespace, name))
    }

    fn path_of(&self, object: &Value, name: &str) -> Result<String, Refusal> {
        let state = self.state();
        let resource = state.resources.of(object);
        let resource = resource.ok_or_else(|| {
            Refusal::bad_request(&format!(
                "no matches for kind {} in version {}",
                object["kind"], object["apiVersion"]
            ))
        })?;
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        Ok(path(resource, Some(namespace), name))
    }
}

fn path(resource: &Resource, namespace: Option<&str>, name: &str) -> String {
    let mut path = match resource.group.as_str() {
        "" => format!("/api/{}", resource.version),
        group => format!("/apis/{group}/{}", resource.version),
    };
    if let Some(namespace) = namespace.filter(|_| resource.is_namespaced) {
        path.push_str(&format!("/namespaces/{namespace}"));
    }
    path.push_str(&format!("/{}", resource.plural));
    if !name.is_empty() {
        path.push_str(&format!("/{name}"));
    }
    path
}

fn annotate(object: &mut Value, applied: &str) {
    if !object["metadata"]["annotations"].is_object() {
        object["metadata"]["annotations"] = json!({});
    }
    object["metadata"]["annotations"][LAST_APPLIED] = applied.into();
}

/// What is remembered has annotations, be they empty, and not the memory itself.
fn without_annotations_that_say_nothing(object: &Value) -> Value {
    let mut remembered = object.clone();
    annotate(&mut remembered, "");
    if let Some(annotations) = remembered["metadata"]["annotations"].as_object_mut() {
        annotations.remove(LAST_APPLIED);
    }
    remembered
}

/// The merge patch that takes away what was applied before and is no longer wanted, and sets what is wanted and differs;
/// none where nothing does.
fn three_ways(before: &Value, wanted: &Value, current: &Value) -> Option<Value> {
    let (Value::Object(wanted), Value::Object(current)) = (wanted, current) else {
        return (wanted != current).then(|| wanted.clone());
    };
    let mut patch = serde_json::Map::new();
    for (name, wanted) in wanted {
        let difference = match current.get(name) {
            Some(current) => three_ways(&before[name], wanted, current),
            None => Some(wanted.clone()),
        };
        patch.extend(difference.map(|difference| (name.clone(), difference)));
    }
    for name in before.as_object().into_iter().flatten().map(|(name, _)| name) {
        if !wanted.contains_key(name) && current.contains_key(name) {
            patch.insert(name.clone(), Value::Null);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}
