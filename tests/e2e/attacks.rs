//! What a namespace's team tries, with the chart's admission policy in force and every right on its own objects. What
//! counts is what Entra holds afterwards: each pair of a package and a policy through which somebody comes in is allowed
//! by one single grant.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use stage::{Result, Stage, StageBuilder, workspace, world};

use crate::support::{
    CAMPAIGN, NAMESPACE, Portal, SOON, all_ready, builder, catalog, collection, element, entra_id, line, mark, message,
    now, package, patched, place, policy, reason, renamed, status_of, tenant, text, visit, visits, wait_event,
    wait_reason, wait_state, writes_since,
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
    let stages = json!([{"approvers": [{"user": {"userPrincipalName": name}}]}]);
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

// 1: limits hold on what Entra has.

#[test]
fn a_paused_package_that_dropped_a_role_in_its_spec_still_hands_it_out() -> Result<()> {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    gets(&stage, &policy())?;
    pauses(&stage, &package())?;
    applies(&stage, &with_roles(&[GROUP]))?;
    let said = is_refused(&stage, &without_approval(policy()), "LimitExceeded")?;
    assert!(
        said.contains("role \"Reader\" of \"crm\", which it has in Entra"),
        "{said}"
    );
    visits(&stage, &policy(), 1)?;
    assert!(has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    // What is dropped leaves, and then the policy may.
    goes_on(&stage, &package())?;
    all_ready(&stage)?;
    assert!(!has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn nothing_is_widened_beside_roles_that_are_not_told() -> Result<()> {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP, CRM]))?);
    gets(&stage, &policy())?;
    let other = renamed(granting(&grants), "other", "Other");
    stage.apply_object(&other)?;
    let other = entra_id(&stage.wait_ready("Catalog", "other", None, SOON)?);
    // The spec drops the role, and Entra keeps it.
    pauses(&stage, &package())?;
    applies(&stage, &with_roles(&[GROUP]))?;
    let scopes = collection(&stage, "resourceRoleScopes")?;
    let crm = scopes
        .iter()
        .find(|scope| scope["scope"]["originId"] == world::CRM_SERVICE_PRINCIPAL_ID)
        .map(|scope| (text(&scope["id"]).to_owned(), scope["role"].clone()));
    let (crm, role) = crm.unwrap_or_default();
    let manifest = policy();
    let says = |words: &str| {
        let (kind, name, namespace) = place(&manifest);
        stage.wait_object(kind, name, namespace, words, SOON, |object| {
            reason(object, "Ready") == "LimitExceeded" && message(object, "Ready").contains(words)
        })
    };
    stage
        .emulator()
        .patch_state("resourceRoleScopes", &crm, &json!({"role": null}))?;
    applies(&stage, &without_approval(policy()))?;
    says("a role cannot be read of access package")?;
    visits(&stage, &policy(), 1)?;
    each_pair_is_within_one_grant(&stage, &grants);

    stage
        .emulator()
        .patch_state("resourceRoleScopes", &crm, &json!({"role": role}))?;
    says("role \"Reader\" of \"crm\", which it has in Entra")?;
    stage
        .emulator()
        .patch_state("accessPackages", &package_id, &json!({"catalogId": other}))?;
    says("somebody has moved the package")?;
    visits(&stage, &policy(), 1)?;
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn a_policy_that_is_paused_or_observed_counts_as_entra_has_it() -> Result<()> {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &without_approval(policy()))?;
    let approved = approved_by(policy(), "bob@contoso.com");
    applies(
        &stage,
        &patched(approved.clone(), json!({"spec": {"management": "Observe"}})),
    )?;
    wait_reason(&stage, &policy(), "Ready", "ObserveOnly")?;
    let said = is_refused(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    assert!(
        said.contains("in Entra, managed by AssignmentPolicy marketing/campaign"),
        "{said}"
    );
    visits(&stage, &package(), 1)?;
    each_pair_is_within_one_grant(&stage, &grants);

    gets(&stage, &with_roles(&[GROUP]))?;
    pauses(&stage, &policy())?;
    applies(&stage, &patched(approved, json!({"spec": {"management": "Full"}})))?;
    is_refused(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    visits(&stage, &package(), 1)?;
    assert!(!has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    // Once its approver is in Entra, the role may be.
    goes_on(&stage, &policy())?;
    all_ready(&stage)?;
    assert!(has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn a_role_that_a_misspelt_one_keeps_in_the_package_counts_for_its_policies() -> Result<()> {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    gets(&stage, &policy())?;
    is_refused(&stage, &with_roles(&[GROUP, NOPE]), "RoleNotFound")?;
    let said = is_refused(&stage, &without_approval(policy()), "LimitExceeded")?;
    assert!(
        said.contains("role \"Reader\" of \"crm\", which it has in Entra"),
        "{said}"
    );
    visits(&stage, &policy(), 1)?;
    assert!(has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

/// What Graph was asked to change since a mark, each with the status of its answer.
fn answered_since(stage: &Stage, from: usize) -> Vec<(String, u64)> {
    let writes = stage.emulator().graph_writes_since(from);
    let answered = writes
        .iter()
        .map(|write| (line(write), write["status"].as_u64().unwrap_or_default()));
    answered.collect()
}

#[test]
fn a_role_whose_removal_is_answered_with_404_counts_until_it_is_gone() -> Result<()> {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    gets(&stage, &policy())?;
    stage.emulator().set_quirks(&json!({"failNext": {
        "count": 3, "status": 404, "code": "ResourceNotFound", "method": "DELETE", "path": "/resourceRoleScopes/",
    }}))?;
    let from = mark(&stage);
    applies(&stage, &with_roles(&[GROUP]))?;
    applies(&stage, &without_approval(policy()))?;
    all_ready(&stage)?;
    assert!(!has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    let answered = answered_since(&stage, from);
    let first = |method: &str, is: &dyn Fn(u64) -> bool| {
        let found = answered
            .iter()
            .position(|(line, status)| line.starts_with(method) && is(*status));
        found.unwrap_or(usize::MAX)
    };
    let (removed, opened) = (
        first("DELETE", &|status| status < 300),
        first("PUT assignmentPolicies", &|_| true),
    );
    assert!(removed < opened && opened < usize::MAX, "{answered:#?}");
    Ok(())
}

#[test]
fn a_withdrawn_resource_stops_what_it_goes_with_and_the_catalog_says_how_many() -> Result<()> {
    let stage = attacked(&json!([grant("team", &json!(["campaign-group", "crm"]), &json!({}))]))?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    gets(&stage, &policy())?;
    let kept = patched(with_roles(&[GROUP, NOPE]), json!({"spec": {"driftPolicy": "Report"}}));
    is_refused(&stage, &kept, "RoleNotFound")?;
    let withdrawn = json!([grant("team", &json!(["campaign-group"]), &json!({}))]);
    stage.apply_object(&granting(&withdrawn))?;
    let said = refused(&stage, &policy(), "LimitExceeded")?;
    assert!(
        said.contains("role \"Reader\" of \"crm\", which it has in Entra"),
        "{said}"
    );
    is_refused(&stage, &approved_by(policy(), "carol@contoso.com"), "LimitExceeded")?;
    visits(&stage, &policy(), 1)?;
    visits(&stage, &package(), 1)?;
    let policies = collection(&stage, "assignmentPolicies")?;
    assert!(!policies[0].to_string().contains(world::CAROL_ID), "{policies:#?}");
    assert_eq!(status_of(&now(&stage, &package())?, "Ready"), "False");

    let told = wait_reason(&stage, &catalog(), "Healthy", "LimitExceeded")?;
    assert_eq!(
        message(&told, "Healthy"),
        "spec.grants: 2 objects stand outside the present limits of this Catalog's grants: AccessPackage \
         marketing/campaign, AssignmentPolicy marketing/campaign; what is in Entra of them stays, and nothing is \
         widened; have them changed or deleted, or widen the grants"
    );
    assert_eq!(status_of(&told, "Ready"), "True");
    // What leaves, leaves: then all is within the grant, and the Catalog has nothing more to say.
    applies(&stage, &with_roles(&[GROUP]))?;
    all_ready(&stage)?;
    assert!(!has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &withdrawn);
    stage.wait_object("Catalog", "marketing", None, "to be Healthy", SOON, |catalog| {
        status_of(catalog, "Healthy") == "True"
    })?;
    Ok(())
}

#[test]
fn a_package_with_roles_that_nobody_offers_is_not_taken_over_even_where_nothing_would_be_written() -> Result<()> {
    let mut stage = attacked(&json!([grant("team", &Value::Null, &json!({"adoption": "Allowed"}))]))?;
    let emulator = stage.emulator();
    let catalog_id = entra_id(&now(&stage, &catalog())?);
    let spec = &package()["spec"];
    let made = emulator.create_state(
        "accessPackages",
        &json!({"displayName": spec["displayName"], "description": spec["description"], "isHidden": false,
            "catalog": {"id": catalog_id}, "createdDateTime": "2024-01-15T09:00:00Z"}),
    )?;
    let id = text(&made["id"]).to_owned();
    emulator.create_state(
        "resourceRoleScopes",
        &json!({"accessPackage": {"id": id},
            "role": {"originId": "ac2c2b37-59eb-4df7-ac4c-d3f4f3d4d3af"},
            "scope": {"originId": world::CRM_SERVICE_PRINCIPAL_ID}}),
    )?;
    // So that it does not remember that it made the catalog a moment ago, when nothing else could be in it.
    stage.operator()?.restart()?;
    let from = mark(&stage);
    let by_id = json!({"spec": {"id": id, "deletionPolicy": "Delete"}});
    let manifest = patched(with_roles(&[GROUP, NOPE]), by_id);
    applies(&stage, &manifest)?;
    visits(&stage, &manifest, 2)?;
    let object = now(&stage, &manifest)?;
    assert_eq!(status_of(&object, "Ready"), "False", "{object:#}");
    assert_eq!(reason(&object, "Synced"), "LimitExceeded", "{object:#}");
    assert!(
        message(&object, "Synced").contains("taking it over would take along what no grant allows"),
        "{object:#}"
    );
    assert!(object["status"]["entra"].is_null(), "{object:#}");
    assert!(object["status"]["resourceRoles"].is_null(), "{object:#}");
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn no_finalizer_comes_off_and_a_policy_that_no_object_stands_for_counts() -> Outcome {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &without_approval(policy()))?;
    let off = json!({"metadata": {"finalizers": null}});
    for manifest in [policy(), package()] {
        pauses(&stage, &manifest)?;
        let (kind, name, namespace) = place(&manifest);
        for user in [stage.team(NAMESPACE)?, &stage] {
            let refused = user.patch(kind, name, namespace, &off).err().ok_or("it came off")?;
            assert!(refused.to_string().contains("only the operator takes"), "{refused}");
        }
    }
    deletes(&stage, &policy())?;
    let refused = stage
        .team(NAMESPACE)?
        .patch("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), &off);
    assert!(refused.is_err(), "it came off while it goes");
    // By a cluster administrator who may do everything it comes off: the policy of Entra stays, and counts.
    stage
        .operator_user()?
        .patch("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), &off)?;
    is_gone(&stage, &policy())?;
    goes_on(&stage, &package())?;
    let said = is_refused(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    assert!(said.contains("in Entra, not managed here"), "{said}");
    visits(&stage, &package(), 1)?;
    assert!(!has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn a_role_waits_for_an_approver_that_is_misspelt_or_whose_write_is_refused() -> Result<()> {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &without_approval(policy()))?;
    is_refused(&stage, &approved_by(policy(), "bbo@contoso.com"), "ReferenceNotFound")?;
    is_refused(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    visits(&stage, &package(), 1)?;
    each_pair_is_within_one_grant(&stage, &grants);

    stage
        .emulator()
        .set_quirks(&json!({"failNext": {"count": 1000, "status": 500, "method": "PUT"}}))?;
    applies(&stage, &approved_by(policy(), "bob@contoso.com"))?;
    wait_reason(&stage, &policy(), "Ready", "GraphUnavailable")?;
    visits(&stage, &package(), 1)?;
    assert!(!has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    stage.emulator().set_quirks(&json!({}))?;
    all_ready(&stage)?;
    assert!(has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn a_role_and_policies_that_wait_for_their_turn_see_each_other() -> Result<()> {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    stage.emulator().set_quirks(&json!({"latency": 300}))?;
    let policies: Vec<Value> = ["one", "two", "three"]
        .iter()
        .map(|name| without_approval(renamed(policy(), name, &format!("Policy {name}"))))
        .collect();
    applies(&stage, &policies[0])?;
    applies(&stage, &with_roles(&[GROUP, CRM]))?;
    applies(&stage, &policies[1])?;
    applies(&stage, &policies[2])?;
    // Whoever is first wins; at least one of both sides is refused, and says so.
    let is_settled = |object: &Value| ["InSync", "LimitExceeded"].contains(&reason(object, "Ready").as_str());
    for manifest in policies.iter().chain([&package()]) {
        let (kind, name, namespace) = place(manifest);
        stage.wait_object(kind, name, namespace, "to be settled", SOON, is_settled)?;
        each_pair_is_within_one_grant(&stage, &grants);
    }
    stage.emulator().set_quirks(&json!({}))?;
    visits(&stage, &package(), 2)?;
    each_pair_is_within_one_grant(&stage, &grants);
    let open = collection(&stage, "assignmentPolicies")?.len();
    assert!(open == 0 || !has_crm(&stage), "{open} policies without approval");
    assert!(open > 0 || has_crm(&stage), "somebody is served");
    Ok(())
}

// 2, 16: a limit means what it says.

#[test]
fn an_extension_asks_whoever_is_asked_at_first() -> Result<()> {
    let grants = json!([grant("team", &Value::Null, &json!({"maxDuration": "P1D"}))]);
    let stage = attacked(&grants)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    let service = json!({"spec": {"expiration": {"afterDuration": "P1D"},
        "requestors": {"selfService": {"add": true, "update": true}}}});
    let extends = patched(policy(), service);
    let said = is_refused(&stage, &extends, "LimitExceeded")?;
    assert!(
        said.starts_with("spec.approval.requiredForUpdate: grant \"team\" demands"),
        "{said}"
    );
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 0);
    gets(
        &stage,
        &patched(extends, json!({"spec": {"approval": {"requiredForUpdate": true}}})),
    )?;
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn an_empty_choice_is_no_choice_under_definitions_that_let_it_pass() -> Result<()> {
    let grants = json!([grant(
        "team",
        &Value::Null,
        &json!({"approval": "Optional", "unlimitedDuration": "Allowed"})
    )]);
    let stage = attacked_by(builder().without_cel(), &grants)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    let cases = [
        ("spec.expiration", json!({"expiration": {"afterDuration": null}})),
        ("spec.approval", json!({"approval": {"stages": null}})),
        (
            "spec.approval.stages[0].approvers[0]",
            json!({"approval": {"stages": [{"approvers": [{}]}]}}),
        ),
        (
            "spec.requestors.targets[0]",
            json!({"requestors": {"scope": "SpecificDirectoryUsers", "targets": [{}]}}),
        ),
    ];
    for (index, (field, spec)) in cases.into_iter().enumerate() {
        let name = format!("empty-{index}");
        let empty = patched(renamed(policy(), &name, &name), json!({"spec": spec}));
        let said = is_refused(&stage, &empty, "InvalidSpec")?;
        assert!(said.starts_with(field), "{said}");
    }
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 0);
    Ok(())
}

#[test]
fn a_package_that_names_another_catalog_later_is_judged_by_neither_of_its_grants() -> Result<()> {
    let grants = json!([grant("team", &Value::Null, &json!({}))]);
    let stage = attacked_by(builder().without_cel(), &grants)?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    gets(&stage, &policy())?;
    let lenient = json!([grant("team", &Value::Null, &json!({"approval": "Optional"}))]);
    let other = renamed(granting(&lenient), "other", "Other");
    stage.apply_object(&other)?;
    stage.wait_ready("Catalog", "other", None, SOON)?;
    let moved = json!({"spec": {"catalogRef": {"name": "other"}}});
    is_refused(&stage, &patched(with_roles(&[GROUP, CRM]), moved), "Elsewhere")?;
    let from = mark(&stage);
    let said = is_refused(&stage, &without_approval(policy()), "AccessPackageNotReady")?;
    assert!(said.contains("which Catalog \"other\" that it names is not"), "{said}");
    assert_eq!(writes_since(&stage, from), [""; 0]);
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn a_policy_through_which_nobody_can_request_needs_no_approval() -> Result<()> {
    let stage = attacked(&json!([grant("team", &Value::Null, &json!({}))]))?;
    gets(&stage, &with_roles(&[GROUP, CRM]))?;
    let nobody = json!({"spec": {"requestors": {"scope": "None", "selfService": {"add": false}}}});
    gets(&stage, &without_approval(patched(policy(), nobody)))?;
    Ok(())
}

#[test]
fn an_end_that_has_passed_makes_nothing_and_warns_where_it_stands() -> Result<()> {
    let grants = json!([grant("team", &Value::Null, &json!({}))]);
    let stage = builder().team(NAMESPACE).start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&granting(&grants))?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    let ends = |manifest: Value, end: &str| {
        patched(
            manifest,
            json!({"spec": {"expiration": {"afterDuration": null, "afterDateTime": end}}}),
        )
    };
    let late = ends(renamed(policy(), "late", "Late"), "2020-01-01T00:00:00Z");
    let said = is_refused(&stage, &late, "InvalidSpec")?;
    assert!(
        said.starts_with("spec.expiration.afterDateTime: 2020-01-01T00:00:00Z has passed"),
        "{said}"
    );
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 0);

    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(15);
    let soon = k8s_openapi::jiff::Timestamp::try_from(soon).map_err(|error| stage::Error::Build(error.to_string()))?;
    let standing = ends(policy(), &format!("{soon:.0}"));
    gets(&stage, &standing)?;
    let told = wait_reason(&stage, &standing, "Healthy", "InvalidSpec")?;
    assert_eq!(status_of(&told, "Ready"), "True", "{told:#}");
    let from = mark(&stage);
    let edited = patched(standing.clone(), json!({"spec": {"description": "changed too late"}}));
    is_refused(&stage, &edited, "InvalidSpec")?;
    visits(&stage, &standing, 1)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    // What closes is written all the same.
    let closed = json!({"spec": {"requestors": {"selfService": {"add": false}}}});
    applies(&stage, &patched(standing, closed))?;
    wait_state(&stage, "the door to be shut", |state| {
        state["assignmentPolicies"][0]["requestorSettings"]["enableTargetsToSelfAddAccess"] == false
    })?;
    Ok(())
}

// 3, 8, 13, 15: leave to take away, and to leave behind.

#[test]
fn leave_to_take_access_away_is_asked_of_the_catalog_that_identity_proves() -> Outcome {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let policy_id = entra_id(&gets(&stage, &policy())?);
    let held = Portal::open(&stage)?.assign(&stage, &package_id, &policy_id)?;
    // The package goes by force, and one comes that names a Catalog which does not exist.
    pauses(&stage, &package())?;
    deletes(&stage, &package())?;
    let off = json!({"metadata": {"finalizers": null}});
    stage
        .operator_user()?
        .patch("AccessPackage", CAMPAIGN, Some(NAMESPACE), &off)?;
    is_gone(&stage, &package())?;
    let stranger = patched(
        with_roles(&[GROUP]),
        json!({"spec": {"catalogRef": {"name": "nonesuch"}}}),
    );
    is_refused(&stage, &stranger, "CatalogNotGranted")?;
    let from = mark(&stage);
    let takes = json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}});
    applies(&stage, &patched(policy(), takes))?;
    deletes(&stage, &policy())?;
    refused(&stage, &policy(), "AssignmentsRemain")?;
    assert_eq!(removals_since(&stage, from), 0);
    still_has_access(&stage, &held)?;
    Ok(())
}

#[test]
fn an_orphaned_catalog_waits_for_nobody() -> Result<()> {
    let grants = two_grants();
    let stage = attacked(&grants)?;
    stage.patch(
        "Catalog",
        "marketing",
        None,
        &json!({"spec": {"deletionPolicy": "Orphan"}}),
    )?;
    gets(&stage, &with_roles(&[GROUP]))?;
    pauses(&stage, &package())?;
    deletes(&stage, &package())?;
    stage.delete("Catalog", "marketing", None)?;
    stage.wait_gone("Catalog", "marketing", None, SOON)?;
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    Ok(())
}

#[test]
fn what_may_not_be_left_behind_says_the_one_command_that_ends_its_deletion() -> Result<()> {
    let orphans = json!({"deletion": ["Delete", "Orphan"]});
    let stage = attacked(&json!([grant("team", &Value::Null, &orphans)]))?;
    let kept = json!({"spec": {"deletionPolicy": "Orphan"}});
    gets(&stage, &patched(with_roles(&[GROUP]), kept))?;
    gets(&stage, &policy())?;
    stage
        .team(NAMESPACE)?
        .annotate("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), ORPHAN, Some("true"))?;
    stage.apply_object(&granting(&json!([])))?;
    refused(&stage, &package(), "CatalogNotGranted")?;
    // As the deletion of their namespace does.
    deletes(&stage, &policy())?;
    deletes(&stage, &package())?;
    for (manifest, resource, patch) in [
        (
            policy(),
            "assignmentpolicies",
            json!({"metadata": {"annotations": {ORPHAN: null}}}),
        ),
        (
            package(),
            "accesspackages",
            json!({"spec": {"deletionPolicy": "Delete"}}),
        ),
    ] {
        let command = format!("kubectl patch {resource} campaign -n marketing --type merge -p '{patch}'");
        let (kind, name, namespace) = place(&manifest);
        stage.wait_object(kind, name, namespace, "to say how it ends", SOON, |object| {
            message(object, "Ready").contains(&command)
        })?;
        stage.team(NAMESPACE)?.patch(kind, name, namespace, &patch)?;
        is_gone(&stage, &manifest)?;
    }
    assert_eq!(collection(&stage, "accessPackages")?.len(), 0);
    Ok(())
}

/// Definitions of a newer version, which knows one more scope of requestors.
fn newer_definitions(test: &str) -> std::io::Result<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    fs::create_dir_all(&target)?;
    for entry in fs::read_dir(workspace::root().join("crds"))? {
        let file = entry?.path();
        let lines: Vec<String> = fs::read_to_string(&file)?
            .lines()
            .flat_map(|line| match line.strip_suffix("- AllMemberUsers") {
                Some(indent) => vec![line.to_owned(), format!("{indent}- AllRobots")],
                None => vec![line.to_owned()],
            })
            .collect();
        fs::write(target.join(file.file_name().unwrap_or_default()), lines.join("\n"))?;
    }
    Ok(target)
}

#[test]
fn a_policy_object_that_cannot_be_read_exists_and_holds_its_package() -> Outcome {
    let grants = two_grants();
    let newer = newer_definitions("unreadable-policy")?;
    let stage = attacked_by(builder().definitions(&newer), &grants)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &without_approval(policy()))?;
    applies(
        &stage,
        &patched(
            without_approval(policy()),
            json!({"spec": {"requestors": {"scope": "AllRobots"}}}),
        ),
    )?;
    let said = is_refused(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    // By itself, whatever Entra has of it.
    assert!(
        said.starts_with("AssignmentPolicy \"campaign\": whom it lets in cannot be judged"),
        "{said}"
    );
    visits(&stage, &package(), 1)?;
    assert!(!has_crm(&stage));
    each_pair_is_within_one_grant(&stage, &grants);
    Ok(())
}

#[test]
fn a_catalog_that_cannot_be_read_gives_no_leave() -> Outcome {
    let newer = newer_definitions("unreadable-catalog")?;
    let takes = json!({"deletion": ["Delete", "DeleteWithAssignments"]});
    let stage = attacked_by(
        builder().definitions(&newer),
        &json!([grant("team", &Value::Null, &takes)]),
    )?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let manifest = patched(policy(), json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}}));
    let policy_id = entra_id(&gets(&stage, &manifest)?);
    let held = Portal::open(&stage)?.assign(&stage, &package_id, &policy_id)?;
    let mut limits = takes;
    limits["requestorScopes"] = json!(["AllRobots"]);
    stage.apply_object(&granting(&json!([grant("team", &Value::Null, &limits)])))?;
    refused(&stage, &package(), "CatalogNotGranted")?;
    let from = mark(&stage);
    deletes(&stage, &policy())?;
    refused(&stage, &policy(), "AssignmentsRemain")?;
    assert_eq!(removals_since(&stage, from), 0);
    still_has_access(&stage, &held)?;
    Ok(())
}

#[test]
fn taking_away_spares_the_assignments_of_other_policies_and_those_that_are_not_told() -> Outcome {
    let takes = json!({"deletion": ["Delete", "DeleteWithAssignments"]});
    let stage = attacked(&json!([grant("team", &Value::Null, &takes)]))?;
    let package_id = entra_id(&gets(&stage, &with_roles(&[GROUP]))?);
    let manifest = patched(policy(), json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}}));
    let goes = entra_id(&gets(&stage, &manifest)?);
    let other = renamed(policy(), "other", "Other");
    let other_id = entra_id(&gets(&stage, &other)?);
    let held = Portal::open(&stage)?.assign(&stage, &package_id, &other_id)?;
    let dave = stage.emulator().create_state(
        "assignments",
        &json!({"accessPackageId": package_id, "assignmentPolicyId": goes, "target": "dave@contoso.com"}),
    )?;
    let untold = json!({"assignmentPolicyId": null});
    stage.emulator().patch_state("assignments", &held, &untold)?;
    let from = mark(&stage);
    deletes(&stage, &manifest)?;
    refused(&stage, &manifest, "AssignmentsRemain")?;
    let dave = text(&dave["id"]).to_owned();
    wait_state(&stage, "dave's access to end", |state| {
        let assignments = state["assignments"].as_array().cloned().unwrap_or_default();
        !assignments
            .iter()
            .any(|one| one["id"] == dave && one["state"] == "delivered")
    })?;
    assert_eq!(removals_since(&stage, from), 1, "dave's alone");
    still_has_access(&stage, &held)?;
    // Once it is told whose it is, nothing waits any more.
    let told = json!({"assignmentPolicyId": other_id});
    stage.emulator().patch_state("assignments", &held, &told)?;
    is_gone(&stage, &manifest)?;
    still_has_access(&stage, &held)?;
    Ok(())
}

#[test]
fn what_stands_outside_is_told_to_the_team_as_well() -> Result<()> {
    let stage = attacked(&json!([grant("team", &Value::Null, &json!({"approval": "Optional"}))]))?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &without_approval(policy()))?;
    stage.apply_object(&granting(&json!([grant("team", &Value::Null, &json!({}))])))?;
    refused(&stage, &policy(), "LimitExceeded")?;
    wait_event(
        &stage,
        &policy(),
        "LimitExceeded",
        "demands at least one approval stage",
    )?;
    wait_event(&stage, &catalog(), "LimitExceeded", "stand")?;
    // It goes on being as it was: the platform team decides what becomes of it, and the Catalog stays Ready.
    visit(&stage, &policy(), "again")?;
    let policies = collection(&stage, "assignmentPolicies")?;
    assert_eq!(
        policies[0]["requestApprovalSettings"]["isApprovalRequiredForAdd"], false,
        "{policies:#?}"
    );
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok(())
}
