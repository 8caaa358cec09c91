//! The chart's admission policy, in force in both.

use std::{path::Path, process::Command, time::Duration};

use serde_json::{Value, json};
use stage::{Program as Binary, binaries, wait_for, workspace};

use crate::{
    program::{GROUP, delete, get, merge, post, put},
    servers::servers,
};

const NAMESPACE: &str = "entra-access-operator";
const FINALIZER: &str = "access.entra-operator.io/finalizer";
const EXTERNAL_ID: &str = "access.entra-operator.io/external-id";

/// As Helm renders it.
fn rendered(folder: &Path) -> String {
    let programs = binaries::ensure(&[Binary::Helm]).unwrap();
    let output = Command::new(programs.path(Binary::Helm).unwrap())
        .args(["template", "entra-access-operator"])
        .arg(workspace::root().join("charts/entra-access-operator"))
        .args(["--namespace", NAMESPACE, "--kube-version", "1.33.0"])
        .args(["--set", "image.repository=registry.example/operator"])
        .args(["--show-only", "templates/admissionpolicy.yaml"])
        .env("HOME", folder.join("helm"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn policy(end: &str) -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AssignmentPolicy", "metadata": {"name": "v"},
        "spec": {
            "accessPackageRef": {"name": "marketing-campaign"}, "displayName": "Marketing Campaign Policy",
            "requestors": {"scope": "AllMemberUsers"}, "approval": {"notRequired": {}},
            "expiration": {"afterDateTime": end},
        },
    })
}

fn catalog(metadata: Value) -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "Catalog", "metadata": metadata,
        "spec": {"displayName": "Marketing"},
    })
}

#[test]
fn the_charts_policy_denies_alike() {
    let mut servers = servers();
    let manifest = rendered(servers.real().folder());
    servers.real().apply(&manifest).unwrap();
    servers.ours().enforce_admission(NAMESPACE).unwrap();
    let catalogs = format!("{GROUP}/catalogs");
    let claimed = catalog(json!({"name": "v", "annotations": {EXTERNAL_ID: "probe"}}));
    wait_for("the policy to be in force", Duration::from_secs(30), || {
        match servers.real().request(
            "POST",
            &format!("{catalogs}?dryRun=All"),
            "application/json",
            Some(&claimed),
        ) {
            Err(error) if error.to_string().contains("only the operator sets it") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .unwrap();

    let path = format!("{catalogs}/v");
    let policies = format!("{GROUP}/namespaces/default/assignmentpolicies");
    let finalizers = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    let end = |end: &str| json!({"spec": {"expiration": {"afterDateTime": end}}});
    let mut replaced = catalog(json!({"name": "v", "resourceVersion": "$RV"}));
    replaced["status"] = json!({"observedGeneration": 1});
    let program = vec![
        post(&catalogs, claimed),
        post(&catalogs, catalog(json!({"name": "v", "finalizers": [FINALIZER]}))),
        merge(&path, json!({"metadata": {"annotations": {EXTERNAL_ID: "x"}}})),
        merge(&path, json!({"metadata": {"annotations": {"others": "x"}}})),
        merge(&format!("{path}/status"), json!({"status": {"observedGeneration": 1}})),
        merge(
            &format!("{path}/status"),
            json!({"status": {"observedGeneration": "1"}}),
        ),
        put(&format!("{path}/status"), replaced.clone()),
        put(&path, replaced),
        merge(&path, finalizers(json!([]))),
        merge(&path, finalizers(json!([FINALIZER, "a.b/c"]))),
        merge(&path, finalizers(json!(["a.b/c"]))),
        merge(&path, finalizers(json!([FINALIZER]))),
        delete(&path),
        merge(&path, finalizers(json!([]))),
        merge(
            &format!("{path}?fieldManager=entra-access-operator-release"),
            finalizers(json!([])),
        ),
        get(&path),
        post(&policies, policy("2020-01-01T00:00:00Z")),
        post(&policies, policy("2120-01-01T00:00:00Z")),
        merge(&format!("{policies}/v"), end("2020-01-01T00:00:00Z")),
        merge(&format!("{policies}/v"), end("2121-01-01T00:00:00+02:00")),
        delete(&format!("{policies}/v")),
    ];
    let differences = servers.differences(&program);

    // The other tests are without it.
    for kind in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
        servers.real().delete(kind, NAMESPACE, None).unwrap();
        servers.ours().delete(kind, NAMESPACE, None).unwrap();
    }
    wait_for("the policy to be out of force", Duration::from_secs(30), || {
        let probe = catalog(json!({"name": "v", "annotations": {EXTERNAL_ID: "probe"}}));
        let path = format!("{catalogs}?dryRun=All");
        servers
            .real()
            .request("POST", &path, "application/json", Some(&probe))
            .map(drop)
            .map_err(|error| error.to_string())
    })
    .unwrap();
    assert!(
        differences.is_empty(),
        "{} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
