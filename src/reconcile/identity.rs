//! The questions that `plan::identity` asks, put to Entra.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, core::object::HasStatus};

use super::{
    Managed,
    context::{Context, holder},
    execute::{LATEST, ServiceTime as _},
    halt::{Halt, Retry, Stage, Step},
    names::Reserved,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{EntraObject, EntraStatus, Reason},
    layer::{Layer, is_out},
    plan::{
        Found, Problem,
        identity::{Candidate, Facts, Question, Search, Stand, attempt, claimed, goes_first},
    },
};

/// Where an object of Entra stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Catalog id; empty for a catalog itself and for what is in none.
    pub(crate) catalog_id: String,
    /// Id of the parent: the tenant, the catalog or the package.
    pub(crate) parent_id: String,
    /// The parent in words, for example `catalog "Marketing"`.
    pub(crate) parent: String,
}

/// A place in a tenant that we speak to.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) place: Place,
}

impl Site {
    /// The identity of the object of this id here, for the object of this uid.
    pub(crate) fn identity(&self, id: &str, uid: &str) -> EntraObject {
        EntraObject {
            cloud: self.tenant.cloud_name(),
            tenant_id: self.tenant.id.clone(),
            catalog_id: if self.place.catalog_id.is_empty() {
                id.to_owned()
            } else {
                self.place.catalog_id.clone()
            },
            id: id.to_owned(),
            owner_uid: uid.to_owned(),
        }
    }
}

/// The identity that an object's status holds for this very object; a copied status holds none.
pub(crate) fn own<K>(object: &K) -> Option<&EntraObject>
where
    K: Resource<DynamicType = ()> + HasStatus<Status: EntraStatus>,
{
    let entra = object.status().and_then(EntraStatus::entra)?;
    let is_own = object.meta().uid.as_ref() == Some(&entra.owner_uid) || is_out(Layer::Ownership);
    is_own.then_some(entra)
}

/// The identity that status proves: written for this very object, in this cloud and tenant.
pub(crate) fn proven<K: Managed>(subject: &Subject<K>, tenant: &Tenant) -> Option<EntraObject> {
    let uid = subject.uid();
    subject.status.entra().cloned().filter(|entra| {
        (entra.owner_uid == uid || is_out(Layer::Ownership))
            && entra.cloud == tenant.cloud_name()
            && entra.tenant_id.eq_ignore_ascii_case(&tenant.id)
    })
}

/// Where the object stands. Known already: no call. An open intent is searched by its name and time, whatever else status
/// says; then come the id of the spec, the id that a lost status has left in an annotation, and adoption by name.
pub(super) async fn stand<K: Managed>(context: &Context, subject: &mut Subject<K>, site: &Site) -> Step<Stand> {
    let tenant = &site.tenant;
    let known = proven(subject, tenant);
    let intent = subject.status.intent().cloned();
    let (display_name, description) = (subject.object.display_name(), subject.object.description());
    let takeover = subject.object.takeover();
    let (id, adoption) = (takeover.id.map(str::to_owned), takeover.adoption);
    let external_id = subject.external_id().map(str::to_owned);
    let facts = Facts {
        known: known.as_ref(),
        intent: intent.as_ref(),
        id: id.as_deref(),
        external_id: external_id.as_deref(),
        adoption,
        names_are_unique: K::NAMES_ARE_UNIQUE
            && intent
                .as_ref()
                .is_some_and(|intent| intent.parent_id == site.place.parent_id),
        ..facts::<K>(site, &display_name, &description)
    };
    let now = tenant.graph.service_time(context.now());
    let found = ask(context, subject, site, &facts, now).await?;
    // It can only show once it was carried out.
    let under_way = intent.as_ref().map_or(Duration::ZERO, |intent| {
        let ended = context.attempt_ended(&subject.uid(), &intent.nonce);
        attempt(intent, ended.map(|time| tenant.graph.service_time(time)), LATEST)
    });
    let mut stand = facts.stands(&found, context.settings.visibility + under_way, now);
    // Nothing came of the intent: what the spec asks to take over is looked for again.
    if let Some(facts) = facts.after(&stand) {
        let found = ask(context, subject, site, &facts, now).await?;
        stand = match facts.stands(&found, context.settings.visibility, now) {
            Stand::New { act: _ } => stand,
            other => other,
        };
    }
    if let (Stand::Known { id }, Some(entra)) = (&stand, &known) {
        if let Err(other) = context.claims.claim(entra, &holder(&subject.object)) {
            return Ok(Stand::Refused(claimed(id, &other.name)));
        }
        subject.mark().await?;
    }
    Ok(stand)
}

