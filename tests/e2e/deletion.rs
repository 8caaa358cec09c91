//! Deletions end, and say meanwhile what they wait for.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use stage::{OPERATOR_NAMESPACE, SECRET_NAME, condition_in, world};

use crate::scene::Stage;
use crate::support::{
    CAMPAIGN, NAMESPACE, SOON, apply_ready, builder, catalog, catalog_with_limits, collection, entra_id, furnish,
    furnished, line, looks, mark, message, namespace, now, package, patched, place, policy, reason, tenant, text,
    wait_reason, wait_state,
};

type Outcome<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const CATALOG_ID: &str = "c0ffee00-0000-4000-8000-000000000001";

fn delete(stage: &Stage, manifest: &Value) -> Outcome {
    let (kind, name, namespace) = place(manifest);
    stage.delete(kind, name, namespace)?;
    Ok(())
}

fn gone(stage: &Stage, manifest: &Value) -> Outcome {
    let (kind, name, namespace) = place(manifest);
    stage.wait_gone(kind, name, namespace, SOON)?;
    Ok(())
}

/// A stage whose package goes with the access of those who hold it; the ids of package and policy.
fn eager(stage: &Stage) -> Outcome<(String, String)> {
    // Nobody is asked here: see `consent`.
    let unasked = json!({"spec": {"acknowledge": {"cutsFrom": 10_000}}});
    stage.apply_object(&patched(tenant(stage), unasked))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(
        stage,
        &catalog_with_limits(json!({"deletion": ["Delete", "DeleteWithAssignments"]})),
    )?;
    let eager = patched(package(), json!({"spec": {"deletionPolicy": "DeleteWithAssignments"}}));
    let package = apply_ready(stage, &eager)?;
    let policy = apply_ready(stage, &policy())?;
    Ok((entra_id(&package), entra_id(&policy)))
}

/// So many assignments of the package in this state.
fn hold(stage: &Stage, (package, policy): (&str, &str), count: usize, state: &str) -> Outcome {
    let one = json!({
        "accessPackageId": package, "assignmentPolicyId": policy, "state": state,
        "target": {"userPrincipalName": "ann@contoso.com"},
    });
    stage.emulator().create_state("assignments", &json!(vec![one; count]))?;
    Ok(())
}

/// The requests to take access away since a mark, by the assignment.
fn asked_since(stage: &Stage, from: usize) -> Vec<String> {
    let writes = stage.emulator().graph_writes_since(from);
    let asked = writes
        .iter()
        .filter(|write| line(write).starts_with("POST assignmentRequests"));
    asked
        .map(|write| text(&write["requestBody"]["assignment"]["id"]).to_owned())
        .collect()
}

#[test]
fn hundreds_who_hold_it_are_asked_for_once_each_and_their_number_falls() -> Outcome {
    let stage = stage_with(json!({}))?;
    let (package_id, policy_id) = eager(&stage)?;
    hold(&stage, (&package_id, &policy_id), 300, "delivered")?;
    stage
        .emulator()
        .set_quirks(&json!({"latency": 250, "deliveryDelay": 4_000}))?;
    let from = mark(&stage);
    delete(&stage, &package())?;
    let mut counts: Vec<u64> = Vec::new();
    stage.wait_for("the package to go", 2 * SOON, || {
        let Some(object) = stage
            .get("AccessPackage", CAMPAIGN, Some(NAMESPACE))
            .map_err(|error| error.to_string())?
        else {
            return Ok(());
        };
        let said = message(&object, "Ready");
        let number = said.split_once(" people still hold access").map(|(number, _)| number);
        if let Some(count) = number.and_then(|number| number.parse().ok())
            && counts.last() != Some(&count)
        {
            counts.push(count);
        }
        Err(said)
    })?;
    assert!(counts.len() >= 2, "{counts:?}");
    assert!(counts.windows(2).all(|pair| pair[1] < pair[0]), "{counts:?}");
    let asked = asked_since(&stage, from);
    assert_eq!(asked.len(), 300);
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), 300, "each once");
    assert_eq!(collection(&stage, "accessPackages")?, [json!(null); 0]);
    Ok(())
}

fn stage_with(quirks: Value) -> stage::Result<Stage> {
    builder().quirks(quirks).start()
}

