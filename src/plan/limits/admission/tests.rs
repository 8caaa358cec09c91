use serde_json::{Value, json};

use super::*;
use crate::{
    api::{AssignmentPolicySpec, CatalogStatus, ResourceRole},
    graph::{AssignmentPolicy, Listed, Read, ResourceRoleScope},
    plan::{Base, Memory, limits::Beyond},
};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Two resources, and two grants: `harmless` has one of them without approval, `everything` both with it.
fn catalog(mut everything: Value) -> CatalogSpec {
    everything["approvers"] = json!({"users": [{"id": "u"}]});
    serde_json::from_value(json!({"displayName": "C",
    "resources": [
        {"name": "campaign-group", "group": {"id": "g"}},
        {"name": "crm", "application": {"appId": "a"}, "roles": ["Reader"]},
    ],
    "grants": [
        {"name": "harmless", "namespaces": {"all": {}}, "resources": ["campaign-group"],
            "limits": {"approval": "Optional"}},
        {"name": "everything", "namespaces": {"all": {}}, "limits": everything},
    ]}))
    .unwrap()
}

fn status() -> CatalogStatus {
    serde_json::from_value(json!({"resources": [
        {"name": "campaign-group", "originId": "g", "originSystem": "AadGroup", "state": "Ready",
            "roles": [{"name": "Member", "id": "Member_g", "displayName": "Member"}]},
        {"name": "crm", "originId": "s", "originSystem": "AadApplication", "state": "Ready",
            "roles": [{"name": "Reader", "id": "r", "displayName": "CRM Reader"}]},
    ]}))
    .unwrap()
}

fn wanted(resource: &str, role: &str) -> RoleAt {
    let role = ResourceRole {
        resource: resource.into(),
        role: role.into(),
    };
    RoleAt::of_spec(0, &role, Some(&status()))
}

fn held(scope: &str, role: &str) -> RoleAt {
    let held: ResourceRoleScope = serde_json::from_value(json!({"id": "x",
        "role": {"originId": role, "displayName": role, "originSystem": "AadGroup"},
        "scope": {"originId": scope, "originSystem": "AadGroup"}}))
    .unwrap();
    RoleAt::of_entra(&held, Some(&status()))
}

