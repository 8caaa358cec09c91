//! Which AccessPackages the API server takes, and what it answers to the others.

use crate::cluster::{Kind, NOT_CHECKED, accepts, accepts_changes, refuses, refuses_changes};

#[test]
fn packages_as_people_write_them_are_accepted() {
    accepts(
        Kind::AccessPackage,
        &[
            ("a name in a catalog", "{}"),
            (
                "one resource in two roles",
                "{description: Everything a campaign needs, hidden: true, resourceRoles: [{resource: campaign-group, role: Member}, {resource: campaign-group, role: Owner}, {resource: portal, role: Marketing Visitors}]}",
            ),
            (
                "kept from the holders of others",
                "{incompatibleWith: {accessPackages: [{name: audit}, {namespace: finance, name: payments}, {id: 56ff43fd-6b05-48df-9634-956a777fce6d}], groups: [{displayName: Auditors}]}}",
            ),
            ("kept from nobody", "{incompatibleWith: {}}"),
            (
                "an existing package by its id",
                "{id: 56ff43fd-6b05-48df-9634-956a777fce6d, deletionPolicy: Orphan}",
            ),
            (
                "an existing package by its name",
                "{adoption: ByName, deletionPolicy: DeleteWithAssignments, driftPolicy: Correct, management: Observe}",
            ),
        ],
    );
}

#[test]
fn a_package_is_in_a_catalog_and_has_a_name() {
    refuses(
        Kind::AccessPackage,
        &[
            (
                "nothing",
                "{catalogRef: null, displayName: null}",
                &[
                    "spec.catalogRef: Required value: name the Catalog that holds the package, for example catalogRef: {name: marketing}",
                    "spec.displayName: Required value: give the package a name, for example displayName: Marketing Campaign Access",
                ],
            ),
            (
                "a catalog without its name",
                "{catalogRef: {}}",
                &["spec.catalogRef.name: Required value: write the name of the object, for example name: marketing"],
            ),
            (
                "a catalog by its display name",
                "{catalogRef: {name: Marketing Department}}",
                &[
                    "spec.catalogRef.name: Invalid value: \"Marketing Department\": must be the name of a Kubernetes object, such as marketing: lower case letters, digits, hyphens and dots",
                ],
            ),
            (
                "a name of blanks",
                "{displayName: \"  \"}",
                &["spec.displayName: Invalid value: \"  \": must not be empty"],
            ),
            (
                "a field that is none",
                "{resourceRole: []}",
                &[
                    "Error from server (BadRequest): error when creating \"STDIN\": AccessPackage in version \"v1alpha1\" cannot be handled as a AccessPackage: strict decoding error: unknown field \"spec.resourceRole\"",
                ],
            ),
            (
                "a policy for drift that is none",
                "{driftPolicy: Ignore}",
                &[
                    "spec.driftPolicy: Unsupported value: \"Ignore\": supported values: \"Cautious\", \"Correct\", \"Report\"",
                    NOT_CHECKED,
                ],
            ),
        ],
    );
}

#[test]
fn a_package_hands_out_roles_of_named_resources_once() {
    refuses(
        Kind::AccessPackage,
        &[
            (
                "no resource",
                "{resourceRoles: [{role: Member}]}",
                &["spec.resourceRoles[0].resource: Required value", NOT_CHECKED],
            ),
            (
                "a resource by its display name",
                "{resourceRoles: [{resource: Marketing Campaign, role: Member}]}",
                &[
                    "spec.resourceRoles[0].resource: Invalid value: \"Marketing Campaign\": must consist of lower case letters, digits and hyphens, such as campaign-group",
                ],
            ),
            (
                "a role without a name",
                "{resourceRoles: [{resource: crm, role: \"\"}]}",
                &["spec.resourceRoles[0].role: Invalid value: \"\": must not be empty"],
            ),
            (
                "one role twice",
                "{resourceRoles: [{resource: crm, role: Reader}, {resource: crm, role: Reader}]}",
                &["spec.resourceRoles[1]: Duplicate value: {\"resource\":\"crm\",\"role\":\"Reader\"}"],
            ),
        ],
    );
}

