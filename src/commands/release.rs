//! `release`: lets every object go without touching Entra, for when the operator is to leave the cluster.

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject, Selector},
};
use serde_json::json;

use crate::{
    api::{FINALIZER, KindName},
    clock::Clock,
};

/// How long a pod may take to be gone after its grace: a node has to say so.
const MARGIN: Duration = Duration::from_secs(60);
/// Who the admission policy of the chart lets take the finalizer off, where they may change every object of the kind.
const MANAGER: &str = "entra-access-operator-release";
/// How often it is looked whether it is gone.
const LOOK: Duration = Duration::from_secs(1);

/// Flags of `release`.
#[derive(Args, Clone, Debug)]
pub struct Flags {
    /// Say what would be released, and release nothing
    #[arg(long)]
    dry_run: bool,
    /// The operator's Deployment: it is scaled to zero first, and its pods are waited for
    #[arg(long, value_name = "NAME")]
    deployment: Option<String>,
    /// Namespace of the Deployment
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "entra-access-operator",
        value_name = "NAME"
    )]
    namespace: String,
}

/// Removes the operator's finalizer from every object of its kinds, and says of each what stays in Entra.
///
/// The operator must not run: it would put the finalizers back. `--deployment` sees to that. Objects are taken as they
/// are, so that one which no version can read any more is released as well.
///
/// # Errors
/// Where the cluster cannot be reached, the operator does not end, or an object can be neither read nor written; what
/// was released stays released.
pub async fn release(flags: Flags, out: &mut (dyn Write + Send)) -> Result<(), io::Error> {
    // One provider for everything; kube would choose the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::try_default().await.map_err(|error| {
        io::Error::other(format!(
            "no way to a cluster: {error}; run inside one, or set KUBECONFIG"
        ))
    })?;
    if let Some(name) = &flags.deployment {
        let place = format!("Deployment {}/{name}", flags.namespace);
        let found = match flags.dry_run {
            true => deployment(&client, &flags.namespace, name)
                .await
                .map(|found| found.is_some()),
            false => stop(&client, &flags.namespace, name).await,
        };
        match (
            found.map_err(|error| io::Error::other(format!("{place}: {error}")))?,
            flags.dry_run,
        ) {
            (false, _) => writeln!(out, "no {place}: nothing to stop")?,
            (true, true) => writeln!(out, "would stop {place}")?,
            (true, false) => writeln!(out, "stopped {place}")?,
        }
    }
    let mut count = 0_usize;
    // What points at others comes before what it points at.
    for kind in KindName::ALL.iter().rev().map(|kind| kind.resource()) {
        let kind = &kind;
        let all: Api<DynamicObject> = Api::all_with(client.clone(), kind);
        let objects = match all.list(&ListParams::default()).await {
            Ok(objects) => objects,
            // A kind that the cluster does not know holds nobody.
            Err(kube::Error::Api(status)) if status.is_not_found() => continue,
            Err(error) => return Err(io::Error::other(format!("listing {}: {error}", kind.plural))),
        };
        for object in objects
            .items
            .iter()
            .filter(|object| object.finalizers().iter().any(|name| name == FINALIZER))
        {
            let place = object
                .namespace()
                .map(|namespace| format!("{namespace}/"))
                .unwrap_or_default(); // an object of the cluster has none
            let title = format!("{} {place}{}", kind.kind, object.name_any());
            if !flags.dry_run {
                free(&client, kind, object)
                    .await
                    .map_err(|error| io::Error::other(format!("{title}: {error}")))?;
            }
            count += 1;
            let verb = if flags.dry_run { "would release" } else { "released" };
            let stays = object
                .data
                .pointer("/status/entra/id")
                .and_then(serde_json::Value::as_str);
            match stays {
                Some(id) => writeln!(out, "{verb} {title}: {id} stays in Entra as it is")?,
                None => writeln!(out, "{verb} {title}")?,
            }
        }
    }
    writeln!(
        out,
        "{count} objects{}",
        if flags.dry_run { ", nothing was changed" } else { "" }
    )
}

async fn deployment(client: &Client, namespace: &str, name: &str) -> Result<Option<Deployment>, io::Error> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    deployments.get_opt(name).await.map_err(io::Error::other)
}

/// Scales the Deployment to zero and waits until none of its pods is left: one that is still ending still writes. Whether
/// there is such a Deployment.
async fn stop(client: &Client, namespace: &str, name: &str) -> Result<bool, io::Error> {
    let Some(Deployment { spec: Some(spec), .. }) = deployment(client, namespace, name).await? else {
        return Ok(false);
    };
    let selector = Selector::try_from(spec.selector).map_err(io::Error::other)?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
    deployments
        .patch_scale(name, &PatchParams::default(), &none)
        .await
        .map_err(io::Error::other)?;

    let grace = spec.template.spec.and_then(|pod| pod.termination_grace_period_seconds);
    let grace = Duration::from_secs(grace.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(30));
    let clock = Clock::system();
    let deadline = clock.instant() + grace + MARGIN;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    loop {
        let left = pods
            .list_metadata(&ListParams::default().labels_from(&selector))
            .await
            .map_err(io::Error::other)?;
        let Some(pod) = left.items.first() else {
            return Ok(true);
        };
        if clock.instant() >= deadline {
            return Err(io::Error::other(format!(
                "its pod {} is still there; nothing was released",
                pod.name_any()
            )));
        }
        clock.sleep(LOOK).await;
    }
}

/// Takes our finalizer off, and leaves those of others.
async fn free(client: &Client, kind: &ApiResource, object: &DynamicObject) -> Result<(), kube::Error> {
    let api: Api<DynamicObject> = match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, kind),
        None => Api::all_with(client.clone(), kind),
    };
    let kept: Vec<&String> = object.finalizers().iter().filter(|name| *name != FINALIZER).collect();
    // With the resourceVersion, so that a finalizer which somebody adds meanwhile is not lost.
    let patch = json!({"metadata": {"resourceVersion": object.meta().resource_version, "finalizers": kept}});
    let manager = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match api.patch(&object.name_any(), &manager, &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
