//! What to do about an assignment policy.
//!
//! A policy is written as a whole. [`merge`] declares each field once: its path, and which way a change of it moves the
//! door. A field that is held back keeps Entra's value in the body that is sent.

use std::fmt;

use serde_json::Value;

use super::{
    Act, Canonical, Cause, Difference, Door, Found, Hold, IdentityAct, Judge, Judgement, Memory, Plan, Problem, Rules,
    Stake, Step,
    departure::{self, Removal},
    gone,
};
use crate::{
    api::Reason,
    graph::{
        AllowedTargetScope, ApprovalSettings, ApprovalStage, AssignmentPolicy, Expiration, ExpirationKind, PolicyBody,
        PolicyRead, RequestorSettings, SubjectSet,
    },
};

/// What can be done with an assignment policy.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyAct {
    /// Which one it is.
    Identity(IdentityAct),
    /// Make it.
    Create(Box<PolicyBody>),
    /// Replace it as a whole.
    Replace(Box<PolicyBody>),
    /// Shut it for new requests: nothing else of it changes.
    Close {
        /// Its name.
        name: String,
    },
    /// Take people's access away: asked for side by side, since each takes its time.
    RemoveAssignments(Vec<Removal>),
    /// Delete it.
    Delete {
        /// Its name.
        name: String,
    },
}

impl Act for PolicyAct {
    fn identity(&self) -> Option<&IdentityAct> {
        match self {
            Self::Identity(act) => Some(act),
            Self::Create(_)
            | Self::Replace(_)
            | Self::Close { .. }
            | Self::RemoveAssignments(_)
            | Self::Delete { .. } => None,
        }
    }

    fn creates(&self) -> bool {
        matches!(self, Self::Create(_))
    }

    fn changes_fields(&self) -> bool {
        matches!(self, Self::Replace(_))
    }

    fn done(&self) -> Reason {
        match self {
            Self::Identity(IdentityAct::TakeOver { .. }) => Reason::Adopted,
            Self::Identity(_) | Self::Create(_) => Reason::Created,
            Self::Replace(_) | Self::Close { .. } => Reason::Updated,
            Self::RemoveAssignments(_) | Self::Delete { .. } => Reason::Deleted,
        }
    }
}

impl From<IdentityAct> for PolicyAct {
    fn from(act: IdentityAct) -> Self {
        Self::Identity(act)
    }
}

impl fmt::Display for PolicyAct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(act) => act.fmt(formatter),
            Self::Create(body) => write!(formatter, "create assignment policy {:?}", body.display_name),
            Self::Replace(_) => formatter.write_str("change"),
            Self::Close { name } => write!(formatter, "shut assignment policy {name:?} for new requests"),
            Self::RemoveAssignments(removals) => formatter.write_str(&departure::words(removals)),
            Self::Delete { name } => write!(formatter, "delete assignment policy {name:?}"),
        }
    }
}

/// The plan for one policy.
#[must_use]
pub fn plan(desired: &PolicyBody, observed: &Found<Box<AssignmentPolicy>>, rules: &Rules<'_>) -> Plan<PolicyAct> {
    match observed {
        Found::Unborn => create(desired, rules),
        Found::Gone { .. } if rules.drift.recreates() => create(desired, rules),
        Found::Gone { id } => gone(
            create(desired, rules),
            format!("assignment policy {:?} ({id})", desired.display_name),
        ),
        // The visit has ended before: nothing is written to what is elsewhere.
        Found::Elsewhere { .. } => Plan::default(),
        Found::Present(policy) => update(desired, &policy.fields, rules),
    }
}

/// The plan for a policy whose end has passed: the service takes no such end, so nothing is written but what closes, and
/// that with the end which Entra has.
#[must_use]
pub fn plan_ended(
    desired: &PolicyBody,
    observed: &Found<Box<AssignmentPolicy>>,
    rules: &Rules<'_>,
    past: &Problem,
) -> Plan<PolicyAct> {
    let rules = Rules {
        limit: rules.limit.or(Some(past)),
        ..*rules
    };
    let Found::Present(policy) = observed else {
        return plan(desired, observed, &rules);
    };
    let mut body = desired.clone();
    body.expiration = policy.fields.expiration.clone();
    let mut plan = plan(&body, observed, &rules);
    let (before, after) = (policy.fields.expiration.canonical(), desired.expiration.canonical());
    if before != after {
        let difference = Difference {
            path: "expiration".into(),
            before,
            after,
            cause: Cause::Spec,
            stake: Stake::NEUTRAL,
        };
        let step = Step::changing(PolicyAct::Replace(Box::new(body)), vec![difference], Vec::new());
        plan.held.push((step, Hold::Limit(past.clone())));
    }
    plan
}

fn create(desired: &PolicyBody, rules: &Rules<'_>) -> Plan<PolicyAct> {
    // What is made is remembered as what is found in place: the same fields under the same names.
    let mut judge = Judge::new(*rules);
    let body = merge(desired.clone(), &desired.clone().into(), &mut judge);
    let step = Step {
        memories: judge.judgement().found,
        ..Step::new(PolicyAct::Create(Box::new(body)), Stake::door(Door::Widens))
    };
    let plan = Plan::of(vec![step]);
    match rules.limit {
        Some(limit) => plan.hold(|_| Some(Hold::Limit(limit.clone()))),
        None => plan,
    }
}

