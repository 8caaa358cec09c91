//! What the operations send, and how they read answers.

use entra_access_operator::graph::{
    AccessPackage, AllowedTargetScope, GraphErrorKind, GroupKey, IncompatibleKind, NewResource, NewResourceRoleScope,
    OriginSystem, PolicyRead, Read, RequestState, ResourceRole, ResourceScope, SiteKey, UserKey,
};
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn};

const EM: &str = "/v1.0/identityGovernance/entitlementManagement";

fn package(id: &str) -> Value {
    json!({"id": id, "displayName": id, "assignmentPolicies": [], "resourceRoleScopes": []})
}

fn ids(packages: &[AccessPackage]) -> Vec<&str> {
    packages.iter().map(|package| package.id.as_str()).collect()
}

#[tokio::test]
async fn a_quote_in_a_name_stays_in_the_name() {
    let stand_in = StandIn::playing(vec![
        Reply::json(200, json!({"value": []})),
        Reply::json(200, json!({"value": []})),
        Reply::json(200, json!({"value": []})),
    ])
    .await;
    let graph = stand_in.graph();

    graph
        .find_groups(&GroupKey::DisplayName("O'Neil & Söhne + #1".to_owned()))
        .await
        .unwrap();
    graph
        .find_users(&UserKey::UserPrincipalName("a_b.com#EXT#@c.com".to_owned()))
        .await
        .unwrap();
    graph.find_catalogs_named("' or displayName ne '").await.unwrap();

    let seen = stand_in.seen();
    assert_eq!(seen[0].query("$filter"), Some("displayName eq 'O''Neil & Söhne + #1'"));
    assert_eq!(
        seen[1].query("$filter"),
        Some("userPrincipalName eq 'a_b.com#EXT#@c.com'")
    );
    assert_eq!(
        seen[2].query("$filter"),
        Some("displayName eq ''' or displayName ne '''")
    );
}

#[tokio::test]
async fn a_catalogs_packages_come_in_one_read() {
    let stand_in = StandIn::playing(vec![]).await;
    let more = format!("{}v1.0/identityGovernance/entitlementManagement/more", stand_in.url);
    let mut cut = package("p1");
    cut["assignmentPolicies"] = json!([{"id": "1", "displayName": "first"}]);
    cut["assignmentPolicies@odata.nextLink"] = more.into();
    stand_in.then(Reply::json(200, json!({"value": [cut, package("p2")]})));
    stand_in.then(Reply::json(
        200,
        json!({"value": [{"id": "2", "displayName": "second"}]}),
    ));

    let packages = stand_in.graph().list_access_packages(&"c".into()).await.unwrap();

    assert_eq!(ids(&packages.elements), ["p1", "p2"]);
    assert_eq!(
        packages.elements[0].policies.known().unwrap().elements.len(),
        2,
        "a collection that was cut is read to its end"
    );
    assert_eq!(packages.elements[1].catalog, Some("c".into()));
    let seen = stand_in.seen();
    assert_eq!(seen[0].path, format!("{EM}/catalogs/c/accessPackages"));
    assert_eq!(
        seen[0].query("$expand"),
        Some("assignmentPolicies,resourceRoleScopes($expand=role,scope),incompatibleAccessPackages,incompatibleGroups")
    );
}

