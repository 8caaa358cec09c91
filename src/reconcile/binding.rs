//! The people and programs that a policy names, bound to ids.

use std::collections::BTreeMap;

use super::{
    directory::Memory,
    halt::{Halt, Retry, Step},
    tenant::Tenant,
};
use crate::{
    api::{AssignmentPolicySpec, PinnedReference},
    graph::{CatalogId, ObjectId},
    plan::{Problem, bindings::remember, people},
};

/// Those whom a policy names, and what is to be remembered of their names.
pub(crate) struct BoundPeople {
    pub(crate) people: people::People,
    pub(crate) pins: Vec<PinnedReference>,
    pub(crate) warning: Option<Problem>,
}

/// Binds every reference of the policy, all of them together; what cannot be bound is told in the order of the spec.
pub(crate) async fn bind_people(
    tenant: &Tenant,
    spec: &AssignmentPolicySpec,
    catalog: &CatalogId,
    memory: Memory<'_>,
) -> Step<BoundPeople> {
    let refused = |problem| Halt::reference(problem).retried(Retry::OnChange);
    let references = people::references(spec, catalog).map_err(refused)?;
    let answers = tenant.directory.bind_many(&references, memory).await;
    let mut ids: BTreeMap<String, ObjectId> = BTreeMap::new();
    let (mut pins, mut warning) = (Vec::new(), None);
    for ((field, _), bound) in references.into_iter().zip(answers) {
        let bound = bound?;
        let decides = ["pprovers[", "eviewers["].iter().any(|list| field.contains(list));
        let cannot = bound.cannot_decide(&field).filter(|_| decides);
        remember(&mut pins, bound.pin);
        warning = warning.or(bound.moved).or(cannot);
        ids.insert(field, bound.id.into());
    }
    let people = people::bound(spec, catalog, &mut |field, key| {
        // Both walks are one: what the first named, the second finds.
        let unbound = || Problem::new(crate::api::Reason::ReferenceNotFound, format!("{key} was not bound")).at(field);
        ids.get(field).cloned().ok_or_else(unbound)
    })
    .map_err(refused)?;
    Ok(BoundPeople { people, pins, warning })
}
