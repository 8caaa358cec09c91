//! How objects part with Entra: left behind, or deleted by a plan with nothing desired.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::{
    Managed, brake, consent,
    context::Context,
    execute,
    grants::limit,
    halt::{Halt, Retry, Stage, Step},
    identity::{self, Site},
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{Catalog, DeletionPolicy, EntraObject, EntraStatus as _, Intent, Management, ORPHAN, Reason},
    cluster::{Identity, Lookup},
    graph::{AccessPackageId, AssignmentPolicy, GraphError, GraphErrorKind, PolicyId},
    layer::{Layer, is_out},
    plan::{
        Act, Found, Plan, Problem, Waits,
        departure::Next,
        identity::Stand,
        limits::{self, Keeper, Namespace},
    },
    report::Note,
};

/// How soon a deletion goes on that has just asked for access to be taken away.
const AFTER_ASKING: Duration = Duration::from_secs(1);
/// How often one visit looks again.
const ROUNDS: usize = 4;

/// How an object goes, by its spec.
pub(crate) struct Departure<'a> {
    pub(crate) management: Management,
    pub(crate) method: DeletionPolicy,
    /// Name of the Catalog that the object names, itself or by its package.
    pub(crate) names: Option<&'a str>,
}

/// How the object parts with Entra: `None` leaves everything there as it is.
///
/// What the operator wrote may be left behind only where a grant gives leave; otherwise a namespace could shed the
/// operator's hold on live access. A plain deletion needs no leave: what is proven ours may always go. Taking people's
/// access away without leave waits for it to end, as a plain deletion does.
///
/// # Errors
/// As [`limits::leave`] where it may not be left behind, with the one command that ends the deletion.
pub(crate) fn parting<K: Managed>(
    context: &Context,
    subject: &Subject<K>,
    departure: &Departure<'_>,
) -> Step<Option<DeletionPolicy>> {
    let Departure {
        management,
        method,
        names,
    } = departure;
    let annotated = subject.is_to_be_orphaned();
    let leaves = annotated || *management == Management::Observe || *method == DeletionPolicy::Orphan;
    let is_written = subject.status.applied().is_some() || subject.status.intent().is_some();
    let leave = |method| {
        let namespace = subject.namespace();
        let labels = context.labels(&namespace);
        let catalogs = givers(context, subject, *names);
        let keepers: Vec<(String, &Lookup<Catalog>)> =
            catalogs.iter().map(|catalog| (catalog.place().name, catalog)).collect();
        let keepers: Vec<Keeper<'_>> = keepers
            .iter()
            .map(|(name, catalog)| match catalog {
                Lookup::Readable(catalog) => Keeper::Readable(&catalog.spec),
                Lookup::Unreadable(_) => Keeper::Unreadable(name),
            })
            .collect();
        let namespace = Namespace {
            name: &namespace,
            labels: labels.as_deref(),
        };
        if is_out(Layer::Leave) {
            return Ok(());
        }
        limits::leave(method, &keepers, namespace)
    };
    match (leaves, *method) {
        (true, _) if !is_written => Ok(None),
        (true, method) => match leave(DeletionPolicy::Orphan) {
            Ok(()) => Ok(None),
            Err(problem) => {
                let asks = [
                    annotated.then(|| format!("annotation {ORPHAN}")),
                    (*management == Management::Observe).then(|| "spec.management: Observe".to_owned()),
                    (method == DeletionPolicy::Orphan).then(|| "spec.deletionPolicy".to_owned()),
                ];
                let field: Vec<String> = asks.into_iter().flatten().collect();
                let command = deletes_instead(subject, annotated, departure);
                let problem = Problem {
                    field: Some(field.join(", ").into()),
                    ..problem
                };
                Err(limit(problem.remedy(format!(
                    "to end this by deleting it in Entra too: {command}; to leave Entra as it is, ask those who run the catalog for leave"
                ))))
            }
        },
        (false, DeletionPolicy::DeleteWithAssignments) if leave(*method).is_ok() => Ok(Some(*method)),
        (false, _) => Ok(Some(DeletionPolicy::Delete)),
    }
}

