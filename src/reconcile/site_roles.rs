//! The roles of sites that no list shows, as they were last verified: each costs a call of its own, so they are read as
//! seldom as names are looked up again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::inventory::Freshness;
use crate::{
    clock::Clock,
    graph::{Listed, Read, ResourceId, ResourceRole},
};

type Roles = Read<Listed<ResourceRole>>;

/// What is remembered of sites whose roles are bound.
pub(crate) struct SiteRoles {
    clock: Clock,
    verify_after: Duration,
    known: Mutex<HashMap<ResourceId, (Instant, Roles)>>,
}

impl SiteRoles {
    pub(crate) fn new(clock: Clock, verify_after: Duration) -> Self {
        Self {
            clock,
            verify_after,
            known: Mutex::default(),
        }
    }

    /// What a site was last seen to have, where that is recent enough. Of one that nobody has looked at yet nothing is
    /// known and nothing is due: its roles were just bound, or this process has just begun.
    pub(crate) fn recent(&self, id: &ResourceId, freshness: Freshness) -> Option<Roles> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Of what nobody looks at any more.
        known.retain(|_, (at, _)| self.clock.since(*at) < self.verify_after.saturating_mul(2));
        let begun = || (self.clock.instant(), Read::Unread);
        let (at, roles) = known.entry(id.clone()).or_insert_with(begun);
        let is_due = freshness == Freshness::Now || self.clock.since(*at) >= self.verify_after;
        (!is_due).then(|| roles.clone())
    }

    /// What a site has by now; unread where it was not told, and what was known of it stays. Answers what is known.
    pub(crate) fn verified(&self, id: &ResourceId, told: Roles) -> Roles {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, roles) = known
            .entry(id.clone())
            .or_insert_with(|| (self.clock.instant(), Read::Unread));
        *at = self.clock.instant();
        if told != Read::Unread {
            *roles = told;
        }
        roles.clone()
    }

    /// Its roles are bound anew, by what others may have told: what was known is older.
    pub(crate) fn forget(&self, id: &ResourceId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    const AFTER: Duration = Duration::from_secs(60);
    const ORDINARY: Freshness = Freshness::Within(Duration::from_secs(8));

    fn told() -> Roles {
        Read::Read(Listed::default())
    }

    #[tokio::test(start_paused = true)]
    async fn roles_are_verified_now_and_then_and_stay_known_meanwhile() {
        let sites = SiteRoles::new(Clock::simulated(Timestamp::UNIX_EPOCH), AFTER);
        let id = ResourceId::from("portal");
        assert_eq!(sites.recent(&id, ORDINARY), Some(Read::Unread));
        tokio::time::advance(AFTER).await;
        assert_eq!(sites.recent(&id, ORDINARY), None, "it is time");
        assert_eq!(sites.verified(&id, told()), told());
        tokio::time::advance(AFTER / 2).await;
        assert_eq!(sites.recent(&id, ORDINARY), Some(told()));
        assert_eq!(sites.recent(&id, Freshness::Now), None, "somebody asks");
        assert_eq!(sites.verified(&id, Read::Unread), told(), "not told is not gone");
        tokio::time::advance(AFTER / 2).await;
        assert_eq!(sites.recent(&id, ORDINARY), Some(told()));
        sites.forget(&id);
        assert_eq!(sites.recent(&id, ORDINARY), Some(Read::Unread));
    }
}
