//! Leave to take access away, and to leave behind.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use stage::{Result, workspace};

use super::{
    CRM, GROUP, ORPHAN, Outcome, applies, attacked, attacked_by, deletes, each_pair_is_within_one_grant, gets, grant,
    granting, has_crm, is_gone, is_refused, pauses, refused, removals_since, still_has_access, two_grants, with_roles,
    without_approval,
};
use crate::scene::Portal;
use crate::support::{
    CAMPAIGN, NAMESPACE, SOON, builder, catalog, collection, entra_id, mark, message, package, patched, place, policy,
    renamed, text, visit, visits, wait_event, wait_state,
};

#[test]
fn leave_to_take_access_away_is_asked_of_the_catalog_that_identity_proves() -> Outcome {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let policy_id = entra_id(&gets(&stage, &policy())?);
    let held = Portal::open(&stage)?.assign(&stage, &package_id, &policy_id)?;
    // The package goes by force, and one comes that names a Catalog which does not exist.
    pauses(&stage, &package())?;
    deletes(&stage, &package())?;
    let off = json!({"metadata": {"finalizers": null}});
    stage
        .operator_user()?
        .patch("AccessPackage", CAMPAIGN, Some(NAMESPACE), &off)?;
    is_gone(&stage, &package())?;
    let stranger = patched(
        with_roles(&[GROUP]),
        json!({"spec": {"catalogRef": {"name": "nonesuch"}}}),
    );
    is_refused(&stage, &stranger, "CatalogNotGranted")?;
    let from = mark(&stage);
    let takes = json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}});
    applies(&stage, &patched(policy(), takes))?;
    deletes(&stage, &policy())?;
    refused(&stage, &policy(), "AssignmentsRemain")?;
    assert_eq!(removals_since(&stage, from), 0);
    still_has_access(&stage, &held)?;
    Ok(())
}

#[test]
fn an_orphaned_catalog_waits_for_nobody() -> Result<()> {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    stage.patch(
        "Catalog",
        "marketing",
        None,
        &json!({"spec": {"deletionPolicy": "Orphan"}}),
    )?;
    gets(&stage, &with_roles(&[GROUP]))?;
    pauses(&stage, &package())?;
    deletes(&stage, &package())?;
    stage.delete("Catalog", "marketing", None)?;
    stage.wait_gone("Catalog", "marketing", None, SOON)?;
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    Ok(())
}

#[test]
fn what_may_not_be_left_behind_says_the_one_command_that_ends_its_deletion() -> Result<()> {
    let orphans = json!({"deletion": ["Delete", "Orphan"]});
    let stage = attacked(&json!([grant("team", &Value::Null, &orphans)]))?;
    let kept = json!({"spec": {"deletionPolicy": "Orphan"}});
    gets(&stage, &patched(with_roles(&[GROUP]), kept))?;
    gets(&stage, &policy())?;
    stage
        .team(NAMESPACE)?
        .annotate("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), ORPHAN, Some("true"))?;
    stage.apply_object(&granting(&json!([])))?;
    refused(&stage, &package(), "CatalogNotGranted")?;
    // As the deletion of their namespace does.
    deletes(&stage, &policy())?;
    deletes(&stage, &package())?;
    for (manifest, resource, patch) in [
        (
            policy(),
            "assignmentpolicies",
            json!({"metadata": {"annotations": {ORPHAN: null}}}),
        ),
        (
            package(),
            "accesspackages",
            json!({"spec": {"deletionPolicy": "Delete"}}),
        ),
    ] {
        let command = format!("kubectl patch {resource} campaign -n marketing --type merge -p '{patch}'");
        let (kind, name, namespace) = place(&manifest);
        stage.wait_object(kind, name, namespace, "to say how it ends", SOON, |object| {
            message(object, "Ready").contains(&command)
        })?;
        stage.team(NAMESPACE)?.patch(kind, name, namespace, &patch)?;
        is_gone(&stage, &manifest)?;
    }
    assert_eq!(collection(&stage, "accessPackages")?.len(), 0);
    Ok(())
}

/// Definitions of a newer version, which knows one more scope of requestors.
fn newer_definitions(test: &str) -> std::io::Result<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    fs::create_dir_all(&target)?;
    for entry in fs::read_dir(workspace::root().join("crds"))? {
        let file = entry?.path();
        let lines: Vec<String> = fs::read_to_string(&file)?
            .lines()
            .flat_map(|line| match line.strip_suffix("- AllMemberUsers") {
                Some(indent) => vec![line.to_owned(), format!("{indent}- AllRobots")],
                None => vec![line.to_owned()],
            })
            .collect();
        fs::write(target.join(file.file_name().unwrap_or_default()), lines.join("\n"))?;
    }
    Ok(target)
}

