use serde_json::{Value, json};

use super::*;
use crate::graph::{AccessPackage, AccessPackageId, AssignmentPolicy, Catalog, CatalogId, PolicyId, Resource};

const WINDOW: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Moment {
    Duration::from_secs(seconds)
}

fn package(id: &str, description: &str) -> AccessPackage {
    serde_json::from_value(json!({
        "id": id, "displayName": "Marketing", "description": description, "catalog": {"id": "cat"},
    }))
    .unwrap()
}

fn whole(id: &str, roles: &[&str], policies: &[Value]) -> AccessPackage {
    let roles: Vec<Value> = roles.iter().map(|role| role_value(role)).collect();
    serde_json::from_value(json!({
        "id": id, "displayName": "Marketing", "description": "old", "catalog": {"id": "cat"},
        "resourceRoleScopes": roles, "assignmentPolicies": policies,
    }))
    .unwrap()
}

fn role_value(id: &str) -> Value {
    json!({"id": id, "role": {"originId": id, "originSystem": "AadGroup"}, "scope": {"originId": "g", "originSystem": "AadGroup"}})
}

fn policy(id: &str, description: &str) -> AssignmentPolicy {
    serde_json::from_value(
        json!({"id": id, "displayName": "Staff", "description": description, "accessPackage": {"id": "p"}}),
    )
    .unwrap()
}

fn shelf() -> Shelf<AccessPackage> {
    Shelf::new(Some("cat"), WINDOW)
}

fn known() -> Shelf<AccessPackage> {
    let mut shelf = shelf();
    shelf.list(at(0), Listed::of(vec![package("p", "old")]));
    shelf
}

fn written() -> Shelf<AccessPackage> {
    let mut shelf = known();
    shelf.wrote(at(100), package("p", "ours"));
    shelf
}

fn description(shelf: &Shelf<AccessPackage>) -> Option<&str> {
    shelf.get("p").and_then(|package| package.description.as_deref())
}

fn ids<T: Viewed>(shelf: &Shelf<T>) -> Vec<String> {
    match shelf.all() {
        Read::Unread => panic!("unread"),
        Read::Read(listed) => listed.elements.iter().map(|one| one.id().to_owned()).collect(),
    }
}

fn hidden(id: Option<&str>) -> Unreadable {
    Unreadable {
        id: id.map(str::to_owned),
        display_name: None,
        why: "newer".to_owned(),
    }
}

// What a read shows.

#[test]
fn a_place_of_which_nothing_was_read_is_unread_and_not_empty() {
    assert_eq!(shelf().all(), Read::Unread);
    assert_eq!(
        Shelf::<AccessPackage>::born(Some("cat"), WINDOW, at(5)).all(),
        Read::Read(Listed::default())
    );
}

#[test]
fn an_object_is_found_whatever_the_case_of_its_id() {
    assert!(known().get("P").is_some());
}

#[test]
fn an_older_read_proves_nothing_against_a_younger_one() {
    let mut shelf = known();
    shelf.show(at(20), package("p", "young"));
    shelf.list(at(10), Listed::of(vec![package("p", "older")]));
    assert_eq!(description(&shelf), Some("young"));
    shelf.show(at(15), package("p", "older"));
    assert_eq!(description(&shelf), Some("young"));
}

#[test]
fn a_list_counts_from_the_moment_it_was_begun() {
    let mut shelf = known();
    shelf.show(at(20), package("new", "seen alone"));
    shelf.list(at(10), Listed::of(vec![package("p", "old")]));
    assert!(shelf.get("new").is_some(), "the list was begun before it was seen");
    shelf.list(at(21), Listed::of(vec![package("p", "old")]));
    assert!(shelf.get("new").is_none(), "to be asked for by its id");
}

#[test]
fn a_list_that_was_begun_before_another_is_not_put_over_it() {
    let mut shelf = shelf();
    shelf.list(at(10), Listed::default());
    shelf.list(at(5), Listed::of(vec![package("p", "old")]));
    assert!(ids(&shelf).is_empty());
}

// Fields that we wrote.

