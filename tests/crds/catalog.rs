//! Which Catalogs the API server takes, and what it answers to the others.

use crate::cluster::{Kind, NOT_CHECKED, accepts, accepts_changes, refuses, refuses_changes};

#[test]
fn catalogs_as_people_write_them_are_accepted() {
    accepts(
        Kind::Catalog,
        &[
            ("a name", "{}"),
            (
                "an existing catalog",
                "{displayName: null, id: b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1, management: Observe}",
            ),
            (
                "everything about the catalog itself",
                "{tenantRef: {name: contoso}, description: Resources of the marketing department, state: Unpublished, externallyVisible: true, deletionPolicy: Delete}",
            ),
            (
                "a resource of each sort",
                "{resources: [{name: campaign-group, group: {displayName: Marketing Campaign}}, {name: leads, group: {mailNickname: leads}, roles: [Member, Owner]}, {name: crm, application: {appId: 22222222-3333-4444-5555-666666666666}, roles: [Reader]}, {name: portal, sharePointSite: {url: \"https://contoso.sharepoint.com/sites/marketing\"}, roles: [Marketing Visitors]}, {name: wiki, sharePointSite: {id: \"contoso.sharepoint.com,da60e844-ba1d-49bc-b4d4-d5e36bae9019,712a596e-90a1-49e3-9b48-bfa80bee8740\"}, roles: [Wiki Members]}, {name: reports, directoryRole: {roleTemplateId: 4a5d8f65-41da-4de4-8968-e035b65339cf}, roles: [EligibleMember]}]}",
            ),
            (
                "a grant of each sort",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [Reader]}], grants: [{name: a, namespaces: {names: [marketing]}, resources: [crm]}, {name: b, namespaces: {selector: {matchLabels: {team: marketing}}}}, {name: c, namespaces: {selector: {matchExpressions: [{key: team, operator: In, values: [a, b]}, {key: test, operator: DoesNotExist}]}}}, {name: d, namespaces: {all: {}}, limits: {requestorScopes: [AllExternalUsers], approval: Optional, maxDuration: PT8H, unlimitedDuration: Allowed, adoption: Allowed, references: IdsOnly, deletion: [Delete, Orphan]}}]}",
            ),
            (
                "every choice that a grant leaves to a team",
                "{grants: [{name: a, namespaces: {names: [marketing]}, onWithdrawal: CloseRequests, limits: {approvers: {kinds: [RequestorManager, AnyGroup], users: [{userPrincipalName: bob@contoso.com}, {id: 7deff43e-1f17-44ef-9e5f-d516b0ba11d4}], groups: [{displayName: Approvers}]}, extension: Denied, targets: {kinds: [AnyUser], groups: [{mailNickname: marketing}]}, onBehalfRequestors: {kinds: [], users: [{mail: ann@contoso.com}]}, mustAsk: [{name: ticket, regex: \"^CHG[0-9]+$\", message: Name it.}, {name: why, prompt: Why?}], maxPackages: 0, maxPolicies: 60, displayNamePrefix: \"Marketing \"}}]}",
            ),
        ],
    );
}

#[test]
fn a_catalog_has_a_name_or_an_id() {
    refuses(
        Kind::Catalog,
        &[
            (
                "nothing",
                "{displayName: null}",
                &[
                    "spec.displayName: Required value: give displayName to create a catalog, or id to use an existing one",
                ],
            ),
            (
                "an empty name",
                "{displayName: \"\"}",
                &["spec.displayName: Invalid value: \"\": must not be empty"],
            ),
            (
                "an id that is none",
                "{id: marketing}",
                &[
                    "spec.id: Invalid value: \"marketing\": must be the catalog's id, such as b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1",
                ],
            ),
            (
                "a tenant without its name",
                "{tenantRef: {}}",
                &["spec.tenantRef.name: Required value: write the name of the object, for example name: marketing"],
            ),
            (
                "a tenant by its id and domain",
                "{tenantRef: {name: Contoso Ltd}}",
                &[
                    "spec.tenantRef.name: Invalid value: \"Contoso Ltd\": must be the name of a Kubernetes object, such as marketing: lower case letters, digits, hyphens and dots",
                ],
            ),
            (
                "a state that is none",
                "{state: Draft}",
                &[
                    "spec.state: Unsupported value: \"Draft\": supported values: \"Published\", \"Unpublished\"",
                    NOT_CHECKED,
                ],
            ),
            (
                "a field that is none",
                "{extrnallyVisible: true}",
                &[
                    "Error from server (BadRequest): error when creating \"STDIN\": Catalog in version \"v1alpha1\" cannot be handled as a Catalog: strict decoding error: unknown field \"spec.extrnallyVisible\"",
                ],
            ),
        ],
    );
}

