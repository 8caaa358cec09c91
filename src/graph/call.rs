//! A request before it is sent: method, place, body, and what may be done with it.

use http::Method;
use serde_json::Value;
use url::Url;

use super::odata;
use super::retry::Replay;

/// What a request is for. A request says so itself: Graph has POSTs that read, such as `$batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// Changes nothing.
    Read,
    /// Changes something.
    Write,
}

/// One request, before it is tied to a host.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) body: Option<Value>,
    pub(super) intent: Intent,
    pub(super) replay: Replay,
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// Path and query below the Graph root, both encoded.
    Below { path: String, query: String },
    /// An absolute URL that the service gave.
    Given(Url),
}

impl Call {
    fn below(method: Method, path: String, intent: Intent, replay: Replay) -> Self {
        Self {
            method,
            target: Target::Below {
                path,
                query: String::new(),
            },
            body: None,
            intent,
            replay,
        }
    }

    /// A read.
    pub(super) fn get(path: String) -> Self {
        Self::below(Method::GET, path, Intent::Read, Replay::Safe)
    }

    /// A read of a URL that the service gave; its host is checked when it is sent.
    pub(super) fn get_given(url: Url) -> Self {
        Self {
            method: Method::GET,
            target: Target::Given(url),
            body: None,
            intent: Intent::Read,
            replay: Replay::Safe,
        }
    }

    /// A POST that creates or requests something.
    pub(super) fn create(path: String, body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::below(Method::POST, path, Intent::Write, Replay::Never)
        }
    }

    /// A POST that only reads.
    pub(super) fn post_read(path: String, body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::below(Method::POST, path, Intent::Read, Replay::Safe)
        }
    }

    /// A change of some properties.
    pub(super) fn patch(path: String, body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::below(Method::PATCH, path, Intent::Write, Replay::Safe)
        }
    }

    /// A POST of what is there once at most, so that twice is once: a reference, a role that somebody has.
    pub(super) fn add(path: String, body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::below(Method::POST, path, Intent::Write, Replay::Safe)
        }
    }

    /// A replacement.
    pub(super) fn put(path: String, body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::below(Method::PUT, path, Intent::Write, Replay::Safe)
        }
    }

    /// A removal.
    pub(super) fn delete(path: String) -> Self {
        Self::below(Method::DELETE, path, Intent::Write, Replay::Safe)
    }

    /// Adds the query; values are encoded here.
    pub(super) fn query(mut self, pairs: &[(&str, String)]) -> Self {
        if let Target::Below { query, .. } = &mut self.target {
            *query = odata::query(pairs);
        }
        self
    }

    /// The URL below the Graph root, as `$batch` wants it.
    pub(super) fn relative_url(&self) -> String {
        match &self.target {
            Target::Below { path, query } if query.is_empty() => path.clone(),
            Target::Below { path, query } => format!("{path}?{query}"),
            Target::Given(url) => url.to_string(),
        }
    }
}
