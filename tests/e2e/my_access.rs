//! What a policy means for people: they ask in My Access, others decide, and what they then hold is what the package says.

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::Stage;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Everything Ready; the manager decides about a ticket, and then carol.
fn prepared() -> Outcome<(Stage, String)> {
    let stage = stage()?;
    for object in [tenant(&stage), namespace(NAMESPACE), catalog()] {
        stage.apply_object(&object)?;
    }
    let package = apply_ready(&stage, &package())?;
    apply_ready(&stage, &two_stages())?;
    Ok((stage, entra_id(&package)))
}

fn two_stages() -> Value {
    let bob = json!({"user": {"userPrincipalName": "bob@contoso.com"}});
    let carol = json!({"user": {"userPrincipalName": "carol@contoso.com"}});
    patched(
        policy(),
        json!({"spec": {
            "approval": {"stages": [
                {"approvers": [{"requestorManager": {"level": 1}}], "fallbackApprovers": [bob]},
                {"approvers": [carol]},
            ]},
            "questions": [{"name": "ticket", "prompt": "Which ticket?", "required": true, "text": {"singleLine": true}}],
        }}),
    )
}

/// Somebody asks for the package; answers the request's id.
fn ask(stage: &Stage, package: &str, who: &str, answers: &Value) -> Outcome<String> {
    let request = json!({"requestor": who, "accessPackageId": package, "answers": answers});
    let made = stage.emulator().create_state("assignmentRequests", &request)?;
    Ok(text(&made["id"]).to_owned())
}

/// Why somebody cannot ask for the package.
fn refused(stage: &Stage, package: &str, who: &str, answers: &Value) -> Outcome<String> {
    match ask(stage, package, who, answers) {
        Err(why) => Ok(why.to_string()),
        Ok(id) => Err(format!("{who} asked all the same: {id}").into()),
    }
}

fn decide(stage: &Stage, request: &str, approver: &str) -> Outcome {
    let decision = json!({"decision": {"approver": approver, "approve": true}});
    stage.emulator().patch_state("assignmentRequests", request, &decision)?;
    Ok(())
}

/// ann asks, and both stages let her in.
fn ann_comes_in(stage: &Stage, package: &str) -> Outcome {
    let request = ask(stage, package, world::ANN_ID, &json!({"Which ticket?": "CHG1"}))?;
    decide(stage, &request, world::BOB_ID)?;
    decide(stage, &request, world::CAROL_ID)?;
    wait_state(stage, "ann to be in", |state| {
        is_member(state, world::ANN_ID) && reads_crm(state, world::ANN_ID)
    })?;
    Ok(())
}

fn is_member(state: &Value, person: &str) -> bool {
    let groups = state["directory"]["groups"].as_array().into_iter().flatten();
    let mut campaign = groups.filter(|group| group["id"] == world::CAMPAIGN_GROUP_ID);
    campaign.any(|group| {
        group["members"]
            .as_array()
            .is_some_and(|all| all.contains(&json!(person)))
    })
}

fn reads_crm(state: &Value, person: &str) -> bool {
    let held = state["directory"]["appRoles"].as_array();
    held.into_iter().flatten().any(|role| role["principalId"] == person)
}

#[test]
fn whoever_answers_and_is_approved_at_both_stages_gets_every_role_of_the_package_and_not_before() -> Outcome {
    let (stage, package) = prepared()?;
    let unanswered = refused(&stage, &package, world::ANN_ID, &json!({}))?;
    assert!(unanswered.contains("Which ticket?"), "{unanswered}");

    let request = ask(&stage, &package, world::ANN_ID, &json!({"Which ticket?": "CHG1"}))?;
    let too_soon = decide(&stage, &request, world::CAROL_ID).expect_err("it is not her turn");
    decide(&stage, &request, world::BOB_ID)?;
    intervals(&stage, 1)?;
    let state = stage.emulator().state();
    assert!(
        !is_member(&state, world::ANN_ID) && !reads_crm(&state, world::ANN_ID),
        "{too_soon}"
    );
    decide(&stage, &request, world::CAROL_ID)?;
    wait_state(&stage, "ann to be in", |state| {
        is_member(state, world::ANN_ID) && reads_crm(state, world::ANN_ID)
    })?;
    Ok(())
}

