//! What else a grant leaves to a team: whom it means by name, what it asks, how much it has, and what becomes of it all.

use serde_json::{Value, json};
use stage::{Result, world};

use super::{
    CRM, GROUP, Outcome, applies, attacked, each_pair_is_within_one_grant, gets, grant, granting, has_crm, is_refused,
    refused, still_has_access, with_roles,
};
use crate::scene::{Portal, Stage};
use crate::support::{
    catalog, collection, entra_id, now, package, patched, policy, renamed, status_of, text, visit, visits, wait_reason,
    wait_state,
};

fn limited_to(limits: Value) -> Value {
    json!([grant("team", &Value::Null, &limits)])
}

fn for_people(targets: &Value) -> Value {
    patched(
        policy(),
        json!({"spec": {"requestors": {"scope": "SpecificDirectoryUsers", "targets": targets}}}),
    )
}

fn open_policies(stage: &Stage) -> Result<usize> {
    let policies = collection(stage, "assignmentPolicies")?;
    let is_open = |policy: &&Value| policy["requestorSettings"]["enableTargetsToSelfAddAccess"] == true;
    Ok(policies.iter().filter(is_open).count())
}

#[test]
fn a_team_lets_in_by_name_only_whom_the_grant_lists() -> Result<()> {
    let grants = limited_to(json!({"targets": {"groups": [{"displayName": "Auditors"}],
        "users": [{"userPrincipalName": "ann@contoso.com"}]}}));
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    let (ours, theirs) = (
        json!({"group": {"id": world::AUDITORS_GROUP_ID}}),
        json!({"group": {"displayName": "Approvers"}}),
    );
    for (index, targets) in [
        json!([theirs]),
        json!([ours, theirs]),
        json!([{"user": {"userPrincipalName": "carol@contoso.com"}}]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("attempt-{index}");
        let said = is_refused(&stage, &renamed(for_people(&targets), &name, &name), "LimitExceeded")?;
        assert!(
            said.starts_with("spec.requestors.targets[")
                && said
                    .contains("grant \"team\" lets in only these by name: user ann@contoso.com, group Auditors; not "),
            "{said}"
        );
    }
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 0);
    let allowed = json!([ours, {"user": {"id": world::ANN_ID}}]);
    let id = entra_id(&gets(&stage, &for_people(&allowed))?);
    each_pair_is_within_one_grant(&stage, &grants);

    // Whom somebody added in Entra holds what would come beside them.
    gets(&stage, &with_roles(&[GROUP]))?;
    let mut added = collection(&stage, "assignmentPolicies")?[0]["specificAllowedTargets"].clone();
    let stranger = json!({"@odata.type": "#microsoft.graph.groupMembers", "groupId": world::APPROVERS_GROUP_ID});
    if let Some(targets) = added.as_array_mut() {
        targets.push(stranger);
    }
    super::pauses(&stage, &policy())?;
    stage
        .emulator()
        .patch_state("assignmentPolicies", &id, &json!({"specificAllowedTargets": added}))?;
    let said = is_refused(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    assert!(
        said.contains(&format!("not group {} (limits.targets)", world::APPROVERS_GROUP_ID)),
        "{said}"
    );
    visits(&stage, &package(), 1)?;
    assert!(!has_crm(&stage));
    Ok(())
}

#[test]
fn nobody_is_let_in_by_name_and_nobody_but_a_manager_requests_for_others_unless_the_grant_says_who() -> Result<()> {
    let limits = json!({"targets": {}, "onBehalf": "Allowed", "onBehalfRequestors": {}});
    let stage = attacked(&limited_to(limits))?;
    gets(&stage, &with_roles(&[GROUP]))?;
    let said = is_refused(
        &stage,
        &for_people(&json!([{"group": {"displayName": "Auditors"}}])),
        "LimitExceeded",
    )?;
    assert!(said.contains("lets in only these by name: nobody;"), "{said}");
    let by = |requestor: Value| {
        let others = json!({"add": true, "requestors": [requestor]});
        let any = json!({"scope": "AllMemberUsers", "targets": null, "onBehalf": others});
        patched(policy(), json!({"spec": {"requestors": any}}))
    };
    let carol = json!({"user": {"userPrincipalName": "carol@contoso.com"}});
    let said = is_refused(&stage, &by(carol), "LimitExceeded")?;
    assert!(
        said.starts_with(
            "spec.requestors.onBehalf.requestors[0]: grant \"team\" lets only these request for others: TargetManager; not"
        ),
        "{said}"
    );
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 0);
    gets(&stage, &by(json!({"targetManager": {"level": 1}})))?;
    Ok(())
}

