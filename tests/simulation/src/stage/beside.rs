//! A second process: one that led before, and has not heard that another leads now.

use std::{future::pending, time::Duration};

use entra_access_operator::{chance::Chance, clock::Clock};
use tokio::time::Instant;

use super::{ApiServer, Blow, Life, MOST_CALLS, Manner, RESTART, Stage, TENURE, Wire};

/// How long after the last renewal of another's Lease a process begins to lead.
const LEASE: Duration = Duration::from_secs(15);
/// How long a process that stood still goes on before it hears that it no longer leads.
const DAZED: Duration = Duration::from_secs(2);

/// The process that led before.
pub(super) struct Former {
    life: Life,
    /// Until when it stands still.
    wakes: Instant,
    until: Instant,
    /// How late it hears of what is written.
    deaf: Duration,
}

impl Former {
    /// When it is gone at the latest.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    pub(super) fn life(self) -> Life {
        self.life
    }
}

/// Lets it go on beside the other; ends when it is gone. None goes on for ever.
pub(super) async fn go_on(
    former: &mut Option<Former>,
    (cluster, wire): (&ApiServer, &Wire),
    clock: &Clock,
    manner: Manner,
    chance: &Chance,
) {
    let Some(former) = former else {
        return pending().await;
    };
    let Former {
        life,
        wakes,
        until,
        deaf,
    } = former;
    clock.sleep_until(*wakes).await;
    while clock.instant() < *until && wire.count() <= MOST_CALLS {
        let now = clock.instant();
        let known = life.news.len();
        life.hear(cluster, now, manner, chance);
        for (at, _, _) in life.news.iter_mut().skip(known) {
            *at += *deaf;
        }
        life.deliver(cluster, now, manner, chance).await;
        life.answer(now);
        life.begin(now, manner, chance);
        let next = life.next();
        let wake = next.map_or(*until, |next| next.min(*until));
        tokio::select! {
            biased;
            Some((key, again)) = futures::StreamExt::next(&mut life.visits), if !life.visits.is_empty() => {
                life.ended(key, again, clock.instant());
            }
            () = clock.sleep_until(wake) => {}
        }
        tokio::task::yield_now().await;
    }
}

impl Stage {
    /// The process that led before is gone.
    pub(super) fn forget_former(&mut self) {
        if let Some(former) = self.former.take() {
            former.life.machine.halt();
            self.wire.is_over(former.life.number);
        }
        self.wire.share(false);
    }

    /// What befell the process of this number takes its course.
    pub(super) async fn strike(&mut self, number: u64, blow: Blow) {
        let is_former = self.former.as_ref().is_some_and(|former| former.life.number == number);
        match blow {
            Blow::Killed if is_former => self.forget_former(),
            Blow::Killed => {
                if let Some(life) = self.life.take_if(|life| life.number == number) {
                    life.machine.halt();
                    self.wire.is_over(number);
                    self.clock.sleep(RESTART).await;
                }
            }
            // Two at a time are enough; the wire strikes nobody who is not alone.
            Blow::Joined { .. } | Blow::Frozen(_) if is_former || self.former.is_some() => {}
            Blow::Joined { lasts, deaf } => {
                let now = self.clock.instant();
                self.beside(now, now + lasts, deaf);
            }
            Blow::Frozen(until) => {
                if let Some(life) = &self.life {
                    // The Lease is not renewed from here on.
                    let machine = &life.machine.clock;
                    life.tenure.end(machine);
                    life.tenure.prolong(machine.instant() + TENURE, machine.now() + TENURE);
                }
                self.beside(until, until + DAZED, Duration::ZERO);
                self.clock.sleep(LEASE).await;
            }
        }
    }

    fn beside(&mut self, wakes: Instant, until: Instant, deaf: Duration) {
        self.former = self.life.take().map(|life| Former {
            life,
            wakes,
            until,
            deaf,
        });
        self.wire.share(self.former.is_some());
    }
}
