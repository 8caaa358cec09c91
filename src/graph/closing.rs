//! The doors of a policy, and shutting them without changing anything else of it, known to this version or not.

use serde_json::{Map, Value, json};

use super::assignment_policy::{AssignmentPolicy, PolicyRead, RequestorSettings};
use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::id::PolicyId;
use super::transport::Graph;
use super::{READ, WRITE};

/// What a policy's own read is asked for, so that nothing of it is left out.
pub(super) const EXPAND: &str = "accessPackage,questions,customExtensionStageSettings($expand=customExtension)";

/// The ways in which somebody can come by the package through a policy, or keep it longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Doors {
    /// Targets may request it for themselves.
    pub self_add: bool,
    /// Targets may extend their assignment.
    pub self_update: bool,
    /// Others may request it for them.
    pub on_behalf_add: bool,
    /// Others may extend their assignment.
    pub on_behalf_update: bool,
    /// It is given without being asked for.
    pub automatic: bool,
}

impl Doors {
    /// Whether any of them is open.
    #[must_use]
    pub fn any(self) -> bool {
        let Self {
            self_add,
            self_update,
            on_behalf_add,
            on_behalf_update,
            automatic,
        } = self;
        self_add || self_update || on_behalf_add || on_behalf_update || automatic
    }
}

impl PolicyRead {
    /// Which doors are open.
    #[must_use]
    pub fn doors(&self) -> Doors {
        let RequestorSettings {
            enable_targets_to_self_add_access,
            enable_targets_to_self_update_access,
            // Giving access up, and what dates may be asked for, lets nobody in.
            enable_targets_to_self_remove_access: _,
            allow_custom_assignment_schedule: _,
            enable_on_behalf_requestors_to_add_access,
            enable_on_behalf_requestors_to_update_access,
            enable_on_behalf_requestors_to_remove_access: _,
            // Who they are matters only where they may do something.
            on_behalf_requestors: _,
        } = &self.requestor_settings;
        Doors {
            self_add: *enable_targets_to_self_add_access,
            self_update: *enable_targets_to_self_update_access,
            on_behalf_add: *enable_on_behalf_requestors_to_add_access,
            on_behalf_update: *enable_on_behalf_requestors_to_update_access,
            automatic: self.automatic_request_settings.is_some(),
        }
    }

    /// The same policy with every door shut.
    fn shut(mut self) -> Self {
        let RequestorSettings {
            enable_targets_to_self_add_access: _,
            enable_targets_to_self_update_access: _,
            enable_targets_to_self_remove_access,
            allow_custom_assignment_schedule,
            enable_on_behalf_requestors_to_add_access: _,
            enable_on_behalf_requestors_to_update_access: _,
            enable_on_behalf_requestors_to_remove_access,
            on_behalf_requestors,
        } = self.requestor_settings;
        self.requestor_settings = RequestorSettings {
            enable_targets_to_self_add_access: false,
            enable_targets_to_self_update_access: false,
            enable_targets_to_self_remove_access,
            allow_custom_assignment_schedule,
            enable_on_behalf_requestors_to_add_access: false,
            enable_on_behalf_requestors_to_update_access: false,
            enable_on_behalf_requestors_to_remove_access,
            on_behalf_requestors,
        };
        self.automatic_request_settings = None;
        self
    }
}

/// The body that shuts a policy: the answer as it was read, but for its doors and for what the service alone writes.
fn shut(whole: &Value) -> Option<Value> {
    let mut body = whole.clone();
    strip(&mut body);
    let properties = body.as_object_mut()?;
    for read_only in ["createdDateTime", "modifiedDateTime", "catalog"] {
        properties.remove(read_only);
    }
    let package = properties.get("accessPackage")?.get("id")?.clone();
    properties.insert("accessPackage".to_owned(), json!({ "id": package }));
    // Sent even where it was not answered: absent is what makes a policy one that is requested.
    properties.insert("automaticRequestSettings".to_owned(), Value::Null);
    let settings = properties.get_mut("requestorSettings").and_then(Value::as_object_mut);
    for (name, value) in settings.into_iter().flat_map(Map::iter_mut) {
        if value.is_boolean() && is_door(name) {
            *value = Value::Bool(false);
        }
    }
    Some(body)
}

/// What can be told of a policy that cannot be read: whether any door of it is open stands for which.
fn opaque(id: &PolicyId, whole: &Value) -> AssignmentPolicy {
    let text = |name: &str| whole.get(name).and_then(Value::as_str).map(str::to_owned);
    let settings = whole.get("requestorSettings").and_then(Value::as_object);
    let is_open = |(name, value): (&String, &Value)| is_door(name) && *value == Value::Bool(true);
    let is_requested = settings.into_iter().flatten().any(is_open);
    let is_automatic = whole
        .get("automaticRequestSettings")
        .is_some_and(|value| !value.is_null());
    let mut fields = PolicyRead::unread(text("displayName").unwrap_or_default()); // shown only
    fields.requestor_settings.enable_targets_to_self_add_access = is_requested || is_automatic;
    AssignmentPolicy {
        id: id.clone(),
        created: text("createdDateTime"),
        modified: text("modifiedDateTime"),
        access_package: whole
            .get("accessPackage")
            .and_then(|package| package.get("id"))
            .and_then(Value::as_str)
            .map(Into::into),
        fields,
        whole: None,
    }
}

