//! Who holds a package: the past is never listed, and taking away is asked for once.

use entra_access_operator::graph::{GraphErrorKind, NewResource, OriginSystem, RemovalAsked, RequestState};
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn};

const EM: &str = "/v1.0/identityGovernance/entitlementManagement";

/// The URLs of a batch.
fn urls(body: &Value) -> Vec<String> {
    body["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["url"].as_str().unwrap().to_owned())
        .collect()
}

fn parts(values: &[Value]) -> Reply {
    let parts: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(index, value)| json!({"id": index.to_string(), "status": 200, "body": {"value": value}}))
        .collect();
    Reply::json(200, json!({ "responses": parts }))
}

#[tokio::test]
async fn an_expired_assignment_is_not_live_and_a_hanging_one_is() {
    let assignments = json!({"value": [
        {"id": "1", "state": "expired"},
        {"id": "2", "state": "delivering", "target": {"email": "ann@contoso.com", "objectId": null}},
        {"id": "3", "state": "somethingNew", "assignmentPolicy": {"id": "pol"}, "target": null},
        {"id": "4", "state": "delivered", "assignmentPolicy": {"id": null}},
    ]});
    let stand_in = StandIn::playing(vec![Reply::json(200, assignments)]).await;

    let live = stand_in
        .graph()
        .list_live_assignments(&"p".into())
        .await
        .unwrap()
        .elements;

    assert_eq!(live.len(), 3);
    assert_eq!(live[0].target.as_ref().unwrap().to_string(), "ann@contoso.com");
    assert_eq!((&live[1].policy, &live[2].policy), (&Some("pol".into()), &None));
    assert_eq!(
        stand_in.seen()[0].query("$filter"),
        Some("accessPackage/id eq 'p' and state ne 'expired'")
    );
}

#[tokio::test]
async fn of_past_assignments_nothing_but_the_state_is_read_where_the_filter_is_refused() {
    let more = json!([]);
    let stand_in = StandIn::playing(vec![Reply::error(400, "BadRequest", vec![])]).await;
    let page = json!({"value": [{"id": "2", "state": "delivering"}],
        "@odata.nextLink": format!("{}v1.0/more", stand_in.url)});
    stand_in.then(Reply::json(
        200,
        json!({"responses": [
            {"id": "0", "status": 200, "body": {"value": [{"id": "1", "state": "deliveryFailed"}]}},
            {"id": "1", "status": 200, "body": page},
            {"id": "2", "status": 200, "body": {"value": more}},
            {"id": "3", "status": 200, "body": {"value": [{"id": "2", "state": "delivered"}, {"id": "3", "state": null}]}},
        ]}),
    ));
    stand_in.then(Reply::json(200, json!({"value": [{"id": "4", "state": "delivering"}]})));
    stand_in.then(Reply::json(
        200,
        json!({"value": [{"id": "1", "state": "deliveryFailed"}, {"id": "8", "state": "expired"}, {"id": "9", "state": "somethingNew"}]}),
    ));
    stand_in.then(parts(&[json!([]), json!([]), json!([]), json!([])]));
    stand_in.then(Reply::json(200, json!({"value": [{"id": "8", "state": "expired"}]})));
    let graph = stand_in.graph();

    let live = graph.list_live_assignments(&"p".into()).await.unwrap();
    let none = graph.list_live_assignments(&"p".into()).await.unwrap();

    let ids: Vec<&str> = live.elements.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(
        ids,
        ["1", "2", "4", "9"],
        "one that moved while it was asked for counts once, and one in a state that is not known counts"
    );
    assert!(live.hides("3"), "one that cannot be read may be live");
    assert!(none.elements.is_empty());
    let seen = stand_in.seen();
    assert_eq!(seen.len(), 6, "the refused filter was tried again");
    assert_eq!(seen[3].query("$select"), Some("id,state"));
    let asked = urls(&seen[1].json());
    assert_eq!(asked.len(), 4);
    assert!(
        asked
            .iter()
            .all(|url| url.contains("accessPackage") && url.contains("state%20eq%20") && !url.contains("expired"))
    );
}

#[tokio::test]
async fn a_catalog_caller_that_may_not_look_is_not_told_that_nobody_holds() {
    let stand_in = StandIn::playing(vec![
        Reply::error(400, "BadRequest", vec![]),
        Reply::json(
            200,
            json!({"responses": [
                {"id": "0", "status": 200, "body": {"value": []}},
                {"id": "1", "status": 403, "body": {"error": {"code": "UnAuthorized", "message": "no"}}},
                {"id": "2", "status": 200, "body": {"value": []}}, {"id": "3", "status": 200, "body": {"value": []}},
            ]}),
        ),
    ])
    .await;
    let error = stand_in.graph().list_live_assignments(&"p".into()).await.unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Forbidden);
}

