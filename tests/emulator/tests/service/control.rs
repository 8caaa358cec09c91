//! The control endpoint.

use serde_json::{Value, json};

use crate::tenant::{ANN, EM, GROUP, OPERATOR, Tenant};

async fn text(tenant: &Tenant, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
    let url = format!("{}{path}", tenant.running.endpoints.control);
    let answer = tenant.raw(method, &url, body.as_ref()).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn every_request_is_a_line_with_who_and_what_but_no_secret() {
    let tenant = Tenant::start().await;
    tenant
        .post(&format!("{EM}/catalogs"), json!({"displayName": "Marketing"}))
        .await;
    tenant.get(&format!("{EM}/catalogs?$top=1")).await;
    let (_, lines) = text(&tenant, "GET", "/requests", None).await;
    assert!(
        !lines.contains("not-a-real-secret") && !lines.contains(&tenant.token),
        "{lines}"
    );
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0]["path"].as_str().unwrap().ends_with("/oauth2/v2.0/token"));
    assert_eq!(lines[0]["requestBody"]["grant_type"], "client_credentials");
    assert_eq!(
        (&lines[1]["method"], &lines[1]["status"], &lines[1]["caller"]),
        (&json!("POST"), &json!(201), &json!(OPERATOR))
    );
    assert_eq!(lines[1]["requestBody"]["displayName"], "Marketing");
    assert!(
        lines[1]["responseBody"]["id"].is_string() && lines[1]["time"].is_string() && lines[1]["milliseconds"].is_u64()
    );
    assert_eq!(lines[2]["path"], format!("/v1.0{EM}/catalogs?$top=1"));
}

