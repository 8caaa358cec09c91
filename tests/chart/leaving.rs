//! The operator goes, and lets its objects go with it, or not.

use std::thread;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Outcome, RELEASE, SOON, samples};
use crate::kubelet;
use crate::rights::{granted, used};

/// The name of all that is made for the release's last act.
const HOOK: &str = "entra-access-operator-release";

/// Every object of ours with a finalizer.
pub(crate) fn held(cluster: &Cluster) -> Outcome<Vec<String>> {
    let mut held = Vec::new();
    for kind in [
        "EntraTenant",
        "Catalog",
        "ConnectedOrganization",
        "AccessPackage",
        "AssignmentPolicy",
    ] {
        for object in cluster.list(kind, None)? {
            if object["metadata"]["finalizers"].is_array() {
                held.push(format!("{kind} {}", object["metadata"]["name"]));
            }
        }
    }
    Ok(held)
}

#[test]
fn with_the_hook_uninstalling_stops_the_operator_and_then_lets_every_object_go_and_entra_stays() -> Outcome {
    let cluster = Cluster::start()?;
    let mut values = cluster.values();
    values["releaseOnUninstall"] = json!(true);
    cluster.install(&values)?;
    let operator = kubelet::start(&cluster, kubelet::new_pod(&cluster, &[])?)?;
    operator.report_ready(&cluster)?;
    cluster.apply_samples()?;
    let before = cluster.samples_ready()?;
    assert_eq!(held(&cluster)?.len(), 9);
    assert_eq!(
        cluster.get("clusterroles", HOOK, None)?,
        None,
        "it has no rights before its time"
    );
    let (entra, mark) = (cluster.emulator.state(), cluster.emulator.mark());

    let said = thread::scope(|scope| -> Outcome<String> {
        let uninstall = scope.spawn(|| cluster.uninstall().map_err(|error| error.to_string()));
        let pod = kubelet::new_pod(&cluster, &[&operator])?;
        let image = |pod: &Value| pod["spec"]["containers"][0]["image"].clone();
        assert_eq!(image(&pod), image(&operator.pod));
        let rights = granted(&cluster, HOOK)?;
        let mut job = kubelet::start(&cluster, pod)?;

        // The operator has been told to end, and still runs: whatever is let go now, it takes again.
        let name = operator.pod["metadata"]["name"].as_str().unwrap_or_default();
        cluster.wait_object("pods", name, Some(RELEASE), "to be deleted", SOON, |pod| {
            !pod["metadata"]["deletionTimestamp"].is_null()
        })?;
        let token = "while-it-ends";
        let annotation = "access.entra-operator.io/reconcile-requested-at";
        cluster.annotate("Catalog", "marketing", None, annotation, Some(token))?;
        cluster.wait_object("Catalog", "marketing", None, "to be visited", SOON, |catalog| {
            catalog["status"]["lastHandledReconcileAt"] == token
        })?;
        assert_eq!(held(&cluster)?.len(), 9);
        assert!(job.process.ended().is_none(), "{}", job.process.log());

        operator.end_with_its_pod(&cluster)?;
        let said = job.report_end(&cluster)?;
        uninstall.join().map_err(|_| "the thread of helm uninstall ended")??;
        assert_eq!((rights, Vec::<String>::new()), used(&cluster, HOOK));
        Ok(said)
    })?;

    assert!(
        said.starts_with("stopped Deployment entra-access-operator/entra-access-operator\n"),
        "{said}"
    );
    assert!(
        said.contains("released AccessPackage marketing/marketing-campaign: "),
        "{said}"
    );
    assert!(said.ends_with("9 objects\n"), "{said}");
    assert_eq!(held(&cluster)?, Vec::<String>::new());
    assert_eq!(
        cluster.samples_ready()?,
        before,
        "the objects are there, with their status"
    );
    assert_eq!(cluster.emulator.graph_writes_since(mark), Vec::<Value>::new());
    assert_eq!(cluster.emulator.state(), entra);

    // Nothing of the hook is left.
    for (kind, namespace) in [
        ("clusterroles", None),
        ("clusterrolebindings", None),
        ("roles", Some(RELEASE)),
        ("rolebindings", Some(RELEASE)),
        ("serviceaccounts", Some(RELEASE)),
        ("jobs", Some(RELEASE)),
    ] {
        let mut left = cluster.list(kind, namespace)?;
        left.retain(|object| {
            let name = object["metadata"]["name"].as_str();
            name.is_some_and(|name| name.starts_with(RELEASE))
        });
        assert_eq!(left, Vec::<Value>::new(), "{kind}");
    }

    // Deleted without an operator, at once, and in the cluster only.
    cluster.kubectl(&["delete", "-f", &samples(), "--timeout=60s"])?;
    assert_eq!(cluster.emulator.graph_writes_since(mark), Vec::<Value>::new());
    Ok(())
}
