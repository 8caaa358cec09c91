//! SharePoint sites, which entitlement management does not list to an application: wherever else it tells of one, the site
//! becomes usable, or it is refused in words. It is never asked for twice, and never taken for absent.

use std::error::Error;

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::{Portal, Stage};

type Outcome = Result<(), Box<dyn Error>>;

/// Where an application sees sites.
fn shown(places: &[&str]) -> Value {
    let all = ["lists", "reads", "resourceRoles", "answers", "requests", "packages"];
    let switches = all.map(|place| (place.to_owned(), Value::from(places.contains(&place))));
    json!({"sharePointNeedsDelegated": Value::Object(switches.into_iter().collect())})
}

fn url(number: usize) -> String {
    format!("https://contoso.sharepoint.com/sites/team-{number}")
}

/// A Catalog of its own with one site.
fn catalog_of(number: usize) -> Value {
    let resource = json!({"name": "site", "sharePointSite": {"url": url(number)}, "roles": ["Visitors"]});
    patched(
        renamed(catalog(), &format!("team-{number}"), &format!("Team {number}")),
        json!({"spec": {"resources": [resource]}}),
    )
}

fn stage_with_sites(count: usize) -> Result<Stage, Box<dyn Error>> {
    let site = |number: usize| {
        format!(
            "- webUrl: {}\n  displayName: Team {number}\n  roles:\n  - {{originId: \"4\", displayName: Visitors}}\n",
            url(number)
        )
    };
    let sites: String = (0..count).map(site).collect();
    let world = world::WORLD.replace("sites:\n", &format!("sites:\n{sites}"));
    let stage = builder().world(&world).start()?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    Ok(stage)
}

fn asked_for(stage: &Stage, number: usize) -> usize {
    let calls = stage.emulator().graph_writes_since(0);
    let is_it = |call: &&Value| {
        line(call) == "POST resourceRequests" && call["requestBody"]["resource"]["originId"] == url(number).as_str()
    };
    calls.iter().filter(is_it).count()
}

/// A package of the Catalog that hands out the site's role.
fn package_of(number: usize) -> Value {
    patched(
        renamed(package(), &format!("team-{number}"), &format!("Team {number}")),
        json!({"spec": {
            "catalogRef": {"name": format!("team-{number}")},
            "resourceRoles": [{"resource": "site", "role": "Visitors"}],
        }}),
    )
}

