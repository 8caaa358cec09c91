//! What reads and our own writes prove about what stands in Entra. Pure: when something was is a value.
//!
//! Lists, expanded parts and, just after a write, single reads may come from a replica that lags. A [`Shelf`] holds what
//! is known of the objects of one place (the catalogs and connected organizations of a tenant, the packages of a catalog,
//! the policies, roles and resources) and takes each piece of evidence for what it proves:
//!
//! | evidence                                                     | what it proves                                         |
//! |--------------------------------------------------------------|--------------------------------------------------------|
//! | a read shows an object                                       | it is there, as of the moment the read was begun       |
//! | a read that was begun before a younger one                   | nothing against the younger one                        |
//! | a read begun before a write of ours, or showing the old value within the window | nothing: the write counts           |
//! | a read that shows what we wrote                              | it has arrived: from now on reads count                |
//! | a read that shows neither the old value nor ours             | somebody edited it: it counts at once                  |
//! | a read begun a window after the write                        | it counts, whatever it shows                           |
//! | a part that was not read                                     | nothing: what is known stays, and unknown is not none  |
//! | a list lacks an object                                       | nothing by itself: the object is asked for by its id   |
//! | a list lacks a site                                          | nothing at all: applications are not shown sites       |
//! | a list has an element that cannot be read                    | it exists                                              |
//! | one 404, to a read or to a deletion                          | nothing: ask again                                     |
//! | two 404s, then a list begun after them lacks it              | gone                                                   |
//! | any number of 404s, within the window of a write of ours     | nothing                                                |
//! | any number of 404s, within a window of the view's beginning  | nothing: a process before may have written just then   |
//! | 404s within a window of the first, of what was never shown   | nothing: a process beside may have made it just then   |
//! | two 404s a window apart, of what lists do not show to us      | gone                                                   |
//! | 404s, and a read begun since shows it                        | it is there                                            |
//! | 403, then a list begun after it lacks it                     | gone, for callers with a role on the catalog           |
//! | 403, and the list shows it or is refused                     | we may not see it                                      |
//! | we deleted it, and were answered that it was done            | gone                                                   |
//! | a single read tells another parent                           | elsewhere                                              |
//! | a single read tells no parent, and no list here showed it    | nothing                                                |
//! | a search that was begun before the intent                    | nothing                                                |
//! | a search finds nothing, within the window of the intent      | nothing yet                                            |

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::graph::{Listed, OriginSystem, Read, Unreadable};

mod holdings;
mod kinds;

pub use holdings::Holdings;

/// A point in time: how long after the view's own beginning, on a clock that only goes forward.
pub type Moment = Duration;

/// What the operator found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    /// Never made, never taken over.
    Unborn,
    /// It was there and is gone.
    Gone {
        /// The id that it had.
        id: String,
    },
    /// It is there, under another parent: neither ours to write nor gone.
    Elsewhere {
        /// Its id.
        id: String,
        /// The id of the parent that it has.
        place: String,
    },
    /// It is there.
    Present(T),
}

impl<T> Found<T> {
    /// What is there.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(found) => Some(found),
            Self::Unborn | Self::Gone { .. } | Self::Elsewhere { .. } => None,
        }
    }

    /// The same of another shape.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::Unborn => Found::Unborn,
            Self::Gone { id } => Found::Gone { id },
            Self::Elsewhere { id, place } => Found::Elsewhere { id, place },
            Self::Present(found) => Found::Present(with(found)),
        }
    }
}

/// What a read of one object came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight<T> {
    /// Certain enough to act on.
    Certain(Found<T>),
    /// It was not shown, and that does not prove that it is gone: nothing is changed, and it is asked for again.
    Doubtful {
        /// Its id.
        id: String,
        /// What speaks against its absence, in words.
        why: &'static str,
    },
}

/// What is known of an object that a single read did not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Proven.
    Gone,
    /// A list of the parent, begun now, decides.
    AskList,
    /// A read that was begun since shows it.
    Shown,
    /// Not proven before this moment: until then it may be a write of ours that Entra does not show yet.
    Young(Moment),
    /// Not proven, for this reason.
    Doubtful(&'static str),
}

