//! AccessPackage: the package and the roles that it hands out.

use std::{sync::Arc, time::Duration};

use kube::{Api, Client, ResourceExt};

use super::{
    Kind, Managed, Visited,
    context::{Context, matching},
    grants::{granted, limit},
    halt::{Halt, Step},
    identity::{self, Candidate, Place, Takeover},
    inventory::Freshness,
    parting::{Departure, close, may_write, parting, refuse_observed, wait_for_assignments},
    pipeline,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{
        AccessPackage, AssignmentPolicy, Catalog, Cloud, Grant, Management, Reason, ResourceRole, ResourceRoleStatus,
        UnmanagedPolicy,
    },
    graph::{
        self, AccessPackageId, CatalogId, GraphErrorKind, NewResourceRoleScope, OriginSystem, ResourceRoleScope,
        ResourceScope,
    },
    plan::{
        Base, Change, Drift, Plan, Problem,
        access_package::{DesiredPackage, DesiredRole, ObservedPackage, plan},
        limits::{self},
        roles,
    },
    report::{Note, Report},
};

/// How long a resource that was just added may be unknown to the package.
const ROLE_WAIT: Duration = Duration::from_secs(20);

/// What a package's spec points at, and what bears on whether it may be written.
pub(crate) struct PackageReferences {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) catalog: Catalog,
    pub(crate) catalog_id: CatalogId,
    grants: Vec<Grant>,
    /// AssignmentPolicies of the package: what they let people do must be within the grant for its roles.
    policies: Vec<AssignmentPolicy>,
}

/// The catalog's id in Entra, proven by its own status.
fn catalog_id(catalog: &Catalog) -> Step<CatalogId> {
    let entra = identity::own(catalog);
    let name = catalog.name_any();
    entra.map(|entra| CatalogId::from(entra.id.as_str())).ok_or_else(|| {
        Halt::reference(Problem::new(
            Reason::CatalogNotReady,
            format!("spec.catalogRef: catalog {name:?} does not exist in Entra yet; waiting for it"),
        ))
    })
}

impl Kind for AccessPackage {
    fn api(client: &Client, namespace: Option<&str>) -> Api<Self> {
        Api::namespaced(client.clone(), namespace.unwrap_or_default())
    }

    async fn visit(context: &Context, subject: &mut Subject<Self>) -> Step<Visited> {
        pipeline(context, subject).await
    }

    async fn finalise(context: &Context, subject: &mut Subject<Self>) -> Step<()> {
        finalise(context, subject).await
    }
}

impl Managed for AccessPackage {
    const NOUN: &'static str = "access package";
    const TAKEOVER: &'static str = "spec.adoption: ByName, or another AccessPackage with spec.id";
    const NAMES_ARE_UNIQUE: bool = true;
    type References = PackageReferences;
    type Desired = DesiredPackage;
    type Observed = ObservedPackage;

    fn display_name(&self) -> String {
        self.spec.display_name.clone()
    }

    fn description(&self) -> String {
        self.spec.description.clone()
    }

