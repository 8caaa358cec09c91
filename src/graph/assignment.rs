//! Who holds an access package.

use std::fmt;

use serde::Deserialize;

use super::READ;
use super::access_package::id_of;
use super::call::Call;
use super::error::GraphError;
use super::id::{AccessPackageId, AssignmentId, ObjectId, PolicyId};
use super::odata;
use super::read::Listed;
use super::transport::Graph;
use super::wire::string_enum;

string_enum! {
    /// How far an assignment has come.
    AssignmentState, Unknown {
        /// Being handed out.
        Delivering = "delivering",
        /// Handed out in part.
        PartiallyDelivered = "partiallyDelivered",
        /// In force.
        Delivered = "delivered",
        /// Over.
        Expired = "expired",
        /// Could not be handed out.
        DeliveryFailed = "deliveryFailed",
    }
}

/// An assignment of an access package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Assignment {
    /// Its id.
    pub id: AssignmentId,
    /// How far it has come.
    pub state: AssignmentState,
    /// The policy that it was made through.
    #[serde(default, rename = "assignmentPolicy", deserialize_with = "id_of")]
    pub policy: Option<PolicyId>,
    /// Who holds it; parts of it may be missing for a deleted user or one that hangs.
    #[serde(default)]
    pub target: Option<AssignmentTarget>,
}

/// Who holds an assignment. Displays as the best name there is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentTarget {
    /// The user's object id.
    #[serde(default)]
    pub object_id: Option<ObjectId>,
    /// The user's name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The user's principal name.
    #[serde(default)]
    pub principal_name: Option<String>,
    /// The user's mail address.
    #[serde(default)]
    pub email: Option<String>,
}

impl fmt::Display for AssignmentTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            self.principal_name.as_deref(),
            self.email.as_deref(),
            self.display_name.as_deref(),
            self.object_id.as_ref().map(ObjectId::as_str),
        ];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        f.write_str(name.unwrap_or("someone without a name"))
    }
}

impl Graph {
    /// The assignments of a package that are not expired: whatever blocks its deletion, hanging ones included.
    /// `GET assignments?$filter=accessPackage/id eq '…'&$expand=target,assignmentPolicy`;
    /// EntitlementManagement.Read.All or a role on the catalog. Expired ones are dropped here, since no source shows
    /// that the service takes `ne` on the state.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_live_assignments(&self, package: &AccessPackageId) -> Result<Listed<Assignment>, GraphError> {
        let op = self.operation("assignments.list", READ);
        let call = Call::get(op.entitlement(&["assignments"])?).query(&[
            ("$filter", odata::eq("accessPackage/id", package.as_str())),
            ("$expand", "target,assignmentPolicy".to_owned()),
        ]);
        let mut assignments: Listed<Assignment> = op.all(call).await?;
        assignments
            .elements
            .retain(|assignment| assignment.state != AssignmentState::Expired);
        Ok(assignments)
    }

    /// Asks for an assignment to be taken away. `POST assignmentRequests` (`adminRemove`);
    /// EntitlementManagement.ReadWrite.All or Access package assignment manager. Not repeated; it takes effect later, so
    /// look with [`Graph::list_live_assignments`].
    ///
    /// # Errors
    ///
    /// `ExistingOpenRequest` while an earlier request for the same assignment is open.
    pub async fn request_assignment_remove(&self, id: &AssignmentId) -> Result<(), GraphError> {
        let op = self.operation("assignmentRequests.remove", super::WRITE);
        let body = serde_json::json!({"requestType": "adminRemove", "assignment": {"id": id}});
        let _answer: serde_json::Value = op
            .read(&Call::create(op.entitlement(&["assignmentRequests"])?, body))
            .await?;
        Ok(())
    }
}
