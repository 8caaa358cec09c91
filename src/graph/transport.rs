//! The door: every request to Graph goes through [`Operation::send`].

#![expect(
    clippy::disallowed_methods,
    reason = "the door still asks the machine for time and chance"
)]

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER};
use http_body_util::Full;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, debug, debug_span};
use url::Url;
use uuid::Uuid;

use super::auth::{Bearer, Credential, SignIn, TokenClaims};
use super::call::{Call, Intent, Target};
use super::cloud::{Cloud, Endpoint};
use super::error::{GraphError, GraphErrorKind, first_line};
use super::gate::{Admission, Gate, Pass, Sign};
use super::line::{self, Collected, Line, LineError};
use super::odata;
use super::retry::{self, Decision, Outcome, Replay};

/// One attempt, from connecting to the last byte.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// One operation, or one page of it: all its attempts and waits.
const OPERATION_DEADLINE: Duration = Duration::from_secs(60);

/// What a handle may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes.
    ReadWrite,
    /// Reads; a write is refused before anything is sent.
    ReadOnly,
}

/// A handle to one tenant's Graph. Cheap to clone: clones share connections and token.
#[derive(Clone)]
pub struct Graph {
    pub(super) shared: Arc<Shared>,
    access: Access,
    deadline: Duration,
    observer: Option<Observer>,
}

/// Told of every answer, and of every request that got none.
pub type Observer = Arc<dyn Fn(&Exchange<'_>) + Send + Sync>;

/// One request and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// What it was for.
    pub operation: &'static str,
    /// Whether it was to change something.
    pub is_write: bool,
    /// HTTP status of the answer; none where there was no answer.
    pub status: Option<u16>,
    /// Graph's id of the request, which Microsoft's support asks for.
    pub request_id: Option<&'a str>,
    /// From sending to the last byte.
    pub took: Duration,
}

pub(super) struct Shared {
    line: Line,
    root: Url,
    pub(super) cloud: Cloud,
    sign_in: SignIn,
    /// The tenant's weather; what closed it is told to those who wait.
    pub(super) gate: Mutex<Gate<GraphError>>,
    /// By how many seconds the service's clock was ahead of this machine's when it last told.
    clock_ahead: AtomicI64,
    /// The service has refused to expand policies and role scopes on a catalog's packages: read them singly.
    pub(super) package_expand_refused: AtomicBool,
    /// The service has refused to filter a catalog's packages by name: filter all packages.
    pub(super) package_filter_refused: AtomicBool,
    /// The service has refused to leave expired assignments out: ask for each live state.
    pub(super) assignment_filter_refused: AtomicBool,
    /// A package has shown a role of a SharePoint site.
    pub(super) site_roles_told: AtomicBool,
    /// The elements of lists that could not be read and were told already, by id and reason.
    pub(super) told: Mutex<HashSet<(Option<String>, String)>>,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("root", &self.shared.root.as_str())
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

impl Graph {
    /// A handle to one tenant over HTTPS. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// `BadRequest` for an unusable endpoint, `TokenRefused` for an unusable credential (no token file, no key).
    pub fn new(
        endpoint: &Endpoint,
        tenant_id: &str,
        credential: Credential,
        access: Access,
    ) -> Result<Self, GraphError> {
        Self::over(Line::https(endpoint)?, endpoint, tenant_id, credential, access)
    }

    /// A handle to one tenant over this line, which carries the token requests too. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// As [`Graph::new`].
    pub fn over(
        line: Line,
        endpoint: &Endpoint,
        tenant_id: &str,
        credential: Credential,
        access: Access,
    ) -> Result<Self, GraphError> {
        let root = endpoint.graph_root()?;
        let sign_in = SignIn::new(credential, endpoint, tenant_id, line.clone())?;
        let shared = Shared {
            line,
            root,
            cloud: endpoint.cloud,
            sign_in,
            gate: Mutex::default(),
            clock_ahead: AtomicI64::new(0),
            package_expand_refused: AtomicBool::new(false),
            package_filter_refused: AtomicBool::new(false),
            assignment_filter_refused: AtomicBool::new(false),
            site_roles_told: AtomicBool::new(false),
            told: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            access,
            deadline: OPERATION_DEADLINE,
            observer: None,
        })
    }

