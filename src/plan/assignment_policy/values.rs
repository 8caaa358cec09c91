//! The values of a policy that are compared as a whole: their texts, and which of two lets more in.

use super::Canonical;
use crate::graph::{AllowedTargetScope, ApprovalStage, Expiration, ExpirationKind, SubjectSet};

/// Who may be given the package.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) scope: AllowedTargetScope,
    pub(super) targets: Vec<SubjectSet>,
}

impl Canonical for Who {
    fn canonical(&self) -> String {
        let targets = subjects(&self.targets);
        if targets.is_empty() {
            self.scope.to_string()
        } else {
            format!("{} ({targets})", self.scope)
        }
    }
}

impl Who {
    /// Whether everybody whom this lets in is let in by `outer` too. False where that is not certain.
    pub(super) fn is_within(&self, outer: &Self) -> bool {
        use AllowedTargetScope as Scope;
        let every_target_known = || {
            let known: Vec<String> = outer.targets.iter().map(subject).collect();
            self.targets.iter().all(|target| known.contains(&subject(target)))
        };
        match (&self.scope, &outer.scope) {
            (Scope::NotSpecified, _) => true,
            (
                Scope::SpecificDirectoryUsers
                | Scope::SpecificDirectoryServicePrincipals
                | Scope::SpecificConnectedOrganizationUsers,
                _,
            ) if self.scope == outer.scope => every_target_known(),
            (inner, outer) if inner == outer => true,
            (Scope::SpecificDirectoryUsers | Scope::AllMemberUsers, Scope::AllDirectoryUsers)
            | (Scope::SpecificDirectoryServicePrincipals, Scope::AllDirectoryServicePrincipals)
            | (
                Scope::SpecificConnectedOrganizationUsers | Scope::AllConfiguredConnectedOrganizationUsers,
                Scope::AllExternalUsers,
            ) => true,
            (
                Scope::SpecificDirectoryUsers
                | Scope::SpecificConnectedOrganizationUsers
                | Scope::SpecificDirectoryServicePrincipals
                | Scope::AllMemberUsers
                | Scope::AllDirectoryUsers
                | Scope::AllDirectoryServicePrincipals
                | Scope::AllConfiguredConnectedOrganizationUsers
                | Scope::AllExternalUsers
                | Scope::AllDirectoryAgentIdentities
                | Scope::Unknown(_),
                _,
            ) => false,
        }
    }
}

/// Whether requestors must say why.
#[derive(Clone, Debug)]
pub(super) struct Justification(pub(super) bool);

impl Canonical for Justification {
    fn canonical(&self) -> String {
        (if self.0 { "Required" } else { "NotRequired" }).to_owned()
    }
}

/// An approval as one thing.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) required_for_add: bool,
    pub(super) required_for_update: bool,
    pub(super) stages: Vec<ApprovalStage>,
}

impl Canonical for Chain {
    fn canonical(&self) -> String {
        let required = match (self.required_for_add, self.required_for_update) {
            (false, false) => return "not required".into(),
            (true, true) => "required, for updates as well",
            (true, false) => "required",
            (false, true) => "required for updates only",
        };
        let stages = self.stages.iter().map(stage_text).collect::<Vec<_>>().join("; then ");
        format!("{required}: {stages}")
    }
}

impl Chain {
    pub(super) fn has_shape_of(&self, other: &Self) -> bool {
        self.required_for_add == other.required_for_add
            && self.required_for_update == other.required_for_update
            && self.stages.len() == other.stages.len()
            && self.required_for_add | self.required_for_update
    }

    /// Whether somebody may be let in by this who is not by `other`. True where that is not certain.
    pub(super) fn asks_less_than(&self, other: &Self) -> bool {
        let drops = |before: bool, after: bool| before && !after;
        let asked = other.required_for_add || other.required_for_update;
        drops(other.required_for_add, self.required_for_add)
            || drops(other.required_for_update, self.required_for_update)
            || (asked && self.stages.len() < other.stages.len())
            // Stages that stay must not be decided by more people than before.
            || (asked
                && !self.stages.iter().zip(&other.stages).all(|(stage, before)| {
                    let is_within = |after: &[SubjectSet], before: &[SubjectSet]| {
                        Approvers(after.to_vec()).is_within(&Approvers(before.to_vec()))
                    };
                    is_within(&stage.primary_approvers, &before.primary_approvers)
                        && is_within(&stage.fallback_primary_approvers, &before.fallback_primary_approvers)
                        && is_within(&stage.escalation_approvers, &before.escalation_approvers)
                        && is_within(&stage.fallback_escalation_approvers, &before.fallback_escalation_approvers)
                }))
    }
}

