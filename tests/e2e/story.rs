//! From `kubectl apply` to Entra and back: order, repetition, deletion, the number of calls.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use stage::{Credentials, OPERATOR_NAMESPACE, workspace, world};

use super::support::*;
use crate::scene::{Portal, Stage};

type Outcome = Result<(), Box<dyn Error>>;

const PAUSED: &str = "access.entra-operator.io/paused";
const ORPHAN: &str = "access.entra-operator.io/orphan";
/// A catalog that somebody else made, with a resource in it.
const FINANCE_CATALOG_ID: &str = "4f3b6f0a-4d0b-4a3e-9a53-6b1f0c2d7e11";

// The samples.

const BY_KUBECTL: &str = "kubectl applies and deletes, as the documents say";

/// The files of the samples, in the order of their names.
fn samples() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let folder = workspace::root().join("docs/samples");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.sort();
    assert_eq!(files.len(), 7, "{files:?}");
    Ok(files)
}

const SAMPLES: [(&str, &str, Option<&str>); 9] = [
    ("EntraTenant", "default", None),
    ("Catalog", "marketing", None),
    ("AccessPackage", "marketing-campaign", Some("marketing")),
    ("AssignmentPolicy", "marketing-campaign", Some("marketing")),
    ("AssignmentPolicy", "marketing-campaign-ticket", Some("marketing")),
    ("ConnectedOrganization", "fabrikam", None),
    ("Catalog", "partner-projects", None),
    ("AccessPackage", "partner-contractors", Some("marketing")),
    ("AssignmentPolicy", "partner-contractors", Some("marketing")),
];

fn apply_samples(stage: &Stage, files: &[PathBuf]) -> Outcome {
    for file in files {
        stage.real()?.kubectl(&["apply", "-f", &file.display().to_string()])?;
    }
    for (kind, name, namespace) in SAMPLES {
        stage.wait_ready(kind, name, namespace, SOON)?;
    }
    Ok(())
}

fn resource_versions(stage: &Stage) -> Result<Vec<String>, Box<dyn Error>> {
    let mut versions = Vec::new();
    for (kind, name, namespace) in SAMPLES {
        let object = stage.get(kind, name, namespace)?.unwrap_or_default();
        versions.push(format!("{kind} {}", text(&object["metadata"]["resourceVersion"])));
    }
    Ok(versions)
}

