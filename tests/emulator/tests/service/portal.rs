//! What somebody does in the portal, through the control endpoint and in this process.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::tenant::{ABSENT, ANN, BOB, CRM, CRM_ROLE, EM, GENERAL, GROUP, NOBODY, OPERATOR, SITE, Tenant};

async fn control(tenant: &Tenant, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let url = format!("{}{path}", tenant.running.endpoints.control);
    let answer = tenant.raw(method, &url, body.as_ref()).await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default(),
    )
}

/// What Graph answers where it does not fit the contract, as somebody made it.
async fn malformed(tenant: &Tenant, path: &str) -> Value {
    let url = format!("{}{path}", tenant.running.endpoints.graph);
    tenant.raw("GET", &url, None).await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn what_somebody_makes_in_the_portal_graph_serves() {
    let tenant = Tenant::start().await;
    let package = json!({"displayName": "By hand", "catalog": {"id": GENERAL}});
    let (status, made) = control(&tenant, "POST", "/state/accessPackages", Some(package)).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["catalogId"], GENERAL);
    let policy = json!({"displayName": "Open", "accessPackage": {"id": id}, "allowedTargetScope": "allMemberUsers"});
    let policy = tenant.running.create("assignmentPolicies", policy).unwrap();
    let read = tenant
        .get(&format!("{EM}/accessPackages/{id}?$expand=assignmentPolicies"))
        .await;
    assert_eq!(read.body["assignmentPolicies"][0]["id"], policy["id"]);
    for (collection, element) in [
        ("groups", json!({"displayName": "New", "roleAssignable": true})),
        ("users", json!({"userPrincipalName": "new@contoso.com"})),
        (
            "resources",
            json!({"originId": GROUP, "originSystem": "AadGroup", "catalog": {"id": GENERAL}}),
        ),
        ("sites", json!({"webUrl": "https://contoso.sharepoint.com/sites/new"})),
        (
            "applications",
            json!({"displayName": "new", "clientId": ABSENT, "secret": "not-a-real-secret"}),
        ),
    ] {
        tenant.running.create(collection, element).unwrap();
    }
    let group = tenant
        .get("/groups?$filter=displayName eq 'New'&$select=id,isAssignableToRole")
        .await;
    assert_eq!(group.values()[0]["isAssignableToRole"], true);
    for (path, wrong) in [
        ("/state/accessPackages", json!({"displayName": "No catalog"})),
        (
            "/state/accessPackages",
            json!({"id": id, "displayName": "Twice", "catalog": {"id": GENERAL}}),
        ),
        ("/state/groups", json!({"displayname": "x"})),
        ("/state/assignmentRequests", json!({})),
    ] {
        let (status, said) = control(&tenant, "POST", path, Some(wrong)).await;
        assert!(status == 400 && said["error"].is_string(), "{path}: {said}");
    }
    assert_eq!(
        control(&tenant, "POST", "/state/nonsense", Some(json!({}))).await.0,
        404
    );
}

#[tokio::test]
async fn an_element_can_be_malformed_alone() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let package = tenant.package(&catalog, "Campaign").await;
    let (foreign, sound) = (
        tenant.policy(&package, "Foreign").await,
        tenant.policy(&package, "Sound").await,
    );
    let resource = tenant.resource(&catalog, "AadGroup", GROUP).await;
    let role_scope = tenant.role_scope(&package, &resource, 0).await.id();
    let stage = json!({"@odata.type": "#microsoft.graph.accessPackageDynamicApprovalStage", "customExtension": {"id": "x"},
        "primaryApprovers": [{"@odata.type": "#microsoft.graph.targetApplicationOwners"}]});
    let changes = json!({"expiration": {"type": null}, "verifiableCredentialSettings": {"newer": 1},
        "requestApprovalSettings": {"stages": [stage]}});
    tenant.running.patch("assignmentPolicies", &foreign, changes).unwrap();
    tenant
        .running
        .patch(
            "resourceRoleScopes",
            &role_scope,
            json!({"role": {"originSystem": null}}),
        )
        .unwrap();
    let path =
        format!("{EM}/accessPackages/{package}?$expand=assignmentPolicies,resourceRoleScopes($expand=role,scope)");
    let seen = malformed(&tenant, &path).await;
    let policies = &seen["assignmentPolicies"];
    assert_eq!(policies[0]["expiration"]["type"], json!(null));
    assert_eq!(policies[0]["verifiableCredentialSettings"], json!({"newer": 1}));
    assert_eq!(policies[0]["requestApprovalSettings"]["stages"], json!([stage]));
    assert_eq!(
        (&policies[1]["id"], &policies[1]["expiration"]["type"]),
        (&json!(sound), &json!("noExpiration"))
    );
    assert_eq!(seen["resourceRoleScopes"][0]["role"]["originSystem"], json!(null));
    tenant
        .running
        .patch("resourceRoleScopes", &role_scope, json!({"role": null}))
        .unwrap();
    assert_eq!(
        malformed(&tenant, &path).await["resourceRoleScopes"][0]["role"],
        json!(null)
    );
}

