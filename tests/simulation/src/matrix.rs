//! Runs: undisturbed, with faults at given calls, and all of them one after the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    fault::Fault,
    judge::{Picture, Ways, Wrong},
    scenario::{Broken, Scenario},
    stage::{Manner, Setting, Stage},
    wire::Seen,
};

/// How the service behaves throughout a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Character {
    /// Every answer tells what is.
    Prompt,
    /// Lists and expansions are late, single reads too, each by its own replica.
    Lagging,
    /// Throttled now and then, slow, and tokens are refused.
    Hostile,
}

impl Character {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Prompt, Self::Lagging, Self::Hostile];

    /// By which it is asked for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Lagging => "lagging",
            Self::Hostile => "hostile",
        }
    }

    fn quirks(self) -> Value {
        match self {
            Self::Prompt => json!({}),
            Self::Lagging => {
                json!({"latency": 150, "replicationLag": {"lists": 20_000, "expands": 12_000, "reads": 3_000}, "duplicateKey": true})
            }
            Self::Hostile => json!({"latency": 400, "throttle": {"count": 3, "retryAfter": 5}, "duplicateKey": 1,
                "failNext": {"count": 2, "status": 503, "method": "GET", "path": "/catalogs"}, "rejectTokens": 1,
                "forbiddenInsteadOfNotFound": true, "trimsTexts": true}),
        }
    }
}

/// One run of a scenario.
#[derive(Debug)]
pub struct Run {
    /// What there was at the end.
    pub picture: Picture,
    /// What the conditions of every custom resource said at the end.
    pub conditions: Vec<String>,
    /// What the scenario says that its end must be, and was not.
    pub ends: Vec<Wrong>,
    /// Why it did not come to an end.
    pub broken: Option<Broken>,
    /// Every reason for which an object was not Ready, Synced or Healthy at any time, with its kind.
    pub reasons: BTreeSet<String>,
    /// What the operator sent.
    pub trace: Vec<Seen>,
}

/// What a run is disturbed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// What everything that is left to chance goes by.
    pub seed: u64,
    /// How the scheduler treats the operator; orderly where none is said.
    pub manner: Manner,
    /// Which calls are met by which faults, counted from 1.
    pub faults: BTreeMap<u64, Fault>,
    /// By how many seconds the wall clocks of the operator's machines are wrong: see [`Setting::clock_wrong_by`].
    pub clock_wrong_by: i64,
}

/// Plays a scenario in a runtime of its own, whose time is paused.
///
/// # Panics
/// Where the runtime cannot be made.
#[must_use]
#[expect(clippy::expect_used, reason = "nothing can be simulated without a runtime")]
pub fn run(scenario: &Scenario, character: Character, disturbance: &Disturbance) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread");
    let setting = Setting {
        seed: disturbance.seed,
        manner: disturbance.manner,
        quirks: character.quirks(),
        faults: disturbance.faults.clone(),
        clock_wrong_by: disturbance.clock_wrong_by,
        ..Setting::default()
    };
    runtime.block_on(async {
        let mut stage = Stage::new(&setting);
        let ways = Ways::watched(&stage);
        let played = scenario.play(&mut stage).await;
        let picture = Picture::of(&stage, &ways);
        let run = Run {
            ends: picture.ends(scenario.holds, scenario.lacks),
            picture,
            conditions: stage.conditions(),
            broken: played.err(),
            reasons: stage.reasons(),
            trace: stage.trace(),
        };
        stage.kill();
        run
    })
}

impl Run {
    /// What is wrong with it, where `right` is how it ends undisturbed.
    #[must_use]
    pub fn wrong(&self, right: &Picture) -> Vec<Wrong> {
        match &self.broken {
            Some(broken) => vec![Wrong::Restless(format!("{broken:?}"))],
            None => [self.picture.faults(right), self.ends.clone()].concat(),
        }
    }
}

/// Kills, before and after each call.
pub const KILLS: [Fault; 2] = [Fault::CrashBefore, Fault::CrashAfter];
