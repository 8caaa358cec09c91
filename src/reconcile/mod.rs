//! The loop: the only place where Kubernetes and Graph meet.
//!
//! ```text
//! resolve ──► desire ──► stand ──► observe ──► plan, weigh ──► execute ──► report
//! (reads      (pure)     (reads    (reads      (pure)          (writes     (writes status,
//!  Kubernetes,            Graph)    Graph)                      Graph)      events)
//!  directory)
//! ```
//!
//! A step that cannot go on ends the visit with a [`halt::Halt`], which says why in the words that status will show and
//! when to come back. [`Managed`] is what a kind has to supply; `EntraTenant`, which has nothing of its own in Entra, is a
//! [`Kind`] only.

mod access_package;
mod admission;
mod assignment_policy;
mod binding;
mod catalog;
mod catalog_resources;
mod claims;
mod coming;
mod context;
mod credentials;
mod departure;
mod directory;
mod entra_tenant;
mod events;
mod execute;
mod grants;
mod halt;
mod identity;
mod inventory;
mod kinds;
mod ledger;
mod log;
mod parting;
mod settings;
mod standing;
mod subject;
mod tenant;

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use kube::{Api, Client, Resource, ResourceExt, core::object::HasStatus, runtime::controller::Action};
use serde::{Serialize, de::DeserializeOwned};
use tracing::Instrument as _;

use crate::{
    api::{Adoption, ConditionType, DeletionPolicy, EntraStatus, FINALIZER, ManagedStatus, Management, Reason},
    graph,
    plan::{
        self, Base, Found, Hold, IdentityAct, Plan, Problem, Stake,
        departure::Next,
        identity::{Candidate, Stand},
    },
    report::{self, Report},
};
use coming::Announcement;
use context::{Guarded, title};
use execute::{Done, Failure};
use halt::{Halt, Retry, Stage, Step};
use identity::Site;
use inventory::Freshness;
use subject::Subject;
use tokio::sync::Semaphore;

pub use context::Context;
pub(crate) use departure::LeftBehind;
pub(crate) use kinds::{KindVisitor, each_kind};
pub use settings::Settings;
pub(crate) use standing::standing;

/// The longest that one visit may take; it bounds a shutdown too.
const LONGEST_VISIT: Duration = Duration::from_secs(120);

/// A kind of object that is reconciled.
pub(crate) trait Kind:
    crate::cluster::Tracked
    + Resource<DynamicType = ()>
    + HasStatus<Status: ManagedStatus + Clone + Default + PartialEq + Send + Sync>
    + Clone
    + fmt::Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// Where such objects are read and written.
    fn api(client: &Client, namespace: Option<&str>) -> Api<Self>;
    /// Brings Entra to what the spec says, as far as that is possible now.
    fn visit(context: &Context, subject: &mut Subject<Self>) -> impl Future<Output = Step<Visited>> + Send;
    /// Whether the object says so when it could not be compared with Entra for long, though it is Ready. Those do that
    /// somebody on call looks at; one outage is not told by every object of every namespace.
    const TELLS_SILENCE: bool = false;
    /// Does what the deletion of the object asks for. After `Ok` the finalizer is removed.
    ///
    /// No references are resolved here, and a spec that cannot be carried out is no obstacle.
    fn finalise(context: &Context, subject: &mut Subject<Self>) -> impl Future<Output = Step<()>> + Send;
}

/// A kind of object that stands for one object of Entra.
///
/// # Contract
/// - `resolve`, `look_*`, `search` and `observe*` never write. `desire`, `plan*`, `way_out` and `conclude` ask nobody.
/// - `perform` is one request, complete, and lets the view follow; executing it twice does no harm.
/// - What `observe` cannot tell it does not call absent.
pub(crate) trait Managed: Kind + HasStatus<Status: EntraStatus> {
    /// What such an object is called in Entra.
    const NOUN: &'static str;
    /// What to write to take over one that exists.
    const TAKEOVER: &'static str;
    /// Whether Entra refuses a second object of the same name in the same place.
    const NAMES_ARE_UNIQUE: bool;
    /// What can be done.
    type Act: plan::Act + From<IdentityAct> + Clone + fmt::Debug + Send + Sync;
    /// What the spec points at.
    type References: Send + Sync;
    /// What should be in Entra.
    type Desired: Send + Sync;
    /// What is in Entra.
    type Observed: Send + Sync;
    /// What else in Entra bears on whether it may be written.
    type Around: Send + Sync;

