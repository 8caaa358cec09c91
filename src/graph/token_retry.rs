//! When a token is asked for again. The library's own policies draw from the machine's chance, which no seed repeats.

use std::fmt;

use azure_core::{
    http::{
        StatusCode,
        headers::RETRY_AFTER,
        policies::{RetryHeaders, RetryPolicy},
    },
    time::Duration,
};

use crate::chance::Chance;

const MOST_RETRIES: u32 = 3;
const LONGEST_IN_ALL: Duration = Duration::seconds(10);
const FIRST_WAIT: Duration = Duration::milliseconds(400);
const LONGEST_WAIT: Duration = Duration::seconds(4);
/// By how much a wait is drawn longer, so that many do not come back together.
const SPREAD: Duration = Duration::milliseconds(256);

/// Doubling waits, spread by chance; at least what the authority asks for.
pub(super) struct TokenRetry {
    chance: Chance,
    headers: RetryHeaders,
}

impl TokenRetry {
    pub(super) fn new(chance: Chance) -> Self {
        Self {
            chance,
            headers: RetryHeaders {
                retry_headers: vec![RETRY_AFTER],
            },
        }
    }
}

impl fmt::Debug for TokenRetry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenRetry")
    }
}

impl RetryPolicy for TokenRetry {
    fn is_expired(&self, since_start: Duration, retries: u32) -> bool {
        retries >= MOST_RETRIES || since_start >= LONGEST_IN_ALL
    }

    fn retry_headers(&self) -> Option<&RetryHeaders> {
        Some(&self.headers)
    }

    fn retry_status_codes(&self) -> &[StatusCode] {
        &[] // the library's own
    }

    fn sleep_duration(&self, retry: u32) -> Duration {
        let doubled = FIRST_WAIT * 2_i32.pow(retry.saturating_sub(1).min(MOST_RETRIES));
        (doubled + SPREAD * self.chance.share()).min(LONGEST_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_longest_and_are_those_of_the_seed() {
        let waits = |seed| {
            let retry = TokenRetry::new(Chance::seeded(seed));
            (1..=5).map(|count| retry.sleep_duration(count)).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        for (wait, least) in waits(7).into_iter().zip([400, 800, 1600, 3200, 3200]) {
            let least = Duration::milliseconds(least);
            assert!(wait >= least && wait <= LONGEST_WAIT.min(least + SPREAD), "{wait}");
        }
    }

    #[test]
    fn three_times_and_ten_seconds_are_enough() {
        let retry = TokenRetry::new(Chance::seeded(7));
        assert!(!retry.is_expired(Duration::seconds(9), 2));
        assert!(retry.is_expired(Duration::seconds(9), 3));
        assert!(retry.is_expired(Duration::seconds(10), 0));
    }
}
