//! By what people came in who hold a package: a role that is added to it goes to all of them at once.
//!
//! | what is known of the policy that they came by | counts as |
//! |---|---|
//! | every way in that it has ever been | each of these ways |
//! | that it never was one | an administrator has assigned them |
//! | not every way: taken over, not managed here, gone, not to be read, not told | nobody has approved |

use std::collections::BTreeMap;

use super::{
    chosen::{Chosen, Named, Who},
    terms::{Consent, Door, Lasting, Terms},
    way::{Judged, Way},
};
use crate::{
    api::{ApproverKind, WaySoFar},
    graph::{AllowedTargetScope, Assignment, Listed},
};

/// Between two who are asked in one stage.
const BETWEEN: &str = ", ";
/// More of them are not remembered one by one.
const MOST: usize = 16;

/// What is known of the policy that somebody came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameBy {
    /// It was these ways in, since there is such a policy.
    Ways(Vec<WaySoFar>),
    /// Not all of them are known, for this reason.
    Unknown(&'static str),
}

/// Remembers what a policy lets people do now among all that it has let them do.
pub fn remember(so_far: &mut Vec<WaySoFar>, terms: &Terms) {
    for way in ways(terms) {
        if !so_far.contains(&way) {
            so_far.push(way);
        }
    }
    so_far.sort();
    if so_far.len() > MOST {
        *so_far = vec![unclear(Door::SelfAdd)];
    }
}

/// The ways in that such a policy is, each by which people come in; who stays longer has come in before.
#[must_use]
pub fn ways(terms: &Terms) -> Vec<WaySoFar> {
    let doors = terms.doors.iter().filter(|door| door.lets_in());
    doors.map(|door| way(*door, terms)).collect()
}

fn way(door: Door, terms: &Terms) -> WaySoFar {
    let stages = match &terms.add {
        Consent::Asked(stages) => Some(stages),
        Consent::NotAsked => None,
        Consent::Unknown(_) => return unclear(door),
    };
    let lasts = match &terms.lasting {
        Lasting::Never => "never ends".to_owned(),
        Lasting::WhileMatching => "while the rule matches".to_owned(),
        Lasting::Until(end) => format!("until {end}"),
        Lasting::For(length) => format!("for {} s", length.as_secs()),
        Lasting::Unknown(_) => return unclear(door),
    };
    if !terms.unknown.is_empty() {
        return unclear(door);
    }
    WaySoFar {
        by: name(door).to_owned(),
        scope: terms.scope.to_string(),
        targets: words(&terms.targets),
        approved: stages.is_some(),
        approvers: stages
            .into_iter()
            .flatten()
            .map(|stage| words(stage).join(BETWEEN))
            .collect(),
        lasts,
    }
}

/// One of which no more can be told.
fn unclear(door: Door) -> WaySoFar {
    WaySoFar {
        by: name(door).to_owned(),
        scope: String::new(),
        targets: Vec::new(),
        approved: false,
        approvers: Vec::new(),
        lasts: String::new(),
    }
}

fn name(door: Door) -> &'static str {
    match door {
        Door::SelfAdd | Door::SelfUpdate => "Request",
        Door::OnBehalfAdd | Door::OnBehalfUpdate => "RequestOfOthers",
        Door::ByRule => "Rule",
    }
}

fn words(chosen: &[Chosen]) -> Vec<String> {
    let mut words: Vec<String> = chosen.iter().map(|chosen| chosen.who.to_string()).collect();
    // The service lists them in no order.
    words.sort();
    words.dedup();
    words
}

/// One of them, as remembered. Whoever is not told by an id is somebody of whom no limit speaks.
fn someone(words: &str) -> Chosen {
    let kind = ApproverKind::ALL.into_iter().find(|kind| format!("{kind:?}") == words);
    let who = match (words.strip_prefix("user "), words.strip_prefix("group "), kind) {
        (Some(id), _, _) => Who::User(Named::Id(id.to_owned())),
        (None, Some(id), _) => Who::Group(Named::Id(id.to_owned())),
        (None, None, Some(kind)) => Who::Kind(kind),
        (None, None, None) => Who::Other(words.to_owned()),
    };
    Chosen { field: None, who }
}

