//! Catalog: what the platform team delegates: resources, and grants of parts of them to namespaces.

mod attribute;
mod limits;
mod role_assignment;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    DEFAULT_TENANT, Management, NameRef, PinnedReference,
    management::Empty,
    reference::{ApplicationRef, DirectoryRoleRef, GroupRef, SharePointSiteRef},
    rules,
    status::{EntraStatus, Identity, ManagedStatus, Standing},
};
pub use attribute::{AttributeChoice, AttributeChoices, AttributeQuestion, ResourceAttribute};
pub use limits::{
    ApprovalLimit, ApproverKind, ApproverLimit, ExtensionLimit, Limits, MustAsk, OnBehalfKind, OnBehalfLimit,
    References, TargetKind, TargetLimit,
};
pub use role_assignment::{CatalogRole, Principal, RoleAssignment};

/// A catalog of Entra: the resources that access packages may hand out, and which namespaces may use which of them
/// within which limits.
#[expect(clippy::duplicated_attributes, reason = "columns of one type are no duplicates")]
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "access.entra-operator.io",
    version = "v1alpha1",
    kind = "Catalog",
    shortname = "ecat",
    category = "entra",
    status = "CatalogStatus",
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
#[x_kube(validation = rules::immutable("tenantRef", "tenantRef is immutable: a catalog cannot move to another tenant; create another Catalog instead"))]
#[x_kube(validation = rules::fixed("id", "id is immutable, and can be neither added nor removed: create another Catalog instead"))]
#[x_kube(validation = Rule::new("has(self.id) || has(self.displayName)")
    .message("give displayName to create a catalog, or id to use an existing one")
    .field_path(".displayName").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!has(self.grants) || self.grants.all(grant, !has(grant.resources) || (has(self.resources) && grant.resources.size() == self.resources.filter(resource, resource.name in grant.resources).size()))")
    .message("a grant may name resources of this catalog only, each once: correct the name, or add it to spec.resources")
    .field_path(".grants"))]
pub struct CatalogSpec {
    /// The EntraTenant that the catalog belongs to, for example `{name: contoso}`. Default `{name: default}`. Immutable.
    #[serde(default = "default_tenant")]
    pub tenant_ref: NameRef,
    /// Id of an existing catalog to use, for example `b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1`; fields left unset are then
    /// left as they are. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the catalog's id, such as b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1"))]
    pub id: Option<String>,
    /// `Full`: created, changed and deleted. `Observe`: never written, for a catalog that somebody else runs (`General`
    /// among them). Default `Full`.
    #[serde(default)]
    pub management: Management,
    /// Name of the catalog, for example `Marketing`; unique in the tenant. Required without `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
    /// What the catalog is for, for example `Resources of the marketing department`. Default for a new catalog: empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// `Published`: packages can be requested as their policies say. `Unpublished`: nothing can be requested. Default
    /// for a new catalog: `Published`; by itself that gives nobody access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "CatalogState")]
    pub state: Option<CatalogState>,
    /// Whether people outside the directory may request its packages. Default for a new catalog: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub externally_visible: Option<bool>,
    /// The resources that we bring into the catalog, for example
    /// `[{name: campaign-group, group: {displayName: Marketing Campaign}}]`. Others in it are left alone; only what we
    /// added is ever removed. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub resources: Vec<CatalogResource>,
    /// Who has which role on the catalog in Entra, for example
    /// `[{name: leads, role: CatalogReader, principal: {group: {displayName: Marketing}}}]`. Roles that were never named here
    /// stay as they are; one that is taken out here is taken away. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub role_assignments: Vec<RoleAssignment>,
    /// Which namespaces may use the catalog, and how; for example
    /// `[{name: marketing, namespaces: {names: [marketing]}}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub grants: Vec<Grant>,
    /// What becomes of the catalog in Entra when this object is deleted. `Orphan`: it stays with all that it holds.
    /// `Delete`: it is deleted once no package is left in it; packages that are not ours are never deleted. Default
    /// `Orphan`.
    #[serde(default)]
    pub deletion_policy: CatalogDeletionPolicy,
}

fn default_tenant() -> NameRef {
    NameRef::new(DEFAULT_TENANT)
}

/// Whether packages of a catalog can be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CatalogState {
    /// Packages can be requested as their policies say.
    Published,
    /// Nothing can be requested.
    Unpublished,
}

/// What becomes of a catalog at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CatalogDeletionPolicy {
    /// Leave it in Entra with all that it holds.
    #[default]
    Orphan,
    /// Delete it once no package is left in it; packages that are not ours are never deleted.
    Delete,
}

