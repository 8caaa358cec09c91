//! Which role of a resource a name means.

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
                several
                    .iter()
                    .map(|one| format!("{} ({})", display(one), one.origin_id))
                    .collect::<Vec<_>>()
                    .join(", ")
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

fn display(candidate: &Candidate) -> String {
    match &candidate.value {
        Some(value) if *value != candidate.display_name => format!("{value} ({})", candidate.display_name),
        Some(value) => value.clone(),
        None => candidate.display_name.clone(),
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
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
}
