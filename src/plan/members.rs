//! Sets of members: the roles of a package, the resources of a catalog. Which way adding and removing move the door,
//! and which comes first, is data.
//!
//! | last applied | desired | observed | means | |
//! |---|---|---|---|---|
//! | – | yes | no | the spec asks for it | add |
//! | yes | yes | no | somebody took it out | drift: judged by what adding does |
//! | yes | no | yes | the spec dropped it | remove; it stays ours to remove until that is done |
//! | – | no | yes | somebody put it in | drift, or what a take-over found: judged by what removing does |
//! | yes | no | no | gone by both | forget |

use std::collections::BTreeMap;

use super::{Cause, Difference, Direction, Hold, Memory, Plan, Rules, Stake, Step, drift::Verdict};

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Add, then remove: nobody loses in between what they are to keep.
    AddFirst,
    /// Remove, then add.
    RemoveFirst,
}

/// What a set is about.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    /// The field of the spec.
    pub path: &'static str,
    /// What is at stake in adding a member.
    pub adding: Stake,
    /// What is at stake in removing one.
    pub removing: Stake,
    /// What comes first.
    pub order: Order,
    /// Something of the spec does not resolve: what seems to be too much may be just that, so nothing is removed.
    pub blocked: bool,
}

/// A member of a set.
#[derive(Clone, Debug)]
pub struct Member<T> {
    /// What makes two members the same.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// What is needed to add or to remove it.
    pub item: T,
}

impl Set {
    /// What adding a member and removing one mean, for the reference of directions.
    #[must_use]
    pub fn directions(&self, name: &str) -> [Direction; 2] {
        let direction = |before: &str, after: &str, stake| Direction {
            path: self.path.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
            stake,
        };
        [
            direction("missing", name, self.adding),
            direction(name, "removed", self.removing),
        ]
    }

    /// The name under which a member is remembered.
    pub(super) fn memory(&self, key: &str) -> String {
        format!("{}[{key}]", self.path)
    }

    /// The steps from `observed` to `desired`. `keep` has a reason not to remove a member, where there is one.
    #[must_use]
    pub fn reconcile<D, O, A>(
        &self,
        rules: &Rules<'_>,
        desired: Vec<Member<D>>,
        observed: Vec<Member<O>>,
        keep: impl Fn(&O, Cause) -> Option<Hold>,
        add: impl Fn(Member<D>) -> A,
        remove: impl Fn(Member<O>) -> A,
    ) -> Plan<A> {
        let mut found = Vec::new();
        let mut wanted: BTreeMap<String, Member<D>> = BTreeMap::new();
        let mut order = Vec::new();
        for member in desired {
            // A member that is spelled twice is added once, in its first spelling.
            if !wanted.contains_key(&member.key) {
                order.push(member.key.clone());
                wanted.insert(member.key.clone(), member);
            }
        }
        for field in rules.base.fields_of(self.path) {
            let is = |key: &str| self.memory(key) == field;
            if !wanted.keys().any(|key| is(key)) && !observed.iter().any(|member| is(&member.key)) {
                found.push(Memory::forget(field));
            }
        }
        let mut surplus = Vec::new();
        for member in observed {
            if wanted.remove(&member.key).is_some() {
                found.push(Memory::keep(self.memory(&member.key), ""));
            } else {
                surplus.push(member);
            }
        }
        let mut adds = Plan::default();
        for member in order.iter().filter_map(|key| wanted.remove(key)) {
            let memory = self.memory(&member.key);
            let cause = if rules.base.holds(&memory, "") {
                Cause::Drift
            } else {
                Cause::Spec
            };
            let difference = self.difference("missing".into(), member.name.clone(), cause, self.adding);
            let verdict = rules.verdict(&difference);
            let step = Step {
                stake: difference.stake,
                differences: vec![difference],
                act: add(member),
                memories: vec![Memory::keep(memory, "")],
            };
            place(&mut adds, step, verdict);
        }
        // Entra lists them in no order; words that change say nothing new.
        surplus.sort_by(|one, other| (&one.name, &one.key).cmp(&(&other.name, &other.key)));
        let mut removes = Plan::default();
        for member in surplus {
            let memory = self.memory(&member.key);
            let is_applied = rules.base.holds(&memory, "");
            let cause = if rules.base.is_known() && !is_applied {
                Cause::Drift
            } else {
                Cause::Spec
            };
            let kept = keep(&member.item, cause);
            if self.blocked && kept.is_none() {
                continue;
            }
            let difference = self.difference(member.name.clone(), "removed".into(), cause, self.removing);
            let verdict = kept.map_or_else(|| rules.verdict(&difference), Verdict::Hold);
            let step = Step {
                stake: difference.stake,
                differences: vec![difference],
                act: remove(member),
                memories: vec![Memory::forget(memory)],
            };
            place(&mut removes, step, verdict);
        }
        let (mut plan, rest) = match self.order {
            Order::AddFirst => (adds, removes),
            Order::RemoveFirst => (removes, adds),
        };
        plan.extend(rest);
        plan.found.extend(found);
        plan
    }