    fn display_name(&self) -> String;
    fn description(&self) -> String;
    fn takeover(&self) -> Takeover<'_>;
    fn management(&self) -> Management;

    fn site(references: &Self::References) -> Site;
    fn look_by_name(site: &Site, name: &str) -> impl Future<Output = Step<Vec<Candidate>>> + Send;
    /// Those whose name the service takes for the same, where it has just refused the name and none has it as it is written.
    fn look_alike(site: &Site, name: &str) -> impl Future<Output = Step<Vec<Candidate>>> + Send {
        Self::look_by_name(site, name)
    }
    fn look_by_id(site: &Site, id: &str) -> impl Future<Output = Step<Found<Candidate>>> + Send;
    /// What an earlier create may have made; never answered from memory.
    fn search(site: &Site, name: &str, begun_ago: Duration) -> impl Future<Output = Step<Vec<Candidate>>> + Send;

    fn resolve(context: &Context, subject: &mut Subject<Self>) -> impl Future<Output = Step<Self::References>> + Send;
    fn desire(subject: &Subject<Self>, references: &Self::References) -> Step<Self::Desired>;
    fn observe(
        references: &Self::References,
        id: Option<&str>,
        freshness: Freshness,
    ) -> impl Future<Output = Step<Found<Self::Observed>>> + Send;
    fn look_around(
        references: &Self::References,
        freshness: Freshness,
    ) -> impl Future<Output = Step<Self::Around>> + Send;
    /// Says what is about to be written, for as long as the answer lives.
    fn announce(subject: &Subject<Self>, references: &Self::References) -> Option<Announcement>;
    fn plan(
        subject: &Subject<Self>,
        references: &Self::References,
        desired: &Self::Desired,
        observed: &Found<Self::Observed>,
        around: &Self::Around,
        weighing: Weighing<'_>,
    ) -> Plan<Self::Act>;
    /// One request.
    fn perform(
        context: &Context,
        subject: &mut Subject<Self>,
        site: &Site,
        act: &Self::Act,
        observed: &mut Found<Self::Observed>,
    ) -> impl Future<Output = Result<Done, Failure>> + Send;
    /// What is told of a step that was done.
    fn told(_site: &Site, _subject: &Subject<Self>, step: &plan::Step<Self::Act>) -> String {
        step.to_string()
    }
    fn conclude(
        subject: &mut Subject<Self>,
        references: &Self::References,
        desired: &Self::Desired,
        observed: &Found<Self::Observed>,
        around: &Self::Around,
        plan: &Plan<Self::Act>,
    ) -> Report;
    /// When to come back after this report; a watch wakes us in any case.
    fn comes_back(_report: &Report, _references: &Self::References) -> Retry {
        Retry::OnChange
    }
    /// Creates that must not run beside each other wait here for their turn.
    fn turn(_site: &Site) -> Option<&Semaphore> {
        None
    }

    /// How a deleted object goes; `None` leaves Entra as it is.
    fn way_out(context: &Context, subject: &Subject<Self>) -> Step<Option<DeletionPolicy>>;
    /// Where a deleted object stands, whatever became of what its spec points at.
    fn last_site(context: &Context, subject: &Subject<Self>) -> impl Future<Output = Step<Site>> + Send;
    fn observe_leaving(site: &Site, id: &str) -> impl Future<Output = Step<Found<Self::Observed>>> + Send;
    fn plan_leaving(
        subject: &Subject<Self>,
        site: &Site,
        observed: &Found<Self::Observed>,
        holders: Option<&graph::Listed<graph::Assignment>>,
        method: DeletionPolicy,
    ) -> (Plan<Self::Act>, Next);
    /// The package whose holders matter.
    fn package_of<'a>(site: &'a Site, id: &'a str) -> &'a str;
    /// Goes on where the object is.
    fn follow(site: &mut Site, place: &str);
}

