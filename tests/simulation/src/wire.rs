//! The one layer of faults: every call that the operator sends, to Graph, to the token authority and to the API server, passes
//! here, is counted, and may be met by a fault before it arrives or after it was carried out.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use entra_access_operator::{
    clock::Clock,
    graph::{Line, LineBody, LineError, NotSent},
};
use graph_emulator::Front;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use k8s_openapi::jiff::SignedDuration;
use serde_json::Value;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use tower::Service;

use crate::api_server::{AnswerBody, ApiServer, Door, User};

/// To whom a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Graph, or the token authority.
    Entra,
    /// The API server.
    ApiServer,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Entra => "entra",
            Self::ApiServer => "api",
        })
    }
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operator is killed before the call leaves.
    CrashBefore,
    /// The operator is killed after the call was carried out, before it hears of it.
    CrashAfter,
    /// The connection is cut before the call arrives; the operator cannot tell.
    CutBefore,
    /// The call is carried out, and the connection is cut in place of the answer.
    CutAfter,
    /// It is not carried out, and answered with this status.
    Refused(u16),
    /// It is not carried out, and answered 429, with a wait in this form.
    Throttled(Wait),
    /// It is carried out, and its answer is spoilt.
    Spoilt(Spoilt),
    /// It is never answered, and not carried out.
    Hangs,
    /// The connection is cut, and so many seconds later it is carried out all the same.
    CutLate(u64),
    /// The operator is killed, and so many seconds later the call is carried out all the same.
    CrashLate(u64),
    /// Another writer touches the object before a write to the API server is carried out, which is refused for that.
    Outrun,
    /// With this call something begins that lasts so many seconds.
    Begins(Spell, u64),
    /// Another process begins to lead, and this one goes on for so many seconds: it has not heard of it, and hears everything
    /// by so many seconds late.
    Overlap {
        /// How long both work.
        lasts: u64,
        /// How late the old one hears of what is written.
        deaf: u64,
    },
    /// The process stands still for so many seconds with this call in hand, which then leaves; another leads meanwhile.
    FrozenBefore(u64),
    /// The process stands still for so many seconds after this call was carried out; another leads meanwhile. Then it goes on
    /// with what follows.
    FrozenAfter(u64),
    /// There is no connection, and the operator can tell that nothing was sent.
    Unconnected,
}

/// What lasts for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spell {
    /// The API server is away: every call to it is cut, and no news comes. The Lease is not renewed either: the process ends
    /// twelve seconds later where it lasts that long.
    Away,
    /// The API server takes calls and never answers, and no news comes; there is no election, and the process goes on.
    Hanging,
    /// Writes of status are answered with this status, and not carried out.
    StatusRefused(u16),
    /// Every other write to the API server comes after another writer's, and each third is answered 409.
    Conflicts,
}

/// How a call is lost on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// Nobody can tell whether it arrived.
    Cut,
    /// It was never sent.
    Unconnected,
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cut => "the connection was cut",
            Self::Unconnected => "the connection was refused",
        })
    }
}

/// A time in which every call to Entra is met by the same.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// Its first moment.
    pub from: Instant,
    /// The first moment after it.
    pub until: Instant,
    /// What befalls the calls.
    pub fault: Fault,
}

