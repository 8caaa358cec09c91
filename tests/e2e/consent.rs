//! What people have is not changed by surprise: from a number on, a change waits until a person agrees to it.

use serde_json::{Value, json};

use super::support::*;
use crate::scene::Stage;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const ACKNOWLEDGE: &str = "access.entra-operator.io/acknowledge";

/// Everything Ready, and the ids of package and policy.
fn prepared(limits: Value) -> Outcome<(Stage, String, String)> {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog_with_limits(limits))?;
    let package = entra_id(&apply_ready(&stage, &package())?);
    let policy = entra_id(&apply_ready(&stage, &policy())?);
    Ok((stage, package, policy))
}

/// So many more who hold the package, the first of them a guest.
fn hold(stage: &Stage, (package, policy): (&str, &str), count: usize) -> Outcome {
    let of = |name: &str| {
        json!({"accessPackageId": package, "assignmentPolicyId": policy, "state": "delivered",
            "target": {"userPrincipalName": name}})
    };
    let mut all = vec![of("ann@contoso.com"); count - 1];
    all.push(of("gina_fabrikam.com#EXT#@contoso.com"));
    stage.emulator().create_state("assignments", &json!(all))?;
    Ok(())
}

/// [`package`] with these roles and words.
fn with_roles(roles: &[(&str, &str)], description: &str) -> Value {
    let roles: Vec<Value> = roles
        .iter()
        .map(|(resource, role)| json!({"resource": resource, "role": role}))
        .collect();
    patched(
        package(),
        json!({"spec": {"resourceRoles": roles, "description": description}}),
    )
}

/// The token that a condition asks for.
fn token(said: &str) -> String {
    let (_, rest) = said.split_once(&format!("{ACKNOWLEDGE}=")).unwrap_or_default();
    rest.split(';').next().unwrap_or_default().to_owned()
}

fn agrees(stage: &Stage, manifest: &Value, token: &str) -> Outcome {
    let (kind, name, namespace) = place(manifest);
    stage.annotate(kind, name, namespace, ACKNOWLEDGE, Some(token))?;
    Ok(())
}

fn roles(stage: &Stage) -> Outcome<usize> {
    Ok(collection(stage, "resourceRoleScopes")?.len())
}

#[test]
fn a_role_that_twelve_people_hold_is_taken_out_once_a_person_agrees_and_all_else_goes_ahead() -> Outcome {
    let (stage, package_id, policy_id) = prepared(json!({}))?;
    hold(&stage, (&package_id, &policy_id), 12)?;
    let fewer = with_roles(&[("campaign-group", "Member")], "Less than before");
    let said = apply_not_ready(&stage, &fewer, "AcknowledgementRequired")?;
    assert!(
        said.starts_with("resourceRoles: Reader of e81d7f57-0840-45e1-894b-f505c1bdcc1f -> removed: this takes access from 12 people who hold the package, one of them a guest; a guest who then holds nothing may be blocked and deleted by the tenant's settings; to let it happen: kubectl annotate accesspackages campaign -n marketing --overwrite access.entra-operator.io/acknowledge="),
        "{said}"
    );
    assert!(said.ends_with("-12; to give it up, change the spec"), "{said}");
    let there = element(&stage, "accessPackages", &package_id)?.unwrap_or_default();
    assert_eq!(there["description"], "Less than before");
    intervals(&stage, 2)?;
    assert_eq!(roles(&stage)?, 2);
    // Any other answer is none.
    agrees(&stage, &fewer, "yes")?;
    intervals(&stage, 1)?;
    assert_eq!(roles(&stage)?, 2);
    agrees(&stage, &fewer, &token(&said))?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(roles(&stage)?, 1);
    Ok(())
}

