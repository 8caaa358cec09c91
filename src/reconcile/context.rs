//! What every visit may use: the cluster's objects, the tenants, the claims, the clock.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta, object::HasStatus},
    runtime::reflector::{ObjectRef, Store},
};
use tokio::sync::watch;

use super::{
    claims::{Claims, Holder},
    credentials::{Secrets, credential},
    events::Events,
    halt::{Halt, Retry, Step},
    identity, ledger,
    settings::Settings,
    tenant::Tenant,
};
use crate::{
    api::{AccessPackage, AssignmentPolicy, Catalog, EntraObject, EntraStatus, EntraTenant, ManagedStatus, Reason},
    graph::Observer,
    metrics::Metrics,
    plan::Problem,
};

/// An object as the stores hold it: one that does not parse is there too, with its error.
pub(crate) type Guarded<K> = DeserializeGuard<K>;

/// The cluster's objects as last seen.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) tenants: Store<Guarded<EntraTenant>>,
    pub(crate) catalogs: Store<Guarded<Catalog>>,
    pub(crate) packages: Store<Guarded<AccessPackage>>,
    pub(crate) policies: Store<Guarded<AssignmentPolicy>>,
    pub(crate) namespaces: Store<PartialObjectMeta<Namespace>>,
}

impl Stores {
    /// How many there are.
    pub(crate) const COUNT: usize = 5;
}

/// Shared by all controllers.
pub struct Context {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) stores: Stores,
    pub(crate) claims: Claims,
    pub(crate) metrics: Arc<Metrics>,
    tenants: Mutex<HashMap<String, Arc<Tenant>>>,
    failures: Mutex<HashMap<String, u32>>,
    pub(super) events: Events,
    /// How many stores are filled.
    filled: watch::Receiver<usize>,
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
        stores: Stores,
        filled: watch::Receiver<usize>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let events = Events::new(client.clone(), settings.pod_name.clone());
        Self {
            client,
            settings,
            stores,
            claims: Claims::default(),
            metrics,
            tenants: Mutex::default(),
            failures: Mutex::default(),
            events,
            filled,
            claims_entered: OnceLock::new(),
            since: time().as_second(),
            ready_once: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        time()
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
                .first_ready(&K::kind(&()), Duration::try_from(after).unwrap_or_default());
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

    /// Waits until every store is filled, then enters who holds what: before the first write, not after.
    pub(crate) async fn wait_until_ready(&self) -> Step<()> {
        self.filled
            .clone()
            .wait_for(|filled| *filled >= Stores::COUNT)
            .await
            .map_err(|_| Halt::stale())?;
        self.claims_entered.get_or_init(|| self.enter_claims());
        Ok(())
    }

    fn enter_claims(&self) {
        let mut held = holdings(&self.stores.catalogs);
        held.extend(holdings(&self.stores.packages));
        held.extend(holdings(&self.stores.policies));
        held.sort_by(|one, other| (&one.0, &one.2.name).cmp(&(&other.0, &other.2.name)));
        for (_, entra, holder) in &held {
            // The older one holds it; the younger finds out at its own visit.
            let _ = self.claims.claim(entra, holder);
        }
    }

    /// The tenant behind an EntraTenant, ready to be spoken to.
    pub(crate) async fn tenant(&self, name: &str) -> Step<Arc<Tenant>> {
        let object = find(&self.stores.tenants, None, name).ok_or_else(|| {
            Halt::reference(Problem::new(
                Reason::TenantNotFound,
                format!("spec.tenantRef: no EntraTenant {name:?} exists; create it, or correct the name"),
            ))
        })?;
        match object.status.as_ref().and_then(ManagedStatus::ready) {
            Some(condition) if condition.status == "True" => {}
            // Graph's outage is not the objects' fault: what was ready stays so, and the tenant finds out when it is over.
            Some(condition) if condition.reason == Reason::Unreachable.name() => {
                return Err(Halt::sync(
                    Reason::GraphUnavailable,
                    format!("EntraTenant {name:?} cannot be reached: {}", condition.message),
                    Retry::Backoff,
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
        if let Some(tenant) = self.known_tenant(name).filter(|tenant| tenant.is_current(&object)) {
            return Ok(tenant);
        }
        self.connect(&object).await
    }

    /// The tenant of this id, for objects whose Catalog is gone: the only one that reaches it.
    pub(crate) async fn tenant_of(&self, tenant_id: &str) -> Step<Arc<Tenant>> {
        let reaching = |tenant: &EntraTenant| tenant.spec.tenant_id.eq_ignore_ascii_case(tenant_id);
        let orphan = format!(
            "let this object go without touching Entra: annotate it with {}=true",
            crate::api::ORPHAN
        );
        let words = match matching(&self.stores.tenants, reaching).as_slice() {
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
        find(&self.stores.tenants, None, name)
            .is_some_and(|tenant| tenant.spec.management() == crate::api::Management::Observe)
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
        let tenant = Arc::new(Tenant::new(&self.settings, object, credential, self.graph_observer())?);
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

    pub(crate) fn forget_tenant(&self, name: &str) {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The labels of a namespace, where it is known.
    pub(crate) fn labels(&self, namespace: &str) -> Option<std::collections::BTreeMap<String, String>> {
        let found = self.stores.namespaces.get(&ObjectRef::new(namespace))?;
        Some(found.metadata.labels.clone().unwrap_or_default())
    }

    /// How often the object has failed in a row, this time included.
    pub(crate) fn failed(&self, key: &str) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(key.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn succeeded(&self, key: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// The one place that asks the time.
#[expect(clippy::disallowed_methods, reason = "somebody has to ask")]
fn time() -> Timestamp {
    Timestamp::now()
}

/// Who holds what by the statuses of a store, with the time of the holder's creation.
fn holdings<K>(store: &Store<Guarded<K>>) -> Vec<(Option<Timestamp>, EntraObject, Holder)>
where
    K: Resource<DynamicType = ()> + HasStatus<Status: EntraStatus> + Clone + 'static,
{
    let objects = store.state();
    let objects = objects.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    objects
        .filter_map(|object| {
            let created = object.meta().creation_timestamp.as_ref().map(|time| time.0);
            Some((created, identity::own(object)?.clone(), holder(object)))
        })
        .collect()
}

/// The object as a holder of claims.
pub(crate) fn holder<K: Resource<DynamicType = ()>>(object: &K) -> Holder {
    Holder {
        name: title(object),
        uid: object.meta().uid.clone().unwrap_or_default(),
    }
}

/// `AccessPackage marketing/campaign`.
pub(crate) fn title<K: Resource<DynamicType = ()>>(object: &K) -> String {
    let namespace = object
        .namespace()
        .map(|namespace| format!("{namespace}/"))
        .unwrap_or_default();
    format!("{} {namespace}{}", K::kind(&()), object.name_any())
}

/// The objects of a store that could be read and that `wanted` takes; only those are copied.
pub(crate) fn matching<K>(store: &Store<Guarded<K>>, wanted: impl Fn(&K) -> bool) -> Vec<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let objects = store.state();
    objects
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok())
        .filter(|object| wanted(object))
        .cloned()
        .collect()
}

/// The object of this name.
pub(crate) fn find<K>(store: &Store<Guarded<K>>, namespace: Option<&str>, name: &str) -> Option<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let key = ObjectRef::<Guarded<K>>::new(name);
    let key = match namespace {
        Some(namespace) => key.within(namespace),
        None => key,
    };
    store.get(&key).and_then(|guarded| guarded.0.as_ref().ok().cloned())
}
