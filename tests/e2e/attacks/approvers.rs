//! Who approves is not for the requesting team to choose.

use serde_json::{Value, json};
use stage::{Result, world};

use super::{
    CRM, GROUP, applies, approved_in, attacked, each_pair_is_within_one_grant, gets, grant, granting, is_refused,
    refused, with_roles,
};
use crate::scene::Stage;
use crate::support::{
    SOON, catalog, collection, entra_id, message, package, patched, policy, renamed, tenant, visits, wait_reason,
};

/// Bob may approve, by the name that the platform team knows him by, and the members of one group.
fn bob() -> Value {
    json!([grant(
        "team",
        &Value::Null,
        &json!({"approvers": {"kinds": ["RequestorManager"], "users": [{"userPrincipalName": "bob@contoso.com"}],
            "groups": [{"displayName": "Approvers"}]}})
    )])
}

fn user(name: &str) -> Value {
    json!({"user": {"userPrincipalName": name}})
}

fn stages(stages: &Value) -> Value {
    approved_in(policy(), stages)
}

/// The ids of all who are asked in the policies of Entra.
fn asked(stage: &Stage) -> Result<String> {
    let policies = collection(stage, "assignmentPolicies")?;
    let settings = policies
        .iter()
        .map(|policy| policy["requestApprovalSettings"].to_string());
    Ok(settings.collect())
}

#[test]
fn a_team_names_no_approver_of_its_own_at_first_nor_later_nor_in_place_of_another() -> Result<()> {
    let grants = bob();
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    let (ours, theirs) = (user("bob@contoso.com"), user("carol@contoso.com"));
    let auditors = json!({"group": {"id": world::AUDITORS_GROUP_ID}});
    let manager = json!({"requestorManager": {"level": 1}});
    let attempts = [
        (json!([{"approvers": [theirs]}]), "approvers[0]"),
        (json!([{"approvers": [auditors]}]), "approvers[0]"),
        (
            json!([{"approvers": [{"targetUserSponsors": {}}, ours]}]),
            "approvers[0]",
        ),
        (json!([{"approvers": [ours, theirs]}]), "approvers[1]"),
        (
            json!([{"approvers": [manager], "fallbackApprovers": [theirs]}]),
            "fallbackApprovers[0]",
        ),
        (
            json!([{"approvers": [ours], "escalation": {"after": "P1D", "approvers": [theirs]}}]),
            "escalation.approvers[0]",
        ),
        (
            json!([{"approvers": [ours, theirs]}, {"approvers": [theirs]}, {"approvers": [auditors, ours]}]),
            "approvers[1]",
        ),
    ];
    for (index, (attempt, field)) in attempts.into_iter().enumerate() {
        let name = format!("attempt-{index}");
        let said = is_refused(&stage, &renamed(stages(&attempt), &name, &name), "LimitExceeded")?;
        let at = format!("spec.approval.stages[0].{field}: grant \"team\" demands a stage in which only these approve");
        assert!(said.starts_with(&at), "{said}");
    }
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 0);

    // Whom the grant names may, and in a stage beside theirs whoever the team likes.
    let fallback = json!([{"approvers": [manager], "fallbackApprovers": [{"group": {"displayName": "Approvers"}}]}]);
    gets(&stage, &renamed(stages(&fallback), "managers", "Managers"))?;
    gets(
        &stage,
        &stages(&json!([{"approvers": [theirs]}, {"approvers": [ours]}])),
    )?;
    each_pair_is_within_one_grant(&stage, &grants);
    // What stands is not moved to somebody else.
    is_refused(&stage, &stages(&json!([{"approvers": [theirs]}])), "LimitExceeded")?;
    visits(&stage, &policy(), 1)?;
    assert!(asked(&stage)?.contains(world::BOB_ID));
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn an_approver_whom_entra_has_and_the_grant_does_not_holds_what_would_be_widened() -> Result<()> {
    let stage = attacked(&bob())?;
    gets(&stage, &with_roles(&[GROUP]))?;
    let id = entra_id(&gets(&stage, &policy())?);
    let carol = json!({"@odata.type": "#microsoft.graph.singleUser", "userId": world::CAROL_ID});
    let before = collection(&stage, "assignmentPolicies")?[0]["requestApprovalSettings"].clone();
    let mut changed = before.clone();
    changed["stages"][0]["primaryApprovers"] = json!([carol]);
    stage
        .emulator()
        .patch_state("assignmentPolicies", &id, &json!({"requestApprovalSettings": changed}))?;
    wait_reason(&stage, &policy(), "Synced", "DriftHeld")?;
    let said = is_refused(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    assert!(
        said.contains("in Entra, managed by AssignmentPolicy marketing/campaign: grant \"team\" demands a stage")
            && said.contains(&format!("user {} is asked beside them", world::CAROL_ID)),
        "{said}"
    );
    visits(&stage, &package(), 1)?;
    assert!(!super::has_crm(&stage));
    stage
        .emulator()
        .patch_state("assignmentPolicies", &id, &json!({"requestApprovalSettings": before}))?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    Ok(())
}

#[test]
fn whom_nobody_finds_approves_nothing_and_the_catalog_says_who_that_is() -> Result<()> {
    let named = |name: &str| {
        let limits = json!({"approvers": {"users": [{"userPrincipalName": name}]}});
        granting(&json!([grant("team", &Value::Null, &limits)]))
    };
    let stage = crate::support::builder().team(crate::support::NAMESPACE).start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&named("bbo@contoso.com"))?;
    let told = wait_reason(&stage, &catalog(), "Ready", "ReferenceNotFound")?;
    assert!(
        message(&told, "Ready").starts_with(
            "spec.grants[0].limits.approvers.users[0]: no user with userPrincipalName \"bbo@contoso.com\" in tenant"
        ),
        "{told:#}"
    );
    gets(&stage, &with_roles(&[GROUP]))?;
    is_refused(&stage, &policy(), "LimitExceeded")?;
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 0);
    // The right name heals both.
    stage.apply_object(&named("bob@contoso.com"))?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    applies(&stage, &policy())?;
    crate::support::all_ready(&stage)?;
    Ok(())
}

#[test]
fn an_approver_that_the_grant_no_longer_names_stands_outside() -> Result<()> {
    let stage = attacked(&bob())?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &policy())?;
    let carol = json!({"approvers": {"users": [{"id": world::CAROL_ID}]}});
    stage.apply_object(&granting(&json!([grant("team", &Value::Null, &carol)])))?;
    refused(&stage, &policy(), "LimitExceeded")?;
    let told = wait_reason(&stage, &catalog(), "Healthy", "LimitExceeded")?;
    assert!(
        message(&told, "Healthy").contains("AssignmentPolicy marketing/campaign"),
        "{told:#}"
    );
    let longer = json!({"spec": {"expiration": {"afterDuration": "P120D"}}});
    is_refused(&stage, &patched(policy(), longer), "LimitExceeded")?;
    let policies = collection(&stage, "assignmentPolicies")?;
    assert_eq!(policies[0]["expiration"]["duration"], "P90D");
    Ok(())
}
