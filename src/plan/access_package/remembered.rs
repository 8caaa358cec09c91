//! The roles that status remembers to have been handed out. Each counts as handed out, for every limit and for what is owed,
//! until its removal is confirmed; what reads do not show is not enough where reads may be late, or never show it.

use super::{
    AccessPackage, Base, Cause, DesiredPackage, Difference, Hold, Memory, OriginSystem, PackageAct, Plan, Problem,
    Reason, ResourceRoleScope, RoleKey, Rules, Step, Verdict, role_set,
};

/// Remembered of a package that was made by us: nobody else has put a role into it before we had it.
const MADE_HERE: &str = "madeHere";
/// The ids of role scopes that reads may hide, by role.
const SCOPES: &str = "roleScope";

/// Whether status remembers that the package was made by us.
#[must_use]
pub fn is_made_here(base: Base<'_>) -> bool {
    base.holds(MADE_HERE, "")
}

/// What is remembered of a package that we made.
#[must_use]
pub fn made_here() -> Memory {
    Memory::keep(MADE_HERE, "")
}

/// The roles that status remembers.
pub fn remembered(base: Base<'_>) -> impl Iterator<Item = RoleKey> {
    base.fields_of(role_set(false).path).filter_map(RoleKey::of_memory)
}

/// The id of a role scope that reads may hide, to be remembered with the role.
#[must_use]
pub fn scope_told(scope: &ResourceRoleScope) -> Option<Memory> {
    let is_site = scope.scope.origin_system == OriginSystem::SharePointOnline;
    is_site.then(|| Memory::Note {
        field: scope_of(&RoleKey::of(scope)),
        text: scope.id.to_string(),
    })
}

fn scope_of(key: &RoleKey) -> String {
    format!("{SCOPES}[{}]", key.text())
}

/// Whether a package that does not show the role may have it all the same.
pub(super) fn is_untold(desired: &DesiredPackage, key: &RoleKey) -> bool {
    desired.reads_may_be_late || (key.is_of_site() && !desired.site_roles_are_told)
}

/// Roles that the spec no longer names and that are not known to be gone: they are taken out by the id that was answered
/// when they were handed out, or the package is not as the spec wants it.
pub(super) fn owed(desired: &DesiredPackage, shown: &[ResourceRoleScope], rules: &Rules<'_>) -> Plan<PackageAct> {
    let mut plan = Plan::default();
    let set = role_set(false);
    for key in remembered(rules.base) {
        let is_wanted = desired.roles.iter().any(|role| role.key() == key);
        let is_shown = shown.iter().any(|scope| RoleKey::of(scope) == key);
        if is_wanted || is_shown || !is_untold(desired, &key) {
            continue;
        }
        let name = format!("{} of {}", key.0, key.1);
        let id = rules.base.note(&scope_of(&key));
        let difference = Difference {
            path: set.path.to_owned(),
            before: name.clone(),
            after: "removed".to_owned(),
            cause: Cause::Spec,
            stake: set.removing,
        };
        let verdict = rules.verdict(&difference);
        let step = Step {
            act: PackageAct::RemoveRole {
                name: name.clone(),
                id: id.unwrap_or_default().into(), // without one it is held
            },
            stake: difference.stake,
            memories: vec![Memory::forget(set.memory(&key.text())), Memory::forget(scope_of(&key))],
            differences: vec![difference],
        };
        let is_known = id.is_some() && key.is_of_site() && desired.unresolved.is_empty();
        match (is_known, verdict) {
            (true, Verdict::Write) => plan.steps.push(step),
            (true, Verdict::Hold(hold)) => plan.held.push((step, hold)),
            (false, _) => plan.held.push((step, Hold::Waits(unconfirmed(desired, &key, &name)))),
        }
    }
    plan
}

fn unconfirmed(desired: &DesiredPackage, key: &RoleKey, name: &str) -> Problem {
    let what = format!("spec.resourceRoles: role {name} was handed out and is not named any more");
    if key.is_of_site() && !desired.site_roles_are_told {
        return Problem::new(
            Reason::OutcomeUnknown,
            format!("{what}; Entra does not show us roles of SharePoint sites, so it counts as handed out"),
        )
        .remedy("name it again, have the other entries of spec.resourceRoles corrected, or delete this object");
    }
    Problem::new(
        Reason::OutcomeUnknown,
        format!("{what}; Entra does not show it, which may be an answer of before, so it counts as handed out"),
    )
    .remedy("it is looked at again")
}

/// What was found of the ids of role scopes: those that a read tells are kept, those of no remembered role go.
pub(super) fn scopes_found(desired: &DesiredPackage, package: &AccessPackage, base: Base<'_>) -> Vec<Memory> {
    let shown = package.resource_role_scopes.known();
    let told = shown
        .into_iter()
        .flat_map(|shown| &shown.elements)
        .filter(|scope| desired.roles.iter().any(|role| role.key() == RoleKey::of(scope)))
        .filter_map(scope_told);
    let mut found: Vec<Memory> = told.collect();
    let known: Vec<String> = remembered(base).map(|key| scope_of(&key)).collect();
    let stale = base.fields_of(SCOPES).filter(|field| {
        let is_told = found
            .iter()
            .any(|memory| matches!(memory, Memory::Note { field: told, .. } if told == field));
        !is_told && known.iter().all(|known| known != field)
    });
    let stale: Vec<Memory> = stale.map(Memory::forget).collect();
    found.extend(stale);
    found
}
