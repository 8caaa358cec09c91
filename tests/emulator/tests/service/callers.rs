//! What callers with less than everything may do.

use graph_emulator::Quirks;
use serde_json::json;

use crate::tenant::{
    ABSENT, ANN, CRM, EM, GROUP, MANAGER, NOBODY, OPERATOR, OWNED, READER, Tenant, WORLD, adding, direct_policy,
};

#[tokio::test]
async fn without_permission_or_role_everything_is_denied() {
    let mut tenant = Tenant::start().await;
    tenant.sign_in(NOBODY).await;
    tenant
        .get(&format!("{EM}/catalogs"))
        .await
        .refused(403, "Authorization_RequestDenied");
    tenant
        .get(&format!("{EM}/catalogs/{ABSENT}"))
        .await
        .refused(403, "Authorization_RequestDenied");
    tenant
        .post(&format!("{EM}/catalogs"), json!({"displayName": "x"}))
        .await
        .refused(403, "Authorization_RequestDenied");
    for path in [
        "/users",
        "/groups",
        "/servicePrincipals",
        "/sites/root",
        "/directory/administrativeUnits",
    ] {
        tenant.get(path).await.refused(403, "Authorization_RequestDenied");
    }
}

#[tokio::test]
async fn a_reader_reads_everything_and_writes_nothing() {
    let mut tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    tenant.sign_in(READER).await;
    assert_eq!(tenant.get(&format!("{EM}/catalogs/{catalog}")).await.status, 200);
    assert_eq!(
        tenant.get("/groups").await.status,
        200,
        "Directory.Read.All includes it"
    );
    tenant
        .patch(&format!("{EM}/catalogs/{catalog}"), json!({"displayName": "x"}))
        .await
        .refused(403, "Authorization_RequestDenied");
    tenant
        .post(&format!("{EM}/connectedOrganizations"), json!({}))
        .await
        .refused(403, "Authorization_RequestDenied");
}

#[tokio::test]
async fn a_catalog_role_sees_its_catalogs_and_403_where_an_admin_sees_404() {
    let mut tenant = Tenant::start().await;
    let (mine, theirs) = (tenant.catalog("Marketing").await, tenant.catalog("Sales").await);
    let package = tenant.package(&theirs, "Theirs").await;
    tenant.sign_in(MANAGER).await;
    let listed = tenant.get(&format!("{EM}/catalogs")).await;
    assert_eq!(
        listed
            .values()
            .iter()
            .map(|catalog| catalog["id"].as_str().unwrap())
            .collect::<Vec<_>>(),
        [mine.as_str()]
    );
    for path in [
        format!("catalogs/{theirs}"),
        format!("accessPackages/{package}"),
        format!("accessPackages/{ABSENT}"),
        format!("assignmentPolicies/{ABSENT}"),
    ] {
        let refused = tenant.get(&format!("{EM}/{path}")).await;
        refused.refused(403, "UnAuthorized");
        assert_eq!(
            refused.message(),
            "User is not authorized to perform the operation. Reason: Unauthorized"
        );
    }
    tenant
        .get(&format!("{EM}/assignments"))
        .await
        .refused(403, "UnAuthorized");
}

#[tokio::test]
async fn an_access_package_manager_makes_packages_but_not_resources_or_automatic_policies() {
    let mut tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    tenant.sign_in(MANAGER).await;
    let package = tenant.package(&catalog, "Campaign").await;
    tenant.policy(&package, "Direct").await;
    assert_eq!(
        tenant
            .get(&format!("{EM}/assignments?$filter=accessPackage/id eq '{package}'"))
            .await
            .status,
        200
    );
    tenant
        .post(&format!("{EM}/resourceRequests"), adding(&catalog, "AadGroup", OWNED))
        .await
        .refused(403, "UnAuthorized");
    let mut automatic = direct_policy(&package, "Automatic");
    automatic["automaticRequestSettings"] = json!({"requestAccessForAllowedTargets": true});
    tenant
        .post(&format!("{EM}/assignmentPolicies"), automatic)
        .await
        .refused(403, "UnAuthorized");
    tenant
        .post(&format!("{EM}/catalogs"), json!({"displayName": "x"}))
        .await
        .refused(403, "Authorization_RequestDenied");
}

#[tokio::test]
async fn adding_a_resource_needs_a_right_on_the_resource_itself() {
    let mut tenant = Tenant::start().await;
    let catalog = tenant.catalog("Owned").await;
    tenant.sign_in(MANAGER).await;
    let path = format!("{EM}/resourceRequests");
    let refused = tenant.post(&path, adding(&catalog, "AadGroup", GROUP)).await;
    refused.refused(400, "CallerNotResourceOwner");
    assert_eq!(refused.message(), "The caller is not the resource owner.");
    tenant
        .post(&path, adding(&catalog, "AadApplication", CRM))
        .await
        .refused(400, "CallerNotResourceOwner");
    assert_eq!(
        tenant.post(&path, adding(&catalog, "AadGroup", OWNED)).await.status,
        201,
        "its owner may"
    );
    tenant.sign_in(OPERATOR).await;
    assert_eq!(
        tenant.post(&path, adding(&catalog, "AadGroup", GROUP)).await.status,
        201
    );
}

#[tokio::test]
async fn a_tenant_without_a_licence_has_no_entitlement_management_but_a_directory() {
    let world = WORLD.replace("licences: [EntraIdGovernance]", "licences: []");
    let tenant = Tenant::of(&world, Quirks::default()).await;
    let refused = tenant.get(&format!("{EM}/catalogs")).await;
    assert_eq!(refused.status, 403);
    assert!(refused.message().contains("licence"), "{}", refused.message());
    assert_eq!(tenant.get(&format!("/users/{ANN}")).await.status, 200);
}

#[tokio::test]
async fn a_role_assignable_group_wants_the_right_on_roles_or_ownership() {
    let mut tenant = Tenant::start().await;
    let group = tenant
        .running
        .create("groups", json!({"displayName": "Admins", "roleAssignable": true}))
        .unwrap();
    let group = group["id"].as_str().unwrap();
    let seen = tenant
        .get(&format!("/groups/{group}?$select=id,isAssignableToRole"))
        .await;
    assert_eq!(seen.body["isAssignableToRole"], true);
    let catalog = tenant.catalog("Marketing").await;
    let path = format!("{EM}/resourceRequests");
    tenant
        .post(&path, adding(&catalog, "AadGroup", group))
        .await
        .refused(400, "CallerNotResourceOwner");
    let more = json!({"appPermissions": ["EntitlementManagement.ReadWrite.All", "RoleManagement.ReadWrite.Directory"]});
    tenant.running.patch("applications", OPERATOR, more).unwrap();
    tenant.sign_in(OPERATOR).await;
    assert_eq!(
        tenant.post(&path, adding(&catalog, "AadGroup", group)).await.status,
        201
    );
}
