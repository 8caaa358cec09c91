//! The exact text that people see when something is wrong, and that each thing heals once its cause is mended.
//!
//! Only the ids that Graph gives to requests are hidden: they differ from one to the next.

use serde_json::{Value, json};
use stage::{OPERATOR_NAMESPACE, Result, SECRET_NAME, world};

use crate::scene::Stage;
use crate::support::{
    CAMPAIGN, DRIFT_INTERVAL, NAMESPACE, SOON, all_ready, apply_ready, builder, catalog, condition, furnish, mark,
    message, namespace, now, package, patched, place, policy, real_stage, reason, renamed, stage, status_of, tenant,
    visit, wait_reason, writes_since,
};

const READY: &str = "jsonpath={range .status.conditions[?(@.type==\"Ready\")]}{.status} {.reason}: {.message}{end}";

/// The text without what differs from request to request.
fn without_ids(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("[request-id ") {
        plain.push_str(before);
        plain.push_str("[request-id …]");
        rest = after.split_once(']').map_or("", |(_, after)| after);
    }
    plain + rest
}

/// What `kubectl get` shows of Ready.
fn shown(stage: &Stage, manifest: &Value) -> Result<String> {
    let Ok(real) = stage.real() else {
        let object = now(stage, manifest)?;
        let (status, reason, message) = (
            status_of(&object, "Ready"),
            reason(&object, "Ready"),
            message(&object, "Ready"),
        );
        return Ok(without_ids(&format!("{status} {reason}: {message}")));
    };
    let (kind, name, namespace) = place(manifest);
    let mut arguments = vec!["get", kind, name, "-o", READY];
    arguments.extend(namespace.map(|_| "-n"));
    arguments.extend(namespace);
    real.kubectl(&arguments).map(|text| without_ids(&text))
}

/// Waits until `kubectl get` shows this of Ready, and a warning with the same words was published.
fn says(stage: &Stage, manifest: &Value, reason: &str, message: &str) -> Result<()> {
    wait_reason(stage, manifest, "Ready", reason)?;
    assert_eq!(shown(stage, manifest)?, format!("False {reason}: {message}"));
    let (kind, name, namespace) = place(manifest);
    stage.wait_for(&format!("the event {reason} of {kind} {name}"), SOON, || {
        let events = stage
            .events(kind, name, namespace)
            .map_err(|error| json!(error.to_string()))?;
        let told = events.iter().any(|event| {
            let words = event["message"].as_str().unwrap_or_default();
            event["type"] == "Warning" && event["reason"] == reason && message.starts_with(&without_ids(words))
        });
        if told { Ok(()) } else { Err(json!(events)) }
    })
}

/// Applies the manifest; the rest as [`says`].
fn answers(stage: &Stage, manifest: &Value, reason: &str, message: &str) -> Result<()> {
    stage.apply_object(manifest)?;
    says(stage, manifest, reason, message)
}

fn heals(stage: &Stage, manifest: &Value) -> Result<()> {
    let (kind, name, namespace) = place(manifest);
    stage.wait_ready(kind, name, namespace, SOON).map(drop)
}

fn secret(name: &str, key: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": OPERATOR_NAMESPACE},
        "stringData": {key: value},
    })
}

/// An EntraTenant that signs in with the secret of the same name.
fn tenant_with(stage: &Stage, name: &str, client_id: &str) -> Value {
    let credentials = json!({"clientSecret": {
        "clientId": client_id, "secretRef": {"name": name, "key": "clientSecret"},
    }});
    patched(
        tenant(stage),
        json!({"metadata": {"name": name}, "spec": {"credentials": credentials}}),
    )
}

fn furnished_with(catalog: &Value) -> Result<Stage> {
    let stage = stage()?;
    stage.apply_object(&tenant(&stage))?;
    stage.apply_object(&namespace(NAMESPACE))?;
    apply_ready(&stage, catalog)?;
    Ok(stage)
}

