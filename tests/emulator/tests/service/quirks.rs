//! The switches, each as it is seen from outside.

use graph_emulator::Quirks;
use serde_json::json;

use crate::tenant::{ABSENT, CRM, EM, GROUP, Tenant, adding, direct_policy};

#[tokio::test]
async fn lists_and_expands_lag_while_single_reads_are_right() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let package = tenant.package(&catalog, "Before").await;
    tenant
        .running
        .set_quirks(Quirks::from_json(json!({"replicationLag": {"lists": 700, "expands": 700}})).unwrap());
    let list = format!("{EM}/accessPackages?$filter=catalog/id eq '{catalog}'");
    tenant.until(&list, |seen| seen.values().len() == 1).await;
    let later = tenant.package(&catalog, "Later").await;
    tenant
        .patch(
            &format!("{EM}/accessPackages/{package}"),
            json!({"displayName": "After"}),
        )
        .await;
    tenant.policy(&package, "Late").await;
    assert_eq!(tenant.get(&format!("{EM}/accessPackages/{later}")).await.status, 200);
    assert_eq!(
        tenant.get(&format!("{EM}/accessPackages/{package}")).await.body["displayName"],
        "After"
    );
    let seen = tenant.get(&list).await;
    assert_eq!(seen.values().len(), 1);
    assert_eq!(seen.values()[0]["displayName"], "Before");
    let expanded = tenant
        .get(&format!("{EM}/accessPackages/{package}?$expand=assignmentPolicies"))
        .await;
    assert_eq!(expanded.body["assignmentPolicies"], json!([]));
    tenant
        .until(&list, |seen| {
            seen.values().len() == 2 && seen.values()[0]["displayName"] == "After"
        })
        .await;
    tenant.delete(&format!("{EM}/accessPackages/{later}")).await;
    assert_eq!(
        tenant.get(&list).await.values().len(),
        2,
        "what is gone is still listed"
    );
    tenant.until(&list, |seen| seen.values().len() == 1).await;
}

#[tokio::test]
async fn parallel_policy_creates_collide_and_serial_ones_do_not() {
    let tenant = Tenant::with_quirk("duplicateKey").await;
    let catalog = tenant.catalog("Marketing").await;
    let (one, other) = (
        tenant.package(&catalog, "One").await,
        tenant.package(&catalog, "Other").await,
    );
    let path = format!("{EM}/assignmentPolicies");
    let (first, second) = tokio::join!(
        tenant.post(&path, direct_policy(&one, "A")),
        tenant.post(&path, direct_policy(&other, "B"))
    );
    let mut status = [first.status, second.status];
    status.sort_unstable();
    assert_eq!(status, [201, 409]);
    tenant.policy(&one, "C").await;
    tenant.set_quirk("duplicateKey=1");
    tenant
        .post(&path, direct_policy(&one, "D"))
        .await
        .refused(409, "DuplicateKey");
    tenant.policy(&one, "D").await;
}