fn update(desired: &PolicyBody, observed: &PolicyRead, rules: &Rules<'_>) -> Plan<PolicyAct> {
    let mut judge = Judge::new(*rules);
    let body = Box::new(merge(desired.clone(), observed, &mut judge));
    let Judgement {
        written,
        memories,
        held,
        found,
    } = judge.judgement();
    let mut plan = Plan {
        steps: Vec::new(),
        held: held
            .into_iter()
            .map(|(difference, hold)| {
                let whole = PolicyAct::Replace(Box::new(desired.clone()));
                (Step::changing(whole, vec![difference], Vec::new()), hold)
            })
            .collect(),
        found,
    };
    if !written.is_empty() {
        plan.steps
            .push(Step::changing(PolicyAct::Replace(body), written, memories));
    }
    plan
}

/// The fields of a policy, each declared once: what is sent of them.
///
/// Both sides are taken apart whole: a field that is added to what is read or written does not compile until it says
/// here which way it moves the door.
pub fn merge(after: PolicyBody, before: &PolicyRead, judge: &mut Judge<'_>) -> PolicyBody {
    let PolicyBody {
        display_name,
        description,
        allowed_target_scope,
        specific_allowed_targets,
        expiration,
        requestor_settings,
        request_approval_settings,
        review_settings: _,
        automatic_request_settings: _,
        notification_settings: _,
        questions: _,
        custom_extension_stage_settings: _,
    } = after;
    judge.undeclared(&before.undeclared);
    let who_before = Who {
        scope: before.allowed_target_scope.clone(),
        targets: before.specific_allowed_targets.clone(),
    };
    let who = Who {
        scope: allowed_target_scope,
        targets: specific_allowed_targets,
    };
    let Who { scope, targets } = judge.field(
        "requestors",
        |before, after| Stake::widening(!after.is_within(before)),
        who,
        &who_before,
    );
    PolicyBody {
        display_name: judge.field("displayName", |_, _| Stake::NEUTRAL, display_name, &before.display_name),
        description: judge.field("description", |_, _| Stake::NEUTRAL, description, &before.description),
        allowed_target_scope: scope,
        specific_allowed_targets: targets,
        requestor_settings: requestors(requestor_settings, &before.requestor_settings, judge),
        request_approval_settings: approval(request_approval_settings, &before.request_approval_settings, judge),
        expiration: judge.field(
            "expiration",
            |before, after| Stake::widening(!lasts_no_longer(after, before)),
            expiration,
            &before.expiration,
        ),
        review_settings: judge.unmanaged(
            "access reviews (reviewSettings)",
            |value| is_on(value, "isEnabled"),
            &before.review_settings,
        ),
        automatic_request_settings: judge.unmanaged(
            "automatic assignment (automaticRequestSettings)",
            |value| value.as_ref().is_some_and(|value| !value.is_null()),
            &before.automatic_request_settings,
        ),
        notification_settings: judge.unmanaged(
            "switched-off notifications (notificationSettings)",
            |value| is_on(value, "isAssignmentNotificationDisabled"),
            &before.notification_settings,
        ),
        questions: judge.unmanaged_part(
            "questions to the requestor (questions)",
            |questions: &Vec<Value>| !questions.is_empty(),
            &before.questions,
        ),
        custom_extension_stage_settings: judge.unmanaged_part(
            "workflow extensions (customExtensionStageSettings)",
            |settings: &Vec<Value>| !settings.is_empty(),
            &before.custom_extension_stage_settings,
        ),
    }
}

/// A switch that opens something.
fn opening(before: &bool, after: &bool) -> Stake {
    Stake::widening(*after && !*before)
}

/// A switch that asks for something before access is given.
fn asking(before: &bool, after: &bool) -> Stake {
    Stake::widening(*before && !*after)
}

fn requestors(after: RequestorSettings, before: &RequestorSettings, judge: &mut Judge<'_>) -> RequestorSettings {
    const ON_BEHALF: &str = "requests on behalf of others (requestorSettings)";
    let RequestorSettings {
        enable_targets_to_self_add_access: add,
        enable_targets_to_self_update_access: update,
        enable_targets_to_self_remove_access: remove,
        allow_custom_assignment_schedule: schedule,
        enable_on_behalf_requestors_to_add_access: _,
        enable_on_behalf_requestors_to_update_access: _,
        enable_on_behalf_requestors_to_remove_access: _,
        on_behalf_requestors: _,
    } = after;
    let on = |flag: &bool| *flag;
    RequestorSettings {
        enable_targets_to_self_add_access: judge.field(
            "requestors.selfService.add",
            opening,
            add,
            &before.enable_targets_to_self_add_access,
        ),
        enable_targets_to_self_update_access: judge.field(
            "requestors.selfService.update",
            opening,
            update,
            &before.enable_targets_to_self_update_access,
        ),
        // Whoever may give access up gets none by it.
        enable_targets_to_self_remove_access: judge.field(
            "requestors.selfService.remove",
            |_, _| Stake::NEUTRAL,
            remove,
            &before.enable_targets_to_self_remove_access,
        ),
        allow_custom_assignment_schedule: judge.field(
            "requestors.selfService.customSchedule",
            opening,
            schedule,
            &before.allow_custom_assignment_schedule,
        ),
        enable_on_behalf_requestors_to_add_access: judge.unmanaged(
            ON_BEHALF,
            on,
            &before.enable_on_behalf_requestors_to_add_access,
        ),
        enable_on_behalf_requestors_to_update_access: judge.unmanaged(
            ON_BEHALF,
            on,
            &before.enable_on_behalf_requestors_to_update_access,
        ),
        enable_on_behalf_requestors_to_remove_access: judge.unmanaged(
            ON_BEHALF,
            on,
            &before.enable_on_behalf_requestors_to_remove_access,
        ),
        on_behalf_requestors: judge.unmanaged(
            ON_BEHALF,
            |requestors: &Vec<SubjectSet>| !requestors.is_empty(),
            &before.on_behalf_requestors,
        ),
    }
}

