//! Assignment policies and the strictness of the model.

use serde_json::{Value, json};

use crate::tenant::{ANN, EM, GROUP, Tenant, direct_policy};

async fn package(tenant: &Tenant) -> (String, String) {
    let catalog = tenant.catalog("Marketing").await;
    let package = tenant.package(&catalog, "Campaign").await;
    (catalog, package)
}

fn full(package: &str) -> Value {
    let stage = json!({"durationBeforeAutomaticDenial": "P14D", "isApproverJustificationRequired": true, "isEscalationEnabled": false,
        "durationBeforeEscalation": "PT0S", "primaryApprovers": [{"@odata.type": "#microsoft.graph.requestorManager", "managerLevel": 1}],
        "fallbackPrimaryApprovers": [{"@odata.type": "#microsoft.graph.groupMembers", "groupId": GROUP}],
        "escalationApprovers": [], "fallbackEscalationApprovers": []});
    let mut body = direct_policy(package, "Full");
    body["allowedTargetScope"] = json!("specificDirectoryUsers");
    body["specificAllowedTargets"] = json!([{"@odata.type": "#microsoft.graph.singleUser", "userId": ANN}]);
    body["requestApprovalSettings"] =
        json!({"isApprovalRequiredForAdd": true, "isApprovalRequiredForUpdate": false, "stages": [stage]});
    body["reviewSettings"] = json!({"isEnabled": true, "expirationBehavior": "removeAccess", "primaryReviewers": [], "fallbackReviewers": [],
        "schedule": {"expiration": {"duration": "P14D", "type": "afterDuration"},
            "recurrence": {"pattern": {"type": "absoluteMonthly", "interval": 3, "month": 0, "dayOfMonth": 0, "daysOfWeek": []},
                "range": {"type": "noEnd", "numberOfOccurrences": 0}}}});
    body["questions"] = json!([{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "text": "Why?", "isRequired": true, "sequence": 1}]);
    body
}

