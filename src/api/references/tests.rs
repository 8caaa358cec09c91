use super::*;
use serde_json::json;

fn fields(spec: &impl Refers) -> Vec<String> {
    spec.references().into_iter().map(|at| at.field).collect()
}

#[test]
fn every_reference_of_a_policy_has_its_path() {
    let spec: AssignmentPolicySpec = serde_json::from_value(json!({
        "accessPackageRef": {"name": "p"}, "displayName": "P",
        "requestors": {"scope": "SpecificDirectoryUsers", "targets": [
            {"group": {"displayName": "G"}}, {"user": {"id": "u"}}, {"servicePrincipal": {"appId": "a"}},
            {"connectedOrganization": {"name": "fabrikam"}},
        ]},
        "approval": {"stages": [{
            "approvers": [{"requestorManager": {}}, {"user": {"mail": "b@c"}}],
            "fallbackApprovers": [{"group": {"id": "g"}}],
            "escalation": {"after": "P1D", "approvers": [{"group": {"id": "g"}}],
                "fallbackApprovers": [{"user": {"id": "u"}}]},
        }]},
    }))
    .unwrap();
    assert_eq!(
        fields(&spec),
        [
            "spec.accessPackageRef",
            "spec.requestors.targets[0].group",
            "spec.requestors.targets[1].user",
            "spec.requestors.targets[2].servicePrincipal",
            "spec.requestors.targets[3].connectedOrganization",
            "spec.approval.stages[0].approvers[1].user",
            "spec.approval.stages[0].fallbackApprovers[0].group",
            "spec.approval.stages[0].escalation.approvers[0].group",
            "spec.approval.stages[0].escalation.fallbackApprovers[0].user",
        ]
    );
}

#[test]
fn every_reference_of_the_other_kinds_has_its_path() {
    let package: AccessPackageSpec = serde_json::from_value(json!({
        "catalogRef": {"name": "c"}, "displayName": "P", "resourceRoles": [{"resource": "crm", "role": "Reader"}],
    }))
    .unwrap();
    assert_eq!(fields(&package), ["spec.catalogRef", "spec.resourceRoles[0]"]);
    let catalog: CatalogSpec = serde_json::from_value(json!({"displayName": "C", "resources": [
        {"name": "a", "group": {"displayName": "G"}}, {"name": "b", "application": {"appId": "a"}},
        {"name": "c", "sharePointSite": {"url": "https://contoso.sharepoint.com"}},
    ]}))
    .unwrap();
    assert_eq!(
        fields(&catalog),
        [
            "spec.tenantRef",
            "spec.resources[0].group",
            "spec.resources[1].application",
            "spec.resources[2].sharePointSite",
        ]
    );
    let organization: ConnectedOrganizationSpec = serde_json::from_value(json!({"displayName": "F",
        "internalSponsors": [{"user": {"id": "u"}}], "externalSponsors": [{"group": {"id": "g"}}]}))
    .unwrap();
    assert_eq!(
        fields(&organization),
        [
            "spec.tenantRef",
            "spec.internalSponsors[0].user",
            "spec.externalSponsors[0].group",
        ]
    );
    let tenant: EntraTenantSpec = serde_json::from_value(json!({"tenantId": "t", "credentials": {
        "clientSecret": {"clientId": "c", "secretRef": {"name": "s"}},
        "clientCertificate": {"clientId": "c", "secretRef": {"name": "s"}},
    }}))
    .unwrap();
    assert_eq!(
        fields(&tenant),
        [
            "spec.credentials.clientSecret.secretRef",
            "spec.credentials.clientCertificate.secretRef",
        ]
    );
}

#[test]
fn an_id_beside_a_name_is_not_an_id_alone() {
    let of = |id: Option<&str>, mail: Option<&str>| UserRef {
        id: id.map(str::to_owned),
        user_principal_name: None,
        mail: mail.map(str::to_owned),
    };
    let given = |user: &UserRef| Reference::User(user).given().unwrap();
    assert!(given(&of(Some("u"), None)).is_id_alone);
    assert!(!given(&of(None, Some("a@b"))).is_id_alone);
    assert!(!given(&of(Some("u"), Some("a@b"))).is_id_alone);
    assert_eq!(given(&of(Some("u"), Some("a@b"))).ways, ["id", "mail"]);
    assert!(given(&of(None, None)).ways.is_empty());
}
