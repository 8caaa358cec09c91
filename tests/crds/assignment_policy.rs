//! Which AssignmentPolicies the API server takes, and what it answers to the others.

use crate::cluster::{Kind, NOT_CHECKED, accepts, accepts_changes, refuses, refuses_changes};

#[test]
fn policies_as_people_write_them_are_accepted() {
    accepts(
        Kind::AssignmentPolicy,
        &[
            ("the least", "{}"),
            (
                "direct assignment only",
                "{requestors: {scope: None, selfService: {remove: true}}, approval: {notRequired: {}}, expiration: {never: {}}}",
            ),
            (
                "users and groups",
                "{requestors: {scope: SpecificDirectoryUsers, targets: [{user: {mail: ann@contoso.com}}, {user: {userPrincipalName: \"ann_fabrikam.com#EXT#@contoso.onmicrosoft.com\"}}, {group: {uniqueName: marketing}}], selfService: {add: true, update: true, remove: true, customSchedule: true}, justification: Required}}",
            ),
            (
                "service principals",
                "{requestors: {scope: SpecificDirectoryServicePrincipals, targets: [{servicePrincipal: {appId: 22222222-3333-4444-5555-666666666666}}]}}",
            ),
            (
                "partners",
                "{requestors: {scope: SpecificConnectedOrganizationUsers, targets: [{connectedOrganization: {name: fabrikam}}, {connectedOrganization: {id: c3bf99ed-99ed-c3bf-ed99-cfb1ed99cfb1}}, {connectedOrganization: {displayName: Northwind}}, {connectedOrganization: {tenantId: 33333333-3333-4333-8333-333333333333}}, {connectedOrganization: {domain: woodgrove.com}}]}}",
            ),
            (
                "people outside the directory, approved by sponsors",
                "{requestors: {scope: AllConfiguredConnectedOrganizationUsers}, approval: {requiredForUpdate: true, stages: [{approvers: [{internalSponsors: {}}, {externalSponsors: {}}], fallbackApprovers: [{group: {displayName: Approvers}}]}]}}",
            ),
            (
                "three stages with all there is",
                "{approval: {stages: [{approvers: [{requestorManager: {level: 2}}], fallbackApprovers: [{user: {id: 7deff43e-1f17-44ef-9e5f-d516b0ba11d4}}]}, {approvers: [{group: {displayName: Approvers}}], decisionTimeout: P5D, justification: Required, escalation: {after: P4D, approvers: [{requestorManager: {}}], fallbackApprovers: [{user: {userPrincipalName: bob@contoso.com}}]}}, {approvers: [{user: {userPrincipalName: bob@contoso.com}}], escalation: {after: P13D, approvers: [{user: {userPrincipalName: bob@contoso.com}}]}}]}}",
            ),
            (
                "an end in time",
                "{expiration: {afterDateTime: \"2027-12-31T00:00:00Z\"}}",
            ),
            (
                "an end in time with an offset",
                "{expiration: {afterDateTime: \"2027-12-31T23:59:59.5+01:00\"}}",
            ),
            (
                "reviews, questions, requests for others, nobody told",
                "{requestors: {scope: AllMemberUsers, onBehalf: {add: true, requestors: [{targetManager: {level: 4}}, {group: {displayName: Assistants}}]}}, review: {every: Weekly, lasts: P6D, startsOn: 2027-01-01, selfReview: true, ifNoDecision: KeepAccess, justification: NotRequired}, questions: [{name: why, prompt: Why?, localizations: [{language: pt-br, text: Por quê?}], text: {regex: \"^CHG[0-9]+$\"}}, {name: where, prompt: Where?, choice: {multiple: true, choices: [{value: emea, text: Europe, localizations: [{language: de, text: Europa}]}]}}], notifications: {assignment: Disabled}}",
            ),
            (
                "workflow extensions by name and by id",
                "{extensions: [{stage: AssignmentRequestCreated, displayName: Open a ticket}, {stage: AssignmentOneDayBeforeExpiration, id: 78eaee8c-e6cf-48c9-8f99-aae44c35e379}]}",
            ),
            (
                "a rule that assigns",
                "{requestors: null, approval: null, expiration: null, automatic: {rule: (user.accountEnabled -eq true), gracePeriod: P7D}}",
            ),
            (
                "every approver that there is",
                "{approval: {stages: [{approverVisibility: Visible, approvers: [{targetManager: {}}, {targetUserSponsors: {}}, {targetApplicationOwners: {}}, {targetAgentIdentitySponsorsOrOwners: {}}], fallbackApprovers: [{group: {displayName: Approvers}}]}]}}",
            ),
            ("some hours", "{expiration: {afterDuration: PT8H}}"),
            ("days and hours", "{expiration: {afterDuration: P1DT12H}}"),
            (
                "an existing policy by its id",
                "{id: 4540a08f-8ab5-43f6-a923-015275799197, deletionPolicy: Orphan}",
            ),
            (
                "an existing policy by its name",
                "{adoption: ByName, deletionPolicy: Delete}",
            ),
        ],
    );
}

