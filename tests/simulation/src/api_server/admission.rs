//! Admission: who besides the schema has a say. For now nobody.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::{refusal::Refusal, request::Request};

/// What is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Update,
}

/// The policies in force.
#[derive(Debug, Default)]
pub(super) struct Admission {}

impl Admission {
    pub(super) fn admit(
        &self,
        _request: &Request,
        _operation: Operation,
        _object: &Value,
        _old: Option<&Value>,
        _now: Timestamp,
    ) -> Result<(), Refusal> {
        Ok(())
    }
}
