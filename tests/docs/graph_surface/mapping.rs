//! What becomes of each property and value of v1.0: data, in the order of the page.

pub(super) enum Answer {
    /// These fields of `spec` write it: the kind, the path, and `: value` where one value of the field does.
    By(&'static [&'static str]),
    /// None does, for this reason.
    Not(&'static str),
}
use Answer::{By, Not};

/// In place of a property: all of the type.
pub(super) const ALL: &str = "*";

const WORKFLOWS: Answer =
    Not("an extension is made in Azure, together with the Logic App whose address it holds; policies name it");
const AZURE_ROLES: Answer = Not(
    "it tells apart roles of Azure resources, which are no resources here; eligible roles of groups have names of their own: EligibleMember, EligibleOwner",
);
const ENVIRONMENTS: Answer =
    Not("the service describes the environment; a site is put into one by its address, which is originId");

const TIME: Answer = Not("the service writes it");
const LABEL: Answer = Not("a label beside the id, which is what counts");

pub(super) const MAPPING: &[(&str, &[(&str, Answer)])] = &[
    (
        "accessPackageAssignmentPolicy",
        &[
            (
                "allowedTargetScope",
                By(&["AssignmentPolicy requestors.scope", "AssignmentPolicy automatic.rule"]),
            ),
            ("automaticRequestSettings", By(&["AssignmentPolicy automatic"])),
            ("createdDateTime", TIME),
            ("modifiedDateTime", TIME),
            ("description", By(&["AssignmentPolicy description"])),
            ("displayName", By(&["AssignmentPolicy displayName"])),
            ("expiration", By(&["AssignmentPolicy expiration"])),
            ("notificationSettings", By(&["AssignmentPolicy notifications"])),
            (
                "requestApprovalSettings",
                By(&["AssignmentPolicy approval", "AssignmentPolicy requestors.justification"]),
            ),
            (
                "requestorSettings",
                By(&[
                    "AssignmentPolicy requestors.selfService",
                    "AssignmentPolicy requestors.onBehalf",
                ]),
            ),
            ("reviewSettings", By(&["AssignmentPolicy review"])),
            (
                "specificAllowedTargets",
                By(&["AssignmentPolicy requestors.targets", "AssignmentPolicy automatic.rule"]),
            ),
            ("accessPackage", By(&["AssignmentPolicy accessPackageRef"])),
            ("catalog", Not("it is the catalog of the package")),
            ("customExtensionStageSettings", By(&["AssignmentPolicy extensions"])),
            ("questions", By(&["AssignmentPolicy questions"])),
        ],
    ),
    (
        "accessPackage",
        &[
            ("createdDateTime", TIME),
            ("modifiedDateTime", TIME),
            ("description", By(&["AccessPackage description"])),
            ("displayName", By(&["AccessPackage displayName"])),
            ("isHidden", By(&["AccessPackage hidden"])),
            (
                "accessPackagesIncompatibleWith",
                Not("the same pairs from the other side: they are written at the package that excludes"),
            ),
            ("assignmentPolicies", By(&["AssignmentPolicy accessPackageRef"])),
            ("catalog", By(&["AccessPackage catalogRef"])),
            (
                "incompatibleAccessPackages",
                By(&["AccessPackage incompatibleWith.accessPackages"]),
            ),
            ("incompatibleGroups", By(&["AccessPackage incompatibleWith.groups"])),
            ("resourceRoleScopes", By(&["AccessPackage resourceRoles"])),
        ],
    ),
    (
        "accessPackageCatalog",
        &[
            (
                "catalogType",
                Not("the service says whether people made it; it cannot be written"),
            ),
            ("createdDateTime", TIME),
            ("modifiedDateTime", TIME),
            ("description", By(&["Catalog description"])),
            ("displayName", By(&["Catalog displayName"])),
            ("isExternallyVisible", By(&["Catalog externallyVisible"])),
            ("state", By(&["Catalog state"])),
            ("accessPackages", By(&["AccessPackage catalogRef"])),
            ("customWorkflowExtensions", WORKFLOWS),
            (
                "resourceRoles",
                Not(
                    "the service makes them of the resources; what may be handed out of them is `resources[].roles` of the Catalog",
                ),
            ),
            ("resources", By(&["Catalog resources"])),
            (
                "resourceScopes",
                Not("the service makes them of the resources; each package takes the whole resource"),
            ),
        ],
    ),
    (
        "connectedOrganization",
        &[
            ("createdDateTime", TIME),
            ("description", By(&["ConnectedOrganization description"])),
            ("displayName", By(&["ConnectedOrganization displayName"])),
            ("externalSponsors", By(&["ConnectedOrganization externalSponsors"])),
            ("identitySources", By(&["ConnectedOrganization identitySource"])),
            ("internalSponsors", By(&["ConnectedOrganization internalSponsors"])),
            ("modifiedDateTime", TIME),
            ("state", By(&["ConnectedOrganization state"])),
        ],
    ),
    (
        "accessPackageQuestion",
        &[
            ("isAnswerEditable", By(&["AssignmentPolicy questions[].editable"])),
            ("isRequired", By(&["AssignmentPolicy questions[].required"])),
            ("localizations", By(&["AssignmentPolicy questions[].localizations"])),
            ("sequence", By(&["AssignmentPolicy questions"])),
            ("text", By(&["AssignmentPolicy questions[].prompt"])),
        ],
    ),
    (
        "accessPackageTextInputQuestion",
        &[
            (
                "isSingleLineQuestion",
                By(&["AssignmentPolicy questions[].text.singleLine"]),
            ),
            ("regexPattern", By(&["AssignmentPolicy questions[].text.regex"])),
        ],
    ),
    (
        "accessPackageMultipleChoiceQuestion",
        &[
            ("choices", By(&["AssignmentPolicy questions[].choice.choices"])),
            (
                "isMultipleSelectionAllowed",
                By(&["AssignmentPolicy questions[].choice.multiple"]),
            ),
        ],
    ),
    (
        "accessPackageLocalizedText",
        &[
            (
                "languageCode",
                By(&[
                    "AssignmentPolicy questions[].localizations[].language",
                    "AssignmentPolicy questions[].choice.choices[].localizations[].language",
                ]),
            ),
            (
                "text",
                By(&[
                    "AssignmentPolicy questions[].localizations[].text",
                    "AssignmentPolicy questions[].choice.choices[].localizations[].text",
                ]),
            ),
        ],
    ),
    (
        "accessPackageAnswerChoice",
        &[
            (
                "actualValue",
                By(&["AssignmentPolicy questions[].choice.choices[].value"]),
            ),
            (
                "localizations",
                By(&["AssignmentPolicy questions[].choice.choices[].localizations"]),
            ),
            ("text", By(&["AssignmentPolicy questions[].choice.choices[].text"])),
        ],
    ),
    (
        "customExtensionStageSetting",
        &[
            ("stage", By(&["AssignmentPolicy extensions[].stage"])),
            (
                "customExtension",
                By(&[
                    "AssignmentPolicy extensions[].displayName",
                    "AssignmentPolicy extensions[].id",
                ]),
            ),
        ],
    ),
    (
        "accessPackageCustomExtensionStage",
        &[(ALL, By(&["AssignmentPolicy extensions[].stage"]))],
    ),
    (
        "accessPackageResourceRoleScope",
        &[
            ("createdDateTime", TIME),
            ("role", By(&["AccessPackage resourceRoles[].role"])),
            ("scope", By(&["AccessPackage resourceRoles[].resource"])),
        ],
    ),
    (
        "accessPackageResourceRole",
        &[
            ("description", Not("the service takes it from the origin")),
            ("displayName", By(&["AccessPackage resourceRoles[].role"])),
            ("originId", By(&["AccessPackage resourceRoles[].role"])),
            ("originSystem", By(&["AccessPackage resourceRoles[].resource"])),
            ("type", AZURE_ROLES),
            ("resource", By(&["AccessPackage resourceRoles[].resource"])),
        ],
    ),
    (
        "roleType",
        &[
            ("active", AZURE_ROLES),
            ("eligible", AZURE_ROLES),
            (
                "application",
                Not("of permissions that applications have, which no catalog takes"),
            ),
            (
                "delegated",
                Not("of permissions that applications have, which no catalog takes"),
            ),
        ],
    ),
    (
        "accessPackageResourceScope",
        &[
            ("description", Not("the service takes it from the origin")),
            (
                "displayName",
                Not("the service names it: each package takes the whole resource"),
            ),
            (
                "isRootScope",
                Not("true always: the kinds of resources that v1.0 takes have one scope, the whole"),
            ),
            ("originId", By(&["AccessPackage resourceRoles[].resource"])),
            ("originSystem", By(&["AccessPackage resourceRoles[].resource"])),
            ("resource", By(&["AccessPackage resourceRoles[].resource"])),
        ],
    ),
    (
        "accessPackageResource",
        &[
            ("attributes", By(&["Catalog resources[].attributes"])),
            ("createdDateTime", TIME),
            ("modifiedDateTime", TIME),
            ("description", Not("the service takes it from the origin")),
            (
                "displayName",
                Not("the service takes it from the origin; in the Catalog it is `resources[].name`"),
            ),
            (
                "originId",
                By(&[
                    "Catalog resources[].group",
                    "Catalog resources[].application",
                    "Catalog resources[].sharePointSite",
                    "Catalog resources[].directoryRole",
                ]),
            ),
            (
                "originSystem",
                By(&[
                    "Catalog resources[].group",
                    "Catalog resources[].application",
                    "Catalog resources[].sharePointSite",
                    "Catalog resources[].directoryRole",
                ]),
            ),
            ("environment", By(&["Catalog resources[].environment"])),
            ("roles", By(&["Catalog resources[].roles"])),
            (
                "scopes",
                Not("the service makes them: each package takes the whole resource"),
            ),
            (
                "uploadSessions",
                Not("files that people upload for resources whose access is provided by hand: no setting"),
            ),
        ],
    ),
    (
        "accessPackageResourceAttribute",
        &[
            ("destination", By(&["Catalog resources[].attributes"])),
            ("isEditable", By(&["Catalog resources[].attributes[].editable"])),
            (
                "isPersistedOnAssignmentRemoval",
                By(&["Catalog resources[].attributes[].keptAfterRemoval"]),
            ),
            ("name", By(&["Catalog resources[].attributes[].name"])),
            ("source", By(&["Catalog resources[].attributes[].question"])),
        ],
    ),
    (
        "accessPackageResourceAttributeQuestion",
        &[("question", By(&["Catalog resources[].attributes[].question"]))],
    ),
    (
        "accessPackageUserDirectoryAttributeStore",
        &[(ALL, By(&["Catalog resources[].attributes"]))],
    ),
    (
        "accessPackageResourceEnvironment",
        &[
            ("connectionInfo", ENVIRONMENTS),
            ("createdDateTime", TIME),
            ("description", ENVIRONMENTS),
            ("displayName", ENVIRONMENTS),
            ("isDefaultEnvironment", ENVIRONMENTS),
            ("modifiedDateTime", TIME),
            ("originId", By(&["Catalog resources[].environment"])),
            (
                "originSystem",
                Not("SharePointOnline always: no other system has environments"),
            ),
            (
                "resources",
                Not("the service lists them; each resource says which environment it is in"),
            ),
        ],
    ),
    ("connectionInfo", &[(ALL, ENVIRONMENTS)]),
    (
        "accessPackageApprovalStage",
        &[
            (
                "approverInformationVisibility",
                By(&["AssignmentPolicy approval.stages[].approverVisibility"]),
            ),
            (
                "durationBeforeAutomaticDenial",
                By(&["AssignmentPolicy approval.stages[].decisionTimeout"]),
            ),
            (
                "durationBeforeEscalation",
                By(&["AssignmentPolicy approval.stages[].escalation.after"]),
            ),
            (
                "escalationApprovers",
                By(&["AssignmentPolicy approval.stages[].escalation.approvers"]),
            ),
            (
                "fallbackEscalationApprovers",
                By(&["AssignmentPolicy approval.stages[].escalation.fallbackApprovers"]),
            ),
            (
                "fallbackPrimaryApprovers",
                By(&["AssignmentPolicy approval.stages[].fallbackApprovers"]),
            ),
            (
                "isApproverJustificationRequired",
                By(&["AssignmentPolicy approval.stages[].justification"]),
            ),
            (
                "isEscalationEnabled",
                By(&["AssignmentPolicy approval.stages[].escalation"]),
            ),
            (
                "primaryApprovers",
                By(&["AssignmentPolicy approval.stages[].approvers"]),
            ),
        ],
    ),
    (
        "accessPackageDynamicApprovalStage",
        &[(
            ALL,
            Not(
                "a program that answers during a request decides who approves; it is told by a callback, which the service makes and nobody declares",
            ),
        )],
    ),
    (
        "approverInformationVisibility",
        &[
            (
                "default",
                By(&["AssignmentPolicy approval.stages[].approverVisibility: Default"]),
            ),
            (
                "notVisible",
                By(&["AssignmentPolicy approval.stages[].approverVisibility: NotVisible"]),
            ),
            (
                "visible",
                By(&["AssignmentPolicy approval.stages[].approverVisibility: Visible"]),
            ),
        ],
    ),
    (
        "accessPackageAssignmentApprovalSettings",
        &[
            (
                "isApprovalRequiredForAdd",
                By(&[
                    "AssignmentPolicy approval.stages",
                    "AssignmentPolicy approval.notRequired",
                ]),
            ),
            (
                "isApprovalRequiredForUpdate",
                By(&["AssignmentPolicy approval.requiredForUpdate"]),
            ),
            (
                "isRequestorJustificationRequired",
                By(&["AssignmentPolicy requestors.justification"]),
            ),
            ("stages", By(&["AssignmentPolicy approval.stages"])),
        ],
    ),
    (
        "accessPackageAssignmentRequestorSettings",
        &[
            (
                "allowCustomAssignmentSchedule",
                By(&["AssignmentPolicy requestors.selfService.customSchedule"]),
            ),
            (
                "enableOnBehalfRequestorsToAddAccess",
                By(&["AssignmentPolicy requestors.onBehalf.add"]),
            ),
            (
                "enableOnBehalfRequestorsToRemoveAccess",
                By(&["AssignmentPolicy requestors.onBehalf.remove"]),
            ),
            (
                "enableOnBehalfRequestorsToUpdateAccess",
                By(&["AssignmentPolicy requestors.onBehalf.update"]),
            ),
            (
                "enableTargetsToSelfAddAccess",
                By(&["AssignmentPolicy requestors.selfService.add"]),
            ),
            (
                "enableTargetsToSelfRemoveAccess",
                By(&["AssignmentPolicy requestors.selfService.remove"]),
            ),
            (
                "enableTargetsToSelfUpdateAccess",
                By(&["AssignmentPolicy requestors.selfService.update"]),
            ),
            (
                "onBehalfRequestors",
                By(&["AssignmentPolicy requestors.onBehalf.requestors"]),
            ),
        ],
    ),
    (
        "accessPackageAssignmentReviewSettings",
        &[
            ("expirationBehavior", By(&["AssignmentPolicy review.ifNoDecision"])),
            ("fallbackReviewers", By(&["AssignmentPolicy review.fallbackReviewers"])),
            ("isEnabled", By(&["AssignmentPolicy review"])),
            (
                "isRecommendationEnabled",
                By(&["AssignmentPolicy review.recommendations"]),
            ),
            (
                "isReviewerJustificationRequired",
                By(&["AssignmentPolicy review.justification"]),
            ),
            ("isSelfReview", By(&["AssignmentPolicy review.selfReview"])),
            ("primaryReviewers", By(&["AssignmentPolicy review.reviewers"])),
            (
                "schedule",
                By(&[
                    "AssignmentPolicy review.every",
                    "AssignmentPolicy review.startsOn",
                    "AssignmentPolicy review.lasts",
                ]),
            ),
        ],
    ),
    (
        "accessPackageAutomaticRequestSettings",
        &[
            (
                "gracePeriodBeforeAccessRemoval",
                By(&["AssignmentPolicy automatic.gracePeriod"]),
            ),
            (
                "removeAccessWhenTargetLeavesAllowedTargets",
                By(&["AssignmentPolicy automatic.removeWhenNoLongerMatching"]),
            ),
            ("requestAccessForAllowedTargets", By(&["AssignmentPolicy automatic"])),
        ],
    ),
    (
        "accessPackageNotificationSettings",
        &[(
            "isAssignmentNotificationDisabled",
            By(&["AssignmentPolicy notifications.assignment"]),
        )],
    ),
    (
        "accessPackageCatalogState",
        &[
            ("unpublished", By(&["Catalog state: Unpublished"])),
            ("published", By(&["Catalog state: Published"])),
        ],
    ),
    (
        "accessPackageCatalogType",
        &[(
            ALL,
            Not("the service says whether people made it; it cannot be written"),
        )],
    ),
    (
        "accessReviewExpirationBehavior",
        &[
            ("keepAccess", By(&["AssignmentPolicy review.ifNoDecision: KeepAccess"])),
            (
                "removeAccess",
                By(&["AssignmentPolicy review.ifNoDecision: RemoveAccess"]),
            ),
            (
                "acceptAccessRecommendation",
                By(&["AssignmentPolicy review.ifNoDecision: TakeRecommendation"]),
            ),
        ],
    ),
    (
        "allowedTargetScope",
        &[
            ("notSpecified", By(&["AssignmentPolicy requestors.scope: None"])),
            (
                "specificDirectoryUsers",
                By(&[
                    "AssignmentPolicy requestors.scope: SpecificDirectoryUsers",
                    "AssignmentPolicy automatic.rule",
                ]),
            ),
            (
                "specificConnectedOrganizationUsers",
                By(&["AssignmentPolicy requestors.scope: SpecificConnectedOrganizationUsers"]),
            ),
            (
                "specificDirectoryServicePrincipals",
                By(&["AssignmentPolicy requestors.scope: SpecificDirectoryServicePrincipals"]),
            ),
            (
                "allMemberUsers",
                By(&["AssignmentPolicy requestors.scope: AllMemberUsers"]),
            ),
            (
                "allDirectoryUsers",
                By(&["AssignmentPolicy requestors.scope: AllDirectoryUsers"]),
            ),
            (
                "allDirectoryServicePrincipals",
                By(&["AssignmentPolicy requestors.scope: AllDirectoryServicePrincipals"]),
            ),
            (
                "allConfiguredConnectedOrganizationUsers",
                By(&["AssignmentPolicy requestors.scope: AllConfiguredConnectedOrganizationUsers"]),
            ),
            (
                "allExternalUsers",
                By(&["AssignmentPolicy requestors.scope: AllExternalUsers"]),
            ),
            (
                "allDirectoryAgentIdentities",
                By(&["AssignmentPolicy requestors.scope: AllDirectoryAgentIdentities"]),
            ),
        ],
    ),
    (
        "attributeRuleMembers",
        &[
            ("description", LABEL),
            ("membershipRule", By(&["AssignmentPolicy automatic.rule"])),
        ],
    ),
    (
        "connectedOrganizationMembers",
        &[
            (
                "connectedOrganizationId",
                By(&["AssignmentPolicy requestors.targets[].connectedOrganization"]),
            ),
            ("description", LABEL),
        ],
    ),
    (
        "externalSponsors",
        &[(
            ALL,
            By(&[
                "AssignmentPolicy approval.stages[].approvers[].externalSponsors",
                "AssignmentPolicy approval.stages[].escalation.approvers[].externalSponsors",
            ]),
        )],
    ),
    (
        "internalSponsors",
        &[(
            ALL,
            By(&[
                "AssignmentPolicy approval.stages[].approvers[].internalSponsors",
                "AssignmentPolicy approval.stages[].escalation.approvers[].internalSponsors",
            ]),
        )],
    ),
    (
        "groupMembers",
        &[
            ("description", LABEL),
            (
                "groupId",
                By(&[
                    "AssignmentPolicy requestors.targets[].group",
                    "AssignmentPolicy requestors.onBehalf.requestors[].group",
                    "AssignmentPolicy approval.stages[].approvers[].group",
                    "AssignmentPolicy approval.stages[].escalation.approvers[].group",
                    "AssignmentPolicy approval.stages[].fallbackApprovers[].group",
                    "AssignmentPolicy approval.stages[].escalation.fallbackApprovers[].group",
                    "AssignmentPolicy review.reviewers[].group",
                    "AssignmentPolicy review.fallbackReviewers[].group",
                ]),
            ),
        ],
    ),
    (
        "identityGovernance.groupBasedSubjectSet",
        &[(ALL, Not("of lifecycle workflows; no policy takes it"))],
    ),
    (
        "identityGovernance.ruleBasedSubjectSet",
        &[(ALL, Not("of lifecycle workflows; no policy takes it"))],
    ),
    (
        "requestorManager",
        &[(
            "managerLevel",
            By(&[
                "AssignmentPolicy approval.stages[].approvers[].requestorManager.level",
                "AssignmentPolicy approval.stages[].escalation.approvers[].requestorManager.level",
            ]),
        )],
    ),
    (
        "singleServicePrincipal",
        &[
            ("description", LABEL),
            (
                "servicePrincipalId",
                By(&["AssignmentPolicy requestors.targets[].servicePrincipal"]),
            ),
        ],
    ),
    (
        "singleUser",
        &[
            ("description", LABEL),
            (
                "userId",
                By(&[
                    "AssignmentPolicy requestors.targets[].user",
                    "AssignmentPolicy requestors.onBehalf.requestors[].user",
                    "AssignmentPolicy approval.stages[].approvers[].user",
                    "AssignmentPolicy approval.stages[].escalation.approvers[].user",
                    "AssignmentPolicy approval.stages[].fallbackApprovers[].user",
                    "AssignmentPolicy approval.stages[].escalation.fallbackApprovers[].user",
                    "AssignmentPolicy review.reviewers[].user",
                    "AssignmentPolicy review.fallbackReviewers[].user",
                ]),
            ),
        ],
    ),
    (
        "targetAgentIdentitySponsorsOrOwners",
        &[(
            ALL,
            By(&[
                "AssignmentPolicy approval.stages[].approvers[].targetAgentIdentitySponsorsOrOwners",
                "AssignmentPolicy approval.stages[].escalation.approvers[].targetAgentIdentitySponsorsOrOwners",
            ]),
        )],
    ),
    (
        "targetApplicationOwners",
        &[(
            ALL,
            By(&[
                "AssignmentPolicy approval.stages[].approvers[].targetApplicationOwners",
                "AssignmentPolicy approval.stages[].escalation.approvers[].targetApplicationOwners",
            ]),
        )],
    ),
    (
        "targetManager",
        &[(
            "managerLevel",
            By(&[
                "AssignmentPolicy approval.stages[].approvers[].targetManager.level",
                "AssignmentPolicy approval.stages[].escalation.approvers[].targetManager.level",
                "AssignmentPolicy requestors.onBehalf.requestors[].targetManager.level",
                "AssignmentPolicy review.reviewers[].targetManager.level",
            ]),
        )],
    ),
    (
        "targetUserSponsors",
        &[(
            ALL,
            By(&[
                "AssignmentPolicy approval.stages[].approvers[].targetUserSponsors",
                "AssignmentPolicy approval.stages[].escalation.approvers[].targetUserSponsors",
            ]),
        )],
    ),
    (
        "azureActiveDirectoryTenant",
        &[
            ("displayName", LABEL),
            ("tenantId", By(&["ConnectedOrganization identitySource.tenantId"])),
        ],
    ),
    (
        "crossCloudAzureActiveDirectoryTenant",
        &[
            (
                "cloudInstance",
                By(&["ConnectedOrganization identitySource.crossCloudTenant.cloudInstance"]),
            ),
            ("displayName", LABEL),
            (
                "tenantId",
                By(&["ConnectedOrganization identitySource.crossCloudTenant.tenantId"]),
            ),
        ],
    ),
    (
        "domainIdentitySource",
        &[
            ("displayName", LABEL),
            ("domainName", By(&["ConnectedOrganization identitySource.domain"])),
        ],
    ),
    (
        "externalDomainFederation",
        &[
            ("displayName", LABEL),
            (
                "domainName",
                By(&["ConnectedOrganization identitySource.externalDomainFederation.domain"]),
            ),
            (
                "issuerUri",
                By(&["ConnectedOrganization identitySource.externalDomainFederation.issuerUri"]),
            ),
        ],
    ),
    (
        "connectedOrganizationState",
        &[
            ("configured", By(&["ConnectedOrganization state: Configured"])),
            ("proposed", By(&["ConnectedOrganization state: Proposed"])),
        ],
    ),
    (
        "socialIdentitySource",
        &[
            ("displayName", LABEL),
            (
                "socialIdentitySourceType",
                By(&["ConnectedOrganization identitySource.social"]),
            ),
        ],
    ),
    (
        "socialIdentitySourceType",
        &[(
            "facebook",
            By(&["ConnectedOrganization identitySource.social: Facebook"]),
        )],
    ),
    (
        "entitlementManagementSchedule",
        &[
            ("expiration", By(&["AssignmentPolicy review.lasts"])),
            ("recurrence", By(&["AssignmentPolicy review.every"])),
            ("startDateTime", By(&["AssignmentPolicy review.startsOn"])),
        ],
    ),
    (
        "expirationPattern",
        &[
            (
                "duration",
                By(&[
                    "AssignmentPolicy expiration.afterDuration",
                    "AssignmentPolicy review.lasts",
                ]),
            ),
            ("endDateTime", By(&["AssignmentPolicy expiration.afterDateTime"])),
            ("type", By(&["AssignmentPolicy expiration"])),
        ],
    ),
    (
        "expirationPatternType",
        &[
            (
                "notSpecified",
                Not("it leaves to the service how long access lasts; a spec always says"),
            ),
            ("noExpiration", By(&["AssignmentPolicy expiration.never"])),
            ("afterDateTime", By(&["AssignmentPolicy expiration.afterDateTime"])),
            ("afterDuration", By(&["AssignmentPolicy expiration.afterDuration"])),
        ],
    ),
    (
        "patternedRecurrence",
        &[
            ("pattern", By(&["AssignmentPolicy review.every"])),
            ("range", Not("reviews go on as long as the policy has them")),
        ],
    ),
    (
        "recurrencePattern",
        &[
            ("dayOfMonth", Not("the day on which the series began")),
            (
                "daysOfWeek",
                Not("reviews take none: they are weekly, or every so many months"),
            ),
            (
                "firstDayOfWeek",
                Not("reviews take none: they are weekly, or every so many months"),
            ),
            (
                "index",
                Not("reviews take none: they are weekly, or every so many months"),
            ),
            ("interval", By(&["AssignmentPolicy review.every"])),
            (
                "month",
                Not("reviews take none: they are weekly, or every so many months"),
            ),
            ("type", By(&["AssignmentPolicy review.every"])),
        ],
    ),
    (
        "recurrencePatternType",
        &[
            (
                "daily",
                Not("reviews take none: they are weekly, or every so many months"),
            ),
            ("weekly", By(&["AssignmentPolicy review.every: Weekly"])),
            (
                "absoluteMonthly",
                By(&[
                    "AssignmentPolicy review.every: Monthly",
                    "AssignmentPolicy review.every: Quarterly",
                    "AssignmentPolicy review.every: SemiAnnually",
                    "AssignmentPolicy review.every: Annually",
                ]),
            ),
            (
                "relativeMonthly",
                Not("reviews take none: they are weekly, or every so many months"),
            ),
            ("absoluteYearly", Not("a year is written as twelve months")),
            (
                "relativeYearly",
                Not("reviews take none: they are weekly, or every so many months"),
            ),
        ],
    ),
    (
        "dayOfWeek",
        &[(ALL, Not("reviews take none: they are weekly, or every so many months"))],
    ),
    (
        "weekIndex",
        &[(ALL, Not("reviews take none: they are weekly, or every so many months"))],
    ),
    (
        "recurrenceRange",
        &[(ALL, Not("reviews go on as long as the policy has them"))],
    ),
    (
        "recurrenceRangeType",
        &[
            ("endDate", Not("reviews go on as long as the policy has them")),
            ("noEnd", By(&["AssignmentPolicy review"])),
            ("numbered", Not("reviews go on as long as the policy has them")),
        ],
    ),
];
