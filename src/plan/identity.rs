//! Which object of Entra this is. Names never prove anything by themselves.
//!
//! | open intent | status id | `spec.id` | annotation | adoption | asks | stands |
//! |---|---|---|---|---|---|---|
//! | yes | any | any | any | any | for the intent's outcome | its outcome; or searching, until it must show; then as without an intent |
//! | yes | any | any | any | any | likewise, and nothing of its name shows | where the service refuses a second one of that name: the same create may be sent once more |
//! | – | yes | any | any | any | nothing | known; where it is gone and one is made anew, its name has to be free |
//! | – | – | yes | any | any | for that id | takes it over, or nothing of that id is there |
//! | – | – | – | yes | by name | for that id | takes it over again |
//! | – | – | – | yes | never | for that id | adoption is required: making it anew would make a second one |
//! | – | – | – | – | by name | for that name | takes over the one; several are taken; none: new |
//! | – | – | – | – | never | nothing | new; before the create, its name has to be free |
//!
//! What somebody else's object holds is never taken: the later one stands back and says who holds it.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::{IdentityAct, Problem, drift};
use crate::api::{Adoption, EXTERNAL_ID, EntraObject, Intent, Reason};

/// Times of Graph are told in whole seconds, by more than one machine.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// How long after a create whose answer was lost the same one may be sent once more, where names are unique: long enough that
/// the service is not still about the first, so that it can tell.
const SECOND_TRY: Duration = Duration::from_secs(10);

/// What is known of the object before anybody asks Entra.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What such an object is called in Entra.
    pub noun: &'a str,
    /// What to write to take over one that exists.
    pub how_to_take_over: &'a str,
    /// Where it stands, in words.
    pub place: &'a str,
    /// Display name of the spec.
    pub display_name: &'a str,
    /// Description of the spec.
    pub description: &'a str,
    /// The identity that status proves: this object's, in this tenant.
    pub known: Option<&'a EntraObject>,
    /// A create that was begun and whose outcome is not known.
    pub intent: Option<&'a Intent>,
    /// `spec.id`.
    pub id: Option<&'a str>,
    /// The annotation that outlives a lost status.
    pub external_id: Option<&'a str>,
    /// `spec.adoption`.
    pub adoption: Adoption,
    /// Whether the service refuses a second object of the intent's name where it would be made now.
    pub names_are_unique: bool,
}

/// What has to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Nothing: status knows.
    Nothing,
    /// What a create of this name has made, by reads that were begun after it was.
    Outcome {
        /// Display name that was sent.
        name: String,
    },
    /// The object of this id.
    ById(String),
    /// Every object of this name in its place.
    ByName(String),
}

/// An object of Entra that may be the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// Its name.
    pub display_name: String,
    /// Its description.
    pub description: Option<String>,
    /// When it was made (RFC 3339).
    pub created: Option<String>,
    /// Which other object of Kubernetes holds it, in words.
    pub holder: Option<String>,
}

/// A create whose outcome does not show yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// What people are told.
    pub problem: Problem,
    /// How long it is searched from now on; none where nobody can tell when it began.
    pub left: Option<Duration>,
}

/// Which object of Entra this is.
#[derive(Clone, Debug, PartialEq)]
pub enum Stand {
    /// The one that status proves.
    Known {
        /// Its id.
        id: String,
    },
    /// The one that has to be entered into status first.
    Becomes {
        /// Its id.
        id: String,
        /// What enters it.
        act: IdentityAct,
    },
    /// None: one has to be made. `act` is what has to go before, if anything.
    New {
        /// What clears an intent of which nothing came.
        act: Option<IdentityAct>,
    },
    /// Nobody can tell yet: nothing is done until it shows.
    Searching(Search),
    /// As [`Stand::Searching`], and nothing of that name shows: the same create may be sent once more, for of two of one name
    /// the service refuses the second.
    Again(Search),
    /// None that may be ours.
    Refused(Problem),
}

