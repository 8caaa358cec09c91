use super::*;
use crate::{
    api::{Applied, DriftPolicy},
    graph::{Incompatible, Listed, ResourceRole, ResourceScope},
    plan::{Base, Drift, Waits},
};

#[test]
fn a_site_s_role_that_no_package_shows_is_there_and_one_that_others_show_is_drift() {
    let mut site = role("site", "https://contoso.sharepoint.com/sites/a");
    site.role_scope.scope.origin_system = OriginSystem::SharePointOnline;
    let mut desired = desired(vec![site, role("group", "g")]);
    let made = plan(&desired, &Found::Unborn, &rules_of(Base::none()));
    let memories: Vec<Memory> = made.steps.iter().flat_map(|step| step.memories.clone()).collect();
    let applied = crate::plan::applied(&memories);
    let mut observed = as_observed(&desired);
    if let Some(scopes) = observed.resource_role_scopes.known_mut() {
        scopes.elements.clear();
    }
    let found = Found::Present(Box::new(observed));
    let told = plan(&desired, &found, &rules_of(Base::of(Some(&applied))));
    assert_eq!((told.steps.len(), told.held.len()), (0, 2));
    desired.site_roles_are_told = false;
    let untold = plan(&desired, &found, &rules_of(Base::of(Some(&applied))));
    assert_eq!((untold.steps.len(), untold.held.len()), (0, 1), "{untold:?}");
    let forgotten = |desired: &DesiredPackage| {
        let plan = plan(desired, &found, &rules_of(Base::of(Some(&applied))));
        let forgets = |memory: &Memory| matches!(memory, Memory::Forget { .. });
        plan.found.iter().filter(|memory| forgets(memory)).count()
    };
    let mut dropped = desired.clone();
    dropped.roles.clear();
    assert_eq!(
        forgotten(&dropped),
        1,
        "the group's alone: the site's stays ours to remove"
    );
    dropped.site_roles_are_told = true;
    assert_eq!(forgotten(&dropped), 2);
    // One that was never handed out is.
    let first = plan(&desired, &found, &rules_of(Base::none()));
    assert_eq!(first.steps.len(), 2);
}

