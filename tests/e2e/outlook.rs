//! What people should look at: told in Healthy, read seldom, and never an obstacle.

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::{Portal, Stage};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const GINA_ID: &str = "8a5c8897-2a7f-4364-8a06-a99c2b9b9b3d";
const NOBODY: &str = "0dd00dd0-0000-4000-8000-00000000dead";

/// Everything but the policy.
fn prepared() -> Outcome<Stage> {
    let stage = stage()?;
    for object in [tenant(&stage), namespace(NAMESPACE), catalog(), package()] {
        apply_ready_or_applied(&stage, &object)?;
    }
    Ok(stage)
}

fn apply_ready_or_applied(stage: &Stage, object: &Value) -> Outcome {
    if object["kind"] == "Namespace" {
        stage.apply_object(object)?;
    } else {
        apply_ready(stage, object)?;
    }
    Ok(())
}

/// [`policy`] with these approvers.
fn decided_by(approvers: &Value) -> Value {
    patched(
        policy(),
        json!({"spec": {"approval": {"stages": [{"approvers": approvers}]}}}),
    )
}

/// Waits until Healthy of the object is this: a reason and the beginning of its message.
fn healthy(stage: &Stage, manifest: &Value, wanted: &str) -> Outcome<Value> {
    let (kind, name, namespace) = place(manifest);
    let what = format!("Healthy to be {wanted}");
    let object = stage.wait_object(kind, name, namespace, &what, SOON, |object| {
        condition(object, "Healthy").starts_with(wanted)
    })?;
    assert!(stage::is_ready(&object), "a warning is no obstacle: {object:#}");
    Ok(object)
}

