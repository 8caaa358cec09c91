//! What a tenant holds, read in bulk and shared by all objects of the tenant.
//!
//! Only plumbing: what a read proves is decided in [`crate::plan::view`]. A list is one flight, however many wait for
//! it; it ends whether or not anybody still waits. No lock is held across a call, so one that hangs holds up its own
//! visit alone.

mod absence;
mod flights;
mod organizations;
mod packages;
mod policies;
mod reads;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use absence::{Missing, access_lost, certain, read};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use flights::{Flights, Question};
use reads::Reads;

use super::halt::Step;
use super::machine::Machine;
use crate::{
    graph::{
        Catalog, CatalogId, ConnectedOrganization, Graph, GraphError, GraphErrorKind, Listed, OriginSystem, Read,
        Resource, ResourceId, ResourceRole,
    },
    plan::{
        Found,
        view::{Holdings, Moment, Search, Shelf, Sight, is_search_over, lists_tell},
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
    machine: Machine,
    origin: Instant,
    /// What the wall showed then.
    began: Timestamp,
    /// How long a write may take to show.
    visibility: Duration,
    /// How often lists are meant to be read.
    interval: Duration,
    tenant: Mutex<Shelf<Catalog>>,
    organizations: Mutex<Shelf<ConnectedOrganization>>,
    catalogs: Mutex<HashMap<CatalogId, Holdings>>,
    app_roles: Mutex<HashMap<String, (Moment, Listed<ResourceRole>)>>,
    flights: Mutex<Flights>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn now(&self) -> Moment {
        self.machine.clock.since(self.origin)
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
            Question::Organizations => {
                let read = self.reads.organizations().await?;
                lock(&self.organizations).list(begun, read);
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
    pub(crate) fn new(graph: Graph, visibility: Duration, interval: Duration, machine: Machine) -> Self {
        Self::reading(Box::new(graph), visibility, interval, machine)
    }

    fn reading(reads: Box<dyn Reads>, visibility: Duration, interval: Duration, machine: Machine) -> Self {
        Self(Arc::new(Inner {
            reads,
            origin: machine.clock.instant(),
            began: machine.clock.now(),
            machine,
            visibility,
            interval,
            tenant: Mutex::new(Shelf::new(None, visibility)),
            organizations: Mutex::new(Shelf::new(None, visibility)),
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
    /// [`Reason::AccessLost`] where we may not see it: that is no catalog that is gone, unless we may see all that there are
    /// and their list lacks it. [`Reason::OutcomeUnknown`] where its absence is not proven.
    pub(crate) async fn catalog(&self, id: &CatalogId, freshness: Freshness) -> Step<Found<Catalog>> {
        let inner = &self.0;
        if inner.is_removed(id) {
            return Ok(Found::Gone { id: id.to_string() });
        }
        let what = format!("catalog {id}");
        if let Freshness::Within(_) = freshness {
            inner.ask(Question::Catalogs, freshness).await?;
            if let Some(catalog) = lock(&inner.tenant).get(id.as_str()).cloned() {
                return Ok(Found::Present(catalog));
            }
        }
        let begun = inner.now();
        let refusal = match inner.reads.catalog(id).await {
            Ok(Some(catalog)) => return certain(&what, lock(&inner.tenant).show(begun, catalog)),
            Ok(None) => None,
            // The tenant's list decides only for those who may see all of it: who lost a role on the catalog is not shown it.
            Err(error) if error.kind == GraphErrorKind::Forbidden && inner.reads.sees_every_catalog().await? => {
                Some(error)
            }
            Err(error) if error.kind == GraphErrorKind::Forbidden => return Err(access_lost(&what, &error)),
            Err(error) => return Err(error.into()),
        };
        lock(&inner.tenant).miss(id.as_str(), begun, refusal.is_some());
        let absence = || lock(&inner.tenant).absence(id.as_str(), inner.now());
        let missing = Missing {
            what,
            id: id.as_str(),
            refusal,
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

    /// The present moment of the view, by which what is about to be asked is dated.
    pub(crate) fn moment(&self) -> Moment {
        self.0.now()
    }

    /// A catalog whose deletion, begun then, was answered with 404: one such answer as any.
    pub(crate) fn catalog_missed(&self, id: &CatalogId, begun: Moment) {
        lock(&self.0.tenant).miss(id.as_str(), begun, false);
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

    /// A resource that we have changed.
    pub(crate) fn resource_changed(&self, catalog: &CatalogId, resource: Resource) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.resources.wrote(now, resource));
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
}
