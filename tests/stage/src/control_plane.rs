//! etcd, kube-apiserver and kube-controller-manager on free ports.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::certificates::{ServingCertificate, signing_key};
use crate::history::{self, History, Review};
use crate::resources::Resources;
use crate::run_dir::RunDir;
use crate::{Binaries, Error, Program, Result, Supervised, User, binaries, wait_for};

const READY_WITHIN: Duration = Duration::from_secs(90);
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Free ports are only a guess until the servers have bound them.
const ATTEMPTS: usize = 4;
const AUDIT_LOG: &str = "audit.log";

/// What the API server writes down of who did what: nothing of its own servers and of anonymous probes.
fn audit_policy(recorded: Option<Value>) -> Value {
    let others = [
        json!({"level": "None", "users": ["system:apiserver", "system:kube-controller-manager", "system:anonymous"]}),
        json!({"level": "None", "nonResourceURLs": ["/*"]}),
        json!({"level": "Metadata"}),
    ];
    let rules: Vec<Value> = recorded.into_iter().chain(others).collect();
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": rules,
    })
}

/// What a control plane is started with.
#[derive(Clone, Debug, Default)]
pub struct ControlPlaneBuilder {
    users: Vec<(String, Vec<String>)>,
    recorded: Option<(String, Option<Review>)>,
}

impl ControlPlaneBuilder {
    /// One more user who may sign in, with groups; rights come from RBAC, or from the group `system:masters`.
    #[must_use]
    pub fn user(mut self, name: &str, groups: &[&str]) -> Self {
        self.users
            .push((name.to_owned(), groups.iter().map(|&group| group.to_owned()).collect()));
        self
    }

    /// Keeps every state that objects of this API group are stored in: [`ControlPlane::history`].
    #[must_use]
    pub fn record(mut self, group: &str) -> Self {
        self.recorded = Some((group.to_owned(), None));
        self
    }

    /// As [`Self::record`], and hands the history to `review` when the control plane ends, unless a test is failing
    /// already. A review that panics fails the test.
    #[must_use]
    pub fn review(mut self, group: &str, review: Review) -> Self {
        self.recorded = Some((group.to_owned(), Some(review)));
        self
    }

