//! Which EntraTenants the API server takes, and what it answers to the others.

use crate::cluster::{Kind, NOT_CHECKED, accepts, refuses, refuses_changes};

#[test]
fn tenants_as_people_write_them_are_accepted() {
    accepts(
        Kind::EntraTenant,
        &[
            ("workload identity", "{}"),
            (
                "a client secret",
                "{credentials: {clientSecret: {clientId: 22222222-3333-4444-5555-666666666666, secretRef: {name: contoso}}}}",
            ),
            (
                "a client secret under another key",
                "{credentials: {clientSecret: {clientId: 22222222-3333-4444-5555-666666666666, secretRef: {name: contoso, key: client_secret}}}}",
            ),
            (
                "a certificate",
                "{credentials: {clientCertificate: {clientId: 22222222-3333-4444-5555-666666666666, secretRef: {name: contoso.tls}}}}",
            ),
            (
                "the managed identity of the system",
                "{credentials: {managedIdentity: {}}}",
            ),
            (
                "a managed identity of a user",
                "{credentials: {managedIdentity: {clientId: 22222222-3333-4444-5555-666666666666}}}",
            ),
            (
                "everything",
                "{cloud: USGovernmentDoD, domain: contoso.onmicrosoft.us, mode: Observe, driftInterval: P1DT12H}",
            ),
            (
                "people who are asked",
                "{acknowledge: {cutsFrom: 0, cutsFromPercent: 25, grantsFrom: 1000, grantsFromPercent: 100}}",
            ),
        ],
    );
}

#[test]
fn a_tenant_says_which_tenant_it_is_and_how_to_sign_in() {
    refuses(
        Kind::EntraTenant,
        &[
            (
                "nothing",
                "{tenantId: null, credentials: null}",
                &[
                    "spec.tenantId: Required value: write the tenant's id, for example tenantId: 11111111-2222-3333-4444-555555555555 (Entra admin center, Overview, Tenant ID)",
                    "spec.credentials: Required value: say how the operator signs in, for example credentials: {workloadIdentity: {clientId: 22222222-3333-4444-5555-666666666666}}",
                ],
            ),
            (
                "a tenant by its domain",
                "{tenantId: contoso.com}",
                &[
                    "spec.tenantId: Invalid value: \"contoso.com\": must be the tenant's id, such as 11111111-2222-3333-4444-555555555555 (Entra admin center, Overview, Tenant ID)",
                ],
            ),
            (
                "no credentials",
                "{credentials: {}}",
                &[
                    "spec.credentials: Invalid value: credentials need exactly one of workloadIdentity, clientSecret, clientCertificate, managedIdentity; for example credentials: {workloadIdentity: {clientId: 22222222-3333-4444-5555-666666666666}}",
                ],
            ),
            (
                "two credentials",
                "{credentials: {workloadIdentity: {clientId: 22222222-3333-4444-5555-666666666666}, managedIdentity: {}}}",
                &[
                    "spec.credentials: Invalid value: workloadIdentity, clientSecret, clientCertificate and managedIdentity exclude each other: keep one",
                ],
            ),
            (
                "an application by its name",
                "{credentials: {workloadIdentity: {clientId: entra-access-operator}}}",
                &[
                    "spec.credentials.workloadIdentity.clientId: Invalid value: \"entra-access-operator\": must be the application's (client) id, such as 22222222-3333-4444-5555-666666666666",
                ],
            ),
            (
                "a managed identity by its name",
                "{credentials: {managedIdentity: {clientId: operator}}}",
                &[
                    "spec.credentials.managedIdentity.clientId: Invalid value: \"operator\": must be the application's (client) id, such as 22222222-3333-4444-5555-666666666666",
                ],
            ),
            (
                "no application",
                "{credentials: {workloadIdentity: {}}}",
                &[
                    "spec.credentials.workloadIdentity.clientId: Required value: write the application's id, for example clientId: 22222222-3333-4444-5555-666666666666",
                ],
            ),
            (
                "a client secret without more",
                "{credentials: {clientSecret: {}}}",
                &[
                    "spec.credentials.clientSecret.clientId: Required value: write the application's id, for example clientId: 22222222-3333-4444-5555-666666666666",
                    "spec.credentials.clientSecret.secretRef: Required value: name the Secret that holds the client secret, for example secretRef: {name: contoso, key: clientSecret}",
                ],
            ),
            (
                "a certificate without more",
                "{credentials: {clientCertificate: {}}}",
                &[
                    "spec.credentials.clientCertificate.clientId: Required value: write the application's id, for example clientId: 22222222-3333-4444-5555-666666666666",
                    "spec.credentials.clientCertificate.secretRef: Required value: name the Secret that holds the certificate, for example secretRef: {name: contoso}",
                ],
            ),
            (
                "a Secret without its name",
                "{credentials: {clientSecret: {clientId: 22222222-3333-4444-5555-666666666666, secretRef: {}}}}",
                &[
                    "spec.credentials.clientSecret.secretRef.name: Required value: write the name of the Secret, for example name: contoso",
                ],
            ),
            (
                "a Secret with a namespace in its name",
                "{credentials: {clientCertificate: {clientId: 22222222-3333-4444-5555-666666666666, secretRef: {name: entra/contoso}}}}",
                &[
                    "spec.credentials.clientCertificate.secretRef.name: Invalid value: \"entra/contoso\": must be the name of a Secret, such as contoso: lower case letters, digits, hyphens and dots",
                ],
            ),
            (
                "a key that no Secret can have",
                "{credentials: {clientSecret: {clientId: 22222222-3333-4444-5555-666666666666, secretRef: {name: contoso, key: client secret}}}}",
                &[
                    "spec.credentials.clientSecret.secretRef.key: Invalid value: \"client secret\": must be a key of a Secret, such as clientSecret: letters, digits, hyphens, underscores and dots",
                ],
            ),
        ],
    );
}

