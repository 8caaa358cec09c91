//! What requestors are asked for the sake of a resource. What was set up by hand and the spec never named stays.

use super::{CatalogAct, DesiredCatalog, DesiredResource, SeenCatalog, find};
use crate::{
    api::ResourceStatus,
    graph::{Question, Read, ResourceAttribute},
    plan::{
        Canonical, Hold, Judge, Memory, Plan, Rules, Stake, Step,
        assignment_policy::questions::{asks_as_much, text},
        sites::same_origin,
    },
};

const WORDS: &str = "what requestors are asked for the sake of a resource (attributes)";

/// All attributes of a resource as one thing, in no order.
#[derive(Clone, Debug)]
struct Attributes(Vec<ResourceAttribute>);

impl Canonical for Attributes {
    fn canonical(&self) -> String {
        if self.0.is_empty() {
            return "none".into();
        }
        let mut texts: Vec<String> = self.0.iter().map(words).collect();
        texts.sort();
        texts.join("; ")
    }
}

fn words(attribute: &ResourceAttribute) -> String {
    match attribute {
        ResourceAttribute::Asked {
            name,
            is_editable,
            is_persisted,
            question,
        } => {
            let editable = if *is_editable { " (may be changed)" } else { "" };
            let persisted = if *is_persisted { " (stays)" } else { "" };
            format!("{name}{editable}{persisted}: {}", text(question))
        }
        ResourceAttribute::Unknown { raw } => format!("one that this version does not know: {raw}"),
    }
}

impl Attributes {
    fn question(&self, wanted: &str) -> Option<&Question> {
        self.0.iter().find_map(|attribute| match attribute {
            ResourceAttribute::Asked { name, question, .. } if name == wanted => Some(question),
            ResourceAttribute::Asked { .. } | ResourceAttribute::Unknown { .. } => None,
        })
    }

    /// Whether somebody may get in by these who would have to say more by `other`. True where that is not certain.
    fn asks_less_than(&self, other: &Self) -> bool {
        other.0.iter().any(|before| match before {
            ResourceAttribute::Asked { name, question, .. } if question.is_required => {
                let after = self.question(name);
                // One that is gone asks nothing.
                after.is_none_or(|after| !after.is_required || !asks_as_much(&after.answer, &question.answer))
            }
            ResourceAttribute::Asked { .. } => false,
            ResourceAttribute::Unknown { .. } => true,
        })
    }

    /// The same questions as those that are there keep their ids.
    fn known_as(self, there: &Self) -> Self {
        let known = |attribute| match attribute {
            ResourceAttribute::Asked {
                name,
                is_editable,
                is_persisted,
                question,
            } => ResourceAttribute::Asked {
                question: Question {
                    id: there.question(&name).and_then(|question| question.id.clone()),
                    ..question
                },
                name,
                is_editable,
                is_persisted,
            },
            other @ ResourceAttribute::Unknown { .. } => other,
        };
        Self(self.0.into_iter().map(known).collect())
    }
}

/// The field of the spec, under which they are remembered.
fn path(name: &str) -> String {
    format!("resources[{name}].attributes")
}

fn act(wanted: &DesiredResource, attributes: Attributes) -> CatalogAct {
    CatalogAct::UpdateAttributes {
        name: wanted.name.clone(),
        origin_id: wanted.resource.origin_id.clone(),
        attributes: attributes.0,
    }
}

/// What is sent of the attributes of the resource of this name: all of them are one field.
pub fn merge(
    name: &str,
    after: Vec<ResourceAttribute>,
    before: &[ResourceAttribute],
    judge: &mut Judge<'_>,
) -> Vec<ResourceAttribute> {
    let before = Attributes(before.to_vec());
    let is_unknown = |one: &ResourceAttribute| matches!(one, ResourceAttribute::Unknown { .. });
    if before.0.iter().any(is_unknown) {
        judge.unmanaged(WORDS, |(): &()| true, &());
    }
    let sent = judge.optional(
        &path(name),
        WORDS,
        |attributes: &Attributes| !attributes.0.is_empty(),
        |before, after| match (after.asks_less_than(before), before.asks_less_than(after)) {
            (true, _) => Stake::widening(true),
            (false, true) => Stake::widening(false),
            (false, false) => Stake::NEUTRAL,
        },
        (Attributes(after).known_as(&before), &before),
    );
    sent.0
}