#[test]
fn whoever_was_asked_for_is_not_asked_for_again_after_a_restart() -> Outcome {
    let mut stage = stage_with(json!({}))?;
    let (package_id, policy_id) = eager(&stage)?;
    hold(&stage, (&package_id, &policy_id), 40, "delivered")?;
    stage.emulator().set_quirks(&json!({"deliveryDelay": 8_000}))?;
    let from = mark(&stage);
    delete(&stage, &package())?;
    stage.wait_for("all to be asked for", SOON, || {
        let asked = asked_since(&stage, from).len();
        if asked == 40 { Ok(()) } else { Err(asked) }
    })?;
    stage.kill()?;
    stage.restart()?;
    gone(&stage, &package())?;
    assert_eq!(asked_since(&stage, from).len(), 40);
    Ok(())
}

#[test]
fn a_removal_whose_answer_is_lost_is_seen_to_be_under_way_and_not_asked_for_again() -> Outcome {
    let stage = stage_with(json!({}))?;
    let (package_id, policy_id) = eager(&stage)?;
    hold(&stage, (&package_id, &policy_id), 20, "delivered")?;
    stage.emulator().set_quirks(&json!({
        "dropAfterCommit": {"count": 5, "method": "POST", "path": "assignmentRequests"}, "deliveryDelay": 5_000,
    }))?;
    let from = mark(&stage);
    delete(&stage, &package())?;
    gone(&stage, &package())?;
    assert_eq!(asked_since(&stage, from).len(), 20);
    Ok(())
}

#[test]
fn thousands_of_past_assignments_hold_nothing_up() -> Outcome {
    let stage = furnished()?;
    let package_id = entra_id(&now(&stage, &package())?);
    let policy_id = entra_id(&now(&stage, &policy())?);
    hold(&stage, (&package_id, &policy_id), 5_000, "expired")?;
    stage.emulator().set_quirks(&json!({"latency": 200}))?;
    let from = mark(&stage);
    delete(&stage, &policy())?;
    delete(&stage, &package())?;
    gone(&stage, &policy())?;
    gone(&stage, &package())?;
    let calls = stage.emulator().graph_calls_since(from);
    let lists = calls
        .iter()
        .filter(|call| text(&call["path"]).contains("/assignments?"));
    let lists = lists.count();
    assert!(lists <= 6, "{lists} pages of assignments");
    Ok(())
}

#[test]
fn assignments_that_cannot_be_read_are_waited_for_and_taken_away() -> Outcome {
    let stage = stage_with(json!({}))?;
    let (package_id, policy_id) = eager(&stage)?;
    hold(&stage, (&package_id, &policy_id), 1, "delivered")?;
    let held = collection(&stage, "assignments")?;
    let id = text(&held[0]["id"]);
    stage
        .emulator()
        .patch_state("assignments", id, &json!({"target": {"objectId": {"newer": true}}}))?;
    let from = mark(&stage);
    delete(&stage, &package())?;
    gone(&stage, &package())?;
    assert_eq!(asked_since(&stage, from), [id]);
    Ok(())
}

/// A stage whose operator has nothing but a role on a catalog: what is absent is forbidden to it.
fn delegated() -> Outcome<Stage> {
    let delegated = format!(
        "  catalogs:\n  - {{id: {CATALOG_ID}, displayName: Delegated, description: Made by an administrator.}}\n"
    );
    let resource = format!(
        "  resources:\n  - {{originId: {}, originSystem: AadGroup, displayName: Marketing Campaign, catalog: {{id: \
         {CATALOG_ID}}}}}\n  accessPackages: []\n",
        world::CAMPAIGN_GROUP_ID
    );
    let yaml = world::WORLD
        .replace("  catalogs:\n", &delegated)
        .replace("  accessPackages: []\n", &resource);
    let stage = builder().world(&yaml).start()?;
    stage.apply_object(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET_NAME, "namespace": OPERATOR_NAMESPACE},
        "stringData": {"clientSecret": world::DELEGATE_CLIENT_SECRET},
    }))?;
    let client = json!({"spec": {"credentials": {"clientSecret": {"clientId": world::DELEGATE_CLIENT_ID}}}});
    apply_ready(&stage, &patched(tenant(&stage), client))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    let group = json!([{"name": "campaign-group", "group": {"id": world::CAMPAIGN_GROUP_ID}}]);
    let observed = json!({
        "displayName": null, "description": null, "id": CATALOG_ID, "management": "Observe", "resources": group,
        "deletionPolicy": "Orphan",
    });
    apply_ready(&stage, &patched(catalog(), json!({"spec": observed})))?;
    let member = json!([{"resource": "campaign-group", "role": "Member"}]);
    apply_ready(&stage, &patched(package(), json!({"spec": {"resourceRoles": member}})))?;
    let bob = json!({"stages": [{"approvers": [{"user": {"id": world::BOB_ID}}]}]});
    apply_ready(&stage, &patched(policy(), json!({"spec": {"approval": bob}})))?;
    Ok(stage)
}

