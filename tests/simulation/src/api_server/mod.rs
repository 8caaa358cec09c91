//! An API server in process: what the operator asks of one, and what people with kubectl do to it.
//!
//! ```no_run
//! use entra_access_operator::clock::Clock;
//! use simulation::api_server::ApiServer;
//!
//! let server = ApiServer::new(Clock::system(), 1);
//! let client = server.client(); // a `kube::Client`, with no sockets
//! server.apply(&serde_json::json!({
//!     "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "Catalog",
//!     "metadata": {"name": "marketing"}, "spec": {"displayName": "Marketing"},
//! }))?;
//! let news = server.events_since(0);
//! # Ok::<(), simulation::api_server::Refusal>(())
//! ```
//!
//! It is a value: everything in it comes from the requests, the clock that it is given, and the seed. A request is answered
//! in the moment in which it comes; there are no tasks. News is a history to read ([`ApiServer::events_since`]): who simulates
//! decides when which of it arrives. Watches by HTTP are served as well, and tell at once.
//!
//! `tests/parity.rs` plays the same requests to it and to a real API server and compares the answers; what differs stands
//! there in a table.
//!
//! | part | is about |
//! |---|---|
//! | `service`, `request` | the face: HTTP, and what it asks for |
//! | `state` | the way of a request |
//! | `read`, `write`, `delete`, `patch`, `watch` | the verbs |
//! | `store` | objects, resourceVersions, the history |
//! | `metadata`, `names` | what is the same for every kind |
//! | `kinds`, `events`, `namespace` | what is not |
//! | `schema`, `definition` | custom resources: pruning, defaults, validation, rules in CEL |
//! | `expression` | CEL |
//! | `admission`, `chart` | admission policies, and the chart's |
//! | `refusal`, `field_error` | what is said of what is not done |
//! | `kubectl` | what people do |

mod admission;
mod calls;
mod chance;
mod chart;
mod definition;
mod delete;
mod events;
mod expression;
mod field_error;
mod kinds;
mod kubectl;
mod metadata;
mod names;
mod namespace;
mod patch;
mod read;
mod refusal;
mod request;
mod resource;
mod schema;
mod selector;
mod service;
mod state;
mod store;
mod watch;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use entra_access_operator::clock::Clock;
use serde_json::Value;

pub use calls::Call;
pub use definition::{DefinitionError, Definitions};
pub use namespace::NamespaceController;
pub use refusal::Refusal;
pub use request::User;
pub use service::{AnswerBody, Door};
pub use store::{EventType, WatchEvent};

use state::State;

/// An API server. Clones are the same one.
#[derive(Clone, Debug)]
pub struct ApiServer {
    state: Arc<Mutex<State>>,
}

impl ApiServer {
    /// With the project's custom resources, and the namespaces that every cluster has. The clock says what time it is, the
    /// seed what uids there will be.
    #[must_use]
    pub fn new(clock: Clock, seed: u64) -> Self {
        Self::with_definitions(clock, seed, &Definitions::shipped())
    }

    /// With other custom resources.
    #[must_use]
    pub fn with_definitions(clock: Clock, seed: u64, definitions: &Definitions) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(clock, seed, definitions))),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The administrator's way to it.
    #[must_use]
    pub fn service(&self) -> Door {
        self.service_for(User::admin())
    }

    /// This user's way to it. Rights are not known: everybody may do everything, but for the admission policy.
    #[must_use]
    pub fn service_for(&self, user: User) -> Door {
        Door {
            state: Arc::clone(&self.state),
            user,
        }
    }

    /// The administrator's client. To be called within a runtime, since kube's client keeps a task.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.client_for(User::admin())
    }

    /// This user's client.
    #[must_use]
    pub fn client_for(&self, user: User) -> kube::Client {
        kube::Client::new(self.service_for(user), "default")
    }

    /// One request, answered at once: the HTTP status and the body. That of a watch is null: it has none at once.
    #[must_use]
    pub fn request(
        &self,
        user: &User,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(
                if body.is_some() {
                    http::header::CONTENT_TYPE
                } else {
                    http::header::ACCEPT
                },
                content_type,
            )
            .body(());
        let parts = match request {
            Ok(request) => request.into_parts().0,
            Err(error) => return (400, Value::String(error.to_string())),
        };
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(); // none is empty
        match self.state().answer(&parts, &body, user) {
            Ok(reply) => (reply.code, reply.body),
            Err(refusal) => (refusal.code, refusal.body),
        }
    }

    /// The resourceVersion of the last write.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.state().store.revision()
    }

    /// Every write after this resourceVersion, in order; all of them after 0. Each has the resourceVersion to go on from.
    #[must_use]
    pub fn events_since(&self, resource_version: u64) -> Vec<WatchEvent> {
        self.state().store.since(resource_version).to_vec()
    }

    /// Forgets the history up to this resourceVersion: who asks for older news by HTTP is told that they are gone.
    pub fn compact(&self, resource_version: u64) {
        self.state().store.compact(resource_version);
    }

    /// Every request that was answered, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The requests from this number on, of which there are as many as [`Self::calls`] has entries.
    #[must_use]
    pub fn calls_from(&self, first: usize) -> Vec<Call> {
        self.state().calls.get(first..).unwrap_or_default().to_vec() // none since
    }

    /// When the content of namespaces is deleted.
    pub fn set_namespace_controller(&self, when: NamespaceController) {
        self.state().namespace_controller = when;
    }

    /// One round of the namespace controller.
    pub fn run_namespace_controller(&self) {
        self.state().run_namespace_controller();
    }
}
