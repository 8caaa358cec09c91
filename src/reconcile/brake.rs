//! Holding a deletion back: by the tenant's pace, and by what share of a Catalog goes at once.

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

use super::{
    Managed,
    context::Context,
    halt::{Halt, Retry, Stage, Step, kubernetes},
    identity::{self, Site},
    subject::Subject,
};
use crate::{
    api::{ACKNOWLEDGE, Catalog, Deletion, EntraObject, EntraTenant},
    cluster::{Cluster, Lookup},
    plan::{
        Problem,
        brake::{self, Pace, Prune},
    },
};

/// How often a write is tried beside which others write the same.
const TRIES: u32 = 5;

/// Ends the visit where the deletion may not go on now: asked before each of its requests to Entra. One that begins is written
/// down first, so that it is counted whatever becomes of this process.
pub(super) async fn may_delete<K: Managed>(context: &Context, subject: &Subject<K>, site: &Site) -> Step<()> {
    let entra = identity::own(&subject.object);
    let tenant = &site.tenant;
    if let Some(percent) = entra.and_then(|entra| is_pruned(context, entra)) {
        return Err(held(Prune::of_object(percent), Retry::OnChange));
    }
    let _turn = tenant.deleting.acquire().await;
    let api = Api::<EntraTenant>::all(context.client.clone());
    for _ in 0..TRIES {
        let read = api.get_opt(&tenant.name).await;
        let Some(mut object) = read.map_err(|error| kubernetes("reading the EntraTenant", &error))? else {
            return Err(Halt::stale());
        };
        let per_hour = usize::try_from(object.spec.max_deletions_per_hour).unwrap_or(0); // less than none is none
        let status = object.status.get_or_insert_default();
        let now = context.now();
        let this = Deletion {
            uid: subject.uid(),
            catalog_id: (!site.place.catalog_id.is_empty()).then(|| site.place.catalog_id.clone()),
            at: now.to_string(),
        };
        match brake::pace(&status.deletions, &this, per_hour, now) {
            Pace::Begun => return Ok(()),
            Pace::Full(until) => {
                let left = until.and_then(|until| std::time::Duration::try_from(until.duration_since(now)).ok());
                let retry = left.map_or(Retry::OnChange, Retry::After);
                let problem = brake::too_many(&tenant.name, per_hour, until);
                return Err(held(problem, retry));
            }
            Pace::Begins(deletions) => status.deletions = deletions,
        }
        object.metadata = ObjectMeta {
            managed_fields: None,
            ..object.metadata
        };
        match api.replace_status(&tenant.name, &PostParams::default(), &object).await {
            Ok(object) => {
                context.cluster.hears(&object);
                return Ok(());
            }
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            Err(error) => return Err(kubernetes("writing down that a deletion begins", &error)),
        }
    }
    Err(Halt::stale())
}

/// The deletion waits.
fn held(problem: Problem, retry: Retry) -> Halt {
    Halt {
        problem,
        stage: Stage::Sync,
        retry,
    }
}

/// The share that may go at once, where more than that of the catalog goes and nobody has agreed.
fn is_pruned(context: &Context, entra: &EntraObject) -> Option<i32> {
    let catalogs = context.cluster.catalogs_of_entra(entra);
    let mut readable = catalogs.iter().filter_map(Lookup::readable);
    let (_, percent) = readable.find_map(|catalog| prune(&context.cluster, catalog, context.now()))?;
    Some(percent)
}

/// What the Catalog says of its objects that go at once; `None` where they may.
pub(super) fn told(cluster: &Cluster, catalog: &Catalog, now: Timestamp) -> Option<Problem> {
    let (prune, percent) = prune(cluster, catalog, now)?;
    Some(prune.of_catalog(catalog.metadata.name.as_deref()?, percent))
}

/// What of the Catalog goes at once and nobody has agreed to, and the share that may.
fn prune(cluster: &Cluster, catalog: &Catalog, now: Timestamp) -> Option<(Prune, i32)> {
    let entra = catalog.status.as_ref()?.identity.entra.as_ref()?;
    let tenant = cluster.tenant(&catalog.spec.tenant_ref.name)?;
    let tenant = tenant.readable()?;
    let log = tenant.status.as_ref().map_or(&[][..], |status| &status.deletions);
    let holding = cluster.holding(catalog.metadata.name.as_deref()?);
    let percent = tenant.spec.max_deletions_percent;
    let prune = holding.with_gone(log, &entra.id, now).question(percent, &entra.id)?;
    let annotations = catalog.metadata.annotations.as_ref();
    let agreed = annotations.and_then(|annotations| annotations.get(ACKNOWLEDGE));
    (!prune.is_answered(agreed.map(String::as_str))).then_some((prune, percent))
}
