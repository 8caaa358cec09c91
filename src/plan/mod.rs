//! What to do about it: desired and observed go in, a [`Plan`] comes out. Pure: no client, no async, no clock.
//!
//! A plan leaves its execution no choices: every [`Step`] holds all that its request needs. Management, limits and the
//! drift policy are filters over it, and whatever they hold back stays in the plan with its reason.
//!
//! | file | what it decides |
//! |---|---|
//! | `access_package`, `assignment_policy`, `catalog`, `connected_organization` | what a kind can do, and what it has to do |
//! | `desire` | what should be there: the spec with all that it points at in its place |
//! | `identity` | which object of Entra this is |
//! | `judge`, `members` | which field and which member of a set is written, held back and remembered |
//! | `drift` | whose doing a difference is, and what may be done about it |
//! | `consent` | which changes of what people have wait for a person |
//! | `limits` | what the grants of a catalog allow |
//! | `departure` | how an object goes |
//! | `admission` | whether the admission policy of the cluster protects what identity rests on |
//! | `brake` | which deletions wait, since there are too many |
//! | `roles` | which role a name means |
//! | `outlook` | what is worth a look of a person, and keeps nobody from working |

pub mod access_package;
pub mod admission;
pub mod assignment_policy;
pub mod bindings;
pub mod brake;
pub mod catalog;
pub mod connected_organization;
pub mod consent;
pub mod departure;
pub mod desire;
pub mod drift;
pub mod identity;
pub mod judge;
pub mod limits;
pub mod members;
pub mod outlook;
pub mod people;
mod problem;
pub mod resources;
pub mod roles;
pub mod sites;
mod step;
pub mod view;

pub use consent::Waits;
pub use drift::{Base, Drift};
pub use judge::{Canonical, Direction, Judge, Judgement, Record, Rules};
pub use members::{Member, Order, Set};
pub use problem::Problem;
pub use step::{
    Act, Cause, Difference, Door, Hold, Holders, IdentityAct, Memory, Plan, Stake, Step, applied, gone, joined,
};
pub use view::Found;
