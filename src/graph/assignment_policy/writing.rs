//! A policy as it is written: whole, and only what the cloud declares.

use serde_json::{Value, json};

use super::{
    super::{
        cloud::{Cloud, Feature},
        error::{GraphError, GraphErrorKind},
        extension::StageSetting,
        id::AccessPackageId,
        question::Question,
        review::{ReviewExpirationBehavior, ReviewSchedule, ReviewSettings},
        subject_set::SubjectSet,
        transport::Operation,
    },
    AllowedTargetScope, ApprovalSettings, ApprovalStage, AutomaticRequestSettings, Expiration, ExpirationKind,
    NotificationSettings, PolicyBody, RequestorSettings,
};

/// Writes subject sets, noting those that may not be written.
pub(super) struct Writer {
    pub(super) cloud: Cloud,
    pub(super) unknown: Vec<String>,
}

impl Writer {
    pub(super) fn sets(&mut self, field: &str, sets: &[SubjectSet]) -> Vec<Value> {
        let mut bodies = Vec::with_capacity(sets.len());
        for set in sets {
            match set.to_body() {
                Some(body) => bodies.push(body),
                None => self.unknown.push(format!("{field}: {set}")),
            }
        }
        bodies
    }

    pub(super) fn stage(&mut self, stage: &ApprovalStage) -> Value {
        let ApprovalStage {
            duration_before_automatic_denial,
            is_approver_justification_required,
            is_escalation_enabled,
            duration_before_escalation,
            primary_approvers,
            fallback_primary_approvers,
            escalation_approvers,
            fallback_escalation_approvers,
            approver_information_visibility,
        } = stage;
        let mut body = json!({
            "durationBeforeAutomaticDenial": duration_before_automatic_denial,
            "isApproverJustificationRequired": is_approver_justification_required,
            "isEscalationEnabled": is_escalation_enabled,
            // The service answers this where no escalation is set, and takes it in return.
            "durationBeforeEscalation": duration_before_escalation.as_deref().unwrap_or("PT0S"),
            "primaryApprovers": self.sets("primaryApprovers", primary_approvers),
            "fallbackPrimaryApprovers": self.sets("fallbackPrimaryApprovers", fallback_primary_approvers),
            "escalationApprovers": self.sets("escalationApprovers", escalation_approvers),
            "fallbackEscalationApprovers": self.sets("fallbackEscalationApprovers", fallback_escalation_approvers),
        });
        if let Some(visibility) = approver_information_visibility
            && self.cloud.has(Feature::ApproverInformationVisibility)
        {
            body["approverInformationVisibility"] = Value::from(visibility.as_str());
        }
        body
    }

