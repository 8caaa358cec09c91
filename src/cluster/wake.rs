//! Which news wakes whom.
//!
//! | what changed | wakes | because |
//! |---|---|---|
//! | any object | itself | its spec, its annotations, its status are what a visit is about |
//! | EntraTenant | its Catalogs, their AccessPackages and AssignmentPolicies | they follow its mode, its interval, and whether it is connected |
//! | EntraTenant | what is in the tenant and has no Catalog any more | it needs the tenant to go |
//! | EntraTenant, as to whether Graph answers | nobody else | they meet it themselves, and are woken in turn when Graph is back |
//! | Catalog | its AccessPackages and AssignmentPolicies | ids, resources and grants stand in it |
//! | EntraTenant | its ConnectedOrganizations | as its Catalogs |
//! | ConnectedOrganization | AssignmentPolicies that name it | its id stands in it |
//! | AssignmentPolicy | ConnectedOrganizations that are going and that it names | one goes after the policies that name it |
//! | Catalog, ConnectedOrganization, AccessPackage, AssignmentPolicy | EntraTenants that are going | a tenant goes after what is in it |
//! | AccessPackage, AssignmentPolicy, whose deletion begins or ends to be held back | its EntraTenant | it tells what is |
//! | AccessPackage, AssignmentPolicy | its Catalog | a catalog goes after its packages, and tells what stands outside its grants |
//! | AccessPackage | its AssignmentPolicies | they wait for the package to be whole, and are judged by its roles |
//! | AccessPackage | the AccessPackages that are incompatible with it | they wait for its id, and tell whether it names them |
//! | AssignmentPolicy | its AccessPackage | policies must stay within the grant for the package's roles |
//! | Namespace | its AccessPackages and AssignmentPolicies | grants select namespaces by label |
//!
//! Others than the object itself are woken only where something changed that they read: each of the `Seen…` below is what
//! those who depend on a kind read of it, and names all of its fields, so that a new one has to be placed. What only tells
//! of the passing of time or of a visit is left out.
//!
//! **Nobody is woken on the word of somebody who may not know.** A namespace can name any Catalog; whether one of that name
//! exists would show in the count of its visits, and whether it changes in the count of theirs. So Catalogs and the objects
//! of a namespace wake each other only where the Catalog grants the namespace something (before the change or after it), or
//! where the object is in Entra already.

use std::collections::BTreeSet;

use kube::Resource as _;

use super::{EntraKey, Identity, Key, Labels, Lookup, Place, Tables, Tracked, exceeds_its_grant, is_held_back};
use crate::api;
use crate::{
    api::{
        AccessPackage, AccessPackageSpec, AccessPackageStatus, Applied, AssignmentPolicy, AssignmentPolicySpec,
        AssignmentPolicyStatus, Catalog, CatalogSpec, CatalogStatus, ConnectedOrganization,
        ConnectedOrganizationStatus, EntraObject, EntraTenant, EntraTenantSpec, EntraTenantStatus, Grant, Intent,
        KindName, ManagedStatus, OnWithdrawal, PinnedReference, Reason, ResourceRoleStatus, ResourceStatus,
        UnmanagedPolicy, WaySoFar,
    },
    plan::limits::{self, Namespace},
};

/// An object of the cluster that became another, began, or ended.
pub(crate) enum Change<'a> {
    EntraTenant {
        place: &'a Place,
        before: Option<&'a Lookup<EntraTenant>>,
        after: Option<&'a Lookup<EntraTenant>>,
    },
    Catalog {
        place: &'a Place,
        before: Option<&'a Lookup<Catalog>>,
        after: Option<&'a Lookup<Catalog>>,
    },
    ConnectedOrganization {
        place: &'a Place,
        before: Option<&'a Lookup<ConnectedOrganization>>,
        after: Option<&'a Lookup<ConnectedOrganization>>,
    },
    AccessPackage {
        place: &'a Place,
        before: Option<&'a Lookup<AccessPackage>>,
        after: Option<&'a Lookup<AccessPackage>>,
    },
    AssignmentPolicy {
        place: &'a Place,
        before: Option<&'a Lookup<AssignmentPolicy>>,
        after: Option<&'a Lookup<AssignmentPolicy>>,
    },
    /// The labels of a namespace, its appearance among them.
    Labels { namespace: &'a str },
}