    fn takeover(&self) -> Takeover<'_> {
        Takeover {
            id: self.spec.id.as_deref(),
            adoption: self.spec.adoption,
        }
    }

    fn tenant(references: &PackageReferences) -> &Tenant {
        &references.tenant
    }

    fn place(references: &PackageReferences) -> Place {
        Place {
            catalog_id: references.catalog_id.to_string(),
            parent_id: references.catalog_id.to_string(),
            parent: format!("catalog {:?}", references.catalog.name_any()),
        }
    }

    async fn look_by_name(tenant: &Tenant, references: &PackageReferences, name: &str) -> Step<Vec<Candidate>> {
        let found = tenant.inventory.packages_named(&references.catalog_id, name).await?;
        Ok(found.into_iter().map(candidate).collect())
    }

    async fn look_by_id(tenant: &Tenant, references: &PackageReferences, id: &str) -> Step<Option<Candidate>> {
        let found = tenant
            .inventory
            .package(&references.catalog_id, &id.into(), Freshness::Now)
            .await?;
        Ok(found.map(candidate))
    }

    async fn resolve(context: &Context, subject: &mut Subject<Self>) -> Step<PackageReferences> {
        let (namespace, name) = (subject.namespace(), subject.object.name_any());
        let (catalog, grants) = granted(
            context,
            &subject.object.spec.catalog_ref.name,
            &namespace,
            "spec.catalogRef",
        )?;
        let tenant = context.tenant(&catalog.spec.tenant_ref.name).await?;
        subject.drift_interval = tenant.drift_interval;
        let policies = matching(&context.stores.policies, |policy| {
            policy.namespace().as_deref() == Some(&namespace) && policy.spec.access_package_ref.name == name
        });
        Ok(PackageReferences {
            catalog_id: catalog_id(&catalog)?,
            tenant,
            catalog,
            grants,
            policies,
        })
    }

    fn desire(subject: &Subject<Self>, references: &PackageReferences) -> Step<DesiredPackage> {
        let spec = &subject.object.spec;
        let grants: Vec<&Grant> = references.grants.iter().collect();
        let covering = limits::check_package(spec, &grants).map_err(limit)?;
        for policy in references.policies.iter().filter(|policy| is_in_force(policy)) {
            limits::check_policy(&policy.spec, &covering, subject.now).map_err(|problem| {
                let policy = policy.name_any();
                limit(Problem::new(
                    problem.reason,
                    format!("AssignmentPolicy {policy:?} of this package: {}", problem.message()),
                ))
            })?;
        }
        let mut desired = DesiredPackage {
            catalog: references.catalog_id.clone(),
            display_name: spec.display_name.clone(),
            description: spec.description.clone(),
            hidden: spec.hidden,
            roles: Vec::new(),
            unresolved: Vec::new(),
        };
        for (index, role) in spec.resource_roles.iter().enumerate() {
            match desired_role(&references.catalog, role, index) {
                Ok(role) => desired.roles.push(role),
                Err(problem) => desired.unresolved.push(problem),
            }
        }
        Ok(desired)
    }

    async fn observe(
        subject: &mut Subject<Self>,
        references: &PackageReferences,
        freshness: Freshness,
    ) -> Step<ObservedPackage> {
        let Some(entra) = identity::proven(subject, &references.tenant) else {
            return Ok(ObservedPackage::Unborn);
        };
        let id = AccessPackageId::from(entra.id.as_str());
        let found = references
            .tenant
            .inventory
            .package(&references.catalog_id, &id, freshness)
            .await?;
        Ok(match found {
            Some(package) => ObservedPackage::Present(Box::new(package)),
            None => ObservedPackage::Gone { id: entra.id },
        })
    }

    fn plan(
        subject: &mut Subject<Self>,
        references: &PackageReferences,
        desired: &DesiredPackage,
        observed: &ObservedPackage,
    ) -> Step<Plan> {
        let drift = Drift {
            policy: subject.object.spec.drift_policy,
            requested: subject.requested().is_some(),
        };
        let plan = plan(
            desired,
            observed,
            Base::of(subject.status.identity.applied.as_ref()),
            drift,
        );
        Ok(plan
            .managed(references.tenant.management)
            .managed(subject.object.spec.management))
    }

    async fn apply(
        context: &Context,
        subject: &mut Subject<Self>,
        references: &PackageReferences,
        plan: &Plan,
        mut observed: ObservedPackage,
    ) -> Step<ObservedPackage> {
        let tenant = &references.tenant;
        let (graph, inventory) = (&tenant.graph, &tenant.inventory);
        let catalog = &references.catalog_id;
        for change in &plan.changes {
            match (change, &mut observed) {
                (Change::CreateAccessPackage(new), _) => {
                    let send = async {
                        let made = graph.create_access_package(new).await?;
                        Ok((made.id.to_string(), made))
                    };
                    let place = Self::place(references);
                    let made = identity::create(context, tenant, subject, references, &place, send).await?;
                    inventory.package_born(catalog, made.clone()).await;
                    let scopes = graph::Read::Read(graph::Listed::default());
                    observed = ObservedPackage::Present(Box::new(graph::AccessPackage {
                        resource_role_scopes: scopes,
                        ..made
                    }));
                }
                (Change::UpdateAccessPackage { patch, .. }, ObservedPackage::Present(package)) => {
                    graph.update_access_package(&package.id, patch).await?;
                    patched(package, patch);
                    inventory
                        .package_changed(catalog, &package.id, |known| patched(known, patch))
                        .await;
                    subject.notes.push(Note::done(Reason::Updated, change.to_string()));
                }
                (Change::AddResourceRole { name, role_scope }, ObservedPackage::Present(package)) => {
                    let added = add_role(graph, &package.id, name, role_scope).await?;
                    package.resource_role_scopes.provisional().elements.push(added.clone());
                    inventory.role_added(catalog, &package.id, added).await;
                    subject.notes.push(Note::done(Reason::Updated, change.to_string()));
                }
                (Change::RemoveResourceRole { id, .. }, ObservedPackage::Present(package)) => {
                    graph.remove_resource_role_scope(&package.id, id).await?;
                    package
                        .resource_role_scopes
                        .provisional()
                        .elements
                        .retain(|scope| scope.id != *id);
                    inventory.role_removed(catalog, &package.id, id.clone()).await;
                    subject.notes.push(Note::done(Reason::Updated, change.to_string()));
                }
                _ => {}
            }
        }
        Ok(observed)
    }

    fn conclude(
        subject: &mut Subject<Self>,
        references: &PackageReferences,
        desired: &DesiredPackage,
        observed: &ObservedPackage,
        plan: &Plan,
    ) -> Report {
        let held = plan.held_problem(&subject.request_command());
        if let ObservedPackage::Present(package) = observed {
            let status = &mut subject.status;
            if may_write(&references.tenant, subject.object.spec.management) {
                status.identity.applied = Some(plan.applied.clone());
            }
            let none = Vec::new();
            let scopes = package
                .resource_role_scopes
                .known()
                .map_or(&none, |listed| &listed.elements);
            status.resource_roles = desired.roles.iter().map(|role| role_status(role, scopes)).collect();
            status.unmanaged_policies = unmanaged(package, &references.policies);
            // The portals of the other clouds have addresses of their own.
            let domain = references
                .tenant
                .domain
                .as_ref()
                .filter(|_| references.tenant.cloud == Cloud::Global);
            status.url = domain.map(|domain| {
                format!(
                    "https://myaccess.microsoft.com/@{domain}#/access-packages/{}",
                    package.id
                )
            });
        }
        let unresolved = Problem::joined(&desired.unresolved);
        let ready = match (
            held.clone().filter(|held| held.reason != Reason::DriftReported),
            unresolved.clone(),
        ) {
            (_, Some(problem)) => Err(problem),
            (Some(held), None) => Err(held),
            (None, None) => {
                let observes = subject.object.spec.management == Management::Observe;
                let roles = desired.roles.len();
                Ok(match held.clone() {
                    Some(drift) => drift,
                    None if observes => Problem::new(Reason::Observed, format!("access package with {roles} roles")),
                    None => Problem::new(Reason::InSync, format!("access package with {roles} roles")),
                })
            }
        };
        Report {
            ready,
            references: unresolved.clone(),
            sync: held.or(unresolved),
            warning: None,
        }
    }
}

