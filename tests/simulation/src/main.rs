//! `cargo simulate`: the operator under every failure, by count.

#![expect(clippy::print_stdout, reason = "standard output belongs to what the command shows")]
#![expect(
    clippy::disallowed_methods,
    reason = "how long the simulation itself takes is told by the machine's clock"
)]

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use clap::{Args, Parser, Subcommand};
use simulation::{
    attacks::{self, Without, oracle::Finding},
    fault::Fault,
    judge::{Picture, Wrong},
    matrix::{Character, Disturbance, KILLS, Run, run},
    outage,
    scenario::{Scenario, scenarios},
    specs,
    stage::Manner,
    storm::{self, CLOCK_WRONG_BY, by_seed},
    table,
    wire::Seen,
};

/// What is played is small objects by the million, which this one gives out quicker than the system's.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The operator under every failure, in simulated time.
#[derive(Parser)]
#[command(name = "simulate")]
struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    narrowed: Narrowed,
}

/// Which scenarios are played.
#[derive(Args)]
struct Narrowed {
    /// Only scenarios whose name contains this
    #[arg(long, global = true)]
    only: Option<String>,
    /// Only this character: prompt, lagging, hostile
    #[arg(long, global = true)]
    character: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Each scenario undisturbed, with what the operator sends
    Show,
    /// One scenario killed at these calls, with what the operator sends: `before:12 after:40`
    Kill {
        /// `before:CALL` or `after:CALL`
        at: Vec<String>,
    },
    /// Each scenario again for each call that the operator sends, killed before it, and after it where it writes
    Matrix {
        /// Also after each read: what that loses, a kill before the next call loses as well
        #[arg(long)]
        every: bool,
    },
    /// Each scenario again for pairs of calls, killed at both
    Pairs {
        /// Every how many-th pair
        #[arg(long, default_value_t = 7)]
        stride: usize,
    },
    /// So many runs by seed: any order, late news, any faults
    Schedules {
        /// How many
        count: u64,
        /// The first seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Every operation of Graph, failing in every way: what the user sees, and how it heals
    Table {
        /// Where to write the document; only the figures are shown without
        #[arg(long)]
        write: Option<std::path::PathBuf>,
    },
    /// Each scenario again for each kind of storm (second leaders, frozen processes, the API server away, …), beginning at every
    /// so many-th call
    Storms {
        /// Every how many-th call
        #[arg(long, default_value_t = 1)]
        stride: usize,
        /// Only kinds whose words contain this
        #[arg(long)]
        kind: Option<String>,
    },
    /// A quarter of an hour without Graph: what is sent meanwhile, how everything comes back, and when it is settled
    Outage {
        /// Of how many objects
        #[arg(long, default_value_t = 10_000)]
        objects: usize,
    },
    /// So many pairs of valid specs by seed: written and read back nothing is left to do, and from one to the other takes what
    /// their differences call for
    Specs {
        /// How many
        count: u64,
        /// The first seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// So many steps of a team that may do everything in its namespace, by seed, against an oracle that knows its grants
    Attacks {
        /// How many steps
        steps: usize,
        /// The first seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Without this layer of protection
        #[arg(long)]
        without: Option<String>,
        /// Shows every step of the first seed
        #[arg(long)]
        show: bool,
    },
    /// One run by its seed, with what the operator sent
    Replay {
        /// The seed
        seed: u64,
        /// Exactly these faults in place of the seed's, such as `12:killed-after,30:overlap-60-5`
        #[arg(long)]
        faults: Option<String>,
        /// News at once and in order
        #[arg(long, requires = "faults")]
        orderly: bool,
        /// By how many seconds the clocks of the operator's machines are wrong
        #[arg(long, requires = "faults", allow_hyphen_values = true, default_value_t = 0)]
        clock_wrong_by: i64,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let chosen: Vec<Scenario> = scenarios()
        .into_iter()
        .filter(|scenario| {
            options
                .narrowed
                .only
                .as_deref()
                .is_none_or(|part| scenario.name.contains(part))
        })
        .collect();
    let characters: Vec<Character> = Character::ALL
        .into_iter()
        .filter(|character| {
            options
                .narrowed
                .character
                .as_deref()
                .is_none_or(|name| character.name() == name)
        })
        .collect();
    if chosen.is_empty() || characters.is_empty() {
        println!("no scenario of that name, or no such character");
        return ExitCode::from(2);
    }
    let outcome = match options.command {
        Command::Show => Ok(show(&chosen, &characters)),
        Command::Kill { at } => Ok(kill(&chosen, &characters, &at)),
        Command::Matrix { every } => kills(&chosen, &characters, &Kills::Single(every)),
        Command::Pairs { stride } => kills(&chosen, &characters, &Kills::Pairs(stride.max(1))),
        Command::Schedules { count, seed } => schedules(&chosen, &characters, seed, count, &options.narrowed),
        Command::Table { write } => Ok(table(write.as_deref())),
        Command::Specs { count, seed } => Ok(specs(seed, count)),
        Command::Storms { stride, kind } => storms(&chosen, &characters, stride.max(1), kind.as_deref()),
        Command::Replay {
            seed,
            faults,
            orderly,
            clock_wrong_by,
        } => {
            let manner = if orderly { Manner::Orderly } else { Manner::Unruly };
            let exact = faults.map(|faults| (faults, manner, clock_wrong_by));
            replay(&chosen, &characters, seed, exact)
        }
        Command::Outage { objects } => Ok(outage(objects)),
        Command::Attacks {
            steps,
            seed,
            without,
            show,
        } => Ok(attacks(steps, seed, without.as_deref(), show)),
    };
    outcome.unwrap_or_else(|code| code)
}

/// One run to be made.
struct Task<'a> {
    scenario: &'a Scenario,
    character: Character,
    disturbance: Disturbance,
    words: String,
    right: &'a Picture,
}

/// How a scenario ends undisturbed.
struct Undisturbed<'a> {
    scenario: &'a Scenario,
    character: Character,
    picture: Picture,
    /// Of each call, in order, whether it was to change something.
    is_write: Vec<bool>,
}

impl Undisturbed<'_> {
    fn calls(&self) -> u64 {
        self.is_write.len() as u64
    }
}

