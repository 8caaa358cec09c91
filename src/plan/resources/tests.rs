use super::*;

const SITE: &str = "https://contoso.sharepoint.com/sites/marketing";

fn new(system: OriginSystem, origin: &str) -> NewResource {
    NewResource {
        origin_system: system,
        origin_id: origin.into(),
        display_name: None,
        description: None,
        environment: None,
    }
}

fn resolved(name: &str, resource: NewResource, role: &str) -> Result<ResolvedResource, Problem> {
    Ok(ResolvedResource {
        index: 0,
        name: name.into(),
        resource,
        offered: vec![role.into()],
        app_roles: AppRoles::Read(Vec::new()),
        is_seen: true,
        attributes: Vec::new(),
    })
}

fn spec(name: &str) -> CatalogResource {
    serde_json::from_value(serde_json::json!({"name": name})).unwrap()
}

fn status(name: &str, system: &str, origin: &str, id: Option<&str>, roles: &[(&str, &str)]) -> ResourceStatus {
    ResourceStatus {
        name: name.into(),
        id: id.map(Into::into),
        origin_id: origin.into(),
        origin_system: system.into(),
        scope_id: None,
        roles: roles
            .iter()
            .map(|(name, id)| RoleStatus {
                name: (*name).into(),
                id: (*id).into(),
                display_name: (*name).into(),
            })
            .collect(),
        added: true,
        state: "Ready".into(),
        message: None,
    }
}

fn group(origin: &str) -> Resource {
    Resource {
        id: format!("resource-{origin}").into(),
        display_name: String::new(),
        origin_id: origin.into(),
        origin_system: OriginSystem::AadGroup,
        roles: Read::Read(Listed::of(vec![ResourceRole {
            id: None,
            display_name: "Member".into(),
            origin_id: format!("Member_{origin}"),
            origin_system: OriginSystem::AadGroup,
        }])),
        scopes: Read::Unread,
        attributes: Read::Unread,
    }
}

#[test]
fn a_role_that_cannot_be_read_may_be_the_one_that_is_meant() {
    let wanted = resolved("team", new(OriginSystem::AadGroup, "g"), "Owner").unwrap();
    let whole = group("g");
    let absent = offered(&wanted, &whole, &[]).trouble.unwrap();
    assert_eq!(absent.reason, Reason::RoleNotFound);
    let mut cut = whole;
    if let Some(roles) = cut.roles.known_mut() {
        roles.unreadable.push(crate::graph::Unreadable {
            id: None,
            display_name: None,
            why: "missing field `originSystem`".into(),
        });
    }
    let unclear = offered(&wanted, &cut, &[]).trouble.unwrap();
    assert_eq!(unclear.reason, Reason::GraphRefused);
    assert!(unclear.what.contains("originSystem"), "{unclear:?}");
}

fn told(
    names: &[&str],
    resolved: &[Result<ResolvedResource, Problem>],
    found: &[Resource],
    before: &[ResourceStatus],
) -> Statuses {
    let spec: Vec<CatalogResource> = names.iter().map(|name| spec(name)).collect();
    statuses(&spec, resolved, found, before, &BTreeMap::new(), Management::Full)
}

#[test]
fn a_site_that_the_list_does_not_show_stays_what_status_says() {
    let before = [status(
        "portal",
        "SharePointOnline",
        SITE,
        Some("r1"),
        &[("Visitors", "4")],
    )];
    let spelled = new(
        OriginSystem::SharePointOnline,
        "https://Contoso.sharepoint.com/Sites/Marketing/",
    );
    let wanted = [resolved("portal", spelled, "Visitors")];
    let found = unlisted_sites(&[group("g")], &before);
    assert_eq!(found.len(), 1);
    let told = told(&["portal"], &wanted, &found, &before);
    assert_eq!(told.problems, []);
    assert_eq!(told.resources[0].id.as_deref(), Some("r1"));
    assert_eq!(told.resources[0].roles[0].id, "4");
    assert_eq!(told.resources[0].state, "Ready");
}

