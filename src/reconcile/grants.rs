//! Which catalog a namespace may use, and by which grants.

use kube::Resource as _;

use super::{
    context::Context,
    directory::Memory,
    halt::{Halt, Retry, Stage, Step},
    tenant::Tenant,
};
use crate::{
    api::{Catalog, CatalogSpec, EntraObject, Grant, PinnedReference, Reason},
    cluster::{Lookup, Tracked},
    plan::{
        Problem,
        bindings::remember,
        limits::{self, Counted, Kin, Namespace},
    },
};

/// The catalog of a package with the grants that speak of its namespace.
///
/// A namespace without a grant gets one and the same answer, whether the catalog exists or not.
pub(crate) fn granted(
    context: &Context,
    catalog_name: &str,
    namespace: &str,
    field: &str,
) -> Step<(Catalog, Vec<Grant>)> {
    let labels = context.labels(namespace);
    let refused = || {
        Halt::reference(Problem::new(
            Reason::CatalogNotGranted,
            format!(
                "{field}: no catalog {catalog_name:?} grants anything to namespace {namespace:?}; correct the name, or ask those who run the catalogs for a grant"
            ),
        ))
    };
    let catalog = context.cluster.catalog(catalog_name).ok_or_else(refused)?;
    // What cannot be read grants nothing.
    let catalog = catalog
        .readable()
        .map(|catalog| Catalog::clone(catalog))
        .ok_or_else(refused)?;
    let namespace = Namespace {
        name: namespace,
        labels: labels.as_deref(),
    };
    let pins = catalog.status.as_ref().map_or(&[][..], |status| &status.resolved);
    let grants: Vec<Grant> = limits::grants_for(&catalog.spec, namespace)
        .into_iter()
        .map(|grant| limits::with_ids(grant.clone(), pins))
        .collect();
    if grants.is_empty() {
        Err(refused())
    } else {
        Ok((catalog, grants))
    }
}

/// The grants that have room for the object of this uid; all of them, and what is wrong, where none has.
pub(crate) fn with_room(
    context: &Context,
    grants: Vec<Grant>,
    counted: Counted,
    (catalog, namespace, uid): (&str, &str, &str),
) -> (Vec<Grant>, Option<Problem>) {
    if grants.iter().all(|grant| counted.of(&grant.limits).is_none()) {
        return (grants, None); // nobody needs to count
    }
    let packages = context.cluster.packages_of_catalog(catalog);
    let ours = packages
        .iter()
        .filter(|package| package.place().namespace.as_deref() == Some(namespace));
    let kin: Vec<Kin> = match counted {
        Counted::Packages => ours.map(kin).collect(),
        Counted::Policies => ours
            .flat_map(|package| context.cluster.policies_of_package(namespace, &package.place().name))
            .map(|policy| kin(&policy))
            .collect(),
    };
    match limits::within_quota(grants.clone(), counted, uid, &kin) {
        Ok(left) => (left, None),
        Err(problem) => (grants, Some(problem)),
    }
}

fn kin<K: Tracked>(object: &Lookup<K>) -> Kin {
    let meta = object.meta();
    Kin {
        is_new: !object.is_made(),
        created: meta.creation_timestamp.as_ref().map(|time| time.0.as_second()),
        uid: object.uid().to_owned(),
    }
}

/// What was found of those whom a Catalog's grants name.
#[derive(Default)]
pub(crate) struct NamedByGrants {
    pub(crate) pins: Vec<PinnedReference>,
    pub(crate) warning: Option<Problem>,
    /// Who was not found: no grant allows them anything.
    pub(crate) unresolved: Vec<Problem>,
    pub(crate) retry: Option<Retry>,
}

/// Finds everybody whom the grants name; one who is not found keeps nobody else waiting.
pub(crate) async fn find_named(tenant: &Tenant, spec: &CatalogSpec, memory: Memory<'_>) -> NamedByGrants {
    let (references, unresolved) = limits::named_by_grants(spec);
    let mut found = NamedByGrants {
        unresolved,
        ..NamedByGrants::default()
    };
    for answer in tenant.directory.bind_many(&references, memory).await {
        match answer {
            Ok(bound) => {
                remember(&mut found.pins, bound.pin);
                found.warning = found.warning.or(bound.moved);
            }
            Err(halt) => {
                found.retry = found.retry.or(Some(halt.retry));
                found.unresolved.push(halt.problem);
            }
        }
    }
    found
}

/// The name of the Catalog that is this one in Entra.
pub(crate) fn catalog_of_id(context: &Context, entra: &EntraObject) -> Option<String> {
    let found = context.cluster.catalogs_of_entra(entra);
    found.first().map(|catalog| catalog.place().name)
}

/// A limit that is broken: nothing is written until the spec or the grant changes.
pub(crate) fn limit(problem: Problem) -> Halt {
    Halt {
        problem,
        stage: Stage::Sync,
        retry: Retry::OnChange,
    }
}
