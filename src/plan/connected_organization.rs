//! What to do about a connected organization and those who vouch for its people.
//!
//! What an organization stands for is given once and cannot be changed, and Entra does not answer it as it was asked: a domain
//! comes back as the tenant behind it, or for a while as nothing. So it is compared by what can be proven:
//!
//! | the spec says | Entra shows | it is |
//! |---|---|---|
//! | a tenant | that tenant, in this cloud or another | the same |
//! | a tenant | tenants, and only others | another |
//! | a domain | that domain | the same |
//! | a domain | domains, and only others | another |
//! | a domain | a tenant | perhaps the one behind it |
//! | a tenant | a domain | perhaps one of it |
//! | a social network | that one | the same |
//! | anything | nothing, or what this version does not know | perhaps |
//! | a social network, or anything else | the other of the two | another |
//!
//! Of several that Entra shows, one that is the same is enough, and one that may be is no proof against it.

use std::{collections::BTreeSet, fmt};

use super::{
    Act, Canonical, Door, Found, Hold, IdentityAct, Judge, Member, Memory, Order, Plan, Problem, Rules, Set, Stake,
    Step,
    bindings::{DirectoryKey, group_key, user_key},
    gone,
};
use crate::{
    api::{self, Reason},
    graph::{
        ConnectedOrganization, ConnectedOrganizationFields, ConnectedOrganizationPatch, ConnectedOrganizationState,
        IdentitySource, ObjectId, Read, Sponsor, SponsorList,
    },
};

/// A connected organization as the spec wants it, its sponsors resolved. `None`: left as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredOrganization {
    /// Its name.
    pub display_name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Whether it is configured.
    pub state: Option<ConnectedOrganizationState>,
    /// What it stands for.
    pub identity_source: Option<IdentitySource>,
    /// Those of this directory who vouch for it.
    pub internal_sponsors: Option<Vec<DesiredSponsor>>,
    /// Those of its own who do.
    pub external_sponsors: Option<Vec<DesiredSponsor>>,
}

/// One who should vouch for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredSponsor {
    /// How the spec names them, for example `user userPrincipalName=ann@contoso.com`.
    pub name: String,
    /// Who they are.
    pub sponsor: Sponsor,
}

/// A sponsor as the spec names them.
#[derive(Clone, Debug)]
pub struct NamedSponsor {
    /// The field.
    pub field: String,
    /// What it names.
    pub key: DirectoryKey,
    of: fn(ObjectId) -> Sponsor,
}

impl NamedSponsor {
    /// The one who is meant, once the directory has told who that is.
    #[must_use]
    pub fn bound(&self, id: &str) -> DesiredSponsor {
        DesiredSponsor {
            name: self.key.to_string(),
            sponsor: (self.of)(id.into()),
        }
    }
}

/// The sponsors that the spec names, each with its field.
///
/// # Errors
/// [`Reason::InvalidSpec`] where a choice is empty or has more than one answer, which the schema refuses.
pub fn named(list: SponsorList, sponsors: &[api::Sponsor]) -> Result<Vec<NamedSponsor>, Problem> {
    let numbered = sponsors.iter().enumerate();
    let named = numbered.map(|(index, api::Sponsor { user, group })| {
        let field = format!("spec.{}[{index}]", list.name());
        let found = match (user, group) {
            (Some(user), None) => user_key(user).map(|key| (format!("{field}.user"), key, Sponsor::User as fn(_) -> _)),
            (None, Some(group)) => {
                group_key(group).map(|key| (format!("{field}.group"), key, Sponsor::Group as fn(_) -> _))
            }
            (None, None) | (Some(_), Some(_)) => None,
        };
        let (field, key, of) = found
            .ok_or_else(|| Problem::new(Reason::InvalidSpec, "a sponsor is exactly one of user, group").at(field))?;
        Ok(NamedSponsor { field, key, of })
    });
    named.collect()
}

