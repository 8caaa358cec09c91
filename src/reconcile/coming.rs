//! What visits are about to write beside each other: a role and a way in that are judged at the same time must see each
//! other, or both would land.
//!
//! Whoever is about to widen says so first and looks at Entra afterwards. Of two that do so at the same time at least one
//! sees the other, in Entra or here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    layer::{Layer, is_out},
    plan::limits::{RoleAt, Way},
};

/// What one visit is about to write.
#[derive(Clone, Debug, Default)]
pub(crate) struct Announced {
    /// Roles that a package is about to hand out.
    pub(crate) roles: Vec<RoleAt>,
    /// Ways in that are about to be opened.
    pub(crate) ways: Vec<Way>,
}

/// By package id: who is about to write what.
type Table = HashMap<String, Vec<(String, Announced)>>;

/// What is about to be written in one tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coming(Arc<Mutex<Table>>);

/// As long as it lives, others see what was announced.
pub(crate) struct Announcement {
    coming: Coming,
    package: String,
    uid: String,
}

impl Coming {
    /// Says what the object of this uid is about to write to a package.
    pub(crate) fn announce(&self, package: &str, uid: &str, what: Announced) -> Announcement {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table
            .entry(package.to_lowercase())
            .or_default()
            .push((uid.to_owned(), what));
        Announcement {
            coming: self.clone(),
            package: package.to_lowercase(),
            uid: uid.to_owned(),
        }
    }

    /// The ways in that others are about to open.
    pub(crate) fn ways(&self, package: &str, uid: &str) -> Vec<Way> {
        self.of_others(package, uid).flat_map(|what| what.ways).collect()
    }

    /// The roles that others are about to add.
    pub(crate) fn roles(&self, package: &str, uid: &str) -> Vec<RoleAt> {
        self.of_others(package, uid).flat_map(|what| what.roles).collect()
    }

    fn of_others(&self, package: &str, uid: &str) -> impl Iterator<Item = Announced> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = !is_out(Layer::Announcements);
        let others = table.get(&package.to_lowercase()).filter(|_| is_known);
        let others = others.into_iter().flatten();
        let others: Vec<Announced> = others
            .filter(|(other, _)| other != uid)
            .map(|(_, what)| what.clone())
            .collect();
        others.into_iter()
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let mut table = self.coming.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(announced) = table.get_mut(&self.package) {
            announced.retain(|(uid, _)| *uid != self.uid);
            if announced.is_empty() {
                table.remove(&self.package);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role() -> Announced {
        Announced {
            roles: vec![RoleAt {
                field: None,
                offered_as: Vec::new(),
                words: "crm".into(),
            }],
            ways: Vec::new(),
        }
    }

    #[test]
    fn what_is_about_to_be_written_is_seen_by_others_until_it_is() {
        let coming = Coming::default();
        let announced = coming.announce("P", "package", role());
        assert_eq!(coming.roles("p", "policy").len(), 1);
        assert!(coming.roles("p", "package").is_empty(), "nobody waits for themselves");
        drop(announced);
        assert!(coming.roles("p", "policy").is_empty());
    }
}
