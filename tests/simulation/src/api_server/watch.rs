//! Watches by HTTP.

use super::{
    refusal::Refusal,
    request::Request,
    state::{Outcome, State},
};

impl State {
    /// Watches by HTTP are not served: who simulates reads [`ApiServer::events_since`](super::ApiServer::events_since).
    pub(super) fn check_watch(&self, request: &Request) -> Outcome {
        let asked = request.asks("resourceVersion").and_then(|version| version.parse().ok());
        match asked {
            Some(asked) if asked < self.store.compacted() => Err(Refusal::expired(asked, self.store.compacted())),
            Some(_) | None => Err(Refusal::method_not_allowed()),
        }
    }
}
