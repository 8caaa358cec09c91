//! One request in, one answer out, or the connection cut: what the quirks do to it, and what the log says of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::batch::{self, Part};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::error::GraphError;
use crate::front::Padded;
use crate::odata::Query;
use crate::quirks::Quirks;
use crate::routes::{self, Call, Reply};
use crate::seed::SeedError;
use crate::store::{Ids, Store};
use crate::token::{self, Signer};
use crate::world::World;

/// The application id of Microsoft Graph.
const GRAPH_ITSELF: &str = "00000003-0000-0000-c000-000000000000";
const DIAGNOSTIC: &str = concat!(
    r#"{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"0","#,
    r#""ScaleUnit":"000","RoleInstance":"EMULATOR"}}"#
);
const CONTENT_TYPE: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

struct Inner {
    store: Store,
    quirks: Quirks,
    /// The world file with what was changed of its applications since.
    world: World,
    /// Tokens with a lower number were issued before `rejectTokens` was set.
    rejected_below: u64,
}

/// A running tenant.
pub(crate) struct Emulator {
    /// As it was read.
    world: World,
    inner: Mutex<Inner>,
    signer: Signer,
    graph: String,
    authority: String,
    log: Mutex<Vec<Value>>,
    policy_creates: AtomicUsize,
    watcher: Mutex<Option<Watcher>>,
}

/// Whoever looks after each request that changed something.
type Watcher = Box<dyn Fn() + Send>;

