//! The credentials, each against the stand-in's token endpoint.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Once;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_access_operator::graph::{Access, Credential, Graph, GraphErrorKind, Secret};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, PublicKeyData};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stand_in::{CLIENT, Reply, SECRET, StandIn, TENANT, TOKEN};

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_secret_gets_a_token_for_the_clouds_own_scope() {
    let stand_in = StandIn::playing(vec![]).await;

    let claims = stand_in.graph().token_claims().await.unwrap();

    assert_eq!(claims.roles, ["EntitlementManagement.ReadWrite.All"]);
    assert_eq!(claims.app_id.as_deref(), Some("a"));
    assert_eq!(
        (claims.object_id.as_deref(), claims.tenant_id.as_deref()),
        (Some("o"), Some(TENANT))
    );
    let asked = &stand_in.tokens()[0];
    assert_eq!(asked.path, format!("/{TENANT}/oauth2/v2.0/token"));
    assert_eq!(
        asked.form("scope").as_deref(),
        Some("https://graph.microsoft.com/.default")
    );
    assert_eq!(asked.form("client_secret").as_deref(), Some(SECRET));
}

#[tokio::test]
async fn a_certificate_signs_an_assertion_that_its_public_key_verifies() {
    let stand_in = StandIn::playing(vec![]).await;
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let other_key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let certificate = |key: &KeyPair| {
        CertificateParams::new(vec!["operator".to_owned()])
            .unwrap()
            .self_signed(key)
            .unwrap()
    };
    let own = certificate(&key);
    // An issuer's certificate may come first: the one of the key is the one that is named.
    let pem = format!("{}{}{}", certificate(&other_key).pem(), own.pem(), key.serialize_pem());
    let graph = stand_in.client(Credential::ClientCertificate {
        client_id: CLIENT.to_owned(),
        pem: pem.into(),
    });

    graph.token_claims().await.unwrap();

    let asked = &stand_in.tokens()[0];
    assert_eq!(
        asked.form("client_assertion_type").as_deref(),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    let assertion = asked.form("client_assertion").unwrap();
    let parts: Vec<&str> = assertion.split('.').collect();
    let header = decoded(parts[0]);
    assert_eq!(header["alg"], "RS256");
    assert_eq!(
        header["x5t"],
        URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, own.der()))
    );
    assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(digest(&SHA256, own.der())));
    let claims = decoded(parts[1]);
    assert_eq!(claims["aud"], format!("{}{TENANT}/oauth2/v2.0/token", stand_in.url));
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
    assert!(claims["exp"].as_u64() > claims["nbf"].as_u64());
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.subject_public_key_info())
        .verify(
            format!("{}.{}", parts[0], parts[1]).as_bytes(),
            &URL_SAFE_NO_PAD.decode(parts[2]).unwrap(),
        )
        .expect("the signature is the key's");
}

#[tokio::test]
async fn a_workload_identity_presents_the_projected_token() {
    let stand_in = StandIn::playing(vec![]).await;
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("token-{}", Uuid::new_v4()));
    std::fs::write(&file, "projected-token").unwrap();
    let graph = stand_in.client(Credential::WorkloadIdentity {
        client_id: CLIENT.to_owned(),
        token_file: Some(file.clone()),
    });
    std::fs::remove_file(&file).unwrap();

    graph.token_claims().await.unwrap();

    assert_eq!(
        stand_in.tokens()[0].form("client_assertion").as_deref(),
        Some("projected-token")
    );
    let missing = Credential::WorkloadIdentity {
        client_id: CLIENT.to_owned(),
        token_file: Some(file),
    };
    let error = Graph::new(&stand_in.endpoint(), TENANT, missing, Access::ReadWrite).unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::TokenRefused);
}