#[test]
fn what_keeps_people_out_is_named_in_one_way() {
    refuses(
        Kind::AccessPackage,
        &[
            (
                "a package by nothing",
                "{incompatibleWith: {accessPackages: [{}]}}",
                &[
                    "spec.incompatibleWith.accessPackages[0]: Invalid value: a package needs exactly one of name, id; for example accessPackages: [{name: audit}]",
                ],
            ),
            (
                "a package by both",
                "{incompatibleWith: {accessPackages: [{name: audit, id: 56ff43fd-6b05-48df-9634-956a777fce6d}]}}",
                &["spec.incompatibleWith.accessPackages[0]: Invalid value: name and id exclude each other: keep one"],
            ),
            (
                "a package by its display name",
                "{incompatibleWith: {accessPackages: [{name: Audit Package}]}}",
                &[
                    "spec.incompatibleWith.accessPackages[0].name: Invalid value: \"Audit Package\": must be the name of a Kubernetes object, such as audit: lower case letters, digits, hyphens and dots",
                ],
            ),
            (
                "a namespace that is none",
                "{incompatibleWith: {accessPackages: [{namespace: The Finance, name: payments}]}}",
                &[
                    "spec.incompatibleWith.accessPackages[0].namespace: Invalid value: \"The Finance\": must be the name of a namespace, such as finance: lower case letters, digits and hyphens",
                ],
            ),
            (
                "an id that is none",
                "{incompatibleWith: {accessPackages: [{id: audit}]}}",
                &[
                    "spec.incompatibleWith.accessPackages[0].id: Invalid value: \"audit\": must be the access package's id, such as 56ff43fd-6b05-48df-9634-956a777fce6d",
                ],
            ),
            (
                "a group by nothing",
                "{incompatibleWith: {groups: [{}]}}",
                &[
                    "spec.incompatibleWith.groups[0]: Invalid value: a group needs exactly one of id, displayName, mailNickname, uniqueName; for example group: {displayName: Marketing}",
                ],
            ),
        ],
    );
}

#[test]
fn a_package_is_taken_over_in_one_way_and_with_a_word_about_its_end() {
    refuses(
        Kind::AccessPackage,
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
                "{id: 56ff43fd-6b05-48df-9634-956a777fce6d}",
                &[
                    "spec.deletionPolicy: Required value: what is taken over needs an explicit deletionPolicy: Orphan leaves it in Entra when this object is deleted, Delete and DeleteWithAssignments do not",
                ],
            ),
            (
                "in two ways",
                "{id: 56ff43fd-6b05-48df-9634-956a777fce6d, adoption: ByName, deletionPolicy: Orphan}",
                &["spec.adoption: Invalid value: id and adoption: ByName exclude each other: keep one"],
            ),
            (
                "by an id that is none",
                "{id: Marketing, deletionPolicy: Orphan}",
                &[
                    "spec.id: Invalid value: \"Marketing\": must be the access package's id, such as 56ff43fd-6b05-48df-9634-956a777fce6d",
                ],
            ),
        ],
    );
}

#[test]
fn a_package_never_becomes_another_package_or_moves() {
    refuses_changes(
        Kind::AccessPackage,
        &[
            (
                "another catalog",
                "{}",
                "{catalogRef: {name: sales}}",
                &[
                    "spec.catalogRef: Forbidden: catalogRef is immutable: Entra cannot move a package to another catalog; create another AccessPackage instead",
                ],
            ),
            (
                "no catalog",
                "{}",
                "{catalogRef: null}",
                &[
                    "spec.catalogRef: Required value: name the Catalog that holds the package, for example catalogRef: {name: marketing}",
                ],
            ),
            (
                "another id",
                "{id: 56ff43fd-6b05-48df-9634-956a777fce6d, deletionPolicy: Orphan}",
                "{id: 99999999-6b05-48df-9634-956a777fce6d, deletionPolicy: Orphan}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another AccessPackage instead",
                ],
            ),
            (
                "an id added",
                "{}",
                "{id: 56ff43fd-6b05-48df-9634-956a777fce6d, deletionPolicy: Orphan}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another AccessPackage instead",
                ],
            ),
            (
                "the id removed",
                "{id: 56ff43fd-6b05-48df-9634-956a777fce6d, deletionPolicy: Orphan}",
                "{}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another AccessPackage instead",
                ],
            ),
        ],
    );
}

#[test]
fn a_package_may_change_in_all_else() {
    accepts_changes(
        Kind::AccessPackage,
        &[
            (
                "another name, other roles",
                "{resourceRoles: [{resource: crm, role: Reader}]}",
                "{displayName: Campaigns, resourceRoles: [{resource: crm, role: Editor}], hidden: true}",
            ),
            (
                "taken over by name after all",
                "{}",
                "{adoption: ByName, deletionPolicy: Orphan}",
            ),
        ],
    );
}
