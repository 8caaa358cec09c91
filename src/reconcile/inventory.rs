//! What a tenant holds, read in bulk and shared by all objects of the tenant.
//!
//! Only plumbing: what a read proves is decided in [`crate::plan::view`]. A list is one flight, however many wait for
//! it; it ends whether or not anybody still waits. No lock is held across a call, so one that hangs holds up its own
//! visit alone.

#![expect(
    clippy::disallowed_methods,
    reason = "the ages of what was read still go by the machine"
)]

mod flights;
mod reads;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use flights::{Flights, Question};
use reads::Reads;

use super::halt::{Halt, Retry, Step};
use crate::{
    api::Reason,
    graph::{
        AccessPackage, AccessPackageId, AssignmentPolicy, Catalog, CatalogId, Graph, GraphError, GraphErrorKind,
        Listed, OriginSystem, PolicyId, Read, Resource, ResourceId, ResourceRole, ResourceRoleScope,
        ResourceRoleScopeId,
    },
    plan::{
        Found,
        view::{Absence, Holdings, Moment, Search, Shelf, Sight, is_search_over, lists_tell},
    },
};

/// How long what we made ourselves is taken to hold nothing but what we put there: a look would tell nothing new.
const INFANCY: Duration = Duration::from_secs(10);
/// How long the roles of an application serve that its resource does not show.
const APP_ROLES_SERVE: Duration = Duration::from_secs(3_600);

/// How recent an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Read at most this long ago.
    Within(Duration),
    /// Asked for now: an object by its id, a list from its beginning.
    Now,
}

/// The view of one tenant.
#[derive(Clone)]
pub(crate) struct Inventory(Arc<Inner>);

struct Inner {
    reads: Box<dyn Reads>,
    origin: Instant,
    /// How long a write may take to show.
    visibility: Duration,
    /// How often lists are meant to be read.
    interval: Duration,
    tenant: Mutex<Shelf<Catalog>>,
    catalogs: Mutex<HashMap<CatalogId, Holdings>>,
    app_roles: Mutex<HashMap<String, (Moment, Listed<ResourceRole>)>>,
    flights: Mutex<Flights>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn now(&self) -> Moment {
        self.origin.elapsed()
    }

    fn holdings<R>(&self, catalog: &CatalogId, with: impl FnOnce(&mut Holdings) -> R) -> R {
        let mut catalogs = lock(&self.catalogs);
        with(
            catalogs
                .entry(catalog.clone())
                .or_insert_with(|| Holdings::new(catalog, self.visibility)),
        )
    }

    /// Asks Graph, and lets the view follow the answer.
    async fn fly(&self, question: &Question, begun: Moment) -> Result<(), GraphError> {
        match question {
            Question::Catalogs => {
                let read = self.reads.catalogs().await?;
                lock(&self.tenant).list(begun, read);
            }
            Question::Packages(catalog) => {
                let read = self.reads.packages(catalog).await?;
                self.holdings(catalog, |holdings| holdings.packages_listed(begun, read));
            }
            Question::Policies(catalog, package) => {
                let read = self.reads.policies(package).await?.ok_or_else(|| {
                    GraphError::new(
                        GraphErrorKind::NotFound,
                        "assignmentPolicies.list",
                        format!("access package {package} was answered as not there"),
                    )
                })?;
                self.holdings(catalog, |holdings| holdings.policies_listed(package, begun, read));
            }
            Question::Resources(catalog) => {
                let mut read = self.reads.resources(catalog).await?;
                for resource in &mut read.elements {
                    self.complete(catalog, resource).await?;
                }
                self.holdings(catalog, |holdings| holdings.resources.list(begun, read));
            }
        }
        Ok(())
    }