/// What a search for the outcome of an intent has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Search<T> {
    /// What has the name, as Graph answered after the intent was begun.
    pub named: Listed<T>,
    /// Whether the outcome would show by now: only then "nothing" means that nothing came of it.
    pub is_over: bool,
}

/// Whether a list that lacks a resource of this system proves anything: SharePoint sites are not listed to
/// applications.
#[must_use]
pub fn lists_tell(system: &OriginSystem) -> bool {
    *system != OriginSystem::SharePointOnline
}

/// Whether a search that was begun this long after its intent may say that nothing came of it.
#[must_use]
pub fn is_search_over(since_intent: Duration, visibility: Duration) -> bool {
    since_intent >= visibility
}

/// Whether an element of this id may be among those that could not be read: then it is not absent.
#[must_use]
pub fn hides(unreadable: &[Unreadable], id: &str) -> bool {
    unreadable
        .iter()
        // One whose id cannot be read may be any.
        .any(|hidden| hidden.id.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(id)))
}

/// An object that a [`Shelf`] can hold.
pub trait Viewed: Clone {
    /// Its id.
    fn id(&self) -> &str;
    /// The id of its parent, where the read told it.
    fn place(&self) -> Option<&str>;
    /// What was read, with our writes over it: names every field, so that a new one cannot be forgotten.
    #[must_use]
    fn followed(self, writes: &mut Writes<'_, Self>) -> Self;
    /// Whether a list of its place shows it.
    fn is_listed(&self) -> bool {
        true
    }
}

/// For how long it is known that something was shown that is shown no more: some drift intervals.
const SHOWN: Duration = Duration::from_secs(3_600);

/// A write of ours.
#[derive(Clone, Debug)]
struct Write<T> {
    /// When it had ended.
    at: Moment,
    before: T,
    after: T,
    /// The fields in which it has arrived or was overtaken.
    settled: BTreeSet<&'static str>,
}

/// The writes to one object, held against one read of it.
#[derive(Debug)]
pub struct Writes<'a, T> {
    writes: &'a mut [Write<T>],
    known: Option<&'a T>,
    begun: Moment,
    visibility: Duration,
}

impl<T> Writes<'_, T> {
    /// A field that every read tells: what was read, or what we wrote while the read may not show it yet.
    pub fn field<V: PartialEq + Clone>(&mut self, name: &'static str, read: V, of: impl Fn(&T) -> &V) -> V {
        let open = |write: &Write<T>| !write.settled.contains(name) && of(&write.before) != of(&write.after);
        let Some(last) = self.writes.iter().rev().find(|write| open(write)) else {
            return read;
        };
        let ours = of(&last.after);
        if self.begun < last.at {
            return ours.clone();
        }
        let is_old = self
            .writes
            .iter()
            .filter(|write| open(write))
            .any(|write| *of(&write.before) == read || *of(&write.after) == read);
        if read != *ours && is_old && self.begun < last.at + self.visibility {
            return ours.clone();
        }
        for write in &mut *self.writes {
            write.settled.insert(name);
        }
        read
    }

    /// What is known of the object.
    pub fn known(&self) -> Option<&T> {
        self.known
    }

    /// As [`Self::part`], of an object that may have been changed since the part was read: then it is not known any more.
    pub fn part_while<V: PartialEq + Clone>(
        &mut self,
        is_same: bool,
        name: &'static str,
        read: Read<V>,
        of: impl Fn(&T) -> &Read<V>,
    ) -> Read<V> {
        match read {
            Read::Unread if !is_same => Read::Unread,
            read => self.part(name, read, of),
        }
    }

    /// A part that a read may leave out: then what is known stays.
    pub fn part<V: PartialEq + Clone>(
        &mut self,
        name: &'static str,
        read: Read<V>,
        of: impl Fn(&T) -> &Read<V>,
    ) -> Read<V> {
        match read {
            Read::Read(_) => self.field(name, read, of),
            Read::Unread => self.known.map_or(Read::Unread, |known| of(known).clone()),
        }
    }
}

