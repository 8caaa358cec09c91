//! Packages that keep the holders of others out.

use serde_json::{Value, json};

use super::{
    Act, Scenario, Target,
    stories::{PACKAGE, TEAM, all_with, package, with},
};

const SECOND: Target = Target {
    kind: "AccessPackage",
    namespace: Some(TEAM),
    name: "audit",
};

/// What holds at the end of each: nobody gets both, and what was set up by hand stays.
const MADE: &[&str] = &["package Marketing/Campaign ", "package Marketing/Audit "];

fn apart(with_others: &Value) -> Value {
    with(package(), &json!({"spec": {"incompatibleWith": with_others}}))
}

/// A second package, which names the first, and has no policy.
fn audit() -> Value {
    with(
        apart(&json!({"accessPackages": [{"name": "campaign"}]})),
        &json!({"metadata": {"name": "audit"}, "spec": {"displayName": "Audit", "resourceRoles": [
            {"resource": "crm", "role": "Writer"}]}}),
    )
}

/// Both, each naming the other, and a group.
fn both() -> Vec<Act> {
    let first = apart(&json!({"accessPackages": [{"name": "audit"}], "groups": [{"displayName": "Approvers"}]}));
    let mut acts = all_with(first);
    acts.extend([Act::Apply(audit()), Act::AllReady]);
    acts
}

fn scenario(name: &'static str, acts: Vec<Act>) -> Scenario {
    Scenario {
        name,
        acts,
        holds: MADE,
        lacks: &[],
    }
}

fn then(acts: impl IntoIterator<Item = Act>) -> Vec<Act> {
    let mut all = both();
    all.extend(acts);
    all
}

fn change(with_others: &Value) -> Act {
    Act::Patch(PACKAGE, json!({"spec": {"incompatibleWith": with_others}}))
}

/// Every scenario of it.
pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        // One goes, then the group; then the spec says nothing any more.
        scenario(
            "separation",
            then([
                change(&json!({"accessPackages": []})),
                Act::Settle,
                change(&json!({"accessPackages": [{"name": "audit"}], "groups": []})),
                Act::Settle,
                change(&Value::Null),
            ]),
        ),
        // Somebody lets the holders of the other in, in the portal: that is put right.
        scenario(
            "separation-opened-by-hand",
            then([Act::PortalPatch(
                "accessPackages",
                "Campaign",
                json!({"incompatibleAccessPackages": [], "incompatibleGroups": []}),
            )]),
        ),
        // The other package goes, and comes back as another one.
        scenario(
            "separation-from-one-made-anew",
            then([Act::Delete(SECOND), Act::Settle, Act::Apply(audit()), Act::AllReady]),
        ),
    ]
}