#[test]
fn credentials_that_do_not_serve_are_told_apart_and_heal_with_the_secret() -> Result<()> {
    let stage = real_stage("kubectl shows the words")?;
    stage.apply_object(&secret("wrong-secret", "clientSecret", "not-the-secret"))?;
    stage.apply_object(&secret("unknown-client", "clientSecret", world::CLIENT_SECRET))?;
    stage.apply_object(&secret("other-key", "password", world::CLIENT_SECRET))?;
    let wrong = tenant_with(&stage, "wrong-secret", world::CLIENT_ID);
    let unknown = tenant_with(&stage, "unknown-client", "99999999-9999-4999-8999-999999999999");
    let keyless = tenant_with(&stage, "other-key", world::CLIENT_ID);
    let secretless = tenant_with(&stage, "no-secret", world::CLIENT_ID);
    answers(
        &stage,
        &wrong,
        "TokenRefused",
        "spec.credentials: the token endpoint refuses the application (AADSTS7000215): Invalid client secret provided. \
         Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret \
         added to app '5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11'; put the secret's value, not its id, into the Secret",
    )?;
    answers(
        &stage,
        &unknown,
        "TokenRefused",
        "spec.credentials: the token endpoint refuses the application (AADSTS700016): Application with identifier \
         '99999999-9999-4999-8999-999999999999' was not found in the directory 'contoso.com'; correct clientId, or \
         register the application in tenant 11111111-1111-4111-8111-111111111111",
    )?;
    answers(
        &stage,
        &keyless,
        "CredentialsMissing",
        "spec.credentials.clientSecret.secretRef: Secret entra-access-operator/other-key has no key \"clientSecret\"; \
         add it, or name another key",
    )?;
    answers(
        &stage,
        &secretless,
        "CredentialsMissing",
        "spec.credentials.clientSecret.secretRef: no Secret \"no-secret\" in namespace entra-access-operator, where \
         the operator runs; create it there",
    )?;
    for name in ["wrong-secret", "other-key", "no-secret"] {
        stage.apply_object(&secret(name, "clientSecret", world::CLIENT_SECRET))?;
    }
    for manifest in [&wrong, &keyless, &secretless] {
        heals(&stage, manifest)?;
    }
    // Somebody registers the application: here, the EntraTenant names the right one.
    stage.apply_object(&tenant_with(&stage, "unknown-client", world::CLIENT_ID))?;
    heals(&stage, &unknown)
}

#[test]
fn a_secret_that_was_exchanged_is_noticed_without_a_restart() -> Result<()> {
    let stage = stage()?;
    let tenant = apply_ready(&stage, &tenant(&stage))?;
    stage.apply_object(&secret(SECRET_NAME, "clientSecret", "expired"))?;
    wait_reason(&stage, &tenant, "Ready", "TokenRefused")?;
    stage.apply_object(&secret(SECRET_NAME, "clientSecret", world::CLIENT_SECRET))?;
    heals(&stage, &tenant)
}

#[test]
fn a_missing_consent_names_the_permission_and_heals_by_a_role_on_a_catalog() -> Result<()> {
    let stage = stage()?;
    stage.apply_object(&secret("delegate", "clientSecret", world::DELEGATE_CLIENT_SECRET))?;
    let delegate = tenant_with(&stage, "delegate", world::DELEGATE_CLIENT_ID);
    answers(
        &stage,
        &delegate,
        "ConsentMissing",
        "the application lacks EntitlementManagement.ReadWrite.All: its token holds none at all; add it to the app \
         registration as an application permission and grant admin consent (Entra admin center, App registrations, API \
         permissions), or give the application a role on the catalogs",
    )?;
    // The application has its role as soon as there is a catalog of this name.
    apply_ready(&stage, &tenant(&stage))?;
    apply_ready(&stage, &renamed(catalog(), "delegated", "Delegated"))?;
    heals(&stage, &delegate)?;
    assert_eq!(
        shown(&stage, &delegate)?,
        "True ConnectedByCatalogRoles: connected to tenant 11111111-1111-4111-8111-111111111111 by its roles on one catalog; \
         creating catalogs and looking up names need application permissions"
    );
    Ok(())
}

