//! What a namespace may and may not do. No grant, no write.

use serde_json::{Value, json};
use stage::{Result, world};

use crate::scene::Stage;
use crate::support::{
    CAMPAIGN, NAMESPACE, SOON, all_ready, apply_not_ready, apply_ready, catalog, catalog_with_limits, collection,
    furnish, furnished, intervals, line, mark, message, namespace, package, patched, place, policy, reason, renamed,
    stage, status_of, tenant, text, visits, wait_reason, writes_since,
};

/// A stage with tenant, namespace, this catalog and this package, all Ready.
fn with_package(catalog: &Value, package: &Value) -> Result<Stage> {
    let stage = stage()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, catalog)?;
    apply_ready(&stage, package)?;
    Ok(stage)
}

fn patch_grants(stage: &Stage, grants: &Value) -> Result<()> {
    let patch = json!({"spec": {"grants": grants}});
    stage.patch("Catalog", "marketing", None, &patch).map(drop)
}

/// Requests since the mark that ask the directory for anything.
fn look_ups_since(stage: &Stage, mark: usize) -> Vec<String> {
    let calls = stage.emulator().graph_calls_since(mark);
    calls
        .iter()
        .map(line)
        .filter(|line| {
            [
                " users",
                " groups",
                " servicePrincipals",
                " directoryObjects",
                " $batch",
                " sites",
            ]
            .iter()
            .any(|part| line.contains(part))
        })
        .collect()
}

/// The message of the first limit that is broken, from Ready.
fn refused(stage: &Stage, manifest: &Value) -> Result<String> {
    let message = apply_not_ready(stage, manifest, "LimitExceeded")?;
    let (kind, name, namespace) = crate::support::place(manifest);
    stage.wait_for("an event of the refusal", SOON, || {
        let events = stage
            .events(kind, name, namespace)
            .map_err(|error| json!(error.to_string()))?;
        let told = events
            .iter()
            .any(|event| event["reason"] == "LimitExceeded" && event["message"] == message);
        if told { Ok(()) } else { Err(json!(events)) }
    })?;
    Ok(message)
}

/// Everything that somebody can read about an object, without times and uids, and with these words hidden.
fn seen(stage: &Stage, kind: &str, name: &str, catalog: &str) -> Result<String> {
    let events = stage.wait_for("an event", SOON, || match stage.events(kind, name, Some("sales")) {
        Ok(events) if !events.is_empty() => Ok(events),
        Ok(_) => Err("none".to_owned()),
        Err(error) => Err(error.to_string()),
    })?;
    let mut object = stage.get(kind, name, Some("sales"))?.unwrap_or_default();
    for condition in object["status"]["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"].take();
    }
    let events: Vec<Value> = events
        .iter()
        .map(|event| json!([event["type"], event["reason"], event["message"], event["action"]]))
        .collect();
    let finalizers = &object["metadata"]["finalizers"];
    let all = json!({"status": object["status"], "events": events, "finalizers": finalizers}).to_string();
    Ok(all.replace(catalog, "CATALOG").replace(name, "NAME"))
}

#[test]
fn a_namespace_without_a_grant_cannot_tell_a_catalog_that_exists_from_one_that_does_not() -> Result<()> {
    let stage = with_package(&catalog(), &package())?;
    stage.apply_object(&namespace("sales"))?;
    let mark = mark(&stage);
    let pair = [("first", "marketing"), ("other", "nonesuch")];
    for (name, catalog) in pair {
        let place = json!({"metadata": {"namespace": "sales"}});
        let package = patched(
            patched(renamed(package(), name, "Sales Access"), place.clone()),
            json!({"spec": {"catalogRef": {"name": catalog}}}),
        );
        let policy = patched(
            patched(renamed(policy(), name, "Sales Policy"), place),
            json!({"spec": {"accessPackageRef": {"name": name}}}),
        );
        assert_eq!(
            apply_not_ready(&stage, &package, "CatalogNotGranted")?,
            format!(
                "spec.catalogRef: no catalog {catalog:?} grants anything to namespace \"sales\"; correct the name, or \
                 ask those who run the catalogs for a grant"
            )
        );
        assert_eq!(
            apply_not_ready(&stage, &policy, "CatalogNotGranted")?,
            format!(
                "spec.accessPackageRef: its spec.catalogRef: no catalog {catalog:?} grants anything to namespace \
                 \"sales\"; correct the name, or ask those who run the catalogs for a grant"
            )
        );
    }
    for kind in ["AccessPackage", "AssignmentPolicy"] {
        let [one, other] = pair.map(|(name, catalog)| seen(&stage, kind, name, catalog));
        assert_eq!(one?, other?, "{kind}");
    }
    assert_eq!(writes_since(&stage, mark), [""; 0]);
    assert_eq!(look_ups_since(&stage, mark), [""; 0]);
    let told = stage.emulator().graph_calls_since(mark);
    assert!(told.iter().all(|call| !call.to_string().contains("Sales")), "{told:#?}");
    Ok(())
}

