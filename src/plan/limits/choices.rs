//! Choices that are empty, or made twice: definitions without CEL rules let them pass, and none may mean the widest.

use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{
        Approval, ApprovalStage, Approver, AssignmentPolicySpec, Escalation, Expiration, NamedApprover, Reason, Refers,
        RequestorScope, Requestors, Target,
    },
    plan::Problem,
};

/// Whether everything that the policy has to say is said, and said once.
///
/// # Errors
/// [`Reason::InvalidSpec`] with the field and what to write.
pub fn well_formed(spec: &AssignmentPolicySpec) -> Result<(), Problem> {
    requestors(spec.requestors.as_ref())?;
    approval(spec.approval.as_ref())?;
    expiration(spec.expiration.as_ref())?;
    named_once(spec)
}

/// Whether each user, group, application and site of the spec is given in one way.
///
/// # Errors
/// [`Reason::InvalidSpec`] with the field and what to write.
pub fn named_once(spec: &impl Refers) -> Result<(), Problem> {
    for at in spec.references() {
        let Some(given) = at.reference.given() else { continue };
        exactly_one(&at.field, &given.ways, &given.possible, None)?;
    }
    Ok(())
}

/// What is wrong with an end that has passed: nothing can be created with it, and what stands with it lets nobody in any
/// more. `None` where the policy ends in another way, or later.
#[must_use]
pub fn past_end(spec: &AssignmentPolicySpec, now: Timestamp) -> Option<Problem> {
    let end = spec.expiration.as_ref()?.after_date_time.as_deref()?;
    let time: Timestamp = end.parse().ok()?;
    (time <= now).then(|| {
        invalid(
            "spec.expiration.afterDateTime",
            format!("{end} has passed, so access under this policy would have ended before it began"),
            "write a later time",
        )
    })
}

fn requestors(requestors: Option<&Requestors>) -> Result<(), Problem> {
    let Some(requestors) = requestors else {
        return Err(missing(
            "spec.requestors",
            "requestors: {scope: AllMemberUsers, selfService: {add: true}}",
        ));
    };
    let Requestors {
        scope,
        targets,
        self_service,
        justification: _,
    } = requestors;
    let takes_targets = match scope {
        RequestorScope::SpecificDirectoryUsers | RequestorScope::SpecificDirectoryServicePrincipals => true,
        RequestorScope::None
        | RequestorScope::AllMemberUsers
        | RequestorScope::AllDirectoryUsers
        | RequestorScope::AllDirectoryServicePrincipals
        | RequestorScope::AllDirectoryAgentIdentities
        | RequestorScope::AllConfiguredConnectedOrganizationUsers
        | RequestorScope::AllExternalUsers => false,
    };
    let field = "spec.requestors.targets";
    if takes_targets && targets.is_empty() {
        return Err(missing(field, "targets: [{group: {displayName: Marketing}}]"));
    }
    if !takes_targets && !targets.is_empty() {
        return Err(invalid(
            field,
            format!("scope {scope:?} takes no targets"),
            "remove them, or write scope: SpecificDirectoryUsers",
        ));
    }
    if *scope == RequestorScope::None && (self_service.add || self_service.update) {
        return Err(invalid(
            "spec.requestors.selfService",
            "scope None means that nobody can request",
            "set add and update to false, or choose another scope",
        ));
    }
    for (index, target) in targets.iter().enumerate() {
        let Target {
            user,
            group,
            service_principal,
        } = target;
        let field = format!("{field}[{index}]");
        one_of(
            &field,
            &[
                ("user", user.is_some()),
                ("group", group.is_some()),
                ("servicePrincipal", service_principal.is_some()),
            ],
            "{group: {displayName: Marketing}}",
        )?;
        let wants_principals = *scope == RequestorScope::SpecificDirectoryServicePrincipals;
        if service_principal.is_some() != wants_principals {
            return Err(invalid(
                &field,
                format!(
                    "scope {scope:?} takes {} only",
                    if wants_principals {
                        "service principals"
                    } else {
                        "users and groups"
                    }
                ),
                "correct the target, or choose another scope",
            ));
        }
    }
    Ok(())
}

