//! A stand-in for Microsoft Graph v1.0 entitlement management and the Entra token endpoint: it refuses what the service
//! refuses, and says 501 to what it does not know. The README holds what is emulated and from which source.

mod address;
mod automatic;
mod batch;
mod caller;
mod clock;
mod control;
mod delivery;
mod error;
mod front;
mod guests;
mod my_access;
mod odata;
mod portal;
mod quirks;
mod render;
mod routes;
mod schema;
mod seed;
mod server;
mod store;
mod tls;
mod token;
mod world;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use front::Front;
pub use quirks::{
    DelegatedSites, DropAfterCommit, FailNext, HangNext, HugeBody, Lag, Lags, Quirks, ShownSites, Switch, Throttle,
};
pub use world::{World, WorldError};

use front::MakeFront;
use server::Emulator;

/// Where the emulator listens and how it behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Graph and the token endpoint, HTTPS. Port 0: a free one.
    pub listen: SocketAddr,
    /// The control endpoint, plain HTTP. Port 0: a free one.
    pub control: SocketAddr,
    /// Where `ca.pem` and the server's certificate are kept; made when they are not there.
    pub tls_dir: PathBuf,
    /// The switches to start with.
    pub quirks: Quirks,
}

impl Default for Options {
    /// Free ports on loopback, no quirks, a fresh directory for the certificates.
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let tls_dir = std::env::temp_dir().join(format!("graph-emulator-{}", uuid::Uuid::new_v4().simple()));
        Self {
            listen: any,
            control: any,
            tls_dir,
            quirks: Quirks::default(),
        }
    }
}

/// Where a running emulator is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// `https://localhost:P/v1.0`.
    pub graph: String,
    /// `https://localhost:P`.
    pub authority: String,
    /// `http://127.0.0.1:Q`.
    pub control: String,
    /// The certificate authority to trust, PEM; usable as `SSL_CERT_FILE`.
    pub ca_file: PathBuf,
}

