//! What names, roles, addresses and ids stand for, and that it stays so.

use std::time::Duration;

use serde_json::{Value, json};
use stage::{Result, world};

use crate::scene::Stage;
use crate::support::{
    all_ready, apply_not_ready, apply_ready, builder, catalog, collection, condition, furnish, furnished, line, mark,
    message, namespace, now, package, patched, policy, reason, tenant, text, visit, wait_reason, writes_since,
};

const READER: &str = "79f9f804-26b8-4ac4-a919-a0c1c0a1a07c";
const NEWER: &str = "b03d3d48-6afc-4e08-bd5d-e405a4e5e4b1";

fn with_resources(resources: Value) -> Value {
    patched(catalog(), json!({"spec": {"resources": resources}}))
}

/// The app roles of the CRM, by id, value and display name.
fn set_roles(stage: &Stage, roles: &[(&str, &str, &str)]) -> Result<()> {
    let roles: Vec<Value> = roles
        .iter()
        .map(|(id, value, name)| json!({"id": id, "value": value, "displayName": name, "isEnabled": true}))
        .collect();
    let patch = json!({"appRoles": roles});
    stage
        .emulator()
        .patch_state("servicePrincipals", world::CRM_SERVICE_PRINCIPAL_ID, &patch)
}

/// The id that status has for this role of this resource.
fn role_id(catalog: &Value, resource: &str, role: &str) -> String {
    let resources = catalog["status"]["resources"].as_array().cloned().unwrap_or_default();
    let found = resources.iter().find(|one| one["name"] == resource);
    let roles = found
        .and_then(|one| one["roles"].as_array())
        .cloned()
        .unwrap_or_default();
    let found = roles.iter().find(|one| one["name"] == role);
    found.map(|one| text(&one["id"]).to_owned()).unwrap_or_default()
}

/// How many requests since the mark asked for a resource of this system.
fn asked_for(stage: &Stage, mark: usize, system: &str) -> usize {
    let calls = stage.emulator().graph_writes_since(mark);
    let is_it = |call: &&Value| {
        line(call) == "POST resourceRequests" && call["requestBody"]["resource"]["originSystem"] == system
    };
    calls.iter().filter(is_it).count()
}

/// Nothing may come of this: the roles in Entra stay, the Catalog stays Ready and says that the name moved.
fn stays_bound(stage: &Stage) -> Result<()> {
    let from = mark(stage);
    visit(stage, &catalog(), "moved")?;
    let catalog = wait_reason(stage, &catalog(), "Healthy", "ReferenceMoved")?;
    assert_eq!(role_id(&catalog, "crm", "Reader"), READER);
    visit(stage, &package(), "moved")?;
    assert_eq!(writes_since(stage, from), [""; 0]);
    all_ready(stage)
}

#[test]
fn a_value_that_another_role_was_given_hands_nothing_out() -> Result<()> {
    let named_otherwise = world::WORLD.replace(
        "value: Reader, displayName: Reader",
        "value: read.all, displayName: Reader",
    );
    let stage = builder().world(&named_otherwise).start()?;
    furnish(&stage)?;
    set_roles(
        &stage,
        &[
            (READER, "read.all", "Reader"),
            (NEWER, "Reader", "Everything"),
            ("8a0a0915-37c9-4bd5-8a2a-b1d2d1b2b18d", "Writer", "Writer"),
        ],
    )?;
    stays_bound(&stage)
}

#[test]
fn a_role_made_anew_under_the_same_value_hands_nothing_out_and_takes_nothing() -> Result<()> {
    let stage = furnished()?;
    set_roles(
        &stage,
        &[
            (NEWER, "Reader", "Reader"),
            ("8a0a0915-37c9-4bd5-8a2a-b1d2d1b2b18d", "Writer", "Writer"),
        ],
    )?;
    stays_bound(&stage)
}

