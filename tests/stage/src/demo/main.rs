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

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;
use stage::{Binaries, Program, Result, Stage, binaries, workspace};

use crate::interrupt::Interrupt;
use crate::samples::Outcome;
use crate::screen::Screen;

/// Shows the operator at work: it starts a real Kubernetes API server, an emulated Microsoft Graph and the operator,
/// applies the samples, and prints each object as it becomes Ready and each Graph call that this takes. What is
/// missing is built first (once; the control plane takes some minutes and needs Go). Nothing outside this machine is
/// reached but the package registries.
#[derive(Debug, Parser)]
#[command(name = "cargo demo --", bin_name = "cargo demo --")]
struct Options {
    /// End when the samples are Ready (status 0) or one of them did not become so (status 1), instead of staying
    /// until Ctrl-C
    #[arg(long)]
    once: bool,
    /// The operator's binary; built by cargo where left out
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// The samples, applied in the order of their names [default: docs/samples of this checkout]
    #[arg(long, value_name = "FOLDER")]
    samples: Option<PathBuf>,
    /// How long each sample may take to become Ready, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
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
    let stage = screen.during("starting the API server and Microsoft Graph", || {
        Stage::builder(operator).start()
    })?;
    let version = kubernetes_version(&stage);
    screen.done(
        &format!("Kubernetes {version}, Microsoft Graph (emulated) and the operator are up"),
        started,
    );
    stage.apply_object(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "marketing"}}))?;

    let patience = Duration::from_secs(options.patience);
    let outcome = samples::play(&stage, &files, patience, screen)?;
    if outcome == Outcome::Ready {
        screen.heading("What Entra holds now");
        tree::draw(&stage.emulator().state(), screen);
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
