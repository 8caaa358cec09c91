//! Workflow extensions: the Logic Apps of a catalog, and when a policy runs which.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::READ;
use super::call::Call;
use super::error::GraphError;
use super::id::{CatalogId, ObjectId};
use super::read::Listed;
use super::transport::Graph;
use super::wire::{null_as_default, string_enum};

const PREFIX: &str = "#microsoft.graph.";

string_enum! {
    /// When an extension runs.
    ExtensionStage, Unknown {
        /// Somebody has requested the package.
        AssignmentRequestCreated = "assignmentRequestCreated",
        /// The request was approved.
        AssignmentRequestApproved = "assignmentRequestApproved",
        /// The access was handed out.
        AssignmentRequestGranted = "assignmentRequestGranted",
        /// The access was taken away.
        AssignmentRequestRemoved = "assignmentRequestRemoved",
        /// The access ends in fourteen days.
        AssignmentFourteenDaysBeforeExpiration = "assignmentFourteenDaysBeforeExpiration",
        /// The access ends in a day.
        AssignmentOneDayBeforeExpiration = "assignmentOneDayBeforeExpiration",
    }
}

impl ExtensionStage {
    /// Which kind of extension runs then; [R:accessPackageAssignmentRequestWorkflowExtension],
    /// [R:accessPackageAssignmentWorkflowExtension].
    #[must_use]
    pub fn runs(&self) -> Option<ExtensionKind> {
        match self {
            Self::AssignmentRequestCreated
            | Self::AssignmentRequestApproved
            | Self::AssignmentRequestGranted
            | Self::AssignmentRequestRemoved => Some(ExtensionKind::Request),
            Self::AssignmentFourteenDaysBeforeExpiration | Self::AssignmentOneDayBeforeExpiration => {
                Some(ExtensionKind::Assignment)
            }
            Self::Unknown(_) => None,
        }
    }
}

/// What an extension is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExtensionKind {
    /// The stages of a request.
    Request,
    /// The end of an assignment.
    Assignment,
}

impl ExtensionKind {
    const fn type_name(self) -> &'static str {
        match self {
            Self::Request => "accessPackageAssignmentRequestWorkflowExtension",
            Self::Assignment => "accessPackageAssignmentWorkflowExtension",
        }
    }

    fn of(odata_type: &str) -> Option<Self> {
        let name = odata_type.strip_prefix(PREFIX)?;
        [Self::Request, Self::Assignment]
            .into_iter()
            .find(|kind| kind.type_name() == name)
    }
}

/// An extension that a policy runs at a stage.
#[derive(Debug, Clone)]
pub enum StageSetting {
    /// One that this version understands.
    Runs {
        /// The id of the setting, which the service gives; it means nothing beside stage and extension.
        id: Option<String>,
        /// When it runs.
        stage: ExtensionStage,
        /// What runs.
        extension: ObjectId,
        /// Which kind that is.
        kind: ExtensionKind,
    },
    /// One with a stage or an extension that this version does not know; never written.
    Unknown {
        /// As it came.
        raw: Value,
    },
}

impl PartialEq for StageSetting {
    /// What runs when: ids that the service has given make no difference.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Runs {
                    id: _,
                    stage,
                    extension,
                    kind,
                },
                Self::Runs {
                    id: _,
                    stage: other_stage,
                    extension: other_extension,
                    kind: other_kind,
                },
            ) => (stage, extension, kind) == (other_stage, other_extension, other_kind),
            (Self::Unknown { raw }, Self::Unknown { raw: other }) => raw == other,
            (Self::Runs { .. }, Self::Unknown { .. }) | (Self::Unknown { .. }, Self::Runs { .. }) => false,
        }
    }
}

impl<'de> Deserialize<'de> for StageSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&Value::deserialize(deserializer)?))
    }
}