#[tokio::test]
async fn a_refused_model_says_in_the_log_what_was_wrong() {
    let tenant = Tenant::start().await;
    tenant
        .post(
            &format!("{EM}/catalogs"),
            json!({"displayName": "x", "uniqueName": "x"}),
        )
        .await
        .refused(400, "InvalidModel");
    let lines = tenant.running.requests();
    assert!(
        lines.last().unwrap()["note"].as_str().unwrap().contains("uniqueName"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn the_state_holds_every_collection_with_the_ids_that_tie_it() {
    let tenant = Tenant::with_quirk("deliveryDelay=1").await;
    let catalog = tenant.catalog("Marketing").await;
    let package = tenant.package(&catalog, "Campaign").await;
    let resource = tenant.resource(&catalog, "AadGroup", GROUP).await;
    tenant.role_scope(&package, &resource, 0).await;
    let policy = tenant.policy(&package, "Direct").await;
    tenant
        .delivered(&tenant.assign(&package, &policy, ANN).await.id())
        .await;
    let (_, state) = text(&tenant, "GET", "/state", None).await;
    let state: Value = serde_json::from_str(&state).unwrap();
    for collection in [
        "connectedOrganizations",
        "customWorkflowExtensions",
        "roleAssignments",
        "assignmentRequests",
    ] {
        assert!(state[collection].is_array(), "{collection}");
    }
    assert_eq!(state["catalogs"].as_array().unwrap().len(), 2);
    assert_eq!(state["resources"][0]["catalogId"], catalog.as_str());
    assert_eq!(state["resources"][0]["roles"].as_array().unwrap().len(), 2);
    assert_eq!(state["resources"][0]["scopes"].as_array().unwrap().len(), 1);
    assert_eq!(state["accessPackages"][0]["catalogId"], catalog.as_str());
    assert_eq!(state["accessPackages"][0]["incompatibleGroups"], json!([]));
    assert_eq!(state["resourceRoleScopes"][0]["accessPackageId"], package.as_str());
    assert_eq!(state["assignmentPolicies"][0]["accessPackageId"], package.as_str());
    assert_eq!(state["assignments"][0]["targetId"], ANN);
}

#[tokio::test]
async fn what_the_portal_changes_graph_shows() {
    let tenant = Tenant::start().await;
    let package = tenant.package(&tenant.catalog("Marketing").await, "Campaign").await;
    let (status, _) = text(
        &tenant,
        "PATCH",
        &format!("/state/accessPackages/{package}"),
        Some(json!({"description": "by hand"})),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(
        tenant.get(&format!("{EM}/accessPackages/{package}")).await.body["description"],
        "by hand"
    );
    text(
        &tenant,
        "PATCH",
        &format!("/state/groups/{GROUP}"),
        Some(json!({"displayName": "Renamed"})),
    )
    .await;
    assert_eq!(
        tenant
            .get("/groups?$filter=displayName eq 'Renamed'")
            .await
            .values()
            .len(),
        1
    );
    assert_eq!(
        text(&tenant, "DELETE", &format!("/state/accessPackages/{package}"), None)
            .await
            .0,
        204
    );
    assert_eq!(tenant.get(&format!("{EM}/accessPackages/{package}")).await.status, 404);
    assert_eq!(
        text(&tenant, "DELETE", &format!("/state/accessPackages/{package}"), None)
            .await
            .0,
        404
    );
    assert_eq!(text(&tenant, "DELETE", "/state/nonsense/x", None).await.0, 404);
}

#[tokio::test]
async fn quirks_are_replaced_whole_and_an_unknown_one_is_refused() {
    let tenant = Tenant::with_quirk("latency=1").await;
    let (status, _) = text(&tenant, "PUT", "/quirks", Some(json!({"pageSize": 3}))).await;
    assert_eq!(status, 200);
    let (_, now) = text(&tenant, "GET", "/quirks", None).await;
    assert_eq!(serde_json::from_str::<Value>(&now).unwrap(), json!({"pageSize": 3}));
    let (status, message) = text(&tenant, "PUT", "/quirks", Some(json!({"gravity": 1}))).await;
    assert!(status == 400 && message.contains("gravity"), "{message}");
}

#[tokio::test]
async fn a_reset_goes_back_to_the_world_file() {
    let tenant = Tenant::start().await;
    let before = tenant.get("/users").await.body["value"].clone();
    tenant.catalog("Marketing").await;
    assert_eq!(text(&tenant, "POST", "/reset", None).await.0, 204);
    assert!(tenant.running.requests().is_empty());
    assert_eq!(tenant.get(&format!("{EM}/catalogs")).await.values().len(), 1);
    assert_eq!(
        tenant.get("/users").await.body["value"],
        before,
        "ids that the file leaves out are the same again"
    );
}

const SEEDED: &str = "
  resources:
  - {originId: 0282e19d-bf41-435d-92a4-99bab93af305, originSystem: AadGroup, catalog: {id: b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1}}
  accessPackages:
  - {id: 642181f0-bc17-4fc6-9ebb-ff53dbf18c2f, displayName: Old, catalog: {id: b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1}}
  resourceRoleScopes:
  - {accessPackage: {id: 642181f0-bc17-4fc6-9ebb-ff53dbf18c2f}, role: {originId: Member_0282e19d-bf41-435d-92a4-99bab93af305}, scope: {originId: 0282e19d-bf41-435d-92a4-99bab93af305}}
  assignmentPolicies:
  - {id: 962493bb-be02-4aeb-a233-a205bbfe1d8d, displayName: Old, accessPackage: {id: 642181f0-bc17-4fc6-9ebb-ff53dbf18c2f}, allowedTargetScope: allMemberUsers}
  assignments:
  - {accessPackage: {id: 642181f0-bc17-4fc6-9ebb-ff53dbf18c2f}, assignmentPolicy: {id: 962493bb-be02-4aeb-a233-a205bbfe1d8d}, target: {objectId: 46184453-e63b-4f20-86c2-c557ed5d5df9}}
  - {accessPackageId: 642181f0-bc17-4fc6-9ebb-ff53dbf18c2f, assignmentPolicyId: 962493bb-be02-4aeb-a233-a205bbfe1d8d, targetId: 21aceaba-fe13-4e3b-aa8c-4c588d5e7387, state: delivering}
";

#[tokio::test]
async fn what_the_world_holds_beforehand_is_served_like_everything_else() {
    let world = format!("{}{SEEDED}", crate::tenant::WORLD);
    let tenant = Tenant::of(&world, graph_emulator::Quirks::default()).await;
    let package = "642181f0-bc17-4fc6-9ebb-ff53dbf18c2f";
    let seen = tenant
        .get(&format!(
            "{EM}/accessPackages/{package}?$expand=assignmentPolicies,resourceRoleScopes($expand=role),catalog"
        ))
        .await;
    assert_eq!(
        seen.body["assignmentPolicies"][0]["allowedTargetScope"],
        "allMemberUsers"
    );
    assert_eq!(seen.body["resourceRoleScopes"][0]["role"]["displayName"], "Member");
    assert_eq!(seen.body["catalog"]["displayName"], "General");
    let assignments = tenant
        .get(&format!(
            "{EM}/assignments?$filter=accessPackage/id eq '{package}'&$expand=target,assignmentPolicy"
        ))
        .await;
    assert_eq!(assignments.values().len(), 2);
    assert_eq!(assignments.values()[0]["target"]["objectId"], ANN);
    let groups = tenant.running.state()["directory"]["groups"].clone();
    let members = groups
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["id"] == GROUP)
        .unwrap()["members"]
        .clone();
    assert!(
        members.as_array().unwrap().contains(&json!(ANN)),
        "delivered already: {members}"
    );
    assert_eq!(
        tenant.delete(&format!("{EM}/accessPackages/{package}")).await.status,
        400
    );
}
