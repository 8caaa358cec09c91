//! Objects that exist already, and two that want the same one.

use std::error::Error;

use serde_json::{Value, json};

use super::support::*;
use crate::scene::{Portal, Stage};

type Outcome = Result<(), Box<dyn Error>>;

const PAUSED: &str = "access.entra-operator.io/paused";

/// A stage with tenant, namespace and a catalog with these limits. The operator is started anew, so that it does not
/// remember that it made the catalog itself a moment ago, when nothing else could be in it.
fn with_limits(limits: Value) -> Result<Stage, Box<dyn Error>> {
    let mut stage = stage()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog_with_limits(limits))?;
    stage.restart()?;
    Ok(stage)
}

fn lenient() -> Value {
    json!({"adoption": "Allowed", "deletion": ["Delete", "Orphan"]})
}

/// Somebody makes the package by hand; answers its id.
fn made_just_now(stage: &Stage, portal: &Portal) -> Result<String, Box<dyn Error>> {
    let catalog_id = entra_id(&now(stage, &catalog())?);
    let body = json!({
        "displayName": "Marketing Campaign Access", "description": "Made by hand", "isHidden": false,
        "catalog": {"id": catalog_id},
    });
    let made = portal.send("POST", "accessPackages", &body)?;
    let id = text(&made["id"]).to_owned();
    assert!(!id.is_empty(), "{made:#}");
    Ok(id)
}

/// Somebody made the package by hand long ago; answers its id.
fn made_by_hand(stage: &Stage, portal: &Portal) -> Result<String, Box<dyn Error>> {
    let id = made_just_now(stage, portal)?;
    let born = json!({"createdDateTime": "2024-01-15T09:00:00Z"});
    stage.emulator().patch_state("accessPackages", &id, &born)?;
    Ok(id)
}

/// Somebody makes the policy by hand; answers its id.
fn policy_made_by_hand(portal: &Portal, package_id: &str) -> Result<String, Box<dyn Error>> {
    let body = json!({
        "displayName": "Marketing Campaign Policy", "description": "Made by hand",
        "allowedTargetScope": "notSpecified", "specificAllowedTargets": [],
        "expiration": {"type": "afterDuration", "duration": "P30D"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": false},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": false, "isApprovalRequiredForUpdate": false, "stages": []},
        "accessPackage": {"id": package_id},
    });
    let made = portal.send("POST", "assignmentPolicies", &body)?;
    Ok(text(&made["id"]).to_owned())
}

fn ids(stage: &Stage, name: &str) -> Result<Vec<String>, Box<dyn Error>> {
    Ok(collection(stage, name)?
        .iter()
        .map(|element| text(&element["id"]).to_owned())
        .collect())
}

fn by_name(manifest: Value) -> Value {
    patched(
        manifest,
        json!({"spec": {"adoption": "ByName", "deletionPolicy": "Orphan"}}),
    )
}

fn by_id(manifest: Value, id: &str) -> Value {
    patched(manifest, json!({"spec": {"id": id, "deletionPolicy": "Orphan"}}))
}

#[test]
fn a_package_that_exists_is_taken_over_by_its_name_only_where_spec_and_grant_say_so() -> Outcome {
    let stage = with_limits(json!({}))?;
    let portal = Portal::open(&stage)?;
    let id = made_by_hand(&stage, &portal)?;
    let from = mark(&stage);

    let said = apply_not_ready(&stage, &package(), "NameTaken")?;
    for part in [
        "spec.displayName: access package \"Marketing Campaign Access\" exists in catalog \"marketing\"",
        &id,
        "choose another name",
        "spec.adoption: ByName",
        "deletionPolicy",
    ] {
        assert!(said.contains(part), "{part} in: {said}");
    }
    // What becomes of it in the end must be said.
    let silent = patched(package(), json!({"spec": {"adoption": "ByName"}}));
    let refused = stage
        .apply_object(&silent)
        .err()
        .ok_or("deletionPolicy must be written")?;
    assert!(refused.to_string().contains("explicit deletionPolicy"), "{refused}");

    let eager = patched(
        package(),
        json!({"spec": {"adoption": "ByName", "deletionPolicy": "Delete"}}),
    );
    let said = apply_not_ready(&stage, &eager, "LimitExceeded")?;
    assert!(
        said.contains("grant \"marketing\"") && said.contains("limits.adoption"),
        "{said}"
    );
    looks(&stage, &["/catalogs/", "/resources"], 2)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    assert_eq!(ids(&stage, "accessPackages")?, [id.as_str()]);

    apply_ready(&stage, &catalog_with_limits(lenient()))?;
    let object = apply_ready(&stage, &eager)?;
    assert_eq!(entra_id(&object), id);
    wait_event(&stage, &eager, "Adopted", &id)?;
    assert_eq!(ids(&stage, "accessPackages")?, [id.as_str()]);
    let taken = element(&stage, "accessPackages", &id)?.unwrap_or_default();
    assert_eq!(taken["description"], "Everything a campaign needs");
    assert_eq!(collection(&stage, "resourceRoleScopes")?.len(), 2);
    Ok(())
}