#[test]
fn an_answer_is_for_one_change_and_one_number() -> Outcome {
    let (stage, package_id, policy_id) = prepared(json!({}))?;
    hold(&stage, (&package_id, &policy_id), 12)?;
    let fewer = with_roles(&[("campaign-group", "Member")], "Less");
    let first = token(&apply_not_ready(&stage, &fewer, "AcknowledgementRequired")?);
    // By more than a tenth.
    hold(&stage, (&package_id, &policy_id), 2)?;
    agrees(&stage, &fewer, &first)?;
    let asked = wait_event_like(&stage, &fewer, "-14;")?;
    assert_ne!(token(&asked), first);
    // Another role is another change.
    let other = with_roles(&[("crm", "Reader")], "Less");
    stage.apply_object(&patched(
        other.clone(),
        json!({"metadata": {"annotations": {ACKNOWLEDGE: token(&asked)}}}),
    ))?;
    let again = wait_event_like(
        &stage,
        &other,
        "Member of 0282e19d-bf41-435d-92a4-99bab93af305 -> removed",
    )?;
    assert_ne!(token(&again), token(&asked));
    assert_eq!(roles(&stage)?, 2);
    Ok(())
}

/// Waits until Ready says so.
fn wait_event_like(stage: &Stage, manifest: &Value, part: &str) -> Outcome<String> {
    let (kind, name, namespace) = place(manifest);
    let object = stage.wait_object(kind, name, namespace, &format!("to say {part}"), SOON, |object| {
        message(object, "Ready").contains(part)
    })?;
    Ok(message(&object, "Ready"))
}

#[test]
fn nine_people_wait_for_nobody() -> Outcome {
    let (stage, package_id, policy_id) = prepared(json!({}))?;
    hold(&stage, (&package_id, &policy_id), 9)?;
    apply_ready(&stage, &with_roles(&[("campaign-group", "Member")], "Less"))?;
    assert_eq!(roles(&stage)?, 1);
    // Those hundred who would get more, do.
    hold(&stage, (&package_id, &policy_id), 91)?;
    let more = with_roles(&[("campaign-group", "Member"), ("crm", "Reader")], "More");
    let said = apply_not_ready(&stage, &more, "AcknowledgementRequired")?;
    assert!(
        said.starts_with("resourceRoles: missing -> crm/Reader: this hands more to 100 people who hold the package, 2 of them guests; to let it happen: "),
        "{said}"
    );
    assert_eq!(roles(&stage)?, 1);
    agrees(&stage, &more, &token(&said))?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(roles(&stage)?, 2);
    Ok(())
}

#[test]
fn a_share_of_the_holders_waits_as_well_and_nought_is_always() -> Outcome {
    let (stage, package_id, policy_id) = prepared(json!({}))?;
    hold(&stage, (&package_id, &policy_id), 2)?;
    let always = json!({"spec": {"acknowledge": {"cutsFrom": 0}}});
    apply_ready(&stage, &patched(tenant(&stage), always))?;
    let said = apply_not_ready(
        &stage,
        &with_roles(&[("crm", "Reader")], "Less"),
        "AcknowledgementRequired",
    )?;
    assert!(said.contains("takes access from 2 people"), "{said}");
    let share = json!({"spec": {"acknowledge": {"cutsFrom": 10, "cutsFromPercent": 50}}});
    apply_ready(&stage, &patched(tenant(&stage), share))?;
    intervals(&stage, 2)?;
    assert_eq!(roles(&stage)?, 2);
    let lenient = json!({"spec": {"acknowledge": {"cutsFrom": 3}}});
    apply_ready(&stage, &patched(tenant(&stage), lenient))?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(roles(&stage)?, 1);
    Ok(())
}

#[test]
fn a_deletion_that_takes_access_away_waits_for_a_person_with_the_doors_shut() -> Outcome {
    let (stage, package_id, policy_id) = prepared(json!({"deletion": ["Delete", "DeleteWithAssignments"]}))?;
    hold(&stage, (&package_id, &policy_id), 12)?;
    let going = patched(policy(), json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}}));
    apply_ready(&stage, &going)?;
    let from = mark(&stage);
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    let said = message(
        &wait_reason(&stage, &going, "Ready", "AcknowledgementRequired")?,
        "Ready",
    );
    assert!(
        said.starts_with(
            "all assignments -> removed: this takes access from 12 people who hold the package, one of them a guest"
        ),
        "{said}"
    );
    intervals(&stage, 2)?;
    // It is shut all the same.
    assert_eq!(
        writes_since(&stage, from),
        [format!("PUT assignmentPolicies/{policy_id}")]
    );
    agrees(&stage, &going, &token(&said))?;
    stage.wait_gone("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    let live = collection(&stage, "assignments")?;
    assert!(live.iter().all(|one| one["state"] == "expired"), "{live:#?}");
    Ok(())
}

