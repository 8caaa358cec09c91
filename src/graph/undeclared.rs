//! What a policy's answer has beside what this version's model declares: a write built from the model would lose it.

use serde_json::{Map, Value};

use super::{extension::StageSetting, question::Question, subject_set::SubjectSet};

/// The kind that a stage is of where it does not say; anything else has settings of its own.
const STAGE: &str = "#microsoft.graph.accessPackageApprovalStage";

/// What v1.0 lets a client write of a policy. The recurrence of reviews is kept in Graph's own shape, so nothing within it is
/// lost.
const POLICY: &[&str] = &[
    "displayName",
    "description",
    "allowedTargetScope",
    "specificAllowedTargets",
    "expiration",
    "requestorSettings",
    "requestApprovalSettings",
    "reviewSettings",
    "automaticRequestSettings",
    "notificationSettings",
    "questions",
    "customExtensionStageSettings",
];
/// What the service alone writes.
const READ_ONLY: &[&str] = &["id", "createdDateTime", "modifiedDateTime", "accessPackage", "catalog"];
const EXPIRATION: &[&str] = &["type", "duration", "endDateTime"];
const REQUESTORS: &[&str] = &[
    "enableTargetsToSelfAddAccess",
    "enableTargetsToSelfUpdateAccess",
    "enableTargetsToSelfRemoveAccess",
    "allowCustomAssignmentSchedule",
    "enableOnBehalfRequestorsToAddAccess",
    "enableOnBehalfRequestorsToUpdateAccess",
    "enableOnBehalfRequestorsToRemoveAccess",
    "onBehalfRequestors",
];
const APPROVAL: &[&str] = &[
    "isApprovalRequiredForAdd",
    "isApprovalRequiredForUpdate",
    "isRequestorJustificationRequired",
    "stages",
];
const STAGE_SETTINGS: &[&str] = &[
    "durationBeforeAutomaticDenial",
    "isApproverJustificationRequired",
    "isEscalationEnabled",
    "durationBeforeEscalation",
    "approverInformationVisibility",
];
const REVIEW: &[&str] = &[
    "isEnabled",
    "expirationBehavior",
    "isRecommendationEnabled",
    "isReviewerJustificationRequired",
    "isSelfReview",
    "schedule",
];
const REVIEWERS: &[&str] = &["primaryReviewers", "fallbackReviewers"];
const SCHEDULE: &[&str] = &["startDateTime", "expiration", "recurrence"];
const QUESTION: &[&str] = &[
    "id",
    "isRequired",
    "isAnswerEditable",
    "sequence",
    "text",
    "localizations",
];
const CHOICE: &[&str] = &["actualValue", "text", "localizations"];
const STAGE_SETTING: &[&str] = &["id", "stage", "customExtension"];
const LOCALIZATION: &[&str] = &["languageCode", "text"];
const AUTOMATIC: &[&str] = &[
    "requestAccessForAllowedTargets",
    "removeAccessWhenTargetLeavesAllowedTargets",
    "gracePeriodBeforeAccessRemoval",
];
const NOTIFICATIONS: &[&str] = &["isAssignmentNotificationDisabled"];
const APPROVERS: &[&str] = &[
    "primaryApprovers",
    "fallbackPrimaryApprovers",
    "escalationApprovers",
    "fallbackEscalationApprovers",
];