#[test]
fn a_tenants_settings_are_checked() {
    refuses(
        Kind::EntraTenant,
        &[
            (
                "a cloud that is none",
                "{cloud: Germany}",
                &[
                    "spec.cloud: Unsupported value: \"Germany\": supported values: \"Global\", \"USGovernment\", \"USGovernmentDoD\", \"China\"",
                    NOT_CHECKED,
                ],
            ),
            (
                "an address for a domain",
                "{domain: \"https://contoso.com\"}",
                &["spec.domain: Invalid value: \"https://contoso.com\": must be a domain such as contoso.com"],
            ),
            (
                "a duration as Go writes it",
                "{driftInterval: 10m}",
                &[
                    "spec.driftInterval: Invalid value: \"10m\": must be an ISO 8601 duration such as PT10M (ten minutes) or PT1H",
                ],
            ),
            (
                "no time at all",
                "{driftInterval: PT0S}",
                &[
                    "spec.driftInterval: Invalid value: \"PT0S\": must be an ISO 8601 duration such as PT10M (ten minutes) or PT1H",
                ],
            ),
            (
                "less than nobody",
                "{acknowledge: {cutsFrom: -1, grantsFrom: -1}}",
                &[
                    "spec.acknowledge.cutsFrom: Invalid value: -1: must be a number of people, or 0 for always",
                    "spec.acknowledge.grantsFrom: Invalid value: -1: must be a number of people, or 0 for always",
                ],
            ),
            (
                "shares that are none",
                "{acknowledge: {cutsFromPercent: 0, grantsFromPercent: 101}}",
                &[
                    "spec.acknowledge.cutsFromPercent: Invalid value: 0: must be a share from 1 to 100",
                    "spec.acknowledge.grantsFromPercent: Invalid value: 101: must be a share from 1 to 100",
                ],
            ),
            (
                "less than no deletion",
                "{maxDeletionsPerHour: -1}",
                &["spec.maxDeletionsPerHour: Invalid value: -1: must be a number of deletions, or 0 for none"],
            ),
            (
                "more than all",
                "{maxDeletionsPercent: 101}",
                &["spec.maxDeletionsPercent: Invalid value: 101: must be a share from 0 to 100"],
            ),
            (
                "a field that is none",
                "{mod: Observe}",
                &[
                    "Error from server (BadRequest): error when creating \"STDIN\": EntraTenant in version \"v1alpha1\" cannot be handled as a EntraTenant: strict decoding error: unknown field \"spec.mod\"",
                ],
            ),
        ],
    );
}

#[test]
fn a_tenant_never_becomes_another_tenant() {
    refuses_changes(
        Kind::EntraTenant,
        &[
            (
                "another tenantId",
                "{}",
                "{tenantId: 99999999-2222-3333-4444-555555555555}",
                &[
                    "spec.tenantId: Forbidden: tenantId is immutable: objects are bound to this tenant; create another EntraTenant instead",
                ],
            ),
            (
                "no tenantId",
                "{}",
                "{tenantId: null}",
                &[
                    "spec.tenantId: Required value: write the tenant's id, for example tenantId: 11111111-2222-3333-4444-555555555555 (Entra admin center, Overview, Tenant ID)",
                ],
            ),
            (
                "another cloud",
                "{}",
                "{cloud: China}",
                &[
                    "spec.cloud: Forbidden: cloud is immutable: objects are bound to this tenant; create another EntraTenant instead",
                ],
            ),
            (
                "the cloud removed",
                "{cloud: China}",
                "{}",
                &[
                    "spec.cloud: Forbidden: cloud is immutable: objects are bound to this tenant; create another EntraTenant instead",
                ],
            ),
        ],
    );
}
