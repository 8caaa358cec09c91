//! Names that differ in nothing but case, that are taken, and that two objects swap; many resources at once.

use std::error::Error;

use serde_json::{Value, json};
use stage::world;

use super::support::*;
use crate::scene::{Portal, Stage};

type Outcome = Result<(), Box<dyn Error>>;

fn with_catalog() -> Result<Stage, Box<dyn Error>> {
    let mut stage = stage()?;
    for object in [tenant(&stage), namespace(NAMESPACE)] {
        stage.apply_object(&object)?;
    }
    apply_ready(&stage, &catalog())?;
    // It does not remember that the catalog was empty a moment ago.
    stage.restart()?;
    Ok(stage)
}

fn patches(stage: &Stage, from: usize) -> usize {
    let writes = writes_since(stage, from);
    writes.iter().filter(|line| line.starts_with("PATCH")).count()
}

fn named(name: &str, display_name: &str) -> Value {
    renamed(package(), name, display_name)
}

#[test]
fn a_name_that_differs_by_case_alone_is_taken() -> Outcome {
    let stage = with_catalog()?;
    let portal = Portal::open(&stage)?;
    let body = json!({
        "displayName": "MARKETING CAMPAIGN access", "description": "Somebody's", "isHidden": false,
        "catalog": {"id": entra_id(&now(&stage, &catalog())?)},
    });
    let made = portal.send("POST", "accessPackages", &body)?;
    let said = apply_not_ready(&stage, &package(), "NameTaken")?;
    assert!(said.contains(text(&made["id"])), "{said}");
    // What was refused is known now, and not sent again.
    visit(&stage, &catalog(), "read-anew")?;
    let from = mark(&stage);
    looks(&stage, &["/catalogs/", "/resources"], 3)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    assert_eq!(reason(&now(&stage, &package())?, "Ready"), "NameTaken");
    Ok(())
}

#[test]
fn a_rename_onto_a_taken_name_is_told_and_not_tried_again_and_again() -> Outcome {
    let stage = with_catalog()?;
    apply_ready(&stage, &named("one", "One"))?;
    apply_ready(&stage, &named("two", "Two"))?;
    let from = mark(&stage);
    let said = apply_not_ready(&stage, &named("two", "ONE"), "NameTaken")?;
    assert!(
        said.contains("\"ONE\"") && said.contains("AccessPackage marketing/one"),
        "{said}"
    );
    looks(&stage, &["/catalogs/", "/resources"], 3)?;
    assert!(patches(&stage, from) <= 2, "{:#?}", writes_since(&stage, from));
    // Its other fields are not lost by that, once the name is free.
    apply_ready(&stage, &named("two", "Three"))?;
    // Its own name in another case is its own.
    apply_ready(&stage, &named("two", "THREE"))?;
    Ok(())
}

#[test]
fn two_names_that_are_swapped_wait_for_a_third_and_say_so() -> Outcome {
    let stage = with_catalog()?;
    apply_ready(&stage, &named("one", "One"))?;
    apply_ready(&stage, &named("two", "Two"))?;
    let from = mark(&stage);
    stage.apply_object(&named("one", "Two"))?;
    stage.apply_object(&named("two", "One"))?;
    for (name, display_name, other) in [("one", "Two", "two"), ("two", "One", "one")] {
        let object = wait_reason(&stage, &named(name, display_name), "Ready", "NameTaken")?;
        let said = message(&object, "Ready");
        assert!(
            said.contains(&format!("AccessPackage marketing/{other}")) && said.contains("a third name first"),
            "{said}"
        );
    }
    looks(&stage, &["/catalogs/", "/resources"], 3)?;
    assert!(patches(&stage, from) <= 4, "{:#?}", writes_since(&stage, from));
    apply_ready(&stage, &named("one", "Three"))?;
    visit(&stage, &named("two", "One"), "the-name-is-free")?;
    stage.wait_ready("AccessPackage", "two", Some(NAMESPACE), SOON)?;
    apply_ready(&stage, &named("one", "Two"))?;
    Ok(())
}

