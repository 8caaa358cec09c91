//! The verbs, on custom resources.

use serde_json::{Value, json};

use crate::{
    program::{APPLY, GROUP, JSON_PATCH, Program, Request, await_get, get, get_as, merge, patch, post, put},
    servers::servers,
};

pub(crate) const FINALIZER: &str = "access.entra-operator.io/finalizer";

pub(crate) fn catalogs() -> String {
    format!("{GROUP}/catalogs")
}

pub(crate) fn catalog(name: &str) -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "Catalog",
        "metadata": {"name": name, "labels": {"of": name}}, "spec": {"displayName": "Marketing"},
    })
}

fn package(name: &str) -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AccessPackage",
        "metadata": {"name": name}, "spec": {"displayName": "Campaign", "catalogRef": {"name": "marketing"}},
    })
}

/// The object with this value in the place of another.
pub(crate) fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[field] = value;
    object
}

#[test]
fn objects_are_created_alike() {
    let all = catalogs();
    let one = |pointer: &str, value: Value| post(&all, with(catalog("c-created"), pointer, value));
    let program = vec![
        post(&all, catalog("c-created")),
        post(&all, catalog("c-created")),
        get(&format!("{all}/c-created")),
        get(&format!("{all}/c-absent")),
        post(&all, with(catalog("C_"), "/metadata/labels", json!({}))),
        one("/metadata/name", json!("x".repeat(254))),
        one("/metadata/name", Value::Null),
        one("/metadata/namespace", json!("default")),
        one("/apiVersion", json!("")),
        one("/apiVersion", json!("access.entra-operator.io/v2")),
        one("/kind", json!("")),
        one("/metadata", json!({"generateName": "generated-"})),
        one("/metadata", json!({"generateName": "generated-", "name": ""})),
        one("/metadata/labels", json!({"a b": "c"})),
        one("/metadata/labels", json!({"a": "c d"})),
        one("/metadata/labels", json!({"/a": "c"})),
        one("/metadata/labels", json!({"a/b/c": "c"})),
        one("/metadata/labels", json!({"a": 5})),
        one("/metadata/labels", json!({"a": "x".repeat(64)})),
        one("/metadata/labels", json!({"x".repeat(64): "a"})),
        one("/metadata/annotations", json!({"a/b/c": "c"})),
        one("/metadata/finalizers", json!(["a/b/c"])),
        one("/metadata/finalizers", json!(["/"])),
        one("/metadata/annotations", json!({"a b": "c"})),
        one("/metadata/annotations", json!({"big": "x".repeat(300_000)})),
        one("/metadata/finalizers", json!(["unqualified"])),
        one("/metadata/finalizers", json!(["a b/c"])),
        one("/metadata/unheard", json!("of")),
        one("/spec", Value::Null),
        one("/spec", json!(5)),
        one("/spec", json!([])),
        post(
            &format!("{all}?fieldValidation=Strict"),
            with(catalog("c-strict"), "/metadata/unheard", json!("of")),
        ),
        post(
            &format!("{all}?fieldValidation=Strict"),
            with(catalog("c-strict"), "/unheard", json!("of")),
        ),
        post(
            &format!("{all}?fieldValidation=Ignore"),
            with(catalog("c-ignored"), "/unheard", json!("of")),
        ),
        post(
            &all,
            with(
                with(catalog("c-pretender"), "/metadata/uid", json!("mine")),
                "/metadata/generation",
                json!(77),
            ),
        ),
        post(
            &all,
            with(catalog("c-version"), "/metadata/resourceVersion", json!("12")),
        ),
        post(
            &all,
            with(
                catalog("c-dying"),
                "/metadata/deletionTimestamp",
                json!("2020-01-01T00:00:00Z"),
            ),
        ),
        post(
            &all,
            with(catalog("c-status"), "/status", json!({"observedGeneration": 5})),
        ),
        post(&format!("{all}?dryRun=All"), catalog("c-dry")),
        get(&format!("{all}/c-dry")),
        post(
            &format!("{GROUP}/namespaces/default/accesspackages"),
            package("p-created"),
        ),
        post(
            &format!("{GROUP}/namespaces/default/accesspackages"),
            package("p-created"),
        ),
        post(
            &format!("{GROUP}/namespaces/absent/accesspackages"),
            package("p-created"),
        ),
        post(&format!("{GROUP}/accesspackages"), package("p-created")),
        post(
            &format!("{GROUP}/namespaces/default/accesspackages"),
            with(package("p-other"), "/metadata/namespace", json!("other")),
        ),
        post(&format!("{GROUP}/catalogss"), catalog("c-nowhere")),
        post("/apis/unheard.of/v1/things", json!({})),
        post(&format!("{all}/c-created"), catalog("c-created")),
        put(&all, catalog("c-created")),
        merge(&all, json!({})),
    ];
    servers().play(&program);
}