#[test]
fn a_role_on_a_catalog_is_enough_to_see_that_a_policy_went_with_its_package() -> Outcome {
    let stage = delegated()?;
    delete(&stage, &package())?;
    gone(&stage, &package())?;
    delete(&stage, &policy())?;
    gone(&stage, &policy())?;
    assert_eq!(collection(&stage, "assignmentPolicies")?, [json!(null); 0]);
    Ok(())
}

#[test]
fn a_role_on_a_catalog_is_enough_to_let_a_whole_namespace_go() -> Outcome {
    let stage = delegated()?;
    stage.delete("Namespace", NAMESPACE, None)?;
    // No controller finishes namespaces here: the objects go as its own would ask them to.
    for manifest in [package(), policy()] {
        delete(&stage, &manifest)?;
    }
    for manifest in [package(), policy()] {
        gone(&stage, &manifest)?;
    }
    assert_eq!(collection(&stage, "accessPackages")?, [json!(null); 0]);
    assert_eq!(collection(&stage, "assignmentPolicies")?, [json!(null); 0]);
    Ok(())
}

/// A stage whose lists lag, so that a create whose answer is lost is not found at once.
fn lagging() -> Outcome<Stage> {
    let stage = builder().visibility(12).start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog())?;
    Ok(stage)
}

/// Loses the answer to the create of the manifest's object, and waits until Entra has it and its object only an intent.
fn lost(stage: &Stage, manifest: &Value, collection_name: &str) -> Outcome {
    stage.emulator().set_quirks(&json!({
        "dropAfterCommit": {"count": 1, "method": "POST", "path": collection_name},
        "replicationLag": {"lists": 5_000, "expands": 5_000},
    }))?;
    stage.apply_object(manifest)?;
    wait_state(stage, "the create to be carried out", |state| {
        state[collection_name].as_array().is_some_and(|all| !all.is_empty())
    })?;
    let object = now(stage, manifest)?;
    assert!(
        object["status"]["intent"].is_object() && object["status"]["entra"].is_null(),
        "{object:#}"
    );
    Ok(())
}

#[test]
fn a_package_whose_create_was_not_heard_of_is_found_and_deleted_though_the_grant_is_withdrawn() -> Outcome {
    let stage = lagging()?;
    lost(&stage, &package(), "accessPackages")?;
    let withdrawn = json!([{"name": "others", "namespaces": {"names": ["others"]}}]);
    stage.apply_object(&patched(catalog(), json!({"spec": {"grants": withdrawn}})))?;
    delete(&stage, &package())?;
    gone(&stage, &package())?;
    assert_eq!(collection(&stage, "accessPackages")?, [json!(null); 0]);
    Ok(())
}

#[test]
fn a_package_whose_create_was_not_heard_of_is_found_and_deleted_though_its_catalog_is_gone() -> Outcome {
    let stage = lagging()?;
    lost(&stage, &package(), "accessPackages")?;
    stage.apply_object(&patched(catalog(), json!({"spec": {"deletionPolicy": "Orphan"}})))?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    delete(&stage, &package())?;
    delete(&stage, &catalog())?;
    gone(&stage, &catalog())?;
    gone(&stage, &package())?;
    assert_eq!(collection(&stage, "accessPackages")?, [json!(null); 0]);
    Ok(())
}

#[test]
fn a_policy_whose_create_was_not_heard_of_is_found_and_deleted_though_grant_and_approver_are_gone() -> Outcome {
    let stage = lagging()?;
    apply_ready(&stage, &package())?;
    lost(&stage, &policy(), "assignmentPolicies")?;
    stage.emulator().delete_state("users", world::BOB_ID)?;
    let withdrawn = json!([{"name": "others", "namespaces": {"names": ["others"]}}]);
    stage.apply_object(&patched(catalog(), json!({"spec": {"grants": withdrawn}})))?;
    delete(&stage, &policy())?;
    gone(&stage, &policy())?;
    assert_eq!(collection(&stage, "assignmentPolicies")?, [json!(null); 0]);
    Ok(())
}