#[test]
fn a_permission_to_read_applications_that_is_taken_away_changes_no_role() -> Result<()> {
    let mut stage = furnished()?;
    let left = json!({"appPermissions": [
        "EntitlementManagement.ReadWrite.All", "Group.ReadWrite.All", "GroupMember.Read.All", "Sites.FullControl.All",
        "User.Read.All",
    ]});
    stage.emulator().patch_state("applications", world::CLIENT_ID, &left)?;
    stage.restart()?;
    let from = mark(&stage);
    let seen = visit(&stage, &catalog(), "revoked")?;
    assert_eq!(role_id(&seen, "crm", "Reader"), READER, "{seen:#}");
    visit(&stage, &package(), "revoked")?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    all_ready(&stage)?;
    // What is not bound yet is not guessed from what can still be read.
    let mut wanted = catalog();
    wanted["spec"]["resources"][1]["roles"] = json!(["Reader", "Writer", "Exporter.Deals"]);
    let said = apply_not_ready(&stage, &wanted, "NeedsTenantPermission")?;
    assert!(
        said.starts_with("spec.resources[1].roles: which role is \"Exporter.Deals\" cannot be told"),
        "{said}"
    );
    assert!(said.contains("Application.Read.All"), "{said}");
    Ok(())
}

#[test]
fn a_group_that_can_hold_directory_roles_is_refused_by_name_and_by_id() -> Result<()> {
    let guarded = world::WORLD.replace(
        "mailNickname: auditors,",
        "mailNickname: auditors, roleAssignable: true,",
    );
    let stage = builder().world(&guarded).start()?;
    stage.apply_object(&tenant(&stage))?;
    for group in [
        json!({"displayName": "Auditors"}),
        json!({"id": world::AUDITORS_GROUP_ID}),
    ] {
        let wanted = with_resources(json!([{"name": "auditors", "group": group}]));
        let said = apply_not_ready(&stage, &wanted, "ResourceUnsuitable")?;
        assert!(said.contains("can hold directory roles (isAssignableToRole)"), "{said}");
        assert!(said.contains("roleAssignable: Allowed"), "{said}");
        stage.delete("Catalog", "marketing", None)?;
        stage.wait_gone("Catalog", "marketing", None, crate::support::SOON)?;
    }
    assert_eq!(asked_for(&stage, 0, "AadGroup"), 0);
    Ok(())
}

