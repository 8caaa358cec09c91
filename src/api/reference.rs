//! How one object points at another: by Kubernetes name, or at an object of the directory by its id or by a name.
//!
//! Each reference to the directory is a struct of optional fields of which exactly one is set; the schema says in
//! words which one is missing or extra.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Kubernetes object, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NameRef {
    /// Name of the object, for example `marketing`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl NameRef {
    /// A reference to the object called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// A user of the directory: exactly one of `id`, `userPrincipalName`, `mail`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.id), has(self.userPrincipalName), has(self.mail)].filter(x, x).size() == 1")
    .message("a user needs exactly one of id, userPrincipalName, mail; for example user: {userPrincipalName: ann@contoso.com}"))]
pub struct UserRef {
    /// Object id, for example `7deff43e-1f17-44ef-9e5f-d516b0ba11d4`. Never looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')")
        .message("must be an object id such as 7deff43e-1f17-44ef-9e5f-d516b0ba11d4"))]
    pub id: Option<String>,
    /// User principal name, for example `ann@contoso.com`. Looked up once, then pinned in status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub user_principal_name: Option<String>,
    /// Mail address, for example `ann@contoso.com`; one user only may have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub mail: Option<String>,
}

/// A group of the directory: exactly one of `id`, `displayName`, `mailNickname`, `uniqueName`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.id), has(self.displayName), has(self.mailNickname), has(self.uniqueName)].filter(x, x).size() == 1")
    .message("a group needs exactly one of id, displayName, mailNickname, uniqueName; for example group: {displayName: Marketing}"))]
pub struct GroupRef {
    /// Object id, for example `0282e19d-bf41-435d-92a4-99bab93af305`. Never looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')")
        .message("must be an object id such as 0282e19d-bf41-435d-92a4-99bab93af305"))]
    pub id: Option<String>,
    /// Display name, for example `Marketing Campaign`; two groups of one name are refused with both ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
    /// Mail nickname, for example `marketing-campaign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub mail_nickname: Option<String>,
    /// Unique name of the group, for example `marketing-campaign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub unique_name: Option<String>,
}

/// An enterprise application (service principal) as a resource: exactly one of `appId`, `servicePrincipalId`, `displayName`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.appId), has(self.servicePrincipalId), has(self.displayName)].filter(x, x).size() == 1")
    .message("an application needs exactly one of appId, servicePrincipalId, displayName; for example application: {displayName: CRM}"))]
pub struct ApplicationRef {
    /// Application (client) id, the same in every tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')")
        .message("must be an application id such as 22222222-3333-4444-5555-666666666666"))]
    pub app_id: Option<String>,
    /// Object id of the service principal in this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')")
        .message("must be an object id such as e81d7f57-0840-45e1-894b-f505c1bdcc1f"))]
    pub service_principal_id: Option<String>,
    /// Display name, for example `CRM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
}

/// A service principal that may request access: exactly one of `id`, `appId`, `displayName`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.id), has(self.appId), has(self.displayName)].filter(x, x).size() == 1")
    .message("a servicePrincipal needs exactly one of id, appId, displayName; for example servicePrincipal: {displayName: CRM}"))]
pub struct ServicePrincipalRef {
    /// Object id of the service principal. Never looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')")
        .message("must be an object id such as e81d7f57-0840-45e1-894b-f505c1bdcc1f"))]
    pub id: Option<String>,
    /// Application (client) id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')")
        .message("must be an application id such as 22222222-3333-4444-5555-666666666666"))]
    pub app_id: Option<String>,
    /// Display name, for example `CRM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
}

/// A SharePoint Online site: exactly one of `url`, `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.url) != has(self.id)")
    .message("a sharePointSite needs exactly one of url, id; for example sharePointSite: {url: https://contoso.sharepoint.com/sites/marketing}"))]
pub struct SharePointSiteRef {
    /// Address of the site, for example `https://contoso.sharepoint.com/sites/marketing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = Rule::new("self.matches('^https://[^/?# ]+(/[^?# ]*)?$')")
        .message("must be the address of the site, https and without query, such as https://contoso.sharepoint.com/sites/marketing"))]
    pub url: Option<String>,
    /// Graph's id of the site: `hostname,siteCollectionId,siteId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub id: Option<String>,
}
