//! The binary and its world file.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use graph_emulator::World;
use serde_json::Value;

use crate::tenant::WORLD;

fn serve(world: &str, dir: &tempfile::TempDir) -> Command {
    let file = dir.path().join("world.yaml");
    std::fs::write(&file, world).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_graph-emulator"));
    command
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
            "--world",
        ])
        .arg(file);
    command
        .arg("--tls-dir")
        .arg(dir.path().join("tls"))
        .args(["--quirk", "pageSize=5", "--quirk", "emptyAppRoles"]);
    command
}

#[test]
fn it_says_where_it_is_in_one_line_and_ends_with_0_on_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = serve(WORLD, &dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert!(
        ready["graph"].as_str().unwrap().starts_with("https://localhost:")
            && ready["graph"].as_str().unwrap().ends_with("/v1.0")
    );
    assert!(ready["control"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert!(std::path::Path::new(ready["caFile"].as_str().unwrap()).exists());
    let killed = Command::new("kill")
        .args(["-TERM", &process.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(process.wait().unwrap().code(), Some(0));
    line.clear();
    assert_eq!(out.read_line(&mut line).unwrap(), 0, "nothing more: {line}");
}

#[test]
fn a_wrong_quirk_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let output = serve(WORLD, &dir).args(["--quirk", "gravity"]).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("gravity"));
}

#[test]
fn a_wrong_world_is_refused_with_its_line_and_what_is_wrong() {
    let cases = [
        (WORLD.replace("displayName: CRM", "dispalyName: CRM"), "dispalyName"),
        (
            WORLD.replace("members: [bob@contoso.com]", "members: [carl@contoso.com]"),
            "carl@contoso.com",
        ),
        (
            WORLD.replace("id: 0282e19d-bf41-435d-92a4-99bab93af307", "id: seven"),
            "seven",
        ),
        (
            WORLD.replace("catalogType: serviceDefault", "catalogType: special"),
            "catalogType",
        ),
        (
            WORLD.replace(
                "role: AccessPackageManager, catalog: Marketing",
                "role: AccessPackageManager",
            ),
            "needs a catalog",
        ),
    ];
    for (world, wrong) in cases {
        let message = World::from_yaml(&world).unwrap_err().to_string();
        assert!(message.contains(wrong), "{message}");
        assert!(message.contains("line"), "{message}");
    }
}
