//! Who is visited when: nobody is forgotten in silence.
//!
//! | what is heard of an object | its next visit is due |
//! |---|---|
//! | something wakes it, its first appearance included | at once |
//! | a visit has ended, and the next is worth while after a time | after that time |
//! | a visit has ended, and only news can make another worth while | not before something wakes it |
//! | it is gone | never |
//!
//! The time after which the next visit is worth while is the drift interval of the object's tenant for whatever is in sync,
//! paused, refused or invalid, less for what has failed, and what the service has asked for where it has asked us to wait.
//! What cannot be parsed, and what only somebody else's finalizer still holds, waits for news alone: nothing that the operator
//! could do would change it, and it is never late.
//!
//! A visit that is late by a whole drift interval, two of them after the last one, is told by the metrics. Where a place for
//! it was free all the time, the queue has forgotten it: the queue is not ours, and a wake-up that it lost shows nowhere else.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Again, Kind, Unfinished, context::Guarded};
use crate::{
    api::KindName,
    cluster::{Aftermath, Key},
    metrics::Waits,
};

/// Visits of one kind that run at the same time, at most.
pub(crate) const PLACES: u16 = 24;
/// A visit that is late by less than this is on its way, however short the drift interval.
const LATE: Duration = Duration::from_secs(60);

/// What is known of the visits to every object. It asks no clock.
#[derive(Debug, Default)]
pub(crate) struct Attendance(Mutex<Register>);

#[derive(Debug, Default)]
struct Register {
    objects: BTreeMap<Key, Entry>,
    under_way: BTreeMap<KindName, u16>,
}

#[derive(Debug)]
struct Entry {
    /// When the last visit ended; where there was none, when the object was first heard of.
    since: Instant,
    /// When the next one is due; none while only news can make it worth while.
    due: Option<Instant>,
    is_visited: bool,
    /// It stands in line for a place.
    is_queued: bool,
    /// Something has woken it since the visit began that is under way.
    is_woken: bool,
}

impl Entry {
    fn wake(&mut self, now: Instant) {
        if self.is_visited {
            self.is_woken = true;
        } else {
            self.due = Some(self.due.map_or(now, |due| due.min(now)));
        }
    }

    /// For how long the visit has been due.
    fn late(&self, now: Instant) -> Option<Duration> {
        self.due.map(|due| now.saturating_duration_since(due))
    }
}

impl Attendance {
    fn register(&self) -> MutexGuard<'_, Register> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes who has to look after news, and who is gone; before whoever has to look is woken.
    pub(crate) fn hear(&self, aftermath: &Aftermath, now: Instant) {
        let Aftermath { wake, departed } = aftermath;
        let mut register = self.register();
        for departed in departed.iter().filter(|departed| departed.is_gone) {
            register.objects.remove(&departed.key);
        }
        for key in wake {
            let entry = register.objects.entry(key.clone()).or_insert(Entry {
                since: now,
                due: None,
                is_visited: false,
                is_queued: false,
                is_woken: false,
            });
            entry.wake(now);
        }
    }

    /// Something other than news wakes the object.
    pub(crate) fn woken(&self, key: &Key, now: Instant) {
        if let Some(entry) = self.register().objects.get_mut(key) {
            entry.wake(now);
        }
    }

