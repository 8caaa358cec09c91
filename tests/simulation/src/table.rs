//! Operation × failure: what the user sees of every way in which each request can fail, and how it heals.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    rc::Rc,
};

use crate::{
    fault::{Fault, Spoilt, Wait},
    judge::Wrong,
    matrix::{Character, Disturbance, Run, run},
    scenario::{Scenario, scenarios},
    wire::{Seen, Side},
};

/// Every way in which a request can fail.
pub const FAILURES: [Fault; 24] = [
    Fault::Refused(400),
    Fault::Refused(401),
    Fault::Refused(403),
    Fault::Refused(404),
    Fault::Refused(409),
    Fault::Refused(412),
    Fault::Refused(422),
    Fault::Throttled(Wait::Untold),
    Fault::Throttled(Wait::Seconds),
    Fault::Throttled(Wait::Date),
    Fault::Refused(500),
    Fault::Refused(502),
    Fault::Refused(503),
    Fault::Refused(504),
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::Hangs,
    Fault::Spoilt(Spoilt::Truncated),
    Fault::Spoilt(Spoilt::Html),
    Fault::Spoilt(Spoilt::Redirect),
    Fault::Spoilt(Spoilt::ForeignNextLink),
    Fault::Spoilt(Spoilt::WithoutId),
    Fault::Spoilt(Spoilt::UnknownEnum),
    Fault::CrashAfter,
];

/// The operation that a call to Entra is, by its method and path; ids and literals left out.
#[must_use]
pub fn operation(seen: &Seen) -> Option<String> {
    if seen.side != Side::Entra {
        return None;
    }
    let (method, target) = seen.what.split_once(' ')?;
    if target.contains("/oauth2/") {
        return Some("the token".to_owned());
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.trim_start_matches("/v1.0/");
    let path = path.trim_start_matches("identityGovernance/entitlementManagement/");
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| if is_id(part) { "{id}" } else { part })
        .collect();
    let mut name = format!("{method} {}", parts.join("/"));
    if query.contains("$filter=displayName") {
        name.push_str(" by name");
    } else if query.contains("$filter") && parts.len() == 1 {
        name.push_str(" by key");
    }
    Some(name)
}

fn is_id(part: &str) -> bool {
    part.len() >= 36 && part.chars().filter(|letter| *letter == '-').count() >= 4 || part.contains(':')
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The operation.
    pub operation: String,
    /// How it failed.
    pub failure: Fault,
    /// In which scenario, at which call.
    pub at: (&'static str, u64),
    /// The reasons that objects gave meanwhile and do not give undisturbed.
    pub seen: BTreeSet<String>,
    /// By how many seconds later than undisturbed the last write was.
    pub later: i64,
    /// What is wrong at the end.
    pub wrong: Vec<Wrong>,
}

/// Where each operation is sent first, with how that scenario ends.
fn places() -> BTreeMap<String, (Scenario, u64, Rc<Run>)> {
    let mut places = BTreeMap::new();
    for scenario in scenarios() {
        let undisturbed = Rc::new(run(&scenario, Character::Prompt, &Disturbance::default()));
        for seen in &undisturbed.trace {
            let Some(name) = operation(seen) else { continue };
            if places.contains_key(&name) {
                continue;
            }
            places.insert(name, (scenario.clone(), seen.number, Rc::clone(&undisturbed)));
        }
    }
    places
}

/// Every operation that the scenarios send.
#[must_use]
pub fn operations() -> BTreeSet<String> {
    places().into_keys().collect()
}

/// Runs every cell.
#[must_use]
pub fn cells(mut tell: impl FnMut(&str)) -> Vec<Cell> {
    let mut cells = Vec::new();
    let places = places();
    let count = places.len();
    for (index, (operation, (scenario, call, right))) in places.into_iter().enumerate() {
        tell(&format!("{} of {count}: {operation}, in {}", index + 1, scenario.name));
        for failure in FAILURES {
            let disturbance = Disturbance {
                faults: [(call, failure)].into(),
                ..Disturbance::default()
            };
            let run = run(&scenario, Character::Prompt, &disturbance);
            cells.push(Cell {
                operation: operation.clone(),
                failure,
                at: (scenario.name, call),
                seen: run.reasons.difference(&right.reasons).cloned().collect(),
                later: last_write(&run) - last_write(&right),
                wrong: run.wrong(&right.picture),
            });
        }
    }
    cells
}

fn last_write(run: &Run) -> i64 {
    let last = run
        .trace
        .iter()
        .filter(|seen| seen.is_write())
        .map(|seen| seen.at)
        .max();
    i64::try_from(last.unwrap_or_default() / 1_000).unwrap_or(i64::MAX)
}

/// The table as a document.
#[must_use]
pub fn document(cells: &[Cell]) -> String {
    let mut text = String::from(
        "# Operation × failure\n\nEvery request that the operator sends to Graph, and every way in which it can fail once: what \
         objects say meanwhile that they do not say otherwise, and by how many seconds later everything is as it should be. Written by \
         `cargo simulate table`, which runs each cell.\n",
    );
    let mut operations: Vec<&String> = cells.iter().map(|cell| &cell.operation).collect();
    operations.dedup();
    for operation in operations {
        let own: Vec<&Cell> = cells.iter().filter(|cell| &cell.operation == operation).collect();
        let place = own.first().map_or(("", 0), |cell| cell.at);
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "\n## {operation}\n\nCall {} of scenario `{}`.\n\n| failure | what is said meanwhile | heals |\n|---|---|---|\n",
            place.1, place.0
        );
        for cell in own {
            let seen = if cell.seen.is_empty() {
                "nothing".to_owned()
            } else {
                cell.seen.iter().cloned().collect::<Vec<_>>().join(", ")
            };
            let heals = match (cell.wrong.as_slice(), cell.later) {
                ([], ..=0) => "at once".to_owned(),
                ([], later) => format!("{later} s later"),
                (wrong, _) => format!("**no**: {}", wrong.iter().map(short).collect::<Vec<_>>().join("; ")),
            };
            let _ = writeln!(text, "| {} | {seen} | {heals} |", cell.failure);
        }
    }
    text
}

fn short(wrong: &Wrong) -> String {
    wrong
        .to_string()
        .chars()
        .take(120)
        .collect::<String>()
        .replace('|', "/")
}
