use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stage::{Stage, world};

use crate::container::{Container, Walls};
use crate::recipe::{Optimised, Recipe};
use crate::{Outcome, say};

const API_VERSION: &str = "access.entra-operator.io/v1alpha1";
const HOSTILE: &str = "hostile";
const NEIGHBOUR: &str = "neighbour";
/// So many names of each hostile object that nothing has.
const NAMES: usize = 100;
/// Of each object; the API server takes 256 KiB of all annotations together.
const ANNOTATION: usize = 250 * 1024;
const HANDS: usize = 4;

fn catalog() -> Value {
    let grant = |name: &str| json!({"name": name, "namespaces": {"names": [name]}});
    json!({
        "apiVersion": API_VERSION, "kind": "Catalog", "metadata": {"name": "shared"},
        "spec": {
            "displayName": "Shared",
            "resources": [{"name": "team", "group": {"id": world::CAMPAIGN_GROUP_ID}}],
            "grants": [grant(HOSTILE), grant(NEIGHBOUR)],
        },
    })
}

fn package(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "AccessPackage", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "catalogRef": {"name": "shared"},
            "displayName": format!("{namespace} {name}"),
            "resourceRoles": [{"resource": "team", "role": "Member"}],
        },
    })
}

fn policy(namespace: &str, package: &str, name: &str) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "AssignmentPolicy", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessPackageRef": {"name": package},
            "displayName": format!("{namespace} {name}"),
            "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
            "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]},
            "expiration": {"afterDuration": "P90D"},
        },
    })
}

/// A policy for a hundred groups that there are not, with all the annotations that the API server takes.
fn hostile(number: usize) -> Value {
    let mut policy = policy(HOSTILE, "bait", &format!("hostile-{number}"));
    let targets: Vec<Value> = (0..NAMES)
        .map(|name| json!({"group": {"displayName": format!("Nobody {number}-{name}")}}))
        .collect();
    policy["spec"]["requestors"] =
        json!({"scope": "SpecificDirectoryUsers", "targets": targets, "selfService": {"add": true}});
    policy["metadata"]["annotations"] = json!({"ballast": "x".repeat(ANNOTATION)});
    policy
}

/// How long a package and a policy of the neighbour take to be Ready, several times.
fn neighbours(stage: &Stage, when: &str, names: &mut usize) -> Outcome {
    let mut took = Vec::new();
    for _ in 0..5 {
        *names += 1;
        let name = format!("package-{names}");
        let began = Instant::now();
        stage.apply_object(&package(NEIGHBOUR, &name))?;
        stage.apply_object(&policy(NEIGHBOUR, &name, &name))?;
        stage.wait_ready("AssignmentPolicy", &name, Some(NEIGHBOUR), Duration::from_secs(300))?;
        took.push(began.elapsed());
    }
    took.sort();
    say(&format!(
        "{when:<44} a neighbour's package and policy are Ready after {:.1} s, at worst {:.1} s",
        took[took.len() / 2].as_secs_f64(),
        took[took.len() - 1].as_secs_f64()
    ));
    Ok(())
}

fn show(container: &Container, when: &str) -> Outcome {
    let megabytes = |line: &str| -> Outcome<f64> { Ok(container.memory(line)? as f64 / 1024.0) };
    say(&format!(
        "{when:<44} RSS {:6.1} MB, highest {:6.1} MB",
        megabytes("VmRSS")?,
        megabytes("VmHWM")?,
    ));
    Ok(())
}

#[test]
#[ignore = "a measurement of some minutes: HOSTILE=10000 cargo test --test image hostile -- --ignored --nocapture"]
fn a_hostile_namespace_neither_stops_its_neighbour_nor_fills_the_memory() -> Outcome {
    let count: usize = std::env::var("HOSTILE")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1_000);
    let recipe = Recipe::read()?;
    let binary = recipe.build(Optimised::AsShipped)?;
    let Some(walls) = Walls::look() else { return Ok(()) };
    let stage = Stage::builder("").without_operator().start()?;
    let mut container = Container::start(&walls, &recipe, &binary, &stage, &["--metrics-access=anyone"])?;
    stage.apply(&stage.tenant_manifest("default"))?;
    for name in [HOSTILE, NEIGHBOUR] {
        stage.apply_object(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))?;
    }
    stage.apply_object(&catalog())?;
    stage.apply_object(&package(HOSTILE, "bait"))?;
    stage.wait_ready("AccessPackage", "bait", Some(HOSTILE), Duration::from_secs(60))?;
    let mut names = 0;
    show(&container, "alone")?;
    neighbours(&stage, "alone", &mut names)?;

    let began = Instant::now();
    let made: Vec<stage::Result<()>> = thread::scope(|scope| {
        let hands: Vec<_> = (0..HANDS)
            .map(|hand| {
                let admin = stage.admin();
                scope.spawn(move || {
                    for number in (hand..count).step_by(HANDS) {
                        admin.create(&hostile(number))?;
                    }
                    Ok(())
                })
            })
            .collect();
        let measured = neighbours(&stage, "while they are made", &mut names);
        let mut made: Vec<stage::Result<()>> = hands.into_iter().filter_map(|hand| hand.join().ok()).collect();
        made.extend(measured.err().map(|error| Err(stage::Error::Build(error.to_string()))));
        made
    });
    made.into_iter().collect::<stage::Result<()>>()?;
    say(&format!(
        "{count} hostile objects made in {:.0} s: {NAMES} names each that nothing has, {} KiB of annotations",
        began.elapsed().as_secs_f64(),
        ANNOTATION / 1024
    ));
    show(&container, "all there")?;
    neighbours(&stage, "all there", &mut names)?;
    show(&container, "a moment later")?;
    thread::sleep(Duration::from_secs(60));
    neighbours(&stage, "a minute later", &mut names)?;
    show(&container, "a minute later")?;
    assert!(
        container.stop().is_some_and(|status| status.success()),
        "{}",
        container.process.log()
    );
    // It reads all of them at its start.
    let mut again = Container::start(&walls, &recipe, &binary, &stage, &["--metrics-access=anyone"])?;
    neighbours(&stage, "from its start", &mut names)?;
    show(&again, "after its start")?;
    assert!(
        again.stop().is_some_and(|status| status.success()),
        "{}",
        again.process.log()
    );
    Ok(())
}