    /// The object stands in line for a place, as long as the answer lives: the queue has not forgotten it.
    pub(crate) fn queued(&self, key: Key) -> Queued<'_> {
        self.queues(&key, true);
        Queued { attendance: self, key }
    }

    fn queues(&self, key: &Key, is_queued: bool) {
        if let Some(entry) = self.register().objects.get_mut(key) {
            entry.is_queued = is_queued;
        }
    }

    /// A visit begins.
    pub(crate) fn begin<K: Kind>(&self, object: &Guarded<K>) -> Visit<'_> {
        let key = Key {
            kind: K::KIND,
            place: object.place(),
        };
        let mut register = self.register();
        *register.under_way.entry(key.kind).or_default() += 1;
        if let Some(entry) = register.objects.get_mut(&key) {
            entry.is_visited = true;
            entry.is_woken = false;
        }
        drop(register);
        Visit { attendance: self, key }
    }

    /// For each kind, the object whose visit is the longest ago, and the one whose visit is the latest in drift intervals of
    /// its own.
    pub(crate) fn waits(&self, now: Instant, interval: impl Fn(&Key) -> Duration) -> BTreeMap<&'static str, Waits> {
        let mut waits: BTreeMap<&'static str, Waits> = KindName::ALL
            .into_iter()
            .map(|kind| (kind.name(), Waits::default()))
            .collect();
        for (key, entry) in &self.register().objects {
            let Some(late) = entry.late(now) else {
                continue;
            };
            let of_kind = waits.entry(key.kind.name()).or_default();
            let unvisited = now.saturating_duration_since(entry.since);
            of_kind.unvisited = of_kind.unvisited.max(unvisited);
            of_kind.overdue = of_kind.overdue.max(late.as_secs_f64() / interval(key).as_secs_f64());
        }
        waits
    }

    /// Those whose visit is late by a drift interval though a place for it is free. They count as woken from now on.
    pub(crate) fn forgotten(&self, now: Instant, interval: impl Fn(&Key) -> Duration) -> Vec<Key> {
        let mut register = self.register();
        let Register { objects, under_way } = &mut *register;
        let mut forgotten = Vec::new();
        for (key, entry) in objects {
            let has_place = under_way.get(&key.kind).is_none_or(|count| *count < PLACES); // none is visited
            let is_late = entry.late(now).is_some_and(|late| late > interval(key).max(LATE));
            if has_place && is_late && !entry.is_visited && !entry.is_queued {
                entry.due = Some(now);
                forgotten.push(key.clone());
            }
        }
        forgotten
    }
}

/// Somebody in line.
pub(crate) struct Queued<'a> {
    attendance: &'a Attendance,
    key: Key,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.attendance.queues(&self.key, false);
    }
}

/// A visit under way; dropped without an end, it has come to nothing.
pub(crate) struct Visit<'a> {
    attendance: &'a Attendance,
    key: Key,
}