#[test]
fn a_policy_says_for_what_who_approves_and_how_long() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "nothing",
                "{accessPackageRef: null, displayName: null, requestors: null, approval: null, expiration: null}",
                &[
                    "spec.accessPackageRef: Required value: name the AccessPackage, for example accessPackageRef: {name: marketing-campaign}",
                    "spec.displayName: Required value: give the policy a name, for example displayName: Marketing Campaign Policy",
                    "spec.requestors: Required value: say who may request the package, for example requestors: {scope: AllMemberUsers, selfService: {add: true}}; or whom a rule gives it to, for example automatic: {rule: (user.accountEnabled -eq true)}",
                    "spec.approval: Required value: say who approves, for example approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]}; where nobody needs to, write approval: {notRequired: {}}",
                    "spec.expiration: Required value: say how long access lasts, for example expiration: {afterDuration: P90D}; or {afterDateTime: 2027-12-31T00:00:00Z}, or {never: {}}",
                ],
            ),
            (
                "no approval",
                "{approval: null}",
                &[
                    "spec.approval: Required value: say who approves, for example approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]}; where nobody needs to, write approval: {notRequired: {}}",
                ],
            ),
            (
                "no requestors",
                "{requestors: null}",
                &[
                    "spec.requestors: Required value: say who may request the package, for example requestors: {scope: AllMemberUsers, selfService: {add: true}}; or whom a rule gives it to, for example automatic: {rule: (user.accountEnabled -eq true)}",
                ],
            ),
            (
                "no expiration",
                "{expiration: null}",
                &[
                    "spec.expiration: Required value: say how long access lasts, for example expiration: {afterDuration: P90D}; or {afterDateTime: 2027-12-31T00:00:00Z}, or {never: {}}",
                ],
            ),
            (
                "a field that is none",
                "{aproval: {notRequired: {}}}",
                &[
                    "Error from server (BadRequest): error when creating \"STDIN\": AssignmentPolicy in version \"v1alpha1\" cannot be handled as a AssignmentPolicy: strict decoding error: unknown field \"spec.aproval\"",
                ],
            ),
            (
                "a field that belongs elsewhere",
                "{requestors: {scope: AllMemberUsers, add: true}}",
                &[
                    "Error from server (BadRequest): error when creating \"STDIN\": AssignmentPolicy in version \"v1alpha1\" cannot be handled as a AssignmentPolicy: strict decoding error: unknown field \"spec.requestors.add\"",
                ],
            ),
        ],
    );
}