#[test]
fn what_we_wrote_counts_while_a_list_shows_the_old_value() {
    let mut shelf = written();
    assert_eq!(description(&shelf), Some("ours"));
    shelf.list(at(130), Listed::of(vec![package("p", "old")]));
    assert_eq!(description(&shelf), Some("ours"));
}

#[test]
fn what_we_wrote_counts_while_a_single_read_shows_the_old_value() {
    let mut shelf = written();
    shelf.show(at(130), package("p", "old"));
    assert_eq!(description(&shelf), Some("ours"));
}

#[test]
fn a_read_that_was_begun_before_the_write_says_nothing_of_it() {
    let mut shelf = written();
    shelf.show(at(99), package("p", "somebody's"));
    assert_eq!(description(&shelf), Some("ours"));
}

#[test]
fn what_we_wrote_and_was_shown_can_be_put_back_by_somebody() {
    let mut shelf = written();
    shelf.show(at(101), package("p", "ours"));
    shelf.show(at(110), package("p", "old"));
    assert_eq!(
        description(&shelf),
        Some("old"),
        "the read counts from the moment that ours was shown"
    );
}

#[test]
fn what_somebody_edited_counts_at_once() {
    let mut shelf = written();
    shelf.show(at(101), package("p", "somebody's"));
    assert_eq!(description(&shelf), Some("somebody's"));
    shelf.show(at(102), package("p", "old"));
    assert_eq!(description(&shelf), Some("old"));
}

#[test]
fn after_the_window_the_read_counts_whatever_it_shows() {
    let mut shelf = written();
    shelf.list(at(160), Listed::of(vec![package("p", "old")]));
    assert_eq!(description(&shelf), Some("old"));
}

#[test]
fn a_field_that_we_did_not_write_is_as_it_is_read() {
    let mut shelf = written();
    shelf.show(
        at(101),
        AccessPackage {
            hidden: true,
            ..package("p", "old")
        },
    );
    assert_eq!(description(&shelf), Some("ours"));
    assert!(shelf.get("p").unwrap().hidden);
}

#[test]
fn every_value_before_the_last_of_several_writes_is_old() {
    let mut shelf = written();
    shelf.wrote(at(110), package("p", "ours again"));
    shelf.show(at(120), package("p", "old"));
    assert_eq!(description(&shelf), Some("ours again"));
    shelf.show(at(121), package("p", "ours"));
    assert_eq!(description(&shelf), Some("ours again"));
    shelf.show(at(122), package("p", "ours again"));
    shelf.show(at(123), package("p", "ours"));
    assert_eq!(description(&shelf), Some("ours"));
}

#[test]
fn a_catalog_follows_our_writes_too() {
    let catalog = |state: &str| -> Catalog { serde_json::from_value(json!({"id": "cat", "state": state})).unwrap() };
    let mut shelf = Shelf::new(None, WINDOW);
    shelf.list(at(0), Listed::of(vec![catalog("published")]));
    shelf.wrote(at(10), catalog("unpublished"));
    shelf.list(at(20), Listed::of(vec![catalog("published")]));
    assert_eq!(shelf.get("cat"), Some(&catalog("unpublished")));
}

#[test]
fn a_part_that_was_not_read_leaves_what_is_known() {
    let read = |questions: Option<Value>| -> AssignmentPolicy {
        let mut value = json!({"id": "x", "displayName": "Staff", "accessPackage": {"id": "p"}});
        if let Some(questions) = questions {
            value["questions"] = questions;
        }
        serde_json::from_value(value).unwrap()
    };
    let mut shelf = Shelf::new(Some("p"), WINDOW);
    shelf.list(at(1), Listed::of(vec![read(None)]));
    assert_eq!(
        shelf.get("x").map(|policy| &policy.fields.questions),
        Some(&Read::Unread)
    );
    shelf.show(at(2), read(Some(json!([{"id": "q"}]))));
    shelf.list(at(3), Listed::of(vec![read(None)]));
    let known = shelf.get("x").and_then(|policy| policy.fields.questions.known());
    assert_eq!(known.map(Vec::len), Some(1));
}

