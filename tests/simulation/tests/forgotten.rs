//! Nobody is forgotten in silence.

#![expect(clippy::unwrap_used, reason = "what the tests share fails as a test does")]

use std::time::Duration;

use entra_access_operator::{
    api::KindName,
    operator::{Key, Place},
};
use serde_json::json;
use simulation::{outage::furnished, stage::Stage};

const MINUTE: Duration = Duration::from_secs(60);
/// The default.
const INTERVAL: Duration = Duration::from_secs(600);

/// The value of the series of this metric and kind.
fn value(stage: &Stage, metric: &str, kind: KindName) -> f64 {
    let begin = format!("entra_access_operator_{metric}{{kind=\"{}\"}} ", kind.name());
    let text = stage.metrics();
    let line = text.lines().find_map(|line| line.strip_prefix(&begin));
    line.unwrap().parse().unwrap()
}

fn package() -> Key {
    Key {
        kind: KindName::AccessPackage,
        place: Place::new(Some("team"), "package-0"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_wake_up_passes_two_drift_intervals_in_the_gauge_and_is_made_good_and_counted() {
    let mut stage = furnished(12).await.unwrap();
    stage.forget(package());
    let kind = KindName::AccessPackage;
    let mut seen = Vec::new();
    while value(&stage, "overdue_intervals", kind) <= 1.0 {
        seen.push(value(&stage, "unvisited_seconds", kind));
        assert!(seen.len() < 60, "nobody was forgotten: {seen:?}");
        stage.pass(MINUTE).await.unwrap();
    }
    let unvisited = value(&stage, "unvisited_seconds", kind);
    assert!(unvisited >= 2.0 * INTERVAL.as_secs_f64(), "{unvisited}: {seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "it only grows: {seen:?}");
    for other in [KindName::Catalog, KindName::AssignmentPolicy, KindName::EntraTenant] {
        assert!(value(&stage, "overdue_intervals", other) < 0.1, "{}", other.name());
    }
    assert_eq!(value(&stage, "forgotten_total", kind), 0.0);

    stage.sweep();
    stage.pass(Duration::from_secs(1)).await.unwrap();
    assert_eq!(value(&stage, "forgotten_total", kind), 1.0);
    assert!(value(&stage, "unvisited_seconds", kind) < INTERVAL.as_secs_f64());
    assert!(value(&stage, "overdue_intervals", kind) < 0.1);
    stage.sweep();
    assert_eq!(value(&stage, "forgotten_total", kind), 1.0, "once");
}

#[tokio::test(start_paused = true)]
async fn without_one_nothing_is_late_whether_in_sync_paused_refused_or_held_by_somebody_else() {
    let mut stage = furnished(12).await.unwrap();
    let paused = json!({"metadata": {"annotations": {"access.entra-operator.io/paused": "true"}}});
    stage
        .cluster
        .patch("AccessPackage", "package-1", Some("team"), &paused)
        .unwrap();
    let finalizers = ["access.entra-operator.io/finalizer", "example.com/held"];
    let held = json!({"metadata": {"finalizers": finalizers}});
    stage
        .cluster
        .patch("AssignmentPolicy", "policy-1", Some("team"), &held)
        .unwrap();
    stage.settle().await.unwrap();
    stage
        .cluster
        .delete("AssignmentPolicy", "policy-1", Some("team"))
        .unwrap();
    let lost = json!({"apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AccessPackage",
        "metadata": {"name": "lost", "namespace": "team"}, "spec": {"catalogRef": {"name": "nowhere"},
        "displayName": "Lost", "description": "Of no catalog"}});
    stage.cluster.apply(&lost).unwrap();
    stage.pass(5 * MINUTE).await.unwrap();
    let held = stage.cluster.get("AssignmentPolicy", "policy-1", Some("team")).unwrap();
    assert_eq!(held["metadata"]["finalizers"], json!(["example.com/held"]), "{held:#}");
    for minute in 0..120 {
        stage.pass(MINUTE).await.unwrap();
        stage.sweep();
        for kind in KindName::ALL {
            let unvisited = value(&stage, "unvisited_seconds", kind);
            assert!(
                unvisited <= 1.1 * INTERVAL.as_secs_f64(),
                "{} at {minute}: {unvisited}",
                kind.name()
            );
            assert!(
                value(&stage, "overdue_intervals", kind) < 0.1,
                "{} at {minute}",
                kind.name()
            );
            assert_eq!(
                value(&stage, "forgotten_total", kind),
                0.0,
                "{} at {minute}",
                kind.name()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_interval_is_the_tenants_own() {
    let mut stage = furnished(12).await.unwrap();
    let hour = json!({"spec": {"driftInterval": "PT1H"}});
    stage.cluster.patch("EntraTenant", "default", None, &hour).unwrap();
    stage.settle().await.unwrap();
    stage.pass(30 * MINUTE).await.unwrap();
    let kind = KindName::AccessPackage;
    assert!(value(&stage, "unvisited_seconds", kind) >= 2.0 * INTERVAL.as_secs_f64());
    assert_eq!(value(&stage, "overdue_intervals", kind), 0.0);
    stage.forget(package());
    stage.pass(110 * MINUTE - 30 * MINUTE).await.unwrap();
    assert!(value(&stage, "overdue_intervals", kind) < 1.0);
    stage.pass(20 * MINUTE).await.unwrap();
    assert!(value(&stage, "overdue_intervals", kind) > 1.0);
}
