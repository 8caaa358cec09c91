//! What watches tell.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, masked},
    program::{GROUP, Program, delete, delete_with, get, merge, post},
    servers::servers,
};

const FINALIZER: &str = "access.entra-operator.io/finalizer";

fn catalog(name: &str) -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "Catalog", "metadata": {"name": name},
        "spec": {"displayName": "Marketing"},
    })
}

/// A life with everything that is news, and much that is none.
fn life() -> Program {
    let all = format!("{GROUP}/catalogs");
    let path = format!("{all}/w-told");
    let finalizers = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    vec![
        post(&all, catalog("w-told")),
        post(&all, catalog("w-told")),
        post(&format!("{all}?dryRun=All"), catalog("w-dry")),
        merge(&path, json!({"spec": {"displayName": "Marketing"}})),
        merge(&path, json!({"spec": {"displayName": "Sales"}})),
        merge(&path, json!({"spec": {"displayName": ""}})),
        merge(&path, finalizers(json!([FINALIZER, "a.b/c"]))),
        merge(&format!("{path}/status"), json!({"status": {"observedGeneration": 2}})),
        merge(&format!("{path}/status"), json!({"status": {"observedGeneration": 2}})),
        delete(&path),
        delete(&path),
        merge(&path, finalizers(json!(["a.b/c"]))),
        merge(
            &path,
            json!({"metadata": {"finalizers": null}, "spec": {"displayName": "Last words"}}),
        ),
        post(&all, catalog("w-told")),
        delete_with(&path, json!({"preconditions": {"uid": "$UID"}})),
        get(&path),
    ]
}

#[test]
fn watches_tell_the_same() {
    let mut servers = servers();
    let version = servers
        .real()
        .request("GET", &format!("{GROUP}/catalogs"), "", None)
        .unwrap();
    let version = version["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let ours_before = servers.ours().revision();
    servers.play(&life());

    let path = format!("{GROUP}/catalogs?watch=1&resourceVersion={version}&timeoutSeconds=2");
    let lines = servers.real().request("GET", &path, "", None).unwrap();
    let told = |event_type: &str, object: &Value| {
        let body = object.clone();
        format!("{event_type} {}", masked(Answer { code: 200, body }).body)
    };
    let real: Vec<String> = lines
        .as_str()
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|event| told(event["type"].as_str().unwrap(), &event["object"]))
        .collect();
    let news = servers.ours().events_since(ours_before);
    let ours: Vec<String> = news
        .iter()
        .map(|event| told(event.event_type.name(), &event.object))
        .collect();
    assert_eq!(real, ours);
    assert!(
        news.windows(2)
            .all(|two| two[0].resource_version < two[1].resource_version),
        "each write has a resourceVersion of its own"
    );
    for event in &news {
        assert_eq!(
            event.object["metadata"]["resourceVersion"],
            event.resource_version.to_string()
        );
    }
}