#[test]
fn a_list_that_shows_one_site_is_believed_for_all() {
    let before = [status("portal", "SharePointOnline", SITE, Some("r1"), &[])];
    let other = site(
        "r2",
        "https://contoso.sharepoint.com/sites/other",
        Listed::default(),
        None,
    );
    assert_eq!(unlisted_sites(&[other], &before), []);
}

#[test]
fn a_role_that_a_site_does_not_tell_is_waited_for_in_words() {
    let before = [status(
        "portal",
        "SharePointOnline",
        SITE,
        Some("r1"),
        &[("Visitors", "4")],
    )];
    let wanted = [resolved("portal", new(OriginSystem::SharePointOnline, SITE), "Members")];
    let told = told(&["portal"], &wanted, &unlisted_sites(&[], &before), &before);
    assert_eq!(told.problems[0].reason, Reason::ResourceNotReady);
    assert!(
        told.problems[0]
            .message()
            .contains("application permissions do not list SharePoint sites")
    );
}

#[test]
fn one_resource_under_two_names_is_added_once_and_ours_under_both() {
    let wanted = [
        DesiredResource {
            name: "a".into(),
            resource: new(OriginSystem::AadGroup, "g"),
            is_seen: true,
            attributes: Vec::new(),
        },
        DesiredResource {
            name: "b".into(),
            resource: new(OriginSystem::AadGroup, "G"),
            is_seen: true,
            attributes: Vec::new(),
        },
    ];
    assert_eq!(missing(&wanted, &[]).len(), 1);
    let resolved = wanted.clone().map(|one| resolved(&one.name, one.resource, "Member"));
    let told = told(
        &["a", "b"],
        &resolved,
        &[group("g")],
        &[status("a", "AadGroup", "g", None, &[])],
    );
    let said: Vec<(&str, bool)> = told
        .resources
        .iter()
        .map(|one| (one.name.as_str(), one.added))
        .collect();
    assert_eq!(said, [("a", true), ("b", true)]);
}

#[test]
fn the_first_of_two_names_leaves_and_the_resource_stays() {
    let before = [
        status("a", "AadGroup", "g", Some("r"), &[]),
        status("b", "AadGroup", "g", Some("r"), &[]),
    ];
    let told = told(
        &["b"],
        &[resolved("b", new(OriginSystem::AadGroup, "g"), "Member")],
        &[group("g")],
        &before,
    );
    let names: Vec<&str> = told.resources.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn a_name_that_stands_for_another_resource_inherits_nothing_and_the_old_one_is_not_forgotten() {
    let before = [status("a", "AadGroup", "old", Some("r"), &[("Member", "Member_old")])];
    let told = told(
        &["a"],
        &[resolved("a", new(OriginSystem::AadGroup, "new"), "Member")],
        &[group("old"), group("new")],
        &before,
    );
    assert_eq!(told.resources[0].roles[0].id, "Member_new");
    assert!(!told.resources[0].added);
    assert_eq!(
        (told.resources[1].name.as_str(), told.resources[1].state.as_str()),
        ("a (leaving)", "Removing")
    );
}

#[test]
fn a_resource_that_is_not_seen_now_keeps_its_roles() {
    let before = [status("a", "AadGroup", "g", Some("r"), &[("Member", "Member_g")])];
    let told = told(
        &["a"],
        &[resolved("a", new(OriginSystem::AadGroup, "g"), "Member")],
        &[],
        &before,
    );
    assert_eq!(told.resources[0].roles.len(), 1);
    assert_eq!(told.resources[0].state, "Adding");
}

#[test]
fn a_name_is_written_once_whatever_the_spec_says() {
    let one = || resolved("a", new(OriginSystem::AadGroup, "g"), "Member");
    assert_eq!(
        told(&["a", "a"], &[one(), one()], &[group("g")], &[]).resources.len(),
        1
    );
}
