//! What is measured, in Prometheus' conventions. Every label comes from a closed set.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::graph::Observer;

/// Everything that is measured.
pub struct Metrics {
    registry: Registry,
    visits: Family<Visit, Counter>,
    visit_duration: Family<Kind, Histogram>,
    graph_requests: Family<GraphRequest, Counter>,
    graph_duration: Family<GraphOperation, Histogram>,
    leader: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Visit {
    kind: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GraphRequest {
    operation: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GraphOperation {
    operation: &'static str,
}

const SECONDS: [f64; 10] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("entra_access_operator");
        let visits = Family::default();
        let visit_duration = Family::new_with_constructor(histogram as fn() -> Histogram);
        let graph_requests = Family::default();
        let graph_duration = Family::new_with_constructor(histogram as fn() -> Histogram);
        let leader = Gauge::default();
        registry.register(
            "reconciles",
            "Visits to objects, by the reason of their Ready condition",
            visits.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "How long a visit took",
            Unit::Seconds,
            visit_duration.clone(),
        );
        registry.register(
            "graph_requests",
            "Answers of Microsoft Graph; status 0 is no answer",
            graph_requests.clone(),
        );
        registry.register_with_unit(
            "graph_request_duration",
            "How long Microsoft Graph took to answer",
            Unit::Seconds,
            graph_duration.clone(),
        );
        registry.register("leader", "1 while this process leads", leader.clone());
        Self {
            registry,
            visits,
            visit_duration,
            graph_requests,
            graph_duration,
            leader,
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// A visit to an object of `kind` has ended.
    pub fn visited(&self, kind: &str, reason: &str, took: Duration) {
        self.visits
            .get_or_create(&Visit {
                kind: kind.to_owned(),
                reason: reason.to_owned(),
            })
            .inc();
        self.visit_duration
            .get_or_create(&Kind { kind: kind.to_owned() })
            .observe(took.as_secs_f64());
    }

    /// Graph has answered, or has not (`None`).
    pub fn graph_answered(&self, operation: &'static str, status: Option<u16>, took: Duration) {
        self.graph_requests
            .get_or_create(&GraphRequest {
                operation,
                status: status.unwrap_or_default(),
            })
            .inc();
        self.graph_duration
            .get_or_create(&GraphOperation { operation })
            .observe(took.as_secs_f64());
    }

    /// What a Graph handle tells its answers to.
    #[must_use]
    pub fn graph_observer(self: &Arc<Self>) -> Observer {
        let metrics = Arc::clone(self);
        Arc::new(move |operation, status, took| metrics.graph_answered(operation, status, took))
    }

    /// Whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// All of it in the OpenMetrics text format.
    ///
    /// # Errors
    /// Where a value cannot be written.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