/// A list of those who decide.
#[derive(Clone, Debug)]
pub(super) struct Approvers(pub(super) Vec<SubjectSet>);

impl Canonical for Approvers {
    fn canonical(&self) -> String {
        match subjects(&self.0).as_str() {
            "" => "nobody".into(),
            names => names.into(),
        }
    }
}

impl Approvers {
    pub(super) fn is_within(&self, outer: &Self) -> bool {
        let known: Vec<String> = outer.0.iter().map(subject).collect();
        self.0.iter().all(|approver| known.contains(&subject(approver)))
    }
}

/// An escalation as one thing.
#[derive(Clone, Debug)]
pub(super) struct Escalation {
    pub(super) enabled: bool,
    pub(super) after: Option<String>,
    pub(super) approvers: Vec<SubjectSet>,
    pub(super) fallback: Vec<SubjectSet>,
}

impl Canonical for Escalation {
    fn canonical(&self) -> String {
        if !self.enabled {
            return "none".into();
        }
        let fallback = match subjects(&self.fallback).as_str() {
            "" => String::new(),
            names => format!(" (fallback {names})"),
        };
        format!(
            "after {} {}{fallback}",
            duration(self.after.as_deref()),
            subjects(&self.approvers)
        )
    }
}

impl Escalation {
    /// Whether somebody may decide by this, or decide earlier, who may not by `other`.
    pub(super) fn lets_more_decide_than(&self, other: &Self) -> bool {
        if !self.enabled {
            return false;
        }
        let of = |sets: &[SubjectSet]| Approvers(sets.to_vec());
        !other.enabled
            || !of(&self.approvers).is_within(&of(&other.approvers))
            || !of(&self.fallback).is_within(&of(&other.fallback))
            || !Length(other.after.clone()).is_no_longer_than(&Length(self.after.clone()))
    }
}

/// A length of time in Graph's spelling.
#[derive(Clone, Debug)]
pub(super) struct Length(pub(super) Option<String>);

impl Canonical for Length {
    fn canonical(&self) -> String {
        duration(self.0.as_deref())
    }
}

impl Length {
    /// False where that is not certain.
    pub(super) fn is_no_longer_than(&self, other: &Self) -> bool {
        let length = |length: &Self| {
            length
                .0
                .as_deref()
                .and_then(|text| crate::api::IsoDuration::new(text).as_duration())
        };
        matches!((length(self), length(other)), (Some(one), Some(other)) if one <= other)
    }
}

impl Canonical for Expiration {
    fn canonical(&self) -> String {
        match &self.kind {
            ExpirationKind::NoExpiration => "never".into(),
            ExpirationKind::AfterDuration => format!("after {}", duration(self.duration.as_deref())),
            ExpirationKind::AfterDateTime => format!("at {}", instant(self.end.as_deref())),
            ExpirationKind::NotSpecified | ExpirationKind::Unknown(_) => self.kind.to_string(),
        }
    }
}

/// Whether requestors see who approves.
#[derive(Clone, Debug)]
pub(super) struct Visibility(pub(super) Option<String>);

impl Canonical for Visibility {
    fn canonical(&self) -> String {
        self.0.as_deref().map_or("default".to_owned(), str::to_lowercase)
    }
}

impl Visibility {
    pub(super) fn is_default(&self) -> bool {
        self.canonical() == "default"
    }
}

