//! Specs by the ten thousand: drawn by seed, written to a tenant by the operator's plans and its client of Graph, read back.
//!
//! | part | is |
//! |---|---|
//! | [`draw`] | valid specs by seed |
//! | [`reach`] | what of the definitions was drawn |
//! | [`bench`] | the tenant that they are written to |
//! | [`laws`] | what holds for any spec, and for any two |

pub mod bench;
pub mod draw;
pub mod laws;
pub mod reach;

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;

use bench::Bench;
use draw::Draw;
use reach::Reach;

/// The kinds that have something in Entra.
pub const KINDS: [&str; 3] = ["AssignmentPolicy", "AccessPackage", "Catalog"];

/// Two specs of one kind that do not hold to the laws.
#[derive(Clone, Debug)]
pub struct Failure {
    /// By which they are drawn again.
    pub seed: u64,
    /// Their kind.
    pub kind: &'static str,
    /// What does not hold.
    pub why: String,
    /// The two.
    pub specs: [Value; 2],
}

/// What came of some pairs.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many, by kind.
    pub pairs: BTreeMap<&'static str, u64>,
    /// Requests that changed something.
    pub writes: u64,
    /// What was drawn.
    pub reach: Reach,
    /// Those that fail.
    pub failures: Vec<Failure>,
}

impl Outcome {
    /// Adds what came of others.
    pub fn add(&mut self, other: Self) {
        for (kind, count) in other.pairs {
            *self.pairs.entry(kind).or_default() += count;
        }
        self.writes += other.writes;
        self.reach.add(&other.reach);
        self.failures.extend(other.failures);
    }
}

/// The pair of a seed.
#[must_use]
pub fn pair(seed: u64) -> (&'static str, [Value; 2]) {
    let mut draw = Draw::seeded(seed);
    match draw.below(20) {
        0 | 1 => {
            let catalog = draw.catalog();
            let other = draw.other_catalog(&catalog);
            ("Catalog", [catalog, other])
        }
        2..5 => {
            let package = draw.package();
            let other = draw.other_package(&package);
            ("AccessPackage", [package, other])
        }
        _ => {
            let policy = draw.policy();
            let other = draw.other_policy(&policy);
            ("AssignmentPolicy", [policy, other])
        }
    }
}

/// Holds the pairs of these seeds to the laws, in one tenant, in a runtime whose time is paused.
///
/// # Panics
/// Where the runtime or the tenant cannot be made.
#[must_use]
#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "nothing can be simulated without a runtime and a tenant"
)]
pub fn run(seeds: Range<u64>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread");
    runtime.block_on(async {
        let schemas = reach::schemas();
        let mut outcome = Outcome::default();
        let mut bench = None;
        for seed in seeds {
            let (kind, specs) = pair(seed);
            for spec in &specs {
                outcome.reach.count(kind, &schemas[kind], spec);
            }
            let bench = match &mut bench {
                Some(bench) => bench,
                none => none.insert(Bench::new(seed).await.unwrap_or_else(|why| panic!("the tenant: {why}"))),
            };
            let before = bench.writes();
            let [a, b] = &specs;
            let held = match kind {
                "Catalog" => laws::catalogs(bench, a, b).await,
                "AccessPackage" => laws::packages(bench, a, b).await,
                _ => laws::policies(bench, a, b).await,
            };
            *outcome.pairs.entry(kind).or_default() += 1;
            outcome.writes += bench.writes() - before;
            if let Err(why) = held {
                outcome.failures.push(Failure { seed, kind, why, specs });
            }
        }
        outcome
    })
}