fn approval(approval: Option<&Approval>) -> Result<(), Problem> {
    const STAGES: &str = "stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]";
    let Some(approval) = approval else {
        return Err(missing(
            "spec.approval",
            &format!("approval: {{{STAGES}}}, or approval: {{notRequired: {{}}}} where nobody needs to approve"),
        ));
    };
    let Approval {
        not_required,
        stages,
        required_for_update,
    } = approval;
    one_of(
        "spec.approval",
        &[("notRequired", not_required.is_some()), ("stages", stages.is_some())],
        &format!("{STAGES}, or notRequired: {{}} where nobody needs to approve"),
    )?;
    let Some(stages) = stages else {
        return if *required_for_update {
            Err(invalid(
                "spec.approval.requiredForUpdate",
                "with notRequired nobody is there to approve",
                "write stages, or set it to false",
            ))
        } else {
            Ok(())
        };
    };
    if stages.is_empty() {
        return Err(missing("spec.approval.stages", STAGES));
    }
    for (index, stage) in stages.iter().enumerate() {
        let ApprovalStage {
            approvers,
            fallback_approvers,
            decision_timeout: _,
            justification: _,
            escalation,
        } = stage;
        let field = format!("spec.approval.stages[{index}]");
        each_approver(&field, approvers, fallback_approvers)?;
        if let Some(Escalation {
            after: _,
            approvers,
            fallback_approvers,
        }) = escalation
        {
            each_approver(&format!("{field}.escalation"), approvers, fallback_approvers)?;
        }
    }
    Ok(())
}

fn each_approver(field: &str, approvers: &[Approver], fallbacks: &[NamedApprover]) -> Result<(), Problem> {
    if approvers.is_empty() {
        return Err(missing(
            &format!("{field}.approvers"),
            "approvers: [{user: {userPrincipalName: bob@contoso.com}}]",
        ));
    }
    for (index, approver) in approvers.iter().enumerate() {
        let Approver {
            user,
            group,
            requestor_manager,
            internal_sponsors,
            external_sponsors,
        } = approver;
        one_of(
            &format!("{field}.approvers[{index}]"),
            &[
                ("user", user.is_some()),
                ("group", group.is_some()),
                ("requestorManager", requestor_manager.is_some()),
                ("internalSponsors", internal_sponsors.is_some()),
                ("externalSponsors", external_sponsors.is_some()),
            ],
            "{requestorManager: {level: 1}}",
        )?;
    }
    for (index, NamedApprover { user, group }) in fallbacks.iter().enumerate() {
        one_of(
            &format!("{field}.fallbackApprovers[{index}]"),
            &[("user", user.is_some()), ("group", group.is_some())],
            "{group: {displayName: Approvers}}",
        )?;
    }
    Ok(())
}

fn expiration(expiration: Option<&Expiration>) -> Result<(), Problem> {
    const EXAMPLE: &str = "expiration: {afterDuration: P90D}; or {afterDateTime: 2027-12-31T00:00:00Z}, or {never: {}}";
    let Some(expiration) = expiration else {
        return Err(missing("spec.expiration", EXAMPLE));
    };
    let Expiration {
        never,
        after_date_time,
        after_duration,
    } = expiration;
    one_of(
        "spec.expiration",
        &[
            ("never", never.is_some()),
            ("afterDateTime", after_date_time.is_some()),
            ("afterDuration", after_duration.is_some()),
        ],
        EXAMPLE,
    )?;
    if let Some(end) = after_date_time
        && end.parse::<Timestamp>().is_err()
    {
        return Err(invalid(
            "spec.expiration.afterDateTime",
            format!("{end:?} is no time with its zone"),
            "write for example 2027-12-31T00:00:00Z",
        ));
    }
    if let Some(duration) = after_duration
        && duration.as_duration().is_none()
    {
        return Err(invalid(
            "spec.expiration.afterDuration",
            format!("{duration} is no duration of days and hours"),
            "write for example P90D",
        ));
    }
    Ok(())
}

fn one_of(field: &str, choices: &[(&str, bool)], example: &str) -> Result<(), Problem> {
    let written: Vec<&str> = choices.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let possible: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    exactly_one(field, &written, &possible, Some(example))
}

fn exactly_one(field: &str, written: &[&str], possible: &[&str], example: Option<&str>) -> Result<(), Problem> {
    match written {
        [_] => Ok(()),
        [] => Err(invalid(
            field,
            format!("exactly one of {} is needed, and none is there", possible.join(", ")),
            example.map_or("write one of them".to_owned(), |example| {
                format!("write for example {example}")
            }),
        )),
        several => Err(invalid(
            field,
            format!("{} exclude each other", several.join(" and ")),
            "keep one",
        )),
    }
}

fn missing(field: &str, example: &str) -> Problem {
    invalid(field, "it is required", format!("write for example {example}"))
}

