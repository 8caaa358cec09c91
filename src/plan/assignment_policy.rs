//! What to do about an assignment policy.
//!
//! A policy is written as a whole. Each [`PolicyField`] has one canonical text, which is what is compared, what is
//! digested and what people read; a field that is held back keeps Entra's value in the body that is sent.

use serde_json::Value;

use super::{Base, Change, Difference, Drift, Held, Plan, digests, drift::Verdict};
use crate::{
    api::Reason,
    graph::{
        AllowedTargetScope, ApprovalSettings, ApprovalStage, AssignmentPolicy, Expiration, ExpirationKind, PolicyBody,
        SubjectSet,
    },
};

/// What the operator found.
#[derive(Clone, Debug, PartialEq)]
pub enum ObservedPolicy {
    /// Never made, never taken over.
    Unborn,
    /// It was ours and is gone.
    Gone {
        /// The id that it had.
        id: String,
    },
    /// It is there.
    Present(Box<AssignmentPolicy>),
}

/// The plan for one policy.
#[must_use]
pub fn plan(desired: &PolicyBody, observed: &ObservedPolicy, base: Base<'_>, drift: Drift) -> Plan {
    let create = || Plan {
        changes: vec![Change::CreateAssignmentPolicy(Box::new(desired.clone()))],
        held: Vec::new(),
        applied: applied(desired),
    };
    match observed {
        ObservedPolicy::Unborn => create(),
        ObservedPolicy::Gone { .. } if drift.recreates() => create(),
        ObservedPolicy::Gone { id } => Plan {
            held: vec![Held {
                what: format!("assignment policy {:?} ({id})", desired.display_name),
                reason: Reason::DeletedInEntra,
            }],
            ..Plan::default()
        },
        ObservedPolicy::Present(policy) => update(desired, &policy.fields.provisional(), base, drift),
    }
}

fn update(desired: &PolicyBody, observed: &PolicyBody, base: Base<'_>, drift: Drift) -> Plan {
    let mut plan = Plan {
        applied: applied(desired),
        ..Plan::default()
    };
    let mut body = desired.clone();
    let mut written = Vec::new();
    for field in PolicyField::ALL {
        let (before, after) = (field.text(observed), field.text(desired));
        if before == after {
            continue;
        }
        let is_drift = base.holds(field.name(), &after);
        let widens = field.widens(observed, desired);
        let difference = Difference {
            field: field.name().into(),
            before,
            after,
            widens,
        };
        match drift.judge(&difference, is_drift) {
            Verdict::Write => written.push(difference),
            Verdict::Hold(held) => {
                field.copy(observed, &mut body);
                plan.held.push(held);
            }
        }
    }
    if !written.is_empty() {
        plan.changes.push(Change::ReplaceAssignmentPolicy {
            fields: Box::new(body),
            differences: written,
        });
    }
    plan
}

/// The fields of a policy that are compared one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PolicyField {
    DisplayName,
    Description,
    Requestors,
    SelfServiceAdd,
    SelfServiceUpdate,
    SelfServiceRemove,
    CustomSchedule,
    Justification,
    Approval,
    Expiration,
}

