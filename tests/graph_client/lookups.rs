//! Many look-ups in one request, each with its own outcome.

use entra_access_operator::graph::{
    Found, GraphErrorKind, GroupKey, Lookup, ObjectKind, ServicePrincipalKey, SiteKey, UserKey,
};
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn};

fn part(id: usize, status: u16, body: Value) -> Value {
    json!({"id": id.to_string(), "status": status, "body": body})
}

fn refusal(code: &str) -> Value {
    json!({"error": {"code": code, "message": "no"}})
}

#[tokio::test]
async fn each_look_up_of_a_batch_has_its_own_outcome() {
    let stand_in = StandIn::playing(vec![Reply::json(
        200,
        json!({"responses": [
            part(3, 200, json!({"id": "s", "webUrl": "https://c.sharepoint.com/sites/x"})),
            part(0, 200, json!({"id": "u", "displayName": "Ann"})),
            part(1, 200, json!({"value": [{"id": "g1", "isAssignableToRole": true}, {"id": "g2"}]})),
            part(2, 404, refusal("Request_ResourceNotFound")),
            part(4, 403, refusal("Authorization_RequestDenied")),
            part(5, 200, json!({"value": [{"id": null}]})),
        ]}),
    )])
    .await;
    let lookups = [
        Lookup::User(UserKey::Id("u".to_owned())),
        Lookup::Group(GroupKey::DisplayName("O'Neil".to_owned())),
        Lookup::ServicePrincipal(ServicePrincipalKey::Id("gone".to_owned())),
        Lookup::Site(SiteKey::Url("ftp://nowhere".to_owned())),
        Lookup::Site(SiteKey::Url("https://c.sharepoint.com/sites/x".to_owned())),
        Lookup::ServicePrincipal(ServicePrincipalKey::AppId("app".to_owned())),
        Lookup::User(UserKey::Mail("m@c.com".to_owned())),
    ];

    let found = stand_in.graph().find_many(&lookups).await;

    assert!(matches!(&found[0], Ok(Found::Users(users)) if users[0].display_name == "Ann"));
    assert!(
        matches!(&found[1], Ok(Found::Groups(groups)) if groups.len() == 2 && groups[0].role_assignable && !groups[1].role_assignable)
    );
    assert!(matches!(&found[2], Ok(Found::ServicePrincipals(none)) if none.is_empty()));
    assert_eq!(found[3].as_ref().unwrap_err().kind, GraphErrorKind::BadRequest);
    assert!(matches!(&found[4], Ok(Found::Sites(sites)) if sites[0].id == "s"));
    let refused = found[5].as_ref().unwrap_err();
    assert_eq!(
        (refused.kind, refused.operation, refused.needed_permission),
        (
            GraphErrorKind::Forbidden,
            "servicePrincipals.find",
            Some("Application.Read.All")
        )
    );
    assert_eq!(
        found[6].as_ref().unwrap_err().kind,
        GraphErrorKind::InvalidResponse,
        "unreadable is not absent"
    );
    let seen = stand_in.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/v1.0/$batch"));
    let url = seen[0].json()["requests"][1]["url"].as_str().unwrap().to_owned();
    assert!(
        url.starts_with("/groups?$filter=displayName%20eq%20%27O%27%27Neil%27&$select=id,"),
        "{url}"
    );
    assert!(url.contains("isAssignableToRole"));
}

#[tokio::test]
async fn twenty_look_ups_go_in_a_batch_and_a_failed_batch_is_its_own() {
    let answers: Vec<Value> = (0..20)
        .map(|id| part(id, 200, json!({"id": format!("u{id}")})))
        .collect();
    let stand_in = StandIn::playing(vec![
        Reply::json(200, json!({ "responses": answers })),
        Reply::error(400, "BadRequest", vec![]),
        Reply::json(200, json!({"id": "u40"})),
    ])
    .await;
    let lookups: Vec<Lookup> = (0..41).map(|id| Lookup::User(UserKey::Id(format!("u{id}")))).collect();

    let found = stand_in.graph().find_many(&lookups).await;

    assert_eq!(found.iter().filter(|one| one.is_ok()).count(), 21);
    assert!(found[20..40].iter().all(Result::is_err));
    assert_eq!(
        stand_in.seen()[2].path,
        "/v1.0/users/u40",
        "one by itself needs no batch"
    );
    assert!(stand_in.graph().find_many(&[]).await.is_empty());
}

#[tokio::test]
async fn an_id_tells_what_it_stands_for() {
    let stand_in = StandIn::playing(vec![
        Reply::json(
            200,
            json!({"value": [
                {"@odata.type": "#microsoft.graph.servicePrincipal", "id": "SP", "displayName": "CRM", "appId": "a"},
                {"@odata.type": "#microsoft.graph.device", "id": "d"},
            ]}),
        ),
        Reply::json(
            200,
            json!({"responses": [
                part(0, 200, json!({"id": "app", "appId": "a", "displayName": "CRM"})),
                part(1, 403, refusal("Authorization_RequestDenied")),
            ]}),
        ),
    ])
    .await;
    let ids = ["sp".into(), "app".into(), "d".into(), "x".into()];

    let identified = stand_in.graph().identify(&ids).await.unwrap();

    let kinds: Vec<_> = identified
        .iter()
        .map(|one| one.as_ref().map(|one| one.kind.clone()))
        .collect();
    assert_eq!(
        kinds,
        [
            Some(ObjectKind::ServicePrincipal),
            Some(ObjectKind::Application),
            Some(ObjectKind::Other("device".to_owned())),
            None
        ]
    );
    assert_eq!(identified[1].as_ref().unwrap().app_id.as_deref(), Some("a"));
    let seen = stand_in.seen();
    assert_eq!(seen[0].json()["ids"], json!(["sp", "app", "d", "x"]));
    assert!(
        seen[1].json()["requests"][0]["url"]
            .as_str()
            .unwrap()
            .starts_with("/applications/app?")
    );
}
