//! What the image holds: the binary that the Dockerfile builds, in a root with nothing else in it.
//!
//! | file | what it is about |
//! |---|---|
//! | `recipe` | what the Dockerfile says, read and not repeated |
//! | `container` | stands in for the container: an empty root, the image's user, the files that a kubelet mounts |
//! | `start` | it is static, starts, makes the samples Ready, and ends when it is asked to |
//! | `hostile` | a measurement: one namespace with all that the API server takes, and what it costs its neighbour |
//! | `memory` | a measurement: what the process holds, idle and with 2,000 objects |

#![expect(
    clippy::disallowed_methods,
    reason = "a test stands outside the operator and has the machine's clock"
)]

#[cfg(all(test, target_os = "linux"))]
mod container;
#[cfg(all(test, target_os = "linux"))]
mod hostile;
#[cfg(all(test, target_os = "linux"))]
mod memory;
#[cfg(test)]
mod recipe;
#[cfg(all(test, target_os = "linux"))]
mod start;

#[cfg(test)]
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Straight to standard error: the test harness captures what the print macros write.
#[cfg(test)]
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}