/// What others see of an object.
#[derive(PartialEq)]
enum Seen<'a, T> {
    Absent,
    Unreadable { uid: &'a str, is_going: bool },
    Readable { uid: &'a str, is_going: bool, object: T },
}

fn seen<'a, K: Tracked, T>(lookup: Option<&'a Lookup<K>>, view: impl Fn(&'a K) -> T) -> Seen<'a, T> {
    match lookup {
        None => Seen::Absent,
        Some(object) => {
            let (uid, is_going) = (object.uid(), object.is_going());
            match object {
                Lookup::Unreadable(_) => Seen::Unreadable { uid, is_going },
                Lookup::Readable(object) => Seen::Readable {
                    uid,
                    is_going,
                    object: view(object),
                },
            }
        }
    }
}

/// Status, reason and words of a Ready condition, and the generation that it speaks of.
type Ready<'a> = Option<(&'a str, &'a str, &'a str, Option<i64>)>;

fn ready<S: ManagedStatus>(status: &S) -> Ready<'_> {
    let ready = status.ready()?;
    Some((&ready.status, &ready.reason, &ready.message, ready.observed_generation))
}

/// What everything that is in a tenant reads of its EntraTenant.
#[derive(PartialEq)]
struct SeenTenant<'a> {
    spec: &'a EntraTenantSpec,
    ready: Ready<'a>,
}

fn seen_tenant(tenant: &EntraTenant) -> SeenTenant<'_> {
    let EntraTenant {
        metadata: _, // uid and going are compared for every kind
        spec,
        status,
    } = tenant;
    let ready = status.as_ref().and_then(|status| {
        let EntraTenantStatus {
            standing: _,    // of it, Ready
            permissions: _, // what they come to is in Ready
            deletions: _,   // asked of the API server, by those who delete
        } = status;
        ready(status)
    });
    SeenTenant { spec, ready }
}

/// Whether nothing changed but that Graph answers, or no longer does. Those below meet that by themselves, and who waits for its
/// end is woken in turn: ten thousand that come at once would be the next outage.
fn is_weather(before: &Seen<'_, SeenTenant<'_>>, after: &Seen<'_, SeenTenant<'_>>) -> bool {
    let (
        Seen::Readable {
            uid: old,
            is_going: false,
            object: before,
        },
        Seen::Readable {
            uid: new,
            is_going: false,
            object: after,
        },
    ) = (before, after)
    else {
        return false;
    };
    let is_away = |tenant: &SeenTenant<'_>| {
        let reason = tenant.ready.map(|(_, reason, _, _)| reason);
        reason == Some(Reason::Unreachable.name().as_str())
    };
    let is_ready = |tenant: &SeenTenant<'_>| tenant.ready.is_some_and(|(status, ..)| status == "True");
    old == new
        && before.spec == after.spec
        && ((is_ready(before) && is_away(after)) || (is_away(before) && is_ready(after)))
}

/// What packages and policies read of their Catalog.
#[derive(PartialEq)]
struct SeenCatalog<'a> {
    spec: &'a CatalogSpec,
    entra: Option<&'a EntraObject>,
    resources: Option<&'a [ResourceStatus]>,
    /// Whom its grants name.
    resolved: Option<&'a [PinnedReference]>,
    /// Status and reason of Ready: its words may change with every visit.
    ready: Option<(&'a str, &'a str)>,
    /// What a person has agreed to.
    acknowledged: Option<&'a str>,
    /// Which spec that is said of, where a policy may be closed for want of a grant: not before all that it names is known.
    settled: Option<i64>,
}

