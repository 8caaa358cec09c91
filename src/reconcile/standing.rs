//! What is counted of the objects when somebody scrapes the metrics.

use std::sync::Arc;

use super::{
    Kind,
    context::Context,
    kinds::{KindVisitor, each_kind},
};
use crate::{
    api::{ManagedStatus, Reason},
    metrics::Standing,
};

/// Has the metrics ask, with each scrape, how the objects stand, for as long as somebody works.
pub(crate) fn tell_standing(context: &Arc<Context>) {
    let counted = Arc::downgrade(context);
    context
        .metrics
        .ask(move || counted.upgrade().map(|context| standing(&context)));
}

/// How the objects of the cluster stand now.
fn standing(context: &Context) -> Standing {
    let mut counting = Counting {
        context,
        standing: Standing {
            inventory_age: context.inventory_age(),
            token_age: context.token_age(),
            waits: context
                .attendance
                .waits(context.clock.instant(), |key| context.drift_interval(key)),
            ..Standing::default()
        },
    };
    each_kind(&mut counting);
    counting.standing
}

struct Counting<'a> {
    context: &'a Context,
    standing: Standing,
}

impl KindVisitor for Counting<'_> {
    fn kind<K: Kind>(&mut self) {
        let kind = K::KIND.name();
        let Standing { ready, reasons, .. } = &mut self.standing;
        for status in ["True", "False", "Unknown"] {
            ready.entry((kind.to_owned(), status)).or_default();
        }
        for object in self.context.cluster.all::<K>() {
            let (status, reason) = match object.read() {
                Ok(object) => self::ready::<K>(object),
                Err(_) => ("False", Reason::InvalidSpec.name()),
            };
            *ready.entry((kind.to_owned(), status)).or_default() += 1;
            *reasons.entry((kind.to_owned(), reason)).or_default() += 1;
        }
    }
}

/// Status and reason of the Ready condition; no condition is `Unknown`, as it is everywhere in Kubernetes.
fn ready<K: Kind>(object: &K) -> (&'static str, String) {
    let Some(ready) = object.status().and_then(ManagedStatus::ready) else {
        return ("Unknown", Reason::Progressing.name());
    };
    let status = match ready.status.as_str() {
        "True" => "True",
        "False" => "False",
        _ => "Unknown", // as Kubernetes has it
    };
    // Labels come from a closed set, whoever wrote the status.
    let known = Reason::ALL.iter().find(|reason| reason.name() == ready.reason);
    (status, known.unwrap_or(&Reason::Progressing).name())
}
