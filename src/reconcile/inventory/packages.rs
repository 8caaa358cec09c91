//! The packages of a catalog, with the roles that they hand out and what they are incompatible with.

use std::time::Duration;

use super::super::halt::Step;
use super::{
    Freshness, INFANCY, Inventory, Question,
    absence::{Missing, boxed, certain, is_no_sight, lost_or, read},
};
use crate::{
    graph::{
        AccessPackage, AccessPackageId, CatalogId, GraphErrorKind, Incompatible, IncompatibleKind, Listed, ObjectId,
        Read, ResourceRoleScope, ResourceRoleScopeId,
    },
    plan::{
        Found,
        view::{Moment, Search, is_search_over},
    },
};

impl Inventory {
    /// Every package of a catalog, with role scopes and policies: one paged read.
    pub(crate) async fn packages(&self, catalog: &CatalogId, freshness: Freshness) -> Step<Listed<AccessPackage>> {
        self.list_packages(catalog, freshness).await?;
        let known = self.0.holdings(catalog, |holdings| holdings.packages());
        Ok(read(known, "accessPackages.list")?)
    }

    pub(super) async fn list_packages(&self, catalog: &CatalogId, freshness: Freshness) -> Step<()> {
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
        let found = inner.absent(missing, Question::Packages(catalog.clone()), absence);
        self.gone_with(catalog, id.as_str(), found.await).await
    }

    /// The packages of this name in the catalog, asked for now; no call where the catalog was made by us just now. What
    /// we made ourselves is among them even where Graph does not show it yet.
    pub(crate) async fn packages_named(&self, catalog: &CatalogId, name: &str) -> Step<Listed<AccessPackage>> {
        let is_named =
            |package: &AccessPackage| package.display_name.trim().to_lowercase() == name.trim().to_lowercase();
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
        let wanted = name.trim().to_lowercase();
        listed
            .elements
            .retain(|package| package.display_name.trim().to_lowercase() == wanted);
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

    /// A package that we have just made.
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

    /// A package whose deletion, begun then, was answered with 404: one such answer as any.
    pub(crate) fn package_missed(&self, catalog: &CatalogId, id: &AccessPackageId, begun: Moment) {
        self.0
            .holdings(catalog, |holdings| holdings.package_missed(id, begun, false));
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

    /// Whether what a process before this one has written to the roles of the package may not show yet.
    pub(crate) fn roles_may_be_late(&self, catalog: &CatalogId, package: &AccessPackageId) -> bool {
        let visibility = self.0.visibility;
        self.0.holdings(catalog, |holdings| {
            let is_young = |begun| begun < visibility; // moments count from our own beginning
            // What was never listed may be anything.
            holdings.package_birth(package).is_none() && holdings.roles_listed_at(package).is_none_or(is_young)
        })
    }

    /// Whether a role is gone whose deletion, begun then, was answered with 404: where no read shows it, and the same was
    /// answered a window before.
    pub(crate) fn is_role_gone(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        id: &ResourceRoleScopeId,
        begun: Moment,
    ) -> bool {
        self.0
            .holdings(catalog, |holdings| holdings.role_missed(package, id, begun))
    }

    /// What we have made the package incompatible with.
    pub(crate) fn incompatible_added(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        kind: IncompatibleKind,
        with: Incompatible,
    ) {
        let now = self.0.now();
        self.0.holdings(catalog, |holdings| {
            holdings.incompatible_added(now, package, kind, with);
        });
    }

    /// What we have made it compatible with again.
    pub(crate) fn incompatible_removed(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        kind: IncompatibleKind,
        id: &ObjectId,
    ) {
        let now = self.0.now();
        self.0.holdings(catalog, |holdings| {
            holdings.incompatible_removed(now, package, kind, id);
        });
    }

    /// As [`Inventory::is_role_gone`], of what the package is incompatible with.
    pub(crate) fn is_incompatible_gone(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        (kind, id): (IncompatibleKind, &ObjectId),
        begun: Moment,
    ) -> bool {
        self.0.holdings(catalog, |holdings| {
            holdings.incompatible_missed(package, kind, id, begun)
        })
    }

    /// A role that we have taken out of the package.
    pub(crate) fn role_removed(&self, catalog: &CatalogId, package: &AccessPackageId, id: &ResourceRoleScopeId) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.role_removed(now, package, id));
    }
}
