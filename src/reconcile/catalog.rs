//! Catalog: the catalog itself, and the resources in it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kube::{Api, Client, ResourceExt};

use super::{
    Kind, Managed, Visited,
    access_package::may_write,
    context::{Context, matching, title},
    directory::{DirectoryKey, application_key, group_key, site_key},
    halt::{Halt, Retry, Step},
    identity::{self, Candidate, Place, Takeover},
    inventory::Freshness,
    pipeline,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{
        AccessPackage, Adoption, Applied, Catalog, CatalogDeletionPolicy, CatalogResource, CatalogState, CatalogStatus,
        DriftPolicy, EntraObject, Intent, Management, PinnedReference, Reason, ResourceState, ResourceStatus,
        RoleStatus,
    },
    graph::{self, AppRole, CatalogId, GraphError, NewResource, OriginSystem, RequestState, Resource},
    plan::{
        Base, Change, Drift, Plan, Problem,
        catalog::{DesiredCatalog, DesiredResource, ObservedCatalog, find, plan},
        roles,
    },
    report::{Note, Report},
};
use std::sync::Arc;

/// The longest that one visit waits for a resource to show up in its catalog.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// What a catalog's spec points at.
pub(crate) struct CatalogReferences {
    tenant: Arc<Tenant>,
    resources: Vec<Result<ResolvedResource, Problem>>,
    pins: Vec<PinnedReference>,
    warning: Option<Problem>,
    retry: Option<Retry>,
}

struct ResolvedResource {
    index: usize,
    name: String,
    resource: NewResource,
    offered: Vec<String>,
    app_roles: Vec<AppRole>,
}

/// What Entra has, and what went wrong with single resources on the way.
pub(crate) struct Observed {
    catalog: ObservedCatalog,
    troubles: BTreeMap<String, Problem>,
    removing: Vec<Problem>,
}

impl Kind for Catalog {
    type Status = CatalogStatus;

    fn api(client: &Client, _namespace: Option<&str>) -> Api<Self> {
        Api::all(client.clone())
    }

    fn status(&self) -> Option<&Self::Status> {
        self.status.as_ref()
    }

    fn set_status(&mut self, status: Self::Status) {
        self.status = Some(status);
    }

    async fn visit(context: &Context, subject: &mut Subject<Self>) -> Step<Visited> {
        pipeline(context, subject).await
    }

    async fn finalise(context: &Context, subject: &mut Subject<Self>) -> Step<()> {
        finalise(context, subject).await
    }
}

impl Managed for Catalog {
    const NOUN: &'static str = "catalog";
    const TAKEOVER: &'static str = "create another Catalog with spec.id";
    const NAMES_ARE_UNIQUE: bool = false;
    type References = CatalogReferences;
    type Desired = DesiredCatalog;
    type Observed = Observed;

    fn entra(status: &mut CatalogStatus) -> &mut Option<EntraObject> {
        &mut status.entra
    }

    fn intent(status: &mut CatalogStatus) -> &mut Option<Intent> {
        &mut status.intent
    }

    fn applied(status: &mut CatalogStatus) -> &mut Option<Applied> {
        &mut status.applied
    }

    fn display_name(&self) -> String {
        self.spec.display_name.clone().unwrap_or_default()
    }