/// What is to be remembered once this was sent.
#[must_use]
pub fn told(name: &str, attributes: &[ResourceAttribute]) -> Memory {
    Memory::keep(path(name), Attributes(attributes.to_vec()).canonical())
}

/// What is asked for the sake of resources that are being brought in.
pub(super) fn of_new(resources: &[DesiredResource]) -> Plan<CatalogAct> {
    let asked = resources.iter().filter(|wanted| !wanted.attributes.is_empty());
    let step = |wanted: &DesiredResource| written(wanted, Attributes(wanted.attributes.clone()));
    Plan::of(asked.map(step).collect())
}

/// One that is written without a look at what is there.
fn written(wanted: &DesiredResource, attributes: Attributes) -> Step<CatalogAct> {
    let (path, after) = (path(&wanted.name), attributes.canonical());
    let difference = crate::plan::Difference {
        path,
        before: "none".into(),
        after,
        cause: crate::plan::Cause::Spec,
        stake: Stake::NEUTRAL,
    };
    // Remembered once it was sent: see `told`.
    Step::changing(act(wanted, attributes), vec![difference], Vec::new())
}

/// What is asked for the sake of the catalog's resources, each judged by itself.
pub(super) fn reconcile(
    desired: &DesiredCatalog,
    seen: &SeenCatalog,
    known: &[ResourceStatus],
    rules: &Rules<'_>,
) -> Plan<CatalogAct> {
    let mut plan = Plan::default();
    for wanted in &desired.resources {
        let path = path(&wanted.name);
        let after = Attributes(wanted.attributes.clone());
        let Some(resource) = find(&seen.resources, wanted) else {
            plan.extend(of_new(std::slice::from_ref(wanted)));
            continue;
        };
        // A resource of two names is asked about once: by the first that says what.
        let says_so = |other: &&DesiredResource| {
            let is_it = find(&seen.resources, other).map(|found| &found.id) == Some(&resource.id);
            is_it && !other.attributes.is_empty()
        };
        let first = desired.resources.iter().find(says_so);
        if first.is_some_and(|first| first.name != wanted.name) {
            continue;
        }
        match &resource.attributes {
            Read::Read(before) => {
                let mut judge = Judge::new(*rules);
                let sent = Attributes(merge(&wanted.name, after.0.clone(), before, &mut judge));
                let hold = || act(wanted, after.clone());
                let mut judged = judge.judgement().plan(act(wanted, sent), hold);
                // What was sent last need not show yet: a list that may be older says nothing of what is there by now.
                let last_sent = rules.base.holds(&path, &Attributes(before.clone()).canonical());
                if desired.roles.reads_may_be_late && rules.base.knows(&path) && !last_sent {
                    judged.found.clear();
                }
                plan.extend(judged);
            }
            // A site that no list shows to an application: what was applied stands, as far as anybody can tell.
            Read::Unread if rules.base.holds(&path, &after.canonical()) => {}
            Read::Unread if after.0.is_empty() && !rules.base.knows(&path) => {}
            // A list that is asked for now tells which question is which.
            Read::Unread if resource.origin_system.is_listed() && !rules.confirmed => plan.is_open = true,
            Read::Unread => {
                let is_it =
                    |status: &&ResourceStatus| status.added && same_origin(&status.origin_id, &resource.origin_id);
                let step = written(wanted, after);
                if known.iter().any(|status| is_it(&status)) {
                    plan.steps.push(step);
                } else {
                    let words = format!("{WORDS}, which could not be read");
                    plan.held.push((step, Hold::UnmanagedSettings(vec![words])));
                }
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests;