fn invalid(field: &str, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem::new(Reason::InvalidSpec, what).at(field).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(pointer: &str, value: Value) -> AssignmentPolicySpec {
        let mut spec = json!({
            "accessPackageRef": {"name": "p"}, "displayName": "P",
            "requestors": {"scope": "SpecificDirectoryUsers", "targets": [{"group": {"id": "g"}}]},
            "approval": {"stages": [{
                "approvers": [{"user": {"id": "u"}}], "fallbackApprovers": [{"group": {"id": "g"}}],
                "escalation": {"after": "P1D", "approvers": [{"group": {"id": "g"}}]},
            }]},
            "expiration": {"afterDuration": "P90D"},
        });
        *spec.pointer_mut(pointer).unwrap() = value;
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn what_is_said_once_is_well_formed() {
        assert_eq!(well_formed(&policy("/displayName", json!("P"))), Ok(()));
    }

    #[test]
    fn an_empty_choice_and_one_made_twice_are_invalid_and_say_what_to_write() {
        let cases = [
            ("/requestors", json!(null), "spec.requestors: it is required"),
            (
                "/requestors/targets/0",
                json!({}),
                "spec.requestors.targets[0]: exactly one of user, group",
            ),
            (
                "/requestors/targets/0/group",
                json!({}),
                "spec.requestors.targets[0].group: exactly one of id",
            ),
            (
                "/requestors/targets",
                json!([]),
                "spec.requestors.targets: it is required",
            ),
            (
                "/requestors/targets/0",
                json!({"servicePrincipal": {"id": "s"}}),
                "spec.requestors.targets[0]: scope SpecificDirectoryUsers takes users and groups only",
            ),
            (
                "/requestors/scope",
                json!("AllMemberUsers"),
                "spec.requestors.targets: scope AllMemberUsers takes no",
            ),
            (
                "/requestors",
                json!({"scope": "None", "selfService": {"update": true}}),
                "spec.requestors.selfService: scope None means that nobody",
            ),
            ("/approval", json!(null), "spec.approval: it is required"),
            (
                "/approval",
                json!({}),
                "spec.approval: exactly one of notRequired, stages is needed",
            ),
            ("/approval/stages", json!([]), "spec.approval.stages: it is required"),
            (
                "/approval",
                json!({"notRequired": {}, "stages": [{"approvers": [{"user": {"id": "u"}}]}]}),
                "spec.approval: notRequired and stages exclude each other; keep one",
            ),
            (
                "/approval",
                json!({"notRequired": {}, "requiredForUpdate": true}),
                "spec.approval.requiredForUpdate: with notRequired nobody",
            ),
            (
                "/approval/stages/0/approvers",
                json!([]),
                "spec.approval.stages[0].approvers: it is required",
            ),
            (
                "/approval/stages/0/approvers/0",
                json!({}),
                "spec.approval.stages[0].approvers[0]: exactly one of user",
            ),
            (
                "/approval/stages/0/approvers/0",
                json!({"user": {"id": "u", "mail": "a@b"}}),
                "spec.approval.stages[0].approvers[0].user: id and mail exclude each other; keep one",
            ),
            (
                "/approval/stages/0/approvers/0",
                json!({"internalSponsors": {}, "externalSponsors": {}}),
                "spec.approval.stages[0].approvers[0]: internalSponsors and externalSponsors exclude each other",
            ),
            (
                "/approval/stages/0/fallbackApprovers/0",
                json!({}),
                "spec.approval.stages[0].fallbackApprovers[0]: exactly one of user, group",
            ),
            (
                "/approval/stages/0/escalation/approvers/0",
                json!({}),
                "spec.approval.stages[0].escalation.approvers[0]: exactly one of user",
            ),
            ("/expiration", json!(null), "spec.expiration: it is required"),
            (
                "/expiration",
                json!({}),
                "spec.expiration: exactly one of never, afterDateTime, afterDuration is needed",
            ),
            (
                "/expiration",
                json!({"never": {}, "afterDuration": "P1D"}),
                "spec.expiration: never and afterDuration exclude each other; keep one",
            ),
            (
                "/expiration",
                json!({"afterDateTime": "soon"}),
                "spec.expiration.afterDateTime: \"soon\" is no time",
            ),
            (
                "/expiration",
                json!({"afterDuration": "P1M"}),
                "spec.expiration.afterDuration: P1M is no duration",
            ),
        ];
        for (pointer, value, words) in cases {
            let problem = well_formed(&policy(pointer, value)).unwrap_err();
            assert_eq!(problem.reason, Reason::InvalidSpec, "{words}");
            assert!(problem.message().starts_with(words), "{}", problem.message());
            assert!(problem.remedy.is_some(), "{words}");
        }
    }

    #[test]
    fn an_end_that_has_passed_is_told_and_a_later_one_is_not() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |end: &str| past_end(&policy("/expiration", json!({"afterDateTime": end})), now);
        assert_eq!(
            at("2025-12-31T23:59:59Z").unwrap().message(),
            "spec.expiration.afterDateTime: 2025-12-31T23:59:59Z has passed, so access under this policy would have ended \
             before it began; write a later time"
        );
        assert!(at("2026-01-01T01:00:00+02:00").is_some());
        assert_eq!(at("2026-01-01T00:00:01Z"), None);
        assert_eq!(past_end(&policy("/displayName", json!("P")), now), None);
    }
}