impl Visit<'_> {
    /// The visit has come to its end.
    pub(crate) fn ended(self, next: &Result<Again, Unfinished>, now: Instant) {
        if let Some(entry) = self.attendance.register().objects.get_mut(&self.key) {
            entry.since = now;
            entry.due = match next {
                _ if entry.is_woken => Some(now), // it is visited again at once
                Ok(Again::After(after)) => Some(now + *after),
                Ok(Again::OnNews) => None,
                Err(unfinished) => Some(now + unfinished.after()),
            };
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut register = self.attendance.register();
        if let Some(count) = register.under_way.get_mut(&self.key.kind) {
            *count = count.saturating_sub(1);
        }
        if let Some(entry) = register.objects.get_mut(&self.key) {
            entry.is_visited = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::Catalog,
        clock::Clock,
        cluster::{Departed, Identity, Place},
    };

    const INTERVAL: Duration = Duration::from_secs(600);

    /// Visits, and what time it is.
    struct Hall {
        attendance: Attendance,
        now: Instant,
    }

    fn key(name: &str) -> Key {
        Key {
            kind: KindName::Catalog,
            place: Place::new(None, name),
        }
    }

    fn object(name: &str) -> Guarded<Catalog> {
        serde_json::from_value(serde_json::json!({"metadata": {"name": name}})).unwrap()
    }

    impl Hall {
        /// One object has been heard of.
        fn new() -> Self {
            let hall = Self {
                attendance: Attendance::default(),
                now: Clock::system().instant(),
            };
            hall.news();
            hall
        }

        fn news(&self) {
            let aftermath = Aftermath {
                wake: [key("one")].into(),
                departed: Vec::new(),
            };
            self.attendance.hear(&aftermath, self.now);
        }

        fn visit(&self, next: Again) {
            self.attendance.begin(&object("one")).ended(&Ok(next), self.now);
        }

        fn pass(&mut self, time: Duration) {
            self.now += time;
        }

        fn waits(&self) -> Waits {
            self.attendance.waits(self.now, |_| INTERVAL)["Catalog"]
        }

        fn forgotten(&self) -> Vec<Key> {
            self.attendance.forgotten(self.now, |_| INTERVAL)
        }
    }

    #[test]
    fn what_was_never_visited_counts_from_when_it_was_heard_of() {
        let mut hall = Hall::new();
        hall.pass(INTERVAL / 2);
        hall.news();
        hall.pass(INTERVAL);
        let Waits { unvisited, overdue } = hall.waits();
        assert_eq!((unvisited, overdue), (INTERVAL * 3 / 2, 1.5));
        assert_eq!(hall.forgotten(), [key("one")]);
        assert_eq!(hall.forgotten(), [], "it was woken just now");
    }

    #[test]
    fn a_visit_is_late_from_when_it_was_due() {
        let mut hall = Hall::new();
        hall.visit(Again::After(INTERVAL));
        hall.pass(INTERVAL * 2);
        let Waits { unvisited, overdue } = hall.waits();
        assert_eq!((unvisited, overdue), (INTERVAL * 2, 1.0));
        assert_eq!(hall.forgotten(), [], "that is the limit");
        hall.pass(Duration::from_secs(1));
        assert_eq!(hall.forgotten(), [key("one")]);
    }

    #[test]
    fn what_waits_for_news_alone_is_never_late_until_it_is_woken() {
        let mut hall = Hall::new();
        hall.visit(Again::OnNews);
        hall.pass(INTERVAL * 100);
        assert_eq!(hall.waits(), Waits::default());
        assert_eq!(hall.forgotten(), []);
        hall.attendance.woken(&key("one"), hall.now);
        hall.pass(INTERVAL + Duration::from_secs(1));
        assert_eq!(hall.forgotten(), [key("one")]);
    }

    #[test]
    fn what_is_woken_while_it_is_visited_is_due_at_the_end() {
        let mut hall = Hall::new();
        let under_way = hall.attendance.begin(&object("one"));
        hall.news();
        under_way.ended(&Ok(Again::OnNews), hall.now);
        hall.pass(INTERVAL + Duration::from_secs(1));
        assert_eq!(hall.forgotten(), [key("one")]);
    }

    #[test]
    fn a_queue_whose_places_are_taken_has_forgotten_nobody() {
        let mut hall = Hall::new();
        hall.pass(INTERVAL * 2);
        let begin = |number: u16| hall.attendance.begin(&object(&number.to_string()));
        let mut taken: Vec<Visit<'_>> = (0..PLACES).map(begin).collect();
        assert_eq!(hall.forgotten(), []);
        assert!(hall.waits().overdue > 1.0, "it is late all the same");
        taken.pop();
        assert_eq!(hall.forgotten(), [key("one")]);
    }

    #[test]
    fn who_stands_in_line_is_not_forgotten_while_he_does() {
        let hall = Hall::new();
        let later = hall.now + INTERVAL * 2;
        let forgotten = || hall.attendance.forgotten(later, |_| INTERVAL);
        let queued = hall.attendance.queued(key("one"));
        assert_eq!(forgotten(), []);
        let late = hall.attendance.waits(later, |_| INTERVAL)["Catalog"];
        assert!(late.overdue > 1.0, "it is late all the same");
        drop(queued);
        assert_eq!(forgotten(), [key("one")]);
    }

    #[test]
    fn what_is_gone_is_not_waited_for() {
        let mut hall = Hall::new();
        let gone = Aftermath {
            departed: vec![Departed {
                key: key("one"),
                uid: String::new(),
                identity: Identity::None,
                is_begun: false,
                catalog: None,
                is_gone: true,
                was_held: true,
            }],
            ..Aftermath::default()
        };
        hall.attendance.hear(&gone, hall.now);
        hall.visit(Again::After(INTERVAL));
        hall.pass(INTERVAL * 9);
        assert_eq!(hall.waits(), Waits::default());
    }

    #[test]
    fn a_short_interval_makes_nobody_forgotten_within_a_minute() {
        let mut hall = Hall::new();
        let forgotten = |hall: &Hall| hall.attendance.forgotten(hall.now, |_| Duration::from_secs(1));
        hall.pass(Duration::from_secs(60));
        assert_eq!(forgotten(&hall), []);
        hall.pass(Duration::from_secs(1));
        assert_eq!(forgotten(&hall), [key("one")]);
    }
}
