//! A tenant of one test's own, called over HTTPS; every answer is checked against the contract.

use std::time::{Duration, Instant};

use graph_emulator::{Options, Quirks, Running, World, start};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::contract;

pub const EM: &str = "/identityGovernance/entitlementManagement";
pub const TENANT: &str = "84841066-274d-4ec0-a5c1-276be684bdd3";
pub const OPERATOR: &str = "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11";
pub const MANAGER: &str = "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f12";
pub const NOBODY: &str = "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f13";
pub const READER: &str = "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f14";
pub const ANN: &str = "46184453-e63b-4f20-86c2-c557ed5d5df9";
pub const BOB: &str = "21aceaba-fe13-4e3b-aa8c-4c588d5e7387";
pub const GROUP: &str = "0282e19d-bf41-435d-92a4-99bab93af305";
pub const SYNCED: &str = "0282e19d-bf41-435d-92a4-99bab93af306";
pub const DYNAMIC: &str = "0282e19d-bf41-435d-92a4-99bab93af307";
pub const OWNED: &str = "0282e19d-bf41-435d-92a4-99bab93af308";
pub const CRM: &str = "e81d7f57-0840-45e1-894b-f505c1bdcc1f";
pub const BARE: &str = "e81d7f57-0840-45e1-894b-f505c1bdcc10";
pub const CRM_ROLE: &str = "5e7ab6c2-7d4b-4a5e-9d1e-0d6b8f3c2a11";
pub const SITE: &str = "https://contoso.sharepoint.com/sites/marketing";
pub const GENERAL: &str = "b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1";
pub const ABSENT: &str = "11111111-2222-3333-4444-555555555555";

pub const WORLD: &str = r#"
tenant: {id: 84841066-274d-4ec0-a5c1-276be684bdd3, domain: contoso.com, sharePointHost: contoso.sharepoint.com}
licences: [EntraIdGovernance]
applications:
- displayName: operator
  clientId: 5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11
  objectId: 5c0f7d0e-0000-4b43-9a53-0f3f4a7b6f11
  secret: not-a-real-secret
  federated: {issuer: "https://kubernetes.default.svc", subject: "system:serviceaccount:entra:operator"}
  appPermissions: [EntitlementManagement.ReadWrite.All, Group.ReadWrite.All, Application.ReadWrite.All, Sites.FullControl.All, User.Read.All, AdministrativeUnit.Read.All]
- displayName: manager
  clientId: 5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f12
  objectId: 5c0f7d0e-0000-4b43-9a53-0f3f4a7b6f12
  secret: not-a-real-secret
  entitlementRoles: [{role: AccessPackageManager, catalog: Marketing}, {role: CatalogOwner, catalog: Owned}]
