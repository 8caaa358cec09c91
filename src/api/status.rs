//! What the kinds' statuses have in common.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `status.observedGeneration` of an object that no controller has looked at yet.
pub const NEVER_OBSERVED: i64 = -1;

pub(super) fn never_observed() -> i64 {
    NEVER_OBSERVED
}

/// The condition types of every kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// The summary: Entra has what the spec says, and it can be used.
    Ready,
    /// Everything that the spec names was found, once.
    ReferencesResolved,
    /// What we wrote is what Entra has.
    Synced,
    /// Live warnings; a warning does not make the object less Ready.
    Healthy,
    /// Present and True while the operator is at work or waits for something that can heal by itself.
    Reconciling,
    /// Present and True while nothing but an edit of this object helps.
    Stalled,
}

impl ConditionType {
    /// The type as it stands in `status.conditions[].type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::ReferencesResolved => "ReferencesResolved",
            Self::Synced => "Synced",
            Self::Healthy => "Healthy",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
        }
    }
}

/// Which object of Entra this is: the only proof of identity. Names never prove anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntraObject {
    /// Cloud of the tenant.
    pub cloud: String,
    /// Tenant id.
    pub tenant_id: String,
    /// Catalog of the object; for a Catalog its own id.
    pub catalog_id: String,
    /// Id of the object in entitlement management.
    pub id: String,
    /// uid of the Kubernetes object that this was written for: a copy of the status proves nothing.
    pub owner_uid: String,
}

/// A create that was begun: written before the request is sent, removed when its outcome is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Random mark of this attempt.
    pub nonce: String,
    /// Display name that was sent.
    pub display_name: String,
    /// Id of the parent in Entra: the catalog of a package, the package of a policy, the tenant of a catalog.
    pub parent_id: String,
    /// When it was begun (RFC 3339).
    pub started_at: String,
    /// Digest of the description that was sent: what somebody else makes under the same name at the same time differs
    /// in it.
    #[serde(default)]
    pub fingerprint: String,
    /// Catalog in which it is made, so that it can be found when what leads there is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    /// Tenant in which it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

/// What was last applied, so that a change by somebody else can be told from a change of the spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Digest of each field's value as last written or found in place.
    pub fields: BTreeMap<String, String>,
}

/// A name that was looked up once and is bound to what it stood for then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PinnedReference {
    /// The reference as text, for example `user userPrincipalName=bob@contoso.com`.
    pub reference: String,
    /// The id that it stood for when it was first resolved.
    pub id: String,
}

/// A policy of the package that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmanagedPolicy {
    /// Id of the policy.
    pub id: String,
    /// Its display name.
    pub display_name: String,
}

/// What the driver needs from any kind's status.
pub trait ManagedStatus {
    /// `observedGeneration`.
    fn observed_generation_mut(&mut self) -> &mut i64;
    /// `conditions`.
    fn conditions(&self) -> &[Condition];
    /// `conditions`.
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
    /// The Ready condition, where there is one yet.
    fn ready(&self) -> Option<&Condition> {
        let name = ConditionType::Ready.name();
        self.conditions().iter().find(|condition| condition.type_ == name)
    }
    /// `lastHandledReconcileAt`.
    fn last_handled_mut(&mut self) -> &mut Option<String>;
    /// `lastHandledReconcileAt`.
    fn last_handled(&self) -> Option<&str>;
}

/// What the driver needs from the status of a kind that stands for an object of Entra.
pub trait EntraStatus: ManagedStatus {
    /// `entra`.
    fn entra(&self) -> Option<&EntraObject>;
    /// `entra`.
    fn entra_mut(&mut self) -> &mut Option<EntraObject>;
    /// `intent`.
    fn intent(&self) -> Option<&Intent>;
    /// `intent`.
    fn intent_mut(&mut self) -> &mut Option<Intent>;
    /// `applied`.
    fn applied(&self) -> Option<&Applied>;
    /// `applied`.
    fn applied_mut(&mut self) -> &mut Option<Applied>;
}

macro_rules! managed_status {
    ($status:ty) => {
        impl $crate::api::ManagedStatus for $status {
            fn observed_generation_mut(&mut self) -> &mut i64 {
                &mut self.observed_generation
            }
            fn conditions(&self) -> &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition] {
                &self.conditions
            }
            fn conditions_mut(&mut self) -> &mut Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
                &mut self.conditions
            }
            fn last_handled_mut(&mut self) -> &mut Option<String> {
                &mut self.last_handled_reconcile_at
            }
            fn last_handled(&self) -> Option<&str> {
                self.last_handled_reconcile_at.as_deref()
            }
        }
    };
}
pub(super) use managed_status;

macro_rules! entra_status {
    ($status:ty) => {
        $crate::api::status::managed_status!($status);

        impl $crate::api::EntraStatus for $status {
            fn entra(&self) -> Option<&$crate::api::EntraObject> {
                self.entra.as_ref()
            }
            fn entra_mut(&mut self) -> &mut Option<$crate::api::EntraObject> {
                &mut self.entra
            }
            fn intent(&self) -> Option<&$crate::api::Intent> {
                self.intent.as_ref()
            }
            fn applied(&self) -> Option<&$crate::api::Applied> {
                self.applied.as_ref()
            }
            fn intent_mut(&mut self) -> &mut Option<$crate::api::Intent> {
                &mut self.intent
            }
            fn applied_mut(&mut self) -> &mut Option<$crate::api::Applied> {
                &mut self.applied
            }
        }
    };
}
pub(super) use entra_status;
