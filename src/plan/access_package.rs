//! What to do about an access package.

use std::collections::BTreeSet;

use super::{Base, Change, Difference, Drift, Held, Plan, Problem, digests, drift::Verdict};
use crate::{
    api::Reason,
    graph::{AccessPackage, AccessPackagePatch, CatalogId, NewAccessPackage, NewResourceRoleScope, ResourceRoleScope},
};

/// A package as the spec wants it, its roles resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredPackage {
    /// The catalog in Entra.
    pub catalog: CatalogId,
    /// Its name.
    pub display_name: String,
    /// Its description.
    pub description: String,
    /// Whether it is left out of lists.
    pub hidden: bool,
    /// The roles that it hands out.
    pub roles: Vec<DesiredRole>,
    /// Roles of the spec that could not be resolved: while there is one, nothing is removed.
    pub unresolved: Vec<Problem>,
}

/// One role that a package hands out.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredRole {
    /// Name of the resource in the Catalog.
    pub resource: String,
    /// The role as the spec names it.
    pub role: String,
    /// What is sent to add it.
    pub role_scope: NewResourceRoleScope,
}

impl DesiredRole {
    fn name(&self) -> String {
        format!("{}/{}", self.resource, self.role)
    }

    fn key(&self) -> RoleKey {
        RoleKey::new(&self.role_scope.role.origin_id, &self.role_scope.scope.origin_id)
    }

    /// The role scope of the package that is this role, where the package has it.
    #[must_use]
    pub fn find_in<'a>(&self, observed: &'a [ResourceRoleScope]) -> Option<&'a ResourceRoleScope> {
        observed.iter().find(|role_scope| RoleKey::of(role_scope) == self.key())
    }
}

/// What makes two role scopes the same: the origin ids of role and scope. Their own ids may be absent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RoleKey(String, String);

impl RoleKey {
    fn new(role: &str, scope: &str) -> Self {
        Self(role.to_lowercase(), scope.to_lowercase())
    }

    fn of(role_scope: &ResourceRoleScope) -> Self {
        Self::new(&role_scope.role.origin_id, &role_scope.scope.origin_id)
    }

    fn field(&self) -> String {
        format!("resourceRoles[{} in {}]", self.0, self.1)
    }
}

/// What the operator found.
#[derive(Clone, Debug, PartialEq)]
pub enum ObservedPackage {
    /// Never made, never taken over.
    Unborn,
    /// It was ours and is gone.
    Gone {
        /// The id that it had.
        id: String,
    },
    /// It is there.
    Present(Box<AccessPackage>),
}

/// The plan for one package.
#[must_use]
pub fn plan(desired: &DesiredPackage, observed: &ObservedPackage, base: Base<'_>, drift: Drift) -> Plan {
    match observed {
        ObservedPackage::Unborn => create(desired),
        ObservedPackage::Gone { .. } if drift.recreates() => create(desired),
        ObservedPackage::Gone { id } => Plan {
            held: vec![Held {
                what: format!("access package {:?} ({id})", desired.display_name),
                reason: Reason::DeletedInEntra,
            }],
            ..Plan::default()
        },
        ObservedPackage::Present(package) => update(desired, package, base, drift),
    }
}

fn create(desired: &DesiredPackage) -> Plan {
    if !desired.unresolved.is_empty() {
        // Half a package helps nobody: it is made when all that it hands out is known.
        return Plan::default();
    }
    let package = NewAccessPackage {
        catalog: desired.catalog.clone(),
        display_name: desired.display_name.clone(),
        description: desired.description.clone(),
        hidden: desired.hidden,
    };
    let mut changes = vec![Change::CreateAccessPackage(package)];
    changes.extend(distinct(&desired.roles).map(add));
    Plan {
        changes,
        held: Vec::new(),
        applied: applied(desired),
    }
}

fn update(desired: &DesiredPackage, package: &AccessPackage, base: Base<'_>, drift: Drift) -> Plan {
    let mut plan = Plan {
        applied: applied(desired),
        ..Plan::default()
    };
    let mut patch = AccessPackagePatch::default();
    let mut written = Vec::new();
    let hidden = package.hidden;
    let fields = [
        (
            "displayName",
            package.display_name.clone(),
            desired.display_name.clone(),
            false,
        ),
        (
            "description",
            package.description.clone().unwrap_or_default(),
            desired.description.clone(),
            false,
        ),
        // Somebody who hides a package closes it; showing it again is for a person.
        (
            "hidden",
            hidden.to_string(),
            desired.hidden.to_string(),
            hidden && !desired.hidden,
        ),
    ];
    for (field, before, after, widens) in fields {
        if before == after {
            continue;
        }
        let is_drift = base.holds(field, &after);
        let difference = Difference {
            field: field.into(),
            before,
            after: after.clone(),
            widens,
        };
        match drift.judge(&difference, is_drift) {
            Verdict::Hold(held) => plan.held.push(held),
            Verdict::Write => {
                match field {
                    "displayName" => patch.display_name = Some(after),
                    "description" => patch.description = Some(after),
                    _ => patch.hidden = Some(desired.hidden),
                }
                written.push(difference);
            }
        }
    }
    if !written.is_empty() {
        plan.changes.push(Change::UpdateAccessPackage {
            patch,
            differences: written,
        });
    }
    plan_roles(
        desired,
        package
            .resource_role_scopes
            .known()
            .map_or(&[], |listed| &listed.elements),
        base,
        drift,
        &mut plan,
    );
    plan
}

