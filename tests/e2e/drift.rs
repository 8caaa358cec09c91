//! What happens when somebody changes Entra behind the operator's back, and when names move.

use std::error::Error;

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::{Portal, Stage};

type Outcome = Result<(), Box<dyn Error>>;

/// Somebody changes an element in the portal; the operator has until [`SOON`] to answer with as many writes, and makes
/// no further one.
fn is_put_back(stage: &Stage, collection: &str, id: &str, change: Value, writes: &[String]) -> Outcome {
    let before = element(stage, collection, id)?;
    let from = mark(stage);
    stage.emulator().patch_state(collection, id, &change)?;
    assert_ne!(
        without_time(element(stage, collection, id)?),
        without_time(before.clone()),
        "{change}"
    );
    wait_state(stage, &format!("{change} to be put back"), |state| {
        let now = state[collection].as_array().into_iter().flatten();
        let now = now.into_iter().find(|element| element["id"] == id).cloned();
        without_time(now) == without_time(before.clone())
    })?;
    intervals(stage, 1)?;
    assert_eq!(writes_since(stage, from), writes, "{change}");
    Ok(())
}

fn without_time(element: Option<Value>) -> Option<Value> {
    element.map(|element| patched(element, json!({"modifiedDateTime": null})))
}

/// The command in a message that says what puts something back.
fn command_in(said: &str) -> Result<&str, Box<dyn Error>> {
    let start = said.find("kubectl ").ok_or("the message has no command")?;
    let end = said[start..].find(")\"").ok_or("the command has no end")?;
    Ok(&said[start..start + end + 2])
}

fn id_of(stage: &Stage, manifest: &Value) -> Result<String, Box<dyn Error>> {
    Ok(entra_id(&now(stage, manifest)?))
}

fn self_add(stage: &Stage, policy: &str) -> Result<Value, Box<dyn Error>> {
    let policy = element(stage, "assignmentPolicies", policy)?.unwrap_or_default();
    Ok(policy["requestorSettings"]["enableTargetsToSelfAddAccess"].clone())
}

/// Origin ids of the scopes whose roles are handed out, in order.
fn handed_out(stage: &Stage) -> Result<Vec<String>, Box<dyn Error>> {
    let mut origins: Vec<String> = collection(stage, "resourceRoleScopes")?
        .iter()
        .map(|scope| {
            format!(
                "{} {}",
                text(&scope["scope"]["originId"]),
                text(&scope["role"]["originId"])
            )
        })
        .collect();
    origins.sort();
    Ok(origins)
}

// What is put back.

#[test]
fn what_somebody_renames_or_rewords_in_entra_is_put_back_by_itself() -> Outcome {
    let stage = furnished()?;
    let catalog_id = id_of(&stage, &catalog())?;
    let package_id = id_of(&stage, &package())?;
    let policy_id = id_of(&stage, &policy())?;
    let (catalog, package) = (
        [format!("PATCH catalogs/{catalog_id}")],
        [format!("PATCH accessPackages/{package_id}")],
    );
    let policy = [format!("PUT assignmentPolicies/{policy_id}")];
    let portal = json!({"description": "Portal"});
    is_put_back(&stage, "catalogs", &catalog_id, portal.clone(), &catalog)?;
    is_put_back(&stage, "accessPackages", &package_id, portal.clone(), &package)?;
    is_put_back(&stage, "assignmentPolicies", &policy_id, portal, &policy)?;

    let renamed = json!({"displayName": "Renamed in the portal"});
    is_put_back(&stage, "accessPackages", &package_id, renamed.clone(), &package)?;
    is_put_back(&stage, "assignmentPolicies", &policy_id, renamed, &policy)?;
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 1);

    wait_event(
        &stage,
        &super::support::policy(),
        "Updated",
        "description: Portal -> For members of the directory",
    )?;
    Ok(())
}

#[test]
fn what_somebody_opens_in_entra_is_closed_again_by_itself() -> Outcome {
    let stage = furnished()?;
    let (catalog_id, policy_id) = (id_of(&stage, &catalog())?, id_of(&stage, &policy())?);
    let (catalog, policy) = (
        [format!("PATCH catalogs/{catalog_id}")],
        [format!("PUT assignmentPolicies/{policy_id}")],
    );
    is_put_back(
        &stage,
        "catalogs",
        &catalog_id,
        json!({"isExternallyVisible": true}),
        &catalog,
    )?;
    for opened in [
        json!({"allowedTargetScope": "allDirectoryUsers"}),
        json!({"expiration": {"duration": "P365D"}}),
        json!({"requestorSettings": {"enableTargetsToSelfUpdateAccess": true}}),
        json!({"requestApprovalSettings": {"isApprovalRequiredForAdd": false}}),
    ] {
        is_put_back(&stage, "assignmentPolicies", &policy_id, opened, &policy)?;
    }
    Ok(())
}

