//! One operator at a time.
//!
//! The Lease is kept by `kube-lease-manager`. That alone is not enough: a leader that is cut off from the API server
//! hears nothing of its loss. So the Lease is also watched here, and the last renewal that was seen is a deadline: when it
//! has passed without another, the leader counts itself out, before anybody else may count themselves in.

use std::{io, time::Duration};

use futures::StreamExt;
use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, utils::Backoff, watcher},
};
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder};
use tokio::{sync::watch, task::JoinHandle};

use crate::clock::Clock;

/// How long a lease lasts without renewal.
const DURATION: Duration = Duration::from_secs(15);
/// How long before its end it is renewed.
const GRACE: Duration = Duration::from_secs(10);
/// How long before the end of the lease the leader stops: clocks differ, and a request needs a moment to be heard.
const MARGIN: Duration = Duration::from_secs(3);
/// How long after a watch broke the next begins, and how often the Lease is read while the watch says nothing.
const LOOK: Duration = Duration::from_secs(1);
/// How long the watch of a leader may say nothing before the Lease is read: a renewal is due after `DURATION - GRACE`.
const SILENCE: Duration = Duration::from_secs(7);

/// The task that keeps the Lease, and whether it has it.
type Keeper = (
    watch::Receiver<bool>,
    JoinHandle<Result<LeaseManager, kube_lease_manager::LeaseManagerError>>,
);

/// A candidate for leadership, or the leader.
pub struct Leadership {
    client: Client,
    clock: Clock,
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
    pub async fn stand(
        client: Client,
        clock: Clock,
        namespace: &str,
        name: &str,
        identity: &str,
    ) -> Result<Self, io::Error> {
        let leases = Api::namespaced(client.clone(), namespace);
        let keeper = keep(&client, namespace, name, identity).await?;
        Ok(Self {
            client,
            clock,
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

    /// The Lease as it becomes, where it is known: whoever cannot ask does not know.
    fn seen(&self) -> impl futures::Stream<Item = Option<Lease>> + Send + Unpin + use<> {
        watcher::watch_object(self.leases.clone(), &self.name)
            .backoff(Steady)
            .filter_map(|seen| std::future::ready(seen.ok()))
            .boxed()
    }

    /// Completes when nobody holds the Lease, and the keeper has not taken it within a moment either.
    async fn given_up(&self) {
        let mut seen = self.seen();
        let mut is_free = false;
        loop {
            let lease = if is_free {
                match self.clock.within(LOOK, seen.next()).await {
                    Some(lease) => lease,
                    None => return,
                }
            } else {
                seen.next().await
            };
            is_free = match lease {
                Some(Some(lease)) => {
                    let holder = lease.spec.and_then(|spec| spec.holder_identity);
                    // A Lease without a holder was given back.
                    holder.is_none_or(|holder| holder.is_empty())
                }
                // A Lease that was deleted is made again by its keeper, who finds out by himself.
                Some(None) => false,
                None => std::future::pending().await,
            };
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
        let mut seen = self.seen();
        let mut deadline = self.clock.instant() + DURATION - MARGIN;
        let mut look = self.clock.instant() + SILENCE;
        loop {
            let lease = tokio::select! {
                biased;
                () = self.clock.sleep_until(deadline) => return,
                lease = seen.next() => match lease {
                    Some(lease) => lease,
                    None => std::future::pending().await,
                },
                // A watch can be cut off where other requests are not.
                () = self.clock.sleep_until(look) => {
                    look = self.clock.instant() + LOOK;
                    let left = deadline.saturating_duration_since(self.clock.instant());
                    self.clock.within(LOOK.min(left), self.leases.get(&self.name)).await.and_then(Result::ok)
                }
            };
            let renewed = lease.and_then(|lease| renewal(&lease, &self.identity));
            if let Some(age) = renewed.and_then(|renewed| self.clock.age(renewed)) {
                let now = self.clock.instant();
                deadline = deadline.max(now + DURATION.saturating_sub(MARGIN + age));
                look = look.max(now + SILENCE.saturating_sub(age));
            }
        }
    }

    /// Gives the Lease up, so that the next candidate need not wait for its end.
    pub async fn release(self) {
        let (elected, keeper) = self.keeper;
        drop(elected);
        // At the end of the process nothing depends on whether the API server still takes it.
        let _ = self.clock.within(Duration::from_secs(5), keeper).await;
    }
}

/// Begins a broken watch again soon, however often it breaks: the deadline does not wait.
struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(LOOK)
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
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
