//! Which role of a resource a name means, and that it stays that one.
//!
//! | pinned | Entra lists | the name means |
//! |---|---|---|
//! | yes | the pinned role, whatever it is called now | the pinned role |
//! | yes | the pinned role, and another one by this name | the pinned role, and `ReferenceMoved` is told |
//! | yes | another one by this name, the pinned one no more | the pinned role, and `ReferenceMoved` is told |
//! | yes | neither | the pinned role, and `RoleNotFound` is told |
//! | yes | nothing, or the application cannot be read | the pinned role |
//! | no | one role by this name | that one, pinned from now on |
//! | no | none or several | nothing: `RoleNotFound`, `RoleAmbiguous` |
//! | no | nothing yet | nothing: `ResourceNotReady` |
//! | no | the application cannot be read | nothing, unless the name is the role's id: `NeedsTenantPermission` |

use super::Problem;
use crate::{
    api::{Reason, RoleStatus},
    graph::{AppRole, ResourceRole},
};

/// A role that a name may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its origin id: what makes it this role.
    pub origin_id: String,
    /// Its display name.
    pub display_name: String,
    /// The value of an application's role, by which programs know it.
    pub value: Option<String>,
}

/// The roles that an application itself defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppRoles {
    /// What it defines; nothing for what is no application.
    Read(Vec<AppRole>),
    /// They cannot be read: which role has which value is not known, which is not the same as that none has.
    Refused(Problem),
}

/// The roles that a resource offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundRoles {
    /// Those that the names of the spec are bound to.
    pub roles: Vec<RoleStatus>,
    /// Why one of them is missing.
    pub trouble: Option<Problem>,
    /// A name means something else by now.
    pub moved: Option<Problem>,
}

/// Binds the names in `field` to the roles that Entra lists (none: it lists none yet); `pinned` is what status has.
#[must_use]
pub fn bind(
    field: &str,
    names: &[String],
    listed: &[ResourceRole],
    app_roles: &AppRoles,
    pinned: &[RoleStatus],
) -> BoundRoles {
    let known: &[AppRole] = match app_roles {
        AppRoles::Read(roles) => roles,
        AppRoles::Refused(_) => &[],
    };
    let candidates = candidates(listed, known);
    let mut bound = BoundRoles::default();
    for name in names {
        if bound.roles.iter().any(|role| role.name == *name) {
            continue;
        }
        let pin = pinned.iter().find(|role| role.name == *name);
        let meant = match pin {
            Some(_) if candidates.is_empty() => None,
            None if candidates.is_empty() => Some(Err(Problem::new(
                Reason::ResourceNotReady,
                "Entra does not list its roles yet",
            )
            .at(field))),
            Some(_) | None => by_id(name, &candidates).map(Ok).or_else(|| match (app_roles, pin) {
                (AppRoles::Read(_), _) => Some(choose(name, &candidates, field)),
                (AppRoles::Refused(_), Some(_)) => None,
                (AppRoles::Refused(why), None) => Some(Err(unread(name, field, why))),
            }),
        };
        match (pin, meant) {
            (None, Some(Ok(role))) => bound.roles.push(RoleStatus {
                name: name.clone(),
                id: role.origin_id.clone(),
                display_name: role.display_name.clone(),
            }),
            (None, Some(Err(problem))) => bound.trouble = bound.trouble.or(Some(problem)),
            (Some(pin), meant) => {
                let is_there = candidates.iter().any(|role| is_same(&role.origin_id, &pin.id));
                match meant {
                    Some(Ok(role)) if !is_same(&role.origin_id, &pin.id) => {
                        bound.moved = bound.moved.or_else(|| Some(moved(name, role, pin, is_there, field)));
                    }
                    // The name may be anybody's by now, or nobody's: what counts is that the role is there.
                    Some(Err(problem)) if !is_there => bound.trouble = bound.trouble.or(Some(problem)),
                    Some(Ok(_) | Err(_)) | None => {}
                }
                bound.roles.push(pin.clone());
            }
            // Without a pin something is always meant or said.
            (None, None) => {}
        }
    }
    bound
}

fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The candidate whose id this is; a number is a site's own, and may be the title of another of its groups.
fn by_id<'a>(name: &str, candidates: &'a [Candidate]) -> Option<&'a Candidate> {
    let is_guid = name.len() == 36 && name.bytes().filter(|byte| *byte == b'-').count() == 4;
    candidates
        .iter()
        .find(|candidate| is_guid && is_same(&candidate.origin_id, name))
}

