//! The resources of a catalog: found in the directory, brought in, taken out.

mod resolving;

pub(crate) use resolving::resolve_resources;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    catalog::Observed, context::Context, execute::Done, halt::Step, inventory::Freshness, subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{Catalog, Reason, ResourceState, ResourceStatus},
    graph::{
        CatalogId, GraphError, GraphErrorKind, Listed, NewResource, OriginSystem, Read, RequestState, Resource,
        ResourceId, ResourceRequest,
    },
    plan::{
        Problem,
        catalog::{Addition, SeenCatalog},
        resources::{
            self, ResolvedResource, Trouble, handed_out, is_site, remembered, speaks_of, unlisted_sites, untold,
        },
        sites::same_origin,
    },
};

/// The longest that one visit waits for resources to show up in their catalog, all of them together.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How many resources are resolved or asked for side by side.
const SIDE_BY_SIDE: usize = 8;

/// The catalog's resources as they were listed, and the sites that a list leaves out which is made for an application.
pub(crate) async fn with_unlisted_sites(
    tenant: &Tenant,
    catalog: &CatalogId,
    mut listed: Vec<Resource>,
    status: &[ResourceStatus],
    resolved: &[Result<ResolvedResource, Problem>],
    freshness: Freshness,
) -> Step<Vec<Resource>> {
    let is_bound = |resolved: &ResolvedResource| {
        let pinned = resources::remembered(&resolved.name, &resolved.resource, status);
        let has = |name: &String| pinned.is_some_and(|pinned| pinned.roles.iter().any(|role| role.name == *name));
        resolved.offered.iter().all(has)
    };
    let reads: Vec<_> = unlisted_sites(&listed, status)
        .into_iter()
        .map(|site| async move {
            let needs_roles = resolved
                .iter()
                .flatten()
                .filter(|resolved| same_origin(&resolved.resource.origin_id, &site.origin_id))
                .any(|resolved| !is_bound(resolved));
            if needs_roles {
                tenant.site_roles.forget(&site.id);
                site_by_id(tenant, catalog, &site.id, &site.origin_id).await
            } else {
                Ok(verified(tenant, catalog, site, freshness).await)
            }
        })
        .collect();
    let sites: Vec<Resource> = stream::iter(reads).buffered(SIDE_BY_SIDE).try_collect().await?;
    listed.extend(sites);
    Ok(listed)
}

/// A site whose roles are bound, with those that it was last seen to have, so that a title which means another one by
/// now is told. Where they cannot be read, what is bound stands.
async fn verified(tenant: &Tenant, catalog: &CatalogId, site: Resource, freshness: Freshness) -> Resource {
    let roles = match tenant.site_roles.recent(&site.id, freshness, tenant.clock.instant()) {
        Some(roles) => roles,
        None => {
            let system = OriginSystem::SharePointOnline;
            let told = match tenant.graph.list_resource_roles(catalog, system, &site.id).await {
                Ok(roles) if !roles.elements.is_empty() => Read::Read(roles),
                Ok(_) | Err(_) => Read::Unread,
            };
            tenant.site_roles.verified(&site.id, told, tenant.clock.instant())
        }
    };
    Resource { roles, ..site }
}

/// A site by its id in the catalog, with its roles from whoever tells them.
async fn site_by_id(tenant: &Tenant, catalog: &CatalogId, id: &ResourceId, origin_id: &str) -> Step<Resource> {
    let system = OriginSystem::SharePointOnline;
    let roles = match tenant.graph.list_resource_roles(catalog, system, id).await {
        Ok(roles) => roles,
        Err(error) if error.is_transient() => return Err(error.into()),
        // Not told here: asked for elsewhere.
        Err(_) => Listed::default(),
    };
    // One that cannot be read may be told in another form elsewhere.
    if !roles.elements.is_empty() {
        return Ok(resources::site(id.as_str(), origin_id, roles, None));
    }
    match tenant.graph.get_resource(id).await {
        Ok(Some(read)) if !read.known_roles().is_empty() => return Ok(read),
        Err(error) if error.is_transient() => return Err(error.into()),
        // Hidden, forbidden or without roles: the packages may tell.
        Ok(_) | Err(_) => {}
    }
    let packages = tenant.inventory.packages(catalog, tenant.freshness()).await?;
    // What could not be read is there all the same.
    let told = Listed {
        elements: handed_out(&packages.elements, origin_id),
        unreadable: roles.unreadable,
    };
    Ok(resources::site(id.as_str(), origin_id, told, None))
}

