//! The samples, applied one after another, each watched until it is Ready.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use stage::{Error, Result, Stage, condition_in, is_ready, workspace};

use crate::calls;
use crate::interrupt::Interrupt;
use crate::screen::{Screen, seconds, shorten, width};

const GROUP: &str = "access.entra-operator.io/";
const LOOK: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ready,
    NotReady,
}

/// The YAML files of the folder, by name.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|source| Error::Io {
        what: format!("read {}", folder.display()),
        source,
    })?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Error::Build(format!("there is no .yaml file in {}", folder.display())));
    }
    Ok(files)
}

/// Applies each file and waits for its objects before the next; stops at the first that does not become Ready.
pub(crate) fn play(stage: &mut Stage, files: &[PathBuf], patience: Duration, screen: &mut Screen) -> Result<Outcome> {
    let mut shown = 0;
    for file in files {
        let name = file
            .strip_prefix(workspace::root())
            .unwrap_or(file)
            .display()
            .to_string();
        screen.blank();
        screen.line(&format!("  {} {}", screen.cyan("kubectl apply -f"), screen.cyan(&name)));
        let started = Instant::now();
        let answer = stage.kubectl(&["apply", "-f", &file.display().to_string(), "-o", "json"])?;
        let mut waiting = applied(&answer)?;
        while !waiting.is_empty() {
            stage.operator()?.must_run()?;
            shown += show_calls(stage, shown, screen);
            let mut still = Vec::new();
            for object in waiting {
                let seen = object.look(stage)?;
                if seen.as_ref().is_none_or(is_ready) {
                    // Its calls come before its own line.
                    shown += show_calls(stage, shown, screen);
                    screen.line(&object.ready_line(seen.as_ref(), started.elapsed(), screen));
                } else {
                    still.push(object);
                }
            }
            waiting = still;
            let Some(first) = waiting.first() else { break };
            if started.elapsed() > patience {
                explain(stage, first, screen)?;
                return Ok(Outcome::NotReady);
            }
            screen.busy(&first.waiting_line(stage)?);
            thread::sleep(LOOK);
        }
    }
    Ok(Outcome::Ready)
}

/// Shows the calls of whatever is done by hand, until the demo is asked to end.
pub(crate) fn follow(stage: &Stage, interrupt: &Interrupt, screen: &mut Screen) -> Result<()> {
    interrupt.in_order();
    let mut shown = stage.emulator().mark();
    while !interrupt.asked() {
        shown += show_calls(stage, shown, screen);
        screen.busy("Graph calls appear here as you change things · Ctrl-C ends");
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn show_calls(stage: &Stage, shown: usize, screen: &mut Screen) -> usize {
    let requests = stage.emulator().requests();
    let new = requests.get(shown..).unwrap_or_default();
    for call in new.iter().filter(|call| !stage::emulator::is_token_request(call)) {
        screen.line(&calls::line(call, screen));
    }
    new.len()
}

struct Applied {
    kind: String,
    name: String,
    namespace: Option<String>,
    ours: bool,
}

fn applied(answer: &str) -> Result<Vec<Applied>> {
    let answer: Value =
        serde_json::from_str(answer).map_err(|error| Error::Http(format!("kubectl's answer is no JSON: {error}")))?;
    let objects = match answer["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![answer],
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(objects
        .iter()
        .map(|object| Applied {
            kind: text(&object["kind"]),
            name: text(&object["metadata"]["name"]),
            namespace: object["metadata"]["namespace"].as_str().map(str::to_owned),
            ours: object["apiVersion"]
                .as_str()
                .is_some_and(|version| version.starts_with(GROUP)),
        })
        .collect())
}

impl Applied {
    /// None for an object that has no Ready condition to wait for.
    fn look(&self, stage: &Stage) -> Result<Option<Value>> {
        if !self.ours {
            return Ok(None);
        }
        let object = stage.get(&self.kind, &self.name, self.namespace.as_deref())?;
        Ok(Some(object.unwrap_or(Value::Null)))
    }

    fn ready_line(&self, object: Option<&Value>, took: Duration, screen: &Screen) -> String {
        let ready = object.and_then(|object| condition_in(object, "Ready"));
        let reason = ready.and_then(|ready| ready["reason"].as_str());
        let state = reason.map_or_else(|| "applied".to_owned(), |reason| format!("Ready ({reason})"));
        format!(
            "    {} {:<17} {:<26} {:<24} {}",
            screen.green("✓"),
            self.kind,
            screen.bold(&format!("{:<26}", self.name)),
            state,
            screen.dim(&seconds(took)),
        )
    }

    fn waiting_line(&self, stage: &Stage) -> Result<String> {
        let object = self.look(stage)?.unwrap_or_default();
        let ready = condition_in(&object, "Ready");
        let message = ready
            .and_then(|ready| ready["message"].as_str())
            .unwrap_or("not looked at yet");
        Ok(format!("{} {}: {message}", self.kind, self.name))
    }
}

fn explain(stage: &Stage, object: &Applied, screen: &mut Screen) -> Result<()> {
    let seen = object.look(stage)?.unwrap_or_default();
    screen.line(&format!(
        "    {} {} {} did not become Ready",
        screen.red("✗"),
        object.kind,
        screen.bold(&object.name)
    ));
    for condition in seen["status"]["conditions"].as_array().into_iter().flatten() {
        let field = |name: &str| condition[name].as_str().unwrap_or_default();
        let line = format!(
            "{}={} {}: {}",
            field("type"),
            field("status"),
            field("reason"),
            field("message")
        );
        screen.line(&format!("      {line}"));
    }
    screen.line(&screen.dim("      the end of the operator's log:"));
    let log = stage.log();
    let lines: Vec<&str> = log.lines().collect();
    for line in &lines[lines.len().saturating_sub(10)..] {
        screen.line(&screen.dim(&format!("      {}", shorten(line, width() * 2))));
    }
    Ok(())
}
