use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};
use stage::{wait_for, workspace};

use crate::{Outcome, folder, support};

const PREFIX: &str = "entra_access_operator_";
/// What Prometheus adds to a series that it scrapes.
const OF_THE_TARGET: [&str; 3] = ["job", "namespace", "pod"];

/// The metrics named in a text, each with the labels that are asked for right behind its name.
fn named(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rest in text.split(PREFIX).skip(1) {
        let end = rest
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(rest.len());
        let labels = found.entry(rest[..end].to_owned()).or_default();
        let Some(selector) = rest[end..].strip_prefix('{') else {
            continue;
        };
        let selector = &selector[..selector.find('}').unwrap_or_default()];
        // Outside of the quotes stand the names.
        for outside in selector.split('"').step_by(2) {
            let name = outside.trim_matches([',', ' ', '=', '~', '!']);
            if !name.is_empty() {
                labels.insert(name.to_owned());
            }
        }
    }
    found
}

fn scrape(url: &str) -> Outcome<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build()?;
    Ok(runtime.block_on(async { http.get(url).send().await?.error_for_status()?.text().await })?)
}

/// The value of the only line of `/metrics` that begins so.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let line = metrics
        .lines()
        .find(|line| line.starts_with(&format!("{PREFIX}{series}")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn alerts_and_dashboard_name_only_what_a_running_operator_shows() -> Outcome {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let url = format!("http://{address}/metrics");
    let stage = support::builder()
        .real_with("its metrics are read", |real| {
            real.argument(&format!("--listen={address}"))
                .argument("--metrics-access=anyone")
        })
        .start()?;
    support::furnish(&stage)?;
    // Somebody rewords the package in Entra: the operator puts it back, and counts it.
    let id = support::entra_id(&support::now(&stage, &support::package())?);
    stage
        .emulator()
        .patch_state("accessPackages", &id, &json!({"description": "Portal"}))?;
    let corrected = r#"drift_corrected_total{kind="AccessPackage",field="description"}"#;
    let metrics = wait_for("the correction to be counted", support::SOON, || {
        let metrics = scrape(&url).map_err(|error| error.to_string())?;
        match value(&metrics, corrected) {
            Some(_) => Ok(metrics),
            None => Err(metrics),
        }
    })?;
    assert_eq!(value(&metrics, corrected), Some(1.0));
    for kind in ["EntraTenant", "Catalog", "AccessPackage", "AssignmentPolicy"] {
        for (series, expected) in [
            (format!(r#"objects{{kind="{kind}",ready="True"}}"#), 1.0),
            (format!(r#"objects{{kind="{kind}",ready="False"}}"#), 0.0),
            (format!(r#"time_to_ready_seconds_count{{kind="{kind}"}}"#), 1.0),
        ] {
            assert_eq!(value(&metrics, &series), Some(expected), "{series}\n{metrics}");
        }
    }
    assert_eq!(value(&metrics, "leader"), Some(1.0));
    assert!(
        value(&metrics, "inventory_age_seconds").is_some_and(|age| age < 60.0),
        "{metrics}"
    );

    // Somebody closes the catalog: opening it again would widen access, so the alert on held drift has its cause.
    let id = support::entra_id(&support::now(&stage, &support::catalog())?);
    stage
        .emulator()
        .patch_state("catalogs", &id, &json!({"state": "unpublished"}))?;
    wait_for("the held drift to be counted", support::SOON, || {
        let metrics = scrape(&url).map_err(|error| error.to_string())?;
        match value(&metrics, r#"object_reasons{kind="Catalog",reason="DriftHeld"}"#) {
            Some(1.0) => Ok(()),
            _ => Err(metrics),
        }
    })?;

    // Comments name families, without the endings that their series have.
    let series: Vec<&str> = metrics.lines().filter(|line| !line.starts_with('#')).collect();
    let shown = named(&series.join("\n"));
    let overview = fs::read_to_string(workspace::root().join("docs/monitoring.md"))?;
    for place in ["alerts.yaml", "alerts.test.yaml", "dashboard.json"] {
        let text = fs::read_to_string(folder().join(place))?.replace("\\\"", "\"");
        let asked = named(&text);
        assert!(!asked.is_empty(), "{place}");
        for (metric, labels) in asked {
            let known = shown
                .get(&metric)
                .ok_or_else(|| format!("{place}: {PREFIX}{metric} is not shown"))?;
            for label in labels.iter().filter(|label| !OF_THE_TARGET.contains(&label.as_str())) {
                assert!(known.contains(label), "{place}: {PREFIX}{metric} has no label {label}");
            }
        }
    }
    // Of the parts of a histogram, one row tells.
    for metric in shown.keys() {
        let row = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|part| metric.strip_suffix(part))
            .unwrap_or(metric);
        assert!(
            overview.contains(&format!("`{PREFIX}{row}`")),
            "docs/monitoring.md does not name {PREFIX}{metric}"
        );
    }
    Ok(())
}

#[test]
fn the_dashboard_has_its_five_rows_and_every_panel_says_what_it_shows() -> Outcome {
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(folder().join("dashboard.json"))?)?;
    let (rows, panels): (Vec<&Value>, Vec<&Value>) = dashboard["panels"]
        .as_array()
        .into_iter()
        .flatten()
        .partition(|panel| panel["type"] == "row");
    let titles: Vec<&str> = rows.iter().filter_map(|row| row["title"].as_str()).collect();
    assert_eq!(titles, ["Health", "Work", "Microsoft Graph", "Drift", "Objects"]);
    let mut ids = BTreeSet::new();
    for panel in &panels {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].to_string()), "{title}: its id is taken");
        assert!(
            panel["description"].as_str().is_some_and(|words| words.ends_with('.')),
            "{title}"
        );
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            assert!(
                target["expr"].as_str().is_some_and(|expr| expr.contains("$namespace")),
                "{title}"
            );
        }
    }
    assert!(panels.len() >= 10);
    Ok(())
}
