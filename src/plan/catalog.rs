//! What to do about a catalog and the resources in it.

mod attributes;
mod roles;

use std::fmt;

use super::{
    Act, Canonical, Door, Found, Hold, IdentityAct, Judge, Memory, Plan, Problem, Rules, Stake, Step, gone,
    resources::missing, sites::same_origin,
};
use crate::{
    api::{Reason, ResourceStatus},
    graph::{
        AccessPackage, Catalog, CatalogFields, CatalogPatch, CatalogState, Listed, NewResource, Read, Resource,
        ResourceAttribute, ResourceId, RoleAssignment,
    },
};

pub use attributes::{merge as merge_attributes, told as told_attributes};
pub use roles::{DesiredAssignment, DesiredRoles, NamedAssignment, matter, named, role_set};

/// A catalog as the spec wants it, its resources resolved. `None`: left as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredCatalog {
    /// Its name.
    pub display_name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Whether its packages can be requested.
    pub state: Option<CatalogState>,
    /// Whether people outside the directory may request its packages.
    pub externally_visible: Option<bool>,
    /// The resources that it should hold.
    pub resources: Vec<DesiredResource>,
    /// Resources of the spec that could not be resolved: while there is one, nothing is removed.
    pub unresolved: Vec<Problem>,
    /// Who is to have which role on it.
    pub roles: DesiredRoles,
}

/// One resource that the catalog should hold.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredResource {
    /// Its name in the spec.
    pub name: String,
    /// What is sent to add it.
    pub resource: NewResource,
    /// The directory has shown it.
    pub is_seen: bool,
    /// What requestors are to be asked for its sake.
    pub attributes: Vec<ResourceAttribute>,
}

/// A catalog with everything in it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenCatalog {
    /// The catalog.
    pub catalog: Catalog,
    /// The resources that could be read.
    pub resources: Vec<Resource>,
    /// Something in it exists and could not be read: nothing is removed while that is so.
    pub unreadable: bool,
    /// Who has which role on it; read where that matters.
    pub roles: Read<Vec<RoleAssignment>>,
    /// The packages in it; read where a resource is to be taken out of it, or it is to go.
    pub packages: Read<Listed<AccessPackage>>,
}

/// A resource to be brought in.
#[derive(Clone, Debug, PartialEq)]
pub struct Addition {
    /// Its name in the spec.
    pub name: String,
    /// What is sent.
    pub resource: NewResource,
    /// The directory has shown it, so that it is no slip of the pen.
    pub is_seen: bool,
}

impl fmt::Display for Addition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            resource,
            is_seen: _,
        } = self;
        write!(
            formatter,
            "add resource {name} ({} {})",
            resource.origin_system, resource.origin_id
        )
    }
}

/// What can be done with a catalog.
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogAct {
    /// Which one it is.
    Identity(IdentityAct),
    /// Make it.
    Create(CatalogFields),
    /// Change fields of it.
    Update(CatalogPatch),
    /// Bring resources into it: asked for side by side, since each takes its time.
    AddResources(Vec<Addition>),
    /// Take a resource that we brought in out again.
    RemoveResource {
        /// The name it had in the spec.
        name: String,
        /// Its id in the catalog.
        id: ResourceId,
    },
    /// Have requestors asked for the sake of a resource.
    UpdateAttributes {
        /// The name of the resource in the spec.
        name: String,
        /// What it stands for: it may be brought in by the same plan, and has no id before.
        origin_id: String,
        /// All that is asked.
        attributes: Vec<ResourceAttribute>,
    },
    /// Give somebody a role on it.
    AssignRole(DesiredAssignment),
    /// Take somebody's role on it away.
    RemoveRole(RoleAssignment),
    /// Delete it.
    Delete,
}

impl Act for CatalogAct {
    fn identity(&self) -> Option<&IdentityAct> {
        match self {
            Self::Identity(act) => Some(act),
            Self::Create(_)
            | Self::Update(_)
            | Self::AddResources(_)
            | Self::RemoveResource { .. }
            | Self::UpdateAttributes { .. }
            | Self::AssignRole(_)
            | Self::RemoveRole(_)
            | Self::Delete => None,
        }
    }