#[test]
fn another_rule_waits_where_the_rule_has_brought_people_in() -> Outcome {
    let stage = stage()?;
    let few = json!({"spec": {"acknowledge": {"cutsFrom": 2}}});
    apply_ready(&stage, &patched(tenant(&stage), few))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog_with_limits(json!({"automaticAssignment": "Allowed"})))?;
    let package_id = entra_id(&apply_ready(&stage, &package())?);
    let by = |rule: &str| {
        let spec = json!({"requestors": null, "approval": null, "expiration": null, "automatic": {"rule": rule}});
        patched(policy(), json!({"spec": spec}))
    };
    let policy_id = entra_id(&apply_ready(&stage, &by("(user.department -eq \"Marketing\")"))?);
    hold(&stage, (&package_id, &policy_id), 2)?;
    let from = mark(&stage);
    let said = apply_not_ready(
        &stage,
        &by("(user.department -eq \"Sales\")"),
        "AcknowledgementRequired",
    )?;
    assert!(
        said.contains("automatic.rule: ") && said.contains("takes access from 2 people"),
        "{said}"
    );
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    agrees(&stage, &policy(), &token(&said))?;
    stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    Ok(())
}

#[test]
fn the_first_write_after_a_takeover_takes_nothing_from_twelve_people_unasked() -> Outcome {
    let (stage, package_id, policy_id) = prepared(json!({"adoption": "Allowed", "deletion": ["Delete", "Orphan"]}))?;
    hold(&stage, (&package_id, &policy_id), 12)?;
    // Both objects go and leave all as it is; another one takes the package over, with fewer roles.
    for (kind, plural) in [("AssignmentPolicy", policy()), ("AccessPackage", package())] {
        stage.apply_object(&patched(plural, json!({"spec": {"deletionPolicy": "Orphan"}})))?;
        stage.delete(kind, CAMPAIGN, Some(NAMESPACE))?;
        stage.wait_gone(kind, CAMPAIGN, Some(NAMESPACE), SOON)?;
    }
    let taking = json!({"metadata": {"name": "taken"}, "spec": {"id": package_id, "deletionPolicy": "Delete"}});
    let taking = patched(with_roles(&[("campaign-group", "Member")], "Less"), taking);
    let said = apply_not_ready(&stage, &taking, "AcknowledgementRequired")?;
    assert!(said.contains(" -> removed: this takes access from 12 people"), "{said}");
    assert_eq!(roles(&stage)?, 2);
    agrees(&stage, &taking, &token(&said))?;
    stage.wait_ready("AccessPackage", "taken", Some(NAMESPACE), SOON)?;
    assert_eq!(roles(&stage)?, 1);
    Ok(())
}

#[test]
fn whoever_agrees_is_told_of_all_that_happens_then_in_both_directions() -> Outcome {
    let stage = stage()?;
    let few = json!({"spec": {"acknowledge": {"cutsFrom": 5, "grantsFrom": 5}}});
    apply_ready(&stage, &patched(tenant(&stage), few))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog())?;
    let before = with_roles(&[("campaign-group", "Member"), ("crm", "Reader")], "Before");
    let package_id = entra_id(&apply_ready(&stage, &before)?);
    let policy_id = entra_id(&apply_ready(&stage, &policy())?);
    hold(&stage, (&package_id, &policy_id), 12)?;
    let all_at_once = with_roles(&[("crm", "Writer"), ("portal", "Marketing Visitors")], "After");
    let said = apply_not_ready(&stage, &all_at_once, "AcknowledgementRequired")?;
    for part in [
        "Member of 0282e19d-bf41-435d-92a4-99bab93af305 -> removed",
        "Reader of e81d7f57-0840-45e1-894b-f505c1bdcc1f -> removed",
        "takes access from 12 people",
        "missing -> crm/Writer",
        "missing -> portal/Marketing Visitors",
        "hands more to them",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    intervals(&stage, 1)?;
    assert_eq!(roles(&stage)?, 2);
    agrees(&stage, &all_at_once, &token(&said))?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    Ok(())
}
