//! What the chart says before anything is installed.

use std::fs;
use std::path::PathBuf;

use entra_access_operator::commands::crd;
use serde_json::{Value, json};
use stage::workspace;

use crate::cluster::{Outcome, RELEASE, chart, helm, printed};

/// The sets of values that the chart has for tests.
fn sets() -> Outcome<Vec<PathBuf>> {
    let mut sets = Vec::new();
    for entry in fs::read_dir(chart().join("ci"))? {
        sets.push(entry?.path());
    }
    sets.sort();
    assert_eq!(sets.len(), 3, "{sets:?}");
    Ok(sets)
}

fn run(arguments: &[&str]) -> Outcome<String> {
    let folder = workspace::target_dir().join("stage/helm");
    fs::create_dir_all(&folder)?;
    printed(&helm(&folder, arguments)?)
}

/// Every object that the chart makes of this set of values.
fn rendered(set: &str, more: &[&str]) -> Outcome<Vec<Value>> {
    let chart = chart();
    let (place, values) = (
        chart.display().to_string(),
        chart.join("ci").join(set).display().to_string(),
    );
    let mut arguments = vec!["template", RELEASE, &place, "--namespace", RELEASE, "--values", &values];
    arguments.extend(["--kube-version", "1.33.0"]);
    arguments.extend(more);
    let text = run(&arguments)?;
    let mut objects = Vec::new();
    for document in text.split("\n---\n") {
        let object: Value = serde_saphyr::from_str(document).map_err(|error| format!("{error}\n{document}"))?;
        if !object.is_null() {
            objects.push(object);
        }
    }
    Ok(objects)
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[test]
fn helm_lint_finds_nothing_for_any_set_of_values() -> Outcome {
    for set in sets()? {
        let (chart, values) = (chart().display().to_string(), set.display().to_string());
        let words = run(&["lint", "--strict", &chart, "--values", &values])?;
        for word in ["[WARNING]", "[ERROR]"] {
            assert!(!words.contains(word), "{}: {words}", set.display());
        }
    }
    Ok(())
}

#[test]
fn the_definitions_of_the_chart_are_those_of_the_code_and_stay_when_the_release_goes() -> Outcome {
    let folder = chart().join("files/crds");
    let outdated = crd::outdated(&folder)?;
    assert!(
        outdated.is_empty(),
        "{outdated:?}: run `cargo run -- crd --write charts/entra-access-operator/files/crds`"
    );
    assert_eq!(fs::read_dir(&folder)?.count(), crd::files()?.len());

    let objects = rendered("default-values.yaml", &[])?;
    let definitions = of_kind(&objects, "CustomResourceDefinition");
    for (file, yaml) in crd::files()? {
        let current: Value = serde_saphyr::from_str(&yaml)?;
        let shown = definitions
            .iter()
            .find(|definition| definition["metadata"]["name"] == current["metadata"]["name"])
            .ok_or_else(|| format!("{file} is not rendered"))?;
        assert_eq!(shown["spec"], current["spec"], "{file}");
        assert_eq!(
            shown["metadata"]["annotations"],
            json!({"helm.sh/resource-policy": "keep"})
        );
    }
    assert_eq!(definitions.len(), 5);
    let without = rendered("default-values.yaml", &["--set", "crds.install=false"])?;
    assert!(of_kind(&without, "CustomResourceDefinition").is_empty());
    Ok(())
}

#[test]
fn values_that_the_chart_does_not_know_are_refused_and_so_is_an_image_without_a_repository() -> Outcome {
    let refused = |more: &[&str], words: &str| -> Outcome {
        let chart = chart().display().to_string();
        let mut arguments = vec!["template", RELEASE, &chart, "--kube-version", "1.33.0"];
        arguments.extend(more);
        let said = run(&arguments).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains(words), "{more:?}: {said}");
        Ok(())
    };
    let image = "image.repository=registry.example/operator";
    refused(&[], "at '/image': missing property 'repository'")?;
    refused(
        &["--set", image, "--set", "replicaCount=2"],
        "'replicaCount' not allowed",
    )?;
    refused(
        &["--set", image, "--set", "leaderElection.enable=true"],
        "'enable' not allowed",
    )?;
    refused(&["--set", image, "--set", "tenant.name=default"], "/tenant")?;
    refused(
        &["--set", image, "--set", "extraCA.secret=a,extraCA.configMap=b"],
        "not both",
    )?;
    refused(
        &["--set", image, "--kube-version", "1.32.0"],
        "chart requires kubeVersion",
    )
}

