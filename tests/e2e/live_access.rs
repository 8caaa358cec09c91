//! Changes that people with access would feel, played one by one: what Entra held before, what was said, what Entra held
//! meanwhile and afterwards. `docs/live-access.md` is what came of it.

use std::fmt::Write as _;

use serde_json::{Value, json};
use stage::{workspace, world};

use super::support::*;
use crate::scene::Stage;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const ACKNOWLEDGE: &str = "access.entra-operator.io/acknowledge";
const PAGE: &str = "docs/live-access.md";

/// One change.
struct Told {
    title: &'static str,
    /// What somebody does.
    change: &'static str,
    before: String,
    /// What the object says.
    words: String,
    meanwhile: String,
    /// How it goes on.
    then: &'static str,
    after: String,
}

/// Everything Ready, with these limits; answers the ids of package and policy.
fn prepared(limits: Value, package: &Value, policy: &Value) -> Outcome<(Stage, String, String)> {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog_with_limits(limits))?;
    let package = entra_id(&apply_ready(&stage, package)?);
    let policy = entra_id(&apply_ready(&stage, policy)?);
    Ok((stage, package, policy))
}

/// So many people, the last of them a guest; answers their names.
fn hired(stage: &Stage, count: usize) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for number in 1..=count {
        let is_guest = number == count;
        let domain = if is_guest {
            "_fabrikam.com#EXT#@contoso.com"
        } else {
            "@contoso.com"
        };
        let name = format!("person-{number}{domain}");
        let department = if number <= count / 2 { "Brand" } else { "Events" };
        let kind = if is_guest { "Guest" } else { "Member" };
        let user = json!({"userPrincipalName": name, "displayName": name, "userType": kind, "department": department});
        stage.emulator().create_state("users", &user)?;
        names.push(name);
    }
    Ok(names)
}

/// So many people hold the package by the policy.
fn hold(stage: &Stage, entra: (&str, &str), count: usize) -> Outcome {
    for name in hired(stage, count)? {
        holds(stage, entra, &name)?;
    }
    Ok(())
}

fn holds(stage: &Stage, (package, policy): (&str, &str), who: &str) -> Outcome {
    let held = json!({"accessPackageId": package, "assignmentPolicyId": policy, "state": "delivered",
        "target": {"userPrincipalName": who}});
    stage.emulator().create_state("assignments", &held)?;
    Ok(())
}

/// What Entra holds, and what people have.
fn picture(stage: &Stage) -> String {
    let state = stage.emulator().state();
    let all = |part: &str| state[part].as_array().cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for package in all("accessPackages") {
        let of_package = |one: &Value| one["accessPackageId"] == package["id"];
        let scopes = all("resourceRoleScopes");
        let mut roles: Vec<String> = scopes
            .iter()
            .filter(|scope| of_package(scope))
            .map(|scope| {
                let origin = text(&scope["scope"]["originId"]);
                let resources = all("resources");
                let resource = resources.iter().find(|one| text(&one["originId"]) == origin);
                let resource = resource.map_or(origin, |one| text(&one["displayName"])).to_owned();
                format!("{} of {resource}", text(&scope["role"]["displayName"]))
            })
            .collect();
        roles.sort();
        let held = all("assignments");
        let live = held.iter().filter(|one| of_package(one) && one["state"] != "expired");
        lines.push(format!(
            "{:?} hands out {} and is held by {}",
            text(&package["displayName"]),
            if roles.is_empty() {
                "nothing".to_owned()
            } else {
                roles.join(", ")
            },
            people(live.count())
        ));
        for policy in all("assignmentPolicies").iter().filter(|one| of_package(one)) {
            let rule = policy["specificAllowedTargets"].as_array().into_iter().flatten();
            let rule = rule.filter_map(|one| one["membershipRule"].as_str()).next();
            let door = match rule {
                Some(rule) => format!("lets in whoever matches `{rule}`"),
                None if policy["requestorSettings"]["enableTargetsToSelfAddAccess"] == true => "is open".to_owned(),
                None => "is closed".to_owned(),
            };
            lines.push(format!("policy {:?} {door}", text(&policy["displayName"])));
        }
    }
    let groups = state["directory"]["groups"].as_array().into_iter().flatten();
    let campaign = groups.filter(|group| group["id"] == world::CAMPAIGN_GROUP_ID);
    let members = campaign
        .filter_map(|group| group["members"].as_array())
        .map(Vec::len)
        .sum();
    let readers = state["directory"]["appRoles"].as_array().map_or(0, Vec::len);
    lines.push(format!("in group Marketing Campaign: {}", people(members)));
    lines.push(format!("with a role of CRM: {}", people(readers)));
    lines.join("\n")
}

