//! Without a socket, in a runtime whose time is paused.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use graph_emulator::{Quirks, Tenant, World};
use serde_json::{Value, json};
use tower_service::Service as _;

use crate::tenant::{ANN, EM, OPERATOR, TENANT, WORLD, direct_policy};

struct Client {
    tenant: Tenant,
    token: String,
}

impl Client {
    async fn of(quirks: Value) -> Self {
        let world = World::from_yaml(WORLD).unwrap();
        let tenant = Tenant::new(world, Quirks::from_json(quirks).unwrap(), "https://localhost").unwrap();
        let mut client = Self {
            tenant,
            token: String::new(),
        };
        let form = format!(
            "client_id={OPERATOR}&client_secret=not-a-real-secret&grant_type=client_credentials&\
             scope=https://graph.microsoft.com/.default"
        );
        let (_, answer) = client
            .call("POST", &format!("/{TENANT}/oauth2/v2.0/token"), form)
            .await
            .unwrap();
        answer["access_token"].as_str().unwrap().clone_into(&mut client.token);
        client
    }

    async fn call(&self, method: &str, path: &str, body: String) -> Result<(u16, Value), std::io::Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://localhost{path}").replace(' ', "%20"))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .body(Body::from(body))
            .unwrap();
        let answer = self.tenant.service().call(request).await?;
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", &format!("/v1.0{path}"), String::new()).await.unwrap();
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, std::io::Error> {
        let (status, body) = self.call("POST", &format!("/v1.0{path}"), body.to_string()).await?;
        assert_eq!(status, 201, "{body}");
        Ok(body)
    }
}

#[tokio::test(start_paused = true)]
async fn minutes_of_latency_lag_and_delivery_pass_in_no_time() {
    let real = std::time::Instant::now();
    let quirks = json!({"latency": 700, "replicationLag": 60_000, "deliveryDelay": 300_000});
    let client = Client::of(quirks).await;
    let catalog = client
        .post(&format!("{EM}/catalogs"), json!({"displayName": "Marketing"}))
        .await
        .unwrap();
    let package = json!({"displayName": "Campaign", "catalog": {"id": catalog["id"]}});
    let package = client.post(&format!("{EM}/accessPackages"), package).await.unwrap();
    let package = package["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("{EM}/accessPackages")).await["value"], json!([]));
    tokio::time::advance(Duration::from_secs(61)).await;
    let listed = client.get(&format!("{EM}/accessPackages")).await;
    assert_eq!(listed["value"][0]["id"], package);

    let policy = client
        .post(&format!("{EM}/assignmentPolicies"), direct_policy(package, "Direct"))
        .await
        .unwrap();
    let asked = json!({"requestType": "adminAdd",
        "assignment": {"targetId": ANN, "assignmentPolicyId": policy["id"], "accessPackageId": package}});
    let asked = client.post(&format!("{EM}/assignmentRequests"), asked).await.unwrap();
    let path = format!("{EM}/assignmentRequests/{}", asked["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await["state"], "submitted");
    tokio::time::advance(Duration::from_secs(300)).await;
    let done = client.get(&path).await;
    assert_eq!(done["state"], "delivered");
    let moment = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let took = moment(&done["completedDateTime"]).duration_since(moment(&done["createdDateTime"]));
    assert!(
        took.as_secs() >= 300,
        "{took}: the time that it tells is the paused one"
    );
    assert!(real.elapsed() < Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_cut_connection_is_the_services_error() {
    let client = Client::of(json!({"dropAfterCommit": 1})).await;
    let lost = client
        .post(&format!("{EM}/catalogs"), json!({"displayName": "Marketing"}))
        .await;
    assert!(lost.is_err());
    let catalogs = client.tenant.part("catalogs").unwrap();
    assert_eq!(catalogs.as_array().unwrap().len(), 2, "the write is done");
}
