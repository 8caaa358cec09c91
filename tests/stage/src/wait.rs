use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Error, Result};

const POLL: Duration = Duration::from_millis(50);

/// Looks every 50 ms until `look` answers `Ok`, or the deadline passes.
///
/// `look` answers `Err` with what it saw instead; the last such value is part of the error, JSON in its long form.
///
/// # Errors
/// [`Error::Deadline`] with what was last seen.
pub fn wait_for<T, S: Display>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> std::result::Result<T, S>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(seen) if started.elapsed() >= deadline => {
                return Err(Error::Deadline {
                    what: what.to_owned(),
                    waited: started.elapsed(),
                    seen: format!("{seen:#}"),
                });
            }
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// The condition of this type in `status.conditions`.
#[must_use]
pub fn condition_in<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// Whether Ready is True and speaks about the generation that is there now.
#[must_use]
pub fn is_ready(object: &Value) -> bool {
    condition_in(object, "Ready").is_some_and(|ready| {
        ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
    })
}
