//! Assignment policies: who may request a package, who approves, for how long.

mod writing;

use serde::Deserialize;
use serde_json::Value;
use writing::body;

use super::access_package::id_of;
use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::extension::StageSetting;
use super::id::{AccessPackageId, PolicyId};
use super::question::Question;
use super::read::{Listed, Read};
use super::review::ReviewSettings;
use super::subject_set::SubjectSet;
use super::transport::{Graph, Removed};
use super::undeclared::undeclared;
use super::wire::{null_as_default, string_enum};
use super::{READ, WRITE};

string_enum! {
    /// Who may be given the package through the policy.
    AllowedTargetScope, Unknown {
        /// Nobody by request: direct assignment only.
        NotSpecified = "notSpecified",
        /// The users and groups of `specific_allowed_targets`.
        SpecificDirectoryUsers = "specificDirectoryUsers",
        /// The people of the connected organizations of `specific_allowed_targets`.
        SpecificConnectedOrganizationUsers = "specificConnectedOrganizationUsers",
        /// The service principals of `specific_allowed_targets`.
        SpecificDirectoryServicePrincipals = "specificDirectoryServicePrincipals",
        /// Every member of the tenant, guests excluded.
        AllMemberUsers = "allMemberUsers",
        /// Everyone in the directory, guests included.
        AllDirectoryUsers = "allDirectoryUsers",
        /// Every service principal.
        AllDirectoryServicePrincipals = "allDirectoryServicePrincipals",
        /// The people of every configured connected organization.
        AllConfiguredConnectedOrganizationUsers = "allConfiguredConnectedOrganizationUsers",
        /// Anyone outside the tenant.
        AllExternalUsers = "allExternalUsers",
        /// Every agent identity.
        AllDirectoryAgentIdentities = "allDirectoryAgentIdentities",
    }
}

string_enum! {
    /// How an assignment ends.
    ExpirationKind, Unknown {
        /// The service decides.
        NotSpecified = "notSpecified",
        /// Never.
        NoExpiration = "noExpiration",
        /// At a point in time.
        AfterDateTime = "afterDateTime",
        /// After a time.
        AfterDuration = "afterDuration",
    }
}

/// A policy as Graph answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignmentPolicy {
    /// Its id.
    pub id: PolicyId,
    /// When it was made (RFC 3339).
    pub created: Option<String>,
    /// When it was last changed (RFC 3339): what was left out of a read is known as of then.
    pub modified: Option<String>,
    /// Its package, where that was read.
    pub access_package: Option<AccessPackageId>,
    /// Everything that can be written.
    pub fields: PolicyRead,
    /// The whole answer, where the policy was read by itself: what closes a policy changes nothing else of it, known to
    /// this version or not.
    pub whole: Option<Box<Value>>,
}

impl<'de> Deserialize<'de> for AssignmentPolicy {
    /// Reads what this version knows, and notes what else there is.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            id: PolicyId,
            #[serde(default, rename = "createdDateTime")]
            created: Option<String>,
            #[serde(default, rename = "modifiedDateTime")]
            modified: Option<String>,
            #[serde(default, rename = "accessPackage", deserialize_with = "id_of")]
            access_package: Option<AccessPackageId>,
        }
        let answer = Value::deserialize(deserializer)?;
        let invalid = serde::de::Error::custom::<serde_json::Error>;
        let Wire {
            id,
            created,
            modified,
            access_package,
        } = Wire::deserialize(&answer).map_err(invalid)?;
        let mut fields = PolicyRead::deserialize(&answer).map_err(invalid)?;
        fields.undeclared = undeclared(&answer);
        Ok(Self {
            id,
            created,
            modified,
            access_package,
            fields,
            whole: None,
        })
    }
}

/// What was read of a policy, of all that v1.0 lets a client write.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRead {
    /// Its name; not unique.
    #[serde(default, deserialize_with = "null_as_default")]
    pub display_name: String,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// Who may be given the package.
    #[serde(default = "not_specified", deserialize_with = "scope_or_not_specified")]
    pub allowed_target_scope: AllowedTargetScope,
    /// The targets of the scopes that name them.
    #[serde(default, deserialize_with = "null_as_default")]
    pub specific_allowed_targets: Vec<SubjectSet>,
    /// How an assignment ends.
    #[serde(default, deserialize_with = "null_as_default")]
    pub expiration: Expiration,
    /// Who may ask for what.
    #[serde(default, deserialize_with = "null_as_default")]
    pub requestor_settings: RequestorSettings,
    /// Who approves.
    #[serde(default, deserialize_with = "null_as_default")]
    pub request_approval_settings: ApprovalSettings,
    /// Access reviews; `None` is none.
    #[serde(default)]
    pub review_settings: Option<ReviewSettings>,
    /// Automatic assignment; `None` makes the policy one that is requested.
    #[serde(default)]
    pub automatic_request_settings: Option<AutomaticRequestSettings>,
    /// Notifications; only where the cloud has them.
    #[serde(default)]
    pub notification_settings: Option<NotificationSettings>,
    /// Questions to the requestor.
    #[serde(default)]
    pub questions: Read<Vec<Question>>,
    /// Workflow extensions by stage.
    #[serde(default)]
    pub custom_extension_stage_settings: Read<Vec<StageSetting>>,
    /// What the answer has beside these, as paths: a write would lose it.
    #[serde(skip)]
    pub undeclared: Vec<String>,
}

