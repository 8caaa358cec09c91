//! How an object goes: a plan with nothing desired.
//!
//! | what is there | who holds it | asked to take access away | plan |
//! |---|---|---|---|
//! | a policy that lets somebody in | any | any | shut it, and look again |
//! | all shut | not read | any | read who holds it |
//! | all shut | somebody | no | wait, and say how many |
//! | all shut | somebody | yes | take it away from those who came in by what goes, wait |
//! | all shut | nobody | any | delete |
//!
//! Roles and incompatibilities are never removed on the way: they go with the package, and removing them would cut access
//! that a refused deletion would leave cut.

use super::{
    Act, Door, Hold, Holders, Plan, Problem, Stake, Step, Waits, access_package::PackageAct,
    assignment_policy::PolicyAct,
};
use crate::{
    api::{DeletionPolicy, Reason},
    graph::{AccessPackage, Assignment, AssignmentId, AssignmentPolicy, AssignmentState, Listed, PolicyId, Read},
};

/// How many people's access one visit takes away: the next goes on, so that a visit ends.
const AT_A_TIME: usize = 100;
/// How many of them are told by name.
const NAMED: usize = 3;

/// Somebody's access that is taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The assignment.
    pub id: AssignmentId,
    /// Who has it.
    pub who: String,
}

/// Whose access is taken away.
#[must_use]
pub fn words(removals: &[Removal]) -> String {
    let mut names: Vec<&str> = removals.iter().map(|removal| removal.who.as_str()).collect();
    // The service lists them in no order.
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    format!("take away the access of {}{more}", names.join(", "))
}

/// What a departure has to look at.
pub struct Leaving<'a, A> {
    /// What shuts the doors that are open, each with what that does to people.
    pub open: Vec<(A, Holders)>,
    /// Who holds it: read once every door is shut.
    pub holders: Option<&'a Listed<Assignment>>,
    /// The policy that goes, where not everything does: those who came in by another stay.
    pub policy: Option<&'a PolicyId>,
    /// How it goes.
    pub method: DeletionPolicy,
    /// Assignments whose removal was asked for already.
    pub asked: &'a dyn Fn(&AssignmentId) -> bool,
    /// What deletes it, in order.
    pub deletes: Vec<A>,
}

/// What the next look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Everything is done once the plan is.
    Done,
    /// Who holds it has to be read, after the plan.
    ReadHolders,
    /// Nothing more can be done by this visit.
    Wait,
}

/// The plan, and what comes after it.
#[must_use]
pub fn plan<A: Act>(leaving: Leaving<'_, A>, take_away: impl Fn(Vec<Removal>) -> A) -> (Plan<A>, Next) {
    let Leaving {
        open,
        holders,
        policy,
        method,
        asked,
        deletes,
    } = leaving;
    let narrowing = |act| Step::new(act, Stake::door(Door::Narrows));
    if !open.is_empty() {
        let shut = open
            .into_iter()
            .map(|(act, holders)| Step::new(act, Stake::door(Door::Narrows).holders(holders)));
        return (Plan::of(shut.collect()), Next::ReadHolders);
    }
    let Some(holders) = holders else {
        return (Plan::default(), Next::ReadHolders);
    };
    // One whose policy is not told, and one that cannot be read, may be of this policy.
    let concerns = |assignment: &&Assignment| match (policy, &assignment.policy) {
        (Some(policy), Some(of)) => of == policy,
        (Some(_), None) | (None, _) => true,
    };
    let live: Vec<&Assignment> = holders.elements.iter().filter(concerns).collect();
    let count = live.len() + holders.unreadable.len();
    if count == 0 {
        return (Plan::of(deletes.into_iter().map(narrowing).collect()), Next::Done);
    }
    let takes_away = method == DeletionPolicy::DeleteWithAssignments;
    let readable = live
        .iter()
        // What is proven to be of what goes, and of nothing else.
        .filter(|assignment| policy.is_none() || assignment.policy.is_some())
        .filter(|assignment| assignment.state != AssignmentState::Delivering)
        .map(|assignment| Removal {
            id: assignment.id.clone(),
            who: who(assignment),
        });
    // Where everything goes, what cannot be read goes too.
    let unreadable = holders.unreadable.iter().filter(|_| policy.is_none());
    let unreadable = unreadable.filter_map(|hidden| {
        let id = AssignmentId::from(hidden.id.as_deref()?);
        let who = format!("assignment {id}, which cannot be read");
        Some(Removal { id, who })
    });
    let removals: Vec<Removal> = readable
        .chain(unreadable)
        .filter(|removal| takes_away && !asked(&removal.id))
        .take(AT_A_TIME)
        .collect();
    let mut plan = Plan::default();
    if !removals.is_empty() {
        let stake = Stake::door(Door::Neutral).holders(Holders::Cuts);
        plan.steps.push(Step::new(take_away(removals), stake));
    }
    let waits = Hold::Waits(remaining(&live, count, takes_away));
    plan.held
        .extend(deletes.into_iter().map(|act| (narrowing(act), waits.clone())));
    (plan, Next::Wait)
}

