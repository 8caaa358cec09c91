//! Where a siege takes place: on the simulated stage, or on real parts.

use std::{sync::Arc, time::Duration};

use graph_emulator::Tenant;
use serde_json::{Value, json};

use super::deed::{TEAM, team};
use crate::{
    api_server::{ApiServer, EventType},
    stage::{OPERATOR_NAMESPACE, Restless, Stage},
};

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

/// What became of an object of the cluster.
#[derive(Clone, Debug)]
pub struct News {
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for a kind of the cluster's own.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it is now; none where it is gone.
    pub object: Option<Arc<Value>>,
}

/// A cluster that can be heard and read.
pub trait Cluster: Send + Sync {
    /// What was written after `since`, in order, and from when to ask the next time.
    fn news(&self, since: u64) -> (Vec<News>, u64);
    /// An object as it is now.
    fn object(&self, kind: &str, name: &str, namespace: Option<&str>) -> Option<Value>;
    /// All objects of a kind in a namespace.
    fn objects(&self, kind: &str, namespace: &str) -> Vec<Value>;
    /// The events about an object.
    fn told(&self, kind: &str, name: &str, namespace: &str) -> Vec<Value>;
    /// The team asks this of the API server, of an object in its namespace (`name` is empty for one that is to be made) and of the
    /// subresource `door`; whether it was done.
    fn team_asks(&self, asked: &Asked<'_>) -> bool;
    /// Those who run the platform merge this into an object; whether it was done.
    fn platform_merges(&self, kind: &str, name: &str, patch: &Value) -> bool;
    /// Those who run the platform write this.
    ///
    /// # Errors
    /// What was refused.
    fn platform_applies(&self, object: &Value) -> Result<(), String>;
}

/// What a team asks of the API server.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// How.
    pub method: Method<'a>,
    /// Of which kind.
    pub kind: &'a str,
    /// Of which object; empty for one that is to be made.
    pub name: &'a str,
    /// The subresource with its slash, or nothing.
    pub door: &'a str,
}

/// How something is asked for, and what is sent.
#[derive(Clone, Copy, Debug)]
pub enum Method<'a> {
    /// Make it.
    Post(&'a Value),
    /// Replace it.
    Put(&'a Value),
    /// Merge this into it.
    Merge(&'a Value),
    /// Delete it.
    Delete,
}

impl<'a> Method<'a> {
    /// The method of HTTP, what is sent, and as what.
    #[must_use]
    pub fn parts(self) -> (&'static str, &'static str, Option<&'a Value>) {
        match self {
            Self::Post(body) => ("POST", JSON, Some(body)),
            Self::Put(body) => ("PUT", JSON, Some(body)),
            Self::Merge(body) => ("PATCH", MERGE, Some(body)),
            Self::Delete => ("DELETE", JSON, None),
        }
    }
}

/// Where a siege takes place.
#[expect(async_fn_in_trait, reason = "whoever plays a siege plays it on one thread")]
pub trait Ground {
    /// The tenant.
    fn entra(&self) -> Tenant;
    /// The cluster.
    fn cluster(&self) -> Arc<dyn Cluster>;
    /// The tenant's spec: how the operator signs in, and how often it compares.
    fn tenant_spec(&self) -> Value;
    /// Puts the admission policy in force; where that has to be done.
    ///
    /// # Errors
    /// Where it is refused.
    fn enforce_admission(&self) -> Result<(), String>;
    /// Time passes.
    ///
    /// # Errors
    /// Where the operator does not come to rest.
    async fn passes(&mut self, time: Duration) -> Result<(), Restless>;
    /// So much time passes that everything has settled that can.
    ///
    /// # Errors
    /// As [`Ground::passes`].
    async fn settles(&mut self) -> Result<(), Restless>;
    /// The operator is started again.
    fn restarts(&mut self);
    /// Whatever the operator was about to write is written, and nothing else is until [`Ground::goes_on`]: somebody changes the tenant.
    fn holds_still(&mut self) {}
    /// The operator works again.
    fn goes_on(&mut self) {}
}

/// In which everything is visited and written that can be, late as the service may be.
const LONG_ENOUGH: Duration = Duration::from_secs(300);

impl Ground for Stage {
    fn entra(&self) -> Tenant {
        self.entra.clone()
    }

    fn cluster(&self) -> Arc<dyn Cluster> {
        Arc::new(self.cluster.clone())
    }

    fn tenant_spec(&self) -> Value {
        json!({"tenantId": "11111111-1111-4111-8111-111111111111", "domain": "contoso.com",
            "credentials": {"clientSecret": {"clientId": "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11",
                "secretRef": {"name": "entra-credentials", "key": "clientSecret"}}}})
    }

    fn enforce_admission(&self) -> Result<(), String> {
        let enforced = self.cluster.enforce_admission(OPERATOR_NAMESPACE);
        enforced.map_err(|refusal| format!("{refusal:?}"))
    }

    async fn passes(&mut self, time: Duration) -> Result<(), Restless> {
        self.pass(time).await
    }

    // What is tried again and again, such as a resource that is in use, never comes to rest.
    async fn settles(&mut self) -> Result<(), Restless> {
        self.pass(LONG_ENOUGH).await
    }

    fn restarts(&mut self) {
        self.restart();
    }
}

impl Cluster for ApiServer {
    fn news(&self, since: u64) -> (Vec<News>, u64) {
        let mut next = since;
        let events = self.events_since(since).into_iter().map(|event| {
            next = next.max(event.resource_version);
            let meta = &event.object["metadata"];
            let word = |field: &str| meta[field].as_str().unwrap_or_default().to_owned();
            News {
                kind: event.kind.to_string(),
                namespace: word("namespace"),
                name: word("name"),
                object: match event.event_type {
                    EventType::Added | EventType::Modified => Some(Arc::clone(&event.object)),
                    EventType::Deleted => None,
                },
            }
        });
        let news = events.collect();
        (news, next)
    }

    fn object(&self, kind: &str, name: &str, namespace: Option<&str>) -> Option<Value> {
        self.get(kind, name, namespace)
    }

    fn objects(&self, kind: &str, namespace: &str) -> Vec<Value> {
        self.list(kind, Some(namespace))
    }

    fn told(&self, kind: &str, name: &str, namespace: &str) -> Vec<Value> {
        self.events(kind, name, Some(namespace))
    }

    fn team_asks(&self, asked: &Asked<'_>) -> bool {
        let Asked {
            method,
            kind,
            name,
            door,
        } = asked;
        let Ok(path) = self.path(kind, Some(TEAM), name) else {
            return false;
        };
        let (method, content_type, body) = method.parts();
        let (code, _) = self.request(&team(), method, &format!("{path}{door}"), content_type, body);
        (200..300).contains(&code)
    }

    fn platform_merges(&self, kind: &str, name: &str, patch: &Value) -> bool {
        self.patch(kind, name, None, patch).is_ok()
    }

    fn platform_applies(&self, object: &Value) -> Result<(), String> {
        self.apply(object).map(drop).map_err(|refusal| format!("{refusal:?}"))
    }
}