#[test]
fn a_site_is_usable_wherever_its_id_and_its_roles_are_told() -> Outcome {
    let enough: [&[&str]; 6] = [
        &["lists"],
        &["answers", "resourceRoles"],
        &["answers", "reads"],
        &["requests", "resourceRoles"],
        &["requests", "reads"],
        &["lists", "reads", "resourceRoles", "answers", "requests", "packages"],
    ];
    let mut stage = stage_with_sites(enough.len())?;
    for (number, places) in enough.iter().enumerate() {
        stage.emulator().set_quirks(&shown(places))?;
        apply_ready(&stage, &catalog_of(number))?;
        apply_ready(&stage, &package_of(number))?;
        assert_eq!(asked_for(&stage, number), 1, "{places:?}");
    }
    // Nothing tells of any of them now: that is not "absent".
    stage.emulator().set_quirks(&shown(&[]))?;
    // Nor is it for an operator that remembers nothing.
    stage.restart()?;
    let from = mark(&stage);
    for number in 0..enough.len() {
        let seen = visit(&stage, &catalog_of(number), "hidden")?;
        assert_eq!(reason(&seen, "Ready"), "InSync", "{}", condition(&seen, "Ready"));
        let seen = visit(&stage, &package_of(number), "hidden")?;
        assert_eq!(reason(&seen, "Ready"), "InSync", "{}", condition(&seen, "Ready"));
    }
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn a_site_of_which_half_is_told_is_refused_in_words_and_usable_as_soon_as_the_rest_is() -> Outcome {
    let little: [&[&str]; 3] = [&["answers"], &["requests"], &["reads", "resourceRoles", "packages"]];
    let stage = stage_with_sites(little.len())?;
    for (number, places) in little.iter().enumerate() {
        stage.emulator().set_quirks(&shown(places))?;
        stage.apply_object(&catalog_of(number))?;
        let object = wait_reason(&stage, &catalog_of(number), "Ready", "ResourceNotReady")?;
        let said = message(&object, "Ready");
        assert!(
            said.contains("application permissions do not list SharePoint sites"),
            "{places:?}: {said}"
        );
    }
    // Whatever is told later is enough, and nothing is asked for again.
    stage.emulator().set_quirks(&json!({}))?;
    for number in 0..little.len() {
        let (kind, name) = ("Catalog", format!("team-{number}"));
        stage.wait_for(&format!("{name} to be Ready"), SOON, || {
            let object = stage.get(kind, &name, None).map_err(|error| error.to_string())?;
            let object = object.unwrap_or_default();
            if stage::is_ready(&object) {
                Ok(())
            } else {
                Err(condition(&object, "Ready"))
            }
        })?;
        assert_eq!(asked_for(&stage, number), 1, "{name}");
    }
    Ok(())
}

#[test]
fn a_site_whose_request_never_arrived_is_asked_for_again() -> Outcome {
    let stage = stage_with_sites(1)?;
    // For a day: the operator gives it up, and nothing of it is done.
    let hangs = json!({"hangNext": {"count": 1, "method": "POST", "path": "resourceRequests"}});
    stage.emulator().set_quirks(&hangs)?;
    stage.apply_object(&catalog_of(0))?;
    stage.wait_ready("Catalog", "team-0", None, 2 * SOON)?;
    apply_ready(&stage, &package_of(0))?;
    let added = collection(&stage, "resources")?;
    assert_eq!(added.len(), 1, "{added:#?}");
    Ok(())
}

#[test]
fn a_site_whose_answer_was_lost_and_one_of_two_names_are_asked_for_once() -> Outcome {
    let stage = stage_with_sites(2)?;
    let lost = json!({"dropAfterCommit": {"count": 1, "method": "POST", "path": "resourceRequests"}});
    stage.emulator().set_quirks(&lost)?;
    let ready = apply_ready(&stage, &catalog_of(0))?;
    // It was not there before: it is ours to take out again.
    assert_eq!(ready["status"]["resources"][0]["added"], true, "{ready:#}");
    apply_ready(&stage, &package_of(0))?;
    let requests = asked_for(&stage, 0);
    assert!(requests <= 2, "{requests}");
    let added = collection(&stage, "resources")?;
    assert_eq!(
        added.iter().filter(|one| one["originId"] == url(0).as_str()).count(),
        1,
        "{added:#?}"
    );
    let site = |name: &str, url: String| json!({"name": name, "sharePointSite": {"url": url}, "roles": ["Visitors"]});
    let twice = patched(
        catalog_of(1),
        json!({"spec": {"resources": [site("one", url(1)), site("two", url(1).replace("team", "TEAM") + "/")]}}),
    );
    apply_ready(&stage, &twice)?;
    assert_eq!(asked_for(&stage, 1), 1);
    Ok(())
}

/// `harmless` has the group without approval, `everything` the site too, with it.
fn two_grants() -> Value {
    let granted = |name: &str, resources: Value, limits: Value| json!({"name": name, "namespaces": {"names": [NAMESPACE]}, "resources": resources, "limits": limits});
    json!([
        granted(
            "harmless",
            json!(["campaign-group"]),
            json!({"approval": "Optional", "adoption": "Allowed"})
        ),
        granted(
            "everything",
            json!(["campaign-group", "portal"]),
            json!({"adoption": "Allowed"})
        ),
    ])
}

fn unapproved() -> Value {
    patched(
        policy(),
        json!({"spec": {"approval": {"stages": null, "notRequired": {}}}}),
    )
}

fn with_roles(roles: &[(&str, &str)]) -> Value {
    let roles: Vec<Value> = roles
        .iter()
        .map(|(resource, role)| json!({"resource": resource, "role": role}))
        .collect();
    patched(package(), json!({"spec": {"resourceRoles": roles}}))
}

const GROUP: (&str, &str) = ("campaign-group", "Member");
const PORTAL: (&str, &str) = ("portal", "Marketing Visitors");

fn has_portal(stage: &Stage) -> Result<bool, Box<dyn Error>> {
    let scopes = collection(stage, "resourceRoleScopes")?;
    Ok(scopes.iter().any(|scope| scope["scope"]["originId"] == world::SITE_URL))
}

/// A stage whose packages do not show their roles of sites, with a package that hands one out by approval.
fn hiding() -> Result<Stage, Box<dyn Error>> {
    let stage = builder()
        .quirks(shown(&["lists", "reads", "resourceRoles", "answers", "requests"]))
        .start()?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &patched(catalog(), json!({"spec": {"grants": two_grants()}})))?;
    apply_ready(&stage, &with_roles(&[GROUP, PORTAL]))?;
    apply_ready(&stage, &policy())?;
    assert!(has_portal(&stage)?);
    // Until reads would have shown it.
    intervals(&stage, 3)?;
    Ok(stage)
}

