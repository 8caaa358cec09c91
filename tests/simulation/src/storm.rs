//! Disturbances: what a seed draws, what is swept one by one, how they are written down, and which are simpler than another.

use std::collections::BTreeMap;

use crate::{
    fault::{Fault, Spell},
    matrix::Disturbance,
    stage::Manner,
};

/// By how much clocks are wrong where they are.
pub const CLOCK_WRONG_BY: i64 = 30;

/// Every kind that begins with a call, to be swept over the calls of a scenario.
pub const KINDS: [Fault; 17] = [
    Fault::Begins(Spell::Away, 60),
    Fault::Begins(Spell::Hanging, 60),
    Fault::Begins(Spell::Stalled, 300),
    Fault::Begins(Spell::StatusRefused(500), 60),
    Fault::Begins(Spell::StatusRefused(403), 60),
    Fault::Begins(Spell::StatusRefused(409), 60),
    Fault::Begins(Spell::StatusRefused(422), 60),
    Fault::Begins(Spell::Conflicts, 60),
    Fault::Outrun,
    Fault::Overlap { lasts: 15, deaf: 5 },
    Fault::Overlap { lasts: 120, deaf: 60 },
    Fault::FrozenBefore(30),
    Fault::FrozenAfter(30),
    Fault::FrozenAfter(600),
    Fault::CutLate(20),
    Fault::CrashLate(20),
    Fault::CrashAfter,
];

/// What the seed makes of a run that sends so many calls undisturbed.
#[must_use]
pub fn by_seed(seed: u64, calls: u64) -> Disturbance {
    let mut chance = fastrand::Rng::with_seed(seed);
    let most = calls + calls / 4 + 1;
    let mut faults = BTreeMap::new();
    for _ in 0..chance.usize(0..4) {
        let call = chance.u64(1..=most);
        faults.insert(call, one_call(&mut chance));
    }
    if chance.u32(0..10) < 3 {
        let (call, seconds) = (chance.u64(1..=most), chance.u64(5..=90));
        let spell = match chance.u32(0..10) {
            0..3 => Spell::Away,
            3 | 4 => Spell::Hanging,
            5 | 6 => Spell::StatusRefused([500, 403, 409, 422][chance.usize(0..4)]),
            _ => Spell::Conflicts,
        };
        faults.insert(call, Fault::Begins(spell, seconds));
    }
    if chance.u32(0..10) < 3 {
        let call = chance.u64(1..=most);
        let handover = match chance.u32(0..4) {
            0 => Fault::FrozenBefore(chance.u64(30..=90)),
            1 => Fault::FrozenAfter(chance.u64(30..=600)),
            _ => Fault::Overlap {
                lasts: chance.u64(1..=120),
                deaf: chance.u64(0..=60),
            },
        };
        faults.insert(call, handover);
    }
    let clock_wrong_by = match chance.u32(0..4) {
        0 => CLOCK_WRONG_BY,
        1 => -CLOCK_WRONG_BY,
        _ => 0,
    };
    Disturbance {
        seed,
        manner: Manner::Unruly,
        faults,
        clock_wrong_by,
    }
}

fn one_call(chance: &mut fastrand::Rng) -> Fault {
    match chance.u32(0..15) {
        0 | 1 => Fault::CrashBefore,
        2 | 3 => Fault::CrashAfter,
        4 => Fault::CutBefore,
        5 | 6 => Fault::CutAfter,
        7 => Fault::Refused(503),
        8 => Fault::Refused(500),
        9 => Fault::Outrun,
        10 => Fault::CutLate(chance.u64(1..=25)),
        11 => Fault::CrashLate(chance.u64(1..=25)),
        12 => Fault::Refused(403),
        13 => Fault::Refused(404),
        _ => Fault::Hangs,
    }
}

