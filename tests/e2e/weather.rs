//! The tenant's weather: when the service asks to wait, or answers nobody, the tenant waits as one; and it is said.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stage::{Stage, wait_for};

use crate::support::{
    CAMPAIGN, NAMESPACE, RECONCILE_REQUESTED_AT, SOON, all_ready, apply_ready, builder, catalog, condition, entra_id,
    furnish, furnished, mark, message, namespace, now, package, patched, place, policy, reason, renamed, status_of,
    tenant, text, wait_reason, wait_state, writes_since,
};

type Outcome<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn packages(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| renamed(package(), &format!("p{n}"), &format!("Package {n}")))
        .collect()
}

fn apply_all(stage: &Stage, manifests: &[Value]) -> Outcome {
    let texts: Vec<String> = manifests.iter().map(Value::to_string).collect();
    stage.apply(&texts.join("\n---\n"))?;
    Ok(())
}

fn wait_all(stage: &Stage, manifests: &[Value]) -> Outcome {
    for manifest in manifests {
        let (kind, name, namespace) = place(manifest);
        stage.wait_ready(kind, name, namespace, 2 * SOON)?;
    }
    Ok(())
}

/// A stage with tenant, namespace and catalog.
fn with_catalog() -> Outcome<Stage> {
    let stage = builder().start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog())?;
    Ok(stage)
}

#[test]
fn fifty_packages_learn_from_one_refusal_that_the_tenant_has_to_wait() -> Outcome {
    let stage = with_catalog()?;
    stage
        .emulator()
        .set_quirks(&json!({"throttle": {"count": 200, "retryAfter": 10}}))?;
    let from = mark(&stage);
    let fifty = packages(50);
    apply_all(&stage, &fifty)?;
    thread::sleep(Duration::from_secs(15));
    let calls = stage.emulator().graph_calls_since(from);
    let refused = calls.iter().filter(|call| call["status"] == 429).count();
    assert!(refused >= 1, "nothing was throttled");
    // What was under way, and one probe after ten seconds.
    assert!(refused <= 25, "{refused} refusals in fifteen seconds");
    stage.emulator().set_quirks(&json!({}))?;
    wait_all(&stage, &fifty)?;
    assert_eq!(stage.emulator().collection("accessPackages")?.len(), 50);
    Ok(())
}

#[test]
fn what_the_service_asks_to_wait_is_waited_however_short_the_drift_interval() -> Outcome {
    let stage = furnished()?;
    stage
        .emulator()
        .set_quirks(&json!({"throttle": {"count": 1, "retryAfter": 12}}))?;
    wait_for("a call to be refused", SOON, || {
        if stage.emulator().quirks()["throttle"].is_null() {
            Ok(())
        } else {
            Err("none was")
        }
    })?;
    let began = Instant::now();
    thread::sleep(Duration::from_secs(1)); // what was under way ends
    let from = mark(&stage);
    let changed = patched(package(), json!({"spec": {"description": "Written after the wait"}}));
    stage.apply_object(&changed)?;
    thread::sleep(Duration::from_secs(9));
    assert_eq!(
        stage.emulator().graph_calls_since(from),
        [json!(null); 0],
        "five drift intervals"
    );
    wait_state(&stage, "the description to be written", |state| {
        state["accessPackages"][0]["description"] == "Written after the wait"
    })?;
    assert!(began.elapsed() >= Duration::from_secs(11));
    all_ready(&stage)?;
    Ok(())
}