/// The paths, in the order of the answer; annotations and nulls are nothing.
pub(super) fn undeclared(policy: &Value) -> Vec<String> {
    let mut found = Found::default();
    found.properties("", policy, &[POLICY, READ_ONLY]);
    found.sets("specificAllowedTargets", policy.get("specificAllowedTargets"));
    if let Some(expiration) = policy.get("expiration") {
        found.properties("expiration", expiration, &[EXPIRATION]);
    }
    if let Some(requestors) = policy.get("requestorSettings") {
        found.properties("requestorSettings", requestors, &[REQUESTORS]);
        found.sets(
            "requestorSettings.onBehalfRequestors",
            requestors.get("onBehalfRequestors"),
        );
    }
    if let Some(approval) = policy.get("requestApprovalSettings") {
        found.properties("requestApprovalSettings", approval, &[APPROVAL]);
        let stages = approval.get("stages").and_then(Value::as_array);
        for (index, stage) in stages.into_iter().flatten().enumerate() {
            found.stage(&format!("requestApprovalSettings.stages[{index}]"), stage);
        }
    }
    if let Some(review) = policy.get("reviewSettings") {
        found.properties("reviewSettings", review, &[REVIEW, REVIEWERS]);
        for name in REVIEWERS {
            found.sets(&format!("reviewSettings.{name}"), review.get(name));
        }
        if let Some(schedule) = review.get("schedule") {
            found.properties("reviewSettings.schedule", schedule, &[SCHEDULE]);
            if let Some(expiration) = schedule.get("expiration") {
                found.properties("reviewSettings.schedule.expiration", expiration, &[EXPIRATION]);
            }
        }
    }
    let questions = policy.get("questions").and_then(Value::as_array);
    for (index, question) in questions.into_iter().flatten().enumerate() {
        found.question(&format!("questions[{index}]"), question);
    }
    let extensions = policy.get("customExtensionStageSettings").and_then(Value::as_array);
    for (index, setting) in extensions.into_iter().flatten().enumerate() {
        found.stage_setting(&format!("customExtensionStageSettings[{index}]"), setting);
    }
    for (name, declared) in [
        ("automaticRequestSettings", AUTOMATIC),
        ("notificationSettings", NOTIFICATIONS),
    ] {
        if let Some(settings) = policy.get(name) {
            found.properties(name, settings, &[declared]);
        }
    }
    found.paths
}

#[derive(Default)]
struct Found {
    paths: Vec<String>,
}

impl Found {
    fn properties(&mut self, at: &str, value: &Value, declared: &[&[&str]]) {
        for (name, value) in value.as_object().into_iter().flat_map(Map::iter) {
            let is_declared = declared.iter().any(|names| names.contains(&name.as_str()));
            if !is_declared && !value.is_null() && !name.contains('@') {
                let dot = if at.is_empty() { "" } else { "." };
                self.paths.push(format!("{at}{dot}{name}"));
            }
        }
    }

    fn stage(&mut self, at: &str, stage: &Value) {
        let kind = stage.get("@odata.type").and_then(Value::as_str).unwrap_or(STAGE);
        if kind != STAGE {
            self.paths.push(format!("{at} ({kind})"));
        }
        self.properties(at, stage, &[STAGE_SETTINGS, APPROVERS]);
        for name in APPROVERS {
            self.sets(&format!("{at}.{name}"), stage.get(name));
        }
    }

    fn question(&mut self, at: &str, question: &Value) {
        let kind = question
            .get("@odata.type")
            .and_then(Value::as_str)
            .unwrap_or("of no kind");
        let Some(own) = Question::declared(kind) else {
            self.paths.push(format!("{at} ({kind})"));
            return;
        };
        self.properties(at, question, &[QUESTION, own]);
        self.translations(at, question);
        let choices = question.get("choices").and_then(Value::as_array);
        for (index, choice) in choices.into_iter().flatten().enumerate() {
            let at = format!("{at}.choices[{index}]");
            self.properties(&at, choice, &[CHOICE]);
            self.translations(&at, choice);
        }
    }

    fn stage_setting(&mut self, at: &str, setting: &Value) {
        self.properties(at, setting, &[STAGE_SETTING]);
        if let StageSetting::Unknown { raw: _ } = StageSetting::of(setting) {
            let stage = setting.get("stage").and_then(Value::as_str).unwrap_or("no stage");
            self.paths.push(format!("{at} ({stage})"));
        }
    }

    fn translations(&mut self, at: &str, of: &Value) {
        let texts = of.get("localizations").and_then(Value::as_array);
        for (index, text) in texts.into_iter().flatten().enumerate() {
            self.properties(&format!("{at}.localizations[{index}]"), text, &[LOCALIZATION]);
        }
    }

