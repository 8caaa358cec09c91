//! The door: one way in for every request.

use std::time::{Duration, Instant};

use entra_access_operator::graph::{
    CatalogFields, CatalogPatch, CatalogState, GraphErrorKind, NewAccessPackage, Removed,
};
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn, TOKEN};

fn page(names: &[&str], next: Option<String>) -> Reply {
    let catalogs: Vec<Value> = names
        .iter()
        .map(|name| json!({"id": name, "displayName": name}))
        .collect();
    let mut body = json!({ "value": catalogs });
    if let Some(next) = next {
        body["@odata.nextLink"] = next.into();
    }
    Reply::json(200, body)
}

fn package() -> NewAccessPackage {
    NewAccessPackage {
        catalog: "c".into(),
        display_name: "P".to_owned(),
        description: "p".to_owned(),
        hidden: false,
    }
}

#[tokio::test]
async fn pages_are_followed_as_the_service_gives_them() {
    let stand_in = StandIn::playing(vec![]).await;
    let base = format!("{}v1.0/identityGovernance/entitlementManagement/catalogs", stand_in.url);
    stand_in.then(page(&["a", "b"], Some(format!("{base}?$skiptoken=2%2B"))));
    stand_in.then(page(&[], Some(format!("{base}?$skiptoken=3"))));
    stand_in.then(page(&["c"], None));

    let catalogs = stand_in.graph().list_catalogs().await.unwrap().elements;

    let names: Vec<_> = catalogs.iter().map(|catalog| catalog.display_name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(stand_in.seen()[1].query("$skiptoken"), Some("2+"));
}

#[tokio::test]
async fn the_bearer_never_follows_a_next_link_to_another_host() {
    let foreign = StandIn::playing(vec![page(&["stolen"], None)]).await;
    let elsewhere = StandIn::playing(vec![]).await;
    for link in [
        format!("{}v1.0/identityGovernance/entitlementManagement/catalogs", foreign.url),
        format!("{}beta/catalogs", elsewhere.url),
        format!("{}v1.0/../beta/catalogs", elsewhere.url),
        format!("{}v1.0evil/catalogs", elsewhere.url),
        elsewhere.url.as_str().replace("https://", "http://") + "v1.0/catalogs",
        elsewhere.url.as_str().replace("https://", "https://user@") + "v1.0/catalogs",
    ] {
        elsewhere.then(page(&["a"], Some(link.clone())));
        let error = elsewhere.graph().list_catalogs().await.unwrap_err();
        assert_eq!(error.kind, GraphErrorKind::ForeignHost, "{link}: {error}");
        assert!(!error.to_string().contains(TOKEN));
    }
    assert!(
        foreign.seen().is_empty(),
        "the foreign host was asked: {:?}",
        foreign.seen()
    );
    assert_eq!(elsewhere.seen().len(), 6);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let foreign = StandIn::playing(vec![]).await;
    let to = vec![("location", foreign.url.to_string())];
    let stand_in = StandIn::playing(vec![Reply::Text(302, to, "moved")]).await;

    let error = stand_in.graph().get_catalog(&"c".into()).await.unwrap_err();

    assert_eq!((error.kind, error.status), (GraphErrorKind::Unexpected, Some(302)));
    assert!(foreign.seen().is_empty());
}

#[tokio::test]
async fn what_somebody_else_answers_to_a_create_tells_nothing_of_it() {
    for status in [302, 400, 403, 404, 409] {
        let stand_in = StandIn::playing(vec![Reply::Text(status, vec![], "<html>a proxy</html>")]).await;

        let error = stand_in.graph().create_access_package(&package()).await.unwrap_err();

        assert_eq!(error.kind, GraphErrorKind::OutcomeUnknown, "{error}");
        assert!(error.to_string().contains("is not Graph's answer"), "{error}");
        assert_eq!(stand_in.seen().len(), 1, "it is not sent again");
    }
}

#[tokio::test]
async fn every_request_carries_the_bearer_and_an_id_of_its_own() {
    let stand_in = StandIn::playing(vec![
        Reply::error(404, "ResourceNotFound", vec![]),
        Reply::error(409, "DuplicateAccessPackage", vec![]),
    ])
    .await;
    let graph = stand_in.graph();

    assert_eq!(graph.get_catalog(&"gone".into()).await.unwrap(), None);
    let error = graph.create_access_package(&package()).await.unwrap_err();

    assert_eq!(error.kind, GraphErrorKind::Conflict);
    assert!(error.has_code("duplicateaccesspackage") && !error.is_transient());
    assert_eq!(
        error.to_string(),
        "accessPackages.create: HTTP 409 DuplicateAccessPackage: DuplicateAccessPackage it is"
    );
    assert_eq!(error.trace().as_deref(), Some("[request-id r-77]"));
    let seen = stand_in.seen();
    let id = |index: usize| seen[index].headers["client-request-id"].to_str().unwrap().to_owned();
    assert_eq!(seen[0].headers["authorization"], format!("Bearer {TOKEN}"));
    assert_ne!(id(0), id(1));
    assert_eq!(error.client_request_id.as_deref(), Some(id(1).as_str()));
    assert_eq!(stand_in.tokens().len(), 1, "one token serves both");
}

#[tokio::test]
async fn a_404_from_something_that_is_not_graph_is_not_absence() {
    let stand_in = StandIn::playing(vec![
        Reply::Text(404, vec![], "<html>"),
        Reply::Text(404, vec![], "<html>"),
    ])
    .await;
    let graph = stand_in.graph();

    let read = graph.get_catalog(&"c".into()).await.unwrap_err();
    let delete = graph.delete_catalog(&"c".into()).await.unwrap_err();

    assert_eq!(
        (read.kind, delete.kind),
        (GraphErrorKind::InvalidResponse, GraphErrorKind::InvalidResponse)
    );
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_not_sent_again() {
    for reply in [
        Reply::Lost,
        Reply::error(500, "InternalServerError", vec![]),
        Reply::error(503, "ServiceUnavailable", vec![]),
        Reply::error(504, "GatewayTimeout", vec![]),
        Reply::Text(201, vec![], "no JSON"),
    ] {
        let stand_in = StandIn::playing(vec![reply]).await;
        let error = stand_in.graph().create_access_package(&package()).await.unwrap_err();
        assert_eq!(error.kind, GraphErrorKind::OutcomeUnknown, "{error}");
        assert_eq!(stand_in.seen().len(), 1);
    }
}

#[tokio::test]
async fn reads_and_repeatable_writes_survive_a_lost_answer() {
    let stand_in = StandIn::playing(vec![
        Reply::Lost,
        Reply::json(200, json!({"id": "c", "displayName": "C"})),
        Reply::error(502, "BadGateway", vec![]),
        Reply::Text(204, vec![], ""),
        Reply::Lost,
        Reply::error(404, "ResourceNotFound", vec![]),
    ])
    .await;
    let graph = stand_in.graph();

    assert!(graph.get_catalog(&"c".into()).await.unwrap().is_some());
    graph
        .update_catalog(&"c".into(), &CatalogPatch::default())
        .await
        .unwrap();
    // The first may have been carried out, or may not have arrived: one 404 does not tell.
    assert_eq!(graph.delete_catalog(&"c".into()).await.unwrap(), Removed::NotFound);

    let methods: Vec<_> = stand_in.seen().iter().map(|seen| seen.method.to_string()).collect();
    assert_eq!(methods, ["GET", "GET", "PATCH", "PATCH", "DELETE", "DELETE"]);
}

#[tokio::test]
async fn a_create_that_was_throttled_waits_as_long_as_asked_and_is_sent_again() {
    let wait = vec![("retry-after", "1".to_owned())];
    let stand_in = StandIn::playing(vec![
        Reply::error(429, "TooManyRequests", wait.clone()),
        Reply::error(503, "ServiceUnavailable", wait),
        Reply::json(201, json!({"id": "p", "displayName": "P"})),
    ])
    .await;

    let made = stand_in.graph().create_access_package(&package()).await.unwrap();

    assert_eq!((made.id, made.catalog), ("p".into(), Some("c".into())));
    let seen = stand_in.seen();
    assert_eq!(seen.len(), 3);
    for pair in seen.windows(2) {
        assert!(
            pair[1].at - pair[0].at >= Duration::from_secs(1),
            "sent again too early"
        );
    }
}

#[tokio::test]
async fn a_wait_that_is_longer_than_the_deadline_is_the_callers() {
    let wait = vec![("retry-after", "120".to_owned())];
    let stand_in = StandIn::playing(vec![Reply::error(429, "TooManyRequests", wait)]).await;
    let begun = Instant::now();

    let error = stand_in.graph().list_catalogs().await.unwrap_err();

    assert_eq!(
        (error.kind, error.retry_after),
        (GraphErrorKind::Throttled, Some(Duration::from_secs(120)))
    );
    assert!(error.is_transient());
    assert!(begun.elapsed() < Duration::from_secs(20), "the caller was kept waiting");
}

#[tokio::test]
async fn the_deadline_ends_an_operation_that_keeps_failing() {
    let failures = (0..20)
        .map(|_| Reply::error(500, "InternalServerError", vec![]))
        .collect();
    let stand_in = StandIn::playing(failures).await;
    let graph = stand_in.graph().with_deadline(Duration::from_millis(900));
    graph.token_claims().await.unwrap();
    let begun = Instant::now();

    let error = graph.list_catalogs().await.unwrap_err();

    assert_eq!(error.kind, GraphErrorKind::ServiceUnavailable);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(stand_in.seen().len() < 5);
}

#[tokio::test]
async fn a_read_only_handle_refuses_writes_before_anything_is_sent() {
    let stand_in = StandIn::playing(vec![page(&["a"], None)]).await;
    let graph = stand_in.graph().read_only();
    let fields = CatalogFields {
        display_name: "C".to_owned(),
        description: "c".to_owned(),
        state: CatalogState::Published,
        externally_visible: false,
    };

    let refused = [
        graph.create_catalog(&fields).await.unwrap_err(),
        graph
            .update_catalog(&"c".into(), &CatalogPatch::default())
            .await
            .unwrap_err(),
        graph.delete_catalog(&"c".into()).await.unwrap_err(),
        graph.create_access_package(&package()).await.unwrap_err(),
    ];

    assert!(refused.iter().all(|error| error.kind == GraphErrorKind::ReadOnly));
    assert!(stand_in.seen().is_empty() && stand_in.tokens().is_empty());
    assert_eq!(graph.list_catalogs().await.unwrap().elements.len(), 1);
}

#[tokio::test]
async fn an_empty_id_does_not_delete_a_collection() {
    let stand_in = StandIn::playing(vec![]).await;
    let error = stand_in.graph().delete_access_package(&"".into()).await.unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::BadRequest);
    assert!(stand_in.seen().is_empty());
}