fn approval(after: ApprovalSettings, before: &ApprovalSettings, judge: &mut Judge<'_>) -> ApprovalSettings {
    let ApprovalSettings {
        is_approval_required_for_add,
        is_approval_required_for_update,
        is_requestor_justification_required,
        stages: stages_after,
    } = after;
    let justification = judge.field(
        "requestors.justification",
        |before, after| asking(&before.0, &after.0),
        Justification(is_requestor_justification_required.unwrap_or(false)),
        &Justification(before.is_requestor_justification_required.unwrap_or(false)),
    );
    // A cloud without the property gets none.
    let is_requestor_justification_required = is_requestor_justification_required.map(|_| justification.0);
    let chain = |settings: &ApprovalSettings| Chain {
        required_for_add: settings.is_approval_required_for_add,
        required_for_update: settings.is_approval_required_for_update,
        stages: settings.stages.clone(),
    };
    let (from, to) = (
        chain(before),
        Chain {
            required_for_add: is_approval_required_for_add,
            required_for_update: is_approval_required_for_update,
            stages: stages_after,
        },
    );
    let wanted = to.clone();
    // Stages of the same number, asked for in the same cases, are compared one by one: whoever took out one approver in the
    // portal has said nothing about the others. Otherwise the chain is one thing.
    let chain = if from.has_shape_of(&to) {
        let pairs = to.stages.into_iter().zip(&from.stages).enumerate();
        Chain {
            required_for_add: to.required_for_add,
            required_for_update: to.required_for_update,
            stages: pairs.map(|(index, (to, from))| stage(index, to, from, judge)).collect(),
        }
    } else {
        judge.field(
            "approval",
            |before, after| Stake::widening(after.asks_less_than(before)),
            to,
            &from,
        )
    };
    if chain.canonical() == wanted.canonical() {
        judge.alongside([Memory::keep("approval", wanted.canonical())]);
        judge.alongside(Judge::in_place(|judge| {
            for (index, wanted) in wanted.stages.iter().enumerate() {
                stage(index, wanted.clone(), wanted, judge);
            }
        }));
    }
    let Chain {
        required_for_add,
        required_for_update,
        stages,
    } = chain;
    ApprovalSettings {
        is_approval_required_for_add: required_for_add,
        is_approval_required_for_update: required_for_update,
        is_requestor_justification_required,
        stages,
    }
}

fn stage(index: usize, after: ApprovalStage, before: &ApprovalStage, judge: &mut Judge<'_>) -> ApprovalStage {
    let path = |field: &str| format!("approval.stages[{index}].{field}");
    let ApprovalStage {
        duration_before_automatic_denial,
        is_approver_justification_required,
        is_escalation_enabled,
        duration_before_escalation,
        primary_approvers,
        fallback_primary_approvers,
        escalation_approvers,
        fallback_escalation_approvers,
        approver_information_visibility: _,
    } = after;
    let escalation = judge.field(
        &path("escalation"),
        |before, after| Stake::widening(after.lets_more_decide_than(before)),
        Escalation {
            enabled: is_escalation_enabled,
            after: duration_before_escalation,
            approvers: escalation_approvers,
            fallback: fallback_escalation_approvers,
        },
        &Escalation {
            enabled: before.is_escalation_enabled,
            after: before.duration_before_escalation.clone(),
            approvers: before.escalation_approvers.clone(),
            fallback: before.fallback_escalation_approvers.clone(),
        },
    );
    ApprovalStage {
        // Who waits longer for a decision is let in by more decisions.
        duration_before_automatic_denial: judge
            .field(
                &path("decisionTimeout"),
                |before: &Length, after: &Length| Stake::widening(!after.is_no_longer_than(before)),
                Length(duration_before_automatic_denial),
                &Length(before.duration_before_automatic_denial.clone()),
            )
            .0,
        is_approver_justification_required: judge.field(
            &path("justification"),
            asking,
            is_approver_justification_required,
            &before.is_approver_justification_required,
        ),
        primary_approvers: approvers(&path("approvers"), primary_approvers, &before.primary_approvers, judge),
        fallback_primary_approvers: approvers(
            &path("fallbackApprovers"),
            fallback_primary_approvers,
            &before.fallback_primary_approvers,
            judge,
        ),
        is_escalation_enabled: escalation.enabled,
        duration_before_escalation: escalation.after,
        escalation_approvers: escalation.approvers,
        fallback_escalation_approvers: escalation.fallback,
        approver_information_visibility: judge.unmanaged(
            "the visibility of approvers (approverInformationVisibility)",
            |value: &Option<String>| {
                value
                    .as_deref()
                    .is_some_and(|value| !value.eq_ignore_ascii_case("default"))
            },
            &before.approver_information_visibility,
        ),
    }
}

/// Who decides is a door: whoever is put among those who do may let people in.
fn approvers(path: &str, after: Vec<SubjectSet>, before: &[SubjectSet], judge: &mut Judge<'_>) -> Vec<SubjectSet> {
    judge
        .field(
            path,
            |before: &Approvers, after: &Approvers| Stake::widening(!after.is_within(before)),
            Approvers(after),
            &Approvers(before.to_vec()),
        )
        .0
}

/// Who may be given the package.
#[derive(Clone, Debug)]
struct Who {
    scope: AllowedTargetScope,
    targets: Vec<SubjectSet>,
}

impl Canonical for Who {
    fn canonical(&self) -> String {
        let targets = subjects(&self.targets);
        if targets.is_empty() {
            self.scope.to_string()
        } else {
            format!("{} ({targets})", self.scope)
        }
    }
}

