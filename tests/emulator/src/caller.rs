//! Who calls, and what they may do.

use std::collections::BTreeMap;

use crate::error::GraphError;
use crate::store::{Kind, Store, ids, same, text};
use crate::world::CatalogRole;

/// The application behind a token.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) client_id: String,
    pub(crate) object_id: String,
    pub(crate) permissions: Vec<String>,
    /// Which of the emulator's tokens it is.
    pub(crate) token_number: u64,
}

/// What an operation of entitlement management needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Read what is in a catalog.
    Read,
    /// Change the catalog, its resources and extensions.
    Catalog,
    /// Change packages, role scopes, policies.
    Packages,
    /// Assign people.
    Assign,
}

/// What permissions of the directory suffice, least first (Microsoft Graph permissions reference).
pub(crate) const READ_GROUPS: &[&str] = &[
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const READ_USERS: &[&str] = &[
    "User.ReadBasic.All",
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const READ_APPLICATIONS: &[&str] = &[
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const READ_SITES: &[&str] = &[
    "Sites.Read.All",
    "Sites.ReadWrite.All",
    "Sites.Manage.All",
    "Sites.FullControl.All",
];
pub(crate) const READ_UNITS: &[&str] = &[
    "AdministrativeUnit.Read.All",
    "AdministrativeUnit.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];

impl Caller {
    pub(crate) fn has(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| same(held, permission))
    }

    pub(crate) fn has_any(&self, permissions: &[&str]) -> bool {
        permissions.iter().any(|permission| self.has(permission))
    }

    pub(crate) fn writes_all(&self) -> bool {
        self.has("EntitlementManagement.ReadWrite.All")
    }

    pub(crate) fn reads_all(&self) -> bool {
        self.writes_all() || self.has("EntitlementManagement.Read.All")
    }

    /// The roles that the caller holds, by catalog id; tenant-wide ones under "/".
    pub(crate) fn catalog_roles(&self, store: &Store) -> BTreeMap<String, Vec<CatalogRole>> {
        let mut held: BTreeMap<String, Vec<CatalogRole>> = BTreeMap::new();
        for assignment in store.all(Kind::RoleAssignments) {
            let principal = text(assignment, "principalId");
            let mine = same(principal, &self.object_id)
                || store
                    .get(Kind::Groups, principal)
                    .is_some_and(|group| ids(group, "members").iter().any(|member| same(member, &self.object_id)));
            if let (true, Some(role)) = (mine, CatalogRole::from_id(text(assignment, "roleDefinitionId"))) {
                let scope = text(assignment, "appScopeId")
                    .trim_start_matches("/AccessPackageCatalog/")
                    .to_lowercase();
                held.entry(scope).or_default().push(role);
            }
        }
        held
    }

    /// Whether the caller may do this in this catalog; `None` when the object is not there.
    pub(crate) fn allow(&self, store: &Store, need: Need, catalog: Option<&str>) -> Result<(), GraphError> {
        if self.writes_all() || (need == Need::Read && self.reads_all()) {
            return Ok(());
        }
        let held = self.catalog_roles(store);
        if held.is_empty() {
            return Err(GraphError::denied());
        }
        let roles = catalog.and_then(|catalog| held.get(&catalog.to_lowercase()));
        let allowed = roles.into_iter().flatten().any(|role| match role {
            CatalogRole::CatalogOwner => true,
            CatalogRole::CatalogReader => need == Need::Read,
            CatalogRole::AccessPackageManager => need != Need::Catalog,
            CatalogRole::AccessPackageAssignmentManager => matches!(need, Need::Read | Need::Assign),
            CatalogRole::CatalogCreator => false,
        });
        if allowed || (need == Need::Read && self.reads_all()) {
            Ok(())
        } else {
            Err(GraphError::unauthorized())
        }
    }

    /// Whether the caller may do what concerns the whole tenant.
    pub(crate) fn allow_tenant(&self, write: bool) -> Result<(), GraphError> {
        if self.writes_all() || (!write && self.reads_all()) {
            Ok(())
        } else {
            Err(GraphError::denied())
        }
    }

    /// Whether the caller may read collections at all, and whether only those of their catalogs.
    pub(crate) fn allow_lists(&self, store: &Store) -> Result<Option<Vec<String>>, GraphError> {
        if self.reads_all() {
            return Ok(None);
        }
        let held = self.catalog_roles(store);
        if held.is_empty() {
            Err(GraphError::denied())
        } else {
            Ok(Some(held.into_keys().collect()))
        }
    }
}
