//! The objects as they are stored, and everything that was ever written, in the order of the writes.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use tokio::sync::watch;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// It is new.
    Added,
    /// It was changed.
    Modified,
    /// It is gone.
    Deleted,
}

impl EventType {
    /// As watches name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One write.
#[derive(Clone, Debug)]
pub struct WatchEvent {
    /// The kind of the object: `Catalog`.
    pub kind: String,
    /// What became of it.
    pub event_type: EventType,
    /// The object; of one that is gone, its last form with the resourceVersion of its end.
    pub object: Arc<Value>,
    /// The resourceVersion of the write.
    pub resource_version: u64,
    /// What it is stored under.
    pub(super) storage: String,
}

/// Where an object is: what it is stored under, and `namespace/name`, or `name`.
///
/// In the order of etcd's keys, which is not that of the two names one after the other: `a-b/x` comes before `a/x`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) storage: String,
    pub(super) path: String,
}

impl Key {
    pub(super) fn new(storage: String, namespace: Option<&str>, name: &str) -> Self {
        let path = match namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        };
        Self { storage, path }
    }
}

/// What is stored.
#[derive(Debug, Default)]
pub(super) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    revision: u64,
    history: Vec<WatchEvent>,
    /// What was written up to here is no longer in the history.
    compacted: u64,
    /// Tells the last resourceVersion to those who wait for the next.
    written: watch::Sender<u64>,
}

impl Store {
    /// The resourceVersion of the last write.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// Those of one kind, of one namespace or of all, in the order of their keys.
    pub(super) fn range<'a>(
        &'a self,
        storage: &str,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + use<'a> {
        let path = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default(); // all begin with nothing
        let first = Key {
            storage: storage.to_owned(),
            path: path.clone(),
        };
        let storage = storage.to_owned();
        self.objects
            .range(first..)
            .take_while(move |(key, _)| key.storage == storage && key.path.starts_with(&path))
    }

    /// Stores the object under the next resourceVersion, and answers it with that.
    pub(super) fn put(&mut self, kind: &str, key: Key, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let object = Arc::new(object);
        let event_type = match self.objects.insert(key.clone(), Arc::clone(&object)) {
            Some(_) => EventType::Modified,
            None => EventType::Added,
        };
        self.record(kind, event_type, Arc::clone(&object), key.storage);
        object
    }

    /// Takes the object away; watches see it in this last form.
    pub(super) fn remove(&mut self, kind: &str, key: &Key, last: &Value) {
        if self.objects.remove(key).is_none() {
            return;
        }
        self.revision += 1;
        let mut last = last.clone();
        last["metadata"]["resourceVersion"] = self.revision.to_string().into();
        self.record(kind, EventType::Deleted, Arc::new(last), key.storage.clone());
    }

    fn record(&mut self, kind: &str, event_type: EventType, object: Arc<Value>, storage: String) {
        self.history.push(WatchEvent {
            kind: kind.to_owned(),
            event_type,
            object,
            resource_version: self.revision,
            storage,
        });
        self.written.send_replace(self.revision);
    }

    /// To wait for the next write.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Every write after this resourceVersion.
    pub(super) fn since(&self, resource_version: u64) -> &[WatchEvent] {
        let from = self
            .history
            .partition_point(|event| event.resource_version <= resource_version);
        &self.history[from..]
    }

    /// Forgets the history up to here, as etcd does after some minutes.
    pub(super) fn compact(&mut self, resource_version: u64) {
        let from = self
            .history
            .partition_point(|event| event.resource_version <= resource_version);
        self.history.drain(..from);
        self.compacted = self.compacted.max(resource_version.min(self.revision));
    }

    /// The resourceVersion up to which the history is forgotten.
    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }
}
