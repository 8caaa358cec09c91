//! The token endpoint.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use graph_emulator::Quirks;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SigningKey as _};
use serde_json::{Value, json};

use crate::tenant::{EM, OPERATOR, TENANT, Tenant, WORLD};

/// Tenant, form, status, number.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str);

const SCOPE: (&str, &str) = ("scope", "https://graph.microsoft.com/.default");
const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const JWT: (&str, &str) = (
    "client_assertion_type",
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
);

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn soon(seconds: i64) -> i64 {
    jiff::Timestamp::now().as_second() + seconds
}

fn unsigned(claims: &Value) -> String {
    format!(
        "{}.{}.{}",
        part(&json!({"alg": "RS256"})),
        part(claims),
        URL_SAFE_NO_PAD.encode("no signature")
    )
}

async fn with_assertion(tenant: &Tenant, assertion: &str) -> (u16, Value) {
    tenant
        .token_request(
            TENANT,
            &[
                ("client_id", OPERATOR),
                SCOPE,
                GRANT,
                JWT,
                ("client_assertion", assertion),
            ],
        )
        .await
}

#[tokio::test]
async fn a_secret_gives_a_token_with_the_applications_claims() {
    let tenant = Tenant::start().await;
    let claims = URL_SAFE_NO_PAD.decode(tenant.token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (&claims["appid"], &claims["tid"], &claims["idtyp"]),
        (&json!(OPERATOR), &json!(TENANT), &json!("app"))
    );
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{TENANT}/"));
    assert_eq!(claims["oid"], "5c0f7d0e-0000-4b43-9a53-0f3f4a7b6f11");
    assert!(
        claims["roles"]
            .as_array()
            .unwrap()
            .contains(&json!("EntitlementManagement.ReadWrite.All"))
    );
}

#[tokio::test]
async fn refusals_carry_entras_numbers() {
    let tenant = Tenant::start().await;
    let secret = ("client_secret", "not-a-real-secret");
    let stranger = "99999999-2f0c-4b43-9a53-0f3f4a7b6f11";
    let cases: [Case<'_>; 6] = [
        (
            TENANT,
            &[("client_id", OPERATOR), SCOPE, GRANT, ("client_secret", "wrong")],
            401,
            "AADSTS7000215",
        ),
        (
            TENANT,
            &[("client_id", stranger), SCOPE, GRANT, secret],
            400,
            "AADSTS700016",
        ),
        (
            "fabrikam.com",
            &[("client_id", OPERATOR), SCOPE, GRANT, secret],
            400,
            "AADSTS90002",
        ),
        (
            TENANT,
            &[("client_id", OPERATOR), SCOPE, ("grant_type", "password"), secret],
            400,
            "AADSTS70003",
        ),
        (
            TENANT,
            &[("client_id", OPERATOR), ("scope", "User.Read"), GRANT, secret],
            400,
            "AADSTS70011",
        ),
        (TENANT, &[("client_id", OPERATOR), SCOPE, GRANT], 401, "AADSTS7000218"),
    ];
    for (name, form, status, number) in cases {
        let (seen, body) = tenant.token_request(name, form).await;
        assert_eq!(seen, status, "{body}");
        assert!(
            body["error_description"].as_str().unwrap().starts_with(number),
            "{body}"
        );
        assert!(!body.to_string().contains("wrong"), "no secret in an answer");
    }
    let wrong = tenant.token_request(TENANT, cases[0].1).await.1;
    assert_eq!(
        (&wrong["error"], &wrong["error_codes"]),
        (&json!("invalid_client"), &json!([7_000_215]))
    );
}

#[tokio::test]
async fn a_federated_token_must_match_issuer_subject_and_audience() {
    let tenant = Tenant::start().await;
    let right = json!({"iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:entra:operator",
        "aud": ["api://AzureADTokenExchange"], "exp": soon(600), "nbf": soon(-10)});
    assert_eq!(with_assertion(&tenant, &unsigned(&right)).await.0, 200);
    for (claim, value) in [
        ("iss", json!("https://elsewhere")),
        ("sub", json!("system:serviceaccount:entra:other")),
        ("aud", json!("api://other")),
    ] {
        let mut wrong = right.clone();
        wrong[claim] = value;
        let (status, body) = with_assertion(&tenant, &unsigned(&wrong)).await;
        assert!(
            status == 401 && body["error_description"].as_str().unwrap().starts_with("AADSTS700213"),
            "{body}"
        );
    }
    let mut old = right.clone();
    old["exp"] = json!(soon(-3600));
    assert!(
        with_assertion(&tenant, &unsigned(&old)).await.1["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADSTS700024")
    );
}

