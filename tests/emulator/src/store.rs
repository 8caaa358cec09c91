//! What the tenant holds: raw JSON objects by collection, each with its recent versions, so that a lagging replica
//! can be shown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::clock::Clock;

/// A JSON object as Graph has it.
pub(crate) type Object = Map<String, Value>;

/// The collections of the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Catalogs,
    Resources,
    ResourceRequests,
    ResourceEnvironments,
    AccessPackages,
    ResourceRoleScopes,
    AssignmentPolicies,
    Assignments,
    AssignmentRequests,
    RoleAssignments,
    ConnectedOrganizations,
    CustomWorkflowExtensions,
    Users,
    Groups,
    ServicePrincipals,
    Sites,
    AdministrativeUnits,
}

impl Kind {
    pub(crate) const ALL: [Self; 17] = [
        Self::Catalogs,
        Self::Resources,
        Self::ResourceRequests,
        Self::ResourceEnvironments,
        Self::AccessPackages,
        Self::ResourceRoleScopes,
        Self::AssignmentPolicies,
        Self::Assignments,
        Self::AssignmentRequests,
        Self::RoleAssignments,
        Self::ConnectedOrganizations,
        Self::CustomWorkflowExtensions,
        Self::Users,
        Self::Groups,
        Self::ServicePrincipals,
        Self::Sites,
        Self::AdministrativeUnits,
    ];

    /// The collection's name in v1.0 and at the control endpoint.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Catalogs => "catalogs",
            Self::Resources => "resources",
            Self::ResourceRequests => "resourceRequests",
            Self::ResourceEnvironments => "resourceEnvironments",
            Self::AccessPackages => "accessPackages",
            Self::ResourceRoleScopes => "resourceRoleScopes",
            Self::AssignmentPolicies => "assignmentPolicies",
            Self::Assignments => "assignments",
            Self::AssignmentRequests => "assignmentRequests",
            Self::RoleAssignments => "roleAssignments",
            Self::ConnectedOrganizations => "connectedOrganizations",
            Self::CustomWorkflowExtensions => "customWorkflowExtensions",
            Self::Users => "users",
            Self::Groups => "groups",
            Self::ServicePrincipals => "servicePrincipals",
            Self::Sites => "sites",
            Self::AdministrativeUnits => "administrativeUnits",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// From when (milliseconds since the store began) an object looked like this; no value: it was gone.
#[derive(Debug, Clone)]
struct Version {
    from: i64,
    value: Option<Object>,
}

#[derive(Debug, Clone, Default)]
struct Record {
    versions: Vec<Version>,
}

impl Record {
    fn current(&self) -> Option<&Object> {
        self.versions.last().and_then(|version| version.value.as_ref())
    }

    fn at(&self, moment: i64) -> Option<&Object> {
        self.versions
            .iter()
            .rev()
            .find(|version| version.from <= moment)
            .and_then(|version| version.value.as_ref())
    }

    fn push(&mut self, from: i64, value: Option<Object>) {
        // A replica is never further behind than this.
        let horizon = from.saturating_sub(600_000);
        while self.versions.len() > 1 && self.versions[1].from < horizon {
            self.versions.remove(0);
        }
        self.versions.push(Version { from, value });
    }
}

#[derive(Debug, Clone, Default)]
struct Collection {
    records: BTreeMap<u64, Record>,
    index: HashMap<String, u64>,
}

/// A role that an assignment has put a principal into.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    pub(crate) origin_system: String,
    pub(crate) origin_id: String,
    pub(crate) role_origin_id: String,
    pub(crate) principal_id: String,
}

/// Everything that the tenant holds.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) clock: Clock,
    /// Where fresh ids come from.
    pub(crate) ids: Ids,
    next: u64,
    /// Whether the tenant of the world file is complete: what is placed from now on is new.
    pub(crate) lives: bool,
    /// Somebody is a guest by entitlement management.
    pub(crate) governs: bool,
    collections: BTreeMap<Kind, Collection>,
    pub(crate) settings: Object,
    /// What entitlement management delivered, so that it takes out only that.
    pub(crate) granted: BTreeSet<Grant>,
    /// Application roles and site roles that somebody holds; group membership lives in the group.
    pub(crate) role_holders: BTreeSet<Grant>,
}

