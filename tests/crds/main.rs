//! The CRDs in front of a real API server: what it takes, what it refuses, and the very words that a person then reads.
//!
//! One file for each kind holds its tables of objects, accepted and refused; `rules.rs` sees to it that no rule is
//! without a refused object, and `wrong.rs` breaks a thousand valid ones. If you add or reword a rule, add or reword its line in the table.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what the tests share fails as a test does"
)]

mod access_package;
mod assignment_policy;
mod catalog;
mod cluster;
mod connected_organization;
mod defaults;
mod entra_tenant;
mod explained;
mod generated;
mod lengths;
mod rules;
mod samples;
mod served;
mod status;
mod wrong;
