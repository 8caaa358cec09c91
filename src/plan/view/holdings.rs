//! What one catalog holds: its resources, its packages, their roles, policies and incompatibilities, each on a shelf of its
//! own.

use std::{collections::BTreeMap, mem, time::Duration};

use super::{Absence, Found, Moment, Shelf, Sight};
use crate::graph::{
    AccessPackage, AccessPackageId, AssignmentPolicy, CatalogId, Incompatible, IncompatibleKind, Listed, ObjectId,
    PolicyId, Read, Resource, ResourceRoleScope, ResourceRoleScopeId,
};

/// What is known of one catalog.
#[derive(Clone, Debug)]
pub struct Holdings {
    visibility: Duration,
    /// When we made it ourselves.
    born: Option<Moment>,
    packages: Shelf<AccessPackage>,
    parts: BTreeMap<String, Parts>,
    /// Its resources.
    pub resources: Shelf<Resource>,
    /// When each resource was asked for, by its origin id.
    requested: BTreeMap<String, Moment>,
}

/// What one package holds.
#[derive(Clone, Debug)]
struct Parts {
    /// When we made the package ourselves.
    born: Option<Moment>,
    roles: Shelf<ResourceRoleScope>,
    policies: Shelf<AssignmentPolicy>,
    incompatible_packages: Shelf<Incompatible>,
    incompatible_groups: Shelf<Incompatible>,
}

impl Parts {
    fn new(package: &AccessPackageId, visibility: Duration) -> Self {
        Self {
            born: None,
            roles: Shelf::new(None, visibility),
            policies: Shelf::new(Some(package.as_str()), visibility),
            incompatible_packages: Shelf::new(None, visibility),
            incompatible_groups: Shelf::new(None, visibility),
        }
    }

    /// We made the package: it holds nothing but what we put there.
    fn born(package: &AccessPackageId, visibility: Duration, at: Moment) -> Self {
        Self {
            born: Some(at),
            roles: Shelf::born(None, visibility, at),
            policies: Shelf::born(Some(package.as_str()), visibility, at),
            incompatible_packages: Shelf::born(None, visibility, at),
            incompatible_groups: Shelf::born(None, visibility, at),
        }
    }

    fn incompatible(&mut self, kind: IncompatibleKind) -> &mut Shelf<Incompatible> {
        match kind {
            IncompatibleKind::AccessPackage => &mut self.incompatible_packages,
            IncompatibleKind::Group => &mut self.incompatible_groups,
        }
    }
}

impl Holdings {
    /// Nothing is known of the catalog yet; `visibility` is how long a write may take to show.
    #[must_use]
    pub fn new(catalog: &CatalogId, visibility: Duration) -> Self {
        Self {
            visibility,
            born: None,
            packages: Shelf::new(Some(catalog.as_str()), visibility),
            parts: BTreeMap::new(),
            resources: Shelf::new(None, visibility),
            requested: BTreeMap::new(),
        }
    }

    /// A catalog that we have just made: it holds nothing but what we put there.
    #[must_use]
    pub fn born(catalog: &CatalogId, visibility: Duration, at: Moment) -> Self {
        Self {
            born: Some(at),
            packages: Shelf::born(Some(catalog.as_str()), visibility, at),
            resources: Shelf::born(None, visibility, at),
            ..Self::new(catalog, visibility)
        }
    }

    /// When we made the catalog, if we did.
    #[must_use]
    pub fn birth(&self) -> Option<Moment> {
        self.born
    }

    /// When we made the package, if we did.
    #[must_use]
    pub fn package_birth(&self, package: &AccessPackageId) -> Option<Moment> {
        self.parts.get(&key(package))?.born
    }

    fn parts(&mut self, package: &AccessPackageId) -> &mut Parts {
        let visibility = self.visibility;
        self.parts
            .entry(key(package))
            .or_insert_with(|| Parts::new(package, visibility))
    }

    /// Puts what the package holds, where it was read, on shelves of its own.
    fn unpack(&mut self, begun: Moment, mut package: AccessPackage) -> AccessPackage {
        let parts = self.parts(&package.id);
        if let Read::Read(roles) = mem::take(&mut package.resource_role_scopes) {
            parts.roles.list(begun, roles);
        }
        if let Read::Read(policies) = mem::take(&mut package.policies) {
            parts.policies.list(begun, policies);
        }
        for kind in IncompatibleKind::ALL {
            if let Read::Read(incompatible) = mem::take(package.incompatible_mut(kind)) {
                parts.incompatible(kind).list(begun, incompatible);
            }
        }
        package
    }

    fn packed(&self, mut package: AccessPackage) -> AccessPackage {
        if let Some(parts) = self.parts.get(&key(&package.id)) {
            package.resource_role_scopes = parts.roles.all();
            package.policies = parts.policies.all();
            package.incompatible_packages = parts.incompatible_packages.all();
            package.incompatible_groups = parts.incompatible_groups.all();
        }
        package
    }

