//! One thing that cannot be read costs itself alone, and what we do not know is neither lost nor taken for none.

use entra_access_operator::graph::{Doors, GraphErrorKind, Read};
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn};

const EM: &str = "/v1.0/identityGovernance/entitlementManagement";

fn role_scope(id: &str) -> Value {
    let part =
        json!({"id": id, "displayName": "Member", "originId": format!("Member_{id}"), "originSystem": "AadGroup"});
    json!({"id": id, "role": part, "scope": part})
}

/// A policy with things in it that are newer than this program.
fn newer_policy() -> Value {
    json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x", "id": "pol", "displayName": "P", "description": "d\r\n",
        "allowedTargetScope": "allMartians", "createdDateTime": "2026-01-01T00:00:00Z", "modifiedDateTime": "2026-01-02T00:00:00Z",
        "specificAllowedTargets": [{"@odata.type": "#microsoft.graph.aNewKind", "whom": "x"}],
        "expiration": {"type": "afterMoonrise", "duration": null, "endDateTime": null},
        "requestorSettings": {"enableTargetsToSelfAddAccess": true, "enableTargetsToSelfUpdateAccess": true,
            "enableTargetsToSelfRemoveAccess": true, "allowCustomAssignmentSchedule": true,
            "enableOnBehalfRequestorsToAddAccess": true, "enableOnBehalfRequestorsToUpdateAccess": true,
            "enableOnBehalfRequestorsToRemoveAccess": true, "enableRobotsToAddAccess": true,
            "onBehalfRequestors": [{"@odata.type": "#microsoft.graph.targetManager", "managerLevel": 1}]},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": true, "stages": [
            {"@odata.type": "#microsoft.graph.accessPackageDynamicApprovalStage", "customExtension": {"id": "ext"},
                "primaryApprovers": [{"@odata.type": "#microsoft.graph.targetApplicationOwners"}]}]},
        "automaticRequestSettings": {"requestAccessForAllowedTargets": true}, "reviewSettings": null,
        "verifiableCredentialSettings": {"credentialTypes": ["x"]},
        "questions": [{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "id": "q1"}],
        "customExtensionStageSettings": [], "customExtensionStageSettings@odata.context": "x",
        "accessPackage": {"id": "p", "displayName": "Package"},
    })
}

