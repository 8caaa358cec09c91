//! A plan: the requests that will be sent, each complete, and those that are held back, each with its reason.
//!
//! A plan leaves its execution no choices. Whatever changes Entra is a [`Step`] of one, creations, take-overs, closings
//! and deletions included, so that what a plan shows is what is done.

use std::{collections::BTreeMap, fmt};

use super::{Problem, drift::digest};
use crate::api::{Applied, Management, Reason};

/// Which way a change moves the door: who may get access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// The same people, by the same way, for the same time.
    Neutral,
    /// Fewer people, a harder way, or a shorter time.
    Narrows,
    /// Somebody may get access, or a say in it, who may not now.
    Widens,
}

/// What a change does to those who have access now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holders {
    /// Nothing.
    Untouched,
    /// Somebody loses access.
    Cuts,
    /// Somebody is handed more.
    HandsOut,
}

/// What is at stake with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stake {
    /// Who may get access.
    pub door: Door,
    /// Who has it now.
    pub holders: Holders,
}

impl Stake {
    /// Nothing is at stake.
    pub const NEUTRAL: Self = Self::door(Door::Neutral);

    /// A change of the door alone.
    #[must_use]
    pub const fn door(door: Door) -> Self {
        Self {
            door,
            holders: Holders::Untouched,
        }
    }

    /// A change of the door by which something widens, or else narrows.
    #[must_use]
    pub const fn widening(widens: bool) -> Self {
        Self::door(if widens { Door::Widens } else { Door::Narrows })
    }

    /// The same change of the door, with what it does to those who have access.
    #[must_use]
    pub const fn holders(self, holders: Holders) -> Self {
        Self { holders, ..self }
    }

    /// Both together: what widens anywhere widens.
    fn and(self, other: Self) -> Self {
        Self {
            door: self.door.max(other.door),
            holders: self.holders.max(other.holders),
        }
    }
}

/// Whose doing a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The spec changed, or nothing was applied before.
    Spec,
    /// Entra was changed, while the spec says what it said before.
    Drift,
}

/// One field that is not as desired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field of the spec, for example `displayName` or `requestors`.
    pub path: String,
    /// What Entra has.
    pub before: String,
    /// What the spec says.
    pub after: String,
    /// Whose doing it is.
    pub cause: Cause,
    /// What is at stake in going from `before` to `after`.
    pub stake: Stake,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} -> {}", self.path, self.before, self.after)
    }
}

/// What a step, once made, leaves to be remembered, so that later changes by others can be told from changes of the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The field has this canonical text.
    Keep {
        /// The field.
        field: String,
        /// Its text.
        text: String,
    },
    /// This text is remembered under this name as it is.
    Note {
        /// The name.
        field: String,
        /// The text.
        text: String,
    },
    /// The field is no longer ours.
    Forget {
        /// The field.
        field: String,
    },
}

impl Memory {
    /// The field has this canonical text.
    pub fn keep(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Keep {
            field: field.into(),
            text: text.into(),
        }
    }

    /// The field is no longer ours.
    pub fn forget(field: impl Into<String>) -> Self {
        Self::Forget { field: field.into() }
    }

    /// Enters it into what status remembers.
    pub fn enter(&self, applied: &mut Applied) {
        match self {
            Self::Keep { field, text } => {
                applied.fields.insert(field.clone(), digest(text));
            }
            Self::Note { field, text } => {
                applied.fields.insert(field.clone(), text.clone());
            }
            Self::Forget { field } => {
                applied.fields.remove(field);
            }
        }
    }
}

/// What a kind can do, as values. Every kind has an enum of its own in its own file, so that no arm can be forgotten.
pub trait Act: fmt::Display {
    /// The identity act that this is, if it is one: those write status only, and every kind has the same.
    fn identity(&self) -> Option<&IdentityAct>;
    /// Whether it makes the object itself, as opposed to changing one that exists.
    fn creates(&self) -> bool;
    /// The reason of the event that tells it was done.
    fn done(&self) -> Reason;

    /// Whether it is told by the fields that it changes; any other names itself.
    fn changes_fields(&self) -> bool;

    /// Whether it changes Entra.
    fn changes_entra(&self) -> bool {
        self.identity().is_none()
    }
}

/// What is written into status about which object of Entra this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityAct {
    /// Before a create is sent: what will be made, and where. The old id goes in the same write.
    NoteIntent {
        /// Display name.
        display_name: String,
        /// Digest of the description.
        fingerprint: String,
    },
    /// Before the same create is sent once more.
    TryAgain {
        /// Display name.
        display_name: String,
    },
    /// Nothing came of an intent.
    DropIntent,
    /// The outcome of an intent was found.
    Recognise {
        /// Its id.
        id: String,
        /// Words: the noun and its name.
        what: String,
    },
    /// An object that somebody else made becomes ours.
    TakeOver {
        /// Its id.
        id: String,
        /// Words: the noun and its name.
        what: String,
    },
}

