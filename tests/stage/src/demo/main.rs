//! `cargo demo`: a real API server, an emulated Microsoft Graph, the operator between them, and the samples becoming
//! Ready, with every call that this takes.

mod calls;
mod company;
mod interrupt;
mod next_steps;
mod operator_binary;
mod samples;
mod screen;
mod tree;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;
use stage::{Binaries, Program, Result, Stage, binaries, workspace};

use crate::interrupt::Interrupt;
use crate::samples::Outcome;
use crate::screen::Screen;

/// Shows the operator at work.
///
/// Starts a real Kubernetes API server, an emulated Microsoft Graph and the operator, applies
/// the samples, and prints each object as it becomes Ready and each Graph call that this takes.
///
/// What is missing is built first. The control plane takes some minutes, once, and needs Go.
/// Nothing outside this machine is reached but the package registries.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo", verbatim_doc_comment)]
struct Options {
    /// End by itself: status 0 when all samples became Ready, 1 when one did not
    #[arg(long)]
    once: bool,
    /// The operator's binary; built by cargo where left out
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// The samples, applied by name [default: docs/samples]
    #[arg(long, value_name = "FOLDER")]
    samples: Option<PathBuf>,
    /// How long each sample may take to become Ready, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
}

fn main() -> ExitCode {
    // Both `cargo demo --once` and `cargo demo -- --once` reach this program, the latter with its two dashes.
    let mut arguments: Vec<_> = env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "--") {
        arguments.remove(1);
    }
    let options = Options::parse_from(arguments);
    let mut screen = Screen::new();
    let interrupt = Interrupt::watch();
    match run(&options, &mut screen, &interrupt) {
        Ok(code) => code,
        Err(error) => {
            screen.blank();
            screen.line(&format!("  {} {error}", screen.red("✗")));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, screen: &mut Screen, interrupt: &Interrupt) -> Result<ExitCode> {
    let folder = options
        .samples
        .clone()
        .unwrap_or_else(|| workspace::root().join("docs/samples"));
    let files = samples::files(&folder)?;

    screen.blank();
    screen.line(&format!("  {}", screen.bold("Entra access packages from Kubernetes")));
    screen.line(&screen.dim("  a real API server · an emulated Microsoft Graph · the operator · the samples"));
    screen.blank();

    let operator = match &options.operator {
        Some(path) => path.clone(),
        None => operator_binary::build(screen)?,
    };
    let programs = binaries::ensure(&Program::CONTROL_PLANE)?;
    let started = Instant::now();
    let mut stage = screen.during("starting the API server and Microsoft Graph", || {
        Stage::builder(operator).start()
    })?;
    let version = kubernetes_version(&stage);
    screen.done(
        &format!("Kubernetes {version}, Microsoft Graph (emulated) and the operator are up"),
        started,
    );
    stage.apply_object(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "marketing"}}))?;

    let patience = Duration::from_secs(options.patience);
    let outcome = samples::play(&mut stage, &files, patience, screen)?;
    if outcome == Outcome::Ready {
        screen.heading("What Entra holds now");
        tree::draw(&stage.emulator().state(), screen);
        let (calls, writes) = (
            stage.emulator().graph_calls_since(0).len(),
            stage.emulator().graph_writes().len(),
        );
        screen.blank();
        screen.line(&screen.dim(&format!("  {calls} Graph calls, {writes} of them writes")));
    }
    if options.once {
        screen.blank();
        stage.stop();
        return Ok(match outcome {
            Outcome::Ready => ExitCode::SUCCESS,
            Outcome::NotReady => ExitCode::FAILURE,
        });
    }
    next_steps::print(&stage, kubectl_folder(&programs), screen)?;
    samples::follow(&stage, interrupt, screen)?;
    screen.during("stopping", || stage.stop());
    Ok(ExitCode::SUCCESS)
}

fn kubernetes_version(stage: &Stage) -> String {
    let version = stage.request("GET", "/version", "", None).ok();
    version
        .and_then(|version| version["gitVersion"].as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn kubectl_folder(programs: &Binaries) -> Option<PathBuf> {
    programs.get(Program::Kubectl)?.parent().map(PathBuf::from)
}