#[test]
fn a_create_that_was_not_heard_of_is_searched_no_more_where_its_package_is_gone() -> Outcome {
    let stage = lagging()?;
    let made = apply_ready(&stage, &package())?;
    lost(&stage, &policy(), "assignmentPolicies")?;
    stage.emulator().delete_state("accessPackages", &entra_id(&made))?;
    delete(&stage, &policy())?;
    gone(&stage, &policy())?;
    Ok(())
}

/// The bodies of the PUTs of this policy since a mark.
fn puts(stage: &Stage, from: usize, id: &str) -> Vec<Value> {
    let writes = stage.emulator().graph_writes_since(from);
    let of = |write: &&Value| line(write) == format!("PUT assignmentPolicies/{id}");
    writes
        .iter()
        .filter(of)
        .map(|write| write["requestBody"].clone())
        .collect()
}

#[test]
fn foreign_policies_that_are_open_are_shut_as_they_are_and_go_with_the_package() -> Outcome {
    let stage = furnished()?;
    let package_id = entra_id(&now(&stage, &package())?);
    let owners = json!({"@odata.type": "#microsoft.graph.targetApplicationOwners"});
    let stage_of = json!({
        "@odata.type": "#microsoft.graph.accessPackageApprovalStage", "durationBeforeAutomaticDenial": "P14D",
        "isApproverJustificationRequired": false, "isEscalationEnabled": false, "durationBeforeEscalation": "PT0S",
        "primaryApprovers": [owners], "fallbackPrimaryApprovers": [], "escalationApprovers": [],
        "fallbackEscalationApprovers": [],
    });
    let foreign = json!({
        "displayName": "Owners", "description": "Made in the portal", "accessPackageId": package_id,
        "allowedTargetScope": "allMemberUsers", "specificAllowedTargets": [],
        "expiration": {"type": "noExpiration"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": true, "enableTargetsToSelfRemoveAccess": true},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": true, "stages": [stage_of]},
    });
    let made = stage.emulator().create_state("assignmentPolicies", &foreign)?;
    let id = text(&made["id"]);
    let from = mark(&stage);
    delete(&stage, &package())?;
    gone(&stage, &package())?;
    let puts = puts(&stage, from, id);
    assert_eq!(puts.len(), 1, "{puts:#?}");
    assert_eq!(puts[0]["requestorSettings"]["enableTargetsToSelfAddAccess"], false);
    assert_eq!(puts[0]["requestorSettings"]["enableTargetsToSelfRemoveAccess"], true);
    let approvers = &puts[0]["requestApprovalSettings"]["stages"][0]["primaryApprovers"];
    assert_eq!(approvers, &json!([owners]));
    assert_eq!(collection(&stage, "assignmentPolicies")?, [json!(null); 0]);
    Ok(())
}

#[test]
fn a_policy_that_cannot_be_read_any_more_is_shut_as_it_is_and_deleted() -> Outcome {
    let stage = furnished()?;
    let id = entra_id(&now(&stage, &policy())?);
    // A word where this version reads a flag: what the service takes is not for us to say.
    let newer = json!({"requestorSettings": {"allowCustomAssignmentSchedule": "sometimes"}});
    stage.emulator().patch_state("assignmentPolicies", &id, &newer)?;
    wait_reason(&stage, &policy(), "Ready", "GraphRefused")?;
    let from = mark(&stage);
    delete(&stage, &policy())?;
    stage.wait_for("the policy to be sent back", SOON, || {
        let puts = puts(&stage, from, &id);
        if puts.is_empty() { Err("no PUT") } else { Ok(()) }
    })?;
    let puts = puts(&stage, from, &id);
    let settings = &puts[0]["requestorSettings"];
    assert_eq!(settings["enableTargetsToSelfAddAccess"], false, "{settings}");
    assert_eq!(settings["allowCustomAssignmentSchedule"], "sometimes");
    // The emulator does not take its own word back; shut in the portal, it goes all the same.
    let shut = json!({"requestorSettings": {"enableTargetsToSelfAddAccess": false}});
    if stage.emulator().element("assignmentPolicies", &id)?.is_some() {
        stage.emulator().patch_state("assignmentPolicies", &id, &shut)?;
    }
    gone(&stage, &policy())?;
    Ok(())
}