#[test]
fn a_package_that_somebody_made_a_moment_ago_does_not_pass_for_ours() -> Outcome {
    let stage = with_limits(json!({}))?;
    let portal = Portal::open(&stage)?;
    let id = made_just_now(&stage, &portal)?;
    let before = element(&stage, "accessPackages", &id)?;
    let said = apply_not_ready(&stage, &package(), "NameTaken")?;
    assert!(said.contains(&id), "{said}");
    looks(&stage, &["/catalogs/", "/resources"], 2)?;
    assert_eq!(element(&stage, "accessPackages", &id)?, before);
    assert_eq!(ids(&stage, "accessPackages")?, [id.as_str()]);
    assert_eq!(collection(&stage, "resourceRoleScopes")?, Vec::<Value>::new());
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(element(&stage, "accessPackages", &id)?, before);
    Ok(())
}

#[test]
fn a_package_is_taken_over_by_its_id_and_left_as_it_is_in_the_end() -> Outcome {
    let stage = with_limits(lenient())?;
    let portal = Portal::open(&stage)?;
    let id = made_by_hand(&stage, &portal)?;
    let unknown = by_id(package(), "00000000-0000-4000-8000-000000000001");
    let said = apply_not_ready(&stage, &renamed(unknown, "unknown", "Unknown"), "AdoptionNotFound")?;
    assert!(said.contains("00000000-0000-4000-8000-000000000001"), "{said}");

    let mut silent = by_id(package(), &id);
    if let Some(spec) = silent["spec"].as_object_mut() {
        spec.remove("deletionPolicy");
    }
    let refused = stage
        .apply_object(&silent)
        .err()
        .ok_or("deletionPolicy must be written")?;
    assert!(refused.to_string().contains("explicit deletionPolicy"), "{refused}");

    let manifest = by_id(renamed(package(), CAMPAIGN, "A New Name"), &id);
    let object = apply_ready(&stage, &manifest)?;
    assert_eq!(entra_id(&object), id);
    assert_eq!(ids(&stage, "accessPackages")?, [id.as_str()]);
    let taken = element(&stage, "accessPackages", &id)?.unwrap_or_default();
    assert_eq!(taken["displayName"], "A New Name");

    // The second to name it stands back, whoever is looked at first after a restart.
    let second = by_id(renamed(package(), "second", "Second"), &id);
    let said = apply_not_ready(&stage, &second, "AlreadyClaimed")?;
    assert!(
        said.contains("AccessPackage marketing/campaign") && said.contains(&id),
        "{said}"
    );
    let mut stage = stage;
    stage.restart()?;
    visits(&stage, &second, 1)?;
    visits(&stage, &manifest, 1)?;
    assert_eq!(reason(&now(&stage, &second)?, "Ready"), "AlreadyClaimed");
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    let taken = element(&stage, "accessPackages", &id)?.unwrap_or_default();
    assert_eq!(taken["displayName"], "A New Name");

    // Nothing is written for the one that never held it, and nothing when the holder goes.
    let from = mark(&stage);
    stage.delete("AccessPackage", "second", Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", "second", Some(NAMESPACE), SOON)?;
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    assert_eq!(ids(&stage, "accessPackages")?, [id]);
    Ok(())
}

#[test]
fn a_second_package_of_the_same_name_is_told_who_has_it_and_gets_it_when_it_is_free() -> Outcome {
    let stage = furnished()?;
    let from = mark(&stage);
    let second = renamed(package(), "second", "Marketing Campaign Access");
    let said = apply_not_ready(&stage, &second, "NameTaken")?;
    assert!(said.contains("managed by AccessPackage marketing/campaign"), "{said}");
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    stage.wait_ready("AccessPackage", "second", Some(NAMESPACE), SOON)?;
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    Ok(())
}

#[test]
fn a_status_copied_to_another_object_proves_nothing() -> Outcome {
    let stage = furnished()?;
    let (first_package, first_policy) = (now(&stage, &package())?, now(&stage, &policy())?);
    let from = mark(&stage);
    let paused = json!({"metadata": {"annotations": {PAUSED: "true"}}});
    let copy_package = patched(renamed(package(), "copy", "A Copy"), paused.clone());
    let copy_policy = patched(renamed(policy(), "copy", "A Copy"), paused);
    let copy_policy = patched(copy_policy, json!({"spec": {"accessPackageRef": {"name": "copy"}}}));
    for (copy, original) in [(&copy_package, &first_package), (&copy_policy, &first_policy)] {
        let (kind, name, namespace) = place(copy);
        stage.apply_object(copy)?;
        wait_reason(&stage, copy, "Healthy", "Paused")?;
        let mut status = original["status"].clone();
        status["observedGeneration"] = json!(1);
        stage.patch(kind, name, namespace, &json!({"status": status}))?;
        assert_eq!(entra_id(&now(&stage, copy)?), entra_id(original));
        stage.annotate(kind, name, namespace, PAUSED, None)?;
    }
    for (copy, original) in [(&copy_package, &first_package), (&copy_policy, &first_policy)] {
        let (kind, name, namespace) = place(copy);
        stage.wait_object(kind, name, namespace, "to have an id of its own", SOON, |object| {
            let id = entra_id(object);
            stage::is_ready(object) && !id.is_empty() && id != entra_id(original)
        })?;
    }
    assert_eq!(collection(&stage, "accessPackages")?.len(), 2);
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 2);
    let touched = |writes: &[String]| {
        let ids = [entra_id(&first_package), entra_id(&first_policy)];
        writes.iter().any(|write| ids.iter().any(|id| write.contains(id)))
    };
    let writes = writes_since(&stage, from);
    assert!(!touched(&writes), "{writes:#?}");

    stage.delete("AccessPackage", "copy", Some(NAMESPACE))?;
    stage.delete("AssignmentPolicy", "copy", Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", "copy", Some(NAMESPACE), SOON)?;
    stage.wait_gone("AssignmentPolicy", "copy", Some(NAMESPACE), SOON)?;
    assert_eq!(ids(&stage, "accessPackages")?, [entra_id(&first_package)]);
    assert_eq!(ids(&stage, "assignmentPolicies")?, [entra_id(&first_policy)]);
    let writes = writes_since(&stage, from);
    assert!(!touched(&writes), "{writes:#?}");
    all_ready(&stage)?;
    Ok(())
}

#[test]
fn a_copied_status_deletes_nothing_even_where_its_object_is_deleted_at_once() -> Outcome {
    let stage = furnished()?;
    let original = now(&stage, &package())?;
    let paused = json!({"metadata": {"annotations": {PAUSED: "true"}}});
    let copy = patched(renamed(package(), "copy", "A Copy"), paused);
    let from = mark(&stage);
    stage.apply_object(&copy)?;
    wait_reason(&stage, &copy, "Healthy", "Paused")?;
    let finalizers = json!({"metadata": {"finalizers": ["access.entra-operator.io/finalizer"]}});
    let (kind, name, namespace) = place(&copy);
    stage.patch(kind, name, namespace, &finalizers)?;
    stage.patch(kind, name, namespace, &json!({"status": original["status"]}))?;
    stage.delete(kind, name, namespace)?;
    stage.annotate(kind, name, namespace, PAUSED, None)?;
    stage.wait_gone(kind, name, namespace, SOON)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    assert_eq!(ids(&stage, "accessPackages")?, [entra_id(&original)]);
    Ok(())
}

// Policies, in the same way.

#[test]
fn a_policy_that_exists_is_taken_over_only_where_spec_and_grant_say_so() -> Outcome {
    let stage = with_limits(json!({}))?;
    let portal = Portal::open(&stage)?;
    let package_id = entra_id(&apply_ready(&stage, &package())?);
    let id = policy_made_by_hand(&portal, &package_id)?;
    let from = mark(&stage);
    // The package says what of it is not managed here.
    let object = stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to list the policy",
        SOON,
        |object| object["status"]["unmanagedPolicies"][0]["id"] == id,
    )?;
    assert!(stage::is_ready(&object));

    let said = apply_not_ready(&stage, &policy(), "NameTaken")?;
    assert!(said.contains(&id) && said.contains("spec.adoption: ByName"), "{said}");
    let eager = patched(
        policy(),
        json!({"spec": {"adoption": "ByName", "deletionPolicy": "Delete"}}),
    );
    let said = apply_not_ready(&stage, &eager, "LimitExceeded")?;
    assert!(said.contains("limits.adoption"), "{said}");
    intervals(&stage, 1)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());

    apply_ready(&stage, &catalog_with_limits(lenient()))?;
    let object = apply_ready(&stage, &eager)?;
    assert_eq!(entra_id(&object), id);
    wait_event(&stage, &eager, "Adopted", &id)?;
    assert_eq!(ids(&stage, "assignmentPolicies")?, [id.as_str()]);
    assert_eq!(
        writes_since(&stage, from),
        [format!("PUT assignmentPolicies/{id}")],
        "one write makes it what the spec says"
    );
    let package = stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to list it no more",
        SOON,
        |object| object["status"]["unmanagedPolicies"][0].is_null(),
    )?;
    assert!(stage::is_ready(&package));

    let second = by_id(renamed(policy(), "second", "Second"), &id);
    let said = apply_not_ready(&stage, &second, "AlreadyClaimed")?;
    assert!(said.contains("AssignmentPolicy marketing/campaign"), "{said}");
    stage.delete("AssignmentPolicy", "second", Some(NAMESPACE))?;
    stage.wait_gone("AssignmentPolicy", "second", Some(NAMESPACE), SOON)?;
    assert_eq!(ids(&stage, "assignmentPolicies")?, [id]);
    Ok(())
}

