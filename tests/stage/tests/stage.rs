//! Tenant and cluster together.

use serde_json::json;
use stage::{Emulator, OPERATOR_NAMESPACE, SECRET_NAME, Signal, Stage, world};

#[test]
fn a_stage_has_the_definitions_the_secret_and_a_tenant_that_can_be_changed_and_reset() {
    let stage = Stage::builder("").without_operator().start().unwrap();

    let tenant = stage.apply(&stage.tenant_manifest("default")).unwrap();
    assert_eq!(tenant.trim(), "entratenant.access.entra-operator.io/default created");
    assert_eq!(stage.list("eapol", None).unwrap(), Vec::<serde_json::Value>::new());
    assert!(
        stage
            .get("secret", SECRET_NAME, Some(OPERATOR_NAMESPACE))
            .unwrap()
            .is_some()
    );
    let refused = stage.apply_refused(
        "{apiVersion: access.entra-operator.io/v1alpha1, kind: EntraTenant, metadata: {name: empty}, spec: {}}",
    );
    assert!(refused.unwrap().contains("spec.tenantId"));

    let emulator = stage.emulator();
    let general = || emulator.collection("catalogs").unwrap().remove(0);
    assert_eq!(general()["displayName"], "General");
    emulator
        .patch_state(
            "catalogs",
            world::GENERAL_CATALOG_ID,
            &json!({"displayName": "Renamed"}),
        )
        .unwrap();
    assert_eq!(general()["displayName"], "Renamed");
    emulator.reset();
    assert_eq!(general()["displayName"], "General");
    let unknown = emulator.set_quirks(&json!({"noSuchQuirk": true})).unwrap_err();
    assert!(unknown.to_string().contains("noSuchQuirk"), "{unknown}");
    assert_eq!(emulator.mark(), 0, "the control endpoint is not in the log of requests");

    let assertion = stage.service_account_token(
        OPERATOR_NAMESPACE,
        OPERATOR_NAMESPACE,
        Some("api://AzureADTokenExchange"),
    );
    let status = exchange(emulator, &assertion.unwrap());
    assert_eq!(
        status,
        Ok(200),
        "the tenant trusts a token of the operator's service account"
    );
    let other = stage.service_account_token("default", "default", Some("api://AzureADTokenExchange"));
    assert_eq!(exchange(emulator, &other.unwrap()), Ok(401), "and no other's");
    stage.stop();
}

#[test]
fn the_portal_makes_changes_and_deletes_and_the_log_is_read_from_a_mark() {
    let emulator = Emulator::start(world::WORLD).unwrap();
    let package = json!({"displayName": "By hand", "catalog": {"id": world::GENERAL_CATALOG_ID}});
    let made = emulator.create_state("accessPackages", &package).unwrap();
    let id = made["id"].as_str().unwrap();
    emulator
        .patch_state("accessPackages", id, &json!({"isHidden": true}))
        .unwrap();
    let seen = emulator.element("accessPackages", id).unwrap().unwrap();
    assert_eq!(
        (&seen["displayName"], &seen["isHidden"]),
        (&json!("By hand"), &json!(true))
    );
    emulator.delete_state("accessPackages", id).unwrap();
    assert_eq!(emulator.element("accessPackages", id).unwrap(), None);
    assert!(emulator.element("nonsense", id).is_err());
    assert!(emulator.directory()["groups"].is_array());
    let grant = json!({"appPermissions": []});
    emulator.patch_state("applications", world::CLIENT_ID, &grant).unwrap();
    let wrong = emulator.create_state("accessPackages", &json!({"displayName": "No catalog"}));
    assert!(wrong.unwrap_err().to_string().contains("catalog"));

    emulator
        .set_quirks(&json!({"failNext": {"count": 1, "status": 503}}))
        .unwrap();
    assert_eq!(emulator.quirks()["failNext"]["count"], 1);
    let mark = emulator.mark();
    assert_eq!(emulator.graph_calls_since(mark), Vec::<serde_json::Value>::new());
}

/// An access package of the namespace `marketing`; without CEL it may name its catalog in no way at all.
fn package(annotations: &serde_json::Value) -> serde_json::Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AccessPackage",
        "metadata": {"name": "campaign", "namespace": "marketing", "annotations": annotations},
        "spec": {"displayName": "Campaign", "description": "A test's.", "catalogRef": {"name": "marketing"}, "resourceRoles": []},
    })
}