    /// In some tenants the roles of an application stay out of the expansion for ever; the catalog's own list has them.
    async fn complete(&self, catalog: &CatalogId, resource: &mut Resource) -> Result<(), GraphError> {
        if resource.origin_system != OriginSystem::AadApplication || !resource.known_roles().is_empty() {
            return Ok(());
        }
        let now = self.now();
        let known = lock(&self.app_roles).get(resource.id.as_str()).cloned();
        let known = known.filter(|(at, roles)| !roles.elements.is_empty() && now < *at + APP_ROLES_SERVE);
        let roles = match known {
            Some((_, roles)) => roles,
            None => {
                let roles = self
                    .reads
                    .roles(catalog, resource.origin_system.clone(), &resource.id)
                    .await?;
                lock(&self.app_roles).insert(resource.id.as_str().to_owned(), (now, roles.clone()));
                roles
            }
        };
        resource.roles = Read::Read(roles);
        Ok(())
    }
}

impl Inventory {
    /// Nothing is known yet. `visibility` is how long a write may take to show, `interval` how often lists are meant to
    /// be read.
    pub(crate) fn new(graph: Graph, visibility: Duration, interval: Duration) -> Self {
        Self::reading(Box::new(graph), visibility, interval)
    }

    fn reading(reads: Box<dyn Reads>, visibility: Duration, interval: Duration) -> Self {
        Self(Arc::new(Inner {
            reads,
            origin: Instant::now(),
            visibility,
            interval,
            tenant: Mutex::new(Shelf::new(None, visibility)),
            catalogs: Mutex::default(),
            app_roles: Mutex::default(),
            flights: Mutex::default(),
        }))
    }

    /// The tenant's catalogs, as far as we may see them.
    pub(crate) async fn catalogs(&self, freshness: Freshness) -> Result<Listed<Catalog>, GraphError> {
        self.0.ask(Question::Catalogs, freshness).await?;
        let known = lock(&self.0.tenant).all();
        read(known, "catalogs.list")
    }

    /// How long ago a list of the tenant's catalogs ended; none where none has.
    pub(crate) fn age(&self) -> Option<Duration> {
        let ended = lock(&self.0.flights).succeeded(&Question::Catalogs)?;
        Some(self.0.now().saturating_sub(ended))
    }

    /// For how long the packages of a catalog could not be listed, where that is three intervals or more.
    pub(crate) fn stale_for(&self, catalog: &CatalogId) -> Option<Duration> {
        let since = lock(&self.0.flights).waiting_since(&Question::Packages(catalog.clone()))?;
        let age = self.0.now().saturating_sub(since);
        (age >= self.0.interval.saturating_mul(3)).then_some(age)
    }

    /// One catalog.
    ///
    /// # Errors
    /// [`Reason::AccessLost`] where we may not see it: that is not a catalog that is gone. [`Reason::OutcomeUnknown`]
    /// where its absence is not proven.
    pub(crate) async fn catalog(&self, id: &CatalogId, freshness: Freshness) -> Step<Found<Catalog>> {
        let inner = &self.0;
        let what = format!("catalog {id}");
        if let Freshness::Within(_) = freshness {
            inner.ask(Question::Catalogs, freshness).await?;
            if let Some(catalog) = lock(&inner.tenant).get(id.as_str()).cloned() {
                return Ok(Found::Present(catalog));
            }
        }
        let begun = inner.now();
        match inner.reads.catalog(id).await {
            Ok(Some(catalog)) => return certain(&what, lock(&inner.tenant).show(begun, catalog)),
            Ok(None) => lock(&inner.tenant).miss(id.as_str(), begun, false),
            Err(error) if error.kind == GraphErrorKind::Forbidden => return Err(access_lost(&what, &error)),
            Err(error) => return Err(error.into()),
        }
        let absence = || lock(&inner.tenant).absence(id.as_str(), inner.now());
        let missing = Missing {
            what,
            id: id.as_str(),
            refusal: None,
        };
        inner.absent(missing, Question::Catalogs, absence).await
    }

    /// The catalogs of this name, for an intent that was begun this long ago.
    pub(crate) async fn search_catalogs(&self, name: &str, begun_ago: Duration) -> Step<Search<Catalog>> {
        let begun = self.0.now();
        let read = self.0.reads.catalogs_named(name).await?;
        Ok(Search {
            named: lock(&self.0.tenant).without_removed(begun, read),
            is_over: is_search_over(begun_ago, self.0.visibility),
        })
    }

