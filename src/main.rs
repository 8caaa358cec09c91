//! Parses the command line and hands over; nothing else.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use entra_access_operator::commands::{crd, release, run};

/// Microsoft Entra ID entitlement management from Kubernetes.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator
    Run(Box<run::Flags>),
    /// Let every object go without touching Entra, before the operator leaves the cluster
    Release(release::Flags),
    /// Print the CRDs as YAML
    Crd {
        /// Write one file for each CRD into this folder instead
        #[arg(long, value_name = "FOLDER", conflicts_with = "check")]
        write: Option<PathBuf>,
        /// Fail where this folder does not hold exactly these CRDs
        #[arg(long, value_name = "FOLDER")]
        check: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match dispatch(Cli::parse()) {
        Ok(code) => code,
        Err(error) => complain(&error.to_string()),
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a failing command")]
fn complain(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "the result of `crd` is what it prints")]
fn dispatch(cli: Cli) -> Result<ExitCode, std::io::Error> {
    match cli.command {
        Command::Run(flags) => {
            runtime()?.block_on(run::run(*flags))?;
        }
        Command::Release(flags) => {
            runtime()?.block_on(release::release(flags, &mut std::io::stdout()))?;
        }
        Command::Crd {
            write: Some(folder), ..
        } => crd::write(&folder)?,
        Command::Crd {
            check: Some(folder), ..
        } => {
            let outdated = crd::outdated(&folder)?;
            if !outdated.is_empty() {
                return Ok(complain(&format!(
                    "{} in {}: not current; run `cargo run -- crd --write {}`",
                    outdated.join(", "),
                    folder.display(),
                    folder.display()
                )));
            }
        }
        Command::Crd { .. } => print!("{}", crd::stream()?),
    }
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> Result<tokio::runtime::Runtime, std::io::Error> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