/// A resource that was asked for and has to show.
struct Awaited<'a> {
    name: &'a str,
    resource: &'a NewResource,
    request: Option<String>,
    /// Its id in the catalog, where the answer told it.
    id: Option<ResourceId>,
}

/// Asks for resources side by side and waits until they show, all of them together; a refusal is that resource's
/// trouble, not the catalog's end.
pub(crate) async fn add_resources(
    context: &Context,
    tenant: &Tenant,
    subject: &mut Subject<Catalog>,
    observed: &mut Observed,
    additions: &[Addition],
) -> Step<Done> {
    let catalog = observed.seen.catalog.id.clone();
    let (mut asked, mut to_ask) = (Vec::new(), Vec::new());
    for addition in additions {
        if is_asked_for(tenant, subject, &catalog, addition) {
            asked.push(Awaited {
                name: &addition.name,
                resource: &addition.resource,
                request: None,
                id: None,
            });
        } else if let Some(problem) = rests(context, subject, addition) {
            observed
                .troubles
                .insert(addition.name.clone(), Trouble::Refused(problem));
        } else {
            to_ask.push(addition);
        }
    }
    let before = subject.status.resources.clone();
    let patience = if to_ask.is_empty() {
        Duration::ZERO
    } else {
        for addition in &to_ask {
            note(subject, addition);
        }
        // Whatever happens from here on, what comes of the requests is known to be ours.
        subject.store().await?;
        LONGEST_WAIT
    };
    let stopped = AtomicBool::new(false);
    let requests: Vec<_> = to_ask
        .into_iter()
        .map(|addition| {
            let (stopped, catalog) = (&stopped, &catalog);
            async move {
                if stopped.load(Ordering::Relaxed) {
                    return (addition, None);
                }
                let answer = ask_for_resource(tenant, catalog, &addition.resource).await;
                if answer.as_ref().is_err_and(ends_the_visit) {
                    stopped.store(true, Ordering::Relaxed);
                }
                (addition, Some(answer))
            }
        })
        .collect();
    // Every answer is taken down, also after one that ends the visit: what was asked for is known to be.
    let mut end = None;
    let mut was_asked = false;
    let mut answers = stream::iter(requests).buffer_unordered(SIDE_BY_SIDE);
    while let Some((addition, answer)) = answers.next().await {
        let Some(answer) = answer else {
            // It was not sent: nothing of it is ours.
            unnote(subject, addition, &before);
            continue;
        };
        match judged(addition, answer) {
            Ok(Asked::Refused(problem)) => {
                unnote(subject, addition, &before);
                // Its note comes and goes in status, which wakes the Catalog: that alone is no reason to ask again.
                let (key, longest) = (rest_key(subject, addition), subject.drift_interval);
                context.rest(&key, subject.generation(), &problem, longest);
                observed
                    .troubles
                    .insert(addition.name.clone(), Trouble::Refused(problem));
            }
            Ok(Asked::Accepted { request, id, is_ours }) => {
                tenant
                    .inventory
                    .resource_requested(&catalog, &addition.resource.origin_id);
                // Whoever asked before this process may have been us.
                record(subject, addition, is_ours || was_ours(&before, addition));
                was_asked = true;
                asked.push(Awaited {
                    name: &addition.name,
                    resource: &addition.resource,
                    request,
                    id,
                });
            }
            // It was not carried out.
            Err(error) => {
                unnote(subject, addition, &before);
                end = end.or(Some(error));
            }
        }
    }
    if let Some(error) = end {
        return Err(error.into());
    }
    tell_ids(tenant, &catalog, &mut asked).await?;
    let (shown, missing) = wait_for(tenant, &catalog, asked, patience).await?;
    for seen in shown {
        let resources = &mut observed.seen.resources;
        resources.retain(|known| known.id != seen.id);
        resources.push(seen);
    }
    for awaited in missing {
        let problem = if is_site(&awaited.resource.origin_system) {
            untold(awaited.name)
        } else {
            // Words: it may be on its way by an earlier request.
            let request = awaited.request.map(|id| format!(" (request {id})")).unwrap_or_default();
            Problem::new(
                Reason::ResourceNotReady,
                format!(
                    "resource {}: asked for{request}, not yet in the catalog; Entra takes its time",
                    awaited.name
                ),
            )
        };
        observed
            .troubles
            .insert(awaited.name.to_owned(), Trouble::Awaited(problem));
    }
    Ok(if was_asked { Done::Changed } else { Done::Nothing })
}

