//! The simulated stage: a tenant, an API server and an operator that is driven by one seed, on one clock.
//!
//! Everything happens in a runtime whose time is paused: hours pass in the time that the work takes. The operator's visits,
//! plans and writes are those of production; what is ours is the order in which news comes and objects are visited.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use entra_access_operator::{
    api::KindName,
    chance::Chance,
    clock::Clock,
    metrics::Metrics,
    operator::{Again, Key, Operator, Told},
    reconcile::{Machine, Settings},
};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use graph_emulator::{Quirks, Tenant, World};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    api_server::{ApiServer, EventType, User, WatchEvent},
    due::Due,
    wire::{Fault, Seen, Wire},
};

/// The company of `tests/stage`: what the tenant holds before anything is done.
const WORLD: &str = include_str!("../../stage/world.yaml");
const AUTHORITY: &str = "https://localhost";
/// The operator's own namespace.
pub const OPERATOR_NAMESPACE: &str = "entra-access-operator";
/// What the simulated world's wall shows at its beginning.
const BORN: &str = "2026-11-28T10:00:00Z";
/// Visits of all kinds that run at the same time.
const CONCURRENCY: usize = 16;
/// Where nobody is to be visited sooner, and no news is on its way, nothing happens any more but what the drift interval
/// brings.
const QUIET: Duration = Duration::from_secs(240);
/// How long anything may take.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);
/// How long a process takes to be started again.
const RESTART: Duration = Duration::from_secs(3);

/// How the scheduler treats the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// News comes at once and in order, and objects are visited in the order of their names.
    #[default]
    Orderly,
    /// By the seed: news comes late, twice, or after a gap as a listing; objects are visited in any order.
    Unruly,
}

/// What a stage is made of.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// What everything that is left to chance goes by.
    pub seed: u64,
    /// How the scheduler treats the operator.
    pub manner: Manner,
    /// The emulator's switches to begin with.
    pub quirks: Value,
    /// Which calls are met by which faults, counted from 1.
    pub faults: BTreeMap<u64, Fault>,
}

/// The stage.
pub struct Stage {
    /// The cluster, as people use it.
    pub cluster: ApiServer,
    /// The tenant, as the portal shows it.
    pub entra: Tenant,
    /// Every call of the operator.
    pub wire: Wire,
    clock: Clock,
    chance: Chance,
    manner: Manner,
    life: Option<Life>,
    lives: u64,
    begins: Instant,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Stage").finish_non_exhaustive()
    }
}

/// One process of the operator.
struct Life {
    operator: Arc<Operator>,
    machine: Machine,
    metrics: Arc<Metrics>,
    visits: FuturesUnordered<BoxFuture<'static, (Key, Option<Again>)>>,
    /// Whoever is visited now; `true` where something woke it meanwhile.
    visited: BTreeMap<Key, bool>,
    due: Due,
    /// Those whose next visit the scheduler forgets when it is due: a wake-up that is lost.
    forgets: BTreeSet<Key>,
    /// How many visits began, by the second of the stage's age.
    begun: BTreeMap<u64, usize>,
    /// The resourceVersion up to which news was sent on its way.
    heard: u64,
    /// News on its way.
    news: Vec<(Instant, KindName, WatchEvent)>,
    /// When the last news of each kind arrives: one watch tells in order.
    last: BTreeMap<KindName, Instant>,
    has_listed: bool,
}

/// That the simulation did not come to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restless(pub String);

