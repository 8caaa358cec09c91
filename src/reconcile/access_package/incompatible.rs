//! What the spec says to be incompatible with the package, each found by what names it.

use kube::ResourceExt as _;

use super::super::{
    context::Context, directory::Memory, grants::granted, halt::Step, identity, subject::Subject, tenant::Tenant,
};
use crate::{
    api::{AccessPackage, IncompatiblePackage, IncompatibleWith, PinnedReference, Reason},
    cluster::Lookup,
    graph::{IncompatibleKind, ObjectId},
    plan::{
        Problem,
        access_package::{DesiredIncompatible, Named, moved, one_way},
        bindings::{group_key, remember},
    },
};

/// Those that were found, and what is to be remembered and told of them.
pub(crate) struct Incompatibles {
    pub(super) desired: DesiredIncompatible,
    pub(super) pins: Vec<PinnedReference>,
    pub(super) warning: Option<Problem>,
}

/// Finds every package and every group that the spec names. A package that is not there yet keeps nobody waiting: two that
/// name each other come to be in any order. Nobody is looked up for a namespace that has no `leave` for what it asks.
pub(super) async fn resolve(
    context: &Context,
    subject: &Subject<AccessPackage>,
    tenant: &Tenant,
    leave: Result<(), Problem>,
) -> Step<Incompatibles> {
    let mut found = Incompatibles {
        desired: DesiredIncompatible::default(),
        pins: Vec::new(),
        warning: None,
    };
    let Some(IncompatibleWith {
        access_packages,
        groups,
    }) = &subject.object.spec.incompatible_with
    else {
        return Ok(found);
    };
    let mut named = Vec::new();
    let mut one_sided = Vec::new();
    for (index, reference) in access_packages.iter().enumerate() {
        let field = format!("spec.incompatibleWith.accessPackages[{index}]");
        match package(context, subject, tenant, &field, reference) {
            Ok((other, is_mutual)) => {
                if !is_mutual {
                    one_sided.push(other.reference.clone());
                }
                found.desired.before.extend(before(subject, &other));
                named.push(other);
            }
            Err(problem) => found.desired.unresolved.push(problem),
        }
    }
    let pins = PinnedReference::map(&subject.status.resolved);
    let memory = Memory {
        pins: &pins,
        asked_for: subject.requested().is_some(),
        wants_news: false,
    };
    for (index, group) in groups.iter().enumerate() {
        let field = format!("spec.incompatibleWith.groups[{index}]");
        // The schema refuses an empty one, and so does the first look at the spec.
        let Some(key) = group_key(group) else { continue };
        if let (Err(limit), None) = (&leave, key.id()) {
            found.desired.unresolved.push(limit.clone());
            continue;
        }
        let bound = tenant.directory.bind(&field, &key, memory).await?;
        remember(&mut found.pins, bound.pin);
        found.warning = found.warning.or(bound.moved);
        named.push(Named {
            reference: key.to_string(),
            kind: IncompatibleKind::Group,
            id: ObjectId::from(bound.id),
        });
    }
    found.warning = found.warning.or(moved(&found.desired.before)).or(one_way(&one_sided));
    found.desired.named = Some(named);
    Ok(found)
}

/// How status calls a package that a name stood for before.
pub(super) const BEFORE: &str = " (before)";

/// What the name of this package stood for before, by what status tells.
fn before(subject: &Subject<AccessPackage>, now: &Named) -> Vec<Named> {
    let told = subject.status.incompatible_with.iter();
    let of_name = told.filter(|told| told.reference.strip_suffix(BEFORE).unwrap_or(&told.reference) == now.reference);
    of_name
        .filter(|told| ObjectId::from(told.id.as_str()) != now.id)
        .map(|told| Named {
            reference: now.reference.clone(),
            kind: now.kind,
            id: ObjectId::from(told.id.as_str()),
        })
        .collect()
}

