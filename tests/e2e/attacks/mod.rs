//! What a namespace's team tries, with the chart's admission policy in force and every right on its own objects. What
//! counts is what Entra holds afterwards: each pair of a package and a policy through which somebody comes in is allowed
//! by one single grant.

mod approvers;
mod choices;
mod leave;
mod limits;

use serde_json::{Value, json};
use stage::{Result, world};

use crate::scene::{Stage, StageBuilder};
use crate::support::{
    NAMESPACE, SOON, builder, catalog, element, message, package, patched, place, status_of, tenant, text, wait_reason,
    writes_since,
};

type Outcome<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const PAUSED: &str = "access.entra-operator.io/paused";
const ORPHAN: &str = "access.entra-operator.io/orphan";
const GROUP: (&str, &str) = ("campaign-group", "Member");
const CRM: (&str, &str) = ("crm", "Reader");
/// A role that no resource has: while it stands in a spec, nothing is taken out of the package.
const NOPE: (&str, &str) = ("campaign-group", "Nope");

fn grant(name: &str, resources: &Value, limits: &Value) -> Value {
    json!({"name": name, "namespaces": {"names": [NAMESPACE]}, "resources": resources, "limits": limits})
}

/// `harmless` has the group without approval, `everything` all resources with it.
fn two_grants() -> Value {
    json!([
        grant("harmless", &json!(["campaign-group"]), &json!({"approval": "Optional"})),
        grant("everything", &Value::Null, &json!({})),
    ])
}

fn granting(grants: &Value) -> Value {
    let mut catalog = patched(catalog(), json!({"spec": {"grants": grants}}));
    for grant in catalog["spec"]["grants"].as_array_mut().into_iter().flatten() {
        if grant["resources"].is_null()
            && let Some(grant) = grant.as_object_mut()
        {
            grant.remove("resources");
        }
    }
    catalog
}

/// A stage of this kind with the admission policy, a team, the tenant and a Catalog with these grants.
fn attacked_by(builder: StageBuilder, grants: &Value) -> Result<Stage> {
    let stage = builder.admission_policy().team(NAMESPACE).start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&granting(grants))?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok(stage)
}

fn attacked(grants: &Value) -> Result<Stage> {
    attacked_by(builder(), grants)
}

fn with_roles(roles: &[(&str, &str)]) -> Value {
    let roles: Vec<Value> = roles
        .iter()
        .map(|(resource, role)| json!({"resource": resource, "role": role}))
        .collect();
    patched(package(), json!({"spec": {"resourceRoles": roles}}))
}

fn without_approval(policy: Value) -> Value {
    patched(
        policy,
        json!({"spec": {"approval": {"stages": null, "notRequired": {}}}}),
    )
}

fn approved_by(policy: Value, name: &str) -> Value {
    approved_in(policy, &json!([{"approvers": [{"user": {"userPrincipalName": name}}]}]))
}

fn approved_in(policy: Value, stages: &Value) -> Value {
    patched(
        policy,
        json!({"spec": {"approval": {"stages": stages, "notRequired": null}}}),
    )
}

/// The team applies it.
fn applies(stage: &Stage, manifest: &Value) -> Result<()> {
    stage.team(NAMESPACE)?.apply_object(manifest).map(drop)
}

/// The team applies it, and it becomes Ready.
fn gets(stage: &Stage, manifest: &Value) -> Result<Value> {
    applies(stage, manifest)?;
    let (kind, name, namespace) = place(manifest);
    stage.wait_ready(kind, name, namespace, SOON)
}

/// The team applies it, and is refused for this reason; answers the words.
fn is_refused(stage: &Stage, manifest: &Value, why: &str) -> Result<String> {
    applies(stage, manifest)?;
    refused(stage, manifest, why)
}

fn refused(stage: &Stage, manifest: &Value, why: &str) -> Result<String> {
    let object = wait_reason(stage, manifest, "Ready", why)?;
    assert_eq!(status_of(&object, "Ready"), "False", "{object:#}");
    Ok(message(&object, "Ready"))
}

/// The team pauses it.
fn pauses(stage: &Stage, manifest: &Value) -> Result<()> {
    let (kind, name, namespace) = place(manifest);
    let team = stage.team(NAMESPACE)?;
    team.annotate(kind, name, namespace, PAUSED, Some("true"))?;
    wait_reason(stage, manifest, "Healthy", "Paused").map(drop)
}

