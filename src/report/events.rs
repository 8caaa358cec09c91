//! What is worth an event.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::Report;
use crate::api::{ConditionType, Reason};

/// Something to tell, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its place in the closed list.
    pub reason: Reason,
    /// In words.
    pub message: String,
    /// Whether somebody should look.
    pub is_warning: bool,
}

impl Note {
    /// Something that was done.
    #[must_use]
    pub fn done(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            is_warning: false,
        }
    }
}

/// The notes of a visit as events: neighbours of one reason in one, since the recorder counts repeats and drops their words.
#[must_use]
pub fn gathered(notes: Vec<Note>) -> Vec<Note> {
    notes.into_iter().fold(Vec::new(), |mut told: Vec<Note>, note| {
        match told.last_mut() {
            Some(last) if last.reason == note.reason && last.is_warning == note.is_warning => {
                last.message = format!("{}; {}", last.message, note.message);
            }
            Some(_) | None => told.push(note),
        }
        told
    })
}

/// The warning that a report gives rise to; none where the object said the same before.
#[must_use]
pub fn warning(report: &Report, before: &[Condition]) -> Option<Note> {
    let problem = report.ready.as_ref().err().or(report.warning.as_ref())?;
    // Objects that are applied together wait for each other for a moment; the condition tells, and that is enough.
    if problem.reason.is_waiting() {
        return None;
    }
    let told = before.iter().any(|condition| {
        (condition.type_ == ConditionType::Ready.name() || condition.type_ == ConditionType::Healthy.name())
            && condition.reason == problem.reason.name()
            && problem.is_told_by(&condition.message)
    });
    (!told).then(|| Note {
        reason: problem.reason,
        message: problem.message(),
        is_warning: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::Problem, report::conditions};
    use k8s_openapi::jiff::Timestamp;

    #[test]
    fn waiting_for_one_s_turn_is_no_event() {
        let report = Report::not_ready(Problem::new(Reason::CatalogNotReady, "on its way"));
        assert_eq!(warning(&report, &[]), None);
    }

    #[test]
    fn what_a_visit_did_is_one_event_for_each_reason() {
        let done = |reason, what: &str| Note::done(reason, what);
        let notes = vec![
            done(Reason::Created, "created"),
            done(Reason::Updated, "add role a"),
            done(Reason::Updated, "add role b"),
        ];
        let told: Vec<String> = gathered(notes).into_iter().map(|note| note.message).collect();
        assert_eq!(told, ["created", "add role a; add role b"]);
    }

    #[test]
    fn a_problem_is_told_once() {
        let report = Report::not_ready(Problem::new(Reason::NameTaken, "taken"));
        let first = warning(&report, &[]);
        assert!(first.is_some_and(|note| note.is_warning && note.reason == Reason::NameTaken));
        let told = conditions(&report, &[], 1, Timestamp::UNIX_EPOCH);
        assert_eq!(warning(&report, &told), None);
    }
}
