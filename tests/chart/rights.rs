//! What the operator may do is what it does; what others may not.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stage::wait_for;

use crate::cluster::{Cluster, Outcome, RELEASE, SOON, samples};
use crate::kubelet;

const GROUP: &str = "access.entra-operator.io";
const EXTERNAL_ID: &str = "access.entra-operator.io/external-id";

/// API group, resource with its subresource, verb.
pub(crate) type Right = (String, String, String);

/// What the roles of this name give to the service account of this name.
pub(crate) fn granted(cluster: &Cluster, name: &str) -> Outcome<BTreeSet<Right>> {
    let mut rights = BTreeSet::new();
    for (kind, namespace) in [("clusterroles", None), ("roles", Some(RELEASE))] {
        let role = cluster.get(kind, name, namespace)?.ok_or("no such role")?;
        let texts = |value: &Value| -> Vec<String> {
            let values = value.as_array().into_iter().flatten();
            values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
        };
        for rule in role["rules"].as_array().into_iter().flatten() {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for verb in texts(&rule["verbs"]) {
                        rights.insert((group.clone(), resource.clone(), verb));
                    }
                }
            }
        }
    }
    Ok(rights)
}

/// What this service account asked of the API server until now, and what of it was forbidden.
pub(crate) fn used(cluster: &Cluster, name: &str) -> (BTreeSet<Right>, Vec<String>) {
    let account = format!("system:serviceaccount:{RELEASE}:{name}");
    let (mut rights, mut forbidden) = (BTreeSet::new(), Vec::new());
    for event in cluster.audit() {
        if event["user"]["username"] != account || event["objectRef"].is_null() {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &event["objectRef"];
        let resource = match object["subresource"].as_str() {
            Some(subresource) => format!("{}/{subresource}", text(&object["resource"])),
            None => text(&object["resource"]),
        };
        // A 403 may also come from a namespace that is about to go.
        if event["annotations"]["authorization.k8s.io/decision"] == "forbid" {
            forbidden.push(format!(
                "{} {}: {}",
                event["verb"], event["requestURI"], event["responseStatus"]["message"]
            ));
        }
        rights.insert((text(&object["apiGroup"]), resource, text(&event["verb"])));
    }
    (rights, forbidden)
}

/// Lets the API server take what the types do not know: as a later version of a definition would.
fn loosen(cluster: &Cluster, plural: &str, field: &str) -> Outcome {
    let name = format!("{plural}.{GROUP}");
    let mut definition = cluster
        .get("customresourcedefinitions", &name, None)?
        .ok_or("no such definition")?;
    let spec = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let removed = spec["properties"][field]
        .as_object_mut()
        .and_then(|field| field.remove("enum"));
    assert!(removed.is_some(), "{plural}: {field} is no enumeration");
    let versions = json!({"spec": {"versions": definition["spec"]["versions"]}});
    cluster.patch("customresourcedefinitions", &name, None, &versions)?;
    Ok(())
}

#[test]
fn the_operator_has_exactly_the_rights_that_it_uses() -> Outcome {
    let cluster = Cluster::start()?;
    cluster.install(&cluster.values())?;
    let container = kubelet::start(&cluster, kubelet::new_pod(&cluster, &[])?)?;

    // Apply.
    cluster.apply_samples()?;
    cluster.patch(
        "EntraTenant",
        "default",
        None,
        &json!({"spec": {"driftInterval": "PT2S"}}),
    )?;
    cluster.samples_ready()?;
    let (status, words) = container.metrics(Some(cluster.admin().token()))?;
    assert_eq!(status, 200, "{words}");

    // Drift, twice, so that an event is told again.
    let package = cluster
        .get("AccessPackage", "marketing-campaign", Some("marketing"))?
        .unwrap_or_default();
    let id = package["status"]["entra"]["id"].as_str().unwrap_or_default();
    for turn in ["once", "once"] {
        cluster
            .emulator
            .patch_state("accessPackages", id, &json!({"description": turn}))?;
        wait_for("the drift to be put back", SOON, || {
            let packages = cluster
                .emulator
                .collection("accessPackages")
                .map_err(|error| json!(error.to_string()))?;
            match packages.iter().find(|package| package["id"] == id) {
                Some(package) if package["description"] == package_description() => Ok(()),
                other => Err(json!(other)),
            }
        })?;
    }

    // Objects that a later version wrote.
    let objects = [
        ("entratenants", "EntraTenant", "mode", None, tenant()),
        (
            "catalogs",
            "Catalog",
            "management",
            None,
            json!({"displayName": "Later"}),
        ),
        (
            "connectedorganizations",
            "ConnectedOrganization",
            "management",
            None,
            json!({"displayName": "Later", "identitySource": {"domain": "later.example"}}),
        ),
        (
            "accesspackages",
            "AccessPackage",
            "management",
            Some("marketing"),
            json!({"catalogRef": {"name": "marketing"}, "displayName": "Later"}),
        ),
        (
            "assignmentpolicies",
            "AssignmentPolicy",
            "management",
            Some("marketing"),
            policy(),
        ),
    ];
    for (plural, kind, field, namespace, mut spec) in objects {
        loosen(&cluster, plural, field)?;
        spec[field] = json!("Later");
        let mut object = json!({
            "apiVersion": format!("{GROUP}/v1alpha1"), "kind": kind, "metadata": {"name": "later"}, "spec": spec,
        });
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        wait_for("the definition to take it", SOON, || {
            cluster.apply_object(&object).map_err(|error| error.to_string())
        })?;
        cluster.wait_reason(kind, "later", namespace, ("Ready", "InvalidSpec"), SOON)?;
        // It has no finalizer: nobody could read what it is about.
        cluster.delete(kind, "later", namespace)?;
        cluster.wait_gone(kind, "later", namespace, SOON)?;
    }

    // Delete.
    cluster.kubectl(&["delete", "-f", &samples(), "--timeout=60s"])?;
    container.stop();

    let (granted, (used, forbidden)) = (granted(&cluster, RELEASE)?, used(&cluster, RELEASE));
    println!("{:<28} {:<26} {:<7} granted used", "group", "resource", "verb");
    for right in granted.union(&used) {
        let (group, resource, verb) = right;
        let mark = |set: &BTreeSet<Right>| if set.contains(right) { "yes" } else { "NO" };
        println!(
            "{group:<28} {resource:<26} {verb:<7} {:<7} {}",
            mark(&granted),
            mark(&used)
        );
    }
    assert_eq!(forbidden, Vec::<String>::new());
    // A tenant is read by itself only where a write of its status met another one, which no run has to see.
    let by_chance: Right = (GROUP.into(), "entratenants".into(), "get".into());
    let is_certain = |right: &&Right| **right != by_chance;
    let certain = |rights: &BTreeSet<Right>| rights.iter().filter(is_certain).cloned().collect::<BTreeSet<_>>();
    assert_eq!(certain(&granted), certain(&used));
    assert!(granted.contains(&by_chance));
    Ok(())
}

fn package_description() -> &'static str {
    "Access package for marketing campaign resources"
}

