//! One attempt of a request: from connecting to the last byte, and what its end tells.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER};
use http_body_util::Full;
use tokio::time::timeout_at;
use tracing::field::Empty;
use tracing::{Instrument as _, debug, debug_span};
use url::Url;

use super::auth::Bearer;
use super::call::{Call, Intent};
use super::error::{GraphError, GraphErrorKind, first_line};
use super::gate::Sign;
use super::line::{self, Collected, LineError};
use super::retry::{self, Outcome, Replay};
use super::transport::{Answer, Exchange, Operation, RequestIds};

/// One attempt, from connecting to the last byte.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

impl Operation<'_> {
    /// Sends a call once.
    pub(super) async fn attempt(&self, call: &Call, url: &Url, token: Bearer) -> Result<Answer, Failure> {
        let shared = &self.graph.shared;
        let until = self.until();
        let client_request_id = self.graph.chance.mark();
        let mut ids = RequestIds {
            request_id: None,
            client_request_id: Some(client_request_id.clone()),
        };
        let body = call.body.as_ref().map(ToString::to_string);
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(url.as_str())
            .header(AUTHORIZATION, format!("Bearer {}", token.secret.expose()))
            .header(ACCEPT, "application/json")
            .header("client-request-id", client_request_id.as_str());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            // No body is an empty one.
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|why| Failure::Final(self.error(GraphErrorKind::BadRequest, why.to_string())))?;
        // In a trace this is the client's span of an HTTP request, by OpenTelemetry's names.
        let span = debug_span!(
            "graph",
            otel.name = self.name,
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = call.method.as_str(),
            http.response.status_code = Empty,
            server.address = url.host_str(),
            url.path = url.path(),
            request_id = Empty,
            client_request_id = client_request_id,
        );
        let clock = &self.graph.clock;
        let started = clock.instant();
        let exchange = async {
            let (parts, body) = shared.line.send(request).await?.into_parts();
            let status = parts.status.as_u16();
            let header = |name: &str| {
                parts
                    .headers
                    .get(name)
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned)
            };
            let request_id = header("request-id");
            let heard = clock.wall();
            let wait = header(RETRY_AFTER.as_str()).and_then(|value| retry::retry_after(&value, heard));
            if let Some(ahead) = header(DATE.as_str()).and_then(|date| ahead_seconds(&date, heard)) {
                shared.clock_ahead.store(ahead, Ordering::Relaxed);
            }
            Ok::<_, LineError>((status, request_id, wait, line::collect(body).await?))
        };
        let ended = timeout_at(until.min(started + ATTEMPT_TIMEOUT), exchange.instrument(span.clone())).await;
        let status = ended
            .as_ref()
            .ok()
            .and_then(|ended| ended.as_ref().ok())
            .map(|(status, ..)| *status);
        if let Ok(Ok((_, request_id, ..))) = &ended {
            ids.request_id.clone_from(request_id);
        }
        let took = clock.since(started);
        if let Some(observer) = &self.graph.observer {
            observer(&Exchange {
                operation: self.name,
                is_write: call.intent == Intent::Write,
                status,
                request_id: ids.request_id.as_deref(),
                took,
            });
        }
        span.record("http.response.status_code", status);
        span.record("request_id", ids.request_id.as_deref());
        // No answer is an error too.
        if status.is_none_or(|status| status >= 400) {
            span.record("otel.status_code", "ERROR");
        }
        drop(span);
        debug!(
            operation = self.name,
            method = %call.method,
            path = url.path(),
            status,
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            request_id = ids.request_id,
            client_request_id = ids.client_request_id,
            "Graph request"
        );
        match ended {
            Ok(Ok((status, _, _, Collected::TooLong))) => {
                let kind = match call.replay {
                    Replay::Safe => GraphErrorKind::InvalidResponse,
                    // It may well have been done.
                    Replay::Never => GraphErrorKind::OutcomeUnknown,
                };
                let most = line::MAX_BODY / (1024 * 1024);
                let error = self.error(
                    kind,
                    format!("the answer is longer than {most} MiB and was cut: no answer of Graph is; check any proxy"),
                );
                Err(Failure::Final(tag(error, Some(status), &ids)))
            }
            Ok(Ok((status, _, _, Collected::Whole(body)))) if (200..300).contains(&status) => {
                Ok(Answer { status, body, ids })
            }
            Ok(Ok((status, _, retry_after, Collected::Whole(body)))) => {
                let mut error = GraphError::from_answer(self.name, self.permission, status, &body);
                error.retry_after = retry_after;
                let error = tag(error, Some(status), &ids);
                if status == 401 {
                    return Err(Failure::Token(token.generation, error));
                }
                if call.replay == Replay::Never && is_not_graphs(status, &error) {
                    return Err(Failure::Final(of_somebody_else(error, status)));
                }
                if status == 403 {
                    self.graph.shared.sign_in.was_forbidden(token.generation);
                }
                Err(Failure::Attempt(Outcome::Answered { status, retry_after }, error))
            }
            Ok(Err(why)) => {
                let (kind, outcome, message) = if line::was_not_sent(&why) {
                    (GraphErrorKind::Unreachable, Outcome::NotSent, cause(&why))
                } else {
                    let message = format!("the answer was lost: {}", cause(&why));
                    (GraphErrorKind::Unreachable, Outcome::Lost, message)
                };
                let error = self.error(kind, message).because(why);
                Err(Failure::Attempt(outcome, tag(error, None, &ids)))
            }
            Err(_) => {
                let message = if until <= clock.instant() {
                    "no answer before the operation's deadline".to_owned()
                } else {
                    format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs())
                };
                let error = self.error(GraphErrorKind::Timeout, message);
                Err(Failure::Attempt(Outcome::Lost, tag(error, None, &ids)))
            }
        }
    }
}

