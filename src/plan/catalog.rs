//! What to do about a catalog and the resources in it.

use std::fmt;

use super::{
    Act, Canonical, Door, Found, Hold, Holders, IdentityAct, Judge, Judgement, Member, Memory, Order, Plan, Problem,
    Rules, Set, Stake, Step,
};
use crate::{
    api::{Reason, ResourceStatus},
    graph::{Catalog, CatalogFields, CatalogPatch, CatalogState, NewResource, Resource, ResourceId},
};

/// A catalog as the spec wants it, its resources resolved. `None`: left as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredCatalog {
    /// Its name.
    pub display_name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Whether its packages can be requested.
    pub state: Option<CatalogState>,
    /// Whether people outside the directory may request its packages.
    pub externally_visible: Option<bool>,
    /// The resources that it should hold.
    pub resources: Vec<DesiredResource>,
    /// Resources of the spec that could not be resolved: while there is one, nothing is removed.
    pub unresolved: Vec<Problem>,
}

/// One resource that the catalog should hold.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredResource {
    /// Its name in the spec.
    pub name: String,
    /// What is sent to add it.
    pub resource: NewResource,
}

/// A catalog with everything in it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenCatalog {
    /// The catalog.
    pub catalog: Catalog,
    /// The resources that could be read.
    pub resources: Vec<Resource>,
    /// Something in it exists and could not be read: nothing is removed while that is so.
    pub unreadable: bool,
}

/// What can be done with a catalog.
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogAct {
    /// Which one it is.
    Identity(IdentityAct),
    /// Make it.
    Create(CatalogFields),
    /// Change fields of it.
    Update(CatalogPatch),
    /// Bring a resource into it.
    AddResource {
        /// Its name in the spec.
        name: String,
        /// What is sent.
        resource: NewResource,
    },
    /// Take a resource that we brought in out again.
    RemoveResource {
        /// The name it had in the spec.
        name: String,
        /// Its id in the catalog.
        id: ResourceId,
    },
    /// Delete it.
    Delete,
}

impl Act for CatalogAct {
    fn identity(&self) -> Option<&IdentityAct> {
        match self {
            Self::Identity(act) => Some(act),
            Self::Create(_)
            | Self::Update(_)
            | Self::AddResource { .. }
            | Self::RemoveResource { .. }
            | Self::Delete => None,
        }
    }

    fn creates(&self) -> bool {
        matches!(self, Self::Create(_))
    }

    fn done(&self) -> Reason {
        match self {
            Self::Identity(IdentityAct::TakeOver { .. }) => Reason::Adopted,
            Self::Identity(_) | Self::Create(_) => Reason::Created,
            Self::Update(_) | Self::AddResource { .. } | Self::RemoveResource { .. } => Reason::Updated,
            Self::Delete => Reason::Deleted,
        }
    }
}

impl From<IdentityAct> for CatalogAct {
    fn from(act: IdentityAct) -> Self {
        Self::Identity(act)
    }
}

impl fmt::Display for CatalogAct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(act) => act.fmt(formatter),
            Self::Create(fields) => write!(formatter, "create catalog {:?}", fields.display_name),
            Self::Update(_) => formatter.write_str("change"),
            Self::AddResource { name, resource } => write!(
                formatter,
                "add resource {name} ({} {})",
                resource.origin_system, resource.origin_id
            ),
            Self::RemoveResource { name, .. } => write!(formatter, "remove resource {name}"),
            Self::Delete => formatter.write_str("delete catalog"),
        }
    }
}

/// The plan for one catalog; `known` are the resources that status remembers.
#[must_use]
pub fn plan(
    desired: &DesiredCatalog,
    observed: &Found<SeenCatalog>,
    known: &[ResourceStatus],
    rules: &Rules<'_>,
) -> Plan<CatalogAct> {
    match observed {
        Found::Unborn => create(desired, rules),
        // One that was taken over by id may have no name of ours to be made anew with.
        Found::Gone { .. } if rules.drift.recreates() && desired.display_name.is_some() => create(desired, rules),
        Found::Gone { id } => {
            let name = desired.display_name.as_deref().map_or("", |name| name);
            let gone = CatalogAct::Create(CatalogFields {
                display_name: format!("{name} ({id})"),
                ..fields(desired)
            });
            Plan::holding(Step::new(gone, Stake::NEUTRAL), Hold::DeletedInEntra)
        }
        // A catalog has no other place to be.
        Found::Elsewhere { .. } => Plan::default(),
        Found::Present(seen) => {
            let mut plan = update(desired, &seen.catalog, rules);
            plan.extend(resources(desired, seen, known, rules));
            plan
        }
    }
}

