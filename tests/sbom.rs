//! The bill of materials that `.ci/sbom` writes names all that the operator's binary is built from.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fs;
use std::process::Command;

use serde_json::Value;
use stage::workspace;

const OPERATOR: &str = env!("CARGO_PKG_NAME");

/// Name and version of every crate that cargo builds for the operator on this target, without those of the tests.
fn crates(target: &str) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--locked", "--package", OPERATOR, "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}", "--target", target])
        .current_dir(workspace::root())
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let found: BTreeSet<String> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some(format!("{name}@{}", rest.split_whitespace().next()?))
        })
        .collect();
    assert!(found.len() > 100, "{found:?}");
    Ok(found)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
#[ignore = "reads what .ci/sbom wrote; .ci/run does both"]
fn the_bill_of_materials_names_every_crate_of_the_binary_with_licence_and_purl() -> Result<(), Box<dyn Error>> {
    let file = workspace::target_dir().join(format!("{OPERATOR}.cdx.json"));
    let written = fs::read_to_string(&file).map_err(|error| format!("{}: {error}; run .ci/sbom", file.display()))?;
    let bill: Value = serde_json::from_str(&written)?;
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["specVersion"], "1.5");
    let of = &bill["metadata"]["component"];
    assert_eq!(text(&of["name"]), OPERATOR);
    assert_eq!(text(&of["version"]), env!("CARGO_PKG_VERSION"));
    assert!(
        !written.contains(&workspace::root().display().to_string()),
        "a path of this machine"
    );

    let mut named = BTreeSet::from([format!("{OPERATOR}@{}", env!("CARGO_PKG_VERSION"))]);
    for component in bill["components"].as_array().into_iter().flatten() {
        let name = format!("{}@{}", text(&component["name"]), text(&component["version"]));
        assert!(
            text(&component["purl"]).starts_with(&format!("pkg:cargo/{name}")),
            "{component:#}"
        );
        assert!(component["licenses"][0].is_object(), "{name} has no licence");
        assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{name}");
        named.insert(name);
    }
    let expected = crates("x86_64-unknown-linux-gnu")?;
    // One bill does for both images: what is built for arm64 is in it.
    let arm64 = crates("aarch64-unknown-linux-gnu")?;
    assert!(arm64.is_subset(&expected), "{:?}", arm64.difference(&expected));
    let missing: Vec<_> = expected.difference(&named).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    // cargo-cyclonedx reads what the workspace as a whole resolves to, and so names some that are not compiled into the
    // binary: too many is safe for whoever looks for a weakness, but what tests alone bring does not belong there.
    for of_tests in ["mlua", "axum-server", "graph-emulator", "stage"] {
        let brought = format!("{of_tests}@");
        assert!(
            !named.iter().any(|name| name.starts_with(&brought)),
            "{of_tests} is of the tests"
        );
    }
    let more: Vec<_> = named.difference(&expected).collect();
    println!("{} crates are built; also named: {more:?}", expected.len());
    Ok(())
}
