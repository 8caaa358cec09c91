//! What a tenant holds, read in bulk and shared by all objects of the tenant.
//!
//! Lists and expanded collections of entitlement management lag behind writes; reads of one object do not, except for
//! the role scopes expanded in it. So: a list is believed for what it shows, an object that a list lacks is asked for
//! by its id before it is called absent, and role scopes that we wrote ourselves are remembered until they must show.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::halt::{Halt, Retry, Step};
use crate::{
    api::Reason,
    graph::{
        AccessPackage, AccessPackageId, AssignmentPolicy, Catalog, CatalogId, Graph, GraphErrorKind, Listed,
        OriginSystem, PolicyId, Read, Resource, ResourceRole, ResourceRoleScope, ResourceRoleScopeId,
    },
};

/// How long what we made ourselves is taken to hold nothing but what we put there: a look would tell nothing new.
const INFANCY: Duration = Duration::from_secs(10);

/// How recent an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Read at most this long ago.
    Within(Duration),
    /// Read now, by its id.
    Now,
}

/// The view of one tenant.
pub(crate) struct Inventory {
    graph: Graph,
    /// How long a write may take to show in a list.
    visibility: Duration,
    catalogs: Mutex<Option<(Instant, Vec<Catalog>)>>,
    /// When the catalogs were listed, for whoever must not wait for a list under way.
    listed: SyncMutex<Option<Instant>>,
    views: SyncMutex<HashMap<CatalogId, Arc<Mutex<CatalogView>>>>,
}

#[derive(Default)]
struct CatalogView {
    /// When the packages were last read as a list.
    packages_read: Option<Instant>,
    packages: HashMap<AccessPackageId, AccessPackage>,
    resources: Option<(Instant, Vec<Resource>)>,
    /// Made by us, at this time: until then it held nothing.
    born: Option<Instant>,
    packages_born: HashMap<AccessPackageId, Instant>,
    role_writes: Vec<RoleWrite>,
    requested: HashMap<String, Instant>,
    app_roles: HashMap<String, (Instant, Vec<ResourceRole>)>,
}

struct RoleWrite {
    at: Instant,
    package: AccessPackageId,
    what: RoleChange,
}

enum RoleChange {
    Added(ResourceRoleScope),
    Removed(ResourceRoleScopeId),
}

impl Inventory {
    pub(crate) fn new(graph: Graph, visibility: Duration) -> Self {
        Self {
            graph,
            visibility,
            catalogs: Mutex::new(None),
            listed: SyncMutex::default(),
            views: SyncMutex::default(),
        }
    }

    fn view(&self, catalog: &CatalogId) -> Arc<Mutex<CatalogView>> {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(views.entry(catalog.clone()).or_default())
    }

    /// The tenant's catalogs, as far as we may see them.
    pub(crate) async fn catalogs(&self, freshness: Freshness) -> Result<Vec<Catalog>, crate::graph::GraphError> {
        let mut known = self.catalogs.lock().await;
        if let (Freshness::Within(age), Some((at, catalogs))) = (freshness, known.as_ref())
            && at.elapsed() < age
        {
            return Ok(catalogs.clone());
        }
        let catalogs = self.graph.list_catalogs().await?.provisional();
        let now = Instant::now();
        *known = Some((now, catalogs.clone()));
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(catalogs)
    }

    /// How long ago the tenant's catalogs were listed; none where they have not been.
    pub(crate) fn age(&self) -> Option<Duration> {
        let listed = *self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.map(|at| at.elapsed())
    }