/// The ids of sites whose answers were lost, or told nothing: the requests are listed where the sites are not.
async fn tell_ids(tenant: &Tenant, catalog: &CatalogId, asked: &mut [Awaited<'_>]) -> Step<()> {
    let is_untold = |awaited: &&mut Awaited<'_>| awaited.id.is_none() && is_site(&awaited.resource.origin_system);
    let untold: Vec<_> = asked.iter_mut().filter(is_untold).collect();
    if untold.is_empty() {
        return Ok(());
    }
    let requests = match tenant.graph.list_resource_additions(catalog).await {
        Ok(requests) => requests.elements,
        Err(error) if error.is_transient() => return Err(error.into()),
        // Not to be read by this application: asked for elsewhere.
        Err(_) => return Ok(()),
    };
    for awaited in untold {
        awaited.id = requests.iter().rev().find_map(|request| {
            let resource = request.resource.as_ref()?;
            let origin = resource.origin_id.as_deref()?;
            same_origin(origin, &awaited.resource.origin_id).then(|| resource.id.clone())?
        });
    }
    Ok(())
}

/// Whether it was asked for before and may only not show: a while for what is listed, for good for a site.
fn is_asked_for(tenant: &Tenant, subject: &Subject<Catalog>, catalog: &CatalogId, addition: &Addition) -> bool {
    let resource = &addition.resource;
    if tenant.inventory.is_requested(catalog, &resource.origin_id) {
        return true;
    }
    let was_asked =
        |status: &ResourceStatus| speaks_of(status, resource) && status.state == ResourceState::Adding.name();
    is_site(&resource.origin_system) && subject.requested().is_none() && subject.status.resources.iter().any(was_asked)
}

/// Asks for one resource. Whether a site was taken can only be told by asking again: a second request is refused.
async fn ask_for_resource(
    tenant: &Tenant,
    catalog: &CatalogId,
    resource: &NewResource,
) -> Result<ResourceRequest, GraphError> {
    let is_unknown = |error: &GraphError| error.kind == GraphErrorKind::OutcomeUnknown;
    let mut made = tenant.graph.request_resource_add(catalog, resource).await;
    if !is_site(&resource.origin_system) {
        return made;
    }
    if made.as_ref().is_err_and(is_unknown) {
        made = match tenant.graph.request_resource_add(catalog, resource).await {
            // Ours: it was not there before the first request.
            Err(second) if is_onboarded(&second) => made,
            other => other,
        };
    }
    let mut made = made?;
    if made.resource.is_none() {
        // An answer that says nothing is no refusal; neither is a request that may not be read.
        if let Ok(Some(told)) = tenant.graph.get_resource_request(&made.id).await {
            made.resource = told.resource;
        }
    }
    Ok(made)
}

/// What came of asking.
enum Asked {
    Accepted {
        request: Option<String>,
        id: Option<ResourceId>,
        /// Not somebody else's, whom we never take anything out for.
        is_ours: bool,
    },
    Refused(Problem),
}

fn judged(addition: &Addition, answer: Result<ResourceRequest, GraphError>) -> Result<Asked, GraphError> {
    let Addition {
        name,
        resource,
        is_seen,
    } = addition;
    let nameless = |is_ours| Asked::Accepted {
        request: None,
        id: None,
        is_ours,
    };
    Ok(match answer {
        Ok(made) if matches!(made.state, RequestState::DeliveryFailed | RequestState::Denied) => {
            let words = format!(
                "resource {name}: Entra could not add it (request {} is {})",
                made.id, made.state
            );
            Asked::Refused(Problem::new(Reason::GraphRefused, words).remedy("see the audit log of the tenant"))
        }
        Ok(made) => Asked::Accepted {
            id: made.resource.and_then(|resource| resource.id),
            request: Some(made.id.to_string()),
            is_ours: true,
        },
        // It is there, or on its way: whether it is, the look afterwards says.
        Err(error) if is_onboarded(&error) => nameless(false),
        Err(error) if error.kind == GraphErrorKind::OutcomeUnknown => nameless(true),
        Err(error) if ends_the_visit(&error) => return Err(error),
        Err(error) => Asked::Refused(refused(name, resource, *is_seen, &error)),
    })
}

/// Whether it was not carried out, and no other request would be now. One whose answer is lost ends nothing: who goes on with
/// the visit asks for the others as well, or they would pass for asked for.
fn ends_the_visit(error: &GraphError) -> bool {
    error.is_transient() && error.kind != GraphErrorKind::OutcomeUnknown
}

/// Under which a request for the resource that was refused rests.
fn rest_key(subject: &Subject<Catalog>, addition: &Addition) -> String {
    format!("{}/{}", subject.uid(), addition.resource.origin_id)
}

/// What a request for the resource was refused with a moment ago; nothing where somebody asks for a visit.
fn rests(context: &Context, subject: &Subject<Catalog>, addition: &Addition) -> Option<Problem> {
    if subject.requested().is_some() {
        return None;
    }
    let rest = context.rests(&rest_key(subject, addition), subject.generation());
    rest.map(|(problem, _)| problem)
}

/// It was asked for.
fn record(subject: &mut Subject<Catalog>, addition: &Addition, is_ours: bool) {
    let known = entered(subject, addition);
    known.added = is_ours;
    known.state = ResourceState::Adding.name().into();
}

/// Notes that it is about to be asked for.
fn note(subject: &mut Subject<Catalog>, addition: &Addition) {
    let known = entered(subject, addition);
    known.added = true;
    known.state = ResourceState::Requesting.name().into();
}

/// Nothing came of the request: what was known before it stands.
fn unnote(subject: &mut Subject<Catalog>, addition: &Addition, before: &[ResourceStatus]) {
    // One that was noted by a process before stays noted: its request may have arrived.
    match remembered(&addition.name, &addition.resource, before) {
        Some(known) => *entered(subject, addition) = known.clone(),
        None => {
            let is_it = |status: &ResourceStatus| status.name == addition.name && speaks_of(status, &addition.resource);
            subject.status.resources.retain(|status| !is_it(status));
        }
    }
}

/// Whether it was brought in, or may have been, by us.
fn was_ours(before: &[ResourceStatus], addition: &Addition) -> bool {
    remembered(&addition.name, &addition.resource, before).is_some_and(|status| status.added)
}

/// What status has of the resource.
fn entered<'a>(subject: &'a mut Subject<Catalog>, addition: &Addition) -> &'a mut ResourceStatus {
    let Addition {
        name,
        resource,
        is_seen: _,
    } = addition;
    let resources = &mut subject.status.resources;
    let is_it = |status: &ResourceStatus| status.name == *name && speaks_of(status, resource);
    let index = resources.iter().position(is_it).unwrap_or_else(|| {
        // The name stood for another resource: that one is not forgotten.
        for other in resources.iter_mut().filter(|status| status.name == *name) {
            other.name.push_str(" (leaving)");
        }
        resources.push(ResourceStatus {
            name: name.clone(),
            id: None,
            origin_id: resource.origin_id.clone(),
            origin_system: resource.origin_system.to_string(),
            scope_id: None,
            roles: Vec::new(),
            added: false,
            state: ResourceState::Requesting.name().into(),
            message: None,
        });
        resources.len() - 1
    });
    &mut resources[index]
}