impl Facts<'_> {
    /// What has to be asked.
    #[must_use]
    pub fn asks(&self) -> Question {
        if let Some(intent) = self.intent {
            return Question::Outcome {
                name: intent.display_name.clone(),
            };
        }
        match (self.known, self.id.or(self.external_id), self.adoption) {
            (None, Some(id), _) => Question::ById(id.to_owned()),
            (None, None, Adoption::ByName) => Question::ByName(self.display_name.to_owned()),
            (Some(_), _, _) | (None, None, Adoption::Never) => Question::Nothing,
        }
    }

    /// What is known once nothing has come of the intent, where that leaves something to ask.
    #[must_use]
    pub fn after(&self, stand: &Stand) -> Option<Self> {
        let is_over = matches!(
            stand,
            Stand::New {
                act: Some(IdentityAct::DropIntent)
            }
        );
        let after = Self { intent: None, ..*self };
        (is_over && self.known.is_none() && after.asks() != Question::Nothing).then_some(after)
    }

    /// Where the object stands, given the answer to [`Facts::asks`].
    #[must_use]
    pub fn stands(&self, found: &[Candidate], visibility: Duration, now: Timestamp) -> Stand {
        if let Some(intent) = self.intent {
            return self.outcome(intent, found, visibility, now);
        }
        match (self.known, self.id, self.external_id) {
            (Some(known), _, _) => Stand::Known { id: known.id.clone() },
            (None, Some(id), _) => match found {
                [] => Stand::Refused(Problem::new(
                    Reason::AdoptionNotFound,
                    format!(
                        "spec.id: there is no {} {id} in {}; create another object with the right id, or without one",
                        self.noun, self.place
                    ),
                )),
                [one, ..] => self.takes_over(one),
            },
            (None, None, Some(_)) => match (found, self.adoption) {
                // An object of Entra that somebody else holds, or that is gone, makes no difference: then this one is a
                // copy, or has to be made anew.
                ([one, ..], Adoption::ByName) if one.holder.is_none() => self.takes_over(one),
                ([one, ..], Adoption::Never) if one.holder.is_none() => Stand::Refused(self.restored(one)),
                ([] | [_, ..], _) => Stand::New { act: None },
            },
            (None, None, None) => match (self.adoption, found) {
                (Adoption::ByName, [one]) => self.takes_over(one),
                (Adoption::ByName, [_, _, ..]) => Stand::Refused(self.taken(self.display_name, found)),
                (Adoption::ByName, []) | (Adoption::Never, _) => Stand::New { act: None },
            },
        }
    }

    /// What keeps one from being made: `found` are all objects of its name, asked for just before. The one that this object
    /// stood for until it was gone is none: a late list may show it for a while.
    #[must_use]
    pub fn obstacle(&self, found: &[Candidate]) -> Option<Problem> {
        let is_ghost = |candidate: &&Candidate| candidate.holder.is_none() && self.stood_for(&candidate.id);
        let others: Vec<Candidate> = found.iter().filter(|one| !is_ghost(one)).cloned().collect();
        (!others.is_empty()).then(|| self.taken(self.display_name, &others))
    }

    /// Whether this is the one that the object stood for last.
    fn stood_for(&self, id: &str) -> bool {
        let known = self.known.map(|known| known.id.as_str());
        [known, self.external_id].contains(&Some(id))
    }

    /// Whether this is the one that the object stood for before the intent: made just before, of the same name and words, and
    /// shown by a late list. No tolerance for clocks here: what is told of one's own past is told by the same one.
    fn is_former(&self, candidate: &Candidate, intent: &Intent) -> bool {
        let time = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_second);
        let created = candidate.created.as_deref().and_then(time);
        let is_before = created
            .zip(time(&intent.started_at))
            .is_some_and(|(created, started)| created < started);
        is_before && self.external_id == Some(candidate.id.as_str())
    }

    fn takes_over(&self, one: &Candidate) -> Stand {
        match &one.holder {
            Some(holder) => Stand::Refused(claimed(&one.id, holder)),
            None => Stand::Becomes {
                id: one.id.clone(),
                act: takes_over(self.noun, &one.id, &one.display_name),
            },
        }
    }

    fn outcome(&self, intent: &Intent, found: &[Candidate], visibility: Duration, now: Timestamp) -> Stand {
        let ours: Vec<&Candidate> = found
            .iter()
            .filter(|candidate| {
                candidate.holder.is_none() && is_outcome_of(candidate, intent) && !self.is_former(candidate, intent)
            })
            .collect();
        match ours.as_slice() {
            [one] => Stand::Becomes {
                id: one.id.clone(),
                act: IdentityAct::Recognise {
                    id: one.id.clone(),
                    what: format!("{} {:?}", self.noun, one.display_name),
                },
            },
            [] if is_open(intent, visibility, now) => {
                let search = self.search(intent, visibility, now);
                if found.is_empty() && self.may_try_again(intent, now) {
                    Stand::Again(search)
                } else {
                    Stand::Searching(search)
                }
            }
            [] => Stand::New {
                act: Some(IdentityAct::DropIntent),
            },
            [_, _, ..] => Stand::Refused(self.ambiguous(intent, &ours)),
        }
    }

    /// What came of the intent is not known, and until when that may last.
    fn search(&self, intent: &Intent, visibility: Duration, now: Timestamp) -> Search {
        let until = last_try(intent).and_then(|tried| {
            let until = tried.as_second().checked_add(seconds(visibility))?;
            Timestamp::from_second(until).ok()
        });
        let words = until.map_or_else(String::new, |until| format!(", until {until} at the latest"));
        let problem = Problem::new(
            Reason::OutcomeUnknown,
            format!(
                "a create of {} {:?} was begun at {} and its outcome is not known; looking for it before trying again{words}",
                self.noun, intent.display_name, intent.started_at
            ),
        );
        // What is over already is over at once.
        let left = until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO));
        Search { problem, left }
    }

    /// Whether the very same create may be sent once more; once, so that the search has an end.
    fn may_try_again(&self, intent: &Intent, now: Timestamp) -> bool {
        let is_same = intent.display_name == self.display_name && intent.fingerprint == fingerprint(self.description);
        let is_over = last_try(intent).is_some_and(|tried| now.as_second() - tried.as_second() >= seconds(SECOND_TRY));
        self.names_are_unique && is_same && is_over && intent.tried_again_at.is_none()
    }

    /// Several may be what an intent has made, and none is proven to be.
    fn ambiguous(&self, intent: &Intent, ours: &[&Candidate]) -> Problem {
        let mut ids: Vec<&str> = ours.iter().map(|candidate| candidate.id.as_str()).collect();
        ids.sort_unstable();
        Problem::new(
            Reason::NameTaken,
            format!(
                "a create of {} {:?} was begun at {} and its answer was lost; {} that it may have made are in {}, and nobody can tell which it was: {}",
                self.noun,
                intent.display_name,
                intent.started_at,
                ids.len(),
                self.place,
                ids.join(", ")
            ),
        )
        .remedy("have those deleted in Entra that are too many: the one that is left is this object's")
    }

    /// The name is taken by something that is not ours.
    #[must_use]
    pub fn taken(&self, name: &str, found: &[Candidate]) -> Problem {
        let mut who: Vec<String> = found
            .iter()
            .map(|candidate| match &candidate.holder {
                Some(holder) => format!("{} (managed by {holder})", candidate.id),
                None => candidate.id.clone(),
            })
            .collect();
        who.sort();
        let who = if who.is_empty() {
            String::new()
        } else {
            format!(": {}", who.join(", "))
        };
        Problem::new(
            Reason::NameTaken,
            format!(
                "spec.displayName: {} {name:?} exists in {} already and is not ours{who}; choose another name, or take it over: {}",
                self.noun, self.place, self.how_to_take_over,
            ),
        )
    }

    fn restored(&self, candidate: &Candidate) -> Problem {
        Problem::new(
            Reason::AdoptionRequired,
            format!(
                "metadata.annotations[{EXTERNAL_ID}]: this object stood for {} {:?} ({}) in {} before its status was lost; take it over again: {}, or remove the annotation to have another one made",
                self.noun, candidate.display_name, candidate.id, self.place, self.how_to_take_over,
            ),
        )
    }
}

