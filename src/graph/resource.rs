//! Resources of a catalog: the groups, applications and sites whose roles its packages may hand out.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::attribute::ResourceAttribute;
use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::id::{CatalogId, ResourceId, ResourceRequestId};
use super::odata;
use super::read::{Listed, Read};
use super::transport::{Graph, Operation};
use super::wire::string_enum;
use super::{READ, WRITE};

/// Graph's stand-in for "this role has no id yet"; it must not be sent.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";

string_enum! {
    /// The system that a resource comes from.
    OriginSystem, Other {
        /// A group; origin id: the group's id.
        AadGroup = "AadGroup",
        /// An application; origin id: the service principal's object id.
        AadApplication = "AadApplication",
        /// A SharePoint site; origin id: the site's URL.
        SharePointOnline = "SharePointOnline",
        /// A role of the directory; origin id: the role's template.
        DirectoryRole = "DirectoryRole",
    }
}

impl OriginSystem {
    /// Whether a catalog's list shows all resources of this system to an application. Where it does not, a resource that
    /// is not listed is not absent: SharePoint sites are listed to delegated permissions only (Microsoft Graph docs,
    /// "List resources", September 2026), and of systems that this version does not know nothing is known.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        match self {
            Self::AadGroup | Self::AadApplication | Self::DirectoryRole => true,
            Self::SharePointOnline | Self::Other(_) => false,
        }
    }
}

string_enum! {
    /// How far a request to add or remove a resource has come.
    RequestState, Unknown {
        /// Accepted.
        Submitted = "submitted",
        /// Waits for someone.
        PendingApproval = "pendingApproval",
        /// Under way; may stay so for ever where the backend failed.
        Delivering = "delivering",
        /// Done; lists may lag behind by some seconds.
        Delivered = "delivered",
        /// Failed.
        DeliveryFailed = "deliveryFailed",
        /// Refused.
        Denied = "denied",
        /// Not yet begun.
        Scheduled = "scheduled",
        /// Withdrawn.
        Canceled = "canceled",
        /// Done in part.
        PartiallyDelivered = "partiallyDelivered",
    }
}

/// A resource of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its id in this catalog.
    pub id: ResourceId,
    /// Its name.
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    pub display_name: String,
    /// The id of what it stands for, in the form of its origin system.
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    pub origin_id: String,
    /// Where it comes from.
    pub origin_system: OriginSystem,
    /// Its roles; some applications answer none here, see [`Graph::list_resource_roles`].
    #[serde(default)]
    pub roles: Read<Listed<ResourceRole>>,
    /// Its scopes.
    #[serde(default)]
    pub scopes: Read<Listed<ResourceScope>>,
    /// What requestors are asked for its sake.
    #[serde(default)]
    pub attributes: Read<Vec<ResourceAttribute>>,
}

/// A role of a resource. The origin id identifies it: the id appears only once the role has been used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRole {
    /// Its id, where it has one.
    #[serde(default, deserialize_with = "absent_id")]
    pub id: Option<String>,
    /// Its name, such as `Member`.
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    pub display_name: String,
    /// Its id in the origin system, such as `Member_{group id}` or an app role's id.
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    pub origin_id: String,
    /// Where it comes from.
    pub origin_system: OriginSystem,
}

/// A scope of a resource, in practice its root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceScope {
    /// Its id, where it has one.
    #[serde(default, deserialize_with = "absent_id")]
    pub id: Option<String>,
    /// Its name, usually `Root`.
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    pub display_name: String,
    /// The resource's id in the origin system.
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    pub origin_id: String,
    /// Where it comes from.
    pub origin_system: OriginSystem,
    /// Whether it is the whole resource.
    #[serde(default, rename = "isRootScope", deserialize_with = "super::wire::null_as_default")]
    pub is_root: bool,
}

/// A resource to be added to a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewResource {
    /// Where it comes from.
    pub origin_system: OriginSystem,
    /// The group's id, the service principal's object id, or the site's URL.
    pub origin_id: String,
    /// A name; the service takes the origin's where there is none.
    pub display_name: Option<String>,
    /// A description.
    pub description: Option<String>,
    /// The address of the admin center of the geographic location that a site is in; the tenant's own where there is none.
    pub environment: Option<String>,
}

/// A request to add or remove a resource. Its id is not the resource's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResourceRequest {
    /// The request's id.
    pub id: ResourceRequestId,
    /// How far it has come.
    pub state: RequestState,
    /// The resource, where the answer shows it: for a site the only place that an application may have its id from.
    #[serde(default, deserialize_with = "resource_of")]
    pub resource: Option<RequestedResource>,
}