#[test]
fn who_is_in_stays_longer_as_the_grant_says() -> Result<()> {
    let extends = |approved: bool| {
        patched(
            policy(),
            json!({"spec": {"requestors": {"selfService": {"update": true}}, "approval": {"requiredForUpdate": approved}}}),
        )
    };
    let stage = attacked(&limited_to(json!({"extension": "Denied"})))?;
    gets(&stage, &with_roles(&[GROUP]))?;
    let said = is_refused(&stage, &extends(true), "LimitExceeded")?;
    assert!(
        said.starts_with(
            "spec.requestors.selfService.update: grant \"team\" allows no extension of a stay (limits.extension)"
        ),
        "{said}"
    );
    stage.apply_object(&granting(&limited_to(json!({}))))?;
    let said = is_refused(&stage, &extends(false), "LimitExceeded")?;
    assert!(said.starts_with("spec.approval.requiredForUpdate: grant"), "{said}");
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 0);
    stage.apply_object(&granting(&limited_to(json!({"extension": "Allowed"}))))?;
    gets(&stage, &extends(false))?;
    Ok(())
}

#[test]
fn every_policy_asks_what_it_must_in_its_spec_and_in_entra() -> Result<()> {
    let must =
        json!({"mustAsk": [{"name": "ticket", "regex": "^CHG[0-9]+$", "message": "Ask for the change ticket."}]});
    let stage = attacked(&limited_to(must))?;
    gets(&stage, &with_roles(&[GROUP]))?;
    let asking = |regex: &str, required: bool| {
        let question = json!({"name": "t", "prompt": "Which ticket?", "required": required, "text": {"regex": regex}});
        patched(policy(), json!({"spec": {"questions": [question]}}))
    };
    for attempt in [policy(), asking("^.*$", true), asking("^CHG[0-9]+$", false)] {
        let said = is_refused(&stage, &attempt, "LimitExceeded")?;
        assert_eq!(
            said,
            "spec.questions: grant \"team\" demands the question \"ticket\", required, whose answer matches ^CHG[0-9]+$ \
             (limits.mustAsk); Ask for the change ticket."
        );
    }
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 0);
    let id = entra_id(&gets(&stage, &asking("^CHG[0-9]+$", true))?);
    // The list of a catalog does not tell what is asked: it is read, and enough.
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    gets(&stage, &with_roles(&[GROUP]))?;
    super::pauses(&stage, &policy())?;
    let change = json!({"questions": [], "modifiedDateTime": "2027-01-01T00:00:00Z"});
    stage.emulator().patch_state("assignmentPolicies", &id, &change)?;
    let said = is_refused(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    assert!(said.contains("demands the question \"ticket\""), "{said}");
    visits(&stage, &package(), 1)?;
    assert!(!has_crm(&stage));
    Ok(())
}

#[test]
fn a_namespace_has_no_more_than_it_may_and_what_is_there_stays_the_one_that_counts() -> Result<()> {
    let limits = json!({"maxPackages": 1, "maxPolicies": 1, "displayNamePrefix": "Marketing "});
    let stage = attacked(&limited_to(limits))?;
    let unnamed = renamed(with_roles(&[GROUP]), "unnamed", "Everything");
    let said = is_refused(&stage, &unnamed, "LimitExceeded")?;
    assert!(
        said.starts_with("spec.displayName: grant \"team\" demands that it begin with \"Marketing \""),
        "{said}"
    );
    super::deletes(&stage, &unnamed)?;
    super::is_gone(&stage, &unnamed)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &policy())?;
    let second = renamed(with_roles(&[GROUP]), "second", "Marketing Second");
    let said = is_refused(&stage, &second, "LimitExceeded")?;
    assert!(
        said.starts_with("spec: grant \"team\" allows 1 access packages of this namespace, and as many come before"),
        "{said}"
    );
    let second_policy = renamed(policy(), "second", "Marketing Second");
    let said = is_refused(&stage, &second_policy, "LimitExceeded")?;
    assert!(
        said.contains("allows 1 assignment policies of this namespace"),
        "{said}"
    );
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 1);
    // What has room goes on as before.
    let described = json!({"spec": {"description": "changed"}});
    gets(&stage, &patched(with_roles(&[GROUP]), described.clone()))?;
    gets(&stage, &patched(policy(), described))?;
    Ok(())
}