/// Somebody else manages the object of Entra.
#[must_use]
pub fn claimed(id: &str, holder: &str) -> Problem {
    Problem::new(
        Reason::AlreadyClaimed,
        format!(
            "{id} in Entra is managed by {holder}; delete one of the two objects (with {}=true if Entra is to stay as it is)",
            crate::api::ORPHAN
        ),
    )
}

/// What an intent remembers of a description. Graph may trim one.
#[must_use]
pub fn fingerprint(description: &str) -> String {
    drift::digest(&super::Canonical::canonical(&description.to_owned()))
}

/// How long after its intent a create may have been carried out: until its answer was heard or given up (`ended`), and for
/// `longest` while it is under way. One that ended before it began was begun by another process after this one: two lead for a
/// moment, and the other one's may be under way.
#[must_use]
pub fn attempt(intent: &Intent, ended: Option<Timestamp>, longest: Duration) -> Duration {
    let Some(started) = last_try(intent) else {
        return longest;
    };
    match ended {
        Some(ended) if ended.as_second() < started.as_second() - seconds(CLOCK_SKEW) => longest,
        Some(ended) => Duration::try_from(ended.duration_since(started))
            .unwrap_or(Duration::ZERO) // clocks differ by a moment
            .min(longest),
        None => longest,
    }
}