/// What the spec says of taking over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Takeover<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) adoption: Adoption,
}

/// By what a plan is weighed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weighing<'a> {
    pub(crate) base: Base<'a>,
    /// The object was read by itself, just now.
    pub(crate) confirmed: bool,
    /// The object is being taken over by this plan.
    pub(crate) takes_over: bool,
}

/// The table of contents.
async fn pipeline<K: Managed>(context: &Context, subject: &mut Subject<K>) -> Step<Visited> {
    let references = K::resolve(context, subject).await?; // reads Kubernetes and the directory
    let desired = K::desire(subject, &references)?; // pure
    let site = K::site(&references);
    let stand = identity::stand(context, subject, &site).await?; // reads Graph where the identity is open
    let freshness = if subject.requested().is_some() {
        Freshness::Now
    } else {
        site.tenant.freshness()
    };
    let mut observed = observe::<K>(&references, &stand, freshness).await?; // reads Graph
    let mut around = K::look_around(&references, freshness).await?; // reads Graph
    let mut plan = weigh(subject, &references, &desired, (&observed, &around), &stand, false); // pure
    let mut _announced = None;
    if subject.has_news(&plan) {
        subject.assert_current().await?; // reads Kubernetes
        _announced = K::announce(subject, &references); // others see it until the visit ends
        observed = observe::<K>(&references, &stand, Freshness::Now).await?; // reads Graph, this object alone
        around = K::look_around(&references, Freshness::Now).await?; // reads Graph
        plan = weigh(subject, &references, &desired, (&observed, &around), &stand, true); // pure
    }
    execute::run(context, subject, &site, &plan, &mut observed).await?; // writes Graph
    let report = K::conclude(subject, &references, &desired, &observed, &around, &plan); // pure; `reconcile` writes the status
    let retry = K::comes_back(&report, &references);
    Ok(Visited { report, retry })
}

/// What Entra has of the object that stands so.
async fn observe<K: Managed>(
    references: &K::References,
    stand: &Stand,
    freshness: Freshness,
) -> Step<Found<K::Observed>> {
    let found = match stand {
        Stand::Known { id } | Stand::Becomes { id, .. } => K::observe(references, Some(id), freshness).await?,
        Stand::New { .. } => K::observe(references, None, freshness).await?,
        Stand::Searching(problem) | Stand::Refused(problem) => return Err(identity::refused(problem.clone())),
    };
    if let Found::Elsewhere { id, place } = &found {
        return Err(Halt::sync(
            Reason::Elsewhere,
            format!(
                "{} {id} was moved in Entra, to {place}: nothing is written to it there; move it back, or delete this object, which deletes it where it is",
                K::NOUN
            ),
            Retry::OnChange,
        ));
    }
    Ok(found)
}

/// The plan with everything that has to go before it, and with what is held back.
fn weigh<K: Managed>(
    subject: &Subject<K>,
    references: &K::References,
    desired: &K::Desired,
    (observed, around): (&Found<K::Observed>, &K::Around),
    stand: &Stand,
    confirmed: bool,
) -> Plan<K::Act> {
    let site = K::site(references);
    let becomes = match stand {
        Stand::Becomes { act, .. } | Stand::New { act: Some(act) } => Some(act.clone()),
        Stand::Known { .. } | Stand::New { act: None } | Stand::Searching(_) | Stand::Refused(_) => None,
    };
    // What was applied to a former object is no base for another.
    let base = match &becomes {
        Some(_) => Base::none(),
        None => Base::of(subject.status.applied()),
    };
    let weighing = Weighing {
        base,
        confirmed,
        takes_over: matches!(becomes, Some(IdentityAct::TakeOver { .. })),
    };
    let mut plan = K::plan(subject, references, desired, observed, around, weighing)
        .managed(site.tenant.management)
        .managed(subject.object.management());
    let before = |act: IdentityAct| plan::Step::new(K::Act::from(act), Stake::NEUTRAL);
    if plan.creates() {
        let intent = IdentityAct::NoteIntent {
            display_name: subject.object.display_name(),
            fingerprint: plan::identity::fingerprint(&subject.object.description()),
        };
        plan.steps.insert(0, before(intent));
    }
    // A take-over that is held back is not begun.
    let is_refused = weighing.takes_over && plan.held.iter().any(|(_, hold)| matches!(hold, Hold::Limit(_)));
    if is_refused {
        plan.steps.clear();
    } else if let Some(act) = becomes {
        plan.steps.insert(0, before(act));
    }
    plan
}