#[test]
fn an_application_that_may_read_everything_has_no_roles_on_catalogs_by_that() -> Result<()> {
    let stage = stage()?;
    stage.apply_object(&secret("delegate", "clientSecret", world::DELEGATE_CLIENT_SECRET))?;
    let reads = json!({"appPermissions": ["EntitlementManagement.Read.All"]});
    stage
        .emulator()
        .patch_state("applications", world::DELEGATE_CLIENT_ID, &reads)?;
    let delegate = tenant_with(&stage, "delegate", world::DELEGATE_CLIENT_ID);
    answers(
        &stage,
        &delegate,
        "ConsentMissing",
        "the application lacks EntitlementManagement.ReadWrite.All: its token holds only EntitlementManagement.Read.All; add \
         it to the app registration as an application permission and grant admin consent (Entra admin center, App \
         registrations, API permissions), or give the application a role on the catalogs",
    )?;
    apply_ready(&stage, &tenant(&stage))?;
    apply_ready(&stage, &renamed(catalog(), "delegated", "Delegated"))?;
    heals(&stage, &delegate)?;
    assert!(shown(&stage, &delegate)?.contains("by its roles on one catalog"));
    Ok(())
}

#[test]
fn a_missing_licence_is_named() -> Result<()> {
    let unlicensed = world::WORLD.replace("licences: [EntraIdGovernance]", "licences: []");
    let stage = builder().world(&unlicensed).start()?;
    answers(
        &stage,
        &tenant(&stage),
        "NotLicensed",
        "the token holds EntitlementManagement.ReadWrite.All, but entitlement management refuses us: catalogs.list: HTTP \
         403 StandIn_TenantNotLicensed: The tenant has no licence for this feature: Microsoft Entra ID P2 or Microsoft \
         Entra ID Governance is required. (needs EntitlementManagement.Read.All); check that tenant \
         11111111-1111-4111-8111-111111111111 has a licence for Microsoft Entra ID P2 or Microsoft Entra ID Governance \
         [request-id …]",
    )
}

#[test]
fn a_graph_that_is_down_is_named_and_heals() -> Result<()> {
    let outage = json!({"failNext": {"count": 100_000, "status": 503, "code": "UnknownError", "message": "Down."}});
    let stage = builder().quirks(outage).start()?;
    let tenant = tenant(&stage);
    answers(
        &stage,
        &tenant,
        "GraphUnavailable",
        "Microsoft Graph is away: HTTP 503 UnknownError: Down. [request-id …]",
    )?;
    stage.emulator().set_quirks(&json!({}))?;
    heals(&stage, &tenant)?;
    assert_eq!(
        shown(&stage, &tenant)?,
        "True Connected: connected to tenant 11111111-1111-4111-8111-111111111111 with Application.ReadWrite.All, \
         EntitlementManagement.ReadWrite.All, Group.ReadWrite.All, GroupMember.Read.All, Sites.FullControl.All, \
         User.Read.All"
    );
    Ok(())
}

#[test]
fn a_token_endpoint_that_fails_is_named_and_heals() -> Result<()> {
    let outage = json!({"failNext": {"count": 100_000, "status": 503, "path": "/oauth2/"}});
    let stage = builder().quirks(outage).start()?;
    let tenant = tenant(&stage);
    answers(
        &stage,
        &tenant,
        "Unreachable",
        "token: token authority unreachable AADSTS90033: A transient error has occurred; check the network and the proxy \
         settings of the operator",
    )?;
    stage.emulator().set_quirks(&json!({}))?;
    heals(&stage, &tenant)
}

