//! What is worth a look of a person, and keeps nobody from working: told in the condition Healthy.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::{
    Problem,
    bindings::{DirectoryKey, DirectoryObject},
};
use crate::{
    api::{AssignmentPolicySpec, IsoDuration, Reason, RequestorScope, Requestors},
    graph::{
        AccessPackage, AllowedTargetScope, Assignment, AssignmentPolicy, AssignmentSchedule, AssignmentState,
        Expiration, ExpirationKind, GroupAccess, Listed, ObjectId, OriginSystem, PolicyBody, PolicyId, Read,
        SubjectSet, UserKey,
    },
};

/// Somebody who is to decide, and of whom what the spec says tells too little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decider {
    /// The field that names them.
    pub field: String,
    /// Who it is.
    pub who: Who,
}

/// A person, or those of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A user who is given by id, so that binding has asked nobody.
    User(ObjectId),
    /// The members of a group.
    Group(ObjectId),
}

/// What is known of somebody who is to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The directory does not say, or may not be asked.
    Unknown,
    /// The directory has answered, and has nobody of this id.
    Gone,
    /// A user.
    User(DirectoryObject),
    /// A group, and whether anybody is in it.
    Group {
        /// Whether it has members.
        has_members: bool,
    },
}

impl Standing {
    /// What the directory said of the user of an id.
    #[must_use]
    pub fn of_user(found: Option<&DirectoryObject>) -> Self {
        found.map_or(Self::Gone, |user| Self::User(user.clone()))
    }
}

/// What is to be told of somebody who is to decide, and cannot, or was not meant.
#[must_use]
pub fn decides(decider: &Decider, standing: &Standing, spec: &AssignmentPolicySpec) -> Option<Problem> {
    let Decider { field, who } = decider;
    let unavailable = |what: &str, remedy: &str| {
        let what = format!("{what}, and who is meant cannot decide");
        Some(Problem::new(Reason::ApproverUnavailable, what).at(field).remedy(remedy))
    };
    const OTHER: &str = "name somebody else, or have the account put right";
    match (standing, who) {
        (Standing::Unknown, _) => None,
        (Standing::Gone, Who::User(_)) => unavailable("nobody of this id exists any more", OTHER),
        (Standing::Gone, Who::Group(_)) => unavailable("no group of this id exists any more", "name another"),
        (Standing::User(user), Who::User(id)) => {
            let key = DirectoryKey::User(UserKey::Id(id.to_string()));
            match user.is_disabled {
                true => unavailable("the account is disabled", OTHER),
                false => guest(field, &key, user, spec),
            }
        }
        (Standing::Group { has_members: false }, Who::Group(_)) => unavailable(
            "the group has no members",
            "have people put into it, or name others beside it",
        ),
        (Standing::Group { .. } | Standing::User(_), _) => None,
    }
}

/// That a guest is to decide where members were meant: in a policy for people of the directory, and where the spec does not name
/// the guest as one, by a principal name with `#EXT#` in it.
#[must_use]
pub fn guest(field: &str, key: &DirectoryKey, user: &DirectoryObject, spec: &AssignmentPolicySpec) -> Option<Problem> {
    let is_named_as_one = matches!(key, DirectoryKey::User(UserKey::UserPrincipalName(name)) if name.to_ascii_uppercase().contains("#EXT#"));
    let is_for_outside = spec.requestors.as_ref().is_some_and(|who| means_outside(who.scope));
    if !user.is_guest || is_named_as_one || is_for_outside {
        return None;
    }
    Some(
        Problem::new(
            Reason::ApproverIsGuest,
            format!("{:?} is a guest of the directory", user.display_name),
        )
        .at(field)
        .remedy(
            "name a member; where the guest is meant, write the userPrincipalName (with #EXT# in it), which says so",
        ),
    )
}

/// Whether a scope means people outside the directory.
#[must_use]
pub fn means_outside(scope: RequestorScope) -> bool {
    match scope {
        RequestorScope::AllExternalUsers
        | RequestorScope::AllConfiguredConnectedOrganizationUsers
        | RequestorScope::SpecificConnectedOrganizationUsers => true,
        RequestorScope::None
        | RequestorScope::SpecificDirectoryUsers
        | RequestorScope::SpecificDirectoryServicePrincipals
        | RequestorScope::AllMemberUsers
        | RequestorScope::AllDirectoryUsers
        | RequestorScope::AllDirectoryServicePrincipals
        | RequestorScope::AllDirectoryAgentIdentities => false,
    }
}

