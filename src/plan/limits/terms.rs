//! What a policy lets people do, wherever it is written.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::{
    choices::well_formed,
    chosen::{Chosen, of_entra_list, of_entra_stage, of_persons, of_stage},
    inquiry::Inquiry,
};
use crate::{
    api::{
        Adoption, AssignmentPolicySpec, DeletionPolicy, DriftPolicy, IsoDuration, OnBehalf, OnBehalfRequestor,
        PinnedReference, Reason, Reference, Refers, RequestorScope, SelfService,
    },
    graph::{
        AllowedTargetScope, ApprovalSettings, ApprovalStage, AutomaticRequestSettings, ExpirationKind, PolicyRead,
        Read, RequestorSettings, SubjectSet,
    },
    plan::Problem,
};

/// A way in which access begins or goes on without an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// People request for themselves.
    SelfAdd,
    /// People extend for themselves.
    SelfUpdate,
    /// Others request for them.
    OnBehalfAdd,
    /// Others extend for them.
    OnBehalfUpdate,
    /// A rule assigns.
    ByRule,
}

impl Door {
    /// Whether access begins by it; by the others it only goes on.
    #[must_use]
    pub fn lets_in(self) -> bool {
        match self {
            Self::SelfAdd | Self::OnBehalfAdd | Self::ByRule => true,
            Self::SelfUpdate | Self::OnBehalfUpdate => false,
        }
    }
}

/// Whether somebody is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Somebody has to approve: in each of these stages one of those.
    Asked(Vec<Vec<Chosen>>),
    /// Nobody has.
    NotAsked,
    /// That cannot be told, for this reason.
    Unknown(String),
}

/// How long access lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// For ever.
    Never,
    /// For as long as a rule matches whoever has it.
    WhileMatching,
    /// Until then.
    Until(Timestamp),
    /// For so long.
    For(Duration),
    /// That cannot be told, for this reason.
    Unknown(String),
}

/// What a spec asks for beside what the policy lets people do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// The field that asks to take over what exists, where one does.
    pub adopts: Option<&'static str>,
    /// What becomes of the policy at the end.
    pub deletion: DeletionPolicy,
    /// What becomes of changes that others make in Entra.
    pub drift_policy: DriftPolicy,
    /// Whether others may do anything for those who are to have access.
    pub acts_for_others: bool,
    /// Its name in Entra.
    pub display_name: String,
    /// The fields that name an object of the directory by anything but its id.
    pub named: Vec<String>,
}

/// What a policy lets people do: the same for what a spec says and for what Entra has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The doors that are open, in order, each once.
    pub doors: Vec<Door>,
    /// Who may use them.
    pub scope: AllowedTargetScope,
    /// Whom that scope means, where it names them.
    pub targets: Vec<Chosen>,
    /// Who may request for others.
    pub on_behalf: Vec<Chosen>,
    /// What they are asked, where that is known; `None` of those who are in already: what they were asked is no matter any more.
    pub questions: Option<Read<Vec<Inquiry>>>,
    /// Whether somebody approves before access begins.
    pub add: Consent,
    /// Whether somebody approves before access goes on.
    pub update: Consent,
    /// How long access lasts.
    pub lasting: Lasting,
    /// What else it says that this version cannot judge: any of it may be a door.
    pub unknown: Vec<String>,
    /// What the spec asks for; `None` for what Entra has.
    pub wishes: Option<Wishes>,
}