/// A resource of the catalog, and the roles of it that packages may hand out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["group", "application", "sharePointSite", "directoryRole"], "a resource needs exactly one of group, application, sharePointSite, directoryRole; for example group: {displayName: Marketing Campaign}"))]
#[x_kube(validation = rules::at_most_one_of(&["group", "application", "sharePointSite", "directoryRole"]))]
#[x_kube(validation = rules::all_fixed(&["group", "application", "sharePointSite", "directoryRole"], "what a resource's name points at is immutable: packages hand it out by this name; remove this entry, and add the other resource under a new name"))]
#[x_kube(validation = Rule::new("!(has(self.application) || has(self.sharePointSite) || has(self.directoryRole)) || (has(self.roles) && self.roles.size() > 0)")
    .message("say which roles packages may hand out, for example roles: [Reader]")
    .field_path(".roles").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!has(self.group) || !has(self.roles) || self.roles.all(r, r in ['Member', 'Owner', 'EligibleMember', 'EligibleOwner'])")
    .message("the roles of a group are Member, Owner, EligibleMember and EligibleOwner: write no others")
    .field_path(".roles"))]
#[x_kube(validation = Rule::new("!has(self.directoryRole) || !has(self.roles) || self.roles.all(r, r in ['EligibleMember', 'ActiveMember'])")
    .message("a directory role is held as EligibleMember or ActiveMember: write no others")
    .field_path(".roles"))]
#[x_kube(validation = Rule::new("!has(self.attributes) || self.attributes.size() == 0 || has(self.application) || has(self.sharePointSite)")
    .message("requestors are asked for attributes of applications and sites only: remove it")
    .field_path(".attributes"))]
#[x_kube(validation = Rule::new("!has(self.environment) || has(self.sharePointSite)")
    .message("only SharePoint sites are in an environment: remove it")
    .field_path(".environment"))]
#[x_kube(validation = rules::fixed("environment", "environment is immutable, and can be neither added nor removed: the resource is in it; remove this entry, and add the site under a new name"))]
#[x_kube(validation = Rule::new("self.roleAssignable == 'Denied' || has(self.group)")
    .message("only groups can be role-assignable: remove it, or write Denied")
    .field_path(".roleAssignable"))]
pub struct CatalogResource {
    /// The name by which packages refer to the resource, for example `crm`. What it points at is immutable.
    #[schemars(length(max = 63))]
    #[x_kube(validation = rules::entry_name())]
    pub name: String,
    /// A group; its members get access through it. For example `{displayName: Marketing Campaign}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupRef>,
    /// An enterprise application with app roles, for example `{displayName: CRM}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationRef>,
    /// A SharePoint Online site, for example `{url: https://contoso.sharepoint.com/sites/marketing}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_point_site: Option<SharePointSiteRef>,
    /// A role of the directory itself, for example `{roleTemplateId: 4a5d8f65-41da-4de4-8968-e035b65339cf}` (Reports Reader):
    /// whoever gets it administers the tenant as far as the role goes. Entra takes none that it counts as privileged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory_role: Option<DirectoryRoleRef>,
    /// The roles that packages may hand out, for example `[Reader]`: `Member` or `Owner` of a group, and `EligibleMember` or
    /// `EligibleOwner` of one that is enabled for Privileged Identity Management; the value or display name of an application's
    /// roles, the display name of a site's roles; `EligibleMember` or `ActiveMember` of a directory role. Default for a group: `[Member]`; required for the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 256)))]
    pub roles: Vec<String>,
    /// Whether the group may be one that directory roles can be assigned to: whoever gets into such a group gets those
    /// roles, Global Administrator perhaps. `Denied`: such a group is refused. `Allowed`: packages may hand it out, for
    /// example `{name: helpdesk, group: {displayName: Helpdesk Administrators}, roleAssignable: Allowed}`. For groups
    /// only. Default `Denied`.
    #[serde(default)]
    pub role_assignable: Permission,
    /// What whoever requests a package with a role of this application or site is asked, for example
    /// `[{name: extension_0f7c_costCenter, question: {prompt: Which cost center pays?, required: true, text: {singleLine: true}}}]`.
    /// The answers are written to the user in the directory. Absent: what was set up by hand stays. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub attributes: Vec<ResourceAttribute>,
    /// The environment that the site is in, where SharePoint has several geographic locations: the address of that location's
    /// admin center, for example `https://contosoeur-admin.sharepoint.com/`. Default: the tenant's own location. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::matching("^https://[^/?# ]+-admin[.][^/?# ]+/?$", "must be the address of an admin center of SharePoint, such as https://contosoeur-admin.sharepoint.com/"))]
    pub environment: Option<String>,
}

impl CatalogResource {
    /// The roles that packages may hand out, the default included.
    #[must_use]
    pub fn offered_roles(&self) -> Vec<String> {
        if self.roles.is_empty() && self.group.is_some() {
            vec!["Member".to_owned()]
        } else {
            self.roles.clone()
        }
    }
}

/// What some namespaces may do with the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("namespaces", "say which namespaces are meant, for example namespaces: {names: [marketing]}"))]
pub struct Grant {
    /// Name of the grant, for example `marketing`; it appears in messages to those whom it limits.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The namespaces that it speaks of: exactly one of `names`, `selector`, `all`; for example `{names: [marketing]}`.
    /// Required.
    pub namespaces: NamespaceScope,
    /// Names of the catalog's resources that may be handed out, for example `[campaign-group, crm]`. Absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub resources: Option<Vec<String>>,
    /// Stops the grant at once, as long as it is `true`: nothing of it is made or changed, and what can be closed is still
    /// closed. What stands in Entra stays. Default `false`.
    #[serde(default)]
    pub suspended: bool,
    /// What becomes of a policy in Entra that the grant allowed and no grant allows any more, since this one was narrowed or
    /// suspended. `Keep`: it stays as it is, and people go on requesting. `CloseRequests`: it is closed for new requests, and
    /// opened again only when somebody asks for it (`reconcile-requested-at`). Nobody loses access by either. To take a grant
    /// away with this, suspend it first. Default `Keep`.
    #[serde(default)]
    pub on_withdrawal: OnWithdrawal,
    /// How far packages and policies may go. Default: each limit at its strict value.
    #[serde(default)]
    pub limits: Limits,
}

