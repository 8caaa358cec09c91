//! Storms: two leaders, a process that stands still, the API server away, a status refused, clocks that are wrong.

#![expect(clippy::unwrap_used, reason = "what the tests share fails as a test does")]

use std::collections::BTreeMap;

use simulation::{
    fault::{Fault, Spell},
    matrix::{Character, Disturbance, Run, run},
    scenario::{Scenario, scenarios},
    stage::Manner,
    wire::{Seen, Side},
};

fn scenario(name: &str) -> Scenario {
    scenarios().into_iter().find(|scenario| scenario.name == name).unwrap()
}

/// Plays the scenarios with this fault at every so many-th call, and holds each end against that of the undisturbed run.
fn holds(names: &[&str], character: Character, stride: usize, fault: Fault) {
    let right_clock = Disturbance::default();
    for (what, run) in swept(names, character, stride, &right_clock, fault) {
        assert!(run.1.is_empty(), "{what}: {:?}", run.1);
    }
}

/// Each run with what is wrong with it.
fn swept(
    names: &[&str],
    character: Character,
    stride: usize,
    like: &Disturbance,
    fault: Fault,
) -> Vec<(String, (Run, Vec<String>))> {
    let mut runs = Vec::new();
    for name in names {
        let scenario = scenario(name);
        let undisturbed = run(&scenario, character, &Disturbance::default());
        for call in (1..=undisturbed.trace.len() as u64).step_by(stride) {
            let disturbance = Disturbance {
                faults: [(call, fault)].into(),
                ..like.clone()
            };
            let run = run(&scenario, character, &disturbance);
            let wrong = run
                .wrong(&undisturbed.picture)
                .iter()
                .map(ToString::to_string)
                .collect();
            runs.push((format!("{name}, {fault} call {call}"), (run, wrong)));
        }
    }
    runs
}

#[test]
fn two_leaders_make_nothing_twice_and_take_nothing_away() {
    let names = ["create", "made-anew", "delete-all"];
    holds(&names, Character::Lagging, 5, Fault::Overlap { lasts: 60, deaf: 10 });
    holds(
        &["two-policies-at-once"],
        Character::Prompt,
        7,
        Fault::Overlap { lasts: 120, deaf: 60 },
    );
}

/// The calls by which the intent to create something is noted: the create follows.
fn intents(run: &Run) -> Vec<u64> {
    let pairs = run.trace.windows(2);
    let noted = pairs.filter(|pair| {
        let (noted, sent) = (&pair[0], &pair[1]);
        noted.what.starts_with("PUT ") && noted.what.contains("/status") && sent.what.starts_with("POST /v1.0/")
    });
    noted.map(|pair| pair[0].number).collect()
}

#[test]
fn a_process_that_stood_still_between_intent_and_request_sends_nothing_once_another_may_lead() {
    let scenario = scenario("two-policies-at-once");
    let undisturbed = run(&scenario, Character::Prompt, &Disturbance::default());
    let intents = intents(&undisturbed);
    assert!(intents.len() >= 4, "{intents:?}");
    for call in intents {
        for seconds in [30, 110, 600] {
            let disturbance = Disturbance {
                faults: [(call, Fault::FrozenAfter(seconds))].into(),
                ..Disturbance::default()
            };
            let run = run(&scenario, Character::Prompt, &disturbance);
            let what = format!("frozen for {seconds} s after call {call}");
            assert_eq!(run.wrong(&undisturbed.picture), [], "{what}");
            // It wakes for two seconds.
            let noted = run.trace.iter().find(|seen| seen.number == call).unwrap();
            let wakes = noted.at + u128::from(seconds) * 1_000;
            let awake = wakes..wakes + 2_000;
            let is_sent = |seen: &&Seen| awake.contains(&seen.at) && seen.side == Side::Entra && seen.is_write();
            assert_eq!(run.trace.iter().find(is_sent), None, "{what}");
        }
    }
}

#[test]
fn a_request_in_the_hand_of_a_process_that_stands_still_for_a_minute_is_found_by_the_next() {
    holds(
        &["create", "two-policies-at-once"],
        Character::Lagging,
        5,
        Fault::FrozenBefore(60),
    );
}

