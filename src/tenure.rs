//! Until when this process may write: the Lease as a deadline, which is looked at right before each request that changes
//! Entra.
//!
//! A process that was stopped for a while (SIGSTOP, a paused machine) does not notice that time has passed: what it does
//! next is what it was about to do. A task that watches the Lease may run after that. So the deadline itself is asked, at the
//! last moment, by both clocks: the monotonic one stands still while a machine is paused, the wall can be set back.

use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::Clock;

/// Whether and how long this process may write. Clones are the same tenure.
#[derive(Clone, Debug)]
pub struct Tenure(Option<Arc<Mutex<End>>>);

/// An end by both clocks: whichever comes first.
#[derive(Clone, Copy, Debug)]
struct End {
    instant: Instant,
    wall: Timestamp,
}

impl Tenure {
    /// That of a process beside which there is no other: it has no end.
    #[must_use]
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// One that is over until it is [prolonged](Self::prolong).
    #[must_use]
    pub fn over(clock: &Clock) -> Self {
        Self(Some(Arc::new(Mutex::new(End {
            instant: clock.instant(),
            wall: clock.now(),
        }))))
    }

    /// It lasts until this moment by the one clock and this time by the other, if it did not last longer already.
    pub fn prolong(&self, instant: Instant, wall: Timestamp) {
        if let Some(end) = &self.0 {
            let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
            // Both are of the newest renewal: a wall that was set back must not keep an old time for long.
            if instant > end.instant {
                *end = End { instant, wall };
            }
        }
    }

    /// It ends at once, where it has an end at all.
    pub fn end(&self, clock: &Clock) {
        if let Some(end) = &self.0 {
            *end.lock().unwrap_or_else(PoisonError::into_inner) = End {
                instant: clock.instant(),
                wall: clock.now(),
            };
        }
    }

    /// Whether this process may not write any more.
    #[must_use]
    pub fn is_over(&self, clock: &Clock) -> bool {
        self.0.as_ref().is_some_and(|end| {
            let end = *end.lock().unwrap_or_else(PoisonError::into_inner);
            clock.instant() >= end.instant || clock.now() >= end.wall
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::jiff::SignedDuration;

    use super::*;

    const LASTS: Duration = Duration::from_secs(12);

    fn renewed(clock: &Clock) -> Tenure {
        let tenure = Tenure::over(clock);
        assert!(tenure.is_over(clock), "nothing was renewed yet");
        tenure.prolong(clock.instant() + LASTS, clock.now() + LASTS);
        tenure
    }

    fn clock() -> Clock {
        Clock::simulated("2026-11-25T10:00:00Z".parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenure_ends_where_no_renewal_was_seen_and_not_before() {
        let clock = clock();
        let tenure = renewed(&clock);
        clock.sleep(LASTS - Duration::from_millis(1)).await;
        assert!(!tenure.is_over(&clock));
        tenure.prolong(clock.instant() + LASTS, clock.now() + LASTS);
        clock.sleep(LASTS - Duration::from_millis(1)).await;
        assert!(!tenure.is_over(&clock), "it was renewed");
        clock.sleep(Duration::from_millis(1)).await;
        assert!(tenure.is_over(&clock));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_was_paused_finds_the_end_by_its_wall_clock() {
        let clock = clock();
        let tenure = renewed(&clock);
        // The monotonic clock stood still meanwhile.
        let woken = clock.skewed(SignedDuration::from_secs(600));
        assert!(tenure.is_over(&woken));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_that_is_set_back_prolongs_nothing() {
        let clock = clock();
        let tenure = renewed(&clock);
        clock.sleep(LASTS).await;
        assert!(tenure.is_over(&clock.skewed(SignedDuration::from_secs(-600))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_is_older_than_the_last_shortens_nothing_and_an_end_is_one() {
        let clock = clock();
        let tenure = renewed(&clock);
        tenure.prolong(clock.instant(), clock.now());
        assert!(!tenure.is_over(&clock));
        tenure.end(&clock);
        assert!(tenure.is_over(&clock));
        Tenure::unlimited().end(&clock);
        assert!(!Tenure::unlimited().is_over(&clock), "without election nobody else leads");
    }
}