fn spec(patch: Value) -> AssignmentPolicySpec {
    let mut spec = json!({
        "accessPackageRef": {"name": "p"}, "displayName": "P",
        "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
        "approval": {"stages": [{"approvers": [{"user": {"id": "u"}}]}]},
        "expiration": {"afterDuration": "P90D"},
    });
    for (field, value) in patch.as_object().unwrap() {
        spec[field] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn this(patch: Value) -> Way {
    Way::of_this(&spec(patch), &[]).unwrap()
}

fn without_approval() -> Way {
    this(json!({"approval": {"notRequired": {}}}))
}

fn entra(patch: Value) -> Way {
    let mut policy = json!({
        "id": "1", "displayName": "Front door", "allowedTargetScope": "allMemberUsers",
        "expiration": {"type": "afterDuration", "duration": "P90D"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": true},
    });
    for (field, value) in patch.as_object().unwrap() {
        policy[field] = value.clone();
    }
    let policy: AssignmentPolicy = serde_json::from_value(policy).unwrap();
    Way::of_entra(&policy, None)
}

fn asked(catalog: &CatalogSpec, roles: &[RoleAt], ways: &[Way]) -> Result<(), String> {
    let grants: Vec<&Grant> = catalog.grants.iter().collect();
    admits(&grants, catalog, roles, ways, now()).map_err(|problem| problem.message())
}

#[test]
fn a_role_that_only_entra_has_still_counts_when_a_policy_is_opened() {
    let catalog = catalog(json!({}));
    let harmless = wanted("campaign-group", "Member");
    assert_eq!(
        asked(&catalog, std::slice::from_ref(&harmless), &[without_approval()]),
        Ok(())
    );
    let refused = asked(&catalog, &[harmless, held("S", "R")], &[without_approval()]).unwrap_err();
    assert_eq!(
        refused,
        "spec.approval: grant \"everything\" demands at least one approval stage (limits.approval); grant \"harmless\" \
         would allow that, but not role \"Reader\" of \"crm\", which it has in Entra; stay within the limit, or ask those \
         who run the catalog to widen it"
    );
}

#[test]
fn roles_that_were_not_told_and_one_that_cannot_be_read_fit_no_grant() {
    use crate::graph::{Listed, Read, Unreadable};
    let catalog = catalog(json!({}));
    let unread = RoleAt::all_of_entra(&Read::Unread, Some(&status()));
    let refused = asked(&catalog, &unread, &[]).unwrap_err();
    assert!(
        refused.starts_with("its roles in Entra, which Entra has not told"),
        "{refused}"
    );
    let strange = Listed {
        elements: Vec::new(),
        unreadable: vec![Unreadable {
            id: Some("1".into()),
            display_name: None,
            why: "role: null".into(),
        }],
    };
    let unreadable = RoleAt::all_of_entra(&Read::Read(strange), Some(&status()));
    let refused = asked(&catalog, &unreadable, &[]).unwrap_err();
    assert!(refused.contains("that cannot be read (role: null)"), "{refused}");
    let none = RoleAt::all_of_entra(&Read::Read(Listed::default()), Some(&status()));
    assert_eq!(asked(&catalog, &none, &[without_approval()]), Ok(()));
}

#[test]
fn a_resource_under_two_names_is_no_way_around_the_stricter_of_its_grants_for_another() {
    let mut catalog = catalog(json!({}));
    let mut alias = catalog.resources[1].clone();
    alias.name = "alias".into();
    catalog.resources.push(alias);
    catalog.grants[0].resources = Some(vec!["campaign-group".into(), "alias".into()]);
    // The platform team itself gave the alias away without approval: that much and no more.
    assert_eq!(
        asked(&catalog, &[wanted("alias", "Reader")], &[without_approval()]),
        Ok(())
    );
    assert!(asked(&catalog, &[wanted("crm", "Reader")], &[without_approval()]).is_err());
}

#[test]
fn what_a_spec_names_and_nobody_offers_never_comes_into_a_package() {
    let catalog = catalog(json!({}));
    assert!(wanted("campaign-group", "Member").is_offered(&catalog));
    assert!(!wanted("campaign-group", "Nope").is_offered(&catalog));
    assert!(!wanted("nonesuch", "Member").is_offered(&catalog));
    // By its display name it is the same role.
    assert!(wanted("crm", "CRM Reader").is_offered(&catalog));
}

#[test]
fn a_policy_that_only_entra_has_still_counts_when_a_role_is_added() {
    let catalog = catalog(json!({}));
    let roles = [wanted("campaign-group", "Member"), wanted("crm", "Reader")];
    assert_eq!(asked(&catalog, &roles, &[this(json!({}))]), Ok(()));
    let refused = asked(&catalog, &roles, &[this(json!({})), entra(json!({}))]).unwrap_err();
    assert!(
        refused.starts_with(
            "policy \"Front door\" (1) in Entra, not managed here: grant \"everything\" demands at least one approval"
        ),
        "{refused}"
    );
    assert!(refused.contains("but not role \"Reader\" of \"crm\""), "{refused}");
}

#[test]
fn a_way_that_is_shut_demands_no_approval() {
    let catalog = catalog(json!({}));
    let roles = [wanted("crm", "Reader")];
    let shut = json!({"requestors": {"scope": "None"}, "approval": {"notRequired": {}}});
    assert_eq!(asked(&catalog, &roles, &[this(shut)]), Ok(()));
    let shut = json!({"requestorSettings": {}, "expiration": {"type": "noExpiration"}});
    assert_eq!(asked(&catalog, &roles, &[entra(shut)]), Ok(()));
    // What the namespace writes stays within its durations all the same.
    let endless = json!({"requestors": {"scope": "None"}, "expiration": {"never": {}}});
    assert!(asked(&catalog, &roles, &[this(endless)]).is_err());
}

#[test]
fn what_cannot_be_judged_fits_no_grant() {
    let lenient = catalog(json!({"approval": "Optional", "unlimitedDuration": "Allowed",
        "requestorScopes": ["AllMemberUsers", "AllExternalUsers", "AllDirectoryUsers"]}));
    let roles = [wanted("campaign-group", "Member")];
    for (index, strange) in [
        entra(json!({"allowedTargetScope": "everybodyAndTheirDog"})),
        entra(json!({"expiration": {"type": "afterReview"}})),
        entra(json!({"specificAllowedTargets": [{"@odata.type": "#microsoft.graph.everybody"}]})),
        Way::of_unreadable_object("x", "it is of a later version"),
        Way::of_object("x", &spec(json!({"expiration": {}})), &[]),
        Way::of_unreadable(&crate::graph::Unreadable {
            id: Some("1".into()),
            display_name: None,
            why: "expiration: null".into(),
        }),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = asked(&lenient, &roles, &[strange]);
        assert!(refused.is_err(), "case {index}");
    }
    let mut undeclared = entra(json!({"requestorSettings": {}}));
    if let Judged::Terms(terms) = &mut undeclared.terms {
        terms.unknown.push("verifiableCredentialSettings".into());
    }
    let refused = asked(&lenient, &roles, &[undeclared]).unwrap_err();
    assert!(
        refused.contains("cannot judge: verifiableCredentialSettings"),
        "{refused}"
    );
}

#[test]
fn an_extension_needs_the_approval_of_the_first_request() {
    let catalog = catalog(json!({}));
    let roles = [wanted("crm", "Reader")];
    let extends = json!({"scope": "AllMemberUsers", "selfService": {"add": true, "update": true}});
    let refused = asked(&catalog, &roles, &[this(json!({"requestors": extends}))]).unwrap_err();
    assert!(
        refused.starts_with(
            "spec.approval.requiredForUpdate: grant \"everything\" demands approval for an extension as for the first \
             request (limits.extension)"
        ) && refused.contains("; set requiredForUpdate: true, or"),
        "{refused}"
    );
    let stages = json!([{"approvers": [{"user": {"id": "u"}}]}]);
    let asks = this(json!({"requestors": extends, "approval": {"stages": stages, "requiredForUpdate": true}}));
    assert_eq!(asked(&catalog, &roles, &[asks]), Ok(()));
    let optional = self::catalog(json!({"approval": "Optional"}));
    assert_eq!(
        asked(&optional, &roles, &[this(json!({"requestors": extends}))]),
        Ok(())
    );
    let on_behalf = entra(
        json!({"requestorSettings": {"enableOnBehalfRequestorsToUpdateAccess": true},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": true, "stages": [
            {"primaryApprovers": [{"@odata.type": "#microsoft.graph.singleUser", "userId": "u"}]}]}}),
    );
    let refused = asked(&catalog, &roles, std::slice::from_ref(&on_behalf)).unwrap_err();
    assert!(
        refused.contains("nobody to request for others (limits.onBehalf)"),
        "{refused}"
    );
    let allowed = self::catalog(json!({"onBehalf": "Allowed"}));
    let refused = asked(&allowed, &roles, &[on_behalf]).unwrap_err();
    assert!(refused.contains("approval for an extension"), "{refused}");
}

#[test]
fn a_rule_that_assigns_asks_nobody() {
    let catalog = catalog(json!({}));
    let rule = entra(
        json!({"requestorSettings": {}, "automaticRequestSettings": {"requestAccessForAllowedTargets": true},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": true, "stages": [
            {"primaryApprovers": [{"@odata.type": "#microsoft.graph.singleUser", "userId": "u"}]}]}}),
    );
    let refused = asked(&catalog, &[wanted("crm", "Reader")], &[rule]).unwrap_err();
    assert!(
        refused.contains("no assignment by a rule (limits.automaticAssignment)"),
        "{refused}"
    );
}

