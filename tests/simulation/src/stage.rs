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
    tenure::Tenure,
};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use graph_emulator::{Quirks, Tenant, World};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    api_server::{ApiServer, Definitions, EventType, User, WatchEvent},
    due::Due,
    fault::Fault,
    wire::{Blow, Seen, TENURE, Wire},
};

mod beside;

use beside::Former;

/// The company of `tests/stage`: what the tenant holds before anything is done.
pub(crate) const WORLD: &str = include_str!("../../stage/world.yaml");
const AUTHORITY: &str = "https://localhost";
/// The operator's own namespace.
pub const OPERATOR_NAMESPACE: &str = "entra-access-operator";
/// What the simulated world's wall shows at its beginning.
const BORN: &str = "2026-11-28T10:00:00Z";
/// Visits of one kind that run at the same time, as in production.
const CONCURRENCY: usize = 16;
/// Where nobody is to be visited sooner, and no news is on its way, nothing happens any more but what the drift interval
/// brings.
const QUIET: Duration = Duration::from_secs(240);
/// Where nothing but reads was sent for two drift intervals, nothing happens any more either, however they are spread.
const ONLY_READ: Duration = Duration::from_secs(1_300);
/// A run that sends more goes round in circles.
const MOST_CALLS: u64 = 50_000;
/// How long anything may take.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);
/// How long a write may take to show, as the operator takes it by itself.
const VISIBILITY: Duration = Duration::from_secs(120);
/// How long a process takes to be started again.
const RESTART: Duration = Duration::from_secs(3);
/// How long the Lease of a process lasts that renews it; the wire and the stage say where it does not.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

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
    /// By how many seconds the wall clocks of the operator's machines are wrong: ahead on the first, behind on the next, and so
    /// on in turn.
    pub clock_wrong_by: i64,
    /// Another world file's text than that of `tests/stage`.
    pub world: Option<String>,
    /// Other custom resources than those that are shipped.
    pub definitions: Option<Definitions>,
    /// The operator's `--visibility-seconds`, where it has another than it would have by itself.
    pub visibility: Option<Duration>,
    /// How many objects there will be, where those are many: so many more calls are no circle.
    pub objects: usize,
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
    most_calls: u64,
    manner: Manner,
    visibility: Duration,
    is_stopped: bool,
    life: Option<Life>,
    /// The process that led before, where it is not gone yet.
    former: Option<Former>,
    lives: u64,
    clock_wrong_by: i64,
    begins: Instant,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Stage").finish_non_exhaustive()
    }
}

/// One process of the operator.
struct Life {
    /// Which process it is, counted from 1.
    number: u64,
    /// When the stage began.
    begins: Instant,
    operator: Arc<Operator>,
    machine: Machine,
    tenure: Tenure,
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

/// How a stretch of a life ended.
enum Ended {
    /// Its time has come, or nothing happens any more.
    Lived(Result<(), Restless>),
    /// The process that led before is gone.
    Former,
    /// Something befell a process.
    Struck((u64, Blow)),
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
        let made = World::from_yaml(setting.world.as_deref().unwrap_or(WORLD))
            .map_err(|error| error.to_string())
            .and_then(|world| Ok((world, Quirks::from_json(quirks)?)))
            .and_then(|(world, quirks)| {
                Tenant::seeded(world, quirks, AUTHORITY, born, setting.seed).map_err(|error| error.to_string())
            });
        let entra = made.unwrap_or_else(|error| panic!("the simulated tenant: {error}"));
        let definitions = setting.definitions.clone().unwrap_or_else(Definitions::shipped);
        let cluster = ApiServer::with_definitions(clock.clone(), setting.seed, &definitions);
        let stage = Self {
            wire: Wire::new(clock.clone(), setting.faults.clone()),
            chance: Chance::seeded(setting.seed),
            most_calls: MOST_CALLS + 40 * setting.objects as u64,
            manner: setting.manner,
            begins: clock.instant(),
            cluster,
            entra,
            clock,
            visibility: setting.visibility.unwrap_or(VISIBILITY),
            is_stopped: false,
            life: None,
            former: None,
            lives: 0,
            clock_wrong_by: setting.clock_wrong_by,
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
        for life in [self.life.take(), self.former.take().map(Former::life)]
            .into_iter()
            .flatten()
        {
            life.machine.halt();
            self.wire.is_over(life.number);
        }
        self.wire.share(false);
    }

    /// Kills the operator, wherever it is, and starts no other until [`Self::restart`].
    pub fn stop(&mut self) {
        self.kill();
        self.is_stopped = true;
    }

    /// Kills the operator, wherever it is, and starts another as soon as time passes.
    pub fn restart(&mut self) {
        self.kill();
        self.is_stopped = false;
    }

