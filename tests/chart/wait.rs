//! A team's own chart: `helm --wait` knows nothing of our kinds, and yet ends when their objects are done.

use std::fs;

use serde_json::json;
use stage::is_ready;

use crate::cluster::{Cluster, Outcome, samples};
use crate::kubelet;

#[test]
fn helm_waits_until_a_teams_package_and_policy_are_ready_and_fails_where_they_are_not() -> Outcome {
    let cluster = Cluster::start()?;
    cluster.install(&cluster.values())?;
    let container = kubelet::start(&cluster, kubelet::new_pod(&cluster, &[])?)?;
    let team = cluster.folder().join("team");
    let templates = team.join("templates");
    fs::create_dir_all(&templates)?;
    fs::write(team.join("Chart.yaml"), "{apiVersion: v2, name: team, version: 0.1.0}")?;
    let read = |name: &str| fs::read_to_string(format!("{}/{name}", samples()));
    for name in ["0-namespace.yaml", "1-tenant.yaml", "2-catalog.yaml"] {
        cluster.apply(&read(name)?)?;
    }
    let (package, policy) = (
        read("3-marketing-campaign.yaml")?,
        read("4-marketing-campaign-policy.yaml")?,
    );
    fs::write(templates.join("package.yaml"), &package)?;
    fs::write(templates.join("policy.yaml"), &policy)?;
    let chart = team.display().to_string();
    let helm = |verb: &str, timeout: &str| {
        cluster.helm(&[
            verb,
            "team",
            &chart,
            "--namespace",
            "marketing",
            "--wait",
            "--timeout",
            timeout,
        ])
    };
    let generation_that_is_ready = |kind: &str| -> Outcome<i64> {
        let object = cluster
            .get(kind, "marketing-campaign", Some("marketing"))?
            .unwrap_or_default();
        assert!(is_ready(&object), "{object:#}");
        Ok(object["metadata"]["generation"].as_i64().unwrap_or_default())
    };

    // So slow that nothing is ready which was not waited for.
    cluster.emulator.set_quirks(&json!({"latency": 300}))?;
    helm("install", "60s")?;
    for kind in ["AccessPackage", "AssignmentPolicy"] {
        assert_eq!(generation_that_is_ready(kind)?, 1, "{kind}");
    }
    fs::write(
        templates.join("package.yaml"),
        package.replace("Access package for", "Everything for"),
    )?;
    helm("upgrade", "60s")?;
    assert_eq!(generation_that_is_ready("AccessPackage")?, 2);

    fs::write(
        templates.join("policy.yaml"),
        policy.replace("bob@contoso.com", "erin@contoso.com"),
    )?;
    let refused = helm("upgrade", "5s").err().ok_or("nobody is called erin")?.to_string();
    assert!(
        refused.contains("AssignmentPolicy/marketing/marketing-campaign"),
        "{refused}"
    );
    container.stop();
    Ok(())
}
