//! What a Catalog says of its resources: eligible roles of groups, what requestors are asked, and in which location a site is.

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::{Portal, Stage};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const ADMINS: &str = "79f9f804-26b8-4ac4-a919-a0c1c0a1a0ff";

fn prepared() -> Outcome<Stage> {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    Ok(stage)
}

/// [`catalog`] with one resource.
fn catalog_of(resource: &Value) -> Value {
    patched(catalog(), json!({"spec": {"resources": [resource]}}))
}

/// [`package`] that hands out one role of `it`.
fn handing_out(role: &str) -> Value {
    patched(
        package(),
        json!({"spec": {"resourceRoles": [{"resource": "it", "role": role}]}}),
    )
}

/// The group in the directory, with whoever is in which role of it.
fn group(stage: &Stage) -> Value {
    let state = stage.emulator().state();
    let groups = state["directory"]["groups"].as_array().into_iter().flatten();
    let mut found = groups.filter(|group| group["id"] == ADMINS);
    found.next().cloned().unwrap_or_default()
}

fn with_admins(stage: &Stage, is_pim: bool) -> Outcome {
    let made = json!({"id": ADMINS, "displayName": "Shift Admins", "mailNickname": "shift-admins", "pim": is_pim});
    stage.emulator().create_state("groups", &made)?;
    Ok(())
}

fn admins(roles: &Value) -> Value {
    catalog_of(&json!({"name": "it", "group": {"displayName": "Shift Admins"}, "roles": roles}))
}