    /// A list of the packages, whole, and when it was begun.
    pub fn packages_listed(&mut self, begun: Moment, read: Listed<AccessPackage>) {
        let Listed { elements, unreadable } = read;
        let elements = elements
            .into_iter()
            .map(|package| self.unpack(begun, package))
            .collect();
        self.packages.list(begun, Listed { elements, unreadable });
    }

    /// A single read that shows the package, and when it was begun.
    pub fn package_shown(&mut self, begun: Moment, package: AccessPackage) -> Sight<AccessPackage> {
        let package = self.unpack(begun, package);
        match self.packages.show(begun, package) {
            Sight::Certain(Found::Present(package)) => Sight::Certain(Found::Present(self.packed(package))),
            other @ (Sight::Certain(_) | Sight::Doubtful { .. }) => other,
        }
    }

    /// A single read that did not show the package: see [`Shelf::miss`].
    pub fn package_missed(&mut self, id: &AccessPackageId, begun: Moment, is_refused: bool) {
        self.packages.miss(id.as_str(), begun, is_refused);
    }

    /// See [`Shelf::absence`].
    #[must_use]
    pub fn package_absence(&self, id: &AccessPackageId, now: Moment) -> Absence {
        self.packages.absence(id.as_str(), now)
    }

    /// The package, where it is known to be there.
    #[must_use]
    pub fn package(&self, id: &AccessPackageId) -> Option<AccessPackage> {
        self.packages
            .get(id.as_str())
            .cloned()
            .map(|package| self.packed(package))
    }

    /// All packages that are known, with their roles and policies.
    #[must_use]
    pub fn packages(&self) -> Read<Listed<AccessPackage>> {
        match self.packages.all() {
            Read::Unread => Read::Unread,
            Read::Read(Listed { elements, unreadable }) => Read::Read(Listed {
                elements: elements.into_iter().map(|package| self.packed(package)).collect(),
                unreadable,
            }),
        }
    }

    /// What a search of ours found, without what we have deleted ourselves a moment ago.
    #[must_use]
    pub fn packages_searched(&mut self, begun: Moment, read: Listed<AccessPackage>) -> Listed<AccessPackage> {
        // Somebody else puts things there too: from now on it is looked at as any other catalog.
        let is_ours = |package: &AccessPackage| self.packages.get(package.id.as_str()).is_some();
        if !read.elements.iter().all(is_ours) {
            self.born = None;
        }
        self.packages.without_removed(begun, read)
    }

    /// We made the package: it holds nothing but what we put there.
    pub fn package_made(&mut self, at: Moment, mut package: AccessPackage) {
        let parts = Parts::born(&package.id, self.visibility, at);
        bare(&mut package);
        self.parts.insert(key(&package.id), parts);
        self.packages.made(at, package);
    }

    /// We changed fields of the package. One that is not known stays so: the next read tells.
    pub fn package_wrote(&mut self, at: Moment, id: &AccessPackageId, change: impl FnOnce(&mut AccessPackage)) {
        if let Some(mut package) = self.packages.get(id.as_str()).cloned() {
            change(&mut package);
            bare(&mut package);
            self.packages.wrote(at, package);
        }
    }

    /// We deleted the package, and with it what it held.
    pub fn package_removed(&mut self, at: Moment, id: &AccessPackageId) {
        self.packages.removed(at, id.as_str());
        let parts = self.parts(id);
        parts.policies.emptied(at);
        parts.roles.emptied(at);
        for kind in IncompatibleKind::ALL {
            parts.incompatible(kind).emptied(at);
        }
    }

    /// We made the package incompatible with another, or with a group.
    pub fn incompatible_added(
        &mut self,
        at: Moment,
        package: &AccessPackageId,
        kind: IncompatibleKind,
        with: Incompatible,
    ) {
        self.parts(package).incompatible(kind).made(at, with);
    }

    /// We let those who have the other request the package again.
    pub fn incompatible_removed(
        &mut self,
        at: Moment,
        package: &AccessPackageId,
        kind: IncompatibleKind,
        id: &ObjectId,
    ) {
        self.parts(package).incompatible(kind).removed(at, id.as_str());
    }

    /// A removal of it, begun then, was answered with 404. Whether that proves it gone: see [`Shelf::is_missed`].
    pub fn incompatible_missed(
        &mut self,
        package: &AccessPackageId,
        kind: IncompatibleKind,
        id: &ObjectId,
        begun: Moment,
    ) -> bool {
        let shelf = self.parts(package).incompatible(kind);
        shelf.miss(id.as_str(), begun, false);
        shelf.is_missed(id.as_str(), begun)
    }

