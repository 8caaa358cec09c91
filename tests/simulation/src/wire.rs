//! The one layer of faults: every call that the operator sends, to Graph, to the token authority and to the API server, passes
//! here, is counted, and may be met by a fault before it arrives or after it was carried out.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use entra_access_operator::{
    clock::Clock,
    graph::{Line, LineBody, LineError, NotSent},
};
use graph_emulator::Front;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use k8s_openapi::jiff::SignedDuration;
use serde_json::Value;
use tokio::{sync::Notify, time::Instant};
use tower::Service;

use crate::api_server::{AnswerBody, Door};

/// To whom a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Graph, or the token authority.
    Entra,
    /// The API server.
    ApiServer,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Entra => "entra",
            Self::ApiServer => "api",
        })
    }
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operator is killed before the call leaves.
    CrashBefore,
    /// The operator is killed after the call was carried out, before it hears of it.
    CrashAfter,
    /// The connection is cut before the call arrives; the operator cannot tell.
    CutBefore,
    /// The call is carried out, and the connection is cut in place of the answer.
    CutAfter,
    /// It is not carried out, and answered with this status.
    Refused(u16),
    /// It is not carried out, and answered 429, with a wait in this form.
    Throttled(Wait),
    /// It is carried out, and its answer is spoilt.
    Spoilt(Spoilt),
    /// It is never answered, and not carried out.
    Hangs,
    /// There is no connection, and the operator can tell that nothing was sent.
    Unconnected,
}

/// How a call is lost on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// Nobody can tell whether it arrived.
    Cut,
    /// It was never sent.
    Unconnected,
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cut => "the connection was cut",
            Self::Unconnected => "the connection was refused",
        })
    }
}

/// A time in which every call to Entra is met by the same.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// Its first moment.
    pub from: Instant,
    /// The first moment after it.
    pub until: Instant,
    /// What befalls the calls.
    pub fault: Fault,
}

/// How a 429 says for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Untold,
    /// `Retry-After: 17`.
    Seconds,
    /// `Retry-After`, as a date twenty seconds ahead.
    Date,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    /// Its second half is missing.
    Truncated,
    /// A proxy's page, with 200.
    Html,
    /// A redirect to another host.
    Redirect,
    /// What follows is to be read from another host.
    ForeignNextLink,
    /// Each object lacks its id.
    WithoutId,
    /// Each enumeration has a value that nobody knows.
    UnknownEnum,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrashBefore => formatter.write_str("killed before"),
            Self::CrashAfter => formatter.write_str("killed after"),
            Self::CutBefore => formatter.write_str("cut before"),
            Self::CutAfter => formatter.write_str("cut after"),
            Self::Refused(status) => write!(formatter, "answered {status}"),
            Self::Throttled(Wait::Untold) => formatter.write_str("429"),
            Self::Throttled(Wait::Seconds) => formatter.write_str("429, wait in seconds"),
            Self::Throttled(Wait::Date) => formatter.write_str("429, wait as a date"),
            Self::Spoilt(Spoilt::Truncated) => formatter.write_str("truncated"),
            Self::Spoilt(Spoilt::Html) => formatter.write_str("HTML with 200"),
            Self::Spoilt(Spoilt::Redirect) => formatter.write_str("redirect"),
            Self::Spoilt(Spoilt::ForeignNextLink) => formatter.write_str("foreign nextLink"),
            Self::Spoilt(Spoilt::WithoutId) => formatter.write_str("without id"),
            Self::Spoilt(Spoilt::UnknownEnum) => formatter.write_str("unknown enum value"),
            Self::Hangs => formatter.write_str("hangs"),
            Self::Unconnected => formatter.write_str("connection refused"),
        }
    }
}

/// A call as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which call it is, counted from 1 in the order in which they are sent.
    pub number: u64,
    /// When, in milliseconds since the wire was made.
    pub at: u128,
    /// To whom.
    pub side: Side,
    /// Method and path with query.
    pub what: String,
    /// What came of it: a status, or how it was lost.
    pub outcome: String,
}

impl Seen {
    /// Whether it was to change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !self.what.starts_with("GET ") && !self.what.contains("/$batch") && !self.what.contains("/oauth2/")
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            at,
            side,
            what,
            outcome,
        } = self;
        write!(
            formatter,
            "{number:>4} {:>6}.{:03} {side:<5} {what} -> {outcome}",
            at / 1_000,
            at % 1_000
        )
    }
}

/// By which the calls go. Clones are the same wire.
#[derive(Clone)]
pub struct Wire {
    inner: Arc<Mutex<Inner>>,
    crashed: Arc<Notify>,
    clock: Clock,
    begun: Instant,
}