#[test]
fn requestors_are_a_scope_and_the_targets_that_fit_it() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "no scope",
                "{requestors: {}}",
                &[
                    "spec.requestors.scope: Required value: say who may request, for example scope: AllMemberUsers; None for nobody (direct assignment only)",
                ],
            ),
            (
                "a scope of the beta API",
                "{requestors: {scope: AllExistingConnectedDirectorySubjects}}",
                &[
                    "spec.requestors.scope: Unsupported value: \"AllExistingConnectedDirectorySubjects\": supported values: \"None\", \"SpecificDirectoryUsers\", \"SpecificDirectoryServicePrincipals\", \"SpecificConnectedOrganizationUsers\", \"AllMemberUsers\", \"AllDirectoryUsers\", \"AllDirectoryServicePrincipals\", \"AllDirectoryAgentIdentities\", \"AllConfiguredConnectedOrganizationUsers\", \"AllExternalUsers\"",
                    NOT_CHECKED,
                ],
            ),
            (
                "a scope as Graph writes it",
                "{requestors: {scope: allMemberUsers}}",
                &[
                    "spec.requestors.scope: Unsupported value: \"allMemberUsers\": supported values: \"None\", \"SpecificDirectoryUsers\", \"SpecificDirectoryServicePrincipals\", \"SpecificConnectedOrganizationUsers\", \"AllMemberUsers\", \"AllDirectoryUsers\", \"AllDirectoryServicePrincipals\", \"AllDirectoryAgentIdentities\", \"AllConfiguredConnectedOrganizationUsers\", \"AllExternalUsers\"",
                    NOT_CHECKED,
                ],
            ),
            (
                "specific users without targets",
                "{requestors: {scope: SpecificDirectoryUsers}}",
                &[
                    "spec.requestors.targets: Required value: this scope needs at least one target, for example targets: [{group: {displayName: Marketing}}], or [{servicePrincipal: {displayName: CRM}}] with SpecificDirectoryServicePrincipals, or [{connectedOrganization: {name: fabrikam}}] with SpecificConnectedOrganizationUsers",
                ],
            ),
            (
                "targets of a scope that needs none",
                "{requestors: {scope: AllMemberUsers, targets: [{group: {displayName: Marketing}}]}}",
                &[
                    "spec.requestors.targets: Invalid value: targets go with the scopes SpecificDirectoryUsers, SpecificDirectoryServicePrincipals and SpecificConnectedOrganizationUsers only: remove them, or change the scope",
                ],
            ),
            (
                "a service principal among users",
                "{requestors: {scope: SpecificDirectoryUsers, targets: [{servicePrincipal: {displayName: CRM}}]}}",
                &[
                    "spec.requestors.targets: Invalid value: SpecificDirectoryUsers takes users and groups; for service principals use SpecificDirectoryServicePrincipals, for connected organizations SpecificConnectedOrganizationUsers",
                ],
            ),
            (
                "a user among service principals",
                "{requestors: {scope: SpecificDirectoryServicePrincipals, targets: [{user: {mail: ann@contoso.com}}]}}",
                &[
                    "spec.requestors.targets: Invalid value: SpecificDirectoryServicePrincipals takes service principals only; for users and groups use SpecificDirectoryUsers",
                ],
            ),
            (
                "a user among connected organizations",
                "{requestors: {scope: SpecificConnectedOrganizationUsers, targets: [{user: {mail: ann@contoso.com}}]}}",
                &[
                    "spec.requestors.targets: Invalid value: SpecificConnectedOrganizationUsers takes connected organizations only; for users and groups use SpecificDirectoryUsers",
                ],
            ),
            (
                "nobody, who may request",
                "{requestors: {scope: None, selfService: {add: true}}}",
                &[
                    "spec.requestors.selfService: Invalid value: scope None means that nobody can request and access is assigned directly: set add and update to false, or choose another scope",
                ],
            ),
            (
                "a target without anything",
                "{requestors: {scope: SpecificDirectoryUsers, targets: [{}]}}",
                &[
                    "spec.requestors.targets[0]: Invalid value: a target needs exactly one of user, group, servicePrincipal, connectedOrganization; for example {group: {displayName: Marketing}}",
                ],
            ),
            (
                "a target that is two",
                "{requestors: {scope: SpecificDirectoryUsers, targets: [{user: {mail: ann@contoso.com}, group: {displayName: Marketing}}]}}",
                &[
                    "spec.requestors.targets[0]: Invalid value: user, group, servicePrincipal and connectedOrganization exclude each other: keep one",
                ],
            ),
        ],
    );
}

