//! What a catalog's grants allow a namespace. No grant, no write.
//!
//! Each pair of a package and a way into it is allowed by one single grant, which covers all the roles that the package has
//! or shall have: a lenient grant for harmless resources must not open a door to others. What cannot be judged fits none.
//!
//! | | |
//! |---|---|
//! | `choices` | an empty choice is no choice |
//! | `chosen` | whom a policy chooses to decide, and whom a grant lets it choose |
//! | `inquiry` | a question that a policy asks, and one that it must ask |
//! | `terms` | what a policy lets people do, written in a spec or found in Entra |
//! | `way` | a policy through which somebody could come in, told in words |
//! | `roles` | the roles of a package, and which grants speak of them |
//! | `fit` | one grant and one policy's terms: every limit is judged there |
//! | `admission` | which roles go with which ways in |
//! | `quota` | how many objects a namespace may have |
//! | `effective` | the limits that hold, and where each comes from |
//! | `leave` | whose leave it takes to leave something behind |

mod admission;
mod choices;
mod chosen;
mod effective;
mod fit;
mod inquiry;
mod leave;
mod quota;
mod roles;
mod terms;
mod way;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::jiff::Timestamp;

pub use admission::{admits, admits_takeover, outside};
pub use choices::{named as well_named, named_once, out_of_reach, past_end, well_asked, well_formed};
pub use chosen::{Chosen, Named, Who, named_by_grants, with_ids};
pub use effective::effective;
pub use inquiry::Inquiry;
pub use leave::{Keeper, leave};
pub use quota::{Counted, Kin, within_quota};
pub use roles::{Beyond, RoleAt};
pub use terms::{Consent, Door, Lasting, Terms, Wishes, scope_of};
pub use way::{Judged, Way};

use super::Problem;
use crate::api::{AccessPackageSpec, Adoption, AssignmentPolicySpec, CatalogSpec, Grant, NamespaceScope, Reason};
use fit::{check_name, check_references, check_wishes, fits};

/// A namespace as grants see it.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels; `None` where they are not known, which no selector matches.
    pub labels: Option<&'a BTreeMap<String, String>>,
}

/// The grants of the catalog that speak of this namespace.
#[must_use]
pub fn grants_for<'a>(catalog: &'a CatalogSpec, namespace: Namespace<'_>) -> Vec<&'a Grant> {
    catalog
        .grants
        .iter()
        .filter(|grant| covers(&grant.namespaces, namespace))
        .collect()
}

/// Exactly one way of naming them counts: what is said twice, or not at all, covers nothing.
fn covers(scope: &NamespaceScope, namespace: Namespace<'_>) -> bool {
    match scope {
        NamespaceScope {
            names: Some(names),
            selector: None,
            all: None,
        } => names.iter().any(|name| name == namespace.name),
        NamespaceScope {
            names: None,
            selector: Some(selector),
            all: None,
        } => namespace.labels.is_some_and(|labels| selects(selector, labels)),
        NamespaceScope {
            names: None,
            selector: None,
            all: Some(_),
        } => true,
        NamespaceScope {
            names: _,
            selector: _,
            all: _,
        } => false,
    }
}

/// An empty selector selects nothing: whoever means every namespace writes `all`.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelector {
        match_expressions,
        match_labels,
    } = selector;
    if match_expressions.iter().flatten().next().is_none() && match_labels.iter().flatten().next().is_none() {
        return false;
    }
    kube::core::Selector::try_from(selector.clone())
        .is_ok_and(|selector| kube::core::SelectorExt::matches(&selector, labels))
}

/// The grants that are in force and allow every one of these resources.
#[must_use]
pub fn covering<'a>(grants: &[&'a Grant], resources: &[&str]) -> Vec<&'a Grant> {
    grants
        .iter()
        .copied()
        .filter(|grant| {
            // A grant that names no resources allows all of the catalog's.
            let allows = grant.resources.as_ref().is_none_or(|allowed| {
                resources
                    .iter()
                    .all(|resource| allowed.iter().any(|name| name == resource))
            });
            allows && !grant.suspended
        })
        .collect()
}