fn goes_on(stage: &Stage, manifest: &Value) -> Result<()> {
    let (kind, name, namespace) = place(manifest);
    let team = stage.team(NAMESPACE)?;
    team.annotate(kind, name, namespace, PAUSED, None).map(drop)
}

fn deletes(stage: &Stage, manifest: &Value) -> Result<()> {
    let (kind, name, namespace) = place(manifest);
    stage.team(NAMESPACE)?.delete(kind, name, namespace)
}

fn is_gone(stage: &Stage, manifest: &Value) -> Result<()> {
    let (kind, name, namespace) = place(manifest);
    stage.wait_gone(kind, name, namespace, SOON)
}

/// Origin ids of the resources whose roles the package hands out.
fn handed_out(state: &Value, package: &str) -> Vec<String> {
    let scopes = state["resourceRoleScopes"].as_array().cloned().unwrap_or_default();
    let of_it = scopes.iter().filter(|scope| scope["accessPackageId"] == package);
    of_it
        .map(|scope| text(&scope["scope"]["originId"]).to_owned())
        .collect()
}

fn has_crm(stage: &Stage) -> bool {
    let state = stage.emulator().state();
    let scopes = state["resourceRoleScopes"].as_array().cloned().unwrap_or_default();
    scopes
        .iter()
        .any(|scope| scope["scope"]["originId"] == world::CRM_SERVICE_PRINCIPAL_ID)
}

/// Whether a grant of this shape allows what the policy lets people do: strict but for the approval.
fn lets(grant: &Value, policy: &Value) -> bool {
    let on = |value: &Value| value == true;
    let (requestors, approval) = (&policy["requestorSettings"], &policy["requestApprovalSettings"]);
    let stages = approval["stages"].as_array().is_some_and(|stages| !stages.is_empty());
    let asks = grant["limits"]["approval"] == "Optional"
        || (stages
            && on(&approval["isApprovalRequiredForAdd"])
            && (!on(&requestors["enableTargetsToSelfUpdateAccess"]) || on(&approval["isApprovalRequiredForUpdate"])));
    let ends = text(&policy["expiration"]["type"]).starts_with("after");
    let scope = ["allMemberUsers", "specificDirectoryUsers"].contains(&text(&policy["allowedTargetScope"]));
    asks && ends && scope
}

/// Every pair of a package and a policy of it that is open is allowed by one of the grants alone.
fn each_pair_is_within_one_grant(stage: &Stage, grants: &Value) {
    let state = stage.emulator().state();
    let every = |name: &str| state[name].as_array().cloned().unwrap_or_default();
    let origins = [
        (world::CAMPAIGN_GROUP_ID, "campaign-group"),
        (world::CRM_SERVICE_PRINCIPAL_ID, "crm"),
    ];
    for policy in every("assignmentPolicies") {
        let requestors = &policy["requestorSettings"];
        let is_open =
            requestors["enableTargetsToSelfAddAccess"] == true || requestors["enableTargetsToSelfUpdateAccess"] == true;
        if !is_open {
            continue;
        }
        let held = handed_out(&state, text(&policy["accessPackageId"]));
        let covers = |grant: &Value| {
            held.iter().all(|origin| {
                let name = origins.iter().find(|(id, _)| id == origin).map(|(_, name)| json!(name));
                match grant["resources"].as_array() {
                    Some(resources) => name.is_some_and(|name| resources.contains(&name)),
                    None => name.is_some(),
                }
            })
        };
        let is_allowed = grants
            .as_array()
            .into_iter()
            .flatten()
            .any(|grant| covers(grant) && lets(grant, &policy));
        assert!(is_allowed, "{policy:#} opens {held:?}");
    }
}

/// Ann has access by this policy, whatever was tried.
fn still_has_access(stage: &Stage, assignment: &str) -> Result<()> {
    let held = element(stage, "assignments", assignment)?.unwrap_or_default();
    assert_eq!(held["state"], "delivered", "{held:#}");
    Ok(())
}

fn removals_since(stage: &Stage, mark: usize) -> usize {
    let writes = writes_since(stage, mark);
    writes
        .iter()
        .filter(|write| write.starts_with("POST assignmentRequests"))
        .count()
}
