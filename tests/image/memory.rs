use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stage::{Stage, wait_for, world};

use crate::container::{Container, Walls};
use crate::recipe::{Optimised, Recipe};
use crate::{Outcome, say};

const API_VERSION: &str = "access.entra-operator.io/v1alpha1";
const NAMESPACE: &str = "measured";
const CATALOGS: usize = 10;
/// Each with one policy.
const PACKAGES_OF_A_CATALOG: usize = 100;
/// How many requests to the API server are under way at a time while the objects are made.
const HANDS: usize = 4;

fn group_id(catalog: usize) -> String {
    format!("5f0e1d2c-0000-4000-8000-{catalog:012}")
}

/// The stage's company with a group for each catalog.
fn world() -> String {
    let groups: String = (0..CATALOGS)
        .map(|catalog| {
            let id = group_id(catalog);
            format!("- {{id: {id}, displayName: Team {catalog}, mailNickname: team-{catalog}, members: []}}\n")
        })
        .collect();
    world::WORLD.replacen("groups:\n", &format!("groups:\n{groups}"), 1)
}

fn catalog(number: usize) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "Catalog", "metadata": {"name": format!("catalog-{number}")},
        "spec": {
            "displayName": format!("Catalog {number}"),
            "description": "Resources of a team",
            "resources": [{"name": "team", "group": {"id": group_id(number)}}],
            "grants": [{"name": "all", "namespaces": {"names": [NAMESPACE]}}],
        },
    })
}

fn package(number: usize) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "AccessPackage",
        "metadata": {"name": format!("package-{number}"), "namespace": NAMESPACE},
        "spec": {
            "catalogRef": {"name": format!("catalog-{}", number % CATALOGS)},
            "displayName": format!("Package {number}"),
            "description": "Everything that a member of this team needs",
            "resourceRoles": [{"resource": "team", "role": "Member"}],
        },
    })
}

fn policy(number: usize) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "AssignmentPolicy",
        "metadata": {"name": format!("policy-{number}"), "namespace": NAMESPACE},
        "spec": {
            "accessPackageRef": {"name": format!("package-{number}")},
            "displayName": format!("Policy {number}"),
            "description": "For members of the directory",
            "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true, "remove": true}},
            "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]},
            "expiration": {"afterDuration": "P90D"},
        },
    })
}

/// What `/metrics` says of this kind's objects.
fn count(metrics: &str, kind: &str, ready: &str) -> usize {
    let series = format!(r#"entra_access_operator_objects{{kind="{kind}",ready="{ready}"}} "#);
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn show(container: &Container, when: &str) -> Outcome {
    let megabytes = |line: &str| -> Outcome<f64> { Ok(container.memory(line)? as f64 / 1024.0) };
    say(&format!(
        "{when:<44} RSS {:6.1} MB (heap and stacks {:6.1} MB), highest {:6.1} MB, {} threads",
        megabytes("VmRSS")?,
        megabytes("RssAnon")?,
        megabytes("VmHWM")?,
        container.status("Threads")?,
    ));
    Ok(())
}

#[test]
#[ignore = "a measurement of some minutes: cargo test --test image -- --ignored --nocapture"]
fn the_operator_holds_two_thousand_objects() -> Outcome {
    let recipe = Recipe::read()?;
    let binary = recipe.build(Optimised::AsShipped)?;
    let Some(walls) = Walls::look() else { return Ok(()) };
    let stage = Stage::builder("").world(&world()).without_operator().start()?;
    let mut container = Container::start(&walls, &recipe, &binary, &stage, &["--metrics-access=anyone"])?;
    stage.apply(&stage.tenant_manifest("default"))?;
    stage.wait_ready("EntraTenant", "default", None, Duration::from_secs(60))?;
    say(&format!(
        "binary: {:.1} MB",
        std::fs::metadata(&binary)?.len() as f64 / 1e6
    ));
    show(&container, "idle, one tenant")?;

    let total = CATALOGS * PACKAGES_OF_A_CATALOG;
    stage.apply_object(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}))?;
    let started = Instant::now();
    for number in 0..CATALOGS {
        stage.apply_object(&catalog(number))?;
    }
    let made: Vec<stage::Result<()>> = thread::scope(|scope| {
        let hands: Vec<_> = (0..HANDS)
            .map(|hand| {
                let admin = stage.admin();
                scope.spawn(move || {
                    for number in (hand..total).step_by(HANDS) {
                        admin.create(&package(number))?;
                        admin.create(&policy(number))?;
                    }
                    Ok(())
                })
            })
            .collect();
        hands.into_iter().filter_map(|hand| hand.join().ok()).collect()
    });
    assert_eq!(made.len(), HANDS);
    made.into_iter().collect::<stage::Result<()>>()?;
    say(&format!(
        "{} objects made in {:.1} s",
        2 * total + CATALOGS,
        started.elapsed().as_secs_f64()
    ));
    show(&container, "all made")?;
    wait_for("all to be Ready", Duration::from_secs(900), || {
        if let Err(error) = container.process.must_run() {
            return Ok(Err(error));
        }
        let metrics = container.get("/metrics").unwrap_or_default();
        let ready = ["Catalog", "AccessPackage", "AssignmentPolicy"].map(|kind| count(&metrics, kind, "True"));
        if ready == [CATALOGS, total, total] {
            return Ok(Ok(()));
        }
        // What is asked for is counted by the process that is measured: not too often.
        thread::sleep(Duration::from_secs(1));
        Err(format!("{ready:?}"))
    })??;
    say(&format!(
        "all Ready {:.1} s after the first was made, {} Graph requests",
        started.elapsed().as_secs_f64(),
        stage.emulator().graph_calls_since(0).len()
    ));
    show(&container, "all Ready")?;
    let mark = stage.emulator().mark();
    thread::sleep(Duration::from_secs(60));
    say(&format!(
        "Graph requests in a minute: {}",
        stage.emulator().graph_calls_since(mark).len()
    ));
    show(&container, "a minute later")?;
    assert!(
        container.stop().is_some_and(|status| status.success()),
        "{}",
        container.process.log()
    );
    Ok(())
}
