//! Consent that is given later, and tokens that are not accepted.

use std::error::Error;

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::Stage;

type Outcome = Result<(), Box<dyn Error>>;

const ALL: [&str; 6] = [
    "EntitlementManagement.ReadWrite.All",
    "Group.ReadWrite.All",
    "GroupMember.Read.All",
    "Application.ReadWrite.All",
    "Sites.FullControl.All",
    "User.Read.All",
];

/// From now on, tokens say that the operator may do this.
fn consent(stage: &Stage, permissions: &[&str]) -> Outcome {
    let change = json!({"appPermissions": permissions});
    stage
        .emulator()
        .patch_state("applications", world::CLIENT_ID, &change)?;
    Ok(())
}

fn tokens(stage: &Stage) -> usize {
    let requests = stage.emulator().requests();
    requests
        .iter()
        .filter(|request| stage::is_token_request(request))
        .count()
}

fn every_ten_minutes(stage: &Stage) -> Value {
    patched(tenant(stage), json!({"spec": {"driftInterval": "PT10M"}}))
}

#[test]
fn consent_given_after_the_first_token_is_seen_by_a_visit_that_is_asked_for() -> Outcome {
    let stage = stage()?;
    consent(&stage, &[])?;
    let tenant = every_ten_minutes(&stage);
    apply_not_ready(&stage, &tenant, "ConsentMissing")?;
    // It is not asked for again and again by itself.
    let asked = tokens(&stage);
    looks(&stage, &["/catalogs"], 2)?;
    assert_eq!(tokens(&stage), asked);
    consent(&stage, &ALL)?;
    let object = visit(&stage, &tenant, "granted")?;
    assert_eq!(reason(&object, "Ready"), "Connected", "{}", condition(&object, "Ready"));
    // Of what works, nobody asks for another token.
    let asked = tokens(&stage);
    apply_ready(&stage, &catalog())?;
    assert_eq!(tokens(&stage), asked);
    Ok(())
}

#[test]
fn consent_given_after_the_first_token_is_seen_by_itself_within_an_interval() -> Outcome {
    let stage = stage()?;
    consent(&stage, &[])?;
    apply_not_ready(&stage, &tenant(&stage), "ConsentMissing")?;
    consent(&stage, &ALL[..1])?;
    stage.wait_ready("EntraTenant", "default", None, SOON)?;
    // And so is one of which a Catalog was told that it is missing.
    apply_not_ready(&stage, &catalog(), "NeedsTenantPermission")?;
    consent(&stage, &ALL)?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok(())
}

#[test]
fn a_token_that_is_refused_in_its_time_is_made_anew_once() -> Outcome {
    let stage = furnished()?;
    let asked = tokens(&stage);
    stage.emulator().set_quirks(&json!({"rejectTokens": true}))?;
    let from = mark(&stage);
    apply_ready(
        &stage,
        &patched(package(), json!({"spec": {"description": "Other words"}})),
    )?;
    assert_eq!(
        writes_since(&stage, from)
            .iter()
            .filter(|line| line.starts_with("PATCH"))
            .count(),
        1 + refused(&stage, from, "PATCH")
    );
    assert_eq!(tokens(&stage), asked + 1);
    all_ready(&stage)?;
    Ok(())
}

/// How many requests of this method were answered 401.
fn refused(stage: &Stage, from: usize, method: &str) -> usize {
    let calls = stage.emulator().graph_calls_since(from);
    let is_it = |call: &&Value| call["status"] == 401 && text(&call["method"]) == method;
    calls.iter().filter(is_it).count()
}

#[test]
fn tokens_that_are_refused_whatever_is_done_are_told_in_words_and_not_fetched_for_ever() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    let asked = tokens(&stage);
    stage.emulator().set_quirks(&json!({"rejectTokens": 100_000}))?;
    stage.wait_for("the words", SOON, || {
        let object = now(&stage, &tenant(&stage)).map_err(|error| error.to_string())?;
        let said = condition(&object, "Ready");
        if said.starts_with("TokenRefused/") && said.contains("refuses even a fresh token") {
            Ok(())
        } else {
            Err(said)
        }
    })?;
    // However often it tries meanwhile.
    looks(&stage, &["/catalogs"], 3)?;
    assert!(tokens(&stage) <= asked + 2, "{}", tokens(&stage) - asked);
    stage.emulator().set_quirks(&json!({}))?;
    stage.wait_ready("EntraTenant", "default", None, SOON)?;
    Ok(())
}

#[test]
fn what_is_no_refusal_of_entitlement_management_is_no_missing_licence() -> Outcome {
    let odd = json!({"failNext": {"count": 100_000, "status": 400, "code": "BadRequest", "message": "No.", "path": "/catalogs"}});
    let stage = builder().quirks(odd).start()?;
    let said = apply_not_ready(&stage, &tenant(&stage), "GraphRefused")?;
    assert!(said.contains("400 BadRequest"), "{said}");
    stage.emulator().set_quirks(&json!({}))?;
    stage.wait_ready("EntraTenant", "default", None, SOON)?;
    Ok(())
}

#[test]
fn a_permission_that_is_taken_away_and_given_back_is_told_and_heals() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &every_ten_minutes(&stage))?;
    consent(&stage, &[])?;
    // A visit that is asked for sees what a token in its time does not say.
    stage.annotate(
        "EntraTenant",
        "default",
        None,
        RECONCILE_REQUESTED_AT,
        Some("taken-away"),
    )?;
    wait_reason(&stage, &tenant(&stage), "Ready", "ConsentMissing")?;
    consent(&stage, &ALL)?;
    visit(&stage, &tenant(&stage), "given-back")?;
    stage.wait_ready("EntraTenant", "default", None, SOON)?;
    Ok(())
}