fn tenant() -> Value {
    json!({
        "tenantId": "99999999-9999-4999-8999-999999999999",
        "credentials": {"workloadIdentity": {"clientId": "99999999-9999-4999-8999-999999999999"}},
    })
}

fn policy() -> Value {
    json!({
        "accessPackageRef": {"name": "marketing-campaign"},
        "displayName": "Later",
        "requestors": {"scope": "None"},
        "approval": {"notRequired": {}},
        "expiration": {"afterDuration": "P1D"},
    })
}

#[test]
fn a_team_with_the_edit_role_writes_packages_and_policies_and_nobody_but_the_operator_writes_status() -> Outcome {
    let cluster = Cluster::start()?;
    let mut values = cluster.values();
    values["replicas"] = json!(0);
    values["admissionPolicy"] = json!({"exempt": {"users": ["somebody"], "groups": ["some-group"]}});
    cluster.install(&values)?;
    cluster.apply_object(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "marketing"}}))?;
    bind(&cluster, "team", "entra-access-operator-edit", "ann")?;
    let ann = cluster.user("ann")?;
    let package = |annotations: Value| {
        json!({
            "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AccessPackage",
            "metadata": {"name": "campaign", "namespace": "marketing", "annotations": annotations},
            "spec": {"catalogRef": {"name": "marketing"}, "displayName": "Campaign"},
        })
    };
    let status = json!({"status": {"observedGeneration": 1, "conditions": []}});
    // A policy counts from when the API server has seen it.
    let refused = wait_for("the policy to be in force", SOON, || {
        ann.apply_object(&package(json!({})))
            .map_err(|error| error.to_string())?;
        match cluster.patch("AccessPackage", "campaign", Some("marketing"), &status) {
            Err(error) => Ok(error),
            Ok(_) => Err("accepted".to_owned()),
        }
    })?;
    assert_eq!(refused.code(), Some(403), "{refused}");
    assert!(
        refused.to_string().contains("only the operator writes status"),
        "{refused}"
    );

    // Not even with the right to do so, and not for tenants and catalogs.
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "status-writer"},
        "rules": [{"apiGroups": [GROUP], "resources": ["*/status"], "verbs": ["*"]}],
    });
    let refused = ann.patch("AccessPackage", "campaign", Some("marketing"), &status);
    assert!(
        refused.is_err_and(|error| error.code() == Some(403)),
        "the role has no right on status"
    );
    cluster.apply_object(&role)?;
    bind(&cluster, "status", "status-writer", "ann")?;
    let refused = wait_for("the role to count", SOON, || {
        match ann.patch("AccessPackage", "campaign", Some("marketing"), &status) {
            Err(error) if error.to_string().contains("only the operator") => Ok(error.to_string()),
            Err(error) => Err(error.to_string()),
            Ok(_) => Ok("accepted".to_owned()),
        }
    })?;
    assert!(refused.contains("only the operator writes status"), "{refused}");
    let mut tenant = json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "EntraTenant", "metadata": {"name": "default"},
    });
    tenant["spec"] = self::tenant();
    cluster.apply_object(&tenant)?;
    let refused = cluster.patch("EntraTenant", "default", None, &status);
    assert!(refused.is_err_and(|error| error.to_string().contains("only the operator writes status")));
    let refused = ann.apply_object(&tenant);
    assert!(
        refused.is_err_and(|error| error.code() == Some(403)),
        "tenants are the platform team's"
    );

    // The annotation may neither be set nor changed; leaving it as it is, is no change.
    let refused = ann.apply_object(&package(json!({EXTERNAL_ID: "b1bf99ed-99ed-4b1b-8d99-bfb1ed99bfb1"})));
    let refused = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(
        refused.contains("metadata.annotations[access.entra-operator.io/external-id]: only the operator"),
        "{refused}"
    );
    let operator = cluster.service_account(RELEASE, RELEASE)?;
    operator.annotate(
        "AccessPackage",
        "campaign",
        Some("marketing"),
        EXTERNAL_ID,
        Some("mine"),
    )?;
    ann.patch(
        "AccessPackage",
        "campaign",
        Some("marketing"),
        &json!({"spec": {"displayName": "Renamed"}}),
    )?;
    let refused = ann.annotate(
        "AccessPackage",
        "campaign",
        Some("marketing"),
        EXTERNAL_ID,
        Some("other"),
    );
    assert!(refused.is_err_and(|error| error.to_string().contains("only the operator sets it")));
    operator.patch("AccessPackage", "campaign", Some("marketing"), &status)?;

    // Somebody who restores objects may be let in.
    values["admissionPolicy"] = json!({"exempt": {"groups": ["some-group", "marketing-team"]}});
    cluster.upgrade(&values)?;
    wait_for("the exemption to count", SOON, || {
        ann.patch("AccessPackage", "campaign", Some("marketing"), &status)
            .map_err(|error| error.to_string())
    })?;
    Ok(())
}

