//! Connected organizations, settings, roles.

use serde_json::json;

use crate::tenant::{ABSENT, ANN, BOB, EM, Tenant};

const RM: &str = "/roleManagement/entitlementManagement";
const OWNER: &str = "ae79f266-94d4-4dab-b730-feca7e132178";

#[tokio::test]
async fn a_connected_organization_has_one_identity_source_and_sponsors() {
    let tenant = Tenant::start().await;
    let set = format!("{EM}/connectedOrganizations");
    let domain = json!({"@odata.type": "#microsoft.graph.domainIdentitySource", "domainName": "fabrikam.com", "displayName": "Fabrikam"});
    let body = |sources: serde_json::Value| json!({"displayName": "Fabrikam", "identitySources": sources, "state": "configured"});
    tenant.post(&set, body(json!([]))).await.refused(400, "InvalidModel");
    tenant
        .post(&set, body(json!([domain, domain])))
        .await
        .refused(400, "InvalidModel");
    let made = tenant.post(&format!("{set}/"), body(json!([domain]))).await;
    assert_eq!((made.status, &made.body["identitySources"]), (201, &json!([])));
    let one = format!("{set}/{}", made.id());
    let read = tenant.get(&one).await.body;
    assert_eq!(
        read["identitySources"][0]["@odata.type"],
        "#microsoft.graph.azureActiveDirectoryTenant"
    );
    assert_eq!(tenant.patch(&one, json!({"state": "proposed"})).await.status, 202);
    let ann = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/users/{ANN}")});
    assert_eq!(
        tenant.post(&format!("{one}/internalSponsors/$ref"), ann).await.status,
        204
    );
    let sponsors = tenant.get(&format!("{one}/internalSponsors")).await;
    assert_eq!(sponsors.values()[0]["@odata.type"], "#microsoft.graph.user");
    assert_eq!(
        tenant
            .get(&format!("{one}?$expand=internalSponsors,externalSponsors"))
            .await
            .body["internalSponsors"][0]["id"],
        ANN
    );
    assert_eq!(
        tenant
            .delete(&format!("{one}/internalSponsors/{ANN}/$ref"))
            .await
            .status,
        204
    );
    assert_eq!(tenant.delete(&one).await.status, 204);
}

#[tokio::test]
async fn settings_take_enums_in_any_case() {
    let tenant = Tenant::start().await;
    let path = format!("{EM}/settings");
    assert_eq!(
        tenant
            .patch(&path, json!({"externalUserLifecycleAction": "None"}))
            .await
            .status,
        204
    );
    assert_eq!(tenant.get(&path).await.body["externalUserLifecycleAction"], "none");
    tenant
        .patch(
            &path,
            json!({"durationUntilExternalUserDeletedAfterBlocked": "30 days"}),
        )
        .await
        .refused(400, "InvalidModel");
}

#[tokio::test]
async fn catalog_roles_are_given_listed_and_taken() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let scope = format!("/AccessPackageCatalog/{catalog}");
    let set = format!("{RM}/roleAssignments");
    let body = json!({"principalId": ANN, "roleDefinitionId": OWNER, "appScopeId": scope});
    let made = tenant.post(&set, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(tenant.post(&set, body).await.status, 409);
    assert_eq!(
        tenant
            .post(
                &set,
                json!({"principalId": ABSENT, "roleDefinitionId": OWNER, "appScopeId": scope})
            )
            .await
            .status,
        404
    );
    assert_eq!(
        tenant
            .post(
                &set,
                json!({"principalId": BOB, "roleDefinitionId": ABSENT, "appScopeId": scope})
            )
            .await
            .status,
        400
    );
    // The manager of the world holds a role on this catalog as well.
    let listed = tenant
        .get(&format!(
            "{set}?$filter=appScopeId eq '{scope}' and principalId eq '{ANN}'&$expand=principal,roleDefinition"
        ))
        .await;
    assert_eq!(listed.values().len(), 1);
    assert_eq!(listed.values()[0]["principal"]["@odata.type"], "#microsoft.graph.user");
    assert_eq!(listed.values()[0]["roleDefinition"]["displayName"], "Catalog owner");
    assert_eq!(tenant.get(&format!("{RM}/roleDefinitions")).await.values().len(), 5);
    assert_eq!(tenant.delete(&format!("{set}/{}", made.id())).await.status, 204);
    assert_eq!(tenant.get(&format!("{set}/{}", made.id())).await.status, 404);
}