fn has_exactly_the_samples(state: &Value) {
    let of = |name: &str| state[name].as_array().cloned().unwrap_or_default();
    let names = |name: &str| -> Vec<String> {
        let mut names: Vec<String> = of(name)
            .iter()
            .map(|element| text(&element["displayName"]).to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("catalogs"), ["General", "Marketing", "Partner Projects"]);
    assert_eq!(names("connectedOrganizations"), ["Fabrikam"]);
    assert_eq!(names("resources").len(), 4, "{:#}", state["resources"]);
    assert_eq!(
        names("accessPackages"),
        ["Campaign Contractors", "Marketing Campaign Access"]
    );
    assert_eq!(of("resourceRoleScopes").len(), 4, "{:#}", state["resourceRoleScopes"]);
    let policies = of("assignmentPolicies");
    assert_eq!(
        names("assignmentPolicies"),
        [
            "Fabrikam Contractors",
            "Marketing Campaign Policy",
            "Marketing Campaign With Ticket"
        ]
    );
    let of_name = |name: &str| {
        let found = policies.iter().find(|policy| policy["displayName"] == name);
        found.cloned().unwrap_or_default()
    };
    let rich = of_name("Marketing Campaign With Ticket");
    let asked: Vec<&str> = rich["questions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|question| text(&question["text"]))
        .collect();
    assert_eq!(asked, ["Which change ticket is this for?", "For which region?"]);
    assert_eq!(
        rich["reviewSettings"]["schedule"]["recurrence"]["pattern"]["interval"],
        3
    );
    let partners = of_name("Fabrikam Contractors");
    let organization = of("connectedOrganizations").first().cloned().unwrap_or_default();
    assert_eq!(
        partners["specificAllowedTargets"][0]["connectedOrganizationId"],
        organization["id"]
    );
    assert_eq!(organization["internalSponsors"], json!([world::ANN_ID]));
    let simple = of_name("Marketing Campaign Policy");
    let stages = &simple["requestApprovalSettings"]["stages"];
    assert_eq!(stages.as_array().map(Vec::len), Some(1), "{stages:#}");
    let approvers = stages[0]["primaryApprovers"].as_array().cloned().unwrap_or_default();
    assert_eq!(approvers.len(), 1, "{stages:#}");
    assert_eq!(approvers[0]["userId"], world::BOB_ID);
}

fn holds_nothing(state: &Value) {
    let count = |name: &str| state[name].as_array().map(Vec::len);
    assert_eq!(count("catalogs"), Some(1), "General stays: {:#}", state["catalogs"]);
    for name in [
        "resources",
        "accessPackages",
        "resourceRoleScopes",
        "assignmentPolicies",
        "connectedOrganizations",
    ] {
        assert_eq!(count(name), Some(0), "{:#}", state[name]);
    }
}

#[test]
fn the_samples_in_the_order_of_their_names_are_ready_and_in_entra_once() -> Outcome {
    let stage = real_stage(BY_KUBECTL)?;
    apply_samples(&stage, &samples()?)?;
    has_exactly_the_samples(&stage.emulator().state());
    Ok(())
}

#[test]
fn the_samples_in_reverse_order_come_to_the_same() -> Outcome {
    let stage = real_stage(BY_KUBECTL)?;
    let mut files = samples()?;
    files[1..].reverse();
    apply_samples(&stage, &files)?;
    has_exactly_the_samples(&stage.emulator().state());
    Ok(())
}

#[test]
fn samples_applied_again_write_nothing_in_entra_and_nothing_in_kubernetes() -> Outcome {
    let stage = real_stage(BY_KUBECTL)?;
    let files = samples()?;
    apply_samples(&stage, &files)?;
    let often = json!({"spec": {"driftInterval": "PT2S"}});
    stage.patch("EntraTenant", "default", None, &often)?;
    stage.wait_ready("EntraTenant", "default", None, SOON)?;
    intervals(&stage, 1)?;

    let (mark, before) = (mark(&stage), resource_versions(&stage)?);
    apply_samples(&stage, &files)?;
    intervals(&stage, 3)?;
    assert_eq!(writes_since(&stage, mark), Vec::<String>::new());
    assert_eq!(resource_versions(&stage)?, before);
    Ok(())
}

#[test]
fn deleting_the_samples_ends_and_leaves_nothing_whatever_the_order() -> Outcome {
    let stage = real_stage(BY_KUBECTL)?;
    let files = samples()?;
    let folder = workspace::root().join("docs/samples").display().to_string();
    let all_gone = || -> Outcome {
        for (kind, name, namespace) in SAMPLES {
            stage.wait_gone(kind, name, namespace, SOON)?;
        }
        stage.wait_gone("Namespace", "marketing", None, SOON)?;
        holds_nothing(&stage.emulator().state());
        Ok(())
    };

    apply_samples(&stage, &files)?;
    let started = Instant::now();
    stage.real()?.kubectl(&["delete", "-f", &folder, "--timeout=60s"])?;
    println!("kubectl delete -f of the whole folder: {:.1?}", started.elapsed());
    all_gone()?;

    // The policy first, the tenant and the namespace last.
    apply_samples(&stage, &files)?;
    for file in files.iter().rev() {
        stage
            .real()?
            .kubectl(&["delete", "-f", &file.display().to_string(), "--timeout=60s"])?;
    }
    all_gone()?;

    // The tenant first, then the catalog, and so on, and none of them waits for the next.
    apply_samples(&stage, &files)?;
    let started = Instant::now();
    for file in &files[1..] {
        stage
            .real()?
            .kubectl(&["delete", "-f", &file.display().to_string(), "--wait=false"])?;
    }
    stage
        .real()?
        .kubectl(&["delete", "-f", &files[0].display().to_string(), "--timeout=60s"])?;
    for (kind, name, namespace) in SAMPLES {
        stage.wait_gone(kind, name, namespace, Duration::from_secs(60))?;
    }
    println!("parents first: {:.1?}", started.elapsed());
    all_gone()
}

#[test]
fn the_smallest_example_of_the_documents_works_as_it_stands() -> Outcome {
    let catalog = "  - {id: b1bf99ed-99ed-4b1b-8d99-bfb1ed99bfb1, displayName: Campaigns, description: Made by hand, \
                   state: published, isExternallyVisible: true}";
    let stage = builder().world(&world_with(catalog, "[]")).start()?;
    stage.apply_object(&namespace("marketing"))?;
    let file = workspace::root().join("docs/smallest.yaml");
    stage.apply(&fs::read_to_string(file)?)?;
    stage.wait_ready("EntraTenant", "default", None, SOON)?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    stage.wait_ready("AccessPackage", "campaign", Some("marketing"), SOON)?;
    stage.wait_ready("AssignmentPolicy", "campaign", Some("marketing"), SOON)?;
    let writes = writes_since(&stage, 0);
    assert_eq!(
        writes.len(),
        4,
        "resource, package, role, policy; the catalog itself is left alone: {writes:#?}"
    );
    println!(
        "calls of the smallest example: {}",
        stage.emulator().graph_calls_since(0).len()
    );
    Ok(())
}

// One change.

#[test]
fn one_changed_description_is_exactly_one_write() -> Outcome {
    let stage = furnished()?;
    let package_id = entra_id(&now(&stage, &package())?);
    let policy_id = entra_id(&now(&stage, &policy())?);
    let catalog_id = entra_id(&now(&stage, &catalog())?);
    let changes = [
        (catalog(), format!("PATCH catalogs/{catalog_id}")),
        (package(), format!("PATCH accessPackages/{package_id}")),
        (policy(), format!("PUT assignmentPolicies/{policy_id}")),
    ];
    for (manifest, write) in changes {
        let mark = mark(&stage);
        let changed = patched(manifest, json!({"spec": {"description": "Other words"}}));
        apply_ready(&stage, &changed)?;
        intervals(&stage, 1)?;
        assert_eq!(writes_since(&stage, mark), [write]);
    }
    for name in ["accessPackages", "assignmentPolicies"] {
        assert_eq!(collection(&stage, name)?[0]["description"], "Other words", "{name}");
    }
    Ok(())
}

#[test]
fn a_package_hands_out_exactly_the_roles_of_the_spec_and_adds_before_it_removes() -> Outcome {
    let stage = furnished()?;
    let id = entra_id(&now(&stage, &package())?);
    let roles = |roles: Value| patched(package(), json!({"spec": {"resourceRoles": roles}}));
    let scopes = format!("accessPackages/{id}/resourceRoleScopes");

    let first = mark(&stage);
    apply_ready(
        &stage,
        &roles(json!([{"resource": "campaign-group", "role": "Member"}])),
    )?;
    let writes = writes_since(&stage, first);
    assert_eq!(writes.len(), 1, "{writes:#?}");
    assert!(writes[0].starts_with(&format!("DELETE {scopes}/")), "{writes:#?}");
    let left = collection(&stage, "resourceRoleScopes")?;
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!(left[0]["scope"]["originId"], world::CAMPAIGN_GROUP_ID, "{left:#?}");

    let second = mark(&stage);
    apply_ready(&stage, &roles(json!([{"resource": "crm", "role": "Writer"}])))?;
    let writes = writes_since(&stage, second);
    assert_eq!(writes.len(), 2, "{writes:#?}");
    assert_eq!(writes[0], format!("POST {scopes}"));
    assert!(writes[1].starts_with(&format!("DELETE {scopes}/")), "{writes:#?}");
    assert_eq!(collection(&stage, "resourceRoleScopes")?.len(), 1);
    Ok(())
}

#[test]
fn a_resource_leaves_the_catalog_with_the_spec_only_where_the_operator_brought_it_in() -> Outcome {
    let finance =
        format!("  - {{id: {FINANCE_CATALOG_ID}, displayName: Finance, description: Made by hand, state: published}}");
    let resources = format!(
        "[{{catalog: {{id: {FINANCE_CATALOG_ID}}}, originId: {}, originSystem: AadGroup, displayName: Auditors}}]",
        world::AUDITORS_GROUP_ID
    );
    let stage = builder().world(&world_with(&finance, &resources)).start()?;
    let auditors = json!({"name": "auditors", "group": {"displayName": "Auditors"}});
    let campaign = json!({"name": "campaign-group", "group": {"displayName": "Marketing Campaign"}});
    let with = |resources: Value| {
        let mut manifest = by_id();
        manifest["spec"]["resources"] = resources;
        manifest
    };
    apply_ready(&stage, &tenant(&stage))?;
    apply_ready(&stage, &with(json!([auditors, campaign])))?;
    assert_eq!(collection(&stage, "resources")?.len(), 2);

    let object = apply_ready(&stage, &with(json!([])))?;
    assert_eq!(object["status"]["resources"].as_array().map_or(0, Vec::len), 0);
    let left = collection(&stage, "resources")?;
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!(left[0]["originId"], world::AUDITORS_GROUP_ID);
    Ok(())
}

// What is only observed.

/// A Catalog that uses [`FINANCE_CATALOG_ID`] and sets nothing.
fn by_id() -> Value {
    let spec = json!({"id": FINANCE_CATALOG_ID, "displayName": null, "description": null, "resources": [],
        "deletionPolicy": "Orphan"});
    patched(catalog(), json!({"metadata": {"name": "finance"}, "spec": spec}))
}

/// The world with one more catalog and these resources.
fn world_with(catalog: &str, resources: &str) -> String {
    let catalogs = format!("  catalogs:\n{catalog}\n");
    let resources = format!("entitlement:\n  resources: {resources}\n");
    world::WORLD
        .replace("entitlement:\n", &resources)
        .replace("  catalogs:\n", &catalogs)
}

#[test]
fn a_catalog_taken_by_its_id_keeps_what_the_spec_leaves_unset() -> Outcome {
    let finance = format!(
        "  - {{id: {FINANCE_CATALOG_ID}, displayName: Finance, description: Made by hand, state: unpublished, \
         isExternallyVisible: true}}"
    );
    let stage = builder().world(&world_with(&finance, "[]")).start()?;
    let before = element(&stage, "catalogs", FINANCE_CATALOG_ID)?;
    apply_ready(&stage, &tenant(&stage))?;
    apply_ready(&stage, &by_id())?;
    visits(&stage, &by_id(), 2)?;
    assert_eq!(writes_since(&stage, 0), Vec::<String>::new());
    assert_eq!(element(&stage, "catalogs", FINANCE_CATALOG_ID)?, before);

    let mark = mark(&stage);
    apply_ready(&stage, &patched(by_id(), json!({"spec": {"description": "Money"}})))?;
    assert_eq!(
        writes_since(&stage, mark),
        [format!("PATCH catalogs/{FINANCE_CATALOG_ID}")]
    );
    let after = element(&stage, "catalogs", FINANCE_CATALOG_ID)?.unwrap_or_default();
    assert_eq!(
        (&after["description"], &after["state"], &after["isExternallyVisible"]),
        (&json!("Money"), &json!("unpublished"), &json!(true))
    );
    // The default of a Catalog: Entra keeps it.
    stage.delete("Catalog", "finance", None)?;
    stage.wait_gone("Catalog", "finance", None, SOON)?;
    assert!(element(&stage, "catalogs", FINANCE_CATALOG_ID)?.is_some());
    Ok(())
}

#[test]
fn management_observe_looks_and_writes_nothing() -> Outcome {
    let stage = furnished()?;
    let from = mark(&stage);
    let observed = patched(package(), json!({"spec": {"management": "Observe"}}));
    let object = apply_ready(&stage, &observed)?;
    assert_eq!(reason(&object, "Ready"), "Observed");
    let differs = patched(observed.clone(), json!({"spec": {"description": "Other words"}}));
    let said = apply_not_ready(&stage, &differs, "ObserveOnly")?;
    assert!(said.contains("Everything a campaign needs -> Other words"), "{said}");
    intervals(&stage, 1)?;
    let built_in = json!({
        "metadata": {"name": "general"},
        "spec": {"id": world::GENERAL_CATALOG_ID, "displayName": null, "description": null, "resources": null,
            "management": "Observe", "grants": null, "deletionPolicy": "Orphan"},
    });
    let object = apply_ready(&stage, &patched(catalog(), built_in))?;
    assert_eq!(reason(&object, "Ready"), "Observed");
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());

    // What the operator made and then only observed goes without a trace in Entra, where the grant allows that.
    apply_ready(&stage, &catalog_with_limits(json!({"deletion": ["Orphan"]})))?;
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_tenant_in_mode_observe_is_not_written_at_all_until_it_is_enforced_again() -> Outcome {
    let stage = furnished()?;
    let closed = patched(catalog(), json!({"spec": {"state": "Unpublished"}}));
    apply_ready(&stage, &closed)?;
    let from = mark(&stage);
    let observe = patched(tenant(&stage), json!({"spec": {"mode": "Observe"}}));
    apply_ready(&stage, &observe)?;

    let changed = |manifest: Value| patched(manifest, json!({"spec": {"description": "Other words"}}));
    let opened = patched(closed, json!({"spec": {"state": "Published"}}));
    for manifest in [changed(opened.clone()), changed(package()), changed(policy())] {
        let said = apply_not_ready(&stage, &manifest, "ObserveOnly")?;
        assert!(said.contains("-> Other words"), "{said}");
    }
    let second = renamed(package(), "second", "Second");
    let said = apply_not_ready(&stage, &second, "ObserveOnly")?;
    assert!(said.contains("create access package \"Second\""), "{said}");
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    wait_reason(&stage, &policy(), "Ready", "ObserveOnly")?;
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());

    apply_ready(&stage, &tenant(&stage))?;
    stage.wait_gone("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    for manifest in [catalog(), package(), second] {
        let (kind, name, namespace) = place(&manifest);
        stage.wait_ready(kind, name, namespace, SOON)?;
    }
    let state = stage.emulator().state();
    assert_eq!(state["assignmentPolicies"], json!([]));
    let catalogs = collection(&stage, "catalogs")?;
    let marketing = catalogs.iter().find(|catalog| catalog["displayName"] == "Marketing");
    assert_eq!(marketing.map(|catalog| &catalog["state"]), Some(&json!("published")));
    assert_eq!(collection(&stage, "accessPackages")?.len(), 2);
    Ok(())
}

// The annotations.

#[test]
fn a_paused_object_is_left_alone_and_goes_on_where_it_stopped() -> Outcome {
    let stage = furnished()?;
    let from = mark(&stage);
    let (kind, name, namespace) = ("AccessPackage", CAMPAIGN, Some(NAMESPACE));
    stage.annotate(kind, name, namespace, PAUSED, Some("true"))?;
    wait_reason(&stage, &package(), "Healthy", "Paused")?;
    let changed = patched(package(), json!({"spec": {"description": "Other words"}}));
    stage.apply_object(&changed)?;
    let id = entra_id(&now(&stage, &package())?);
    stage
        .emulator()
        .patch_state("accessPackages", &id, &json!({"description": "portal"}))?;
    intervals(&stage, 2)?;
    // It keeps its Ready, but that of the spec before.
    let object = now(&stage, &package())?;
    assert_eq!(status_of(&object, "Ready"), "True", "{object:#}");
    assert!(!stage::is_ready(&object), "{object:#}");
    stage.delete(kind, name, namespace)?;
    looks(&stage, &["/catalogs/", "/resources"], 2)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    assert!(stage.get(kind, name, namespace)?.is_some(), "a deletion waits as well");

    stage.annotate(kind, name, namespace, PAUSED, None)?;
    stage.wait_gone(kind, name, namespace, SOON)?;
    assert_eq!(collection(&stage, "accessPackages")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_visit_that_was_asked_for_is_answered_in_status() -> Outcome {
    let stage = furnished()?;
    for manifest in [tenant(&stage), catalog(), package(), policy()] {
        let (from, token) = (mark(&stage), "2026-01-01T00:00:00Z");
        let object = visit(&stage, &manifest, token)?;
        assert_eq!(object["status"]["lastHandledReconcileAt"], token);
        assert!(stage::is_ready(&object), "{object:#}");
        assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    }
    Ok(())
}

#[test]
fn what_is_orphaned_stays_in_entra_where_the_grant_allows_it() -> Outcome {
    let stage = furnished()?;
    let (package_kind, policy_kind, name, namespace) = ("AccessPackage", "AssignmentPolicy", CAMPAIGN, Some(NAMESPACE));
    // The strict limit is to delete.
    let from = mark(&stage);
    stage.annotate(policy_kind, name, namespace, ORPHAN, Some("true"))?;
    stage.delete(policy_kind, name, namespace)?;
    let object = wait_reason(&stage, &policy(), "Ready", "LimitExceeded")?;
    let said = message(&object, "Ready");
    assert!(said.contains("limits.deletion") && said.contains(ORPHAN), "{said}");

    apply_ready(&stage, &catalog_with_limits(json!({"deletion": ["Delete", "Orphan"]})))?;
    stage.wait_gone(policy_kind, name, namespace, SOON)?;
    // The spec says the same without an annotation.
    let kept = patched(package(), json!({"spec": {"deletionPolicy": "Orphan"}}));
    apply_ready(&stage, &kept)?;
    stage.delete(package_kind, name, namespace)?;
    stage.wait_gone(package_kind, name, namespace, SOON)?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1);
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 1);
    wait_event(&stage, &policy(), "Released", "stays in Entra as it is")?;
    wait_event(&stage, &package(), "Released", "stays in Entra as it is")?;
    Ok(())
}

#[test]
fn a_spec_that_leaves_entra_alone_needs_the_grant_s_leave_when_it_is_deleted_too() -> Outcome {
    let stage = furnished()?;
    let kept = patched(package(), json!({"spec": {"deletionPolicy": "Orphan"}}));
    apply_not_ready(&stage, &kept, "LimitExceeded")?;
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    let object = stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to be refused on its way out",
        SOON,
        |object| {
            object["metadata"]["deletionTimestamp"].is_string()
                && stage::condition_in(object, "Ready").is_some_and(|ready| {
                    ready["observedGeneration"] == object["metadata"]["generation"]
                        && ready["reason"] == "LimitExceeded"
                })
        },
    )?;
    assert!(message(&object, "Ready").contains("limits.deletion"), "{object:#}");
    Ok(())
}