#[test]
fn each_strict_limit_is_refused_in_words_with_nothing_written() -> Result<()> {
    let stage = with_package(&catalog(), &package())?;
    let from = mark(&stage);
    let stay = "; stay within the limit, or ask those who run the catalog to widen it";
    let policies = [
        (
            json!({"requestors": {"scope": "AllExternalUsers"}}),
            "spec.requestors.scope: grant \"marketing\" allows [SpecificDirectoryUsers, AllMemberUsers] only, not \
             AllExternalUsers (limits.requestorScopes)",
        ),
        (
            json!({"approval": {"stages": null, "notRequired": {}}}),
            "spec.approval: grant \"marketing\" demands at least one approval stage (limits.approval)",
        ),
        (
            json!({"expiration": {"afterDuration": "P366D"}}),
            "spec.expiration.afterDuration: grant \"marketing\" allows at most P365D (limits.maxDuration)",
        ),
        (
            json!({"expiration": {"afterDuration": null, "afterDateTime": "2099-12-31T00:00:00Z"}}),
            "spec.expiration.afterDateTime: grant \"marketing\" allows at most P365D (limits.maxDuration)",
        ),
        (
            json!({"expiration": {"afterDuration": null, "never": {}}}),
            "spec.expiration.never: grant \"marketing\" demands an end, at most P365D after the start \
             (limits.unlimitedDuration)",
        ),
        (
            json!({"adoption": "ByName", "deletionPolicy": "Delete"}),
            "spec.adoption: grant \"marketing\" does not allow taking over objects that exist in Entra already \
             (limits.adoption)",
        ),
        (
            json!({"id": world::ANN_ID, "deletionPolicy": "Delete"}),
            "spec.id: grant \"marketing\" does not allow taking over objects that exist in Entra already \
             (limits.adoption)",
        ),
        (
            json!({"deletionPolicy": "Orphan"}),
            "spec.deletionPolicy: grant \"marketing\" allows [Delete] only, not Orphan (limits.deletion)",
        ),
        (
            json!({"deletionPolicy": "DeleteWithAssignments"}),
            "spec.deletionPolicy: grant \"marketing\" allows [Delete] only, not DeleteWithAssignments \
             (limits.deletion)",
        ),
    ];
    for (index, (patch, expected)) in policies.into_iter().enumerate() {
        let name = format!("policy-{index}");
        let policy = patched(renamed(policy(), &name, &name), json!({"spec": patch}));
        assert_eq!(refused(&stage, &policy)?, format!("{expected}{stay}"));
    }
    let packages = [
        (
            json!({"adoption": "ByName", "deletionPolicy": "Delete"}),
            "spec.adoption: grant \"marketing\" does not allow taking over objects that exist in Entra already \
             (limits.adoption)",
        ),
        (
            json!({"deletionPolicy": "Orphan"}),
            "spec.deletionPolicy: grant \"marketing\" allows [Delete] only, not Orphan (limits.deletion)",
        ),
    ];
    for (index, (patch, expected)) in packages.into_iter().enumerate() {
        let name = format!("package-{index}");
        let package = patched(renamed(package(), &name, &name), json!({"spec": patch}));
        assert_eq!(refused(&stage, &package)?, format!("{expected}{stay}"));
    }
    let roles = json!({"spec": {"resourceRoles": [{"resource": "campaign-group", "role": "Owner"}]}});
    let owner = patched(renamed(package(), "owner", "Owner"), roles);
    assert_eq!(
        apply_not_ready(&stage, &owner, "RoleNotFound")?,
        "spec.resourceRoles[0].role: the catalog offers no role \"Owner\" of resource \"campaign-group\"; it offers \
         \"Member\""
    );
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn to_open_again_what_an_administrator_closed_takes_the_grants_leave() -> Result<()> {
    let stage = with_package(&catalog_with_limits(json!({})), &package())?;
    let from = mark(&stage);
    let eager = |manifest: Value| patched(manifest, json!({"spec": {"driftPolicy": "Correct"}}));
    let expected = "spec.driftPolicy: grant \"marketing\" allows [Cautious, Report] only, not Correct (limits.driftPolicy); \
        stay within the limit, or ask those who run the catalog to widen it";
    assert_eq!(refused(&stage, &eager(policy()))?, expected);
    assert_eq!(refused(&stage, &eager(renamed(package(), "eager", "Eager")))?, expected);
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn nobody_acts_for_others_without_the_grants_leave_not_even_to_give_access_back() -> Result<()> {
    let stage = with_package(&catalog(), &package())?;
    let from = mark(&stage);
    let others = json!({"remove": true, "requestors": [{"targetManager": {"level": 1}}]});
    let giving_back = patched(policy(), json!({"spec": {"requestors": {"onBehalf": others}}}));
    let said = refused(&stage, &giving_back)?;
    assert!(
        said.starts_with(
            "spec.requestors.onBehalf: grant \"marketing\" allows nobody to request for others (limits.onBehalf)"
        ),
        "{said}"
    );
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn a_suspended_grant_stops_at_once_and_what_was_made_stays() -> Result<()> {
    let stage = with_package(&catalog(), &package())?;
    apply_ready(&stage, &policy())?;
    let grant = |suspended: bool| {
        let mut grants = catalog_with_limits(json!({}))["spec"]["grants"].clone();
        grants[0]["suspended"] = suspended.into();
        grants
    };
    patch_grants(&stage, &grant(true))?;
    let from = mark(&stage);
    let reworded = |manifest: Value| patched(manifest, json!({"spec": {"description": "Other words"}}));
    for (manifest, field) in [(package(), "spec.catalogRef"), (policy(), "spec.accessPackageRef")] {
        let said = refused(&stage, &reworded(manifest))?;
        assert!(said.starts_with(field), "{said}");
    }
    let said = refused(&stage, &reworded(package()))?;
    assert!(
        said.contains("grant \"marketing\" is suspended (grants[].suspended)"),
        "{said}"
    );
    intervals(&stage, 1)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    assert_eq!(collection(&stage, "assignmentPolicies")?.len(), 1);
    patch_grants(&stage, &grant(false))?;
    for manifest in [package(), policy()] {
        let (kind, name, namespace) = place(&manifest);
        stage.wait_ready(kind, name, namespace, SOON)?;
    }
    Ok(())
}

#[test]
fn each_written_limit_is_refused_in_words_with_nothing_written() -> Result<()> {
    let limits = json!({
        "requestorScopes": ["SpecificDirectoryUsers"], "maxDuration": "P30D", "references": "IdsOnly",
        "unlimitedDuration": "Allowed", "approval": "Optional",
    });
    let group_only = json!({"spec": {"resourceRoles": [{"resource": "campaign-group", "role": "Member"}]}});
    let mut catalog = catalog_with_limits(limits);
    catalog["spec"]["grants"][0]["resources"] = json!(["campaign-group"]);
    let stage = with_package(&catalog, &patched(package(), group_only))?;
    let from = mark(&stage);
    let stay = "; stay within the limit, or ask those who run the catalog to widen it";
    let group = json!([{"group": {"id": world::AUDITORS_GROUP_ID}}]);
    let bob = json!([{"approvers": [{"user": {"id": world::BOB_ID}}]}]);
    let thirty_days = json!({"afterDuration": "P30D"});
    let named = json!([{"group": {"displayName": "Auditors"}}]);
    let within = json!({
        "requestors": {"scope": "SpecificDirectoryUsers", "targets": group}, "approval": {"stages": bob},
        "expiration": thirty_days,
    });
    let cases = [
        (
            json!({"requestors": {"scope": "AllMemberUsers", "targets": null}}),
            "spec.requestors.scope: grant \"marketing\" allows [SpecificDirectoryUsers] only, not AllMemberUsers \
             (limits.requestorScopes)",
        ),
        (
            json!({"expiration": {"afterDuration": "P31D"}}),
            "spec.expiration.afterDuration: grant \"marketing\" allows at most P30D (limits.maxDuration)",
        ),
        (
            json!({"requestors": {"targets": named}}),
            "spec.requestors.targets[0].group: grant \"marketing\" allows users, groups and service principals by id only \
             (limits.references)",
        ),
        (
            json!({"approval": {"stages": [{"approvers": [{"user": {"mail": "bob@contoso.com"}}]}]}}),
            "spec.approval.stages[0].approvers[0].user: grant \"marketing\" allows users, groups and service principals \
             by id only (limits.references)",
        ),
    ];
    for (index, (patch, expected)) in cases.into_iter().enumerate() {
        let name = format!("policy-{index}");
        let inside = patched(renamed(policy(), &name, &name), json!({"spec": within}));
        let policy = patched(inside, json!({"spec": patch}));
        assert_eq!(refused(&stage, &policy)?, format!("{expected}{stay}"));
    }
    assert_eq!(
        refused(&stage, &renamed(package(), "crm", "CRM"))?,
        format!(
            "spec.resourceRoles[1].resource: \"crm\" is not among the resources that grant \"marketing\" allows{stay}"
        )
    );
    assert_eq!(writes_since(&stage, from), [""; 0]);
    assert_eq!(look_ups_since(&stage, from), [""; 0]);
    // By ids alone it is made, and still nobody is looked up.
    apply_ready(&stage, &patched(policy(), json!({"spec": within})))?;
    assert_eq!(writes_since(&stage, from), ["POST assignmentPolicies"]);
    assert_eq!(look_ups_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn a_limit_that_is_tightened_stops_every_write_and_loosening_it_heals() -> Result<()> {
    let stage = furnished()?;
    let grant = |limits: Value| catalog_with_limits(limits)["spec"]["grants"].clone();
    patch_grants(&stage, &grant(json!({"maxDuration": "P30D"})))?;
    let breach = "spec.expiration.afterDuration: grant \"marketing\" allows at most P30D (limits.maxDuration); stay \
                  within the limit, or ask those who run the catalog to widen it";
    assert_eq!(
        message(&wait_reason(&stage, &policy(), "Ready", "LimitExceeded")?, "Ready"),
        breach
    );
    assert_eq!(
        message(&wait_reason(&stage, &package(), "Ready", "LimitExceeded")?, "Ready"),
        format!("AssignmentPolicy \"campaign\" of this package: {breach}")
    );
    let from = mark(&stage);
    let changed = json!({"spec": {"description": "changed under a tighter limit"}});
    for manifest in [package(), policy()] {
        let (kind, name, namespace) = crate::support::place(&manifest);
        stage.patch(kind, name, namespace, &changed)?;
        let object = wait_reason(&stage, &manifest, "Ready", "LimitExceeded")?;
        assert_eq!(
            (status_of(&object, "Ready").as_str(), reason(&object, "Synced").as_str()),
            ("False", "LimitExceeded")
        );
        visits(&stage, &manifest, 2)?;
    }
    assert_eq!(writes_since(&stage, from), [""; 0]);
    patch_grants(&stage, &grant(json!({"maxDuration": "P90D"})))?;
    all_ready(&stage)?;
    for collection_name in ["accessPackages", "assignmentPolicies"] {
        let made = collection(&stage, collection_name)?;
        assert_eq!(made.len(), 1, "{made:#?}");
        assert_eq!(made[0]["description"], "changed under a tighter limit");
    }
    Ok(())
}

#[test]
fn what_was_made_can_still_be_deleted_after_the_grant_was_withdrawn() -> Result<()> {
    let stage = furnished()?;
    patch_grants(&stage, &json!([]))?;
    wait_reason(&stage, &package(), "Ready", "CatalogNotGranted")?;
    wait_reason(&stage, &policy(), "Ready", "CatalogNotGranted")?;
    stage.delete("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(collection(&stage, "assignmentPolicies")?, [json!(null); 0]);
    stage.delete("AccessPackage", CAMPAIGN, Some(NAMESPACE))?;
    stage.wait_gone("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(collection(&stage, "accessPackages")?, [json!(null); 0]);
    Ok(())
}

#[test]
fn a_grant_by_label_follows_the_labels_of_the_namespace() -> Result<()> {
    let stage = stage()?;
    let grants = json!([{"name": "teams", "namespaces": {"selector": {"matchLabels": {"team": "marketing"}}},
        "limits": {}}]);
    let catalog = patched(catalog(), json!({"spec": {"grants": grants}}));
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, &catalog)?;
    let from = mark(&stage);
    apply_not_ready(&stage, &package(), "CatalogNotGranted")?;
    apply_not_ready(&stage, &policy(), "CatalogNotGranted")?;
    assert_eq!(writes_since(&stage, from), [""; 0]);

    let labelled = |team: Value| {
        let labels = json!({"metadata": {"labels": {"team": team}}});
        stage.patch("Namespace", NAMESPACE, None, &labels)
    };
    labelled(json!("marketing"))?;
    all_ready(&stage)?;

    labelled(Value::Null)?;
    wait_reason(&stage, &package(), "Ready", "CatalogNotGranted")?;
    wait_reason(&stage, &policy(), "Ready", "CatalogNotGranted")?;
    let from = mark(&stage);
    for manifest in [package(), policy()] {
        let (kind, name, namespace) = crate::support::place(&manifest);
        stage.patch(
            kind,
            name,
            namespace,
            &json!({"spec": {"description": "changed without a grant"}}),
        )?;
        wait_reason(&stage, &manifest, "Ready", "CatalogNotGranted")?;
    }
    assert_eq!(writes_since(&stage, from), [""; 0]);
    Ok(())
}

#[test]
fn a_lenient_grant_for_one_resource_opens_no_door_to_another() -> Result<()> {
    let names = json!({"names": [NAMESPACE]});
    let grants = json!([
        {"name": "harmless", "namespaces": names, "resources": ["campaign-group"], "limits": {"approval": "Optional"}},
        {"name": "everything", "namespaces": names, "limits": {}},
    ]);
    let group = json!({"resource": "campaign-group", "role": "Member"});
    let harmless = patched(package(), json!({"spec": {"resourceRoles": [group]}}));
    let stage = with_package(&patched(catalog(), json!({"spec": {"grants": grants}})), &harmless)?;
    let without_approval = patched(
        policy(),
        json!({"spec": {"approval": {"stages": null, "notRequired": {}}}}),
    );
    apply_ready(&stage, &without_approval)?;
    let from = mark(&stage);
    assert_eq!(
        refused(&stage, &package())?,
        "AssignmentPolicy \"campaign\" of this package: spec.approval: grant \"everything\" demands at least one \
         approval stage (limits.approval); grant \"harmless\" would allow that, but not role \"Reader\" of \"crm\"; stay \
         within the limit, or ask those who run the catalog to widen it"
    );
    visits(&stage, &package(), 1)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    assert_eq!(collection(&stage, "resourceRoleScopes")?.len(), 1);
    // With an approver the same addition is within the strict grant.
    apply_ready(&stage, &policy())?;
    stage.wait_ready("AccessPackage", CAMPAIGN, Some(NAMESPACE), SOON)?;
    assert_eq!(collection(&stage, "resourceRoleScopes")?.len(), 2);
    Ok(())
}

#[test]
fn a_second_tenant_gets_nothing_of_the_first() -> Result<()> {
    let stage = stage()?;
    furnish(&stage)?;
    let other = patched(
        tenant(&stage),
        json!({"metadata": {"name": "other"}, "spec": {"tenantId": "99999999-9999-4999-8999-999999999999"}}),
    );
    let said = apply_not_ready(&stage, &other, "TokenRefused")?;
    assert!(
        said.contains("AADSTS90002") && said.contains("tenantId or cloud is wrong, and neither can be changed"),
        "{said}"
    );
    let from = mark(&stage);
    let elsewhere = patched(
        renamed(catalog(), "elsewhere", "Elsewhere"),
        json!({"spec": {"tenantRef": {"name": "other"}}}),
    );
    apply_not_ready(&stage, &elsewhere, "TenantNotReady")?;
    all_ready(&stage)?;
    assert_eq!(writes_since(&stage, from), [""; 0]);
    let names = collection(&stage, "catalogs")?;
    assert!(
        names.iter().all(|catalog| text(&catalog["displayName"]) != "Elsewhere"),
        "{names:#?}"
    );
    Ok(())
}
