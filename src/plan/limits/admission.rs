//! Which roles go with which ways in: each pair of package and way is allowed by one single grant.

use k8s_openapi::jiff::Timestamp;

use super::{
    breach,
    fit::fits,
    named,
    roles::{RoleAt, covers, offers},
    way::{Judged, Way},
};
use crate::{
    api::{CatalogSpec, Grant, Permission, Reason},
    plan::Problem,
};

/// Whether the grants allow these roles together with these ways in. `roles` are those that the package has and those that
/// it shall have; `ways` all through which somebody could come in, as they are and as they shall be.
///
/// # Errors
/// [`Reason::LimitExceeded`], naming way, role, grant and limit; the first of [`outside`].
pub fn admits(
    grants: &[&Grant],
    catalog: &CatalogSpec,
    roles: &[RoleAt],
    ways: &[Way],
    now: Timestamp,
) -> Result<(), Problem> {
    outside(grants, catalog, roles, ways, now)
        .into_iter()
        .next()
        .map_or(Ok(()), Err)
}

/// Whether the grants allow to take over what has these roles and ways in. `field` asks for it.
///
/// # Errors
/// [`Reason::LimitExceeded`].
pub fn admits_takeover(
    field: &str,
    grants: &[&Grant],
    catalog: &CatalogSpec,
    held: &[RoleAt],
    ways: &[Way],
    now: Timestamp,
) -> Result<(), Problem> {
    let willing: Vec<&Grant> = grants
        .iter()
        .copied()
        .filter(|grant| grant.limits.adoption == Permission::Allowed)
        .collect();
    if willing.is_empty() {
        let what = format!(
            "{} does not allow taking over objects that exist in Entra already (limits.adoption)",
            named(grants)
        );
        return Err(breach(field, &what));
    }
    match outside(&willing, catalog, held, ways, now).into_iter().next() {
        None => Ok(()),
        Some(problem) => Err(problem
            .at(format!("{field}: taking it over would take along what no grant allows"))
            .remedy("take that away in Entra first, or ask those who run the catalog to widen the limit")),
    }
}

/// Everything of the package that stands outside the grants: roles first, then ways in. Empty where all is allowed.
#[must_use]
pub fn outside(
    grants: &[&Grant],
    catalog: &CatalogSpec,
    roles: &[RoleAt],
    ways: &[Way],
    now: Timestamp,
) -> Vec<Problem> {
    let covering: Vec<&Grant> = grants
        .iter()
        .copied()
        .filter(|grant| roles.iter().all(|role| covers(grant, catalog, role)))
        .collect();
    if covering.is_empty() {
        return uncovered(grants, catalog, roles);
    }
    ways.iter()
        .filter_map(|way| refusal(way, grants, &covering, catalog, roles, now))
        .collect()
}

/// The roles because of which no grant covers the package.
fn uncovered(grants: &[&Grant], catalog: &CatalogSpec, roles: &[RoleAt]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = roles
        .iter()
        .filter(|role| !grants.iter().any(|grant| covers(grant, catalog, role)))
        .map(|role| {
            let is_offered = role.offered_as.iter().any(|role| offers(catalog, role));
            let what = if is_offered {
                format!("{} is not among what {} allows", role.words, named(grants))
            } else {
                format!("{}: the Catalog does not offer it to packages", role.words)
            };
            Problem {
                field: role.field.clone().map(Into::into),
                ..breach("", &what)
            }
        })
        .collect();
    if problems.is_empty() {
        let words: Vec<&str> = roles.iter().map(|role| role.words.as_str()).collect();
        problems.push(breach(
            "spec.resourceRoles",
            &format!(
                "no single grant allows all of these together: {}; there are {}",
                words.join("; "),
                named(grants)
            ),
        ));
    }
    problems
}

/// Why no grant that covers the roles allows the way, in the words of the grant that stands first.
fn refusal(
    way: &Way,
    grants: &[&Grant],
    covering: &[&Grant],
    catalog: &CatalogSpec,
    roles: &[RoleAt],
    now: Timestamp,
) -> Option<Problem> {
    let problem = match &way.terms {
        Judged::Unjudgeable(why) => Problem::new(
            Reason::LimitExceeded,
            format!("whom it lets in cannot be judged, so nothing is widened beside it: {why}"),
        )
        .remedy("correct or remove it"),
        Judged::Terms(terms) => {
            let mut first = None;
            for grant in covering {
                match fits(grant, terms, now) {
                    Ok(()) => return None,
                    Err(problem) => first = first.or(Some(problem)),
                }
            }
            let mut problem = first?;
            // A grant that would allow the way, were it not for a role: people look for it first.
            let near = grants.iter().find_map(|grant| {
                fits(grant, terms, now).ok()?;
                let role = roles.iter().find(|role| !covers(grant, catalog, role))?;
                Some(format!(
                    "; grant {:?} would allow that, but not {}",
                    grant.name, role.words
                ))
            });
            problem.what.push_str(&near.unwrap_or_default()); // no grant is near
            problem
        }
    };
    Some(match &way.who {
        Some(who) => problem.at(who),
        None => problem,
    })
}

#[cfg(test)]
mod tests;