/// Whether the outcome of the intent may still be on its way into the lists. One whose time cannot be read stays open:
/// unknown is not over.
#[must_use]
pub fn is_open(intent: &Intent, visibility: Duration, now: Timestamp) -> bool {
    match last_try(intent) {
        Some(started) => now.as_second() - started.as_second() < seconds(visibility),
        None => true,
    }
}

/// When the create was last begun; none where that cannot be read.
fn last_try(intent: &Intent) -> Option<Timestamp> {
    let time = intent.tried_again_at.as_ref().unwrap_or(&intent.started_at);
    time.parse().ok()
}

/// Whether a create of another object goes before one of this name in this place, ours being begun with `own`, if it is: it was
/// begun, or begun earlier, and what came of it is not known.
#[must_use]
pub fn goes_first(other: &Intent, own: Option<&Intent>, name: &str, tenant_id: &str, parent_id: &str) -> bool {
    let is_here = other.parent_id.eq_ignore_ascii_case(parent_id)
        && other
            .tenant
            .as_ref()
            .is_none_or(|tenant| tenant.tenant_id.eq_ignore_ascii_case(tenant_id)); // not told: it may be this one
    // Names that differ by case alone are one name to the service.
    let is_named = other.display_name.to_lowercase() == name.to_lowercase();
    let age = |intent: &Intent| (intent.started_at.parse::<Timestamp>().ok(), intent.nonce.clone());
    is_here && is_named && own.is_none_or(|own| age(other) < age(own)) // what is not begun comes after all that is
}

/// Whether the candidate can have come from this intent: made after it, and with what was sent.
#[must_use]
pub fn is_outcome_of(candidate: &Candidate, intent: &Intent) -> bool {
    let created = candidate
        .created
        .as_deref()
        .and_then(|created| created.parse::<Timestamp>().ok());
    let started = intent.started_at.parse::<Timestamp>().ok();
    let is_recent = created
        .zip(started)
        .is_some_and(|(created, started)| created.as_second() >= started.as_second() - seconds(CLOCK_SKEW));
    let description = candidate.description.as_deref().map_or("", |description| description);
    is_recent && fingerprint(description) == intent.fingerprint
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// The act of taking over what somebody else made.
#[must_use]
pub fn takes_over(noun: &str, id: &str, display_name: &str) -> IdentityAct {
    IdentityAct::TakeOver {
        id: id.to_owned(),
        what: format!("{noun} {display_name:?}"),
    }
}

#[cfg(test)]
mod tests;
