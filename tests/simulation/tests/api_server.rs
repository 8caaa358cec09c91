//! What the API server in process does, seen through kube's client and through people's commands.

use entra_access_operator::{
    api::{Catalog, FINALIZER},
    clock::Clock,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::PartialObjectMeta,
};
use serde_json::{Value, json};
use simulation::api_server::{ApiServer, EventType, NamespaceController};

fn server() -> ApiServer {
    ApiServer::new(Clock::simulated("2026-11-28T10:00:00Z".parse().unwrap()), 7)
}

fn catalog(name: &str) -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "Catalog",
        "metadata": {"name": name}, "spec": {"displayName": "Marketing"},
    })
}

fn package(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AccessPackage",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"displayName": "Campaign", "catalogRef": {"name": "marketing"}},
    })
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

#[tokio::test(start_paused = true)]
async fn the_operators_client_works_on_it() {
    let server = server();
    server.apply(&catalog("marketing")).unwrap();
    let catalogs: Api<Catalog> = Api::all(server.client());
    let read = catalogs.get("marketing").await.unwrap();
    assert_eq!(read.meta().generation, Some(1));

    // As the operator adds its finalizer.
    let patch = json!({"metadata": {"resourceVersion": read.resource_version(), "finalizers": [FINALIZER]}});
    let held = catalogs
        .patch("marketing", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    let outdated = catalogs
        .patch("marketing", &PatchParams::default(), &Patch::Merge(&patch))
        .await;
    assert!(matches!(outdated, Err(kube::Error::Api(status)) if status.is_conflict()));

    // As it writes status.
    let mut told = held.clone();
    told.status.get_or_insert_default().standing.observed_generation = 1;
    let told = catalogs
        .replace_status("marketing", &PostParams::default(), &told)
        .await
        .unwrap();
    assert_eq!((told.meta().generation, told.finalizers().len()), (Some(1), 1));
    let late = catalogs
        .replace_status("marketing", &PostParams::default(), &held)
        .await;
    assert!(matches!(late, Err(kube::Error::Api(status)) if status.is_conflict()));

    // As it lets go.
    catalogs.delete("marketing", &DeleteParams::default()).await.unwrap();
    assert!(
        catalogs
            .get("marketing")
            .await
            .unwrap()
            .meta()
            .deletion_timestamp
            .is_some()
    );
    let free = json!({"metadata": {"finalizers": []}});
    catalogs
        .patch("marketing", &PatchParams::default(), &Patch::Merge(&free))
        .await
        .unwrap();
    assert!(catalogs.get_opt("marketing").await.unwrap().is_none());

    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(server.client());
    let listed = namespaces.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(listed.items.len(), 4);
}

#[test]
fn the_same_seed_and_the_same_requests_give_the_same_history() {
    let play = || {
        let server = server();
        server.apply(&catalog("a")).unwrap();
        server.apply(&catalog("b")).unwrap();
        server.delete("Catalog", "a", None).unwrap();
        let events = server.events_since(0);
        let told: Vec<String> = events
            .iter()
            .map(|event| {
                format!(
                    "{} {} {}",
                    event.resource_version,
                    event.event_type.name(),
                    event.object
                )
            })
            .collect();
        told
    };
    assert_eq!(play(), play());
}

#[test]
fn a_write_that_changes_nothing_is_no_news() {
    let server = server();
    server.apply(&catalog("marketing")).unwrap();
    let before = server.revision();
    server.apply(&catalog("marketing")).unwrap();
    server
        .patch(
            "Catalog",
            "marketing",
            None,
            &json!({"spec": {"displayName": "Marketing"}}),
        )
        .unwrap();
    assert_eq!(server.revision(), before);
    assert!(server.events_since(before).is_empty());
}

#[test]
fn kubectl_apply_takes_away_what_is_no_longer_said_and_leaves_what_others_set() {
    let server = server();
    let mut wanted = catalog("marketing");
    wanted["metadata"]["labels"] = json!({"team": "a"});
    wanted["spec"]["description"] = json!("words");
    server.apply(&wanted).unwrap();
    server
        .annotate("Catalog", "marketing", None, "other", Some("kept"))
        .unwrap();
    let after = server.apply(&catalog("marketing")).unwrap();
    assert_eq!(after["metadata"]["labels"], Value::Null);
    assert_ne!(after["spec"]["description"], "words");
    assert_eq!(after["metadata"]["annotations"]["other"], "kept");
}

#[test]
fn a_namespace_goes_when_its_content_is_gone() {
    let server = server();
    server.apply(&namespace("marketing")).unwrap();
    let mut held = package("marketing", "held");
    held["metadata"]["finalizers"] = json!([FINALIZER]);
    server.apply(&held).unwrap();
    server.apply(&package("marketing", "free")).unwrap();
    server.delete("Namespace", "marketing", None).unwrap();
    let left = server.list("AccessPackage", Some("marketing"));
    assert_eq!(left.len(), 1);
    assert!(left[0]["metadata"]["deletionTimestamp"].is_string());
    let refused = server.apply(&package("marketing", "late")).unwrap_err();
    assert_eq!(refused.code, 403);
    server
        .patch(
            "AccessPackage",
            "held",
            Some("marketing"),
            &json!({"metadata": {"finalizers": null}}),
        )
        .unwrap();
    assert_eq!(server.get("Namespace", "marketing", None), None);
    let last = server.events_since(0).pop().unwrap();
    assert_eq!((last.kind.as_str(), last.event_type), ("Namespace", EventType::Deleted));
}

#[test]
fn the_namespace_controller_can_be_late() {
    let server = server();
    server.set_namespace_controller(NamespaceController::WhenCalled);
    server.apply(&namespace("marketing")).unwrap();
    server.apply(&package("marketing", "free")).unwrap();
    server.delete("Namespace", "marketing", None).unwrap();
    assert_eq!(server.list("AccessPackage", None).len(), 1);
    server.run_namespace_controller();
    assert_eq!(server.list("AccessPackage", None).len(), 0);
    assert_eq!(server.get("Namespace", "marketing", None), None);
}
