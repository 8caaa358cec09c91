//! Whether one grant allows what one policy lets people do.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::{
    breach,
    terms::{Consent, Door, Lasting, Terms, Wishes, scope_name, scope_of},
};
use crate::{
    api::{
        ApprovalLimit, DeletionPolicy, DriftPolicy, Grant, IsoDuration, Limits, Permission, References, RequestorScope,
    },
    graph::AllowedTargetScope,
    plan::Problem,
};

const STRICT_SCOPES: [RequestorScope; 2] = [RequestorScope::SpecificDirectoryUsers, RequestorScope::AllMemberUsers];
/// What an administrator has closed stays closed.
const STRICT_DRIFT_POLICIES: [DriftPolicy; 2] = [DriftPolicy::Cautious, DriftPolicy::Report];
const STRICT_DURATION: Duration = Duration::from_secs(365 * 86_400);

/// Whether this grant allows these terms. Every limit is judged here: a new one does not compile until it is.
///
/// # Errors
/// [`Reason::LimitExceeded`], naming the field where a spec says it, the grant and the limit.
pub(super) fn fits(grant: &Grant, terms: &Terms, now: Timestamp) -> Result<(), Problem> {
    let Limits {
        requestor_scopes,
        approval,
        max_duration,
        unlimited_duration,
        automatic_assignment,
        on_behalf,
        references,
        // Wishes, judged below.
        adoption: _,
        deletion: _,
        drift_policy: _,
    } = &grant.limits;
    let limited = |field: &str, limit: &str| {
        let problem = breach(field, &format!("grant {:?} {limit}", grant.name));
        // What Entra has, no field of a spec says.
        match &terms.wishes {
            Some(_) => problem,
            None => Problem { field: None, ..problem },
        }
    };
    if grant.suspended {
        return Err(limited("spec", "is suspended (grants[].suspended)"));
    }
    if let Some(Wishes {
        adopts,
        deletion,
        drift_policy,
        acts_for_others,
        named: _,
    }) = &terms.wishes
    {
        check_wishes(grant, *adopts, *deletion, Some(*drift_policy))?;
        // Who gives others' access back hands none out, and acts for others all the same.
        if *acts_for_others && *on_behalf == Permission::Denied {
            return Err(limited(
                "spec.requestors.onBehalf",
                "allows nobody to request for others (limits.onBehalf)",
            ));
        }
    }
    if !terms.unknown.is_empty() {
        return Err(limited(
            "spec",
            &format!(
                "allows nothing that this version cannot judge: {}",
                terms.unknown.join(", ")
            ),
        ));
    }
    if terms.wishes.is_none() && !terms.is_open() {
        return Ok(());
    }
    let allowed = requestor_scopes.as_deref().unwrap_or(&STRICT_SCOPES);
    if !lets(allowed, &terms.scope) {
        let words = match (&terms.scope, allowed) {
            (AllowedTargetScope::Unknown(scope), _) => {
                format!("allows no scope that this version does not know: {scope}")
            }
            (scope, allowed) => {
                let asked = scope_name(scope);
                format!("allows {allowed:?} only, not {asked} (limits.requestorScopes)")
            }
        };
        return Err(limited("spec.requestors.scope", &words));
    }
    check_doors(terms, (*automatic_assignment, *on_behalf), &limited)?;
    if *approval == ApprovalLimit::Required {
        check_approval(terms, &limited)?;
    }
    check_lasting(terms, max_duration.as_ref(), *unlimited_duration, now, &limited)?;
    check_references(
        *references,
        terms.wishes.as_ref().and_then(|wishes| wishes.named.first()),
        &limited,
    )
}

/// Whether anything is looked up by its name where it may not be; `named` is the first field that would be.
pub(super) fn check_references(
    references: References,
    named: Option<&String>,
    limited: &dyn Fn(&str, &str) -> Problem,
) -> Result<(), Problem> {
    match (references, named) {
        (References::IdsOnly, Some(field)) => Err(limited(
            field,
            "allows users, groups and service principals by id only (limits.references)",
        )),
        (References::IdsOnly, None) | (References::Any, _) => Ok(()),
    }
}

/// The limits that hold for any object of a namespace: taking over, leaving, and putting right what others change.
pub(super) fn check_wishes(
    grant: &Grant,
    adopts: Option<&str>,
    method: DeletionPolicy,
    drift_policy: Option<DriftPolicy>,
) -> Result<(), Problem> {
    let limits = &grant.limits;
    if let Some(field) = adopts
        && limits.adoption == Permission::Denied
    {
        return Err(breach(
            field,
            &format!(
                "grant {:?} does not allow taking over objects that exist in Entra already (limits.adoption)",
                grant.name
            ),
        ));
    }
    let drift_policies = limits.drift_policy.as_deref().unwrap_or(&STRICT_DRIFT_POLICIES);
    if let Some(asked) = drift_policy.filter(|asked| !drift_policies.contains(asked)) {
        return Err(breach(
            "spec.driftPolicy",
            &format!(
                "grant {:?} allows {drift_policies:?} only, not {asked:?} (limits.driftPolicy)",
                grant.name
            ),
        ));
    }
    let allowed = limits.deletion.as_deref().unwrap_or(&[DeletionPolicy::Delete]);
    if allowed.contains(&method) {
        return Ok(());
    }
    Err(breach(
        "spec.deletionPolicy",
        &format!(
            "grant {:?} allows {allowed:?} only, not {method:?} (limits.deletion)",
            grant.name
        ),
    ))
}

