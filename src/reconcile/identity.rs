//! Which object of Entra this is: status id, open intent, adoption, or none. Names never prove anything by themselves.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, core::object::HasStatus};

use super::{
    Managed,
    context::{Context, holder},
    halt::{Halt, Retry, Step},
    subject::{Subject, claimed},
    tenant::Tenant,
};
use crate::{
    api::{Adoption, EXTERNAL_ID, EntraObject, EntraStatus, Intent, Reason},
    graph::{GraphError, GraphErrorKind},
    plan::drift,
    report::Note,
};

/// Clocks of Graph and of this machine may differ by this much. Short, since what somebody else made within it and under
/// the same name would pass for ours.
const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// Where an object of Entra stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Catalog id; empty for a catalog itself.
    pub(crate) catalog_id: String,
    /// Id of the parent: the tenant, the catalog or the package.
    pub(crate) parent_id: String,
    /// The parent in words, for example `catalog "Marketing"`.
    pub(crate) parent: String,
}

/// An object of Entra that may be the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) description: Option<String>,
    /// When it was made (RFC 3339).
    pub(crate) created: Option<String>,
}

/// What an intent remembers of a description. Graph may trim one.
pub(crate) fn fingerprint(description: &str) -> String {
    drift::digest(description.trim())
}

/// What the spec says of taking over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Takeover<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) adoption: Adoption,
}

/// The identity that an object's status holds for this very object; a copied status holds none.
pub(crate) fn own<K>(object: &K) -> Option<&EntraObject>
where
    K: Resource<DynamicType = ()> + HasStatus<Status: EntraStatus>,
{
    let entra = object.status().and_then(EntraStatus::entra)?;
    (object.meta().uid.as_ref() == Some(&entra.owner_uid)).then_some(entra)
}

/// The identity that status proves: written for this very object, in this cloud and tenant.
pub(crate) fn proven<K: Managed>(subject: &Subject<K>, tenant: &Tenant) -> Option<EntraObject> {
    let uid = subject.uid();
    subject.status.entra().cloned().filter(|entra| {
        entra.owner_uid == uid && entra.cloud == tenant.cloud_name() && entra.tenant_id.eq_ignore_ascii_case(&tenant.id)
    })
}

/// Settles who the object is in Entra, as far as that can be settled without creating it.
///
/// Known already: no call. An open intent is searched by its name and time. Then the id of the spec, the id that a lost
/// status has left in an annotation, and adoption by name; and a name that is taken is reported, never taken.
pub(crate) async fn settle<K: Managed>(
    context: &Context,
    tenant: &Tenant,
    subject: &mut Subject<K>,
    references: &K::References,
    place: &Place,
) -> Step<()> {
    if let Some(entra) = proven(subject, tenant) {
        context
            .claims
            .claim(&entra, &holder(&subject.object))
            .map_err(|other| claimed(&entra, &other.name))?;
        return subject.mark().await;
    }
    if let Some(intent) = subject.status.intent_mut().clone() {
        return search(context, tenant, subject, references, place, &intent).await;
    }
    let takeover = K::takeover(&subject.object);
    if let Some(id) = takeover.id.map(str::to_owned) {
        let found = K::look_by_id(tenant, references, &id).await?;
        let candidate = found.ok_or_else(|| {
            Halt::sync(
                Reason::AdoptionNotFound,
                format!(
                    "spec.id: there is no {} {id} in {}; create another object with the right id, or without one",
                    K::NOUN,
                    place.parent
                ),
                Retry::OnChange,
            )
        })?;
        return adopt(context, tenant, subject, place, &candidate).await;
    }
    if let Some(candidate) = stood_for(context, tenant, subject, references).await? {
        if takeover.adoption == Adoption::ByName {
            return adopt(context, tenant, subject, place, &candidate).await;
        }
        return Err(restored::<K>(place, &candidate));
    }
    if takeover.adoption == Adoption::ByName {
        let name = K::display_name(&subject.object);
        match K::look_by_name(tenant, references, &name).await?.as_slice() {
            [] => {}
            [one] => return adopt(context, tenant, subject, place, one).await,
            several => return Err(taken::<K>(context, tenant, place, &name, several)),
        }
    }
    Ok(())
}

