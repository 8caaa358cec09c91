//! Counting those whom a plan touches, and asking a person.

use super::{Managed, halt::Step, identity::Site, subject::Subject};
use crate::{
    graph::{AccessPackageId, Assignment, Listed},
    plan::{
        Plan, Waits,
        consent::{Live, Question},
        identity::Stand,
    },
};

/// The plan, made once more by `again` where it touches people: what a person has to agree to is held back, with the question.
pub(super) async fn with_consent<K: Managed>(
    subject: &Subject<K>,
    site: &Site,
    stand: &Stand,
    again: impl Fn(Waits, Option<&Listed<Assignment>>) -> Plan<K::Act>,
) -> Step<Plan<K::Act>> {
    let plan = again(Waits::NONE, None);
    let id = match stand {
        Stand::Known { id } | Stand::Becomes { id, .. } => id,
        // Nobody holds what is not there.
        Stand::New { .. } | Stand::Again(_) | Stand::Searching(_) | Stand::Refused(_) => return Ok(plan),
    };
    if !plan.touches_people() {
        return Ok(plan);
    }
    let package = AccessPackageId::from(K::package_of(site, id));
    let holders = site.tenant.graph.list_live_assignments(&package).await?; // reads Graph
    let again = |waits| again(waits, Some(&holders));
    let plan = again(Waits::NONE);
    Ok(asked(subject, site, id, &holders, again).unwrap_or(plan))
}

/// The plan as `again` makes it, with what a person has to agree to held back and the question; `None` where nothing of it
/// waits, or a person has agreed.
pub(super) fn asked<K: Managed>(
    subject: &Subject<K>,
    site: &Site,
    id: &str,
    holders: &Listed<Assignment>,
    again: impl FnOnce(Waits) -> Plan<K::Act>,
) -> Option<Plan<K::Act>> {
    let live = counted::<K>(id, holders);
    let waits = live.waits(&site.tenant.acknowledge);
    if waits == Waits::NONE {
        return None;
    }
    let held = again(waits);
    let question = Question::of(&held, id, live)?;
    if question.is_answered(subject.acknowledged()) {
        return None;
    }
    Some(question.asked(held, &subject.annotate_command()))
}

/// Those who came in by the object. Who cannot be read is one of them.
fn counted<K: Managed>(id: &str, holders: &Listed<Assignment>) -> Live {
    let came = holders.elements.iter().filter(|holder| K::came_by(id, holder));
    let is_guest = |holder: &&Assignment| {
        holder
            .target
            .as_ref()
            .is_some_and(crate::graph::AssignmentTarget::is_guest)
    };
    Live {
        people: came.clone().count() + holders.unreadable.len(),
        guests: came.filter(is_guest).count(),
        of_package: holders.elements.len() + holders.unreadable.len(),
    }
}
