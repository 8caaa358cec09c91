//! The one line that a visit leaves in the log.

use std::time::Duration;

use super::ledger::Ledger;
use crate::{plan::Problem, report::Note};

/// What a visit did, why, and at what cost. The object stands in the span around it.
///
/// At `info` stands what was done, at `warn` what somebody should look at, at `debug` that nothing had to be done.
pub(super) struct Line<'a> {
    pub(super) generation: i64,
    /// How the object stands now.
    pub(super) outcome: Problem,
    pub(super) notes: &'a [Note],
    /// What keeps the status from being written was not told before.
    pub(super) is_news: bool,
    pub(super) ledger: &'a Ledger,
    pub(super) took: Duration,
    /// When it is tried again, where it has to be.
    pub(super) next: Option<Duration>,
}

/// The same fields at each level.
macro_rules! line {
    ($level:ident, $line:expr, $reason:expr, $words:expr) => {
        tracing::$level!(
            reason = $reason,
            generation = $line.generation,
            reads = $line.ledger.reads,
            writes = $line.ledger.writes,
            request_ids = $line.request_ids(),
            ms = milliseconds($line.took),
            retry_ms = $line.next.map(milliseconds),
            "{}",
            $words
        )
    };
}

impl Line<'_> {
    pub(super) fn write(&self) {
        let reason = self.outcome.reason.name();
        let words = self.words();
        if self.is_news || self.notes.iter().any(|note| note.is_warning) {
            line!(warn, self, reason, words);
        } else if self.notes.is_empty() && self.ledger.writes == 0 {
            line!(debug, self, reason, words);
        } else {
            line!(info, self, reason, words);
        }
    }

    /// What was done, and how the object stands where that is not the same.
    fn words(&self) -> String {
        let mut told: Vec<&str> = self.notes.iter().map(|note| note.message.as_str()).collect();
        let outcome = self.outcome.message();
        if !told.contains(&outcome.as_str()) {
            told.push(&outcome);
        }
        told.join("; ")
    }

    fn request_ids(&self) -> Option<String> {
        (!self.ledger.request_ids.is_empty()).then(|| self.ledger.request_ids.join(" "))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
