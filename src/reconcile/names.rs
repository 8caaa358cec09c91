//! Names that are being given: of two objects that are to be made under one name in one place, the second waits for what comes
//! of the first. Status tells the same, to whoever comes after a restart; the news of it may come late.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::claims::Holder;
use crate::clock::Clock;

/// How long the news of an intent may take to come back to us from the API server.
const NEWS: Duration = Duration::from_secs(60);

/// Kind, tenant, place and name.
type Key = (String, String, String, String);
/// Who gives the name, and until when that is so, where the visit has ended.
type Given = HashMap<Key, (Holder, Option<Instant>)>;

/// The names that are being given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<Mutex<Given>>);

/// A name that is being given by this visit.
#[derive(Debug)]
pub(crate) struct Reserved {
    names: Names,
    key: Key,
    uid: String,
    clock: Clock,
    is_open: bool,
}

impl Names {
    /// Reserves the name for this object.
    ///
    /// # Errors
    /// Who gives it already.
    pub(crate) fn reserve(
        &self,
        (kind, tenant, place, name): (&str, &str, &str, &str),
        holder: Holder,
        clock: &Clock,
    ) -> Result<Reserved, Holder> {
        let lower = [tenant, place, name].map(str::to_lowercase);
        let [tenant, place, name] = lower;
        let key = (kind.to_owned(), tenant, place, name);
        let uid = holder.uid.clone();
        let now = clock.instant();
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Without an end its visit is under way.
        given.retain(|_, (_, until)| until.is_none_or(|until| now < until));
        match given.get(&key) {
            Some((other, _)) if other.uid != uid => return Err(other.clone()),
            Some(_) | None => given.insert(key.clone(), (holder, None)),
        };
        Ok(Reserved {
            names: self.clone(),
            key,
            uid,
            clock: clock.clone(),
            is_open: true,
        })
    }
}

impl Names {
    /// What came of everything that this object was to be is known.
    pub(crate) fn release(&self, uid: &str) {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|_, (holder, _)| holder.uid != uid);
    }
}

impl Reserved {
    /// What came of it is known, and stored.
    pub(crate) fn settle(mut self) {
        self.is_open = false;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut given = self.names.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = given.get(&self.key).is_some_and(|(holder, _)| holder.uid == self.uid);
        if !is_own {
            return;
        }
        if self.is_open {
            // By then the intent has come back with the news.
            let until = self.clock.instant() + NEWS;
            given
                .entry(self.key.clone())
                .and_modify(|(_, open)| *open = Some(until));
        } else {
            given.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(uid: &str) -> Holder {
        Holder {
            name: format!("AssignmentPolicy marketing/{uid}"),
            uid: uid.into(),
        }
    }

    #[test]
    fn of_two_that_give_one_name_the_second_hears_of_the_first_until_that_is_settled() {
        let (names, clock) = (Names::default(), Clock::system());
        let reserve = |uid: &str, name: &str| names.reserve(("policy", "T", "Place", name), holder(uid), &clock);
        let first = reserve("a", "Twin").unwrap();
        assert_eq!(reserve("b", "TWIN").unwrap_err(), holder("a"));
        reserve("b", "Other").unwrap().settle();
        first.settle();
        // The visit ends, and nobody knows what came of it.
        drop(reserve("a", "Twin").unwrap());
        assert_eq!(reserve("b", "Twin").unwrap_err(), holder("a"));
        names.release("a");
        assert!(reserve("b", "Twin").is_ok());
    }
}
