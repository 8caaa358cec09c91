//! One operator at a time.
//!
//! The Lease is kept by `kube-lease-manager`. That alone is not enough: a leader that is cut off from the API server
//! hears nothing of its loss. So the Lease is also read here, and the last renewal that was seen is a deadline: when it
//! has passed without another, the leader counts itself out, before anybody else may count themselves in.

use std::{io, time::Duration};

use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::{Api, Client};
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

/// How long a lease lasts without renewal.
const DURATION: Duration = Duration::from_secs(15);
/// How long before its end it is renewed.
const GRACE: Duration = Duration::from_secs(10);
/// How long before the end of the lease the leader stops: clocks differ, and a request needs a moment to be heard.
const MARGIN: Duration = Duration::from_secs(3);
/// How often the Lease is read, by the leader and by those that stand by.
const LOOK: Duration = Duration::from_secs(1);

/// The task that keeps the Lease, and whether it has it.
type Keeper = (
    watch::Receiver<bool>,
    JoinHandle<Result<LeaseManager, kube_lease_manager::LeaseManagerError>>,
);

/// A candidate for leadership, or the leader.
pub struct Leadership {
    client: Client,
    namespace: String,
    name: String,
    identity: String,
    leases: Api<Lease>,
    keeper: Keeper,
}

impl Leadership {
    /// Stands for election to the Lease `name` in `namespace`.
    ///
    /// # Errors
    /// Where the Lease can be neither read nor made.
    pub async fn stand(client: Client, namespace: &str, name: &str, identity: &str) -> Result<Self, io::Error> {
        let leases = Api::namespaced(client.clone(), namespace);
        let keeper = keep(&client, namespace, name, identity).await?;
        Ok(Self {
            client,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            leases,
            keeper,
        })
    }

    /// Completes when this process leads.
    ///
    /// # Errors
    /// Where the task that keeps the Lease has ended, or cannot be begun anew.
    pub async fn elected(&mut self) -> Result<(), io::Error> {
        loop {
            let mut elected = self.keeper.0.clone();
            let elected = async move { elected.wait_for(|leads| *leads).await.map(drop) };
            tokio::select! {
                outcome = elected => {
                    return outcome.map_err(|_| io::Error::other("the task that keeps the Lease has ended"));
                }
                () = self.given_up() => {}
            }
            // The keeper sleeps until the end of the lease that it saw; another one looks at once.
            tracing::info!("the Lease was given up");
            self.keeper.1.abort();
            self.keeper = keep(&self.client, &self.namespace, &self.name, &self.identity).await?;
        }
    }

    /// Completes when nobody holds the Lease.
    async fn given_up(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let holder = match self.leases.get(&self.name).await {
                Ok(lease) => lease.spec.and_then(|spec| spec.holder_identity),
                // Whoever cannot ask does not know.
                Err(_) => continue,
            };
            if holder.is_none_or(|holder| holder.is_empty()) {
                return;
            }
        }
    }

    /// Completes when this process may no longer act as the leader.
    pub async fn lost(&mut self) {
        let mut elected = self.keeper.0.clone();
        tokio::select! {
            _ = elected.wait_for(|leads| !*leads) => {}
            () = self.outlived() => {}
        }
    }

    /// Completes when no renewal of ours was seen for as long as the lease lasts, less the margin.
    async fn outlived(&self) {
        let mut deadline = Instant::now() + DURATION - MARGIN;
        loop {
            let look = tokio::time::timeout(LOOK, self.leases.get(&self.name)).await;
            let renewed = look
                .ok()
                .and_then(Result::ok)
                .and_then(|lease| renewal(&lease, &self.identity));
            if let Some(age) = renewed.and_then(age) {
                deadline = deadline.max(Instant::now() + DURATION.saturating_sub(MARGIN + age));
            }
            if Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep(LOOK.min(deadline.saturating_duration_since(Instant::now()))).await;
        }
    }

    /// Gives the Lease up, so that the next candidate need not wait for its end.
    pub async fn release(self) {
        let (elected, keeper) = self.keeper;
        drop(elected);
        // At the end of the process nothing depends on whether the API server still takes it.
        let _ = tokio::time::timeout(Duration::from_secs(5), keeper).await;
    }
}

async fn keep(client: &Client, namespace: &str, name: &str, identity: &str) -> Result<Keeper, io::Error> {
    let manager = LeaseManagerBuilder::new(client.clone(), name)
        .with_namespace(namespace)
        .with_identity(identity)
        .with_duration(DURATION.as_secs())
        .with_grace(GRACE.as_secs())
        .build()
        .await
        .map_err(|error| io::Error::other(format!("Lease {namespace}/{name}: {error}")))?;
    Ok(manager.watch().await)
}

/// When we renewed the Lease, if it is ours.
fn renewal(lease: &Lease, identity: &str) -> Option<Timestamp> {
    let spec = lease.spec.as_ref()?;
    (spec.holder_identity.as_deref() == Some(identity)).then(|| spec.renew_time.as_ref().map(|time| time.0))?
}

#[expect(
    clippy::disallowed_methods,
    reason = "the age of a renewal is measured against the clock that wrote it"
)]
fn age(renewed: Timestamp) -> Option<Duration> {
    Duration::try_from(Timestamp::now() - renewed).ok()
}