/// How a 429 says for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Untold,
    /// `Retry-After: 17`.
    Seconds,
    /// `Retry-After`, as a date twenty seconds ahead.
    Date,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    /// Its second half is missing.
    Truncated,
    /// A proxy's page, with 200.
    Html,
    /// A redirect to another host.
    Redirect,
    /// What follows is to be read from another host.
    ForeignNextLink,
    /// Each object lacks its id.
    WithoutId,
    /// Each enumeration has a value that nobody knows.
    UnknownEnum,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrashBefore => formatter.write_str("killed before"),
            Self::CrashAfter => formatter.write_str("killed after"),
            Self::CutBefore => formatter.write_str("cut before"),
            Self::CutAfter => formatter.write_str("cut after"),
            Self::Refused(status) => write!(formatter, "answered {status}"),
            Self::Throttled(Wait::Untold) => formatter.write_str("429"),
            Self::Throttled(Wait::Seconds) => formatter.write_str("429, wait in seconds"),
            Self::Throttled(Wait::Date) => formatter.write_str("429, wait as a date"),
            Self::Spoilt(Spoilt::Truncated) => formatter.write_str("truncated"),
            Self::Spoilt(Spoilt::Html) => formatter.write_str("HTML with 200"),
            Self::Spoilt(Spoilt::Redirect) => formatter.write_str("redirect"),
            Self::Spoilt(Spoilt::ForeignNextLink) => formatter.write_str("foreign nextLink"),
            Self::Spoilt(Spoilt::WithoutId) => formatter.write_str("without id"),
            Self::Spoilt(Spoilt::UnknownEnum) => formatter.write_str("unknown enum value"),
            Self::Hangs => formatter.write_str("hangs"),
            Self::CutLate(seconds) => write!(formatter, "cut, and carried out {seconds} s later"),
            Self::CrashLate(seconds) => write!(formatter, "killed, and carried out {seconds} s later"),
            Self::Outrun => formatter.write_str("outrun by another writer"),
            Self::Begins(Spell::Away, seconds) => write!(formatter, "the API server away for {seconds} s from"),
            Self::Begins(Spell::Hanging, seconds) => write!(formatter, "the API server hanging for {seconds} s from"),
            Self::Begins(Spell::StatusRefused(status), seconds) => {
                write!(formatter, "every status answered {status} for {seconds} s from")
            }
            Self::Begins(Spell::Conflicts, seconds) => write!(formatter, "conflicts for {seconds} s from"),
            Self::Overlap { lasts, deaf } => {
                write!(
                    formatter,
                    "a second leader for {lasts} s, the first {deaf} s behind, from"
                )
            }
            Self::FrozenBefore(seconds) => write!(formatter, "frozen for {seconds} s before"),
            Self::FrozenAfter(seconds) => write!(formatter, "frozen for {seconds} s after"),
            Self::Unconnected => formatter.write_str("connection refused"),
        }
    }
}

/// A call as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which call it is, counted from 1 in the order in which they are sent.
    pub number: u64,
    /// When, in milliseconds since the wire was made.
    pub at: u128,
    /// To whom.
    pub side: Side,
    /// Method and path with query.
    pub what: String,
    /// What came of it: a status, or how it was lost.
    pub outcome: String,
}

impl Seen {
    /// Whether it was to change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        is_write(&self.what)
    }
}

fn is_write(what: &str) -> bool {
    !what.starts_with("GET ") && !what.contains("/$batch") && !what.contains("/oauth2/")
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            at,
            side,
            what,
            outcome,
        } = self;
        write!(
            formatter,
            "{number:>4} {:>6}.{:03} {side:<5} {what} -> {outcome}",
            at / 1_000,
            at % 1_000
        )
    }
}

/// How long after the last renewal a leader counts itself out, where it can no longer renew.
pub const TENURE: Duration = Duration::from_secs(12);

/// What happened to a process on the wire, of which the stage has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It is killed.
    Killed,
    /// Another one begins beside it.
    Joined {
        /// How long both work.
        lasts: Duration,
        /// How late the old one hears of what is written.
        deaf: Duration,
    },
    /// It stands still until then.
    Frozen(Instant),
}

/// By which the calls of one process go. Clones are the same process's.
#[derive(Clone)]
pub struct Wire {
    inner: Arc<Mutex<Inner>>,
    news: Arc<Notify>,
    clock: Clock,
    begun: Instant,
    /// Which process it is, counted from 1.
    life: u64,
}