/// How all of them end undisturbed, by scenario and character.
fn undisturbed<'a>(chosen: &'a [Scenario], characters: &[Character]) -> Result<Vec<Undisturbed<'a>>, ExitCode> {
    let mut right = Vec::new();
    for scenario in chosen {
        let mut prompt: Option<Picture> = None;
        for character in characters {
            let run = run(scenario, *character, &Disturbance::default());
            if let Some(broken) = &run.broken {
                println!(
                    "{} ({}) does not end even undisturbed: {broken:?}",
                    scenario.name,
                    character.name()
                );
                tell(&run);
                return Err(ExitCode::FAILURE);
            }
            if !run.ends.is_empty() {
                println!(
                    "{} ({}) ends otherwise than it must, undisturbed:",
                    scenario.name,
                    character.name()
                );
                for wrong in &run.ends {
                    println!("  {wrong}");
                }
                return Err(ExitCode::FAILURE);
            }
            // Whoever is hostile refuses one all the same.
            let beside = run.trace.iter().find(|seen| {
                seen.what.starts_with("POST ")
                    && seen.what.contains("/assignmentPolicies")
                    && seen.outcome.starts_with("409")
            });
            if let Some(seen) = beside.filter(|_| *character != Character::Hostile) {
                println!(
                    "{} ({}): a policy was sent beside another, which the service refuses: {seen}",
                    scenario.name,
                    character.name()
                );
                return Err(ExitCode::FAILURE);
            }
            let picture = run.picture;
            let is_write = run.trace.iter().map(Seen::is_write).collect();
            match &prompt {
                None => prompt = Some(picture.clone()),
                Some(first) => {
                    let wrong = picture.faults(first);
                    if !wrong.is_empty() {
                        println!(
                            "{} ends otherwise where the service is {}:",
                            scenario.name,
                            character.name()
                        );
                        for wrong in wrong {
                            println!("  {wrong}");
                        }
                        return Err(ExitCode::FAILURE);
                    }
                }
            }
            right.push(Undisturbed {
                scenario,
                character: *character,
                picture,
                is_write,
            });
        }
    }
    Ok(right)
}

/// What the operator sent, and what the objects said at the end.
fn tell(run: &Run) {
    for seen in &run.trace {
        println!("{seen}");
    }
    for condition in &run.conditions {
        println!("  {condition}");
    }
}

