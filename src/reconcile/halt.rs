//! Why a visit ends before its end, and when the next one is worth while.

use std::time::Duration;

use crate::{
    api::Reason,
    graph::{GraphError, GraphErrorKind},
    plan::Problem,
};

/// The result of one step: what it found, or why the visit ends here.
pub(crate) type Step<T> = Result<T, Halt>;

/// A visit that ends early.
#[derive(Debug)]
pub(crate) struct Halt {
    pub(crate) problem: Problem,
    pub(crate) stage: Stage,
    pub(crate) retry: Retry,
}

/// Which condition the problem belongs to, beside Ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Something that the spec names was not found or is not ready.
    References,
    /// Entra is not as it should be.
    Sync,
    /// Kubernetes changed under the visit: it says nothing and starts over.
    Stale,
}

/// When to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// A watch wakes us; the drift interval is the safety net.
    OnChange,
    /// Graph is away: whoever waits for it is woken when it is back; the drift interval is the safety net.
    OnReturn,
    /// After this long, or after the drift interval where that is shorter.
    After(Duration),
    /// Not before this long: the service asked for it.
    Asked(Duration),
    /// Sooner at first, later after each failure.
    Backoff,
    /// As [`Retry::Backoff`], and after this long at the latest: what is waited for is over then.
    Within(Duration),
}

impl Halt {
    /// Something that the spec names is missing; a watch wakes us when it appears.
    pub(crate) fn reference(problem: Problem) -> Self {
        Self {
            problem,
            stage: Stage::References,
            retry: Retry::OnChange,
        }
    }

    /// Entra is not as it should be.
    pub(crate) fn sync(reason: Reason, message: impl Into<String>, retry: Retry) -> Self {
        Self {
            problem: Problem::new(reason, message),
            stage: Stage::Sync,
            retry,
        }
    }

    /// The same halt, with what differs from request to request.
    pub(crate) fn traced(self, trace: Option<String>) -> Self {
        Self {
            problem: self.problem.traced(trace),
            ..self
        }
    }

    /// The object changed in Kubernetes since we read it.
    pub(crate) fn stale() -> Self {
        Self {
            problem: Problem::new(Reason::Progressing, "the object changed meanwhile"),
            stage: Stage::Stale,
            retry: Retry::Backoff,
        }
    }

    /// The same halt, with a different time to come back.
    pub(crate) fn retried(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Whether waiting alone can mend it, so that a ready object need not be called unready for it.
    pub(crate) fn is_transient(&self) -> bool {
        self.problem.reason == Reason::GraphUnavailable
    }
}

impl From<GraphError> for Halt {
    fn from(error: GraphError) -> Self {
        let (reason, retry) = match error.kind {
            GraphErrorKind::Throttled
            | GraphErrorKind::ServiceUnavailable
            | GraphErrorKind::Timeout
            | GraphErrorKind::Unreachable
            | GraphErrorKind::AuthorityUnreachable => (
                Reason::GraphUnavailable,
                error.retry_after.map_or(Retry::Backoff, Retry::Asked),
            ),
            GraphErrorKind::OutcomeUnknown => (Reason::OutcomeUnknown, Retry::After(Duration::from_secs(1))),
            GraphErrorKind::Forbidden => (Reason::NeedsTenantPermission, Retry::Backoff),
            GraphErrorKind::TokenRefused | GraphErrorKind::Unauthorized => (Reason::TokenRefused, Retry::Backoff),
            GraphErrorKind::ReadOnly => (Reason::ObserveOnly, Retry::OnChange),
            // Whoever leads now says what is to be said.
            GraphErrorKind::NotLeading => return Self::stale(),
            GraphErrorKind::NotFound
            | GraphErrorKind::BadRequest
            | GraphErrorKind::Conflict
            | GraphErrorKind::ForeignHost
            | GraphErrorKind::InvalidResponse
            | GraphErrorKind::Unexpected => (Reason::GraphRefused, Retry::Backoff),
        };
        let problem = Problem::new(reason, error.to_string()).traced(error.trace());
        let problem = match (reason, error.needed_permission) {
            // They belong to the tenant: no role on a catalog serves.
            (Reason::NeedsTenantPermission, Some(permission))
                if error.operation.starts_with("connectedOrganizations.") =>
            {
                problem.remedy(format!(
                    "grant the application permission {permission}, then wait or ask for a visit"
                ))
            }
            (Reason::NeedsTenantPermission, Some(permission)) => problem.remedy(format!(
                "grant the application permission {permission} (or a role on the catalog, where one serves), then wait or ask for a visit"
            )),
            // Other reasons carry what Graph has said.
            _ => problem,
        };
        Self {
            problem,
            stage: Stage::Sync,
            retry,
        }
    }
}

/// Reading Kubernetes failed.
pub(crate) fn kubernetes(doing: &str, error: &kube::Error) -> Halt {
    Halt::sync(Reason::Progressing, format!("{doing}: {error}"), Retry::Backoff)
}
