use super::*;

fn candidate(origin: &str, display: &str, value: Option<&str>) -> Candidate {
    Candidate {
        origin_id: origin.into(),
        display_name: display.into(),
        value: value.map(Into::into),
    }
}

#[test]
fn a_value_wins_over_a_display_name() {
    let roles = [
        candidate("1", "Reader", Some("read.all")),
        candidate("2", "Everything", Some("Reader")),
    ];
    assert_eq!(choose("Reader", &roles, "roles").unwrap().origin_id, "2");
}

#[test]
fn an_ambiguous_name_is_refused_with_the_candidates() {
    let roles = [candidate("1", "Reader", Some("a")), candidate("2", "Reader", Some("b"))];
    let problem = choose("Reader", &roles, "spec.resources[crm].roles").unwrap_err();
    assert_eq!(problem.reason, Reason::RoleAmbiguous);
    assert!(
        problem
            .message()
            .contains("\"Reader\" stands for several roles: a (Reader) (1), b (Reader) (2)"),
        "{problem:?}"
    );
}

#[test]
fn an_unknown_role_is_answered_with_those_there_are() {
    let problem = choose("Admin", &[candidate("1", "Reader", None)], "spec.resources[crm].roles").unwrap_err();
    assert_eq!(
        problem.message(),
        "spec.resources[crm].roles: the resource has no role \"Admin\"; it has \"Reader\""
    );
}

fn listed(roles: &[(&str, &str)]) -> Vec<ResourceRole> {
    roles
        .iter()
        .map(|(id, name)| ResourceRole {
            id: None,
            display_name: (*name).into(),
            origin_id: (*id).into(),
            origin_system: crate::graph::OriginSystem::AadApplication,
        })
        .collect()
}

fn app(roles: &[(&str, &str)]) -> AppRoles {
    let role = |(id, value): &(&str, &str)| AppRole {
        id: (*id).into(),
        value: Some((*value).into()),
        display_name: None,
        enabled: true,
    };
    AppRoles::Read(roles.iter().map(role).collect())
}

fn pin(name: &str, id: &str) -> RoleStatus {
    RoleStatus {
        name: name.into(),
        id: id.into(),
        display_name: name.into(),
    }
}

fn refused() -> AppRoles {
    AppRoles::Refused(Problem::new(Reason::NeedsTenantPermission, "HTTP 403"))
}

fn reader(listed: &[ResourceRole], app_roles: &AppRoles, pinned: &[RoleStatus]) -> (Vec<String>, BoundRoles) {
    let bound = bind("roles", &["Reader".to_owned()], listed, app_roles, pinned);
    (bound.roles.iter().map(|role| role.id.clone()).collect(), bound)
}

fn reasons(bound: &BoundRoles) -> (Option<Reason>, Option<Reason>) {
    let of = |problem: &Option<Problem>| problem.as_ref().map(|problem| problem.reason);
    (of(&bound.trouble), of(&bound.moved))
}

#[test]
fn a_role_given_the_value_that_the_catalog_meant_as_a_display_name_is_not_followed() {
    let roles = listed(&[("1", "Reader"), ("2", "Everything")]);
    let (ids, bound) = reader(
        &roles,
        &app(&[("1", "read.all"), ("2", "Reader")]),
        &[pin("Reader", "1")],
    );
    assert_eq!(ids, ["1"]);
    assert_eq!(reasons(&bound), (None, Some(Reason::ReferenceMoved)));
}

#[test]
fn a_role_made_anew_under_the_same_value_is_not_followed() {
    let (ids, bound) = reader(
        &listed(&[("2", "Reader")]),
        &app(&[("2", "Reader")]),
        &[pin("Reader", "1")],
    );
    assert_eq!(ids, ["1"]);
    assert_eq!(reasons(&bound), (None, Some(Reason::ReferenceMoved)));
    assert_eq!(
        bound.moved.unwrap().message(),
        "roles: \"Reader\" now stands for the role 2, and stays bound to 1, which is gone: nothing is handed out or \
         taken for it; to follow it, remove the entry, wait until the resource is Ready, and add it again"
    );
}

#[test]
fn a_retitled_role_changes_nothing() {
    let (ids, bound) = reader(&listed(&[("1", "Visitors")]), &app(&[]), &[pin("Reader", "1")]);
    assert_eq!(ids, ["1"]);
    assert_eq!(bound.roles[0].display_name, "Reader");
    assert_eq!(reasons(&bound), (None, None));
}

#[test]
fn a_role_that_is_gone_stays_bound_and_is_told() {
    let (ids, bound) = reader(&listed(&[("3", "Writer")]), &app(&[]), &[pin("Reader", "1")]);
    assert_eq!(ids, ["1"]);
    assert_eq!(reasons(&bound), (Some(Reason::RoleNotFound), None));
}

#[test]
fn a_list_that_is_empty_takes_nothing_away_and_binds_nothing() {
    assert_eq!(reader(&[], &app(&[]), &[pin("Reader", "1")]).0, ["1"]);
    let (ids, bound) = reader(&[], &app(&[]), &[]);
    assert!(ids.is_empty());
    assert_eq!(reasons(&bound), (Some(Reason::ResourceNotReady), None));
}

#[test]
fn an_application_that_cannot_be_read_is_not_one_without_values() {
    let roles = listed(&[("1", "Everything"), ("2", "Reader")]);
    let (ids, bound) = reader(&roles, &refused(), &[pin("Reader", "1")]);
    assert_eq!(ids, ["1"], "what is pinned stays");
    assert_eq!(reasons(&bound), (None, None));
    let (ids, bound) = reader(&roles, &refused(), &[]);
    assert!(ids.is_empty(), "nothing is matched in another way");
    assert_eq!(reasons(&bound), (Some(Reason::NeedsTenantPermission), None));
}

#[test]
fn a_role_named_by_its_id_needs_no_reading_of_the_application() {
    let id = "79f9f804-26b8-4ac4-a919-a0c1c0a1a07c";
    let bound = bind(
        "roles",
        &[id.to_uppercase()],
        &listed(&[(id, "Reader")]),
        &refused(),
        &[],
    );
    assert_eq!(bound.roles[0].id, id);
    assert_eq!(bound.trouble, None);
}

#[test]
fn another_name_in_the_entry_is_bound_anew_and_a_name_twice_once() {
    let names = ["Writer".to_owned(), "Writer".to_owned()];
    let bound = bind(
        "roles",
        &names,
        &listed(&[("3", "Writer")]),
        &app(&[]),
        &[pin("Reader", "1")],
    );
    assert_eq!(bound.roles, [pin("Writer", "3")]);
}