    pub(super) fn policy(&mut self, package: &AccessPackageId, fields: &PolicyBody) -> Value {
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
        } = fields;
        if let AllowedTargetScope::Unknown(value) = allowed_target_scope {
            self.unknown.push(format!("allowedTargetScope: {value}"));
        }
        let mut body = json!({
            "displayName": display_name,
            "description": description,
            "allowedTargetScope": allowed_target_scope,
            "specificAllowedTargets": self.sets("specificAllowedTargets", specific_allowed_targets),
            "expiration": self.expiration("expiration", expiration),
            "requestorSettings": self.requestors(requestor_settings),
            "requestApprovalSettings": self.approval(request_approval_settings),
            "reviewSettings": review_settings.as_ref().map(|settings| self.review(settings)),
            "automaticRequestSettings": automatic_request_settings.as_ref().map(automatic),
            "questions": self.questions(questions),
            "customExtensionStageSettings": self.extensions(custom_extension_stage_settings),
            "accessPackage": {"id": package},
        });
        if self.cloud.has(Feature::NotificationSettings) {
            // None were read, none are sent: null.
            body["notificationSettings"] = notification_settings.map_or(Value::Null, notifications);
        }
        body
    }

    fn expiration(&mut self, field: &str, expiration: &Expiration) -> Value {
        let Expiration { kind, duration, end } = expiration;
        if let ExpirationKind::Unknown(value) = kind {
            self.unknown.push(format!("{field}.type: {value}"));
        }
        json!({"type": kind, "duration": duration, "endDateTime": end})
    }

    pub(super) fn questions(&mut self, questions: &[Question]) -> Vec<Value> {
        let mut bodies = Vec::with_capacity(questions.len());
        for question in questions {
            match question.to_body() {
                Some(body) => bodies.push(body),
                None => self.unknown.push(format!("questions: {:?}", question.text)),
            }
        }
        bodies
    }

    fn extensions(&mut self, settings: &[StageSetting]) -> Vec<Value> {
        let mut bodies = Vec::with_capacity(settings.len());
        for setting in settings {
            match setting.to_body() {
                Some(body) => bodies.push(body),
                None => self.unknown.push("customExtensionStageSettings".to_owned()),
            }
        }
        bodies
    }

    pub(super) fn requestors(&mut self, settings: &RequestorSettings) -> Value {
        let RequestorSettings {
            enable_targets_to_self_add_access,
            enable_targets_to_self_update_access,
            enable_targets_to_self_remove_access,
            allow_custom_assignment_schedule,
            enable_on_behalf_requestors_to_add_access,
            enable_on_behalf_requestors_to_update_access,
            enable_on_behalf_requestors_to_remove_access,
            on_behalf_requestors,
        } = settings;
        json!({
            "enableTargetsToSelfAddAccess": enable_targets_to_self_add_access,
            "enableTargetsToSelfUpdateAccess": enable_targets_to_self_update_access,
            "enableTargetsToSelfRemoveAccess": enable_targets_to_self_remove_access,
            "allowCustomAssignmentSchedule": allow_custom_assignment_schedule,
            "enableOnBehalfRequestorsToAddAccess": enable_on_behalf_requestors_to_add_access,
            "enableOnBehalfRequestorsToUpdateAccess": enable_on_behalf_requestors_to_update_access,
            "enableOnBehalfRequestorsToRemoveAccess": enable_on_behalf_requestors_to_remove_access,
            "onBehalfRequestors": self.sets("onBehalfRequestors", on_behalf_requestors),
        })
    }

    pub(super) fn review(&mut self, settings: &ReviewSettings) -> Value {
        let ReviewSettings {
            is_enabled,
            expiration_behavior,
            is_recommendation_enabled,
            is_reviewer_justification_required,
            is_self_review,
            schedule:
                ReviewSchedule {
                    start_date_time,
                    expiration,
                    recurrence,
                },
            primary_reviewers,
            fallback_reviewers,
        } = settings;
        if let ReviewExpirationBehavior::Unknown(value) = expiration_behavior {
            self.unknown.push(format!("reviewSettings.expirationBehavior: {value}"));
        }
        let mut schedule = json!({
            "expiration": self.expiration("reviewSettings.schedule.expiration", expiration),
            "recurrence": recurrence,
        });
        // The service begins now where nothing is said, and a series that has begun keeps its start.
        if let Some(start) = start_date_time {
            schedule["startDateTime"] = Value::from(start.as_str());
        }
        json!({
            "isEnabled": is_enabled,
            "expirationBehavior": expiration_behavior,
            "isRecommendationEnabled": is_recommendation_enabled,
            "isReviewerJustificationRequired": is_reviewer_justification_required,
            "isSelfReview": is_self_review,
            "schedule": schedule,
            "primaryReviewers": self.sets("primaryReviewers", primary_reviewers),
            "fallbackReviewers": self.sets("fallbackReviewers", fallback_reviewers),
        })
    }

    pub(super) fn approval(&mut self, settings: &ApprovalSettings) -> Value {
        let ApprovalSettings {
            is_approval_required_for_add,
            is_approval_required_for_update,
            is_requestor_justification_required,
            stages,
        } = settings;
        let mut body = json!({
            "isApprovalRequiredForAdd": is_approval_required_for_add,
            "isApprovalRequiredForUpdate": is_approval_required_for_update,
            "stages": stages.iter().map(|stage| self.stage(stage)).collect::<Vec<_>>(),
        });
        if let Some(required) = is_requestor_justification_required
            && self.cloud.has(Feature::RequestorJustification)
        {
            body["isRequestorJustificationRequired"] = Value::from(*required);
        }
        body
    }
}

fn automatic(settings: &AutomaticRequestSettings) -> Value {
    let AutomaticRequestSettings {
        request_access_for_allowed_targets,
        remove_access_when_target_leaves_allowed_targets,
        grace_period_before_access_removal,
    } = settings;
    json!({
        "requestAccessForAllowedTargets": request_access_for_allowed_targets,
        "removeAccessWhenTargetLeavesAllowedTargets": remove_access_when_target_leaves_allowed_targets,
        "gracePeriodBeforeAccessRemoval": grace_period_before_access_removal,
    })
}

fn notifications(settings: NotificationSettings) -> Value {
    let NotificationSettings {
        is_assignment_notification_disabled,
    } = settings;
    json!({"isAssignmentNotificationDisabled": is_assignment_notification_disabled})
}

/// The whole policy as Graph wants it. A value that this version does not know is refused instead of being sent back
/// or left out: both would change what it means.
pub(super) fn body(op: &Operation<'_>, package: &AccessPackageId, fields: &PolicyBody) -> Result<Value, GraphError> {
    let mut writer = Writer {
        cloud: op.graph.cloud(),
        unknown: Vec::new(),
    };
    let body = writer.policy(package, fields);
    if writer.unknown.is_empty() {
        Ok(body)
    } else {
        let unknown = writer.unknown.join("; ");
        Err(op.error(
            GraphErrorKind::BadRequest,
            format!("values that this version does not know are not written: {unknown}"),
        ))
    }
}
