//! Tenant and cluster together.

use serde_json::json;
use stage::{Emulator, OPERATOR_NAMESPACE, SECRET_NAME, Stage, world};

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
