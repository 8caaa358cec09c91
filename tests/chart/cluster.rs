//! A cluster with nothing in it but a namespace for the operator, an emulated tenant, and Helm.

use std::error::Error;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use stage::{ControlPlane, Emulator, Program, binaries, workspace, world};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// How long anything may take that happens by itself; a real wait is much shorter.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// The release, and the namespace that it is in.
pub(crate) const RELEASE: &str = "entra-access-operator";
/// The ConfigMap with the authority of the emulator's certificate.
const AUTHORITY: &str = "emulator-ca";

/// Where the chart is.
pub(crate) fn chart() -> PathBuf {
    workspace::root().join("charts/entra-access-operator")
}

/// The chart in another version, the definition of these objects lacking a field of their spec.
pub(crate) fn other_chart(folder: &Path, version: &str, plural: &str, field: &str) -> Outcome<PathBuf> {
    let other = folder.join(format!("chart-{version}"));
    copy(&chart(), &other)?;
    let about = fs::read_to_string(other.join("Chart.yaml"))?;
    let ours = format!("\nversion: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(about.contains(&ours), "{about}");
    fs::write(
        other.join("Chart.yaml"),
        about.replace(&ours, &format!("\nversion: {version}\n")),
    )?;
    let file = other.join(format!("files/crds/{plural}.yaml"));
    let mut definition: Value = serde_saphyr::from_str(&fs::read_to_string(&file)?)?;
    let spec = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let removed = spec["properties"].as_object_mut().and_then(|known| known.remove(field));
    assert!(removed.is_some(), "{plural} have no {field}");
    fs::write(file, serde_saphyr::to_string(&definition)?)?;
    Ok(other)
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?.path();
        let target = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            copy(&entry, &target)?;
        } else {
            fs::copy(&entry, &target)?;
        }
    }
    Ok(())
}

/// Runs Helm in a folder of its own, so that nothing of its user is read or written.
pub(crate) fn helm(folder: &Path, arguments: &[&str]) -> Outcome<Output> {
    let programs = binaries::ensure(&[Program::Helm])?;
    let output = Command::new(programs.path(Program::Helm)?)
        .args(arguments)
        .env("HOME", folder)
        .env("HELM_CACHE_HOME", folder.join("helm/cache"))
        .env("HELM_CONFIG_HOME", folder.join("helm/config"))
        .env("HELM_DATA_HOME", folder.join("helm/data"))
        .env("KUBECACHEDIR", folder.join("helm/discovery"))
        .env("NO_PROXY", "127.0.0.1,localhost")
        .output()?;
    Ok(output)
}

/// What Helm printed; an error with its words where it failed.
pub(crate) fn printed(output: &Output) -> Outcome<String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("helm: {errors}").into())
    }
}

/// It dereferences to the administrator (through [`ControlPlane`]).
pub(crate) struct Cluster {
    pub(crate) emulator: Emulator,
    control_plane: ControlPlane,
}

impl Deref for Cluster {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        &self.control_plane
    }
}

impl Cluster {
    /// With nothing in it, beside a tenant of this world file's text. One more user, `ann` of `marketing-team`, has no right yet.
    pub(crate) fn empty(world: &str) -> Outcome<Self> {
        Ok(Self {
            control_plane: ControlPlane::builder().user("ann", &["marketing-team"]).start()?,
            emulator: Emulator::start(world)?,
        })
    }