#[test]
fn an_outage_is_one_probe_for_forty_objects_and_is_said_by_those_who_are_on_call() -> Outcome {
    let stage = with_catalog()?;
    let packages = packages(20);
    apply_all(&stage, &packages)?;
    wait_all(&stage, &packages)?;
    let policies: Vec<Value> = (0..20)
        .map(|n| {
            let policy = renamed(policy(), &format!("p{n}"), &format!("Policy {n}"));
            patched(policy, json!({"spec": {"accessPackageRef": {"name": format!("p{n}")}}}))
        })
        .collect();
    apply_all(&stage, &policies)?;
    wait_all(&stage, &policies)?;
    stage
        .emulator()
        .set_quirks(&json!({"failNext": {"count": 100_000, "status": 503, "code": "UnknownError"}}))?;
    let from = mark(&stage);
    thread::sleep(Duration::from_secs(20));
    let calls = stage.emulator().graph_calls_since(from).len();
    assert!(calls <= 30, "{calls} calls in twenty seconds at a service that is down");
    let silent = [tenant(&stage), catalog()];
    let words = ["Microsoft Graph is away: HTTP 503", "for 3 drift intervals or more"];
    for (manifest, words) in silent.iter().zip(words) {
        let said = wait_reason(&stage, manifest, "Healthy", "GraphUnavailable")?;
        assert_eq!(status_of(&said, "Healthy"), "False");
        assert_eq!(status_of(&said, "Ready"), "True", "what is in Entra stays in force");
        assert!(message(&said, "Healthy").contains(words), "{said:#}");
    }
    for manifest in packages.iter().chain(&policies) {
        assert_eq!(
            status_of(&now(&stage, manifest)?, "Healthy"),
            "True",
            "one outage is no news of forty objects"
        );
    }
    let version =
        |manifest: &Value| -> Outcome<Value> { Ok(now(&stage, manifest)?["metadata"]["resourceVersion"].clone()) };
    let before = [version(&silent[0])?, version(&silent[1])?];
    thread::sleep(Duration::from_secs(6));
    assert_eq!([version(&silent[0])?, version(&silent[1])?], before, "it is said once");
    stage.emulator().set_quirks(&json!({}))?;
    for manifest in &silent {
        let (kind, name, namespace) = place(manifest);
        stage.wait_object(kind, name, namespace, "to say that it is over", SOON, |object| {
            reason(object, "Healthy") != "GraphUnavailable"
        })?;
    }
    wait_all(&stage, &packages)
}

#[test]
fn a_list_that_takes_longer_than_the_interval_ends_is_shared_and_tells() -> Outcome {
    let stage = with_catalog()?;
    let catalog_id = entra_id(&now(&stage, &catalog())?);
    let ours = packages(8);
    apply_all(&stage, &ours)?;
    wait_all(&stage, &ours)?;
    for n in 0..10 {
        let foreign = json!({"displayName": format!("Foreign {n}"), "description": "", "catalogId": catalog_id});
        stage.emulator().create_state("accessPackages", &foreign)?;
    }
    stage.emulator().set_quirks(&json!({"pageSize": 1, "latency": 250}))?;
    let from = mark(&stage);
    let first = text(&stage.emulator().collection("accessPackages")?[0]["id"]).to_owned();
    stage
        .emulator()
        .patch_state("accessPackages", &first, &json!({"description": "portal"}))?;
    wait_state(&stage, "the description to be put back", |state| {
        let packages = state["accessPackages"].as_array();
        packages.is_some_and(|all| all.iter().all(|one| one["description"] != "portal"))
    })?;
    let began = Instant::now();
    thread::sleep(Duration::from_secs(12));
    let lists: Vec<Value> = stage
        .emulator()
        .graph_calls_since(from)
        .into_iter()
        .filter(|call| {
            let path = text(&call["path"]);
            path.contains("/accessPackages?") && path.contains(&catalog_id) && !path.contains("skiptoken")
        })
        .collect();
    let most = 4 + usize::try_from(began.elapsed().as_secs() / 4)?;
    assert!(lists.len() <= most, "{} lists begun", lists.len());
    wait_all(&stage, &ours)
}

#[test]
fn a_catalog_whose_packages_cannot_be_listed_says_so_after_three_intervals_and_once() -> Outcome {
    let stage = furnished()?;
    let refused = json!({"failNext": {"count": 100_000, "status": 500, "code": "InternalServerError",
        "path": "/accessPackages?"}});
    stage.emulator().set_quirks(&refused)?;
    let said = wait_reason(&stage, &catalog(), "Healthy", "GraphUnavailable")?;
    assert!(
        message(&said, "Healthy")
            .starts_with("the access packages of this catalog could not be listed for three drift intervals or more"),
        "{}",
        condition(&said, "Healthy")
    );
    assert_eq!(status_of(&said, "Ready"), "True");
    thread::sleep(Duration::from_secs(5));
    let later = now(&stage, &catalog())?;
    assert_eq!(
        later["metadata"]["resourceVersion"],
        said["metadata"]["resourceVersion"]
    );
    all_ready(&stage)?;
    stage.emulator().set_quirks(&json!({}))?;
    wait_reason(&stage, &catalog(), "Healthy", "InSync")?;
    Ok(())
}