impl fmt::Display for IdentityAct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoteIntent { display_name, .. } => write!(formatter, "note that {display_name:?} is being made"),
            Self::TryAgain { display_name } => write!(formatter, "note that {display_name:?} is tried once more"),
            Self::DropIntent => formatter.write_str("drop an intent that nothing came of"),
            Self::Recognise { id, what } => write!(formatter, "found {what} ({id}), whose creation had been begun"),
            Self::TakeOver { id, what } => write!(formatter, "take over {what} ({id})"),
        }
    }
}

/// One request, complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<A> {
    /// What is done.
    pub act: A,
    /// What it changes, where it changes fields.
    pub differences: Vec<Difference>,
    /// What is at stake.
    pub stake: Stake,
    /// What is remembered once it is done.
    pub memories: Vec<Memory>,
}

impl<A> Step<A> {
    /// A step that changes no field.
    pub fn new(act: A, stake: Stake) -> Self {
        Self {
            act,
            differences: Vec::new(),
            stake,
            memories: Vec::new(),
        }
    }

    /// A step that changes these fields.
    pub fn changing(act: A, differences: Vec<Difference>, memories: Vec<Memory>) -> Self {
        let stake = differences
            .iter()
            .fold(Stake::NEUTRAL, |stake, difference| stake.and(difference.stake));
        Self {
            act,
            differences,
            stake,
            memories,
        }
    }

    /// The same step, with what is remembered once it is done.
    #[must_use]
    pub fn remembering(mut self, memory: Memory) -> Self {
        self.memories.push(memory);
        self
    }
}

impl<A: Act> fmt::Display for Step<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.act.changes_fields() {
            write!(formatter, "{} {}", self.act, joined(&self.differences))
        } else {
            self.act.fmt(formatter)
        }
    }
}

/// The differences in one line.
#[must_use]
pub fn joined(differences: &[Difference]) -> String {
    differences
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Why a step is not taken. Matched without `_`, so that a new one says what it means everywhere.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    /// The object or its tenant is only observed.
    Observe,
    /// Somebody changed Entra, and putting it back would widen access.
    Drift,
    /// Somebody changed Entra, and the drift policy is Report.
    DriftReported,
    /// The object was deleted in Entra.
    DeletedInEntra {
        /// Which one, in words.
        what: String,
    },
    /// No grant allows it, whether one does cannot be judged, or it is another's.
    Limit(Problem),
    /// A write would lose settings that the spec does not have.
    UnmanagedSettings(Vec<String>),
    /// It changes what people have, and nobody has agreed to that yet.
    Unacknowledged(Problem),
    /// It waits until something else has ended, and says for what.
    Waits(Problem),
}

impl Hold {
    /// Its place in the closed list of reasons.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Observe => Reason::ObserveOnly,
            Self::Drift => Reason::DriftHeld,
            Self::DriftReported => Reason::DriftReported,
            Self::DeletedInEntra { .. } => Reason::DeletedInEntra,
            Self::Limit(problem) | Self::Unacknowledged(problem) | Self::Waits(problem) => problem.reason,
            Self::UnmanagedSettings(_) => Reason::UnmanagedSettings,
        }
    }

    /// Whether an object with such a step held back is Ready all the same.
    #[must_use]
    pub fn leaves_ready(&self) -> bool {
        match self {
            Self::DriftReported => true,
            Self::Observe
            | Self::Drift
            | Self::DeletedInEntra { .. }
            | Self::Limit(_)
            | Self::UnmanagedSettings(_)
            | Self::Unacknowledged(_)
            | Self::Waits(_) => false,
        }
    }

    /// Which of several is told first: the lowest.
    fn rank(&self) -> u8 {
        match self {
            Self::DeletedInEntra { .. } => 0,
            Self::Limit(_) => 1,
            Self::UnmanagedSettings(_) => 2,
            Self::Drift => 3,
            Self::Unacknowledged(_) => 4,
            Self::Waits(_) => 5,
            Self::Observe => 6,
            Self::DriftReported => 7,
        }
    }

    /// The sentence for what is held back for this reason. `reopen` is the command that has it done all the same.
    pub(super) fn problem(&self, what: &str, reopen: &str) -> Problem {
        match self {
            Self::Drift => Problem::new(
                self.reason(),
                format!(
                    "Entra was changed behind the operator's back, and putting it back would widen access: {what}. To put it back: {reopen}. To keep it, change the spec"
                ),
            ),
            Self::DeletedInEntra { what } => Problem::new(
                self.reason(),
                format!("deleted in Entra: {what}. To make it anew: {reopen}. To give it up, delete this object"),
            ),
            Self::Observe => Problem::new(
                self.reason(),
                format!("Entra differs from the spec, and writing is switched off here: {what}"),
            ),
            Self::DriftReported => Problem::new(
                self.reason(),
                format!("Entra differs from the spec, and driftPolicy is Report: {what}"),
            ),
            Self::Limit(problem) | Self::Unacknowledged(problem) | Self::Waits(problem) => problem.clone(),
            Self::UnmanagedSettings(settings) => Problem::new(
                self.reason(),
                format!(
                    "Entra has settings that this object never had, so they are not written over: {}; write them into the spec where it has a field for them, remove them in Entra, or set management: Observe. Not written: {what}",
                    settings.join(", ")
                ),
            ),
        }
    }
}