/// Another policy of the same package, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside<'a> {
    /// Its id.
    pub id: &'a PolicyId,
    /// Its name.
    pub display_name: &'a str,
    /// Whom it means.
    pub scope: &'a AllowedTargetScope,
    /// Whether anybody can ask for access by it.
    pub is_open: bool,
}

/// That Entra takes other policies of the package for some of those whom this one means, where it means all of a kind: a policy
/// that names people comes before one that means everybody. `own` is this policy in Entra.
#[must_use]
pub fn shadowed(spec: &AssignmentPolicySpec, own: Option<&str>, others: &[Beside<'_>]) -> Option<Problem> {
    let Requestors {
        scope, self_service, ..
    } = spec.requestors.as_ref()?;
    match scope {
        RequestorScope::AllMemberUsers | RequestorScope::AllDirectoryUsers => {}
        // Of others it is not documented.
        RequestorScope::AllConfiguredConnectedOrganizationUsers
        | RequestorScope::AllExternalUsers
        | RequestorScope::AllDirectoryServicePrincipals
        | RequestorScope::None
        | RequestorScope::SpecificDirectoryUsers
        | RequestorScope::SpecificDirectoryServicePrincipals
        | RequestorScope::SpecificConnectedOrganizationUsers
        | RequestorScope::AllDirectoryAgentIdentities => return None,
    }
    let specific = AllowedTargetScope::SpecificDirectoryUsers;
    let is_own = |other: &&Beside<'_>| own.is_some_and(|own| other.id.as_str().eq_ignore_ascii_case(own));
    let shadows = others
        .iter()
        .filter(|other| self_service.add && other.is_open && *other.scope == specific && !is_own(other));
    let mut names: Vec<String> = shadows.map(|other| format!("{:?}", other.display_name)).collect();
    names.sort(); // the service answers in any order
    let them = match names.as_slice() {
        [] => return None,
        [one] => format!("policy {one} of the same package names"),
        several => format!("policies {} of the same package name", several.join(", ")),
    };
    Some(
        Problem::new(
            Reason::PolicyShadowed,
            format!("{them} people whom this one means as well: Entra takes the more specific policy for them, and not this one"),
        )
        .at("spec.requestors.scope")
        .remedy("where that is meant, nothing; otherwise leave them out there, or give that policy the terms that are meant for them"),
    )
}

/// Under which it is remembered that the expiration was shortened, and that those who came in before may keep access longer.
pub const SHORTENED: &str = "expiration (shortened)";

/// How many of these assignments end later than anybody's does who comes in now.
#[must_use]
pub fn outliving<'a>(
    assignments: impl Iterator<Item = &'a Assignment>,
    expiration: &Expiration,
    now: Timestamp,
) -> usize {
    let live = assignments.filter(|assignment| assignment.state != AssignmentState::Expired);
    live.filter(|assignment| {
        let schedule = assignment.schedule.as_ref();
        schedule.is_some_and(|schedule| outlives(schedule, expiration, now))
    })
    .count()
}

fn outlives(schedule: &AssignmentSchedule, expiration: &Expiration, now: Timestamp) -> bool {
    let AssignmentSchedule { start, expiration: own } = schedule;
    let Some(own) = own else { return false };
    let time = |text: Option<&str>| text.and_then(|text| text.parse::<Timestamp>().ok());
    let after = |start: Timestamp, length: Option<&str>| {
        let length: Duration = length.and_then(|text| IsoDuration::new(text).as_duration())?;
        start.checked_add(length).ok()
    };
    // It may begin later than now.
    let start = time(start.as_deref()).unwrap_or(now).max(now);
    let latest = match expiration.kind {
        ExpirationKind::AfterDuration => after(start, expiration.duration.as_deref()),
        ExpirationKind::AfterDateTime => time(expiration.end.as_deref()),
        ExpirationKind::NoExpiration | ExpirationKind::NotSpecified | ExpirationKind::Unknown(_) => None,
    };
    let Some(latest) = latest else { return false };
    let end = match own.kind {
        ExpirationKind::NoExpiration => return true,
        ExpirationKind::AfterDateTime => time(own.end.as_deref()),
        ExpirationKind::AfterDuration => {
            let begun = time(schedule.start.as_deref()).unwrap_or(now); // without a start it has hardly begun
            time(own.end.as_deref()).or_else(|| after(begun, own.duration.as_deref()))
        }
        // Nothing certain is known of it.
        ExpirationKind::NotSpecified | ExpirationKind::Unknown(_) => time(own.end.as_deref()),
    };
    end.is_some_and(|end| end > latest)
}

