//! Separation of duties: what a package is incompatible with. Whoever has one of these cannot request it, so adding one narrows
//! and removing one widens. A package that others name may be anywhere in the tenant; nothing of it is written.

use super::{
    AccessPackage, Cause, DesiredPackage, Difference, Door, Hold, Member, Memory, Order, PackageAct, Plan, Problem,
    Reason, Rules, Set, Stake, Step,
};
use crate::{
    api::IncompatibleStatus,
    graph::{Incompatible, IncompatibleKind, ObjectId},
};

/// The field of the spec, and the name under which members are remembered.
const PATH: &str = "incompatibleWith";

/// What a package is to be incompatible with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DesiredIncompatible {
    /// Those that the spec names, by their ids; none where it says nothing, and what is set up by hand stays.
    pub named: Option<Vec<Named>>,
    /// Those that could not be resolved: while there is one, nothing is removed.
    pub unresolved: Vec<Problem>,
    /// Packages that names of the spec stood for before: whoever has one is kept out as long as the name is there.
    pub before: Vec<Named>,
}

/// One that the spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// As people name it, for example `package finance/payments` or `group displayName=Auditors`.
    pub reference: String,
    /// What it is.
    pub kind: IncompatibleKind,
    /// Its id in Entra.
    pub id: ObjectId,
}

impl Named {
    /// Whether the package has it; none where that was not read.
    #[must_use]
    pub fn is_in(&self, package: &AccessPackage) -> Option<bool> {
        let there = package.incompatible(self.kind).known()?;
        Some(there.elements.iter().any(|one| one.id == self.id))
    }

    /// How it stands in Entra.
    #[must_use]
    pub fn status(&self, package: &AccessPackage) -> IncompatibleStatus {
        let state = match self.is_in(package) {
            Some(true) => "InPlace",
            Some(false) | None => "Missing",
        };
        IncompatibleStatus {
            reference: self.reference.clone(),
            id: self.id.to_string(),
            state: state.to_owned(),
        }
    }
}

/// What makes two of them the same.
fn key(kind: IncompatibleKind, id: &ObjectId) -> String {
    let word = match kind {
        IncompatibleKind::AccessPackage => "package",
        IncompatibleKind::Group => "group",
    };
    format!("{word} {}", id.as_str().to_lowercase())
}

/// The kind and the id of one that is remembered under this name.
fn of_memory(field: &str) -> Option<(IncompatibleKind, ObjectId)> {
    let (_, key) = field.strip_suffix(']')?.split_once('[')?;
    let (word, id) = key.split_once(' ')?;
    let kind = match word {
        "package" => IncompatibleKind::AccessPackage,
        "group" => IncompatibleKind::Group,
        _ => return None, // of a later version
    };
    Some((kind, ObjectId::from(id)))
}

/// The incompatibilities of a package: adding one keeps people out, removing one lets them in. `blocked`: something of the
/// spec does not resolve, so nothing is removed.
#[must_use]
pub fn set(blocked: bool) -> Set {
    Set {
        path: PATH,
        adding: Stake::door(Door::Narrows),
        removing: Stake::door(Door::Widens),
        // Nobody gets in between what they are to be kept from.
        order: Order::AddFirst,
        blocked,
    }
}

