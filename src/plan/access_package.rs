//! What to do about an access package.

mod incompatible;
mod remembered;

use std::{collections::BTreeSet, fmt};

use super::{
    Act, Base, Cause, Difference, Door, Found, Hold, Holders, IdentityAct, Judge, Member, Memory, Order, Plan, Problem,
    Rules, Set, Stake, Step,
    departure::{self, Removal},
    drift::Verdict,
    gone,
};
use crate::{
    api::Reason,
    graph::{
        AccessPackage, AccessPackagePatch, CatalogId, IncompatibleKind, NewAccessPackage, NewResourceRoleScope,
        ObjectId, OriginSystem, PolicyId, Read, ResourceRoleScope, ResourceRoleScopeId,
    },
};
pub use incompatible::{DesiredIncompatible, Named, moved, one_way, set as incompatible_set};
pub use remembered::{is_made_here, made_here, remembered, scope_told};

/// A package as the spec wants it, its roles resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredPackage {
    /// The catalog in Entra.
    pub catalog: CatalogId,
    /// Its name.
    pub display_name: String,
    /// Its description.
    pub description: String,
    /// Whether it is left out of lists.
    pub hidden: bool,
    /// The roles that it hands out.
    pub roles: Vec<DesiredRole>,
    /// Roles of the spec that could not be resolved: while there is one, nothing is removed.
    pub unresolved: Vec<Problem>,
    /// What it is incompatible with.
    pub incompatible: DesiredIncompatible,
    /// What the catalog offers, as pairs of the origin ids of role and scope: the spec can express these and no others.
    pub offered: BTreeSet<RoleKey>,
    /// Packages show their roles of SharePoint sites to us: one that is not shown is not there.
    pub site_roles_are_told: bool,
    /// What a process before this one has written may not show yet: a role that is not shown is not gone for that.
    pub reads_may_be_late: bool,
}

/// One role that a package hands out.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredRole {
    /// Name of the resource in the Catalog.
    pub resource: String,
    /// The role as the spec names it.
    pub role: String,
    /// What is sent to add it.
    pub role_scope: NewResourceRoleScope,
}

impl DesiredRole {
    fn name(&self) -> String {
        format!("{}/{}", self.resource, self.role)
    }

    /// What makes it the same as another.
    #[must_use]
    pub fn key(&self) -> RoleKey {
        RoleKey::new(&self.role_scope.role.origin_id, &self.role_scope.scope.origin_id)
    }

    /// The role scope of the package that is this role, where the package has it.
    #[must_use]
    pub fn find_in<'a>(&self, observed: &'a [ResourceRoleScope]) -> Option<&'a ResourceRoleScope> {
        observed.iter().find(|role_scope| RoleKey::of(role_scope) == self.key())
    }
}

/// What makes two role scopes the same: the origin ids of role and scope. Their own ids may be absent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleKey(String, String);

impl RoleKey {
    /// Of the origin ids of role and scope.
    #[must_use]
    pub fn new(role: &str, scope: &str) -> Self {
        Self(role.to_lowercase(), scope.trim_end_matches('/').to_lowercase())
    }

    /// Of a role that a package has.
    #[must_use]
    pub fn of(role_scope: &ResourceRoleScope) -> Self {
        Self::new(&role_scope.role.origin_id, &role_scope.scope.origin_id)
    }

    /// Of the name under which status remembers the role.
    fn of_memory(field: &str) -> Option<Self> {
        let (_, key) = field.strip_suffix(']')?.split_once('[')?;
        let (role, scope) = key.split_once(" in ")?;
        Some(Self::new(role, scope))
    }

    /// The origin id of the role, in lower case.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.0
    }

    /// The origin id of the resource, in lower case.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.1
    }

    fn text(&self) -> String {
        format!("{} in {}", self.0, self.1)
    }

    /// Whether it is a role of a site: no other resource goes by an address.
    fn is_of_site(&self) -> bool {
        self.1.starts_with("https://")
    }
}