fn people(count: usize) -> String {
    match count {
        0 => "nobody".to_owned(),
        1 => "1 person".to_owned(),
        several => format!("{several} people"),
    }
}

fn token(words: &str) -> String {
    let (_, rest) = words.split_once(&format!("{ACKNOWLEDGE}=")).unwrap_or_default();
    rest.split(';').next().unwrap_or_default().to_owned()
}

fn agree(stage: &Stage, manifest: &Value, words: &str) -> Outcome {
    let (kind, name, namespace) = place(manifest);
    stage.annotate(kind, name, namespace, ACKNOWLEDGE, Some(&token(words)))?;
    Ok(())
}

/// Applies what waits for a person, and lets it happen.
fn asked(stage: &Stage, manifest: &Value, title: &'static str, change: &'static str) -> Outcome<Told> {
    let before = picture(stage);
    let words = apply_not_ready(stage, manifest, "AcknowledgementRequired")?;
    intervals(stage, 2)?;
    let meanwhile = picture(stage);
    agree(stage, manifest, &words)?;
    let (kind, name, namespace) = place(manifest);
    stage.wait_ready(kind, name, namespace, SOON)?;
    Ok(Told {
        title,
        change,
        before,
        words,
        meanwhile,
        then: "Somebody runs the command",
        after: settled(stage)?,
    })
}

/// What Entra holds once what was delivered and taken away has been.
fn settled(stage: &Stage) -> Outcome<String> {
    intervals(stage, 2)?;
    Ok(picture(stage))
}

fn with_roles(roles: &[(&str, &str)]) -> Value {
    let roles: Vec<Value> = roles
        .iter()
        .map(|(resource, role)| json!({"resource": resource, "role": role}))
        .collect();
    patched(package(), json!({"spec": {"resourceRoles": roles}}))
}

const GROUP: (&str, &str) = ("campaign-group", "Member");
const CRM: (&str, &str) = ("crm", "Reader");

fn a_role_leaves() -> Outcome<Told> {
    let (stage, package, policy) = prepared(json!({}), &with_roles(&[GROUP, CRM]), &policy())?;
    hold(&stage, (&package, &policy), 12)?;
    asked(
        &stage,
        &with_roles(&[GROUP]),
        "A role that 12 people hold is taken out of a package",
        "`crm/Reader` leaves `spec.resourceRoles` of the AccessPackage.",
    )
}

fn a_role_comes() -> Outcome<Told> {
    let (stage, package, policy) = prepared(json!({}), &with_roles(&[GROUP]), &policy())?;
    hold(&stage, (&package, &policy), 150)?;
    asked(
        &stage,
        &with_roles(&[GROUP, CRM]),
        "A role comes to a package that 150 people hold",
        "`crm/Reader` comes to `spec.resourceRoles` of the AccessPackage.",
    )
}

