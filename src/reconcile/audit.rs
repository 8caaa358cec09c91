//! The record of what is written in Entra: one for each step, whatever came of it.
//!
//! It stands in the log under a target of its own, `entra_access_operator::audit`, which the log's level does not silence: what
//! was asked for in Kubernetes, who changed that last, what was sent for it, and Graph's ids of the requests, by which the
//! tenant's own audit log knows them. No token and no secret is in it: what is written are fields of specs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

use super::{Managed, context::title, ledger, subject::Subject};
use crate::plan::{self, Cause};

/// Who changed a spec last, as far as the API server tells: the field manager, which is the name of a program, and the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Author {
    manager: String,
    at: Option<String>,
}

impl Author {
    /// Of the newest write that left a field of `spec`; `None` where the API server keeps none.
    pub(crate) fn of(meta: &ObjectMeta) -> Option<Self> {
        let entries = meta.managed_fields.iter().flatten();
        let newest = entries
            .filter(|entry| entry.subresource.is_none() && writes_spec(entry))
            .max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?;
        Some(Self {
            manager: newest.manager.clone()?,
            at: newest.time.as_ref().map(|time| time.0.to_string()),
        })
    }
}

fn writes_spec(entry: &ManagedFieldsEntry) -> bool {
    let fields = entry.fields_v1.as_ref().and_then(|fields| fields.0.as_object());
    fields.is_some_and(|fields| fields.contains_key("f:spec"))
}

/// A step that is being sent.
pub(super) struct Entry {
    sent: usize,
}

impl Entry {
    /// Before the first request of a step.
    pub(super) fn begin() -> Self {
        Self { sent: ledger::noted() }
    }

    /// Writes the record. `result` is `done`, or why it was not done.
    pub(super) fn write<K: Managed>(self, subject: &Subject<K>, step: &plan::Step<K::Act>, result: &str) {
        let causes = |cause| step.differences.iter().any(|difference| difference.cause == cause);
        let cause = match (causes(Cause::Spec), causes(Cause::Drift)) {
            (true, true) => "spec, drift",
            (false, true) => "drift",
            (true | false, false) => "spec",
        };
        let author = subject.author();
        let ids = ledger::ids_since(self.sent);
        tracing::info!(
            target: "entra_access_operator::audit",
            object = %title(&subject.object),
            uid = subject.uid(),
            generation = subject.generation(),
            is_deleted = subject.object.meta().deletion_timestamp.is_some(),
            changed_by = author.map(|author| author.manager.as_str()),
            changed_at = author.and_then(|author| author.at.as_deref()),
            step = %step.act,
            cause,
            changes = (!step.differences.is_empty()).then(|| plan::joined(&step.differences)),
            request_ids = (!ids.is_empty()).then(|| ids.join(" ")),
            result,
            "audit: {step}"
        );
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        apimachinery::pkg::apis::meta::v1::{FieldsV1, Time},
        jiff::Timestamp,
    };
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, second: i64, fields: serde_json::Value, subresource: Option<&str>) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.into()),
            time: Timestamp::from_second(second).ok().map(Time),
            fields_v1: Some(FieldsV1(fields)),
            subresource: subresource.map(str::to_owned),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn the_author_is_who_wrote_the_spec_last_and_neither_who_annotated_it_nor_who_wrote_its_status() {
        let meta = ObjectMeta {
            managed_fields: Some(vec![
                entry("helm", 10, json!({"f:spec": {}}), None),
                entry("argocd-controller", 20, json!({"f:spec": {}, "f:metadata": {}}), None),
                entry("kubectl-annotate", 30, json!({"f:metadata": {}}), None),
                entry("entra-access-operator", 40, json!({"f:spec": {}}), Some("status")),
            ]),
            ..ObjectMeta::default()
        };
        let author = Author::of(&meta).expect("somebody");
        assert_eq!(author.manager, "argocd-controller");
        assert_eq!(author.at.as_deref(), Some("1970-01-01T00:00:20Z"));
        assert_eq!(Author::of(&ObjectMeta::default()), None);
    }
}