/// A request as it came in.
pub(crate) struct Incoming {
    pub(crate) method: String,
    /// Path and query as written.
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

struct Outcome {
    status: u16,
    body: Option<Value>,
    retry_after: Option<u64>,
    challenge: bool,
    cut: bool,
    /// MiB of white space before the body.
    padding: u64,
    caller: Option<String>,
    note: Option<String>,
    /// What the log shows instead of the bodies.
    logged: Option<(Value, Value)>,
}

impl Outcome {
    const fn of(status: u16, body: Option<Value>) -> Self {
        Self {
            status,
            body,
            retry_after: None,
            challenge: false,
            cut: false,
            padding: 0,
            caller: None,
            note: None,
            logged: None,
        }
    }
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Emulator {
    pub(crate) fn new(
        world: World,
        quirks: Quirks,
        authority: &str,
        (born, ids): (jiff::Timestamp, Ids),
    ) -> Result<Self, SeedError> {
        let mut clock = Clock::new(born);
        clock.skew = quirks.clock_skew.unwrap_or(0);
        let mut store = crate::seed::build(&world, clock)?;
        store.ids = ids;
        let inner = Inner {
            store,
            quirks,
            world: world.clone(),
            rejected_below: 0,
        };
        Ok(Self {
            world,
            inner: Mutex::new(inner),
            signer: Signer::new(),
            graph: format!("{authority}/v1.0"),
            authority: authority.to_owned(),
            log: Mutex::new(Vec::new()),
            policy_creates: AtomicUsize::new(0),
            watcher: Mutex::new(None),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock(&self) -> Clock {
        self.lock().store.clock
    }

    fn log(&self) -> MutexGuard<'_, Vec<Value>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests from this number on, counted from the start or the last reset.
    pub(crate) fn requests_since(&self, since: usize) -> Vec<Value> {
        self.log().get(since..).unwrap_or_default().to_vec()
    }

    pub(crate) fn request_count(&self) -> usize {
        self.log().len()
    }

    pub(crate) fn watch(&self, watcher: Watcher) {
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
    }

    pub(crate) fn quirks(&self) -> Quirks {
        self.lock().quirks.clone()
    }

    pub(crate) fn set_quirks(&self, quirks: Quirks) {
        let mut inner = self.lock();
        inner.store.clock.skew = quirks.clock_skew.unwrap_or(0);
        inner.quirks = quirks;
        inner.rejected_below = self.signer.issued();
    }

    /// The tenant after everything that has come due.
    pub(crate) fn with_tenant<T>(&self, use_it: impl FnOnce(&mut World, &mut Store) -> T) -> T {
        let mut inner = self.lock();
        let Inner {
            store,
            world,
            quirks,
            rejected_below: _,
        } = &mut *inner;
        crate::delivery::advance(store, quirks.carries_out_rules);
        use_it(world, store)
    }

    /// Back to the world file; the log is emptied, the quirks stay.
    pub(crate) fn reset(&self) {
        let clock = self.clock();
        if let Ok(mut store) = crate::seed::build(&self.world, clock) {
            let mut inner = self.lock();
            store.ids = inner.store.ids.clone();
            inner.store = store;
            inner.world = self.world.clone();
        }
        self.log().clear();
    }

    pub(crate) async fn answer(&self, request: Incoming) -> Result<Response<Body>, std::io::Error> {
        let clock = self.clock();
        let began = clock.milliseconds();
        let time = clock.text();
        let request_id = self.lock().store.ids.fresh();
        let client_request_id = request.headers.get("client-request-id").cloned();
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut outcome = match segments.as_slice() {
            ["v1.0", "$batch"] => self.batch(&request).await,
            ["v1.0", ..] => self.graph_call(&request, path, query).await,
            [tenant, "oauth2", "v2.0", "token"] if request.method == "POST" => self.token(tenant, &request),
            [tenant, "v2.0", ".well-known", "openid-configuration"] if request.method == "GET" => {
                if token::is_tenant(&self.world, tenant) {
                    Outcome::of(200, Some(token::openid_configuration(&self.world, &self.authority)))
                } else {
                    let message = format!("AADSTS90002: Tenant '{tenant}' not found.");
                    Outcome::of(
                        400,
                        Some(json!({"error": "invalid_tenant", "error_description": message, "error_codes": [90002]})),
                    )
                }
            }
            [_, "discovery", "v2.0", "keys"] if request.method == "GET" => Outcome::of(200, Some(json!({"keys": []}))),
            _ => refused(&GraphError::not_emulated(format!(
                "{} {}",
                request.method, request.target
            ))),
        };
        let client_id = client_request_id.clone().unwrap_or_else(|| request_id.clone());
        if let Some(inner) = outcome
            .body
            .as_mut()
            .and_then(|body| body.pointer_mut("/error/innerError"))
        {
            inner["date"] = json!(clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string());
            inner["request-id"] = json!(request_id);
            inner["client-request-id"] = json!(client_id);
        }
        let (asked, answered) = match outcome.logged.take() {
            Some(logged) => logged,
            None => (readable(&request.body), outcome.body.clone().unwrap_or_default()),
        };
        let milliseconds = clock.milliseconds() - began;
        let mut line = json!({"time": time, "method": request.method, "path": request.target, "status": outcome.status,
            "milliseconds": milliseconds, "clientRequestId": client_request_id, "requestId": request_id,
            "caller": outcome.caller, "requestBody": asked, "responseBody": answered});
        if let Some(note) = &outcome.note {
            line["note"] = json!(note);
        }
        if outcome.cut {
            line["dropped"] = json!(true);
        }
        self.log().push(line);
        if request.method != "GET" && segments.first() == Some(&"v1.0") {
            let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(watcher) = &*watcher {
                watcher();
            }
        }
        if outcome.cut {
            return Err(std::io::Error::other("the connection is cut after the commit"));
        }
        let mut response = Response::builder()
            .status(outcome.status)
            .header("request-id", &request_id)
            .header("client-request-id", &client_id)
            .header("Cache-Control", "no-cache")
            .header(
                "Date",
                self.clock().now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            )
            .header("Strict-Transport-Security", "max-age=31536000")
            .header("OData-Version", "4.0")
            .header("x-ms-ags-diagnostic", DIAGNOSTIC);
        if let Some(seconds) = outcome.retry_after {
            response = response.header("Retry-After", seconds);
        }
        if outcome.challenge {
            let challenge = format!(
                "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"{GRAPH_ITSELF}\"",
                self.authority
            );
            response = response.header("WWW-Authenticate", challenge);
        }
        let body = match outcome.body {
            Some(body) => {
                response = response.header("Content-Type", CONTENT_TYPE);
                let body = Bytes::from(body.to_string());
                match outcome.padding {
                    0 => Body::from(body),
                    mib => Body::new(Padded::new(mib, body)),
                }
            }
            None => Body::empty(),
        };
        response.body(body).map_err(std::io::Error::other)
    }

    fn token(&self, tenant: &str, request: &Incoming) -> Outcome {
        let fields = token::form(&request.body);
        let asked = token::without_secrets(&fields);
        let mut inner = self.lock();
        let Inner {
            store,
            quirks,
            world,
            rejected_below: _,
        } = &mut *inner;
        if let Some(failure) = quirks.take_token_failure(&request.target) {
            let body = token::unavailable(failure.message.as_deref().unwrap_or("A transient error has occurred."));
            return Outcome {
                caller: fields.get("client_id").cloned(),
                retry_after: failure.retry_after,
                logged: Some((asked, body.clone())),
                ..Outcome::of(failure.status, Some(body))
            };
        }
        let lifetime = quirks.token_lifetime;
        let answer = token::answer(&self.signer, world, store, &self.authority, tenant, &fields, lifetime);
        let mut shown = answer.body.clone();
        if let Some(shown) = shown.as_object_mut() {
            shown.remove("access_token");
        }
        let logged = Some((asked, shown));
        Outcome {
            caller: answer.client,
            logged,
            ..Outcome::of(answer.status, Some(answer.body))
        }
    }

    fn caller(&self, headers: &BTreeMap<String, String>) -> Result<Caller, GraphError> {
        let Some(header) = headers.get("authorization") else {
            return Err(GraphError::token("Access token is empty."));
        };
        let Some(token) = header
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
            .map(|(_, token)| token.trim())
        else {
            return Err(GraphError::token("Access token is empty."));
        };
        let now = self.clock().seconds();
        let caller = self.signer.verify(token, now).map_err(GraphError::token)?;
        let mut inner = self.lock();
        let old = caller.token_number < inner.rejected_below;
        if inner.quirks.take_rejection(old) {
            return Err(GraphError::token("Access token has expired or is not yet valid."));
        }
        Ok(caller)
    }

    async fn graph_call(&self, request: &Incoming, path: &str, query: &str) -> Outcome {
        let latency = self.lock().quirks.latency.unwrap_or(0);
        if latency > 0 {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        let hang = self.lock().quirks.take_hang((&request.method, &request.target));
        if let Some(milliseconds) = hang {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
        let caller = match self.caller(&request.headers) {
            Ok(caller) => caller,
            Err(error) => {
                return Outcome {
                    challenge: true,
                    ..refused(&error)
                };
            }
        };
        let who = Some(caller.client_id.clone());
        if let Some(outcome) = self.fault(&request.method, &request.target) {
            return Outcome { caller: who, ..outcome };
        }
        let raw_path = path
            .split('/')
            .filter(|part| !part.is_empty())
            .skip(1)
            .collect::<Vec<_>>()
            .join("/");
        let creates_policy = request.method == "POST" && raw_path.ends_with("/assignmentPolicies");
        let _counted = creates_policy.then(|| Counted(&self.policy_creates));
        if creates_policy {
            let parallel = self.policy_creates.fetch_add(1, Ordering::SeqCst) > 0;
            let watched = self.lock().quirks.duplicate_key.is_some();
            if watched && self.lock().quirks.take_duplicate_key(parallel) {
                let error = GraphError::new(409, "DuplicateKey", "There is already a duplicated entity.");
                return Outcome {
                    caller: who,
                    ..refused(&error)
                };
            }
            if watched {
                // Long enough for a parallel one to arrive.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let typed = request
            .headers
            .get("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"));
        if !request.body.is_empty() && request.method != "GET" && request.method != "DELETE" && !typed {
            let error = GraphError::bad_request(
                "Write requests (excluding DELETE) must contain the Content-Type header declaration.",
            );
            return Outcome {
                caller: who,
                ..refused(&error)
            };
        }
        let outcome = self.serve(&caller, &request.method, &raw_path, query, &request.body);
        let writes = request.method != "GET" && (200..300).contains(&outcome.status);
        let asked = (request.method.as_str(), request.target.as_str());
        let mut inner = self.lock();
        let cut = writes && inner.quirks.take_drop(asked);
        let padding = inner.quirks.take_padding(asked);
        Outcome {
            caller: who,
            cut,
            padding,
            ..outcome
        }
    }

    /// What the quirks refuse before anything is done.
    fn fault(&self, method: &str, target: &str) -> Option<Outcome> {
        let mut inner = self.lock();
        if let Some(retry_after) = inner.quirks.take_throttle() {
            let error = GraphError::new(429, "TooManyRequests", "Too many requests.");
            return Some(Outcome {
                retry_after,
                ..refused(&error)
            });
        }
        let failure = inner.quirks.take_failure((method, target))?;
        let code = failure.code.as_deref().unwrap_or("UnknownError");
        let error = GraphError::new(failure.status, code, failure.message.unwrap_or_default());
        Some(Outcome {
            retry_after: failure.retry_after,
            ..refused(&error)
        })
    }

    fn serve(&self, caller: &Caller, method: &str, raw_path: &str, query: &str, body: &[u8]) -> Outcome {
        let path: Vec<String> = raw_path
            .split('/')
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let body = match body {
            [] => None,
            bytes => match serde_json::from_slice(bytes) {
                Ok(body) => Some(body),
                Err(_) => {
                    let error = GraphError::bad_request(
                        "Unable to read JSON request payload. Please ensure Content-Type header is set and \
                         payload is of valid JSON format.",
                    );
                    return refused(&error);
                }
            },
        };
        let query = match Query::parse(query) {
            Ok(query) => query,
            Err(error) => return refused(&error),
        };
        let mut note = None;
        let mut inner = self.lock();
        let Inner {
            store,
            quirks,
            world,
            rejected_below: _,
        } = &mut *inner;
        crate::delivery::advance(store, quirks.carries_out_rules);
        let mut call = Call {
            world,
            store,
            quirks,
            caller,
            graph: &self.graph,
            method,
            path: &path,
            raw_path,
            query,
            body,
            note: &mut note,
        };
        let outcome = match routes::dispatch(&mut call) {
            Ok(Reply { status, body }) => Outcome::of(status, body),
            Err(error) => refused(&error),
        };
        Outcome { note, ..outcome }
    }

    async fn batch(&self, request: &Incoming) -> Outcome {
        let caller = match self.caller(&request.headers) {
            Ok(caller) => caller,
            Err(error) => {
                return Outcome {
                    challenge: true,
                    ..refused(&error)
                };
            }
        };
        let who = Some(caller.client_id);
        if request.method != "POST" {
            return Outcome {
                caller: who,
                ..refused(&GraphError::new(405, "MethodNotAllowed", "$batch takes POST."))
            };
        }
        let parts = match serde_json::from_slice(&request.body)
            .map_err(|_| GraphError::bad_request("Invalid batch payload format."))
            .and_then(|body| batch::read(&body))
        {
            Ok(parts) => parts,
            Err(error) => {
                return Outcome {
                    caller: who,
                    ..refused(&error)
                };
            }
        };
        let mut answers: Vec<Value> = Vec::new();
        for part in parts {
            let failed = part.depends_on.iter().any(|id| {
                answers.iter().any(|done| {
                    done["id"].as_str().is_some_and(|done| done.eq_ignore_ascii_case(id))
                        && done["status"].as_u64().is_some_and(|status| status >= 400)
                })
            });
            answers.push(if failed {
                batch::failed_dependency(&part)
            } else {
                self.part(request, &part).await
            });
        }
        Outcome {
            caller: who,
            ..Outcome::of(200, Some(json!({"responses": answers})))
        }
    }

    async fn part(&self, outer: &Incoming, part: &Part) -> Value {
        let refusal = if part.url.contains("$batch") {
            Some("A batch cannot hold a batch.")
        } else {
            None
        };
        let outcome = match refusal {
            Some(message) => refused(&GraphError::bad_request(message)),
            None => {
                let mut headers = part.headers.clone();
                if let Some(authorization) = outer.headers.get("authorization") {
                    headers.insert("authorization".into(), authorization.clone());
                }
                let body = part
                    .body
                    .as_ref()
                    .map(|body| Bytes::from(body.to_string()))
                    .unwrap_or_default();
                let target = format!("/v1.0/{}", part.url.trim_start_matches('/'));
                let inner = Incoming {
                    method: part.method.clone(),
                    target,
                    headers,
                    body,
                };
                let (path, query) = inner.target.split_once('?').unwrap_or((&inner.target, ""));
                Box::pin(self.graph_call(&inner, path, query)).await
            }
        };
        let mut headers = json!({"Content-Type": "application/json"});
        if let Some(seconds) = outcome.retry_after {
            headers["Retry-After"] = json!(seconds.to_string());
        }
        let mut answer = json!({"id": part.id, "status": outcome.status, "headers": headers});
        if let Some(body) = outcome.body {
            answer["body"] = body;
        }
        answer
    }
}

fn refused(error: &GraphError) -> Outcome {
    // The envelope's date and ids are filled in when the answer leaves.
    Outcome {
        retry_after: error.retry_after,
        ..Outcome::of(error.status, Some(error.envelope("", "", "")))
    }
}

fn readable(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