/// The resource of a request, as far as the request tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestedResource {
    /// Its id in the catalog; `None` while it has none.
    #[serde(default, deserialize_with = "resource_id")]
    pub id: Option<ResourceId>,
    /// The id of what it stands for, in the form of its origin system.
    #[serde(default)]
    pub origin_id: Option<String>,
    /// Where it comes from.
    #[serde(default)]
    pub origin_system: Option<OriginSystem>,
}

/// A request whose resource cannot be read is a request all the same.
fn resource_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RequestedResource>, D::Error> {
    let resource = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(resource).ok())
}

fn resource_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ResourceId>, D::Error> {
    Ok(absent_id(deserializer)?.map(ResourceId::from))
}

/// A resource as it comes: the expanded roles may be cut into pages of their own.
#[derive(Deserialize)]
struct Wire {
    #[serde(flatten)]
    resource: Resource,
    #[serde(default, rename = "roles@odata.nextLink")]
    more_roles: Option<String>,
    #[serde(default, rename = "scopes@odata.nextLink")]
    more_scopes: Option<String>,
}

impl Operation<'_> {
    async fn whole_resource(&self, wire: Wire) -> Result<Resource, GraphError> {
        let Wire {
            mut resource,
            more_roles,
            more_scopes,
        } = wire;
        self.rest_of(more_roles, &mut resource.roles).await?;
        self.rest_of(more_scopes, &mut resource.scopes).await?;
        Ok(resource)
    }

    async fn all_resources(&self, call: Call) -> Result<Listed<Resource>, GraphError> {
        let Listed { elements, unreadable } = self.all(call).await?;
        let mut resources = Vec::with_capacity(elements.len());
        for wire in elements {
            resources.push(self.whole_resource(wire).await?);
        }
        Ok(Listed {
            elements: resources,
            unreadable,
        })
    }
}

/// Reads an id that may be null, empty or all zeros.
fn absent_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let id = Option::<String>::deserialize(deserializer)?;
    Ok(id.filter(|id| !id.is_empty() && id != NO_ID))
}

impl Resource {
    /// The roles that are known.
    #[must_use]
    pub fn known_roles(&self) -> &[ResourceRole] {
        self.roles.known().map_or(&[], |listed| &listed.elements)
    }

    /// The scopes that are known.
    #[must_use]
    pub fn known_scopes(&self) -> &[ResourceScope] {
        self.scopes.known().map_or(&[], |listed| &listed.elements)
    }
}

impl ResourceRole {
    /// The role as a package's role scope wants it: without an id that it does not have.
    pub(super) fn to_body(&self, resource: Value) -> Value {
        let mut body = json!({
            "displayName": self.display_name,
            "originId": self.origin_id,
            "originSystem": self.origin_system,
            "resource": resource,
        });
        put_id(&mut body, self.id.as_deref());
        body
    }
}

impl ResourceScope {
    /// The scope as a package's role scope wants it.
    pub(super) fn to_body(&self) -> Value {
        let mut body = json!({
            "originId": self.origin_id,
            "originSystem": self.origin_system,
            "isRootScope": self.is_root,
        });
        if !self.display_name.is_empty() {
            body["displayName"] = Value::from(self.display_name.as_str());
        }
        put_id(&mut body, self.id.as_deref());
        body
    }
}

fn put_id(body: &mut Value, id: Option<&str>) {
    if let Some(id) = id.filter(|id| *id != NO_ID) {
        body["id"] = Value::from(id);
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestBody<'a> {
    request_type: &'static str,
    resource: Value,
    catalog: CatalogReference<'a>,
}

#[derive(Serialize)]
struct CatalogReference<'a> {
    id: &'a CatalogId,
}

impl Graph {
    /// A catalog's resources with their roles and scopes. `GET catalogs/{id}/resources?$expand=roles,scopes`;
    /// EntitlementManagement.Read.All or a role on the catalog. Lags behind requests by some seconds, and leaves sites out
    /// for application tokens: see [`OriginSystem::is_listed`].
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_resources(&self, catalog: &CatalogId) -> Result<Listed<Resource>, GraphError> {
        let op = self.operation("catalogs.resources.list", READ);
        let call = Call::get(op.entitlement(&["catalogs", catalog.as_str(), "resources"])?);
        op.all_resources(call.query(&[("$expand", "roles,scopes".to_owned())]))
            .await
    }

