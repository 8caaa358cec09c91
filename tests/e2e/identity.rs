//! Who is who when answers are lost, lists lag, clocks differ and status cannot be written.

use std::time::Duration;

use serde_json::{Value, json};
use stage::Result;

use crate::scene::{Portal, Stage, StageBuilder};
use crate::{
    support::{
        CAMPAIGN, NAMESPACE, SOON, all_ready, apply_not_ready, apply_ready, builder, catalog, collection, element,
        entra_id, furnish, furnished, intervals, looks, mark, message, namespace, now, package, patched, place, policy,
        renamed, tenant, text, wait_reason, wait_state, writes_since,
    },
    truth::{deny_status, ever, give_leave},
};

type Outcome<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// As [`builder`], where a write may take this many seconds to show.
fn patient_builder(seconds: u64) -> StageBuilder {
    builder().visibility(seconds)
}

fn count(stage: &Stage, name: &str) -> Result<usize> {
    collection(stage, name).map(|found| found.len())
}

fn correcting(manifest: Value) -> Value {
    patched(manifest, json!({"spec": {"driftPolicy": "Correct"}}))
}

/// Waits until the object is Ready with another id than this.
fn ready_anew(stage: &Stage, manifest: &Value, old: &str) -> Result<String> {
    let (kind, name, namespace) = place(manifest);
    let object = stage.wait_object(kind, name, namespace, "to be made anew", SOON, |object| {
        let id = entra_id(object);
        stage::is_ready(object) && !id.is_empty() && id != old
    })?;
    Ok(entra_id(&object))
}

#[test]
fn what_is_made_anew_and_whose_answer_is_lost_is_one_object_and_goes_with_ours() -> Outcome {
    let stage = patient_builder(4).start()?;
    furnish(&stage)?;
    let (package, policy) = (correcting(package()), correcting(policy()));
    apply_ready(&stage, &package)?;
    apply_ready(&stage, &policy)?;
    let old_policy = entra_id(&now(&stage, &policy)?);
    // Its answer is lost, and the lists do not show it for a while.
    stage.emulator().set_quirks(&json!({
        "dropAfterCommit": {"count": 1, "method": "POST", "path": "/assignmentPolicies"}, "replicationLag": 2_500,
    }))?;
    stage.emulator().delete_state("assignmentPolicies", &old_policy)?;
    let made = ready_anew(&stage, &policy, &old_policy)?;
    intervals(&stage, 2)?;
    assert_eq!(count(&stage, "assignmentPolicies")?, 1);

    let old_package = entra_id(&now(&stage, &package)?);
    stage.emulator().set_quirks(&json!({
        "dropAfterCommit": {"count": 1, "method": "POST", "path": "/accessPackages"},
    }))?;
    stage.emulator().delete_state("accessPackages", &old_package)?;
    ready_anew(&stage, &package, &old_package)?;
    ready_anew(&stage, &policy, &made)?;
    assert_eq!(count(&stage, "accessPackages")?, 1);
    assert_eq!(count(&stage, "assignmentPolicies")?, 1);

    // The same, and the object is deleted before anybody found what was made.
    let old_package = entra_id(&now(&stage, &package)?);
    stage.emulator().set_quirks(&json!({
        "dropAfterCommit": {"count": 1, "method": "POST", "path": "/accessPackages"}, "replicationLag": 2_500,
    }))?;
    stage.emulator().delete_state("accessPackages", &old_package)?;
    stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to have an intent",
        SOON,
        |object| object["status"]["intent"].is_object(),
    )?;
    wait_state(&stage, "the package to be made", |state| {
        state["accessPackages"].as_array().is_some_and(|all| all.len() == 1)
    })?;
    for kind in ["AssignmentPolicy", "AccessPackage"] {
        stage.delete(kind, CAMPAIGN, Some(NAMESPACE))?;
    }
    for kind in ["AssignmentPolicy", "AccessPackage"] {
        stage.wait_gone(kind, CAMPAIGN, Some(NAMESPACE), SOON)?;
    }
    assert_eq!(count(&stage, "accessPackages")?, 0);
    assert!(!ever(&stage, |_, reason| reason == "NameTaken"), "{}", stage.log());
    Ok(())
}

