//! Who holds an access package.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::access_package::{id_of, refused_query};
use super::assignment_policy::Expiration;
use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::id::{AccessPackageId, AssignmentId, ObjectId, PolicyId};
use super::odata;
use super::read::Listed;
use super::resource::RequestState;
use super::transport::{Graph, Operation};
use super::wire::string_enum;
use super::{READ, WRITE};

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
    /// From when to when; `None` where that is not told.
    #[serde(default)]
    pub schedule: Option<AssignmentSchedule>,
}

/// From when to when somebody holds an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AssignmentSchedule {
    /// RFC 3339.
    #[serde(default, rename = "startDateTime")]
    pub start: Option<String>,
    /// How it ends.
    #[serde(default)]
    pub expiration: Option<Expiration>,
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

impl AssignmentTarget {
    /// Whether it is a guest of the directory, by the name that guests have there.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.principal_name
            .as_deref()
            .is_some_and(|name| name.to_ascii_uppercase().contains("#EXT#"))
    }
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

/// A request to take an assignment away that is still open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRemoval {
    /// The assignment; `None` where the request does not tell.
    pub assignment: Option<AssignmentId>,
    /// How far the request has come.
    pub state: RequestState,
}

/// What came of asking for an assignment to be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalAsked {
    /// It was asked for now.
    Now,
    /// An earlier request for it is open.
    Before,
}

/// The states in which an assignment is live, in the order in which it may move while they are asked for one by one.
const LIVE: &[AssignmentState] = &[
    AssignmentState::DeliveryFailed,
    AssignmentState::Delivering,
    AssignmentState::PartiallyDelivered,
    AssignmentState::Delivered,
];
/// The states in which a request is open, likewise.
const OPEN: &[RequestState] = &[
    RequestState::Scheduled,
    RequestState::PendingApproval,
    RequestState::Submitted,
    RequestState::Delivering,
];

impl Operation<'_> {
    /// The elements of a collection that belong to a package and have one of these states: one batch, further pages
    /// after it.
    async fn by_states<T: DeserializeOwned>(
        &self,
        collection: &str,
        package: &AccessPackageId,
        states: impl Iterator<Item = &str>,
        expand: &str,
    ) -> Result<Listed<T>, GraphError> {
        let of_package = odata::eq("accessPackage/id", package.as_str());
        let path = self.entitlement(&[collection])?;
        let calls: Vec<Call> = states
            .map(|state| {
                Call::get(path.clone()).query(&[
                    ("$filter", format!("{of_package} and {}", odata::eq("state", state))),
                    ("$expand", expand.to_owned()),
                ])
            })
            .collect();
        let mut listed = Listed::default();
        for part in self.batch(&calls).await? {
            let (values, more) = self.page_of(&part?)?;
            let mut page = Listed::parse(values);
            self.rest(more, &mut page).await?;
            listed.extend(page);
        }
        Ok(listed)
    }

    /// The assignments of a package, id and state alone: no filter can ask for a state that this version does not know.
    async fn of_any_state(&self, package: &AccessPackageId) -> Result<Listed<Assignment>, GraphError> {
        let call = Call::get(self.entitlement(&["assignments"])?).query(&[
            ("$filter", odata::eq("accessPackage/id", package.as_str())),
            ("$select", "id,state".to_owned()),
        ]);
        self.all(call).await
    }
}