impl PolicyRead {
    /// Nothing but its name was read.
    pub(super) fn unread(display_name: String) -> Self {
        Self {
            display_name,
            description: None,
            allowed_target_scope: not_specified(),
            specific_allowed_targets: Vec::new(),
            expiration: Expiration::default(),
            requestor_settings: RequestorSettings::default(),
            request_approval_settings: ApprovalSettings::default(),
            review_settings: None,
            automatic_request_settings: None,
            notification_settings: None,
            questions: Read::Unread,
            custom_extension_stage_settings: Read::Unread,
            undeclared: Vec::new(),
        }
    }
}

/// A policy as it is written: whole, and nothing in it unread.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyBody {
    /// Its name; not unique.
    pub display_name: String,
    /// Its description.
    pub description: Option<String>,
    /// Who may be given the package.
    pub allowed_target_scope: AllowedTargetScope,
    /// The targets of the scopes that name them.
    pub specific_allowed_targets: Vec<SubjectSet>,
    /// How an assignment ends.
    pub expiration: Expiration,
    /// Who may ask for what.
    pub requestor_settings: RequestorSettings,
    /// Who approves.
    pub request_approval_settings: ApprovalSettings,
    /// Access reviews; `None` is none.
    pub review_settings: Option<ReviewSettings>,
    /// Automatic assignment; `None` makes the policy one that is requested.
    pub automatic_request_settings: Option<AutomaticRequestSettings>,
    /// Notifications; only where the cloud has them.
    pub notification_settings: Option<NotificationSettings>,
    /// Questions to the requestor.
    pub questions: Vec<Question>,
    /// Workflow extensions by stage.
    pub custom_extension_stage_settings: Vec<StageSetting>,
}

/// How an assignment ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expiration {
    /// The kind.
    #[serde(rename = "type")]
    pub kind: ExpirationKind,
    /// For `AfterDuration`: ISO 8601, such as `P90D`.
    #[serde(default)]
    pub duration: Option<String>,
    /// For `AfterDateTime`: RFC 3339.
    #[serde(default, rename = "endDateTime")]
    pub end: Option<String>,
}

impl Default for Expiration {
    fn default() -> Self {
        Self {
            kind: ExpirationKind::NotSpecified,
            duration: None,
            end: None,
        }
    }
}

/// Who may ask for what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestorSettings {
    /// Targets may request the package for themselves.
    #[serde(default, deserialize_with = "null_as_default")]
    pub enable_targets_to_self_add_access: bool,
    /// Targets may extend their assignment.
    #[serde(default, deserialize_with = "null_as_default")]
    pub enable_targets_to_self_update_access: bool,
    /// Targets may give their assignment up.
    #[serde(default, deserialize_with = "null_as_default")]
    pub enable_targets_to_self_remove_access: bool,
    /// Requestors may choose their own dates.
    #[serde(default, deserialize_with = "null_as_default")]
    pub allow_custom_assignment_schedule: bool,
    /// The on-behalf requestors may request the package for others.
    #[serde(default, deserialize_with = "null_as_default")]
    pub enable_on_behalf_requestors_to_add_access: bool,
    /// The on-behalf requestors may extend others' assignments.
    #[serde(default, deserialize_with = "null_as_default")]
    pub enable_on_behalf_requestors_to_update_access: bool,
    /// The on-behalf requestors may end others' assignments.
    #[serde(default, deserialize_with = "null_as_default")]
    pub enable_on_behalf_requestors_to_remove_access: bool,
    /// Who may act for others.
    #[serde(default, deserialize_with = "null_as_default")]
    pub on_behalf_requestors: Vec<SubjectSet>,
}

/// A rule that assigns by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutomaticRequestSettings {
    /// Whoever is an allowed target is given the package. What does not say that it does not, does.
    #[serde(default)]
    pub request_access_for_allowed_targets: Option<bool>,
    /// Whoever is no allowed target any more loses it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub remove_access_when_target_leaves_allowed_targets: bool,
    /// How long after that: ISO 8601, such as `P7D`.
    #[serde(default)]
    pub grace_period_before_access_removal: Option<String>,
}

