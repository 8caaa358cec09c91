//! The object of a visit, and how what we know about it gets into its status.
//!
//! Every write of status is a PUT with the resourceVersion that we read: a visit that began from an outdated copy
//! cannot overwrite what an earlier one stored. Two writes go before the end of the visit: the intent to create, before
//! the create is sent, and the identity, as soon as it is known.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{
    Kind, Managed,
    audit::Author,
    context::{Context, Guarded, holder},
    halt::{Halt, Retry, Stage, Step, kubernetes},
    identity::Site,
    pace::DRIFT_INTERVAL,
};
use crate::{
    api::{
        ACKNOWLEDGE, EXTERNAL_ID, EntraObject, EntraStatus, FINALIZER, Intent, ManagedStatus, ORPHAN, PAUSED,
        RECONCILE_REQUESTED_AT, Reason, TenantOfIntent,
    },
    chance::Chance,
    clock::Clock,
    cluster::{Cluster, Place},
    plan::{self, Drift, Plan},
    report::{self, Note, Report},
};

/// How often one visit tries to store a status that meets others' writes or an API server that is away.
const STORE_TRIES: u32 = 6;
/// How often the identity is tried: what it stands for exists in Entra already.
const IDENTITY_TRIES: u32 = 8;

/// The object of a visit.
pub(crate) struct Subject<K: Kind> {
    /// As last read or written.
    pub(crate) object: K,
    /// The status that will be written.
    pub(crate) status: K::Status,
    /// When the visit began.
    pub(crate) now: Timestamp,
    /// What to tell about the visit, in order.
    pub(crate) notes: Vec<Note>,
    /// When to look again though nothing happened.
    pub(crate) drift_interval: Duration,
    /// The generation that this visit compares: what comes back from a write may be a newer one.
    generation: i64,
    /// The token of a visit that somebody had asked for when this one began: one that comes meanwhile is for the next.
    asked: Option<String>,
    /// The status as it was when it was last read or written by us.
    known: Option<K::Status>,
    api: Api<K>,
    cluster: Arc<Cluster>,
    clock: Clock,
    chance: Chance,
    /// Who changed its spec last, where the object was read by itself.
    author: Option<Author>,
}

impl<K: Kind> Subject<K> {
    pub(crate) fn new(context: &Context, object: K) -> Self {
        let api = K::api(&context.client, object.namespace().as_deref());
        let known = object.status().cloned();
        let status = known.clone().unwrap_or_default(); // no status yet
        let asked = object.annotations().get(RECONCILE_REQUESTED_AT);
        Self {
            asked: asked.filter(|token| status.last_handled() != Some(token)).cloned(),
            status,
            known,
            generation: object.meta().generation.unwrap_or_default(), // of an object that was never stored
            object,
            now: context.now(),
            notes: Vec::new(),
            drift_interval: DRIFT_INTERVAL,
            api,
            cluster: Arc::clone(&context.cluster),
            clock: context.clock.clone(),
            chance: context.machine.chance.clone(),
            author: None,
        }
    }

    pub(crate) fn uid(&self) -> String {
        self.object.uid().unwrap_or_default() // never of what the API server has sent
    }

    /// Who changed its spec last; `None` where that was not read, or is not told.
    pub(crate) fn author(&self) -> Option<&Author> {
        self.author.as_ref()
    }

    pub(crate) fn generation(&self) -> i64 {
        self.generation
    }

    /// The time that is left of this visit.
    pub(crate) fn left(&self, context: &Context) -> Duration {
        let gone = context.now().duration_since(self.now);
        super::LONGEST_VISIT.saturating_sub(Duration::try_from(gone).unwrap_or(Duration::ZERO))
    }

    pub(crate) fn namespace(&self) -> String {
        self.object.namespace().unwrap_or_default() // an object of the cluster has none
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.object.annotations().get(name).map(String::as_str)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.annotation(PAUSED) == Some("true")
    }

    pub(crate) fn is_to_be_orphaned(&self) -> bool {
        self.annotation(ORPHAN) == Some("true")
    }

    /// The object of Entra that this one, or the one that it is a copy of, once stood for: a hint and no proof.
    pub(crate) fn external_id(&self) -> Option<&str> {
        self.annotation(EXTERNAL_ID).filter(|id| !id.is_empty())
    }

    /// The token of a visit that somebody asked for and that has not been answered.
    pub(crate) fn requested(&self) -> Option<&str> {
        self.asked.as_deref()
    }

