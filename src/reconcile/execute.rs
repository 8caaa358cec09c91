//! The executor: the only loop that changes Entra. A plan goes in, step by step it becomes true.
//!
//! For each step: the latch, the request, the view follows, status remembers, an event tells, the metrics count. The
//! first failure ends it; what was done until then stays remembered.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::jiff::Timestamp;

use super::{
    Managed,
    audit::Entry,
    context::Context,
    directory::Memory,
    halt::{Halt, Retry, Stage, Step},
    identity::{self, Site},
    names::Reserved,
    parting::may_write,
    subject::Subject,
};
use crate::{
    api::{EntraStatus as _, Reason},
    graph::{GraphError, GraphErrorKind},
    plan::{self, Act as _, Cause, Found, IdentityAct, Plan},
    report::Note,
};

/// How long a create may take: none is begun with less time left, so that its answer is heard by the visit that sent it.
pub(super) const CREATE: Duration = Duration::from_secs(45);

/// How long after its intent a create is sent at the latest: within the visit, or within the time of an operation that was
/// begun at the end of it. Later ones are refused, see `graph::attempt`.
pub(super) const LATEST: Duration = Duration::from_secs(180);

/// What came of one request.
pub(crate) enum Done {
    /// What was to be changed is changed.
    Changed,
    /// The same, and the answer told something to be remembered.
    Told(plan::Memory),
    /// Nothing was sent: it is on its way already, or stands in something's way that its status tells.
    Nothing,
    /// Graph has nothing of what was to be taken away, it answered once: whether that is so, reads tell. What hangs on it is
    /// neither remembered nor told before.
    NotFound,
    /// The object was made.
    Made {
        /// Its id.
        id: String,
    },
}