    fn sets(&mut self, at: &str, sets: Option<&Value>) {
        for (index, value) in sets.and_then(Value::as_array).into_iter().flatten().enumerate() {
            let at = format!("{at}[{index}]");
            match SubjectSet::of(value) {
                SubjectSet::Unknown { odata_type, .. } => self.paths.push(format!("{at} ({odata_type})")),
                known => {
                    let own = known.property();
                    // What a set is called is for people to read; the service ignores it.
                    self.properties(&at, value, &[&["description"], own.as_slice()]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_v1_0_declares_is_no_surprise() {
        let policy = json!({
            "@odata.context": "x", "id": "1", "createdDateTime": "x", "modifiedDateTime": "x", "catalog": {"id": "c"},
            "accessPackage": {"id": "p", "isRoleScopesVisible": true}, "displayName": "d", "newerAndNull": null,
            "specificAllowedTargets": [
                {"@odata.type": "#microsoft.graph.singleUser", "userId": "u", "description": "Ann"},
                {"@odata.type": "#microsoft.graph.targetApplicationOwners"},
            ],
            "reviewSettings": {"isEnabled": true, "schedule": {"recurrence": {"aNewSetting": 1}}},
            "automaticRequestSettings": {"gracePeriodBeforeAccessRemoval": "P7D"},
            "questions": [{"@odata.type": "#microsoft.graph.accessPackageMultipleChoiceQuestion", "id": "q", "text": "Why?",
                "choices": [{"actualValue": "a", "text": "A", "localizations": [{"languageCode": "de", "text": "A"}]}]}],
            "requestApprovalSettings": {"stages": [{"primaryApprovers@odata.type": "x", "primaryApprovers":
                [{"@odata.type": "#microsoft.graph.requestorManager", "managerLevel": 1}]}]},
        });
        assert_eq!(undeclared(&policy), Vec::<String>::new());
    }

    #[test]
    fn what_a_write_would_lose_is_named_at_any_depth() {
        let policy = json!({
            "verifiableCredentialSettings": {},
            "specificAllowedTargets": [{"@odata.type": "#microsoft.graph.aNewKind"},
                {"@odata.type": "#microsoft.graph.groupMembers"}],
            "expiration": {"type": "noExpiration", "grace": "P1D"},
            "requestorSettings": {"enableMagic": false, "onBehalfRequestors":
                [{"@odata.type": "#microsoft.graph.singleUser", "userId": "u", "isBackup": true}]},
            "reviewSettings": {"isMagic": true, "primaryReviewers": [{"@odata.type": "#microsoft.graph.aNewKind"}],
                "schedule": {"pause": "P1D"}},
            "automaticRequestSettings": {"limit": 5000},
            "customExtensionStageSettings": [
                {"stage": "assignmentRequestCreated", "retries": 3, "customExtension": {"id": "e", "displayName": "Ticket"}},
                {"stage": "assignmentForgotten", "customExtension": {"id": "e"}}],
            "questions": [{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "isMagic": true,
                "localizations": [{"languageCode": "de", "tone": "kind"}]},
                {"@odata.type": "#microsoft.graph.aNewKind"}],
            "requestApprovalSettings": {"isMagic": true, "stages": [
                {"@odata.type": "#microsoft.graph.accessPackageDynamicApprovalStage", "customExtension": {"id": "x"},
                    "escalationApprovers": [{"@odata.type": "#microsoft.graph.aNewKind", "x": 1}]}]},
        });
        assert_eq!(
            undeclared(&policy),
            [
                "verifiableCredentialSettings",
                "specificAllowedTargets[0] (#microsoft.graph.aNewKind)",
                "specificAllowedTargets[1] (#microsoft.graph.groupMembers)",
                "expiration.grace",
                "requestorSettings.enableMagic",
                "requestorSettings.onBehalfRequestors[0].isBackup",
                "requestApprovalSettings.isMagic",
                "requestApprovalSettings.stages[0] (#microsoft.graph.accessPackageDynamicApprovalStage)",
                "requestApprovalSettings.stages[0].customExtension",
                "requestApprovalSettings.stages[0].escalationApprovers[0] (#microsoft.graph.aNewKind)",
                "reviewSettings.isMagic",
                "reviewSettings.primaryReviewers[0] (#microsoft.graph.aNewKind)",
                "reviewSettings.schedule.pause",
                "questions[0].isMagic",
                "questions[0].localizations[0].tone",
                "questions[1] (#microsoft.graph.aNewKind)",
                "customExtensionStageSettings[0].retries",
                "customExtensionStageSettings[1] (assignmentForgotten)",
                "automaticRequestSettings.limit",
            ]
        );
    }
}
