//! AssignmentPolicy: who may request its package, by whose approval, for how long.

mod automatic;
mod limited;
mod organizations;
mod outliving;
mod package;

use std::{sync::Arc, time::Duration};

use kube::{Api, Client, ResourceExt as _};

use super::{
    Kind, Managed, Takeover, Visited, Weighing,
    binding::{BoundPeople, bind_people},
    coming::{Announced, Announcement},
    context::Context,
    directory::Memory,
    execute::{Done, Failure, latch},
    grants::{granted, limit, with_room},
    halt::{Halt, Retry, Step},
    identity::{self, Place, Site, refuse_unreadable},
    inventory::Freshness,
    outlook::{Asks, of_deciders},
    parting::{Departure, Shut, deleted, depart, last_tenant, nothing_there, parting, shut},
    pipeline,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{
        self, AccessPackage, Adoption, AssignmentPolicy, DeletionPolicy, Management, PinnedReference, Reason,
        References,
    },
    cluster::{Identity, Lookup},
    graph::{self, AccessPackageId, CatalogId, Listed, PolicyBody, PolicyId, PolicyRead, Read, Removed},
    plan::{
        self, Canonical as _, Found, Hold, Plan, Problem, Rules,
        assignment_policy::{PolicyAct, plan, plan_ended, questions},
        bindings::{DirectoryKey, given_by_id, remember},
        departure::{self, Next},
        desire,
        identity::{Candidate, takes_over},
        limits::{Counted, Judged, Terms, Way, out_of_reach, past_end, remember_way, ways_so_far},
        outlook::{Decider, beside, shadowed, unbilled},
        people::People,
    },
    report::Report,
};
use automatic::unpermitted;
use limited::{Limited, limit_now};
use organizations::{Organizations, with_organizations};
use package::{catalog_name, package_identity, package_of, require_kept, require_own_catalog, require_ready};
use tokio::sync::Semaphore;

/// What a policy's spec points at, everything bound.
pub(crate) struct PolicyReferences {
    tenant: Arc<Tenant>,
    catalog_id: CatalogId,
    package_id: AccessPackageId,
    package: String,
    people: People,
    pins: Vec<PinnedReference>,
    warnings: Vec<Problem>,
    /// Those who are to decide, to be looked at when there is time.
    deciders: Vec<Decider>,
    limits: Limited,
    /// What a rule needs of the tenant and does not have: nothing that opens anything is sent to be refused.
    unpermitted: Option<Problem>,
}

impl Kind for AssignmentPolicy {
    fn api(client: &Client, namespace: Option<&str>) -> Api<Self> {
        Api::namespaced(client.clone(), namespace.unwrap_or_default()) // every policy has one
    }

    async fn visit(context: &Context, subject: &mut Subject<Self>) -> Step<Visited> {
        pipeline(context, subject).await
    }

    async fn finalise(context: &Context, subject: &mut Subject<Self>) -> Step<()> {
        depart(context, subject).await
    }
}

impl Managed for AssignmentPolicy {
    const NOUN: &'static str = "assignment policy";
    const TAKEOVER: &'static str = "spec.adoption: ByName, or another AssignmentPolicy with spec.id (the grant must allow it, and deletionPolicy must be given)";
    const NAMES_ARE_UNIQUE: bool = false;
    type Act = PolicyAct;
    type References = PolicyReferences;
    type Desired = PolicyBody;
    type Observed = Box<graph::AssignmentPolicy>;
    type Around = Around;

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

    fn meaning(act: &PolicyAct, refusal: &graph::GraphError) -> Option<Problem> {
        match act {
            PolicyAct::Create(body) | PolicyAct::Replace(body) => unbilled(body, &refusal.message),
            PolicyAct::Identity(_)
            | PolicyAct::Close { .. }
            | PolicyAct::RemoveAssignments(_)
            | PolicyAct::Delete { .. } => None,
        }
    }

    fn management(&self) -> Management {
        self.spec.management
    }

