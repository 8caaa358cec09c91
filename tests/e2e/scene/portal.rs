use std::error::Error;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use stage::{Entra, world};
use tokio::runtime::Runtime;
use tower::Service as _;

use super::{Place, Stage};
use crate::support::{SOON, collection, text};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const BELOW: &str = "/v1.0/identityGovernance/entitlementManagement";

/// Someone with the application's own permissions who works in the tenant beside the operator, through Graph itself.
pub(crate) struct Portal {
    way: Way,
    token: String,
}

enum Way {
    Real {
        runtime: Runtime,
        http: reqwest::Client,
        authority: String,
    },
    Simulated {
        entra: Entra,
        time: Rc<Runtime>,
    },
}

impl Way {
    /// The status and the body of the answer.
    fn ask(&self, (method, path): (&str, &str), headers: &[(&str, &str)], body: String) -> Outcome<(u16, String)> {
        match self {
            Self::Real {
                runtime,
                http,
                authority,
            } => {
                let method = reqwest::Method::from_bytes(method.as_bytes())?;
                let mut request = http.request(method, format!("{authority}{path}")).body(body);
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                runtime.block_on(async {
                    let answer = request.send().await?;
                    let status = answer.status().as_u16();
                    Ok((status, answer.text().await?))
                })
            }
            Self::Simulated { entra, time } => {
                let mut request = http::Request::builder().method(method).uri(path);
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let request = request.body(Full::new(Bytes::from(body)))?;
                time.block_on(async {
                    let answer = entra.service().call(request).await?;
                    let status = answer.status().as_u16();
                    let body = answer.into_body().collect().await?.to_bytes();
                    Ok((status, String::from_utf8(body.to_vec())?))
                })
            }
        }
    }
}

impl Portal {
    /// Signs in.
    pub(crate) fn open(stage: &Stage) -> Outcome<Self> {
        let way = match &stage.place {
            Place::Simulated(simulated) => Way::Simulated {
                entra: simulated.entra.clone(),
                time: Rc::clone(&simulated.time),
            },
            Place::Real { stage, .. } => {
                let emulator = stage.emulator();
                let trusted = reqwest::Certificate::from_pem_bundle(&std::fs::read(emulator.ca_file())?)?;
                Way::Real {
                    runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
                    http: reqwest::Client::builder().tls_certs_only(trusted).no_proxy().build()?,
                    authority: emulator.authority().to_owned(),
                }
            }
        };
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
            world::CLIENT_ID,
            world::CLIENT_SECRET
        );
        let path = format!("/{}/oauth2/v2.0/token", world::TENANT_ID);
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let (status, answer) = way.ask(("POST", &path), &headers, form)?;
        if status != 200 {
            return Err(format!("the token: {status}: {answer}").into());
        }
        let answer: Value = serde_json::from_str(&answer)?;
        Ok(Self {
            way,
            token: text(&answer["access_token"]).to_owned(),
        })
    }

    /// Its bearer token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// One request below entitlementManagement, which must succeed; answers what was answered, null where nothing was.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("Authorization", bearer.as_str())];
        let mut sent = String::new();
        if !body.is_null() {
            headers.push(("Content-Type", "application/json"));
            sent = body.to_string();
        }
        let (status, answer) = self.way.ask((method, &format!("{BELOW}/{path}")), &headers, sent)?;
        match status {
            200..300 if answer.is_empty() => Ok(Value::Null),
            200..300 => Ok(serde_json::from_str(&answer)?),
            _ => Err(format!("{method} {path}: {status}: {answer}").into()),
        }
    }

    /// Gives ann the package through this policy, and waits until she has it; answers the assignment's id.
    pub(crate) fn assign(&self, stage: &Stage, package: &str, policy: &str) -> Outcome<String> {
        let request = json!({"requestType": "adminAdd", "assignment": {
            "targetId": world::ANN_ID, "accessPackageId": package, "assignmentPolicyId": policy,
        }});
        self.send("POST", "assignmentRequests", &request)?;
        // A read is what lets the emulator's time go on.
        let given = stage.wait_for("ann's assignment to be delivered", SOON, || {
            let listed = self
                .send("GET", "assignments", &Value::Null)
                .map_err(|error| error.to_string())?;
            let of = |held: &Value| held["accessPackageId"] == package && held["state"] == "delivered";
            let all = collection(stage, "assignments").map_err(|error| error.to_string())?;
            all.into_iter().find(of).ok_or_else(|| listed.to_string())
        })?;
        Ok(text(&given["id"]).to_owned())
    }
}