/// What a visit found, and when the next is worth while.
pub(crate) struct Visited {
    report: Report,
    retry: Retry,
}

/// A visit that has to be repeated.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", problem.reason.name(), problem.message())]
pub(crate) struct Unfinished {
    problem: Problem,
    after: Duration,
}

/// When to come back after a visit that has to be repeated.
pub(crate) fn error_policy<K: Kind>(_object: Arc<Guarded<K>>, error: &Unfinished, _context: Arc<Context>) -> Action {
    Action::requeue(error.after)
}

/// One visit to one object, with its status, its events and its line in the log.
pub(crate) async fn reconcile<K: Kind>(object: Arc<Guarded<K>>, context: Arc<Context>) -> Result<Action, Unfinished> {
    let span = tracing::info_span!("reconcile", object = %title(object.as_ref()));
    visit_once(object, context).instrument(span).await
}

async fn visit_once<K: Kind>(object: Arc<Guarded<K>>, context: Arc<Context>) -> Result<Action, Unfinished> {
    let object = match subject::readable(object.as_ref()) {
        Ok(object) => object,
        Err(error) => {
            unreadable::<K>(&context, object.as_ref(), &error).await;
            return Ok(Action::await_change());
        }
    };
    let started = context.clock.instant();
    let mut subject = Subject::new(&context, object);
    let attended = tokio::time::timeout(LONGEST_VISIT, attend(&context, &mut subject));
    let (result, ledger) = ledger::kept(attended).await;
    let result = result.unwrap_or_else(|_| {
        Err(Halt::sync(
            Reason::GraphUnavailable,
            format!(
                "the visit took longer than {} s and was given up",
                LONGEST_VISIT.as_secs()
            ),
            Retry::Backoff,
        ))
    });
    let (outcome, next) = conclude_visit(&context, &mut subject, result).await;
    let notes = report::gathered(std::mem::take(&mut subject.notes));
    for note in &notes {
        context.events.publish(&subject.object, note).await;
    }
    if is_ready(&subject.object) {
        context.is_ready(&subject.object);
    }
    let took = context.clock.since(started);
    let is_refused = outcome.reason == Reason::StatusRefused;
    // What was never written counts all the same.
    let reason = if is_refused {
        outcome.reason.name()
    } else {
        ready_reason(&subject)
    };
    let refusal = is_refused.then(|| outcome.message());
    let line = log::Line {
        is_news: context.tells_refusal(&title(&subject.object), refusal),
        generation: subject.generation(),
        outcome,
        notes: &notes,
        ledger: &ledger,
        took,
        next: next.as_ref().map_or_else(|unfinished| Some(unfinished.after), |_| None),
    };
    line.write();
    context.metrics.visited(&K::kind(&()), &reason, took);
    next
}

/// Kept apart from `reconcile` so that its deadline covers everything that asks others.
async fn attend<K: Kind>(context: &Context, subject: &mut Subject<K>) -> Step<Outcome> {
    context.wait_until_ready().await?;
    let is_deleted = subject.object.meta().deletion_timestamp.is_some();
    if is_deleted
        && !subject
            .object
            .finalizers()
            .iter()
            .any(|finalizer| finalizer == FINALIZER)
    {
        context.claims.release(&subject.uid());
        return Ok(Outcome::Released);
    }
    if subject.is_paused() {
        return Ok(Outcome::Paused);
    }
    if is_deleted {
        K::finalise(context, subject).await?;
        context.claims.let_go(&subject.uid());
        subject.set_finalizer(false).await?;
        context.claims.release(&subject.uid());
        return Ok(Outcome::Released);
    }
    subject.set_finalizer(true).await?;
    K::visit(context, subject)
        .await
        .map(|visited| Outcome::Visited(Box::new(visited)))
}

