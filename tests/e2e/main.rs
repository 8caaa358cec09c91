//! The operator's real binary against a real API server and the emulated Graph, one sentence a test.
//!
//! | file | what its sentences are about |
//! |---|---|
//! | `story` | from `kubectl apply` to Entra and back: order, repetition, deletion, the number of calls |
//! | `drift` | what happens when somebody changes Entra behind the operator's back, and when names move |
//! | `binding` | what names, roles, addresses and ids stand for, and that it stays so |
//! | `adoption` | objects that exist already, and two that want the same one |
//! | `grants` | what a namespace may and may not do |
//! | `words` | the exact text that people see when something is wrong |
//! | `faults` | a service that is slow, throttles, lags, loses answers; an operator that is killed |
//! | `cluster` | what the operator makes of the cluster's own ways: who is woken, what cannot be read, what goes by force |
//! | `deletion` | how objects go: who is waited for, what is shut, and that it ends |
//! | `weather` | a service that asks to wait, is away, hangs or answers without end: the tenant waits as one |
//! | `kstatus` | what Flux, `helm --wait` and `kubectl wait` take an object for |
//!
//! Every test has a stage of its own (`support`), so they run beside each other; at its end kstatus is asked about every
//! state that an object was in (`review`).

#![expect(
    clippy::disallowed_methods,
    reason = "a test stands outside the operator and has the machine's clock"
)]

mod adoption;
mod binding;
mod cluster;
mod deletion;
mod drift;
mod faults;
mod grants;
mod kstatus;
mod review;
mod story;
mod support;
mod weather;
mod words;
