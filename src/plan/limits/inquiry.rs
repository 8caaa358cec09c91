//! What a policy asks of those who request, and what a grant says that it must.

use crate::{
    api::{self, MustAsk},
    graph::{self, QuestionAnswer},
};

/// A question, as far as a grant may demand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    prompt: String,
    is_required: bool,
    regex: Option<String>,
}

impl Inquiry {
    /// One that a spec asks.
    #[must_use]
    pub fn of_spec(question: &api::Question) -> Self {
        let api::Question {
            name: _, // the team's own
            prompt,
            localizations: _,
            required,
            editable: _,
            text,
            choice: _,
        } = question;
        Self {
            prompt: prompt.clone(),
            is_required: *required,
            regex: text.as_ref().and_then(|text| text.regex.clone()),
        }
    }

    /// One that a policy of Entra asks.
    #[must_use]
    pub fn of_entra(question: &graph::Question) -> Self {
        let graph::Question {
            id: _,
            is_required,
            is_answer_editable: _,
            sequence: _,
            text,
            localizations: _,
            answer,
        } = question;
        Self {
            prompt: text.clone(),
            is_required: *is_required,
            regex: match answer {
                QuestionAnswer::Text {
                    is_single_line: _,
                    regex,
                } => regex.clone(),
                QuestionAnswer::Choice { .. } | QuestionAnswer::Unknown { .. } => None,
            },
        }
    }

    /// Whether it is what must be asked. A demand that says nothing is met by nothing.
    #[must_use]
    pub fn satisfies(&self, must: &MustAsk) -> bool {
        let MustAsk {
            name: _,
            prompt,
            regex,
            message: _,
        } = must;
        let has_prompt = match prompt {
            Some(prompt) => self.prompt.trim() == prompt.trim(),
            None => regex.is_some(),
        };
        let has_regex = match regex {
            Some(regex) => self.regex.as_deref() == Some(regex.as_str()),
            None => true,
        };
        self.is_required && has_prompt && has_regex
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::{Terms, fit::fits};
    use crate::{api::Grant, graph::AssignmentPolicy};

    fn grant(must_ask: Value) -> Grant {
        serde_json::from_value(json!({"name": "g", "namespaces": {"all": {}},
            "limits": {"approval": "Optional", "mustAsk": must_ask}}))
        .unwrap()
    }

    fn judged(grant: &Grant, terms: &Terms) -> Result<(), String> {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        fits(grant, terms, now).map_err(|problem| problem.message())
    }

    fn written(grant: &Grant, questions: Value) -> Result<(), String> {
        let spec = serde_json::from_value(json!({
            "accessPackageRef": {"name": "p"}, "displayName": "P",
            "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
            "approval": {"notRequired": {}}, "expiration": {"afterDuration": "P90D"}, "questions": questions,
        }))
        .unwrap();
        judged(grant, &Terms::of_spec(&spec, &[]).unwrap())
    }

    fn held(grant: &Grant, questions: Option<Value>) -> Result<(), String> {
        let mut policy = json!({"id": "1", "displayName": "P", "allowedTargetScope": "allMemberUsers",
            "expiration": {"type": "afterDuration", "duration": "P90D"},
            "requestorSettings": {"enableTargetsToSelfAddAccess": true}});
        if let Some(questions) = questions {
            policy["questions"] = questions;
        }
        let policy: AssignmentPolicy = serde_json::from_value(policy).unwrap();
        judged(grant, &Terms::of_entra(&policy.fields))
    }

    #[test]
    fn a_question_that_must_be_asked_is_asked_by_spec_and_by_entra() {
        let ticket = grant(json!([{"name": "ticket", "regex": "^CHG[0-9]+$", "message": "Name the change ticket."}]));
        let asks = |required: bool, regex: &str| json!([{"name": "q", "prompt": "Which ticket?", "required": required, "text": {"regex": regex}}]);
        assert_eq!(written(&ticket, asks(true, "^CHG[0-9]+$")), Ok(()));
        for questions in [json!([]), asks(false, "^CHG[0-9]+$"), asks(true, ".*")] {
            assert_eq!(
                written(&ticket, questions).unwrap_err(),
                "spec.questions: grant \"g\" demands the question \"ticket\", required, whose answer matches ^CHG[0-9]+$ \
                 (limits.mustAsk); Name the change ticket."
            );
        }
        let text = |required: bool, regex: &str| {
            Some(
                json!([{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "id": "1",
                "isRequired": required, "text": "Which ticket?", "regexPattern": regex}]),
            )
        };
        assert_eq!(held(&ticket, text(true, "^CHG[0-9]+$")), Ok(()));
        assert!(held(&ticket, text(false, "^CHG[0-9]+$")).is_err());
        assert!(held(&ticket, Some(json!([]))).is_err());
        let untold = held(&ticket, None).unwrap_err();
        assert!(untold.contains("Entra has not told what is asked"), "{untold}");
        // Where nothing must be asked, nothing needs to be told.
        assert_eq!(held(&grant(json!([])), None), Ok(()));
    }

    #[test]
    fn a_prompt_is_asked_in_these_words_and_an_empty_demand_is_met_by_nothing() {
        let why = grant(json!([{"name": "why", "prompt": "Why?"}]));
        let asks = |prompt: &str| json!([{"name": "q", "prompt": prompt, "required": true, "text": {}}]);
        assert_eq!(written(&why, asks("Why?")), Ok(()));
        assert!(written(&why, asks("Why not?")).is_err());
        let choice =
            json!([{"name": "q", "prompt": "Why?", "required": true, "choice": {"choices": [{"value": "a"}]}}]);
        assert_eq!(written(&why, choice), Ok(()));
        assert!(written(&grant(json!([{"name": "why"}])), asks("Why?")).is_err());
    }
}
