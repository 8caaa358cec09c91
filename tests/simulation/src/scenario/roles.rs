//! Catalogs that others run in Entra as well.

use serde_json::{Value, json};

use super::{
    Act, Scenario, Target,
    stories::{catalog, namespace, package, policy, tenant, with},
};

const CATALOG: Target = Target {
    kind: "Catalog",
    namespace: None,
    name: "marketing",
};

fn role(name: &str, role: &str, principal: &Value) -> Value {
    json!({"name": name, "role": role, "principal": principal})
}

/// Every scenario of it.
pub(super) fn scenarios() -> Vec<Scenario> {
    let ann = role(
        "ann",
        "AccessPackageManager",
        &json!({"user": {"userPrincipalName": "ann@contoso.com"}}),
    );
    let approvers = role(
        "approvers",
        "CatalogReader",
        &json!({"group": {"displayName": "Approvers"}}),
    );
    let assigning = |roles: &Value| json!({"spec": {"roleAssignments": roles}});
    let mut acts: Vec<Act> = [
        namespace(),
        tenant(),
        with(catalog(), &assigning(&json!([ann, approvers]))),
        package(),
        policy(),
    ]
    .map(Act::Apply)
    .into();
    acts.extend([
        Act::AllReady,
        Act::Patch(CATALOG, assigning(&json!([approvers]))),
        Act::Settle,
        Act::Patch(
            CATALOG,
            assigning(&json!([role("approvers", "CatalogOwner", &approvers["principal"])])),
        ),
        Act::Settle,
    ]);
    vec![Scenario {
        name: "catalog-roles",
        acts,
        holds: &["46c6c5d1-f385-4791-b6e8-ddfefd7ed749 runs Marketing as ae79f266-94d4-4dab-b730-feca7e132178"],
        lacks: &["46184453-e63b-4f20-86c2-c557ed5d5df9 runs Marketing"],
    }]
}