/// What becomes of a policy that no grant allows any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnWithdrawal {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is closed for new requests.
    CloseRequests,
}

/// Which namespaces: exactly one of the three.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::any_of(&["names", "selector", "all"], "namespaces need exactly one of names, selector, all; for example namespaces: {names: [marketing]}"))]
#[x_kube(validation = rules::at_most_one_of(&["names", "selector", "all"]))]
pub struct NamespaceScope {
    /// By name, for example `[marketing, marketing-test]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(max = 63)))]
    #[x_kube(validation = Rule::new("self.size() > 0")
        .message("at least one namespace is needed, for example names: [marketing]").reason(Reason::FieldValueRequired))]
    #[x_kube(validation = rules::namespace_names())]
    pub names: Option<Vec<String>>,
    /// By label, for example `{matchLabels: {team: marketing}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("(has(self.matchLabels) && self.matchLabels.size() > 0) || (has(self.matchExpressions) && self.matchExpressions.size() > 0)")
        .message("an empty selector would mean every namespace: to mean that, write namespaces: {all: {}} instead"))]
    #[x_kube(validation = Rule::new("!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn'] ? has(e.values) && e.values.size() > 0 : !has(e.values) || e.values.size() == 0)")
        .message("In and NotIn need values, Exists and DoesNotExist take none")
        .field_path(".matchExpressions"))]
    pub selector: Option<LabelSelector>,
    /// Every namespace of the cluster; written `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Empty>,
}

/// Whether something is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Permission {
    /// No.
    #[default]
    Denied,
    /// Yes.
    Allowed,
}

/// What Entra has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogStatus {
    /// How far the operator is with it.
    #[serde(flatten)]
    pub standing: Standing,
    /// Which object of Entra it stands for.
    #[serde(flatten)]
    pub identity: Identity,
    /// The catalog's resources, as far as the spec names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub resources: Vec<ResourceStatus>,
    /// Names that were looked up, bound to what they stood for then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["reference"]))]
    pub resolved: Vec<PinnedReference>,
    /// The limits that hold under each grant, those that are not written included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub effective: Vec<EffectiveGrant>,
}

/// The limits that hold under a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectiveGrant {
    /// Name of the grant.
    pub name: String,
    /// Each of them.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["limit"]))]
    pub limits: Vec<EffectiveLimit>,
}

/// A limit that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectiveLimit {
    /// Its field, for example `maxDuration`.
    pub limit: String,
    /// What holds, for example `P365D`.
    pub value: String,
    /// `Strict`: the strict value, whether the grant writes it or leaves it out. `Grant`: the grant says otherwise.
    pub from: String,
}

impl ManagedStatus for CatalogStatus {
    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn standing_mut(&mut self) -> &mut Standing {
        &mut self.standing
    }
}

impl EntraStatus for CatalogStatus {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn identity_mut(&mut self) -> &mut Identity {
        &mut self.identity
    }
}

/// One resource of the catalog as Entra has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// Its name in the spec.
    pub name: String,
    /// Id of the resource in the catalog; absent until it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Group id, service principal id or site address.
    pub origin_id: String,
    /// Graph's originSystem: `AadGroup`, `AadApplication`, `SharePointOnline`.
    pub origin_system: String,
    /// Id of its root scope, where Entra told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_id: Option<String>,
    /// The roles that packages may hand out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleStatus>,
    /// Whether the operator brought it into the catalog; only then does the operator take it out.
    #[serde(default)]
    pub added: bool,
    /// `Ready`, `Requesting`, `Adding`, `Missing`, `Removing` or `Blocked`; a later version may know more.
    pub state: String,
    /// Why it is not Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How far a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceState {
    /// In the catalog, with its roles.
    Ready,
    /// About to be requested: an answer that is lost is no reason to forget who asked.
    Requesting,
    /// Requested, not yet seen.
    Adding,
    /// Not in the catalog, and not to be added by us.
    Missing,
    /// Being taken out.
    Removing,
    /// Something is wrong; see the message.
    Blocked,
}

impl ResourceState {
    /// The text in status.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Requesting => "Requesting",
            Self::Adding => "Adding",
            Self::Missing => "Missing",
            Self::Removing => "Removing",
            Self::Blocked => "Blocked",
        }
    }
}

/// A role that packages may hand out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleStatus {
    /// As the catalog's spec names it.
    pub name: String,
    /// Its originId: what makes two roles the same role.
    pub id: String,
    /// Its display name in Entra.
    pub display_name: String,
}
