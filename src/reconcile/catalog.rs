//! Catalog: the catalog itself, and the resources in it.

use std::{collections::BTreeMap, time::Duration};

use kube::{Api, Client, ResourceExt};

use super::{
    Kind, Managed, Takeover, Visited, Weighing, brake,
    catalog_resources::{add_resources, remove_resource, resolve_resources, with_unlisted_sites},
    catalog_roles::{FoundRoles, resolve_roles},
    coming::Announcement,
    context::Context,
    directory::Memory,
    execute::{Done, Failure, ServiceTime as _},
    grants::{NamedByGrants, find_named, limit},
    halt::{Halt, Retry, Step},
    identity::{Place, Site, refuse_unreadable},
    inventory::Freshness,
    parting::{depart, nothing_there},
    pipeline,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{
        Adoption, Catalog, CatalogDeletionPolicy, DeletionPolicy, DriftPolicy, EntraStatus as _, Management,
        PinnedReference, Reason, ResourceStatus,
    },
    cluster::Lookup,
    graph::{self, CatalogId, Read, Removed, RequestState, RoleAssignment},
    plan::{
        self, Base, Canonical as _, Found, Plan, Problem, Rules,
        bindings::{DirectoryKey, given_by_id, remember},
        catalog::{
            CatalogAct, DesiredAssignment, DesiredCatalog, DesiredRoles, SeenCatalog, leave, matter, plan,
            told_attributes, unwanted,
        },
        departure::Next,
        desire,
        identity::Candidate,
        limits,
        resources::{self, ResolvedResource, Trouble},
        sites::same_origin,
    },
    report::Report,
};
use std::sync::Arc;

/// What a catalog's spec points at.
pub(crate) struct CatalogReferences {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) resources: Vec<Result<ResolvedResource, Problem>>,
    /// What status knew of them when the visit began.
    known: Vec<ResourceStatus>,
    pub(crate) pins: Vec<PinnedReference>,
    pub(crate) warning: Option<Problem>,
    /// Who is to have which role on it.
    roles: DesiredRoles,
    /// Whether it has to be read who has which.
    roles_matter: bool,
    /// Whom its grants name, and nobody has found.
    unknown: Vec<Problem>,
    /// What stands in Entra and exceeds the present grants.
    outside: Option<Problem>,
    /// What of it goes at once, and waits for a person.
    prune: Option<Problem>,
    pub(crate) retry: Option<Retry>,
}

/// What Entra has, and what went wrong with single resources on the way.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) seen: SeenCatalog,
    pub(crate) troubles: BTreeMap<String, Trouble>,
    pub(crate) removing: Vec<Problem>,
}

impl Observed {
    fn of(catalog: graph::Catalog, resources: Vec<graph::Resource>) -> Self {
        Self {
            seen: SeenCatalog {
                catalog,
                resources,
                unreadable: false,
                // What was just made has nobody's but the one of whoever made it.
                roles: Read::Read(Vec::new()),
                packages: Read::Unread,
            },
            troubles: BTreeMap::new(),
            removing: Vec::new(),
        }
    }
}

impl Kind for Catalog {
    const TELLS_SILENCE: bool = true;

    fn api(client: &Client, _namespace: Option<&str>) -> Api<Self> {
        Api::all(client.clone())
    }

    async fn visit(context: &Context, subject: &mut Subject<Self>) -> Step<Visited> {
        pipeline(context, subject).await
    }

    async fn finalise(context: &Context, subject: &mut Subject<Self>) -> Step<()> {
        depart(context, subject).await
    }
}

impl Managed for Catalog {
    const NOUN: &'static str = "catalog";
    const TAKEOVER: &'static str = "create another Catalog with spec.id";
    const NAMES_ARE_UNIQUE: bool = false;
    type Act = CatalogAct;
    type References = CatalogReferences;
    type Desired = DesiredCatalog;
    type Observed = Observed;
    type Around = ();

    fn display_name(&self) -> String {
        self.spec.display_name.canonical() // taken over by id, it may have none of ours
    }

    fn description(&self) -> String {
        self.spec.description.clone().unwrap_or_default() // taken over by id, it may have none of ours
    }