/// Why the emulator did not start.
#[derive(Debug)]
pub struct StartError(String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A running emulator. [`Running::stop`] ends it in order; dropped, it is cut off. It dereferences to its [`Tenant`].
pub struct Running {
    /// Where it is found.
    pub endpoints: Endpoints,
    tenant: Tenant,
    handle: axum_server::Handle<SocketAddr>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl std::ops::Deref for Running {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown();
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Running {
    /// Ends it: no new connections, and the open ones are closed within a moment.
    pub async fn stop(mut self) {
        self.handle.graceful_shutdown(Some(Duration::from_millis(200)));
        let mut tasks = std::mem::take(&mut self.tasks).into_iter();
        if let Some(graph) = tasks.next() {
            // The server's own end; an error there has nobody left to tell.
            let _ended = graph.await;
        }
        for task in tasks {
            task.abort();
        }
    }
}

/// A tenant, and what the control endpoint does to it. Clones are the same tenant.
#[derive(Clone)]
pub struct Tenant(Arc<Emulator>);

impl std::fmt::Debug for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenant").finish_non_exhaustive()
    }
}

impl Tenant {
    /// One that listens nowhere: requests reach it through [`Tenant::service`]. It waits by tokio's clock, and tells the
    /// time by it: in a runtime whose time is paused, minutes of it pass in no time. `authority` is what stands before
    /// `/v1.0` in the links that it answers, such as `https://localhost`.
    ///
    /// # Errors
    ///
    /// When the world file names something that it does not hold.
    pub fn new(world: World, quirks: Quirks, authority: &str) -> Result<Self, StartError> {
        let chance = (jiff::Timestamp::now(), store::Ids::Random);
        let emulator = Emulator::new(world, quirks, authority, chance).map_err(|error| StartError(error.message))?;
        Ok(Self(Arc::new(emulator)))
    }

    /// As [`Tenant::new`]; the time is `born` now, and the same requests have the same ids for the same seed.
    ///
    /// # Errors
    ///
    /// As [`Tenant::new`].
    pub fn seeded(
        world: World,
        quirks: Quirks,
        authority: &str,
        born: jiff::Timestamp,
        seed: u64,
    ) -> Result<Self, StartError> {
        let chance = (born, store::Ids::seeded(seed));
        let emulator = Emulator::new(world, quirks, authority, chance).map_err(|error| StartError(error.message))?;
        Ok(Self(Arc::new(emulator)))
    }

    /// Graph and the token endpoint as a service for requests with any body, told apart by their path. Its error is a
    /// connection that was cut without an answer.
    #[must_use]
    pub fn service(&self) -> Front {
        Front(Arc::clone(&self.0))
    }

    /// The requests so far, oldest first, as `GET /requests` shows them.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.0.requests_since(0)
    }

    /// As [`Tenant::requests`], without the first `since`.
    #[must_use]
    pub fn requests_since(&self, since: usize) -> Vec<Value> {
        self.0.requests_since(since)
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.0.request_count()
    }

    /// The tenant, as `GET /state` shows it.
    #[must_use]
    pub fn state(&self) -> Value {
        self.0.with_tenant(|world, store| portal::tenant(world, store))
    }

    /// One part of [`Tenant::state`]; nothing where there is no such part.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<Value> {
        self.0.with_tenant(|world, store| portal::part(world, store, name))
    }

    /// Somebody made this in the portal, one element or a list of them, in the shape of the world file; answers what is
    /// there now.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn create(&self, collection: &str, given: Value) -> Result<Value, String> {
        self.0
            .with_tenant(|world, store| portal::create(world, store, collection, given))
            .map_err(portal::Refusal::message)
    }

    /// Somebody changed this in the portal; answers what is there now.
    ///
    /// # Errors
    ///
    /// Where it is not there, or the changes are no object.
    pub fn patch(&self, collection: &str, id: &str, changes: Value) -> Result<Value, String> {
        let Value::Object(changes) = changes else {
            return Err(format!("{changes} is no JSON object"));
        };
        self.0
            .with_tenant(|world, store| portal::change(world, store, collection, id, changes))
            .map_err(portal::Refusal::message)
    }

    /// Somebody deleted this in the portal.
    ///
    /// # Errors
    ///
    /// Where it is not there.
    pub fn delete(&self, collection: &str, id: &str) -> Result<(), String> {
        self.0
            .with_tenant(|world, store| portal::delete(world, store, collection, id))
            .map_err(portal::Refusal::message)
    }

    /// Calls `watcher` after each request that may have changed something, before it is answered.
    pub fn watch(&self, watcher: impl Fn() + Send + 'static) {
        self.0.watch(Box::new(watcher));
    }

    /// The switches as they stand now; counts go down.
    #[must_use]
    pub fn quirks(&self) -> Quirks {
        self.0.quirks()
    }

    /// Replaces all switches, as `PUT /quirks` does.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.0.set_quirks(quirks);
    }

    /// Back to the world file, as `POST /reset` does.
    pub fn reset(&self) {
        self.0.reset();
    }
}

/// Starts the emulator on the current Tokio runtime.
///
/// # Errors
///
/// When an address is taken or the certificates cannot be written.
pub async fn start(world: World, options: Options) -> Result<Running, StartError> {
    let tls = tls::config(&options.tls_dir)
        .map_err(|error| StartError(format!("the certificates in {}: {error}", options.tls_dir.display())))?;
    let listening = |what: &str, address: SocketAddr| -> Result<(TcpListener, SocketAddr), StartError> {
        let refused = |error: std::io::Error| StartError(format!("{what} {address}: {error}"));
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        Ok((listener, bound))
    };
    let (graph, graph_address) = listening("listen address", options.listen)?;
    let (control, control_address) = listening("control address", options.control)?;
    let authority = format!("https://localhost:{}", graph_address.port());
    let tenant = Tenant::new(world, options.quirks, &authority)?;

    let handle = axum_server::Handle::new();
    let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(tls));
    let server = axum_server::from_tcp_rustls(graph, config)
        .map_err(|error| StartError(format!("listen address {graph_address}: {error}")))?
        .handle(handle.clone());
    let front = MakeFront(tenant.service());
    let graph_task = tokio::spawn(async move {
        // Ends with the handle; an error then has nobody left to tell.
        let _ended = server.serve(front).await;
    });
    let control = tokio::net::TcpListener::from_std(control)
        .map_err(|error| StartError(format!("control address {control_address}: {error}")))?;
    let router = control::router(Arc::clone(&tenant.0));
    let control_task = tokio::spawn(async move {
        let _ended = axum::serve(control, router).await;
    });
    Ok(Running {
        endpoints: Endpoints {
            graph: format!("{authority}/v1.0"),
            authority,
            control: format!("http://{control_address}"),
            ca_file: options.tls_dir.join("ca.pem"),
        },
        tenant,
        handle,
        tasks: vec![graph_task, control_task],
    })
}