#[tokio::test]
async fn the_service_fills_in_what_was_not_sent_and_shows_nulls() {
    let tenant = Tenant::start().await;
    let (_, package) = package(&tenant).await;
    let made = tenant.post(&format!("{EM}/assignmentPolicies"), full(&package)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let policy = tenant.get(&format!("{EM}/assignmentPolicies/{}", made.id())).await.body;
    assert!(policy["automaticRequestSettings"].is_null() && policy.get("automaticRequestSettings").is_some());
    assert!(policy["reviewSettings"]["schedule"]["startDateTime"].is_string());
    assert_eq!(policy["reviewSettings"]["isRecommendationEnabled"], true);
    assert_eq!(policy["specificAllowedTargets"][0]["description"], "Ann O'Neil");
    assert_eq!(
        policy["expiration"],
        json!({"type": "noExpiration", "duration": null, "endDateTime": null})
    );
    assert!(policy["questions"][0]["id"].is_string());
    assert!(
        policy.get("accessPackage").is_none(),
        "navigation properties only when expanded"
    );
}

#[tokio::test]
async fn absent_settings_are_no_invalid_model_but_wrong_shapes_are() {
    let tenant = Tenant::start().await;
    let (_, package) = package(&tenant).await;
    let path = format!("{EM}/assignmentPolicies");
    let bare = json!({"displayName": "Bare", "accessPackage": {"id": package}});
    let made = tenant.post(&path, bare).await;
    assert_eq!((made.status, &made.body["specificAllowedTargets"]), (201, &json!([])));
    type Break = fn(&mut Value);
    let breaks: [(&str, Break); 12] = [
        ("a beta property", |body| body["canExtend"] = json!(true)),
        ("no @odata.type of a target", |body| {
            body["specificAllowedTargets"] = json!([{"userId": ANN}])
        }),
        ("an abstract @odata.type", |body| {
            body["specificAllowedTargets"] = json!([{"@odata.type": "#microsoft.graph.subjectSet"}])
        }),
        ("a type of another family", |body| {
            body["specificAllowedTargets"] = json!([{"@odata.type": "#microsoft.graph.domainIdentitySource"}]);
        }),
        ("a wrong enum member", |body| {
            body["allowedTargetScope"] = json!("everybody")
        }),
        ("a boolean as text", |body| {
            body["requestorSettings"]["enableTargetsToSelfAddAccess"] = json!("true")
        }),
        ("a Python duration", |body| {
            body["expiration"] = json!({"type": "afterDuration", "duration": "14 days, 0:00:00"});
        }),
        ("null for a list", |body| body["specificAllowedTargets"] = Value::Null),
        ("no duration where one is due", |body| {
            body["expiration"] = json!({"type": "afterDuration"})
        }),
        ("approval without a stage", |body| {
            body["requestApprovalSettings"]["isApprovalRequiredForAdd"] = json!(true)
        }),
        ("a question without @odata.type", |body| {
            body["questions"] = json!([{"text": "Why?"}])
        }),
        ("beta's question text", |body| {
            body["questions"] = json!([{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "text": {"defaultText": "Why?"}}]);
        }),
    ];
    for (what, break_it) in breaks {
        let mut body = direct_policy(&package, what);
        break_it(&mut body);
        let refused = tenant.post(&path, body).await;
        assert_eq!(
            (refused.status, refused.code(), refused.message()),
            (400, "InvalidModel", "The model is invalid."),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_put_replaces_the_whole_policy() {
    let tenant = Tenant::start().await;
    let (_, package) = package(&tenant).await;
    let made = tenant.post(&format!("{EM}/assignmentPolicies"), full(&package)).await;
    let one = format!("{EM}/assignmentPolicies/{}", made.id());
    let replaced = tenant.put(&one, direct_policy(&package, "Plain")).await;
    assert_eq!(replaced.status, 200);
    let policy = tenant
        .get(&format!("{one}?$expand=questions,accessPackage,catalog"))
        .await
        .body;
    assert_eq!(policy["displayName"], "Plain");
    assert!(policy["reviewSettings"].is_null());
    assert_eq!(policy["questions"], json!([]));
    assert_eq!(policy["createdDateTime"], made.body["createdDateTime"]);
    assert_eq!(policy["accessPackage"]["id"], package.as_str());
    let mut partial = direct_policy(&package, "Partial");
    partial.as_object_mut().unwrap().remove("requestorSettings");
    tenant.put(&one, partial).await.refused(400, "InvalidModel");
    let other = tenant.package(&tenant.catalog("Sales").await, "Other").await;
    tenant
        .put(&one, direct_policy(&other, "Moved"))
        .await
        .refused(400, "InvalidModel");
    assert_eq!(tenant.patch(&one, json!({"displayName": "x"})).await.status, 405);
}

#[tokio::test]
async fn a_policy_name_may_be_taken_twice() {
    let tenant = Tenant::start().await;
    let (_, package) = package(&tenant).await;
    let (one, other) = (
        tenant.policy(&package, "Same").await,
        tenant.policy(&package, "Same").await,
    );
    assert_ne!(one, other);
    let found = tenant
        .get(&format!(
            "{EM}/assignmentPolicies?$filter=displayName eq 'Same' and accessPackage/id eq '{package}'"
        ))
        .await;
    assert_eq!(found.values().len(), 2);
    let expanded = tenant
        .get(&format!(
            "{EM}/accessPackages?$filter=id eq '{package}'&$expand=assignmentPolicies($select=id,displayName)"
        ))
        .await;
    assert_eq!(expanded.values()[0]["assignmentPolicies"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn stage_settings_are_seen_only_when_expanded_and_hold_their_extension() {
    let tenant = Tenant::start().await;
    let (catalog, package) = package(&tenant).await;
    let set = format!("{EM}/catalogs/{catalog}/customWorkflowExtensions");
    let mut extension = json!({"@odata.type": "#microsoft.graph.accessPackageAssignmentRequestWorkflowExtension", "displayName": "Ticket",
        "endpointConfiguration": {"@odata.type": "#microsoft.graph.logicAppTriggerEndpointConfiguration", "subscriptionId": "38ab2ccc-3747-4567-b36b-9478f5602f0d",
            "resourceGroupName": "test", "logicAppWorkflowName": "ticket"},
        "authenticationConfiguration": {"@odata.type": "#microsoft.graph.azureAdPopTokenAuthentication"}});
    tenant.post(&set, extension.clone()).await.refused(400, "InvalidModel");
    extension["endpointConfiguration"]["url"] = json!("https://logic.example.com/trigger");
    let made = tenant.post(&set, extension).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let kind = "#microsoft.graph.accessPackageAssignmentRequestWorkflowExtension";
    let mut body = direct_policy(&package, "Extended");
    body["customExtensionStageSettings"] =
        json!([{"stage": "assignmentRequestCreated", "customExtension": {"@odata.type": kind, "id": made.id()}}]);
    let policy = tenant.post(&format!("{EM}/assignmentPolicies"), body.clone()).await;
    assert_eq!(policy.status, 201, "{}", policy.body);
    let one = format!("{EM}/assignmentPolicies/{}", policy.id());
    assert!(
        tenant
            .get(&one)
            .await
            .body
            .get("customExtensionStageSettings")
            .is_none()
    );
    let seen = tenant
        .get(&format!(
            "{one}?$expand=customExtensionStageSettings($expand=customExtension)"
        ))
        .await
        .body;
    assert_eq!(
        seen["customExtensionStageSettings"][0]["customExtension"]["id"],
        made.id().as_str()
    );
    assert_eq!(
        tenant.delete(&format!("{set}/{}", made.id())).await.status,
        400,
        "still used"
    );
    for method in ["PUT", "PATCH"] {
        let renamed = tenant
            .send(
                method,
                &format!("{set}/{}", made.id()),
                Some(&json!({"@odata.type": kind, "displayName": method})),
            )
            .await;
        assert_eq!((renamed.status, &renamed.body["displayName"]), (200, &json!(method)));
    }
    body["customExtensionStageSettings"] = json!([]);
    assert_eq!(tenant.put(&one, body).await.status, 200);
    assert_eq!(tenant.delete(&format!("{set}/{}", made.id())).await.status, 204);
}
