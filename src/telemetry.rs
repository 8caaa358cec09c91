//! The log and the traces of the process.

use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};
use url::Url;

/// How often the file with the level is read. A ConfigMap takes up to a minute to arrive in any case.
const LOOK: Duration = Duration::from_secs(2);
/// How long the last traces may take to leave at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// How to log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is told, and to whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// Level or filter.
    pub level: String,
    /// File that holds the level instead, followed while the process runs.
    pub level_file: Option<PathBuf>,
    /// Absent: text on a terminal, JSON elsewhere.
    pub format: Option<LogFormat>,
    /// Collector for traces; absent: none are made.
    pub otlp_endpoint: Option<Url>,
}

/// The running log and traces.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts both, for the whole process.
    ///
    /// # Errors
    /// Where the filter is malformed, or the collector's address cannot be used.
    pub fn start(options: Options) -> Result<Self, io::Error> {
        let Options {
            level,
            level_file,
            format,
            otlp_endpoint,
        } = options;
        let initial = level_file.as_deref().and_then(read).unwrap_or(level);
        let (filter, handle) = reload::Layer::new(filter(&initial)?);
        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        let json = match format {
            Some(format) => matches!(format, LogFormat::Json),
            None => !io::stderr().is_terminal(),
        };
        let lines = if json {
            // Flat, so that a log store finds `object` and `reason` where it looks for fields.
            lines.json().flatten_event(true).with_span_list(false).boxed()
        } else {
            lines.with_target(false).boxed()
        };
        let traces = otlp_endpoint.as_ref().map(exporter).transpose()?;
        let spans = traces.as_ref().map(|traces| {
            let ours = Targets::new().with_target("entra_access_operator", LevelFilter::DEBUG);
            tracing_opentelemetry::layer()
                .with_tracer(traces.tracer("entra-access-operator"))
                .with_location(false)
                .with_threads(false)
                .with_filter(ours)
        });
        tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .with(spans)
            .init();
        if let Some(file) = level_file {
            follow_beside(file, initial, handle);
        }
        Ok(Self { traces })
    }

    /// Sends the traces that have not left yet.
    pub async fn end(self) {
        let Some(traces) = self.traces else { return };
        let flushed = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FAREWELL));
        if let Ok(Err(error)) = flushed.await {
            tracing::warn!(%error, "the last traces were not taken");
        }
    }
}

/// Lower layers log request lines, answers among them; they are of no use here and none of our business. The spans of kube's
/// runtime would repeat in each line what our own fields say.
fn filter(level: &str) -> Result<EnvFilter, io::Error> {
    const QUIET: &str = "azure_core=warn,azure_identity=warn,typespec_client_core=warn,hyper=warn,hyper_util=warn,\
                         reqwest=warn,rustls=warn,h2=warn,tower=warn,kube_runtime=warn,opentelemetry=warn,\
                         opentelemetry_sdk=warn,opentelemetry_otlp=warn,opentelemetry_http=warn";
    // What was written in Entra is told at any level; a filter that names the target says otherwise.
    const AUDIT: &str = "entra_access_operator::audit=info";
    EnvFilter::try_new(format!("{QUIET},{AUDIT},{level}")).map_err(|error| {
        io::Error::other(format!(
            "log level {level:?}: {error}; use error, warn, info, debug, trace, or a filter such as entra_access_operator=debug"
        ))
    })
}

fn read(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    Some(text.trim().to_owned()).filter(|level| !level.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "it follows for as long as the process lives, whatever else ends"
)]
fn follow_beside(file: PathBuf, initial: String, handle: reload::Handle<EnvFilter, Registry>) {
    tokio::spawn(follow(file, initial, handle));
}

/// Takes the level of the file whenever it changes. What cannot be used is told, and the level stays.
async fn follow(file: PathBuf, mut last: String, handle: reload::Handle<EnvFilter, Registry>) {
    let mut pace = tokio::time::interval(LOOK);
    loop {
        pace.tick().await;
        let Some(level) = read(&file).filter(|level| *level != last) else {
            continue;
        };
        match filter(&level).map(|filter| handle.reload(filter)) {
            Ok(Ok(())) => tracing::info!(%level, "log level changed"),
            Ok(Err(error)) => tracing::warn!(%error, "log level not changed"),
            Err(error) => tracing::warn!(file = %file.display(), %error, "log level not changed"),
        }
        last = level;
    }
}

fn exporter(endpoint: &Url) -> Result<SdkTracerProvider, io::Error> {
    let unusable = |error: &dyn std::fmt::Display| io::Error::other(format!("--otlp-endpoint {endpoint}: {error}"));
    if !matches!(endpoint.scheme(), "http" | "https") {
        return Err(unusable(&"the address must begin with http:// or https://"));
    }
    let traces = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(traces)
        .build()
        .map_err(|error| unusable(&error))?;
    // More attributes come from OTEL_RESOURCE_ATTRIBUTES.
    let resource = Resource::builder()
        .with_service_name("entra-access-operator")
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_level_is_refused_with_what_may_be_written() {
        let refused = filter("loud=very").map(drop).unwrap_err().to_string();
        assert!(
            refused.contains("loud=very") && refused.contains("use error, warn"),
            "{refused}"
        );
        assert!(filter("info,entra_access_operator=debug").is_ok());
    }

    #[test]
    fn a_collector_is_reached_by_http() {
        let refused = exporter(&Url::parse("ftp://collector").unwrap()).map(drop).unwrap_err();
        assert!(
            refused.to_string().contains("--otlp-endpoint ftp://collector"),
            "{refused}"
        );
    }
}
