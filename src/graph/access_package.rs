//! Access packages and the roles that they hand out.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::assignment_policy::AssignmentPolicy;
use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::id::{AccessPackageId, CatalogId, ObjectId, ResourceId, ResourceRoleScopeId};
use super::odata;
use super::read::{Listed, Read, Unreadable};
use super::resource::{OriginSystem, ResourceRole, ResourceScope};
use super::transport::{Graph, Operation, Removed};
use super::{READ, WRITE};

/// What a package is read with, so that one read tells its roles and policies.
const EXPAND: &str = "assignmentPolicies,resourceRoleScopes($expand=role,scope)";
/// The same, and what the package is incompatible with. Documented of a single package, and of a list of them nowhere.
const EXPAND_ALL: &str =
    "assignmentPolicies,resourceRoleScopes($expand=role,scope),incompatibleAccessPackages,incompatibleGroups";

/// An access package as Graph answers it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPackage {
    /// Its id.
    pub id: AccessPackageId,
    /// Its name, unique within its catalog.
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    pub display_name: String,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it is left out of lists.
    #[serde(default, rename = "isHidden", deserialize_with = "super::wire::null_as_default")]
    pub hidden: bool,
    /// When it was made (RFC 3339).
    #[serde(default, rename = "createdDateTime")]
    pub created: Option<String>,
    /// Its catalog, where that was read.
    #[serde(default, deserialize_with = "id_of")]
    pub catalog: Option<CatalogId>,
    /// The roles that it hands out.
    #[serde(default)]
    pub resource_role_scopes: Read<Listed<ResourceRoleScope>>,
    /// Its policies.
    #[serde(default, rename = "assignmentPolicies")]
    pub policies: Read<Listed<AssignmentPolicy>>,
    /// Packages whose holders cannot request it.
    #[serde(default, rename = "incompatibleAccessPackages")]
    pub incompatible_packages: Read<Listed<Incompatible>>,
    /// Groups whose members cannot request it.
    #[serde(default)]
    pub incompatible_groups: Read<Listed<Incompatible>>,
}

impl AccessPackage {
    /// What it is incompatible with, of one kind.
    #[must_use]
    pub fn incompatible(&self, kind: IncompatibleKind) -> &Read<Listed<Incompatible>> {
        match kind {
            IncompatibleKind::AccessPackage => &self.incompatible_packages,
            IncompatibleKind::Group => &self.incompatible_groups,
        }
    }

    /// As [`AccessPackage::incompatible`], to be changed.
    pub fn incompatible_mut(&mut self, kind: IncompatibleKind) -> &mut Read<Listed<Incompatible>> {
        match kind {
            IncompatibleKind::AccessPackage => &mut self.incompatible_packages,
            IncompatibleKind::Group => &mut self.incompatible_groups,
        }
    }
}

/// A package or a group that a package is incompatible with: whoever has it cannot request the package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incompatible {
    /// Its id.
    pub id: ObjectId,
    /// Its name.
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    pub display_name: String,
}

/// What a package can be incompatible with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IncompatibleKind {
    /// Another access package.
    AccessPackage,
    /// A group of the directory.
    Group,
}

impl IncompatibleKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::AccessPackage, Self::Group];

    /// The navigation property of the package.
    fn property(self) -> &'static str {
        match self {
            Self::AccessPackage => "incompatibleAccessPackages",
            Self::Group => "incompatibleGroups",
        }
    }
}

/// A role that a package hands out. The origin ids of scope and role together identify it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResourceRoleScope {
    /// `{roleId}_{scopeId}`.
    pub id: ResourceRoleScopeId,
    /// The role.
    pub role: ResourceRole,
    /// The scope of the resource.
    pub scope: ResourceScope,
}

/// An access package to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccessPackage {
    /// The catalog, for good: Graph cannot move a package.
    pub catalog: CatalogId,
    /// Its name, unique within the catalog.
    pub display_name: String,
    /// Its description.
    pub description: String,
    /// Whether it is left out of lists.
    pub hidden: bool,
}

