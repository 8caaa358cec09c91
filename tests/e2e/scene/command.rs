//! Command lines that messages of the operator name.

use std::error::Error;
use std::process::Command;

use stage::{Program, binaries};

use super::{Place, Stage};

type Outcome = Result<(), Box<dyn Error>>;

/// Runs the line: in a shell with kubectl at hand as the administrator, or, on the simulated stage, as kubectl would.
pub(super) fn run(stage: &Stage, line: &str) -> Outcome {
    match &stage.place {
        Place::Real { stage, .. } => run_in_a_shell(stage, line),
        Place::Simulated(_) => understood(stage, line),
    }
}

fn run_in_a_shell(stage: &stage::Stage, line: &str) -> Outcome {
    let programs = binaries::ensure(&[Program::Kubectl])?;
    let folder = programs
        .path(Program::Kubectl)?
        .parent()
        .ok_or("kubectl is in no folder")?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", line])
        .env("PATH", path)
        .env("KUBECONFIG", stage.kubeconfig())
        .env("NO_PROXY", "127.0.0.1,localhost")
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// The two commands that messages name.
fn understood(stage: &Stage, line: &str) -> Outcome {
    let time = stage.time().strftime("%FT%TZ").to_string();
    let line = line.replace("$(date -u +%FT%TZ)", &time);
    let words = shlex::split(&line).ok_or_else(|| format!("no shell reads {line}"))?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (verb, kind, name, rest) = match words.as_slice() {
        ["kubectl", verb, kind, name, rest @ ..] => (*verb, *kind, *name, rest),
        _ => return Err(format!("no command of kubectl: {line}").into()),
    };
    let (namespace, rest) = match rest {
        ["-n", namespace, rest @ ..] => (Some(*namespace), rest),
        rest => (None, rest),
    };
    match (verb, rest) {
        ("annotate", ["--overwrite", annotation]) => {
            let (key, value) = annotation.split_once('=').ok_or("an annotation without a value")?;
            stage.annotate(kind, name, namespace, key, Some(value))?;
        }
        ("patch", ["--type", "merge", "-p", patch]) => {
            stage.patch(kind, name, namespace, &serde_json::from_str(patch)?)?;
        }
        (_, rest) => return Err(format!("kubectl {verb} with {rest:?} is not simulated").into()),
    }
    Ok(())
}