/// As [`undisturbed`], saying how long that took.
fn undisturbed_in_time<'a>(
    chosen: &'a [Scenario],
    characters: &[Character],
    begun: Instant,
) -> Result<Vec<Undisturbed<'a>>, ExitCode> {
    let right = undisturbed(chosen, characters)?;
    println!(
        "{} scenarios undisturbed, {:.1} s",
        right.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(right)
}

fn show(chosen: &[Scenario], characters: &[Character]) -> ExitCode {
    for scenario in chosen {
        for character in characters {
            let begun = Instant::now();
            let run = run(scenario, *character, &Disturbance::default());
            println!(
                "== {} ({}): {} calls in {:?}",
                scenario.name,
                character.name(),
                run.trace.len(),
                begun.elapsed()
            );
            tell(&run);
            if let Some(broken) = &run.broken {
                println!("broken: {broken:?}");
            }
            for (object, count) in &run.picture.entra {
                println!("  {count} {object}");
            }
            for (object, says) in &run.picture.cluster {
                println!("  {object}: {says}");
            }
            for way in &run.picture.ways {
                println!("  way in: {way}");
            }
        }
    }
    ExitCode::SUCCESS
}

/// One run that is killed at these calls.
fn kill(chosen: &[Scenario], characters: &[Character], at: &[String]) -> ExitCode {
    let mut faults = BTreeMap::new();
    for point in at {
        let parsed = point.split_once(':').and_then(|(when, call)| {
            let fault = match when {
                "before" => Fault::CrashBefore,
                "after" => Fault::CrashAfter,
                _ => return None,
            };
            Some((call.parse().ok()?, fault))
        });
        let Some((call, fault)) = parsed else {
            println!("{point:?} is neither before:CALL nor after:CALL");
            return ExitCode::from(2);
        };
        faults.insert(call, fault);
    }
    let mut outcome = ExitCode::SUCCESS;
    for scenario in chosen {
        for character in characters {
            let right = run(scenario, *character, &Disturbance::default()).picture;
            let disturbance = Disturbance {
                faults: faults.clone(),
                ..Disturbance::default()
            };
            let run = run(scenario, *character, &disturbance);
            println!("== {} ({})", scenario.name, character.name());
            tell(&run);
            for wrong in run.wrong(&right) {
                println!("{wrong}");
                outcome = ExitCode::FAILURE;
            }
        }
    }
    outcome
}

enum Kills {
    /// One in each run; whether also after reads.
    Single(bool),
    /// Two, every so many-th pair.
    Pairs(usize),
}

fn kills(chosen: &[Scenario], characters: &[Character], which: &Kills) -> Result<ExitCode, ExitCode> {
    let begun = Instant::now();
    let right = undisturbed_in_time(chosen, characters, begun)?;
    let mut tasks = Vec::new();
    for Undisturbed {
        scenario,
        character,
        picture,
        is_write,
    } in &right
    {
        let calls = (1_u64..).zip(is_write);
        let points: Vec<(u64, Fault, bool)> = calls
            .flat_map(|(call, writes)| KILLS.map(|fault| (call, fault, *writes || fault == Fault::CrashBefore)))
            .collect();
        let kept = |every: bool| points.iter().filter(move |(_, _, tells)| every || *tells);
        let points: Vec<(u64, Fault)> = match which {
            Kills::Single(every) => kept(*every).map(|(call, fault, _)| (*call, *fault)).collect(),
            Kills::Pairs(_) => kept(true).map(|(call, fault, _)| (*call, *fault)).collect(),
        };
        let sets: Vec<Vec<(u64, Fault)>> = match which {
            Kills::Single(_) => points.iter().map(|point| vec![*point]).collect(),
            Kills::Pairs(stride) => {
                let pairs = points
                    .iter()
                    .enumerate()
                    .flat_map(|(index, one)| points[index + 1..].iter().map(move |other| vec![*one, *other]))
                    .filter(|pair| pair[0].0 < pair[1].0);
                pairs.step_by(*stride).collect()
            }
        };
        for set in sets {
            let words = set
                .iter()
                .map(|(call, fault)| format!("{fault} call {call}"))
                .collect::<Vec<_>>()
                .join(", ");
            tasks.push(Task {
                scenario,
                character: *character,
                disturbance: Disturbance {
                    faults: set.into_iter().collect(),
                    ..Disturbance::default()
                },
                words,
                right: picture,
            });
        }
    }
    Ok(report(&tasks, begun, None))
}

