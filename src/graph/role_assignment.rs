//! Roles on catalogs: who runs them in Entra.

use serde::Deserialize;
use serde_json::json;

use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::id::{CatalogId, ObjectId, RoleAssignmentId};
use super::odata;
use super::read::Listed;
use super::transport::{Graph, Removed};
use super::wire::string_enum;
use super::{READ, WRITE};

string_enum! {
    /// A role on a catalog, by the id of its definition, which is the same in every tenant; [R:entitlement-management-delegate].
    CatalogRole, Other {
        /// Runs the catalog: its resources, packages, policies and roles.
        CatalogOwner = "ae79f266-94d4-4dab-b730-feca7e132178",
        /// Reads it.
        CatalogReader = "44272f93-9762-48e8-af59-1b5351b1d6b3",
        /// Makes packages and policies of what is in it.
        AccessPackageManager = "7f480852-ebdc-47d4-87de-0d8498384a83",
        /// Gives its packages to people, and takes them away.
        AccessPackageAssignmentManager = "e2182095-804a-4656-ae11-64734e9b7ae5",
    }
}

/// Somebody's role on a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleAssignment {
    /// Its id.
    pub id: RoleAssignmentId,
    /// Which role.
    #[serde(rename = "roleDefinitionId")]
    pub role: CatalogRole,
    /// Whose: a user, a group or a service principal.
    #[serde(rename = "principalId")]
    pub principal: ObjectId,
    #[serde(default)]
    app_scope_id: Option<String>,
}

impl RoleAssignment {
    /// One on this catalog.
    #[must_use]
    pub fn on(catalog: &CatalogId, id: RoleAssignmentId, role: CatalogRole, principal: ObjectId) -> Self {
        Self {
            id,
            role,
            principal,
            app_scope_id: Some(scope(catalog)),
        }
    }

    fn is_on(&self, scope: &str) -> bool {
        self.app_scope_id
            .as_deref()
            .is_none_or(|own| own.eq_ignore_ascii_case(scope)) // what does not say was asked for by its scope
    }
}

fn scope(catalog: &CatalogId) -> String {
    format!("/AccessPackageCatalog/{catalog}")
}

const COLLECTION: [&str; 3] = ["roleManagement", "entitlementManagement", "roleAssignments"];

impl Graph {
    /// Who has which role on a catalog. `GET roleManagement/entitlementManagement/roleAssignments?$filter=appScopeId eq '…'`;
    /// EntitlementManagement.Read.All. One that was just made may be missing for some seconds.
    ///
    /// # Errors
    ///
    /// As every operation; `InvalidResponse` where one cannot be read.
    pub async fn list_role_assignments(&self, catalog: &CatalogId) -> Result<Vec<RoleAssignment>, GraphError> {
        let op = self.operation("roleAssignments.list", READ);
        let scope = scope(catalog);
        let call = Call::get(op.path(&COLLECTION)?).query(&[("$filter", odata::eq("appScopeId", &scope))]);
        let listed: Listed<RoleAssignment> = op.all(call).await?;
        let mut assignments = op.readable(listed)?;
        assignments.retain(|assignment| assignment.is_on(&scope));
        Ok(assignments)
    }

    /// On how many catalogs somebody may write packages: as their owner or access package manager.
    /// `GET roleManagement/entitlementManagement/roleAssignments?$filter=principalId eq '…'`; EntitlementManagement.Read.All.
    ///
    /// # Errors
    ///
    /// As every operation; `InvalidResponse` where one cannot be read.
    pub async fn count_written_by(&self, principal: &ObjectId) -> Result<usize, GraphError> {
        let op = self.operation("roleAssignments.list", READ);
        let filter = odata::eq("principalId", principal.as_str());
        let call = Call::get(op.path(&COLLECTION)?).query(&[("$filter", filter)]);
        let listed: Listed<RoleAssignment> = op.all(call).await?;
        let mut catalogs = std::collections::BTreeSet::new();
        for assignment in op.readable(listed)? {
            let writes = matches!(
                assignment.role,
                CatalogRole::CatalogOwner | CatalogRole::AccessPackageManager
            );
            if writes && assignment.principal == *principal {
                catalogs.extend(assignment.app_scope_id.map(|scope| scope.to_lowercase()));
            }
        }
        Ok(catalogs.len())
    }

    /// Gives somebody a role on a catalog. `POST roleManagement/entitlementManagement/roleAssignments`;
    /// EntitlementManagement.ReadWrite.All, or Catalog owner. Repeatable: a role that is held already is answered from the
    /// list.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no such principal.
    pub async fn assign_role(
        &self,
        catalog: &CatalogId,
        role: &CatalogRole,
        principal: &ObjectId,
    ) -> Result<RoleAssignment, GraphError> {
        let op = self.operation("roleAssignments.create", WRITE);
        let body = json!({"principalId": principal, "roleDefinitionId": role, "appScopeId": scope(catalog)});
        match op.read(&Call::add(op.path(&COLLECTION)?, body)).await {
            Err(error) if matches!(error.kind, GraphErrorKind::Conflict | GraphErrorKind::BadRequest) => {
                let there = self.list_role_assignments(catalog).await;
                let is_it = |one: &RoleAssignment| one.role == *role && one.principal == *principal;
                let held = there.ok().and_then(|there| there.into_iter().find(is_it));
                held.ok_or(error)
            }
            other => other,
        }
    }

    /// Takes somebody's role away. `DELETE roleManagement/entitlementManagement/roleAssignments/{id}`;
    /// EntitlementManagement.ReadWrite.All, or Catalog owner. Repeatable.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn remove_role_assignment(&self, id: &RoleAssignmentId) -> Result<Removed, GraphError> {
        let op = self.operation("roleAssignments.delete", WRITE);
        let [room, provider, list] = COLLECTION;
        op.remove(&Call::delete(op.path(&[room, provider, list, id.as_str()])?))
            .await
    }
}