/// Looks until all have shown with their roles, soon at first, less often later: one list for several. What has not
/// shown comes back as it went in.
async fn wait_for<'a>(
    tenant: &Tenant,
    catalog: &CatalogId,
    mut pending: Vec<Awaited<'a>>,
    patience: Duration,
) -> Step<(Vec<Resource>, Vec<Awaited<'a>>)> {
    let started = tenant.clock.instant();
    let mut wait = Duration::from_millis(50);
    let mut shown: Vec<Resource> = Vec::new();
    loop {
        let (told, listed): (Vec<_>, Vec<_>) = pending.into_iter().partition(|awaited| awaited.id.is_some());
        let mut seen = match listed.as_slice() {
            [] => Vec::new(),
            [one] => {
                let found = tenant.inventory.find_resource(catalog, &one.resource.origin_id).await?;
                found.into_iter().collect()
            }
            [_, _, ..] => {
                tenant
                    .inventory
                    .resources(catalog, Freshness::Within(Duration::ZERO))
                    .await?
                    .elements
            }
        };
        for awaited in &told {
            if let Some(id) = &awaited.id {
                seen.push(site_by_id(tenant, catalog, id, &awaited.resource.origin_id).await?);
            }
        }
        let is_whole = |resource: &&Resource| !resource.known_roles().is_empty();
        pending = Vec::new();
        for awaited in listed.into_iter().chain(told) {
            let found = seen.iter().find(|resource| {
                resource.origin_system == awaited.resource.origin_system
                    && same_origin(&resource.origin_id, &awaited.resource.origin_id)
            });
            match found.filter(is_whole) {
                Some(found) => shown.push(found.clone()),
                None => pending.push(awaited),
            }
        }
        let is_over = tenant.clock.since(started) >= patience;
        if is_over {
            // What shows without its roles is there all the same.
            shown.extend(seen.into_iter().filter(|seen| {
                let is_it = |awaited: &Awaited<'_>| same_origin(&seen.origin_id, &awaited.resource.origin_id);
                pending.iter().any(is_it)
            }));
            pending.retain(|awaited| {
                let is_it = |seen: &Resource| same_origin(&seen.origin_id, &awaited.resource.origin_id);
                !shown.iter().any(is_it)
            });
        }
        if pending.is_empty() || is_over {
            return Ok((shown, pending));
        }
        tenant.clock.sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(2));
    }
}

