//! What Entra answers otherwise than expected: newer kinds, nulls, pages, texts that the service trims.

use std::error::Error;

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::{Portal, Stage};

type Outcome = Result<(), Box<dyn Error>>;

fn catalog_id(stage: &Stage) -> Result<String, Box<dyn Error>> {
    Ok(entra_id(&now(stage, &catalog())?))
}

/// A package of the catalog that nobody here manages; answers its id.
fn foreign_package(stage: &Stage, portal: &Portal, name: &str) -> Result<String, Box<dyn Error>> {
    let body = json!({
        "displayName": name, "description": "Somebody's", "isHidden": false,
        "catalog": {"id": catalog_id(stage)?},
    });
    let made = portal.send("POST", "accessPackages", &body)?;
    Ok(text(&made["id"]).to_owned())
}

/// A policy of it, closed; answers its id.
fn foreign_policy(portal: &Portal, package: &str) -> Result<String, Box<dyn Error>> {
    let body = json!({
        "displayName": "Somebody's", "description": "Somebody's",
        "allowedTargetScope": "notSpecified", "specificAllowedTargets": [],
        "expiration": {"type": "afterDuration", "duration": "P30D"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": false},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": false, "isApprovalRequiredForUpdate": false, "stages": []},
        "accessPackage": {"id": package},
    });
    let made = portal.send("POST", "assignmentPolicies", &body)?;
    Ok(text(&made["id"]).to_owned())
}

/// Somebody adds a role of a resource of the catalog to a package; answers the role scope's id.
fn hand_out(stage: &Stage, portal: &Portal, package: &str, role: &str) -> Result<String, Box<dyn Error>> {
    let resources = collection(stage, "resources")?;
    let (resource, role) = resources
        .iter()
        .find_map(|resource| {
            let roles = resource["roles"].as_array()?;
            let role = roles.iter().find(|one| one["displayName"] == role)?;
            Some((resource.clone(), role.clone()))
        })
        .ok_or("no resource has the role")?;
    let (id, origin, system) = (&resource["id"], &resource["originId"], &resource["originSystem"]);
    let scope = &resource["scopes"][0];
    let body = json!({
        "role": {
            "id": role["id"], "displayName": role["displayName"], "originId": role["originId"], "originSystem": system,
            "resource": {"id": id, "originId": origin, "originSystem": system},
        },
        "scope": {"id": scope["id"], "originId": scope["originId"], "originSystem": system},
    });
    let made = portal.send("POST", &format!("accessPackages/{package}/resourceRoleScopes"), &body)?;
    Ok(text(&made["id"]).to_owned())
}

#[test]
fn what_cannot_be_read_of_others_stands_for_itself_alone_and_is_told_in_the_log() -> Outcome {
    let stage = real_furnished("its log is read")?;
    let portal = Portal::open(&stage)?;
    let package_id = foreign_package(&stage, &portal, "Somebody's package")?;
    let policy_id = foreign_policy(&portal, &package_id)?;
    let scope = hand_out(&stage, &portal, &package_id, "Writer")?;
    let emulator = stage.emulator();
    emulator.patch_state("assignmentPolicies", &policy_id, &json!({"expiration": {"type": null}}))?;
    intervals(&stage, 2)?;
    all_ready(&stage)?;
    emulator.patch_state("resourceRoleScopes", &scope, &json!({"role": null}))?;
    intervals(&stage, 2)?;
    all_ready(&stage)?;
    // Ours are compared and written as ever.
    let from = mark(&stage);
    apply_ready(
        &stage,
        &patched(package(), json!({"spec": {"description": "Other words"}})),
    )?;
    apply_ready(
        &stage,
        &patched(policy(), json!({"spec": {"description": "Other words"}})),
    )?;
    assert_eq!(writes_since(&stage, from).len(), 2);
    stage.wait_for("the log to tell", SOON, || {
        let log = stage.log();
        if log.contains(&policy_id) && log.contains("cannot be read") {
            Ok(())
        } else {
            Err("nothing yet")
        }
    })?;
    Ok(())
}