#[test]
fn a_group_of_approvers_that_empties_is_told_until_somebody_is_in_it_again() -> Outcome {
    let stage = prepared()?;
    let policy = decided_by(&json!([{"group": {"displayName": "Approvers"}}]));
    apply_ready(&stage, &policy)?;
    healthy(&stage, &policy, "InSync/")?;
    let from = mark(&stage);
    let empty = json!({"members": []});
    stage
        .emulator()
        .patch_state("groups", world::APPROVERS_GROUP_ID, &empty)?;
    healthy(
        &stage,
        &policy,
        "ApproverUnavailable/spec.approval.stages[0].approvers[0].group: the group has no members, and who is meant cannot decide; have people put into it",
    )?;
    let filled = json!({"members": [world::BOB_ID]});
    stage
        .emulator()
        .patch_state("groups", world::APPROVERS_GROUP_ID, &filled)?;
    healthy(&stage, &policy, "InSync/")?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn an_approver_by_id_who_left_is_told_and_a_guest_unless_named_as_one() -> Outcome {
    let stage = prepared()?;
    let by_id = |id: &str| decided_by(&json!([{"user": {"id": id}}, {"user": {"id": world::BOB_ID}}]));
    apply_ready(&stage, &by_id(GINA_ID))?;
    healthy(
        &stage,
        &policy(),
        "ApproverIsGuest/spec.approval.stages[0].approvers[0].user: \"Gina Guest\" is a guest of the directory; name a member",
    )?;
    let named = json!([{"user": {"userPrincipalName": "gina_fabrikam.com#EXT#@contoso.com"}}]);
    apply_ready(&stage, &decided_by(&named))?;
    healthy(&stage, &policy(), "InSync/")?;
    apply_ready(&stage, &by_id(world::DAVE_ID))?;
    healthy(&stage, &policy(), "InSync/")?;
    stage.emulator().delete_state("users", world::DAVE_ID)?;
    healthy(
        &stage,
        &policy(),
        "ApproverUnavailable/spec.approval.stages[0].approvers[0].user: nobody of this id exists any more",
    )?;
    Ok(())
}

#[test]
fn a_policy_for_everybody_says_which_policy_comes_before_it() -> Outcome {
    let stage = prepared()?;
    apply_ready(&stage, &policy())?;
    let narrow = json!({"spec": {"requestors": {"scope": "SpecificDirectoryUsers",
        "targets": [{"group": {"displayName": "Auditors"}}]}}});
    let narrow = patched(renamed(policy(), "auditors", "Auditors"), narrow);
    let made = apply_ready(&stage, &narrow)?;
    healthy(
        &stage,
        &policy(),
        "PolicyShadowed/spec.requestors.scope: policy \"Auditors\" of the same package names people whom this one means as well",
    )?;
    healthy(&stage, &narrow, "InSync/")?;
    // Whatever nobody can ask by shadows nothing.
    let closed = json!({"requestorSettings": {"enableTargetsToSelfAddAccess": false}});
    stage
        .emulator()
        .patch_state("assignmentPolicies", &entra_id(&made), &closed)?;
    healthy(&stage, &policy(), "InSync/")?;
    Ok(())
}

#[test]
fn those_who_came_in_before_the_expiration_was_shortened_are_counted_until_they_are_gone() -> Outcome {
    let stage = furnished()?;
    let package = entra_id(&now(&stage, &package())?);
    let id = entra_id(&now(&stage, &policy())?);
    let held = Portal::open(&stage)?.assign(&stage, &package, &id)?;
    healthy(&stage, &policy(), "InSync/")?;
    let short = patched(policy(), json!({"spec": {"expiration": {"afterDuration": "P30D"}}}));
    apply_ready(&stage, &short)?;
    healthy(
        &stage,
        &policy(),
        "AssignmentsOutlive/spec.expiration: 1 live assignment ends later than this gives",
    )?;
    let ended = json!({"state": "expired"});
    stage.emulator().patch_state("assignments", &held, &ended)?;
    let object = healthy(&stage, &policy(), "InSync/")?;
    assert_eq!(
        object["status"]["applied"]["fields"]["expiration (shortened)"],
        Value::Null
    );
    // Nothing is counted any more.
    let from = mark(&stage);
    intervals(&stage, 3)?;
    let reads = stage.emulator().graph_calls_since(from);
    let counts = reads.iter().filter(|call| line(call).starts_with("GET assignments?"));
    assert_eq!(counts.count(), 0);
    Ok(())
}

#[test]
fn a_longer_expiration_asks_nobody_how_long_people_stay() -> Outcome {
    let stage = furnished()?;
    let from = mark(&stage);
    let longer = patched(policy(), json!({"spec": {"expiration": {"afterDuration": "P180D"}}}));
    apply_ready(&stage, &longer)?;
    intervals(&stage, 2)?;
    let reads = stage.emulator().graph_calls_since(from);
    assert!(!reads.iter().any(|call| line(call).starts_with("GET assignments")));
    healthy(&stage, &policy(), "InSync/")?;
    Ok(())
}

#[test]
fn people_who_hold_both_of_two_incompatible_packages_are_counted() -> Outcome {
    let stage = furnished()?;
    let audit = renamed(package(), "audit", "Audit Access");
    let of_audit = patched(
        renamed(policy(), "audit", "Audit Policy"),
        json!({"spec": {"accessPackageRef": {"name": "audit"}}}),
    );
    let audit_id = entra_id(&apply_ready(&stage, &audit)?);
    let audit_policy = entra_id(&apply_ready(&stage, &of_audit)?);
    let portal = Portal::open(&stage)?;
    let campaign_id = entra_id(&now(&stage, &package())?);
    portal.assign(&stage, &campaign_id, &entra_id(&now(&stage, &policy())?))?;
    let held = portal.assign(&stage, &audit_id, &audit_policy)?;
    let excluding = |other: &str| json!({"spec": {"incompatibleWith": {"accessPackages": [{"name": other}]}}});
    apply_ready(&stage, &patched(audit.clone(), excluding(CAMPAIGN)))?;
    let campaign = patched(package(), excluding("audit"));
    apply_ready(&stage, &campaign)?;
    let both = "BothHeld/spec.incompatibleWith: 1 person holds this package and package marketing/audit";
    healthy(&stage, &campaign, both)?;
    healthy(
        &stage,
        &audit,
        "BothHeld/spec.incompatibleWith: 1 person holds this package and package marketing/campaign",
    )?;
    // Seldom: not with every visit.
    let from = mark(&stage);
    intervals(&stage, 3)?;
    let reads = stage.emulator().graph_calls_since(from);
    let counts = reads
        .iter()
        .filter(|call| line(call).contains("additionalAccess"))
        .count();
    assert!(counts <= 1, "{counts} counts in three intervals, for two packages");
    stage
        .emulator()
        .patch_state("assignments", &held, &json!({"state": "expired"}))?;
    healthy(&stage, &campaign, "InSync/")?;
    Ok(())
}

#[test]
fn where_guests_are_billed_to_nobody_the_refusal_says_what_to_link() -> Outcome {
    let stage = prepared()?;
    let quirk = |on: bool| json!({"guestBillingNotLinked": on});
    stage.emulator().set_quirks(&quirk(true))?;
    let sponsored = patched(
        decided_by(&json!([{"internalSponsors": {}}])),
        json!({"spec": {"requestors": {"scope": "SpecificDirectoryUsers", "targets": [{"group": {"displayName": "Auditors"}}]}}}),
    );
    let mut sponsored = sponsored;
    sponsored["spec"]["approval"]["stages"][0]["fallbackApprovers"] = json!([{"user": {"id": world::BOB_ID}}]);
    let said = apply_not_ready(&stage, &sponsored, "GuestBillingNotLinked")?;
    assert!(
        said.contains("no Azure subscription is linked that guests are billed to")
            && said.contains("link a subscription"),
        "{said}"
    );
    stage.emulator().set_quirks(&quirk(false))?;
    visit(&stage, &sponsored, "linked")?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    Ok(())
}

#[test]
fn a_resource_that_packages_use_waits_for_them_with_their_number_and_goes_afterwards() -> Outcome {
    let stage = furnished()?;
    let mut without = catalog();
    let resources = without["spec"]["resources"].as_array_mut().ok_or("resources")?;
    resources.retain(|resource| resource["name"] != "crm");
    let from = mark(&stage);
    let said = apply_not_ready(&stage, &without, "InUse")?;
    assert_eq!(
        said,
        "resource crm: 1 access package of the catalog hands out its roles, so it stays in the catalog until they stop: \"Marketing Campaign Access\"; take its roles out of them, or list the resource again"
    );
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0], "Entra is not asked to refuse it");
    let roles = json!({"spec": {"resourceRoles": [{"resource": "campaign-group", "role": "Member"}]}});
    apply_ready(&stage, &patched(package(), roles))?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    let resources = collection(&stage, "resources")?;
    assert!(
        resources
            .iter()
            .all(|one| one["originId"] != world::CRM_SERVICE_PRINCIPAL_ID)
    );
    Ok(())
}

