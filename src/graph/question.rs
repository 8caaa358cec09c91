//! Questions that a requestor answers.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::wire::null_as_default;

const PREFIX: &str = "#microsoft.graph.";
const TEXT: &str = "accessPackageTextInputQuestion";
const CHOICE: &str = "accessPackageMultipleChoiceQuestion";

/// One question of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its id, which the service gives; none of one that is to be made.
    pub id: Option<String>,
    /// It must be answered.
    pub is_required: bool,
    /// The answer may be changed later.
    pub is_answer_editable: bool,
    /// Its place: lower ones come first.
    pub sequence: i32,
    /// The question in words.
    pub text: String,
    /// The same in other languages.
    pub localizations: Vec<Localization>,
    /// How it is answered.
    pub answer: QuestionAnswer,
}

/// How a question is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionAnswer {
    /// In words.
    Text {
        /// In one line.
        is_single_line: bool,
        /// What the answer must match.
        regex: Option<String>,
    },
    /// By choosing.
    Choice {
        /// Several may be chosen.
        is_multiple: bool,
        /// Of these.
        choices: Vec<AnswerChoice>,
    },
    /// In a way that this version does not know: never written.
    Unknown {
        /// Its `@odata.type`, empty where there was none.
        odata_type: String,
    },
}

/// One answer of several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerChoice {
    /// What is recorded.
    #[serde(default, deserialize_with = "null_as_default")]
    pub actual_value: String,
    /// What is shown.
    #[serde(default, deserialize_with = "null_as_default")]
    pub text: String,
    /// The same in other languages.
    #[serde(default, deserialize_with = "null_as_default")]
    pub localizations: Vec<Localization>,
}

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Localization {
    /// The language, such as `de` or `de-de`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub language_code: String,
    /// The text in it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub text: String,
}

impl<'de> Deserialize<'de> for Question {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            #[serde(rename = "@odata.type", default, deserialize_with = "null_as_default")]
            odata_type: String,
            #[serde(default)]
            id: Option<String>,
            #[serde(default, deserialize_with = "null_as_default")]
            is_required: bool,
            #[serde(default, deserialize_with = "null_as_default")]
            is_answer_editable: bool,
            #[serde(default, deserialize_with = "null_as_default")]
            sequence: i32,
            #[serde(default, deserialize_with = "null_as_default")]
            text: String,
            #[serde(default, deserialize_with = "null_as_default")]
            localizations: Vec<Localization>,
            #[serde(default, deserialize_with = "null_as_default")]
            is_single_line_question: bool,
            #[serde(default)]
            regex_pattern: Option<String>,
            #[serde(default, deserialize_with = "null_as_default")]
            is_multiple_selection_allowed: bool,
            #[serde(default, deserialize_with = "null_as_default")]
            choices: Vec<AnswerChoice>,
        }
        let wire = Wire::deserialize(deserializer)?;
        let answer = match wire.odata_type.strip_prefix(PREFIX) {
            Some(TEXT) => QuestionAnswer::Text {
                is_single_line: wire.is_single_line_question,
                regex: wire.regex_pattern.filter(|pattern| !pattern.is_empty()),
            },
            Some(CHOICE) => QuestionAnswer::Choice {
                is_multiple: wire.is_multiple_selection_allowed,
                choices: wire.choices,
            },
            Some(_) | None => QuestionAnswer::Unknown {
                odata_type: wire.odata_type,
            },
        };
        Ok(Self {
            id: wire.id,
            is_required: wire.is_required,
            is_answer_editable: wire.is_answer_editable,
            sequence: wire.sequence,
            text: wire.text,
            localizations: wire.localizations,
            answer,
        })
    }
}

impl Question {
    /// The properties that a question of this kind has, for [`super::undeclared`]; none of a kind that is not known.
    pub(super) fn declared(odata_type: &str) -> Option<&'static [&'static str]> {
        match odata_type.strip_prefix(PREFIX)? {
            TEXT => Some(&["isSingleLineQuestion", "regexPattern"]),
            CHOICE => Some(&["isMultipleSelectionAllowed", "choices"]),
            _ => None, // newer than this version
        }
    }

    /// The question as Graph wants it; `None` for one that this version does not know.
    pub(super) fn to_body(&self) -> Option<Value> {
        let Self {
            id,
            is_required,
            is_answer_editable,
            sequence,
            text,
            localizations,
            answer,
        } = self;
        let mut body = json!({
            "isRequired": is_required,
            "isAnswerEditable": is_answer_editable,
            "sequence": sequence,
            "text": text,
            "localizations": translations(localizations),
        });
        if let Some(id) = id {
            body["id"] = Value::from(id.as_str());
        }
        match answer {
            QuestionAnswer::Text { is_single_line, regex } => {
                body["@odata.type"] = format!("{PREFIX}{TEXT}").into();
                body["isSingleLineQuestion"] = Value::from(*is_single_line);
                body["regexPattern"] = regex.as_deref().map_or(Value::Null, Value::from);
            }
            QuestionAnswer::Choice { is_multiple, choices } => {
                body["@odata.type"] = format!("{PREFIX}{CHOICE}").into();
                body["isMultipleSelectionAllowed"] = Value::from(*is_multiple);
                let choices = choices.iter().map(|choice| {
                    json!({"actualValue": choice.actual_value, "text": choice.text,
                        "localizations": translations(&choice.localizations)})
                });
                body["choices"] = choices.collect();
            }
            QuestionAnswer::Unknown { .. } => return None,
        }
        Some(body)
    }
}

fn translations(localizations: &[Localization]) -> Value {
    let bodies = localizations
        .iter()
        .map(|one| json!({"languageCode": one.language_code, "text": one.text}));
    bodies.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_comes_back_as_it_was_sent() {
        let german = vec![Localization {
            language_code: "de".into(),
            text: "Warum?".into(),
        }];
        for answer in [
            QuestionAnswer::Text {
                is_single_line: true,
                regex: Some("^[A-Z]+-[0-9]+$".into()),
            },
            QuestionAnswer::Choice {
                is_multiple: true,
                choices: vec![AnswerChoice {
                    actual_value: "emea".into(),
                    text: "EMEA".into(),
                    localizations: german.clone(),
                }],
            },
        ] {
            let question = Question {
                id: Some("q".into()),
                is_required: true,
                is_answer_editable: true,
                sequence: 2,
                text: "Why?".into(),
                localizations: german.clone(),
                answer,
            };
            let read: Question = serde_json::from_value(question.to_body().unwrap()).unwrap();
            assert_eq!(read, question);
        }
    }

    #[test]
    fn a_kind_that_is_newer_than_us_is_never_written() {
        let read: Question =
            serde_json::from_value(json!({"@odata.type": "#microsoft.graph.aNewKind", "id": "q"})).unwrap();
        assert_eq!(read.to_body(), None);
    }
}