/// Adds first, removes after, so that nobody loses a role in between that they are to keep.
fn plan_roles(desired: &DesiredPackage, observed: &[ResourceRoleScope], base: Base<'_>, drift: Drift, plan: &mut Plan) {
    for role in distinct(&desired.roles).filter(|role| role.find_in(observed).is_none()) {
        let difference = Difference {
            field: "resourceRoles".into(),
            before: "missing".into(),
            after: role.name(),
            widens: true,
        };
        match drift.judge(&difference, base.holds(&role.key().field(), "")) {
            Verdict::Write => plan.changes.push(add(role)),
            Verdict::Hold(held) => plan.held.push(held),
        }
    }
    let wanted: BTreeSet<RoleKey> = desired.roles.iter().map(DesiredRole::key).collect();
    let surplus = observed
        .iter()
        .filter(|role_scope| !wanted.contains(&RoleKey::of(role_scope)));
    for role_scope in surplus {
        let name = format!("{} of {}", role_scope.role.display_name, role_scope.scope.origin_id);
        if !desired.unresolved.is_empty() {
            // The surplus role may be the very one that does not resolve.
            continue;
        }
        let difference = Difference {
            field: "resourceRoles".into(),
            before: name.clone(),
            after: "removed".into(),
            widens: false,
        };
        // A role that we applied and that the spec no longer lists was removed by the spec; any other came from outside.
        let is_drift = base.is_known() && !base.holds(&RoleKey::of(role_scope).field(), "");
        match drift.judge(&difference, is_drift) {
            Verdict::Write => plan.changes.push(Change::RemoveResourceRole {
                name,
                id: role_scope.id.clone(),
            }),
            Verdict::Hold(held) => plan.held.push(held),
        }
    }
}

/// Each role once: a value and a display name may mean the same.
fn distinct(roles: &[DesiredRole]) -> impl Iterator<Item = &DesiredRole> {
    let mut seen = BTreeSet::new();
    roles.iter().filter(move |role| seen.insert(role.key()))
}

fn add(role: &DesiredRole) -> Change {
    Change::AddResourceRole {
        name: role.name(),
        role_scope: Box::new(role.role_scope.clone()),
    }
}

