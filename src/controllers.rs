//! Which news wakes whom.
//!
//! | what changed | wakes | because |
//! |---|---|---|
//! | EntraTenant | its Catalogs | they wait for the tenant to be connected |
//! | Catalog | its EntraTenant | a tenant goes after its catalogs |
//! | Catalog | its AccessPackages and their AssignmentPolicies | ids, resources and grants stand in it |
//! | AccessPackage | its Catalog and its EntraTenant | both go after their packages |
//! | AccessPackage | its AssignmentPolicies | they wait for the package to be whole |
//! | AssignmentPolicy | its AccessPackage and its EntraTenant | policies must stay within the grant for the package's roles |
//! | Namespace | its AccessPackages and AssignmentPolicies | grants select namespaces by label |
//!
//! There is one watch for each kind, and news of it is passed on only after the store has it: whoever is woken finds in
//! the stores what woke it, so that no wake-up is lost to a store that lags behind another's watch.

use std::{
    fmt::Debug,
    future::Future,
    sync::{Arc, atomic::Ordering},
};

use futures::{
    FutureExt, Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::{BoxFuture, join_all},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Config},
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;

use crate::{
    api::{AccessPackage, AssignmentPolicy, Catalog, EntraObject, EntraTenant},
    metrics::Metrics,
    reconcile::{Context, Kind, Settings, Stores, Unfinished, error_policy, find, matching, reconcile, standing},
    server::Health,
};

type Guard<K> = DeserializeGuard<K>;

/// Visits of one kind that run at the same time.
const CONCURRENCY: u16 = 16;

/// Runs every controller until `stop` completes, and until the visits that run then have ended.
///
/// A controller that loses its watch begins it anew.
pub async fn run(
    client: Client,
    settings: Settings,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let (tenants, tenant_writer) = reflector::store();
    let (catalogs, catalog_writer) = reflector::store();
    let (packages, package_writer) = reflector::store();
    let (policies, policy_writer) = reflector::store();
    let (namespaces, namespace_writer) = reflector::store();
    let stores = Stores {
        tenants,
        catalogs,
        packages,
        policies,
        namespaces: namespaces.clone(),
    };

    let (tenant_bell, tenant_rings) = bell();
    let (catalog_bell, catalog_rings) = bell();
    let (package_bell, package_rings) = bell();
    let (policy_bell, policy_rings) = bell();
    let bells = Bells {
        stores: stores.clone(),
        tenants: tenant_bell,
        catalogs: catalog_bell,
        packages: package_bell,
        policies: policy_bell,
    };
    let (filling, filled) = tokio::sync::watch::channel(0);
    let filling = Arc::new(filling);
    let watches: Vec<BoxFuture<'static, ()>> = vec![
        watch(
            all::<EntraTenant>(&client),
            tenant_writer,
            Arc::clone(&filling),
            with(&bells, Bells::tenant_changed),
        ),
        watch(
            all::<Catalog>(&client),
            catalog_writer,
            Arc::clone(&filling),
            with(&bells, Bells::catalog_changed),
        ),
        watch(
            all::<AccessPackage>(&client),
            package_writer,
            Arc::clone(&filling),
            with(&bells, Bells::package_changed),
        ),
        watch(
            all::<AssignmentPolicy>(&client),
            policy_writer,
            Arc::clone(&filling),
            with(&bells, Bells::policy_changed),
        ),
        watch(
            Api::all(client.clone()),
            namespace_writer,
            Arc::clone(&filling),
            with(&bells, Bells::namespace_changed),
        ),
    ];

    let context = Arc::new(Context::new(
        client,
        settings,
        stores.clone(),
        filled.clone(),
        Arc::clone(&metrics),
    ));
    let counted = Arc::downgrade(&context);
    metrics.ask(move || counted.upgrade().map(|context| standing(&context)));
    tokio::spawn(async move {
        let mut filled = filled;
        if filled.wait_for(|filled| *filled >= Stores::COUNT).await.is_ok() {
            health.ready.store(true, Ordering::Relaxed);
        }
    });
    let stop = stop.shared();
    let controllers: Vec<BoxFuture<'static, ()>> = vec![
        drive(stores.tenants, tenant_rings, &context, stop.clone()),
        drive(stores.catalogs, catalog_rings, &context, stop.clone()),
        drive(stores.packages, package_rings, &context, stop.clone()),
        drive(stores.policies, policy_rings, &context, stop),
    ];
    tokio::select! {
        _ = join_all(controllers) => {}
        _ = join_all(watches) => {}
    }
}

