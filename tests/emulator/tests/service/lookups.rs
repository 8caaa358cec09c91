//! The directory.

use serde_json::json;

use crate::tenant::{ABSENT, ANN, CRM, GROUP, SITE, Tenant};

#[tokio::test]
async fn objects_are_found_by_every_documented_name() {
    let tenant = Tenant::start().await;
    for path in [
        "/groups?$filter=displayName eq 'marketing campaign'",
        "/groups?$filter=mailNickname eq 'marketing-campaign'",
        "/groups?$filter=uniqueName eq 'marketing-unique'",
        "/groups?$filter=startswith(displayName,'Marketing')",
        "/users?$filter=userPrincipalName eq 'ann@contoso.com'",
        "/users?$filter=displayName eq 'Ann O''Neil'",
        "/servicePrincipals?$filter=appId eq '22222222-3333-4444-5555-666666666666'",
        "/directory/administrativeUnits?$filter=displayName eq 'Berlin'",
    ] {
        assert_eq!(tenant.get(path).await.values().len(), 1, "{path}");
    }
    assert_eq!(tenant.get("/groups(uniqueName='marketing-unique')").await.id(), GROUP);
    assert_eq!(tenant.get(&format!("/groups/{GROUP}")).await.id(), GROUP);
    let application = tenant
        .get("/servicePrincipals(appId='22222222-3333-4444-5555-666666666666')?$select=id,appRoles")
        .await;
    assert_eq!(application.id(), CRM);
    assert_eq!(application.body["appRoles"].as_array().unwrap().len(), 2);
    assert_eq!(tenant.get("/users/ann@contoso.com").await.id(), ANN);
    assert_eq!(
        tenant.get("/users/guest_fabrikam.com%23EXT%23@contoso.com").await.body["displayName"],
        "Guest"
    );
    assert_eq!(
        tenant.get("/sites/contoso.sharepoint.com:/sites/marketing").await.body["webUrl"],
        SITE
    );
    assert_eq!(
        tenant.get("/sites/root").await.body["webUrl"],
        "https://contoso.sharepoint.com"
    );
    assert_eq!(
        tenant.get("/sites/contoso.sharepoint.com:/sites/absent").await.status,
        404
    );
}

#[tokio::test]
async fn absent_objects_and_advanced_filters_are_refused_in_the_directorys_words() {
    let tenant = Tenant::start().await;
    tenant
        .get(&format!("/groups/{ABSENT}"))
        .await
        .refused(404, "Request_ResourceNotFound");
    tenant
        .get("/users/nobody@contoso.com")
        .await
        .refused(404, "Request_ResourceNotFound");
    tenant
        .get("/groups?$filter=displayName ne 'x'")
        .await
        .refused(400, "Request_UnsupportedQuery");
    tenant
        .get("/groups?$filter=contains(displayName,'x')")
        .await
        .refused(400, "Request_UnsupportedQuery");
    assert_eq!(tenant.get("/groups?$filter=nonsense eq 'x'").await.status, 400);
}

#[tokio::test]
async fn a_user_shows_more_than_the_usual_only_when_selected() {
    let tenant = Tenant::start().await;
    let usual = tenant.get(&format!("/users/{ANN}")).await.body;
    assert!(usual.get("accountEnabled").is_none() && usual["mail"] == "ann@contoso.com");
    let asked = tenant
        .get(&format!("/users/{ANN}?$select=id,accountEnabled,userType"))
        .await
        .body;
    assert_eq!(
        (&asked["accountEnabled"], &asked["userType"]),
        (&json!(true), &json!("Member"))
    );
}

#[tokio::test]
async fn many_ids_are_looked_up_at_once_and_unknown_ones_left_out() {
    let tenant = Tenant::start().await;
    let found = tenant
        .post(
            "/directoryObjects/getByIds",
            json!({"ids": [ANN, GROUP, CRM, ABSENT], "types": ["User", "group"]}),
        )
        .await;
    let types: Vec<&str> = found
        .values()
        .iter()
        .map(|object| object["@odata.type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["#microsoft.graph.user", "#microsoft.graph.group"]);
    let valid = tenant
        .post(
            "/directoryObjects/validateProperties",
            json!({"entityType": "Group", "displayName": "x"}),
        )
        .await;
    assert_eq!(valid.status, 204);
}
