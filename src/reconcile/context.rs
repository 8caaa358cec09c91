//! What every visit may use: the cluster's objects, the tenants, the claims, the clock.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client, Resource, ResourceExt};
use tokio::time::Instant;

use super::{
    Kind,
    alarm::Alarm,
    attendance::Attendance,
    claims::{Claims, Holder},
    credentials::{Secrets, credential},
    events::Events,
    halt::{Halt, Retry, Step, kubernetes},
    kinds::{KindVisitor, each_kind},
    ledger,
    machine::Machine,
    names::Names,
    pace::{DRIFT_INTERVAL, InARow, stale_wait},
    settings::Settings,
    tenant::Tenant,
    turns::Turns,
};
use crate::{
    api::{
        AccessPackage, AssignmentPolicy, Catalog, ConnectedOrganization, EntraObject, EntraTenant, KindName,
        ManagedStatus, Reason,
    },
    clock::Clock,
    cluster::{Cluster, Form, Ground, Grounds, Identity, Key, Labels, Lookup, Place},
    graph::{Observer, Weather},
    metrics::Metrics,
    plan::Problem,
};

/// An object as the cluster's tables hold it: one that does not parse is there too, with its error.
pub(crate) type Guarded<K> = Lookup<K>;

/// What went wrong with an object, in a row.
#[derive(Default)]
struct Failures {
    failed: InARow,
    stale: InARow,
}

/// After so many visits in a row that came too late, news of the object is no reason to come at once: somebody writes it all
/// the time, another replica perhaps, and each write of ours would be news to the other one.
const PUT_OFF: u32 = 5;

/// A create that was refused and is not sent again for a while.
struct Rest {
    generation: i64,
    /// How often in a row.
    count: u32,
    until: tokio::time::Instant,
    problem: Problem,
}

/// Shared by all controllers.
pub struct Context {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) machine: Machine,
    /// By which this process's writes are told from those of others.
    pub(crate) mark: String,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) claims: Claims,
    /// The names that are being given.
    pub(crate) names: Names,
    pub(crate) metrics: Arc<Metrics>,
    /// Who is visited when.
    pub(crate) attendance: Attendance,
    /// Whose visit is next.
    pub(crate) turns: Turns,
    /// Wakes visits that no news asks for.
    pub(crate) alarm: Alarm,
    /// Who waits for Graph to be back.
    awaiting: Mutex<BTreeSet<Key>>,
    tenants: Mutex<HashMap<String, Arc<Tenant>>>,
    failures: Mutex<HashMap<String, Failures>>,
    /// When the objects that are watched over were last compared with Entra, by uid.
    compared: Mutex<HashMap<String, Instant>>,
    /// When the newest create for each object was answered or given up, by the mark of its intent.
    attempts: Mutex<HashMap<String, (String, Option<Timestamp>)>>,
    /// The creates that were refused, by the uid of their object; requests for resources, by that and their origin.
    rests: Mutex<HashMap<String, Rest>>,
    /// The words by which the API server refuses the status of an object, once told.
    refusals: Mutex<HashMap<String, String>>,
    pub(super) events: Events,
    claims_entered: OnceLock<()>,
    /// When this process began to work, in seconds since the epoch: creation is told in whole ones.
    since: i64,
    /// The uids of objects made since then that have been Ready.
    ready_once: Mutex<HashSet<String>>,
}