/// What the object stood for before its status was lost. An object of Entra that somebody else holds, or that is gone,
/// makes no difference: then this one is a copy, or has to be made anew.
async fn stood_for<K: Managed>(
    context: &Context,
    tenant: &Tenant,
    subject: &Subject<K>,
    references: &K::References,
) -> Step<Option<Candidate>> {
    let Some(id) = subject.external_id() else {
        return Ok(None);
    };
    let found = K::look_by_id(tenant, references, id).await?;
    Ok(found.filter(|candidate| holder_of(context, tenant, candidate).is_none()))
}

/// Making it anew would make a second one.
fn restored<K: Managed>(place: &Place, candidate: &Candidate) -> Halt {
    Halt::sync(
        Reason::AdoptionRequired,
        format!(
            "metadata.annotations[{EXTERNAL_ID}]: this object stood for {} {:?} ({}) in {} before its status was lost; take it over again: {} (the grant must allow it, and deletionPolicy must be given), or remove the annotation to have another one made",
            K::NOUN,
            candidate.display_name,
            candidate.id,
            place.parent,
            K::TAKEOVER,
        ),
        Retry::OnChange,
    )
}

async fn adopt<K: Managed>(
    context: &Context,
    tenant: &Tenant,
    subject: &mut Subject<K>,
    place: &Place,
    candidate: &Candidate,
) -> Step<()> {
    subject.assert_current().await?;
    subject
        .identify(context, entra(tenant, subject, place, &candidate.id))
        .await?;
    subject.notes.push(Note::done(
        Reason::Adopted,
        format!(
            "took over {} {:?} ({}) in {}",
            K::NOUN,
            candidate.display_name,
            candidate.id,
            place.parent
        ),
    ));
    Ok(())
}

/// Looks for what an earlier create may have made.
async fn search<K: Managed>(
    context: &Context,
    tenant: &Tenant,
    subject: &mut Subject<K>,
    references: &K::References,
    place: &Place,
    intent: &Intent,
) -> Step<()> {
    let named = K::look_by_name(tenant, references, &intent.display_name).await?;
    let ours: Vec<&Candidate> = named
        .iter()
        .filter(|candidate| is_outcome_of(candidate, intent) && holder_of(context, tenant, candidate).is_none())
        .collect();
    match ours.as_slice() {
        [one] => {
            subject
                .identify(context, entra(tenant, subject, place, &one.id))
                .await?;
            subject.notes.push(Note::done(
                Reason::Created,
                format!(
                    "found {} {:?} ({}), whose creation had been begun",
                    K::NOUN,
                    one.display_name,
                    one.id
                ),
            ));
            Ok(())
        }
        // Where names are unique, ours cannot have been made beside this one.
        [] if K::NAMES_ARE_UNIQUE && !named.is_empty() => {
            subject.abandon().await?;
            Err(taken::<K>(context, tenant, place, &intent.display_name, &named))
        }
        [] if is_open(intent, context.settings.visibility, subject.now) => Err(Halt::sync(
            Reason::OutcomeUnknown,
            format!(
                "a create of {} {:?} was begun at {} and its outcome is not known; looking for it before trying again",
                K::NOUN,
                intent.display_name,
                intent.started_at
            ),
            Retry::After(Duration::from_secs(1)),
        )),
        [] => subject.abandon().await,
        _ => Err(taken::<K>(context, tenant, place, &intent.display_name, &named)),
    }
}

/// Whether the outcome of the intent may still be on its way into the lists.
pub(crate) fn is_open(intent: &Intent, visibility: Duration, now: Timestamp) -> bool {
    intent
        .started_at
        .parse::<Timestamp>()
        .is_ok_and(|started| now.as_second() - started.as_second() < seconds(visibility))
}

