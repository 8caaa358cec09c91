//! Policies that run workflow extensions of their catalog.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Act, Scenario, Target,
    stories::{TEAM, catalog, namespace, package, policy, tenant, with},
};

const POLICY: Target = Target {
    kind: "AssignmentPolicy",
    namespace: Some(TEAM),
    name: "campaign",
};

fn extension(id: &str, display_name: &str, kind: &str) -> Act {
    Act::PortalCreate(
        "customWorkflowExtensions",
        json!({"id": id, "catalogId": "@catalogs/Marketing", "displayName": display_name,
            "@odata.type": format!("#microsoft.graph.accessPackageAssignment{kind}WorkflowExtension")}),
    )
}

fn change(extensions: &Value) -> Act {
    Act::Patch(POLICY, json!({"spec": {"extensions": extensions}}))
}

/// Every scenario of it.
pub(super) fn scenarios() -> Vec<Scenario> {
    let both = json!([
        {"stage": "AssignmentRequestCreated", "displayName": "Ticket"},
        {"stage": "AssignmentOneDayBeforeExpiration", "displayName": "Remind"},
    ]);
    let mut acts: Vec<Act> = [namespace(), tenant(), catalog()].map(Act::Apply).into();
    acts.extend([
        Act::Settle,
        extension("78eaee8c-e6cf-48c9-8f99-aae44c35e379", "Ticket", "Request"),
        extension("89fbff9d-f7d0-49d0-9faa-bbf55d46f48a", "Remind", ""),
        Act::Apply(package()),
        Act::Apply(with(policy(), &json!({"spec": {"extensions": both}}))),
        Act::AllReady,
        change(&json!([{"stage": "AssignmentRequestGranted", "displayName": "Ticket"}])),
        Act::Settle,
        change(&both),
        Act::AllReady,
        // A minute later somebody takes them out in the portal: they run again.
        Act::Pass(Duration::from_secs(60)),
        Act::PortalPatch(
            "assignmentPolicies",
            "Members",
            json!({"customExtensionStageSettings": []}),
        ),
    ]);
    vec![Scenario {
        name: "extensions",
        acts,
        holds: &["policy Marketing/Campaign/Members "],
        lacks: &[],
    }]
}