fn bind(cluster: &Cluster, name: &str, role: &str, user: &str) -> Outcome {
    cluster.apply_object(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": "marketing"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }))?;
    Ok(())
}

const FINALIZER: &str = "access.entra-operator.io/finalizer";

/// The words of a refusal; empty where it was none.
fn words<T>(answer: Result<T, stage::Error>) -> String {
    answer.err().map(|error| error.to_string()).unwrap_or_default()
}

/// A package and a policy in `marketing`, with the operator's finalizer, and nobody who works.
fn held() -> Outcome<Cluster> {
    let cluster = Cluster::start()?;
    let mut values = cluster.values();
    values["replicas"] = json!(0);
    cluster.install(&values)?;
    cluster.apply_object(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "marketing"}}))?;
    for (kind, spec) in [
        (
            "AccessPackage",
            json!({"catalogRef": {"name": "marketing"}, "displayName": "Campaign"}),
        ),
        ("AssignmentPolicy", policy()),
    ] {
        cluster.apply_object(&json!({
            "apiVersion": format!("{GROUP}/v1alpha1"), "kind": kind,
            "metadata": {"name": "campaign", "namespace": "marketing", "finalizers": [FINALIZER, "example.com/another"]},
            "spec": spec,
        }))?;
    }
    // A policy counts from when the API server has seen it.
    wait_for("the admission policy to be in force", SOON, || {
        let status = json!({"status": {"observedGeneration": 1, "conditions": []}});
        let refused = words(cluster.patch("AccessPackage", "campaign", Some("marketing"), &status));
        if refused.contains("only the operator") {
            Ok(())
        } else {
            Err(refused)
        }
    })?;
    Ok(cluster)
}

