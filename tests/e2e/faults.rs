//! A service that is slow, throttles, lags and loses answers; an operator that is killed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stage::{OPERATOR_NAMESPACE, Operator, Result, SECRET_NAME, Signal, world};

use crate::scene::Stage;
use crate::support::{
    CAMPAIGN, NAMESPACE, SOON, all_ready, apply_not_ready, apply_ready, builder, catalog, catalog_with_limits,
    collection, condition, entra_id, furnish, furnished, intervals, looks, mark, message, namespace, now, package,
    patched, place, policy, real_furnished, real_stage, renamed, tenant, text, visit, visits, wait_event, wait_reason,
    wait_state, writes_since,
};

/// Furnishes a stage whose Graph has these quirks from the start, and expects one of each.
fn furnished_despite(quirks: Value) -> Result<Stage> {
    let stage = builder().quirks(quirks).start()?;
    furnish(&stage)?;
    one_of_each(&stage)?;
    Ok(stage)
}

fn named(stage: &Stage, collection_name: &str, display_name: &str) -> Result<Vec<Value>> {
    let mut found = collection(stage, collection_name)?;
    found.retain(|element| element["displayName"] == display_name);
    Ok(found)
}

fn roles_of(stage: &Stage, package: &str) -> Result<usize> {
    let scopes = collection(stage, "resourceRoleScopes")?;
    Ok(scopes
        .iter()
        .filter(|scope| scope["accessPackageId"] == package)
        .count())
}

/// One catalog with three resources, one package with two roles, one policy: those that status names.
fn one_of_each(stage: &Stage) -> Result<()> {
    one_of_each_named(stage, [&catalog(), &package(), &policy()])
}

fn one_of_each_named(stage: &Stage, manifests: [&Value; 3]) -> Result<()> {
    let collections = ["catalogs", "accessPackages", "assignmentPolicies"];
    let mut ids = Vec::new();
    for (manifest, collection_name) in manifests.into_iter().zip(collections) {
        let found = named(stage, collection_name, text(&manifest["spec"]["displayName"]))?;
        assert_eq!(found.len(), 1, "{collection_name}: {found:#?}");
        let id = entra_id(&now(stage, manifest)?);
        assert_eq!(text(&found[0]["id"]), id, "{collection_name}");
        ids.push(id);
    }
    let resources = collection(stage, "resources")?;
    assert_eq!(
        resources
            .iter()
            .filter(|resource| resource["catalogId"] == ids[0].as_str())
            .count(),
        3
    );
    assert_eq!(roles_of(stage, &ids[1])?, 2);
    let policies = collection(stage, "assignmentPolicies")?;
    assert_eq!(
        policies
            .iter()
            .filter(|policy| policy["accessPackageId"] == ids[1].as_str())
            .count(),
        1
    );
    Ok(())
}

#[test]
fn a_slow_graph_only_takes_longer() -> Result<()> {
    furnished_despite(json!({"latency": 200})).map(drop)
}

#[test]
fn lists_and_expands_that_lag_make_no_second_object() -> Result<()> {
    let stage = builder()
        .visibility(4)
        .quirks(json!({"replicationLag": 2_000}))
        .start()?;
    furnish(&stage)?;
    one_of_each(&stage)?;
    // What the lists show by and by changes nothing more.
    let from = mark(&stage);
    intervals(&stage, 3)?;
    all_ready(&stage)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    // A role that is swapped is swapped once, though the expand shows the old ones for a while.
    let writer = json!([{"resource": "campaign-group", "role": "Member"}, {"resource": "crm", "role": "Writer"}]);
    apply_ready(&stage, &patched(package(), json!({"spec": {"resourceRoles": writer}})))?;
    intervals(&stage, 3)?;
    all_ready(&stage)?;
    let written = writes_since(&stage, from);
    assert_eq!(
        written.iter().filter(|line| line.starts_with("POST")).count(),
        1,
        "{written:#?}"
    );
    assert_eq!(written.len(), 2, "{written:#?}");
    one_of_each(&stage)
}