fn all<K: Resource<DynamicType = ()>>(client: &Client) -> Api<Guard<K>> {
    Api::all(client.clone())
}

/// One watch: the store first, then the news.
fn watch<T>(
    api: Api<T>,
    writer: Writer<T>,
    filling: Arc<tokio::sync::watch::Sender<usize>>,
    news: impl Fn(&T) + Send + Sync + 'static,
) -> BoxFuture<'static, ()>
where
    T: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let store = writer.as_reader();
    let mut is_filled = false;
    let seen = watcher::watcher(api, watcher::Config::default()).modify(slim);
    let events = reflector::reflector(writer, seen).default_backoff();
    Box::pin(events.for_each(move |event| {
        match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::Delete(object)) => news(&object),
            // A listing becomes visible in the store as a whole, at its end.
            Ok(watcher::Event::InitDone) => {
                if !std::mem::replace(&mut is_filled, true) {
                    filling.send_modify(|filled| *filled += 1);
                }
                store.state().iter().for_each(|object| news(object));
            }
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Err(error) => tracing::warn!(kind = %T::kind(&()), %error, "watching"),
        }
        std::future::ready(())
    }))
}

/// Most of an object's size in memory is who owns which of its fields, and a copy of what was applied. Neither is needed: the
/// API server keeps both where a write leaves them out.
fn slim<T: Resource>(object: &mut T) {
    const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    object.meta_mut().managed_fields = None;
    object.annotations_mut().remove(LAST_APPLIED);
}

fn with<T>(bells: &Bells, news: impl Fn(&Bells, &T) + Send + Sync + 'static) -> impl Fn(&T) + Send + Sync + 'static {
    let bells = bells.clone();
    move |object| news(&bells, object)
}

fn drive<K: Kind>(
    store: Store<Guard<K>>,
    rings: impl Stream<Item = ObjectRef<Guard<K>>> + Send + 'static,
    context: &Arc<Context>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) -> BoxFuture<'static, ()> {
    // Objects of the kind itself ring the same bell, so the stream of its own is silent.
    let silent = futures::stream::pending::<Result<Guard<K>, watcher::Error>>();
    Controller::for_stream(silent, store)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .reconcile_on(rings)
        .graceful_shutdown_on(stop)
        .run(reconcile::<K>, error_policy::<K>, Arc::clone(context))
        .for_each(|result| async move { complain::<K>(result) })
        .boxed()
}

/// What a controller says of one visit.
type VisitResult<K> = Result<(ObjectRef<Guard<K>>, controller::Action), controller::Error<Unfinished, watcher::Error>>;

fn complain<K: Kind>(result: VisitResult<K>) {
    match result {
        // What came of a visit it has told itself.
        Ok(_) | Err(controller::Error::ObjectNotFound(_) | controller::Error::ReconcilerFailed(..)) => {}
        Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "queueing"),
    }
}

/// Wakes the visits of one kind.
type Bell<K> = UnboundedSender<ObjectRef<Guard<K>>>;

fn bell<K: Kind>() -> (Bell<K>, UnboundedReceiver<ObjectRef<Guard<K>>>) {
    unbounded()
}

/// From an object that changed to those that point at it, or that it points at.
#[derive(Clone)]
struct Bells {
    stores: Stores,
    tenants: Bell<EntraTenant>,
    catalogs: Bell<Catalog>,
    packages: Bell<AccessPackage>,
    policies: Bell<AssignmentPolicy>,
}