#[test]
fn adoption_by_name_creates_where_there_is_nothing_to_take_over() -> Outcome {
    let stage = with_limits(lenient())?;
    apply_ready(&stage, &by_name(package()))?;
    apply_ready(&stage, &by_name(policy()))?;
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 1);
    Ok(())
}

const EXTERNAL_ID: &str = "access.entra-operator.io/external-id";

/// A package that was let go and renamed in Entra; answers its id, and the manifest that a backup without status has of it.
fn restored(stage: &Stage) -> Result<(String, Value), Box<dyn Error>> {
    apply_ready(stage, &package())?;
    let backup = wait_annotated(stage, &package())?;
    let id = entra_id(&backup);
    assert_eq!(backup["metadata"]["annotations"][EXTERNAL_ID], json!(id));
    stage.annotate(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "access.entra-operator.io/orphan",
        Some("true"),
    )?;
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    let renamed = json!({"displayName": "Renamed In The Portal"});
    stage.emulator().patch_state("accessPackages", &id, &renamed)?;
    let annotations = json!({"metadata": {"annotations": {EXTERNAL_ID: id}}});
    Ok((id, patched(package(), annotations)))
}

/// Waits until the object carries the id of its object of Entra.
fn wait_annotated(stage: &Stage, manifest: &Value) -> Result<Value, Box<dyn Error>> {
    let (kind, name, namespace) = place(manifest);
    let annotated = stage.wait_object(kind, name, namespace, "to carry its id", SOON, |object| {
        object["metadata"]["annotations"][EXTERNAL_ID].is_string()
    })?;
    Ok(annotated)
}