#[test]
fn a_catalog_that_waits_for_foreign_packages_says_so_once() -> Outcome {
    let stage = builder().start()?;
    stage.apply_object(&tenant(&stage))?;
    let catalog_id = entra_id(&apply_ready(&stage, &catalog())?);
    let make = |name: &str| -> Outcome<String> {
        let foreign = json!({"displayName": name, "description": "Made in the portal", "catalogId": catalog_id});
        Ok(text(&stage.emulator().create_state("accessPackages", &foreign)?["id"]).to_owned())
    };
    let mut made = vec![make("Gamma")?, make("Beta")?];
    // The first by its name is not the first by its id, by which they are known.
    let alpha = loop {
        let alpha = make("Alpha")?;
        if made.iter().any(|other| *other < alpha) {
            break alpha;
        }
        stage.emulator().delete_state("accessPackages", &alpha)?;
    };
    made.push(alpha);
    delete(&stage, &catalog())?;
    let waiting = wait_reason(&stage, &catalog(), "Ready", "NotOurs")?;
    let said = message(&waiting, "Ready");
    assert!(
        said.contains("3 access packages") && said.contains("\"Alpha\" first"),
        "{said}"
    );
    let from = mark(&stage);
    looks(&stage, &["/accessPackages?"], 3)?;
    let later = now(&stage, &catalog())?;
    assert_eq!(
        later["metadata"]["resourceVersion"], waiting["metadata"]["resourceVersion"],
        "nothing new was said"
    );
    assert!(stage.emulator().graph_calls_since(from).len() < 40);
    for id in &made {
        stage.emulator().delete_state("accessPackages", id)?;
    }
    gone(&stage, &catalog())?;
    Ok(())
}

#[test]
fn an_orphan_whose_grant_is_withdrawn_names_the_one_command_and_goes_by_it() -> Outcome {
    let stage = builder().start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog_with_limits(json!({"deletion": ["Delete", "Orphan"]})))?;
    let orphan = patched(package(), json!({"spec": {"deletionPolicy": "Orphan"}}));
    apply_ready(&stage, &orphan)?;
    let withdrawn = json!([{"name": "others", "namespaces": {"names": ["others"]}}]);
    stage.apply_object(&patched(catalog(), json!({"spec": {"grants": withdrawn}})))?;
    delete(&stage, &orphan)?;
    let waiting = stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to say why it stays",
        SOON,
        |object| {
            object["metadata"]["deletionTimestamp"].is_string()
                && condition_in(object, "Ready").is_some_and(|ready| {
                    ready["status"] == "False" && ready["observedGeneration"] == object["metadata"]["generation"]
                })
        },
    )?;
    assert!(["CatalogNotGranted", "LimitExceeded"].contains(&reason(&waiting, "Ready").as_str()));
    let said = message(&waiting, "Ready");
    assert!(
        said.contains("kubectl patch accesspackages campaign -n marketing --type merge -p"),
        "{said}"
    );
    // Nothing is pressed for meanwhile.
    let from = mark(&stage);
    stage.pass(Duration::from_secs(3))?;
    assert_eq!(stage.emulator().graph_writes_since(from), [json!(null); 0]);
    apply_ready(&stage, &catalog_with_limits(json!({"deletion": ["Delete", "Orphan"]})))?;
    gone(&stage, &orphan)?;
    assert_eq!(collection(&stage, "accessPackages")?.len(), 1, "it stays in Entra");
    Ok(())
}

#[test]
fn a_policy_goes_though_everything_that_it_names_went_before() -> Outcome {
    let stage = builder().start()?;
    furnish(&stage)?;
    stage.emulator().delete_state("users", world::BOB_ID)?;
    stage.apply_object(&patched(
        catalog(),
        json!({"spec": {"grants": [{"name": "others", "namespaces": {"names": ["others"]}}]}}),
    ))?;
    delete(&stage, &package())?;
    gone(&stage, &package())?;
    delete(&stage, &policy())?;
    gone(&stage, &policy())?;
    delete(&stage, &catalog())?;
    gone(&stage, &catalog())?;
    Ok(())
}