impl std::fmt::Display for Restless {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Restless {}

impl Stage {
    /// A stage with the operator's namespace and its Secret, and the operator running.
    #[must_use]
    #[expect(clippy::panic, reason = "without its world nothing can be simulated")]
    pub fn new(setting: &Setting) -> Self {
        let born: Timestamp = BORN.parse().unwrap_or_default();
        let clock = Clock::simulated(born);
        let mut quirks = setting.quirks.clone();
        if !quirks.is_object() {
            quirks = json!({});
        }
        // Credentials keep their token by the machine's clock, which stands still here.
        if quirks.get("tokenLifetime").is_none() {
            quirks["tokenLifetime"] = json!(30 * 86_400);
        }
        let made = World::from_yaml(WORLD)
            .map_err(|error| error.to_string())
            .and_then(|world| Ok((world, Quirks::from_json(quirks)?)))
            .and_then(|(world, quirks)| {
                Tenant::seeded(world, quirks, AUTHORITY, born, setting.seed).map_err(|error| error.to_string())
            });
        let entra = made.unwrap_or_else(|error| panic!("the simulated tenant: {error}"));
        let cluster = ApiServer::new(clock.clone(), setting.seed);
        let stage = Self {
            wire: Wire::new(clock.clone(), setting.faults.clone()),
            chance: Chance::seeded(setting.seed),
            manner: setting.manner,
            begins: clock.instant(),
            cluster,
            entra,
            clock,
            life: None,
            lives: 0,
        };
        for object in [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR_NAMESPACE}}),
            json!({"apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": "entra-credentials", "namespace": OPERATOR_NAMESPACE},
                "stringData": {"clientSecret": "stage-client-secret"}}),
        ] {
            if let Err(refusal) = stage.cluster.create(&object) {
                panic!("the operator's namespace: {refusal:?}");
            }
        }
        stage
    }

    /// How much time has passed on the stage.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.clock.since(self.begins)
    }

    /// Kills the operator, wherever it is.
    pub fn kill(&mut self) {
        if let Some(life) = self.life.take() {
            life.machine.halt();
        }
        self.wire.is_over();
    }

    /// Starts an operator that knows nothing but what the cluster and the tenant tell it.
    fn start(&mut self) {
        self.lives += 1;
        let seed = self.lives.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (self.chance.share() * 1e15) as u64;
        let line = self.wire.line(self.entra.service());
        let machine = Machine::simulated(self.clock.clone(), Chance::seeded(seed), line);
        let settings = Settings {
            namespace: OPERATOR_NAMESPACE.to_owned(),
            pod_name: Some("operator-0".to_owned()),
            admission_policy: "entra-access-operator".to_owned(),
            graph_url: format!("{AUTHORITY}/v1.0").parse().ok(),
            authority_host: AUTHORITY.parse().ok(),
            visibility: Duration::from_secs(120),
        };
        let user = User::service_account(OPERATOR_NAMESPACE, "entra-access-operator");
        let client = self.wire.client(self.cluster.service_for(user));
        let metrics = Arc::new(Metrics::default());
        let operator = Operator::new(client, settings, machine.clone(), Arc::clone(&metrics));
        self.life = Some(Life {
            operator: Arc::new(operator),
            machine,
            metrics,
            visits: FuturesUnordered::new(),
            visited: BTreeMap::new(),
            due: Due::default(),
            forgets: BTreeSet::new(),
            begun: BTreeMap::new(),
            heard: 0,
            news: Vec::new(),
            last: BTreeMap::new(),
            has_listed: false,
        });
    }

    /// Has the scheduler forget the next visit of this object when it is due.
    pub fn forget(&mut self, key: Key) {
        if let Some(life) = self.life.as_mut() {
            life.forgets.insert(key);
        }
    }

    /// Looks for visits that were forgotten, as the operator does of itself every minute, and makes them.
    pub fn sweep(&mut self) {
        let now = self.clock.instant();
        if let Some(life) = self.life.as_mut() {
            let forgotten = life.operator.forgotten();
            life.wake(forgotten, now);
        }
    }

    /// What the operator tells Prometheus; nothing where it does not run.
    #[must_use]
    pub fn metrics(&self) -> String {
        let text = self.life.as_ref().and_then(|life| life.metrics.text().ok());
        text.unwrap_or_default()
    }

    /// How many visits began in each second of the stage's age in which any did, since the operator was started.
    #[must_use]
    pub fn visits_begun(&self) -> BTreeMap<u64, usize> {
        self.life.as_ref().map(|life| life.begun.clone()).unwrap_or_default()
    }

    /// The time on the stage's clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.instant()
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// Where a state that never ends would have to be waited for.
    pub async fn pass(&mut self, time: Duration) -> Result<(), Restless> {
        let until = self.clock.instant() + time;
        self.run(Some(until)).await
    }

    /// Lets time pass until nothing happens any more but what every drift interval brings.
    ///
    /// # Errors
    /// Where that does not come within hours.
    pub async fn settle(&mut self) -> Result<(), Restless> {
        self.run(None).await
    }

    async fn run(&mut self, until: Option<Instant>) -> Result<(), Restless> {
        let longest = self.clock.instant() + LONGEST;
        loop {
            if self.life.is_none() {
                self.start();
            }
            let wire = self.wire.clone();
            let ended = {
                let lived = self.live(until, longest);
                tokio::select! {
                    biased;
                    () = wire.crash() => None,
                    ended = lived => Some(ended),
                }
            };
            match ended {
                Some(ended) => return ended,
                None => {
                    self.kill();
                    self.clock.sleep(RESTART).await;
                }
            }
        }
    }

    /// One life, until its time has come, or nothing happens any more.
    async fn live(&mut self, until: Option<Instant>, longest: Instant) -> Result<(), Restless> {
        let (clock, chance, manner, begins) = (self.clock.clone(), self.chance.clone(), self.manner, self.begins);
        let cluster = self.cluster.clone();
        let Some(life) = self.life.as_mut() else {
            return Ok(());
        };
        if !life.has_listed {
            life.list(&cluster, &clock).await;
        }
        let operator = Arc::clone(&life.operator);
        loop {
            let now = clock.instant();
            life.hear(&cluster, now, manner, &chance);
            life.deliver(&cluster, now, manner, &chance).await;
            while let Some(Some(key)) = operator.rung().now_or_never() {
                life.wake(vec![key], now);
            }
            life.begin(clock.instant(), begins, manner, &chance);
            let now = clock.instant();
            let next = life.next();
            let is_idle = life.visits.is_empty() && life.news.is_empty() && !operator.has_turns();
            let is_quiet = is_idle && next.is_none_or(|next| next >= now + QUIET);
            let stop = match until {
                Some(until) => until,
                None if is_quiet => return Ok(()),
                None => longest,
            };
            if now >= stop {
                return match until {
                    Some(_) => Ok(()),
                    None => Err(Restless(format!(
                        "after {} s there is still something to do for {:?}",
                        LONGEST.as_secs(),
                        life.due.any()
                    ))),
                };
            }
            let wake = next.map_or(stop, |next| next.min(stop));
            tokio::select! {
                biased;
                Some((key, again)) = life.visits.next(), if !life.visits.is_empty() => life.ended(key, again, clock.instant()),
                Some(key) = operator.rung() => life.wake(vec![key], clock.instant()),
                () = clock.sleep_until(wake) => {}
            }
            tokio::task::yield_now().await;
        }
    }

    /// What every custom resource says of itself.
    #[must_use]
    pub fn conditions(&self) -> Vec<String> {
        let mut said = Vec::new();
        for kind in KindName::ALL {
            for object in self.cluster.list(kind.name(), None) {
                let conditions = object["status"]["conditions"].as_array().cloned();
                for condition in conditions.into_iter().flatten() {
                    said.push(format!(
                        "{} {}: {}={} {}: {}",
                        kind.name(),
                        object["metadata"]["name"],
                        condition["type"],
                        condition["status"],
                        condition["reason"],
                        condition["message"]
                    ));
                }
            }
        }
        said
    }

    /// Every reason for which an object was not Ready, Synced or Healthy at any time, with its kind.
    #[must_use]
    pub fn reasons(&self) -> BTreeSet<String> {
        let mut reasons = BTreeSet::new();
        for event in self.cluster.events_since(0) {
            let conditions = event.object["status"]["conditions"].as_array();
            for condition in conditions
                .into_iter()
                .flatten()
                .filter(|condition| condition["status"] == "False")
            {
                let reason = condition["reason"].as_str().unwrap_or_default();
                reasons.insert(format!("{} {reason}", event.kind));
            }
        }
        reasons
    }

    /// What the operator sent, in order.
    #[must_use]
    pub fn trace(&self) -> Vec<Seen> {
        self.wire.seen()
    }
}