impl Who {
    /// Whether everybody whom this lets in is let in by `outer` too. False where that is not certain.
    fn is_within(&self, outer: &Self) -> bool {
        use AllowedTargetScope as Scope;
        let every_target_known = || {
            let known: Vec<String> = outer.targets.iter().map(subject).collect();
            self.targets.iter().all(|target| known.contains(&subject(target)))
        };
        match (&self.scope, &outer.scope) {
            (Scope::NotSpecified, _) => true,
            (
                Scope::SpecificDirectoryUsers
                | Scope::SpecificDirectoryServicePrincipals
                | Scope::SpecificConnectedOrganizationUsers,
                _,
            ) if self.scope == outer.scope => every_target_known(),
            (inner, outer) if inner == outer => true,
            (Scope::SpecificDirectoryUsers | Scope::AllMemberUsers, Scope::AllDirectoryUsers)
            | (Scope::SpecificDirectoryServicePrincipals, Scope::AllDirectoryServicePrincipals)
            | (
                Scope::SpecificConnectedOrganizationUsers | Scope::AllConfiguredConnectedOrganizationUsers,
                Scope::AllExternalUsers,
            ) => true,
            (
                Scope::SpecificDirectoryUsers
                | Scope::SpecificConnectedOrganizationUsers
                | Scope::SpecificDirectoryServicePrincipals
                | Scope::AllMemberUsers
                | Scope::AllDirectoryUsers
                | Scope::AllDirectoryServicePrincipals
                | Scope::AllConfiguredConnectedOrganizationUsers
                | Scope::AllExternalUsers
                | Scope::AllDirectoryAgentIdentities
                | Scope::Unknown(_),
                _,
            ) => false,
        }
    }
}

/// Whether requestors must say why.
#[derive(Clone, Debug)]
struct Justification(bool);

impl Canonical for Justification {
    fn canonical(&self) -> String {
        (if self.0 { "Required" } else { "NotRequired" }).to_owned()
    }
}

/// An approval as one thing.
#[derive(Clone, Debug)]
struct Chain {
    required_for_add: bool,
    required_for_update: bool,
    stages: Vec<ApprovalStage>,
}

impl Canonical for Chain {
    fn canonical(&self) -> String {
        let required = match (self.required_for_add, self.required_for_update) {
            (false, false) => return "not required".into(),
            (true, true) => "required, for updates as well",
            (true, false) => "required",
            (false, true) => "required for updates only",
        };
        let stages = self.stages.iter().map(stage_text).collect::<Vec<_>>().join("; then ");
        format!("{required}: {stages}")
    }
}

impl Chain {
    fn has_shape_of(&self, other: &Self) -> bool {
        self.required_for_add == other.required_for_add
            && self.required_for_update == other.required_for_update
            && self.stages.len() == other.stages.len()
            && self.required_for_add | self.required_for_update
    }

    /// Whether somebody may be let in by this who is not by `other`. True where that is not certain.
    fn asks_less_than(&self, other: &Self) -> bool {
        let drops = |before: bool, after: bool| before && !after;
        let asked = other.required_for_add || other.required_for_update;
        drops(other.required_for_add, self.required_for_add)
            || drops(other.required_for_update, self.required_for_update)
            || (asked && self.stages.len() < other.stages.len())
            // Stages that stay must not be decided by more people than before.
            || (asked
                && !self.stages.iter().zip(&other.stages).all(|(stage, before)| {
                    let is_within = |after: &[SubjectSet], before: &[SubjectSet]| {
                        Approvers(after.to_vec()).is_within(&Approvers(before.to_vec()))
                    };
                    is_within(&stage.primary_approvers, &before.primary_approvers)
                        && is_within(&stage.fallback_primary_approvers, &before.fallback_primary_approvers)
                        && is_within(&stage.escalation_approvers, &before.escalation_approvers)
                        && is_within(&stage.fallback_escalation_approvers, &before.fallback_escalation_approvers)
                }))
    }
}

/// A list of those who decide.
#[derive(Clone, Debug)]
struct Approvers(Vec<SubjectSet>);

impl Canonical for Approvers {
    fn canonical(&self) -> String {
        match subjects(&self.0).as_str() {
            "" => "nobody".into(),
            names => names.into(),
        }
    }
}

impl Approvers {
    fn is_within(&self, outer: &Self) -> bool {
        let known: Vec<String> = outer.0.iter().map(subject).collect();
        self.0.iter().all(|approver| known.contains(&subject(approver)))
    }
}

/// An escalation as one thing.
#[derive(Clone, Debug)]
struct Escalation {
    enabled: bool,
    after: Option<String>,
    approvers: Vec<SubjectSet>,
    fallback: Vec<SubjectSet>,
}

impl Canonical for Escalation {
    fn canonical(&self) -> String {
        if !self.enabled {
            return "none".into();
        }
        let fallback = match subjects(&self.fallback).as_str() {
            "" => String::new(),
            names => format!(" (fallback {names})"),
        };
        format!(
            "after {} {}{fallback}",
            duration(self.after.as_deref()),
            subjects(&self.approvers)
        )
    }
}

impl Escalation {
    /// Whether somebody may decide by this, or decide earlier, who may not by `other`.
    fn lets_more_decide_than(&self, other: &Self) -> bool {
        if !self.enabled {
            return false;
        }
        let of = |sets: &[SubjectSet]| Approvers(sets.to_vec());
        !other.enabled
            || !of(&self.approvers).is_within(&of(&other.approvers))
            || !of(&self.fallback).is_within(&of(&other.fallback))
            || !Length(other.after.clone()).is_no_longer_than(&Length(self.after.clone()))
    }
}

/// A length of time in Graph's spelling.
#[derive(Clone, Debug)]
struct Length(Option<String>);

impl Canonical for Length {
    fn canonical(&self) -> String {
        duration(self.0.as_deref())
    }
}

