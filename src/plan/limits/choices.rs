//! Choices that are empty, or made twice: definitions without CEL rules let them pass, and none may mean the widest.

mod settings;

use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{
        Approval, ApprovalStage, Approver, AssignmentPolicySpec, CatalogSpec, CatalogState, Escalation, Expiration,
        IsoDuration, Management, NamedApprover, OnBehalf, OnBehalfRequestor, Reason, Refers, RequestorScope,
        Requestors, Target, TargetManagerLevel,
    },
    plan::{Problem, outlook::means_outside},
};
pub use settings::well_asked;
use settings::{automatic, questions, review};

/// Whether everything that the policy has to say is said, and said once.
///
/// # Errors
/// [`Reason::InvalidSpec`] with the field and what to write.
pub fn well_formed(spec: &AssignmentPolicySpec) -> Result<(), Problem> {
    named(Some(&spec.display_name), spec.id.as_deref())?;
    match &spec.automatic {
        Some(rule) => automatic(spec, rule)?,
        None => {
            requestors(spec.requestors.as_ref())?;
            approval(spec.approval.as_ref())?;
            expiration(spec.expiration.as_ref())?;
        }
    }
    if let Some(wanted) = &spec.review {
        review(wanted)?;
    }
    questions(&spec.questions)?;
    named_once(spec)
}

/// Whether an object of Entra can have this name, and be of this id.
///
/// # Errors
/// [`Reason::InvalidSpec`] with the field and what to write.
pub fn named(display_name: Option<&str>, id: Option<&str>) -> Result<(), Problem> {
    if display_name.is_some_and(|name| name.trim().is_empty()) {
        return Err(invalid(
            "spec.displayName",
            "it is empty",
            "write a name that people can read",
        ));
    }
    if let Some(id) = id.filter(|id| !is_guid(id)) {
        return Err(invalid(
            "spec.id",
            format!("{id:?} is no id of Entra"),
            "write one such as 56ff43fd-6b05-48df-9634-956a777fce6d",
        ));
    }
    Ok(())
}

/// Whether it has the form of an id of Entra, as the rule of the definitions has it.
fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// The days of a duration of whole days, as the rules of the definitions have them: `P14D`.
fn days(duration: &IsoDuration) -> Option<u32> {
    let days = duration.as_str().strip_prefix('P')?.strip_suffix('D')?;
    let is_number = !days.starts_with('0') && days.bytes().all(|byte| byte.is_ascii_digit());
    days.parse().ok().filter(|_| is_number)
}

/// Whether it is of days and hours and not nothing, as the rule of the definitions has it: `P90D`, `PT8H`.
fn is_of_days_and_hours(duration: &IsoDuration) -> bool {
    let text = duration.as_str();
    let is_form = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"PTDH".contains(&byte));
    is_form && duration.as_duration().is_some_and(|length| !length.is_zero())
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

/// What the policy's catalog keeps from requesting: everybody, where it is unpublished; people outside the directory, where it
/// is not visible to them. `None` also where the Catalog leaves that to whoever set it up.
#[must_use]
pub fn out_of_reach(spec: &AssignmentPolicySpec, catalog: &CatalogSpec) -> Option<Problem> {
    let requestors = spec.requestors.as_ref()?;
    let on_behalf = requestors.on_behalf.as_ref();
    let is_open = requestors.self_service.add || on_behalf.is_some_and(|others| others.add);
    if !is_open || catalog.management == Management::Observe {
        return None;
    }
    let nobody = |field: &str, what: &str, remedy: &str| {
        Some(Problem::new(Reason::NobodyCanRequest, what).at(field).remedy(remedy))
    };
    if catalog.state == Some(CatalogState::Unpublished) {
        return nobody(
            "spec.accessPackageRef",
            "the package's catalog is unpublished, so nobody can request the package",
            "ask those who run the catalog to publish it",
        );
    }
    // Of one that was there before, nothing is known here.
    let is_visible = catalog.externally_visible.unwrap_or(catalog.id.is_some());
    if means_outside(requestors.scope) && !is_visible {
        return nobody(
            "spec.requestors.scope",
            "the package's catalog is not visible to people outside the directory, so none of these can request the package",
            "ask those who run the catalog for externallyVisible: true",
        );
    }
    None
}

/// A user, a group, or a manager of whoever is to have the package.
fn person(field: &str, (user, group, target_manager): (bool, bool, Option<TargetManagerLevel>)) -> Result<(), Problem> {
    one_of(
        field,
        &[
            ("user", user),
            ("group", group),
            ("targetManager", target_manager.is_some()),
        ],
        "{targetManager: {level: 1}}",
    )?;
    target_level(field, target_manager)
}

fn target_level(field: &str, target_manager: Option<TargetManagerLevel>) -> Result<(), Problem> {
    match target_manager {
        Some(TargetManagerLevel { level }) if !(1..=4).contains(&level) => Err(invalid(
            &format!("{field}.targetManager.level"),
            format!("{level} is nobody"),
            "write 1, the manager, to 4, the fourth level",
        )),
        Some(_) | None => Ok(()),
    }
}

