//! The resources of a catalog: which of them there are, and what status says of each.
//!
//! The service lists SharePoint sites to signed-in users only. To an application "not listed" therefore says nothing
//! about a site: what status has of it stays, and it is neither added again nor called absent.

use std::collections::BTreeMap;

use super::{
    Problem,
    catalog::{DesiredResource, find},
    roles::{self, AppRoles, BoundRoles},
    sites::same_origin,
};
use crate::{
    api::{CatalogResource, Management, Reason, ResourceState, ResourceStatus, RoleStatus},
    graph::{
        AccessPackage, Listed, NewResource, OriginSystem, Read, Resource, ResourceAttribute, ResourceRole,
        ResourceScope,
    },
};

/// A resource of the spec, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedResource {
    /// Its place in `spec.resources`.
    pub index: usize,
    /// Its name in the spec.
    pub name: String,
    /// What is sent to add it.
    pub resource: NewResource,
    /// The names of the roles that packages may hand out.
    pub offered: Vec<String>,
    /// The roles that an application defines.
    pub app_roles: AppRoles,
    /// The directory was asked for it just now or before, and has it.
    pub is_seen: bool,
    /// What requestors are to be asked for its sake.
    pub attributes: Vec<ResourceAttribute>,
}

/// Why a resource that was to be added is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Entra refused it; it is asked for again.
    Refused(Problem),
    /// Entra has it, or took the request: now it has to show.
    Awaited(Problem),
}

impl Trouble {
    /// What is told.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Refused(problem) | Self::Awaited(problem) => problem,
        }
    }
}

/// What status says of all resources, and what is wrong with them in the order of the spec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statuses {
    /// `status.resources`; each name once.
    pub resources: Vec<ResourceStatus>,
    /// What keeps the catalog from being Ready.
    pub problems: Vec<Problem>,
    /// What is worth a look all the same.
    pub warning: Option<Problem>,
}

/// Whether a resource is a site.
#[must_use]
pub fn is_site(system: &OriginSystem) -> bool {
    *system == OriginSystem::SharePointOnline
}

/// Whether this list of a catalog's resources tells of sites: it does where it has one.
#[must_use]
pub fn lists_sites(listed: &[Resource]) -> bool {
    listed.iter().any(|resource| is_site(&resource.origin_system))
}

/// The sites that status knows by their id, and that a list which tells of no sites leaves out; their roles unread.
#[must_use]
pub fn unlisted_sites(listed: &[Resource], known: &[ResourceStatus]) -> Vec<Resource> {
    if lists_sites(listed) {
        return Vec::new();
    }
    let mut sites: Vec<Resource> = Vec::new();
    for status in known {
        let system = OriginSystem::from(status.origin_system.as_str());
        let Some(id) = status.id.as_deref().filter(|_| is_site(&system)) else {
            continue;
        };
        if sites.iter().any(|site| same_origin(&site.origin_id, &status.origin_id)) {
            continue;
        }
        sites.push(site(id, &status.origin_id, Listed::default(), status.scope_id.clone()));
    }
    sites
}

/// A site as it is told of by others than the list; without roles, they are unread.
#[must_use]
pub fn site(id: &str, origin_id: &str, roles: Listed<ResourceRole>, scope_id: Option<String>) -> Resource {
    Resource {
        id: id.into(),
        display_name: String::new(),
        origin_id: origin_id.to_owned(),
        origin_system: OriginSystem::SharePointOnline,
        roles: if roles.is_empty() {
            Read::Unread
        } else {
            Read::Read(roles)
        },
        scopes: scope_id.map_or(Read::Unread, |id| {
            Read::Read(Listed::of(vec![ResourceScope {
                id: Some(id),
                display_name: "Root".into(),
                origin_id: origin_id.to_owned(),
                origin_system: OriginSystem::SharePointOnline,
                is_root: true,
            }]))
        }),
        attributes: Read::Unread,
    }
}

/// The roles of a resource that the packages of its catalog hand out.
#[must_use]
pub fn handed_out(packages: &[AccessPackage], origin_id: &str) -> Vec<ResourceRole> {
    let mut roles: Vec<ResourceRole> = Vec::new();
    let scopes = packages
        .iter()
        .filter_map(|package| package.resource_role_scopes.known())
        .flat_map(|listed| &listed.elements);
    for scope in scopes.filter(|scope| same_origin(&scope.scope.origin_id, origin_id)) {
        if roles.iter().all(|role| role.origin_id != scope.role.origin_id) {
            roles.push(scope.role.clone());
        }
    }
    roles
}

/// The wanted resources that the catalog lacks, each once however many names it has.
#[must_use]
pub fn missing<'a>(wanted: &'a [DesiredResource], resources: &[Resource]) -> Vec<&'a DesiredResource> {
    let mut missing: Vec<&DesiredResource> = Vec::new();
    for one in wanted.iter().filter(|wanted| find(resources, wanted).is_none()) {
        if missing.iter().all(|other| !is_same(&other.resource, &one.resource)) {
            missing.push(one);
        }
    }
    missing
}

