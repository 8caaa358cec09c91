//! What went wrong at Graph, for people and for the code that decides what comes next.

use std::error::Error as StdError;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde::Deserialize;

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GraphErrorKind {
    /// 404 with Graph's error body. Never inferred from 403.
    NotFound,
    /// 403: the caller lacks a permission or a catalog role; may also stand for something that is gone.
    Forbidden,
    /// 401: the token was not accepted.
    Unauthorized,
    /// 400 or 422, or a request that was refused here before it was sent.
    BadRequest,
    /// 409 or 412.
    Conflict,
    /// 429, beyond what was worth waiting for; see `retry_after`.
    Throttled,
    /// 5xx, beyond what was worth waiting for.
    ServiceUnavailable,
    /// A request that must not be sent twice was sent, and what became of it is not known: look before deciding.
    OutcomeUnknown,
    /// The operation's deadline passed; nothing is known to have been changed by the last attempt.
    Timeout,
    /// No connection to Graph.
    Unreachable,
    /// The authority refused the token, or the credential is unusable; `code` holds the AADSTS code.
    TokenRefused,
    /// The token authority could not be reached or failed.
    AuthorityUnreachable,
    /// A write through a read-only handle, refused before anything was sent.
    ReadOnly,
    /// A write of a process that may no longer write, or has not heard for too long that it may; refused before anything was sent.
    NotLeading,
    /// An absolute URL outside the tenant's Graph root, to which the bearer is never sent.
    ForeignHost,
    /// An answer that is not what Graph v1.0 promises.
    InvalidResponse,
    /// Any other status.
    Unexpected,
}

/// A failed operation. Dereferences to [`GraphFault`], which holds the fields.
#[derive(Debug)]
pub struct GraphError(Box<GraphFault>);

/// The content of a [`GraphError`].
#[derive(Debug)]
pub struct GraphFault {
    /// What kind of failure it is.
    pub kind: GraphErrorKind,
    /// The operation's name, such as `accessPackages.create`.
    pub operation: &'static str,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Graph's error code such as `DuplicateAccessPackage`, or the authority's such as `AADSTS7000215`.
    pub code: Option<String>,
    /// Graph's message, or ours.
    pub message: String,
    /// Graph's id of the answer.
    pub request_id: Option<String>,
    /// Our id of the request.
    pub client_request_id: Option<String>,
    /// How long the service asked to wait.
    pub retry_after: Option<Duration>,
    /// The least application permission that the operation needs; set where it was refused (403).
    pub needed_permission: Option<&'static str>,
    /// What lies below.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl GraphError {
    /// An error of this kind without an answer behind it.
    pub fn new(kind: GraphErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(GraphFault {
            kind,
            operation,
            status: None,
            code: None,
            message: message.into(),
            request_id: None,
            client_request_id: None,
            retry_after: None,
            needed_permission: None,
            source: None,
        }))
    }

    pub(super) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// The same failure once more, for each of those whom it met; without what lies below.
    pub(super) fn again(&self) -> Self {
        let GraphFault {
            kind,
            operation,
            status,
            code,
            message,
            request_id,
            client_request_id,
            retry_after,
            needed_permission,
            source: _,
        } = &*self.0;
        Self(Box::new(GraphFault {
            kind: *kind,
            operation,
            status: *status,
            code: code.clone(),
            message: message.clone(),
            request_id: request_id.clone(),
            client_request_id: client_request_id.clone(),
            retry_after: *retry_after,
            needed_permission: *needed_permission,
            source: None,
        }))
    }

    pub(super) fn because(mut self, source: Box<dyn StdError + Send + Sync>) -> Self {
        self.0.source = Some(source);
        self
    }

    /// Whether waiting alone can mend it.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            GraphErrorKind::Throttled
            | GraphErrorKind::ServiceUnavailable
            | GraphErrorKind::OutcomeUnknown
            | GraphErrorKind::Timeout
            | GraphErrorKind::Unreachable
            | GraphErrorKind::AuthorityUnreachable
            | GraphErrorKind::NotLeading => true,
            GraphErrorKind::NotFound
            | GraphErrorKind::Forbidden
            | GraphErrorKind::Unauthorized
            | GraphErrorKind::BadRequest
            | GraphErrorKind::Conflict
            | GraphErrorKind::TokenRefused
            | GraphErrorKind::ReadOnly
            | GraphErrorKind::ForeignHost
            | GraphErrorKind::InvalidResponse
            | GraphErrorKind::Unexpected => false,
        }
    }

    /// Whether Graph (or the authority) gave this code; compared without case.
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(code))
    }

    /// What differs from request to request, for people and Microsoft's support: the wait that was asked for and the
    /// id of the request, as `[retry after 3 s, request-id …]`; none where there is neither.
    #[must_use]
    pub fn trace(&self) -> Option<String> {
        let wait = self
            .retry_after
            .map(|wait| format!("retry after {} s", wait.as_secs_f64().ceil()));
        let id = match (&self.request_id, &self.client_request_id) {
            (Some(id), _) => Some(format!("request-id {id}")),
            (None, Some(id)) => Some(format!("client-request-id {id}")),
            (None, None) => None,
        };
        let parts: Vec<String> = wait.into_iter().chain(id).collect();
        (!parts.is_empty()).then(|| format!("[{}]", parts.join(", ")))
    }

    /// The error that an answered status and body stand for.
    pub(super) fn from_answer(operation: &'static str, permission: &'static str, status: u16, body: &[u8]) -> Self {
        let envelope = serde_json::from_slice::<Envelope>(body)
            .ok()
            .map(|envelope| envelope.error);
        let kind = match status {
            // A proxy or a wrong URL also says 404: only Graph's own body proves that something is absent.
            404 if envelope.as_ref().is_none_or(|error| error.code.is_empty()) => GraphErrorKind::InvalidResponse,
            404 => GraphErrorKind::NotFound,
            403 => GraphErrorKind::Forbidden,
            401 => GraphErrorKind::Unauthorized,
            400 | 422 => GraphErrorKind::BadRequest,
            409 | 412 => GraphErrorKind::Conflict,
            429 => GraphErrorKind::Throttled,
            408 => GraphErrorKind::Timeout,
            501 => GraphErrorKind::Unexpected,
            500..=599 => GraphErrorKind::ServiceUnavailable,
            // Final, and told with its status.
            _ => GraphErrorKind::Unexpected,
        };
        let mut error = Self::new(kind, operation, "");
        error.status = Some(status);
        match envelope {
            Some(body) => {
                error.code = Some(body.code).filter(|code| !code.is_empty());
                error.message = first_line(&body.message);
                error.request_id = body.inner.and_then(|inner| inner.request_id);
            }
            None if kind == GraphErrorKind::InvalidResponse => {
                error.message = "the answer is not Graph's: check the Graph URL and any proxy".to_owned();
            }
            None => {}
        }
        if kind == GraphErrorKind::Forbidden {
            error.needed_permission = Some(permission);
        }
        error
    }
}