#[tokio::test]
async fn a_refused_expand_is_replaced_by_batches_and_remembered() {
    let list = || Reply::json(200, json!({"value": [{"id": "p1"}, {"id": "p2"}, {"id": "p3"}]}));
    let throttled = json!({"id": "1", "status": 429, "headers": {"Retry-After": "1"},
        "body": {"error": {"code": "TooManyRequests", "message": ""}}});
    let gone = json!({"id": "2", "status": 404, "body": {"error": {"code": "ResourceNotFound", "message": ""}}});
    let part = |id: &str, package: Value| json!({"id": id, "status": 200, "body": package});
    let stand_in = StandIn::playing(vec![
        // With incompatibilities, and without.
        Reply::error(400, "BadRequest", vec![]),
        Reply::error(400, "BadRequest", vec![]),
        list(),
        Reply::json(200, json!({"responses": [throttled, gone, part("0", package("p1"))]})),
        Reply::json(200, json!({"responses": [part("1", package("p2"))]})),
        list(),
        Reply::json(
            200,
            json!({"responses": [
                part("2", package("p3")), part("1", package("p2")), part("0", package("p1")),
            ]}),
        ),
    ])
    .await;
    let graph = stand_in.graph().read_only();

    let packages = graph.list_access_packages(&"c".into()).await.unwrap();

    assert_eq!(
        ids(&packages.elements),
        ["p1", "p2"],
        "the one that is gone is left out"
    );
    let seen = stand_in.seen();
    assert_eq!(seen[3].path, "/v1.0/$batch");
    let urls = |index: usize| -> Vec<String> {
        let requests = seen[index].json()["requests"].as_array().unwrap().clone();
        requests
            .iter()
            .map(|request| request["url"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(urls(3).len(), 3);
    let retried = urls(4);
    assert_eq!(retried.len(), 1, "only what was throttled is sent again");
    assert!(retried[0].starts_with("/identityGovernance/entitlementManagement/accessPackages/p2?$expand="));
    assert!(seen[4].at - seen[3].at >= std::time::Duration::from_secs(1));

    assert_eq!(
        ids(&graph.list_access_packages(&"c".into()).await.unwrap().elements),
        ["p1", "p2", "p3"]
    );
    assert_eq!(stand_in.seen().len(), 7, "a refused expand was tried again");
}

#[tokio::test]
async fn a_batch_holds_at_most_twenty() {
    let listed: Vec<Value> = (0..41).map(|n| json!({"id": format!("p{n}")})).collect();
    let answers = |from: usize, to: usize| {
        let parts: Vec<Value> = (from..to)
            .map(|n| json!({"id": (n - from).to_string(), "status": 200, "body": package(&format!("p{n}"))}))
            .collect();
        Reply::json(200, json!({ "responses": parts }))
    };
    let stand_in = StandIn::playing(vec![
        Reply::error(501, "NotImplemented", vec![]),
        Reply::error(501, "NotImplemented", vec![]),
        Reply::json(200, json!({ "value": listed })),
        answers(0, 20),
        answers(20, 40),
        answers(40, 41),
    ])
    .await;
    let packages = stand_in.graph().list_access_packages(&"c".into()).await.unwrap();
    assert_eq!(packages.elements.len(), 41);
    assert_eq!(packages.elements[40].id, "p40".into());
}

#[tokio::test]
async fn a_batch_that_was_not_answered_whole_is_no_list() {
    let stand_in = StandIn::playing(vec![
        // With incompatibilities, and without.
        Reply::error(400, "BadRequest", vec![]),
        Reply::error(400, "BadRequest", vec![]),
        Reply::json(200, json!({"value": [{"id": "p1"}, {"id": "p2"}]})),
        Reply::json(
            200,
            json!({"responses": [{"id": "0", "status": 200, "body": package("p1")}]}),
        ),
    ])
    .await;
    let error = stand_in.graph().list_access_packages(&"c".into()).await.unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::InvalidResponse);
}

#[tokio::test]
async fn a_list_that_does_not_take_incompatibilities_is_read_without_them_and_a_package_asks_for_its_own() {
    let stand_in = StandIn::playing(vec![
        Reply::error(400, "BadRequest", vec![]),
        Reply::json(200, json!({"value": [package("p1")]})),
        Reply::error(400, "BadRequest", vec![]),
        Reply::json(200, package("p1")),
        Reply::json(200, json!({"value": [{"id": "other", "displayName": "Other"}]})),
        Reply::json(200, json!({"value": []})),
    ])
    .await;
    let graph = stand_in.graph();
    let listed = graph.list_access_packages(&"c".into()).await.unwrap();
    assert_eq!(listed.elements[0].incompatible_packages, Read::Unread);
    let single = graph.get_access_package(&"p1".into()).await.unwrap().unwrap();
    let others = single.incompatible_packages.known().unwrap();
    assert_eq!(others.elements[0].id.as_str(), "other");
    assert_eq!(
        single.incompatible_groups.known().map(|groups| groups.elements.len()),
        Some(0)
    );
}

#[tokio::test]
async fn a_refused_incompatibility_is_in_place_only_where_the_refusal_or_the_list_says_so() {
    let there = json!({"error": {"code": "Request_BadRequest",
        "message": "One or more added object references already exist for the following modified properties"}});
    let stand_in = StandIn::playing(vec![
        Reply::json(204, json!({})),
        Reply::json(400, there),
        Reply::error(409, "Conflict", vec![]),
        Reply::json(200, json!({"value": [{"id": "other"}]})),
        Reply::error(409, "Conflict", vec![]),
        Reply::json(200, json!({"value": []})),
        Reply::error(409, "Conflict", vec![]),
        Reply::error(403, "Forbidden", vec![]),
    ])
    .await;
    let graph = stand_in.graph();
    let (package, other) = ("p".into(), "other".into());
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        let added = graph
            .add_incompatible(&package, IncompatibleKind::AccessPackage, &other)
            .await;
        outcomes.push(added.map_err(|error| error.kind));
    }
    let refused = Err(GraphErrorKind::Conflict);
    assert_eq!(outcomes, [Ok(()), Ok(()), Ok(()), refused, refused]);
    let seen = stand_in.seen();
    assert_eq!(
        seen[0].path,
        format!("{EM}/accessPackages/p/incompatibleAccessPackages/$ref")
    );
    let address = format!("https://graph.microsoft.com{EM}/accessPackages/other");
    assert_eq!(seen[0].json(), json!({"@odata.id": address}));
}

#[tokio::test]
async fn a_package_of_another_catalog_is_not_found_by_name() {
    let stand_in = StandIn::playing(vec![
        Reply::error(400, "BadRequest", vec![]),
        Reply::json(
            200,
            json!({"value": [
                {"id": "p1", "displayName": "P", "catalog": {"id": "other"}},
                {"id": "p2", "displayName": "P", "catalog": {"id": "C"}},
            ]}),
        ),
    ])
    .await;
    let found = stand_in
        .graph()
        .find_access_packages_named(&"c".into(), "P")
        .await
        .unwrap();
    assert_eq!(ids(&found.elements), ["p2"]);
}

#[tokio::test]
async fn a_resource_is_asked_for_by_its_origin_and_removed_by_its_id() {
    let stand_in = StandIn::playing(vec![
        Reply::json(
            201,
            json!({"id": "req", "requestType": "adminAdd", "state": "delivered"}),
        ),
        Reply::json(
            201,
            json!({"id": "req2", "requestType": "adminRemove", "state": "submitted"}),
        ),
    ])
    .await;
    let graph = stand_in.graph();
    let resource = NewResource {
        origin_system: OriginSystem::AadApplication,
        origin_id: "sp".to_owned(),
        display_name: None,
        description: None,
        environment: None,
    };

    let added = graph.request_resource_add(&"c".into(), &resource).await.unwrap();
    graph.request_resource_remove(&"c".into(), &"res".into()).await.unwrap();

    assert_eq!((added.id, added.state), ("req".into(), RequestState::Delivered));
    let seen = stand_in.seen();
    assert_eq!(seen[0].path, format!("{EM}/resourceRequests"));
    assert_eq!(
        seen[0].json(),
        json!({"requestType": "adminAdd", "resource": {"originId": "sp", "originSystem": "AadApplication"}, "catalog": {"id": "c"}})
    );
    assert_eq!(
        seen[1].json(),
        json!({"requestType": "adminRemove", "resource": {"id": "res"}, "catalog": {"id": "c"}})
    );
}

#[tokio::test]
async fn a_policy_is_replaced_whole_and_never_with_values_we_do_not_know() {
    let policy = json!({"id": "pol", "displayName": "P", "allowedTargetScope": "AllMemberUsers",
        "requestApprovalSettings": null, "specificAllowedTargets": [{"@odata.type": "#microsoft.graph.aNewKind"}],
        "questions": [], "customExtensionStageSettings": [], "accessPackage": {"id": "p"}});
    let stand_in = StandIn::playing(vec![
        Reply::json(200, policy.clone()),
        Reply::json(200, policy),
        Reply::error(404, "ResourceNotFound", vec![]),
        Reply::json(200, json!({"id": "p"})),
    ])
    .await;
    let graph = stand_in.graph();
    let read = graph.get_assignment_policy(&"pol".into()).await.unwrap().unwrap();
    let package = read.access_package.unwrap();
    assert_eq!(
        read.fields.undeclared,
        ["specificAllowedTargets[0] (#microsoft.graph.aNewKind)"]
    );
    assert_eq!(read.fields.body(), None, "a write would lose what we do not know");
    let mut fields = PolicyRead {
        undeclared: Vec::new(),
        ..read.fields
    }
    .body()
    .unwrap();
    assert_eq!(fields.allowed_target_scope, AllowedTargetScope::AllMemberUsers);

    let refused = graph
        .replace_assignment_policy(&"pol".into(), &package, &fields)
        .await
        .unwrap_err();
    fields.specific_allowed_targets.clear();
    graph
        .replace_assignment_policy(&"pol".into(), &package, &fields)
        .await
        .unwrap();

    assert_eq!(refused.kind, GraphErrorKind::BadRequest);
    assert!(
        refused.message.contains("specificAllowedTargets") && refused.message.contains("aNewKind"),
        "{refused}"
    );
    let seen = stand_in.seen();
    assert_eq!((seen.len(), seen[1].method.as_str()), (2, "PUT"));
    let body = seen[1].json();
    assert_eq!(
        (&body["id"], &body["accessPackage"]["id"]),
        (&json!("pol"), &json!("p"))
    );
    assert_eq!(body["requestApprovalSettings"]["stages"], json!([]));
    assert_eq!(body["automaticRequestSettings"], Value::Null);

    assert_eq!(
        graph.list_assignment_policies(&"p".into()).await.unwrap(),
        None,
        "the package is gone"
    );
    let unread = graph.list_assignment_policies(&"p".into()).await.unwrap_err();
    assert_eq!(unread.kind, GraphErrorKind::InvalidResponse, "not answered is not none");
}

#[tokio::test]
async fn a_role_without_an_id_is_handed_out_by_its_origin() {
    let stand_in = StandIn::playing(vec![Reply::json(201, json!({"id": "r_s"}))]).await;
    let role_scope = NewResourceRoleScope {
        role: ResourceRole {
            id: None,
            display_name: "Member".to_owned(),
            origin_id: "Member_g".to_owned(),
            origin_system: OriginSystem::AadGroup,
        },
        scope: ResourceScope {
            id: Some("s".to_owned()),
            display_name: "Root".to_owned(),
            origin_id: "g".to_owned(),
            origin_system: OriginSystem::AadGroup,
            is_root: true,
        },
        resource: ("res".into(), "g".to_owned()),
    };

    let id = stand_in
        .graph()
        .add_resource_role_scope(&"p".into(), &role_scope)
        .await
        .unwrap();

    assert_eq!(id, "r_s".into());
    assert_eq!(
        stand_in.seen()[0].json(),
        json!({
            "role": {"displayName": "Member", "originId": "Member_g", "originSystem": "AadGroup",
                "resource": {"id": "res", "originId": "g", "originSystem": "AadGroup"}},
            "scope": {"id": "s", "displayName": "Root", "originId": "g", "originSystem": "AadGroup", "isRootScope": true},
        })
    );
}

#[tokio::test]
async fn roles_are_asked_of_the_catalog_with_both_clauses() {
    let role = json!({"id": "00000000-0000-0000-0000-000000000000", "displayName": "Reader", "originId": "role-1",
        "originSystem": "AadApplication", "resource": {"id": "res"}});
    let stand_in = StandIn::playing(vec![Reply::json(200, json!({"value": [role]}))]).await;

    let roles = stand_in
        .graph()
        .list_resource_roles(&"c".into(), OriginSystem::AadApplication, &"res".into())
        .await
        .unwrap();

    assert_eq!(
        (roles.elements[0].id.as_deref(), roles.elements[0].origin_id.as_str()),
        (None, "role-1")
    );
    assert_eq!(
        stand_in.seen()[0].query("$filter"),
        Some("(originSystem eq 'AadApplication' and resource/id eq 'res')")
    );
}

#[tokio::test]
async fn absence_is_proven_and_a_refusal_names_the_permission() {
    let stand_in = StandIn::playing(vec![
        Reply::error(404, "Request_ResourceNotFound", vec![]),
        Reply::error(403, "Authorization_RequestDenied", vec![]),
        Reply::error(404, "itemNotFound", vec![]),
    ])
    .await;
    let graph = stand_in.graph();
    let site = SiteKey::Url("https://contoso.sharepoint.com/sites/Market ing".to_owned());

    assert!(
        graph
            .find_groups(&GroupKey::Id("g".to_owned()))
            .await
            .unwrap()
            .is_empty()
    );
    let refused = graph
        .find_groups(&GroupKey::MailNickname("x".to_owned()))
        .await
        .unwrap_err();
    assert!(graph.find_sites(&site).await.unwrap().is_empty());

    assert_eq!(
        (refused.kind, refused.needed_permission),
        (GraphErrorKind::Forbidden, Some("GroupMember.Read.All"))
    );
    assert!(refused.to_string().contains("needs GroupMember.Read.All"));
    assert_eq!(
        stand_in.seen()[2].path,
        "/v1.0/sites/contoso.sharepoint.com:/sites/Market%20ing"
    );
}