impl Life {
    /// Everything that is there, as a watch begins.
    async fn list(&mut self, cluster: &ApiServer, clock: &Clock) {
        self.heard = cluster.revision();
        let namespaces = namespaces(cluster);
        self.operator.tell_namespaces(namespaces).await;
        for kind in KindName::ALL {
            let woken = self
                .operator
                .tell(kind, Told::Listed(cluster.list(kind.name(), None)))
                .await;
            self.wake(woken, clock.instant());
        }
        self.has_listed = true;
    }

    /// Sends on its way what was written since.
    fn hear(&mut self, cluster: &ApiServer, now: Instant, manner: Manner, chance: &Chance) {
        for event in cluster.events_since(self.heard) {
            self.heard = event.resource_version;
            let kind = KindName::ALL.into_iter().find(|kind| kind.name() == event.kind);
            let Some(kind) = kind else {
                if event.kind == "Namespace" {
                    // Rare, and told whole: labels decide about grants.
                    self.news.push((now, KindName::EntraTenant, event));
                }
                continue;
            };
            let late = match manner {
                Manner::Orderly => Duration::ZERO,
                Manner::Unruly => lateness(chance),
            };
            // One watch tells in order.
            let before = self.last.get(&kind);
            let at = before.map_or(now + late, |before| (*before).max(now + late));
            self.last.insert(kind, at);
            if manner == Manner::Unruly && chance.share() < 0.05 {
                self.news.push((at, kind, event.clone()));
            }
            self.news.push((at, kind, event));
        }
    }

