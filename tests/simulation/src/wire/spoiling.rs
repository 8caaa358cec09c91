//! Answers that are spoilt on their way.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use entra_access_operator::graph::LineBody;
use http::Response;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

use crate::fault::Spoilt;

/// An answer that is being spoilt.
pub(super) type Spoiling<T> = Pin<Box<dyn Future<Output = Response<T>> + Send>>;

/// Graph's answer, spoilt in this way.
pub(super) fn spoilt_by(answer: Response<LineBody>, how: Spoilt) -> Spoiling<LineBody> {
    Box::pin(spoil(answer, how))
}

async fn spoil(answer: Response<LineBody>, how: Spoilt) -> Response<LineBody> {
    let (mut parts, body) = answer.into_parts();
    // A body in memory is read to its end.
    let whole = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let json = || serde_json::from_slice::<Value>(&whole).unwrap_or_default();
    let spoilt = match how {
        Spoilt::Truncated => whole.slice(..whole.len() / 2),
        Spoilt::Html => {
            let html = http::HeaderValue::from_static("text/html");
            parts.headers.insert(http::header::CONTENT_TYPE, html);
            parts.status = http::StatusCode::OK;
            Bytes::from_static(b"<html><body>Sign in to the guest network</body></html>")
        }
        Spoilt::Redirect => {
            parts.status = http::StatusCode::FOUND;
            let elsewhere = http::HeaderValue::from_static("https://elsewhere.example/v1.0");
            parts.headers.insert(http::header::LOCATION, elsewhere);
            Bytes::new()
        }
        Spoilt::ForeignNextLink => {
            let mut json = json();
            if json.is_object() {
                json["@odata.nextLink"] = "https://elsewhere.example/v1.0/next".into();
            }
            Bytes::from(json.to_string())
        }
        Spoilt::WithoutId => {
            let mut json = json();
            without_ids(&mut json);
            Bytes::from(json.to_string())
        }
        Spoilt::UnknownEnum => {
            let mut json = json();
            with_unknown_values(&mut json);
            Bytes::from(json.to_string())
        }
    };
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let body = Full::new(spoilt).map_err(|error| match error {}).boxed_unsync();
    Response::from_parts(parts, body)
}

fn without_ids(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("id");
            members.values_mut().for_each(without_ids);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_ids),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The properties of entitlement management that are enumerations.
const ENUMERATIONS: [&str; 6] = [
    "state",
    "catalogType",
    "allowedTargetScope",
    "type",
    "requestType",
    "originSystem",
];

fn with_unknown_values(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if ENUMERATIONS.contains(&name.as_str()) && value.is_string() {
                    *value = "brandNew".into();
                } else {
                    with_unknown_values(value);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(with_unknown_values),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