pub(super) fn subject(set: &SubjectSet) -> String {
    match set {
        SubjectSet::SingleUser { user_id } => format!("user {user_id}").to_lowercase(),
        SubjectSet::GroupMembers { group_id } => format!("group {group_id}").to_lowercase(),
        SubjectSet::ConnectedOrganizationMembers { id } => format!("connected organization {id}").to_lowercase(),
        SubjectSet::SingleServicePrincipal { id } => format!("service principal {id}").to_lowercase(),
        SubjectSet::RequestorManager { level } => format!("requestor's manager (level {level})"),
        SubjectSet::TargetManager { level } => format!("target's manager (level {level})"),
        SubjectSet::InternalSponsors => "internal sponsors".into(),
        SubjectSet::ExternalSponsors => "external sponsors".into(),
        SubjectSet::TargetUserSponsors => "the target's sponsors".into(),
        SubjectSet::AttributeRuleMembers { rule } => format!("rule {rule}"),
        SubjectSet::TargetApplicationOwners => "the target application's owners".into(),
        SubjectSet::TargetAgentIdentitySponsorsOrOwners => "the target agent's sponsors or owners".into(),
        SubjectSet::Unknown { odata_type, raw } => format!("unknown {odata_type} {raw}"),
    }
}

/// The sets in canonical order: the service keeps none.
pub(super) fn subjects(sets: &[SubjectSet]) -> String {
    let mut texts: Vec<String> = sets.iter().map(subject).collect();
    texts.sort();
    texts.dedup();
    texts.join(", ")
}

pub(super) fn stage_text(stage: &ApprovalStage) -> String {
    let mut text = format!(
        "{} within {}",
        subjects(&stage.primary_approvers),
        duration(stage.duration_before_automatic_denial.as_deref())
    );
    if !stage.fallback_primary_approvers.is_empty() {
        text.push_str(&format!(" (fallback {})", subjects(&stage.fallback_primary_approvers)));
    }
    if stage.is_approver_justification_required {
        text.push_str(", with justification");
    }
    let visibility = Visibility(stage.approver_information_visibility.clone());
    if !visibility.is_default() {
        text.push_str(&format!(", approvers {}", visibility.canonical()));
    }
    if stage.is_escalation_enabled {
        text.push_str(&format!(
            ", after {} also {}",
            duration(stage.duration_before_escalation.as_deref()),
            subjects(&stage.escalation_approvers)
        ));
        if !stage.fallback_escalation_approvers.is_empty() {
            text.push_str(&format!(
                " (fallback {})",
                subjects(&stage.fallback_escalation_approvers)
            ));
        }
    }
    text
}

pub(super) fn duration(text: Option<&str>) -> String {
    let Some(text) = text else { return "no time".into() };
    let Some(length) = crate::api::IsoDuration::new(text).as_duration() else {
        return text.to_owned();
    };
    let minutes = length.as_secs() / 60;
    match (minutes / 1_440, minutes % 1_440) {
        (days, 0) => format!("{days} days"),
        (0, minutes) if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        (_, _) => format!("{minutes} minutes"),
    }
}

/// One spelling for one point in time.
pub(super) fn instant(text: Option<&str>) -> String {
    let text = text.map_or("an unknown time", |text| text);
    text.parse::<k8s_openapi::jiff::Timestamp>()
        .map_or_else(|_| text.to_owned(), |time| time.to_string())
}

/// Whether access under `one` certainly ends no later than under `other`.
pub(super) fn lasts_no_longer(one: &Expiration, other: &Expiration) -> bool {
    let length = |expiration: &Expiration| {
        expiration
            .duration
            .as_deref()
            .and_then(|text| crate::api::IsoDuration::new(text).as_duration())
    };
    let end = |expiration: &Expiration| {
        let text = expiration.end.as_deref()?;
        text.parse::<k8s_openapi::jiff::Timestamp>().ok()
    };
    match (&one.kind, &other.kind) {
        (_, ExpirationKind::NoExpiration) => true,
        (ExpirationKind::AfterDuration, ExpirationKind::AfterDuration) => {
            matches!((length(one), length(other)), (Some(one), Some(other)) if one <= other)
        }
        (ExpirationKind::AfterDateTime, ExpirationKind::AfterDateTime) => {
            matches!((end(one), end(other)), (Some(one), Some(other)) if one <= other)
        }
        // A length and a point in time are not to be compared, and of an unknown kind nothing is certain.
        (
            ExpirationKind::NoExpiration
            | ExpirationKind::AfterDuration
            | ExpirationKind::AfterDateTime
            | ExpirationKind::NotSpecified
            | ExpirationKind::Unknown(_),
            _,
        ) => false,
    }
}
