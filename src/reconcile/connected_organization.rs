//! ConnectedOrganization: a partner, and those who vouch for its people.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kube::{Api, Client, ResourceExt};

use super::{
    Kind, Managed, Takeover, Visited, Weighing,
    coming::Announcement,
    context::Context,
    directory::Memory,
    execute::{Done, Failure},
    grants::limit,
    halt::{Halt, Retry, Step},
    identity::{self, Place, Site, refuse_unreadable},
    inventory::Freshness,
    parting::{deleted, depart, nothing_there},
    pipeline,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{
        self, Adoption, ConnectedOrganization, DeletionPolicy, Management, OrganizationDeletionPolicy, PinnedReference,
        Reason,
    },
    cluster::Lookup,
    graph::{self, ObjectId, Removed, SponsorList},
    plan::{
        self, Canonical as _, Found, Plan, Problem, Rules,
        bindings::{DirectoryKey, given_by_id, remember},
        connected_organization::{self, DesiredOrganization, DesiredSponsor, OrganizationAct, leave, named},
        departure::Next,
        desire,
        identity::Candidate,
        limits,
    },
    report::Report,
};

/// What its spec points at, everything bound.
pub(crate) struct OrganizationReferences {
    tenant: Arc<Tenant>,
    internal_sponsors: Option<Vec<DesiredSponsor>>,
    external_sponsors: Option<Vec<DesiredSponsor>>,
    pins: Vec<PinnedReference>,
    warning: Option<Problem>,
    /// Ids of what the object stands for, or stood for.
    own: Vec<ObjectId>,
}

/// What is to be remembered of the names that were bound.
#[derive(Default)]
struct Told {
    pins: Vec<PinnedReference>,
    warning: Option<Problem>,
}

impl Kind for ConnectedOrganization {
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

impl Managed for ConnectedOrganization {
    const NOUN: &'static str = "connected organization";
    const TAKEOVER: &'static str = "create another ConnectedOrganization with spec.id";
    const NAMES_ARE_UNIQUE: bool = false;
    type Act = OrganizationAct;
    type References = OrganizationReferences;
    type Desired = DesiredOrganization;
    type Observed = graph::ConnectedOrganization;
    /// The tenant's other organizations.
    type Around = Vec<graph::ConnectedOrganization>;

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

    fn site(references: &OrganizationReferences) -> Site {
        site(&references.tenant)
    }

    async fn look_by_name(site: &Site, name: &str) -> Step<Vec<Candidate>> {
        let found = site.tenant.graph.find_connected_organizations_named(name).await?;
        refuse_unreadable(&found.unreadable, &site.place.parent)?;
        Ok(found.elements.into_iter().map(candidate).collect())
    }

    async fn look_by_id(site: &Site, id: &str) -> Step<Found<Candidate>> {
        Ok(look(&site.tenant, id, Freshness::Now).await?.map(candidate))
    }

    async fn search(site: &Site, name: &str, begun_ago: Duration) -> Step<Vec<Candidate>> {
        let found = site.tenant.inventory.search_organizations(name, begun_ago).await?;
        Ok(found.named.elements.into_iter().map(candidate).collect())
    }

    async fn resolve(context: &Context, subject: &mut Subject<Self>) -> Step<OrganizationReferences> {
        let spec = subject.object.spec.clone();
        limits::well_named(spec.display_name.as_deref(), spec.id.as_deref()).map_err(limit)?;
        limits::named_once(&spec).map_err(limit)?;
        let tenant = context.tenant(&spec.tenant_ref.name).await?;
        subject.drift_interval = tenant.drift_interval;
        if let (None, Some(twin)) = (identity::own(&subject.object), twin(context, &subject.object)) {
            return Err(limit(twin));
        }
        let pins = PinnedReference::map(&subject.status.resolved);
        let memory = Memory {
            pins: &pins,
            asked_for: subject.requested().is_some(),
            wants_news: false,
        };
        let mut told = Told::default();
        let (internal, external) = (spec.internal_sponsors.as_deref(), spec.external_sponsors.as_deref());
        let internal_sponsors = bind(&tenant, SponsorList::Internal, internal, memory, &mut told).await?;
        let external_sponsors = bind(&tenant, SponsorList::External, external, memory, &mut told).await?;
        let Told { pins, warning } = told;
        let known = subject.status.identity.entra.as_ref().map(|entra| entra.id.as_str());
        let own = known.into_iter().chain(subject.external_id());
        Ok(OrganizationReferences {
            own: own.map(ObjectId::from).collect(),
            tenant,
            internal_sponsors,
            external_sponsors,
            pins,
            warning,
        })
    }