#[tokio::test]
async fn policies_and_packages_move_when_their_ties_are_changed() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let (one, other) = (
        tenant.package(&catalog, "One").await,
        tenant.package(&catalog, "Other").await,
    );
    let policy = tenant.policy(&one, "Moving").await;
    let moved = json!({"accessPackageId": other});
    tenant.running.patch("assignmentPolicies", &policy, moved).unwrap();
    tenant
        .running
        .patch("accessPackages", &one, json!({"catalogId": GENERAL}))
        .unwrap();
    let read = tenant
        .get(&format!("{EM}/assignmentPolicies/{policy}?$expand=accessPackage"))
        .await;
    assert_eq!(read.body["accessPackage"]["id"], other.as_str());
    let left = tenant
        .get(&format!("{EM}/accessPackages/{one}?$expand=assignmentPolicies,catalog"))
        .await;
    assert_eq!(left.body["assignmentPolicies"], json!([]));
    assert_eq!(left.body["catalog"]["id"], GENERAL);
}

#[tokio::test]
async fn an_assignment_may_be_listed_without_its_policy() {
    let tenant = Tenant::start().await;
    let package = tenant.package(&tenant.catalog("Marketing").await, "Campaign").await;
    let policy = tenant.policy(&package, "Direct").await;
    let given = json!([
        {"accessPackageId": package, "assignmentPolicyId": null, "targetId": ANN},
        {"accessPackageId": package, "assignmentPolicyId": policy, "targetId": BOB},
    ]);
    tenant.running.create("assignments", given).unwrap();
    let all = tenant.get(&format!("{EM}/assignments?$expand=assignmentPolicy")).await;
    assert_eq!(all.values()[0]["assignmentPolicy"], json!(null));
    let filter = |filter: &str| format!("{EM}/assignments?$filter={filter}&$expand=target");
    let of_policy = tenant.get(&filter(&format!("assignmentPolicy/id eq '{policy}'"))).await;
    assert_eq!(of_policy.values().len(), 1);
    let of_others = tenant.get(&filter(&format!("assignmentPolicy/id ne '{policy}'"))).await;
    assert_eq!(of_others.values()[0]["target"]["objectId"], ANN);
}