#[tokio::test]
async fn an_element_that_cannot_be_read_costs_itself_alone() {
    let stand_in = StandIn::playing(vec![
        Reply::json(
            200,
            json!({"value": [
                {"id": "p1", "resourceRoleScopes": [role_scope("a"), {"id": "b", "role": null, "scope": role_scope("b")["scope"]}],
                    "assignmentPolicies": [
                        {"id": "1", "displayName": "fine", "requestorSettings": null, "expiration": null},
                        {"id": "2", "displayName": "foreign", "expiration": {"type": null}}]},
                {"id": null, "displayName": "no id"},
                {"id": "p3", "resourceRoleScopes": [], "assignmentPolicies": null},
            ]}),
        ),
        Reply::json(
            200,
            json!({"value": [{"id": "r1", "originSystem": null}, {"id": "r2", "originId": "g", "originSystem": "AadGroup",
                "roles": [{"originId": "Member_g", "originSystem": null}, {"originId": "Owner_g", "originSystem": "AadGroup"}]}]}),
        ),
        Reply::json(200, json!({"value": [{"id": "c1"}, null, {"id": 7}]})),
        Reply::json(200, json!({"value": [{"id": "a1", "state": null}, {"id": "a2", "state": "delivered"}]})),
    ])
    .await;
    let graph = stand_in.graph();

    let packages = graph.list_access_packages(&"c".into()).await.unwrap();
    let resources = graph.list_resources(&"c".into()).await.unwrap();
    let catalogs = graph.list_catalogs().await.unwrap();
    let assignments = graph.list_live_assignments(&"p".into()).await.unwrap();

    assert_eq!((packages.elements.len(), packages.unreadable.len()), (2, 1));
    assert!(packages.hides("anything"), "one without an id may be any");
    let roles = packages.elements[0].resource_role_scopes.known().unwrap();
    assert_eq!(roles.elements[0].id, "a".into());
    assert!(roles.hides("B") && !roles.hides("c"));
    let policies = packages.elements[0].policies.known().unwrap();
    assert_eq!(
        (policies.elements.len(), policies.unreadable[0].id.as_deref()),
        (1, Some("2"))
    );
    assert_eq!(policies.unreadable[0].display_name.as_deref(), Some("foreign"));
    assert_eq!(packages.elements[1].policies, Read::Unread, "not answered is not none");
    assert_eq!(resources.unreadable[0].id.as_deref(), Some("r1"));
    let roles = resources.elements[0].roles.known().unwrap();
    assert_eq!((roles.elements.len(), roles.unreadable.len()), (1, 1));
    assert_eq!((catalogs.elements.len(), catalogs.unreadable.len()), (1, 2));
    assert_eq!((assignments.elements.len(), assignments.unreadable.len()), (1, 1));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_once() {
    crate::sign_in::listen();
    crate::sign_in::LOG.take();
    let list = || Reply::json(200, json!({"value": [{"id": "r1", "originSystem": null}]}));
    let stand_in = StandIn::playing(vec![list(), list()]).await;
    let graph = stand_in.graph();
    graph.list_resources(&"c".into()).await.unwrap();
    graph.clone().list_resources(&"c".into()).await.unwrap();

    let log = crate::sign_in::LOG.with_borrow(|log| String::from_utf8(log.clone()).unwrap());
    let told: Vec<&str> = log.lines().filter(|line| line.contains("cannot be read")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("WARN") && told[0].contains("r1"), "{}", told[0]);
}

#[tokio::test]
async fn a_packages_own_read_follows_the_pages_of_its_roles_and_policies() {
    let stand_in = StandIn::playing(vec![]).await;
    let link = |name: &str| format!("{}v1.0/{name}", stand_in.url);
    stand_in.then(Reply::json(
        200,
        json!({"id": "p", "catalog": {"id": "c"},
            "resourceRoleScopes": [role_scope("a")], "resourceRoleScopes@odata.nextLink": link("roles"),
            "assignmentPolicies": [{"id": "1"}], "assignmentPolicies@odata.nextLink": link("policies"),
            "incompatibleAccessPackages": [], "incompatibleGroups": []}),
    ));
    stand_in.then(Reply::json(200, json!({"value": [role_scope("b"), {"id": "c"}]})));
    stand_in.then(Reply::json(200, json!({"value": [{"id": "2"}]})));
    stand_in.then(Reply::json(200, json!({"id": "p", "catalog": null})));
    // What it is incompatible with is left out, and refused by itself as well.
    stand_in.then(Reply::error(400, "BadRequest", vec![]));
    stand_in.then(Reply::error(400, "BadRequest", vec![]));
    let graph = stand_in.graph();

    let package = graph.get_access_package(&"p".into()).await.unwrap().unwrap();
    let bare = graph.get_access_package(&"p".into()).await.unwrap().unwrap();

    let roles = package.resource_role_scopes.known().unwrap();
    assert_eq!((roles.elements.len(), roles.unreadable.len()), (2, 1));
    assert_eq!(package.policies.known().unwrap().elements.len(), 2);
    assert_eq!((bare.resource_role_scopes, bare.policies), (Read::Unread, Read::Unread));
    assert_eq!(
        (bare.incompatible_packages, bare.incompatible_groups),
        (Read::Unread, Read::Unread)
    );
}

/// Microsoft Graph docs, "Paging": a page may be empty and lead on, and only the one without a link is the last.
#[tokio::test]
async fn an_empty_page_is_not_the_last_one() {
    let stand_in = StandIn::playing(vec![]).await;
    let link = |name: &str| format!("{}v1.0/{name}", stand_in.url);
    stand_in.then(Reply::json(
        200,
        json!({"value": [], "@odata.nextLink": link("second")}),
    ));
    stand_in.then(Reply::json(200, json!({"value": [], "@odata.nextLink": link("third")})));
    stand_in.then(Reply::json(
        200,
        json!({"value": [{"id": "c1"}], "@odata.nextLink": null}),
    ));
    stand_in.then(Reply::json(
        200,
        json!({"id": "p", "resourceRoleScopes": [], "resourceRoleScopes@odata.nextLink": link("roles"),
            "assignmentPolicies": [], "assignmentPolicies@odata.nextLink": link("policies")}),
    ));
    stand_in.then(Reply::json(
        200,
        json!({"value": [], "@odata.nextLink": link("more-roles")}),
    ));
    stand_in.then(Reply::json(200, json!({"value": [role_scope("a")]})));
    stand_in.then(Reply::json(200, json!({"value": [{"id": "1"}]})));
    let graph = stand_in.graph();

    let catalogs = graph.list_catalogs().await.unwrap();
    let package = graph.get_access_package(&"p".into()).await.unwrap().unwrap();

    assert_eq!(catalogs.elements.len(), 1);
    assert_eq!(package.resource_role_scopes.known().unwrap().elements.len(), 1);
    assert_eq!(package.policies.known().unwrap().elements.len(), 1);
}

#[tokio::test]
async fn a_resource_that_cannot_be_read_is_not_absent() {
    let stand_in = StandIn::playing(vec![
        Reply::json(200, json!({"value": [{"id": "r1", "originSystem": null}]})),
        Reply::json(200, json!({"value": []})),
    ])
    .await;
    let graph = stand_in.graph();
    let error = graph.find_resource(&"c".into(), "g").await.unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::InvalidResponse);
    assert_eq!(graph.find_resource(&"c".into(), "g").await.unwrap(), None);
}