    fn creates(&self) -> bool {
        matches!(self, Self::Create(_))
    }

    fn changes_fields(&self) -> bool {
        matches!(self, Self::Update(_) | Self::UpdateAttributes { .. })
    }

    fn done(&self) -> Reason {
        match self {
            Self::Identity(IdentityAct::TakeOver { .. }) => Reason::Adopted,
            Self::Identity(_) | Self::Create(_) => Reason::Created,
            Self::Update(_)
            | Self::AddResources(_)
            | Self::RemoveResource { .. }
            | Self::UpdateAttributes { .. }
            | Self::AssignRole(_)
            | Self::RemoveRole(_) => Reason::Updated,
            Self::Delete => Reason::Deleted,
        }
    }
}

impl From<IdentityAct> for CatalogAct {
    fn from(act: IdentityAct) -> Self {
        Self::Identity(act)
    }
}

impl fmt::Display for CatalogAct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(act) => act.fmt(formatter),
            Self::Create(fields) => write!(formatter, "create catalog {:?}", fields.display_name),
            Self::Update(_) => formatter.write_str("change"),
            Self::AddResources(additions) => {
                let words: Vec<String> = additions.iter().map(ToString::to_string).collect();
                formatter.write_str(&words.join("; "))
            }
            Self::RemoveResource { name, .. } => write!(formatter, "remove resource {name}"),
            Self::UpdateAttributes { .. } => formatter.write_str("change"),
            Self::AssignRole(DesiredAssignment { name, role, principal }) => {
                write!(formatter, "give {principal} the role {} ({name})", roles::words(role))
            }
            Self::RemoveRole(assignment) => write!(
                formatter,
                "take the role {} from {}",
                roles::words(&assignment.role),
                assignment.principal
            ),
            Self::Delete => formatter.write_str("delete catalog"),
        }
    }
}

/// The plan for one catalog; `known` are the resources that status remembers.
#[must_use]
pub fn plan(
    desired: &DesiredCatalog,
    observed: &Found<SeenCatalog>,
    known: &[ResourceStatus],
    rules: &Rules<'_>,
) -> Plan<CatalogAct> {
    match observed {
        Found::Unborn => create(desired),
        // One that was taken over by id may have no name of ours to be made anew with.
        Found::Gone { .. } if rules.drift.recreates() && desired.display_name.is_some() => create(desired),
        Found::Gone { id } => {
            let name = desired.display_name.as_deref().unwrap_or_default(); // taken over by id, it may have none of ours
            gone(create(desired), format!("catalog {name:?} ({id})"))
        }
        // A catalog has no other place to be.
        Found::Elsewhere { .. } => Plan::default(),
        Found::Present(seen) => {
            let mut plan = update(desired, &seen.catalog, rules);
            plan.extend(resources(desired, seen, known));
            plan.extend(attributes::reconcile(desired, seen, known, rules));
            plan.extend(roles::reconcile(desired, &seen.roles, rules));
            plan
        }
    }
}

/// The resource of the catalog that is the wanted one.
#[must_use]
pub fn find<'a>(resources: &'a [Resource], wanted: &DesiredResource) -> Option<&'a Resource> {
    resources.iter().find(|resource| {
        resource.origin_system == wanted.resource.origin_system
            && same_origin(&resource.origin_id, &wanted.resource.origin_id)
    })
}

fn fields(desired: &DesiredCatalog) -> CatalogFields {
    let DesiredCatalog {
        display_name,
        description,
        state,
        externally_visible,
        resources: _,
        unresolved: _,
        roles: _,
    } = desired.clone();
    // The schema asks for a name where there is no id; the rest has its default in `desire`.
    CatalogFields {
        display_name: display_name.unwrap_or_default(), // the schema asks for a name where there is no id
        description: description.unwrap_or_default(),   // a description that is null is empty
        state: state.unwrap_or(CatalogState::Published),
        externally_visible: externally_visible.unwrap_or(false),
    }
}

