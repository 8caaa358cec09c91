//! What the operator says of itself over HTTP: alive, ready, measured.

mod bounded;
mod readers;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use clap::ValueEnum;
use kube::Client;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{clock::Clock, metrics::Metrics};
use bounded::Bounded;
use readers::{Readers, Verdict};

/// How the process is.
#[derive(Debug, Default)]
pub struct Health {
    /// It stands by for another leader, or leads and has read the cluster.
    pub ready: AtomicBool,
    /// It is about to end.
    pub ending: AtomicBool,
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MetricsAccess {
    /// Whoever shows a token of a Kubernetes account that may `get` the path `/metrics`.
    #[default]
    Token,
    /// Whoever reaches the port.
    Anyone,
}

#[derive(Clone)]
struct App {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    /// `None`: whoever reaches the port.
    readers: Option<Arc<Readers>>,
}

/// Serves `/healthz`, `/readyz` and `/metrics` until the process ends, in TLS to whoever begins with it: by a certificate that is
/// made at each start and signed by nobody.
///
/// # Errors
/// Where the address cannot be listened on, or no certificate can be made.
#[expect(
    clippy::disallowed_methods,
    reason = "it serves for as long as the process lives, whatever else ends"
)]
pub async fn serve(
    address: SocketAddr,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    access: MetricsAccess,
    client: Client,
    clock: Clock,
) -> Result<(), io::Error> {
    let certificate = certificate()?;
    let readers = match access {
        MetricsAccess::Token => Some(Arc::new(Readers::new(client, clock))),
        MetricsAccess::Anyone => None,
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    let app = Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route(readers::PATH, get(measured))
        .with_state(App {
            health,
            metrics,
            readers,
        });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(Bounded::new(listener, certificate), app).await {
            tracing::error!(%error, "the health endpoint has ended");
        }
    });
    Ok(())
}

/// The runtime turns: whatever blocks it for good fails this probe by its timeout.
async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(App { health, .. }): State<App>) -> (StatusCode, &'static str) {
    if health.ending.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "ending\n")
    } else if health.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "reading the cluster\n")
    }
}

async fn measured(State(App { metrics, readers, .. }): State<App>, headers: HeaderMap) -> Response {
    if let Some(readers) = readers {
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let verdict = match token {
            Some((_, token)) => readers.judge(token.trim()).await,
            None => Verdict::Unknown,
        };
        if let Some(refused) = refused(verdict) {
            return refused;
        }
    }
    match metrics.text() {
        Ok(text) => (
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// What is said to whoever may not read, or not now.
fn refused(verdict: Verdict) -> Option<Response> {
    let (status, words) = match verdict {
        Verdict::May => return None,
        Verdict::Unknown => (
            StatusCode::UNAUTHORIZED,
            "show a token of a Kubernetes account: Authorization: Bearer …\n",
        ),
        Verdict::MayNot => (
            StatusCode::FORBIDDEN,
            "this account may not get /metrics: bind it to a ClusterRole that allows it\n",
        ),
        Verdict::Unanswered => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the API server cannot be asked who you are; try again\n",
        ),
        Verdict::Busy => (StatusCode::TOO_MANY_REQUESTS, "too many ask at once; try again\n"),
    };
    let mut response = (status, words).into_response();
    if verdict == Verdict::Unknown {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    Some(response)
}

/// A certificate of this process's own. Nobody signs it: who scrapes does not verify it, as with most operators; what it gives is
/// that a token cannot be read on the way.
fn certificate() -> Result<Arc<ServerConfig>, io::Error> {
    let made =
        rcgen::generate_simple_self_signed(vec!["entra-access-operator".to_owned()]).map_err(io::Error::other)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    // Named here: tests of this module install no provider for the whole process.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
