//! Child processes that cannot outlive this one.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// Starts the program and waits for it, while a second process reads signal names from a pipe that the harness holds.
/// However the harness ends, the pipe closes, and the program is killed: no server is left behind.
const SUPERVISOR: &str = r#"
exec 3<&0 2>/dev/null
log=$1; shift
"$@" </dev/null >>"$log" 2>&1 3<&- &
pid=$!
echo "$pid"
(while read -r signal; do kill -s "$signal" "$pid"; done; kill -s KILL "$pid") <&3 >/dev/null &
dog=$!
exec 3<&- >&-
wait "$pid"; status=$?
kill -s KILL "$dog"
exit "$status"
"#;

/// A signal that [`Supervised::signal`] sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: please end.
    Terminate,
    /// SIGKILL: end now.
    Kill,
    /// SIGSTOP: freeze, as a node that hangs.
    Stop,
    /// SIGCONT: go on.
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// A program, its log, and the end of the pipe that keeps it alive.
#[derive(Debug)]
pub struct Supervised {
    name: String,
    shell: Child,
    orders: ChildStdin,
    pid: u32,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Supervised {
    /// Starts `program`; what it writes is appended to the file `log`.
    ///
    /// # Errors
    /// [`Error::Io`] where no process can be started. A program that is missing shows as one that ended with 127.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(String, String)],
        log: &Path,
    ) -> Result<Self> {
        let name = program
            .file_name()
            .unwrap_or(program.as_os_str())
            .to_string_lossy()
            .into_owned();
        let problem = |text: &str| Error::io(format!("{text} {}", program.display()));
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(log)
            .arg(program)
            .args(arguments);
        // What a developer's shell says about Azure or a proxy must not reach a test.
        for (key, _) in std::env::vars_os() {
            if key
                .to_str()
                .is_some_and(|key| key.starts_with("AZURE_") || key.to_lowercase().ends_with("_proxy"))
            {
                command.env_remove(key);
            }
        }
        command.envs(environment.iter().map(|(key, value)| (key, value)));
        // A group of its own: Ctrl-C in a terminal reaches the harness, and the harness ends the servers in order.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut shell = command.spawn().map_err(problem("start"))?;
        let (Some(orders), Some(output)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err(Error::Build(format!("{name}: no pipe to its supervisor")));
        };
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(problem("read the process id of"))?;
        let pid = line
            .trim()
            .parse()
            .map_err(|_| Error::Build(format!("{name}: its supervisor did not start it")))?;
        Ok(Self {
            name,
            shell,
            orders,
            pid,
            log: log.to_owned(),
            ended: None,
        })
    }

    /// The program's file name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The program's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything that it wrote until now.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The file that it writes to.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Its exit status where it has ended. One that died of a signal shows as 128 plus the signal's number.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.shell.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Sends a signal; one that has ended is left alone.
    ///
    /// # Errors
    /// [`Error::Io`] where the pipe to its supervisor is broken.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended().is_some() {
            return Ok(());
        }
        writeln!(self.orders, "{}", signal.name()).map_err(Error::io(format!("signal {}", self.name)))
    }

    /// Waits until it has ended, for at most `deadline`.
    pub fn wait(&mut self, deadline: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        while self.ended().is_none() && started.elapsed() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        self.ended
    }

    /// Asks it to end, waits, and kills it when the deadline passes. Answers its exit status.
    pub fn stop(&mut self, deadline: Duration) -> Option<ExitStatus> {
        // A broken pipe means that it is ending already.
        let _ = self.signal(Signal::Terminate);
        self.wait(deadline).or_else(|| self.kill())
    }

    /// Ends it at once.
    pub fn kill(&mut self) -> Option<ExitStatus> {
        let _ = self.signal(Signal::Kill);
        self.wait(Duration::from_secs(5))
    }

    /// An error where it has ended, with the end of its log.
    ///
    /// # Errors
    /// [`Error::Exited`].
    pub fn must_run(&mut self) -> Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(status) => Err(Error::Exited {
                name: self.name.clone(),
                status: status.to_string(),
                log: last_lines(&self.log(), 15),
            }),
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last `count` lines of a log.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