impl Deref for GraphError {
    type Target = GraphFault;

    fn deref(&self) -> &GraphFault {
        &self.0
    }
}

impl DerefMut for GraphError {
    fn deref_mut(&mut self) -> &mut GraphFault {
        &mut self.0
    }
}

impl fmt::Display for GraphError {
    /// What happened, in words that are the same each time that it happens; [`GraphError::trace`] has the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        match (self.kind, self.status) {
            (GraphErrorKind::OutcomeUnknown, Some(status)) => write!(f, "outcome unknown (HTTP {status})")?,
            (GraphErrorKind::OutcomeUnknown, None) => f.write_str("outcome unknown")?,
            (GraphErrorKind::TokenRefused, _) => f.write_str("token refused")?,
            (GraphErrorKind::AuthorityUnreachable, _) => f.write_str("token authority unreachable")?,
            (_, Some(status)) => write!(f, "HTTP {status}")?,
            (GraphErrorKind::Timeout, None) => f.write_str("timed out")?,
            (GraphErrorKind::Unreachable, None) => f.write_str("Graph is unreachable")?,
            (GraphErrorKind::ReadOnly | GraphErrorKind::NotLeading, None) => f.write_str("refused here")?,
            (_, None) => f.write_str("failed")?,
        }
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(permission) = self.needed_permission {
            write!(f, " (needs {permission})")?;
        }
        Ok(())
    }
}

impl StdError for GraphError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// The first line of a message that may have many, so that an error stays one line.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned() // no line is no text
}

/// The error body of Graph: Microsoft Graph docs, "Microsoft Graph error responses and resource types".
#[derive(Deserialize)]
struct Envelope {
    error: Body,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    code: String,
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    message: String,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default, rename = "request-id")]
    request_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORBIDDEN: &[u8] =
        br#"{"error":{"code":"UnAuthorized","message":"User is not authorized.\r\nReason: x","innerError":{"request-id":"r-1"}}}"#;

    #[test]
    fn a_403_names_the_permission_and_is_never_taken_for_absence() {
        let error = GraphError::from_answer("catalogs.get", "EntitlementManagement.Read.All", 403, FORBIDDEN);
        assert_eq!(error.kind, GraphErrorKind::Forbidden);
        assert_eq!(
            error.to_string(),
            "catalogs.get: HTTP 403 UnAuthorized: User is not authorized. (needs EntitlementManagement.Read.All)"
        );
        assert_eq!(error.trace().as_deref(), Some("[request-id r-1]"));
    }

    #[test]
    fn a_failure_that_goes_on_reads_the_same_each_time() {
        let mut error = GraphError::new(GraphErrorKind::Throttled, "catalogs.list", "busy");
        error.status = Some(429);
        assert_eq!(error.trace(), None);
        error.client_request_id = Some("c-1".to_owned());
        error.retry_after = Some(Duration::from_millis(2_300));
        assert_eq!(error.to_string(), "catalogs.list: HTTP 429: busy");
        assert_eq!(
            error.trace().as_deref(),
            Some("[retry after 3 s, client-request-id c-1]")
        );
        error.request_id = Some("r-1".to_owned());
        assert_eq!(error.trace().as_deref(), Some("[retry after 3 s, request-id r-1]"));
    }

    #[test]
    fn a_404_that_is_not_from_graph_proves_nothing() {
        let error = GraphError::from_answer("catalogs.get", "p", 404, b"<html>not found</html>");
        assert_eq!(error.kind, GraphErrorKind::InvalidResponse);
        let error = GraphError::from_answer(
            "catalogs.get",
            "p",
            404,
            br#"{"error":{"code":"ResourceNotFound","message":null}}"#,
        );
        assert_eq!(error.kind, GraphErrorKind::NotFound);
    }
}
