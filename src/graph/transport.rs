//! The door: every request to Graph goes through [`Operation::send`].

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::debug;
use url::Url;

use crate::chance::Chance;
use crate::clock::Clock;
use crate::tenure::Tenure;

use super::attempt::{Failure, refused_token, sign, tag};
use super::auth::{Bearer, Credential, SignIn, TokenClaims, Way};
use super::call::{Call, Intent, Target};
use super::cloud::{Cloud, Endpoint};
use super::error::{GraphError, GraphErrorKind};
use super::gate::{Admission, Gate, Pass, Sign};
use super::line::Line;
use super::odata;
use super::retry::{self, Decision, Outcome, Replay};

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
    pub(super) observer: Option<Observer>,
    weather: Option<Weather>,
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    pub(super) tenure: Tenure,
}

/// Told whenever Graph goes away, and whenever it is back.
pub type Weather = Arc<dyn Fn() + Send + Sync>;

/// That nobody answers, or that the service says so of itself.
#[derive(Debug)]
pub struct Away {
    /// For how long nobody asks; zero where the next request is let through, to see.
    pub left: Duration,
    /// What was last met.
    pub error: GraphError,
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
    pub(super) line: Line,
    root: Url,
    pub(super) cloud: Cloud,
    pub(super) sign_in: SignIn,
    /// The tenant's weather; what closed it is told to those who wait.
    pub(super) gate: Mutex<Gate<GraphError>>,
    /// By how many seconds the service's clock was ahead of this machine's when it last told.
    pub(super) clock_ahead: AtomicI64,
    /// How many of the expands of a catalog's packages the service has refused, the fullest first: where all, they are read
    /// singly.
    pub(super) package_expands_refused: AtomicUsize,
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
        let machine = (Clock::system(), Chance::system());
        Self::over(Line::https(endpoint)?, machine, endpoint, tenant_id, credential, access)
    }

    /// A handle to one tenant over this line, which carries the token requests too, by this clock and this chance. Sends
    /// nothing yet.
    ///
    /// # Errors
    ///
    /// As [`Graph::new`].
    pub fn over(
        line: Line,
        (clock, chance): (Clock, Chance),
        endpoint: &Endpoint,
        tenant_id: &str,
        credential: Credential,
        access: Access,
    ) -> Result<Self, GraphError> {
        let root = endpoint.graph_root()?;
        let way = Way {
            line: line.clone(),
            clock: clock.clone(),
            chance: chance.clone(),
        };
        let sign_in = SignIn::new(credential, endpoint, tenant_id, way)?;
        let shared = Shared {
            line,
            root,
            cloud: endpoint.cloud,
            sign_in,
            gate: Mutex::default(),
            clock_ahead: AtomicI64::new(0),
            package_expands_refused: AtomicUsize::new(0),
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
            weather: None,
            clock,
            chance,
            tenure: Tenure::unlimited(),
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

    /// The same handle, telling `weather` when Graph goes away and when it is back.
    #[must_use]
    pub fn forecasting(&self, weather: Weather) -> Self {
        Self {
            weather: Some(weather),
            ..self.clone()
        }
    }

    /// Whether Graph is away, as opposed to slow or unwilling.
    #[must_use]
    pub fn away(&self) -> Option<Away> {
        let gate = self.shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, why) = gate.away(self.clock.instant())?;
        let error = why.again();
        Some(Away { left, error })
    }

    /// Tells the gate something, and others where it makes a difference.
    fn tell_gate(&self, tell: impl FnOnce(&mut Gate<GraphError>, Instant)) {
        let now = self.clock.instant();
        let mut gate = self.shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let was_away = gate.away(now).is_some();
        tell(&mut gate, now);
        let has_turned = was_away != gate.away(now).is_some();
        drop(gate);
        if let Some(weather) = self.weather.as_ref().filter(|_| has_turned) {
            weather();
        }
    }

    /// The same handle, writing only as long as this tenure lasts: what is to be sent after it is refused.
    #[must_use]
    pub fn during(&self, tenure: Tenure) -> Self {
        Self { tenure, ..self.clone() }
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
            until: Mutex::new(self.clock.instant() + self.deadline),
        }
    }
}

/// What a removal was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what was not found may be there all the same"]
pub enum Removed {
    /// It was carried out.
    Away,
    /// 404. What answered may lag, as a read may: what was to go counts as gone only once reads have proven it.
    NotFound,
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
        self.until().saturating_duration_since(self.graph.clock.instant())
    }

    pub(super) fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The operation got on, by a page of many: its deadline counts from here. A list that takes minutes is not one that
    /// hangs.
    pub(super) fn got_on(&self) {
        let until = self.graph.clock.instant() + self.graph.deadline;
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
            let (outcome, mut error) = match self.admit() {
                Ok(pass) => match self.attempt_with_token(call, &url, pass).await? {
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
            // Whoever is held back by a service that is away has other work: its caller is told when it is back.
            let is_away = matches!(outcome, Outcome::Held(_)) && self.graph.away().is_some();
            let decision = if is_away {
                Decision::GiveUp
            } else {
                retry::decide(attempt, call.replay, outcome, self.graph.chance.share(), self.left())
            };
            match decision {
                Decision::Retry(wait) => {
                    debug!(
                        operation = self.name,
                        attempt,
                        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                        "Graph request will be repeated"
                    );
                    self.graph.clock.sleep(wait).await;
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
        match gate.admit(self.graph.clock.instant(), self.graph.chance.share()) {
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
        let why = || match error {
            Some(error) => error.again(),
            None => self.error(GraphErrorKind::ServiceUnavailable, ""),
        };
        self.graph.tell_gate(|gate, now| gate.ended(now, pass, sign, why));
    }

    /// Tells the gate of a part of a batch that was refused for now: it speaks for the tenant as a whole answer does.
    pub(super) fn part_was_refused(&self, wait: Duration, error: &GraphError) {
        self.graph
            .tell_gate(|gate, now| gate.asked(now, wait, || error.again()));
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

    /// Sends a removal. That there is nothing to remove is told apart: one such answer does not prove it.
    pub(super) async fn remove(&self, call: &Call) -> Result<Removed, GraphError> {
        match self.write(call).await {
            Ok(()) => Ok(Removed::Away),
            Err(error) if error.kind == GraphErrorKind::NotFound => Ok(Removed::NotFound),
            Err(error) => Err(error),
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

    /// One attempt, with a token.
    ///
    /// # Errors
    ///
    /// Where there is no token: the gate has been told. It is behind the gate, too: where nobody is there, one who asks for a
    /// token at a time is enough.
    async fn attempt_with_token(
        &self,
        call: &Call,
        url: &Url,
        pass: Pass,
    ) -> Result<Result<Answer, Failure>, GraphError> {
        match self.token().await {
            Ok(token) => Ok(self.attempt(call, url, token).await),
            Err(error) => {
                let sign = match error.kind {
                    GraphErrorKind::AuthorityUnreachable | GraphErrorKind::Timeout => Sign::Lost,
                    // The authority has answered.
                    _ => Sign::Answered,
                };
                self.tell_gate(pass, sign, Some(&error));
                Err(error)
            }
        }
    }

    async fn token(&self) -> Result<Bearer, GraphError> {
        match timeout_at(self.until(), self.graph.shared.sign_in.bearer(self.name)).await {
            Ok(token) => token,
            Err(_) => Err(self.error(GraphErrorKind::Timeout, "no token before the operation's deadline")),
        }
    }
}