fn a_rule_narrows() -> Outcome<Told> {
    let by = |rule: &str| {
        let spec = json!({"requestors": null, "approval": null, "expiration": null, "automatic": {"rule": rule}});
        patched(policy(), json!({"spec": spec}))
    };
    let wide = by("(user.department -eq \"Brand\") or (user.department -eq \"Events\")");
    let leave = json!({"automaticAssignment": "Allowed"});
    let (stage, _, _) = prepared(leave, &with_roles(&[GROUP, CRM]), &wide)?;
    stage.emulator().set_quirks(&json!({"carriesOutRules": true}))?;
    hired(&stage, 12)?;
    wait_state(&stage, "the rule to be carried out", |state| {
        state["directory"]["appRoles"].as_array().map(Vec::len) == Some(12)
    })?;
    let narrow = by("(user.department -eq \"Brand\")");
    asked(
        &stage,
        &narrow,
        "A rule by which 12 people came in becomes narrower",
        "`spec.automatic.rule` of the AssignmentPolicy leaves a department out. How many that takes access from, only Entra can tell: the count \
         is of all who came in by the rule.",
    )
}

fn a_policy_goes_with_its_assignments() -> Outcome<Told> {
    let going = patched(policy(), json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}}));
    let leave = json!({"deletion": ["Delete", "DeleteWithAssignments"]});
    let (stage, package, policy) = prepared(leave, &with_roles(&[GROUP, CRM]), &going)?;
    hold(&stage, (&package, &policy), 12)?;
    let before = picture(&stage);
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    let words = message(
        &wait_reason(&stage, &going, "Ready", "AcknowledgementRequired")?,
        "Ready",
    );
    intervals(&stage, 2)?;
    let meanwhile = picture(&stage);
    agree(&stage, &going, &words)?;
    stage.wait_gone("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    Ok(Told {
        title: "A policy that 12 people came in by is deleted with its assignments",
        change: "`kubectl delete` of an AssignmentPolicy with `deletionPolicy: DeleteWithAssignments`. What is harmless goes ahead: the door \
                 is shut at once.",
        before,
        words,
        meanwhile,
        then: "Somebody runs the command",
        after: settled(&stage)?,
    })
}

fn a_takeover_takes_a_role_away() -> Outcome<Told> {
    let leave = json!({"adoption": "Allowed", "deletion": ["Delete", "Orphan"]});
    let (stage, package_id, policy_id) = prepared(leave, &with_roles(&[GROUP, CRM]), &policy())?;
    hold(&stage, (&package_id, &policy_id), 12)?;
    for (kind, object) in [
        ("AssignmentPolicy", policy()),
        ("AccessPackage", with_roles(&[GROUP, CRM])),
    ] {
        stage.apply_object(&patched(object, json!({"spec": {"deletionPolicy": "Orphan"}})))?;
        stage.delete(kind, CAMPAIGN, Some(NAMESPACE))?;
        stage.wait_gone(kind, CAMPAIGN, Some(NAMESPACE), SOON)?;
    }
    let taking = json!({"metadata": {"name": "taken"}, "spec": {"id": package_id, "deletionPolicy": "Delete"}});
    asked(
        &stage,
        &patched(with_roles(&[GROUP]), taking),
        "The first write after a takeover would take a role from 12 people",
        "A new AccessPackage names by `spec.id` a package that was there before, and lists fewer roles than it has.",
    )
}

fn a_resource_leaves_the_catalog() -> Outcome<Told> {
    let (stage, package, policy) = prepared(json!({}), &with_roles(&[GROUP, CRM]), &policy())?;
    hold(&stage, (&package, &policy), 12)?;
    let before = picture(&stage);
    let mut without = now(&stage, &catalog())?["spec"]["resources"].clone();
    if let Some(all) = without.as_array_mut() {
        all.retain(|one| one["name"] != "crm");
    }
    let less = patched(catalog_with_limits(json!({})), json!({"spec": {"resources": without}}));
    let words = apply_not_ready(&stage, &less, "InUse")?;
    intervals(&stage, 2)?;
    let meanwhile = picture(&stage);
    // The package lets go of the role, which a person agrees to; then the resource goes by itself.
    let fewer = with_roles(&[GROUP]);
    let asked = apply_not_ready(&stage, &fewer, "AcknowledgementRequired")?;
    agree(&stage, &fewer, &asked)?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok(Told {
        title: "A resource whose role 12 people hold leaves the Catalog",
        change: "`crm` leaves `spec.resources` of the Catalog, while a package hands its role out.",
        before,
        words,
        meanwhile,
        then: "The team takes the role out of its package, and runs the command that this asks for",
        after: settled(&stage)?,
    })
}

