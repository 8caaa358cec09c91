//! One tenant as the operator speaks to it.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kube::ResourceExt;
use tokio::sync::Semaphore;

use super::{
    coming::Coming,
    directory::Directory,
    halt::{Halt, Retry, Stage, Step},
    inventory::{Freshness, Inventory},
    settings::Settings,
};
use crate::{
    api::{Cloud, EntraTenant, Management, Reason},
    clock::Clock,
    graph::{self, Access, AssignmentId, Credential, Endpoint, Graph, GraphErrorKind, Observer, RemovalAsked},
    plan::Problem,
};

/// A tenant, connected.
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) cloud: Cloud,
    pub(crate) domain: Option<String>,
    pub(crate) graph: Graph,
    pub(crate) inventory: Inventory,
    pub(crate) directory: Directory,
    pub(crate) management: Management,
    pub(crate) clock: Clock,
    pub(crate) drift_interval: Duration,
    /// Policies are created one after the other: Graph refuses concurrent creates.
    pub(crate) policy_creation: Semaphore,
    /// What visits are about to write.
    pub(crate) coming: Coming,
    /// Assignments whose removal was asked for: once is enough, and it takes its time.
    asked: Mutex<HashSet<AssignmentId>>,
    uid: String,
    generation: i64,
    credential: Credential,
}

impl Tenant {
    pub(crate) fn new(
        settings: &Settings,
        object: &EntraTenant,
        credential: Credential,
        observer: Observer,
        clock: Clock,
    ) -> Step<Self> {
        let spec = &object.spec;
        let cloud = match spec.cloud {
            Cloud::Global => graph::Cloud::Global,
            Cloud::USGovernment => graph::Cloud::UsGovernment,
            Cloud::USGovernmentDoD => graph::Cloud::UsGovernmentDod,
            Cloud::China => graph::Cloud::China,
        };
        let endpoint = Endpoint {
            graph_url: settings.graph_url.clone(),
            authority_host: settings.authority_host.clone(),
            ..Endpoint::of(cloud)
        };
        let management = spec.management();
        let access = match management {
            Management::Full => Access::ReadWrite,
            Management::Observe => Access::ReadOnly,
        };
        let graph = Graph::new(&endpoint, &spec.tenant_id, credential.clone(), access).map_err(|error| {
            let reason = if error.kind == GraphErrorKind::TokenRefused {
                Reason::CredentialsMissing
            } else {
                Reason::Unreachable
            };
            Halt {
                problem: Problem::new(reason, format!("spec.credentials: {error}")).traced(error.trace()),
                stage: Stage::References,
                retry: Retry::Backoff,
            }
        })?;
        let graph = graph.observed_by(observer);
        let drift_interval = spec.drift_interval();
        let tenant = spec.domain.clone().unwrap_or_else(|| object.name_any());
        Ok(Self {
            name: object.name_any(),
            id: spec.tenant_id.clone(),
            cloud: spec.cloud,
            domain: spec.domain.clone(),
            inventory: Inventory::new(graph.clone(), settings.visibility, drift_interval),
            directory: Directory::new(graph.clone(), tenant, drift_interval, clock.clone()),
            clock,
            graph,
            management,
            drift_interval,
            policy_creation: Semaphore::new(1),
            coming: Coming::default(),
            asked: Mutex::default(),
            uid: object.uid().unwrap_or_default(), // equals none, as `is_current` asks
            generation: object.metadata.generation.unwrap_or_default(), // likewise
            credential,
        })
    }

    /// Whether this is the tenant of that object as it is now.
    pub(crate) fn is_current(&self, object: &EntraTenant) -> bool {
        object.uid().is_some_and(|uid| uid == self.uid) && object.metadata.generation == Some(self.generation)
    }

    pub(crate) fn is_same(&self, object: &EntraTenant, credential: &Credential) -> bool {
        self.is_current(object) && self.credential == *credential
    }

    /// Whether the removal of this assignment was asked for by this process.
    pub(crate) fn was_asked(&self, id: &AssignmentId) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// Asks for an assignment to be taken away; one that is on its way already is.
    pub(crate) async fn ask_removal(&self, id: &AssignmentId) -> Result<(), graph::GraphError> {
        match self.graph.request_assignment_remove(id).await? {
            RemovalAsked::Now | RemovalAsked::Before => {} // once is enough
        }
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.clone());
        Ok(())
    }

    /// How old an answer may be that serves an ordinary visit.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness::Within(self.drift_interval.mul_f64(0.8))
    }

    /// The cloud's name, as identities in status carry it.
    pub(crate) fn cloud_name(&self) -> String {
        format!("{:?}", self.cloud)
    }
}
