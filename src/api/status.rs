//! What the kinds' statuses have in common.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `status.observedGeneration` of an object that no controller has looked at yet.
pub const NEVER_OBSERVED: i64 = -1;

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
    /// Catalog of the object; for a Catalog, and for what is in none, its own id.
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
    /// Id of the parent in Entra: the catalog of a package, the package of a policy, the tenant of a catalog
    /// or a connected organization.
    pub parent_id: String,
    /// When it was begun (RFC 3339).
    pub started_at: String,
    /// When the same create was sent once more (RFC 3339), where its name cannot be given twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_again_at: Option<String>,
    /// Digest of the description that was sent: what somebody else makes under the same name at the same time differs
    /// in it.
    #[serde(default)]
    pub fingerprint: String,
    /// Id of the catalog that it goes into; absent for a catalog and for what goes into none. A deletion finds it when package and Catalog are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    /// The tenant that it was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantOfIntent>,
}

/// Which tenant a create was sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantOfIntent {
    /// Cloud of the tenant.
    pub cloud: String,
    /// Tenant id.
    pub tenant_id: String,
}

/// What was last applied, so that a change by somebody else can be told from a change of the spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Digest of each field's value as last written or found in place; ids of what reads may hide as they are.
    pub fields: BTreeMap<String, String>,
    /// The newest write that something of this came of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// A write to Entra: for a while after it, reads of others may show what was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// When it was answered, by the service's clock (RFC 3339).
    pub at: String,
    /// Which process has made it: what that one reads is told from its own writes.
    pub by: String,
    /// When another process has written last before that: of its writes this one knows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_at: Option<String>,
}

/// A name that was looked up once and is bound to what it stood for then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PinnedReference {
    /// The reference as text, for example `user userPrincipalName=bob@contoso.com`.
    pub reference: String,
    /// The id that it stood for when it was first resolved.
    pub id: String,
}

impl PinnedReference {
    /// The ids by their references.
    #[must_use]
    pub fn map(pinned: &[Self]) -> BTreeMap<String, String> {
        let pairs = pinned.iter().map(|pin| (pin.reference.clone(), pin.id.clone()));
        pairs.collect()
    }
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

/// How far the operator is with an object: what the status of every kind has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The generation that the conditions speak of; -1 before the first visit.
    #[serde(default = "never_observed")]
    pub observed_generation: i64,
    /// The last value of the annotation `reconcile-requested-at` that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Conditions: Ready, ReferencesResolved, Synced, Healthy, Reconciling, Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            observed_generation: NEVER_OBSERVED,
            last_handled_reconcile_at: None,
            conditions: Vec::new(),
        }
    }
}

fn never_observed() -> i64 {
    NEVER_OBSERVED
}

/// Which object of Entra an object stands for, and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Which object of Entra this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entra: Option<EntraObject>,
    /// A create that was begun and whose outcome is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// What was last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
}

/// What the driver needs from any kind's status.
pub trait ManagedStatus {
    /// What the status of every kind has.
    fn standing(&self) -> &Standing;
    /// What the status of every kind has.
    fn standing_mut(&mut self) -> &mut Standing;
    /// `observedGeneration`.
    fn observed_generation_mut(&mut self) -> &mut i64 {
        &mut self.standing_mut().observed_generation
    }
    /// `conditions`.
    fn conditions(&self) -> &[Condition] {
        &self.standing().conditions
    }
    /// `conditions`.
    fn conditions_mut(&mut self) -> &mut Vec<Condition> {
        &mut self.standing_mut().conditions
    }
    /// The Ready condition, where there is one yet.
    fn ready(&self) -> Option<&Condition> {
        let name = ConditionType::Ready.name();
        self.conditions().iter().find(|condition| condition.type_ == name)
    }
    /// `lastHandledReconcileAt`.
    fn last_handled_mut(&mut self) -> &mut Option<String> {
        &mut self.standing_mut().last_handled_reconcile_at
    }
    /// `lastHandledReconcileAt`.
    fn last_handled(&self) -> Option<&str> {
        self.standing().last_handled_reconcile_at.as_deref()
    }
}

/// What the driver needs from the status of a kind that stands for an object of Entra.
pub trait EntraStatus: ManagedStatus {
    /// What the status of every such kind has.
    fn identity(&self) -> &Identity;
    /// What the status of every such kind has.
    fn identity_mut(&mut self) -> &mut Identity;
    /// `entra`.
    fn entra(&self) -> Option<&EntraObject> {
        self.identity().entra.as_ref()
    }
    /// `entra`.
    fn entra_mut(&mut self) -> &mut Option<EntraObject> {
        &mut self.identity_mut().entra
    }
    /// `intent`.
    fn intent(&self) -> Option<&Intent> {
        self.identity().intent.as_ref()
    }
    /// `intent`.
    fn intent_mut(&mut self) -> &mut Option<Intent> {
        &mut self.identity_mut().intent
    }
    /// `applied`.
    fn applied(&self) -> Option<&Applied> {
        self.identity().applied.as_ref()
    }
    /// `applied`.
    fn applied_mut(&mut self) -> &mut Option<Applied> {
        &mut self.identity_mut().applied
    }
}