#[test]
fn a_rule_that_is_allowed_needs_no_approval_and_ends_with_itself() {
    let by_rule = |removes: bool| {
        this(json!({"requestors": null, "approval": null, "expiration": null,
            "automatic": {"rule": "r", "removeWhenNoLongerMatching": removes}}))
    };
    let roles = [wanted("crm", "Reader")];
    let denied = asked(&catalog(json!({})), &roles, &[by_rule(true)]).unwrap_err();
    assert!(denied.starts_with("spec.automatic: grant"), "{denied}");
    let allowed = catalog(json!({"automaticAssignment": "Allowed"}));
    assert_eq!(asked(&allowed, &roles, &[by_rule(true)]), Ok(()));
    let stays = asked(&allowed, &roles, &[by_rule(false)]).unwrap_err();
    assert!(stays.contains("limits.unlimitedDuration"), "{stays}");
}

#[test]
fn a_role_that_the_catalog_withdrew_stands_outside_also_of_a_grant_for_all() {
    let catalog = catalog(json!({}));
    let refused = asked(&catalog, &[wanted("crm", "Admin")], &[]).unwrap_err();
    assert!(
        refused.starts_with("spec.resourceRoles[0].resource: role \"Admin\" of \"crm\": the Catalog does not offer it"),
        "{refused}"
    );
    for strange in [held("elsewhere", "r"), held("s", "another role")] {
        let refused = asked(&catalog, std::slice::from_ref(&strange), &[]).unwrap_err();
        assert!(
            refused.contains("which it has in Entra and the Catalog does not name"),
            "{refused}"
        );
    }
    // By its display name it is the same role.
    assert_eq!(asked(&catalog, &[wanted("crm", "CRM Reader")], &[]), Ok(()));
}

