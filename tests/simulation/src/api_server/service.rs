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
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use serde_json::Value;
use tower::Service;

use super::{
    refusal::Refusal,
    request::User,
    state::{Outcome, Reply, State},
};

const JSON: &str = "application/json";

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
            let body = body.collect_bytes().await?;
            let outcome = {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                state.answer(&parts, &body, &user)
            };
            Ok(response(outcome, state))
        })
    }
}

fn response(outcome: Outcome, state: Arc<Mutex<State>>) -> Response<AnswerBody> {
    let (code, content_type, body) = match outcome {
        Ok(Reply {
            code,
            watch: Some(watch),
            body: _,
        }) => (code, JSON, StreamBody::new(watch.lines(state)).boxed_unsync()),
        Ok(Reply {
            code,
            body,
            watch: None,
        })
        | Err(Refusal { code, body }) => match body {
            Value::String(text) => (code, "text/plain; charset=utf-8", whole(text)),
            object => (code, JSON, whole(object.to_string())),
        },
    };
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn whole(text: String) -> AnswerBody {
    Full::new(Bytes::from(text)).boxed_unsync()
}