#[test]
fn a_group_under_privileged_identity_management_makes_people_eligible() -> Outcome {
    let stage = prepared()?;
    with_admins(&stage, true)?;
    apply_ready(&stage, &admins(&json!(["Member", "EligibleMember", "EligibleOwner"])))?;
    let package = apply_ready(&stage, &handing_out("EligibleMember"))?;
    let policy = apply_ready(&stage, &policy())?;
    Portal::open(&stage)?.assign(&stage, &entra_id(&package), &entra_id(&policy))?;
    let held = group(&stage);
    assert_eq!(
        (&held["eligibleMembers"], &held["members"]),
        (&json!([world::ANN_ID]), &json!([])),
        "{held:#}"
    );
    let from = mark(&stage);
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn eligibility_that_ends_before_the_assignment_is_told_where_it_may_be_read() -> Outcome {
    let stage = prepared()?;
    with_admins(&stage, true)?;
    apply_ready(&stage, &admins(&json!(["EligibleMember"])))?;
    apply_ready(&stage, &handing_out("EligibleMember"))?;
    apply_ready(&stage, &policy())?;
    // Somebody asks for a visit, which looks at everything.
    let healthy = |asked: &str, expected: &str| -> Outcome {
        let (kind, name, namespace) = ("AccessPackage", CAMPAIGN, Some(NAMESPACE));
        visit(&stage, &package(), asked)?;
        stage.wait_object(kind, name, namespace, expected, SOON, |object| {
            condition(object, "Healthy").starts_with(expected)
        })?;
        Ok(())
    };
    let eligible_for = |longest: &str| {
        stage
            .emulator()
            .patch_state("groups", ADMINS, &json!({"eligibleFor": longest}))
    };
    eligible_for("P30D")?;
    healthy("first", "InSync/")?;
    let more = json!({"appPermissions": ["EntitlementManagement.ReadWrite.All", "Group.ReadWrite.All", "User.Read.All",
        "RoleManagementPolicy.Read.AzureADGroup"]});
    stage.emulator().patch_state("applications", world::CLIENT_ID, &more)?;
    healthy(
        "second",
        "EligibilityEndsFirst/spec.resourceRoles: who is eligible as member of group 79f9f804-26b8-4ac4-a919-a0c1c0a1a0ff is so for 30 days at most, and longer by \"Marketing Campaign Policy\"",
    )?;
    eligible_for("P90D")?;
    healthy("third", "InSync/")?;
    Ok(())
}

#[test]
fn a_group_that_is_not_under_it_says_what_eligible_roles_need() -> Outcome {
    let stage = prepared()?;
    with_admins(&stage, false)?;
    let said = apply_not_ready(&stage, &admins(&json!(["EligibleMember"])), "RoleNotFound")?;
    assert!(
        said.contains("no role \"EligibleMember\"") && said.contains("enabled for Privileged Identity Management"),
        "{said}"
    );
    let enabled = json!({"pim": true});
    stage.emulator().patch_state("groups", ADMINS, &enabled)?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok(())
}

/// A role of the directory by its template, held in these ways.
fn directory_role(template: &str) -> Value {
    catalog_of(
        &json!({"name": "it", "directoryRole": {"roleTemplateId": template}, "roles": ["EligibleMember", "ActiveMember"]}),
    )
}

#[test]
fn a_directory_role_is_handed_out_where_the_application_may_and_is_refused_in_words_where_not() -> Outcome {
    const REPORTS_READER: &str = "4A5D8F65-41DA-4DE4-8968-E035B65339CF";
    const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
    let stage = prepared()?;
    let said = apply_not_ready(&stage, &directory_role(REPORTS_READER), "NeedsTenantPermission")?;
    assert!(said.contains("RoleManagement.ReadWrite.Directory"), "{said}");

    let more = json!({"appPermissions": ["EntitlementManagement.ReadWrite.All", "User.Read.All",
        "RoleManagement.ReadWrite.Directory"]});
    stage.emulator().patch_state("applications", world::CLIENT_ID, &more)?;
    // What was granted shows in a fresh token, which whoever asks for a visit of the tenant gets.
    visit(&stage, &tenant(&stage), "granted")?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    let package = apply_ready(&stage, &handing_out("EligibleMember"))?;
    let policy = apply_ready(&stage, &policy())?;
    Portal::open(&stage)?.assign(&stage, &entra_id(&package), &entra_id(&policy))?;
    let held = stage.emulator().state()["directory"]["directoryRoles"].clone();
    assert_eq!(
        held,
        json!([{"roleTemplateId": REPORTS_READER.to_lowercase(), "roleOriginId": "Eligible", "principalId": world::ANN_ID}])
    );
    let from = mark(&stage);
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    let also = patched(
        directory_role(REPORTS_READER),
        json!({"spec": {"resources": [
            {"name": "it", "directoryRole": {"roleTemplateId": REPORTS_READER}, "roles": ["EligibleMember", "ActiveMember"]},
            {"name": "all", "directoryRole": {"roleTemplateId": GLOBAL_ADMINISTRATOR}, "roles": ["ActiveMember"]},
        ]}}),
    );
    let said = apply_not_ready(&stage, &also, "GraphRefused")?;
    assert!(said.contains("resource all: "), "{said}");
    Ok(())
}

fn crm(attributes: &Value) -> Value {
    catalog_of(
        &json!({"name": "it", "application": {"appId": world::CRM_APP_ID}, "roles": ["Reader"], "attributes": attributes}),
    )
}

fn cost_center(is_required: bool) -> Value {
    json!({"name": "extension_0f7c_costCenter", "keptAfterRemoval": true, "question":
        {"prompt": "Which cost center pays?", "required": is_required, "text": {"singleLine": true}}})
}

/// What requestors are asked for the sake of the only resource.
fn asked(stage: &Stage) -> Vec<Value> {
    let state = stage.emulator().state();
    state["resources"][0]["attributes"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

#[test]
fn requestors_are_asked_what_a_resource_needs_and_the_same_question_keeps_its_id() -> Outcome {
    let stage = prepared()?;
    apply_ready(&stage, &crm(&json!([cost_center(false)])))?;
    let made = asked(&stage);
    assert_eq!(made.len(), 1);
    let one = &made[0];
    assert_eq!(one["name"], "extension_0f7c_costCenter");
    assert_eq!(one["isPersistedOnAssignmentRemoval"], true);
    let question = &one["source"]["question"];
    assert_eq!(
        (&question["text"], &question["isRequired"]),
        (&json!("Which cost center pays?"), &json!(false))
    );
    let from = mark(&stage);
    visits(&stage, &catalog(), 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0], "nothing is asked twice");

    let title = json!({"name": "jobTitle", "question": {"prompt": "Title?", "choice": {"choices": [{"value": "a"}, {"value": "b"}]}}});
    apply_ready(&stage, &crm(&json!([title, cost_center(true)])))?;
    wait_state(&stage, "both to be asked", |state| {
        state["resources"][0]["attributes"].as_array().map(Vec::len) == Some(2)
    })?;
    let now = asked(&stage);
    let same = now
        .iter()
        .find(|one| one["name"] == "extension_0f7c_costCenter")
        .ok_or("it is gone")?;
    assert_eq!(same["source"]["question"]["id"], question["id"], "the same question");
    assert_eq!(writes_since(&stage, from), ["POST resourceRequests"]);

    apply_ready(&stage, &crm(&json!([])))?;
    wait_state(&stage, "nothing to be asked any more", |state| {
        state["resources"][0]["attributes"] == json!([])
    })?;
    Ok(())
}

#[test]
fn what_somebody_else_has_asked_stays_where_the_spec_says_nothing_and_a_laxer_one_is_not_put_back() -> Outcome {
    let stage = prepared()?;
    apply_ready(&stage, &crm(&json!([])))?;
    let id = text(&collection(&stage, "resources")?[0]["id"]).to_owned();
    let by_hand = |is_required: bool| {
        json!({"attributes": [{"name": "jobTitle", "isEditable": false, "isPersistedOnAssignmentRemoval": false,
            "source": {"@odata.type": "#microsoft.graph.accessPackageResourceAttributeQuestion", "question":
                {"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "id": "3f1c6a1e-0000-4000-8000-000000000001",
                    "isRequired": is_required, "isAnswerEditable": false, "sequence": 1, "text": "Title?", "localizations": [],
                    "isSingleLineQuestion": true, "regexPattern": null}},
            "destination": {"@odata.type": "#microsoft.graph.accessPackageUserDirectoryAttributeStore"}}]})
    };
    stage.emulator().patch_state("resources", &id, &by_hand(true))?;
    visits(&stage, &catalog(), 1)?;
    assert_eq!(asked(&stage).len(), 1, "it stays");
    let lax = json!([{"name": "jobTitle", "question": {"prompt": "Title?", "text": {"singleLine": true}}}]);
    apply_ready(&stage, &crm(&lax))?;
    wait_state(&stage, "the spec's words to count", |state| {
        state["resources"][0]["attributes"][0]["source"]["question"]["isRequired"] == false
    })?;
    // Somebody asks for more: that is not taken back unasked.
    stage.emulator().patch_state("resources", &id, &by_hand(true))?;
    let held = wait_reason(&stage, &catalog(), "Ready", "DriftHeld")?;
    assert!(message(&held, "Ready").contains("resources[it].attributes"), "{held:#}");
    Ok(())
}

#[test]
fn a_site_of_another_location_comes_in_by_its_environment() -> Outcome {
    let stage = prepared()?;
    let url = "https://contosoeur.sharepoint.com/sites/team";
    let made =
        json!({"webUrl": url, "displayName": "Team", "roles": [{"originId": "4", "displayName": "Team Visitors"}]});
    stage.emulator().create_state("sites", &made)?;
    let site = |environment: &Value| {
        let mut site = json!({"name": "it", "sharePointSite": {"url": url}, "roles": ["Team Visitors"]});
        if !environment.is_null() {
            site["environment"] = environment.clone();
        }
        catalog_of(&site)
    };
    apply_ready(&stage, &site(&json!("https://contosoeur-admin.sharepoint.com/")))?;
    let package = apply_ready(&stage, &handing_out("Team Visitors"))?;
    assert!(!entra_id(&package).is_empty());
    let resources = collection(&stage, "resources")?;
    assert_eq!(resources[0]["originId"], url);
    let environments = collection(&stage, "resourceEnvironments")?;
    let own = environments
        .iter()
        .find(|one| one["id"] == resources[0]["environmentId"]);
    assert_eq!(
        own.map(|one| &one["originId"]),
        Some(&json!("https://contosoeur-admin.sharepoint.com/"))
    );
    Ok(())
}