/// Why a step was not done.
pub(crate) enum Failure {
    /// Graph's answer.
    Graph(GraphError),
    /// Something of the kind's own.
    Halt(Halt),
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

/// Carries out a plan, in its order.
pub(super) async fn carry_out<K: Managed>(
    context: &Context,
    subject: &mut Subject<K>,
    site: &Site,
    plan: &Plan<K::Act>,
    observed: &mut Found<K::Observed>,
) -> Step<()> {
    let creates = plan.creates();
    // Some creates must not run beside each other, wherever they come from.
    let _turn = match K::turn(site) {
        Some(turn) if creates => turn.acquire().await.ok(),
        Some(_) | None => None,
    };
    if !creates {
        return run(context, subject, site, plan, observed).await;
    }
    let name = begin(context, subject, site).await?;
    let result = run(context, subject, site, plan, observed).await;
    // With its intent open, the name is not free for others.
    if subject.status.intent().is_none() {
        name.settle();
    }
    result
}

/// The loop.
async fn run<K: Managed>(
    context: &Context,
    subject: &mut Subject<K>,
    site: &Site,
    plan: &Plan<K::Act>,
    observed: &mut Found<K::Observed>,
) -> Step<()> {
    let creates = plan.creates();
    let was_gone = matches!(observed, Found::Gone { .. });
    let mut found = Some(&plan.found);
    let mut unproven = None;
    for step in &plan.steps {
        if let Some(act) = step.act.identity() {
            enter(context, subject, site, act).await?;
            continue;
        }
        if let Err(halt) = latch(context, site).and_then(|()| in_time(context, subject)) {
            ends_attempt(context, subject, step);
            return Err(halt);
        }
        if K::NAMES_ARE_UNIQUE && renames(step) {
            identity::require_free_new_name(context, subject, site).await?;
        }
        if let Some(found) = found.take_if(|_| !step.act.creates()) {
            remember(subject, site, found, None);
        }
        let entry = Entry::begin();
        let performed = K::perform(context, subject, site, &step.act, observed).await;
        entry.write(subject, step, &result(&performed));
        ends_attempt(context, subject, step);
        let mut is_sent = true;
        match performed {
            Ok(Done::Nothing) => is_sent = false,
            Ok(Done::NotFound) => {
                unproven.get_or_insert_with(|| not_found(&step.act));
                continue;
            }
            Ok(Done::Changed) => tell(subject, site, step),
            Ok(Done::Told(memory)) => {
                tell(subject, site, step);
                remember(subject, site, &[memory], Some(context));
            }
            Ok(Done::Made { id }) => {
                let name = subject.intended();
                subject.identify(context, site.identity(&id, &subject.uid())).await?;
                subject.notes.push(Note::done(
                    Reason::Created,
                    format!("created {} {name:?} ({id}) in {}", K::NOUN, site.place.parent),
                ));
            }
            Err(failure) => return Err(failed(context, subject, site, step, failure).await),
        }
        remember(subject, site, &step.memories, Some(context).filter(|_| is_sent));
        for difference in step
            .differences
            .iter()
            .filter(|difference| difference.cause == Cause::Drift)
        {
            context.metrics.drift_corrected(&K::kind(&()), &difference.path);
        }
        if was_gone && step.act.creates() {
            context.metrics.drift_corrected(&K::kind(&()), "object");
        }
    }
    if let Some(found) = found.filter(|_| !creates) {
        remember(subject, site, found, None);
    }
    unproven.map_or(Ok(()), Err)
}

/// What the record says that came of a step.
fn result(performed: &Result<Done, Failure>) -> String {
    match performed {
        Ok(Done::Changed | Done::Told(_) | Done::Made { id: _ }) => "done".into(),
        Ok(Done::Nothing) => "nothing to send".into(),
        Ok(Done::NotFound) => "not found".into(),
        Err(Failure::Graph(error)) => error.to_string(),
        Err(Failure::Halt(halt)) => halt.problem.message(),
    }
}

/// Nothing of the create is under way any more.
fn ends_attempt<K: Managed>(context: &Context, subject: &Subject<K>, step: &plan::Step<K::Act>) {
    if let (true, Some(intent)) = (step.act.creates(), subject.status.intent()) {
        context.ends_attempt(&subject.uid(), &intent.nonce);
    }
}

fn tell<K: Managed>(subject: &mut Subject<K>, site: &Site, step: &plan::Step<K::Act>) {
    let told = K::told(site, subject, step);
    subject.notes.push(Note::done(step.act.done(), told));
}

/// What was to be taken away was answered as not there: it counts as there until reads have proven it gone.
fn not_found(act: &impl std::fmt::Display) -> Halt {
    Halt::sync(
        Reason::OutcomeUnknown,
        format!(
            "{act}: Graph answered that there is nothing to take away, which is looked at before it is believed; until then it counts as there"
        ),
        Retry::Backoff,
    )
}

/// Before a create: there must be time to hear its answer, it must not have been refused just now, and its name must be free,
/// and nobody else's to give.
async fn begin<K: Managed>(context: &Context, subject: &mut Subject<K>, site: &Site) -> Step<Reserved> {
    if subject.left(context) < CREATE {
        return Err(Halt::sync(
            Reason::Progressing,
            format!(
                "this visit has too little time left to make {} {:?}; the next one does",
                K::NOUN,
                subject.object.display_name()
            ),
            Retry::After(Duration::from_millis(100)),
        ));
    }
    // A person who asks does not wait.
    if let (None, Some((problem, left))) = (subject.requested(), context.rests(&subject.uid(), subject.generation())) {
        return Err(Halt {
            problem,
            stage: Stage::Sync,
            retry: Retry::After(left),
        });
    }
    let name = identity::reserve_name(context, subject, site)?;
    match identity::require_free_name(context, subject, site).await {
        Ok(()) => Ok(name),
        Err(halt) => {
            name.settle();
            Err(halt)
        }
    }
}

/// Nothing is written once the tenant is only observed, also between two requests of one visit.
pub(super) fn latch(context: &Context, site: &Site) -> Step<()> {
    if context.is_observed(&site.tenant.name) {
        return Err(super::parting::observed(&site.tenant.name));
    }
    Ok(())
}

/// Nothing is begun after the end of the visit: one that was stopped on the way ends only when it waits next.
fn in_time<K: Managed>(context: &Context, subject: &Subject<K>) -> Step<()> {
    if subject.left(context).is_zero() {
        return Err(Halt::sync(
            Reason::Progressing,
            "the visit was over before all of it was done; the next one goes on",
            Retry::Backoff,
        ));
    }
    Ok(())
}

/// Enters into status which object of Entra this is, or that one is being made.
async fn enter<K: Managed>(context: &Context, subject: &mut Subject<K>, site: &Site, act: &IdentityAct) -> Step<()> {
    let place = &site.place;
    match act {
        IdentityAct::NoteIntent {
            display_name,
            fingerprint,
        } => {
            let began = site.tenant.graph.service_time(context.now());
            // The old id goes, and with it the hold on it.
            context.claims.release(&subject.uid());
            let begun = subject.begin(display_name, site, fingerprint.clone(), began).await;
            if let Some(intent) = subject.status.intent() {
                match begun {
                    Ok(()) => context.begins_attempt(&subject.uid(), &intent.nonce),
                    // It may stand in status all the same: nothing is sent for it.
                    Err(_) => context.ends_attempt(&subject.uid(), &intent.nonce),
                }
            }
            begun
        }
        IdentityAct::TryAgain { .. } => {
            let began = site.tenant.graph.service_time(context.now());
            subject.try_again(began).await?;
            if let Some(intent) = subject.status.intent() {
                context.begins_attempt(&subject.uid(), &intent.nonce);
            }
            Ok(())
        }
        IdentityAct::DropIntent => subject.abandon().await,
        IdentityAct::Recognise { id, .. } => {
            subject.identify(context, site.identity(id, &subject.uid())).await?;
            context.names.release(&subject.uid());
            subject.notes.push(Note::done(Reason::Created, act.to_string()));
            Ok(())
        }
        IdentityAct::TakeOver { id, what } => {
            subject.identify(context, site.identity(id, &subject.uid())).await?;
            subject.notes.push(Note::done(
                Reason::Adopted,
                format!("took over {what} ({id}) in {}", place.parent),
            ));
            Ok(())
        }
    }
}

/// Enters into status what was applied, and that it was `written` just now, where it was. Of what is only observed nothing is
/// remembered: nothing was applied.
fn remember<K: Managed>(subject: &mut Subject<K>, site: &Site, memories: &[plan::Memory], written: Option<&Context>) {
    if memories.is_empty() || !may_write(&site.tenant, subject.object.management()) {
        return;
    }
    let applied = subject.status.applied_mut().get_or_insert_with(|| plan::applied(&[]));
    memories.iter().for_each(|memory| memory.enter(applied));
    if let Some(context) = written {
        let now = site.tenant.graph.service_time(context.now());
        applied.written = Some(plan::drift::written(applied, &context.mark, now));
    }
}

/// What a failed step means for the identity and for the visit.
async fn failed<K: Managed>(
    context: &Context,
    subject: &mut Subject<K>,
    site: &Site,
    step: &plan::Step<K::Act>,
    failure: Failure,
) -> Halt {
    let error = match failure {
        Failure::Graph(error) => error,
        Failure::Halt(halt) => return halt,
    };
    // The intent stays: whoever leads now may look for its outcome already.
    if error.kind == GraphErrorKind::NotLeading {
        return Halt::from(error);
    }
    let is_conflict = error.kind == GraphErrorKind::Conflict;
    if !step.act.creates() {
        return if is_conflict && K::NAMES_ARE_UNIQUE && renames(step) {
            identity::name_taken(context, subject, site).await
        } else {
            explained(subject, site, step, error).await
        };
    }
    // Refused because others are being made at this moment; or made all the same, as some say: it is looked for.
    let is_doubtful = error.has_code("DuplicateKey");
    if error.kind == GraphErrorKind::OutcomeUnknown || is_doubtful {
        let halt = Halt::from(error);
        let problem = halt.problem.remedy("looking for it before trying again");
        return Halt {
            problem: plan::Problem {
                reason: Reason::OutcomeUnknown,
                ..problem
            },
            retry: Retry::After(Duration::from_millis(500)),
            ..halt
        };
    }
    // What came of the first try is not told by the answer to the second.
    if subject.is_second_try() {
        return if is_conflict {
            Halt::sync(
                Reason::OutcomeUnknown,
                format!(
                    "Entra has {} {:?} already, so what was begun may have come to be; looking for it",
                    K::NOUN,
                    subject.intended()
                ),
                Retry::Backoff,
            )
        } else {
            Halt::from(error)
        };
    }
    // The request was sent once, and this is the answer to it: nothing came of it.
    if let Err(halt) = subject.abandon().await {
        return halt;
    }
    let halt = if is_conflict {
        identity::name_taken(context, subject, site).await
    } else {
        explained(subject, site, step, error).await
    };
    let longest = subject.drift_interval.min(Duration::from_secs(300));
    context.rest(&subject.uid(), subject.generation(), &halt.problem, longest);
    halt
}

/// What a refusal is about, where that can be told: Graph names neither the field nor which of several ids it does not know.
async fn explained<K: Managed>(
    subject: &Subject<K>,
    site: &Site,
    step: &plan::Step<K::Act>,
    error: GraphError,
) -> Halt {
    if error.is_transient() {
        return Halt::from(error);
    }
    if let Some(problem) = K::meaning(&step.act, &error) {
        let halt = Halt::from(error);
        let trace = halt.problem.trace.map(String::from);
        return Halt {
            problem: problem.traced(trace),
            ..halt
        };
    }
    let may_be_absent = matches!(
        error.kind,
        GraphErrorKind::BadRequest | GraphErrorKind::NotFound | GraphErrorKind::Forbidden
    );
    if !may_be_absent {
        return Halt::from(error);
    }
    let pins = BTreeMap::new();
    let memory = Memory {
        pins: &pins,
        asked_for: subject.requested().is_some(),
        wants_news: false,
    };
    for (field, key) in subject.object.given_by_id() {
        match site.tenant.directory.examine(&field, &key, memory).await {
            Err(halt) if halt.problem.reason == Reason::ReferenceNotFound => return halt,
            // It is there, or nobody can tell: Graph's words have to do.
            Ok(_) | Err(_) => {}
        }
    }
    Halt::from(error)
}

/// Whether the step gives an object that is there another name.
fn renames<A>(step: &plan::Step<A>) -> bool {
    step.differences
        .iter()
        .any(|difference| difference.path == "displayName")
}

/// The time by the service's clock, which dates what it makes: this machine's may be off.
pub(super) trait ServiceTime {
    /// `now`, told by the service's clock.
    fn service_time(&self, now: Timestamp) -> Timestamp;
}

impl ServiceTime for crate::graph::Graph {
    fn service_time(&self, now: Timestamp) -> Timestamp {
        let ahead = self.clock_ahead_seconds();
        Timestamp::from_second(now.as_second() + ahead).unwrap_or(now)
    }
}
