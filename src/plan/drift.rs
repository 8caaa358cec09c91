//! Who changed it: the spec, or somebody in Entra? And if the latter, may it be put back?
//!
//! | last applied | desired | observed | means | Cautious does |
//! |---|---|---|---|---|
//! | a | a | a | nothing | nothing |
//! | a | b | a | the spec changed | writes |
//! | none | b | a | taken over, or new | writes |
//! | a | a | c | drift | writes where that narrows or is neutral, holds where it would widen |
//! | a | b | c | both changed | writes: a person just said what they want |

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use uuid::Uuid;

use super::{Cause, Difference, Door, Hold};
use crate::api::{Applied, DriftPolicy, Written};

/// What was last applied, field by field.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a>(Option<&'a Applied>);

/// A change that is younger than our own write by no more than so many seconds may be that write.
const SLACK: i64 = 5;

impl<'a> Base<'a> {
    /// The base that a status remembers.
    #[must_use]
    pub fn of(applied: Option<&'a Applied>) -> Self {
        Self(applied)
    }

    /// Nothing was ever applied: every difference is the spec's doing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Whether anything was ever applied.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.0.is_some()
    }

    /// The members of the set at `path` that are remembered.
    pub fn fields_of(self, path: &str) -> impl Iterator<Item = &'a str> {
        let prefix = format!("{path}[");
        self.0
            .into_iter()
            .flat_map(|applied| applied.fields.keys())
            .map(String::as_str)
            .filter(move |field| field.starts_with(&prefix))
    }

    /// What was noted under this name.
    #[must_use]
    pub fn note(self, field: &str) -> Option<&'a str> {
        self.0.and_then(|applied| applied.fields.get(field)).map(String::as_str)
    }

    /// Whether somebody has changed an object since our last write to it, by when it was last changed. Neither clock is finer
    /// than a second, and a write takes its time.
    #[must_use]
    pub fn is_older_than(self, modified: Option<&str>) -> bool {
        let written = self.0.and_then(|applied| applied.written.as_ref());
        let written = written.and_then(|written| written.at.parse::<Timestamp>().ok());
        let modified = modified.and_then(|time| time.parse::<Timestamp>().ok());
        matches!((written, modified), (Some(written), Some(modified)) if modified.as_second() > written.as_second() + SLACK)
    }

    /// Whether anything was ever applied to `field`, or found there just as wanted.
    #[must_use]
    pub fn knows(self, field: &str) -> bool {
        self.note(field).is_some()
    }

    /// Whether `text` is what was last applied to `field`: then a difference in it is drift.
    #[must_use]
    pub fn holds(self, field: &str, text: &str) -> bool {
        self.0
            .and_then(|applied| applied.fields.get(field))
            .is_some_and(|known| *known == digest(text))
    }
}

/// How long a write of another process may still be hidden from what this one reads: what then looks like drift may be what
/// was there before it, and whoever keeps that takes the write back.
#[must_use]
pub fn hides_for(applied: Option<&Applied>, own: &str, now: Timestamp, visibility: Duration) -> Option<Duration> {
    let at: Timestamp = others_at(applied, own)?.parse().ok()?; // nobody else writes it
    let shown = i64::try_from(visibility.as_secs()).ok()?.checked_add(at.as_second())?;
    let left = u64::try_from(shown - now.as_second()).ok()?;
    (left > 0).then(|| Duration::from_secs(left))
}

/// When another process than this one has written last.
fn others_at<'a>(applied: Option<&'a Applied>, own: &str) -> Option<&'a str> {
    let written = applied?.written.as_ref()?;
    if written.by == own {
        written.others_at.as_deref()
    } else {
        Some(&written.at)
    }
}

/// A write of this process, made just now.
#[must_use]
pub fn written(applied: &Applied, own: &str, now: Timestamp) -> Written {
    Written {
        at: now.to_string(),
        by: own.to_owned(),
        others_at: others_at(Some(applied), own).map(str::to_owned),
    }
}

/// What may be done about drift.
#[derive(Clone, Copy, Debug)]
pub struct Drift {
    /// The object's policy.
    pub policy: DriftPolicy,
    /// A person asked for the correction, by a new value of the annotation `reconcile-requested-at`.
    pub requested: bool,
}

/// What becomes of one difference.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It is written.
    Write,
    /// It stays as it is.
    Hold(Hold),
}