fn create(desired: &DesiredCatalog) -> Plan<CatalogAct> {
    let fields = fields(desired);
    let CatalogFields {
        display_name,
        description,
        state,
        externally_visible,
    } = &fields;
    let step = Step {
        memories: vec![
            Memory::keep("displayName", display_name.canonical()),
            Memory::keep("description", description.canonical()),
            Memory::keep("state", state.canonical()),
            Memory::keep("externallyVisible", externally_visible.canonical()),
        ],
        ..Step::new(CatalogAct::Create(fields.clone()), Stake::door(Door::Widens))
    };
    let mut plan = Plan::of(vec![step]);
    let empty = SeenCatalog {
        catalog: Catalog {
            id: "".into(),
            display_name: String::new(),
            description: None,
            catalog_type: None,
            state: None,
            externally_visible: false,
            created: None,
        },
        resources: Vec::new(),
        unreadable: false,
        roles: Read::Unread,
        packages: Read::Unread,
    };
    plan.extend(resources(desired, &empty, &[]));
    plan.extend(attributes::of_new(&desired.resources));
    plan.extend(roles::of_new(desired));
    plan
}

fn update(desired: &DesiredCatalog, catalog: &Catalog, rules: &Rules<'_>) -> Plan<CatalogAct> {
    let mut judge = Judge::new(*rules);
    let patch = merge(desired, catalog, &mut judge);
    let hold = || CatalogAct::Update(CatalogPatch::default());
    judge.judgement().plan(CatalogAct::Update(patch), hold)
}

/// The fields of a catalog, each declared once: what is sent of them. One that the spec leaves unset stays as it is.
pub fn merge(desired: &DesiredCatalog, before: &Catalog, judge: &mut Judge<'_>) -> CatalogPatch {
    let DesiredCatalog {
        display_name,
        description,
        state,
        externally_visible,
        resources: _,
        unresolved: _,
        roles: _,
    } = desired.clone();
    let description_before = before.description.clone().unwrap_or_default(); // a description that is null is empty
    // Unknown is not open.
    let state_before = before.state.clone().unwrap_or(CatalogState::Unpublished);
    CatalogPatch {
        display_name: judge.patch_set("displayName", |_, _| Stake::NEUTRAL, display_name, &before.display_name),
        description: judge.patch_set("description", |_, _| Stake::NEUTRAL, description, &description_before),
        state: judge.patch_set(
            "state",
            |_, after| Stake::widening(*after == CatalogState::Published),
            state,
            &state_before,
        ),
        externally_visible: judge.patch_set(
            "externallyVisible",
            |_, after| Stake::widening(*after),
            externally_visible,
            &before.externally_visible,
        ),
    }
}

impl Canonical for CatalogState {
    fn canonical(&self) -> String {
        self.to_string()
    }
}

/// How a catalog goes: its packages are never deleted with it; resources that we brought in go first. `packages` are the
/// names of those that are in it.
#[must_use]
pub fn leave(seen: &SeenCatalog, packages: Option<&[&str]>, known: &[ResourceStatus]) -> Plan<CatalogAct> {
    let narrowing = |act| Step::new(act, Stake::door(Door::Narrows));
    let waits = match packages {
        None => Some("Entra has not told which packages it holds".to_owned()),
        Some([]) => None,
        Some(packages) => {
            let first = packages.iter().min().copied().map_or("", |first| first);
            Some(format!(
                "the catalog holds {} access packages that no object here manages, {first:?} first",
                packages.len()
            ))
        }
    };
    if let Some(what) = waits {
        let problem = Problem::new(Reason::NotOurs, what).remedy(format!(
            "delete them in Entra, or let the catalog stay: annotate this object with {}=true",
            crate::api::ORPHAN
        ));
        return Plan::holding(narrowing(CatalogAct::Delete), Hold::Waits(problem));
    }
    let ours = known.iter().filter(|known| known.added).filter_map(|known| {
        // A list may leave out what status has the id of.
        let seen = seen
            .resources
            .iter()
            .find(|resource| same_origin(&resource.origin_id, &known.origin_id))
            .map(|resource| resource.id.clone());
        let id = seen.or_else(|| known.id.as_deref().map(ResourceId::from))?;
        Some(CatalogAct::RemoveResource {
            name: known.name.clone(),
            id,
        })
    });
    Plan::of(ours.chain([CatalogAct::Delete]).map(narrowing).collect())
}

