//! What the sentences share: a stage, manifests to start from, and waiting for what should come of them.
//!
//! Manifests are JSON and meant to be changed: `patched(package(), json!({"spec": {"hidden": true}}))`.

use std::time::Duration;

use serde_json::{Value, json};
use stage::{Result, condition_in, world};

use crate::scene::{Stage, StageBuilder};

/// How long anything may take that the operator does by itself; a real wait is much shorter.
pub(crate) const SOON: Duration = Duration::from_secs(45);
/// `spec.driftInterval` of [`tenant`].
pub(crate) const DRIFT_INTERVAL: Duration = Duration::from_secs(2);
/// The namespace of [`package`] and [`policy`].
pub(crate) const NAMESPACE: &str = "marketing";
/// The name of [`package`] and of [`policy`].
pub(crate) const CAMPAIGN: &str = "campaign";
/// The annotation that asks for a visit.
pub(crate) const RECONCILE_REQUESTED_AT: &str = "access.entra-operator.io/reconcile-requested-at";

const API_VERSION: &str = "access.entra-operator.io/v1alpha1";

/// A stage to be changed before it starts; a create whose answer was lost is looked for during two seconds only. At its
/// end, kstatus must have understood every state as the operator meant it.
pub(crate) fn builder() -> StageBuilder {
    StageBuilder::new().visibility(2)
}

/// A stage with the operator running and nothing applied.
pub(crate) fn stage() -> Result<Stage> {
    builder().start()
}

/// As [`stage`], of real parts whatever is asked for.
pub(crate) fn real_stage(why: &str) -> Result<Stage> {
    builder().real(why).start()
}

/// A stage with tenant, namespace, catalog, package and policy, all of them Ready.
pub(crate) fn furnished() -> Result<Stage> {
    let stage = stage()?;
    furnish(&stage)?;
    Ok(stage)
}

/// As [`furnished`], of real parts whatever is asked for.
pub(crate) fn real_furnished(why: &str) -> Result<Stage> {
    let stage = real_stage(why)?;
    furnish(&stage)?;
    Ok(stage)
}

/// Applies tenant, namespace, catalog, package and policy, and waits until all of them are Ready.
pub(crate) fn furnish(stage: &Stage) -> Result<()> {
    for object in [tenant(stage), namespace(NAMESPACE), catalog(), package(), policy()] {
        stage.apply_object(&object)?;
    }
    all_ready(stage)
}

/// Waits until tenant, catalog, package and policy are Ready.
pub(crate) fn all_ready(stage: &Stage) -> Result<()> {
    stage.wait_ready("EntraTenant", "default", None, SOON)?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    Ok(())
}

/// EntraTenant `default`, compared every two seconds.
pub(crate) fn tenant(stage: &Stage) -> Value {
    let manifest = serde_json::from_str(&stage.tenant_manifest("default")).unwrap_or_default();
    patched(manifest, json!({"spec": {"driftInterval": "PT2S"}}))
}

/// A namespace.
pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// Catalog `marketing` with resources `campaign-group` (Member), `crm` (Reader, Writer) and `portal` (Marketing
/// Visitors), granted to [`NAMESPACE`] within strict limits.
pub(crate) fn catalog() -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "Catalog",
        "metadata": {"name": "marketing"},
        "spec": {
            "displayName": "Marketing",
            "description": "Resources of the marketing department",
            "resources": [
                {"name": "campaign-group", "group": {"displayName": "Marketing Campaign"}},
                {"name": "crm", "application": {"appId": world::CRM_APP_ID}, "roles": ["Reader", "Writer"]},
                {"name": "portal", "sharePointSite": {"url": world::SITE_URL}, "roles": ["Marketing Visitors"]},
            ],
            // Strict, but for the drift policies, which sentences about drift need.
            "grants": [{"name": "marketing", "namespaces": {"names": [NAMESPACE]},
                "limits": {"driftPolicy": ["Cautious", "Correct", "Report"]}}],
            "deletionPolicy": "Delete",
        },
    })
}

/// As [`catalog`], with these limits in its grant.
pub(crate) fn catalog_with_limits(limits: Value) -> Value {
    let grants = json!([{"name": "marketing", "namespaces": {"names": [NAMESPACE]}, "limits": limits}]);
    patched(catalog(), json!({"spec": {"grants": grants}}))
}

