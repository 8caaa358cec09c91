//! Partners: connected organizations, who vouches for their people, and the policies that let them in.

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::Stage;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const TENANT: &str = "33333333-3333-4333-8333-333333333333";

/// ConnectedOrganization `fabrikam`, whose people ann vouches for.
fn partner() -> Value {
    json!({
        "apiVersion": "access.entra-operator.io/v1alpha1",
        "kind": "ConnectedOrganization",
        "metadata": {"name": "fabrikam"},
        "spec": {
            "displayName": "Fabrikam",
            "description": "Builds sites",
            "identitySource": {"domain": "fabrikam.com"},
            "internalSponsors": [{"user": {"userPrincipalName": "ann@contoso.com"}}],
            "deletionPolicy": "Delete",
        },
    })
}

/// [`policy`] for its people.
fn partner_policy(way: Value) -> Value {
    let requestors =
        json!({"scope": "SpecificConnectedOrganizationUsers", "targets": [{"connectedOrganization": way}]});
    patched(policy(), json!({"spec": {"requestors": requestors}}))
}

fn partner_catalog() -> Value {
    catalog_with_limits(json!({"requestorScopes": ["SpecificConnectedOrganizationUsers"]}))
}

fn only(stage: &Stage) -> Outcome<Value> {
    let mut all = collection(stage, "connectedOrganizations")?;
    assert_eq!(all.len(), 1, "{all:#?}");
    Ok(all.remove(0))
}

/// Whom the policy lets in, by the id of their organization.
fn let_in(stage: &Stage) -> Outcome<Value> {
    let policies = collection(stage, "assignmentPolicies")?;
    let first = policies.first().cloned().unwrap_or_default();
    Ok(first["specificAllowedTargets"][0]["connectedOrganizationId"].clone())
}

/// One that somebody made in the portal.
fn by_hand(stage: &Stage, source: &Value) -> Outcome {
    let made = json!({"id": "c3bf99ed-99ed-43bf-8d99-cfb1ed99cfb1", "displayName": "Fabrikam", "description": "By hand",
        "state": "proposed", "identitySources": [source]});
    stage.emulator().create_state("connectedOrganizations", &made)?;
    Ok(())
}

#[test]
fn a_partner_is_made_once_with_those_who_vouch_for_it_and_a_domain_that_reads_back_as_a_tenant_is_no_drift() -> Outcome
{
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    let from = mark(&stage);
    let made = apply_ready(&stage, &partner())?;
    let id = entra_id(&made);
    let there = only(&stage)?;
    assert_eq!(
        there["identitySources"][0]["@odata.type"],
        "#microsoft.graph.azureActiveDirectoryTenant"
    );
    assert_eq!(there["internalSponsors"], json!([world::ANN_ID]));
    assert_eq!(
        made["status"]["resolved"],
        json!([{"reference": "user userPrincipalName=ann@contoso.com", "id": world::ANN_ID}])
    );
    visits(&stage, &partner(), 2)?;
    assert_eq!(
        writes_since(&stage, from),
        [
            "POST connectedOrganizations".to_owned(),
            format!("POST connectedOrganizations/{id}/internalSponsors/$ref"),
        ]
    );
    Ok(())
}

#[test]
fn only_what_differs_is_written_and_sponsors_of_whom_the_spec_says_nothing_stay() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    let id = entra_id(&apply_ready(&stage, &partner())?);
    let by_hand = json!({"externalSponsors": [world::DAVE_ID]});
    stage.emulator().patch_state("connectedOrganizations", &id, &by_hand)?;
    let from = mark(&stage);
    let sponsors = json!([{"user": {"userPrincipalName": "carol@contoso.com"}}]);
    let changed = patched(
        partner(),
        json!({"spec": {"description": "Other words", "internalSponsors": sponsors}}),
    );
    apply_ready(&stage, &changed)?;
    assert_eq!(
        writes_since(&stage, from),
        [
            format!("PATCH connectedOrganizations/{id}"),
            format!("POST connectedOrganizations/{id}/internalSponsors/$ref"),
            format!(
                "DELETE connectedOrganizations/{id}/internalSponsors/{}/$ref",
                world::ANN_ID
            ),
        ]
    );
    let there = only(&stage)?;
    assert_eq!(there["internalSponsors"], json!([world::CAROL_ID]));
    assert_eq!(there["externalSponsors"], json!([world::DAVE_ID]));
    Ok(())
}

