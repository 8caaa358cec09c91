//! The world file: what the tenant holds when the emulator starts.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A tenant before anything was done through the API. See the README for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct World {
    pub(crate) tenant: Tenant,
    #[serde(default = "licensed")]
    pub(crate) licences: Vec<Licence>,
    #[serde(default)]
    pub(crate) applications: Vec<Application>,
    #[serde(default)]
    pub(crate) users: Vec<User>,
    #[serde(default)]
    pub(crate) groups: Vec<Group>,
    #[serde(default)]
    pub(crate) service_principals: Vec<ServicePrincipal>,
    #[serde(default)]
    pub(crate) sites: Vec<Site>,
    #[serde(default)]
    pub(crate) administrative_units: Vec<AdministrativeUnit>,
    #[serde(default)]
    pub(crate) entitlement: Entitlement,
}

fn licensed() -> Vec<Licence> {
    vec![Licence::EntraIdGovernance]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Licence {
    EntraIdGovernance,
    EntraIdP2,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) domain: String,
    pub(crate) share_point_host: Option<String>,
}

impl Tenant {
    /// The host of its sites: named, or made of the domain.
    pub(crate) fn share_point_host(&self) -> String {
        self.share_point_host.clone().unwrap_or_else(|| {
            let name = self.domain.split('.').next().unwrap_or("contoso");
            format!("{name}.sharepoint.com")
        })
    }
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Application {
    pub(crate) display_name: String,
    pub(crate) client_id: String,
    pub(crate) object_id: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) federated: Option<Federated>,
    #[serde(default)]
    pub(crate) app_permissions: Vec<String>,
    #[serde(default)]
    pub(crate) entitlement_roles: Vec<EntitlementRole>,
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Federated {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    #[serde(default = "exchange_audience")]
    pub(crate) audience: String,
    /// The issuer's public key, PEM. Without it the signature of an assertion is not checked.
    pub(crate) public_key: Option<String>,
}

fn exchange_audience() -> String {
    "api://AzureADTokenExchange".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EntitlementRole {
    pub(crate) role: CatalogRole,
    pub(crate) catalog: Option<String>,
}

/// The roles of entitlement management; their ids are the same in every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) enum CatalogRole {
    CatalogOwner,
    CatalogReader,
    #[serde(alias = "AccessPackagesManager")]
    AccessPackageManager,
    AccessPackageAssignmentManager,
    CatalogCreator,
}

impl CatalogRole {
    pub(crate) const ALL: [Self; 5] = [
        Self::CatalogOwner,
        Self::CatalogReader,
        Self::AccessPackageManager,
        Self::CatalogCreator,
        Self::AccessPackageAssignmentManager,
    ];

    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::CatalogOwner => "ae79f266-94d4-4dab-b730-feca7e132178",
            Self::CatalogReader => "44272f93-9762-48e8-af59-1b5351b1d6b3",
            Self::AccessPackageManager => "7f480852-ebdc-47d4-87de-0d8498384a83",
            Self::AccessPackageAssignmentManager => "e2182095-804a-4656-ae11-64734e9b7ae5",
            Self::CatalogCreator => "ba92d953-d8e0-4e39-a797-0cbedb0a89e8",
        }
    }

    pub(crate) fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id().eq_ignore_ascii_case(id))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct User {
    pub(crate) id: Option<String>,
    pub(crate) user_principal_name: String,
    pub(crate) display_name: Option<String>,
    pub(crate) mail: Option<String>,
    pub(crate) user_type: Option<UserType>,
    pub(crate) account_enabled: Option<bool>,
    pub(crate) department: Option<String>,
    pub(crate) job_title: Option<String>,
    pub(crate) manager: Option<String>,
    /// A guest who came in through entitlement management, and goes with the last assignment.
    #[serde(default)]
    pub(crate) governed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum UserType {
    Member,
    Guest,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) id: Option<String>,
    pub(crate) display_name: String,
    pub(crate) description: Option<String>,
    pub(crate) mail_nickname: Option<String>,
    pub(crate) unique_name: Option<String>,
    #[serde(default)]
    pub(crate) members: Vec<String>,
    #[serde(default)]
    pub(crate) owners: Vec<String>,
    #[serde(default)]
    pub(crate) synced: bool,
    #[serde(default)]
    pub(crate) dynamic: bool,
    #[serde(default)]
    pub(crate) role_assignable: bool,
    #[serde(default)]
    pub(crate) pim: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ServicePrincipal {
    pub(crate) id: Option<String>,
    pub(crate) app_id: String,
    pub(crate) display_name: String,
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) app_roles: Vec<AppRole>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AppRole {
    pub(crate) id: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) display_name: String,
    pub(crate) description: Option<String>,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Site {
    pub(crate) web_url: String,
    pub(crate) display_name: Option<String>,
    #[serde(default)]
    pub(crate) roles: Vec<SiteRole>,
}

impl Site {
    /// The root site of a tenant whose world file does not name it.
    pub(crate) fn root(web_url: String) -> Self {
        let role = |origin_id: &str, name: &str| SiteRole {
            origin_id: origin_id.to_owned(),
            display_name: format!("Communication site {name}"),
        };
        Self {
            web_url,
            display_name: Some("Communication site".to_owned()),
            roles: vec![role("4", "Visitors"), role("5", "Members"), role("3", "Owners")],
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SiteRole {
    pub(crate) origin_id: String,
    pub(crate) display_name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AdministrativeUnit {
    pub(crate) id: Option<String>,
    pub(crate) display_name: String,
    pub(crate) description: Option<String>,
}

/// Objects of entitlement management that somebody else made, in v1.0 shape.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Entitlement {
    #[serde(default)]
    pub(crate) catalogs: Vec<Map<String, Value>>,
    /// With `catalog: {id: …}`, `originId` and `originSystem`.
    #[serde(default)]
    pub(crate) resources: Vec<Map<String, Value>>,
    #[serde(default)]
    pub(crate) access_packages: Vec<Map<String, Value>>,
    /// With `accessPackage: {id: …}`, `role: {originId: …}` and `scope: {originId: …}`.
    #[serde(default)]
    pub(crate) resource_role_scopes: Vec<Map<String, Value>>,
    #[serde(default)]
    pub(crate) assignment_policies: Vec<Map<String, Value>>,
    #[serde(default)]
    pub(crate) assignments: Vec<Map<String, Value>>,
    #[serde(default)]
    pub(crate) connected_organizations: Vec<Map<String, Value>>,
}

/// Why a world file was refused, with the line where the file itself is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldError(pub(crate) String);

impl std::fmt::Display for WorldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WorldError {}

impl World {
    /// Reads a world file.
    ///
    /// # Errors
    ///
    /// When it is not YAML, has an unknown key, or names something that it does not hold.
    pub fn from_yaml(text: &str) -> Result<Self, WorldError> {
        let world: Self = serde_saphyr::from_str(text).map_err(|error| WorldError(error.to_string()))?;
        // The references are checked by building it once.
        crate::seed::build(&world, crate::clock::Clock::new(jiff::Timestamp::now())).map_err(|what| {
            match line_of(text, &what.needle) {
                Some(line) => WorldError(format!("line {line}: {}", what.message)),
                None => WorldError(what.message),
            }
        })?;
        Ok(world)
    }
}

fn line_of(text: &str, needle: &str) -> Option<usize> {
    (!needle.is_empty())
        .then(|| text.lines().position(|line| line.contains(needle)).map(|at| at + 1))
        .flatten()
}
