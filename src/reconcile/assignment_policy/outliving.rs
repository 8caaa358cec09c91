//! Those who came in before the expiration was shortened.

use super::{
    super::{outlook::Asks, subject::Subject},
    PolicyReferences,
};
use crate::{
    api::{AssignmentPolicy, EntraStatus as _},
    graph::{self, Listed},
    plan::{
        Found, Problem,
        outlook::{SHORTENED, outlived, outliving},
    },
};

/// How many of them keep access longer, where the expiration was shortened by a write of ours; once there is none any more, that is
/// forgotten.
pub(super) async fn look(
    subject: &mut Subject<AssignmentPolicy>,
    references: &PolicyReferences,
    observed: &Found<Box<graph::AssignmentPolicy>>,
    asks: Asks,
) -> Option<Problem> {
    let policy = observed.present()?;
    let is_shortened = |subject: &Subject<AssignmentPolicy>| {
        let applied = subject.status.applied();
        applied.is_some_and(|applied| applied.fields.contains_key(SHORTENED))
    };
    if !is_shortened(subject) {
        return None;
    }
    let tenant = &references.tenant;
    let count = async {
        let Listed { elements, unreadable } = tenant.graph.list_live_assignments(&references.package_id).await?;
        let own = elements
            .iter()
            .filter(|one| one.policy.as_ref().is_none_or(|of| *of == policy.id)); // it may be this one
        Ok(outliving(own, &policy.fields.expiration, subject.now) + unreadable.len())
    };
    let what = format!("outlive {}", policy.id);
    // Whoever shortens it wants to see what came of it: in the rhythm of visits.
    let longest = tenant.drift_interval.mul_f64(0.8);
    let number = tenant.counted.number(tenant, what, (asks, longest), count).await?;
    if number == 0 && asks != Asks::Nothing {
        let applied = subject.status.applied_mut();
        applied
            .iter_mut()
            .for_each(|applied| drop(applied.fields.remove(SHORTENED)));
    }
    outlived(number)
}
