//! Catalogs, access packages, role scopes, separation of duties.

use serde_json::json;

use crate::tenant::{ABSENT, CRM, EM, GENERAL, GROUP, SITE, Tenant, handing_out};

#[tokio::test]
async fn a_catalog_is_made_read_changed_and_deleted() {
    let tenant = Tenant::start().await;
    let made = tenant
        .post(&format!("{EM}/catalogs"), json!({"displayName": "Marketing"}))
        .await;
    assert_eq!(
        (made.status, &made.body["catalogType"], &made.body["state"]),
        (201, &json!("userManaged"), &json!("published"))
    );
    assert!(
        made.body["description"].is_null() && made.body.get("description").is_some(),
        "nulls are shown"
    );
    let one = format!("{EM}/catalogs/{}", made.id());
    let changed = tenant
        .patch(&one, json!({"displayName": "Sales", "isExternallyVisible": true}))
        .await;
    assert_eq!(changed.status, 204);
    assert_eq!(tenant.get(&one).await.body["displayName"], "Sales");
    assert_eq!(tenant.delete(&one).await.status, 204);
    tenant.get(&one).await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_catalog_with_packages_and_the_built_in_one_are_not_deleted() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    tenant.package(&catalog, "Campaign").await;
    assert_eq!(tenant.delete(&format!("{EM}/catalogs/{catalog}")).await.status, 400);
    assert_eq!(tenant.delete(&format!("{EM}/catalogs/{GENERAL}")).await.status, 400);
}

#[tokio::test]
async fn a_package_name_is_taken_once_per_catalog_whatever_its_case() {
    let tenant = Tenant::start().await;
    let (catalog, other) = (tenant.catalog("Marketing").await, tenant.catalog("Sales").await);
    tenant.package(&catalog, "Campaign").await;
    let second = tenant.package(&catalog, "Second").await;
    let body = json!({"displayName": "CAMPAIGN", "catalog": {"id": catalog}});
    let twice = tenant.post(&format!("{EM}/accessPackages"), body).await;
    twice.refused(409, "DuplicateAccessPackage");
    assert_eq!(
        twice.message(),
        "There's an existing access package with name \"CAMPAIGN\" in the catalog."
    );
    tenant
        .patch(
            &format!("{EM}/accessPackages/{second}"),
            json!({"displayName": "campaign"}),
        )
        .await
        .refused(409, "DuplicateAccessPackage");
    tenant.package(&other, "Campaign").await;
}

#[tokio::test]
async fn a_malformed_id_is_400_and_an_absent_one_404() {
    let tenant = Tenant::start().await;
    for set in [
        "catalogs",
        "accessPackages",
        "assignmentPolicies",
        "assignments",
        "assignmentRequests",
        "resources",
        "connectedOrganizations",
    ] {
        assert_eq!(tenant.get(&format!("{EM}/{set}/not-a-guid")).await.status, 400, "{set}");
        tenant
            .get(&format!("{EM}/{set}/{ABSENT}"))
            .await
            .refused(404, "ResourceNotFound");
    }
}

#[tokio::test]
async fn a_package_cannot_move_to_another_catalog() {
    let tenant = Tenant::start().await;
    let package = tenant.package(&tenant.catalog("Marketing").await, "Campaign").await;
    let moved = tenant
        .patch(
            &format!("{EM}/accessPackages/{package}"),
            json!({"catalog": {"id": GENERAL}}),
        )
        .await;
    moved.refused(400, "InvalidModel");
}

