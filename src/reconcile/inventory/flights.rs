//! Lists under way: one for each question, however many wait for it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::watch;
use tracing::Instrument;

use super::{Freshness, Inner, lock};
use crate::{
    graph::{AccessPackageId, CatalogId, GraphError, GraphErrorKind},
    plan::view::Moment,
};

/// How long a failure that may pass answers for whoever asks the same: one outage, one question.
const FAILURE_SERVES: Duration = Duration::from_secs(2);

/// What is asked for as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    Catalogs,
    Organizations,
    Packages(CatalogId),
    Policies(CatalogId, AccessPackageId),
    Resources(CatalogId),
}

type Outcome = Result<(), Arc<GraphError>>;

#[derive(Clone)]
struct Flight {
    begun: Moment,
    landed: watch::Receiver<Option<Outcome>>,
}

impl Flight {
    /// Whether it will land: one that was broken off never does.
    fn is_alive(&self) -> bool {
        self.landed.borrow().is_some() || self.landed.has_changed().is_ok()
    }
}

/// What became of a question so far.
#[derive(Default)]
struct Record {
    /// When it was first asked since it was last answered.
    asked: Option<Moment>,
    /// When it was last answered.
    succeeded: Option<Moment>,
    /// When it last failed, since it was last answered.
    failed: Option<(Moment, Arc<GraphError>)>,
}

#[derive(Default)]
pub(super) struct Flights {
    under_way: HashMap<Question, Flight>,
    records: HashMap<Question, Record>,
}

impl Flights {
    /// When the question was last answered.
    pub(super) fn succeeded(&self, question: &Question) -> Option<Moment> {
        self.records.get(question)?.succeeded
    }

    /// Since when the question has been asked without an answer, or is answered no more.
    pub(super) fn waiting_since(&self, question: &Question) -> Option<Moment> {
        let Record {
            asked,
            succeeded,
            failed: _,
        } = self.records.get(question)?;
        asked.map(|asked| succeeded.unwrap_or(asked))
    }

    /// The answer is known without asking.
    pub(super) fn known(&mut self, question: Question, now: Moment) {
        self.records.insert(
            question,
            Record {
                succeeded: Some(now),
                ..Record::default()
            },
        );
    }

    /// The catalog is gone, and so is what was asked of it.
    pub(super) fn forget(&mut self, catalog: &CatalogId) {
        self.records.retain(|question, _| match question {
            Question::Catalogs | Question::Organizations => true,
            Question::Packages(of) | Question::Policies(of, _) | Question::Resources(of) => of != catalog,
        });
    }

    /// What serves without a flight, if anything does.
    fn served(&self, question: &Question, now: Moment, age: Duration) -> Option<Result<(), GraphError>> {
        let record = self.records.get(question)?;
        // From its end: a list that takes longer than the interval serves all the same.
        if record.succeeded.is_some_and(|ended| now < ended + age) {
            return Some(Ok(()));
        }
        let (ended, error) = record.failed.as_ref()?;
        let serves = error.retry_after.unwrap_or(FAILURE_SERVES);
        let passed = now.saturating_sub(*ended);
        (error.is_transient() && passed < serves).then(|| {
            let mut error = copied(error);
            error.retry_after = error.retry_after.map(|wait| wait.saturating_sub(passed));
            Err(error)
        })
    }

    fn landed(&mut self, question: &Question, ended: Moment, outcome: &Outcome) {
        self.under_way.remove(question);
        let record = self.records.entry(question.clone()).or_default();
        match outcome {
            Ok(()) => {
                *record = Record {
                    succeeded: Some(ended),
                    ..Record::default()
                };
            }
            Err(error) => record.failed = Some((ended, Arc::clone(error))),
        }
    }
}

impl Inner {
    /// Sees to it that the view has a list that is recent enough.
    pub(super) async fn ask(self: &Arc<Self>, question: Question, freshness: Freshness) -> Result<(), GraphError> {
        let asked = self.now();
        if let Freshness::Within(age) = freshness
            && let Some(served) = lock(&self.flights).served(&question, asked, age)
        {
            return served;
        }
        loop {
            let mut flight = self.board(&question);
            let landed = flight.landed.wait_for(Option::is_some).await;
            let outcome = landed.ok().and_then(|outcome| outcome.clone()).ok_or_else(|| {
                GraphError::new(
                    GraphErrorKind::Unreachable,
                    "list",
                    "the list was broken off; it is begun again",
                )
            })?;
            outcome.map_err(|error| copied(&error))?;
            // A list that was under way already tells of a time before the question.
            if freshness != Freshness::Now || flight.begun >= asked {
                return Ok(());
            }
        }
    }

    /// The flight under way, or a new one. It ends by itself: whoever waits may leave.
    fn board(self: &Arc<Self>, question: &Question) -> Flight {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.under_way.get(question).filter(|flight| flight.is_alive()) {
            return flight.clone();
        }
        let begun = self.now();
        let (tell, landed) = watch::channel(None);
        let flight = Flight { begun, landed };
        flights.under_way.insert(question.clone(), flight.clone());
        let record = flights.records.entry(question.clone()).or_default();
        record.asked.get_or_insert(begun);
        let (inner, question) = (Arc::clone(self), question.clone());
        let fly = async move {
            let outcome = inner.fly(&question, begun).await.map_err(Arc::new);
            lock(&inner.flights).landed(&question, inner.now(), &outcome);
            tell.send_replace(Some(outcome));
        };
        self.machine.start(fly.in_current_span());
        flight
    }
}

/// The same failure, for another who waited for it.
fn copied(error: &GraphError) -> GraphError {
    let mut copy = GraphError::new(error.kind, error.operation, error.message.clone());
    copy.status = error.status;
    copy.code.clone_from(&error.code);
    copy.request_id.clone_from(&error.request_id);
    copy.client_request_id.clone_from(&error.client_request_id);
    copy.retry_after = error.retry_after;
    copy.needed_permission = error.needed_permission;
    copy
}
