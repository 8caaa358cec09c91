//! Whose visit is due, and when: found by time, and those whose time has come in the order of their names.

use std::collections::{BTreeMap, BTreeSet};

use entra_access_operator::operator::Key;
use tokio::time::Instant;

/// The visits that are to be made.
#[derive(Debug, Default)]
pub struct Due {
    at: BTreeMap<Key, Instant>,
    /// Those whose time has not come when it was last looked.
    later: BTreeSet<(Instant, Key)>,
    /// Those whose time had come.
    now: BTreeSet<Key>,
}

impl Due {
    /// The visit of this object is due then, whenever it was before.
    pub fn put(&mut self, key: Key, at: Instant) {
        self.take(&key);
        self.at.insert(key.clone(), at);
        self.later.insert((at, key));
    }

    /// The visit of this object is made.
    pub fn take(&mut self, key: &Key) {
        if let Some(at) = self.at.remove(key) {
            self.now.remove(key);
            self.later.remove(&(at, key.clone()));
        }
    }

    /// Those whose time has come, in the order of their names.
    pub fn now(&mut self, now: Instant) -> &BTreeSet<Key> {
        while let Some((at, _)) = self.later.first()
            && *at <= now
        {
            if let Some((_, key)) = self.later.pop_first() {
                self.now.insert(key);
            }
        }
        &self.now
    }

    /// When the first of all is due.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let first = self.later.first().map(|(at, _)| *at);
        let passed = self.now.first().and_then(|key| self.at.get(key)).copied();
        first.into_iter().chain(passed).min()
    }

    /// One of them.
    #[must_use]
    pub fn any(&self) -> Option<&Key> {
        self.at.keys().next()
    }
}