#[test]
fn whoever_was_made_a_sponsor_in_entra_is_removed_and_one_who_was_removed_there_is_a_persons_to_decide() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    let id = entra_id(&apply_ready(&stage, &partner())?);
    let patch = |sponsors: Value| {
        let changes = json!({"internalSponsors": sponsors});
        stage.emulator().patch_state("connectedOrganizations", &id, &changes)
    };
    patch(json!([world::ANN_ID, world::DAVE_ID]))?;
    wait_state(&stage, "dave to be removed", |state| {
        state["connectedOrganizations"][0]["internalSponsors"] == json!([world::ANN_ID])
    })?;
    patch(json!([]))?;
    let held = wait_reason(&stage, &partner(), "Ready", "DriftHeld")?;
    let said = message(&held, "Ready");
    assert!(
        said.contains("internalSponsors: missing -> user userPrincipalName=ann@contoso.com"),
        "{said}"
    );
    visit(&stage, &partner(), "now")?;
    assert_eq!(only(&stage)?["internalSponsors"], json!([world::ANN_ID]));
    Ok(())
}

#[test]
fn one_that_stands_for_others_is_told_and_never_written() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    by_hand(
        &stage,
        &json!({"@odata.type": "#microsoft.graph.azureActiveDirectoryTenant", "tenantId": TENANT, "displayName": "F"}),
    )?;
    let from = mark(&stage);
    let spec = json!({"id": "c3bf99ed-99ed-43bf-8d99-cfb1ed99cfb1", "deletionPolicy": "Orphan",
        "identitySource": {"domain": null, "tenantId": "44444444-4444-4444-8444-444444444444"}});
    let said = apply_not_ready(
        &stage,
        &patched(partner(), json!({"spec": spec})),
        "IdentitySourceDiffers",
    )?;
    assert!(
        said.starts_with("spec.identitySource: connected organization \"Fabrikam\" (c3bf99ed-99ed-43bf-8d99-cfb1ed99cfb1) of Entra stands for tenant 33333333-"),
        "{said}"
    );
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    Ok(())
}

#[test]
fn one_that_entra_has_for_the_same_people_is_not_made_twice_and_is_taken_over_by_its_id() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    by_hand(
        &stage,
        &json!({"@odata.type": "#microsoft.graph.azureActiveDirectoryTenant", "tenantId": TENANT, "displayName": "F"}),
    )?;
    let source =
        json!({"spec": {"displayName": "Fabrikam Inc", "identitySource": {"domain": null, "tenantId": TENANT}}});
    let other = patched(
        patched(partner(), source.clone()),
        json!({"metadata": {"name": "other"}}),
    );
    let said = apply_not_ready(&stage, &other, "NameTaken")?;
    assert!(
        said.contains("create another ConnectedOrganization with spec.id"),
        "{said}"
    );
    let taken = json!({"spec": {"id": "c3bf99ed-99ed-43bf-8d99-cfb1ed99cfb1", "state": "Configured"}});
    apply_ready(&stage, &patched(patched(partner(), source), taken))?;
    let there = only(&stage)?;
    assert_eq!(there["displayName"], "Fabrikam Inc");
    assert_eq!(there["state"], "configured");
    Ok(())
}

#[test]
fn a_policy_lets_in_the_people_of_a_partner_by_its_name_here_and_waits_for_it() -> Outcome {
    let stage = stage()?;
    for object in [tenant(&stage), namespace(NAMESPACE), partner_catalog(), package()] {
        stage.apply_object(&object)?;
    }
    let policy = partner_policy(json!({"name": "fabrikam"}));
    let said = apply_not_ready(&stage, &policy, "ReferenceNotFound")?;
    assert_eq!(
        said,
        "spec.requestors.targets[0].connectedOrganization.name: no ConnectedOrganization \"fabrikam\" exists; create it, or correct the name"
    );
    let unready = patched(partner(), json!({"spec": {"tenantRef": {"name": "nowhere"}}}));
    stage.apply_object(&renamed(unready, "other", "Other"))?;
    let said = apply_not_ready(
        &stage,
        &partner_policy(json!({"name": "other"})),
        "ConnectedOrganizationNotReady",
    )?;
    assert_eq!(
        said,
        "spec.requestors.targets[0].connectedOrganization.name: ConnectedOrganization \"other\" is not in Entra yet; its own conditions say why"
    );
    stage.apply_object(&policy)?;
    let id = entra_id(&apply_ready(&stage, &partner())?);
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(let_in(&stage)?, json!(id));
    Ok(())
}

