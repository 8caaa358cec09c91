//! Workflow extensions that a policy runs.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::rules;

/// A workflow extension of the package's catalog, and when it runs: named by exactly one of `displayName`, `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("stage", "say when it runs, for example stage: AssignmentRequestGranted"))]
#[x_kube(validation = rules::any_of(&["displayName", "id"], "an extension needs exactly one of displayName, id; for example displayName: Open a ticket"))]
#[x_kube(validation = rules::at_most_one_of(&["displayName", "id"]))]
pub struct Extension {
    /// When it runs: `AssignmentRequestCreated`, `AssignmentRequestApproved`, `AssignmentRequestGranted`,
    /// `AssignmentRequestRemoved`, which run extensions that are made for requests;
    /// `AssignmentFourteenDaysBeforeExpiration`, `AssignmentOneDayBeforeExpiration`, which run those made for assignments.
    /// Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ExtensionStage")]
    pub stage: Option<ExtensionStage>,
    /// Display name of the extension in the catalog, for example `Open a ticket`; two of one name are refused with both ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
    /// Id of the extension, for example `78eaee8c-e6cf-48c9-8f99-aae44c35e379`. Never looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::guid("must be the extension's id, such as 78eaee8c-e6cf-48c9-8f99-aae44c35e379"))]
    pub id: Option<String>,
}

/// When an extension runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExtensionStage {
    /// Somebody has requested the package: the extension may deny or cancel the request.
    AssignmentRequestCreated,
    /// The request was approved.
    AssignmentRequestApproved,
    /// The access was handed out.
    AssignmentRequestGranted,
    /// The access was taken away.
    AssignmentRequestRemoved,
    /// The access ends in fourteen days.
    AssignmentFourteenDaysBeforeExpiration,
    /// The access ends in a day.
    AssignmentOneDayBeforeExpiration,
}
