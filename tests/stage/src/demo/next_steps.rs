//! How to go on by hand, with some that fail and explain themselves.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stage::{Error, Result, Stage};

use crate::screen::Screen;

const NAMESPACE: &str = "marketing";

/// Prints commands that work as they are.
pub(crate) fn print(stage: &Stage, kubectl: Option<PathBuf>, screen: &mut Screen) -> Result<()> {
    let package = first(stage, "AccessPackage")?;
    screen.heading("Go on by hand, in another terminal");
    command(screen, "", &format!("cd {}", stage.folder().display()));
    let kubeconfig = stage
        .admin()
        .kubeconfig()
        .file_name()
        .unwrap_or_default()
        .display()
        .to_string();
    command(screen, "", &format!("export KUBECONFIG=$PWD/{kubeconfig}"));
    if let Some(folder) = kubectl {
        command(screen, "", &format!("export PATH={}:$PATH", folder.display()));
    }
    command(screen, "everything at a glance", "kubectl get entra -A");
    command(screen, "the manual", "kubectl explain accesspackage.spec.resourceRoles");
    let Some(package) = package else { return Ok(()) };
    let package_name = name(&package);
    let status = format!("kubectl -n {NAMESPACE} describe accesspackage {package_name}");
    command(screen, "what the operator says about a package", &status);
    let rename = format!(
        "kubectl -n {NAMESPACE} patch accesspackage {package_name} --type merge \\\n        \
         -p '{{\"spec\":{{\"description\":\"changed by hand\"}}}}'"
    );
    command(screen, "one field changes, one call is made", &rename);

    let say = |kind: &str, name: &str| {
        let message = "{.status.conditions[?(@.type==\"Ready\")].message}";
        format!("kubectl -n {NAMESPACE} get {kind} {name} -o jsonpath='{message}{{\"\\n\"}}'")
    };
    let scope = "AllExistingConnectedDirectorySubjects";
    let foreign = write(
        stage,
        "unknown-scope.yaml",
        &policy_for("unknown-scope", scope, &package_name),
    )?;
    command(
        screen,
        "a scope that Microsoft Graph v1.0 does not have",
        &format!("kubectl apply -f {foreign}"),
    );
    let wide = write(
        stage,
        "too-wide.yaml",
        &policy_for("too-wide", "AllExternalUsers", &package_name),
    )?;
    command(
        screen,
        "wider than what the catalog grants this namespace",
        &format!("kubectl apply -f {wide}"),
    );
    command(screen, "", &say("assignmentpolicy", "too-wide"));
    let role = write(stage, "unknown-role.yaml", &unknown_role(&package))?;
    command(
        screen,
        "a role that the resource does not have",
        &format!("kubectl apply -f {role}"),
    );
    command(screen, "", &say("accesspackage", "unknown-role"));
    let patch = format!(
        "kubectl -n {NAMESPACE} patch accesspackage {package_name} --type merge \\\n        \
         -p '{{\"spec\":{{\"catalogRef\":{{\"name\":\"other\"}}}}}}'"
    );
    command(screen, "a package cannot move: refused at once", &patch);
    screen.blank();
    Ok(())
}

fn command(screen: &mut Screen, why: &str, command: &str) {
    if !why.is_empty() {
        screen.line("");
        screen.line(&screen.dim(&format!("    # {why}")));
    }
    screen.line(&format!("    {}", screen.cyan(command)));
}

fn first(stage: &Stage, kind: &str) -> Result<Option<Value>> {
    Ok(stage.list(kind, Some(NAMESPACE))?.into_iter().next())
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn write(stage: &Stage, name: &str, text: &str) -> Result<String> {
    let path: &Path = &stage.folder().join(name);
    fs::write(path, text).map_err(|source| Error::Io {
        what: format!("write {}", path.display()),
        source,
    })?;
    Ok(name.to_owned())
}

/// A policy of the sample package for other people.
fn policy_for(name: &str, scope: &str, package: &str) -> String {
    format!(
        "apiVersion: access.entra-operator.io/v1alpha1
kind: AssignmentPolicy
metadata: {{name: {name}, namespace: {NAMESPACE}}}
spec:
  accessPackageRef: {{name: {package}}}
  displayName: {name}
  requestors:
    scope: {scope}
    selfService: {{add: true}}
  approval:
    stages:
    - approvers: [{{user: {{userPrincipalName: bob@contoso.com}}}}]
  expiration: {{afterDuration: P30D}}
"
    )
}

/// The sample package with another name and its first role replaced.
fn unknown_role(package: &Value) -> String {
    let catalog = package["spec"]["catalogRef"]["name"].as_str().unwrap_or_default();
    let resource = package["spec"]["resourceRoles"][0]["resource"]
        .as_str()
        .unwrap_or_default();
    format!(
        "apiVersion: access.entra-operator.io/v1alpha1
kind: AccessPackage
metadata: {{name: unknown-role, namespace: {NAMESPACE}}}
spec:
  catalogRef: {{name: {catalog}}}
  displayName: Unknown role
  resourceRoles:
  - {{resource: {resource}, role: Emperor}}
"
    )
}