/// What was remembered, as it is judged; `None` where it cannot be read.
fn terms(way: &WaySoFar) -> Option<Terms> {
    let WaySoFar {
        by,
        scope,
        targets,
        approved,
        approvers,
        lasts,
    } = way;
    let door = [Door::SelfAdd, Door::OnBehalfAdd, Door::ByRule]
        .into_iter()
        .find(|door| name(*door) == by)?;
    let seconds = |text: &str| text.strip_suffix(" s")?.parse().ok();
    let lasting = match lasts.as_str() {
        "never ends" => Lasting::Never,
        "while the rule matches" => Lasting::WhileMatching,
        other => match (other.strip_prefix("until "), other.strip_prefix("for ")) {
            (Some(end), _) => Lasting::Until(end.parse().ok()?),
            (None, length) => Lasting::For(std::time::Duration::from_secs(length.and_then(seconds)?)),
        },
    };
    let people = |texts: &mut dyn Iterator<Item = &str>| texts.map(someone).collect::<Vec<Chosen>>();
    let stage = |line: &String| people(&mut line.split(BETWEEN));
    let consent = if *approved {
        Consent::Asked(approvers.iter().map(stage).collect())
    } else {
        Consent::NotAsked
    };
    Some(Terms {
        doors: vec![door],
        scope: AllowedTargetScope::from(scope.as_str()),
        targets: people(&mut targets.iter().map(String::as_str)),
        on_behalf: Vec::new(), // who asked for them has no say in what they get more
        questions: None,
        add: consent.clone(),
        update: consent,
        lasting,
        unknown: Vec::new(),
        wishes: None,
    })
}

/// For all that is known nobody has approved those who came in.
fn unapproved() -> Terms {
    Terms {
        doors: vec![Door::SelfAdd],
        scope: AllowedTargetScope::NotSpecified,
        targets: Vec::new(),
        on_behalf: Vec::new(),
        questions: None,
        add: Consent::NotAsked,
        update: Consent::NotAsked,
        lasting: Lasting::For(std::time::Duration::ZERO),
        unknown: Vec::new(),
        wishes: None,
    }
}

