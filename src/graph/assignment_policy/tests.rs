use super::super::cloud::Cloud;
use super::writing::Writer;
use super::*;
use serde_json::json;

fn read(value: Value) -> AssignmentPolicy {
    serde_json::from_value(value).unwrap()
}

fn written(cloud: Cloud, fields: &PolicyBody) -> (Value, Vec<String>) {
    let mut writer = Writer {
        cloud,
        unknown: Vec::new(),
    };
    let body = writer.policy(&"p1".into(), fields);
    (body, writer.unknown)
}

/// The policy as it would be written, what was not read of it taken for none.
fn whole(policy: &AssignmentPolicy) -> PolicyBody {
    let fields = PolicyRead {
        questions: Read::Read(Vec::new()),
        custom_extension_stage_settings: Read::Read(Vec::new()),
        ..policy.fields.clone()
    };
    fields.body().unwrap()
}

fn full() -> AssignmentPolicy {
    read(json!({
        "id": "1", "displayName": "d", "description": null, "allowedTargetScope": "allMemberUsers",
        "createdDateTime": "2026-01-01T00:00:00Z", "automaticRequestSettings": null, "reviewSettings": null,
        "specificAllowedTargets": [], "notificationSettings": {"isAssignmentNotificationDisabled": true},
        "expiration": {"type": "afterDuration", "duration": "P90D", "endDateTime": null},
        "requestorSettings": {"enableTargetsToSelfAddAccess": true, "onBehalfRequestors": null},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": true, "isRequestorJustificationRequired": true,
            "stages": [{"durationBeforeAutomaticDenial": "P14D", "approverInformationVisibility": "default",
                "primaryApprovers": [{"@odata.type": "#microsoft.graph.requestorManager", "managerLevel": 1}]}]},
        "accessPackage": {"id": "p1"},
    }))
}

#[test]
fn a_policy_is_written_whole_with_nulls_and_empty_arrays() {
    let policy = full();
    assert_eq!(policy.access_package, Some("p1".into()));
    assert_eq!(policy.fields.questions, Read::Unread);
    assert_eq!(policy.fields.body(), None, "what was not read is not written as none");
    let (body, unknown) = written(Cloud::Global, &whole(&policy));
    assert!(unknown.is_empty());
    assert_eq!(body["reviewSettings"], Value::Null);
    assert!(body.as_object().unwrap().contains_key("automaticRequestSettings"));
    assert_eq!(body["questions"], json!([]));
    let stage = &body["requestApprovalSettings"]["stages"][0];
    assert_eq!(stage["fallbackEscalationApprovers"], json!([]));
    assert_eq!(stage["durationBeforeEscalation"], "PT0S");
    assert_eq!(
        stage["primaryApprovers"][0]["@odata.type"],
        "#microsoft.graph.requestorManager"
    );
    assert_eq!(
        body["requestorSettings"]["enableOnBehalfRequestorsToRemoveAccess"],
        false
    );
}

#[test]
fn what_a_national_cloud_does_not_declare_is_left_out() {
    let (body, _) = written(Cloud::China, &whole(&full()));
    assert_eq!(body.get("notificationSettings"), None);
    assert_eq!(
        body["requestApprovalSettings"].get("isRequestorJustificationRequired"),
        None
    );
    assert_eq!(
        body["requestApprovalSettings"]["stages"][0].get("approverInformationVisibility"),
        None
    );
}

#[test]
fn a_value_that_is_newer_than_us_is_never_written() {
    let mut fields = whole(&full());
    fields.specific_allowed_targets = vec![SubjectSet::Unknown {
        odata_type: "#microsoft.graph.new".to_owned(),
        raw: Value::Null,
    }];
    fields.allowed_target_scope = "allMartians".into();
    let (_, unknown) = written(Cloud::Global, &fields);
    assert_eq!(unknown.len(), 2, "{unknown:?}");
}