#[test]
fn a_hidden_role_that_the_spec_drops_is_taken_out_before_its_policy_may_be_opened() -> Outcome {
    let stage = hiding()?;
    let mut quirks = shown(&["lists", "reads", "resourceRoles", "answers", "requests"]);
    quirks["failNext"] = json!({"count": 1_000, "status": 400, "method": "DELETE", "path": "/resourceRoleScopes/"});
    stage.emulator().set_quirks(&quirks)?;
    stage.apply_object(&with_roles(&[GROUP]))?;
    stage.apply_object(&unapproved())?;
    let refused = wait_reason(&stage, &policy(), "Ready", "LimitExceeded")?;
    assert!(
        message(&refused, "Ready").contains(
            "role \"Marketing Visitors\" of \"portal\", which was handed out and is not known to be taken back"
        ),
        "{refused:#}"
    );
    let owing = wait_reason(&stage, &package(), "Ready", "GraphRefused")?;
    assert_eq!(status_of(&owing, "Ready"), "False", "{owing:#}");
    let is_open = |stage: &Stage| -> Result<bool, Box<dyn Error>> {
        let policies = collection(stage, "assignmentPolicies")?;
        Ok(policies[0]["requestApprovalSettings"]["isApprovalRequiredForAdd"] == false)
    };
    assert!(has_portal(&stage)? && !is_open(&stage)?);
    // By the id that was answered when it was handed out.
    stage
        .emulator()
        .set_quirks(&shown(&["lists", "reads", "resourceRoles", "answers", "requests"]))?;
    all_ready(&stage)?;
    assert!(!has_portal(&stage)? && is_open(&stage)?);
    Ok(())
}

#[test]
fn what_a_package_of_others_may_have_of_hidden_sites_counts_when_it_is_taken_over() -> Outcome {
    let stage = hiding()?;
    let id = entra_id(&now(&stage, &package())?);
    let portal = Portal::open(&stage)?;
    let catalog_id = entra_id(&now(&stage, &catalog())?);
    let body = json!({"displayName": "By hand", "description": "Made in the portal", "isHidden": false,
        "catalog": {"id": catalog_id}});
    let made = portal.send("POST", "accessPackages", &body)?;
    let made = text(&made["id"]).to_owned();
    for scope in collection(&stage, "resourceRoleScopes")?
        .iter()
        .filter(|scope| scope["accessPackageId"] == id.as_str())
    {
        stage.emulator().create_state(
            "resourceRoleScopes",
            &json!({"accessPackage": {"id": made}, "role": {"originId": scope["role"]["originId"]},
                "scope": {"originId": scope["scope"]["originId"]}}),
        )?;
    }
    intervals(&stage, 2)?;
    let adopting = patched(
        renamed(with_roles(&[GROUP]), "by-hand", "By hand"),
        json!({"spec": {"id": made, "description": "Made in the portal", "deletionPolicy": "Delete"}}),
    );
    apply_ready(&stage, &adopting)?;
    let second = patched(
        renamed(unapproved(), "by-hand", "Opened"),
        json!({"spec": {"accessPackageRef": {"name": "by-hand"}}}),
    );
    let said = apply_not_ready(&stage, &second, "LimitExceeded")?;
    assert!(said.contains("which it may have"), "{said}");
    let opened = collection(&stage, "assignmentPolicies")?;
    assert!(
        opened.iter().all(|policy| policy["displayName"] != "Opened"),
        "{opened:#?}"
    );
    Ok(())
}