#[test]
fn an_id_that_cannot_be_stored_is_stored_as_soon_as_it_can_be() -> Outcome {
    let stage = furnished()?;
    deny_status(&stage, "assignmentpolicies", "!has(object.status.entra)", "Forbidden")?;
    let second = renamed(policy(), "second", "Second");
    stage.apply_object(&second)?;
    wait_state(&stage, "the policy to be made", |state| {
        let all = state["assignmentPolicies"].as_array();
        all.is_some_and(|all| all.iter().any(|one| one["displayName"] == "Second"))
    })?;
    // It is found, cannot be stored, is found again; and no intent is too old for that.
    looks(&stage, &["/assignmentPolicies"], 4)?;
    assert!(entra_id(&now(&stage, &second)?).is_empty());
    give_leave(&stage, "assignmentpolicies")?;
    let (kind, name, namespace) = place(&second);
    let object = stage.wait_ready(kind, name, namespace, SOON)?;
    assert!(element(&stage, "assignmentPolicies", &entra_id(&object))?.is_some());
    assert_eq!(count(&stage, "assignmentPolicies")?, 2);
    assert!(!ever(&stage, |_, reason| reason == "NameTaken" || reason == "AlreadyClaimed"));
    Ok(())
}

#[test]
fn five_policies_at_once_whose_answers_are_lost_are_five() -> Outcome {
    let stage = patient_builder(4).start()?;
    for object in [tenant(&stage), namespace(NAMESPACE), catalog(), package()] {
        stage.apply_object(&object)?;
    }
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    stage.emulator().set_quirks(&json!({
        "latency": 1_500, "replicationLag": {"lists": 3_900, "expands": 3_900},
        "dropAfterCommit": {"count": 5, "method": "POST", "path": "/assignmentPolicies"},
    }))?;
    let policies: Vec<Value> = (0..5)
        .map(|n| renamed(policy(), &format!("policy-{n}"), &format!("Policy {n}")))
        .collect();
    let all: Vec<String> = policies.iter().map(Value::to_string).collect();
    stage.apply(&all.join("\n---\n"))?;
    let mut ids = std::collections::BTreeSet::new();
    for policy in &policies {
        let (kind, name, namespace) = place(policy);
        ids.insert(entra_id(&stage.wait_ready(kind, name, namespace, 4 * SOON)?));
    }
    assert_eq!(count(&stage, "assignmentPolicies")?, 5);
    assert_eq!(ids.len(), 5);
    // An intent that is given up too early stumbles over its own outcome, at best.
    assert!(!ever(&stage, |_, reason| reason == "NameTaken"), "{}", stage.log());
    Ok(())
}

#[test]
fn of_two_who_make_the_same_the_one_that_is_refused_takes_nothing_over() -> Outcome {
    let stage = builder().start()?;
    for object in [tenant(&stage), namespace(NAMESPACE), catalog()] {
        stage.apply_object(&object)?;
    }
    let catalog_id = entra_id(&stage.wait_ready("Catalog", "marketing", None, SOON)?);
    let portal = Portal::open(&stage)?;
    stage.emulator().set_quirks(&json!({
        "hangNext": {"count": 1, "ms": 2_500, "method": "POST", "path": "/accessPackages"},
    }))?;
    stage.apply_object(&package())?;
    stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to have an intent",
        SOON,
        |object| object["status"]["intent"].is_object(),
    )?;
    stage.wait_for("the create to be under way", SOON, || {
        match stage.emulator().quirks()["hangNext"].is_null() {
            true => Ok(()),
            false => Err("not yet"),
        }
    })?;
    // Another cluster, with the same manifest, at the same moment.
    let theirs = portal.send(
        "POST",
        "accessPackages",
        &json!({"displayName": package()["spec"]["displayName"], "description": package()["spec"]["description"],
            "isHidden": false, "catalog": {"id": catalog_id}}),
    )?;
    let taken = wait_reason(&stage, &package(), "Ready", "NameTaken")?;
    assert!(message(&taken, "Ready").contains(text(&theirs["id"])), "{taken:#}");
    intervals(&stage, 2)?;
    let after = now(&stage, &package())?;
    assert!(
        after["status"]["intent"].is_null() && after["status"]["entra"].is_null(),
        "{after:#}"
    );
    assert_eq!(count(&stage, "accessPackages")?, 1);
    assert_eq!(count(&stage, "resourceRoleScopes")?, 0);
    Ok(())
}