impl PolicyField {
    const ALL: [Self; 10] = [
        Self::DisplayName,
        Self::Description,
        Self::Requestors,
        Self::SelfServiceAdd,
        Self::SelfServiceUpdate,
        Self::SelfServiceRemove,
        Self::CustomSchedule,
        Self::Justification,
        Self::Approval,
        Self::Expiration,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::DisplayName => "displayName",
            Self::Description => "description",
            Self::Requestors => "requestors",
            Self::SelfServiceAdd => "requestors.selfService.add",
            Self::SelfServiceUpdate => "requestors.selfService.update",
            Self::SelfServiceRemove => "requestors.selfService.remove",
            Self::CustomSchedule => "requestors.selfService.customSchedule",
            Self::Justification => "requestors.justification",
            Self::Approval => "approval",
            Self::Expiration => "expiration",
        }
    }

    /// The canonical text: equal where, and only where, the service would do the same.
    fn text(self, fields: &PolicyBody) -> String {
        let settings = &fields.requestor_settings;
        match self {
            Self::DisplayName => fields.display_name.clone(),
            Self::Description => fields.description.clone().unwrap_or_default(),
            Self::Requestors => {
                let targets = subjects(&fields.specific_allowed_targets);
                format!(
                    "{}{}",
                    fields.allowed_target_scope,
                    if targets.is_empty() {
                        targets
                    } else {
                        format!(" ({targets})")
                    }
                )
            }
            Self::SelfServiceAdd => settings.enable_targets_to_self_add_access.to_string(),
            Self::SelfServiceUpdate => settings.enable_targets_to_self_update_access.to_string(),
            Self::SelfServiceRemove => settings.enable_targets_to_self_remove_access.to_string(),
            Self::CustomSchedule => settings.allow_custom_assignment_schedule.to_string(),
            Self::Justification => {
                let required = fields.request_approval_settings.is_requestor_justification_required;
                (if required.unwrap_or(false) {
                    "Required"
                } else {
                    "NotRequired"
                })
                .to_owned()
            }
            Self::Approval => approval(&fields.request_approval_settings),
            Self::Expiration => expiration(&fields.expiration),
        }
    }

    /// Whether going from `from` to `to` lets anybody in, or lets them stay longer, who is kept out now.
    fn widens(self, from: &PolicyBody, to: &PolicyBody) -> bool {
        let (before, after) = (&from.requestor_settings, &to.requestor_settings);
        match self {
            Self::DisplayName | Self::Description | Self::SelfServiceRemove | Self::Justification => false,
            Self::Requestors => !is_within(to, from),
            Self::SelfServiceAdd => {
                after.enable_targets_to_self_add_access && !before.enable_targets_to_self_add_access
            }
            Self::SelfServiceUpdate => {
                after.enable_targets_to_self_update_access && !before.enable_targets_to_self_update_access
            }
            Self::CustomSchedule => after.allow_custom_assignment_schedule && !before.allow_custom_assignment_schedule,
            Self::Approval => approves_less(&from.request_approval_settings, &to.request_approval_settings),
            Self::Expiration => !lasts_no_longer(&to.expiration, &from.expiration),
        }
    }

    fn copy(self, from: &PolicyBody, to: &mut PolicyBody) {
        let (source, target) = (&from.requestor_settings, &mut to.requestor_settings);
        match self {
            Self::DisplayName => to.display_name.clone_from(&from.display_name),
            Self::Description => to.description.clone_from(&from.description),
            Self::Requestors => {
                to.allowed_target_scope.clone_from(&from.allowed_target_scope);
                to.specific_allowed_targets.clone_from(&from.specific_allowed_targets);
            }
            Self::SelfServiceAdd => {
                target.enable_targets_to_self_add_access = source.enable_targets_to_self_add_access;
            }
            Self::SelfServiceUpdate => {
                target.enable_targets_to_self_update_access = source.enable_targets_to_self_update_access;
            }
            Self::SelfServiceRemove => {
                target.enable_targets_to_self_remove_access = source.enable_targets_to_self_remove_access;
            }
            Self::CustomSchedule => target.allow_custom_assignment_schedule = source.allow_custom_assignment_schedule,
            Self::Justification => {
                to.request_approval_settings.is_requestor_justification_required =
                    from.request_approval_settings.is_requestor_justification_required;
            }
            Self::Approval => {
                let kept = to.request_approval_settings.is_requestor_justification_required;
                to.request_approval_settings = ApprovalSettings {
                    is_requestor_justification_required: kept,
                    ..from.request_approval_settings.clone()
                };
            }
            Self::Expiration => to.expiration = from.expiration.clone(),
        }
    }
}