#[test]
fn objects_are_replaced_alike() {
    let path = format!("{}/c-replaced", catalogs());
    let versioned = || with(catalog("c-replaced"), "/metadata/resourceVersion", json!("$RV"));
    let replace = |pointer: &str, value: Value| put(&path, with(versioned(), pointer, value));
    let program = vec![
        put(&path, catalog("c-replaced")),
        post(&catalogs(), catalog("c-replaced")),
        put(&path, catalog("c-replaced")),
        put(&path, versioned()),
        replace("/spec/displayName", json!("Sales")),
        replace("/spec/description", json!("Words")),
        replace("/metadata/labels", json!({"of": "c-replaced", "more": "labels"})),
        replace("/metadata/resourceVersion", json!("1")),
        replace("/metadata/resourceVersion", json!("words")),
        replace("/metadata/uid", json!("another")),
        replace("/metadata/uid", json!("$UID")),
        replace("/metadata/name", json!("c-other")),
        replace("/metadata/name", Value::Null),
        replace("/metadata/namespace", json!("default")),
        replace("/metadata/generation", json!(77)),
        replace("/metadata/creationTimestamp", json!("2020-01-01T00:00:00Z")),
        replace("/metadata/deletionTimestamp", json!("2020-01-01T00:00:00Z")),
        replace("/metadata/finalizers", json!([FINALIZER])),
        replace("/metadata/finalizers", json!([FINALIZER, FINALIZER])),
        replace("/status", json!({"observedGeneration": 9})),
        replace("/kind", json!("AccessPackage")),
        replace("/apiVersion", json!("v1")),
        replace("/spec/displayName", json!("")),
        replace("/spec", Value::Null),
        replace("/spec/unheard", json!("of")),
        put(
            &format!("{path}?fieldValidation=Strict"),
            with(versioned(), "/spec/unheard", json!("of")),
        ),
        put(
            &format!("{path}?dryRun=All"),
            with(versioned(), "/spec/displayName", json!("Dry")),
        ),
        get(&path),
        put(&path, json!([])),
        put(&path, json!({})),
    ];
    servers().play(&program);
}

