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
    graph::{AppRole, OriginSystem, ResourceRole},
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
            value: match &role.origin_system {
                // `EligibleMember_{group}`, which is called "Eligible Member".
                OriginSystem::AadGroup => role.origin_id.split_once('_').map(|(kind, _)| kind.to_owned()),
                // `Eligible`, which is called "Eligible Member".
                OriginSystem::DirectoryRole => Some(format!("{}Member", role.origin_id)),
                OriginSystem::AadApplication | OriginSystem::SharePointOnline | OriginSystem::Other(_) => app_roles
                    .iter()
                    .find(|app_role| app_role.id.eq_ignore_ascii_case(&role.origin_id))
                    .and_then(|app_role| app_role.value.clone()),
            },
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
mod tests;
