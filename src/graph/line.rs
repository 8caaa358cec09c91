//! What carries a request: a `tower` service of `http` requests, so that one layer of faults or of counting can sit
//! before this and before every other client of that type.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::request::Body as AzureBody;
use azure_core::http::{AsyncRawResponse, HttpClient, Request as AzureRequest};
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use reqwest::redirect;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

use super::cloud::Endpoint;
use super::error::{GraphError, GraphErrorKind};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// More than any page of Graph; a body beyond it is cut.
pub(super) const MAX_BODY: usize = 64 * 1024 * 1024;

/// Why a request or its answer was lost.
pub type LineError = Box<dyn StdError + Send + Sync>;
/// The body of an answer, as it comes.
pub type LineBody = UnsyncBoxBody<Bytes, LineError>;

/// A request that certainly never left: repeating it repeats nothing. For lines that are not made of sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent(pub String);

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for NotSent {}

/// What carries requests to Graph and to the token authority. Cheap to clone.
#[derive(Clone)]
pub struct Line(BoxCloneSyncService<Request<Full<Bytes>>, Response<LineBody>, LineError>);

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    /// A line over this service.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<LineBody>, Error = LineError>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(service))
    }

    /// The line over HTTPS.
    ///
    /// # Errors
    ///
    /// `BadRequest` for certificate authorities that cannot be read.
    pub fn https(endpoint: &Endpoint) -> Result<Self, GraphError> {
        Ok(Self::new(Https(http_client(endpoint)?)))
    }

    /// Sends a request. Whoever calls bounds the time.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<LineBody>, LineError> {
        self.0.clone().oneshot(request).await
    }
}

/// A body to its end, but never more than [`MAX_BODY`].
pub(super) enum Collected {
    /// The whole of it.
    Whole(Bytes),
    /// There was more than we take.
    TooLong,
}

/// Reads a body piece by piece, and stops at the bound.
pub(super) async fn collect(mut body: LineBody) -> Result<Collected, LineError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else {
            continue;
        };
        if whole.len().saturating_add(piece.len()) > MAX_BODY {
            return Ok(Collected::TooLong);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Collected::Whole(whole.freeze()))
}

/// Whether the request certainly was not sent.
pub(super) fn was_not_sent(error: &LineError) -> bool {
    let mut next: Option<&(dyn StdError + 'static)> = Some(&**error);
    while let Some(current) = next {
        if current.is::<NotSent>() {
            return true;
        }
        if let Some(error) = current.downcast_ref::<reqwest::Error>()
            && (error.is_connect() || error.is_builder())
        {
            return true;
        }
        next = current.source();
    }
    false
}

#[derive(Clone)]
struct Https(reqwest::Client);

impl Service<Request<Full<Bytes>>> for Https {
    type Response = Response<LineBody>;
    type Error = LineError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
            let response = client.execute(request).await.map_err(reqwest::Error::without_url)?;
            let response: Response<reqwest::Body> = response.into();
            Ok(response.map(|body| body.map_err(|error| Box::new(error) as LineError).boxed_unsync()))
        })
    }
}

fn http_client(endpoint: &Endpoint) -> Result<reqwest::Client, GraphError> {
    let invalid = |message: String| GraphError::new(GraphErrorKind::BadRequest, "endpoint", message);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("entra-access-operator/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
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

/// The token authority is reached over the same line.
#[async_trait::async_trait]
impl HttpClient for Line {
    async fn execute_request(&self, request: &AzureRequest) -> azure_core::Result<AsyncRawResponse> {
        let AzureBody::Bytes(body) = request.body() else {
            return Err(azure_core::Error::with_message(
                ErrorKind::Other,
                "a token request has no body that streams",
            ));
        };
        let mut sent = Request::builder()
            .method(request.method().as_str())
            .uri(request.url().as_str());
        for (name, value) in request.headers().iter() {
            sent = sent.header(name.as_str(), value.as_str());
        }
        let sent = sent
            .body(Full::new(body.clone()))
            .map_err(|error| azure_core::Error::with_error(ErrorKind::Other, error, "the token request is none"))?;
        let lost = |error: LineError| {
            let kind = if was_not_sent(&error) {
                ErrorKind::Connection
            } else {
                ErrorKind::Io
            };
            azure_core::Error::with_error(kind, error, "the token authority did not answer")
        };
        let (parts, body) = self.send(sent).await.map_err(lost)?.into_parts();
        let Collected::Whole(body) = collect(body).await.map_err(lost)? else {
            return Err(azure_core::Error::with_message(
                ErrorKind::Other,
                "the token authority's answer is too long",
            ));
        };
        let mut headers = Headers::new();
        for (name, value) in &parts.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(
                    HeaderName::from(name.as_str().to_owned()),
                    HeaderValue::from(value.to_owned()),
                );
            }
        }
        let body = futures::stream::once(async { Ok(body) });
        Ok(AsyncRawResponse::new(
            parts.status.as_u16().into(),
            headers,
            Box::pin(body),
        ))
    }
}
