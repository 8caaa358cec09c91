//! Limits hold on what Entra has, whatever the spec says.

use k8s_openapi::jiff::SignedDuration;
use serde_json::{Value, json};
use stage::{Result, world};

use super::{
    CRM, GROUP, NOPE, Outcome, applies, approved_by, attacked, attacked_by, deletes, each_pair_is_within_one_grant,
    gets, goes_on, grant, granting, has_crm, is_gone, is_refused, pauses, refused, two_grants, with_roles,
    without_approval,
};
use crate::scene::Stage;
use crate::support::{
    CAMPAIGN, NAMESPACE, SOON, all_ready, builder, catalog, collection, entra_id, line, mark, message, now, package,
    patched, place, policy, reason, renamed, status_of, tenant, text, visits, wait_reason, wait_state, writes_since,
};

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
    let catalog_id = entra_id(&now(&stage, &catalog())?);
    let spec = &package()["spec"];
    let made = stage.emulator().create_state(
        "accessPackages",
        &json!({"displayName": spec["displayName"], "description": spec["description"], "isHidden": false,
            "catalog": {"id": catalog_id}, "createdDateTime": "2024-01-15T09:00:00Z"}),
    )?;
    let id = text(&made["id"]).to_owned();
    stage.emulator().create_state(
        "resourceRoleScopes",
        &json!({"accessPackage": {"id": id},
            "role": {"originId": "ac2c2b37-59eb-4df7-ac4c-d3f4f3d4d3af"},
            "scope": {"originId": world::CRM_SERVICE_PRINCIPAL_ID}}),
    )?;
    // So that it does not remember that it made the catalog a moment ago, when nothing else could be in it.
    stage.restart()?;
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
    let real = builder().real("RBAC gives the team its rights, and Helm renders the policy");
    let stage = attacked_by(real, &grants)?;
    gets(&stage, &with_roles(&[GROUP]))?;
    gets(&stage, &without_approval(policy()))?;
    let off = json!({"metadata": {"finalizers": null}});
    for manifest in [policy(), package()] {
        pauses(&stage, &manifest)?;
        let (kind, name, namespace) = place(&manifest);
        let team = stage.team(NAMESPACE)?;
        for user in [&team, &*stage] {
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

// A limit means what it says.

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

    let soon = stage.time() + SignedDuration::from_secs(15);
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
