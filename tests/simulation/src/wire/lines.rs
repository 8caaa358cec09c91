//! The two sides at the ends of the wire, each failing in its own words.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use entra_access_operator::graph::{LineBody, LineError, NotSent};
use graph_emulator::Front;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tower::Service;

use super::{
    Failing, Side, Wire,
    spoiling::{Spoiling, spoilt_by},
};
use crate::{
    api_server::{AnswerBody, ApiServer, Door, User},
    fault::{Loss, Spoilt},
};

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
pub(super) struct ToEntra {
    pub(super) wire: Wire,
    pub(super) front: Front,
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
            let failing = Failing {
                cut,
                refused,
                spoil: spoilt_by,
            };
            wire.pass(Side::Entra, what, call, || {}, failing).await
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

#[derive(Clone)]
pub(super) struct ToApiServer {
    pub(super) wire: Wire,
    pub(super) door: Door,
    /// Where somebody else writes.
    pub(super) others: ApiServer,
}

impl Service<Request<kube::client::Body>> for ToApiServer {
    type Response = Response<AnswerBody>;
    type Error = kube::Error;
    type Future = Answering<AnswerBody, kube::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let Self { wire, mut door, others } = self.clone();
        Box::pin(async move {
            let what = named(&request);
            let cut = |loss: Loss| kube::Error::Service(loss.to_string().into());
            let refused = |status: u16, _: Option<String>| {
                let reason = match status {
                    403 => "Forbidden",
                    409 => "Conflict",
                    422 => "Invalid",
                    _ => "InternalError",
                };
                let body = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "a fault", "reason": reason, "code": status});
                answered(status, body.to_string(), |error| error)
            };
            // Nobody spoils what the API server says.
            let spoil =
                |answer: Response<AnswerBody>, _: Spoilt| -> Spoiling<AnswerBody> { Box::pin(async { answer }) };
            let object = written(&request);
            let outrun = || {
                if let Some(path) = &object {
                    touch(&others, path);
                }
            };
            let failing = Failing { cut, refused, spoil };
            wire.pass(Side::ApiServer, what, door.call(request), outrun, failing)
                .await
        })
    }
}

/// The object that a write is for.
fn written(request: &Request<kube::client::Body>) -> Option<String> {
    let is_write = [http::Method::PUT, http::Method::PATCH].contains(request.method());
    let path = request.uri().path();
    let path = path.strip_suffix("/status").unwrap_or(path);
    (is_write && path.contains("entra-operator.io")).then(|| path.to_owned())
}

/// Somebody else writes something that means nothing to the operator.
fn touch(cluster: &ApiServer, path: &str) {
    let revision = cluster.revision().to_string();
    let patch = serde_json::json!({"metadata": {"annotations": {"example.com/touched": revision}}});
    // An object that is gone cannot be touched.
    let _ = cluster.request(
        &User::admin(),
        "PATCH",
        path,
        "application/merge-patch+json",
        Some(&patch),
    );
}