/// The properties of a package to change; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPackagePatch {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it is left out of lists.
    #[serde(rename = "isHidden", skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
}

/// A role to be handed out by a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewResourceRoleScope {
    /// The role, as the catalog's resource has it.
    pub role: ResourceRole,
    /// The scope, as the catalog's resource has it.
    pub scope: ResourceScope,
    /// The resource: its id in the package's catalog, and its origin id.
    pub resource: (ResourceId, String),
}

/// A package as it comes: the expanded collections may be cut into pages of their own.
#[derive(Deserialize)]
struct Wire {
    #[serde(flatten)]
    package: AccessPackage,
    #[serde(default, rename = "resourceRoleScopes@odata.nextLink")]
    more_role_scopes: Option<String>,
    #[serde(default, rename = "assignmentPolicies@odata.nextLink")]
    more_policies: Option<String>,
    #[serde(default, rename = "incompatibleAccessPackages@odata.nextLink")]
    more_incompatible_packages: Option<String>,
    #[serde(default, rename = "incompatibleGroups@odata.nextLink")]
    more_incompatible_groups: Option<String>,
}

impl Operation<'_> {
    /// The package with all pages of its expanded collections.
    async fn whole(&self, wire: Wire) -> Result<AccessPackage, GraphError> {
        let Wire {
            mut package,
            more_role_scopes,
            more_policies,
            more_incompatible_packages,
            more_incompatible_groups,
        } = wire;
        self.rest_of(more_role_scopes, &mut package.resource_role_scopes)
            .await?;
        self.rest_of(more_policies, &mut package.policies).await?;
        self.rest_of(more_incompatible_packages, &mut package.incompatible_packages)
            .await?;
        self.rest_of(more_incompatible_groups, &mut package.incompatible_groups)
            .await?;
        let scopes = package.resource_role_scopes.known();
        let is_site = |scope: &ResourceRoleScope| scope.scope.origin_system == OriginSystem::SharePointOnline;
        if scopes.is_some_and(|scopes| scopes.elements.iter().any(is_site)) {
            self.graph.shared.site_roles_told.store(true, Ordering::Relaxed);
        }
        Ok(package)
    }

    async fn all_whole(&self, call: Call) -> Result<Listed<AccessPackage>, GraphError> {
        let Listed { elements, unreadable } = self.all(call).await?;
        let mut packages = Vec::with_capacity(elements.len());
        for wire in elements {
            packages.push(self.whole(wire).await?);
        }
        Ok(Listed {
            elements: packages,
            unreadable,
        })
    }
}

/// Reads the id of an expanded object.
pub(super) fn id_of<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    struct Reference<T> {
        id: Option<T>,
    }
    Ok(Option::<Reference<T>>::deserialize(deserializer)?.and_then(|reference| reference.id))
}

/// Whether the service has refused the query as such, so that a simpler one is worth trying.
pub(super) fn refused_query(error: &GraphError) -> bool {
    matches!(error.status, Some(400 | 501))
}

impl Graph {
    /// Whether any package that was read has shown a role of a SharePoint site. Entitlement management lists sites to
    /// signed-in users only: until one was shown to us, one that is not shown is not absent.
    #[must_use]
    pub fn tells_site_roles(&self) -> bool {
        self.shared.site_roles_told.load(Ordering::Relaxed)
    }