    /// With the operator's namespace, which takes restricted pods only, and what a pod reads in it.
    pub(crate) fn start() -> Outcome<Self> {
        let cluster = Self::empty(world::WORLD)?;
        cluster.apply_object(&json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": RELEASE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }))?;
        cluster.apply_object(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "entra-credentials", "namespace": RELEASE},
            "stringData": {"clientSecret": world::CLIENT_SECRET},
        }))?;
        let authority = fs::read_to_string(cluster.emulator.ca_file())?;
        cluster.apply_object(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": AUTHORITY, "namespace": RELEASE},
            "data": {"ca.crt": authority},
        }))?;
        Ok(cluster)
    }

    /// Values by which the operator reaches the emulator instead of Microsoft.
    pub(crate) fn values(&self) -> Value {
        json!({
            "image": {"repository": "registry.example/entra-access-operator"},
            "logLevel": "info,entra_access_operator=debug",
            "extraArgs": ["--visibility-seconds=2"],
            "extraEnv": [
                {"name": "GRAPH_URL", "value": self.emulator.graph_url()},
                {"name": "AZURE_AUTHORITY_HOST", "value": self.emulator.authority()},
            ],
            "extraCA": {"configMap": AUTHORITY},
        })
    }

    /// `helm install` of the chart as it lies in the checkout.
    pub(crate) fn install(&self, values: &Value) -> Outcome<String> {
        self.release("install", &chart(), values, &[])
    }

    /// `helm install` of another chart.
    pub(crate) fn install_chart(&self, chart: &Path, values: &Value) -> Outcome<String> {
        self.release("install", chart, values, &[])
    }

    /// `helm upgrade` to another chart, with further arguments.
    pub(crate) fn upgrade_chart(&self, chart: &Path, values: &Value, more: &[&str]) -> Outcome<String> {
        self.release("upgrade", chart, values, more)
    }

    /// As the documents say: it ends when everything that it made is ready.
    pub(crate) fn install_and_wait(&self, values: &Value) -> Result<String, String> {
        self.release("install", &chart(), values, &["--wait", "--timeout", "60s"])
            .map_err(|error| error.to_string())
    }

    /// `helm upgrade`, with these values and no others.
    pub(crate) fn upgrade(&self, values: &Value) -> Outcome<String> {
        self.release("upgrade", &chart(), values, &[])
    }

    /// `helm uninstall`.
    pub(crate) fn uninstall(&self) -> Outcome<String> {
        self.helm(&["uninstall", RELEASE, "--namespace", RELEASE, "--timeout", "60s"])
    }

    fn release(&self, verb: &str, chart: &Path, values: &Value, more: &[&str]) -> Outcome<String> {
        let file = self.folder().join("values.yaml");
        fs::write(&file, values.to_string())?;
        let (chart, file) = (chart.display().to_string(), file.display().to_string());
        let mut arguments = vec![verb, RELEASE, &chart, "--namespace", RELEASE, "--values", &file];
        arguments.extend(more);
        self.helm(&arguments)
    }

    /// Helm as the administrator; answers what it printed.
    pub(crate) fn helm(&self, arguments: &[&str]) -> Outcome<String> {
        let kubeconfig = self.kubeconfig().display().to_string();
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--kubeconfig", &kubeconfig]).collect();
        printed(&helm(self.folder(), &arguments)?)
    }

    /// The samples of the documents, applied.
    pub(crate) fn apply_samples(&self) -> Outcome {
        self.kubectl(&["apply", "-f", &samples()])?;
        Ok(())
    }

    /// Waits until every sample is Ready; answers what they are in Entra, by kind.
    pub(crate) fn samples_ready(&self) -> Outcome<Vec<Value>> {
        let places = [
            ("EntraTenant", "default", None),
            ("Catalog", "marketing", None),
            ("AccessPackage", "marketing-campaign", Some("marketing")),
            ("AssignmentPolicy", "marketing-campaign", Some("marketing")),
            ("AssignmentPolicy", "marketing-campaign-ticket", Some("marketing")),
            ("ConnectedOrganization", "fabrikam", None),
            ("Catalog", "partner-projects", None),
            ("AccessPackage", "partner-contractors", Some("marketing")),
            ("AssignmentPolicy", "partner-contractors", Some("marketing")),
        ];
        let mut ids = Vec::new();
        for (kind, name, namespace) in places {
            let object = self.wait_ready(kind, name, namespace, SOON)?;
            ids.push(json!([
                kind,
                object["status"]["entra"]["id"],
                object["metadata"]["uid"]
            ]));
        }
        Ok(ids)
    }
}

/// The folder of the samples.
pub(crate) fn samples() -> String {
    workspace::root().join("docs/samples").display().to_string()
}
