//! Look-ups in the directory: what a name or an id stands for.
//!
//! An empty list is a proven absence. Names are not unique, so every look-up answers a list.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::id::ObjectId;
use super::odata;
use super::read::Listed;
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
            // All four are selected: Graph answers null for what a group never was.
            on_premises_synced: group.on_premises_sync_enabled.unwrap_or_default(), // never synced
            dynamic: has_type("DynamicMembership"),
            role_assignable: group.is_assignable_to_role.unwrap_or_default(), // null unless it was made so
            distribution: group.mail_enabled.unwrap_or_default() && !has_type("Unified"), // no mail, no list
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

/// How to find something in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// Users.
    User(UserKey),
    /// Groups.
    Group(GroupKey),
    /// Service principals.
    ServicePrincipal(ServicePrincipalKey),
    /// Sites.
    Site(SiteKey),
}

/// What a look-up found; an empty list is a proven absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Users; at most 20.
    Users(Vec<User>),
    /// Groups; at most 20.
    Groups(Vec<Group>),
    /// Service principals; at most 20.
    ServicePrincipals(Vec<ServicePrincipal>),
    /// Sites; at most one.
    Sites(Vec<Site>),
}

impl Lookup {
    /// The operation's name for errors, and the least permission.
    pub(super) fn operation(&self) -> (&'static str, &'static str) {
        match self {
            Self::User(_) => ("users.find", USER_READ),
            Self::Group(_) => ("groups.find", GROUP_READ),
            Self::ServicePrincipal(_) => ("servicePrincipals.find", APPLICATION_READ),
            Self::Site(_) => ("sites.find", SITE_READ),
        }
    }

    /// The one request that answers it.
    pub(super) fn call(&self) -> Result<Asked, GraphError> {
        let (name, _) = self.operation();
        let (collection, fields) = match self {
            Self::User(_) => ("users", USER_FIELDS),
            Self::Group(_) => ("groups", GROUP_FIELDS),
            Self::ServicePrincipal(_) => ("servicePrincipals", SERVICE_PRINCIPAL_FIELDS),
            Self::Site(_) => ("sites", SITE_FIELDS),
        };
        let by_id = |id: &str| Ok(Asked::One(odata::path(name, &[collection, id])?, fields));
        let by_value = |property: &str, value: &str| {
            let path = odata::path(name, &[collection])?;
            Ok(Asked::Several(path, odata::eq(property, value), fields))
        };
        match self {
            Self::User(UserKey::Id(id))
            | Self::Group(GroupKey::Id(id))
            | Self::ServicePrincipal(ServicePrincipalKey::Id(id))
            | Self::Site(SiteKey::Id(id)) => by_id(id),
            Self::User(UserKey::UserPrincipalName(value)) => by_value("userPrincipalName", value),
            Self::User(UserKey::Mail(value)) => by_value("mail", value),
            Self::Group(GroupKey::DisplayName(value)) => by_value("displayName", value),
            Self::Group(GroupKey::MailNickname(value)) => by_value("mailNickname", value),
            Self::Group(GroupKey::UniqueName(value)) => by_value("uniqueName", value),
            Self::ServicePrincipal(ServicePrincipalKey::AppId(value)) => by_value("appId", value),
            Self::ServicePrincipal(ServicePrincipalKey::DisplayName(value)) => by_value("displayName", value),
            Self::Site(SiteKey::Url(url)) => match site_path(url) {
                Some(path) => Ok(Asked::One(path, fields)),
                None => Err(GraphError::new(
                    GraphErrorKind::BadRequest,
                    name,
                    format!("{url:?} is not the https URL of a SharePoint site"),
                )),
            },
        }
    }

    /// What the elements of an answer are.
    pub(super) fn found(&self, op: &Operation<'_>, values: Vec<Value>) -> Result<Found, GraphError> {
        Ok(match self {
            Self::User(_) => Found::Users(op.readable(Listed::parse(values))?),
            Self::Group(_) => Found::Groups(op.readable(Listed::<WireGroup>::parse(values).map(Group::from))?),
            Self::ServicePrincipal(_) => Found::ServicePrincipals(op.readable(Listed::parse(values))?),
            Self::Site(_) => Found::Sites(op.readable(Listed::parse(values))?),
        })
    }
}

/// One look-up as a request.
pub(super) enum Asked {
    /// An object by its place; 404 is its absence. With the properties to answer.
    One(String, &'static str),
    /// The first page of a collection, by a filter. With the properties to answer.
    Several(String, String, &'static str),
}

impl Asked {
    /// The request itself.
    pub(super) fn to_call(&self) -> Call {
        match self {
            Self::One(path, fields) => Call::get(path.clone()).query(&[("$select", (*fields).to_owned())]),
            Self::Several(path, filter, fields) => Call::get(path.clone()).query(&[
                ("$filter", filter.clone()),
                ("$select", (*fields).to_owned()),
                ("$top", TOP.to_owned()),
            ]),
        }
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
        match self.find_one(&Lookup::Group(key.clone())).await? {
            Found::Groups(found) => Ok(found),
            other => Err(mixed(&other)),
        }
    }

    /// Whether a group has any member at all, groups in it included; `None` where there is no such group.
    /// `GET groups/{id}/members?$top=1&$select=id`; GroupMember.Read.All.
    ///
    /// # Errors
    ///
    /// `Forbidden` names the permission.
    pub async fn has_members(&self, group: &ObjectId) -> Result<Option<bool>, GraphError> {
        #[derive(Deserialize)]
        struct Members {
            value: Vec<Value>,
        }
        const NAME: &str = "groups.members";
        let op = self.operation(NAME, GROUP_READ);
        let path = odata::path(NAME, &["groups", group.as_str(), "members"])?;
        let call = Call::get(path).query(&[("$top", "1".to_owned()), ("$select", "id".to_owned())]);
        let members: Option<Members> = op.read_existing(&call).await?;
        Ok(members.map(|members| !members.value.is_empty()))
    }

    /// Users; at most 20. `GET users/{id}` or `GET users?$filter=… eq '…'`; User.Read.All (User.ReadBasic.All leaves
    /// `user_type` and `enabled` unread).
    ///
    /// # Errors
    ///
    /// `Forbidden` names the permission.
    pub async fn find_users(&self, key: &UserKey) -> Result<Vec<User>, GraphError> {
        match self.find_one(&Lookup::User(key.clone())).await? {
            Found::Users(found) => Ok(found),
            other => Err(mixed(&other)),
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
        match self.find_one(&Lookup::ServicePrincipal(key.clone())).await? {
            Found::ServicePrincipals(found) => Ok(found),
            other => Err(mixed(&other)),
        }
    }

    /// Sites; at most one. `GET sites/{hostname}:/{path}`; Sites.Read.All.
    ///
    /// # Errors
    ///
    /// `BadRequest` for what is not a site's URL; `Forbidden` names the permission.
    pub async fn find_sites(&self, key: &SiteKey) -> Result<Vec<Site>, GraphError> {
        match self.find_one(&Lookup::Site(key.clone())).await? {
            Found::Sites(found) => Ok(found),
            other => Err(mixed(&other)),
        }
    }
}

/// A look-up answers its own kind; that it does not is a mistake of this program.
fn mixed(found: &Found) -> GraphError {
    GraphError::new(
        GraphErrorKind::InvalidResponse,
        "directory.find",
        format!("another kind was asked for than {found:?}"),
    )
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