#[test]
fn nobody_but_the_operator_takes_its_finalizer_off_and_the_refusal_says_what_to_do() -> Outcome {
    let cluster = held()?;
    bind(&cluster, "team", "admin", "ann")?;
    bind(&cluster, "all", "entra-access-operator-edit", "ann")?;
    let ann = cluster.user("ann")?;
    let none = json!({"metadata": {"finalizers": null}});
    let campaign = Some("marketing");
    let refused = wait_for("the role to count", SOON, || {
        let refused = words(ann.patch("AccessPackage", "campaign", campaign, &none));
        if refused.contains("cannot patch") {
            Err(refused)
        } else {
            Ok(refused)
        }
    })?;
    for words in [
        "metadata.finalizers: only the operator takes access.entra-operator.io/finalizer off",
        "access.entra-operator.io/orphan=true",
        "entra-access-operator release",
    ] {
        assert!(refused.contains(words), "{refused}");
    }
    // Not by administrators either, nor by a PUT that leaves it out, nor while it goes.
    let refused = words(cluster.patch("AssignmentPolicy", "campaign", campaign, &none));
    assert!(refused.contains("metadata.finalizers: only the operator"), "{refused}");
    let mut replaced = cluster.get("AccessPackage", "campaign", campaign)?.unwrap_or_default();
    replaced["metadata"]["finalizers"] = json!(["example.com/another"]);
    let path = format!("/apis/{GROUP}/v1alpha1/namespaces/marketing/accesspackages/campaign");
    let refused = words(cluster.request("PUT", &path, "application/json", Some(&replaced)));
    assert!(refused.contains("metadata.finalizers: only the operator"), "{refused}");
    let with_another = json!({"metadata": {"finalizers": [FINALIZER]}});
    cluster.patch("AccessPackage", "campaign", campaign, &with_another)?;

    // A namespace that goes takes its objects along as ever; they wait for the operator.
    cluster.request("DELETE", "/api/v1/namespaces/marketing", "application/json", None)?;
    for kind in ["AccessPackage", "AssignmentPolicy"] {
        cluster.wait_object(kind, "campaign", campaign, "to be going", SOON, |object| {
            !object["metadata"]["deletionTimestamp"].is_null()
        })?;
        let refused = words(cluster.patch(kind, "campaign", campaign, &none));
        assert!(refused.contains("metadata.finalizers: only the operator"), "{refused}");
    }
    let operator = cluster.service_account(RELEASE, RELEASE)?;
    operator.patch("AccessPackage", "campaign", campaign, &none)?;
    operator.patch("AssignmentPolicy", "campaign", campaign, &none)?;
    cluster.wait_gone("Namespace", "marketing", None, SOON)?;
    Ok(())
}

#[test]
fn the_garbage_collector_is_not_hindered() -> Outcome {
    let cluster = held()?;
    let campaign = Some("marketing");
    let package = cluster.get("AccessPackage", "campaign", campaign)?.unwrap_or_default();
    let owner = json!({"metadata": {"ownerReferences": [{
        "apiVersion": format!("{GROUP}/v1alpha1"), "kind": "AccessPackage", "name": "campaign",
        "uid": package["metadata"]["uid"], "blockOwnerDeletion": true,
    }]}});
    cluster.patch("AssignmentPolicy", "campaign", campaign, &owner)?;
    // The collector reads each kind by itself: an owner that it sees go before it has read of its dependant has none
    // to it. It takes an orphan only after all that was written to the kind before.
    let mut orphan = json!({
        "apiVersion": format!("{GROUP}/v1alpha1"), "kind": "AssignmentPolicy",
        "metadata": {"name": "orphan", "namespace": "marketing"}, "spec": policy(),
    });
    orphan["metadata"]["ownerReferences"] = owner["metadata"]["ownerReferences"].clone();
    orphan["metadata"]["ownerReferences"][0]["name"] = json!("nobody");
    orphan["metadata"]["ownerReferences"][0]["uid"] = json!("00000000-0000-4000-8000-000000000000");
    cluster.apply_object(&orphan)?;
    cluster.wait_gone("AssignmentPolicy", "orphan", campaign, SOON)?;
    let path = format!("/apis/{GROUP}/v1alpha1/namespaces/marketing/accesspackages/campaign");
    let foreground = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"});
    cluster.request("DELETE", &path, "application/json", Some(&foreground))?;
    // It deletes the dependant, and takes its own finalizer off the owner when the dependant is gone.
    cluster.wait_object(
        "AssignmentPolicy",
        "campaign",
        campaign,
        "to be going",
        SOON,
        |object| !object["metadata"]["deletionTimestamp"].is_null(),
    )?;
    let operator = cluster.service_account(RELEASE, RELEASE)?;
    operator.patch(
        "AssignmentPolicy",
        "campaign",
        campaign,
        &json!({"metadata": {"finalizers": null}}),
    )?;
    cluster.wait_object("AccessPackage", "campaign", campaign, "to be ours", SOON, |object| {
        object["metadata"]["finalizers"] == json!([FINALIZER, "example.com/another"])
    })?;
    Ok(())
}

