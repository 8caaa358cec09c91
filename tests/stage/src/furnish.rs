//! What a stage applies to its cluster before anybody uses it: definitions, the operator's namespace, the chart's
//! admission policy, teams.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::scene::{GROUP, SERVICE_ACCOUNT};
use crate::{
    Error, OPERATOR_NAMESPACE, Program, Result, SECRET_KEY, SECRET_NAME, Stage, binaries, condition_in, wait_for,
    workspace, world,
};

const ESTABLISHED_WITHIN: Duration = Duration::from_secs(30);
const IN_FORCE_WITHIN: Duration = Duration::from_secs(30);
/// The annotation that the chart's admission policy keeps for the operator.
const EXTERNAL_ID: &str = "access.entra-operator.io/external-id";

/// Which rules the definitions keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Those that they have.
    #[default]
    All,
    /// None in CEL, as definitions of an older version have none for newer fields.
    NoCel,
}

/// The name of a team's user at the API server.
pub(crate) fn team_user(namespace: &str) -> String {
    format!("team:{namespace}")
}

/// Takes the rules in CEL out of a definition, however deep they stand.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("x-kubernetes-validations");
            members.values_mut().for_each(strip);
        }
        Value::Array(elements) => elements.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Writes the definitions of a folder to another one, without their rules in CEL.
fn without_cel(folder: &Path, target: &Path) -> Result<()> {
    let problem = |path: &Path| Error::io(format!("strip {}", path.display()));
    fs::create_dir_all(target).map_err(problem(target))?;
    for entry in fs::read_dir(folder).map_err(problem(folder))? {
        let file = entry.map_err(problem(folder))?.path();
        let yaml = fs::read_to_string(&file).map_err(problem(&file))?;
        let mut definition: Value = serde_saphyr::from_str(&yaml)
            .map_err(|error| Error::Build(format!("{} is no definition: {error}", file.display())))?;
        strip(&mut definition);
        let stripped = target.join(file.file_name().unwrap_or_default());
        // JSON is YAML.
        fs::write(&stripped, definition.to_string()).map_err(problem(&stripped))?;
    }
    Ok(())
}

/// The chart's admission policy, as Helm renders it for the stage's operator.
fn rendered_policy(folder: &Path) -> Result<String> {
    let programs = binaries::ensure(&[Program::Helm])?;
    let chart = workspace::root().join("charts/entra-access-operator");
    let home = |name: &str| -> PathBuf { folder.join("helm").join(name) };
    let output = Command::new(programs.path(Program::Helm)?)
        .args(["template", SERVICE_ACCOUNT])
        .arg(&chart)
        .args(["--namespace", OPERATOR_NAMESPACE, "--kube-version", "1.33.0"])
        .args(["--set", "image.repository=registry.example/operator"])
        .args(["--show-only", "templates/admissionpolicy.yaml"])
        // A folder of its own, so that nothing of its user is read or written.
        .env("HOME", home("home"))
        .env("HELM_CACHE_HOME", home("cache"))
        .env("HELM_CONFIG_HOME", home("config"))
        .env("HELM_DATA_HOME", home("data"))
        .output()
        .map_err(Error::io("run helm"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Command {
        command: format!("helm template {}", chart.display()),
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

impl Stage {
    pub(crate) fn apply_definitions(&self, folder: &Path, rules: Rules) -> Result<()> {
        let place = folder.display().to_string();
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none()) || !folder.is_dir() {
            return Err(Error::Build(format!(
                "no resource definitions in {place}; write them with `cargo run -- crd --write crds`"
            )));
        }
        let place = match rules {
            Rules::All => place,
            Rules::NoCel => {
                let target = self.folder().join("definitions");
                without_cel(folder, &target)?;
                target.display().to_string()
            }
        };
        self.kubectl(&["apply", "--server-side", "-f", &place])?;
        let served = wait_for("the resource definitions to be established", ESTABLISHED_WITHIN, || {
            let definitions = self
                .list("customresourcedefinitions", None)
                .map_err(|error| error.to_string())?;
            let pending = definitions.iter().find(|definition| {
                condition_in(definition, "Established").is_none_or(|condition| condition["status"] != "True")
            });
            match pending {
                Some(pending) => Err(pending["metadata"]["name"].to_string()),
                None => Ok(definitions),
            }
        })?;
        for definition in served {
            self.serve_at_once(definition)?;
        }
        Ok(())
    }

    /// Spares every stage two delays that only matter to clusters of several API servers.
    fn serve_at_once(&self, mut definition: Value) -> Result<()> {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        // Within two seconds of being established, the API server lets every create wait for two seconds.
        let conditions = definition["status"]["conditions"].as_array_mut();
        for condition in conditions
            .into_iter()
            .flatten()
            .filter(|condition| condition["type"] == "Established")
        {
            condition["lastTransitionTime"] = json!("2000-01-01T00:00:00Z");
        }
        let status = json!({"status": {"conditions": definition["status"]["conditions"]}});
        self.patch("customresourcedefinitions", &name, None, &status)?;
        // Storage comes after being established: whoever is too early is told to come again a second later.
        self.list(&name, None).map(drop)
    }

    pub(crate) fn furnish(&self) -> Result<()> {
        self.apply_object(&json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR_NAMESPACE},
        }))?;
        self.apply_object(&json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": SERVICE_ACCOUNT, "namespace": OPERATOR_NAMESPACE},
        }))?;
        self.apply_object(&json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": SECRET_NAME, "namespace": OPERATOR_NAMESPACE},
            "stringData": {SECRET_KEY: world::CLIENT_SECRET},
        }))?;
        Ok(())
    }

    /// Applies the chart's admission policy and waits until it refuses.
    pub(crate) fn enforce_admission(&self) -> Result<()> {
        self.apply(&rendered_policy(self.folder())?)?;
        let mut probe: Value = serde_json::from_str(&self.tenant_manifest("admission-probe")).unwrap_or_default();
        probe["metadata"]["annotations"] = json!({EXTERNAL_ID: "probe"});
        let path = format!("/apis/{GROUP}/v1alpha1/entratenants?dryRun=All");
        wait_for("the admission policy to be in force", IN_FORCE_WITHIN, || {
            match self.request("POST", &path, "application/json", Some(&probe)) {
                Err(error) if error.to_string().contains("only the operator sets it") => Ok(()),
                Err(error) => Err(error.to_string()),
                Ok(_) => Err("the probe was taken".to_owned()),
            }
        })
    }

    /// Gives the team of a namespace every right on its packages and policies but that on their status.
    pub(crate) fn settle_team(&self, namespace: &str) -> Result<()> {
        let rbac = "rbac.authorization.k8s.io/v1";
        self.apply_object(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))?;
        self.apply_object(&json!({
            "apiVersion": rbac, "kind": "Role", "metadata": {"name": "team", "namespace": namespace},
            "rules": [{
                "apiGroups": [GROUP], "verbs": ["*"],
                "resources": [
                    "accesspackages", "accesspackages/finalizers", "assignmentpolicies", "assignmentpolicies/finalizers",
                ],
            }],
        }))?;
        self.apply_object(&json!({
            "apiVersion": rbac, "kind": "RoleBinding", "metadata": {"name": "team", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "team"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": team_user(namespace)}],
        }))?;
        Ok(())
    }
}