/// What can be done with a connected organization.
#[derive(Clone, Debug, PartialEq)]
pub enum OrganizationAct {
    /// Which one it is.
    Identity(IdentityAct),
    /// Make it.
    Create(ConnectedOrganizationFields),
    /// Change fields of it.
    Update(ConnectedOrganizationPatch),
    /// Have somebody vouch for its people.
    AddSponsor {
        /// In which list.
        list: SponsorList,
        /// Who.
        sponsor: Sponsor,
        /// As the spec names them.
        name: String,
    },
    /// Have somebody vouch no longer.
    RemoveSponsor {
        /// In which list.
        list: SponsorList,
        /// Who.
        id: ObjectId,
    },
    /// Delete it.
    Delete,
}

impl Act for OrganizationAct {
    fn identity(&self) -> Option<&IdentityAct> {
        match self {
            Self::Identity(act) => Some(act),
            Self::Create(_) | Self::Update(_) | Self::AddSponsor { .. } | Self::RemoveSponsor { .. } | Self::Delete => {
                None
            }
        }
    }

    fn creates(&self) -> bool {
        matches!(self, Self::Create(_))
    }

    fn changes_fields(&self) -> bool {
        matches!(self, Self::Update(_))
    }

    fn done(&self) -> Reason {
        match self {
            Self::Identity(IdentityAct::TakeOver { .. }) => Reason::Adopted,
            Self::Identity(_) | Self::Create(_) => Reason::Created,
            Self::Update(_) | Self::AddSponsor { .. } | Self::RemoveSponsor { .. } => Reason::Updated,
            Self::Delete => Reason::Deleted,
        }
    }
}

impl From<IdentityAct> for OrganizationAct {
    fn from(act: IdentityAct) -> Self {
        Self::Identity(act)
    }
}

impl fmt::Display for OrganizationAct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(act) => act.fmt(formatter),
            Self::Create(fields) => write!(formatter, "create connected organization {:?}", fields.display_name),
            Self::Update(_) => formatter.write_str("change"),
            Self::AddSponsor { list, sponsor, name } => {
                write!(formatter, "add {name} ({}) to {}", sponsor.id(), list.name())
            }
            Self::RemoveSponsor { list, id } => write!(formatter, "remove {id} from {}", list.name()),
            Self::Delete => formatter.write_str("delete the connected organization"),
        }
    }
}

impl Canonical for ConnectedOrganizationState {
    fn canonical(&self) -> String {
        self.to_string()
    }
}

/// The steps that bring the organization to what is desired. `others` are the tenant's organizations but for this one.
#[must_use]
pub fn plan(
    desired: &DesiredOrganization,
    observed: &Found<ConnectedOrganization>,
    others: &[ConnectedOrganization],
    rules: &Rules<'_>,
) -> Plan<OrganizationAct> {
    match observed {
        Found::Unborn => made(desired, others),
        // One that was taken over by id may have no name of ours to be made anew with.
        Found::Gone { .. } if rules.drift.recreates() && desired.display_name.is_some() => made(desired, others),
        Found::Gone { id } => {
            let name = desired.display_name.as_deref().map_or("", |name| name); // taken over by id, it may have none of ours
            gone(create(desired), format!("connected organization {name:?} ({id})"))
        }
        // It has no other place to be.
        Found::Elsewhere { .. } => Plan::default(),
        Found::Present(seen) => match stranger(desired, seen) {
            Some(problem) => {
                let act = OrganizationAct::Update(ConnectedOrganizationPatch::default());
                Plan::holding(Step::new(act, Stake::NEUTRAL), Hold::Limit(problem))
            }
            None => {
                let mut plan = update(desired, seen, rules);
                for list in [SponsorList::Internal, SponsorList::External] {
                    plan.extend(sponsors(desired, seen, list, rules));
                }
                plan
            }
        },
    }
}

/// What two identity sources are to each other, as far as that can be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    Same,
    Perhaps,
    Another,
}