#[test]
fn no_two_grants_allow_together_what_none_allows_alone() {
    let mut catalog = catalog(json!({}));
    catalog.grants[1].resources = Some(vec!["crm".into()]);
    let roles = [wanted("campaign-group", "Member"), wanted("crm", "Reader")];
    let refused = asked(&catalog, &roles, &[]).unwrap_err();
    assert!(
        refused.starts_with("spec.resourceRoles: no single grant allows all of these together"),
        "{refused}"
    );
}

#[test]
fn everything_outside_is_told_and_not_only_the_first() {
    let catalog = catalog(json!({}));
    let grants: Vec<&Grant> = catalog.grants.iter().collect();
    let ways = [entra(json!({})), this(json!({})), without_approval()];
    assert_eq!(
        outside(&grants, &catalog, &[wanted("crm", "Reader")], &ways, now()).len(),
        2
    );
    let roles = [held("elsewhere", "r"), wanted("crm", "Reader"), held("s", "another")];
    assert_eq!(outside(&grants, &catalog, &roles, &ways, now()).len(), 2);
}

#[test]
fn a_limit_that_cannot_be_read_allows_nothing() {
    let catalog = catalog(json!({"maxDuration": "P1M"}));
    let refused = asked(&catalog, &[wanted("crm", "Reader")], &[this(json!({}))]).unwrap_err();
    assert!(
        refused.contains("limits.maxDuration that cannot be read (P1M)"),
        "{refused}"
    );
}

#[test]
fn taking_over_takes_nothing_along_that_the_grant_does_not_allow() {
    let takes_over = |limits: Value, roles: &[RoleAt], ways: &[Way]| {
        let catalog = catalog(limits);
        let grants: Vec<&Grant> = catalog.grants.iter().collect();
        admits_takeover("spec.id", &grants, &catalog, roles, ways, now()).map_err(|problem| problem.message())
    };
    let allowed = || json!({"adoption": "Allowed"});
    let known = [held("s", "r")];
    assert_eq!(takes_over(allowed(), &known, &[]), Ok(()));
    let refused = takes_over(json!({}), &known, &[]).unwrap_err();
    assert!(refused.contains("does not allow taking over"), "{refused}");
    let refused = takes_over(allowed(), &[held("s", "r"), held("vault", "admin")], &[]).unwrap_err();
    assert!(
        refused.starts_with(
            "spec.id: taking it over would take along what no grant allows: role \"admin\" of resource vault"
        ),
        "{refused}"
    );
    // `harmless` would allow the way in, and does not allow taking over.
    let group = [held("g", "Member_g")];
    let refused = takes_over(allowed(), &group, &[entra(json!({}))]).unwrap_err();
    assert!(refused.contains("policy \"Front door\" (1) in Entra"), "{refused}");
}

