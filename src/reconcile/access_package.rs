//! AccessPackage: the package and the roles that it hands out.

mod incompatible;
mod ways;

use std::{sync::Arc, time::Duration};

use kube::{Api, Client, ResourceExt};

use super::{
    Becomes, Kind, Managed, Takeover, Visited, Weighing,
    coming::{Announced, Announcement},
    context::Context,
    execute::{Done, Failure, latch},
    grants::{catalog_of_id, granted, limit, with_room},
    halt::{Halt, Retry, Step},
    identity::{self, Place, Site, refuse_unreadable},
    inventory::Freshness,
    outlook::{Asks, holders_of_both, of_eligibility},
    parting::{Departure, Shut, deleted, depart, last_tenant, nothing_there, parting, shut},
    pipeline,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{
        AccessPackage, AccessPackageSpec, AssignmentPolicy, Catalog, Cloud, DeletionPolicy, Grant, IncompatibleStatus,
        Management, Reason,
    },
    cluster::Lookup,
    graph::{
        self, AccessPackageId, CatalogId, GraphErrorKind, Incompatible, IncompatibleKind, Listed, NewResourceRoleScope,
        ObjectId, Read, Removed, ResourceRoleScope,
    },
    plan::{
        self, Canonical as _, Found, Hold, Holders, Plan, Problem, Rules,
        access_package::{DesiredPackage, PackageAct, made_here, plan, scope_told},
        bindings::{DirectoryKey, given_by_id},
        departure::{self, Next},
        desire,
        identity::{Candidate, takes_over},
        limits::{self, Counted, RoleAt},
        outlook::{both_held, ends_first},
    },
    report::Report,
};
use incompatible::{BEFORE, Incompatibles};
use ways::{is_managed, limit_of, tell_questions, unmanaged};

/// How long a resource that was just added may be unknown to the package.
const ROLE_WAIT: Duration = Duration::from_secs(20);

/// What a package's spec points at, and what bears on whether it may be written.
pub(crate) struct PackageReferences {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) catalog: Catalog,
    pub(crate) catalog_id: CatalogId,
    grants: Vec<Grant>,
    /// The namespace has as many packages as it may before this one.
    quota: Option<Problem>,
    /// AssignmentPolicies of the package: what they let people do must be within the grant for its roles.
    policies: Vec<Lookup<AssignmentPolicy>>,
    incompatible: Incompatibles,
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
        Api::namespaced(client.clone(), namespace.unwrap_or_default()) // every package has one
    }

    async fn visit(context: &Context, subject: &mut Subject<Self>) -> Step<Visited> {
        pipeline(context, subject).await
    }

    async fn finalise(context: &Context, subject: &mut Subject<Self>) -> Step<()> {
        depart(context, subject).await
    }
}

impl Managed for AccessPackage {
    const NOUN: &'static str = "access package";
    const TAKEOVER: &'static str = "spec.adoption: ByName, or another AccessPackage with spec.id (the grant must allow it, and deletionPolicy must be given)";
    const NAMES_ARE_UNIQUE: bool = true;
    type Act = PackageAct;
    type References = PackageReferences;
    type Desired = DesiredPackage;
    type Observed = Box<graph::AccessPackage>;
    type Around = ();