    /// The resource of a catalog that stands for this origin id; `None` where the catalog answers without it, which for
    /// some seconds after a request proves little, and for a site nothing: see [`OriginSystem::is_listed`].
    /// `GET catalogs/{id}/resources?$filter=originId eq '…'&$expand=roles,scopes`; EntitlementManagement.Read.All or a
    /// role on the catalog.
    ///
    /// # Errors
    ///
    /// `InvalidResponse` where only a resource answers that cannot be read: it may be this one.
    pub async fn find_resource(&self, catalog: &CatalogId, origin_id: &str) -> Result<Option<Resource>, GraphError> {
        let op = self.operation("catalogs.resources.find", READ);
        let call = Call::get(op.entitlement(&["catalogs", catalog.as_str(), "resources"])?).query(&[
            ("$filter", odata::eq("originId", origin_id)),
            ("$expand", "roles,scopes".to_owned()),
        ]);
        let Listed { elements, unreadable } = op.all_resources(call).await?;
        let found = elements
            .into_iter()
            .find(|resource| resource.origin_id.eq_ignore_ascii_case(origin_id));
        match found {
            Some(resource) => Ok(Some(resource)),
            None => op
                .readable(Listed {
                    elements: Vec::<Resource>::new(),
                    unreadable,
                })
                .map(|_| None),
        }
    }