#[test]
fn what_was_forced_away_while_paused_is_taken_over_by_the_same_manifest() -> Outcome {
    let stage = builder().start()?;
    for object in [tenant(&stage), namespace(NAMESPACE)] {
        stage.apply_object(&object)?;
    }
    apply_ready(
        &stage,
        &crate::support::catalog_with_limits(json!({"adoption": "Allowed"})),
    )?;
    let id = entra_id(&apply_ready(&stage, &package())?);
    stage.annotate(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "access.entra-operator.io/paused",
        Some("true"),
    )?;
    wait_reason(&stage, &package(), "Healthy", "Paused")?;
    stage.patch(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        &json!({"metadata": {"finalizers": null}}),
    )?;
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    let again = patched(
        package(),
        json!({"spec": {"adoption": "ByName", "deletionPolicy": "Delete"}}),
    );
    assert_eq!(entra_id(&apply_ready(&stage, &again)?), id);
    assert!(!ever(&stage, |_, reason| reason == "AlreadyClaimed"));
    assert_eq!(count(&stage, "accessPackages")?, 1);
    Ok(())
}

#[test]
fn a_few_404s_for_what_is_there_only_delay_an_edit() -> Outcome {
    let stage = furnished()?;
    let id = entra_id(&now(&stage, &package())?);
    for (count, policy) in [(2, "Cautious"), (4, "Correct")] {
        let missing = json!({"failNext": {
            "count": count, "status": 404, "code": "ResourceNotFound", "method": "GET", "path": format!("/accessPackages/{id}"),
        }});
        stage.emulator().set_quirks(&missing)?;
        let words = format!("Written after {count} 404s");
        let edited = patched(
            package(),
            json!({"spec": {"description": words, "driftPolicy": policy}}),
        );
        apply_ready(&stage, &edited)?;
        let found = element(&stage, "accessPackages", &id)?.unwrap_or_default();
        assert_eq!(found["description"], words.as_str());
        assert_eq!(stage.emulator().quirks()["failNext"], Value::Null, "they were met");
    }
    assert!(!ever(&stage, |_, reason| reason == "DeletedInEntra" || reason == "NameTaken"));
    assert_eq!(count(&stage, "accessPackages")?, 1);
    Ok(())
}

#[test]
fn lists_expands_and_single_reads_that_lag_hold_nothing_and_call_nothing_gone() -> Outcome {
    let lag = json!({"replicationLag": {"lists": 3_000, "expands": 3_000, "reads": 3_000}});
    let stage = patient_builder(5).quirks(lag).start()?;
    furnish(&stage)?;
    let from = mark(&stage);
    intervals(&stage, 3)?;
    all_ready(&stage)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    // Wider, and narrower again: what the replica still shows is neither drift nor held.
    for duration in ["P120D", "P60D"] {
        let edited = patched(policy(), json!({"spec": {"expiration": {"afterDuration": duration}}}));
        apply_ready(&stage, &edited)?;
        intervals(&stage, 2)?;
    }
    all_ready(&stage)?;
    let written = writes_since(&stage, from);
    assert_eq!(written.len(), 2, "{written:#?}");
    assert!(!ever(&stage, |_, reason| reason == "DeletedInEntra" || reason == "DriftHeld"));
    Ok(())
}

#[test]
fn an_intent_is_dated_by_the_service_s_clock() -> Outcome {
    // This machine is half a minute ahead, or behind; every first answer is lost.
    for skew in [-30_000, 30_000] {
        let quirks = json!({"clockSkew": skew, "dropAfterCommit": 8});
        let stage = builder().quirks(quirks).start()?;
        furnish(&stage)?;
        assert_eq!(count(&stage, "accessPackages")?, 1);
        assert_eq!(count(&stage, "assignmentPolicies")?, 1);
        assert!(!ever(&stage, |_, reason| reason == "NameTaken"));
    }
    Ok(())
}