#[test]
fn people_are_found_in_one_way() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "a user without anything",
                "{approval: {stages: [{approvers: [{user: {}}]}]}}",
                &[
                    "spec.approval.stages[0].approvers[0].user: Invalid value: a user needs exactly one of id, userPrincipalName, mail; for example user: {userPrincipalName: ann@contoso.com}",
                ],
            ),
            (
                "a user in two ways",
                "{approval: {stages: [{approvers: [{user: {id: 7deff43e-1f17-44ef-9e5f-d516b0ba11d4, userPrincipalName: bob@contoso.com}}]}]}}",
                &[
                    "spec.approval.stages[0].approvers[0].user: Invalid value: id, userPrincipalName and mail exclude each other: keep one",
                ],
            ),
            (
                "a user by an id that is none",
                "{approval: {stages: [{approvers: [{user: {id: bob}}]}]}}",
                &[
                    "spec.approval.stages[0].approvers[0].user.id: Invalid value: \"bob\": must be an object id such as 7deff43e-1f17-44ef-9e5f-d516b0ba11d4",
                ],
            ),
            (
                "a user by an id with braces",
                "{approval: {stages: [{approvers: [{user: {id: \"{7deff43e-1f17-44ef-9e5f-d516b0ba11d4}\"}}]}]}}",
                &[
                    "spec.approval.stages[0].approvers[0].user.id: Invalid value: \"{7deff43e-1f17-44ef-9e5f-d516b0ba11d4}\": must be an object id such as 7deff43e-1f17-44ef-9e5f-d516b0ba11d4",
                ],
            ),
            (
                "a user by an alias",
                "{approval: {stages: [{approvers: [{user: {userPrincipalName: bob}}]}]}}",
                &[
                    "spec.approval.stages[0].approvers[0].user.userPrincipalName: Invalid value: \"bob\": must be a user principal name such as ann@contoso.com",
                ],
            ),
            (
                "a user by a name for a mail address",
                "{approval: {stages: [{approvers: [{user: {mail: Bob Miller}}]}]}}",
                &[
                    "spec.approval.stages[0].approvers[0].user.mail: Invalid value: \"Bob Miller\": must be a mail address such as ann@contoso.com",
                ],
            ),
            (
                "a group in two ways",
                "{approval: {stages: [{approvers: [{group: {id: 0282e19d-bf41-435d-92a4-99bab93af305, displayName: Approvers}}]}]}}",
                &[
                    "spec.approval.stages[0].approvers[0].group: Invalid value: id, displayName, mailNickname and uniqueName exclude each other: keep one",
                ],
            ),
            (
                "a service principal without anything",
                "{requestors: {scope: SpecificDirectoryServicePrincipals, targets: [{servicePrincipal: {}}]}}",
                &[
                    "spec.requestors.targets[0].servicePrincipal: Invalid value: a servicePrincipal needs exactly one of id, appId, displayName; for example servicePrincipal: {displayName: CRM}",
                ],
            ),
            (
                "a service principal in two ways",
                "{requestors: {scope: SpecificDirectoryServicePrincipals, targets: [{servicePrincipal: {displayName: CRM, appId: 22222222-3333-4444-5555-666666666666}}]}}",
                &[
                    "spec.requestors.targets[0].servicePrincipal: Invalid value: id, appId and displayName exclude each other: keep one",
                ],
            ),
            (
                "a connected organization without anything",
                "{requestors: {scope: SpecificConnectedOrganizationUsers, targets: [{connectedOrganization: {}}]}}",
                &[
                    "spec.requestors.targets[0].connectedOrganization: Invalid value: a connectedOrganization needs exactly one of name, id, displayName, tenantId, domain; for example connectedOrganization: {name: fabrikam}",
                ],
            ),
            (
                "a connected organization in two ways",
                "{requestors: {scope: SpecificConnectedOrganizationUsers, targets: [{connectedOrganization: {name: fabrikam, domain: fabrikam.com}}]}}",
                &[
                    "spec.requestors.targets[0].connectedOrganization: Invalid value: name, id, displayName, tenantId and domain exclude each other: keep one",
                ],
            ),
            (
                "connected organizations by names and ids that are none",
                "{requestors: {scope: SpecificConnectedOrganizationUsers, targets: [{connectedOrganization: {name: Fabrikam Inc}}, {connectedOrganization: {id: fabrikam}}, {connectedOrganization: {tenantId: fabrikam}}, {connectedOrganization: {domain: fabrikam}}]}}",
                &[
                    "spec.requestors.targets[0].connectedOrganization.name: Invalid value: \"Fabrikam Inc\": must be the name of a ConnectedOrganization, such as fabrikam: lower case letters, digits, hyphens and dots",
                    "spec.requestors.targets[1].connectedOrganization.id: Invalid value: \"fabrikam\": must be an id such as c3bf99ed-99ed-c3bf-ed99-cfb1ed99cfb1",
                    "spec.requestors.targets[2].connectedOrganization.tenantId: Invalid value: \"fabrikam\": must be the id of a tenant, such as 33333333-3333-4333-8333-333333333333",
                    "spec.requestors.targets[3].connectedOrganization.domain: Invalid value: \"fabrikam\": must be the name of a domain, such as fabrikam.com",
                ],
            ),
            (
                "a service principal by ids that are none",
                "{requestors: {scope: SpecificDirectoryServicePrincipals, targets: [{servicePrincipal: {id: CRM}}, {servicePrincipal: {appId: CRM}}]}}",
                &[
                    "spec.requestors.targets[0].servicePrincipal.id: Invalid value: \"CRM\": must be an object id such as e81d7f57-0840-45e1-894b-f505c1bdcc1f",
                    "spec.requestors.targets[1].servicePrincipal.appId: Invalid value: \"CRM\": must be an application id such as 22222222-3333-4444-5555-666666666666",
                ],
            ),
        ],
    );
}