#[tokio::test]
async fn a_role_scope_has_the_id_of_its_role_and_scope_and_is_listed_in_the_package() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let package = tenant.package(&catalog, "Campaign").await;
    for (system, origin) in [("AadGroup", GROUP), ("AadApplication", CRM), ("SharePointOnline", SITE)] {
        let resource = tenant.resource(&catalog, system, origin).await;
        let made = tenant.role_scope(&package, &resource, 0).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let expected = format!(
            "{}_{}",
            resource["roles"][0]["id"].as_str().unwrap(),
            resource["scopes"][0]["id"].as_str().unwrap()
        );
        assert_eq!(made.id(), expected);
        assert_eq!(
            tenant.role_scope(&package, &resource, 0).await.id(),
            expected,
            "again: the same id"
        );
    }
    let expand = "$expand=resourceRoleScopes($expand=role($expand=resource),scope),catalog";
    for path in [
        format!("{EM}/accessPackages/{package}?{expand}"),
        format!("{EM}/catalogs/{catalog}/accessPackages?{expand}"),
    ] {
        let seen = tenant.get(&path).await.body;
        let seen = seen.pointer("/value/0").unwrap_or(&seen).clone();
        let listed = seen["resourceRoleScopes"].as_array().unwrap();
        assert_eq!(listed.len(), 3, "{seen}");
        assert_eq!(listed[0]["role"]["originId"], format!("Member_{GROUP}"));
        assert_eq!(listed[0]["role"]["resource"]["originId"], GROUP);
        assert_eq!(listed[2]["scope"]["originId"], SITE);
        assert_eq!(seen["catalog"]["id"], catalog.as_str());
    }
    let first = tenant
        .get(&format!("{EM}/accessPackages/{package}/resourceRoleScopes"))
        .await
        .values()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        tenant
            .delete(&format!("{EM}/accessPackages/{package}/resourceRoleScopes/{first}"))
            .await
            .status,
        204
    );
    tenant
        .delete(&format!("{EM}/accessPackages/{package}/resourceRoleScopes/{first}"))
        .await
        .refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_role_scope_needs_a_resource_of_the_same_catalog_and_a_role_that_exists() {
    let tenant = Tenant::start().await;
    let (catalog, other) = (tenant.catalog("Marketing").await, tenant.catalog("Sales").await);
    let package = tenant.package(&catalog, "Campaign").await;
    let elsewhere = tenant.resource(&other, "AadGroup", GROUP).await;
    tenant
        .role_scope(&package, &elsewhere, 0)
        .await
        .refused(404, "ResourceNotFound");
    let here = tenant.resource(&catalog, "AadGroup", GROUP).await;
    let path = format!("{EM}/accessPackages/{package}/resourceRoleScopes");
    let mut wrong = handing_out(&here, 0);
    wrong["role"]["originId"] = json!("Chief_0282e19d-bf41-435d-92a4-99bab93af305");
    tenant.post(&path, wrong).await.refused(404, "RoleNotFound");
    let mut zero = handing_out(&here, 0);
    zero["role"]["id"] = json!("00000000-0000-0000-0000-000000000000");
    tenant.post(&path, zero).await.refused(400, "InvalidModel");
}

#[tokio::test]
async fn incompatibilities_are_one_way_and_seen_from_the_other_side() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let (one, other) = (
        tenant.package(&catalog, "One").await,
        tenant.package(&catalog, "Other").await,
    );
    let graph = "https://graph.microsoft.com/v1.0";
    let reference = json!({"@odata.id": format!("{graph}{EM}/accessPackages/{other}")});
    let path = format!("{EM}/accessPackages/{one}");
    assert_eq!(
        tenant
            .post(&format!("{path}/incompatibleAccessPackages/$ref"), reference)
            .await
            .status,
        204
    );
    let group = json!({"@odata.id": format!("{graph}/groups/{GROUP}")});
    assert_eq!(
        tenant
            .post(&format!("{path}/incompatibleGroups/$ref"), group)
            .await
            .status,
        204
    );
    assert_eq!(
        tenant.get(&format!("{path}/incompatibleAccessPackages")).await.values()[0]["id"],
        other.as_str()
    );
    assert!(
        tenant
            .get(&format!("{EM}/accessPackages/{other}/incompatibleAccessPackages"))
            .await
            .values()
            .is_empty()
    );
    assert_eq!(
        tenant
            .get(&format!("{EM}/accessPackages/{other}/accessPackagesIncompatibleWith"))
            .await
            .values()[0]["id"],
        one.as_str()
    );
    assert_eq!(
        tenant.get(&format!("{path}/incompatibleGroups")).await.values()[0]["id"],
        GROUP
    );
    assert_eq!(
        tenant
            .delete(&format!("{path}/incompatibleGroups/{GROUP}/$ref"))
            .await
            .status,
        204
    );
    assert_eq!(
        tenant
            .delete(&format!("{path}/incompatibleGroups/{GROUP}/$ref"))
            .await
            .status,
        404
    );
    assert_eq!(tenant.delete(&format!("{EM}/accessPackages/{other}")).await.status, 204);
    assert!(
        tenant
            .get(&format!("{path}/incompatibleAccessPackages"))
            .await
            .values()
            .is_empty()
    );
}
