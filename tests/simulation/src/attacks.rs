//! Sieges: a team that may do everything in its namespace, by seed, against an oracle that knows what its grants mean.
//!
//! | part | is |
//! |---|---|
//! | [`deed`], [`draw`] | what is done, as data, and which of it by which seed |
//! | [`ground`] | where it is done: on the simulated stage, or on real parts |
//! | `world` | what there is before |
//! | `people` | who comes in by the doors that stand open |
//! | [`oracle`], `meaning`, `history` | what is right: the grants by their words, and what was said until when |
//! | `answers` | what the team is told |

pub mod deed;
pub mod draw;
pub mod ground;
pub mod oracle;

mod answers;
mod history;
mod meaning;
mod people;
mod world;

use std::{collections::BTreeSet, time::Duration};

use entra_access_operator::layer::Layer;
use serde_json::json;

use crate::stage::{Setting, Stage};
use deed::{Came, Deed};
use ground::Ground;
use oracle::{By, Finding, Oracle};

/// So many steps make a siege; then another begins, in a new world.
pub const STEPS: usize = 120;

/// What is taken away, to show what it alone catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// Nothing.
    Nothing,
    /// The admission policy: status, the finalizer and `external-id` are anybody's.
    Admission,
    /// A layer of the operator's own.
    Layer(Layer),
}

impl Without {
    /// What is asked for by this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|without| without.name() == name)
    }

    /// Everything that can be taken away.
    #[must_use]
    pub fn all() -> Vec<Self> {
        [Self::Admission]
            .into_iter()
            .chain(Layer::ALL.map(Self::Layer))
            .collect()
    }

    /// By which it is asked for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Admission => "admission",
            Self::Layer(layer) => layer.name(),
        }
    }

    /// Takes it away from what runs on this thread. A release has no switch, and is played as it is.
    fn take_out(self) {
        #[cfg(debug_assertions)]
        entra_access_operator::layer::take_out(match self {
            Self::Nothing | Self::Admission => None,
            Self::Layer(layer) => Some(layer),
        });
    }
}

/// What came of a siege.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Steps that were played.
    pub steps: usize,
    /// Steps that the API server refused, or that had nothing to be done to.
    pub refused: usize,
    /// Requests of the operator that changed something in Entra.
    pub writes: usize,
    /// How many came in.
    pub came_in: usize,
    /// What is wrong.
    pub findings: BTreeSet<Finding>,
    /// The first step after which something was.
    pub first: Option<usize>,
}

/// The deeds of a seed.
#[must_use]
pub fn siege(seed: u64) -> Vec<Deed> {
    draw::deeds(seed, STEPS)
}

/// Plays these deeds in a world of their own, by this seed; what was found ends it.
///
/// # Panics
/// Where the runtime cannot be made, or the world not be set up.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "nothing can be simulated without a runtime and a world"
)]
pub fn play(seed: u64, deeds: &[Deed], without: Without) -> Outcome {
    without.take_out();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread");
    // Every third service is late with what it shows.
    let is_late = seed.is_multiple_of(3);
    let quirks = if is_late {
        json!({"latency": 40, "replicationLag": {"lists": 8_000, "expands": 5_000, "reads": 1_000}})
    } else {
        json!({})
    };
    let late = if is_late {
        Duration::from_secs(30)
    } else {
        Duration::ZERO
    };
    let setting = Setting {
        seed,
        quirks,
        objects: 10_000,
        ..Setting::default()
    };
    runtime.block_on(async {
        let mut stage = Stage::new(&setting);
        let oracle = Oracle::of(&stage, stage.clock(), late);
        let watcher = oracle.clone();
        stage.wire.watch(move || watcher.look(By::Operator));
        let mut outcome = besiege(&mut stage, &oracle, deeds, without != Without::Admission)
            .await
            .expect("the world of a siege");
        for finding in std::mem::take(&mut outcome.findings) {
            outcome.findings.insert(match finding {
                Finding::Restless(words) => {
                    let trace = stage.trace();
                    let last = trace[trace.len().saturating_sub(15)..]
                        .iter()
                        .map(|seen| format!("\n      {seen}"));
                    Finding::Restless(format!("{words}{}", last.collect::<String>()))
                }
                other => other,
            });
        }
        let writes = stage.trace();
        outcome.writes = writes
            .iter()
            .filter(|seen| seen.is_write() && seen.side == crate::wire::Side::Entra)
            .count();
        stage.kill();
        outcome
    })
}

/// Sets up the world of a siege on this ground and plays these deeds, until something is found.
///
/// # Errors
/// Where the world cannot be set up.
pub async fn besiege(
    ground: &mut impl Ground,
    oracle: &Oracle,
    deeds: &[Deed],
    has_admission: bool,
) -> Result<Outcome, String> {
    world::set_up(ground, oracle, has_admission).await?;
    let mut outcome = Outcome::default();
    let mut asked = Vec::new();
    for deed in deeds {
        outcome.steps += 1;
        match deed.play(ground, oracle).await {
            Ok(Came::Done) => outcome.came_in += usize::from(matches!(deed, Deed::ComesIn(_))),
            Ok(Came::Refused) => outcome.refused += 1,
            Err(restless) => oracle.found([Finding::Restless(restless.to_string())]),
        }
        if let Deed::Asks(number, ..) = deed {
            asked.push(*number);
        }
        if *deed == Deed::Settles {
            oracle.found(answers::findings(&*ground.cluster(), &asked));
        }
        let findings = oracle.findings();
        if !findings.is_empty() {
            outcome.findings.extend(findings);
            outcome.first = Some(outcome.steps);
            break;
        }
    }
    Ok(outcome)
}

/// The fewest deeds that still lead to a finding of this kind, one taken away after the other.
#[must_use]
pub fn shrunk(seed: u64, deeds: &[Deed], without: Without, kind: &str) -> Vec<Deed> {
    let fails = |deeds: &[Deed]| {
        let outcome = play(seed, deeds, without);
        outcome.findings.iter().any(|finding| finding.kind() == kind)
    };
    let mut kept = deeds.to_vec();
    let mut size = kept.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < kept.len() {
            let mut less = kept.clone();
            less.drain(from..(from + size).min(kept.len()));
            if fails(&less) {
                kept = less;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    kept
}