    fn site(references: &PolicyReferences) -> Site {
        Site {
            tenant: Arc::clone(&references.tenant),
            place: Place {
                catalog_id: references.catalog_id.to_string(),
                parent_id: references.package_id.to_string(),
                parent: format!("access package {:?}", references.package),
            },
        }
    }

    async fn look_by_name(site: &Site, name: &str) -> Step<Vec<Candidate>> {
        let (catalog, package) = place(site);
        let policies = site.tenant.inventory.policies(&catalog, &package).await?;
        refuse_unreadable(&policies.unreadable, &site.place.parent)?;
        Ok(named(policies.elements, name))
    }

    async fn look_by_id(site: &Site, id: &str) -> Step<Found<Candidate>> {
        let found = look(site, id, Freshness::Now).await?;
        Ok(found.map(|policy| candidate(*policy)))
    }

    async fn search(site: &Site, name: &str, begun_ago: Duration) -> Step<Vec<Candidate>> {
        let (catalog, package) = place(site);
        let inventory = &site.tenant.inventory;
        let found = inventory.search_policies(&catalog, &package, name, begun_ago).await?;
        Ok(named(found.named.elements, name))
    }

    async fn resolve(context: &Context, subject: &mut Subject<Self>) -> Step<PolicyReferences> {
        let namespace = subject.namespace();
        let spec = subject.object.spec.clone();
        let package = package_of(context, &spec, &namespace)?;
        require_kept(&package)?;
        let (catalog, grants) = granted(
            context,
            &package.spec.catalog_ref.name,
            &namespace,
            "spec.accessPackageRef: its spec.catalogRef",
        )?;
        let tenant = context.tenant(&catalog.spec.tenant_ref.name).await?;
        subject.drift_interval = tenant.drift_interval;
        let asked_of = (catalog.name_any(), subject.uid());
        let place = (asked_of.0.as_str(), namespace.as_str(), asked_of.1.as_str());
        let (grants, quota) = with_room(context, grants, Counted::Policies, place);
        // Limits come first: a namespace that may give ids only makes no look-ups.
        let mut limits = Limited {
            way: Way::of_this(&spec, &subject.status.resolved).map_err(limit)?,
            package: AccessPackage::clone(&package),
            catalog,
            grants,
            quota,
            now: subject.now,
            uid: subject.uid(),
        };
        let is_new = subject.status.identity.entra.is_none() && subject.status.identity.intent.is_none();
        if let (Some(breach), true) = (limits.by_spec(), is_new) {
            // Nothing of it is in Entra, so there is nothing to close, and nobody needs to be looked up.
            return Err(limit(breach));
        }
        if let (Some(past), true) = (past_end(&spec, subject.now), is_new) {
            return Err(limit(past));
        }
        let entra = package_identity(&package)?;
        require_own_catalog(&limits.catalog, &package, &entra)?;
        if is_new && spec.id.is_none() {
            require_ready(&package)?;
        }
        let pins = PinnedReference::map(&subject.status.resolved);
        let memory = Memory {
            pins: &pins,
            asked_for: subject.requested().is_some(),
            wants_news: false,
        };
        let unpermitted = unpermitted(&tenant, &spec).await?;
        let Organizations {
            spec,
            pins: organizations,
            moved,
        } = with_organizations(context, &tenant, &pins, spec)?;
        let BoundPeople {
            people,
            mut pins,
            mut warnings,
            deciders,
        } = bind_people(&tenant, &spec, &entra.catalog_id.as_str().into(), memory).await?;
        organizations.into_iter().for_each(|pin| remember(&mut pins, Some(pin)));
        // Now it is known who is meant.
        limits.way = Way::of_this(&subject.object.spec, &pins).map_err(limit)?;
        warnings.extend(moved);
        subject.status.access_package_id = Some(entra.id.clone());
        // Noted with the intent to make it: what nobody else has made has no past of which nobody knows.
        if is_new && subject.object.spec.id.is_none() && subject.object.spec.adoption == Adoption::Never {
            subject.status.ways_so_far = Some(match &limits.way.terms {
                Judged::Terms(terms) => ways_so_far(terms),
                Judged::Unjudgeable(_) => Vec::new(), // of a spec there are terms
            });
        }
        Ok(PolicyReferences {
            catalog_id: entra.catalog_id.as_str().into(),
            package_id: entra.id.as_str().into(),
            package: package.spec.display_name.clone(),
            tenant: Arc::clone(&tenant),
            people,
            pins,
            warnings,
            deciders,
            limits,
            unpermitted,
        })
    }

