//! Catalog: the catalog itself, and the resources in it.

use std::{collections::BTreeMap, time::Duration};

use kube::{Api, Client, ResourceExt};

use super::{
    Kind, Managed, Visited,
    catalog_resources::{Addition, add_resources, remove_resource, resolve_resources, with_unlisted_sites},
    context::{Context, matching, title},
    halt::{Halt, Retry, Step},
    identity::{self, Candidate, Place, Takeover},
    inventory::Freshness,
    parting::may_write,
    pipeline,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{
        AccessPackage, Adoption, Catalog, CatalogDeletionPolicy, CatalogState, DriftPolicy, Management,
        PinnedReference, Reason,
    },
    graph::{self, CatalogId},
    plan::{
        Base, Change, Drift, Plan, Problem,
        catalog::{DesiredCatalog, DesiredResource, ObservedCatalog, plan},
        resources::{self, ResolvedResource, Trouble},
        sites::same_origin,
    },
    report::{Note, Report},
};
use std::sync::Arc;

/// What a catalog's spec points at.
pub(crate) struct CatalogReferences {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) resources: Vec<Result<ResolvedResource, Problem>>,
    pub(crate) pins: Vec<PinnedReference>,
    pub(crate) warning: Option<Problem>,
    pub(crate) retry: Option<Retry>,
}

/// What Entra has, and what went wrong with single resources on the way.
pub(crate) struct Observed {
    pub(crate) catalog: ObservedCatalog,
    pub(crate) troubles: BTreeMap<String, Trouble>,
    pub(crate) removing: Vec<Problem>,
}

impl Kind for Catalog {
    fn api(client: &Client, _namespace: Option<&str>) -> Api<Self> {
        Api::all(client.clone())
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

    fn display_name(&self) -> String {
        self.spec.display_name.clone().unwrap_or_default()
    }

    fn description(&self) -> String {
        self.spec.description.clone().unwrap_or_default()
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
            .provisional()
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
        let resolved = resolve_resources(&tenant, subject).await?;
        Ok(CatalogReferences {
            tenant,
            resources: resolved.resources,
            pins: resolved.pins,
            warning: resolved.warning,
            retry: resolved.retry,
        })
    }

    fn desire(subject: &Subject<Self>, references: &CatalogReferences) -> Step<DesiredCatalog> {
        let spec = &subject.object.spec;
        let state = spec.state.map(|state| match state {
            CatalogState::Published => graph::CatalogState::Published,
            CatalogState::Unpublished => graph::CatalogState::Unpublished,
        });
        // What is left unset in a catalog of somebody else stays as it is; in one of our own it has its default.
        let is_ours = spec.id.is_none();
        Ok(DesiredCatalog {
            display_name: spec.display_name.clone(),
            description: spec.description.clone().or(is_ours.then(String::new)),
            state: state.or(is_ours.then_some(graph::CatalogState::Published)),
            externally_visible: spec.externally_visible.or(is_ours.then_some(false)),
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
                    Some(catalog) => {
                        let listed = inventory.resources(&id, freshness).await?;
                        let (known, resolved) = (&subject.status.resources, &references.resources);
                        let resources = with_unlisted_sites(&references.tenant, &id, listed, known, resolved).await?;
                        ObservedCatalog::Present { catalog, resources }
                    }
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
        let base = Base::of(subject.status.identity.applied.as_ref());
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
        let mut additions = Vec::new();
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
                // All together, below.
                Change::AddResource { name, resource } => additions.push(Addition { name, resource, change }),
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
        add_resources(tenant, subject, &mut observed, &references.resources, &additions).await?;
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
        let mut warning = references.warning.clone();
        if let ObservedCatalog::Present { resources, .. } = &observed.catalog {
            if may_write(&references.tenant, subject.object.spec.management) {
                subject.status.identity.applied = Some(plan.applied.clone());
            }
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
                format!("{} (and {} more)", problem.message(), count - 1),
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
            warning,
        }
    }

    fn comes_back(report: &Report, references: &CatalogReferences) -> Retry {
        match (&report.ready, references.retry) {
            (Err(problem), _) if matches!(problem.reason, Reason::ResourceNotReady) => Retry::Backoff,
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
        description: catalog.description,
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

async fn finalise(context: &Context, subject: &mut Subject<Catalog>) -> Step<()> {
    let name = subject.object.name_any();
    let is_made = |package: &AccessPackage| {
        package
            .status
            .as_ref()
            .is_some_and(|status| status.identity.entra.is_some() || status.identity.intent.is_some())
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
    let known = identity::own(&subject.object).cloned();
    if keeps {
        if let Some(entra) = known {
            subject.notes.push(Note::done(
                Reason::Released,
                format!("catalog {} stays in Entra as it is", entra.id),
            ));
        }
        return Ok(());
    }
    if known.is_none() && subject.status.identity.intent.is_none() {
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
    if subject.status.identity.intent.is_some() {
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
    let listed = tenant.inventory.resources(id, Freshness::Now).await?;
    let resources = with_unlisted_sites(tenant, id, listed, &subject.status.resources, &[]).await?;
    for known in subject.status.resources.iter().filter(|known| known.added) {
        let found = resources
            .iter()
            .find(|resource| same_origin(&resource.origin_id, &known.origin_id));
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
