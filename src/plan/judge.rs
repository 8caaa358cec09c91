//! The only place where fields are compared, held back and remembered.
//!
//! A kind declares each field once, in its `merge`: its path, which way a change of it moves the door, and what it does
//! to those who have access. Since `merge` is a struct literal that names every field of what is written, a new field
//! that nobody declares does not compile.

use std::collections::BTreeSet;

use super::{Base, Cause, Difference, Door, Drift, Hold, Memory, Plan, Problem, Stake, Step, Waits, drift::Verdict};
use crate::graph::Read;

/// The canonical text of a value: equal where, and only where, the service would do the same. It is what is compared,
/// what is digested and what people read.
pub trait Canonical {
    /// The text.
    fn canonical(&self) -> String;
}

impl Canonical for bool {
    fn canonical(&self) -> String {
        self.to_string()
    }
}

impl Canonical for String {
    /// The service may trim a text and change the ends of its lines: neither is a difference.
    fn canonical(&self) -> String {
        self.replace("\r\n", "\n").trim().to_owned()
    }
}

impl<T: Canonical + Default> Canonical for Option<T> {
    /// What Graph answers as null is what it is by default.
    fn canonical(&self) -> String {
        self.as_ref()
            .map_or_else(|| T::default().canonical(), Canonical::canonical)
    }
}

/// By what differences are judged.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// What was last applied.
    pub base: Base<'a>,
    /// What may be done about drift.
    pub drift: Drift,
    /// What forbids whatever does not close, where something does.
    pub limit: Option<&'a Problem>,
    /// The object was read by itself, just now: what is still unread cannot be written over.
    pub confirmed: bool,
    /// Which changes of what people have wait for a person.
    pub waits: Waits,
}

/// Compares fields and keeps the verdicts.
#[derive(Debug)]
pub struct Judge<'a> {
    rules: Rules<'a>,
    written: Vec<Difference>,
    memories: Vec<Memory>,
    held: Vec<(Difference, Hold)>,
    found: Vec<Memory>,
    alongside: Vec<Memory>,
    unmanaged: Vec<String>,
    is_open: bool,
    /// Somebody has changed the object since our last write.
    is_changed: bool,
    log: Option<Record>,
}

/// One field as a judge has seen it: for the reference of directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// The field.
    pub path: String,
    /// What Entra has.
    pub before: String,
    /// What the spec says.
    pub after: String,
    /// What is at stake in putting it right.
    pub stake: Stake,
}

/// What a judge that records was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The differences, whatever became of them.
    pub directions: Vec<Direction>,
    /// Every field that was compared, whether or not it differed.
    pub fields: BTreeSet<String>,
    /// What there is no field for and is never written over, in words.
    pub unmanaged: BTreeSet<String>,
}

/// What became of all fields together.
#[derive(Debug)]
pub struct Judgement {
    /// The differences that are written.
    pub written: Vec<Difference>,
    /// What is remembered once they are.
    pub memories: Vec<Memory>,
    /// The differences that are held back.
    pub held: Vec<(Difference, Hold)>,
    /// What was found in place.
    pub found: Vec<Memory>,
    /// Whether something that the spec has was not read, so that nobody can tell whether it differs.
    pub is_open: bool,
}

impl Judgement {
    /// One step that writes all that is written, and for each difference that is held back what it would have been.
    #[must_use]
    pub fn plan<A>(self, write: A, hold: impl Fn() -> A) -> Plan<A> {
        let Self {
            written,
            memories,
            held,
            found,
            is_open,
        } = self;
        let mut steps = Vec::new();
        if !written.is_empty() {
            steps.push(Step::changing(write, written, memories));
        }
        let held = held.into_iter();
        Plan {
            steps,
            held: held
                .map(|(difference, why)| (Step::changing(hold(), vec![difference], Vec::new()), why))
                .collect(),
            found,
            is_open,
        }
    }
}

impl<'a> Judge<'a> {
    /// A judge by these rules.
    #[must_use]
    pub fn new(rules: Rules<'a>) -> Self {
        Self {
            rules,
            written: Vec::new(),
            memories: Vec::new(),
            held: Vec::new(),
            found: Vec::new(),
            alongside: Vec::new(),
            unmanaged: Vec::new(),
            is_open: false,
            is_changed: false,
            log: None,
        }
    }

    /// The object was last changed then. Where that was somebody else, what was not read of it may be what they changed.
    pub fn last_changed(&mut self, modified: Option<&str>) {
        self.is_changed = self.rules.base.is_older_than(modified);
    }