    fn desire(subject: &Subject<Self>, references: &OrganizationReferences) -> Step<DesiredOrganization> {
        let OrganizationReferences {
            internal_sponsors,
            external_sponsors,
            ..
        } = references;
        desire::organization(
            &subject.object.spec,
            internal_sponsors.clone(),
            external_sponsors.clone(),
        )
        .map_err(limit)
    }

    async fn observe(
        references: &OrganizationReferences,
        id: Option<&str>,
        freshness: Freshness,
    ) -> Step<Found<graph::ConnectedOrganization>> {
        match id {
            Some(id) => look(&references.tenant, id, freshness).await,
            None => Ok(Found::Unborn),
        }
    }

    /// From the list that visits go by: whom Entra has beside it is a hint and no proof, so that nobody waits for a newer one.
    async fn look_around(
        references: &OrganizationReferences,
        _freshness: Freshness,
    ) -> Step<Vec<graph::ConnectedOrganization>> {
        let OrganizationReferences { tenant, own, .. } = references;
        let mut all = tenant.inventory.organizations(tenant.freshness()).await?.elements;
        all.retain(|one| !own.contains(&one.id));
        Ok(all)
    }

    fn announce(_subject: &Subject<Self>, _references: &OrganizationReferences) -> Option<Announcement> {
        None
    }

    fn plan(
        subject: &Subject<Self>,
        _references: &OrganizationReferences,
        desired: &DesiredOrganization,
        observed: &Found<graph::ConnectedOrganization>,
        around: &Vec<graph::ConnectedOrganization>,
        weighing: Weighing<'_>,
    ) -> Plan<OrganizationAct> {
        let rules = Rules {
            base: weighing.base,
            drift: subject.drift(subject.object.spec.drift_policy),
            // It is the platform team's: no grant limits it.
            limit: None,
            confirmed: weighing.confirmed,
            waits: weighing.waits,
        };
        connected_organization::plan(desired, observed, around, &rules)
    }

    async fn perform(
        _context: &Context,
        _subject: &mut Subject<Self>,
        site: &Site,
        act: &OrganizationAct,
        observed: &mut Found<graph::ConnectedOrganization>,
    ) -> Result<Done, Failure> {
        let (graph, inventory) = (&site.tenant.graph, &site.tenant.inventory);
        if let OrganizationAct::Create(fields) = act {
            let made = graph.create_connected_organization(fields).await?;
            inventory.organization_born(&made);
            let id = made.id.to_string();
            *observed = Found::Present(made);
            return Ok(Done::Made { id });
        }
        let Found::Present(organization) = observed else {
            return Err(nothing_there(act));
        };
        match act {
            OrganizationAct::Identity(_) | OrganizationAct::Create(_) => {} // not requests, or done above
            OrganizationAct::Update(patch) => {
                graph.update_connected_organization(&organization.id, patch).await?;
                patched(organization, patch);
                inventory.remember_organization(organization);
            }
            OrganizationAct::AddSponsor { list, sponsor, name: _ } => {
                graph.add_sponsor(&organization.id, *list, sponsor).await?;
                if let Some(there) = sponsors(organization, *list).known_mut() {
                    there.insert(sponsor.id().clone());
                }
                inventory.remember_organization(organization);
            }
            OrganizationAct::RemoveSponsor { list, id } => {
                match graph.remove_sponsor(&organization.id, *list, id).await? {
                    Removed::Away => {}
                    Removed::NotFound => return Ok(Done::NotFound),
                }
                if let Some(there) = sponsors(organization, *list).known_mut() {
                    there.remove(id);
                }
                inventory.remember_organization(organization);
            }
            OrganizationAct::Delete => {
                let begun = inventory.moment();
                match graph.delete_connected_organization(&organization.id).await? {
                    Removed::Away => inventory.organization_gone(&organization.id),
                    Removed::NotFound => {
                        inventory.organization_missed(&organization.id, begun);
                        return Ok(Done::NotFound);
                    }
                }
            }
        }
        Ok(Done::Changed)
    }