/// The options by which `cargo simulate replay` plays exactly this.
#[must_use]
pub fn options(disturbance: &Disturbance) -> String {
    let Disturbance {
        seed,
        manner,
        faults,
        clock_wrong_by,
    } = disturbance;
    let mut words = vec![seed.to_string()];
    if *manner == Manner::Orderly {
        words.push("--orderly".to_owned());
    }
    let faults: Vec<String> = faults
        .iter()
        .filter_map(|(call, fault)| Some(format!("{call}:{}", word(*fault)?)))
        .collect();
    words.push(format!("--faults={}", faults.join(",")));
    if *clock_wrong_by != 0 {
        words.push(format!("--clock-wrong-by={clock_wrong_by}"));
    }
    words.join(" ")
}

/// The fault as an option has it; none of those that no seed draws.
fn word(fault: Fault) -> Option<String> {
    Some(match fault {
        Fault::CrashBefore => "killed-before".to_owned(),
        Fault::CrashAfter => "killed-after".to_owned(),
        Fault::CutBefore => "cut-before".to_owned(),
        Fault::CutAfter => "cut-after".to_owned(),
        Fault::Refused(status) => format!("answered-{status}"),
        Fault::Hangs => "hangs".to_owned(),
        Fault::CutLate(seconds) => format!("cut-late-{seconds}"),
        Fault::CrashLate(seconds) => format!("killed-late-{seconds}"),
        Fault::Outrun => "outrun".to_owned(),
        Fault::Unconnected => "unconnected".to_owned(),
        Fault::Begins(Spell::Away, seconds) => format!("away-{seconds}"),
        Fault::Begins(Spell::Hanging, seconds) => format!("hanging-{seconds}"),
        Fault::Begins(Spell::Stalled, seconds) => format!("stalled-{seconds}"),
        Fault::Begins(Spell::StatusRefused(status), seconds) => format!("status-{status}-{seconds}"),
        Fault::Begins(Spell::Conflicts, seconds) => format!("conflicts-{seconds}"),
        Fault::Overlap { lasts, deaf } => format!("overlap-{lasts}-{deaf}"),
        Fault::FrozenBefore(seconds) => format!("frozen-before-{seconds}"),
        Fault::FrozenAfter(seconds) => format!("frozen-after-{seconds}"),
        Fault::Throttled(_) | Fault::Spoilt(_) => return None,
    })
}