struct Inner {
    /// Which calls are met by a fault, counted from 1 in the order in which they are sent.
    plan: BTreeMap<u64, Fault>,
    outage: Option<Outage>,
    count: u64,
    /// When something was last to be changed.
    last_write: Option<Instant>,
    /// What befell which process, until the stage has heard of it.
    blows: VecDeque<(u64, Blow)>,
    /// What lasts, and until when.
    spells: Vec<(Spell, Instant)>,
    /// When the leader counts itself out, since it cannot renew its Lease.
    expires: Option<Instant>,
    /// Whether there is a process beside the one that leads.
    is_shared: bool,
    /// The process that stands still, and until when.
    frozen: Option<(u64, Instant)>,
    /// When the calls are carried out whose process does not wait for them, by their numbers.
    late: BTreeMap<u64, Instant>,
    /// Writes to the API server while [`Spell::Conflicts`] lasts.
    writes: u64,
    seen: Vec<Seen>,
    /// Told of every write to Entra that was carried out.
    watcher: Option<Box<dyn FnMut() + Send>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    /// A wire on which these calls are met by these faults.
    #[must_use]
    pub fn new(clock: Clock, plan: BTreeMap<u64, Fault>) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                plan,
                outage: None,
                count: 0,
                last_write: None,
                blows: VecDeque::new(),
                spells: Vec::new(),
                expires: None,
                is_shared: false,
                frozen: None,
                late: BTreeMap::new(),
                writes: 0,
                seen: Vec::new(),
                watcher: None,
            })),
            news: Arc::default(),
            begun: clock.instant(),
            clock,
            life: 0,
        }
    }

    /// The same wire for the calls of this process.
    #[must_use]
    pub fn of(&self, life: u64) -> Self {
        Self { life, ..self.clone() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls, in the order of their outcomes.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.inner().seen.clone()
    }

    /// Has every call to Entra that no other fault is planned for meet this one, in its time.
    pub fn plan_outage(&self, outage: Outage) {
        self.inner().outage = Some(outage);
    }

    /// Calls `watcher` after every write to Entra that was carried out, and where [`Self::look`] says so.
    pub fn watch(&self, watcher: impl FnMut() + Send + 'static) {
        self.inner().watcher = Some(Box::new(watcher));
    }

    /// Waits until something befalls a process: which, and what. The leader that cannot renew its Lease is killed.
    pub async fn blow(&self, leader: u64) -> (u64, Blow) {
        loop {
            let told = self.news.notified();
            let expires = {
                let mut inner = self.inner();
                if let Some(blow) = inner.blows.pop_front() {
                    return blow;
                }
                inner.expires
            };
            match expires {
                None => told.await,
                Some(at) => {
                    tokio::select! {
                        biased;
                        () = told => {}
                        () = self.clock.sleep_until(at) => {
                            let mut inner = self.inner();
                            if inner.expires.take_if(|expires| *expires == at).is_some() {
                                return (leader, Blow::Killed);
                            }
                        }
                    }
                }
            }
        }
    }

    /// A process is gone: what befell it is over.
    pub fn is_over(&self, life: u64) {
        let mut inner = self.inner();
        inner.blows.retain(|(of, _)| *of != life);
        inner.frozen.take_if(|(of, _)| *of == life);
        inner.expires = None;
    }

    /// Whether there is a process beside the one that leads.
    pub fn share(&self, is_shared: bool) {
        self.inner().is_shared = is_shared;
    }

    /// When the API server is back, where it is away.
    #[must_use]
    pub fn is_away_until(&self) -> Option<Instant> {
        let now = self.clock.instant();
        let inner = self.inner();
        let away = inner.spells.iter().filter(|(spell, until)| {
            let is_away = match spell {
                Spell::Away | Spell::Hanging => true,
                Spell::StatusRefused(_) | Spell::Conflicts => false,
            };
            is_away && *until > now
        });
        away.map(|(_, until)| *until).max()
    }

    /// When the next call is carried out that nobody waits for.
    #[must_use]
    pub fn late(&self) -> Option<Instant> {
        self.inner().late.values().min().copied()
    }

    /// The line to the tenant.
    #[must_use]
    pub fn line(&self, front: Front) -> Line {
        Line::new(ToEntra {
            wire: self.clone(),
            front,
        })
    }

    /// The way to the API server, and that of somebody else who writes there.
    #[must_use]
    pub fn client(&self, door: Door, others: ApiServer) -> kube::Client {
        kube::Client::new(
            ToApiServer {
                wire: self.clone(),
                door,
                others,
            },
            "default",
        )
    }

    /// Counts a call; answers what befalls it.
    fn send(&self, side: Side, what: &str) -> (u64, Option<Fault>) {
        let now = self.clock.instant();
        let mut inner = self.inner();
        inner.count += 1;
        let number = inner.count;
        if is_write(what) {
            inner.last_write = Some(now);
        }
        let planned = inner.plan.get(&number).copied();
        match planned {
            Some(Fault::Begins(spell, seconds)) => {
                let until = now + Duration::from_secs(seconds);
                inner.spells.push((spell, until));
                if spell == Spell::Away && until > now + TENURE {
                    inner.expires = Some(now + TENURE);
                    drop(inner);
                    self.news.notify_waiters();
                    inner = self.inner();
                }
            }
            Some(Fault::Overlap { .. } | Fault::FrozenBefore(_) | Fault::FrozenAfter(_)) if inner.is_shared => {
                return (number, None); // two at a time are enough
            }
            Some(fault) => return (number, Some(fault)),
            None => {}
        }
        let outage = inner
            .outage
            .filter(|outage| side == Side::Entra && (outage.from..outage.until).contains(&now));
        let by_spell = inner.by_spell(side, what, now);
        (number, by_spell.or(outage.map(|outage| outage.fault)))
    }

    /// Tells the stage what befell this process.
    fn strike(&self, blow: Blow) {
        self.inner().blows.push_back((self.life, blow));
        self.news.notify_waiters();
    }

    fn freeze(&self, seconds: u64) {
        let until = self.clock.instant() + Duration::from_secs(seconds);
        self.inner().frozen = Some((self.life, until));
        self.strike(Blow::Frozen(until));
    }

    /// Waits while this process stands still.
    async fn thaw(&self) {
        loop {
            let frozen = self.inner().frozen;
            match frozen {
                Some((life, until)) if life == self.life && until > self.clock.instant() => {
                    self.clock.sleep_until(until).await;
                }
                Some(_) | None => return,
            }
        }
    }

    fn enter(&self, number: u64, side: Side, what: &str, outcome: String) {
        let seen = Seen {
            number,
            at: self.clock.since(self.begun).as_millis(),
            side,
            what: what.to_owned(),
            outcome,
        };
        self.inner().seen.push(seen);
    }

    /// How many calls were sent.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.inner().count
    }

    /// For how long nobody has tried to change anything.
    #[must_use]
    pub fn has_only_read_for(&self) -> Duration {
        let last = self.inner().last_write;
        self.clock.since(last.unwrap_or(self.begun))
    }

    /// Has the watcher look: somebody has changed the tenant.
    pub fn look(&self) {
        // Taken out while it looks: it may ask the tenant.
        let watcher = self.inner().watcher.take();
        if let Some(mut watcher) = watcher {
            watcher();
            self.inner().watcher = Some(watcher);
        }
    }

    fn look_after(&self, side: Side, what: &str) {
        if side == Side::Entra && is_write(what) {
            self.look();
        }
    }

    async fn kill<T>(&self) -> T {
        self.strike(Blow::Killed);
        pending().await
    }

    /// Carries the call out later, whoever still waits for it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a request on its way belongs to no process; it ends with the runtime of the run"
    )]
    fn carry_out_later<T, E>(
        &self,
        (number, side, what): (u64, Side, &str),
        seconds: u64,
        call: impl Future<Output = Result<Response<T>, E>> + Send + 'static,
    ) where
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let (wire, what) = (self.clone(), what.to_owned());
        let until = self.clock.instant() + Duration::from_secs(seconds);
        self.inner().late.insert(number, until);
        tokio::spawn(async move {
            wire.clock.sleep_until(until).await;
            wire.inner().late.remove(&number);
            let answer = call.await;
            wire.look_after(side, &what);
            wire.enter(number, side, &what, format!("{}, late, to nobody", outcome(&answer)));
        });
    }

    /// The other side carries the call out, whatever becomes of the process that has sent it: one that stands still or is
    /// killed takes nothing back that has left it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a request on its way belongs to no process; it ends with the runtime of the run"
    )]
    async fn carried_out<T, E>(
        &self,
        (number, side, what): (u64, Side, &str),
        call: impl Future<Output = Result<Response<T>, E>> + Send + 'static,
    ) -> Result<Response<T>, E>
    where
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let (wire, what) = (self.clone(), what.to_owned());
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            let answer = call.await;
            wire.look_after(side, &what);
            if let Err(answer) = tell.send(answer) {
                wire.enter(number, side, &what, format!("{}, to nobody", outcome(&answer)));
            }
        });
        match told.await {
            Ok(answer) => answer,
            // The runtime ends.
            Err(_) => pending().await,
        }
    }

    /// One call, with what befalls it.
    async fn pass<T, E>(
        &self,
        side: Side,
        what: String,
        call: impl Future<Output = Result<Response<T>, E>> + Send + 'static,
        outrun: impl FnOnce(),
        failing: Failing<T, E>,
    ) -> Result<Response<T>, E>
    where
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let Failing { cut, refused, spoil } = failing;
        self.thaw().await;
        let (number, fault) = self.send(side, &what);
        match fault {
            Some(Fault::CrashBefore) => {
                self.enter(number, side, &what, "not sent: the operator is killed".to_owned());
                return self.kill().await;
            }
            Some(Fault::CutBefore) => {
                self.enter(number, side, &what, "not sent: cut".to_owned());
                return Err(cut(Loss::Cut));
            }
            Some(Fault::Unconnected) => {
                self.enter(number, side, &what, "not sent: connection refused".to_owned());
                return Err(cut(Loss::Unconnected));
            }
            Some(Fault::Refused(status)) => {
                self.enter(number, side, &what, format!("not sent: answered {status}"));
                return Ok(refused(status, None));
            }
            Some(Fault::Throttled(wait)) => {
                self.enter(number, side, &what, "not sent: answered 429".to_owned());
                let until = match wait {
                    Wait::Untold => None,
                    Wait::Seconds => Some("17".to_owned()),
                    Wait::Date => {
                        let then = self.clock.now() + SignedDuration::from_secs(20);
                        Some(then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
                    }
                };
                return Ok(refused(429, until));
            }
            Some(Fault::Hangs) => {
                self.enter(number, side, &what, "not sent: hangs".to_owned());
                return pending().await;
            }
            Some(Fault::CutLate(seconds)) => {
                self.enter(number, side, &what, "not sent: cut, to arrive late".to_owned());
                self.carry_out_later((number, side, &what), seconds, call);
                return Err(cut(Loss::Cut));
            }
            Some(Fault::CrashLate(seconds)) => {
                self.enter(
                    number,
                    side,
                    &what,
                    "not sent: the operator is killed, to arrive late".to_owned(),
                );
                self.carry_out_later((number, side, &what), seconds, call);
                return self.kill().await;
            }
            Some(Fault::Overlap { lasts, deaf }) => {
                let (lasts, deaf) = (Duration::from_secs(lasts), Duration::from_secs(deaf));
                self.strike(Blow::Joined { lasts, deaf });
            }
            Some(Fault::FrozenBefore(seconds)) => {
                self.enter(number, side, &what, "not sent: the operator stands still".to_owned());
                self.freeze(seconds);
                self.thaw().await;
            }
            Some(Fault::Outrun) => outrun(),
            Some(
                Fault::CrashAfter | Fault::CutAfter | Fault::Spoilt(_) | Fault::Begins(..) | Fault::FrozenAfter(_),
            )
            | None => {}
        }
        let answer = self.carried_out((number, side, &what), call).await;
        if let Some(Fault::FrozenAfter(seconds)) = fault {
            self.freeze(seconds);
        }
        let outcome = outcome(&answer);
        match fault {
            Some(Fault::CrashAfter) => {
                self.enter(number, side, &what, format!("{outcome}, and the operator is killed"));
                self.kill().await
            }
            Some(Fault::CutAfter) => {
                self.enter(number, side, &what, format!("{outcome}, and the answer is cut"));
                Err(cut(Loss::Cut))
            }
            Some(Fault::Spoilt(spoilt)) => {
                self.enter(number, side, &what, format!("{outcome}, and the answer is spoilt"));
                Ok(spoil(answer?, spoilt).await)
            }
            Some(
                Fault::CrashBefore
                | Fault::CutBefore
                | Fault::Refused(_)
                | Fault::Throttled(_)
                | Fault::Hangs
                | Fault::CutLate(_)
                | Fault::CrashLate(_)
                | Fault::Outrun
                | Fault::Begins(..)
                | Fault::Overlap { .. }
                | Fault::FrozenBefore(_)
                | Fault::FrozenAfter(_)
                | Fault::Unconnected,
            )
            | None => {
                self.enter(number, side, &what, outcome);
                // What comes while the process stands still is heard afterwards.
                self.thaw().await;
                answer
            }
        }
    }
}