    fn desire(subject: &Subject<Self>, references: &PolicyReferences) -> Step<PolicyBody> {
        let cloud = references.tenant.graph.cloud();
        let known = &subject.status.questions;
        desire::policy(&subject.object.spec, references.people.clone(), known, cloud).map_err(limit)
    }

    async fn observe(
        references: &PolicyReferences,
        id: Option<&str>,
        freshness: Freshness,
    ) -> Step<Found<Box<graph::AssignmentPolicy>>> {
        match id {
            Some(id) => look(&Self::site(references), id, freshness).await,
            None => Ok(Found::Unborn),
        }
    }

    async fn look_around(references: &PolicyReferences, freshness: Freshness) -> Step<Around> {
        let PolicyReferences {
            tenant,
            catalog_id,
            package_id,
            ..
        } = references;
        let package = tenant
            .inventory
            .package_around(catalog_id, package_id, freshness)
            .await?;
        Ok(Around { package })
    }

    fn announce(subject: &Subject<Self>, references: &PolicyReferences) -> Option<Announcement> {
        let what = Announced {
            roles: Vec::new(),
            ways: vec![references.limits.way.clone()],
        };
        let package = references.package_id.as_str();
        Some(references.tenant.coming.announce(package, &subject.uid(), what))
    }

    fn plan(
        subject: &Subject<Self>,
        references: &PolicyReferences,
        desired: &PolicyBody,
        observed: &Found<Box<graph::AssignmentPolicy>>,
        around: &Around,
        weighing: Weighing<'_>,
    ) -> Plan<PolicyAct> {
        let limit = limit_now(references, around).or_else(|| references.unpermitted.clone());
        let rules = Rules {
            base: weighing.base,
            drift: subject.drift(subject.object.spec.drift_policy),
            limit: limit.as_ref(),
            confirmed: weighing.confirmed,
            waits: weighing.waits,
        };
        match (&limit, observed) {
            // Not even where there would be nothing to write.
            (Some(limit), Found::Present(policy)) if weighing.takes_over() => {
                let act = takes_over(Self::NOUN, policy.id.as_str(), &policy.fields.display_name);
                Plan::holding(
                    plan::Step::new(act.into(), plan::Stake::NEUTRAL),
                    Hold::Limit(limit.clone()),
                )
            }
            // The rules have the limit.
            (_, _) => {
                let plan = match past_end(&subject.object.spec, subject.now) {
                    Some(past) => plan_ended(desired, observed, &rules, &past),
                    None => plan(desired, observed, &rules),
                };
                match observed {
                    Found::Present(policy) if stands_outside(references, around, policy) => {
                        departure::shutting(policy, weighing.waits, plan)
                    }
                    Found::Present(_) | Found::Unborn | Found::Gone { .. } | Found::Elsewhere { .. } => plan,
                }
            }
        }
    }

