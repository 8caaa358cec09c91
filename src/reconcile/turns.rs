//! Whose visit is next: fair shares between namespaces.
//!
//! | who asks for a place | what is answered |
//! |---|---|
//! | somebody, and there are places, and his namespace has not had its share | it is his |
//! | anybody else | he stands in the line of his namespace; the lines take turns |
//!
//! A namespace's share is two thirds of the places that no other namespace has: one with ten thousand objects, each of which takes
//! its visit as long as it can, leaves places for others, and alone it has as many as it can use. The objects of the cluster's own
//! are one namespace among them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

use super::PLACES;
use crate::api::KindName;

type Line = VecDeque<oneshot::Sender<Turn>>;

/// The places for visits of one kind, and who waits for one.
#[derive(Debug, Default)]
struct Hall {
    taken: u16,
    /// How many each namespace has.
    of: BTreeMap<String, u16>,
    lines: BTreeMap<String, Line>,
    /// The namespaces with a line, the next to be asked first.
    order: VecDeque<String>,
}

impl Hall {
    fn may_take(&self, namespace: &str) -> bool {
        let own = self.of.get(namespace).copied().unwrap_or(0); // who has none is not entered
        let others = self.taken - own;
        self.taken < PLACES && u32::from(own) * 3 < u32::from(PLACES - others) * 2
    }

    fn take(&mut self, namespace: &str) {
        self.taken += 1;
        *self.of.entry(namespace.to_owned()).or_default() += 1;
    }

    fn give_back(&mut self, namespace: &str) {
        self.taken -= 1;
        if let Some(own) = self.of.get_mut(namespace) {
            *own -= 1;
            if *own == 0 {
                self.of.remove(namespace);
            }
        }
    }

    /// The next in turn who may have a place, if there is one.
    fn next(&mut self) -> Option<(String, oneshot::Sender<Turn>)> {
        let index = self.order.iter().position(|namespace| self.may_take(namespace))?;
        let namespace = self.order.remove(index)?;
        let line = self.lines.get_mut(&namespace)?;
        let waiting = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&namespace);
        } else {
            self.order.push_back(namespace.clone());
        }
        Some((namespace, waiting))
    }
}

/// The places of all kinds. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<BTreeMap<KindName, Hall>>>);

impl Turns {
    /// Waits for a place.
    pub(crate) async fn take(&self, kind: KindName, namespace: &str) -> Option<Turn> {
        let waiting = {
            let mut halls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let hall = halls.entry(kind).or_default();
            if hall.may_take(namespace) {
                hall.take(namespace);
                return Some(self.turn(kind, namespace));
            }
            let (turn, waiting) = oneshot::channel();
            let line = hall.lines.entry(namespace.to_owned()).or_default();
            if line.is_empty() {
                hall.order.push_back(namespace.to_owned());
            }
            line.push_back(turn);
            waiting
        };
        // Nobody drops the other end before it is his turn.
        waiting.await.ok()
    }

    fn turn(&self, kind: KindName, namespace: &str) -> Turn {
        Turn {
            turns: self.clone(),
            kind,
            namespace: namespace.to_owned(),
        }
    }

    fn give_back(&self, kind: KindName, namespace: &str) {
        let mut called = Vec::new();
        {
            let mut halls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let hall = halls.entry(kind).or_default();
            hall.give_back(namespace);
            while let Some((namespace, waiting)) = hall.next() {
                hall.take(&namespace);
                called.push((self.turn(kind, &namespace), waiting));
            }
        }
        for (turn, waiting) in called {
            // Who does not wait any more gives it back at once: with that, the turn is dropped.
            let _ = waiting.send(turn);
        }
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    kind: KindName,
    namespace: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.give_back(self.kind, &self.namespace);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const KIND: KindName = KindName::AccessPackage;

    fn now(turns: &Turns, namespace: &str) -> Option<Turn> {
        turns.take(KIND, namespace).now_or_never().flatten()
    }

    fn all_of(turns: &Turns, namespace: &str) -> Vec<Turn> {
        std::iter::from_fn(|| now(turns, namespace)).collect()
    }

    #[test]
    fn however_much_one_namespace_asks_for_others_find_a_place_at_once() {
        let turns = Turns::default();
        let hostile = all_of(&turns, "hostile");
        assert_eq!(hostile.len(), 16);
        let second = all_of(&turns, "second");
        assert!((3..8).contains(&second.len()), "{}", second.len());
        assert!(now(&turns, "third").is_some());
    }

    #[tokio::test]
    async fn the_lines_of_namespaces_take_turns_and_nobody_is_left_standing() {
        let turns = Turns::default();
        let mut held: Vec<Turn> = ["a", "b", "c", "d", "e", "f"]
            .iter()
            .flat_map(|namespace| all_of(&turns, namespace))
            .collect();
        assert_eq!(held.len(), usize::from(PLACES));
        let order = Arc::new(Mutex::new(Vec::new()));
        let waits = |namespace: &'static str| {
            let (turns, order) = (turns.clone(), Arc::clone(&order));
            async move {
                let turn = turns.take(KIND, namespace).await;
                order.lock().unwrap().push(namespace);
                drop(turn);
            }
        };
        let waiting = futures::future::join_all(["many", "many", "many", "many", "one"].map(waits));
        let lets_go = async {
            held.pop();
        };
        futures::future::join(waiting, lets_go).await;
        let order = order.lock().unwrap().clone();
        assert_eq!(order.len(), 5);
        assert!(
            order.iter().position(|namespace| *namespace == "one") <= Some(1),
            "{order:?}"
        );
    }

    #[tokio::test]
    async fn who_gives_up_waiting_takes_no_place_along() {
        let turns = Turns::default();
        let held = all_of(&turns, "a");
        let mut gives_up = Box::pin(turns.take(KIND, "a"));
        assert!(futures::poll!(&mut gives_up).is_pending());
        drop(gives_up);
        drop(held);
        assert_eq!(all_of(&turns, "a").len(), 16);
    }
}