#[test]
fn what_was_restored_without_its_status_is_found_again_by_its_annotation_and_made_no_second_time() -> Outcome {
    let stage = with_limits(lenient())?;
    let (id, manifest) = restored(&stage)?;
    let from = mark(&stage);
    let said = apply_not_ready(&stage, &manifest, "AdoptionRequired")?;
    for part in [
        EXTERNAL_ID,
        &id,
        "Renamed In The Portal",
        "take it over again",
        "remove the annotation",
    ] {
        assert!(said.contains(part), "{part} in: {said}");
    }
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());

    let object = apply_ready(&stage, &by_name(manifest))?;
    assert_eq!(entra_id(&object), id);
    assert_eq!(ids(&stage, "accessPackages")?, [id]);
    Ok(())
}

#[test]
fn a_restored_object_whose_object_of_entra_is_gone_is_made_anew() -> Outcome {
    let stage = with_limits(lenient())?;
    let (id, manifest) = restored(&stage)?;
    stage.emulator().delete_state("accessPackages", &id)?;
    let object = apply_ready(&stage, &manifest)?;
    assert_ne!(entra_id(&object), id);
    assert_eq!(ids(&stage, "accessPackages")?, [entra_id(&object)]);
    let annotated = stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to carry its new id",
        SOON,
        |object| object["metadata"]["annotations"][EXTERNAL_ID] == object["status"]["entra"]["id"],
    )?;
    assert_eq!(entra_id(&annotated), entra_id(&object));
    Ok(())
}

#[test]
fn a_copy_that_brings_the_annotation_of_its_original_is_an_object_of_its_own() -> Outcome {
    let stage = with_limits(lenient())?;
    apply_ready(&stage, &package())?;
    let original = wait_annotated(&stage, &package())?;
    let copy = renamed(package(), "copy", "A Copy");
    let annotations = json!({"metadata": {"annotations": {EXTERNAL_ID: entra_id(&original)}}});
    let copy = apply_ready(&stage, &by_name(patched(copy, annotations)))?;
    assert_ne!(entra_id(&copy), entra_id(&original));
    Ok(())
}