/// The resources of a catalog. Additive: only what we brought in is ever taken out, whatever the spec once said.
///
/// What is in a catalog reaches people only by a package, so that neither direction moves a door; status remembers what is
/// ours.
fn resources(desired: &DesiredCatalog, seen: &SeenCatalog, known: &[ResourceStatus]) -> Plan<CatalogAct> {
    let mut plan = Plan::default();
    let additions: Vec<Addition> = missing(&desired.resources, &seen.resources)
        .into_iter()
        .map(|wanted| Addition {
            name: wanted.name.clone(),
            resource: wanted.resource.clone(),
            is_seen: wanted.is_seen,
        })
        .collect();
    if !additions.is_empty() {
        plan.steps
            .push(Step::new(CatalogAct::AddResources(additions), Stake::NEUTRAL));
    }
    // What seems to be too much may be what does not resolve.
    if desired.unresolved.is_empty() && !seen.unreadable {
        plan.extend(removals(desired, seen, known));
    }
    plan
}

/// The resources that we brought in and that the spec no longer names; those of others stay.
pub fn unwanted<'a>(
    wanted: &[DesiredResource],
    known: &'a [ResourceStatus],
) -> impl Iterator<Item = &'a ResourceStatus> {
    known.iter().filter(move |known| {
        let is_it = |wanted: &DesiredResource| same_origin(&wanted.resource.origin_id, &known.origin_id);
        known.added && !wanted.iter().any(is_it)
    })
}

/// What is not wanted any more goes, once no package hands it out: Entra would refuse, and is not asked again and again.
fn removals(desired: &DesiredCatalog, seen: &SeenCatalog, known: &[ResourceStatus]) -> Plan<CatalogAct> {
    let mut taken: Vec<&ResourceId> = Vec::new();
    let mut plan = Plan::default();
    for known in unwanted(&desired.resources, known) {
        let there = seen
            .resources
            .iter()
            .find(|resource| same_origin(&resource.origin_id, &known.origin_id));
        // Known by two names, it goes once.
        let Some(resource) = there.filter(|resource| !taken.contains(&&resource.id)) else {
            continue;
        };
        taken.push(&resource.id);
        let remove = CatalogAct::RemoveResource {
            name: known.name.clone(),
            id: resource.id.clone(),
        };
        let step = Step::new(remove, Stake::NEUTRAL);
        match in_use(&known.name, &known.origin_id, &seen.packages) {
            Some(problem) => plan.held.push((step, Hold::Waits(problem))),
            None => plan.steps.push(step),
        }
    }
    plan
}

/// How many packages are named to whoever reads a Catalog.
const NAMED: usize = 5;

/// That packages of the catalog still hand out roles of the resource; `None` also where that cannot be told: then Entra says so.
#[must_use]
pub fn in_use(name: &str, origin_id: &str, packages: &Read<Listed<AccessPackage>>) -> Option<Problem> {
    let hands_out = |package: &&AccessPackage| {
        let scopes = package.resource_role_scopes.known();
        scopes.is_some_and(|scopes| {
            let mut scopes = scopes.elements.iter();
            scopes.any(|scope| same_origin(&scope.scope.origin_id, origin_id))
        })
    };
    let packages = packages.known()?.elements.iter().filter(hands_out);
    let mut names: Vec<String> = packages.map(|package| format!("{:?}", package.display_name)).collect();
    names.sort(); // the service answers in any order
    let number = names.len();
    let more = number.saturating_sub(NAMED);
    names.truncate(NAMED);
    let (names, hand) = match (number, more) {
        (0, _) => return None,
        (1, _) => (names.join(", "), "access package of the catalog hands"),
        (_, 0) => (names.join(", "), "access packages of the catalog hand"),
        (_, more) => (
            format!("{} and {more} more", names.join(", ")),
            "access packages of the catalog hand",
        ),
    };
    Some(
        Problem::new(
            Reason::InUse,
            format!(
                "resource {name}: {number} {hand} out its roles, so it stays in the catalog until they stop: {names}"
            ),
        )
        .remedy("take its roles out of them, or list the resource again"),
    )
}

#[cfg(test)]
mod tests;
