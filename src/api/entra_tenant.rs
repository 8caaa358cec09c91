//! EntraTenant: how to reach one tenant, and how much the operator may do there.

use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    IsoDuration, management, rules,
    status::{ManagedStatus, Standing},
};

/// One Entra tenant and the way to it. Objects that name no tenant use the one called `default`.
#[expect(clippy::duplicated_attributes, reason = "columns of one type are no duplicates")]
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "access.entra-operator.io",
    version = "v1alpha1",
    kind = "EntraTenant",
    plural = "entratenants",
    shortname = "etenant",
    category = "entra",
    status = "EntraTenantStatus",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenantId"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("tenantId", "write the tenant's id, for example tenantId: 11111111-2222-3333-4444-555555555555 (Entra admin center, Overview, Tenant ID)"))]
#[x_kube(validation = rules::required("credentials", "say how the operator signs in, for example credentials: {workloadIdentity: {clientId: 22222222-3333-4444-5555-666666666666}}"))]
#[x_kube(validation = rules::immutable("tenantId", "tenantId is immutable: objects are bound to this tenant; create another EntraTenant instead"))]
#[x_kube(validation = rules::immutable("cloud", "cloud is immutable: objects are bound to this tenant; create another EntraTenant instead"))]
pub struct EntraTenantSpec {
    /// Directory (tenant) id, for example `11111111-2222-3333-4444-555555555555`. Required. Immutable.
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the tenant's id, such as 11111111-2222-3333-4444-555555555555 (Entra admin center, Overview, Tenant ID)"))]
    pub tenant_id: String,
    /// National cloud of the tenant: `Global`, `USGovernment` (GCC High), `USGovernmentDoD` or `China` (21Vianet).
    /// Default `Global`. Immutable.
    #[serde(default)]
    pub cloud: Cloud,
    /// A verified domain, for example `contoso.com`; used in links to My Access only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::matching("^[0-9A-Za-z]([-0-9A-Za-z]*[0-9A-Za-z])?([.][0-9A-Za-z]([-0-9A-Za-z]*[0-9A-Za-z])?)+$", "must be a domain such as contoso.com"))]
    pub domain: Option<String>,
    /// How the operator proves who it is: exactly one of `workloadIdentity`, `clientSecret`, `clientCertificate`,
    /// `managedIdentity`; for example `{workloadIdentity: {clientId: 22222222-3333-4444-5555-666666666666}}`. Required.
    pub credentials: Credentials,
    /// `Enforce` writes; `Observe` writes nothing at all in this tenant: the emergency brake. Default `Enforce`.
    #[serde(default)]
    pub mode: Mode,
    /// How often Entra is compared with the specs where nothing changed. Default `PT10M`, at least `PT1S`.
    #[serde(default = "ten_minutes")]
    #[x_kube(validation = Rule::new("self.matches('^P([0-9]{1,3}D)?(T([0-9]{1,5}H)?([0-9]{1,6}M)?([0-9]{1,6}S)?)?$') && self.matches('[1-9]') && !self.endsWith('T')")
        .message("must be an ISO 8601 duration such as PT10M (ten minutes) or PT1H"))]
    pub drift_interval: IsoDuration,
    /// Whether nothing is written in the tenant while the cluster lacks the admission policy that keeps everybody but the operator
    /// from writing status, for example `true`. Default `false`: it is told (condition Healthy), and the work goes on.
    #[serde(default)]
    pub require_admission_policy: bool,
    /// From how many people on a change of what they have waits for a person, for example `{cutsFrom: 10, grantsFrom: 100}`;
    /// everything else goes ahead. Default `{cutsFrom: 10, grantsFrom: 100}`.
    #[serde(default)]
    pub acknowledge: Acknowledge,
    /// How many objects of Entra may begin to be deleted within an hour, for example `50`; what is more waits, and says until when.
    /// `0`: none. Default `20`.
    #[serde(default = "twenty")]
    #[x_kube(validation = Rule::new("self >= 0").message("must be a number of deletions, or 0 for none"))]
    pub max_deletions_per_hour: i32,
    /// What share of a Catalog's packages and policies may be deleted at once, in percent, for example `50`; where more go, and at
    /// least ten, all of them wait for a person, who annotates the Catalog. `100`: any share. Default `25`.
    #[serde(default = "a_quarter")]
    #[x_kube(validation = Rule::new("self >= 0 && self <= 100").message("must be a share from 0 to 100"))]
    pub max_deletions_percent: i32,
}

