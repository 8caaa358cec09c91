//! The questions to Graph that the view asks; tests put another in Graph's place.

use async_trait::async_trait;

use crate::graph::{
    AccessPackage, AccessPackageId, AssignmentPolicy, Catalog, CatalogId, ConnectedOrganization, Graph, GraphError,
    Listed, ObjectId, OriginSystem, PolicyId, Resource, ResourceId, ResourceRole,
};

#[async_trait]
pub(super) trait Reads: Send + Sync + 'static {
    /// Whether the list of catalogs has all that there are, and not only those on which we hold a role.
    async fn sees_every_catalog(&self) -> Result<bool, GraphError>;
    async fn catalogs(&self) -> Result<Listed<Catalog>, GraphError>;
    async fn catalogs_named(&self, name: &str) -> Result<Listed<Catalog>, GraphError>;
    async fn catalog(&self, id: &CatalogId) -> Result<Option<Catalog>, GraphError>;
    async fn organizations(&self) -> Result<Listed<ConnectedOrganization>, GraphError>;
    async fn organizations_named(&self, name: &str) -> Result<Listed<ConnectedOrganization>, GraphError>;
    async fn organization(&self, id: &ObjectId) -> Result<Option<ConnectedOrganization>, GraphError>;
    async fn resources(&self, catalog: &CatalogId) -> Result<Listed<Resource>, GraphError>;
    async fn resource(&self, catalog: &CatalogId, origin_id: &str) -> Result<Option<Resource>, GraphError>;
    async fn roles(
        &self,
        catalog: &CatalogId,
        system: OriginSystem,
        resource: &ResourceId,
    ) -> Result<Listed<ResourceRole>, GraphError>;
    async fn packages(&self, catalog: &CatalogId) -> Result<Listed<AccessPackage>, GraphError>;
    async fn packages_named(&self, catalog: &CatalogId, name: &str) -> Result<Listed<AccessPackage>, GraphError>;
    async fn package(&self, id: &AccessPackageId) -> Result<Option<AccessPackage>, GraphError>;
    async fn policies(&self, package: &AccessPackageId) -> Result<Option<Listed<AssignmentPolicy>>, GraphError>;
    async fn policy(&self, id: &PolicyId) -> Result<Option<AssignmentPolicy>, GraphError>;
}

#[async_trait]
impl Reads for Graph {
    async fn sees_every_catalog(&self) -> Result<bool, GraphError> {
        Ok(self.token_claims().await?.reads_all())
    }

    async fn catalogs(&self) -> Result<Listed<Catalog>, GraphError> {
        self.list_catalogs().await
    }

    async fn catalogs_named(&self, name: &str) -> Result<Listed<Catalog>, GraphError> {
        self.find_catalogs_named(name).await
    }

    async fn catalog(&self, id: &CatalogId) -> Result<Option<Catalog>, GraphError> {
        self.get_catalog(id).await
    }

    async fn organizations(&self) -> Result<Listed<ConnectedOrganization>, GraphError> {
        self.list_connected_organizations().await
    }

    async fn organizations_named(&self, name: &str) -> Result<Listed<ConnectedOrganization>, GraphError> {
        self.find_connected_organizations_named(name).await
    }

    async fn organization(&self, id: &ObjectId) -> Result<Option<ConnectedOrganization>, GraphError> {
        self.get_connected_organization(id).await
    }

    async fn resources(&self, catalog: &CatalogId) -> Result<Listed<Resource>, GraphError> {
        self.list_resources(catalog).await
    }

    async fn resource(&self, catalog: &CatalogId, origin_id: &str) -> Result<Option<Resource>, GraphError> {
        self.find_resource(catalog, origin_id).await
    }

    async fn roles(
        &self,
        catalog: &CatalogId,
        system: OriginSystem,
        resource: &ResourceId,
    ) -> Result<Listed<ResourceRole>, GraphError> {
        self.list_resource_roles(catalog, system, resource).await
    }

    async fn packages(&self, catalog: &CatalogId) -> Result<Listed<AccessPackage>, GraphError> {
        self.list_access_packages(catalog).await
    }

    async fn packages_named(&self, catalog: &CatalogId, name: &str) -> Result<Listed<AccessPackage>, GraphError> {
        self.find_access_packages_named(catalog, name).await
    }

    async fn package(&self, id: &AccessPackageId) -> Result<Option<AccessPackage>, GraphError> {
        self.get_access_package(id).await
    }

    async fn policies(&self, package: &AccessPackageId) -> Result<Option<Listed<AssignmentPolicy>>, GraphError> {
        self.list_assignment_policies(package).await
    }

    async fn policy(&self, id: &PolicyId) -> Result<Option<AssignmentPolicy>, GraphError> {
        self.get_assignment_policy(id).await
    }
}
