//! What the binary can do.

pub mod crd;
pub mod release;
pub mod run;
