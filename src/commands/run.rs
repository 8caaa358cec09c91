//! `run`: the operator itself.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use clap::Args;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use kube::Client;
use url::Url;

use crate::{
    controllers,
    leadership::Leadership,
    metrics::Metrics,
    reconcile::{Machine, Settings},
    server::{self, Health, MetricsAccess},
    telemetry::{self, LogFormat, Telemetry},
};

/// How long visits may go on after SIGTERM. Kubernetes kills a pod thirty seconds after it unless told otherwise; a visit that is cut off does
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
        value_name = "NAME",
        help_heading = CLUSTER
    )]
    namespace: String,
    /// Name under which the operator publishes events
    #[arg(long, env = "POD_NAME", value_name = "NAME", help_heading = CLUSTER)]
    pod_name: Option<String>,
    /// Act only while holding the Lease, so that several replicas can run
    #[arg(long, env = "LEADER_ELECTION", help_heading = CLUSTER)]
    leader_election: bool,
    /// Name of the Lease in the operator's namespace
    #[arg(
        long,
        env = "LEASE_NAME",
        default_value = "entra-access-operator",
        value_name = "NAME",
        help_heading = CLUSTER
    )]
    lease_name: String,
    /// Name of the ValidatingAdmissionPolicy that keeps others from writing status; EntraTenants tell where it is absent
    #[arg(
        long,
        env = "ADMISSION_POLICY",
        default_value = "entra-access-operator",
        value_name = "NAME",
        help_heading = CLUSTER
    )]
    admission_policy: String,
    /// Microsoft Graph instead of the cloud's own, such as https://graph.example/v1.0
    #[arg(long, env = "GRAPH_URL", value_name = "URL", help_heading = GRAPH)]
    graph_url: Option<Url>,
    /// Token authority instead of the cloud's own
    #[arg(long, env = "AZURE_AUTHORITY_HOST", value_name = "URL", help_heading = GRAPH)]
    authority_host: Option<Url>,
    /// How long, in seconds, a write may take to show in Graph's lists
    #[arg(long, env = "VISIBILITY_SECONDS", default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = GRAPH)]
    visibility_seconds: u64,
    /// Address of /healthz, /readyz and /metrics, such as 0.0.0.0:8080; absent: none is served
    #[arg(long, env = "LISTEN", value_name = "ADDRESS", help_heading = SIGNALS)]
    listen: Option<SocketAddr>,
    /// Who may read /metrics: whoever shows a token of an account that may get that path, or anyone who reaches the port
    #[arg(long, env = "METRICS_ACCESS", value_enum, default_value_t, value_name = "WHO", help_heading = SIGNALS)]
    metrics_access: MetricsAccess,
    /// What to log: error, warn, info, debug, trace, or a filter such as entra_access_operator=debug
    #[arg(
        long,
        env = "LOG_LEVEL",
        default_value = "info",
        value_name = "LEVEL",
        help_heading = SIGNALS
    )]
    log_level: String,
    /// File with the level instead; followed while the operator runs
    #[arg(long, env = "LOG_LEVEL_FILE", value_name = "FILE", help_heading = SIGNALS)]
    log_level_file: Option<PathBuf>,
    /// How to log; text on a terminal and JSON elsewhere unless given
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", help_heading = SIGNALS)]
    log_format: Option<LogFormat>,
    /// OpenTelemetry collector that takes traces by OTLP over HTTP, such as http://otel-collector:4318; absent: none are made
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", help_heading = SIGNALS)]
    otlp_endpoint: Option<Url>,
}

const CLUSTER: &str = "In the cluster";
const GRAPH: &str = "Microsoft Graph";
const SIGNALS: &str = "Signals";

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// Where the log filter or the collector's address is malformed, the cluster's address is unknown, or no CA bundle can be read.
pub async fn run(flags: Flags) -> Result<(), io::Error> {
    // One provider for everything; kube and reqwest would choose the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let telemetry = Telemetry::start(telemetry::Options {
        level: flags.log_level.clone(),
        level_file: flags.log_level_file.clone(),
        format: flags.log_format,
        otlp_endpoint: flags.otlp_endpoint.clone(),
    })?;
    let outcome = lead(flags).await;
    telemetry.end().await;
    outcome
}

async fn lead(flags: Flags) -> Result<(), io::Error> {
    let client = Client::try_default().await.map_err(|error| {
        io::Error::other(format!(
            "no way to a cluster: {error}; run inside one, or set KUBECONFIG"
        ))
    })?;
    let settings = Settings {
        namespace: flags.namespace,
        pod_name: flags.pod_name,
        admission_policy: flags.admission_policy,
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
    let machine = Machine::real();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let (health, metrics) = (Arc::new(Health::default()), Arc::new(Metrics::default()));
    if let Some(address) = flags.listen {
        let (health, metrics) = (Arc::clone(&health), Arc::clone(&metrics));
        server::serve(
            address,
            health,
            metrics,
            flags.metrics_access,
            client.clone(),
            machine.clock.clone(),
        )
        .await
        .map_err(|error| io::Error::other(format!("--listen {address}: {error}")))?;
    }
    let ending = Arc::clone(&health);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: finishing the visits under way"),
            _ = tokio::signal::ctrl_c() => tracing::info!("SIGINT: finishing the visits under way"),
        }
        ending.ending.store(true, Ordering::Relaxed);
    }
    .boxed()
    .shared();
    if !flags.leader_election {
        metrics.leads(true);
        operate(client, settings, machine, health, metrics, stop).await;
        return Ok(());
    }
    let identity = settings.pod_name.clone().unwrap_or_else(some_name);
    let mut leadership = Leadership::stand(
        client.clone(),
        machine.clock.clone(),
        &settings.namespace,
        &flags.lease_name,
        &identity,
    )
    .await?;
    // Standing by is all that a second replica is there for.
    health.ready.store(true, Ordering::Relaxed);
    tracing::info!(%identity, "standing by for the lead");
    tokio::select! {
        elected = leadership.elected() => elected?,
        () = stop.clone() => {
            leadership.release().await;
            return Ok(());
        }
    }
    tracing::info!(%identity, "leading");
    metrics.leads(true);
    let machine = machine.during(leadership.tenure());
    tokio::select! {
        () = operate(client, settings, machine, health, Arc::clone(&metrics), stop) => leadership.release().await,
        // Every visit ends with the other future, at once: what it was about to write is not sent.
        () = leadership.lost() => {
            metrics.leads(false);
            return Err(io::Error::other("the Lease is lost: another replica takes over, and this process ends"));
        }
    }
    Ok(())
}

/// A name that no other replica has.
#[expect(clippy::disallowed_methods, reason = "outside a pod, chance tells replicas apart")]
fn some_name() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// When the process has been asked to end.
type Stop = Shared<BoxFuture<'static, ()>>;

/// Runs the controllers until they are asked to stop, and a little longer for the visits under way.
async fn operate(
    client: Client,
    settings: Settings,
    machine: Machine,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stop: Stop,
) {
    let (asked, patient) = (stop.clone(), machine.clock.clone());
    let patience = async move {
        asked.await;
        patient.sleep(LONGEST_FAREWELL).await;
    };
    tokio::select! {
        () = controllers::run(client, settings, machine, health, metrics, stop) => tracing::info!("stopped"),
        () = patience => tracing::warn!("stopped with visits under way; the next start finds what they began"),
    }
}
