//! The resources of a catalog: found in the directory, brought in, taken out, shown in status.

use std::{collections::BTreeMap, time::Duration};

use super::{
    catalog::{CatalogReferences, Observed},
    directory::{DirectoryKey, application_key, group_key, site_key},
    halt::{Halt, Retry, Step},
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{Catalog, CatalogResource, Management, Reason, ResourceState, ResourceStatus, RoleStatus},
    graph::{self, AppRole, CatalogId, GraphError, NewResource, OriginSystem, RequestState, Resource},
    plan::{
        Change, Problem,
        catalog::{DesiredResource, ObservedCatalog, find},
        roles,
    },
    report::{self, Note},
};

/// The longest that one visit waits for a resource to show up in its catalog.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// A resource of the spec, resolved.
pub(crate) struct ResolvedResource {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) resource: NewResource,
    pub(crate) offered: Vec<String>,
    pub(crate) app_roles: Vec<AppRole>,
}

/// What a resource of the spec is in the directory.
pub(crate) async fn resolve_resource(
    tenant: &Tenant,
    index: usize,
    spec: &CatalogResource,
    pins: &BTreeMap<String, String>,
    references: &mut CatalogReferences,
) -> Step<ResolvedResource> {
    let (field, origin_system, key) = if let Some(group) = &spec.group {
        ("group", OriginSystem::AadGroup, group_key(group))
    } else if let Some(application) = &spec.application {
        (
            "application",
            OriginSystem::AadApplication,
            application_key(application),
        )
    } else {
        (
            "sharePointSite",
            OriginSystem::SharePointOnline,
            spec.share_point_site.as_ref().and_then(site_key),
        )
    };
    let path = format!("spec.resources[{index}].{field}");
    let key: DirectoryKey = key.ok_or_else(|| {
        Halt::reference(Problem::new(
            Reason::InvalidSpec,
            format!("{path}: exactly one way to name it is needed"),
        ))
    })?;
    let bound = tenant.directory.bind(&path, &key, pins).await?;
    references.pins.extend(bound.pin.clone());
    if references.warning.is_none() {
        references.warning.clone_from(&bound.moved);
    }
    let object = bound.object;
    let unsuitable = object.as_ref().and_then(|object| object.unsuitable);
    let only_owner = spec.offered_roles().iter().all(|role| role == "Owner");
    if let Some(why) = unsuitable.filter(|why| !(only_owner && why.starts_with("has dynamic"))) {
        return Err(Halt::reference(Problem::new(
            Reason::ResourceUnsuitable,
            format!("{path}: the group {} {why}", bound.id),
        ))
        .retried(Retry::Backoff));
    }
    let app_roles = match (&origin_system, &object) {
        (OriginSystem::AadApplication, Some(object)) if !object.app_roles.is_empty() => object.app_roles.clone(),
        (OriginSystem::AadApplication, _) => tenant.directory.app_roles(&bound.id).await?,
        _ => Vec::new(),
    };
    let is_site = origin_system == OriginSystem::SharePointOnline;
    let origin_id = if is_site {
        bound.id.trim_end_matches('/').to_owned()
    } else {
        bound.id
    };
    let resource = NewResource {
        display_name: object.map(|object| object.display_name).filter(|name| !name.is_empty()),
        description: is_site.then(|| origin_id.clone()),
        origin_system,
        origin_id,
    };
    Ok(ResolvedResource {
        index,
        name: spec.name.clone(),
        resource,
        offered: spec.offered_roles(),
        app_roles,
    })
}