    /// A catalog's packages with their roles, policies and incompatibilities, in one paged read.
    /// `GET catalogs/{id}/accessPackages?$expand=assignmentPolicies,resourceRoleScopes($expand=role,scope),…`;
    /// EntitlementManagement.Read.All or a role on the catalog. Where the service refuses that expand on the
    /// collection, it is asked without the incompatibilities, and where it refuses that too, the packages are listed and
    /// then read in batches; each refusal is remembered. A package that cannot be read is told apart; what the service
    /// leaves out is unread.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_access_packages(&self, catalog: &CatalogId) -> Result<Listed<AccessPackage>, GraphError> {
        let op = self.operation("accessPackages.list", READ);
        let collection = Call::get(op.entitlement(&["catalogs", catalog.as_str(), "accessPackages"])?);
        // What was refused before is not asked again. The catalog itself may be what is wrong: only a simpler read that
        // succeeds proves a refusal.
        let refused = &self.shared.package_expands_refused;
        let mut rung = refused.load(Ordering::Relaxed);
        let mut packages = loop {
            let Some(expand) = [EXPAND_ALL, EXPAND].get(rung) else {
                let plain = op.all(collection).await?;
                break self.read_packages_singly(&op, plain).await?;
            };
            let call = collection.clone().query(&[("$expand", (*expand).to_owned())]);
            match op.all_whole(call).await {
                Ok(packages) => break packages,
                Err(error) if refused_query(&error) => rung += 1,
                Err(error) => return Err(error),
            }
        };
        refused.fetch_max(rung, Ordering::Relaxed);
        for package in &mut packages.elements {
            package.catalog.get_or_insert_with(|| catalog.clone());
        }
        Ok(packages)
    }

    async fn read_packages_singly(
        &self,
        op: &Operation<'_>,
        listed: Listed<AccessPackage>,
    ) -> Result<Listed<AccessPackage>, GraphError> {
        let Listed { elements, unreadable } = listed;
        let calls = elements
            .iter()
            .map(|package| single(op, &package.id, EXPAND))
            .collect::<Result<Vec<_>, _>>()?;
        let mut packages = Listed {
            elements: Vec::with_capacity(calls.len()),
            unreadable,
        };
        for (part, listed) in op.batch(&calls).await?.into_iter().zip(elements) {
            match part {
                Ok(answer) => {
                    let Listed { elements, unreadable } = Listed::parse(vec![op.parse(&answer)?]);
                    for wire in elements {
                        packages.elements.push(op.whole(wire).await?);
                    }
                    packages.unreadable.extend(unreadable);
                }
                // The list has it: one 404 does not take it out.
                Err(error) if error.kind == GraphErrorKind::NotFound => packages.unreadable.push(Unreadable {
                    id: Some(listed.id.to_string()),
                    display_name: Some(listed.display_name),
                    why: "the list has it, and it was answered as not there".to_owned(),
                }),
                Err(error) => return Err(error),
            }
        }
        op.tell(&packages);
        Ok(packages)
    }

    /// The packages of a catalog that have this name, without roles and policies.
    /// `GET catalogs/{id}/accessPackages?$filter=displayName eq '…'`, or `GET accessPackages` with that filter where
    /// the collection does not take it; EntitlementManagement.Read.All or a role on the catalog. A package that was
    /// just made may be missing for some seconds; one that cannot be read has the name all the same.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn find_access_packages_named(
        &self,
        catalog: &CatalogId,
        display_name: &str,
    ) -> Result<Listed<AccessPackage>, GraphError> {
        let op = self.operation("accessPackages.find", READ);
        let filter = odata::eq("displayName", display_name);
        let refused: &AtomicBool = &self.shared.package_filter_refused;
        if !refused.load(Ordering::Relaxed) {
            let call = Call::get(op.entitlement(&["catalogs", catalog.as_str(), "accessPackages"])?);
            match op
                .all::<AccessPackage>(call.query(&[("$filter", filter.clone())]))
                .await
            {
                Ok(mut packages) => {
                    for package in &mut packages.elements {
                        package.catalog.get_or_insert_with(|| catalog.clone());
                    }
                    return Ok(packages);
                }
                Err(error) if refused_query(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let call = Call::get(op.entitlement(&["accessPackages"])?)
            .query(&[("$filter", filter), ("$expand", "catalog".to_owned())]);
        let mut packages: Listed<AccessPackage> = op.all(call).await?;
        refused.store(true, Ordering::Relaxed);
        let (here, elsewhere): (Vec<_>, Vec<_>) = packages
            .elements
            .into_iter()
            .partition(|package| package.catalog.as_ref() == Some(catalog));
        packages.elements = here;
        // Where it is was asked for and not answered, so it may be here.
        packages.unreadable.extend(
            elsewhere
                .into_iter()
                .filter(|package| package.catalog.is_none())
                .map(|package| Unreadable {
                    id: Some(package.id.into()),
                    display_name: Some(package.display_name),
                    why: "it was answered without its catalog".to_owned(),
                }),
        );
        op.tell(&packages);
        Ok(packages)
    }

    /// One package with its catalog and all its roles, policies and incompatibilities, further pages of them included;
    /// `None` only where Graph says 404. What the service leaves out is unread, not none; incompatibilities that it leaves
    /// out, or refuses to expand, are asked for by themselves.
    /// `GET accessPackages/{id}?$expand=catalog,resourceRoleScopes($expand=role,scope),assignmentPolicies,…`;
    /// EntitlementManagement.Read.All or a role on the catalog.
    ///
    /// # Errors
    ///
    /// `Forbidden` may mean that the package is gone, for a caller with catalog roles only.
    pub async fn get_access_package(&self, id: &AccessPackageId) -> Result<Option<AccessPackage>, GraphError> {
        let op = self.operation("accessPackages.get", READ);
        let read = async |expand: &str| match op
            .read_existing(&single(&op, id, &format!("catalog,{expand}"))?)
            .await?
        {
            Some(wire) => op.whole(wire).await.map(Some),
            None => Ok(None),
        };
        let mut package = match read(EXPAND_ALL).await {
            Err(error) if refused_query(&error) => read(EXPAND).await?,
            read => read?,
        };
        if let Some(package) = &mut package {
            for kind in IncompatibleKind::ALL {
                if package.incompatible(kind) == &Read::Unread {
                    let path = op.entitlement(&["accessPackages", id.as_str(), kind.property()])?;
                    // Where it is refused here as well, it stays unread: whoever needs it waits.
                    if let Ok(listed) = op.all(Call::get(path)).await {
                        *package.incompatible_mut(kind) = Read::Read(listed);
                    }
                }
            }
        }
        Ok(package)
    }

    /// Makes a package. `POST accessPackages`; EntitlementManagement.ReadWrite.All or Access package manager of the
    /// catalog. Not repeatable.
    ///
    /// # Errors
    ///
    /// `OutcomeUnknown` where the answer was lost, and `Conflict` with `DuplicateAccessPackage`: both are settled by a
    /// look by name, since a create can succeed while its answer says otherwise.
    pub async fn create_access_package(&self, package: &NewAccessPackage) -> Result<AccessPackage, GraphError> {
        let op = self.operation("accessPackages.create", WRITE);
        let NewAccessPackage {
            catalog,
            display_name,
            description,
            hidden,
        } = package;
        let body = json!({
            "displayName": display_name,
            "description": description,
            "isHidden": hidden,
            "catalog": {"id": catalog},
        });
        let mut made: AccessPackage = op
            .read(&Call::create(op.entitlement(&["accessPackages"])?, body))
            .await?;
        made.catalog.get_or_insert_with(|| catalog.clone());
        Ok(made)
    }

    /// Changes a package. `PATCH accessPackages/{id}`; EntitlementManagement.ReadWrite.All or Access package manager.
    /// Repeatable.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn update_access_package(
        &self,
        id: &AccessPackageId,
        patch: &AccessPackagePatch,
    ) -> Result<(), GraphError> {
        let op = self.operation("accessPackages.update", WRITE);
        let body: Value = op.body(patch)?;
        op.write(&Call::patch(op.entitlement(&["accessPackages", id.as_str()])?, body))
            .await
    }

    /// Removes a package with its roles. `DELETE accessPackages/{id}`;
    /// EntitlementManagement.ReadWrite.All or Access package manager. Repeatable.
    ///
    /// # Errors
    ///
    /// A 4xx while someone has an assignment that is not expired.
    pub async fn delete_access_package(&self, id: &AccessPackageId) -> Result<Removed, GraphError> {
        let op = self.operation("accessPackages.delete", WRITE);
        op.remove(&Call::delete(op.entitlement(&["accessPackages", id.as_str()])?))
            .await
    }

    /// Hands out one more role, to everyone who holds the package as well.
    /// `POST accessPackages/{id}/resourceRoleScopes`; EntitlementManagement.ReadWrite.All or Access package manager.
    /// Not repeated; the id follows from role and scope, so a look settles a lost answer.
    ///
    /// # Errors
    ///
    /// `NotFound` with `ResourceNotFound` or `RoleNotFound` for some minutes after the resource was added.
    pub async fn add_resource_role_scope(
        &self,
        package: &AccessPackageId,
        role_scope: &NewResourceRoleScope,
    ) -> Result<ResourceRoleScopeId, GraphError> {
        #[derive(Deserialize)]
        struct Made {
            id: ResourceRoleScopeId,
        }
        let op = self.operation("accessPackages.resourceRoleScopes.create", WRITE);
        let NewResourceRoleScope {
            role,
            scope,
            resource: (resource_id, origin_id),
        } = role_scope;
        let resource = json!({"id": resource_id, "originId": origin_id, "originSystem": role.origin_system});
        let body = json!({"role": role.to_body(resource), "scope": scope.to_body()});
        let path = op.entitlement(&["accessPackages", package.as_str(), "resourceRoleScopes"])?;
        let made: Made = op.read(&Call::create(path, body)).await?;
        Ok(made.id)
    }

    /// Takes a role out of a package, from everyone who holds it.
    /// `DELETE accessPackages/{id}/resourceRoleScopes/{id}`; EntitlementManagement.ReadWrite.All or Access package
    /// manager. Repeatable.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn remove_resource_role_scope(
        &self,
        package: &AccessPackageId,
        id: &ResourceRoleScopeId,
    ) -> Result<Removed, GraphError> {
        let op = self.operation("accessPackages.resourceRoleScopes.delete", WRITE);
        let path = op.entitlement(&["accessPackages", package.as_str(), "resourceRoleScopes", id.as_str()])?;
        op.remove(&Call::delete(path)).await
    }

    /// Keeps whoever has the other from requesting the package; who holds both already keeps both.
    /// `POST accessPackages/{id}/incompatibleAccessPackages/$ref` or `…/incompatibleGroups/$ref`;
    /// EntitlementManagement.ReadWrite.All or Access package manager. Repeatable: one that is there already is no error.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no such package or group.
    pub async fn add_incompatible(
        &self,
        package: &AccessPackageId,
        kind: IncompatibleKind,
        other: &ObjectId,
    ) -> Result<(), GraphError> {
        let op = self.operation("accessPackages.incompatible.create", WRITE);
        let target = match kind {
            IncompatibleKind::AccessPackage => op.entitlement(&["accessPackages", other.as_str()])?,
            IncompatibleKind::Group => op.path(&["groups", other.as_str()])?,
        };
        let list = op.entitlement(&["accessPackages", package.as_str(), kind.property()])?;
        op.add_reference(list, &target, other).await
    }

    /// Lets whoever has the other request the package again.
    /// `DELETE accessPackages/{id}/incompatibleAccessPackages/{id}/$ref` or `…/incompatibleGroups/{id}/$ref`;
    /// EntitlementManagement.ReadWrite.All or Access package manager. Repeatable.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn remove_incompatible(
        &self,
        package: &AccessPackageId,
        kind: IncompatibleKind,
        other: &ObjectId,
    ) -> Result<Removed, GraphError> {
        let op = self.operation("accessPackages.incompatible.delete", WRITE);
        let path = op.entitlement(&[
            "accessPackages",
            package.as_str(),
            kind.property(),
            other.as_str(),
            "$ref",
        ])?;
        op.remove(&Call::delete(path)).await
    }
}

fn single(op: &Operation<'_>, id: &AccessPackageId, expand: &str) -> Result<Call, GraphError> {
    Ok(Call::get(op.entitlement(&["accessPackages", id.as_str()])?).query(&[("$expand", expand.to_owned())]))
}