#[test]
fn a_resource_is_one_thing_and_says_what_packages_may_hand_out() {
    refuses(
        Kind::Catalog,
        &[
            (
                "nothing behind the name",
                "{resources: [{name: crm}]}",
                &[
                    "spec.resources[0]: Invalid value: a resource needs exactly one of group, application, sharePointSite, directoryRole; for example group: {displayName: Marketing Campaign}",
                ],
            ),
            (
                "two things behind one name",
                "{resources: [{name: crm, group: {displayName: CRM}, application: {displayName: CRM}}]}",
                &[
                    "spec.resources[0]: Invalid value: group, application, sharePointSite and directoryRole exclude each other: keep one",
                    "spec.resources[0].roles: Required value: say which roles packages may hand out, for example roles: [Reader]",
                ],
            ),
            (
                "no name",
                "{resources: [{group: {displayName: CRM}}]}",
                &["spec.resources[0].name: Required value", NOT_CHECKED],
            ),
            (
                "one name twice",
                "{resources: [{name: crm, group: {displayName: A}}, {name: crm, group: {displayName: B}}]}",
                &["spec.resources[1]: Duplicate value: {\"name\":\"crm\"}"],
            ),
            (
                "a name with capitals",
                "{resources: [{name: Campaign Group, group: {displayName: A}}]}",
                &[
                    "spec.resources[0].name: Invalid value: \"Campaign Group\": must consist of lower case letters, digits and hyphens, such as campaign-group",
                ],
            ),
            (
                "an application without roles",
                "{resources: [{name: crm, application: {displayName: CRM}}]}",
                &[
                    "spec.resources[0].roles: Required value: say which roles packages may hand out, for example roles: [Reader]",
                ],
            ),
            (
                "a site without roles",
                "{resources: [{name: portal, sharePointSite: {url: \"https://contoso.sharepoint.com/sites/marketing\"}}]}",
                &[
                    "spec.resources[0].roles: Required value: say which roles packages may hand out, for example roles: [Reader]",
                ],
            ),
            (
                "a role that no group has",
                "{resources: [{name: campaign-group, group: {displayName: A}, roles: [Member, Reader]}]}",
                &[
                    "spec.resources[0].roles: Invalid value: the roles of a group are Member, Owner, EligibleMember and EligibleOwner: write no others",
                ],
            ),
            (
                "a directory role without a way to hold it",
                "{resources: [{name: reports, directoryRole: {roleTemplateId: 4a5d8f65-41da-4de4-8968-e035b65339cf}}]}",
                &[
                    "spec.resources[0].roles: Required value: say which roles packages may hand out, for example roles: [Reader]",
                ],
            ),
            (
                "a way in which no directory role is held",
                "{resources: [{name: reports, directoryRole: {roleTemplateId: 4a5d8f65-41da-4de4-8968-e035b65339cf}, roles: [Member]}]}",
                &[
                    "spec.resources[0].roles: Invalid value: a directory role is held as EligibleMember or ActiveMember: write no others",
                ],
            ),
            (
                "no directory role",
                "{resources: [{name: reports, directoryRole: {}, roles: [EligibleMember]}]}",
                &[
                    "spec.resources[0].directoryRole.roleTemplateId: Required value: say which role, for example roleTemplateId: 4a5d8f65-41da-4de4-8968-e035b65339cf",
                ],
            ),
            (
                "a directory role by its name",
                "{resources: [{name: reports, directoryRole: {roleTemplateId: Reports Reader}, roles: [EligibleMember]}]}",
                &[
                    "spec.resources[0].directoryRole.roleTemplateId: Invalid value: \"Reports Reader\": must be the id of a role's template, such as 4a5d8f65-41da-4de4-8968-e035b65339cf",
                ],
            ),
            (
                "attributes of a group",
                "{resources: [{name: a, group: {displayName: A}, attributes: [{name: jobTitle, question: {prompt: Title?, text: {}}}]}]}",
                &[
                    "spec.resources[0].attributes: Invalid value: requestors are asked for attributes of applications and sites only: remove it",
                ],
            ),
            (
                "an attribute without a question",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [Reader], attributes: [{name: jobTitle}]}]}",
                &[
                    "spec.resources[0].attributes[0].question: Required value: say what is asked, for example question: {prompt: Which cost center pays?, text: {singleLine: true}}",
                ],
            ),
            (
                "an attribute that no user can have",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [Reader], attributes: [{name: cost center, question: {prompt: Which?, text: {}}}]}]}",
                &[
                    "spec.resources[0].attributes[0].name: Invalid value: \"cost center\": must be the name of a user attribute, such as jobTitle or extension_0f7c_costCenter",
                ],
            ),
            (
                "a question that is answered in no way",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [Reader], attributes: [{name: jobTitle, question: {prompt: Title?}}]}]}",
                &[
                    "spec.resources[0].attributes[0].question: Invalid value: a question is answered by exactly one of text, choice; for example text: {singleLine: true}",
                ],
            ),
            (
                "a question of an attribute without words",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [Reader], attributes: [{name: jobTitle, question: {text: {}}}]}]}",
                &[
                    "spec.resources[0].attributes[0].question.prompt: Required value: write the question, for example prompt: Which cost center pays?",
                ],
            ),
            (
                "a choice of an attribute without a value",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [Reader], attributes: [{name: jobTitle, question: {prompt: Title?, choice: {choices: [{text: A}]}}}]}]}",
                &[
                    "spec.resources[0].attributes[0].question.choice.choices[0].value: Required value: say what is kept, for example value: emea",
                ],
            ),
            (
                "an application in an environment",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [Reader], environment: \"https://contoso-admin.sharepoint.com/\"}]}",
                &[
                    "spec.resources[0].environment: Invalid value: only SharePoint sites are in an environment: remove it",
                ],
            ),
            (
                "an environment that is a site",
                "{resources: [{name: portal, sharePointSite: {url: \"https://c.sharepoint.com/sites/m\"}, roles: [V], environment: \"https://c.sharepoint.com/sites/m\"}]}",
                &[
                    "spec.resources[0].environment: Invalid value: \"https://c.sharepoint.com/sites/m\": must be the address of an admin center of SharePoint, such as https://contosoeur-admin.sharepoint.com/",
                ],
            ),
            (
                "an application that is role-assignable",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [Reader], roleAssignable: Allowed}]}",
                &[
                    "spec.resources[0].roleAssignable: Invalid value: only groups can be role-assignable: remove it, or write Denied",
                ],
            ),
            (
                "a role without a name",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [\"\"]}]}",
                &["spec.resources[0].roles[0]: Invalid value: \"\": must not be empty"],
            ),
        ],
    );
}