// Deletion while people hold access.

fn held(stage: &Stage) -> Result<(Portal, String, String, String), Box<dyn Error>> {
    let (package_id, policy_id) = (entra_id(&now(stage, &package())?), entra_id(&now(stage, &policy())?));
    let portal = Portal::open(stage)?;
    let assignment = portal.assign(stage, &package_id, &policy_id)?;
    Ok((portal, package_id, policy_id, assignment))
}

fn self_service(stage: &Stage, policy_id: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let policy = element(stage, "assignmentPolicies", policy_id)?.unwrap_or_default();
    let settings = &policy["requestorSettings"];
    Ok([
        "enableTargetsToSelfAddAccess",
        "enableTargetsToSelfUpdateAccess",
        "enableOnBehalfRequestorsToAddAccess",
    ]
    .map(|name| settings[name].clone())
    .to_vec())
}

#[test]
fn a_package_that_somebody_holds_is_closed_and_waits_and_goes_when_the_access_has_ended() -> Outcome {
    let stage = furnished()?;
    // Even a policy whose drift is always corrected does not open again what the deletion has closed.
    let eager = patched(policy(), json!({"spec": {"driftPolicy": "Correct"}}));
    apply_ready(&stage, &eager)?;
    let (_portal, package_id, policy_id, assignment) = held(&stage)?;

    let from = mark(&stage);
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    let object = wait_reason(&stage, &package(), "Ready", "AssignmentsRemain")?;
    assert!(
        message(&object, "Ready").starts_with("1 people still hold access"),
        "{object:#}"
    );
    looks(&stage, &["/assignments?"], 2)?;
    assert_eq!(
        writes_since(&stage, from),
        [format!("PUT assignmentPolicies/{policy_id}")],
        "closed once, and nothing deleted"
    );
    assert_eq!(
        self_service(&stage, &policy_id)?,
        [json!(false), json!(false), json!(false)]
    );
    assert!(element(&stage, "accessPackages", &package_id)?.is_some());
    assert_eq!(collection(&stage, "resourceRoleScopes")?.len(), 2);

    let ended = json!({"state": "expired", "status": "ExpiredNotificationTriggered"});
    stage.emulator().patch_state("assignments", &assignment, &ended)?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert!(element(&stage, "accessPackages", &package_id)?.is_none());
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(collection(&stage, "assignmentPolicies")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_policy_through_which_somebody_holds_access_waits_in_the_same_way() -> Outcome {
    let stage = furnished()?;
    let (_portal, _, policy_id, assignment) = held(&stage)?;
    let from = mark(&stage);
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    wait_reason(&stage, &policy(), "Ready", "AssignmentsRemain")?;
    intervals(&stage, 2)?;
    assert_eq!(
        writes_since(&stage, from),
        [format!("PUT assignmentPolicies/{policy_id}")]
    );
    assert_eq!(
        self_service(&stage, &policy_id)?,
        [json!(false), json!(false), json!(false)]
    );
    stage.emulator().delete_state("assignments", &assignment)?;
    stage.wait_gone("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(collection(&stage, "assignmentPolicies")?, Vec::<Value>::new());
    all_but_policy_ready(&stage)
}

fn all_but_policy_ready(stage: &Stage) -> Outcome {
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    Ok(())
}

#[test]
fn delete_with_assignments_takes_the_access_away_first_where_the_grant_allows_it() -> Outcome {
    let stage = furnished()?;
    let (_portal, _, _, assignment) = held(&stage)?;
    let eager = patched(package(), json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}}));
    let said = apply_not_ready(&stage, &eager, "LimitExceeded")?;
    assert!(said.contains("limits.deletion"), "{said}");

    // What the grant does not allow is not done on the way out either.
    let from = mark(&stage);
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to have been visited on its way out",
        SOON,
        |object| {
            object["metadata"]["deletionTimestamp"].is_string()
                && stage::condition_in(object, "Ready")
                    .is_some_and(|ready| ready["observedGeneration"] == object["metadata"]["generation"])
        },
    )?;
    looks(&stage, &["/assignments?"], 1)?;
    let held = element(&stage, "assignments", &assignment)?.unwrap_or_default();
    assert_eq!(held["state"], "delivered", "{:#?}", writes_since(&stage, from));

    let limits = json!({"deletion": ["Delete", "DeleteWithAssignments"]});
    apply_ready(&stage, &catalog_with_limits(limits))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(collection(&stage, "accessPackages")?, Vec::<Value>::new());
    let writes = writes_since(&stage, from);
    let position = |start: &str| writes.iter().position(|write| write.starts_with(start));
    let (taken, deleted) = (position("POST assignmentRequests"), position("DELETE accessPackages/"));
    assert!(taken.is_some() && taken < deleted, "{writes:#?}");
    // One that is refused, because the first is still under way, takes nothing away.
    let taken_away = stage
        .emulator()
        .graph_writes_since(from)
        .iter()
        .filter(|write| line(write).starts_with("POST assignmentRequests") && write["status"] == 201)
        .count();
    assert_eq!(taken_away, 1, "{writes:#?}");
    Ok(())
}