    /// The same connections and token, refusing writes.
    pub fn read_only(&self) -> Self {
        Self {
            access: Access::ReadOnly,
            ..self.clone()
        }
    }

    /// The same handle, telling `observer` of every answer.
    #[must_use]
    pub fn observed_by(&self, observer: Observer) -> Self {
        Self {
            observer: Some(observer),
            ..self.clone()
        }
    }

    /// The same handle with another deadline for each operation: from its beginning, and again from each page of what it
    /// lists.
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// The cloud that the handle talks to.
    pub fn cloud(&self) -> Cloud {
        self.shared.cloud
    }

    /// What the access token says about the caller; fetches a token where none is cached.
    ///
    /// # Errors
    ///
    /// `TokenRefused` with the AADSTS code, `AuthorityUnreachable`.
    pub async fn token_claims(&self) -> Result<TokenClaims, GraphError> {
        let token = self.shared.sign_in.bearer("token").await?;
        TokenClaims::decode(&token.secret, "token")
    }

    /// By how many seconds the service's clock is ahead of this machine's, negative where it is behind, by the newest
    /// answer that told; 0 before the first.
    #[must_use]
    pub fn clock_ahead_seconds(&self) -> i64 {
        self.shared.clock_ahead.load(Ordering::Relaxed)
    }

    /// How long the token in use has been in use; none before the first.
    #[must_use]
    pub fn token_age(&self) -> Option<Duration> {
        self.shared.sign_in.age()
    }

    /// Whether Graph has forbidden something to the token in use: a fresh one may hold more by now.
    #[must_use]
    pub fn token_lacks_something(&self) -> bool {
        self.shared.sign_in.lacks_something()
    }

    /// Forgets the token in use, for this handle and its clones: the next request fetches a fresh one, in which consent
    /// shows that was given since. A managed identity's token may still come from the machine's own cache.
    ///
    /// # Errors
    ///
    /// `TokenRefused` where the credential has become unusable (no token file); the token in use stays then.
    pub fn renew_token(&self) -> Result<(), GraphError> {
        self.shared.sign_in.renew()
    }

    /// Begins an operation: its name for errors, the least permission that it needs, and its deadline from now.
    pub(super) fn operation(&self, name: &'static str, permission: &'static str) -> Operation<'_> {
        Operation {
            graph: self,
            name,
            permission,
            until: Mutex::new(Instant::now() + self.deadline),
        }
    }
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) ids: RequestIds,
}

/// The two ids that tie our logs to Microsoft's.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestIds {
    pub(super) request_id: Option<String>,
    pub(super) client_request_id: Option<String>,
}

/// One operation under way: a name, a permission, one deadline over all its requests since it last got on.
pub(super) struct Operation<'a> {
    pub(super) graph: &'a Graph,
    pub(super) name: &'static str,
    pub(super) permission: &'static str,
    until: Mutex<Instant>,
}