    async fn perform(
        context: &Context,
        subject: &mut Subject<Self>,
        site: &Site,
        act: &PolicyAct,
        observed: &mut Found<Box<graph::AssignmentPolicy>>,
    ) -> Result<Done, Failure> {
        let (graph, inventory) = (&site.tenant.graph, &site.tenant.inventory);
        let (catalog, package) = place(site);
        if let PolicyAct::Create(body) = act {
            let made = create_in_turn(&site.tenant, &package, body).await?;
            let id = made.id.to_string();
            inventory.policy_born(&catalog, &package, made.clone());
            *observed = Found::Present(Box::new(made));
            return Ok(Done::Made { id });
        }
        let Found::Present(policy) = observed else {
            return Err(nothing_there(act));
        };
        match act {
            PolicyAct::Identity(_) | PolicyAct::Create(_) => {} // not requests, or done above
            PolicyAct::Replace(body) => {
                // Before it is sent, and written down: whatever becomes of the answer people may come in by it, and what it
                // covers, such as an approval that somebody has switched off, is told by nobody afterwards.
                note_ways(subject, &policy.fields);
                note_ways(subject, &(**body).clone().into());
                subject.store().await?;
                graph.replace_assignment_policy(&policy.id, &package, body).await?;
                policy.fields = (**body).clone().into();
                // Those that are new have ids now, which the next read tells.
                if body.questions.iter().any(|question| question.id.is_none()) {
                    policy.fields.questions = Read::Unread;
                }
                let written = (**policy).clone();
                inventory.policy_changed(&catalog, &package, written);
            }
            PolicyAct::Close { .. } => {
                match shut(site, &policy.id, Some(policy)).await? {
                    Shut::Read(shut) => {
                        policy.fields = shut.fields.clone();
                        inventory.policy_changed(&catalog, &package, *shut);
                    }
                    Shut::Unread => {}
                    // It is looked at again before it is deleted.
                    Shut::NotFound => return Ok(Done::Nothing),
                }
            }
            PolicyAct::RemoveAssignments(removals) => {
                site.tenant.ask_removals(removals, || latch(context, site)).await?;
            }
            PolicyAct::Delete { .. } => {
                let begun = inventory.moment();
                match graph.delete_assignment_policy(&policy.id).await? {
                    Removed::Away => inventory.policy_gone(&catalog, &package, &policy.id),
                    Removed::NotFound => {
                        inventory.policy_missed(&catalog, &package, &policy.id, begun);
                        return Ok(Done::NotFound);
                    }
                }
            }
        }
        Ok(Done::Changed)
    }

    fn told(_site: &Site, subject: &Subject<Self>, step: &plan::Step<PolicyAct>) -> String {
        match &step.act {
            PolicyAct::Delete { name } => deleted(Self::NOUN, name, subject),
            PolicyAct::Identity(_)
            | PolicyAct::Create(_)
            | PolicyAct::Replace(_)
            | PolicyAct::Close { .. }
            | PolicyAct::RemoveAssignments(_) => step.to_string(),
        }
    }

    fn conclude(
        subject: &mut Subject<Self>,
        references: &PolicyReferences,
        desired: &PolicyBody,
        observed: &Found<Box<graph::AssignmentPolicy>>,
        around: &Around,
        plan: &Plan<PolicyAct>,
    ) -> Report {
        let asked = &subject.object.spec.questions;
        let there = match observed {
            Found::Present(policy) => &policy.fields.questions,
            Found::Unborn | Found::Gone { .. } | Found::Elsewhere { .. } => &Read::Unread,
        };
        subject.status.questions = questions::told(asked, &desired.questions, there);
        if let Found::Present(policy) = observed {
            note_ways(subject, &policy.fields);
        }
        let reopen = subject.request_command();
        subject.status.resolved.clone_from(&references.pins);
        let of = format!("policy of access package {:?}", references.package);
        let summary = match subject.object.spec.management {
            Management::Observe => Problem::new(Reason::Observed, of),
            Management::Full => Problem::new(Reason::InSync, of),
        };
        let held = plan.held_problem(&reopen);
        let obstacle = plan.obstacle(&reopen).or_else(|| limit_now(references, around));
        let (spec, catalog) = (&subject.object.spec, &references.limits.catalog.spec);
        let own = subject.status.identity.entra.as_ref().map(|entra| entra.id.as_str());
        let others = around.package.present().map(|package| beside(&package.policies));
        let warnings = references.warnings.iter().cloned();
        let warnings = warnings
            .chain(past_end(spec, subject.now))
            .chain(out_of_reach(spec, catalog))
            .chain(others.and_then(|others| shadowed(spec, own, &others)));
        Report {
            warning: Problem::joined(&warnings.collect::<Vec<_>>()),
            ..Report::compared(summary, obstacle, held)
        }
    }