#[test]
fn a_resource_is_found_in_one_way() {
    refuses(
        Kind::Catalog,
        &[
            (
                "a group without anything",
                "{resources: [{name: a, group: {}}]}",
                &[
                    "spec.resources[0].group: Invalid value: a group needs exactly one of id, displayName, mailNickname, uniqueName; for example group: {displayName: Marketing}",
                ],
            ),
            (
                "a group in two ways",
                "{resources: [{name: a, group: {displayName: A, mailNickname: a}}]}",
                &[
                    "spec.resources[0].group: Invalid value: id, displayName, mailNickname and uniqueName exclude each other: keep one",
                ],
            ),
            (
                "a group by an id that is none",
                "{resources: [{name: a, group: {id: Marketing}}]}",
                &[
                    "spec.resources[0].group.id: Invalid value: \"Marketing\": must be an object id such as 0282e19d-bf41-435d-92a4-99bab93af305",
                ],
            ),
            (
                "an application without anything",
                "{resources: [{name: a, application: {}, roles: [Reader]}]}",
                &[
                    "spec.resources[0].application: Invalid value: an application needs exactly one of appId, servicePrincipalId, displayName; for example application: {displayName: CRM}",
                ],
            ),
            (
                "an application in two ways",
                "{resources: [{name: a, application: {appId: 22222222-3333-4444-5555-666666666666, displayName: CRM}, roles: [Reader]}]}",
                &[
                    "spec.resources[0].application: Invalid value: appId, servicePrincipalId and displayName exclude each other: keep one",
                ],
            ),
            (
                "an application by an id that is none",
                "{resources: [{name: a, application: {appId: CRM}, roles: [Reader]}]}",
                &[
                    "spec.resources[0].application.appId: Invalid value: \"CRM\": must be an application id such as 22222222-3333-4444-5555-666666666666",
                ],
            ),
            (
                "a service principal by an id that is none",
                "{resources: [{name: a, application: {servicePrincipalId: CRM}, roles: [Reader]}]}",
                &[
                    "spec.resources[0].application.servicePrincipalId: Invalid value: \"CRM\": must be an object id such as e81d7f57-0840-45e1-894b-f505c1bdcc1f",
                ],
            ),
            (
                "an application id that YAML reads as a number",
                "{resources: [{name: a, application: {appId: 22222222}, roles: [Reader]}]}",
                &[
                    "spec.resources[0].application.appId: Invalid value: \"integer\": spec.resources[0].application.appId in body must be of type string: \"integer\"",
                    NOT_CHECKED,
                ],
            ),
            (
                "a site without anything",
                "{resources: [{name: a, sharePointSite: {}, roles: [Visitors]}]}",
                &[
                    "spec.resources[0].sharePointSite: Invalid value: a sharePointSite needs exactly one of url, id; for example sharePointSite: {url: https://contoso.sharepoint.com/sites/marketing}",
                ],
            ),
            (
                "a site in two ways",
                "{resources: [{name: a, sharePointSite: {url: \"https://contoso.sharepoint.com/sites/a\", id: \"a,b,c\"}, roles: [Visitors]}]}",
                &["spec.resources[0].sharePointSite: Invalid value: url and id exclude each other: keep one"],
            ),
            (
                "a page for a site",
                "{resources: [{name: a, sharePointSite: {url: \"https://contoso.sharepoint.com/sites/a?web=1\"}, roles: [Visitors]}]}",
                &[
                    "spec.resources[0].sharePointSite.url: Invalid value: \"https://contoso.sharepoint.com/sites/a?web=1\": must be the address of the site, https and without query, such as https://contoso.sharepoint.com/sites/marketing",
                ],
            ),
            (
                "a site by an id that is none",
                "{resources: [{name: a, sharePointSite: {id: marketing}, roles: [Visitors]}]}",
                &[
                    "spec.resources[0].sharePointSite.id: Invalid value: \"marketing\": must be Graph's id of the site: host name, id of the site collection and id of the site, with commas between them",
                ],
            ),
        ],
    );
}

