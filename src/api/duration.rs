//! ISO 8601 durations as Kubernetes users write them: `P90D`, `PT8H`, `P1DT12H`.

use std::{fmt, time::Duration};

use k8s_openapi::jiff::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An ISO 8601 duration of days, hours, minutes and seconds. A day is 24 hours.
///
/// The text is kept as written; two spellings of one length compare through [`IsoDuration::as_duration`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct IsoDuration(#[schemars(length(min = 2, max = 32))] String);

impl IsoDuration {
    /// Wraps a text; nothing is checked here, see [`IsoDuration::as_duration`].
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The length, or `None` where the text is not a duration of days, hours, minutes and seconds (months and years
    /// have no fixed length and are refused by the schema).
    #[must_use]
    pub fn as_duration(&self) -> Option<Duration> {
        parse(&self.0)
    }
}

impl fmt::Display for IsoDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The length of an ISO 8601 duration of weeks, days, hours, minutes and seconds; `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    // The parser also takes friendlier spellings ("14 days"), which Graph does not.
    let span: Span = text.strip_prefix('P').and(text.parse().ok())?;
    if span.get_years() != 0 || span.get_months() != 0 || span.is_negative() {
        return None;
    }
    let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
    let seconds = days * 86_400 + i64::from(span.get_hours()) * 3_600 + span.get_minutes() * 60 + span.get_seconds();
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_spellings_of_one_length_are_equal() {
        assert_eq!(parse("P1D"), parse("PT24H"));
        assert_eq!(parse("P90D"), Some(Duration::from_secs(90 * 86_400)));
        assert_eq!(parse("PT1H30M"), parse("PT90M"));
    }

    #[test]
    fn what_has_no_fixed_length_is_no_duration() {
        for text in ["90D", "P1M", "P1Y", "", "P", "14 days, 0:00:00"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
