//! The stage that tests and the demo share: a real Kubernetes control plane, the Graph emulator, and the operator's
//! own binary, each a process or a thread of this one, on free ports, gone when the stage is dropped.
//!
//! Everything here blocks. Use it from plain `#[test]` functions, not from inside an async runtime.
//!
//! ```no_run
//! # fn main() -> stage::Result<()> {
//! use std::time::Duration;
//! // A test of the operator passes env!("CARGO_BIN_EXE_entra-access-operator").
//! let stage = stage::Stage::builder("target/debug/entra-access-operator").start()?;
//! stage.apply(&stage.tenant_manifest("default"))?;
//! stage.wait_ready("EntraTenant", "default", None, Duration::from_secs(10))?;
//! # Ok(())
//! # }
//! ```

pub mod binaries;
mod certificates;
pub mod control_plane;
pub mod emulator;
mod error;
mod furnish;
mod history;
pub mod operator;
pub mod process;
mod resources;
mod run_dir;
mod scene;
pub mod user;
mod wait;
pub mod workspace;
pub mod world;

pub use binaries::{Binaries, Program};
pub use control_plane::{ControlPlane, ControlPlaneBuilder};
pub use emulator::{Emulator, Entra, is_token_request};
pub use error::{Error, Result};
pub use graph_emulator::Tenant;
pub use history::Review;
pub use operator::Operator;
pub use process::{Signal, Supervised};
pub use scene::{Credentials, OPERATOR_NAMESPACE, SECRET_KEY, SECRET_NAME, Stage, StageBuilder};
pub use user::{KubectlOutput, User};
pub use wait::{condition_in, is_ready, wait_for};
