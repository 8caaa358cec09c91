//! What came of a visit: into status, into words, and when the next one is worth while.

use std::time::Duration;

use kube::{Api, Resource, ResourceExt};

use super::{
    Again, Context, Kind, Outcome, Subject, Unfinished, Visited,
    context::{Guarded, title},
    halt::{Halt, Retry, Stage, Step},
    pace::{delayed, failed, jittered},
};
use crate::{
    api::{ConditionType, ManagedStatus, Reason},
    cluster::{Key, Place},
    plan::Problem,
    report::{self, Report},
};

/// Puts what came of a visit into status, and says what came of it and when the next one is worth while.
pub(super) async fn conclude_visit<K: Kind>(
    context: &Context,
    subject: &mut Subject<K>,
    result: Step<Outcome>,
) -> (Problem, Result<Again, Unfinished>) {
    let key = title(&subject.object);
    let mut generation = subject.generation();
    let mut answers = false;
    let (report, retry) = match result {
        Ok(Outcome::Released) => {
            context.succeeded(&key);
            let outcome = Problem::new(Reason::Released, "nothing holds the object any more");
            return (outcome, Ok(Again::OnNews));
        }
        Ok(Outcome::Paused) => {
            generation = compared_generation(subject);
            (paused(subject), None)
        }
        Ok(Outcome::Visited(visited)) => {
            let Visited { report, retry } = *visited;
            answers = true;
            if K::TELLS_SILENCE {
                context.was_compared(&subject.uid());
            }
            (report, delayed(context, &key, subject, retry))
        }
        // What was done is told even where the visit starts over.
        Err(halt) if halt.stage == Stage::Stale => {
            let after = context.went_stale(&key, subject.drift_interval);
            return (halt.problem, Ok(Again::After(after)));
        }
        Err(halt) => {
            // What keeps an EntraTenant from being connected is what its visit has to tell.
            answers = K::KIND == crate::api::KindName::EntraTenant || halt.problem.reason.answers_a_request();
            if halt.retry == Retry::OnReturn {
                let place = Place::new(subject.object.namespace().as_deref(), &subject.object.name_any());
                let key = Key { kind: K::KIND, place };
                // The visit did not come so far as to learn it from its tenant.
                subject.drift_interval = context.drift_interval(&key);
                context.awaits_return(key);
            }
            (halted(&halt), delayed(context, &key, subject, halt.retry))
        }
    };
    let transient = report
        .ready
        .as_ref()
        .is_err_and(|problem| problem.reason == Reason::GraphUnavailable);
    if answers {
        // A token is spent by what was planned for it, not by a visit that came to nothing.
        let token = subject.requested().map(str::to_owned);
        if token.is_some() {
            *subject.status.last_handled_mut() = token;
        }
    }
    // An outage of Graph makes nothing unready that was ready: what is in Entra stays in force.
    let silence = if transient && is_ready(&subject.object) {
        Some(silence(context, subject))
    } else {
        None
    };
    let written = match silence {
        // What was done is remembered all the same.
        Some(None) => subject.store().await,
        Some(Some(warning)) => write_report(subject, &kept(subject, warning), generation).await,
        None => write_report(subject, &report, generation).await,
    };
    if !matches!(&written, Err(halt) if halt.stage == Stage::Stale) {
        context.was_current(&key);
    }
    let written = match written {
        Ok(()) => Ok(()),
        Err(halt) => Err(unwritten(context, subject, &key, halt).await),
    };
    if written.is_ok() && retry.is_none() {
        context.succeeded(&key);
    }
    let next = written.and_then(|()| match (&report.ready, retry) {
        (Err(problem), Some(after)) => Err(Unfinished {
            problem: problem.clone(),
            after,
        }),
        (Ok(_), Some(after)) => Ok(Again::After(after)),
        (_, None) => Ok(Again::After(jittered(subject.drift_interval, &key))),
    });
    let outcome = match &next {
        Err(unfinished) => unfinished.problem.clone(),
        Ok(_) => report.ready.unwrap_or_else(|problem| problem),
    };
    (outcome, next)
}

/// The API server has taken a request and does not answer: the next visit finds what this one has done.
pub(super) fn given_up<K: Kind>(context: &Context, subject: &Subject<K>) -> (Problem, Result<Again, Unfinished>) {
    let key = title(&subject.object);
    let problem = Problem::new(
        Reason::Progressing,
        "the API server does not answer, so what came of the visit could not be written down; it is looked at again",
    );
    let after = failed(context, &key, subject.drift_interval);
    let unfinished = Unfinished {
        problem: problem.clone(),
        after,
    };
    (problem, Err(unfinished))
}

async fn write_report<K: Kind>(subject: &mut Subject<K>, report: &Report, generation: i64) -> Step<()> {
    let before = subject
        .object
        .status()
        .map(|status| status.conditions().to_vec())
        .unwrap_or_default(); // no status, no conditions
    *subject.status.observed_generation_mut() = generation;
    *subject.status.conditions_mut() = report::conditions(report, &before, generation, subject.now);
    subject.store().await?;
    subject.notes.extend(report::warning(report, &before));
    Ok(())
}

