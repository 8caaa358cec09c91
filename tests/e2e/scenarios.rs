//! Every scenario of the documentation becomes Ready, and once more applied it changes nothing.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::support::*;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What the file of this name holds.
fn objects(file: &str) -> Outcome<Vec<Value>> {
    let path = format!("{}/docs/scenarios/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path)?;
    text.split("\n---\n")
        .map(|document| Ok(serde_saphyr::from_str(document)?))
        .collect()
}

fn is_ready_and_stays(file: &str) -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace("marketing"))?;
    let objects = objects(file)?;
    for object in &objects {
        stage.apply_object(object)?;
    }
    for object in &objects {
        let (kind, name, namespace) = place(object);
        let ready = stage.wait_ready(kind, name, namespace, SOON)?;
        assert_eq!(status_of(&ready, "Healthy"), "True", "{}", condition(&ready, "Healthy"));
    }
    let from = mark(&stage);
    for object in &objects {
        stage.apply_object(object)?;
        visits(&stage, object, 1)?;
    }
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    // And goes, all at once.
    for object in &objects {
        let (kind, name, namespace) = place(object);
        stage.delete(kind, name, namespace)?;
    }
    for object in &objects {
        let (kind, name, namespace) = place(object);
        stage.wait_gone(kind, name, namespace, SOON)?;
    }
    assert_eq!(collection(&stage, "accessPackages")?, Vec::<Value>::new());
    Ok(())
}

macro_rules! scenarios {
    ($($name:ident: $file:literal,)+) => {
        const FILES: &[&str] = &[$($file),+];
        $(
            #[test]
            fn $name() -> Outcome {
                is_ready_and_stays($file)
            }
        )+
    };
}

scenarios! {
    a_group_that_people_join_by_themselves: "self-service-group.yaml",
    what_everybody_of_a_department_has: "birthright.yaml",
    an_application_with_data_that_hurts: "sensitive-application.yaml",
    what_agents_may_get: "agent-identities.yaml",
}

#[test]
fn no_scenario_is_left_out() -> Outcome {
    let folder = format!("{}/docs/scenarios", env!("CARGO_MANIFEST_DIR"));
    let mut there = BTreeSet::new();
    for file in fs::read_dir(folder)? {
        let name = file?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") {
            there.insert(name);
        }
    }
    let tested: BTreeSet<String> = FILES.iter().map(|file| (*file).to_owned()).collect();
    assert_eq!(there, tested);
    Ok(())
}