fn applied(desired: &DesiredPackage) -> crate::api::Applied {
    let hidden = desired.hidden.to_string();
    let fields = [
        ("displayName".to_owned(), desired.display_name.as_str()),
        ("description".to_owned(), desired.description.as_str()),
        ("hidden".to_owned(), hidden.as_str()),
    ];
    digests(
        fields
            .into_iter()
            .chain(desired.roles.iter().map(|role| (role.key().field(), ""))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Applied, DriftPolicy},
        graph::{OriginSystem, ResourceRole, ResourceScope},
    };

    const CAUTIOUS: Drift = Drift {
        policy: DriftPolicy::Cautious,
        requested: false,
    };

    fn role(resource: &str, origin: &str) -> DesiredRole {
        let role_scope = NewResourceRoleScope {
            role: ResourceRole {
                id: None,
                display_name: "Member".into(),
                origin_id: format!("Member_{origin}"),
                origin_system: OriginSystem::AadGroup,
            },
            scope: ResourceScope {
                id: None,
                display_name: "Root".into(),
                origin_id: origin.into(),
                origin_system: OriginSystem::AadGroup,
                is_root: true,
            },
            resource: (format!("resource-{origin}").into(), origin.into()),
        };
        DesiredRole {
            resource: resource.into(),
            role: "Member".into(),
            role_scope,
        }
    }

    fn desired(roles: Vec<DesiredRole>) -> DesiredPackage {
        DesiredPackage {
            catalog: "catalog".into(),
            display_name: "Marketing".into(),
            description: "words".into(),
            hidden: false,
            roles,
            unresolved: Vec::new(),
        }
    }

    fn as_observed(desired: &DesiredPackage) -> AccessPackage {
        AccessPackage {
            id: "package".into(),
            display_name: desired.display_name.clone(),
            description: Some(desired.description.clone()),
            hidden: desired.hidden,
            created: None,
            catalog: Some(desired.catalog.clone()),
            resource_role_scopes: crate::graph::Read::Read(crate::graph::Listed::of(
                desired
                    .roles
                    .iter()
                    .map(|role| ResourceRoleScope {
                        id: format!("{}_scope", role.role_scope.role.origin_id).into(),
                        role: role.role_scope.role.clone(),
                        scope: role.role_scope.scope.clone(),
                    })
                    .collect(),
            )),
            policies: crate::graph::Read::Read(crate::graph::Listed::default()),
        }
    }

    fn plan_for(desired: &DesiredPackage, observed: AccessPackage, applied: &Applied, drift: Drift) -> Plan {
        plan(
            desired,
            &ObservedPackage::Present(Box::new(observed)),
            Base::of(Some(applied)),
            drift,
        )
    }

    #[test]
    fn nothing_is_written_where_nothing_differs_whatever_the_case_of_ids() {
        let desired = desired(vec![role("group", "ABC")]);
        let mut observed = as_observed(&desired);
        for role_scope in &mut observed.resource_role_scopes.known_mut().unwrap().elements {
            role_scope.role.origin_id = role_scope.role.origin_id.to_uppercase();
        }
        let plan = plan_for(&desired, observed, &applied(&desired), CAUTIOUS);
        assert!(plan.is_empty() && plan.held.is_empty(), "{plan:?}");
    }

    #[test]
    fn a_description_changed_in_the_portal_is_put_back_in_one_change() {
        let desired = desired(vec![]);
        let mut observed = as_observed(&desired);
        observed.description = Some("portal".into());
        let plan = plan_for(&desired, observed, &applied(&desired), CAUTIOUS);
        assert_eq!(plan.changes.len(), 1);
        assert_eq!(plan.changes[0].to_string(), "change description: portal -> words");
    }

    #[test]
    fn a_role_removed_in_the_portal_is_not_handed_out_again_by_itself() {
        let desired = desired(vec![role("group", "abc")]);
        let mut observed = as_observed(&desired);
        observed.resource_role_scopes = crate::graph::Read::Read(crate::graph::Listed::default());
        let held = plan_for(&desired, observed.clone(), &applied(&desired), CAUTIOUS);
        assert!(held.is_empty());
        assert_eq!(held.held[0].reason, Reason::DriftHeld);
        let requested = Drift {
            requested: true,
            ..CAUTIOUS
        };
        assert_eq!(
            plan_for(&desired, observed, &applied(&desired), requested)
                .changes
                .len(),
            1
        );
    }

    #[test]
    fn a_role_that_the_spec_drops_is_removed_after_the_new_one_is_added() {
        let before = desired(vec![role("old", "old")]);
        let after = desired(vec![role("new", "new")]);
        let plan = plan_for(&after, as_observed(&before), &applied(&before), CAUTIOUS);
        let words: Vec<String> = plan.changes.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["add role new/Member", "remove role Member of old"]);
    }

    #[test]
    fn one_unresolved_role_blocks_every_removal() {
        let before = desired(vec![role("old", "old")]);
        let mut after = desired(vec![role("new", "new")]);
        after.unresolved = vec![Problem::new(Reason::RoleNotFound, "no such role")];
        let plan = plan_for(&after, as_observed(&before), &applied(&before), CAUTIOUS);
        assert_eq!(plan.changes.len(), 1, "{plan:?}");
    }

    #[test]
    fn a_role_that_is_spelled_twice_is_added_once() {
        let desired = desired(vec![role("group", "abc"), role("same-group", "ABC")]);
        assert_eq!(
            plan(&desired, &ObservedPackage::Unborn, Base::none(), CAUTIOUS)
                .changes
                .len(),
            2
        );
    }

    #[test]
    fn a_package_is_not_made_by_halves() {
        let mut desired = desired(vec![role("group", "abc")]);
        desired.unresolved = vec![Problem::new(Reason::ResourceNotReady, "on its way")];
        assert!(plan(&desired, &ObservedPackage::Unborn, Base::none(), CAUTIOUS).is_empty());
    }

    #[test]
    fn a_deleted_package_is_reported_and_made_anew_on_request() {
        let desired = desired(vec![role("group", "abc")]);
        let gone = ObservedPackage::Gone { id: "package".into() };
        let reported = plan(&desired, &gone, Base::none(), CAUTIOUS);
        assert!(reported.is_empty());
        assert_eq!(reported.held[0].reason, Reason::DeletedInEntra);
        let anew = plan(
            &desired,
            &gone,
            Base::none(),
            Drift {
                requested: true,
                ..CAUTIOUS
            },
        );
        assert_eq!(anew.changes.len(), 2);
    }
}