fn a_role_waits_for_who_came_in_by_less() -> Outcome<Told> {
    let grant = |name: &str, resources: Value, limits: Value| json!({"name": name, "namespaces": {"names": [NAMESPACE]}, "resources": resources, "limits": limits});
    let grants = json!([
        grant("harmless", json!(["campaign-group"]), json!({"approval": "Optional"})),
        grant("everything", json!(["campaign-group", "crm"]), json!({})),
    ]);
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &patched(catalog(), json!({"spec": {"grants": grants}})))?;
    let package_id = entra_id(&apply_ready(&stage, &with_roles(&[GROUP]))?);
    let lenient = patched(
        policy(),
        json!({"spec": {"approval": {"stages": null, "notRequired": {}}}}),
    );
    let policy_id = entra_id(&apply_ready(&stage, &lenient)?);
    hold(&stage, (&package_id, &policy_id), 3)?;
    apply_ready(&stage, &policy())?;
    let before = picture(&stage);
    let words = apply_not_ready(&stage, &with_roles(&[GROUP, CRM]), "LimitExceeded")?;
    intervals(&stage, 2)?;
    let meanwhile = picture(&stage);
    for held in collection(&stage, "assignments")? {
        stage.emulator().delete_state("assignments", text(&held["id"]))?;
    }
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    Ok(Told {
        title: "A role comes to a package that 3 people got without approval",
        change: "`crm/Reader` comes to `spec.resourceRoles`. Its grant demands approval; the policy does by now, and did not when they came in. \
                 No annotation helps: a grant is no matter of counting.",
        before,
        words,
        meanwhile,
        then: "Their assignments end; whoever wants access asks again, and is approved",
        after: settled(&stage)?,
    })
}

/// What 300 packages are, in three lines.
fn summary(stage: &Stage) -> String {
    let state = stage.emulator().state();
    let all = |part: &str| state[part].as_array().cloned().unwrap_or_default();
    let open = all("assignmentPolicies")
        .iter()
        .filter(|policy| policy["requestorSettings"]["enableTargetsToSelfAddAccess"] == true)
        .count();
    let held = all("assignments")
        .iter()
        .filter(|one| one["state"] != "expired")
        .count();
    let groups = state["directory"]["groups"].as_array().into_iter().flatten();
    let campaign = groups.filter(|group| group["id"] == world::CAMPAIGN_GROUP_ID);
    let members = campaign
        .filter_map(|group| group["members"].as_array())
        .map(Vec::len)
        .sum();
    format!(
        "{} packages, {open} policies that are open, {held} live assignments\nin group Marketing Campaign: {}",
        all("accessPackages").len(),
        people(members)
    )
}