#[test]
fn one_resource_under_two_names_is_covered_by_either() {
    let mut catalog = catalog(json!({}));
    let mut status = status();
    let mut twin = catalog.resources[1].clone();
    twin.name = "crm-too".into();
    catalog.resources.push(twin);
    let mut listed = status.resources[1].clone();
    listed.name = "crm-too".into();
    status.resources.push(listed);
    catalog.grants[1].resources = Some(vec!["crm-too".into()]);
    let held: ResourceRoleScope = serde_json::from_value(json!({"id": "x",
        "role": {"originId": "r", "displayName": "Reader", "originSystem": "AadApplication"},
        "scope": {"originId": "s", "originSystem": "AadApplication"}}))
    .unwrap();
    let role = RoleAt::of_entra(&held, Some(&status));
    assert_eq!(role.offered_as.len(), 2);
    assert_eq!(asked(&catalog, &[role], &[]), Ok(()));
}

/// With a site beside, whose roles Entra may or may not show.
fn with_site() -> CatalogSpec {
    let mut catalog = catalog(json!({}));
    let site = json!({"name": "portal", "sharePointSite": {"url": "https://a.example/sites/p"}, "roles": ["Visitors"]});
    catalog.resources.push(serde_json::from_value(site).unwrap());
    catalog
}

fn beyond(fields: &[&str], shown: &Read<Listed<ResourceRoleScope>>, tells_sites: bool) -> Vec<String> {
    let memories: Vec<Memory> = fields.iter().map(|field| Memory::keep(*field, "")).collect();
    let applied = crate::plan::applied(&memories);
    let beyond = Beyond {
        shown,
        asked: &[wanted("campaign-group", "Member")],
        base: Base::of(Some(&applied)),
        is_made_here: false,
        tells_sites,
    };
    let roles = RoleAt::beyond_reads(beyond, &with_site(), Some(&status()));
    roles.into_iter().map(|role| role.words).collect()
}

#[test]
fn what_was_handed_out_counts_until_its_removal_is_confirmed() {
    let none = Read::Read(Listed::default());
    let handed_out = ["resourceRoles[r in s]", "resourceRoles[member_g in g]", "madeHere"];
    assert_eq!(
        beyond(&handed_out, &none, false),
        ["role \"Reader\" of \"crm\", which was handed out and is not known to be taken back"],
        "what is asked for counts by itself"
    );
    let strange = ["resourceRoles[9 in https://a.example/sites/x]", "madeHere"];
    assert_eq!(beyond(&strange, &none, false).len(), 1);
    let shown: ResourceRoleScope = serde_json::from_value(json!({"id": "x",
        "role": {"originId": "R", "displayName": "R", "originSystem": "AadApplication"},
        "scope": {"originId": "S", "originSystem": "AadApplication"}}))
    .unwrap();
    let shown = Read::Read(Listed::of(vec![shown]));
    assert!(
        beyond(&handed_out, &shown, false).is_empty(),
        "what is shown counts as that"
    );
}

#[test]
fn roles_of_sites_that_are_not_shown_count_in_a_package_that_others_have_filled() {
    let none = Read::Read(Listed::default());
    let may_have =
        "role \"Visitors\" of \"portal\", which it may have, since Entra does not show us roles of SharePoint sites";
    assert_eq!(beyond(&[], &none, false), [may_have]);
    assert!(beyond(&[], &none, true).is_empty());
    assert!(beyond(&["madeHere"], &none, false).is_empty());
}
