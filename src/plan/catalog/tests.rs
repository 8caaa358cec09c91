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
                is_seen: true,
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
