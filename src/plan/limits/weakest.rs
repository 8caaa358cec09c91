//! The easiest way into a package, over all its policies in Entra, whoever made them; and whether somebody can pick one that is
//! easier than another means.

use super::terms::{Consent, Door, Lasting, Terms, scope_name};
use crate::{
    api::{Reason, WeakestWayIn},
    graph::{AllowedTargetScope, AssignmentPolicy, Listed, SubjectSet},
    plan::Problem,
};

/// One way in, as it is compared.
#[derive(Clone, Debug)]
struct WayIn<'a> {
    policy: &'a AssignmentPolicy,
    terms: Terms,
    /// How many approve, one after the other.
    approvals: usize,
}

impl<'a> WayIn<'a> {
    /// None where nobody comes in by it.
    fn of(policy: &'a AssignmentPolicy) -> Option<Self> {
        let terms = Terms::of_entra(&policy.fields);
        let is_open = terms.doors.iter().any(|door| door.lets_in()) && terms.scope != AllowedTargetScope::NotSpecified;
        let approvals = match terms.add {
            Consent::Asked(_) if !terms.doors.contains(&Door::ByRule) => {
                policy.fields.request_approval_settings.stages.len()
            }
            // Of whom nobody can tell whether somebody approves them, nobody may have.
            Consent::Asked(_) | Consent::NotAsked | Consent::Unknown(_) => 0,
        };
        is_open.then_some(Self {
            policy,
            terms,
            approvals,
        })
    }

    fn is_requested(&self) -> bool {
        self.terms.doors.contains(&Door::SelfAdd)
    }

    /// Easier ways come first: fewer approve, more may ask, it lasts longer.
    fn ease(&self) -> (usize, u8, u64, &str) {
        let lasts = match &self.terms.lasting {
            Lasting::Never | Lasting::Unknown(_) => 0,
            Lasting::WhileMatching => 1,
            Lasting::Until(_) => 2,
            Lasting::For(length) => u64::MAX - length.as_secs(),
        };
        (
            self.approvals,
            breadth(&self.terms.scope),
            lasts,
            self.policy.id.as_str(),
        )
    }

    fn summary(&self) -> String {
        let by_rule = self.terms.doors.contains(&Door::ByRule);
        let asked = match (by_rule, &self.terms.add, self.approvals) {
            (true, _, _) => "by a rule, no approval".to_owned(),
            (false, Consent::Unknown(_), _) => "approval unknown".to_owned(),
            (false, Consent::Asked(_) | Consent::NotAsked, 0) => "no approval".to_owned(),
            (false, Consent::Asked(_) | Consent::NotAsked, 1) => "1 approval".to_owned(),
            (false, Consent::Asked(_) | Consent::NotAsked, count) => format!("{count} approvals"),
        };
        let lasts = match &self.terms.lasting {
            Lasting::Never => "for ever".to_owned(),
            Lasting::WhileMatching => "while it matches".to_owned(),
            Lasting::Until(end) => format!("until {end}"),
            Lasting::For(length) if length.as_secs() % 86_400 == 0 => format!("for P{}D", length.as_secs() / 86_400),
            Lasting::For(length) => format!("for PT{}H", length.as_secs() / 3_600),
            Lasting::Unknown(_) => "for an unknown time".to_owned(),
        };
        format!("{}, {asked}, {lasts}", scope_name(&self.terms.scope))
    }
}

/// How many may ask: the most first.
fn breadth(scope: &AllowedTargetScope) -> u8 {
    match scope {
        AllowedTargetScope::Unknown(_) => 0,
        AllowedTargetScope::AllExternalUsers => 1,
        AllowedTargetScope::AllConfiguredConnectedOrganizationUsers => 2,
        AllowedTargetScope::SpecificConnectedOrganizationUsers => 3,
        AllowedTargetScope::AllDirectoryUsers => 4,
        AllowedTargetScope::AllMemberUsers => 5,
        AllowedTargetScope::AllDirectoryServicePrincipals | AllowedTargetScope::AllDirectoryAgentIdentities => 6,
        AllowedTargetScope::SpecificDirectoryUsers | AllowedTargetScope::SpecificDirectoryServicePrincipals => 7,
        AllowedTargetScope::NotSpecified => 8,
    }
}

