//! The objects of one kind, by name and by parent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Lookup, Place, Tracked};

#[derive(Debug)]
pub(crate) struct Table<K> {
    objects: BTreeMap<Place, Lookup<K>>,
    children: HashMap<Place, BTreeSet<Place>>,
    /// Those whose parent cannot be told.
    unclear: BTreeSet<Place>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            children: HashMap::new(),
            unclear: BTreeSet::new(),
        }
    }
}

/// What an object belongs to.
enum Belonging {
    Nothing,
    To(Place),
    Unclear,
}

fn belonging<K: Tracked>(object: &Lookup<K>) -> Belonging {
    let Some(parent) = K::PARENT else {
        return Belonging::Nothing;
    };
    let namespace = object.place().namespace.filter(|_| parent.is_namespaced);
    match object.parent_name() {
        Some(name) => Belonging::To(Place::new(namespace.as_deref(), name)),
        None => Belonging::Unclear,
    }
}

impl<K: Tracked> Table<K> {
    pub(super) fn get(&self, place: &Place) -> Option<&Lookup<K>> {
        self.objects.get(place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lookup<K>> {
        self.objects.values()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.objects.keys()
    }

    /// What stands in a namespace, which a range of the order holds.
    pub(super) fn of_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Lookup<K>> {
        let first = Place::new(Some(namespace), "");
        let here = self.objects.range(first..);
        here.take_while(move |(place, _)| place.namespace.as_deref() == Some(namespace))
            .map(|(_, object)| object)
    }

    /// What belongs to `parent`, or cannot be told not to.
    pub(super) fn of_parent<'a>(&'a self, parent: &'a Place) -> impl Iterator<Item = &'a Lookup<K>> {
        let children = self.children.get(parent).into_iter().flatten();
        // What belongs to something in a namespace is in the same one.
        let may_be = |place: &&Place| parent.namespace.is_none() || place.namespace == parent.namespace;
        let unclear = self.unclear.iter().filter(may_be);
        let places: BTreeSet<&Place> = children.chain(unclear).collect();
        places.into_iter().filter_map(|place| self.objects.get(place))
    }

    pub(super) fn insert(&mut self, place: Place, object: Lookup<K>) {
        self.remove(&place);
        match belonging(&object) {
            Belonging::Nothing => {}
            Belonging::To(parent) => {
                self.children.entry(parent).or_default().insert(place.clone());
            }
            Belonging::Unclear => {
                self.unclear.insert(place.clone());
            }
        }
        self.objects.insert(place, object);
    }

    pub(super) fn remove(&mut self, place: &Place) {
        let Some(object) = self.objects.remove(place) else {
            return;
        };
        match belonging(&object) {
            Belonging::Nothing => {}
            Belonging::To(parent) => {
                if let Some(children) = self.children.get_mut(&parent) {
                    children.remove(place);
                    if children.is_empty() {
                        self.children.remove(&parent);
                    }
                }
            }
            Belonging::Unclear => {
                self.unclear.remove(place);
            }
        }
    }
}
