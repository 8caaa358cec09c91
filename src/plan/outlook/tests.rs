use serde_json::json;

use super::*;

fn spec(rest: serde_json::Value) -> AssignmentPolicySpec {
    let mut spec = json!({
        "accessPackageRef": {"name": "a"},
        "displayName": "A",
        "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
        "approval": {"notRequired": {}},
        "expiration": {"afterDuration": "P30D"},
    });
    for (name, value) in rest.as_object().unwrap() {
        spec[name] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn user(is_guest: bool, is_disabled: bool) -> DirectoryObject {
    DirectoryObject {
        is_guest,
        is_disabled,
        ..DirectoryObject::new("u", "Gil")
    }
}

fn decider(who: Who) -> Decider {
    Decider { field: "f".into(), who }
}

#[test]
fn whoever_cannot_decide_is_told_and_what_is_unknown_is_not() {
    let spec = spec(json!({}));
    let of = |who: Who, standing: Standing| decides(&decider(who), &standing, &spec).map(|problem| problem.message());
    let (person, group) = (|| Who::User("u".into()), || Who::Group("g".into()));
    assert_eq!(of(person(), Standing::Unknown), None);
    assert_eq!(of(group(), Standing::Unknown), None);
    assert_eq!(of(person(), Standing::User(user(false, false))), None);
    assert_eq!(of(group(), Standing::Group { has_members: true }), None);
    for (who, standing, said) in [
        (
            person(),
            Standing::Gone,
            "f: nobody of this id exists any more, and who",
        ),
        (
            group(),
            Standing::Gone,
            "f: no group of this id exists any more, and who",
        ),
        (
            person(),
            Standing::User(user(false, true)),
            "f: the account is disabled, and who",
        ),
        (
            group(),
            Standing::Group { has_members: false },
            "f: the group has no members, and who",
        ),
    ] {
        let told = of(who, standing).unwrap();
        assert!(told.starts_with(said), "{told}");
    }
}

#[test]
fn a_guest_decides_where_members_are_meant_unless_named_as_one() {
    let by_id = DirectoryKey::User(UserKey::Id("u".into()));
    let by_name = |name: &str| DirectoryKey::User(UserKey::UserPrincipalName(name.into()));
    let inside = spec(json!({}));
    let outside = spec(json!({"requestors": {"scope": "AllExternalUsers"}}));
    let told = |key: &DirectoryKey, user: &DirectoryObject, spec: &AssignmentPolicySpec| {
        guest("f", key, user, spec).map(|problem| problem.reason)
    };
    assert_eq!(told(&by_id, &user(true, false), &inside), Some(Reason::ApproverIsGuest));
    assert_eq!(told(&by_id, &user(false, false), &inside), None);
    assert_eq!(told(&by_id, &user(true, false), &outside), None);
    assert_eq!(
        told(&by_name("gil_f.com#ext#@c.com"), &user(true, false), &inside),
        None
    );
    assert!(told(&by_name("gil@c.com"), &user(true, false), &inside).is_some());
}

#[test]
fn a_policy_for_everybody_is_shadowed_by_open_ones_that_name_people() {
    let (own, other, scope) = (
        PolicyId::from("own"),
        PolicyId::from("o"),
        AllowedTargetScope::SpecificDirectoryUsers,
    );
    let one = |id, is_open, scope| Beside {
        id,
        display_name: "Managers",
        scope,
        is_open,
    };
    let everybody = spec(json!({}));
    let shadows = |spec: &AssignmentPolicySpec, beside: Beside<'_>| shadowed(spec, Some("OWN"), &[beside]).is_some();
    assert!(shadows(&everybody, one(&other, true, &scope)));
    assert!(!shadows(&everybody, one(&own, true, &scope)), "it is itself");
    assert!(!shadows(&everybody, one(&other, false, &scope)), "nobody can ask by it");
    assert!(!shadows(
        &everybody,
        one(&other, true, &AllowedTargetScope::AllMemberUsers)
    ));
    let closed = spec(json!({"requestors": {"scope": "AllMemberUsers"}}));
    assert!(
        !shadows(&closed, one(&other, true, &scope)),
        "nobody can ask by this one"
    );
    let named = spec(json!({"requestors": {"scope": "SpecificDirectoryUsers", "selfService": {"add": true}}}));
    assert!(!shadows(&named, one(&other, true, &scope)));
    let told = shadowed(&everybody, None, &[one(&other, true, &scope)]).unwrap();
    assert!(
        told.message()
            .starts_with("spec.requestors.scope: policy \"Managers\" of the same package names")
    );
}

fn assignment(state: &str, start: &str, expiration: serde_json::Value) -> Assignment {
    serde_json::from_value(json!({"id": "a", "state": state,
        "schedule": {"startDateTime": start, "recurrence": null, "expiration": expiration}}))
    .unwrap()
}

#[test]
fn those_who_end_later_than_whoever_comes_in_now_outlive_the_expiration() {
    let now: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    let at = |end: &str| json!({"type": "afterDateTime", "endDateTime": end, "duration": null});
    let days = |days: &str| json!({"type": "afterDuration", "endDateTime": null, "duration": days});
    let never = json!({"type": "noExpiration", "endDateTime": null, "duration": null});
    let read = |value: &serde_json::Value| serde_json::from_value::<Expiration>(value.clone()).unwrap();
    let thirty = read(&days("P30D"));
    let until = read(&at("2026-12-31T00:00:00Z"));
    let began = "2026-01-01T00:00:00Z";
    for (state, start, own, by_days, by_date) in [
        ("delivered", began, never.clone(), true, true),
        ("expired", began, never.clone(), false, false),
        ("delivering", began, at("2026-12-30T00:00:00Z"), false, false),
        ("delivered", began, at("2027-01-02T00:00:00Z"), true, true),
        ("delivered", began, days("P400D"), true, true),
        ("delivered", began, days("P300D"), false, false),
        // It begins later than now.
        (
            "delivered",
            "2026-12-20T00:00:00Z",
            at("2027-01-02T00:00:00Z"),
            false,
            true,
        ),
    ] {
        let one = assignment(state, start, own.clone());
        let number = |expiration: &Expiration| outliving([&one].into_iter(), expiration, now) == 1;
        assert_eq!(
            (number(&thirty), number(&until)),
            (by_days, by_date),
            "{state} {start} {own}"
        );
        assert!(!number(&read(&never)), "nothing outlives for ever");
    }
    assert_eq!(outlived(0), None);
    assert!(
        outlived(3)
            .unwrap()
            .message()
            .starts_with("spec.expiration: 3 live assignments end later")
    );
}

#[test]
fn only_pairs_that_somebody_holds_are_told() {
    assert_eq!(both_held(&[("package audit".into(), 0)]), None);
    let told = both_held(&[
        ("package audit".into(), 2),
        ("package x".into(), 0),
        ("package y".into(), 1),
    ]);
    let told = told.unwrap().message();
    assert!(
        told.contains("2 people hold this package and package audit, 1 person holds this package and package y")
            && !told.contains("package x"),
        "{told}"
    );
}

#[test]
fn a_refusal_is_about_billing_where_it_says_so_and_guests_may_come_in() {
    let body = |scope: &str, approver: serde_json::Value| -> PolicyBody {
        let policy: crate::graph::AssignmentPolicy = serde_json::from_value(json!({
            "id": "p", "displayName": "P", "allowedTargetScope": scope, "specificAllowedTargets": [],
            "expiration": {"type": "noExpiration"}, "requestorSettings": {},
            "requestApprovalSettings": {"isApprovalRequiredForAdd": true, "isApprovalRequiredForUpdate": false,
                "stages": [{"durationBeforeAutomaticDenial": "P14D", "isApproverJustificationRequired": false,
                    "isEscalationEnabled": false, "primaryApprovers": [approver]}]},
            "questions": [], "customExtensionStageSettings": [],
        }))
        .unwrap();
        policy.fields.body().unwrap()
    };
    let sponsor = || json!({"@odata.type": "#microsoft.graph.externalSponsors"});
    let person = || json!({"@odata.type": "#microsoft.graph.singleUser", "userId": "u"});
    let words = "An Azure Subscription must be linked.";
    assert!(unbilled(&body("allExternalUsers", sponsor()), words).is_some());
    assert!(unbilled(&body("allExternalUsers", sponsor()), "The model is invalid.").is_none());
    assert!(unbilled(&body("allMemberUsers", sponsor()), words).is_none());
    assert!(unbilled(&body("allExternalUsers", person()), words).is_none());
}