    fn told(_site: &Site, subject: &Subject<Self>, step: &plan::Step<OrganizationAct>) -> String {
        match &step.act {
            OrganizationAct::Delete => deleted(Self::NOUN, &subject.object.display_name(), subject),
            OrganizationAct::Identity(_)
            | OrganizationAct::Create(_)
            | OrganizationAct::Update(_)
            | OrganizationAct::AddSponsor { .. }
            | OrganizationAct::RemoveSponsor { .. } => step.to_string(),
        }
    }

    fn conclude(
        subject: &mut Subject<Self>,
        references: &OrganizationReferences,
        _desired: &DesiredOrganization,
        _observed: &Found<graph::ConnectedOrganization>,
        _around: &Vec<graph::ConnectedOrganization>,
        plan: &Plan<OrganizationAct>,
    ) -> Report {
        subject.status.resolved.clone_from(&references.pins);
        let reopen = subject.request_command();
        let of = format!("connected organization of tenant {}", references.tenant.name);
        let summary = match subject.object.spec.management {
            Management::Observe => Problem::new(Reason::Observed, of),
            Management::Full => Problem::new(Reason::InSync, of),
        };
        let held = plan.held_problem(&reopen);
        let obstacle = plan.obstacle(&reopen);
        Report {
            warning: references.warning.clone(),
            ..Report::compared(summary, obstacle, held)
        }
    }

    fn way_out(context: &Context, subject: &Subject<Self>) -> Step<Option<DeletionPolicy>> {
        let keeps = subject.object.spec.deletion_policy == OrganizationDeletionPolicy::Orphan
            || subject.object.spec.management == Management::Observe
            || subject.is_to_be_orphaned();
        if keeps {
            // Nothing is taken from those who use it: it waits for nobody.
            return Ok(None);
        }
        let id = subject.status.identity.entra.as_ref().map(|entra| entra.id.as_str());
        let policies = context.cluster.policies_of_organization(&subject.object.name_any(), id);
        match policies.first() {
            Some(first) => Err(Halt::sync(
                Reason::DependantsRemain,
                format!(
                    "policies that let its people in: {}, {first} first; the connected organization goes when there is none",
                    policies.len()
                ),
                Retry::After(Duration::from_secs(10)),
            )),
            None => Ok(Some(DeletionPolicy::Delete)),
        }
    }

    async fn last_site(context: &Context, subject: &Subject<Self>) -> Step<Site> {
        let tenant = context.tenant(&subject.object.spec.tenant_ref.name).await?;
        Ok(site(&tenant))
    }

    async fn observe_leaving(site: &Site, id: &str) -> Step<Found<graph::ConnectedOrganization>> {
        look(&site.tenant, id, Freshness::Now).await
    }

    fn plan_leaving(
        _subject: &Subject<Self>,
        _site: &Site,
        observed: &Found<graph::ConnectedOrganization>,
        _holders: Option<&graph::Listed<graph::Assignment>>,
        _method: DeletionPolicy,
    ) -> (Plan<OrganizationAct>, Next) {
        match observed {
            Found::Present(_) => (leave(), Next::Done),
            Found::Unborn | Found::Gone { .. } | Found::Elsewhere { .. } => (Plan::default(), Next::Done),
        }
    }

