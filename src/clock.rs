//! The one clock: what time it is, how much of it has passed, and waiting.
//!
//! Everything that asks the time or waits does so here, or is handed a value; `.clippy.toml` forbids the rest. Spans are
//! measured by the monotonic side ([`Clock::instant`]), which no correction of the wall clock disturbs; what is written
//! down or compared with what others wrote goes by the wall ([`Clock::now`]).

use std::time::{Duration, SystemTime};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The machine's.
    System,
    /// Both sides go by tokio's time, which tests pause and advance.
    Simulated {
        /// What the wall showed when the clock was made.
        origin: Timestamp,
        started: Instant,
    },
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock whose wall shows `origin` now and moves with tokio's time, also where that is paused and advanced by hand.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the clock asks, so that nobody else has to")]
    pub fn simulated(origin: Timestamp) -> Self {
        Self(Source::Simulated {
            origin,
            started: Instant::now(),
        })
    }

    /// The same clock with a wall that is wrong by `skew`: ahead where it is positive. The machine's own is not changed by
    /// this.
    #[must_use]
    pub fn skewed(&self, skew: SignedDuration) -> Self {
        match &self.0 {
            Source::System => self.clone(),
            Source::Simulated { origin, started } => Self(Source::Simulated {
                // What lies outside the calendar stays at its edge.
                origin: origin.saturating_add(skew).unwrap_or(*origin),
                started: *started,
            }),
        }
    }

    /// The time of day.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the clock asks, so that nobody else has to")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Simulated { origin, started } => origin.saturating_add(started.elapsed()).unwrap_or(*origin),
        }
    }

    /// The time of day, as HTTP's dates are compared with it.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        self.now().into()
    }

    /// A moment to measure from.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the clock asks, so that nobody else has to")]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }

    /// How much time has passed since `moment`.
    #[must_use]
    pub fn since(&self, moment: Instant) -> Duration {
        self.instant().saturating_duration_since(moment)
    }

    /// How long ago `time` was by the wall; `None` where it lies in the future.
    #[must_use]
    pub fn age(&self, time: Timestamp) -> Option<Duration> {
        Duration::try_from(self.now().duration_since(time)).ok()
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Waits until `moment`.
    pub async fn sleep_until(&self, moment: Instant) {
        tokio::time::sleep_until(moment).await;
    }

    /// The outcome of `future`, or `None` where it takes longer than `longest`.
    pub async fn within<T>(&self, longest: Duration, future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(longest, future).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_and_spans_of_a_simulated_clock_have_one_origin() {
        let origin: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let clock = Clock::simulated(origin);
        let begun = clock.instant();
        let (before, wall, after) = (clock.since(begun), clock.now(), clock.since(begun));
        let passed = Duration::try_from(wall.duration_since(origin)).unwrap();
        // The clock is a little older than `begun`.
        assert!(before <= passed, "{before:?} {passed:?}");
        assert!(passed <= after + Duration::from_secs(1), "{passed:?} {after:?}");
    }

    #[test]
    fn a_wall_that_is_ahead_shows_what_is_written_by_it_as_still_to_come() {
        let origin: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let right = Clock::simulated(origin);
        let ahead = right.skewed(SignedDuration::from_secs(3_600));
        assert_eq!(right.age(ahead.now()), None, "what lies ahead has no age");
        assert!(
            ahead
                .age(right.now())
                .is_some_and(|age| age >= Duration::from_secs(3_599))
        );
    }
}
