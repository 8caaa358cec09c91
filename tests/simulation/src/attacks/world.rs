//! What there is before a siege begins: a platform with two grants for the team, another team, and what others have made.

use serde_json::{Value, json};

use super::{deed::TEAM, ground::Ground, oracle::Oracle};

pub(super) const API_VERSION: &str = "access.entra-operator.io/v1alpha1";
/// A package that somebody has made in the team's catalog, with a role, a door and a holder.
pub(super) const FOREIGN: &str = "aaaaaaaa-0000-4000-8000-000000000021";
/// Its door.
pub(super) const FOREIGN_POLICY: &str = "bbbbbbbb-0000-4000-8000-000000000021";
/// A package there with nothing in it.
pub(super) const BARE: &str = "aaaaaaaa-0000-4000-8000-000000000022";
/// A package of the catalog that every tenant has.
pub(super) const ELSEWHERE: &str = "aaaaaaaa-0000-4000-8000-000000000023";
const GENERAL: &str = "bd3d3c48-6afc-4e08-bd5d-e405a4e5e4b0";
const CRM: &str = "e81d7f57-0840-45e1-894b-f505c1bdcc1f";
const CRM_READER: &str = "79f9f804-26b8-4ac4-a919-a0c1c0a1a07c";
const ANN: &str = "46184453-e63b-4f20-86c2-c557ed5d5df9";
const CAROL: &str = "683a6675-085d-4142-a8e4-e77a0f7f7f1b";
pub(super) const BOB: &str = "57295564-f74c-4031-97d3-d668fe6e6e0a";

/// Limits by which Bob and Carol approve, and single users may be let in.
pub(super) fn limited(mut limits: Value) -> Value {
    limits["approvers"] = json!({"users": [{"id": BOB}, {"id": CAROL}]});
    limits["targets"] = json!({"kinds": ["AnyUser"]});
    limits
}

/// The resources of the team's catalog.
pub(super) fn resources() -> Vec<Value> {
    vec![
        json!({"name": "campaign-group", "group": {"displayName": "Marketing Campaign"}}),
        json!({"name": "crm", "application": {"appId": "22222222-2222-4222-8222-222222222222"}, "roles": ["Reader", "Writer"]}),
    ]
}

fn object(kind: &str, namespace: Option<&str>, name: &str, spec: &Value) -> Value {
    let mut object = json!({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec});
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": "other"}}})
}

/// A stage of approval by one user, as Entra writes it.
pub(super) fn stage(user: &str) -> Value {
    json!({"durationBeforeAutomaticDenial": "P14D", "isApproverJustificationRequired": false, "isEscalationEnabled": false,
        "durationBeforeEscalation": null, "fallbackPrimaryApprovers": [], "escalationApprovers": [],
        "fallbackEscalationApprovers": [],
        "primaryApprovers": [{"@odata.type": "#microsoft.graph.singleUser", "userId": user}]})
}

/// A policy by which all members ask, as somebody makes it in the portal.
pub(super) fn open_policy(name: &str, is_approved: bool) -> Value {
    let stages = if is_approved { vec![stage(BOB)] } else { Vec::new() };
    json!({"displayName": name, "description": "By hand", "allowedTargetScope": "allMemberUsers",
        "expiration": {"type": "afterDuration", "duration": "P90D"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": true},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": is_approved, "stages": stages}})
}

/// Sets everything up and lets it settle; from then on the oracle judges.
///
/// # Errors
/// What was refused, or did not settle.
pub(super) async fn set_up(ground: &mut impl Ground, oracle: &Oracle, has_admission: bool) -> Result<(), String> {
    let cluster = ground.cluster();
    if has_admission {
        ground.enforce_admission()?;
    }
    let mut tenant = ground.tenant_spec();
    tenant["acknowledge"] = json!({"cutsFrom": 3, "grantsFrom": 3});
    let payments = json!({"accessPackageRef": {"name": "payments"}, "displayName": "Payments", "description": "Theirs",
        "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
        "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "carol@contoso.com"}}]}]},
        "expiration": {"afterDuration": "P90D"}});
    for object in [
        namespace(TEAM),
        namespace("finance"),
        namespace("legal"),
        object("EntraTenant", None, "default", &tenant),
        object(
            "Catalog",
            None,
            TEAM,
            &json!({"displayName": "Marketing", "state": "Published", "resources": resources(), "grants": [
                {"name": "harmless", "namespaces": {"names": [TEAM]}, "resources": ["campaign-group"], "limits": limited(json!({"approval": "Optional"}))},
                {"name": "everything", "namespaces": {"names": [TEAM]}, "limits": limited(json!({"deletion": ["Delete", "Orphan"]}))}]}),
        ),
        object(
            "Catalog",
            None,
            "finance",
            &json!({"displayName": "Finance", "state": "Published",
                "resources": [{"name": "auditors", "group": {"displayName": "Auditors"}}],
                "grants": [{"name": "finance", "namespaces": {"names": ["finance"]}, "limits": limited(json!({}))}]}),
        ),
        object(
            "AccessPackage",
            Some("finance"),
            "payments",
            &json!({"catalogRef": {"name": "finance"}, "displayName": "Payments", "description": "Theirs",
                "resourceRoles": [{"resource": "auditors", "role": "Member"}]}),
        ),
        object("AssignmentPolicy", Some("finance"), "payments", &payments),
        // It is there, and no catalog grants it anything.
        object(
            "AccessPackage",
            Some("legal"),
            "secrets",
            &json!({"catalogRef": {"name": "finance"}, "displayName": "Secrets"}),
        ),
    ] {
        cluster.platform_applies(&object)?;
    }
    ground.settles().await.map_err(|restless| restless.to_string())?;
    let id = |kind: &str, namespace: Option<&str>, name: &str| {
        let object = cluster.object(kind, name, namespace).unwrap_or_default();
        let id = object["status"]["entra"]["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| format!("{kind} {name} was not made: {}", object["status"]))
    };
    let marketing = id("Catalog", None, TEAM)?;
    let payments = (
        id("AccessPackage", Some("finance"), "payments")?,
        id("AssignmentPolicy", Some("finance"), "payments")?,
    );
    let mut door = open_policy("Foreign door", false);
    door["id"] = FOREIGN_POLICY.into();
    door["accessPackage"] = json!({"id": FOREIGN});
    for (collection, element) in [
        (
            "accessPackages",
            json!({"id": FOREIGN, "displayName": "Foreign", "description": "By hand", "catalog": {"id": marketing}}),
        ),
        (
            "accessPackages",
            json!({"id": BARE, "displayName": "Bare", "description": "By hand", "catalog": {"id": marketing}}),
        ),
        (
            "accessPackages",
            json!({"id": ELSEWHERE, "displayName": "Out of sight", "description": "By hand", "catalog": {"id": GENERAL}}),
        ),
        (
            "resourceRoleScopes",
            json!({"accessPackage": {"id": FOREIGN}, "role": {"originId": CRM_READER}, "scope": {"originId": CRM}}),
        ),
        ("assignmentPolicies", door),
        (
            "assignments",
            json!({"accessPackage": {"id": FOREIGN}, "assignmentPolicy": {"id": FOREIGN_POLICY}, "target": ANN}),
        ),
        (
            "assignments",
            json!({"accessPackage": {"id": payments.0}, "assignmentPolicy": {"id": payments.1}, "target": ANN}),
        ),
    ] {
        ground
            .entra()
            .create(collection, element)
            .map_err(|words| format!("{collection}: {words}"))?;
    }
    oracle.hear();
    oracle.seal();
    Ok(())
}