    fn takeover(&self) -> Takeover<'_> {
        Takeover {
            id: self.spec.id.as_deref(),
            adoption: Adoption::Never,
        }
    }

    fn given_by_id(&self) -> Vec<(String, DirectoryKey)> {
        given_by_id(&self.spec)
    }

    fn management(&self) -> Management {
        self.spec.management
    }

    fn site(references: &CatalogReferences) -> Site {
        site(&references.tenant)
    }

    async fn look_by_name(site: &Site, name: &str) -> Step<Vec<Candidate>> {
        let found = site.tenant.graph.find_catalogs_named(name).await?;
        refuse_unreadable(&found.unreadable, &site.place.parent)?;
        Ok(found.elements.into_iter().map(candidate).collect())
    }

    async fn look_by_id(site: &Site, id: &str) -> Step<Found<Candidate>> {
        let found = site
            .tenant
            .inventory
            .catalog(&CatalogId::from(id), Freshness::Now)
            .await?;
        Ok(found.map(candidate))
    }

    async fn search(site: &Site, name: &str, begun_ago: Duration) -> Step<Vec<Candidate>> {
        let found = site.tenant.inventory.search_catalogs(name, begun_ago).await?;
        Ok(found.named.elements.into_iter().map(candidate).collect())
    }

    async fn resolve(context: &Context, subject: &mut Subject<Self>) -> Step<CatalogReferences> {
        let spec = &subject.object.spec;
        limits::well_named(spec.display_name.as_deref(), spec.id.as_deref()).map_err(limit)?;
        let tenant = context.tenant(&subject.object.spec.tenant_ref.name).await?;
        subject.drift_interval = tenant.drift_interval;
        let mut resolved = resolve_resources(&tenant, subject).await?;
        let pins = PinnedReference::map(&subject.status.resolved);
        let memory = Memory {
            pins: &pins,
            asked_for: subject.requested().is_some(),
            wants_news: false,
        };
        let FoundRoles {
            desired: mut roles,
            pins: holders,
            warning: moved,
            retry: missing,
        } = resolve_roles(&tenant, &subject.object, memory).await?;
        holders
            .into_iter()
            .for_each(|pin| remember(&mut resolved.pins, Some(pin)));
        let NamedByGrants {
            pins: named,
            warning: renamed,
            unresolved: unknown,
            retry: unfound,
        } = find_named(&tenant, &subject.object.spec, memory).await;
        named
            .into_iter()
            .for_each(|pin| remember(&mut resolved.pins, Some(pin)));
        let applied = subject.status.applied();
        let (mark, visibility) = (&context.mark, context.settings.visibility);
        let now = tenant.graph.service_time(context.now());
        roles.reads_may_be_late |= plan::drift::hides_for(applied, mark, now, visibility).is_some();
        let base = Base::of(applied);
        Ok(CatalogReferences {
            roles_matter: matter(&subject.object.spec.role_assignments, base),
            roles,
            tenant,
            known: subject.status.resources.clone(),
            resources: resolved.resources,
            pins: resolved.pins,
            warning: resolved.warning.or(moved).or(renamed),
            unknown,
            outside: limits::told_outside(&context.cluster.outside_grants(&subject.object.name_any())),
            prune: brake::told(&context.cluster, &subject.object, subject.now),
            retry: resolved.retry.or(missing).or(unfound),
        })
    }

    fn desire(subject: &Subject<Self>, references: &CatalogReferences) -> Step<DesiredCatalog> {
        Ok(desire::catalog(
            &subject.object.spec,
            &references.resources,
            references.roles.clone(),
        ))
    }

    async fn observe(references: &CatalogReferences, id: Option<&str>, freshness: Freshness) -> Step<Found<Observed>> {
        match id {
            Some(id) => {
                let CatalogReferences {
                    tenant,
                    known,
                    resources,
                    roles_matter,
                    ..
                } = references;
                let mut found = look(tenant, id, freshness, known, resources).await?;
                if let (Found::Present(observed), true) = (&mut found, *roles_matter) {
                    observed.seen.roles = Read::Read(roles(tenant, &id.into()).await?);
                }
                if let (Found::Present(observed), true) = (&mut found, may_remove(known, resources)) {
                    let packages = tenant.inventory.packages(&id.into(), freshness).await?;
                    observed.seen.packages = Read::Read(packages);
                }
                Ok(found)
            }
            None => Ok(Found::Unborn),
        }
    }

    async fn look_around(_references: &CatalogReferences, _freshness: Freshness) -> Step<()> {
        Ok(()) // no grant limits a Catalog
    }

    fn announce(_subject: &Subject<Self>, _references: &CatalogReferences) -> Option<Announcement> {
        None
    }

    fn plan(
        subject: &Subject<Self>,
        _references: &CatalogReferences,
        desired: &DesiredCatalog,
        observed: &Found<Observed>,
        _around: &(),
        weighing: Weighing<'_>,
    ) -> Plan<CatalogAct> {
        let rules = Rules {
            base: weighing.base,
            drift: subject.drift(DriftPolicy::Cautious),
            // A Catalog is the platform team's: no grant limits it.
            limit: None,
            confirmed: weighing.confirmed,
            waits: weighing.waits,
        };
        let seen = observed.clone().map(|observed| observed.seen);
        plan(desired, &seen, &subject.status.resources, &rules)
    }

    async fn perform(
        context: &Context,
        subject: &mut Subject<Self>,
        site: &Site,
        act: &CatalogAct,
        observed: &mut Found<Observed>,
    ) -> Result<Done, Failure> {
        let tenant = &site.tenant;
        if let CatalogAct::Create(fields) = act {
            let made = tenant.graph.create_catalog(fields).await?;
            tenant.inventory.catalog_born(&made);
            let id = made.id.to_string();
            *observed = Found::Present(Observed::of(made, Vec::new()));
            return Ok(Done::Made { id });
        }
        let Found::Present(observed) = observed else {
            return Err(nothing_there(act));
        };
        match act {
            CatalogAct::Identity(_) | CatalogAct::Create(_) => {} // not requests, or done above
            CatalogAct::Update(patch) => {
                let catalog = &mut observed.seen.catalog;
                tenant.graph.update_catalog(&catalog.id, patch).await?;
                patched(catalog, patch);
                tenant.inventory.remember_catalog(catalog);
            }
            CatalogAct::AddResources(additions) => {
                return Ok(add_resources(context, tenant, subject, observed, additions).await?);
            }
            CatalogAct::RemoveResource { name, id } => {
                let done = remove_resource(tenant, observed, name, id).await?;
                if let Done::Changed = done {
                    // Whatever comes next, it is not taken out twice.
                    let statuses = subject.status.resources.iter_mut();
                    let is_it = |status: &&mut ResourceStatus| status.id.as_deref() == Some(id.as_str());
                    statuses.filter(is_it).for_each(|status| status.added = false);
                }
                return Ok(done);
            }
            CatalogAct::UpdateAttributes {
                name,
                origin_id,
                attributes,
            } => {
                let SeenCatalog { catalog, resources, .. } = &mut observed.seen;
                let mut resources = resources.iter_mut();
                let it = resources.find(|resource| same_origin(&resource.origin_id, origin_id));
                // It was to be brought in, and is not: its own trouble tells.
                let Some(resource) = it else {
                    return Ok(Done::Nothing);
                };
                let asked = tenant
                    .graph
                    .request_resource_update(&catalog.id, &resource.id, attributes)
                    .await?;
                if matches!(asked.state, RequestState::DeliveryFailed | RequestState::Denied) {
                    let what = format!("Entra could not change it (request {} is {})", asked.id, asked.state);
                    let halt = Halt::sync(Reason::GraphRefused, what, Retry::Backoff);
                    return Err(halt.into());
                }
                resource.attributes = if knows_all(attributes) {
                    Read::Read(attributes.clone())
                } else {
                    // Those that are new have ids now, by which they stay the same ones.
                    let found = tenant.graph.find_resource(&catalog.id, origin_id).await;
                    let told = found.ok().flatten().map(|found| found.attributes);
                    let wanted = told_attributes(name, attributes);
                    let shows = |read: &Vec<_>| told_attributes(name, read) == wanted;
                    told.filter(|told| told.known().is_some_and(shows))
                        .unwrap_or(Read::Unread)
                };
                // A site that no list shows is none that a list has shown.
                if resource.origin_system.is_listed() {
                    tenant.inventory.resource_changed(&catalog.id, resource.clone());
                }
                return Ok(Done::Told(told_attributes(name, attributes)));
            }
            CatalogAct::AssignRole(DesiredAssignment {
                name: _,
                role,
                principal,
            }) => {
                let id = &observed.seen.catalog.id;
                let given = tenant.graph.assign_role(id, role, principal).await?;
                tenant.role_writes.given(id, given.clone());
                if let Some(roles) = observed.seen.roles.known_mut() {
                    roles.push(given);
                }
            }
            CatalogAct::RemoveRole(assignment) => {
                let id = &observed.seen.catalog.id;
                match tenant.graph.remove_role_assignment(&assignment.id).await? {
                    Removed::Away => tenant.role_writes.taken(id, assignment.id.clone()),
                    Removed::NotFound => return Ok(Done::NotFound),
                }
                if let Some(roles) = observed.seen.roles.known_mut() {
                    roles.retain(|one| one.id != assignment.id);
                }
            }
            CatalogAct::Delete => {
                let id = &observed.seen.catalog.id;
                let begun = tenant.inventory.moment();
                match tenant.graph.delete_catalog(id).await? {
                    Removed::Away => tenant.inventory.catalog_gone(id),
                    Removed::NotFound => {
                        tenant.inventory.catalog_missed(id, begun);
                        return Ok(Done::NotFound);
                    }
                }
            }
        }
        Ok(Done::Changed)
    }

    fn told(_site: &Site, subject: &Subject<Self>, step: &plan::Step<CatalogAct>) -> String {
        match &step.act {
            CatalogAct::Delete => {
                let id = subject
                    .status
                    .identity
                    .entra
                    .as_ref()
                    .map_or("", |entra| entra.id.as_str());
                format!("deleted catalog {id} in Entra")
            }
            CatalogAct::Identity(_)
            | CatalogAct::Create(_)
            | CatalogAct::Update(_)
            | CatalogAct::AddResources(_)
            | CatalogAct::RemoveResource { .. }
            | CatalogAct::UpdateAttributes { .. }
            | CatalogAct::AssignRole(_)
            | CatalogAct::RemoveRole(_) => step.to_string(),
        }
    }

    fn conclude(
        subject: &mut Subject<Self>,
        references: &CatalogReferences,
        _desired: &DesiredCatalog,
        observed: &Found<Observed>,
        _around: &(),
        plan: &Plan<CatalogAct>,
    ) -> Report {
        let mut problems: Vec<Problem> = Vec::new();
        let mut warning = silence(subject, references).or_else(|| references.warning.clone());
        let outside = references.prune.clone().into_iter().chain(references.outside.clone());
        let removing = observed.present().map_or(&[][..], |observed| &observed.removing);
        if let Found::Present(observed) = observed {
            let resources = &observed.seen.resources;
            let told = resources::statuses(
                &subject.object.spec.resources,
                &references.resources,
                resources,
                &subject.status.resources,
                &observed.troubles,
                subject.object.spec.management,
            );
            problems.extend(told.problems);
            warning = warning.or(told.warning);
            subject.status.resources = told.resources;
        } else {
            problems.extend(
                references
                    .resources
                    .iter()
                    .filter_map(|resource| resource.as_ref().err().cloned()),
            );
        }
        problems.extend(references.roles.unresolved.iter().chain(&references.unknown).cloned());
        subject.status.resolved.clone_from(&references.pins);
        subject.status.effective = limits::effective(&subject.object.spec);
        let unresolved = references
            .resources
            .iter()
            .find_map(|resource| resource.as_ref().err().cloned())
            .or_else(|| references.roles.unresolved.first().cloned())
            .or_else(|| references.unknown.first().cloned());
        let reopen = subject.request_command();
        let held = plan.held_problem(&reopen);
        let sync = held
            .clone()
            .or_else(|| problems.first().cloned())
            .or_else(|| removing.first().cloned());
        let count = problems.len();
        let ready = match (plan.obstacle(&reopen), problems.into_iter().next()) {
            (Some(held), _) => Err(held),
            (None, Some(problem)) if count > 1 => Err(Problem::new(
                problem.reason,
                format!("{} (and {} more)", problem.message(), count - 1),
            )),
            (None, Some(problem)) => Err(problem),
            (None, None) => match removing.first() {
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
            // Neither hides the other.
            warning: Problem::joined(&outside.chain(warning).collect::<Vec<_>>()),
        }
    }

    fn comes_back(_subject: &Subject<Self>, report: &Report, references: &CatalogReferences) -> Retry {
        // What may not show yet is looked at once it must: until then nobody knows whether it is still ours.
        let is_late = references.roles_matter && references.roles.reads_may_be_late;
        if let (Ok(_), true) = (&report.ready, is_late) {
            return Retry::After(references.tenant.visibility);
        }
        match (&report.ready, references.retry) {
            (Err(problem), _) if matches!(problem.reason, Reason::ResourceNotReady) => Retry::Backoff,
            (Err(_), Some(retry)) => retry,
            (Err(problem), None) if matches!(problem.reason, Reason::NeedsTenantPermission | Reason::GraphRefused) => {
                Retry::Backoff
            }
            (Ok(_), _) | (Err(_), None) => Retry::OnChange,
        }
    }

    fn way_out(context: &Context, subject: &Subject<Self>) -> Step<Option<DeletionPolicy>> {
        let keeps = subject.object.spec.deletion_policy == CatalogDeletionPolicy::Orphan
            || subject.object.spec.management == Management::Observe
            || subject.is_to_be_orphaned();
        if keeps {
            // Nothing is taken from those who use it: it waits for nobody.
            return Ok(None);
        }
        let packages = context.cluster.packages_of_catalog(&subject.object.name_any());
        let packages = packages.iter().filter(|package| package.is_made());
        remain("access packages", packages.map(Lookup::title).collect())?;
        // They go by the tenant that this Catalog names: with several that reach it, nobody else could tell.
        let policies = match &subject.status.identity.entra {
            Some(entra) => context.cluster.policies_in(entra),
            None => Vec::new(), // what was never made holds none
        };
        remain("assignment policies", policies)?;
        Ok(Some(DeletionPolicy::Delete))
    }

    async fn last_site(context: &Context, subject: &Subject<Self>) -> Step<Site> {
        let tenant = context.tenant(&subject.object.spec.tenant_ref.name).await?;
        Ok(site(&tenant))
    }

    async fn observe_leaving(site: &Site, id: &str) -> Step<Found<Observed>> {
        // What status tells of its sites is looked at by the plan.
        let mut found = look(&site.tenant, id, Freshness::Now, &[], &[]).await?;
        if let Found::Present(observed) = &mut found {
            let id = CatalogId::from(id);
            observed.seen.packages = Read::Read(site.tenant.inventory.packages(&id, Freshness::Now).await?);
        }
        Ok(found)
    }

    fn plan_leaving(
        subject: &Subject<Self>,
        _site: &Site,
        observed: &Found<Observed>,
        _holders: Option<&graph::Listed<graph::Assignment>>,
        _method: DeletionPolicy,
    ) -> (Plan<CatalogAct>, Next) {
        let Found::Present(observed) = observed else {
            return (Plan::default(), Next::Done);
        };
        let packages: Option<Vec<&str>> = observed.seen.packages.known().map(|packages| {
            let readable = packages.elements.iter().map(|package| package.display_name.as_str());
            // What cannot be read is there too.
            let unreadable = packages
                .unreadable
                .iter()
                .map(|package| package.display_name.as_deref());
            readable
                .chain(unreadable.map(|name| name.map_or("one that cannot be read", |name| name)))
                .collect()
        });
        (
            leave(&observed.seen, packages.as_deref(), &subject.status.resources),
            Next::Done,
        )
    }

    fn package_of<'a>(_site: &'a Site, id: &'a str) -> &'a str {
        id // a catalog has no holders, and is never asked for them
    }

    fn follow(_site: &mut Site, _place: &str) {} // a catalog has no other place to be
}