/// By how many whole seconds a clock that showed `date` (an HTTP date, told in whole seconds) is ahead of one that showed
/// `heard` when it was heard of; negative where it is behind.
fn ahead_seconds(date: &str, heard: SystemTime) -> Option<i64> {
    let seconds = |time: SystemTime| i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).ok();
    let told = seconds(httpdate::parse_http_date(date.trim()).ok()?)?;
    Some(told - seconds(heard)?)
}

/// What an attempt that failed tells about the tenant. A request that the service itself has failed at (500) is that
/// request's own trouble.
pub(super) fn sign(outcome: Outcome, kind: GraphErrorKind) -> Sign {
    match outcome {
        Outcome::Answered {
            status: 429,
            retry_after,
        } => Sign::Asked(retry_after),
        Outcome::Answered {
            status: 503,
            retry_after: Some(wait),
        } => Sign::Away(wait),
        Outcome::Answered { status: 502..=504, .. } => Sign::Lost,
        Outcome::Answered { .. } => Sign::Answered,
        Outcome::NotSent | Outcome::Lost => {
            debug_assert!(matches!(kind, GraphErrorKind::Unreachable | GraphErrorKind::Timeout));
            Sign::Lost
        }
        // Nothing was sent.
        Outcome::Held(_) => Sign::Lost,
    }
}

/// Whether somebody between us and Graph has answered, as a proxy does: Graph says why, by a code. What it is asked to wait for
/// has not been carried out, whoever says so.
fn is_not_graphs(status: u16, error: &GraphError) -> bool {
    error.code.is_none() && (300..500).contains(&status) && status != 429
}

/// Somebody else's answer tells nothing of a request that may have been carried out.
fn of_somebody_else(mut error: GraphError, status: u16) -> GraphError {
    error.kind = GraphErrorKind::OutcomeUnknown;
    error.message =
        format!("HTTP {status} without Graph's reason is not Graph's answer: check any proxy and the Graph URL");
    error
}

/// Graph accepts not even a fresh token.
pub(super) fn refused_token(mut error: GraphError) -> GraphError {
    error.kind = GraphErrorKind::TokenRefused;
    let own = error.message.trim_end_matches('.').to_owned();
    error.message = format!(
        "Graph refuses even a fresh token ({}); check that cloud and tenantId belong together, and the node's clock",
        if own.is_empty() { "no reason given" } else { &own }
    );
    error
}

/// How an attempt failed.
pub(super) enum Failure {
    /// Repeating the request cannot help.
    Final(GraphError),
    /// Graph did not accept the token of this generation.
    Token(u64, GraphError),
    /// Whether it is repeated is `retry`'s decision.
    Attempt(Outcome, GraphError),
}

/// Ties an error to the request behind it.
pub(super) fn tag(mut error: GraphError, status: Option<u16>, ids: &RequestIds) -> GraphError {
    error.status = status.or(error.status);
    error.request_id = ids.request_id.clone().or(error.request_id.take());
    error.client_request_id.clone_from(&ids.client_request_id);
    error
}

/// The innermost reason of a transport failure: the outer ones only repeat the URL.
pub(super) fn cause(error: &LineError) -> String {
    let mut current: &dyn std::error::Error = &**error;
    while let Some(source) = current.source() {
        current = source;
    }
    first_line(&current.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_tells_how_far_the_clocks_are_apart() {
        let heard = httpdate::parse_http_date("Wed, 25 Nov 2026 10:00:00 GMT").unwrap() + Duration::from_millis(900);
        assert_eq!(ahead_seconds("Wed, 25 Nov 2026 10:00:00 GMT", heard), Some(0));
        assert_eq!(ahead_seconds("Wed, 25 Nov 2026 09:59:30 GMT", heard), Some(-30));
        assert_eq!(ahead_seconds(" Wed, 25 Nov 2026 11:00:00 GMT", heard), Some(3_600));
        assert_eq!(
            ahead_seconds("in a while", heard),
            None,
            "what cannot be read tells nothing"
        );
    }
}
