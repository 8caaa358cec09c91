//! Whether a request may be sent again, and when. Pure: no clock, no randomness, no client.
//!
//! Rules, after the Microsoft Graph docs "Throttling guidance" and "Best practices":
//!
//! | what happened | may be repeated | otherwise |
//! |---|---|---|
//! | no connection: nothing was sent | every request | give up |
//! | 429; 503 with `Retry-After`: refused before execution | every request | give up, with the wait asked for |
//! | 408, other 5xx, the answer was lost | requests that can be repeated | outcome unknown |
//! | 501 and everything else | none | give up |
//! | held back: the tenant waits (see `gate`) | every request, where the wait is short or the operation has begun | give up, with the time left |
//! | held back, and the service is away | none | give up, with the time left |
//!
//! The wait is the longer of the server's and our own exponential one. A wait beyond the operation's deadline is not
//! begun: the caller has other work.

use std::time::{Duration, SystemTime};

/// Whether sending a request twice does what sending it once does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    /// Reads, and writes that end in the same state: PATCH, PUT, DELETE.
    Safe,
    /// Creates: Graph has no idempotency key, a repeated create makes a second object.
    Never,
}

/// How one attempt ended without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The service answered with this status.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The wait that the service asked for.
        retry_after: Option<Duration>,
    },
    /// No connection was made.
    NotSent,
    /// The request was sent, and no whole answer came back.
    Lost,
    /// Nothing was sent: the tenant waits this long.
    Held(Duration),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Send it again after this long.
    Retry(Duration),
    /// Report the failure as it is.
    GiveUp,
    /// Report that nobody knows whether it happened.
    OutcomeUnknown,
}

/// Attempts in all.
const MAX_ATTEMPTS: u32 = 6;
/// The longest wait of the tenant's that an operation which has not begun takes part in: its caller has other work.
const SHORT_WAIT: Duration = Duration::from_secs(5);
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(16);

/// Decides after the `attempt`th attempt (from 1). `jitter` is a random number from 0 to 1, `left` the time until the
/// operation's deadline.
pub(super) fn decide(attempt: u32, replay: Replay, outcome: Outcome, jitter: f64, left: Duration) -> Decision {
    let (repeatable, executed, asked) = match outcome {
        Outcome::Held(wait) => {
            return if wait < left && (attempt > 1 || wait <= SHORT_WAIT) {
                Decision::Retry(wait)
            } else {
                Decision::GiveUp
            };
        }
        Outcome::NotSent => (true, false, None),
        Outcome::Lost => (replay == Replay::Safe, true, None),
        Outcome::Answered {
            status: 429,
            retry_after,
        } => (true, false, retry_after),
        Outcome::Answered {
            status: 503,
            retry_after: Some(wait),
        } => (true, false, Some(wait)),
        Outcome::Answered { status: 501, .. } => (false, false, None),
        Outcome::Answered {
            status: 408 | 500..=599,
            retry_after,
        } => (replay == Replay::Safe, true, retry_after),
        Outcome::Answered { .. } => (false, false, None),
    };
    if !repeatable {
        return if executed {
            Decision::OutcomeUnknown
        } else {
            Decision::GiveUp
        };
    }
    let wait = backoff(attempt, jitter).max(asked.unwrap_or_default()); // nobody asked for more
    if attempt >= MAX_ATTEMPTS || wait >= left {
        Decision::GiveUp
    } else {
        Decision::Retry(wait)
    }
}

/// Our own wait: doubling, of which a random half, so that many callers do not come back together.
fn backoff(attempt: u32, jitter: f64) -> Duration {
    let whole = FIRST_BACKOFF
        .saturating_mul(1 << attempt.saturating_sub(1).min(10))
        .min(LONGEST_BACKOFF);
    whole.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

/// A `Retry-After` header: seconds, or an HTTP date.
pub(super) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    match header.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let until = httpdate::parse_http_date(header).ok()?;
            Some(until.duration_since(now).unwrap_or_default()) // past: no wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn answered(status: u16, retry_after: Option<u64>) -> Outcome {
        Outcome::Answered {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_create_is_repeated_only_where_it_was_refused_before_execution() {
        let decide = |outcome| decide(1, Replay::Never, outcome, 0.0, MINUTE);
        assert!(matches!(decide(answered(429, None)), Decision::Retry(_)));
        assert_eq!(decide(answered(503, Some(7))), Decision::Retry(Duration::from_secs(7)));
        assert!(matches!(decide(Outcome::NotSent), Decision::Retry(_)));
        for outcome in [
            Outcome::Lost,
            answered(503, None),
            answered(500, Some(1)),
            answered(504, None),
            answered(408, None),
        ] {
            assert_eq!(decide(outcome), Decision::OutcomeUnknown, "{outcome:?}");
        }
        assert_eq!(decide(answered(409, None)), Decision::GiveUp);
    }

    #[test]
    fn a_read_is_repeated_after_the_longer_of_both_waits() {
        let decide = |attempt, outcome| decide(attempt, Replay::Safe, outcome, 0.0, MINUTE);
        assert_eq!(decide(1, Outcome::Lost), Decision::Retry(Duration::from_millis(250)));
        assert_eq!(
            decide(4, answered(500, Some(1))),
            Decision::Retry(Duration::from_secs(2))
        );
        assert_eq!(
            decide(1, answered(429, Some(30))),
            Decision::Retry(Duration::from_secs(30))
        );
        assert_eq!(decide(1, answered(501, None)), Decision::GiveUp);
        assert_eq!(decide(1, answered(404, None)), Decision::GiveUp);
        assert_eq!(decide(MAX_ATTEMPTS, answered(429, None)), Decision::GiveUp);
    }

    #[test]
    fn a_wait_beyond_the_deadline_is_not_begun() {
        assert_eq!(
            decide(1, Replay::Safe, answered(429, Some(61)), 0.0, MINUTE),
            Decision::GiveUp
        );
    }

    #[test]
    fn who_is_held_back_waits_where_that_is_short_or_it_has_begun() {
        let decide = |attempt, wait| {
            decide(
                attempt,
                Replay::Never,
                Outcome::Held(Duration::from_secs(wait)),
                0.0,
                MINUTE,
            )
        };
        assert_eq!(decide(1, 2), Decision::Retry(Duration::from_secs(2)));
        assert_eq!(decide(1, 30), Decision::GiveUp);
        assert_eq!(decide(2, 30), Decision::Retry(Duration::from_secs(30)));
        assert_eq!(decide(2, 900), Decision::GiveUp);
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Wed, 25 Nov 2026 10:00:00 GMT").unwrap();
        assert_eq!(retry_after(" 12 ", now), Some(Duration::from_secs(12)));
        assert_eq!(
            retry_after("Wed, 25 Nov 2026 10:01:30 GMT", now),
            Some(Duration::from_secs(90))
        );
        assert_eq!(retry_after("Wed, 25 Nov 2026 09:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