    /// What may be done about drift, and whether somebody asked for more.
    pub(crate) fn drift(&self, policy: crate::api::DriftPolicy) -> Drift {
        Drift {
            policy,
            requested: self.requested().is_some(),
        }
    }

    /// The token with which a person has agreed to a change of what people have.
    pub(crate) fn acknowledged(&self) -> Option<&str> {
        self.annotation(ACKNOWLEDGE)
    }

    /// The command that annotates the object, up to the annotation.
    pub(crate) fn annotate_command(&self) -> String {
        let namespace = self
            .object
            .namespace()
            .map(|namespace| format!(" -n {namespace}"))
            .unwrap_or_default(); // an object of the cluster has none
        format!(
            "kubectl annotate {} {}{namespace}",
            K::plural(&()),
            self.object.name_any()
        )
    }

    /// The command that asks for such a visit.
    pub(crate) fn request_command(&self) -> String {
        format!(
            "{} --overwrite {RECONCILE_REQUESTED_AT}=\"$(date -u +%FT%TZ)\"",
            self.annotate_command()
        )
    }

    /// Adds or removes our finalizer.
    pub(crate) async fn set_finalizer(&mut self, wanted: bool) -> Step<()> {
        let before = self.object.finalizers();
        if before.iter().any(|finalizer| finalizer == FINALIZER) == wanted {
            return Ok(());
        }
        let mut after: Vec<&str> = before
            .iter()
            .map(String::as_str)
            .filter(|finalizer| *finalizer != FINALIZER)
            .collect();
        if wanted {
            after.push(FINALIZER);
        }
        // With the resourceVersion, so that a finalizer that somebody else adds meanwhile is not lost.
        let patch = json!({"metadata": {
            "resourceVersion": self.object.resource_version(), "finalizers": after,
        }});
        let exists = self.patch(&patch, "writing the finalizer").await?;
        if exists || !wanted { Ok(()) } else { Err(Halt::stale()) }
    }

    /// Goes on with the object as the API server has just answered it, and so does everybody else here who reads it.
    fn take(&mut self, object: K) {
        self.cluster.hears(&object);
        self.object = object;
    }

