//! The people and programs that a policy names, bound to ids.

use std::collections::BTreeMap;

use super::{
    directory::Memory,
    halt::{Halt, Retry, Step},
    tenant::Tenant,
};
use crate::{
    api::{AssignmentPolicySpec, PinnedReference},
    graph::{CatalogId, ObjectId, UserKey},
    plan::{
        Problem,
        bindings::{Bound, DirectoryKey, remember},
        outlook::{Decider, Who, guest},
        people,
    },
};

/// Those whom a policy names, and what is to be remembered of their names.
pub(crate) struct BoundPeople {
    pub(crate) people: people::People,
    pub(crate) pins: Vec<PinnedReference>,
    pub(crate) warnings: Vec<Problem>,
    /// Those who are to decide, and of whom binding has not told enough.
    pub(crate) deciders: Vec<Decider>,
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
    let (mut pins, mut warnings, mut deciders) = (Vec::new(), Vec::new(), Vec::new());
    for ((field, key), bound) in references.into_iter().zip(answers) {
        let bound = bound?;
        let decides = ["pprovers[", "eviewers["].iter().any(|list| field.contains(list));
        warnings.extend(bound.moved.clone());
        if decides {
            match (bound.cannot_decide(&field), &bound.object) {
                (Some(cannot), _) => warnings.push(cannot),
                (None, Some(object)) => warnings.extend(guest(&field, &key, object, spec)),
                (None, None) => {}
            }
            deciders.extend(decider(&field, &key, &bound));
        }
        remember(&mut pins, bound.pin);
        ids.insert(field, bound.id.into());
    }
    let people = people::bound(spec, catalog, &mut |field, key| {
        // Both walks are one: what the first named, the second finds.
        let unbound = || Problem::new(crate::api::Reason::ReferenceNotFound, format!("{key} was not bound")).at(field);
        ids.get(field).cloned().ok_or_else(unbound)
    })
    .map_err(refused)?;
    Ok(BoundPeople {
        people,
        pins,
        warnings,
        deciders,
    })
}

/// Whoever has to be looked at besides: a user of whom only the id is known, and a group, which may be empty.
fn decider(field: &str, key: &DirectoryKey, bound: &Bound) -> Option<Decider> {
    let id = || ObjectId::from(bound.id.as_str());
    let who = match key {
        DirectoryKey::User(UserKey::Id(_)) => Who::User(id()),
        DirectoryKey::Group(_) if !bound.is_gone => Who::Group(id()),
        DirectoryKey::User(UserKey::UserPrincipalName(_) | UserKey::Mail(_))
        | DirectoryKey::Group(_)
        | DirectoryKey::ServicePrincipal(_)
        | DirectoryKey::Site(_)
        | DirectoryKey::Organization(_)
        | DirectoryKey::Extension(_) => return None,
    };
    Some(Decider {
        field: field.to_owned(),
        who,
    })
}
