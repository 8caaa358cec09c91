//! Who approves.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{
    IsoDuration, Requirement,
    management::Empty,
    reference::{GroupRef, UserRef},
    rules,
};

/// Who approves: exactly one of `notRequired`, `stages`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.notRequired) || has(self.stages)")
    .message("say who approves, for example stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]; where nobody needs to, write notRequired: {}"))]
#[x_kube(validation = Rule::new("!(has(self.notRequired) && has(self.stages))")
    .message("notRequired and stages exclude each other: keep one"))]
#[x_kube(validation = Rule::new("!has(self.notRequired) || !self.requiredForUpdate")
    .message("requiredForUpdate goes with stages: with notRequired nobody is there to approve")
    .field_path(".requiredForUpdate"))]
pub struct Approval {
    /// Requests are granted without anybody's approval; written `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_required: Option<Empty>,
    /// One to three stages, in order; in each of them one approver suffices. For example
    /// `[{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3))]
    #[x_kube(validation = Rule::new("self.size() > 0")
        .message("at least one stage is needed, for example stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]; for requests without approval write approval: {notRequired: {}}"))]
    pub stages: Option<Vec<ApprovalStage>>,
    /// Whether a change of existing access is approved as well. Default `false`.
    #[serde(default)]
    pub required_for_update: bool,
}

/// One stage of the approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::at_least_one("approvers", "at least one approver is needed, for example approvers: [{user: {userPrincipalName: bob@contoso.com}}]"))]
#[x_kube(validation = Rule::new("!has(self.approvers) || self.approvers.size() == 0 || self.approvers.exists(a, has(a.user) || has(a.group)) || (has(self.fallbackApprovers) && self.fallbackApprovers.size() > 0)")
    .message("only managers, sponsors or owners approve here, and somebody may have none: name fallbackApprovers, for example fallbackApprovers: [{group: {displayName: Approvers}}]")
    .field_path(".fallbackApprovers").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!has(self.escalation) || !has(self.escalation.after) || !self.decisionTimeout.matches('^P[0-9]+D$') || !self.escalation.after.matches('^P[0-9]+D$') || int(self.escalation.after.substring(1, self.escalation.after.size() - 1)) < int(self.decisionTimeout.substring(1, self.decisionTimeout.size() - 1))")
    .message("must be shorter than the stage's decisionTimeout: after that the request is denied, and nobody is asked any more")
    .field_path(".escalation.after"))]
pub struct ApprovalStage {
    /// Who may approve; one of them suffices. For example `[{user: {userPrincipalName: bob@contoso.com}}]`. Required.
    #[schemars(length(max = 50))]
    pub approvers: Vec<Approver>,
    /// Who approves where a manager, sponsor or owner is missing, for example `[{group: {displayName: Approvers}}]`; required
    /// where only those are named. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub fallback_approvers: Vec<NamedApprover>,
    /// After how many days without a decision the request is denied: `P1D` to `P14D`. Default `P14D`.
    #[serde(default = "fourteen_days")]
    #[x_kube(validation = Rule::new("self.matches('^P([1-9]|1[0-4])D$')")
        .message("must be one to fourteen days, P1D to P14D"))]
    pub decision_timeout: IsoDuration,
    /// Whether approvers must say why: `Required` or `NotRequired`. Default `NotRequired`.
    #[serde(default)]
    pub justification: Requirement,
    /// Who is asked as well when nobody decided for some time, for example
    /// `{after: P7D, approvers: [{group: {displayName: Approvers}}]}`. Default: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// Whether requestors see who approves: `Default` (as the tenant has it), `Visible`, `NotVisible`. Not in the clouds
    /// of the US Government and China. Default `Default`.
    #[serde(default)]
    pub approver_visibility: ApproverVisibility,
}

/// Whether requestors see who approves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApproverVisibility {
    /// As the tenant has it.
    #[default]
    Default,
    /// They do.
    Visible,
    /// They do not.
    NotVisible,
}

fn fourteen_days() -> IsoDuration {
    IsoDuration::new("P14D")
}