impl Context {
    pub(crate) fn new(
        client: Client,
        settings: Settings,
        machine: Machine,
        cluster: Arc<Cluster>,
        metrics: Arc<Metrics>,
        alarm: Alarm,
    ) -> Self {
        let events = Events::new(client.clone(), settings.pod_name.clone());
        Self {
            client,
            settings,
            cluster,
            claims: Claims::default(),
            names: Names::default(),
            metrics,
            attendance: Attendance::default(),
            turns: Turns::default(),
            alarm,
            awaiting: Mutex::default(),
            tenants: Mutex::default(),
            failures: Mutex::default(),
            attempts: Mutex::default(),
            rests: Mutex::default(),
            refusals: Mutex::default(),
            compared: Mutex::default(),
            events,
            claims_entered: OnceLock::new(),
            since: machine.clock.now().as_second(),
            clock: machine.clock.clone(),
            mark: machine.chance.mark(),
            machine,
            ready_once: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The object is Ready: tells the metrics where it has not been before. Of an object that is older than this process
    /// nobody knows.
    pub(crate) fn is_ready<K: Resource<DynamicType = ()>>(&self, object: &K) {
        let created = object.meta().creation_timestamp.as_ref().map(|time| time.0);
        let (Some(created), Some(uid)) = (
            created.filter(|created| created.as_second() >= self.since),
            object.uid(),
        ) else {
            return;
        };
        let mut ready_once = self.ready_once.lock().unwrap_or_else(PoisonError::into_inner);
        if ready_once.insert(uid) {
            let after = self.now().duration_since(created);
            self.metrics
                .first_ready(&K::kind(&()), Duration::try_from(after).unwrap_or_default()); // a clock that went back
        }
    }

    /// The age of the oldest list of catalogs that visits go by.
    pub(crate) fn inventory_age(&self) -> Option<Duration> {
        self.oldest(|tenant| tenant.inventory.age())
    }

    /// The age of the oldest token in use.
    pub(crate) fn token_age(&self) -> Option<Duration> {
        self.oldest(|tenant| tenant.graph.token_age())
    }

    fn oldest(&self, age: impl Fn(&Tenant) -> Option<Duration>) -> Option<Duration> {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.values().filter_map(|tenant| age(tenant)).max()
    }

    /// Ends the visit where what it was decided by is no longer so, whatever the watches have told until now.
    pub(crate) async fn assert_grounds(&self, grounds: &Grounds) -> Step<()> {
        let Grounds { parents, namespace } = grounds;
        for ground in parents {
            match ground.key.kind {
                KindName::EntraTenant => self.assert_ground::<EntraTenant>(ground).await?,
                KindName::Catalog => self.assert_ground::<Catalog>(ground).await?,
                KindName::ConnectedOrganization => self.assert_ground::<ConnectedOrganization>(ground).await?,
                KindName::AccessPackage => self.assert_ground::<AccessPackage>(ground).await?,
                KindName::AssignmentPolicy => self.assert_ground::<AssignmentPolicy>(ground).await?,
            }
        }
        let Some((namespace, labels)) = namespace else {
            return Ok(());
        };
        let read = Api::<Namespace>::all(self.client.clone())
            .get_metadata_opt(namespace)
            .await;
        let read = read.map_err(|error| kubernetes("reading the namespace", &error))?;
        // No labels are an empty set of them: the API server leaves it out.
        let now = read.map(|namespace| namespace.metadata.labels.unwrap_or_default());
        if now.as_ref() == labels.as_deref() {
            return Ok(());
        }
        self.cluster.hears_labels(namespace, now);
        Err(Halt::stale())
    }

    async fn assert_ground<K: Kind>(&self, ground: &Ground) -> Step<()> {
        let Place { namespace, name } = &ground.key.place;
        let read = K::api(&self.client, namespace.as_deref()).get_opt(name).await;
        let now = read.map_err(|error| kubernetes(&format!("reading {} {name:?}", K::KIND.name()), &error))?;
        if now.as_ref().map(Form::of) == ground.form {
            return Ok(());
        }
        match &now {
            Some(now) => self.cluster.hears(now),
            None => self.cluster.hears_of_none::<K>(&ground.key.place),
        }
        Err(Halt::stale())
    }

    /// Waits until the whole cluster is known, then enters who holds what: before the first write, not after.
    pub(crate) async fn wait_until_ready(&self) -> Step<()> {
        self.cluster.filled().await;
        self.claims_entered.get_or_init(|| self.enter_claims());
        Ok(())
    }

    fn enter_claims(&self) {
        let mut holdings = Holdings {
            cluster: &self.cluster,
            held: Vec::new(),
        };
        each_kind(&mut holdings);
        let mut held = holdings.held;
        held.sort_by(|one, other| (&one.0, &one.2.name).cmp(&(&other.0, &other.2.name)));
        for (_, entra, holder) in &held {
            // The older one holds it; the younger finds out at its own visit.
            let _ = self.claims.claim(entra, holder);
        }
    }

    /// The tenant behind an EntraTenant, ready to be spoken to.
    pub(crate) async fn tenant(&self, name: &str) -> Step<Arc<Tenant>> {
        let found = self.cluster.tenant(name).ok_or_else(|| {
            Halt::reference(Problem::new(
                Reason::TenantNotFound,
                format!("spec.tenantRef: no EntraTenant {name:?} exists; create it, or correct the name"),
            ))
        })?;
        let object = found.read().map_err(|unreadable| {
            Halt::reference(Problem::new(
                Reason::TenantNotReady,
                format!("EntraTenant {name:?} cannot be read: {}", unreadable.error),
            ))
        })?;
        let known = self.known_tenant(name).filter(|tenant| tenant.is_current(object));
        match object.status.as_ref().and_then(ManagedStatus::ready) {
            Some(condition) if condition.status == "True" => {}
            // Its weather is known better than the word of a while ago.
            Some(condition) if condition.reason == Reason::Unreachable.name() && known.is_some() => {}
            // Graph's outage is not the objects' fault: what was ready stays so, and the tenant finds out when it is over.
            Some(condition) if condition.reason == Reason::Unreachable.name() => {
                return Err(Halt::sync(
                    Reason::GraphUnavailable,
                    format!("EntraTenant {name:?} cannot be reached: {}", condition.message),
                    Retry::OnReturn,
                ));
            }
            // It is being deleted and waits for its objects, which need it to go.
            Some(condition) if condition.reason == Reason::DependantsRemain.name() => {}
            Some(condition) => {
                let words = format!(
                    "EntraTenant {name:?} is not ready: {}: {}",
                    condition.reason, condition.message
                );
                return Err(Halt::reference(Problem::new(Reason::TenantNotReady, words)));
            }
            None => {
                return Err(Halt::reference(Problem::new(
                    Reason::TenantNotReady,
                    format!("EntraTenant {name:?} is being connected"),
                )));
            }
        }
        let tenant = match known {
            Some(tenant) => tenant,
            None => self.connect(object).await?,
        };
        tenant.is_there()?;
        Ok(tenant)
    }

    /// The object waits for Graph to be back.
    pub(crate) fn awaits_return(&self, key: Key) {
        let mut awaiting = self.awaiting.lock().unwrap_or_else(PoisonError::into_inner);
        awaiting.insert(key);
    }

    /// Graph answers: whoever of the tenant has waited for that is woken in turn, catalog by catalog, so that not all come in
    /// one second.
    pub(crate) fn returns(&self, tenant: &str) {
        let mut awaiting = self.awaiting.lock().unwrap_or_else(PoisonError::into_inner);
        if awaiting.is_empty() {
            return;
        }
        let mut groups = self.cluster.below_tenant(tenant);
        for group in &mut groups {
            group.retain(|key| awaiting.remove(key));
        }
        drop(awaiting);
        groups.retain(|group| !group.is_empty());
        let (alarm, clock) = (self.alarm.clone(), self.clock.clone());
        self.machine
            .start(async move { alarm.ring_in_turn(&clock, groups).await });
    }

    /// The drift interval of an object's tenant; the usual one where it has none.
    pub(crate) fn drift_interval(&self, key: &Key) -> Duration {
        self.cluster.drift_interval(key).unwrap_or(DRIFT_INTERVAL)
    }

    /// Those whose visit was forgotten, who have to be woken. That there are any is a defect, and is told.
    pub(crate) fn forgotten(&self) -> Vec<Key> {
        let forgotten = self
            .attendance
            .forgotten(self.clock.instant(), |key| self.drift_interval(key));
        for Key { kind, place } in &forgotten {
            let Place { namespace, name } = place;
            tracing::error!(
                kind = kind.name(),
                namespace,
                name,
                "the object was not visited when it was due, and nothing kept it: it is visited now; please report this"
            );
            self.metrics.forgotten(kind.name());
        }
        forgotten
    }

    /// The tenant that an object of Entra goes by: the one that its Catalog names, in life and in death. Where the Catalog is
    /// gone, or cannot be told to name one, the only one that reaches the tenant.
    pub(crate) async fn tenant_of(&self, entra: &EntraObject) -> Step<Arc<Tenant>> {
        let catalogs = self.cluster.catalogs_of_entra(entra);
        match catalogs.iter().find_map(Lookup::parent_name) {
            Some(name) => self.tenant(name).await,
            None => self.tenant_reaching(&entra.tenant_id).await,
        }
    }

    /// The only EntraTenant that reaches this tenant.
    pub(crate) async fn tenant_reaching(&self, tenant_id: &str) -> Step<Arc<Tenant>> {
        let orphan = format!(
            "let this object go without touching Entra: annotate it with {}=true",
            crate::api::ORPHAN
        );
        let words = match self.cluster.tenants_reaching(tenant_id).as_slice() {
            [tenant] => return self.tenant(&tenant.name_any()).await,
            [] => format!("no EntraTenant reaches tenant {tenant_id}; create one, or {orphan}"),
            several => {
                let mut names: Vec<String> = several.iter().map(ResourceExt::name_any).collect();
                names.sort();
                format!(
                    "{} all reach tenant {tenant_id}, and the Catalog that says which of them is meant is gone; create it again, or {orphan}",
                    names.join(", ")
                )
            }
        };
        Err(Halt::reference(Problem::new(Reason::TenantNotFound, words)))
    }

    /// Whether the tenant is only observed as of now.
    pub(crate) fn is_observed(&self, name: &str) -> bool {
        let tenant = self.cluster.tenant(name);
        let readable = tenant.as_ref().and_then(Lookup::readable);
        readable.is_some_and(|tenant| tenant.spec.management() == crate::api::Management::Observe)
    }

    pub(crate) fn known_tenant(&self, name: &str) -> Option<Arc<Tenant>> {
        self.tenants
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Reads the credentials and keeps the tenant; the one that is known stays where nothing changed.
    pub(crate) async fn connect(&self, object: &EntraTenant) -> Step<Arc<Tenant>> {
        let secrets = Secrets::new(self.client.clone(), &self.settings.namespace);
        let credential = credential(&secrets, object).await?;
        let name = object.name_any();
        if let Some(tenant) = self
            .known_tenant(&name)
            .filter(|tenant| tenant.is_same(object, &credential))
        {
            return Ok(tenant);
        }
        let tenant = Arc::new(Tenant::new(
            &self.settings,
            object,
            credential,
            self.graph_observer(),
            self.weather_of(&name),
            &self.machine,
        )?);
        self.tenants
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, Arc::clone(&tenant));
        Ok(tenant)
    }

    fn graph_observer(&self) -> Observer {
        let metrics = Arc::clone(&self.metrics);
        Arc::new(move |exchange| {
            metrics.graph_answered(exchange);
            ledger::enter(exchange);
        })
    }

    /// Wakes the EntraTenant when Graph goes away, and when it is back: it tells.
    fn weather_of(&self, tenant: &str) -> Weather {
        let key = Key {
            kind: KindName::EntraTenant,
            place: Place::new(None, tenant),
        };
        let alarm = self.alarm.clone();
        Arc::new(move || alarm.ring(key.clone()))
    }

    pub(crate) fn forget_tenant(&self, name: &str) {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The labels of a namespace, where it is known.
    pub(crate) fn labels(&self, namespace: &str) -> Option<Arc<Labels>> {
        self.cluster.labels(namespace)
    }

    /// The object is gone.
    pub(crate) fn forget(&self, key: &Key, title: &str, uid: &str) {
        self.claims.forget(uid);
        self.awaiting.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.succeeded(title);
        self.tells_refusal(title, None);
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.retain(|key, _| !key.starts_with(uid));
        drop(rests);
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.compared.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.ready_once
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(uid);
    }

    /// When this process began to work.
    pub(crate) fn since(&self) -> Timestamp {
        Timestamp::from_second(self.since).unwrap_or(Timestamp::UNIX_EPOCH) // it was a timestamp
    }

    /// The create for the object of this uid that this nonce marks is about to be sent.
    pub(crate) fn begins_attempt(&self, uid: &str, nonce: &str) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.insert(uid.to_owned(), (nonce.to_owned(), None));
    }

    /// The create for the object of this uid that this nonce marks was answered or given up: nothing of it is under way.
    pub(crate) fn ends_attempt(&self, uid: &str, nonce: &str) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.insert(uid.to_owned(), (nonce.to_owned(), Some(self.now())));
    }

    /// When the create that this nonce marks was answered or given up; none while it is under way. One that this process
    /// did not begin was begun by one that had ended before this one began to work, or by one that works beside it for a moment:
    /// the time of the intent tells which.
    pub(crate) fn attempt_ended(&self, uid: &str, nonce: &str) -> Option<Timestamp> {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        match attempts.get(uid) {
            Some((marked, ended)) if marked == nonce => *ended,
            Some(_) | None => Some(self.since()),
        }
    }

    /// The create for this generation of the object was refused: it rests, longer each time, whatever wakes the object, its own
    /// intent that comes and goes among it.
    pub(crate) fn rest(&self, uid: &str, generation: i64, problem: &Problem, longest: Duration) {
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let before = rests.get(uid).filter(|rest| rest.generation == generation);
        let count = before.map_or(0, |rest| rest.count.saturating_add(1));
        let pause = Duration::from_secs(1) * 2_u32.pow(count.min(8));
        let rest = Rest {
            generation,
            count,
            until: self.clock.instant() + pause.min(longest),
            problem: problem.clone(),
        };
        rests.insert(uid.to_owned(), rest);
    }

    /// What a create for this generation was refused with, and how long it still rests.
    pub(crate) fn rests(&self, uid: &str, generation: i64) -> Option<(Problem, Duration)> {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = rests.get(uid).filter(|rest| rest.generation == generation)?;
        let left = rest.until.saturating_duration_since(self.clock.instant());
        (!left.is_zero()).then(|| (rest.problem.clone(), left))
    }

    /// Whether a create for this generation was refused, however long ago.
    pub(crate) fn was_refused(&self, uid: &str, generation: i64) -> bool {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.get(uid).is_some_and(|rest| rest.generation == generation)
    }

    /// Whether this refusal of the object's status is news; none ends the one before.
    pub(crate) fn tells_refusal(&self, key: &str, refusal: Option<String>) -> bool {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        match refusal {
            Some(words) => refusals.insert(key.to_owned(), words.clone()) != Some(words),
            None => {
                refusals.remove(key);
                false
            }
        }
    }

    /// The object has failed: how long it waits by how often it has in a row.
    pub(crate) fn failed(&self, key: &str, wait: impl Fn(u32) -> Duration) -> Duration {
        let now = self.clock.instant();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.entry(key.to_owned()).or_default().failed.once_more(now, wait)
    }

    /// The object was once more not what a visit began from: how soon the next one begins.
    pub(crate) fn went_stale(&self, key: &str, drift_interval: Duration) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = failures.entry(key.to_owned()).or_default();
        counts
            .stale
            .again(self.clock.instant(), |count| stale_wait(count, drift_interval))
    }

