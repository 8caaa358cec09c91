//! Questions to the requestor: the same one keeps its id, whatever becomes of its words and of its place.

use std::collections::{BTreeMap, BTreeSet};

use super::{Canonical, Judge, Stake};
use crate::{
    api::{self, QuestionStatus},
    graph::{AnswerChoice, Localization, Question, QuestionAnswer, Read},
};

const PATH: &str = "questions";
const WORDS: &str = "questions to the requestor (questions)";

/// The questions of a spec as Graph wants them, each with the id that status knows for its name.
#[must_use]
pub fn wanted(questions: &[api::Question], known: &[QuestionStatus]) -> Vec<Question> {
    let ids: BTreeMap<&str, &str> = known.iter().map(|one| (one.name.as_str(), one.id.as_str())).collect();
    let translated = |texts: &[api::Localization]| {
        let texts = texts.iter().map(|one| Localization {
            language_code: one.language.clone(),
            text: one.text.clone(),
        });
        texts.collect::<Vec<_>>()
    };
    let numbered = (1..).zip(questions);
    numbered
        .map(|(sequence, question)| {
            let api::Question {
                name,
                prompt,
                localizations,
                required,
                editable,
                text,
                choice,
            } = question;
            let answer = match (text, choice) {
                (_, Some(choice)) => QuestionAnswer::Choice {
                    is_multiple: choice.multiple,
                    choices: choice
                        .choices
                        .iter()
                        .map(|choice| AnswerChoice {
                            actual_value: choice.value.clone(),
                            text: choice.text.clone().unwrap_or_else(|| choice.value.clone()), // the schema's default
                            localizations: translated(&choice.localizations),
                        })
                        .collect(),
                },
                (text, None) => {
                    let text = text.clone().unwrap_or_default(); // `well_formed` saw to it that one of the two is written
                    QuestionAnswer::Text {
                        is_single_line: text.single_line,
                        regex: text.regex,
                    }
                }
            };
            Question {
                id: ids.get(name.as_str()).map(|id| (*id).to_owned()),
                is_required: *required,
                is_answer_editable: *editable,
                sequence,
                text: prompt.clone(),
                localizations: translated(localizations),
                answer,
            }
        })
        .collect()
}

/// Which question of Entra each of these is: the one of its id; or else one that no id claims, of the same words and the same
/// kind of answer. None of one that is to be made.
fn bound(wanted: &[Question], there: &[Question]) -> Vec<Option<String>> {
    let exists = |id: &&String| there.iter().any(|one| one.id.as_ref() == Some(*id));
    let mut taken: BTreeSet<String> = wanted
        .iter()
        .filter_map(|one| one.id.as_ref())
        .filter(exists)
        .cloned()
        .collect();
    let mut bound = Vec::with_capacity(wanted.len());
    for question in wanted {
        if let Some(id) = question.id.as_ref().filter(exists) {
            bound.push(Some(id.clone()));
            continue;
        }
        let same = there.iter().find(|one| {
            let is_free = one.id.as_ref().is_some_and(|id| !taken.contains(id));
            is_free
                && one.text.canonical() == question.text.canonical()
                && is_of_same_kind(&one.answer, &question.answer)
        });
        let id = same.and_then(|one| one.id.clone());
        taken.extend(id.clone());
        bound.push(id);
    }
    bound
}

fn is_of_same_kind(one: &QuestionAnswer, other: &QuestionAnswer) -> bool {
    matches!(
        (one, other),
        (QuestionAnswer::Text { .. }, QuestionAnswer::Text { .. })
            | (QuestionAnswer::Choice { .. }, QuestionAnswer::Choice { .. })
    )
}

/// The names of the spec's questions, which are `wanted`, with the ids that Entra has given them, as far as they are told.
#[must_use]
pub fn told(questions: &[api::Question], wanted: &[Question], there: &Read<Vec<Question>>) -> Vec<QuestionStatus> {
    let ids = match there {
        Read::Read(there) => bound(wanted, there),
        Read::Unread => wanted.iter().map(|question| question.id.clone()).collect(),
    };
    let named = questions.iter().zip(ids);
    named
        .filter_map(|(question, id)| {
            Some(QuestionStatus {
                name: question.name.clone(),
                id: id?,
            })
        })
        .collect()
}

/// All questions as one thing: their order is theirs.
#[derive(Clone, Debug)]
struct Questions(Vec<Question>);

impl Canonical for Questions {
    fn canonical(&self) -> String {
        if self.0.is_empty() {
            return "none".into();
        }
        self.in_order().into_iter().map(text).collect::<Vec<_>>().join("; ")
    }
}