#[test]
fn an_answer_older_than_our_write_is_not_kept_to_be_written_back() {
    let answer = |text: &str| AssignmentPolicy {
        whole: Some(Box::new(json!({"description": text}))),
        ..policy("x", text)
    };
    let mut shelf = Shelf::new(Some("p"), WINDOW);
    shelf.show(at(0), answer("old"));
    shelf.wrote(at(10), policy("x", "ours"));
    shelf.show(at(20), answer("old"));
    assert_eq!(shelf.get("x"), Some(&policy("x", "ours")));
    shelf.show(at(30), answer("ours"));
    assert!(shelf.get("x").unwrap().whole.is_some());
}

// What we made and took away.

#[test]
fn what_we_made_is_there_while_lists_lack_it() {
    let mut shelf = known();
    shelf.made(at(10), package("new", "ours"));
    shelf.list(at(30), Listed::of(vec![package("p", "old")]));
    assert_eq!(ids(&shelf), ["new", "p"]);
    shelf.list(at(70), Listed::of(vec![package("p", "old")]));
    assert_eq!(ids(&shelf), ["p"], "the window has passed");
}

#[test]
fn what_we_made_and_a_list_showed_can_be_lacked_by_the_next() {
    let mut shelf = known();
    shelf.made(at(10), package("new", "ours"));
    shelf.list(at(20), Listed::of(vec![package("new", "ours")]));
    shelf.list(at(30), Listed::default());
    assert!(ids(&shelf).is_empty());
}

#[test]
fn what_we_deleted_is_gone_while_lists_and_single_reads_show_it() {
    let mut shelf = known();
    shelf.removed(at(10), "p");
    shelf.list(at(30), Listed::of(vec![package("p", "old")]));
    assert!(ids(&shelf).is_empty());
    assert_eq!(
        shelf.show(at(40), package("p", "old")),
        Sight::Certain(Found::Gone { id: "p".into() })
    );
    assert_eq!(shelf.absence("p", at(41)), Absence::Gone);
    assert_eq!(
        shelf.show(at(70), package("p", "old")),
        Sight::Certain(Found::Present(package("p", "old")))
    );
}

#[test]
fn a_search_does_not_find_what_we_deleted_a_moment_ago() {
    let mut shelf = known();
    shelf.removed(at(10), "p");
    let found = || Listed::of(vec![package("p", "old")]);
    assert!(shelf.without_removed(at(30), found()).elements.is_empty());
    assert_eq!(shelf.without_removed(at(70), found()).elements.len(), 1);
}

#[test]
fn roles_and_policies_follow_our_writes() {
    let (catalog, id) = (CatalogId::from("cat"), AccessPackageId::from("p"));
    let mut holdings = Holdings::new(&catalog, WINDOW);
    let listed = || {
        whole(
            "p",
            &["a"],
            &[json!({"id": "x", "description": "old"}), json!({"id": "y"})],
        )
    };
    holdings.packages_listed(at(0), Listed::of(vec![listed()]));
    holdings.role_added(at(10), &id, serde_json::from_value(role_value("b")).unwrap());
    holdings.role_removed(at(11), &id, &"a".into());
    holdings.policy_wrote(at(12), &id, policy("x", "ours"));
    holdings.policy_removed(at(13), &id, &"y".into());
    holdings.policy_made(at(14), &id, policy("z", "made"));
    let seen = |holdings: &Holdings| {
        let package = holdings.package(&id).unwrap();
        let roles: Vec<_> = package
            .resource_role_scopes
            .known()
            .unwrap()
            .elements
            .iter()
            .map(|role| role.id.to_string())
            .collect();
        let policies: Vec<_> = package
            .policies
            .known()
            .unwrap()
            .elements
            .iter()
            .map(|policy| policy.id.to_string())
            .collect();
        (roles.join(" "), policies.join(" "))
    };
    assert_eq!(seen(&holdings), ("b".into(), "x z".into()));
    holdings.packages_listed(at(20), Listed::of(vec![listed()]));
    assert_eq!(seen(&holdings), ("b".into(), "x z".into()));
    assert_eq!(
        holdings.policy(&id, &"x".into()).unwrap().fields.description.as_deref(),
        Some("ours")
    );
    holdings.package_shown(at(21), listed());
    assert_eq!(
        seen(&holdings),
        ("b".into(), "x z".into()),
        "the expands of a single read lag as well"
    );
    holdings.package_shown(at(80), listed());
    assert_eq!(seen(&holdings), ("a".into(), "x y".into()));
}