#[test]
fn a_role_assignment_says_which_role_and_whose() {
    refuses(
        Kind::Catalog,
        &[
            (
                "no role and no principal",
                "{roleAssignments: [{name: a}]}",
                &[
                    "spec.roleAssignments[0].role: Required value: say which role, for example role: CatalogReader",
                    "spec.roleAssignments[0].principal: Required value: say whose, for example principal: {group: {displayName: Marketing}}",
                ],
            ),
            (
                "an empty principal",
                "{roleAssignments: [{name: a, role: CatalogReader, principal: {}}]}",
                &[
                    "spec.roleAssignments[0].principal: Invalid value: a principal needs exactly one of user, group, servicePrincipal; for example {group: {displayName: Marketing}}",
                ],
            ),
            (
                "two principals",
                "{roleAssignments: [{name: a, role: CatalogReader, principal: {user: {mail: ann@contoso.com}, group: {displayName: Marketing}}}]}",
                &[
                    "spec.roleAssignments[0].principal: Invalid value: user, group and servicePrincipal exclude each other: keep one",
                ],
            ),
        ],
    );
}

#[test]
fn a_grant_says_to_whom_it_speaks_and_of_what() {
    refuses(
        Kind::Catalog,
        &[
            (
                "no namespaces",
                "{grants: [{name: a}]}",
                &[
                    "spec.grants[0].namespaces: Required value: say which namespaces are meant, for example namespaces: {names: [marketing]}",
                ],
            ),
            (
                "empty namespaces",
                "{grants: [{name: a, namespaces: {}}]}",
                &[
                    "spec.grants[0].namespaces: Invalid value: namespaces need exactly one of names, selector, all; for example namespaces: {names: [marketing]}",
                ],
            ),
            (
                "namespaces in two ways",
                "{grants: [{name: a, namespaces: {names: [marketing], all: {}}}]}",
                &["spec.grants[0].namespaces: Invalid value: names, selector and all exclude each other: keep one"],
            ),
            (
                "an empty list of names",
                "{grants: [{name: a, namespaces: {names: []}}]}",
                &[
                    "spec.grants[0].namespaces.names: Required value: at least one namespace is needed, for example names: [marketing]",
                ],
            ),
            (
                "a pattern for a namespace",
                "{grants: [{name: a, namespaces: {names: [marketing-*]}}]}",
                &[
                    "spec.grants[0].namespaces.names: Invalid value: must be names of namespaces: lower case letters, digits and hyphens, such as marketing",
                ],
            ),
            (
                "an empty selector",
                "{grants: [{name: a, namespaces: {selector: {}}}]}",
                &[
                    "spec.grants[0].namespaces.selector: Invalid value: an empty selector would mean every namespace: to mean that, write namespaces: {all: {}} instead",
                ],
            ),
            (
                "an operator that is none",
                "{grants: [{name: a, namespaces: {selector: {matchExpressions: [{key: team, operator: Equals, values: [a]}]}}}]}",
                &[
                    "spec.grants[0].namespaces.selector.matchExpressions[0].operator: Unsupported value: \"Equals\": supported values: \"In\", \"NotIn\", \"Exists\", \"DoesNotExist\"",
                    NOT_CHECKED,
                ],
            ),
            (
                "an operator without its values",
                "{grants: [{name: a, namespaces: {selector: {matchExpressions: [{key: team, operator: In}]}}}]}",
                &[
                    "spec.grants[0].namespaces.selector.matchExpressions: Invalid value: In and NotIn need values, Exists and DoesNotExist take none",
                ],
            ),
            (
                "a resource that the catalog does not have",
                "{resources: [{name: crm, group: {displayName: CRM}}], grants: [{name: a, namespaces: {names: [marketing]}, resources: [crn]}]}",
                &[
                    "spec.grants: Invalid value: a grant may name resources of this catalog only, each once: correct the name, or add it to spec.resources",
                ],
            ),
            (
                "a resource twice",
                "{resources: [{name: crm, group: {displayName: CRM}}, {name: b, group: {displayName: B}}], grants: [{name: a, namespaces: {names: [marketing]}, resources: [crm, crm]}]}",
                &[
                    "spec.grants[0].resources[1]: Duplicate value: \"crm\"",
                    "spec.grants: Invalid value: a grant may name resources of this catalog only, each once: correct the name, or add it to spec.resources",
                ],
            ),
            (
                "a duration with months",
                "{grants: [{name: a, namespaces: {names: [marketing]}, limits: {maxDuration: P12M}}]}",
                &[
                    "spec.grants[0].limits.maxDuration: Invalid value: \"P12M\": must be an ISO 8601 duration of days, hours and minutes such as P365D or PT8H",
                ],
            ),
            (
                "a scope that is none",
                "{grants: [{name: a, namespaces: {names: [marketing]}, limits: {requestorScopes: [Everybody]}}]}",
                &[
                    "spec.grants[0].limits.requestorScopes[0]: Unsupported value: \"Everybody\": supported values: \"None\", \"SpecificDirectoryUsers\", \"SpecificDirectoryServicePrincipals\", \"SpecificConnectedOrganizationUsers\", \"AllMemberUsers\", \"AllDirectoryUsers\", \"AllDirectoryServicePrincipals\", \"AllDirectoryAgentIdentities\", \"AllConfiguredConnectedOrganizationUsers\", \"AllExternalUsers\"",
                    NOT_CHECKED,
                ],
            ),
            (
                "an approver in no way",
                "{grants: [{name: a, namespaces: {names: [marketing]}, limits: {approvers: {users: [{}]}}}]}",
                &[
                    "spec.grants[0].limits.approvers.users[0]: Invalid value: a user needs exactly one of id, userPrincipalName, mail; for example user: {userPrincipalName: ann@contoso.com}",
                ],
            ),
            (
                "a demand that says nothing",
                "{grants: [{name: a, namespaces: {names: [marketing]}, limits: {mustAsk: [{name: ticket}]}}]}",
                &[
                    r#"spec.grants[0].limits.mustAsk[0]: Invalid value: say what is to be asked: a prompt, a regex for the answer, or both; for example regex: "^CHG[0-9]+$""#,
                ],
            ),
            (
                "fewer packages than none",
                "{grants: [{name: a, namespaces: {names: [marketing]}, limits: {maxPackages: -1}}]}",
                &["spec.grants[0].limits.maxPackages: Invalid value: -1: must be a number of packages, or 0 for none"],
            ),
            (
                "fewer policies than none",
                "{grants: [{name: a, namespaces: {names: [marketing]}, limits: {maxPolicies: -1}}]}",
                &["spec.grants[0].limits.maxPolicies: Invalid value: -1: must be a number of policies, or 0 for none"],
            ),
            (
                "a limit that is none",
                "{grants: [{name: a, namespaces: {names: [marketing]}, limits: {maxDurations: P1D}}]}",
                &[
                    "Error from server (BadRequest): error when creating \"STDIN\": Catalog in version \"v1alpha1\" cannot be handled as a Catalog: strict decoding error: unknown field \"spec.grants[0].limits.maxDurations\"",
                ],
            ),
        ],
    );
}

