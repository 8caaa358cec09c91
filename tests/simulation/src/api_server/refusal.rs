//! What the API server says when it does not do what it was asked for: a code, and a `Status` in its words.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{
    field_error::{FieldError, go_quoted},
    resource::Resource,
};

/// A request that was not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// The `Status`, or text where there is no resource to speak of.
    pub body: Value,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.body["message"].as_str().or(self.body.as_str());
        write!(formatter, "{}: {}", self.code, message.unwrap_or_default())
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    fn status(code: u16, reason: &str, message: &str, details: Option<Value>) -> Self {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code,
        });
        if !reason.is_empty() {
            status["reason"] = reason.into();
        }
        if let Some(details) = details {
            status["details"] = details;
        }
        Self { code, body: status }
    }

    /// No such path.
    pub(super) fn no_page() -> Self {
        Self {
            code: 404,
            body: Value::String("404 page not found\n".to_owned()),
        }
    }

    pub(super) fn bad_request(message: &str) -> Self {
        Self::status(400, "BadRequest", message, None)
    }

    /// A body that is no object of any kind.
    pub(super) fn unrecognized(kind: &str, words: &str, body: &str) -> Self {
        let shown = if body.starts_with('{') {
            shortened(body)
        } else {
            shortened(
                &body
                    .bytes()
                    .take(31)
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>(),
            )
        };
        let message = format!("the object provided is unrecognized (must be of type {kind}): {words} ({shown})");
        Self::bad_request(&message)
    }

    pub(super) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {} not found", resource.qualified(), go_quoted(name));
        Self::status(404, "NotFound", &message, Some(details(resource, name)))
    }

    pub(super) fn already_exists(resource: &Resource, name: &str, is_going: bool) -> Self {
        let going = if is_going { "object is being deleted: " } else { "" };
        let message = format!("{going}{} {} already exists", resource.qualified(), go_quoted(name));
        Self::status(409, "AlreadyExists", &message, Some(details(resource, name)))
    }

    pub(super) fn conflict(resource: &Resource, name: &str, words: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {}: {words}",
            resource.qualified(),
            go_quoted(name)
        );
        Self::status(409, "Conflict", &message, Some(details(resource, name)))
    }

    /// A deletion whose precondition does not hold: there the kind takes the resource's place.
    pub(super) fn precondition(resource: &Resource, name: &str, words: &str) -> Self {
        let kind = resource.qualified_kind();
        let message = format!("Operation cannot be fulfilled on {kind} {}: {words}", go_quoted(name));
        let mut details = details(resource, name);
        details["kind"] = resource.kind.clone().into();
        Self::status(409, "Conflict", &message, Some(details))
    }

    /// Somebody else wrote since.
    pub(super) fn modified(resource: &Resource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub(super) fn forbidden(resource: &Resource, name: &str, words: &str) -> Self {
        let message = format!("{} {} is forbidden: {words}", resource.qualified(), go_quoted(name));
        Self::status(403, "Forbidden", &message, Some(details(resource, name)))
    }

    /// As [`Self::forbidden`], by an admission policy: 422 where it gives `Invalid` as its reason.
    pub(super) fn denied(resource: &Resource, name: &str, reason: &str, words: &str) -> Self {
        let code = match reason {
            "Unauthorized" => 401,
            "Forbidden" => 403,
            "RequestEntityTooLarge" => 413,
            _ => 422,
        };
        let message = format!("{} {} is forbidden: {words}", resource.qualified(), go_quoted(name));
        let mut details = details(resource, name);
        details["causes"] = json!([{"message": words}]);
        Self::status(code, reason, &message, Some(details))
    }

    /// No new content in a namespace that goes.
    pub(super) fn namespace_terminating(resource: &Resource, name: &str, namespace: &str) -> Self {
        let words = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut refusal = Self::forbidden(resource, name, &words);
        refusal.body["details"]["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        refusal
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::status(405, "MethodNotAllowed", message, Some(json!({})))
    }

    pub(super) fn unsupported_media_type(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::status(415, "UnsupportedMediaType", &message, None)
    }

    /// A JSON patch that does not fit the object.
    pub(super) fn unfitting_patch() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::status(422, "Invalid", message, Some(json!({})))
    }

    /// What was patched cannot be read as an object.
    pub(super) fn unreadable_patch(patched: &Value, words: &str) -> Self {
        let words = format!("Invalid value: {}: {words}", go_quoted(&patched.to_string()));
        let details = json!({"causes": [{"reason": "FieldValueInvalid", "message": words, "field": "patch"}]});
        Self::status(
            422,
            "Invalid",
            &format!(" \"\" is invalid: patch: {words}"),
            Some(details),
        )
    }

    /// The request's body is larger than the server reads.
    pub(super) fn body_too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::status(413, "RequestEntityTooLarge", &message, Some(json!({})))
    }

    /// The object is larger than the store takes.
    pub(super) fn object_too_large() -> Self {
        Self::status(500, "", "etcdserver: request is too large", None)
    }

    pub(super) fn internal(message: &str) -> Self {
        Self::status(500, "", message, None)
    }

    /// The history does not reach back to there any more.
    pub(super) fn expired(asked: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {asked} ({oldest})");
        Self::status(410, "Expired", &message, None)
    }

    /// An object that its kind's rules refuse.
    pub(super) fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let mut said: Vec<String> = Vec::new();
        for error in errors {
            let words = error.to_string();
            // The causes keep what is said twice; the message does not.
            if !said.contains(&words) {
                said.push(words);
            }
        }
        let said = match said.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let qualified = qualified(kind, group);
        let message = format!("{qualified} {} is invalid: {said}", go_quoted(name));
        let causes: Vec<Value> = errors.iter().map(FieldError::cause).collect();
        let mut details = Map::new();
        if !name.is_empty() {
            details.insert("name".to_owned(), name.into());
        }
        if !group.is_empty() {
            details.insert("group".to_owned(), group.into());
        }
        details.insert("kind".to_owned(), kind.into());
        details.insert("causes".to_owned(), causes.into());
        Self::status(422, "Invalid", &message, Some(Value::Object(details)))
    }

    /// A PUT without resourceVersion, where the kind does not take one.
    pub(super) fn no_resource_version(resource: &Resource, name: &str) -> Self {
        let error = FieldError::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
        Self::invalid(&resource.group, &resource.plural, name, &[error])
    }
}

/// As much of a body as the server quotes.
fn shortened(body: &str) -> String {
    let most = if body.starts_with('{') { 30 } else { 60 };
    let short: String = body.chars().take(most).collect();
    if short.len() < body.len() {
        format!("{short} ...")
    } else {
        short
    }
}

fn details(resource: &Resource, name: &str) -> Value {
    let mut details = json!({"kind": resource.plural});
    if !name.is_empty() {
        details["name"] = name.into();
    }
    if !resource.group.is_empty() {
        details["group"] = resource.group.clone().into();
    }
    details
}

pub(super) fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{group}")
    }
}