fn is_same(one: &NewResource, other: &NewResource) -> bool {
    one.origin_system == other.origin_system && same_origin(&one.origin_id, &other.origin_id)
}

/// Whether status speaks of this resource.
#[must_use]
pub fn speaks_of(status: &ResourceStatus, resource: &NewResource) -> bool {
    status.origin_system == resource.origin_system.as_str() && same_origin(&status.origin_id, &resource.origin_id)
}

/// What status has pinned for a resource of this name: nothing, where the name stood for another one.
#[must_use]
pub fn remembered<'a>(name: &str, resource: &NewResource, before: &'a [ResourceStatus]) -> Option<&'a ResourceStatus> {
    before
        .iter()
        .find(|status| status.name == name && speaks_of(status, resource))
}

/// `status.resources` as it is to be written; `before` is what it says now, `found` what the catalog holds.
#[must_use]
pub fn statuses(
    spec: &[CatalogResource],
    resolved: &[Result<ResolvedResource, Problem>],
    found: &[Resource],
    before: &[ResourceStatus],
    troubles: &BTreeMap<String, Trouble>,
    management: Management,
) -> Statuses {
    let mut statuses = Statuses::default();
    for (spec, resolved) in spec.iter().zip(resolved) {
        let (status, problem, warning) = match resolved {
            Ok(resolved) => resolved_status(resolved, found, before, troubles, management),
            Err(problem) => (unresolved_status(spec, problem, before), Some(problem.clone()), None),
        };
        statuses.problems.extend(problem);
        statuses.warning = statuses.warning.or(warning);
        if statuses.resources.iter().all(|known| known.name != status.name) {
            statuses.resources.push(status);
        }
    }
    let leaving = leaving(&statuses.resources, found, before);
    statuses.resources.extend(leaving);
    statuses
}

/// What the spec no longer names stays listed until it is gone from the catalog: so that it is known to be ours.
fn leaving(now: &[ResourceStatus], found: &[Resource], before: &[ResourceStatus]) -> Vec<ResourceStatus> {
    let mut leaving: Vec<ResourceStatus> = Vec::new();
    for old in before.iter().filter(|old| old.added) {
        let is_it = |other: &ResourceStatus| same_origin(&other.origin_id, &old.origin_id);
        let is_there = found.iter().any(|found| same_origin(&found.origin_id, &old.origin_id));
        if !is_there || now.iter().any(is_it) || leaving.iter().any(is_it) {
            continue;
        }
        let mut name = old.name.clone();
        // Its name stands for another resource by now; status has each name once.
        while now.iter().chain(&leaving).any(|other| other.name == name) {
            name.push_str(" (leaving)");
        }
        leaving.push(ResourceStatus {
            name,
            state: ResourceState::Removing.name().into(),
            ..old.clone()
        });
    }
    leaving
}

fn unresolved_status(spec: &CatalogResource, problem: &Problem, before: &[ResourceStatus]) -> ResourceStatus {
    let before = before.iter().find(|status| status.name == spec.name);
    let kept = before.cloned().unwrap_or_else(|| ResourceStatus {
        name: spec.name.clone(),
        id: None,
        origin_id: String::new(),
        origin_system: String::new(),
        scope_id: None,
        roles: Vec::new(),
        added: false,
        state: String::new(),
        message: None,
    });
    ResourceStatus {
        state: ResourceState::Blocked.name().into(),
        message: Some(as_before(before, problem)),
        ..kept
    }
}

type Judged = (ResourceStatus, Option<Problem>, Option<Problem>);