#[test]
fn a_package_is_read_whole_however_short_the_pages_are() -> Outcome {
    let mut stage = builder().quirks(json!({"pageSize": 1, "expandPageSize": 1})).start()?;
    furnish(&stage)?;
    stage.restart()?;
    let from = mark(&stage);
    visits(&stage, &package(), 2)?;
    visits(&stage, &policy(), 1)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    // A second policy, made by somebody, is on another page: it is closed with the package.
    let package_id = entra_id(&now(&stage, &package())?);
    let portal = Portal::open(&stage)?;
    foreign_policy(&portal, &package_id)?;
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(collection(&stage, "accessPackages")?, Vec::<Value>::new());
    assert_eq!(collection(&stage, "assignmentPolicies")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_role_that_the_spec_cannot_express_is_not_stripped_by_taking_the_package_over() -> Outcome {
    let world = world::WORLD.replace(
        "mailNickname: marketing-campaign,",
        "mailNickname: marketing-campaign, pim: true,",
    );
    let mut stage = builder().world(&world).start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    let lenient = catalog_with_limits(json!({"adoption": "Allowed", "deletion": ["Delete", "Orphan"]}));
    apply_ready(&stage, &lenient)?;
    stage.restart()?;
    let portal = Portal::open(&stage)?;
    let id = foreign_package(&stage, &portal, "Marketing Campaign Access")?;
    hand_out(&stage, &portal, &id, "Eligible Member")?;
    let born = json!({"createdDateTime": "2024-01-15T09:00:00Z"});
    stage.emulator().patch_state("accessPackages", &id, &born)?;
    let wanted = patched(package(), json!({"spec": {"id": id, "deletionPolicy": "Orphan"}}));
    stage.apply_object(&wanted)?;
    let object = stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to be judged",
        SOON,
        |object| ["UnmanagedSettings", "LimitExceeded"].contains(&reason(object, "Ready").as_str()),
    )?;
    let said = message(&object, "Ready");
    assert!(said.contains("Eligible Member"), "{said}");
    intervals(&stage, 1)?;
    let kept = collection(&stage, "resourceRoleScopes")?;
    assert!(
        kept.iter()
            .any(|scope| text(&scope["role"]["originId"]).starts_with("EligibleMember_")),
        "{kept:#?}"
    );
    Ok(())
}

#[test]
fn texts_that_the_service_trims_are_written_once() -> Outcome {
    let stage = builder().quirks(json!({"trimsTexts": true})).start()?;
    for object in [tenant(&stage), namespace(NAMESPACE)] {
        stage.apply_object(&object)?;
    }
    let wordy = |manifest: Value, words: &str| patched(manifest, json!({"spec": {"description": words}}));
    apply_ready(&stage, &wordy(catalog(), "Resources of marketing\n"))?;
    apply_ready(&stage, &wordy(package(), "Two\r\nlines \n"))?;
    apply_ready(&stage, &wordy(policy(), "One line and a space "))?;
    let from = mark(&stage);
    intervals(&stage, 2)?;
    for manifest in [catalog(), package(), policy()] {
        visit(&stage, &manifest, "once-more")?;
    }
    assert_eq!(writes_since(&stage, from), [""; 0]);
    all_ready(&stage)?;
    Ok(())
}

/// The policy's first stage as Entra has it, after `change` of it.
fn stage_changed(stage: &Stage, id: &str, change: impl Fn(&mut Value)) -> Result<Value, Box<dyn Error>> {
    let policy = element(stage, "assignmentPolicies", id)?.ok_or("the policy is not there")?;
    let mut stages = policy["requestApprovalSettings"]["stages"].clone();
    change(&mut stages[0]);
    let changes = json!({"requestApprovalSettings": {"stages": stages}});
    stage.emulator().patch_state("assignmentPolicies", id, &changes)?;
    Ok(element(stage, "assignmentPolicies", id)?.unwrap_or_default())
}

/// In words, as the path that is told, and as the change of a stage.
type Newer<'a> = (&'a str, String, fn(&mut Value));