    /// Lets the view follow a write of ours to the catalog.
    pub(crate) fn remember_catalog(&self, catalog: &Catalog) {
        lock(&self.0.tenant).wrote(self.0.now(), catalog.clone());
    }

    /// A catalog that we have just made: it holds nothing but what we put there.
    pub(crate) fn catalog_born(&self, catalog: &Catalog) {
        let inner = &self.0;
        let now = inner.now();
        lock(&inner.tenant).made(now, catalog.clone());
        let holdings = Holdings::born(&catalog.id, inner.visibility, now);
        lock(&inner.catalogs).insert(catalog.id.clone(), holdings);
        let mut flights = lock(&inner.flights);
        flights.known(Question::Packages(catalog.id.clone()), now);
        flights.known(Question::Resources(catalog.id.clone()), now);
    }

    /// A catalog that we have deleted.
    pub(crate) fn catalog_gone(&self, id: &CatalogId) {
        lock(&self.0.tenant).removed(self.0.now(), id.as_str());
        lock(&self.0.catalogs).remove(id);
        lock(&self.0.flights).forget(id);
    }

    /// The resources of a catalog, roles and scopes included. Sites may be missing: see [`lists_tell`].
    pub(crate) async fn resources(&self, catalog: &CatalogId, freshness: Freshness) -> Step<Listed<Resource>> {
        let inner = &self.0;
        let freshness = match freshness {
            Freshness::Now if self.is_infant(catalog) => Freshness::Within(Duration::from_secs(1)),
            other => other,
        };
        inner.ask(Question::Resources(catalog.clone()), freshness).await?;
        let known = inner.holdings(catalog, |holdings| holdings.resources.all());
        Ok(read(known, "catalogs.resources.list")?)
    }

    fn is_infant(&self, catalog: &CatalogId) -> bool {
        let now = self.0.now();
        let born = self.0.holdings(catalog, |holdings| holdings.birth());
        born.is_some_and(|born| now < born + INFANCY)
    }

    /// One resource by its origin, asked for now, with an application's roles even where the expansion leaves them out;
    /// `None` where it is not shown. A site that is known is shown even where Graph does not list it.
    pub(crate) async fn find_resource(&self, catalog: &CatalogId, origin_id: &str) -> Step<Option<Resource>> {
        let inner = &self.0;
        let begun = inner.now();
        let Some(mut resource) = inner.reads.resource(catalog, origin_id).await? else {
            let known = inner.holdings(catalog, |holdings| holdings.resources.all());
            let site = |resource: &Resource| {
                !lists_tell(&resource.origin_system) && resource.origin_id.eq_ignore_ascii_case(origin_id)
            };
            return Ok(match known {
                Read::Read(known) => known.elements.into_iter().find(site),
                Read::Unread => None,
            });
        };
        inner.complete(catalog, &mut resource).await?;
        match inner.holdings(catalog, |holdings| holdings.resources.show(begun, resource)) {
            Sight::Certain(Found::Present(resource)) => Ok(Some(resource)),
            Sight::Certain(Found::Unborn | Found::Gone { .. } | Found::Elsewhere { .. }) | Sight::Doubtful { .. } => {
                Ok(None)
            }
        }
    }

