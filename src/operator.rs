//! The operator without its watches and its queues: news goes in, and objects are visited one by one.
//!
//! [`crate::controllers`] drives it by the API server's watches and kube's queues. Whoever wants to decide which news comes
//! when, and who is visited in which order, drives it directly.

use std::sync::Arc;

use kube::Client;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc::UnboundedReceiver};

use crate::{
    api::KindName,
    cluster::{Aftermath, Cluster, Lookup, NamespaceNews, News},
    metrics::Metrics,
    reconcile::{
        Alarm, Context, Kind, KindVisitor, LeftBehind, Machine, Settings, each_kind, reconcile, tell_standing,
    },
};

pub use crate::{
    cluster::{Key, Place},
    reconcile::Again,
};

/// What a watch tells of objects of one kind, as JSON.
#[derive(Clone, Debug)]
pub enum Told {
    /// It is there, in this form.
    Applied(Value),
    /// It is gone; this was its last form.
    Deleted(Value),
    /// These are all that there are.
    Listed(Vec<Value>),
}

/// An operator. Dropped with its visits, it is a process that was killed, but for the tasks of its [`Machine`].
pub struct Operator {
    context: Arc<Context>,
    rung: Mutex<UnboundedReceiver<Key>>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Operator").finish_non_exhaustive()
    }
}

impl Operator {
    /// One that has heard nothing yet.
    #[must_use]
    pub fn new(client: Client, settings: Settings, machine: Machine, metrics: Arc<Metrics>) -> Self {
        let cluster = Arc::new(Cluster::default());
        let (alarm, rung) = Alarm::new();
        let context = Arc::new(Context::new(client, settings, machine, cluster, metrics, alarm));
        tell_standing(&context);
        Self {
            context,
            rung: Mutex::new(rung),
        }
    }

    /// Waits until the operator itself asks for a visit of an object. One who stops waiting loses none.
    pub async fn rung(&self) -> Option<Key> {
        let key = self.rung.lock().await.recv().await?;
        self.context.attendance.woken(&key, self.context.clock.instant());
        Some(key)
    }

    /// Whether the operator is about to ask for visits, of some after the others.
    #[must_use]
    pub fn has_turns(&self) -> bool {
        self.context.alarm.has_turns()
    }

    /// Who has to look because the visit is late by a drift interval, which is two of them after the last, and nothing kept it:
    /// whoever drives the operator has forgotten them. They are counted.
    #[must_use]
    pub fn forgotten(&self) -> Vec<Key> {
        self.context.forgotten()
    }

    /// Lets it hear of objects of this kind; answers who has to look. What is not an object of the kind at all is not heard.
    pub async fn tell(&self, kind: KindName, told: Told) -> Vec<Key> {
        let mut telling = Telling {
            context: &self.context,
            kind,
            told: Some(told),
            aftermath: Aftermath::default(),
        };
        each_kind(&mut telling);
        let aftermath = telling.aftermath;
        self.follow(aftermath).await
    }

    /// Lets it hear of all namespaces there are, by name and labels; answers who has to look.
    pub async fn tell_namespaces(
        &self,
        namespaces: impl IntoIterator<Item = (String, Vec<(String, String)>)>,
    ) -> Vec<Key> {
        let listed = namespaces
            .into_iter()
            .map(|(name, labels)| (name, labels.into_iter().collect()))
            .collect();
        let aftermath = self.context.cluster.apply_namespaces(NamespaceNews::Listed(listed));
        self.follow(aftermath).await
    }

    /// What the API server has answered to its own requests since this was last asked is news as well: answers who has to
    /// look.
    pub async fn answered(&self) -> Vec<Key> {
        let aftermath = self.context.cluster.take_aftermath();
        self.follow(aftermath).await
    }

    /// Forgets what is gone, and tells of what was left behind.
    async fn follow(&self, aftermath: Aftermath) -> Vec<Key> {
        self.context.attendance.hear(&aftermath, self.context.clock.instant());
        let Aftermath { wake, departed } = aftermath;
        let left: Vec<LeftBehind> = departed
            .into_iter()
            .filter_map(|departed| self.context.depart(departed))
            .collect();
        for left in left {
            self.context.tell_left_behind(left).await;
        }
        wake.into_iter().collect()
    }

    /// One visit; none where it has not heard of such an object.
    pub async fn visit(&self, key: &Key) -> Option<Again> {
        match key.kind {
            KindName::EntraTenant => self.visit_one::<crate::api::EntraTenant>(key).await,
            KindName::Catalog => self.visit_one::<crate::api::Catalog>(key).await,
            KindName::ConnectedOrganization => self.visit_one::<crate::api::ConnectedOrganization>(key).await,
            KindName::AccessPackage => self.visit_one::<crate::api::AccessPackage>(key).await,
            KindName::AssignmentPolicy => self.visit_one::<crate::api::AssignmentPolicy>(key).await,
        }
    }

    async fn visit_one<K: Kind>(&self, key: &Key) -> Option<Again> {
        let Place { namespace, name } = &key.place;
        let object = self.context.cluster.get::<K>(namespace.as_deref(), name)?;
        let outcome = reconcile::<K>(Arc::new(object), Arc::clone(&self.context)).await;
        Some(outcome.unwrap_or_else(|unfinished| Again::After(unfinished.after())))
    }
}

struct Telling<'a> {
    context: &'a Context,
    kind: KindName,
    told: Option<Told>,
    aftermath: Aftermath,
}

impl KindVisitor for Telling<'_> {
    fn kind<K: Kind>(&mut self) {
        if K::KIND != self.kind {
            return;
        }
        let read = |object: Value| serde_json::from_value::<Lookup<K>>(object).ok();
        let news = match self.told.take() {
            Some(Told::Applied(object)) => read(object).map(News::Applied),
            Some(Told::Deleted(object)) => read(object).map(News::Deleted),
            Some(Told::Listed(objects)) => Some(News::Listed(objects.into_iter().filter_map(read).collect())),
            None => None,
        };
        if let Some(news) = news {
            self.aftermath = self.context.cluster.apply(news);
        }
    }
}