/// Whether the candidate can have come from this intent: made after it, and with what was sent.
pub(crate) fn is_outcome_of(candidate: &Candidate, intent: &Intent) -> bool {
    let created = candidate
        .created
        .as_deref()
        .and_then(|created| created.parse::<Timestamp>().ok());
    let started = intent.started_at.parse::<Timestamp>().ok();
    let is_recent = created
        .zip(started)
        .is_some_and(|(created, started)| created.as_second() >= started.as_second() - seconds(CLOCK_SKEW));
    is_recent && fingerprint(candidate.description.as_deref().unwrap_or_default()) == intent.fingerprint
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn holder_of(context: &Context, tenant: &Tenant, candidate: &Candidate) -> Option<String> {
    context
        .claims
        .holder(&tenant.cloud_name(), &tenant.id, &candidate.id)
        .map(|holder| holder.name)
}

/// The name is taken by something that is not ours.
fn taken<K: Managed>(context: &Context, tenant: &Tenant, place: &Place, name: &str, found: &[Candidate]) -> Halt {
    let who: Vec<String> = found
        .iter()
        .map(|candidate| match holder_of(context, tenant, candidate) {
            Some(holder) => format!("{} (managed by {holder})", candidate.id),
            None => candidate.id.clone(),
        })
        .collect();
    Halt::sync(
        Reason::NameTaken,
        format!(
            "spec.displayName: {} {name:?} exists in {} already and is not ours: {}; choose another name, or take it over: {} (the grant must allow it, and deletionPolicy must be given)",
            K::NOUN,
            place.parent,
            who.join(", "),
            K::TAKEOVER,
        ),
        Retry::After(Duration::from_secs(60)),
    )
}

fn entra<K: Managed>(tenant: &Tenant, subject: &Subject<K>, place: &Place, id: &str) -> EntraObject {
    EntraObject {
        cloud: tenant.cloud_name(),
        tenant_id: tenant.id.clone(),
        catalog_id: if place.catalog_id.is_empty() {
            id.to_owned()
        } else {
            place.catalog_id.clone()
        },
        id: id.to_owned(),
        owner_uid: subject.uid(),
    }
}

/// Creates the object: look, write the intent, send, store the id. A lost answer leaves the intent open.
pub(crate) async fn create<K: Managed, M: Send>(
    context: &Context,
    tenant: &Tenant,
    subject: &mut Subject<K>,
    references: &K::References,
    place: &Place,
    send: impl Future<Output = Result<(String, M), GraphError>> + Send,
) -> Step<M> {
    let name = K::display_name(&subject.object);
    let found = K::look_by_name(tenant, references, &name).await?;
    if !found.is_empty() {
        return Err(taken::<K>(context, tenant, place, &name, &found));
    }
    subject
        .begin(&name, &place.parent_id, fingerprint(&K::description(&subject.object)))
        .await?;
    match send.await {
        Ok((id, made)) => {
            subject.identify(context, entra(tenant, subject, place, &id)).await?;
            subject.notes.push(Note::done(
                Reason::Created,
                format!("created {} {name:?} ({id}) in {}", K::NOUN, place.parent),
            ));
            Ok(made)
        }
        // Somebody may have been faster, or an answer of ours was lost: the next visit looks.
        Err(error) if error.kind == GraphErrorKind::OutcomeUnknown || error.kind == GraphErrorKind::Conflict => {
            Err(Halt::sync(
                Reason::OutcomeUnknown,
                format!("{error}; looking for it before trying again"),
                Retry::After(Duration::from_millis(500)),
            )
            .traced(error.trace()))
        }
        Err(error) => {
            subject.abandon().await?;
            Err(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(started_at: &str) -> Intent {
        Intent {
            nonce: "n".into(),
            display_name: "Marketing".into(),
            parent_id: "catalog".into(),
            started_at: started_at.into(),
            fingerprint: fingerprint("words"),
            catalog_id: None,
            tenant: None,
        }
    }

    fn candidate(created: Option<&str>) -> Candidate {
        Candidate {
            id: "id".into(),
            display_name: "Marketing".into(),
            description: Some("words ".into()),
            created: created.map(Into::into),
        }
    }

    #[test]
    fn only_what_was_made_after_the_intent_can_be_its_outcome() {
        let intent = intent("2026-11-25T10:00:00Z");
        assert!(is_outcome_of(&candidate(Some("2026-11-25T10:00:01Z")), &intent));
        assert!(
            is_outcome_of(&candidate(Some("2026-11-25T09:59:55Z")), &intent),
            "clocks differ"
        );
        assert!(!is_outcome_of(&candidate(Some("2026-11-25T09:59:45Z")), &intent));
        assert!(!is_outcome_of(&candidate(None), &intent), "unknown is not proof");
    }

    #[test]
    fn what_somebody_else_made_at_the_same_moment_is_not_its_outcome() {
        let foreign = Candidate {
            description: Some("other words".into()),
            ..candidate(Some("2026-11-25T10:00:01Z"))
        };
        assert!(!is_outcome_of(&foreign, &intent("2026-11-25T10:00:00Z")));
    }

    #[test]
    fn an_intent_is_open_until_its_outcome_must_show() {
        let intent = intent("2026-11-25T10:00:00Z");
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(is_open(&intent, Duration::from_secs(120), at("2026-11-25T10:01:59Z")));
        assert!(!is_open(&intent, Duration::from_secs(120), at("2026-11-25T10:02:00Z")));
    }
}