/// What is known of one object.
#[derive(Clone, Debug)]
struct Item<T> {
    /// As it is known, our writes over it; `None` where it is not shown.
    value: Option<T>,
    /// When the read was begun that the value is of.
    read: Option<Moment>,
    /// When the youngest read was begun that showed it.
    seen: Option<Moment>,
    /// When our youngest write to it had ended, its creation included.
    written: Option<Moment>,
    /// That we made it or took it away, until reads must show it.
    ours: Option<(Moment, Presence)>,
    /// Whether a list of this place ever showed it, or we made it here.
    is_at_home: bool,
    /// When the first read was begun that did not show it, since the last that did, and the second.
    missed: Option<(Moment, Option<Moment>)>,
    /// Refused and not absent: one of these weighs as two 404s.
    is_refused: bool,
    writes: Vec<Write<T>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Made,
    Removed,
}

impl<T> Default for Item<T> {
    fn default() -> Self {
        Self {
            value: None,
            read: None,
            seen: None,
            written: None,
            ours: None,
            is_at_home: false,
            missed: None,
            is_refused: false,
            writes: Vec::new(),
        }
    }
}

impl<T: Viewed> Item<T> {
    /// What our making it or taking it away says against a read that was begun then.
    fn overruled(&mut self, begun: Moment, is_shown: bool, visibility: Duration) -> Option<Presence> {
        let (at, presence) = self.ours?;
        if begun >= at && (is_shown == (presence == Presence::Made) || begun >= at + visibility) {
            self.ours = None;
            return None;
        }
        Some(presence)
    }

    fn show(&mut self, begun: Moment, read: T, visibility: Duration) {
        self.seen = self.seen.max(Some(begun));
        if self
            .missed
            .is_some_and(|(first, second)| begun >= second.unwrap_or(first))
        {
            self.missed = None;
            self.is_refused = false;
        }
        if self.overruled(begun, true, visibility) == Some(Presence::Removed) {
            self.value = None;
            return;
        }
        if self.value.is_some() && self.read.is_some_and(|younger| younger > begun) {
            return;
        }
        self.writes.retain(|write| begun < write.at + visibility);
        let mut writes = Writes {
            writes: &mut self.writes,
            known: self.value.as_ref(),
            begun,
            visibility,
        };
        self.value = Some(read.followed(&mut writes));
        self.read = Some(begun);
    }

    /// Whether it can be forgotten: a write of ours speaks for its existence while it is young, and that it was shown tells for
    /// a while that it is not new.
    fn is_idle(&self, begun: Moment, visibility: Duration) -> bool {
        let is_written = self.written.is_some_and(|at| begun < at + visibility);
        let was_shown = self.seen.is_some_and(|at| begun < at + SHOWN);
        self.value.is_none() && self.ours.is_none() && self.missed.is_none() && !is_written && !was_shown
    }
}

/// What is known of the objects of one kind in one place.
#[derive(Clone, Debug)]
pub struct Shelf<T> {
    /// The id of the parent; `None` where there is but one place.
    place: Option<String>,
    visibility: Duration,
    /// When the youngest list was begun.
    listed: Option<Moment>,
    unreadable: Vec<Unreadable>,
    items: BTreeMap<String, Item<T>>,
}

impl<T: Viewed> Shelf<T> {
    /// Nothing is known of the place yet; `visibility` is how long a write may take to show.
    #[must_use]
    pub fn new(place: Option<&str>, visibility: Duration) -> Self {
        Self {
            place: place.map(str::to_owned),
            visibility,
            listed: None,
            unreadable: Vec::new(),
            items: BTreeMap::new(),
        }
    }

    /// A place that we have just made: it holds nothing but what we put there.
    #[must_use]
    pub fn born(place: Option<&str>, visibility: Duration, at: Moment) -> Self {
        Self {
            listed: Some(at),
            ..Self::new(place, visibility)
        }
    }