    /// The roles of a resource from the catalog's own collection, which answers where the resource's expand stays
    /// empty (terraform-provider-azuread #1880), and may answer for a site that the list leaves out.
    /// `GET catalogs/{id}/resourceRoles?$filter=(originSystem eq '…' and resource/id eq '…')&$expand=resource`;
    /// EntitlementManagement.Read.All or a role on the catalog.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_resource_roles(
        &self,
        catalog: &CatalogId,
        origin_system: OriginSystem,
        resource: &ResourceId,
    ) -> Result<Listed<ResourceRole>, GraphError> {
        let op = self.operation("catalogs.resourceRoles.list", READ);
        let filter = format!(
            "({} and {})",
            odata::eq("originSystem", origin_system.as_str()),
            odata::eq("resource/id", resource.as_str())
        );
        let call = Call::get(op.entitlement(&["catalogs", catalog.as_str(), "resourceRoles"])?);
        op.all(call.query(&[("$filter", filter), ("$expand", "resource".to_owned())]))
            .await
    }

    /// Asks for a resource to be added to a catalog. `POST resourceRequests` (`adminAdd`);
    /// EntitlementManagement.ReadWrite.All, and for app-only callers Group.ReadWrite.All, Application.ReadWrite.All or
    /// Sites.FullControl.All. Not repeated; a second request is refused as already onboarded. The answer tells the
    /// resource where the service shows it.
    ///
    /// # Errors
    ///
    /// `ResourceNotFoundInOriginSystem` for a group that was just made, `CallerNotResourceOwner` without the extra
    /// permission, 400 for a resource that is already there: look with [`Graph::find_resource`].
    pub async fn request_resource_add(
        &self,
        catalog: &CatalogId,
        resource: &NewResource,
    ) -> Result<ResourceRequest, GraphError> {
        let mut body = json!({"originId": resource.origin_id, "originSystem": resource.origin_system});
        if let Some(name) = &resource.display_name {
            body["displayName"] = Value::from(name.as_str());
        }
        if let Some(description) = &resource.description {
            body["description"] = Value::from(description.as_str());
        }
        if let Some(environment) = &resource.environment {
            body["environment"] = json!({"originId": environment});
        }
        let permission = match resource.origin_system {
            OriginSystem::AadGroup => "EntitlementManagement.ReadWrite.All and Group.ReadWrite.All",
            OriginSystem::AadApplication => "EntitlementManagement.ReadWrite.All and Application.ReadWrite.All",
            OriginSystem::SharePointOnline => "EntitlementManagement.ReadWrite.All and Sites.FullControl.All",
            OriginSystem::DirectoryRole => {
                "EntitlementManagement.ReadWrite.All and the role Privileged Role Administrator"
            }
            OriginSystem::Other(_) => WRITE,
        };
        self.request_resource("resourceRequests.add", permission, "adminAdd", catalog, body)
            .await
    }

    /// Asks for a resource to be removed from a catalog. `POST resourceRequests` (`adminRemove`);
    /// EntitlementManagement.ReadWrite.All or Catalog owner. Not repeated.
    ///
    /// # Errors
    ///
    /// `InvalidDeleteResourceHasEntitlements` while a package uses it, and for some time after the last one did.
    pub async fn request_resource_remove(
        &self,
        catalog: &CatalogId,
        resource: &ResourceId,
    ) -> Result<ResourceRequest, GraphError> {
        let body = json!({ "id": resource });
        self.request_resource("resourceRequests.remove", WRITE, "adminRemove", catalog, body)
            .await
    }

    /// Asks for other attributes of a resource, all of them together. `POST resourceRequests` (`adminUpdate`);
    /// EntitlementManagement.ReadWrite.All or Catalog owner. Asking twice does no harm.
    ///
    /// # Errors
    ///
    /// `BadRequest` for an attribute that this version does not know: nothing was sent.
    pub async fn request_resource_update(
        &self,
        catalog: &CatalogId,
        resource: &ResourceId,
        attributes: &[ResourceAttribute],
    ) -> Result<ResourceRequest, GraphError> {
        const NAME: &str = "resourceRequests.update";
        let attributes: Option<Vec<Value>> = attributes.iter().map(ResourceAttribute::to_body).collect();
        let attributes = attributes.ok_or_else(|| {
            let what = "an attribute is of a kind that this version does not know";
            GraphError::new(GraphErrorKind::BadRequest, NAME, what)
        })?;
        let body = json!({"id": resource, "attributes": attributes});
        self.request_resource(NAME, WRITE, "adminUpdate", catalog, body).await
    }

    async fn request_resource(
        &self,
        name: &'static str,
        permission: &'static str,
        request_type: &'static str,
        catalog: &CatalogId,
        resource: Value,
    ) -> Result<ResourceRequest, GraphError> {
        let op = self.operation(name, permission);
        let body = RequestBody {
            request_type,
            resource,
            catalog: CatalogReference { id: catalog },
        };
        op.read(&Call::create(op.entitlement(&["resourceRequests"])?, op.body(&body)?))
            .await
    }

    /// A resource by its id, with roles and scopes; `None` only where Graph says 404, which for a site may mean that
    /// applications are not told. `GET resources/{id}?$expand=roles,scopes`; EntitlementManagement.Read.All.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn get_resource(&self, id: &ResourceId) -> Result<Option<Resource>, GraphError> {
        let op = self.operation("resources.get", READ);
        let call = Call::get(op.entitlement(&["resources", id.as_str()])?);
        op.read_existing(&call.query(&[("$expand", "roles,scopes".to_owned())]))
            .await
    }

    /// The requests to add a resource to this catalog, with their resources: what is asked for is told here also where lists
    /// of resources leave it out. `GET resourceRequests?$filter=catalog/id eq '…' and requestType eq 'adminAdd'&$expand=resource`;
    /// EntitlementManagement.Read.All.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_resource_additions(&self, catalog: &CatalogId) -> Result<Listed<ResourceRequest>, GraphError> {
        let op = self.operation("resourceRequests.list", READ);
        let filter = format!(
            "{} and {}",
            odata::eq("catalog/id", catalog.as_str()),
            odata::eq("requestType", "adminAdd")
        );
        let call = Call::get(op.entitlement(&["resourceRequests"])?);
        op.all(call.query(&[("$filter", filter), ("$expand", "resource".to_owned())]))
            .await
    }

    /// One resource request with its resource; `None` only where Graph says 404.
    /// `GET resourceRequests/{id}?$expand=resource`; EntitlementManagement.Read.All.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn get_resource_request(&self, id: &ResourceRequestId) -> Result<Option<ResourceRequest>, GraphError> {
        let op = self.operation("resourceRequests.get", READ);
        let call = Call::get(op.entitlement(&["resourceRequests", id.as_str()])?);
        op.read_existing(&call.query(&[("$expand", "resource".to_owned())]))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_without_an_id_is_sent_without_one() {
        let role: ResourceRole = serde_json::from_value(json!({
            "id": NO_ID, "displayName": "Member", "originId": "Member_g", "originSystem": "AadGroup",
        }))
        .unwrap();
        assert_eq!(role.id, None);
        assert_eq!(role.to_body(json!({"id": "r"})).get("id"), None);
    }

    #[test]
    fn a_system_or_state_that_is_newer_than_us_is_kept() {
        let role: ResourceRole =
            serde_json::from_value(json!({"originId": "x", "originSystem": "AzureResources", "displayName": null}))
                .unwrap();
        assert_eq!(role.origin_system, OriginSystem::Other("AzureResources".to_owned()));
        let request: ResourceRequest = serde_json::from_value(json!({"id": "1", "state": "Delivered"})).unwrap();
        assert_eq!(request.state, RequestState::Delivered);
    }
}
