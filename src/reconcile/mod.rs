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
mod alarm;
mod assignment_policy;
mod attendance;
mod audit;
mod binding;
mod brake;
mod catalog;
mod catalog_resources;
mod catalog_roles;
mod claims;
mod coming;
mod conclusion;
mod connected_organization;
mod consent;
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
mod machine;
mod names;
mod outlook;
mod pace;
mod parting;
mod settings;
mod site_roles;
mod standing;
mod subject;
mod tenant;
mod turns;

use std::{fmt, sync::Arc, time::Duration};

use kube::{Api, Client, Resource, ResourceExt, core::object::HasStatus};
use serde::{Serialize, de::DeserializeOwned};
use tracing::Instrument as _;

use crate::{
    api::{Adoption, DeletionPolicy, EntraStatus, FINALIZER, ManagedStatus, Management, Reason},
    graph,
    plan::{
        self, Base, Found, Hold, IdentityAct, Plan, Problem, Stake, Waits,
        bindings::DirectoryKey,
        departure::Next,
        identity::{Candidate, Stand},
    },
    report::{self, Report},
};
use coming::Announcement;
use conclusion::{conclude_visit, is_ready, ready_reason, unreadable};
use context::{Guarded, title};
use execute::{Done, Failure, ServiceTime as _};
use halt::{Halt, Retry, Step};
use identity::Site;
use inventory::Freshness;
use outlook::Asks;
use subject::Subject;
use tokio::sync::Semaphore;

pub(crate) use alarm::Alarm;
pub(crate) use attendance::PLACES;
pub use context::Context;
pub(crate) use departure::LeftBehind;
pub(crate) use kinds::{KindVisitor, each_kind};
pub use machine::Machine;
pub use pace::Again;
pub use settings::Settings;
pub(crate) use standing::tell_standing;

/// The longest that one visit may take; it bounds a shutdown too.
const LONGEST_VISIT: Duration = Duration::from_secs(120);

/// The longest that writing down what came of a visit may take: an API server that takes a request and never answers holds up
/// nothing for longer.
const LONGEST_CONCLUSION: Duration = Duration::from_secs(60);

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
    /// That Graph is away, where the object tells so at once though it stays Ready.
    fn away(_context: &Context, _object: &Self) -> Option<Problem> {
        None
    }
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

    /// Its name in canonical form: the service may trim it, and what is looked for must be what was sent.
    fn display_name(&self) -> String;
    fn description(&self) -> String;
    fn takeover(&self) -> Takeover<'_>;
    /// What the spec gives by an id of the directory, each with its field: Entra is the first to be asked whether there is such a one.
    fn given_by_id(&self) -> Vec<(String, DirectoryKey)>;
    /// What Graph's refusal of this means, where its words are not enough.
    fn meaning(_act: &Self::Act, _refusal: &graph::GraphError) -> Option<Problem> {
        None
    }
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
    /// What is worth a look in Entra beside what the spec says, as far as it could be read: told, and never an obstacle.
    fn look_out(
        _subject: &mut Subject<Self>,
        _references: &Self::References,
        _observed: &Found<Self::Observed>,
        _asks: Asks,
    ) -> impl Future<Output = Vec<Problem>> + Send {
        async { Vec::new() }
    }
    /// When to come back after this report; a watch wakes us in any case.
    fn comes_back(_subject: &Subject<Self>, _report: &Report, _references: &Self::References) -> Retry {
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
    /// Whether somebody came in by this object. What does not tell may be one.
    fn came_by(_id: &str, _assignment: &graph::Assignment) -> bool {
        true
    }
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
    /// Which changes of what people have wait for a person.
    pub(crate) waits: Waits,
    /// How the object gets its identity by this plan, where it does.
    pub(crate) becomes: Option<Becomes>,
}

impl Weighing<'_> {
    /// Whether the object is being taken over by this plan.
    pub(crate) fn takes_over(&self) -> bool {
        self.becomes == Some(Becomes::TakenOver)
    }
}

/// How an object of Entra becomes ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Becomes {
    /// We made it, and its answer was lost.
    Recognised,
    /// Somebody else made it.
    TakenOver,
}

