use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::AssignmentPolicySpec,
    graph::AssignmentPolicy,
    plan::limits::{Terms, fit::fits},
};

const BOB: &str = "b0b00000-0000-4000-8000-000000000001";
const EVE: &str = "eee00000-0000-4000-8000-000000000002";
const OWNERS: &str = "90000000-0000-4000-8000-000000000003";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn grant(approvers: Value, pins: &[(&str, &str)]) -> Grant {
    let mut limits = json!({});
    if !approvers.is_null() {
        limits["approvers"] = approvers;
    }
    let grant = json!({"name": "g", "namespaces": {"all": {}}, "limits": limits});
    with_ids(serde_json::from_value(grant).unwrap(), &pinned(pins))
}

fn pinned(pins: &[(&str, &str)]) -> Vec<PinnedReference> {
    pins.iter()
        .map(|(reference, id)| PinnedReference {
            reference: (*reference).into(),
            id: (*id).into(),
        })
        .collect()
}

fn spec(stages: Value) -> AssignmentPolicySpec {
    serde_json::from_value(json!({
        "accessPackageRef": {"name": "p"}, "displayName": "P",
        "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
        "approval": {"stages": stages}, "expiration": {"afterDuration": "P90D"},
    }))
    .unwrap()
}

fn judged(grant: &Grant, terms: &Terms) -> Result<(), String> {
    fits(grant, terms, now()).map_err(|problem| problem.message())
}

fn written(grant: &Grant, stages: Value, pins: &[(&str, &str)]) -> Result<(), String> {
    judged(grant, &Terms::of_spec(&spec(stages), &pinned(pins)).unwrap())
}

/// What Entra has, each list a list of subject sets.
fn held(grant: &Grant, stages: Value) -> Result<(), String> {
    let policy: AssignmentPolicy = serde_json::from_value(json!({
        "id": "1", "displayName": "P", "allowedTargetScope": "allMemberUsers",
        "expiration": {"type": "afterDuration", "duration": "P90D"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": true},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": true, "stages": stages},
    }))
    .unwrap();
    judged(grant, &Terms::of_entra(&policy.fields))
}

fn set(kind: &str) -> Value {
    json!({"@odata.type": format!("#microsoft.graph.{kind}")})
}

fn user(id: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.singleUser", "userId": id})
}

#[test]
fn the_strict_approvers_are_those_whom_no_namespace_chooses() {
    let strict = grant(json!({}), &[]);
    for kind in ["requestorManager", "targetManager", "internalSponsors"] {
        assert_eq!(
            held(&strict, json!([{"primaryApprovers": [set(kind)]}])),
            Ok(()),
            "{kind}"
        );
    }
    for kind in [
        "externalSponsors",
        "targetUserSponsors",
        "targetApplicationOwners",
        "targetAgentIdentitySponsorsOrOwners",
    ] {
        let refused = held(&strict, json!([{"primaryApprovers": [set(kind)]}]));
        assert!(refused.is_err(), "{kind}");
    }
    for (approver, who) in [
        (json!({"user": {"id": BOB}}), format!("user {BOB}")),
        (json!({"group": {"id": OWNERS}}), format!("group {OWNERS}")),
        (
            json!({"user": {"userPrincipalName": "bob@contoso.com"}}),
            "user userPrincipalName=bob@contoso.com".to_owned(),
        ),
    ] {
        let refused = written(&strict, json!([{"approvers": [approver]}]), &[]).unwrap_err();
        assert_eq!(
            refused,
            format!(
                "spec.approval.stages[0].approvers[0]: grant \"g\" demands a stage in which only these approve: \
                 RequestorManager, TargetManager, InternalSponsors; {who} is asked beside them (limits.approvers); name \
                 approvers whom it allows, in a stage of their own perhaps; or ask those who run the catalog to allow these"
            )
        );
    }
}