impl Store {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            ids: Ids::Random,
            next: 1,
            lives: false,
            governs: false,
            collections: Kind::ALL
                .into_iter()
                .map(|kind| (kind, Collection::default()))
                .collect(),
            settings: Object::new(),
            granted: BTreeSet::new(),
            role_holders: BTreeSet::new(),
        }
    }

    /// Milliseconds since the tenant's clock began.
    pub(crate) fn now(&self) -> i64 {
        self.clock.milliseconds()
    }

    fn collection(&mut self, kind: Kind) -> &mut Collection {
        self.collections.entry(kind).or_default()
    }

    pub(crate) fn get(&self, kind: Kind, key: &str) -> Option<&Object> {
        let collection = self.collections.get(&kind)?;
        let number = collection.index.get(&key.to_ascii_lowercase())?;
        collection.records.get(number)?.current()
    }

    /// Whether there is, or ever was, an object of this key.
    pub(crate) fn knew(&self, kind: Kind, key: &str) -> bool {
        self.collections
            .get(&kind)
            .is_some_and(|collection| collection.index.contains_key(&key.to_ascii_lowercase()))
    }

    /// The object as it was `lag` milliseconds ago.
    pub(crate) fn get_late(&self, kind: Kind, key: &str, lag: u64) -> Option<&Object> {
        if lag == 0 {
            return self.get(kind, key);
        }
        let collection = self.collections.get(&kind)?;
        let number = collection.index.get(&key.to_ascii_lowercase())?;
        let moment = self.now() - i64::try_from(lag).unwrap_or(i64::MAX);
        collection.records.get(number)?.at(moment)
    }

    /// The objects as they were `lag` milliseconds ago, oldest first, with their place in the order.
    pub(crate) fn list(&self, kind: Kind, lag: u64) -> impl Iterator<Item = (u64, &Object)> {
        let moment = (lag > 0).then(|| self.now() - i64::try_from(lag).unwrap_or(i64::MAX));
        self.collections
            .get(&kind)
            .into_iter()
            .flat_map(|collection| &collection.records)
            .filter_map(move |(number, record)| {
                let object = moment.map_or_else(|| record.current(), |moment| record.at(moment))?;
                Some((*number, object))
            })
    }

    /// As [`Store::list`] without lag.
    pub(crate) fn all(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.list(kind, 0).map(|(_, object)| object)
    }

    fn put(&mut self, kind: Kind, key: &str, value: Object, from: i64) {
        let number = self.next;
        self.next += 1;
        let collection = self.collection(kind);
        collection.index.insert(key.to_ascii_lowercase(), number);
        collection.records.entry(number).or_default().push(from, Some(value));
    }

    pub(crate) fn insert(&mut self, kind: Kind, key: &str, value: Object) {
        let now = self.now();
        self.put(kind, key, value, now);
    }

    /// An object that was not made through Graph. One of the world file was always there: no replica lags behind it.
    pub(crate) fn place(&mut self, kind: Kind, key: &str, value: Object) {
        let from = if self.lives { self.now() } else { i64::MIN };
        self.put(kind, key, value, from);
    }

    /// Changes an object; false when there is none.
    pub(crate) fn update(&mut self, kind: Kind, key: &str, change: impl FnOnce(&mut Object)) -> bool {
        let now = self.now();
        let collection = self.collection(kind);
        let Some(record) = collection
            .index
            .get(&key.to_ascii_lowercase())
            .and_then(|number| collection.records.get_mut(number))
        else {
            return false;
        };
        let Some(mut value) = record.current().cloned() else {
            return false;
        };
        change(&mut value);
        record.push(now, Some(value));
        true
    }

    /// Removes an object; false when there is none.
    pub(crate) fn remove(&mut self, kind: Kind, key: &str) -> bool {
        let now = self.now();
        let collection = self.collection(kind);
        // The index keeps it: a late replica still has it.
        let record = collection
            .index
            .get(&key.to_ascii_lowercase())
            .and_then(|number| collection.records.get_mut(number));
        match record {
            Some(record) if record.current().is_some() => {
                record.push(now, None);
                true
            }
            _ => false,
        }
    }

    /// Any directory object that can be a principal.
    pub(crate) fn principal(&self, id: &str) -> Option<(Kind, &Object)> {
        [Kind::Users, Kind::Groups, Kind::ServicePrincipals]
            .into_iter()
            .find_map(|kind| self.get(kind, id).map(|object| (kind, object)))
    }
}

/// The text under `name`, or an empty one.
pub(crate) fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The ids under `name`.
pub(crate) fn ids(object: &Object, name: &str) -> Vec<String> {
    object
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Equal but for the case of ASCII letters.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Fresh ids: chance, or the same ones in the same order for the same seed.
#[derive(Debug, Clone)]
pub(crate) enum Ids {
    /// Chance.
    Random,
    /// By a seed.
    Seeded(RefCell<fastrand::Rng>),
}

impl Ids {
    /// The same ids for the same seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::Seeded(RefCell::new(fastrand::Rng::with_seed(seed)))
    }

    /// One that nothing has yet.
    pub(crate) fn fresh(&self) -> String {
        match self {
            Self::Random => uuid::Uuid::new_v4().to_string(),
            Self::Seeded(seeded) => {
                let number = seeded.borrow_mut().u128(..);
                uuid::Builder::from_random_bytes(number.to_be_bytes())
                    .into_uuid()
                    .to_string()
            }
        }
    }
}

/// The same id for the same words on every start.
pub(crate) fn derived_id(words: &[&str]) -> String {
    uuid::Uuid::new_v5(
        &uuid::Uuid::NAMESPACE_URL,
        words.join("\u{1f}").to_lowercase().as_bytes(),
    )
    .to_string()
}
