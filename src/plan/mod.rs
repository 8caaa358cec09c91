//! What to do about it: desired and observed go in, a [`Plan`] comes out. Pure: no client, no async, no clock.
//!
//! A plan leaves its execution no choices: every [`Change`] holds all that the request needs. Management, limits and
//! the drift policy are filters over it, and whatever they drop stays in the plan as [`Held`], with its reason.

pub mod access_package;
pub mod assignment_policy;
pub mod bindings;
pub mod catalog;
pub mod drift;
pub mod limits;
pub mod people;
mod problem;
pub mod resources;
pub mod roles;
pub mod sites;

use std::{collections::BTreeMap, fmt};

use crate::{
    api::{Applied, Management, Reason},
    graph::{
        AccessPackagePatch, CatalogFields, CatalogPatch, NewAccessPackage, NewResource, NewResourceRoleScope,
        PolicyBody, ResourceId, ResourceRoleScopeId,
    },
};

pub use drift::{Base, Drift};
pub use problem::Problem;

/// One field that is not as desired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field of the spec, for example `displayName` or `requestors`.
    pub field: String,
    /// What Entra has.
    pub before: String,
    /// What the spec says.
    pub after: String,
    /// Whether going from `before` to `after` gives anybody access, or a way to it, that they do not have now.
    pub widens: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} -> {}", self.field, self.before, self.after)
    }
}

/// One request to Graph, complete.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Make the catalog.
    CreateCatalog(CatalogFields),
    /// Change fields of the catalog.
    UpdateCatalog {
        /// What is sent.
        patch: CatalogPatch,
        /// What it changes.
        differences: Vec<Difference>,
    },
    /// Bring a resource into the catalog.
    AddResource {
        /// Its name in the spec.
        name: String,
        /// What is sent.
        resource: NewResource,
    },
    /// Take a resource that we brought in out again.
    RemoveResource {
        /// The name it had in the spec.
        name: String,
        /// Its id in the catalog.
        id: ResourceId,
    },
    /// Make the package.
    CreateAccessPackage(NewAccessPackage),
    /// Change fields of the package.
    UpdateAccessPackage {
        /// What is sent.
        patch: AccessPackagePatch,
        /// What it changes.
        differences: Vec<Difference>,
    },
    /// Let the package hand out a role.
    AddResourceRole {
        /// `resource/role` as the spec names them.
        name: String,
        /// What is sent.
        role_scope: Box<NewResourceRoleScope>,
    },
    /// Stop the package handing out a role.
    RemoveResourceRole {
        /// The role as Entra names it.
        name: String,
        /// What is removed.
        id: ResourceRoleScopeId,
    },
    /// Make the policy.
    CreateAssignmentPolicy(Box<PolicyBody>),
    /// Replace the policy as a whole.
    ReplaceAssignmentPolicy {
        /// What is sent.
        fields: Box<PolicyBody>,
        /// What it changes.
        differences: Vec<Difference>,
    },
}

impl Change {
    /// Whether it makes the object itself, as opposed to changing one that exists.
    #[must_use]
    pub fn is_create(&self) -> bool {
        matches!(
            self,
            Self::CreateCatalog(_) | Self::CreateAccessPackage(_) | Self::CreateAssignmentPolicy(_)
        )
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateCatalog(fields) => write!(formatter, "create catalog {:?}", fields.display_name),
            Self::CreateAccessPackage(package) => {
                write!(formatter, "create access package {:?}", package.display_name)
            }
            Self::CreateAssignmentPolicy(fields) => {
                write!(formatter, "create assignment policy {:?}", fields.display_name)
            }
            Self::UpdateCatalog { differences, .. }
            | Self::UpdateAccessPackage { differences, .. }
            | Self::ReplaceAssignmentPolicy { differences, .. } => {
                write!(formatter, "change {}", joined(differences))
            }
            Self::AddResource { name, resource } => {
                write!(
                    formatter,
                    "add resource {name} ({} {})",
                    resource.origin_system, resource.origin_id
                )
            }
            Self::RemoveResource { name, .. } => write!(formatter, "remove resource {name}"),
            Self::AddResourceRole { name, .. } => write!(formatter, "add role {name}"),
            Self::RemoveResourceRole { name, .. } => write!(formatter, "remove role {name}"),
        }
    }
}

/// A change that is not made, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// What would be changed, in words.
    pub what: String,
    /// Why it is not.
    pub reason: Reason,
}

/// An ordered list of changes, and what was held back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In the order of execution; the first that fails ends the visit.
    pub changes: Vec<Change>,
    /// Not executed.
    pub held: Vec<Held>,
    /// What to remember once every change is made.
    pub applied: Applied,
}

impl Plan {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Holds every change back where the object or its tenant is only observed.
    #[must_use]
    pub fn managed(mut self, management: Management) -> Self {
        if management == Management::Observe {
            let what = self.changes.drain(..).map(|change| change.to_string());
            self.held.extend(what.map(|what| Held {
                what,
                reason: Reason::ObserveOnly,
            }));
        }
        self
    }

    /// The reason of highest rank among what is held, with everything held in words.
    #[must_use]
    pub fn held_problem(&self, reopen: &str) -> Option<Problem> {
        let reason = [
            Reason::DeletedInEntra,
            Reason::DriftHeld,
            Reason::ObserveOnly,
            Reason::DriftReported,
        ]
        .into_iter()
        .find(|reason| self.held.iter().any(|held| held.reason == *reason))?;
        let what = self
            .held
            .iter()
            .map(|held| held.what.as_str())
            .collect::<Vec<_>>()
            .join("; ");
        Some(Problem::new(
            reason,
            match reason {
                Reason::DriftHeld => format!(
                    "Entra was changed behind the operator's back, and putting it back would widen access: {what}. To put it back: {reopen}. To keep it, change the spec"
                ),
                Reason::DeletedInEntra => {
                    format!("deleted in Entra: {what}. To make it anew: {reopen}. To give it up, delete this object")
                }
                Reason::ObserveOnly => {
                    format!("Entra differs from the spec, and writing is switched off here: {what}")
                }
                _ => format!("Entra differs from the spec, and driftPolicy is Report: {what}"),
            },
        ))
    }
}

/// The differences in one line.
#[must_use]
pub fn joined(differences: &[Difference]) -> String {
    differences
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// The digests of canonical texts by field, to be remembered as the base of the next comparison.
fn digests<'a>(fields: impl IntoIterator<Item = (String, &'a str)>) -> Applied {
    Applied {
        fields: fields
            .into_iter()
            .map(|(field, text)| (field, drift::digest(text)))
            .collect::<BTreeMap<_, _>>(),
    }
}
