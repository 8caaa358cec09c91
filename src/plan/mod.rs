//! What to do about it: desired and observed go in, a [`Plan`] comes out. Pure: no client, no async, no clock.
//!
//! A plan leaves its execution no choices: every [`Step`] holds all that its request needs. Management, limits and the
//! drift policy are filters over it, and whatever they hold back stays in the plan with its reason.
//!
//! | file | what it decides |
//! |---|---|
//! | `access_package`, `assignment_policy`, `catalog` | what a kind can do, and what it has to do |
//! | `identity` | which object of Entra this is |
//! | `judge`, `members` | which field and which member of a set is written, held back and remembered |
//! | `drift` | whose doing a difference is, and what may be done about it |
//! | `limits` | what the grants of a catalog allow |
//! | `departure` | how an object goes |
//! | `roles` | which role a name means |

pub mod access_package;
pub mod assignment_policy;
pub mod catalog;
pub mod departure;
pub mod drift;
pub mod identity;
pub mod judge;
pub mod limits;
pub mod members;
mod problem;
pub mod roles;
mod step;

pub use drift::{Base, Drift};
pub use judge::{Canonical, Direction, Judge, Judgement, Rules};
pub use members::{Member, Order, Set};
pub use problem::Problem;
pub use step::{Act, Cause, Difference, Door, Hold, Holders, IdentityAct, Memory, Plan, Stake, Step, applied, joined};

/// What the operator found of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    /// Never made, never taken over.
    Unborn,
    /// It was ours and is gone.
    Gone {
        /// The id that it had.
        id: String,
    },
    /// It is there, but not where it should be: neither ours to write, nor gone.
    Elsewhere {
        /// Its id.
        id: String,
        /// Where it is, in words: `access package 0f…`.
        place: String,
    },
    /// It is there.
    Present(T),
}

impl<T> Found<T> {
    /// What is there.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(found) => Some(found),
            Self::Unborn | Self::Gone { .. } | Self::Elsewhere { .. } => None,
        }
    }

    /// What is there, to let it follow a write of ours.
    pub fn present_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Present(found) => Some(found),
            Self::Unborn | Self::Gone { .. } | Self::Elsewhere { .. } => None,
        }
    }

    /// The same of another shape.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::Unborn => Found::Unborn,
            Self::Gone { id } => Found::Gone { id },
            Self::Elsewhere { id, place } => Found::Elsewhere { id, place },
            Self::Present(found) => Found::Present(with(found)),
        }
    }
}