#[test]
fn a_partner_that_is_not_managed_here_is_named_by_what_entra_shows_of_it() -> Outcome {
    let stage = stage()?;
    for object in [tenant(&stage), namespace(NAMESPACE), partner_catalog(), package()] {
        stage.apply_object(&object)?;
    }
    by_hand(
        &stage,
        &json!({"@odata.type": "#microsoft.graph.azureActiveDirectoryTenant", "tenantId": TENANT, "displayName": "F"}),
    )?;
    for way in [json!({"tenantId": TENANT}), json!({"displayName": "Fabrikam"})] {
        apply_ready(&stage, &partner_policy(way))?;
        assert_eq!(let_in(&stage)?, "c3bf99ed-99ed-43bf-8d99-cfb1ed99cfb1");
    }
    let said = apply_not_ready(
        &stage,
        &partner_policy(json!({"domain": "fabrikam.com"})),
        "ReferenceNotFound",
    )?;
    assert!(
        said.ends_with("Entra shows a domain as the tenant behind it: name the organization by tenantId or displayName, or by the name of its ConnectedOrganization here"),
        "{said}"
    );
    Ok(())
}

#[test]
fn without_the_grants_leave_no_partner_is_let_in_and_nobody_learns_which_there_are() -> Outcome {
    let stage = stage()?;
    for object in [tenant(&stage), namespace(NAMESPACE), catalog(), package(), partner()] {
        stage.apply_object(&object)?;
    }
    let known = apply_not_ready(&stage, &partner_policy(json!({"name": "fabrikam"})), "LimitExceeded")?;
    let unknown = apply_not_ready(&stage, &partner_policy(json!({"name": "northwind"})), "LimitExceeded")?;
    assert_eq!(known, unknown);
    assert_eq!(collection(&stage, "assignmentPolicies")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_partner_that_is_deleted_waits_for_the_policies_that_let_its_people_in() -> Outcome {
    let stage = stage()?;
    for object in [
        tenant(&stage),
        namespace(NAMESPACE),
        partner_catalog(),
        package(),
        partner(),
        partner_policy(json!({"name": "fabrikam"})),
    ] {
        stage.apply_object(&object)?;
    }
    all_ready(&stage)?;
    stage.delete("ConnectedOrganization", "fabrikam", None)?;
    let waits = wait_reason(&stage, &partner(), "Ready", "DependantsRemain")?;
    assert_eq!(
        message(&waits, "Ready"),
        "policies that let its people in: 1, AssignmentPolicy marketing/campaign first; the connected organization goes when there is none"
    );
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("ConnectedOrganization", "fabrikam", None, SOON)?;
    assert_eq!(collection(&stage, "connectedOrganizations")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_policy_stays_bound_to_the_partner_that_its_name_stood_for() -> Outcome {
    let stage = stage()?;
    for object in [tenant(&stage), namespace(NAMESPACE), partner_catalog(), package()] {
        stage.apply_object(&object)?;
    }
    let orphaned = patched(partner(), json!({"spec": {"deletionPolicy": "Orphan"}}));
    let first = entra_id(&apply_ready(&stage, &orphaned)?);
    let policy = partner_policy(json!({"name": "fabrikam"}));
    apply_ready(&stage, &policy)?;
    assert_eq!(let_in(&stage)?, first.as_str());
    stage.delete("ConnectedOrganization", "fabrikam", None)?;
    stage.wait_gone("ConnectedOrganization", "fabrikam", None, SOON)?;
    let from = mark(&stage);
    let others = json!({"spec": {"displayName": "Tailspin", "identitySource": {"domain": "tailspin.com"}}});
    let second = entra_id(&apply_ready(&stage, &patched(orphaned, others))?);
    let moved = wait_reason(&stage, &policy, "Healthy", "ReferenceMoved")?;
    let said = message(&moved, "Healthy");
    let moved = format!(
        "spec.requestors.targets[0].connectedOrganization.name: ConnectedOrganization \"fabrikam\" now stands for {second}; it stays bound to {first} until this field changes; where the new one is meant, name it by its id; spec.requestors.scope: "
    );
    assert!(said.starts_with(&moved), "one warning hides no other: {said}");
    visits(&stage, &policy, 1)?;
    assert_eq!(let_in(&stage)?, first.as_str());
    let writes = writes_since(&stage, from);
    assert!(
        !writes.iter().any(|write| write.contains("assignmentPolicies")),
        "{writes:?}"
    );
    // An edit says which is meant.
    apply_ready(&stage, &partner_policy(json!({"id": second})))?;
    assert_eq!(let_in(&stage)?, second.as_str());
    Ok(())
}

#[test]
fn leave_for_all_configured_partners_is_none_for_one_that_is_only_proposed() -> Outcome {
    let stage = stage()?;
    let limits = json!({"requestorScopes": ["AllConfiguredConnectedOrganizationUsers"]});
    for object in [
        tenant(&stage),
        namespace(NAMESPACE),
        catalog_with_limits(limits),
        package(),
    ] {
        stage.apply_object(&object)?;
    }
    apply_ready(&stage, &patched(partner(), json!({"spec": {"state": "Proposed"}})))?;
    let said = apply_not_ready(&stage, &partner_policy(json!({"name": "fabrikam"})), "LimitExceeded")?;
    assert!(said.contains("(limits.requestorScopes)"), "{said}");
    Ok(())
}

#[test]
fn two_objects_for_the_people_of_one_domain_make_one_partner() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    apply_ready(&stage, &partner())?;
    let second = patched(
        partner(),
        // A domain is the same one in capitals.
        json!({"metadata": {"name": "second"}, "spec": {"displayName": "Second", "identitySource": {"domain": "FABRIKAM.com"}}}),
    );
    let said = apply_not_ready(&stage, &second, "NameTaken")?;
    assert!(
        said.starts_with("spec.identitySource: ConnectedOrganization \"fabrikam\" stands for the same people"),
        "{said}"
    );
    only(&stage)?;
    Ok(())
}

#[test]
fn holders_of_a_package_stay_out_when_its_name_comes_to_stand_for_another() -> Outcome {
    let stage = stage()?;
    let limits = json!({"deletion": ["Delete", "Orphan"]});
    for object in [tenant(&stage), namespace(NAMESPACE), catalog_with_limits(limits)] {
        stage.apply_object(&object)?;
    }
    let audit = patched(
        renamed(package(), "audit", "Audit"),
        json!({"spec": {"resourceRoles": [{"resource": "campaign-group", "role": "Member"}], "deletionPolicy": "Orphan"}}),
    );
    let first = entra_id(&apply_ready(&stage, &audit)?);
    let apart = patched(
        package(),
        json!({"spec": {"incompatibleWith": {"accessPackages": [{"name": "audit"}]}}}),
    );
    let id = entra_id(&apply_ready(&stage, &apart)?);
    stage.delete("AccessPackage", "audit", Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", "audit", Some(NAMESPACE), SOON)?;
    let second = entra_id(&apply_ready(
        &stage,
        &patched(audit, json!({"spec": {"displayName": "Audit anew"}})),
    )?);
    let kept_out = |state: &Value| {
        let all = state["accessPackages"].as_array().cloned().unwrap_or_default();
        let package = all.into_iter().find(|one| one["id"] == id.as_str()).unwrap_or_default();
        let mut ids: Vec<String> = package["incompatibleAccessPackages"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| text(one).to_owned())
            .collect();
        ids.sort();
        ids
    };
    let mut both = vec![first.clone(), second.clone()];
    both.sort();
    wait_state(&stage, "both to be kept out", |state| kept_out(state) == both)?;
    visits(&stage, &apart, 2)?;
    assert_eq!(kept_out(&stage.emulator().state()), both);
    let told = wait_reason(&stage, &apart, "Healthy", "ReferenceMoved")?;
    assert!(message(&told, "Healthy").contains(&first), "{told:#}");
    // Named no more, neither is.
    apply_ready(
        &stage,
        &patched(apart, json!({"spec": {"incompatibleWith": {"accessPackages": []}}})),
    )?;
    assert_eq!(kept_out(&stage.emulator().state()), Vec::<String>::new());
    Ok(())
}