#[test]
fn a_read_that_hangs_holds_up_its_own_visit_and_no_other() -> Outcome {
    let stage = with_catalog()?;
    let twelve = packages(12);
    apply_all(&stage, &twelve)?;
    wait_all(&stage, &twelve)?;
    let id = entra_id(&now(&stage, &twelve[0])?);
    stage.emulator().set_quirks(&json!({
        "hangNext": {"count": 1, "ms": 25_000, "method": "GET", "path": format!("/accessPackages/{id}")},
    }))?;
    let ask = |manifest: &Value| {
        let (kind, name, namespace) = place(manifest);
        stage.annotate(kind, name, namespace, RECONCILE_REQUESTED_AT, Some("now"))
    };
    ask(&twelve[0])?;
    wait_for("a read to hang", SOON, || {
        if stage.emulator().quirks()["hangNext"].is_null() {
            Ok(())
        } else {
            Err("none does")
        }
    })?;
    let began = Instant::now();
    for manifest in &twelve[1..] {
        ask(manifest)?;
    }
    let answered =
        |manifest: &Value| -> Outcome<bool> { Ok(now(&stage, manifest)?["status"]["lastHandledReconcileAt"] == "now") };
    for manifest in &twelve[1..] {
        let (kind, name, namespace) = place(manifest);
        stage.wait_object(kind, name, namespace, "to have answered", SOON, |object| {
            object["status"]["lastHandledReconcileAt"] == "now"
        })?;
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(!answered(&twelve[0])?, "its own visit waits");
    Ok(())
}

#[test]
fn an_answer_without_end_is_cut_and_said_in_words() -> Outcome {
    let stage = furnished()?;
    stage
        .emulator()
        .set_quirks(&json!({"hugeBody": {"count": 2, "mib": 256, "path": "/accessPackages?"}}))?;
    let cut = wait_reason(&stage, &package(), "Ready", "GraphRefused")?;
    let said = message(&cut, "Ready");
    assert!(
        said.contains("the answer is longer than") && said.contains("check any proxy"),
        "{said}"
    );
    all_ready(&stage)?;
    Ok(())
}

#[test]
fn a_group_that_does_not_exist_is_asked_for_less_and_less() -> Outcome {
    let stage = builder().start()?;
    let slow = patched(tenant(&stage), json!({"spec": {"driftInterval": "PT1M"}}));
    apply_ready(&stage, &slow)?;
    stage.apply_object(&namespace(NAMESPACE))?;
    let nobody = "0badc0de-0000-4000-8000-000000000001";
    let mut missing = patched(catalog(), json!({}));
    missing["spec"]["resources"] = json!([{"name": "campaign-group", "group": {"id": nobody}}]);
    let from = mark(&stage);
    stage.apply_object(&missing)?;
    wait_reason(&stage, &missing, "Ready", "ReferenceNotFound")?;
    thread::sleep(Duration::from_secs(20));
    let calls = stage.emulator().graph_calls_since(from);
    let lines: BTreeSet<&str> = calls.iter().map(|call| text(&call["path"])).collect();
    assert!(calls.len() <= 12, "{} calls: {lines:#?}", calls.len());
    Ok(())
}

#[test]
fn a_lost_create_that_does_not_show_is_looked_for_less_and_less() -> Outcome {
    let stage = crate::support::bare_builder()
        .argument("--visibility-seconds=60")
        .argument("--log-level=info,entra_access_operator=debug")
        .start()?;
    let slow = patched(tenant(&stage), json!({"spec": {"driftInterval": "PT1M"}}));
    apply_ready(&stage, &slow)?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog())?;
    stage.emulator().set_quirks(&json!({
        "dropAfterCommit": {"count": 1, "method": "POST", "path": "/accessPackages"},
        "replicationLag": {"lists": 14_000},
    }))?;
    let from = mark(&stage);
    stage.apply_object(&package())?;
    let made = stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    let searches = stage
        .emulator()
        .graph_calls_since(from)
        .iter()
        .filter(|call| text(&call["path"]).contains("displayName"))
        .count();
    assert!(searches <= 10, "{searches} searches");
    assert_eq!(stage.emulator().collection("accessPackages")?.len(), 1);
    assert_eq!(reason(&made, "Ready"), "InSync");
    Ok(())
}

#[test]
fn an_api_server_that_stands_still_for_a_while_costs_entra_nothing() -> Outcome {
    let mut stage = builder().start()?;
    furnish(&stage)?;
    stage.api_server().signal(stage::Signal::Stop)?;
    let from = mark(&stage);
    thread::sleep(Duration::from_secs(8));
    let calls = stage.emulator().graph_calls_since(from).len();
    stage.api_server().signal(stage::Signal::Continue)?;
    assert!(calls <= 40, "{calls} calls in eight seconds");
    all_ready(&stage)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}