    fn item(&mut self, id: &str) -> &mut Item<T> {
        self.items.entry(id.to_ascii_lowercase()).or_default()
    }

    /// A list of the place, whole, and when it was begun.
    pub fn list(&mut self, begun: Moment, read: Listed<T>) {
        if self.listed.is_some_and(|younger| younger > begun) {
            return;
        }
        let Listed { elements, unreadable } = read;
        let visibility = self.visibility;
        let mut shown = BTreeSet::new();
        for element in elements {
            shown.insert(element.id().to_ascii_lowercase());
            let item = self.item(element.id());
            item.is_at_home = true;
            item.show(begun, element, visibility);
        }
        for (id, item) in &mut self.items {
            if shown.contains(id) {
                continue;
            }
            if hides(&unreadable, id) {
                // What cannot be read is not as it was known.
                item.value = None;
                continue;
            }
            let is_made = item.overruled(begun, false, visibility) == Some(Presence::Made);
            let is_younger = item.read.is_some_and(|read| read > begun);
            let is_told = item.value.as_ref().is_some_and(T::is_listed);
            if !is_made && !is_younger && is_told {
                item.value = None;
            }
        }
        self.items.retain(|_, item| !item.is_idle(begun, visibility));
        self.listed = Some(begun);
        self.unreadable = unreadable;
    }

    /// A single read that shows the object, and when it was begun.
    pub fn show(&mut self, begun: Moment, read: T) -> Sight<T> {
        let id = read.id().to_owned();
        let own = self.place.clone();
        let visibility = self.visibility;
        let told = read.place().map(str::to_owned);
        let item = self.item(&id);
        if let Some(own) = own {
            match told {
                Some(place) if !place.eq_ignore_ascii_case(&own) => {
                    self.items.remove(&id.to_ascii_lowercase());
                    return Sight::Certain(Found::Elsewhere { id, place });
                }
                None if !item.is_at_home => {
                    return Sight::Doubtful {
                        id,
                        why: "it was answered without its parent, which no list has told either",
                    };
                }
                Some(_) | None => {}
            }
        }
        item.is_at_home = true;
        item.show(begun, read, visibility);
        match item.value.clone() {
            Some(value) => Sight::Certain(Found::Present(value)),
            None => Sight::Certain(Found::Gone { id }),
        }
    }

    /// A single read that was answered 404 (or 403, where `is_refused`), and when it was begun.
    pub fn miss(&mut self, id: &str, begun: Moment, is_refused: bool) {
        let item = self.item(id);
        if item.seen.is_some_and(|seen| seen > begun) {
            return;
        }
        item.missed = Some(match item.missed {
            None => (begun, None),
            Some((first, second)) => (first, second.or_else(|| (begun > first).then_some(begun))),
        });
        item.is_refused |= is_refused;
    }

    /// What the reads that did not show the object come to.
    #[must_use]
    pub fn absence(&self, id: &str, now: Moment) -> Absence {
        let Some(item) = self.items.get(&id.to_ascii_lowercase()) else {
            return Absence::Doubtful("it was not asked for");
        };
        if matches!(item.ours, Some((_, Presence::Removed))) {
            return Absence::Gone;
        }
        let Some((first, second)) = item.missed else {
            return if item.seen.is_some() {
                Absence::Shown
            } else {
                Absence::Doubtful("it was not asked for")
            };
        };
        // The view does not know what was written before it began: a process that ended a moment before may have made it. Nor
        // what one beside it has made, of which it hears by the id.
        let heard = if item.seen.is_none() { first } else { Moment::ZERO };
        let written = item.written.unwrap_or(heard);
        if now < written + self.visibility {
            return Absence::Young(written + self.visibility);
        }
        if second.is_none() && !item.is_refused {
            return Absence::Doubtful(
                "it was answered once that it is not there; asking again before that is believed",
            );
        }
        // A place that was never listed has not told either.
        if self.listed.is_none_or(|listed| listed <= second.unwrap_or(first)) {
            return Absence::AskList;
        }
        if hides(&self.unreadable, id) {
            return Absence::Doubtful("the list has it, or one that may be it, in a form that cannot be read");
        }
        Absence::Gone
    }

