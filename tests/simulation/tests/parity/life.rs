//! Status, and the end of objects.

use serde_json::{Value, json};

use crate::{
    program::{JSON_PATCH, delete, delete_with, get, merge, patch, post, put},
    servers::servers,
    verbs::{FINALIZER, catalog, catalogs, with},
};

fn condition(words: &str) -> Value {
    json!({"type": "Ready", "status": "True", "reason": "Ready", "message": words, "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

#[test]
fn status_is_written_alike() {
    let path = format!("{}/c-status-door", catalogs());
    let status = format!("{path}/status");
    let replaced = |body: Value| {
        let body = with(catalog("c-status-door"), "/status", body);
        with(body, "/metadata/resourceVersion", json!("$RV"))
    };
    let ready = |words: &str| json!({"observedGeneration": 1, "conditions": [condition(words)]});
    let program = vec![
        merge(&status, json!({"status": {}})),
        post(&catalogs(), catalog("c-status-door")),
        get(&status),
        put(&status, replaced(ready("words"))),
        put(&status, replaced(ready("words"))),
        put(
            &status,
            with(
                replaced(ready("others")),
                "/spec/displayName",
                json!("Not by this door"),
            ),
        ),
        put(
            &status,
            with(replaced(ready("others")), "/metadata/labels", json!({"not": "either"})),
        ),
        put(
            &status,
            with(replaced(ready("late")), "/metadata/resourceVersion", json!("1")),
        ),
        put(
            &status,
            with(replaced(ready("blind")), "/metadata/resourceVersion", Value::Null),
        ),
        put(
            &status,
            with(replaced(ready("mistaken")), "/metadata/uid", json!("another")),
        ),
        put(
            &status,
            with(replaced(ready("named")), "/metadata/name", json!("c-other")),
        ),
        put(&status, replaced(json!({"observedGeneration": "1"}))),
        put(&status, replaced(json!({"conditions": [{"type": "Ready"}]}))),
        put(
            &status,
            replaced(json!({"conditions": [condition("a"), condition("b")]})),
        ),
        put(
            &status,
            replaced(
                json!({"conditions": [with(json!({"c": condition("a")}), "/c/lastTransitionTime", json!("yesterday"))["c"]]}),
            ),
        ),
        put(
            &status,
            replaced(json!({"conditions": [with(json!({"c": condition("a")}), "/c/status", json!("Maybe"))["c"]]})),
        ),
        put(&status, replaced(json!({"unheard": "of"}))),
        put(
            &format!("{status}?fieldValidation=Strict"),
            replaced(json!({"unheard": "of"})),
        ),
        put(&status, replaced(json!({"url": "x".repeat(5000)}))),
        put(&status, replaced(json!({"entra": {"id": "x".repeat(5000)}}))),
        put(
            &status,
            replaced(
                json!({"entra": {"cloud": "Global", "tenantId": "t", "catalogId": "c", "id": "i", "ownerUid": "u"}}),
            ),
        ),
        put(
            &status,
            replaced(json!({"applied": {"fields": {"displayName": "digest"}}})),
        ),
        put(&status, replaced(json!({}))),
        put(&status, replaced(json!(5))),
        merge(&status, json!({"status": {"observedGeneration": 4}})),
        merge(&status, json!({"status": {"observedGeneration": null}})),
        merge(&status, json!({"status": null})),
        merge(
            &status,
            json!({"metadata": {"resourceVersion": "1"}, "status": {"observedGeneration": 5}}),
        ),
        merge(
            &status,
            json!({"metadata": {"resourceVersion": "$RV"}, "status": {"observedGeneration": 5}}),
        ),
        merge(
            &status,
            json!({"metadata": {"finalizers": [FINALIZER]}, "status": {"observedGeneration": 6}}),
        ),
        merge(&status, json!({"spec": {"displayName": ""}})),
        merge(
            &status,
            json!({"status": {"conditions": [condition(&"m".repeat(1_600_000))]}}),
        ),
        patch(
            &status,
            JSON_PATCH,
            json!([{"op": "replace", "path": "/status/observedGeneration", "value": 7}]),
        ),
        merge(&path, json!({"spec": {"displayName": "Sales"}})),
        get(&path),
        delete(&status),
        get(&format!("{path}/scale")),
    ];
    servers().play(&program);
}

#[test]
fn finalizers_hold_alike() {
    let path = format!("{}/c-held", catalogs());
    let held = || with(catalog("c-held"), "/metadata/finalizers", json!([FINALIZER]));
    let program = vec![
        delete(&path),
        post(&catalogs(), catalog("c-held")),
        delete_with(&path, json!({"preconditions": {"uid": "another"}})),
        delete_with(&path, json!({"preconditions": {"resourceVersion": "1"}})),
        delete_with(
            &path,
            json!({"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}),
        ),
        get(&path),
        delete_with(
            &path,
            json!({"preconditions": {"uid": "$UID", "resourceVersion": "$RV"}}),
        ),
        get(&path),
        post(&catalogs(), held()),
        merge(&path, json!({"metadata": {"finalizers": [FINALIZER, "a.b/c"]}})),
        delete(&path),
        delete(&path),
        delete_with(&path, json!({"preconditions": {"uid": "another"}})),
        get(&path),
        post(&catalogs(), held()),
        merge(
            &path,
            json!({"metadata": {"finalizers": [FINALIZER, "a.b/c", "d.e/f"]}}),
        ),
        merge(&path, json!({"metadata": {"deletionTimestamp": null}})),
        merge(&path, json!({"spec": {"displayName": "While it goes"}})),
        merge(&path, json!({"spec": {"displayName": ""}})),
        merge(&format!("{path}/status"), json!({"status": {"observedGeneration": 3}})),
        merge(&path, json!({"metadata": {"finalizers": [FINALIZER]}})),
        get(&path),
        merge(&format!("{path}?dryRun=All"), json!({"metadata": {"finalizers": []}})),
        get(&path),
        merge(&path, json!({"metadata": {"finalizers": [], "resourceVersion": "1"}})),
        merge(&path, json!({"metadata": {"finalizers": [], "resourceVersion": "$RV"}})),
        get(&path),
        merge(&path, json!({"metadata": {"finalizers": []}})),
        post(&catalogs(), held()),
        get(&path),
        delete(&path),
        put(
            &path,
            with(
                with(catalog("c-held"), "/metadata/resourceVersion", json!("$RV")),
                "/spec/displayName",
                json!("Both"),
            ),
        ),
        get(&path),
    ];
    servers().play(&program);
}