/// The package that a reference means, and whether it names this one in turn; of one that is given by its id nothing else is
/// known, and nothing is told.
fn package(
    context: &Context,
    subject: &Subject<AccessPackage>,
    tenant: &Tenant,
    field: &str,
    reference: &IncompatiblePackage,
) -> Result<(Named, bool), Problem> {
    let IncompatiblePackage { name, namespace, id } = reference;
    let itself = || {
        Problem::new(Reason::InvalidSpec, "a package cannot be incompatible with itself")
            .at(field)
            .remedy("name another, or take this entry out")
    };
    let own_id = identity::own(&subject.object).map(|entra| entra.id.clone());
    let is_own = |id: &str| own_id.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(id));
    let Some(name) = name else {
        let id = id.clone().unwrap_or_default(); // the first look at the spec refuses an empty one
        if is_own(&id) {
            return Err(itself());
        }
        // No rule of the definition can say it: the word is reserved in some implementations of CEL.
        if namespace.is_some() {
            let words = "namespace goes with name: an id stands for one package everywhere";
            return Err(Problem::new(Reason::InvalidSpec, words)
                .at(field)
                .remedy("leave the namespace out"));
        }
        let named = Named {
            reference: format!("package {id}"),
            kind: IncompatibleKind::AccessPackage,
            id: ObjectId::from(id),
        };
        return Ok((named, true));
    };
    let own = subject.namespace();
    let namespace = namespace.as_ref().unwrap_or(&own);
    if *namespace == own && *name == subject.object.name_any() {
        return Err(itself());
    }
    // A name of another namespace gets one and the same answer, whether it does not exist or may not be named.
    let absent = || {
        Problem::new(
            Reason::AccessPackageNotFound,
            format!("no AccessPackage {namespace}/{name} that a catalog grants"),
        )
        .at(field)
        .remedy("create it, correct the name, or give the package's id")
    };
    let known = context.cluster.package(namespace, name).ok_or_else(absent)?;
    let Lookup::Readable(other) = &known else {
        return Err(if *namespace == own {
            Problem::new(
                Reason::AccessPackageNotReady,
                format!("AccessPackage {namespace}/{name} cannot be read"),
            )
            .at(field)
            .remedy("correct that object")
        } else {
            absent()
        });
    };
    let catalog = &other.spec.catalog_ref.name;
    if *namespace != own && granted(context, catalog, namespace, field).is_err() {
        return Err(absent());
    }
    let entra = identity::own(other.as_ref()).ok_or_else(|| {
        Problem::new(
            Reason::AccessPackageNotReady,
            format!("AccessPackage {namespace}/{name} is not in Entra yet; waiting for it"),
        )
        .at(field)
    })?;
    if entra.cloud != tenant.cloud_name() || !entra.tenant_id.eq_ignore_ascii_case(&tenant.id) {
        return Err(Problem::new(
            Reason::InvalidSpec,
            format!("AccessPackage {namespace}/{name} is in another tenant"),
        )
        .at(field)
        .remedy("name one of this tenant: nobody holds packages of two"));
    }
    if is_own(&entra.id) {
        return Err(itself());
    }
    let named = Named {
        reference: format!("package {namespace}/{name}"),
        kind: IncompatibleKind::AccessPackage,
        id: ObjectId::from(entra.id.as_str()),
    };
    let is_mutual = names(other, namespace, (&own, &subject.object.name_any()), own_id.as_deref());
    Ok((named, is_mutual))
}

/// Whether the other, which stands in `namespace`, names this package.
fn names(other: &AccessPackage, namespace: &str, (own, name): (&str, &str), own_id: Option<&str>) -> bool {
    let packages = other
        .spec
        .incompatible_with
        .iter()
        .flat_map(|with| &with.access_packages);
    let mut packages = packages.filter(|package| {
        let is_by_name =
            package.name.as_deref() == Some(name) && package.namespace.as_deref().unwrap_or(namespace) == own; // absent: its own
        let is_by_id = package.id.as_deref().zip(own_id);
        is_by_name || is_by_id.is_some_and(|(id, own)| id.eq_ignore_ascii_case(own))
    });
    packages.next().is_some()
}
