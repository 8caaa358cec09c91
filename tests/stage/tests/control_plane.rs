//! The control plane itself.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use stage::{ControlPlane, wait_for};

/// Processes whose command line names this folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = entries.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(&folder)).collect()
}

#[test]
fn a_control_plane_answers_deletes_a_namespace_and_leaves_no_process_behind() {
    let started = Instant::now();
    let plane = ControlPlane::builder()
        .user("ann", &["team-marketing"])
        .start()
        .unwrap();
    let start = started.elapsed();
    assert_eq!(
        plane.processes().len(),
        3,
        "etcd, kube-apiserver, kube-controller-manager"
    );

    plane
        .create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "marketing"}}))
        .unwrap();
    let map =
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: greeting, namespace: marketing}, data: {text: hello}}";
    assert_eq!(plane.apply(map).unwrap().trim(), "configmap/greeting created");
    let read = plane.get("configmap", "greeting", Some("marketing")).unwrap().unwrap();
    assert_eq!(read["data"]["text"], "hello");

    let ann = plane.user("ann").unwrap();
    let refused = ann.get("ConfigMap", "greeting", Some("marketing")).unwrap_err();
    assert_eq!(refused.code(), Some(403), "{refused}");
    let asked = plane
        .audit()
        .into_iter()
        .find(|event| event["user"]["username"] == "ann")
        .expect("ann is in the log");
    assert_eq!(asked["objectRef"]["resource"], "configmaps");

    plane.delete("Namespace", "marketing", None).unwrap();
    plane
        .wait_gone("Namespace", "marketing", None, Duration::from_secs(30))
        .unwrap();
    assert!(plane.get("configmap", "greeting", Some("marketing")).unwrap().is_none());

    let folder = plane.folder().to_owned();
    assert!(processes_of(&folder).len() >= 3);
    let stopping = Instant::now();
    plane.stop();
    println!("started in {start:.1?}, stopped in {:.1?}", stopping.elapsed());
    assert_eq!(processes_of(&folder), Vec::<String>::new());
    assert!(!folder.exists());
}

#[test]
fn a_history_has_every_state_of_its_group_once_and_nothing_that_was_refused_or_only_tried() {
    let plane = ControlPlane::builder().record("policy").start().unwrap();
    let (kind, name, namespace) = ("PodDisruptionBudget", "budget", Some("default"));
    let spec = |least: i64| json!({"spec": {"minAvailable": least}});
    let mut budget = spec(1);
    budget["apiVersion"] = json!("policy/v1");
    budget["kind"] = json!(kind);
    budget["metadata"] = json!({"name": name, "namespace": namespace});
    plane.create(&budget).unwrap();
    plane.create(&budget).unwrap_err();
    let tried = spec(2).to_string();
    let dry_run = ["patch", "pdb", name, "--type=merge", "--dry-run=server", "-p", &tried];
    plane.kubectl(&dry_run).unwrap();
    for least in [3, 3, 4] {
        plane.patch(kind, name, namespace, &spec(least)).unwrap();
    }
    // Of another group.
    plane
        .apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: budget, namespace: default}}")
        .unwrap();
    // The line is written when the answer has gone.
    let last = wait_for("the last write to be in the log", Duration::from_secs(10), || {
        let history = plane.history();
        let is_there = history.last().is_some_and(|state| state["spec"]["minAvailable"] == 4);
        if is_there { Ok(history) } else { Err(json!(history)) }
    });
    let history = last.unwrap();
    let least: Vec<_> = history.iter().map(|state| &state["spec"]["minAvailable"]).collect();
    assert_eq!(least, [1, 3, 4]);
    assert!(history.iter().all(|state| state["metadata"]["managedFields"].is_null()));
}

#[test]
fn a_review_sees_the_history_when_the_control_plane_ends_and_fails_the_test_where_it_panics() {
    let outcome = thread::spawn(|| {
        let plane = ControlPlane::builder()
            .review("policy", |states| assert!(states.is_empty(), "seen: {states:?}"))
            .start()
            .unwrap();
        plane
            .apply("{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: budget, namespace: default}}")
            .unwrap();
        wait_for("the write to be in the log", Duration::from_secs(10), || {
            if plane.history().is_empty() {
                Err("nothing")
            } else {
                Ok(())
            }
        })
        .unwrap();
        plane.stop();
    });
    let panic = outcome.join().unwrap_err();
    let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(words.starts_with("seen: ") && words.contains("budget"), "{words}");
}

#[test]
fn several_control_planes_run_at_once_and_do_not_share_anything() {
    let starting = ["one", "two", "three"].map(|name| {
        thread::spawn(move || {
            let plane = ControlPlane::start().unwrap();
            plane
                .create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
                .unwrap();
            plane
        })
    });
    let planes = starting.map(|starting| starting.join().unwrap());
    for (plane, name) in planes.iter().zip(["one", "two", "three"]) {
        let namespaces = plane.list("namespaces", None).unwrap();
        let ours: Vec<_> = namespaces
            .iter()
            .filter_map(|namespace| namespace["metadata"]["name"].as_str())
            .filter(|name| ["one", "two", "three"].contains(name))
            .collect();
        assert_eq!(ours, [name]);
    }
}

#[test]
fn servers_die_with_a_harness_that_is_killed() {
    const CHILD: &str = "STAGE_TEST_IS_THE_KILLED_HARNESS";
    if let Ok(note) = std::env::var(CHILD) {
        let plane = ControlPlane::start().unwrap();
        fs::write(&note, plane.folder().display().to_string()).unwrap();
        loop {
            thread::park();
        }
    }
    let note = std::env::temp_dir().join(format!("stage-killed-harness-{}", std::process::id()));
    let mut harness = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "servers_die_with_a_harness_that_is_killed"])
        .env(CHILD, &note)
        .spawn()
        .unwrap();
    let deadline = Duration::from_secs(60);
    let folder = wait_for("the other harness to start", deadline, || {
        match fs::read_to_string(&note) {
            Ok(folder) if !folder.is_empty() => Ok(folder),
            _ => Err("no folder yet"),
        }
    });
    let folder = folder.unwrap();
    assert!(!processes_of(Path::new(&folder)).is_empty());
    harness.kill().unwrap();
    harness.wait().unwrap();
    wait_for(
        "its servers to be gone",
        Duration::from_secs(10),
        || match processes_of(Path::new(&folder)) {
            left if left.is_empty() => Ok(()),
            left => Err(left.join("\n")),
        },
    )
    .unwrap();
    fs::remove_file(&note).unwrap();
    fs::remove_dir_all(&folder).unwrap();
}