/// Puts the question to Entra; answers what was found, and who else holds it.
async fn ask<K: Managed>(
    context: &Context,
    subject: &Subject<K>,
    site: &Site,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Step<Vec<Candidate>> {
    let found = match facts.asks() {
        Question::Nothing => Vec::new(),
        Question::Outcome { name } => {
            let began = facts
                .intent
                .and_then(|intent| intent.started_at.parse::<Timestamp>().ok());
            let ago = began.and_then(|began| Duration::try_from(now.duration_since(began)).ok());
            // A time that cannot be read, or has not come, is now: the search goes on for as long as it may take.
            K::search(site, &name, ago.unwrap_or(Duration::ZERO)).await?
        }
        Question::ById(id) => match K::look_by_id(site, &id).await {
            Ok(Found::Present(candidate)) => vec![candidate],
            Ok(Found::Unborn | Found::Gone { .. } | Found::Elsewhere { .. }) => Vec::new(),
            // Nothing is made in its place, so nothing need be certain; and whoever guesses ids is not told by a doubt that
            // there is nothing, where they are told at once of what others have.
            Err(halt)
                if subject.object.takeover().id == Some(&*id) && halt.problem.reason == Reason::OutcomeUnknown =>
            {
                Vec::new()
            }
            Err(halt) => return Err(halt),
        },
        Question::ByName(name) => K::look_by_name(site, &name).await?,
    };
    Ok(with_holders(context, subject, site, found))
}

fn facts<'a, K: Managed>(site: &'a Site, display_name: &'a str, description: &'a str) -> Facts<'a> {
    Facts {
        noun: K::NOUN,
        how_to_take_over: K::TAKEOVER,
        place: &site.place.parent,
        display_name,
        description,
        known: None,
        intent: None,
        id: None,
        external_id: None,
        adoption: crate::api::Adoption::Never,
        names_are_unique: false,
    }
}

/// Who else holds each. Our own claim hides nothing from us.
fn with_holders<K: Managed>(
    context: &Context,
    subject: &Subject<K>,
    site: &Site,
    found: Vec<Candidate>,
) -> Vec<Candidate> {
    let (tenant, uid) = (&site.tenant, subject.uid());
    found
        .into_iter()
        .map(|candidate| {
            let holder = context.claims.holder(&tenant.cloud_name(), &tenant.id, &candidate.id);
            Candidate {
                holder: holder.filter(|holder| holder.uid != uid).map(|holder| holder.name),
                ..candidate
            }
        })
        .collect()
}

/// Takes the name of what is about to be made for this object alone. Ends the visit where another object of ours is being made
/// under it and what came of that is not known: of two of one name, nobody could tell which is whose.
pub(super) fn reserve_name<K: Managed>(context: &Context, subject: &Subject<K>, site: &Site) -> Step<Reserved> {
    let name = subject.object.display_name();
    let (tenant, place, uid) = (&site.tenant.id, &site.place.parent_id, subject.uid());
    let waits = |other: &str| {
        Halt::sync(
            Reason::Progressing,
            format!(
                "spec.displayName: {other} is being made under the name {name:?} in {}, and what came of it is not known yet; waiting for that",
                site.place.parent
            ),
            Retry::Backoff,
        )
    };
    let own = subject.status.intent();
    let others = context.cluster.all::<K>();
    let mut others = others.iter().filter(|other| other.uid() != uid);
    let begun = others.find(|other| {
        let intent = other.readable().and_then(|object| object.status()?.intent());
        intent.is_some_and(|intent| goes_first(intent, own, &name, tenant, place))
    });
    if let Some(begun) = begun {
        return Err(waits(&begun.title()));
    }
    let kind = K::kind(&());
    context
        .names
        .reserve((&kind, tenant, place, &name), holder(&subject.object), &context.clock)
        .map_err(|other| waits(&other.name))
}