impl StageSetting {
    /// The setting that this is in Graph's own shape.
    #[must_use]
    pub fn of(raw: &Value) -> Self {
        let text = |pointer: &str| raw.pointer(pointer).and_then(Value::as_str);
        let known = || {
            let stage = ExtensionStage::from(text("/stage")?);
            let runs = stage.runs()?;
            // Where the service leaves the type out, the stage tells it.
            let kind = match text("/customExtension/@odata.type") {
                Some(odata_type) => ExtensionKind::of(odata_type)?,
                None => runs,
            };
            Some(Self::Runs {
                id: text("/id").map(str::to_owned),
                stage,
                extension: text("/customExtension/id")?.into(),
                kind,
            })
        };
        known().unwrap_or_else(|| Self::Unknown { raw: raw.clone() })
    }

    /// As Graph wants it; `None` for one that this version does not know.
    pub(super) fn to_body(&self) -> Option<Value> {
        match self {
            Self::Runs {
                id,
                stage,
                extension,
                kind,
            } => {
                let odata_type = format!("{PREFIX}{}", kind.type_name());
                let mut body = json!({"stage": stage, "customExtension": {"@odata.type": odata_type, "id": extension}});
                if let Some(id) = id {
                    body["id"] = id.as_str().into();
                }
                Some(body)
            }
            Self::Unknown { raw: _ } => None,
        }
    }
}

/// A workflow extension of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExtension {
    /// Its id.
    pub id: ObjectId,
    /// Its name; nothing keeps two from having the same.
    #[serde(default, deserialize_with = "null_as_default")]
    pub display_name: String,
    #[serde(rename = "@odata.type", default, deserialize_with = "null_as_default")]
    odata_type: String,
}

impl WorkflowExtension {
    /// What it is made for; none of a kind that this version does not know.
    #[must_use]
    pub fn kind(&self) -> Option<ExtensionKind> {
        ExtensionKind::of(&self.odata_type)
    }
}

impl Graph {
    /// The workflow extensions of a catalog, of any kind; an empty list is a proven absence.
    /// `GET catalogs/{id}/customWorkflowExtensions`, whose filters are not documented; EntitlementManagement.Read.All or a
    /// role in the catalog.
    ///
    /// # Errors
    ///
    /// As every operation; `InvalidResponse` where there is one that cannot be read.
    pub async fn list_workflow_extensions(&self, catalog: &CatalogId) -> Result<Vec<WorkflowExtension>, GraphError> {
        let op = self.operation("customWorkflowExtensions.list", READ);
        let path = op.entitlement(&["catalogs", catalog.as_str(), "customWorkflowExtensions"])?;
        let listed: Listed<WorkflowExtension> = op.all(Call::get(path)).await?;
        op.readable(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_survives_the_wire_and_one_that_is_newer_is_never_written() {
        let setting = StageSetting::of(&json!({"id": "s", "stage": "assignmentRequestCreated",
            "customExtension": {"@odata.type": "#microsoft.graph.accessPackageAssignmentRequestWorkflowExtension",
                "id": "e", "displayName": "Ticket"}}));
        let body = setting.to_body().unwrap();
        assert_eq!(
            body,
            json!({"id": "s", "stage": "assignmentRequestCreated", "customExtension":
                {"@odata.type": "#microsoft.graph.accessPackageAssignmentRequestWorkflowExtension", "id": "e"}})
        );
        assert_eq!(StageSetting::of(&body), setting);
        for newer in [
            json!({"stage": "assignmentRequestForgotten", "customExtension": {"id": "e"}}),
            json!({"stage": "assignmentRequestCreated", "customExtension": {"@odata.type": "#microsoft.graph.aNewKind", "id": "e"}}),
            json!({"stage": "assignmentRequestCreated", "customExtension": null}),
        ] {
            assert_eq!(StageSetting::of(&newer).to_body(), None, "{newer}");
        }
    }

    #[test]
    fn without_a_type_the_stage_tells_which_kind_runs() {
        let setting =
            StageSetting::of(&json!({"stage": "assignmentOneDayBeforeExpiration", "customExtension": {"id": "e"}}));
        assert_eq!(
            setting,
            StageSetting::Runs {
                id: None,
                stage: ExtensionStage::AssignmentOneDayBeforeExpiration,
                extension: "E".into(),
                kind: ExtensionKind::Assignment,
            }
        );
    }
}
