//! When the next visit is worth while.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use tokio::time::Instant;

use super::{Context, Kind, Subject, halt::Retry};

/// How often an object is visited where its tenant does not say, or cannot be told.
pub(super) const DRIFT_INTERVAL: Duration = Duration::from_secs(600);

/// When an object is worth a visit again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// After this time, or when something wakes it.
    After(Duration),
    /// When something wakes it.
    OnNews,
}

/// When to come back, where not only on a change or after the drift interval. What the service asked for is never cut.
pub(super) fn delayed<K: Kind>(context: &Context, key: &str, subject: &Subject<K>, retry: Retry) -> Option<Duration> {
    match retry {
        Retry::OnChange | Retry::OnReturn => None,
        Retry::After(after) => Some(after.min(subject.drift_interval.max(Duration::from_secs(1)))),
        Retry::Asked(wait) => Some(wait),
        Retry::Backoff => Some(failed(context, key, subject.drift_interval)),
        Retry::Within(longest) => Some(failed(context, key, subject.drift_interval).min(longest)),
    }
}

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct InARow {
    count: u32,
    /// Until when it is waited after the last one.
    until: Option<Instant>,
}

impl InARow {
    /// One more, and how long it is waited after so many. What was woken before it had waited has not failed once more: whoever
    /// writes to an object meanwhile does not make it wait longer.
    pub(super) fn once_more(&mut self, now: Instant, wait: impl Fn(u32) -> Duration) -> Duration {
        match self.until {
            Some(until) if now < until => self.waits(now, wait),
            Some(_) | None => self.again(now, wait),
        }
    }

    /// One more, whether or not it had waited, and how long it is waited after so many.
    pub(super) fn again(&mut self, now: Instant, wait: impl Fn(u32) -> Duration) -> Duration {
        self.count = self.count.saturating_add(1);
        self.waits(now, wait)
    }

    fn waits(&mut self, now: Instant, wait: impl Fn(u32) -> Duration) -> Duration {
        let wait = wait(self.count);
        self.until = Some(now + wait);
        wait
    }

    /// How long is still to be waited, where it were so many or more.
    pub(super) fn left(&self, many: u32, now: Instant) -> Option<Duration> {
        let until = self.until.filter(|_| self.count >= many)?;
        let left = until.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

/// The object has failed: how long it waits.
pub(super) fn failed(context: &Context, key: &str, drift_interval: Duration) -> Duration {
    context.failed(key, |count| backoff(count, drift_interval, key))
}

/// Sooner at first, later after each failure, this being the `count`th in a row, and never later than the drift interval.
pub(super) fn backoff(count: u32, drift_interval: Duration, key: &str) -> Duration {
    let doublings = count.saturating_sub(1).min(16);
    jittered(Duration::from_secs(1) * 2_u32.pow(doublings), key).min(drift_interval)
}

/// How soon a visit begins anew that had begun from an object as it was before: at once where only a write came between,
/// later and later where the watch lags behind. Its news wakes the object in any case.
pub(super) fn stale_wait(count: u32, drift_interval: Duration) -> Duration {
    let doublings = count.saturating_sub(1).min(16);
    let wait = Duration::from_millis(100) * 2_u32.pow(doublings);
    wait.min(drift_interval.max(Duration::from_secs(1)))
}

/// Spreads visits a little, always the same for the same object.
pub(super) fn jittered(interval: Duration, key: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 100).unwrap_or_default(); // below a hundred always fits
    interval + interval.mul_f64(f64::from(share) / 2_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_watch_that_lags_for_a_minute_makes_no_more_than_a_dozen_visits() {
        let mut passed = Duration::ZERO;
        let mut visits = 0;
        while passed < MINUTE {
            visits += 1;
            passed += stale_wait(visits, 10 * MINUTE);
        }
        assert!(visits <= 12, "{visits}");
        assert_eq!(
            stale_wait(1, MINUTE),
            Duration::from_millis(100),
            "a write that came between costs nothing"
        );
        assert_eq!(stale_wait(u32::MAX, MINUTE), MINUTE, "its safety net is the interval");
    }

    #[test]
    fn who_is_woken_before_it_has_waited_waits_no_longer_for_that() {
        let now = crate::clock::Clock::system().instant();
        let wait = |count| backoff(count, 10 * MINUTE, "");
        let mut row = InARow::default();
        for _ in 0..20 {
            // Somebody writes to it again and again.
            assert_eq!(row.once_more(now, wait), wait(1));
        }
        assert_eq!(row.once_more(now + wait(1), wait), wait(2));
    }

    #[test]
    fn failures_in_a_row_are_looked_at_less_and_less_up_to_the_drift_interval() {
        let waits: Vec<u64> = (1..=4).map(|count| backoff(count, MINUTE, "").as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8]);
        assert_eq!(backoff(30, 10 * MINUTE, "any"), 10 * MINUTE);
        assert_eq!(backoff(30, Duration::from_secs(2), "any"), Duration::from_secs(2));
        // From the first second to the tenth minute: a dozen looks.
        let sum: Duration = (1..=10).map(|count| backoff(count, 10 * MINUTE, "")).sum();
        assert!(sum > 10 * MINUTE, "{sum:?}");
    }
}