    async fn look_out(
        subject: &mut Subject<Self>,
        references: &PolicyReferences,
        observed: &Found<Box<graph::AssignmentPolicy>>,
        asks: Asks,
    ) -> Vec<Problem> {
        let tenant = &references.tenant;
        // Who may name people by id only is not told who they are.
        let grants = &references.limits.grants;
        let deciders = match grants.iter().any(|grant| grant.limits.references == References::Any) {
            true => references.deciders.as_slice(),
            false => &[],
        };
        let mut problems = of_deciders(tenant, deciders, &subject.object.spec, asks).await;
        problems.extend(outliving::look(subject, references, observed, asks).await);
        problems
    }

    /// A question that was made just now has an id, by which it stays the same one when it is reworded.
    fn comes_back(subject: &Subject<Self>, _report: &Report, _references: &PolicyReferences) -> Retry {
        let told = &subject.status.questions;
        let is_told = |question: &api::Question| told.iter().any(|one| one.name == question.name);
        let is_there = subject.status.identity.entra.is_some() && subject.object.spec.management == Management::Full;
        if is_there && !subject.object.spec.questions.iter().all(is_told) {
            Retry::Backoff
        } else {
            Retry::OnChange
        }
    }

    fn turn(site: &Site) -> Option<&Semaphore> {
        Some(&site.tenant.policy_creation)
    }

    fn way_out(context: &Context, subject: &Subject<Self>) -> Step<Option<DeletionPolicy>> {
        let spec = &subject.object.spec;
        let package = context
            .cluster
            .package(&subject.namespace(), &spec.access_package_ref.name);
        parting(
            context,
            subject,
            &Departure {
                management: spec.management,
                method: spec.deletion_policy(),
                names: package.as_ref().and_then(Lookup::parent_name),
            },
        )
    }

    async fn last_site(context: &Context, subject: &Subject<Self>) -> Step<Site> {
        let entra = identity::own(&subject.object).cloned();
        let intent = subject.status.identity.intent.clone();
        let catalog = context.cluster.catalog(&catalog_name(context, subject));
        let tenant_ref = catalog.as_ref().and_then(Lookup::parent_name).map(str::to_owned);
        let tenant = last_tenant(context, tenant_ref.as_deref(), entra.as_ref(), intent.as_ref()).await?;
        let catalog_id = match catalog.as_ref().map(Lookup::own_identity) {
            Some(Identity::Known(entra)) => Some(entra.id),
            Some(Identity::None | Identity::Unclear) | None => None,
        };
        // An open intent outranks what status says otherwise.
        let (catalog_id, package_id) = match (&intent, &entra) {
            (Some(intent), _) => (intent.catalog_id.clone().or(catalog_id), Some(intent.parent_id.clone())),
            (None, Some(entra)) => (Some(entra.catalog_id.clone()), subject.status.access_package_id.clone()),
            (None, None) => (catalog_id, None),
        };
        let package_id = package_id.ok_or_else(|| {
            Halt::sync(
                Reason::InvalidSpec,
                "status.accessPackageId is missing, so the policy cannot be found",
                Retry::OnChange,
            )
        })?;
        Ok(Site {
            tenant,
            place: Place {
                // Only the list that confirms an absence needs it.
                catalog_id: catalog_id.unwrap_or_default(), // no Catalog has this name
                parent: format!("access package {package_id}"),
                parent_id: package_id,
            },
        })
    }

    async fn observe_leaving(site: &Site, id: &str) -> Step<Found<Box<graph::AssignmentPolicy>>> {
        match look(site, id, Freshness::Now).await {
            // There, and refused by ourselves: what is left to do needs no more of it than this.
            Err(halt) if halt.problem.reason == Reason::GraphRefused => {
                let read = site.tenant.graph.get_policy_to_leave(&PolicyId::from(id)).await;
                match read {
                    Ok(Some(policy)) => Ok(Found::Present(Box::new(policy))),
                    Ok(None) | Err(_) => Err(halt),
                }
            }
            other => other,
        }
    }

