//! The connected organizations that a policy names by their objects in the cluster.

use std::collections::BTreeMap;

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

/// The organizations that a spec names, found.
pub(super) struct Organizations {
    /// The spec with the id of each in place of its name.
    pub(super) spec: AssignmentPolicySpec,
    /// What each name is bound to.
    pub(super) pins: Vec<PinnedReference>,
    /// A name stands for another organization by now.
    pub(super) moved: Option<Problem>,
}

/// Finds each connected organization that the spec names. A name is bound once, as one of the directory is: another object of
/// the same name stands for other people, whom nobody has let in by an edit of this policy.
pub(super) fn with_organizations(
    context: &Context,
    tenant: &Tenant,
    pinned: &BTreeMap<String, String>,
    mut spec: AssignmentPolicySpec,
) -> Step<Organizations> {
    let (mut pins, mut moved) = (Vec::new(), None);
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
        let reference = format!("ConnectedOrganization name={name}");
        let found = id_of(context, tenant, &name);
        let id = match (pinned.get(&reference), found) {
            (None, found) => found.map_err(|problem| Halt::reference(problem.at(&field)))?,
            (Some(bound), Ok(id)) if !bound.eq_ignore_ascii_case(&id) => {
                let words = format!(
                    "ConnectedOrganization {name:?} now stands for {id}; it stays bound to {bound} until this field changes"
                );
                let problem = Problem::new(Reason::ReferenceMoved, words).at(&field);
                moved = moved.or(Some(problem.remedy("where the new one is meant, name it by its id")));
                bound.clone()
            }
            // What is bound stays, whatever has become of the object.
            (Some(bound), _) => bound.clone(),
        };
        pins.push(PinnedReference {
            reference,
            id: id.clone(),
        });
        partner.name = None;
        partner.id = Some(id);
    }
    Ok(Organizations { spec, pins, moved })
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