/// The table of contents.
async fn pipeline<K: Managed>(context: &Context, subject: &mut Subject<K>) -> Step<Visited> {
    let grounds = context.cluster.grounds(&subject.object); // before anything is decided by them
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
    let mut plan = weigh(
        subject,
        &references,
        &desired,
        (&observed, &around),
        &stand,
        Round::First,
    ); // pure
    let mut _announced = None;
    if subject.has_news(&plan) {
        subject.assert_current().await?; // reads Kubernetes
        context.assert_grounds(&grounds).await?; // reads Kubernetes
        _announced = K::announce(subject, &references); // others see it until the visit ends
        observed = observe::<K>(&references, &stand, Freshness::Now).await?; // reads Graph, this object alone
        around = K::look_around(&references, Freshness::Now).await?; // reads Graph
        let again = |waits| {
            weigh(
                subject,
                &references,
                &desired,
                (&observed, &around),
                &stand,
                Round::Last(waits),
            )
        }; // pure
        plan = consent::with_consent(subject, &site, &stand, again).await?; // reads Graph where people are touched
    }
    may_go_on(&stand, &plan)?; // pure
    certain(context, subject, &site, &plan)?; // pure
    execute::carry_out(context, subject, &site, &plan, &mut observed).await?; // writes Graph
    let asks = match (subject.requested(), plan.steps.is_empty()) {
        (_, false) => Asks::Nothing, // who waits for a write does not wait for that
        (Some(_), true) => Asks::Everything,
        (None, true) => Asks::Seldom,
    };
    let outlook = K::look_out(subject, &references, &observed, asks).await; // reads Graph, seldom
    let report = K::conclude(subject, &references, &desired, &observed, &around, &plan).warned(outlook); // pure; `reconcile` writes the status
    let retry = K::comes_back(subject, &report, &references);
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
        Stand::New { .. } | Stand::Again(_) => K::observe(references, None, freshness).await?,
        Stand::Searching(search) => return Err(identity::searching(search.clone())),
        Stand::Refused(problem) => return Err(identity::refused(problem.clone())),
    };
    if let Found::Elsewhere { id, place } = &found {
        return Err(Halt::sync(
            Reason::Elsewhere,
            format!(
                "{} {id} is in {place} of Entra, and not in {}, where the spec has it: it was moved there, or the spec was; nothing is written to it; put right what was moved, or delete this object, which deletes it where it is",
                K::NOUN,
                K::site(references).place.parent
            ),
            Retry::OnChange,
        ));
    }
    Ok(found)
}

/// How often a plan was made in this visit.
#[derive(Clone, Copy)]
enum Round {
    /// Of what is known: it tells whether there is something to do.
    First,
    /// Of what was read just now; these changes of what people have wait.
    Last(Waits),
}

/// The plan with everything that has to go before it, and with what is held back.
fn weigh<K: Managed>(
    subject: &Subject<K>,
    references: &K::References,
    desired: &K::Desired,
    (observed, around): (&Found<K::Observed>, &K::Around),
    stand: &Stand,
    round: Round,
) -> Plan<K::Act> {
    let site = K::site(references);
    let becomes = match stand {
        Stand::Becomes { act, .. } | Stand::New { act: Some(act) } => Some(act.clone()),
        Stand::Known { .. } | Stand::New { act: None } | Stand::Again(_) | Stand::Searching(_) | Stand::Refused(_) => {
            None
        }
    };
    // What was applied to a former object is no base for another.
    let base = match &becomes {
        Some(_) => Base::none(),
        None => Base::of(subject.status.applied()),
    };
    let weighing = Weighing {
        base,
        confirmed: matches!(round, Round::Last(_)),
        waits: match round {
            Round::First => Waits::NONE,
            Round::Last(waits) => waits,
        },
        becomes: becomes.as_ref().and_then(|act| match act {
            IdentityAct::TakeOver { .. } => Some(Becomes::TakenOver),
            IdentityAct::Recognise { .. } => Some(Becomes::Recognised),
            IdentityAct::NoteIntent { .. } | IdentityAct::TryAgain { .. } | IdentityAct::DropIntent => None,
        }),
    };
    let mut plan = K::plan(subject, references, desired, observed, around, weighing)
        .managed(site.tenant.management)
        .managed(subject.object.management());
    let before = |act: IdentityAct| plan::Step::new(K::Act::from(act), Stake::NEUTRAL);
    if plan.creates() {
        let display_name = subject.object.display_name();
        let intent = match stand {
            Stand::Again(_) => IdentityAct::TryAgain { display_name },
            Stand::Known { .. }
            | Stand::Becomes { .. }
            | Stand::New { .. }
            | Stand::Searching(_)
            | Stand::Refused(_) => IdentityAct::NoteIntent {
                display_name,
                fingerprint: plan::identity::fingerprint(&subject.object.description()),
            },
        };
        plan.steps.insert(0, before(intent));
    }
    // A take-over that is held back is not begun.
    let is_refused = weighing.takes_over() && plan.held.iter().any(|(_, hold)| matches!(hold, Hold::Limit(_)));
    if is_refused {
        plan.steps.clear();
    } else if let Some(act) = becomes {
        plan.steps.insert(0, before(act));
    }
    plan
}