#[test]
fn what_a_suspended_grant_allowed_is_closed_where_it_says_so_and_nobody_loses_access() -> Outcome {
    let closing = |suspended: bool| {
        let mut grant = grant("team", &Value::Null, &json!({}));
        grant["onWithdrawal"] = "CloseRequests".into();
        grant["suspended"] = suspended.into();
        granting(&json!([grant]))
    };
    let stage = attacked(&limited_to(json!({})))?;
    stage.apply_object(&closing(false))?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let policy_id = entra_id(&gets(&stage, &policy())?);
    let held = Portal::open(&stage)?.assign(&stage, &package_id, &policy_id)?;
    stage.apply_object(&closing(true))?;
    wait_state(&stage, "the door to be shut", |state| {
        state["assignmentPolicies"][0]["requestorSettings"]["enableTargetsToSelfAddAccess"] == false
    })?;
    refused(&stage, &policy(), "LimitExceeded")?;
    still_has_access(&stage, &held)?;
    // Nothing opens it again by itself, and somebody who asks for it does.
    stage.apply_object(&closing(false))?;
    wait_reason(&stage, &policy(), "Synced", "DriftHeld")?;
    assert_eq!(open_policies(&stage)?, 0);
    visit(&stage, &policy(), "open-again")?;
    wait_state(&stage, "the door to be open", |state| {
        state["assignmentPolicies"][0]["requestorSettings"]["enableTargetsToSelfAddAccess"] == true
    })?;
    Ok(())
}

#[test]
fn a_narrowed_grant_closes_what_stands_outside_and_a_wrong_spec_closes_nothing() -> Result<()> {
    let closing = |limits: Value| {
        let mut grant = grant("team", &Value::Null, &limits);
        grant["onWithdrawal"] = "CloseRequests".into();
        granting(&json!([grant]))
    };
    let stage = attacked(&limited_to(json!({})))?;
    stage.apply_object(&closing(json!({})))?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &policy())?;
    // What the team asks for and does not get leaves what it has.
    let endless = json!({"spec": {"expiration": {"afterDuration": null, "never": {}}}});
    is_refused(&stage, &patched(policy(), endless), "LimitExceeded")?;
    visits(&stage, &policy(), 1)?;
    assert_eq!(open_policies(&stage)?, 1);
    applies(
        &stage,
        &patched(
            policy(),
            json!({"spec": {"expiration": {"afterDuration": "P90D", "never": null}}}),
        ),
    )?;
    crate::support::all_ready(&stage)?;
    // Nor does a Catalog that does not know whom its grant means.
    let nobody = json!({"approvers": {"users": [{"userPrincipalName": "bbo@contoso.com"}]}});
    stage.apply_object(&closing(nobody))?;
    wait_reason(&stage, &catalog(), "Ready", "ReferenceNotFound")?;
    refused(&stage, &policy(), "LimitExceeded")?;
    visits(&stage, &policy(), 1)?;
    assert_eq!(open_policies(&stage)?, 1);
    stage.apply_object(&closing(json!({"maxDuration": "P30D"})))?;
    wait_state(&stage, "the door to be shut", |state| {
        state["assignmentPolicies"][0]["requestorSettings"]["enableTargetsToSelfAddAccess"] == false
    })?;
    Ok(())
}

#[test]
fn the_catalog_tells_which_limits_hold_and_which_of_them_are_strict() -> Result<()> {
    let stage = attacked(&limited_to(json!({"maxDuration": "P30D"})))?;
    let told = now(&stage, &catalog())?;
    let limits = told["status"]["effective"][0]["limits"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let of = |name: &str| {
        let found = limits.iter().find(|limit| limit["limit"] == name);
        found.map(|limit| format!("{} {}", text(&limit["value"]), text(&limit["from"])))
    };
    assert_eq!(told["status"]["effective"][0]["name"], "team");
    assert_eq!(of("maxDuration").as_deref(), Some("P30D Grant"));
    assert_eq!(of("approval").as_deref(), Some("Required Strict"));
    assert_eq!(status_of(&told, "Ready"), "True");
    Ok(())
}
