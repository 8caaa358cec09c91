//! The same requests, to the API server in process and to a real one: the same answers.
//!
//! What is chance or time in an answer is masked (`answer`), what differs and may is in the table of `differences`. The
//! programs are of two sorts: written by hand (`verbs`, `life`, `core`, `admission`, `news`), and made from the tables of `tests/crds`, which have an object for
//! every rule, and from objects in which everything is set, one field after the other altered (`made`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what the tests share fails as a test does, and says how much was compared"
)]

mod admission;
mod answer;
mod core;
mod differences;
mod life;
mod made;
mod news;
mod program;
mod servers;
mod verbs;