/// AccessPackage `campaign`: Member of `campaign-group` and Reader of `crm`.
pub(crate) fn package() -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "AccessPackage",
        "metadata": {"name": CAMPAIGN, "namespace": NAMESPACE},
        "spec": {
            "catalogRef": {"name": "marketing"},
            "displayName": "Marketing Campaign Access",
            "description": "Everything a campaign needs",
            "resourceRoles": [
                {"resource": "campaign-group", "role": "Member"},
                {"resource": "crm", "role": "Reader"},
            ],
        },
    })
}

/// AssignmentPolicy `campaign` of [`package`]: members may request and give back, bob approves, for ninety days.
pub(crate) fn policy() -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "AssignmentPolicy",
        "metadata": {"name": CAMPAIGN, "namespace": NAMESPACE},
        "spec": {
            "accessPackageRef": {"name": CAMPAIGN},
            "displayName": "Marketing Campaign Policy",
            "description": "For members of the directory",
            "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true, "remove": true}},
            "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]},
            "expiration": {"afterDuration": "P90D"},
        },
    })
}

/// The manifest under another name, in Kubernetes and in Entra.
pub(crate) fn renamed(manifest: Value, name: &str, display_name: &str) -> Value {
    patched(
        manifest,
        json!({"metadata": {"name": name}, "spec": {"displayName": display_name}}),
    )
}

/// The manifest after a JSON merge patch: null removes, an array replaces.
pub(crate) fn patched(mut manifest: Value, patch: Value) -> Value {
    merge(&mut manifest, patch);
    manifest
}

fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                if value.is_null() {
                    old.remove(&name);
                } else {
                    merge(old.entry(name).or_insert(Value::Null), value);
                }
            }
        }
        (old, new) => *old = new,
    }
}

/// Where the object of this manifest is: kind, name, namespace.
pub(crate) fn place(manifest: &Value) -> (&str, &str, Option<&str>) {
    (
        text(&manifest["kind"]),
        text(&manifest["metadata"]["name"]),
        manifest["metadata"]["namespace"].as_str(),
    )
}

/// The text of this value, empty where it is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Applies the manifest and waits until it is Ready; answers the object.
pub(crate) fn apply_ready(stage: &Stage, manifest: &Value) -> Result<Value> {
    stage.apply_object(manifest)?;
    let (kind, name, namespace) = place(manifest);
    stage.wait_ready(kind, name, namespace, SOON)
}

/// Applies the manifest and waits until Ready is False with this reason; answers the message.
pub(crate) fn apply_not_ready(stage: &Stage, manifest: &Value, reason: &str) -> Result<String> {
    stage.apply_object(manifest)?;
    let object = wait_reason(stage, manifest, "Ready", reason)?;
    assert_eq!(status_of(&object, "Ready"), "False", "{object:#}");
    Ok(message(&object, "Ready"))
}

/// Waits until this condition of the manifest's object has this reason; answers the object.
pub(crate) fn wait_reason(stage: &Stage, manifest: &Value, of: &str, reason: &str) -> Result<Value> {
    let (kind, name, namespace) = place(manifest);
    stage.wait_reason(kind, name, namespace, (of, reason), SOON)
}

/// The object of this manifest as it is now.
pub(crate) fn now(stage: &Stage, manifest: &Value) -> Result<Value> {
    let (kind, name, namespace) = place(manifest);
    Ok(stage.get(kind, name, namespace)?.unwrap_or_default())
}

/// The id in Entra that the object's status proves.
pub(crate) fn entra_id(object: &Value) -> String {
    text(&object["status"]["entra"]["id"]).to_owned()
}

/// The condition as `Reason/message`; empty where there is none.
pub(crate) fn condition(object: &Value, of: &str) -> String {
    condition_in(object, of).map_or_else(String::new, |condition| {
        format!("{}/{}", text(&condition["reason"]), text(&condition["message"]))
    })
}

/// `True`, `False`, or empty where the condition is absent.
pub(crate) fn status_of(object: &Value, of: &str) -> String {
    condition_in(object, of).map_or_else(String::new, |condition| text(&condition["status"]).to_owned())
}

/// The condition's reason; empty where there is none.
pub(crate) fn reason(object: &Value, of: &str) -> String {
    condition_in(object, of).map_or_else(String::new, |condition| text(&condition["reason"]).to_owned())
}

