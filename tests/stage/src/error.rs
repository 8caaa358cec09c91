use std::fmt;
use std::io;
use std::time::Duration;

/// What a function of this crate answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the stage could not do what it was asked to.
#[derive(thiserror::Error)]
pub enum Error {
    /// A file, a pipe or a process could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted, with the path.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A program of the control plane is missing and could not be built.
    #[error("{0}")]
    Build(String),
    /// A server ended although nobody asked it to.
    #[error("{name} ended by itself ({status}); the end of its log:\n{log}")]
    Exited {
        /// The server.
        name: String,
        /// Its exit status.
        status: String,
        /// The last lines that it wrote.
        log: String,
    },
    /// A condition did not come true in time.
    #[error("waited {waited:.1?} for {what}; last seen: {seen}")]
    Deadline {
        /// The condition.
        what: String,
        /// How long it was waited for.
        waited: Duration,
        /// What the last look showed.
        seen: String,
    },
    /// kubectl, or another command, failed.
    #[error("`{command}` failed ({status}): {stderr}")]
    Command {
        /// The command line, without credentials.
        command: String,
        /// Its exit status.
        status: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The API server refused a request.
    #[error("{method} {path}: {code} {message}")]
    Refused {
        /// The HTTP method.
        method: String,
        /// The path and query.
        path: String,
        /// The HTTP status.
        code: u16,
        /// The message of the Status object.
        message: String,
    },
    /// A request did not reach its server.
    #[error("{0}")]
    Http(String),
    /// The resource is not served.
    #[error("the API server serves no resource {0:?}")]
    UnknownResource(String),
    /// The emulator would not start or refused what it was told.
    #[error("emulator: {0}")]
    Emulator(String),
}

// What `unwrap` shows in a failing test is for people too.
impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Error {
    /// For `map_err`: an I/O error with what was attempted.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// The HTTP status where the API server refused.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}