    /// For how long a visit is put off, if it is.
    pub(crate) fn put_off(&self, key: &str) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(key)?.stale.left(PUT_OFF, self.clock.instant())
    }

    /// The object was what the visit began from.
    pub(crate) fn was_current(&self, key: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = failures.get_mut(key) {
            counts.stale = InARow::default();
        }
    }

    /// The object was compared with Entra.
    pub(crate) fn was_compared(&self, uid: &str) {
        let now = self.clock.instant();
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        compared.insert(uid.to_owned(), now);
    }

    /// For how long the object has not been compared with Entra: since this process knows it, at most.
    pub(crate) fn uncompared_for(&self, uid: &str) -> Duration {
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *compared.entry(uid.to_owned()).or_insert_with(|| self.clock.instant());
        self.clock.since(since)
    }

    pub(crate) fn succeeded(&self, key: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Who holds what by the statuses of all objects, with the time of the holder's creation. What does not parse holds too.
struct Holdings<'a> {
    cluster: &'a Cluster,
    held: Vec<(Option<Timestamp>, EntraObject, Holder)>,
}

impl KindVisitor for Holdings<'_> {
    fn kind<K: Kind>(&mut self) {
        for object in self.cluster.all::<K>() {
            if let Identity::Known(entra) = object.own_identity() {
                let created = object.meta().creation_timestamp.as_ref().map(|time| time.0);
                self.held.push((created, entra, holder(&object)));
            }
        }
    }
}

/// The object as a holder of claims.
pub(crate) fn holder<K: Resource<DynamicType = ()>>(object: &K) -> Holder {
    Holder {
        name: title(object),
        uid: object.meta().uid.clone().unwrap_or_default(), // never of what the API server has sent
    }
}

/// `AccessPackage marketing/campaign`.
pub(crate) fn title<K: Resource<DynamicType = ()>>(object: &K) -> String {
    let namespace = object
        .namespace()
        .map(|namespace| format!("{namespace}/"))
        // An object of the cluster has none.
        .unwrap_or_default();
    format!("{} {namespace}{}", K::kind(&()), object.name_any())
}
