use super::*;

fn key() -> DirectoryKey {
    DirectoryKey::Group(GroupKey::DisplayName("Sales".into()))
}

fn answer(ids: &[&str]) -> Answer {
    Answer {
        objects: ids.iter().map(|id| DirectoryObject::new(*id, "Sales")).collect(),
        mistake: None,
    }
}

fn decided(pinned: Option<&str>, found: Option<&[&str]>) -> Result<Option<Bound>, Problem> {
    let answer = found.map(answer);
    decide("spec.group", &key(), pinned, answer.as_ref(), "contoso")
}

#[test]
fn a_name_that_one_object_has_is_bound_to_it_and_pinned() {
    let bound = decided(None, Some(&["1"])).unwrap().unwrap();
    assert_eq!((bound.id.as_str(), bound.moved), ("1", None));
    assert_eq!(bound.pin.unwrap().reference, "group displayName=Sales");
}

#[test]
fn a_pinned_name_stays_bound_whatever_the_directory_says() {
    for found in [Some(&["1"][..]), Some(&["2", "1"]), Some(&[]), None] {
        let bound = decided(Some("1"), found).unwrap().unwrap();
        assert_eq!((bound.id.as_str(), bound.moved), ("1", None), "{found:?}");
    }
}

#[test]
fn a_pinned_name_that_stands_for_others_is_told_in_a_stable_order_and_stays_bound() {
    let bound = decided(Some("1"), Some(&["3", "2"])).unwrap().unwrap();
    assert_eq!(bound.id, "1");
    assert_eq!(
        bound.moved.unwrap().message(),
        "spec.group: the name now stands for 2, 3; it stays bound to 1 until this field changes"
    );
}

#[test]
fn no_answer_is_not_none() {
    assert_eq!(decided(None, None), Ok(None));
    assert_eq!(decided(None, Some(&[])).unwrap_err().reason, Reason::ReferenceNotFound);
}

#[test]
fn a_site_that_is_pinned_in_another_spelling_has_not_moved() {
    let key = DirectoryKey::Site(SiteKey::Url("https://Contoso.sharepoint.com/sites/Märkte/".into()));
    let answer = answer(&["https://contoso.sharepoint.com/sites/M%C3%A4rkte"]);
    let pinned = "https://contoso.sharepoint.com/sites/märkte";
    let bound = decide("f", &key, Some(pinned), Some(&answer), "t").unwrap().unwrap();
    assert_eq!(bound.moved, None);
}

#[test]
fn the_wrong_kind_of_id_is_named_with_what_to_write_instead() {
    let key = DirectoryKey::ServicePrincipal(ServicePrincipalKey::Id("a".into()));
    let problem = missing(
        "f",
        &key,
        Some(&Mistake::ApplicationObject(Some("b".into()))),
        "contoso",
    );
    assert_eq!(
        problem.message(),
        "f: no service principal with id \"a\" in tenant contoso: it is the object id of an app registration, not of \
         its service principal (enterprise application); the service principal has the id b: write that, or name it \
         by appId"
    );
    let key = DirectoryKey::Group(GroupKey::Id("a".into()));
    let problem = missing("f", &key, Some(&Mistake::Kind("user")), "contoso");
    assert_eq!(
        problem.message(),
        "f: no group with id \"a\" in tenant contoso: it is the id of a user; write the id of a group"
    );
}

#[test]
fn what_cannot_be_resolved_is_asked_for_less_and_less_often() {
    let longest = Duration::from_secs(600);
    let waits: Vec<u64> = (1..=7).map(|misses| believed(misses, longest).as_secs()).collect();
    assert_eq!(waits, [30, 60, 120, 240, 480, 600, 600]);
    assert_eq!(believed(u32::MAX, Duration::from_secs(2)), Duration::from_secs(2));
}

#[test]
fn a_group_that_can_hold_directory_roles_matters_until_it_is_allowed() {
    let member = ["Member".to_owned()];
    assert!(Unsuitable::RoleAssignable.matters(&member, false));
    assert!(Unsuitable::RoleAssignable.matters(&["Owner".to_owned()], false));
    assert!(!Unsuitable::RoleAssignable.matters(&member, true));
    assert!(Unsuitable::OnPremises.matters(&member, true));
    assert!(Unsuitable::Dynamic.matters(&member, true) && !Unsuitable::Dynamic.matters(&["Owner".to_owned()], false));
}

#[test]
fn a_reference_is_remembered_once() {
    let pin = |id: &str| {
        Some(PinnedReference {
            reference: "group displayName=Sales".into(),
            id: id.into(),
        })
    };
    let mut pins = Vec::new();
    remember(&mut pins, pin("1"));
    remember(&mut pins, pin("1"));
    remember(&mut pins, None);
    assert_eq!(pins.len(), 1);
}
