//! AssignmentPolicy: who may request a package, who approves, for how long.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Adoption, DeletionPolicy, DriftPolicy, IsoDuration, Management, NameRef, PinnedReference, Requirement,
    management::Empty,
    reference::{GroupRef, ServicePrincipalRef, UserRef},
    rules,
    status::{EntraStatus, Identity, ManagedStatus, Standing},
};

/// An assignment policy of an access package: who may request it, by whose approval, for how long.
#[expect(clippy::duplicated_attributes, reason = "columns of one type are no duplicates")]
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "access.entra-operator.io",
    version = "v1alpha1",
    kind = "AssignmentPolicy",
    plural = "assignmentpolicies",
    namespaced,
    shortname = "eapol",
    category = "entra",
    status = "AssignmentPolicyStatus",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Package", type_ = "string", json_path = ".spec.accessPackageRef.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "ID", type_ = "string", json_path = ".status.entra.id", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("accessPackageRef", "name the AccessPackage, for example accessPackageRef: {name: marketing-campaign}"))]
#[x_kube(validation = rules::required("displayName", "give the policy a name, for example displayName: Marketing Campaign Policy"))]
#[x_kube(validation = rules::immutable("accessPackageRef", "accessPackageRef is immutable: a policy belongs to one package; create another AssignmentPolicy instead"))]
#[x_kube(validation = rules::fixed("id", "id is immutable, and can be neither added nor removed: create another AssignmentPolicy instead"))]
#[x_kube(validation = rules::required("requestors", "say who may request the package, for example requestors: {scope: AllMemberUsers, selfService: {add: true}}"))]
#[x_kube(validation = rules::required("approval", "say who approves, for example approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]}; where nobody needs to, write approval: {notRequired: {}}"))]
#[x_kube(validation = rules::required("expiration", "say how long access lasts, for example expiration: {afterDuration: P90D}; or {afterDateTime: 2027-12-31T00:00:00Z}, or {never: {}}"))]
#[x_kube(validation = Rule::new("!(has(self.id) || self.adoption == 'ByName') || has(self.deletionPolicy)")
    .message("what is taken over needs an explicit deletionPolicy: Orphan leaves it in Entra when this object is deleted, Delete and DeleteWithAssignments do not")
    .field_path(".deletionPolicy").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!(has(self.id) && self.adoption == 'ByName')")
    .message("id and adoption: ByName exclude each other: keep one")
    .field_path(".adoption"))]
pub struct AssignmentPolicySpec {
    /// The AccessPackage, in the same namespace, for example `{name: marketing-campaign}`. Required. Immutable.
    pub access_package_ref: NameRef,
    /// Name of the policy, for example `Marketing Campaign Policy`. Required.
    #[schemars(length(min = 1, max = 256))]
    pub display_name: String,
    /// What the policy is for, for example `For members of the marketing department`. Default: empty.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub description: String,
    /// Who may request the package, for example `{scope: AllMemberUsers, selfService: {add: true}}`. Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requestors: Option<Requestors>,
    /// Who approves: `{notRequired: {}}`, or one to three `stages`, for example
    /// `{stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]}`. Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// How long access lasts: exactly one of `never`, `afterDateTime`, `afterDuration`; for example
    /// `{afterDuration: P90D}`. Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<Expiration>,
    /// `Full`: created, changed and deleted. `Observe`: never written, only reported. Default `Full`.
    #[serde(default)]
    pub management: Management,
    /// Whether a policy of this name that the package has already is taken over. `Never`: it is reported and left alone.
    /// `ByName`: it is taken over, which needs the grant's leave and an explicit `deletionPolicy`. Default `Never`.
    #[serde(default)]
    pub adoption: Adoption,
    /// Id of an existing policy to take over, for example `4540a08f-8ab5-43f6-a923-015275799197`; needs the grant's leave
    /// and an explicit `deletionPolicy`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the policy's id, such as 4540a08f-8ab5-43f6-a923-015275799197"))]
    pub id: Option<String>,
    /// What to do when Entra was changed and the spec was not. `Cautious`: correct what narrows access or leaves it as it
    /// is, report what would widen it. `Correct`: correct everything. `Report`: correct nothing. Default `Cautious`.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
    /// What becomes of the policy in Entra when this object is deleted. `Delete`: it is closed for new requests, and
    /// deleted once nobody holds access through it any more. `DeleteWithAssignments`: the access of everybody who holds
    /// it is taken away, then it is deleted. `Orphan`: it stays as it is. Default `Delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DeletionPolicy")]
    pub deletion_policy: Option<DeletionPolicy>,
}

impl AssignmentPolicySpec {
    /// The deletion policy, the default included.
    #[must_use]
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.deletion_policy.unwrap_or_default() // the schema's default
    }
}

