//! Whether status tells the truth: of a generation that was compared, of what was done, of what is held, and of itself.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};
use stage::{Result, SECRET_NAME, world};

use crate::scene::Stage;
use crate::support::{
    CAMPAIGN, NAMESPACE, RECONCILE_REQUESTED_AT, SOON, all_ready, apply_ready, builder, catalog, collection, entra_id,
    furnish, furnished, intervals, mark, message, now, package, patched, policy, real_furnished, status_of, tenant,
    text, wait_reason, wait_state, writes_since,
};

type Outcome<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The API server takes no status of this resource for which `expression` is false, once this has returned; `reason` is
/// `Forbidden` (403) or `Invalid` (422).
pub(crate) fn deny_status(stage: &Stage, resource: &str, expression: &str, reason: &str) -> Outcome {
    let api = "admissionregistration.k8s.io/v1";
    let group = "access.entra-operator.io";
    let name = format!("deny-{resource}");
    stage.apply_object(&json!({
        "apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [group], "apiVersions": ["*"], "operations": ["UPDATE"],
                "resources": [format!("{resource}/status")],
            }]},
            "validations": [{
                "expression": expression, "reason": reason, "message": "this status is denied by a test",
            }],
        },
    }))?;
    stage.apply_object(&json!({
        "apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }))?;
    stage.wait_for("the denial to be in force", SOON, || match probe(stage, resource) {
        Err(error) if error.to_string().contains("denied by a test") => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(_) => Err("the probe was taken".to_owned()),
    })?;
    Ok(())
}

/// Ends [`deny_status`].
pub(crate) fn give_leave(stage: &Stage, resource: &str) -> Outcome {
    let name = format!("deny-{resource}");
    stage.delete("ValidatingAdmissionPolicyBinding", &name, None)?;
    stage.delete("ValidatingAdmissionPolicy", &name, None)?;
    Ok(())
}

/// A status write that changes nothing, of an object of [`furnish`].
fn probe(stage: &Stage, resource: &str) -> Result<Value> {
    let place = match resource {
        "catalogs" => "catalogs/marketing".to_owned(),
        other => format!("namespaces/{NAMESPACE}/{other}/{CAMPAIGN}"),
    };
    let path = format!("/apis/access.entra-operator.io/v1alpha1/{place}/status?dryRun=All");
    stage.request(
        "PATCH",
        &path,
        "application/merge-patch+json",
        Some(&json!({"status": {}})),
    )
}

/// Whether any object ever had a condition for which this holds of its object and its reason.
pub(crate) fn ever(stage: &Stage, holds: impl Fn(&Value, &str) -> bool) -> bool {
    stage.history().iter().any(|object| {
        let conditions = object["status"]["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|condition| holds(object, text(&condition["reason"]))))
    })
}

/// Whether the state of an object calls its present generation Ready.
fn is_ready_now(object: &Value) -> bool {
    stage::condition_in(object, "Ready").is_some_and(|ready| {
        ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
    })
}

#[test]
fn ready_is_never_said_of_an_edit_that_was_not_compared() -> Outcome {
    let stage = builder().start()?;
    for object in [tenant(&stage), crate::support::namespace(NAMESPACE), catalog()] {
        stage.apply_object(&object)?;
    }
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    stage.emulator().set_quirks(&json!({"latency": 700}))?;
    stage.apply_object(&package())?;
    stage.wait_object(
        "AccessPackage",
        CAMPAIGN,
        Some(NAMESPACE),
        "to have an intent",
        SOON,
        |object| object["status"]["intent"].is_object(),
    )?;
    let edited = patched(package(), json!({"spec": {"description": "Edited while it was made"}}));
    stage.apply_object(&edited)?;
    wait_state(&stage, "both roles to be added", |state| {
        state["resourceRoleScopes"]
            .as_array()
            .is_some_and(|roles| roles.len() == 2)
    })?;
    stage
        .emulator()
        .set_quirks(&json!({"failNext": {"count": 100_000, "status": 503}}))?;
    let from = mark(&stage);
    stage.wait_for("calls to fail", SOON, || {
        match stage.emulator().graph_calls_since(from).len() {
            6.. => Ok(()),
            calls => Err(calls),
        }
    })?;
    let is_edited = |object: &Value| object["spec"]["description"] == "Edited while it was made";
    let written = collection(&stage, "accessPackages")?;
    let lies = |stage: &Stage| {
        stage
            .history()
            .iter()
            .any(|object| is_ready_now(object) && is_edited(object))
    };
    assert!(written[0]["description"] == "Edited while it was made" || !lies(&stage));
    stage.emulator().set_quirks(&json!({}))?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(
        collection(&stage, "accessPackages")?[0]["description"],
        "Edited while it was made"
    );
    Ok(())
}

#[test]
fn what_was_added_is_remembered_over_a_conflict_and_taken_out_again() -> Outcome {
    let stage = furnished()?;
    let more = {
        let mut more = catalog();
        let extra = json!({"name": "extra", "group": {"id": world::AUDITORS_GROUP_ID}});
        if let Some(resources) = more["spec"]["resources"].as_array_mut() {
            resources.push(extra);
        }
        more
    };
    stage.emulator().set_quirks(&json!({"latency": 500}))?;
    let from = mark(&stage);
    stage.apply_object(&more)?;
    // Annotated again and again, for as long as it is being added.
    stage.wait_for("the resource to be known", SOON, || {
        let token = mark(&stage).to_string();
        stage
            .annotate("Catalog", "marketing", None, "note", Some(&token))
            .map_err(|error| error.to_string())?;
        let object = now(&stage, &more).map_err(|error| error.to_string())?;
        let known = object["status"]["resources"].as_array().cloned().unwrap_or_default();
        match known.iter().find(|known| known["name"] == "extra") {
            Some(known) if known["added"] == true => Ok(()),
            _ => Err(object["status"]["resources"].to_string()),
        }
    })?;
    stage.emulator().set_quirks(&json!({}))?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    assert!(
        writes_since(&stage, from)
            .iter()
            .any(|line| line == "POST resourceRequests")
    );
    apply_ready(&stage, &catalog())?;
    wait_state(&stage, "the resource to be taken out", |state| {
        state["resources"].as_array().is_some_and(|all| all.len() == 3)
    })?;
    Ok(())
}

#[test]
fn roles_of_which_one_was_removed_and_that_are_wanted_again_are_both_back_unasked() -> Outcome {
    let stage = furnished()?;
    let id = entra_id(&now(&stage, &package())?);
    let scopes = || -> Result<Vec<String>> {
        let all = collection(&stage, "resourceRoleScopes")?;
        Ok(all.iter().map(|scope| text(&scope["id"]).to_owned()).collect())
    };
    let none = patched(package(), json!({"spec": {"resourceRoles": []}}));
    let mut halfway = 0;
    // Whichever goes first, the other one's removal is refused.
    for turn in 0..2 {
        let refused = scopes()?.swap_remove(turn);
        stage.emulator().set_quirks(&json!({"failNext": {
            "count": 100_000, "status": 400, "code": "InvalidModel", "method": "DELETE",
            "path": format!("/accessPackages/{id}/resourceRoleScopes/{refused}"),
        }}))?;
        stage.apply_object(&none)?;
        wait_reason(&stage, &package(), "Ready", "GraphRefused")?;
        halfway += usize::from(scopes()? == [refused]);
        apply_ready(&stage, &package())?;
        assert_eq!(scopes()?.len(), 2);
        stage.emulator().set_quirks(&json!({}))?;
    }
    assert_eq!(halfway, 1, "one of the two was removed first");
    assert!(!ever(&stage, |_, reason| reason == "DriftHeld"));
    Ok(())
}

#[test]
fn a_late_list_after_our_own_widening_holds_nothing() -> Outcome {
    let stage = furnished()?;
    // The window of our own write (two seconds) is over long before the lists show it; what was made before has shown.
    intervals(&stage, 3)?;
    stage
        .emulator()
        .set_quirks(&json!({"replicationLag": {"lists": 5_000, "expands": 5_000}}))?;
    let from = mark(&stage);
    let wider = patched(policy(), json!({"spec": {"expiration": {"afterDuration": "P120D"}}}));
    apply_ready(&stage, &wider)?;
    intervals(&stage, 4)?;
    all_ready(&stage)?;
    let written = writes_since(&stage, from);
    assert_eq!(written.len(), 1, "{written:#?}: {}", stage.log());
    assert!(!ever(&stage, |_, reason| reason == "DriftHeld"));
    Ok(())
}

#[test]
fn status_that_may_not_be_written_is_told_once_in_the_log_and_counted() -> Outcome {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
    let stage = builder()
        .real_with("its log and its metrics are read", |real| {
            real.argument(&format!("--listen={address}"))
                .argument("--metrics-access=anyone")
        })
        .log_level("info")
        .start()?;
    furnish(&stage)?;
    deny_status(&stage, "accesspackages", "false", "Forbidden")?;
    let edited = patched(package(), json!({"spec": {"description": "Not to be told"}}));
    stage.apply_object(&edited)?;
    let counted = "entra_access_operator_reconciles_total{kind=\"AccessPackage\",reason=\"StatusRefused\"}";
    stage.wait_for("the refusal to be counted", SOON, || {
        let metrics = scraped(&address).map_err(|error| error.to_string())?;
        let count = metrics
            .lines()
            .find_map(|line| line.strip_prefix(counted)?.trim().parse::<f64>().ok());
        match count {
            Some(count) if count >= 3.0 => Ok(()),
            _ => Err(format!("{count:?}")),
        }
    })?;
    let log = stage.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("denied by a test")).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].contains("WARN") && told[0].contains("StatusRefused"),
        "{told:?}"
    );
    // What was done in Entra was done once.
    assert_eq!(
        collection(&stage, "accessPackages")?[0]["description"],
        "Not to be told"
    );
    give_leave(&stage, "accesspackages")?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    Ok(())
}