/// Whether each question has the id that it keeps.
fn knows_all(attributes: &[graph::ResourceAttribute]) -> bool {
    attributes.iter().all(|attribute| match attribute {
        graph::ResourceAttribute::Asked { question, .. } => question.id.is_some(),
        graph::ResourceAttribute::Unknown { .. } => false,
    })
}

/// Whether something may have to be taken out of the catalog: then it matters who uses it.
fn may_remove(known: &[ResourceStatus], resolved: &[Result<ResolvedResource, Problem>]) -> bool {
    let wanted = desire::resources(resolved);
    wanted.len() == resolved.len() && unwanted(&wanted, known).next().is_some()
}

/// Waits for those who need the Catalog to go, by their titles.
fn remain(what: &str, mut dependants: Vec<String>) -> Step<()> {
    dependants.sort();
    match dependants.first() {
        Some(first) => Err(Halt::sync(
            Reason::DependantsRemain,
            format!(
                "{} {what} of this catalog still exist, {first} first; the catalog goes when they are gone",
                dependants.len()
            ),
            Retry::After(Duration::from_secs(10)),
        )),
        None => Ok(()),
    }
}

/// What is said where the packages of the catalog could not be listed for long: nobody notices what is done to them.
fn silence(subject: &Subject<Catalog>, references: &CatalogReferences) -> Option<Problem> {
    let id = CatalogId::from(subject.status.identity.entra.as_ref()?.id.as_str());
    let tenant = &references.tenant;
    tenant.inventory.stale_for(&id).is_some().then(|| {
        Problem::new(
            Reason::GraphUnavailable,
            "the access packages of this catalog could not be listed for three drift intervals or more, so nobody notices what changes about them in Entra",
        )
        .remedy(format!(
            "see the operator's log for what it was answered; where the list only takes long, raise spec.driftInterval of EntraTenant {:?}",
            tenant.name
        ))
    })
}