fn seen_catalog(catalog: &Catalog) -> SeenCatalog<'_> {
    let Catalog { metadata, spec, status } = catalog;
    let annotations = metadata.annotations.as_ref();
    let mut seen = SeenCatalog {
        acknowledged: annotations
            .and_then(|all| all.get(api::ACKNOWLEDGE))
            .map(String::as_str),
        spec,
        entra: None,
        resources: None,
        resolved: None,
        ready: None,
        settled: None,
    };
    if let Some(status) = status {
        let CatalogStatus {
            standing: _, // of it, Ready
            identity:
                api::Identity {
                    entra,
                    intent: _,  // its own affair
                    applied: _, // likewise
                },
            resources,
            resolved,
            effective: _, // what the spec says, in words
        } = status;
        seen.entra = entra.as_ref();
        seen.resources = Some(resources);
        seen.resolved = Some(resolved);
        seen.ready = ready(status).map(|(status, reason, _, _)| (status, reason));
        let closes = |grant: &Grant| grant.on_withdrawal == OnWithdrawal::CloseRequests;
        let generation = ready(status).and_then(|(_, _, _, generation)| generation);
        seen.settled = generation.filter(|_| spec.grants.iter().any(closes));
    }
    seen
}

/// What policies that name it, and a going tenant, read of a connected organization.
#[derive(PartialEq)]
struct SeenOrganization<'a> {
    tenant: &'a str,
    entra: Option<&'a EntraObject>,
}

fn seen_organization(organization: &ConnectedOrganization) -> SeenOrganization<'_> {
    let ConnectedOrganization {
        metadata: _,
        spec,
        status,
    } = organization;
    let entra = status.as_ref().and_then(|status| {
        let ConnectedOrganizationStatus {
            standing: _, // its own affair
            identity:
                api::Identity {
                    entra,
                    intent: _,
                    applied: _,
                },
            resolved: _, // likewise
        } = status;
        entra.as_ref()
    });
    SeenOrganization {
        // Of its spec nothing else counts for others.
        tenant: &spec.tenant_ref.name,
        entra,
    }
}

/// What its policies, its Catalog and a going tenant read of a package.
#[derive(PartialEq)]
struct SeenPackage<'a> {
    generation: Option<i64>,
    spec: &'a AccessPackageSpec,
    entra: Option<&'a EntraObject>,
    intent: Option<&'a Intent>,
    applied: Option<&'a Applied>,
    roles: Option<&'a [ResourceRoleStatus]>,
    unmanaged: Option<&'a [UnmanagedPolicy]>,
    ready: Option<(&'a str, &'a str, Option<i64>)>,
    exceeds: bool,
}

fn seen_package(package: &AccessPackage) -> SeenPackage<'_> {
    let AccessPackage { metadata, spec, status } = package;
    let mut seen = SeenPackage {
        generation: metadata.generation,
        spec,
        entra: None,
        intent: None,
        applied: None,
        roles: None,
        unmanaged: None,
        ready: None,
        exceeds: exceeds_its_grant(package),
    };
    if let Some(status) = status {
        let AccessPackageStatus {
            standing: _, // of it, Ready with its own generation, and whether it exceeds its grant
            identity: api::Identity { entra, intent, applied },
            url: _,
            resource_roles,
            incompatible_with: _, // what lacks is in Ready
            resolved: _,          // ids for its own visits
            unmanaged_policies,
            weakest_way_in: _, // it is told, and decides nothing
        } = status;
        seen.entra = entra.as_ref();
        seen.intent = intent.as_ref();
        seen.applied = applied.as_ref();
        seen.roles = Some(resource_roles);
        seen.unmanaged = Some(unmanaged_policies);
        seen.ready = ready(status).map(|(status, reason, _, generation)| (status, reason, generation));
    }
    seen
}

/// What its package, the Catalog and a going tenant read of a policy.
#[derive(PartialEq)]
struct SeenPolicy<'a> {
    spec: &'a AssignmentPolicySpec,
    entra: Option<&'a EntraObject>,
    intent: Option<&'a Intent>,
    applied: Option<&'a Applied>,
    resolved: Option<&'a [PinnedReference]>,
    package: Option<&'a str>,
    ways_so_far: Option<&'a [WaySoFar]>,
    ready: Option<(&'a str, &'a str)>,
    exceeds: bool,
}