#[test]
fn a_package_that_we_made_holds_nothing_and_one_whose_parts_were_not_read_is_not_empty() {
    let mut holdings = Holdings::new(&"cat".into(), WINDOW);
    holdings.package_made(at(10), package("new", "ours"));
    let made = holdings.package(&"new".into()).unwrap();
    assert_eq!(made.resource_role_scopes, Read::Read(Listed::default()));
    assert_eq!(made.policies, Read::Read(Listed::default()));
    holdings.package_shown(at(20), package("other", "old"));
    let other = holdings.package(&"other".into()).unwrap();
    assert_eq!(
        (other.resource_role_scopes, other.policies),
        (Read::Unread, Read::Unread)
    );
}

#[test]
fn parts_that_a_read_leaves_out_stay_as_they_are_known() {
    let mut holdings = Holdings::new(&"cat".into(), WINDOW);
    holdings.packages_listed(at(0), Listed::of(vec![whole("p", &["a"], &[])]));
    holdings.package_shown(at(5), package("p", "new"));
    let package = holdings.package(&"p".into()).unwrap();
    assert_eq!(package.description.as_deref(), Some("new"));
    assert_eq!(package.resource_role_scopes.known().unwrap().elements.len(), 1);
}

// What cannot be read.

#[test]
fn an_element_that_cannot_be_read_exists() {
    let mut shelf = known();
    shelf.list(
        at(10),
        Listed {
            elements: vec![],
            unreadable: vec![hidden(Some("P"))],
        },
    );
    assert!(shelf.get("p").is_none(), "it is not as it was known");
    shelf.miss("p", at(11), false);
    shelf.miss("p", at(12), false);
    shelf.list(
        at(13),
        Listed {
            elements: vec![],
            unreadable: vec![hidden(Some("P"))],
        },
    );
    assert!(matches!(shelf.absence("p", at(61)), Absence::Doubtful(_)));
}

#[test]
fn an_element_without_an_id_may_be_any() {
    assert!(hides(&[hidden(None)], "p"));
    assert!(!hides(&[hidden(Some("q"))], "p"));
}

// Absence.

#[test]
fn one_404_proves_nothing() {
    let mut shelf = known();
    shelf.miss("p", at(500), false);
    assert!(matches!(shelf.absence("p", at(500)), Absence::Doubtful(_)));
    shelf.list(at(501), Listed::default());
    assert!(matches!(shelf.absence("p", at(502)), Absence::Doubtful(_)));
}

#[test]
fn a_second_404_and_a_list_after_it_prove_it_gone() {
    let mut shelf = known();
    shelf.miss("p", at(500), false);
    shelf.list(at(501), Listed::default());
    shelf.miss("p", at(502), false);
    assert_eq!(
        shelf.absence("p", at(502)),
        Absence::AskList,
        "the list is older than the second answer"
    );
    shelf.list(at(503), Listed::default());
    assert_eq!(shelf.absence("p", at(504)), Absence::Gone);
}

#[test]
fn what_was_proven_gone_needs_no_list_with_each_look() {
    let mut shelf = known();
    shelf.miss("p", at(500), false);
    shelf.miss("p", at(502), false);
    shelf.list(at(503), Listed::default());
    shelf.miss("p", at(800), false);
    assert_eq!(shelf.absence("p", at(800)), Absence::Gone);
}

