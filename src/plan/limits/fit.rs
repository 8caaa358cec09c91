//! Whether one grant allows what one policy lets people do.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::{
    breach,
    chosen::{Allowed, Chosen},
    inquiry::Inquiry,
    terms::{Consent, Door, Lasting, Terms, Wishes, scope_name, scope_of},
};
use crate::{
    api::{
        ApprovalLimit, DeletionPolicy, DriftPolicy, ExtensionLimit, Grant, IsoDuration, Limits, MustAsk, Permission,
        References, RequestorScope,
    },
    graph::{AllowedTargetScope, Read},
    plan::Problem,
};

pub(super) const STRICT_SCOPES: [RequestorScope; 2] =
    [RequestorScope::SpecificDirectoryUsers, RequestorScope::AllMemberUsers];
/// What an administrator has closed stays closed.
pub(super) const STRICT_DRIFT_POLICIES: [DriftPolicy; 2] = [DriftPolicy::Cautious, DriftPolicy::Report];
pub(super) const STRICT_DURATION_WORDS: &str = "P365D";
const STRICT_DURATION: Duration = Duration::from_secs(365 * 86_400);

/// Whether this grant allows these terms. Every limit is judged here: a new one does not compile until it is.
///
/// # Errors
/// [`Reason::LimitExceeded`], naming the field where a spec says it, the grant and the limit.
pub(super) fn fits(grant: &Grant, terms: &Terms, now: Timestamp) -> Result<(), Problem> {
    let Limits {
        requestor_scopes,
        approval,
        approvers,
        extension,
        targets,
        must_ask,
        max_duration,
        unlimited_duration,
        automatic_assignment,
        on_behalf,
        on_behalf_requestors,
        references,
        // Of these, `quota` tells which grants are left.
        max_packages: _,
        max_policies: _,
        // Wishes, judged below.
        display_name_prefix: _,
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
    let check_others = || {
        let allowed = Allowed::on_behalf(on_behalf_requestors.as_ref());
        check_chosen(&terms.on_behalf, &ON_BEHALF, &allowed, &limited)
    };
    if grant.suspended {
        return Err(limited("spec", "is suspended (grants[].suspended)"));
    }
    if let Some(Wishes {
        adopts,
        deletion,
        drift_policy,
        acts_for_others,
        display_name,
        named: _,
    }) = &terms.wishes
    {
        check_name(grant, display_name)?;
        check_wishes(grant, *adopts, *deletion, Some(*drift_policy))?;
        // Who gives others' access back hands none out, and acts for others all the same.
        if *acts_for_others && *on_behalf == Permission::Denied {
            return Err(limited(
                "spec.requestors.onBehalf",
                "allows nobody to request for others (limits.onBehalf)",
            ));
        }
        if *acts_for_others {
            check_others()?;
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
    check_doors(terms, (*automatic_assignment, *on_behalf, *extension), &limited)?;
    // Whom a rule matches is the rule's affair.
    if terms.scope == AllowedTargetScope::SpecificDirectoryUsers && terms.doors != [Door::ByRule] {
        check_chosen(&terms.targets, &TARGETS, &Allowed::targets(targets.as_ref()), &limited)?;
    }
    if terms
        .doors
        .iter()
        .any(|door| matches!(door, Door::OnBehalfAdd | Door::OnBehalfUpdate))
    {
        check_others()?;
    }
    if *approval == ApprovalLimit::Required {
        check_approval(terms, *extension, &Allowed::approvers(approvers.as_ref()), &limited)?;
    }
    // A rule asks nobody.
    if let (Some(questions), true) = (&terms.questions, terms.doors != [Door::ByRule]) {
        check_questions(questions, must_ask, &limited)?;
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

/// Whether the display name begins as it must.
pub(super) fn check_name(grant: &Grant, name: &str) -> Result<(), Problem> {
    match &grant.limits.display_name_prefix {
        Some(prefix) if !name.starts_with(prefix.as_str()) => Err(breach(
            "spec.displayName",
            &format!(
                "grant {:?} demands that it begin with {prefix:?} (limits.displayNamePrefix)",
                grant.name
            ),
        )),
        Some(_) | None => Ok(()),
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

/// Whether everything is asked that must be. What was not read may be anything.
fn check_questions(
    questions: &Read<Vec<Inquiry>>,
    must_ask: &[MustAsk],
    limited: &impl Fn(&str, &str) -> Problem,
) -> Result<(), Problem> {
    for must in must_ask {
        let MustAsk {
            name,
            prompt,
            regex,
            message,
        } = must;
        let known = questions.known();
        if known.is_some_and(|known| known.iter().any(|question| question.satisfies(must))) {
            continue;
        }
        let words = [
            prompt.as_ref().map(|prompt| format!("with the prompt {prompt:?}")),
            regex.as_ref().map(|regex| format!("whose answer matches {regex}")),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        let untold = if known.is_some() {
            ""
        } else {
            ", and Entra has not told what is asked"
        };
        let problem = limited(
            "spec.questions",
            &format!(
                "demands the question {name:?}, required, {} (limits.mustAsk){untold}",
                words.join(" and ")
            ),
        );
        return Err(match message {
            Some(message) => problem.remedy(message.clone()),
            None => problem.remedy("add it, or ask those who run the catalog to take it out"),
        });
    }
    Ok(())
}

/// How a choice of people is spoken of.
struct Choice {
    /// What they do.
    what: &'static str,
    /// The limit that says who may.
    limit: &'static str,
}

const TARGETS: Choice = Choice {
    what: "lets in only these by name",
    limit: "limits.targets",
};
const ON_BEHALF: Choice = Choice {
    what: "lets only these request for others",
    limit: "limits.onBehalfRequestors",
};

/// Whether each of these may be chosen: any of them suffices to come in.
fn check_chosen(
    chosen: &[Chosen],
    choice: &Choice,
    allowed: &Allowed<'_>,
    limited: &impl Fn(&str, &str) -> Problem,
) -> Result<(), Problem> {
    let Choice { what, limit } = choice;
    match chosen.iter().find(|chosen| !allowed.lets(&chosen.who)) {
        None => Ok(()),
        Some(Chosen { field, who }) => Err(limited(
            field.as_deref().unwrap_or("spec.requestors"), // what Entra has, no field says
            &format!("{what}: {allowed}; not {who} ({limit})"),
        )),
    }
}

/// Ways in that take a leave of their own.
fn check_doors(
    terms: &Terms,
    (automatic_assignment, on_behalf, extension): (Permission, Permission, ExtensionLimit),
    limited: &impl Fn(&str, &str) -> Problem,
) -> Result<(), Problem> {
    for door in &terms.doors {
        let extends = match door {
            Door::SelfUpdate => Some("spec.requestors.selfService.update"),
            Door::OnBehalfUpdate => Some("spec.requestors.onBehalf.update"),
            Door::SelfAdd | Door::OnBehalfAdd | Door::ByRule => None,
        };
        if let (ExtensionLimit::Denied, Some(field)) = (extension, extends) {
            return Err(limited(field, "allows no extension of a stay (limits.extension)")
                .remedy("set it to false: whoever still needs access asks for it again"));
        }
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

/// Whoever comes in was approved by somebody who may, and whoever stays longer was approved anew.
fn check_approval(
    terms: &Terms,
    extension: ExtensionLimit,
    allowed: &Allowed<'_>,
    limited: &impl Fn(&str, &str) -> Problem,
) -> Result<(), Problem> {
    for door in &terms.doors {
        let (consent, is_update) = match door {
            // Nobody can approve what nobody requests: the grant allows rules, or none of this.
            Door::ByRule => continue,
            Door::SelfAdd | Door::OnBehalfAdd => (&terms.add, false),
            Door::SelfUpdate | Door::OnBehalfUpdate => match extension {
                ExtensionLimit::Approved => (&terms.update, true),
                ExtensionLimit::Denied | ExtensionLimit::Allowed => continue, // judged above, and free
            },
        };
        match consent {
            Consent::Asked(stages) => check_approvers(stages, allowed, limited)?,
            Consent::Unknown(why) => {
                return Err(limited(
                    "spec.approval",
                    &format!("demands approval, and who approves cannot be judged: {why} (limits.approval)"),
                ));
            }
            Consent::NotAsked if is_update && matches!(terms.add, Consent::Asked(_)) => {
                return Err(limited(
                    "spec.approval.requiredForUpdate",
                    "demands approval for an extension as for the first request (limits.extension)",
                )
                .remedy(
                    "set requiredForUpdate: true, or requestors.selfService.update: false; or ask those who run the catalog for limits.extension: Allowed",
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

/// One approver decides a stage, and every stage has to be passed: one in which nobody is asked but those who may decide is
/// enough.
fn check_approvers(
    stages: &[Vec<Chosen>],
    allowed: &Allowed<'_>,
    limited: &impl Fn(&str, &str) -> Problem,
) -> Result<(), Problem> {
    if stages
        .iter()
        .any(|stage| stage.iter().all(|chosen| allowed.lets(&chosen.who)))
    {
        return Ok(());
    }
    let others = stages.iter().flatten().find(|chosen| !allowed.lets(&chosen.who));
    let (field, who) = match others {
        Some(Chosen { field, who }) => (field.as_deref(), who.to_string()),
        None => (None, "nobody".to_owned()),
    };
    Err(limited(
        field.unwrap_or("spec.approval.stages"), // what Entra has, no field says
        &format!(
            "demands a stage in which only these approve: {allowed}; {who} is asked beside them (limits.approvers)"
        ),
    )
    .remedy("name approvers whom it allows, in a stage of their own perhaps; or ask those who run the catalog to allow these"))
}

fn check_lasting(
    terms: &Terms,
    max: Option<&IsoDuration>,
    unlimited: Permission,
    now: Timestamp,
    limited: &impl Fn(&str, &str) -> Problem,
) -> Result<(), Problem> {
    let spelled = max.map_or(STRICT_DURATION_WORDS, IsoDuration::as_str);
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
