//! Workflow extensions: which one runs at which stage.

use super::{Canonical, Judge, Stake};
use crate::{
    api,
    graph::{ExtensionStage, Read, StageSetting},
};

const PATH: &str = "extensions";
const WORDS: &str = "workflow extensions (customExtensionStageSettings)";

/// All of them as one thing: they have no order.
#[derive(Clone, Debug)]
struct Extensions(Vec<StageSetting>);

impl Canonical for Extensions {
    fn canonical(&self) -> String {
        let mut texts: Vec<String> = self.0.iter().map(text).collect();
        texts.sort_unstable();
        texts.dedup();
        if texts.is_empty() {
            "none".into()
        } else {
            texts.join(", ")
        }
    }
}

fn text(setting: &StageSetting) -> String {
    match setting {
        StageSetting::Runs {
            id: _,
            stage,
            extension,
            kind: _,
        } => format!("{stage}: {}", extension.as_str().to_ascii_lowercase()),
        StageSetting::Unknown { raw } => raw.to_string(),
    }
}

impl Extensions {
    fn is_within(&self, outer: &Self) -> bool {
        self.0.iter().all(|setting| outer.0.contains(setting))
    }

    /// The same, each with the id of the setting that is there already.
    fn known_from(self, there: &[StageSetting]) -> Self {
        let known = |wanted: StageSetting| {
            let same = there.iter().find(|setting| **setting == wanted);
            same.cloned().unwrap_or(wanted)
        };
        Self(self.0.into_iter().map(known).collect())
    }
}

/// Graph's word for a stage.
#[must_use]
pub fn stage_of(stage: api::ExtensionStage) -> ExtensionStage {
    match stage {
        api::ExtensionStage::AssignmentRequestCreated => ExtensionStage::AssignmentRequestCreated,
        api::ExtensionStage::AssignmentRequestApproved => ExtensionStage::AssignmentRequestApproved,
        api::ExtensionStage::AssignmentRequestGranted => ExtensionStage::AssignmentRequestGranted,
        api::ExtensionStage::AssignmentRequestRemoved => ExtensionStage::AssignmentRequestRemoved,
        api::ExtensionStage::AssignmentFourteenDaysBeforeExpiration => {
            ExtensionStage::AssignmentFourteenDaysBeforeExpiration
        }
        api::ExtensionStage::AssignmentOneDayBeforeExpiration => ExtensionStage::AssignmentOneDayBeforeExpiration,
    }
}

/// What is sent of them. One that no longer runs may have been what denied a request, so taking it out is wider.
pub(super) fn merge(
    after: Vec<StageSetting>,
    before: &Read<Vec<StageSetting>>,
    judge: &mut Judge<'_>,
) -> Vec<StageSetting> {
    let (after, before) = match before {
        Read::Read(there) => (
            Extensions(after).known_from(there),
            Read::Read(Extensions(there.clone())),
        ),
        Read::Unread => (Extensions(after), Read::Unread),
    };
    judge
        .optional_part(
            PATH,
            WORDS,
            |extensions: &Extensions| !extensions.0.is_empty(),
            |before, after| Stake::widening(!before.is_within(after)),
            (after, &before),
        )
        .0
}
