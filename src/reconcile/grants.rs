//! Which catalog a namespace may use, and by which grants.

use super::{
    context::Context,
    halt::{Halt, Retry, Stage, Step},
};
use crate::{
    api::{Catalog, EntraObject, Grant, Reason},
    plan::{
        Problem,
        limits::{self, Namespace},
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
    let grants: Vec<Grant> = limits::grants_for(&catalog.spec, namespace)
        .into_iter()
        .cloned()
        .collect();
    if grants.is_empty() {
        Err(refused())
    } else {
        Ok((catalog, grants))
    }
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
