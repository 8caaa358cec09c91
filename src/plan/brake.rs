//! The brakes on deletions: one wrong commit is not to take a department's packages away.
//!
//! | what is asked | what stands against it | what ends it |
//! |---|---|---|
//! | one deletion more than the tenant's `maxDeletionsPerHour` | nothing of that object is touched in Entra | time, or a higher number |
//! | more of what a Catalog holds going at once than the tenant's `maxDeletionsPercent` | nothing of it is touched in Entra | a person, who annotates the Catalog |
//!
//! Both are asked before the first request of a deletion: its doors are not shut either. A deletion that has begun and waits for
//! people is counted once.

use std::collections::BTreeSet;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{Problem, consent::Token};
use crate::api::{ACKNOWLEDGE, Deletion, Reason};

/// What is counted is counted over so long.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Fewer than so many objects that go at once are no prune, whatever share they are.
const FEW: usize = 10;
/// How many of what waits are told by name.
const NAMED: usize = 3;

/// Whether one more deletion may begin in the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It has begun already.
    Begun,
    /// It may: these are the deletions of the last hour then, to be written down before anything is done.
    Begins(Vec<Deletion>),
    /// It may not before this time; `None`: not at all.
    Full(Option<Timestamp>),
}

/// Whether `this` may begin, where `log` is what has begun.
#[must_use]
pub fn pace(log: &[Deletion], this: &Deletion, per_hour: usize, now: Timestamp) -> Pace {
    let mut recent = recent(log, now);
    if recent.iter().any(|begun| begun.uid == this.uid) {
        return Pace::Begun;
    }
    if recent.len() < per_hour {
        recent.push(this.clone());
        return Pace::Begins(recent);
    }
    // So many have to be older than an hour that there is room for one: with none allowed there never is.
    let begun = |deletion: &Deletion| time(deletion, now);
    let mut times: Vec<Timestamp> = recent.iter().map(begun).collect();
    times.sort_unstable();
    let first_to_go = times.len().checked_sub(per_hour).filter(|_| per_hour > 0);
    let until = first_to_go.and_then(|index| times.get(index)?.checked_add(HOUR).ok());
    Pace::Full(until)
}

/// Those of the last hour. One whose time cannot be read has just begun: it counts for an hour from its next writing on.
fn recent(log: &[Deletion], now: Timestamp) -> Vec<Deletion> {
    let begun_at = |deletion: &Deletion| Deletion {
        at: time(deletion, now).to_string(),
        ..deletion.clone()
    };
    let is_recent = |deletion: &Deletion| now.duration_since(time(deletion, now)) < HOUR;
    log.iter().map(begun_at).filter(is_recent).collect()
}

fn time(deletion: &Deletion, now: Timestamp) -> Timestamp {
    // A clock that was ahead is not to block for longer than an hour.
    deletion.at.parse::<Timestamp>().map_or(now, |at| at.min(now))
}

/// What a Catalog holds, and what of it is going.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// How many packages and policies are in Entra.
    pub all: usize,
    /// Of those, the uids of the ones whose objects are deleted.
    pub going: BTreeSet<String>,
}

impl Holding {
    /// With what has gone within the last hour: it is held no more, and belongs to the same prune.
    #[must_use]
    pub fn with_gone(mut self, log: &[Deletion], catalog_id: &str, now: Timestamp) -> Self {
        for begun in recent(log, now) {
            if begun
                .catalog_id
                .as_deref()
                .is_some_and(|id| id.eq_ignore_ascii_case(catalog_id))
            {
                // One that is still there is going, and counted.
                self.all += usize::from(self.going.insert(begun.uid));
            }
        }
        self
    }

    /// What a person has to agree to, where more than `percent` of it go at once.
    #[must_use]
    pub fn question(&self, percent: i32, catalog_id: &str) -> Option<Prune> {
        let (going, all) = (self.going.len(), self.all);
        let percent = usize::try_from(percent).unwrap_or(0); // less than none is none
        let is_prune = going >= FEW && going * 100 > percent * all;
        is_prune.then(|| Prune {
            token: Token::new(&format!("prune of {}", catalog_id.to_lowercase()), going),
            going,
            all,
        })
    }
}

/// More of a Catalog's objects going at once than may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    token: Token,
    going: usize,
    all: usize,
}

impl Prune {
    /// What is to be written into the annotation of the Catalog.
    #[must_use]
    pub fn token(&self) -> String {
        self.token.to_string()
    }

    /// Whether this annotation agrees: to a number that has not grown by more than a tenth since.
    #[must_use]
    pub fn is_answered(&self, annotation: Option<&str>) -> bool {
        self.token.is_in(annotation)
    }

    /// What an object that goes says: the same for all of them, and for as long as it lasts.
    #[must_use]
    pub fn of_object(percent: i32) -> Problem {
        Problem::new(
            Reason::DeletionHeld,
            format!(
                "more than {percent} % of what its catalog holds is being deleted at once (spec.maxDeletionsPercent of the EntraTenant), so nothing of it is touched in Entra until a person agrees"
            ),
        )
        .remedy("ask those who run the catalog: the condition Healthy of the Catalog has the command")
    }

    /// What the Catalog says.
    #[must_use]
    pub fn of_catalog(&self, catalog: &str, percent: i32) -> Problem {
        Problem::new(
            Reason::DeletionHeld,
            format!(
                "{} of the {} packages and policies of this Catalog are being deleted at once, more than {percent} % (spec.maxDeletionsPercent of the EntraTenant), so nothing of them is touched in Entra",
                self.going, self.all
            ),
        )
        .remedy(format!(
            "if that is meant: kubectl annotate catalogs {catalog} --overwrite {ACKNOWLEDGE}={}; if not, see \"A prune by mistake\" in docs/backup.md",
            self.token()
        ))
    }
}

