//! The package of a policy: found by its reference, and held to be what it says.

use kube::ResourceExt;

use super::super::{
    context::Context,
    grants::catalog_of_id,
    halt::{Halt, Step},
    identity, is_ready,
    subject::Subject,
};
use crate::{
    api::{AccessPackage, AssignmentPolicy, AssignmentPolicySpec, Catalog, EntraObject, ManagedStatus, Reason},
    cluster::Lookup,
    plan::Problem,
};

pub(super) fn package_of(context: &Context, spec: &AssignmentPolicySpec, namespace: &str) -> Step<AccessPackage> {
    let name = &spec.access_package_ref.name;
    let absent = || {
        Halt::reference(Problem::new(
            Reason::AccessPackageNotFound,
            format!(
                "spec.accessPackageRef: no AccessPackage {name:?} in namespace {namespace:?}; create it, or correct the name"
            ),
        ))
    };
    let found = context.cluster.package(namespace, name).ok_or_else(absent)?;
    // What cannot be read is there all the same.
    found
        .read()
        .map(|package| AccessPackage::clone(package))
        .map_err(|unreadable| {
            Halt::reference(Problem::new(
                Reason::AccessPackageNotReady,
                format!(
                    "spec.accessPackageRef: AccessPackage {name:?} cannot be read: {}; correct it",
                    unreadable.error
                ),
            ))
        })
}

/// A package is judged by the grants of the catalog that it is in, not of another that its spec may name by now.
pub(super) fn require_own_catalog(catalog: &Catalog, package: &AccessPackage, entra: &EntraObject) -> Step<()> {
    let is_it = identity::own(catalog).is_some_and(|own| {
        own.id.eq_ignore_ascii_case(&entra.catalog_id) && own.tenant_id.eq_ignore_ascii_case(&entra.tenant_id)
    });
    if is_it {
        return Ok(());
    }
    Err(Halt::reference(Problem::new(
        Reason::AccessPackageNotReady,
        format!(
            "spec.accessPackageRef: AccessPackage {:?} is in catalog {} of Entra, which Catalog {:?} that it names is not, or not yet; nothing of its policies is written",
            package.name_any(),
            entra.catalog_id,
            catalog.name_any()
        ),
    )))
}

pub(super) fn package_identity(package: &AccessPackage) -> Step<EntraObject> {
    identity::own(package).cloned().ok_or_else(|| not_ready(package))
}

/// A new policy waits until its package is whole: nothing can be requested before that.
pub(super) fn require_ready(package: &AccessPackage) -> Step<()> {
    if is_ready(package) {
        Ok(())
    } else {
        Err(not_ready(package))
    }
}

/// The deletion of a package closes its policies; whoever went on with them would open them again.
pub(super) fn require_kept(package: &AccessPackage) -> Step<()> {
    if package.metadata.deletion_timestamp.is_none() {
        return Ok(());
    }
    Err(Halt::reference(Problem::new(
        Reason::AccessPackageNotReady,
        format!(
            "spec.accessPackageRef: AccessPackage {:?} is being deleted, so nothing is done about its policies any more; delete this object too",
            package.name_any()
        ),
    )))
}

pub(super) fn not_ready(package: &AccessPackage) -> Halt {
    let why = package
        .status
        .as_ref()
        .and_then(ManagedStatus::ready)
        .filter(|ready| ready.status == "False")
        .map_or_else(String::new, |condition| format!(" ({})", condition.reason));
    Halt::reference(Problem::new(
        Reason::AccessPackageNotReady,
        format!(
            "spec.accessPackageRef: AccessPackage {:?} is not ready{why}; waiting for it",
            package.name_any()
        ),
    ))
}

/// The Catalog that gives leave: the one that status proves, whatever a fresh object of the package's name says; of one that
/// was never made, the one that its package names.
pub(super) fn catalog_name(context: &Context, subject: &Subject<AssignmentPolicy>) -> String {
    if let Some(entra) = identity::own(&subject.object) {
        // Where no Catalog is this one any more, nobody is left to give leave.
        return catalog_of_id(context, entra).unwrap_or_default(); // no Catalog has this name
    }
    let package = &subject.object.spec.access_package_ref.name;
    let package = context.cluster.package(&subject.namespace(), package);
    let catalog = package.as_ref().and_then(Lookup::parent_name);
    catalog.map_or_else(String::new, str::to_owned)
}
