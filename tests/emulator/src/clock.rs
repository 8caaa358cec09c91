//! The tenant's clock. It goes by the one of tokio: an emulator in a runtime whose time is paused stands still with it.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// What time it is in the tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began: Instant,
    born: Timestamp,
    /// Milliseconds that it is ahead of this machine's; negative: behind.
    pub(crate) skew: i64,
}

impl Clock {
    /// One that shows `born` now.
    pub(crate) fn new(born: Timestamp) -> Self {
        Self {
            began: Instant::now(),
            born,
            skew: 0,
        }
    }

    /// Milliseconds since it began, whatever it shows.
    pub(crate) fn milliseconds(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The time that it shows.
    pub(crate) fn now(&self) -> Timestamp {
        let since = SignedDuration::from_millis(self.milliseconds().saturating_add(self.skew));
        // Beyond the year 9999 it stands still.
        self.born.checked_add(since).unwrap_or(self.born)
    }

    /// The time that it shows, in seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// The time that it shows, as Graph writes it.
    pub(crate) fn text(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }
}
