//! The tenant's weather, and what carries a request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use entra_access_operator::graph::{
    Access, Cloud, Credential, Endpoint, Graph, GraphErrorKind, Line, LineBody, LineError, NotSent,
};
use entra_access_operator::{chance::Chance, clock::Clock};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};

use crate::stand_in::{CLIENT, Reply, SECRET, StandIn, TENANT, TOKEN};

/// The URIs that went over a line.
type Carried = Arc<Mutex<Vec<String>>>;

fn body(text: impl Into<Bytes>) -> LineBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A line without sockets: this answers Graph, tokens are given.
fn line<A>(answer: A) -> (Line, Carried)
where
    A: Fn(&Request<Full<Bytes>>) -> Result<Response<LineBody>, LineError> + Send + Sync + 'static,
{
    let carried = Carried::default();
    let (seen, answer) = (carried.clone(), Arc::new(answer));
    let service = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let (seen, answer) = (seen.clone(), answer.clone());
        async move {
            seen.lock().unwrap().push(request.uri().to_string());
            if request.uri().path().contains("/token") {
                let granted = json!({"token_type": "Bearer", "expires_in": 3599, "expires_on": "4102444800",
                    "resource": "r", "access_token": TOKEN});
                return Ok(Response::new(body(granted.to_string())));
            }
            answer(&request)
        }
    });
    (Line::new(service), carried)
}

fn over(line: Line, tenant: &str, credential: Credential) -> Graph {
    Graph::over(
        line,
        (Clock::system(), Chance::system()),
        &Endpoint::of(Cloud::Global),
        tenant,
        credential,
        Access::ReadWrite,
    )
    .unwrap()
}

fn secret() -> Credential {
    Credential::ClientSecret {
        client_id: CLIENT.to_owned(),
        secret: SECRET.into(),
    }
}

