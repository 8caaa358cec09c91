use super::*;
use crate::{
    api::DriftPolicy,
    graph::{CatalogRole, ObjectId, OriginSystem, Read, RoleAssignment},
    plan::{Base, Drift, Waits},
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
                    environment: None,
                },
                is_seen: true,
                attributes: Vec::new(),
            })
            .collect(),
        unresolved: Vec::new(),
        roles: DesiredRoles::default(),
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
                attributes: Read::Unread,
            })
            .collect(),
        unreadable: false,
        roles: Read::Unread,
        packages: Read::Unread,
    })
}

fn rules(base: Base<'_>) -> Rules<'_> {
    Rules {
        base,
        drift: CAUTIOUS,
        limit: None,
        confirmed: true,
        waits: Waits::NONE,
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

/// A package that hands out a role of this resource.
fn package_of(name: &str, origin: &str) -> AccessPackage {
    serde_json::from_value(serde_json::json!({
        "id": name, "displayName": name,
        "resourceRoleScopes": [{"id": "r_s",
            "role": {"displayName": "Member", "originId": format!("Member_{origin}"), "originSystem": "AadGroup"},
            "scope": {"originId": origin, "originSystem": "AadGroup", "isRootScope": true}}],
    }))
    .unwrap()
}

#[test]
fn a_resource_that_packages_use_waits_for_them_and_names_them() {
    let of = |packages: Vec<AccessPackage>| {
        let mut seen = observed(CatalogState::Published, &["ours"]);
        if let Found::Present(seen) = &mut seen {
            seen.packages = Read::Read(Listed::of(packages));
        }
        plan(&desired(None, &[]), &seen, &[known("ours", true)], &rules(Base::none()))
    };
    let waits = of(vec![
        package_of("Sales", "OURS"),
        package_of("Other", "other"),
        package_of("Audit", "ours"),
    ]);
    assert!(waits.steps.is_empty());
    let problem = waits.obstacle("").unwrap();
    assert_eq!(problem.reason, Reason::InUse);
    assert_eq!(
        problem.message(),
        "resource ours: 2 access packages of the catalog hand out its roles, so it stays in the catalog until they stop: \"Audit\", \"Sales\"; take its roles out of them, or list the resource again"
    );
    let free = of(vec![package_of("Other", "other")]);
    assert_eq!(words_of(&free), ["remove resource ours"]);
    let many = of((1..=7)
        .map(|number| package_of(&format!("P{number}"), "ours"))
        .collect());
    assert!(many.obstacle("").unwrap().message().contains("\"P5\" and 2 more"));
}

#[test]
fn one_unresolved_resource_blocks_every_removal() {
    let mut wanted = desired(None, &[]);
    wanted.unresolved = vec![Problem::new(Reason::ReferenceNotFound, "no such group")];
    let seen = observed(CatalogState::Published, &["ours"]);
    assert!(plan(&wanted, &seen, &[known("ours", true)], &rules(Base::none())).is_quiet());
}

fn reader(principal: &str) -> DesiredAssignment {
    DesiredAssignment {
        name: "readers".into(),
        role: CatalogRole::CatalogReader,
        principal: principal.into(),
    }
}

fn held(id: &str, role: CatalogRole, principal: &str) -> RoleAssignment {
    RoleAssignment::on(&"catalog".into(), id.into(), role, principal.into())
}

/// The plan where these were given before, the spec asks for those, and the catalog has these.
fn of_roles(
    given: &[&str],
    asked: Vec<DesiredAssignment>,
    own: Option<&str>,
    there: Read<Vec<RoleAssignment>>,
) -> Plan<CatalogAct> {
    let memories: Vec<Memory> = given
        .iter()
        .map(|key| Memory::keep(format!("roleAssignments[{key}]"), ""))
        .collect();
    let applied = crate::plan::applied(&memories);
    let mut wanted = desired(None, &[]);
    wanted.display_name = None;
    wanted.externally_visible = None;
    wanted.roles = DesiredRoles {
        assignments: asked,
        unresolved: Vec::new(),
        own: own.map(ObjectId::from),
        reads_may_be_late: false,
    };
    let Found::Present(mut seen) = observed(CatalogState::Published, &[]) else {
        return Plan::default();
    };
    seen.roles = there;
    plan(&wanted, &Found::Present(seen), &[], &rules(Base::of(Some(&applied))))
}

fn words_of(plan: &Plan<CatalogAct>) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_role_is_given_once_and_what_others_gave_stays() {
    let others = held("1", CatalogRole::CatalogOwner, "somebody");
    let plan = of_roles(&[], vec![reader("ann")], None, Read::Read(vec![others.clone()]));
    assert_eq!(words_of(&plan), ["give ann the role CatalogReader (readers)"]);
    let there = vec![others, held("2", CatalogRole::CatalogReader, "ANN")];
    let plan = of_roles(&[], vec![reader("ann")], None, Read::Read(there));
    assert_eq!(words_of(&plan), [""; 0]);
}

#[test]
fn a_role_that_the_spec_names_no_more_is_taken_away_but_never_the_operators_own() {
    let there = || Read::Read(vec![held("2", CatalogRole::CatalogReader, "ann")]);
    let given = ["CatalogReader ann"];
    let plan = of_roles(&given, Vec::new(), None, there());
    assert_eq!(words_of(&plan), ["take the role CatalogReader from ann"]);
    let plan = of_roles(&given, Vec::new(), Some("ann"), there());
    assert_eq!(words_of(&plan), [""; 0]);
    let (_, hold) = &plan.held[0];
    assert_eq!(hold.reason(), Reason::InvalidSpec);
}

#[test]
fn a_role_that_somebody_took_away_in_entra_is_not_given_back_by_itself() {
    let given = ["CatalogReader ann"];
    let plan = of_roles(&given, vec![reader("ann")], None, Read::Read(Vec::new()));
    assert_eq!(plan.held[0].1, Hold::Drift);
}

#[test]
fn while_nobody_tells_who_has_which_role_none_is_given_or_taken() {
    let plan = of_roles(&["CatalogReader bob"], vec![reader("ann")], None, Read::Unread);
    assert_eq!((words_of(&plan).len(), plan.is_open), (0, true));
}