/// What keeps the package from being written. `grants` are those for its namespace, at least one.
///
/// # Errors
/// [`Reason::LimitExceeded`], naming the field, the grant and the limit.
pub fn check_package<'a>(package: &AccessPackageSpec, grants: &[&'a Grant]) -> Result<Vec<&'a Grant>, Problem> {
    let resources: Vec<&str> = package
        .resource_roles
        .iter()
        .map(|role| role.resource.as_str())
        .collect();
    if let (true, Some(grant)) = (grants.iter().all(|grant| grant.suspended), grants.first()) {
        return Err(breach(
            "spec.catalogRef",
            &format!("grant {:?} is suspended (grants[].suspended)", grant.name),
        ));
    }
    let covering = covering(grants, &resources);
    if covering.is_empty() {
        let index = package.resource_roles.iter().position(|role| {
            grants.iter().all(|grant| {
                grant
                    .resources
                    .as_ref()
                    .is_some_and(|allowed| !allowed.contains(&role.resource))
            })
        });
        return Err(match index {
            Some(index) => breach(
                &format!("spec.resourceRoles[{index}].resource"),
                &format!(
                    "{:?} is not among the resources that {} allows",
                    // The index was found among them.
                    resources.get(index).copied().unwrap_or_default(),
                    named(grants)
                ),
            ),
            None => breach(
                "spec.resourceRoles",
                &format!(
                    "no single grant allows all of these resources together; there are {}",
                    named(grants)
                ),
            ),
        });
    }
    let looked_up = terms::named(package);
    first_fitting(&covering, |grant| {
        check_common(grant, package)?;
        let limited = |field: &str, limit: &str| breach(field, &format!("grant {:?} {limit}", grant.name));
        check_references(grant.limits.references, looked_up.first(), &limited)
    })
}

/// What keeps the policy from being written. `grants` are those that cover its package.
///
/// # Errors
/// [`Reason::InvalidSpec`] where a choice is empty; [`Reason::LimitExceeded`], naming the field, the grant and the limit.
pub fn check_policy(policy: &AssignmentPolicySpec, grants: &[&Grant], now: Timestamp) -> Result<(), Problem> {
    let terms = Terms::of_spec(policy, &[])?;
    first_fitting(grants, |grant| fits(grant, &terms, now)).map(drop)
}

/// The grants under which `check` passes, or the complaint of the grant that stands first.
fn first_fitting<'a>(
    grants: &[&'a Grant],
    check: impl Fn(&Grant) -> Result<(), Problem>,
) -> Result<Vec<&'a Grant>, Problem> {
    let mut fitting = Vec::new();
    let mut first = None;
    for grant in grants {
        match check(grant) {
            Ok(()) => fitting.push(*grant),
            Err(problem) => first = first.or(Some(problem)),
        }
    }
    match first {
        Some(problem) if fitting.is_empty() => Err(problem),
        Some(_) | None => Ok(fitting),
    }
}

fn check_common(grant: &Grant, package: &AccessPackageSpec) -> Result<(), Problem> {
    let adopts = match (&package.id, package.adoption) {
        (Some(_), _) => Some("spec.id"),
        (None, Adoption::ByName) => Some("spec.adoption"),
        (None, Adoption::Never) => None,
    };
    check_name(grant, &package.display_name)?;
    check_wishes(grant, adopts, package.deletion_policy(), Some(package.drift_policy))
}

/// What a Catalog says of the objects that stand in Entra and exceed its present grants, by their titles in order; `None`
/// where there is none.
#[must_use]
pub fn told_outside(titles: &[String]) -> Option<Problem> {
    const SHOWN: usize = 3;
    if titles.is_empty() {
        return None;
    }
    let more = if titles.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<&str> = titles.iter().take(SHOWN).map(String::as_str).collect();
    let (stand, them) = match titles.len() {
        1 => ("1 object stands".to_owned(), "it"),
        count => (format!("{count} objects stand"), "them"),
    };
    let what = format!(
        "{stand} outside the present limits of this Catalog's grants: {}{more}; what is in Entra of {them} stays, and nothing is widened",
        shown.join(", ")
    );
    Some(
        Problem::new(Reason::LimitExceeded, what)
            .at("spec.grants")
            .remedy("have them changed or deleted, or widen the grants"),
    )
}

fn breach(field: &str, what: &str) -> Problem {
    Problem::new(Reason::LimitExceeded, what)
        .at(field)
        .remedy("stay within the limit, or ask those who run the catalog to widen it")
}

fn named(grants: &[&Grant]) -> String {
    let names: Vec<String> = grants.iter().map(|grant| format!("{:?}", grant.name)).collect();
    format!(
        "{} {}",
        if names.len() == 1 { "grant" } else { "any of the grants" },
        names.join(", ")
    )
}

#[cfg(test)]
mod tests;
