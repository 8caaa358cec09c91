use super::*;
use crate::graph::Unreadable;

fn words<A: std::fmt::Display>(plan: &Plan<A>) -> Vec<String> {
    plan.steps.iter().map(|step| step.act.to_string()).collect()
}

fn assignment(id: &str, policy: Option<&str>, state: AssignmentState) -> Assignment {
    Assignment {
        id: id.into(),
        state,
        policy: policy.map(Into::into),
        target: None,
        schedule: None,
    }
}

fn close() -> PackageAct {
    PackageAct::Close {
        id: "p".into(),
        name: "P".into(),
    }
}

fn leaving(holders: Option<&Listed<Assignment>>, method: DeletionPolicy) -> Leaving<'_, PackageAct> {
    Leaving {
        open: Vec::new(),
        holders,
        policy: None,
        method,
        asked: &|_| false,
        deletes: vec![PackageAct::Delete { name: "A".into() }],
    }
}

fn planned(leaving: Leaving<'_, PackageAct>) -> (Vec<String>, Vec<String>, Next) {
    let (plan, next) = plan(leaving, PackageAct::RemoveAssignments);
    let held = plan
        .held
        .iter()
        .map(|(_, hold)| hold.problem("", "").message())
        .collect();
    (words(&plan), held, next)
}

#[test]
fn the_doors_are_shut_before_anybody_asks_who_holds_it() {
    let leaving = Leaving {
        open: vec![(close(), Holders::Untouched)],
        ..leaving(None, DeletionPolicy::Delete)
    };
    let (steps, held, next) = planned(leaving);
    assert_eq!(steps, ["shut assignment policy \"P\" (p) for new requests"]);
    assert!(held.is_empty());
    assert_eq!(next, Next::ReadHolders);
}

#[test]
fn while_somebody_holds_it_nothing_is_deleted_and_the_number_is_told() {
    let holders = Listed::of(vec![assignment("1", Some("p"), AssignmentState::Delivered)]);
    let (steps, held, next) = planned(leaving(Some(&holders), DeletionPolicy::Delete));
    assert!(steps.is_empty());
    assert!(held[0].starts_with("1 people still hold access"), "{held:?}");
    assert_eq!(next, Next::Wait);
}

#[test]
fn an_assignment_that_cannot_be_read_is_held_by_somebody() {
    let holders = Listed {
        elements: Vec::new(),
        unreadable: vec![Unreadable {
            id: None,
            display_name: None,
            why: "newer".into(),
        }],
    };
    assert_eq!(planned(leaving(Some(&holders), DeletionPolicy::Delete)).2, Next::Wait);
}

#[test]
fn taking_away_spares_those_who_came_in_by_another_policy_and_those_of_whom_nobody_knows() {
    let holders = Listed::of(vec![
        assignment("mine", Some("p"), AssignmentState::Delivered),
        assignment("other", Some("q"), AssignmentState::Delivered),
        assignment("untold", None, AssignmentState::Delivered),
    ]);
    let policy = PolicyId::from("p");
    let leaving = Leaving {
        policy: Some(&policy),
        ..leaving(Some(&holders), DeletionPolicy::DeleteWithAssignments)
    };
    let (steps, held, _) = planned(leaving);
    assert_eq!(steps, ["take away the access of assignment mine"]);
    assert!(held[0].starts_with("2 people"), "{held:?}");
}

#[test]
fn what_was_asked_for_is_asked_once_and_a_visit_takes_a_few_at_a_time() {
    let many: Vec<Assignment> = (0..300)
        .map(|index| assignment(&index.to_string(), Some("p"), AssignmentState::Delivered))
        .collect();
    let holders = Listed::of(many);
    let leaving = Leaving {
        asked: &|id: &AssignmentId| id.as_str().len() < 3,
        ..leaving(Some(&holders), DeletionPolicy::DeleteWithAssignments)
    };
    let (plan, _) = plan(leaving, PackageAct::RemoveAssignments);
    let [step] = plan.steps.as_slice() else {
        panic!("{plan:?}")
    };
    let PackageAct::RemoveAssignments(removals) = &step.act else {
        panic!("{step:?}")
    };
    assert_eq!(removals.len(), AT_A_TIME);
    assert!(
        removals.iter().all(|removal| removal.id.as_str().len() == 3),
        "{removals:?}"
    );
    assert_eq!(
        step.act.to_string(),
        "take away the access of assignment 100, assignment 101, assignment 102 and 97 more"
    );
}

#[test]
fn what_cannot_be_read_of_a_package_that_goes_is_taken_away_by_its_id_and_of_a_policy_it_stays() {
    let holders = || Listed {
        elements: Vec::new(),
        unreadable: vec![Unreadable {
            id: Some("hidden".into()),
            display_name: None,
            why: "newer".into(),
        }],
    };
    let holders = holders();
    let whole = leaving(Some(&holders), DeletionPolicy::DeleteWithAssignments);
    assert_eq!(
        planned(whole).0,
        ["take away the access of assignment hidden, which cannot be read"]
    );
    let policy = PolicyId::from("p");
    let one = Leaving {
        policy: Some(&policy),
        ..leaving(Some(&holders), DeletionPolicy::DeleteWithAssignments)
    };
    let (steps, _, next) = planned(one);
    assert!(steps.is_empty(), "it may be of another policy: {steps:?}");
    assert_eq!(next, Next::Wait);
}

#[test]
fn who_still_holds_it_is_told_in_the_same_order_whatever_the_service_s() {
    let of = |names: [&str; 4]| {
        let held = names.map(|name| Assignment {
            target: Some(crate::graph::AssignmentTarget {
                display_name: Some(name.into()),
                ..crate::graph::AssignmentTarget::default()
            }),
            ..assignment(name, Some("p"), AssignmentState::Delivered)
        });
        let holders = Listed::of(held.to_vec());
        planned(leaving(Some(&holders), DeletionPolicy::DeleteWithAssignments))
    };
    assert_eq!(of(["dora", "ann", "carl", "bob"]), of(["bob", "carl", "dora", "ann"]));
}

#[test]
fn what_nobody_holds_goes() {
    let holders = Listed::default();
    let (steps, _, next) = planned(leaving(Some(&holders), DeletionPolicy::Delete));
    assert_eq!(steps, ["delete access package \"A\""]);
    assert_eq!(next, Next::Done);
}
