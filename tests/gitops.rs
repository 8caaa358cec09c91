//! What a GitOps tool makes of an object, in every state that an object can be in: the health check for Argo CD, run by a
//! real Lua of the version that Argo CD's has (5.1), with no more libraries than it opens.

use std::{fs, path::Path};

use entra_access_operator::{
    api::{NEVER_OBSERVED, Reason},
    plan::Problem,
    report::{Report, conditions},
};
use k8s_openapi::jiff::Timestamp;
use mlua::{Lua, LuaOptions, LuaSerdeExt, StdLib, Table};
use serde_json::{Value, json};
use stage::ControlPlane;

const GENERATION: i64 = 3;
const SHIPPED: &str = "docs/gitops/argocd-health.lua";

fn read(place: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
    fs::read_to_string(path).unwrap_or_default()
}

/// What Argo CD shows: the health and its message.
fn health(object: &Value) -> mlua::Result<(String, String)> {
    let lua = Lua::new_with(StdLib::TABLE, LuaOptions::default())?;
    lua.globals().set("obj", lua.to_value(object)?)?;
    let answer: Table = lua.load(read(SHIPPED)).set_name(SHIPPED).eval()?;
    Ok((answer.get("status")?, answer.get("message")?))
}

/// As the API server makes it: nobody has looked yet.
fn fresh() -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1",
        "kind": "AccessPackage",
        "metadata": {"name": "campaign", "namespace": "marketing", "generation": GENERATION},
        "status": {"observedGeneration": NEVER_OBSERVED},
    })
}

/// As the operator leaves it after a visit with this outcome.
fn visited(report: &Report) -> Value {
    let mut object = fresh();
    let now = Timestamp::UNIX_EPOCH;
    object["status"] =
        json!({"observedGeneration": GENERATION, "conditions": conditions(report, &[], GENERATION, now)});
    object
}

fn ready() -> Value {
    visited(&Report::ready(Reason::InSync, "Entra has what the spec says"))
}

fn waiting() -> Value {
    visited(&Report::not_ready(Problem::new(
        Reason::ReferenceNotFound,
        "no such user",
    )))
}

#[test]
fn what_nobody_has_looked_at_is_progressing() {
    assert_eq!(health(&fresh()).unwrap().0, "Progressing");
    let mut without_status = fresh();
    without_status.as_object_mut().unwrap().remove("status");
    assert_eq!(health(&without_status).unwrap().0, "Progressing");
}

#[test]
fn ready_is_healthy_and_says_why() {
    let (status, message) = health(&ready()).unwrap();
    assert_eq!(status, "Healthy");
    assert_eq!(message, "InSync: Entra has what the spec says");
}