/// The ways by which those came in who hold the package; `came_by` tells what is known of a policy, by its id.
#[must_use]
pub fn of_holders(holders: &Listed<Assignment>, came_by: impl Fn(&str) -> (String, CameBy)) -> Vec<Way> {
    let mut people: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for assignment in &holders.elements {
        let policy = assignment.policy.as_ref().map(|policy| policy.as_str().to_lowercase());
        *people.entry(policy).or_default() += 1;
    }
    if !holders.unreadable.is_empty() {
        *people.entry(None).or_default() += holders.unreadable.len();
    }
    let mut ways = Vec::new();
    for (policy, count) in people {
        let whom = if count == 1 {
            "1 person holds".to_owned()
        } else {
            format!("{count} people hold")
        };
        let way = |words: &str, terms| Way {
            who: Some(format!("{whom} the package by {words}")),
            terms,
        };
        let unknown = |words: &str, why: &str| way(&format!("{words} ({why})"), Judged::Terms(unapproved()));
        let Some(policy) = policy else {
            ways.push(unknown("a policy", "Entra does not tell which"));
            continue;
        };
        let (words, came_by) = came_by(&policy);
        match came_by {
            CameBy::Unknown(why) => ways.push(unknown(&words, why)),
            CameBy::Ways(so_far) => ways.extend(so_far.iter().map(|one| match terms(one) {
                Some(terms) => way(
                    &format!("{words}, which let people in like this at some time"),
                    Judged::Terms(terms),
                ),
                None => unknown(&words, "what all it has let people do cannot be told"),
            })),
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(approval: &serde_json::Value, scope: &str) -> Terms {
        let spec = serde_json::from_value(json!({
            "accessPackageRef": {"name": "a"}, "displayName": "A",
            "requestors": {"scope": scope, "selfService": {"add": scope != "None", "update": true}},
            "approval": approval, "expiration": {"afterDuration": "P90D"},
        }));
        Terms::of_spec(&spec.unwrap(), &[]).unwrap()
    }

    fn asked() -> serde_json::Value {
        json!({"stages": [{"approvers": [{"user": {"id": "u"}}]}]})
    }

    fn holders(policies: &[Option<&str>]) -> Listed<Assignment> {
        let one = |policy: &Option<&str>| {
            let mut assignment = json!({"id": "a", "state": "delivered"});
            if let Some(policy) = policy {
                assignment["assignmentPolicy"] = json!({"id": policy});
            }
            serde_json::from_value(assignment).unwrap()
        };
        Listed {
            elements: policies.iter().map(one).collect(),
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn a_policy_that_got_an_approver_is_remembered_as_what_it_was_before() {
        let mut so_far = Vec::new();
        remember(&mut so_far, &policy(&json!({"notRequired": {}}), "AllMemberUsers"));
        remember(&mut so_far, &policy(&asked(), "AllMemberUsers"));
        remember(&mut so_far, &policy(&asked(), "AllMemberUsers"));
        let approved: Vec<bool> = so_far.iter().map(|way| way.approved).collect();
        assert_eq!(approved, [false, true]);
        let ways = of_holders(&holders(&[Some("P"), Some("p")]), |id| {
            assert_eq!(id, "p");
            ("policy \"A\"".into(), CameBy::Ways(so_far.clone()))
        });
        let told: Vec<(String, Judged)> = ways.into_iter().map(|way| (way.who.unwrap(), way.terms)).collect();
        assert_eq!(told.len(), 2);
        assert!(
            told[0].0.starts_with("2 people hold the package by policy \"A\""),
            "{told:?}"
        );
        let consents: Vec<Consent> = told
            .iter()
            .filter_map(|(_, judged)| match judged {
                Judged::Terms(terms) => Some(terms.add.clone()),
                Judged::Unjudgeable(_) => None,
            })
            .collect();
        assert_eq!(consents.first(), Some(&Consent::NotAsked));
        assert!(matches!(&consents[1], Consent::Asked(stages) if stages[0][0].who == Who::User(Named::Id("u".into()))));
    }

    #[test]
    fn what_is_remembered_is_read_back_as_it_was() {
        let spec = |expiration: serde_json::Value| {
            let mut terms = policy(&asked(), "AllDirectoryUsers");
            terms.lasting = match expiration.as_str() {
                None => Lasting::Never,
                Some("rule") => Lasting::WhileMatching,
                Some(end) => Lasting::Until(end.parse().unwrap()),
            };
            terms
        };
        let all = [
            policy(&asked(), "AllDirectoryUsers"),
            spec(json!(null)),
            spec(json!("rule")),
            spec(json!("2030-01-01T00:00:00Z")),
        ];
        for before in all {
            let [way] = ways(&before).try_into().unwrap();
            let after = terms(&way).unwrap();
            assert_eq!((after.scope, after.lasting), (before.scope, before.lasting));
            assert!(
                matches!((&after.add, &before.add), (Consent::Asked(one), Consent::Asked(other))
                if one[0][0].who == other[0][0].who)
            );
        }
    }

    #[test]
    fn who_came_by_what_nobody_knows_was_approved_by_nobody() {
        for (holders, came_by) in [
            (holders(&[Some("p")]), CameBy::Unknown("it is gone")),
            (holders(&[None]), CameBy::Ways(Vec::new())),
            (holders(&[Some("p")]), CameBy::Ways(vec![unclear(Door::SelfAdd)])),
        ] {
            let ways = of_holders(&holders, |_| ("policy p".into(), came_by.clone()));
            let [way] = ways.as_slice() else {
                panic!("{ways:?}");
            };
            assert_eq!(way.terms, Judged::Terms(unapproved()));
        }
        // By a policy that never let anybody in an administrator has assigned people.
        let assigned = of_holders(&holders(&[Some("p")]), |_| {
            ("policy p".into(), CameBy::Ways(Vec::new()))
        });
        assert_eq!(assigned, []);
    }

    #[test]
    fn a_policy_that_was_more_than_can_be_remembered_is_one_of_which_nothing_is_known() {
        let mut so_far = Vec::new();
        for hours in 1..=20 {
            let mut terms = policy(&asked(), "AllMemberUsers");
            terms.lasting = Lasting::For(std::time::Duration::from_secs(hours * 3_600));
            remember(&mut so_far, &terms);
        }
        assert!(so_far.iter().any(|way| terms(way).is_none()), "{so_far:?}");
        // Nor is it forgotten by what comes later.
        remember(&mut so_far, &policy(&asked(), "AllMemberUsers"));
        assert!(so_far.iter().any(|way| terms(way).is_none()), "{so_far:?}");
    }
}