/// Asks for a resource and waits until it shows; a refusal is this resource's trouble, not the catalog's end.
pub(crate) async fn add_resource(
    tenant: &Tenant,
    subject: &mut Subject<Catalog>,
    observed: &mut Observed,
    name: &str,
    resource: &NewResource,
    change: &Change,
) -> Step<()> {
    let ObservedCatalog::Present { catalog, resources } = &mut observed.catalog else {
        return Ok(());
    };
    let mut request = None;
    // Somebody else's, where Entra says that it has it already: what we did not bring in we never take out.
    let mut is_ours = true;
    if !tenant.inventory.is_requested(&catalog.id, &resource.origin_id).await {
        match tenant.graph.request_resource_add(&catalog.id, resource).await {
            Ok(made) if matches!(made.state, RequestState::DeliveryFailed | RequestState::Denied) => {
                observed.troubles.insert(name.to_owned(), Problem::new(
                    Reason::GraphRefused,
                    format!("resource {name}: Entra could not add it (request {} is {}); see the audit log of the tenant", made.id, made.state),
                ));
                return Ok(());
            }
            Ok(made) => request = Some(made.id),
            // It is there, or on its way: whether it is, the look below says.
            Err(error) if is_onboarded(&error) => is_ours = false,
            Err(error) if error.kind == graph::GraphErrorKind::OutcomeUnknown => {}
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                observed
                    .troubles
                    .insert(name.to_owned(), refused(name, resource, &error));
                return Ok(());
            }
        }
        tenant
            .inventory
            .resource_requested(&catalog.id, &resource.origin_id)
            .await;
        let known = subject.status.resources.iter_mut().find(|status| status.name == name);
        match known {
            Some(known) => known.added |= is_ours,
            None => subject.status.resources.push(ResourceStatus {
                name: name.to_owned(),
                id: None,
                origin_id: resource.origin_id.clone(),
                origin_system: resource.origin_system.to_string(),
                scope_id: None,
                roles: Vec::new(),
                added: is_ours,
                state: ResourceState::Adding.name().into(),
                message: None,
            }),
        }
        subject.notes.push(Note::done(Reason::Updated, change.to_string()));
    }
    match wait_for_resource(tenant, &catalog.id, &resource.origin_id).await? {
        Some(seen) => {
            resources.retain(|known| known.id != seen.id);
            resources.push(seen);
        }
        None => {
            let request = request.map(|id| format!(" (request {id})")).unwrap_or_default();
            observed.troubles.insert(
                name.to_owned(),
                Problem::new(
                    Reason::ResourceNotReady,
                    format!("resource {name}: asked for{request}, not yet in the catalog; Entra takes its time"),
                ),
            );
        }
    }
    Ok(())
}

/// Looks until the resource shows, soon at first, less often later.
async fn wait_for_resource(tenant: &Tenant, catalog: &CatalogId, origin_id: &str) -> Step<Option<Resource>> {
    let started = tenant.clock.instant();
    let mut wait = Duration::from_millis(50);
    loop {
        let found = tenant.inventory.find_resource(catalog, origin_id).await?;
        let is_whole = found.as_ref().is_some_and(|resource| !resource.roles.is_empty());
        if is_whole || tenant.clock.since(started) > LONGEST_WAIT {
            return Ok(found);
        }
        tenant.clock.sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(2));
    }
}

fn is_onboarded(error: &GraphError) -> bool {
    // No code was ever captured for this refusal; whatever it was, the look afterwards decides.
    error.status == Some(400) && error.message.to_lowercase().contains("already onboarded")
}

fn refused(name: &str, resource: &NewResource, error: &GraphError) -> Problem {
    if error.has_code("CallerNotResourceOwner") {
        let permission = match resource.origin_system {
            OriginSystem::AadGroup => "Group.ReadWrite.All (or make the application an owner of the group)",
            OriginSystem::AadApplication => "Application.ReadWrite.All",
            OriginSystem::SharePointOnline | OriginSystem::Other(_) => "Sites.FullControl.All",
        };
        return Problem::new(
            Reason::NeedsTenantPermission,
            format!(
                "resource {name}: bringing it into the catalog needs the application permission {permission}; grant it, or let an administrator add the resource: {error}"
            ),
        );
    }
    if error.has_code("ResourceNotFoundInOriginSystem") {
        return Problem::new(
            Reason::ResourceNotReady,
            format!(
                "resource {name}: entitlement management does not know {} yet; if it is new that passes by itself, otherwise check that it exists",
                resource.origin_id
            ),
        );
    }
    Problem::new(Reason::GraphRefused, format!("resource {name}: {error}"))
}