enum Outcome {
    Visited(Box<Visited>),
    Paused,
    Released,
}

/// Puts what came of a visit into status, and says what came of it and when the next one is worth while.
async fn conclude_visit<K: Kind>(
    context: &Context,
    subject: &mut Subject<K>,
    result: Step<Outcome>,
) -> (Problem, Result<Action, Unfinished>) {
    let key = title(&subject.object);
    let mut generation = subject.generation();
    let mut answers = false;
    let (report, retry) = match result {
        Ok(Outcome::Released) => {
            context.succeeded(&key);
            let outcome = Problem::new(Reason::Released, "nothing holds the object any more");
            return (outcome, Ok(Action::await_change()));
        }
        Ok(Outcome::Paused) => {
            generation = compared_generation(subject);
            (paused(subject), None)
        }
        Ok(Outcome::Visited(visited)) => {
            let Visited { report, retry } = *visited;
            answers = true;
            if K::TELLS_SILENCE {
                context.was_compared(&subject.uid());
            }
            (report, delayed(context, &key, subject, retry))
        }
        // What was done is told even where the visit starts over.
        Err(halt) if halt.stage == Stage::Stale => {
            let after = stale_wait(context.went_stale(&key), subject.drift_interval);
            return (halt.problem, Ok(Action::requeue(after)));
        }
        Err(halt) => {
            // What keeps an EntraTenant from being connected is what its visit has to tell.
            answers = K::KIND == crate::api::KindName::EntraTenant || halt.problem.reason.answers_a_request();
            (halted(&halt), delayed(context, &key, subject, halt.retry))
        }
    };
    let transient = report
        .ready
        .as_ref()
        .is_err_and(|problem| problem.reason == Reason::GraphUnavailable);
    if answers {
        // A token is spent by what was planned for it, not by a visit that came to nothing.
        let token = subject.requested().map(str::to_owned);
        if token.is_some() {
            *subject.status.last_handled_mut() = token;
        }
    }
    // An outage of Graph makes nothing unready that was ready: what is in Entra stays in force.
    let silence = if transient && is_ready(&subject.object) {
        Some(silence(context, subject))
    } else {
        None
    };
    let written = match silence {
        // What was done is remembered all the same.
        Some(None) => subject.store().await,
        Some(Some(warning)) => write_report(subject, &kept(subject, warning), generation).await,
        None => write_report(subject, &report, generation).await,
    };
    if !matches!(&written, Err(halt) if halt.stage == Stage::Stale) {
        context.was_current(&key);
    }
    let written = match written {
        Ok(()) => Ok(()),
        Err(halt) => Err(unwritten(context, subject, &key, halt).await),
    };
    if written.is_ok() && retry.is_none() {
        context.succeeded(&key);
    }
    let next = written.and_then(|()| match (&report.ready, retry) {
        (Err(problem), Some(after)) => Err(Unfinished {
            problem: problem.clone(),
            after,
        }),
        (Ok(_), Some(after)) => Ok(Action::requeue(after)),
        (_, None) => Ok(Action::requeue(jittered(subject.drift_interval, &key))),
    });
    let outcome = match &next {
        Err(unfinished) => unfinished.problem.clone(),
        Ok(_) => report.ready.unwrap_or_else(|problem| problem),
    };
    (outcome, next)
}

async fn write_report<K: Kind>(subject: &mut Subject<K>, report: &Report, generation: i64) -> Step<()> {
    let before = subject
        .object
        .status()
        .map(|status| status.conditions().to_vec())
        .unwrap_or_default(); // no status, no conditions
    *subject.status.observed_generation_mut() = generation;
    *subject.status.conditions_mut() = report::conditions(report, &before, generation, subject.now);
    subject.store().await?;
    subject.notes.extend(report::warning(report, &before));
    Ok(())
}

