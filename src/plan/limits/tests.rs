use super::*;
use serde_json::{Value, json};

/// Any user may approve unless the limits say who.
fn grant(name: &str, resources: Option<&[&str]>, mut limits: Value) -> Grant {
    if limits["approvers"].is_null() {
        limits["approvers"] = json!({"kinds": ["AnyUser"]});
    }
    serde_json::from_value(json!({
        "name": name, "namespaces": {"names": ["marketing"]}, "resources": resources, "limits": limits,
    }))
    .unwrap()
}

fn policy(patch: Value) -> AssignmentPolicySpec {
    let mut spec = json!({
        "accessPackageRef": {"name": "p"}, "displayName": "P",
        "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
        "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]},
        "expiration": {"afterDuration": "P90D"},
    });
    for (key, value) in patch.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn package(resources: &[&str]) -> AccessPackageSpec {
    let roles: Vec<Value> = resources
        .iter()
        .map(|name| json!({"resource": name, "role": "Member"}))
        .collect();
    serde_json::from_value(json!({"catalogRef": {"name": "c"}, "displayName": "P", "resourceRoles": roles})).unwrap()
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn the_strict_limits_allow_the_ordinary_policy() {
    assert_eq!(
        check_policy(&policy(json!({})), &[&grant("g", None, json!({}))], now()),
        Ok(())
    );
}

#[test]
fn a_catalog_tells_how_much_stands_outside_its_grants_and_names_three() {
    assert_eq!(told_outside(&[]), None);
    let titles: Vec<String> = ["a", "b", "c", "d"]
        .map(|name| format!("AccessPackage m/{name}"))
        .into();
    let told = |count: usize| told_outside(&titles[..count]).unwrap().message();
    assert!(
        told(1).starts_with(
            "spec.grants: 1 object stands outside the present limits of this Catalog's grants: AccessPackage m/a;"
        ),
        "{}",
        told(1)
    );
    assert!(
        told(4).contains("4 objects stand outside") && told(4).contains("AccessPackage m/c, …;"),
        "{}",
        told(4)
    );
}

#[test]
fn each_strict_limit_is_refused_in_words() {
    let cases = [
        (
            json!({"requestors": {"scope": "AllExternalUsers"}}),
            "spec.requestors.scope: grant \"g\" allows [SpecificDirectoryUsers, AllMemberUsers] only",
        ),
        (
            json!({"requestors": {"scope": "SpecificConnectedOrganizationUsers",
                "targets": [{"connectedOrganization": {"name": "fabrikam"}}]}}),
            "spec.requestors.scope: grant \"g\" allows [SpecificDirectoryUsers, AllMemberUsers] only",
        ),
        (
            json!({"approval": {"notRequired": {}}}),
            "spec.approval: grant \"g\" demands at least one approval stage",
        ),
        (
            json!({"expiration": {"never": {}}}),
            "spec.expiration.never: grant \"g\" demands an end",
        ),
        (
            json!({"expiration": {"afterDuration": "P366D"}}),
            "spec.expiration.afterDuration: grant \"g\" allows at most P365D",
        ),
        (
            json!({"expiration": {"afterDateTime": "2027-06-01T00:00:00Z"}}),
            "spec.expiration.afterDateTime: grant \"g\" allows at most P365D",
        ),
        (
            json!({"id": "56ff43fd-6b05-48df-9634-956a777fce6d", "deletionPolicy": "Delete"}),
            "spec.id: grant \"g\" does not allow taking over",
        ),
        (
            json!({"adoption": "ByName", "deletionPolicy": "Delete"}),
            "spec.adoption: grant \"g\" does not allow taking over",
        ),
        (
            json!({"deletionPolicy": "Orphan"}),
            "spec.deletionPolicy: grant \"g\" allows [Delete] only, not Orphan",
        ),
    ];
    for (patch, words) in cases {
        let problem = check_policy(&policy(patch), &[&grant("g", None, json!({}))], now()).unwrap_err();
        assert_eq!(problem.reason, Reason::LimitExceeded);
        assert!(problem.message().starts_with(words), "{}", problem.message());
    }
}

#[test]
fn ids_only_refuses_a_name_with_its_path() {
    let strict = grant("g", None, json!({"references": "IdsOnly"}));
    let problem = check_policy(&policy(json!({})), &[&strict], now()).unwrap_err();
    assert!(
        problem
            .message()
            .starts_with("spec.approval.stages[0].approvers[0].user: grant \"g\" allows users"),
        "{problem:?}"
    );
}

#[test]
fn a_lenient_grant_for_one_resource_opens_no_door_to_another() {
    let lenient = grant("lenient", Some(&["wiki"]), json!({"approval": "Optional"}));
    let strict = grant("strict", Some(&["payroll"]), json!({}));
    let grants = [&lenient, &strict];
    let covering = check_package(&package(&["payroll"]), &grants).unwrap();
    assert_eq!(covering.len(), 1);
    assert!(check_policy(&policy(json!({"approval": {"notRequired": {}}})), &covering, now()).is_err());
    let problem = check_package(&package(&["wiki", "payroll"]), &grants).unwrap_err();
    assert!(
        problem
            .message()
            .contains("no single grant allows all of these resources"),
        "{problem:?}"
    );
}

#[test]
fn a_resource_outside_the_grant_is_named() {
    let problem = check_package(&package(&["payroll"]), &[&grant("g", Some(&["wiki"]), json!({}))]).unwrap_err();
    assert!(
        problem.message().starts_with(
            "spec.resourceRoles[0].resource: \"payroll\" is not among the resources that grant \"g\" allows"
        ),
        "{problem:?}"
    );
}

#[test]
fn a_selector_matches_labels_and_never_the_unknown() {
    let mut catalog: CatalogSpec = serde_json::from_value(json!({"displayName": "C"})).unwrap();
    catalog.grants = vec![
        serde_json::from_value(json!({
            "name": "g", "namespaces": {"selector": {"matchLabels": {"team": "marketing"}}}
        }))
        .unwrap(),
    ];
    let labels = BTreeMap::from([("team".to_owned(), "marketing".to_owned())]);
    let named = |labels| Namespace { name: "any", labels };
    assert_eq!(grants_for(&catalog, named(Some(&labels))).len(), 1);
    let unlabelled = BTreeMap::new();
    assert_eq!(grants_for(&catalog, named(Some(&unlabelled))).len(), 0);
    assert_eq!(grants_for(&catalog, named(None)).len(), 0);
}

#[test]
fn namespaces_that_are_named_twice_or_not_at_all_are_none() {
    let labels = BTreeMap::from([("team".to_owned(), "marketing".to_owned())]);
    let namespace = Namespace {
        name: "marketing",
        labels: Some(&labels),
    };
    for (scope, expected) in [
        (json!({"names": ["marketing"]}), true),
        (json!({"all": {}}), true),
        (json!({}), false),
        (json!({"names": ["other"], "all": {}}), false),
        (json!({"names": ["marketing"], "all": {}}), false),
        (json!({"selector": {}}), false),
        (json!({"selector": {"matchLabels": {}, "matchExpressions": []}}), false),
    ] {
        let words = scope.to_string();
        assert_eq!(
            covers(&serde_json::from_value(scope).unwrap(), namespace),
            expected,
            "{words}"
        );
    }
}