#[test]
fn objects_are_patched_alike() {
    let path = format!("{}/c-patched", catalogs());
    let json_patch = |operation: Value| patch(&path, JSON_PATCH, json!([operation]));
    let program = vec![
        merge(&path, json!({"spec": {"displayName": "Too early"}})),
        post(&catalogs(), catalog("c-patched")),
        merge(&path, json!({})),
        merge(&path, json!({"spec": {"displayName": "Marketing"}})),
        merge(&path, json!({"spec": {"displayName": "Sales"}})),
        merge(&path, json!({"spec": {"description": "Words"}})),
        merge(&path, json!({"spec": {"description": null}})),
        merge(&path, json!({"spec": {"displayName": null}})),
        merge(&path, json!({"spec": {"displayName": 5}})),
        merge(&path, json!({"spec": {"state": "Draft", "externallyVisible": "yes"}})),
        merge(
            &path,
            json!({"spec": {"resources": [{"name": "a", "group": {"id": "x"}}]}}),
        ),
        merge(&path, json!({"spec": {"unheard": "of"}})),
        merge(
            &format!("{path}?fieldValidation=Strict"),
            json!({"spec": {"unheard": "of"}}),
        ),
        merge(&format!("{path}?dryRun=All"), json!({"spec": {"displayName": "Dry"}})),
        merge(&path, json!({"spec": null})),
        merge(&path, json!({"metadata": null})),
        merge(&path, json!({"metadata": {"annotations": {"a": "b"}}})),
        merge(&path, json!({"metadata": {"annotations": {"a": null}}})),
        merge(&path, json!({"metadata": {"annotations": {"a b": "c"}}})),
        merge(&path, json!({"metadata": {"labels": {"a": 5}}})),
        merge(&path, json!({"metadata": {"labels": {"a": "b c"}}})),
        merge(
            &path,
            json!({"metadata": {"resourceVersion": "$RV", "annotations": {"a": "b"}}}),
        ),
        merge(
            &path,
            json!({"metadata": {"resourceVersion": "1", "annotations": {"a": "c"}}}),
        ),
        merge(&path, json!({"metadata": {"resourceVersion": "words"}})),
        merge(&path, json!({"metadata": {"resourceVersion": null}})),
        merge(&path, json!({"metadata": {"uid": "another"}})),
        merge(&path, json!({"metadata": {"uid": null}})),
        merge(&path, json!({"metadata": {"name": "c-other"}})),
        merge(&path, json!({"metadata": {"generation": 77}})),
        merge(
            &path,
            json!({"metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"}}),
        ),
        merge(
            &path,
            json!({"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}}),
        ),
        merge(&path, json!({"metadata": {"namespace": "default"}})),
        merge(&path, json!({"kind": "Unheard"})),
        merge(&path, json!({"status": {"observedGeneration": 3}})),
        json_patch(json!({"op": "replace", "path": "/spec/displayName", "value": "By JSON"})),
        json_patch(json!({"op": "test", "path": "/spec/displayName", "value": "Another"})),
        json_patch(json!({"op": "remove", "path": "/spec/unheard"})),
        json_patch(json!({"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]})),
        json_patch(json!({"op": "remove", "path": "/metadata/finalizers/0"})),
        patch(&path, "application/strategic-merge-patch+json", json!({})),
        patch(&path, "text/plain", json!({})),
        get(&path),
    ];
    servers().play(&program);
}

#[test]
fn objects_are_applied_alike() {
    let path = format!("{}/c-applied?fieldManager=team&force=true", catalogs());
    let apply = |object: Value| patch(&path, APPLY, object);
    let roles = |roles: Value| with(package("p-applied"), "/spec/resourceRoles", roles);
    let packages = format!("{GROUP}/namespaces/default/accesspackages/p-applied");
    let program = vec![
        apply(catalog("c-applied")),
        apply(catalog("c-applied")),
        apply(with(catalog("c-applied"), "/spec/description", json!("Words"))),
        apply(with(
            catalog("c-applied"),
            "/metadata/labels",
            json!({"more": "labels"}),
        )),
        apply(catalog("c-applied")),
        merge(
            &format!("{}/c-applied", catalogs()),
            json!({"metadata": {"annotations": {"others": "own"}}}),
        ),
        apply(with(catalog("c-applied"), "/metadata/labels", json!({}))),
        apply(with(catalog("c-applied"), "/spec", json!({}))),
        patch(
            &format!("{packages}?fieldManager=team"),
            APPLY,
            roles(json!([{"resource": "crm", "role": "Reader"}])),
        ),
        merge(
            &packages,
            json!({"spec": {"resourceRoles": [{"resource": "crm", "role": "Reader"}, {"resource": "crm", "role": "Writer"}]}}),
        ),
        patch(
            &format!("{packages}?fieldManager=team&force=true"),
            APPLY,
            roles(json!([{"resource": "portal", "role": "Visitor"}])),
        ),
        get(&packages),
    ];
    servers().play(&program);
}

#[test]
fn lists_are_alike() {
    let packages = |namespace: &str| format!("{GROUP}/namespaces/{namespace}/accesspackages");
    let all = format!("{GROUP}/accesspackages");
    let mut program = Program::new();
    for namespace in ["lists", "lists-more"] {
        program.push(post("/api/v1/namespaces", json!({"metadata": {"name": namespace}})));
        for name in ["b", "a", "c"] {
            let object = with(package(name), "/metadata/labels", json!({"list": "yes", "name": name}));
            program.push(post(&packages(namespace), object));
        }
    }
    let partial = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    program.extend([
        get(&packages("lists")),
        get(&packages("lists-nowhere")),
        get(&format!("{all}?labelSelector=list")),
        get(&format!("{all}?labelSelector=list%3Dyes,name%21%3Da")),
        get(&format!("{all}?labelSelector=list%3D%3Dno")),
        get(&format!(
            "{all}?labelSelector=%21list&fieldSelector=metadata.namespace%3Dlists"
        )),
        get(&format!("{}?fieldSelector=metadata.name%3Da", packages("lists"))),
        get(&format!("{}?fieldSelector=metadata.name%21%3Da", packages("lists"))),
        get(&format!("{}?fieldSelector=spec.displayName%3Da", packages("lists"))),
        get(&format!("{}?limit=2", packages("lists"))),
        get(&format!("{}?limit=3", packages("lists"))),
        get_as(&packages("lists"), partial),
        get_as(
            &format!("{}/a", packages("lists")),
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        ),
        get(&format!("{}/a/status", packages("lists"))),
        get(&format!("{}/absent", packages("lists"))),
        Request {
            method: "DELETE",
            ..get(&format!("{}?labelSelector=name%3Da", packages("lists")))
        },
        await_get(&packages("lists")),
    ]);
    servers().play(&program);
}