#[test]
fn an_approver_who_does_not_exist_is_named_and_heals_when_the_user_appears() -> Result<()> {
    let stage = furnished_with(&catalog())?;
    apply_ready(&stage, &package())?;
    let erin = json!({"stages": [{"approvers": [{"user": {"userPrincipalName": "erin@contoso.com"}}]}]});
    let policy = patched(policy(), json!({"spec": {"approval": erin}}));
    answers(
        &stage,
        &policy,
        "ReferenceNotFound",
        "spec.approval.stages[0].approvers[0].user: no user with userPrincipalName \"erin@contoso.com\" in tenant \
         contoso.com; correct the userPrincipalName or create the user",
    )?;
    let renamed = json!({"userPrincipalName": "erin@contoso.com"});
    stage.emulator().patch_state("users", world::DAVE_ID, &renamed)?;
    heals(&stage, &policy)?;
    let made = stage.emulator().collection("assignmentPolicies")?;
    assert!(
        made.len() == 1 && made[0].to_string().contains(world::DAVE_ID),
        "{made:#?}"
    );
    Ok(())
}

#[test]
fn a_name_that_two_groups_have_is_refused_with_both_ids_and_heals_when_one_is_renamed() -> Result<()> {
    let stage = furnished_with(&catalog())?;
    apply_ready(&stage, &package())?;
    let twice = json!({"scope": "SpecificDirectoryUsers", "targets": [{"group": {"displayName": "Duplicated Team"}}]});
    let policy = patched(policy(), json!({"spec": {"requestors": twice}}));
    answers(
        &stage,
        &policy,
        "ReferenceAmbiguous",
        "spec.requestors.targets[0].group: 2 groups have the displayName \"Duplicated Team\" in tenant contoso.com: \
         1393f2ae-c052-446e-83b5-aacbca4ba416, 24a4a3bf-d163-457f-94c6-bbdcdb5cb527; name the one you mean by id",
    )?;
    let renamed = json!({"displayName": "Another Team"});
    stage
        .emulator()
        .patch_state("groups", "1393f2ae-c052-446e-83b5-aacbca4ba416", &renamed)?;
    heals(&stage, &policy)
}

#[test]
fn application_roles_that_do_not_exist_or_are_ambiguous_are_refused_with_what_there_is() -> Result<()> {
    let stage = stage()?;
    stage.apply_object(&tenant(&stage))?;
    let with_roles = |name: &str, roles: Value| {
        let crm = json!([{"name": "crm", "application": {"appId": world::CRM_APP_ID}, "roles": roles}]);
        patched(renamed(catalog(), name, name), json!({"spec": {"resources": crm}}))
    };
    let unknown = with_roles("unknown", json!(["Admin"]));
    let ambiguous = with_roles("ambiguous", json!(["Exporter"]));
    answers(
        &stage,
        &unknown,
        "RoleNotFound",
        "spec.resources[0].roles: the resource has no role \"Admin\"; it has \"Exporter.Contacts (Exporter)\", \
         \"Exporter.Deals (Exporter)\", \"Reader\", \"Writer\"",
    )?;
    answers(
        &stage,
        &ambiguous,
        "RoleAmbiguous",
        "spec.resources[0].roles: \"Exporter\" stands for several roles: Exporter.Contacts (Exporter) \
         (9b1b1a26-48da-4ce6-9b3b-c2e3e2c3c29e), Exporter.Deals (Exporter) (ac2c2b37-59eb-4df7-ac4c-d3f4f3d4d3af); use \
         the role's value",
    )?;
    stage.apply_object(&with_roles("unknown", json!(["Reader"])))?;
    stage.apply_object(&with_roles("ambiguous", json!(["Exporter.Deals"])))?;
    heals(&stage, &unknown)?;
    heals(&stage, &ambiguous)
}