impl Questions {
    fn in_order(&self) -> Vec<&Question> {
        let mut ordered: Vec<&Question> = self.0.iter().collect();
        ordered.sort_by_key(|question| question.sequence);
        ordered
    }

    /// Whether somebody may be let in by these who would have to say more by `other`. True where that is not certain.
    fn asks_less_than(&self, other: &Self) -> bool {
        other.0.iter().filter(|before| before.is_required).any(|before| {
            let same = self.0.iter().find(|after| after.id.is_some() && after.id == before.id);
            // One that is gone asks nothing.
            same.is_none_or(|after| !after.is_required || !asks_as_much(&after.answer, &before.answer))
        })
    }
}

/// Whether whatever answers the one answers the other. False where that is not certain.
pub(crate) fn asks_as_much(after: &QuestionAnswer, before: &QuestionAnswer) -> bool {
    match (after, before) {
        (QuestionAnswer::Text { .. }, QuestionAnswer::Text { regex: None, .. }) => true,
        (QuestionAnswer::Text { regex, .. }, QuestionAnswer::Text { regex: before, .. }) => regex == before,
        (QuestionAnswer::Choice { choices, .. }, QuestionAnswer::Choice { choices: before, .. }) => {
            let known = |choice: &AnswerChoice| before.iter().any(|one| one.actual_value == choice.actual_value);
            choices.iter().all(known)
        }
        (QuestionAnswer::Text { .. }, QuestionAnswer::Choice { .. } | QuestionAnswer::Unknown { .. })
        | (QuestionAnswer::Choice { .. }, QuestionAnswer::Text { .. } | QuestionAnswer::Unknown { .. })
        | (QuestionAnswer::Unknown { .. }, _) => false,
    }
}

/// The question in canonical words: without its id and its place.
pub(crate) fn text(question: &Question) -> String {
    let Question {
        id: _,
        is_required,
        is_answer_editable,
        sequence: _,
        text,
        localizations,
        answer,
    } = question;
    let mut words = format!("{:?}{}", text.canonical(), translations(localizations));
    if *is_required {
        words.push_str(" (required)");
    }
    if *is_answer_editable {
        words.push_str(" (editable)");
    }
    words.push_str(&match answer {
        QuestionAnswer::Text { is_single_line, regex } => {
            let lines = if *is_single_line { "one line" } else { "text" };
            let regex = regex.as_ref().map(|regex| format!(" like {regex}"));
            format!(": {lines}{}", regex.unwrap_or_default()) // none: anything
        }
        QuestionAnswer::Choice { is_multiple, choices } => {
            let many = if *is_multiple { "several of" } else { "one of" };
            let choices: Vec<String> = choices
                .iter()
                .map(|choice| {
                    format!(
                        "{}={:?}{}",
                        choice.actual_value,
                        choice.text,
                        translations(&choice.localizations)
                    )
                })
                .collect();
            format!(": {many} {}", choices.join(", "))
        }
        QuestionAnswer::Unknown { odata_type } => format!(": of the unknown kind {odata_type:?}"),
    });
    words
}

/// In the order of the languages: the service keeps none.
fn translations(localizations: &[Localization]) -> String {
    if localizations.is_empty() {
        return String::new();
    }
    let mut texts: Vec<String> = localizations
        .iter()
        .map(|one| format!("{}: {:?}", one.language_code.to_lowercase(), one.text))
        .collect();
    texts.sort();
    format!(" [{}]", texts.join(", "))
}