    fn takeover(&self) -> Takeover<'_> {
        Takeover {
            id: self.spec.id.as_deref(),
            adoption: Adoption::Never,
        }
    }

    fn tenant(references: &CatalogReferences) -> &Tenant {
        &references.tenant
    }

    fn place(references: &CatalogReferences) -> Place {
        let tenant = &references.tenant;
        Place {
            catalog_id: String::new(),
            parent_id: tenant.id.clone(),
            parent: format!("tenant {}", tenant.name),
        }
    }

    async fn look_by_name(tenant: &Tenant, _: &CatalogReferences, name: &str) -> Step<Vec<Candidate>> {
        Ok(tenant
            .graph
            .find_catalogs_named(name)
            .await?
            .into_iter()
            .map(candidate)
            .collect())
    }

    async fn look_by_id(tenant: &Tenant, _: &CatalogReferences, id: &str) -> Step<Option<Candidate>> {
        Ok(tenant
            .inventory
            .catalog(&CatalogId::from(id), Freshness::Now)
            .await?
            .map(candidate))
    }

    async fn resolve(context: &Context, subject: &mut Subject<Self>) -> Step<CatalogReferences> {
        let tenant = context.tenant(&subject.object.spec.tenant_ref.name).await?;
        subject.drift_interval = tenant.drift_interval;
        let pins = subject.status.pins();
        let mut references = CatalogReferences {
            tenant: Arc::clone(&tenant),
            resources: Vec::new(),
            pins: Vec::new(),
            warning: None,
            retry: None,
        };
        for (index, resource) in subject.object.spec.resources.iter().enumerate() {
            let resolved = resolve_resource(&tenant, index, resource, &pins, &mut references).await;
            let resolved = match resolved {
                Ok(resolved) => Ok(resolved),
                Err(halt) if halt.is_transient() => return Err(halt),
                Err(halt) => {
                    references.retry.get_or_insert(halt.retry);
                    Err(halt.problem)
                }
            };
            references.resources.push(resolved);
        }
        Ok(references)
    }

    fn desire(subject: &Subject<Self>, references: &CatalogReferences) -> Step<DesiredCatalog> {
        let spec = &subject.object.spec;
        Ok(DesiredCatalog {
            display_name: spec.display_name.clone(),
            description: spec.description.clone(),
            state: spec.state.map(|state| match state {
                CatalogState::Published => graph::CatalogState::Published,
                CatalogState::Unpublished => graph::CatalogState::Unpublished,
            }),
            externally_visible: spec.externally_visible,
            resources: references
                .resources
                .iter()
                .flatten()
                .map(|resolved| DesiredResource {
                    name: resolved.name.clone(),
                    resource: resolved.resource.clone(),
                })
                .collect(),
            unresolved: references
                .resources
                .iter()
                .filter_map(|resource| resource.as_ref().err().cloned())
                .collect(),
        })
    }

    async fn observe(
        subject: &mut Subject<Self>,
        references: &CatalogReferences,
        freshness: Freshness,
    ) -> Step<Observed> {
        let inventory = &references.tenant.inventory;
        let catalog = match identity::proven(subject, &references.tenant) {
            None => ObservedCatalog::Unborn,
            Some(entra) => {
                let id = CatalogId::from(entra.id.as_str());
                match inventory.catalog(&id, freshness).await? {
                    None => ObservedCatalog::Gone { id: entra.id },
                    Some(catalog) => ObservedCatalog::Present {
                        catalog,
                        resources: inventory.resources(&id, freshness).await?,
                    },
                }
            }
        };
        Ok(Observed {
            catalog,
            troubles: BTreeMap::new(),
            removing: Vec::new(),
        })
    }

    fn plan(
        subject: &mut Subject<Self>,
        references: &CatalogReferences,
        desired: &DesiredCatalog,
        observed: &Observed,
    ) -> Step<Plan> {
        let drift = Drift {
            policy: DriftPolicy::Cautious,
            requested: subject.requested().is_some(),
        };
        let base = Base::of(subject.status.applied.as_ref());
        let plan = plan(desired, &observed.catalog, &subject.status.resources, base, drift);
        Ok(plan
            .managed(references.tenant.management)
            .managed(subject.object.spec.management))
    }

    async fn apply(
        context: &Context,
        subject: &mut Subject<Self>,
        references: &CatalogReferences,
        plan: &Plan,
        mut observed: Observed,
    ) -> Step<Observed> {
        let tenant = &references.tenant;
        for change in &plan.changes {
            match change {
                Change::CreateCatalog(fields) => {
                    let send = async {
                        let made = tenant.graph.create_catalog(fields).await?;
                        Ok((made.id.to_string(), made))
                    };
                    let place = Self::place(references);
                    let catalog = identity::create(context, tenant, subject, references, &place, send).await?;
                    tenant.inventory.catalog_born(&catalog).await;
                    observed.catalog = ObservedCatalog::Present {
                        catalog,
                        resources: Vec::new(),
                    };
                }
                Change::UpdateCatalog { patch, .. } => {
                    if let ObservedCatalog::Present { catalog, .. } = &mut observed.catalog {
                        tenant.graph.update_catalog(&catalog.id, patch).await?;
                        patched(catalog, patch);
                        tenant.inventory.remember_catalog(catalog).await;
                        subject.notes.push(Note::done(Reason::Updated, change.to_string()));
                    }
                }
                Change::AddResource { name, resource } => {
                    add_resource(tenant, subject, &mut observed, name, resource, change).await?;
                }
                Change::RemoveResource { name, id } => {
                    remove_resource(tenant, subject, &mut observed, name, id, change).await?;
                }
                Change::CreateAccessPackage(_)
                | Change::UpdateAccessPackage { .. }
                | Change::AddResourceRole { .. }
                | Change::RemoveResourceRole { .. }
                | Change::CreateAssignmentPolicy(_)
                | Change::ReplaceAssignmentPolicy { .. } => {}
            }
        }
        Ok(observed)
    }

    fn conclude(
        subject: &mut Subject<Self>,
        references: &CatalogReferences,
        _desired: &DesiredCatalog,
        observed: &Observed,
        plan: &Plan,
    ) -> Report {
        let mut problems: Vec<Problem> = Vec::new();
        if let ObservedCatalog::Present { resources, .. } = &observed.catalog {
            if may_write(&references.tenant, subject.object.spec.management) {
                subject.status.applied = Some(plan.applied.clone());
            }
            let known = std::mem::take(&mut subject.status.resources);
            let spec = &subject.object.spec;
            let mut statuses: Vec<(ResourceStatus, Option<Problem>)> = spec
                .resources
                .iter()
                .zip(&references.resources)
                .map(|(spec, resolved)| {
                    let before = known.iter().find(|status| status.name == spec.name);
                    resource_status(
                        spec,
                        resolved,
                        resources,
                        before,
                        observed,
                        subject.object.spec.management,
                    )
                })
                .collect();
            problems.extend(statuses.iter().filter_map(|(_, problem)| problem.clone()));
            let mut statuses: Vec<ResourceStatus> = statuses.drain(..).map(|(status, _)| status).collect();
            // What the spec no longer names stays listed until it is gone from the catalog.
            statuses.extend(
                known
                    .into_iter()
                    .filter(|status| {
                        status.added
                            && spec.resources.iter().all(|resource| resource.name != status.name)
                            && resources.iter().any(|resource| {
                                crate::plan::catalog::same_origin(&resource.origin_id, &status.origin_id)
                            })
                    })
                    .map(|status| ResourceStatus {
                        state: ResourceState::Removing.name().into(),
                        ..status
                    }),
            );
            subject.status.resources = statuses;
        } else {
            problems.extend(
                references
                    .resources
                    .iter()
                    .filter_map(|resource| resource.as_ref().err().cloned()),
            );
        }
        subject.status.resolved.clone_from(&references.pins);
        let unresolved = references
            .resources
            .iter()
            .find_map(|resource| resource.as_ref().err().cloned());
        let held = plan.held_problem(&subject.request_command());
        let sync = held
            .clone()
            .or_else(|| problems.first().cloned())
            .or_else(|| observed.removing.first().cloned());
        let count = problems.len();
        let ready = match (
            held.filter(|held| held.reason != Reason::DriftReported),
            problems.into_iter().next(),
        ) {
            (Some(held), _) => Err(held),
            (None, Some(problem)) if count > 1 => Err(Problem::new(
                problem.reason,
                format!("{} (and {} more)", problem.message, count - 1),
            )),
            (None, Some(problem)) => Err(problem),
            (None, None) => match observed.removing.first() {
                Some(problem) => Err(problem.clone()),
                None => Ok(Problem::new(
                    if subject.object.spec.management == Management::Observe {
                        Reason::Observed
                    } else {
                        Reason::InSync
                    },
                    format!("catalog with {} resources", subject.status.resources.len()),
                )),
            },
        };
        Report {
            ready,
            references: unresolved,
            sync,
            warning: references.warning.clone(),
        }
    }

    fn comes_back(report: &Report, references: &CatalogReferences) -> Retry {
        match (&report.ready, references.retry) {
            (Err(problem), _) if matches!(problem.reason, Reason::ResourceNotReady) => {
                Retry::After(Duration::from_secs(2))
            }
            (Err(_), Some(retry)) => retry,
            (Err(problem), None) if matches!(problem.reason, Reason::NeedsTenantPermission | Reason::GraphRefused) => {
                Retry::Backoff
            }
            _ => Retry::OnChange,
        }
    }
}