#[test]
fn a_role_added_in_entra_is_taken_out_and_one_removed_there_is_not_handed_out_again() -> Outcome {
    let stage = furnished()?;
    let id = id_of(&stage, &package())?;
    let wanted = handed_out(&stage)?;

    let portal = Portal::open(&stage)?;
    let resources = collection(&stage, "resources")?;
    let crm = resources
        .iter()
        .find(|resource| resource["originId"] == world::CRM_SERVICE_PRINCIPAL_ID)
        .ok_or("the catalog has no crm")?;
    let roles = crm["roles"].as_array().cloned().unwrap_or_default();
    let writer = roles
        .iter()
        .find(|role| role["displayName"] == "Writer")
        .ok_or("crm has no Writer")?;
    let scope = &crm["scopes"][0];
    let body = json!({
        "role": {
            "id": writer["id"], "displayName": "Writer", "originId": writer["originId"],
            "originSystem": "AadApplication",
            "resource": {"id": crm["id"], "originId": crm["originId"], "originSystem": "AadApplication"},
        },
        "scope": {"id": scope["id"], "originId": scope["originId"], "originSystem": "AadApplication"},
    });
    portal.send("POST", &format!("accessPackages/{id}/resourceRoleScopes"), &body)?;
    let from = mark(&stage);
    assert_eq!(collection(&stage, "resourceRoleScopes")?.len(), 3);
    wait_state(&stage, "the third role to be taken out", |state| {
        state["resourceRoleScopes"].as_array().map(Vec::len) == Some(2)
    })?;
    intervals(&stage, 1)?;
    let writes = writes_since(&stage, from);
    assert_eq!(writes.len(), 1, "{writes:#?}");
    assert!(writes[0].starts_with(&format!("DELETE accessPackages/{id}/resourceRoleScopes/")));
    assert_eq!(handed_out(&stage)?, wanted);

    let reader = collection(&stage, "resourceRoleScopes")?
        .into_iter()
        .find(|scope| scope["scope"]["originId"] == world::CRM_SERVICE_PRINCIPAL_ID)
        .ok_or("the package has no role of crm")?;
    let from = mark(&stage);
    stage
        .emulator()
        .delete_state("resourceRoleScopes", text(&reader["id"]))?;
    let object = wait_reason(&stage, &package(), "Ready", "DriftHeld")?;
    let said = message(&object, "Ready");
    assert!(said.contains("crm/Reader"), "{said}");
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    stage.run(command_in(&said)?)?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(handed_out(&stage)?, wanted);
    Ok(())
}

// What stays as somebody left it, until a person says otherwise.

#[test]
fn requests_that_somebody_switched_off_stay_off_until_the_command_in_the_message_is_run() -> Outcome {
    let stage = real_furnished("a shell and kubectl run the command")?;
    let id = id_of(&stage, &policy())?;
    let from = mark(&stage);
    let off = json!({"requestorSettings": {"enableTargetsToSelfAddAccess": false}});
    stage.emulator().patch_state("assignmentPolicies", &id, &off)?;
    let object = wait_reason(&stage, &policy(), "Ready", "DriftHeld")?;
    for (of, status) in [
        ("Ready", "False"),
        ("Stalled", "True"),
        ("Synced", "False"),
        ("Reconciling", ""),
    ] {
        assert_eq!(status_of(&object, of), status, "{of} of {object:#}");
    }
    let said = message(&object, "Ready");
    assert!(said.contains("requestors.selfService.add: false -> true"), "{said}");
    let command = command_in(&said)?.to_owned();
    assert_eq!(
        command,
        format!(
            "kubectl annotate assignmentpolicies campaign -n marketing --overwrite \
             {RECONCILE_REQUESTED_AT}=\"$(date -u +%FT%TZ)\""
        )
    );
    intervals(&stage, 3)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());

    // Another field changes in the spec: it is written, and the door stays shut.
    let reworded = patched(policy(), json!({"spec": {"description": "Other words"}}));
    stage.apply_object(&reworded)?;
    wait_state(&stage, "the description to change", |state| {
        state["assignmentPolicies"][0]["description"] == "Other words"
    })?;
    wait_reason(&stage, &policy(), "Ready", "DriftHeld")?;
    intervals(&stage, 1)?;
    assert_eq!(writes_since(&stage, from), [format!("PUT assignmentPolicies/{id}")]);
    assert_eq!(self_add(&stage, &id)?, false);

    stage.run(&command)?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(self_add(&stage, &id)?, true);
    intervals(&stage, 1)?;
    assert_eq!(writes_since(&stage, from).len(), 2);
    Ok(())
}