#[tokio::test]
async fn what_one_is_asked_to_wait_the_tenant_waits() {
    let wait = |seconds: &str| vec![("retry-after", seconds.to_owned())];
    let stand_in = StandIn::playing(vec![
        Reply::error(429, "TooManyRequests", wait("1")),
        Reply::json(200, json!({"value": []})),
        Reply::json(200, json!({"value": []})),
    ])
    .await;
    let graph = stand_in.graph();
    graph.token_claims().await.unwrap();
    let hurried = graph.with_deadline(Duration::from_millis(400));

    let own = hurried.list_catalogs().await.unwrap_err();
    let others = [
        hurried.clone().get_catalog(&"c".into()).await.unwrap_err(),
        hurried.read_only().list_resources(&"c".into()).await.unwrap_err(),
    ];
    assert_eq!(stand_in.seen().len(), 1, "each learned by its own 429");
    assert_eq!(own.retry_after, Some(Duration::from_secs(1)));
    for (error, name) in others.iter().zip(["catalogs.get", "catalogs.resources.list"]) {
        assert_eq!((error.kind, error.status), (GraphErrorKind::Throttled, Some(429)));
        assert!(error.is_transient() && error.retry_after.unwrap() > Duration::from_millis(300));
        assert_eq!(
            error.to_string(),
            format!("{name}: HTTP 429 TooManyRequests: TooManyRequests it is")
        );
        assert!(
            error.trace().unwrap().contains("request-id r-77"),
            "the answer behind it can be asked about"
        );
    }

    // Whoever has the time waits, and is answered.
    let (one, other) = tokio::join!(graph.list_catalogs(), graph.list_catalogs());
    assert!(one.is_ok() && other.is_ok());
    let seen = stand_in.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_long_wait_is_obeyed_as_given() {
    let wait = vec![("retry-after", "900".to_owned())];
    let stand_in = StandIn::playing(vec![Reply::error(503, "ServiceUnavailable", wait)]).await;
    let graph = stand_in.graph();
    graph.list_catalogs().await.unwrap_err();
    let held = graph.list_catalogs().await.unwrap_err();
    assert_eq!(held.kind, GraphErrorKind::ServiceUnavailable);
    assert!(held.retry_after.unwrap() > Duration::from_secs(895));
    assert_eq!(stand_in.seen().len(), 1);
}

#[tokio::test]
async fn three_lost_answers_hold_the_tenant_back_and_a_broken_request_does_not() {
    let lost = || Reply::error(504, "GatewayTimeout", vec![]);
    let broken = (0..4).map(|_| Reply::error(500, "InternalServerError", vec![]));
    let stand_in = StandIn::playing(broken.chain([lost(), lost(), lost()]).collect()).await;
    let graph = stand_in.graph();
    graph.token_claims().await.unwrap();
    let hurried = graph.with_deadline(Duration::from_millis(100));
    for _ in 0..7 {
        hurried.list_catalogs().await.unwrap_err();
    }
    let held = hurried.list_catalogs().await.unwrap_err();
    assert_eq!(
        (held.kind, held.status),
        (GraphErrorKind::ServiceUnavailable, Some(504))
    );
    assert_eq!(stand_in.seen().len(), 7, "a tenant that does not answer was asked on");
}

#[tokio::test]
async fn an_authority_that_nobody_reaches_is_asked_by_one_at_a_time() {
    let asked = Arc::new(Mutex::new(0));
    let counted = asked.clone();
    let service = tower::service_fn(move |_: Request<Full<Bytes>>| {
        *counted.lock().unwrap() += 1;
        async { Err::<Response<LineBody>, LineError>(Box::new(NotSent("no route".to_owned()))) }
    });
    let turned = Arc::new(Mutex::new(0));
    let told = turned.clone();
    let graph = over(Line::new(service), TENANT, secret()).forecasting(Arc::new(move || *told.lock().unwrap() += 1));
    let hurried = graph.with_deadline(Duration::from_millis(100));
    for _ in 0..3 {
        hurried.list_catalogs().await.unwrap_err();
    }
    assert!(graph.away().is_none(), "three lost answers may be a moment's");
    let before = *asked.lock().unwrap();
    for _ in 0..50 {
        let held = hurried.list_catalogs().await.unwrap_err();
        assert!(held.is_transient() && held.retry_after.is_some(), "{held}");
    }
    assert_eq!(*asked.lock().unwrap(), before, "each asked for a token of its own");

    // The next waits for its turn, and is the probe.
    let probe = graph.with_deadline(Duration::from_secs(3));
    probe.list_catalogs().await.unwrap_err();
    assert!(*asked.lock().unwrap() > before);
    let away = graph.away().unwrap();
    assert!(away.error.is_transient() && !away.left.is_zero(), "{away:?}");
    assert_eq!(*turned.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_list_that_takes_long_gets_on_page_by_page() {
    let pages = 5;
    let left = Arc::new(Mutex::new(pages));
    let (line, _) = line(move |_| {
        let mut left = left.lock().unwrap();
        *left -= 1;
        let mut page = json!({"value": [{"id": left.to_string()}]});
        if *left > 0 {
            page["@odata.nextLink"] = format!("https://graph.microsoft.com/v1.0/next?$skiptoken={left}").into();
        }
        // Each page takes its time.
        let late = futures::stream::once(async move {
            tokio::time::sleep(Duration::from_millis(150)).await;
            Ok(http_body::Frame::data(Bytes::from(page.to_string())))
        });
        Ok(Response::new(StreamBody::new(late).boxed_unsync()))
    });
    let graph = over(line, TENANT, secret()).with_deadline(Duration::from_millis(450));
    let catalogs = graph.list_catalogs().await.unwrap();
    assert_eq!(catalogs.elements.len(), pages);
}

#[tokio::test]
async fn a_body_without_end_is_cut_in_words() {
    let (line, _) = line(|request| {
        let piece = || Ok(http_body::Frame::data(Bytes::from(vec![b' '; 1024 * 1024])));
        let endless = futures::stream::repeat_with(piece);
        let status = if request.method() == "POST" { 201 } else { 200 };
        Ok(Response::builder()
            .status(status)
            .body(StreamBody::new(endless).boxed_unsync())
            .unwrap())
    });
    let graph = over(line, TENANT, secret());
    let read = graph.list_catalogs().await.unwrap_err();
    let created = graph.request_assignment_remove(&"a".into()).await.unwrap_err();
    assert_eq!(read.kind, GraphErrorKind::InvalidResponse);
    assert!(read.message.contains("longer than 64 MiB"), "{read}");
    assert_eq!(created.kind, GraphErrorKind::OutcomeUnknown, "it may have been done");
}

#[tokio::test]
async fn a_line_says_whether_a_request_left() {
    let left = Arc::new(Mutex::new(0));
    let counted = left.clone();
    let (line, carried) = line(move |_| {
        let mut left = counted.lock().unwrap();
        *left += 1;
        match *left {
            1 => Err(Box::new(NotSent("no route".to_owned())) as LineError),
            _ => Err("cut".into()),
        }
    });
    let error = over(line, TENANT, secret())
        .request_assignment_remove(&"a".into())
        .await
        .unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::OutcomeUnknown, "{error}");
    assert_eq!(
        *left.lock().unwrap(),
        2,
        "what never left is sent again, what may have is not"
    );
    let carried = carried.lock().unwrap();
    assert!(
        carried[0].starts_with("https://login.microsoftonline.com/"),
        "tokens come over the same line: {carried:?}"
    );
}

#[tokio::test]
async fn a_machine_of_another_tenant_is_refused_before_anything_is_sent() {
    let other = "99999999-2222-3333-4444-555555555555";
    let managed = || Credential::ManagedIdentity { client_id: None };
    for credential in [managed(), secret()] {
        let (line, carried) = line(|_| Ok(Response::new(body("{}"))));
        let graph = over(line, other, credential);
        let error = graph.list_catalogs().await.unwrap_err();
        assert_eq!(error.kind, GraphErrorKind::TokenRefused, "{error}");
        assert!(
            error.message.contains(other) && error.message.contains(TENANT),
            "{error}"
        );
        assert!(
            carried
                .lock()
                .unwrap()
                .iter()
                .all(|uri| !uri.contains("graph.microsoft.com/v1.0"))
        );
    }
    let (line, _) = line(|_| Ok(Response::new(body(json!({"value": [Value::Null]}).to_string()))));
    let own = over(line, &TENANT.to_uppercase(), managed());
    assert!(own.list_catalogs().await.is_ok());
}

#[tokio::test]
async fn no_credential_signs_in_at_another_clouds_authority() {
    let file = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("token-{}", uuid::Uuid::new_v4()));
    std::fs::write(&file, "projected-token").unwrap();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["operator".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let credentials = [
        secret(),
        Credential::ClientCertificate {
            client_id: CLIENT.to_owned(),
            pem: format!("{}{}", certificate.pem(), key.serialize_pem()).into(),
        },
        Credential::WorkloadIdentity {
            client_id: CLIENT.to_owned(),
            token_file: Some(file.clone()),
        },
    ];
    for credential in credentials {
        for (given, right) in [
            ("https://login.microsoftonline.com/", "https://login.chinacloudapi.cn/"),
            (
                "https://login.partner.microsoftonline.cn/",
                "https://login.partner.microsoftonline.cn/",
            ),
        ] {
            let (line, carried) = line(|_| Ok(Response::new(body(json!({"value": []}).to_string()))));
            let endpoint = Endpoint {
                authority_host: Some(given.parse().unwrap()),
                ..Endpoint::of(Cloud::China)
            };
            let graph = Graph::over(
                line,
                (Clock::system(), Chance::system()),
                &endpoint,
                TENANT,
                credential.clone(),
                Access::ReadWrite,
            )
            .unwrap();
            graph.list_catalogs().await.unwrap();
            graph.renew_token().unwrap();
            graph.list_catalogs().await.unwrap();
            let carried = carried.lock().unwrap();
            let tokens: Vec<_> = carried.iter().filter(|uri| uri.contains("/token")).collect();
            assert_eq!(tokens.len(), 2);
            assert!(
                tokens.iter().all(|uri| uri.starts_with(right)),
                "{credential:?}: {tokens:?}"
            );
        }
    }
    std::fs::remove_file(file).ok();
}
