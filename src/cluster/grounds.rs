//! What else a decision about an object rests on: whose spec allows it, and whose labels a grant selects it by.
//!
//! A watch may stall for minutes while visits go on. Before anything is written in Entra, the object itself is read again;
//! what it rests on is as well, or a grant that was withdrawn would be used until the watch tells.

use std::sync::Arc;

use kube::Resource as _;

use super::{Key, Labels, Lookup, Place, Tables, Tracked};
use crate::api::KindName;

/// An object that others are decided by, in the form in which they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ground {
    pub(crate) key: Key,
    /// None where there was no such object.
    pub(crate) form: Option<Form>,
}

/// What makes an object another one to those who are decided by it. Of their status this process is the writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    uid: String,
    generation: Option<i64>,
    is_going: bool,
}

impl Form {
    pub(crate) fn of<K: Tracked>(object: &K) -> Self {
        let meta = object.meta();
        Self {
            uid: meta.uid.clone().unwrap_or_default(), // never of what the API server has sent
            generation: meta.generation,
            is_going: meta.deletion_timestamp.is_some(),
        }
    }

    fn of_lookup<K: Tracked>(object: &Lookup<K>) -> Self {
        let meta = object.meta();
        Self {
            uid: object.uid().to_owned(),
            generation: meta.generation,
            is_going: object.is_going(),
        }
    }
}

/// Everything that a decision about an object rests on beside itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grounds {
    /// What it belongs to, from the nearest on, and what it reads beside that.
    pub(crate) parents: Vec<Ground>,
    /// Its namespace and the labels of that; none for an object of the cluster.
    pub(crate) namespace: Option<(String, Option<Arc<Labels>>)>,
}

impl Grounds {
    pub(super) fn of<K: Tracked>(tables: &Tables, object: &K) -> Self {
        let meta = object.meta();
        let namespace = meta.namespace.as_deref();
        let mut parents = Vec::new();
        let mut next = parent(K::KIND, namespace, object.parent_name());
        while let Some(key) = next {
            let (form, of) = match key.kind {
                KindName::EntraTenant => (known(tables.tenants.get(&key.place)), None),
                KindName::Catalog => {
                    let catalog = tables.catalogs.get(&key.place);
                    (known(catalog), catalog.and_then(Lookup::parent_name))
                }
                KindName::AccessPackage => {
                    let package = tables.packages.get(&key.place);
                    (known(package), package.and_then(Lookup::parent_name))
                }
                // Nothing belongs to a policy, nor to a connected organization.
                KindName::AssignmentPolicy | KindName::ConnectedOrganization => (None, None),
            };
            next = parent(key.kind, key.place.namespace.as_deref(), of);
            parents.push(Ground { key, form });
        }
        // Whom it reads beside them decides as well.
        for key in object.others() {
            let form = match key.kind {
                KindName::EntraTenant => known(tables.tenants.get(&key.place)),
                KindName::Catalog => known(tables.catalogs.get(&key.place)),
                KindName::ConnectedOrganization => known(tables.organizations.get(&key.place)),
                KindName::AccessPackage => known(tables.packages.get(&key.place)),
                KindName::AssignmentPolicy => known(tables.policies.get(&key.place)),
            };
            parents.push(Ground { key, form });
        }
        Self {
            parents,
            namespace: namespace.map(|name| (name.to_owned(), tables.namespaces.get(name).cloned())),
        }
    }
}

fn known<K: Tracked>(object: Option<&Lookup<K>>) -> Option<Form> {
    object.map(Form::of_lookup)
}

/// What an object of this kind and namespace belongs to.
fn parent(kind: KindName, namespace: Option<&str>, name: Option<&str>) -> Option<Key> {
    let name = name?;
    let (kind, namespace) = match kind {
        KindName::EntraTenant => return None,
        KindName::Catalog | KindName::ConnectedOrganization => (KindName::EntraTenant, None),
        KindName::AccessPackage => (KindName::Catalog, None),
        KindName::AssignmentPolicy => (KindName::AccessPackage, namespace),
    };
    Some(Key {
        kind,
        place: Place::new(namespace, name),
    })
}