fn candidate(catalog: graph::Catalog) -> Candidate {
    Candidate {
        id: catalog.id.to_string(),
        display_name: catalog.display_name,
        created: catalog.created,
    }
}

fn patched(catalog: &mut graph::Catalog, patch: &graph::CatalogPatch) {
    let graph::CatalogPatch {
        display_name,
        description,
        state,
        externally_visible,
    } = patch.clone();
    if let Some(display_name) = display_name {
        catalog.display_name = display_name;
    }
    catalog.description = description.or(catalog.description.take());
    catalog.state = state.or(catalog.state.take());
    catalog.externally_visible = externally_visible.unwrap_or(catalog.externally_visible);
}

/// What a resource of the spec is in the directory.
async fn resolve_resource(
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
            Reason::ResourceNotReady,
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
async fn add_resource(
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
            Err(error) if is_onboarded(&error) || error.kind == graph::GraphErrorKind::OutcomeUnknown => {}
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
            Some(known) => known.added = true,
            None => subject.status.resources.push(ResourceStatus {
                name: name.to_owned(),
                id: None,
                origin_id: resource.origin_id.clone(),
                origin_system: resource.origin_system.to_string(),
                scope_id: None,
                roles: Vec::new(),
                added: true,
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
    let started = Instant::now();
    let mut wait = Duration::from_millis(50);
    loop {
        let found = tenant.inventory.find_resource(catalog, origin_id).await?;
        let is_whole = found.as_ref().is_some_and(|resource| !resource.roles.is_empty());
        if is_whole || started.elapsed() > LONGEST_WAIT {
            return Ok(found);
        }
        tokio::time::sleep(wait).await;
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

async fn remove_resource(
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
fn resource_status(
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
                message: Some(problem.message.clone()),
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
        message: problem.as_ref().map(|problem| problem.message.clone()),
    };
    (status, problem)
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

async fn finalise(context: &Context, subject: &mut Subject<Catalog>) -> Step<()> {
    let name = subject.object.name_any();
    let is_made = |package: &AccessPackage| {
        package
            .status
            .as_ref()
            .is_some_and(|status| status.entra.is_some() || status.intent.is_some())
    };
    let dependants: Vec<String> = matching(&context.stores.packages, |package| {
        package.spec.catalog_ref.name == name && is_made(package)
    })
    .iter()
    .map(title)
    .collect();
    if let Some(first) = dependants.first() {
        return Err(Halt::sync(
            Reason::DependantsRemain,
            format!(
                "{} access packages of this catalog still exist, {first} first; the catalog goes when they are gone",
                dependants.len()
            ),
            Retry::After(Duration::from_secs(10)),
        ));
    }
    let keeps = subject.object.spec.deletion_policy == CatalogDeletionPolicy::Orphan
        || subject.object.spec.management == Management::Observe
        || subject.is_to_be_orphaned();
    let known = subject
        .status
        .entra
        .clone()
        .filter(|entra| entra.owner_uid == subject.uid());
    if keeps {
        if let Some(entra) = known {
            subject.notes.push(Note::done(
                Reason::Released,
                format!("catalog {} stays in Entra as it is", entra.id),
            ));
        }
        return Ok(());
    }
    if known.is_none() && subject.status.intent.is_none() {
        return Ok(());
    }
    let tenant = context.tenant(&subject.object.spec.tenant_ref.name).await?;
    subject.drift_interval = tenant.drift_interval;
    let references = CatalogReferences {
        tenant: Arc::clone(&tenant),
        resources: Vec::new(),
        pins: Vec::new(),
        warning: None,
        retry: None,
    };
    if subject.status.intent.is_some() {
        let place = Catalog::place(&references);
        identity::settle(context, &tenant, subject, &references, &place).await?;
    }
    match identity::proven(subject, &tenant) {
        Some(entra) => delete(&tenant, subject, &CatalogId::from(entra.id.as_str())).await,
        None => Ok(()),
    }
}

/// Packages are never deleted with their catalog; resources that we brought in go first.
async fn delete(tenant: &Tenant, subject: &mut Subject<Catalog>, id: &CatalogId) -> Step<()> {
    if tenant.inventory.catalog(id, Freshness::Now).await?.is_none() {
        subject.notes.push(Note::done(
            Reason::Deleted,
            format!("catalog {id} was gone from Entra already"),
        ));
        return Ok(());
    }
    let packages = tenant.inventory.packages(id, Freshness::Now).await?;
    if let Some(first) = packages.first() {
        return Err(Halt::sync(
            Reason::NotOurs,
            format!(
                "the catalog holds {} access packages that no object here manages, {:?} first; delete them in Entra, or let the catalog stay: annotate this object with {}=true",
                packages.len(),
                first.display_name,
                crate::api::ORPHAN
            ),
            Retry::After(Duration::from_secs(30)),
        ));
    }
    let resources = tenant.inventory.resources(id, Freshness::Now).await?;
    for known in subject.status.resources.iter().filter(|known| known.added) {
        let found = resources
            .iter()
            .find(|resource| crate::plan::catalog::same_origin(&resource.origin_id, &known.origin_id));
        if let Some(resource) = found {
            tenant
                .graph
                .request_resource_remove(id, &resource.id)
                .await
                .map_err(|error| {
                    let retry = Retry::Backoff;
                    if error.has_code("InvalidDeleteResourceHasEntitlements") {
                        Halt::sync(
                            Reason::DependantsRemain,
                            format!(
                                "resource {}: Entra still counts a package that uses it; trying again",
                                known.name
                            ),
                            retry,
                        )
                    } else {
                        error.into()
                    }
                })?;
        }
    }
    tenant.graph.delete_catalog(id).await?;
    tenant.inventory.catalog_gone(id).await;
    subject
        .notes
        .push(Note::done(Reason::Deleted, format!("deleted catalog {id} in Entra")));
    Ok(())
}
