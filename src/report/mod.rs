//! Saying what happened. Pure: an outcome goes in, conditions and events come out.

mod conditions;
mod events;

pub use conditions::{Report, conditions};
pub use events::{Note, gathered, warning};
