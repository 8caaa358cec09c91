//! What the operator takes from the machine that it runs on.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::AbortHandle;

use crate::{
    chance::Chance,
    clock::Clock,
    graph::{Endpoint, GraphError, Line},
    tenure::Tenure,
};

/// Time, chance, and the way to other hosts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What time it is.
    pub clock: Clock,
    /// What spreads and marks.
    pub chance: Chance,
    /// Until when it may be written from here.
    pub tenure: Tenure,
    line: Way,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
}

#[derive(Clone, Debug)]
enum Way {
    /// To whichever host the tenant's cloud has.
    Https,
    /// The same for every tenant.
    Given(Line),
}

impl Machine {
    /// The machine as it is: its clock, its chance, HTTPS.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: Clock::system(),
            chance: Chance::system(),
            tenure: Tenure::unlimited(),
            line: Way::Https,
            tasks: Arc::default(),
        }
    }

    /// A machine of this clock and chance, whose requests to Graph and to the token authority go over `line`.
    #[must_use]
    pub fn simulated(clock: Clock, chance: Chance, line: Line) -> Self {
        Self {
            clock,
            chance,
            tenure: Tenure::unlimited(),
            line: Way::Given(line),
            tasks: Arc::default(),
        }
    }

    /// The same machine, from which it may be written only as long as this tenure lasts.
    #[must_use]
    pub fn during(self, tenure: Tenure) -> Self {
        Self { tenure, ..self }
    }

    /// Starts a task that nobody has to wait for: a list that is read for several, and ends whether or not they still wait.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where tasks begin; they end with the machine"
    )]
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::spawn(task).abort_handle());
    }

    /// Ends every task, wherever it is: what a process that is killed does to them.
    pub fn halt(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// The line to this endpoint.
    ///
    /// # Errors
    /// As [`Line::https`].
    pub(crate) fn line(&self, endpoint: &Endpoint) -> Result<Line, GraphError> {
        match &self.line {
            Way::Https => Line::https(endpoint),
            Way::Given(line) => Ok(line.clone()),
        }
    }
}