fn is_onboarded(error: &GraphError) -> bool {
    // No code was ever captured for this refusal; whatever it was, the look afterwards decides.
    error.status == Some(400) && error.message.to_lowercase().contains("already onboarded")
}

fn refused(name: &str, resource: &NewResource, is_seen: bool, error: &GraphError) -> Problem {
    if error.has_code("CallerNotResourceOwner") {
        let permission = match resource.origin_system {
            OriginSystem::AadGroup => "Group.ReadWrite.All (or make the application an owner of the group)",
            OriginSystem::AadApplication => "Application.ReadWrite.All",
            OriginSystem::DirectoryRole => {
                "RoleManagement.ReadWrite.Directory (or the directory role Privileged Role Administrator)"
            }
            OriginSystem::SharePointOnline | OriginSystem::Other(_) => "Sites.FullControl.All",
        };
        return Problem::new(
            Reason::NeedsTenantPermission,
            format!(
                "resource {name}: bringing it into the catalog needs the application permission {permission}; grant it, or let an administrator add the resource: {error}"
            ),
        )
        .traced(error.trace());
    }
    if error.has_code("ResourceNotFoundInOriginSystem") {
        let origin = &resource.origin_id;
        if is_seen {
            return Problem::new(
                Reason::ResourceNotReady,
                format!(
                    "resource {name}: entitlement management does not know {origin} yet; if it is new that passes by itself, otherwise check that it exists"
                ),
            );
        }
        let remedy = match resource.origin_system {
            OriginSystem::AadGroup => "write the object id of a group, not of a user or an application",
            OriginSystem::AadApplication => {
                "write the object id of the service principal (enterprise application), not the appId nor the object id of the app registration"
            }
            OriginSystem::SharePointOnline => "write the address of the site, not of a page or a library in it",
            OriginSystem::DirectoryRole => {
                "write the template id of a role as Microsoft Entra's list of built-in roles has it"
            }
            OriginSystem::Other(_) => "correct it",
        };
        return Problem::new(
            Reason::ReferenceNotFound,
            format!("resource {name}: entitlement management does not know {origin}"),
        )
        .remedy(remedy);
    }
    Problem::new(Reason::GraphRefused, format!("resource {name}: {error}")).traced(error.trace())
}

