//! What is read for people to look at: seldom, by visits that have nothing to do, and remembered in between.
//!
//! Nothing waits for it and nothing is decided by it. What cannot be read is not told of.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::tenant::Tenant;
use crate::{
    api::{AssignmentPolicySpec, IsoDuration},
    graph::{AccessPackage, AccessPackageId, AssignmentState, GraphError, Listed},
    plan::{
        Problem,
        outlook::{Decider, Eligible, decides, eligible},
    },
};

/// Whether a visit may ask for what is not remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// It has something else to do: what is remembered serves, however old.
    Nothing,
    /// What is not remembered, or not any more.
    Seldom,
    /// Everything: somebody has asked for the visit.
    Everything,
}

/// Numbers that were counted, each under the words for what was counted.
#[derive(Default)]
pub(crate) struct Counted(Mutex<HashMap<String, (Instant, Option<usize>)>>);

impl Counted {
    /// The number, counted by `count` where none is remembered that is younger than `longest`; `None` where it cannot be told. What
    /// Graph refuses is not asked for again before that; what it does not answer leaves what was known.
    pub(crate) async fn number(
        &self,
        tenant: &Tenant,
        what: String,
        (asks, longest): (Asks, Duration),
        count: impl Future<Output = Result<usize, GraphError>>,
    ) -> Option<usize> {
        let known = |what: &str| {
            let numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            numbers.get(what).copied()
        };
        let before = known(&what);
        let is_due = match (asks, before) {
            (Asks::Nothing, _) => false,
            (Asks::Everything, _) | (Asks::Seldom, None) => true,
            (Asks::Seldom, Some((at, _))) => tenant.clock.since(at) >= longest,
        };
        let before = before.and_then(|(_, number)| number);
        if !is_due {
            return before;
        }
        let number = match count.await {
            Ok(number) => Some(number),
            Err(error) if error.is_transient() => return before,
            Err(_) => None,
        };
        let now = tenant.clock.instant();
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody has asked for since is forgotten.
        numbers.retain(|_, (at, _)| now.saturating_duration_since(*at) < longest.saturating_mul(2));
        numbers.insert(what, (now, number));
        number
    }
}

/// What is to be told of those who are to decide.
pub(crate) async fn of_deciders(
    tenant: &Tenant,
    deciders: &[Decider],
    spec: &AssignmentPolicySpec,
    asks: Asks,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for decider in deciders {
        let standing = match tenant.directory.standing(&decider.who, asks).await {
            Ok(standing) => standing,
            // Nobody of them can be told of now.
            Err(_) => return problems,
        };
        problems.extend(decides(decider, &standing, spec));
    }
    problems
}

/// The eligibility that a package hands out and that Privileged Identity Management ends, with the longest time that it gives.
pub(crate) async fn of_eligibility(tenant: &Tenant, package: &AccessPackage, asks: Asks) -> Vec<(Eligible, Duration)> {
    /// No end.
    const FOR_EVER: usize = usize::MAX;
    let mut limited = Vec::new();
    for eligible in eligible(package) {
        let Eligible { group, access } = &eligible;
        let longest = async {
            let limits = tenant.graph.list_eligibility_limits(group).await?;
            let limit = limits.into_iter().find(|limit| limit.access == *access);
            let longest = limit.and_then(|limit| IsoDuration::new(&limit.longest?).as_duration());
            let seconds = longest.and_then(|longest| usize::try_from(longest.as_secs()).ok());
            Ok(seconds.unwrap_or(FOR_EVER)) // nothing is said of an end
        };
        let what = format!("seconds that {group} has eligible as {access}");
        let rhythm = (asks, tenant.directory.verify_after());
        let seconds = tenant.counted.number(tenant, what, rhythm, longest).await;
        let seconds = seconds.filter(|seconds| *seconds != FOR_EVER);
        let longest = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        limited.extend(longest.map(|seconds| (eligible.clone(), Duration::from_secs(seconds))));
    }
    limited
}

/// How many people hold both packages.
pub(crate) async fn holders_of_both(
    tenant: &Tenant,
    package: &AccessPackageId,
    other: &AccessPackageId,
    asks: Asks,
) -> Option<usize> {
    // The same people from either side.
    let mut pair = [package.as_str().to_lowercase(), other.as_str().to_lowercase()];
    pair.sort();
    let count = async {
        let Listed { elements, unreadable } = tenant.graph.list_additional_access(package, other).await?;
        let live = elements.iter().filter(|one| one.state != AssignmentState::Expired);
        Ok(live.count() + unreadable.len())
    };
    let longest = tenant.directory.verify_after();
    tenant
        .counted
        .number(tenant, pair.join(" and "), (asks, longest), count)
        .await
}