impl Graph {
    /// The assignments of a package that are not expired: whatever blocks its deletion, hanging ones included.
    /// `GET assignments?$filter=accessPackage/id eq '…' and state ne 'expired'&$expand=target,assignmentPolicy`;
    /// EntitlementManagement.Read.All or a role on the catalog. Where the service refuses that filter, each live state is
    /// asked for, in one batch, and of all others id and state alone: one in a state that this version does not know is
    /// live. The refusal is remembered. One that cannot be read is told apart, and may be live.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_live_assignments(&self, package: &AccessPackageId) -> Result<Listed<Assignment>, GraphError> {
        const EXPAND: &str = "target,assignmentPolicy";
        let op = self.operation("assignments.list", READ);
        let refused = &self.shared.assignment_filter_refused;
        if !refused.load(Ordering::Relaxed) {
            let filter = format!(
                "{} and state ne {}",
                odata::eq("accessPackage/id", package.as_str()),
                odata::literal(AssignmentState::Expired.as_str())
            );
            let call = Call::get(op.entitlement(&["assignments"])?)
                .query(&[("$filter", filter), ("$expand", EXPAND.to_owned())]);
            match op.all::<Assignment>(call).await {
                Ok(mut listed) => {
                    listed
                        .elements
                        .retain(|assignment| assignment.state != AssignmentState::Expired);
                    return Ok(listed);
                }
                Err(error) if refused_query(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let states = LIVE.iter().map(AssignmentState::as_str);
        let mut listed: Listed<Assignment> = op.by_states("assignments", package, states, EXPAND).await?;
        listed.extend(op.of_any_state(package).await?);
        // The package itself may have been what was wrong: only an answer proves that the filter was.
        refused.store(true, Ordering::Relaxed);
        let mut known = HashSet::new();
        listed
            .elements
            .retain(|assignment| assignment.state != AssignmentState::Expired && known.insert(assignment.id.clone()));
        Ok(listed)
    }

    /// The assignments of a package whose holders have another one as well, whatever their states.
    /// `GET assignments/additionalAccess(accessPackageId='…',incompatibleAccessPackageId='…')`;
    /// EntitlementManagement.Read.All or a role on the catalog.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_additional_access(
        &self,
        package: &AccessPackageId,
        other: &AccessPackageId,
    ) -> Result<Listed<Assignment>, GraphError> {
        let op = self.operation("assignments.additionalAccess", READ);
        let function = odata::function(
            "additionalAccess",
            &[
                ("accessPackageId", package.as_str()),
                ("incompatibleAccessPackageId", other.as_str()),
            ],
        );
        let path = format!("{}/{function}", op.entitlement(&["assignments"])?);
        op.all(Call::get(path)).await
    }

    /// Asks for an assignment to be taken away. `POST assignmentRequests` (`adminRemove`);
    /// EntitlementManagement.ReadWrite.All or Access package assignment manager. Not repeated; it takes effect later, so
    /// look with [`Graph::list_live_assignments`] and [`Graph::list_open_removals`]. An earlier request that is open is
    /// no failure.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn request_assignment_remove(&self, id: &AssignmentId) -> Result<RemovalAsked, GraphError> {
        let op = self.operation("assignmentRequests.remove", WRITE);
        let body = serde_json::json!({"requestType": "adminRemove", "assignment": {"id": id}});
        let call = Call::create(op.entitlement(&["assignmentRequests"])?, body);
        match op.write(&call).await {
            Ok(()) => Ok(RemovalAsked::Now),
            Err(error) if error.has_code("ExistingOpenRequest") || error.kind == GraphErrorKind::Conflict => {
                Ok(RemovalAsked::Before)
            }
            Err(error) => Err(error),
        }
    }

    /// The open requests to take a package's assignments away, whoever made them: what is asked for need not be asked
    /// for again. `GET assignmentRequests?$filter=accessPackage/id eq '…' and state eq '…'&$expand=assignment`, the open
    /// states in one batch; EntitlementManagement.Read.All or a role on the catalog.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_open_removals(&self, package: &AccessPackageId) -> Result<Listed<OpenRemoval>, GraphError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            #[serde(default, deserialize_with = "super::wire::null_as_default")]
            request_type: String,
            state: RequestState,
            #[serde(default, deserialize_with = "id_of")]
            assignment: Option<AssignmentId>,
        }
        let op = self.operation("assignmentRequests.list", READ);
        let states = OPEN.iter().map(RequestState::as_str);
        let Listed { elements, unreadable } = op
            .by_states::<Wire>("assignmentRequests", package, states, "assignment")
            .await?;
        let removes = ["adminRemove", "userRemove", "systemRemove", "approverRemove"];
        let elements = elements
            .into_iter()
            .filter(|request| {
                removes
                    .iter()
                    .any(|kind| request.request_type.eq_ignore_ascii_case(kind))
            })
            .map(
                |Wire {
                     request_type: _,
                     state,
                     assignment,
                 }| OpenRemoval { assignment, state },
            )
            .collect();
        Ok(Listed { elements, unreadable })
    }
}