    /// One catalog; `None` where it certainly does not exist.
    pub(crate) async fn catalog(&self, id: &CatalogId, freshness: Freshness) -> Step<Option<Catalog>> {
        let listed = match freshness {
            Freshness::Within(_) => self.catalogs(freshness).await?,
            Freshness::Now => Vec::new(),
        };
        if let Some(catalog) = listed.into_iter().find(|catalog| catalog.id == *id) {
            return Ok(Some(catalog));
        }
        match self.graph.get_catalog(id).await {
            Ok(Some(catalog)) => {
                self.remember_catalog(&catalog).await;
                Ok(Some(catalog))
            }
            Ok(None) => Ok(None),
            // A catalog that we may not see is not a catalog that is gone.
            Err(error) if error.kind == GraphErrorKind::Forbidden => Err(access_lost(&format!("catalog {id}"), &error)),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn remember_catalog(&self, catalog: &Catalog) {
        if let Some((_, catalogs)) = self.catalogs.lock().await.as_mut() {
            catalogs.retain(|known| known.id != catalog.id);
            catalogs.push(catalog.clone());
        }
    }

    /// A catalog that we have just made: it holds nothing but what we put there.
    pub(crate) async fn catalog_born(&self, catalog: &Catalog) {
        self.remember_catalog(catalog).await;
        let view = self.view(&catalog.id);
        let mut view = view.lock().await;
        let now = Instant::now();
        *view = CatalogView {
            born: Some(now),
            packages_read: Some(now),
            resources: Some((now, Vec::new())),
            ..CatalogView::default()
        };
    }

    pub(crate) async fn catalog_gone(&self, id: &CatalogId) {
        if let Some((_, catalogs)) = self.catalogs.lock().await.as_mut() {
            catalogs.retain(|known| known.id != *id);
        }
        self.views.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// The resources of a catalog, roles and scopes included.
    pub(crate) async fn resources(&self, catalog: &CatalogId, freshness: Freshness) -> Step<Vec<Resource>> {
        let view = self.view(catalog);
        let mut view = view.lock().await;
        let young = view.born.is_some_and(|born| born.elapsed() < INFANCY);
        if let Some((at, resources)) = &view.resources {
            let recent = match freshness {
                Freshness::Within(age) => at.elapsed() < age,
                Freshness::Now => young && at.elapsed() < Duration::from_secs(1),
            };
            if recent {
                return Ok(resources.clone());
            }
        }
        let mut resources = self.graph.list_resources(catalog).await?.provisional();
        for resource in &mut resources {
            if resource.origin_system == OriginSystem::AadApplication && resource.known_roles().is_empty() {
                resource.roles = Read::Read(Listed::of(self.app_roles(&mut view, catalog, resource).await?));
            }
        }
        view.resources = Some((Instant::now(), resources.clone()));
        Ok(resources)
    }

    /// One resource by its origin, asked for now; with an application's roles even where the expansion leaves them out.
    pub(crate) async fn find_resource(&self, catalog: &CatalogId, origin_id: &str) -> Step<Option<Resource>> {
        let Some(mut resource) = self.graph.find_resource(catalog, origin_id).await? else {
            return Ok(None);
        };
        let view = self.view(catalog);
        let mut view = view.lock().await;
        if resource.origin_system == OriginSystem::AadApplication && resource.known_roles().is_empty() {
            resource.roles = Read::Read(Listed::of(self.app_roles(&mut view, catalog, &resource).await?));
        }
        if let Some((_, resources)) = view.resources.as_mut() {
            resources.retain(|known| known.id != resource.id);
            resources.push(resource.clone());
        }
        Ok(Some(resource))
    }

    /// In some tenants the roles of an application stay out of the expansion for ever; the catalog's own list has them.
    async fn app_roles(
        &self,
        view: &mut CatalogView,
        catalog: &CatalogId,
        resource: &Resource,
    ) -> Step<Vec<ResourceRole>> {
        let known = view.app_roles.get(resource.id.as_str());
        if let Some((_, roles)) =
            known.filter(|(at, roles)| !roles.is_empty() && at.elapsed() < Duration::from_secs(3_600))
        {
            return Ok(roles.clone());
        }
        let roles = self
            .graph
            .list_resource_roles(catalog, resource.origin_system.clone(), &resource.id)
            .await?
            .provisional();
        view.app_roles
            .insert(resource.id.as_str().to_owned(), (Instant::now(), roles.clone()));
        Ok(roles)
    }

    pub(crate) async fn resource_gone(&self, catalog: &CatalogId, id: &crate::graph::ResourceId) {
        let view = self.view(catalog);
        if let Some((_, resources)) = view.lock().await.resources.as_mut() {
            resources.retain(|known| known.id != *id);
        }
    }

    /// Whether this resource was asked for so recently that it may only not show yet; if not, it counts as asked now.
    pub(crate) async fn is_requested(&self, catalog: &CatalogId, origin_id: &str) -> bool {
        let view = self.view(catalog);
        let view = view.lock().await;
        view.requested
            .get(&origin_id.to_lowercase())
            .is_some_and(|at| at.elapsed() < self.visibility)
    }

    pub(crate) async fn resource_requested(&self, catalog: &CatalogId, origin_id: &str) {
        let view = self.view(catalog);
        view.lock()
            .await
            .requested
            .insert(origin_id.to_lowercase(), Instant::now());
    }

    /// Every package of a catalog, with role scopes and policies: one paged read.
    pub(crate) async fn packages(&self, catalog: &CatalogId, freshness: Freshness) -> Step<Vec<AccessPackage>> {
        let view = self.view(catalog);
        let mut view = view.lock().await;
        self.read_packages(&mut view, catalog, freshness).await?;
        Ok(view.packages.values().cloned().collect())
    }

    async fn read_packages(&self, view: &mut CatalogView, catalog: &CatalogId, freshness: Freshness) -> Step<()> {
        let recent = |age| view.packages_read.is_some_and(|at| at.elapsed() < age);
        if matches!(freshness, Freshness::Within(age) if recent(age)) {
            return Ok(());
        }
        let packages = match self.graph.list_access_packages(catalog).await {
            Ok(packages) => packages.provisional(),
            Err(error) if error.kind == GraphErrorKind::Forbidden => {
                return Err(access_lost(&format!("catalog {catalog}"), &error));
            }
            Err(error) => return Err(error.into()),
        };
        view.packages = packages
            .into_iter()
            .map(|package| (package.id.clone(), package))
            .collect();
        view.packages_read = Some(Instant::now());
        self.overlay(view);
        Ok(())
    }

    /// One package; `None` where it certainly does not exist in this catalog.
    pub(crate) async fn package(
        &self,
        catalog: &CatalogId,
        id: &AccessPackageId,
        freshness: Freshness,
    ) -> Step<Option<AccessPackage>> {
        let view = self.view(catalog);
        let mut view = view.lock().await;
        if let Freshness::Within(_) = freshness {
            self.read_packages(&mut view, catalog, freshness).await?;
            if let Some(package) = view.packages.get(id) {
                return Ok(Some(package.clone()));
            }
        }
        let found = match self.graph.get_access_package(id).await {
            Ok(found) => found.filter(|package| package.catalog.as_ref().is_none_or(|place| place == catalog)),
            // To a caller with a catalog role, what is gone is forbidden: the catalog's own list tells them apart.
            Err(error) if error.kind == GraphErrorKind::Forbidden => {
                let listed = self.graph.list_access_packages(catalog).await;
                match listed {
                    Ok(packages)
                        if !packages.hides(id.as_str())
                            && packages.elements.iter().all(|package| package.id != *id) =>
                    {
                        None
                    }
                    _ => return Err(access_lost(&format!("access package {id}"), &error)),
                }
            }
            Err(error) => return Err(error.into()),
        };
        view.packages.remove(id);
        if let Some(package) = found {
            view.packages.insert(id.clone(), package);
        }
        self.overlay(&mut view);
        Ok(view.packages.get(id).cloned())
    }

    /// The packages of this name in the catalog, asked for now; no call where the catalog was made by us just now.
    pub(crate) async fn packages_named(&self, catalog: &CatalogId, name: &str) -> Step<Vec<AccessPackage>> {
        let view = self.view(catalog);
        {
            let view = view.lock().await;
            if view.born.is_some_and(|born| born.elapsed() < INFANCY) {
                let named = |package: &&AccessPackage| package.display_name.to_lowercase() == name.to_lowercase();
                return Ok(view.packages.values().filter(named).cloned().collect());
            }
        }
        Ok(self
            .graph
            .find_access_packages_named(catalog, name)
            .await?
            .provisional())
    }

    pub(crate) async fn package_born(&self, catalog: &CatalogId, package: AccessPackage) {
        let view = self.view(catalog);
        let mut view = view.lock().await;
        view.packages_born.insert(package.id.clone(), Instant::now());
        let package = AccessPackage { ..package };
        let mut package = package;
        package.resource_role_scopes.provisional();
        package.policies.provisional();
        view.packages.insert(package.id.clone(), package);
    }

    /// Lets the view follow a write of ours.
    pub(crate) async fn package_changed(
        &self,
        catalog: &CatalogId,
        id: &AccessPackageId,
        change: impl FnOnce(&mut AccessPackage) + Send,
    ) {
        let view = self.view(catalog);
        if let Some(package) = view.lock().await.packages.get_mut(id) {
            change(package);
        }
    }

    pub(crate) async fn package_gone(&self, catalog: &CatalogId, id: &AccessPackageId) {
        let view = self.view(catalog);
        view.lock().await.packages.remove(id);
    }

    pub(crate) async fn role_added(&self, catalog: &CatalogId, package: &AccessPackageId, scope: ResourceRoleScope) {
        self.role_written(catalog, package, RoleChange::Added(scope)).await;
    }

    pub(crate) async fn role_removed(&self, catalog: &CatalogId, package: &AccessPackageId, id: ResourceRoleScopeId) {
        self.role_written(catalog, package, RoleChange::Removed(id)).await;
    }

    async fn role_written(&self, catalog: &CatalogId, package: &AccessPackageId, what: RoleChange) {
        let view = self.view(catalog);
        let mut view = view.lock().await;
        view.role_writes.push(RoleWrite {
            at: Instant::now(),
            package: package.clone(),
            what,
        });
        self.overlay(&mut view);
    }

    /// Puts our own recent role writes over what was read, since expanded role scopes may lag behind them.
    fn overlay(&self, view: &mut CatalogView) {
        view.role_writes.retain(|write| write.at.elapsed() < self.visibility);
        for RoleWrite { at: _, package, what } in &view.role_writes {
            let Some(package) = view.packages.get_mut(package) else {
                continue;
            };
            let scopes = &mut package.resource_role_scopes.provisional().elements;
            match what {
                RoleChange::Added(scope) if scopes.iter().all(|known| known.id != scope.id) => {
                    scopes.push(scope.clone())
                }
                RoleChange::Added(_) => {}
                RoleChange::Removed(id) => scopes.retain(|known| known.id != *id),
            }
        }
    }

    /// One policy of a package; `None` where it certainly does not exist.
    ///
    /// A policy that is read now has its questions and workflow extensions too; one from the list has not.
    pub(crate) async fn policy(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        id: &PolicyId,
        freshness: Freshness,
    ) -> Step<Option<AssignmentPolicy>> {
        if let Freshness::Within(_) = freshness {
            let package = self.package(catalog, package, freshness).await?;
            let listed = package
                .map(|mut package| package.policies.provisional().elements.clone())
                .unwrap_or_default();
            if let Some(policy) = listed.into_iter().find(|policy| policy.id == *id) {
                return Ok(Some(policy));
            }
        }
        let found = match self.graph.get_assignment_policy(id).await {
            Ok(found) => found.filter(|policy| policy.access_package.as_ref().is_none_or(|place| place == package)),
            Err(error) if error.kind == GraphErrorKind::Forbidden => {
                match self.graph.list_assignment_policies(package).await {
                    Ok(listed)
                        if listed
                            .iter()
                            .flat_map(|listed| &listed.elements)
                            .all(|policy| policy.id != *id) =>
                    {
                        None
                    }
                    _ => return Err(access_lost(&format!("assignment policy {id}"), &error)),
                }
            }
            Err(error) => return Err(error.into()),
        };
        self.policy_changed(catalog, package, id, found.clone()).await;
        Ok(found)
    }

    /// The policies of a package, asked for now; no call where the package was made by us just now.
    pub(crate) async fn policies(&self, catalog: &CatalogId, package: &AccessPackageId) -> Step<Vec<AssignmentPolicy>> {
        {
            let view = self.view(catalog);
            let view = view.lock().await;
            let born = view
                .packages_born
                .get(package)
                .is_some_and(|born| born.elapsed() < INFANCY);
            if let (true, Some(known)) = (born, view.packages.get(package)) {
                return Ok(known.policies.clone().provisional().elements.clone());
            }
        }
        Ok(self
            .graph
            .list_assignment_policies(package)
            .await?
            .unwrap_or_default()
            .elements)
    }

    /// Lets the view follow a read or a write of ours; `None` is a policy that is gone.
    pub(crate) async fn policy_changed(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        id: &PolicyId,
        now: Option<AssignmentPolicy>,
    ) {
        self.package_changed(catalog, package, |package| {
            let policies = &mut package.policies.provisional().elements;
            policies.retain(|known| known.id != *id);
            policies.extend(now);
        })
        .await;
    }
}

fn access_lost(what: &str, error: &crate::graph::GraphError) -> Halt {
    Halt::sync(
        Reason::AccessLost,
        format!(
            "{what}: Entra refuses us what is ours by status: {error}; check the application's permission or its role on the catalog"
        ),
        Retry::Backoff,
    )
    .traced(error.trace())
}