struct Inner {
    /// Which calls are met by a fault, counted from 1 in the order in which they are sent.
    plan: BTreeMap<u64, Fault>,
    outage: Option<Outage>,
    count: u64,
    is_crashed: bool,
    seen: Vec<Seen>,
    /// Told of every write to Entra that was carried out.
    watcher: Option<Box<dyn FnMut() + Send>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    /// A wire on which these calls are met by these faults.
    #[must_use]
    pub fn new(clock: Clock, plan: BTreeMap<u64, Fault>) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                plan,
                outage: None,
                count: 0,
                is_crashed: false,
                seen: Vec::new(),
                watcher: None,
            })),
            crashed: Arc::default(),
            begun: clock.instant(),
            clock,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls, in the order of their outcomes.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.inner().seen.clone()
    }

    /// Has every call to Entra that no other fault is planned for meet this one, in its time.
    pub fn plan_outage(&self, outage: Outage) {
        self.inner().outage = Some(outage);
    }

    /// Calls `watcher` after every write to Entra that was carried out.
    pub fn watch(&self, watcher: impl FnMut() + Send + 'static) {
        self.inner().watcher = Some(Box::new(watcher));
    }

    /// Waits until a call kills the operator; at once where one has.
    pub async fn crash(&self) {
        loop {
            let told = self.crashed.notified();
            if self.inner().is_crashed {
                return;
            }
            told.await;
        }
    }

    /// The operator that was killed is gone.
    pub fn is_over(&self) {
        self.inner().is_crashed = false;
    }

    /// The line to the tenant.
    #[must_use]
    pub fn line(&self, front: Front) -> Line {
        Line::new(ToEntra {
            wire: self.clone(),
            front,
        })
    }

    /// The way to the API server.
    #[must_use]
    pub fn client(&self, door: Door) -> kube::Client {
        kube::Client::new(
            ToApiServer {
                wire: self.clone(),
                door,
            },
            "default",
        )
    }

    fn send(&self, side: Side) -> (u64, Option<Fault>) {
        let now = self.clock.instant();
        let mut inner = self.inner();
        inner.count += 1;
        let number = inner.count;
        let outage = inner
            .outage
            .filter(|outage| side == Side::Entra && (outage.from..outage.until).contains(&now));
        let planned = inner.plan.get(&number).copied();
        (number, planned.or(outage.map(|outage| outage.fault)))
    }

    fn enter(&self, number: u64, side: Side, what: &str, outcome: String) {
        let seen = Seen {
            number,
            at: self.clock.since(self.begun).as_millis(),
            side,
            what: what.to_owned(),
            outcome,
        };
        let is_carried_out = side == Side::Entra && seen.is_write() && !seen.outcome.starts_with("not sent");
        let mut inner = self.inner();
        inner.seen.push(seen);
        // Taken out while it looks: it may ask the tenant.
        let watcher = inner.watcher.take();
        drop(inner);
        if let Some(mut watcher) = watcher {
            if is_carried_out {
                watcher();
            }
            self.inner().watcher = Some(watcher);
        }
    }

    async fn kill<T>(&self) -> T {
        self.inner().is_crashed = true;
        self.crashed.notify_waiters();
        pending().await
    }

    /// One call, with what befalls it.
    async fn pass<T, E: fmt::Display>(
        &self,
        side: Side,
        what: String,
        call: impl Future<Output = Result<Response<T>, E>>,
        cut: impl Fn(Loss) -> E,
        refused: impl Fn(u16, Option<String>) -> Response<T>,
        spoil: fn(Response<T>, Spoilt) -> Spoiling<T>,
    ) -> Result<Response<T>, E> {
        let (number, fault) = self.send(side);
        match fault {
            Some(Fault::CrashBefore) => {
                self.enter(number, side, &what, "not sent: the operator is killed".to_owned());
                return self.kill().await;
            }
            Some(Fault::CutBefore) => {
                self.enter(number, side, &what, "not sent: cut".to_owned());
                return Err(cut(Loss::Cut));
            }
            Some(Fault::Unconnected) => {
                self.enter(number, side, &what, "not sent: connection refused".to_owned());
                return Err(cut(Loss::Unconnected));
            }
            Some(Fault::Refused(status)) => {
                self.enter(number, side, &what, format!("not sent: answered {status}"));
                return Ok(refused(status, None));
            }
            Some(Fault::Throttled(wait)) => {
                self.enter(number, side, &what, "not sent: answered 429".to_owned());
                let until = match wait {
                    Wait::Untold => None,
                    Wait::Seconds => Some("17".to_owned()),
                    Wait::Date => {
                        let then = self.clock.now() + SignedDuration::from_secs(20);
                        Some(then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
                    }
                };
                return Ok(refused(429, until));
            }
            Some(Fault::Hangs) => {
                self.enter(number, side, &what, "not sent: hangs".to_owned());
                return pending().await;
            }
            Some(Fault::CrashAfter | Fault::CutAfter | Fault::Spoilt(_)) | None => {}
        }
        let answer = call.await;
        let outcome = match &answer {
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(error) => format!("lost: {error}"),
        };
        match fault {
            Some(Fault::CrashAfter) => {
                self.enter(number, side, &what, format!("{outcome}, and the operator is killed"));
                self.kill().await
            }
            Some(Fault::CutAfter) => {
                self.enter(number, side, &what, format!("{outcome}, and the answer is cut"));
                Err(cut(Loss::Cut))
            }
            Some(Fault::Spoilt(spoilt)) => {
                self.enter(number, side, &what, format!("{outcome}, and the answer is spoilt"));
                Ok(spoil(answer?, spoilt).await)
            }
            Some(
                Fault::CrashBefore
                | Fault::CutBefore
                | Fault::Refused(_)
                | Fault::Throttled(_)
                | Fault::Hangs
                | Fault::Unconnected,
            )
            | None => {
                self.enter(number, side, &what, outcome);
                answer
            }
        }
    }
}

