//! What requestors are asked for the sake of a resource.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Choice, ChoiceQuestion, Localization, Question, TextQuestion, rules};

/// An attribute of the user in the directory that a resource needs: whoever requests a package with a role of it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("question", "say what is asked, for example question: {prompt: Which cost center pays?, text: {singleLine: true}}"))]
pub struct ResourceAttribute {
    /// The attribute's name in the directory, for example `jobTitle` or `extension_0f7c_costCenter`. Required.
    #[schemars(length(min = 1, max = 120))]
    #[x_kube(validation = rules::matching("^[A-Za-z][A-Za-z0-9_]*$", "must be the name of a user attribute, such as jobTitle or extension_0f7c_costCenter"))]
    pub name: String,
    /// Whether the value may be changed later. Default `false`.
    #[serde(default)]
    pub editable: bool,
    /// Whether the value stays with the user when the access ends. Default `false`.
    #[serde(default)]
    pub kept_after_removal: bool,
    /// What is asked, for example `{prompt: Which cost center pays?, required: true, text: {singleLine: true}}`. Required.
    pub question: AttributeQuestion,
}

/// What is asked: it is answered by exactly one of `text`, `choice`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("prompt", "write the question, for example prompt: Which cost center pays?"))]
#[x_kube(validation = rules::any_of(&["text", "choice"], "a question is answered by exactly one of text, choice; for example text: {singleLine: true}"))]
#[x_kube(validation = rules::at_most_one_of(&["text", "choice"]))]
pub struct AttributeQuestion {
    /// The question in words, for example `Which cost center pays?`. Required.
    #[schemars(length(min = 1, max = 500))]
    pub prompt: String,
    /// The same in other languages, for example `[{language: de, text: Welche Kostenstelle zahlt?}]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub localizations: Vec<Localization>,
    /// Whether it must be answered. Default `false`.
    #[serde(default)]
    pub required: bool,
    /// It is answered in words, for example `{singleLine: true, regex: "^[0-9]{4}$"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextQuestion>,
    /// It is answered by choosing, for example `{choices: [{value: emea, text: Europe}, {value: apac}]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<AttributeChoices>,
}

/// An answer by choosing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::at_least_one("choices", "say what can be chosen, for example choices: [{value: emea, text: Europe}, {value: apac}]"))]
pub struct AttributeChoices {
    /// Whether several may be chosen. Default `false`.
    #[serde(default)]
    pub multiple: bool,
    /// What can be chosen, for example `[{value: emea, text: Europe}, {value: apac}]`. Required.
    #[schemars(length(max = 20))]
    pub choices: Vec<AttributeChoice>,
}

/// One of the answers. Its text has no other languages, as that of a policy's questions has: the API server allows no more rules
/// in one definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::required("value", "say what is kept, for example value: emea"))]
pub struct AttributeChoice {
    /// What is kept with the user, for example `emea`. Required.
    #[schemars(length(min = 1, max = 256))]
    pub value: String,
    /// What is shown, for example `Europe`. Default: the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub text: Option<String>,
}

impl ResourceAttribute {
    /// The question as any other that a requestor answers, known by the attribute's name.
    #[must_use]
    pub fn as_question(&self) -> Question {
        let AttributeQuestion {
            prompt,
            localizations,
            required,
            text,
            choice,
        } = self.question.clone();
        Question {
            name: self.name.clone(),
            prompt,
            localizations,
            required,
            editable: self.editable,
            text,
            choice: choice.map(|AttributeChoices { multiple, choices }| ChoiceQuestion {
                multiple,
                choices: choices
                    .into_iter()
                    .map(|AttributeChoice { value, text }| Choice {
                        value,
                        text,
                        localizations: Vec::new(),
                    })
                    .collect(),
            }),
        }
    }
}
