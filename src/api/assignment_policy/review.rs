//! Reviews: whoever holds the package is looked at again.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        IsoDuration, Requirement,
        reference::{GroupRef, UserRef},
        rules,
    },
    approval::{NamedApprover, TargetManagerLevel},
};

/// The reviews of a policy: who decides, how often, and what becomes of the access that nobody decides on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("every", "say how often, for example every: Quarterly"))]
#[x_kube(validation = rules::required("ifNoDecision", "say what becomes of access that nobody decides on, for example ifNoDecision: RemoveAccess"))]
#[x_kube(validation = Rule::new("self.selfReview || (has(self.reviewers) && self.reviewers.size() > 0)")
    .message("say who decides, for example reviewers: [{targetManager: {level: 1}}]; or selfReview: true")
    .field_path(".reviewers").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!self.selfReview || !has(self.reviewers) || self.reviewers.size() == 0")
    .message("selfReview and reviewers exclude each other: keep one")
    .field_path(".reviewers"))]
#[x_kube(validation = Rule::new("!has(self.reviewers) || self.reviewers.size() == 0 || self.reviewers.exists(r, has(r.user) || has(r.group)) || (has(self.fallbackReviewers) && self.fallbackReviewers.size() > 0)")
    .message("only managers decide here, and somebody may have none: name fallbackReviewers, for example fallbackReviewers: [{group: {displayName: Reviewers}}]")
    .field_path(".fallbackReviewers").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!has(self.every) || !self.lasts.matches('^P[0-9]+D$') || int(self.lasts.substring(1, self.lasts.size() - 1)) < {'Weekly': 7, 'Monthly': 28, 'Quarterly': 89, 'SemiAnnually': 181, 'Annually': 365}[self.every]")
    .message("must be shorter than the time from one review to the next")
    .field_path(".lasts"))]
pub struct Review {
    /// How often: `Weekly`, `Monthly`, `Quarterly`, `SemiAnnually`, `Annually`. Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ReviewInterval")]
    pub every: Option<ReviewInterval>,
    /// The day of the first review, for example `2027-01-01`. It counts where the series begins with this spec; a series
    /// that exists keeps its own. Default: the day on which the policy is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}$') && !format.date().validate(self).hasValue()")
        .message("must be a day such as 2027-01-01"))]
    pub starts_on: Option<String>,
    /// For how many days a review is open, for example `P14D`. Default `P14D`, and `P6D` is the longest of a weekly one.
    #[serde(default = "fourteen_days")]
    #[x_kube(validation = Rule::new("self.matches('^P[1-9][0-9]{0,2}D$')")
        .message("must be a number of days, such as P14D"))]
    pub lasts: IsoDuration,
    /// Who decides, for example `[{targetManager: {level: 1}}]`. Required without `selfReview`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub reviewers: Vec<Reviewer>,
    /// Who decides where a manager is missing, for example `[{group: {displayName: Reviewers}}]`; required where only
    /// managers are named. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub fallback_reviewers: Vec<NamedApprover>,
    /// Whether everybody decides on their own access. Default `false`.
    #[serde(default)]
    pub self_review: bool,
    /// What becomes of access that nobody decided on: `RemoveAccess`, `KeepAccess`, or `TakeRecommendation` (what the
    /// service recommends by the last sign-in). Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NoDecision")]
    pub if_no_decision: Option<NoDecision>,
    /// Whether reviewers are shown what the service recommends. Default `true`.
    #[serde(default = "yes")]
    pub recommendations: bool,
    /// Whether reviewers must say why: `Required` or `NotRequired`. Default `Required`.
    #[serde(default = "required")]
    pub justification: Requirement,
}

/// How often reviews take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReviewInterval {
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Every three months.
    Quarterly,
    /// Every six months.
    SemiAnnually,
    /// Every twelve months.
    Annually,
}

/// What becomes of access that nobody decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NoDecision {
    /// It ends.
    RemoveAccess,
    /// It stays.
    KeepAccess,
    /// What the service recommends.
    TakeRecommendation,
}

/// One who decides in reviews: exactly one of `user`, `group`, `targetManager`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["user", "group", "targetManager"], "a reviewer needs exactly one of user, group, targetManager; for example {targetManager: {level: 1}}"))]
#[x_kube(validation = rules::at_most_one_of(&["user", "group", "targetManager"]))]
pub struct Reviewer {
    /// A user, for example `{userPrincipalName: ann@contoso.com}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// Any member of a group, for example `{displayName: Reviewers}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupRef>,
    /// The manager of whoever holds the package, or one further up; for example `{level: 1}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_manager: Option<TargetManagerLevel>,
}

fn fourteen_days() -> IsoDuration {
    IsoDuration::new("P14D")
}

fn yes() -> bool {
    true
}

fn required() -> Requirement {
    Requirement::Required
}
