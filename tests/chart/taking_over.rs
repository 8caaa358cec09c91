//! Helm takes over what `kubectl` applied.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use stage::{Supervised, workspace};

use crate::cluster::{Cluster, Outcome, RELEASE, other_chart, samples};
use crate::reader::{Desk, Page};

/// The spec of an object of the samples.
fn spec(sample: &str) -> Outcome<Value> {
    let file = workspace::root().join("docs/samples").join(sample);
    let mut object: Value = serde_saphyr::from_str(&fs::read_to_string(file)?)?;
    Ok(object["spec"].take())
}

#[test]
fn helm_takes_over_what_kubectl_applied_and_every_object_stays_what_it_is_here_and_in_entra() -> Outcome {
    let cluster = Cluster::start()?;
    // Some time ago, with an operator on somebody's machine.
    let older = other_chart(cluster.folder(), "0.0.9", "accesspackages", "hidden")?;
    let definitions = older.join("files/crds").display().to_string();
    cluster.kubectl(&["apply", "--server-side", "-f", &definitions])?;
    cluster.kubectl(&[
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "-f",
        &definitions,
    ])?;
    let environment = [
        ("KUBECONFIG", cluster.kubeconfig().display().to_string()),
        ("GRAPH_URL", cluster.emulator.graph_url().to_owned()),
        ("AZURE_AUTHORITY_HOST", cluster.emulator.authority().to_owned()),
        ("SSL_CERT_FILE", cluster.emulator.ca_file().display().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let mut on_a_machine = Supervised::start(
        Path::new(env!("CARGO_BIN_EXE_entra-access-operator")),
        ["run"],
        &environment,
        &cluster.folder().join("on-a-machine.log"),
    )?;
    cluster.apply_samples()?;
    let before = cluster.samples_ready()?;
    on_a_machine.stop(Duration::from_secs(30));
    let (entra, mark) = (cluster.emulator.state(), cluster.emulator.mark());

    // As the page says; the values name the tenant and the catalog that are there.
    let desk = Desk::new(&cluster)?;
    let mut values = cluster.values();
    values["tenant"] = json!({"name": "default", "spec": spec("1-tenant.yaml")?});
    values["catalogs"] = json!([{"name": "marketing", "spec": spec("2-catalog.yaml")?}]);
    desk.write("my-values.yaml", &values.to_string())?;
    let page = Page {
        place: "docs/install.md",
        from: "## Taking over what kubectl applied",
        until: "## Variations",
    };
    let mut commands: String = page.blocks()?.into_iter().map(|block| block.text).collect();
    for object in [
        "entratenant/default",
        "catalog/marketing",
        "-n marketing accesspackage/marketing-campaign",
        "-n marketing assignmentpolicy/marketing-campaign",
    ] {
        commands.push_str(&format!(
            "kubectl annotate {object} access.entra-operator.io/reconcile-requested-at=taken-over\n\
             kubectl wait {object} --for=jsonpath='{{.status.lastHandledReconcileAt}}'=taken-over --timeout=60s\n"
        ));
    }
    desk.follow(&cluster, &commands)?;

    assert_eq!(cluster.samples_ready()?, before);
    assert_eq!(cluster.emulator.graph_writes_since(mark), Vec::<Value>::new());
    assert_eq!(cluster.emulator.state(), entra);
    let mut owned = cluster.list("customresourcedefinitions", None)?;
    owned.extend(cluster.list("entratenants", None)?);
    // The chart's values have the one; the partner's stays with whoever applied it.
    let catalogs = cluster.list("catalogs", None)?.into_iter();
    owned.extend(catalogs.filter(|catalog| catalog["metadata"]["name"] == "marketing"));
    assert_eq!(owned.len(), 7, "nothing is there twice");
    for object in owned {
        assert_eq!(
            object["metadata"]["annotations"]["meta.helm.sh/release-name"], RELEASE,
            "{object:#}"
        );
    }
    let patch = json!({"spec": {"hidden": false}});
    let package = cluster.patch("AccessPackage", "marketing-campaign", Some("marketing"), &patch)?;
    assert_eq!(package["spec"]["hidden"], false, "the definitions are the chart's");

    // kubectl is an owner still.
    let next = other_chart(cluster.folder(), "9.9.9", "catalogs", "externallyVisible")?;
    values["replicas"] = json!(0);
    let refused = cluster
        .upgrade_chart(&next, &values, &[])
        .err()
        .map(|error| error.to_string());
    assert!(
        refused.as_deref().is_some_and(|words| words.contains("conflict")),
        "{refused:?}"
    );
    cluster.upgrade_chart(&next, &values, &["--force-conflicts"])?;
    assert_eq!(cluster.samples_ready()?, before);
    cluster.upgrade(&values)?;

    // Who uninstalls it has lost nothing.
    cluster.uninstall()?;
    assert_eq!(cluster.samples_ready()?, before);
    cluster.kubectl(&["get", "-f", &samples()])?;
    Ok(())
}
