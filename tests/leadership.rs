//! Two replicas, one leader: who may write, and what happens when the leader dies or hangs.

#![expect(
    clippy::disallowed_methods,
    reason = "a test stands outside the operator and has the machine's clock"
)]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stage::{Operator, Result, Signal, Stage, StageBuilder, wait_for};

const SOON: Duration = Duration::from_secs(60);

fn builder() -> StageBuilder {
    Stage::builder(env!("CARGO_BIN_EXE_entra-access-operator"))
        .argument("--leader-election")
        .argument("--visibility-seconds=2")
        .argument("--log-level=info,entra_access_operator=debug")
}

fn leads(replica: &Operator) -> bool {
    replica.log().contains(" leading")
}

fn catalog(description: &str) -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "Catalog", "metadata": {"name": "marketing"},
        "spec": {"displayName": "Marketing", "description": description},
    })
}

/// The requests of a replica that change something, by its own log.
fn writes(replica: &Operator) -> usize {
    let log = replica.log();
    let is_write = |line: &&str| {
        line.contains("Graph request")
            && ["POST", "PATCH", "PUT", "DELETE"]
                .iter()
                .any(|method| line.contains(method))
    };
    log.lines().filter(is_write).count()
}

fn two_replicas() -> Result<(Stage, Operator, Operator)> {
    let stage = builder().without_operator().start()?;
    stage.apply(&stage.tenant_manifest("default"))?;
    let first = stage.replica(&builder(), "replica-a")?;
    wait_for("the first replica to lead", SOON, || {
        if leads(&first) {
            Ok(())
        } else {
            Err("standing by".to_owned())
        }
    })?;
    let second = stage.replica(&builder(), "replica-b")?;
    wait_for("the second replica to stand by", SOON, || {
        if second.log().contains("standing by") {
            Ok(())
        } else {
            Err("starting".to_owned())
        }
    })?;
    stage.apply_object(&catalog("first"))?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok((stage, first, second))
}

/// How often the Lease was asked for, by anybody.
fn reads_of_the_lease(stage: &Stage) -> usize {
    let events = stage.audit();
    let of_leases = events.iter().filter(|event| event["objectRef"]["resource"] == "leases");
    of_leases.filter(|event| event["verb"] == "get").count()
}

fn take_over(second: &Operator) -> Result<Duration> {
    let started = Instant::now();
    wait_for("the second replica to lead", SOON, || {
        if leads(second) {
            Ok(())
        } else {
            Err("standing by".to_owned())
        }
    })?;
    Ok(started.elapsed())
}

#[test]
fn the_second_replica_writes_nothing_until_the_leader_dies_and_then_goes_on() -> Result<()> {
    let (stage, mut first, second) = two_replicas()?;
    assert_eq!(writes(&first), 1, "{}", first.log());
    assert_eq!(writes(&second), 0, "{}", second.log());
    first.kill();
    let before = reads_of_the_lease(&stage);
    let gap = take_over(&second)?;
    // It was watched: nobody asks each second whether it is free. When the lease has ended it is asked for once more, the keeper
    // asks some times, and what it has taken is looked at.
    let reads = reads_of_the_lease(&stage) - before;
    assert!(reads <= 11, "{reads} reads in {gap:?}");
    println!("seconds without a leader after a crash: {:.1}", gap.as_secs_f64());
    stage.apply_object(&catalog("second"))?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    assert_eq!(writes(&second), 1, "{}", second.log());
    Ok(())
}

#[test]
fn a_leader_that_ends_in_good_order_gives_the_lease_up() -> Result<()> {
    let (_stage, mut first, second) = two_replicas()?;
    let status = first.stop();
    assert!(status.is_some_and(|status| status.success()), "{}", first.log());
    let gap = take_over(&second)?;
    println!("seconds without a leader after a farewell: {:.1}", gap.as_secs_f64());
    // It did not wait for the end of the lease.
    assert!(second.log().contains("the Lease was given up"), "{}", second.log());
    Ok(())
}

#[test]
fn a_leader_that_hung_and_wakes_writes_nothing_more_and_ends() -> Result<()> {
    let (stage, mut first, second) = two_replicas()?;
    first.signal(Signal::Stop)?;
    take_over(&second)?;
    // There is something to write for whoever leads, and the one that wakes believes for a moment that it does.
    stage.apply_object(&catalog("second"))?;
    let before = writes(&first);
    first.signal(Signal::Continue)?;
    wait_for("the old leader to end", SOON, || match first.must_run() {
        Ok(()) => Err("still there".to_owned()),
        Err(_) => Ok(()),
    })?;
    assert_eq!(writes(&first), before, "{}", first.log());
    assert!(first.log().contains("the Lease is lost"), "{}", first.log());
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok(())
}
