//! How long it takes until everything is gone, whatever goes first: in seconds of real parts, the garbage collector of
//! namespaces among them.

use std::error::Error;
use std::time::Instant;

use serde_json::json;

use super::scene::Stage;
use super::support::*;

type Outcome = Result<(), Box<dyn Error>>;

/// What is deleted, in order, by kind, name and namespace; nothing waits for the one before it.
type Way = &'static [(&'static str, &'static str, Option<&'static str>)];

const ALL: Way = &[
    ("EntraTenant", "default", None),
    ("Catalog", "marketing", None),
    ("AccessPackage", CAMPAIGN, Some(NAMESPACE)),
    ("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE)),
    ("Namespace", NAMESPACE, None),
];
const NAMESPACE_FIRST: Way = &[
    ("Namespace", NAMESPACE, None),
    ("Catalog", "marketing", None),
    ("EntraTenant", "default", None),
];

/// Deletes all of them; answers how long that took, in seconds.
fn goes(stage: &Stage, way: Way) -> Result<f64, Box<dyn Error>> {
    let begun = Instant::now();
    for (kind, name, namespace) in way {
        stage.delete(kind, name, *namespace)?;
    }
    for (kind, name, namespace) in ALL {
        stage.wait_gone(kind, name, *namespace, SOON)?;
    }
    let took = begun.elapsed().as_secs_f64();
    for name in [
        "resources",
        "accessPackages",
        "resourceRoleScopes",
        "assignmentPolicies",
    ] {
        assert!(collection(stage, name)?.is_empty(), "{name}");
    }
    assert_eq!(collection(stage, "catalogs")?.len(), 1, "General stays");
    Ok(took)
}

#[test]
fn everything_is_gone_in_seconds_whatever_goes_first() -> Outcome {
    let stage = real_stage("how long it takes, with the collector of namespaces")?;
    furnish(&stage)?;
    println!("everything at once: {:.1} s", goes(&stage, ALL)?);
    furnish(&stage)?;
    println!("the namespace first: {:.1} s", goes(&stage, NAMESPACE_FIRST)?);
    furnish(&stage)?;
    stage.delete("EntraTenant", "default", None)?;
    let waits = stage.wait_reason("EntraTenant", "default", None, ("Ready", "DependantsRemain"), SOON)?;
    println!("a tenant alone waits: {}", message(&waits, "Ready"));
    println!("the tenant first: {:.1} s", goes(&stage, ALL)?);
    furnish(&stage)?;
    stage.patch("Catalog", "marketing", None, &json!({"spec": {"grants": []}}))?;
    wait_reason(&stage, &package(), "Ready", "CatalogNotGranted")?;
    println!("the grant first: {:.1} s", goes(&stage, ALL)?);
    Ok(())
}