/// What an object says that waits for the tenant's pace.
#[must_use]
pub fn too_many(tenant: &str, per_hour: usize, until: Option<Timestamp>) -> Problem {
    let until = match until {
        Some(until) => format!("until {}", until.strftime("%Y-%m-%dT%H:%MZ")),
        None => "for as long as that is so".to_owned(),
    };
    Problem::new(
        Reason::DeletionHeld,
        format!(
            "no more than {per_hour} deletions begin within an hour in EntraTenant {tenant:?} (spec.maxDeletionsPerHour), so nothing of this one is touched in Entra {until}"
        ),
    )
    .remedy("wait, or have the platform team raise the number")
}

/// What the tenant says of the deletions that wait, by the titles of their objects.
#[must_use]
pub fn held_back(mut titles: Vec<String>) -> Option<Problem> {
    titles.sort();
    let some: Vec<&str> = titles.iter().take(NAMED).map(String::as_str).collect();
    let more = if titles.len() > NAMED { ", …" } else { "" };
    let what = match titles.len() {
        0 => return None,
        1 => "1 deletion is held back".to_owned(),
        count => format!("{count} deletions are held back"),
    };
    Some(
        Problem::new(
            Reason::DeletionHeld,
            format!(
                "{what} by spec.maxDeletionsPerHour or spec.maxDeletionsPercent: {}{more}; nothing of them is touched in Entra",
                some.join(", ")
            ),
        )
        .remedy("each object says which, and what ends it"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).expect("a time")
    }

    fn deletion(uid: &str, minutes: i64) -> Deletion {
        Deletion {
            uid: uid.into(),
            catalog_id: Some("C".into()),
            at: at(minutes).to_string(),
        }
    }

    #[test]
    fn so_many_begin_within_an_hour_and_the_next_one_when_the_oldest_is_an_hour_old() {
        let mut log = Vec::new();
        for uid in ["a", "b"] {
            match pace(&log, &deletion(uid, 1), 2, at(1)) {
                Pace::Begins(now) => log = now,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(
            pace(&log, &deletion("a", 9), 2, at(9)),
            Pace::Begun,
            "it is counted once"
        );
        assert_eq!(pace(&log, &deletion("c", 9), 2, at(9)), Pace::Full(Some(at(61))));
        assert_eq!(
            pace(&log, &deletion("c", 61), 2, at(61)),
            Pace::Begins(vec![deletion("c", 61)]),
            "what is older is forgotten"
        );
    }

    #[test]
    fn where_none_may_begin_none_does_and_a_lower_number_counts_what_has_begun() {
        assert_eq!(pace(&[], &deletion("a", 0), 0, at(0)), Pace::Full(None));
        let log = [deletion("a", 0), deletion("b", 10), deletion("c", 20)];
        assert_eq!(pace(&log, &deletion("d", 30), 1, at(30)), Pace::Full(Some(at(80))));
    }

    #[test]
    fn a_time_that_cannot_be_read_and_one_that_is_ahead_count_for_an_hour() {
        for strange in ["", "yesterday", "2099-01-01T00:00:00Z"] {
            let strange = Deletion {
                at: strange.into(),
                ..deletion("a", 0)
            };
            assert_eq!(pace(&[strange], &deletion("b", 5), 1, at(5)), Pace::Full(Some(at(65))));
        }
    }

    fn holding(all: usize, going: usize) -> Holding {
        let names = |count: usize| (0..count).map(|number| number.to_string()).collect();
        Holding {
            all,
            going: names(going),
        }
    }

    #[test]
    fn more_than_the_share_asks_and_a_few_objects_are_no_prune() {
        for (all, going, percent, asks) in [
            (9, 9, 25, false),
            (10, 10, 25, true),
            (100, 25, 25, false),
            (100, 26, 25, true),
            (100, 100, 100, false),
            (10, 10, 0, true),
        ] {
            let asked = holding(all, going).question(percent, "c").is_some();
            assert_eq!(asked, asks, "{going} of {all}, {percent} %");
        }
    }

    #[test]
    fn what_has_just_gone_belongs_to_the_same_prune() {
        let log: Vec<Deletion> = (0..8).map(|number| deletion(&format!("gone-{number}"), 0)).collect();
        let rest = holding(20, 3);
        assert_eq!(rest.question(25, "c"), None);
        let asked = rest.clone().with_gone(&log, "c", at(30)).question(25, "c");
        assert_eq!(asked.map(|prune| (prune.going, prune.all)), Some((11, 28)));
        assert_eq!(
            rest.clone().with_gone(&log, "c", at(61)),
            rest,
            "an hour later it does not"
        );
        assert_eq!(rest.clone().with_gone(&log, "other", at(30)), rest);
    }

    #[test]
    fn an_answer_is_for_one_catalog_and_a_number_that_hardly_grew() {
        let asked = |going, id: &str| holding(100, going).question(25, id).expect("it asks");
        let token = asked(40, "c").token();
        for (going, id, is_answered) in [(40, "C", true), (44, "c", true), (45, "c", false), (40, "other", false)] {
            assert_eq!(asked(going, id).is_answered(Some(&token)), is_answered, "{going} {id}");
        }
        assert!(!asked(40, "c").is_answered(None));
    }
}