impl Verdict {
    /// The same, or what holds back what would be written.
    #[must_use]
    pub fn or_hold(self, hold: impl FnOnce() -> Option<Hold>) -> Self {
        match self {
            Self::Write => hold().map_or(Self::Write, Self::Hold),
            held @ Self::Hold(_) => held,
        }
    }
}

impl Drift {
    /// Judges one difference by whose doing it is.
    #[must_use]
    pub fn judge(self, difference: &Difference) -> Verdict {
        match (difference.cause, self.policy) {
            (Cause::Spec, _) | (Cause::Drift, DriftPolicy::Correct) => Verdict::Write,
            (Cause::Drift, DriftPolicy::Report) => Verdict::Hold(Hold::DriftReported),
            (Cause::Drift, DriftPolicy::Cautious) => match difference.stake.door {
                Door::Widens if !self.requested => Verdict::Hold(Hold::Drift),
                Door::Widens | Door::Narrows | Door::Neutral => Verdict::Write,
            },
        }
    }

    /// Whether an object that was ours and is gone from Entra is made anew.
    #[must_use]
    pub fn recreates(self) -> bool {
        match self.policy {
            DriftPolicy::Correct => true,
            DriftPolicy::Cautious => self.requested,
            DriftPolicy::Report => false,
        }
    }
}

/// A short digest of a canonical text; equal texts have equal digests.
#[must_use]
pub fn digest(text: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Stake;

    fn difference(widens: bool, cause: Cause) -> Difference {
        Difference {
            path: "requestors.selfService.add".into(),
            before: "false".into(),
            after: "true".into(),
            cause,
            stake: Stake::widening(widens),
        }
    }

    fn drift(policy: DriftPolicy) -> Drift {
        Drift {
            policy,
            requested: false,
        }
    }

    #[test]
    fn a_change_of_the_spec_is_always_written() {
        for policy in [DriftPolicy::Cautious, DriftPolicy::Correct, DriftPolicy::Report] {
            assert_eq!(drift(policy).judge(&difference(true, Cause::Spec)), Verdict::Write);
        }
    }

    #[test]
    fn cautious_never_reopens_by_itself_but_closes() {
        let cautious = drift(DriftPolicy::Cautious);
        let reopening = difference(true, Cause::Drift);
        assert_eq!(cautious.judge(&reopening), Verdict::Hold(Hold::Drift));
        assert_eq!(cautious.judge(&difference(false, Cause::Drift)), Verdict::Write);
        let asked = Drift {
            requested: true,
            ..cautious
        };
        assert_eq!(asked.judge(&reopening), Verdict::Write);
        assert!(!cautious.recreates());
    }

    #[test]
    fn report_writes_no_drift_even_on_request() {
        let report = Drift {
            policy: DriftPolicy::Report,
            requested: true,
        };
        assert!(matches!(
            report.judge(&difference(false, Cause::Drift)),
            Verdict::Hold(_)
        ));
        assert!(!report.recreates());
    }

    #[test]
    fn what_another_process_wrote_a_moment_ago_may_be_hidden_and_what_this_one_wrote_is_known() {
        let written = |by: &str| Applied {
            written: Some(Written {
                at: "2026-01-01T00:00:00Z".into(),
                by: by.into(),
                others_at: None,
            }),
            ..crate::plan::applied(&[])
        };
        let window = Duration::from_secs(120);
        let hides = |by: &str, now: &str| hides_for(Some(&written(by)), "us", now.parse().unwrap(), window);
        assert_eq!(hides("them", "2026-01-01T00:01:30Z"), Some(Duration::from_secs(30)));
        assert_eq!(hides("them", "2026-01-01T00:02:00Z"), None);
        assert_eq!(hides("us", "2026-01-01T00:00:01Z"), None);
        // To write oneself makes what others wrote no better known.
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        let mut both = written("them");
        for _ in 0..2 {
            both.written = Some(super::written(&both, "us", now));
            assert_eq!(hides_for(Some(&both), "us", now, window), Some(Duration::from_secs(60)));
        }
        assert_eq!(
            hides_for(None, "us", "2026-01-01T00:00:01Z".parse().unwrap(), window),
            None
        );
    }

    #[test]
    fn a_base_knows_what_was_applied_and_nothing_else() {
        let applied = Applied {
            fields: [("description".to_owned(), digest("a"))].into(),
            written: None,
        };
        assert!(Base::of(Some(&applied)).holds("description", "a"));
        assert!(!Base::of(Some(&applied)).holds("description", "b"));
        assert!(!Base::of(Some(&applied)).holds("displayName", "a"));
        assert!(!Base::none().holds("description", "a"));
    }
}