fn fallbacks(field: &str, fallbacks: &[NamedApprover]) -> Result<(), Problem> {
    for (index, NamedApprover { user, group }) in fallbacks.iter().enumerate() {
        one_of(
            &format!("{field}[{index}]"),
            &[("user", user.is_some()), ("group", group.is_some())],
            "{group: {displayName: Approvers}}",
        )?;
    }
    Ok(())
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
        on_behalf,
        justification: _,
    } = requestors;
    let takes_targets = match scope {
        RequestorScope::SpecificDirectoryUsers
        | RequestorScope::SpecificDirectoryServicePrincipals
        | RequestorScope::SpecificConnectedOrganizationUsers => true,
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
    if let Some(others) = on_behalf {
        on_behalf_of(*scope, others)?;
    }
    for (index, target) in targets.iter().enumerate() {
        let Target {
            user,
            group,
            service_principal,
            connected_organization,
        } = target;
        let field = format!("{field}[{index}]");
        one_of(
            &field,
            &[
                ("user", user.is_some()),
                ("group", group.is_some()),
                ("servicePrincipal", service_principal.is_some()),
                ("connectedOrganization", connected_organization.is_some()),
            ],
            "{group: {displayName: Marketing}}",
        )?;
        let (takes, what) = match scope {
            RequestorScope::SpecificDirectoryServicePrincipals => (service_principal.is_some(), "service principals"),
            RequestorScope::SpecificConnectedOrganizationUsers => {
                (connected_organization.is_some(), "connected organizations")
            }
            RequestorScope::SpecificDirectoryUsers
            | RequestorScope::None
            | RequestorScope::AllMemberUsers
            | RequestorScope::AllDirectoryUsers
            | RequestorScope::AllDirectoryServicePrincipals
            | RequestorScope::AllDirectoryAgentIdentities
            | RequestorScope::AllConfiguredConnectedOrganizationUsers
            | RequestorScope::AllExternalUsers => (user.is_some() || group.is_some(), "users and groups"),
        };
        if !takes {
            return Err(invalid(
                &field,
                format!("scope {scope:?} takes {what} only"),
                "correct the target, or choose another scope",
            ));
        }
    }
    Ok(())
}

fn on_behalf_of(scope: RequestorScope, others: &OnBehalf) -> Result<(), Problem> {
    let OnBehalf {
        add,
        update,
        remove: _,
        requestors,
    } = others;
    if scope == RequestorScope::None && (*add || *update) {
        return Err(invalid(
            "spec.requestors.onBehalf",
            "scope None means that nobody can request, for others neither",
            "set add and update to false, or choose another scope",
        ));
    }
    let field = "spec.requestors.onBehalf.requestors";
    if requestors.is_empty() {
        return Err(missing(field, "requestors: [{targetManager: {level: 1}}]"));
    }
    for (index, requestor) in requestors.iter().enumerate() {
        let OnBehalfRequestor {
            user,
            group,
            target_manager,
        } = requestor;
        person(
            &format!("{field}[{index}]"),
            (user.is_some(), group.is_some(), *target_manager),
        )?;
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
            decision_timeout,
            justification: _,
            escalation,
            approver_visibility: _,
        } = stage;
        let field = format!("spec.approval.stages[{index}]");
        each_approver(&field, approvers, fallback_approvers)?;
        let Some(timeout) = days(decision_timeout).filter(|days| (1..=14).contains(days)) else {
            return Err(invalid(
                &format!("{field}.decisionTimeout"),
                format!("{decision_timeout} is not one to fourteen days"),
                "write P1D to P14D",
            ));
        };
        if let Some(Escalation {
            after,
            approvers,
            fallback_approvers,
        }) = escalation
        {
            each_approver(&format!("{field}.escalation"), approvers, fallback_approvers)?;
            let is_in_time = days(after).is_some_and(|after| after < timeout);
            if !is_in_time {
                return Err(invalid(
                    &format!("{field}.escalation.after"),
                    format!(
                        "{after} is not one day or more and less than the stage's decisionTimeout {decision_timeout}"
                    ),
                    "write less: after the timeout the request is denied, and nobody is asked any more",
                ));
            }
        }
    }
    Ok(())
}

fn each_approver(field: &str, approvers: &[Approver], fallback_approvers: &[NamedApprover]) -> Result<(), Problem> {
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
            target_manager,
            target_user_sponsors,
            target_application_owners,
            target_agent_identity_sponsors_or_owners,
        } = approver;
        one_of(
            &format!("{field}.approvers[{index}]"),
            &[
                ("user", user.is_some()),
                ("group", group.is_some()),
                ("requestorManager", requestor_manager.is_some()),
                ("internalSponsors", internal_sponsors.is_some()),
                ("externalSponsors", external_sponsors.is_some()),
                ("targetManager", target_manager.is_some()),
                ("targetUserSponsors", target_user_sponsors.is_some()),
                ("targetApplicationOwners", target_application_owners.is_some()),
                (
                    "targetAgentIdentitySponsorsOrOwners",
                    target_agent_identity_sponsors_or_owners.is_some(),
                ),
            ],
            "{requestorManager: {level: 1}}",
        )?;
        target_level(&format!("{field}.approvers[{index}]"), *target_manager)?;
        if let Some(level) = requestor_manager.map(|manager| manager.level)
            && !(1..=2).contains(&level)
        {
            return Err(invalid(
                &format!("{field}.approvers[{index}].requestorManager.level"),
                format!("{level} is nobody"),
                "write 1, the manager, or 2, the manager's manager",
            ));
        }
    }
    let is_named = |approver: &Approver| approver.user.is_some() || approver.group.is_some();
    if fallback_approvers.is_empty() && !approvers.iter().any(is_named) {
        return Err(invalid(
            &format!("{field}.fallbackApprovers"),
            "only managers, sponsors or owners are asked here, and somebody may have none",
            "write for example fallbackApprovers: [{group: {displayName: Approvers}}]",
        ));
    }
    fallbacks(&format!("{field}.fallbackApprovers"), fallback_approvers)
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
        && !is_of_days_and_hours(duration)
    {
        return Err(invalid(
            "spec.expiration.afterDuration",
            format!("{duration} is no duration of days and hours, or none at all"),
            "write for example P90D, or PT8H",
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
mod tests;
