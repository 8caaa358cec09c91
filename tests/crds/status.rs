//! Status in the API server and through the types.

use entra_access_operator::api::{
    AccessPackage, AssignmentPolicy, Catalog, ConnectedOrganization, EntraTenant, NEVER_OBSERVED,
    custom_resource_definitions,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::cluster::{Kind, cluster, fresh_name};

#[test]
fn a_fresh_object_says_that_nobody_has_looked_and_a_status_once_written_stays() {
    for kind in Kind::ALL {
        let name = fresh_name();
        let object = kind.object(&name, "{}");
        cluster().apply(&object.to_string()).unwrap();
        let read = || cluster().get(kind.name(), &name, kind.namespace()).unwrap().unwrap();
        assert_eq!(
            read()["status"],
            json!({"observedGeneration": NEVER_OBSERVED}),
            "{kind:?}"
        );

        let status = json!({"observedGeneration": 1, "lastHandledReconcileAt": "now", "conditions": [{
            "type": "Ready", "status": "True", "reason": "Ready", "message": "", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]});
        cluster()
            .patch(kind.name(), &name, kind.namespace(), &json!({"status": status}))
            .unwrap();
        // What people apply has no status, or an old one: neither touches it.
        let mut again = object;
        again["metadata"]["labels"] = json!({"team": "marketing"});
        again["status"] = json!({"observedGeneration": 7});
        cluster().apply(&again.to_string()).unwrap();
        let after = read();
        assert_eq!(after["metadata"]["labels"]["team"], "marketing", "{kind:?}");
        assert_eq!(after["status"], status, "{kind:?}");
    }
}

/// Reads the object that the API server made of `object` into the type, and holds what the type writes against it.
fn round_trip<K: Serialize + DeserializeOwned>(kind: Kind, differences: &str, status: &Value) {
    let name = fresh_name();
    cluster().apply(&kind.object(&name, differences).to_string()).unwrap();
    cluster()
        .patch(kind.name(), &name, kind.namespace(), &json!({"status": status}))
        .unwrap();
    let stored = cluster().get(kind.name(), &name, kind.namespace()).unwrap().unwrap();
    let typed: K = serde_json::from_value(stored.clone()).unwrap();
    let written = serde_json::to_value(&typed).unwrap();
    assert_eq!(written["spec"], stored["spec"], "{kind:?}");
    assert_eq!(written["status"], stored["status"], "{kind:?}");
    // What the type writes is what the API server takes, field for field.
    cluster()
        .request("PUT", &path(kind, &name), "application/json", Some(&written))
        .unwrap();
    let stored_again = cluster().get(kind.name(), &name, kind.namespace()).unwrap().unwrap();
    assert_eq!(stored_again["spec"], stored["spec"], "{kind:?}");
    assert_eq!(
        stored_again["metadata"]["generation"], stored["metadata"]["generation"],
        "{kind:?}: a PUT of what was read is a change"
    );
}

fn path(kind: Kind, name: &str) -> String {
    let crd = kind.crd();
    let (plural, group) = crd.split_once('.').unwrap();
    let namespace = kind
        .namespace()
        .map(|name| format!("namespaces/{name}/"))
        .unwrap_or_default();
    format!("/apis/{group}/v1alpha1/{namespace}{plural}/{name}?fieldValidation=Strict")
}

#[test]
fn an_object_of_every_kind_survives_the_way_through_the_types() {
    let identity = json!({"cloud": "Global", "tenantId": "t", "catalogId": "c", "id": "i", "ownerUid": "u"});
    let intent = json!({"nonce": "n", "displayName": "d", "parentId": "p", "startedAt": "2026-01-01T00:00:00Z"});
    let applied = json!({"fields": {"displayName": "digest"}});
    let pins = json!([{"reference": "user mail=ann@contoso.com", "id": "i"}]);
    round_trip::<EntraTenant>(
        Kind::EntraTenant,
        "{domain: contoso.com, credentials: {clientSecret: {clientId: 22222222-3333-4444-5555-666666666666,
          secretRef: {name: contoso}}}}",
        &json!({"observedGeneration": 1, "permissions": ["EntitlementManagement.ReadWrite.All"]}),
    );
    round_trip::<Catalog>(
        Kind::Catalog,
        "{description: d, state: Published, externallyVisible: false, resources: [
          {name: crm, application: {appId: 22222222-3333-4444-5555-666666666666}, roles: [Reader]},
          {name: portal, sharePointSite: {url: 'https://contoso.sharepoint.com/sites/marketing'}, roles: [Visitors]},
          {name: team, group: {mailNickname: team}}],
          grants: [{name: a, namespaces: {selector: {matchLabels: {team: marketing}}}, resources: [crm],
          limits: {requestorScopes: [None], maxDuration: P90D, deletion: [Orphan],
          approvers: {kinds: [AnyUser], users: [{mail: ann@contoso.com}], groups: [{displayName: A}]},
          targets: {groups: [{displayName: A}]}, mustAsk: [{name: t, regex: r}], maxPackages: 3}},
          {name: b, namespaces: {all: {}}}]}",
        &json!({"observedGeneration": 1, "entra": identity, "intent": intent, "applied": applied, "resolved": pins,
            "resources": [{"name": "crm", "id": "r", "originId": "o", "originSystem": "AadApplication",
                "scopeId": "s", "roles": [{"name": "Reader", "id": "i", "displayName": "Reader"}], "added": true,
                "state": "Blocked", "message": "m"}],
            "effective": [{"name": "a", "limits": [{"limit": "approval", "value": "Required", "from": "Strict"}]}]}),
    );
    round_trip::<ConnectedOrganization>(
        Kind::ConnectedOrganization,
        "{description: d, state: Proposed, internalSponsors: [{user: {mail: ann@contoso.com}}], externalSponsors: [],
          driftPolicy: Report, deletionPolicy: Delete, management: Observe}",
        &json!({"observedGeneration": 1, "entra": identity, "intent": intent, "applied": applied, "resolved": pins}),
    );
    round_trip::<AccessPackage>(
        Kind::AccessPackage,
        "{description: d, hidden: true, id: 56ff43fd-6b05-48df-9634-956a777fce6d, deletionPolicy: Orphan,
          resourceRoles: [{resource: crm, role: Reader}],
          incompatibleWith: {accessPackages: [{name: audit, namespace: finance}], groups: [{displayName: A}]}, driftPolicy: Report, management: Observe}",
        &json!({"observedGeneration": 1, "entra": identity, "intent": intent, "applied": applied,
            "url": "https://myaccess.microsoft.com", "unmanagedPolicies": [{"id": "i", "displayName": "d"}],
            "resourceRoles": [{"resource": "crm", "role": "Reader", "id": "i", "state": "Assigned"}],
            "incompatibleWith": [{"reference": "package finance/audit", "id": "i", "state": "InPlace"}], "resolved": pins}),
    );
    round_trip::<AssignmentPolicy>(
        Kind::AssignmentPolicy,
        "{requestors: {scope: SpecificDirectoryUsers, targets: [{user: {mail: ann@contoso.com}},
          {group: {uniqueName: g}}], selfService: {add: true}, justification: Required},
          approval: {requiredForUpdate: true, stages: [{approvers: [{requestorManager: {}}, {internalSponsors: {}}],
          fallbackApprovers: [{group: {displayName: A}}], decisionTimeout: P7D,
          escalation: {after: P2D, approvers: [{user: {userPrincipalName: bob@contoso.com}}]}}]},
          expiration: {never: {}}, adoption: ByName, deletionPolicy: DeleteWithAssignments}",
        &json!({"observedGeneration": 1, "entra": identity, "intent": intent, "applied": applied, "resolved": pins,
            "accessPackageId": "p"}),
    );
}