    /// We let the package hand out a role.
    pub fn role_added(&mut self, at: Moment, package: &AccessPackageId, role: ResourceRoleScope) {
        self.parts(package).roles.made(at, role);
    }

    /// When the youngest list of the package's roles was begun.
    #[must_use]
    pub fn roles_listed_at(&self, package: &AccessPackageId) -> Option<Moment> {
        self.parts.get(&key(package))?.roles.listed_at()
    }

    /// A deletion of the role, begun then, was answered with 404. Whether that proves it gone: see [`Shelf::is_missed`].
    pub fn role_missed(&mut self, package: &AccessPackageId, id: &ResourceRoleScopeId, begun: Moment) -> bool {
        let roles = &mut self.parts(package).roles;
        roles.miss(id.as_str(), begun, false);
        roles.is_missed(id.as_str(), begun)
    }

    /// We took a role out of the package.
    pub fn role_removed(&mut self, at: Moment, package: &AccessPackageId, id: &ResourceRoleScopeId) {
        self.parts(package).roles.removed(at, id.as_str());
    }

    /// A list of the package's policies, whole, and when it was begun.
    pub fn policies_listed(&mut self, package: &AccessPackageId, begun: Moment, read: Listed<AssignmentPolicy>) {
        self.parts(package).policies.list(begun, read);
    }

    /// All policies of the package that are known.
    #[must_use]
    pub fn policies(&self, package: &AccessPackageId) -> Read<Listed<AssignmentPolicy>> {
        match self.parts.get(&key(package)) {
            None => Read::Unread,
            Some(parts) => parts.policies.all(),
        }
    }

    /// A single read that shows the policy, and when it was begun.
    pub fn policy_shown(
        &mut self,
        package: &AccessPackageId,
        begun: Moment,
        policy: AssignmentPolicy,
    ) -> Sight<AssignmentPolicy> {
        self.parts(package).policies.show(begun, policy)
    }

    /// A single read that did not show the policy: see [`Shelf::miss`].
    pub fn policy_missed(&mut self, package: &AccessPackageId, id: &PolicyId, begun: Moment, is_refused: bool) {
        self.parts(package).policies.miss(id.as_str(), begun, is_refused);
    }

    /// See [`Shelf::absence`].
    #[must_use]
    pub fn policy_absence(&self, package: &AccessPackageId, id: &PolicyId, now: Moment) -> Absence {
        match self.parts.get(&key(package)) {
            None => Absence::Doubtful("it was not asked for"),
            Some(parts) => parts.policies.absence(id.as_str(), now),
        }
    }

    /// What a package held goes with it: to be called where a list may have told that the package is gone.
    pub fn package_went(&mut self, package: &AccessPackageId) {
        if let (None, Some(listed)) = (self.packages.get(package.as_str()), self.packages.listed_at())
            && !self.packages.hides(package.as_str())
        {
            self.parts(package).policies.list(listed, Listed::default());
        }
    }

    /// The policy, where it is known to be there.
    #[must_use]
    pub fn policy(&self, package: &AccessPackageId, id: &PolicyId) -> Option<&AssignmentPolicy> {
        self.parts.get(&key(package))?.policies.get(id.as_str())
    }

    /// We made the policy.
    pub fn policy_made(&mut self, at: Moment, package: &AccessPackageId, policy: AssignmentPolicy) {
        let policy = AssignmentPolicy { whole: None, ..policy };
        self.parts(package).policies.made(at, policy);
    }

    /// We replaced the policy with this.
    pub fn policy_wrote(&mut self, at: Moment, package: &AccessPackageId, policy: AssignmentPolicy) {
        // The answer that it was built from is not what stands now.
        let policy = AssignmentPolicy { whole: None, ..policy };
        self.parts(package).policies.wrote(at, policy);
    }

    /// We deleted the policy.
    pub fn policy_removed(&mut self, at: Moment, package: &AccessPackageId, id: &PolicyId) {
        self.parts(package).policies.removed(at, id.as_str());
    }

    /// We asked for a resource.
    pub fn resource_requested(&mut self, at: Moment, origin_id: &str) {
        self.requested.insert(origin_id.to_lowercase(), at);
        self.resources.welcome();
    }

    /// Whether a resource was asked for so recently that it may only not show yet.
    #[must_use]
    pub fn is_requested(&self, now: Moment, origin_id: &str) -> bool {
        self.requested
            .get(&origin_id.to_lowercase())
            .is_some_and(|at| now < *at + self.visibility)
    }
}

fn key(id: &AccessPackageId) -> String {
    id.as_str().to_ascii_lowercase()
}

/// What a package holds has shelves of its own.
fn bare(package: &mut AccessPackage) {
    package.resource_role_scopes = Read::Unread;
    package.policies = Read::Unread;
    package.incompatible_packages = Read::Unread;
    package.incompatible_groups = Read::Unread;
}
