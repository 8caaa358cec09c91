//! The server as what carries a `kube::Client`'s requests: no sockets, no tasks, no waiting.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use kube::client::Body;
use serde_json::Value;
use tower::Service;

use super::{
    refusal::Refusal,
    request::User,
    state::{Outcome, Reply, State},
};

/// The body of an answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

/// One user's way to the server. Clones are the same user's.
///
/// A layer of faults goes around it as around any [`tower::Service`].
#[derive(Clone, Debug)]
pub struct Door {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) user: User,
}

impl Service<Request<Body>> for Door {
    type Response = Response<AnswerBody>;
    /// What cannot be read of a request.
    type Error = kube::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { state, user } = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.map_err(kube::Error::from)?;
            let outcome = {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                state.answer(&parts, &body, &user)
            };
            Ok(response(outcome))
        })
    }
}

fn response(outcome: Outcome) -> Response<AnswerBody> {
    let (code, body) = match outcome {
        Ok(Reply { code, body }) | Err(Refusal { code, body }) => (code, body),
    };
    let (content_type, bytes) = match body {
        Value::String(text) => ("text/plain; charset=utf-8", Bytes::from(text)),
        object => ("application/json", Bytes::from(object.to_string())),
    };
    let mut response = Response::new(Full::new(bytes).boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