impl AutomaticRequestSettings {
    /// Whether it assigns.
    #[must_use]
    pub fn assigns(&self) -> bool {
        self.request_access_for_allowed_targets != Some(false)
    }
}

/// Mails about assignments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationSettings {
    /// Nobody is told of an assignment.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_assignment_notification_disabled: bool,
}

/// Who approves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalSettings {
    /// New requests need approval.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_approval_required_for_add: bool,
    /// Extensions need approval.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_approval_required_for_update: bool,
    /// Requestors must say why; `None` where the cloud has no such property.
    #[serde(default)]
    pub is_requestor_justification_required: Option<bool>,
    /// The stages, in order; 1 to 3 where approval is required.
    #[serde(default, deserialize_with = "null_as_default")]
    pub stages: Vec<ApprovalStage>,
}

/// One stage of an approval; one approver suffices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalStage {
    /// When an undecided request is denied: ISO 8601, such as `P14D`.
    #[serde(default)]
    pub duration_before_automatic_denial: Option<String>,
    /// Approvers must say why.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_approver_justification_required: bool,
    /// An undecided request goes to the escalation approvers as well.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_escalation_enabled: bool,
    /// When it does: ISO 8601.
    #[serde(default)]
    pub duration_before_escalation: Option<String>,
    /// Who approves.
    #[serde(default, deserialize_with = "null_as_default")]
    pub primary_approvers: Vec<SubjectSet>,
    /// Who approves where the primary approvers cannot be found.
    #[serde(default, deserialize_with = "null_as_default")]
    pub fallback_primary_approvers: Vec<SubjectSet>,
    /// Who approves after the escalation.
    #[serde(default, deserialize_with = "null_as_default")]
    pub escalation_approvers: Vec<SubjectSet>,
    /// Who approves where the escalation approvers cannot be found.
    #[serde(default, deserialize_with = "null_as_default")]
    pub fallback_escalation_approvers: Vec<SubjectSet>,
    /// Whether requestors see the approvers: `default`, `visible`, `notVisible`; `None` where the cloud has no such
    /// property.
    #[serde(default)]
    pub approver_information_visibility: Option<String>,
}

fn not_specified() -> AllowedTargetScope {
    AllowedTargetScope::NotSpecified
}

fn scope_or_not_specified<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<AllowedTargetScope, D::Error> {
    Ok(Option::<AllowedTargetScope>::deserialize(deserializer)?.unwrap_or(AllowedTargetScope::NotSpecified))
}

impl PolicyRead {
    /// What was read, as it would be written; `None` where a part of it is not known, so that writing it would take that
    /// part away.
    #[must_use]
    pub fn body(&self) -> Option<PolicyBody> {
        let Self {
            display_name,
            description,
            allowed_target_scope,
            specific_allowed_targets,
            expiration,
            requestor_settings,
            request_approval_settings,
            review_settings,
            automatic_request_settings,
            notification_settings,
            questions,
            custom_extension_stage_settings,
            undeclared,
        } = self.clone();
        let (Read::Read(questions), Read::Read(custom_extension_stage_settings)) =
            (questions, custom_extension_stage_settings)
        else {
            return None;
        };
        undeclared.is_empty().then_some(PolicyBody {
            display_name,
            description,
            allowed_target_scope,
            specific_allowed_targets,
            expiration,
            requestor_settings,
            request_approval_settings,
            review_settings,
            automatic_request_settings,
            notification_settings,
            questions,
            custom_extension_stage_settings,
        })
    }
}

impl From<PolicyBody> for PolicyRead {
    /// What Entra has after this was written.
    fn from(body: PolicyBody) -> Self {
        let PolicyBody {
            display_name,
            description,
            allowed_target_scope,
            specific_allowed_targets,
            expiration,
            requestor_settings,
            request_approval_settings,
            review_settings,
            automatic_request_settings,
            notification_settings,
            questions,
            custom_extension_stage_settings,
        } = body;
        Self {
            display_name,
            description,
            allowed_target_scope,
            specific_allowed_targets,
            expiration,
            requestor_settings,
            request_approval_settings,
            review_settings,
            automatic_request_settings,
            notification_settings,
            questions: Read::Read(questions),
            custom_extension_stage_settings: Read::Read(custom_extension_stage_settings),
            undeclared: Vec::new(),
        }
    }
}

