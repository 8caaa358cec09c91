use std::rc::Rc;

use serde_json::{Value, json};
use simulation::api_server::{ApiServer, User};
use stage::{Error, Result};
use tokio::runtime::Runtime;

const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// Somebody at the API server, by requests and not by kubectl.
///
/// A `kind` argument may be a kind or a plural, with or without `.group`.
#[derive(Clone)]
pub(crate) enum Person {
    Real(stage::User),
    Simulated {
        cluster: ApiServer,
        user: User,
        time: Rc<Runtime>,
    },
}

impl Person {
    /// One request; the body, where there is one, has this content type.
    pub(crate) fn request(&self, method: &str, path: &str, content_type: &str, body: Option<&Value>) -> Result<Value> {
        match self {
            Self::Real(user) => user.request(method, path, content_type, body),
            Self::Simulated { cluster, user, time } => {
                let _now = time.enter();
                match cluster.request(user, method, path, content_type, body) {
                    (200..300, answer) => Ok(answer),
                    (code, refusal) => Err(Error::Refused {
                        method: method.to_owned(),
                        path: path.to_owned(),
                        code,
                        message: refusal["message"]
                            .as_str()
                            .map_or_else(|| refusal.to_string(), str::to_owned),
                    }),
                }
            }
        }
    }

    /// This object; none where it is not there.
    pub(crate) fn get(&self, kind: &str, name: &str, namespace: Option<&str>) -> Result<Option<Value>> {
        if let Self::Real(user) = self {
            return user.get(kind, name, namespace);
        }
        match self.request("GET", &self.path(kind, namespace, name)?, "", None) {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of this kind, of one namespace or of all.
    pub(crate) fn list(&self, kind: &str, namespace: Option<&str>) -> Result<Vec<Value>> {
        if let Self::Real(user) = self {
            return user.list(kind, namespace);
        }
        let mut list = self.request("GET", &self.path(kind, namespace, "")?, "", None)?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            other => Err(Error::Http(format!("the items of {kind} are {other}"))),
        }
    }

    /// Server-side apply of this object by the field manager `stage`, by force.
    pub(crate) fn apply_object(&self, object: &Value) -> Result<Value> {
        if let Self::Real(user) = self {
            return user.apply_object(object);
        }
        let metadata = &object["metadata"];
        let (name, namespace) = (metadata["name"].as_str(), metadata["namespace"].as_str());
        let path = self.path(&kind_and_group(object), namespace, name.unwrap_or_default())?;
        let path = format!("{path}?fieldManager=stage&force=true");
        self.request("PATCH", &path, APPLY, Some(object))
    }

    /// `kubectl apply` of these YAML documents; on the simulated stage by the administrator, whoever asks.
    pub(crate) fn apply(&self, yaml: &str) -> Result<()> {
        match self {
            Self::Real(user) => user.apply(yaml).map(drop),
            Self::Simulated { cluster, time, .. } => {
                let _now = time.enter();
                let refused = |refusal: simulation::api_server::Refusal| Error::Command {
                    command: "kubectl apply -f -".to_owned(),
                    status: refusal.code.to_string(),
                    stderr: refusal.body.to_string(),
                };
                cluster.apply_yaml(yaml).map(drop).map_err(refused)
            }
        }
    }

    /// A JSON merge patch of this object. A `status` in it is patched at the status subresource, alone.
    pub(crate) fn patch(&self, kind: &str, name: &str, namespace: Option<&str>, patch: &Value) -> Result<Value> {
        if let Self::Real(user) = self {
            return user.patch(kind, name, namespace, patch);
        }
        let mut path = self.path(kind, namespace, name)?;
        if patch.get("status").is_some() {
            path.push_str("/status");
        }
        self.request("PATCH", &path, MERGE, Some(patch))
    }

    /// Sets an annotation, or removes it with `None`.
    pub(crate) fn annotate(
        &self,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        key: &str,
        value: Option<&str>,
    ) -> Result<Value> {
        let annotations = json!({"metadata": {"annotations": {key: value}}});
        self.patch(kind, name, namespace, &annotations)
    }

    /// Asks for the deletion of this object; nothing to do where it is not there.
    pub(crate) fn delete(&self, kind: &str, name: &str, namespace: Option<&str>) -> Result<()> {
        if let Self::Real(user) = self {
            return user.delete(kind, name, namespace);
        }
        match self.request("DELETE", &self.path(kind, namespace, name)?, "", None) {
            Err(error) if error.code() != Some(404) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The events about this object, oldest first.
    pub(crate) fn events(&self, kind: &str, name: &str, namespace: Option<&str>) -> Result<Vec<Value>> {
        match self {
            Self::Real(user) => user.events(kind, name, namespace),
            Self::Simulated { cluster, time, .. } => {
                let _now = time.enter();
                Ok(cluster.events(kind, name, namespace))
            }
        }
    }

    fn path(&self, kind: &str, namespace: Option<&str>, name: &str) -> Result<String> {
        let unknown = || Error::UnknownResource(kind.to_owned());
        match self {
            Self::Simulated { cluster, .. } => cluster.path(kind, namespace, name).map_err(|_| unknown()),
            // A real user finds its paths itself.
            Self::Real(_) => Err(unknown()),
        }
    }
}

fn kind_and_group(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    let version = object["apiVersion"]
        .as_str()
        .and_then(|version| version.split_once('/'));
    version.map_or_else(|| kind.to_owned(), |(group, _)| format!("{kind}.{group}"))
}
