//! What to do about an assignment policy.
//!
//! A policy is written as a whole. [`merge`] declares each field once: its path, and which way a change of it moves the
//! door. A field that is held back keeps Entra's value in the body that is sent.

pub mod extensions;
pub mod questions;
mod settings;
mod values;

use std::fmt;

use values::{Approvers, Chain, Escalation, Justification, Length, Visibility, Who, lasts_no_longer};

use super::{
    Act, Canonical, Cause, Difference, Door, Found, Hold, Holders, IdentityAct, Judge, Memory, Plan, Problem, Rules,
    Stake, Step,
    departure::{self, Removal},
    gone,
    outlook::SHORTENED,
};
use crate::{
    api::Reason,
    graph::{ApprovalSettings, ApprovalStage, AssignmentPolicy, PolicyBody, PolicyRead, RequestorSettings, SubjectSet},
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
        Found::Present(policy) => update(desired, policy, rules),
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

fn update(desired: &PolicyBody, observed: &AssignmentPolicy, rules: &Rules<'_>) -> Plan<PolicyAct> {
    let mut judge = Judge::new(*rules);
    judge.last_changed(observed.modified.as_deref());
    let body = Box::new(merge(desired.clone(), &observed.fields, &mut judge));
    let hold = || PolicyAct::Replace(Box::new(desired.clone()));
    let shortens = !lasts_no_longer(&observed.fields.expiration, &body.expiration);
    let mut plan = judge.judgement().plan(PolicyAct::Replace(body), hold);
    if shortens {
        // Those who are in keep what they were given, which people are told as long as it is so.
        let before = observed.fields.expiration.canonical();
        let note = |step: &mut Step<PolicyAct>| {
            step.memories.push(Memory::Note {
                field: SHORTENED.into(),
                text: before.clone(),
            });
        };
        plan.steps.iter_mut().for_each(note);
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
        review_settings,
        automatic_request_settings,
        notification_settings,
        questions,
        custom_extension_stage_settings,
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
    // By whichever way in the spec has them.
    let path = match &automatic_request_settings {
        Some(_) => "automatic.rule",
        None => "requestors",
    };
    let is_by_rule = automatic_request_settings.is_some() && before.automatic_request_settings.is_some();
    let Who { scope, targets } = judge.field(
        path,
        |before, after| {
            let stake = Stake::widening(!after.is_within(before));
            // Whom another rule leaves out nobody here can tell: perhaps everybody whom this one has brought in.
            if is_by_rule {
                stake.holders(Holders::Cuts)
            } else {
                stake
            }
        },
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
        review_settings: settings::reviews(review_settings, &before.review_settings, judge),
        automatic_request_settings: settings::rule(
            automatic_request_settings,
            &before.automatic_request_settings,
            judge,
        ),
        notification_settings: settings::notifications(notification_settings, &before.notification_settings, judge),
        questions: questions::merge(questions, &before.questions, judge),
        custom_extension_stage_settings: extensions::merge(
            custom_extension_stage_settings,
            &before.custom_extension_stage_settings,
            judge,
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
        enable_on_behalf_requestors_to_add_access: others_add,
        enable_on_behalf_requestors_to_update_access: others_update,
        enable_on_behalf_requestors_to_remove_access: others_remove,
        on_behalf_requestors: others,
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
        enable_on_behalf_requestors_to_add_access: judge.optional(
            "requestors.onBehalf.add",
            ON_BEHALF,
            on,
            opening,
            (others_add, &before.enable_on_behalf_requestors_to_add_access),
        ),
        enable_on_behalf_requestors_to_update_access: judge.optional(
            "requestors.onBehalf.update",
            ON_BEHALF,
            on,
            opening,
            (others_update, &before.enable_on_behalf_requestors_to_update_access),
        ),
        // Whoever gives access back hands none out.
        enable_on_behalf_requestors_to_remove_access: judge.optional(
            "requestors.onBehalf.remove",
            ON_BEHALF,
            on,
            |_, _| Stake::NEUTRAL,
            (others_remove, &before.enable_on_behalf_requestors_to_remove_access),
        ),
        on_behalf_requestors: judge
            .optional(
                "requestors.onBehalf.requestors",
                ON_BEHALF,
                |requestors: &Approvers| !requestors.0.is_empty(),
                |before, after| Stake::widening(!after.is_within(before)),
                (Approvers(others), &Approvers(before.on_behalf_requestors.clone())),
            )
            .0,
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
        approver_information_visibility: visibility,
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
        approver_information_visibility: judge
            .optional(
                &path("approverVisibility"),
                "the visibility of approvers (approverInformationVisibility)",
                |visibility: &Visibility| !visibility.is_default(),
                |_, _| Stake::NEUTRAL,
                (
                    Visibility(visibility),
                    &Visibility(before.approver_information_visibility.clone()),
                ),
            )
            .0,
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

#[cfg(test)]
mod tests;
