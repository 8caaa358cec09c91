//! The control endpoint: what was asked, what the tenant holds, the quirks, and changes behind Graph's back.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use serde_json::{Value, json};

use crate::quirks::Quirks;
use crate::server::Emulator;
use crate::store::{Kind, Object, Store, same, text, timestamp};

type Shared = State<Arc<Emulator>>;

pub(crate) fn router(emulator: Arc<Emulator>) -> Router {
    Router::new()
        .route("/requests", get(requests))
        .route("/state", get(state))
        .route("/quirks", get(quirks).put(set_quirks))
        .route("/reset", post(reset))
        .route("/state/{collection}/{*id}", patch(change).delete(remove))
        .with_state(emulator)
}

fn json_answer(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn refuse(status: StatusCode, message: impl Into<String>) -> Response {
    json_answer(status, &json!({"error": message.into()}))
}

async fn requests(State(emulator): Shared) -> Response {
    let lines: String = emulator.requests().iter().map(|line| format!("{line}\n")).collect();
    ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

async fn state(State(emulator): Shared) -> Response {
    json_answer(StatusCode::OK, &emulator.state())
}

async fn quirks(State(emulator): Shared) -> Response {
    json_answer(
        StatusCode::OK,
        &serde_json::to_value(emulator.quirks()).unwrap_or_default(),
    )
}

async fn set_quirks(State(emulator): Shared, body: Bytes) -> Response {
    let value: Value = match serde_json::from_slice(&body) {
        Ok(value) => value,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}")),
    };
    match Quirks::from_json(value) {
        Ok(quirks) => {
            emulator.set_quirks(quirks.clone());
            json_answer(StatusCode::OK, &serde_json::to_value(quirks).unwrap_or_default())
        }
        Err(error) => refuse(StatusCode::BAD_REQUEST, error),
    }
}

async fn reset(State(emulator): Shared) -> Response {
    emulator.reset();
    StatusCode::NO_CONTENT.into_response()
}

/// The keys under which an id is stored: a role scope's id may stand in several packages.
fn keys(store: &Store, kind: Kind, id: &str) -> Vec<String> {
    if store.get(kind, id).is_some() {
        return vec![id.to_owned()];
    }
    let named = |object: &&Object| match kind {
        Kind::Users => same(text(object, "userPrincipalName"), id),
        Kind::Sites => same(text(object, "webUrl"), id),
        _ => same(text(object, "id"), id),
    };
    let found = store.all(kind).filter(named);
    match kind {
        Kind::ResourceRoleScopes => found
            .map(|object| crate::routes::packages::role_scope_key(text(object, "accessPackageId"), text(object, "id")))
            .collect(),
        _ => found.map(|object| text(object, "id").to_owned()).collect(),
    }
}

fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                merge(old.entry(name).or_insert(Value::Null), value);
            }
        }
        (old, new) => *old = new,
    }
}

async fn change(State(emulator): Shared, Path((collection, id)): Path<(String, String)>, body: Bytes) -> Response {
    let Some(kind) = Kind::named(&collection) else {
        return refuse(StatusCode::NOT_FOUND, format!("there is no collection '{collection}'"));
    };
    let Ok(Value::Object(changes)) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "the body is no JSON object");
    };
    emulator.with_store(|store| {
        let keys = keys(store, kind, &id);
        if keys.is_empty() {
            return refuse(StatusCode::NOT_FOUND, format!("{collection} has no '{id}'"));
        }
        for key in &keys {
            store.update(kind, key, |object| {
                if object.contains_key("modifiedDateTime") {
                    object.insert("modifiedDateTime".into(), json!(timestamp()));
                }
                for (name, value) in changes.clone() {
                    merge(object.entry(name).or_insert(Value::Null), value);
                }
            });
        }
        crate::delivery::settle(store);
        let now = keys
            .first()
            .and_then(|key| store.get(kind, key))
            .cloned()
            .unwrap_or_default();
        json_answer(StatusCode::OK, &Value::Object(now))
    })
}

/// What goes with an object that somebody deleted in the portal.
fn belonging(store: &Store, kind: Kind, id: &str) -> Vec<(Kind, String)> {
    let (key, kinds): (&str, &[Kind]) = match kind {
        Kind::Catalogs => (
            "catalogId",
            &[Kind::AccessPackages, Kind::Resources, Kind::CustomWorkflowExtensions],
        ),
        Kind::AccessPackages => (
            "accessPackageId",
            &[Kind::AssignmentPolicies, Kind::ResourceRoleScopes, Kind::Assignments],
        ),
        Kind::Resources => ("resourceId", &[Kind::ResourceRoleScopes]),
        _ => return Vec::new(),
    };
    kinds
        .iter()
        .flat_map(|kind| store.all(*kind).map(move |object| (*kind, object)))
        .filter(|(_, object)| same(text(object, key), id))
        .map(|(kind, object)| {
            let key = match kind {
                Kind::ResourceRoleScopes => {
                    crate::routes::packages::role_scope_key(text(object, "accessPackageId"), text(object, "id"))
                }
                _ => text(object, "id").to_owned(),
            };
            (kind, key)
        })
        .collect()
}

fn delete(store: &mut Store, kind: Kind, key: &str) {
    for (kind, key) in belonging(store, kind, key) {
        delete(store, kind, &key);
    }
    store.remove(kind, key);
}

async fn remove(State(emulator): Shared, Path((collection, id)): Path<(String, String)>) -> Response {
    let Some(kind) = Kind::named(&collection) else {
        return refuse(StatusCode::NOT_FOUND, format!("there is no collection '{collection}'"));
    };
    emulator.with_store(|store| {
        let keys = keys(store, kind, &id);
        if keys.is_empty() {
            return refuse(StatusCode::NOT_FOUND, format!("{collection} has no '{id}'"));
        }
        for key in keys {
            delete(store, kind, &key);
        }
        crate::delivery::settle(store);
        StatusCode::NO_CONTENT.into_response()
    })
}

/// The whole tenant, with the ids that tie its objects together.
pub(crate) fn tenant(store: &Store) -> Value {
    let mut all = Object::new();
    for kind in Kind::ALL {
        let objects: Vec<Value> = store
            .all(kind)
            .map(|object| {
                let mut object = object.clone();
                object.remove("dueAt");
                if kind == Kind::Resources {
                    object.insert(
                        "roles".into(),
                        json!(crate::routes::resources::roles_of(store, &object)),
                    );
                    object.insert("scopes".into(), json!([crate::routes::resources::scope_of(&object)]));
                }
                Value::Object(object)
            })
            .collect();
        all.insert(kind.name().to_owned(), json!(objects));
    }
    all.insert("settings".into(), Value::Object(store.settings.clone()));
    all.insert("directory".into(), crate::delivery::directory(store));
    Value::Object(all)
}