/// That so many keep access longer than the policy gives it by now.
#[must_use]
pub fn outlived(number: usize) -> Option<Problem> {
    let keep = match number {
        0 => return None,
        1 => "1 live assignment ends".to_owned(),
        several => format!("{several} live assignments end"),
    };
    Some(
        Problem::new(
            Reason::AssignmentsOutlive,
            format!("{keep} later than this gives, since a shorter expiration does not reach back to those who came in before"),
        )
        .at("spec.expiration")
        .remedy("shorten or end them in Entra where they are not meant to stay; otherwise wait until they have run out"),
    )
}

/// That so many hold both packages of a pair that is incompatible: `others` are those that somebody holds beside this one.
#[must_use]
pub fn both_held(others: &[(String, usize)]) -> Option<Problem> {
    let held: Vec<String> = others
        .iter()
        .filter(|(_, people)| *people > 0)
        .map(|(reference, people)| {
            let hold = if *people == 1 { "person holds" } else { "people hold" };
            format!("{people} {hold} this package and {reference}")
        })
        .collect();
    if held.is_empty() {
        return None;
    }
    let what = format!(
        "{}, which they had before these were incompatible, or were given by hand",
        held.join(", ")
    );
    Some(
        Problem::new(Reason::BothHeld, what)
            .at("spec.incompatibleWith")
            .remedy("see who they are in Entra (Separation of duties of the package), and end one of the two for each"),
    )
}

/// Eligibility that a package hands out, by which people can become members or owners of a group for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eligible {
    /// The group.
    pub group: ObjectId,
    /// As what.
    pub access: GroupAccess,
}

/// The eligibility that a package hands out.
#[must_use]
pub fn eligible(package: &AccessPackage) -> Vec<Eligible> {
    let scopes = package
        .resource_role_scopes
        .known()
        .into_iter()
        .flat_map(|listed| &listed.elements);
    let groups = scopes.filter(|scope| scope.scope.origin_system == OriginSystem::AadGroup);
    groups
        .filter_map(|scope| {
            let access = match scope.role.origin_id.split_once('_')?.0 {
                "EligibleMember" => GroupAccess::Member,
                "EligibleOwner" => GroupAccess::Owner,
                _ => return None, // a member or an owner at once
            };
            Some(Eligible {
                group: scope.scope.origin_id.as_str().into(),
                access,
            })
        })
        .collect()
}

/// That people lose eligibility before the policies of the package end their assignments: each with the longest time that Privileged
/// Identity Management gives it.
#[must_use]
pub fn ends_first(
    eligible: &[(Eligible, Duration)],
    policies: &Read<Listed<AssignmentPolicy>>,
    now: Timestamp,
) -> Option<Problem> {
    let policies = policies.known().into_iter().flat_map(|listed| &listed.elements);
    let policies: Vec<&AssignmentPolicy> = policies.collect();
    let mut told: Vec<String> = Vec::new();
    for (Eligible { group, access }, longest) in eligible {
        let longer = policies
            .iter()
            .filter(|policy| lasts_longer(&policy.fields.expiration, *longest, now));
        let mut names: Vec<String> = longer
            .map(|policy| format!("{:?}", policy.fields.display_name))
            .collect();
        names.sort(); // the service answers in any order
        if !names.is_empty() {
            told.push(format!(
                "who is eligible as {access} of group {group} is so for {} days at most, and longer by {}",
                longest.as_secs() / 86_400,
                names.join(", ")
            ));
        }
    }
    if told.is_empty() {
        return None;
    }
    let what = format!(
        "{}: access ends before the assignment does, which Entra still shows",
        told.join("; ")
    );
    Some(
        Problem::new(Reason::EligibilityEndsFirst, what)
            .at("spec.resourceRoles")
            .remedy("shorten the expiration of these policies, or let the group's settings in Privileged Identity Management give eligibility for longer"),
    )
}