#[test]
fn a_shorter_expiration_and_narrower_requestors_are_held_and_a_spec_that_says_the_same_settles_it() -> Outcome {
    let stage = furnished()?;
    let id = id_of(&stage, &policy())?;
    let from = mark(&stage);
    let shorter = json!({"expiration": {"duration": "P30D"}});
    stage.emulator().patch_state("assignmentPolicies", &id, &shorter)?;
    let object = wait_reason(&stage, &policy(), "Ready", "DriftHeld")?;
    let said = message(&object, "Ready");
    assert!(said.contains("expiration: after 30 days -> after 90 days"), "{said}");
    intervals(&stage, 1)?;
    let same = patched(policy(), json!({"spec": {"expiration": {"afterDuration": "P30D"}}}));
    apply_ready(&stage, &same)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_catalog_unpublished_in_entra_stays_so_until_somebody_asks() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    let published = patched(catalog(), json!({"spec": {"state": "Published"}}));
    let id = entra_id(&apply_ready(&stage, &published)?);
    let from = mark(&stage);
    stage
        .emulator()
        .patch_state("catalogs", &id, &json!({"state": "unpublished"}))?;
    let object = wait_reason(&stage, &published, "Ready", "DriftHeld")?;
    let said = message(&object, "Ready");
    assert!(said.contains("state: unpublished -> published"), "{said}");
    looks(&stage, &[&format!("/catalogs/{id}/resources")], 2)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    stage.run(command_in(&said)?)?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    assert_eq!(writes_since(&stage, from), [format!("PATCH catalogs/{id}")]);
    Ok(())
}

#[test]
fn a_package_deleted_in_entra_is_reported_and_made_anew_only_on_request() -> Outcome {
    let stage = furnished()?;
    let (old_package, old_policy) = (id_of(&stage, &package())?, id_of(&stage, &policy())?);
    let from = mark(&stage);
    stage.emulator().delete_state("accessPackages", &old_package)?;
    let object = wait_reason(&stage, &package(), "Ready", "DeletedInEntra")?;
    assert_eq!(status_of(&object, "Stalled"), "True");
    let said = message(&object, "Ready");
    wait_reason(&stage, &policy(), "Ready", "DeletedInEntra")?;
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());

    stage.run(command_in(&said)?)?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    let new_package = id_of(&stage, &package())?;
    assert_ne!(new_package, old_package);
    // The policy of a package made anew was deleted as well, and is asked for by itself.
    let object = wait_reason(&stage, &policy(), "Ready", "DeletedInEntra")?;
    assert_eq!(collection(&stage, "assignmentPolicies")?, Vec::<Value>::new());
    stage.run(command_in(&message(&object, "Ready"))?)?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_ne!(id_of(&stage, &policy())?, old_policy);
    let policies = collection(&stage, "assignmentPolicies")?;
    assert_eq!(policies.len(), 1, "{policies:#?}");
    assert_eq!(policies[0]["accessPackageId"], new_package);
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    assert_eq!(handed_out(&stage)?.len(), 2);
    Ok(())
}

#[test]
fn a_policy_deleted_in_entra_is_reported_and_made_anew_only_on_request() -> Outcome {
    let stage = furnished()?;
    let old = id_of(&stage, &policy())?;
    let from = mark(&stage);
    stage.emulator().delete_state("assignmentPolicies", &old)?;
    let object = wait_reason(&stage, &policy(), "Ready", "DeletedInEntra")?;
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    stage.run(command_in(&message(&object, "Ready"))?)?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_ne!(id_of(&stage, &policy())?, old);
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 1);
    assert_eq!(writes_since(&stage, from), ["POST assignmentPolicies"]);
    Ok(())
}

// The other drift policies.