impl Operation<'_> {
    /// An error of this operation.
    pub(super) fn error(&self, kind: GraphErrorKind, message: impl Into<String>) -> GraphError {
        GraphError::new(kind, self.name, message)
    }

    /// A path below the Graph root.
    pub(super) fn path(&self, segments: &[&str]) -> Result<String, GraphError> {
        odata::path(self.name, segments)
    }

    /// A path below `identityGovernance/entitlementManagement`.
    pub(super) fn entitlement(&self, segments: &[&str]) -> Result<String, GraphError> {
        Ok(format!(
            "/identityGovernance/entitlementManagement{}",
            self.path(segments)?
        ))
    }

    /// A body of the wire model.
    pub(super) fn body(&self, model: &impl Serialize) -> Result<Value, GraphError> {
        serde_json::to_value(model).map_err(|why| self.error(GraphErrorKind::BadRequest, why.to_string()))
    }

    /// The time until the operation's deadline.
    pub(super) fn left(&self) -> Duration {
        self.until().saturating_duration_since(Instant::now())
    }

    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The operation got on, by a page of many: its deadline counts from here. A list that takes minutes is not one that
    /// hangs.
    pub(super) fn got_on(&self) {
        let until = Instant::now() + self.graph.deadline;
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Sends a call until it succeeds or may not be repeated.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, GraphError> {
        if call.intent == Intent::Write && self.graph.access == Access::ReadOnly {
            return Err(self.error(GraphErrorKind::ReadOnly, "this handle writes nothing"));
        }
        let url = self.url(call)?;
        let mut attempt = 1;
        let mut renewed = false;
        let mut last: Option<GraphError> = None;
        loop {
            let token = self.token().await?;
            let (outcome, mut error) = match self.admit() {
                Ok(pass) => match self.attempt(call, &url, token).await {
                    Ok(answer) => {
                        self.tell_gate(pass, Sign::Answered, None);
                        return Ok(answer);
                    }
                    Err(Failure::Final(error)) => {
                        self.tell_gate(pass, Sign::Answered, None);
                        return Err(error);
                    }
                    Err(Failure::Token(generation, error)) => {
                        self.tell_gate(pass, Sign::Answered, None);
                        // A token in its time that is not accepted: one fresh token, then words. Nothing was carried out.
                        if !renewed && self.graph.shared.sign_in.renew_refused(generation)? {
                            renewed = true;
                            continue;
                        }
                        return Err(refused_token(error));
                    }
                    Err(Failure::Attempt(outcome, error)) => {
                        self.tell_gate(pass, sign(outcome, error.kind), Some(&error));
                        (outcome, error)
                    }
                },
                Err((wait, error)) => (Outcome::Held(wait), error),
            };
            match retry::decide(attempt, call.replay, outcome, fastrand::f64(), self.left()) {
                Decision::Retry(wait) => {
                    debug!(
                        operation = self.name,
                        attempt,
                        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                        "Graph request will be repeated"
                    );
                    tokio::time::sleep(wait).await;
                    if let Outcome::Held(_) = outcome {
                        continue;
                    }
                    attempt += 1;
                    last = Some(error);
                }
                Decision::GiveUp => {
                    // Its own last answer tells more than that the tenant waits; how long it waits is the news.
                    if let (Outcome::Held(_), Some(mut own)) = (outcome, last) {
                        own.retry_after = error.retry_after;
                        return Err(own);
                    }
                    return Err(error);
                }
                Decision::OutcomeUnknown => {
                    error.kind = GraphErrorKind::OutcomeUnknown;
                    return Err(error);
                }
            }
        }
    }

    /// Whether the tenant's weather lets a request through; if not, how long it waits and why.
    fn admit(&self) -> Result<Pass, (Duration, GraphError)> {
        let mut gate = self.graph.shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        match gate.admit(Instant::now(), fastrand::f64()) {
            Admission::Go(pass) => Ok(pass),
            Admission::Wait(left, why) => {
                let mut error = why.again();
                error.operation = self.name;
                error.retry_after = Some(left);
                Err((left, error))
            }
        }
    }

    /// Tells the gate how a request ended.
    fn tell_gate(&self, pass: Pass, sign: Sign, error: Option<&GraphError>) {
        let mut gate = self.graph.shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let why = || match error {
            Some(error) => error.again(),
            None => self.error(GraphErrorKind::ServiceUnavailable, ""),
        };
        gate.ended(Instant::now(), pass, sign, why);
    }

    /// Tells the gate of a part of a batch that was refused for now: it speaks for the tenant as a whole answer does.
    pub(super) fn part_was_refused(&self, wait: Duration, error: &GraphError) {
        let mut gate = self.graph.shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        gate.asked(Instant::now(), wait, || error.again());
    }

    /// Sends a call and reads its JSON answer.
    pub(super) async fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, GraphError> {
        let answer = self.send(call).await?;
        self.parse(&answer).map_err(|mut error| {
            if call.replay == Replay::Never {
                // It was done; only what it made cannot be read.
                error.kind = GraphErrorKind::OutcomeUnknown;
            }
            error
        })
    }

    /// Sends a read whose 404 means that the object does not exist.
    pub(super) async fn read_existing<T: DeserializeOwned>(&self, call: &Call) -> Result<Option<T>, GraphError> {
        match self.read(call).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind == GraphErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a write whose answer has no content of interest.
    pub(super) async fn write(&self, call: &Call) -> Result<(), GraphError> {
        self.send(call).await.map(drop)
    }

    /// Sends a removal; what is already gone is removed.
    pub(super) async fn remove(&self, call: &Call) -> Result<(), GraphError> {
        match self.write(call).await {
            Err(error) if error.kind == GraphErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Reads an answer's JSON.
    pub(super) fn parse<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, GraphError> {
        serde_json::from_slice(&answer.body).map_err(|why| {
            let error = self.error(
                GraphErrorKind::InvalidResponse,
                format!("the answer is not what v1.0 promises: {why}"),
            );
            tag(error, Some(answer.status), &answer.ids)
        })
    }

    /// The URL of a call, if the bearer may go there.
    fn url(&self, call: &Call) -> Result<Url, GraphError> {
        let root = &self.graph.shared.root;
        match &call.target {
            Target::Below { path, query } => {
                let mut url = root.clone();
                url.set_path(&format!("{}{path}", root.path()));
                url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
                Ok(url)
            }
            Target::Given(url) => {
                let below = url
                    .path()
                    .strip_prefix(root.path())
                    .is_some_and(|rest| rest.starts_with('/'));
                if url.origin() == root.origin() && below && url.username().is_empty() && url.password().is_none() {
                    Ok(url.clone())
                } else {
                    Err(self.error(
                        GraphErrorKind::ForeignHost,
                        format!(
                            "the service pointed to {}{}, which is not below {root}: not followed",
                            url.origin().ascii_serialization(),
                            url.path()
                        ),
                    ))
                }
            }
        }
    }

    /// The token, before the gate is asked: a probe is a request that is sent.
    async fn token(&self) -> Result<Bearer, GraphError> {
        match timeout_at(self.until(), self.graph.shared.sign_in.bearer(self.name)).await {
            Ok(token) => token,
            Err(_) => Err(self.error(GraphErrorKind::Timeout, "no token before the operation's deadline")),
        }
    }

    async fn attempt(&self, call: &Call, url: &Url, token: Bearer) -> Result<Answer, Failure> {
        let shared = &self.graph.shared;
        let until = self.until();
        let client_request_id = Uuid::new_v4().to_string();
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
        let started = Instant::now();
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
            let heard = SystemTime::now();
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
        let took = started.elapsed();
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
                let message = if until <= Instant::now() {
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
fn sign(outcome: Outcome, kind: GraphErrorKind) -> Sign {
    match outcome {
        Outcome::Answered {
            status: 429,
            retry_after,
        } => Sign::Asked(retry_after),
        Outcome::Answered {
            status: 503,
            retry_after: Some(wait),
        } => Sign::Asked(Some(wait)),
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

/// Graph accepts not even a fresh token.
fn refused_token(mut error: GraphError) -> GraphError {
    error.kind = GraphErrorKind::TokenRefused;
    let own = error.message.trim_end_matches('.').to_owned();
    error.message = format!(
        "Graph refuses even a fresh token ({}); check that cloud and tenantId belong together, and the node's clock",
        if own.is_empty() { "no reason given" } else { &own }
    );
    error
}

/// How an attempt failed.
enum Failure {
    /// Repeating the request cannot help.
    Final(GraphError),
    /// Graph did not accept the token of this generation.
    Token(u64, GraphError),
    /// Whether it is repeated is `retry`'s decision.
    Attempt(Outcome, GraphError),
}

/// Ties an error to the request behind it.
fn tag(mut error: GraphError, status: Option<u16>, ids: &RequestIds) -> GraphError {
    error.status = status.or(error.status);
    error.request_id = ids.request_id.clone().or(error.request_id.take());
    error.client_request_id.clone_from(&ids.client_request_id);
    error
}

/// The innermost reason of a transport failure: the outer ones only repeat the URL.
fn cause(error: &LineError) -> String {
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
