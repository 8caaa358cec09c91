//! One operator at a time.
//!
//! The Lease is kept by `kube-lease-manager`. That alone is not enough: a leader that is cut off from the API server
//! hears nothing of its loss. So the Lease is also watched here, and the last renewal that was seen is a deadline: when it
//! has passed without another, the leader counts itself out, before anybody else may count themselves in. The same deadline is a
//! [`Tenure`], which is asked right before each request that changes Entra.
//!
//! The keeper judges by the wall clock whether the Lease of another is over, and takes it by force: one whose clock is ahead would
//! take it from a leader that renews it. So it is begun only once the Lease was seen to be free, or not to be renewed for as long
//! as it lasts by this machine's monotonic clock.

use std::{io, time::Duration};

use futures::StreamExt;
use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, utils::Backoff, watcher},
};
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use crate::{clock::Clock, tenure::Tenure};

/// How long a lease lasts without renewal.
const DURATION: Duration = Duration::from_secs(15);
/// How long before its end it is renewed.
const GRACE: Duration = Duration::from_secs(10);
/// How long before the end of the lease the leader stops: clocks differ, and a request needs a moment to be heard.
const MARGIN: Duration = Duration::from_secs(3);
/// How long after a watch broke the next begins, and how often the Lease is read while the watch says nothing.
const LOOK: Duration = Duration::from_secs(1);
/// How long the watch of a leader may say nothing before the Lease is read: a renewal is due after `DURATION - GRACE`.
const SILENCE: Duration = Duration::from_secs(7);
/// By how much clocks may differ: a Lease that was over for longer, by whichever, is not waited for.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// The task that keeps the Lease, and whether it has it.
type Keeper = (
    watch::Receiver<bool>,
    JoinHandle<Result<LeaseManager, kube_lease_manager::LeaseManagerError>>,
);

/// A candidate for leadership, or the leader.
pub struct Leadership {
    client: Client,
    clock: Clock,
    namespace: String,
    name: String,
    identity: String,
    leases: Api<Lease>,
    tenure: Tenure,
    /// None while somebody else may hold the Lease.
    keeper: Option<Keeper>,
}

/// The Lease as this process sees it.
#[derive(Debug)]
struct Sighting {
    /// Who holds it, and when they renewed it by their own clock.
    lease: (Option<String>, Option<Timestamp>),
    /// Since when it is as it is, by our monotonic clock.
    since: Instant,
}

impl Sighting {
    /// None is a Lease that was deleted.
    fn of(lease: Option<&Lease>, now: Instant) -> Self {
        let spec = lease.and_then(|lease| lease.spec.as_ref());
        let holder = spec.and_then(|spec| spec.holder_identity.clone());
        let renewed = spec.and_then(|spec| spec.renew_time.as_ref().map(|time| time.0));
        Self {
            // A Lease without a holder was given back.
            lease: (holder.filter(|holder| !holder.is_empty()), renewed),
            since: now,
        }
    }

    /// The same, seen again: it is as old as it was where nothing changed.
    fn then(self, later: Self) -> Self {
        if self.lease == later.lease { self } else { later }
    }

    /// How long it is still to be waited for, seen from `now` and `wall`.
    fn left(&self, identity: &str, now: Instant, wall: Timestamp) -> Duration {
        let (holder, renewed) = &self.lease;
        let is_ours = holder.as_deref() == Some(identity);
        let is_long_over = renewed.is_some_and(|renewed| {
            let over = wall.duration_since(renewed);
            Duration::try_from(over).is_ok_and(|over| over > DURATION + CLOCKS_DIFFER)
        });
        if holder.is_none() || is_ours || is_long_over {
            return Duration::ZERO;
        }
        (self.since + DURATION).saturating_duration_since(now)
    }
}

impl Leadership {
    /// Stands for election to the Lease `name` in `namespace`.
    ///
    /// # Errors
    /// Where the Lease can be neither read nor made.
    pub async fn stand(
        client: Client,
        clock: Clock,
        namespace: &str,
        name: &str,
        identity: &str,
    ) -> Result<Self, io::Error> {
        let leases = Api::namespaced(client.clone(), namespace);
        // Makes the Lease where there is none.
        manager(&client, namespace, name, identity).await.map(drop)?;
        let tenure = Tenure::over(&clock);
        Ok(Self {
            client,
            clock,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            leases,
            tenure,
            keeper: None,
        })
    }