#[tokio::test]
async fn a_wrong_secret_is_refused_with_its_code_and_nothing_secret() {
    let stand_in = StandIn::playing(vec![]).await;
    let description = "AADSTS7000215: Invalid client secret provided. Trace ID: 1 Correlation ID: 2\r\nTimestamp: 3";
    stand_in.next_token(Reply::json(
        401,
        json!({"error": "invalid_client", "error_description": description, "error_codes": [7000215]}),
    ));

    let error = stand_in.graph().list_catalogs().await.unwrap_err();

    assert_eq!(error.kind, GraphErrorKind::TokenRefused);
    assert!(error.has_code("AADSTS7000215") && !error.is_transient());
    assert_eq!(
        error.to_string(),
        "catalogs.list: token refused AADSTS7000215: Invalid client secret provided."
    );
    assert!(!format!("{error:?}").contains(SECRET));
    assert!(stand_in.seen().is_empty(), "Graph was asked without a token");
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_is_an_outage() {
    let stand_in = StandIn::playing(vec![]).await;
    let mut endpoint = stand_in.endpoint();
    // Port 1 refuses connections everywhere that tests run.
    endpoint.authority_host = Some("https://localhost:1".parse().unwrap());
    let credential = Credential::ClientSecret {
        client_id: CLIENT.to_owned(),
        secret: SECRET.into(),
    };
    let graph = Graph::new(&endpoint, TENANT, credential, Access::ReadWrite).unwrap();

    let error = graph.list_catalogs().await.unwrap_err();

    assert_eq!(error.kind, GraphErrorKind::AuthorityUnreachable, "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_token_that_is_asked_for_anew_is_fetched_anew() {
    let empty = || Reply::json(200, json!({"value": []}));
    let stand_in = StandIn::playing(vec![empty(), empty(), empty()]).await;
    let graph = stand_in.graph();
    graph.list_catalogs().await.unwrap();
    graph.list_catalogs().await.unwrap();
    assert_eq!(stand_in.tokens().len(), 1);
    graph.clone().renew_token().unwrap();
    assert_eq!(graph.token_age(), None);
    graph.list_catalogs().await.unwrap();
    assert_eq!(stand_in.tokens().len(), 2, "consent that was given since shows");
}

#[tokio::test]
async fn what_was_forbidden_to_a_token_is_forgotten_with_it() {
    let stand_in = StandIn::playing(vec![
        Reply::error(403, "Authorization_RequestDenied", vec![]),
        Reply::json(200, json!({"value": []})),
    ])
    .await;
    let graph = stand_in.graph();
    assert!(!graph.token_lacks_something());
    graph.list_catalogs().await.unwrap_err();
    assert!(graph.token_lacks_something());
    graph.renew_token().unwrap();
    assert!(!graph.token_lacks_something());
    graph.list_catalogs().await.unwrap();
    assert!(!graph.token_lacks_something());
}

#[tokio::test]
async fn a_token_that_graph_refuses_is_made_anew_once_and_then_told() {
    let refused = || Reply::error(401, "InvalidAuthenticationToken", vec![]);
    let stand_in = StandIn::playing(vec![
        refused(),
        Reply::json(201, json!({"id": "req", "state": "submitted"})),
        refused(),
        refused(),
        refused(),
    ])
    .await;
    let graph = stand_in.graph();

    graph.request_assignment_remove(&"a".into()).await.unwrap();
    assert_eq!(
        (stand_in.seen().len(), stand_in.tokens().len()),
        (2, 2),
        "refused is not carried out"
    );
    let told = graph.list_catalogs().await.unwrap_err();
    let again = stand_in.graph().list_catalogs().await.unwrap_err();

    assert_eq!(
        stand_in.tokens().len(),
        4,
        "one fresh token in a minute, for each handle"
    );
    for error in [told, again] {
        assert_eq!((error.kind, error.status), (GraphErrorKind::TokenRefused, Some(401)));
        assert!(error.message.contains("refuses even a fresh token"), "{error}");
    }
    assert_eq!(stand_in.seen().len(), 5);
}

#[test]
fn no_output_of_a_credential_shows_a_secret() {
    let secret = Secret::from("hunter2");
    assert!(!format!("{secret} {secret:?}").contains("hunter2"));
    for credential in [
        Credential::ClientSecret {
            client_id: CLIENT.to_owned(),
            secret: "hunter2".into(),
        },
        Credential::ClientCertificate {
            client_id: CLIENT.to_owned(),
            pem: "hunter2".into(),
        },
    ] {
        let shown = format!("{credential:?} {credential:#?}");
        assert!(!shown.contains("hunter2") && shown.contains(CLIENT));
    }
}

thread_local! {
    /// What this thread logged; a test and all that it spawns run on a thread of their own.
    pub(crate) static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThreadLog;

impl std::io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One subscriber for the whole process: whether a line is of interest is decided once for all threads, so that one for
/// a single thread may never see a line that another thread met first.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(|| ThreadLog)
            .init();
    });
}

#[tokio::test]
async fn no_log_line_has_a_token_a_secret_a_body_or_a_value_of_a_query() {
    listen();
    LOG.take();
    let stand_in = StandIn::playing(vec![
        Reply::json(200, json!({"value": [{"id": "c", "displayName": "answered-name"}]})),
        Reply::error(403, "UnAuthorized", vec![]),
    ])
    .await;
    let graph = stand_in.graph();
    graph.find_catalogs_named("asked-name").await.unwrap();
    graph.delete_catalog(&"c".into()).await.unwrap_err();

    let log = LOG.with_borrow(|log| String::from_utf8(log.clone()).unwrap());
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("Graph request")).collect();
    assert_eq!(ours.len(), 2, "{log}");
    assert!(
        ours[1].contains("catalogs.delete") && ours[1].contains("403") && ours[1].contains("r-77"),
        "{}",
        ours[1]
    );
    for forbidden in [TOKEN, SECRET, "answered-name"] {
        assert!(!log.contains(forbidden), "{forbidden} is in the log: {log}");
    }
    assert!(ours.iter().all(|line| !line.contains("asked-name")), "{ours:?}");
}

#[tokio::test]
async fn a_certificate_that_cannot_sign_is_refused_in_words() {
    let stand_in = StandIn::playing(vec![]).await;
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let other = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let certificate = CertificateParams::new(vec!["operator".to_owned()])
        .unwrap()
        .self_signed(&other)
        .unwrap();
    for (pem, why) in [
        (certificate.pem(), "no private key"),
        (key.serialize_pem(), "no certificate of its private key"),
        (
            format!("{}{}", certificate.pem(), key.serialize_pem()),
            "no certificate of its private key",
        ),
        (KeyPair::generate().unwrap().serialize_pem(), "not an RSA key"),
    ] {
        let credential = Credential::ClientCertificate {
            client_id: CLIENT.to_owned(),
            pem: pem.into(),
        };
        let error = Graph::new(&stand_in.endpoint(), TENANT, credential, Access::ReadWrite).unwrap_err();
        assert_eq!(error.kind, GraphErrorKind::TokenRefused);
        assert!(error.message.contains(why), "{error}");
    }
}