- {displayName: nobody, clientId: 5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f13, secret: not-a-real-secret}
- {displayName: reader, clientId: 5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f14, secret: not-a-real-secret, appPermissions: [EntitlementManagement.Read.All, Directory.Read.All]}
users:
- {id: 46184453-e63b-4f20-86c2-c557ed5d5df9, userPrincipalName: ann@contoso.com, displayName: Ann O'Neil, mail: ann@contoso.com, department: Marketing, manager: bob@contoso.com}
- {id: 21aceaba-fe13-4e3b-aa8c-4c588d5e7387, userPrincipalName: bob@contoso.com, displayName: Bob, mail: bob@contoso.com}
- {userPrincipalName: "guest_fabrikam.com#EXT#@contoso.com", displayName: Guest, mail: guest@fabrikam.com, userType: Guest}
groups:
- {id: 0282e19d-bf41-435d-92a4-99bab93af305, displayName: Marketing Campaign, mailNickname: marketing-campaign, uniqueName: marketing-unique, members: [bob@contoso.com]}
- {id: 0282e19d-bf41-435d-92a4-99bab93af306, displayName: Synced, mailNickname: synced, synced: true}
- {id: 0282e19d-bf41-435d-92a4-99bab93af307, displayName: Dynamic, mailNickname: dynamic, dynamic: true}
- {id: 0282e19d-bf41-435d-92a4-99bab93af308, displayName: Owned, mailNickname: owned, owners: [5c0f7d0e-0000-4b43-9a53-0f3f4a7b6f12]}
- {id: 0282e19d-bf41-435d-92a4-99bab93af309, displayName: Privileged, mailNickname: privileged, pim: true}
servicePrincipals:
- {id: e81d7f57-0840-45e1-894b-f505c1bdcc1f, appId: 22222222-3333-4444-5555-666666666666, displayName: CRM, appRoles: [{id: 5e7ab6c2-7d4b-4a5e-9d1e-0d6b8f3c2a11, value: Reader, displayName: Reader}, {value: Old, displayName: Old, enabled: false}]}
- {id: e81d7f57-0840-45e1-894b-f505c1bdcc10, appId: 22222222-3333-4444-5555-666666666667, displayName: Bare}
sites:
- {webUrl: https://contoso.sharepoint.com/sites/marketing, displayName: Marketing, roles: [{originId: "4", displayName: Marketing Visitors}]}
administrativeUnits:
- {displayName: Berlin}
entitlement:
  catalogs: [{id: b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1, displayName: General, description: Built-in catalog., catalogType: serviceDefault, state: published, isExternallyVisible: true}]
"#;

/// A running emulator, a client that trusts it, and who is signed in.
pub struct Tenant {
    pub running: Running,
    pub client: Client,
    pub token: String,
    _certificates: tempfile::TempDir,
}

/// An answer of Graph.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body
            .pointer("/error/code")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        self.body
            .pointer("/error/message")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The elements of a collection.
    pub fn values(&self) -> &Vec<Value> {
        self.body["value"]
            .as_array()
            .unwrap_or_else(|| panic!("no collection: {self:?}"))
    }

    pub fn id(&self) -> String {
        self.body["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no id: {self:?}"))
            .to_owned()
    }

    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
    }
}

impl Tenant {
    pub async fn start() -> Self {
        Self::with(Quirks::default()).await
    }

    pub async fn with_quirk(quirk: &str) -> Self {
        let mut quirks = Quirks::default();
        quirks.set(quirk).unwrap();
        Self::with(quirks).await
    }

    pub async fn with(quirks: Quirks) -> Self {
        Self::of(WORLD, quirks).await
    }

    pub async fn of(world: &str, quirks: Quirks) -> Self {
        let certificates = tempfile::tempdir().unwrap();
        let options = Options {
            tls_dir: certificates.path().to_owned(),
            quirks,
            ..Options::default()
        };
        let running = start(World::from_yaml(world).unwrap(), options).await.unwrap();
        let authority = reqwest::Certificate::from_pem(&std::fs::read(&running.endpoints.ca_file).unwrap()).unwrap();
        let client = Client::builder().tls_certs_only([authority]).build().unwrap();
        let mut tenant = Self {
            running,
            client,
            token: String::new(),
            _certificates: certificates,
        };
        tenant.sign_in(OPERATOR).await;
        tenant
    }

