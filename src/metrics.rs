//! What is measured, in Prometheus' conventions. Every label comes from a closed set.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text::encode},
    metrics::{
        MetricType, counter::Counter, family::Family, gauge::ConstGauge, gauge::Gauge, histogram::Histogram, info::Info,
    },
    registry::{Registry, Unit},
};

use crate::{api::KindName, graph::Exchange};

/// Everything that is measured.
pub struct Metrics {
    registry: Registry,
    visits: Family<Visit, Counter>,
    visit_duration: Family<Kind, Histogram>,
    graph_requests: Family<GraphRequest, Counter>,
    graph_duration: Family<GraphOperation, Histogram>,
    drift_corrected: Family<Field, Counter>,
    time_to_ready: Family<Kind, Histogram>,
    left_behind: Family<Kind, Counter>,
    forgotten: Family<Kind, Counter>,
    leader: Gauge,
    standing: Arc<OnceLock<Source>>,
}

/// How the objects stand: counted when somebody asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// How many objects of a kind have Ready at `True`, `False` or `Unknown`.
    pub ready: BTreeMap<(String, &'static str), u64>,
    /// How many objects of a kind have Ready for this reason.
    pub reasons: BTreeMap<(String, String), u64>,
    /// How long ago the list was read that is the oldest of those that visits go by, one for each tenant.
    pub inventory_age: Option<Duration>,
    /// How long the token has been in use that is the oldest, one for each tenant.
    pub token_age: Option<Duration>,
    /// By kind, how long the visits are ago.
    pub waits: BTreeMap<&'static str, Waits>,
}

/// How long the objects of a kind wait to be visited. Those that wait for news alone are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waits {
    /// How long ago the object was visited whose visit is the longest ago; one that never was counts from when it was first
    /// heard of.
    pub unvisited: Duration,
    /// By how many drift intervals of its own tenant the visit is late that is the latest; 1 is two of them after its last
    /// visit.
    pub overdue: f64,
}

/// Counts; none where nobody works any more.
type Source = Box<dyn Fn() -> Option<Standing> + Send + Sync>;

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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Field {
    kind: String,
    field: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    version: &'static str,
}

/// Asks for the standing with each scrape. Before the process leads there is none to tell.
struct OnScrape(Arc<OnceLock<Source>>);

impl fmt::Debug for OnScrape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OnScrape")
    }
}

impl Collector for OnScrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(standing) = self.0.get().and_then(|source| source()) else {
            return Ok(());
        };
        let Standing {
            ready,
            reasons,
            inventory_age,
            token_age,
            waits,
        } = &standing;
        let mut objects = encoder.encode_descriptor(
            "objects",
            "Objects, by the status of their Ready condition",
            None,
            MetricType::Gauge,
        )?;
        for ((kind, ready), count) in ready {
            ConstGauge::new(*count).encode(objects.encode_family(&[("kind", kind.as_str()), ("ready", ready)])?)?;
        }
        let mut whys = encoder.encode_descriptor(
            "object_reasons",
            "Objects, by the reason of their Ready condition",
            None,
            MetricType::Gauge,
        )?;
        for ((kind, reason), count) in reasons {
            ConstGauge::new(*count)
                .encode(whys.encode_family(&[("kind", kind.as_str()), ("reason", reason.as_str())])?)?;
        }
        let mut unvisited = encoder.encode_descriptor(
            "unvisited",
            "How long ago the object was visited whose visit is the longest ago; one that waits for news alone is left out",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for (kind, Waits { unvisited: age, .. }) in waits {
            ConstGauge::new(age.as_secs_f64()).encode(unvisited.encode_family(&[("kind", *kind)])?)?;
        }
        let mut overdue = encoder.encode_descriptor(
            "overdue_intervals",
            "By how many drift intervals of its tenant the visit is late that is the latest; 1 is two of them after the last",
            None,
            MetricType::Gauge,
        )?;
        for (kind, Waits { overdue: late, .. }) in waits {
            ConstGauge::new(*late).encode(overdue.encode_family(&[("kind", *kind)])?)?;
        }
        if let Some(age) = inventory_age {
            let oldest = encoder.encode_descriptor(
                "inventory_age",
                "How long ago the tenant's catalogs were last listed; of several tenants the oldest",
                Some(&Unit::Seconds),
                MetricType::Gauge,
            )?;
            ConstGauge::new(age.as_secs_f64()).encode(oldest)?;
        }
        if let Some(age) = token_age {
            let oldest = encoder.encode_descriptor(
                "token_age",
                "How long the token for Graph has been in use; of several tenants the oldest",
                Some(&Unit::Seconds),
                MetricType::Gauge,
            )?;
            ConstGauge::new(age.as_secs_f64()).encode(oldest)?;
        }
        Ok(())
    }
}

