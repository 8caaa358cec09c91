use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;

use serde_json::{Value, json};

/// What is done with a [`history`](crate::ControlPlane::history) at the end; it panics where it finds a fault.
pub type Review = fn(&[Value]);

/// The rule of the audit policy that has every object of this group in the log as it was stored.
pub(crate) fn rule(group: &str) -> Value {
    json!({
        "level": "RequestResponse",
        "verbs": ["create", "update", "patch", "delete"],
        "resources": [{"group": group}],
    })
}

/// Every state that the objects of one API group were in: what the API server answered to each write.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) log: PathBuf,
    pub(crate) group: String,
    pub(crate) review: Option<Review>,
}

impl History {
    /// The states until now, in the order of the writes.
    pub(crate) fn states(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let events = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let mut seen = BTreeSet::new();
        events
            .filter_map(|event: Value| self.stored(event))
            // A write that changes nothing is answered with the state that was there before.
            .filter(|object| {
                seen.insert(json!([object["metadata"]["uid"], object["metadata"]["resourceVersion"]]).to_string())
            })
            .collect()
    }

    /// The object that was stored by this request; none where it was refused or only tried.
    fn stored(&self, mut event: Value) -> Option<Value> {
        let is_tried = event["requestURI"].as_str()?.contains("dryRun=");
        let object = event["responseObject"].take();
        let (group, _) = object["apiVersion"].as_str()?.split_once('/')?;
        (group == self.group && !is_tried).then_some(object)
    }
}

impl Drop for History {
    fn drop(&mut self) {
        if let Some(review) = self.review
            && !thread::panicking()
        {
            review(&self.states());
        }
    }
}