    /// Whether the object is still there.
    async fn patch(&mut self, patch: &serde_json::Value, doing: &str) -> Step<bool> {
        let patched = self
            .api
            .patch(&self.object.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await;
        match patched {
            Ok(object) => {
                self.take(object);
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
            Err(kube::Error::Api(status)) if status.is_conflict() => Err(Halt::stale()),
            Err(error) => Err(kubernetes(doing, &error)),
        }
    }

    /// Ends the visit where the object in the cluster is no longer the one that was decided on: another spec, a status that
    /// an earlier visit has written and that this one has not seen, or an annotation that lets Entra be.
    pub(crate) async fn assert_current(&mut self) -> Step<()> {
        let now = self.api.get_opt(&self.object.name_any()).await;
        let now = now.map_err(|error| kubernetes("reading the object", &error))?;
        let is_same = now.as_ref().is_some_and(|now| {
            let leaves = |object: &K| [PAUSED, ORPHAN].map(|name| object.annotations().get(name).cloned());
            now.uid() == self.object.uid()
                && now.meta().generation == Some(self.generation)
                && now.meta().deletion_timestamp == self.object.meta().deletion_timestamp
                && now.status() == self.known.as_ref()
                && leaves(now) == leaves(&self.object)
        });
        if is_same {
            self.author = now.as_ref().and_then(|now| Author::of(now.meta()));
            return Ok(());
        }
        // The next visit begins from it, whether the watch has told by then or not.
        match now {
            Some(now) => self.cluster.hears(&now),
            None => self.cluster.hears_of_none::<K>(&Place::of(&self.object)),
        }
        Err(Halt::stale())
    }

    /// Writes the status where it says something new. Where the object changed meanwhile, what was done is written into it
    /// as it is now: nobody else writes status, and a visit that was under way has happened.
    ///
    /// # Errors
    /// [`Reason::StatusRefused`] where the API server does not take it.
    pub(crate) async fn store(&mut self) -> Step<()> {
        self.put_within(STORE_TRIES).await
    }

    /// Writes the status, in so many tries: again at once where a write of others came between, later and later where the
    /// API server is away, so that what was done is not forgotten for that. A status that it refuses is not tried again.
    async fn put_within(&mut self, tries: u32) -> Step<()> {
        let mut wait = Duration::from_millis(100);
        let mut last = Halt::stale();
        for _ in 0..tries {
            if self.object.status() == Some(&self.status) {
                return Ok(());
            }
            match self.put().await {
                Ok(()) => return Ok(()),
                Err(halt) if halt.stage == Stage::Stale => self.reread().await?,
                Err(halt) if halt.problem.reason == Reason::StatusRefused => return Err(halt),
                Err(halt) => {
                    last = halt;
                    self.clock.sleep(wait).await;
                    wait *= 2;
                }
            }
        }
        Err(last)
    }

    /// As read, until the API server has taken the status.
    async fn put(&mut self) -> Step<()> {
        let mut object = self.object.clone();
        *object.status_mut() = Some(self.status.clone());
        let name = object.name_any();
        match self.api.replace_status(&name, &PostParams::default(), &object).await {
            Ok(object) => {
                self.take(object);
                self.known = self.object.status().cloned();
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => Err(Halt::stale()),
            Err(error) => Err(unstored(&error)),
        }
    }

    /// Writes conditions that tell of a refused status, and which object of Entra this is, if that at least is taken; else
    /// the conditions alone.
    ///
    /// # Errors
    /// Where not even those are taken.
    pub(crate) async fn store_refusal(&mut self, problem: &plan::Problem) -> Step<()> {
        let before = self.object.status().map(|status| status.conditions().to_vec());
        let before = before.unwrap_or_default(); // no status, no conditions
        let report = Report::not_ready(problem.clone());
        let conditions = report::conditions(&report, &before, self.generation, self.now);
        let mut whole = self.object.clone();
        *whole.status_mut() = Some(self.status.clone());
        // What cannot be written down is left out; the conditions tell all the same.
        let whole = serde_json::to_value(&whole).unwrap_or_default();
        let alone = json!({"observedGeneration": self.generation, "conditions": conditions});
        let mut with_identity = alone.clone();
        if !whole["status"]["entra"].is_null() || !whole["status"]["intent"].is_null() {
            for field in ["entra", "intent", "applied"] {
                with_identity[field] = whole["status"][field].clone();
            }
        }
        for status in [with_identity, alone] {
            let patch = json!({"metadata": {"resourceVersion": self.object.resource_version()}, "status": status});
            let name = self.object.name_any();
            let patch = Patch::Merge(&patch);
            match self.api.patch_status(&name, &PatchParams::default(), &patch).await {
                Ok(object) => {
                    self.take(object);
                    self.known = self.object.status().cloned();
                    return Ok(());
                }
                Err(kube::Error::Api(status)) if status.is_conflict() => return Err(Halt::stale()),
                Err(_) => {} // the first refusal is the one that is told
            }
        }
        Err(Halt::sync(problem.reason, problem.message(), Retry::Backoff))
    }

    /// Takes the object as it is now; what we are about to store stays in `status`.
    ///
    /// # Errors
    /// Where it is another object, or where its status is one that this visit has not begun from.
    async fn reread(&mut self) -> Step<()> {
        let now = self.api.get_opt(&self.object.name_any()).await;
        match now {
            Ok(Some(now)) if now.uid() == self.object.uid() && now.status() == self.known.as_ref() => {
                self.take(now);
                Ok(())
            }
            Ok(Some(now)) => {
                self.cluster.hears(&now);
                Err(Halt::stale())
            }
            Ok(None) => Err(Halt::stale()),
            // The API server is away: the next try says whether it is back.
            Err(_) => Ok(()),
        }
    }
}

impl<K: Managed> Subject<K> {
    /// Tells that Entra is left as it is.
    pub(crate) fn note_release(&mut self) {
        let left = self
            .status
            .entra()
            .map_or("nothing".to_owned(), |entra| format!("{} {}", K::NOUN, entra.id));
        self.notes
            .push(Note::done(Reason::Released, format!("{left} stays in Entra as it is")));
    }

    /// The name that is being made: the intent's.
    pub(crate) fn intended(&self) -> String {
        let intent = self.status.intent();
        intent.map_or_else(|| self.object.display_name(), |intent| intent.display_name.clone())
    }

    /// Whether something of the plan has to be looked at again before it is done or told: steps, and what is held back for
    /// another reason than the one that is told already.
    pub(crate) fn has_news(&self, plan: &Plan<K::Act>) -> bool {
        if plan.is_open || !plan.steps.is_empty() {
            return true;
        }
        let told = self.status.conditions();
        plan.held_problem(&self.request_command()).is_some_and(|problem| {
            !told.iter().any(|condition| {
                condition.reason == problem.reason.name()
                    && condition.status == "False"
                    && problem.is_told_by(&condition.message)
            })
        })
    }

    /// Writes the intent to create an object called `display_name` at `site`, before the create is sent. The old id goes
    /// in the same write.
    pub(crate) async fn begin(
        &mut self,
        display_name: &str,
        site: &Site,
        fingerprint: String,
        started_at: Timestamp,
    ) -> Step<()> {
        let place = &site.place;
        *self.status.intent_mut() = Some(Intent {
            nonce: self.chance.mark(),
            display_name: display_name.to_owned(),
            parent_id: place.parent_id.clone(),
            started_at: started_at.to_string(),
            tried_again_at: None,
            fingerprint,
            catalog_id: (!place.catalog_id.is_empty()).then(|| place.catalog_id.clone()),
            tenant: Some(TenantOfIntent {
                cloud: site.tenant.cloud_name(),
                tenant_id: site.tenant.id.clone(),
            }),
        });
        *self.status.entra_mut() = None;
        *self.status.applied_mut() = None;
        self.put().await
    }

    /// Writes that the create of the intent is sent once more, before it is.
    pub(crate) async fn try_again(&mut self, now: Timestamp) -> Step<()> {
        if let Some(intent) = self.status.intent_mut() {
            intent.tried_again_at = Some(now.to_string());
        }
        self.put().await
    }

    /// Whether the create of the intent was sent before.
    pub(crate) fn is_second_try(&self) -> bool {
        let intent = self.status.intent();
        intent.is_some_and(|intent| intent.tried_again_at.is_some())
    }

    /// The create was refused: nothing came of the intent.
    pub(crate) async fn abandon(&mut self) -> Step<()> {
        *self.status.intent_mut() = None;
        self.store().await
    }

    /// Writes the id of the object of Entra into the annotation, where it stands otherwise: a backup of the object has it,
    /// also without the status.
    pub(crate) async fn mark(&mut self) -> Step<()> {
        let Some(id) = self.status.entra().map(|entra| entra.id.clone()) else {
            return Ok(());
        };
        if self.external_id() == Some(&id) {
            return Ok(());
        }
        // With the resourceVersion: what comes back must not be a spec that this visit does not know.
        let patch = json!({"metadata": {
            "resourceVersion": self.object.resource_version(), "annotations": {EXTERNAL_ID: id},
        }});
        self.patch(&patch, "writing the annotation").await.map(drop)
    }

    /// Stores which object of Entra this is. Tried until it is stored: the object in Entra exists already.
    pub(crate) async fn identify(&mut self, context: &Context, entra: EntraObject) -> Step<()> {
        if let Err(other) = context.claims.claim(&entra, &holder(&self.object)) {
            return Err(super::identity::refused(plan::identity::claimed(
                &entra.id,
                &other.name,
            )));
        }
        *self.status.entra_mut() = Some(entra);
        *self.status.intent_mut() = None;
        *self.status.applied_mut() = None;
        match self.put_within(IDENTITY_TRIES).await {
            Ok(()) => {
                // The identity is stored; where the hint to it is not, the next visit writes it.
                let _ = self.mark().await;
                Ok(())
            }
            Err(halt) if halt.stage == Stage::Stale || halt.problem.reason == Reason::StatusRefused => Err(halt),
            Err(_) => Err(Halt::sync(
                Reason::Progressing,
                "the object exists in Entra, but its id could not be stored in status; the intent in status finds it again",
                Retry::Backoff,
            )),
        }
    }
}

/// The status was not stored.
fn unstored(error: &kube::Error) -> Halt {
    match error {
        // An answer that sending it again does not change: 429 is one that asks to wait.
        kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 429 => Halt::sync(
            Reason::StatusRefused,
            format!(
                "the API server refuses the status of this object: {}",
                status.message.trim_end_matches('.')
            ),
            Retry::Backoff,
        ),
        other => kubernetes("writing the status", other),
    }
}

/// The object where it could be read.
pub(crate) fn readable<K: Clone>(guarded: &Guarded<K>) -> Result<K, String> {
    match guarded.read() {
        Ok(object) => Ok(K::clone(object)),
        Err(unreadable) => Err(unreadable.error.clone()),
    }
}