impl Graph {
    /// A package's policies; `None` only where Graph says 404 of the package. Questions and workflow extensions may be
    /// left unread. `GET accessPackages/{id}?$expand=assignmentPolicies`, which callers with catalog roles may do too;
    /// EntitlementManagement.Read.All or a role on the catalog. A policy that was just made may be missing for some
    /// seconds.
    ///
    /// # Errors
    ///
    /// `InvalidResponse` where the package is answered without its policies: unknown is not none.
    pub async fn list_assignment_policies(
        &self,
        package: &AccessPackageId,
    ) -> Result<Option<Listed<AssignmentPolicy>>, GraphError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Expanded {
            #[serde(default)]
            assignment_policies: Read<Listed<AssignmentPolicy>>,
            #[serde(default, rename = "assignmentPolicies@odata.nextLink")]
            more: Option<String>,
        }
        let op = self.operation("assignmentPolicies.list", READ);
        let call = Call::get(op.entitlement(&["accessPackages", package.as_str()])?)
            .query(&[("$expand", "assignmentPolicies".to_owned())]);
        let Some(Expanded {
            assignment_policies,
            more,
        }) = op.read_existing(&call).await?
        else {
            return Ok(None);
        };
        let Read::Read(mut policies) = assignment_policies else {
            return Err(op.error(
                GraphErrorKind::InvalidResponse,
                "the package was answered without its policies",
            ));
        };
        op.rest(more, &mut policies).await?;
        for policy in &mut policies.elements {
            policy.access_package.get_or_insert_with(|| package.clone());
        }
        Ok(Some(policies))
    }

    /// One policy, whole; `None` only where Graph says 404. What the answer has beside what this version knows is named
    /// in `undeclared`.
    /// `GET assignmentPolicies/{id}?$expand=accessPackage,questions,customExtensionStageSettings($expand=customExtension)`;
    /// EntitlementManagement.Read.All or a role on the catalog.
    ///
    /// # Errors
    ///
    /// `Forbidden` may mean that the policy is gone, for a caller with catalog roles only: the package's list tells.
    /// `InvalidResponse` where the policy is there and cannot be read.
    pub async fn get_assignment_policy(&self, id: &PolicyId) -> Result<Option<AssignmentPolicy>, GraphError> {
        let Some(whole) = self.read_policy_whole(id).await? else {
            return Ok(None);
        };
        let mut policy = AssignmentPolicy::deserialize(&whole).map_err(|why| {
            GraphError::new(
                GraphErrorKind::InvalidResponse,
                "assignmentPolicies.get",
                format!("the policy cannot be read: {why}"),
            )
        })?;
        policy.whole = Some(Box::new(whole));
        Ok(Some(policy))
    }

    /// Makes a policy. `POST assignmentPolicies`; EntitlementManagement.ReadWrite.All or Access package manager. Not
    /// repeatable: names are not unique.
    ///
    /// # Errors
    ///
    /// `Conflict` with `DuplicateKey` where policies are made at the same time, on whichever packages: look, then try
    /// again. `OutcomeUnknown` where the answer was lost: look. `BadRequest` with `InvalidModel` for a body that the
    /// service does not take, and before sending for values that this version does not know.
    pub async fn create_assignment_policy(
        &self,
        package: &AccessPackageId,
        fields: &PolicyBody,
    ) -> Result<AssignmentPolicy, GraphError> {
        let op = self.operation("assignmentPolicies.create", WRITE);
        let body = body(&op, package, fields)?;
        let mut made: AssignmentPolicy = op
            .read(&Call::create(op.entitlement(&["assignmentPolicies"])?, body))
            .await?;
        made.access_package.get_or_insert_with(|| package.clone());
        Ok(made)
    }

    /// Replaces a policy whole: what `fields` does not have is taken away. `PUT assignmentPolicies/{id}`;
    /// EntitlementManagement.ReadWrite.All or Access package manager. Repeatable.
    ///
    /// # Errors
    ///
    /// As [`Graph::create_assignment_policy`], but never `OutcomeUnknown`.
    pub async fn replace_assignment_policy(
        &self,
        id: &PolicyId,
        package: &AccessPackageId,
        fields: &PolicyBody,
    ) -> Result<(), GraphError> {
        let op = self.operation("assignmentPolicies.replace", WRITE);
        let mut body = body(&op, package, fields)?;
        body["id"] = Value::from(id.as_str());
        op.write(&Call::put(op.entitlement(&["assignmentPolicies", id.as_str()])?, body))
            .await
    }

    /// Removes a policy. `DELETE assignmentPolicies/{id}`; EntitlementManagement.ReadWrite.All or Access package manager.
    /// Repeatable.
    ///
    /// # Errors
    ///
    /// A 4xx while assignments or requests through it exist.
    pub async fn delete_assignment_policy(&self, id: &PolicyId) -> Result<Removed, GraphError> {
        let op = self.operation("assignmentPolicies.delete", WRITE);
        op.remove(&Call::delete(op.entitlement(&["assignmentPolicies", id.as_str()])?))
            .await
    }
}

#[cfg(test)]
mod tests;