#[test]
fn a_synced_group_is_refused_and_heals_when_it_is_a_cloud_group() -> Result<()> {
    let stage = stage()?;
    stage.apply_object(&tenant(&stage))?;
    let synced = json!([{"name": "staff", "group": {"displayName": "Synced Staff"}}]);
    let catalog = patched(catalog(), json!({"spec": {"resources": synced}}));
    answers(
        &stage,
        &catalog,
        "ResourceUnsuitable",
        "spec.resources[0].group: the group 57d7d6e2-0496-48a2-87f9-eeafae8fe85a is synchronized from on-premises \
         Active Directory, so Entra cannot change its members; use a cloud group",
    )?;
    let cloud = json!({"onPremisesSyncEnabled": null});
    stage
        .emulator()
        .patch_state("groups", "57d7d6e2-0496-48a2-87f9-eeafae8fe85a", &cloud)?;
    heals(&stage, &catalog)
}

#[test]
fn a_resource_that_we_may_not_add_names_the_permission_and_is_not_tried_without_end() -> Result<()> {
    let without = world::WORLD.replacen("  - Group.ReadWrite.All\n", "", 1);
    let stage = builder().world(&without).start()?;
    stage.apply_object(&tenant(&stage))?;
    let group = json!([{"name": "auditors", "group": {"displayName": "Auditors"}}]);
    let catalog = patched(catalog(), json!({"spec": {"resources": group}}));
    answers(
        &stage,
        &catalog,
        "NeedsTenantPermission",
        "resource auditors: bringing it into the catalog needs the application permission Group.ReadWrite.All (or make \
         the application an owner of the group); grant it, or let an administrator add the resource: \
         resourceRequests.add: HTTP 400 CallerNotResourceOwner: The caller is not the resource owner. [request-id …]",
    )?;
    let tries = || {
        let writes = writes_since(&stage, 0);
        writes.iter().filter(|line| line.ends_with("resourceRequests")).count()
    };
    // One try each time that it is compared, and no try that another one causes.
    let (before, from) = (tries(), mark(&stage));
    stage.pass(3 * DRIFT_INTERVAL)?;
    let more = tries() - before;
    assert!(
        more <= 6,
        "{more} tries in three intervals: {:#?}",
        writes_since(&stage, from)
    );
    // An administrator makes the application an owner of the group, or brings the group in; here, the role is dropped.
    stage.apply_object(&patched(catalog, json!({"spec": {"resources": []}})))?;
    heals(&stage, &self::catalog())
}

#[test]
fn what_a_package_or_a_policy_points_at_in_vain_is_named_and_heals_when_it_is_there() -> Result<()> {
    let group_only = json!([{"name": "campaign-group", "group": {"displayName": "Marketing Campaign"}}]);
    let stage = furnished_with(&patched(catalog(), json!({"spec": {"resources": group_only}})))?;
    let orphan = patched(
        renamed(policy(), "orphan", "Orphan"),
        json!({"spec": {"accessPackageRef": {"name": "nonesuch"}}}),
    );
    answers(
        &stage,
        &orphan,
        "AccessPackageNotFound",
        "spec.accessPackageRef: no AccessPackage \"nonesuch\" in namespace \"marketing\"; create it, or correct the name",
    )?;
    answers(
        &stage,
        &package(),
        "ResourceNotInCatalog",
        "spec.resourceRoles[1].resource: catalog \"marketing\" has no resource \"crm\"; it has campaign-group; correct \
         the name, or ask those who run the catalog to add it",
    )?;
    let ungranted = patched(
        renamed(package(), "nonesuch", "Nonesuch"),
        json!({"spec": {"catalogRef": {"name": "finance"}}}),
    );
    answers(
        &stage,
        &ungranted,
        "CatalogNotGranted",
        "spec.catalogRef: no catalog \"finance\" grants anything to namespace \"marketing\"; correct the name, or ask \
         those who run the catalogs for a grant",
    )?;
    says(
        &stage,
        &orphan,
        "CatalogNotGranted",
        "spec.accessPackageRef: its spec.catalogRef: no catalog \"finance\" grants anything to namespace \"marketing\"; \
         correct the name, or ask those who run the catalogs for a grant",
    )?;
    apply_ready(&stage, &catalog())?;
    heals(&stage, &package())?;
    apply_ready(&stage, &renamed(catalog(), "finance", "Finance"))?;
    heals(&stage, &ungranted)?;
    heals(&stage, &orphan)
}

