//! Which ConnectedOrganizations the API server takes, and what it answers to the others.

use crate::cluster::{Kind, NOT_CHECKED, accepts, accepts_changes, refuses, refuses_changes};

#[test]
fn connected_organizations_as_people_write_them_are_accepted() {
    accepts(
        Kind::ConnectedOrganization,
        &[
            ("a name and a domain", "{}"),
            (
                "an existing one",
                "{displayName: null, identitySource: null, id: c3bf99ed-99ed-c3bf-ed99-cfb1ed99cfb1, management: Observe}",
            ),
            (
                "everything about it, and those who vouch for its people",
                "{tenantRef: {name: contoso}, description: Builds the campaign sites, state: Proposed, driftPolicy: Correct, deletionPolicy: Delete, internalSponsors: [{user: {userPrincipalName: ann@contoso.com}}, {group: {displayName: Partner Managers}}], externalSponsors: []}",
            ),
            (
                "a tenant",
                "{identitySource: {tenantId: 33333333-3333-4333-8333-333333333333}}",
            ),
            (
                "a tenant of another cloud",
                "{identitySource: {crossCloudTenant: {cloudInstance: USGovernment, tenantId: 33333333-3333-4333-8333-333333333333}}}",
            ),
            (
                "a domain with an identity provider of its own",
                "{identitySource: {externalDomainFederation: {domain: fabrikam.com, issuerUri: \"https://sts.fabrikam.com\"}}}",
            ),
            ("a social network", "{identitySource: {social: Facebook}}"),
        ],
    );
}

#[test]
fn a_connected_organization_has_a_name_and_says_what_it_stands_for_or_has_an_id() {
    refuses(
        Kind::ConnectedOrganization,
        &[
            (
                "nothing",
                "{displayName: null, identitySource: null}",
                &[
                    "spec.displayName: Required value: give displayName to create a connected organization, or id to use an existing one",
                    "spec.identitySource: Required value: say by what the organization is known, for example identitySource: {tenantId: 33333333-3333-4333-8333-333333333333}",
                ],
            ),
            (
                "an id that is none",
                "{id: fabrikam}",
                &[
                    "spec.id: Invalid value: \"fabrikam\": must be the connected organization's id, such as c3bf99ed-99ed-c3bf-ed99-cfb1ed99cfb1",
                ],
            ),
            (
                "a state that is none",
                "{state: Draft}",
                &[
                    "spec.state: Unsupported value: \"Draft\": supported values: \"Configured\", \"Proposed\"",
                    NOT_CHECKED,
                ],
            ),
        ],
    );
}

#[test]
fn what_it_stands_for_is_one_thing() {
    refuses(
        Kind::ConnectedOrganization,
        &[
            (
                "nothing",
                "{identitySource: {}}",
                &[
                    "spec.identitySource: Invalid value: an identitySource needs exactly one of tenantId, domain, crossCloudTenant, externalDomainFederation, social; for example {domain: fabrikam.com}",
                ],
            ),
            (
                "two things",
                "{identitySource: {domain: fabrikam.com, tenantId: 33333333-3333-4333-8333-333333333333}}",
                &[
                    "spec.identitySource: Invalid value: tenantId, domain, crossCloudTenant, externalDomainFederation and social exclude each other: keep one",
                ],
            ),
            (
                "a domain that is none",
                "{identitySource: {domain: \"https://fabrikam.com\"}}",
                &[
                    "spec.identitySource.domain: Invalid value: \"https://fabrikam.com\": must be the name of a domain, such as fabrikam.com",
                ],
            ),
            (
                "a tenant that is none",
                "{identitySource: {tenantId: fabrikam}}",
                &[
                    "spec.identitySource.tenantId: Invalid value: \"fabrikam\": must be the id of a tenant, such as 33333333-3333-4333-8333-333333333333",
                ],
            ),
            (
                "a tenant of some cloud",
                "{identitySource: {crossCloudTenant: {}}}",
                &[
                    "spec.identitySource.crossCloudTenant.cloudInstance: Required value: say in which cloud, for example cloudInstance: USGovernment",
                    "spec.identitySource.crossCloudTenant.tenantId: Required value: say which tenant, for example tenantId: 33333333-3333-4333-8333-333333333333",
                ],
            ),
            (
                "a federation of nothing with nobody",
                "{identitySource: {externalDomainFederation: {}}}",
                &[
                    "spec.identitySource.externalDomainFederation.domain: Required value: say which domain, for example domain: fabrikam.com",
                    "spec.identitySource.externalDomainFederation.issuerUri: Required value: say which identity provider, for example issuerUri: https://sts.fabrikam.com",
                ],
            ),
        ],
    );
}

#[test]
fn a_sponsor_is_a_user_or_a_group() {
    refuses(
        Kind::ConnectedOrganization,
        &[
            (
                "nobody",
                "{internalSponsors: [{}]}",
                &[
                    "spec.internalSponsors[0]: Invalid value: a sponsor needs exactly one of user, group; for example {user: {userPrincipalName: ann@contoso.com}}",
                ],
            ),
            (
                "two",
                "{externalSponsors: [{user: {mail: eve@fabrikam.com}, group: {displayName: Fabrikam}}]}",
                &["spec.externalSponsors[0]: Invalid value: user and group exclude each other: keep one"],
            ),
        ],
    );
}

#[test]
fn what_it_stands_for_and_where_is_immutable() {
    refuses_changes(
        Kind::ConnectedOrganization,
        &[
            (
                "another tenant to be connected to",
                "{}",
                "{tenantRef: {name: other}}",
                &[
                    "spec.tenantRef: Forbidden: tenantRef is immutable: a connected organization cannot move to another tenant; create another ConnectedOrganization instead",
                ],
            ),
            (
                "an id afterwards",
                "{}",
                "{id: c3bf99ed-99ed-c3bf-ed99-cfb1ed99cfb1}",
                &[
                    "spec.id: Forbidden: id is immutable, and can be neither added nor removed: create another ConnectedOrganization instead",
                ],
            ),
            (
                "another domain",
                "{}",
                "{identitySource: {domain: northwind.com}}",
                &[
                    "spec.identitySource: Forbidden: identitySource is immutable, and can be neither added nor removed, since Entra cannot change it: create another ConnectedOrganization instead",
                ],
            ),
        ],
    );
    accepts_changes(
        Kind::ConnectedOrganization,
        &[(
            "name, words, state and sponsors",
            "{}",
            "{displayName: Fabrikam Inc, description: Words, state: Proposed, internalSponsors: [{user: {mail: ann@contoso.com}}]}",
        )],
    );
}