    fn difference(&self, before: String, after: String, cause: Cause, stake: Stake) -> Difference {
        Difference {
            path: self.path.to_owned(),
            before,
            after,
            cause,
            stake,
        }
    }
}

fn place<A>(plan: &mut Plan<A>, step: Step<A>, verdict: Verdict) {
    match verdict {
        Verdict::Write => plan.steps.push(step),
        Verdict::Hold(hold) => plan.held.push((step, hold)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Applied, DriftPolicy},
        plan::{Base, Door, Drift, Holders, Waits},
    };

    fn set() -> Set {
        Set {
            path: "resourceRoles",
            adding: Stake::door(Door::Widens).holders(Holders::HandsOut),
            removing: Stake::door(Door::Narrows).holders(Holders::Cuts),
            order: Order::AddFirst,
            blocked: false,
        }
    }

    fn members(keys: &[&str]) -> Vec<Member<()>> {
        keys.iter()
            .map(|key| Member {
                key: (*key).to_owned(),
                name: (*key).to_owned(),
                item: (),
            })
            .collect()
    }

    fn plan(applied: &[&str], desired: &[&str], observed: &[&str]) -> Plan<String> {
        let memories: Vec<Memory> = applied.iter().map(|key| Memory::keep(set().memory(key), "")).collect();
        let applied: Applied = crate::plan::applied(&memories);
        let rules = Rules {
            base: Base::of(Some(&applied)),
            drift: Drift {
                policy: DriftPolicy::Cautious,
                requested: false,
            },
            limit: None,
            confirmed: true,
            waits: Waits::NONE,
        };
        set().reconcile(
            &rules,
            members(desired),
            members(observed),
            |(), _| None,
            |member| format!("add {}", member.name),
            |member| format!("remove {}", member.name),
        )
    }

    fn acts(plan: &Plan<String>) -> Vec<&str> {
        plan.steps.iter().map(|step| step.act.as_str()).collect()
    }

    #[test]
    fn what_the_spec_asks_for_is_added_before_what_it_dropped_is_removed() {
        assert_eq!(acts(&plan(&["old"], &["new"], &["old"])), ["add new", "remove old"]);
    }

    #[test]
    fn what_somebody_took_out_is_not_handed_out_again_by_itself() {
        let plan = plan(&["a"], &["a"], &[]);
        assert!(plan.steps.is_empty());
        assert_eq!(plan.held[0].1, Hold::Drift);
    }

    #[test]
    fn what_somebody_put_in_is_taken_out() {
        assert_eq!(acts(&plan(&["a"], &["a"], &["a", "b"])), ["remove b"]);
    }

    #[test]
    fn what_is_gone_by_both_is_forgotten_so_that_it_may_come_back() {
        let plan = plan(&["a"], &[], &[]);
        assert_eq!(plan.found, [Memory::forget("resourceRoles[a]")]);
    }

    #[test]
    fn a_member_stays_ours_to_remove_until_it_is_removed() {
        let plan = plan(&["a", "b"], &["b"], &["a", "b"]);
        assert_eq!(plan.steps[0].memories, [Memory::forget("resourceRoles[a]")]);
        assert_eq!(plan.found, [Memory::keep("resourceRoles[b]", "")]);
    }

    #[test]
    fn while_something_does_not_resolve_nothing_is_removed() {
        let blocked = Set { blocked: true, ..set() };
        let rules = Rules {
            base: Base::none(),
            drift: Drift {
                policy: DriftPolicy::Cautious,
                requested: false,
            },
            limit: None,
            confirmed: true,
            waits: Waits::NONE,
        };
        let plan = blocked.reconcile(
            &rules,
            members(&["new"]),
            members(&["old"]),
            |(), _| None,
            |member| format!("add {}", member.name),
            |member| format!("remove {}", member.name),
        );
        assert_eq!(acts(&plan), ["add new"]);
    }
}