    /// Tells what has arrived.
    async fn deliver(&mut self, cluster: &ApiServer, now: Instant, manner: Manner, chance: &Chance) {
        let (arrived, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.news)
            .into_iter()
            .partition(|(at, _, _)| *at <= now);
        self.news = later;
        let mut listed = BTreeSet::new();
        for (_, kind, event) in arrived {
            if event.kind == "Namespace" {
                let woken = self.operator.tell_namespaces(namespaces(cluster)).await;
                self.wake(woken, now);
                continue;
            }
            if listed.contains(&kind) {
                continue;
            }
            // A watch that was broken off begins with a listing, which tells of the newest state alone.
            let is_gap = manner == Manner::Unruly && chance.share() < 0.03;
            let told = if is_gap {
                listed.insert(kind);
                self.news.retain(|(_, of, _)| *of != kind);
                self.last.remove(&kind);
                Told::Listed(cluster.list(kind.name(), None))
            } else {
                let object = Value::clone(&event.object);
                match event.event_type {
                    EventType::Added | EventType::Modified => Told::Applied(object),
                    EventType::Deleted => Told::Deleted(object),
                }
            };
            let woken = self.operator.tell(kind, told).await;
            self.wake(woken, now);
        }
    }

    fn wake(&mut self, woken: Vec<Key>, now: Instant) {
        for key in woken {
            if let Some(is_woken) = self.visited.get_mut(&key) {
                *is_woken = true;
            } else {
                self.due.put(key, now);
            }
        }
    }

    /// Begins the visits that are due.
    fn begin(&mut self, now: Instant, begins: Instant, manner: Manner, chance: &Chance) {
        while self.visits.len() < CONCURRENCY {
            let due = self.due.now(now);
            let index = match manner {
                _ if due.is_empty() => return,
                Manner::Orderly => 0,
                Manner::Unruly => pick(chance, due.len()),
            };
            let Some(key) = due.iter().nth(index).cloned() else {
                return;
            };
            self.due.take(&key);
            if self.forgets.remove(&key) {
                continue;
            }
            let second = now.saturating_duration_since(begins).as_secs();
            *self.begun.entry(second).or_default() += 1;
            self.visited.insert(key.clone(), false);
            let operator = Arc::clone(&self.operator);
            self.visits.push(Box::pin(async move {
                let again = operator.visit(&key).await;
                (key, again)
            }));
        }
    }

    fn ended(&mut self, key: Key, again: Option<Again>, now: Instant) {
        let is_woken = self.visited.remove(&key).unwrap_or_default(); // whoever is visited was entered
        let next = match again {
            _ if is_woken => Some(now),
            Some(Again::After(after)) => Some(now + after),
            Some(Again::OnNews) | None => None,
        };
        if let Some(next) = next {
            self.due.put(key, next);
        }
    }

    /// When something is to be done that has not begun.
    fn next(&self) -> Option<Instant> {
        let news = self.news.iter().map(|(at, _, _)| *at);
        // Whoever finds no place waits for the end of a visit.
        let due = self.due.next().filter(|_| self.visits.len() < CONCURRENCY);
        due.into_iter().chain(news).min()
    }
}

fn namespaces(cluster: &ApiServer) -> Vec<(String, Vec<(String, String)>)> {
    let labels = |namespace: &Value| {
        let labels = namespace["metadata"]["labels"].as_object();
        let pair = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().to_owned());
        labels
            .map(|labels| labels.iter().map(pair).collect())
            .unwrap_or_default()
    };
    let listed = cluster.list("Namespace", None);
    let named = |namespace: &Value| {
        namespace["metadata"]["name"]
            .as_str()
            .map(|name| (name.to_owned(), labels(namespace)))
    };
    listed.iter().filter_map(named).collect()
}

/// An index below `length`.
fn pick(chance: &Chance, length: usize) -> usize {
    // Lengths are small; the share is below one.
    ((chance.share() * length as f64) as usize).min(length.saturating_sub(1))
}

/// How late news is: mostly not at all, now and then by seconds, seldom by a minute.
fn lateness(chance: &Chance) -> Duration {
    let (draw, share) = (chance.share(), chance.share());
    if draw < 0.6 {
        Duration::ZERO
    } else if draw < 0.95 {
        Duration::from_secs_f64(share * 3.0)
    } else {
        Duration::from_secs_f64(share * 60.0)
    }
}