#[test]
fn every_reason_that_only_an_edit_mends_is_degraded_and_every_other_is_progressing() {
    let mut seen = [0, 0];
    for reason in Reason::ALL.iter().copied() {
        let (status, message) = health(&visited(&Report::not_ready(Problem::new(reason, "do this")))).unwrap();
        let expected = if reason.is_stalled() { "Degraded" } else { "Progressing" };
        assert_eq!(status, expected, "{}", reason.name());
        assert_eq!(message, format!("{}: do this", reason.name()));
        seen[usize::from(reason.is_stalled())] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

/// The operator never says both; the tools' own reading of conditions (kstatus) has the same order.
#[test]
fn work_under_way_counts_for_more_than_ready() {
    let mut object = ready();
    let conditions = object["status"]["conditions"].as_array_mut().unwrap();
    conditions.push(json!({"type": "Reconciling", "status": "True", "reason": "Progressing", "message": "at work"}));
    let (status, message) = health(&object).unwrap();
    assert_eq!(status, "Progressing");
    assert_eq!(message, "Progressing: at work");
}

#[test]
fn a_warning_leaves_an_object_healthy_and_is_what_it_tells() {
    let mut report = Report::ready(Reason::InSync, "fine");
    report.warning = Some(Problem::new(Reason::ReferenceMoved, "the group was renamed"));
    let (status, message) = health(&visited(&report)).unwrap();
    assert_eq!(status, "Healthy");
    assert_eq!(message, "ReferenceMoved: the group was renamed");
}

#[test]
fn drift_that_is_only_reported_leaves_an_object_healthy() {
    let mut report = Report::ready(Reason::DriftReported, "hidden: true -> false");
    report.sync = Some(Problem::new(Reason::DriftReported, "hidden: true -> false"));
    let (status, message) = health(&visited(&report)).unwrap();
    assert_eq!(status, "Healthy");
    assert_eq!(message, "DriftReported: hidden: true -> false");
}

#[test]
fn what_was_said_of_an_older_generation_counts_for_nothing() {
    for mut object in [ready(), waiting()] {
        object["metadata"]["generation"] = json!(GENERATION + 1);
        let (status, message) = health(&object).unwrap();
        assert_eq!(status, "Progressing");
        assert_eq!(message, "the operator has not looked at the latest change yet");
    }
}

#[test]
fn paused_is_suspended_whatever_the_conditions_say() {
    for mut object in [fresh(), ready(), waiting()] {
        object["metadata"]["annotations"] = json!({entra_access_operator::api::PAUSED: "true"});
        assert_eq!(health(&object).unwrap().0, "Suspended");
        object["metadata"]["annotations"] = json!({entra_access_operator::api::PAUSED: "false", "other": "true"});
        assert_ne!(health(&object).unwrap().0, "Suspended");
    }
}

#[test]
fn what_is_being_deleted_is_progressing_and_says_what_it_waits_for() {
    let mut object = visited(&Report::not_ready(Problem::new(
        Reason::AssignmentsRemain,
        "2 people hold it",
    )));
    object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    object["metadata"]["annotations"] = json!({entra_access_operator::api::PAUSED: "true"});
    let (status, message) = health(&object).unwrap();
    assert_eq!(status, "Progressing");
    assert_eq!(message, "being deleted; AssignmentsRemain: 2 people hold it");
}

/// Where no operator runs: the samples as an API server makes them, what a tool sees of them, and the documented patch.
#[test]
fn at_a_real_api_server_the_samples_are_progressing_and_do_not_differ_and_the_settings_are_a_patch() {
    let cluster = ControlPlane::start().unwrap();
    let place = |place: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(place).display().to_string();
    let (crds, samples, settings) = (
        place("crds"),
        place("docs/samples"),
        place("docs/gitops/argocd-cm.yaml"),
    );
    cluster.kubectl(&["apply", "--server-side", "-f", &crds]).unwrap();
    cluster
        .kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &crds])
        .unwrap();

    let apply = ["apply", "--server-side", "-f", &samples, "-o", "json"];
    let live = ours(&cluster.kubectl(&apply).unwrap());
    assert!(live.len() >= 4, "{live:?}");
    for object in &live {
        assert_eq!(health(object).unwrap().0, "Progressing", "{object}");
    }
    // What a comparison on the server's side does: the answer to a dry run is what is there.
    let dry_run = [&apply[..], &["--dry-run=server"]].concat();
    for (object, predicted) in live.iter().zip(ours(&cluster.kubectl(&dry_run).unwrap())) {
        assert_eq!(object["spec"], predicted["spec"], "{object}");
        assert_eq!(
            object["metadata"]["resourceVersion"],
            predicted["metadata"]["resourceVersion"]
        );
    }

    cluster.kubectl(&["create", "namespace", "argocd"]).unwrap();
    let own = [
        "create",
        "configmap",
        "argocd-cm",
        "--from-literal=url=https://cd.example",
    ];
    cluster.kubectl(&[&["-n", "argocd"], &own[..]].concat()).unwrap();
    let patch = [
        "patch",
        "configmap",
        "argocd-cm",
        "--type=merge",
        "--patch-file",
        &settings,
    ];
    cluster.kubectl(&[&["-n", "argocd"], &patch[..]].concat()).unwrap();
    let patched = cluster.get("ConfigMap", "argocd-cm", Some("argocd")).unwrap().unwrap();
    assert_eq!(patched["data"]["url"], "https://cd.example");
    let catalog = &patched["data"]["resource.customizations.health.access.entra-operator.io_Catalog"];
    assert_eq!(catalog.as_str(), Some(read(SHIPPED).as_str()));
}

/// The objects of our kinds in what `kubectl … -o json` prints: a list, or one document after another.
fn ours(printed: &str) -> Vec<Value> {
    let documents = serde_json::Deserializer::from_str(printed).into_iter::<Value>();
    documents
        .filter_map(Result::ok)
        .flat_map(|document| match document["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![document],
        })
        .filter(|object| object["metadata"]["name"] != "" && object["spec"].is_object())
        .filter(|object| object["kind"] != "Namespace")
        .collect()
}

#[test]
fn the_settings_for_argo_cd_hold_the_shipped_check_for_every_kind() {
    let settings: Value = serde_saphyr::from_str(&read("docs/gitops/argocd-cm.yaml")).unwrap();
    let data = settings["data"].as_object().unwrap();
    let mut keys: Vec<&String> = data.keys().collect();
    keys.sort();
    let mut expected: Vec<String> = entra_access_operator::api::custom_resource_definitions()
        .iter()
        .map(|definition| {
            let (group, names) = (&definition["spec"]["group"], &definition["spec"]["names"]);
            format!(
                "resource.customizations.health.{}_{}",
                group.as_str().unwrap(),
                names["kind"].as_str().unwrap()
            )
        })
        .collect();
    expected.sort();
    assert_eq!(keys, expected.iter().collect::<Vec<_>>());
    for (key, script) in data {
        assert_eq!(script.as_str(), Some(read(SHIPPED).as_str()), "{key}");
    }
}