#[test]
fn sixty_resources_that_each_take_seconds_to_show_are_asked_for_together() -> Outcome {
    let group = |number: usize| {
        format!(
            "- {{id: 77777777-7777-4777-8777-{number:012}, displayName: Team {number}, mailNickname: team-{number}}}\n"
        )
    };
    let groups: String = (0..60).map(group).collect();
    let world = world::WORLD.replace("groups:\n", &format!("groups:\n{groups}"));
    let late = json!({"replicationLag": {"lists": 5000, "expands": 5000}});
    let stage = builder().world(&world).quirks(late).start()?;
    stage.apply_object(&tenant(&stage))?;
    let resources: Vec<Value> = (0..60)
        .map(|number| json!({"name": format!("team-{number}"), "group": {"id": format!("77777777-7777-4777-8777-{number:012}")}}))
        .collect();
    let wanted = patched(catalog(), json!({"spec": {"resources": resources}}));
    let ready = apply_ready(&stage, &wanted)?;
    assert_eq!(message(&ready, "Ready"), "catalog with 60 resources");
    let asked = writes_since(&stage, 0);
    let asked = asked.iter().filter(|line| *line == "POST resourceRequests").count();
    assert_eq!(asked, 60);
    Ok(())
}

#[test]
fn white_space_around_a_name_makes_no_second_object_where_the_service_trims_and_an_answer_is_lost() -> Outcome {
    let stage = builder().quirks(json!({"trimsTexts": true})).start()?;
    for object in [tenant(&stage), namespace(NAMESPACE)] {
        stage.apply_object(&object)?;
    }
    let emulator = stage.emulator();
    let spaced = |manifest: Value, name: &str| patched(manifest, json!({"spec": {"displayName": name}}));
    let manifests = [
        ("catalogs", spaced(catalog(), "Marketing  and  Sales ")),
        ("accessPackages", spaced(package(), " Campaign  Access  ")),
        ("assignmentPolicies", spaced(policy(), "Campaign  Policy\t")),
    ];
    for (name, manifest) in &manifests {
        let lost = json!({"count": 1, "method": "POST", "path": format!("/{name}")});
        emulator.set_quirks(&json!({"trimsTexts": true, "dropAfterCommit": lost}))?;
        let from = mark(&stage);
        apply_ready(&stage, manifest)?;
        let writes = writes_since(&stage, from);
        let creates = writes.iter().filter(|line| **line == format!("POST {name}")).count();
        assert_eq!(creates, 1, "{writes:#?}");
        assert_eq!(emulator.quirks().get("dropAfterCommit"), None, "the answer was lost");
    }
    let from = mark(&stage);
    intervals(&stage, 2)?;
    for (_, manifest) in &manifests {
        visit(&stage, manifest, "once-more")?;
    }
    assert_eq!(writes_since(&stage, from), [""; 0]);
    for (name, count) in [("catalogs", 2), ("accessPackages", 1), ("assignmentPolicies", 1)] {
        assert_eq!(collection(&stage, name)?.len(), count, "{name}");
    }
    // The name is taken, however it is spaced.
    let twin = renamed(package(), "twin", "campaign  access\n");
    let said = apply_not_ready(&stage, &twin, "NameTaken")?;
    assert!(said.contains("managed by AccessPackage marketing/campaign"), "{said}");
    Ok(())
}

#[test]
fn a_policy_renamed_onto_its_twin_and_a_third_whose_answer_is_lost_are_told_apart() -> Outcome {
    let stage = with_catalog()?;
    apply_ready(&stage, &package())?;
    let named = |name: &str, display_name: &str| renamed(policy(), name, display_name);
    let one = entra_id(&apply_ready(&stage, &named("one", "Twin"))?);
    let two = entra_id(&apply_ready(&stage, &named("two", "Other"))?);
    // Names of policies are not unique in Entra.
    let renamed = entra_id(&apply_ready(&stage, &named("two", "Twin"))?);
    assert_eq!(renamed, two);
    // Nor is one made by mistake that looks like another.
    let said = apply_not_ready(&stage, &named("three", "Twin"), "NameTaken")?;
    for twin in ["one", "two"] {
        assert!(
            said.contains(&format!("managed by AssignmentPolicy marketing/{twin}")),
            "{said}"
        );
    }
    let lost = json!({"count": 1, "method": "POST", "path": "/assignmentPolicies"});
    stage.emulator().set_quirks(&json!({"dropAfterCommit": lost}))?;
    let three = entra_id(&apply_ready(&stage, &named("three", "Third"))?);
    apply_ready(&stage, &named("three", "Twin"))?;
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 3);
    for (name, left) in [("two", vec![&one, &three]), ("one", vec![&three])] {
        stage.delete("AssignmentPolicy", name, Some(NAMESPACE))?;
        stage.wait_gone("AssignmentPolicy", name, Some(NAMESPACE), SOON)?;
        let ids = collection(&stage, "assignmentPolicies")?;
        let mut ids: Vec<&str> = ids.iter().map(|policy| text(&policy["id"])).collect();
        let mut left: Vec<&str> = left.into_iter().map(String::as_str).collect();
        ids.sort_unstable();
        left.sort_unstable();
        assert_eq!(ids, left);
    }
    Ok(())
}