fn resolved_status(
    resolved: &ResolvedResource,
    resources: &[Resource],
    all_before: &[ResourceStatus],
    troubles: &BTreeMap<String, Trouble>,
    management: Management,
) -> Judged {
    let wanted = DesiredResource {
        name: resolved.name.clone(),
        resource: resolved.resource.clone(),
        is_seen: resolved.is_seen,
        attributes: Vec::new(), // they tell nothing of which resource it is
    };
    let before = remembered(&resolved.name, &resolved.resource, all_before);
    let found = find(resources, &wanted);
    let pinned: &[RoleStatus] = before.map_or(&[], |before| &before.roles);
    let BoundRoles { roles, trouble, moved } = match found {
        Some(found) => offered(resolved, found, pinned),
        // What is not seen now is not forgotten for that.
        None => BoundRoles {
            roles: pinned.to_vec(),
            ..BoundRoles::default()
        },
    };
    let site_unseen = is_site(&resolved.resource.origin_system) && !lists_sites(resources);
    let told = troubles.get(&resolved.name);
    let problem = told.map(|trouble| trouble.problem().clone()).or_else(|| match found {
        None => Some(missing_problem(resolved, management, site_unseen)),
        Some(_) => trouble,
    });
    let state = match (&problem, found, told) {
        (None, _, _) => ResourceState::Ready,
        (Some(_), None, Some(Trouble::Refused(_))) => ResourceState::Blocked,
        (Some(problem), None, _) if problem.reason == Reason::ResourceNotInCatalog => ResourceState::Missing,
        (Some(problem), None, _) if problem.reason == Reason::ResourceNotReady => ResourceState::Adding,
        (Some(_), _, _) => ResourceState::Blocked,
    };
    let scope = found.and_then(|found| {
        let scopes = found.known_scopes();
        scopes.iter().find(|scope| scope.is_root).or(scopes.first())
    });
    let status = ResourceStatus {
        name: resolved.name.clone(),
        id: found.map(|found| found.id.to_string()),
        origin_id: resolved.resource.origin_id.clone(),
        origin_system: resolved.resource.origin_system.to_string(),
        scope_id: scope
            .and_then(|scope| scope.id.clone())
            .or_else(|| before.and_then(|before| before.scope_id.clone())),
        roles,
        // A resource with two names is ours under both, whichever of them brought it in.
        added: all_before
            .iter()
            .any(|status| status.added && speaks_of(status, &resolved.resource)),
        state: state.name().into(),
        message: problem.as_ref().map(|problem| as_before(before, problem)),
    };
    (status, problem, moved)
}

fn missing_problem(resolved: &ResolvedResource, management: Management, site_unseen: bool) -> Problem {
    match management {
        Management::Observe if site_unseen => untold(&resolved.name),
        Management::Observe => Problem::new(
            Reason::ResourceNotInCatalog,
            format!(
                "{} is not in the catalog, and management: Observe does not add it",
                resolved.resource.origin_id
            ),
        )
        .at(format!("spec.resources[{}]", resolved.index))
        .remedy("ask those who run the catalog"),
        Management::Full => Problem::new(
            Reason::ResourceNotReady,
            format!("resource {}: not yet in the catalog", resolved.name),
        ),
    }
}

/// A site that is asked for or there, and of which nothing that is needed is told to an application.
#[must_use]
pub fn untold(name: &str) -> Problem {
    Problem::new(
        Reason::ResourceNotReady,
        format!(
            "resource {name}: application permissions do not list SharePoint sites, and nothing else that may be read \
             tells this site's id or roles in the catalog"
        ),
    )
    .remedy(
        "if it is new that may pass by itself; otherwise let an administrator hand out its role in any package of this \
         catalog, and ask for a visit",
    )
}

/// The words of the problem; the old ones where they say the same, so that status does not change with every request.
fn as_before(before: Option<&ResourceStatus>, problem: &Problem) -> String {
    before
        .and_then(|before| before.message.clone())
        .filter(|old| problem.is_told_by(old))
        .unwrap_or_else(|| problem.message())
}

fn offered(resolved: &ResolvedResource, found: &Resource, pinned: &[RoleStatus]) -> BoundRoles {
    let field = format!("spec.resources[{}].roles", resolved.index);
    let bound = roles::bind(
        &field,
        &resolved.offered,
        found.known_roles(),
        &resolved.app_roles,
        pinned,
    );
    let nothing_listed = found.known_roles().is_empty();
    let unreadable = found.roles.known().and_then(|listed| listed.unreadable.first());
    let trouble = bound.trouble.map(|trouble| match trouble.reason {
        Reason::ResourceNotReady if is_site(&found.origin_system) => untold(&resolved.name),
        Reason::ResourceNotReady if nothing_listed => Problem::new(
            Reason::ResourceNotReady,
            format!("resource {}: Entra does not list its roles yet", resolved.name),
        ),
        // One that cannot be read may be the one that is meant.
        Reason::RoleNotFound if unreadable.is_some() => Problem::new(
            Reason::GraphRefused,
            format!(
                "resource {}: a role of it cannot be read ({}), so nobody can tell whether it is the one that is meant",
                resolved.name,
                unreadable.map_or("", |hidden| &hidden.why)
            ),
        ),
        Reason::RoleNotFound if asks_for_eligible(resolved, found) => trouble.remedy(
            "have the group enabled for Privileged Identity Management, which gives it the roles EligibleMember and EligibleOwner",
        ),
        // Whatever else it is keeps its own words.
        _ => trouble,
    });
    BoundRoles { trouble, ..bound }
}

/// Whether a role is asked for that only groups under Privileged Identity Management have, and this one has none.
fn asks_for_eligible(resolved: &ResolvedResource, found: &Resource) -> bool {
    let is_eligible = |name: &str| name.starts_with("Eligible");
    found.origin_system == OriginSystem::AadGroup
        && resolved.offered.iter().any(|role| is_eligible(role))
        && !found.known_roles().iter().any(|role| is_eligible(&role.origin_id))
}

#[cfg(test)]
mod tests;