/// Where a create may be sent once more and is not, its outcome goes on being searched.
fn may_go_on<A: plan::Act>(stand: &Stand, plan: &Plan<A>) -> Step<()> {
    match stand {
        Stand::Again(search) if !plan.creates() => Err(identity::searching(search.clone())),
        Stand::Again(_)
        | Stand::Known { .. }
        | Stand::Becomes { .. }
        | Stand::New { .. }
        | Stand::Searching(_)
        | Stand::Refused(_) => Ok(()),
    }
}

/// Ends the visit where what looks like drift may be what was there before another process of ours wrote: neither kept, which
/// would take the write back, nor told as somebody's doing.
fn certain<K: Managed>(context: &Context, subject: &Subject<K>, site: &Site, plan: &Plan<K::Act>) -> Step<()> {
    let now = site.tenant.graph.service_time(context.now());
    let hides = plan::drift::hides_for(
        subject.status.applied(),
        &context.mark,
        now,
        context.settings.visibility,
    );
    match hides.filter(|_| plan.sees_drift()) {
        None => Ok(()),
        Some(left) => Err(Halt::sync(
            Reason::OutcomeUnknown,
            format!(
                "Entra is not as it was written a moment ago by another process of the operator, and takes up to {} s to show a write; nothing is changed until it is certain",
                context.settings.visibility.as_secs()
            ),
            Retry::Within(left + Duration::from_secs(1)),
        )),
    }
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

impl Unfinished {
    /// When to come back.
    pub(crate) fn after(&self) -> Duration {
        self.after
    }
}

/// One visit to one object, with its status, its events and its line in the log.
pub(crate) async fn reconcile<K: Kind>(object: Arc<Guarded<K>>, context: Arc<Context>) -> Result<Again, Unfinished> {
    let span = tracing::info_span!("reconcile", object = %title(object.as_ref()));
    let visit = context.attendance.begin(object.as_ref());
    let next = visit_once(object, &context).instrument(span).await;
    visit.ended(&next, context.clock.instant());
    next
}

async fn visit_once<K: Kind>(object: Arc<Guarded<K>>, context: &Context) -> Result<Again, Unfinished> {
    let object = match subject::readable(object.as_ref()) {
        Ok(object) => object,
        Err(error) => {
            unreadable::<K>(context, object.as_ref(), &error).await;
            return Ok(Again::OnNews);
        }
    };
    if let Some(left) = context.put_off(&context::title(&object)) {
        return Ok(Again::After(left));
    }
    let started = context.clock.instant();
    let mut subject = Subject::new(context, object);
    let clock = context.clock.clone();
    let attended = clock.within(LONGEST_VISIT, attend(context, &mut subject));
    let (result, ledger) = ledger::kept(attended).await;
    let result = result.unwrap_or_else(|| {
        Err(Halt::sync(
            Reason::GraphUnavailable,
            format!(
                "the visit took longer than {} s and was given up",
                LONGEST_VISIT.as_secs()
            ),
            Retry::Backoff,
        ))
    });
    let concluded = clock.within(LONGEST_CONCLUSION, conclude_visit(context, &mut subject, result));
    let (outcome, next) = match concluded.await {
        Some(concluded) => concluded,
        None => conclusion::given_up(context, &subject),
    };
    let notes = report::gathered(std::mem::take(&mut subject.notes));
    // What cannot be published for so long is in the log all the same.
    let published = clock.within(LONGEST_CONCLUSION, async {
        for note in &notes {
            context.events.publish(&subject.object, note).await;
        }
    });
    let _ = published.await;
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
        context.names.release(&subject.uid());
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
        context.names.release(&subject.uid());
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
