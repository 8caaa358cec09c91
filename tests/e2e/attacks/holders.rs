//! A role that is added to a package goes to everybody who holds it: by what they came in counts as a way to it.

use serde_json::{Value, json};
use stage::Result;

use super::{
    CRM, GROUP, Outcome, approved_by, attacked, each_pair_is_within_one_grant, gets, grant, granting, has_crm,
    is_refused, two_grants, with_roles, without_approval,
};
use crate::scene::Stage;
use crate::support::{all_ready, collection, entra_id, package, patched, policy, text, visits};

/// Ann holds the package by this policy.
fn ann_came_in(stage: &Stage, package: &str, policy: &str) -> Result<String> {
    let held = json!({"accessPackageId": package, "assignmentPolicyId": policy, "state": "delivered",
        "target": {"userPrincipalName": "ann@contoso.com"}});
    stage.emulator().create_state("assignments", &held)?;
    let all = collection(stage, "assignments")?;
    Ok(all.last().map(|held| text(&held["id"]).to_owned()).unwrap_or_default())
}

fn is_held(stage: &Stage, words: &str) -> Outcome {
    let said = is_refused(stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    assert!(said.contains("1 person holds the package by "), "{said}");
    assert!(said.contains(words), "{said}");
    assert!(!said.contains("ann@"), "{said}");
    visits(stage, &package(), 1)?;
    assert!(!has_crm(stage));
    Ok(())
}

#[test]
fn a_role_is_not_handed_to_people_who_came_in_before_the_policy_got_its_approver() -> Outcome {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let policy_id = entra_id(&gets(&stage, &without_approval(policy()))?);
    let ann = ann_came_in(&stage, &package_id, &policy_id)?;
    gets(&stage, &approved_by(policy(), "bob@contoso.com"))?;
    is_held(
        &stage,
        "AssignmentPolicy marketing/campaign, which let people in like this at some time: grant \"everything\" demands at least one approval stage (limits.approval)",
    )?;
    each_pair_is_within_one_grant(&stage, &grants);
    // Nobody holds it any more: whoever comes in now is approved.
    stage.emulator().delete_state("assignments", &ann)?;
    all_ready(&stage)?;
    assert!(has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn a_role_goes_to_people_who_came_in_by_all_that_its_grant_demands() -> Outcome {
    let stage = attacked(&two_grants())?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let policy_id = entra_id(&gets(&stage, &policy())?);
    ann_came_in(&stage, &package_id, &policy_id)?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    assert!(has_crm(&stage));
    Ok(())
}

#[test]
fn by_what_people_came_in_is_not_known_of_a_policy_that_nobody_manages_here() -> Outcome {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    // It asks for approval now, and nobody knows what it did before.
    let policy_id = "cccccccc-0000-4000-8000-000000000001";
    let by_hand = json!({"id": policy_id, "displayName": "By hand", "accessPackageId": package_id,
        "allowedTargetScope": "allMemberUsers", "expiration": {"type": "afterDuration", "duration": "P90D"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": true},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": true, "stages": [
            {"durationBeforeAutomaticDenial": "P14D", "primaryApprovers": [
                {"@odata.type": "#microsoft.graph.singleUser", "userId": "57295564-f74c-4031-97d3-d668fe6e6e0a"}]}]}});
    stage.emulator().create_state("assignmentPolicies", &by_hand)?;
    ann_came_in(&stage, &package_id, policy_id)?;
    is_held(&stage, "no AssignmentPolicy of this package manages it")?;
    // Those who run the catalog may say that this does for crm too.
    let lenient = json!([grant("everything", &Value::Null, &json!({"approval": "Optional"}))]);
    stage.apply_object(&granting(&lenient))?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    assert!(has_crm(&stage));
    Ok(())
}

#[test]
fn by_what_people_came_in_is_not_known_of_a_policy_that_was_taken_over() -> Outcome {
    let adopting = json!({"approval": "Optional", "adoption": "Allowed", "deletion": ["Orphan", "Delete"]});
    let grants = json!([
        grant("harmless", &json!(["campaign-group"]), &adopting),
        grant(
            "everything",
            &Value::Null,
            &json!({"adoption": "Allowed", "deletion": ["Orphan", "Delete"]}),
        ),
    ]);
    let stage = attacked(&grants)?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let orphan = patched(
        without_approval(policy()),
        json!({"spec": {"deletionPolicy": "Orphan"}}),
    );
    let policy_id = entra_id(&gets(&stage, &orphan)?);
    ann_came_in(&stage, &package_id, &policy_id)?;
    super::deletes(&stage, &policy())?;
    super::is_gone(&stage, &policy())?;
    let taken = patched(
        policy(),
        json!({"metadata": {"name": "taken"}, "spec": {"id": policy_id, "deletionPolicy": "Orphan"}}),
    );
    gets(&stage, &taken)?;
    is_held(&stage, "is not known")?;
    Ok(())
}