fn moved(name: &str, role: &Candidate, pin: &RoleStatus, is_there: bool, field: &str) -> Problem {
    let gone = if is_there { "" } else { ", which is gone" };
    Problem::new(
        Reason::ReferenceMoved,
        format!(
            "{name:?} now stands for the role {}, and stays bound to {}{gone}: nothing is handed out or taken for it",
            role.origin_id, pin.id
        ),
    )
    .at(field)
    .remedy("to follow it, remove the entry, wait until the resource is Ready, and add it again")
}

fn unread(name: &str, field: &str, why: &Problem) -> Problem {
    Problem {
        field: Some(field.into()),
        what: format!(
            "which role is {name:?} cannot be told while the application cannot be read: {}",
            why.what
        ),
        remedy: Some("grant the application permission Application.Read.All, or name the role by its id".into()),
        ..why.clone()
    }
}

/// The roles that a resource of a catalog offers, with the values that the application gives them.
///
/// Entitlement management lists a role by display name and origin id only; the application's own list adds the values.
#[must_use]
pub fn candidates(roles: &[ResourceRole], app_roles: &[AppRole]) -> Vec<Candidate> {
    roles
        .iter()
        .map(|role| Candidate {
            origin_id: role.origin_id.clone(),
            display_name: role.display_name.clone(),
            value: app_roles
                .iter()
                .find(|app_role| app_role.id.eq_ignore_ascii_case(&role.origin_id))
                .and_then(|app_role| app_role.value.clone()),
        })
        .collect()
}

/// The one candidate that `name` means: by value first, then by display name.
///
/// # Errors
/// [`Reason::RoleNotFound`] with the names there are, [`Reason::RoleAmbiguous`] with the candidates.
pub fn choose<'a>(name: &str, candidates: &'a [Candidate], field: &str) -> Result<&'a Candidate, Problem> {
    let by_value: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.value.as_deref() == Some(name))
        .collect();
    let matching = if by_value.is_empty() {
        candidates
            .iter()
            .filter(|candidate| candidate.display_name == name)
            .collect()
    } else {
        by_value
    };
    match matching.as_slice() {
        [one] => Ok(one),
        [] => Err(Problem::new(
            Reason::RoleNotFound,
            format!(
                "{field}: the resource has no role {name:?}; it has {}",
                listed(candidates.iter().map(display))
            ),
        )),
        several => Err(Problem::new(
            Reason::RoleAmbiguous,
            format!(
                "{field}: {name:?} stands for several roles: {}; use the role's value",
                several_words(several)
            ),
        )),
    }
}

/// The role that the catalog offers under `name`: as its spec spells it, or by its display name.
///
/// # Errors
/// [`Reason::RoleNotFound`] with the roles that the catalog offers.
pub fn offered<'a>(
    name: &str,
    offered: &'a [RoleStatus],
    resource: &str,
    field: &str,
) -> Result<&'a RoleStatus, Problem> {
    let matches: Vec<&RoleStatus> = offered
        .iter()
        .filter(|role| role.name == name)
        .chain(offered.iter().filter(|role| role.display_name == name))
        .collect();
    match matches.as_slice() {
        [] => Err(Problem::new(
            Reason::RoleNotFound,
            format!(
                "{field}: the catalog offers no role {name:?} of resource {resource:?}; it offers {}",
                listed(offered.iter().map(|role| role.name.clone()))
            ),
        )),
        [first, rest @ ..] if rest.iter().all(|role| role.id == first.id) || first.name == name => Ok(first),
        several => Err(Problem::new(
            Reason::RoleAmbiguous,
            format!(
                "{field}: {name:?} stands for several roles of resource {resource:?}: {}",
                listed(several.iter().map(|role| role.name.clone()))
            ),
        )),
    }
}

fn several_words(several: &[&Candidate]) -> String {
    let mut words: Vec<String> = several
        .iter()
        .map(|one| format!("{} ({})", display(one), one.origin_id))
        .collect();
    words.sort();
    words.join(", ")
}

fn display(candidate: &Candidate) -> String {
    match &candidate.value {
        Some(value) if *value != candidate.display_name => format!("{value} ({})", candidate.display_name),
        Some(value) => value.clone(),
        None => candidate.display_name.clone(),
    }
}

/// In a stable order: the service answers in any.
fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    names.sort();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
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
}