/// What is followed by so many seconds.
type Lasting = (&'static str, fn(u64) -> Fault);

/// `CALL:WHAT`, as [`options`] writes it; none where it is not that.
#[must_use]
pub fn fault(text: &str) -> Option<(u64, Fault)> {
    let (call, what) = text.split_once(':')?;
    let number = |from: &str| what.strip_prefix(from)?.parse().ok();
    let two = |from: &str| {
        let (one, other) = what.strip_prefix(from)?.split_once('-')?;
        Some((one.parse::<u64>().ok()?, other.parse::<u64>().ok()?))
    };
    let numbered: [Lasting; 8] = [
        ("cut-late-", Fault::CutLate),
        ("killed-late-", Fault::CrashLate),
        ("away-", |seconds| Fault::Begins(Spell::Away, seconds)),
        ("hanging-", |seconds| Fault::Begins(Spell::Hanging, seconds)),
        ("stalled-", |seconds| Fault::Begins(Spell::Stalled, seconds)),
        ("conflicts-", |seconds| Fault::Begins(Spell::Conflicts, seconds)),
        ("frozen-before-", Fault::FrozenBefore),
        ("frozen-after-", Fault::FrozenAfter),
    ];
    let plain = [
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Hangs,
        Fault::Outrun,
        Fault::Unconnected,
    ];
    let plain = || plain.into_iter().find(|fault| word(*fault).as_deref() == Some(what));
    let numbered = || numbered.into_iter().find_map(|(from, fault)| number(from).map(fault));
    let answered = || what.strip_prefix("answered-")?.parse().ok().map(Fault::Refused);
    let status = || {
        let (status, seconds) = two("status-")?;
        Some(Fault::Begins(
            Spell::StatusRefused(u16::try_from(status).ok()?),
            seconds,
        ))
    };
    let overlap = || two("overlap-").map(|(lasts, deaf)| Fault::Overlap { lasts, deaf });
    let found = plain()
        .or_else(numbered)
        .or_else(answered)
        .or_else(status)
        .or_else(overlap)?;
    Some((call.parse().ok()?, found))
}

/// Those that are simpler by one thing: a fault less, an orderly scheduler, a clock that is right, half the time.
#[must_use]
pub fn simpler(disturbance: &Disturbance) -> Vec<Disturbance> {
    let mut simpler = Vec::new();
    for call in disturbance.faults.keys() {
        let mut less = disturbance.clone();
        less.faults.remove(call);
        simpler.push(less);
    }
    if disturbance.manner == Manner::Unruly {
        simpler.push(Disturbance {
            manner: Manner::Orderly,
            ..disturbance.clone()
        });
    }
    if disturbance.clock_wrong_by != 0 {
        simpler.push(Disturbance {
            clock_wrong_by: 0,
            ..disturbance.clone()
        });
    }
    for (call, fault) in &disturbance.faults {
        if let Some(shorter) = shorter(*fault) {
            let mut less = disturbance.clone();
            less.faults.insert(*call, shorter);
            simpler.push(less);
        }
    }
    simpler
}

/// The same for half the time, where that is longer than a moment.
fn shorter(fault: Fault) -> Option<Fault> {
    let half = |seconds: u64| (seconds >= 4).then_some(seconds / 2);
    match fault {
        Fault::CutLate(seconds) => half(seconds).map(Fault::CutLate),
        Fault::CrashLate(seconds) => half(seconds).map(Fault::CrashLate),
        Fault::Begins(spell, seconds) => half(seconds).map(|seconds| Fault::Begins(spell, seconds)),
        Fault::Overlap { lasts, deaf } => half(lasts).map(|lasts| Fault::Overlap {
            lasts,
            deaf: deaf.min(lasts),
        }),
        Fault::FrozenBefore(seconds) => half(seconds).map(Fault::FrozenBefore),
        Fault::FrozenAfter(seconds) => half(seconds).map(Fault::FrozenAfter),
        Fault::CrashBefore
        | Fault::CrashAfter
        | Fault::CutBefore
        | Fault::CutAfter
        | Fault::Refused(_)
        | Fault::Throttled(_)
        | Fault::Spoilt(_)
        | Fault::Hangs
        | Fault::Outrun
        | Fault::Unconnected => None,
    }
}

/// The simplest that still `fails`, by one simplification after the other.
pub fn shrunk(from: &Disturbance, mut fails: impl FnMut(&Disturbance) -> bool) -> Disturbance {
    let mut smallest = from.clone();
    while let Some(next) = simpler(&smallest).into_iter().find(|candidate| fails(candidate)) {
        smallest = next;
    }
    smallest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_seed_draws_is_written_and_read_alike() {
        for seed in 0..2_000 {
            let drawn = by_seed(seed, 60);
            let written = options(&drawn);
            let list = written.split("--faults=").nth(1).unwrap().split(' ').next().unwrap();
            let read: BTreeMap<u64, Fault> = list
                .split(',')
                .filter(|part| !part.is_empty())
                .map(|part| fault(part).unwrap())
                .collect();
            assert_eq!(read, drawn.faults, "{written}");
        }
        assert_eq!(fault("7:thunder"), None);
        assert_eq!(fault("hangs"), None);
    }

    #[test]
    fn a_failing_disturbance_is_shrunk_to_what_it_fails_by() {
        let from = Disturbance {
            seed: 3,
            manner: Manner::Unruly,
            faults: [
                (2, Fault::Hangs),
                (9, Fault::Begins(Spell::Away, 80)),
                (30, Fault::CrashAfter),
            ]
            .into(),
            clock_wrong_by: 30,
        };
        let is_long = |fault: &Fault| matches!(fault, Fault::Begins(Spell::Away, seconds) if *seconds >= 15);
        let smallest = shrunk(&from, |tried| tried.faults.values().any(is_long));
        let expected = Disturbance {
            seed: 3,
            faults: [(9, Fault::Begins(Spell::Away, 20))].into(),
            ..Disturbance::default()
        };
        assert_eq!(smallest, expected);
        assert_eq!(options(&smallest), "3 --orderly --faults=9:away-20");
    }
}