#[test]
fn approval_is_stages_or_not_required() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "neither",
                "{approval: {}}",
                &[
                    "spec.approval: Invalid value: say who approves, for example stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]; where nobody needs to, write notRequired: {}",
                ],
            ),
            (
                "no stage",
                "{approval: {stages: []}}",
                &[
                    "spec.approval.stages: Invalid value: at least one stage is needed, for example stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]; for requests without approval write approval: {notRequired: {}}",
                ],
            ),
            (
                "both",
                "{approval: {notRequired: {}, stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]}}",
                &["spec.approval: Invalid value: notRequired and stages exclude each other: keep one"],
            ),
            (
                "changes approved by nobody",
                "{approval: {notRequired: {}, requiredForUpdate: true}}",
                &[
                    "spec.approval.requiredForUpdate: Invalid value: requiredForUpdate goes with stages: with notRequired nobody is there to approve",
                ],
            ),
            (
                "four stages",
                "{approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}, {approvers: [{user: {userPrincipalName: bob@contoso.com}}]}, {approvers: [{user: {userPrincipalName: bob@contoso.com}}]}, {approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]}}",
                &[
                    "spec.approval.stages: Too many: 4: must have at most 3 items",
                    NOT_CHECKED,
                ],
            ),
            (
                "a stage without approvers",
                "{approval: {stages: [{}]}}",
                &[
                    "spec.approval.stages[0].approvers: Required value: at least one approver is needed, for example approvers: [{user: {userPrincipalName: bob@contoso.com}}]",
                ],
            ),
            (
                "a stage with an empty list of approvers",
                "{approval: {stages: [{approvers: []}]}}",
                &[
                    "spec.approval.stages[0].approvers: Required value: at least one approver is needed, for example approvers: [{user: {userPrincipalName: bob@contoso.com}}]",
                ],
            ),
            (
                "an approver without anything",
                "{approval: {stages: [{approvers: [{}]}]}}",
                &[
                    "spec.approval.stages[0].fallbackApprovers: Required value: only managers, sponsors or owners approve here, and somebody may have none: name fallbackApprovers, for example fallbackApprovers: [{group: {displayName: Approvers}}]",
                    "spec.approval.stages[0].approvers[0]: Invalid value: an approver needs exactly one of user, group, requestorManager, internalSponsors, externalSponsors, targetManager, targetUserSponsors, targetApplicationOwners, targetAgentIdentitySponsorsOrOwners; for example {requestorManager: {level: 1}}",
                ],
            ),
            (
                "an approver that is two",
                "{approval: {stages: [{approvers: [{requestorManager: {}, internalSponsors: {}}]}]}}",
                &[
                    "spec.approval.stages[0].fallbackApprovers: Required value: only managers, sponsors or owners approve here, and somebody may have none: name fallbackApprovers, for example fallbackApprovers: [{group: {displayName: Approvers}}]",
                    "spec.approval.stages[0].approvers[0]: Invalid value: user, group, requestorManager, internalSponsors, externalSponsors, targetManager, targetUserSponsors, targetApplicationOwners and targetAgentIdentitySponsorsOrOwners exclude each other: keep one",
                ],
            ),
            (
                "managers only",
                "{approval: {stages: [{approvers: [{requestorManager: {level: 1}}]}]}}",
                &[
                    "spec.approval.stages[0].fallbackApprovers: Required value: only managers, sponsors or owners approve here, and somebody may have none: name fallbackApprovers, for example fallbackApprovers: [{group: {displayName: Approvers}}]",
                ],
            ),
            (
                "a manager of a manager of a manager",
                "{approval: {stages: [{approvers: [{requestorManager: {level: 3}}], fallbackApprovers: [{user: {userPrincipalName: bob@contoso.com}}]}]}}",
                &[
                    "spec.approval.stages[0].approvers[0].requestorManager.level: Invalid value: 3: must be 1, the manager, or 2, the manager's manager",
                ],
            ),
            (
                "a fallback approver without anything",
                "{approval: {stages: [{approvers: [{requestorManager: {}}], fallbackApprovers: [{}]}]}}",
                &[
                    "spec.approval.stages[0].fallbackApprovers[0]: Invalid value: a fallback approver needs exactly one of user, group; for example {group: {displayName: Approvers}}",
                ],
            ),
            (
                "a fallback approver that is two",
                "{approval: {stages: [{approvers: [{requestorManager: {}}], fallbackApprovers: [{user: {mail: bob@contoso.com}, group: {displayName: Approvers}}]}]}}",
                &[
                    "spec.approval.stages[0].fallbackApprovers[0]: Invalid value: user and group exclude each other: keep one",
                ],
            ),
            (
                "a manager as fallback approver",
                "{approval: {stages: [{approvers: [{requestorManager: {}}], fallbackApprovers: [{requestorManager: {}}]}]}}",
                &[
                    "Error from server (BadRequest): error when creating \"STDIN\": AssignmentPolicy in version \"v1alpha1\" cannot be handled as a AssignmentPolicy: strict decoding error: unknown field \"spec.approval.stages[0].fallbackApprovers[0].requestorManager\"",
                ],
            ),
            (
                "a timeout in hours",
                "{approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}], decisionTimeout: PT48H}]}}",
                &[
                    "spec.approval.stages[0].decisionTimeout: Invalid value: \"PT48H\": must be one to fourteen days, P1D to P14D",
                ],
            ),
        ],
    );
}