/// What the sources that Entra shows are to the one of the spec.
fn likeness(asked: &IdentitySource, shown: &[IdentitySource]) -> Likeness {
    // The likest counts; nothing shown proves nothing.
    let all = shown.iter().map(|one| between(asked, one));
    all.min().map_or(Likeness::Perhaps, |likest| likest)
}

fn between(asked: &IdentitySource, shown: &IdentitySource) -> Likeness {
    use IdentitySource::{CrossCloudTenant, Domain, FederatedDomain, Social, Tenant, Unknown};
    let same = |is: bool| if is { Likeness::Same } else { Likeness::Another };
    match (asked, shown) {
        // A tenant's id is one in all clouds.
        (
            Tenant { tenant_id: one } | CrossCloudTenant { tenant_id: one, .. },
            Tenant { tenant_id: other } | CrossCloudTenant { tenant_id: other, .. },
        ) => same(one.eq_ignore_ascii_case(other)),
        (Domain { domain: one }, Domain { domain: other } | FederatedDomain { domain: other, .. }) => {
            same(one.eq_ignore_ascii_case(other))
        }
        (FederatedDomain { domain: one, .. }, Domain { domain: other }) if one.eq_ignore_ascii_case(other) => {
            Likeness::Perhaps
        }
        (
            FederatedDomain {
                domain: one,
                issuer_uri: issuer,
            },
            FederatedDomain {
                domain: other,
                issuer_uri: shown,
            },
        ) => same(one.eq_ignore_ascii_case(other) && issuer.trim_end_matches('/') == shown.trim_end_matches('/')),
        (FederatedDomain { .. }, Domain { .. }) => Likeness::Another,
        (Social { provider: one }, Social { provider: other }) => same(one.eq_ignore_ascii_case(other)),
        (Social { .. }, Tenant { .. } | CrossCloudTenant { .. } | Domain { .. } | FederatedDomain { .. })
        | (Tenant { .. } | CrossCloudTenant { .. } | Domain { .. } | FederatedDomain { .. }, Social { .. }) => {
            Likeness::Another
        }
        (Tenant { .. } | CrossCloudTenant { .. }, Domain { .. } | FederatedDomain { .. })
        | (Domain { .. } | FederatedDomain { .. }, Tenant { .. } | CrossCloudTenant { .. })
        | (Unknown { .. }, _)
        | (_, Unknown { .. }) => Likeness::Perhaps,
    }
}

fn words(source: &IdentitySource) -> String {
    match source {
        IdentitySource::Tenant { tenant_id } => format!("tenant {tenant_id}"),
        IdentitySource::CrossCloudTenant {
            cloud_instance,
            tenant_id,
        } => format!("tenant {tenant_id} of {cloud_instance}"),
        IdentitySource::Domain { domain } => format!("domain {domain}"),
        IdentitySource::FederatedDomain { domain, issuer_uri } => format!("domain {domain} (issuer {issuer_uri})"),
        IdentitySource::Social { provider } => format!("people of {provider}"),
        IdentitySource::Unknown { odata_type, raw: _ } => format!("a source of the unknown kind {odata_type:?}"),
    }
}

/// Why the organization of Entra is not the one that the spec speaks of, where that is proven: what the spec says of one
/// partner is never written to another.
#[must_use]
pub fn stranger(desired: &DesiredOrganization, seen: &ConnectedOrganization) -> Option<Problem> {
    let asked = desired.identity_source.as_ref()?;
    if likeness(asked, &seen.identity_sources) != Likeness::Another {
        return None;
    }
    let mut shown: Vec<String> = seen.identity_sources.iter().map(words).collect();
    shown.sort();
    Some(
        Problem::new(
            Reason::IdentitySourceDiffers,
            format!(
                "connected organization {:?} ({}) of Entra stands for {}, and the spec for {}; nothing is written to it",
                seen.display_name,
                seen.id,
                shown.join(" and "),
                words(asked)
            ),
        )
        .at("spec.identitySource")
        .remedy("create another ConnectedOrganization for the one that is meant"),
    )
}