#[test]
fn a_refusal_for_others_creates_keeps_the_intent_until_a_look_was_answered() -> Outcome {
    let stage = builder().start()?;
    for object in [tenant(&stage), namespace(NAMESPACE), catalog(), package()] {
        stage.apply_object(&object)?;
    }
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    stage.emulator().set_quirks(&json!({
        "duplicateKey": 1,
        "failNext": {"count": 100_000, "status": 503, "method": "GET", "path": "expand=assignmentPolicies"},
    }))?;
    stage.apply_object(&policy())?;
    stage.wait_object(
        "AssignmentPolicy",
        CAMPAIGN,
        Some(NAMESPACE),
        "not to know",
        SOON,
        |object| {
            let of = stage::condition_in(object, "Ready");
            let reason = of.map(|ready| text(&ready["reason"]).to_owned()).unwrap_or_default();
            (reason == "OutcomeUnknown" || reason == "GraphUnavailable") && object["status"]["intent"].is_object()
        },
    )?;
    stage.emulator().set_quirks(&json!({}))?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(count(&stage, "assignmentPolicies")?, 1);
    Ok(())
}

#[test]
fn a_search_for_what_was_made_in_a_newborn_package_asks_graph() -> Outcome {
    let stage = builder().start()?;
    // No list that is read by the clock tells meanwhile.
    let seldom = patched(tenant(&stage), json!({"spec": {"driftInterval": "PT10M"}}));
    for object in [seldom, namespace(NAMESPACE), catalog()] {
        stage.apply_object(&object)?;
    }
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    stage.emulator().set_quirks(&json!({
        "dropAfterCommit": {"count": 1, "method": "POST", "path": "/assignmentPolicies"}, "replicationLag": 1_500,
    }))?;
    stage.apply_object(&package())?;
    apply_ready(&stage, &policy())?;
    assert_eq!(stage.emulator().quirks()["dropAfterCommit"], Value::Null, "it was lost");
    assert_eq!(count(&stage, "assignmentPolicies")?, 1);
    Ok(())
}

#[test]
fn what_was_moved_to_another_place_is_reported_left_alone_and_deleted_where_it_is() -> Outcome {
    let stage = furnished()?;
    let other = renamed(package(), "other", "Other");
    let other = entra_id(&apply_ready(&stage, &other)?);
    let (package_id, policy_id) = (entra_id(&now(&stage, &package())?), entra_id(&now(&stage, &policy())?));

    stage
        .emulator()
        .patch_state("assignmentPolicies", &policy_id, &json!({"accessPackageId": other}))?;
    let moved = wait_reason(&stage, &policy(), "Ready", "Elsewhere")?;
    let words = message(&moved, "Ready");
    assert!(words.contains(&other) && words.contains(&policy_id), "{words}");
    assert!(words.contains("it was moved there, or the spec was"), "{words}");
    let from = mark(&stage);
    stage.emulator().patch_state(
        "assignmentPolicies",
        &policy_id,
        &json!({"description": "written there"}),
    )?;
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert!(
        element(&stage, "assignmentPolicies", &policy_id)?.is_none(),
        "the open policy stays"
    );

    let second = patched(
        catalog(),
        json!({"metadata": {"name": "second"}, "spec": {"displayName": "Second", "resources": []}}),
    );
    let second = entra_id(&apply_ready(&stage, &second)?);
    stage
        .emulator()
        .patch_state("accessPackages", &package_id, &json!({"catalogId": second}))?;
    let moved = wait_reason(&stage, &package(), "Ready", "Elsewhere")?;
    let words = message(&moved, "Ready");
    assert!(words.contains(&second) && words.contains(&package_id), "{words}");
    let from = mark(&stage);
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert!(element(&stage, "accessPackages", &package_id)?.is_none());
    Ok(())
}

