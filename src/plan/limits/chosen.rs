//! Whom a policy chooses to decide, to be let in, and to request for others; and whom a grant lets it choose.
//!
//! People are compared by their ids in the directory. Whom a grant names and nobody has found yet, it does not allow.

use std::fmt;

use crate::{
    api::{
        ApprovalStage as Stage, Approver, ApproverKind, ApproverLimit, CatalogSpec, Escalation, Grant, GroupRef,
        Limits, NamedApprover, OnBehalfKind, OnBehalfLimit, PinnedReference, Reason, ReferenceAt, TargetKind,
        TargetLimit, UserRef,
    },
    graph::{ApprovalStage, SubjectSet},
    plan::{
        Problem,
        bindings::{DirectoryKey, directory_key, group_key, user_key},
    },
};

/// Whom no namespace chooses: the directory says who manages whom, and the platform team who vouches for a partner.
const STRICT_KINDS: [ApproverKind; 3] = [
    ApproverKind::RequestorManager,
    ApproverKind::TargetManager,
    ApproverKind::InternalSponsors,
];
/// So many of those whom a grant allows are told.
const SHOWN: usize = 6;

/// Somebody whom a policy chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The field that chooses; `None` for what Entra has.
    pub field: Option<String>,
    /// Who it is.
    pub who: Who,
}

/// Who decides, is let in, or requests for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A user.
    User(Named),
    /// The members of a group.
    Group(Named),
    /// Whoever the directory says.
    Kind(ApproverKind),
    /// Somebody of whom no limit speaks, in words.
    Other(String),
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// Of this id.
    Id(String),
    /// Whatever the directory has of this name: not looked up yet.
    Unbound(String),
}

impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(Named::Id(id)) => write!(formatter, "user {id}"),
            Self::Group(Named::Id(id)) => write!(formatter, "group {id}"),
            Self::User(Named::Unbound(name)) | Self::Group(Named::Unbound(name)) => formatter.write_str(name),
            Self::Kind(kind) => write!(formatter, "{kind:?}"),
            Self::Other(words) => formatter.write_str(words),
        }
    }
}

/// Everybody who is asked in a stage of a spec, by the names that are bound. A choice that is empty chooses nobody here, and is
/// refused elsewhere.
pub(super) fn of_stage(field: &str, stage: &Stage, pins: &[PinnedReference]) -> Vec<Chosen> {
    let Stage {
        approvers,
        fallback_approvers,
        decision_timeout: _,
        justification: _,
        escalation,
        approver_visibility: _,
    } = stage;
    let mut all = asked(field, approvers, fallback_approvers, pins);
    if let Some(Escalation {
        after: _,
        approvers,
        fallback_approvers,
    }) = escalation
    {
        all.extend(asked(
            &format!("{field}.escalation"),
            approvers,
            fallback_approvers,
            pins,
        ));
    }
    all
}

fn asked(field: &str, approvers: &[Approver], fallbacks: &[NamedApprover], pins: &[PinnedReference]) -> Vec<Chosen> {
    let mut all: Vec<Chosen> = Vec::new();
    for (index, approver) in approvers.iter().enumerate() {
        let field = format!("{field}.approvers[{index}]");
        all.extend(of_approver(approver, pins).into_iter().map(|who| Chosen {
            field: Some(field.clone()),
            who,
        }));
    }
    for (index, NamedApprover { user, group }) in fallbacks.iter().enumerate() {
        let field = format!("{field}.fallbackApprovers[{index}]");
        all.extend(named(user.as_ref(), group.as_ref(), pins).map(|who| Chosen {
            field: Some(field.clone()),
            who,
        }));
    }
    all
}

