//! The cluster's objects as last seen, by the questions that visits ask, and who has to look when one of them changes.
//!
//! Objects are shared, never copied; what a question needs is found by an index. An object that cannot be parsed exists:
//! every answer holds it as [`Lookup::Unreadable`], with the references that could still be read, and one whose parent
//! cannot be told counts for every parent that it may have.
//!
//! | part | is about |
//! |---|---|
//! | `lookup` | an object that may not parse |
//! | `tracked` | what the tables need to know of a kind |
//! | `table` | the objects of one kind, by name and by parent |
//! | `wake` | which news wakes whom: the table of the rules is on top |
//! | `grounds` | what else a decision about an object rests on |
//!
//! There is no client here and no clock: news goes in by [`Cluster::apply`], and a value comes out. What the API server
//! answers to this process is news as well ([`Cluster::hears`]), and what is older than what is known is none: a watch that
//! stalls takes nothing back that was written meanwhile.

mod grounds;
mod lookup;
mod table;
mod tracked;
mod wake;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use tokio::sync::{Notify, watch};

use crate::api::{
    AccessPackage, AssignmentPolicy, Catalog, ConditionType, ConnectedOrganization, EntraObject, EntraTenant, KindName,
    ManagedStatus, Reason,
};

use crate::plan::brake::Holding;
pub(crate) use grounds::{Form, Ground, Grounds};
pub(crate) use lookup::{Identity, Lookup, slim};
use table::Table;
pub(crate) use tracked::Tracked;

/// Labels of a namespace.
pub(crate) type Labels = BTreeMap<String, String>;

/// Where an object stands. Those of a namespace are neighbours in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// `None` for a kind of the cluster's own.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Place {
    /// Where an object of this namespace and name stands.
    #[must_use]
    pub fn new(namespace: Option<&str>, name: &str) -> Self {
        Self {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    /// Where this object stands.
    pub(crate) fn of<K: Tracked>(object: &K) -> Self {
        let meta = object.meta();
        // Every object has a name; one without would stand by itself.
        Self::new(meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default())
    }
}

/// An object of one of our kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: KindName,
    /// Where it stands.
    pub place: Place,
}

/// What a watch tells of objects of our kinds.
#[derive(Clone, Debug)]
pub(crate) enum News<K> {
    /// It is there, in this form.
    Applied(Lookup<K>),
    /// It is gone; this was its last form.
    Deleted(Lookup<K>),
    /// These are all that there are.
    Listed(Vec<Lookup<K>>),
}

/// What a watch tells of namespaces: their names, and labels.
#[derive(Clone, Debug)]
pub(crate) enum NamespaceNews {
    /// It is there.
    Applied(String, Labels),
    /// It is gone.
    Deleted(String),
    /// These are all that there are.
    Listed(Vec<(String, Labels)>),
}

/// What follows from news.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Aftermath {
    /// Who has to look.
    pub(crate) wake: BTreeSet<Key>,
    /// Who is no longer there, or no longer held by our finalizer while it goes.
    pub(crate) departed: Vec<Departed>,
}

/// An object that nothing of ours holds any more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Departed {
    pub(crate) key: Key,
    pub(crate) uid: String,
    /// What it stood for in Entra, by a status that was its own.
    pub(crate) identity: Identity,
    /// A create was begun and its outcome is not known.
    pub(crate) is_begun: bool,
    /// Name of the Catalog that the object belonged to, as far as that can be told.
    pub(crate) catalog: Option<String>,
    /// Whether it is gone; else it goes, and something else holds it.
    pub(crate) is_gone: bool,
    /// Whether it was held until now: this is the first that is heard of its departure.
    pub(crate) was_held: bool,
}

/// An object of Entra: cloud, tenant and id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct EntraKey(String, String, String);

impl EntraKey {
    fn new(cloud: &str, tenant_id: &str, id: &str) -> Self {
        Self(cloud.to_owned(), tenant_id.to_lowercase(), id.to_lowercase())
    }
}

