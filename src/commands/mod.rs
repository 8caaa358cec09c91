//! What the binary can do.

pub mod crd;
pub mod run;