#[test]
fn a_role_that_leaves_the_package_leaves_those_who_hold_it_and_the_others_stay() -> Outcome {
    let (stage, id) = prepared()?;
    ann_comes_in(&stage, &id)?;
    let less = json!([{"resource": "campaign-group", "role": "Member"}]);
    apply_ready(&stage, &patched(package(), json!({"spec": {"resourceRoles": less}})))?;
    let state = wait_state(&stage, "the application's role to leave ann", |state| {
        !reads_crm(state, world::ANN_ID)
    })?;
    assert!(is_member(&state, world::ANN_ID));
    apply_ready(&stage, &package())?;
    wait_state(&stage, "the application's role to come back to ann", |state| {
        reads_crm(state, world::ANN_ID)
    })?;
    Ok(())
}

#[test]
fn a_door_that_is_closed_lets_nobody_in_and_takes_nothing_from_those_who_are_in() -> Outcome {
    let (stage, package) = prepared()?;
    ann_comes_in(&stage, &package)?;
    apply_ready(
        &stage,
        &patched(
            two_stages(),
            json!({"spec": {"requestors": {"selfService": {"add": false}}}}),
        ),
    )?;
    let shut = refused(&stage, &package, world::DAVE_ID, &json!({"Which ticket?": "CHG2"}))?;
    assert!(shut.contains("no policy lets them"), "{shut}");
    intervals(&stage, 2)?;
    let state = stage.emulator().state();
    assert!(is_member(&state, world::ANN_ID) && reads_crm(&state, world::ANN_ID));
    apply_ready(&stage, &two_stages())?;
    ask(&stage, &package, world::DAVE_ID, &json!({"Which ticket?": "CHG2"}))?;
    Ok(())
}

#[test]
fn a_question_in_other_words_is_the_next_one_that_is_asked_and_a_new_approver_the_next_who_decides() -> Outcome {
    let (stage, package) = prepared()?;
    let before = ask(&stage, &package, world::ANN_ID, &json!({"Which ticket?": "CHG1"}))?;
    let reworded = patched(
        two_stages(),
        json!({"spec": {
            "questions": [{"name": "ticket", "prompt": "Which change?", "required": true, "text": {"singleLine": true}}],
            "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "carol@contoso.com"}}]}]},
        }}),
    );
    apply_ready(&stage, &reworded)?;
    let old = refused(&stage, &package, world::DAVE_ID, &json!({"Which ticket?": "CHG2"}))?;
    assert!(old.contains("Which change?"), "{old}");
    let after = ask(&stage, &package, world::DAVE_ID, &json!({"Which change?": "CHG2"}))?;
    decide(&stage, &after, world::CAROL_ID)?;
    wait_state(&stage, "dave to be in", |state| is_member(state, world::DAVE_ID))?;
    // What was asked under the old policy is decided as it was asked.
    decide(&stage, &before, world::BOB_ID)?;
    intervals(&stage, 1)?;
    assert!(!is_member(&stage.emulator().state(), world::ANN_ID));
    decide(&stage, &before, world::CAROL_ID)?;
    wait_state(&stage, "ann to be in", |state| is_member(state, world::ANN_ID))?;
    Ok(())
}

#[test]
fn nobody_gets_a_package_beside_one_that_it_is_separated_from() -> Outcome {
    let (stage, first) = prepared()?;
    ann_comes_in(&stage, &first)?;
    let audit = patched(
        renamed(package(), "audit", "Audit"),
        json!({"spec": {"incompatibleWith": {"accessPackages": [{"name": CAMPAIGN}]},
            "resourceRoles": [{"resource": "crm", "role": "Writer"}]}}),
    );
    let audit = apply_ready(&stage, &audit)?;
    let policy = patched(
        renamed(policy(), "audit", "Audit"),
        json!({"spec": {"accessPackageRef": {"name": "audit"}}}),
    );
    apply_ready(&stage, &policy)?;
    let both = refused(&stage, &entra_id(&audit), world::ANN_ID, &json!({}))?;
    assert!(both.contains("incompatible"), "{both}");
    let request = ask(&stage, &entra_id(&audit), world::DAVE_ID, &json!({}))?;
    decide(&stage, &request, world::BOB_ID)?;
    wait_state(&stage, "dave to be an auditor", |state| {
        reads_crm(state, world::DAVE_ID)
    })?;
    Ok(())
}