#[test]
fn an_escalation_comes_before_the_decision_is_due() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "as late as the timeout",
                "{approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}], decisionTimeout: P5D, escalation: {after: P5D, approvers: [{user: {userPrincipalName: bob@contoso.com}}]}}]}}",
                &[
                    "spec.approval.stages[0].escalation.after: Invalid value: must be shorter than the stage's decisionTimeout: after that the request is denied, and nobody is asked any more",
                ],
            ),
            (
                "later than any timeout",
                "{approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}], escalation: {after: P14D, approvers: [{user: {userPrincipalName: bob@contoso.com}}]}}]}}",
                &[
                    "spec.approval.stages[0].escalation.after: Invalid value: must be shorter than the stage's decisionTimeout: after that the request is denied, and nobody is asked any more",
                    "spec.approval.stages[0].escalation.after: Invalid value: \"P14D\": must be one to thirteen days, P1D to P13D",
                ],
            ),
            (
                "nothing",
                "{approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}], escalation: {}}]}}",
                &[
                    "spec.approval.stages[0].escalation.approvers: Required value: at least one approver is needed, for example approvers: [{group: {displayName: Approvers}}]",
                    "spec.approval.stages[0].escalation.after: Required value: say when, for example after: P7D",
                ],
            ),
            (
                "managers only",
                "{approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}], escalation: {after: P7D, approvers: [{requestorManager: {}}]}}]}}",
                &[
                    "spec.approval.stages[0].escalation.fallbackApprovers: Required value: only managers, sponsors or owners are asked here, and somebody may have none: name fallbackApprovers, for example fallbackApprovers: [{group: {displayName: Approvers}}]",
                ],
            ),
        ],
    );
}

#[test]
fn access_ends_in_one_way() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "in none",
                "{expiration: {}}",
                &[
                    "spec.expiration: Invalid value: expiration needs exactly one of never, afterDateTime, afterDuration; for example expiration: {afterDuration: P90D}",
                ],
            ),
            (
                "in two",
                "{expiration: {never: {}, afterDuration: P90D}}",
                &[
                    "spec.expiration: Invalid value: never, afterDateTime and afterDuration exclude each other: keep one",
                ],
            ),
            (
                "a duration without its P",
                "{expiration: {afterDuration: 90D}}",
                &[
                    "spec.expiration.afterDuration: Invalid value: \"90D\": must be an ISO 8601 duration of days and hours: P90D is ninety days, PT8H eight hours",
                ],
            ),
            (
                "a duration in months",
                "{expiration: {afterDuration: P3M}}",
                &[
                    "spec.expiration.afterDuration: Invalid value: \"P3M\": must be an ISO 8601 duration of days and hours: P90D is ninety days, PT8H eight hours",
                ],
            ),
            (
                "no time at all",
                "{expiration: {afterDuration: P0D}}",
                &[
                    "spec.expiration.afterDuration: Invalid value: \"P0D\": must be an ISO 8601 duration of days and hours: P90D is ninety days, PT8H eight hours",
                ],
            ),
            (
                "a day without its time",
                "{expiration: {afterDateTime: \"2027-12-31\"}}",
                &[
                    "spec.expiration.afterDateTime: Invalid value: \"2027-12-31\": must be a time with its zone, such as 2027-12-31T00:00:00Z",
                ],
            ),
            (
                "a day that is none",
                "{expiration: {afterDateTime: \"2027-13-31T00:00:00Z\"}}",
                &[
                    "spec.expiration.afterDateTime: Invalid value: \"2027-13-31T00:00:00Z\": must be a time with its zone, such as 2027-12-31T00:00:00Z",
                ],
            ),
        ],
    );
}

#[test]
fn a_policy_is_taken_over_in_one_way_and_with_a_word_about_its_end() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "by name without deletionPolicy",
                "{adoption: ByName}",
                &[
                    "spec.deletionPolicy: Required value: what is taken over needs an explicit deletionPolicy: Orphan leaves it in Entra when this object is deleted, Delete and DeleteWithAssignments do not",
                ],
            ),
            (
                "by id without deletionPolicy",
                "{id: 4540a08f-8ab5-43f6-a923-015275799197}",
                &[
                    "spec.deletionPolicy: Required value: what is taken over needs an explicit deletionPolicy: Orphan leaves it in Entra when this object is deleted, Delete and DeleteWithAssignments do not",
                ],
            ),
            (
                "in two ways",
                "{id: 4540a08f-8ab5-43f6-a923-015275799197, adoption: ByName, deletionPolicy: Orphan}",
                &["spec.adoption: Invalid value: id and adoption: ByName exclude each other: keep one"],
            ),
            (
                "by an id that is none",
                "{id: Marketing, deletionPolicy: Orphan}",
                &[
                    "spec.id: Invalid value: \"Marketing\": must be the policy's id, such as 4540a08f-8ab5-43f6-a923-015275799197",
                ],
            ),
        ],
    );
}

