//! The watches, and a queue of visits for each kind.
//!
//! There is one watch for each kind. What it tells goes into the [`Cluster`] first, and the cluster says who has to look
//! (`cluster::wake` has the table): whoever is woken finds there what woke it, so that no wake-up is lost to one watch that
//! lags behind another. A sweep looks for visits that are late though nothing keeps them: a wake-up that was lost all the same
//! is made good, and counted.

use std::{
    fmt::Debug,
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{
    FutureExt, Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::{BoxFuture, Shared, join_all},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action, Config},
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;

use crate::{
    api::KindName,
    cluster::{Aftermath, Cluster, Key, Labels, Lookup, NamespaceNews, News, Place, slim},
    metrics::Metrics,
    reconcile::{
        Again, Alarm, Context, Kind, KindVisitor, LeftBehind, Machine, Settings, Unfinished, each_kind, reconcile,
        tell_standing,
    },
    server::Health,
};

/// How often it is looked for who was forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// Runs every controller until `stop` completes, and until the visits that run then have ended.
///
/// A controller that loses its watch begins it anew.
pub async fn run(
    client: Client,
    settings: Settings,
    machine: Machine,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let cluster = Arc::new(Cluster::default());
    let (alarm, mut rung) = Alarm::new();
    let context = Arc::new(Context::new(
        client.clone(),
        settings,
        machine,
        Arc::clone(&cluster),
        metrics,
        alarm,
    ));
    tell_standing(&context);

    let mut queues = Queues {
        context: Arc::clone(&context),
        stop: stop.boxed().shared(),
        bells: Vec::new(),
        sources: Vec::new(),
        controllers: Vec::new(),
    };
    each_kind(&mut queues);
    let Queues {
        context: _,
        stop: _,
        bells,
        sources,
        controllers,
    } = queues;
    let (left, left_behind) = unbounded();
    let bells = Arc::new(Bells {
        context: Arc::clone(&context),
        bells,
        left,
    });
    let kinds = sources
        .into_iter()
        .map(|source| source(client.clone(), Arc::clone(&bells)));
    let watches = join_all(kinds.chain([watch_namespaces(&client, Arc::clone(&bells))]));
    let filled = async {
        cluster.filled().await;
        health.ready.store(true, Ordering::Relaxed);
        std::future::pending::<()>().await;
    };
    let told = tell(&context, left_behind);
    let answered = async {
        loop {
            bells.pass_on(cluster.aftermath().await);
        }
    };
    let others = async {
        while let Some(key) = rung.recv().await {
            context.attendance.woken(&key, context.clock.instant());
            bells.ring(&key);
        }
    };
    tokio::select! {
        _ = join_all(controllers) => {}
        _ = watches => {}
        () = filled => {}
        () = told => {}
        () = answered => {}
        () = others => {}
        () = sweep(&bells) => {}
    }
}

/// Wakes whom the queues have forgotten.
async fn sweep(bells: &Bells) {
    let clock = &bells.context.clock;
    loop {
        let begun = clock.instant();
        clock.sleep(SWEEP).await;
        // A process that stood still finds every visit late, and makes them all now.
        if clock.since(begun) < 2 * SWEEP {
            for key in bells.context.forgotten() {
                bells.ring(&key);
            }
        }
    }
}

/// What somebody left behind in Entra is told beside the visits, one after the other.
async fn tell(context: &Context, left_behind: UnboundedReceiver<LeftBehind>) {
    left_behind
        .for_each(|left| async move { context.tell_left_behind(left).await })
        .await;
}

/// What is made for each kind, in the order of the kinds.
struct Queues {
    context: Arc<Context>,
    stop: Shared<BoxFuture<'static, ()>>,
    bells: Vec<(KindName, Bell)>,
    sources: Vec<Source>,
    controllers: Vec<BoxFuture<'static, ()>>,
}

/// Wakes the visit of an object of one kind.
type Bell = Box<dyn Fn(&Place) + Send + Sync>;
/// Begins the watch of one kind, when the bells of all are there.
type Source = Box<dyn FnOnce(Client, Arc<Bells>) -> BoxFuture<'static, ()> + Send>;

impl KindVisitor for Queues {
    fn kind<K: Kind>(&mut self) {
        let (store, writer) = reflector::store::<Lookup<K>>();
        let (bell, rings): (UnboundedSender<ObjectRef<Lookup<K>>>, _) = unbounded();
        let ring = move |place: &Place| {
            let reference = ObjectRef::new(&place.name);
            let reference = match &place.namespace {
                Some(namespace) => reference.within(namespace),
                None => reference,
            };
            // Fails only when the controller has ended, and then nobody needs to be woken.
            let _ = bell.unbounded_send(reference);
        };
        self.bells.push((K::KIND, Box::new(ring)));
        self.sources
            .push(Box::new(|client, bells| watch(&client, writer, bells)));
        self.controllers
            .push(drive(store, rings, &self.context, self.stop.clone()));
    }
}

/// Where news goes.
struct Bells {
    context: Arc<Context>,
    bells: Vec<(KindName, Bell)>,
    left: UnboundedSender<LeftBehind>,
}

impl Bells {
    /// Forgets what is gone, then wakes whom the news concerns.
    fn pass_on(&self, aftermath: Aftermath) {
        self.context.attendance.hear(&aftermath, self.context.clock.instant());
        let Aftermath { wake, departed } = aftermath;
        for left in departed
            .into_iter()
            .filter_map(|departed| self.context.depart(departed))
        {
            // Fails only at the end of the process.
            let _ = self.left.unbounded_send(left);
        }
        for key in &wake {
            self.ring(key);
        }
    }

    fn ring(&self, Key { kind, place }: &Key) {
        for (_, bell) in self.bells.iter().filter(|(of, _)| of == kind) {
            bell(place);
        }
    }
}

/// One watch: the store first, then the cluster, then the bells.
fn watch<K: Kind>(client: &Client, writer: Writer<Lookup<K>>, bells: Arc<Bells>) -> BoxFuture<'static, ()> {
    let store = writer.as_reader();
    let events = reflector::reflector(writer, seen(Api::<Lookup<K>>::all(client.clone()))).default_backoff();
    Box::pin(events.for_each(move |event| {
        let news = match event {
            Ok(watcher::Event::Apply(object)) => Some(News::Applied(object)),
            Ok(watcher::Event::Delete(object)) => Some(News::Deleted(object)),
            // A listing becomes visible in the store as a whole, at its end.
            Ok(watcher::Event::InitDone) => {
                let all = store.state();
                Some(News::Listed(all.iter().map(|object| Lookup::clone(object)).collect()))
            }
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => None,
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), %error, "watching");
                None
            }
        };
        if let Some(news) = news {
            bells.pass_on(bells.context.cluster.apply(news));
        }
        std::future::ready(())
    }))
}

