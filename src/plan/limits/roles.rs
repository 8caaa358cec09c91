//! The roles of a package, and which grants speak of them.

use crate::{
    api::{CatalogSpec, CatalogStatus, Grant, ResourceRole},
    graph::{Listed, Read, ResourceRoleScope},
    plan::{
        Base,
        access_package::{RoleKey, is_made_here, remembered},
    },
};

/// What a package may have in Entra beyond what reads show.
#[derive(Clone, Copy, Debug)]
pub struct Beyond<'a> {
    /// What reads show.
    pub shown: &'a Read<Listed<ResourceRoleScope>>,
    /// What the spec asks for: it counts by itself.
    pub asked: &'a [RoleAt],
    /// What status of the package remembers.
    pub base: Base<'a>,
    /// The package was made by us, whatever status remembers.
    pub is_made_here: bool,
    /// Packages show their roles of SharePoint sites.
    pub tells_sites: bool,
}

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

    /// The roles that the package may have though no read shows them: each that we handed out, until its removal is
    /// confirmed, and where roles of sites are not shown and somebody else has filled the package, each that a site offers.
    #[must_use]
    pub fn beyond_reads(beyond: Beyond<'_>, catalog: &CatalogSpec, status: Option<&CatalogStatus>) -> Vec<Self> {
        let Beyond {
            shown,
            asked,
            base,
            is_made_here: is_made_now,
            tells_sites,
        } = beyond;
        let is_shown = |key: &RoleKey| {
            let shown = shown.known().into_iter().flat_map(|shown| &shown.elements);
            shown.into_iter().any(|scope| RoleKey::of(scope) == *key)
        };
        // One that is asked for under no other name than this: whatever covers that covers this.
        let is_asked = |role: &Self| {
            asked.iter().any(|asked| {
                let names = &asked.offered_as;
                !names.is_empty() && names.iter().all(|name| role.offered_as.contains(name))
            })
        };
        let mut roles: Vec<Self> = remembered(base)
            .filter(|key| !is_shown(key))
            .map(|key| {
                let offered_as = offered_under(key.role(), key.scope(), status);
                let which = match offered_as.first() {
                    Some(ResourceRole { resource, role }) => format!("role {role:?} of {resource:?}"),
                    None => format!("role {} of resource {}", key.role(), key.scope()),
                };
                Self {
                    field: None,
                    offered_as,
                    words: format!("{which}, which was handed out and is not known to be taken back"),
                }
            })
            .collect();
        if !tells_sites && !is_made_now && !is_made_here(base) {
            let sites = catalog
                .resources
                .iter()
                .filter(|resource| resource.share_point_site.is_some());
            roles.extend(sites.flat_map(|site| {
                site.offered_roles().into_iter().map(|role| Self {
                    field: None,
                    words: format!(
                        "role {role:?} of {:?}, which it may have, since Entra does not show us roles of SharePoint sites",
                        site.name
                    ),
                    offered_as: vec![ResourceRole {
                        resource: site.name.clone(),
                        role,
                    }],
                })
            }));
        }
        roles.retain(|role| !is_asked(role));
        roles
    }

    /// A role that the package has in Entra: known by the origins of resource and role, not by names.
    #[must_use]
    pub fn of_entra(held: &ResourceRoleScope, status: Option<&CatalogStatus>) -> Self {
        let (scope, role) = (&held.scope, &held.role);
        let offered_as = offered_under(&role.origin_id, &scope.origin_id, status);
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

/// Resource and role as the Catalog names them, by their origin ids.
fn offered_under(role: &str, scope: &str, status: Option<&CatalogStatus>) -> Vec<ResourceRole> {
    let key = RoleKey::new(role, scope);
    let listed = status.into_iter().flat_map(|status| &status.resources);
    let roles = listed.flat_map(|listed| listed.roles.iter().map(move |role| (listed, role)));
    roles
        .filter(|(listed, role)| RoleKey::new(&role.id, &listed.origin_id) == key)
        .map(|(listed, role)| ResourceRole {
            resource: listed.name.clone(),
            role: role.name.clone(),
        })
        .collect()
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