    fn plan_leaving(
        _subject: &Subject<Self>,
        site: &Site,
        observed: &Found<Box<graph::AssignmentPolicy>>,
        holders: Option<&Listed<graph::Assignment>>,
        method: DeletionPolicy,
    ) -> (Plan<PolicyAct>, Next) {
        let Found::Present(policy) = observed else {
            return (Plan::default(), Next::Done);
        };
        let asked = |id: &graph::AssignmentId| site.tenant.was_asked(id);
        departure::policy(policy, holders, method, &asked)
    }

    fn package_of<'a>(site: &'a Site, _id: &'a str) -> &'a str {
        &site.place.parent_id
    }

    fn came_by(id: &str, assignment: &graph::Assignment) -> bool {
        let policy = assignment.policy.as_ref();
        policy.is_none_or(|policy| *policy == PolicyId::from(id)) // which one is not told: it may be this one
    }

    fn follow(site: &mut Site, place: &str) {
        place.clone_into(&mut site.place.parent_id);
    }
}

/// Whether no grant allows any more what Entra has of the policy, and it is to be closed for that.
fn stands_outside(references: &PolicyReferences, around: &Around, policy: &graph::AssignmentPolicy) -> bool {
    references.limits.closes(policy, &around.package)
}

/// Remembers what the policy lets people do, where it is known what it did before.
fn note_ways(subject: &mut Subject<AssignmentPolicy>, policy: &PolicyRead) {
    if let Some(so_far) = &mut subject.status.ways_so_far {
        remember_way(so_far, &Terms::of_entra(policy));
    }
}

/// The package in Entra: every policy is judged with all of its roles.
pub(crate) struct Around {
    package: Found<Box<graph::AccessPackage>>,
}

fn place(site: &Site) -> (CatalogId, AccessPackageId) {
    let Place {
        catalog_id,
        parent_id,
        parent: _,
    } = &site.place;
    (
        CatalogId::from(catalog_id.as_str()),
        AccessPackageId::from(parent_id.as_str()),
    )
}

async fn look(site: &Site, id: &str, freshness: Freshness) -> Step<Found<Box<graph::AssignmentPolicy>>> {
    let (catalog, package) = place(site);
    site.tenant
        .inventory
        .policy(&catalog, &package, &PolicyId::from(id), freshness)
        .await
}

fn named(policies: Vec<graph::AssignmentPolicy>, name: &str) -> Vec<Candidate> {
    policies
        .into_iter()
        .filter(|policy| policy.fields.display_name.trim() == name.trim())
        .map(candidate)
        .collect()
}

fn candidate(policy: graph::AssignmentPolicy) -> Candidate {
    Candidate {
        id: policy.id.to_string(),
        display_name: policy.fields.display_name,
        description: policy.fields.description,
        created: policy.created,
        holder: None,
    }
}

/// Sends a create. Graph refuses creates that run beside each other, whoever sends them: that is tried again, after a look
/// that shows that nothing came of it. Where that cannot be seen, the refusal stands, and the intent with it.
async fn create_in_turn(
    tenant: &Tenant,
    package: &AccessPackageId,
    body: &PolicyBody,
) -> Result<graph::AssignmentPolicy, graph::GraphError> {
    let mut wait = Duration::from_millis(200);
    for _ in 0..6 {
        let error = match tenant.graph.create_assignment_policy(package, body).await {
            Err(error) if error.has_code("DuplicateKey") => error,
            other => return other,
        };
        tenant.clock.sleep(wait).await;
        wait *= 2;
        let Ok(Some(listed)) = tenant.graph.list_assignment_policies(package).await else {
            return Err(error);
        };
        let is_there = listed
            .elements
            .iter()
            .any(|policy| policy.fields.display_name == body.display_name);
        if is_there || !listed.unreadable.is_empty() {
            return Err(error);
        }
    }
    tenant.graph.create_assignment_policy(package, body).await
}
