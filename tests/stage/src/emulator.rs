//! The Graph emulator, in this process.

use std::ops::Deref;
use std::path::Path;

use graph_emulator::{Front, Options, Quirks, Running, Tenant, World};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::run_dir::RunDir;
use crate::{Error, Result};

/// The tenant that an emulator stands for: what it holds, what was asked of it, and what somebody does there.
#[derive(Clone, Debug)]
pub struct Entra(Tenant);

/// A running Graph emulator, with a runtime of its own. Dropping it ends it. It dereferences to its tenant.
#[derive(Debug)]
pub struct Emulator {
    entra: Entra,
    running: Running,
    // Ends the server's tasks when it is dropped.
    _runtime: Runtime,
    _dir: RunDir,
}

impl Emulator {
    /// Starts it with this world file's text.
    ///
    /// # Errors
    /// [`Error::Emulator`] with the line of the world file that is wrong.
    pub fn start(world: &str) -> Result<Self> {
        let world = World::from_yaml(world).map_err(|error| Error::Emulator(format!("the world file: {error}")))?;
        let dir = RunDir::create()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::io("start a runtime"))?;
        let options = Options {
            tls_dir: dir.path().to_owned(),
            ..Options::default()
        };
        let running = runtime.block_on(graph_emulator::start(world, options));
        let running = running.map_err(|error| Error::Emulator(error.to_string()))?;
        Ok(Self {
            entra: Entra::of(Tenant::clone(&running)),
            running,
            _runtime: runtime,
            _dir: dir,
        })
    }

    /// Where Graph v1.0 is: the operator's `--graph-url`.
    #[must_use]
    pub fn graph_url(&self) -> &str {
        &self.running.endpoints.graph
    }

    /// Where tokens come from: `AZURE_AUTHORITY_HOST`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.running.endpoints.authority
    }

    /// The authority of its certificate: `SSL_CERT_FILE`.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.running.endpoints.ca_file
    }

    /// Where its control endpoint is, for `curl`.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.running.endpoints.control
    }
}

impl Deref for Emulator {
    type Target = Entra;

    fn deref(&self) -> &Entra {
        &self.entra
    }
}

impl Entra {
    /// This tenant.
    #[must_use]
    pub fn of(tenant: Tenant) -> Self {
        Self(tenant)
    }

