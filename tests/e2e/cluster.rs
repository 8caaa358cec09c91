//! What the operator makes of the cluster's own ways: who is woken, and objects that go by force.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};
use stage::{OPERATOR_NAMESPACE, Result, SECRET_KEY, condition_in, world};

use crate::scene::Stage;
use crate::support::{
    CAMPAIGN, NAMESPACE, SOON, apply_not_ready, apply_ready, builder, catalog, catalog_with_limits, condition, element,
    entra_id, furnish, furnished, mark, namespace, now, package, patched, place, policy, renamed, tenant, wait_event,
    wait_reason, writes_since,
};

type Outcome<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const PAUSED: &str = "access.entra-operator.io/paused";
const LENIENT: &str = r#"{"adoption": "Allowed"}"#;

/// Pauses the object, deletes it, and takes every finalizer off it.
fn force_away(stage: &Stage, manifest: &Value) -> Result<()> {
    let (kind, name, namespace) = place(manifest);
    stage.annotate(kind, name, namespace, PAUSED, Some("true"))?;
    wait_reason(stage, manifest, "Healthy", "Paused")?;
    stage.delete(kind, name, namespace)?;
    stage.patch(kind, name, namespace, &json!({"metadata": {"finalizers": null}}))?;
    stage.wait_gone(kind, name, namespace, SOON)
}

/// Waits until events with this reason about the object have this text; answers their types.
fn told(stage: &Stage, (kind, name, namespace): (&str, &str, Option<&str>), text: &str) -> Result<Vec<Value>> {
    stage.wait_for("to be told", SOON, || {
        let events = stage
            .events(kind, name, namespace)
            .map_err(|error| json!(error.to_string()))?;
        let told: Vec<Value> = events
            .iter()
            .filter(|event| event["reason"] == "LeftBehind")
            .filter(|event| event["message"].as_str().is_some_and(|message| message.contains(text)))
            .map(|event| event["type"].clone())
            .collect();
        if told.is_empty() { Err(json!(events)) } else { Ok(told) }
    })
}

#[test]
fn what_goes_with_its_finalizer_taken_off_can_be_taken_over_again_by_the_same_manifest() -> Result<()> {
    let stage = builder().start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    let limits = serde_json::from_str(LENIENT).unwrap_or_default();
    apply_ready(&stage, &catalog_with_limits(limits))?;
    let adopting = json!({"spec": {"adoption": "ByName", "deletionPolicy": "Delete"}});
    let package = patched(package(), adopting.clone());
    let policy = patched(policy(), adopting);
    let (first_package, first_policy) = (apply_ready(&stage, &package)?, apply_ready(&stage, &policy)?);

    for manifest in [&policy, &package] {
        force_away(&stage, manifest)?;
    }
    for (manifest, first) in [(&package, first_package), (&policy, first_policy)] {
        let again = apply_ready(&stage, manifest)?;
        assert_eq!(entra_id(&again), entra_id(&first));
        assert_ne!(again["metadata"]["uid"], first["metadata"]["uid"]);
    }
    Ok(())
}

#[test]
fn what_is_left_behind_in_entra_is_told_to_its_namespace_and_to_those_who_run_the_catalog() -> Outcome {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let stage = builder()
        .real_with("its log and its metrics are read", |real| {
            real.argument(&format!("--listen={address}"))
                .argument("--metrics-access=anyone")
        })
        .start()?;
    furnish(&stage)?;
    let id = entra_id(&now(&stage, &policy())?);
    force_away(&stage, &policy())?;
    let words = format!(
        "AssignmentPolicy marketing/campaign went without the operator letting it go, its finalizer was taken off: \
         assignment policy {id} stays in Entra as it is"
    );
    assert_eq!(told(&stage, place(&policy()), &words)?, ["Warning"]);
    assert_eq!(told(&stage, ("Catalog", "marketing", None), &words)?, ["Warning"]);
    assert!(stage.log().contains(&words), "{}", stage.log());
    let counted = metrics(&address.to_string())?;
    assert!(
        counted.contains("entra_access_operator_left_behind_total{kind=\"AssignmentPolicy\"} 1\n"),
        "{counted}"
    );
    // What we let go ourselves leaves nothing behind.
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    let counted = metrics(&address.to_string())?;
    assert!(
        !counted.contains("left_behind_total{kind=\"AccessPackage\"}"),
        "{counted}"
    );
    Ok(())
}

