//! Which news wakes whom.
//!
//! | what changed | wakes | because |
//! |---|---|---|
//! | EntraTenant | its Catalogs | they wait for the tenant to be connected |
//! | Catalog | its EntraTenant | a tenant goes after its catalogs |
//! | Catalog | its AccessPackages and their AssignmentPolicies | ids, resources and grants stand in it |
//! | AccessPackage | its Catalog | a catalog goes after its packages |
//! | AccessPackage | its AssignmentPolicies | they wait for the package to be whole |
//! | AssignmentPolicy | its AccessPackage | policies must stay within the grant for the package's roles |
//! | Namespace | its AccessPackages and AssignmentPolicies | grants select namespaces by label |

use std::{fmt, future::Future, sync::Arc};

use futures::{StreamExt, future::join_all};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Config},
        events::{Recorder, Reporter},
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};

use crate::{
    api::{AccessPackage, AssignmentPolicy, Catalog, EntraTenant},
    reconcile::{Context, Kind, Settings, Stores, Unfinished, error_policy, find, parsed, reconcile},
};

type Guard<K> = DeserializeGuard<K>;

/// Visits of one kind that run at the same time.
const CONCURRENCY: u16 = 16;

/// Runs every controller until `stop` completes, and until the visits that run then have ended.
///
/// A controller that loses its watch begins it anew.
pub async fn run(client: Client, settings: Settings, stop: impl Future<Output = ()> + Send + 'static) {
    let tenants = controller::<EntraTenant>(&client);
    let catalogs = controller::<Catalog>(&client);
    let packages = controller::<AccessPackage>(&client);
    let policies = controller::<AssignmentPolicy>(&client);
    let (namespaces, namespace_writer) = reflector::store();
    let stores = Stores {
        tenants: tenants.store(),
        catalogs: catalogs.store(),
        packages: packages.store(),
        policies: policies.store(),
        namespaces,
    };
    let reporter = Reporter { controller: "entra-access-operator".into(), instance: settings.pod_name.clone() };
    let recorder = Recorder::new(client.clone(), reporter);
    let maps = Maps {
        tenants: tenants.store(),
        catalogs: catalogs.store(),
        packages: packages.store(),
        policies: policies.store(),
    };
    let context = Arc::new(Context::new(client.clone(), settings, stores, recorder));

    let map = maps.clone();
    let tenants = tenants.watches(all::<Catalog>(&client), watcher::Config::default(), move |catalog| map.tenant_of(&catalog));
    let map = maps.clone();
    let catalogs = catalogs.watches(all::<EntraTenant>(&client), watcher::Config::default(), move |tenant| map.catalogs_of(&tenant));
    let map = maps.clone();
    let catalogs = catalogs.watches(all::<AccessPackage>(&client), watcher::Config::default(), move |package| map.catalog_of(&package));
    let map = maps.clone();
    let packages = packages.watches(all::<Catalog>(&client), watcher::Config::default(), move |catalog| map.packages_of(&catalog));
    let map = maps.clone();
    let packages = packages.watches(all::<AssignmentPolicy>(&client), watcher::Config::default(), move |policy| map.package_of(&policy));
    let map = maps.clone();
    let policies = policies.watches(all::<AccessPackage>(&client), watcher::Config::default(), move |package| map.policies_of(&package));
    let map = maps.clone();
    let policies = policies.watches(all::<Catalog>(&client), watcher::Config::default(), move |catalog| map.policies_in(&catalog));
    let namespace_api: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
    let map = maps.clone();
    let packages = packages.watches(namespace_api.clone(), watcher::Config::default(), move |namespace| map.packages_within(&namespace));
    let map = maps.clone();
    let policies = policies.watches(namespace_api.clone(), watcher::Config::default(), move |namespace| map.policies_within(&namespace));
    let namespaces = reflector::reflector(namespace_writer, watcher::watcher(namespace_api, watcher::Config::default()))
        .default_backoff()
        .for_each(|event| async move {
            if let Err(error) = event {
                tracing::warn!(%error, "watching namespaces");
            }
        });

    let (stopper, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        stop.await;
        let _ = stopper.send(true);
    });
    let controllers: Vec<futures::future::BoxFuture<'static, ()>> = vec![
        Box::pin(drive(tenants, &context, stopped.clone())),
        Box::pin(drive(catalogs, &context, stopped.clone())),
        Box::pin(drive(packages, &context, stopped.clone())),
        Box::pin(drive(policies, &context, stopped)),
    ];
    tokio::select! {
        _ = join_all(controllers) => {}
        () = namespaces => {}
    }
}

fn all<K: Resource<DynamicType = ()>>(client: &Client) -> Api<Guard<K>> {
    Api::all(client.clone())
}

fn controller<K>(client: &Client) -> Controller<Guard<K>>
where
    K: Kind,
{
    Controller::new(all::<K>(client), watcher::Config::default()).with_config(Config::default().concurrency(CONCURRENCY))
}