/// The watch of namespaces: of them, only the labels.
fn watch_namespaces(client: &Client, bells: Arc<Bells>) -> BoxFuture<'static, ()> {
    let named = |namespace: PartialObjectMeta<Namespace>| -> (String, Labels) {
        let name = namespace.name_any();
        // No labels are an empty set of them: the API server leaves it out.
        (name, namespace.metadata.labels.unwrap_or_default())
    };
    let mut listing = Vec::new();
    let events = seen(Api::all(client.clone())).default_backoff();
    Box::pin(events.for_each(move |event| {
        let news = match event {
            Ok(watcher::Event::Apply(namespace)) => {
                let (name, labels) = named(namespace);
                Some(NamespaceNews::Applied(name, labels))
            }
            Ok(watcher::Event::Delete(namespace)) => Some(NamespaceNews::Deleted(namespace.name_any())),
            Ok(watcher::Event::Init) => {
                listing.clear();
                None
            }
            Ok(watcher::Event::InitApply(namespace)) => {
                listing.push(named(namespace));
                None
            }
            Ok(watcher::Event::InitDone) => Some(NamespaceNews::Listed(std::mem::take(&mut listing))),
            Err(error) => {
                tracing::warn!(kind = "Namespace", %error, "watching");
                None
            }
        };
        if let Some(news) = news {
            bells.pass_on(bells.context.cluster.apply_namespaces(news));
        }
        std::future::ready(())
    }))
}

fn seen<T>(api: Api<T>) -> impl Stream<Item = Result<watcher::Event<T>, watcher::Error>> + Send
where
    T: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    watcher::watcher(api, watcher::Config::default()).modify(slim)
}

fn drive<K: Kind>(
    store: Store<Lookup<K>>,
    rings: impl Stream<Item = ObjectRef<Lookup<K>>> + Send + 'static,
    context: &Arc<Context>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) -> BoxFuture<'static, ()> {
    // Objects of the kind itself ring the same bell, so the stream of its own is silent.
    let silent = futures::stream::pending::<Result<Lookup<K>, watcher::Error>>();
    Controller::for_stream(silent, store)
        // Who waits stands in a line of ours, which knows namespaces: `visit`.
        .with_config(Config::default().concurrency(0))
        .reconcile_on(rings)
        .graceful_shutdown_on(stop)
        .run(
            visit::<K>,
            |_, unfinished, _| Action::requeue(unfinished.after()),
            Arc::clone(context),
        )
        .for_each(|result| async move { complain::<K>(result) })
        .boxed()
}

/// The queue's own store knows only what the watch has told; the cluster also knows what was answered to this process.
async fn visit<K: Kind>(queued: Arc<Lookup<K>>, context: Arc<Context>) -> Result<Action, Unfinished> {
    let place = queued.place();
    drop(queued);
    let line = context.attendance.queued(Key {
        kind: K::KIND,
        place: place.clone(),
    });
    let Place { namespace, name } = place;
    let own = namespace.as_deref().unwrap_or_default(); // what belongs to the cluster is a namespace of its own
    let turn = context.turns.take(K::KIND, own).await;
    drop(line);
    let Some(object) = context.cluster.get::<K>(namespace.as_deref(), &name) else {
        return Ok(Action::await_change());
    };
    // In a box of its own: those who stand in line need not carry it.
    let again = Box::pin(reconcile(Arc::new(object), Arc::clone(&context))).await;
    drop(turn);
    again.map(|again| match again {
        Again::After(after) => Action::requeue(after),
        Again::OnNews => Action::await_change(),
    })
}

/// What a controller says of one visit.
type VisitResult<K> = Result<(ObjectRef<Lookup<K>>, Action), controller::Error<Unfinished, watcher::Error>>;

fn complain<K: Kind>(result: VisitResult<K>) {
    match result {
        // What came of a visit it has told itself.
        Ok(_) | Err(controller::Error::ObjectNotFound(_) | controller::Error::ReconcilerFailed(..)) => {}
        Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "queueing"),
    }
}