fn lets(allowed: &[RequestorScope], scope: &AllowedTargetScope) -> bool {
    match scope {
        // Nobody: it opens nothing.
        AllowedTargetScope::NotSpecified => true,
        AllowedTargetScope::Unknown(_) => false,
        // Anybody outside is let in by the other. Who is let in by all configured organizations need not be meant: one that is
        // only proposed can be named as well.
        AllowedTargetScope::SpecificConnectedOrganizationUsers => {
            allowed.contains(&RequestorScope::SpecificConnectedOrganizationUsers)
                || allowed.contains(&RequestorScope::AllExternalUsers)
        }
        AllowedTargetScope::SpecificDirectoryUsers
        | AllowedTargetScope::SpecificDirectoryServicePrincipals
        | AllowedTargetScope::AllMemberUsers
        | AllowedTargetScope::AllDirectoryUsers
        | AllowedTargetScope::AllDirectoryServicePrincipals
        | AllowedTargetScope::AllConfiguredConnectedOrganizationUsers
        | AllowedTargetScope::AllExternalUsers
        | AllowedTargetScope::AllDirectoryAgentIdentities => allowed.iter().any(|one| scope_of(*one) == *scope),
    }
}

/// Ways in that take a leave of their own.
fn check_doors(
    terms: &Terms,
    (automatic_assignment, on_behalf): (Permission, Permission),
    limited: &impl Fn(&str, &str) -> Problem,
) -> Result<(), Problem> {
    for door in &terms.doors {
        let (permission, field, what) = match door {
            Door::SelfAdd | Door::SelfUpdate => continue,
            Door::OnBehalfAdd | Door::OnBehalfUpdate => (
                on_behalf,
                "spec.requestors.onBehalf",
                "allows nobody to request for others (limits.onBehalf)",
            ),
            Door::ByRule => (
                automatic_assignment,
                "spec.automatic",
                "allows no assignment by a rule (limits.automaticAssignment)",
            ),
        };
        if permission == Permission::Denied {
            return Err(limited(field, what));
        }
    }
    Ok(())
}

/// Whoever comes in was approved, and whoever stays longer was approved anew.
fn check_approval(terms: &Terms, limited: &impl Fn(&str, &str) -> Problem) -> Result<(), Problem> {
    for door in &terms.doors {
        let (consent, is_update) = match door {
            // Nobody can approve what nobody requests: the grant allows rules, or none of this.
            Door::ByRule => continue,
            Door::SelfAdd | Door::OnBehalfAdd => (&terms.add, false),
            Door::SelfUpdate | Door::OnBehalfUpdate => (&terms.update, true),
        };
        match consent {
            Consent::Asked => {}
            Consent::Unknown(why) => {
                return Err(limited(
                    "spec.approval",
                    &format!("demands approval, and who approves cannot be judged: {why} (limits.approval)"),
                ));
            }
            Consent::NotAsked if is_update && terms.add == Consent::Asked => {
                return Err(limited(
                    "spec.approval.requiredForUpdate",
                    "demands approval for an extension as for the first request (limits.approval)",
                )
                .remedy(
                    "set requiredForUpdate: true, or requestors.selfService.update: false; or ask those who run the catalog for limits.approval: Optional",
                ));
            }
            Consent::NotAsked => {
                return Err(limited(
                    "spec.approval",
                    "demands at least one approval stage (limits.approval)",
                ));
            }
        }
    }
    Ok(())
}

fn check_lasting(
    terms: &Terms,
    max: Option<&IsoDuration>,
    unlimited: Permission,
    now: Timestamp,
    limited: &impl Fn(&str, &str) -> Problem,
) -> Result<(), Problem> {
    let spelled = max.map_or("P365D", IsoDuration::as_str);
    let limit = match max {
        None => STRICT_DURATION,
        Some(max) => max.as_duration().ok_or_else(|| {
            limited(
                "spec.expiration",
                &format!("has a limits.maxDuration that cannot be read ({max}), so it allows no duration"),
            )
        })?,
    };
    let too_long = |field| limited(field, &format!("allows at most {spelled} (limits.maxDuration)"));
    match &terms.lasting {
        Lasting::Never if unlimited == Permission::Denied => Err(limited(
            "spec.expiration.never",
            &format!("demands an end, at most {spelled} after the start (limits.unlimitedDuration)"),
        )),
        Lasting::For(length) if *length > limit => Err(too_long("spec.expiration.afterDuration")),
        Lasting::Until(end)
            if end.as_second().saturating_sub(now.as_second()) > i64::try_from(limit.as_secs()).unwrap_or(i64::MAX) =>
        {
            Err(too_long("spec.expiration.afterDateTime"))
        }
        Lasting::Unknown(why) => Err(limited(
            "spec.expiration",
            &format!("demands an end, and {why} (limits.maxDuration)"),
        )),
        Lasting::Never | Lasting::WhileMatching | Lasting::For(_) | Lasting::Until(_) => Ok(()),
    }
}