impl Length {
    /// False where that is not certain.
    fn is_no_longer_than(&self, other: &Self) -> bool {
        let length = |length: &Self| {
            length
                .0
                .as_deref()
                .and_then(|text| crate::api::IsoDuration::new(text).as_duration())
        };
        matches!((length(self), length(other)), (Some(one), Some(other)) if one <= other)
    }
}

impl Canonical for Expiration {
    fn canonical(&self) -> String {
        match &self.kind {
            ExpirationKind::NoExpiration => "never".into(),
            ExpirationKind::AfterDuration => format!("after {}", duration(self.duration.as_deref())),
            ExpirationKind::AfterDateTime => format!("at {}", instant(self.end.as_deref())),
            ExpirationKind::NotSpecified | ExpirationKind::Unknown(_) => self.kind.to_string(),
        }
    }
}

fn is_on(value: &Option<Value>, flag: &str) -> bool {
    value
        .as_ref()
        .and_then(|value| value.get(flag))
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

fn subject(set: &SubjectSet) -> String {
    match set {
        SubjectSet::SingleUser { user_id } => format!("user {user_id}").to_lowercase(),
        SubjectSet::GroupMembers { group_id } => format!("group {group_id}").to_lowercase(),
        SubjectSet::ConnectedOrganizationMembers { id } => format!("connected organization {id}").to_lowercase(),
        SubjectSet::SingleServicePrincipal { id } => format!("service principal {id}").to_lowercase(),
        SubjectSet::RequestorManager { level } => format!("requestor's manager (level {level})"),
        SubjectSet::TargetManager { level } => format!("target's manager (level {level})"),
        SubjectSet::InternalSponsors => "internal sponsors".into(),
        SubjectSet::ExternalSponsors => "external sponsors".into(),
        SubjectSet::TargetUserSponsors => "the target's sponsors".into(),
        SubjectSet::AttributeRuleMembers { rule } => format!("rule {rule}"),
        SubjectSet::TargetApplicationOwners => "the target application's owners".into(),
        SubjectSet::TargetAgentIdentitySponsorsOrOwners => "the target agent's sponsors or owners".into(),
        SubjectSet::Unknown { odata_type, raw } => format!("unknown {odata_type} {raw}"),
    }
}

/// The sets in canonical order: the service keeps none.
fn subjects(sets: &[SubjectSet]) -> String {
    let mut texts: Vec<String> = sets.iter().map(subject).collect();
    texts.sort();
    texts.dedup();
    texts.join(", ")
}

fn stage_text(stage: &ApprovalStage) -> String {
    let mut text = format!(
        "{} within {}",
        subjects(&stage.primary_approvers),
        duration(stage.duration_before_automatic_denial.as_deref())
    );
    if !stage.fallback_primary_approvers.is_empty() {
        text.push_str(&format!(" (fallback {})", subjects(&stage.fallback_primary_approvers)));
    }
    if stage.is_approver_justification_required {
        text.push_str(", with justification");
    }
    if stage.is_escalation_enabled {
        text.push_str(&format!(
            ", after {} also {}",
            duration(stage.duration_before_escalation.as_deref()),
            subjects(&stage.escalation_approvers)
        ));
        if !stage.fallback_escalation_approvers.is_empty() {
            text.push_str(&format!(
                " (fallback {})",
                subjects(&stage.fallback_escalation_approvers)
            ));
        }
    }
    text
}

fn duration(text: Option<&str>) -> String {
    let Some(text) = text else { return "no time".into() };
    let Some(length) = crate::api::IsoDuration::new(text).as_duration() else {
        return text.to_owned();
    };
    let minutes = length.as_secs() / 60;
    match (minutes / 1_440, minutes % 1_440) {
        (days, 0) => format!("{days} days"),
        (0, minutes) if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        (_, _) => format!("{minutes} minutes"),
    }
}

/// One spelling for one point in time.
fn instant(text: Option<&str>) -> String {
    let text = text.map_or("an unknown time", |text| text);
    text.parse::<k8s_openapi::jiff::Timestamp>()
        .map_or_else(|_| text.to_owned(), |time| time.to_string())
}

/// Whether access under `one` certainly ends no later than under `other`.
fn lasts_no_longer(one: &Expiration, other: &Expiration) -> bool {
    let length = |expiration: &Expiration| {
        expiration
            .duration
            .as_deref()
            .and_then(|text| crate::api::IsoDuration::new(text).as_duration())
    };
    let end = |expiration: &Expiration| {
        let text = expiration.end.as_deref()?;
        text.parse::<k8s_openapi::jiff::Timestamp>().ok()
    };
    match (&one.kind, &other.kind) {
        (_, ExpirationKind::NoExpiration) => true,
        (ExpirationKind::AfterDuration, ExpirationKind::AfterDuration) => {
            matches!((length(one), length(other)), (Some(one), Some(other)) if one <= other)
        }
        (ExpirationKind::AfterDateTime, ExpirationKind::AfterDateTime) => {
            matches!((end(one), end(other)), (Some(one), Some(other)) if one <= other)
        }
        // A length and a point in time are not to be compared, and of an unknown kind nothing is certain.
        (
            ExpirationKind::NoExpiration
            | ExpirationKind::AfterDuration
            | ExpirationKind::AfterDateTime
            | ExpirationKind::NotSpecified
            | ExpirationKind::Unknown(_),
            _,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Applied, DriftPolicy},
        plan::{Base, Cause, Drift},
    };

    const CAUTIOUS: Drift = Drift {
        policy: DriftPolicy::Cautious,
        requested: false,
    };

    fn user(id: &str) -> SubjectSet {
        SubjectSet::SingleUser { user_id: id.into() }
    }

    fn fields() -> PolicyBody {
        PolicyBody {
            display_name: "Marketing Campaign Policy".into(),
            description: Some("words".into()),
            allowed_target_scope: AllowedTargetScope::AllMemberUsers,
            specific_allowed_targets: Vec::new(),
            expiration: Expiration {
                kind: ExpirationKind::AfterDuration,
                duration: Some("P90D".into()),
                end: None,
            },
            requestor_settings: RequestorSettings {
                enable_targets_to_self_add_access: true,
                ..RequestorSettings::default()
            },
            request_approval_settings: ApprovalSettings {
                is_approval_required_for_add: true,
                is_approval_required_for_update: false,
                is_requestor_justification_required: Some(false),
                stages: vec![ApprovalStage {
                    duration_before_automatic_denial: Some("P14D".into()),
                    primary_approvers: vec![user("a"), user("b")],
                    ..ApprovalStage::default()
                }],
            },
            review_settings: None,
            automatic_request_settings: None,
            notification_settings: None,
            questions: Vec::new(),
            custom_extension_stage_settings: Vec::new(),
        }
    }

    fn rules(base: Base<'_>, drift: Drift) -> Rules<'_> {
        Rules {
            base,
            drift,
            limit: None,
            confirmed: true,
        }
    }

    /// What is remembered after this was made.
    fn applied(made: &PolicyBody) -> Applied {
        let plan = plan(made, &Found::Unborn, &rules(Base::none(), CAUTIOUS));
        crate::plan::applied(&plan.steps[0].memories)
    }

    fn plan_for(desired: &PolicyBody, observed: &PolicyBody, base: &Applied, drift: Drift) -> Plan<PolicyAct> {
        plan_from(desired, observed.clone().into(), base, drift)
    }

    fn plan_from(desired: &PolicyBody, observed: PolicyRead, base: &Applied, drift: Drift) -> Plan<PolicyAct> {
        let policy = AssignmentPolicy {
            id: "policy".into(),
            created: None,
            access_package: None,
            fields: observed,
            whole: None,
        };
        plan(
            desired,
            &Found::Present(Box::new(policy)),
            &rules(Base::of(Some(base)), drift),
        )
    }

    #[test]
    fn what_the_service_spells_otherwise_is_no_difference() {
        let desired = fields();
        let mut observed = fields();
        observed.request_approval_settings.stages[0].primary_approvers = vec![user("B"), user("A")];
        observed.request_approval_settings.stages[0].duration_before_escalation = Some("PT0S".into());
        observed.expiration.duration = Some("PT2160H".into());
        observed.request_approval_settings.is_requestor_justification_required = None;
        let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
        assert!(plan.is_quiet(), "{plan:?}");
    }

    #[test]
    fn requests_switched_off_in_the_portal_stay_off_until_somebody_asks() {
        let desired = fields();
        let mut observed = fields();
        observed.requestor_settings.enable_targets_to_self_add_access = false;
        let held = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
        assert!(held.steps.is_empty());
        assert_eq!(
            held.held[0].0.differences[0].to_string(),
            "requestors.selfService.add: false -> true"
        );
        let asked = plan_for(
            &desired,
            &observed,
            &applied(&desired),
            Drift {
                requested: true,
                ..CAUTIOUS
            },
        );
        assert_eq!(asked.steps.len(), 1);
    }

    #[test]
    fn of_an_end_that_has_passed_nothing_is_written_but_what_closes_with_the_end_that_entra_has() {
        let before = fields();
        let base = applied(&before);
        let mut after = fields();
        after.description = Some("new words".into());
        after.requestor_settings.enable_targets_to_self_add_access = false;
        after.expiration = Expiration {
            kind: ExpirationKind::AfterDateTime,
            duration: None,
            end: Some("2020-01-01T00:00:00Z".into()),
        };
        let past = Problem::new(Reason::InvalidSpec, "it has passed");
        let observed = Found::Present(Box::new(AssignmentPolicy {
            id: "policy".into(),
            created: None,
            access_package: None,
            fields: before.clone().into(),
            whole: None,
        }));
        let rules = rules(Base::of(Some(&base)), CAUTIOUS);
        let ended = plan_ended(&after, &observed, &rules, &past);
        let PolicyAct::Replace(written) = &ended.steps[0].act else {
            panic!("{ended:?}");
        };
        assert!(!written.requestor_settings.enable_targets_to_self_add_access);
        assert_eq!(written.expiration, before.expiration);
        assert_eq!(written.description, before.description);
        let held: Vec<&str> = ended
            .held
            .iter()
            .flat_map(|(step, _)| &step.differences)
            .map(|difference| difference.path.as_str())
            .collect();
        assert_eq!(held, ["description", "expiration"]);
        assert!(ended.held.iter().all(|(_, hold)| *hold == Hold::Limit(past.clone())));
        // Nor is anything made, for the first time or anew.
        for absent in [Found::Unborn, Found::Gone { id: "policy".into() }] {
            assert!(plan_ended(&after, &absent, &rules, &past).steps.is_empty());
        }
    }

    #[test]
    fn a_changed_description_does_not_reopen_what_somebody_closed() {
        let before = fields();
        let mut after = fields();
        after.description = Some("new words".into());
        let mut observed = fields();
        observed.requestor_settings.enable_targets_to_self_add_access = false;
        let plan = plan_for(&after, &observed, &applied(&before), CAUTIOUS);
        let PolicyAct::Replace(fields) = &plan.steps[0].act else {
            panic!("{plan:?}");
        };
        assert_eq!(plan.steps[0].differences.len(), 1);
        assert_eq!(fields.description.as_deref(), Some("new words"));
        assert!(!fields.requestor_settings.enable_targets_to_self_add_access);
        assert_eq!(plan.held.len(), 1);
    }

    #[test]
    fn widening_drift_is_corrected_at_once() {
        let desired = fields();
        let mut observed = fields();
        observed.allowed_target_scope = AllowedTargetScope::AllDirectoryUsers;
        observed.request_approval_settings = ApprovalSettings::default();
        observed.expiration = Expiration {
            kind: ExpirationKind::NoExpiration,
            duration: None,
            end: None,
        };
        let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
        assert_eq!(plan.steps.len(), 1);
        assert!(plan.held.is_empty(), "{plan:?}");
    }

    #[test]
    fn every_way_of_widening_is_recognised() {
        type Edit = fn(&mut PolicyBody);
        let narrower: [Edit; 6] = [
            |policy| policy.allowed_target_scope = AllowedTargetScope::NotSpecified,
            |policy| policy.requestor_settings.enable_targets_to_self_add_access = false,
            |policy| policy.expiration.duration = Some("P30D".into()),
            |policy| {
                let second = policy.request_approval_settings.stages[0].clone();
                policy.request_approval_settings.stages.push(second);
            },
            |policy| policy.request_approval_settings.is_approval_required_for_update = true,
            |policy| {
                policy.allowed_target_scope = AllowedTargetScope::SpecificDirectoryUsers;
                policy.specific_allowed_targets = vec![user("x")];
            },
        ];
        for (index, edit) in narrower.into_iter().enumerate() {
            let desired = fields();
            let mut observed = fields();
            edit(&mut observed);
            let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
            assert!(plan.steps.is_empty() && !plan.held.is_empty(), "case {index}: {plan:?}");
        }
    }

    #[test]
    fn settings_that_the_spec_cannot_express_are_named_and_hold_every_write() {
        let before = fields();
        let mut after = fields();
        after.description = Some("new words".into());
        let mut observed = fields();
        observed.review_settings = Some(serde_json::json!({"isEnabled": true}));
        observed.questions = vec![serde_json::json!({"id": "q"})];
        let plan = plan_for(&after, &observed, &applied(&before), CAUTIOUS);
        assert!(plan.steps.is_empty(), "{plan:?}");
        assert_eq!(
            plan.held[0].1,
            Hold::UnmanagedSettings(vec![
                "access reviews (reviewSettings)".into(),
                "questions to the requestor (questions)".into()
            ])
        );
        assert!(plan_for(&before, &observed, &applied(&before), CAUTIOUS).is_quiet());
    }

    #[test]
    fn what_was_not_read_or_is_not_known_is_not_written_over() {
        let before = fields();
        let mut after = fields();
        after.description = Some("new words".into());
        let mut unread: PolicyRead = fields().into();
        unread.questions = crate::graph::Read::Unread;
        assert!(plan_from(&after, unread, &applied(&before), CAUTIOUS).steps.is_empty());
        let mut newer: PolicyRead = fields().into();
        newer.undeclared = vec!["verifiableCredentialSettings".into()];
        let plan = plan_from(&after, newer, &applied(&before), CAUTIOUS);
        assert!(plan.steps.is_empty());
        let problem = plan.held_problem("ask").unwrap();
        assert!(
            problem
                .what
                .contains("verifiableCredentialSettings, which this version does not know"),
            "{problem:?}"
        );
    }

    #[test]
    fn who_decides_is_a_door_in_both_directions() {
        type Edit = fn(&mut ApprovalStage);
        let mut desired = fields();
        let stage = &mut desired.request_approval_settings.stages[0];
        stage.fallback_primary_approvers = vec![user("f")];
        stage.is_escalation_enabled = true;
        stage.duration_before_escalation = Some("P7D".into());
        stage.escalation_approvers = vec![user("e")];
        stage.is_approver_justification_required = false;
        // What somebody did in the portal, and whether putting it back is left to a person.
        let cases: [(&str, Edit, bool); 12] = [
            (
                "took an approver out",
                |stage| stage.primary_approvers = vec![user("a")],
                true,
            ),
            (
                "replaced an approver",
                |stage| stage.primary_approvers = vec![user("a"), user("s")],
                true,
            ),
            (
                "added an approver",
                |stage| stage.primary_approvers = vec![user("a"), user("b"), user("s")],
                false,
            ),
            (
                "took the fallback out",
                |stage| stage.fallback_primary_approvers.clear(),
                true,
            ),
            (
                "added a fallback",
                |stage| stage.fallback_primary_approvers = vec![user("f"), user("s")],
                false,
            ),
            (
                "switched the escalation off",
                |stage| stage.is_escalation_enabled = false,
                true,
            ),
            (
                "made the escalation later",
                |stage| stage.duration_before_escalation = Some("P10D".into()),
                true,
            ),
            (
                "made the escalation earlier",
                |stage| stage.duration_before_escalation = Some("P1D".into()),
                false,
            ),
            (
                "shortened the time to decide",
                |stage| stage.duration_before_automatic_denial = Some("P1D".into()),
                true,
            ),
            (
                "lengthened the time to decide",
                |stage| stage.duration_before_automatic_denial = Some("P28D".into()),
                false,
            ),
            (
                "asked approvers to say why",
                |stage| stage.is_approver_justification_required = true,
                true,
            ),
            (
                "added an escalation approver",
                |stage| stage.escalation_approvers = vec![user("e"), user("s")],
                false,
            ),
        ];
        for (what, edit, is_held) in cases {
            let mut observed = desired.clone();
            edit(&mut observed.request_approval_settings.stages[0]);
            let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
            assert_eq!(plan.steps.is_empty(), is_held, "{what}: {plan:?}");
            assert_eq!(
                plan.held.iter().any(|(_, hold)| *hold == Hold::Drift),
                is_held,
                "{what}: {plan:?}"
            );
            let differences = plan.steps.iter().chain(plan.held.iter().map(|(step, _)| step));
            assert!(
                differences
                    .flat_map(|step| &step.differences)
                    .all(|difference| difference.cause == Cause::Drift),
                "{what}"
            );
        }
    }

    #[test]
    fn others_who_decide_are_others_however_much_alike_they_are() {
        let group = |id: &str| SubjectSet::GroupMembers { group_id: id.into() };
        let cases: [(&str, [SubjectSet; 2], [SubjectSet; 2]); 3] = [
            ("a user for a group", [user("a"), user("b")], [user("a"), group("b")]),
            (
                "the manager's manager for the manager",
                [user("a"), SubjectSet::RequestorManager { level: 1 }],
                [user("a"), SubjectSet::RequestorManager { level: 2 }],
            ),
            (
                "external sponsors for internal ones",
                [user("a"), SubjectSet::InternalSponsors],
                [user("a"), SubjectSet::ExternalSponsors],
            ),
        ];
        for (what, spec, portal) in cases {
            let mut desired = fields();
            desired.request_approval_settings.stages[0].primary_approvers = spec.to_vec();
            let mut observed = desired.clone();
            observed.request_approval_settings.stages[0].primary_approvers = portal.to_vec();
            let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
            assert!(plan.steps.is_empty(), "{what}: {plan:?}");
            assert_eq!(plan.held[0].1, Hold::Drift, "{what}");
        }
    }

    #[test]
    fn stages_that_somebody_put_in_another_order_are_not_put_back() {
        let mut desired = fields();
        let second = ApprovalStage {
            primary_approvers: vec![user("c")],
            ..desired.request_approval_settings.stages[0].clone()
        };
        desired.request_approval_settings.stages.push(second);
        let mut observed = desired.clone();
        observed.request_approval_settings.stages.reverse();
        let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
        assert!(plan.steps.is_empty(), "{plan:?}");
        assert_eq!(plan.held.len(), 2);
    }

    #[test]
    fn an_end_that_cannot_be_read_is_not_the_earliest() {
        let at = |end: Option<&str>| Expiration {
            kind: ExpirationKind::AfterDateTime,
            duration: None,
            end: end.map(str::to_owned),
        };
        let one = at(Some("2030-01-01T00:00:00Z"));
        assert!(!lasts_no_longer(&at(None), &one));
        assert!(!lasts_no_longer(&at(Some("soon")), &one));
        assert!(!lasts_no_longer(&one, &at(None)));
        // Fractions and offsets are no strings to be compared.
        assert!(lasts_no_longer(&at(Some("2030-01-01T00:00:00.5+01:00")), &one));
    }

    #[test]
    fn an_approver_taken_out_in_the_portal_stays_out_while_the_rest_is_put_right() {
        let desired = fields();
        let mut observed = fields();
        observed.request_approval_settings.stages[0].primary_approvers = vec![user("a")];
        observed.request_approval_settings.stages[0].duration_before_automatic_denial = Some("P28D".into());
        let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
        let PolicyAct::Replace(body) = &plan.steps[0].act else {
            panic!("{plan:?}");
        };
        let stage = &body.request_approval_settings.stages[0];
        assert_eq!(stage.primary_approvers, [user("a")]);
        assert_eq!(stage.duration_before_automatic_denial.as_deref(), Some("P14D"));
    }

    #[test]
    fn an_approver_taken_out_after_the_approval_was_written_as_one_thing_is_no_change_of_the_spec() {
        let mut before = fields();
        before.request_approval_settings = ApprovalSettings::default();
        let desired = fields();
        let mut remembered = applied(&before);
        let written = plan_for(&desired, &before, &remembered, CAUTIOUS);
        for memory in written.found.iter().chain(&written.steps[0].memories) {
            memory.enter(&mut remembered);
        }
        let mut observed = fields();
        observed.request_approval_settings.stages[0].primary_approvers = vec![user("a")];
        assert_eq!(
            plan_for(&desired, &observed, &remembered, CAUTIOUS).held[0].1,
            Hold::Drift
        );
    }

    #[test]
    fn texts_that_the_service_trims_are_no_drift() {
        let mut desired = fields();
        desired.description = Some("two\r\nlines\n".into());
        let mut observed = fields();
        observed.description = Some("two\nlines".into());
        assert!(plan_for(&desired, &observed, &applied(&desired), CAUTIOUS).is_quiet());
    }

    #[test]
    fn where_no_grant_allows_it_what_widens_is_held_and_what_closes_goes_ahead() {
        let before = fields();
        let mut after = fields();
        after.expiration.duration = Some("P365D".into());
        after.requestor_settings.enable_targets_to_self_add_access = false;
        let limit = crate::plan::Problem::new(Reason::LimitExceeded, "no grant");
        let policy = AssignmentPolicy {
            id: "policy".into(),
            created: None,
            access_package: None,
            fields: before.clone().into(),
            whole: None,
        };
        let applied = applied(&before);
        let limited = Rules {
            limit: Some(&limit),
            ..rules(Base::of(Some(&applied)), CAUTIOUS)
        };
        let plan = plan(&after, &Found::Present(Box::new(policy)), &limited);
        let PolicyAct::Replace(body) = &plan.steps[0].act else {
            panic!("{plan:?}");
        };
        assert!(!body.requestor_settings.enable_targets_to_self_add_access);
        assert_eq!(body.expiration.duration.as_deref(), Some("P90D"));
        assert_eq!(plan.held[0].1, Hold::Limit(limit.clone()));
    }
}