#[test]
fn a_catalog_never_becomes_another_catalog_or_moves() {
    refuses_changes(
        Kind::Catalog,
        &[
            (
                "another tenant",
                "{}",
                "{tenantRef: {name: contoso}}",
                &[
                    "spec.tenantRef: Forbidden: tenantRef is immutable: a catalog cannot move to another tenant; create another Catalog instead",
                ],
            ),
            (
                "the tenant removed",
                "{tenantRef: {name: contoso}}",
                "{}",
                &[
                    "spec.tenantRef: Forbidden: tenantRef is immutable: a catalog cannot move to another tenant; create another Catalog instead",
                ],
            ),
            (
                "another id",
                "{id: b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1}",
                "{id: 99999999-99ed-b1bf-ed99-bfb1ed99bfb1}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another Catalog instead",
                ],
            ),
            (
                "an id added",
                "{}",
                "{id: b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another Catalog instead",
                ],
            ),
            (
                "the id removed",
                "{id: b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1}",
                "{}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another Catalog instead",
                ],
            ),
        ],
    );
}

#[test]
fn what_the_name_of_a_resource_points_at_never_changes() {
    refuses_changes(
        Kind::Catalog,
        &[
            (
                "another group",
                "{resources: [{name: crm, group: {displayName: CRM}}]}",
                "{resources: [{name: crm, group: {displayName: Sales}}]}",
                &[
                    "spec.resources[0]: Forbidden: what a resource's name points at is immutable: packages hand it out by this name; remove this entry, and add the other resource under a new name",
                ],
            ),
            (
                "the same group in another way",
                "{resources: [{name: crm, group: {displayName: CRM}}]}",
                "{resources: [{name: crm, group: {id: 0282e19d-bf41-435d-92a4-99bab93af305}}]}",
                &[
                    "spec.resources[0]: Forbidden: what a resource's name points at is immutable: packages hand it out by this name; remove this entry, and add the other resource under a new name",
                ],
            ),
            (
                "another environment",
                "{resources: [{name: portal, sharePointSite: {url: \"https://c.sharepoint.com/sites/m\"}, roles: [V]}]}",
                "{resources: [{name: portal, sharePointSite: {url: \"https://c.sharepoint.com/sites/m\"}, roles: [V], environment: \"https://ceur-admin.sharepoint.com/\"}]}",
                &[
                    "spec.resources[0].environment: Forbidden: environment is immutable, and can be neither added nor removed: the resource is in it; remove this entry, and add the site under a new name",
                ],
            ),
            (
                "an application instead of the group",
                "{resources: [{name: crm, group: {displayName: CRM}}]}",
                "{resources: [{name: crm, application: {displayName: CRM}, roles: [Reader]}]}",
                &[
                    "spec.resources[0]: Forbidden: what a resource's name points at is immutable: packages hand it out by this name; remove this entry, and add the other resource under a new name",
                ],
            ),
        ],
    );
}

#[test]
fn a_resource_may_come_under_a_new_name_and_change_its_roles() {
    accepts_changes(
        Kind::Catalog,
        &[
            (
                "another entry instead",
                "{resources: [{name: crm, group: {displayName: CRM}}]}",
                "{resources: [{name: sales, group: {displayName: Sales}}]}",
            ),
            (
                "the same group under another name",
                "{resources: [{name: crm, group: {displayName: CRM}}]}",
                "{resources: [{name: crm-group, group: {displayName: CRM}}]}",
            ),
            (
                "one more entry before it",
                "{resources: [{name: crm, group: {displayName: CRM}}]}",
                "{resources: [{name: sales, group: {displayName: Sales}}, {name: crm, group: {displayName: CRM}}]}",
            ),
            (
                "other roles",
                "{resources: [{name: crm, group: {displayName: CRM}}]}",
                "{resources: [{name: crm, group: {displayName: CRM}, roles: [Member, Owner]}]}",
            ),
            (
                "no resources any more",
                "{resources: [{name: crm, group: {displayName: CRM}}]}",
                "{}",
            ),
        ],
    );
}