#[test]
fn an_id_that_stands_for_nothing_is_told_by_its_field() -> Outcome {
    let stage = prepared()?;
    let with = |excluded: Value| {
        apply_not_ready(
            &stage,
            &patched(package(), json!({"spec": {"incompatibleWith": excluded}})),
            "ReferenceNotFound",
        )
    };
    assert_eq!(
        with(json!({"accessPackages": [{"id": NOBODY}]}))?,
        format!(
            "spec.incompatibleWith.accessPackages[0]: no access package with id {NOBODY:?} in tenant default; correct the id, or take the entry out"
        )
    );
    let group = with(json!({"accessPackages": null, "groups": [{"id": NOBODY}]}))?;
    assert_eq!(
        group,
        format!(
            "spec.incompatibleWith.groups[0]: no group with id {NOBODY:?} in tenant contoso.com; correct the id or create the group"
        )
    );
    let user = with(json!({"accessPackages": null, "groups": [{"id": world::BOB_ID}]}))?;
    assert!(
        user.contains("it is the id of a user; write the id of a group"),
        "{user}"
    );
    let principal = json!({"spec": {"roleAssignments": [
        {"name": "x", "role": "CatalogReader", "principal": {"user": {"id": NOBODY}}}]}});
    let reader = apply_not_ready(&stage, &patched(catalog(), principal), "ReferenceNotFound")?;
    assert!(
        reader.starts_with(&format!(
            "spec.roleAssignments[0].principal.user: no user with id {NOBODY:?}"
        )),
        "{reader}"
    );
    Ok(())
}