#[test]
fn drift_policy_correct_puts_everything_back_without_being_asked() -> Outcome {
    let stage = furnished()?;
    let correct = |manifest| patched(manifest, json!({"spec": {"driftPolicy": "Correct"}}));
    apply_ready(&stage, &correct(package()))?;
    apply_ready(&stage, &correct(policy()))?;
    let (package_id, policy_id) = (id_of(&stage, &package())?, id_of(&stage, &policy())?);
    let off = json!({"requestorSettings": {"enableTargetsToSelfAddAccess": false}});
    is_put_back(
        &stage,
        "assignmentPolicies",
        &policy_id,
        off,
        &[format!("PUT assignmentPolicies/{policy_id}")],
    )?;
    stage.emulator().delete_state("accessPackages", &package_id)?;
    wait_state(&stage, "package and policy to be made anew", |state| {
        let package = &state["accessPackages"][0]["id"];
        package.is_string() && *package != package_id && state["assignmentPolicies"][0]["accessPackageId"] == *package
    })?;
    all_ready(&stage)?;
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 1);
    assert_eq!(handed_out(&stage)?.len(), 2);
    Ok(())
}

#[test]
fn drift_policy_report_puts_nothing_back_and_stays_ready() -> Outcome {
    let stage = furnished()?;
    let reported = patched(package(), json!({"spec": {"driftPolicy": "Report"}}));
    apply_ready(&stage, &reported)?;
    let id = id_of(&stage, &package())?;
    let from = mark(&stage);
    stage
        .emulator()
        .patch_state("accessPackages", &id, &json!({"description": "Portal"}))?;
    let object = wait_reason(&stage, &package(), "Synced", "DriftReported")?;
    assert_eq!(
        (status_of(&object, "Ready"), status_of(&object, "Synced")),
        ("True".into(), "False".into())
    );
    assert!(
        message(&object, "Synced").contains("Portal -> Everything a campaign needs"),
        "{object:#}"
    );
    visits(&stage, &package(), 1)?;
    intervals(&stage, 1)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    // The spec itself is still carried out.
    apply_ready(
        &stage,
        &patched(reported, json!({"spec": {"description": "Other words"}})),
    )?;
    assert_eq!(writes_since(&stage, from), [format!("PATCH accessPackages/{id}")]);
    Ok(())
}

#[test]
fn a_review_that_somebody_adds_by_hand_stays_through_edits_until_somebody_asks() -> Outcome {
    let stage = furnished()?;
    let id = id_of(&stage, &policy())?;
    let from = mark(&stage);
    let review = json!({"reviewSettings": {
        "isEnabled": true, "expirationBehavior": "keepAccess", "isRecommendationEnabled": true,
        "isReviewerJustificationRequired": true, "isSelfReview": true,
        "schedule": {"startDateTime": "2026-01-01T00:00:00Z", "expiration": {"type": "afterDuration", "duration": "P7D"},
            "recurrence": {"pattern": {"type": "absoluteMonthly", "interval": 6}, "range": {"type": "noEnd"}}},
        "primaryReviewers": [], "fallbackReviewers": [],
    }});
    stage.emulator().patch_state("assignmentPolicies", &id, &review)?;
    let series = element(&stage, "assignmentPolicies", &id)?.unwrap_or_default()["reviewSettings"]["schedule"].clone();
    intervals(&stage, 1)?;
    let reworded = patched(policy(), json!({"spec": {"description": "Other words"}}));
    let said = apply_not_ready(&stage, &reworded, "DriftHeld")?;
    assert!(said.contains("review: every 6 months for 7 days"), "{said}");
    intervals(&stage, 1)?;
    let put = format!("PUT assignmentPolicies/{id}");
    assert_eq!(
        writes_since(&stage, from),
        std::slice::from_ref(&put),
        "the words alone"
    );
    let kept = element(&stage, "assignmentPolicies", &id)?.unwrap_or_default();
    assert_eq!(kept["description"], "Other words");
    assert_eq!(
        kept["reviewSettings"]["schedule"]["startDateTime"],
        series["startDateTime"]
    );
    assert_eq!(kept["reviewSettings"]["isEnabled"], true);

    visit(&stage, &reworded, "away-with-it")?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(writes_since(&stage, from), [put.clone(), put]);
    let rid = element(&stage, "assignmentPolicies", &id)?.unwrap_or_default();
    assert_eq!(rid["reviewSettings"], Value::Null);
    Ok(())
}