/// Who may request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.scope) || !(self.scope in ['SpecificDirectoryUsers', 'SpecificDirectoryServicePrincipals']) || (has(self.targets) && self.targets.size() > 0)")
    .message("this scope needs at least one target, for example targets: [{group: {displayName: Marketing}}], or [{servicePrincipal: {displayName: CRM}}] with SpecificDirectoryServicePrincipals")
    .field_path(".targets").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope in ['SpecificDirectoryUsers', 'SpecificDirectoryServicePrincipals'] || !has(self.targets) || self.targets.size() == 0")
    .message("targets go with the scopes SpecificDirectoryUsers and SpecificDirectoryServicePrincipals only: remove them, or change the scope")
    .field_path(".targets"))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope != 'SpecificDirectoryUsers' || !has(self.targets) || self.targets.all(t, !has(t.servicePrincipal))")
    .message("SpecificDirectoryUsers takes users and groups; for service principals use SpecificDirectoryServicePrincipals")
    .field_path(".targets"))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope != 'SpecificDirectoryServicePrincipals' || !has(self.targets) || self.targets.all(t, has(t.servicePrincipal))")
    .message("SpecificDirectoryServicePrincipals takes service principals only; for users and groups use SpecificDirectoryUsers")
    .field_path(".targets"))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope != 'None' || !(self.selfService.add || self.selfService.update)")
    .message("scope None means that nobody can request and access is assigned directly: set add and update to false, or choose another scope")
    .field_path(".selfService"))]
#[x_kube(validation = rules::required("scope", "say who may request, for example scope: AllMemberUsers; None for nobody (direct assignment only)"))]
pub struct Requestors {
    /// Who (Graph's allowedTargetScope), for example `AllMemberUsers`. `None`: nobody, access is assigned directly.
    /// `SpecificDirectoryUsers`, `SpecificDirectoryServicePrincipals`: those in `targets`. `AllMemberUsers`: every member
    /// of the directory, without guests. `AllDirectoryUsers`: guests included. `AllDirectoryServicePrincipals`,
    /// `AllDirectoryAgentIdentities`: every one of the directory. `AllConfiguredConnectedOrganizationUsers`: people of
    /// every configured connected organization. `AllExternalUsers`: everybody outside the directory. Required.
    pub scope: RequestorScope,
    /// The users and groups of `SpecificDirectoryUsers`, or the service principals of
    /// `SpecificDirectoryServicePrincipals`; for example `[{group: {displayName: Marketing}}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub targets: Vec<Target>,
    /// What they may do by themselves, for example `{add: true, remove: true}`. Default: nothing.
    #[serde(default)]
    pub self_service: SelfService,
    /// Whether they must say why: `Required` or `NotRequired`. Default `NotRequired`.
    #[serde(default)]
    pub justification: Requirement,
}

/// Who may request: Graph's allowedTargetScope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RequestorScope {
    /// Nobody: direct assignment only (`notSpecified`).
    None,
    /// The users and groups in `targets`, guests of the directory among them if named.
    SpecificDirectoryUsers,
    /// The service principals in `targets`.
    SpecificDirectoryServicePrincipals,
    /// Every member of the directory, without guests.
    AllMemberUsers,
    /// Everybody in the directory, guests included.
    AllDirectoryUsers,
    /// Every service principal of the directory.
    AllDirectoryServicePrincipals,
    /// Every agent identity of the directory.
    AllDirectoryAgentIdentities,
    /// Everybody in every configured connected organization: people outside the directory.
    AllConfiguredConnectedOrganizationUsers,
    /// Everybody outside the directory.
    AllExternalUsers,
}

/// One who may request: exactly one of `user`, `group`, `servicePrincipal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["user", "group", "servicePrincipal"], "a target needs exactly one of user, group, servicePrincipal; for example {group: {displayName: Marketing}}"))]
#[x_kube(validation = rules::at_most_one_of(&["user", "group", "servicePrincipal"]))]
pub struct Target {
    /// A user, for example `{userPrincipalName: ann@contoso.com}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// The members of a group, for example `{displayName: Marketing}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupRef>,
    /// A service principal, for example `{displayName: CRM}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_principal: Option<ServicePrincipalRef>,
}

