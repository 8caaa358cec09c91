//! The door: every request to Graph goes through [`Operation::send`].

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use azure_core::credentials::TokenCredential;
use azure_core::time::OffsetDateTime;
use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, debug, debug_span};
use url::Url;
use uuid::Uuid;

use super::auth::{self, Credential, Secret, TokenClaims};
use super::call::{Call, Intent, Target};
use super::cloud::{Cloud, Endpoint};
use super::error::{GraphError, GraphErrorKind, first_line};
use super::odata;
use super::retry::{self, Decision, Outcome, Replay};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One attempt, from connecting to the last byte.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// One operation: all its attempts, pages and waits.
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
    http: reqwest::Client,
    root: Url,
    pub(super) cloud: Cloud,
    credential: Arc<dyn TokenCredential>,
    /// The end of the token in use, and when it was first used.
    token: Mutex<Option<(OffsetDateTime, Instant)>>,
    /// The service has refused to expand policies and role scopes on a catalog's packages: read them singly.
    pub(super) package_expand_refused: AtomicBool,
    /// The service has refused to filter a catalog's packages by name: filter all packages.
    pub(super) package_filter_refused: AtomicBool,
    /// The service has refused to leave expired assignments out: ask for each live state.
    pub(super) assignment_filter_refused: AtomicBool,
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
    /// A handle to one tenant. Sends nothing yet.
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
        let root = endpoint.graph_root()?;
        let http = http_client(endpoint)?;
        let credential = credential.build(endpoint, tenant_id, &http)?;
        let shared = Shared {
            http,
            root,
            cloud: endpoint.cloud,
            credential,
            token: Mutex::default(),
            package_expand_refused: AtomicBool::new(false),
            package_filter_refused: AtomicBool::new(false),
            assignment_filter_refused: AtomicBool::new(false),
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

    /// The same handle with another deadline for each operation as a whole.
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
        let token = self.bearer("token").await?;
        TokenClaims::decode(&token, "token")
    }

    /// How long the token in use has been in use; none before the first.
    #[must_use]
    pub fn token_age(&self) -> Option<Duration> {
        let token = self.shared.token.lock().unwrap_or_else(PoisonError::into_inner);
        token.map(|(_, since)| since.elapsed())
    }

    async fn bearer(&self, operation: &'static str) -> Result<Secret, GraphError> {
        let (secret, end) = auth::bearer(&*self.shared.credential, self.shared.cloud.scope(), operation).await?;
        let mut token = self.shared.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.is_none_or(|(known, _)| known != end) {
            *token = Some((end, Instant::now()));
        }
        Ok(secret)
    }

    /// Begins an operation: its name for errors, the least permission that it needs, and its deadline from now.
    pub(super) fn operation(&self, name: &'static str, permission: &'static str) -> Operation<'_> {
        Operation {
            graph: self,
            name,
            permission,
            until: Instant::now() + self.deadline,
        }
    }
}

fn http_client(endpoint: &Endpoint) -> Result<reqwest::Client, GraphError> {
    let invalid = |message: String| GraphError::new(GraphErrorKind::BadRequest, "endpoint", message);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("entra-access-operator/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ATTEMPT_TIMEOUT)
        // A redirect could carry the bearer to another host.
        .redirect(redirect::Policy::none())
        // Whether a request may be repeated is decided in `retry`, not below it.
        .retry(reqwest::retry::never());
    if let Some(path) = &endpoint.extra_roots_pem {
        let roots = std::fs::read(path)
            .map_err(|error| error.to_string())
            .and_then(|pem| reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| error.to_string()))
            .map_err(|why| {
                invalid(format!(
                    "the extra certificate authorities in {}: {why}",
                    path.display()
                ))
            })?;
        builder = builder.tls_certs_merge(roots);
    }
    builder
        .build()
        .map_err(|error| invalid(format!("no HTTPS client: {error}")).with_source(error))
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) ids: RequestIds,
}

/// The two ids that tie our logs to Microsoft's.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestIds {
    pub(super) request_id: Option<String>,
    pub(super) client_request_id: Option<String>,
}

