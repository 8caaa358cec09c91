//! Who may request a package.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{
    Requirement,
    reference::{ConnectedOrganizationRef, GroupRef, ServicePrincipalRef, UserRef},
    rules,
};
use super::approval::TargetManagerLevel;

/// Who may request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.scope) || !(self.scope in ['SpecificDirectoryUsers', 'SpecificDirectoryServicePrincipals', 'SpecificConnectedOrganizationUsers']) || (has(self.targets) && self.targets.size() > 0)")
    .message("this scope needs at least one target, for example targets: [{group: {displayName: Marketing}}], or [{servicePrincipal: {displayName: CRM}}] with SpecificDirectoryServicePrincipals, or [{connectedOrganization: {name: fabrikam}}] with SpecificConnectedOrganizationUsers")
    .field_path(".targets").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope in ['SpecificDirectoryUsers', 'SpecificDirectoryServicePrincipals', 'SpecificConnectedOrganizationUsers'] || !has(self.targets) || self.targets.size() == 0")
    .message("targets go with the scopes SpecificDirectoryUsers, SpecificDirectoryServicePrincipals and SpecificConnectedOrganizationUsers only: remove them, or change the scope")
    .field_path(".targets"))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope != 'SpecificDirectoryUsers' || !has(self.targets) || self.targets.all(t, !has(t.servicePrincipal) && !has(t.connectedOrganization))")
    .message("SpecificDirectoryUsers takes users and groups; for service principals use SpecificDirectoryServicePrincipals, for connected organizations SpecificConnectedOrganizationUsers")
    .field_path(".targets"))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope != 'SpecificDirectoryServicePrincipals' || !has(self.targets) || self.targets.all(t, has(t.servicePrincipal))")
    .message("SpecificDirectoryServicePrincipals takes service principals only; for users and groups use SpecificDirectoryUsers")
    .field_path(".targets"))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope != 'SpecificConnectedOrganizationUsers' || !has(self.targets) || self.targets.all(t, has(t.connectedOrganization))")
    .message("SpecificConnectedOrganizationUsers takes connected organizations only; for users and groups use SpecificDirectoryUsers")
    .field_path(".targets"))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope != 'None' || !(self.selfService.add || self.selfService.update)")
    .message("scope None means that nobody can request and access is assigned directly: set add and update to false, or choose another scope")
    .field_path(".selfService"))]
#[x_kube(validation = Rule::new("!has(self.scope) || self.scope != 'None' || !has(self.onBehalf) || !(self.onBehalf.add || self.onBehalf.update)")
    .message("scope None means that nobody can request, for others neither: set add and update to false, or choose another scope")
    .field_path(".onBehalf"))]
#[x_kube(validation = rules::required("scope", "say who may request, for example scope: AllMemberUsers; None for nobody (direct assignment only)"))]
pub struct Requestors {
    /// Who (Graph's allowedTargetScope), for example `AllMemberUsers`. `None`: nobody, access is assigned directly.
    /// `SpecificDirectoryUsers`, `SpecificDirectoryServicePrincipals`: those in `targets`.
    /// `SpecificConnectedOrganizationUsers`: people of the connected organizations in `targets`, who are outside the
    /// directory. `AllMemberUsers`: every member of the directory, without guests. `AllDirectoryUsers`: guests included. `AllDirectoryServicePrincipals`,
    /// `AllDirectoryAgentIdentities`: every one of the directory. `AllConfiguredConnectedOrganizationUsers`: people of
    /// every configured connected organization. `AllExternalUsers`: everybody outside the directory. Required.
    pub scope: RequestorScope,
    /// The users and groups of `SpecificDirectoryUsers`, the service principals of
    /// `SpecificDirectoryServicePrincipals`, or the organizations of `SpecificConnectedOrganizationUsers`; for example `[{group: {displayName: Marketing}}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub targets: Vec<Target>,
    /// What they may do by themselves, for example `{add: true, remove: true}`. Default: nothing.
    #[serde(default)]
    pub self_service: SelfService,
    /// Who may do the same for others, for example `{add: true, requestors: [{targetManager: {level: 1}}]}`; needs the
    /// grant's leave. Default: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<OnBehalf>,
    /// Whether they must say why: `Required` or `NotRequired`. Default `NotRequired`.
    #[serde(default)]
    pub justification: Requirement,
}

/// Who may request: Graph's allowedTargetScope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RequestorScope {
    /// Nobody: direct assignment only (`notSpecified`).
    None,
    /// The users and groups in `targets`, guests of the directory among them if named.
    SpecificDirectoryUsers,
    /// The service principals in `targets`.
    SpecificDirectoryServicePrincipals,
    /// People of the connected organizations in `targets`: outside the directory.
    SpecificConnectedOrganizationUsers,
    /// Every member of the directory, without guests.
    AllMemberUsers,
    /// Everybody in the directory, guests included.
    AllDirectoryUsers,
    /// Every service principal of the directory.
    AllDirectoryServicePrincipals,
    /// Every agent identity of the directory.
    AllDirectoryAgentIdentities,
    /// Everybody in every configured connected organization: people outside the directory.
    AllConfiguredConnectedOrganizationUsers,
    /// Everybody outside the directory.
    AllExternalUsers,
}

/// One who may request: exactly one of `user`, `group`, `servicePrincipal`, `connectedOrganization`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["user", "group", "servicePrincipal", "connectedOrganization"], "a target needs exactly one of user, group, servicePrincipal, connectedOrganization; for example {group: {displayName: Marketing}}"))]
#[x_kube(validation = rules::at_most_one_of(&["user", "group", "servicePrincipal", "connectedOrganization"]))]
pub struct Target {
    /// A user, for example `{userPrincipalName: ann@contoso.com}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// The members of a group, for example `{displayName: Marketing}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupRef>,
    /// A service principal, for example `{displayName: CRM}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_principal: Option<ServicePrincipalRef>,
    /// The people of a connected organization, for example `{name: fabrikam}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_organization: Option<ConnectedOrganizationRef>,
}

/// What requestors may do by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelfService {
    /// Request access. Default `false`.
    #[serde(default)]
    pub add: bool,
    /// Ask for more time or answer anew. Default `false`.
    #[serde(default)]
    pub update: bool,
    /// Give access back. Default `false`.
    #[serde(default)]
    pub remove: bool,
    /// Choose start and end of their access. Default `false`.
    #[serde(default)]
    pub custom_schedule: bool,
}

/// What others may do for those who may be given the package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::at_least_one("requestors", "say who may act for others, for example requestors: [{targetManager: {level: 1}}]"))]
pub struct OnBehalf {
    /// Request access for them. Default `false`.
    #[serde(default)]
    pub add: bool,
    /// Ask for more time for them. Default `false`.
    #[serde(default)]
    pub update: bool,
    /// Give their access back. Default `false`.
    #[serde(default)]
    pub remove: bool,
    /// Who may, for example `[{targetManager: {level: 1}}]`. Required.
    #[schemars(length(max = 50))]
    pub requestors: Vec<OnBehalfRequestor>,
}

/// One who may act for others: exactly one of `user`, `group`, `targetManager`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["user", "group", "targetManager"], "it needs exactly one of user, group, targetManager; for example {targetManager: {level: 1}}"))]
#[x_kube(validation = rules::at_most_one_of(&["user", "group", "targetManager"]))]
pub struct OnBehalfRequestor {
    /// A user, for example `{userPrincipalName: ann@contoso.com}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// Any member of a group, for example `{displayName: Assistants}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupRef>,
    /// The manager of whoever is to be given the package, or one further up; for example `{level: 1}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_manager: Option<TargetManagerLevel>,
}