/// Whether the policy is in Entra, so that people may already use it.
fn is_in_force(policy: &AssignmentPolicy) -> bool {
    policy
        .status
        .as_ref()
        .is_some_and(|status| status.identity.entra.is_some())
}

fn candidate(package: graph::AccessPackage) -> Candidate {
    Candidate {
        id: package.id.to_string(),
        display_name: package.display_name,
        description: package.description,
        created: package.created,
    }
}

fn patched(package: &mut graph::AccessPackage, patch: &graph::AccessPackagePatch) {
    let graph::AccessPackagePatch {
        display_name,
        description,
        hidden,
    } = patch.clone();
    if let Some(display_name) = display_name {
        package.display_name = display_name;
    }
    package.description = description.or(package.description.take());
    package.hidden = hidden.unwrap_or(package.hidden);
}

/// The role of the catalog's resource that an entry of `resourceRoles` means.
fn desired_role(catalog: &Catalog, role: &ResourceRole, index: usize) -> Result<DesiredRole, Problem> {
    let ResourceRole {
        resource,
        role: role_name,
    } = role;
    let field = format!("spec.resourceRoles[{index}]");
    if catalog.spec.resources.iter().all(|known| known.name != *resource) {
        let known: Vec<&str> = catalog.spec.resources.iter().map(|known| known.name.as_str()).collect();
        return Err(Problem::new(
            Reason::ResourceNotInCatalog,
            format!(
                "{field}.resource: catalog {:?} has no resource {resource:?}; it has {}; correct the name, or ask those who run the catalog to add it",
                catalog.name_any(),
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            ),
        ));
    }
    let status = catalog
        .status
        .iter()
        .flat_map(|status| &status.resources)
        .find(|status| status.name == *resource);
    let waiting = |why: &str| {
        Problem::new(
            Reason::ResourceNotReady,
            format!(
                "{field}.resource: resource {resource:?} of catalog {:?} {why}",
                catalog.name_any()
            ),
        )
    };
    let status = status.ok_or_else(|| waiting("is not in Entra yet; waiting for it"))?;
    let id = status.id.as_deref().ok_or_else(|| {
        waiting(
            status
                .message
                .as_deref()
                .map_or("is not in Entra yet; waiting for it".into(), |why| {
                    format!("is not in Entra yet: {why}")
                })
                .as_str(),
        )
    })?;
    let known = roles::offered(role_name, &status.roles, resource, &format!("{field}.role"))?;
    let system = OriginSystem::from(status.origin_system.as_str());
    Ok(DesiredRole {
        resource: resource.clone(),
        role: role_name.clone(),
        role_scope: NewResourceRoleScope {
            role: graph::ResourceRole {
                id: None,
                display_name: known.display_name.clone(),
                origin_id: known.id.clone(),
                origin_system: system.clone(),
            },
            scope: ResourceScope {
                id: status.scope_id.clone(),
                display_name: "Root".into(),
                origin_id: status.origin_id.clone(),
                origin_system: system,
                is_root: true,
            },
            resource: (id.into(), status.origin_id.clone()),
        },
    })
}