/// One operation under way: a name, a permission, one deadline over all its requests.
pub(super) struct Operation<'a> {
    pub(super) graph: &'a Graph,
    pub(super) name: &'static str,
    pub(super) permission: &'static str,
    pub(super) until: Instant,
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
        self.until.saturating_duration_since(Instant::now())
    }

    /// Sends a call until it succeeds or may not be repeated.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, GraphError> {
        if call.intent == Intent::Write && self.graph.access == Access::ReadOnly {
            return Err(self.error(GraphErrorKind::ReadOnly, "this handle writes nothing"));
        }
        let url = self.url(call)?;
        let mut attempt = 1;
        loop {
            let (outcome, mut error) = match self.attempt(call, &url).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Attempt(outcome, error)) => (outcome, error),
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
                    attempt += 1;
                }
                Decision::GiveUp => return Err(error),
                Decision::OutcomeUnknown => {
                    error.kind = GraphErrorKind::OutcomeUnknown;
                    return Err(error);
                }
            }
        }
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

    async fn attempt(&self, call: &Call, url: &Url) -> Result<Answer, Failure> {
        let shared = &self.graph.shared;
        let token = match timeout_at(self.until, self.graph.bearer(self.name)).await {
            Ok(token) => token.map_err(Failure::Final)?,
            Err(_) => {
                let error = self.error(GraphErrorKind::Timeout, "no token before the operation's deadline");
                return Err(Failure::Final(error));
            }
        };
        let mut ids = RequestIds {
            request_id: None,
            client_request_id: Some(Uuid::new_v4().to_string()),
        };
        let mut request = shared
            .http
            .request(call.method.clone(), url.clone())
            .bearer_auth(token.expose())
            .header(ACCEPT, "application/json")
            .header(
                "client-request-id",
                ids.client_request_id.as_deref().unwrap_or_default(),
            );
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
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
            client_request_id = ids.client_request_id,
        );
        let started = Instant::now();
        let exchange = async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            let header = |name: &str| {
                response
                    .headers()
                    .get(name)
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned)
            };
            let request_id = header("request-id");
            let wait = header(RETRY_AFTER.as_str()).and_then(|value| retry::retry_after(&value, SystemTime::now()));
            Ok::<_, reqwest::Error>((status, request_id, wait, response.bytes().await?))
        };
        let ended = timeout_at(self.until, exchange.instrument(span.clone())).await;
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
            Ok(Ok((status, _, _, body))) if (200..300).contains(&status) => Ok(Answer {
                status,
                body: body.into(),
                ids,
            }),
            Ok(Ok((status, _, retry_after, body))) => {
                let mut error = GraphError::from_answer(self.name, self.permission, status, &body);
                error.retry_after = retry_after;
                Err(Failure::Attempt(
                    Outcome::Answered { status, retry_after },
                    tag(error, Some(status), &ids),
                ))
            }
            Ok(Err(why)) if why.is_connect() || why.is_builder() => {
                let error = self
                    .error(GraphErrorKind::Unreachable, cause(&why))
                    .with_source(why.without_url());
                Err(Failure::Attempt(Outcome::NotSent, tag(error, None, &ids)))
            }
            Ok(Err(why)) => {
                let kind = if why.is_timeout() {
                    GraphErrorKind::Timeout
                } else {
                    GraphErrorKind::Unreachable
                };
                let message = format!("the answer was lost: {}", cause(&why));
                let error = self.error(kind, message).with_source(why.without_url());
                Err(Failure::Attempt(Outcome::Lost, tag(error, None, &ids)))
            }
            Err(_) => {
                let error = self.error(GraphErrorKind::Timeout, "no answer before the operation's deadline");
                Err(Failure::Attempt(Outcome::Lost, tag(error, None, &ids)))
            }
        }
    }
}

/// How an attempt failed.
enum Failure {
    /// Repeating the request cannot help.
    Final(GraphError),
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
fn cause(error: &reqwest::Error) -> String {
    let mut current: &dyn std::error::Error = error;
    while let Some(source) = current.source() {
        current = source;
    }
    first_line(&current.to_string())
}