#[test]
fn a_manifest_that_cannot_be_meant_is_refused_at_apply() -> Result<()> {
    let stage = builder()
        .real_with(
            "it is kubectl that shows the words",
            stage::StageBuilder::without_operator,
        )
        .start()?;
    stage.apply_object(&namespace(NAMESPACE))?;
    let cases = [
        (
            json!({"requestors": {"scope": "Everybody"}}),
            "\n* spec.requestors.scope: Unsupported value: \"Everybody\": supported values: \"None\", \
             \"SpecificDirectoryUsers\", \"SpecificDirectoryServicePrincipals\", \
             \"SpecificConnectedOrganizationUsers\", \"AllMemberUsers\", \"AllDirectoryUsers\", \"AllDirectoryServicePrincipals\", \"AllDirectoryAgentIdentities\", \
             \"AllConfiguredConnectedOrganizationUsers\", \"AllExternalUsers\"\n\
             * <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; \
             correct the existing errors to complete validation",
        ),
        (
            json!({"expiration": {"afterDuration": "90D"}}),
            "spec.expiration.afterDuration: Invalid value: \"90D\": must be an ISO 8601 duration of days and hours: P90D \
             is ninety days, PT8H eight hours",
        ),
        (
            json!({"approval": null}),
            "spec.approval: Required value: say who approves, for example approval: {stages: [{approvers: [{user: \
             {userPrincipalName: bob@contoso.com}}]}]}; where nobody needs to, write approval: {notRequired: {}}",
        ),
        (
            json!({"approval": {"stages": []}}),
            "spec.approval.stages: Invalid value: at least one stage is needed, for example stages: [{approvers: [{user: \
             {userPrincipalName: bob@contoso.com}}]}]; for requests without approval write approval: {notRequired: {}}",
        ),
        (
            json!({"approval": {"stages": [{"approvers": [
                {"user": {"id": world::BOB_ID, "userPrincipalName": "bob@contoso.com"}},
            ]}]}}),
            "spec.approval.stages[0].approvers[0].user: Invalid value: id, userPrincipalName and mail exclude each \
             other: keep one",
        ),
        (
            json!({"expiration": {"afterDuration": "P90D", "never": {}}}),
            "spec.expiration: Invalid value: never, afterDateTime and afterDuration exclude each other: keep one",
        ),
    ];
    for (patch, expected) in cases {
        let policy = patched(policy(), json!({"spec": patch}));
        assert_eq!(
            stage.real()?.apply_refused(&policy.to_string())?,
            format!("The AssignmentPolicy \"campaign\" is invalid: {expected}\n")
        );
    }
    assert_eq!(stage.get("AssignmentPolicy", CAMPAIGN, Some(NAMESPACE))?, None);
    Ok(())
}

