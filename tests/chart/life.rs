//! Install, run, upgrade, uninstall.

use std::fs;
use std::thread;

use serde_json::{Value, json};
use stage::{wait_for, world};

use crate::cluster::{Cluster, Outcome, RELEASE, SOON, chart, other_chart, samples};
use crate::kubelet::{self, Container};

#[test]
fn a_restricted_namespace_takes_the_pod_and_the_pod_makes_the_samples_ready() -> Outcome {
    let cluster = Cluster::start()?;
    let careless = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "careless", "namespace": RELEASE},
        "spec": {"containers": [{"name": "careless", "image": "registry.example/careless"}]},
    });
    let refused = cluster.create(&careless);
    assert!(refused.is_err_and(|error| error.to_string().contains("violates PodSecurity")));

    // As the documents say, with a tenant, and waiting until all of it is ready.
    let mut values = cluster.values();
    values["metrics"]["readers"] = json!([{"name": "prometheus", "namespace": RELEASE}]);
    values["tenant"] = json!({"name": "default", "spec": {
        "tenantId": world::TENANT_ID,
        "credentials": {"clientSecret": {"clientId": world::CLIENT_ID, "secretRef": {"name": "entra-credentials"}}},
    }});
    let container = thread::scope(|scope| -> Outcome<Container> {
        let install = scope.spawn(|| cluster.install_and_wait(&values));
        let pod = kubelet::new_pod(&cluster, &[])?;
        assert_eq!(pod["status"]["phase"], "Pending", "there is no kubelet");
        let mut container = kubelet::start(&cluster, pod)?;
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            container.probe(probe)?;
        }
        container.report_ready(&cluster)?;
        let notes = install.join().map_err(|_| "the thread of helm install ended")??;
        assert!(notes.contains("kubectl wait entratenant/default"), "{notes}");
        Ok(container)
    })?;
    let tenant = cluster.wait_ready("EntraTenant", "default", None, SOON)?;
    let healthy = stage::condition_in(&tenant, "Healthy").cloned().unwrap_or_default();
    assert_eq!(
        healthy["status"], "True",
        "the admission policy of the chart is in force: {healthy}"
    );

    cluster.apply_samples()?;
    cluster.samples_ready()?;
    // Who may read the metrics: neither strangers, nor an account without the right, nor an invented token.
    for name in ["prometheus", "curious"] {
        cluster.create(
            &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": RELEASE}}),
        )?;
    }
    let token = |name: &str| cluster.service_account_token(RELEASE, name, None);
    let (status, metrics) = container.metrics(Some(&token("prometheus")?))?;
    assert!(status == 200 && metrics.ends_with("# EOF\n"), "{status}: {metrics}");
    for (shown, expected) in [
        (None, 401),
        (Some("invented".to_owned()), 401),
        (Some(token("curious")?), 403),
    ] {
        let (status, words) = container.metrics(shown.as_deref())?;
        assert_eq!(status, expected, "{words}");
        assert!(!words.contains("entra_access_operator_"), "{words}");
    }

    cluster.kubectl(&["delete", "-f", &samples(), "--timeout=60s"])?;
    assert_eq!(cluster.emulator.collection("accessPackages")?, Vec::<Value>::new());
    container.stop();
    Ok(())
}