#[test]
fn a_resource_that_was_taken_out_and_asked_for_again_shows_at_once() {
    let group: Resource =
        serde_json::from_value(json!({"id": "r", "originId": "g", "originSystem": "AadGroup"})).unwrap();
    let mut holdings = Holdings::new(&"cat".into(), WINDOW);
    holdings.resources.removed(at(10), "r");
    assert!(matches!(
        holdings.resources.show(at(11), group.clone()),
        Sight::Certain(Found::Gone { .. })
    ));
    holdings.resource_requested(at(12), "g");
    assert_eq!(
        holdings.resources.show(at(13), group.clone()),
        Sight::Certain(Found::Present(group))
    );
}

#[test]
fn what_a_list_still_shows_is_not_gone() {
    let mut shelf = known();
    for moment in [500, 501, 502, 503] {
        shelf.miss("p", at(moment), false);
    }
    shelf.list(at(504), Listed::of(vec![package("p", "old")]));
    assert_eq!(shelf.absence("p", at(505)), Absence::Shown);
    shelf.miss("p", at(506), false);
    assert!(
        matches!(shelf.absence("p", at(506)), Absence::Doubtful(_)),
        "counted anew"
    );
}

#[test]
fn a_404_that_was_begun_before_it_was_seen_proves_nothing() {
    let mut shelf = known();
    shelf.show(at(20), package("p", "old"));
    shelf.miss("p", at(19), false);
    assert_eq!(shelf.absence("p", at(21)), Absence::Shown);
}

#[test]
fn no_number_of_404s_stands_against_a_young_write_of_ours() {
    let mut shelf = known();
    shelf.made(at(100), package("new", "ours"));
    for moment in [101, 110, 120] {
        shelf.miss("new", at(moment), false);
    }
    shelf.list(at(121), Listed::default());
    assert_eq!(shelf.absence("new", at(122)), Absence::Young(at(160)));
    shelf.list(at(161), Listed::default());
    assert_eq!(shelf.absence("new", at(162)), Absence::Gone);
}

#[test]
fn what_a_process_before_may_have_written_is_not_gone_while_that_is_young() {
    let mut shelf = shelf();
    shelf.miss("p", at(1), false);
    shelf.miss("p", at(2), false);
    shelf.list(at(3), Listed::default());
    assert_eq!(shelf.absence("p", at(4)), Absence::Young(WINDOW + at(1)));
    shelf.list(WINDOW + at(1), Listed::default());
    assert_eq!(shelf.absence("p", WINDOW + at(2)), Absence::Gone);
}

#[test]
fn what_a_process_beside_has_made_is_not_gone_before_it_shows() {
    let mut shelf = known();
    // Status tells of an id that this process has neither made nor ever seen.
    shelf.miss("new", at(500), false);
    shelf.miss("new", at(501), false);
    shelf.list(at(502), Listed::of(vec![package("p", "old")]));
    assert_eq!(shelf.absence("new", at(503)), Absence::Young(at(560)));
    shelf.list(at(561), Listed::of(vec![package("p", "old")]));
    assert_eq!(shelf.absence("new", at(562)), Absence::Gone);
    // What was shown before is not new, also where several lists lack it by now.
    for moment in [600, 700] {
        shelf.list(at(moment), Listed::default());
    }
    shelf.miss("p", at(701), false);
    shelf.miss("p", at(702), false);
    shelf.list(at(703), Listed::default());
    assert_eq!(shelf.absence("p", at(704)), Absence::Gone);
}

#[test]
fn a_young_creation_is_not_forgotten_over_a_list_that_flaps() {
    let mut shelf = known();
    shelf.made(at(100), package("new", "ours"));
    shelf.list(at(101), Listed::of(vec![package("new", "ours")]));
    shelf.list(at(102), Listed::default());
    shelf.miss("new", at(103), false);
    shelf.miss("new", at(104), false);
    shelf.list(at(105), Listed::default());
    assert_eq!(shelf.absence("new", at(106)), Absence::Young(at(160)));
}

#[test]
fn what_is_refused_and_not_listed_is_gone() {
    let mut shelf = known();
    shelf.miss("p", at(500), true);
    assert_eq!(shelf.absence("p", at(500)), Absence::AskList);
    shelf.list(at(501), Listed::default());
    assert_eq!(shelf.absence("p", at(502)), Absence::Gone);
}