/// The easiest way in: one that cannot be read may be it. `None` where nobody comes in.
#[must_use]
pub fn weakest_way_in(policies: &Listed<AssignmentPolicy>) -> Option<WeakestWayIn> {
    if let Some(unreadable) = policies.unreadable.first() {
        return Some(WeakestWayIn {
            summary: "unknown: a policy cannot be read".to_owned(),
            policy_id: unreadable.id.clone().unwrap_or_default(), // not even that is told
            display_name: unreadable.display_name.clone().unwrap_or_default(), // nor that
        });
    }
    let ways = policies.elements.iter().filter_map(WayIn::of);
    let easiest = ways.min_by(|one, other| one.ease().cmp(&other.ease()))?;
    Some(WeakestWayIn {
        summary: easiest.summary(),
        policy_id: easiest.policy.id.to_string(),
        display_name: easiest.policy.fields.display_name.clone(),
    })
}

/// That somebody whom a policy of ours asks to be approved can pick another by which fewer approve; `is_ours` knows policies
/// by their ids.
#[must_use]
pub fn easier_way(policies: &Listed<AssignmentPolicy>, is_ours: impl Fn(&str) -> bool) -> Option<Problem> {
    let mut ways: Vec<WayIn<'_>> = policies.elements.iter().filter_map(WayIn::of).collect();
    ways.retain(WayIn::is_requested);
    // The service keeps no order.
    ways.sort_by(|one, other| one.ease().cmp(&other.ease()));
    let strict = |easy: &WayIn<'_>| {
        let harder = ways.iter().filter(|hard| hard.approvals > easy.approvals);
        let mut ours = harder.filter(|hard| is_ours(hard.policy.id.as_str()));
        ours.find(|hard| may_meet(hard, easy)).cloned()
    };
    let (easy, hard) = ways.iter().find_map(|easy| Some((easy, strict(easy)?)))?;
    let whose = if is_ours(easy.policy.id.as_str()) {
        ""
    } else {
        ", not managed here"
    };
    let what = format!(
        "policy {:?} means {}, and whom both mean can pick policy {:?} ({}{whose}) instead: {}",
        hard.policy.fields.display_name,
        hard.summary(),
        easy.policy.fields.display_name,
        easy.policy.id,
        easy.summary(),
    );
    Some(Problem::new(Reason::WeakestWayIn, what).remedy("close the easier policy, or ask for approval there as well"))
}

/// Whether both mean somebody, as far as that is told without asking who is in which group.
fn may_meet(one: &WayIn<'_>, other: &WayIn<'_>) -> bool {
    use AllowedTargetScope as Scope;
    let both = (&one.terms.scope, &other.terms.scope);
    match both {
        (Scope::NotSpecified, _) | (_, Scope::NotSpecified) => false,
        // Nobody can tell whom it means.
        (Scope::Unknown(_), _) | (_, Scope::Unknown(_)) => true,
        (Scope::SpecificDirectoryUsers, Scope::SpecificDirectoryUsers)
        | (Scope::SpecificDirectoryServicePrincipals, Scope::SpecificDirectoryServicePrincipals)
        | (Scope::SpecificConnectedOrganizationUsers, Scope::SpecificConnectedOrganizationUsers) => {
            targets(one).iter().any(|target| targets(other).contains(target))
        }
        (one, other) => crowd(one) == crowd(other),
    }
}

fn targets<'a>(way: &WayIn<'a>) -> &'a [SubjectSet] {
    &way.policy.fields.specific_allowed_targets
}

/// Who is not in one is in none of the others.
#[derive(PartialEq, Eq)]
enum Crowd {
    Directory,
    Outside,
    Programs,
    Agents,
    Nobody,
}