#[test]
fn a_policy_never_becomes_another_policy_or_moves() {
    refuses_changes(
        Kind::AssignmentPolicy,
        &[
            (
                "another package",
                "{}",
                "{accessPackageRef: {name: sales}}",
                &[
                    "spec.accessPackageRef: Forbidden: accessPackageRef is immutable: a policy belongs to one package; create another AssignmentPolicy instead",
                ],
            ),
            (
                "no package",
                "{}",
                "{accessPackageRef: null}",
                &[
                    "spec.accessPackageRef: Required value: name the AccessPackage, for example accessPackageRef: {name: marketing-campaign}",
                ],
            ),
            (
                "another id",
                "{id: 4540a08f-8ab5-43f6-a923-015275799197, deletionPolicy: Orphan}",
                "{id: 99999999-8ab5-43f6-a923-015275799197, deletionPolicy: Orphan}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another AssignmentPolicy instead",
                ],
            ),
            (
                "an id added",
                "{}",
                "{id: 4540a08f-8ab5-43f6-a923-015275799197, deletionPolicy: Orphan}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another AssignmentPolicy instead",
                ],
            ),
            (
                "the id removed",
                "{id: 4540a08f-8ab5-43f6-a923-015275799197, deletionPolicy: Orphan}",
                "{}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another AssignmentPolicy instead",
                ],
            ),
        ],
    );
}

#[test]
fn a_policy_may_change_in_all_else() {
    accepts_changes(
        Kind::AssignmentPolicy,
        &[(
            "other requestors, no approval, no end",
            "{}",
            "{displayName: Policy, requestors: {scope: SpecificDirectoryUsers, targets: [{group: {displayName: Marketing}}]}, approval: {notRequired: {}}, expiration: {never: {}}}",
        )],
    );
}

#[test]
fn a_rule_is_the_only_way_in_of_its_policy() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "beside all else",
                "{automatic: {rule: (user.accountEnabled -eq true)}, questions: [{name: why, prompt: Why?, text: {}}]}",
                &[
                    "spec.requestors: Invalid value: a rule assigns here, and nobody requests: keep one of automatic and requestors",
                    "spec.approval: Invalid value: a rule assigns here, and nobody approves: remove approval",
                    "spec.expiration: Invalid value: access by a rule ends when the rule matches no longer: remove expiration",
                    "spec.questions: Invalid value: a rule assigns here, and nobody is asked: remove questions",
                ],
            ),
            (
                "a rule without words",
                "{requestors: null, approval: null, expiration: null, automatic: {gracePeriod: P1M}}",
                &[
                    "spec.automatic.rule: Required value: write a membership rule, for example rule: (user.accountEnabled -eq true)",
                    "spec.automatic.gracePeriod: Invalid value: \"P1M\": must be an ISO 8601 duration of days and hours: P7D is seven days, PT8H eight hours",
                ],
            ),
        ],
    );
    refuses_changes(
        Kind::AssignmentPolicy,
        &[(
            "a rule in place of requests",
            "{}",
            "{requestors: null, approval: null, expiration: null, automatic: {rule: (user.accountEnabled -eq true)}}",
            &[
                "spec.automatic: Forbidden: the way in is immutable: a policy is requested, or assigns by a rule; create another AssignmentPolicy instead",
            ],
        )],
    );
}

#[test]
fn whoever_acts_for_others_is_said() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "nobody",
                "{requestors: {scope: AllMemberUsers, onBehalf: {add: true}}}",
                &[
                    "spec.requestors.onBehalf.requestors: Required value: say who may act for others, for example requestors: [{targetManager: {level: 1}}]",
                ],
            ),
            (
                "for nobody",
                "{requestors: {scope: None, onBehalf: {add: true, requestors: [{targetManager: {level: 1}}]}}}",
                &[
                    "spec.requestors.onBehalf: Invalid value: scope None means that nobody can request, for others neither: set add and update to false, or choose another scope",
                ],
            ),
            (
                "somebody who is none, two, or too far up",
                "{requestors: {scope: AllMemberUsers, onBehalf: {requestors: [{}, {user: {mail: ann@contoso.com}, targetManager: {}}, {targetManager: {level: 5}}]}}}",
                &[
                    "spec.requestors.onBehalf.requestors[0]: Invalid value: it needs exactly one of user, group, targetManager; for example {targetManager: {level: 1}}",
                    "spec.requestors.onBehalf.requestors[1]: Invalid value: user, group and targetManager exclude each other: keep one",
                    "spec.requestors.onBehalf.requestors[2].targetManager.level: Invalid value: 5: must be 1, the manager, to 4, the fourth level",
                ],
            ),
        ],
    );
}