#[test]
fn what_is_refused_and_listed_is_kept_from_us() {
    let mut shelf = known();
    shelf.miss("p", at(500), true);
    shelf.list(at(501), Listed::of(vec![package("p", "old")]));
    assert_eq!(shelf.absence("p", at(502)), Absence::Shown);
}

#[test]
fn what_has_another_parent_is_elsewhere_and_not_gone() {
    let mut shelf = known();
    let mut moved = package("p", "old");
    moved.catalog = Some("other".into());
    let elsewhere = Sight::Certain(Found::Elsewhere {
        id: "p".into(),
        place: "other".into(),
    });
    assert_eq!(shelf.show(at(10), moved), elsewhere);
    assert!(shelf.get("p").is_none());
}

#[test]
fn what_tells_no_parent_is_here_only_where_a_list_has_shown_it() {
    let orphan = |id: &str| AccessPackage {
        catalog: None,
        ..package(id, "old")
    };
    let mut shelf = known();
    assert!(matches!(
        shelf.show(at(10), orphan("p")),
        Sight::Certain(Found::Present(_))
    ));
    assert!(matches!(shelf.show(at(10), orphan("q")), Sight::Doubtful { .. }));
}

#[test]
fn a_policy_is_asked_for_as_a_package_is() {
    let (id, policy_id) = (AccessPackageId::from("p"), PolicyId::from("x"));
    let mut holdings = Holdings::new(&"cat".into(), WINDOW);
    assert!(matches!(
        holdings.policy_absence(&id, &policy_id, at(0)),
        Absence::Doubtful(_)
    ));
    holdings.policies_listed(&id, at(1), Listed::of(vec![policy("x", "old")]));
    holdings.policy_missed(&id, &policy_id, at(61), false);
    holdings.policy_missed(&id, &policy_id, at(62), false);
    assert_eq!(holdings.policy_absence(&id, &policy_id, at(62)), Absence::AskList);
    holdings.policies_listed(&id, at(63), Listed::default());
    assert_eq!(holdings.policy_absence(&id, &policy_id, at(64)), Absence::Gone);
}

// Sites, requests, searches.

#[test]
fn a_site_that_a_list_lacks_is_not_absent() {
    let resource = |id: &str, system: &str| -> Resource {
        serde_json::from_value(json!({"id": id, "originId": id, "originSystem": system})).unwrap()
    };
    let mut shelf = Shelf::new(None, WINDOW);
    shelf.list(at(0), Listed::of(vec![resource("group", "AadGroup")]));
    shelf.show(at(1), resource("site", "SharePointOnline"));
    shelf.list(at(100), Listed::default());
    assert_eq!(ids(&shelf), ["site"]);
    assert!(!lists_tell(&OriginSystem::SharePointOnline) && lists_tell(&OriginSystem::AadGroup));
}

#[test]
fn a_resource_that_was_asked_for_may_not_show_for_a_window() {
    let mut holdings = Holdings::new(&"cat".into(), WINDOW);
    holdings.resource_requested(at(10), "Group");
    assert!(holdings.is_requested(at(69), "group"));
    assert!(!holdings.is_requested(at(70), "group"));
}

#[test]
fn nothing_came_of_an_intent_only_when_its_outcome_would_show() {
    assert!(!is_search_over(at(59), WINDOW));
    assert!(is_search_over(at(60), WINDOW));
}

#[test]
fn what_no_read_shows_is_gone_when_a_deletion_of_it_was_answered_with_404_a_window_apart() {
    let id = AccessPackageId::from("p");
    let mut holdings = Holdings::new(&"cat".into(), WINDOW);
    holdings.package_shown(at(0), whole("p", &["shown"], &[]));
    assert!(!holdings.role_missed(&id, &"hidden".into(), at(10)));
    assert!(!holdings.role_missed(&id, &"hidden".into(), at(40)));
    assert!(holdings.role_missed(&id, &"hidden".into(), at(70)));
    for moment in [10, 70, 200] {
        assert!(
            !holdings.role_missed(&id, &"shown".into(), at(moment)),
            "a read shows it"
        );
    }
}