// Ways to sign in.

#[test]
fn the_operator_signs_in_by_workload_identity() -> Outcome {
    let stage = builder()
        .real_with("the API server gives out the token", |real| {
            real.credentials(Credentials::WorkloadIdentity)
        })
        .start()?;
    furnish(&stage)?;
    Ok(())
}

#[test]
fn the_operator_signs_in_with_a_certificate() -> Outcome {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
    let certificate = CertificateParams::new(vec!["entra-access-operator".to_owned()])?.self_signed(&key)?;
    let trusted = format!("certificate: {}", json!(certificate.pem()));
    let world = world::WORLD.replace("secret: stage-client-secret", &trusted);
    let stage = builder()
        .world(&world)
        .real("what it signs has the machine's time")
        .start()?;
    stage.apply_object(&json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": "entra-certificate", "namespace": OPERATOR_NAMESPACE},
        "stringData": {"tls.crt": certificate.pem(), "tls.key": key.serialize_pem()},
    }))?;
    let credentials = json!({"clientSecret": null, "clientCertificate": {
        "clientId": world::CLIENT_ID, "secretRef": {"name": "entra-certificate"},
    }});
    apply_ready(
        &stage,
        &patched(tenant(&stage), json!({"spec": {"credentials": credentials}})),
    )?;
    Ok(())
}