fn seen_policy(policy: &AssignmentPolicy) -> SeenPolicy<'_> {
    let AssignmentPolicy {
        metadata: _,
        spec,
        status,
    } = policy;
    let mut seen = SeenPolicy {
        spec,
        entra: None,
        intent: None,
        applied: None,
        resolved: None,
        package: None,
        ways_so_far: None,
        ready: None,
        exceeds: exceeds_its_grant(policy),
    };
    if let Some(status) = status {
        let AssignmentPolicyStatus {
            standing: _, // of it, Ready, and whether it exceeds its grant
            identity: api::Identity { entra, intent, applied },
            access_package_id,
            questions: _, // ids for its own visits
            ways_so_far,
            resolved,
        } = status;
        seen.entra = entra.as_ref();
        seen.intent = intent.as_ref();
        seen.applied = applied.as_ref();
        seen.resolved = Some(resolved);
        seen.package = access_package_id.as_deref();
        seen.ways_so_far = ways_so_far.as_deref();
        seen.ready = ready(status).map(|(status, reason, _, _)| (status, reason));
    }
    seen
}

fn key(kind: KindName, place: &Place) -> Key {
    Key {
        kind,
        place: place.clone(),
    }
}

impl Tables {
    /// Who has to look after `change`, which the tables have taken already.
    pub(super) fn wake(&self, change: Change<'_>, wake: &mut BTreeSet<Key>) {
        match change {
            Change::EntraTenant { place, before, after } => {
                wake_self(place, after, wake);
                let (seen_before, seen_after) = (seen(before, seen_tenant), seen(after, seen_tenant));
                if seen_before == seen_after || is_weather(&seen_before, &seen_after) {
                    return;
                }
                for catalog in self.catalogs.of_parent(place) {
                    wake.insert(key(KindName::Catalog, &catalog.place()));
                    // They follow the tenant's mode and its drift interval, which their catalog need not show.
                    self.wake_below(&catalog.place(), &[Some(catalog)], wake);
                }
                for organization in self.organizations.of_parent(place) {
                    wake.insert(key(KindName::ConnectedOrganization, &organization.place()));
                }
                for tenant in [before, after].into_iter().flatten().filter_map(Lookup::readable) {
                    self.wake_orphans(&tenant.spec.tenant_id, wake);
                }
            }
            Change::Catalog { place, before, after } => {
                wake_self(place, after, wake);
                if seen(before, seen_catalog) == seen(after, seen_catalog) {
                    return;
                }
                self.wake_below(place, &[before, after], wake);
                self.wake_tenants(before, after, wake);
            }
            Change::ConnectedOrganization { place, before, after } => {
                wake_self(place, after, wake);
                if seen(before, seen_organization) == seen(after, seen_organization) {
                    return;
                }
                self.wake_partners(&place.name, wake);
                self.wake_tenants(before, after, wake);
            }
            Change::AccessPackage { place, before, after } => {
                wake_self(place, after, wake);
                if seen(before, seen_package) == seen(after, seen_package) {
                    return;
                }
                for policy in self.policies.of_parent(place) {
                    wake.insert(key(KindName::AssignmentPolicy, &policy.place()));
                }
                // Of one that is not in Entra another namespace is told nothing.
                let is_made = [before, after].into_iter().flatten().any(Lookup::is_made);
                let readers = self
                    .readers
                    .get(&key(KindName::AccessPackage, place))
                    .into_iter()
                    .flatten();
                wake.extend(
                    readers
                        .filter(|reader| is_made || reader.place.namespace == place.namespace)
                        .cloned(),
                );
                self.wake_catalogs(before, after, wake);
                self.wake_tenants(before, after, wake);
            }
            Change::AssignmentPolicy { place, before, after } => {
                wake_self(place, after, wake);
                if seen(before, seen_policy) == seen(after, seen_policy) {
                    return;
                }
                self.wake_going_organizations(before, after, wake);
                for package in self.packages_of([before, after].into_iter().flatten()) {
                    wake.insert(key(KindName::AccessPackage, &package.place()));
                    self.wake_catalogs(Some(package), None, wake);
                }
                self.wake_tenants(before, after, wake);
            }
            Change::Labels { namespace } => {
                for package in self.packages.of_namespace(namespace) {
                    wake.insert(key(KindName::AccessPackage, &package.place()));
                    self.wake_catalogs(Some(package), None, wake);
                }
                for policy in self.policies.of_namespace(namespace) {
                    wake.insert(key(KindName::AssignmentPolicy, &policy.place()));
                }
            }
        }
    }