/// Whether a setting is a door: one that is newer than this version is named like the others. Giving access up is none.
fn is_door(name: &str) -> bool {
    name.starts_with("enable") && !name.ends_with("RemoveAccess")
}

/// Takes the annotations out that only answers carry; a type is part of the value.
fn strip(value: &mut Value) {
    match value {
        Value::Object(properties) => {
            properties.retain(|name, _| !name.contains("@odata.") || name.ends_with("@odata.type"));
            properties.values_mut().for_each(strip);
        }
        Value::Array(elements) => elements.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Graph {
    /// One policy's whole answer, its questions and workflow extensions to their end; `None` only where Graph says 404.
    pub(super) async fn read_policy_whole(&self, id: &PolicyId) -> Result<Option<Value>, GraphError> {
        let op = self.operation("assignmentPolicies.get", READ);
        let call = Call::get(op.entitlement(&["assignmentPolicies", id.as_str()])?);
        let Some(mut whole) = op
            .read_existing::<Value>(&call.query(&[("$expand", EXPAND.to_owned())]))
            .await?
        else {
            return Ok(None);
        };
        for part in ["questions", "customExtensionStageSettings"] {
            let more = whole
                .as_object_mut()
                .and_then(|properties| properties.remove(&format!("{part}@odata.nextLink")));
            let Some(link) = more.as_ref().and_then(Value::as_str) else {
                continue;
            };
            let rest: Vec<Value> = op.readable(op.all(op.next(link)?).await?)?;
            if let Some(elements) = whole.get_mut(part).and_then(Value::as_array_mut) {
                elements.extend(rest);
            }
        }
        Ok(Some(whole))
    }

    /// One policy as far as its departure needs it: of one that cannot be read, its id, its name, whether any door of it
    /// is open, and the whole answer, by which it is shut. `None` only where Graph says 404.
    ///
    /// # Errors
    ///
    /// As [`Graph::get_assignment_policy`], but for a policy that cannot be read.
    pub async fn get_policy_to_leave(&self, id: &PolicyId) -> Result<Option<AssignmentPolicy>, GraphError> {
        let Some(whole) = self.read_policy_whole(id).await? else {
            return Ok(None);
        };
        let policy = match serde_json::from_value(whole.clone()) {
            Ok(policy) => policy,
            Err(_) => opaque(id, &whole),
        };
        Ok(Some(AssignmentPolicy {
            whole: Some(Box::new(whole)),
            ..policy
        }))
    }

    /// Shuts every door of a policy and changes nothing else of it: the policy is sent back as it was read (`whole`, or
    /// a read of its own where the policy comes from a list), so that approvers, stages and settings which this version
    /// does not know stay as they are. `PUT assignmentPolicies/{id}`; EntitlementManagement.ReadWrite.All or Access
    /// package manager. Repeatable. Answers the policy as it is then.
    ///
    /// # Errors
    ///
    /// `NotFound` where the policy is gone; `InvalidResponse` where the service does not answer the policy whole.
    pub async fn close_assignment_policy(&self, policy: &AssignmentPolicy) -> Result<PolicyRead, GraphError> {
        let whole = match &policy.whole {
            Some(whole) => whole.as_ref().clone(),
            None => self.policy_to_close(&policy.id).await?,
        };
        let closed = self.close_whole(&policy.id, whole).await?;
        // The read of its own has just told more than the policy that was given.
        Ok(serde_json::from_value(closed).map_or_else(
            |_| policy.fields.clone().shut(),
            |closed: AssignmentPolicy| closed.fields.shut(),
        ))
    }

    /// As [`Graph::close_assignment_policy`], for a policy of which only the id is known. Answers the policy as it is
    /// then, where it can be read.
    ///
    /// # Errors
    ///
    /// As [`Graph::close_assignment_policy`].
    pub async fn close_unread_policy(&self, id: &PolicyId) -> Result<Option<AssignmentPolicy>, GraphError> {
        let whole = self.policy_to_close(id).await?;
        let closed = self.close_whole(id, whole.clone()).await?;
        let read: Option<AssignmentPolicy> = serde_json::from_value(whole).ok();
        let closed: Option<AssignmentPolicy> = serde_json::from_value(closed).ok();
        Ok(read.zip(closed).map(|(read, closed)| AssignmentPolicy {
            fields: closed.fields.shut(),
            ..read
        }))
    }

    async fn policy_to_close(&self, id: &PolicyId) -> Result<Value, GraphError> {
        self.read_policy_whole(id)
            .await?
            .ok_or_else(|| GraphError::new(GraphErrorKind::NotFound, "assignmentPolicies.get", "the policy is gone"))
    }

    async fn close_whole(&self, id: &PolicyId, whole: Value) -> Result<Value, GraphError> {
        let op = self.operation("assignmentPolicies.close", WRITE);
        let body = shut(&whole).ok_or_else(|| {
            op.error(
                GraphErrorKind::InvalidResponse,
                "the policy was answered without its package: it cannot be sent back whole",
            )
        })?;
        op.write(&Call::put(
            op.entitlement(&["assignmentPolicies", id.as_str()])?,
            body.clone(),
        ))
        .await?;
        Ok(body)
    }
}
