//! What the tables need to know of a kind.

use std::fmt;

use kube::{Resource, core::object::HasStatus};
use serde::de::DeserializeOwned;

use super::{Key, Lookup, Place, Table, Tables, wake::Change};
use crate::api::{
    AccessPackage, AssignmentPolicy, Catalog, ConnectedOrganization, DEFAULT_TENANT, EntraObject, EntraTenant,
    IncompatiblePackage, KindName, ManagedStatus,
};

/// Where an object says what it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent {
    /// JSON pointer to the name.
    pub(super) pointer: &'static str,
    /// What is meant where nothing stands there.
    pub(super) default: Option<&'static str>,
    /// Whether the parent stands in the object's own namespace.
    pub(super) is_namespaced: bool,
}

/// A kind that the cluster's tables hold.
pub(crate) trait Tracked:
    Resource<DynamicType = ()>
    + HasStatus<Status: ManagedStatus>
    + Clone
    + fmt::Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Its place in the list of kinds.
    const KIND: KindName;
    /// What it belongs to.
    const PARENT: Option<Parent>;

    /// Name of what it belongs to.
    fn parent_name(&self) -> Option<&str>;
    /// Whom it reads beside what it belongs to.
    fn others(&self) -> Vec<Key>;
    /// What status says that it is in Entra.
    fn entra(&self) -> Option<&EntraObject>;
    /// Whether a create was begun whose outcome is not known.
    fn is_begun(&self) -> bool;

    /// Its table.
    fn table(tables: &Tables) -> &Table<Self>;
    /// Its table.
    fn table_mut(tables: &mut Tables) -> &mut Table<Self>;
    /// A change of one of its objects.
    fn change<'a>(place: &'a Place, before: Option<&'a Lookup<Self>>, after: Option<&'a Lookup<Self>>) -> Change<'a>;
}

macro_rules! tracked {
    ($kind:ident, $table:ident, parent: $parent:expr, name: $name:expr, others: $others:expr, entra: $entra:expr, begun: $begun:expr) => {
        impl Tracked for $kind {
            const KIND: KindName = KindName::$kind;
            const PARENT: Option<Parent> = $parent;

            fn parent_name(&self) -> Option<&str> {
                let name: fn(&Self) -> Option<&str> = $name;
                name(self)
            }

            fn others(&self) -> Vec<Key> {
                let others: fn(&Self) -> Vec<Key> = $others;
                others(self)
            }

            fn entra(&self) -> Option<&EntraObject> {
                let entra: fn(&<Self as HasStatus>::Status) -> Option<&EntraObject> = $entra;
                self.status.as_ref().and_then(entra)
            }

            fn is_begun(&self) -> bool {
                let begun: fn(&<Self as HasStatus>::Status) -> bool = $begun;
                self.status.as_ref().is_some_and(begun)
            }

            fn table(tables: &Tables) -> &Table<Self> {
                &tables.$table
            }

            fn table_mut(tables: &mut Tables) -> &mut Table<Self> {
                &mut tables.$table
            }

            fn change<'a>(
                place: &'a Place,
                before: Option<&'a Lookup<Self>>,
                after: Option<&'a Lookup<Self>>,
            ) -> Change<'a> {
                Change::$kind { place, before, after }
            }
        }
    };
}

tracked!(EntraTenant, tenants,
    parent: None,
    name: |_| None,
    others: |_| Vec::new(),
    entra: |_| None,
    begun: |_| false);
tracked!(Catalog, catalogs,
    parent: Some(Parent { pointer: "/spec/tenantRef/name", default: Some(DEFAULT_TENANT), is_namespaced: false }),
    name: |catalog| Some(&catalog.spec.tenant_ref.name),
    others: |_| Vec::new(),
    entra: |status| status.identity.entra.as_ref(),
    begun: |status| status.identity.intent.is_some());
tracked!(ConnectedOrganization, organizations,
    parent: Some(Parent { pointer: "/spec/tenantRef/name", default: Some(DEFAULT_TENANT), is_namespaced: false }),
    name: |organization| Some(&organization.spec.tenant_ref.name),
    others: |_| Vec::new(),
    entra: |status| status.identity.entra.as_ref(),
    begun: |status| status.identity.intent.is_some());
tracked!(AccessPackage, packages,
    parent: Some(Parent { pointer: "/spec/catalogRef/name", default: None, is_namespaced: false }),
    name: |package| Some(&package.spec.catalog_ref.name),
    others: incompatible,
    entra: |status| status.identity.entra.as_ref(),
    begun: |status| status.identity.intent.is_some());
tracked!(AssignmentPolicy, policies,
    parent: Some(Parent { pointer: "/spec/accessPackageRef/name", default: None, is_namespaced: true }),
    name: |policy| Some(&policy.spec.access_package_ref.name),
    others: organizations,
    entra: |status| status.identity.entra.as_ref(),
    begun: |status| status.identity.intent.is_some());

/// The packages that a package is incompatible with, by name.
fn incompatible(package: &AccessPackage) -> Vec<Key> {
    let own = package.metadata.namespace.as_deref();
    let named = package
        .spec
        .incompatible_with
        .iter()
        .flat_map(|with| &with.access_packages);
    let key = |other: &IncompatiblePackage| {
        Some(Key {
            kind: KindName::AccessPackage,
            place: Place::new(other.namespace.as_deref().or(own), other.name.as_deref()?),
        })
    };
    named.filter_map(key).collect()
}

/// The connected organizations whose people a policy lets in, by name.
fn organizations(policy: &AssignmentPolicy) -> Vec<Key> {
    let named = policy.spec.organizations();
    let key = |name| Key {
        kind: KindName::ConnectedOrganization,
        place: Place::new(None, name),
    };
    named.map(key).collect()
}