fn site(tenant: &Arc<Tenant>) -> Site {
    Site {
        tenant: Arc::clone(tenant),
        place: Place {
            catalog_id: String::new(),
            parent_id: tenant.id.clone(),
            parent: format!("tenant {}", tenant.name),
        },
    }
}

async fn look(
    tenant: &Tenant,
    id: &str,
    freshness: Freshness,
    known: &[ResourceStatus],
    resolved: &[Result<ResolvedResource, Problem>],
) -> Step<Found<Observed>> {
    let catalog_id = CatalogId::from(id);
    let catalog = match tenant.inventory.catalog(&catalog_id, freshness).await? {
        Found::Present(catalog) => catalog,
        Found::Unborn | Found::Gone { .. } | Found::Elsewhere { .. } => return Ok(Found::Gone { id: id.to_owned() }),
    };
    let listed = tenant.inventory.resources(&catalog_id, freshness).await?;
    let resources = with_unlisted_sites(tenant, &catalog_id, listed.elements, known, resolved, freshness).await?;
    Ok(Found::Present(Observed {
        seen: SeenCatalog {
            catalog,
            resources,
            unreadable: !listed.unreadable.is_empty(),
            roles: Read::Unread,
            packages: Read::Unread,
        },
        troubles: BTreeMap::new(),
        removing: Vec::new(),
    }))
}

/// Who has which role on it, with what we gave and took a moment ago.
async fn roles(tenant: &Tenant, id: &CatalogId) -> Step<Vec<RoleAssignment>> {
    let listed = tenant.graph.list_role_assignments(id).await?;
    Ok(tenant.role_writes.with_own(id, listed))
}

fn candidate(catalog: graph::Catalog) -> Candidate {
    Candidate {
        id: catalog.id.to_string(),
        display_name: catalog.display_name,
        description: catalog.description,
        created: catalog.created,
        holder: None,
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