    /// A resource that we have taken out.
    pub(crate) fn resource_gone(&self, catalog: &CatalogId, id: &ResourceId) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.resources.removed(now, id.as_str()));
    }

    /// Whether this resource was asked for so recently that it may only not show yet.
    pub(crate) fn is_requested(&self, catalog: &CatalogId, origin_id: &str) -> bool {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.is_requested(now, origin_id))
    }

    /// A resource that we have asked for.
    pub(crate) fn resource_requested(&self, catalog: &CatalogId, origin_id: &str) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.resource_requested(now, origin_id));
    }

    /// Every package of a catalog, with role scopes and policies: one paged read.
    pub(crate) async fn packages(&self, catalog: &CatalogId, freshness: Freshness) -> Step<Listed<AccessPackage>> {
        self.list_packages(catalog, freshness).await?;
        let known = self.0.holdings(catalog, |holdings| holdings.packages());
        Ok(read(known, "accessPackages.list")?)
    }

    async fn list_packages(&self, catalog: &CatalogId, freshness: Freshness) -> Step<()> {
        let listed = self.0.ask(Question::Packages(catalog.clone()), freshness).await;
        listed.map_err(|error| lost_or(&format!("catalog {catalog}"), error))
    }

    /// One package. `Elsewhere` where it has come to another catalog.
    ///
    /// # Errors
    /// [`Reason::AccessLost`] where we may not see it, [`Reason::OutcomeUnknown`] where its absence is not proven.
    pub(crate) async fn package(
        &self,
        catalog: &CatalogId,
        id: &AccessPackageId,
        freshness: Freshness,
    ) -> Step<Found<Box<AccessPackage>>> {
        let inner = &self.0;
        if inner.is_removed(catalog) {
            return Ok(Found::Gone { id: id.to_string() });
        }
        if let Freshness::Within(_) = freshness {
            self.list_packages(catalog, freshness).await?;
            if let Some(package) = inner.holdings(catalog, |holdings| holdings.package(id)) {
                return Ok(Found::Present(Box::new(package)));
            }
        }
        let what = format!("access package {id}");
        let begun = inner.now();
        let refusal = match inner.reads.package(id).await {
            Ok(Some(package)) => {
                let sight = inner.holdings(catalog, |holdings| holdings.package_shown(begun, package));
                return certain(&what, sight).map(boxed);
            }
            Ok(None) => None,
            // To a caller with a catalog role, what is gone is forbidden: the catalog's own list tells them apart.
            Err(error) if error.kind == GraphErrorKind::Forbidden => Some(error),
            Err(error) => return Err(error.into()),
        };
        let is_refused = refusal.is_some();
        inner.holdings(catalog, |holdings| holdings.package_missed(id, begun, is_refused));
        let absence = || inner.holdings(catalog, |holdings| holdings.package_absence(id, inner.now()));
        let missing = Missing {
            what,
            id: id.as_str(),
            refusal,
        };
        inner
            .absent(missing, Question::Packages(catalog.clone()), absence)
            .await
    }

    /// The packages of this name in the catalog, asked for now; no call where the catalog was made by us just now. What
    /// we made ourselves is among them even where Graph does not show it yet.
    pub(crate) async fn packages_named(&self, catalog: &CatalogId, name: &str) -> Step<Listed<AccessPackage>> {
        let is_named = |package: &AccessPackage| package.display_name.to_lowercase() == name.to_lowercase();
        let known = |listed: Read<Listed<AccessPackage>>| match listed {
            Read::Read(listed) => listed.elements.into_iter().filter(is_named).collect::<Vec<_>>(),
            Read::Unread => Vec::new(),
        };
        if self.is_infant(catalog) {
            return Ok(Listed::of(known(
                self.0.holdings(catalog, |holdings| holdings.packages()),
            )));
        }
        let begun = self.0.now();
        let read = self.0.reads.packages_named(catalog, name).await?;
        // Names that differ by case alone are one name to the service, and two to its filter.
        let is_known = |found: Vec<AccessPackage>| !found.is_empty();
        if read.elements.is_empty() && is_known(known(self.0.holdings(catalog, |holdings| holdings.packages()))) {
            return self.packages_alike(catalog, name).await;
        }
        Ok(self.0.holdings(catalog, |holdings| {
            let mut found = holdings.packages_searched(begun, read);
            for package in known(holdings.packages()) {
                let is_young = holdings.package_birth(&package.id).is_some();
                if is_young && found.elements.iter().all(|shown| shown.id != package.id) {
                    found.elements.push(package);
                }
            }
            found
        }))
    }

    /// The packages of the catalog whose name is this one in any case, found in the list of them all.
    pub(crate) async fn packages_alike(&self, catalog: &CatalogId, name: &str) -> Step<Listed<AccessPackage>> {
        let mut listed = self.packages(catalog, Freshness::Now).await?;
        let wanted = name.to_lowercase();
        listed
            .elements
            .retain(|package| package.display_name.to_lowercase() == wanted);
        Ok(listed)
    }

    /// The packages of this name in the catalog, for an intent that was begun this long ago: always asked of Graph.
    pub(crate) async fn search_packages(
        &self,
        catalog: &CatalogId,
        name: &str,
        begun_ago: Duration,
    ) -> Step<Search<AccessPackage>> {
        let begun = self.0.now();
        let read = match self.0.reads.packages_named(catalog, name).await {
            Ok(read) => read,
            // A catalog that is gone holds nothing: whoever is forbidden to see it may be told so, too.
            Err(error) if is_no_sight(&error) => match self.catalog(catalog, Freshness::Now).await {
                Ok(Found::Gone { .. }) => Listed::default(),
                Ok(Found::Present(_) | Found::Unborn | Found::Elsewhere { .. }) | Err(_) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        };
        Ok(Search {
            named: self
                .0
                .holdings(catalog, |holdings| holdings.packages_searched(begun, read)),
            is_over: is_search_over(begun_ago, self.0.visibility),
        })
    }

    /// A package that we have just made.
    /// A package for what hangs on it: as [`Inventory::package`], but one that we made just now holds nothing but what we
    /// put there, and needs no look.
    pub(crate) async fn package_around(
        &self,
        catalog: &CatalogId,
        id: &AccessPackageId,
        freshness: Freshness,
    ) -> Step<Found<Box<AccessPackage>>> {
        let now = self.0.now();
        let born = self.0.holdings(catalog, |holdings| holdings.package_birth(id));
        let freshness = match (freshness, born) {
            (Freshness::Now, Some(born)) if now < born + INFANCY => Freshness::Within(INFANCY),
            (freshness, _) => freshness,
        };
        self.package(catalog, id, freshness).await
    }

    pub(crate) fn package_born(&self, catalog: &CatalogId, package: AccessPackage) {
        let now = self.0.now();
        self.0.holdings(catalog, |holdings| holdings.package_made(now, package));
    }

    /// Lets the view follow a write of ours to fields of the package.
    pub(crate) fn package_changed(
        &self,
        catalog: &CatalogId,
        id: &AccessPackageId,
        change: impl FnOnce(&mut AccessPackage),
    ) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.package_wrote(now, id, change));
    }

    /// A package that we have deleted.
    pub(crate) fn package_gone(&self, catalog: &CatalogId, id: &AccessPackageId) {
        let now = self.0.now();
        self.0.holdings(catalog, |holdings| holdings.package_removed(now, id));
    }

    /// A role that we have let the package hand out.
    pub(crate) fn role_added(&self, catalog: &CatalogId, package: &AccessPackageId, scope: ResourceRoleScope) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.role_added(now, package, scope));
    }

    /// A role that we have taken out of the package.
    pub(crate) fn role_removed(&self, catalog: &CatalogId, package: &AccessPackageId, id: &ResourceRoleScopeId) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.role_removed(now, package, id));
    }

    /// One policy of a package. `Elsewhere` where it has come to another package.
    ///
    /// A policy that is read now has its questions and workflow extensions too; one from the list has them only where
    /// they were read before.
    ///
    /// # Errors
    /// As [`Inventory::package`].
    pub(crate) async fn policy(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        id: &PolicyId,
        freshness: Freshness,
    ) -> Step<Found<Box<AssignmentPolicy>>> {
        let inner = &self.0;
        if inner.is_removed(catalog) {
            return Ok(Found::Gone { id: id.to_string() });
        }
        if let Freshness::Within(_) = freshness {
            self.list_packages(catalog, freshness).await?;
            // A list that lacks the package tells nothing of what was in it.
            let known = inner.holdings(catalog, |holdings| {
                holdings.package(package)?;
                holdings.policy(package, id).cloned()
            });
            if let Some(policy) = known {
                return Ok(Found::Present(Box::new(policy)));
            }
        }
        let what = format!("assignment policy {id}");
        let begun = inner.now();
        let refusal = match inner.reads.policy(id).await {
            Ok(Some(policy)) => {
                let sight = inner.holdings(catalog, |holdings| holdings.policy_shown(package, begun, policy));
                return certain(&what, sight).map(boxed);
            }
            Ok(None) => None,
            Err(error) if error.kind == GraphErrorKind::Forbidden => Some(error),
            Err(error) => return Err(error.into()),
        };
        let is_refused = refusal.is_some();
        inner.holdings(catalog, |holdings| {
            holdings.policy_missed(package, id, begun, is_refused);
        });
        let absence = || inner.holdings(catalog, |holdings| holdings.policy_absence(package, id, inner.now()));
        let missing = Missing {
            what,
            id: id.as_str(),
            refusal,
        };
        // The catalog's list serves: it is there for a caller with a role on the catalog, and where the package is gone.
        let question = Question::Packages(catalog.clone());
        inner
            .absent(missing, question, || {
                inner.holdings(catalog, |holdings| holdings.package_went(package));
                absence()
            })
            .await
    }

    /// The policies of a package, asked for now; no call where the package was made by us just now.
    ///
    /// # Errors
    /// [`Reason::OutcomeUnknown`] where Graph does not show the package.
    pub(crate) async fn policies(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
    ) -> Step<Listed<AssignmentPolicy>> {
        let now = self.0.now();
        let born = self.0.holdings(catalog, |holdings| holdings.package_birth(package));
        // What we did not make just now has to be asked for.
        if born.is_none_or(|born| now >= born + INFANCY) {
            self.list_policies(catalog, package).await?;
        }
        let known = self.0.holdings(catalog, |holdings| holdings.policies(package));
        Ok(read(known, "assignmentPolicies.list")?)
    }

    async fn list_policies(&self, catalog: &CatalogId, package: &AccessPackageId) -> Step<()> {
        let question = Question::Policies(catalog.clone(), package.clone());
        match self.0.ask(question, Freshness::Now).await {
            Ok(()) => Ok(()),
            Err(error) if error.kind == GraphErrorKind::NotFound => Err(doubtful(
                &format!("access package {package}"),
                "it was answered as not there while its policies were asked for",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// The policies of this name, for an intent that was begun this long ago: always asked of Graph. Policies that
    /// cannot be read are among them.
    pub(crate) async fn search_policies(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        name: &str,
        begun_ago: Duration,
    ) -> Step<Search<AssignmentPolicy>> {
        let is_over = is_search_over(begun_ago, self.0.visibility);
        if let Err(halt) = self.list_policies(catalog, package).await {
            if halt.is_transient() {
                return Err(halt);
            }
            // A package that is gone has no policies; to a caller with a catalog role it is forbidden.
            return match self.package(catalog, package, Freshness::Now).await {
                Ok(Found::Gone { .. }) => Ok(Search {
                    named: Listed::default(),
                    is_over,
                }),
                Ok(Found::Present(_) | Found::Unborn | Found::Elsewhere { .. }) | Err(_) => Err(halt),
            };
        }
        let known = self.0.holdings(catalog, |holdings| holdings.policies(package));
        let Listed {
            mut elements,
            mut unreadable,
        } = read(known, "assignmentPolicies.list")?;
        elements.retain(|policy| policy.fields.display_name == name);
        // One whose name is not known may have this name.
        unreadable.retain(|hidden| hidden.display_name.as_deref().is_none_or(|own| own == name));
        Ok(Search {
            named: Listed { elements, unreadable },
            is_over,
        })
    }

    /// A policy that we have just made.
    pub(crate) fn policy_born(&self, catalog: &CatalogId, package: &AccessPackageId, policy: AssignmentPolicy) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.policy_made(now, package, policy));
    }

    /// Lets the view follow a PUT of ours: the policy as it stands now.
    pub(crate) fn policy_changed(&self, catalog: &CatalogId, package: &AccessPackageId, policy: AssignmentPolicy) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.policy_wrote(now, package, policy));
    }

    /// A policy that we have deleted.
    pub(crate) fn policy_gone(&self, catalog: &CatalogId, package: &AccessPackageId, id: &PolicyId) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.policy_removed(now, package, id));
    }
}