/// Every object, with its indexes. A kind is a field.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    tenants: Table<EntraTenant>,
    catalogs: Table<Catalog>,
    organizations: Table<ConnectedOrganization>,
    packages: Table<AccessPackage>,
    policies: Table<AssignmentPolicy>,
    namespaces: HashMap<String, Arc<Labels>>,
    /// Who says that it is which object of Entra.
    by_entra: HashMap<EntraKey, BTreeSet<Key>>,
    by_uid: HashMap<String, Key>,
    /// Who reads an object beside those that belong to it.
    readers: HashMap<Key, BTreeSet<Key>>,
    /// The uids of objects that this process has let go, until the watch has told so too: until then it may tell of them as
    /// they were before.
    let_go: HashSet<String>,
    /// Which kinds have been listed.
    listed: BTreeSet<KindName>,
    namespaces_are_listed: bool,
}

/// The cluster's objects as last seen.
#[derive(Debug)]
pub(crate) struct Cluster {
    tables: RwLock<Tables>,
    is_filled: watch::Sender<bool>,
    /// What follows from what was heard beside the watches.
    heard: Mutex<Aftermath>,
    hears: Notify,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            tables: RwLock::default(),
            is_filled: watch::Sender::new(false),
            heard: Mutex::default(),
            hears: Notify::new(),
        }
    }
}

impl Cluster {
    /// Takes news of one kind.
    pub(crate) fn apply<K: Tracked>(&self, news: News<K>) -> Aftermath {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let aftermath = tables.apply(news);
        self.tell_filled(&tables);
        aftermath
    }

    /// Takes the object as the API server has answered it to a request of this process, before a watch tells of it: nothing is
    /// decided on an older form than that. [`Cluster::aftermath`] has what follows.
    pub(crate) fn hears<K: Tracked>(&self, object: &K) {
        let mut object = object.clone();
        slim(&mut object);
        let object = Lookup::Readable(Arc::new(object));
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let aftermath = match object.is_over().then(|| object.uid().to_owned()) {
            None => tables.apply(News::Applied(object)),
            Some(uid) => {
                // Where the watch has told already, no late word of it is to come.
                let is_known = tables.by_uid.contains_key(&uid);
                let aftermath = tables.apply(News::Deleted(object));
                if is_known {
                    tables.let_go.insert(uid);
                }
                aftermath
            }
        };
        drop(tables);
        self.follows(aftermath);
    }

    /// The API server has answered that there is no object of this name.
    pub(crate) fn hears_of_none<K: Tracked>(&self, place: &Place) {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let aftermath = K::table(&tables)
            .get(place)
            .cloned()
            .map(|known| tables.apply(News::Deleted(known)));
        drop(tables);
        aftermath.into_iter().for_each(|aftermath| self.follows(aftermath));
    }

    /// The API server has answered that these are the labels of the namespace; none where it is gone.
    pub(crate) fn hears_labels(&self, namespace: &str, labels: Option<Labels>) {
        let news = match labels {
            Some(labels) => NamespaceNews::Applied(namespace.to_owned(), labels),
            None => NamespaceNews::Deleted(namespace.to_owned()),
        };
        let aftermath = self.apply_namespaces(news);
        self.follows(aftermath);
    }

    fn follows(&self, aftermath: Aftermath) {
        let Aftermath { wake, departed } = aftermath;
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.wake.extend(wake);
        heard.departed.extend(departed);
        drop(heard);
        self.hears.notify_one();
    }

