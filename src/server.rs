//! What the operator says of itself over HTTP: alive, ready, measured.

mod bounded;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::metrics::Metrics;
use bounded::Bounded;

/// How the process is.
#[derive(Debug, Default)]
pub struct Health {
    /// It stands by for another leader, or leads and has read the cluster.
    pub ready: AtomicBool,
    /// It is about to end.
    pub ending: AtomicBool,
}

#[derive(Clone)]
struct App {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

/// Serves `/healthz`, `/readyz` and `/metrics` until the process ends.
///
/// # Errors
/// Where the address cannot be listened on.
#[expect(
    clippy::disallowed_methods,
    reason = "it serves for as long as the process lives, whatever else ends"
)]
pub async fn serve(address: SocketAddr, health: Arc<Health>, metrics: Arc<Metrics>) -> Result<(), std::io::Error> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let app = Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(measured))
        .with_state(App { health, metrics });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(Bounded::new(listener), app).await {
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

async fn measured(State(App { metrics, .. }): State<App>) -> Response {
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
