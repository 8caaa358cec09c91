//! `graph-emulator serve`: the emulator as a process of its own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use graph_emulator::{Options, Quirks, World, start};
use tokio::signal::unix::{SignalKind, signal};

/// An unkind stand-in for Microsoft Graph v1.0 entitlement management.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve Graph and the token endpoint over HTTPS until SIGTERM or SIGINT.
    Serve(Serve),
}

#[derive(Args)]
struct Serve {
    /// Address of Graph and the token endpoint; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Address of the control endpoint (plain HTTP); port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// What the tenant holds at the start (YAML).
    #[arg(long)]
    world: PathBuf,
    /// Where ca.pem and the server's certificate are kept.
    #[arg(long)]
    tls_dir: PathBuf,
    /// A switch, NAME or NAME=VALUE with the value in JSON; may be repeated.
    #[arg(long = "quirk", value_name = "NAME[=VALUE]")]
    quirks: Vec<String>,
}

async fn serve(arguments: Serve) -> Result<(), String> {
    let name = arguments.world.display().to_string();
    let text = std::fs::read_to_string(&arguments.world).map_err(|error| format!("{name}: {error}"))?;
    let world = World::from_yaml(&text).map_err(|error| format!("{name}: {error}"))?;
    let mut quirks = Quirks::default();
    for quirk in &arguments.quirks {
        quirks.set(quirk)?;
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let options = Options {
        listen: arguments.listen,
        control: arguments.control,
        tls_dir: arguments.tls_dir,
        quirks,
    };
    let running = start(world, options).await.map_err(|error| error.to_string())?;
    let at = &running.endpoints;
    let ready = serde_json::json!({"graph": at.graph, "authority": at.authority, "control": at.control,
        "caFile": at.ca_file.display().to_string()});
    let mut out = std::io::stdout();
    writeln!(out, "{ready}")
        .and_then(|()| out.flush())
        .map_err(|error| error.to_string())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli {
        command: Command::Serve(arguments),
    } = Cli::parse();
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let mut err = std::io::stderr();
            // Nothing is left to do when standard error is closed.
            let _written = writeln!(err, "graph-emulator: {message}");
            ExitCode::FAILURE
        }
    }
}
