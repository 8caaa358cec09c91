//! kstatus, the library by which Flux and `helm --wait` tell whether an object is done, without knowing its kind. The
//! library itself (`tests/control-plane/kstatus`) is asked about every state in which the API server stored an object of
//! ours: [`review`] ends every test that starts from `support`, whatever the test is about.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;
use stage::{Error, Program, Result, binaries, condition_in, is_ready};

use crate::support::text;

/// Fails where kstatus takes a state for something else than the operator says.
pub(crate) fn review(states: &[Value]) {
    let wrong = agreed(states).err();
    assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
}

/// How many states kstatus takes for what, where the operator says the same of each.
pub(crate) fn agreed(states: &[Value]) -> std::result::Result<BTreeMap<String, usize>, String> {
    let verdicts = computed(states).map_err(|error| error.to_string())?;
    let mut counts = BTreeMap::new();
    let mut wrong = Vec::new();
    for (state, verdict) in states.iter().zip(&verdicts) {
        *counts.entry(text(&verdict["status"]).to_owned()).or_default() += 1;
        if verdict["status"] != meant(state) {
            wrong.push(format!(
                "kstatus: {verdict}, the operator: {}, of {state:#}",
                meant(state)
            ));
        }
    }
    if wrong.is_empty() && verdicts.len() == states.len() {
        return Ok(counts);
    }
    Err(format!(
        "{} answers for {} states, {} of them wrong:\n{}",
        verdicts.len(),
        states.len(),
        wrong.len(),
        wrong.into_iter().take(3).collect::<Vec<_>>().join("\n")
    ))
}

/// What the operator says of the object, in kstatus' words. A condition counts where it speaks of the present spec.
fn meant(object: &Value) -> &'static str {
    let metadata = &object["metadata"];
    let is_stalled = condition_in(object, "Stalled").is_some_and(|condition| {
        condition["status"] == "True" && condition["observedGeneration"] == metadata["generation"]
    });
    if metadata["deletionTimestamp"].is_string() {
        "Terminating"
    } else if is_ready(object) {
        "Current"
    } else if is_stalled {
        "Failed"
    } else {
        "InProgress"
    }
}

/// What kstatus takes each of these objects for: `status` and `message`, or `error`.
fn computed(objects: &[Value]) -> Result<Vec<Value>> {
    let programs = binaries::ensure(&[Program::Kstatus])?;
    let problem = |source| Error::Io {
        what: "run kstatus".to_owned(),
        source,
    };
    let mut child = Command::new(programs.path(Program::Kstatus)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(problem)?;
    let lines: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let output = thread::scope(|scope| {
        if let Some(mut pipe) = child.stdin.take() {
            // It answers while it reads.
            scope.spawn(move || pipe.write_all(lines.as_bytes()));
        }
        child.wait_with_output()
    });
    let output = output.map_err(problem)?;
    let answers = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(answers
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}