/// The Catalogs that may give leave: those of the catalog that identity proves, whatever the object names, and those of
/// which nobody can tell what they are. Where no Catalog is that one, the Catalog that is named has a say, if it is there.
fn givers<K: Managed>(context: &Context, subject: &Subject<K>, names: Option<&str>) -> Vec<Lookup<Catalog>> {
    let proven = match (identity::own(&subject.object), subject.status.intent()) {
        (Some(entra), _) => Some(entra.clone()),
        (None, Some(intent)) => of_intent(intent),
        (None, None) => None,
    };
    let mut catalogs = proven.map_or_else(Vec::new, |entra| context.cluster.catalogs_of_entra(&entra));
    if catalogs.is_empty() {
        catalogs.extend(names.and_then(|name| context.cluster.catalog(name)));
    }
    let unclear = context.cluster.all::<Catalog>().into_iter();
    catalogs.extend(unclear.filter(|catalog| catalog.own_identity() == Identity::Unclear));
    catalogs
}

/// Where an object would be that was begun.
fn of_intent(intent: &Intent) -> Option<EntraObject> {
    let tenant = intent.tenant.as_ref()?;
    Some(EntraObject {
        cloud: tenant.cloud.clone(),
        tenant_id: tenant.tenant_id.clone(),
        catalog_id: intent.catalog_id.clone()?,
        id: String::new(),
        owner_uid: String::new(),
    })
}

/// The command after which the deletion deletes in Entra what something asks to leave there.
fn deletes_instead<K: Managed>(subject: &Subject<K>, annotated: bool, departure: &Departure<'_>) -> String {
    let mut patch = serde_json::Map::new();
    let mut spec = serde_json::Map::new();
    if annotated {
        patch.insert("metadata".into(), json!({"annotations": {ORPHAN: null}}));
    }
    if departure.management == Management::Observe {
        spec.insert("management".into(), json!("Full"));
    }
    if departure.method == DeletionPolicy::Orphan {
        spec.insert("deletionPolicy".into(), json!("Delete"));
    }
    if !spec.is_empty() {
        patch.insert("spec".into(), spec.into());
    }
    format!(
        "kubectl patch {} {} -n {} --type merge -p '{}'",
        K::plural(&()),
        subject.object.name_any(),
        subject.namespace(),
        Value::Object(patch)
    )
}

/// Whether anything is ever written for the object.
pub(crate) fn may_write(tenant: &Tenant, management: Management) -> bool {
    tenant.management == Management::Full && management == Management::Full
}

/// The tenant is only observed.
pub(crate) fn observed(tenant: &str) -> Halt {
    Halt::sync(
        Reason::ObserveOnly,
        format!(
            "EntraTenant {tenant:?} has mode: Observe, so nothing is written or deleted in Entra; set mode: Enforce to go on"
        ),
        Retry::OnChange,
    )
}

