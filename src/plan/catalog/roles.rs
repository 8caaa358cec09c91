//! Roles on a catalog. Additive: only what we gave is ever taken away, and what others gave stays.

use super::{CatalogAct, DesiredCatalog};
use crate::{
    api::{self, Reason},
    graph::{CatalogRole, ObjectId, Read, RoleAssignment},
    plan::{
        Door, Hold, Member, Memory, Order, Plan, Problem, Rules, Set, Stake, Step,
        bindings::{DirectoryKey, group_key, service_principal_key, user_key},
    },
};

/// The field of the spec, and the name under which members are remembered.
const PATH: &str = "roleAssignments";

/// The roles that people are to have on a catalog.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DesiredRoles {
    /// Those whose holder is known.
    pub assignments: Vec<DesiredAssignment>,
    /// Those whose holder could not be found: while there is one, nothing is taken away.
    pub unresolved: Vec<Problem>,
    /// The operator's own service principal, where it has no rights but roles on catalogs: what it has is never taken away.
    pub own: Option<ObjectId>,
    /// What another process has given a moment ago may not show yet.
    pub reads_may_be_late: bool,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredAssignment {
    /// Its name in the spec.
    pub name: String,
    /// Which role.
    pub role: CatalogRole,
    /// Whose.
    pub principal: ObjectId,
}

/// One as the spec names it.
#[derive(Clone, Debug)]
pub struct NamedAssignment {
    /// The field of its holder.
    pub field: String,
    /// Who that is.
    pub key: DirectoryKey,
    name: String,
    role: CatalogRole,
}

impl NamedAssignment {
    /// The one that is meant, once the directory has told who has this name.
    #[must_use]
    pub fn bound(&self, id: &str) -> DesiredAssignment {
        DesiredAssignment {
            name: self.name.clone(),
            role: self.role.clone(),
            principal: id.into(),
        }
    }
}

/// What the spec asks for, each with the field of its holder.
///
/// # Errors
/// [`Reason::InvalidSpec`] where a choice is empty or has more than one answer, which the schema refuses.
pub fn named(assignments: &[api::RoleAssignment]) -> Result<Vec<NamedAssignment>, Problem> {
    let numbered = assignments.iter().enumerate();
    numbered.map(|(index, one)| assignment(index, one)).collect()
}

