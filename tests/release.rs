//! `release`: the operator leaves, and nothing in Entra notices.

use std::{path::Path, process::Command, time::Duration};

use serde_json::json;
use stage::{Error, Result, Stage};

const OPERATOR: &str = env!("CARGO_BIN_EXE_entra-access-operator");
const SOON: Duration = Duration::from_secs(60);

fn release(kubeconfig: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(OPERATOR);
    let output = command
        .arg("release")
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .output();
    let output = output.map_err(|error| Error::Build(format!("{OPERATOR}: {error}")))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn released_objects_are_deleted_at_once_and_entra_stays_as_it_is() -> Result<()> {
    let mut stage = Stage::builder(OPERATOR).start()?;
    stage.apply(&stage.tenant_manifest("default"))?;
    stage.apply_object(&json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "Catalog", "metadata": {"name": "marketing"},
        "spec": {"displayName": "Marketing", "deletionPolicy": "Delete"},
    }))?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    stage.operator()?.stop();
    let (before, mark) = (stage.emulator().state(), stage.emulator().mark());
    let kubeconfig = stage.kubeconfig().to_owned();

    let announced = release(&kubeconfig, &["--dry-run"])?;
    assert!(announced.contains("would release Catalog marketing: "), "{announced}");
    assert!(announced.ends_with("2 objects, nothing was changed\n"), "{announced}");

    let released = release(&kubeconfig, &[])?;
    assert!(released.contains("stays in Entra as it is"), "{released}");
    assert!(released.ends_with("2 objects\n"), "{released}");
    stage.kubectl(&["delete", "catalog/marketing", "entratenant/default", "--timeout=20s"])?;
    assert_eq!(stage.emulator().graph_writes_since(mark).len(), 0);
    assert_eq!(stage.emulator().state()["catalogs"], before["catalogs"]);
    // With the name of a Deployment that is gone already, as with one that was never there, there is nothing to stop.
    let again = release(&kubeconfig, &["--deployment", "entra-access-operator"])?;
    let expected = "no Deployment entra-access-operator/entra-access-operator: nothing to stop\n0 objects\n";
    assert_eq!(again, expected);
    Ok(())
}