    /// What follows from what was heard since this was last asked.
    pub(crate) fn take_aftermath(&self) -> Aftermath {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As [`Cluster::take_aftermath`], once there is something.
    pub(crate) async fn aftermath(&self) -> Aftermath {
        loop {
            let aftermath = self.take_aftermath();
            if aftermath != Aftermath::default() {
                return aftermath;
            }
            self.hears.notified().await;
        }
    }

    /// What a decision about this object rests on beside itself, as it is known now.
    pub(crate) fn grounds<K: Tracked>(&self, object: &K) -> Grounds {
        Grounds::of(&self.read(), object)
    }

    /// Takes news of namespaces.
    pub(crate) fn apply_namespaces(&self, news: NamespaceNews) -> Aftermath {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let aftermath = tables.apply_namespaces(news);
        self.tell_filled(&tables);
        aftermath
    }

    fn tell_filled(&self, tables: &Tables) {
        let is_filled = tables.namespaces_are_listed && KindName::ALL.iter().all(|kind| tables.listed.contains(kind));
        self.is_filled
            .send_if_modified(|known| std::mem::replace(known, is_filled) != is_filled);
    }

    /// Completes when every kind and the namespaces have been listed: before that, absent means nothing.
    pub(crate) async fn filled(&self) {
        // The sender lives as long as this does.
        let _ = self.is_filled.subscribe().wait_for(|filled| *filled).await;
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object of this name.
    pub(crate) fn get<K: Tracked>(&self, namespace: Option<&str>, name: &str) -> Option<Lookup<K>> {
        K::table(&self.read()).get(&Place::new(namespace, name)).cloned()
    }

    /// The EntraTenant of this name.
    pub(crate) fn tenant(&self, name: &str) -> Option<Lookup<EntraTenant>> {
        self.get(None, name)
    }

    /// The Catalog of this name.
    pub(crate) fn catalog(&self, name: &str) -> Option<Lookup<Catalog>> {
        self.get(None, name)
    }

    /// The ConnectedOrganization of this name.
    pub(crate) fn organization(&self, name: &str) -> Option<Lookup<ConnectedOrganization>> {
        self.get(None, name)
    }

    /// The AccessPackage of this name.
    pub(crate) fn package(&self, namespace: &str, name: &str) -> Option<Lookup<AccessPackage>> {
        self.get(Some(namespace), name)
    }

    /// The AssignmentPolicy of this name.
    #[cfg_attr(not(test), expect(dead_code, reason = "a question that visits are about to ask"))]
    pub(crate) fn policy(&self, namespace: &str, name: &str) -> Option<Lookup<AssignmentPolicy>> {
        self.get(Some(namespace), name)
    }

    /// Every object of a kind, in the order of its names.
    pub(crate) fn all<K: Tracked>(&self) -> Vec<Lookup<K>> {
        K::table(&self.read()).iter().cloned().collect()
    }

    /// The objects of a kind in a namespace, in the order of their names.
    #[cfg_attr(not(test), expect(dead_code, reason = "a question that visits are about to ask"))]
    pub(crate) fn of_namespace<K: Tracked>(&self, namespace: &str) -> Vec<Lookup<K>> {
        K::table(&self.read()).of_namespace(namespace).cloned().collect()
    }

    /// The labels of a namespace; `None` where it is not known.
    pub(crate) fn labels(&self, namespace: &str) -> Option<Arc<Labels>> {
        self.read().namespaces.get(namespace).cloned()
    }

    /// The Catalogs that name this EntraTenant, in the order of their names, and those that cannot be told to name another.
    pub(crate) fn catalogs_of_tenant(&self, tenant: &str) -> Vec<Lookup<Catalog>> {
        self.read()
            .catalogs
            .of_parent(&Place::new(None, tenant))
            .cloned()
            .collect()
    }

    /// The AccessPackages that name this Catalog, and those that cannot be told to name another.
    pub(crate) fn packages_of_catalog(&self, catalog: &str) -> Vec<Lookup<AccessPackage>> {
        self.read()
            .packages
            .of_parent(&Place::new(None, catalog))
            .cloned()
            .collect()
    }

    /// The AssignmentPolicies that name this AccessPackage, and those of its namespace that cannot be told to name another.
    pub(crate) fn policies_of_package(&self, namespace: &str, package: &str) -> Vec<Lookup<AssignmentPolicy>> {
        let place = Place::new(Some(namespace), package);
        self.read().policies.of_parent(&place).cloned().collect()
    }

    /// The ConnectedOrganizations that name this EntraTenant, in the order of their names, and those that cannot be told to
    /// name another.
    pub(crate) fn organizations_of_tenant(&self, tenant: &str) -> Vec<Lookup<ConnectedOrganization>> {
        self.read()
            .organizations
            .of_parent(&Place::new(None, tenant))
            .cloned()
            .collect()
    }

    /// The policies in Entra that let in the people of this ConnectedOrganization, by titles in their order: they name it, or
    /// the one that it stands for there.
    pub(crate) fn policies_of_organization(&self, name: &str, id: Option<&str>) -> Vec<String> {
        let tables = self.read();
        let is_it = |other: &str| id.is_some_and(|id| id.eq_ignore_ascii_case(other));
        let lets_in = |policy: &AssignmentPolicy| {
            let pins = policy.status.iter().flat_map(|status| &status.resolved);
            policy.spec.organizations().any(|one| one == name)
                || policy.spec.organization_ids().any(is_it)
                || pins.into_iter().any(|pin| is_it(&pin.id))
        };
        let policies = tables.policies.iter().filter(|policy| policy.is_made());
        let mut titles: Vec<String> = policies
            // One that cannot be read may; Entra refuses what it must not lose.
            .filter(|policy| policy.readable().is_some_and(|policy| lets_in(policy)))
            .map(Lookup::title)
            .collect();
        titles.sort();
        titles
    }

    /// Who says in status to be this object of Entra: one where all is well. Unproven: compare `ownerUid`.
    #[cfg_attr(not(test), expect(dead_code, reason = "a question that visits are about to ask"))]
    pub(crate) fn holders(&self, cloud: &str, tenant_id: &str, id: &str) -> Vec<Key> {
        let tables = self.read();
        let holders = tables.by_entra.get(&EntraKey::new(cloud, tenant_id, id));
        holders.into_iter().flatten().cloned().collect()
    }

    /// The object with this uid.
    #[cfg_attr(not(test), expect(dead_code, reason = "a question that visits are about to ask"))]
    pub(crate) fn of_uid(&self, uid: &str) -> Option<Key> {
        self.read().by_uid.get(uid).cloned()
    }

    /// What stands in Entra under this Catalog and exceeds its present grants by its own word, by titles in their order.
    pub(crate) fn outside_grants(&self, catalog: &str) -> Vec<String> {
        let tables = self.read();
        let mut outside = Vec::new();
        for package in tables.packages.of_parent(&Place::new(None, catalog)) {
            if stands_outside(package) {
                outside.push(package.title());
            }
            let place = package.place();
            let policies = tables.policies.of_parent(&place);
            outside.extend(policies.filter(|policy| stands_outside(policy)).map(Lookup::title));
        }
        outside.sort();
        outside.dedup();
        outside
    }

    /// What the Catalog holds in Entra, and what of it is going.
    pub(crate) fn holding(&self, catalog: &str) -> Holding {
        let tables = self.read();
        let mut holding = Holding::default();
        for package in tables.packages.of_parent(&Place::new(None, catalog)) {
            enter(&mut holding, package);
            for policy in tables.policies.of_parent(&package.place()) {
                enter(&mut holding, policy);
            }
        }
        holding
    }

    /// The objects of an EntraTenant whose deletion is held back by their own word, by titles.
    pub(crate) fn held_back(&self, tenant: &str) -> Vec<String> {
        let keys = self.below_tenant(tenant).into_iter().flatten();
        let tables = self.read();
        let title = |key: Key| match key.kind {
            KindName::EntraTenant => None,
            KindName::Catalog => held_title(tables.catalogs.get(&key.place)?),
            KindName::ConnectedOrganization => held_title(tables.organizations.get(&key.place)?),
            KindName::AccessPackage => held_title(tables.packages.get(&key.place)?),
            KindName::AssignmentPolicy => held_title(tables.policies.get(&key.place)?),
        };
        keys.filter_map(title).collect()
    }

    /// The Catalogs whose own status says that they are the catalog which `entra` is in: one where all is well. This is who
    /// may be asked for leave, whatever the object names now.
    pub(crate) fn catalogs_of_entra(&self, entra: &EntraObject) -> Vec<Lookup<Catalog>> {
        let tables = self.read();
        let catalog = EntraKey::new(&entra.cloud, &entra.tenant_id, &entra.catalog_id);
        let catalogs = tables.holders_of(&catalog).filter(|key| key.kind == KindName::Catalog);
        let catalogs = catalogs.filter_map(|key| tables.catalogs.get(&key.place));
        catalogs
            .filter(|catalog| catalog.own_identity() != Identity::None)
            .cloned()
            .collect()
    }

    /// The policies whose own status says that they are in this catalog, by titles.
    pub(crate) fn policies_in(&self, catalog: &EntraObject) -> Vec<String> {
        let of = |entra: &EntraObject| EntraKey::new(&entra.cloud, &entra.tenant_id, &entra.catalog_id);
        let catalog = EntraKey::new(&catalog.cloud, &catalog.tenant_id, &catalog.id);
        let tables = self.read();
        let is_in = |policy: &&Lookup<AssignmentPolicy>| match policy.own_identity() {
            Identity::Known(entra) => of(&entra) == catalog,
            Identity::None | Identity::Unclear => false,
        };
        tables.policies.iter().filter(is_in).map(Lookup::title).collect()
    }

    /// The EntraTenants that say they reach this tenant.
    pub(crate) fn tenants_reaching(&self, tenant_id: &str) -> Vec<Lookup<EntraTenant>> {
        let tables = self.read();
        let reaching = tables.tenants.iter().filter(|tenant| match tenant {
            Lookup::Readable(tenant) => tenant.spec.tenant_id.eq_ignore_ascii_case(tenant_id),
            Lookup::Unreadable(_) => false,
        });
        reaching.cloned().collect()
    }

    /// The drift interval of the tenant that an object belongs to; none where that cannot be told.
    pub(crate) fn drift_interval(&self, key: &Key) -> Option<Duration> {
        let tables = self.read();
        let tenant = match key.kind {
            KindName::EntraTenant => Some(key.place.name.as_str()),
            KindName::Catalog => tables.tenant_of(&key.place.name),
            KindName::ConnectedOrganization => tables.organizations.get(&key.place)?.parent_name(),
            KindName::AccessPackage => tables.tenant_of(tables.packages.get(&key.place)?.parent_name()?),
            KindName::AssignmentPolicy => {
                let package = tables.policies.get(&key.place)?.parent_name()?;
                let package = Place::new(key.place.namespace.as_deref(), package);
                tables.tenant_of(tables.packages.get(&package)?.parent_name()?)
            }
        };
        let tenant = tables.tenants.get(&Place::new(None, tenant?))?.readable()?;
        Some(tenant.spec.drift_interval())
    }

    /// The objects of an EntraTenant: each Catalog with its packages and their policies, the connected organizations, and at the
    /// end what is in the tenant and has no Catalog any more.
    pub(crate) fn below_tenant(&self, name: &str) -> Vec<Vec<Key>> {
        let tables = self.read();
        let key = |kind, place| Key { kind, place };
        let mut groups = Vec::new();
        let mut known = BTreeSet::new();
        for catalog in tables.catalogs.of_parent(&Place::new(None, name)) {
            let mut group = vec![key(KindName::Catalog, catalog.place())];
            for package in tables.packages.of_parent(&catalog.place()) {
                group.push(key(KindName::AccessPackage, package.place()));
                let place = package.place();
                let policies = tables.policies.of_parent(&place);
                group.extend(policies.map(|policy| key(KindName::AssignmentPolicy, policy.place())));
            }
            known.extend(group.iter().cloned());
            groups.push(group);
        }
        let place = Place::new(None, name);
        let organizations = tables.organizations.of_parent(&place);
        let organizations: Vec<Key> = organizations
            .map(|organization| key(KindName::ConnectedOrganization, organization.place()))
            .collect();
        known.extend(organizations.iter().cloned());
        groups.push(organizations);
        let tenant = tables.tenants.get(&Place::new(None, name)).and_then(Lookup::readable);
        let tenant_id = tenant.map(|tenant| tenant.spec.tenant_id.to_lowercase());
        let here = tables
            .by_entra
            .iter()
            .filter(|(entra, _)| Some(&entra.1) == tenant_id.as_ref());
        let left: BTreeSet<Key> = here
            .flat_map(|(_, keys)| keys)
            .filter(|key| !known.contains(*key))
            .cloned()
            .collect();
        groups.push(left.into_iter().collect());
        groups
    }

    /// The objects that say in status to be something in this tenant, in their order.
    pub(crate) fn of_entra_tenant(&self, tenant_id: &str) -> BTreeSet<Key> {
        let tenant_id = tenant_id.to_lowercase();
        let tables = self.read();
        let here = tables.by_entra.iter().filter(|(entra, _)| entra.1 == tenant_id);
        here.flat_map(|(_, keys)| keys.iter().cloned()).collect()
    }
}

fn enter<K: Tracked>(holding: &mut Holding, object: &Lookup<K>) {
    if object.is_made() {
        holding.all += 1;
        if object.is_going() {
            holding.going.insert(object.uid().to_owned());
        }
    }
}

fn held_title<K: Tracked>(object: &Lookup<K>) -> Option<String> {
    is_held_back(object).then(|| object.title())
}

/// Whether the object is going and says that its deletion is held back.
fn is_held_back<K: Tracked>(object: &Lookup<K>) -> bool {
    let ready = object
        .readable()
        .and_then(|object| object.status())
        .and_then(ManagedStatus::ready);
    object.is_going()
        && ready.is_some_and(|ready| ready.status == "False" && ready.reason == Reason::DeletionHeld.name())
}

fn stands_outside<K: Tracked>(object: &Lookup<K>) -> bool {
    object.is_made()
        && object
            .readable()
            .is_some_and(|object| exceeds_its_grant(object.as_ref()))
}

/// Whether the object says that its namespace's grants do not allow what it is.
fn exceeds_its_grant<K: Tracked>(object: &K) -> bool {
    let reasons = [Reason::LimitExceeded, Reason::CatalogNotGranted].map(Reason::name);
    let types = [ConditionType::Ready, ConditionType::Synced].map(ConditionType::name);
    let conditions = object.status().map(ManagedStatus::conditions);
    conditions.into_iter().flatten().any(|condition| {
        condition.status == "False"
            && types.iter().any(|of| *of == condition.type_)
            && reasons.contains(&condition.reason)
    })
}

impl Tables {
    /// Name of the EntraTenant that a Catalog names.
    fn tenant_of(&self, catalog: &str) -> Option<&str> {
        self.catalogs.get(&Place::new(None, catalog))?.parent_name()
    }

    fn holders_of(&self, entra: &EntraKey) -> impl Iterator<Item = &Key> + use<'_> {
        self.by_entra.get(entra).into_iter().flatten()
    }

    fn apply<K: Tracked>(&mut self, news: News<K>) -> Aftermath {
        let mut aftermath = Aftermath::default();
        match news {
            News::Applied(object) => {
                let place = object.place();
                if !self.is_outdated(&place, &object) {
                    self.change(place, Some(object), &mut aftermath);
                }
            }
            News::Deleted(object) => {
                let place = object.place();
                self.let_go.remove(object.uid());
                // A late word about an object that has a successor of the same name already.
                let is_same = K::table(self)
                    .get(&place)
                    // Of one that is not known there is nothing to keep.
                    .is_none_or(|known| known.uid() == object.uid());
                if is_same {
                    self.change::<K>(place, None, &mut aftermath);
                }
            }
            News::Listed(objects) => {
                let mut there = BTreeMap::new();
                for object in objects {
                    there.insert(object.place(), object);
                }
                let gone = K::table(self).places().filter(|place| !there.contains_key(place));
                for place in gone.cloned().collect::<Vec<_>>() {
                    self.change::<K>(place, None, &mut aftermath);
                }
                self.let_go
                    .retain(|uid| there.values().any(|object| object.uid() == uid));
                for (place, object) in there {
                    if !self.is_outdated(&place, &object) {
                        self.change(place, Some(object), &mut aftermath);
                    }
                }
                self.listed.insert(K::KIND);
            }
        }
        aftermath
    }

    /// Whether more is known of the object than this tells: a newer form of it, or that it is gone.
    fn is_outdated<K: Tracked>(&self, place: &Place, object: &Lookup<K>) -> bool {
        let known = K::table(self).get(place);
        self.let_go.contains(object.uid()) || known.is_some_and(|known| known.is_newer_than(object))
    }

    /// One object goes from what is known of it to `after`.
    fn change<K: Tracked>(&mut self, place: Place, after: Option<Lookup<K>>, aftermath: &mut Aftermath) {
        let key = Key {
            kind: K::KIND,
            place: place.clone(),
        };
        let before = K::table(self).get(&place).cloned();
        if before.is_none() && after.is_none() {
            return;
        }
        if let (Some(before), Some(after)) = (&before, &after)
            && before.is_version_of(after)
        {
            return;
        }
        let is_same = before
            .as_ref()
            .zip(after.as_ref())
            .is_some_and(|(before, after)| before.uid() == after.uid());
        if let Some(before) = &before {
            let was_held = before.is_held();
            let is_held = is_same && after.as_ref().is_some_and(Lookup::is_held);
            if !is_same || (was_held && !is_held) {
                aftermath.departed.push(Departed {
                    key: key.clone(),
                    uid: before.uid().to_owned(),
                    identity: before.own_identity(),
                    is_begun: before.is_begun(),
                    catalog: self.catalog_of(&key, before.parent_name()),
                    is_gone: !is_same,
                    was_held,
                });
            }
            self.forget(&key, before);
        }
        match &after {
            Some(after) => {
                self.learn(&key, after);
                K::table_mut(self).insert(place.clone(), after.clone());
            }
            None => K::table_mut(self).remove(&place),
        }
        // Of two objects of one name that followed each other, the second is news as a whole.
        let before = before.filter(|_| is_same || after.is_none());
        self.wake(K::change(&place, before.as_ref(), after.as_ref()), &mut aftermath.wake);
    }

    /// Name of the Catalog of an object that names this parent.
    fn catalog_of(&self, key: &Key, parent: Option<&str>) -> Option<String> {
        match key.kind {
            KindName::EntraTenant | KindName::ConnectedOrganization => None,
            KindName::Catalog => Some(key.place.name.clone()),
            KindName::AccessPackage => parent.map(str::to_owned),
            KindName::AssignmentPolicy => {
                let package = Place::new(key.place.namespace.as_deref(), parent?);
                self.packages.get(&package)?.parent_name().map(str::to_owned)
            }
        }
    }

    fn forget<K: Tracked>(&mut self, key: &Key, object: &Lookup<K>) {
        if let Identity::Known(entra) = object.identity() {
            let entra = EntraKey::new(&entra.cloud, &entra.tenant_id, &entra.id);
            if let Some(keys) = self.by_entra.get_mut(&entra) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_entra.remove(&entra);
                }
            }
        }
        self.by_uid.remove(object.uid());
        for other in object.others() {
            if let Some(readers) = self.readers.get_mut(&other) {
                readers.remove(key);
                if readers.is_empty() {
                    self.readers.remove(&other);
                }
            }
        }
    }

    fn learn<K: Tracked>(&mut self, key: &Key, object: &Lookup<K>) {
        if let Identity::Known(entra) = object.identity() {
            let entra = EntraKey::new(&entra.cloud, &entra.tenant_id, &entra.id);
            self.by_entra.entry(entra).or_default().insert(key.clone());
        }
        if !object.uid().is_empty() {
            self.by_uid.insert(object.uid().to_owned(), key.clone());
        }
        for other in object.others() {
            self.readers.entry(other).or_default().insert(key.clone());
        }
    }

    fn apply_namespaces(&mut self, news: NamespaceNews) -> Aftermath {
        let mut aftermath = Aftermath::default();
        match news {
            NamespaceNews::Applied(name, labels) => self.change_labels(name, Some(labels), &mut aftermath),
            NamespaceNews::Deleted(name) => self.change_labels(name, None, &mut aftermath),
            NamespaceNews::Listed(all) => {
                let there: BTreeMap<String, Labels> = all.into_iter().collect();
                let gone = self.namespaces.keys().filter(|name| !there.contains_key(*name));
                for name in gone.cloned().collect::<Vec<_>>() {
                    self.change_labels(name, None, &mut aftermath);
                }
                for (name, labels) in there {
                    self.change_labels(name, Some(labels), &mut aftermath);
                }
                self.namespaces_are_listed = true;
            }
        }
        aftermath
    }

    fn change_labels(&mut self, name: String, after: Option<Labels>, aftermath: &mut Aftermath) {
        if self.namespaces.get(&name).map(Arc::as_ref) == after.as_ref() {
            return;
        }
        match after {
            Some(labels) => self.namespaces.insert(name.clone(), Arc::new(labels)),
            None => self.namespaces.remove(&name),
        };
        self.wake(wake::Change::Labels { namespace: &name }, &mut aftermath.wake);
    }
}

#[cfg(test)]
mod tests;