#[test]
fn a_policy_object_that_cannot_be_read_exists_and_holds_its_package() -> Outcome {
    let grants = two_grants();
    let newer = newer_definitions("unreadable-policy")?;
    let stage = attacked_by(builder().definitions(&newer), &grants)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &without_approval(policy()))?;
    applies(
        &stage,
        &patched(
            without_approval(policy()),
            json!({"spec": {"requestors": {"scope": "AllRobots"}}}),
        ),
    )?;
    let said = is_refused(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    // By itself, whatever Entra has of it.
    assert!(
        said.starts_with("AssignmentPolicy \"campaign\": whom it lets in cannot be judged"),
        "{said}"
    );
    visits(&stage, &package(), 1)?;
    assert!(!has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn a_catalog_that_cannot_be_read_gives_no_leave() -> Outcome {
    let newer = newer_definitions("unreadable-catalog")?;
    let takes = json!({"deletion": ["Delete", "DeleteWithAssignments"]});
    let stage = attacked_by(
        builder().definitions(&newer),
        &json!([grant("team", &Value::Null, &takes)]),
    )?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let manifest = patched(policy(), json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}}));
    let policy_id = entra_id(&gets(&stage, &manifest)?);
    let held = Portal::open(&stage)?.assign(&stage, &package_id, &policy_id)?;
    let mut limits = takes;
    limits["requestorScopes"] = json!(["AllRobots"]);
    stage.apply_object(&granting(&json!([grant("team", &Value::Null, &limits)])))?;
    refused(&stage, &package(), "CatalogNotGranted")?;
    let from = mark(&stage);
    deletes(&stage, &policy())?;
    refused(&stage, &policy(), "AssignmentsRemain")?;
    assert_eq!(removals_since(&stage, from), 0);
    still_has_access(&stage, &held)?;
    Ok(())
}

#[test]
fn taking_away_spares_the_assignments_of_other_policies_and_those_that_are_not_told() -> Outcome {
    let takes = json!({"deletion": ["Delete", "DeleteWithAssignments"]});
    let stage = attacked(&json!([grant("team", &Value::Null, &takes)]))?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let manifest = patched(policy(), json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}}));
    let goes = entra_id(&gets(&stage, &manifest)?);
    let other = renamed(policy(), "other", "Other");
    let other_id = entra_id(&gets(&stage, &other)?);
    let held = Portal::open(&stage)?.assign(&stage, &package_id, &other_id)?;
    let dave = stage.emulator().create_state(
        "assignments",
        &json!({"accessPackageId": package_id, "assignmentPolicyId": goes, "target": "dave@contoso.com"}),
    )?;
    let untold = json!({"assignmentPolicyId": null});
    stage.emulator().patch_state("assignments", &held, &untold)?;
    let from = mark(&stage);
    deletes(&stage, &manifest)?;
    refused(&stage, &manifest, "AssignmentsRemain")?;
    let dave = text(&dave["id"]).to_owned();
    wait_state(&stage, "dave's access to end", |state| {
        let assignments = state["assignments"].as_array().cloned().unwrap_or_default();
        !assignments
            .iter()
            .any(|one| one["id"] == dave && one["state"] == "delivered")
    })?;
    assert_eq!(removals_since(&stage, from), 1, "dave's alone");
    still_has_access(&stage, &held)?;
    // Once it is told whose it is, nothing waits any more.
    let told = json!({"assignmentPolicyId": other_id});
    stage.emulator().patch_state("assignments", &held, &told)?;
    is_gone(&stage, &manifest)?;
    still_has_access(&stage, &held)?;
    Ok(())
}

#[test]
fn what_stands_outside_is_told_to_the_team_as_well() -> Result<()> {
    let stage = attacked(&json!([grant("team", &Value::Null, &json!({"approval": "Optional"}))]))?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &without_approval(policy()))?;
    stage.apply_object(&granting(&json!([grant("team", &Value::Null, &json!({}))])))?;
    refused(&stage, &policy(), "LimitExceeded")?;
    wait_event(
        &stage,
        &policy(),
        "LimitExceeded",
        "demands at least one approval stage",
    )?;
    wait_event(&stage, &catalog(), "LimitExceeded", "stand")?;
    // It goes on being as it was: the platform team decides what becomes of it, and the Catalog stays Ready.
    visit(&stage, &policy(), "again")?;
    let policies = collection(&stage, "assignmentPolicies")?;
    assert_eq!(
        policies[0]["requestApprovalSettings"]["isApprovalRequiredForAdd"], false,
        "{policies:#?}"
    );
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok(())
}
