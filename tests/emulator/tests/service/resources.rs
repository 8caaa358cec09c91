//! Resources and the requests that add and remove them.

use serde_json::json;

use crate::tenant::{BARE, CRM, CRM_ROLE, DYNAMIC, EM, GROUP, SITE, SYNCED, Tenant, adding};

fn removing(catalog: &str, resource: &serde_json::Value) -> serde_json::Value {
    json!({"requestType": "adminRemove", "resource": {"id": resource["id"]}, "catalog": {"id": catalog}})
}

#[tokio::test]
async fn roles_come_from_the_origin_system() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let names = |resource: &serde_json::Value| -> Vec<(String, String)> {
        let word = |role: &serde_json::Value, name: &str| role[name].as_str().unwrap().to_owned();
        resource["roles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|role| (word(role, "displayName"), word(role, "originId")))
            .collect()
    };
    let pair = |name: &str, origin: &str| (name.to_owned(), origin.to_owned());
    let group = tenant.resource(&catalog, "AadGroup", GROUP).await;
    assert_eq!(
        names(&group),
        [
            pair("Member", &format!("Member_{GROUP}")),
            pair("Owner", &format!("Owner_{GROUP}"))
        ]
    );
    let dynamic = tenant.resource(&catalog, "AadGroup", DYNAMIC).await;
    assert_eq!(names(&dynamic), [pair("Owner", &format!("Owner_{DYNAMIC}"))]);
    let privileged = tenant
        .resource(&catalog, "AadGroup", "0282e19d-bf41-435d-92a4-99bab93af309")
        .await;
    assert_eq!(names(&privileged).len(), 4);
    assert_eq!(names(&privileged)[2].0, "Eligible Member");
    let application = tenant.resource(&catalog, "AadApplication", CRM).await;
    assert_eq!(
        names(&application),
        [pair("Reader", CRM_ROLE)],
        "a disabled role is not offered"
    );
    let bare = tenant.resource(&catalog, "AadApplication", BARE).await;
    assert_eq!(names(&bare).len(), 1);
    assert_eq!(names(&bare)[0].0, "Default Access");
    let site = tenant.resource(&catalog, "SharePointOnline", SITE).await;
    assert_eq!(names(&site), [pair("Marketing Visitors", "4")]);
    assert_eq!(site["scopes"][0]["originId"], SITE);
}

#[tokio::test]
async fn roles_and_scopes_are_shown_only_when_expanded() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    tenant.resource(&catalog, "AadGroup", GROUP).await;
    let plain = &tenant.get(&format!("{EM}/catalogs/{catalog}/resources")).await.values()[0].clone();
    assert!(plain.get("roles").is_none() && plain.get("scopes").is_none());
}

#[tokio::test]
async fn resource_roles_want_the_documented_filter() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let resource = tenant.resource(&catalog, "AadApplication", CRM).await;
    let path = format!("{EM}/catalogs/{catalog}/resourceRoles");
    assert_eq!(tenant.get(&path).await.status, 400);
    assert_eq!(
        tenant
            .get(&format!("{path}?$filter=originSystem eq 'AadApplication'"))
            .await
            .status,
        400
    );
    let id = resource["id"].as_str().unwrap();
    let filter =
        format!("$filter=(originSystem+eq+%27AadApplication%27+and+resource/id+eq+%27{id}%27)&$expand=resource");
    let roles = tenant.get(&format!("{path}?{filter}")).await;
    assert_eq!(roles.values()[0]["originId"], CRM_ROLE);
    assert_eq!(roles.values()[0]["resource"]["id"], id);
    assert_eq!(
        tenant
            .get(&format!("{EM}/catalogs/{catalog}/resourceScopes"))
            .await
            .values()
            .len(),
        1
    );
}

#[tokio::test]
async fn what_cannot_be_a_resource_is_refused() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let path = format!("{EM}/resourceRequests");
    assert_eq!(
        tenant.post(&path, adding(&catalog, "AadGroup", SYNCED)).await.status,
        400
    );
    let wrong = tenant.post(&path, adding(&catalog, "Application", CRM)).await;
    wrong.refused(400, "ArgumentException");
    assert!(wrong.message().contains("'Application'"));
    tenant
        .post(&path, adding(&catalog, "AadGroup", crate::tenant::ABSENT))
        .await
        .refused(400, "ResourceNotFoundInOriginSystem");
    tenant
        .post(
            &path,
            adding(&catalog, "AadApplication", "22222222-3333-4444-5555-666666666666"),
        )
        .await
        .refused(400, "ResourceNotFoundInOriginSystem");
    let mut beta = adding(&catalog, "AadGroup", GROUP);
    beta["resource"]["resourceType"] = json!("Group");
    tenant.post(&path, beta).await.refused(400, "InvalidModel");
}

#[tokio::test]
async fn a_resource_is_onboarded_once_per_catalog() {
    let tenant = Tenant::start().await;
    let (catalog, other) = (tenant.catalog("Marketing").await, tenant.catalog("Sales").await);
    tenant.resource(&catalog, "AadGroup", GROUP).await;
    let again = tenant
        .post(&format!("{EM}/resourceRequests"), adding(&catalog, "AadGroup", GROUP))
        .await;
    assert_eq!(
        (again.status, again.message()),
        (400, "The specified resource is already onboarded to ELM")
    );
    tenant.resource(&other, "AadGroup", GROUP).await;
}

#[tokio::test]
async fn a_resource_in_use_stays_until_the_last_package_lets_it_go() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let package = tenant.package(&catalog, "Campaign").await;
    let resource = tenant.resource(&catalog, "AadGroup", GROUP).await;
    let role_scope = tenant.role_scope(&package, &resource, 0).await.id();
    let refused = tenant
        .post(&format!("{EM}/resourceRequests"), removing(&catalog, &resource))
        .await;
    refused.refused(400, "InvalidDeleteResourceHasEntitlements");
    assert!(refused.message().contains("Marketing Campaign"));
    tenant
        .delete(&format!(
            "{EM}/accessPackages/{package}/resourceRoleScopes/{role_scope}"
        ))
        .await;
    let removed = tenant
        .post(&format!("{EM}/resourceRequests"), removing(&catalog, &resource))
        .await;
    assert_eq!((removed.status, &removed.body["state"]), (201, &json!("delivered")));
    assert!(
        tenant
            .get(&format!("{EM}/catalogs/{catalog}/resources"))
            .await
            .values()
            .is_empty()
    );
    let request = tenant
        .get(&format!("{EM}/resourceRequests/{}/resource", removed.id()))
        .await;
    assert_eq!(request.body["originId"], GROUP);
}

#[tokio::test]
async fn a_refresh_takes_over_the_name_that_the_directory_has_now() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let resource = tenant.resource(&catalog, "AadGroup", GROUP).await;
    let control = format!("{}/state/groups/{GROUP}", tenant.running.endpoints.control);
    let renamed = tenant
        .raw("PATCH", &control, Some(&json!({"displayName": "Renamed"})))
        .await
        .unwrap();
    assert_eq!(renamed.status(), 200);
    let path = format!("{EM}/resources/{}", resource["id"].as_str().unwrap());
    assert_eq!(tenant.get(&path).await.body["displayName"], "Marketing Campaign");
    assert_eq!(tenant.send("POST", &format!("{path}/refresh"), None).await.status, 204);
    assert_eq!(tenant.get(&path).await.body["displayName"], "Renamed");
}