#[test]
fn release_lets_every_object_go_where_somebody_may_change_all_of_them() -> Outcome {
    let cluster = held()?;
    bind(&cluster, "all", "entra-access-operator-edit", "ann")?;
    let ann = cluster.user("ann")?;
    let path = |manager: &str| {
        format!("/apis/{GROUP}/v1alpha1/namespaces/marketing/accesspackages/campaign?fieldManager={manager}")
    };
    let none = json!({"metadata": {"finalizers": null}});
    // Who may write in one namespace only does not get through by the command's name.
    let refused = wait_for("the role to count", SOON, || {
        let manager = path("entra-access-operator-release");
        let refused = words(ann.request("PATCH", &manager, "application/merge-patch+json", Some(&none)));
        if refused.contains("cannot patch") {
            Err(refused)
        } else {
            Ok(refused)
        }
    })?;
    assert!(refused.contains("metadata.finalizers: only the operator"), "{refused}");
    let kubeconfig = cluster.kubeconfig().display().to_string();
    let said = std::process::Command::new(env!("CARGO_BIN_EXE_entra-access-operator"))
        .arg("release")
        .env("KUBECONFIG", kubeconfig)
        .output()?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    assert!(said.contains("released AccessPackage marketing/campaign"), "{said}");
    assert!(said.ends_with("2 objects\n"), "{said}");
    Ok(())
}

#[test]
fn an_end_that_is_past_when_it_is_applied_is_refused_and_one_that_passes_while_it_stands_is_not() -> Outcome {
    let cluster = held()?;
    let place = ("AssignmentPolicy", "campaign", Some("marketing"));
    let ends = |end: &str| json!({"spec": {"expiration": {"afterDuration": null, "afterDateTime": end}}});
    let patch = |patch: &Value| cluster.patch(place.0, place.1, place.2, patch);
    let refused = words(patch(&ends("2020-01-01T00:00:00Z")));
    assert!(
        refused
            .contains("spec.expiration.afterDateTime: 2020-01-01T00:00:00Z is past, so nobody could be given access"),
        "{refused}"
    );
    let mut made = json!({
        "apiVersion": format!("{GROUP}/v1alpha1"), "kind": place.0,
        "metadata": {"name": "past", "namespace": "marketing"}, "spec": policy(),
    });
    made["spec"]["expiration"] = json!({"afterDateTime": "2020-01-01T00:00:00+02:00"});
    for answer in [cluster.create(&made), cluster.apply_object(&made)] {
        let refused = words(answer);
        assert!(
            refused.contains("spec.expiration.afterDateTime: 2020-01-01T00:00:00+02:00 is past"),
            "{refused}"
        );
    }
    patch(&ends("2999-12-31T00:00:00Z"))?;

    // One that is over soon, by the API server's own clock.
    let soon = json!({"metadata": {"annotations": {"example.com/now": "?"}}});
    let now = patch(&soon)?;
    let times = now["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let now = times
        .iter()
        .filter_map(|entry| entry["time"].as_str())
        .max()
        .unwrap_or_default();
    let now: k8s_openapi::jiff::Timestamp = now.parse()?;
    let end = now
        .checked_add(k8s_openapi::jiff::SignedDuration::from_secs(3))?
        .to_string();
    patch(&ends(&end))?;
    wait_for("the end to pass", SOON, || {
        made["spec"]["expiration"] = json!({"afterDateTime": end});
        let refused = words(cluster.create(&made));
        if refused.contains("is past") {
            Ok(())
        } else {
            cluster
                .delete(place.0, "past", place.2)
                .map_err(|error| error.to_string())?;
            Err("not yet".to_owned())
        }
    })?;
    patch(&json!({"spec": {"description": "The end stands as it stood"}}))?;
    let refused = words(patch(&ends("2021-01-01T00:00:00Z")));
    assert!(refused.contains("is past"), "{refused}");
    Ok(())
}