/// The status could not be written. One that the API server refuses says so in the conditions, where those at least are
/// taken.
async fn unwritten<K: Kind>(context: &Context, subject: &mut Subject<K>, key: &str, halt: Halt) -> Unfinished {
    let interval = subject.drift_interval;
    let after = match (halt.stage, halt.problem.reason) {
        (Stage::Stale, _) => stale_wait(context.went_stale(key), interval),
        (Stage::References | Stage::Sync, Reason::StatusRefused) => {
            // Where that is refused as well, the log tells.
            let _ = subject.store_refusal(&halt.problem).await;
            backoff(context.failed(key), interval, key)
        }
        (Stage::References | Stage::Sync, _) => backoff(context.failed(key), interval, key).max(Duration::from_secs(2)),
    };
    Unfinished {
        problem: halt.problem,
        after,
    }
}

fn halted(halt: &Halt) -> Report {
    let problem = Some(halt.problem.clone());
    let (references, sync) = match halt.stage {
        Stage::References => (problem.clone(), problem),
        Stage::Sync | Stage::Stale => (None, problem),
    };
    Report {
        ready: Err(halt.problem.clone()),
        references,
        sync,
        warning: None,
    }
}

/// A paused object keeps what its conditions said; only a warning tells that nobody looks any more.
fn paused<K: Kind>(subject: &Subject<K>) -> Report {
    let problem = Problem::new(
        Reason::Paused,
        format!(
            "{}=true: nothing is compared or written; remove the annotation to go on",
            crate::api::PAUSED
        ),
    );
    let before = subject.status.conditions();
    let of = |kind: ConditionType| before.iter().find(|condition| condition.type_ == kind.name());
    let kept = |kind: ConditionType| {
        of(kind).map(|condition| {
            let reason = Reason::ALL
                .iter()
                .copied()
                .find(|reason| reason.name() == condition.reason);
            let problem = Problem::new(reason.unwrap_or(Reason::Paused), condition.message.clone());
            if condition.status == "True" {
                Ok(problem)
            } else {
                Err(problem)
            }
        })
    };
    Report {
        ready: kept(ConditionType::Ready).unwrap_or_else(|| Err(problem.clone())),
        references: kept(ConditionType::ReferencesResolved).and_then(Result::err),
        sync: kept(ConditionType::Synced).and_then(Result::err),
        warning: Some(problem),
    }
}

/// After so many drift intervals without a comparison it is said that there was none.
const SILENT_INTERVALS: u32 = 3;

/// What is said of an object that is Ready and could not be compared with Entra for long, where that is said.
fn silence<K: Kind>(context: &Context, subject: &Subject<K>) -> Option<Problem> {
    let longest = subject.drift_interval.saturating_mul(SILENT_INTERVALS);
    let is_long = K::TELLS_SILENCE && context.uncompared_for(&subject.uid()) >= longest;
    is_long.then(|| {
        Problem::new(
            Reason::GraphUnavailable,
            format!(
                "Microsoft Graph has not answered, or has asked us to wait, for {SILENT_INTERVALS} drift intervals or more, so nobody notices what changes in Entra; what was in force there still is"
            ),
        )
        .remedy("see the operator's log for what it was answered, and Microsoft's service health")
    })
}

/// What the object said of itself before, with a warning beside it.
fn kept<K: Kind>(subject: &Subject<K>, warning: Problem) -> Report {
    Report {
        warning: Some(warning),
        ..paused(subject)
    }
}

/// The generation that Ready speaks of, so that an edit of a paused object does not pass for done; of an object that was
/// never compared, the present one.
fn compared_generation<K: Kind>(subject: &Subject<K>) -> i64 {
    let ready = subject.status.ready();
    ready
        .and_then(|ready| ready.observed_generation)
        .unwrap_or_else(|| subject.generation())
}

/// Whether the object is Ready as its spec now is.
fn is_ready<K: Kind>(object: &K) -> bool {
    let ready = object.status().and_then(ManagedStatus::ready);
    ready.is_some_and(|ready| ready.status == "True" && ready.observed_generation == object.meta().generation)
}