/// Everybody whom one choice names: of two, both.
fn of_approver(approver: &Approver, pins: &[PinnedReference]) -> Vec<Who> {
    let Approver {
        user,
        group,
        requestor_manager,
        internal_sponsors,
        external_sponsors,
        target_manager,
        target_user_sponsors,
        target_application_owners,
        target_agent_identity_sponsors_or_owners,
    } = approver;
    let kinds = [
        (requestor_manager.is_some(), ApproverKind::RequestorManager),
        (internal_sponsors.is_some(), ApproverKind::InternalSponsors),
        (external_sponsors.is_some(), ApproverKind::ExternalSponsors),
        (target_manager.is_some(), ApproverKind::TargetManager),
        (target_user_sponsors.is_some(), ApproverKind::TargetUserSponsors),
        (
            target_application_owners.is_some(),
            ApproverKind::TargetApplicationOwners,
        ),
        (
            target_agent_identity_sponsors_or_owners.is_some(),
            ApproverKind::TargetAgentIdentitySponsorsOrOwners,
        ),
    ];
    let kinds = kinds.into_iter().filter(|(is, _)| *is).map(|(_, kind)| Who::Kind(kind));
    named(user.as_ref(), group.as_ref(), pins).chain(kinds).collect()
}

fn named<'a>(
    user: Option<&'a UserRef>,
    group: Option<&'a GroupRef>,
    pins: &'a [PinnedReference],
) -> impl Iterator<Item = Who> + 'a {
    let user = user.and_then(user_key).map(|key| Who::User(bound(&key, pins)));
    let group = group.and_then(group_key).map(|key| Who::Group(bound(&key, pins)));
    user.into_iter().chain(group)
}

fn bound(key: &DirectoryKey, pins: &[PinnedReference]) -> Named {
    let reference = key.to_string();
    let pinned = pins.iter().find(|pin| pin.reference == reference);
    match key.id().or(pinned.map(|pin| pin.id.as_str())) {
        Some(id) => Named::Id(id.to_owned()),
        None => Named::Unbound(reference),
    }
}

/// Those whom a policy lets in by name, or lets request for others, where each is a user, a group or a manager.
pub(super) fn of_persons<'a>(
    field: &str,
    persons: impl Iterator<Item = (Option<&'a UserRef>, Option<&'a GroupRef>, bool)>,
    pins: &[PinnedReference],
) -> Vec<Chosen> {
    let mut all = Vec::new();
    for (index, (user, group, is_manager)) in persons.enumerate() {
        let manager = is_manager.then_some(Who::Kind(ApproverKind::TargetManager));
        all.extend(named(user, group, pins).chain(manager).map(|who| Chosen {
            field: Some(format!("{field}[{index}]")),
            who,
        }));
    }
    all
}

/// Those whom a list of Entra's names.
pub(super) fn of_entra_list(sets: &[SubjectSet]) -> Vec<Chosen> {
    let sets = sets.iter();
    sets.map(|set| Chosen {
        field: None,
        who: of_entra(set),
    })
    .collect()
}

/// Everybody who is asked in a stage that Entra has.
pub(super) fn of_entra_stage(stage: &ApprovalStage) -> Vec<Chosen> {
    let ApprovalStage {
        duration_before_automatic_denial: _,
        is_approver_justification_required: _,
        is_escalation_enabled: _, // those are asked once somebody enables it
        duration_before_escalation: _,
        primary_approvers,
        fallback_primary_approvers,
        escalation_approvers,
        fallback_escalation_approvers,
        approver_information_visibility: _,
    } = stage;
    let lists = [
        primary_approvers,
        fallback_primary_approvers,
        escalation_approvers,
        fallback_escalation_approvers,
    ];
    lists.into_iter().flat_map(|list| of_entra_list(list)).collect()
}

