use std::fs;
use std::process::Command;

use serde_json::Value;
use stage::{Program, binaries, workspace};

use crate::{Outcome, folder};

/// What the chart makes of these switches, of this kind.
fn rendered(kind: &str, switches: &[&str]) -> Outcome<Vec<Value>> {
    let programs = binaries::ensure(&[Program::Helm])?;
    let output = Command::new(programs.path(Program::Helm)?)
        .args([
            "template",
            "entra",
            "charts/entra-access-operator",
            "--kube-version",
            "1.33.0",
        ])
        .args(["--set", "image.repository=registry.example/operator"])
        .args(switches.iter().flat_map(|switch| ["--set", *switch]))
        .current_dir(workspace::root())
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut objects = Vec::new();
    for document in String::from_utf8(output.stdout)?.split("\n---\n") {
        let object: Value = serde_saphyr::from_str(document)?;
        if object["kind"] == kind {
            objects.push(object);
        }
    }
    Ok(objects)
}

/// The ConfigMaps that the sidecar of Grafana's chart takes for dashboards.
fn dashboards(switches: &[&str]) -> Outcome<Vec<Value>> {
    let mut maps = rendered("ConfigMap", switches)?;
    maps.retain(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1");
    Ok(maps)
}

#[test]
fn the_chart_passes_alerts_and_dashboard_on_as_they_are_and_only_where_they_are_wanted() -> Outcome {
    let on = [
        "monitoring.rules.enabled=true",
        "monitoring.rules.labels.release=prometheus",
    ];
    let rules = rendered("PrometheusRule", &on)?;
    let alerts: Value = serde_saphyr::from_str(&fs::read_to_string(folder().join("alerts.yaml"))?)?;
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["spec"], alerts);
    assert_eq!(rules[0]["metadata"]["labels"]["release"], "prometheus");

    let dashboards = dashboards(&["monitoring.dashboard.enabled=true"])?;
    assert_eq!(dashboards.len(), 1);
    let text = dashboards[0]["data"]["entra-access-operator.json"]
        .as_str()
        .unwrap_or_default();
    assert_eq!(
        text.trim_end(),
        fs::read_to_string(folder().join("dashboard.json"))?.trim_end()
    );

    assert!(rendered("PrometheusRule", &[])?.is_empty());
    assert!(self::dashboards(&[])?.is_empty());
    Ok(())
}
