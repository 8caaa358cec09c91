//! Look-ups in the directory: what a name or an id stands for.
//!
//! An empty list is a proven absence. Names are not unique, so every look-up answers a list.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::id::ObjectId;
use super::odata;
use super::transport::{Graph, Operation};
use super::wire::null_as_default;

/// Enough to name the candidates of an ambiguous name.
const TOP: &str = "20";

const GROUP_READ: &str = "GroupMember.Read.All";
const GROUP_FIELDS: &str = "id,displayName,mailNickname,uniqueName,onPremisesSyncEnabled,groupTypes,isAssignableToRole,mailEnabled,securityEnabled";
const USER_READ: &str = "User.Read.All";
const USER_FIELDS: &str = "id,displayName,userPrincipalName,mail,userType,accountEnabled";
const APPLICATION_READ: &str = "Application.Read.All";
const SERVICE_PRINCIPAL_FIELDS: &str = "id,appId,displayName,appRoles";
const SITE_READ: &str = "Sites.Read.All";
const SITE_FIELDS: &str = "id,webUrl,displayName";

/// How to find a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GroupKey {
    /// By object id.
    Id(String),
    /// By name; not unique.
    DisplayName(String),
    /// By mail nickname; unique among Microsoft 365 groups only.
    MailNickname(String),
    /// By unique name.
    UniqueName(String),
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its object id.
    pub id: ObjectId,
    /// Its name.
    pub display_name: String,
    /// Its mail nickname.
    pub mail_nickname: Option<String>,
    /// Its unique name.
    pub unique_name: Option<String>,
    /// It is kept by an on-premises directory: no resource of a catalog.
    pub on_premises_synced: bool,
    /// Its members follow from a rule.
    pub dynamic: bool,
    /// It can hold directory roles: more rights are needed to manage it.
    pub role_assignable: bool,
    /// It is an Exchange distribution list or mail-enabled security group: no resource of a catalog.
    pub distribution: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireGroup {
    id: ObjectId,
    #[serde(default, deserialize_with = "null_as_default")]
    display_name: String,
    mail_nickname: Option<String>,
    unique_name: Option<String>,
    on_premises_sync_enabled: Option<bool>,
    #[serde(default, deserialize_with = "null_as_default")]
    group_types: Vec<String>,
    is_assignable_to_role: Option<bool>,
    mail_enabled: Option<bool>,
}

impl From<WireGroup> for Group {
    fn from(group: WireGroup) -> Self {
        let has_type = |name: &str| group.group_types.iter().any(|kind| kind.eq_ignore_ascii_case(name));
        Self {
            on_premises_synced: group.on_premises_sync_enabled.unwrap_or_default(),
            dynamic: has_type("DynamicMembership"),
            role_assignable: group.is_assignable_to_role.unwrap_or_default(),
            distribution: group.mail_enabled.unwrap_or_default() && !has_type("Unified"),
            id: group.id,
            display_name: group.display_name,
            mail_nickname: group.mail_nickname,
            unique_name: group.unique_name,
        }
    }
}

/// How to find a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UserKey {
    /// By object id.
    Id(String),
    /// By principal name; a guest's has `#EXT#` in it.
    UserPrincipalName(String),
    /// By mail address; not unique.
    Mail(String),
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The object id.
    pub id: ObjectId,
    /// The name.
    #[serde(default, deserialize_with = "null_as_default")]
    pub display_name: String,
    /// The principal name.
    #[serde(default)]
    pub user_principal_name: Option<String>,
    /// The mail address.
    #[serde(default)]
    pub mail: Option<String>,
    /// `Member` or `Guest`; `None` where the caller may not read it.
    #[serde(default)]
    pub user_type: Option<String>,
    /// Whether the user can sign in; `None` where the caller may not read it.
    #[serde(default, rename = "accountEnabled")]
    pub enabled: Option<bool>,
}

/// How to find a service principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServicePrincipalKey {
    /// By object id.
    Id(String),
    /// By application (client) id.
    AppId(String),
    /// By name; not unique.
    DisplayName(String),
}

/// A service principal: an application as it exists in the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// Its object id.
    pub id: ObjectId,
    /// The application (client) id.
    #[serde(default)]
    pub app_id: Option<String>,
    /// Its name.
    #[serde(default, deserialize_with = "null_as_default")]
    pub display_name: String,
    /// The roles that the application defines.
    #[serde(default, deserialize_with = "null_as_default")]
    pub app_roles: Vec<AppRole>,
}

/// A role that an application defines.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRole {
    /// Its id, which is the origin id of the catalog's role.
    pub id: String,
    /// Its value, as tokens carry it.
    #[serde(default)]
    pub value: Option<String>,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Whether it can be assigned.
    #[serde(default, rename = "isEnabled", deserialize_with = "null_as_default")]
    pub enabled: bool,
}

/// How to find a SharePoint site.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SiteKey {
    /// By its URL, such as `https://contoso.sharepoint.com/sites/marketing`.
    Url(String),
    /// By Graph's id: `hostname,siteCollectionId,siteId`.
    Id(String),
}

/// A SharePoint site.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// `hostname,siteCollectionId,webId`.
    pub id: String,
    /// Its URL, which is the origin id of the catalog's resource.
    #[serde(default, deserialize_with = "null_as_default")]
    pub web_url: String,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
}