/// What requestors may do by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelfService {
    /// Request access. Default `false`.
    #[serde(default)]
    pub add: bool,
    /// Ask for more time or answer anew. Default `false`.
    #[serde(default)]
    pub update: bool,
    /// Give access back. Default `false`.
    #[serde(default)]
    pub remove: bool,
    /// Choose start and end of their access. Default `false`.
    #[serde(default)]
    pub custom_schedule: bool,
}

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
#[x_kube(validation = Rule::new("!has(self.approvers) || !self.approvers.exists(a, has(a.requestorManager) || has(a.internalSponsors) || has(a.externalSponsors)) || self.approvers.exists(a, has(a.user) || has(a.group)) || (has(self.fallbackApprovers) && self.fallbackApprovers.size() > 0)")
    .message("only managers or sponsors approve here, and somebody may have none: name fallbackApprovers, for example fallbackApprovers: [{group: {displayName: Approvers}}]")
    .field_path(".fallbackApprovers").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!has(self.escalation) || !has(self.escalation.after) || !self.decisionTimeout.matches('^P[0-9]+D$') || !self.escalation.after.matches('^P[0-9]+D$') || int(self.escalation.after.substring(1, self.escalation.after.size() - 1)) < int(self.decisionTimeout.substring(1, self.decisionTimeout.size() - 1))")
    .message("must be shorter than the stage's decisionTimeout: after that the request is denied, and nobody is asked any more")
    .field_path(".escalation.after"))]
pub struct ApprovalStage {
    /// Who may approve; one of them suffices. For example `[{user: {userPrincipalName: bob@contoso.com}}]`. Required.
    #[schemars(length(max = 50))]
    pub approvers: Vec<Approver>,
    /// Who approves where a manager or sponsor is missing, for example `[{group: {displayName: Approvers}}]`; required
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
}

fn fourteen_days() -> IsoDuration {
    IsoDuration::new("P14D")
}

/// Who is asked as well when nobody decided for some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::at_least_one("approvers", "at least one approver is needed, for example approvers: [{group: {displayName: Approvers}}]"))]
#[x_kube(validation = Rule::new("!has(self.approvers) || !self.approvers.exists(a, has(a.requestorManager) || has(a.internalSponsors) || has(a.externalSponsors)) || self.approvers.exists(a, has(a.user) || has(a.group)) || (has(self.fallbackApprovers) && self.fallbackApprovers.size() > 0)")
    .message("only managers or sponsors are asked here, and somebody may have none: name fallbackApprovers, for example fallbackApprovers: [{group: {displayName: Approvers}}]")
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
    /// Who is asked where a manager or sponsor is missing, for example `[{group: {displayName: Approvers}}]`; required
    /// where only those are named. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub fallback_approvers: Vec<NamedApprover>,
}

/// One who may approve: exactly one of the five.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["user", "group", "requestorManager", "internalSponsors", "externalSponsors"], "an approver needs exactly one of user, group, requestorManager, internalSponsors, externalSponsors; for example {requestorManager: {level: 1}}"))]
#[x_kube(validation = rules::at_most_one_of(&["user", "group", "requestorManager", "internalSponsors", "externalSponsors"]))]
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
}

/// How far up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct ManagerLevel {
    /// 1: the manager; 2: the manager's manager. Default 1.
    #[serde(default = "direct_manager")]
    #[x_kube(validation = Rule::new("self in [1, 2]").message("must be 1, the manager, or 2, the manager's manager"))]
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

/// How long access lasts: exactly one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["never", "afterDateTime", "afterDuration"], "expiration needs exactly one of never, afterDateTime, afterDuration; for example expiration: {afterDuration: P90D}"))]
#[x_kube(validation = rules::at_most_one_of(&["never", "afterDateTime", "afterDuration"]))]
pub struct Expiration {
    /// It does not end by itself; written `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never: Option<Empty>,
    /// It ends at this time for everybody, for example `2027-12-31T00:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})$') && !format.datetime().validate(self).hasValue()")
        .message("must be a time with its zone, such as 2027-12-31T00:00:00Z"))]
    pub after_date_time: Option<String>,
    /// It ends this long after it began: days, or hours, for example `P90D` or `PT8H`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^P([0-9]{1,4}D)?(T[0-9]{1,5}H)?$') && self.matches('[1-9]')")
        .message("must be an ISO 8601 duration of days and hours: P90D is ninety days, PT8H eight hours"))]
    pub after_duration: Option<IsoDuration>,
}

/// What Entra has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentPolicyStatus {
    /// How far the operator is with it.
    #[serde(flatten)]
    pub standing: Standing,
    /// Which object of Entra it stands for.
    #[serde(flatten)]
    pub identity: Identity,
    /// Id of the access package that the policy belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_package_id: Option<String>,
    /// Names that were looked up, bound to what they stood for then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["reference"]))]
    pub resolved: Vec<PinnedReference>,
}

impl ManagedStatus for AssignmentPolicyStatus {
    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn standing_mut(&mut self) -> &mut Standing {
        &mut self.standing
    }
}

impl EntraStatus for AssignmentPolicyStatus {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn identity_mut(&mut self) -> &mut Identity {
        &mut self.identity
    }
}