fn crowd(scope: &AllowedTargetScope) -> Crowd {
    match scope {
        AllowedTargetScope::SpecificDirectoryUsers
        | AllowedTargetScope::AllMemberUsers
        | AllowedTargetScope::AllDirectoryUsers => Crowd::Directory,
        AllowedTargetScope::SpecificConnectedOrganizationUsers
        | AllowedTargetScope::AllConfiguredConnectedOrganizationUsers
        | AllowedTargetScope::AllExternalUsers => Crowd::Outside,
        AllowedTargetScope::SpecificDirectoryServicePrincipals | AllowedTargetScope::AllDirectoryServicePrincipals => {
            Crowd::Programs
        }
        AllowedTargetScope::AllDirectoryAgentIdentities => Crowd::Agents,
        AllowedTargetScope::NotSpecified | AllowedTargetScope::Unknown(_) => Crowd::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(id: &str, scope: &str, targets: &Value, stages: usize) -> AssignmentPolicy {
        let stage = json!({"durationBeforeAutomaticDenial": "P14D", "primaryApprovers": [
            {"@odata.type": "#microsoft.graph.singleUser", "userId": "u"}]});
        serde_json::from_value(json!({
            "id": id, "displayName": id.to_uppercase(), "allowedTargetScope": scope, "specificAllowedTargets": targets,
            "expiration": {"type": "afterDuration", "duration": "P90D"},
            "requestorSettings": {"enableTargetsToSelfAddAccess": true},
            "requestApprovalSettings": {"isApprovalRequiredForAdd": stages > 0, "stages": vec![stage; stages]},
        }))
        .unwrap()
    }

    fn group(id: &str) -> Value {
        json!([{"@odata.type": "#microsoft.graph.groupMembers", "groupId": id}])
    }

    fn all(elements: Vec<AssignmentPolicy>) -> Listed<AssignmentPolicy> {
        Listed {
            elements,
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn the_easiest_way_in_is_the_one_by_which_the_fewest_approve_and_the_most_may_ask() {
        let none = json!([]);
        let policies = all(vec![
            policy("two", "allMemberUsers", &none, 2),
            policy("narrow", "specificDirectoryUsers", &group("g"), 0),
            policy("wide", "allMemberUsers", &none, 0),
            policy("one", "allExternalUsers", &none, 1),
        ]);
        let weakest = weakest_way_in(&policies).unwrap();
        assert_eq!(
            (weakest.policy_id.as_str(), weakest.display_name.as_str()),
            ("wide", "WIDE")
        );
        assert_eq!(weakest.summary, "AllMemberUsers, no approval, for P90D");
        let shut = policy("none", "notSpecified", &none, 0);
        assert_eq!(weakest_way_in(&all(vec![shut])), None);
        let unreadable: Listed<AssignmentPolicy> = Listed {
            elements: Vec::new(),
            unreadable: vec![crate::graph::Unreadable {
                id: None,
                display_name: None,
                why: "it is newer".into(),
            }],
        };
        assert!(weakest_way_in(&unreadable).unwrap().summary.starts_with("unknown"));
    }

    #[test]
    fn who_is_to_be_approved_and_can_pick_another_policy_without_is_told() {
        let none = json!([]);
        let members = || policy("members", "allMemberUsers", &none, 1);
        for (other, is_told) in [
            (policy("open", "allMemberUsers", &none, 0), true),
            (policy("open", "specificDirectoryUsers", &group("g"), 0), true),
            (policy("open", "allExternalUsers", &none, 0), false),
            (policy("open", "notSpecified", &none, 0), false),
            (policy("open", "allMemberUsers", &none, 1), false),
            (policy("open", "allMemberUsers", &none, 2), false),
        ] {
            let told = easier_way(&all(vec![members(), other.clone()]), |id| id == "members");
            assert_eq!(told.is_some(), is_told, "{other:?}");
        }
        let open = || policy("open", "allMemberUsers", &none, 0);
        let told = easier_way(&all(vec![open(), members()]), |id| id == "members").unwrap();
        assert_eq!(
            told.message(),
            "policy \"MEMBERS\" means AllMemberUsers, 1 approval, for P90D, and whom both mean can pick policy \"OPEN\" (open, not managed here) instead: AllMemberUsers, no approval, for P90D; close the easier policy, or ask for approval there as well"
        );
        // What others mean is theirs to know.
        assert_eq!(easier_way(&all(vec![open(), members()]), |_| false), None);
    }

    #[test]
    fn policies_for_different_groups_are_no_choice_and_for_the_same_group_they_are() {
        let pair = |other: &str| {
            let strict = policy("strict", "specificDirectoryUsers", &group("g"), 1);
            let open = policy("open", "specificDirectoryUsers", &group(other), 0);
            easier_way(&all(vec![strict, open]), |_| true).is_some()
        };
        assert!(pair("g"));
        assert!(!pair("h"));
    }
}