impl Terms {
    /// What the spec says, those whom it names as `pins` have them.
    ///
    /// # Errors
    /// [`Reason::InvalidSpec`] with the field and what to write, where something is missing, empty or said twice.
    pub fn of_spec(spec: &AssignmentPolicySpec, pins: &[PinnedReference]) -> Result<Self, Problem> {
        well_formed(spec)?;
        let required = |field| Problem::new(Reason::InvalidSpec, "it is required").at(field);
        if let Some(automatic) = &spec.automatic {
            return Ok(Self {
                doors: vec![Door::ByRule],
                scope: AllowedTargetScope::SpecificDirectoryUsers,
                targets: Vec::new(), // whom the rule matches
                on_behalf: Vec::new(),
                questions: Some(Read::Read(Vec::new())),
                add: Consent::NotAsked,
                update: Consent::NotAsked,
                lasting: if automatic.remove_when_no_longer_matching {
                    Lasting::WhileMatching
                } else {
                    Lasting::Never
                },
                unknown: Vec::new(),
                wishes: Some(wishes(spec)),
            });
        }
        let requestors = spec.requestors.as_ref().ok_or_else(|| required("spec.requestors"))?;
        let approval = spec.approval.as_ref().ok_or_else(|| required("spec.approval"))?;
        let expiration = spec.expiration.as_ref().ok_or_else(|| required("spec.expiration"))?;
        let SelfService {
            add,
            update,
            remove: _,
            custom_schedule: _,
        } = requestors.self_service;
        let numbered = approval.stages.iter().flatten().enumerate();
        let stages: Vec<Vec<Chosen>> = numbered
            .map(|(index, stage)| of_stage(&format!("spec.approval.stages[{index}]"), stage, pins))
            .collect();
        let has_stages = !stages.is_empty();
        let asked = |is: bool| {
            if is {
                Consent::Asked(stages.clone())
            } else {
                Consent::NotAsked
            }
        };
        let lasting = match (&expiration.after_date_time, &expiration.after_duration) {
            (Some(end), _) => until(Some(end)),
            (None, Some(duration)) => lasts(Some(duration.as_str())),
            // `well_formed` saw to it that `never` is written.
            (None, None) => Lasting::Never,
        };
        let targets = requestors.targets.iter();
        // A service principal and an organization are of other scopes.
        let targets = targets.map(|target| (target.user.as_ref(), target.group.as_ref(), false));
        let others = requestors.on_behalf.iter().flat_map(|others| &others.requestors).map(
            |OnBehalfRequestor {
                 user,
                 group,
                 target_manager,
             }| (user.as_ref(), group.as_ref(), target_manager.is_some()),
        );
        let on_behalf = |may: fn(&OnBehalf) -> bool| requestors.on_behalf.as_ref().is_some_and(may);
        Ok(Self {
            doors: doors(&[
                (add, Door::SelfAdd),
                (update, Door::SelfUpdate),
                (on_behalf(|others| others.add), Door::OnBehalfAdd),
                (on_behalf(|others| others.update), Door::OnBehalfUpdate),
            ]),
            scope: scope_of(requestors.scope),
            targets: of_persons("spec.requestors.targets", targets, pins),
            on_behalf: of_persons("spec.requestors.onBehalf.requestors", others, pins),
            questions: Some(Read::Read(spec.questions.iter().map(Inquiry::of_spec).collect())),
            add: asked(has_stages),
            update: asked(has_stages && approval.required_for_update),
            lasting,
            unknown: Vec::new(),
            wishes: Some(wishes(spec)),
        })
    }

    /// What the policy of Entra says.
    #[must_use]
    pub fn of_entra(policy: &PolicyRead) -> Self {
        let PolicyRead {
            display_name: _,
            description: _,
            allowed_target_scope,
            specific_allowed_targets,
            expiration,
            requestor_settings,
            request_approval_settings,
            // Reviews take access away, or leave it; notifications and extensions open no door.
            review_settings: _,
            automatic_request_settings,
            notification_settings: _,
            questions,
            custom_extension_stage_settings: _,
            undeclared,
        } = policy;
        let RequestorSettings {
            enable_targets_to_self_add_access,
            enable_targets_to_self_update_access,
            enable_targets_to_self_remove_access: _,
            allow_custom_assignment_schedule: _,
            enable_on_behalf_requestors_to_add_access,
            enable_on_behalf_requestors_to_update_access,
            enable_on_behalf_requestors_to_remove_access: _,
            on_behalf_requestors,
        } = requestor_settings;
        let ApprovalSettings {
            is_approval_required_for_add,
            is_approval_required_for_update,
            is_requestor_justification_required: _,
            stages,
        } = request_approval_settings;
        let consent = |is_required: bool| {
            if is_required {
                approved(stages)
            } else {
                Consent::NotAsked
            }
        };
        let mut unknown = undeclared.clone();
        unknown.extend(unnamed(undeclared, "specificAllowedTargets", specific_allowed_targets));
        unknown.extend(unnamed(undeclared, "onBehalfRequestors", on_behalf_requestors));
        let automatic = automatic_request_settings.as_ref();
        let doors = doors(&[
            (*enable_targets_to_self_add_access, Door::SelfAdd),
            (*enable_targets_to_self_update_access, Door::SelfUpdate),
            (*enable_on_behalf_requestors_to_add_access, Door::OnBehalfAdd),
            (*enable_on_behalf_requestors_to_update_access, Door::OnBehalfUpdate),
            (automatic.is_some_and(AutomaticRequestSettings::assigns), Door::ByRule),
        ]);
        let ends_with_rule = automatic.is_some_and(|rule| rule.remove_access_when_target_leaves_allowed_targets);
        let lasting = match &expiration.kind {
            ExpirationKind::NoExpiration if doors == [Door::ByRule] && ends_with_rule => Lasting::WhileMatching,
            // No end is told, so none is certain.
            ExpirationKind::NoExpiration | ExpirationKind::NotSpecified => Lasting::Never,
            ExpirationKind::AfterDateTime => until(expiration.end.as_deref()),
            ExpirationKind::AfterDuration => lasts(expiration.duration.as_deref()),
            ExpirationKind::Unknown(kind) => Lasting::Unknown(format!("expiration of the unknown kind {kind:?}")),
        };
        Self {
            doors,
            scope: allowed_target_scope.clone(),
            targets: of_entra_list(specific_allowed_targets),
            on_behalf: of_entra_list(on_behalf_requestors),
            questions: Some(match questions {
                Read::Read(questions) => Read::Read(questions.iter().map(Inquiry::of_entra).collect()),
                Read::Unread => Read::Unread,
            }),
            add: consent(*is_approval_required_for_add),
            update: consent(*is_approval_required_for_update),
            lasting,
            unknown,
            wishes: None,
        }
    }

