//! Queries, pages, batches, the protocol.

use serde_json::{Value, json};

use crate::tenant::{EM, Tenant};

#[tokio::test]
async fn pages_are_followed_by_an_opaque_link_until_there_is_none() {
    let tenant = Tenant::with_quirk("pageSize=2").await;
    let catalog = tenant.catalog("Marketing").await;
    for number in 0..5 {
        tenant.package(&catalog, &format!("Package {number}")).await;
    }
    let mut next = Some(format!(
        "{EM}/accessPackages?$filter=catalog/id eq '{catalog}'&$select=displayName&$count=true"
    ));
    let (mut names, mut pages) = (Vec::new(), 0);
    while let Some(path) = next {
        let page = tenant.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(page.body["@odata.count"], 5);
        names.extend(
            page.values()
                .iter()
                .map(|package| package["displayName"].as_str().unwrap().to_owned()),
        );
        next = page.body["@odata.nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!((names.len(), pages), (5, 3), "{names:?}");
    assert_eq!(names[4], "Package 4");
    assert_eq!(
        tenant.get(&format!("{EM}/catalogs?$skiptoken=nonsense")).await.status,
        400
    );
    let top = tenant.get(&format!("{EM}/accessPackages?$top=1")).await;
    assert_eq!(top.values().len(), 1);
    assert!(top.body["@odata.nextLink"].is_string());
}

#[tokio::test]
async fn filters_take_what_is_documented_and_name_what_is_not() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("O'Neil & team").await;
    tenant.package(&catalog, "Team one").await;
    for filter in [
        "displayName+eq+%27O%27%27Neil+%26+team%27",
        "contains(tolower(displayName),'team')",
        "startswith(displayName,'O''N')",
    ] {
        assert_eq!(
            tenant
                .get(&format!("{EM}/catalogs?$filter={filter}"))
                .await
                .values()
                .len(),
            1,
            "{filter}"
        );
    }
    let both = format!("(catalog/id eq '{catalog}' and contains(displayName,'one')) or displayName eq 'x'");
    assert_eq!(
        tenant
            .get(&format!("{EM}/accessPackages?$filter={both}"))
            .await
            .values()
            .len(),
        1
    );
    let unsure = tenant
        .get(&format!("{EM}/accessPackages?$filter=isHidden eq true"))
        .await;
    assert_eq!(unsure.status, 501);
    assert!(unsure.message().contains("isHidden"), "{}", unsure.message());
    assert_eq!(
        tenant
            .get(&format!("{EM}/accessPackages?$filter=catalogId eq 'x'"))
            .await
            .status,
        400
    );
    assert_eq!(
        tenant
            .get(&format!("{EM}/accessPackages?$filter=displayName eq"))
            .await
            .status,
        400
    );
    assert_eq!(
        tenant
            .get(&format!("{EM}/accessPackages?$orderby=displayName"))
            .await
            .status,
        501
    );
}

#[tokio::test]
async fn expand_and_select_refuse_what_the_type_does_not_have() {
    let tenant = Tenant::start().await;
    let refused = tenant
        .get(&format!("{EM}/accessPackages?$expand=accessPackageAssignmentPolicies"))
        .await;
    assert_eq!(refused.status, 400, "a beta name");
    assert!(refused.message().contains("accessPackageAssignmentPolicies"));
    assert_eq!(
        tenant
            .get(&format!(
                "{EM}/accessPackages?$expand=resourceRoleScopes($expand=nonsense)"
            ))
            .await
            .status,
        400
    );
    assert_eq!(
        tenant
            .get(&format!("{EM}/accessPackages?$select=catalogId"))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn an_unknown_path_is_501_and_says_so() {
    let tenant = Tenant::start().await;
    let graph = &tenant.running.endpoints.graph;
    let answer = tenant
        .raw("GET", &format!("{graph}{EM}/accessPackageCatalogs"), None)
        .await
        .unwrap();
    assert_eq!(answer.status(), 501);
    let body: Value = answer.json().await.unwrap();
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("accessPackageCatalogs")
    );
}

#[tokio::test]
async fn double_slashes_and_trailing_slashes_are_taken() {
    let tenant = Tenant::start().await;
    assert_eq!(tenant.get("//users").await.status, 200);
    assert_eq!(tenant.get(&format!("{EM}/catalogs/")).await.status, 200);
}

#[tokio::test]
async fn an_answer_carries_graphs_headers_and_an_error_its_envelope() {
    let tenant = Tenant::start().await;
    let url = format!("{}{EM}/catalogs/nonsense", tenant.running.endpoints.graph);
    let answer = tenant
        .client
        .get(url)
        .bearer_auth(&tenant.token)
        .header("client-request-id", "abc-1")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["client-request-id"], "abc-1");
    assert_eq!(answer.headers()["odata-version"], "4.0");
    assert!(
        answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/json;odata.metadata=minimal")
    );
    let request_id = answer.headers()["request-id"].to_str().unwrap().to_owned();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["innerError"]["request-id"], request_id.as_str());
    assert_eq!(body["error"]["innerError"]["client-request-id"], "abc-1");
    assert!(
        !body["error"]["innerError"]["date"].as_str().unwrap().ends_with('Z'),
        "no zone"
    );
}

#[tokio::test]
async fn a_batch_answers_each_part_and_424_behind_a_failed_one() {
    let tenant = Tenant::start().await;
    let requests = json!([
        {"id": "1", "method": "GET", "url": format!("{EM}/catalogs")},
        {"id": "2", "method": "GET", "url": "/users/nobody@contoso.com"},
        {"id": "3", "method": "GET", "url": "/users", "dependsOn": ["2"]},
        {"id": "4", "method": "POST", "url": format!("{EM}/catalogs"), "headers": {"Content-Type": "application/json"}, "body": {"displayName": "Batched"}},
        {"id": "5", "method": "POST", "url": format!("{EM}/catalogs"), "body": {"displayName": "No type"}}]);
    let answer = tenant.post("/$batch", json!({"requests": requests})).await;
    assert_eq!(answer.status, 200);
    let status = |id: &str| {
        answer.body["responses"]
            .as_array()
            .unwrap()
            .iter()
            .find(|part| part["id"] == id)
            .unwrap()["status"]
            .clone()
    };
    assert_eq!(
        [status("1"), status("2"), status("3"), status("4"), status("5")],
        [json!(200), json!(404), json!(424), json!(201), json!(400)]
    );
    let many: Vec<Value> = (0..21)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": "/users"}))
        .collect();
    assert_eq!(tenant.post("/$batch", json!({"requests": many})).await.status, 400);
}
