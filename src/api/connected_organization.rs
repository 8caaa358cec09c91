//! ConnectedOrganization: a partner whose people may be let in, and who vouches for them.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    DEFAULT_TENANT, DriftPolicy, Management, NameRef, PinnedReference,
    reference::{GroupRef, UserRef},
    rules,
    status::{EntraStatus, Identity, ManagedStatus, Standing},
};

/// A connected organization of Entra: a partner's tenant or domain, whose people policies may let in by name, and the
/// sponsors who vouch for them.
#[expect(clippy::duplicated_attributes, reason = "columns of one type are no duplicates")]
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "access.entra-operator.io",
    version = "v1alpha1",
    kind = "ConnectedOrganization",
    shortname = "eco",
    category = "entra",
    status = "ConnectedOrganizationStatus",
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
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenantRef.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "ID", type_ = "string", json_path = ".status.entra.id", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::immutable("tenantRef", "tenantRef is immutable: a connected organization cannot move to another tenant; create another ConnectedOrganization instead"))]
#[x_kube(validation = rules::fixed("id", "id is immutable, and can be neither added nor removed: create another ConnectedOrganization instead"))]
#[x_kube(validation = rules::fixed("identitySource", "identitySource is immutable, and can be neither added nor removed, since Entra cannot change it: create another ConnectedOrganization instead"))]
#[x_kube(validation = Rule::new("has(self.id) || has(self.displayName)")
    .message("give displayName to create a connected organization, or id to use an existing one")
    .field_path(".displayName").reason(Reason::FieldValueRequired))]
#[x_kube(validation = rules::required_without("id", "identitySource", "say by what the organization is known, for example identitySource: {tenantId: 33333333-3333-4333-8333-333333333333}"))]
pub struct ConnectedOrganizationSpec {
    /// The EntraTenant that it is connected to, for example `{name: contoso}`. Default `{name: default}`. Immutable.
    #[serde(default = "default_tenant")]
    pub tenant_ref: NameRef,
    /// Id of an existing connected organization to use, for example `c3bf99ed-99ed-c3bf-ed99-cfb1ed99cfb1`; fields left
    /// unset are then left as they are. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the connected organization's id, such as c3bf99ed-99ed-c3bf-ed99-cfb1ed99cfb1"))]
    pub id: Option<String>,
    /// `Full`: created, changed and deleted. `Observe`: never written, for one that somebody else runs. Default `Full`.
    #[serde(default)]
    pub management: Management,
    /// Name of the organization, for example `Fabrikam`. Required without `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
    /// Who it is, for example `Builds the campaign sites`. Default for a new one: empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// By what Entra knows its people, for example `{domain: fabrikam.com}`. Required without `id`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_source: Option<IdentitySource>,
    /// `Configured`: policies for all configured connected organizations mean its people too. `Proposed`: they do not.
    /// Policies that name it mean them either way. Default for a new one: `Configured`; by itself that gives nobody access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ConnectedOrganizationState")]
    pub state: Option<ConnectedOrganizationState>,
    /// Those of this directory who vouch for its people and approve where a policy asks `internalSponsors`; for example
    /// `[{user: {userPrincipalName: ann@contoso.com}}]`. Exactly these; absent: whoever was entered elsewhere stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub internal_sponsors: Option<Vec<Sponsor>>,
    /// Those of the organization, guests of this directory, who approve where a policy asks `externalSponsors`; for example
    /// `[{user: {mail: eve@fabrikam.com}}]`. Exactly these; absent: whoever was entered elsewhere stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub external_sponsors: Option<Vec<Sponsor>>,
    /// What is done where Entra was changed behind the operator's back: `Cautious`, `Correct` or `Report`. Default
    /// `Cautious`.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
    /// What becomes of it in Entra when this object is deleted. `Orphan`: it stays. `Delete`: it is deleted once no policy
    /// names it. Default `Orphan`.
    #[serde(default)]
    pub deletion_policy: OrganizationDeletionPolicy,
}

fn default_tenant() -> NameRef {
    NameRef::new(DEFAULT_TENANT)
}

