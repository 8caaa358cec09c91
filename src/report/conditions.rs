//! From what a visit found to the conditions of the object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{ConditionType, Reason},
    plan::Problem,
};

/// What a visit has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Why the object is ready, or what keeps it from that.
    pub ready: Result<Problem, Problem>,
    /// What the spec names and could not be found.
    pub references: Option<Problem>,
    /// How Entra differs from what should be there.
    pub sync: Option<Problem>,
    /// Something to look at that keeps nobody from working.
    pub warning: Option<Problem>,
}

impl Report {
    /// All is well.
    #[must_use]
    pub fn ready(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            ready: Ok(Problem::new(reason, message)),
            references: None,
            sync: None,
            warning: None,
        }
    }

    /// The object was compared with Entra: an obstacle keeps it from being ready, and what is held back beside that does not.
    #[must_use]
    pub fn compared(summary: Problem, obstacle: Option<Problem>, held: Option<Problem>) -> Self {
        Self {
            ready: match &obstacle {
                Some(problem) => Err(problem.clone()),
                None => Ok(held.clone().unwrap_or(summary)),
            },
            references: None,
            sync: obstacle.or(held),
            warning: None,
        }
    }

    /// The same report, with what else is worth a look.
    #[must_use]
    pub fn warned(self, more: Vec<Problem>) -> Self {
        let all: Vec<Problem> = self.warning.into_iter().chain(more).collect();
        Self {
            warning: Problem::joined(&all),
            ..self
        }
    }

    /// The object is not ready, and Entra is not as it should be.
    #[must_use]
    pub fn not_ready(problem: Problem) -> Self {
        Self {
            sync: Some(problem.clone()),
            ready: Err(problem),
            references: None,
            warning: None,
        }
    }
}

/// The conditions after a visit. A condition keeps its `lastTransitionTime` while its status stays the same, so that
/// equal reports give equal conditions.
#[must_use]
pub fn conditions(report: &Report, before: &[Condition], generation: i64, now: Timestamp) -> Vec<Condition> {
    let Report {
        ready,
        references,
        sync,
        warning,
    } = report;
    let (summary, is_ready) = match ready {
        Ok(summary) => (summary, true),
        Err(problem) => (problem, false),
    };
    let mut wanted = vec![
        (ConditionType::Ready, is_ready, summary.clone()),
        (
            ConditionType::ReferencesResolved,
            references.is_none(),
            or_fine(references, "everything that the spec names was found"),
        ),
        (
            ConditionType::Synced,
            sync.is_none(),
            or_fine(sync, "Entra has what the spec says"),
        ),
        (
            ConditionType::Healthy,
            warning.is_none(),
            or_fine(warning, "nothing to report"),
        ),
    ];
    if let Err(problem) = ready {
        let kind = if problem.reason.is_stalled() {
            ConditionType::Stalled
        } else {
            ConditionType::Reconciling
        };
        wanted.push((kind, true, problem.clone()));
    }
    wanted
        .into_iter()
        .map(|(kind, is_true, problem)| {
            let reason = problem.reason;
            let message = problem.message();
            let status = if is_true { "True" } else { "False" };
            let old = before
                .iter()
                .find(|old| old.type_ == kind.name() && old.status == status);
            let last_transition_time = old.map_or(Time(whole_seconds(now)), |old| old.last_transition_time.clone());
            let message = shortened(&message);
            // A failure that goes on is no news, though every request has an id of its own.
            let told = old.filter(|old| old.reason == reason.name() && problem.is_told_by(&old.message));
            Condition {
                type_: kind.name().into(),
                status: status.into(),
                reason: reason.name(),
                message: told.map_or(message, |old| old.message.clone()),
                observed_generation: Some(generation),
                last_transition_time,
            }
        })
        .collect()
}

fn or_fine(problem: &Option<Problem>, fine: &str) -> Problem {
    problem.clone().unwrap_or_else(|| Problem::new(Reason::InSync, fine))
}

/// Kubernetes keeps whole seconds only; a fraction would make every write a change.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A condition's message holds at most 32,768 characters; people read far fewer.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 4_000;
    if message.chars().count() <= LONGEST {
        return message.to_owned();
    }
    message.chars().take(LONGEST).chain(" …".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_same_report_later_gives_the_same_conditions() {
        let report = Report::ready(Reason::InSync, "fine");
        let first = conditions(&report, &[], 1, at(100));
        assert_eq!(conditions(&report, &first, 1, at(200)), first);
    }

    #[test]
    fn a_status_that_turns_gets_a_new_time_and_stalled_excludes_reconciling() {
        let first = conditions(&Report::ready(Reason::InSync, "fine"), &[], 1, at(100));
        let held = Report::not_ready(Problem::new(Reason::DriftHeld, "requests are off"));
        let second = conditions(&held, &first, 1, at(200));
        let of = |kind: &str| second.iter().find(|condition| condition.type_ == kind);
        assert_eq!(of("Ready").unwrap().last_transition_time, Time(at(200)));
        assert_eq!(of("Stalled").unwrap().reason, "DriftHeld");
        assert!(of("Reconciling").is_none());
        assert_eq!(of("ReferencesResolved").unwrap().last_transition_time, Time(at(100)));
    }

    #[test]
    fn a_failure_that_goes_on_keeps_its_words_and_another_gets_its_own() {
        let failed = |what: &str, id: &str| {
            let problem = Problem::new(Reason::GraphUnavailable, what).remedy("check the network");
            Report::not_ready(problem.traced(Some(format!("[request-id {id}]"))))
        };
        let first = conditions(&failed("HTTP 503", "a"), &[], 1, at(100));
        assert_eq!(conditions(&failed("HTTP 503", "b"), &first, 1, at(200)), first);
        assert_ne!(conditions(&failed("HTTP 502", "b"), &first, 1, at(200)), first);
    }

    #[test]
    fn what_can_heal_is_reconciling() {
        let report = Report::not_ready(Problem::new(Reason::ReferenceNotFound, "no such user"));
        let conditions = conditions(&report, &[], 1, at(1));
        assert!(
            conditions
                .iter()
                .any(|condition| condition.type_ == "Reconciling" && condition.status == "True")
        );
        assert!(conditions.iter().all(|condition| condition.type_ != "Stalled"));
    }
}