/// From how many people on a change waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledge {
    /// From how many people on a change waits that takes access from them: a role taken out of a package that they hold, a rule
    /// that assigns, a deletion with assignments. `0`: always. Default `10`.
    #[serde(default = "ten")]
    #[x_kube(validation = Rule::new("self >= 0").message("must be a number of people, or 0 for always"))]
    pub cuts_from: i32,
    /// The same as a share of those who hold the package, in percent, for example `50`; the stricter of the two holds. Default:
    /// no share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 100").message("must be a share from 1 to 100"))]
    pub cuts_from_percent: Option<i32>,
    /// From how many people on a change waits that hands more to those who hold a package: a role added to it. `0`: always.
    /// Default `100`.
    #[serde(default = "a_hundred")]
    #[x_kube(validation = Rule::new("self >= 0").message("must be a number of people, or 0 for always"))]
    pub grants_from: i32,
    /// The same as a share of those who hold the package, in percent, for example `50`; the stricter of the two holds. Default:
    /// no share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 100").message("must be a share from 1 to 100"))]
    pub grants_from_percent: Option<i32>,
}

impl Default for Acknowledge {
    fn default() -> Self {
        Self {
            cuts_from: ten(),
            cuts_from_percent: None,
            grants_from: a_hundred(),
            grants_from_percent: None,
        }
    }
}

fn ten() -> i32 {
    10
}

fn a_hundred() -> i32 {
    100
}

fn twenty() -> i32 {
    20
}

fn a_quarter() -> i32 {
    25
}

fn ten_minutes() -> IsoDuration {
    IsoDuration::new("PT10M")
}

/// National cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Cloud {
    /// Worldwide, GCC included: graph.microsoft.com.
    #[default]
    Global,
    /// US Government L4 (GCC High): graph.microsoft.us.
    USGovernment,
    /// US Government L5 (DoD): dod-graph.microsoft.us.
    USGovernmentDoD,
    /// China, operated by 21Vianet: microsoftgraph.chinacloudapi.cn.
    China,
}

/// Whether the operator writes in this tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Entra is made what the specs say.
    #[default]
    Enforce,
    /// Nothing is written to this tenant.
    Observe,
}

/// The application's credentials: exactly one of the four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["workloadIdentity", "clientSecret", "clientCertificate", "managedIdentity"], "credentials need exactly one of workloadIdentity, clientSecret, clientCertificate, managedIdentity; for example credentials: {workloadIdentity: {clientId: 22222222-3333-4444-5555-666666666666}}"))]
#[x_kube(validation = rules::at_most_one_of(&["workloadIdentity", "clientSecret", "clientCertificate", "managedIdentity"]))]
pub struct Credentials {
    /// The operator's own service account is federated with the application: no secret anywhere. For example
    /// `{clientId: 22222222-3333-4444-5555-666666666666}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity: Option<WorkloadIdentityCredential>,
    /// A client secret, kept in a Secret of the operator's namespace; for example
    /// `{clientId: 22222222-3333-4444-5555-666666666666, secretRef: {name: contoso}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ClientSecretCredential>,
    /// A certificate with its private key, kept in a Secret of the operator's namespace; for example
    /// `{clientId: 22222222-3333-4444-5555-666666666666, secretRef: {name: contoso}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificateCredential>,
    /// The managed identity of the machine that the operator runs on, for example `{}` for that of the machine itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_identity: Option<ManagedIdentityCredential>,
}

const CLIENT_ID: &str = "must be the application's (client) id, such as 22222222-3333-4444-5555-666666666666";

/// Workload identity federation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("clientId", "write the application's id, for example clientId: 22222222-3333-4444-5555-666666666666"))]
pub struct WorkloadIdentityCredential {
    /// Application (client) id, for example `22222222-3333-4444-5555-666666666666`. Required.
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid(CLIENT_ID))]
    pub client_id: String,
}