/// The condition's message; empty where there is none.
pub(crate) fn message(object: &Value, of: &str) -> String {
    condition_in(object, of).map_or_else(String::new, |condition| text(&condition["message"]).to_owned())
}

/// How many Graph requests there were until now.
pub(crate) fn mark(stage: &Stage) -> usize {
    stage.emulator().mark()
}

/// The Graph writes since a mark, each as `METHOD path` below v1.0.
pub(crate) fn writes_since(stage: &Stage, mark: usize) -> Vec<String> {
    stage.emulator().graph_writes_since(mark).iter().map(line).collect()
}

/// A request of the log as `METHOD path` below v1.0.
pub(crate) fn line(request: &Value) -> String {
    let path = text(&request["path"]);
    let path = path.strip_prefix("/v1.0/").unwrap_or(path);
    let path = path
        .strip_prefix("identityGovernance/entitlementManagement/")
        .unwrap_or(path);
    format!("{} {path}", text(&request["method"]))
}

/// Waits until `count` more visits compared this object with Entra: each is asked for and answered.
pub(crate) fn visits(stage: &Stage, manifest: &Value, count: usize) -> Result<()> {
    for turn in 0..count {
        visit(stage, manifest, &format!("visit-{turn}-of-{}", mark(stage)))?;
    }
    Ok(())
}

/// Asks for a visit by the annotation, which also puts back what was held, and waits for its answer.
pub(crate) fn visit(stage: &Stage, manifest: &Value, token: &str) -> Result<Value> {
    let (kind, name, namespace) = place(manifest);
    stage.annotate(kind, name, namespace, RECONCILE_REQUESTED_AT, Some(token))?;
    stage.wait_object(kind, name, namespace, "to have answered", SOON, |object| {
        object["status"]["lastHandledReconcileAt"] == token
    })
}

/// Waits until the operator has compared the catalog's packages with Entra this many times more, by itself.
pub(crate) fn intervals(stage: &Stage, count: usize) -> Result<()> {
    // The list of a catalog's packages is what every interval begins with.
    looks(stage, &["/catalogs/", "/accessPackages?"], count)
}

/// Waits until this many more reads were begun whose path, by itself or in a batch, has all of these parts; one may be
/// under way already.
pub(crate) fn looks(stage: &Stage, parts: &[&str], count: usize) -> Result<()> {
    let from = mark(stage);
    stage.wait_for(&format!("the operator to read {}", parts.concat()), SOON, || {
        let calls = stage.emulator().graph_calls_since(from);
        let is_meant = |call: &&Value| {
            let batch = call["requestBody"]["requests"].to_string();
            parts
                .iter()
                .all(|part| text(&call["path"]).contains(part) || batch.contains(part))
        };
        let seen = calls.iter().filter(is_meant).count();
        if seen > count {
            Ok(())
        } else {
            Err(format!("{seen} reads"))
        }
    })
}

/// Waits until an event with this reason, whose message has this part, was published about the manifest's object; events
/// come after the status.
pub(crate) fn wait_event(stage: &Stage, manifest: &Value, reason: &str, part: &str) -> Result<()> {
    let (kind, name, namespace) = place(manifest);
    stage.wait_for(&format!("an event {reason} with {part:?}"), SOON, || {
        let events = stage.events(kind, name, namespace).map_err(|error| error.to_string())?;
        let is_meant = |event: &Value| event["reason"] == reason && text(&event["message"]).contains(part);
        if events.iter().any(is_meant) {
            Ok(())
        } else {
            Err(format!("{events:#?}"))
        }
    })
}

/// The elements of a collection of the tenant.
pub(crate) fn collection(stage: &Stage, name: &str) -> Result<Vec<Value>> {
    stage.emulator().collection(name)
}

/// The element of a collection of the tenant that has this id.
pub(crate) fn element(stage: &Stage, name: &str, id: &str) -> Result<Option<Value>> {
    Ok(collection(stage, name)?.into_iter().find(|element| element["id"] == id))
}

/// Waits until `holds` of the tenant's state; answers the state.
pub(crate) fn wait_state(stage: &Stage, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    stage.wait_for(what, SOON, || {
        let mut state = stage.emulator().state();
        if holds(&state) {
            Ok(state)
        } else {
            Err(state["accessPackages"].take())
        }
    })
}