/// An object that a single read did not show.
struct Missing<'a> {
    what: String,
    id: &'a str,
    /// Where it was refused and not absent.
    refusal: Option<GraphError>,
}

impl Inner {
    /// Whether we deleted the catalog: everything in it went before.
    fn is_removed(&self, catalog: &CatalogId) -> bool {
        lock(&self.tenant).is_removed(catalog.as_str())
    }

    /// What becomes of an object that a single read did not show: asks for the list of its parent where that decides.
    async fn absent<T>(
        self: &Arc<Self>,
        missing: Missing<'_>,
        question: Question,
        absence: impl Fn() -> Absence,
    ) -> Step<Found<T>> {
        let Missing { what, id, refusal } = missing;
        let mut known = absence();
        if known == Absence::AskList {
            if let Err(error) = self.ask(question, Freshness::Now).await {
                // Asked for twice, and what it was in is not there either: three answers agree.
                if error.kind == GraphErrorKind::NotFound && refusal.is_none() {
                    return Ok(Found::Gone { id: id.to_owned() });
                }
                return Err(match refusal {
                    Some(refusal) if error.kind == GraphErrorKind::Forbidden => access_lost(&what, &refusal),
                    Some(_) | None => lost_or(&what, error),
                });
            }
            known = absence();
        }
        match (known, refusal) {
            (Absence::Gone, _) => Ok(Found::Gone { id: id.to_owned() }),
            (Absence::Shown, Some(refusal)) => Err(access_lost(&what, &refusal)),
            (Absence::Shown, None) => Err(doubtful(
                &what,
                "it was answered that it is not there, and a list shows it",
            )),
            (Absence::Doubtful(why), _) => Err(doubtful(&what, why)),
            (Absence::AskList, _) => Err(doubtful(&what, "the list that decides has not told of it")),
        }
    }
}