#[test]
fn policies_that_are_applied_at_once_are_made_once_each() -> Result<()> {
    let stage = builder().quirks(json!({"duplicateKey": true})).start()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog())?;
    let packages: Vec<Value> = (0..3)
        .map(|n| renamed(package(), &format!("p{n}"), &format!("Package {n}")))
        .collect();
    for package in &packages {
        apply_ready(&stage, package)?;
    }
    // Five in one package, one in each of the others.
    let policies: Vec<Value> = (0..7)
        .map(|n: usize| {
            let of = format!("p{}", n.saturating_sub(4));
            let policy = renamed(policy(), &format!("policy-{n}"), &format!("Policy {n}"));
            patched(policy, json!({"spec": {"accessPackageRef": {"name": of}}}))
        })
        .collect();
    let manifests: Vec<String> = policies.iter().map(Value::to_string).collect();
    // Somebody else makes policies as well: the first creates are refused though ours come one by one.
    stage.emulator().set_quirks(&json!({"duplicateKey": 2}))?;
    stage.apply(&manifests.join("\n---\n"))?;
    for policy in &policies {
        let (kind, name, namespace) = place(policy);
        stage.wait_ready(kind, name, namespace, SOON)?;
    }
    for n in 0..7 {
        assert_eq!(
            named(&stage, "assignmentPolicies", &format!("Policy {n}"))?.len(),
            1,
            "Policy {n}"
        );
    }
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 7);
    Ok(())
}

#[test]
fn throttling_is_waited_out_with_and_without_a_time_to_wait() -> Result<()> {
    let stage = furnished_despite(json!({"throttle": {"count": 4, "retryAfter": 1}}))?;
    let throttled = |from: usize| {
        let calls = stage.emulator().graph_calls_since(from);
        calls.iter().filter(|call| call["status"] == 429).count()
    };
    assert_eq!(throttled(0), 4);
    let from = mark(&stage);
    stage.emulator().set_quirks(&json!({"throttle": {"count": 4}}))?;
    let changed = patched(
        package(),
        json!({"spec": {"description": "Written after the throttling"}}),
    );
    apply_ready(&stage, &changed)?;
    wait_state(&stage, "the description to be written", |state| {
        state["accessPackages"][0]["description"] == "Written after the throttling"
    })?;
    assert_eq!(throttled(from), 4);
    one_of_each(&stage)
}

#[test]
fn application_roles_that_the_expand_leaves_out_are_asked_for() -> Result<()> {
    let stage = furnished_despite(json!({"emptyAppRoles": true}))?;
    let calls = stage.emulator().requests();
    assert!(
        calls.iter().any(|call| text(&call["path"]).contains("/resourceRoles?")),
        "the fallback was not used"
    );
    Ok(())
}