pub(crate) async fn remove_resource(
    tenant: &Tenant,
    subject: &mut Subject<Catalog>,
    observed: &mut Observed,
    name: &str,
    id: &graph::ResourceId,
    change: &Change,
) -> Step<()> {
    let ObservedCatalog::Present { catalog, resources } = &mut observed.catalog else {
        return Ok(());
    };
    match tenant.graph.request_resource_remove(&catalog.id, id).await {
        Ok(_) => {
            resources.retain(|resource| resource.id != *id);
            tenant.inventory.resource_gone(&catalog.id, id).await;
            subject.notes.push(Note::done(Reason::Updated, change.to_string()));
            Ok(())
        }
        Err(error) if error.has_code("InvalidDeleteResourceHasEntitlements") => {
            observed.removing.push(Problem::new(
                Reason::DependantsRemain,
                format!(
                    "resource {name}: packages still hand out its roles, so it stays in the catalog until they stop"
                ),
            ));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// One resource of the spec as status shows it, and what is wrong with it.
pub(crate) fn resource_status(
    spec: &CatalogResource,
    resolved: &Result<ResolvedResource, Problem>,
    resources: &[Resource],
    before: Option<&ResourceStatus>,
    observed: &Observed,
    management: Management,
) -> (ResourceStatus, Option<Problem>) {
    let added = before.is_some_and(|before| before.added);
    let resolved = match resolved {
        Ok(resolved) => resolved,
        Err(problem) => {
            let kept = before.cloned().unwrap_or_else(|| ResourceStatus {
                name: spec.name.clone(),
                id: None,
                origin_id: String::new(),
                origin_system: String::new(),
                scope_id: None,
                roles: Vec::new(),
                added,
                state: String::new(),
                message: None,
            });
            let status = ResourceStatus {
                state: ResourceState::Blocked.name().into(),
                message: Some(as_before(before, problem)),
                ..kept
            };
            return (status, Some(problem.clone()));
        }
    };
    let wanted = DesiredResource {
        name: resolved.name.clone(),
        resource: resolved.resource.clone(),
    };
    let found = find(resources, &wanted);
    let field = format!("spec.resources[{}].roles", resolved.index);
    let (roles, trouble) = found.map_or((Vec::new(), None), |found| offered_roles(resolved, found, &field));
    let missing = || match management {
        Management::Observe => Problem::new(
            Reason::ResourceNotInCatalog,
            format!(
                "spec.resources[{}]: {} is not in the catalog, and management: Observe does not add it; ask those who run the catalog",
                resolved.index, resolved.resource.origin_id
            ),
        ),
        Management::Full => Problem::new(
            Reason::ResourceNotReady,
            format!("resource {}: not yet in the catalog", resolved.name),
        ),
    };
    let problem = observed.troubles.get(&spec.name).cloned().or(match found {
        None => Some(missing()),
        Some(_) => trouble,
    });
    let state = match (&problem, found) {
        (None, _) => ResourceState::Ready,
        (Some(problem), None) if problem.reason == Reason::ResourceNotInCatalog => ResourceState::Missing,
        (Some(problem), None) if problem.reason == Reason::ResourceNotReady => ResourceState::Adding,
        (Some(_), _) => ResourceState::Blocked,
    };
    let scope = found.and_then(|found| found.scopes.iter().find(|scope| scope.is_root).or(found.scopes.first()));
    let status = ResourceStatus {
        name: spec.name.clone(),
        id: found.map(|found| found.id.to_string()),
        origin_id: resolved.resource.origin_id.clone(),
        origin_system: resolved.resource.origin_system.to_string(),
        scope_id: scope.and_then(|scope| scope.id.clone()),
        roles,
        added,
        state: state.name().into(),
        message: problem.as_ref().map(|problem| as_before(before, problem)),
    };
    (status, problem)
}

/// The words of the problem; the old ones where they say the same, so that status does not change with every request.
fn as_before(before: Option<&ResourceStatus>, problem: &Problem) -> String {
    before
        .and_then(|before| before.message.clone())
        .filter(|old| report::says_the_same(old, &problem.message))
        .unwrap_or_else(|| problem.message.clone())
}

fn offered_roles(resolved: &ResolvedResource, found: &Resource, field: &str) -> (Vec<RoleStatus>, Option<Problem>) {
    let candidates = roles::candidates(&found.roles, &resolved.app_roles);
    if candidates.is_empty() {
        let waiting = format!("resource {}: Entra does not list its roles yet", resolved.name);
        return (Vec::new(), Some(Problem::new(Reason::ResourceNotReady, waiting)));
    }
    let mut offered = Vec::new();
    let mut trouble = None;
    for name in &resolved.offered {
        match roles::choose(name, &candidates, field) {
            Ok(role) => offered.push(RoleStatus {
                name: name.clone(),
                id: role.origin_id.clone(),
                display_name: role.display_name.clone(),
            }),
            Err(problem) => trouble = trouble.or(Some(problem)),
        }
    }
    (offered, trouble)
}