/// The options by which the choice of scenarios was narrowed: a seed means another scenario without.
fn narrowed(options: &Narrowed) -> String {
    let only = options.only.as_ref().map(|only| format!(" --only={only}"));
    let character = options.character.as_ref().map(|name| format!(" --character={name}"));
    only.into_iter().chain(character).collect()
}

/// Each kind of storm at every so many-th call, with right clocks and wrong ones in turn.
fn storms(
    chosen: &[Scenario],
    characters: &[Character],
    stride: usize,
    only: Option<&str>,
) -> Result<ExitCode, ExitCode> {
    let begun = Instant::now();
    let right = undisturbed_in_time(chosen, characters, begun)?;
    let mut tasks = Vec::new();
    for one in &right {
        for kind in storm::KINDS {
            if only.is_some_and(|part| !kind.to_string().contains(part)) {
                continue;
            }
            for (call, clock_wrong_by) in (1..=one.calls())
                .step_by(stride)
                .zip([0, CLOCK_WRONG_BY, 0, -CLOCK_WRONG_BY].into_iter().cycle())
            {
                tasks.push(Task {
                    scenario: one.scenario,
                    character: one.character,
                    disturbance: Disturbance {
                        seed: call,
                        faults: [(call, kind)].into(),
                        clock_wrong_by,
                        ..Disturbance::default()
                    },
                    words: format!("{kind} call {call}, clocks wrong by {clock_wrong_by} s"),
                    right: &one.picture,
                });
            }
        }
    }
    Ok(report(&tasks, begun, None))
}

fn schedules(
    chosen: &[Scenario],
    characters: &[Character],
    first: u64,
    count: u64,
    options: &Narrowed,
) -> Result<ExitCode, ExitCode> {
    let begun = Instant::now();
    let right = undisturbed_in_time(chosen, characters, begun)?;
    let tasks: Vec<Task<'_>> = (first..first + count)
        .map(|seed| {
            let one = &right[usize::try_from(seed).unwrap_or(0) % right.len()];
            Task {
                scenario: one.scenario,
                character: one.character,
                disturbance: by_seed(seed, one.calls()),
                words: format!("seed {seed}; cargo simulate replay {seed}{}", narrowed(options)),
                right: &one.picture,
            }
        })
        .collect();
    Ok(report(&tasks, begun, Some(options)))
}

/// So many pairs share a tenant: it remembers every request.
const PAIRS: u64 = 250;

/// Pairs of specs on all cores, with one line of figures.
fn specs(first: u64, count: u64) -> ExitCode {
    let begun = Instant::now();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(specs::Outcome::default()));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let from = PAIRS * next.fetch_add(1, Ordering::Relaxed) as u64;
                    if from >= count {
                        return;
                    }
                    let outcome = specs::run(first + from..first + count.min(from + PAIRS));
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    for specs::Failure { seed, kind, why, specs } in &outcome.failures {
                        println!("FAILED {kind}: cargo simulate specs 1 --seed {seed}");
                        println!("  {why}");
                        // Whoever replays it wants to see it.
                        if count == 1 {
                            let [a, b] = specs;
                            println!("  A: {a}\n  B: {b}");
                        }
                    }
                    all.add(outcome);
                    let done: u64 = all.pairs.values().sum();
                    if done % 5_000 < PAIRS {
                        println!("{done} of {count} pairs, {:.0} s", begun.elapsed().as_secs_f64());
                    }
                }
            });
        }
    });
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (reached, missed) = all.reach.of(&specs::KINDS);
    let pairs = |kind: &str| all.pairs.get(kind).copied().unwrap_or_default(); // none of this kind
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{count} pairs of specs ({} of policies, {} of packages, {} of catalogs), {} failed; {reached} fields and values drawn, {} never; {} writes; {seconds:.0} s, {:.0} a minute",
        pairs("AssignmentPolicy"),
        pairs("AccessPackage"),
        pairs("Catalog"),
        all.failures.len(),
        missed.len(),
        all.writes,
        count as f64 / seconds * 60.0,
    );
    if all.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Sieges on all cores until so many steps are played, with one line of figures.
