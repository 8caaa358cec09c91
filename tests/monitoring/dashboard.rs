use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use serde_json::{Value, json};
use stage::{OPERATOR_NAMESPACE, Stage, Supervised, wait_for};

use crate::{Outcome, folder, programs::program, support};

/// One query of a panel, as Grafana sends it to Prometheus.
#[derive(Debug)]
struct Query {
    panel: String,
    text: String,
    /// The labels that the legend speaks of.
    legend: Vec<String>,
}

fn queries() -> Outcome<Vec<Query>> {
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(folder().join("dashboard.json"))?)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = dashboard["templating"]["list"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|variable| variable["name"] == "namespace")
        .map(|variable| text(&variable["allValue"]))
        .ok_or("the dashboard has no variable for the namespace")?;
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().into_iter().flatten() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = text(&target["expr"])
                .replace("$namespace", &all)
                // Four scrapes, at the interval of this Prometheus.
                .replace("$__rate_interval", "4s");
            assert!(
                !expression.contains('$'),
                "a variable that is not known here: {expression}"
            );
            let legend = text(&target["legendFormat"]);
            found.push(Query {
                panel: text(&panel["title"]),
                text: expression,
                legend: legend
                    .split("{{")
                    .skip(1)
                    .filter_map(|part| Some(part.split_once("}}")?.0.trim().to_owned()))
                    .collect(),
            });
        }
    }
    assert!(found.len() >= 15, "{found:#?}");
    Ok(found)
}

