//! How far a grant goes.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        DeletionPolicy, DriftPolicy, IsoDuration, RequestorScope,
        reference::{GroupRef, UserRef},
        rules,
    },
    Permission,
};

/// How far the packages and policies of a grant may go. Each absent limit has its strict value, but for `approvers`, `targets` and
/// `onBehalfRequestors`: absent, they leave the choice to the policy; written as `{}`, they are strict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Who may be allowed to request, for example `[SpecificDirectoryUsers, AllExternalUsers]`. Absent, the strict value:
    /// `[SpecificDirectoryUsers, AllMemberUsers]`. `None` (direct assignment only) opens nothing and is always allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub requestor_scopes: Option<Vec<RequestorScope>>,
    /// `Required`: whoever comes in was approved, and by whom `approvers` says; what an extension takes says `extension`.
    /// `Optional`: a policy may do without. Default, the strict value: `Required`.
    #[serde(default)]
    pub approval: ApprovalLimit,
    /// Whose approval counts where approval is `Required`, for example
    /// `{users: [{userPrincipalName: bob@contoso.com}], groups: [{displayName: Approvers}]}`. Absent: whomever the policy
    /// names, a colleague of those who request among them. `{}`, the strict value: managers and internal sponsors, whom no
    /// namespace chooses, and nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvers: Option<ApproverLimit>,
    /// What an extension of a stay takes. `Approved`: the approval of those who approve the first request
    /// (`approval.requiredForUpdate`). `Denied`: nobody extends, whoever still needs access asks for it again. `Allowed`:
    /// whoever is in may stay longer without being asked. Default, the strict value: `Approved`. Where approval is `Optional`,
    /// `Approved` demands none.
    #[serde(default)]
    pub extension: ExtensionLimit,
    /// Whom scope `SpecificDirectoryUsers` may mean, for example `{groups: [{displayName: Marketing}]}`. Absent: whomever the
    /// policy names, guests and groups with guests among them. `{}`, the strict value: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<TargetLimit>,
    /// What every policy through which people request must ask, for example
    /// `[{name: ticket, regex: "^CHG[0-9]+$", message: Name the change ticket.}]`. Default: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub must_ask: Vec<MustAsk>,
    /// The longest that an assignment may last, for example `P90D`. Absent, the strict value: `P365D`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^P([0-9]{1,5}D)?(T([0-9]{1,5}H)?([0-9]{1,6}M)?)?$') && self.matches('[1-9]') && !self.endsWith('T')")
        .message("must be an ISO 8601 duration of days, hours and minutes such as P365D or PT8H"))]
    pub max_duration: Option<IsoDuration>,
    /// Whether assignments may last for ever: `Denied` or `Allowed`. Default, the strict value: `Denied`.
    #[serde(default)]
    pub unlimited_duration: Permission,
    /// Whether a rule may assign by itself, without a request and without approval: `Denied` or `Allowed`. Default, the
    /// strict value: `Denied`.
    #[serde(default)]
    pub automatic_assignment: Permission,
    /// Whether others may request for those who are to have access: `Denied` or `Allowed`. Default, the strict value:
    /// `Denied`.
    #[serde(default)]
    pub on_behalf: Permission,
    /// Who may request for others, where `onBehalf` is `Allowed`; for example `{groups: [{displayName: Assistants}]}`. Absent:
    /// whomever the policy names. `{}`, the strict value: managers of those who are to have access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_requestors: Option<OnBehalfLimit>,
    /// Whether objects that exist in Entra already may be taken over: `Denied` or `Allowed`. Default, the strict value:
    /// `Denied`.
    #[serde(default)]
    pub adoption: Permission,
    /// How users, groups and service principals may be given. `Any`: by id or by a name that is looked up in the
    /// directory. `IdsOnly`: by id. Default: `Any`.
    #[serde(default)]
    pub references: References,
    /// How many AccessPackages of this catalog a namespace may have, for example `20`; the oldest come first. Absent: any
    /// number, which hands nothing out by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 0").message("must be a number of packages, or 0 for none"))]
    pub max_packages: Option<i32>,
    /// How many AssignmentPolicies of these packages a namespace may have, for example `60`; the oldest come first. Absent:
    /// any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 0").message("must be a number of policies, or 0 for none"))]
    pub max_policies: Option<i32>,
    /// With what the display names of packages and policies must begin, for example `Marketing `: whoever requests sees
    /// whose they are. Absent: with anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub display_name_prefix: Option<String>,
    /// What deletion policies may be used, of `Delete`, `DeleteWithAssignments` and `Orphan`. Absent, the strict value:
    /// `[Delete]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3))]
    pub deletion: Option<Vec<DeletionPolicy>>,
    /// What drift policies may be used, of `Cautious`, `Correct` and `Report`. `Correct` opens again what an administrator has
    /// closed in Entra. Absent, the strict value: `[Cautious, Report]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3))]
    pub drift_policy: Option<Vec<DriftPolicy>>,
}