#[tokio::test]
async fn a_certificate_signs_an_assertion_and_a_foreign_or_changed_one_does_not() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = CertificateParams::new(vec!["operator".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let pem: String = certificate.pem().lines().map(|line| format!("    {line}\n")).collect();
    let world = WORLD.replacen(
        "  secret: not-a-real-secret\n",
        &format!("  secret: not-a-real-secret\n  certificate: |\n{pem}"),
        1,
    );
    let tenant = Tenant::of(&world, Quirks::default()).await;
    let audience = format!("{}/{TENANT}/oauth2/v2.0/token", tenant.running.endpoints.authority);
    let thumbprint =
        URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.der()).as_ref());
    let old_thumbprint = URL_SAFE_NO_PAD
        .encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.der()).as_ref());
    let sign = |key: &KeyPair, header: Value, audience: &str, seconds: i64| {
        let claims = json!({"aud": audience, "iss": OPERATOR, "sub": OPERATOR, "jti": "1", "nbf": soon(-10), "exp": soon(seconds)});
        let head = format!("{}.{}", part(&header), part(&claims));
        // rcgen signs in ASN.1; a JWT holds the two numbers side by side.
        let fixed = fixed(&key.sign(head.as_bytes()).unwrap());
        format!("{head}.{}", URL_SAFE_NO_PAD.encode(fixed))
    };
    let header = json!({"alg": "ES256", "typ": "JWT", "x5t#S256": thumbprint});
    assert_eq!(
        with_assertion(&tenant, &sign(&key, header.clone(), &audience, 600))
            .await
            .0,
        200
    );
    let old = json!({"alg": "ES256", "x5t": old_thumbprint});
    assert_eq!(with_assertion(&tenant, &sign(&key, old, &audience, 600)).await.0, 200);
    let stranger = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let refused = [
        (sign(&stranger, header.clone(), &audience, 600), "AADSTS700027"),
        (
            sign(&key, json!({"alg": "ES256", "x5t": "AAAA"}), &audience, 600),
            "AADSTS700027",
        ),
        (sign(&key, json!({"alg": "ES256"}), &audience, 600), "AADSTS700027"),
        (
            sign(&key, json!({"alg": "none", "x5t#S256": thumbprint}), &audience, 600),
            "AADSTS700027",
        ),
        (
            sign(&key, header.clone(), "https://elsewhere/token", 600),
            "AADSTS700023",
        ),
        (sign(&key, header, &audience, -3600), "AADSTS700024"),
        ("not.a.jwt".to_owned(), "AADSTS50027"),
    ];
    for (assertion, number) in refused {
        let (status, body) = with_assertion(&tenant, &assertion).await;
        assert!(
            status == 401 && body["error_description"].as_str().unwrap().starts_with(number),
            "{number}: {body}"
        );
    }
}

/// The two numbers of an ASN.1 signature, 32 bytes each.
fn fixed(signature: &[u8]) -> Vec<u8> {
    let mut rest = &signature[2..];
    let mut out = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let number = &number[number.len().saturating_sub(32)..];
        out.extend(std::iter::repeat_n(0, 32 - number.len()));
        out.extend_from_slice(number);
        rest = &rest[2 + length..];
    }
    out
}

#[tokio::test]
async fn graph_wants_a_token_that_this_tenant_made() {
    let mut tenant = Tenant::start().await;
    let good = tenant.token.clone();
    tenant.token = format!("{}x", &good[..good.len() - 1]);
    let refused = tenant.get(&format!("{EM}/catalogs")).await;
    refused.refused(401, "InvalidAuthenticationToken");
    assert!(
        refused.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer ")
    );
    let url = format!("{}{EM}/catalogs", tenant.running.endpoints.graph);
    assert_eq!(tenant.client.get(url).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_openid_configuration_names_the_token_endpoint() {
    let tenant = Tenant::start().await;
    let authority = &tenant.running.endpoints.authority;
    let url = format!("{authority}/{TENANT}/v2.0/.well-known/openid-configuration");
    let body: Value = tenant.client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        body["token_endpoint"],
        format!("{authority}/{TENANT}/oauth2/v2.0/token")
    );
}

#[tokio::test]
async fn an_rsa_certificate_signs_an_assertion_too() {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let certificate = CertificateParams::new(vec!["operator".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let pem: String = certificate.pem().lines().map(|line| format!("    {line}\n")).collect();
    let replaced = format!("  certificate: |\n{pem}");
    let world = WORLD.replacen(
        "  secret: not-a-real-secret\n",
        &format!("  secret: not-a-real-secret\n{replaced}"),
        1,
    );
    let tenant = Tenant::of(&world, Quirks::default()).await;
    let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
    let claims = json!({"aud": format!("{}/{TENANT}/oauth2/v2.0/token", tenant.running.endpoints.authority), "iss": OPERATOR,
        "sub": OPERATOR, "jti": "1", "nbf": soon(-10), "exp": soon(600)});
    let header = json!({"alg": "RS256", "typ": "JWT", "x5t": URL_SAFE_NO_PAD.encode(thumbprint.as_ref())});
    let head = format!("{}.{}", part(&header), part(&claims));
    let assertion = format!("{head}.{}", URL_SAFE_NO_PAD.encode(key.sign(head.as_bytes()).unwrap()));
    let (status, body) = with_assertion(&tenant, &assertion).await;
    assert_eq!(status, 200, "{body}");
}
