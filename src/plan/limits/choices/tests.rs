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

#[test]
fn what_the_rules_of_the_definitions_refuse_is_refused_without_them() {
    let cases = [
        ("/displayName", json!("  \t"), "spec.displayName: it is empty"),
        (
            "/approval/stages/0",
            json!({"approvers": [{"requestorManager": {"level": 1}}]}),
            "spec.approval.stages[0].fallbackApprovers: only managers, sponsors or owners",
        ),
        (
            "/approval/stages/0",
            json!({"approvers": [{"internalSponsors": {}}, {"externalSponsors": {}}]}),
            "spec.approval.stages[0].fallbackApprovers: only managers, sponsors or owners",
        ),
        (
            "/approval/stages/0/escalation/approvers",
            json!([{"requestorManager": {"level": 2}}]),
            "spec.approval.stages[0].escalation.fallbackApprovers: only managers",
        ),
        (
            "/approval/stages/0/approvers/0",
            json!({"requestorManager": {"level": 0}}),
            "spec.approval.stages[0].approvers[0].requestorManager.level: 0 is nobody",
        ),
        (
            "/approval/stages/0/escalation/approvers/0",
            json!({"requestorManager": {"level": 9}}),
            "spec.approval.stages[0].escalation.approvers[0].requestorManager.level: 9 is nobody",
        ),
        (
            "/approval/stages/0",
            json!({"approvers": [{"user": {"id": "u"}}], "decisionTimeout": "P0D"}),
            "spec.approval.stages[0].decisionTimeout: P0D is not one to fourteen days",
        ),
        (
            "/approval/stages/0",
            json!({"approvers": [{"user": {"id": "u"}}], "decisionTimeout": "P15D"}),
            "spec.approval.stages[0].decisionTimeout: P15D is not",
        ),
        (
            "/approval/stages/0/escalation/after",
            json!("P14D"),
            "spec.approval.stages[0].escalation.after: P14D is not one day or more and less than",
        ),
        (
            "/approval/stages/0/escalation/after",
            json!("P0D"),
            "spec.approval.stages[0].escalation.after: P0D is not",
        ),
        (
            "/expiration/afterDuration",
            json!("P0D"),
            "spec.expiration.afterDuration: P0D is no duration",
        ),
        (
            "/expiration/afterDuration",
            json!("PT30M"),
            "spec.expiration.afterDuration: PT30M is no duration",
        ),
    ];
    let more = [
        (
            "/approval/stages/0/approvers/0",
            json!({"targetManager": {"level": 5}}),
            "spec.approval.stages[0].approvers[0].targetManager.level: 5 is nobody",
        ),
        (
            "/approval/stages/0",
            json!({"approvers": [{"targetApplicationOwners": {}}]}),
            "spec.approval.stages[0].fallbackApprovers: only managers, sponsors or owners",
        ),
        (
            "/approval/stages/0/approvers/0",
            json!({"targetUserSponsors": {}, "targetAgentIdentitySponsorsOrOwners": {}}),
            "spec.approval.stages[0].approvers[0]: targetUserSponsors and targetAgentIdentitySponsorsOrOwners exclude",
        ),
        (
            "/requestors",
            json!({"scope": "AllMemberUsers", "onBehalf": {"add": true, "requestors": []}}),
            "spec.requestors.onBehalf.requestors: it is required",
        ),
        (
            "/requestors",
            json!({"scope": "AllMemberUsers", "onBehalf": {"requestors": [{"targetManager": {"level": 0}}]}}),
            "spec.requestors.onBehalf.requestors[0].targetManager.level: 0 is nobody",
        ),
        (
            "/requestors",
            json!({"scope": "None", "onBehalf": {"add": true, "requestors": [{"user": {"id": "u"}}]}}),
            "spec.requestors.onBehalf: scope None means",
        ),
    ];
    for (pointer, value, said) in cases.into_iter().chain(more) {
        let refused = well_formed(&policy(pointer, value)).unwrap_err();
        assert_eq!(refused.reason, Reason::InvalidSpec);
        assert!(refused.message().starts_with(said), "{}", refused.message());
    }
    for id in [
        "NOT-A-GUID/../catalogs",
        "%2e%2e/assignmentPolicies",
        "",
        "56ff43fd6b05-48df-9634-956a-777fce6d",
    ] {
        let refused = named(Some("P"), Some(id)).unwrap_err();
        assert!(refused.message().starts_with("spec.id: "), "{}", refused.message());
    }
    assert_eq!(named(None, Some("56FF43fd-6b05-48df-9634-956a777fce6d")), Ok(()));
}