/// The reason of the Ready condition as it stands now.
fn ready_reason<K: Kind>(subject: &Subject<K>) -> String {
    let ready = subject.status.ready();
    ready.map_or_else(|| Reason::Progressing.name(), |condition| condition.reason.clone())
}

/// When to come back, where not only on a change or after the drift interval. What the service asked for is never cut.
fn delayed<K: Kind>(context: &Context, key: &str, subject: &Subject<K>, retry: Retry) -> Option<Duration> {
    match retry {
        Retry::OnChange => None,
        Retry::After(after) => Some(after.min(subject.drift_interval.max(Duration::from_secs(1)))),
        Retry::Asked(wait) => Some(wait),
        Retry::Backoff => Some(backoff(context.failed(key), subject.drift_interval, key)),
    }
}

/// Sooner at first, later after each failure, this being the `count`th in a row, and never later than the drift interval.
fn backoff(count: u32, drift_interval: Duration, key: &str) -> Duration {
    let doublings = count.saturating_sub(1).min(16);
    jittered(Duration::from_secs(1) * 2_u32.pow(doublings), key).min(drift_interval)
}

/// How soon a visit begins anew that had begun from an object as it was before: at once where only a write came between,
/// later and later where the watch lags behind. Its news wakes the object in any case.
fn stale_wait(count: u32, drift_interval: Duration) -> Duration {
    let doublings = count.saturating_sub(1).min(16);
    let wait = Duration::from_millis(100) * 2_u32.pow(doublings);
    wait.min(drift_interval.max(Duration::from_secs(1)))
}

/// Spreads visits a little, always the same for the same object.
fn jittered(interval: Duration, key: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 100).unwrap_or_default(); // below a hundred always fits
    interval + interval.mul_f64(f64::from(share) / 2_000.0)
}

/// Reports an object that does not parse on itself; the others go on.
async fn unreadable<K: Kind>(context: &Context, object: &Guarded<K>, error: &str) {
    let name = object.name_any();
    let message = format!("the object cannot be read: {error}; apply it again with a current schema");
    tracing::warn!("{message}");
    let now = context.now();
    let report = Report::not_ready(Problem::new(Reason::InvalidSpec, message));
    let generation = object.meta().generation.unwrap_or_default(); // never of what the API server has sent
    let conditions = report::conditions(&report, &[], generation, now);
    let patch = serde_json::json!({"status": {"observedGeneration": generation, "conditions": conditions}});
    let client = context.client.clone();
    let resource = kube::core::ApiResource::erase::<K>(&());
    let api: Api<kube::core::DynamicObject> = match object.namespace() {
        Some(namespace) => Api::namespaced_with(client, &namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    if let Err(error) = api
        .patch_status(&name, &Default::default(), &kube::api::Patch::Merge(patch))
        .await
    {
        tracing::warn!(%error, "status of an unreadable object not written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_watch_that_lags_for_a_minute_makes_no_more_than_a_dozen_visits() {
        let mut passed = Duration::ZERO;
        let mut visits = 0;
        while passed < MINUTE {
            visits += 1;
            passed += stale_wait(visits, 10 * MINUTE);
        }
        assert!(visits <= 12, "{visits}");
        assert_eq!(
            stale_wait(1, MINUTE),
            Duration::from_millis(100),
            "a write that came between costs nothing"
        );
        assert_eq!(stale_wait(u32::MAX, MINUTE), MINUTE, "its safety net is the interval");
    }

    #[test]
    fn failures_in_a_row_are_looked_at_less_and_less_up_to_the_drift_interval() {
        let waits: Vec<u64> = (1..=4).map(|count| backoff(count, MINUTE, "").as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8]);
        assert_eq!(backoff(30, 10 * MINUTE, "any"), 10 * MINUTE);
        assert_eq!(backoff(30, Duration::from_secs(2), "any"), Duration::from_secs(2));
        // From the first second to the tenth minute: a dozen looks.
        let sum: Duration = (1..=10).map(|count| backoff(count, 10 * MINUTE, "")).sum();
        assert!(sum > 10 * MINUTE, "{sum:?}");
    }
}