#[test]
fn a_site_is_one_however_its_address_is_written() -> Result<()> {
    let world = world::WORLD.replace(
        "sites:\n",
        "sites:\n- webUrl: https://contoso.sharepoint.com/sites/M%C3%A4rkte%20EMEA\n  displayName: Märkte\n  roles:\n  - \
         {originId: \"4\", displayName: Besucher}\n",
    );
    let stage = builder().world(&world).start()?;
    stage.apply_object(&tenant(&stage))?;
    let from = mark(&stage);
    let site =
        |name: &str, url: &str, role: &str| json!({"name": name, "sharePointSite": {"url": url}, "roles": [role]});
    let wanted = with_resources(json!([
        site(
            "a",
            "https://Contoso.SharePoint.com/Sites/MARKETING/",
            "Marketing Visitors"
        ),
        site("b", world::SITE_URL, "Marketing Owners"),
        site(
            "c",
            "https://contoso.sharepoint.com/sites/M%c3%a4rkte%20emea",
            "Besucher"
        ),
        site("d", "https://contoso.sharepoint.com/sites/märkte%20EMEA/", "Besucher"),
    ]));
    let ready = apply_ready(&stage, &patched(wanted.clone(), json!({"spec": {"grants": []}})))?;
    assert_eq!(asked_for(&stage, from, "SharePointOnline"), 2);
    let origins: Vec<&str> = ready["status"]["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| text(&one["originId"]))
        .collect();
    let markets = "https://contoso.sharepoint.com/sites/M%C3%A4rkte%20EMEA";
    assert_eq!(origins, [world::SITE_URL, world::SITE_URL, markets, markets]);
    Ok(())
}

#[test]
fn one_group_under_two_names_is_added_once_and_goes_with_the_last_name() -> Result<()> {
    let stage = builder().start()?;
    stage.apply_object(&tenant(&stage))?;
    let by_name = json!({"name": "one", "group": {"displayName": "Marketing Campaign"}});
    let again = json!({"name": "two", "group": {"displayName": "Marketing Campaign"}});
    let by_id = json!({"name": "three", "group": {"id": world::CAMPAIGN_GROUP_ID}});
    let from = mark(&stage);
    apply_ready(&stage, &with_resources(json!([by_name, again, by_id])))?;
    assert_eq!(asked_for(&stage, from, "AadGroup"), 1);
    apply_ready(&stage, &with_resources(json!([by_id])))?;
    assert_eq!(collection(&stage, "resources")?.len(), 1);
    apply_ready(&stage, &with_resources(json!([])))?;
    crate::support::wait_state(&stage, "the group to leave the catalog", |state| {
        state["resources"].as_array().is_some_and(Vec::is_empty)
    })?;
    let removals = writes_since(&stage, from);
    let count = removals.iter().filter(|line| *line == "POST resourceRequests").count();
    assert_eq!(count, 2, "{removals:#?}");
    Ok(())
}

#[test]
fn the_wrong_kind_of_id_is_named_and_not_asked_for_again_and_again() -> Result<()> {
    let stage = builder().start()?;
    stage.apply_object(&patched(tenant(&stage), json!({"spec": {"driftInterval": "PT10M"}})))?;
    stage.apply_object(&namespace("marketing"))?;
    let page = format!("{}/SitePages/Home.aspx", world::SITE_URL);
    let wanted = with_resources(json!([
        {"name": "group", "group": {"id": world::BOB_ID}},
        {"name": "app", "application": {"servicePrincipalId": world::CRM_APP_ID}, "roles": ["Reader"]},
        {"name": "site", "sharePointSite": {"url": page}, "roles": ["Marketing Visitors"]},
    ]));
    apply_not_ready(&stage, &wanted, "ReferenceNotFound")?;
    let seen = now(&stage, &wanted)?;
    let said: Vec<String> = seen["status"]["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| text(&one["message"]).to_owned())
        .collect();
    for (said, part) in said.iter().zip([
        "it is the id of a user; write the id of a group",
        world::CRM_SERVICE_PRINCIPAL_ID,
        "is the address of a page and not of a site; the site is probably https://contoso.sharepoint.com/sites/marketing",
    ]) {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(said.len(), 3);
    // Later visits, of this object and of others that name the same, ask nobody.
    let other = patched(
        wanted,
        json!({"metadata": {"name": "other"}, "spec": {"displayName": "Other"}}),
    );
    let from = mark(&stage);
    apply_not_ready(&stage, &other, "ReferenceNotFound")?;
    stage.pass(Duration::from_secs(6))?;
    let calls: Vec<String> = stage.emulator().graph_calls_since(from).iter().map(line).collect();
    let about: Vec<&String> = calls.iter().filter(|line| !line.contains("atalogs")).collect();
    assert!(about.is_empty(), "{about:#?}");
    assert!(calls.len() <= 6, "{calls:#?}");
    Ok(())
}

#[test]
fn a_user_who_does_not_exist_is_looked_up_once_for_all_policies() -> Result<()> {
    let stage = builder().start()?;
    let slow = patched(tenant(&stage), json!({"spec": {"driftInterval": "PT10M"}}));
    for object in [slow, namespace("marketing"), catalog(), package()] {
        stage.apply_object(&object)?;
    }
    apply_ready(&stage, &package())?;
    let nobody =
        json!({"spec": {"approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contso.com"}}]}]}}});
    let from = mark(&stage);
    for name in ["one", "two", "three"] {
        let policy = patched(crate::support::renamed(policy(), name, name), nobody.clone());
        let said = apply_not_ready(&stage, &policy, "ReferenceNotFound")?;
        assert!(
            said.contains("correct the userPrincipalName or create the user"),
            "{said}"
        );
    }
    let calls: Vec<String> = stage.emulator().graph_calls_since(from).iter().map(line).collect();
    assert_eq!(
        calls.iter().filter(|line| line.contains("users")).count(),
        1,
        "{calls:#?}"
    );
    Ok(())
}