#[tokio::test]
async fn what_is_being_taken_away_can_be_seen_and_is_no_failure_to_ask_for() {
    let stand_in = StandIn::playing(vec![
        Reply::json(201, json!({"id": "req", "state": "submitted"})),
        Reply::error(400, "ExistingOpenRequest", vec![]),
        parts(&[
            json!([]),
            json!([]),
            json!([{"id": "r1", "requestType": "AdminRemove", "state": "submitted", "assignment": {"id": "a1"}},
                {"id": "r2", "requestType": "userAdd", "state": "submitted", "assignment": {"id": "a2"}}]),
            json!([{"id": "r3", "requestType": "adminRemove", "state": "delivering", "assignment": null}]),
        ]),
    ])
    .await;
    let graph = stand_in.graph();

    assert_eq!(
        graph.request_assignment_remove(&"a1".into()).await.unwrap(),
        RemovalAsked::Now
    );
    assert_eq!(
        graph.request_assignment_remove(&"a1".into()).await.unwrap(),
        RemovalAsked::Before
    );
    let open = graph.list_open_removals(&"p".into()).await.unwrap().elements;

    assert_eq!(
        (open.len(), &open[0].assignment, &open[1].assignment),
        (2, &Some("a1".into()), &None)
    );
    assert_eq!(open[1].state, RequestState::Delivering);
}

#[tokio::test]
async fn a_site_is_known_from_its_request_where_the_list_leaves_it_out() {
    let site =
        json!({"id": "res", "originId": "https://contoso.sharepoint.com/sites/x", "originSystem": "SharePointOnline"});
    let stand_in = StandIn::playing(vec![
        Reply::json(201, json!({"id": "req", "state": "delivered", "resource": site})),
        Reply::json(201, json!({"id": "req2", "state": "delivered", "resource": null})),
        Reply::json(200, json!({"id": "req2", "state": "delivered", "resource": {"id": "00000000-0000-0000-0000-000000000000", "originSystem": null}})),
    ])
    .await;
    let graph = stand_in.graph();
    let wanted = NewResource {
        origin_system: OriginSystem::SharePointOnline,
        origin_id: "https://contoso.sharepoint.com/sites/x".to_owned(),
        display_name: None,
        description: None,
        environment: Some("https://contosoeur-admin.sharepoint.com/".to_owned()),
    };

    let told = graph.request_resource_add(&"c".into(), &wanted).await.unwrap();
    let untold = graph.request_resource_add(&"c".into(), &wanted).await.unwrap();
    let asked = graph.get_resource_request(&untold.id).await.unwrap().unwrap();

    assert_eq!(told.resource.unwrap().id, Some("res".into()));
    assert_eq!(untold.resource, None);
    assert_eq!(asked.resource.unwrap().id, None, "an id of zeros is none");
    let seen = stand_in.seen();
    assert_eq!(
        seen[0].json()["resource"]["environment"],
        json!({"originId": "https://contosoeur-admin.sharepoint.com/"})
    );
    assert_eq!(seen[2].path, format!("{EM}/resourceRequests/req2"));
    assert_eq!(seen[2].query("$expand"), Some("resource"));
    assert!(!OriginSystem::SharePointOnline.is_listed() && OriginSystem::AadGroup.is_listed());
}

#[tokio::test]
async fn who_holds_both_of_two_packages_is_asked_by_the_function_and_whether_a_group_is_empty_by_one_member() {
    let stand_in = StandIn::playing(vec![
        Reply::json(200, json!({"value": [
            {"id": "a", "state": "delivered", "schedule": {"startDateTime": "2026-01-01T00:00:00Z", "expiration": {"type": "noExpiration"}}},
            {"id": "b", "state": "expired", "schedule": null},
        ]})),
        Reply::json(200, json!({"value": [{"@odata.type": "#microsoft.graph.user", "id": "u"}]})),
        Reply::json(200, json!({"value": []})),
        Reply::json(404, json!({"error": {"code": "Request_ResourceNotFound", "message": "no"}})),
    ])
    .await;
    let graph = stand_in.graph();

    let both = graph.list_additional_access(&"p'1".into(), &"q".into()).await.unwrap();
    let has = [
        graph.has_members(&"g".into()).await.unwrap(),
        graph.has_members(&"g".into()).await.unwrap(),
        graph.has_members(&"g".into()).await.unwrap(),
    ];

    assert_eq!(both.elements.len(), 2);
    assert!(both.elements[0].schedule.is_some() && both.elements[1].schedule.is_none());
    assert_eq!(has, [Some(true), Some(false), None]);
    let seen = stand_in.seen();
    assert!(
        seen[0]
            .path
            .starts_with(&format!("{EM}/assignments/additionalAccess(accessPackageId='p"))
            && seen[0].path.ends_with("incompatibleAccessPackageId='q')"),
        "{}",
        seen[0].path
    );
    assert_eq!(seen[1].path, "/v1.0/groups/g/members");
    assert_eq!(seen[1].query("$top"), Some("1"));
}
