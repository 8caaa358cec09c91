//! Microsoft Entra ID entitlement management from Kubernetes.
pub mod api;
pub mod commands;