/// What can be done with an access package.
#[derive(Clone, Debug, PartialEq)]
pub enum PackageAct {
    /// Which one it is.
    Identity(IdentityAct),
    /// Make it.
    Create(NewAccessPackage),
    /// Change fields of it.
    Update(AccessPackagePatch),
    /// Let it hand out a role.
    AddRole {
        /// `resource/role` as the spec names them.
        name: String,
        /// What is sent.
        role_scope: Box<NewResourceRoleScope>,
    },
    /// Stop it handing out a role.
    RemoveRole {
        /// The role as Entra names it.
        name: String,
        /// What is removed.
        id: ResourceRoleScopeId,
    },
    /// Keep those who have the other from requesting it.
    AddIncompatible {
        /// The other, as the spec names it.
        name: String,
        /// What it is.
        kind: IncompatibleKind,
        /// Its id.
        id: ObjectId,
    },
    /// Let those who have the other request it.
    RemoveIncompatible {
        /// The other, as Entra names it.
        name: String,
        /// What it is.
        kind: IncompatibleKind,
        /// Its id.
        id: ObjectId,
    },
    /// Shut a policy of it for new requests: nothing else of the policy changes.
    Close {
        /// The policy.
        id: PolicyId,
        /// Its name.
        name: String,
    },
    /// Take people's access away: asked for side by side, since each takes its time.
    RemoveAssignments(Vec<Removal>),
    /// Delete a policy of it, which goes with it.
    DeletePolicy {
        /// The policy.
        id: PolicyId,
        /// Its name.
        name: String,
    },
    /// Delete it.
    Delete {
        /// Its name.
        name: String,
    },
}

impl Act for PackageAct {
    fn identity(&self) -> Option<&IdentityAct> {
        match self {
            Self::Identity(act) => Some(act),
            Self::Create(_)
            | Self::Update(_)
            | Self::AddRole { .. }
            | Self::RemoveRole { .. }
            | Self::AddIncompatible { .. }
            | Self::RemoveIncompatible { .. }
            | Self::Close { .. }
            | Self::RemoveAssignments(_)
            | Self::DeletePolicy { .. }
            | Self::Delete { .. } => None,
        }
    }

    fn creates(&self) -> bool {
        matches!(self, Self::Create(_))
    }

    fn changes_fields(&self) -> bool {
        matches!(self, Self::Update(_))
    }

    fn done(&self) -> Reason {
        match self {
            Self::Identity(IdentityAct::TakeOver { .. }) => Reason::Adopted,
            Self::Identity(_) | Self::Create(_) => Reason::Created,
            Self::Update(_)
            | Self::AddRole { .. }
            | Self::RemoveRole { .. }
            | Self::AddIncompatible { .. }
            | Self::RemoveIncompatible { .. }
            | Self::Close { .. } => Reason::Updated,
            Self::RemoveAssignments(_) | Self::DeletePolicy { .. } | Self::Delete { .. } => Reason::Deleted,
        }
    }
}

impl From<IdentityAct> for PackageAct {
    fn from(act: IdentityAct) -> Self {
        Self::Identity(act)
    }
}

impl fmt::Display for PackageAct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(act) => act.fmt(formatter),
            Self::Create(new) => write!(formatter, "create access package {:?}", new.display_name),
            Self::Update(_) => formatter.write_str("change"),
            Self::AddRole { name, .. } => write!(formatter, "add role {name}"),
            Self::RemoveRole { name, .. } => write!(formatter, "remove role {name}"),
            Self::AddIncompatible { name, .. } => write!(formatter, "make it incompatible with {name}"),
            Self::RemoveIncompatible { name, .. } => write!(formatter, "make it compatible with {name} again"),
            Self::Close { id, name } => write!(formatter, "shut assignment policy {name:?} ({id}) for new requests"),
            Self::RemoveAssignments(removals) => formatter.write_str(&departure::words(removals)),
            Self::DeletePolicy { id, name } => write!(formatter, "delete assignment policy {name:?} ({id})"),
            Self::Delete { name } => write!(formatter, "delete access package {name:?}"),
        }
    }
}

/// The plan for one package.
#[must_use]
pub fn plan(desired: &DesiredPackage, observed: &Found<Box<AccessPackage>>, rules: &Rules<'_>) -> Plan<PackageAct> {
    match observed {
        Found::Unborn => create(desired, rules),
        Found::Gone { .. } if rules.drift.recreates() => create(desired, rules),
        Found::Gone { id } => gone(
            create(desired, rules),
            format!("access package {:?} ({id})", desired.display_name),
        ),
        // The visit has ended before: nothing is written to what is elsewhere.
        Found::Elsewhere { .. } => Plan::default(),
        Found::Present(package) => update(desired, package, rules),
    }
}