#[tokio::test]
async fn throttling_comes_with_and_without_retry_after() {
    let tenant = Tenant::with_quirk("throttle=1").await;
    let path = format!("{EM}/catalogs");
    let throttled = tenant.get(&path).await;
    throttled.refused(429, "TooManyRequests");
    assert_eq!(throttled.headers["retry-after"], "1");
    assert_eq!(tenant.get(&path).await.status, 200);
    tenant.set_quirk(r#"throttle={"count":1}"#);
    let throttled = tenant.get(&path).await;
    assert_eq!((throttled.status, throttled.headers.get("retry-after")), (429, None));
}

#[tokio::test]
async fn application_roles_stay_empty_in_the_expand_and_answer_in_the_catalog() {
    let tenant = Tenant::with_quirk("emptyAppRoles").await;
    let catalog = tenant.catalog("Marketing").await;
    let resource = tenant.resource(&catalog, "AadApplication", CRM).await;
    assert_eq!(resource["roles"], json!([]));
    let id = resource["id"].as_str().unwrap();
    let roles = tenant
        .get(&format!(
            "{EM}/catalogs/{catalog}/resourceRoles?$filter=originSystem eq 'AadApplication' and resource/id eq '{id}'"
        ))
        .await;
    assert_eq!(roles.values().len(), 1);
    assert_eq!(
        tenant.resource(&catalog, "AadGroup", GROUP).await["roles"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn absent_ids_are_forbidden_to_everyone() {
    let tenant = Tenant::with_quirk("forbiddenInsteadOfNotFound").await;
    tenant
        .get(&format!("{EM}/assignmentPolicies/{ABSENT}"))
        .await
        .refused(403, "UnAuthorized");
}

#[tokio::test]
async fn a_collection_does_not_expand_role_scopes_and_a_single_read_does() {
    let tenant = Tenant::with_quirk("noCollectionExpand").await;
    let package = tenant.package(&tenant.catalog("Marketing").await, "Campaign").await;
    assert_eq!(
        tenant
            .get(&format!("{EM}/accessPackages?$expand=resourceRoleScopes"))
            .await
            .status,
        400
    );
    assert_eq!(
        tenant
            .get(&format!("{EM}/accessPackages?$expand=assignmentPolicies"))
            .await
            .status,
        200
    );
    assert_eq!(
        tenant
            .get(&format!("{EM}/accessPackages/{package}?$expand=resourceRoleScopes"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_role_has_no_id_until_a_package_uses_it() {
    let tenant = Tenant::with_quirk("rolesWithoutIds").await;
    let catalog = tenant.catalog("Marketing").await;
    let package = tenant.package(&catalog, "Campaign").await;
    let resource = tenant.resource(&catalog, "AadGroup", GROUP).await;
    assert!(resource["roles"][0].get("id").is_none());
    assert_eq!(tenant.role_scope(&package, &resource, 0).await.status, 201);
    let seen = tenant
        .get(&format!("{EM}/catalogs/{catalog}/resources?$expand=roles"))
        .await;
    assert!(seen.values()[0]["roles"][0]["id"].is_string());
    assert!(seen.values()[0]["roles"][1].get("id").is_none());
}

#[tokio::test]
async fn the_next_matching_requests_fail_before_anything_is_done() {
    let tenant = Tenant::start().await;
    tenant.set_quirk(
        r#"failNext={"count":1,"status":503,"code":"ServiceUnavailable","method":"POST","path":"/catalogs"}"#,
    );
    assert_eq!(tenant.get(&format!("{EM}/catalogs")).await.status, 200);
    let failed = tenant
        .post(&format!("{EM}/catalogs"), json!({"displayName": "x"}))
        .await;
    failed.refused(503, "ServiceUnavailable");
    assert_eq!(
        tenant
            .get(&format!("{EM}/catalogs?$filter=displayName eq 'x'"))
            .await
            .values()
            .len(),
        0
    );
    tenant.catalog("x").await;
    assert_eq!(tenant.running.quirks(), Quirks::default(), "the count has run out");
}

#[tokio::test]
async fn a_dropped_answer_leaves_the_write_done() {
    let tenant = Tenant::start().await;
    let url = format!("{}{EM}/catalogs", tenant.running.endpoints.graph);
    let old = std::fs::read(&tenant.running.endpoints.ca_file).unwrap();
    let old = reqwest::Certificate::from_pem(&old).unwrap();
    let http1 = reqwest::Client::builder()
        .tls_certs_only([old])
        .http1_only()
        .build()
        .unwrap();
    for (client, name) in [(&tenant.client, "over HTTP/2"), (&http1, "over HTTP/1.1")] {
        tenant.set_quirk("dropAfterCommit=1");
        let sent = client
            .post(&url)
            .bearer_auth(&tenant.token)
            .json(&json!({"displayName": name}))
            .send()
            .await;
        assert!(sent.is_err(), "{name}: {sent:?}");
        let found = tenant
            .get(&format!("{EM}/catalogs?$filter=displayName eq '{name}'"))
            .await;
        assert_eq!(found.values().len(), 1, "{name}");
    }
    let dropped = tenant
        .running
        .requests()
        .iter()
        .filter(|line| line["dropped"] == true)
        .count();
    assert_eq!(dropped, 2);
}

#[tokio::test]
async fn latency_makes_every_call_take_its_time() {
    let tenant = Tenant::with_quirk("latency=120").await;
    let catalog = tenant.catalog("Marketing").await;
    tenant
        .post(&format!("{EM}/resourceRequests"), adding(&catalog, "AadGroup", GROUP))
        .await;
    let slow = tenant
        .running
        .requests()
        .iter()
        .filter(|line| line["milliseconds"].as_u64().unwrap() >= 120)
        .count();
    assert_eq!(slow, 2);
}

#[tokio::test]
async fn tokens_can_be_short_lived_and_the_token_endpoint_can_fail() {
    let mut tenant = Tenant::start().await;
    tenant.set_quirk("tokenLifetime=0");
    tenant.sign_in(crate::tenant::OPERATOR).await;
    let refused = tenant.get(&format!("{EM}/catalogs")).await;
    refused.refused(401, "InvalidAuthenticationToken");
    assert!(refused.message().contains("expired"));
    tenant.set_quirk(r#"failNext={"count":1,"status":503,"path":"/oauth2/"}"#);
    let (status, body) = tenant
        .token_request(crate::tenant::TENANT, &[("client_id", crate::tenant::OPERATOR)])
        .await;
    assert_eq!((status, &body["error"]), (503, &json!("temporarily_unavailable")));
}

#[tokio::test]
async fn single_reads_of_a_late_replica_miss_what_is_new_and_keep_what_is_gone() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let (old, gone) = (
        tenant.package(&catalog, "Before").await,
        tenant.package(&catalog, "Gone").await,
    );
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    tenant
        .running
        .set_quirks(Quirks::from_json(json!({"replicationLag": {"reads": 700}})).unwrap());
    let new = tenant.package(&catalog, "New").await;
    let path = |id: &str| format!("{EM}/accessPackages/{id}");
    tenant.patch(&path(&old), json!({"displayName": "After"})).await;
    tenant.delete(&path(&gone)).await;
    tenant.get(&path(&new)).await.refused(404, "ResourceNotFound");
    assert_eq!(tenant.get(&path(&old)).await.body["displayName"], "Before");
    assert_eq!(tenant.get(&path(&gone)).await.status, 200);
    let listed = tenant.get(&format!("{EM}/accessPackages")).await;
    assert_eq!(listed.values().len(), 2, "lists are right");
    assert_eq!(tenant.delete(&path(&new)).await.status, 204, "so are writes");
    tenant
        .until(&path(&old), |seen| seen.body["displayName"] == "After")
        .await;
    tenant.until(&path(&gone), |seen| seen.status == 404).await;
}

#[tokio::test]
async fn texts_are_trimmed_where_the_service_does() {
    let tenant = Tenant::start().await;
    let body = json!({"displayName": "Marketing ", "description": "one\r\ntwo\n"});
    let path = format!("{EM}/catalogs");
    let kept = tenant.post(&path, body.clone()).await;
    assert_eq!(kept.body["description"], body["description"]);
    tenant.set_quirk("trimsTexts");
    let trimmed = tenant.post(&path, body).await.body;
    assert_eq!(
        (&trimmed["displayName"], &trimmed["description"]),
        (&json!("Marketing"), &json!("one\ntwo"))
    );
    let catalog = trimmed["id"].as_str().unwrap();
    let changed = format!("{path}/{catalog}");
    tenant.patch(&changed, json!({"description": "three\n\n"})).await;
    assert_eq!(tenant.get(&changed).await.body["description"], "three");
}

#[tokio::test]
async fn a_token_in_its_time_can_be_refused() {
    let mut tenant = Tenant::with_quirk("rejectTokens=2").await;
    let path = format!("{EM}/catalogs");
    for _ in 0..2 {
        let refused = tenant.get(&path).await;
        refused.refused(401, "InvalidAuthenticationToken");
        assert!(refused.headers.contains_key("www-authenticate"));
    }
    assert_eq!(tenant.get(&path).await.status, 200);
    tenant.set_quirk("rejectTokens");
    for _ in 0..3 {
        tenant.get(&path).await.refused(401, "InvalidAuthenticationToken");
    }
    tenant.sign_in(crate::tenant::OPERATOR).await;
    assert_eq!(tenant.get(&path).await.status, 200, "a token that was issued since");
}

#[tokio::test]
async fn a_request_can_hang_while_others_are_served() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let path = format!("{EM}/catalogs/{catalog}");
    tenant.set_quirk(&format!(
        r#"hangNext={{"count":1,"ms":1500,"path":"/catalogs/{catalog}"}}"#
    ));
    let hanging = async {
        let began = std::time::Instant::now();
        assert_eq!(tenant.get(&path).await.status, 200);
        began.elapsed().as_millis()
    };
    let others = async {
        tenant
            .until(&format!("{EM}/catalogs"), |_| {
                tenant.running.quirks() == Quirks::default()
            })
            .await;
        let began = std::time::Instant::now();
        assert_eq!(tenant.get(&path).await.status, 200);
        began.elapsed().as_millis()
    };
    let (hung, served) = tokio::join!(hanging, others);
    assert!(hung >= 1500 && served < 1500, "{hung} ms, {served} ms");
    tenant.set_quirk(r#"hangNext={"count":1,"method":"GET"}"#);
    let url = format!("{}{path}", tenant.running.endpoints.graph);
    let waited = std::time::Duration::from_millis(300);
    let ended = tokio::time::timeout(waited, tenant.raw("GET", &url, None)).await;
    assert!(ended.is_err(), "for as long as anybody waits");
}

#[tokio::test]
async fn a_body_can_be_huge_and_still_says_the_same() {
    let tenant = Tenant::start().await;
    tenant.catalog("Marketing").await;
    tenant.set_quirk(r#"hugeBody={"count":1,"mib":3,"path":"/catalogs"}"#);
    let url = format!("{}{EM}/catalogs", tenant.running.endpoints.graph);
    let huge = tenant.raw("GET", &url, None).await.unwrap();
    assert_eq!(huge.content_length(), None);
    let text = huge.text().await.unwrap();
    assert!(text.len() > 3 * 1024 * 1024, "{}", text.len());
    let said: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(said["value"].as_array().unwrap().len(), 2);
    let next = tenant.raw("GET", &url, None).await.unwrap().text().await.unwrap();
    assert!(next.len() < 10_000);
}

#[tokio::test]
async fn what_is_expanded_on_a_package_can_be_cut_with_a_link_to_the_rest() {
    let tenant = Tenant::start().await;
    let catalog = tenant.catalog("Marketing").await;
    let package = tenant.package(&catalog, "Campaign").await;
    for name in ["One", "Two", "Three"] {
        tenant.policy(&package, name).await;
    }
    tenant.set_quirk("expandPageSize=1");
    let url = format!("{EM}/accessPackages/{package}?$expand=assignmentPolicies");
    let listed = format!("{EM}/accessPackages?$filter=catalog/id eq '{catalog}'&$expand=assignmentPolicies");
    for seen in [
        tenant.get(&url).await.body,
        tenant.get(&listed).await.values()[0].clone(),
    ] {
        assert_eq!(seen["assignmentPolicies"].as_array().unwrap().len(), 1);
        let link = seen["assignmentPolicies@odata.nextLink"].as_str().unwrap();
        let rest = tenant.raw("GET", link, None).await.unwrap().text().await.unwrap();
        let rest: serde_json::Value = serde_json::from_str(&rest).unwrap();
        let names: Vec<&str> = rest["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["displayName"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["Two", "Three"]);
    }
}

#[tokio::test]
async fn a_wrong_switch_is_named_wherever_it_is_set() {
    for wrong in [
        json!({"pageSize": 3, "replicationLag": {"read": 1}}),
        json!({"pageSize": 3, "sharePointNeedsDelegated": {"pakages": true}}),
    ] {
        let name = wrong
            .as_object()
            .unwrap()
            .keys()
            .find(|name| *name != "pageSize")
            .cloned();
        let said = Quirks::from_json(wrong).unwrap_err();
        assert!(said.contains(&name.unwrap()), "{said}");
    }
}

#[tokio::test]
async fn the_clock_of_the_service_can_differ_from_this_machines() {
    let tenant = Tenant::start().await;
    let half_a_minute_behind = |text: &str| {
        let told: jiff::Timestamp = text.parse().unwrap();
        let behind = jiff::Timestamp::now().duration_since(told).as_secs();
        (29..40).contains(&behind)
    };
    tenant.set_quirk("clockSkew=-30000");
    let made = tenant
        .post(&format!("{EM}/catalogs"), json!({"displayName": "Marketing"}))
        .await;
    assert_eq!(made.status, 201, "a token from the future is good: {}", made.body);
    let told = made.body["createdDateTime"].as_str().unwrap();
    assert!(half_a_minute_behind(told), "{told}");
    let date = made.headers["date"].to_str().unwrap();
    let date = jiff::fmt::rfc2822::parse(date).unwrap().timestamp().to_string();
    assert!(half_a_minute_behind(&date), "{date}");
}