/// The values that a later version may write into a status must neither be refused by this version's schema nor keep
/// this version from reading the object.
#[test]
fn a_status_of_a_later_version_is_read() {
    let identity = json!({"cloud": "Mars", "tenantId": "t", "catalogId": "c", "id": "i", "ownerUid": "u"});
    let condition = json!({"type": "Sunny", "status": "Unknown", "reason": "Weather", "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let read = |kind: Kind, more: Value| {
        let mut object = kind.object("subject", "{}");
        object["status"] = json!({"observedGeneration": 1, "conditions": [condition], "laterField": {"a": 1}});
        for (field, value) in more.as_object().into_iter().flatten() {
            object["status"][field] = value.clone();
        }
        object
    };
    let tenant: EntraTenant = serde_json::from_value(read(Kind::EntraTenant, json!({}))).unwrap();
    assert_eq!(tenant.status.unwrap().standing.conditions[0].type_, "Sunny");
    let catalog: Catalog = serde_json::from_value(read(
        Kind::Catalog,
        json!({"entra": identity, "resources": [{"name": "crm", "originId": "o", "originSystem": "AzureResource",
            "added": true, "state": "Quarantined"}]}),
    ))
    .unwrap();
    assert_eq!(catalog.status.unwrap().resources[0].state, "Quarantined");
    let package: AccessPackage = serde_json::from_value(read(
        Kind::AccessPackage,
        json!({"entra": identity, "resourceRoles": [{"resource": "crm", "role": "Reader", "state": "Pending"}]}),
    ))
    .unwrap();
    assert_eq!(package.status.unwrap().resource_roles[0].state, "Pending");
    let policy: AssignmentPolicy =
        serde_json::from_value(read(Kind::AssignmentPolicy, json!({"entra": identity}))).unwrap();
    assert_eq!(policy.status.unwrap().identity.entra.unwrap().cloud, "Mars");

    for crd in custom_resource_definitions() {
        let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
        assert!(
            !status.to_string().contains("\"enum\""),
            "an enum in the status of {}",
            crd["metadata"]["name"]
        );
    }
}
