//! What an application sees of SharePoint sites, which the service lists to signed-in users only.

use serde::{Deserialize, Serialize};

/// Whether sites are kept from applications, and where they are seen all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DelegatedSites {
    /// `true`: as documented, with the defaults of [`ShownSites`]; `false`: an application sees them everywhere.
    On(bool),
    /// As documented, and seen where this says so.
    Shown(ShownSites),
}

impl Default for DelegatedSites {
    fn default() -> Self {
        Self::On(true)
    }
}

/// Where an application sees sites although their catalog does not list them. No source says any of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ShownSites {
    /// In the collection `resources` of a catalog and of the tenant, and where a catalog expands it. Not by default:
    /// that they are not is what the documentation says.
    pub lists: bool,
    /// By their id: `resources/{id}`.
    pub reads: bool,
    /// In `resourceRoles` and `resourceScopes` of a catalog.
    pub resource_roles: bool,
    /// In the 201 of `resourceRequests`, as its `resource`.
    pub answers: bool,
    /// Where a resource request expands its `resource`.
    pub requests: bool,
    /// Among the `resourceRoleScopes` of a package.
    pub packages: bool,
}

impl Default for ShownSites {
    fn default() -> Self {
        Self {
            lists: false,
            reads: true,
            resource_roles: true,
            answers: true,
            requests: true,
            packages: true,
        }
    }
}

impl DelegatedSites {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Where an application sees sites.
    pub(crate) fn shown(self) -> ShownSites {
        match self {
            Self::On(true) => ShownSites::default(),
            // Nothing is told of a site that other resources would not tell of themselves.
            Self::On(false) => ShownSites {
                lists: true,
                answers: false,
                ..ShownSites::default()
            },
            Self::Shown(shown) => shown,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Quirks;

    #[test]
    fn sites_are_kept_from_applications_unless_it_is_switched_off() {
        assert!(!Quirks::default().share_point_needs_delegated.shown().lists);
        let mut quirks = Quirks::default();
        quirks.set("sharePointNeedsDelegated=false").unwrap();
        assert!(quirks.share_point_needs_delegated.shown().lists);
        quirks.set(r#"sharePointNeedsDelegated={"packages":false}"#).unwrap();
        let shown = quirks.share_point_needs_delegated.shown();
        assert_eq!(
            (shown.lists, shown.packages, shown.requests),
            (false, false, true),
            "what is not named has its default"
        );
        quirks.set(r#"sharePointNeedsDelegated={"pakages":false}"#).unwrap_err();
    }
}