#[test]
fn no_secret_and_no_token_shows_anywhere() -> Result<()> {
    let wrong = "a-secret-that-is-not-accepted";
    let stage = builder()
        .real("its log is read, and what the API server keeps")
        .log_level("trace")
        .start()?;
    stage.apply_object(&secret("wrong-secret", "clientSecret", wrong))?;
    let refused = tenant_with(&stage, "wrong-secret", world::CLIENT_ID);
    stage.apply_object(&refused)?;
    wait_reason(&stage, &refused, "Ready", "TokenRefused")?;
    furnish(&stage)?;
    // A token that Graph refuses is asked for again, and an outage is told in many words.
    let refusals = json!({"failNext": {"count": 3, "status": 401, "code": "InvalidAuthenticationToken"}});
    stage.emulator().set_quirks(&refusals)?;
    stage.wait_for("the refusals to be used up", SOON, || {
        let answers = stage.emulator().requests();
        let count = answers.iter().filter(|request| request["status"] == 401).count();
        if count >= 3 { Ok(()) } else { Err(count) }
    })?;
    all_ready(&stage)?;

    let mut places = vec![("the log".to_owned(), stage.log())];
    for request in stage.emulator().requests() {
        places.push(("a request".to_owned(), request.to_string()));
    }
    for kind in [
        "EntraTenant",
        "Catalog",
        "AccessPackage",
        "AssignmentPolicy",
        "Event",
        "ConfigMap",
        "Lease",
    ] {
        for object in stage.list(kind, None)? {
            places.push((format!("a {kind}"), object.to_string()));
        }
    }
    // Both secrets, plain and as a Secret's data, and what every token begins with.
    let hidden = [
        world::CLIENT_SECRET,
        wrong,
        "c3RhZ2UtY2xpZW50LXNlY3JldA",
        "YS1zZWNyZXQtdGhhdC1pcy1ub3QtYWNjZXB0ZWQ",
        "eyJ",
    ];
    for (place, text) in places {
        for word in hidden {
            let at = text.find(word);
            assert!(
                at.is_none(),
                "{place} shows {word}: {:?}",
                at.map(|at| text.get(at.saturating_sub(200)..at))
            );
        }
    }
    Ok(())
}

#[test]
fn a_tenant_tells_that_nothing_keeps_others_from_writing_status() -> Result<()> {
    let stage = stage()?;
    let object = apply_ready(&stage, &tenant(&stage))?;
    let said = condition(&object, "Healthy");
    assert_eq!(
        said,
        "AdmissionPolicyMissing/ValidatingAdmissionPolicy \"entra-access-operator\" does not exist; whoever may write status can \
         make the operator change objects of Entra that are not theirs: install the chart with admissionPolicy.enabled, or name \
         a policy that says the same with --admission-policy"
    );
    stage.apply(POLICY)?;
    let not_bound = visit(&stage, &tenant(&stage), "policy")?;
    assert!(
        condition(&not_bound, "Healthy").contains("is not bound"),
        "{not_bound:#}"
    );
    stage.apply(BINDING)?;
    let little = visit(&stage, &tenant(&stage), "binding")?;
    assert!(
        condition(&little, "Healthy").contains("does not cover entratenants (matchConstraints)"),
        "{little:#}"
    );
    Ok(())
}

#[test]
fn a_tenant_that_requires_the_admission_policy_writes_nothing_while_it_is_not_in_force() -> Result<()> {
    let requires = |stage: &Stage| patched(tenant(stage), json!({"spec": {"requireAdmissionPolicy": true}}));
    let stage = stage()?;
    stage.apply_object(&requires(&stage))?;
    let said = condition(
        &wait_reason(&stage, &tenant(&stage), "Ready", "AdmissionPolicyMissing")?,
        "Ready",
    );
    assert!(
        said.contains(
            "spec.requireAdmissionPolicy: ValidatingAdmissionPolicy \"entra-access-operator\" does not exist"
        ),
        "{said}"
    );
    let from = mark(&stage);
    stage.apply_object(&catalog())?;
    wait_reason(&stage, &catalog(), "Ready", "TenantNotReady")?;
    assert_eq!(writes_since(&stage, from), Vec::<String>::new());

    let policed = builder().admission_policy().start()?;
    let object = apply_ready(&policed, &requires(&policed))?;
    assert_eq!(status_of(&object, "Healthy"), "True", "{object:#}");
    Ok(())
}

const POLICY: &str = r#"
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: entra-access-operator}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [access.entra-operator.io], apiVersions: ["*"], operations: [UPDATE], resources: ["*/status"]}]
  validations: [{expression: "request.userInfo.username.contains('entra-access-operator')"}]
"#;
const BINDING: &str = r#"
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: entra-access-operator}
spec: {policyName: entra-access-operator, validationActions: [Deny]}
"#;