    /// Whether all of it can be judged.
    #[must_use]
    pub fn is_told(&self) -> bool {
        let Self {
            doors: _,
            scope,
            targets: _, // strangers among them are unknown
            on_behalf: _,
            questions,
            add,
            update,
            lasting,
            unknown,
            wishes: _,
        } = self;
        let is_known = |consent: &Consent| !matches!(consent, Consent::Unknown(_));
        unknown.is_empty()
            && questions.as_ref().is_none_or(|questions| questions.known().is_some()) // no matter
            && is_known(add)
            && is_known(update)
            && !matches!(scope, AllowedTargetScope::Unknown(_))
            && !matches!(lasting, Lasting::Unknown(_))
    }

    /// Whether anybody can come in, or stay, without an administrator. Who could go through is not asked: a door without
    /// people is one change away from one with them.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.doors.is_empty()
    }
}

/// The scope of the spec as Graph spells it.
#[must_use]
pub fn scope_of(scope: RequestorScope) -> AllowedTargetScope {
    match scope {
        RequestorScope::None => AllowedTargetScope::NotSpecified,
        RequestorScope::SpecificDirectoryUsers => AllowedTargetScope::SpecificDirectoryUsers,
        RequestorScope::SpecificDirectoryServicePrincipals => AllowedTargetScope::SpecificDirectoryServicePrincipals,
        RequestorScope::SpecificConnectedOrganizationUsers => AllowedTargetScope::SpecificConnectedOrganizationUsers,
        RequestorScope::AllMemberUsers => AllowedTargetScope::AllMemberUsers,
        RequestorScope::AllDirectoryUsers => AllowedTargetScope::AllDirectoryUsers,
        RequestorScope::AllDirectoryServicePrincipals => AllowedTargetScope::AllDirectoryServicePrincipals,
        RequestorScope::AllDirectoryAgentIdentities => AllowedTargetScope::AllDirectoryAgentIdentities,
        RequestorScope::AllConfiguredConnectedOrganizationUsers => {
            AllowedTargetScope::AllConfiguredConnectedOrganizationUsers
        }
        RequestorScope::AllExternalUsers => AllowedTargetScope::AllExternalUsers,
    }
}

/// The scope as people write it in a spec: Graph's name with a capital.
pub(super) fn scope_name(scope: &AllowedTargetScope) -> String {
    let name = scope.to_string();
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or(name)
}

fn doors(open: &[(bool, Door)]) -> Vec<Door> {
    open.iter().filter(|(is, _)| *is).map(|(_, door)| *door).collect()
}

fn wishes(spec: &AssignmentPolicySpec) -> Wishes {
    let adopts = match (&spec.id, spec.adoption) {
        (Some(_), _) => Some("spec.id"),
        (None, Adoption::ByName) => Some("spec.adoption"),
        (None, Adoption::Never) => None,
    };
    Wishes {
        adopts,
        deletion: spec.deletion_policy(),
        drift_policy: spec.drift_policy,
        acts_for_others: spec.requestors.iter().any(|requestors| requestors.on_behalf.is_some()),
        display_name: spec.display_name.clone(),
        named: named(spec),
    }
}

