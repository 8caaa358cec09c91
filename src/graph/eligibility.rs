//! For how long a group under Privileged Identity Management makes people eligible.

use serde::Deserialize;

use super::call::Call;
use super::error::GraphError;
use super::id::ObjectId;
use super::odata;
use super::read::Listed;
use super::transport::Graph;
use super::wire::{null_as_default, string_enum};

const PERMISSION: &str = "RoleManagementPolicy.Read.AzureADGroup";
/// The rule that limits eligibility which an administrator, or entitlement management for one, gives ("Overview of role management
/// policies", rule 5).
const RULE: &str = "Expiration_Admin_Eligibility";

string_enum! {
    /// As what somebody is eligible in a group.
    GroupAccess, Other {
        /// Member.
        Member = "member",
        /// Owner.
        Owner = "owner",
    }
}

/// For how long people can be eligible for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EligibilityLimit {
    /// As what.
    pub access: GroupAccess,
    /// The longest, an ISO 8601 duration; `None` where eligibility may last for ever.
    pub longest: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    role_definition_id: GroupAccess,
    #[serde(default)]
    policy: Policy,
}

#[derive(Debug, Default, Deserialize)]
struct Policy {
    #[serde(default, deserialize_with = "null_as_default")]
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default, deserialize_with = "null_as_default")]
    id: String,
    is_expiration_required: Option<bool>,
    maximum_duration: Option<String>,
}

impl Graph {
    /// For how long a group makes people eligible, as members and as owners; empty where it is not under Privileged Identity
    /// Management. `GET policies/roleManagementPolicyAssignments?$filter=scopeId eq '…' and scopeType eq
    /// 'Group'&$expand=policy($expand=rules)`; RoleManagementPolicy.Read.AzureADGroup.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_eligibility_limits(&self, group: &ObjectId) -> Result<Vec<EligibilityLimit>, GraphError> {
        let op = self.operation("roleManagementPolicyAssignments.list", PERMISSION);
        let filter = format!(
            "{} and {}",
            odata::eq("scopeId", group.as_str()),
            odata::eq("scopeType", "Group")
        );
        let call = Call::get(op.path(&["policies", "roleManagementPolicyAssignments"])?)
            .query(&[("$filter", filter), ("$expand", "policy($expand=rules)".to_owned())]);
        let listed: Listed<Assignment> = op.all(call).await?;
        let limit = |assignment: Assignment| {
            let rule = assignment.policy.rules.into_iter().find(|rule| rule.id == RULE)?;
            let longest = rule
                .maximum_duration
                .filter(|_| rule.is_expiration_required == Some(true));
            Some(EligibilityLimit {
                access: assignment.role_definition_id,
                longest,
            })
        };
        Ok(op.readable(listed)?.into_iter().filter_map(limit).collect())
    }
}