/// Whose approval counts. A policy needs one stage in which nobody but these is asked: not at first, nor as a fallback, nor
/// later. Other stages may ask others beside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApproverLimit {
    /// Those whom the directory, and not a name, says, for example `[RequestorManager, TargetUserSponsors]`. `AnyUser` and
    /// `AnyGroup`: whomever the policy names, a colleague of those who request among them. Absent, the strict value:
    /// `[RequestorManager, TargetManager, InternalSponsors]`. `[]`: none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub kinds: Option<Vec<ApproverKind>>,
    /// These users, for example `[{userPrincipalName: bob@contoso.com}]`. Who is not found approves nothing. Default: nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub users: Vec<UserRef>,
    /// The members of these groups, for example `[{displayName: Approvers}]`: a policy names the group, not its members.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub groups: Vec<GroupRef>,
}

/// Approvers of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApproverKind {
    /// Managers of the requestor.
    RequestorManager,
    /// Managers of whoever is to be given the package.
    TargetManager,
    /// Internal sponsors of the requestor's connected organization.
    InternalSponsors,
    /// External sponsors of the requestor's connected organization: people outside.
    ExternalSponsors,
    /// Sponsors of the user who is to be given the package: whoever invited a guest, often.
    TargetUserSponsors,
    /// Owners of the application that is to be given the package.
    TargetApplicationOwners,
    /// Sponsors or owners of the agent identity that is to be given the package.
    TargetAgentIdentitySponsorsOrOwners,
    /// Any user whom a policy names.
    AnyUser,
    /// Any group that a policy names.
    AnyGroup,
}

/// Whom the scope `SpecificDirectoryUsers` may mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct TargetLimit {
    /// `AnyUser`: any user whom the policy names, `AnyGroup`: any group; guests among them. For example `[AnyUser]`. Absent,
    /// the strict value: neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub kinds: Option<Vec<TargetKind>>,
    /// These users, for example `[{userPrincipalName: ann@contoso.com}]`. Default: nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub users: Vec<UserRef>,
    /// The members of these groups, guests among them; for example `[{displayName: Marketing}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub groups: Vec<GroupRef>,
}

/// Targets of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetKind {
    /// Any user whom a policy names.
    AnyUser,
    /// Any group that a policy names.
    AnyGroup,
}

/// Who may request for others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct OnBehalfLimit {
    /// `TargetManager`: managers of those who are to have access; `AnyUser`, `AnyGroup`: whomever the policy names. For
    /// example `[TargetManager]`. Absent, the strict value: `[TargetManager]`. `[]`: none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub kinds: Option<Vec<OnBehalfKind>>,
    /// These users, for example `[{userPrincipalName: ann@contoso.com}]`. Default: nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub users: Vec<UserRef>,
    /// The members of these groups, for example `[{displayName: Assistants}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub groups: Vec<GroupRef>,
}

/// Those who may request for others, of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnBehalfKind {
    /// Managers of whoever is to be given the package.
    TargetManager,
    /// Any user whom a policy names.
    AnyUser,
    /// Any group that a policy names.
    AnyGroup,
}

/// A question that must be asked, and answered: one of the policy's `questions` that is `required` and has this prompt and
/// this pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::any_of(&["prompt", "regex"], "say what is to be asked: a prompt, a regex for the answer, or both; for example regex: \"^CHG[0-9]+$\""))]
pub struct MustAsk {
    /// By which messages speak of it, for example `ticket`. Required; a policy's question may have another name.
    #[schemars(length(max = 63))]
    #[x_kube(validation = rules::entry_name())]
    pub name: String,
    /// The question in words, exactly; for example `Which change ticket is this for?`. Absent: in any words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub prompt: Option<String>,
    /// What the answer must match, exactly as the policy has to write it (`text.regex`); for example `^CHG[0-9]+$`. Absent:
    /// any answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub regex: Option<String>,
    /// What is said to those whose policy does not ask it, for example `Name the change ticket.`. Default: nothing more than
    /// what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub message: Option<String>,
}

/// What an extension of a stay takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExtensionLimit {
    /// There is none.
    Denied,
    /// It is approved as the first request was.
    #[default]
    Approved,
    /// Nothing.
    Allowed,
}

/// Whether somebody must approve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApprovalLimit {
    /// Whoever comes in, or stays longer, was approved.
    #[default]
    Required,
    /// A policy may do without approval.
    Optional,
}

/// How objects of the directory may be named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum References {
    /// By id or by name.
    #[default]
    Any,
    /// By id only: no look-up in the directory is made for this namespace.
    IdsOnly,
}
