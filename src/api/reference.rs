//! How one object points at another: by Kubernetes name, or at an object of the directory by its id or by a name.
//!
//! Each reference to the directory is a struct of optional fields of which exactly one is set; the schema says in
//! words which one is missing or extra.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// Both user principal names and mail addresses have a name and a domain.
const ADDRESS: &str = "^[^@ ]+@[^@ ]+$";

/// A Kubernetes object, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::required("name", "write the name of the object, for example name: marketing"))]
pub struct NameRef {
    /// Name of the object, for example `marketing`. Required.
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name("must be the name of a Kubernetes object, such as marketing: lower case letters, digits, hyphens and dots"))]
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
#[x_kube(validation = rules::any_of(&["id", "userPrincipalName", "mail"], "a user needs exactly one of id, userPrincipalName, mail; for example user: {userPrincipalName: ann@contoso.com}"))]
#[x_kube(validation = rules::at_most_one_of(&["id", "userPrincipalName", "mail"]))]
pub struct UserRef {
    /// Object id, for example `7deff43e-1f17-44ef-9e5f-d516b0ba11d4`. Never looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be an object id such as 7deff43e-1f17-44ef-9e5f-d516b0ba11d4"))]
    pub id: Option<String>,
    /// User principal name, for example `ann@contoso.com`. Looked up once, then pinned in status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::matching(ADDRESS, "must be a user principal name such as ann@contoso.com"))]
    pub user_principal_name: Option<String>,
    /// Mail address, for example `ann@contoso.com`; one user only may have it. Looked up once, then pinned in status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::matching(ADDRESS, "must be a mail address such as ann@contoso.com"))]
    pub mail: Option<String>,
}

/// A group of the directory: exactly one of `id`, `displayName`, `mailNickname`, `uniqueName`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["id", "displayName", "mailNickname", "uniqueName"], "a group needs exactly one of id, displayName, mailNickname, uniqueName; for example group: {displayName: Marketing}"))]
#[x_kube(validation = rules::at_most_one_of(&["id", "displayName", "mailNickname", "uniqueName"]))]
pub struct GroupRef {
    /// Object id, for example `0282e19d-bf41-435d-92a4-99bab93af305`. Never looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be an object id such as 0282e19d-bf41-435d-92a4-99bab93af305"))]
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
#[x_kube(validation = rules::any_of(&["appId", "servicePrincipalId", "displayName"], "an application needs exactly one of appId, servicePrincipalId, displayName; for example application: {displayName: CRM}"))]
#[x_kube(validation = rules::at_most_one_of(&["appId", "servicePrincipalId", "displayName"]))]
pub struct ApplicationRef {
    /// Application (client) id, the same in every tenant, for example `22222222-3333-4444-5555-666666666666`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be an application id such as 22222222-3333-4444-5555-666666666666"))]
    pub app_id: Option<String>,
    /// Object id of the service principal in this tenant, for example `e81d7f57-0840-45e1-894b-f505c1bdcc1f`. Never
    /// looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be an object id such as e81d7f57-0840-45e1-894b-f505c1bdcc1f"))]
    pub service_principal_id: Option<String>,
    /// Display name, for example `CRM`; two service principals of one name are refused with both ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
}

/// A service principal that may request access: exactly one of `id`, `appId`, `displayName`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["id", "appId", "displayName"], "a servicePrincipal needs exactly one of id, appId, displayName; for example servicePrincipal: {displayName: CRM}"))]
#[x_kube(validation = rules::at_most_one_of(&["id", "appId", "displayName"]))]
pub struct ServicePrincipalRef {
    /// Object id of the service principal, for example `e81d7f57-0840-45e1-894b-f505c1bdcc1f`. Never looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be an object id such as e81d7f57-0840-45e1-894b-f505c1bdcc1f"))]
    pub id: Option<String>,
    /// Application (client) id, for example `22222222-3333-4444-5555-666666666666`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be an application id such as 22222222-3333-4444-5555-666666666666"))]
    pub app_id: Option<String>,
    /// Display name, for example `CRM`; two service principals of one name are refused with both ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
}

/// A connected organization: exactly one of `name`, `id`, `displayName`, `tenantId`, `domain`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["name", "id", "displayName", "tenantId", "domain"], "a connectedOrganization needs exactly one of name, id, displayName, tenantId, domain; for example connectedOrganization: {name: fabrikam}"))]
#[x_kube(validation = rules::at_most_one_of(&["name", "id", "displayName", "tenantId", "domain"]))]
pub struct ConnectedOrganizationRef {
    /// Name of a ConnectedOrganization of this cluster, for example `fabrikam`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name("must be the name of a ConnectedOrganization, such as fabrikam: lower case letters, digits, hyphens and dots"))]
    pub name: Option<String>,
    /// Id of the connected organization in Entra, for example `c3bf99ed-99ed-c3bf-ed99-cfb1ed99cfb1`. Never looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be an id such as c3bf99ed-99ed-c3bf-ed99-cfb1ed99cfb1"))]
    pub id: Option<String>,
    /// Display name, for example `Fabrikam`; two organizations of one name are refused with both ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
    /// Id of the organization's tenant, for example `33333333-3333-4333-8333-333333333333`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the id of a tenant, such as 33333333-3333-4333-8333-333333333333"))]
    pub tenant_id: Option<String>,
    /// Domain by which Entra shows the organization, for example `fabrikam.com`; one with a tenant behind it Entra shows as
    /// that tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::domain("must be the name of a domain, such as fabrikam.com"))]
    pub domain: Option<String>,
}

/// A role of the directory, such as Reports Reader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("roleTemplateId", "say which role, for example roleTemplateId: 4a5d8f65-41da-4de4-8968-e035b65339cf"))]
pub struct DirectoryRoleRef {
    /// Id of the role's template, which is the same in every tenant; for example `4a5d8f65-41da-4de4-8968-e035b65339cf` for
    /// Reports Reader (Microsoft Entra built-in roles, "Template ID"). Of a role of the tenant's own making: its id. Required.
    #[schemars(length(max = 64))]
    #[x_kube(validation = rules::guid("must be the id of a role's template, such as 4a5d8f65-41da-4de4-8968-e035b65339cf"))]
    pub role_template_id: String,
}

/// A SharePoint Online site: exactly one of `url`, `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["url", "id"], "a sharePointSite needs exactly one of url, id; for example sharePointSite: {url: https://contoso.sharepoint.com/sites/marketing}"))]
#[x_kube(validation = rules::at_most_one_of(&["url", "id"]))]
pub struct SharePointSiteRef {
    /// Address of the site, for example `https://contoso.sharepoint.com/sites/marketing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::matching("^https://[^/?# ]+(/[^?# ]*)?$", "must be the address of the site, https and without query, such as https://contoso.sharepoint.com/sites/marketing"))]
    pub url: Option<String>,
    /// Graph's id of the site: host name, id of the site collection, id of the site, with commas between them; for example
    /// `contoso.sharepoint.com,5a58bb09-1fba-41c1-8125-69da264370a0,9f2ec1da-0be4-4a74-9254-973f0add78fd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = rules::matching("^[^, ]+,[^, ]+,[^, ]+$", "must be Graph's id of the site: host name, id of the site collection and id of the site, with commas between them"))]
    pub id: Option<String>,
}