fn create(desired: &DesiredPackage, rules: &Rules<'_>) -> Plan<PackageAct> {
    if !desired.unresolved.is_empty() {
        // Half a package helps nobody: it is made when all that it hands out is known.
        return Plan::default();
    }
    let DesiredPackage {
        catalog,
        display_name,
        description,
        hidden,
        roles,
        unresolved: _,
        incompatible: _,
        offered: _,
        site_roles_are_told: _,
        reads_may_be_late: _,
    } = desired;
    let create = Step {
        memories: vec![
            Memory::keep("displayName", super::Canonical::canonical(display_name)),
            Memory::keep("description", super::Canonical::canonical(description)),
            Memory::keep("hidden", super::Canonical::canonical(hidden)),
            made_here(),
        ],
        ..Step::new(
            PackageAct::Create(NewAccessPackage {
                catalog: catalog.clone(),
                display_name: display_name.clone(),
                description: description.clone(),
                hidden: *hidden,
            }),
            Stake::door(Door::Widens),
        )
    };
    let mut plan = Plan::of(vec![create]);
    // What a former one had been given is no drift of the new one.
    let afresh = Rules {
        base: super::Base::none(),
        ..*rules
    };
    let roles = role_set(false).reconcile(
        &afresh,
        wanted(roles),
        Vec::<Member<&ResourceRoleScope>>::new(),
        |_, _| None,
        add,
        remove,
    );
    plan.extend(incompatible::around(
        incompatible::reconcile(desired, None, &afresh),
        roles,
    ));
    match rules.limit {
        // None of it is made where not all of it may be.
        Some(limit) => {
            plan.steps
                .extend(std::mem::take(&mut plan.held).into_iter().map(|(step, _)| step));
            plan.hold(|_| Some(Hold::Limit(limit.clone())))
        }
        None => plan,
    }
}

fn update(desired: &DesiredPackage, package: &AccessPackage, rules: &Rules<'_>) -> Plan<PackageAct> {
    let mut judge = Judge::new(*rules);
    let patch = merge(desired, package, &mut judge);
    let hold = || PackageAct::Update(AccessPackagePatch::default());
    let mut plan = judge.judgement().plan(PackageAct::Update(patch), hold);
    let fences = incompatible::reconcile(desired, Some(package), rules);
    let mut handed_out = Plan::default();
    // Roles that were not read are not none: nothing is decided about them.
    if let Read::Read(scopes) = &package.resource_role_scopes {
        let observed = scopes
            .elements
            .iter()
            .map(|scope| Member {
                key: RoleKey::of(scope).text(),
                name: format!("{} of {}", scope.role.display_name, scope.scope.origin_id),
                item: scope,
            })
            .collect();
        let blocked = !desired.unresolved.is_empty() || !scopes.unreadable.is_empty();
        let keep = |scope: &&ResourceRoleScope, cause: Cause| foreign(desired, scope, cause, rules);
        let roles = role_set(blocked).reconcile(rules, wanted(&desired.roles), observed, keep, add, remove);
        handed_out.extend(without_untold(desired, rules, roles));
        handed_out.extend(remembered::owed(desired, &scopes.elements, rules));
        plan.found
            .extend(remembered::scopes_found(desired, package, rules.base));
        let left = scopes
            .elements
            .iter()
            .filter(|scope| !rules.base.is_known() && !is_expressible(desired, scope));
        plan.found
            .extend(left.map(|scope| Memory::keep(left_alone(&RoleKey::of(scope)), "")));
    }
    plan.extend(incompatible::around(fences, handed_out));
    plan
}