/// Adds a role. A resource that came into the catalog just now may be unknown to packages for some time.
async fn add_role(
    graph: &graph::Graph,
    package: &AccessPackageId,
    name: &str,
    role_scope: &NewResourceRoleScope,
) -> Step<ResourceRoleScope> {
    let started = std::time::Instant::now();
    let mut wait = Duration::from_millis(100);
    loop {
        match graph.add_resource_role_scope(package, role_scope).await {
            Ok(id) => {
                return Ok(ResourceRoleScope {
                    id,
                    role: role_scope.role.clone(),
                    scope: role_scope.scope.clone(),
                });
            }
            Err(error) if error.kind == GraphErrorKind::NotFound && started.elapsed() < ROLE_WAIT => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(3));
            }
            Err(error) => {
                let mut halt = Halt::from(error);
                halt.problem = halt.problem.at(format!("role {name}"));
                return Err(halt);
            }
        }
    }
}

fn role_status(role: &DesiredRole, scopes: &[ResourceRoleScope]) -> ResourceRoleStatus {
    let found = role.find_in(scopes);
    ResourceRoleStatus {
        resource: role.resource.clone(),
        role: role.role.clone(),
        id: found.map(|scope| scope.id.to_string()),
        state: (if found.is_some() { "Assigned" } else { "Missing" }).into(),
    }
}