#[test]
fn annotations_on_a_package_visit_no_catalog_whether_it_exists_or_not() -> Outcome {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
    let stage = builder()
        .real_with("its metrics are read", |real| {
            real.argument(&format!("--listen={address}"))
                .argument("--metrics-access=anyone")
        })
        .start()?;
    // Compared seldom, so that nobody visits by the clock meanwhile.
    stage.apply_object(&patched(tenant(&stage), json!({"spec": {"driftInterval": "PT1H"}})))?;
    for name in [NAMESPACE, "sales"] {
        stage.apply_object(&namespace(name))?;
    }
    apply_ready(&stage, &catalog())?;
    let mut visits = Vec::new();
    for (name, catalog) in [("first", "marketing"), ("other", "nonesuch")] {
        let curious = patched(
            renamed(package(), name, "Curious"),
            json!({"metadata": {"namespace": "sales"}, "spec": {"catalogRef": {"name": catalog}}}),
        );
        apply_not_ready(&stage, &curious, "CatalogNotGranted")?;
        let before = reconciles(&metrics(&address)?, "Catalog");
        for count in 0..40 {
            stage.annotate("AccessPackage", name, Some("sales"), "note", Some(&count.to_string()))?;
        }
        // The last of them has been seen when a visit that is asked for has been made.
        let asked = "access.entra-operator.io/reconcile-requested-at";
        stage.annotate("AccessPackage", name, Some("sales"), asked, Some("now"))?;
        stage.wait_object("AccessPackage", name, Some("sales"), "to answer", SOON, |object| {
            object["status"]["lastHandledReconcileAt"] == "now"
        })?;
        visits.push(reconciles(&metrics(&address)?, "Catalog") - before);
    }
    assert_eq!(visits, [0.0, 0.0], "of Catalogs");
    Ok(())
}

/// Whatever the names, and whatever the order of a table of hashes: an object goes by the EntraTenant that its Catalog names.
#[test]
fn of_two_entratenants_of_one_tenant_only_the_one_that_the_catalog_names_has_a_say() -> Outcome {
    let stage = furnished()?;
    for name in ["another", "zeta"] {
        let other: Value = serde_json::from_str(&stage.tenant_manifest(name))?;
        let other = patched(other, json!({"spec": {"mode": "Observe"}}));
        apply_ready(&stage, &other)?;
    }
    stage.delete("EntraTenant", "zeta", None)?;
    stage.wait_gone("EntraTenant", "zeta", None, SOON)?;
    for kind in ["AssignmentPolicy", "AccessPackage"] {
        stage.delete(kind, CAMPAIGN, Some(NAMESPACE))?;
        stage.wait_gone(kind, CAMPAIGN, Some(NAMESPACE), SOON)?;
    }
    assert_eq!(stage.emulator().collection("accessPackages")?, Vec::<Value>::new());
    Ok(())
}

