//! Deletions have brakes: so many begin within an hour, and a prune of a catalog waits for a person.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::*;
use crate::scene::Stage;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const ACKNOWLEDGE: &str = "access.entra-operator.io/acknowledge";

fn braked(stage: &Stage, spec: Value) -> Value {
    patched(tenant(stage), json!({"spec": spec}))
}

/// A tenant with this spec, and so many packages that are Ready.
fn prepared(spec: Value, count: usize) -> Outcome<(Stage, Vec<Value>)> {
    let stage = stage()?;
    apply_ready(&stage, &braked(&stage, spec))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog())?;
    let packages: Vec<Value> = (0..count)
        .map(|number| renamed(package(), &format!("package-{number}"), &format!("Package {number}")))
        .collect();
    for package in &packages {
        stage.apply_object(package)?;
    }
    for package in &packages {
        let (kind, name, namespace) = place(package);
        stage.wait_ready(kind, name, namespace, SOON)?;
    }
    Ok((stage, packages))
}

fn delete(stage: &Stage, manifest: &Value) -> Outcome {
    let (kind, name, namespace) = place(manifest);
    Ok(stage.delete(kind, name, namespace)?)
}

fn wait_gone(stage: &Stage, manifest: &Value) -> Outcome {
    let (kind, name, namespace) = place(manifest);
    Ok(stage.wait_gone(kind, name, namespace, SOON)?)
}

fn in_entra(stage: &Stage) -> Outcome<usize> {
    Ok(collection(stage, "accessPackages")?.len())
}

#[test]
fn of_three_deletions_two_begin_within_the_hour_and_the_third_says_when_it_does() -> Outcome {
    let (mut stage, packages) = prepared(json!({"maxDeletionsPerHour": 2}), 3)?;
    for package in &packages[..2] {
        delete(&stage, package)?;
        wait_gone(&stage, package)?;
    }
    // Another process counts what the one before has begun.
    stage.restart()?;
    let last = &packages[2];
    delete(&stage, last)?;
    let held = wait_reason(&stage, last, "Ready", "DeletionHeld")?;
    let said = message(&held, "Ready");
    assert!(
        said.starts_with("no more than 2 deletions begin within an hour in EntraTenant \"default\" (spec.maxDeletionsPerHour), so nothing of this one is touched in Entra until 20"),
        "{said}"
    );
    assert!(
        said.ends_with("; wait, or have the platform team raise the number"),
        "{said}"
    );
    let told = message(
        &wait_reason(&stage, &tenant(&stage), "Healthy", "DeletionHeld")?,
        "Healthy",
    );
    assert!(
        told.starts_with("1 deletion is held back by spec.maxDeletionsPerHour or spec.maxDeletionsPercent: AccessPackage marketing/package-2; nothing of them is touched in Entra; each object says which, and what ends it"),
        "{told}"
    );
    assert_eq!(in_entra(&stage)?, 1);
    stage.apply_object(&braked(&stage, json!({"maxDeletionsPerHour": 3})))?;
    wait_gone(&stage, last)?;
    assert_eq!(in_entra(&stage)?, 0);
    let is_told = |object: &Value| !message(object, "Healthy").contains("held back");
    stage.wait_object("EntraTenant", "default", None, "to hold nothing back", SOON, is_told)?;
    Ok(())
}

#[test]
fn what_waits_for_its_hour_goes_by_itself_when_that_is_over() -> Outcome {
    let (stage, packages) = prepared(json!({"maxDeletionsPerHour": 1, "driftInterval": "PT10M"}), 2)?;
    delete(&stage, &packages[0])?;
    wait_gone(&stage, &packages[0])?;
    delete(&stage, &packages[1])?;
    wait_reason(&stage, &packages[1], "Ready", "DeletionHeld")?;
    stage.pass(Duration::from_secs(50 * 60))?;
    assert_eq!(in_entra(&stage)?, 1);
    stage.pass(Duration::from_secs(15 * 60))?;
    wait_gone(&stage, &packages[1])?;
    Ok(())
}

#[test]
fn a_prune_of_a_catalog_waits_for_a_person_and_nobody_loses_anything_meanwhile() -> Outcome {
    const COUNT: usize = 12;
    let (stage, packages) = prepared(json!({"maxDeletionsPerHour": 100}), COUNT)?;
    let of = patched(policy(), json!({"spec": {"accessPackageRef": {"name": "package-0"}}}));
    let open = entra_id(&apply_ready(&stage, &of)?);
    // A wrong commit takes all of it at once.
    stage.apply_object(&braked(&stage, json!({"mode": "Observe", "maxDeletionsPerHour": 100})))?;
    for manifest in packages.iter().chain([&of]) {
        delete(&stage, manifest)?;
    }
    wait_reason(&stage, &packages[0], "Ready", "ObserveOnly")?;
    stage.apply_object(&braked(&stage, json!({"maxDeletionsPerHour": 100})))?;
    for manifest in packages.iter().chain([&of]) {
        let held = wait_reason(&stage, manifest, "Ready", "DeletionHeld")?;
        assert_eq!(
            message(&held, "Ready"),
            "more than 25 % of what its catalog holds is being deleted at once (spec.maxDeletionsPercent of the EntraTenant), so nothing of it is touched in Entra until a person agrees; ask those who run the catalog: the condition Healthy of the Catalog has the command"
        );
    }
    stage.pass(DRIFT_INTERVAL * 3)?;
    assert_eq!(in_entra(&stage)?, COUNT);
    let there = element(&stage, "assignmentPolicies", &open)?.unwrap_or_default();
    assert_eq!(
        there["requestorSettings"]["enableTargetsToSelfAddAccess"], true,
        "{there}"
    );
    let told = message(&wait_reason(&stage, &catalog(), "Healthy", "DeletionHeld")?, "Healthy");
    assert!(
        told.starts_with(
            "13 of the 13 packages and policies of this Catalog are being deleted at once, more than 25 %"
        ),
        "{told}"
    );
    let (_, command) = told.split_once("if that is meant: ").unwrap_or_default();
    let command = command.split(';').next().unwrap_or_default();
    assert!(command.contains(ACKNOWLEDGE), "{told}");
    stage.run(command)?;
    for manifest in packages.iter().chain([&of]) {
        wait_gone(&stage, manifest)?;
    }
    assert_eq!(in_entra(&stage)?, 0);
    Ok(())
}

#[test]
fn observe_set_in_the_middle_of_a_burst_stops_all_but_what_is_on_its_way() -> Outcome {
    const COUNT: usize = 200;
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog())?;
    stage.emulator().set_quirks(&json!({"latency": 300}))?;
    for number in 0..COUNT {
        stage.apply_object(&renamed(
            package(),
            &format!("package-{number}"),
            &format!("Package {number}"),
        ))?;
    }
    wait_state(&stage, "fifty packages", |state| {
        state["accessPackages"]
            .as_array()
            .is_some_and(|packages| packages.len() >= 50)
    })?;
    stage.apply_object(&braked(&stage, json!({"mode": "Observe"})))?;
    let from = mark(&stage);
    intervals(&stage, 5)?;
    let late = writes_since(&stage, from);
    // At most one request of each visit that was under way.
    assert!(late.len() <= 16, "{} writes after it: {late:#?}", late.len());
    let made = in_entra(&stage)?;
    assert!(made < COUNT, "{made}");
    // Nothing is lost: with the brake off it goes on.
    stage.apply_object(&tenant(&stage))?;
    stage.wait_ready(
        "AccessPackage",
        &format!("package-{}", COUNT - 1),
        Some(NAMESPACE),
        SOON * 4,
    )?;
    Ok(())
}