/// How a package goes: its policies are shut, those of others too, since they go with it.
#[must_use]
pub fn package(
    package: &AccessPackage,
    holders: Option<&Listed<Assignment>>,
    method: DeletionPolicy,
    asked: &dyn Fn(&AssignmentId) -> bool,
) -> (Plan<PackageAct>, Next) {
    let Read::Read(policies) = &package.policies else {
        // Policies that were not read may be open.
        let waits = Hold::Waits(Problem::new(
            Reason::GraphRefused,
            "Entra answers the package without its policies, so nobody can tell whether it is shut; trying again",
        ));
        let delete = PackageAct::Delete {
            name: package.display_name.clone(),
        };
        let step = Step::new(delete, Stake::door(Door::Narrows));
        return (Plan::holding(step, waits), Next::Wait);
    };
    let readable = policies.elements.iter().map(|policy| {
        let open = policy.fields.doors().any().then(|| of_shutting(policy));
        (policy.id.clone(), policy.fields.display_name.clone(), open)
    });
    // What cannot be read may be open: it is shut by what it is, whatever that is.
    let unreadable = policies.unreadable.iter().filter_map(|policy| {
        let id = PolicyId::from(policy.id.as_deref()?);
        Some((
            id,
            policy.display_name.clone().unwrap_or_default(), // words only
            holders.is_none().then_some(Holders::Untouched),
        ))
    });
    let all: Vec<(PolicyId, String, Option<Holders>)> = readable.chain(unreadable).collect();
    let open = all
        .iter()
        .filter_map(|(id, name, open)| {
            let shut = PackageAct::Close {
                id: id.clone(),
                name: name.clone(),
            };
            Some((shut, (*open)?))
        })
        .collect();
    let mut deletes: Vec<PackageAct> = all
        .into_iter()
        .map(|(id, name, _)| PackageAct::DeletePolicy { id, name })
        .collect();
    deletes.push(PackageAct::Delete {
        name: package.display_name.clone(),
    });
    let leaving = Leaving {
        open,
        holders,
        policy: None,
        method,
        asked,
        deletes,
    };
    plan(leaving, PackageAct::RemoveAssignments)
}

/// How a policy goes; those who came in by other policies of its package keep their access.
#[must_use]
pub fn policy(
    policy: &AssignmentPolicy,
    holders: Option<&Listed<Assignment>>,
    method: DeletionPolicy,
    asked: &dyn Fn(&AssignmentId) -> bool,
) -> (Plan<PolicyAct>, Next) {
    let name = policy.fields.display_name.clone();
    let open = policy
        .fields
        .doors()
        .any()
        .then(|| (PolicyAct::Close { name: name.clone() }, of_shutting(policy)));
    let leaving = Leaving {
        open: open.into_iter().collect(),
        holders,
        policy: Some(&policy.id),
        method,
        asked,
        deletes: vec![PolicyAct::Delete { name }],
    };
    plan(leaving, PolicyAct::RemoveAssignments)
}

/// How a policy is shut that stays: no other step goes with it, since none may open it again. `rest` is what else is to be said of
/// it.
#[must_use]
pub fn shutting(policy: &AssignmentPolicy, waits: Waits, rest: Plan<PolicyAct>) -> Plan<PolicyAct> {
    let name = policy.fields.display_name.clone();
    let holders = of_shutting(policy);
    let step = Step::new(PolicyAct::Close { name }, Stake::door(Door::Narrows).holders(holders));
    let mut plan = Plan {
        steps: Vec::new(),
        ..rest
    };
    match waits.hold(holders) {
        Some(hold) => plan.held.insert(0, (step, hold)),
        None => plan.steps.push(step),
    }
    plan
}

/// What it does to people that a policy is shut. A rule that is switched off gives nobody anything any more, and may end the access
/// of those whom it has brought in.
fn of_shutting(policy: &AssignmentPolicy) -> Holders {
    let rule = policy.fields.automatic_request_settings.as_ref();
    match rule.filter(|rule| rule.assigns()) {
        Some(_) => Holders::Cuts,
        None => Holders::Untouched,
    }
}

fn who(assignment: &Assignment) -> String {
    assignment
        .target
        .as_ref()
        .map_or_else(|| format!("assignment {}", assignment.id), ToString::to_string)
}

fn remaining(live: &[&Assignment], count: usize, takes_away: bool) -> Problem {
    let mut names: Vec<String> = live
        .iter()
        .filter_map(|assignment| assignment.target.as_ref())
        .map(ToString::to_string)
        .collect();
    // The service lists them in no order; words that change say nothing new.
    names.sort();
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let shown = match (names.is_empty(), count > NAMED) {
        (true, _) => String::new(),
        (false, true) => format!(" ({shown}, …)"),
        (false, false) => format!(" ({shown})"),
    };
    let next = if takes_away {
        "their access is being taken away; the deletion goes on when it is"
    } else {
        "nobody can request it any more; the deletion goes on when their access has ended, or with deletionPolicy: DeleteWithAssignments, where the grant allows it; the annotation access.entra-operator.io/orphan=true leaves all of it in Entra at once, where the grant allows Orphan"
    };
    Problem::new(
        Reason::AssignmentsRemain,
        format!("{count} people still hold access{shown}: {next}"),
    )
}

#[cfg(test)]
mod tests;