/// Whether somebody who comes in now stays for longer than this.
fn lasts_longer(expiration: &Expiration, longest: Duration, now: Timestamp) -> bool {
    match expiration.kind {
        ExpirationKind::NoExpiration => true,
        ExpirationKind::AfterDuration => {
            let length = expiration.duration.as_deref();
            let length = length.and_then(|text| IsoDuration::new(text).as_duration());
            length.is_some_and(|length| length > longest)
        }
        ExpirationKind::AfterDateTime => {
            let end = expiration
                .end
                .as_deref()
                .and_then(|text| text.parse::<Timestamp>().ok());
            let latest = now.checked_add(longest).ok();
            end.zip(latest).is_some_and(|(end, latest)| end > latest)
        }
        // Nothing certain is known of it.
        ExpirationKind::NotSpecified | ExpirationKind::Unknown(_) => false,
    }
}

/// Whether a policy is of those for which Entra asks that guests are billed to somebody: it may bring in people from outside, and
/// has sponsors who decide, workflow extensions, or a rule.
#[must_use]
pub fn bills_guests(body: &PolicyBody) -> bool {
    let may_be_guests = match body.allowed_target_scope {
        AllowedTargetScope::SpecificDirectoryUsers
        | AllowedTargetScope::SpecificConnectedOrganizationUsers
        | AllowedTargetScope::AllDirectoryUsers
        | AllowedTargetScope::AllConfiguredConnectedOrganizationUsers
        | AllowedTargetScope::AllExternalUsers
        | AllowedTargetScope::Unknown(_) => true,
        AllowedTargetScope::NotSpecified
        | AllowedTargetScope::SpecificDirectoryServicePrincipals
        | AllowedTargetScope::AllMemberUsers
        | AllowedTargetScope::AllDirectoryServicePrincipals
        | AllowedTargetScope::AllDirectoryAgentIdentities => false,
    };
    let stages = body.request_approval_settings.stages.iter();
    let mut approvers = stages.flat_map(|stage| stage.primary_approvers.iter().chain(&stage.escalation_approvers));
    let asks_sponsors = approvers.any(|approver| {
        matches!(
            approver,
            SubjectSet::InternalSponsors | SubjectSet::ExternalSponsors | SubjectSet::TargetUserSponsors
        )
    });
    let runs = !body.custom_extension_stage_settings.is_empty();
    may_be_guests && (asks_sponsors || runs || body.automatic_request_settings.is_some())
}

/// What Entra's refusal of such a policy means, by what it says of billing; no code for it is known.
#[must_use]
pub fn unbilled(body: &PolicyBody, refusal: &str) -> Option<Problem> {
    let words = refusal.to_lowercase();
    let speaks_of_billing = ["billing", "subscription", "billed"]
        .iter()
        .any(|word| words.contains(word));
    (bills_guests(body) && speaks_of_billing).then(|| {
        Problem::new(
            Reason::GuestBillingNotLinked,
            format!("Entra takes no policy that may bring in guests and has sponsors who approve, workflow extensions or a rule, as long as no Azure subscription is linked that guests are billed to: {refusal}"),
        )
        .remedy("link a subscription (ID Governance, Guest billing), or leave guests, sponsors and extensions out of this policy")
    })
}

/// The other policies of a package, where all of them were read.
#[must_use]
pub fn beside(policies: &Read<Listed<AssignmentPolicy>>) -> Vec<Beside<'_>> {
    let policies = policies.known().into_iter().flat_map(|listed| &listed.elements);
    policies
        .map(|policy| {
            let fields = &policy.fields;
            let settings = &fields.requestor_settings;
            Beside {
                id: &policy.id,
                display_name: &fields.display_name,
                scope: &fields.allowed_target_scope,
                is_open: settings.enable_targets_to_self_add_access
                    || settings.enable_on_behalf_requestors_to_add_access,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