impl Bells {
    fn tenant_changed(&self, tenant: &Guard<EntraTenant>) {
        ring(&self.tenants, tenant);
        let name = tenant.name_any();
        for catalog in matching(&self.stores.catalogs, |catalog| catalog.spec.tenant_ref.name == name) {
            ring(&self.catalogs, &catalog);
            // They follow the tenant's mode and its drift interval, which their catalog need not show.
            self.ring_packages(&catalog.name_any());
        }
    }

    fn catalog_changed(&self, catalog: &Guard<Catalog>) {
        ring(&self.catalogs, catalog);
        if let Ok(catalog) = &catalog.0 {
            self.ring_tenant(&catalog.spec.tenant_ref.name);
        }
        self.ring_packages(&catalog.name_any());
    }

    fn package_changed(&self, package: &Guard<AccessPackage>) {
        ring(&self.packages, package);
        if let Ok(package) = &package.0 {
            if let Some(catalog) = find(&self.stores.catalogs, None, &package.spec.catalog_ref.name) {
                ring(&self.catalogs, &catalog);
            }
            self.ring_tenant_of(
                package
                    .status
                    .as_ref()
                    .and_then(|status| status.identity.entra.as_ref()),
            );
            self.ring_policies(package);
        }
    }

    fn policy_changed(&self, policy: &Guard<AssignmentPolicy>) {
        ring(&self.policies, policy);
        if let Ok(policy) = &policy.0 {
            let namespace = policy.namespace();
            let package = find(
                &self.stores.packages,
                namespace.as_deref(),
                &policy.spec.access_package_ref.name,
            );
            if let Some(package) = package {
                ring(&self.packages, &package);
            }
            self.ring_tenant_of(policy.status.as_ref().and_then(|status| status.identity.entra.as_ref()));
        }
    }

    fn namespace_changed(&self, namespace: &PartialObjectMeta<Namespace>) {
        let name = namespace.metadata.name.as_deref();
        for package in matching(&self.stores.packages, |package| package.namespace().as_deref() == name) {
            ring(&self.packages, &package);
            self.ring_policies(&package);
        }
    }

    fn ring_packages(&self, catalog: &str) {
        for package in matching(&self.stores.packages, |package| {
            package.spec.catalog_ref.name == catalog
        }) {
            ring(&self.packages, &package);
            self.ring_policies(&package);
        }
    }

    fn ring_policies(&self, package: &AccessPackage) {
        let (namespace, name) = (package.namespace(), package.name_any());
        let policies = matching(&self.stores.policies, |policy| {
            policy.namespace() == namespace && policy.spec.access_package_ref.name == name
        });
        for policy in policies {
            ring(&self.policies, &policy);
        }
    }

    fn ring_tenant(&self, name: &str) {
        if let Some(tenant) = find(&self.stores.tenants, None, name) {
            ring_if_deleted(&self.tenants, &tenant);
        }
    }

    fn ring_tenant_of(&self, entra: Option<&EntraObject>) {
        let Some(entra) = entra else { return };
        let reaching = |tenant: &EntraTenant| tenant.spec.tenant_id.eq_ignore_ascii_case(&entra.tenant_id);
        for tenant in matching(&self.stores.tenants, reaching) {
            ring_if_deleted(&self.tenants, &tenant);
        }
    }
}

/// A tenant cares for its objects only when it is about to go.
fn ring_if_deleted(bell: &Bell<EntraTenant>, tenant: &EntraTenant) {
    if tenant.metadata.deletion_timestamp.is_some() {
        ring(bell, tenant);
    }
}

fn ring<K, T>(bell: &Bell<K>, object: &T)
where
    K: Kind,
    T: Resource<DynamicType = ()>,
{
    let reference = ObjectRef::new(&object.name_any());
    let reference = match object.namespace() {
        Some(namespace) => reference.within(&namespace),
        None => reference,
    };
    // Fails only when the controller has ended, and then nobody needs to be woken.
    let _ = bell.unbounded_send(reference);
}
