//! The operator's own binary, as it runs in a pod.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use crate::process::last_lines;
use crate::{Result, Signal, Supervised};

const STOP_WITHIN: Duration = Duration::from_secs(15);

/// The operator, which can be ended and started again. Dropping it ends it; in a failing test the end of its log is
/// shown.
#[derive(Debug)]
pub struct Operator {
    binary: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    process: Option<Supervised>,
}

impl Operator {
    /// One that is not running yet; what it writes goes to the file `log`, over restarts.
    #[must_use]
    pub fn new(binary: &Path, arguments: Vec<String>, environment: Vec<(String, String)>, log: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            arguments,
            environment,
            log: log.to_owned(),
            process: None,
        }
    }

    /// Starts `binary run …`; what it writes goes to the file `log`, over restarts.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn start(
        binary: &Path,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
        log: &Path,
    ) -> Result<Self> {
        let mut operator = Self::new(binary, arguments, environment, log);
        operator.restart()?;
        Ok(operator)
    }

    /// Starts it, or starts it again, with the same arguments; one that runs is ended first by SIGTERM.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        self.process = Some(Supervised::start(
            &self.binary,
            &self.arguments,
            &self.environment,
            &self.log,
        )?);
        Ok(())
    }

    /// SIGTERM, then SIGKILL after 15 seconds. Answers the exit status, none where it was not running.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.process.take().and_then(|mut process| process.stop(STOP_WITHIN))
    }

    /// SIGKILL: a crash.
    pub fn kill(&mut self) -> Option<ExitStatus> {
        self.process.take().and_then(|mut process| process.kill())
    }

    /// SIGSTOP or SIGCONT; nothing to do where it is not running.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), |process| process.signal(signal))
    }

    /// An error where it has ended by itself, with the end of its log.
    ///
    /// # Errors
    /// [`Error::Exited`](crate::Error::Exited).
    pub fn must_run(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), Supervised::must_run)
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Supervised::pid)
    }

    /// Everything that it logged, over restarts.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Adds arguments for the next start.
    pub fn add_arguments(&mut self, arguments: &[&str]) {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let end = last_lines(&self.log(), 25);
            let _ = writeln!(io::stderr(), "the end of the operator's log:\n{end}");
        }
    }
}
