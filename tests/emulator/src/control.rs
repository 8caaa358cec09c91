//! The control endpoint: what was asked, what the tenant holds, the quirks, and changes behind Graph's back.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use serde_json::{Value, json};

use crate::portal::{self, Refusal};
use crate::quirks::Quirks;
use crate::server::Emulator;

type Shared = State<Arc<Emulator>>;

const BODY_LIMIT: usize = 64 * 1024 * 1024;

pub(crate) fn router(emulator: Arc<Emulator>) -> Router {
    Router::new()
        .route("/requests", get(requests))
        .route("/requests/count", get(count))
        .route("/state", get(state))
        .route("/quirks", get(quirks).put(set_quirks))
        .route("/reset", post(reset))
        .route("/state/{collection}", get(collection).post(create))
        .route("/state/{collection}/{*id}", patch(change).delete(remove))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(emulator)
}

fn json_answer(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn refuse(status: StatusCode, message: impl Into<String>) -> Response {
    json_answer(status, &json!({"error": message.into()}))
}

fn refused(refusal: Refusal) -> Response {
    let status = match refusal {
        Refusal::NotFound(_) => StatusCode::NOT_FOUND,
        Refusal::Wrong(_) => StatusCode::BAD_REQUEST,
    };
    refuse(status, refusal.message())
}

/// `since=N` leaves out the first N.
async fn requests(State(emulator): Shared, RawQuery(query): RawQuery) -> Response {
    let since = match query
        .as_deref()
        .map(|query| query.strip_prefix("since=").map(str::parse))
    {
        None => 0,
        Some(Some(Ok(since))) => since,
        Some(Some(Err(_)) | None) => return refuse(StatusCode::BAD_REQUEST, "the only query is since=NUMBER"),
    };
    let lines: String = emulator
        .requests_since(since)
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

async fn count(State(emulator): Shared) -> Response {
    json_answer(StatusCode::OK, &json!({"count": emulator.request_count()}))
}

async fn state(State(emulator): Shared) -> Response {
    json_answer(
        StatusCode::OK,
        &emulator.with_tenant(|world, store| portal::tenant(world, store)),
    )
}

async fn collection(State(emulator): Shared, Path(name): Path<String>) -> Response {
    match emulator.with_tenant(|world, store| portal::part(world, store, &name)) {
        Some(part) => json_answer(StatusCode::OK, &part),
        None => refuse(StatusCode::NOT_FOUND, format!("there is no collection '{name}'")),
    }
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

async fn create(State(emulator): Shared, Path(collection): Path<String>, body: Bytes) -> Response {
    let Ok(given) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "the body is no JSON");
    };
    match emulator.with_tenant(|world, store| portal::create(world, store, &collection, given)) {
        Ok(made) => json_answer(StatusCode::CREATED, &made),
        Err(refusal) => refused(refusal),
    }
}

async fn change(State(emulator): Shared, Path((collection, id)): Path<(String, String)>, body: Bytes) -> Response {
    let Ok(Value::Object(changes)) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "the body is no JSON object");
    };
    match emulator.with_tenant(|world, store| portal::change(world, store, &collection, &id, changes)) {
        Ok(now) => json_answer(StatusCode::OK, &now),
        Err(refusal) => refused(refusal),
    }
}

async fn remove(State(emulator): Shared, Path((collection, id)): Path<(String, String)>) -> Response {
    match emulator.with_tenant(|world, store| portal::delete(world, store, &collection, &id)) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refused(refusal),
    }
}