/// Why no organization is made: the tenant has one for the same people already, Entra itself may have made it.
fn twin(desired: &DesiredOrganization, others: &[ConnectedOrganization]) -> Option<Problem> {
    let asked = desired.identity_source.as_ref()?;
    let is_same = |other: &&ConnectedOrganization| likeness(asked, &other.identity_sources) == Likeness::Same;
    let twin = others.iter().filter(is_same).min_by_key(|other| other.id.clone())?;
    Some(
        Problem::new(
            Reason::NameTaken,
            format!(
                "connected organization {:?} ({}) stands for {} in Entra already, and is not ours",
                twin.display_name,
                twin.id,
                words(asked)
            ),
        )
        .at("spec.identitySource")
        .remedy("to take it over, create another ConnectedOrganization with spec.id; else have it deleted in Entra"),
    )
}

/// The organization that is made; none where the spec says of none what it stands for, which the schema refuses.
fn fields(desired: &DesiredOrganization) -> Option<ConnectedOrganizationFields> {
    let DesiredOrganization {
        display_name,
        description,
        state,
        identity_source,
        internal_sponsors: _,
        external_sponsors: _,
    } = desired.clone();
    Some(ConnectedOrganizationFields {
        display_name: display_name?,
        description: description.unwrap_or_default(), // what is not described is described by nothing
        // The narrower of the two.
        state: state.unwrap_or(ConnectedOrganizationState::Proposed),
        identity_source: identity_source?,
    })
}

/// Makes it, unless the tenant has one for the same people.
fn made(desired: &DesiredOrganization, others: &[ConnectedOrganization]) -> Plan<OrganizationAct> {
    match twin(desired, others) {
        Some(problem) => create(desired).hold(|_| Some(Hold::Limit(problem.clone()))),
        None => create(desired),
    }
}

fn create(desired: &DesiredOrganization) -> Plan<OrganizationAct> {
    let Some(fields) = fields(desired) else {
        let act = OrganizationAct::Update(ConnectedOrganizationPatch::default());
        let problem = Problem::new(
            Reason::InvalidSpec,
            "displayName and identitySource are needed to make one",
        )
        .at("spec");
        return Plan::holding(Step::new(act, Stake::NEUTRAL), Hold::Limit(problem));
    };
    let ConnectedOrganizationFields {
        display_name,
        description,
        state,
        identity_source: _, // it is never changed, so that nobody has to remember it
    } = &fields;
    let step = Step {
        memories: vec![
            Memory::keep("displayName", display_name.canonical()),
            Memory::keep("description", description.canonical()),
            Memory::keep("state", state.canonical()),
        ],
        ..Step::new(OrganizationAct::Create(fields.clone()), Stake::door(Door::Widens))
    };
    let mut plan = Plan::of(vec![step]);
    for list in [SponsorList::Internal, SponsorList::External] {
        let set = sponsor_set(list);
        for member in members(wanted(desired, list).into_iter().flatten()) {
            let memory = Memory::keep(set.memory(&member.key), "");
            plan.steps
                .push(Step::new(add(list, member), set.adding).remembering(memory));
        }
    }
    plan
}

fn update(desired: &DesiredOrganization, seen: &ConnectedOrganization, rules: &Rules<'_>) -> Plan<OrganizationAct> {
    let mut judge = Judge::new(*rules);
    let patch = merge(desired, seen, &mut judge);
    let hold = || OrganizationAct::Update(ConnectedOrganizationPatch::default());
    judge.judgement().plan(OrganizationAct::Update(patch), hold)
}