#[test]
fn a_policy_with_settings_that_are_newer_than_this_version_is_not_overwritten() -> Outcome {
    let stage = furnished()?;
    let id = id_of(&stage, &policy())?;
    let whole = element(&stage, "assignmentPolicies", &id)?.unwrap_or_default();
    let stage_of = |whole: &Value| whole["requestApprovalSettings"]["stages"][0].clone();
    let newer_stage = patched(stage_of(&whole), json!({"verifiedIdRule": {"isRequired": true}}));
    let newer = [
        (
            "verifiedIdSettings",
            json!({"verifiedIdSettings": {"isRequired": true}}),
            json!({"verifiedIdSettings": null}),
        ),
        (
            "requestApprovalSettings.stages[0].verifiedIdRule",
            json!({"requestApprovalSettings": {"stages": [newer_stage]}}),
            json!({"requestApprovalSettings": {"stages": [stage_of(&whole)]}}),
        ),
    ];
    for (index, (path, there, gone)) in newer.into_iter().enumerate() {
        let from = mark(&stage);
        stage.emulator().patch_state("assignmentPolicies", &id, &there)?;
        let reworded = patched(
            policy(),
            json!({"spec": {"description": format!("Other words {index}")}}),
        );
        let said = apply_not_ready(&stage, &reworded, "UnmanagedSettings")?;
        assert!(said.contains(path), "{said}");
        intervals(&stage, 1)?;
        assert_eq!(writes_since(&stage, from), Vec::<String>::new());
        stage.emulator().patch_state("assignmentPolicies", &id, &gone)?;
        stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    }
    Ok(())
}

// Names.

#[test]
fn a_group_s_name_that_moves_to_another_group_changes_nothing_and_is_told() -> Outcome {
    let stage = furnished()?;
    let wanted = handed_out(&stage)?;
    let from = mark(&stage);
    let name = |name: &str| json!({"displayName": name});
    let emulator = stage.emulator();
    emulator.patch_state("groups", world::CAMPAIGN_GROUP_ID, &name("Renamed Campaign"))?;
    emulator.patch_state("groups", world::AUDITORS_GROUP_ID, &name("Marketing Campaign"))?;
    let object = wait_reason(&stage, &catalog(), "Healthy", "ReferenceMoved")?;
    let said = message(&object, "Healthy");
    assert!(
        said.contains(world::AUDITORS_GROUP_ID) && said.contains(world::CAMPAIGN_GROUP_ID),
        "{said}"
    );
    assert!(stage::is_ready(&object), "{object:#}");
    visits(&stage, &catalog(), 1)?;
    visits(&stage, &package(), 1)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    assert_eq!(handed_out(&stage)?, wanted);
    Ok(())
}

#[test]
fn a_package_renamed_in_the_spec_stays_the_same_package() -> Outcome {
    let stage = furnished()?;
    let (package_id, policy_id) = (id_of(&stage, &package())?, id_of(&stage, &policy())?);
    let from = mark(&stage);
    let renamed = json!({"spec": {"displayName": "Another Name"}});
    apply_ready(&stage, &patched(package(), renamed.clone()))?;
    apply_ready(&stage, &patched(policy(), renamed))?;
    intervals(&stage, 1)?;
    assert_eq!(
        writes_since(&stage, from),
        [
            format!("PATCH accessPackages/{package_id}"),
            format!("PUT assignmentPolicies/{policy_id}")
        ]
    );
    assert_eq!(collection(&stage, "accessPackages")?[0]["displayName"], "Another Name");
    Ok(())
}

#[test]
fn an_approver_s_name_that_moves_to_another_user_changes_nothing_until_the_field_changes() -> Outcome {
    let stage = furnished()?;
    let approver = |stage: &Stage| -> Result<Value, Box<dyn Error>> {
        let policies = collection(stage, "assignmentPolicies")?;
        Ok(policies[0]["requestApprovalSettings"]["stages"][0]["primaryApprovers"][0]["userId"].clone())
    };
    assert_eq!(approver(&stage)?, world::BOB_ID);
    let from = mark(&stage);
    let named = |name: &str| json!({"userPrincipalName": name});
    stage
        .emulator()
        .patch_state("users", world::BOB_ID, &named("robert@contoso.com"))?;
    stage
        .emulator()
        .patch_state("users", world::DAVE_ID, &named("bob@contoso.com"))?;
    let object = wait_reason(&stage, &policy(), "Healthy", "ReferenceMoved")?;
    assert!(message(&object, "Healthy").starts_with("spec.approval.stages[0].approvers[0].user: "));
    assert!(stage::is_ready(&object), "{object:#}");
    visits(&stage, &policy(), 1)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    assert_eq!(approver(&stage)?, world::BOB_ID);

    // The field names somebody else, and then that name again: now it means who has it now.
    for (name, id) in [
        ("carol@contoso.com", world::CAROL_ID),
        ("bob@contoso.com", world::DAVE_ID),
    ] {
        let approval = json!({"stages": [{"approvers": [{"user": named(name)}]}]});
        apply_ready(&stage, &patched(policy(), json!({"spec": {"approval": approval}})))?;
        assert_eq!(approver(&stage)?, id, "{name}");
    }
    Ok(())
}
