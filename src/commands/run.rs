//! `run`: the operator itself.

use std::{io, io::IsTerminal, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use futures::FutureExt;
use kube::Client;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};
use url::Url;

use crate::{controllers, reconcile::Settings};

/// How long visits may go on after SIGTERM. Kubernetes kills a pod thirty seconds after it; a visit that is cut off does
/// no harm, since what it was about to create stands in status.
const LONGEST_FAREWELL: Duration = Duration::from_secs(20);

/// Flags of `run`; each has its twin in the environment.
#[derive(Args, Clone, Debug)]
pub struct Flags {
    /// Namespace of the operator itself; Secrets with credentials are read from it and from no other
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "entra-access-operator",
        value_name = "NAME"
    )]
    namespace: String,
    /// Name under which the operator publishes events
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pod_name: Option<String>,
    /// Microsoft Graph instead of the cloud's own, such as https://graph.example/v1.0
    #[arg(long, env = "GRAPH_URL", value_name = "URL")]
    graph_url: Option<Url>,
    /// Token authority instead of the cloud's own
    #[arg(long, env = "AZURE_AUTHORITY_HOST", value_name = "URL")]
    authority_host: Option<Url>,
    /// How long, in seconds, a write may take to show in Graph's lists
    #[arg(long, env = "VISIBILITY_SECONDS", default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    visibility_seconds: u64,
    /// What to log: error, warn, info, debug, trace, or a filter such as entra_access_operator=debug
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    log_level: String,
    /// How to log; text on a terminal and JSON elsewhere unless given
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

/// How to log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// Where the log filter is malformed, the cluster's address is unknown, or no CA bundle can be read.
pub async fn run(flags: Flags) -> Result<(), io::Error> {
    log(&flags)?;
    // One provider for everything; kube and reqwest would choose the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::try_default().await.map_err(|error| {
        io::Error::other(format!(
            "no way to a cluster: {error}; run inside one, or set KUBECONFIG"
        ))
    })?;
    let settings = Settings {
        namespace: flags.namespace,
        pod_name: flags.pod_name,
        graph_url: flags.graph_url,
        authority_host: flags.authority_host,
        visibility: Duration::from_secs(flags.visibility_seconds),
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        namespace = %settings.namespace,
        graph = settings.graph_url.as_ref().map(Url::as_str),
        bundle = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from).map(|path| path.display().to_string()),
        "starting"
    );
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: finishing the visits under way"),
            _ = tokio::signal::ctrl_c() => tracing::info!("SIGINT: finishing the visits under way"),
        }
    }
    .shared();
    let patience = stop.clone().then(|()| tokio::time::sleep(LONGEST_FAREWELL));
    tokio::select! {
        () = controllers::run(client, settings, stop) => tracing::info!("stopped"),
        () = patience => tracing::warn!("stopped with visits under way; the next start finds what they began"),
    }
    Ok(())
}

fn log(flags: &Flags) -> Result<(), io::Error> {
    // Lower layers log request lines, answers among them; they are of no use here and none of our business.
    let quiet = "azure_core=warn,azure_identity=warn,typespec_client_core=warn,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,h2=warn,tower=warn";
    let filter = format!("{quiet},{}", flags.log_level);
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| io::Error::other(format!("--log-level {:?}: {error}", flags.log_level)))?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match flags.log_format {
        Some(LogFormat::Json) => registry.with(layer.json()).init(),
        None if !io::stderr().is_terminal() => registry.with(layer.json()).init(),
        Some(LogFormat::Text) | None => registry.with(layer.with_target(false)).init(),
    }
    Ok(())
}