#[test]
fn without_an_election_the_old_pod_ends_before_the_new_one_starts() -> Outcome {
    let alone = rendered("least-rights-values.yaml", &[])?;
    let deployment = of_kind(&alone, "Deployment")[0];
    assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(!arguments.to_string().contains("--leader-election"), "{arguments}");
    assert!(of_kind(&alone, "Role").is_empty(), "neither Secrets nor Leases");

    // Several replicas cannot do without.
    let several = rendered("least-rights-values.yaml", &["--set", "replicas=2"])?;
    let deployment = of_kind(&several, "Deployment")[0];
    assert!(deployment["spec"]["strategy"].is_null());
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(arguments.to_string().contains("--leader-election"), "{arguments}");
    assert_eq!(of_kind(&several, "Role")[0]["rules"][0]["resources"], json!(["leases"]));
    Ok(())
}

#[test]
fn workload_identity_is_a_label_of_the_pod_and_an_annotation_of_its_account() -> Outcome {
    let objects = rendered("everything-values.yaml", &[])?;
    let account = of_kind(&objects, "ServiceAccount")[0];
    let annotation = &account["metadata"]["annotations"]["azure.workload.identity/client-id"];
    assert_eq!(annotation, "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11");
    let pod = &of_kind(&objects, "Deployment")[0]["spec"]["template"];
    assert_eq!(pod["metadata"]["labels"]["azure.workload.identity/use"], "true");
    assert_eq!(pod["spec"]["serviceAccountName"], account["metadata"]["name"]);
    Ok(())
}

#[test]
fn every_pod_of_the_chart_runs_with_no_more_than_it_needs() -> Outcome {
    let objects = rendered("everything-values.yaml", &[])?;
    let pods = [of_kind(&objects, "Deployment"), of_kind(&objects, "Job")].concat();
    assert_eq!(pods.len(), 2);
    for pod in pods {
        let spec = &pod["spec"]["template"]["spec"];
        assert_eq!(
            spec["securityContext"],
            json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}})
        );
        assert_eq!(spec["containers"].as_array().map(Vec::len), Some(1));
        let container = &spec["containers"][0];
        assert_eq!(
            container["securityContext"],
            json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
            })
        );
        assert_eq!(container["resources"]["limits"]["memory"], "256Mi");
        for field in [
            "nodeSelector",
            "tolerations",
            "affinity",
            "priorityClassName",
            "imagePullSecrets",
        ] {
            assert!(!spec[field].is_null(), "{field}");
        }
    }
    Ok(())
}

