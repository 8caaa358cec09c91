//! What is counted of the objects when somebody scrapes the metrics, and which writes were corrections.

use std::borrow::Cow;

use kube::Resource;

use super::{
    Kind,
    context::{Context, Shelf},
};
use crate::{
    api::{Applied, ManagedStatus, Reason},
    metrics::Standing,
    plan::{Base, Change, Plan},
};

/// How the objects in the stores stand now.
pub(crate) fn standing(context: &Context) -> Standing {
    let mut standing = Standing {
        inventory_age: context.inventory_age(),
        token_age: context.token_age(),
        ..Standing::default()
    };
    let stores = &context.stores;
    count(&mut standing, &stores.tenants);
    count(&mut standing, &stores.catalogs);
    count(&mut standing, &stores.packages);
    count(&mut standing, &stores.policies);
    standing
}

fn count<K: Kind>(standing: &mut Standing, store: &Shelf<K>) {
    let kind = <K as Resource>::kind(&());
    for status in ["True", "False", "Unknown"] {
        standing.ready.entry((kind.to_string(), status)).or_default();
    }
    for object in store.state() {
        let (status, reason) = match object.read() {
            Ok(object) => ready::<K>(object),
            Err(_) => ("False", Reason::InvalidSpec.name()),
        };
        *standing.ready.entry((kind.to_string(), status)).or_default() += 1;
        *standing.reasons.entry((kind.to_string(), reason)).or_default() += 1;
    }
}

/// Status and reason of the Ready condition; no condition is `Unknown`, as it is everywhere in Kubernetes.
fn ready<K: Kind>(object: &K) -> (&'static str, String) {
    let Some(ready) = object.status().and_then(ManagedStatus::ready) else {
        return ("Unknown", Reason::Progressing.name());
    };
    let status = match ready.status.as_str() {
        "True" => "True",
        "False" => "False",
        _ => "Unknown",
    };
    // Labels come from a closed set, whoever wrote the status.
    let known = Reason::ALL.iter().find(|reason| reason.name() == ready.reason);
    (status, known.unwrap_or(&Reason::Progressing).name())
}

/// The fields that a plan puts back: those that somebody changed in Entra, while the spec says what it said before.
///
/// `before` is what was applied last. Resources of a catalog are not compared with it, so none is counted.
pub(super) fn corrections<'a>(before: Option<&Applied>, plan: &'a Plan) -> Vec<Cow<'a, str>> {
    let Some(applied) = before else {
        return Vec::new();
    };
    if plan.changes.iter().any(Change::is_create) {
        return vec!["object".into()];
    }
    let spec_is_unchanged = *applied == plan.applied;
    let base = Base::of(before);
    let mut fields = Vec::new();
    for change in &plan.changes {
        match change {
            Change::UpdateCatalog { differences, .. }
            | Change::UpdateAccessPackage { differences, .. }
            | Change::ReplaceAssignmentPolicy { differences, .. } => {
                let drifted = differences
                    .iter()
                    .filter(|difference| base.holds(&difference.field, &difference.after));
                fields.extend(drifted.map(|difference| Cow::from(&difference.field)));
            }
            Change::AddResourceRole { .. } | Change::RemoveResourceRole { .. } if spec_is_unchanged => {
                fields.push("resourceRoles".into());
            }
            Change::AddResourceRole { .. }
            | Change::RemoveResourceRole { .. }
            | Change::AddResource { .. }
            | Change::RemoveResource { .. }
            | Change::CreateCatalog(_)
            | Change::CreateAccessPackage(_)
            | Change::CreateAssignmentPolicy(_) => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::AccessPackagePatch,
        plan::{Difference, drift::digest},
    };

    fn applied(description: &str) -> Applied {
        Applied {
            fields: [("description".to_owned(), digest(description))].into(),
        }
    }

    fn plan(spec: &str) -> Plan {
        let difference = Difference {
            field: "description".into(),
            before: "from the portal".into(),
            after: spec.into(),
            widens: false,
        };
        Plan {
            changes: vec![
                Change::UpdateAccessPackage {
                    patch: AccessPackagePatch::default(),
                    differences: vec![difference],
                },
                Change::RemoveResourceRole {
                    name: "Member".into(),
                    id: "1".into(),
                },
            ],
            held: Vec::new(),
            applied: applied(spec),
        }
    }

    #[test]
    fn what_the_spec_changed_is_no_correction_and_what_entra_changed_is_one() {
        assert_eq!(
            corrections(Some(&applied("a")), &plan("a")),
            ["description", "resourceRoles"]
        );
        assert!(corrections(Some(&applied("a")), &plan("b")).is_empty());
        assert!(corrections(None, &plan("a")).is_empty());
    }
}