/// A client secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("clientId", "write the application's id, for example clientId: 22222222-3333-4444-5555-666666666666"))]
#[x_kube(validation = rules::required("secretRef", "name the Secret that holds the client secret, for example secretRef: {name: contoso, key: clientSecret}"))]
pub struct ClientSecretCredential {
    /// Application (client) id, for example `22222222-3333-4444-5555-666666666666`. Required.
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid(CLIENT_ID))]
    pub client_id: String,
    /// The key of a Secret in the operator's namespace, for example `{name: contoso, key: clientSecret}`. Required.
    pub secret_ref: SecretKeyRef,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("clientId", "write the application's id, for example clientId: 22222222-3333-4444-5555-666666666666"))]
#[x_kube(validation = rules::required("secretRef", "name the Secret that holds the certificate, for example secretRef: {name: contoso}"))]
pub struct ClientCertificateCredential {
    /// Application (client) id, for example `22222222-3333-4444-5555-666666666666`. Required.
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid(CLIENT_ID))]
    pub client_id: String,
    /// A Secret of the operator's namespace of the form kubernetes.io/tls: `tls.crt` and `tls.key`, both PEM; for
    /// example `{name: contoso}`. Required.
    pub secret_ref: SecretRef,
}

/// A managed identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedIdentityCredential {
    /// Client id of a user-assigned identity, for example `22222222-3333-4444-5555-666666666666`. Default: the
    /// system-assigned identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid(CLIENT_ID))]
    pub client_id: Option<String>,
}

/// A key of a Secret in the operator's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::required("name", "write the name of the Secret, for example name: contoso"))]
pub struct SecretKeyRef {
    /// Name of the Secret, for example `contoso`. Required.
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name(SECRET_NAME))]
    pub name: String,
    /// Key within it. Default `clientSecret`.
    #[serde(default = "client_secret_key")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::matching("^[-._a-zA-Z0-9]+$", "must be a key of a Secret, such as clientSecret: letters, digits, hyphens, underscores and dots"))]
    pub key: String,
}

fn client_secret_key() -> String {
    "clientSecret".into()
}

const SECRET_NAME: &str = "must be the name of a Secret, such as contoso: lower case letters, digits, hyphens and dots";

/// A Secret in the operator's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::required("name", "write the name of the Secret, for example name: contoso"))]
pub struct SecretRef {
    /// Name of the Secret, for example `contoso`. Required.
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name(SECRET_NAME))]
    pub name: String,
}

impl EntraTenantSpec {
    /// The drift interval; ten minutes where the text is no duration (the schema refuses that).
    #[must_use]
    pub fn drift_interval(&self) -> std::time::Duration {
        self.drift_interval
            .as_duration()
            .unwrap_or(std::time::Duration::from_secs(600))
    }

    /// Whether anything may be written in this tenant.
    #[must_use]
    pub fn management(&self) -> management::Management {
        match self.mode {
            Mode::Enforce => management::Management::Full,
            Mode::Observe => management::Management::Observe,
        }
    }
}

/// What the operator found when it signed in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = only_the_conditions_of_a_tenant)]
pub struct EntraTenantStatus {
    /// How far the operator is with it.
    #[serde(flatten)]
    pub standing: Standing,
    /// Application permissions that the token holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// The deletions that began within the last hour, as of the newest one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["uid"]))]
    pub deletions: Vec<Deletion>,
}

/// A deletion in Entra that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// Uid of the Kubernetes object.
    pub uid: String,
    /// Id of the catalog that what is deleted is in; absent for what is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    /// When it began, as an RFC 3339 time.
    pub at: String,
}

impl ManagedStatus for EntraTenantStatus {
    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn standing_mut(&mut self) -> &mut Standing {
        &mut self.standing
    }
}

fn only_the_conditions_of_a_tenant(schema: &mut Schema) {
    if let Some(conditions) = schema
        .pointer_mut("/properties/conditions")
        .and_then(Value::as_object_mut)
    {
        conditions.insert("description".into(), "Conditions: Ready, Reconciling, Stalled.".into());
    }
}