#[test]
fn an_upgrade_from_an_older_chart_keeps_every_object_and_so_does_uninstalling_here_and_in_entra() -> Outcome {
    let cluster = Cluster::start()?;
    cluster.install_chart(
        &other_chart(cluster.folder(), "0.0.9", "accesspackages", "hidden")?,
        &cluster.values(),
    )?;
    let hidden = || -> Outcome<Value> {
        let patch = json!({"spec": {"hidden": false}});
        let package = cluster.patch("AccessPackage", "marketing-campaign", Some("marketing"), &patch)?;
        Ok(package["spec"]["hidden"].clone())
    };
    let first = kubelet::start(&cluster, kubelet::new_pod(&cluster, &[])?)?;
    first.report_ready(&cluster)?;
    cluster.apply_samples()?;
    let before = cluster.samples_ready()?;
    let mark = cluster.emulator.mark();
    assert_eq!(hidden()?, Value::Null, "the older definition does not know it");

    // The new pod comes first and waits for the Lease; the old one goes when the new one is ready.
    let mut values = cluster.values();
    values["podAnnotations"] = json!({"example.com/turn": "second"});
    let first_chart = first.pod["metadata"]["labels"]["helm.sh/chart"].clone();
    cluster.upgrade(&values)?;
    let mut second = kubelet::start(&cluster, kubelet::new_pod(&cluster, &[&first])?)?;
    second.probe("readinessProbe")?;
    second.report_ready(&cluster)?;
    first.end_with_its_pod(&cluster)?;

    // Whoever holds the Lease answers.
    let token = "after-the-upgrade";
    let annotation = "access.entra-operator.io/reconcile-requested-at";
    cluster.annotate(
        "AccessPackage",
        "marketing-campaign",
        Some("marketing"),
        annotation,
        Some(token),
    )?;
    cluster.wait_object(
        "AccessPackage",
        "marketing-campaign",
        Some("marketing"),
        "to answer",
        SOON,
        |object| object["status"]["lastHandledReconcileAt"] == token,
    )?;
    assert_eq!(cluster.samples_ready()?, before);
    assert_eq!(hidden()?, false, "the definitions are the new ones");
    let pod = &second.pod["metadata"]["labels"];
    assert_ne!(pod["helm.sh/chart"], first_chart, "{pod}");

    let entra = cluster.emulator.state();
    cluster.uninstall()?;
    second.end_with_its_pod(&cluster)?;
    assert_eq!(cluster.samples_ready()?, before);
    assert_eq!(cluster.list("customresourcedefinitions", None)?.len(), 5);
    for kind in ["deployments", "serviceaccounts", "roles", "services"] {
        let left = cluster.list(kind, Some(RELEASE))?;
        let ours = |object: &&Value| object["metadata"]["name"] == RELEASE;
        assert_eq!(left.iter().find(ours), None, "{kind}");
    }

    // Installed again it takes over what it left, the definitions among them.
    cluster.install(&cluster.values())?;
    let third = kubelet::start(&cluster, kubelet::new_pod(&cluster, &[])?)?;
    let token = "after-the-second-install";
    cluster.annotate(
        "AssignmentPolicy",
        "marketing-campaign",
        Some("marketing"),
        annotation,
        Some(token),
    )?;
    cluster.wait_object(
        "AssignmentPolicy",
        "marketing-campaign",
        Some("marketing"),
        "to answer",
        SOON,
        |object| object["status"]["lastHandledReconcileAt"] == token,
    )?;
    assert_eq!(cluster.samples_ready()?, before);
    assert_eq!(cluster.emulator.graph_writes_since(mark), Vec::<Value>::new());
    assert_eq!(cluster.emulator.state(), entra);
    third.stop();
    Ok(())
}

#[test]
fn of_two_replicas_the_one_that_stands_by_takes_over_when_the_other_ends() -> Outcome {
    let cluster = Cluster::start()?;
    let mut values = cluster.values();
    values["replicas"] = json!(2);
    cluster.install(&values)?;
    let mut first = kubelet::start(&cluster, kubelet::new_pod(&cluster, &[])?)?;
    first.probe("readinessProbe")?;
    let holder = |cluster: &Cluster| -> String {
        let lease = cluster
            .get("leases", RELEASE, Some(RELEASE))
            .ok()
            .flatten()
            .unwrap_or_default();
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    };
    wait_for("the first to hold the Lease", SOON, || match holder(&cluster) {
        holder if holder.is_empty() => Err(holder),
        holder => Ok(holder),
    })?;
    let leader = holder(&cluster);
    assert_eq!(first.pod["metadata"]["name"], leader, "the Lease names the pod");
    let mut second = kubelet::start(&cluster, kubelet::new_pod(&cluster, &[&first])?)?;
    second.probe("readinessProbe")?;
    cluster.apply_samples()?;
    cluster.samples_ready()?;
    assert_eq!(holder(&cluster), leader);

    first.stop();
    wait_for("the second to hold the Lease", SOON, || match holder(&cluster) {
        now if now.is_empty() || now == leader => Err(now),
        now => Ok(now),
    })?;
    let patch = json!({"spec": {"description": "Said to the second"}});
    cluster.patch("AccessPackage", "marketing-campaign", Some("marketing"), &patch)?;
    cluster.samples_ready()?;
    let packages = cluster.emulator.collection("accessPackages")?;
    let campaign = packages
        .iter()
        .find(|package| package["displayName"] == "Marketing Campaign Access");
    assert_eq!(
        campaign.map(|package| &package["description"]),
        Some(&json!("Said to the second")),
        "{packages:?}"
    );
    second.stop();
    Ok(())
}

#[test]
fn a_real_api_server_takes_all_that_the_chart_can_make() -> Outcome {
    let cluster = Cluster::start()?;
    let file = chart().join("ci/everything-values.yaml");
    let mut values: Value = serde_saphyr::from_str(&fs::read_to_string(file)?)?;
    // Their definitions belong to somebody else.
    values["metrics"]["serviceMonitor"]["enabled"] = json!(false);
    values["monitoring"]["rules"]["enabled"] = json!(false);
    cluster.install(&values)?;
    let pod = kubelet::new_pod(&cluster, &[])?;
    assert_eq!(pod["spec"]["priorityClassName"], "system-cluster-critical");
    for kind in ["networkpolicies", "poddisruptionbudgets", "services"] {
        let object = cluster.get(kind, RELEASE, Some(RELEASE))?;
        assert!(object.is_some(), "{kind}");
    }
    Ok(())
}
