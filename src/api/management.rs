//! How much the operator may do with an object, and what becomes of it at the end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much the operator may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Management {
    /// Create, change and delete.
    #[default]
    Full,
    /// Look and report; never write.
    Observe,
}

/// Whether an object that exists in Entra already may be taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Adoption {
    /// An object of this name that is not ours is reported and left alone.
    #[default]
    Never,
    /// The one object of this name in its place is taken over; the grant must allow it.
    ByName,
}

/// What to do when Entra differs from the spec although the spec did not change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DriftPolicy {
    /// Correct what narrows access or leaves it as it is; report what would widen it and wait for a person.
    #[default]
    Cautious,
    /// Correct everything.
    Correct,
    /// Correct nothing, report everything.
    Report,
}

/// What becomes of the object in Entra when the Kubernetes object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Close it for new requests, wait until nobody holds it any more, then delete it.
    #[default]
    Delete,
    /// Close it for new requests, take the access of everybody who holds it away, then delete it.
    DeleteWithAssignments,
    /// Leave it in Entra as it is.
    Orphan,
}

/// Whether something has to be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Requirement {
    /// It may be left out.
    #[default]
    NotRequired,
    /// It must be given.
    Required,
}

/// A choice that has no settings of its own, written `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Empty {}