#[test]
fn a_collection_that_cannot_be_expanded_is_read_one_by_one() -> Result<()> {
    let stage = furnished_despite(json!({"noCollectionExpand": true}))?;
    let from = mark(&stage);
    looks(&stage, &["/catalogs/", "/accessPackages"], 2)?;
    visits(&stage, &package(), 1)?;
    all_ready(&stage)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn pages_of_one_element_are_all_read() -> Result<()> {
    let stage = furnished_despite(json!({"pageSize": 1}))?;
    let second = renamed(package(), "second", "Second");
    apply_ready(&stage, &second)?;
    let from = mark(&stage);
    intervals(&stage, 2)?;
    all_ready(&stage)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    // The one that is not on the first page is compared as well.
    for made in collection(&stage, "accessPackages")? {
        stage
            .emulator()
            .patch_state("accessPackages", text(&made["id"]), &json!({"description": "portal"}))?;
    }
    wait_state(&stage, "both descriptions to be put back", |state| {
        let packages = state["accessPackages"].as_array();
        packages.is_some_and(|all| all.len() == 2 && all.iter().all(|one| one["description"] != "portal"))
    })
    .map(drop)
}

#[test]
fn roles_without_ids_are_told_by_their_origin() -> Result<()> {
    let stage = furnished_despite(json!({"rolesWithoutIds": true}))?;
    let from = mark(&stage);
    visits(&stage, &package(), 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn a_refusal_is_not_an_absence_and_an_absence_behind_a_refusal_is_one() -> Result<()> {
    let stage = furnished_despite(json!({"forbiddenInsteadOfNotFound": true}))?;
    let id = entra_id(&now(&stage, &package())?);
    let refusal = json!({
        "forbiddenInsteadOfNotFound": true,
        "failNext": {"count": 100_000, "status": 403, "code": "UnAuthorized", "message": "User is not authorized.",
            "path": "/accessPackages"},
    });
    let from = mark(&stage);
    stage.emulator().set_quirks(&refusal)?;
    let lost = wait_reason(&stage, &package(), "Ready", "AccessLost")?;
    let said = message(&lost, "Ready");
    assert!(
        said.starts_with(&format!(
            "catalog {}: Entra refuses us what is ours by status: accessPackages.list: HTTP 403 UnAuthorized: ",
            text(&lost["status"]["entra"]["catalogId"])
        )),
        "{said}"
    );
    assert_eq!(entra_id(&lost), id);
    assert_eq!(writes_since(&stage, from), [""; 0]);
    stage
        .emulator()
        .set_quirks(&json!({"forbiddenInsteadOfNotFound": true}))?;
    all_ready(&stage)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);

    stage.emulator().delete_state("accessPackages", &id)?;
    wait_reason(&stage, &package(), "Ready", "DeletedInEntra")?;
    intervals(&stage, 2)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    // Asked for, it is made anew.
    visit(&stage, &package(), "anew")?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(named(&stage, "accessPackages", "Marketing Campaign Access")?.len(), 1);
    Ok(())
}

#[test]
fn a_write_whose_answer_is_lost_is_found_again_and_not_repeated() -> Result<()> {
    let stage = furnished_despite(json!({"dropAfterCommit": 8}))?;
    let log = stage.emulator().requests();
    let dropped: Vec<&str> = log
        .iter()
        .filter(|request| request["dropped"] == true)
        .filter_map(|request| text(&request["path"]).rsplit('/').next())
        .collect();
    assert_eq!(dropped.len(), 8, "{dropped:?}");
    for create in [
        "catalogs",
        "resourceRequests",
        "accessPackages",
        "resourceRoleScopes",
        "assignmentPolicies",
    ] {
        assert!(dropped.contains(&create), "{create} was not lost: {dropped:?}");
    }
    let from = mark(&stage);
    intervals(&stage, 2)?;
    all_ready(&stage)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    one_of_each(&stage)
}

/// The object's conditions without the one that tells of a long silence.
fn but_healthy(object: &Value) -> Value {
    let mut conditions = object["status"]["conditions"].clone();
    if let Some(conditions) = conditions.as_array_mut() {
        conditions.retain(|condition| condition["type"] != "Healthy");
    }
    conditions
}

#[test]
fn an_outage_leaves_what_was_ready_ready_and_what_was_asked_meanwhile_is_done_after() -> Result<()> {
    let stage = furnished()?;
    let before = [tenant(&stage), catalog(), package(), policy()]
        .iter()
        .map(|manifest| now(&stage, manifest).map(|object| but_healthy(&object)))
        .collect::<Result<Vec<Value>>>()?;
    let outage = json!({"failNext": {"count": 100_000, "status": 503, "code": "UnknownError"}});
    stage.emulator().set_quirks(&outage)?;
    let failures = |from: usize| stage.emulator().graph_calls_since(from).len();
    let from = mark(&stage);
    stage.wait_for("calls to fail", SOON, || {
        if failures(from) >= 5 {
            Ok(())
        } else {
            Err(failures(from))
        }
    })?;
    for (manifest, before) in [tenant(&stage), catalog(), package(), policy()].iter().zip(&before) {
        assert_eq!(&but_healthy(&now(&stage, manifest)?), before);
    }
    let changed = patched(
        policy(),
        json!({"spec": {"description": "Asked for during the outage"}}),
    );
    stage.apply_object(&changed)?;
    let unavailable = ("Ready", "GraphUnavailable");
    let waiting = stage.wait_reason("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), unavailable, 2 * SOON)?;
    // The same outage is told once, however often it is met, and the service is not pressed.
    let (from, began) = (mark(&stage), stage.age());
    stage.wait_for("more calls to fail", 2 * SOON, || {
        if failures(from) >= 2 {
            Ok(())
        } else {
            Err(failures(from))
        }
    })?;
    let calls_a_second = 2.0 / (stage.age() - began).as_secs_f64();
    assert!(
        calls_a_second < 2.0,
        "{calls_a_second} calls a second at a service that is down"
    );
    let after = now(&stage, &policy())?;
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    assert_eq!(version(&after), version(&waiting), "{}", condition(&after, "Ready"));
    stage.emulator().set_quirks(&json!({}))?;
    all_ready(&stage)?;
    assert_eq!(
        collection(&stage, "assignmentPolicies")?[0]["description"],
        "Asked for during the outage"
    );
    one_of_each(&stage)
}

fn operator_of(stage: &mut Stage) -> Result<&mut Operator> {
    stage.real_mut()?.operator()
}

/// Stops the operator while the create of this manifest is under way, and kills it when Entra has the object.
fn killed_after_commit(stage: &mut Stage, manifest: &Value, collection_name: &str) -> Result<()> {
    let display_name = text(&manifest["spec"]["displayName"]).to_owned();
    stage.emulator().set_quirks(&json!({"latency": 700}))?;
    stage.apply_object(manifest)?;
    let (kind, name, namespace) = place(manifest);
    stage.wait_object(kind, name, namespace, "to have an intent", SOON, |object| {
        object["status"]["intent"].is_object()
    })?;
    stage::wait_for("the create to be committed and not answered", SOON, || {
        let is_there =
            |stage: &Stage| named(stage, collection_name, &display_name).is_ok_and(|found| !found.is_empty());
        let operator = operator_of(stage).map_err(|error| error.to_string())?;
        operator.signal(Signal::Stop).map_err(|error| error.to_string())?;
        if stage
            .wait_for("it", Duration::from_secs(2), || {
                if is_there(stage) { Ok(()) } else { Err("absent") }
            })
            .is_ok()
        {
            return Ok(());
        }
        // Stopped before the request was sent: a little further.
        let operator = operator_of(stage).map_err(|error| error.to_string())?;
        operator.signal(Signal::Continue).map_err(|error| error.to_string())?;
        Err("absent".to_owned())
    })?;
    stage.kill()?;
    let object = now(stage, manifest)?;
    assert!(
        object["status"]["intent"].is_object() && object["status"]["entra"].is_null(),
        "killed too late: {object:#}"
    );
    stage.emulator().set_quirks(&json!({}))?;
    stage.restart()?;
    stage.wait_ready(kind, name, namespace, SOON)?;
    let found = named(stage, collection_name, &display_name)?;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(text(&found[0]["id"]), entra_id(&now(stage, manifest)?));
    Ok(())
}

#[test]
fn an_operator_that_is_killed_before_it_hears_of_its_create_makes_no_second_one() -> Result<()> {
    let mut stage = real_stage("the process is stopped and killed")?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    killed_after_commit(&mut stage, &catalog(), "catalogs")?;
    killed_after_commit(&mut stage, &package(), "accessPackages")?;
    killed_after_commit(&mut stage, &policy(), "assignmentPolicies")?;
    one_of_each(&stage)
}

/// A sequence that is the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// How often the operator is killed: `KILLS` says otherwise.
fn kills() -> u32 {
    let given = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok());
    given.unwrap_or(10)
}

#[test]
fn an_operator_that_is_killed_at_any_moment_ends_with_one_of_each() -> Result<()> {
    let mut stage = real_stage("the process is killed, wherever it is")?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    let mut random = Random(0x5EED_F00D);
    for round in 0..kills() {
        let name = format!("round-{round}");
        let catalog = renamed(catalog(), &name, &format!("Catalog {round}"));
        let of = |manifest: Value, spec: Value| patched(manifest, json!({"spec": spec}));
        let package = renamed(package(), &name, &format!("Package {round}"));
        let package = of(package, json!({"catalogRef": {"name": name}}));
        let policy = renamed(policy(), &name, &format!("Policy {round}"));
        let policy = of(policy, json!({"accessPackageRef": {"name": name}}));
        let all = [&catalog, &package, &policy].map(Value::to_string);
        stage.apply(&all.join("\n---\n"))?;
        // No wait for anything: the moment is what the test varies.
        stage.pass(Duration::from_millis(random.below(900)))?;
        stage.kill()?;
        stage.restart()?;
        for manifest in [&catalog, &package, &policy] {
            let (kind, name, namespace) = place(manifest);
            stage.wait_ready(kind, name, namespace, SOON)?;
        }
        one_of_each_named(&stage, [&catalog, &package, &policy])?;
    }
    Ok(())
}

#[test]
fn restarts_write_nothing_where_nothing_changed() -> Result<()> {
    let mut stage = real_furnished("one process ends by SIGTERM, and another begins")?;
    let manifests = [tenant(&stage), catalog(), package(), policy()];
    let versions = |stage: &Stage| -> Result<Vec<Value>> {
        manifests
            .iter()
            .map(|one| now(stage, one).map(|object| object["metadata"]["resourceVersion"].clone()))
            .collect()
    };
    intervals(&stage, 1)?;
    let before = versions(&stage)?;
    for _ in 0..2 {
        let from = mark(&stage);
        stage.restart()?;
        intervals(&stage, 2)?;
        all_ready(&stage)?;
        assert_eq!(writes_since(&stage, from), [""; 0]);
        assert_eq!(versions(&stage)?, before);
    }
    one_of_each(&stage)
}

#[test]
fn a_role_on_a_catalog_is_enough_to_manage_its_packages_and_policies_by_ids() -> Result<()> {
    let catalog_id = "c0ffee00-0000-4000-8000-000000000001";
    let delegated = format!(
        "  catalogs:\n  - {{id: {catalog_id}, displayName: Delegated, description: Made by an administrator.}}\n"
    );
    let resource = format!(
        "  resources:\n  - {{originId: {}, originSystem: AadGroup, displayName: Marketing Campaign, catalog: {{id: \
         {catalog_id}}}}}\n  accessPackages: []\n",
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
    let connected = apply_ready(&stage, &patched(tenant(&stage), client))?;
    assert_eq!(crate::support::reason(&connected, "Ready"), "ConnectedByCatalogRoles");
    stage.apply_object(&namespace(NAMESPACE))?;
    let group = json!([{"name": "campaign-group", "group": {"id": world::CAMPAIGN_GROUP_ID}}]);
    let observed = json!({
        "displayName": null, "description": null, "id": catalog_id, "management": "Observe", "resources": group,
        "deletionPolicy": "Orphan",
    });
    let lenient = json!({"automaticAssignment": "Allowed"});
    let catalog = patched(catalog_with_limits(lenient), json!({"spec": observed}));
    apply_ready(&stage, &catalog)?;
    let member = json!([{"resource": "campaign-group", "role": "Member"}]);
    let package = patched(package(), json!({"spec": {"resourceRoles": member}}));
    apply_ready(&stage, &package)?;
    let bob = json!({"stages": [{"approvers": [{"user": {"id": world::BOB_ID}}]}]});
    let policy = patched(policy(), json!({"spec": {"approval": bob}}));
    apply_ready(&stage, &policy)?;
    let made = named(&stage, "accessPackages", "Marketing Campaign Access")?;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["catalogId"], catalog_id);
    assert_eq!(
        named(&stage, "assignmentPolicies", "Marketing Campaign Policy")?.len(),
        1
    );
    // A rule that assigns needs more: it is said, and nothing is sent to be refused.
    let from = mark(&stage);
    let rule = json!({"requestors": null, "approval": null, "expiration": null,
        "automatic": {"rule": "(user.accountEnabled -eq true)"}});
    let by_rule = patched(renamed(policy.clone(), "by-rule", "By rule"), json!({"spec": rule}));
    let said = apply_not_ready(&stage, &by_rule, "NeedsTenantPermission")?;
    assert_eq!(
        said,
        "spec.automatic: assignment by a rule needs more than a role on a catalog, and the application of EntraTenant \"default\" has no more; grant it the application permission EntitlementManagement.ReadWrite.All, or write requestors in place of automatic"
    );
    assert_eq!(writes_since(&stage, from), [""; 0]);
    stage.delete("AssignmentPolicy", "by-rule", Some(NAMESPACE))?;
    stage.wait_gone("AssignmentPolicy", "by-rule", Some(NAMESPACE), SOON)?;
    // And takes them away again.
    for manifest in [&policy, &package] {
        let (kind, name, namespace) = place(manifest);
        stage.delete(kind, name, namespace)?;
        stage.wait_gone(kind, name, namespace, SOON)?;
    }
    assert_eq!(collection(&stage, "accessPackages")?, [json!(null); 0]);
    assert_eq!(named(&stage, "catalogs", "Delegated")?.len(), 1);
    Ok(())
}

#[test]
fn sigterm_during_a_slow_call_ends_the_process_well_within_half_a_minute() -> Result<()> {
    let mut stage = real_stage("a signal ends the process")?;
    apply_ready(&stage, &tenant(&stage))?;
    stage.emulator().set_quirks(&json!({"latency": 8_000}))?;
    stage.apply_object(&catalog())?;
    // The visit has begun when the finalizer is there; from then on it waits for Graph.
    stage.wait_object("Catalog", "marketing", None, "to be visited", SOON, |object| {
        object["metadata"]["finalizers"].is_array()
    })?;
    let operator = stage.real_mut()?.operator()?;
    operator.signal(Signal::Terminate)?;
    let began = Instant::now();
    let ended = stage::wait_for("the operator to end", Duration::from_secs(30), || {
        match operator.must_run() {
            Ok(()) => Err(format!("running after {:?}", began.elapsed())),
            Err(ended) => Ok(ended.to_string()),
        }
    })?;
    assert!(ended.contains("(exit status: 0)"), "{ended}");
    Ok(())
}

#[test]
fn a_storm_of_refusals_is_one_event_and_not_one_a_visit() -> Result<()> {
    let stage = furnished()?;
    let policy = policy();
    // Every answer has a request id of its own, so no two messages are alike.
    stage.emulator().set_quirks(&json!({
        "failNext": {"count": 100_000, "status": 400, "code": "BadRequest", "message": "Not today.", "path": "/assignmentPolicies"},
    }))?;
    let (kind, name, namespace) = place(&policy);
    stage.patch(kind, name, namespace, &json!({"spec": {"description": "Other words"}}))?;
    wait_reason(&stage, &policy, "Ready", "GraphRefused")?;
    wait_event(&stage, &policy, "GraphRefused", "Not today.")?;
    // It tries again by itself: nobody who asked has been answered by a refusal.
    looks(&stage, &["/assignmentPolicies/"], 5)?;
    let events = stage.events(kind, name, namespace)?;
    let told: Vec<&Value> = events
        .iter()
        .filter(|event| event["reason"] == "GraphRefused")
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0]["series"].is_null(), "told once, not counted up: {told:#?}");
    Ok(())
}