    /// Wakes what is in a tenant and whose Catalog is gone: it goes by any EntraTenant that reaches the tenant.
    fn wake_orphans(&self, tenant_id: &str, wake: &mut BTreeSet<Key>) {
        let tenant_id = tenant_id.to_lowercase();
        let here = self.by_entra.iter().filter(|(entra, _)| entra.1 == tenant_id);
        for key in here.flat_map(|(_, keys)| keys) {
            let identity = match key.kind {
                KindName::EntraTenant | KindName::Catalog | KindName::ConnectedOrganization => None,
                KindName::AccessPackage => self.packages.get(&key.place).map(Lookup::identity),
                KindName::AssignmentPolicy => self.policies.get(&key.place).map(Lookup::identity),
            };
            if let Some(Identity::Known(entra)) = identity {
                let catalog = EntraKey::new(&entra.cloud, &entra.tenant_id, &entra.catalog_id);
                if self.holders_of(&catalog).all(|key| key.kind != KindName::Catalog) {
                    wake.insert(key.clone());
                }
            }
        }
    }

    /// Wakes the policies that name a connected organization, as far as they may know of it: by a grant of their Catalog, or by
    /// being in Entra.
    fn wake_partners(&self, organization: &str, wake: &mut BTreeSet<Key>) {
        let organization = key(KindName::ConnectedOrganization, &Place::new(None, organization));
        let readers = self.readers.get(&organization).into_iter().flatten();
        for policy in readers.filter_map(|reader| self.policies.get(&reader.place)) {
            let packages = self.packages_of(std::iter::once(policy));
            let mut catalogs = packages.iter().filter_map(|package| {
                let catalog = Place::new(None, package.parent_name()?);
                self.catalogs.get(&catalog)
            });
            let place = policy.place();
            if policy.is_made() || catalogs.any(|catalog| self.grants(catalog, &place)) {
                wake.insert(key(KindName::AssignmentPolicy, &place));
            }
        }
    }

    /// A connected organization cares for the policies that name it only when it is about to go.
    fn wake_going_organizations(
        &self,
        before: Option<&Lookup<AssignmentPolicy>>,
        after: Option<&Lookup<AssignmentPolicy>>,
        wake: &mut BTreeSet<Key>,
    ) {
        let ids = |policy: &AssignmentPolicy| -> Vec<String> {
            let pins = policy.status.iter().flat_map(|status| &status.resolved);
            let ids = policy.spec.organization_ids().map(str::to_lowercase);
            ids.chain(pins.map(|pin| pin.id.to_lowercase())).collect()
        };
        for organization in self.organizations.iter().filter(|organization| organization.is_going()) {
            let place = organization.place();
            let entra = match organization.identity() {
                Identity::Known(entra) => Some(entra.id.to_lowercase()),
                Identity::None | Identity::Unclear => None,
            };
            let policies = [before, after].into_iter().flatten();
            let concerns = |policy: &Lookup<AssignmentPolicy>| match policy.readable() {
                Some(policy) => {
                    policy.spec.organizations().any(|name| name == place.name)
                        || entra.as_ref().is_some_and(|id| ids(policy).contains(id))
                }
                // One that cannot be read may name any.
                None => true,
            };
            if policies.into_iter().any(concerns) {
                wake.insert(key(KindName::ConnectedOrganization, &place));
            }
        }
    }

    /// Wakes the packages of a Catalog and their policies, as far as they know of it: by a grant in any of `forms`, or by
    /// being in Entra.
    fn wake_below(&self, catalog: &Place, forms: &[Option<&Lookup<Catalog>>], wake: &mut BTreeSet<Key>) {
        for package in self.packages.of_parent(catalog) {
            let place = package.place();
            let policies: Vec<&Lookup<AssignmentPolicy>> = self.policies.of_parent(&place).collect();
            let knows = package.is_made()
                || policies.iter().any(|policy| policy.is_made())
                || forms.iter().flatten().any(|catalog| self.grants(catalog, &place));
            if knows {
                wake.insert(key(KindName::AccessPackage, &place));
                let policies = policies
                    .iter()
                    .map(|policy| key(KindName::AssignmentPolicy, &policy.place()));
                wake.extend(policies);
            }
        }
    }