#[test]
fn what_was_moved_and_comes_back_is_managed_again() -> Outcome {
    let stage = furnished()?;
    let other = entra_id(&apply_ready(&stage, &renamed(package(), "other", "Other"))?);
    let (home, id) = (entra_id(&now(&stage, &package())?), entra_id(&now(&stage, &policy())?));
    let moves = |to: &str| {
        stage
            .emulator()
            .patch_state("assignmentPolicies", &id, &json!({"accessPackageId": to}))
    };
    moves(&other)?;
    wait_reason(&stage, &policy(), "Ready", "Elsewhere")?;
    moves(&home)?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(entra_id(&now(&stage, &policy())?), id);
    assert_eq!(count(&stage, "assignmentPolicies")?, 1);
    Ok(())
}

#[test]
fn the_later_of_two_that_want_one_id_is_told_and_takes_over_when_the_first_has_let_go() -> Outcome {
    let stage = builder().start()?;
    for object in [tenant(&stage), namespace(NAMESPACE)] {
        stage.apply_object(&object)?;
    }
    let limits = json!({"adoption": "Allowed", "deletion": ["Delete", "Orphan"]});
    apply_ready(&stage, &crate::support::catalog_with_limits(limits))?;
    let id = entra_id(&apply_ready(&stage, &package())?);
    let second = patched(
        package(),
        json!({"metadata": {"name": "second"}, "spec": {"id": id, "deletionPolicy": "Delete"}}),
    );
    let words = apply_not_ready(&stage, &second, "AlreadyClaimed")?;
    assert!(words.contains("AccessPackage marketing/campaign"), "{words}");
    stage.annotate(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "access.entra-operator.io/orphan",
        Some("true"),
    )?;
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), Duration::from_secs(20))?;
    let taken = stage.wait_ready("AccessPackage", "second", Some(NAMESPACE), SOON)?;
    assert_eq!(entra_id(&taken), id);
    Ok(())
}

#[test]
fn a_create_that_is_refused_is_not_sent_again_at_once() -> Outcome {
    let stage = builder().start()?;
    for object in [tenant(&stage), namespace(NAMESPACE), catalog()] {
        stage.apply_object(&object)?;
    }
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    stage.emulator().set_quirks(&json!({"failNext": {
        "count": 100_000, "status": 400, "code": "InvalidModel", "method": "POST", "path": "/accessPackages",
    }}))?;
    apply_not_ready(&stage, &package(), "GraphRefused")?;
    let from = mark(&stage);
    stage.pass(Duration::from_secs(5))?; // how often in a time is what is asked
    let sent = writes_since(&stage, from);
    assert!(sent.len() <= 6, "{sent:#?}");
    Ok(())
}

#[test]
fn two_objects_of_one_name_whose_answers_are_lost_are_one_and_one_that_says_so() -> Outcome {
    let stage = patient_builder(6).start()?;
    for object in [tenant(&stage), namespace(NAMESPACE), catalog(), package()] {
        stage.apply_object(&object)?;
    }
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    stage.emulator().set_quirks(&json!({
        "dropAfterCommit": {"count": 2, "method": "POST", "path": "/assignmentPolicies"},
        "replicationLag": {"lists": 3_000, "expands": 3_000},
    }))?;
    let twins = ["one", "other"].map(|name| renamed(policy(), name, "Twin"));
    stage.apply(&twins.each_ref().map(Value::to_string).join("\n---\n"))?;
    stage.wait_for("one to be Ready and one to be told so", SOON, || {
        let mut reasons = twins.each_ref().map(|twin| {
            now(&stage, twin)
                .map(|object| crate::support::reason(&object, "Ready"))
                .unwrap_or_default()
        });
        reasons.sort();
        if reasons == ["InSync", "NameTaken"] {
            Ok(())
        } else {
            Err(reasons.join(", "))
        }
    })?;
    assert_eq!(count(&stage, "assignmentPolicies")?, 1);
    for twin in &twins {
        let (kind, name, namespace) = place(twin);
        stage.delete(kind, name, namespace)?;
    }
    for twin in &twins {
        let (kind, name, namespace) = place(twin);
        stage.wait_gone(kind, name, namespace, SOON)?;
    }
    assert_eq!(count(&stage, "assignmentPolicies")?, 0);
    Ok(())
}