    fn package_of<'a>(_site: &'a Site, id: &'a str) -> &'a str {
        id // nobody holds it, and nobody is asked who does
    }

    fn follow(_site: &mut Site, _place: &str) {} // it has no other place to be
}

/// Another object that stands for the same people, and came first: Entra shows a domain as the tenant behind it, so that there
/// the two would not be known for one.
fn twin(context: &Context, object: &ConnectedOrganization) -> Option<Problem> {
    // Neither a domain nor a tenant's id is another one in capitals.
    let means =
        |one: &ConnectedOrganization| serde_json::to_string(&one.spec.identity_source).map(|text| text.to_lowercase());
    object.spec.identity_source.as_ref()?;
    let asked = means(object).ok()?;
    let place = |one: &ConnectedOrganization| (one.creation_timestamp().map(|time| time.0), one.name_any());
    let mut others: Vec<_> = context
        .cluster
        .all::<ConnectedOrganization>()
        .into_iter()
        .filter_map(|other| match other {
            Lookup::Readable(other) => Some(other),
            Lookup::Unreadable(_) => None, // it says for itself that it cannot be read
        })
        .filter(|other| other.name_any() != object.name_any())
        .filter(|other| other.spec.tenant_ref == object.spec.tenant_ref)
        .filter(|other| means(other).is_ok_and(|meant| meant == asked))
        .filter(|other| identity::own(other.as_ref()).is_some() || place(other) < place(object))
        .map(|other| other.name_any())
        .collect();
    others.sort();
    let first = others.first()?;
    Some(
        Problem::new(
            Reason::NameTaken,
            format!("ConnectedOrganization {first:?} stands for the same people"),
        )
        .at("spec.identitySource")
        .remedy("name that one in policies, or delete one of the two"),
    )
}

/// The sponsors of one list by their ids; what cannot be bound ends the visit, told in the order of the spec.
async fn bind(
    tenant: &Tenant,
    list: SponsorList,
    sponsors: Option<&[api::Sponsor]>,
    memory: Memory<'_>,
    told: &mut Told,
) -> Step<Option<Vec<DesiredSponsor>>> {
    let Some(sponsors) = sponsors else {
        return Ok(None);
    };
    let named = named(list, sponsors).map_err(limit)?;
    let references: Vec<_> = named.iter().map(|one| (one.field.clone(), one.key.clone())).collect();
    let answers = tenant.directory.bind_many(&references, memory).await;
    let mut bound = Vec::new();
    for (one, answer) in named.iter().zip(answers) {
        let answer = answer?;
        remember(&mut told.pins, answer.pin);
        told.warning = told.warning.take().or(answer.moved);
        bound.push(one.bound(&answer.id));
    }
    Ok(Some(bound))
}

fn sponsors(
    organization: &mut graph::ConnectedOrganization,
    list: SponsorList,
) -> &mut graph::Read<BTreeSet<ObjectId>> {
    match list {
        SponsorList::Internal => &mut organization.internal_sponsors,
        SponsorList::External => &mut organization.external_sponsors,
    }
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

async fn look(tenant: &Tenant, id: &str, freshness: Freshness) -> Step<Found<graph::ConnectedOrganization>> {
    tenant.inventory.organization(&ObjectId::from(id), freshness).await
}

fn candidate(organization: graph::ConnectedOrganization) -> Candidate {
    Candidate {
        id: organization.id.to_string(),
        display_name: organization.display_name,
        description: organization.description,
        created: organization.created,
        holder: None,
    }
}

fn patched(organization: &mut graph::ConnectedOrganization, patch: &graph::ConnectedOrganizationPatch) {
    let graph::ConnectedOrganizationPatch {
        display_name,
        description,
        state,
    } = patch.clone();
    if let Some(display_name) = display_name {
        organization.display_name = display_name;
    }
    organization.description = description.or(organization.description.take());
    organization.state = state.or(organization.state.take());
}