    /// Wakes the Catalogs that a package names, where they grant its namespace something, and those that it is in.
    fn wake_catalogs(
        &self,
        before: Option<&Lookup<AccessPackage>>,
        after: Option<&Lookup<AccessPackage>>,
        wake: &mut BTreeSet<Key>,
    ) {
        for package in [before, after].into_iter().flatten() {
            let place = package.place();
            match package.parent_name() {
                Some(name) => {
                    let catalog = Place::new(None, name);
                    let known = self.catalogs.get(&catalog);
                    if known.is_some_and(|catalog| package.is_made() || self.grants(catalog, &place)) {
                        wake.insert(key(KindName::Catalog, &catalog));
                    }
                }
                // It may be of any; those that wait for their packages have to look.
                None => wake.extend(
                    self.catalogs
                        .iter()
                        .filter(|catalog| catalog.is_going())
                        .map(|catalog| key(KindName::Catalog, &catalog.place())),
                ),
            }
            if let Identity::Known(entra) = package.identity() {
                let catalog = EntraKey::new(&entra.cloud, &entra.tenant_id, &entra.catalog_id);
                let holders = self.holders_of(&catalog);
                wake.extend(holders.filter(|key| key.kind == KindName::Catalog).cloned());
            }
        }
    }

    /// Whether the Catalog may be known to the namespace of `place`: it grants it something, or nobody can tell.
    fn grants(&self, catalog: &Lookup<Catalog>, place: &Place) -> bool {
        let Some(name) = place.namespace.as_deref() else {
            return false;
        };
        let labels: Option<&Labels> = self.namespaces.get(name).map(AsRef::as_ref);
        match catalog {
            Lookup::Readable(catalog) => !limits::grants_for(&catalog.spec, Namespace { name, labels }).is_empty(),
            // What cannot be read grants nothing; who knew of it is woken by the form before.
            Lookup::Unreadable(_) => false,
        }
    }

    /// The packages that policies belong to.
    fn packages_of<'a>(
        &'a self,
        policies: impl Iterator<Item = &'a Lookup<AssignmentPolicy>>,
    ) -> Vec<&'a Lookup<AccessPackage>> {
        let mut found = Vec::new();
        for policy in policies {
            let namespace = policy.place().namespace;
            match policy.parent_name() {
                Some(name) => found.extend(self.packages.get(&Place::new(namespace.as_deref(), name))),
                // It may be of any of its namespace.
                None => found.extend(
                    self.packages
                        .iter()
                        .filter(|package| package.meta().namespace == namespace),
                ),
            }
        }
        found
    }

    /// A tenant cares for what is in it only when it is about to go, and for the deletions that are held back.
    fn wake_tenants<K: Tracked>(
        &self,
        before: Option<&Lookup<K>>,
        after: Option<&Lookup<K>>,
        wake: &mut BTreeSet<Key>,
    ) {
        let is_in = |tenant: &Lookup<EntraTenant>, object: &Lookup<K>| match object.identity() {
            Identity::Known(entra) => tenant
                .readable()
                // One that cannot be read may be of any tenant: it is woken once too often.
                .is_none_or(|tenant| tenant.spec.tenant_id.eq_ignore_ascii_case(&entra.tenant_id)),
            // It may be in any.
            Identity::Unclear => true,
            Identity::None => false,
        };
        let is_told = before.is_some_and(is_held_back) != after.is_some_and(is_held_back);
        for tenant in self.tenants.iter().filter(|tenant| tenant.is_going() || is_told) {
            let place = tenant.place();
            let names = |object: &&Lookup<K>| {
                let is_of_tenant = matches!(K::KIND, KindName::Catalog | KindName::ConnectedOrganization);
                // As above: one that cannot be read may name any.
                is_of_tenant && object.parent_name().is_none_or(|name| name == place.name)
            };
            let concerns = |object: &&Lookup<K>| is_in(tenant, object) || names(object);
            if [before, after].into_iter().flatten().any(|object| concerns(&object)) {
                wake.insert(key(KindName::EntraTenant, &place));
            }
        }
    }
}

/// What is gone has nobody to look.
fn wake_self<K: Tracked>(place: &Place, after: Option<&Lookup<K>>, wake: &mut BTreeSet<Key>) {
    if after.is_some() {
        wake.insert(key(K::KIND, place));
    }
}
