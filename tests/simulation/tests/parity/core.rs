//! Namespaces, Secrets, events, leases.

use serde_json::{Value, json};

use crate::{
    program::{GROUP, Program, await_get, delete, get, get_as, merge, post, put},
    servers::servers,
};

const NAMESPACES: &str = "/api/v1/namespaces";

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn package(name: &str, finalizers: Value) -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AccessPackage",
        "metadata": {"name": name, "finalizers": finalizers},
        "spec": {"displayName": "Campaign", "catalogRef": {"name": "marketing"}},
    })
}

#[test]
fn namespaces_begin_and_end_alike() {
    let path = format!("{NAMESPACES}/n-ends");
    let packages = format!("{GROUP}/namespaces/n-ends/accesspackages");
    let events = "/apis/events.k8s.io/v1/namespaces/n-ends/events";
    let program = vec![
        post(NAMESPACES, namespace("n-ends")),
        post(NAMESPACES, namespace("n-ends")),
        post(NAMESPACES, namespace("N_")),
        post(NAMESPACES, namespace("n.ends")),
        post(NAMESPACES, namespace(&"x".repeat(64))),
        post("/api/v1/secrets", json!({})),
        merge(&path, json!({"metadata": {"labels": {"team": "marketing"}}})),
        merge(&path, json!({"metadata": {"labels": null}})),
        merge(&path, json!({"metadata": {"labels": {"a b": "c"}}})),
        merge(&path, json!({"spec": {"finalizers": []}})),
        merge(&path, json!({"status": {"phase": "Gone"}})),
        put(&path, namespace("n-ends")),
        get(&path),
        get_as(&path, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),
        get(&format!("{NAMESPACES}/absent")),
        delete(&format!("{NAMESPACES}/absent")),
        delete(&format!("{NAMESPACES}/default")),
        delete(&format!("{NAMESPACES}/kube-system")),
        post(&packages, package("free", json!([]))),
        post(&packages, package("held", json!(["a.b/c"]))),
        delete(&path),
        delete(&path),
        await_get(&packages),
        get(&path),
        post(&packages, package("late", json!([]))),
        post(events, event("late", "n-ends", "words")),
        merge(&format!("{packages}/held"), json!({"metadata": {"finalizers": null}})),
        await_get(&path),
        await_get(&packages),
        post(&packages, package("later", json!([]))),
        post(NAMESPACES, namespace("n-ends")),
        await_get(&packages),
    ];
    servers().play(&program);
}

#[test]
fn secrets_are_alike() {
    let all = format!("{NAMESPACES}/n-secrets/secrets");
    let path = format!("{all}/s");
    let secret = |fields: Value| {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
        for (name, value) in fields.as_object().unwrap() {
            secret[name] = value.clone();
        }
        secret
    };
    let program = vec![
        post(&all, secret(json!({}))),
        post(NAMESPACES, namespace("n-secrets")),
        get(&path),
        post(&all, secret(json!({"data": {"a": "***"}}))),
        post(&all, secret(json!({"data": {"b c": "aGk="}}))),
        post(
            &all,
            secret(json!({"stringData": {"a": "hello"}, "data": {"b": "aGk="}})),
        ),
        post(&all, secret(json!({}))),
        get(&path),
        merge(&path, json!({"stringData": {"a": "world"}})),
        merge(&path, json!({"stringData": {"a": "world"}})),
        merge(&path, json!({"type": "another"})),
        merge(&path, json!({"data": null})),
        put(&path, secret(json!({"stringData": {"a": "put"}}))),
        put(&path, secret(json!({"stringData": {"a": "put"}, "type": "another"}))),
        merge(&path, json!({"immutable": true})),
        get(&all),
        delete(&path),
        delete(&path),
        get(&all),
    ];
    servers().play(&program);
}

/// An event as the operator publishes it.
fn event(name: &str, namespace: &str, note: &str) -> Value {
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace},
        "eventTime": "2026-11-28T22:04:35.123456Z", "reportingController": "entra-access-operator",
        "reportingInstance": "pod", "action": "Reconcile", "reason": "Created", "type": "Normal", "note": note,
        "regarding": {
            "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AccessPackage", "name": "p",
            "namespace": namespace, "uid": "u", "resourceVersion": "3",
        },
    })
}

#[test]
fn events_are_alike_in_both_groups() {
    let new = "/apis/events.k8s.io/v1/namespaces/n-events/events";
    let core = format!("{NAMESPACES}/n-events/events");
    let altered = |field: &str, value: Value| {
        let mut event = event("altered", "n-events", "words");
        event[field] = value;
        post(new, event)
    };
    let series = json!({"series": {"count": 2, "lastObservedTime": "2026-11-28T22:05:35.123456Z"}});
    let mut of_cluster = event("of-cluster", "default", "words");
    of_cluster["regarding"]["kind"] = json!("Catalog");
    of_cluster["regarding"].as_object_mut().unwrap().remove("namespace");
    let program: Program = vec![
        post(new, event("e", "n-events", "words")),
        post(NAMESPACES, namespace("n-events")),
        post(new, event("e", "n-events", "words")),
        post(new, event("e", "n-events", "words")),
        get(&format!("{new}/e")),
        get(&format!("{core}/e")),
        merge(&format!("{new}/e"), series),
        merge(&format!("{new}/e"), json!({"note": "others"})),
        merge(&format!("{new}/e"), json!({"reason": "Others"})),
        post(new, event("long", "n-events", &"x".repeat(1100))),
        post(new, event("elsewhere", "default", "words")),
        altered("eventTime", Value::Null),
        altered("type", json!("Strange")),
        altered("type", Value::Null),
        altered("reason", json!("")),
        altered("reason", json!("x".repeat(200))),
        altered("action", json!("")),
        altered("reportingController", json!("")),
        altered("reportingInstance", json!("")),
        altered("regarding", json!({})),
        post("/apis/events.k8s.io/v1/namespaces/default/events", of_cluster),
        get(new),
        get(&core),
        get(&format!(
            "{core}?fieldSelector=involvedObject.kind%3DAccessPackage,involvedObject.name%3Dp"
        )),
        get("/api/v1/events?fieldSelector=involvedObject.name%3Dabsent"),
        delete(&format!("{new}/e")),
        get(&core),
    ];
    servers().play(&program);
}

#[test]
fn leases_and_absent_policies_are_alike() {
    let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    let path = format!("{leases}/l");
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"},
        "spec": {"holderIdentity": "me", "leaseDurationSeconds": 30},
    });
    let mut blind = lease.clone();
    blind["spec"]["holderIdentity"] = json!("another");
    let policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/absent";
    let program = vec![
        get(&path),
        post(leases, lease),
        merge(&path, json!({"spec": {"holderIdentity": "you"}})),
        merge(&path, json!({"spec": {"holderIdentity": "you"}})),
        merge(
            &path,
            json!({"metadata": {"resourceVersion": "1"}, "spec": {"holderIdentity": "late"}}),
        ),
        put(&path, blind),
        merge(&path, json!({"spec": {"holderIdentity": null}})),
        get(&path),
        delete(&path),
        get(&path),
        get(policies),
        get("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/absent"),
    ];
    servers().play(&program);
}