#[test]
fn a_team_has_its_packages_and_policies_but_not_their_status_and_the_chart_refuses_what_only_the_operator_sets() {
    let stage = Stage::builder("")
        .without_operator()
        .team("marketing")
        .admission_policy()
        .start()
        .unwrap();
    let team = stage.team("marketing").unwrap();
    team.apply_object(&package(&json!({}))).unwrap();
    let status = "/apis/access.entra-operator.io/v1alpha1/namespaces/marketing/accesspackages/campaign/status";
    let ready = json!({"status": {"observedGeneration": 1}});
    let merge = "application/merge-patch+json";
    let forbidden = team.request("PATCH", status, merge, Some(&ready)).unwrap_err();
    assert_eq!(forbidden.code(), Some(403), "by its role: {forbidden}");
    let refused = stage.request("PATCH", status, merge, Some(&ready)).unwrap_err();
    assert!(
        refused.to_string().contains("only the operator writes status"),
        "{refused}"
    );
    let operator = stage.operator_user().unwrap();
    operator.request("PATCH", status, merge, Some(&ready)).unwrap();
    let claimed = package(&json!({"access.entra-operator.io/external-id": "somebody-else's"}));
    let refused = team.apply_object(&claimed).unwrap_err();
    assert!(refused.to_string().contains("only the operator sets it"), "{refused}");
    assert_eq!(team.list("catalogs", None).unwrap_err().code(), Some(403));
    assert_eq!(
        team.list("accesspackages", Some("default")).unwrap_err().code(),
        Some(403)
    );
    assert!(stage.team("sales").is_err());
}

#[test]
fn definitions_without_cel_take_what_the_rules_would_refuse() {
    let empty = "{apiVersion: access.entra-operator.io/v1alpha1, kind: AssignmentPolicy, \
        metadata: {name: empty, namespace: marketing}, spec: {displayName: Empty, description: Empty., \
        accessPackageRef: {name: campaign}, requestors: {scope: None}, approval: {notRequired: {}}, expiration: {}}}";
    let builder = Stage::builder("").without_operator().team("marketing");
    let strict = builder.clone().start().unwrap();
    let refused = strict.apply_refused(empty).unwrap();
    assert!(refused.contains("expiration"), "{refused}");
    drop(strict);
    let loose = builder.without_cel().start().unwrap();
    loose.apply(empty).unwrap();
}

#[test]
fn an_operator_can_start_late_crash_and_start_again() {
    let sleeper = std::env::temp_dir().join(format!("stage-sleeper-{}.sh", std::process::id()));
    std::fs::write(&sleeper, "#!/bin/sh\necho started\nexec sleep 600\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&sleeper, mode).unwrap();
    let mut stage = Stage::builder(&sleeper).operator_later().start().unwrap();
    let operator = stage.operator().unwrap();
    assert_eq!(operator.pid(), None);
    operator.restart().unwrap();
    let first = operator.pid().unwrap();
    assert!(!operator.kill().unwrap().success());
    assert_eq!(operator.pid(), None);
    operator.restart().unwrap();
    assert_ne!(operator.pid().unwrap(), first);
    operator.stop();
    std::fs::remove_file(&sleeper).unwrap();

    let api_server = stage.api_server();
    let (pid, mut state) = (api_server.pid(), String::new());
    for (signal, letters) in [(Signal::Stop, "T"), (Signal::Continue, "RS")] {
        api_server.signal(signal).unwrap();
        stage::wait_for("the signal to arrive", std::time::Duration::from_secs(5), || {
            state = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| error.to_string())?;
            let letter = state.rsplit(") ").next().and_then(|rest| rest.chars().next());
            letter
                .filter(|letter| letters.contains(*letter))
                .ok_or_else(|| state.clone())
        })
        .unwrap();
    }
    stage.list("namespaces", None).unwrap();
}

/// Asks for a token as workload identity does; answers the HTTP status.
fn exchange(emulator: &Emulator, assertion: &str) -> Result<u16, String> {
    let asked = || -> Result<u16, Box<dyn std::error::Error>> {
        let trusted = reqwest::Certificate::from_pem_bundle(&std::fs::read(emulator.ca_file())?)?;
        let http = reqwest::blocking::Client::builder()
            .tls_certs_only(trusted)
            .no_proxy()
            .build()?;
        let form = [
            "grant_type=client_credentials",
            &format!("client_id={}", world::CLIENT_ID),
            "scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
            "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
            &format!("client_assertion={assertion}"),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", emulator.authority(), world::TENANT_ID);
        let request = http
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form.join("&"));
        Ok(request.send()?.status().as_u16())
    };
    asked().map_err(|error| error.to_string())
}