fn outcome<T, E: fmt::Display>(answer: &Result<Response<T>, E>) -> String {
    match answer {
        Ok(answer) => answer.status().as_u16().to_string(),
        Err(error) => format!("lost: {error}"),
    }
}

impl Inner {
    /// What befalls a call by what lasts.
    fn by_spell(&mut self, side: Side, what: &str, now: Instant) -> Option<Fault> {
        self.spells.retain(|(_, until)| *until > now);
        let is_write = !what.starts_with("GET ");
        let mut befalls = None;
        for (spell, _) in self.spells.clone() {
            let fault = match (spell, side) {
                (Spell::Away, Side::ApiServer) => Some(Fault::CutBefore),
                (Spell::Hanging, Side::ApiServer) => Some(Fault::Hangs),
                (Spell::StatusRefused(status), Side::ApiServer) if is_write && is_of_status(what) => {
                    Some(Fault::Refused(status))
                }
                (Spell::Conflicts, Side::ApiServer) if is_write && !what.contains("/events") => {
                    self.writes += 1;
                    match self.writes % 6 {
                        1 | 3 | 5 => Some(Fault::Outrun),
                        2 => Some(Fault::Refused(409)),
                        _ => None, // it goes through
                    }
                }
                (Spell::StatusRefused(_) | Spell::Conflicts, Side::ApiServer) | (_, Side::Entra) => None,
            };
            befalls = befalls.or(fault);
        }
        befalls
    }
}

