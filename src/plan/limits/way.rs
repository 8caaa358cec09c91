//! The ways into a package, each told in words.

use super::terms::Terms;
use crate::{
    api::{AssignmentPolicySpec, PinnedReference},
    graph::{AssignmentPolicy, Unreadable},
    plan::Problem,
};

/// One policy through which somebody could come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Whose policy, in words; `None` for the object that is being looked at.
    pub who: Option<String>,
    /// What it lets people do.
    pub terms: Judged,
}

/// What is known of a policy's terms.
#[expect(
    clippy::large_enum_variant,
    reason = "a package has a few of them, for as long as it is judged"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// These.
    Terms(Terms),
    /// Nothing, for this reason: no grant allows it.
    Unjudgeable(String),
}

impl Way {
    /// What the object that is being looked at asks for, with what its names were bound to.
    ///
    /// # Errors
    /// [`crate::api::Reason::InvalidSpec`], see [`Terms::of_spec`].
    pub fn of_this(spec: &AssignmentPolicySpec, pins: &[PinnedReference]) -> Result<Self, Problem> {
        Terms::of_spec(spec, pins).map(|terms| Self {
            who: None,
            terms: Judged::Terms(terms),
        })
    }

    /// What another AssignmentPolicy of the package asks for, with what its names were bound to.
    #[must_use]
    pub fn of_object(name: &str, spec: &AssignmentPolicySpec, pins: &[PinnedReference]) -> Self {
        Self {
            who: Some(format!("AssignmentPolicy {name:?} of this package")),
            terms: match Terms::of_spec(spec, pins) {
                Ok(terms) => Judged::Terms(terms),
                Err(problem) => Judged::Unjudgeable(problem.steady()),
            },
        }
    }

    /// An AssignmentPolicy that cannot be read, newer than this program perhaps. It exists, and what it does in Entra is
    /// not known.
    #[must_use]
    pub fn of_unreadable_object(name: &str, why: &str) -> Self {
        Self {
            who: Some(format!("AssignmentPolicy {name:?}")),
            terms: Judged::Unjudgeable(why.to_owned()),
        }
    }

    /// What a policy of Entra lets people do; `managed_by` is the object that stands for it, in words.
    #[must_use]
    pub fn of_entra(policy: &AssignmentPolicy, managed_by: Option<&str>) -> Self {
        let (name, id) = (&policy.fields.display_name, &policy.id);
        let whose = managed_by.map_or("not managed here".to_owned(), |object| format!("managed by {object}"));
        Self {
            who: Some(format!("policy {name:?} ({id}) in Entra, {whose}")),
            terms: Judged::Terms(Terms::of_entra(&policy.fields)),
        }
    }

    /// A policy of Entra that cannot be read.
    #[must_use]
    pub fn of_unreadable(policy: &Unreadable) -> Self {
        let Unreadable { id, display_name, why } = policy;
        let name = display_name.as_deref().unwrap_or("without a name");
        let id = id.as_deref().unwrap_or("id not told");
        Self {
            who: Some(format!("policy {name:?} ({id}) in Entra")),
            terms: Judged::Unjudgeable(format!("it cannot be read: {why}")),
        }
    }
}
