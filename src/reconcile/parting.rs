//! How objects part with Entra: left behind, or deleted once nobody holds them any more.

use std::time::Duration;

use super::{
    context::{Context, find},
    grants::{granted, limit},
    halt::{Halt, Retry, Step},
    inventory::{Freshness, Inventory},
    tenant::Tenant,
};
use crate::{
    api::{DeletionPolicy, Grant, Management, ORPHAN, Reason},
    graph::{self, AccessPackageId, AssignmentState, CatalogId},
    plan::{assignment_policy::closed, limits},
};

/// How an object goes.
pub(crate) struct Departure<'a> {
    /// The annotation asks to leave Entra as it is.
    pub(crate) annotated: bool,
    pub(crate) management: Management,
    pub(crate) method: DeletionPolicy,
    /// Whether the operator ever wrote what stands in Entra.
    pub(crate) is_written: bool,
    /// Name of the Catalog.
    pub(crate) catalog: &'a str,
    pub(crate) namespace: &'a str,
}

/// How the object parts with Entra: `None` leaves everything there as it is.
///
/// What the operator wrote may be left behind only where the grant allows it; otherwise a namespace could shed the
/// operator's hold on live access. A plain deletion needs no grant: what is proven ours may always go. Taking people's
/// access away without the grant's leave waits for it to end, as a plain deletion does.
///
/// # Errors
/// [`Reason::LimitExceeded`] or [`Reason::CatalogNotGranted`] where it may not be left behind.
pub(crate) fn parting(context: &Context, departure: &Departure<'_>) -> Step<Option<DeletionPolicy>> {
    let Departure {
        annotated,
        management,
        method,
        is_written,
        catalog,
        namespace,
    } = departure;
    let leaves = *annotated || *management == Management::Observe || *method == DeletionPolicy::Orphan;
    // Nobody is left to give leave where the Catalog is gone.
    let is_free = (leaves && !is_written) || find(&context.stores.catalogs, None, catalog).is_none();
    let allowed = |method| {
        let (_, grants) = granted(context, catalog, namespace, "spec.catalogRef")?;
        let grants: Vec<&Grant> = grants.iter().collect();
        limits::check_deletion(method, &grants).map_err(limit)
    };
    match (leaves, *method) {
        (true, _) if is_free => Ok(None),
        (true, method) => match allowed(DeletionPolicy::Orphan) {
            Ok(()) => Ok(None),
            Err(mut halt) => {
                // The limit speaks of the field; here something else may ask for the same.
                let asks = match (method, management) {
                    (DeletionPolicy::Orphan, _) => return Err(halt),
                    (_, Management::Observe) => "spec.management: Observe leaves Entra as it is".to_owned(),
                    (_, Management::Full) => format!("annotation {ORPHAN}"),
                };
                halt.problem.field = Some(asks);
                Err(halt)
            }
        },
        (false, DeletionPolicy::DeleteWithAssignments) if is_free || allowed(*method).is_ok() => Ok(Some(*method)),
        (false, _) => Ok(Some(DeletionPolicy::Delete)),
    }
}

/// Whether anything is ever written for the object.
pub(crate) fn may_write(tenant: &Tenant, management: Management) -> bool {
    tenant.management == Management::Full && management == Management::Full
}

pub(crate) fn refuse_observed(tenant: &Tenant) -> Step<()> {
    if tenant.management == Management::Observe {
        return Err(Halt::sync(
            Reason::ObserveOnly,
            format!(
                "EntraTenant {:?} has mode: Observe, so nothing is deleted in Entra; set mode: Enforce to go on",
                tenant.name
            ),
            Retry::OnChange,
        ));
    }
    Ok(())
}

/// Shuts a policy for new requests, from a fresh read; one that is gone or shut is shut.
pub(crate) async fn close(
    tenant: &Tenant,
    catalog: &CatalogId,
    package: &AccessPackageId,
    id: &graph::PolicyId,
) -> Step<()> {
    let inventory: &Inventory = &tenant.inventory;
    let Some(mut policy) = inventory.policy(catalog, package, id, Freshness::Now).await? else {
        return Ok(());
    };
    if let Some(shut) = closed(&policy.fields.provisional()) {
        tenant.graph.replace_assignment_policy(id, package, &shut).await?;
        policy.fields = shut.into();
        inventory.policy_changed(catalog, package, id, Some(policy)).await;
    }
    Ok(())
}

/// Ends the visit while somebody holds the package (through this policy, where one is given).
pub(crate) async fn wait_for_assignments(
    tenant: &Tenant,
    package: &AccessPackageId,
    policy: Option<&graph::PolicyId>,
    method: DeletionPolicy,
) -> Step<()> {
    let listed = tenant.graph.list_live_assignments(package).await?;
    if let Some(unreadable) = listed.unreadable.first() {
        return Err(Halt::sync(
            Reason::GraphRefused,
            format!(
                "{} assignments cannot be read, so nobody knows who holds access: {}",
                listed.unreadable.len(),
                unreadable.why
            ),
            Retry::Backoff,
        ));
    }
    let mut live = listed.elements;
    if let Some(policy) = policy {
        // One whose policy is not told may be of this policy.
        live.retain(|assignment| assignment.policy.as_ref().is_none_or(|of| of == policy));
    }
    if live.is_empty() {
        return Ok(());
    }
    let takes_away = method == DeletionPolicy::DeleteWithAssignments;
    if takes_away {
        for assignment in live
            .iter()
            .filter(|assignment| assignment.state != AssignmentState::Delivering)
        {
            tenant.graph.request_assignment_remove(&assignment.id).await?;
        }
    }
    let who: Vec<String> = live
        .iter()
        .filter_map(|assignment| assignment.target.as_ref())
        .take(3)
        .map(ToString::to_string)
        .collect();
    let who = if who.is_empty() {
        String::new()
    } else {
        format!(
            " ({}{})",
            who.join(", "),
            if live.len() > who.len() { ", …" } else { "" }
        )
    };
    let next = if takes_away {
        "their access is being taken away; the deletion goes on when it is"
    } else {
        "nobody can request it any more; the deletion goes on when their access has ended, or with deletionPolicy: DeleteWithAssignments, where the grant allows it"
    };
    Err(Halt::sync(
        Reason::AssignmentsRemain,
        format!("{} people still hold access{who}: {next}", live.len()),
        Retry::After(if takes_away {
            Duration::from_secs(2)
        } else {
            Duration::from_secs(30)
        }),
    ))
}