/// By what Entra knows the people of an organization: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["tenantId", "domain", "crossCloudTenant", "externalDomainFederation", "social"], "an identitySource needs exactly one of tenantId, domain, crossCloudTenant, externalDomainFederation, social; for example {domain: fabrikam.com}"))]
#[x_kube(validation = rules::at_most_one_of(&["tenantId", "domain", "crossCloudTenant", "externalDomainFederation", "social"]))]
pub struct IdentitySource {
    /// Id of the organization's tenant, for example `33333333-3333-4333-8333-333333333333`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the id of a tenant, such as 33333333-3333-4333-8333-333333333333"))]
    pub tenant_id: Option<String>,
    /// A domain of the organization, for example `fabrikam.com`; where a tenant is behind it, Entra shows that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::domain("must be the name of a domain, such as fabrikam.com"))]
    pub domain: Option<String>,
    /// A tenant of another cloud, for example
    /// `{cloudInstance: USGovernment, tenantId: 33333333-3333-4333-8333-333333333333}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_cloud_tenant: Option<CrossCloudTenant>,
    /// A domain whose people sign in with a provider of their own, for example
    /// `{domain: fabrikam.com, issuerUri: "https://sts.fabrikam.com"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_domain_federation: Option<ExternalDomainFederation>,
    /// People of a social network: `Facebook`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SocialNetwork")]
    pub social: Option<SocialNetwork>,
}

/// A tenant of another cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("cloudInstance", "say in which cloud, for example cloudInstance: USGovernment"))]
#[x_kube(validation = rules::required("tenantId", "say which tenant, for example tenantId: 33333333-3333-4333-8333-333333333333"))]
pub struct CrossCloudTenant {
    /// The cloud: `Global`, `USGovernment` or `China`. Required.
    pub cloud_instance: CloudInstance,
    /// Id of the tenant there, for example `33333333-3333-4333-8333-333333333333`. Required.
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the id of a tenant, such as 33333333-3333-4333-8333-333333333333"))]
    pub tenant_id: String,
}

/// A cloud that a partner's tenant may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CloudInstance {
    /// `microsoftonline.com`
    Global,
    /// `microsoftonline.us`
    #[serde(rename = "USGovernment")]
    UsGovernment,
    /// `partner.microsoftonline.cn`
    China,
}

/// A domain with an identity provider of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("domain", "say which domain, for example domain: fabrikam.com"))]
#[x_kube(validation = rules::required("issuerUri", "say which identity provider, for example issuerUri: https://sts.fabrikam.com"))]
pub struct ExternalDomainFederation {
    /// The domain, for example `fabrikam.com`. Required.
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::domain("must be the name of a domain, such as fabrikam.com"))]
    pub domain: String,
    /// The issuer of the identity provider, for example `https://sts.fabrikam.com`. Required.
    #[schemars(length(min = 1, max = 1024))]
    pub issuer_uri: String,
}

/// A social network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SocialNetwork {
    /// Facebook.
    Facebook,
}

/// Whether policies for all configured connected organizations mean this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConnectedOrganizationState {
    /// They do.
    Configured,
    /// They do not.
    Proposed,
}

/// One who vouches for an organization's people: exactly one of `user`, `group`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::any_of(&["user", "group"], "a sponsor needs exactly one of user, group; for example {user: {userPrincipalName: ann@contoso.com}}"))]
#[x_kube(validation = rules::at_most_one_of(&["user", "group"]))]
pub struct Sponsor {
    /// A user, for example `{userPrincipalName: ann@contoso.com}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// Any member of a group, for example `{displayName: Partner Managers}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupRef>,
}

/// What becomes of a connected organization at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OrganizationDeletionPolicy {
    /// Leave it in Entra.
    #[default]
    Orphan,
    /// Delete it once no policy names it.
    Delete,
}

/// What Entra has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectedOrganizationStatus {
    /// How far the operator is with it.
    #[serde(flatten)]
    pub standing: Standing,
    /// Which object of Entra it stands for.
    #[serde(flatten)]
    pub identity: Identity,
    /// Names that were looked up, bound to what they stood for then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["reference"]))]
    pub resolved: Vec<PinnedReference>,
}

impl ManagedStatus for ConnectedOrganizationStatus {
    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn standing_mut(&mut self) -> &mut Standing {
        &mut self.standing
    }
}

impl EntraStatus for ConnectedOrganizationStatus {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn identity_mut(&mut self) -> &mut Identity {
        &mut self.identity
    }
}