/// Ends the visit where the name of what is about to be made is taken.
pub(super) async fn require_free_name<K: Managed>(context: &Context, subject: &Subject<K>, site: &Site) -> Step<()> {
    let (name, description) = (subject.object.display_name(), subject.object.description());
    let mut found = K::look_by_name(site, &name).await?;
    // What was refused once may be one name to the service and two to its filter.
    if found.is_empty() && context.was_refused(&subject.uid(), subject.generation()) {
        found = K::look_alike(site, &name).await?;
    }
    let found = with_holders(context, subject, site, found);
    let known = proven(subject, &site.tenant);
    let external_id = subject.external_id();
    let facts = Facts {
        known: known.as_ref(),
        external_id,
        ..facts::<K>(site, &name, &description)
    };
    match facts.obstacle(&found) {
        Some(problem) => Err(refused(problem)),
        None => Ok(()),
    }
}

/// Ends the visit where the name that ours is about to be given is another's: the service would refuse it, and what is
/// sent again and again is a write.
pub(super) async fn require_free_new_name<K: Managed>(
    context: &Context,
    subject: &Subject<K>,
    site: &Site,
) -> Step<()> {
    let found = K::look_by_name(site, &subject.object.display_name()).await?;
    match others(context, subject, site, found).as_slice() {
        [] => Ok(()),
        others => Err(taken_by(subject, site, others)),
    }
}

/// The service has refused the name: who has it, as far as that can be found.
pub(super) async fn name_taken<K: Managed>(context: &Context, subject: &Subject<K>, site: &Site) -> Halt {
    let name = subject.object.display_name();
    // Asked of Graph, which just told news. Where that cannot be read, the refusal stands all the same: who has the name
    // would only have been told.
    let found = K::search(site, &name, Duration::ZERO).await.unwrap_or_default();
    let mut others_of_it = others(context, subject, site, found);
    if others_of_it.is_empty() {
        // As above.
        let alike = K::look_alike(site, &name).await.unwrap_or_default();
        others_of_it = others(context, subject, site, alike);
    }
    taken_by(subject, site, &others_of_it)
}

/// Those that are not the object's own, each with its holder.
fn others<K: Managed>(context: &Context, subject: &Subject<K>, site: &Site, found: Vec<Candidate>) -> Vec<Candidate> {
    let own = subject.status.entra().map(|entra| entra.id.clone());
    with_holders(context, subject, site, found)
        .into_iter()
        .filter(|candidate| own.as_ref() != Some(&candidate.id))
        .collect()
}

fn taken_by<K: Managed>(subject: &Subject<K>, site: &Site, others: &[Candidate]) -> Halt {
    let (name, description) = (subject.object.display_name(), subject.object.description());
    let is_made = subject.status.entra().is_some();
    let problem = facts::<K>(site, &name, &description).taken(&name, others);
    // Two objects that want each other's names wait for each other.
    let problem = match others.iter().find_map(|other| other.holder.clone()) {
        Some(holder) if is_made => problem.remedy(format!(
            "if {holder} is to be renamed too, give one of the two a third name first"
        )),
        Some(_) | None => problem,
    };
    refused(problem)
}

/// What cannot be read may have the name that is asked for: until it can, nobody knows whether the name is free.
pub(super) fn refuse_unreadable(unreadable: &[crate::graph::Unreadable], place: &str) -> Step<()> {
    match unreadable.first() {
        None => Ok(()),
        Some(first) => {
            let id = first.id.as_deref().map_or("one without an id", |id| id);
            Err(Halt::sync(
                Reason::GraphRefused,
                format!(
                    "{place} holds an object that cannot be read ({id}: {}), so nobody can tell whether it has this name",
                    first.why
                ),
                Retry::Backoff,
            ))
        }
    }
}

/// The end of a visit that searches for what a create has made: looked for less and less, and once more when it is over.
pub(super) fn searching(search: Search) -> Halt {
    let Search { problem, left } = search;
    Halt {
        problem,
        stage: Stage::Sync,
        retry: left.map_or(Retry::Backoff, |left| Retry::Within(left + Duration::from_secs(1))),
    }
}

/// The end of a visit whose object cannot be the one that it wants to be.
pub(super) fn refused(problem: Problem) -> Halt {
    let retry = match problem.reason {
        Reason::OutcomeUnknown | Reason::AlreadyClaimed | Reason::NameTaken => Retry::Backoff,
        _ => Retry::OnChange, // an edit of this object is what helps, and wakes us
    };
    Halt {
        problem,
        stage: Stage::Sync,
        retry,
    }
}