    /// A judge that writes down all that it is shown.
    #[must_use]
    pub fn recording(rules: Rules<'a>) -> Self {
        Self {
            log: Some(Record::default()),
            ..Self::new(rules)
        }
    }

    /// One field of what is written whole: what is sent for it. Where the change is held back that is what Entra has.
    pub fn field<T: Canonical + Clone>(
        &mut self,
        path: &str,
        stake: impl FnOnce(&T, &T) -> Stake,
        after: T,
        before: &T,
    ) -> T {
        let same = || before.clone();
        if self.is_written(path, stake, &after, before) {
            after
        } else {
            same()
        }
    }

    /// One field of what is written in part: what is sent for it, if anything.
    pub fn patch<T: Canonical + Clone>(
        &mut self,
        path: &str,
        stake: impl FnOnce(&T, &T) -> Stake,
        after: T,
        before: &T,
    ) -> Option<T> {
        self.is_written(path, stake, &after, before).then_some(after)
    }

    /// As [`Judge::patch`], of a field that may be left as it is.
    pub fn patch_set<T: Canonical + Clone>(
        &mut self,
        path: &str,
        stake: impl FnOnce(&T, &T) -> Stake,
        after: Option<T>,
        before: &T,
    ) -> Option<T> {
        self.patch(path, stake, after?, before)
    }

    fn is_written<T: Canonical>(
        &mut self,
        path: &str,
        stake: impl FnOnce(&T, &T) -> Stake,
        after: &T,
        before: &T,
    ) -> bool {
        if let Some(log) = &mut self.log {
            log.fields.insert(path.to_owned());
        }
        let texts = (before.canonical(), after.canonical());
        if texts.0 == texts.1 {
            self.found.push(Memory::keep(path, texts.1));
            return false;
        }
        let stake = stake(before, after);
        self.weigh(path, texts, stake)
    }

    fn weigh(&mut self, path: &str, (before, after): (String, String), stake: Stake) -> bool {
        let cause = if self.rules.base.holds(path, &after) {
            Cause::Drift
        } else {
            Cause::Spec
        };
        let memory = Memory::keep(path, after.clone());
        let difference = Difference {
            path: path.to_owned(),
            before,
            after,
            cause,
            stake,
        };
        self.enter(difference, memory)
    }

    /// Judges one difference, and remembers `memory` once it is written.
    pub(super) fn enter(&mut self, difference: Difference, memory: Memory) -> bool {
        if let Some(log) = &mut self.log {
            log.directions.push(Direction {
                path: difference.path.clone(),
                before: difference.before.clone(),
                after: difference.after.clone(),
                stake: difference.stake,
            });
        }
        match self.rules.verdict(&difference) {
            Verdict::Write => {
                self.written.push(difference);
                self.memories.push(memory);
                true
            }
            Verdict::Hold(hold) => {
                self.held.push((difference, hold));
                false
            }
        }
    }

    /// One field that a spec may leave out. Where it does, and nothing was ever applied to it, what is in use was set up by
    /// somebody who never heard of this object: it stays, as of [`Judge::unmanaged`].
    pub fn optional<T: Canonical + Clone>(
        &mut self,
        path: &str,
        words: &str,
        in_use: impl Fn(&T) -> bool,
        stake: impl FnOnce(&T, &T) -> Stake,
        (after, before): (T, &T),
    ) -> T {
        if self.is_foreign(path, in_use(&after), in_use(before)) {
            return self.unmanaged(words, in_use, before);
        }
        self.field(path, stake, after, before)
    }

    /// As [`Judge::optional`], of a part that may not have been read: unread is not "not there". Where the spec has something of
    /// it, it has to be read before anything can be said.
    pub fn optional_part<T: Canonical + Clone>(
        &mut self,
        path: &str,
        words: &str,
        in_use: impl Fn(&T) -> bool,
        stake: impl FnOnce(&T, &T) -> Stake,
        (after, before): (T, &Read<T>),
    ) -> T {
        match before {
            Read::Read(before) => self.optional(path, words, in_use, stake, (after, before)),
            Read::Unread => {
                self.unread_part(path, words, in_use(&after));
                after
            }
        }
    }

    /// Whether what Entra has of a field, and the spec does not, is somebody else's.
    pub fn is_foreign(&self, path: &str, is_wanted: bool, is_there: bool) -> bool {
        !is_wanted && is_there && !self.rules.base.knows(path)
    }

