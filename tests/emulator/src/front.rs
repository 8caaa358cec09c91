//! The service behind every connection, and bodies that are larger than anybody expects.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{Request, Response};
use http_body::Frame;

use crate::server::{Emulator, Incoming};

const BODY_LIMIT: usize = 16 * 1024 * 1024;
const PADDING: Bytes = Bytes::from_static(&[b' '; 64 * 1024]);
const PADDING_PER_MIB: u64 = 16;

/// A body behind white space, which JSON lets stand before it; made while it is read, of no length told beforehand.
pub(crate) struct Padded {
    /// Pieces of [`PADDING`].
    left: u64,
    body: Option<Bytes>,
}

impl Padded {
    /// Behind so many MiB.
    pub(crate) fn new(mib: u64, body: Bytes) -> Self {
        Self {
            left: mib.saturating_mul(PADDING_PER_MIB),
            body: Some(body),
        }
    }
}

impl HttpBody for Padded {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let next = if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            Some(PADDING)
        } else {
            self.body.take()
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// The service behind every connection. Its error cuts the connection without an answer.
#[derive(Clone)]
pub struct Front(pub(crate) Arc<Emulator>);

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

impl<B> tower_service::Service<Request<B>> for Front
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let emulator = Arc::clone(&self.0);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(Body::new(body), BODY_LIMIT)
                .await
                .map_err(std::io::Error::other)?;
            let headers = head
                .headers
                .iter()
                .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
                .collect();
            let target = head
                .uri
                .path_and_query()
                .map_or_else(|| "/".to_owned(), |target| target.as_str().to_owned());
            emulator
                .answer(Incoming {
                    method: head.method.to_string(),
                    target,
                    headers,
                    body,
                })
                .await
        })
    }
}

/// Gives every connection the same front.
pub(crate) struct MakeFront(pub(crate) Front);

impl<T> tower_service::Service<T> for MakeFront {
    type Response = Front;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Front, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: T) -> Self::Future {
        std::future::ready(Ok(self.0.clone()))
    }
}