const SECONDS: [f64; 10] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// An object of Entra takes seconds; a person who has to consent takes longer.
const SECONDS_TO_READY: [f64; 9] = [1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("entra_access_operator");
        let visits = Family::default();
        let visit_duration = Family::new_with_constructor(histogram as fn() -> Histogram);
        let graph_requests = Family::default();
        let graph_duration = Family::new_with_constructor(histogram as fn() -> Histogram);
        let drift_corrected = Family::default();
        let time_to_ready = Family::new_with_constructor(long_histogram as fn() -> Histogram);
        let left_behind = Family::default();
        let forgotten: Family<Kind, Counter> = Family::default();
        // There should never be one, and an increase shows only from a number.
        for kind in KindName::ALL {
            let kind = kind.name().to_owned();
            drop(forgotten.get_or_create(&Kind { kind }));
        }
        let leader = Gauge::default();
        let standing = Arc::new(OnceLock::new());
        let version = Version {
            version: env!("CARGO_PKG_VERSION"),
        };
        registry.register("build", "The version that runs", Info::new(version));
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
        registry.register(
            "drift_corrected",
            "Fields that were changed in Entra and put back; object: it was deleted there and made anew",
            drift_corrected.clone(),
        );
        registry.register_with_unit(
            "time_to_ready",
            "From the creation of an object to its first Ready, of objects made since this process leads",
            Unit::Seconds,
            time_to_ready.clone(),
        );
        registry.register(
            "left_behind",
            "Objects that went without the operator letting them go, while what they stood for stays in Entra",
            left_behind.clone(),
        );
        registry.register(
            "forgotten",
            "Objects whose visit was late by a drift interval though nothing kept it; there should be none",
            forgotten.clone(),
        );
        registry.register("leader", "1 while this process leads", leader.clone());
        registry.register_collector(Box::new(OnScrape(Arc::clone(&standing))));
        Self {
            registry,
            visits,
            visit_duration,
            graph_requests,
            graph_duration,
            drift_corrected,
            time_to_ready,
            left_behind,
            forgotten,
            leader,
            standing,
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

fn long_histogram() -> Histogram {
    Histogram::new(SECONDS_TO_READY)
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

    /// Graph has answered, or has not.
    pub fn graph_answered(&self, exchange: &Exchange<'_>) {
        let operation = exchange.operation;
        self.graph_requests
            .get_or_create(&GraphRequest {
                operation,
                status: exchange.status.unwrap_or_default(), // 0: no answer
            })
            .inc();
        self.graph_duration
            .get_or_create(&GraphOperation { operation })
            .observe(exchange.took.as_secs_f64());
    }

    /// A field of an object of `kind` was changed in Entra and has been put back.
    pub fn drift_corrected(&self, kind: &str, field: &str) {
        self.drift_corrected
            .get_or_create(&Field {
                kind: kind.to_owned(),
                field: field.to_owned(),
            })
            .inc();
    }

    /// An object of `kind` is Ready for the first time, this long after it was created.
    pub fn first_ready(&self, kind: &str, after: Duration) {
        self.time_to_ready
            .get_or_create(&Kind { kind: kind.to_owned() })
            .observe(after.as_secs_f64());
    }

    /// An object of `kind` went without our letting it go, and left something in Entra.
    pub fn left_behind(&self, kind: &str) {
        self.left_behind.get_or_create(&Kind { kind: kind.to_owned() }).inc();
    }

    /// An object of `kind` was not visited when it was due, and nothing kept it.
    pub fn forgotten(&self, kind: &str) {
        self.forgotten.get_or_create(&Kind { kind: kind.to_owned() }).inc();
    }

    /// Whom to ask, with each scrape, how the objects stand. The first who says so is asked.
    pub fn ask(&self, source: impl Fn() -> Option<Standing> + Send + Sync + 'static) {
        let _ = self.standing.set(Box::new(source));
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