fn a_wrong_commit_takes_away_300_packages() -> Outcome<Told> {
    const PACKAGES: usize = 300;
    /// Somebody holds every third.
    const HELD: usize = 3;
    let stage = stage()?;
    // Compared seldom: that makes no difference here, and 600 objects are many.
    apply_ready(
        &stage,
        &patched(tenant(&stage), json!({"spec": {"driftInterval": "PT1H"}})),
    )?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog_with_limits(json!({})))?;
    let names: Vec<String> = (1..=PACKAGES).map(|number| format!("package-{number}")).collect();
    for name in &names {
        stage.apply_object(&renamed(with_roles(&[GROUP]), name, name))?;
        let policy = json!({"spec": {"accessPackageRef": {"name": name}}});
        stage.apply_object(&patched(renamed(super::support::policy(), name, name), policy))?;
    }
    for name in &names {
        stage.wait_ready("AssignmentPolicy", name, Some(NAMESPACE), SOON)?;
    }
    let people = hired(&stage, PACKAGES / HELD)?;
    for (name, who) in names.iter().step_by(HELD).zip(&people) {
        let id = |kind: &str| -> Outcome<String> {
            let object = stage.get(kind, name, Some(NAMESPACE))?.unwrap_or_default();
            Ok(entra_id(&object))
        };
        holds(&stage, (&id("AccessPackage")?, &id("AssignmentPolicy")?), who)?;
    }
    let before = summary(&stage);
    for name in &names {
        stage.delete("AccessPackage", name, Some(NAMESPACE))?;
        stage.delete("AssignmentPolicy", name, Some(NAMESPACE))?;
    }
    let last = names.last().map_or("", String::as_str);
    let last = stage.wait_object("AccessPackage", last, Some(NAMESPACE), "to wait", SOON, |object| {
        reason(object, "Ready") == "DeletionHeld"
    })?;
    stage.pass(std::time::Duration::from_secs(60))?;
    let meanwhile = summary(&stage);
    stage.pass(std::time::Duration::from_secs(2 * 60 * 60))?;
    Ok(Told {
        title: "A wrong commit takes 300 packages away",
        change: "All AccessPackages and AssignmentPolicies of a namespace are deleted at once; somebody holds every third of them.",
        before,
        words: message(&last, "Ready"),
        meanwhile,
        then: "Two hours pass, and nobody agrees",
        after: summary(&stage),
    })
}

fn page() -> Outcome<String> {
    let mut page = String::from(
        "# What becomes of people who have access\n\n\
         Written by `cargo test --test e2e write_the_page_of_live_access -- --ignored`; do not edit. Each of these is played against the\n\
         emulated Graph by a test, with the operator as it is; the words are those of the condition `Ready`, the rest is what Entra held.\n\n\
         From how many people on a change waits says `spec.acknowledge` of the EntraTenant: here from 10 whom it takes access from, and from\n\
         100 whom it hands more to. Words and rules: [drift](drift.md), [reasons](reasons.md#acknowledgementrequired).\n",
    );
    for told in [
        a_role_leaves()?,
        a_role_comes()?,
        a_rule_narrows()?,
        a_policy_goes_with_its_assignments()?,
        a_takeover_takes_a_role_away()?,
        a_resource_leaves_the_catalog()?,
        a_role_waits_for_who_came_in_by_less()?,
        a_wrong_commit_takes_away_300_packages()?,
    ] {
        let Told {
            title,
            change,
            before,
            words,
            meanwhile,
            then,
            after,
        } = told;
        write!(
            page,
            "\n## {title}\n\n{change}\n\nBefore:\n\n```text\n{before}\n```\n\nIt says:\n\n```text\n{words}\n```\n\n"
        )?;
        if meanwhile == before {
            page.push_str("Meanwhile everything stays as it was.\n\n");
        } else {
            write!(page, "Meanwhile:\n\n```text\n{meanwhile}\n```\n\n")?;
        }
        write!(page, "{then}. Afterwards:\n\n```text\n{after}\n```\n")?;
    }
    Ok(page)
}

#[test]
fn what_becomes_of_people_who_have_access_is_what_the_page_says() -> Outcome {
    let written = std::fs::read_to_string(workspace::root().join(PAGE))?;
    assert_eq!(
        written,
        page()?,
        "write it anew: cargo test --test e2e write_the_page_of_live_access -- --ignored"
    );
    Ok(())
}

#[test]
#[ignore = "it writes the page"]
fn write_the_page_of_live_access() -> Outcome {
    std::fs::write(workspace::root().join(PAGE), page()?)?;
    Ok(())
}
