//! Any valid spec, and any two: what is written and read back leaves nothing to do, and from one to the other takes what their
//! differences call for. `cargo simulate specs 100000` does the same by the hundred thousand.

use simulation::specs::{self, KINDS, Outcome};

#[test]
fn any_two_specs_are_written_read_back_and_led_into_each_other_and_every_field_and_value_is_drawn() {
    let mut all = Outcome::default();
    let halves = [1..1_001, 1_001..2_001].map(|seeds| std::thread::spawn(move || specs::run(seeds)));
    for half in halves {
        all.add(half.join().expect("a run ends"));
    }
    let failed: Vec<String> = all
        .failures
        .iter()
        .map(|failure| format!("cargo simulate specs 1 --seed {}\n{}", failure.seed, failure.why))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(all.pairs.len(), KINDS.len(), "{:?}", all.pairs);
    let (reached, missed) = all.reach.of(&KINDS);
    assert!(missed.is_empty(), "never drawn: {missed:#?}");
    assert!(reached > 200, "{reached}");
}

#[test]
fn a_seed_draws_the_same_specs_again_and_another_draws_others() {
    assert_eq!(specs::pair(7), specs::pair(7));
    assert_ne!(specs::pair(7), specs::pair(8));
}
