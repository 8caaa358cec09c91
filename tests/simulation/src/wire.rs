//! The one layer of faults: every call that the operator sends, to Graph, to the token authority and to the API server, passes
//! here, is counted, and may be met by a fault before it arrives or after it was carried out.

mod lines;
mod spoiling;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    future::{Future, pending},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entra_access_operator::{clock::Clock, graph::Line};
use graph_emulator::Front;
use http::Response;
use k8s_openapi::jiff::SignedDuration;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use crate::{
    api_server::{ApiServer, Door},
    fault::{Fault, Loss, Outage, Spell, Spoilt, Wait},
};
use lines::{ToApiServer, ToEntra};
use spoiling::Spoiling;

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
        self.lasts_until(|spell| match spell {
            Spell::Away | Spell::Hanging => true,
            Spell::Stalled | Spell::StatusRefused(_) | Spell::Conflicts => false,
        })
    }

    /// Until when no watch tells anything.
    #[must_use]
    pub fn is_silent_until(&self) -> Option<Instant> {
        self.lasts_until(|spell| match spell {
            Spell::Away | Spell::Hanging | Spell::Stalled => true,
            Spell::StatusRefused(_) | Spell::Conflicts => false,
        })
    }

    fn lasts_until(&self, is_meant: impl Fn(Spell) -> bool) -> Option<Instant> {
        let now = self.clock.instant();
        let inner = self.inner();
        let lasting = inner.spells.iter();
        let lasting = lasting.filter(|(spell, until)| is_meant(*spell) && *until > now);
        lasting.map(|(_, until)| *until).max()
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
                (Spell::Stalled | Spell::StatusRefused(_) | Spell::Conflicts, Side::ApiServer) | (_, Side::Entra) => {
                    None
                }
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