    /// A setting for which the spec has no field: it stays as it is, and where it is in use the object is not written,
    /// since people rely on what nobody declared.
    pub fn unmanaged<T: Clone>(&mut self, words: &str, in_use: impl FnOnce(&T) -> bool, before: &T) -> T {
        if let Some(log) = &mut self.log {
            log.unmanaged.insert(words.to_owned());
        }
        if in_use(before) {
            self.unmanaged.push(words.to_owned());
        }
        before.clone()
    }

    /// As [`Judge::unmanaged`], of a part that may not have been read: unread is not "not in use".
    pub fn unmanaged_part<T: Clone + Default>(
        &mut self,
        words: &str,
        in_use: impl FnOnce(&T) -> bool,
        before: &Read<T>,
    ) -> T {
        match before {
            Read::Read(value) => self.unmanaged(words, in_use, value),
            Read::Unread => {
                self.unread(words);
                T::default()
            }
        }
    }

    /// A part that was not read: where the spec has something of it, or somebody may have changed what we applied to it, it has to
    /// be read before anything can be said.
    pub fn unread_part(&mut self, path: &str, words: &str, is_wanted: bool) {
        self.unread(words);
        let is_doubtful = self.is_changed && self.rules.base.knows(path);
        self.is_open |= (is_wanted || is_doubtful) && !self.rules.confirmed;
    }

    /// A part that was not read: once nothing more is to be read, nothing is written over it.
    fn unread(&mut self, words: &str) {
        if self.rules.confirmed {
            self.unmanaged.push(format!("{words}, which could not be read"));
        }
    }

    /// Properties that this version does not know: a write would lose them.
    pub fn undeclared(&mut self, paths: &[String]) {
        self.unmanaged.extend(
            paths
                .iter()
                .map(|path| format!("{path}, which this version does not know")),
        );
    }

    /// What is remembered with everything else: parts of a whole that may be compared by its parts the next time, and the
    /// other way round.
    pub fn alongside(&mut self, memories: impl IntoIterator<Item = Memory>) {
        self.alongside.extend(memories);
    }

    /// What an object that is just so would have remembered of it.
    #[must_use]
    pub fn in_place(compare: impl FnOnce(&mut Judge<'_>)) -> Vec<Memory> {
        let mut judge = Judge::new(Rules {
            base: Base::none(),
            drift: Drift {
                policy: crate::api::DriftPolicy::Cautious,
                requested: false,
            },
            limit: None,
            confirmed: true,
            waits: Waits::NONE,
        });
        compare(&mut judge);
        judge.judgement().found
    }

    /// What was seen; empty of a judge that does not record.
    #[must_use]
    pub fn record(self) -> Record {
        self.log.unwrap_or_default() // it does not record
    }

    /// What became of all fields.
    #[must_use]
    pub fn judgement(self) -> Judgement {
        let Self {
            rules: _,
            written,
            mut memories,
            mut held,
            mut found,
            alongside,
            unmanaged,
            is_open,
            is_changed: _,
            log: _,
        } = self;
        if unmanaged.is_empty() || written.is_empty() {
            if written.is_empty() {
                found.extend(alongside);
            } else {
                memories.extend(alongside);
            }
            return Judgement {
                written,
                memories,
                held,
                found,
                is_open,
            };
        }
        let mut seen = BTreeSet::new();
        let settings: Vec<String> = unmanaged
            .into_iter()
            .filter(|words| seen.insert(words.clone()))
            .collect();
        held.extend(
            written
                .into_iter()
                .map(|difference| (difference, Hold::UnmanagedSettings(settings.clone()))),
        );
        Judgement {
            written: Vec::new(),
            memories: Vec::new(),
            held,
            found,
            is_open,
        }
    }
}

impl Rules<'_> {
    /// What becomes of one difference.
    #[must_use]
    pub fn verdict(&self, difference: &Difference) -> Verdict {
        match (self.drift.judge(difference), self.limit) {
            // What closes is never held back.
            (Verdict::Write, Some(limit)) => match difference.stake.door {
                Door::Widens | Door::Neutral => Verdict::Hold(Hold::Limit(limit.clone())),
                Door::Narrows => Verdict::Write,
            },
            (verdict, _) => verdict, // held for a reason of its own, or nothing limits it
        }
        .or_hold(|| self.waits.hold(difference.stake.holders))
    }
}