#[test]
fn every_query_of_the_dashboard_is_promql() -> Outcome {
    let Some(promtool) = program("promtool")? else {
        return Ok(());
    };
    for query in queries()? {
        let output = Command::new(&promtool)
            .args(["--experimental", "promql", "format", &query.text])
            .output()?;
        assert!(
            output.status.success(),
            "{}: {}\n{}",
            query.panel,
            query.text,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// A Prometheus that scrapes the operator every second and evaluates the alerts.
struct Prometheus {
    process: Supervised,
    address: String,
}

impl Prometheus {
    fn start(stage: &Stage, operator: &str) -> Outcome<Option<Self>> {
        let Some(binary) = program("prometheus")? else {
            return Ok(None);
        };
        let place = stage.folder().join("prometheus");
        fs::create_dir_all(&place)?;
        let config = json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [folder().join("alerts.yaml")],
            "scrape_configs": [{
                "job_name": "entra-access-operator",
                // As the chart's ServiceMonitor has it.
                "scheme": "https",
                "tls_config": {"insecure_skip_verify": true},
                "authorization": {"credentials": stage.admin().token()},
                // As a ServiceMonitor labels them.
                "static_configs": [{"targets": [operator], "labels": {"namespace": OPERATOR_NAMESPACE, "pod": "operator"}}],
            }],
        });
        // JSON is YAML.
        fs::write(place.join("prometheus.yml"), config.to_string())?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
        let process = Supervised::start(
            &binary,
            [
                format!("--config.file={}", place.join("prometheus.yml").display()),
                format!("--storage.tsdb.path={}", place.join("data").display()),
                format!("--web.listen-address={address}"),
            ],
            &[],
            &stage.folder().join("prometheus.log"),
        )?;
        Ok(Some(Self { process, address }))
    }

    /// What this path of its API answers.
    fn get(&mut self, path: &str, parameters: &[(&str, &str)]) -> Outcome<Value> {
        self.process.must_run()?;
        let url = url::Url::parse_with_params(&format!("http://{}/api/v1/{path}", self.address), parameters)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build()?;
        let mut answer: Value = runtime.block_on(async { http.get(url).send().await?.json().await })?;
        if answer["status"] != "success" {
            return Err(format!("{path} {parameters:?}: {answer}").into());
        }
        Ok(answer["data"].take())
    }

    /// The series that a query has now, with the values that are numbers.
    fn ask(&mut self, query: &str) -> Outcome<Vec<Value>> {
        let mut data = self.get("query", &[("query", query)])?;
        let Value::Array(series) = data["result"].take() else {
            return Err(format!("{query}: {data}").into());
        };
        let is_number = |series: &Value| {
            let value = series["value"][1].as_str().and_then(|value| value.parse::<f64>().ok());
            value.is_some_and(f64::is_finite)
        };
        Ok(series.into_iter().filter(is_number).collect())
    }
}

#[test]
fn a_prometheus_that_scrapes_the_operator_answers_every_query_of_the_dashboard() -> Outcome {
    let operator = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
    let stage = support::builder()
        .real_with("Prometheus scrapes it", |real| {
            real.argument(&format!("--listen={operator}"))
        })
        .start()?;
    let Some(mut prometheus) = Prometheus::start(stage.real()?, &operator)? else {
        return Ok(());
    };
    support::furnish(&stage)?;
    let id = support::entra_id(&support::now(&stage, &support::package())?);
    stage
        .emulator()
        .patch_state("accessPackages", &id, &json!({"description": "Portal"}))?;
    wait_for("the first objects to be seen by Prometheus", support::SOON, || {
        let query = r#"entra_access_operator_time_to_ready_seconds_count{kind="AssignmentPolicy"} > 0"#;
        match prometheus.ask(query) {
            Ok(series) if !series.is_empty() => Ok(()),
            Ok(_) => Err("none".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    })?;
    // More of it: a rate is of what comes after the first look. And a drift that waits for a person.
    support::apply_ready(&stage, &support::renamed(support::package(), "second", "Second Access"))?;
    let id = support::entra_id(&support::now(&stage, &support::catalog())?);
    stage
        .emulator()
        .patch_state("catalogs", &id, &json!({"state": "unpublished"}))?;

    let mut open = queries()?;
    let count = open.len();
    wait_for("an answer to every query", support::SOON, || {
        let mut waiting = Vec::new();
        for query in open.drain(..) {
            match prometheus.ask(&query.text) {
                Err(error) => return Ok(Err(format!("{}: {error}", query.panel))),
                Ok(series) if series.is_empty() => waiting.push(query),
                Ok(series) => {
                    for label in &query.legend {
                        if let Some(series) = series.iter().find(|series| !series["metric"][label].is_string()) {
                            return Ok(Err(format!("{}: the legend names {label}: {series}", query.panel)));
                        }
                    }
                }
            }
        }
        open = waiting;
        if open.is_empty() {
            Ok(Ok(()))
        } else {
            Err(format!("{open:#?}"))
        }
    })??;

    let targets = prometheus.get("targets", &[])?;
    let target = &targets["activeTargets"][0];
    assert_eq!(
        (&target["health"], &target["lastError"]),
        (&json!("up"), &json!("")),
        "{target:#}"
    );
    let namespaces = prometheus.get(
        "label/namespace/values",
        &[("match[]", "entra_access_operator_build_info")],
    )?;
    assert_eq!(namespaces, json!([OPERATOR_NAMESPACE]));
    // The one whose cause is there, and none that fails.
    let rules = wait_for("the alert on held drift to be pending", support::SOON, || {
        let rules = prometheus.get("rules", &[]).map_err(|error| json!(error.to_string()))?;
        let alerts = rules["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
        let is_pending = |alert: &Value| alert["name"] == "EntraDriftHeld" && alert["state"] == "pending";
        let is_evaluated = |alert: &Value| alert["health"] != "unknown";
        if alerts.iter().any(is_pending) && alerts.iter().all(is_evaluated) {
            Ok(alerts)
        } else {
            Err(rules)
        }
    })?;
    for alert in &rules {
        assert_eq!(alert["health"], "ok", "{alert:#}");
    }
    writeln!(
        io::stderr(),
        "{count} queries answered, {} alerts evaluated",
        rules.len()
    )?;
    Ok(())
}
