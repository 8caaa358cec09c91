//! What people do in My Access, what rules do by themselves, what becomes of guests, and which series of reviews is which.

use std::time::Duration;

use graph_emulator::{Quirks, Tenant, World};
use serde_json::{Value, json};

use crate::tenant::{ANN, BOB, GENERAL, GROUP, WORLD};

const PACKAGE: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const DAY: Duration = Duration::from_hours(24);

/// A tenant whose time is tokio's, with a package that hands out the group.
fn tenant(quirks: Value) -> Tenant {
    let world = World::from_yaml(WORLD).unwrap();
    let tenant = Tenant::new(world, Quirks::from_json(quirks).unwrap(), "https://localhost").unwrap();
    let package = json!({"id": PACKAGE, "displayName": "Campaign", "catalog": {"id": GENERAL}});
    tenant.create("accessPackages", package).unwrap();
    let group = json!({"originId": GROUP, "originSystem": "AadGroup", "catalog": {"id": GENERAL}});
    tenant.create("resources", group).unwrap();
    let role = json!({"accessPackage": {"id": PACKAGE}, "role": {"originId": format!("Member_{GROUP}")}, "scope": {"originId": GROUP}});
    tenant.create("resourceRoleScopes", role).unwrap();
    tenant
}

/// A policy of the package: open to members, with whatever else.
fn policy(tenant: &Tenant, name: &str, rest: Value) -> String {
    let mut policy = json!({"displayName": name, "accessPackage": {"id": PACKAGE}, "allowedTargetScope": "allMemberUsers",
        "specificAllowedTargets": [], "expiration": {"type": "noExpiration"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": true},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": false, "stages": []}});
    for (name, value) in rest.as_object().unwrap() {
        policy[name] = value.clone();
    }
    let made = tenant.create("assignmentPolicies", policy).unwrap();
    made["id"].as_str().unwrap().to_owned()
}

fn single(id: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.singleUser", "userId": id})
}

fn stage(approvers: Value) -> Value {
    json!({"durationBeforeAutomaticDenial": "P14D", "isApproverJustificationRequired": false, "isEscalationEnabled": false,
        "durationBeforeEscalation": "PT0S", "primaryApprovers": approvers, "fallbackPrimaryApprovers": [],
        "escalationApprovers": [], "fallbackEscalationApprovers": []})
}

fn approval(stages: Value) -> Value {
    json!({"requestApprovalSettings": {"isApprovalRequiredForAdd": true, "stages": stages}})
}

fn ask(tenant: &Tenant, who: &str, rest: Value) -> Result<String, String> {
    let mut request = json!({"requestor": who, "accessPackageId": PACKAGE});
    for (name, value) in rest.as_object().unwrap() {
        request[name] = value.clone();
    }
    let made = tenant.create("assignmentRequests", request)?;
    Ok(made["id"].as_str().unwrap_or_default().to_owned())
}

fn decide(tenant: &Tenant, request: &str, approver: &str, approve: bool) -> Result<Value, String> {
    let decision = json!({"decision": {"approver": approver, "approve": approve}});
    tenant.patch("assignmentRequests", request, decision)
}

fn state_of(tenant: &Tenant, request: &str) -> String {
    let all = tenant.part("assignmentRequests").unwrap();
    let found = all.as_array().unwrap().iter().find(|one| one["id"] == request);
    found.unwrap()["state"].as_str().unwrap().to_owned()
}

