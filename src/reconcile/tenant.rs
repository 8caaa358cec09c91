//! One tenant as the operator speaks to it.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use kube::ResourceExt;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    catalog_roles::RoleWrites,
    coming::Coming,
    directory::Directory,
    execute::Failure,
    halt::{Halt, Retry, Stage, Step},
    inventory::{Freshness, Inventory},
    machine::Machine,
    outlook::Counted,
    settings::Settings,
    site_roles::SiteRoles,
};
use crate::{
    api::{Acknowledge, Cloud, EntraTenant, Management, Reason},
    clock::Clock,
    graph::{
        self, Access, AccessPackageId, Assignment, AssignmentId, Away, Credential, Endpoint, Graph, GraphError,
        GraphErrorKind, Listed, Observer, OpenRemoval, RemovalAsked, Weather,
    },
    plan::{Problem, departure::Removal},
};

/// How many removals are asked for side by side.
const SIDE_BY_SIDE: usize = 8;
/// For how long it is remembered that one was asked for, where nothing tells of it any more.
const REMEMBERED: Duration = Duration::from_secs(3_600);

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
    /// From how many people on a change waits for a person.
    pub(crate) acknowledge: Acknowledge,
    /// Policies are created one after the other: Graph refuses concurrent creates.
    pub(crate) policy_creation: Semaphore,
    /// Deletions begin one after the other: each is counted before the next.
    pub(crate) deleting: Semaphore,
    /// What visits are about to write.
    pub(crate) coming: Coming,
    /// Assignments whose removal was asked for: once is enough, and it takes its time.
    asked: Mutex<HashMap<AssignmentId, Instant>>,
    /// What sites offer that no list shows.
    pub(crate) site_roles: SiteRoles,
    /// What was written to roles on catalogs, and need not show yet.
    pub(crate) role_writes: RoleWrites,
    /// What was counted for people to look at.
    pub(crate) counted: Counted,
    /// How long a write may take to show.
    pub(crate) visibility: Duration,
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
        weather: Weather,
        machine: &Machine,
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
        let by = (machine.clock.clone(), machine.chance.clone());
        let over = |line| Graph::over(line, by, &endpoint, &spec.tenant_id, credential.clone(), access);
        let graph = machine.line(&endpoint).and_then(over).map_err(|error| {
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
        let graph = graph
            .observed_by(observer)
            .forecasting(weather)
            .during(machine.tenure.clone());
        let clock = machine.clock.clone();
        let drift_interval = spec.drift_interval();
        let tenant = spec.domain.clone().unwrap_or_else(|| object.name_any());
        let directory = Directory::new(graph.clone(), tenant, drift_interval, clock.clone());
        Ok(Self {
            name: object.name_any(),
            id: spec.tenant_id.clone(),
            cloud: spec.cloud,
            domain: spec.domain.clone(),
            inventory: Inventory::new(graph.clone(), settings.visibility, drift_interval, machine.clone()),
            site_roles: SiteRoles::new(directory.verify_after()),
            directory,
            clock,
            graph,
            management,
            drift_interval,
            policy_creation: Semaphore::new(1),
            deleting: Semaphore::new(1),
            coming: Coming::default(),
            asked: Mutex::default(),
            acknowledge: spec.acknowledge,
            role_writes: RoleWrites::new(machine.clock.clone(), settings.visibility),
            counted: Counted::default(),
            visibility: settings.visibility,
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

    fn asked(&self) -> MutexGuard<'_, HashMap<AssignmentId, Instant>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the removal of this assignment was asked for and may still be under way.
    pub(crate) fn was_asked(&self, id: &AssignmentId) -> bool {
        self.asked().contains_key(id)
    }

    /// The requests to take assignments of a package away that are open, whoever made them; none where the service does
    /// not tell us, and what this process remembers has to do.
    ///
    /// # Errors
    /// Where waiting mends it.
    pub(crate) async fn open_removals(
        &self,
        package: &AccessPackageId,
    ) -> Result<Option<Listed<OpenRemoval>>, graph::GraphError> {
        match self.graph.list_open_removals(package).await {
            Ok(removals) => Ok(Some(removals)),
            Err(error) if error.is_transient() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Learns which of the assignments that were live after `removals` was read are being taken away. One that was asked
    /// for, and is not under way any more, came to nothing and may be asked for again.
    pub(crate) fn recall_removals(&self, removals: Listed<OpenRemoval>, live: &Listed<Assignment>) {
        let Listed { elements, unreadable } = removals;
        // One that does not say for whom may be for any.
        let is_whole = unreadable.is_empty() && elements.iter().all(|removal| removal.assignment.is_some());
        let open: HashSet<AssignmentId> = elements.into_iter().filter_map(|removal| removal.assignment).collect();
        let now = self.clock.instant();
        let mut asked = self.asked();
        // What is forgotten and still open is told again.
        asked.retain(|_, at| now.saturating_duration_since(*at) < REMEMBERED);
        for Assignment { id, .. } in &live.elements {
            if open.contains(id) {
                asked.insert(id.clone(), now);
            } else if is_whole
                && asked
                    .get(id)
                    .is_some_and(|at| now.saturating_duration_since(*at) >= self.visibility)
            {
                asked.remove(id);
            }
        }
    }

    /// Asks for assignments to be taken away, side by side; one that is on its way already is. What `latch` refuses is not
    /// begun. One that is refused holds up no other.
    pub(crate) async fn ask_removals(&self, removals: &[Removal], latch: impl Fn() -> Step<()>) -> Result<(), Failure> {
        let stopped = AtomicBool::new(false);
        let asks: Vec<_> = removals
            .iter()
            .map(|Removal { id, who: _ }| {
                let (stopped, latch) = (&stopped, &latch);
                async move {
                    if stopped.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    let answer = match latch() {
                        Ok(()) => self.ask_removal(id).await,
                        Err(halt) => Err(Failure::Halt(halt)),
                    };
                    let ends = match &answer {
                        Ok(()) => false,
                        Err(Failure::Graph(error)) => error.is_transient(),
                        Err(Failure::Halt(_)) => true,
                    };
                    stopped.fetch_or(ends, Ordering::Relaxed);
                    answer
                }
            })
            .collect();
        let answers: Vec<Result<(), Failure>> = stream::iter(asks).buffered(SIDE_BY_SIDE).collect().await;
        answers.into_iter().collect()
    }

    async fn ask_removal(&self, id: &AssignmentId) -> Result<(), Failure> {
        match self.graph.request_assignment_remove(id).await? {
            RemovalAsked::Now | RemovalAsked::Before => {} // once is enough
        }
        self.asked().insert(id.clone(), self.clock.instant());
        Ok(())
    }

    /// That Graph is away, and for how long nobody asks it. The words are the same for as long as it is away alike.
    pub(crate) fn away(&self) -> Option<(Duration, GraphError)> {
        let Away { left, mut error } = self.graph.away()?;
        error.operation = "Microsoft Graph is away";
        Some((left, error))
    }

    /// Whether Graph is worth a question. Where it is away nobody asks, but whoever comes when the next probe is due.
    ///
    /// # Errors
    /// That it is away; whoever is told is woken when it is back.
    pub(crate) fn is_there(&self) -> Step<()> {
        let Some((_, error)) = self.away().filter(|(left, _)| !left.is_zero()) else {
            return Ok(());
        };
        let halt = Halt::sync(Reason::GraphUnavailable, error.to_string(), Retry::OnReturn);
        Err(halt.traced(error.trace()))
    }

    /// How old an answer may be that serves an ordinary visit.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness::Within(self.drift_interval.mul_f64(0.8))
    }

    /// The cloud's name, as identities in status carry it.
    pub(crate) fn cloud_name(&self) -> String {
        self.graph.cloud().name().to_owned()
    }
}