#[test]
fn a_site_of_which_nothing_is_told_is_asked_for_once_and_said_in_words() -> Result<()> {
    let hidden = json!({"sharePointNeedsDelegated": {
        "lists": false, "reads": false, "resourceRoles": false, "answers": false, "requests": false, "packages": false,
    }});
    let stage = builder().quirks(hidden).start()?;
    stage.apply_object(&tenant(&stage))?;
    let said = apply_not_ready(&stage, &catalog(), "ResourceNotReady")?;
    assert!(
        said.contains("application permissions do not list SharePoint sites"),
        "{said}"
    );
    crate::support::looks(&stage, &["/catalogs"], 3)?;
    assert_eq!(asked_for(&stage, 0, "SharePointOnline"), 1);
    // As soon as it is told, the Catalog is Ready.
    stage
        .emulator()
        .set_quirks(&json!({"sharePointNeedsDelegated": false}))?;
    apply_ready(&stage, &catalog())?;
    // And a list that forgets it again takes nothing away.
    stage
        .emulator()
        .set_quirks(&json!({"sharePointNeedsDelegated": true}))?;
    let from = mark(&stage);
    let seen = visit(&stage, &catalog(), "again")?;
    assert_eq!(reason(&seen, "Ready"), "InSync", "{}", condition(&seen, "Ready"));
    assert_eq!(message(&seen, "Ready"), "catalog with 3 resources");
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

/// What the roles of the package are in Entra, as `scope role`, sorted.
fn handed_out(stage: &Stage) -> Result<Vec<String>> {
    let scopes = collection(stage, "resourceRoleScopes")?;
    let of = |scope: &Value, part: &str| text(&scope[part]["originId"]).to_owned();
    let mut all: Vec<String> = scopes
        .iter()
        .map(|scope| format!("{} {}", of(scope, "scope"), of(scope, "role")))
        .collect();
    all.sort();
    Ok(all)
}

#[test]
fn a_title_that_another_group_of_the_site_was_given_hands_nothing_out() -> Result<()> {
    let mut stage = builder().start()?;
    for object in [tenant(&stage), namespace("marketing"), catalog()] {
        stage.apply_object(&object)?;
    }
    let visitors = json!([{"resource": "portal", "role": "Marketing Visitors"}]);
    let package = patched(package(), json!({"spec": {"resourceRoles": visitors}}));
    apply_ready(&stage, &package)?;
    let wanted = [format!("{} 4", world::SITE_URL)];
    assert_eq!(handed_out(&stage)?, wanted);
    // The site's people make a group of their own for visitors, and let the owners have the old one.
    let groups = json!({"roles": [
        {"originId": "4", "displayName": "Old Visitors"},
        {"originId": "3", "displayName": "Marketing Visitors"},
        {"originId": "9", "displayName": "marketing visitors"},
    ]});
    stage.emulator().patch_state("sites", world::SITE_URL, &groups)?;
    stage.restart()?;
    let from = mark(&stage);
    visit(&stage, &catalog(), "moved")?;
    let seen = wait_reason(&stage, &catalog(), "Healthy", "ReferenceMoved")?;
    assert_eq!(role_id(&seen, "portal", "Marketing Visitors"), "4");
    let said = message(&seen, "Healthy");
    assert!(said.contains("stands for the role 3, and stays bound to 4"), "{said}");
    visit(&stage, &package, "moved")?;
    let reworded = json!({"spec": {"description": "Other words", "resourceRoles": visitors}});
    apply_ready(&stage, &patched(package, reworded))?;
    let writes = writes_since(&stage, from);
    assert!(
        writes.iter().all(|line| line.starts_with("PATCH accessPackages/")),
        "{writes:#?}"
    );
    assert_eq!(handed_out(&stage)?, wanted);
    Ok(())
}

#[test]
fn a_display_name_that_goes_from_a_disabled_role_to_another_hands_nothing_out_and_takes_nothing() -> Result<()> {
    // Bound by its display name: its value is another one.
    let named_otherwise = world::WORLD.replace(
        "value: Reader, displayName: Reader",
        "value: read.all, displayName: Reader",
    );
    let mut stage = builder().world(&named_otherwise).start()?;
    furnish(&stage)?;
    let wanted = handed_out(&stage)?;
    let roles = json!({"appRoles": [
        {"id": READER, "value": "read.all", "displayName": "Reader", "isEnabled": false},
        {"id": NEWER, "value": "everything", "displayName": "Reader", "isEnabled": true},
        {"id": "8a0a0915-37c9-4bd5-8a2a-b1d2d1b2b18d", "value": "Writer", "displayName": "Writer", "isEnabled": true},
    ]});
    let principal = world::CRM_SERVICE_PRINCIPAL_ID;
    stage.emulator().patch_state("servicePrincipals", principal, &roles)?;
    stage.restart()?;
    stays_bound(&stage)?;
    assert_eq!(handed_out(&stage)?, wanted);
    Ok(())
}

#[test]
fn names_that_others_bear_while_the_directory_refuses_to_tell_stay_bound_to_whom_they_meant() -> Result<()> {
    let mut stage = furnished()?;
    let wanted = handed_out(&stage)?;
    for (collection, id, change) in [
        (
            "groups",
            world::CAMPAIGN_GROUP_ID,
            json!({"displayName": "Old Campaign"}),
        ),
        (
            "groups",
            world::AUDITORS_GROUP_ID,
            json!({"displayName": "Marketing Campaign"}),
        ),
        (
            "users",
            world::BOB_ID,
            json!({"userPrincipalName": "robert@contoso.com"}),
        ),
        (
            "users",
            world::CAROL_ID,
            json!({"userPrincipalName": "bob@contoso.com"}),
        ),
    ] {
        stage.emulator().patch_state(collection, id, &change)?;
    }
    set_roles(&stage, &[(NEWER, "Reader", "Reader"), (READER, "Former", "Former")])?;
    let refused = json!({"count": 100_000, "status": 403, "code": "Authorization_RequestDenied", "message": "No."});
    for path in ["/users", "/groups", "/servicePrincipals", "/directoryObjects"] {
        let refused = patched(refused.clone(), json!({"path": path}));
        stage.emulator().set_quirks(&json!({"failNext": refused}))?;
        stage.restart()?;
        let from = mark(&stage);
        for manifest in [catalog(), package()] {
            visit(&stage, &manifest, path)?;
        }
        let reworded = patched(policy(), json!({"spec": {"description": path}}));
        apply_ready(&stage, &reworded)?;
        let writes = stage.emulator().graph_writes_since(from);
        assert_eq!(writes.len(), 1, "{writes:#?}");
        let approvers = &writes[0]["requestBody"]["requestApprovalSettings"]["stages"][0]["primaryApprovers"];
        assert_eq!(approvers[0]["userId"], world::BOB_ID, "{approvers:#}");
        assert_eq!(handed_out(&stage)?, wanted);
    }
    stage.emulator().set_quirks(&json!({}))?;
    wait_reason(&stage, &catalog(), "Healthy", "ReferenceMoved")?;
    assert_eq!(handed_out(&stage)?, wanted);
    Ok(())
}
