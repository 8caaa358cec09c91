//! Whom the operator asks for tokens, and what it takes a token for: several clouds and several tenants beside each other.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};
use stage::{Credentials, SECRET_KEY, SECRET_NAME, world};

use crate::scene::Portal;
use crate::support::{SOON, apply_not_ready, apply_ready, builder, mark, patched, place, tenant, wait_reason};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const ELSEWHERE: &str = "99999999-1111-4111-8111-111111111111";

/// A server on this machine that remembers who asks for what, and gives everybody the same answer.
struct Doorkeeper {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    /// The first line of each request.
    asked: Vec<String>,
    answer: String,
}

impl Doorkeeper {
    /// Answers 502 until it is told otherwise.
    fn open() -> Outcome<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let keeper = Self {
            address: listener.local_addr()?,
            book: Arc::default(),
        };
        keeper.answers("502 Bad Gateway", &Value::Null);
        let book = Arc::clone(&keeper.book);
        // It ends with the test's process.
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let Ok(line) = request(&caller) else { continue };
                let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
                book.asked.push(line);
                let _ = (&caller).write_all(book.answer.as_bytes());
            }
        });
        Ok(keeper)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on.
    fn answers(&self, status: &str, body: &Value) {
        let body = body.to_string();
        self.book().answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
    }

    fn asked(&self) -> Vec<String> {
        self.book().asked.clone()
    }
}

/// The first line of a request, the rest of its head read.
fn request(caller: &TcpStream) -> std::io::Result<String> {
    let mut lines = BufReader::new(caller).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    Ok(first)
}

/// The workload identity webhook sets `AZURE_AUTHORITY_HOST` for the pod, whatever the clouds of its EntraTenants.
#[test]
fn no_secret_of_a_cloud_is_brought_to_the_authority_of_another() -> Outcome {
    let proxy = Doorkeeper::open()?;
    let stage = builder()
        .real_with(
            "a proxy is a matter of sockets and of the process's environment",
            |real| {
                real.credentials(Credentials::WorkloadIdentity)
                    .environment("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")
                    .environment("ALL_PROXY", &format!("http://{}", proxy.address))
                    .environment("NO_PROXY", "localhost,127.0.0.1")
            },
        )
        .start()?;
    let of_cloud = |name: &str, cloud: &str, credentials: Value| {
        let other = json!({"metadata": {"name": name}, "spec": {"cloud": cloud, "credentials": credentials}});
        patched(tenant(&stage), other)
    };
    let by_token = || json!({});
    let by_secret = || {
        json!({"workloadIdentity": null, "clientSecret": {
            "clientId": world::CLIENT_ID, "secretRef": {"name": SECRET_NAME, "key": SECRET_KEY},
        }})
    };
    for (cloud, own) in [
        ("China", "CONNECT login.chinacloudapi.cn:443 HTTP/1.1"),
        ("USGovernment", "CONNECT login.microsoftonline.us:443 HTTP/1.1"),
        ("Global", "CONNECT login.microsoftonline.com:443 HTTP/1.1"),
    ] {
        let from = proxy.asked().len();
        let name = cloud.to_lowercase();
        let tenants = [
            of_cloud(&format!("{name}-token"), cloud, by_token()),
            of_cloud(&format!("{name}-secret"), cloud, by_secret()),
        ];
        for tenant in &tenants {
            stage.apply_object(tenant)?;
            wait_reason(&stage, tenant, "Ready", "Unreachable")?;
        }
        let asked = proxy.asked().split_off(from);
        assert!(!asked.is_empty(), "nobody was asked for a token of {cloud}");
        assert!(asked.iter().all(|line| line == own), "{cloud}: {asked:#?}");
        for tenant in &tenants {
            let (kind, name, namespace) = place(tenant);
            stage.delete(kind, name, namespace)?;
            stage.wait_gone(kind, name, namespace, SOON)?;
        }
    }
    Ok(())
}

/// A machine has the identity of its own tenant, whatever the spec says. Azure hands out tokens of an app's identity at
/// `IDENTITY_ENDPOINT` ("How to use managed identities for App Service", REST endpoint reference).
#[test]
fn a_managed_identity_of_another_tenant_is_refused_with_both_ids_and_writes_nothing() -> Outcome {
    let azure = Doorkeeper::open()?;
    let stage = builder()
        .real_with("the machine's identity is asked for over a socket", |real| {
            real.environment("IDENTITY_ENDPOINT", &format!("http://{}/msi/token", azure.address))
                .environment("IDENTITY_HEADER", "the-machine-s-own")
        })
        .start()?;
    azure.answers(
        "200 OK",
        &json!({
            "access_token": Portal::open(&stage)?.token(), "expires_on": "4102444800",
            "resource": "https://graph.microsoft.com", "token_type": "Bearer",
        }),
    );
    let of = |name: &str, tenant_id: &str, identity: Value| {
        let credentials = json!({"clientSecret": null, "managedIdentity": identity});
        let spec = json!({"tenantId": tenant_id, "domain": null, "credentials": credentials});
        patched(tenant(&stage), json!({"metadata": {"name": name}, "spec": spec}))
    };
    let from = mark(&stage);
    let wrong = of("wrong", ELSEWHERE, json!({"clientId": world::CLIENT_ID}));
    let said = apply_not_ready(&stage, &wrong, "TokenRefused")?;
    assert_eq!(
        said,
        format!(
            "spec.credentials: the credential signs in to tenant {}, but tenantId is {ELSEWHERE}: nothing was sent; use a \
             credential of that tenant, or create an EntraTenant with tenantId: {}",
            world::TENANT_ID,
            world::TENANT_ID
        )
    );
    let asked = azure.asked();
    assert!(!asked.is_empty());
    let by_client = format!("client_id={}", world::CLIENT_ID);
    assert!(
        asked
            .iter()
            .all(|line| line.starts_with("GET /msi/token?") && line.contains(&by_client))
    );
    assert_eq!(stage.emulator().graph_calls_since(from), Vec::<Value>::new());
    // What it says to do is done.
    apply_ready(&stage, &of("right", world::TENANT_ID, json!({})))?;
    Ok(())
}