fn of_entra(set: &SubjectSet) -> Who {
    match set {
        SubjectSet::SingleUser { user_id } => Who::User(Named::Id(user_id.to_string())),
        SubjectSet::GroupMembers { group_id } => Who::Group(Named::Id(group_id.to_string())),
        SubjectSet::RequestorManager { level: _ } => Who::Kind(ApproverKind::RequestorManager),
        SubjectSet::TargetManager { level: _ } => Who::Kind(ApproverKind::TargetManager),
        SubjectSet::InternalSponsors => Who::Kind(ApproverKind::InternalSponsors),
        SubjectSet::ExternalSponsors => Who::Kind(ApproverKind::ExternalSponsors),
        SubjectSet::TargetUserSponsors => Who::Kind(ApproverKind::TargetUserSponsors),
        SubjectSet::TargetApplicationOwners => Who::Kind(ApproverKind::TargetApplicationOwners),
        SubjectSet::TargetAgentIdentitySponsorsOrOwners => Who::Kind(ApproverKind::TargetAgentIdentitySponsorsOrOwners),
        SubjectSet::ConnectedOrganizationMembers { id } => {
            Who::Other(format!("people of the connected organization {id}"))
        }
        SubjectSet::AttributeRuleMembers { rule } => Who::Other(format!("whoever matches {rule}")),
        SubjectSet::SingleServicePrincipal { id } => Who::Other(format!("service principal {id}")),
        SubjectSet::Unknown { odata_type, raw: _ } => {
            Who::Other(format!("somebody of the unknown kind {odata_type:?}"))
        }
    }
}

/// The grant, those whom it names with their ids, as the Catalog has found them.
#[must_use]
pub fn with_ids(mut grant: Grant, pins: &[PinnedReference]) -> Grant {
    let Limits {
        requestor_scopes: _,
        approval: _,
        approvers,
        extension: _,
        targets,
        must_ask: _,
        max_duration: _,
        unlimited_duration: _,
        automatic_assignment: _,
        on_behalf: _,
        on_behalf_requestors,
        adoption: _,
        references: _,
        max_packages: _,
        max_policies: _,
        display_name_prefix: _,
        deletion: _,
        drift_policy: _,
    } = &mut grant.limits;
    let id_of = |key: Option<DirectoryKey>| match bound(&key?, pins) {
        Named::Id(id) => Some(id),
        Named::Unbound(_) => None,
    };
    let approvers = approvers.as_mut().map(|limit| (&mut limit.users, &mut limit.groups));
    let targets = targets.as_mut().map(|limit| (&mut limit.users, &mut limit.groups));
    let on_behalf = on_behalf_requestors
        .as_mut()
        .map(|limit| (&mut limit.users, &mut limit.groups));
    for (users, groups) in [approvers, targets, on_behalf].into_iter().flatten() {
        for user in users {
            user.id = id_of(user_key(user));
        }
        for group in groups {
            group.id = id_of(group_key(group));
        }
    }
    grant
}

/// Everybody whom the grants of a Catalog name, each with its field; an entry that says nothing is told, and names nobody.
#[must_use]
pub fn named_by_grants(spec: &CatalogSpec) -> (Vec<(String, DirectoryKey)>, Vec<Problem>) {
    let (mut named, mut problems) = (Vec::new(), Vec::new());
    for (index, grant) in spec.grants.iter().enumerate() {
        for ReferenceAt { field, reference } in grant.limits.references(&format!("spec.grants[{index}].limits")) {
            match directory_key(reference) {
                Some(key) => named.push((field, key)),
                None => problems.push(
                    Problem::new(Reason::InvalidSpec, "it names nobody")
                        .at(field)
                        .remedy("write for example {id: 7deff43e-1f17-44ef-9e5f-d516b0ba11d4}"),
                ),
            }
        }
    }
    (named, problems)
}

/// Whom a grant lets a policy choose. A limit that is not written leaves the choice to the policy; one that is written and empty
/// has its strict value.
pub(super) enum Allowed<'a> {
    /// Whomever it likes.
    Anybody,
    /// These.
    These(These<'a>),
}

/// Those whom a limit names.
pub(super) struct These<'a> {
    kinds: Vec<ApproverKind>,
    users: &'a [UserRef],
    groups: &'a [GroupRef],
}

