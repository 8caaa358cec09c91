//! Roles on a catalog in Entra.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{
    reference::{GroupRef, ServicePrincipalRef, UserRef},
    rules,
};

/// Somebody's role on the catalog in Entra.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("role", "say which role, for example role: CatalogReader"))]
#[x_kube(validation = rules::required("principal", "say whose, for example principal: {group: {displayName: Marketing}}"))]
pub struct RoleAssignment {
    /// By which this entry is told from the others, for example `marketing-leads`. Required.
    #[schemars(length(max = 63))]
    #[x_kube(validation = rules::entry_name())]
    pub name: String,
    /// Which role: `CatalogOwner`, `CatalogReader`, `AccessPackageManager` or `AccessPackageAssignmentManager`. Required.
    /// Whoever has one acts in Entra itself, where no grant limits anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "CatalogRole")]
    pub role: Option<CatalogRole>,
    /// Whose, for example `{user: {userPrincipalName: ann@contoso.com}}`. Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Principal")]
    pub principal: Option<Principal>,
}

/// A role on a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CatalogRole {
    /// Runs the catalog: its resources, packages, policies and roles.
    CatalogOwner,
    /// Reads it.
    CatalogReader,
    /// Makes packages and policies of what is in it.
    AccessPackageManager,
    /// Gives its packages to people, and takes them away.
    AccessPackageAssignmentManager,
}

/// Who may have a role: exactly one of `user`, `group`, `servicePrincipal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["user", "group", "servicePrincipal"], "a principal needs exactly one of user, group, servicePrincipal; for example {group: {displayName: Marketing}}"))]
#[x_kube(validation = rules::at_most_one_of(&["user", "group", "servicePrincipal"]))]
pub struct Principal {
    /// A user, for example `{userPrincipalName: ann@contoso.com}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// A group, for example `{displayName: Marketing}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupRef>,
    /// A service principal, for example `{displayName: CRM}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_principal: Option<ServicePrincipalRef>,
}
