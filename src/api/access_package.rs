//! AccessPackage: the roles that people get together.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Adoption, DeletionPolicy, DriftPolicy, GroupRef, Management, NameRef, PinnedReference, UnmanagedPolicy, rules,
    status::{EntraStatus, Identity, ManagedStatus, Standing},
};

/// An access package of Entra: roles of a catalog's resources that are requested, approved and ended together.
#[expect(clippy::duplicated_attributes, reason = "columns of one type are no duplicates")]
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "access.entra-operator.io",
    version = "v1alpha1",
    kind = "AccessPackage",
    namespaced,
    shortname = "eap",
    category = "entra",
    status = "AccessPackageStatus",
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
    printcolumn(name = "Catalog", type_ = "string", json_path = ".spec.catalogRef.name"),
    printcolumn(
        name = "Weakest way in",
        type_ = "string",
        json_path = ".status.weakestWayIn.summary"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "ID", type_ = "string", json_path = ".status.entra.id", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("catalogRef", "name the Catalog that holds the package, for example catalogRef: {name: marketing}"))]
#[x_kube(validation = rules::required("displayName", "give the package a name, for example displayName: Marketing Campaign Access"))]
#[x_kube(validation = rules::immutable("catalogRef", "catalogRef is immutable: Entra cannot move a package to another catalog; create another AccessPackage instead"))]
#[x_kube(validation = rules::fixed("id", "id is immutable, and can be neither added nor removed: create another AccessPackage instead"))]
#[x_kube(validation = Rule::new("!(has(self.id) || self.adoption == 'ByName') || has(self.deletionPolicy)")
    .message("what is taken over needs an explicit deletionPolicy: Orphan leaves it in Entra when this object is deleted, Delete and DeleteWithAssignments do not")
    .field_path(".deletionPolicy").reason(Reason::FieldValueRequired))]
#[x_kube(validation = Rule::new("!(has(self.id) && self.adoption == 'ByName')")
    .message("id and adoption: ByName exclude each other: keep one")
    .field_path(".adoption"))]
pub struct AccessPackageSpec {
    /// The Catalog that holds the package, for example `{name: marketing}`. Required. Immutable.
    pub catalog_ref: NameRef,
    /// Name of the package, for example `Marketing Campaign Access`; unique in its catalog. Required.
    #[schemars(length(min = 1, max = 256))]
    pub display_name: String,
    /// What people get with it, for example `Everything a campaign needs`. Default: empty.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub description: String,
    /// Whether it is left out of the lists in My Access, so that only who has its link can request it. Default `false`.
    #[serde(default)]
    pub hidden: bool,
    /// The roles that the package hands out, exactly: what is not listed is removed. For example
    /// `[{resource: crm, role: Reader}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["resource".into(), "role".into()]))]
    pub resource_roles: Vec<ResourceRole>,
    /// Separation of duties: whoever has one of these cannot request the package, exactly; what is not listed is removed.
    /// It works one way: for both ways the other package names this one too. Default: what is set up in Entra by hand
    /// stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incompatible_with: Option<IncompatibleWith>,
    /// `Full`: created, changed and deleted. `Observe`: never written, only reported. Default `Full`.
    #[serde(default)]
    pub management: Management,
    /// Whether a package of this name that exists already is taken over. `Never`: it is reported and left alone. `ByName`:
    /// it is taken over, which needs the grant's leave and an explicit `deletionPolicy`. Default `Never`.
    #[serde(default)]
    pub adoption: Adoption,
    /// Id of an existing package to take over, for example `56ff43fd-6b05-48df-9634-956a777fce6d`; needs the grant's leave
    /// and an explicit `deletionPolicy`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the access package's id, such as 56ff43fd-6b05-48df-9634-956a777fce6d"))]
    pub id: Option<String>,
    /// What to do when Entra was changed and the spec was not. `Cautious`: correct what narrows access or leaves it as it
    /// is, report what would widen it. `Correct`: correct everything. `Report`: correct nothing. Default `Cautious`.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
    /// What becomes of the package in Entra when this object is deleted. `Delete`: it is closed for new requests, and
    /// deleted once nobody holds it any more. `DeleteWithAssignments`: the access of everybody who holds it is taken
    /// away, then it is deleted. `Orphan`: it stays as it is. Default `Delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DeletionPolicy")]
    pub deletion_policy: Option<DeletionPolicy>,
}