/// The status could not be written. One that the API server refuses says so in the conditions, where those at least are
/// taken.
async fn unwritten<K: Kind>(context: &Context, subject: &mut Subject<K>, key: &str, halt: Halt) -> Unfinished {
    let interval = subject.drift_interval;
    let after = match (halt.stage, halt.problem.reason) {
        (Stage::Stale, _) => context.went_stale(key, interval),
        (Stage::References | Stage::Sync, Reason::StatusRefused) => {
            // Where that is refused as well, the log tells.
            let _ = subject.store_refusal(&halt.problem).await;
            failed(context, key, interval)
        }
        (Stage::References | Stage::Sync, _) => failed(context, key, interval).max(Duration::from_secs(2)),
    };
    Unfinished {
        problem: halt.problem,
        after,
    }
}

fn halted(halt: &Halt) -> Report {
    let problem = Some(halt.problem.clone());
    let (references, sync) = match halt.stage {
        Stage::References => (problem.clone(), problem),
        Stage::Sync | Stage::Stale => (None, problem),
    };
    Report {
        ready: Err(halt.problem.clone()),
        references,
        sync,
        warning: None,
    }
}

/// A paused object keeps what its conditions said; only a warning tells that nobody looks any more.
fn paused<K: Kind>(subject: &Subject<K>) -> Report {
    let problem = Problem::new(
        Reason::Paused,
        format!(
            "{}=true: nothing is compared or written; remove the annotation to go on",
            crate::api::PAUSED
        ),
    );
    let before = subject.status.conditions();
    let of = |kind: ConditionType| before.iter().find(|condition| condition.type_ == kind.name());
    let kept = |kind: ConditionType| {
        of(kind).map(|condition| {
            let reason = Reason::ALL
                .iter()
                .copied()
                .find(|reason| reason.name() == condition.reason);
            let problem = Problem::new(reason.unwrap_or(Reason::Paused), condition.message.clone());
            if condition.status == "True" {
                Ok(problem)
            } else {
                Err(problem)
            }
        })
    };
    Report {
        ready: kept(ConditionType::Ready).unwrap_or_else(|| Err(problem.clone())),
        references: kept(ConditionType::ReferencesResolved).and_then(Result::err),
        sync: kept(ConditionType::Synced).and_then(Result::err),
        warning: Some(problem),
    }
}

/// After so many drift intervals without a comparison it is said that there was none.
const SILENT_INTERVALS: u32 = 3;

/// What is said of an object that is Ready and could not be compared with Entra, where that is said: at once that Graph is
/// away, and after long anything else.
fn silence<K: Kind>(context: &Context, subject: &Subject<K>) -> Option<Problem> {
    if let Some(problem) = K::away(context, &subject.object) {
        return Some(problem);
    }
    let longest = subject.drift_interval.saturating_mul(SILENT_INTERVALS);
    let is_long = K::TELLS_SILENCE && context.uncompared_for(&subject.uid()) >= longest;
    is_long.then(|| {
        Problem::new(
            Reason::GraphUnavailable,
            format!(
                "Microsoft Graph has not answered, or has asked us to wait, for {SILENT_INTERVALS} drift intervals or more, so nobody notices what changes in Entra; what was in force there still is"
            ),
        )
        .remedy("see the operator's log for what it was answered, and Microsoft's service health")
    })
}

/// What the object said of itself before, with a warning beside it.
fn kept<K: Kind>(subject: &Subject<K>, warning: Problem) -> Report {
    Report {
        warning: Some(warning),
        ..paused(subject)
    }
}

/// The generation that Ready speaks of, so that an edit of a paused object does not pass for done; of an object that was
/// never compared, the present one.
fn compared_generation<K: Kind>(subject: &Subject<K>) -> i64 {
    let ready = subject.status.ready();
    ready
        .and_then(|ready| ready.observed_generation)
        .unwrap_or_else(|| subject.generation())
}

/// Whether the object is Ready as its spec now is.
pub(super) fn is_ready<K: Kind>(object: &K) -> bool {
    let ready = object.status().and_then(ManagedStatus::ready);
    ready.is_some_and(|ready| ready.status == "True" && ready.observed_generation == object.meta().generation)
}

/// The reason of the Ready condition as it stands now.
pub(super) fn ready_reason<K: Kind>(subject: &Subject<K>) -> String {
    let ready = subject.status.ready();
    ready.map_or_else(|| Reason::Progressing.name(), |condition| condition.reason.clone())
}

/// Reports an object that does not parse on itself; the others go on.
pub(super) async fn unreadable<K: Kind>(context: &Context, object: &Guarded<K>, error: &str) {
    let name = object.name_any();
    let message = format!("the object cannot be read: {error}; apply it again with a current schema");
    tracing::warn!("{message}");
    let now = context.now();
    let report = Report::not_ready(Problem::new(Reason::InvalidSpec, message));
    let generation = object.meta().generation.unwrap_or_default(); // never of what the API server has sent
    let conditions = report::conditions(&report, &[], generation, now);
    let patch = serde_json::json!({"status": {"observedGeneration": generation, "conditions": conditions}});
    let client = context.client.clone();
    let resource = kube::core::ApiResource::erase::<K>(&());
    let api: Api<kube::core::DynamicObject> = match object.namespace() {
        Some(namespace) => Api::namespaced_with(client, &namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    if let Err(error) = api
        .patch_status(&name, &Default::default(), &kube::api::Patch::Merge(patch))
        .await
    {
        tracing::warn!(%error, "status of an unreadable object not written");
    }
}
