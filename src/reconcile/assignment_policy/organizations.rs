//! The connected organizations that a policy names by their objects in the cluster.

use super::super::{
    context::Context,
    halt::{Halt, Step},
    identity,
    tenant::Tenant,
};
use crate::{
    api::{AssignmentPolicySpec, PinnedReference, Reason},
    cluster::Lookup,
    plan::Problem,
};

/// The spec with the id of each connected organization that it names in place of its name, and what is told of that. A name of
/// the cluster follows its object, as that of a Catalog does: it is told in status, and not bound by it.
pub(super) fn with_organizations(
    context: &Context,
    tenant: &Tenant,
    mut spec: AssignmentPolicySpec,
) -> Step<(AssignmentPolicySpec, Vec<PinnedReference>)> {
    let mut told = Vec::new();
    let targets = spec
        .requestors
        .iter_mut()
        .flat_map(|requestors| &mut requestors.targets);
    for (index, target) in targets.enumerate() {
        let Some(partner) = &mut target.connected_organization else {
            continue;
        };
        // Named in another way as well, it is refused there.
        let Some(name) = partner.name.clone() else { continue };
        let field = format!("spec.requestors.targets[{index}].connectedOrganization.name");
        let id = id_of(context, tenant, &name).map_err(|problem| Halt::reference(problem.at(&field)))?;
        told.push(PinnedReference {
            reference: format!("ConnectedOrganization name={name}"),
            id: id.clone(),
        });
        partner.name = None;
        partner.id = Some(id);
    }
    Ok((spec, told))
}

/// The id in Entra of a ConnectedOrganization of the tenant.
fn id_of(context: &Context, tenant: &Tenant, name: &str) -> Result<String, Problem> {
    let Some(found) = context.cluster.organization(name) else {
        return Err(Problem::new(
            Reason::ReferenceNotFound,
            format!("no ConnectedOrganization {name:?} exists"),
        )
        .remedy("create it, or correct the name"));
    };
    let waits = |why: &str| {
        Problem::new(
            Reason::ConnectedOrganizationNotReady,
            format!("ConnectedOrganization {name:?} {why}"),
        )
    };
    let object = match &found {
        Lookup::Readable(object) => object,
        Lookup::Unreadable(unreadable) => return Err(waits(&format!("cannot be read: {}", unreadable.error))),
    };
    let Some(entra) = identity::own(object.as_ref()) else {
        return Err(waits("is not in Entra yet; its own conditions say why"));
    };
    if entra.cloud != tenant.cloud_name() || !entra.tenant_id.eq_ignore_ascii_case(&tenant.id) {
        return Err(Problem::new(
            Reason::ReferenceNotFound,
            format!("ConnectedOrganization {name:?} is connected to another tenant than that of the policy's catalog"),
        )
        .remedy("name one whose tenantRef is that of the Catalog"));
    }
    Ok(entra.id.clone())
}