    /// Starts it and waits until it is ready, some 3 seconds; builds its programs where they are missing.
    ///
    /// # Errors
    /// [`Error::Build`] without its programs, [`Error::Exited`] with the end of a log, [`Error::Deadline`].
    pub fn start(self) -> Result<ControlPlane> {
        let programs = binaries::ensure(&Program::CONTROL_PLANE)?;
        let mut attempt = 1;
        loop {
            match ControlPlane::launch(&programs, &self) {
                Err(Error::Exited { log, .. }) if attempt < ATTEMPTS && log.contains("address already in use") => {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }
}

/// A running control plane. Dropping it ends its servers and removes its files.
///
/// It dereferences to its administrator, a member of `system:masters`.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped in this order: the API server lingers where etcd goes first.
    history: Option<History>,
    controller_manager: Option<Supervised>,
    apiserver: Supervised,
    etcd: Supervised,
    admin: User,
    users: BTreeMap<String, User>,
    authority: String,
    dir: RunDir,
}

impl Deref for ControlPlane {
    type Target = User;

    fn deref(&self) -> &User {
        &self.admin
    }
}

impl ControlPlane {
    /// With an administrator only.
    ///
    /// # Errors
    /// As [`ControlPlaneBuilder::start`].
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// For further users.
    #[must_use]
    pub fn builder() -> ControlPlaneBuilder {
        ControlPlaneBuilder::default()
    }

    fn launch(programs: &Binaries, builder: &ControlPlaneBuilder) -> Result<Self> {
        let dir = RunDir::create()?;
        let [client_port, peer_port, api_port] = free_ports()?;
        let file = |name: &str| dir.path().join(name).display().to_string();
        let no_environment = [];

        let store = format!("http://127.0.0.1:{client_port}");
        let peers = format!("http://127.0.0.1:{peer_port}");
        let etcd_arguments = [
            "--name=stage".to_owned(),
            format!("--data-dir={}", file("etcd")),
            format!("--listen-client-urls={store}"),
            format!("--advertise-client-urls={store}"),
            format!("--listen-peer-urls={peers}"),
            format!("--initial-advertise-peer-urls={peers}"),
            format!("--initial-cluster=stage={peers}"),
            "--unsafe-no-fsync".to_owned(),
            // Measurements fill more than the two gigabytes that are the default.
            "--quota-backend-bytes=8589934592".to_owned(),
            "--log-level=error".to_owned(),
        ];
        let etcd = programs.path(Program::Etcd)?;
        let mut etcd = Supervised::start(etcd, etcd_arguments, &no_environment, &dir.path().join("etcd.log"))?;

        let certificate = ServingCertificate::generate()?;
        dir.write("authority.crt", &certificate.authority)?;
        dir.write("apiserver.crt", &certificate.certificate)?;
        dir.write("apiserver.key", &certificate.key)?;
        let (private, public) = signing_key()?;
        dir.write("service-account.key", &private)?;
        dir.write("service-account.pub", &public)?;
        let recorded = builder.recorded.as_ref().map(|(group, _)| history::rule(group));
        // JSON is YAML.
        dir.write("audit-policy.yaml", &audit_policy(recorded).to_string())?;

        let http = client(&certificate.authority)?;
        let factory = UserFactory {
            server: format!("https://127.0.0.1:{api_port}"),
            http,
            kubectl: programs.get(Program::Kubectl).map(Path::to_owned),
            resources: Arc::default(),
            dir: &dir,
        };
        let masters = "system:masters".to_owned();
        let mut tokens = String::new();
        let mut sign_up = |name: &str, groups: &[String]| -> Result<User> {
            let token = random_token()?;
            tokens.push_str(&format!("{token},{name},{name},\"{}\"\n", groups.join(",")));
            factory.user(name, token)
        };
        let admin = sign_up("admin", std::slice::from_ref(&masters))?;
        let manager = sign_up("system:kube-controller-manager", &[masters])?;
        let mut known = BTreeMap::new();
        for (name, groups) in &builder.users {
            known.insert(name.clone(), sign_up(name, groups)?);
        }
        dir.write("tokens.csv", &tokens)?;

        let apiserver_arguments = [
            format!("--etcd-servers={store}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={api_port}"),
            format!("--cert-dir={}", file("certificates")),
            format!("--tls-cert-file={}", file("apiserver.crt")),
            format!("--tls-private-key-file={}", file("apiserver.key")),
            "--authorization-mode=RBAC".to_owned(),
            format!("--token-auth-file={}", file("tokens.csv")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", file("service-account.pub")),
            format!("--service-account-signing-key-file={}", file("service-account.key")),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            format!("--audit-policy-file={}", file("audit-policy.yaml")),
            format!("--audit-log-path={}", file(AUDIT_LOG)),
            // Its endless list of fair queues would only delay the start.
            "--enable-priority-and-fairness=false".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            "--shutdown-delay-duration=0s".to_owned(),
        ];
        let apiserver = programs.path(Program::KubeApiserver)?;
        let log = dir.path().join("kube-apiserver.log");
        let mut apiserver = Supervised::start(apiserver, apiserver_arguments, &no_environment, &log)?;

        let started = wait_for("the API server to be ready", READY_WITHIN, || {
            if let Err(error) = etcd.must_run().and_then(|()| apiserver.must_run()) {
                return Ok(Err(error));
            }
            match admin.request("GET", "/readyz", "", None) {
                Ok(_) => Ok(Ok(())),
                Err(error) => Err(error),
            }
        });
        started??;

        // Started last and not waited for: who waits for a namespace to go waits for it too, and on few cores it would
        // only slow down the API server's start.
        let controller_manager = match programs.get(Program::KubeControllerManager) {
            Some(program) => Some(start_controller_manager(program, &manager, &dir)?),
            None => None,
        };
        let authority = certificate.authority;
        let history = builder.recorded.clone().map(|(group, review)| History {
            log: dir.path().join(AUDIT_LOG),
            group,
            review,
        });
        Ok(Self {
            history,
            controller_manager,
            apiserver,
            etcd,
            admin,
            users: known,
            authority,
            dir,
        })
    }

    /// The administrator.
    #[must_use]
    pub fn admin(&self) -> &User {
        &self.admin
    }

    /// A user of [`ControlPlaneBuilder::user`].
    ///
    /// # Errors
    /// [`Error::Build`] where there is none of this name.
    pub fn user(&self, name: &str) -> Result<&User> {
        self.users
            .get(name)
            .ok_or_else(|| Error::Build(format!("the control plane was started without user {name:?}")))
    }

    /// Signs in as a service account that exists, through a TokenRequest.
    ///
    /// # Errors
    /// [`Error::Refused`] where it does not exist.
    pub fn service_account(&self, namespace: &str, name: &str) -> Result<User> {
        let token = self.service_account_token(namespace, name, None)?;
        let user_name = format!("system:serviceaccount:{namespace}:{name}");
        let factory = UserFactory {
            server: self.admin.server.clone(),
            http: self.admin.http.clone(),
            kubectl: self.admin.kubectl.clone(),
            resources: Arc::clone(&self.admin.resources),
            dir: &self.dir,
        };
        factory.user(&user_name, token)
    }

    /// A token of a service account, for the API server or for another audience.
    ///
    /// # Errors
    /// [`Error::Refused`] where it does not exist.
    pub fn service_account_token(&self, namespace: &str, name: &str, audience: Option<&str>) -> Result<String> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let audiences: Vec<&str> = audience.into_iter().collect();
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": audiences, "expirationSeconds": 3600},
        });
        let answer = self.admin.request("POST", &path, "application/json", Some(&body))?;
        let token = answer["status"]["token"].as_str();
        token
            .map(str::to_owned)
            .ok_or_else(|| Error::Http(format!("{path}: the answer has no token")))
    }