/// The package's policies that no AssignmentPolicy claims.
fn unmanaged(package: &graph::AccessPackage, policies: &[AssignmentPolicy]) -> Vec<UnmanagedPolicy> {
    let claims = |id: &str| {
        policies.iter().any(|policy| {
            let status = policy.status.as_ref();
            let entra = status.and_then(|status| status.identity.entra.as_ref());
            entra.is_some_and(|entra| entra.id.eq_ignore_ascii_case(id))
                // One that is being created may show before its id is stored.
                || status.is_some_and(|status| status.identity.intent.is_some())
                || policy.spec.id.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(id))
        })
    };
    let mut unmanaged: Vec<UnmanagedPolicy> = package
        .policies
        .known()
        .into_iter()
        .flat_map(|listed| &listed.elements)
        .filter(|policy| !claims(policy.id.as_str()))
        .map(|policy| UnmanagedPolicy {
            id: policy.id.to_string(),
            display_name: policy.fields.display_name.clone(),
        })
        .collect();
    unmanaged.sort_by(|one, other| one.id.cmp(&other.id));
    unmanaged
}

async fn finalise(context: &Context, subject: &mut Subject<AccessPackage>) -> Step<()> {
    let (namespace, catalog) = (subject.namespace(), subject.object.spec.catalog_ref.name.clone());
    let departure = Departure {
        annotated: subject.is_to_be_orphaned(),
        management: subject.object.spec.management,
        method: subject.object.spec.deletion_policy(),
        is_written: subject.status.identity.applied.is_some() || subject.status.identity.intent.is_some(),
        catalog: &catalog,
        namespace: &namespace,
    };
    let Some(method) = parting(context, &departure)? else {
        subject.note_release();
        return Ok(());
    };
    let known = identity::own(&subject.object).cloned();
    if known.is_none() && subject.status.identity.intent.is_none() {
        return Ok(());
    }
    let tenant = match &known {
        Some(entra) => context.tenant_of(entra).await?,
        None => {
            let references = AccessPackage::resolve(context, subject).await?;
            let place = AccessPackage::place(&references);
            identity::settle(context, &references.tenant, subject, &references, &place).await?;
            references.tenant
        }
    };
    subject.drift_interval = tenant.drift_interval;
    let Some(entra) = identity::proven(subject, &tenant) else {
        return Ok(());
    };
    refuse_observed(&tenant)?;
    let (catalog, id) = (
        CatalogId::from(entra.catalog_id.as_str()),
        AccessPackageId::from(entra.id.as_str()),
    );
    let Some(package) = tenant.inventory.package(&catalog, &id, Freshness::Now).await? else {
        subject.notes.push(Note::done(
            Reason::Deleted,
            format!("access package {id} was gone from Entra already"),
        ));
        return Ok(());
    };
    let policies = package.policies.clone().provisional().elements.clone();
    for policy in &policies {
        close(&tenant, &catalog, &id, &policy.id).await?;
    }
    wait_for_assignments(&tenant, &id, None, method).await?;
    for policy in &policies {
        tenant.graph.delete_assignment_policy(&policy.id).await?;
        tenant.inventory.policy_changed(&catalog, &id, &policy.id, None).await;
    }
    tenant.graph.delete_access_package(&id).await?;
    tenant.inventory.package_gone(&catalog, &id).await;
    subject.notes.push(Note::done(
        Reason::Deleted,
        format!("deleted access package {:?} ({id}) in Entra", package.display_name),
    ));
    Ok(())
}
