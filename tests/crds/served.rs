//! How kubectl shows the kinds: names, columns, explanations.

use serde_json::json;

use crate::cluster::{Kind, cluster, fresh_name};

#[test]
fn every_crd_is_accepted_structural_and_within_the_budget_of_rules() {
    for kind in Kind::ALL {
        let crd = cluster()
            .get("CustomResourceDefinition", &kind.crd(), None)
            .unwrap()
            .unwrap();
        let state = |of: &str| stage::condition_in(&crd, of).map(|condition| condition["status"].clone());
        assert_eq!(state("NamesAccepted"), Some(json!("True")), "{kind:?}");
        assert_eq!(state("Established"), Some(json!("True")), "{kind:?}");
        assert_eq!(state("NonStructuralSchema"), None, "{kind:?}");
    }
}

#[test]
fn short_names_and_the_category_lead_to_the_objects() {
    let mut names = Vec::new();
    for (kind, short) in Kind::ALL.into_iter().zip(["etenant", "ecat", "eco", "eap", "eapol"]) {
        let name = fresh_name();
        cluster().apply(&kind.object(&name, "{}").to_string()).unwrap();
        let shown = cluster().kubectl(&["get", short, &name, "-o", "name"]).unwrap();
        names.push(shown.trim().to_owned());
        assert_eq!(
            names.last().map(String::as_str),
            Some(format!("{}.access.entra-operator.io/{name}", kind.name().to_lowercase()).as_str())
        );
    }
    let all = cluster().kubectl(&["get", "entra", "-A", "-o", "name"]).unwrap();
    for name in names {
        assert!(all.lines().any(|line| line == name), "{name} is not in\n{all}");
    }
}

/// Header and the row of the object, blanks squeezed, the age as `AGE`.
fn row(kind: Kind, name: &str, more: &[&str]) -> [String; 2] {
    let plural = kind.crd();
    let namespace = kind.namespace().unwrap_or("default");
    let arguments: Vec<_> = ["get", &plural, name, "-n", namespace]
        .iter()
        .chain(more)
        .copied()
        .collect();
    let text = cluster().kubectl(&arguments).unwrap();
    let mut lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let [header, row] = [lines.next().unwrap_or_default(), lines.next().unwrap_or_default()];
    // Seconds; the object has just been made.
    let row = row
        .split(' ')
        .map(|word| {
            let seconds = word
                .strip_suffix('s')
                .is_some_and(|number| number.parse::<u32>().is_ok());
            if seconds { "AGE" } else { word }
        })
        .collect::<Vec<_>>()
        .join(" ");
    [header, row.replace(name, "NAME")]
}

#[test]
fn the_columns_answer_the_first_question() {
    let condition = json!([{"type": "Ready", "status": "False", "reason": "CatalogNotFound", "message": "no Catalog",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    let identity = json!({"cloud": "Global", "tenantId": "t", "catalogId": "c", "id": "ID", "ownerUid": "u"});
    let columns = Kind::ALL.map(|kind| {
        let name = fresh_name();
        cluster().apply(&kind.object(&name, "{}").to_string()).unwrap();
        let status = match kind {
            Kind::EntraTenant => json!({"conditions": condition}),
            Kind::Catalog | Kind::ConnectedOrganization | Kind::AccessPackage | Kind::AssignmentPolicy => {
                json!({"conditions": condition, "entra": identity})
            }
        };
        cluster()
            .patch(kind.name(), &name, kind.namespace(), &json!({ "status": status }))
            .unwrap();
        [row(kind, &name, &[]), row(kind, &name, &["-o", "wide"])]
    });
    let shown: Vec<_> = columns.into_iter().flatten().flatten().collect();
    assert_eq!(
        shown,
        [
            "NAME READY REASON TENANT MODE AGE",
            "NAME False CatalogNotFound 11111111-2222-3333-4444-555555555555 Enforce AGE",
            "NAME READY REASON TENANT MODE AGE",
            "NAME False CatalogNotFound 11111111-2222-3333-4444-555555555555 Enforce AGE",
            "NAME READY REASON TENANT AGE",
            "NAME False CatalogNotFound default AGE",
            "NAME READY REASON TENANT AGE ID",
            "NAME False CatalogNotFound default AGE ID",
            "NAME READY REASON TENANT AGE",
            "NAME False CatalogNotFound default AGE",
            "NAME READY REASON TENANT AGE ID",
            "NAME False CatalogNotFound default AGE ID",
            "NAME READY REASON CATALOG WEAKEST WAY IN AGE",
            "NAME False CatalogNotFound marketing AGE",
            "NAME READY REASON CATALOG WEAKEST WAY IN AGE ID",
            "NAME False CatalogNotFound marketing AGE ID",
            "NAME READY REASON PACKAGE AGE",
            "NAME False CatalogNotFound marketing-campaign AGE",
            "NAME READY REASON PACKAGE AGE ID",
            "NAME False CatalogNotFound marketing-campaign AGE ID",
        ]
    );
}

#[test]
fn kubectl_explain_is_the_manual() {
    for (field, expected) in [
        (
            "accesspackage",
            "An access package of Entra: roles of a catalog's resources that are requested, approved and ended together.",
        ),
        (
            "accesspackage.spec.resourceRoles",
            "The roles that the package hands out, exactly: what is not listed is removed.",
        ),
        (
            "assignmentpolicy.spec.approval.stages.decisionTimeout",
            "After how many days without a decision the request is denied: `P1D` to `P14D`. Default `P14D`.",
        ),
        (
            "assignmentpolicy.spec.requestors.scope",
            "ENUM: None SpecificDirectoryUsers SpecificDirectoryServicePrincipals SpecificConnectedOrganizationUsers AllMemberUsers AllDirectoryUsers",
        ),
        ("catalog.spec.state", "Default for a new catalog: `Published`"),
        ("entratenant.spec.mode", "the emergency brake. Default `Enforce`."),
    ] {
        let text = cluster().kubectl(&["explain", field]).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(expected), "{field}: {text}");
    }
}