impl<'a> Allowed<'a> {
    /// To approve.
    pub(super) fn approvers(limit: Option<&'a ApproverLimit>) -> Self {
        match limit {
            Some(ApproverLimit { kinds, users, groups }) => Self::These(These {
                kinds: kinds.as_deref().unwrap_or(&STRICT_KINDS).to_vec(),
                users,
                groups,
            }),
            None => Self::Anybody,
        }
    }

    /// To be let in by name.
    pub(super) fn targets(limit: Option<&'a TargetLimit>) -> Self {
        let kind = |kind: &TargetKind| match kind {
            TargetKind::AnyUser => ApproverKind::AnyUser,
            TargetKind::AnyGroup => ApproverKind::AnyGroup,
        };
        match limit {
            Some(TargetLimit { kinds, users, groups }) => Self::These(These {
                kinds: kinds.iter().flatten().map(kind).collect(),
                users,
                groups,
            }),
            None => Self::Anybody,
        }
    }

    /// To request for others.
    pub(super) fn on_behalf(limit: Option<&'a OnBehalfLimit>) -> Self {
        let kind = |kind: &OnBehalfKind| match kind {
            OnBehalfKind::TargetManager => ApproverKind::TargetManager,
            OnBehalfKind::AnyUser => ApproverKind::AnyUser,
            OnBehalfKind::AnyGroup => ApproverKind::AnyGroup,
        };
        let strict = [OnBehalfKind::TargetManager];
        match limit {
            Some(OnBehalfLimit { kinds, users, groups }) => Self::These(These {
                kinds: kinds.as_deref().unwrap_or(&strict).iter().map(kind).collect(),
                users,
                groups,
            }),
            None => Self::Anybody,
        }
    }

    /// Whether this one may. Whom nobody has looked up yet may be one who does: it is judged again once it is known who is
    /// meant, before anything is written.
    pub(super) fn lets(&self, who: &Who) -> bool {
        match self {
            Self::Anybody => true,
            Self::These(these) => these.has(who),
        }
    }
}

impl These<'_> {
    fn has(&self, who: &Who) -> bool {
        let has = |kind| self.kinds.contains(&kind);
        let same = |id: &Option<String>, asked: &str| id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(asked));
        match who {
            Who::User(_) if has(ApproverKind::AnyUser) => true,
            Who::Group(_) if has(ApproverKind::AnyGroup) => true,
            Who::User(Named::Id(asked)) => self.users.iter().any(|user| same(&user.id, asked)),
            Who::Group(Named::Id(asked)) => self.groups.iter().any(|group| same(&group.id, asked)),
            Who::User(Named::Unbound(_)) => !self.users.is_empty(),
            Who::Group(Named::Unbound(_)) => !self.groups.is_empty(),
            Who::Kind(kind) => has(*kind),
            Who::Other(_) => false,
        }
    }
}

impl fmt::Display for Allowed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anybody => formatter.write_str("whomever the policy names"),
            Self::These(these) => these.fmt(formatter),
        }
    }
}

impl fmt::Display for These<'_> {
    /// As the grant writes them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.kinds.iter().map(|kind| format!("{kind:?}"));
        let users = self.users.iter().map(|user| {
            let UserRef {
                id,
                user_principal_name,
                mail,
            } = user;
            let name = user_principal_name.as_ref().or(mail.as_ref()).or(id.as_ref());
            format!("user {}", name.map_or("without a name", String::as_str))
        });
        let groups = self.groups.iter().map(|group| {
            let GroupRef {
                id,
                display_name,
                mail_nickname,
                unique_name,
            } = group;
            let names = [display_name, mail_nickname, unique_name, id];
            let name = names.into_iter().flatten().next();
            format!("group {}", name.map_or("without a name", String::as_str))
        });
        let all: Vec<String> = kinds.chain(users).chain(groups).collect();
        match all.as_slice() {
            [] => formatter.write_str("nobody"),
            all if all.len() > SHOWN => write!(
                formatter,
                "{}, …",
                all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ")
            ),
            all => formatter.write_str(&all.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests;