/// From what the package has to what the spec says. A package that is being made has none.
pub(super) fn reconcile(
    desired: &DesiredPackage,
    package: Option<&AccessPackage>,
    rules: &Rules<'_>,
) -> Plan<PackageAct> {
    let DesiredIncompatible {
        named,
        unresolved,
        before,
    } = &desired.incompatible;
    let set = set(!unresolved.is_empty());
    let ours: Vec<(IncompatibleKind, ObjectId)> = rules.base.fields_of(PATH).filter_map(of_memory).collect();
    if named.is_none() && ours.is_empty() {
        return Plan::default();
    }
    let wanted = named.as_deref().unwrap_or_default(); // what was added for a spec that said so goes with its words
    let mut plan = Plan::default();
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    let mut shown = Vec::new();
    for kind in IncompatibleKind::ALL {
        let there = package.map_or(Some(&[][..]), |package| {
            let listed = package.incompatible(kind).known()?;
            Some(listed.elements.as_slice())
        });
        let of_kind = wanted.iter().filter(|named| named.kind == kind);
        match there {
            Some(there) => {
                read.extend(of_kind);
                shown.extend(there.iter().map(|one| (kind, one.clone())));
            }
            None => unread.extend(of_kind),
        }
    }
    // Nobody is let in because a name stands for another package by now.
    let is_among =
        |those: &[Named], kind, id: &ObjectId| those.iter().any(|named| named.kind == kind && named.id == *id);
    shown.retain(|(kind, one)| !is_among(before, *kind, &one.id));
    // The spec leaves to others what others have set up.
    if named.is_none() {
        shown.retain(|(kind, one)| ours.contains(&(*kind, one.id.clone())));
    }
    // What an earlier process has added may not show yet: it is taken away all the same.
    if desired.reads_may_be_late {
        let hidden = ours.iter().filter(|(kind, id)| {
            let is_it = |(shown, one): &(IncompatibleKind, Incompatible)| shown == kind && one.id == *id;
            !is_among(before, *kind, id) && !is_among(wanted, *kind, id) && !shown.iter().any(is_it)
        });
        let hidden: Vec<_> = hidden
            .map(|(kind, id)| {
                let one = Incompatible {
                    id: id.clone(),
                    display_name: String::new(),
                };
                (*kind, one)
            })
            .collect();
        shown.extend(hidden);
    }
    if !unread.is_empty() {
        plan.is_open = true;
        plan.held
            .extend(unread.into_iter().map(|named| (added(named, set), untold())));
    }
    let observed = shown
        .into_iter()
        .map(|(kind, one)| Member {
            key: key(kind, &one.id),
            name: match one.display_name.as_str() {
                "" => key(kind, &one.id),
                name => format!("{name:?} ({})", one.id),
            },
            item: (kind, one),
        })
        .collect();
    let desired = read.into_iter().map(member).collect();
    plan.extend(set.reconcile(rules, desired, observed, |_, _| None, add, remove));
    // Ours to remove, once they are named no more.
    let kept: Vec<String> = before
        .iter()
        .map(|named| set.memory(&key(named.kind, &named.id)))
        .collect();
    plan.found
        .retain(|memory| !matches!(memory, Memory::Forget { field } if kept.contains(field)));
    plan
}

fn member(named: &Named) -> Member<&Named> {
    Member {
        key: key(named.kind, &named.id),
        name: named.reference.clone(),
        item: named,
    }
}

fn add(named: Member<&Named>) -> PackageAct {
    PackageAct::AddIncompatible {
        name: named.name,
        kind: named.item.kind,
        id: named.item.id.clone(),
    }
}

fn remove(one: Member<(IncompatibleKind, Incompatible)>) -> PackageAct {
    let (kind, incompatible) = one.item;
    PackageAct::RemoveIncompatible {
        name: one.name,
        kind,
        id: incompatible.id,
    }
}

/// The step that adds one of which nobody knows whether it is there.
fn added(named: &Named, set: Set) -> Step<PackageAct> {
    let difference = Difference {
        path: PATH.to_owned(),
        before: "not read".to_owned(),
        after: named.reference.clone(),
        // What was not read is nobody's doing.
        cause: Cause::Spec,
        stake: set.adding,
    };
    Step {
        act: add(member(named)),
        stake: difference.stake,
        differences: vec![difference],
        memories: Vec::new(),
    }
}

fn untold() -> Hold {
    Hold::Waits(Problem::new(
        Reason::OutcomeUnknown,
        "spec.incompatibleWith: Entra does not tell what the package is incompatible with; it is asked again",
    ))
}

/// The steps in their order around those of the roles: whoever is to be kept out is kept out before more is handed out, and let
/// in after less is.
pub(super) fn around(fences: Plan<PackageAct>, roles: Plan<PackageAct>) -> Plan<PackageAct> {
    let Plan {
        steps,
        held,
        found,
        is_open,
    } = fences;
    let removes = |step: &Step<PackageAct>| matches!(step.act, PackageAct::RemoveIncompatible { .. });
    let (removing, adding): (Vec<_>, Vec<_>) = steps.into_iter().partition(removes);
    let mut plan = Plan {
        steps: adding,
        held,
        found,
        is_open,
    };
    plan.extend(roles);
    plan.steps.extend(removing);
    plan
}

/// A name stands for another package than the one whose holders are kept out.
#[must_use]
pub fn moved(before: &[Named]) -> Option<Problem> {
    let first = before.first()?;
    let words = format!(
        "{} stands for another package by now; whoever has the one before ({}) is kept out as well, until it is named no more",
        first.reference, first.id
    );
    Some(Problem::new(Reason::ReferenceMoved, words).at("spec.incompatibleWith.accessPackages"))
}

/// Which of those that the spec names do not name this one: whoever has this package can still request them.
#[must_use]
pub fn one_way(others: &[String]) -> Option<Problem> {
    if others.is_empty() {
        return None;
    }
    Some(
        Problem::new(
            Reason::OneWaySeparation,
            format!(
                "whoever has this package can still request {}, which does not name it",
                others.join(", ")
            ),
        )
        .at("spec.incompatibleWith.accessPackages")
        .remedy("for a separation both ways, name this package there too"),
    )
}
