//! One identity at the API server: requests over HTTP, and kubectl.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::resources::{Resource, Resources};
use crate::{Error, Result, condition_in, is_ready, wait_for};

/// How long a 429 of the API server is waited out.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// Someone who may use the API server.
///
/// A `kind` argument may be a kind, a plural, a singular or a short name, with or without `.group`, in any case.
#[derive(Clone)]
pub struct User {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) server: String,
    pub(crate) http: Client,
    pub(crate) kubectl: Option<PathBuf>,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) resources: Arc<Mutex<Resources>>,
}

impl fmt::Debug for User {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("User")
            .field("name", &self.name)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What kubectl answered.
#[derive(Clone, Debug)]
pub struct KubectlOutput {
    /// Whether it ended with status 0.
    pub success: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl User {
    /// The user's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The token by which the user signs in.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A kubeconfig file with this user's token.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs kubectl as this user, whether it succeeds or not.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be run.
    pub fn try_kubectl(&self, arguments: &[&str], input: &str) -> Result<KubectlOutput> {
        let program = self
            .kubectl
            .as_deref()
            .ok_or_else(|| Error::Build("kubectl is not in KUBEBUILDER_ASSETS".to_owned()))?;
        let problem = || Error::io("run kubectl");
        let mut child = Command::new(program)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.kubeconfig.with_extension("cache"))
            .env("KUBERC", "off")
            .env("NO_PROXY", "127.0.0.1,localhost")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(problem())?;
        let output = thread::scope(|scope| {
            if let Some(mut pipe) = child.stdin.take() {
                // kubectl may end without having read it all.
                scope.spawn(move || pipe.write_all(input.as_bytes()));
            }
            child.wait_with_output()
        })
        .map_err(problem())?;
        Ok(KubectlOutput {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs kubectl as this user and answers its standard output.
    ///
    /// # Errors
    /// [`Error::Command`] with its standard error.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubectl_with_input(arguments, "")
    }

    /// As [`User::kubectl`], with standard input.
    ///
    /// # Errors
    /// [`Error::Command`] with its standard error.
    pub fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<String> {
        let output = self.try_kubectl(arguments, input)?;
        if output.success {
            return Ok(output.stdout);
        }
        let command = format!("kubectl {}", arguments.join(" "));
        Err(Error::Command {
            command,
            status: "not 0".to_owned(),
            stderr: output.stderr.trim().to_owned(),
        })
    }

    /// `kubectl apply` of these YAML documents.
    ///
    /// # Errors
    /// [`Error::Command`] with what the API server says is wrong.
    pub fn apply(&self, yaml: &str) -> Result<String> {
        self.kubectl_with_input(&["apply", "-f", "-"], yaml)
    }

    /// `kubectl apply` of these YAML documents, which must be refused; answers what was said.
    ///
    /// # Errors
    /// [`Error::Command`] where it is accepted.
    pub fn apply_refused(&self, yaml: &str) -> Result<String> {
        let output = self.try_kubectl(&["apply", "-f", "-"], yaml)?;
        if !output.success {
            return Ok(output.stderr);
        }
        let stderr = format!("it should have been refused, but was accepted: {}", output.stdout);
        Err(Error::Command {
            command: "kubectl apply -f -".to_owned(),
            status: "0".to_owned(),
            stderr,
        })
    }

    /// One request to the API server; the body, where there is one, has this content type.
    ///
    /// # Errors
    /// [`Error::Refused`] for a status that is no success.
    pub fn request(&self, method: &str, path: &str, content_type: &str, body: Option<&Value>) -> Result<Value> {
        let problem = |error: reqwest::Error| Error::Http(format!("{method} {path}: {error}"));
        let verb = Method::from_bytes(method.as_bytes()).map_err(|error| Error::Http(error.to_string()))?;
        let started = Instant::now();
        let (status, value) = loop {
            let url = format!("{}{path}", self.server);
            let mut request = self.http.request(verb.clone(), url).bearer_auth(&self.token);
            if let Some(body) = body {
                request = request.header("Content-Type", content_type).body(body.to_string());
            } else if !content_type.is_empty() {
                request = request.header("Accept", content_type);
            }
            let response = request.send().map_err(problem)?;
            let status = response.status();
            let text = response.text().map_err(problem)?;
            // A definition that was just established: its storage is not there yet, and nothing was done.
            if status == StatusCode::TOO_MANY_REQUESTS && started.elapsed() < BUSY_FOR {
                thread::sleep(Duration::from_millis(50));
                continue;
            }
            break (status, serde_json::from_str(&text).unwrap_or(Value::String(text)));
        };
        if status.is_success() {
            return Ok(value);
        }
        let message = value["message"]
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        Err(Error::Refused {
            method: method.to_owned(),
            path: path.to_owned(),
            code: status.as_u16(),
            message,
        })
    }

    /// This object; none where it is not there.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::UnknownResource`].
    pub fn get(&self, kind: &str, name: &str, namespace: Option<&str>) -> Result<Option<Value>> {
        let path = self.resource(kind)?.path(namespace, Some(name));
        match self.request("GET", &path, "", None) {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of this kind, of one namespace or of all.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::UnknownResource`].
    pub fn list(&self, kind: &str, namespace: Option<&str>) -> Result<Vec<Value>> {
        let path = self.resource(kind)?.path(namespace, None);
        Ok(items(self.request("GET", &path, "", None)?))
    }

    /// Creates this object, which carries its apiVersion, kind, name and namespace.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::UnknownResource`].
    pub fn create(&self, object: &Value) -> Result<Value> {
        let path = self
            .resource(&kind_and_group(object))?
            .path(object["metadata"]["namespace"].as_str(), None);
        self.request("POST", &path, "application/json", Some(object))
    }

    /// Server-side apply of this object by the field manager `stage`, by force.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::UnknownResource`].
    pub fn apply_object(&self, object: &Value) -> Result<Value> {
        let (name, namespace) = (
            object["metadata"]["name"].as_str(),
            object["metadata"]["namespace"].as_str(),
        );
        let path = self.resource(&kind_and_group(object))?.path(namespace, name);
        let path = format!("{path}?fieldManager=stage&force=true");
        self.request("PATCH", &path, "application/apply-patch+yaml", Some(object))
    }

    /// A JSON merge patch of this object. A `status` in it is patched at the status subresource, alone.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::UnknownResource`].
    pub fn patch(&self, kind: &str, name: &str, namespace: Option<&str>, patch: &Value) -> Result<Value> {
        let mut path = self.resource(kind)?.path(namespace, Some(name));
        if patch.get("status").is_some() {
            path.push_str("/status");
        }
        self.request("PATCH", &path, "application/merge-patch+json", Some(patch))
    }

    /// Sets an annotation, or removes it with `None`.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::UnknownResource`].
    pub fn annotate(
        &self,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        key: &str,
        value: Option<&str>,
    ) -> Result<Value> {
        self.patch(
            kind,
            name,
            namespace,
            &json!({"metadata": {"annotations": {key: value}}}),
        )
    }

    /// Asks for the deletion of this object; nothing to do where it is not there.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::UnknownResource`].
    pub fn delete(&self, kind: &str, name: &str, namespace: Option<&str>) -> Result<()> {
        let path = self.resource(kind)?.path(namespace, Some(name));
        match self.request("DELETE", &path, "", None) {
            Err(error) if error.code() != Some(404) => Err(error),
            _ => Ok(()),
        }
    }

    /// The condition of this type, of an object that is there.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::UnknownResource`].
    pub fn condition(&self, kind: &str, name: &str, namespace: Option<&str>, of: &str) -> Result<Option<Value>> {
        let object = self.get(kind, name, namespace)?;
        Ok(object.and_then(|object| condition_in(&object, of).cloned()))
    }

    /// The events about this object, oldest first.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn events(&self, kind: &str, name: &str, namespace: Option<&str>) -> Result<Vec<Value>> {
        let kind = self.resource(kind)?.kind;
        let namespace = namespace
            .map(|namespace| format!(",involvedObject.namespace={namespace}"))
            .unwrap_or_default();
        let path =
            format!("/api/v1/events?fieldSelector=involvedObject.kind={kind},involvedObject.name={name}{namespace}");
        let mut events = items(self.request("GET", &path, "", None)?);
        events.sort_by_key(|event| event["metadata"]["creationTimestamp"].as_str().map(str::to_owned));
        Ok(events)
    }

    /// Waits until the object is there and `holds`; answers it as it then is.
    ///
    /// # Errors
    /// [`Error::Deadline`] with the object as last seen.
    pub fn wait_object(
        &self,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        what: &str,
        deadline: Duration,
        holds: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        wait_for(&format!("{kind} {name} {what}"), deadline, || {
            match self.get(kind, name, namespace) {
                Ok(Some(object)) if holds(&object) => Ok(object),
                Ok(Some(mut object)) => {
                    if let Some(metadata) = object["metadata"].as_object_mut() {
                        metadata.remove("managedFields");
                    }
                    Err(object)
                }
                Ok(None) => Err(json!("no such object")),
                Err(error) => Err(json!(error.to_string())),
            }
        })
    }

    /// Waits until Ready is True for the object's present generation.
    ///
    /// # Errors
    /// [`Error::Deadline`] with the object as last seen.
    pub fn wait_ready(&self, kind: &str, name: &str, namespace: Option<&str>, deadline: Duration) -> Result<Value> {
        self.wait_object(kind, name, namespace, "to be Ready", deadline, is_ready)
    }

    /// Waits until the condition of this type has this reason, for the object's present generation.
    ///
    /// # Errors
    /// [`Error::Deadline`] with the object as last seen.
    pub fn wait_reason(
        &self,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        (of, reason): (&str, &str),
        deadline: Duration,
    ) -> Result<Value> {
        self.wait_object(
            kind,
            name,
            namespace,
            &format!("to be {of} with {reason}"),
            deadline,
            |object| {
                condition_in(object, of).is_some_and(|condition| {
                    condition["reason"] == reason && condition["observedGeneration"] == object["metadata"]["generation"]
                })
            },
        )
    }

    /// Waits until the object is gone.
    ///
    /// # Errors
    /// [`Error::Deadline`] with the object as last seen.
    pub fn wait_gone(&self, kind: &str, name: &str, namespace: Option<&str>, deadline: Duration) -> Result<()> {
        wait_for(&format!("{kind} {name} to be gone"), deadline, || {
            match self.get(kind, name, namespace) {
                Ok(None) => Ok(()),
                Ok(Some(object)) => Err(object),
                Err(error) => Err(json!(error.to_string())),
            }
        })
    }

    fn resource(&self, kind: &str) -> Result<Resource> {
        let mut known = self.resources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resource) = known.find(kind) {
            return Ok(resource);
        }
        // A definition may have come since the last look.
        *known = Resources::discover(self)?;
        known.find(kind).ok_or_else(|| Error::UnknownResource(kind.to_owned()))
    }
}

fn kind_and_group(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    match object["apiVersion"]
        .as_str()
        .and_then(|version| version.split_once('/'))
    {
        Some((group, _)) => format!("{kind}.{group}"),
        None => kind.to_owned(),
    }
}

fn items(mut list: Value) -> Vec<Value> {
    match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}