    pub async fn token_request(&self, tenant: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.running.endpoints.authority);
        let form: Vec<String> = form
            .iter()
            .map(|(name, value)| {
                format!(
                    "{name}={}",
                    value.replace('%', "%25").replace('&', "%26").replace('+', "%2B")
                )
            })
            .collect();
        let request = self
            .client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.join("&"));
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub async fn sign_in(&mut self, client_id: &str) {
        let form = [
            ("client_id", client_id),
            ("client_secret", "not-a-real-secret"),
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        let (status, body) = self.token_request(TENANT, &form).await;
        assert_eq!(status, 200, "{body}");
        self.token = body["access_token"].as_str().unwrap().to_owned();
    }

    pub async fn raw(&self, method: &str, url: &str, body: Option<&Value>) -> Result<Response, reqwest::Error> {
        let mut request = self
            .client
            .request(method.parse::<Method>().unwrap(), url)
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await
    }

    /// Sends a request; `path` is below v1.0, or a whole URL.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let graph = &self.running.endpoints.graph;
        let path = path.strip_prefix(graph.as_str()).unwrap_or(path);
        let response = self
            .raw(method, &format!("{graph}{}", path.replace(' ', "%20")), body)
            .await
            .unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap()
        };
        contract::check(method, path, status, &body);
        Answer { status, body, headers }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    pub fn set_quirk(&self, quirk: &str) {
        let mut quirks = Quirks::default();
        quirks.set(quirk).unwrap();
        self.running.set_quirks(quirks);
    }

    pub async fn catalog(&self, name: &str) -> String {
        let made = self
            .post(
                &format!("{EM}/catalogs"),
                json!({"displayName": name, "description": "a test's"}),
            )
            .await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.id()
    }

    pub async fn package(&self, catalog: &str, name: &str) -> String {
        let body = json!({"displayName": name, "description": "a test's", "catalog": {"id": catalog}});
        let made = self.post(&format!("{EM}/accessPackages"), body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.id()
    }

    /// Adds a resource and gives it as the catalog lists it, with roles and scopes. A site, which is not listed, is read
    /// by the id that the answer tells.
    pub async fn resource(&self, catalog: &str, system: &str, origin: &str) -> Value {
        let added = self
            .post(&format!("{EM}/resourceRequests"), adding(catalog, system, origin))
            .await;
        assert_eq!(added.status, 201, "{}", added.body);
        if system == "SharePointOnline" {
            let id = added.body["resource"]["id"].as_str().unwrap();
            return self
                .get(&format!("{EM}/resources/{id}?$expand=roles,scopes"))
                .await
                .body;
        }
        let path = format!("{EM}/catalogs/{catalog}/resources?$filter=originId eq '{origin}'&$expand=roles,scopes");
        self.get(&path).await.values()[0].clone()
    }

    pub async fn role_scope(&self, package: &str, resource: &Value, role: usize) -> Answer {
        self.post(
            &format!("{EM}/accessPackages/{package}/resourceRoleScopes"),
            handing_out(resource, role),
        )
        .await
    }

    pub async fn policy(&self, package: &str, name: &str) -> String {
        let made = self
            .post(&format!("{EM}/assignmentPolicies"), direct_policy(package, name))
            .await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.id()
    }

    pub async fn assign(&self, package: &str, policy: &str, user: &str) -> Answer {
        let body = json!({"requestType": "adminAdd",
            "assignment": {"targetId": user, "assignmentPolicyId": policy, "accessPackageId": package}});
        self.post(&format!("{EM}/assignmentRequests"), body).await
    }

    /// Waits until a request is delivered and gives it.
    pub async fn delivered(&self, request: &str) -> Value {
        let path = format!("{EM}/assignmentRequests/{request}?$expand=assignment");
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let seen = self.get(&path).await;
            if seen.body["state"] == "delivered" {
                return seen.body;
            }
            assert!(Instant::now() < deadline, "not delivered: {}", seen.body);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the collection at `path` passes.
    pub async fn until(&self, path: &str, passes: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let seen = self.get(path).await;
            if passes(&seen) {
                return seen;
            }
            assert!(Instant::now() < deadline, "{path} stays {}", seen.body);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub fn adding(catalog: &str, system: &str, origin: &str) -> Value {
    json!({"requestType": "adminAdd", "catalog": {"id": catalog}, "resource": {"originId": origin, "originSystem": system}})
}

pub fn handing_out(resource: &Value, role: usize) -> Value {
    let (role, scope) = (&resource["roles"][role], &resource["scopes"][0]);
    json!({"role": {"originId": role["originId"], "originSystem": role["originSystem"], "displayName": role["displayName"],
            "resource": {"id": resource["id"], "originId": resource["originId"], "originSystem": resource["originSystem"]}},
        "scope": {"id": scope["id"], "originId": scope["originId"], "originSystem": scope["originSystem"], "isRootScope": true}})
}

pub fn direct_policy(package: &str, name: &str) -> Value {
    json!({"displayName": name, "description": "a test's", "allowedTargetScope": "notSpecified", "specificAllowedTargets": [],
        "expiration": {"type": "noExpiration"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": false, "onBehalfRequestors": []},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": false, "isApprovalRequiredForUpdate": false, "stages": []},
        "accessPackage": {"id": package}})
}
