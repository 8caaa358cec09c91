//! Microsoft Entra ID entitlement management from Kubernetes.
//!
//! ```text
//!   spec ─► resolve ─► desire ─► identify ─► observe ─► plan ─► apply ─► report ─► status, events
//!           reads       pure      reads       reads      pure    writes   pure
//!           Kubernetes            Graph       Graph              Graph
//!           and names
//! ```
//!
//! One crate, in rooms. Arrows point one way, and `tests/layers.rs` holds them:
//!
//! | room | holds | may know |
//! |---|---|---|
//! | [`api`] | the custom resources: types, schema rules, conditions, reasons | nothing of ours |
//! | [`graph`] | Graph v1.0 as it is: one door for every request, one function for each operation | nothing of ours |
//! | [`plan`] | decisions over values: what should be and what is, to an ordered list of changes | `api`, Graph's models |
//! | [`report`] | from what a visit found to conditions and events | `api`, `plan` |
//! | [`reconcile`] | the loop: the only place where Kubernetes and Graph meet | all of the above |
//! | `cluster` | the cluster's objects with their indexes, and which news wakes whom | `api`, the limits of `plan` |
//! | [`operator`] | news in, visits out | `cluster`, `reconcile` |
//! | [`controllers`] | the watches, and a queue for each kind | `cluster`, `reconcile` |
//! | [`clock`], [`chance`], [`tenure`] | the one clock, the one source of chance, and until when this process may write | nothing of ours |
//! | [`layer`] | what a simulation can take out, in a build for tests alone | nothing of ours |
//! | [`leadership`], [`server`], [`metrics`], [`telemetry`] | one leader; health and figures over HTTP; log and traces | |
//! | [`commands`] | what the binary can do | all |
//!
//! **A kind is a file of the same name in each room**: `api/access_package.rs`, `graph/access_package.rs`,
//! `plan/access_package.rs`, `reconcile/access_package.rs`. To add one, start with its type in `api`, let
//! `cargo run -- crd --write crds` show its schema, give `graph` its operations, `plan` its `Desired`, `Observed` and
//! `plan()`, and implement `Managed` in `reconcile`; [`api::KindName`] leads to the other places: each is a `match` that does
//! not compile without it. What wakes it, and whom it wakes, stands in `cluster::wake`.
pub mod api;
pub mod chance;
pub mod clock;
mod cluster;
pub mod commands;
pub mod controllers;
pub mod graph;
pub mod layer;
pub mod leadership;
pub mod metrics;
pub mod operator;
pub mod plan;
pub mod reconcile;
pub mod report;
pub mod server;
pub mod telemetry;
pub mod tenure;