fn with(changes: Value) -> AssignmentPolicySpec {
    let mut spec = serde_json::to_value(policy("/displayName", json!("P"))).unwrap();
    spec.as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

#[test]
fn a_review_says_how_often_who_decides_and_what_becomes_of_the_rest() {
    let whole = json!({"every": "Quarterly", "reviewers": [{"user": {"id": "u"}}], "ifNoDecision": "RemoveAccess"});
    assert_eq!(well_formed(&with(json!({"review": whole}))), Ok(()));
    for (field, value, said) in [
        ("every", Value::Null, "spec.review.every: it is required"),
        ("ifNoDecision", Value::Null, "spec.review.ifNoDecision: it is required"),
        (
            "startsOn",
            json!("2027-02-30"),
            "spec.review.startsOn: \"2027-02-30\" is no day",
        ),
        ("lasts", json!("P0D"), "spec.review.lasts: P0D is not one day or more"),
        (
            "lasts",
            json!("P90D"),
            "spec.review.lasts: P90D is not one day or more and less than",
        ),
        ("reviewers", json!([]), "spec.review.reviewers: it is required"),
        (
            "reviewers",
            json!([{}]),
            "spec.review.reviewers[0]: exactly one of user, group, targetManager",
        ),
        (
            "selfReview",
            json!(true),
            "spec.review.reviewers: selfReview and reviewers exclude",
        ),
        (
            "reviewers",
            json!([{"targetManager": {"level": 2}}]),
            "spec.review.fallbackReviewers: only managers decide here",
        ),
        (
            "fallbackReviewers",
            json!([{}]),
            "spec.review.fallbackReviewers[0]: exactly one of user, group",
        ),
    ] {
        let mut review = whole.clone();
        review[field] = value;
        let refused = well_formed(&with(json!({"review": review}))).unwrap_err();
        assert!(refused.message().starts_with(said), "{}", refused.message());
    }
}

#[test]
fn a_rule_is_the_only_way_in_of_its_policy() {
    let alone =
        json!({"accessPackageRef": {"name": "p"}, "displayName": "P", "automatic": {"rule": "(user.city -eq \"X\")"}});
    let spec = |changes: Value| -> AssignmentPolicySpec {
        let mut spec = alone.clone();
        spec.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    };
    assert_eq!(well_formed(&spec(json!({}))), Ok(()));
    for (changes, said) in [
        (
            json!({"requestors": {"scope": "AllMemberUsers"}}),
            "spec.requestors: a rule assigns here",
        ),
        (
            json!({"approval": {"notRequired": {}}}),
            "spec.approval: a rule assigns here",
        ),
        (
            json!({"expiration": {"never": {}}}),
            "spec.expiration: access by a rule ends",
        ),
        (
            json!({"automatic": {"rule": " "}}),
            "spec.automatic.rule: it is required",
        ),
        (
            json!({"automatic": {"rule": "r", "gracePeriod": "P1M"}}),
            "spec.automatic.gracePeriod: P1M is no duration",
        ),
    ] {
        let refused = well_formed(&spec(changes)).unwrap_err();
        assert!(refused.message().starts_with(said), "{}", refused.message());
    }
}

#[test]
fn two_texts_in_one_language_are_invalid_wherever_they_stand() {
    let twice = json!([{"language": "de", "text": "Wozu?"}, {"language": "DE", "text": "Warum?"}]);
    let of_the_question = json!([{"name": "a", "prompt": "Why?", "text": {}, "localizations": twice}]);
    let choices = json!([{"value": "a"}, {"value": "b", "localizations": twice}]);
    let of_a_choice = json!([{"name": "a", "prompt": "Why?", "choice": {"choices": choices}}]);
    for (questions, field) in [
        (of_the_question, "spec.questions[0].localizations[1].language"),
        (
            of_a_choice,
            "spec.questions[0].choice.choices[1].localizations[1].language",
        ),
    ] {
        let mut spec = policy("/displayName", json!("P"));
        spec.questions = serde_json::from_value(questions).unwrap();
        let problem = well_formed(&spec).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some(field));
        assert!(problem.message().contains("twice"), "{}", problem.message());
    }
}