#[test]
fn a_limit_that_is_not_written_leaves_the_choice_to_the_policy() {
    let unset = grant(Value::Null, &[]);
    let eve = json!({"user": {"id": EVE}});
    assert_eq!(written(&unset, json!([{"approvers": [eve]}]), &[]), Ok(()));
    for approver in [user(EVE), set("externalSponsors")] {
        assert_eq!(held(&unset, json!([{"primaryApprovers": [approver]}])), Ok(()));
    }
}

#[test]
fn whoever_is_asked_later_or_in_place_of_another_counts_as_well() {
    let bob = grant(json!({"users": [{"id": BOB}]}), &[]);
    let (ours, theirs) = (json!({"user": {"id": BOB}}), json!({"user": {"id": EVE}}));
    assert_eq!(written(&bob, json!([{"approvers": [ours]}]), &[]), Ok(()));
    let cases = [
        (json!([{"approvers": [ours, theirs]}]), "approvers[1]"),
        (
            json!([{"approvers": [ours], "fallbackApprovers": [theirs]}]),
            "fallbackApprovers[0]",
        ),
        (
            json!([{"approvers": [ours], "escalation": {"after": "P1D", "approvers": [theirs]}}]),
            "escalation.approvers[0]",
        ),
        (
            json!([{"approvers": [ours], "escalation": {"after": "P1D", "approvers": [ours],
                "fallbackApprovers": [theirs]}}]),
            "escalation.fallbackApprovers[0]",
        ),
    ];
    for (stages, field) in cases {
        let refused = written(&bob, stages, &[]).unwrap_err();
        assert!(
            refused.starts_with(&format!("spec.approval.stages[0].{field}: ")),
            "{refused}"
        );
    }
    for list in [
        "fallbackPrimaryApprovers",
        "escalationApprovers",
        "fallbackEscalationApprovers",
    ] {
        let alone = json!([{"primaryApprovers": [user(BOB)], list: [user(BOB)]}]);
        assert_eq!(held(&bob, alone), Ok(()), "{list}");
        let refused = held(&bob, json!([{"primaryApprovers": [user(BOB)], list: [user(EVE)]}])).unwrap_err();
        assert!(
            refused.contains(&format!("user {EVE} is asked beside them")),
            "{list}: {refused}"
        );
    }
}

#[test]
fn one_stage_of_those_who_may_is_enough_and_two_halves_are_none() {
    let bob = grant(json!({"users": [{"id": BOB}]}), &[]);
    let (ours, theirs) = (user(BOB), user(EVE));
    let own_stage = json!([{"primaryApprovers": [theirs]}, {"primaryApprovers": [ours]}]);
    assert_eq!(held(&bob, own_stage), Ok(()));
    let halves = json!([{"primaryApprovers": [ours, theirs]}, {"primaryApprovers": [theirs, ours]}]);
    assert!(held(&bob, halves).is_err());
}