#[test]
fn a_status_that_the_api_server_refuses_is_told_in_a_condition() -> Outcome {
    let stage = real_furnished("its log is read")?;
    deny_status(
        &stage,
        "catalogs",
        "!object.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')",
        "Invalid",
    )?;
    // Nothing to write, nothing refused.
    intervals(&stage, 1)?;
    assert_eq!(status_of(&now(&stage, &catalog())?, "Ready"), "True");
    let edited = patched(catalog(), json!({"spec": {"description": "Refused status"}}));
    stage.apply_object(&edited)?;
    let refused = wait_reason(&stage, &catalog(), "Ready", "StatusRefused")?;
    assert!(message(&refused, "Ready").contains("denied by a test"), "{refused:#}");
    assert_eq!(
        refused["status"]["observedGeneration"],
        refused["metadata"]["generation"]
    );
    intervals(&stage, 3)?;
    let warnings = stage
        .log()
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("denied by a test"))
        .count();
    assert_eq!(warnings, 1, "{}", stage.log());
    give_leave(&stage, "catalogs")?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok(())
}

#[test]
fn a_request_is_answered_by_a_plan_and_not_by_a_tenant_that_is_not_ready() -> Outcome {
    let stage = furnished()?;
    let id = entra_id(&now(&stage, &policy())?);
    stage.emulator().patch_state(
        "assignmentPolicies",
        &id,
        &json!({"requestorSettings": {"enableTargetsToSelfAddAccess": false}}),
    )?;
    wait_reason(&stage, &policy(), "Ready", "DriftHeld")?;
    let broken = patched(
        tenant(&stage),
        json!({"spec": {"credentials": {"clientSecret": {"secretRef": {"name": SECRET_NAME, "key": "nonesuch"}}}}}),
    );
    stage.apply_object(&broken)?;
    wait_reason(&stage, &policy(), "Ready", "TenantNotReady")?;
    stage.annotate(
        "AssignmentPolicy",
        CAMPAIGN,
        Some(NAMESPACE),
        RECONCILE_REQUESTED_AT,
        Some("please"),
    )?;
    // The visit that this asks for has been made once the next one, after an edit, has told of its generation.
    let edited = patched(policy(), json!({"spec": {"description": "Edited meanwhile"}}));
    stage.apply_object(&edited)?;
    let waits = wait_reason(&stage, &policy(), "Ready", "TenantNotReady")?;
    assert_eq!(waits["status"]["lastHandledReconcileAt"], Value::Null);
    stage.apply_object(&tenant(&stage))?;
    let object = stage.wait_ready("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(object["status"]["lastHandledReconcileAt"], "please");
    let found = collection(&stage, "assignmentPolicies")?;
    assert_eq!(found[0]["requestorSettings"]["enableTargetsToSelfAddAccess"], true);
    Ok(())
}

#[test]
fn a_request_that_comes_while_a_visit_is_under_way_is_answered_by_the_next() -> Outcome {
    let stage = furnished()?;
    let id = entra_id(&now(&stage, &policy())?);
    stage.emulator().patch_state(
        "assignmentPolicies",
        &id,
        &json!({"requestorSettings": {"enableTargetsToSelfAddAccess": false}}),
    )?;
    wait_reason(&stage, &policy(), "Ready", "DriftHeld")?;
    // An edit whose PUT takes its time; the request comes meanwhile.
    stage.emulator().set_quirks(&json!({
        "hangNext": {"count": 1, "ms": 1_500, "method": "PUT", "path": "/assignmentPolicies"},
    }))?;
    let edited = patched(policy(), json!({"spec": {"description": "Edited"}}));
    stage.apply_object(&edited)?;
    stage.wait_for(
        "the PUT to be under way",
        SOON,
        || match stage.emulator().quirks()["hangNext"].is_null() {
            true => Ok(()),
            false => Err("not yet"),
        },
    )?;
    stage.annotate(
        "AssignmentPolicy",
        CAMPAIGN,
        Some(NAMESPACE),
        RECONCILE_REQUESTED_AT,
        Some("please"),
    )?;
    let answered = |object: &Value| object["status"]["lastHandledReconcileAt"] == "please";
    let object = stage.wait_object(
        "AssignmentPolicy",
        CAMPAIGN,
        Some(NAMESPACE),
        "to answer",
        SOON,
        answered,
    )?;
    let found = collection(&stage, "assignmentPolicies")?;
    assert_eq!(
        found[0]["requestorSettings"]["enableTargetsToSelfAddAccess"], true,
        "answered without what was asked for: {object:#}"
    );
    Ok(())
}

fn scraped(address: &str) -> Outcome<String> {
    use std::io::{Read as _, Write as _};
    let mut connection = std::net::TcpStream::connect(address)?;
    connection.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}
