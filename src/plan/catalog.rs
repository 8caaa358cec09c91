//! What to do about a catalog and the resources in it.

use super::{
    Base, Change, Difference, Drift, Held, Plan, Problem, digests, drift::Verdict, resources::missing,
    sites::same_origin,
};
use crate::{
    api::{Reason, ResourceStatus},
    graph::{Catalog, CatalogFields, CatalogPatch, CatalogState, NewResource, Resource},
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

/// What the operator found.
#[derive(Clone, Debug, PartialEq)]
pub enum ObservedCatalog {
    /// Never made, never taken over.
    Unborn,
    /// It was ours and is gone.
    Gone {
        /// The id that it had.
        id: String,
    },
    /// It is there.
    Present {
        /// The catalog.
        catalog: Catalog,
        /// Everything in it.
        resources: Vec<Resource>,
    },
}

/// The plan for one catalog; `known` are the resources that status remembers.
#[must_use]
pub fn plan(
    desired: &DesiredCatalog,
    observed: &ObservedCatalog,
    known: &[ResourceStatus],
    base: Base<'_>,
    drift: Drift,
) -> Plan {
    match observed {
        ObservedCatalog::Unborn => create(desired),
        // One that was taken over by id may have no name of ours to be made anew with.
        ObservedCatalog::Gone { .. } if drift.recreates() && desired.display_name.is_some() => create(desired),
        ObservedCatalog::Gone { id } => Plan {
            held: vec![Held {
                what: format!(
                    "catalog {:?} ({id})",
                    desired.display_name.as_deref().unwrap_or_default()
                ),
                reason: Reason::DeletedInEntra,
            }],
            ..Plan::default()
        },
        ObservedCatalog::Present { catalog, resources } => {
            let mut plan = update(desired, catalog, base, drift);
            plan.changes.extend(additions(&desired.resources, resources));
            if desired.unresolved.is_empty() {
                plan.changes.extend(removals(desired, resources, known));
            }
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

fn additions(wanted: &[DesiredResource], resources: &[Resource]) -> Vec<Change> {
    let add = |wanted: &DesiredResource| Change::AddResource {
        name: wanted.name.clone(),
        resource: wanted.resource.clone(),
    };
    missing(wanted, resources).into_iter().map(add).collect()
}

fn create(desired: &DesiredCatalog) -> Plan {
    let fields = CatalogFields {
        display_name: desired.display_name.clone().unwrap_or_default(),
        description: desired.description.clone().unwrap_or_default(),
        state: desired.state.clone().unwrap_or(CatalogState::Published),
        externally_visible: desired.externally_visible.unwrap_or(false),
    };
    let mut changes = vec![Change::CreateCatalog(fields)];
    changes.extend(additions(&desired.resources, &[]));
    Plan {
        changes,
        held: Vec::new(),
        applied: applied(desired),
    }
}

fn update(desired: &DesiredCatalog, catalog: &Catalog, base: Base<'_>, drift: Drift) -> Plan {
    let mut plan = Plan {
        applied: applied(desired),
        ..Plan::default()
    };
    let mut patch = CatalogPatch::default();
    let mut written = Vec::new();
    for (field, after) in fields(desired) {
        let (before, widens) = match field {
            "displayName" => (catalog.display_name.clone(), false),
            "description" => (catalog.description.clone().unwrap_or_default(), false),
            "state" => {
                let before = catalog.state.clone().unwrap_or(CatalogState::Unpublished).to_string();
                (before, after == CatalogState::Published.as_str())
            }
            _ => (catalog.externally_visible.to_string(), after == "true"),
        };
        if before == after {
            continue;
        }
        let is_drift = base.holds(field, &after);
        let difference = Difference {
            field: field.into(),
            before,
            after: after.clone(),
            widens,
        };
        match drift.judge(&difference, is_drift) {
            Verdict::Hold(held) => plan.held.push(held),
            Verdict::Write => {
                match field {
                    "displayName" => patch.display_name = Some(after),
                    "description" => patch.description = Some(after),
                    "state" => patch.state.clone_from(&desired.state),
                    _ => patch.externally_visible = desired.externally_visible,
                }
                written.push(difference);
            }
        }
    }
    if !written.is_empty() {
        plan.changes.push(Change::UpdateCatalog {
            patch,
            differences: written,
        });
    }
    plan
}

/// Resources that we brought in and that the spec no longer names; those of others stay.
fn removals<'a>(
    desired: &'a DesiredCatalog,
    resources: &'a [Resource],
    known: &'a [ResourceStatus],
) -> impl Iterator<Item = Change> + 'a {
    let mut taken: Vec<&crate::graph::ResourceId> = Vec::new();
    known
        .iter()
        .filter(|known| known.added)
        .filter(|known| {
            !desired
                .resources
                .iter()
                .any(|wanted| same_origin(&wanted.resource.origin_id, &known.origin_id))
        })
        .filter_map(move |known| {
            let resource = resources
                .iter()
                .find(|resource| same_origin(&resource.origin_id, &known.origin_id))?;
            // Known by two names, it goes once.
            if taken.contains(&&resource.id) {
                return None;
            }
            taken.push(&resource.id);
            Some(Change::RemoveResource {
                name: known.name.clone(),
                id: resource.id.clone(),
            })
        })
}

fn fields(desired: &DesiredCatalog) -> Vec<(&'static str, String)> {
    let DesiredCatalog {
        display_name,
        description,
        state,
        externally_visible,
        resources: _,
        unresolved: _,
    } = desired;
    [
        ("displayName", display_name.clone()),
        ("description", description.clone()),
        ("state", state.as_ref().map(ToString::to_string)),
        (
            "externallyVisible",
            externally_visible.map(|visible| visible.to_string()),
        ),
    ]
    .into_iter()
    .filter_map(|(field, value)| value.map(|value| (field, value)))
    .collect()
}

fn applied(desired: &DesiredCatalog) -> crate::api::Applied {
    let fields = fields(desired);
    digests(fields.iter().map(|(field, text)| ((*field).to_owned(), text.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::DriftPolicy, graph::OriginSystem};

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

    fn observed(state: CatalogState, resources: &[&str]) -> ObservedCatalog {
        ObservedCatalog::Present {
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
                    roles: crate::graph::Read::Unread,
                    scopes: crate::graph::Read::Unread,
                })
                .collect(),
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
            Base::none(),
            CAUTIOUS,
        );
        assert!(plan.is_empty(), "{plan:?}");
    }

    #[test]
    fn a_catalog_that_somebody_unpublished_is_not_published_again_by_itself() {
        let wanted = desired(Some(CatalogState::Published), &[]);
        let applied = applied(&wanted);
        let drifted = observed(CatalogState::Unpublished, &[]);
        let held = plan(&wanted, &drifted, &[], Base::of(Some(&applied)), CAUTIOUS);
        assert!(held.is_empty());
        assert_eq!(held.held[0].reason, Reason::DriftHeld);
    }

    #[test]
    fn only_what_we_added_is_ever_removed() {
        let seen = observed(CatalogState::Published, &["ours", "theirs", "kept"]);
        let plan = plan(
            &desired(None, &["kept"]),
            &seen,
            &[known("ours", true), known("theirs", false), known("kept", true)],
            Base::none(),
            CAUTIOUS,
        );
        let words: Vec<String> = plan.changes.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["remove resource ours"]);
    }

    #[test]
    fn one_unresolved_resource_blocks_every_removal() {
        let mut wanted = desired(None, &[]);
        wanted.unresolved = vec![Problem::new(Reason::ReferenceNotFound, "no such group")];
        let seen = observed(CatalogState::Published, &["ours"]);
        assert!(plan(&wanted, &seen, &[known("ours", true)], Base::none(), CAUTIOUS).is_empty());
    }
}