    /// Until when this process may write: it goes on with each renewal that is seen.
    #[must_use]
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Completes when this process leads, and may write.
    ///
    /// # Errors
    /// Where the task that keeps the Lease has ended, or cannot be begun.
    pub async fn elected(&mut self) -> Result<(), io::Error> {
        loop {
            let seen = self.vacant().await;
            let manager = manager(&self.client, &self.namespace, &self.name, &self.identity).await?;
            let (mut elected, task) = manager.watch().await;
            let outcome = tokio::select! {
                outcome = elected.wait_for(|leads| *leads) => Some(outcome.is_ok()),
                () = self.taken(&seen) => None,
            };
            if outcome == Some(false) {
                return Err(io::Error::other("the task that keeps the Lease has ended"));
            }
            if outcome == Some(true) && self.confirmed(&elected).await {
                self.keeper = Some((elected, task));
                return Ok(());
            }
            // Somebody else was quicker, whom the keeper would judge by its own clock; or it waits for the end of a Lease that was
            // given up meanwhile.
            task.abort();
        }
    }

    /// Completes when the Lease is nobody's, ours, or one that was not renewed for as long as it lasts.
    async fn vacant(&self) -> Sighting {
        let mut seen = self.seen();
        let mut known: Option<Sighting> = None;
        loop {
            let look = match &known {
                Some(known) => known.left(&self.identity, self.clock.instant(), self.clock.now()),
                None => SILENCE,
            };
            let lease = match self.clock.within(look, seen.next()).await {
                Some(Some(lease)) => lease,
                Some(None) => std::future::pending().await,
                // A watch can be cut off where other requests are not: what it does not tell is asked for once more.
                None => match self.clock.within(LOOK, self.leases.get_opt(&self.name)).await {
                    Some(Ok(lease)) => lease,
                    Some(Err(_)) | None => {
                        known = None;
                        self.clock.sleep(LOOK).await;
                        continue;
                    }
                },
            };
            let now = Sighting::of(lease.as_ref(), self.clock.instant());
            let was_held = known.as_ref().is_some_and(|known| known.lease.0.is_some());
            if was_held && now.lease.0.is_none() {
                tracing::info!("the Lease was given up");
            }
            let now = match known.take() {
                Some(before) => before.then(now),
                None => now,
            };
            if now
                .left(&self.identity, self.clock.instant(), self.clock.now())
                .is_zero()
            {
                return now;
            }
            known = Some(now);
        }
    }

    /// Completes when somebody else holds the Lease since it was `seen`, or nobody does and the keeper has not taken it within
    /// some moments.
    async fn taken(&self, before: &Sighting) {
        let mut seen = self.seen();
        let mut is_free = false;
        loop {
            let lease = if is_free {
                match self.clock.within(3 * LOOK, seen.next()).await {
                    Some(lease) => lease,
                    None => return,
                }
            } else {
                seen.next().await
            };
            let Some(lease) = lease else {
                return std::future::pending().await;
            };
            let now = Sighting::of(lease.as_ref(), self.clock.instant());
            is_free = now.lease.0.is_none();
            let is_anothers = now.lease.0.as_ref().is_some_and(|holder| *holder != self.identity);
            if is_anothers && now.lease != before.lease {
                return;
            }
        }
    }

    /// Whether the Lease is ours, and how long it lasts, by its own words.
    async fn confirmed(&self, elected: &watch::Receiver<bool>) -> bool {
        while *elected.borrow() {
            if let Some(Ok(lease)) = self.clock.within(LOOK, self.leases.get(&self.name)).await {
                if !is_held_by(&lease, &self.identity) {
                    return false;
                }
                if self.prolong(&lease).is_some() && !self.tenure.is_over(&self.clock) {
                    return true;
                }
            }
            self.clock.sleep(LOOK).await;
        }
        false
    }

    /// Lets the tenure last as long as this Lease does, where it is ours; answers since when it was renewed, and until when
    /// the tenure lasts by that.
    fn prolong(&self, lease: &Lease) -> Option<(Duration, Instant)> {
        let age = self.clock.age(renewal(lease, &self.identity)?)?;
        let left = DURATION.saturating_sub(MARGIN + age);
        let until = self.clock.instant() + left;
        let wall = self.clock.now();
        self.tenure.prolong(until, wall.saturating_add(left).unwrap_or(wall));
        Some((age, until))
    }

    /// The Lease as it becomes, where it is known: whoever cannot ask does not know.
    fn seen(&self) -> impl futures::Stream<Item = Option<Lease>> + Send + Unpin + use<> {
        watcher::watch_object(self.leases.clone(), &self.name)
            .backoff(Steady)
            .filter_map(|seen| std::future::ready(seen.ok()))
            .boxed()
    }

    /// Completes when this process may no longer act as the leader.
    pub async fn lost(&mut self) {
        if let Some((elected, _)) = &self.keeper {
            let mut elected = elected.clone();
            tokio::select! {
                _ = elected.wait_for(|leads| !*leads) => {}
                () = self.outlived() => {}
            }
        }
        self.tenure.end(&self.clock);
    }