fn is_of_status(what: &str) -> bool {
    what.split(' ').nth(1).is_some_and(|target| {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        path.ends_with("/status")
    })
}

/// How a side fails, in its own words.
struct Failing<T, E> {
    cut: fn(Loss) -> E,
    refused: fn(u16, Option<String>) -> Response<T>,
    spoil: fn(Response<T>, Spoilt) -> Spoiling<T>,
}

fn named<B>(request: &Request<B>) -> String {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    // An event is named by the machine's clock, which no seed repeats.
    let target = match target.split_once("/events/") {
        Some((before, _)) => format!("{before}/events/…"),
        None => target.to_owned(),
    };
    format!("{} {target}", request.method())
}

#[derive(Clone)]
struct ToEntra {
    wire: Wire,
    front: Front,
}

type Answering<T, E> = Pin<Box<dyn Future<Output = Result<Response<T>, E>> + Send>>;

impl Service<Request<Full<Bytes>>> for ToEntra {
    type Response = Response<LineBody>;
    type Error = LineError;
    type Future = Answering<LineBody, LineError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let Self { wire, mut front } = self.clone();
        Box::pin(async move {
            let what = named(&request);
            let call = async move {
                let answer = front
                    .call(request)
                    .await
                    .map_err(|error| Box::new(error) as LineError)?;
                Ok(answer.map(|body| body.map_err(|error| Box::new(error) as LineError).boxed_unsync()))
            };
            let cut = |loss: Loss| -> LineError {
                match loss {
                    Loss::Cut => loss.to_string().into(),
                    Loss::Unconnected => NotSent(loss.to_string()).into(),
                }
            };
            let refused = |status: u16, wait: Option<String>| {
                let body = format!(r#"{{"error":{{"code":"Simulated{status}","message":"a fault"}}}}"#);
                let mut answer = answered(status, body, |error| match error {});
                if let Some(wait) = wait.and_then(|wait| wait.parse().ok()) {
                    answer.headers_mut().insert(http::header::RETRY_AFTER, wait);
                }
                answer
            };
            let failing = Failing {
                cut,
                refused,
                spoil: spoilt_by,
            };
            wire.pass(Side::Entra, what, call, || {}, failing).await
        })
    }
}