fn drive<K: Kind>(
    controller: Controller<Guard<K>>,
    context: &Arc<Context>,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + 'static + use<K> {
    controller
        .graceful_shutdown_on(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        })
        .run(reconcile::<K>, error_policy::<K>, Arc::clone(context))
        .for_each(|result| async move { complain::<K>(result) })
}

fn complain<K: Kind>(result: Result<(ObjectRef<Guard<K>>, controller::Action), controller::Error<Unfinished, watcher::Error>>) {
    match result {
        Ok(_) | Err(controller::Error::ObjectNotFound(_)) => {}
        Err(controller::Error::ReconcilerFailed(error, object)) => {
            tracing::debug!(object = %Named(object.name.as_str(), object.namespace.as_deref()), %error, "to be visited again");
        }
        Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "watching"),
    }
}

struct Named<'a>(&'a str, Option<&'a str>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(namespace) => write!(formatter, "{namespace}/{}", self.0),
            None => formatter.write_str(self.0),
        }
    }
}

/// From an object that changed to those that point at it, or that it points at.
#[derive(Clone)]
struct Maps {
    tenants: Store<Guard<EntraTenant>>,
    catalogs: Store<Guard<Catalog>>,
    packages: Store<Guard<AccessPackage>>,
    policies: Store<Guard<AssignmentPolicy>>,
}

impl Maps {
    fn tenant_of(&self, catalog: &Guard<Catalog>) -> Option<ObjectRef<Guard<EntraTenant>>> {
        let catalog = catalog.0.as_ref().ok()?;
        let name = &catalog.spec.tenant_ref.name;
        find(&self.tenants, None, name).map(|_| ObjectRef::new(name))
    }

    fn catalogs_of(&self, tenant: &Guard<EntraTenant>) -> Vec<ObjectRef<Guard<Catalog>>> {
        let name = tenant.name_any();
        let catalogs = parsed(&self.catalogs).filter(|catalog| catalog.spec.tenant_ref.name == name);
        catalogs.map(|catalog| reference(&catalog)).collect()
    }

    fn catalog_of(&self, package: &Guard<AccessPackage>) -> Option<ObjectRef<Guard<Catalog>>> {
        let package = package.0.as_ref().ok()?;
        let name = &package.spec.catalog_ref.name;
        find(&self.catalogs, None, name).map(|_| ObjectRef::new(name))
    }

    fn packages_of(&self, catalog: &Guard<Catalog>) -> Vec<ObjectRef<Guard<AccessPackage>>> {
        let name = catalog.name_any();
        let packages = parsed(&self.packages).filter(|package| package.spec.catalog_ref.name == name);
        packages.map(|package| reference(&package)).collect()
    }

    fn package_of(&self, policy: &Guard<AssignmentPolicy>) -> Option<ObjectRef<Guard<AccessPackage>>> {
        let policy = policy.0.as_ref().ok()?;
        let (namespace, name) = (policy.namespace()?, &policy.spec.access_package_ref.name);
        find(&self.packages, Some(&namespace), name).map(|_| ObjectRef::new(name).within(&namespace))
    }

    fn policies_of(&self, package: &Guard<AccessPackage>) -> Vec<ObjectRef<Guard<AssignmentPolicy>>> {
        let (namespace, name) = (package.namespace(), package.name_any());
        let policies = parsed(&self.policies)
            .filter(|policy| policy.namespace() == namespace && policy.spec.access_package_ref.name == name);
        policies.map(|policy| reference(&policy)).collect()
    }

    fn policies_in(&self, catalog: &Guard<Catalog>) -> Vec<ObjectRef<Guard<AssignmentPolicy>>> {
        let name = catalog.name_any();
        let packages = parsed(&self.packages).filter(|package| package.spec.catalog_ref.name == name);
        packages.flat_map(|package| self.policies_of(&DeserializeGuard(Ok(package)))).collect()
    }

    fn packages_within(&self, namespace: &PartialObjectMeta<Namespace>) -> Vec<ObjectRef<Guard<AccessPackage>>> {
        let name = namespace.metadata.name.clone();
        parsed(&self.packages).filter(|package| package.namespace() == name).map(|package| reference(&package)).collect()
    }

    fn policies_within(&self, namespace: &PartialObjectMeta<Namespace>) -> Vec<ObjectRef<Guard<AssignmentPolicy>>> {
        let name = namespace.metadata.name.clone();
        parsed(&self.policies).filter(|policy| policy.namespace() == name).map(|policy| reference(&policy)).collect()
    }
}

fn reference<K: Resource<DynamicType = ()>>(object: &K) -> ObjectRef<Guard<K>> {
    let reference = ObjectRef::new(&object.name_any());
    match object.namespace() {
        Some(namespace) => reference.within(&namespace),
        None => reference,
    }
}
