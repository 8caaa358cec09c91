//! Access package catalogs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::Call;
use super::error::GraphError;
use super::id::CatalogId;
use super::odata;
use super::read::Listed;
use super::transport::{Graph, Removed};
use super::wire::string_enum;
use super::{READ, WRITE};

string_enum! {
    /// Whether people see the catalog's packages.
    CatalogState, Unknown {
        /// Packages can be requested.
        Published = "published",
        /// Packages are hidden and cannot be requested.
        Unpublished = "unpublished",
    }
}

string_enum! {
    /// Who made the catalog.
    CatalogType, Unknown {
        /// Made by people and programs.
        UserManaged = "userManaged",
        /// The built-in catalog `General`.
        ServiceDefault = "serviceDefault",
        /// Made by another Microsoft service.
        ServiceManaged = "serviceManaged",
    }
}

/// A catalog as Graph answers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// Its id.
    pub id: CatalogId,
    /// Its name.
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    pub display_name: String,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// Who made it.
    #[serde(default)]
    pub catalog_type: Option<CatalogType>,
    /// Whether its packages can be requested.
    #[serde(default)]
    pub state: Option<CatalogState>,
    /// Whether people outside the tenant may request its packages.
    #[serde(
        default,
        rename = "isExternallyVisible",
        deserialize_with = "super::wire::null_as_default"
    )]
    pub externally_visible: bool,
    /// When it was made (RFC 3339).
    #[serde(default, rename = "createdDateTime")]
    pub created: Option<String>,
}

/// A catalog to be made; everything is said, nothing is left to the service's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogFields {
    /// Its name.
    pub display_name: String,
    /// Its description.
    pub description: String,
    /// Whether its packages can be requested.
    pub state: CatalogState,
    /// Whether people outside the tenant may request its packages.
    #[serde(rename = "isExternallyVisible")]
    pub externally_visible: bool,
}

/// The properties of a catalog to change; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogPatch {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether its packages can be requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<CatalogState>,
    /// Whether people outside the tenant may request its packages.
    #[serde(rename = "isExternallyVisible", skip_serializing_if = "Option::is_none")]
    pub externally_visible: Option<bool>,
}

impl Graph {
    /// All catalogs that the caller may see. `GET catalogs`; EntitlementManagement.Read.All or a catalog role.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_catalogs(&self) -> Result<Listed<Catalog>, GraphError> {
        let op = self.operation("catalogs.list", READ);
        op.all(Call::get(op.entitlement(&["catalogs"])?)).await
    }

    /// The catalogs of this name. `GET catalogs?$filter=displayName eq '…'`; EntitlementManagement.Read.All. A catalog
    /// that was just made may be missing for some seconds; one that cannot be read has the name all the same.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn find_catalogs_named(&self, display_name: &str) -> Result<Listed<Catalog>, GraphError> {
        let op = self.operation("catalogs.find", READ);
        let call = Call::get(op.entitlement(&["catalogs"])?);
        op.all(call.query(&[("$filter", odata::eq("displayName", display_name))]))
            .await
    }

    /// One catalog; `None` only where Graph says 404. `GET catalogs/{id}`; EntitlementManagement.Read.All or a role on
    /// the catalog.
    ///
    /// # Errors
    ///
    /// `Forbidden` may mean that the catalog is gone, for a caller with catalog roles only.
    pub async fn get_catalog(&self, id: &CatalogId) -> Result<Option<Catalog>, GraphError> {
        let op = self.operation("catalogs.get", READ);
        op.read_existing(&Call::get(op.entitlement(&["catalogs", id.as_str()])?))
            .await
    }

    /// Makes a catalog. `POST catalogs`; EntitlementManagement.ReadWrite.All. Not repeatable: names are not unique.
    ///
    /// # Errors
    ///
    /// `OutcomeUnknown` where the answer was lost: look by name before creating again.
    pub async fn create_catalog(&self, fields: &CatalogFields) -> Result<Catalog, GraphError> {
        let op = self.operation("catalogs.create", WRITE);
        op.read(&Call::create(op.entitlement(&["catalogs"])?, op.body(fields)?))
            .await
    }

    /// Changes a catalog. `PATCH catalogs/{id}`; EntitlementManagement.ReadWrite.All or Catalog owner. Repeatable.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn update_catalog(&self, id: &CatalogId, patch: &CatalogPatch) -> Result<(), GraphError> {
        let op = self.operation("catalogs.update", WRITE);
        let body: Value = op.body(patch)?;
        op.write(&Call::patch(op.entitlement(&["catalogs", id.as_str()])?, body))
            .await
    }

    /// Removes a catalog that has no packages. `DELETE catalogs/{id}`; EntitlementManagement.ReadWrite.All or Catalog owner.
    /// Repeatable.
    ///
    /// # Errors
    ///
    /// A 4xx while packages are left in it.
    pub async fn delete_catalog(&self, id: &CatalogId) -> Result<Removed, GraphError> {
        let op = self.operation("catalogs.delete", WRITE);
        op.remove(&Call::delete(op.entitlement(&["catalogs", id.as_str()])?))
            .await
    }
}
