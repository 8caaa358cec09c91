//! Questions that a requestor answers.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::super::rules;

/// One question: how it is answered is exactly one of `text`, `choice`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("prompt", "write the question, for example prompt: Why do you need it?"))]
#[x_kube(validation = rules::any_of(&["text", "choice"], "a question is answered by exactly one of text, choice; for example text: {singleLine: true}"))]
#[x_kube(validation = rules::at_most_one_of(&["text", "choice"]))]
pub struct Question {
    /// By which the question stays the same one in Entra when its words change, for example `reason`. Required.
    #[schemars(length(max = 63))]
    #[x_kube(validation = rules::entry_name())]
    pub name: String,
    /// The question in words, for example `Why do you need it?`. Required.
    #[schemars(length(min = 1, max = 500))]
    pub prompt: String,
    /// The same in other languages, for example `[{language: de, text: Wozu brauchen Sie es?}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub localizations: Vec<Localization>,
    /// Whether it must be answered. Default `false`.
    #[serde(default)]
    pub required: bool,
    /// Whether the answer may be changed later. Default `false`.
    #[serde(default)]
    pub editable: bool,
    /// It is answered in words, for example `{singleLine: true, regex: "^CHG[0-9]+$"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextQuestion>,
    /// It is answered by choosing, for example `{choices: [{value: emea, text: Europe}, {value: apac}]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<ChoiceQuestion>,
}

/// A text in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::required("language", "say in which language, for example language: de"))]
#[x_kube(validation = rules::required("text", "write the text in this language"))]
pub struct Localization {
    /// The language, for example `de` or `pt-br`. Required.
    #[schemars(length(min = 1, max = 35))]
    #[x_kube(validation = rules::matching("^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", "must be a language code such as de or pt-br"))]
    pub language: String,
    /// The text in it, for example `Wozu brauchen Sie es?`. Required.
    #[schemars(length(min = 1, max = 500))]
    pub text: String,
}

/// An answer in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TextQuestion {
    /// Whether the answer is one line. Default `false`.
    #[serde(default)]
    pub single_line: bool,
    /// A regular expression that the answer must match, for example `^CHG[0-9]+$`. Default: any answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub regex: Option<String>,
}

/// An answer by choosing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::at_least_one("choices", "say what can be chosen, for example choices: [{value: emea, text: Europe}, {value: apac}]"))]
pub struct ChoiceQuestion {
    /// Whether several may be chosen. Default `false`.
    #[serde(default)]
    pub multiple: bool,
    /// What can be chosen, for example `[{value: emea, text: Europe}, {value: apac}]`. Required.
    #[schemars(length(max = 30))]
    pub choices: Vec<Choice>,
}

/// One of the answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::required("value", "say what is recorded, for example value: emea"))]
pub struct Choice {
    /// What is recorded, for example `emea`. Required.
    #[schemars(length(min = 1, max = 256))]
    pub value: String,
    /// What is shown, for example `Europe`. Default: the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub text: Option<String>,
    /// The same in other languages, for example `[{language: de, text: Europa}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub localizations: Vec<Localization>,
}