    /// The stage's clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// What the stage's clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Starts an operator that knows nothing but what the cluster and the tenant tell it.
    fn start(&mut self) {
        self.lives += 1;
        let seed = self.lives.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (self.chance.share() * 1e15) as u64;
        let wire = self.wire.of(self.lives);
        let line = wire.line(self.entra.service());
        let is_behind = self.lives.is_multiple_of(2);
        let wrong_by = if is_behind {
            -self.clock_wrong_by
        } else {
            self.clock_wrong_by
        };
        let clock = self.clock.skewed(SignedDuration::from_secs(wrong_by));
        let tenure = Tenure::over(&clock);
        tenure.prolong(clock.instant() + FOR_EVER, clock.now() + FOR_EVER);
        let machine = Machine::simulated(clock, Chance::seeded(seed), line).during(tenure.clone());
        let settings = Settings {
            namespace: OPERATOR_NAMESPACE.to_owned(),
            pod_name: Some("operator-0".to_owned()),
            admission_policy: "entra-access-operator".to_owned(),
            graph_url: format!("{AUTHORITY}/v1.0").parse().ok(),
            authority_host: AUTHORITY.parse().ok(),
            visibility: self.visibility,
        };
        let user = User::service_account(OPERATOR_NAMESPACE, "entra-access-operator");
        let client = wire.client(self.cluster.service_for(user), self.cluster.clone());
        let metrics = Arc::new(Metrics::default());
        let operator = Operator::new(client, settings, machine.clone(), Arc::clone(&metrics));
        self.life = Some(Life {
            number: self.lives,
            begins: self.begins,
            operator: Arc::new(operator),
            machine,
            tenure,
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
    pub fn instant(&self) -> Instant {
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
            if self.is_stopped {
                if let Some(until) = until {
                    self.clock.sleep_until(until).await;
                }
                return Ok(());
            }
            if self.life.is_none() {
                // Nobody begins without what there is.
                while let Some(back) = self.wire.is_away_until() {
                    self.clock.sleep_until(back).await;
                }
                self.start();
            }
            let wire = self.wire.clone();
            let leader = self.lives;
            let mut former = self.former.take();
            // Whoever led before is to be gone, and what is on its way to arrive, before anything has settled.
            let stop = until.or(former.as_ref().map(Former::until));
            let (clock, chance, manner) = (self.clock.clone(), self.chance.clone(), self.manner);
            let cluster = self.cluster.clone();
            let ended = {
                let lived = self.live(stop, longest);
                tokio::select! {
                    biased;
                    blow = wire.blow(leader) => Ended::Struck(blow),
                    () = beside::go_on(&mut former, (&cluster, &wire), &clock, manner, &chance) => Ended::Former,
                    ended = lived => Ended::Lived(ended),
                }
            };
            self.former = former;
            match ended {
                Ended::Lived(ended) if until.is_some() || stop.is_none() || ended.is_err() => return ended,
                Ended::Lived(_) => {}
                Ended::Former => self.forget_former(),
                Ended::Struck((life, blow)) => self.strike(life, blow).await,
            }
        }
    }

    /// One life, until its time has come, or nothing happens any more.
    async fn live(&mut self, until: Option<Instant>, longest: Instant) -> Result<(), Restless> {
        let (clock, chance, manner) = (self.clock.clone(), self.chance.clone(), self.manner);
        let (cluster, wire) = (self.cluster.clone(), self.wire.clone());
        let most_calls = self.most_calls;
        let Some(life) = self.life.as_mut() else {
            return Ok(());
        };
        if !life.has_listed {
            life.list(&cluster, &clock).await;
        }
        let operator = Arc::clone(&life.operator);
        loop {
            let now = clock.instant();
            let back = wire.is_silent_until();
            if back.is_none() {
                life.hear(&cluster, now, manner, &chance);
            }
            life.deliver(&cluster, now, manner, &chance).await;
            life.answer(now);
            life.begin(clock.instant(), manner, &chance);
            let now = clock.instant();
            let late = wire.late();
            let next = life.next().into_iter().chain(back).chain(late).min();
            let is_idle = life.visits.is_empty()
                && life.news.is_empty()
                && back.is_none()
                && late.is_none()
                && !operator.has_turns();
            if wire.count() > most_calls {
                return Err(Restless(format!("{most_calls} calls were sent, and there is no end")));
            }
            let only_reads = wire.has_only_read_for() >= ONLY_READ;
            let is_quiet = is_idle && (only_reads || next.is_none_or(|next| next >= now + QUIET));
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
        let woken = self.operator.answered().await;
        self.wake(woken, now);
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

    /// Wakes whom the operator itself asks for.
    fn answer(&mut self, now: Instant) {
        let operator = Arc::clone(&self.operator);
        while let Some(Some(key)) = operator.rung().now_or_never() {
            self.wake(vec![key], now);
        }
    }

    /// Begins the visits that are due.
    fn begin(&mut self, now: Instant, manner: Manner, chance: &Chance) {
        loop {
            let full = self.full();
            let count = self.due.count(now, &full);
            let index = match manner {
                _ if count == 0 => return,
                Manner::Orderly => 0,
                Manner::Unruly => pick(chance, count),
            };
            let Some(key) = self.due.nth(index, &full) else {
                return;
            };
            self.due.take(&key);
            if self.forgets.remove(&key) {
                continue;
            }
            let second = now.saturating_duration_since(self.begins).as_secs();
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
        // Where as many of its kind are visited as may be, whoever is due waits for one of them, and time goes on.
        let full = self.full();
        self.due.next(&full).into_iter().chain(news).min()
    }

    /// The kinds of which no more may be visited now.
    fn full(&self) -> Vec<KindName> {
        if self.visits.len() < CONCURRENCY {
            return Vec::new();
        }
        let count = |kind: &KindName| self.visited.keys().filter(|key| key.kind == *kind).count();
        KindName::ALL
            .into_iter()
            .filter(|kind| count(kind) >= CONCURRENCY)
            .collect()
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