    /// Whether an object that no read shows was answered as not there a window ago already, and no read has shown it since:
    /// of what lists may hide, nothing else ever tells.
    #[must_use]
    pub fn is_missed(&self, id: &str, begun: Moment) -> bool {
        let item = self.items.get(&id.to_ascii_lowercase());
        item.is_some_and(|item| {
            let is_old = item.missed.is_some_and(|(first, _)| begun >= first + self.visibility);
            is_old && item.value.is_none()
        })
    }

    /// Whether we removed the object ourselves.
    #[must_use]
    pub fn is_removed(&self, id: &str) -> bool {
        let item = self.items.get(&id.to_ascii_lowercase());
        item.is_some_and(|item| matches!(item.ours, Some((_, Presence::Removed))))
    }

    /// We removed everything that was in this place, with the place.
    pub fn emptied(&mut self, at: Moment) {
        let ids: Vec<String> = self.items.keys().cloned().collect();
        for id in ids {
            self.removed(at, &id);
        }
    }

    /// The object was made by us.
    pub fn made(&mut self, at: Moment, object: T) {
        let item = self.item(object.id());
        *item = Item {
            value: Some(object),
            read: Some(at),
            written: Some(at),
            ours: Some((at, Presence::Made)),
            is_at_home: true,
            ..Item::default()
        };
    }

    /// The object was changed by us; one that is not known is taken as it is.
    pub fn wrote(&mut self, at: Moment, after: T) {
        let item = self.item(after.id());
        item.written = Some(at);
        item.is_at_home = true;
        match item.value.replace(after.clone()) {
            Some(before) => item.writes.push(Write {
                at,
                before,
                after,
                settled: BTreeSet::new(),
            }),
            // Nothing is known of what it was before: the next read tells.
            None => item.read = Some(at),
        }
    }

    /// The object was deleted by us, or was found to be deleted.
    pub fn removed(&mut self, at: Moment, id: &str) {
        *self.item(id) = Item {
            ours: Some((at, Presence::Removed)),
            ..Item::default()
        };
    }

    /// What we took away may come back now, since we asked for it.
    pub fn welcome(&mut self) {
        for item in self.items.values_mut() {
            if matches!(item.ours, Some((_, Presence::Removed))) {
                item.ours = None;
            }
        }
    }

    /// One object, where it is known to be there.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&T> {
        self.items.get(&id.to_ascii_lowercase())?.value.as_ref()
    }

    /// All that is known to be there, and what cannot be read; unread where no list has told and we did not make the
    /// place.
    #[must_use]
    pub fn all(&self) -> Read<Listed<T>> {
        match self.listed {
            None => Read::Unread,
            Some(_) => Read::Read(Listed {
                elements: self.items.values().filter_map(|item| item.value.clone()).collect(),
                unreadable: self.unreadable.clone(),
            }),
        }
    }

    /// When the youngest list was begun.
    #[must_use]
    pub fn listed_at(&self) -> Option<Moment> {
        self.listed
    }

    /// Whether an object of this id may be among those that the list has and that cannot be read.
    #[must_use]
    pub fn hides(&self, id: &str) -> bool {
        hides(&self.unreadable, id)
    }

    /// Takes out what we deleted ourselves a moment ago, since a list or a search may show it for a while.
    #[must_use]
    pub fn without_removed(&self, begun: Moment, mut read: Listed<T>) -> Listed<T> {
        read.elements.retain(|element| {
            let item = self.items.get(&element.id().to_ascii_lowercase());
            !item.is_some_and(|item| matches!(item.ours, Some((at, Presence::Removed)) if begun < at + self.visibility))
        });
        read
    }
}

#[cfg(test)]
mod tests;