/// What the first made goes, and what the second made says what it waits for, though both reach the same tenant.
#[test]
fn an_object_goes_by_its_own_entratenant_and_waits_for_none_but_that() -> Outcome {
    let stage = furnished()?;
    let secret = |value: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "another", "namespace": OPERATOR_NAMESPACE},
            "stringData": {SECRET_KEY: value},
        })
    };
    stage.apply_object(&secret(world::CLIENT_SECRET))?;
    let another = patched(
        serde_json::from_str(&stage.tenant_manifest("another"))?,
        json!({"spec": {"driftInterval": "PT2S", "credentials": {"clientSecret": {"secretRef": {"name": "another"}}}}}),
    );
    let others_catalog = patched(
        renamed(catalog(), "sales", "Sales"),
        json!({"spec": {"tenantRef": {"name": "another"}}}),
    );
    let others_package = patched(
        renamed(package(), "sales", "Sales Access"),
        json!({"spec": {"catalogRef": {"name": "sales"}}}),
    );
    let others_policy = patched(
        renamed(policy(), "sales", "Sales Policy"),
        json!({"spec": {"accessPackageRef": {"name": "sales"}}}),
    );
    for manifest in [&another, &others_catalog, &others_package, &others_policy] {
        apply_ready(&stage, manifest)?;
    }
    stage.apply_object(&secret("expired"))?;
    wait_reason(&stage, &another, "Ready", "TokenRefused")?;

    for manifest in [&policy(), &package(), &catalog()] {
        let (kind, name, namespace) = place(manifest);
        stage.delete(kind, name, namespace)?;
        stage.wait_gone(kind, name, namespace, SOON)?;
    }
    let others = [others_policy, others_package, others_catalog];
    let from = mark(&stage);
    for manifest in &others {
        let (kind, name, namespace) = place(manifest);
        stage.delete(kind, name, namespace)?;
    }
    let refused = "TenantNotReady/EntraTenant \"another\" is not ready: TokenRefused: ";
    let remain = "DependantsRemain/1 access packages of this catalog still exist, AccessPackage marketing/sales first";
    for (manifest, words) in others.iter().zip([refused, refused, remain]) {
        let (kind, name, namespace) = place(manifest);
        stage.wait_object(kind, name, namespace, "to say what it waits for", SOON, |object| {
            // A deletion is a generation of its own.
            let seen = condition_in(object, "Ready").map(|ready| &ready["observedGeneration"]);
            object["metadata"]["deletionTimestamp"].is_string()
                && seen == Some(&object["metadata"]["generation"])
                && condition(object, "Ready").starts_with(words)
        })?;
    }
    assert_eq!(writes_since(&stage, from), [""; 0]);

    stage.apply_object(&secret(world::CLIENT_SECRET))?;
    for manifest in &others {
        let (kind, name, namespace) = place(manifest);
        stage.wait_gone(kind, name, namespace, SOON)?;
    }
    assert_eq!(stage.emulator().collection("accessPackages")?, Vec::<Value>::new());
    assert_eq!(stage.emulator().collection("catalogs")?.len(), 1, "General");
    Ok(())
}

fn metrics(address: &str) -> Outcome<String> {
    use std::io::{Read as _, Write as _};
    let mut connection = std::net::TcpStream::connect(address)?;
    connection.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Visits of a kind, whatever came of them.
fn reconciles(metrics: &str, kind: &str) -> f64 {
    let begin = format!("entra_access_operator_reconciles_total{{kind=\"{kind}\"");
    let lines = metrics.lines().filter(|line| line.starts_with(&begin));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[test]
fn what_stays_in_entra_since_its_status_was_lost_is_told_when_its_object_goes() -> Outcome {
    let stage = furnished()?;
    let id = entra_id(&now(&stage, &policy())?);
    let (kind, name, namespace) = (place(&policy()).0.to_owned(), CAMPAIGN, Some(NAMESPACE));
    let lost = json!({"status": {"entra": null, "applied": null, "intent": null}});
    stage.patch(&kind, name, namespace, &lost)?;
    wait_reason(&stage, &policy(), "Ready", "AdoptionRequired")?;
    stage.delete(&kind, name, namespace)?;
    stage.wait_gone(&kind, name, namespace, SOON)?;
    let words = format!("this object stood for assignment policy {id} before its status was lost");
    assert_eq!(told(&stage, (&kind, name, namespace), &words)?, ["Warning"]);
    assert!(
        element(&stage, "assignmentPolicies", &id)?.is_some(),
        "it is not proven to be ours"
    );
    Ok(())
}

#[test]
fn an_event_tells_what_was_done_this_time_and_not_what_was_done_before() -> Outcome {
    let stage = furnished()?;
    for words in ["First", "Second"] {
        apply_ready(&stage, &patched(package(), json!({"spec": {"description": words}})))?;
        wait_event(&stage, &package(), "Updated", words)?;
    }
    Ok(())
}
