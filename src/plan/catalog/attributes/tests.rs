use super::*;
use crate::{
    api::DriftPolicy,
    graph::{Catalog, CatalogState, NewResource, OriginSystem, QuestionAnswer, Resource},
    plan::{Base, Door, Drift, Problem, Waits, catalog::DesiredRoles},
};

fn asked(name: &str, id: Option<&str>, is_required: bool) -> ResourceAttribute {
    ResourceAttribute::Asked {
        name: name.into(),
        is_editable: false,
        is_persisted: false,
        question: Question {
            id: id.map(str::to_owned),
            is_required,
            is_answer_editable: false,
            sequence: 1,
            text: format!("{name}?"),
            localizations: Vec::new(),
            answer: QuestionAnswer::Text {
                is_single_line: true,
                regex: None,
            },
        },
    }
}

fn unknown() -> ResourceAttribute {
    ResourceAttribute::Unknown {
        raw: serde_json::json!({"name": "newer"}),
    }
}

fn wanted(name: &str, system: OriginSystem, attributes: Vec<ResourceAttribute>) -> DesiredResource {
    DesiredResource {
        name: name.into(),
        resource: NewResource {
            origin_system: system,
            origin_id: "crm".into(),
            display_name: None,
            description: None,
            environment: None,
        },
        is_seen: true,
        attributes,
    }
}

fn seen(system: OriginSystem, attributes: Read<Vec<ResourceAttribute>>) -> SeenCatalog {
    SeenCatalog {
        catalog: Catalog {
            id: "catalog".into(),
            display_name: "Marketing".into(),
            description: None,
            catalog_type: None,
            state: Some(CatalogState::Published),
            externally_visible: false,
            created: None,
        },
        resources: vec![Resource {
            id: "r".into(),
            display_name: String::new(),
            origin_id: "crm".into(),
            origin_system: system,
            roles: Read::Unread,
            scopes: Read::Unread,
            attributes,
        }],
        unreadable: false,
        roles: Read::Unread,
        packages: Read::Unread,
    }
}

fn desired(resources: Vec<DesiredResource>) -> DesiredCatalog {
    DesiredCatalog {
        display_name: None,
        description: None,
        state: None,
        externally_visible: None,
        resources,
        unresolved: Vec::new(),
        roles: DesiredRoles::default(),
    }
}

fn rules(base: Base<'_>) -> Rules<'_> {
    Rules {
        base,
        drift: Drift {
            policy: DriftPolicy::Cautious,
            requested: false,
        },
        limit: None::<&Problem>,
        confirmed: true,
        waits: Waits::NONE,
    }
}

fn of(attributes: Vec<ResourceAttribute>, before: Read<Vec<ResourceAttribute>>, base: Base<'_>) -> Plan<CatalogAct> {
    let app = || OriginSystem::AadApplication;
    reconcile(
        &desired(vec![wanted("crm", app(), attributes)]),
        &seen(app(), before),
        &[],
        &rules(base),
    )
}

/// What is sent.
fn sent(plan: &Plan<CatalogAct>) -> Vec<ResourceAttribute> {
    match plan.steps.as_slice() {
        [step] => match &step.act {
            CatalogAct::UpdateAttributes { attributes, .. } => attributes.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_asked_already_is_written_no_more_whatever_its_ids_and_order() {
    let there = vec![asked("b", Some("2"), true), asked("a", Some("1"), false)];
    let plan = of(
        vec![asked("a", None, false), asked("b", None, true)],
        Read::Read(there),
        Base::none(),
    );
    assert!(plan.is_quiet(), "{plan:?}");
}

#[test]
fn a_question_that_changes_keeps_its_id_and_one_that_is_new_has_none() {
    let there = vec![asked("a", Some("1"), false)];
    let plan = of(
        vec![asked("a", None, true), asked("b", None, false)],
        Read::Read(there),
        Base::none(),
    );
    assert_eq!(sent(&plan), [asked("a", Some("1"), true), asked("b", None, false)]);
    assert_eq!(plan.steps[0].stake.door, Door::Narrows);
}

#[test]
fn what_somebody_set_up_by_hand_stays_and_what_the_spec_once_had_goes() {
    let there = || Read::Read(vec![asked("a", Some("1"), true)]);
    assert!(of(Vec::new(), there(), Base::none()).is_quiet());
    let was = Attributes(vec![asked("a", None, true)]).canonical();
    let applied = crate::plan::applied(&[Memory::keep(path("crm"), was)]);
    let plan = of(Vec::new(), there(), Base::of(Some(&applied)));
    assert_eq!(sent(&plan), []);
    assert_eq!(plan.steps[0].stake.door, Door::Widens, "nobody has to say it any more");
}

#[test]
fn a_question_that_somebody_took_out_in_entra_comes_back_and_a_laxer_one_stays_out() {
    let strict = || vec![asked("a", None, true)];
    let applied = crate::plan::applied(&[Memory::keep(path("crm"), Attributes(strict()).canonical())]);
    let plan = of(strict(), Read::Read(Vec::new()), Base::of(Some(&applied)));
    assert_eq!(sent(&plan), strict());
    let lax = || vec![asked("a", None, false)];
    let applied = crate::plan::applied(&[Memory::keep(path("crm"), Attributes(lax()).canonical())]);
    let plan = of(lax(), Read::Read(strict()), Base::of(Some(&applied)));
    assert_eq!(plan.held[0].1, Hold::Drift);
}

#[test]
fn beside_what_this_version_does_not_know_nothing_is_written() {
    let plan = of(vec![asked("a", None, true)], Read::Read(vec![unknown()]), Base::none());
    assert!(plan.steps.is_empty());
    assert!(matches!(plan.held[0].1, Hold::UnmanagedSettings(_)), "{plan:?}");
}

#[test]
fn of_a_site_that_no_list_shows_what_was_applied_stands_and_only_ours_is_written() {
    let site = || OriginSystem::SharePointOnline;
    let desired = desired(vec![wanted("portal", site(), vec![asked("a", None, true)])]);
    let unread = seen(site(), Read::Unread);
    let status: ResourceStatus =
        serde_json::from_value(serde_json::json!({"name": "portal", "id": "r", "originId": "crm",
        "originSystem": "SharePointOnline", "roles": [], "added": true, "state": "Ready"}))
        .unwrap();
    let ours = reconcile(&desired, &unread, std::slice::from_ref(&status), &rules(Base::none()));
    assert_eq!(sent(&ours), [asked("a", None, true)]);
    assert!(ours.steps[0].memories.is_empty(), "nothing was sent yet");
    let applied = crate::plan::applied(&[told("portal", &sent(&ours))]);
    assert!(reconcile(&desired, &unread, &[status], &rules(Base::of(Some(&applied)))).is_quiet());
    let theirs = reconcile(&desired, &unread, &[], &rules(Base::none()));
    assert!(matches!(theirs.held[0].1, Hold::UnmanagedSettings(_)), "{theirs:?}");
}

#[test]
fn a_resource_of_two_names_is_asked_about_by_the_first_that_says_what() {
    let app = || OriginSystem::AadApplication;
    let resources = vec![
        wanted("plain", app(), Vec::new()),
        wanted("one", app(), vec![asked("a", None, true)]),
        wanted("two", app(), vec![asked("b", None, true)]),
    ];
    let plan = reconcile(
        &desired(resources),
        &seen(app(), Read::Read(Vec::new())),
        &[],
        &rules(Base::none()),
    );
    assert_eq!(sent(&plan), [asked("a", None, true)]);
}