#[test]
fn people_are_told_apart_by_their_ids_and_not_by_their_names() {
    const NAME: &str = "user userPrincipalName=bob@contoso.com";
    let by_name = json!({"users": [{"userPrincipalName": "bob@contoso.com"}]});
    let bob = grant(by_name.clone(), &[(NAME, BOB)]);
    let stages = || json!([{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]);
    assert_eq!(written(&bob, stages(), &[(NAME, &BOB.to_uppercase())]), Ok(()));
    assert_eq!(held(&bob, json!([{"primaryApprovers": [user(BOB)]}])), Ok(()));
    // The name stood for somebody else when the policy bound it.
    assert!(written(&bob, stages(), &[(NAME, EVE)]).is_err());
    // A group of the same id is no user.
    let group = json!({"@odata.type": "#microsoft.graph.groupMembers", "groupId": BOB});
    assert!(held(&bob, json!([{"primaryApprovers": [group]}])).is_err());
    // Nobody was found under the name that the grant has.
    let nobody = grant(by_name, &[]);
    assert!(held(&nobody, json!([{"primaryApprovers": [user(BOB)]}])).is_err());
    assert!(written(&nobody, stages(), &[(NAME, BOB)]).is_err());
}

#[test]
fn whom_nobody_has_looked_up_yet_may_be_one_who_approves_where_there_is_any() {
    let stages = || json!([{"approvers": [{"user": {"mail": "bob@contoso.com"}}]}]);
    assert_eq!(
        written(&grant(json!({"users": [{"id": BOB}]}), &[]), stages(), &[]),
        Ok(())
    );
    let groups = grant(json!({"groups": [{"id": OWNERS}]}), &[]);
    assert!(written(&groups, stages(), &[]).is_err());
}

#[test]
fn any_user_is_no_group_and_no_rule_and_an_empty_choice_is_nobody() {
    let users = grant(json!({"kinds": ["AnyUser"]}), &[]);
    assert_eq!(held(&users, json!([{"primaryApprovers": [user(EVE)]}])), Ok(()));
    let others = [
        json!({"@odata.type": "#microsoft.graph.groupMembers", "groupId": OWNERS}),
        json!({"@odata.type": "#microsoft.graph.attributeRuleMembers", "membershipRule": "r"}),
        json!({"@odata.type": "#microsoft.graph.singleServicePrincipal", "servicePrincipalId": EVE}),
        json!({"@odata.type": "#microsoft.graph.connectedOrganizationMembers", "connectedOrganizationId": EVE}),
        set("requestorManager"),
    ];
    for other in others {
        let words = other.to_string();
        assert!(held(&users, json!([{"primaryApprovers": [other]}])).is_err(), "{words}");
    }
    let nobody = grant(json!({"kinds": []}), &[]);
    let refused = held(&nobody, json!([{"primaryApprovers": [set("requestorManager")]}])).unwrap_err();
    assert!(refused.contains("only these approve: nobody;"), "{refused}");
}

#[test]
fn who_approves_matters_where_somebody_must() {
    let mut optional = grant(json!({"kinds": []}), &[]);
    optional.limits.approval = crate::api::ApprovalLimit::Optional;
    assert_eq!(held(&optional, json!([{"primaryApprovers": [user(EVE)]}])), Ok(()));
}

#[test]
fn an_extension_is_approved_by_those_who_may_as_well() {
    let bob = grant(json!({"users": [{"id": BOB}]}), &[]);
    let policy: AssignmentPolicy = serde_json::from_value(json!({
        "id": "1", "displayName": "P", "allowedTargetScope": "allMemberUsers",
        "expiration": {"type": "afterDuration", "duration": "P90D"},
        "requestorSettings": {"enableTargetsToSelfUpdateAccess": true},
        "requestApprovalSettings": {"isApprovalRequiredForUpdate": true, "stages": [{"primaryApprovers": [user(EVE)]}]},
    }))
    .unwrap();
    assert!(judged(&bob, &Terms::of_entra(&policy.fields)).is_err());
}

#[test]
fn those_whom_grants_name_are_found_by_their_fields_and_an_empty_entry_is_told() {
    let spec: CatalogSpec = serde_json::from_value(json!({"displayName": "C", "grants": [
        {"name": "a", "namespaces": {"all": {}}},
        {"name": "b", "namespaces": {"all": {}}, "limits": {"approvers": {
            "users": [{"mail": "bob@contoso.com"}, {}], "groups": [{"displayName": "Owners"}]}}},
    ]}))
    .unwrap();
    let (named, problems) = named_by_grants(&spec);
    let named: Vec<String> = named.iter().map(|(field, key)| format!("{field}: {key}")).collect();
    assert_eq!(
        named,
        [
            "spec.grants[1].limits.approvers.users[0]: user mail=bob@contoso.com",
            "spec.grants[1].limits.approvers.groups[0]: group displayName=Owners",
        ]
    );
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0]
            .message()
            .starts_with("spec.grants[1].limits.approvers.users[1]: it names nobody")
    );
}
