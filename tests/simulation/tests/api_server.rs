//! What the API server in process does, seen through kube's client and through people's commands.

#![expect(clippy::unwrap_used, reason = "what the tests share fails as a test does")]

use std::{pin::pin, time::Duration};

use entra_access_operator::{
    api::{Catalog, FINALIZER},
    clock::Clock,
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Resource as _, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::PartialObjectMeta,
    runtime::{
        events::{Event, EventType as Severity, Recorder, Reporter},
        watcher::{self, watcher},
    },
};
use serde_json::{Value, json};
use simulation::api_server::{ApiServer, Definitions, EventType, NamespaceController, User};

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
    let same = json!({"spec": {"displayName": "Marketing"}});
    // The first one is: it stores the status that reading had added.
    let created = server.revision();
    server.patch("Catalog", "marketing", None, &same).unwrap();
    assert_eq!(server.revision(), created + 1);
    let before = server.revision();
    server.apply(&catalog("marketing")).unwrap();
    server.patch("Catalog", "marketing", None, &same).unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_watch_of_the_operators_library_sees_what_happens() {
    let server = server();
    server.apply(&catalog("before")).unwrap();
    let mut events = pin!(watcher(
        Api::<Catalog>::all(server.client()),
        watcher::Config::default()
    ));
    let mut next = async || match events.next().await.unwrap() {
        Ok(watcher::Event::Apply(catalog)) => format!("apply {}", catalog.name_any()),
        Ok(watcher::Event::Delete(catalog)) => format!("delete {}", catalog.name_any()),
        Ok(watcher::Event::Init) => "init".to_owned(),
        Ok(watcher::Event::InitApply(catalog)) => format!("there is {}", catalog.name_any()),
        Ok(watcher::Event::InitDone) => "that is all".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(
        [next().await, next().await, next().await],
        ["init", "there is before", "that is all"]
    );
    server.apply(&catalog("after")).unwrap();
    server.delete("Catalog", "before", None).unwrap();
    assert_eq!([next().await, next().await], ["apply after", "delete before"]);
    // Watches end with their time, some five minutes, and are taken up again from where they were.
    tokio::time::advance(Duration::from_secs(1_000)).await;
    server.apply(&catalog("later")).unwrap();
    assert_eq!(next().await, "apply later");
    // Who comes too late lists anew.
    tokio::time::advance(Duration::from_secs(1_000)).await;
    server.apply(&catalog("forgotten")).unwrap();
    server.compact(server.revision());
    let told = next().await;
    assert!(told.contains("too old resource version"), "{told}");
    assert_eq!(next().await, "init");
}

#[tokio::test(start_paused = true)]
async fn with_the_charts_policy_only_the_operator_writes_status() {
    let server = server();
    server.apply(&catalog("marketing")).unwrap();
    server.enforce_admission("entra-access-operator").unwrap();
    let operator = User::service_account("entra-access-operator", "entra-access-operator");
    let status = json!({"status": {"observedGeneration": 1}});
    let path = "/apis/access.entra-operator.io/v1alpha1/catalogs/marketing/status";
    let write = |user: &User| {
        server
            .request(user, "PATCH", path, "application/merge-patch+json", Some(&status))
            .0
    };
    assert_eq!(
        (write(&User::admin()), write(&User::new("ann", &[])), write(&operator)),
        (403, 403, 200)
    );
    let last: Vec<String> = server
        .calls()
        .iter()
        .rev()
        .take(3)
        .map(|call| format!("{} {call}", call.user))
        .collect();
    assert_eq!(
        last,
        [
            format!("system:serviceaccount:entra-access-operator:entra-access-operator 200 PATCH {path}"),
            format!("ann 403 PATCH {path}"),
            format!("admin 403 PATCH {path}"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn events_of_the_operators_library_are_found_by_what_they_are_about() {
    let server = server();
    server.apply(&catalog("marketing")).unwrap();
    let read: Catalog = Api::all(server.client()).get("marketing").await.unwrap();
    let recorder = Recorder::new(server.client(), Reporter::from("entra-access-operator"));
    let event = |note: &str| Event {
        type_: Severity::Normal,
        reason: "Created".to_owned(),
        note: Some(note.to_owned()),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    recorder.publish(&event("first"), &read.object_ref(&())).await.unwrap();
    recorder.publish(&event("again"), &read.object_ref(&())).await.unwrap();
    let events = server.events("Catalog", "marketing", None);
    assert_eq!(events.len(), 1, "repeats are counted");
    assert_eq!(
        (events[0]["message"].as_str(), events[0]["series"]["count"].as_u64()),
        (Some("first"), Some(2))
    );
    assert_eq!(events[0]["metadata"]["namespace"], "default");
}

#[tokio::test(start_paused = true)]
async fn a_list_comes_in_pages_where_it_is_asked_for_so() {
    let server = server();
    for name in ["e", "b", "d", "a", "c"] {
        server.apply(&catalog(name)).unwrap();
    }
    let catalogs: Api<Catalog> = Api::all(server.client());
    let mut pages = Vec::new();
    let mut params = ListParams::default().limit(2);
    loop {
        let page = catalogs.list(&params).await.unwrap();
        pages.push(
            page.items
                .iter()
                .map(ResourceExt::name_any)
                .collect::<Vec<_>>()
                .concat(),
        );
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    assert_eq!(pages, ["ab", "cd", "e"]);
}

#[test]
fn without_rules_in_cel_only_the_schema_refuses() {
    let clock = Clock::simulated("2026-11-28T10:00:00Z".parse().unwrap());
    let server = ApiServer::with_definitions(clock, 7, &Definitions::without_rules());
    let mut nameless = catalog("marketing");
    nameless["spec"] = json!({});
    server.create(&nameless).unwrap();
    nameless["spec"] = json!({"state": "Draft"});
    nameless["metadata"]["name"] = json!("draft");
    assert_eq!(server.create(&nameless).unwrap_err().code, 422);
}

/// Not for its outcome: `cargo test --release -p simulation --test api_server -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn how_long_requests_take() {
    let clock = Clock::system();
    let begun = clock.instant();
    let server = server();
    println!("a server: {:?}", clock.since(begun));
    let timed = |what: &str, request: &dyn Fn(usize)| {
        let begun = clock.instant();
        (0..1_000).for_each(request);
        println!("{what}: {:?}", clock.since(begun) / 1_000);
    };
    timed("create", &|number| {
        drop(server.create(&catalog(&format!("c-{number}"))).unwrap())
    });
    let policy = json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AssignmentPolicy",
        "metadata": {"namespace": "default"},
        "spec": {
            "accessPackageRef": {"name": "marketing-campaign"}, "displayName": "Marketing Campaign Policy",
            "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
            "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]},
            "expiration": {"afterDuration": "P90D"},
        },
    });
    timed("create a policy", &|number| {
        let mut policy = policy.clone();
        policy["metadata"]["name"] = format!("p-{number}").into();
        server.create(&policy).unwrap();
    });
    timed("status", &|number| {
        let status = json!({"status": {"observedGeneration": number + 5}});
        server.patch("Catalog", &format!("c-{number}"), None, &status).unwrap();
    });
    timed("spec", &|number| {
        let spec = json!({"spec": {"description": format!("{number}")}});
        server.patch("Catalog", &format!("c-{number}"), None, &spec).unwrap();
    });
    timed("get", &|number| {
        drop(server.get("Catalog", &format!("c-{number}"), None).unwrap())
    });
    let begun = clock.instant();
    assert_eq!(server.list("Catalog", None).len(), 1_000);
    println!("list of 1000: {:?}", clock.since(begun));
    timed("delete", &|number| {
        server.delete("Catalog", &format!("c-{number}"), None).unwrap()
    });
    timed("a server", &|_| drop(self::server()));
}
