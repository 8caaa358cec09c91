//! Publishing what a visit has to tell.

use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use crate::report::Note;

/// A recorder remembers what it published in the last minutes, to count repeats instead of publishing them again. With many
/// objects that is more memory than the objects take; so it is followed by another after as many events as this.
const REMEMBERED: usize = 256;

/// Where events go.
pub(super) struct Events {
    client: Client,
    reporter: Reporter,
    /// The recorder, and how many events it was given.
    recorder: Mutex<(Recorder, usize)>,
}

impl Events {
    pub(super) fn new(client: Client, pod_name: Option<String>) -> Self {
        let reporter = Reporter {
            controller: "entra-access-operator".into(),
            instance: pod_name,
        };
        Self {
            recorder: Mutex::new((Recorder::new(client.clone(), reporter.clone()), 0)),
            client,
            reporter,
        }
    }

    fn recorder(&self) -> Recorder {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        if recorder.1 == REMEMBERED {
            *recorder = (Recorder::new(self.client.clone(), self.reporter.clone()), 0);
        }
        recorder.1 += 1;
        recorder.0.clone()
    }

    /// Publishes an event about this object. One that fails is logged: it never fails a visit.
    pub(super) async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, note: &Note) {
        let published = self.recorder().publish(&event(note), &object.object_ref(&())).await;
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
        if let Err(error) = self.recorder().publish(&event(note), object).await {
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