impl Operation<'_> {
    /// One object by its id: none where Graph says 404.
    async fn by_id<T: DeserializeOwned>(&self, collection: &str, id: &str, fields: &str) -> Result<Vec<T>, GraphError> {
        let call = Call::get(self.path(&[collection, id])?).query(&[("$select", fields.to_owned())]);
        Ok(self.read_existing(&call).await?.into_iter().collect())
    }

    /// The objects whose property has this value.
    async fn by_value<T: DeserializeOwned>(
        &self,
        collection: &str,
        property: &str,
        value: &str,
        fields: &str,
    ) -> Result<Vec<T>, GraphError> {
        let call = Call::get(self.path(&[collection])?).query(&[
            ("$filter", odata::eq(property, value)),
            ("$select", fields.to_owned()),
            ("$top", TOP.to_owned()),
        ]);
        self.first_page(&call).await
    }
}

impl Graph {
    /// Groups; at most 20. `GET groups/{id}` or `GET groups?$filter=… eq '…'`; GroupMember.Read.All. A group that was
    /// just made may be missing for some seconds.
    ///
    /// # Errors
    ///
    /// `Forbidden` names the permission.
    pub async fn find_groups(&self, key: &GroupKey) -> Result<Vec<Group>, GraphError> {
        let op = self.operation("groups.find", GROUP_READ);
        let found: Vec<WireGroup> = match key {
            GroupKey::Id(id) => op.by_id("groups", id, GROUP_FIELDS).await?,
            GroupKey::DisplayName(name) => op.by_value("groups", "displayName", name, GROUP_FIELDS).await?,
            GroupKey::MailNickname(name) => op.by_value("groups", "mailNickname", name, GROUP_FIELDS).await?,
            GroupKey::UniqueName(name) => op.by_value("groups", "uniqueName", name, GROUP_FIELDS).await?,
        };
        Ok(found.into_iter().map(Group::from).collect())
    }

    /// Users; at most 20. `GET users/{id}` or `GET users?$filter=… eq '…'`; User.Read.All (User.ReadBasic.All leaves
    /// `user_type` and `enabled` unread).
    ///
    /// # Errors
    ///
    /// `Forbidden` names the permission.
    pub async fn find_users(&self, key: &UserKey) -> Result<Vec<User>, GraphError> {
        let op = self.operation("users.find", USER_READ);
        match key {
            UserKey::Id(id) => op.by_id("users", id, USER_FIELDS).await,
            UserKey::UserPrincipalName(name) => op.by_value("users", "userPrincipalName", name, USER_FIELDS).await,
            UserKey::Mail(mail) => op.by_value("users", "mail", mail, USER_FIELDS).await,
        }
    }

    /// Service principals; at most 20. `GET servicePrincipals/{id}` or `GET servicePrincipals?$filter=… eq '…'`;
    /// Application.Read.All.
    ///
    /// # Errors
    ///
    /// `Forbidden` names the permission.
    pub async fn find_service_principals(
        &self,
        key: &ServicePrincipalKey,
    ) -> Result<Vec<ServicePrincipal>, GraphError> {
        let op = self.operation("servicePrincipals.find", APPLICATION_READ);
        let (collection, fields) = ("servicePrincipals", SERVICE_PRINCIPAL_FIELDS);
        match key {
            ServicePrincipalKey::Id(id) => op.by_id(collection, id, fields).await,
            ServicePrincipalKey::AppId(id) => op.by_value(collection, "appId", id, fields).await,
            ServicePrincipalKey::DisplayName(name) => op.by_value(collection, "displayName", name, fields).await,
        }
    }

    /// Sites; at most one. `GET sites/{hostname}:/{path}`; Sites.Read.All.
    ///
    /// # Errors
    ///
    /// `BadRequest` for what is not a site's URL; `Forbidden` names the permission.
    pub async fn find_sites(&self, key: &SiteKey) -> Result<Vec<Site>, GraphError> {
        let op = self.operation("sites.find", SITE_READ);
        let path = match key {
            SiteKey::Url(url) => site_path(url).ok_or_else(|| {
                op.error(
                    GraphErrorKind::BadRequest,
                    format!("{url:?} is not the https URL of a SharePoint site"),
                )
            })?,
            SiteKey::Id(id) => super::odata::path("sites.find", &["sites", id])?,
        };
        let call = Call::get(path).query(&[("$select", SITE_FIELDS.to_owned())]);
        Ok(op.read_existing(&call).await?.into_iter().collect())
    }
}

/// The path of a site below the Graph root; a site's own URL is encoded already.
fn site_path(url: &str) -> Option<String> {
    let url = Url::parse(url)
        .ok()
        .filter(|url| url.scheme() == "https" && url.query().is_none())?;
    let host = url.host_str()?;
    match url.path().trim_end_matches('/') {
        "" => Some(format!("/sites/{host}")),
        path => Some(format!("/sites/{host}:{path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_addressed_by_host_and_path() {
        let marketing = "/sites/contoso.sharepoint.com:/sites/Market%20ing";
        assert_eq!(
            site_path("https://contoso.sharepoint.com/sites/Market ing/").as_deref(),
            Some(marketing)
        );
        assert_eq!(
            site_path("https://contoso.sharepoint.com").as_deref(),
            Some("/sites/contoso.sharepoint.com")
        );
        assert_eq!(site_path("ftp://contoso.sharepoint.com/sites/x"), None);
    }

    #[test]
    fn a_group_says_why_it_is_no_resource() {
        let wire: WireGroup = serde_json::from_value(serde_json::json!({
            "id": "1", "displayName": "All", "onPremisesSyncEnabled": null, "groupTypes": ["DynamicMembership"],
            "mailEnabled": true,
        }))
        .unwrap();
        let group = Group::from(wire);
        assert!(group.dynamic && group.distribution && !group.on_premises_synced && !group.role_assignable);
    }
}
