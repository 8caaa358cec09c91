//! Runs: what a seed repeats, and what a kill at any call leaves.

#![expect(clippy::unwrap_used, reason = "what the tests share fails as a test does")]

use simulation::{
    fault::Fault,
    matrix::{Character, Disturbance, KILLS, Run, run},
    scenario::{Scenario, scenarios},
    stage::Manner,
    table,
};

fn scenario(name: &str) -> Scenario {
    scenarios().into_iter().find(|scenario| scenario.name == name).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    let disturbance = Disturbance {
        seed: 42,
        manner: Manner::Unruly,
        faults: [(9, Fault::CutAfter), (30, Fault::CrashAfter), (41, Fault::Hangs)].into(),
        ..Disturbance::default()
    };
    for character in Character::ALL {
        let [one, other] = [(); 2].map(|()| run(&scenario("rename"), character, &disturbance));
        let lines = |run: &Run| run.trace.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (line, (one, other)) in lines(&one).into_iter().zip(lines(&other)).enumerate() {
            assert_eq!(one, other, "{}, line {line}", character.name());
        }
        assert_eq!(one.trace.len(), other.trace.len(), "{}", character.name());
        assert_eq!(
            (one.conditions, one.picture),
            (other.conditions, other.picture),
            "{}",
            character.name()
        );
    }
}

#[test]
fn another_seed_gives_another_trace() {
    let traces = [1, 2].map(|seed| {
        let disturbance = Disturbance {
            seed,
            manner: Manner::Unruly,
            ..Disturbance::default()
        };
        let run = run(&scenario("roles"), Character::Prompt, &disturbance);
        run.trace.iter().map(|seen| seen.what.clone()).collect::<Vec<_>>()
    });
    assert_ne!(traces[0], traces[1]);
}

#[test]
fn every_scenario_ends_alike_whatever_the_service_is_like() {
    for scenario in scenarios() {
        let mut right = None;
        for character in Character::ALL {
            let run = run(&scenario, character, &Disturbance::default());
            assert_eq!(run.broken, None, "{} ({})", scenario.name, character.name());
            let right = right.get_or_insert_with(|| run.picture.clone());
            assert_eq!(run.wrong(right), [], "{} ({})", scenario.name, character.name());
        }
    }
}

#[test]
fn a_kill_at_any_call_of_a_creation_or_a_deletion_leaves_what_would_be_there_without() {
    for name in ["create", "delete-all"] {
        let scenario = scenario(name);
        let undisturbed = run(&scenario, Character::Lagging, &Disturbance::default());
        let calls = undisturbed.trace.len() as u64;
        for (call, fault) in (1..=calls).flat_map(|call| KILLS.map(|fault| (call, fault))) {
            let disturbance = Disturbance {
                faults: [(call, fault)].into(),
                ..Disturbance::default()
            };
            let run = run(&scenario, Character::Lagging, &disturbance);
            assert_eq!(run.wrong(&undisturbed.picture), [], "{name}, {fault} call {call}");
        }
    }
}

#[test]
fn the_table_of_failures_has_every_operation_and_no_empty_cell() {
    let text = include_str!("../../../docs/failure-table.md");
    let sections: Vec<(&str, &str)> = text
        .split("\n## ")
        .skip(1)
        .map(|part| part.split_once('\n').unwrap())
        .collect();
    let written: Vec<String> = sections.iter().map(|(name, _)| (*name).to_owned()).collect();
    let sent: Vec<String> = table::operations().into_iter().collect();
    assert_eq!(
        written, sent,
        "write it anew: cargo simulate table --write docs/failure-table.md"
    );
    for (operation, section) in sections {
        let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert_eq!(rows.len(), table::FAILURES.len(), "{operation}");
        for (row, failure) in rows.iter().zip(table::FAILURES) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 3, "{operation}: {row}");
            assert_eq!(cells[0], failure.to_string(), "{operation}");
            assert!(cells.iter().all(|cell| !cell.is_empty()), "{operation}: {row}");
        }
    }
}
