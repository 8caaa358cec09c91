//! Publishing what a visit has to tell.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use crate::{plan::drift::digest, report::Note};

/// A recorder remembers what it published in the last minutes, to count repeats instead of publishing them again. With many
/// objects that is more memory than the objects take; so it is followed by another after as many events as this.
const REMEMBERED: usize = 256;

/// Where events go.
pub(super) struct Events {
    client: Client,
    reporter: Reporter,
    recorder: Mutex<Told>,
}

/// A recorder and what it was given last of each object and reason: it takes what has another text for a repeat, and counts it under
/// the old one, so that another recorder tells what is new.
struct Told {
    recorder: Recorder,
    last: HashMap<(String, String), String>,
}

impl Events {
    pub(super) fn new(client: Client, pod_name: Option<String>) -> Self {
        let reporter = Reporter {
            controller: "entra-access-operator".into(),
            instance: pod_name,
        };
        Self {
            recorder: Mutex::new(Told {
                recorder: Recorder::new(client.clone(), reporter.clone()),
                last: HashMap::new(),
            }),
            client,
            reporter,
        }
    }

    /// The recorder that tells this of an object.
    fn recorder(&self, object: &ObjectReference, note: &Note) -> Recorder {
        let mut told = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        let place =
            [&object.kind, &object.namespace, &object.name, &object.uid].map(|part| part.as_deref().unwrap_or("-")); // it only has to differ
        let key = (place.join("/"), note.reason.name());
        let text = digest(&note.message);
        let is_new = told.last.get(&key).is_some_and(|last| *last != text);
        if is_new || told.last.len() == REMEMBERED {
            told.recorder = Recorder::new(self.client.clone(), self.reporter.clone());
            told.last.clear();
        }
        told.last.insert(key, text);
        told.recorder.clone()
    }

    /// Publishes an event about this object. One that fails is logged: it never fails a visit.
    pub(super) async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, note: &Note) {
        let object_ref = object.object_ref(&());
        let published = self
            .recorder(&object_ref, note)
            .publish(&event(note), &object_ref)
            .await;
        let Err(error) = published else {
            return;
        };
        let reason = note.reason.name();
        if object.meta().deletion_timestamp.is_some() {
            // A namespace that is going takes no events any more; the log has the words.
            tracing::debug!(%error, %reason, "event not published");
        } else {
            tracing::warn!(%error, %reason, "event not published");
        }
    }
    /// Publishes an event about an object that need not be there any more. One that fails is logged: the namespace may be
    /// going as well, and takes none then.
    pub(super) async fn publish_about(&self, object: &ObjectReference, note: &Note) {
        if let Err(error) = self.recorder(object, note).publish(&event(note), object).await {
            let reason = note.reason.name();
            tracing::debug!(%error, %reason, "event not published");
        }
    }
}

fn event(note: &Note) -> Event {
    Event {
        type_: if note.is_warning {
            EventType::Warning
        } else {
            EventType::Normal
        },
        reason: note.reason.name(),
        note: Some(note.message.chars().take(1_000).collect()),
        action: "Reconcile".into(),
        secondary: None,
    }
}