pub(crate) async fn remove_resource(
    tenant: &Tenant,
    observed: &mut Observed,
    name: &str,
    id: &ResourceId,
) -> Step<Done> {
    let SeenCatalog { catalog, resources, .. } = &mut observed.seen;
    match tenant.graph.request_resource_remove(&catalog.id, id).await {
        Ok(_) => {
            resources.retain(|resource| resource.id != *id);
            tenant.inventory.resource_gone(&catalog.id, id);
            Ok(Done::Changed)
        }
        Err(error) if error.has_code("InvalidDeleteResourceHasEntitlements") => {
            observed.removing.push(Problem::new(
                Reason::InUse,
                format!(
                    "resource {name}: packages still hand out its roles, or did until a moment ago, so it stays in the catalog until they stop"
                ),
            ));
            Ok(Done::Nothing)
        }
        // No list would tell of it: whoever asks for it by its id is told the same.
        Err(error)
            if is_unlisted(resources, id) && is_absent(tenant, &error).await? && is_nowhere(tenant, id).await? =>
        {
            resources.retain(|resource| resource.id != *id);
            Ok(Done::Changed)
        }
        // Whether that is so, the next look tells; a catalog that goes takes it along in any case.
        Err(error) if error.kind == GraphErrorKind::NotFound => {
            observed.removing.push(Problem::new(
                Reason::OutcomeUnknown,
                format!(
                    "resource {name}: Graph answered that it is not there, which is looked at before it is believed"
                ),
            ));
            Ok(Done::Nothing)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether it is of a system whose resources no list shows.
fn is_unlisted(resources: &[Resource], id: &ResourceId) -> bool {
    let found = resources.iter().find(|resource| resource.id == *id);
    found.is_some_and(|resource| !resource.origin_system.is_listed())
}

/// Whether nothing of this id is there, asked for by itself.
async fn is_nowhere(tenant: &Tenant, id: &ResourceId) -> Result<bool, GraphError> {
    match tenant.graph.get_resource(id).await {
        Ok(found) => Ok(found.is_none()),
        Err(error) => is_absent(tenant, &error).await,
    }
}

/// Whether an answer says that something is not there: 404, and 403 to whom everything is allowed in the tenant.
async fn is_absent(tenant: &Tenant, error: &GraphError) -> Result<bool, GraphError> {
    if error.kind == GraphErrorKind::Forbidden {
        return Ok(tenant.graph.token_claims().await?.is_tenant_wide());
    }
    Ok(error.kind == GraphErrorKind::NotFound)
}
