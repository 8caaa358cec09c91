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
mod tests;