fn rules_of(base: Base<'_>) -> Rules<'_> {
    Rules {
        base,
        drift: CAUTIOUS,
        limit: None,
        confirmed: true,
        waits: Waits::NONE,
    }
}

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
        offered: roles.iter().map(DesiredRole::key).collect(),
        roles,
        unresolved: Vec::new(),
        incompatible: DesiredIncompatible::default(),
        site_roles_are_told: true,
        reads_may_be_late: false,
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
        resource_role_scopes: Read::Read(Listed::of(
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
        policies: Read::Read(Listed::default()),
        incompatible_packages: Read::Read(fences(desired, IncompatibleKind::AccessPackage)),
        incompatible_groups: Read::Read(fences(desired, IncompatibleKind::Group)),
    }
}

fn fences(desired: &DesiredPackage, kind: IncompatibleKind) -> Listed<Incompatible> {
    let named = desired.incompatible.named.iter().flatten();
    let of_kind = named.filter(|named| named.kind == kind);
    Listed::of(of_kind.map(|named| fence(named.id.as_str())).collect())
}

fn fence(id: &str) -> Incompatible {
    Incompatible {
        id: id.into(),
        display_name: "Other".into(),
    }
}

fn named(kind: IncompatibleKind, id: &str) -> Named {
    Named {
        reference: format!("other {id}"),
        kind,
        id: id.into(),
    }
}

/// What is remembered after this was made.
fn applied(desired: &DesiredPackage) -> Applied {
    let made = plan(desired, &Found::Unborn, &rules(Base::none(), CAUTIOUS));
    let memories: Vec<Memory> = made.steps.into_iter().flat_map(|step| step.memories).collect();
    crate::plan::applied(&memories)
}

fn rules(base: Base<'_>, drift: Drift) -> Rules<'_> {
    Rules {
        base,
        drift,
        limit: None,
        confirmed: true,
        waits: Waits::NONE,
    }
}

fn plan_for(desired: &DesiredPackage, observed: AccessPackage, applied: &Applied, drift: Drift) -> Plan<PackageAct> {
    plan(
        desired,
        &Found::Present(Box::new(observed)),
        &rules(Base::of(Some(applied)), drift),
    )
}

fn words(plan: &Plan<PackageAct>) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_is_written_where_nothing_differs_whatever_the_case_of_ids() {
    let desired = desired(vec![role("group", "ABC")]);
    let mut observed = as_observed(&desired);
    for role_scope in &mut observed.resource_role_scopes.known_mut().unwrap().elements {
        role_scope.role.origin_id = role_scope.role.origin_id.to_uppercase();
    }
    let plan = plan_for(&desired, observed, &applied(&desired), CAUTIOUS);
    assert!(plan.is_quiet(), "{plan:?}");
}

#[test]
fn a_description_changed_in_the_portal_is_put_back_in_one_change() {
    let desired = desired(vec![]);
    let mut observed = as_observed(&desired);
    observed.description = Some("portal".into());
    let plan = plan_for(&desired, observed, &applied(&desired), CAUTIOUS);
    assert_eq!(words(&plan), ["change description: portal -> words"]);
}

#[test]
fn a_role_removed_in_the_portal_is_not_handed_out_again_by_itself() {
    let desired = desired(vec![role("group", "abc")]);
    let mut observed = as_observed(&desired);
    observed.resource_role_scopes = Read::Read(Listed::default());
    let held = plan_for(&desired, observed.clone(), &applied(&desired), CAUTIOUS);
    assert!(held.steps.is_empty());
    assert_eq!(held.held[0].1, Hold::Drift);
    let requested = Drift {
        requested: true,
        ..CAUTIOUS
    };
    assert_eq!(
        plan_for(&desired, observed, &applied(&desired), requested).steps.len(),
        1
    );
}

#[test]
fn a_role_that_the_spec_drops_is_removed_after_the_new_one_is_added() {
    let before = desired(vec![role("old", "old")]);
    let after = desired(vec![role("new", "new")]);
    let plan = plan_for(&after, as_observed(&before), &applied(&before), CAUTIOUS);
    let acts: Vec<String> = plan.steps.iter().map(|step| step.act.to_string()).collect();
    assert_eq!(acts, ["add role new/Member", "remove role Member of old"]);
}

#[test]
fn one_unresolved_role_blocks_every_removal() {
    let before = desired(vec![role("old", "old")]);
    let mut after = desired(vec![role("new", "new")]);
    after.unresolved = vec![Problem::new(Reason::RoleNotFound, "no such role")];
    let plan = plan_for(&after, as_observed(&before), &applied(&before), CAUTIOUS);
    assert_eq!(plan.steps.len(), 1, "{plan:?}");
}

#[test]
fn a_role_that_is_spelled_twice_is_added_once() {
    let desired = desired(vec![role("group", "abc"), role("same-group", "ABC")]);
    assert_eq!(
        plan(&desired, &Found::Unborn, &rules(Base::none(), CAUTIOUS))
            .steps
            .len(),
        2
    );
}

#[test]
fn a_package_is_not_made_by_halves() {
    let mut desired = desired(vec![role("group", "abc")]);
    desired.unresolved = vec![Problem::new(Reason::ResourceNotReady, "on its way")];
    assert!(plan(&desired, &Found::Unborn, &rules(Base::none(), CAUTIOUS)).is_quiet());
}

#[test]
fn a_deleted_package_is_reported_and_made_anew_on_request() {
    let desired = desired(vec![role("group", "abc")]);
    let gone = Found::Gone { id: "package".into() };
    let reported = plan(&desired, &gone, &rules(Base::none(), CAUTIOUS));
    assert!(reported.steps.is_empty());
    assert_eq!(
        reported.held[0].1,
        Hold::DeletedInEntra {
            what: "access package \"Marketing\" (package)".into()
        }
    );
    let asked = Drift {
        requested: true,
        ..CAUTIOUS
    };
    assert_eq!(plan(&desired, &gone, &rules(Base::none(), asked)).steps.len(), 2);
}

#[test]
fn what_a_former_package_had_is_no_drift_of_the_one_that_is_made_anew() {
    let desired = desired(vec![role("group", "abc")]);
    let before = applied(&desired);
    let asked = Drift {
        requested: true,
        ..CAUTIOUS
    };
    let gone = Found::Gone { id: "package".into() };
    let plan = plan(&desired, &gone, &rules(Base::of(Some(&before)), asked));
    assert!(
        plan.steps
            .iter()
            .flat_map(|step| &step.differences)
            .all(|difference| difference.cause == Cause::Spec)
    );
}

#[test]
fn a_role_without_words_is_not_stripped_by_taking_over_and_one_that_came_later_is() {
    let desired = desired(vec![role("group", "abc")]);
    let mut observed = as_observed(&desired);
    let mut eligible = as_observed(&desired).resource_role_scopes.known().unwrap().elements[0].clone();
    eligible.role.origin_id = "EligibleMember_abc".into();
    eligible.role.display_name = "Eligible Member".into();
    observed
        .resource_role_scopes
        .known_mut()
        .unwrap()
        .elements
        .push(eligible);

    let over = plan(
        &desired,
        &Found::Present(Box::new(observed.clone())),
        &rules(Base::none(), CAUTIOUS),
    );
    assert!(over.steps.is_empty(), "{over:?}");
    assert!(matches!(over.held[0].1, Hold::UnmanagedSettings(_)));

    let remembered = crate::plan::applied(&over.found);
    let later = plan_for(&desired, observed.clone(), &remembered, CAUTIOUS);
    assert!(later.steps.is_empty(), "still not ours: {later:?}");

    let came_later = plan_for(&desired, observed, &applied(&desired), CAUTIOUS);
    assert_eq!(came_later.steps.len(), 1);
}

#[test]
fn where_no_grant_allows_it_nothing_is_handed_out_and_what_narrows_goes_ahead() {
    let before = desired(vec![role("old", "old")]);
    let mut after = desired(vec![role("new", "new")]);
    after.hidden = true;
    let limit = Problem::new(Reason::LimitExceeded, "no grant");
    let applied = applied(&before);
    let limited = Rules {
        limit: Some(&limit),
        ..rules(Base::of(Some(&applied)), CAUTIOUS)
    };
    let plan = plan(&after, &Found::Present(Box::new(as_observed(&before))), &limited);
    let acts: Vec<String> = plan.steps.iter().map(|step| step.act.to_string()).collect();
    assert_eq!(acts, ["change", "remove role Member of old"]);
    assert_eq!(plan.held.len(), 1);
}

#[test]
fn roles_that_were_not_read_are_not_none() {
    let desired = desired(vec![role("group", "abc")]);
    let mut observed = as_observed(&desired);
    observed.resource_role_scopes = Read::Unread;
    assert!(
        plan_for(&desired, observed, &applied(&desired), CAUTIOUS)
            .steps
            .is_empty()
    );
}

/// A package with a role of a site, of which no package shows us any, and what is remembered of it; `told` is what the answer
/// told when the role was handed out.
fn with_hidden_site(told: Option<&str>) -> (DesiredPackage, AccessPackage, Applied) {
    let mut site = role("site", "https://contoso.sharepoint.com/sites/a");
    site.role_scope.scope.origin_system = OriginSystem::SharePointOnline;
    let mut desired = desired(vec![site, role("group", "g")]);
    desired.site_roles_are_told = false;
    let mut memories: Vec<Memory> = plan(&desired, &Found::Unborn, &rules_of(Base::none()))
        .steps
        .iter()
        .flat_map(|step| step.memories.clone())
        .collect();
    let mut observed = as_observed(&desired);
    let scopes = observed.resource_role_scopes.known_mut().unwrap();
    memories.extend(told.and_then(|id| {
        scope_told(&ResourceRoleScope {
            id: id.into(),
            ..scopes.elements[0].clone()
        })
    }));
    scopes.elements.remove(0);
    (desired, observed, crate::plan::applied(&memories))
}

#[test]
fn a_hidden_role_that_the_spec_drops_is_taken_out_by_the_id_that_was_told_for_it() {
    let (mut desired, observed, applied) = with_hidden_site(Some("scope-of-the-site"));
    let kept = plan_for(&desired, observed.clone(), &applied, CAUTIOUS);
    assert_eq!((kept.steps.len(), kept.held.len()), (0, 0), "{kept:?}");
    desired.roles.remove(0);
    let dropped = plan_for(&desired, observed.clone(), &applied, CAUTIOUS);
    let [step] = dropped.steps.as_slice() else {
        panic!("{dropped:?}")
    };
    assert!(
        matches!(&step.act, PackageAct::RemoveRole { id, .. } if id.as_str() == "scope-of-the-site"),
        "{step:?}"
    );
    let mut after = applied;
    step.memories.iter().for_each(|memory| memory.enter(&mut after));
    assert!(plan_for(&desired, observed, &after, CAUTIOUS).is_quiet());
    assert_eq!(remembered(Base::of(Some(&after))).count(), 1, "the group's");
}

#[test]
fn a_package_that_owes_a_removal_that_nobody_can_make_is_not_ready() {
    let (mut desired, observed, applied) = with_hidden_site(None);
    desired.roles.remove(0);
    let owes = plan_for(&desired, observed, &applied, CAUTIOUS);
    assert_eq!(owes.steps, []);
    let said = owes.obstacle("").unwrap();
    assert_eq!(said.reason, Reason::OutcomeUnknown);
    assert!(
        said.message().contains("was handed out and is not named any more"),
        "{}",
        said.message()
    );
    let forgets = |memory: &Memory| matches!(memory, Memory::Forget { field } if field.contains("https://"));
    assert!(!owes.found.iter().any(forgets));
}

#[test]
fn what_late_reads_do_not_show_stays_remembered_and_keeps_the_package_from_being_ready() {
    let mut desired = desired(vec![role("crm", "c"), role("group", "g")]);
    let applied = applied(&desired);
    desired.roles.remove(0);
    let observed = as_observed(&desired);
    desired.reads_may_be_late = true;
    let late = plan_for(&desired, observed.clone(), &applied, CAUTIOUS);
    assert_eq!(
        late.obstacle("").map(|problem| problem.reason),
        Some(Reason::OutcomeUnknown)
    );
    assert!(!late.found.iter().any(|memory| matches!(memory, Memory::Forget { .. })));
    desired.reads_may_be_late = false;
    let settled = plan_for(&desired, observed, &applied, CAUTIOUS);
    assert!(settled.is_quiet());
    assert!(
        settled
            .found
            .iter()
            .any(|memory| matches!(memory, Memory::Forget { .. }))
    );
}

/// A package that the holders of another and the members of a group cannot request.
fn apart() -> DesiredPackage {
    let mut desired = desired(vec![role("group", "g")]);
    desired.incompatible.named = Some(vec![
        named(IncompatibleKind::AccessPackage, "P"),
        named(IncompatibleKind::Group, "G"),
    ]);
    desired
}

#[test]
fn whoever_is_to_be_kept_out_is_kept_out_before_anything_is_handed_out() {
    let made = plan(&apart(), &Found::Unborn, &rules_of(Base::none()));
    assert_eq!(
        words(&made),
        [
            "create access package \"Marketing\"",
            "make it incompatible with other P",
            "make it incompatible with other G",
            "add role group/Member",
        ]
    );
    let quiet = plan_for(&apart(), as_observed(&apart()), &applied(&apart()), CAUTIOUS);
    assert!(quiet.is_quiet(), "{quiet:?}");
}

#[test]
fn one_that_leaves_the_spec_is_let_in_last_and_one_taken_away_by_hand_is_put_back() {
    let mut less = apart();
    less.incompatible.named = Some(vec![named(IncompatibleKind::Group, "G")]);
    less.roles.push(role("other", "o"));
    let dropped = plan_for(&less, as_observed(&apart()), &applied(&apart()), CAUTIOUS);
    assert_eq!(
        words(&dropped),
        ["add role other/Member", "make it compatible with \"Other\" (P) again"]
    );
    let mut opened = as_observed(&apart());
    opened.incompatible_packages = Read::Read(Listed::default());
    let put_back = plan_for(&apart(), opened, &applied(&apart()), CAUTIOUS);
    assert_eq!(words(&put_back), ["make it incompatible with other P"]);
    assert!(put_back.sees_drift());
}

#[test]
fn what_others_have_set_up_stays_where_the_spec_says_nothing_and_is_held_where_it_does() {
    let mut silent = apart();
    silent.incompatible.named = None;
    let mut observed = as_observed(&apart());
    if let Some(groups) = observed.incompatible_groups.known_mut() {
        groups.elements.push(fence("by-hand"));
    }
    let never = plan_for(&silent, observed.clone(), &applied(&silent), CAUTIOUS);
    assert!(never.is_quiet(), "{never:?}");
    // What was added for a spec that said so goes with its words.
    let once = plan_for(&silent, observed.clone(), &applied(&apart()), CAUTIOUS);
    assert_eq!(
        words(&once),
        [
            "make it compatible with \"Other\" (G) again",
            "make it compatible with \"Other\" (P) again"
        ]
    );
    let exact = plan_for(&apart(), observed, &applied(&apart()), CAUTIOUS);
    assert!(exact.steps.is_empty(), "{exact:?}");
    assert!(matches!(exact.held.as_slice(), [(_, Hold::Drift)]), "{exact:?}");
}

#[test]
fn nobody_is_let_in_while_a_reference_does_not_resolve_and_nothing_is_decided_on_what_was_not_read() {
    let mut less = apart();
    less.incompatible.named = Some(Vec::new());
    less.incompatible.unresolved = vec![Problem::new(Reason::AccessPackageNotReady, "not there yet")];
    let waits = plan_for(&less, as_observed(&apart()), &applied(&apart()), CAUTIOUS);
    assert!(waits.is_quiet(), "{waits:?}");
    let mut unread = as_observed(&apart());
    unread.incompatible_groups = Read::Unread;
    let open = plan_for(&apart(), unread, &applied(&apart()), CAUTIOUS);
    assert!(open.is_open && open.steps.is_empty(), "{open:?}");
    assert!(open.obstacle("").is_some(), "it is not Ready while nobody knows");
}

#[test]
fn what_an_earlier_process_added_and_reads_may_hide_is_taken_away_all_the_same() {
    let mut less = apart();
    less.incompatible.named = Some(vec![named(IncompatibleKind::Group, "G")]);
    let mut observed = as_observed(&apart());
    observed.incompatible_packages = Read::Read(Listed::default());
    let shown = plan_for(&less, observed.clone(), &applied(&apart()), CAUTIOUS);
    assert!(shown.is_quiet(), "{shown:?}");
    less.reads_may_be_late = true;
    let late = plan_for(&less, observed, &applied(&apart()), CAUTIOUS);
    assert_eq!(words(&late), ["make it compatible with package p again"]);
}