fn attacks(steps: usize, first: u64, without: Option<&str>, show: bool) -> ExitCode {
    let Some(layer) = without.map_or(Some(Without::Nothing), Without::named) else {
        let names: Vec<&str> = Without::all().into_iter().map(Without::name).collect();
        println!("there is no such layer; there are {}", names.join(", "));
        return ExitCode::from(2);
    };
    let begun = Instant::now();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(attacks::Outcome::default()));
    let found: Mutex<BTreeMap<&str, Vec<usize>>> = Mutex::default();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let played = all.lock().unwrap_or_else(PoisonError::into_inner).steps;
                    let seed = first + next.fetch_add(1, Ordering::Relaxed) as u64;
                    if played >= steps || (show && seed > first) {
                        return;
                    }
                    let deeds = attacks::siege(seed);
                    if show {
                        for (number, deed) in (1..).zip(&deeds) {
                            println!("{number:>4} {deed}");
                        }
                    }
                    let outcome = attacks::play(seed, &deeds, layer);
                    if let Some(finding) = outcome.findings.first() {
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        let of_kind = found.entry(finding.kind()).or_default();
                        of_kind.push(outcome.first.unwrap_or_default());
                        let is_new = of_kind.len() <= SHRUNK_OF_A_KIND;
                        drop(found);
                        println!("FOUND by seed {seed} in {} steps: {finding}", outcome.steps);
                        if is_new {
                            let smallest = attacks::shrunk(seed, &deeds, layer, finding.kind());
                            let steps: Vec<String> = smallest.iter().map(|deed| format!("    {deed}")).collect();
                            println!("  the fewest steps to it:\n{}", steps.join("\n"));
                        }
                    }
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    let before = all.steps;
                    all.steps += outcome.steps;
                    all.refused += outcome.refused;
                    all.writes += outcome.writes;
                    all.came_in += outcome.came_in;
                    if before / 50_000 != all.steps / 50_000 {
                        println!("{} of {steps} steps, {:.0} s", all.steps, begun.elapsed().as_secs_f64());
                    }
                }
            });
        }
    });
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let count = |kind: &str| found.get(kind).map_or(0, Vec::len);
    let counts: Vec<String> = Finding::KINDS
        .iter()
        .map(|kind| format!("{} {kind}", count(kind)))
        .collect();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} steps in {} worlds ({} refused, {} people came in, {} writes to Entra){}: {}; {seconds:.0} s, {:.0} a minute",
        all.steps,
        next.into_inner().saturating_sub(workers),
        all.refused,
        all.came_in,
        all.writes,
        without.map(|layer| format!(", without {layer}")).unwrap_or_default(),
        counts.join(", "),
        all.steps as f64 / seconds * 60.0,
    );
    if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn table(write: Option<&std::path::Path>) -> ExitCode {
    let begun = Instant::now();
    let cells = table::cells(|words| println!("{words}"));
    let bad: Vec<_> = cells.iter().filter(|cell| !cell.wrong.is_empty()).collect();
    for cell in &bad {
        println!(
            "FAILED {}, {}, at call {} of {}",
            cell.operation, cell.failure, cell.at.1, cell.at.0
        );
        for wrong in &cell.wrong {
            println!("  {wrong}");
        }
    }
    if let Some(path) = write
        && let Err(error) = std::fs::write(path, table::document(&cells))
    {
        println!("{}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    println!(
        "{} cells, {} of them do not heal; {:.0} s",
        cells.len(),
        bad.len(),
        begun.elapsed().as_secs_f64()
    );
    if bad.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Both ways of being away, side by side, a line of figures for each.
fn outage(objects: usize) -> ExitCode {
    let begun = Instant::now();
    let outcomes = thread::scope(|scope| {
        let runs = outage::WAYS.map(|fault| scope.spawn(move || (fault, outage::run(objects, fault))));
        runs.map(thread::ScopedJoinHandle::join)
    });
    let mut outcome = ExitCode::SUCCESS;
    for run in outcomes {
        match run {
            Ok((fault, Ok(figures))) => {
                println!("{fault}: {figures}");
                for wrong in figures.wrong() {
                    println!("  {wrong}");
                    outcome = ExitCode::FAILURE;
                }
            }
            Ok((fault, Err(words))) => {
                println!("{fault}: {words}");
                outcome = ExitCode::FAILURE;
            }
            Err(_) => outcome = ExitCode::FAILURE,
        }
    }
    println!("{objects} objects, {:.0} s", begun.elapsed().as_secs_f64());
    outcome
}

/// A disturbance in place of the seed's: its faults, the manner of the scheduler, by how much clocks are wrong.
type Exact = (String, Manner, i64);

fn replay(
    chosen: &[Scenario],
    characters: &[Character],
    seed: u64,
    exact: Option<Exact>,
) -> Result<ExitCode, ExitCode> {
    let right = undisturbed(chosen, characters)?;
    let one = &right[usize::try_from(seed).unwrap_or(0) % right.len()];
    let Undisturbed {
        scenario,
        character,
        picture,
        is_write: _,
    } = one;
    let disturbance = match exact {
        None => by_seed(seed, one.calls()),
        Some((faults, manner, clock_wrong_by)) => {
            let mut read = BTreeMap::new();
            for part in faults.split(',').filter(|part| !part.is_empty()) {
                let Some((call, fault)) = storm::fault(part) else {
                    println!("{part:?} is no fault");
                    return Err(ExitCode::from(2));
                };
                read.insert(call, fault);
            }
            Disturbance {
                seed,
                manner,
                faults: read,
                clock_wrong_by,
            }
        }
    };
    println!(
        "{} ({}), {}",
        scenario.name,
        character.name(),
        storm::options(&disturbance)
    );
    let run = run(scenario, *character, &disturbance);
    tell(&run);
    let wrong = run.wrong(picture);
    for wrong in &wrong {
        println!("{wrong}");
    }
    Ok(if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The smallest disturbance by which the run of a seed still fails, as a command.
fn smallest(task: &Task<'_>, options: &Narrowed) -> String {
    let fails = |tried: &Disturbance| !run(task.scenario, task.character, tried).wrong(task.right).is_empty();
    let smallest = storm::shrunk(&task.disturbance, fails);
    format!(
        "cargo simulate replay {}{}",
        storm::options(&smallest),
        narrowed(options)
    )
}

/// So many failing seeds are shrunk.
const SHRUNK: usize = 5;
/// So many sieges that find the same kind are shrunk.
const SHRUNK_OF_A_KIND: usize = 2;

/// Runs everything on all cores, saying how far it is, and ends with one line of figures. What is by seed is shrunk where it
/// fails.
fn report(tasks: &[Task<'_>], begun: Instant, shrinks: Option<&Narrowed>) -> ExitCode {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures: Mutex<Vec<(&Task<'_>, Vec<Wrong>)>> = Mutex::default();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = run(task.scenario, task.character, &task.disturbance);
                    let wrong = run.wrong(task.right);
                    if !wrong.is_empty() {
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        println!(
                            "FAILED {} ({}): {}",
                            task.scenario.name,
                            task.character.name(),
                            task.words
                        );
                        for wrong in &wrong {
                            println!("  {wrong}");
                        }
                        // Some are enough to begin with.
                        if let Some(options) = shrinks.filter(|_| failures.len() < SHRUNK) {
                            println!("  the smallest that fails: {}", smallest(task, options));
                        }
                        failures.push((task, wrong));
                    }
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if done % 500 == 0 {
                        println!("{done} of {} runs, {:.0} s", tasks.len(), begun.elapsed().as_secs_f64());
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let count = |of: fn(&Wrong) -> bool| {
        failures
            .iter()
            .flat_map(|(_, wrong)| wrong)
            .filter(|wrong| of(wrong))
            .count()
    };
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} runs, {} failed: {} duplicates, {} left over, {} missing, {} stuck, {} people, {} ways in, {} statuses, {} restless; {:.0} s, {:.0} a minute",
        tasks.len(),
        failures.len(),
        count(|wrong| matches!(wrong, Wrong::Duplicate(_))),
        count(|wrong| matches!(wrong, Wrong::LeftOver(_))),
        count(|wrong| matches!(wrong, Wrong::Missing(_))),
        count(|wrong| matches!(wrong, Wrong::Stuck(_))),
        count(|wrong| matches!(wrong, Wrong::People(_))),
        count(|wrong| matches!(wrong, Wrong::Open(_))),
        count(|wrong| matches!(wrong, Wrong::Status(_))),
        count(|wrong| matches!(wrong, Wrong::Restless(_))),
        seconds,
        tasks.len() as f64 / seconds * 60.0,
    );
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