/// A role of a site that was handed out by us, and that no package shows to us, is there: it is neither handed out again
/// nor forgotten.
fn without_untold(desired: &DesiredPackage, rules: &Rules<'_>, mut roles: Plan<PackageAct>) -> Plan<PackageAct> {
    // One that left the spec meanwhile stays ours to remove, until it is known to be gone.
    roles.found.retain(|memory| match memory {
        Memory::Forget { field } => !RoleKey::of_memory(field).is_some_and(|key| remembered::is_untold(desired, &key)),
        Memory::Keep { .. } | Memory::Note { .. } => true,
    });
    if desired.site_roles_are_told {
        return roles;
    }
    let set = role_set(false);
    let sites: BTreeSet<String> = desired
        .roles
        .iter()
        .filter(|role| role.role_scope.scope.origin_system == OriginSystem::SharePointOnline)
        .map(|role| set.memory(&role.key().text()))
        .filter(|memory| rules.base.holds(memory, ""))
        .collect();
    let is_there = |step: &Step<PackageAct>| {
        let adds = matches!(step.act, PackageAct::AddRole { .. });
        adds && step
            .memories
            .iter()
            .any(|memory| matches!(memory, Memory::Keep { field, .. } if sites.contains(field)))
    };
    roles.steps.retain(|step| !is_there(step));
    roles.held.retain(|(step, _)| !is_there(step));
    roles
}

/// The fields of a package, each declared once: what is sent of them.
pub fn merge(desired: &DesiredPackage, before: &AccessPackage, judge: &mut Judge<'_>) -> AccessPackagePatch {
    let DesiredPackage {
        catalog: _,
        display_name,
        description,
        hidden,
        roles: _,
        unresolved: _,
        incompatible: _,
        offered: _,
        site_roles_are_told: _,
        reads_may_be_late: _,
    } = desired;
    let description_before = before.description.clone().unwrap_or_default(); // a description that is null is empty
    AccessPackagePatch {
        display_name: judge.patch(
            "displayName",
            |_, _| Stake::NEUTRAL,
            display_name.clone(),
            &before.display_name,
        ),
        description: judge.patch(
            "description",
            |_, _| Stake::NEUTRAL,
            description.clone(),
            &description_before,
        ),
        // Somebody who hides a package closes it; showing it again is for a person.
        hidden: judge.patch(
            "hidden",
            |before, after| Stake::widening(*before && !*after),
            *hidden,
            &before.hidden,
        ),
    }
}

/// The roles of a package: whatever is handed out reaches everybody who holds it, and whatever is removed is taken away.
/// `blocked`: something of the spec does not resolve, so nothing is removed.
#[must_use]
pub fn role_set(blocked: bool) -> Set {
    Set {
        path: "resourceRoles",
        adding: Stake::door(Door::Widens).holders(Holders::HandsOut),
        removing: Stake::door(Door::Narrows).holders(Holders::Cuts),
        // Nobody loses a role in between that they are to keep.
        order: Order::AddFirst,
        blocked,
    }
}

fn wanted(roles: &[DesiredRole]) -> Vec<Member<&DesiredRole>> {
    roles
        .iter()
        .map(|role| Member {
            key: role.key().text(),
            name: role.name(),
            item: role,
        })
        .collect()
}

fn add(role: Member<&DesiredRole>) -> PackageAct {
    PackageAct::AddRole {
        name: role.name,
        role_scope: Box::new(role.item.role_scope.clone()),
    }
}

fn remove(role: Member<&ResourceRoleScope>) -> PackageAct {
    PackageAct::RemoveRole {
        name: role.name,
        id: role.item.id.clone(),
    }
}

fn is_expressible(desired: &DesiredPackage, scope: &ResourceRoleScope) -> bool {
    desired.offered.contains(&RoleKey::of(scope))
}

/// The name under which a role is remembered that was there when the package was taken over.
fn left_alone(key: &RoleKey) -> String {
    format!("roleLeftAlone[{}]", key.text())
}

/// A role that was there when the package was taken over and that the spec has no words for is not stripped.
fn foreign(desired: &DesiredPackage, scope: &ResourceRoleScope, cause: Cause, rules: &Rules<'_>) -> Option<Hold> {
    let was_there = match cause {
        Cause::Spec => !rules.base.is_known(),
        Cause::Drift => rules.base.holds(&left_alone(&RoleKey::of(scope)), ""),
    };
    (was_there && !is_expressible(desired, scope)).then(|| {
        Hold::UnmanagedSettings(vec![format!(
            "role {} of {} (resourceRoles)",
            scope.role.display_name, scope.scope.origin_id
        )])
    })
}

#[cfg(test)]
mod tests;
