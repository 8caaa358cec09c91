//! `release`: lets every object go without touching Entra, for when the operator is to leave the cluster.

use std::io::{self, Write};

use clap::Args;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject},
};
use serde_json::json;

use crate::api::{AccessPackage, AssignmentPolicy, Catalog, EntraTenant, FINALIZER};

/// Flags of `release`.
#[derive(Args, Clone, Debug)]
pub struct Flags {
    /// Say what would be released, and release nothing
    #[arg(long)]
    dry_run: bool,
}

/// Removes the operator's finalizer from every object of its kinds, and says of each what stays in Entra.
///
/// The operator must not run: it would put the finalizers back. Objects are taken as they are, so that one which no
/// version can read any more is released as well.
///
/// # Errors
/// Where the cluster cannot be reached, or an object can be neither read nor written; what was released stays released.
pub async fn release(flags: Flags, out: &mut (dyn Write + Send)) -> Result<(), io::Error> {
    // One provider for everything; kube would choose the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::try_default().await.map_err(|error| {
        io::Error::other(format!(
            "no way to a cluster: {error}; run inside one, or set KUBECONFIG"
        ))
    })?;
    let kinds = [
        ApiResource::erase::<AssignmentPolicy>(&()),
        ApiResource::erase::<AccessPackage>(&()),
        ApiResource::erase::<Catalog>(&()),
        ApiResource::erase::<EntraTenant>(&()),
    ];
    let mut count = 0_usize;
    for kind in &kinds {
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
                .unwrap_or_default();
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

/// Takes our finalizer off, and leaves those of others.
async fn free(client: &Client, kind: &ApiResource, object: &DynamicObject) -> Result<(), kube::Error> {
    let api: Api<DynamicObject> = match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, kind),
        None => Api::all_with(client.clone(), kind),
    };
    let kept: Vec<&String> = object.finalizers().iter().filter(|name| *name != FINALIZER).collect();
    // With the resourceVersion, so that a finalizer which somebody adds meanwhile is not lost.
    let patch = json!({"metadata": {"resourceVersion": object.meta().resource_version, "finalizers": kept}});
    match api
        .patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch))
        .await
    {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