/// The resource of the catalog that is the wanted one.
#[must_use]
pub fn find<'a>(resources: &'a [Resource], wanted: &DesiredResource) -> Option<&'a Resource> {
    resources.iter().find(|resource| {
        resource.origin_system == wanted.resource.origin_system
            && same_origin(&resource.origin_id, &wanted.resource.origin_id)
    })
}

/// Whether two origin ids are one: GUIDs and site addresses are compared without case, addresses without a last slash.
#[must_use]
pub fn same_origin(one: &str, other: &str) -> bool {
    origin_key(one) == origin_key(other)
}

/// What makes two origin ids the same.
fn origin_key(origin: &str) -> String {
    origin.trim_end_matches('/').to_lowercase()
}

fn fields(desired: &DesiredCatalog) -> CatalogFields {
    let DesiredCatalog {
        display_name,
        description,
        state,
        externally_visible,
        resources: _,
        unresolved: _,
    } = desired.clone();
    // The schema asks for a name where there is no id; the rest has its default in `desire`.
    CatalogFields {
        display_name: display_name.map_or_else(String::new, |name| name),
        description: description.map_or_else(String::new, |text| text),
        state: state.map_or(CatalogState::Published, |state| state),
        externally_visible: externally_visible.is_some_and(|visible| visible),
    }
}

fn create(desired: &DesiredCatalog, rules: &Rules<'_>) -> Plan<CatalogAct> {
    let fields = fields(desired);
    let CatalogFields {
        display_name,
        description,
        state,
        externally_visible,
    } = &fields;
    let step = Step {
        memories: vec![
            Memory::keep("displayName", display_name.canonical()),
            Memory::keep("description", description.canonical()),
            Memory::keep("state", state.canonical()),
            Memory::keep("externallyVisible", externally_visible.canonical()),
        ],
        ..Step::new(CatalogAct::Create(fields.clone()), Stake::door(Door::Widens))
    };
    let mut plan = Plan::of(vec![step]);
    let empty = SeenCatalog {
        catalog: Catalog {
            id: "".into(),
            display_name: String::new(),
            description: None,
            catalog_type: None,
            state: None,
            externally_visible: false,
            created: None,
        },
        resources: Vec::new(),
        unreadable: false,
    };
    let afresh = Rules {
        base: super::Base::none(),
        ..*rules
    };
    plan.extend(resources(desired, &empty, &[], &afresh));
    plan
}

fn update(desired: &DesiredCatalog, catalog: &Catalog, rules: &Rules<'_>) -> Plan<CatalogAct> {
    let mut judge = Judge::new(*rules);
    let patch = merge(desired, catalog, &mut judge);
    let Judgement {
        written,
        memories,
        held,
        found,
    } = judge.judgement();
    let mut plan = Plan {
        steps: Vec::new(),
        held: held
            .into_iter()
            .map(|(difference, hold)| {
                let patch = CatalogAct::Update(CatalogPatch::default());
                (Step::changing(patch, vec![difference], Vec::new()), hold)
            })
            .collect(),
        found,
    };
    if !written.is_empty() {
        plan.steps
            .push(Step::changing(CatalogAct::Update(patch), written, memories));
    }
    plan
}