/// Steps in the order of their execution, and those that are held, each with its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<A> {
    /// In the order of execution; the first that fails ends the visit.
    pub steps: Vec<Step<A>>,
    /// Not executed.
    pub held: Vec<(Step<A>, Hold)>,
    /// What was found in place, to be remembered at once.
    pub found: Vec<Memory>,
    /// Whether something that the spec has was not read yet: the object has to be read by itself before this says anything.
    pub is_open: bool,
}

impl<A> Default for Plan<A> {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            held: Vec::new(),
            found: Vec::new(),
            is_open: false,
        }
    }
}

impl<A> Plan<A> {
    /// A plan of these steps.
    pub fn of(steps: Vec<Step<A>>) -> Self {
        Self {
            steps,
            ..Self::default()
        }
    }

    /// A plan that only tells that this is held back.
    pub fn holding(step: Step<A>, hold: Hold) -> Self {
        Self {
            held: vec![(step, hold)],
            ..Self::default()
        }
    }

    /// Holds back every step for which `filter` has a reason.
    #[must_use]
    pub fn hold(mut self, filter: impl Fn(&Step<A>) -> Option<Hold>) -> Self {
        for step in std::mem::take(&mut self.steps) {
            match filter(&step) {
                Some(hold) => self.held.push((step, hold)),
                None => self.steps.push(step),
            }
        }
        self
    }

    /// Adds what another plan has, after what this one has.
    pub fn extend(&mut self, other: Self) {
        let Self {
            steps,
            held,
            found,
            is_open,
        } = other;
        self.steps.extend(steps);
        self.held.extend(held);
        self.found.extend(found);
        self.is_open |= is_open;
    }
}

impl<A: Act> Plan<A> {
    /// Whether Entra is not as it was last applied, while the spec says what it said then.
    #[must_use]
    pub fn sees_drift(&self) -> bool {
        let steps = self.steps.iter().chain(self.held.iter().map(|(step, _)| step));
        let mut differences = steps.flat_map(|step| &step.differences);
        differences.any(|difference| difference.cause == Cause::Drift)
    }

    /// Whether nothing would be done and nothing is held back: what was found needs no second look.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.steps.is_empty() && self.held.is_empty()
    }

    /// Whether it takes access from people, or hands them more.
    #[must_use]
    pub fn touches_people(&self) -> bool {
        self.steps.iter().any(|step| step.stake.holders != Holders::Untouched)
    }

    /// Whether the plan makes the object.
    #[must_use]
    pub fn creates(&self) -> bool {
        self.steps.iter().any(|step| step.act.creates())
    }

    /// Holds back everything that changes Entra where the object or its tenant is only observed.
    #[must_use]
    pub fn managed(self, management: Management) -> Self {
        match management {
            Management::Full => self,
            Management::Observe => self.hold(|step| step.act.changes_entra().then_some(Hold::Observe)),
        }
    }

    /// What is held back, in words, by the reason of the highest rank; `None` where nothing is.
    #[must_use]
    pub fn held_problem(&self, reopen: &str) -> Option<Problem> {
        let (_, first) = self.held.iter().min_by_key(|(_, hold)| hold.rank())?;
        let mut what: Vec<String> = Vec::new();
        for (step, hold) in &self.held {
            if hold.rank() == first.rank() {
                let words = match step.differences.as_slice() {
                    [] => step.act.to_string(),
                    differences => joined(differences),
                };
                if !what.contains(&words) {
                    what.push(words);
                }
            }
        }
        Some(first.problem(&what.join("; "), reopen))
    }

    /// What keeps the object from being Ready, of what is held back.
    #[must_use]
    pub fn obstacle(&self, reopen: &str) -> Option<Problem> {
        self.held
            .iter()
            .any(|(_, hold)| !hold.leaves_ready())
            .then(|| self.held_problem(reopen))
            .flatten()
    }
}

/// An object that was ours and is gone from Entra: everything that would make it anew is held back.
#[must_use]
pub fn gone<A>(plan: Plan<A>, what: String) -> Plan<A> {
    let Plan {
        steps,
        held,
        found: _,
        is_open: _,
    } = plan;
    let steps = steps.into_iter().chain(held.into_iter().map(|(step, _)| step));
    Plan {
        held: steps
            .map(|step| (step, Hold::DeletedInEntra { what: what.clone() }))
            .collect(),
        ..Plan::default()
    }
}

/// The digests of canonical texts by field.
#[must_use]
pub fn applied(memories: &[Memory]) -> Applied {
    let mut applied = Applied {
        fields: BTreeMap::new(),
        written: None,
    };
    memories.iter().for_each(|memory| memory.enter(&mut applied));
    applied
}
