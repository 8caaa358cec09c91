//! What wakes a visit that no news of the cluster asks for.
//!
//! Graph has gone away or is back, so its tenant has something to say; it is back, so those who waited for it come, in turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{clock::Clock, cluster::Key};

/// So many are woken together, at most: those of one catalog, which share what is read for them.
const TOGETHER: usize = 100;
/// After so long those whose turn is next.
const BETWEEN: Duration = Duration::from_millis(600);

/// Wakes. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    rings: UnboundedSender<Key>,
    turns: Arc<AtomicUsize>,
}

impl Alarm {
    /// One, and where it is heard.
    pub(crate) fn new() -> (Self, UnboundedReceiver<Key>) {
        let (rings, heard) = unbounded_channel();
        let turns = Arc::default();
        (Self { rings, turns }, heard)
    }

    /// Wakes one.
    pub(crate) fn ring(&self, key: Key) {
        // Fails only at the end of the process.
        let _ = self.rings.send(key);
    }

    /// Wakes many, in turn.
    pub(crate) async fn ring_in_turn(&self, clock: &Clock, groups: Vec<Vec<Key>>) {
        let _turn = Turn::begin(&self.turns);
        let mut is_first = true;
        for group in &groups {
            for turn in group.chunks(TOGETHER) {
                if !std::mem::take(&mut is_first) {
                    clock.sleep(BETWEEN).await;
                }
                for key in turn {
                    self.ring(key.clone());
                }
            }
        }
    }

    /// Whether somebody waits for his turn.
    pub(crate) fn has_turns(&self) -> bool {
        self.turns.load(Ordering::Relaxed) > 0
    }
}

/// Some are being woken in turn.
struct Turn<'a>(&'a AtomicUsize);

impl<'a> Turn<'a> {
    fn begin(turns: &'a AtomicUsize) -> Self {
        turns.fetch_add(1, Ordering::Relaxed);
        Self(turns)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