/// Deletes what the object stands for, as its method says. After `Ok` nothing of it is left in Entra.
pub(super) async fn depart<K: Managed>(context: &Context, subject: &mut Subject<K>) -> Step<()> {
    let Some(method) = K::way_out(context, subject)? else {
        subject.note_release();
        return Ok(());
    };
    if identity::own(&subject.object).is_none() && subject.status.intent().is_none() {
        // Nothing was ever made, or nothing proves any more what was.
        if let Some(id) = subject.external_id().map(str::to_owned) {
            context.metrics.left_behind(&K::kind(&()));
            subject.notes.push(Note {
                reason: Reason::LeftBehind,
                message: format!(
                    "this object stood for {} {id} before its status was lost, and nothing proves it: that stays in Entra as it is, and nobody manages it; delete it there, or take it over by spec.id in a new object",
                    K::NOUN
                ),
                is_warning: true,
            });
        }
        return Ok(());
    }
    let mut site = K::last_site(context, subject).await?; // reads Kubernetes
    subject.drift_interval = site.tenant.drift_interval;
    let id = match identity::stand(context, subject, &site).await? {
        // A deletion takes nothing over: what is not ours by status or by intent stays.
        Stand::Known { id } => id,
        Stand::Becomes { id, act } if subject.status.intent().is_some() => {
            let plan = Plan::of(vec![crate::plan::Step::new(
                K::Act::from(act),
                crate::plan::Stake::NEUTRAL,
            )]);
            execute::carry_out(context, subject, &site, &plan, &mut Found::Unborn).await?;
            id
        }
        Stand::Becomes { .. } | Stand::New { .. } => return Ok(()),
        Stand::Searching(search) | Stand::Again(search) if subject.status.intent().is_some() => {
            return Err(identity::searching(search));
        }
        Stand::Refused(problem) if subject.status.intent().is_some() => {
            // Several may be ours, and none is proven to be.
            return Err(identity::refused(problem.remedy(format!(
                "have those deleted in Entra that are too many: the one that is left is deleted with this object; or, to leave them all there, where the grant allows Orphan: kubectl annotate {} {} -n {} {ORPHAN}=true",
                K::plural(&()),
                subject.object.name_any(),
                subject.namespace()
            ))));
        }
        // What another object holds is not this one's to delete.
        Stand::Searching(_) | Stand::Again(_) | Stand::Refused(_) => return Ok(()),
    };
    if site.tenant.management == Management::Observe {
        return Err(observed(&site.tenant.name));
    }
    let mut holders = None;
    for _ in 0..ROUNDS {
        let mut seen = K::observe_leaving(&site, &id).await?; // reads Graph
        match &seen {
            Found::Unborn | Found::Gone { .. } => {
                let gone = format!("{} {id} was gone from Entra already", K::NOUN);
                subject.notes.push(Note::done(Reason::Deleted, gone));
                return Ok(());
            }
            // Somebody moved it: it goes where it is.
            Found::Elsewhere { place, .. } => {
                K::follow(&mut site, place);
                continue;
            }
            Found::Present(_) => {}
        }
        let (plan, next) = K::plan_leaving(subject, &site, &seen, holders.as_ref(), method); // pure
        let plan = if plan.touches_people() {
            let package = AccessPackageId::from(K::package_of(&site, &id));
            let listed = match holders.take() {
                Some(holders) => holders,
                None => site.tenant.graph.list_live_assignments(&package).await?, // reads Graph
            };
            let again = |waits: Waits| plan.clone().hold(|step| waits.hold(step.stake.holders));
            consent::asked(subject, &site, &id, &listed, again).unwrap_or(plan)
        } else {
            plan
        };
        if !plan.steps.is_empty() {
            subject.assert_current().await?; // reads Kubernetes
            brake::may_delete(context, subject, &site).await?; // writes Kubernetes: it is counted before it is done
        }
        execute::carry_out(context, subject, &site, &plan, &mut seen).await?; // writes Graph
        match next {
            Next::Done => {
                return match plan.held_problem("") {
                    None => Ok(()),
                    Some(problem) => Err(waits(problem, Retry::Backoff)),
                };
            }
            // A person has to agree before that.
            Next::ReadHolders if !plan.held.is_empty() => {
                return Err(waits(what_waits(&plan), Retry::Backoff));
            }
            Next::ReadHolders => {
                // Read afresh, after the doors were shut: whoever came in before is in it.
                let package = AccessPackageId::from(K::package_of(&site, &id));
                let tenant = &site.tenant;
                // What was asked for by another process, or long ago, is known by the service. Read before who holds it: who
                // is not on the way out then, and holds it afterwards, has to be asked for.
                let removals = match method {
                    DeletionPolicy::DeleteWithAssignments => tenant.open_removals(&package).await?,
                    DeletionPolicy::Delete | DeletionPolicy::Orphan => None,
                };
                let live = tenant.graph.list_live_assignments(&package).await?;
                if let Some(removals) = removals {
                    tenant.recall_removals(removals, &live);
                }
                holders = Some(live);
            }
            Next::Wait => {
                // Those who were asked just now are on their way, and there may be more of them.
                let retry = if plan.steps.is_empty() {
                    Retry::Backoff
                } else {
                    Retry::After(AFTER_ASKING)
                };
                return Err(waits(what_waits(&plan), retry));
            }
        }
    }
    Err(Halt::sync(
        Reason::Progressing,
        format!(
            "{} {id} changed again and again while it was looked at; trying again",
            K::NOUN
        ),
        Retry::Backoff,
    ))
}

