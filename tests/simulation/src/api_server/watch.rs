//! Watches by HTTP, for those who do not read the history: lines of JSON, as they are written.
//!
//! No bookmarks, no initial events (`sendInitialEvents`); an object that a selector no longer matches is not told to be gone.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use entra_access_operator::clock::Clock;
use futures::Stream;
use http_body::Frame;
use serde_json::{Value, json};
use tokio::{sync::watch::Receiver, time::Instant};

use super::{
    read::metadata_of,
    refusal::Refusal,
    request::Request,
    selector::Selector,
    state::{Outcome, Reply, State},
    store::WatchEvent,
};

/// How long a watch lasts that does not say.
const LONGEST: Duration = Duration::from_secs(1_800);

/// A watch that has been taken up.
#[derive(Debug)]
pub(super) struct Watch {
    request: Request,
    selector: Selector,
    /// The resourceVersion that was told last.
    told: u64,
    written: Receiver<u64>,
    clock: Clock,
    until: Instant,
}

impl State {
    pub(super) fn watch(&self, request: &Request) -> Outcome {
        let number = |name: &str| request.asks(name).and_then(|number| number.parse::<u64>().ok());
        let told = match number("resourceVersion") {
            // From now on, or from any moment: the real server then begins with all that there is.
            None | Some(0) => self.store.revision(),
            Some(version) => version,
        };
        let lasts = number("timeoutSeconds").map_or(LONGEST, Duration::from_secs);
        let watch = Watch {
            selector: Selector::read(request)?,
            request: request.clone(),
            told,
            written: self.store.subscribe(),
            until: self.clock.instant() + lasts,
            clock: self.clock.clone(),
        };
        Ok(Reply::watched(watch))
    }
}

impl Watch {
    /// The lines, as they come; ends with its time, and where the history does not reach back.
    pub(super) fn lines(self, state: Arc<Mutex<State>>) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
        futures::stream::unfold(Some((self, state)), |watched| async move {
            let (mut watch, state) = watched?;
            loop {
                // What is written from here on is seen as a change.
                watch.written.mark_unchanged();
                let (lines, is_over) = {
                    let state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    watch.news(&state)
                };
                if !lines.is_empty() {
                    let frame = Ok(Frame::data(Bytes::from(lines)));
                    return Some((frame, (!is_over).then_some((watch, state))));
                }
                let left = watch.until.saturating_duration_since(watch.clock.instant());
                let clock = watch.clock.clone();
                match clock.within(left, watch.written.changed()).await {
                    Some(Ok(())) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        })
    }

    /// What was written since, and whether it ends with that.
    fn news(&mut self, state: &State) -> (String, bool) {
        let compacted = state.store.compacted();
        if self.told < compacted {
            let status = Refusal::expired(self.told, compacted).body;
            return (line("ERROR", &status), true);
        }
        let mut lines = String::new();
        for event in state.store.since(self.told) {
            self.told = event.resource_version;
            if self.concerns(event) {
                lines.push_str(&line(event.event_type.name(), &self.shown(event)));
            }
        }
        (lines, false)
    }

    fn concerns(&self, event: &WatchEvent) -> bool {
        let namespace = event.object["metadata"]["namespace"].as_str();
        event.storage == self.request.resource.storage()
            && self
                .request
                .namespace
                .as_deref()
                .is_none_or(|asked| namespace == Some(asked))
            && self.selector.matches(&event.object)
    }

    fn shown(&self, event: &WatchEvent) -> Value {
        let object = self.request.resource.show(&event.object);
        if self.request.wants_metadata_only {
            metadata_of(&object)
        } else {
            object
        }
    }
}

fn line(event_type: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": event_type, "object": object}))
}
