//! What one visit asked of Graph, for its line in the log.
//!
//! The door tells an observer that knows nothing of visits; a value that goes with the visit's task joins the two.

use std::cell::RefCell;

use crate::graph::Exchange;

tokio::task_local! {
    static LEDGER: RefCell<Ledger>;
}

/// The requests of a visit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) reads: u32,
    pub(crate) writes: u32,
    /// Graph's ids of the writes and of what failed: what somebody else would be asked about.
    pub(crate) request_ids: Vec<String>,
}

impl Ledger {
    fn enter(&mut self, exchange: &Exchange<'_>) {
        if exchange.is_write {
            self.writes += 1;
        } else {
            self.reads += 1;
        }
        let failed = exchange.status.is_none_or(|status| status >= 400); // no answer is a failure too
        if exchange.is_write || failed {
            self.request_ids.extend(exchange.request_id.map(str::to_owned));
        }
    }
}

/// Runs a visit and tells what it asked of Graph.
pub(crate) async fn kept<T>(visit: impl Future<Output = T>) -> (T, Ledger) {
    LEDGER
        .scope(RefCell::default(), async {
            let outcome = visit.await;
            (outcome, LEDGER.with(RefCell::take))
        })
        .await
}

/// Enters a request of the visit that runs now; outside of visits nobody keeps a ledger.
pub(crate) fn enter(exchange: &Exchange<'_>) {
    let _ = LEDGER.try_with(|ledger| ledger.borrow_mut().enter(exchange));
}

/// How many ids the visit that runs now has noted.
pub(crate) fn noted() -> usize {
    // Outside of visits nobody notes any.
    LEDGER.try_with(|ledger| ledger.borrow().request_ids.len()).unwrap_or(0)
}

/// The ids that it has noted since there were so many.
pub(crate) fn ids_since(count: usize) -> Vec<String> {
    let ids = |ledger: &RefCell<Ledger>| ledger.borrow().request_ids.get(count..).unwrap_or_default().to_vec(); // as above
    LEDGER.try_with(ids).unwrap_or_default() // as above
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn exchange(is_write: bool, status: Option<u16>) -> Exchange<'static> {
        Exchange {
            operation: "op",
            is_write,
            status,
            request_id: Some("r"),
            took: Duration::ZERO,
        }
    }

    #[tokio::test]
    async fn a_visit_keeps_the_ids_of_its_writes_and_of_its_failures() {
        let ((), ledger) = kept(async {
            enter(&exchange(false, Some(200)));
            enter(&exchange(false, Some(404)));
            enter(&exchange(true, Some(201)));
            enter(&exchange(true, None));
        })
        .await;
        assert_eq!((ledger.reads, ledger.writes, ledger.request_ids.len()), (2, 2, 3));
        enter(&exchange(true, None));
    }
}