fn assignment(index: usize, assignment: &api::RoleAssignment) -> Result<NamedAssignment, Problem> {
    let api::RoleAssignment { name, role, principal } = assignment;
    let at = |field: &str| format!("spec.roleAssignments[{index}].{field}");
    let invalid = |field: &str, what: &str| Problem::new(Reason::InvalidSpec, what).at(at(field));
    let role = role.ok_or_else(|| invalid("role", "is required"))?;
    let api::Principal {
        user,
        group,
        service_principal,
    } = principal.clone().unwrap_or_default(); // refused below, as an empty one
    let key = match (&user, &group, &service_principal) {
        (Some(user), None, None) => user_key(user).map(|key| ("principal.user", key)),
        (None, Some(group), None) => group_key(group).map(|key| ("principal.group", key)),
        (None, None, Some(principal)) => {
            service_principal_key(principal).map(|key| ("principal.servicePrincipal", key))
        }
        (None, None, None) | (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => None,
    };
    let (field, key) = key.ok_or_else(|| {
        invalid(
            "principal",
            "a principal is exactly one of user, group, servicePrincipal",
        )
    })?;
    Ok(NamedAssignment {
        field: at(field),
        key,
        name: name.clone(),
        role: match role {
            api::CatalogRole::CatalogOwner => CatalogRole::CatalogOwner,
            api::CatalogRole::CatalogReader => CatalogRole::CatalogReader,
            api::CatalogRole::AccessPackageManager => CatalogRole::AccessPackageManager,
            api::CatalogRole::AccessPackageAssignmentManager => CatalogRole::AccessPackageAssignmentManager,
        },
    })
}

/// A role by its name.
#[must_use]
pub fn words(role: &CatalogRole) -> &str {
    match role {
        CatalogRole::CatalogOwner => "CatalogOwner",
        CatalogRole::CatalogReader => "CatalogReader",
        CatalogRole::AccessPackageManager => "AccessPackageManager",
        CatalogRole::AccessPackageAssignmentManager => "AccessPackageAssignmentManager",
        CatalogRole::Other(id) => id,
    }
}

fn key(role: &CatalogRole, principal: &ObjectId) -> String {
    format!("{} {}", words(role), principal.as_str().to_ascii_lowercase())
}

/// Roles on a catalog: whoever has one may do more. `blocked`: a holder was not found, so nothing is taken away.
#[must_use]
pub fn role_set(blocked: bool) -> Set {
    Set {
        path: PATH,
        adding: Stake::door(Door::Widens),
        removing: Stake::door(Door::Narrows),
        // Nobody loses in between what they are to keep.
        order: Order::AddFirst,
        blocked,
    }
}

/// Whether the roles on the catalog matter: the spec asks for some, or some that we gave may be left.
#[must_use]
pub fn matter(assignments: &[api::RoleAssignment], base: crate::plan::Base<'_>) -> bool {
    !assignments.is_empty() || base.fields_of(PATH).next().is_some()
}

/// From the roles that there are to those that the spec asks for.
pub(super) fn reconcile(
    desired: &DesiredCatalog,
    there: &Read<Vec<RoleAssignment>>,
    rules: &Rules<'_>,
) -> Plan<CatalogAct> {
    let DesiredRoles {
        assignments,
        unresolved,
        own,
        reads_may_be_late,
    } = &desired.roles;
    let set = role_set(!unresolved.is_empty());
    let ours: Vec<&str> = rules.base.fields_of(PATH).collect();
    if assignments.is_empty() && ours.is_empty() {
        return Plan::default();
    }
    let Read::Read(there) = there else {
        return Plan {
            is_open: true,
            ..Plan::default()
        };
    };
    let wanted: Vec<Member<&DesiredAssignment>> = assignments.iter().map(member).collect();
    let observed: Vec<Member<RoleAssignment>> = there
        .iter()
        .map(|one| Member {
            key: key(&one.role, &one.principal),
            name: format!("{} of {}", words(&one.role), one.principal),
            item: one.clone(),
        })
        .filter(|one| {
            let is_wanted = wanted.iter().any(|wanted| wanted.key == one.key);
            is_wanted || ours.contains(&set.memory(&one.key).as_str())
        })
        .collect();
    let mut plan = set.reconcile(rules, wanted, observed, |one, _| kept(one, own.as_ref()), add, remove);
    // What does not show yet is still to be taken away: nobody else knows that we gave it.
    if *reads_may_be_late {
        plan.found.retain(|memory| !matches!(memory, Memory::Forget { .. }));
    }
    plan
}

/// Without its own role the operator could do nothing more for the catalog, nor take this back.
fn kept(assignment: &RoleAssignment, own: Option<&ObjectId>) -> Option<Hold> {
    (own == Some(&assignment.principal)).then(|| {
        Hold::Limit(
            Problem::new(
                Reason::InvalidSpec,
                format!(
                    "{} is the operator's own role on this catalog, without which it could do nothing here: it is not taken away",
                    words(&assignment.role)
                ),
            )
            .at("spec.roleAssignments")
            .remedy("put the entry back, or take the role away in Entra"),
        )
    })
}

pub(super) fn member(assignment: &DesiredAssignment) -> Member<&DesiredAssignment> {
    let DesiredAssignment { name, role, principal } = assignment;
    Member {
        key: key(role, principal),
        name: format!("{name} ({} of {principal})", words(role)),
        item: assignment,
    }
}

pub(super) fn add(member: Member<&DesiredAssignment>) -> CatalogAct {
    CatalogAct::AssignRole(member.item.clone())
}

fn remove(member: Member<RoleAssignment>) -> CatalogAct {
    CatalogAct::RemoveRole(member.item)
}

/// The steps that give a catalog which is being made its roles.
pub(super) fn of_new(desired: &DesiredCatalog) -> Plan<CatalogAct> {
    let set = role_set(false);
    let steps = desired.roles.assignments.iter().map(|assignment| {
        let member = member(assignment);
        let memory = Memory::keep(set.memory(&member.key), "");
        Step::new(add(member), set.adding).remembering(memory)
    });
    Plan::of(steps.collect())
}