fn named<B>(request: &Request<B>) -> String {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    // An event is named by the machine's clock, which no seed repeats.
    let target = match target.split_once("/events/") {
        Some((before, _)) => format!("{before}/events/…"),
        None => target.to_owned(),
    };
    format!("{} {target}", request.method())
}

#[derive(Clone)]
struct ToEntra {
    wire: Wire,
    front: Front,
}

type Answering<T, E> = Pin<Box<dyn Future<Output = Result<Response<T>, E>> + Send>>;

impl Service<Request<Full<Bytes>>> for ToEntra {
    type Response = Response<LineBody>;
    type Error = LineError;
    type Future = Answering<LineBody, LineError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let Self { wire, mut front } = self.clone();
        Box::pin(async move {
            let what = named(&request);
            let call = async move {
                let answer = front
                    .call(request)
                    .await
                    .map_err(|error| Box::new(error) as LineError)?;
                Ok(answer.map(|body| body.map_err(|error| Box::new(error) as LineError).boxed_unsync()))
            };
            let cut = |loss: Loss| -> LineError {
                match loss {
                    Loss::Cut => loss.to_string().into(),
                    Loss::Unconnected => NotSent(loss.to_string()).into(),
                }
            };
            let refused = |status: u16, wait: Option<String>| {
                let body = format!(r#"{{"error":{{"code":"Simulated{status}","message":"a fault"}}}}"#);
                let mut answer = answered(status, body, |error| match error {});
                if let Some(wait) = wait.and_then(|wait| wait.parse().ok()) {
                    answer.headers_mut().insert(http::header::RETRY_AFTER, wait);
                }
                answer
            };
            wire.pass(Side::Entra, what, call, cut, refused, spoilt_by).await
        })
    }
}

fn answered<E>(
    status: u16,
    body: String,
    never: fn(std::convert::Infallible) -> E,
) -> Response<http_body_util::combinators::UnsyncBoxBody<Bytes, E>>
where
    E: 'static,
{
    let mut answer = Response::new(Full::new(Bytes::from(body)).map_err(never).boxed_unsync());
    // Statuses of faults are those that HTTP knows.
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let json = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, json);
    answer
}

/// An answer that is being spoilt.
type Spoiling<T> = Pin<Box<dyn Future<Output = Response<T>> + Send>>;

/// Graph's answer, spoilt in this way.
fn spoilt_by(answer: Response<LineBody>, how: Spoilt) -> Spoiling<LineBody> {
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

#[derive(Clone)]
struct ToApiServer {
    wire: Wire,
    door: Door,
}

impl Service<Request<kube::client::Body>> for ToApiServer {
    type Response = Response<AnswerBody>;
    type Error = kube::Error;
    type Future = Answering<AnswerBody, kube::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let Self { wire, mut door } = self.clone();
        Box::pin(async move {
            let what = named(&request);
            let cut = |loss: Loss| kube::Error::Service(loss.to_string().into());
            let refused = |status: u16, _: Option<String>| {
                let body = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "a fault", "reason": "InternalError", "code": status});
                answered(status, body.to_string(), |error| error)
            };
            // Nobody spoils what the API server says.
            let whole =
                |answer: Response<AnswerBody>, _: Spoilt| -> Spoiling<AnswerBody> { Box::pin(async { answer }) };
            wire.pass(Side::ApiServer, what, door.call(request), cut, refused, whole)
                .await
        })
    }
}