#[test]
fn what_a_newer_entra_has_about_approval_is_named_and_lost_by_no_edit() -> Outcome {
    const STAGE: &str = "requestApprovalSettings.stages[0]";
    let stage = furnished()?;
    let id = entra_id(&now(&stage, &policy())?);
    let plain = element(&stage, "assignmentPolicies", &id)?.unwrap_or_default();
    let from = mark(&stage);
    let newer: [Newer; 4] = [
        (
            "dynamic",
            format!("{STAGE} (#microsoft.graph.accessPackageDynamicApprovalStage)"),
            |stage| stage["@odata.type"] = json!("#microsoft.graph.accessPackageDynamicApprovalStage"),
        ),
        ("extended", format!("{STAGE}.customExtension"), |stage| {
            stage["customExtension"] = json!({"id": "00000000-0000-4000-8000-000000000001"});
        }),
        ("backed up", format!("{STAGE}.primaryApprovers[0].isBackup"), |stage| {
            stage["primaryApprovers"][0]["isBackup"] = json!(false);
        }),
        (
            "decided by others",
            format!("{STAGE}.fallbackPrimaryApprovers[0] (#microsoft.graph.aNewKind)"),
            |stage| stage["fallbackPrimaryApprovers"] = json!([{"@odata.type": "#microsoft.graph.aNewKind", "of": 1}]),
        ),
    ];
    for (words, path, change) in newer {
        let found = stage_changed(&stage, &id, change)?;
        // An edit of what is approved by whom, and one of what has nothing to do with it.
        let reworded = json!({"spec": {"description": words}});
        let said = apply_not_ready(&stage, &patched(policy(), reworded), "UnmanagedSettings")?;
        assert!(said.contains(&path) && said.contains(&format!("-> {words}")), "{said}");
        let stages = json!([{"approvers": [{"user": {"userPrincipalName": "carol@contoso.com"}}]}]);
        let others = patched(policy(), json!({"spec": {"approval": {"stages": stages}}}));
        stage.apply_object(&others)?;
        visit(&stage, &others, words)?;
        let said = condition(&now(&stage, &others)?, "Ready");
        assert!(said.starts_with("UnmanagedSettings/") && said.contains(&path), "{said}");
        assert_eq!(writes_since(&stage, from), [""; 0]);
        assert_eq!(element(&stage, "assignmentPolicies", &id)?.as_ref(), Some(&found));

        stage.apply_object(&policy())?;
        visit(&stage, &policy(), &format!("{words}, and wanted as it was"))?;
        stage_changed(&stage, &id, |stage| {
            *stage = plain["requestApprovalSettings"]["stages"][0].clone()
        })?;
        apply_ready(&stage, &policy())?;
    }
    assert_eq!(writes_since(&stage, from), [""; 0]);
    // What is there no more is in nobody's way.
    apply_ready(
        &stage,
        &patched(policy(), json!({"spec": {"description": "Other words"}})),
    )?;
    assert_eq!(writes_since(&stage, from), [format!("PUT assignmentPolicies/{id}")]);
    Ok(())
}

#[test]
fn our_own_that_cannot_be_read_is_neither_gone_nor_made_anew_nor_written_over() -> Outcome {
    let mut stage = furnished()?;
    let correcting = |manifest: Value| patched(manifest, json!({"spec": {"driftPolicy": "Correct"}}));
    let (package, policy) = (correcting(package()), correcting(policy()));
    for manifest in [&package, &policy] {
        apply_ready(&stage, manifest)?;
    }
    let (package_id, policy_id) = (entra_id(&now(&stage, &package)?), entra_id(&now(&stage, &policy)?));
    let told = |stage: &Stage, manifest: &Value| {
        stage.wait_for("it to be said to be unreadable", SOON, || {
            let object = now(stage, manifest).map_err(|error| error.to_string())?;
            match condition(&object, "Ready") {
                said if said.starts_with("GraphRefused/") && said.contains("invalid type: ") => Ok(()),
                said => Err(said),
            }
        })
    };
    let plain = element(&stage, "assignmentPolicies", &policy_id)?.unwrap_or_default();
    // What Graph may answer next year: a word, a number or an object where a switch, a text or a list is now.
    for (name, newer) in [
        (
            "requestorSettings",
            json!({"enableTargetsToSelfAddAccess": "onApproval"}),
        ),
        ("requestApprovalSettings", json!({"stages": {"mode": "any"}})),
        ("expiration", json!({"duration": 90})),
        ("specificAllowedTargets", json!("everybody")),
    ] {
        let from = mark(&stage);
        let newer = json!({name: newer});
        stage.emulator().patch_state("assignmentPolicies", &policy_id, &newer)?;
        let reworded = patched(policy.clone(), json!({"spec": {"description": name}}));
        stage.apply_object(&reworded)?;
        stage.restart()?;
        told(&stage, &reworded)?;
        // Its package stands by itself.
        intervals(&stage, 2)?;
        assert_eq!(writes_since(&stage, from), [""; 0], "{name}");
        let back = json!({name: plain[name]});
        stage.emulator().patch_state("assignmentPolicies", &policy_id, &back)?;
        apply_ready(&stage, &reworded)?;
        assert_eq!(
            writes_since(&stage, from),
            [format!("PUT assignmentPolicies/{policy_id}")]
        );
    }
    let from = mark(&stage);
    let hidden = |how: Value| json!({"isHidden": how});
    stage
        .emulator()
        .patch_state("accessPackages", &package_id, &hidden(json!("partly")))?;
    let reworded = patched(package, json!({"spec": {"description": "Other words"}}));
    stage.apply_object(&reworded)?;
    stage.restart()?;
    told(&stage, &reworded)?;
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    stage
        .emulator()
        .patch_state("accessPackages", &package_id, &hidden(json!(false)))?;
    apply_ready(&stage, &reworded)?;
    assert_eq!(
        writes_since(&stage, from),
        [format!("PATCH accessPackages/{package_id}")]
    );
    Ok(())
}
