//! Whose visit is due, and when: found by time, and those whose time has come in the order of their names.

use std::collections::{BTreeMap, BTreeSet};

use entra_access_operator::{api::KindName, operator::Key};
use tokio::time::Instant;

/// The visits that are to be made.
#[derive(Debug, Default)]
pub struct Due {
    at: BTreeMap<Key, Instant>,
    /// Those whose time has not come when it was last looked.
    later: BTreeSet<(Instant, Key)>,
    /// Those whose time had come, by their kinds.
    now: BTreeMap<KindName, BTreeSet<Key>>,
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
            if let Some(keys) = self.now.get_mut(&key.kind) {
                keys.remove(key);
            }
            self.later.remove(&(at, key.clone()));
        }
    }

    /// How many there are whose time has come, but for those of these kinds.
    pub fn count(&mut self, now: Instant, full: &[KindName]) -> usize {
        while let Some((at, _)) = self.later.first()
            && *at <= now
        {
            if let Some((_, key)) = self.later.pop_first() {
                self.now.entry(key.kind).or_default().insert(key);
            }
        }
        self.passed(full).map(BTreeSet::len).sum()
    }

    /// One of those that [`Self::count`] has counted, in the order of their names.
    #[must_use]
    pub fn nth(&self, index: usize, full: &[KindName]) -> Option<Key> {
        self.passed(full).flatten().nth(index).cloned()
    }

    fn passed(&self, full: &[KindName]) -> impl Iterator<Item = &BTreeSet<Key>> {
        let open = self.now.iter().filter(|(kind, _)| !full.contains(kind));
        open.map(|(_, keys)| keys)
    }

    /// When the first of all is due, but for those of these kinds whose time has come.
    #[must_use]
    pub fn next(&self, full: &[KindName]) -> Option<Instant> {
        let first = self.later.first().map(|(at, _)| *at);
        let passed = self.passed(full).filter_map(|keys| self.at.get(keys.first()?)).min();
        first.into_iter().chain(passed.copied()).min()
    }

    /// One of them.
    #[must_use]
    pub fn any(&self) -> Option<&Key> {
        self.at.keys().next()
    }
}