fn answered<E>(
    status: u16,
    body: String,
    never: fn(std::convert::Infallible) -> E,
) -> Response<http_body_util::combinators::UnsyncBoxBody<Bytes, E>>
where
    E: 'static,
{
    let mut answer = Response::new(Full::new(Bytes::from(body)).map_err(never).boxed_unsync());
    // Statuses of faults are those that HTTP knows.
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let json = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, json);
    answer
}

/// An answer that is being spoilt.
type Spoiling<T> = Pin<Box<dyn Future<Output = Response<T>> + Send>>;

/// Graph's answer, spoilt in this way.
fn spoilt_by(answer: Response<LineBody>, how: Spoilt) -> Spoiling<LineBody> {
    Box::pin(spoil(answer, how))
}

async fn spoil(answer: Response<LineBody>, how: Spoilt) -> Response<LineBody> {
    let (mut parts, body) = answer.into_parts();
    // A body in memory is read to its end.
    let whole = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let json = || serde_json::from_slice::<Value>(&whole).unwrap_or_default();
    let spoilt = match how {
        Spoilt::Truncated => whole.slice(..whole.len() / 2),
        Spoilt::Html => {
            let html = http::HeaderValue::from_static("text/html");
            parts.headers.insert(http::header::CONTENT_TYPE, html);
            parts.status = http::StatusCode::OK;
            Bytes::from_static(b"<html><body>Sign in to the guest network</body></html>")
        }
        Spoilt::Redirect => {
            parts.status = http::StatusCode::FOUND;
            let elsewhere = http::HeaderValue::from_static("https://elsewhere.example/v1.0");
            parts.headers.insert(http::header::LOCATION, elsewhere);
            Bytes::new()
        }
        Spoilt::ForeignNextLink => {
            let mut json = json();
            if json.is_object() {
                json["@odata.nextLink"] = "https://elsewhere.example/v1.0/next".into();
            }
            Bytes::from(json.to_string())
        }
        Spoilt::WithoutId => {
            let mut json = json();
            without_ids(&mut json);
            Bytes::from(json.to_string())
        }
        Spoilt::UnknownEnum => {
            let mut json = json();
            with_unknown_values(&mut json);
            Bytes::from(json.to_string())
        }
    };
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let body = Full::new(spoilt).map_err(|error| match error {}).boxed_unsync();
    Response::from_parts(parts, body)
}