#[tokio::test]
async fn five_thousand_past_assignments_are_served_page_by_page_and_quickly() {
    let tenant = Tenant::start().await;
    let package = tenant.package(&tenant.catalog("Marketing").await, "Campaign").await;
    let policy = tenant.policy(&package, "Direct").await;
    let held = |state: &str, count: usize| -> Vec<Value> {
        let one = json!({"accessPackageId": package, "assignmentPolicyId": policy, "targetId": ANN, "state": state});
        vec![one; count]
    };
    let all = [held("expired", 5_000), held("delivered", 500)].concat();
    tenant.running.create("assignments", json!(all)).unwrap();
    let began = Instant::now();
    let mut count = 0;
    let mut next = Some(format!(
        "{EM}/assignments?$filter=accessPackage/id eq '{package}' and (state eq 'delivered' or state eq 'delivering') and \
         assignmentPolicy/id eq '{policy}' and state ne 'expired'"
    ));
    let mut pages = 0;
    while let Some(path) = next {
        let page = tenant.get(&path).await;
        count += page.values().len();
        pages += 1;
        next = page.body["@odata.nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!((count, pages), (500, 5));
    let took = began.elapsed() / pages;
    assert!(took < Duration::from_secs(1), "{took:?} a page");
}

#[tokio::test]
async fn a_permission_that_is_taken_away_is_missing_from_new_tokens_only() {
    let mut tenant = Tenant::start().await;
    let mut newcomer = json!({"appPermissions": ["EntitlementManagement.Read.All"]});
    let (status, now) = control(
        &tenant,
        "PATCH",
        &format!("/state/applications/{OPERATOR}"),
        Some(newcomer.take()),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(now["appPermissions"], json!(["EntitlementManagement.Read.All"]));
    assert_eq!(now.get("secret"), None);
    assert_eq!(tenant.get("/groups").await.status, 200, "an old token keeps its roles");
    tenant.sign_in(OPERATOR).await;
    tenant.get("/groups").await.refused(403, "Authorization_RequestDenied");
    let granted = json!({"appPermissions": ["EntitlementManagement.Read.All", "Group.Read.All"]});
    tenant.running.patch("applications", OPERATOR, granted).unwrap();
    assert_eq!(tenant.get("/groups").await.status, 403, "nor does it win any");
    tenant.sign_in(OPERATOR).await;
    assert_eq!(tenant.get("/groups").await.status, 200);
    let state = tenant.running.state();
    assert!(!state["applications"].to_string().contains("secret"), "{state}");
    tenant.running.reset();
    tenant.sign_in(OPERATOR).await;
    assert_eq!(
        tenant.get("/users").await.status,
        200,
        "the world file's permissions again"
    );
    tenant.running.delete("applications", NOBODY).unwrap();
    let form = [("client_id", NOBODY), ("grant_type", "client_credentials")];
    let (_, refused) = tenant.token_request(crate::tenant::TENANT, &form).await;
    assert_eq!(refused["error_codes"], json!([700_016]));
}

#[tokio::test]
async fn a_role_made_anew_under_the_same_value_is_another_and_a_retitled_one_is_the_same() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let crm = tenant.resource(&catalog, "AadApplication", CRM).await;
    let site = tenant.resource(&catalog, "SharePointOnline", SITE).await;
    assert_eq!(crm["roles"][0]["originId"], CRM_ROLE);
    let anew = json!({"appRoles": [{"id": ABSENT, "value": "Reader", "displayName": "Reader", "isEnabled": true}]});
    tenant.running.patch("servicePrincipals", CRM, anew).unwrap();
    let retitled = json!({"roles": [{"originId": "4", "displayName": "Sales Visitors"}], "displayName": "Sales"});
    tenant.running.patch("sites", SITE, retitled).unwrap();
    let roles = |resource: &Value| format!("{EM}/resources/{}?$expand=roles", resource["id"].as_str().unwrap());
    let crm = tenant.get(&roles(&crm)).await;
    assert_eq!(crm.body["roles"][0]["originId"], ABSENT);
    let site_now = tenant.get(&roles(&site)).await;
    assert_eq!(site_now.body["roles"][0]["displayName"], "Sales Visitors");
    assert_eq!(site_now.body["roles"][0]["id"], site["roles"][0]["id"]);
}

#[tokio::test]
async fn a_role_on_a_catalog_that_was_taken_away_stays_away() {
    let mut tenant = Tenant::start().await;
    let catalog = tenant.catalog("Owned").await;
    let roles = tenant.running.part("roleAssignments").unwrap();
    let role = roles.as_array().unwrap()[0].clone();
    tenant
        .running
        .delete("roleAssignments", role["id"].as_str().unwrap())
        .unwrap();
    tenant.catalog("Another").await;
    tenant.sign_in(crate::tenant::MANAGER).await;
    assert_eq!(tenant.get(&format!("{EM}/catalogs/{catalog}")).await.status, 403);
    tenant.running.create("roleAssignments", role).unwrap();
    assert_eq!(tenant.get(&format!("{EM}/catalogs/{catalog}")).await.status, 200);
}

#[tokio::test]
async fn a_cursor_spares_what_was_seen_and_a_part_spares_the_whole() {
    let tenant = Tenant::start().await;
    let (_, before) = control(&tenant, "GET", "/requests/count", None).await;
    assert_eq!(before, json!({"count": 1}), "the token");
    tenant.catalog("Marketing").await;
    tenant.get(&format!("{EM}/catalogs")).await;
    let url = format!("{}/requests?since=2", tenant.running.endpoints.control);
    let lines = tenant.raw("GET", &url, None).await.unwrap().text().await.unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert_eq!(tenant.running.requests_since(1).len(), 2);
    assert_eq!(tenant.running.requests_since(99).len(), 0);
    let (_, catalogs) = control(&tenant, "GET", "/state/catalogs", None).await;
    assert_eq!(catalogs, tenant.running.state()["catalogs"]);
    let (_, directory) = control(&tenant, "GET", "/state/directory", None).await;
    assert_eq!(directory, tenant.running.state()["directory"]);
    assert_eq!(control(&tenant, "GET", "/state/nonsense", None).await.0, 404);
    assert_eq!(control(&tenant, "GET", "/requests?until=2", None).await.0, 400);
}
