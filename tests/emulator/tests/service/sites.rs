//! SharePoint sites: what an application sees of them, and their many addresses.

use serde_json::{Value, json};

use crate::tenant::{EM, GROUP, SITE, Tenant, WORLD, adding, handing_out};

/// A tenant with this quirk, a catalog with a group and the site, and the 201 of the site.
async fn onboarded(quirk: &str) -> (Tenant, String, Value) {
    let tenant = Tenant::with_quirk(quirk).await;
    let catalog = tenant.catalog("Marketing").await;
    tenant.resource(&catalog, "AadGroup", GROUP).await;
    let added = tenant
        .post(
            &format!("{EM}/resourceRequests"),
            adding(&catalog, "SharePointOnline", SITE),
        )
        .await;
    assert_eq!(added.status, 201, "{}", added.body);
    (tenant, catalog, added.body)
}

/// The id of the site's resource, which the control endpoint always tells.
fn site_id(tenant: &Tenant) -> String {
    let resources = tenant.running.part("resources").unwrap();
    let resources = resources.as_array().unwrap();
    let site = resources.iter().find(|one| one["originId"] == SITE).unwrap();
    site["id"].as_str().unwrap().to_owned()
}

fn systems(values: &Value) -> Vec<&str> {
    let values = values.as_array().unwrap().iter();
    values.map(|one| one["originSystem"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_site_is_not_listed_to_an_application_filtered_or_not() {
    let (tenant, catalog, _) = onboarded("sharePointNeedsDelegated").await;
    for path in [
        format!("{EM}/catalogs/{catalog}/resources?$expand=roles,scopes"),
        format!("{EM}/resources"),
    ] {
        assert_eq!(systems(&tenant.get(&path).await.body["value"]), ["AadGroup"], "{path}");
    }
    for filter in [
        format!("originId eq '{SITE}'"),
        format!("id eq '{}'", site_id(&tenant)),
        "originSystem eq 'SharePointOnline'".to_owned(),
    ] {
        let seen = tenant
            .get(&format!("{EM}/catalogs/{catalog}/resources?$filter={filter}"))
            .await;
        assert_eq!((seen.status, seen.values().len()), (200, 0), "{filter}");
    }
    let expanded = tenant.get(&format!("{EM}/catalogs/{catalog}?$expand=resources")).await;
    assert_eq!(systems(&expanded.body["resources"]), ["AadGroup"]);
    tenant
        .post(
            &format!("{EM}/resourceRequests"),
            adding(&catalog, "SharePointOnline", SITE),
        )
        .await
        .refused(400, "StandIn_ResourceAlreadyOnboarded");
    assert_eq!(tenant.running.quirks(), graph_emulator::Quirks::default(), "by default");
}

#[tokio::test]
async fn a_site_is_told_by_the_answer_the_request_the_roles_and_the_package() {
    let (tenant, catalog, added) = onboarded("sharePointNeedsDelegated").await;
    let id = site_id(&tenant);
    let request = added["id"].as_str().unwrap();
    assert_eq!(
        (&added["resource"]["id"], &added["resource"]["originId"]),
        (&json!(id), &json!(SITE))
    );
    let request = tenant
        .get(&format!("{EM}/resourceRequests/{request}?$expand=resource"))
        .await;
    assert_eq!(request.body["resource"]["id"], id.as_str());
    let roles = tenant.get(&roles_of(&catalog, &id)).await;
    assert_eq!(roles.values()[0]["originId"], "4");
    let read = tenant.get(&format!("{EM}/resources/{id}?$expand=roles,scopes")).await;
    let package = tenant.package(&catalog, "Campaign").await;
    assert_eq!(tenant.role_scope(&package, &read.body, 0).await.status, 201);
    let package = tenant.get(&handed_out(&package)).await;
    assert_eq!(package.body["resourceRoleScopes"][0]["scope"]["originId"], SITE);
}

fn roles_of(catalog: &str, id: &str) -> String {
    format!(
        "{EM}/catalogs/{catalog}/resourceRoles?$filter=(originSystem eq 'SharePointOnline' and resource/id eq '{id}')"
    )
}

fn handed_out(package: &str) -> String {
    format!("{EM}/accessPackages/{package}?$expand=resourceRoleScopes($expand=role,scope)")
}

#[tokio::test]
async fn each_place_can_keep_sites_from_an_application() {
    let (tenant, catalog, added) = onboarded(
        r#"sharePointNeedsDelegated={"reads":false,"resourceRoles":false,"answers":false,"requests":false,"packages":false}"#,
    )
    .await;
    let id = site_id(&tenant);
    assert_eq!(added.get("resource"), None);
    let request = added["id"].as_str().unwrap();
    let expanded = tenant
        .get(&format!("{EM}/resourceRequests/{request}?$expand=resource"))
        .await;
    assert_eq!(expanded.body["resource"], json!(null));
    assert_eq!(
        tenant
            .get(&format!("{EM}/resourceRequests/{request}/resource"))
            .await
            .status,
        404
    );
    assert_eq!(tenant.get(&roles_of(&catalog, &id)).await.values().len(), 0);
    for path in [
        format!("{EM}/resources/{id}"),
        format!("{EM}/catalogs/{catalog}/resources/{id}"),
    ] {
        tenant.get(&path).await.refused(404, "ResourceNotFound");
    }
    let package = tenant.package(&catalog, "Campaign").await;
    let resource = json!({"id": id, "originId": SITE, "originSystem": "SharePointOnline",
        "roles": [{"originId": "4", "originSystem": "SharePointOnline", "displayName": "Marketing Visitors"}],
        "scopes": [{"originId": SITE, "originSystem": "SharePointOnline"}]});
    let mut body = handing_out(&resource, 0);
    body["scope"].as_object_mut().unwrap().remove("id");
    let made = tenant
        .post(&format!("{EM}/accessPackages/{package}/resourceRoleScopes"), body)
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        tenant.get(&handed_out(&package)).await.body["resourceRoleScopes"],
        json!([])
    );
    let listed = tenant
        .get(&format!("{EM}/accessPackages/{package}/resourceRoleScopes"))
        .await;
    assert_eq!(listed.values().len(), 0);
}

#[tokio::test]
async fn switched_off_a_site_is_a_resource_like_others() {
    let (tenant, catalog, added) = onboarded("sharePointNeedsDelegated=false").await;
    assert_eq!(added.get("resource"), None);
    let listed = tenant.get(&format!("{EM}/catalogs/{catalog}/resources")).await;
    assert_eq!(systems(&listed.body["value"]), ["AadGroup", "SharePointOnline"]);
}

#[tokio::test]
async fn a_role_scope_may_name_its_site_by_address_or_need_the_resources_id() {
    let (tenant, catalog, _) = onboarded("sharePointNeedsDelegated").await;
    let package = tenant.package(&catalog, "Campaign").await;
    let body = json!({"role": {"originId": "4", "originSystem": "SharePointOnline", "displayName": "Marketing Visitors",
            "resource": {"originId": SITE, "originSystem": "SharePointOnline"}},
        "scope": {"originId": SITE, "originSystem": "SharePointOnline", "isRootScope": true}});
    let path = format!("{EM}/accessPackages/{package}/resourceRoleScopes");
    tenant.set_quirk("roleScopeNeedsResourceId");
    tenant.post(&path, body.clone()).await.refused(400, "InvalidModel");
    tenant.set_quirk("roleScopeNeedsResourceId=false");
    assert_eq!(tenant.post(&path, body).await.status, 201);
}

#[tokio::test]
async fn one_site_has_many_addresses_and_is_onboarded_once() {
    let sites = "sites:\n- {webUrl: \"https://contoso.sharepoint.com/sites/Märkte\", displayName: Märkte, roles: [{originId: \"4\", displayName: Visitors}]}\n";
    let world = WORLD.replace("sites:\n", sites);
    let tenant = Tenant::of(&world, graph_emulator::Quirks::default()).await;
    let canonical = "https://contoso.sharepoint.com/sites/M%C3%A4rkte";
    let found = tenant.get("/sites/contoso.sharepoint.com:/sites/m%c3%a4rkte").await;
    assert_eq!(found.body["webUrl"], canonical);
    let catalog = tenant.catalog("Marketing").await;
    let path = format!("{EM}/resourceRequests");
    let other = "https://Contoso.SharePoint.com/Sites/MÄRKTE/";
    let added = tenant.post(&path, adding(&catalog, "SharePointOnline", other)).await;
    assert_eq!(added.body["resource"]["originId"], canonical, "{}", added.body);
    for again in [
        canonical,
        "https://contoso.sharepoint.com/sites/m%c3%a4rkte",
        "https://contoso.sharepoint.com/sites/Märkte/",
    ] {
        let again = tenant.post(&path, adding(&catalog, "SharePointOnline", again)).await;
        again.refused(400, "StandIn_ResourceAlreadyOnboarded");
    }
    let root = tenant
        .post(
            &path,
            adding(&catalog, "SharePointOnline", "https://contoso.sharepoint.com/"),
        )
        .await;
    assert_eq!(root.body["resource"]["originId"], "https://contoso.sharepoint.com");
    let page = "https://contoso.sharepoint.com/sites/marketing/SitePages/Home.aspx";
    tenant
        .post(&path, adding(&catalog, "SharePointOnline", page))
        .await
        .refused(400, "ResourceNotFoundInOriginSystem");
    let removal = json!({"requestType": "adminRemove", "catalog": {"id": catalog},
        "resource": {"originId": other, "originSystem": "SharePointOnline"}});
    assert_eq!(tenant.post(&path, removal).await.status, 201);
}
