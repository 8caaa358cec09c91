//! What requestors are asked for the sake of a resource.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::question::Question;

const ASKED: &str = "#microsoft.graph.accessPackageResourceAttributeQuestion";
const USER: &str = "#microsoft.graph.accessPackageUserDirectoryAttributeStore";

/// An attribute that a resource needs of whoever gets a role of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceAttribute {
    /// It is asked of the requestor, and kept with the user in the directory.
    Asked {
        /// Its name in the directory.
        name: String,
        /// The value may be changed later.
        is_editable: bool,
        /// It stays with the user when the access ends.
        is_persisted: bool,
        /// What is asked.
        question: Question,
    },
    /// Filled or kept in a way that this version does not know: never written.
    Unknown {
        /// As it came.
        raw: Value,
    },
}

impl<'de> Deserialize<'de> for ResourceAttribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Value::deserialize(deserializer)?;
        let is = |part: &str, wanted: &str| raw[part]["@odata.type"].as_str() == Some(wanted);
        let flag = |name: &str| raw[name].as_bool() == Some(true);
        let question = serde_json::from_value::<Question>(raw["source"]["question"].clone()).ok();
        let name = raw["name"].as_str().map(str::to_owned);
        Ok(match (name, question) {
            (Some(name), Some(question)) if is("source", ASKED) && is("destination", USER) => Self::Asked {
                name,
                is_editable: flag("isEditable"),
                is_persisted: flag("isPersistedOnAssignmentRemoval"),
                question,
            },
            (_, _) => Self::Unknown { raw },
        })
    }
}

impl ResourceAttribute {
    /// As Graph wants it; `None` for one that this version does not know.
    pub(super) fn to_body(&self) -> Option<Value> {
        match self {
            Self::Asked {
                name,
                is_editable,
                is_persisted,
                question,
            } => Some(json!({
                "name": name,
                "isEditable": is_editable,
                "isPersistedOnAssignmentRemoval": is_persisted,
                "source": {"@odata.type": ASKED, "question": question.to_body()?},
                "destination": {"@odata.type": USER},
            })),
            Self::Unknown { raw: _ } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_survives_the_wire_and_one_that_is_newer_is_never_written() {
        let wire = json!({"name": "jobTitle", "isEditable": true, "isPersistedOnAssignmentRemoval": false,
            "source": {"@odata.type": ASKED, "question": {"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion",
                "id": "q", "isRequired": true, "isAnswerEditable": true, "sequence": 1, "text": "Title?", "localizations": [],
                "isSingleLineQuestion": true, "regexPattern": null}},
            "destination": {"@odata.type": USER}});
        let read: ResourceAttribute = serde_json::from_value(wire).unwrap();
        let body = read.to_body().unwrap();
        assert_eq!(serde_json::from_value::<ResourceAttribute>(body).unwrap(), read);
        let newer = json!({"name": "jobTitle", "source": {"@odata.type": "#microsoft.graph.aNewSource"},
            "destination": {"@odata.type": USER}});
        let read: ResourceAttribute = serde_json::from_value(newer).unwrap();
        assert_eq!(read.to_body(), None);
    }
}