/// Settings of the policy for which the spec has no field. A write would silently drop or keep them, so a policy that
/// carries any is not written.
#[must_use]
pub fn unmanaged_settings(fields: &PolicyBody) -> Vec<&'static str> {
    let settings = &fields.requestor_settings;
    let on_behalf = settings.enable_on_behalf_requestors_to_add_access
        || settings.enable_on_behalf_requestors_to_update_access
        || settings.enable_on_behalf_requestors_to_remove_access
        || !settings.on_behalf_requestors.is_empty();
    let visibility = fields.request_approval_settings.stages.iter().any(|stage| {
        stage
            .approver_information_visibility
            .as_deref()
            .is_some_and(|value| !value.eq_ignore_ascii_case("default"))
    });
    let enabled = |value: &Option<Value>, flag: &str| {
        value
            .as_ref()
            .and_then(|value| value.get(flag))
            .and_then(Value::as_bool)
            .unwrap_or(false)
    };
    let filled = |value: &Vec<Value>| !value.is_empty();
    [
        (
            enabled(&fields.review_settings, "isEnabled"),
            "access reviews (reviewSettings)",
        ),
        (
            fields
                .automatic_request_settings
                .as_ref()
                .is_some_and(|value| !value.is_null()),
            "automatic assignment (automaticRequestSettings)",
        ),
        (
            enabled(&fields.notification_settings, "isAssignmentNotificationDisabled"),
            "switched-off notifications (notificationSettings)",
        ),
        (filled(&fields.questions), "questions to the requestor (questions)"),
        (
            filled(&fields.custom_extension_stage_settings),
            "workflow extensions (customExtensionStageSettings)",
        ),
        (on_behalf, "requests on behalf of others (requestorSettings)"),
        (
            visibility,
            "the visibility of approvers (approverInformationVisibility)",
        ),
    ]
    .into_iter()
    .filter_map(|(present, name)| present.then_some(name))
    .collect()
}

/// The policy with every door shut: nobody can request, for themselves or for others, and nothing is assigned by rule.
/// `None` where it is shut already.
#[must_use]
pub fn closed(fields: &PolicyBody) -> Option<PolicyBody> {
    let mut shut = fields.clone();
    let settings = &mut shut.requestor_settings;
    settings.enable_targets_to_self_add_access = false;
    settings.enable_targets_to_self_update_access = false;
    settings.enable_on_behalf_requestors_to_add_access = false;
    settings.enable_on_behalf_requestors_to_update_access = false;
    shut.automatic_request_settings = None;
    let automatic = fields
        .automatic_request_settings
        .as_ref()
        .is_some_and(|value| !value.is_null());
    (automatic || shut.requestor_settings != fields.requestor_settings).then_some(shut)
}

