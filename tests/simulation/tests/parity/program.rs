//! A request, and a program of them.

use serde_json::Value;

/// The custom resources' group and version, in paths.
pub(crate) const GROUP: &str = "/apis/access.entra-operator.io/v1alpha1";
pub(crate) const JSON: &str = "application/json";
pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const APPLY: &str = "application/apply-patch+yaml";
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";

/// One request. In its body, `$RV` and `$UID` stand for those of the object at the path as it is then.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// Of the body, or what is accepted where there is none.
    pub(crate) content_type: &'static str,
    pub(crate) body: Option<Value>,
    /// The real server needs some time until it answers like this, since its controllers work apart.
    pub(crate) awaits: bool,
}

/// Requests in their order.
pub(crate) type Program = Vec<Request>;

fn request(method: &'static str, path: &str, content_type: &'static str, body: Option<Value>) -> Request {
    Request {
        method,
        path: path.to_owned(),
        content_type,
        body,
        awaits: false,
    }
}

pub(crate) fn get(path: &str) -> Request {
    request("GET", path, "", None)
}

/// As [`get`], until the answer is the expected one.
pub(crate) fn await_get(path: &str) -> Request {
    Request {
        awaits: true,
        ..get(path)
    }
}

pub(crate) fn get_as(path: &str, accept: &'static str) -> Request {
    request("GET", path, accept, None)
}

pub(crate) fn post(path: &str, body: Value) -> Request {
    request("POST", path, JSON, Some(body))
}

pub(crate) fn put(path: &str, body: Value) -> Request {
    request("PUT", path, JSON, Some(body))
}

pub(crate) fn patch(path: &str, content_type: &'static str, body: Value) -> Request {
    request("PATCH", path, content_type, Some(body))
}

pub(crate) fn merge(path: &str, body: Value) -> Request {
    patch(path, MERGE, body)
}

pub(crate) fn delete(path: &str) -> Request {
    request("DELETE", path, JSON, None)
}

pub(crate) fn delete_with(path: &str, options: Value) -> Request {
    request("DELETE", path, JSON, Some(options))
}
