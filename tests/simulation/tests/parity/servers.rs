//! The two servers, side by side.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use entra_access_operator::clock::Clock;
use reqwest::blocking::Client;
use serde_json::Value;
use simulation::api_server::{ApiServer, User};
use stage::{ControlPlane, condition_in, wait_for, workspace};

use crate::{
    answer::{Answer, masked},
    differences::known,
    program::{Program, Request, get},
};

/// How long the real server's controllers may take.
const CONTROLLERS: Duration = Duration::from_secs(60);

/// Both.
pub(crate) struct Servers {
    plane: ControlPlane,
    http: Client,
    server: String,
    token: String,
    ours: ApiServer,
    compared: usize,
    /// How often answers differed as the table says.
    known: BTreeMap<&'static str, usize>,
}

/// The pair that all tests of this target share, one after the other. It ends with this process.
pub(crate) fn servers() -> MutexGuard<'static, Servers> {
    static SERVERS: OnceLock<Mutex<Servers>> = OnceLock::new();
    let servers = SERVERS.get_or_init(|| Mutex::new(Servers::start()));
    servers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Servers {
    fn start() -> Self {
        let plane = ControlPlane::start().unwrap();
        let crds = workspace::root().join("crds");
        plane
            .kubectl(&["apply", "--server-side", "-f", &crds.display().to_string()])
            .unwrap();
        wait_for("the definitions to be served", CONTROLLERS, || {
            let definitions = plane
                .list("customresourcedefinitions", None)
                .map_err(|error| error.to_string())?;
            let is_served = |definition: &Value| {
                condition_in(definition, "Established").is_some_and(|condition| condition["status"] == "True")
            };
            if definitions.len() == 5 && definitions.iter().all(is_served) {
                Ok(())
            } else {
                Err("not yet".to_owned())
            }
        })
        .unwrap();
        // Within two seconds of being established, creates wait.
        std::thread::sleep(Duration::from_secs(3));
        let config: Value = serde_json::from_str(&fs::read_to_string(plane.kubeconfig()).unwrap()).unwrap();
        let authority = reqwest::Certificate::from_pem_bundle(plane.authority().as_bytes()).unwrap();
        let http = Client::builder().tls_certs_only(authority).no_proxy().build().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            http,
            server: text(&config["clusters"][0]["cluster"]["server"]),
            token: text(&config["users"][0]["user"]["token"]),
            plane,
            ours: ApiServer::new(Clock::system(), 1),
            compared: 0,
            known: BTreeMap::new(),
        }
    }

    fn ask_real(&self, request: &Request, body: Option<&Value>) -> Answer {
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).unwrap();
        let mut asked = self
            .http
            .request(method, format!("{}{}", self.server, request.path))
            .bearer_auth(&self.token);
        asked = match body {
            Some(body) => asked
                .header("Content-Type", request.content_type)
                .body(body.to_string()),
            None if request.method == "GET" && !request.content_type.is_empty() => {
                asked.header("Accept", request.content_type)
            }
            None => asked,
        };
        let response = asked.send().unwrap();
        let code = response.status().as_u16();
        let text = response.text().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { code, body }
    }

    fn ask_ours(&self, request: &Request, body: Option<&Value>) -> Answer {
        let (code, body) = self.ours.request(
            &User::admin(),
            request.method,
            &request.path,
            request.content_type,
            body,
        );
        Answer { code, body }
    }

    /// The masked answer to the request, with what the server says now of the object in the place of what stands for it.
    /// That of a write also tells whether there is a new resourceVersion.
    fn asked(&self, request: &Request, ask: impl Fn(&Self, &Request, Option<&Value>) -> Answer) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default();
        let is_write = matches!(request.method, "PUT" | "PATCH");
        let text = request.body.as_ref().map(Value::to_string);
        let is_filled_in = text
            .as_ref()
            .is_some_and(|text| text.contains("$RV") || text.contains("$UID"));
        if !is_write && !is_filled_in {
            return masked(ask(self, request, request.body.as_ref()));
        }
        let before = ask(self, &get(path.trim_end_matches("/status")), None).body;
        let of = |object: &Value, field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let version = of(&before, "resourceVersion");
        let text = text
            .unwrap_or_default()
            .replace("$RV", &version)
            .replace("$UID", &of(&before, "uid"));
        let answer = ask(self, request, serde_json::from_str(&text).ok().as_ref());
        let is_new = of(&answer.body, "resourceVersion") != version;
        let mut answer = masked(answer);
        if is_write && answer.code == 200 {
            answer.body["isNewVersion"] = is_new.into();
        }
        answer
    }

    /// The answers of the real one and of ours.
    pub(crate) fn answers(&mut self, request: &Request) -> (Answer, Answer) {
        self.compared += 1;
        let ours = self.asked(request, Self::ask_ours);
        let mut real = self.asked(request, Self::ask_real);
        if request.awaits {
            // What never comes is a difference.
            let _ = wait_for("the controllers", CONTROLLERS, || {
                real = self.asked(request, Self::ask_real);
                if real == ours { Ok(()) } else { Err("not yet") }
            });
        }
        (real, ours)
    }

    /// Asks both; the difference, where there is one that may not be.
    fn compare(&mut self, request: &Request) -> Option<String> {
        let (real, ours) = self.answers(request);
        if real == ours {
            return None;
        }
        if let Some(what) = known(request, &real, &ours) {
            *self.known.entry(what).or_default() += 1;
            return None;
        }
        let body = request.body.as_ref().map(Value::to_string).unwrap_or_default(); // none is shown as nothing
        let body: String = body.chars().take(600).collect();
        let (method, path) = (request.method, &request.path);
        Some(format!("{method} {path} {body}\n  real: {real}\n  ours: {ours}"))
    }

    /// Plays the program to both, and answers what differs.
    pub(crate) fn differences(&mut self, program: &Program) -> Vec<String> {
        let differences: Vec<String> = program.iter().filter_map(|request| self.compare(request)).collect();
        let (count, all, known) = (program.len(), self.compared, &self.known);
        println!("{count} requests compared, {all} in all; known differences: {known:?}");
        differences
    }

    /// Plays the program to both: nothing may differ.
    pub(crate) fn play(&mut self, program: &Program) {
        let differences = self.differences(program);
        let (count, all, words) = (differences.len(), program.len(), differences.join("\n"));
        assert!(differences.is_empty(), "{count} of {all} differ:\n{words}");
    }

    /// The real one's administrator, to prepare what both are to have.
    pub(crate) fn real(&self) -> &ControlPlane {
        &self.plane
    }

    /// Ours.
    pub(crate) fn ours(&self) -> &ApiServer {
        &self.ours
    }
}