/// What is sent of the questions.
pub(super) fn merge(after: Vec<Question>, before: &Read<Vec<Question>>, judge: &mut Judge<'_>) -> Vec<Question> {
    let there: &[Question] = match before {
        Read::Read(there) => there,
        Read::Unread => &[],
    };
    let ids = bound(&after, there);
    let after = after
        .into_iter()
        .zip(ids)
        .map(|(question, id)| Question { id, ..question });
    let before = match before {
        Read::Read(questions) => Read::Read(Questions(questions.clone())),
        Read::Unread => Read::Unread,
    };
    judge
        .optional_part(
            PATH,
            WORDS,
            |questions: &Questions| !questions.0.is_empty(),
            |before: &Questions, after: &Questions| match (after.asks_less_than(before), before.asks_less_than(after)) {
                (true, _) => Stake::widening(true),
                (false, true) => Stake::widening(false),
                (false, false) => Stake::NEUTRAL,
            },
            (Questions(after.collect()), &before),
        )
        .0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Base, Difference, Door, Drift, Memory, Rules, Waits};

    fn asked(name: &str, prompt: &str) -> api::Question {
        serde_json::from_value(serde_json::json!({"name": name, "prompt": prompt, "required": true, "text": {}}))
            .unwrap()
    }

    fn there(ids: &[&str], questions: &[api::Question]) -> Vec<Question> {
        let made = wanted(questions, &[]).into_iter().zip(ids);
        made.map(|(question, id)| Question {
            id: Some((*id).to_owned()),
            ..question
        })
        .collect()
    }

    fn known(pairs: &[(&str, &str)]) -> Vec<QuestionStatus> {
        let known = pairs.iter().map(|(name, id)| QuestionStatus {
            name: (*name).to_owned(),
            id: (*id).to_owned(),
        });
        known.collect()
    }

    /// What is sent, and what differed.
    fn merged(after: Vec<Question>, before: Vec<Question>) -> (Vec<Question>, Vec<Difference>) {
        let base = crate::plan::applied(&[Memory::keep(PATH, "before")]);
        let mut judge = Judge::new(Rules {
            base: Base::of(Some(&base)),
            drift: Drift {
                policy: api::DriftPolicy::Cautious,
                requested: false,
            },
            limit: None,
            confirmed: true,
            waits: Waits::NONE,
        });
        let sent = merge(after, &Read::Read(before), &mut judge);
        (sent, judge.judgement().written)
    }

    fn ids(questions: &[Question]) -> Vec<Option<&str>> {
        questions.iter().map(|one| one.id.as_deref()).collect()
    }

    #[test]
    fn a_question_that_is_reworded_stays_the_same_one() {
        let before = [asked("reason", "Why?"), asked("region", "Where?")];
        let after = [asked("reason", "What for?"), asked("region", "Where?")];
        let known = known(&[("reason", "1"), ("region", "2")]);
        let (sent, differences) = merged(wanted(&after, &known), there(&["1", "2"], &before));
        assert_eq!(ids(&sent), [Some("1"), Some("2")]);
        assert_eq!(differences[0].stake.door, Door::Neutral);
    }

    #[test]
    fn questions_that_change_places_keep_their_ids() {
        let before = [asked("reason", "Why?"), asked("region", "Where?")];
        let after = [asked("region", "Where?"), asked("reason", "Why?")];
        let known = known(&[("reason", "1"), ("region", "2")]);
        let (sent, differences) = merged(wanted(&after, &known), there(&["1", "2"], &before));
        assert_eq!(ids(&sent), [Some("2"), Some("1")]);
        assert_eq!(differences.len(), 1);
        let quiet = merged(wanted(&before, &known), there(&["1", "2"], &before));
        assert!(quiet.1.is_empty());
    }

    #[test]
    fn one_whose_id_is_not_known_is_found_by_its_words_and_only_once() {
        let twice = [asked("one", "Why?"), asked("other", "Why?")];
        let there = there(&["1", "2"], &twice);
        let told = told(&twice, &wanted(&twice, &[]), &Read::Read(there));
        assert_eq!(told, known(&[("one", "1"), ("other", "2")]));
    }

    #[test]
    fn one_that_was_deleted_in_the_portal_is_made_anew_without_its_id() {
        let question = [asked("reason", "Why?")];
        let (sent, differences) = merged(wanted(&question, &known(&[("reason", "1")])), Vec::new());
        assert_eq!(ids(&sent), [None]);
        assert_eq!(differences[0].stake.door, Door::Narrows);
    }

    #[test]
    fn to_ask_less_is_to_widen() {
        let before = [asked("reason", "Why?"), asked("ticket", "Which?")];
        let known = known(&[("reason", "1"), ("ticket", "2")]);
        let mut optional = before.clone();
        optional[1].required = false;
        let mut strict = before.clone();
        strict[1].text.as_mut().unwrap().regex = Some("^CHG".into());
        let door = |after: &[api::Question], before: &[api::Question]| {
            let (_, differences) = merged(wanted(after, &known), there(&["1", "2"], before));
            differences[0].stake.door
        };
        assert_eq!(door(&before[..1], &before), Door::Widens, "one is gone");
        assert_eq!(door(&optional, &before), Door::Widens);
        assert_eq!(door(&strict, &before), Door::Narrows);
        assert_eq!(door(&before, &strict), Door::Widens);
    }

    #[test]
    fn what_was_not_read_leaves_what_is_known() {
        let known = known(&[("reason", "1"), ("old", "2")]);
        let asked = [asked("reason", "Why?")];
        let told = told(&asked, &wanted(&asked, &known), &Read::Unread);
        assert_eq!(told, known[..1]);
    }
}