/// The fields of a catalog, each declared once: what is sent of them. One that the spec leaves unset stays as it is.
pub fn merge(desired: &DesiredCatalog, before: &Catalog, judge: &mut Judge<'_>) -> CatalogPatch {
    let DesiredCatalog {
        display_name,
        description,
        state,
        externally_visible,
        resources: _,
        unresolved: _,
    } = desired.clone();
    let description_before = before.description.clone().map_or_else(String::new, |text| text);
    // Unknown is not open.
    let state_before = before.state.clone().map_or(CatalogState::Unpublished, |state| state);
    CatalogPatch {
        display_name: judge.patch_set("displayName", |_, _| Stake::NEUTRAL, display_name, &before.display_name),
        description: judge.patch_set("description", |_, _| Stake::NEUTRAL, description, &description_before),
        state: judge.patch_set(
            "state",
            |_, after| Stake::widening(*after == CatalogState::Published),
            state,
            &state_before,
        ),
        externally_visible: judge.patch_set(
            "externallyVisible",
            |_, after| Stake::widening(*after),
            externally_visible,
            &before.externally_visible,
        ),
    }
}

impl Canonical for CatalogState {
    fn canonical(&self) -> String {
        self.to_string()
    }
}

/// How a catalog goes: its packages are never deleted with it; resources that we brought in go first. `packages` are the
/// names of those that are in it.
#[must_use]
pub fn leave(seen: &SeenCatalog, packages: Option<&[&str]>, known: &[ResourceStatus]) -> Plan<CatalogAct> {
    let narrowing = |act| Step::new(act, Stake::door(Door::Narrows));
    let waits = match packages {
        None => Some("Entra has not told which packages it holds".to_owned()),
        Some([]) => None,
        Some(packages) => {
            let first = packages.iter().min().copied().map_or("", |first| first);
            Some(format!(
                "the catalog holds {} access packages that no object here manages, {first:?} first",
                packages.len()
            ))
        }
    };
    if let Some(what) = waits {
        let problem = Problem::new(Reason::NotOurs, what).remedy(format!(
            "delete them in Entra, or let the catalog stay: annotate this object with {}=true",
            crate::api::ORPHAN
        ));
        return Plan::holding(narrowing(CatalogAct::Delete), Hold::Waits(problem));
    }
    let ours = known.iter().filter(|known| known.added).filter_map(|known| {
        // A list may leave out what status has the id of.
        let seen = seen
            .resources
            .iter()
            .find(|resource| same_origin(&resource.origin_id, &known.origin_id))
            .map(|resource| resource.id.clone());
        let id = seen.or_else(|| known.id.as_deref().map(ResourceId::from))?;
        Some(CatalogAct::RemoveResource {
            name: known.name.clone(),
            id,
        })
    });
    Plan::of(ours.chain([CatalogAct::Delete]).map(narrowing).collect())
}