// Numbers.

#[test]
fn few_calls_make_everything_from_nothing() -> Outcome {
    let stage = stage()?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    let from = mark(&stage);
    let group = json!([{"name": "campaign-group", "group": {"displayName": "Marketing Campaign"}}]);
    let role = json!([{"resource": "campaign-group", "role": "Member"}]);
    let started = stage.age();
    for manifest in [
        patched(catalog(), json!({"spec": {"resources": group}})),
        patched(package(), json!({"spec": {"resourceRoles": role}})),
        policy(),
    ] {
        stage.apply_object(&manifest)?;
    }
    all_ready(&stage)?;
    let took = stage.age() - started;
    let calls: Vec<String> = stage
        .emulator()
        .graph_calls_since(from)
        .iter()
        .map(short_line)
        .collect();
    println!(
        "calls from nothing: {} ({}) in {took:.2?}",
        calls.len(),
        calls.join(", ")
    );
    assert!(calls.len() < 40, "{calls:#?}");
    assert_eq!(
        writes_since(&stage, from).len(),
        5,
        "catalog, resource, package, role, policy"
    );
    Ok(())
}

/// `GET catalogs/…`: without ids and queries.
fn short_line(request: &Value) -> String {
    let line = line(request);
    let line = line.split('?').next().unwrap_or_default();
    let is_id = |part: &str| part.len() >= 32 && part.chars().all(|c| c.is_ascii_hexdigit() || "-_".contains(c));
    line.split('/')
        .map(|part| if is_id(part) { "…" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[test]
fn an_idle_operator_reads_by_page_and_not_by_object() -> Outcome {
    let stage = stage()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    stage.apply_object(&catalog())?;
    let numbered = |manifest: Value, number: usize| {
        let name = format!("campaign-{number}");
        let reference = json!({"spec": {"accessPackageRef": {"name": name}}});
        let is_policy = manifest["kind"] == "AssignmentPolicy";
        let manifest = renamed(manifest, &name, &format!("Campaign {number}"));
        if is_policy {
            patched(manifest, reference)
        } else {
            manifest
        }
    };
    for number in 0..10 {
        stage.apply_object(&numbered(package(), number))?;
        stage.apply_object(&numbered(policy(), number))?;
    }
    for number in 0..10 {
        let name = format!("campaign-{number}");
        stage.wait_ready("AssignmentPolicy", &name, Some(NAMESPACE), SOON)?;
    }
    intervals(&stage, 1)?;
    let (from, started) = (mark(&stage), stage.age());
    stage.pass(DRIFT_INTERVAL * 5)?;
    let took = stage.age() - started;
    let calls = stage.emulator().graph_calls_since(from);
    let intervals = took.as_secs_f64() / DRIFT_INTERVAL.as_secs_f64();
    let per_interval = calls.len() as f64 / intervals;
    let lines: Vec<String> = calls.iter().map(short_line).collect();
    println!(
        "idle reads per hour: {:.0} ({} in {intervals:.1} intervals: {})",
        per_interval * 6.0,
        calls.len(),
        lines.join(", ")
    );
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());
    assert!(per_interval < 15.0, "{lines:#?}");
    Ok(())
}
