//! The terminal: colours where it is one, and a last line that says what is going on.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Standard output. What cannot be written is lost: a closed pipe must not stop the demo's tidying up.
pub(crate) struct Screen {
    terminal: bool,
    coloured: bool,
    started: Instant,
    busy: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let terminal = io::stdout().is_terminal();
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            terminal: terminal && !dumb,
            coloured: terminal && !plain && !dumb,
            started: Instant::now(),
            busy: false,
        }
    }

    /// One line that stays.
    pub(crate) fn line(&mut self, text: &str) {
        let clear = if self.busy { "\r\x1b[2K" } else { "" };
        self.busy = false;
        let _ = writeln!(io::stdout(), "{clear}{text}");
    }

    pub(crate) fn blank(&mut self) {
        self.line("");
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.blank();
        self.line(&format!("  {}", self.bold(text)));
        self.blank();
    }

    /// A step that is done, with how long it took.
    pub(crate) fn done(&mut self, what: &str, since: Instant) {
        let took = self.dim(&seconds(since.elapsed()));
        self.line(&format!("  {} {what}  {took}", self.green("✓")));
    }

    /// A line that the next one replaces; nothing where there is no terminal.
    pub(crate) fn busy(&mut self, text: &str) {
        if !self.terminal {
            return;
        }
        let frame = self.started.elapsed().as_millis() / 100 % FRAMES.len() as u128;
        let frame = FRAMES[usize::try_from(frame).unwrap_or_default()];
        let text = shorten(text, width().saturating_sub(6));
        let _ = write!(io::stdout(), "\r\x1b[2K  {} {}", self.cyan(frame), self.dim(&text));
        let _ = io::stdout().flush();
        self.busy = true;
    }

    /// Does something that takes a while, with a line that moves.
    pub(crate) fn during<T: Send>(&mut self, what: &str, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let working = scope.spawn(work);
            let started = Instant::now();
            while !working.is_finished() {
                self.busy(&format!("{what} … {}", seconds(started.elapsed())));
                thread::sleep(Duration::from_millis(100));
            }
            if self.busy {
                let _ = write!(io::stdout(), "\r\x1b[2K");
                self.busy = false;
            }
            match working.join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn red(&self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(crate) fn green(&self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn yellow(&self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn cyan(&self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.coloured {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// At most this many characters, the last one an ellipsis where some are missing.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Columns of the terminal, where the shell tells; otherwise what fits nearly everywhere.
pub(crate) fn width() -> usize {
    let told = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    told.unwrap_or(110).clamp(60, 200)
}
