//! Assignments: asked for, delivered into the directory, taken out again.

use serde_json::{Value, json};

use crate::tenant::{ABSENT, ANN, BOB, CRM, CRM_ROLE, EM, GROUP, SITE, Tenant, direct_policy};

struct Offer {
    tenant: Tenant,
    catalog: String,
    package: String,
    policy: String,
}

async fn offer() -> Offer {
    let tenant = Tenant::with_quirk("deliveryDelay=50").await;
    let catalog = tenant.catalog("Marketing").await;
    let package = tenant.package(&catalog, "Campaign").await;
    let policy = tenant.policy(&package, "Direct").await;
    Offer {
        tenant,
        catalog,
        package,
        policy,
    }
}

fn members(state: &Value) -> Vec<&str> {
    let groups = state["directory"]["groups"].as_array().unwrap();
    let group = groups.iter().find(|group| group["id"] == GROUP).unwrap();
    group["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_delivered_assignment_puts_the_user_into_the_roles_and_its_end_takes_them_out() {
    let Offer {
        tenant,
        catalog,
        package,
        policy,
    } = offer().await;
    let group = tenant.resource(&catalog, "AadGroup", GROUP).await;
    let crm = tenant.resource(&catalog, "AadApplication", CRM).await;
    let site = tenant.resource(&catalog, "SharePointOnline", SITE).await;
    for resource in [&group, &crm] {
        assert_eq!(tenant.role_scope(&package, resource, 0).await.status, 201);
    }
    let asked = tenant.assign(&package, &policy, ANN).await;
    assert_eq!((asked.status, &asked.body["state"]), (201, &json!("submitted")));
    let done = tenant.delivered(&asked.id()).await;
    assert!(done["completedDateTime"].is_string());
    let state = tenant.running.state();
    assert_eq!(members(&state), [BOB, ANN]);
    assert_eq!(
        state["directory"]["appRoles"],
        json!([{"servicePrincipalId": CRM, "appRoleId": CRM_ROLE, "principalId": ANN}])
    );
    assert_eq!(tenant.role_scope(&package, &site, 0).await.status, 201);
    assert_eq!(
        tenant.running.state()["directory"]["siteRoles"],
        json!([{"webUrl": SITE, "roleOriginId": "4", "principalId": ANN}]),
        "a new role reaches those who hold the package"
    );

    let assignment = done["assignment"]["id"].as_str().unwrap();
    let removal = json!({"requestType": "adminRemove", "assignment": {"id": assignment}});
    let removal = tenant.post(&format!("{EM}/assignmentRequests"), removal).await;
    tenant.delivered(&removal.id()).await;
    let state = tenant.running.state();
    assert_eq!(members(&state), [BOB]);
    assert_eq!(state["directory"]["appRoles"], json!([]));
    let ended = tenant.get(&format!("{EM}/assignments/{assignment}")).await.body;
    assert_eq!(ended["state"], "expired");
    assert!(ended["expiredDateTime"].is_string());
}

#[tokio::test]
async fn somebody_who_was_in_the_group_before_loses_it_with_the_assignment() {
    let Offer {
        tenant,
        catalog,
        package,
        policy,
    } = offer().await;
    let group = tenant.resource(&catalog, "AadGroup", GROUP).await;
    let role_scope = tenant.role_scope(&package, &group, 0).await.id();
    tenant
        .delivered(&tenant.assign(&package, &policy, BOB).await.id())
        .await;
    tenant
        .delete(&format!(
            "{EM}/accessPackages/{package}/resourceRoleScopes/{role_scope}"
        ))
        .await;
    assert!(members(&tenant.running.state()).is_empty());
}

#[tokio::test]
async fn a_package_and_a_policy_with_assignments_are_not_deleted() {
    let Offer {
        tenant,
        package,
        policy,
        ..
    } = offer().await;
    let asked = tenant.assign(&package, &policy, ANN).await;
    assert_eq!(
        tenant.delete(&format!("{EM}/accessPackages/{package}")).await.status,
        400,
        "also while it is being delivered"
    );
    let done = tenant.delivered(&asked.id()).await;
    assert_eq!(
        tenant.delete(&format!("{EM}/assignmentPolicies/{policy}")).await.status,
        400
    );
    let removal = json!({"requestType": "AdminRemove", "assignment": {"id": done["assignment"]["id"]}});
    tenant
        .delivered(&tenant.post(&format!("{EM}/assignmentRequests"), removal).await.id())
        .await;
    assert_eq!(
        tenant.delete(&format!("{EM}/assignmentPolicies/{policy}")).await.status,
        204
    );
    assert_eq!(
        tenant.delete(&format!("{EM}/accessPackages/{package}")).await.status,
        204
    );
}

#[tokio::test]
async fn a_second_request_meets_the_first() {
    let Offer {
        tenant,
        package,
        policy,
        ..
    } = offer().await;
    tenant.set_quirk("deliveryDelay=60000");
    let asked = tenant.assign(&package, &policy, ANN).await;
    tenant
        .assign(&package, &policy, ANN)
        .await
        .refused(400, "ExistingOpenRequest");
    assert_eq!(
        tenant
            .delete(&format!("{EM}/assignmentRequests/{}", asked.id()))
            .await
            .status,
        400,
        "not completed"
    );
    assert_eq!(
        tenant
            .send("POST", &format!("{EM}/assignmentRequests/{}/cancel", asked.id()), None)
            .await
            .status,
        204
    );
    assert_eq!(
        tenant
            .delete(&format!("{EM}/assignmentRequests/{}", asked.id()))
            .await
            .status,
        204
    );
    tenant.set_quirk("deliveryDelay=1");
    tenant
        .delivered(&tenant.assign(&package, &policy, ANN).await.id())
        .await;
    assert_eq!(tenant.assign(&package, &policy, ANN).await.status, 409);
}

#[tokio::test]
async fn a_removal_that_is_under_way_is_not_asked_for_twice() {
    let Offer {
        tenant,
        package,
        policy,
        ..
    } = offer().await;
    let held = tenant
        .delivered(&tenant.assign(&package, &policy, ANN).await.id())
        .await;
    tenant.set_quirk("deliveryDelay=400");
    let path = format!("{EM}/assignmentRequests");
    let removal = json!({"requestType": "adminRemove", "assignment": {"id": held["assignment"]["id"]}});
    let asked = tenant.post(&path, removal.clone()).await;
    assert_eq!(asked.status, 201);
    tenant
        .post(&path, removal.clone())
        .await
        .refused(400, "ExistingOpenRequest");
    tenant.delivered(&asked.id()).await;
    tenant
        .post(&path, removal)
        .await
        .refused(400, "StandIn_AssignmentExpired");
}

#[tokio::test]
async fn assignments_are_filtered_as_documented_and_show_their_target() {
    let Offer {
        tenant,
        package,
        policy,
        ..
    } = offer().await;
    tenant
        .delivered(&tenant.assign(&package, &policy, ANN).await.id())
        .await;
    tenant
        .delivered(&tenant.assign(&package, &policy, BOB).await.id())
        .await;
    let filter = format!("$filter=accessPackage/id eq '{package}' and state eq 'Delivered'");
    let all = tenant
        .get(&format!(
            "{EM}/assignments?{filter}&$expand=target,assignmentPolicy,accessPackage"
        ))
        .await;
    assert_eq!(all.values().len(), 2);
    assert_eq!(all.values()[0]["target"]["principalName"], "ann@contoso.com");
    assert_eq!(all.values()[0]["schedule"]["expiration"]["type"], "noExpiration");
    let ann = tenant
        .get(&format!("{EM}/assignments?$filter=target/objectid eq '{ANN}'"))
        .await;
    assert_eq!(ann.values().len(), 1);
    let star = tenant.get(&format!("{EM}/assignments?$expand=*")).await;
    assert_eq!(star.values()[0]["assignmentPolicy"]["id"], policy.as_str());
    let id = ann.values()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        tenant
            .send("POST", &format!("{EM}/assignments/{id}/reprocess"), None)
            .await
            .status,
        202
    );
    assert_eq!(
        tenant
            .send("POST", &format!("{EM}/assignments/nonsense/reprocess"), None)
            .await
            .status,
        400
    );
    assert_eq!(
        tenant
            .send("POST", &format!("{EM}/assignments/{ABSENT}/reprocess"), None)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn an_expiration_of_the_policy_becomes_the_end_of_the_assignment() {
    let Offer { tenant, package, .. } = offer().await;
    let mut body = direct_policy(&package, "Short");
    body["expiration"] = json!({"type": "afterDuration", "duration": "PT1S"});
    let policy = tenant.post(&format!("{EM}/assignmentPolicies"), body).await.id();
    tenant.assign(&package, &policy, ANN).await;
    let path = format!("{EM}/assignments?$filter=assignmentPolicy/id eq '{policy}'");
    let ended = tenant.until(&path, |seen| seen.values()[0]["state"] == "expired").await;
    assert_eq!(ended.values()[0]["schedule"]["expiration"]["type"], "afterDateTime");
}

#[tokio::test]
async fn separation_of_duties_refuses_an_assignment() {
    let Offer {
        tenant,
        catalog,
        package,
        policy,
    } = offer().await;
    let other = tenant.package(&catalog, "Other").await;
    let other_policy = tenant.policy(&other, "Direct").await;
    let reference = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0{EM}/accessPackages/{other}")});
    tenant
        .post(
            &format!("{EM}/accessPackages/{package}/incompatibleAccessPackages/$ref"),
            reference,
        )
        .await;
    tenant
        .delivered(&tenant.assign(&other, &other_policy, ANN).await.id())
        .await;
    assert_eq!(tenant.assign(&package, &policy, ANN).await.status, 400);
    assert_eq!(tenant.assign(&package, &policy, BOB).await.status, 201);
}
