//! What keeps an object from being what its spec says, in parts: the sentence is made once, at the edge.

use crate::api::Reason;

/// Something that keeps an object from being what its spec says.
///
/// Decisions look at the parts; people read [`Problem::message`]: `field: what; remedy [trace]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its place in the closed list.
    pub reason: Reason,
    /// The field that it is about, for example `spec.approval.stages[0].approvers[1].user`.
    pub field: Option<Box<str>>,
    /// What is wrong.
    pub what: String,
    /// What to do next.
    pub remedy: Option<Box<str>>,
    /// What differs from request to request: ids for Microsoft's support, times to wait. It is read by people and never
    /// compared, so that a failure that goes on is no news.
    pub trace: Option<Box<str>>,
}

impl Problem {
    /// A problem in words.
    pub fn new(reason: Reason, what: impl Into<String>) -> Self {
        Self {
            reason,
            field: None,
            what: what.into(),
            remedy: None,
            trace: None,
        }
    }

    /// The same problem, about this field; in front of the field that it names already.
    #[must_use]
    pub fn at(self, field: impl Into<String>) -> Self {
        let field = field.into();
        let field = match &self.field {
            Some(inner) => format!("{field}: {inner}"),
            None => field,
        };
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// The same problem, with what to do next.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into().into()),
            ..self
        }
    }

    /// The same problem, with what differs from request to request.
    #[must_use]
    pub fn traced(self, trace: Option<String>) -> Self {
        Self {
            trace: trace.map(Into::into),
            ..self
        }
    }

    /// The sentence for people without its trace: equal where, and only where, the same is said.
    #[must_use]
    pub fn steady(&self) -> String {
        let field = self
            .field
            .as_deref()
            .map(|field| format!("{field}: "))
            .unwrap_or_default(); // words that are not there
        let remedy = self
            .remedy
            .as_deref()
            .map(|remedy| format!("; {remedy}"))
            .unwrap_or_default(); // words that are not there
        format!("{field}{}{remedy}", self.what)
    }

    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.trace {
            Some(trace) => format!("{} {trace}", self.steady()),
            None => self.steady(),
        }
    }

    /// Whether `told`, an earlier message, said the same.
    #[must_use]
    pub fn is_told_by(&self, told: &str) -> bool {
        told.strip_prefix(&self.steady())
            .is_some_and(|trace| trace.is_empty() || trace.starts_with(" ["))
    }

    /// Several problems as one, with the reason of the first and the words of all; `None` where there is none.
    #[must_use]
    pub fn joined(problems: &[Self]) -> Option<Self> {
        match problems {
            [] => None,
            [one] => Some(one.clone()),
            [first, ..] => {
                let words: Vec<String> = problems.iter().map(Self::steady).collect();
                let trace = problems.iter().find_map(|problem| problem.trace.clone());
                Some(Self {
                    trace,
                    ..Self::new(first.reason, words.join("; "))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_the_field_what_is_wrong_and_what_to_do() {
        let problem = Problem::new(Reason::LimitExceeded, "grant \"g\" demands an approval stage")
            .at("spec.approval")
            .remedy("add one")
            .traced(Some("[request-id 1]".into()));
        assert_eq!(
            problem.message(),
            "spec.approval: grant \"g\" demands an approval stage; add one [request-id 1]"
        );
    }

    #[test]
    fn the_same_failure_with_another_request_id_is_told_already() {
        let of =
            |id: &str| Problem::new(Reason::GraphUnavailable, "HTTP 503").traced(Some(format!("[request-id {id}]")));
        assert!(of("b").is_told_by(&of("a").message()));
        assert!(!Problem::new(Reason::GraphUnavailable, "HTTP 502").is_told_by(&of("a").message()));
        assert!(!Problem::new(Reason::GraphUnavailable, "HTTP 50").is_told_by(&of("a").message()));
    }
}