#[tokio::test]
async fn a_policy_is_closed_as_it_was_read_whatever_is_in_it() {
    let stand_in = StandIn::playing(vec![]).await;
    let mut cut = newer_policy();
    cut["questions@odata.nextLink"] = format!("{}v1.0/more", stand_in.url).into();
    stand_in.then(Reply::json(200, cut));
    stand_in.then(Reply::json(200, json!({"value": [{"id": "q2"}]})));
    stand_in.then(Reply::json(200, json!({"id": "pol"})));
    let graph = stand_in.graph();
    let policy = graph.get_assignment_policy(&"pol".into()).await.unwrap().unwrap();
    assert!(
        policy
            .fields
            .undeclared
            .contains(&"verifiableCredentialSettings".to_owned())
    );
    assert_eq!(policy.fields.body(), None);
    let open = policy.fields.doors();
    assert!(
        open.any()
            && open.self_add
            && open.self_update
            && open.on_behalf_add
            && open.on_behalf_update
            && open.automatic
    );

    let closed = graph.close_assignment_policy(&policy).await.unwrap();

    assert_eq!(closed.doors(), Doors::default());
    assert_eq!(closed.undeclared, policy.fields.undeclared);
    assert!(closed.requestor_settings.enable_targets_to_self_remove_access);
    let seen = stand_in.seen();
    assert_eq!(
        (seen[2].method.as_str(), seen[2].path.as_str()),
        ("PUT", format!("{EM}/assignmentPolicies/pol").as_str())
    );
    let mut right = newer_policy();
    let properties = right.as_object_mut().unwrap();
    for read_only in [
        "@odata.context",
        "createdDateTime",
        "modifiedDateTime",
        "customExtensionStageSettings@odata.context",
    ] {
        properties.remove(read_only);
    }
    right["accessPackage"] = json!({"id": "p"});
    right["automaticRequestSettings"] = Value::Null;
    right["questions"].as_array_mut().unwrap().push(json!({"id": "q2"}));
    for door in [
        "enableTargetsToSelfAddAccess",
        "enableTargetsToSelfUpdateAccess",
        "enableOnBehalfRequestorsToAddAccess",
        "enableOnBehalfRequestorsToUpdateAccess",
        "enableRobotsToAddAccess",
    ] {
        right["requestorSettings"][door] = false.into();
    }
    assert_eq!(seen[2].json(), right);
}

#[tokio::test]
async fn a_policy_that_is_known_from_a_list_only_is_read_before_it_is_closed() {
    let mut foreign = newer_policy();
    foreign["expiration"] = json!({"type": null});
    let stand_in = StandIn::playing(vec![
        Reply::json(
            200,
            json!({"id": "p", "assignmentPolicies": [{"id": "pol", "displayName": "P"}]}),
        ),
        Reply::json(200, newer_policy()),
        Reply::json(200, json!({})),
        Reply::json(200, foreign),
        Reply::json(200, json!({})),
        Reply::error(404, "ResourceNotFound", vec![]),
    ])
    .await;
    let graph = stand_in.graph();
    let listed = graph.list_assignment_policies(&"p".into()).await.unwrap().unwrap();

    let closed = graph.close_assignment_policy(&listed.elements[0]).await.unwrap();
    graph.close_unread_policy(&"pol".into()).await.unwrap();
    let gone = graph.close_unread_policy(&"pol".into()).await.unwrap_err();

    assert_eq!(closed.display_name, "P");
    assert!(
        !closed.undeclared.is_empty(),
        "the read of its own told more than the list"
    );
    let seen = stand_in.seen();
    assert_eq!(
        seen[2].json()["requestApprovalSettings"],
        newer_policy()["requestApprovalSettings"]
    );
    assert_eq!(
        seen[4].json()["expiration"],
        json!({"type": null}),
        "sent back as it was"
    );
    assert_eq!(gone.kind, GraphErrorKind::NotFound);
}