fn without_ids(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("id");
            members.values_mut().for_each(without_ids);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_ids),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The properties of entitlement management that are enumerations.
const ENUMERATIONS: [&str; 6] = [
    "state",
    "catalogType",
    "allowedTargetScope",
    "type",
    "requestType",
    "originSystem",
];

fn with_unknown_values(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if ENUMERATIONS.contains(&name.as_str()) && value.is_string() {
                    *value = "brandNew".into();
                } else {
                    with_unknown_values(value);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(with_unknown_values),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[derive(Clone)]
struct ToApiServer {
    wire: Wire,
    door: Door,
    /// Where somebody else writes.
    others: ApiServer,
}

impl Service<Request<kube::client::Body>> for ToApiServer {
    type Response = Response<AnswerBody>;
    type Error = kube::Error;
    type Future = Answering<AnswerBody, kube::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let Self { wire, mut door, others } = self.clone();
        Box::pin(async move {
            let what = named(&request);
            let cut = |loss: Loss| kube::Error::Service(loss.to_string().into());
            let refused = |status: u16, _: Option<String>| {
                let reason = match status {
                    403 => "Forbidden",
                    409 => "Conflict",
                    422 => "Invalid",
                    _ => "InternalError",
                };
                let body = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "a fault", "reason": reason, "code": status});
                answered(status, body.to_string(), |error| error)
            };
            // Nobody spoils what the API server says.
            let spoil =
                |answer: Response<AnswerBody>, _: Spoilt| -> Spoiling<AnswerBody> { Box::pin(async { answer }) };
            let object = written(&request);
            let outrun = || {
                if let Some(path) = &object {
                    touch(&others, path);
                }
            };
            let failing = Failing { cut, refused, spoil };
            wire.pass(Side::ApiServer, what, door.call(request), outrun, failing)
                .await
        })
    }
}

/// The object that a write is for.
fn written(request: &Request<kube::client::Body>) -> Option<String> {
    let is_write = [http::Method::PUT, http::Method::PATCH].contains(request.method());
    let path = request.uri().path();
    let path = path.strip_suffix("/status").unwrap_or(path);
    (is_write && path.contains("entra-operator.io")).then(|| path.to_owned())
}

/// Somebody else writes something that means nothing to the operator.
fn touch(cluster: &ApiServer, path: &str) {
    let revision = cluster.revision().to_string();
    let patch = serde_json::json!({"metadata": {"annotations": {"example.com/touched": revision}}});
    // An object that is gone cannot be touched.
    let _ = cluster.request(
        &User::admin(),
        "PATCH",
        path,
        "application/merge-patch+json",
        Some(&patch),
    );
}