impl AccessPackageSpec {
    /// The deletion policy, the default included.
    #[must_use]
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.deletion_policy.unwrap_or_default() // the schema's default
    }
}

/// What keeps people from requesting a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncompatibleWith {
    /// Packages whose holders cannot request this one, for example `[{name: audit}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub access_packages: Vec<IncompatiblePackage>,
    /// Groups whose members cannot request it, for example `[{displayName: Auditors}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub groups: Vec<GroupRef>,
}

/// Another access package: exactly one of `name`, `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::any_of(&["name", "id"], "a package needs exactly one of name, id; for example accessPackages: [{name: audit}]"))]
#[x_kube(validation = rules::at_most_one_of(&["name", "id"]))]
pub struct IncompatiblePackage {
    /// Name of an AccessPackage of the same tenant, for example `audit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name("must be the name of a Kubernetes object, such as audit: lower case letters, digits, hyphens and dots"))]
    pub name: Option<String>,
    /// Namespace of it, for example `finance`. Default: this object's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    #[x_kube(validation = rules::object_name("must be the name of a namespace, such as finance: lower case letters, digits and hyphens"))]
    pub namespace: Option<String>,
    /// Id of a package in Entra, for example `56ff43fd-6b05-48df-9634-956a777fce6d`. Never looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the access package's id, such as 56ff43fd-6b05-48df-9634-956a777fce6d"))]
    pub id: Option<String>,
}

/// A role of a resource of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct ResourceRole {
    /// Name of the resource in the Catalog, for example `crm`.
    #[schemars(length(max = 63))]
    #[x_kube(validation = rules::entry_name())]
    pub resource: String,
    /// Role of it: `Member` or `Owner` of a group, the value or display name of an application's role, the display
    /// name of a site's role; for example `Reader`.
    #[schemars(length(min = 1, max = 256))]
    pub role: String,
}

/// What Entra has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessPackageStatus {
    /// How far the operator is with it.
    #[serde(flatten)]
    pub standing: Standing,
    /// Which object of Entra it stands for.
    #[serde(flatten)]
    pub identity: Identity,
    /// Where people find it in My Access; present where the tenant's domain is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The roles of the spec as Entra has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_roles: Vec<ResourceRoleStatus>,
    /// What the spec says to be incompatible with it, as Entra has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incompatible_with: Vec<IncompatibleStatus>,
    /// Names that were looked up, bound to what they stood for then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["reference"]))]
    pub resolved: Vec<PinnedReference>,
    /// Policies of the package that no AssignmentPolicy manages; never touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmanaged_policies: Vec<UnmanagedPolicy>,
    /// The easiest way in, over all policies that the package has in Entra; absent where nobody can come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weakest_way_in: Option<WeakestWayIn>,
}

/// The easiest way into a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeakestWayIn {
    /// Who can come in, approved by how many, for how long: `AllMemberUsers, 1 approval, for P90D`.
    pub summary: String,
    /// Id of the policy.
    pub policy_id: String,
    /// Its display name.
    pub display_name: String,
}

impl ManagedStatus for AccessPackageStatus {
    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn standing_mut(&mut self) -> &mut Standing {
        &mut self.standing
    }
}

impl EntraStatus for AccessPackageStatus {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn identity_mut(&mut self) -> &mut Identity {
        &mut self.identity
    }
}

/// One of those that are incompatible with the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncompatibleStatus {
    /// Which one, for example `package finance/payments` or `group displayName=Auditors`.
    pub reference: String,
    /// Its id in Entra.
    pub id: String,
    /// `InPlace` or `Missing`; a later version may know more.
    pub state: String,
}

/// One role of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceRoleStatus {
    /// Name of the resource in the Catalog.
    pub resource: String,
    /// Role as the spec names it.
    pub role: String,
    /// Id of the role scope in the package; absent until it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `Assigned` or `Missing`; a later version may know more.
    pub state: String,
}
