//! Who decides is a door: what somebody changes about approvers in Entra is not overruled by the next visit.

use std::error::Error;

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::Stage;

type Outcome = Result<(), Box<dyn Error>>;

/// Policy [`policy`] with two approvers, a fallback and an escalation.
fn guarded() -> Value {
    let user = |id: &str| json!({"user": {"id": id}});
    patched(
        policy(),
        json!({"spec": {"approval": {"stages": [{
            "approvers": [user(world::BOB_ID), user(world::CAROL_ID)],
            "fallbackApprovers": [user(world::DAVE_ID)],
            "decisionTimeout": "P14D",
            "escalation": {"after": "P7D", "approvers": [user(world::DAVE_ID)]},
        }]}}}),
    )
}

fn single(id: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.singleUser", "userId": id})
}

/// The only stage of the policy, as the tenant holds it.
fn stage_of(stage: &Stage, id: &str) -> Result<Value, Box<dyn Error>> {
    let policy = element(stage, "assignmentPolicies", id)?.unwrap_or_default();
    Ok(policy["requestApprovalSettings"]["stages"][0].clone())
}

/// Who decides first, in order.
fn approvers(stage: &Value) -> Vec<&str> {
    let users = stage["primaryApprovers"].as_array().into_iter().flatten();
    let mut ids: Vec<&str> = users.map(|user| text(&user["userId"])).collect();
    ids.sort_unstable();
    ids
}

/// Somebody changes the stage in the portal.
fn change(stage: &Stage, id: &str, change: &Value) -> Outcome {
    let changed = patched(stage_of(stage, id)?, change.clone());
    let patch = json!({"requestApprovalSettings": {"stages": [changed]}});
    stage.emulator().patch_state("assignmentPolicies", id, &patch)?;
    Ok(())
}

fn with_a_policy(policy: &Value) -> Result<(Stage, String), Box<dyn Error>> {
    let stage = stage()?;
    for object in [tenant(&stage), namespace(NAMESPACE), catalog(), package()] {
        stage.apply_object(&object)?;
    }
    let id = entra_id(&apply_ready(&stage, policy)?);
    Ok((stage, id))
}

#[test]
fn an_approver_replaced_in_the_portal_stays_until_somebody_asks_for_the_old_one() -> Outcome {
    let (stage, id) = with_a_policy(&policy())?;
    let from = mark(&stage);
    change(&stage, &id, &json!({"primaryApprovers": [single(world::CAROL_ID)]}))?;
    let object = wait_reason(&stage, &policy(), "Ready", "DriftHeld")?;
    let said = message(&object, "Ready");
    assert!(
        said.contains("approval.stages[0].approvers") && said.contains(world::CAROL_ID),
        "{said}"
    );
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    // Other words in the spec say nothing about who decides.
    let reworded = patched(policy(), json!({"spec": {"description": "Other words"}}));
    stage.apply_object(&reworded)?;
    wait_state(&stage, "the description to change", |state| {
        state["assignmentPolicies"][0]["description"] == "Other words"
    })?;
    assert_eq!(approvers(&stage_of(&stage, &id)?), [world::CAROL_ID]);
    wait_reason(&stage, &policy(), "Ready", "DriftHeld")?;
    visit(&stage, &policy(), "put-it-back")?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(approvers(&stage_of(&stage, &id)?), [world::BOB_ID]);
    assert_eq!(writes_since(&stage, from).len(), 2);
    Ok(())
}

