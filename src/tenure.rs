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
            end.is_past(clock.instant(), clock.now())
        })
    }
}

impl End {
    fn is_past(self, instant: Instant, wall: Timestamp) -> bool {
        instant >= self.instant || wall >= self.wall
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LASTS: Duration = Duration::from_secs(12);
    const SHORT_OF: Duration = Duration::from_millis(11_999);

    /// An end, and the moment by both clocks from which it lasts.
    fn renewed() -> (End, Instant, Timestamp) {
        let clock = Clock::system();
        let (instant, wall) = (clock.instant(), clock.now());
        let end = End {
            instant: instant + LASTS,
            wall: wall + LASTS,
        };
        (end, instant, wall)
    }

    #[test]
    fn a_tenure_ends_where_no_renewal_was_seen_and_not_before() {
        let (end, instant, wall) = renewed();
        assert!(!end.is_past(instant + SHORT_OF, wall + SHORT_OF));
        assert!(end.is_past(instant + LASTS, wall + LASTS));
    }

    #[test]
    fn a_machine_that_was_paused_finds_the_end_by_its_wall_clock() {
        let (end, instant, wall) = renewed();
        // The monotonic clock stood still meanwhile.
        assert!(end.is_past(instant + SHORT_OF, wall + Duration::from_secs(600)));
    }

    #[test]
    fn a_wall_that_is_set_back_prolongs_nothing() {
        let (end, instant, wall) = renewed();
        assert!(end.is_past(instant + LASTS, wall - Duration::from_secs(600)));
    }

    #[test]
    fn a_tenure_is_prolonged_by_each_renewal_and_shortened_by_none() {
        let clock = Clock::system();
        let hour = Duration::from_secs(3_600);
        let tenure = Tenure::over(&clock);
        assert!(tenure.is_over(&clock), "nothing was renewed yet");
        tenure.prolong(clock.instant() + hour, clock.now() + hour);
        assert!(!tenure.is_over(&clock));
        tenure.prolong(clock.instant(), clock.now());
        assert!(!tenure.is_over(&clock), "an older renewal, told late");
        tenure.end(&clock);
        assert!(tenure.is_over(&clock));
        Tenure::unlimited().end(&clock);
        assert!(
            !Tenure::unlimited().is_over(&clock),
            "without election nobody else leads"
        );
    }
}
