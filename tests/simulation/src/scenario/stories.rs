//! The stories that are disturbed at every point, with what they end with.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Act, Scenario, Target};

const API_VERSION: &str = "access.entra-operator.io/v1alpha1";
pub(super) const TEAM: &str = "marketing";
const CATALOG: Target = Target {
    kind: "Catalog",
    namespace: None,
    name: "marketing",
};
pub(super) const PACKAGE: Target = Target {
    kind: "AccessPackage",
    namespace: Some(TEAM),
    name: "campaign",
};
const POLICY: Target = Target {
    kind: "AssignmentPolicy",
    namespace: Some(TEAM),
    name: "campaign",
};
const PARTNER: Target = Target {
    kind: "ConnectedOrganization",
    namespace: None,
    name: "fabrikam",
};
const TENANT: Target = Target {
    kind: "EntraTenant",
    namespace: None,
    name: "default",
};

/// The manifest with these changes, as a merge patch makes them.
pub(super) fn with(mut manifest: Value, changes: &Value) -> Value {
    json_patch::merge(&mut manifest, changes);
    manifest
}

pub(super) fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}})
}

pub(super) fn tenant() -> Value {
    json!({"apiVersion": API_VERSION, "kind": "EntraTenant", "metadata": {"name": "default"}, "spec": {
        "tenantId": "11111111-1111-4111-8111-111111111111", "domain": "contoso.com",
        "credentials": {"clientSecret": {"clientId": "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11",
            "secretRef": {"name": "entra-credentials", "key": "clientSecret"}}}}})
}

pub(super) fn catalog() -> Value {
    json!({"apiVersion": API_VERSION, "kind": "Catalog", "metadata": {"name": "marketing"}, "spec": {
        "displayName": "Marketing", "description": "Resources", "state": "Published", "deletionPolicy": "Delete",
        "resources": [
            {"name": "campaign-group", "group": {"displayName": "Marketing Campaign"}},
            {"name": "crm", "application": {"appId": "22222222-2222-4222-8222-222222222222"}, "roles": ["Reader", "Writer"]}],
        "grants": [{"name": "marketing", "namespaces": {"names": [TEAM]}, "limits": {"adoption": "Allowed"}}]}})
}

pub(super) fn package() -> Value {
    json!({"apiVersion": API_VERSION, "kind": "AccessPackage", "metadata": {"name": "campaign", "namespace": TEAM}, "spec": {
        "catalogRef": {"name": "marketing"}, "displayName": "Campaign", "description": "For campaigns",
        "deletionPolicy": "Delete",
        "resourceRoles": [{"resource": "campaign-group", "role": "Member"}, {"resource": "crm", "role": "Reader"}]}})
}

pub(super) fn policy() -> Value {
    json!({"apiVersion": API_VERSION, "kind": "AssignmentPolicy", "metadata": {"name": "campaign", "namespace": TEAM},
        "spec": {"accessPackageRef": {"name": "campaign"}, "displayName": "Members", "description": "Members ask",
        "deletionPolicy": "Delete",
        "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
        "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]},
        "expiration": {"afterDuration": "P90D"}}})
}

/// All that a policy can say beside the common: reviews, questions, requests for others, nobody told.
fn rich() -> Value {
    with(
        policy(),
        &json!({"spec": {
            "requestors": {"onBehalf": {"add": true, "requestors": [{"targetManager": {"level": 1}}]}},
            "review": {"every": "Quarterly", "startsOn": "2027-01-01", "ifNoDecision": "RemoveAccess",
                "reviewers": [{"user": {"userPrincipalName": "carol@contoso.com"}}]},
            "questions": [
                {"name": "reason", "prompt": "Why?", "required": true, "text": {"singleLine": true}},
                {"name": "region", "prompt": "Where?", "choice": {"choices": [{"value": "emea", "text": "Europe"}, {"value": "apac"}]}}],
            "notifications": {"assignment": "Disabled"}}}),
    )
}

/// A catalog whose grant allows all of that, and rules that assign.
fn lenient_catalog() -> Value {
    with(
        catalog(),
        &json!({"spec": {"grants": [{"name": "marketing", "namespaces": {"names": [TEAM]},
            "limits": {"adoption": "Allowed", "onBehalf": "Allowed", "automaticAssignment": "Allowed"}}]}}),
    )
}