/// Why a deletion is not done yet.
fn what_waits<A: Act>(plan: &Plan<A>) -> Problem {
    let goes_on = || Problem::new(Reason::Progressing, "the deletion goes on");
    plan.held_problem("").unwrap_or_else(goes_on)
}

/// Whoever still holds it gives it up in their own time.
fn waits(problem: Problem, retry: Retry) -> Halt {
    Halt {
        problem,
        stage: Stage::Sync,
        retry,
    }
}

/// The tenant of an object whose Catalog may be gone: the one that the Catalog names, else the one by which the object was
/// made, else the only one that reaches the tenant.
pub(super) async fn last_tenant(
    context: &Context,
    tenant_ref: Option<&str>,
    entra: Option<&EntraObject>,
    intent: Option<&Intent>,
) -> Step<Arc<Tenant>> {
    match (tenant_ref, entra, intent) {
        (Some(name), _, _) => context.tenant(name).await,
        (None, Some(entra), _) => context.tenant_of(entra).await,
        (None, None, Some(intent)) => match &intent.tenant {
            Some(tenant) => context.tenant_reaching(&tenant.tenant_id).await,
            None => Err(lost()),
        },
        (None, None, None) => Err(lost()),
    }
}

fn lost() -> Halt {
    Halt::sync(
        Reason::CatalogNotReady,
        format!(
            "a create was begun for this object, and the Catalog that says in which tenant is gone; create it again, or let this object go without touching Entra: annotate it with {ORPHAN}=true"
        ),
        Retry::OnChange,
    )
}

/// An event's words for what was deleted.
pub(super) fn deleted<K: Managed>(noun: &str, name: &str, subject: &Subject<K>) -> String {
    let id = subject.status.entra().map_or("", |entra| entra.id.as_str());
    format!("deleted {noun} {name:?} ({id}) in Entra")
}

/// A step whose object is not there: plans are made of what was seen, so that this tells of a fault of ours.
pub(super) fn nothing_there(act: &impl std::fmt::Display) -> execute::Failure {
    execute::Failure::Halt(Halt::sync(
        Reason::Progressing,
        format!("{act}: the object is not there any more; looking again"),
        Retry::Backoff,
    ))
}

/// A policy that was shut for new requests.
pub(super) enum Shut {
    /// This is how it stands now.
    Read(Box<AssignmentPolicy>),
    /// How it stands now cannot be read.
    Unread,
    /// Graph answered that there is none: nothing is known of it by that.
    NotFound,
}

/// Shuts a policy for new requests, as it was just read by itself (`read`) or is read now. Nothing else of it changes,
/// whatever of it we know.
pub(super) async fn shut(site: &Site, id: &PolicyId, read: Option<&AssignmentPolicy>) -> Result<Shut, GraphError> {
    let graph = &site.tenant.graph;
    let closed = match read.filter(|policy| policy.whole.is_some()) {
        Some(policy) => graph.close_assignment_policy(policy).await.map(|fields| {
            Some(AssignmentPolicy {
                fields,
                whole: None,
                ..policy.clone()
            })
        }),
        None => graph.close_unread_policy(id).await,
    };
    match closed {
        Ok(Some(policy)) => Ok(Shut::Read(Box::new(policy))),
        Ok(None) => Ok(Shut::Unread),
        Err(error) if error.kind == GraphErrorKind::NotFound => Ok(Shut::NotFound),
        Err(error) => Err(error),
    }
}