/// Whether a stage has somebody to approve. One approver decides a stage, and every stage has to be passed: a stage of
/// which all approvers are known is enough, one with somebody unknown among them proves nothing.
fn approved(stages: &[ApprovalStage]) -> Consent {
    let (mut strange, mut known) = (Vec::new(), Vec::new());
    for stage in stages {
        let ApprovalStage {
            duration_before_automatic_denial: _,
            is_approver_justification_required: _,
            is_escalation_enabled: _,
            duration_before_escalation: _,
            primary_approvers,
            fallback_primary_approvers,
            escalation_approvers,
            fallback_escalation_approvers,
            approver_information_visibility: _,
        } = stage;
        let unknown: Vec<String> = [
            ("primaryApprovers", primary_approvers),
            ("fallbackPrimaryApprovers", fallback_primary_approvers),
            ("escalationApprovers", escalation_approvers),
            ("fallbackEscalationApprovers", fallback_escalation_approvers),
        ]
        .into_iter()
        .flat_map(|(field, sets)| strangers(field, sets))
        .collect();
        if unknown.is_empty() && !primary_approvers.is_empty() {
            known.push(of_entra_stage(stage));
        }
        strange.extend(unknown);
    }
    match (known.is_empty(), strange.is_empty()) {
        (false, _) => Consent::Asked(known),
        (true, true) => Consent::NotAsked,
        (true, false) => {
            // The service keeps no order within a stage.
            strange.sort();
            strange.dedup();
            Consent::Unknown(strange.join(", "))
        }
    }
}

/// The strangers that what is undeclared does not name already: each is told once.
fn unnamed<'a>(undeclared: &'a [String], field: &'a str, sets: &'a [SubjectSet]) -> impl Iterator<Item = String> + 'a {
    let named = move |set: &SubjectSet| match set {
        SubjectSet::Unknown { odata_type, raw: _ } => undeclared.iter().any(|path| {
            let place = path.strip_suffix(&format!(" ({odata_type})"));
            place.is_some_and(|place| place.contains(field))
        }),
        _ => false, // only the unknown are strangers
    };
    let left = sets.iter().filter(move |set| !named(set));
    left.flat_map(move |set| strangers(field, std::slice::from_ref(set)))
}

fn strangers<'a>(field: &'a str, sets: &'a [SubjectSet]) -> impl Iterator<Item = String> + 'a {
    sets.iter().filter_map(move |set| match set {
        SubjectSet::Unknown { odata_type, raw: _ } => Some(format!("{field} of the unknown kind {odata_type:?}")),
        SubjectSet::SingleUser { user_id: _ }
        | SubjectSet::GroupMembers { group_id: _ }
        | SubjectSet::ConnectedOrganizationMembers { id: _ }
        | SubjectSet::RequestorManager { level: _ }
        | SubjectSet::TargetManager { level: _ }
        | SubjectSet::InternalSponsors
        | SubjectSet::ExternalSponsors
        | SubjectSet::TargetUserSponsors
        | SubjectSet::TargetApplicationOwners
        | SubjectSet::TargetAgentIdentitySponsorsOrOwners
        | SubjectSet::AttributeRuleMembers { rule: _ }
        | SubjectSet::SingleServicePrincipal { id: _ } => None,
    })
}

fn until(end: Option<&str>) -> Lasting {
    let time = end.and_then(|end| end.parse().ok());
    time.map_or_else(
        || Lasting::Unknown(format!("an end that is no time: {end:?}")),
        Lasting::Until,
    )
}

fn lasts(duration: Option<&str>) -> Lasting {
    let length = duration.and_then(|duration| IsoDuration::new(duration).as_duration());
    length.map_or_else(
        || Lasting::Unknown(format!("a duration that cannot be read: {duration:?}")),
        Lasting::For,
    )
}

/// The fields of the spec that name a user, a group, a service principal, a connected organization or a workflow extension by
/// what Entra has to be asked for.
pub(super) fn named(spec: &impl Refers) -> Vec<String> {
    spec.references()
        .into_iter()
        .filter(|at| match at.reference {
            Reference::User(_)
            | Reference::Group(_)
            | Reference::ServicePrincipal(_)
            | Reference::ConnectedOrganization(_)
            | Reference::Extension(_) => at.reference.given().is_some_and(|given| !given.is_id_alone),
            Reference::Tenant(_)
            | Reference::Catalog(_)
            | Reference::AccessPackage(_)
            | Reference::Incompatible(_)
            | Reference::ResourceRole(_)
            | Reference::Secret(_)
            | Reference::Application(_)
            | Reference::Site(_) => false,
        })
        .map(|at| at.field)
        .collect()
}

#[cfg(test)]
mod tests;