#[test]
fn what_is_answered_with_404_when_it_is_deleted_goes_only_when_it_is_gone() -> Outcome {
    let stage = furnished()?;
    let all = [
        (policy(), "assignmentPolicies", 0),
        (package(), "accessPackages", 0),
        // The tenant has one of its own.
        (catalog(), "catalogs", collection(&stage, "catalogs")?.len() - 1),
    ];
    for (manifest, name, left) in all {
        stage.emulator().set_quirks(&json!({"failNext": {
            "count": 2, "status": 404, "code": "ResourceNotFound", "method": "DELETE", "path": format!("/{name}/"),
        }}))?;
        delete(&stage, &manifest)?;
        gone(&stage, &manifest)?;
        let quirks = stage.emulator().quirks();
        assert_eq!(quirks["failNext"], Value::Null, "{name}: both were met");
        assert_eq!(collection(&stage, name)?.len(), left, "{name}");
    }
    Ok(())
}

#[test]
fn what_somebody_deletes_while_we_delete_it_is_proven_gone_and_goes() -> Outcome {
    let stage = furnished()?;
    let all = [
        (policy(), "assignmentPolicies", false),
        (package(), "accessPackages", true),
    ];
    for (manifest, name, is_forbidden) in all {
        let id = entra_id(&now(&stage, &manifest)?);
        stage.emulator().set_quirks(&json!({
            "hangNext": {"count": 1, "ms": 1_500, "method": "DELETE", "path": format!("/{name}/{id}")},
            "forbiddenInsteadOfNotFound": is_forbidden,
        }))?;
        delete(&stage, &manifest)?;
        stage.wait_for("the deletion to be under way", SOON, || {
            match stage.emulator().quirks()["hangNext"].is_null() {
                true => Ok(()),
                false => Err("not yet"),
            }
        })?;
        stage.emulator().delete_state(name, &id)?;
        gone(&stage, &manifest)?;
    }
    Ok(())
}

/// A policy whose create was not heard of, and of which somebody made a second one that is the same; it is being deleted.
fn doubled(stage: &Stage, name: &str) -> Outcome<Value> {
    let twin = crate::support::renamed(policy(), name, name);
    let before = collection(stage, "assignmentPolicies")?.len();
    stage.emulator().set_quirks(&json!({
        "dropAfterCommit": {"count": 1, "method": "POST", "path": "assignmentPolicies"},
        "replicationLag": {"lists": 60_000, "expands": 60_000},
    }))?;
    stage.apply_object(&twin)?;
    wait_state(stage, "the create to be carried out", |state| {
        state["assignmentPolicies"]
            .as_array()
            .is_some_and(|all| all.len() > before)
    })?;
    let made = collection(stage, "assignmentPolicies")?;
    let mut second = made
        .iter()
        .find(|one| one["displayName"] == name)
        .cloned()
        .unwrap_or_default();
    if let Some(second) = second.as_object_mut() {
        second.remove("id");
    }
    stage.emulator().create_state("assignmentPolicies", &second)?;
    stage.emulator().set_quirks(&json!({}))?;
    delete(stage, &twin)?;
    let waiting = stage.wait_object(
        "AssignmentPolicy",
        name,
        Some(NAMESPACE),
        "to say what helps",
        SOON,
        |object| message(object, "Ready").contains("is deleted with this object"),
    )?;
    assert_eq!(reason(&waiting, "Ready"), "NameTaken");
    Ok(twin)
}

#[test]
fn a_deletion_that_cannot_tell_which_is_its_own_says_what_ends_it_and_ends_by_that() -> Outcome {
    let stage = builder().visibility(12).start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog_with_limits(json!({"deletion": ["Delete", "Orphan"]})))?;
    apply_ready(&stage, &package())?;
    let one = doubled(&stage, "one")?;
    let made = collection(&stage, "assignmentPolicies")?;
    stage
        .emulator()
        .delete_state("assignmentPolicies", text(&made[0]["id"]))?;
    gone(&stage, &one)?;
    assert_eq!(collection(&stage, "assignmentPolicies")?, [json!(null); 0]);
    let other = doubled(&stage, "other")?;
    stage.annotate(
        "AssignmentPolicy",
        "other",
        Some(NAMESPACE),
        "access.entra-operator.io/orphan",
        Some("true"),
    )?;
    gone(&stage, &other)?;
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 2);
    Ok(())
}