#[test]
fn whoever_closes_a_way_to_a_decision_is_not_overruled() -> Outcome {
    let (stage, id) = with_a_policy(&guarded())?;
    let whole = stage_of(&stage, &id)?;
    let closed = [
        ("approvers", json!({"primaryApprovers": [single(world::BOB_ID)]})),
        ("fallbackApprovers", json!({"fallbackPrimaryApprovers": []})),
        (
            "escalation",
            json!({"isEscalationEnabled": false, "escalationApprovers": [], "durationBeforeEscalation": "PT0S"}),
        ),
        ("decisionTimeout", json!({"durationBeforeAutomaticDenial": "P8D"})),
        ("justification", json!({"isApproverJustificationRequired": true})),
    ];
    for (field, edit) in closed {
        if whole["isApproverJustificationRequired"] == true && field == "justification" {
            continue;
        }
        let from = mark(&stage);
        change(&stage, &id, &edit)?;
        let object = wait_reason(&stage, &guarded(), "Ready", "DriftHeld")?;
        let said = message(&object, "Ready");
        assert!(said.contains(&format!("approval.stages[0].{field}: ")), "{said}");
        intervals(&stage, 1)?;
        assert_eq!(writes_since(&stage, from), [""; 0], "{field}");
        visit(&stage, &guarded(), &format!("put-back-{field}"))?;
        stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
        assert_eq!(
            writes_since(&stage, from),
            [format!("PUT assignmentPolicies/{id}")],
            "{field}"
        );
    }
    assert_eq!(approvers(&stage_of(&stage, &id)?), {
        let mut both = [world::BOB_ID, world::CAROL_ID];
        both.sort_unstable();
        both
    });
    Ok(())
}

#[test]
fn whoever_opens_a_way_to_a_decision_is_put_right_at_once() -> Outcome {
    let (stage, id) = with_a_policy(&guarded())?;
    let before = stage_of(&stage, &id)?;
    let both = || vec![single(world::BOB_ID), single(world::CAROL_ID)];
    let added: Vec<Value> = both().into_iter().chain([single(world::ANN_ID)]).collect();
    let opened = [
        json!({"primaryApprovers": added}),
        json!({"fallbackPrimaryApprovers": [single(world::DAVE_ID), single(world::ANN_ID)]}),
        json!({"escalationApprovers": [single(world::DAVE_ID), single(world::ANN_ID)]}),
        json!({"durationBeforeEscalation": "P1D"}),
        json!({"durationBeforeAutomaticDenial": "P28D"}),
    ];
    for edit in opened {
        let from = mark(&stage);
        change(&stage, &id, &edit)?;
        wait_state(&stage, &format!("{edit} to be put right"), |state| {
            let now = &state["assignmentPolicies"][0]["requestApprovalSettings"]["stages"][0];
            [
                "primaryApprovers",
                "fallbackPrimaryApprovers",
                "escalationApprovers",
                "durationBeforeEscalation",
                "durationBeforeAutomaticDenial",
            ]
            .iter()
            .all(|field| ids_in(&now[field]) == ids_in(&before[field]))
        })?;
        // A call is listed when it was answered, which is after its effect shows.
        let put = vec![format!("PUT assignmentPolicies/{id}")];
        stage.wait_for("the write to be listed", SOON, || match writes_since(&stage, from) {
            writes if writes.is_empty() => Err(json!("none")),
            writes => {
                assert_eq!(writes, put, "{edit}");
                Ok(())
            }
        })?;
    }
    all_ready(&stage)?;
    Ok(())
}

/// What of a field tells it from another: who, or how long.
fn ids_in(field: &Value) -> Vec<String> {
    match field.as_array() {
        Some(users) => {
            let mut ids: Vec<String> = users.iter().map(|user| text(&user["userId"]).to_owned()).collect();
            ids.sort();
            ids
        }
        None => vec![text(field).to_owned()],
    }
}

#[test]
fn an_approver_who_left_or_may_not_sign_in_is_told_and_the_policy_stays() -> Outcome {
    let (stage, id) = with_a_policy(&policy())?;
    stage
        .emulator()
        .patch_state("users", world::BOB_ID, &json!({"accountEnabled": false}))?;
    let disabled = wait_reason(&stage, &policy(), "Healthy", "ApproverUnavailable")?;
    assert_eq!(
        message(&disabled, "Healthy"),
        "spec.approval.stages[0].approvers[0].user: the account is disabled, and who is meant cannot decide; name somebody else, or have the account put right"
    );
    assert!(stage::is_ready(&disabled));
    let from = mark(&stage);
    stage.emulator().delete_state("users", world::BOB_ID)?;
    let said = |object: &Value| message(object, "Healthy").contains("nobody of this name exists any more");
    stage.wait_object(
        "AssignmentPolicy",
        CAMPAIGN,
        Some(NAMESPACE),
        "to say that he left",
        SOON,
        said,
    )?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    assert!(element(&stage, "assignmentPolicies", &id)?.is_some());
    Ok(())
}