    /// A file of this control plane: logs and what a test wants to lay beside them.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// The certificate authority of the API server, PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Every state that the objects of [`ControlPlaneBuilder::record`] were stored in until now, in the order of the
    /// writes, without `managedFields`; nothing where none are recorded. A write of this very moment may not be in it yet.
    #[must_use]
    pub fn history(&self) -> Vec<Value> {
        self.history.as_ref().map(History::states).unwrap_or_default()
    }

    /// Who asked the API server for what until now: audit events without its own servers, with bodies only for what
    /// [`ControlPlaneBuilder::record`] names.
    #[must_use]
    pub fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.path().join(AUDIT_LOG)).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The API server, to freeze it or to let it go on.
    pub fn api_server(&mut self) -> &mut Supervised {
        &mut self.apiserver
    }

    /// The servers' names and process ids.
    #[must_use]
    pub fn processes(&self) -> Vec<(&str, u32)> {
        let servers = [
            Some(&self.etcd),
            Some(&self.apiserver),
            self.controller_manager.as_ref(),
        ];
        servers
            .into_iter()
            .flatten()
            .map(|server| (server.name(), server.pid()))
            .collect()
    }

    /// Lets the API server end, then etcd, each within 5 seconds. Dropping kills both at once, which loses nothing
    /// that anybody could still read.
    pub fn stop(mut self) {
        if let Some(manager) = &mut self.controller_manager {
            manager.kill();
        }
        self.apiserver.stop(STOP_WITHIN);
        self.etcd.stop(STOP_WITHIN);
    }
}

fn start_controller_manager(program: &Path, user: &User, dir: &RunDir) -> Result<Supervised> {
    let file = |name: &str| dir.path().join(name).display().to_string();
    let controllers = [
        "namespace-controller",
        "serviceaccount-controller",
        "serviceaccount-token-controller",
        "root-ca-certificate-publisher-controller",
        "garbage-collector-controller",
        "deployment-controller",
        "job-controller",
        "replicaset-controller",
    ];
    let arguments = [
        format!("--kubeconfig={}", user.kubeconfig().display()),
        "--use-service-account-credentials=false".to_owned(),
        format!("--service-account-private-key-file={}", file("service-account.key")),
        format!("--root-ca-file={}", file("authority.crt")),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        format!("--controllers={}", controllers.join(",")),
    ];
    Supervised::start(program, arguments, &[], &dir.path().join("kube-controller-manager.log"))
}

/// What all users of one control plane share.
struct UserFactory<'a> {
    server: String,
    http: Client,
    kubectl: Option<PathBuf>,
    resources: Arc<Mutex<Resources>>,
    dir: &'a RunDir,
}

impl UserFactory<'_> {
    fn user(&self, name: &str, token: String) -> Result<User> {
        // JSON is YAML, and kubectl reads it.
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "stage", "cluster": {
                "server": self.server,
                "certificate-authority": self.dir.path().join("authority.crt"),
            }}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "stage", "context": {"cluster": "stage", "user": name}}],
            "current-context": "stage",
        });
        let file = format!("{}.kubeconfig", name.replace([':', '/'], "-"));
        Ok(User {
            name: name.to_owned(),
            token,
            server: self.server.clone(),
            http: self.http.clone(),
            kubectl: self.kubectl.clone(),
            kubeconfig: self.dir.write(&file, &config.to_string())?,
            resources: Arc::clone(&self.resources),
        })
    }
}

fn client(authority: &str) -> Result<Client> {
    let build = || {
        let trusted = reqwest::Certificate::from_pem_bundle(authority.as_bytes())?;
        Client::builder()
            .tls_certs_only(trusted)
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
    };
    build().map_err(|error| Error::Http(format!("cannot make an HTTP client: {error}")))
}

/// 128 random bits.
fn random_token() -> Result<String> {
    let mut bytes = [0; 16];
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(Error::io("read /dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn free_ports<const N: usize>() -> Result<[u16; N]> {
    // Held together, so that they differ.
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::io("look for a free port"))?;
        *port = listener.local_addr().map_err(Error::io("look for a free port"))?.port();
        held.push(listener);
    }
    Ok(ports)
}