    /// The tenant, as the emulator has it.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.0
    }

    /// Graph and the token endpoint without a socket, told apart by the path of a request.
    #[must_use]
    pub fn service(&self) -> Front {
        self.0.service()
    }

    /// Every request until now, oldest first, token requests included.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.0.requests()
    }

    /// How many requests there were until now: where a later look starts.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.0.request_count()
    }

    /// The Graph requests since a mark (0: since the start), without those for tokens.
    #[must_use]
    pub fn graph_calls_since(&self, mark: usize) -> Vec<Value> {
        self.0
            .requests_since(mark)
            .into_iter()
            .filter(|request| !is_token_request(request))
            .collect()
    }

    /// The Graph requests since the start that wrote or tried to.
    #[must_use]
    pub fn graph_writes(&self) -> Vec<Value> {
        self.graph_writes_since(0)
    }

    /// The Graph requests since a mark that wrote or tried to.
    #[must_use]
    pub fn graph_writes_since(&self, mark: usize) -> Vec<Value> {
        self.graph_calls_since(mark).into_iter().filter(is_write).collect()
    }

    /// What the tenant now holds: an array for each collection, and `directory`. All of it: who waits for something looks
    /// at [`Entra::collection`], which is quicker.
    #[must_use]
    pub fn state(&self) -> Value {
        self.0.state()
    }

    /// The elements of one collection of [`Entra::state`].
    ///
    /// # Errors
    /// [`Error::Emulator`] where there is no such collection.
    pub fn collection(&self, name: &str) -> Result<Vec<Value>> {
        match self.0.part(name) {
            Some(Value::Array(elements)) => Ok(elements),
            _ => Err(Error::Emulator(format!("/state has no collection {name}"))),
        }
    }

    /// The element of a collection with this id; none where it is not there.
    ///
    /// # Errors
    /// [`Error::Emulator`] where there is no such collection.
    pub fn element(&self, collection: &str, id: &str) -> Result<Option<Value>> {
        let elements = self.collection(collection)?;
        Ok(elements.into_iter().find(|element| element["id"] == id))
    }

    /// Who is now in which group, application role and site role.
    #[must_use]
    pub fn directory(&self) -> Value {
        self.0.part("directory").unwrap_or_default()
    }

    /// Replaces all quirks: an object of name to value.
    ///
    /// # Errors
    /// [`Error::Emulator`] for a quirk that it does not know.
    pub fn set_quirks(&self, quirks: &Value) -> Result<()> {
        let quirks = Quirks::from_json(quirks.clone()).map_err(Error::Emulator)?;
        self.0.set_quirks(quirks);
        Ok(())
    }

    /// The quirks that are left: a count that has run out is gone, so that a test can wait until a fault was met.
    #[must_use]
    pub fn quirks(&self) -> Value {
        serde_json::to_value(self.0.quirks()).unwrap_or_default()
    }

    /// Back to the world file.
    pub fn reset(&self) {
        self.0.reset();
    }

    /// Someone made this in the portal, one element or a list of them, in the shape of the world file (an access package
    /// with `catalog: {id}`); answers what is there now.
    ///
    /// # Errors
    /// [`Error::Emulator`] with what is wrong with it.
    pub fn create_state(&self, collection: &str, element: &Value) -> Result<Value> {
        self.0.create(collection, element.clone()).map_err(Error::Emulator)
    }

    /// Someone changed this element in the portal. `applications`, by client id: what the next tokens say.
    ///
    /// # Errors
    /// [`Error::Emulator`] where it is not there.
    pub fn patch_state(&self, collection: &str, id: &str, patch: &Value) -> Result<()> {
        self.0
            .patch(collection, id, patch.clone())
            .map(drop)
            .map_err(Error::Emulator)
    }

    /// Someone deleted this element in the portal.
    ///
    /// # Errors
    /// [`Error::Emulator`] where it is not there.
    pub fn delete_state(&self, collection: &str, id: &str) -> Result<()> {
        self.0.delete(collection, id).map_err(Error::Emulator)
    }
}

/// Whether this entry of the request log asks for a token.
#[must_use]
pub fn is_token_request(request: &Value) -> bool {
    request["path"].as_str().is_some_and(|path| path.contains("/oauth2/"))
}

/// Whether this entry of the request log changes something, or would have: a POST that only asks is none.
#[must_use]
pub fn is_write(request: &Value) -> bool {
    let path = request["path"].as_str().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    match request["method"].as_str().unwrap_or_default() {
        "GET" | "HEAD" | "OPTIONS" => false,
        "POST" if path.ends_with("/$batch") => {
            let inner = request["requestBody"]["requests"].as_array();
            inner.is_some_and(|requests| requests.iter().any(|request| request["method"] != "GET"))
        }
        "POST" => !["getByIds", "validateProperties"]
            .iter()
            .any(|question| path.ends_with(question)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_write;

    #[test]
    fn questions_asked_by_post_are_no_writes_and_a_batch_is_one_if_any_of_it_is() {
        let post = |path: &str, body| json!({"method": "POST", "path": path, "requestBody": body});
        assert!(!is_write(&post("/v1.0/directoryObjects/getByIds", json!({}))));
        assert!(!is_write(&post(
            "/v1.0/$batch",
            json!({"requests": [{"method": "GET"}]})
        )));
        assert!(is_write(&post(
            "/v1.0/$batch",
            json!({"requests": [{"method": "GET"}, {"method": "PATCH"}]})
        )));
        assert!(is_write(&post(
            "/v1.0/identityGovernance/entitlementManagement/catalogs",
            json!({})
        )));
        assert!(is_write(
            &json!({"method": "DELETE", "path": "/v1.0/identityGovernance/entitlementManagement/catalogs/1"})
        ));
        assert!(!is_write(&json!({"method": "GET", "path": "/v1.0/users"})));
    }
}