    /// Completes when the Lease is another's, or no renewal of ours was seen for as long as it lasts, less the margin.
    async fn outlived(&self) {
        let mut seen = self.seen();
        let mut deadline = self.clock.instant() + DURATION - MARGIN;
        let mut look = self.clock.instant() + SILENCE;
        loop {
            let lease = tokio::select! {
                biased;
                () = self.clock.sleep_until(deadline) => return,
                lease = seen.next() => match lease {
                    Some(lease) => lease,
                    None => std::future::pending().await,
                },
                // A watch can be cut off where other requests are not.
                () = self.clock.sleep_until(look) => {
                    look = self.clock.instant() + LOOK;
                    let left = deadline.saturating_duration_since(self.clock.instant());
                    self.clock.within(LOOK.min(left), self.leases.get(&self.name)).await.and_then(Result::ok)
                }
            };
            let Some(lease) = lease else { continue };
            if !is_held_by(&lease, &self.identity) {
                return;
            }
            if let Some((age, until)) = self.prolong(&lease) {
                deadline = deadline.max(until);
                look = look.max(self.clock.instant() + SILENCE.saturating_sub(age));
            }
        }
    }

    /// Gives the Lease up, so that the next candidate need not wait for its end.
    pub async fn release(self) {
        let Some((elected, keeper)) = self.keeper else { return };
        drop(elected);
        // At the end of the process nothing depends on whether the API server still takes it.
        let _ = self.clock.within(Duration::from_secs(5), keeper).await;
    }
}

/// Begins a broken watch again soon, however often it breaks: the deadline does not wait.
struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(LOOK)
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
}

async fn manager(client: &Client, namespace: &str, name: &str, identity: &str) -> Result<LeaseManager, io::Error> {
    LeaseManagerBuilder::new(client.clone(), name)
        .with_namespace(namespace)
        .with_identity(identity)
        .with_duration(DURATION.as_secs())
        .with_grace(GRACE.as_secs())
        .build()
        .await
        .map_err(|error| io::Error::other(format!("Lease {namespace}/{name}: {error}")))
}

fn is_held_by(lease: &Lease, identity: &str) -> bool {
    let spec = lease.spec.as_ref();
    spec.is_some_and(|spec| spec.holder_identity.as_deref() == Some(identity))
}

/// When we renewed the Lease, if it is ours.
fn renewal(lease: &Lease, identity: &str) -> Option<Timestamp> {
    let spec = lease.spec.as_ref()?;
    (spec.holder_identity.as_deref() == Some(identity)).then(|| spec.renew_time.as_ref().map(|time| time.0))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: &str = "2026-11-25T10:00:00Z";

    fn held(by: &str, renewed: &str, now: Instant) -> Sighting {
        Sighting {
            lease: ((!by.is_empty()).then(|| by.to_owned()), renewed.parse().ok()),
            since: now,
        }
    }

    fn left(sighting: &Sighting, now: Instant) -> Duration {
        sighting.left("us", now, WALL.parse().unwrap())
    }

    #[test]
    fn a_lease_that_is_renewed_by_a_clock_that_is_behind_is_not_over() {
        let now = Clock::system().instant();
        // By our wall it was over half a minute ago.
        let seen = held("other", "2026-11-25T09:59:15Z", now);
        assert_eq!(left(&seen, now), DURATION);
        let later = now + Duration::from_secs(10);
        let renewed = seen.then(held("other", "2026-11-25T09:59:25Z", later));
        assert_eq!(left(&renewed, later), DURATION, "it was renewed");
        let same = renewed.then(held("other", "2026-11-25T09:59:25Z", later + Duration::from_secs(4)));
        assert_eq!(
            left(&same, later + Duration::from_secs(4)),
            DURATION - Duration::from_secs(4),
            "seen again as it was"
        );
        assert_eq!(left(&same, later + DURATION), Duration::ZERO);
    }

    #[test]
    fn a_lease_that_is_free_or_ours_or_long_over_is_not_waited_for() {
        let now = Clock::system().instant();
        assert_eq!(left(&held("", "2026-11-25T10:00:00Z", now), now), Duration::ZERO);
        assert_eq!(left(&held("us", "2026-11-25T10:00:00Z", now), now), Duration::ZERO);
        assert_eq!(left(&held("other", "2026-11-25T09:50:00Z", now), now), Duration::ZERO);
        assert_eq!(
            left(&held("other", "2026-11-25T10:00:40Z", now), now),
            DURATION,
            "a clock that is ahead"
        );
    }
}