/// The resources of a catalog. Additive: only what we brought in is ever taken out, whatever the spec once said.
fn resources(
    desired: &DesiredCatalog,
    seen: &SeenCatalog,
    known: &[ResourceStatus],
    rules: &Rules<'_>,
) -> Plan<CatalogAct> {
    let set = Set {
        path: "resources",
        // What is in a catalog reaches people only by a package.
        adding: Stake::NEUTRAL,
        removing: Stake::door(Door::Neutral).holders(Holders::Untouched),
        order: Order::AddFirst,
        blocked: !desired.unresolved.is_empty() || seen.unreadable,
    };
    let wanted = desired
        .resources
        .iter()
        .map(|wanted| Member {
            key: origin_key(&wanted.resource.origin_id),
            name: wanted.name.clone(),
            item: wanted,
        })
        .collect();
    // Everything that is wanted and there, and of the rest what we brought in.
    let observed = seen
        .resources
        .iter()
        .filter_map(|resource| {
            let is_wanted = desired.resources.iter().any(|wanted| {
                wanted.resource.origin_system == resource.origin_system
                    && same_origin(&wanted.resource.origin_id, &resource.origin_id)
            });
            let ours = known
                .iter()
                .find(|known| known.added && same_origin(&known.origin_id, &resource.origin_id));
            let name = ours.map(|known| known.name.clone());
            (is_wanted || ours.is_some()).then(|| Member {
                key: origin_key(&resource.origin_id),
                name: name.map_or_else(|| resource.display_name.clone(), |name| name),
                item: resource,
            })
        })
        .collect();
    // Status tells what is ours; nothing here is anybody else's drift.
    let by_status = Rules {
        base: super::Base::none(),
        ..*rules
    };
    let mut plan = set.reconcile(
        &by_status,
        wanted,
        observed,
        |_, _| None,
        |member: Member<&DesiredResource>| CatalogAct::AddResource {
            name: member.name,
            resource: member.item.resource.clone(),
        },
        |member: Member<&Resource>| CatalogAct::RemoveResource {
            name: member.name,
            id: member.item.id.clone(),
        },
    );
    // Status remembers them by name and id; nothing more needs to be remembered.
    plan.found.clear();
    for step in &mut plan.steps {
        step.memories.clear();
        step.differences.clear();
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::DriftPolicy,
        graph::{OriginSystem, Read},
        plan::{Base, Drift},
    };

    const CAUTIOUS: Drift = Drift {
        policy: DriftPolicy::Cautious,
        requested: false,
    };

    fn desired(state: Option<CatalogState>, resources: &[&str]) -> DesiredCatalog {
        DesiredCatalog {
            display_name: Some("Marketing".into()),
            description: None,
            state,
            externally_visible: Some(false),
            resources: resources
                .iter()
                .map(|origin| DesiredResource {
                    name: (*origin).to_owned(),
                    resource: NewResource {
                        origin_system: OriginSystem::AadGroup,
                        origin_id: (*origin).to_owned(),
                        display_name: None,
                        description: None,
                    },
                })
                .collect(),
            unresolved: Vec::new(),
        }
    }

    fn observed(state: CatalogState, resources: &[&str]) -> Found<SeenCatalog> {
        Found::Present(SeenCatalog {
            catalog: Catalog {
                id: "catalog".into(),
                display_name: "Marketing".into(),
                description: Some("somebody's words".into()),
                catalog_type: None,
                state: Some(state),
                externally_visible: false,
                created: None,
            },
            resources: resources
                .iter()
                .map(|origin| Resource {
                    id: format!("resource-{origin}").into(),
                    display_name: String::new(),
                    origin_id: (*origin).to_owned(),
                    origin_system: OriginSystem::AadGroup,
                    roles: Read::Unread,
                    scopes: Read::Unread,
                })
                .collect(),
            unreadable: false,
        })
    }

    fn rules(base: Base<'_>) -> Rules<'_> {
        Rules {
            base,
            drift: CAUTIOUS,
            limit: None,
            confirmed: true,
        }
    }

    fn known(origin: &str, added: bool) -> ResourceStatus {
        ResourceStatus {
            name: origin.into(),
            id: None,
            origin_id: origin.into(),
            origin_system: "AadGroup".into(),
            scope_id: None,
            roles: Vec::new(),
            added,
            state: "Ready".into(),
            message: None,
        }
    }

    #[test]
    fn a_field_left_unset_is_left_alone() {
        let plan = plan(
            &desired(None, &[]),
            &observed(CatalogState::Unpublished, &[]),
            &[],
            &rules(Base::none()),
        );
        assert!(plan.is_quiet(), "{plan:?}");
    }

    #[test]
    fn a_catalog_that_somebody_unpublished_is_not_published_again_by_itself() {
        let wanted = desired(Some(CatalogState::Published), &[]);
        let made = plan(&wanted, &Found::Unborn, &[], &rules(Base::none()));
        let applied = crate::plan::applied(&made.steps[0].memories);
        let drifted = observed(CatalogState::Unpublished, &[]);
        let held = plan(&wanted, &drifted, &[], &rules(Base::of(Some(&applied))));
        assert!(held.steps.is_empty());
        assert_eq!(held.held[0].1, Hold::Drift);
    }

    #[test]
    fn only_what_we_added_is_ever_removed() {
        let seen = observed(CatalogState::Published, &["ours", "theirs", "kept"]);
        let plan = plan(
            &desired(None, &["kept"]),
            &seen,
            &[known("ours", true), known("theirs", false), known("kept", true)],
            &rules(Base::none()),
        );
        let words: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["remove resource ours"]);
    }

    #[test]
    fn one_unresolved_resource_blocks_every_removal() {
        let mut wanted = desired(None, &[]);
        wanted.unresolved = vec![Problem::new(Reason::ReferenceNotFound, "no such group")];
        let seen = observed(CatalogState::Published, &["ours"]);
        assert!(plan(&wanted, &seen, &[known("ours", true)], &rules(Base::none())).is_quiet());
    }
}
