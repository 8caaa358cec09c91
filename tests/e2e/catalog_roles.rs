//! Roles on a catalog in Entra: given by the Catalog, and taken away when it names them no more.

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::Stage;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const OWNER: &str = "ae79f266-94d4-4dab-b730-feca7e132178";
const READER: &str = "44272f93-9762-48e8-af59-1b5351b1d6b3";

fn ann(role: &str) -> Value {
    json!({"name": "ann", "role": role, "principal": {"user": {"userPrincipalName": "ann@contoso.com"}}})
}

/// [`catalog`] with these roles.
fn run_by(roles: &Value) -> Value {
    patched(catalog(), json!({"spec": {"roleAssignments": roles}}))
}

/// Who has which role on a catalog: principal and role.
fn held(state: &Value, catalog: &str) -> Vec<(String, String)> {
    let assignments = state["roleAssignments"].as_array().into_iter().flatten();
    let on_it = assignments.filter(|one| text(&one["appScopeId"]).ends_with(catalog));
    let mut held: Vec<_> = on_it
        .map(|one| {
            (
                text(&one["principalId"]).to_owned(),
                text(&one["roleDefinitionId"]).to_owned(),
            )
        })
        .collect();
    held.sort();
    held
}

fn one(principal: &str, role: &str) -> (String, String) {
    (principal.to_owned(), role.to_owned())
}

/// Somebody else's, given in the portal.
fn by_hand(stage: &Stage, catalog: &str, principal: &str) -> Outcome {
    let made = json!({"principalId": principal, "roleDefinitionId": OWNER,
        "appScopeId": format!("/AccessPackageCatalog/{catalog}")});
    stage.emulator().create_state("roleAssignments", &made)?;
    Ok(())
}

#[test]
fn a_role_is_given_once_and_taken_away_with_its_words_and_what_others_gave_stays() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    let catalog_id = entra_id(&apply_ready(&stage, &catalog())?);
    by_hand(&stage, &catalog_id, world::DAVE_ID)?;
    let from = mark(&stage);
    apply_ready(&stage, &run_by(&json!([ann("CatalogReader")])))?;
    let given = "POST roleManagement/entitlementManagement/roleAssignments";
    assert_eq!(writes_since(&stage, from), [given]);
    visits(&stage, &run_by(&json!([ann("CatalogReader")])), 2)?;
    assert_eq!(writes_since(&stage, from), [given]);
    let state = stage.emulator().state();
    let mut both = [one(world::ANN_ID, READER), one(world::DAVE_ID, OWNER)];
    both.sort();
    assert_eq!(held(&state, &catalog_id), both);
    apply_ready(&stage, &run_by(&Value::Null))?;
    assert_eq!(
        held(&stage.emulator().state(), &catalog_id),
        [one(world::DAVE_ID, OWNER)]
    );
    Ok(())
}

#[test]
fn whoever_lost_a_role_in_entra_is_not_given_it_back_before_a_person_says_so() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    let wanted = run_by(&json!([ann("CatalogOwner")]));
    let catalog_id = entra_id(&apply_ready(&stage, &wanted)?);
    let all = collection(&stage, "roleAssignments")?;
    let of_ann = all
        .iter()
        .find(|one| one["principalId"] == world::ANN_ID)
        .cloned()
        .unwrap_or_default();
    stage.emulator().delete_state("roleAssignments", text(&of_ann["id"]))?;
    let held_back = wait_reason(&stage, &wanted, "Ready", "DriftHeld")?;
    let said = message(&held_back, "Ready");
    assert!(
        said.contains("roleAssignments: missing -> ann (CatalogOwner of "),
        "{said}"
    );
    visit(&stage, &wanted, "now")?;
    assert_eq!(
        held(&stage.emulator().state(), &catalog_id),
        [one(world::ANN_ID, OWNER)]
    );
    Ok(())
}

#[test]
fn one_whose_holder_is_not_found_keeps_nobody_else_waiting() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    let nobody = json!({"name": "nobody", "role": "CatalogReader", "principal": {"group": {"displayName": "Nobody"}}});
    let said = apply_not_ready(
        &stage,
        &run_by(&json!([ann("CatalogReader"), nobody])),
        "ReferenceNotFound",
    )?;
    assert!(
        said.starts_with("spec.roleAssignments[1].principal.group: no group with displayName \"Nobody\""),
        "{said}"
    );
    wait_state(&stage, "ann to have her role", |state| {
        let all = state["roleAssignments"].as_array().into_iter().flatten();
        let mut of_ann = all.filter(|one| one["principalId"] == world::ANN_ID);
        of_ann.next().is_some_and(|one| one["roleDefinitionId"] == READER)
    })?;
    Ok(())
}
