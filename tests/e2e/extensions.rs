//! Workflow extensions: which Logic App of its catalog a policy runs, and when.

use serde_json::{Value, json};

use super::support::*;
use crate::scene::Stage;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const TICKET: &str = "78eaee8c-e6cf-48c9-8f99-aae44c35e379";
const REMINDER: &str = "89fbff9d-f7d0-49d0-9faa-bbf55d46f48a";

/// An extension that somebody made in the portal.
fn by_hand(stage: &Stage, catalog: &str, id: &str, display_name: &str, kind: &str) -> Outcome {
    let made = json!({"id": id, "catalogId": catalog, "displayName": display_name, "@odata.type":
        format!("#microsoft.graph.accessPackageAssignment{kind}WorkflowExtension")});
    stage.emulator().create_state("customWorkflowExtensions", &made)?;
    Ok(())
}

/// Everything but the policy, and the id of the catalog.
fn prepared(stage: &Stage) -> Outcome<String> {
    apply_ready(stage, &tenant(stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    let catalog = entra_id(&apply_ready(stage, &catalog())?);
    apply_ready(stage, &package())?;
    Ok(catalog)
}

/// [`policy`] that runs these.
fn running(extensions: &Value) -> Value {
    patched(policy(), json!({"spec": {"extensions": extensions}}))
}

/// What the policy in Entra runs: stage and id.
fn runs(state: &Value) -> Vec<(String, String)> {
    let settings = &state["assignmentPolicies"][0]["customExtensionStageSettings"];
    let settings = settings.as_array().into_iter().flatten();
    settings
        .map(|one| {
            let of = |name: &str| text(&one[name]).to_owned();
            (of("stage"), of("customExtensionId"))
        })
        .collect()
}

fn run(stage: &str, extension: &str) -> (String, String) {
    (stage.to_owned(), extension.to_owned())
}

#[test]
fn extensions_run_by_name_and_by_id_and_a_visit_writes_nothing_more() -> Outcome {
    let stage = stage()?;
    let catalog = prepared(&stage)?;
    by_hand(&stage, &catalog, TICKET, "Open a ticket", "Request")?;
    by_hand(&stage, &catalog, REMINDER, "Remind", "")?;
    let both = running(&json!([
        {"stage": "AssignmentRequestGranted", "displayName": "Open a ticket"},
        {"stage": "AssignmentOneDayBeforeExpiration", "id": REMINDER.to_uppercase()},
    ]));
    let ready = apply_ready(&stage, &both)?;
    let state = stage.emulator().state();
    assert_eq!(runs(&state).len(), 2);
    assert!(
        runs(&state).contains(&run("assignmentRequestGranted", TICKET)),
        "{state:#?}"
    );
    let told = ready["status"]["resolved"].as_array().cloned().unwrap_or_default();
    let name = format!("request workflow extension of catalog {catalog} displayName=Open a ticket");
    assert!(told.contains(&json!({"reference": name, "id": TICKET})), "{told:?}");
    let from = mark(&stage);
    visits(&stage, &both, 2)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    // None is none.
    apply_ready(&stage, &running(&Value::Null))?;
    assert_eq!(runs(&stage.emulator().state()), []);
    Ok(())
}

#[test]
fn one_that_is_made_for_something_else_is_not_meant_and_one_that_comes_is_found() -> Outcome {
    let stage = stage()?;
    let catalog = prepared(&stage)?;
    by_hand(&stage, &catalog, REMINDER, "Open a ticket", "")?;
    let one = running(&json!([{"stage": "AssignmentRequestCreated", "displayName": "Open a ticket"}]));
    let said = apply_not_ready(&stage, &one, "ReferenceNotFound")?;
    assert_eq!(
        said,
        format!(
            "spec.extensions[0]: no request workflow extension with displayName \"Open a ticket\" in catalog {catalog}: the one that there is is made for other stages; name a request workflow extension, or have it run at the stages that it is made for"
        )
    );
    let by_id = running(&json!([{"stage": "AssignmentRequestCreated", "id": REMINDER}]));
    let from = mark(&stage);
    let said = apply_not_ready(&stage, &by_id, "ReferenceNotFound")?;
    assert!(
        said.contains(&format!("no request workflow extension with id {REMINDER:?}"))
            && said.contains("made for other stages"),
        "{said}"
    );
    assert_eq!(writes_since(&stage, from), [""; 0], "it is not sent to be refused");
    by_hand(&stage, &catalog, TICKET, "Open a ticket", "Request")?;
    apply_ready(&stage, &one)?;
    assert_eq!(
        runs(&stage.emulator().state()),
        [run("assignmentRequestCreated", TICKET)]
    );
    Ok(())
}

#[test]
fn one_that_was_taken_out_in_entra_runs_again_and_one_that_was_put_in_is_a_persons_to_decide() -> Outcome {
    let stage = stage()?;
    let catalog = prepared(&stage)?;
    by_hand(&stage, &catalog, TICKET, "Open a ticket", "Request")?;
    let one = running(&json!([{"stage": "AssignmentRequestCreated", "displayName": "Open a ticket"}]));
    let id = entra_id(&apply_ready(&stage, &one)?);
    let patch = |settings: Value| {
        let changes = json!({"customExtensionStageSettings": settings});
        stage.emulator().patch_state("assignmentPolicies", &id, &changes)
    };
    patch(json!([]))?;
    wait_state(&stage, "the extension to run again", |state| {
        runs(state) == [run("assignmentRequestCreated", TICKET)]
    })?;
    // What is put in may be what denies a request.
    patch(json!([
        {"id": "a", "stage": "assignmentRequestCreated", "customExtensionId": TICKET},
        {"id": "b", "stage": "assignmentRequestApproved", "customExtensionId": TICKET}]))?;
    let held = wait_reason(&stage, &one, "Ready", "DriftHeld")?;
    let said = message(&held, "Ready");
    assert!(said.contains("extensions: "), "{said}");
    visit(&stage, &one, "now")?;
    assert_eq!(
        runs(&stage.emulator().state()),
        [run("assignmentRequestCreated", TICKET)]
    );
    Ok(())
}

#[test]
fn one_that_was_set_up_before_the_policy_came_here_is_not_written_over() -> Outcome {
    let stage = stage()?;
    let catalog_id = prepared(&stage)?;
    apply_ready(&stage, &catalog_with_limits(json!({"adoption": "Allowed"})))?;
    by_hand(&stage, &catalog_id, TICKET, "Open a ticket", "Request")?;
    let package = entra_id(&now(&stage, &package())?);
    let there = json!({"displayName": "Marketing Campaign Policy", "accessPackage": {"id": package},
        "customExtensionStageSettings": [
            {"stage": "assignmentRequestCreated", "customExtension": {"id": TICKET}}]});
    stage.emulator().create_state("assignmentPolicies", &there)?;
    stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to list the policy",
        SOON,
        |object| object["status"]["unmanagedPolicies"][0]["id"].is_string(),
    )?;
    let from = mark(&stage);
    let taking = json!({"spec": {"adoption": "ByName", "deletionPolicy": "Delete"}});
    let said = apply_not_ready(&stage, &patched(policy(), taking.clone()), "UnmanagedSettings")?;
    assert!(
        said.contains("workflow extensions (customExtensionStageSettings)"),
        "{said}"
    );
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    // A spec that names it may be written.
    let named = json!([{"stage": "AssignmentRequestCreated", "displayName": "Open a ticket"}]);
    apply_ready(&stage, &patched(running(&named), taking))?;
    assert_eq!(
        runs(&stage.emulator().state()),
        [run("assignmentRequestCreated", TICKET)]
    );
    Ok(())
}

#[test]
fn one_that_is_put_in_beside_a_spec_without_any_is_seen_and_stays_told() -> Outcome {
    let stage = stage()?;
    let catalog = prepared(&stage)?;
    by_hand(&stage, &catalog, TICKET, "Open a ticket", "Request")?;
    let id = entra_id(&apply_ready(&stage, &policy())?);
    stage.pass(std::time::Duration::from_secs(10))?;
    let settings = json!([{"id": "a", "stage": "assignmentRequestCreated", "customExtensionId": TICKET}]);
    let changes = json!({"customExtensionStageSettings": settings});
    stage.emulator().patch_state("assignmentPolicies", &id, &changes)?;
    let held = wait_reason(&stage, &policy(), "Ready", "DriftHeld")?;
    assert!(message(&held, "Ready").contains("extensions: "), "{held:#}");
    intervals(&stage, 3)?;
    let held = now(&stage, &policy())?;
    assert_eq!(reason(&held, "Ready"), "DriftHeld");
    visit(&stage, &policy(), "now")?;
    assert_eq!(runs(&stage.emulator().state()), []);
    Ok(())
}