#[test]
fn a_review_says_how_often_who_decides_and_what_becomes_of_the_rest() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "nothing",
                "{review: {}}",
                &[
                    "spec.review.every: Required value: say how often, for example every: Quarterly",
                    "spec.review.ifNoDecision: Required value: say what becomes of access that nobody decides on, for example ifNoDecision: RemoveAccess",
                    "spec.review.reviewers: Required value: say who decides, for example reviewers: [{targetManager: {level: 1}}]; or selfReview: true",
                ],
            ),
            (
                "longer than a week, every week",
                "{review: {every: Weekly, ifNoDecision: RemoveAccess, selfReview: true}}",
                &["spec.review.lasts: Invalid value: must be shorter than the time from one review to the next"],
            ),
            (
                "a day that is none",
                "{review: {every: Monthly, ifNoDecision: RemoveAccess, selfReview: true, startsOn: 1.1.2027}}",
                &["spec.review.startsOn: Invalid value: \"1.1.2027\": must be a day such as 2027-01-01"],
            ),
            (
                "hours",
                "{review: {every: Monthly, ifNoDecision: RemoveAccess, selfReview: true, lasts: PT8H}}",
                &["spec.review.lasts: Invalid value: \"PT8H\": must be a number of days, such as P14D"],
            ),
            (
                "reviewers beside everybody, and some that are none or two",
                "{review: {every: Monthly, ifNoDecision: RemoveAccess, selfReview: true, reviewers: [{}, {user: {mail: ann@contoso.com}, targetManager: {}}]}}",
                &[
                    "spec.review.reviewers: Invalid value: selfReview and reviewers exclude each other: keep one",
                    "spec.review.reviewers[0]: Invalid value: a reviewer needs exactly one of user, group, targetManager; for example {targetManager: {level: 1}}",
                    "spec.review.reviewers[1]: Invalid value: user, group and targetManager exclude each other: keep one",
                ],
            ),
            (
                "managers only",
                "{review: {every: Monthly, ifNoDecision: RemoveAccess, reviewers: [{targetManager: {}}]}}",
                &[
                    "spec.review.fallbackReviewers: Required value: only managers decide here, and somebody may have none: name fallbackReviewers, for example fallbackReviewers: [{group: {displayName: Reviewers}}]",
                ],
            ),
        ],
    );
}

#[test]
fn an_extension_has_a_stage_and_is_named_in_one_way() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "no stage and no name",
                "{extensions: [{}]}",
                &[
                    "spec.extensions[0].stage: Required value: say when it runs, for example stage: AssignmentRequestGranted",
                    "spec.extensions[0]: Invalid value: an extension needs exactly one of displayName, id; for example displayName: Open a ticket",
                ],
            ),
            (
                "two names, and no id of Entra's",
                "{extensions: [{stage: AssignmentRequestRemoved, displayName: Ticket, id: ticket}]}",
                &[
                    "spec.extensions[0]: Invalid value: displayName and id exclude each other: keep one",
                    "spec.extensions[0].id: Invalid value: \"ticket\": must be the extension's id, such as 78eaee8c-e6cf-48c9-8f99-aae44c35e379",
                ],
            ),
        ],
    );
}

#[test]
fn a_question_has_words_and_one_kind_of_answer() {
    refuses(
        Kind::AssignmentPolicy,
        &[
            (
                "no words and no answer",
                "{questions: [{name: why}]}",
                &[
                    "spec.questions[0].prompt: Required value: write the question, for example prompt: Why do you need it?",
                    "spec.questions[0]: Invalid value: a question is answered by exactly one of text, choice; for example text: {singleLine: true}",
                ],
            ),
            (
                "two kinds of answer, and nothing to choose",
                "{questions: [{name: why, prompt: Why?, text: {}, choice: {}}]}",
                &[
                    "spec.questions[0]: Invalid value: text and choice exclude each other: keep one",
                    "spec.questions[0].choice.choices: Required value: say what can be chosen, for example choices: [{value: emea, text: Europe}, {value: apac}]",
                ],
            ),
            (
                "choices without a value",
                "{questions: [{name: why, prompt: Why?, choice: {choices: [{text: Europe}]}}]}",
                &[
                    "spec.questions[0].choice.choices[0].value: Required value: say what is recorded, for example value: emea",
                ],
            ),
            (
                "languages without a name, texts without words",
                "{questions: [{name: why, prompt: Why?, localizations: [{language: german, text: Warum?}, {}], text: {}}]}",
                &[
                    "spec.questions[0].localizations[0].language: Invalid value: \"german\": must be a language code such as de or pt-br",
                    "spec.questions[0].localizations[1].language: Required value: say in which language, for example language: de",
                    "spec.questions[0].localizations[1].text: Required value: write the text in this language",
                ],
            ),
        ],
    );
}
