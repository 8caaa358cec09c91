//! Access reviews of a policy: those who hold the package through it are looked at again and again.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    assignment_policy::Expiration,
    subject_set::SubjectSet,
    wire::{null_as_default, string_enum},
};

string_enum! {
    /// What becomes of the access that nobody has decided on.
    ReviewExpirationBehavior, Unknown {
        /// It stays.
        KeepAccess = "keepAccess",
        /// It ends.
        RemoveAccess = "removeAccess",
        /// What the service recommends.
        AcceptAccessRecommendation = "acceptAccessRecommendation",
    }
}

/// The reviews of a policy.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewSettings {
    /// There are reviews.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_enabled: bool,
    /// What becomes of the access that nobody has decided on.
    #[serde(default = "keep", deserialize_with = "behavior_or_keep")]
    pub expiration_behavior: ReviewExpirationBehavior,
    /// Reviewers are shown what the service recommends; true where nothing is said.
    #[serde(default = "yes", deserialize_with = "null_as_yes")]
    pub is_recommendation_enabled: bool,
    /// Reviewers must say why; true where nothing is said.
    #[serde(default = "yes", deserialize_with = "null_as_yes")]
    pub is_reviewer_justification_required: bool,
    /// Whoever holds the package decides on it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_self_review: bool,
    /// When.
    #[serde(default, deserialize_with = "null_as_default")]
    pub schedule: ReviewSchedule,
    /// Who decides.
    #[serde(default, deserialize_with = "null_as_default")]
    pub primary_reviewers: Vec<SubjectSet>,
    /// Who decides where the primary reviewers cannot be found.
    #[serde(default, deserialize_with = "null_as_default")]
    pub fallback_reviewers: Vec<SubjectSet>,
}

/// When reviews take place.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewSchedule {
    /// When the first one begins (RFC 3339); the service fills it in, and a series that has begun keeps it.
    #[serde(default)]
    pub start_date_time: Option<String>,
    /// How long each of them lasts.
    #[serde(default, deserialize_with = "null_as_default")]
    pub expiration: Expiration,
    /// How often, in Graph's own shape (`patternedRecurrence`): what of it means something for reviews, [`Recurrence`]
    /// tells.
    #[serde(default)]
    pub recurrence: Value,
}

/// How often reviews take place. Only `type`, `interval` and `dayOfMonth` of a recurrence are supported for them, with the
/// types `weekly` and `absoluteMonthly`; [R:patternedRecurrence].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recurrence {
    /// Every week, for ever.
    Weekly,
    /// Every so many months, for ever.
    EveryMonths(u32),
    /// Otherwise, or not for ever.
    Other(String),
}

impl Recurrence {
    /// What a recurrence of Graph means.
    #[must_use]
    pub fn of(recurrence: &Value) -> Self {
        let text = |pointer: &str| {
            recurrence
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_lowercase)
        };
        let interval = recurrence.pointer("/pattern/interval").and_then(Value::as_u64);
        let is_endless = text("/range/type").is_none_or(|kind| kind == "noend"); // nothing said: no end
        match (text("/pattern/type").as_deref(), interval) {
            (Some("weekly"), Some(1)) if is_endless => Self::Weekly,
            (Some("absolutemonthly"), Some(months @ 1..=120)) if is_endless => {
                Self::EveryMonths(u32::try_from(months).unwrap_or(u32::MAX)) // of 1 to 120
            }
            _ => Self::Other(recurrence.to_string()), // for people to read
        }
    }

    /// The recurrence in Graph's own shape; none where it is not known.
    #[must_use]
    pub fn to_graph(&self) -> Option<Value> {
        let (kind, interval) = match self {
            Self::Weekly => ("weekly", 1),
            Self::EveryMonths(months) => ("absoluteMonthly", *months),
            Self::Other(_) => return None,
        };
        Some(json!({
            "pattern": {"type": kind, "interval": interval, "month": 0, "dayOfMonth": 0, "daysOfWeek": []},
            "range": {"type": "noEnd", "numberOfOccurrences": 0},
        }))
    }
}

fn keep() -> ReviewExpirationBehavior {
    ReviewExpirationBehavior::KeepAccess
}

fn behavior_or_keep<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ReviewExpirationBehavior, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(keep)) // the enumeration's first value
}

fn yes() -> bool {
    true
}

fn null_as_yes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(true)) // the service's default
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recurrence_comes_back_as_it_was_sent() {
        for recurrence in [
            Recurrence::Weekly,
            Recurrence::EveryMonths(3),
            Recurrence::EveryMonths(12),
        ] {
            assert_eq!(Recurrence::of(&recurrence.to_graph().unwrap()), recurrence);
        }
    }

    #[test]
    fn what_ends_or_is_counted_in_days_is_another_recurrence() {
        for other in [
            json!({"pattern": {"type": "daily", "interval": 1}}),
            json!({"pattern": {"type": "weekly", "interval": 2}}),
            json!({"pattern": {"type": "absoluteMonthly", "interval": 1}, "range": {"type": "numbered"}}),
            Value::Null,
        ] {
            assert!(matches!(Recurrence::of(&other), Recurrence::Other(_)), "{other}");
        }
    }

    #[test]
    fn what_is_not_said_is_what_the_service_does_by_default() {
        let read: ReviewSettings = serde_json::from_value(json!({"isEnabled": true, "schedule": null})).unwrap();
        assert!(read.is_recommendation_enabled && read.is_reviewer_justification_required && !read.is_self_review);
        assert_eq!(read.expiration_behavior, ReviewExpirationBehavior::KeepAccess);
    }
}
