//! The roles of a package, and which grants speak of them.

use crate::{
    api::{CatalogSpec, CatalogStatus, Grant, ResourceRole},
    graph::{Listed, Read, ResourceRoleScope},
};

/// A role that a package hands out, or shall hand out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAt {
    /// The field that asks for it; `None` for what Entra has.
    pub field: Option<String>,
    /// Resource and role as the Catalog names them, each way in which it does: none where the Catalog does not know it.
    pub offered_as: Vec<ResourceRole>,
    /// In words.
    pub words: String,
}

impl RoleAt {
    /// The role that `spec.resourceRoles[index]` asks for. The Catalog's status tells display names apart from names.
    #[must_use]
    pub fn of_spec(index: usize, role: &ResourceRole, status: Option<&CatalogStatus>) -> Self {
        let ResourceRole { resource, role } = role;
        let listed = status
            .into_iter()
            .flat_map(|status| &status.resources)
            .filter(|listed| listed.name == *resource)
            .flat_map(|listed| &listed.roles)
            .filter(|listed| listed.display_name == *role && listed.name != *role)
            .map(|listed| listed.name.clone());
        Self {
            field: Some(format!("spec.resourceRoles[{index}].resource")),
            offered_as: std::iter::once(role.clone())
                .chain(listed)
                .map(|role| ResourceRole {
                    resource: resource.clone(),
                    role,
                })
                .collect(),
            words: format!("role {role:?} of {resource:?}"),
        }
    }

    /// Whether the Catalog offers it: what a spec names and nobody offers never comes into the package.
    #[must_use]
    pub fn is_offered(&self, catalog: &CatalogSpec) -> bool {
        self.offered_as.iter().any(|role| offers(catalog, role))
    }

    /// The roles that the package has in Entra. What was not told, and what cannot be read, may be any role: no grant
    /// covers it.
    #[must_use]
    pub fn all_of_entra(held: &Read<Listed<ResourceRoleScope>>, status: Option<&CatalogStatus>) -> Vec<Self> {
        let unknown = |words: String| Self {
            field: None,
            offered_as: Vec::new(),
            words,
        };
        let Read::Read(held) = held else {
            return vec![unknown("its roles in Entra, which Entra has not told".into())];
        };
        let readable = held.elements.iter().map(|held| Self::of_entra(held, status));
        let unreadable = held.unreadable.iter().map(|held| {
            unknown(format!(
                "a role that it has in Entra and that cannot be read ({})",
                held.why
            ))
        });
        readable.chain(unreadable).collect()
    }

    /// A role that the package has in Entra: known by the origins of resource and role, not by names.
    #[must_use]
    pub fn of_entra(held: &ResourceRoleScope, status: Option<&CatalogStatus>) -> Self {
        let (scope, role) = (&held.scope, &held.role);
        let offered_as: Vec<ResourceRole> = status
            .into_iter()
            .flat_map(|status| &status.resources)
            .filter(|listed| listed.origin_id.eq_ignore_ascii_case(&scope.origin_id))
            .flat_map(|listed| listed.roles.iter().map(move |role| (&listed.name, role)))
            .filter(|(_, listed)| listed.id.eq_ignore_ascii_case(&role.origin_id))
            .map(|(resource, listed)| ResourceRole {
                resource: resource.clone(),
                role: listed.name.clone(),
            })
            .collect();
        let words = match offered_as.first() {
            Some(ResourceRole { resource, role }) => format!("role {role:?} of {resource:?}, which it has in Entra"),
            None => format!(
                "role {:?} of resource {}, which it has in Entra and the Catalog does not name",
                role.display_name, scope.origin_id
            ),
        };
        Self {
            field: None,
            offered_as,
            words,
        }
    }
}

pub(super) fn offers(catalog: &CatalogSpec, role: &ResourceRole) -> bool {
    catalog
        .resources
        .iter()
        .any(|resource| resource.name == role.resource && resource.offered_roles().contains(&role.role))
}

pub(super) fn covers(grant: &Grant, catalog: &CatalogSpec, role: &RoleAt) -> bool {
    role.offered_as.iter().any(|role| {
        // A grant that names no resources speaks of all that the Catalog offers, and of nothing else.
        offers(catalog, role)
            && grant
                .resources
                .as_ref()
                // `None` names no resources.
                .is_none_or(|resources| resources.contains(&role.resource))
    })
}
