//! AssignmentPolicy: who may request a package, who approves, for how long.

mod approval;
mod extension;
mod question;
mod requestors;
mod review;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Adoption, DeletionPolicy, DriftPolicy, IsoDuration, Management, NameRef, PinnedReference,
    management::Empty,
    reference::ConnectedOrganizationRef,
    rules,
    status::{EntraStatus, Identity, ManagedStatus, Standing},
};
pub use approval::{
    Approval, ApprovalStage, Approver, ApproverVisibility, Escalation, ManagerLevel, NamedApprover, TargetManagerLevel,
};
pub use extension::{Extension, ExtensionStage};
pub use question::{Choice, ChoiceQuestion, Localization, Question, TextQuestion};
pub use requestors::{OnBehalf, OnBehalfRequestor, RequestorScope, Requestors, SelfService, Target};
pub use review::{NoDecision, Review, ReviewInterval, Reviewer};

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
#[x_kube(validation = rules::required_without("automatic", "requestors", "say who may request the package, for example requestors: {scope: AllMemberUsers, selfService: {add: true}}; or whom a rule gives it to, for example automatic: {rule: (user.accountEnabled -eq true)}"))]
#[x_kube(validation = rules::only_without("automatic", "requestors", "a rule assigns here, and nobody requests: keep one of automatic and requestors"))]
#[x_kube(validation = rules::only_without("automatic", "approval", "a rule assigns here, and nobody approves: remove approval"))]
#[x_kube(validation = rules::only_without("automatic", "expiration", "access by a rule ends when the rule matches no longer: remove expiration"))]
#[x_kube(validation = rules::only_without("automatic", "questions", "a rule assigns here, and nobody is asked: remove questions"))]
#[x_kube(validation = rules::given_or_not("automatic", "the way in is immutable: a policy is requested, or assigns by a rule; create another AssignmentPolicy instead"))]
#[x_kube(validation = rules::required_without("automatic", "approval", "say who approves, for example approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]}; where nobody needs to, write approval: {notRequired: {}}"))]
#[x_kube(validation = rules::required_without("automatic", "expiration", "say how long access lasts, for example expiration: {afterDuration: P90D}; or {afterDateTime: 2027-12-31T00:00:00Z}, or {never: {}}"))]
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
    /// Who may request the package, for example `{scope: AllMemberUsers, selfService: {add: true}}`. Required without
    /// `automatic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requestors: Option<Requestors>,
    /// Who approves: `{notRequired: {}}`, or one to three `stages`, for example
    /// `{stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]}`. Required without `automatic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// How long access lasts: exactly one of `never`, `afterDateTime`, `afterDuration`; for example
    /// `{afterDuration: P90D}`. Required without `automatic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<Expiration>,
    /// Whom a rule gives the package to by itself, in place of `requestors`; for example
    /// `{rule: (user.department -eq "Marketing")}`. Needs the grant's leave, and more than a role on a catalog. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic: Option<Automatic>,
    /// How often those who hold the package are looked at again, and by whom; for example
    /// `{every: Quarterly, reviewers: [{group: {displayName: Reviewers}}], ifNoDecision: RemoveAccess}`. Default: no
    /// reviews; what was set up by hand before this object came stays, and the policy is not written over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// What requestors are asked, in this order; for example
    /// `[{name: reason, prompt: Why do you need it?, required: true, text: {singleLine: true}}]`. Default: nothing; what was
    /// set up by hand before this object came stays, and the policy is not written over it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub questions: Vec<Question>,
    /// Who is told of assignments, for example `{assignment: Disabled}`. Not in the clouds of the US Government and China.
    /// Default: `{assignment: Enabled}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Notifications>,
    /// Workflow extensions of the package's catalog, and when each runs; for example
    /// `[{stage: AssignmentRequestGranted, displayName: Open a ticket}]`. Default: none; what was set up by hand before this
    /// object came stays, and the policy is not written over it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub extensions: Vec<Extension>,
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
    /// deleted once nobody holds access through it any more; a rule that assigns is switched off for that, which may end the
    /// access of those whom it has brought in, and waits for a person from `acknowledge` of the EntraTenant on.
    /// `DeleteWithAssignments`: the access of everybody who holds it is taken away, then it is deleted. `Orphan`: it stays
    /// as it is. Default `Delete`.
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

    /// Names of the ConnectedOrganizations whose people may request.
    pub fn organizations(&self) -> impl Iterator<Item = &str> {
        self.partners().filter_map(|partner| partner.name.as_deref())
    }

    /// Ids of the connected organizations of Entra that are named by them.
    pub fn organization_ids(&self) -> impl Iterator<Item = &str> {
        self.partners().filter_map(|partner| partner.id.as_deref())
    }

    fn partners(&self) -> impl Iterator<Item = &ConnectedOrganizationRef> {
        let targets = self.requestors.iter().flat_map(|requestors| &requestors.targets);
        targets.filter_map(|target| target.connected_organization.as_ref())
    }
}

/// A rule that gives the package to everybody whom it matches, without a request and without approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("rule", "write a membership rule, for example rule: (user.accountEnabled -eq true)"))]
pub struct Automatic {
    /// A membership rule as groups have it, for example `(user.department -eq "Marketing")`. Required.
    #[schemars(length(min = 1, max = 3072))]
    pub rule: String,
    /// Whether access ends when the rule matches somebody no longer. Default `true`.
    #[serde(default = "yes")]
    pub remove_when_no_longer_matching: bool,
    /// How long after that: days, or hours, for example `P7D`. Default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^P([0-9]{1,4}D)?(T[0-9]{1,5}H)?$') && self.matches('[1-9]')")
        .message("must be an ISO 8601 duration of days and hours: P7D is seven days, PT8H eight hours"))]
    pub grace_period: Option<IsoDuration>,
}

fn yes() -> bool {
    true
}

/// Mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notifications {
    /// Whether people are told of assignments: `Enabled` or `Disabled`. Default `Enabled`.
    #[serde(default)]
    pub assignment: Notification,
}

/// Whether somebody is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Notification {
    /// They are.
    #[default]
    Enabled,
    /// They are not.
    Disabled,
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
    /// The questions of the spec with the ids that Entra has given them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub questions: Vec<QuestionStatus>,
    /// Names that were looked up, bound to what they stood for then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["reference"]))]
    pub resolved: Vec<PinnedReference>,
    /// Every way in that the policy has been since the operator made it: whoever holds the package may have come in by any of
    /// them. Absent where that is not known: of a policy that was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ways_so_far: Option<Vec<WaySoFar>>,
}

/// A way in that a policy is, or was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaySoFar {
    /// `Request`, `RequestOfOthers` or `Rule`; a later version may know more.
    pub by: String,
    /// Who could come in, as Graph names it: `allMemberUsers`. Empty where that could not be told.
    pub scope: String,
    /// Whom the scope meant, where it named them: `user 7deff43e-…`, `group 0282e19d-…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Whether somebody had to approve.
    pub approved: bool,
    /// Who was asked, a line for each stage: `user 7deff43e-…, RequestorManager`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// How long access lasted: `for 7776000 s`, `until 2027-12-31T00:00:00Z`, `never ends`, `while the rule matches`. Empty where
    /// that could not be told.
    pub lasts: String,
}

/// A question in Entra.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuestionStatus {
    /// Its name in the spec.
    pub name: String,
    /// Its id in Entra.
    pub id: String,
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