/// The fields of a connected organization, each declared once: what is sent of them. One that the spec leaves unset stays as
/// it is.
pub fn merge(
    desired: &DesiredOrganization,
    before: &ConnectedOrganization,
    judge: &mut Judge<'_>,
) -> ConnectedOrganizationPatch {
    let DesiredOrganization {
        display_name,
        description,
        state,
        identity_source: _,   // never written to one that exists
        internal_sponsors: _, // sets of their own
        external_sponsors: _,
    } = desired.clone();
    let description_before = before.description.clone().unwrap_or_default(); // a description that is null is empty
    // Unknown is not open.
    let state_before = before.state.clone().unwrap_or(ConnectedOrganizationState::Proposed);
    ConnectedOrganizationPatch {
        display_name: judge.patch_set("displayName", |_, _| Stake::NEUTRAL, display_name, &before.display_name),
        description: judge.patch_set("description", |_, _| Stake::NEUTRAL, description, &description_before),
        state: judge.patch_set(
            "state",
            |_, after| Stake::widening(*after == ConnectedOrganizationState::Configured),
            state,
            &state_before,
        ),
    }
}

/// A list of sponsors: whoever is added may approve, and whoever is removed may not.
#[must_use]
pub fn sponsor_set(list: SponsorList) -> Set {
    Set {
        path: list.name(),
        adding: Stake::door(Door::Widens),
        removing: Stake::door(Door::Narrows),
        order: Order::AddFirst,
        blocked: false,
    }
}

fn wanted(desired: &DesiredOrganization, list: SponsorList) -> Option<&[DesiredSponsor]> {
    match list {
        SponsorList::Internal => desired.internal_sponsors.as_deref(),
        SponsorList::External => desired.external_sponsors.as_deref(),
    }
}

fn key(id: &ObjectId) -> String {
    id.as_str().to_lowercase()
}

/// Each once, by the id.
fn members<'a>(sponsors: impl Iterator<Item = &'a DesiredSponsor>) -> Vec<Member<Sponsor>> {
    let mut known = BTreeSet::new();
    sponsors
        .filter(|sponsor| known.insert(key(sponsor.sponsor.id())))
        .map(|DesiredSponsor { name, sponsor }| Member {
            key: key(sponsor.id()),
            name: name.clone(),
            item: sponsor.clone(),
        })
        .collect()
}

fn add(list: SponsorList, member: Member<Sponsor>) -> OrganizationAct {
    let Member { key: _, name, item } = member;
    OrganizationAct::AddSponsor {
        list,
        sponsor: item,
        name,
    }
}

/// One list of sponsors, exact where the spec has it.
fn sponsors(
    desired: &DesiredOrganization,
    seen: &ConnectedOrganization,
    list: SponsorList,
    rules: &Rules<'_>,
) -> Plan<OrganizationAct> {
    let set = sponsor_set(list);
    let Some(wanted) = wanted(desired, list) else {
        // The spec says nothing of them any more: whoever is there is nobody's concern.
        let forgotten = rules.base.fields_of(set.path).map(Memory::forget).collect();
        return Plan {
            found: forgotten,
            ..Plan::default()
        };
    };
    let there = match list {
        SponsorList::Internal => &seen.internal_sponsors,
        SponsorList::External => &seen.external_sponsors,
    };
    let there = match there {
        Read::Read(there) => there,
        Read::Unread if !rules.confirmed => {
            return Plan {
                is_open: true,
                ..Plan::default()
            };
        }
        Read::Unread => {
            let problem = Problem::new(
                Reason::GraphRefused,
                "who they are in Entra could not be read, so nobody is added or removed",
            )
            .at(format!("spec.{}", set.path));
            let act = OrganizationAct::Update(ConnectedOrganizationPatch::default());
            return Plan::holding(Step::new(act, Stake::NEUTRAL), Hold::Waits(problem));
        }
    };
    let observed = there
        .iter()
        .map(|id| Member {
            key: key(id),
            name: id.to_string(),
            item: id.clone(),
        })
        .collect();
    set.reconcile(
        rules,
        members(wanted.iter()),
        observed,
        |_, _| None,
        |member| add(list, member),
        |member| OrganizationAct::RemoveSponsor { list, id: member.item },
    )
}

/// How a connected organization goes: its sponsors go with it.
#[must_use]
pub fn leave() -> Plan<OrganizationAct> {
    Plan::of(vec![Step::new(OrganizationAct::Delete, Stake::door(Door::Narrows))])
}

#[cfg(test)]
mod tests;
