//! What Prometheus and Grafana get: the alerts do what they say, and ask only for what is measured.
//!
//! | file | what it proves |
//! |---|---|
//! | `alerts` | every alert, by Prometheus' own `promtool` |
//! | `chart` | the chart passes both on as they are |
//! | `dashboard` | a Prometheus that scrapes the operator accepts the alerts, and has an answer to every query of the dashboard |
//! | `names` | alerts and dashboard name metrics and labels that `/metrics` of a running operator shows |
//! | `programs` | builds Prometheus and `promtool` once, by the Go toolchain |

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod chart;
#[cfg(test)]
mod dashboard;
#[cfg(test)]
mod names;
#[cfg(test)]
mod programs;

#[cfg(test)]
#[path = "../e2e/review.rs"]
mod review;

#[cfg(test)]
#[path = "../e2e/scene/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    clippy::disallowed_methods,
    reason = "the sentences here need less of it than those of the loop; it stands outside the operator and has the machine's clock"
)]
mod scene;

#[cfg(test)]
#[path = "../e2e/support.rs"]
#[expect(dead_code, reason = "the sentences here need less of it than those of the loop")]
mod support;

#[cfg(test)]
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The folder of the chart with alerts and dashboard.
#[cfg(test)]
fn folder() -> std::path::PathBuf {
    stage::workspace::root().join("charts/entra-access-operator/files/monitoring")
}