#[test]
fn a_request_that_arrives_after_its_connection_was_cut_or_its_process_killed_is_found() {
    holds(&["create"], Character::Lagging, 4, Fault::CutLate(20));
    holds(&["create"], Character::Lagging, 4, Fault::CrashLate(20));
}

#[test]
fn an_api_server_that_is_away_for_a_minute_changes_nothing_of_the_end() {
    let names = ["create", "delete-all"];
    holds(&names, Character::Prompt, 4, Fault::Begins(Spell::Away, 60));
    holds(&names, Character::Prompt, 4, Fault::Begins(Spell::Hanging, 60));
}

#[test]
fn watches_that_stall_for_five_minutes_change_nothing_of_the_end() {
    let names = [
        "create",
        "delete-all",
        "grant-withdrawn",
        "changed-in-flight",
        "status-erased",
    ];
    holds(&names, Character::Prompt, 6, Fault::Begins(Spell::Stalled, 300));
}

#[test]
fn a_status_that_is_refused_for_a_minute_changes_nothing_of_the_end() {
    for status in [500, 403, 409, 422] {
        let fault = Fault::Begins(Spell::StatusRefused(status), 60);
        holds(&["create", "delete-all"], Character::Prompt, 6, fault);
    }
}

#[test]
fn another_writer_between_two_writes_changes_nothing_of_the_end() {
    let names = ["create", "delete-all"];
    holds(&names, Character::Prompt, 4, Fault::Begins(Spell::Conflicts, 60));
    holds(&names, Character::Prompt, 2, Fault::Outrun);
}

#[test]
fn clocks_that_are_half_a_minute_wrong_change_nothing_of_the_end() {
    for clock_wrong_by in [30, -30] {
        let like = Disturbance {
            clock_wrong_by,
            ..Disturbance::default()
        };
        for (what, (_, wrong)) in swept(&["create"], Character::Lagging, 4, &like, Fault::CrashAfter) {
            assert!(
                wrong.is_empty(),
                "{what}, clocks wrong by {clock_wrong_by} s: {wrong:?}"
            );
        }
    }
}

#[test]
fn a_storm_repeats_byte_for_byte() {
    let faults: [BTreeMap<u64, Fault>; 3] = [
        [(20, Fault::Overlap { lasts: 60, deaf: 20 }), (60, Fault::CutLate(20))].into(),
        [(25, Fault::FrozenBefore(60)), (70, Fault::Begins(Spell::Away, 60))].into(),
        [(9, Fault::Begins(Spell::Conflicts, 60)), (31, Fault::FrozenAfter(90))].into(),
    ];
    for faults in faults {
        let disturbance = Disturbance {
            seed: 42,
            manner: Manner::Unruly,
            faults,
            clock_wrong_by: 30,
        };
        let [one, other] = [(); 2].map(|()| {
            let run = run(&scenario("two-policies-at-once"), Character::Lagging, &disturbance);
            let lines: Vec<String> = run.trace.iter().map(ToString::to_string).collect();
            (lines.join("\n"), run.conditions, run.picture)
        });
        assert_eq!(one, other, "{:?}", disturbance.faults);
    }
}

#[test]
fn while_the_api_server_is_away_nothing_is_asked_of_it_with_success_and_the_leader_ends() {
    let disturbance = Disturbance {
        faults: [(12, Fault::Begins(Spell::Away, 60))].into(),
        ..Disturbance::default()
    };
    let run = run(&scenario("create"), Character::Prompt, &disturbance);
    let begun = run.trace.iter().find(|seen| seen.number == 12).unwrap().at;
    let meanwhile = run
        .trace
        .iter()
        .filter(|seen| seen.number > 12 && seen.at < begun + 60_000);
    let (mut cut, mut after_its_end) = (0, 0);
    for seen in meanwhile {
        if seen.side == Side::ApiServer {
            assert_eq!(seen.outcome, "not sent: cut", "{seen}");
            cut += 1;
        }
        if seen.at > begun + 12_000 {
            after_its_end += 1;
        }
    }
    assert!(cut > 0);
    assert_eq!(after_its_end, 0, "the Lease could not be renewed");
}
