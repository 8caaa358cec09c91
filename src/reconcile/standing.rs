//! What is counted of the objects when somebody scrapes the metrics.

use kube::Resource;

use super::{
    Kind,
    context::{Context, Shelf},
};
use crate::{
    api::{ManagedStatus, Reason},
    metrics::Standing,
};

/// How the objects in the stores stand now.
pub(crate) fn standing(context: &Context) -> Standing {
    let mut standing = Standing {
        inventory_age: context.inventory_age(),
        token_age: context.token_age(),
        ..Standing::default()
    };
    let stores = &context.stores;
    count(&mut standing, &stores.tenants);
    count(&mut standing, &stores.catalogs);
    count(&mut standing, &stores.packages);
    count(&mut standing, &stores.policies);
    standing
}

fn count<K: Kind>(standing: &mut Standing, store: &Shelf<K>) {
    let kind = <K as Resource>::kind(&());
    for status in ["True", "False", "Unknown"] {
        standing.ready.entry((kind.to_string(), status)).or_default();
    }
    for object in store.state() {
        let (status, reason) = match object.read() {
            Ok(object) => ready::<K>(object),
            Err(_) => ("False", Reason::InvalidSpec.name()),
        };
        *standing.ready.entry((kind.to_string(), status)).or_default() += 1;
        *standing.reasons.entry((kind.to_string(), reason)).or_default() += 1;
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
        _ => "Unknown",
    };
    // Labels come from a closed set, whoever wrote the status.
    let known = Reason::ALL.iter().find(|reason| reason.name() == ready.reason);
    (status, known.unwrap_or(&Reason::Progressing).name())
}
