//! Microsoft Entra ID entitlement management from Kubernetes.
pub mod api;
pub mod commands;
pub mod controllers;
pub mod graph;
pub mod leadership;
pub mod metrics;
pub mod plan;
pub mod reconcile;
pub mod report;
pub mod server;