/// Who is in the group: bob always.
fn members(tenant: &Tenant) -> Vec<String> {
    let directory = tenant.part("directory").unwrap();
    let group = directory["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["id"] == GROUP)
        .unwrap()
        .clone();
    let members = group["members"].as_array().unwrap().iter();
    members.map(|id| id.as_str().unwrap().to_owned()).collect()
}

async fn later(time: Duration) {
    tokio::time::advance(time).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_a_policy_means_gets_in_and_others_do_not() {
    let tenant = tenant(json!({}));
    let id = policy(&tenant, "Members", json!({}));
    assert!(
        ask(&tenant, "guest_fabrikam.com#EXT#@contoso.com", json!({}))
            .unwrap_err()
            .contains("no policy")
    );
    let request = ask(&tenant, "ann@contoso.com", json!({})).unwrap();
    later(Duration::from_secs(1)).await;
    assert_eq!(state_of(&tenant, &request), "delivered");
    assert_eq!(members(&tenant), [BOB, ANN]);
    assert!(ask(&tenant, ANN, json!({})).unwrap_err().contains("already"));
    // A closed door lets nobody in, and takes nothing.
    let closed = json!({"requestorSettings": {"enableTargetsToSelfAddAccess": false}});
    tenant.patch("assignmentPolicies", &id, closed).unwrap();
    assert!(ask(&tenant, BOB, json!({})).unwrap_err().contains("no policy"));
    assert_eq!(members(&tenant), [BOB, ANN]);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_names_people_comes_before_one_that_means_everybody() {
    let tenant = tenant(json!({}));
    policy(&tenant, "Everybody", json!({}));
    let mut named = approval(json!([stage(json!([single(BOB)]))]));
    named["allowedTargetScope"] = json!("specificDirectoryUsers");
    named["specificAllowedTargets"] = json!([single(ANN)]);
    policy(&tenant, "Ann", named);
    let of_ann = ask(&tenant, ANN, json!({})).unwrap();
    assert_eq!(state_of(&tenant, &of_ann), "pendingApproval", "hers asks for approval");
    let of_bob = ask(&tenant, BOB, json!({})).unwrap();
    assert_ne!(state_of(&tenant, &of_bob), "pendingApproval");
}

#[tokio::test(start_paused = true)]
async fn each_stage_is_decided_by_its_own_approvers_and_nobody_decides_about_themselves() {
    let tenant = tenant(json!({}));
    let group = json!({"@odata.type": "#microsoft.graph.groupMembers", "groupId": GROUP});
    let manager = json!({"@odata.type": "#microsoft.graph.requestorManager", "managerLevel": 1});
    let stages = json!([stage(json!([manager])), stage(json!([group, single(ANN)]))]);
    policy(&tenant, "Two stages", approval(stages));
    let request = ask(&tenant, ANN, json!({})).unwrap();
    assert!(
        decide(&tenant, &request, ANN, true)
            .unwrap_err()
            .contains("none of those")
    );
    decide(&tenant, &request, BOB, true).unwrap();
    assert_eq!(
        state_of(&tenant, &request),
        "pendingApproval",
        "there is a second stage"
    );
    assert!(decide(&tenant, &request, ANN, true).is_err());
    decide(&tenant, &request, BOB, true).unwrap();
    later(Duration::from_secs(1)).await;
    assert_eq!(members(&tenant), [BOB, ANN]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_decides_is_denied_in_time_and_what_is_escalated_is_decided_by_others_too() {
    let tenant = tenant(json!({}));
    let mut escalated = stage(json!([single(BOB)]));
    escalated["isEscalationEnabled"] = json!(true);
    escalated["durationBeforeEscalation"] = json!("P7D");
    let guest = tenant.part("users").unwrap()[2]["id"].as_str().unwrap().to_owned();
    escalated["escalationApprovers"] = json!([single(&guest)]);
    policy(&tenant, "Escalated", approval(json!([escalated])));
    let request = ask(&tenant, ANN, json!({})).unwrap();
    assert!(decide(&tenant, &request, &guest, true).is_err());
    later(8 * DAY).await;
    decide(&tenant, &request, &guest, false).unwrap();
    assert_eq!(state_of(&tenant, &request), "denied");
    let again = ask(&tenant, ANN, json!({})).unwrap();
    later(15 * DAY).await;
    assert_eq!(state_of(&tenant, &again), "denied");
    assert_eq!(members(&tenant), [BOB]);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_must_be_answered_is_and_what_the_policy_said_then_counts() {
    let tenant = tenant(json!({}));
    let question = json!({"@odata.type": "#microsoft.graph.accessPackageMultipleChoiceQuestion", "isRequired": true,
        "isAnswerEditable": false, "sequence": 1, "text": "Region?", "localizations": [], "isMultipleSelectionAllowed": false,
        "choices": [{"actualValue": "emea", "text": "Europe", "localizations": []}]});
    let mut asked = approval(json!([stage(json!([single(BOB)]))]));
    asked["questions"] = json!([question]);
    asked["expiration"] = json!({"type": "afterDuration", "duration": "P30D"});
    let id = policy(&tenant, "Asked", asked);
    assert!(ask(&tenant, ANN, json!({})).unwrap_err().contains("has no answer"));
    assert!(
        ask(&tenant, ANN, json!({"answers": {"Region?": "mars"}}))
            .unwrap_err()
            .contains("is no answer")
    );
    let request = ask(&tenant, ANN, json!({"answers": {"Region?": "emea"}})).unwrap();
    // A shorter expiration does not reach what was asked before.
    let shorter = json!({"expiration": {"type": "afterDuration", "duration": "P1D"}});
    tenant.patch("assignmentPolicies", &id, shorter).unwrap();
    decide(&tenant, &request, BOB, true).unwrap();
    later(2 * DAY).await;
    assert_eq!(members(&tenant), [BOB, ANN]);
    later(30 * DAY).await;
    assert_eq!(members(&tenant), [BOB]);
}

fn rule(text: &str) -> Value {
    json!({"allowedTargetScope": "specificDirectoryUsers",
        "specificAllowedTargets": [{"@odata.type": "#microsoft.graph.attributeRuleMembers", "membershipRule": text}],
        "requestorSettings": {},
        "automaticRequestSettings": {"requestAccessForAllowedTargets": true,
            "removeAccessWhenTargetLeavesAllowedTargets": true, "gracePeriodBeforeAccessRemoval": "P7D"}})
}

#[tokio::test(start_paused = true)]
async fn a_rule_gives_and_takes_where_it_is_carried_out() {
    let tenant = tenant(json!({"carriesOutRules": true}));
    let id = policy(&tenant, "Marketing", rule("(user.department -eq \"Marketing\")"));
    assert_eq!(members(&tenant), [BOB, ANN]);
    // Another rule takes the access of those whom it leaves out, after the grace.
    let other = json!({"specificAllowedTargets": [{"@odata.type": "#microsoft.graph.attributeRuleMembers",
        "membershipRule": "(user.department -eq \"Sales\")"}]});
    tenant.patch("assignmentPolicies", &id, other).unwrap();
    assert_eq!(members(&tenant), [BOB, ANN], "the grace");
    later(8 * DAY).await;
    assert_eq!(members(&tenant), [BOB]);
    tenant.patch("users", ANN, json!({"department": "Sales"})).unwrap();
    assert_eq!(members(&tenant), [BOB, ANN], "whoever comes back gets it again");
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_stored_only_unless_it_is_carried_out() {
    let tenant = tenant(json!({}));
    policy(&tenant, "Marketing", rule("(user.department -eq \"Marketing\")"));
    assert_eq!(members(&tenant), [BOB]);
}

#[tokio::test(start_paused = true)]
async fn a_guest_who_loses_the_last_assignment_is_blocked_and_deleted_later() {
    let tenant = tenant(json!({}));
    let policy = policy(&tenant, "Everybody", json!({"allowedTargetScope": "allDirectoryUsers"}));
    let gil = json!({"userPrincipalName": "gil_f.com#EXT#@contoso.com", "mail": "gil@f.com", "userType": "Guest", "governed": true});
    let gil = tenant.create("users", gil).unwrap()["id"].as_str().unwrap().to_owned();
    ask(&tenant, &gil, json!({})).unwrap();
    later(Duration::from_secs(1)).await;
    let held = tenant.part("assignments").unwrap()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        tenant.part("assignments").unwrap()[0]["assignmentPolicyId"],
        policy.as_str()
    );
    let user = |tenant: &Tenant| {
        let users = tenant.part("users").unwrap();
        users
            .as_array()
            .unwrap()
            .iter()
            .find(|user| user["id"] == gil.as_str())
            .cloned()
    };
    assert_eq!(user(&tenant).unwrap()["accountEnabled"], true);
    tenant.patch("assignments", &held, json!({"state": "expired"})).unwrap();
    assert_eq!(user(&tenant).unwrap()["accountEnabled"], false);
    later(31 * DAY).await;
    assert_eq!(user(&tenant), None);
}