    fn display_name(&self) -> String {
        self.spec.display_name.canonical()
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

    fn given_by_id(&self) -> Vec<(String, DirectoryKey)> {
        given_by_id(&self.spec)
    }

    fn management(&self) -> Management {
        self.spec.management
    }

    fn site(references: &PackageReferences) -> Site {
        Site {
            tenant: Arc::clone(&references.tenant),
            place: Place {
                catalog_id: references.catalog_id.to_string(),
                parent_id: references.catalog_id.to_string(),
                parent: format!("catalog {:?}", references.catalog.name_any()),
            },
        }
    }

    async fn look_by_name(site: &Site, name: &str) -> Step<Vec<Candidate>> {
        let found = site.tenant.inventory.packages_named(&catalog_of(site), name).await?;
        refuse_unreadable(&found.unreadable, &site.place.parent)?;
        Ok(found.elements.into_iter().map(candidate).collect())
    }

    async fn look_alike(site: &Site, name: &str) -> Step<Vec<Candidate>> {
        let found = site.tenant.inventory.packages_alike(&catalog_of(site), name).await?;
        Ok(found.elements.into_iter().map(candidate).collect())
    }

    async fn look_by_id(site: &Site, id: &str) -> Step<Found<Candidate>> {
        let found = look(site, id, Freshness::Now).await?;
        Ok(found.map(|package| candidate(*package)))
    }

    async fn search(site: &Site, name: &str, begun_ago: Duration) -> Step<Vec<Candidate>> {
        let found = site
            .tenant
            .inventory
            .search_packages(&catalog_of(site), name, begun_ago)
            .await?;
        Ok(found.named.elements.into_iter().map(candidate).collect())
    }

    async fn resolve(context: &Context, subject: &mut Subject<Self>) -> Step<PackageReferences> {
        let (namespace, name) = (subject.namespace(), subject.object.name_any());
        let spec = &subject.object.spec;
        limits::well_named(Some(&spec.display_name), spec.id.as_deref()).map_err(limit)?;
        limits::named_once(spec).map_err(limit)?;
        let (catalog, grants) = granted(
            context,
            &subject.object.spec.catalog_ref.name,
            &namespace,
            "spec.catalogRef",
        )?;
        let asked_of = (catalog.name_any(), subject.uid());
        let place = (asked_of.0.as_str(), namespace.as_str(), asked_of.1.as_str());
        let (grants, quota) = with_room(context, grants, Counted::Packages, place);
        let tenant = context.tenant(&catalog.spec.tenant_ref.name).await?;
        subject.drift_interval = tenant.drift_interval;
        let policies = context.cluster.policies_of_package(&namespace, &name);
        let catalog_id = catalog_id(&catalog)?;
        // A namespace that may give ids only makes no look-ups.
        let allowed: Vec<&Grant> = grants.iter().collect();
        let leave = limits::check_package(spec, &allowed).map(drop);
        let incompatible = incompatible::resolve(context, subject, &tenant, leave).await?;
        Ok(PackageReferences {
            catalog_id,
            incompatible,
            tenant,
            catalog,
            grants,
            quota,
            policies,
        })
    }

    fn desire(subject: &Subject<Self>, references: &PackageReferences) -> Step<DesiredPackage> {
        let (spec, catalog) = (&subject.object.spec, &references.catalog);
        let incompatible = references.incompatible.desired.clone();
        Ok(DesiredPackage {
            incompatible,
            ..desire::package(spec, catalog, references.catalog_id.clone())
        })
    }

    async fn observe(
        references: &PackageReferences,
        id: Option<&str>,
        freshness: Freshness,
    ) -> Step<Found<Box<graph::AccessPackage>>> {
        match id {
            Some(id) => {
                let site = Self::site(references);
                let mut found = look(&site, id, freshness).await?;
                let must_ask = references.grants.iter().any(|grant| !grant.limits.must_ask.is_empty());
                if let (Found::Present(package), true) = (&mut found, must_ask) {
                    tell_questions(&site, package).await;
                }
                Ok(found)
            }
            None => Ok(Found::Unborn),
        }
    }

    async fn look_around(_references: &PackageReferences, _freshness: Freshness) -> Step<()> {
        Ok(()) // the package itself tells its policies
    }

    fn announce(subject: &Subject<Self>, references: &PackageReferences) -> Option<Announcement> {
        let entra = subject.status.identity.entra.as_ref()?; // one that is being made has no policies yet
        let status = references.catalog.status.as_ref();
        let roles = subject.object.spec.resource_roles.iter().enumerate();
        let roles = roles
            .map(|(index, role)| RoleAt::of_spec(index, role, status))
            .collect();
        let what = Announced {
            roles,
            ways: Vec::new(),
        };
        Some(references.tenant.coming.announce(&entra.id, &subject.uid(), what))
    }

    fn plan(
        subject: &Subject<Self>,
        references: &PackageReferences,
        desired: &DesiredPackage,
        observed: &Found<Box<graph::AccessPackage>>,
        _around: &(),
        weighing: Weighing<'_>,
    ) -> Plan<PackageAct> {
        let limit = limit_of(subject, references, observed, weighing.becomes, None);
        let rules = Rules {
            base: weighing.base,
            drift: subject.drift(subject.object.spec.drift_policy),
            limit: limit.as_ref(),
            confirmed: weighing.confirmed,
            waits: weighing.waits,
        };
        // Known only after what was observed was read.
        let desired = DesiredPackage {
            site_roles_are_told: references.tenant.graph.tells_site_roles(),
            reads_may_be_late: observed.present().is_some_and(|package| {
                let inventory = &references.tenant.inventory;
                inventory.roles_may_be_late(&references.catalog_id, &package.id)
            }),
            ..desired.clone()
        };
        match (&limit, observed) {
            // Not even where there would be nothing to write.
            (Some(limit), Found::Present(package)) if weighing.takes_over() => {
                let act = takes_over(Self::NOUN, package.id.as_str(), &package.display_name);
                Plan::holding(
                    plan::Step::new(act.into(), plan::Stake::NEUTRAL),
                    Hold::Limit(limit.clone()),
                )
            }
            (_, _) => {
                let mut plan = plan(&desired, observed, &rules); // the rules have the limit
                if let (None, Some(_)) = (&limit, weighing.holders) {
                    // What goes to those who hold it is held to what they came in by; all else goes ahead.
                    let breach = limit_of(subject, references, observed, weighing.becomes, weighing.holders);
                    plan = plan.hold(|step| {
                        let hands_out = step.stake.holders == Holders::HandsOut;
                        breach.clone().filter(|_| hands_out).map(Hold::Limit)
                    });
                }
                if weighing.becomes == Some(Becomes::Recognised) {
                    plan.found.push(made_here());
                }
                plan
            }
        }
    }

    async fn perform(
        context: &Context,
        subject: &mut Subject<Self>,
        site: &Site,
        act: &PackageAct,
        observed: &mut Found<Box<graph::AccessPackage>>,
    ) -> Result<Done, Failure> {
        let (graph, inventory, catalog) = (&site.tenant.graph, &site.tenant.inventory, &catalog_of(site));
        if let PackageAct::Create(new) = act {
            let made = graph.create_access_package(new).await?;
            inventory.package_born(catalog, made.clone());
            let id = made.id.to_string();
            *observed = Found::Present(Box::new(graph::AccessPackage {
                // What we made just now holds what we put there.
                resource_role_scopes: Read::Read(Listed::default()),
                policies: Read::Read(Listed::default()),
                incompatible_packages: Read::Read(Listed::default()),
                incompatible_groups: Read::Read(Listed::default()),
                ..made
            }));
            return Ok(Done::Made { id });
        }
        let Found::Present(package) = observed else {
            return Err(nothing_there(act));
        };
        match act {
            PackageAct::Identity(_) | PackageAct::Create(_) => {} // not requests, or done above
            PackageAct::Update(patch) => {
                graph.update_access_package(&package.id, patch).await?;
                patched(package, patch);
                inventory.package_changed(catalog, &package.id, |known| patched(known, patch));
            }
            PackageAct::AddRole { name, role_scope } => {
                let added = add_role(&site.tenant, &package.id, name, role_scope).await?;
                if let Some(scopes) = package.resource_role_scopes.known_mut() {
                    scopes.elements.push(added.clone());
                }
                let told = scope_told(&added);
                inventory.role_added(catalog, &package.id, added);
                return Ok(told.map_or(Done::Changed, Done::Told));
            }
            PackageAct::RemoveRole { id, .. } => {
                let begun = inventory.moment();
                let removed = match graph.remove_resource_role_scope(&package.id, id).await {
                    Err(error) if refused_for_absent(&site.tenant, package, id, &error).await? => Removed::NotFound,
                    removed => removed?,
                };
                match removed {
                    Removed::Away => {}
                    // No read would tell of it either.
                    Removed::NotFound if inventory.is_role_gone(catalog, &package.id, id, begun) => {
                        return Ok(Done::Changed);
                    }
                    Removed::NotFound => return Ok(Done::NotFound),
                }
                if let Some(scopes) = package.resource_role_scopes.known_mut() {
                    scopes.elements.retain(|scope| scope.id != *id);
                }
                inventory.role_removed(catalog, &package.id, id);
            }
            PackageAct::AddIncompatible { name, kind, id } => {
                if let Err(error) = graph.add_incompatible(&package.id, *kind, id).await {
                    return Err(match kind {
                        IncompatibleKind::AccessPackage if error.kind == GraphErrorKind::NotFound => {
                            absent(&subject.object.spec, id, &site.tenant.name).into()
                        }
                        IncompatibleKind::AccessPackage | IncompatibleKind::Group => error.into(),
                    });
                }
                let with = Incompatible {
                    id: id.clone(),
                    display_name: name.clone(),
                };
                if let Some(known) = package.incompatible_mut(*kind).known_mut() {
                    known.elements.push(with.clone());
                }
                inventory.incompatible_added(catalog, &package.id, *kind, with);
            }
            PackageAct::RemoveIncompatible { kind, id, .. } => {
                let begun = inventory.moment();
                match graph.remove_incompatible(&package.id, *kind, id).await? {
                    Removed::Away => {}
                    // No read would tell of it either.
                    Removed::NotFound if inventory.is_incompatible_gone(catalog, &package.id, (*kind, id), begun) => {
                        return Ok(Done::Changed);
                    }
                    Removed::NotFound => return Ok(Done::NotFound),
                }
                if let Some(known) = package.incompatible_mut(*kind).known_mut() {
                    known.elements.retain(|one| one.id != *id);
                }
                inventory.incompatible_removed(catalog, &package.id, *kind, id);
            }
            PackageAct::Close { id, .. } => {
                match shut(site, id, None).await? {
                    Shut::Read(shut) => inventory.policy_changed(catalog, &package.id, *shut),
                    Shut::Unread => {}
                    // It is looked at again before anything is deleted.
                    Shut::NotFound => return Ok(Done::Nothing),
                }
            }
            PackageAct::RemoveAssignments(removals) => {
                site.tenant.ask_removals(removals, || latch(context, site)).await?;
            }
            PackageAct::DeletePolicy { id, .. } => {
                match graph.delete_assignment_policy(id).await? {
                    Removed::Away => inventory.policy_gone(catalog, &package.id, id),
                    // It goes with the package, if it is there.
                    Removed::NotFound => return Ok(Done::Nothing),
                }
            }
            PackageAct::Delete { .. } => {
                let begun = inventory.moment();
                match graph.delete_access_package(&package.id).await? {
                    Removed::Away => inventory.package_gone(catalog, &package.id),
                    Removed::NotFound => {
                        inventory.package_missed(catalog, &package.id, begun);
                        return Ok(Done::NotFound);
                    }
                }
            }
        }
        Ok(Done::Changed)
    }

    fn told(_site: &Site, subject: &Subject<Self>, step: &plan::Step<PackageAct>) -> String {
        match &step.act {
            PackageAct::Delete { name } => deleted(Self::NOUN, name, subject),
            PackageAct::Identity(_)
            | PackageAct::Create(_)
            | PackageAct::Update(_)
            | PackageAct::AddRole { .. }
            | PackageAct::RemoveRole { .. }
            | PackageAct::AddIncompatible { .. }
            | PackageAct::RemoveIncompatible { .. }
            | PackageAct::Close { .. }
            | PackageAct::RemoveAssignments(_)
            | PackageAct::DeletePolicy { .. } => step.to_string(),
        }
    }

    fn conclude(
        subject: &mut Subject<Self>,
        references: &PackageReferences,
        desired: &DesiredPackage,
        observed: &Found<Box<graph::AccessPackage>>,
        _around: &(),
        plan: &Plan<PackageAct>,
    ) -> Report {
        let reopen = subject.request_command();
        // Of a package that is not this object's nothing is told.
        let own = subject.status.identity.entra.is_some();
        if let Some(package) = observed.present().filter(|_| own) {
            let status = &mut subject.status;
            if let Some(scopes) = package.resource_role_scopes.known() {
                status.resource_roles = desired
                    .roles
                    .iter()
                    .map(|role| desire::role_status(role, &scopes.elements))
                    .collect();
            }
            let known = std::mem::take(&mut status.incompatible_with);
            let named = desired.incompatible.named.iter().flatten();
            status.incompatible_with = named.map(|named| named.status(package)).collect();
            // One that is not kept out any more, since it is gone, is forgotten.
            let before = desired.incompatible.before.iter();
            let kept = before.filter(|named| named.is_in(package) != Some(false));
            status.incompatible_with.extend(kept.map(|named| IncompatibleStatus {
                reference: format!("{}{BEFORE}", named.reference),
                ..named.status(package)
            }));
            // What a name stood for is remembered while nobody can tell what it stands for.
            if !desired.incompatible.unresolved.is_empty() {
                let is_told = |one: &IncompatibleStatus| {
                    status
                        .incompatible_with
                        .iter()
                        .any(|told| told.reference == one.reference)
                };
                let untold: Vec<_> = known.into_iter().filter(|one| !is_told(one)).collect();
                status.incompatible_with.extend(untold);
            }
            if let Some(policies) = package.policies.known() {
                status.unmanaged_policies = unmanaged(policies, &references.policies);
                status.weakest_way_in = limits::weakest_way_in(policies);
            }
            status.url = url(&references.tenant, &package.id);
        }
        subject.status.resolved.clone_from(&references.incompatible.pins);
        let unresolved = [desired.unresolved.as_slice(), &desired.incompatible.unresolved].concat();
        let unresolved = Problem::joined(&unresolved);
        let roles = desired.roles.len();
        let summary = match subject.object.spec.management {
            Management::Observe => Problem::new(Reason::Observed, format!("access package with {roles} roles")),
            Management::Full => Problem::new(Reason::InSync, format!("access package with {roles} roles")),
        };
        let seen = observed
            .present()
            .filter(|_| own)
            .and_then(|package| package.policies.known());
        let easier = seen.and_then(|policies| limits::easier_way(policies, |id| is_managed(id, &references.policies)));
        // What the spec names wrongly is told before what is held back for it.
        let limit = limit_of(subject, references, observed, None, None);
        let obstacle = plan.obstacle(&reopen).or(limit);
        let ready = match (unresolved.clone(), obstacle.clone(), plan.held_problem(&reopen)) {
            (Some(problem), _, _) | (None, Some(problem), _) => Err(problem),
            (None, None, Some(drift)) => Ok(drift),
            (None, None, None) => Ok(summary),
        };
        Report {
            ready,
            references: unresolved.clone(),
            sync: obstacle.or(plan.held_problem(&reopen)).or(unresolved),
            warning: references.incompatible.warning.clone().or(easier),
        }
    }

    async fn look_out(
        subject: &mut Subject<Self>,
        references: &PackageReferences,
        observed: &Found<Box<graph::AccessPackage>>,
        asks: Asks,
    ) -> Vec<Problem> {
        let Some(package) = observed.present() else {
            return Vec::new();
        };
        let mut held = Vec::new();
        let named = references.incompatible.desired.named.iter().flatten();
        for named in named.filter(|named| named.kind == IncompatibleKind::AccessPackage) {
            let other = AccessPackageId::from(named.id.as_str());
            let people = holders_of_both(&references.tenant, &package.id, &other, asks).await;
            held.extend(people.map(|people| (named.reference.clone(), people)));
        }
        let eligible = of_eligibility(&references.tenant, package, asks).await;
        let sooner = ends_first(&eligible, &package.policies, subject.now);
        both_held(&held).into_iter().chain(sooner).collect()
    }

    fn comes_back(_subject: &Subject<Self>, report: &Report, _references: &PackageReferences) -> Retry {
        match &report.ready {
            // Nothing wakes it for what reads do not show yet, nor for what a way into it asks for in Entra.
            Err(problem) if matches!(problem.reason, Reason::OutcomeUnknown | Reason::LimitExceeded) => Retry::Backoff,
            Ok(_) | Err(_) => Retry::OnChange,
        }
    }

    fn way_out(context: &Context, subject: &Subject<Self>) -> Step<Option<DeletionPolicy>> {
        let spec = &subject.object.spec;
        parting(
            context,
            subject,
            &Departure {
                management: spec.management,
                method: spec.deletion_policy(),
                names: Some(&spec.catalog_ref.name),
            },
        )
    }

    async fn last_site(context: &Context, subject: &Subject<Self>) -> Step<Site> {
        let entra = identity::own(&subject.object).cloned();
        let intent = subject.status.identity.intent.clone();
        let catalog = context.cluster.catalog(&catalog_name(context, subject));
        let tenant_ref = catalog.as_ref().and_then(Lookup::parent_name).map(str::to_owned);
        let tenant = last_tenant(context, tenant_ref.as_deref(), entra.as_ref(), intent.as_ref()).await?;
        // An open intent outranks what status says otherwise.
        let catalog_id = match (&intent, &entra) {
            (Some(intent), _) => intent.parent_id.clone(),
            (None, Some(entra)) => entra.catalog_id.clone(),
            (None, None) => String::new(),
        };
        Ok(Site {
            tenant,
            place: Place {
                parent: format!("catalog {catalog_id}"),
                parent_id: catalog_id.clone(),
                catalog_id,
            },
        })
    }

    async fn observe_leaving(site: &Site, id: &str) -> Step<Found<Box<graph::AccessPackage>>> {
        look(site, id, Freshness::Now).await
    }

    fn plan_leaving(
        _subject: &Subject<Self>,
        site: &Site,
        observed: &Found<Box<graph::AccessPackage>>,
        holders: Option<&Listed<graph::Assignment>>,
        method: DeletionPolicy,
    ) -> (Plan<PackageAct>, Next) {
        let Found::Present(package) = observed else {
            return (Plan::default(), Next::Done);
        };
        let asked = |id: &graph::AssignmentId| site.tenant.was_asked(id);
        departure::package(package, holders, method, &asked)
    }

    fn package_of<'a>(_site: &'a Site, id: &'a str) -> &'a str {
        id
    }

    fn follow(site: &mut Site, place: &str) {
        place.clone_into(&mut site.place.catalog_id);
        place.clone_into(&mut site.place.parent_id);
    }
}

/// The Catalog that gives leave: the one that status proves, whatever the spec names.
fn catalog_name(context: &Context, subject: &Subject<AccessPackage>) -> String {
    match identity::own(&subject.object) {
        // Where no Catalog is this one any more, nobody is left to give leave.
        Some(entra) => catalog_of_id(context, entra).unwrap_or_default(), // no Catalog has this name
        None => subject.object.spec.catalog_ref.name.clone(),
    }
}

fn catalog_of(site: &Site) -> CatalogId {
    CatalogId::from(site.place.catalog_id.as_str())
}

async fn look(site: &Site, id: &str, freshness: Freshness) -> Step<Found<Box<graph::AccessPackage>>> {
    site.tenant
        .inventory
        .package(&catalog_of(site), &AccessPackageId::from(id), freshness)
        .await
}

/// That a package which the spec gives by its id is not in Entra.
fn absent(spec: &AccessPackageSpec, id: &ObjectId, tenant: &str) -> Halt {
    let packages = spec.incompatible_with.iter().flat_map(|with| &with.access_packages);
    let mut numbered = packages.enumerate();
    let at = numbered.find(|(_, package)| package.id.as_deref().is_some_and(|given| ObjectId::from(given) == *id));
    let field = at.map_or("spec.incompatibleWith.accessPackages".to_owned(), |(index, _)| {
        format!("spec.incompatibleWith.accessPackages[{index}]")
    });
    let what = format!("no access package with id {:?} in tenant {tenant}", id.as_str());
    let problem = Problem::new(Reason::ReferenceNotFound, what).at(field);
    Halt::reference(problem.remedy("correct the id, or take the entry out")).retried(Retry::Backoff)
}

/// Whether a removal is refused since there is nothing to remove: the service says that it may not be done where it does not show
/// what is not there. It can mean nothing else to whom everything is allowed in the tenant, where the package was read and lacks
/// the role.
async fn refused_for_absent(
    tenant: &Tenant,
    package: &graph::AccessPackage,
    id: &graph::ResourceRoleScopeId,
    error: &graph::GraphError,
) -> Result<bool, graph::GraphError> {
    let scopes = package.resource_role_scopes.known();
    let lacks = scopes.is_some_and(|listed| {
        let shows = |scope: &graph::ResourceRoleScope| scope.id == *id;
        !listed.elements.iter().any(shows) && !listed.hides(id.as_str())
    });
    if error.kind != GraphErrorKind::Forbidden || !lacks {
        return Ok(false);
    }
    Ok(tenant.graph.token_claims().await?.is_tenant_wide())
}

/// The portals of the other clouds have addresses of their own.
fn url(tenant: &Tenant, id: &AccessPackageId) -> Option<String> {
    let domain = tenant.domain.as_ref().filter(|_| tenant.cloud == Cloud::Global)?;
    Some(format!(
        "https://myaccess.microsoft.com/@{domain}#/access-packages/{id}"
    ))
}

fn candidate(package: graph::AccessPackage) -> Candidate {
    Candidate {
        id: package.id.to_string(),
        display_name: package.display_name,
        description: package.description,
        created: package.created,
        holder: None,
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

/// Adds a role. A resource that came into the catalog just now may be unknown to packages for some time.
async fn add_role(
    tenant: &Tenant,
    package: &AccessPackageId,
    name: &str,
    role_scope: &NewResourceRoleScope,
) -> Step<ResourceRoleScope> {
    let started = tenant.clock.instant();
    let mut wait = Duration::from_millis(100);
    loop {
        match tenant.graph.add_resource_role_scope(package, role_scope).await {
            Ok(id) => {
                return Ok(ResourceRoleScope {
                    id,
                    role: role_scope.role.clone(),
                    scope: role_scope.scope.clone(),
                });
            }
            Err(error) if error.kind == GraphErrorKind::NotFound && tenant.clock.since(started) < ROLE_WAIT => {
                tenant.clock.sleep(wait).await;
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
