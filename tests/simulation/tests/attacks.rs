//! A team that may do everything in its namespace, by seed. `cargo simulate attacks 1000000` does the same by the million.

#![expect(clippy::expect_used, reason = "what the tests share fails as a test does")]

use simulation::attacks::{self, Outcome, Without};

/// What came of these sieges, on two cores.
fn sieges(seeds: std::ops::Range<u64>, without: Without) -> Vec<(u64, Outcome)> {
    let middle = u64::midpoint(seeds.start, seeds.end);
    let halves = [seeds.start..middle, middle..seeds.end].map(|seeds| {
        std::thread::spawn(move || {
            let played = seeds.map(|seed| (seed, attacks::play(seed, &attacks::siege(seed), without)));
            played.collect::<Vec<_>>()
        })
    });
    halves
        .into_iter()
        .flat_map(|half| half.join().expect("a siege ends"))
        .collect()
}

#[test]
fn a_team_with_every_verb_in_its_namespace_gets_nothing_that_no_grant_allows() {
    let all = sieges(1..25, Without::Nothing);
    let found: Vec<String> = all
        .iter()
        .flat_map(|(seed, outcome)| {
            outcome
                .findings
                .iter()
                .map(move |finding| format!("seed {seed}: {finding}"))
        })
        .collect();
    assert!(
        found.is_empty(),
        "cargo simulate attacks 1 --seed SEED --show\n{}",
        found.join("\n")
    );
    let sum = |of: fn(&Outcome) -> usize| all.iter().map(|(_, outcome)| of(outcome)).sum::<usize>();
    // Something is at stake: the operator writes, and people come in.
    assert!(sum(|outcome| outcome.writes) > 500, "{}", sum(|outcome| outcome.writes));
    assert!(
        sum(|outcome| outcome.came_in) > 20,
        "{}",
        sum(|outcome| outcome.came_in)
    );
}

#[test]
fn a_siege_repeats_by_its_seed() {
    assert_eq!(attacks::siege(7), attacks::siege(7));
    assert_ne!(attacks::siege(7), attacks::siege(8));
    let [one, other] = [(); 2].map(|()| {
        let outcome = attacks::play(3, &attacks::siege(3), Without::Admission);
        (outcome.steps, outcome.writes, outcome.findings)
    });
    assert_eq!(one, other);
}
