//! Ids as types, so that a package's id cannot be passed for a policy's.
//!
//! Graph's ids are GUIDs (or made of GUIDs), which services and people write in either case: they are kept as they
//! came and compared without case.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id as it came.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn folded(&self) -> impl Iterator<Item = u8> + '_ {
                self.0.bytes().map(|byte| byte.to_ascii_lowercase())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $name {}

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                for byte in self.folded() {
                    state.write_u8(byte);
                }
                state.write_u8(0xff);
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.folded().cmp(other.folded())
            }
        }
    )+};
}

ids! {
    /// An access package catalog.
    CatalogId;
    /// A resource of a catalog (`accessPackageResource`), not the group, application or site that it stands for.
    ResourceId;
    /// A request to add a resource to a catalog or to remove it.
    ResourceRequestId;
    /// An access package.
    AccessPackageId;
    /// A role of a resource in an access package: `{roleId}_{scopeId}`.
    ResourceRoleScopeId;
    /// An assignment policy.
    PolicyId;
    /// An assignment of an access package to someone.
    AssignmentId;
    /// Somebody's role on a catalog.
    RoleAssignmentId;
    /// A directory object: user, group, service principal, connected organization.
    ObjectId;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_that_differ_only_in_case_are_one() {
        let set: HashSet<ObjectId> = ["0282E19D-bf41", "0282e19d-BF41"]
            .into_iter()
            .map(ObjectId::from)
            .collect();
        assert_eq!(set.len(), 1);
        assert_eq!(CatalogId::from("AB").to_string(), "AB");
        assert!(CatalogId::from("AB") < CatalogId::from("ac"));
    }
}