#[test]
fn nothing_happens_before_uninstalling_unless_it_is_asked_for() -> Outcome {
    let before = |objects: &[Value]| -> Vec<Value> {
        let hook = |object: &&Value| object["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete";
        objects
            .iter()
            .filter(hook)
            .map(|object| object["kind"].clone())
            .collect()
    };
    assert_eq!(before(&rendered("default-values.yaml", &[])?), Vec::<Value>::new());
    let asked = rendered("default-values.yaml", &["--set", "releaseOnUninstall=true"])?;
    assert_eq!(before(&asked).len(), 6, "an account, two roles, two bindings, a Job");
    // Its pod is none of the operator's, for which it waits.
    let labels = &of_kind(&asked, "Job")[0]["spec"]["template"]["metadata"]["labels"];
    let selector = &of_kind(&asked, "Deployment")[0]["spec"]["selector"]["matchLabels"];
    let selected = selector
        .as_object()
        .into_iter()
        .flatten()
        .all(|(name, value)| &labels[name] == value);
    assert!(!selected, "{labels}");
    Ok(())
}

#[test]
fn no_hook_of_the_chart_lets_helm_delete_an_object_of_entra() -> Outcome {
    // What Helm does by default, before-hook-creation, would delete the tenant with each upgrade.
    let objects = rendered("everything-values.yaml", &[])?;
    let ours = |object: &&Value| {
        object["apiVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with("access."))
    };
    for served in [
        &[][..],
        &["--api-versions", "access.entra-operator.io/v1alpha1/EntraTenant"][..],
    ] {
        for object in rendered("everything-values.yaml", served)?.iter().filter(ours) {
            let annotations = &object["metadata"]["annotations"];
            assert_eq!(annotations["helm.sh/resource-policy"], "keep");
            if !annotations["helm.sh/hook"].is_null() {
                assert_eq!(annotations["helm.sh/hook-delete-policy"], "hook-failed");
            }
        }
    }
    assert_eq!(objects.iter().filter(ours).count(), 3);
    Ok(())
}

#[test]
fn the_roles_for_teams_are_added_to_those_of_kubernetes_and_never_name_status_tenants_or_catalogs() -> Outcome {
    let objects = rendered("default-values.yaml", &[])?;
    let roles = of_kind(&objects, "ClusterRole");
    let label = |role: &str| format!("rbac.authorization.k8s.io/aggregate-to-{role}");
    for (name, expected) in [
        ("view", &["admin", "edit", "view"][..]),
        ("edit", &["admin", "edit"][..]),
    ] {
        let full = format!("{RELEASE}-{name}");
        let role = roles.iter().find(|role| role["metadata"]["name"] == full).ok_or(full)?;
        for rule in role["rules"].as_array().into_iter().flatten() {
            assert_eq!(
                rule["resources"],
                json!(["accesspackages", "assignmentpolicies"]),
                "{name}"
            );
        }
        let labels = role["metadata"]["labels"].as_object().into_iter().flatten();
        let to: Vec<&String> = labels
            .filter(|(label, value)| label.contains("aggregate-to") && *value == "true")
            .map(|(label, _)| label)
            .collect();
        assert_eq!(
            json!(to),
            json!(expected.iter().map(|role| label(role)).collect::<Vec<_>>())
        );
    }
    let without = rendered("default-values.yaml", &["--set", "rbac.aggregate=false"])?;
    // The operator's own, and that of whoever reads its metrics.
    assert_eq!(of_kind(&without, "ClusterRole").len(), 2);
    Ok(())
}

#[test]
fn chart_image_and_binary_have_one_version_and_the_image_builds_without_the_tests() -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    let about: Value = serde_saphyr::from_str(&fs::read_to_string(chart().join("Chart.yaml"))?)?;
    assert_eq!(about["appVersion"], version);
    let recipe = fs::read_to_string(workspace::root().join("Dockerfile"))?;
    assert!(recipe.contains(&format!("ARG VERSION={version}\n")), "Dockerfile");

    // Cargo reads the manifest of every member of the workspace.
    let manifest = fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = ["))
        .unwrap_or_default();
    let let_in = fs::read_to_string(workspace::root().join(".dockerignore"))?;
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(!members.is_empty());
    for member in members {
        assert!(
            recipe.contains(&format!("COPY {member}/Cargo.toml {member}/Cargo.toml\n")),
            "Dockerfile: {member}"
        );
        assert!(
            let_in.contains(&format!("!{member}/Cargo.toml\n")),
            ".dockerignore: {member}"
        );
    }
    Ok(())
}