fn boxed<T>(found: Found<T>) -> Found<Box<T>> {
    match found {
        Found::Present(object) => Found::Present(Box::new(object)),
        Found::Unborn => Found::Unborn,
        Found::Gone { id } => Found::Gone { id },
        Found::Elsewhere { id, place } => Found::Elsewhere { id, place },
    }
}

fn certain<T>(what: &str, sight: Sight<T>) -> Step<Found<T>> {
    match sight {
        Sight::Certain(found) => Ok(found),
        Sight::Doubtful { id: _, why } => Err(doubtful(what, why)),
    }
}

/// What a list has told; a list that was answered has.
fn read<T>(known: Read<Listed<T>>, operation: &'static str) -> Result<Listed<T>, GraphError> {
    match known {
        Read::Read(listed) => Ok(listed),
        Read::Unread => Err(GraphError::new(
            GraphErrorKind::InvalidResponse,
            operation,
            "what was listed is not known any more; it is listed again",
        )),
    }
}

/// An absence that is not proven ends the visit, which changes nothing.
fn doubtful(what: &str, why: &str) -> Halt {
    Halt::sync(
        Reason::OutcomeUnknown,
        format!("{what}: {why}; nothing is changed until that is certain"),
        Retry::Backoff,
    )
}

/// Whether the answer is that there is nothing, or nothing for us.
fn is_no_sight(error: &GraphError) -> bool {
    matches!(error.kind, GraphErrorKind::NotFound | GraphErrorKind::Forbidden)
}

fn lost_or(what: &str, error: GraphError) -> Halt {
    if error.kind == GraphErrorKind::Forbidden {
        access_lost(what, &error)
    } else {
        error.into()
    }
}

fn access_lost(what: &str, error: &GraphError) -> Halt {
    Halt::sync(
        Reason::AccessLost,
        format!(
            "{what}: Entra refuses us what is ours by status: {error}; check the application's permission or its role on the catalog"
        ),
        Retry::Backoff,
    )
}
