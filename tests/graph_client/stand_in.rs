//! An HTTPS server that plays Graph and the token authority from a script, and remembers what it was asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use entra_access_operator::graph::{Access, Cloud, Credential, Endpoint, Graph};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
pub(crate) const SECRET: &str = "the-client-secret";
/// A JWT with the payload `{"roles":["EntitlementManagement.ReadWrite.All"],"appid":"a","oid":"o","tid":TENANT}`.
pub(crate) const TOKEN: &str = "e30.eyJyb2xlcyI6WyJFbnRpdGxlbWVudE1hbmFnZW1lbnQuUmVhZFdyaXRlLkFsbCJdLCJhcHBpZCI6ImEiLCJvaWQiOiJvIiwidGlkIjoiMTExMTExMTEtMjIyMi0zMzMzLTQ0NDQtNTU1NTU1NTU1NTU1In0.c2ln";

/// One answer of the script.
pub(crate) enum Reply {
    /// A status, headers, and a JSON body.
    Json(u16, Vec<(&'static str, String)>, Value),
    /// A body that is not JSON.
    Text(u16, Vec<(&'static str, String)>, &'static str),
    /// The connection breaks after the request was taken.
    Lost,
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self::Json(status, vec![], body)
    }

    pub(crate) fn error(status: u16, code: &str, headers: Vec<(&'static str, String)>) -> Self {
        Self::Json(
            status,
            headers,
            json!({"error": {"code": code, "message": format!("{code} it is")}}),
        )
    }

    fn response(self) -> Response<Body> {
        let (status, headers, kind, body) = match self {
            Self::Json(status, headers, body) => (status, headers, "application/json", Body::from(body.to_string())),
            Self::Text(status, headers, body) => (status, headers, "text/html", Body::from(body)),
            Self::Lost => {
                let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
                (200, vec![], "application/json", Body::from_stream(broken))
            }
        };
        let mut response = Response::builder()
            .status(status)
            .header("content-type", kind)
            .header("request-id", "r-77");
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.body(body).unwrap()
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Decoded name and value pairs.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn form(&self, name: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    token: Mutex<Option<Reply>>,
    graph: Mutex<Vec<Seen>>,
    tokens: Mutex<Vec<Seen>>,
}

pub(crate) struct StandIn {
    pub(crate) url: Url,
    ca: PathBuf,
    script: Arc<Script>,
    handle: Handle<SocketAddr>,
}

impl StandIn {
    /// Starts a server that gives these answers, one a Graph request; after the last one it answers 418.
    pub(crate) async fn playing(replies: Vec<Reply>) -> Self {
        let script = Arc::new(Script {
            replies: Mutex::new(replies.into()),
            ..Script::default()
        });
        let (ca, tls) = certificates();
        let router = Router::new().fallback(answer).with_state(script.clone());
        let handle = Handle::new();
        let server = axum_server::bind_rustls(SocketAddr::from(([127, 0, 0, 1], 0)), tls).handle(handle.clone());
        tokio::spawn(server.serve(router.into_make_service()));
        let address = handle.listening().await.expect("the stand-in listens");
        let url = Url::parse(&format!("https://localhost:{}", address.port())).unwrap();
        Self {
            url,
            ca,
            script,
            handle,
        }
    }

    /// Adds answers, for those that need the server's own address.
    pub(crate) fn then(&self, reply: Reply) {
        self.script.replies.lock().unwrap().push_back(reply);
    }

    /// Answers every token request with this, once.
    pub(crate) fn next_token(&self, reply: Reply) {
        *self.script.token.lock().unwrap() = Some(reply);
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint {
            cloud: Cloud::Global,
            graph_url: Some(self.url.join("/v1.0").unwrap()),
            authority_host: Some(self.url.clone()),
            extra_roots_pem: Some(self.ca.clone()),
        }
    }

    pub(crate) fn client(&self, credential: Credential) -> Graph {
        Graph::new(&self.endpoint(), TENANT, credential, Access::ReadWrite).expect("a usable credential")
    }

    /// A handle that signs in with a client secret.
    pub(crate) fn graph(&self) -> Graph {
        self.client(Credential::ClientSecret {
            client_id: CLIENT.to_owned(),
            secret: SECRET.into(),
        })
    }

    /// The Graph requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.graph.lock().unwrap().clone()
    }

    /// The token requests so far.
    pub(crate) fn tokens(&self) -> Vec<Seen> {
        self.script.tokens.lock().unwrap().clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.handle.shutdown();
        std::fs::remove_file(&self.ca).ok();
    }
}

async fn answer(
    State(script): State<Arc<Script>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let seen = Seen {
        at: Instant::now(),
        method,
        path: uri.path().to_owned(),
        query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    if uri.path().ends_with("/oauth2/v2.0/token") {
        script.tokens.lock().unwrap().push(seen);
        let granted =
            json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": TOKEN});
        let reply = script.token.lock().unwrap().take().unwrap_or(Reply::json(200, granted));
        return reply.response();
    }
    script.graph.lock().unwrap().push(seen);
    let reply = script.replies.lock().unwrap().pop_front();
    reply.unwrap_or(Reply::error(418, "NotInTheScript", vec![])).response()
}

/// A private authority in a file, and a server certificate of it.
fn certificates() -> (PathBuf, RustlsConfig) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let ca = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("graph-client-ca-{}.pem", Uuid::new_v4()));
    std::fs::write(&ca, authority_pem).unwrap();

    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (ca, RustlsConfig::from_config(Arc::new(config)))
}