/// Who is asked as well when nobody decided for some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::at_least_one("approvers", "at least one approver is needed, for example approvers: [{group: {displayName: Approvers}}]"))]
#[x_kube(validation = Rule::new("!has(self.approvers) || self.approvers.size() == 0 || self.approvers.exists(a, has(a.user) || has(a.group)) || (has(self.fallbackApprovers) && self.fallbackApprovers.size() > 0)")
    .message("only managers, sponsors or owners are asked here, and somebody may have none: name fallbackApprovers, for example fallbackApprovers: [{group: {displayName: Approvers}}]")
    .field_path(".fallbackApprovers").reason(Reason::FieldValueRequired))]
#[x_kube(validation = rules::required("after", "say when, for example after: P7D"))]
pub struct Escalation {
    /// After how many days without a decision: `P1D` to `P13D`, less than the stage's `decisionTimeout`; for example
    /// `P7D`. Required.
    #[x_kube(validation = Rule::new("self.matches('^P([1-9]|1[0-3])D$')")
        .message("must be one to thirteen days, P1D to P13D"))]
    pub after: IsoDuration,
    /// Who is asked then, for example `[{group: {displayName: Approvers}}]`. Required.
    #[schemars(length(max = 50))]
    pub approvers: Vec<Approver>,
    /// Who is asked where a manager, sponsor or owner is missing, for example `[{group: {displayName: Approvers}}]`; required
    /// where only those are named. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub fallback_approvers: Vec<NamedApprover>,
}

/// One who may approve: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["user", "group", "requestorManager", "internalSponsors", "externalSponsors", "targetManager", "targetUserSponsors", "targetApplicationOwners", "targetAgentIdentitySponsorsOrOwners"], "an approver needs exactly one of user, group, requestorManager, internalSponsors, externalSponsors, targetManager, targetUserSponsors, targetApplicationOwners, targetAgentIdentitySponsorsOrOwners; for example {requestorManager: {level: 1}}"))]
#[x_kube(validation = rules::at_most_one_of(&["user", "group", "requestorManager", "internalSponsors", "externalSponsors", "targetManager", "targetUserSponsors", "targetApplicationOwners", "targetAgentIdentitySponsorsOrOwners"]))]
pub struct Approver {
    /// A user, for example `{userPrincipalName: ann@contoso.com}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// Any member of a group, for example `{displayName: Approvers}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupRef>,
    /// The requestor's manager, or the manager's manager; for example `{level: 1}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requestor_manager: Option<ManagerLevel>,
    /// The internal sponsors of the requestor's connected organization; written `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_sponsors: Option<Empty>,
    /// The external sponsors of the requestor's connected organization; written `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_sponsors: Option<Empty>,
    /// The manager of whoever is to be given the package, up to the fourth level; for example `{level: 1}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_manager: Option<TargetManagerLevel>,
    /// The sponsors of the user who is to be given the package, guests' sponsors mostly; written `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_user_sponsors: Option<Empty>,
    /// The owners of the application that is to be given the package; written `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_application_owners: Option<Empty>,
    /// The sponsors or owners of the agent identity that is to be given the package; written `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_agent_identity_sponsors_or_owners: Option<Empty>,
}

/// How far up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct ManagerLevel {
    /// 1: the manager; 2: the manager's manager. Default 1.
    #[serde(default = "direct_manager")]
    #[x_kube(validation = Rule::new("self in [1, 2]").message("must be 1, the manager, or 2, the manager's manager"))]
    pub level: i32,
}

/// How far up from whoever is to be given the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct TargetManagerLevel {
    /// 1: the manager; 2: the manager's manager; up to 4. Default 1.
    #[serde(default = "direct_manager")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 4").message("must be 1, the manager, to 4, the fourth level"))]
    pub level: i32,
}

fn direct_manager() -> i32 {
    1
}

/// A user or a group: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::any_of(&["user", "group"], "a fallback approver needs exactly one of user, group; for example {group: {displayName: Approvers}}"))]
#[x_kube(validation = rules::at_most_one_of(&["user", "group"]))]
pub struct NamedApprover {
    /// A user, for example `{userPrincipalName: ann@contoso.com}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// Any member of a group, for example `{displayName: Approvers}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupRef>,
}