/// A partner, with two who vouch for its people.
fn partner() -> Value {
    json!({"apiVersion": API_VERSION, "kind": "ConnectedOrganization", "metadata": {"name": "fabrikam"}, "spec": {
        "displayName": "Fabrikam", "description": "Builds sites", "identitySource": {"domain": "fabrikam.com"},
        "deletionPolicy": "Delete",
        "internalSponsors": [{"user": {"userPrincipalName": "ann@contoso.com"}}, {"group": {"displayName": "Approvers"}}],
        "externalSponsors": [{"user": {"mail": "gina@fabrikam.com"}}]}})
}

/// A policy for its people, whom their sponsors approve.
fn partner_policy() -> Value {
    with(
        policy(),
        &json!({"spec": {
            "requestors": {"scope": "SpecificConnectedOrganizationUsers",
                "targets": [{"connectedOrganization": {"name": "fabrikam"}}]},
            "approval": {"stages": [{"approvers": [{"internalSponsors": {}}],
                "fallbackApprovers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]}}}),
    )
}

/// A catalog whose grant lets partners in.
fn partner_catalog() -> Value {
    with(
        catalog(),
        &json!({"spec": {"externallyVisible": true, "grants": [{"name": "marketing", "namespaces": {"names": [TEAM]},
            "limits": {"requestorScopes": ["SpecificConnectedOrganizationUsers"]}}]}}),
    )
}

/// A package that somebody made in the portal.
fn by_hand(name: &str) -> Value {
    json!({"id": "aaaaaaaa-0000-4000-8000-000000000002", "displayName": name, "description": "By hand",
        "catalog": {"id": "@catalogs/Marketing"}})
}

/// This user holds the package by the policy.
fn held_by(user: &'static str) -> Act {
    Act::PortalCreate(
        "assignments",
        json!({"accessPackage": {"id": "@accessPackages/Campaign"}, "assignmentPolicy": {"id": "@assignmentPolicies/Members"},
            "target": user, "state": "delivered"}),
    )
}

fn all() -> Vec<Act> {
    all_with(package())
}

/// The whole team's folder, with this package.
pub(super) fn all_with(package: Value) -> Vec<Act> {
    [namespace(), tenant(), catalog(), package, policy()]
        .map(Act::Apply)
        .into()
}

/// Everything Ready, then this.
fn ready(then: impl IntoIterator<Item = Act>) -> Vec<Act> {
    let mut acts = all();
    acts.push(Act::AllReady);
    acts.extend(then);
    acts
}

/// As [`ready`], with this policy under a grant that allows more.
fn ready_leniently(policy: Value, then: impl IntoIterator<Item = Act>) -> Vec<Act> {
    let mut acts: Vec<Act> = [namespace(), tenant(), lenient_catalog(), package(), policy]
        .map(Act::Apply)
        .into();
    acts.push(Act::AllReady);
    acts.extend(then);
    acts
}

/// What a scenario ends with and without, where that is more than that nothing disturbs it.
fn ends(name: &str) -> (&'static [&'static str], &'static [&'static str]) {
    const MADE: &[&str] = &[
        "catalog Marketing ",
        "package Marketing/Campaign ",
        "policy Marketing/Campaign/Members ",
    ];
    match name {
        "create" | "create-in-reverse" | "changed-in-flight" | "drift-mended" | "secret-rotated" => (MADE, &[]),
        "delete-all" => (&[], MADE),
        "namespace-deleted" | "delete-package-first" | "deleted-with-holders" => {
            (&["catalog Marketing "], &["package Marketing/Campaign ", "policy "])
        }
        "deletion-waits-for-holders" => (&["policy Marketing/Campaign/Members "], &[]),
        // What somebody else made stays as it is.
        "rich-policy" | "rich-policy-drifts" | "automatic" => (MADE, &[]),
        "partner" | "partner-drifts" => (&["organization Fabrikam "], &[]),
        "partner-deleted" => (&[], &["organization "]),
        "partner-policy" => (&["organization Fabrikam ", "policy Marketing/Campaign/Members "], &[]),
        "partner-policy-deleted" => (&["package Marketing/Campaign "], &["organization ", "policy "]),
        "name-taken" => (&["package Marketing/Campaign {\"description\":\"By hand\""], &[]),
        // A copied status is no proof: what it names stays, and so does what it had stood for.
        "status-copied" | "status-copied-of-one-let-go" => (&["package Marketing/Campaign "], &[]),
        "two-policies-at-once" => (
            &[
                "policy Marketing/Campaign/Members ",
                "policy Marketing/Campaign/Second ",
                "policy Marketing/Campaign/Third ",
            ],
            &[],
        ),
        _ => (&[], &[]), // that of its undisturbed run
    }
}

/// Every one of these.
pub(super) fn scenarios() -> Vec<Scenario> {
    let spec = |changes: Value| json!({"spec": changes});
    let scenario = |name, acts| {
        let (holds, lacks) = ends(name);
        Scenario {
            name,
            acts,
            holds,
            lacks,
        }
    };
    let annotated = |name: &str, value: Value| json!({"metadata": {"annotations": {name: value}}});
    vec![
        scenario("create", all()),
        scenario("create-in-reverse", {
            let mut acts: Vec<Act> = [namespace(), policy(), package(), catalog(), tenant()]
                .map(Act::Apply)
                .into();
            acts.push(Act::Settle);
            acts
        }),
        scenario(
            "update-catalog",
            ready([Act::Patch(CATALOG, spec(json!({"description": "Other words"})))]),
        ),
        scenario(
            "update-package",
            ready([Act::Patch(
                PACKAGE,
                spec(json!({"description": "Other words", "hidden": true})),
            )]),
        ),
        scenario(
            "update-policy",
            ready([Act::Patch(
                POLICY,
                spec(json!({"description": "Other words", "expiration": {"afterDuration": "P30D"}})),
            )]),
        ),
        scenario(
            "another-approver",
            ready([Act::Patch(
                POLICY,
                spec(
                    json!({"approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "carol@contoso.com"}}]}]}}),
                ),
            )]),
        ),
        scenario(
            "roles",
            ready([Act::Patch(
                PACKAGE,
                spec(
                    json!({"resourceRoles": [{"resource": "crm", "role": "Writer"}, {"resource": "campaign-group", "role": "Member"}]}),
                ),
            )]),
        ),
        scenario(
            "resource-withdrawn",
            ready([
                Act::Patch(
                    PACKAGE,
                    spec(json!({"resourceRoles": [{"resource": "campaign-group", "role": "Member"}]})),
                ),
                Act::Settle,
                Act::Patch(
                    CATALOG,
                    spec(
                        json!({"resources": [{"name": "campaign-group", "group": {"displayName": "Marketing Campaign"}}]}),
                    ),
                ),
            ]),
        ),
        scenario(
            "rename",
            ready([
                Act::Patch(CATALOG, spec(json!({"displayName": "Marketing and Sales"}))),
                Act::Patch(PACKAGE, spec(json!({"displayName": "Campaigns"}))),
                Act::Patch(POLICY, spec(json!({"displayName": "All members"}))),
            ]),
        ),
        scenario("adoption-by-name", {
            let mut acts: Vec<Act> = [namespace(), tenant(), catalog()].map(Act::Apply).into();
            acts.extend([
                Act::Settle,
                Act::PortalCreate("accessPackages", by_hand("Campaign")),
                Act::Apply(with(package(), &spec(json!({"adoption": "ByName"})))),
                Act::Apply(policy()),
            ]);
            acts
        }),
        scenario("adoption-by-id", {
            let mut acts: Vec<Act> = [namespace(), tenant(), catalog()].map(Act::Apply).into();
            acts.extend([
                Act::Settle,
                Act::PortalCreate("accessPackages", by_hand("By hand")),
                Act::Apply(with(
                    package(),
                    &spec(json!({"id": "aaaaaaaa-0000-4000-8000-000000000002"})),
                )),
                Act::Apply(policy()),
            ]);
            acts
        }),
        scenario(
            "made-anew",
            ready([
                Act::PortalDelete("assignmentPolicies", "Members"),
                Act::Pass(Duration::from_secs(900)),
                Act::Settle,
                Act::Patch(
                    POLICY,
                    annotated("access.entra-operator.io/reconcile-requested-at", json!("now")),
                ),
            ]),
        ),
        scenario(
            "delete-all",
            ready([
                Act::Delete(TENANT),
                Act::Delete(CATALOG),
                Act::Delete(PACKAGE),
                Act::Delete(POLICY),
            ]),
        ),
        scenario("delete-policy", ready([Act::Delete(POLICY)])),
        // What a grant no longer allows is not written, however late the news of it comes.
        scenario(
            "grant-narrowed",
            ready([
                Act::Patch(
                    CATALOG,
                    spec(json!({"grants": [{"name": "marketing", "namespaces": {"names": [TEAM]},
                        "limits": {"adoption": "Allowed", "maxDuration": "P60D"}}]})),
                ),
                Act::Patch(POLICY, spec(json!({"expiration": {"afterDuration": "P85D"}}))),
            ]),
        ),
        scenario(
            "grant-withdrawn",
            ready([
                Act::Patch(CATALOG, spec(json!({"grants": []}))),
                Act::Patch(
                    PACKAGE,
                    spec(
                        json!({"resourceRoles": [{"resource": "crm", "role": "Writer"}, {"resource": "campaign-group", "role": "Member"}]}),
                    ),
                ),
            ]),
        ),
        scenario(
            "delete-package-first",
            ready([Act::Delete(PACKAGE), Act::Settle, Act::Delete(POLICY)]),
        ),
        scenario(
            "namespace-deleted",
            ready([Act::Delete(Target {
                kind: "Namespace",
                namespace: None,
                name: TEAM,
            })]),
        ),
        scenario(
            "drift-mended",
            ready([Act::PortalPatch(
                "assignmentPolicies",
                "Members",
                json!({"description": "By hand", "requestApprovalSettings": {"isApprovalRequiredForAdd": false, "stages": []}}),
            )]),
        ),
        scenario(
            "drift-held-and-released",
            ready([
                Act::PortalPatch(
                    "assignmentPolicies",
                    "Members",
                    json!({"requestorSettings": {"enableTargetsToSelfAddAccess": false}}),
                ),
                Act::Pass(Duration::from_secs(900)),
                Act::Settle,
                Act::Patch(
                    POLICY,
                    annotated("access.entra-operator.io/reconcile-requested-at", json!("now")),
                ),
            ]),
        ),
        scenario("changed-in-flight", {
            let mut acts = all();
            acts.insert(0, Act::Quirks(json!({"latency": 700})));
            acts.extend([
                Act::Pass(Duration::from_millis(3_100)),
                Act::Patch(CATALOG, spec(json!({"description": "While it is made"}))),
                Act::Pass(Duration::from_millis(2_300)),
                Act::Patch(PACKAGE, spec(json!({"description": "While it is made"}))),
                Act::Patch(POLICY, spec(json!({"description": "While it is made"}))),
            ]);
            acts
        }),
        scenario("invalid-then-valid", {
            let mut acts: Vec<Act> = [namespace(), tenant(), catalog()].map(Act::Apply).into();
            acts.extend([
                Act::Refused(with(package(), &spec(json!({"displayName": ""})))),
                Act::Apply(with(
                    package(),
                    &spec(json!({"resourceRoles": [{"resource": "campaign-group", "role": "Nobody"}]})),
                )),
                Act::Apply(policy()),
                Act::Settle,
                Act::Apply(package()),
            ]);
            acts
        }),
        scenario(
            "secret-rotated",
            ready([
                Act::Apply(json!({"apiVersion": "v1", "kind": "Secret",
                    "metadata": {"name": "rotated", "namespace": "entra-access-operator"},
                    "stringData": {"clientSecret": "stage-client-secret"}})),
                Act::Patch(
                    TENANT,
                    spec(json!({"credentials": {"clientSecret": {"secretRef": {"name": "rotated"}}}})),
                ),
                Act::Patch(PACKAGE, spec(json!({"description": "With another secret"}))),
            ]),
        ),
        scenario(
            "observed-and-back",
            ready([
                Act::Patch(CATALOG, spec(json!({"management": "Observe"}))),
                Act::Settle,
                Act::Patch(CATALOG, spec(json!({"description": "Later"}))),
                Act::Patch(PACKAGE, spec(json!({"description": "Meanwhile"}))),
                Act::Settle,
                Act::Patch(CATALOG, spec(json!({"management": "Full"}))),
            ]),
        ),
        scenario(
            "status-erased",
            ready([
                Act::Patch(
                    PACKAGE,
                    json!({"status": {"entra": null, "intent": null, "applied": null, "conditions": []}}),
                ),
                Act::Settle,
                Act::Patch(PACKAGE, spec(json!({"adoption": "ByName"}))),
            ]),
        ),
        scenario(
            "grant-removed-first",
            ready([
                Act::Patch(CATALOG, spec(json!({"grants": []}))),
                Act::Settle,
                Act::Delete(POLICY),
                Act::Delete(PACKAGE),
            ]),
        ),
        // Somebody holds the package through the policy; both are deleted, and access is taken away with them.
        scenario("deleted-with-holders", {
            let leave = json!({"grants": [{"name": "marketing", "namespaces": {"names": [TEAM]},
                "limits": {"adoption": "Allowed", "deletion": ["Delete", "DeleteWithAssignments"]}}]});
            let takes = spec(json!({"deletionPolicy": "DeleteWithAssignments"}));
            ready([
                Act::Patch(CATALOG, spec(leave)),
                Act::Patch(PACKAGE, takes.clone()),
                Act::Patch(POLICY, takes),
                held_by("ann@contoso.com"),
                Act::Settle,
                Act::Delete(POLICY),
                Act::Delete(PACKAGE),
            ])
        }),
        // Somebody holds it, and nobody said that this is to end: the deletion waits.
        scenario(
            "deletion-waits-for-holders",
            ready([
                held_by("ann@contoso.com"),
                Act::Settle,
                Act::Delete(POLICY),
                Act::Settle,
                Act::Patch(PACKAGE, spec(json!({"description": "Somebody holds it"}))),
            ]),
        ),
        // The status of one object is written into another one, which is then deleted.
        scenario(
            "status-copied",
            ready([
                Act::Apply(with(
                    package(),
                    &json!({"metadata": {"name": "copy"}, "spec": {"displayName": "Copy", "resourceRoles": []}}),
                )),
                Act::AllReady,
                Act::CopyStatus(
                    PACKAGE,
                    Target {
                        name: "copy",
                        ..PACKAGE
                    },
                ),
                Act::Settle,
                Act::Delete(Target {
                    name: "copy",
                    ..PACKAGE
                }),
            ]),
        ),
        // The same, and whom it was written for lets Entra be: nobody else holds what the copy names.
        scenario("status-copied-of-one-let-go", {
            const COPY: Target = Target {
                name: "copy",
                ..PACKAGE
            };
            let let_go = || annotated("access.entra-operator.io/orphan", json!("true"));
            let leave = json!({"grants": [{"name": "marketing", "namespaces": {"names": [TEAM]},
                "limits": {"adoption": "Allowed", "deletion": ["Delete", "Orphan"]}}]});
            ready([
                Act::Patch(CATALOG, spec(leave)),
                Act::Apply(with(
                    package(),
                    &json!({"metadata": {"name": "copy"}, "spec": {"displayName": "Copy", "resourceRoles": []}}),
                )),
                // What the copy had stood for is there.
                Act::AllReady,
                Act::Patch(POLICY, let_go()),
                Act::Delete(POLICY),
                Act::CopyStatus(PACKAGE, COPY),
                Act::Patch(PACKAGE, let_go()),
                Act::Delete(PACKAGE),
                Act::Settle,
                Act::Delete(COPY),
            ])
        }),
        // Reviews, questions and the rest: made, then reworded, reordered and cut down.
        scenario("rich-policy", {
            ready_leniently(
                rich(),
                [
                    Act::Patch(
                        POLICY,
                        spec(json!({
                        "review": {"every": "Monthly", "reviewers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]},
                        "questions": [
                            {"name": "region", "prompt": "Where?", "choice": {"choices": [{"value": "emea", "text": "Europe"}]}},
                            {"name": "reason", "prompt": "What for?", "required": true, "text": {"singleLine": true}}]})),
                    ),
                    Act::Settle,
                    Act::Patch(POLICY, spec(json!({"review": null, "notifications": null}))),
                ],
            )
        }),
        // Somebody takes the review away and makes a question optional in the portal.
        scenario("rich-policy-drifts", {
            ready_leniently(
                rich(),
                [Act::PortalPatch(
                    "assignmentPolicies",
                    "Members",
                    json!({"reviewSettings": null, "questions": []}),
                )],
            )
        }),
        // A rule that assigns, whose words change.
        scenario("automatic", {
            let automatic = json!({"apiVersion": API_VERSION, "kind": "AssignmentPolicy",
                "metadata": {"name": "campaign", "namespace": TEAM}, "spec": {
                    "accessPackageRef": {"name": "campaign"}, "displayName": "Members", "deletionPolicy": "Delete",
                    "automatic": {"rule": "(user.department -eq \"Marketing\")", "gracePeriod": "P7D"}}});
            ready_leniently(
                automatic,
                [Act::Patch(
                    POLICY,
                    spec(json!({"automatic": {"rule": "(user.department -eq \"Sales\")", "gracePeriod": null}})),
                )],
            )
        }),
        // Two policies at once on one package, as a team applies its folder.
        scenario(
            "two-policies-at-once",
            ready([
                Act::Apply(with(
                    policy(),
                    &json!({"metadata": {"name": "second"}, "spec": {"displayName": "Second"}}),
                )),
                Act::Apply(with(
                    policy(),
                    &json!({"metadata": {"name": "third"}, "spec": {"displayName": "Third"}}),
                )),
            ]),
        ),
        // A partner is made, and others vouch for its people.
        scenario("partner", {
            let acts = [tenant(), partner()].map(Act::Apply);
            let mut acts: Vec<Act> = acts.into();
            acts.extend([
                Act::AllReady,
                Act::Patch(
                    PARTNER,
                    spec(
                        json!({"description": "Builds the sites", "state": "Proposed", "externalSponsors": null,
                        "internalSponsors": [{"user": {"userPrincipalName": "carol@contoso.com"}},
                            {"user": {"userPrincipalName": "ann@contoso.com"}}]}),
                    ),
                ),
            ]);
            acts
        }),
        scenario(
            "partner-deleted",
            vec![
                Act::Apply(tenant()),
                Act::Apply(partner()),
                Act::AllReady,
                Act::Delete(PARTNER),
            ],
        ),
        // In the portal somebody vouches who should not, somebody no longer does, and it is put back to being proposed.
        scenario(
            "partner-drifts",
            vec![
                Act::Apply(tenant()),
                Act::Apply(partner()),
                Act::AllReady,
                Act::PortalPatch(
                    "connectedOrganizations",
                    "Fabrikam",
                    json!({"description": "By hand", "state": "proposed",
                        "internalSponsors": ["46184453-e63b-4f20-86c2-c557ed5d5df9", "794b7786-196e-4253-b9f5-f88b1a8a8a2c"]}),
                ),
                Act::Pass(Duration::from_secs(900)),
                Act::Settle,
                Act::Patch(
                    PARTNER,
                    annotated("access.entra-operator.io/reconcile-requested-at", json!("now")),
                ),
            ],
        ),
        // Its people may ask for a package, by the name of the partner here, which comes last.
        scenario("partner-policy", {
            let mut acts: Vec<Act> = [namespace(), tenant(), partner_catalog(), package(), partner_policy()]
                .map(Act::Apply)
                .into();
            acts.extend([
                Act::Settle,
                Act::Apply(partner()),
                Act::AllReady,
                Act::Patch(POLICY, spec(json!({"expiration": {"afterDuration": "P30D"}}))),
                Act::Patch(PARTNER, spec(json!({"displayName": "Fabrikam"}))),
            ]);
            acts
        }),
        // The partner is deleted before the policy that names it, and waits for that.
        scenario("partner-policy-deleted", {
            let mut acts: Vec<Act> = [
                namespace(),
                tenant(),
                partner_catalog(),
                partner(),
                package(),
                partner_policy(),
            ]
            .map(Act::Apply)
            .into();
            acts.extend([Act::AllReady, Act::Delete(PARTNER), Act::Settle, Act::Delete(POLICY)]);
            acts
        }),
        // A name that somebody else's object has, and no leave to take it over.
        scenario("name-taken", {
            let mut acts: Vec<Act> = [namespace(), tenant(), catalog()].map(Act::Apply).into();
            acts.extend([
                Act::Settle,
                Act::PortalCreate("accessPackages", by_hand("Campaign")),
                Act::Pass(Duration::from_secs(60)),
                Act::Apply(package()),
                Act::Settle,
                Act::Delete(PACKAGE),
            ]);
            acts
        }),
        scenario("two-tenants", {
            let mut acts = ready([
                Act::Apply(with(tenant(), &json!({"metadata": {"name": "other"}}))),
                Act::Apply(with(
                    catalog(),
                    &json!({"metadata": {"name": "sales"}, "spec": {"displayName": "Sales", "tenantRef": {"name": "other"}}}),
                )),
                Act::Settle,
            ]);
            acts.extend([
                Act::Delete(Target {
                    kind: "Catalog",
                    namespace: None,
                    name: "sales",
                }),
                Act::Delete(Target {
                    kind: "EntraTenant",
                    namespace: None,
                    name: "other",
                }),
            ]);
            acts
        }),
    ]
}
