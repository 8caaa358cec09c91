//! The roles of sites that no list shows, as they were last verified: each costs a call of its own, so they are read as
//! seldom as names are looked up again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::inventory::Freshness;
use crate::graph::{Listed, Read, ResourceId, ResourceRole};

type Roles = Read<Listed<ResourceRole>>;

/// What is remembered of sites whose roles are bound.
pub(crate) struct SiteRoles {
    verify_after: Duration,
    known: Mutex<HashMap<ResourceId, (Instant, Roles)>>,
}

impl SiteRoles {
    pub(crate) fn new(verify_after: Duration) -> Self {
        Self {
            verify_after,
            known: Mutex::default(),
        }
    }

    /// What a site was last seen to have, where that is recent enough. Of one that nobody has looked at yet nothing is
    /// known and nothing is due: its roles were just bound, or this process has just begun.
    pub(crate) fn recent(&self, id: &ResourceId, freshness: Freshness, now: Instant) -> Option<Roles> {
        let age = |at: Instant| now.saturating_duration_since(at);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Of what nobody looks at any more.
        known.retain(|_, (at, _)| age(*at) < self.verify_after.saturating_mul(2));
        let (at, roles) = known.entry(id.clone()).or_insert((now, Read::Unread));
        let is_due = freshness == Freshness::Now || age(*at) >= self.verify_after;
        (!is_due).then(|| roles.clone())
    }

    /// What a site has by now; unread where it was not told, and what was known of it stays. Answers what is known.
    pub(crate) fn verified(&self, id: &ResourceId, told: Roles, now: Instant) -> Roles {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, roles) = known.entry(id.clone()).or_insert((now, Read::Unread));
        *at = now;
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
    use super::*;
    use crate::clock::Clock;

    const AFTER: Duration = Duration::from_secs(60);
    const ORDINARY: Freshness = Freshness::Within(Duration::from_secs(8));

    fn told() -> Roles {
        Read::Read(Listed::default())
    }

    #[test]
    fn roles_are_verified_now_and_then_and_stay_known_meanwhile() {
        let sites = SiteRoles::new(AFTER);
        let id = ResourceId::from("portal");
        let begun = Clock::system().instant();
        assert_eq!(sites.recent(&id, ORDINARY, begun), Some(Read::Unread));
        let due = begun + AFTER;
        assert_eq!(sites.recent(&id, ORDINARY, due), None, "it is time");
        assert_eq!(sites.verified(&id, told(), due), told());
        let later = due + AFTER / 2;
        assert_eq!(sites.recent(&id, ORDINARY, later), Some(told()));
        assert_eq!(sites.recent(&id, Freshness::Now, later), None, "somebody asks");
        assert_eq!(sites.verified(&id, Read::Unread, later), told(), "not told is not gone");
        assert_eq!(sites.recent(&id, ORDINARY, due + AFTER), Some(told()));
        sites.forget(&id);
        assert_eq!(sites.recent(&id, ORDINARY, due + AFTER), Some(Read::Unread));
    }
}