fn applied(desired: &PolicyBody) -> crate::api::Applied {
    let texts = PolicyField::ALL.map(|field| (field.name(), field.text(desired)));
    digests(texts.iter().map(|(name, text)| ((*name).to_owned(), text.as_str())))
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

fn approval(settings: &ApprovalSettings) -> String {
    if !settings.is_approval_required_for_add && !settings.is_approval_required_for_update {
        return "not required".into();
    }
    let required = match (
        settings.is_approval_required_for_add,
        settings.is_approval_required_for_update,
    ) {
        (true, true) => "required, for updates as well",
        (true, false) => "required",
        (false, _) => "required for updates only",
    };
    let stages = settings.stages.iter().map(stage).collect::<Vec<_>>().join("; then ");
    format!("{required}: {stages}")
}

fn stage(stage: &ApprovalStage) -> String {
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

fn expiration(expiration: &Expiration) -> String {
    match &expiration.kind {
        ExpirationKind::NoExpiration => "never".into(),
        ExpirationKind::AfterDuration => format!("after {}", duration(expiration.duration.as_deref())),
        ExpirationKind::AfterDateTime => format!("at {}", instant(expiration.end.as_deref())),
        ExpirationKind::NotSpecified | ExpirationKind::Unknown(_) => expiration.kind.to_string(),
    }
}

/// One spelling for one point in time.
fn instant(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    text.parse::<k8s_openapi::jiff::Timestamp>()
        .map_or_else(|_| text.to_owned(), |time| time.to_string())
}

/// Whether everybody whom `inner` lets request is let by `outer` too. False where that is not certain.
fn is_within(inner: &PolicyBody, outer: &PolicyBody) -> bool {
    use AllowedTargetScope as Scope;
    let every_target_known = || {
        inner
            .specific_allowed_targets
            .iter()
            .all(|target| outer.specific_allowed_targets.contains(target))
    };
    match (&inner.allowed_target_scope, &outer.allowed_target_scope) {
        (Scope::NotSpecified, _) => true,
        (
            Scope::SpecificDirectoryUsers
            | Scope::SpecificDirectoryServicePrincipals
            | Scope::SpecificConnectedOrganizationUsers,
            _,
        ) if inner.allowed_target_scope == outer.allowed_target_scope => every_target_known(),
        (inner, outer) if inner == outer => true,
        (Scope::SpecificDirectoryUsers | Scope::AllMemberUsers, Scope::AllDirectoryUsers)
        | (Scope::SpecificDirectoryServicePrincipals, Scope::AllDirectoryServicePrincipals)
        | (Scope::AllConfiguredConnectedOrganizationUsers, Scope::AllExternalUsers) => true,
        _ => false,
    }
}

fn approves_less(from: &ApprovalSettings, to: &ApprovalSettings) -> bool {
    (from.is_approval_required_for_add && !to.is_approval_required_for_add)
        || (from.is_approval_required_for_update && !to.is_approval_required_for_update)
        || (to.is_approval_required_for_add && to.stages.len() < from.stages.len())
}

/// Whether access under `one` certainly ends no later than under `other`.
fn lasts_no_longer(one: &Expiration, other: &Expiration) -> bool {
    let length = |expiration: &Expiration| {
        expiration
            .duration
            .as_deref()
            .and_then(|text| crate::api::IsoDuration::new(text).as_duration())
    };
    match (&one.kind, &other.kind) {
        (_, ExpirationKind::NoExpiration) => true,
        (ExpirationKind::AfterDuration, ExpirationKind::AfterDuration) => {
            matches!((length(one), length(other)), (Some(one), Some(other)) if one <= other)
        }
        (ExpirationKind::AfterDateTime, ExpirationKind::AfterDateTime) => {
            instant(one.end.as_deref()) <= instant(other.end.as_deref())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Applied, DriftPolicy},
        graph::RequestorSettings,
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

    fn plan_for(desired: &PolicyBody, observed: &PolicyBody, base: &Applied, drift: Drift) -> Plan {
        let policy = AssignmentPolicy {
            id: "policy".into(),
            created: None,
            access_package: None,
            fields: observed.clone().into(),
            whole: None,
        };
        plan(
            desired,
            &ObservedPolicy::Present(Box::new(policy)),
            Base::of(Some(base)),
            drift,
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
        assert!(plan.is_empty() && plan.held.is_empty(), "{plan:?}");
    }

    #[test]
    fn requests_switched_off_in_the_portal_stay_off_until_somebody_asks() {
        let desired = fields();
        let mut observed = fields();
        observed.requestor_settings.enable_targets_to_self_add_access = false;
        let held = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
        assert!(held.is_empty());
        assert_eq!(held.held[0].what, "requestors.selfService.add: false -> true");
        let asked = plan_for(
            &desired,
            &observed,
            &applied(&desired),
            Drift {
                requested: true,
                ..CAUTIOUS
            },
        );
        assert_eq!(asked.changes.len(), 1);
    }

    #[test]
    fn a_changed_description_does_not_reopen_what_somebody_closed() {
        let before = fields();
        let mut after = fields();
        after.description = Some("new words".into());
        let mut observed = fields();
        observed.requestor_settings.enable_targets_to_self_add_access = false;
        let plan = plan_for(&after, &observed, &applied(&before), CAUTIOUS);
        let Change::ReplaceAssignmentPolicy { fields, differences } = &plan.changes[0] else {
            panic!("{plan:?}");
        };
        assert_eq!(differences.len(), 1);
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
        assert_eq!(plan.changes.len(), 1);
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
            assert!(plan.is_empty() && !plan.held.is_empty(), "case {index}: {plan:?}");
        }
    }

    #[test]
    fn settings_that_the_spec_cannot_express_are_named() {
        let mut observed = fields();
        assert!(unmanaged_settings(&observed).is_empty());
        observed.review_settings = Some(serde_json::json!({"isEnabled": true}));
        observed.questions = vec![serde_json::json!({"id": "q"})];
        assert_eq!(
            unmanaged_settings(&observed),
            [
                "access reviews (reviewSettings)",
                "questions to the requestor (questions)"
            ]
        );
    }

    #[test]
    fn a_shut_policy_lets_nobody_in_and_is_shut_once() {
        let shut = closed(&fields()).unwrap();
        assert!(!shut.requestor_settings.enable_targets_to_self_add_access);
        assert_eq!(shut.request_approval_settings, fields().request_approval_settings);
        assert_eq!(closed(&shut), None);
    }
}
