//! What becomes of an object that a single read did not show, and the words for what is not certain.

use std::{sync::Arc, time::Duration};

use super::super::halt::{Halt, Retry, Step};
use super::{Freshness, Inner, Inventory, Question, lock};
use crate::{
    api::Reason,
    graph::{CatalogId, GraphError, GraphErrorKind, Listed, Read},
    plan::{
        Found,
        view::{Absence, Moment, Sight},
    },
};

/// An object that a single read did not show.
pub(super) struct Missing<'a> {
    pub(super) what: String,
    pub(super) id: &'a str,
    /// Where it was refused and not absent.
    pub(super) refusal: Option<GraphError>,
}

impl Inner {
    /// Whether we deleted the catalog: everything in it went before.
    pub(super) fn is_removed(&self, catalog: &CatalogId) -> bool {
        lock(&self.tenant).is_removed(catalog.as_str())
    }

    /// What becomes of an object that a single read did not show: asks for the list of its parent where that decides.
    pub(super) async fn absent<T>(
        self: &Arc<Self>,
        missing: Missing<'_>,
        question: Question,
        absence: impl Fn() -> Absence,
    ) -> Step<Found<T>> {
        let Missing { what, id, refusal } = missing;
        let mut known = absence();
        if known == Absence::AskList {
            if let Err(error) = self.ask(question, Freshness::Now).await {
                // Asked for twice, and what it was in is not there either: three answers agree.
                if error.kind == GraphErrorKind::NotFound && refusal.is_none() {
                    return Ok(Found::Gone { id: id.to_owned() });
                }
                return Err(match refusal {
                    Some(refusal) if error.kind == GraphErrorKind::Forbidden => access_lost(&what, &refusal),
                    Some(_) | None => lost_or(&what, error),
                });
            }
            known = absence();
        }
        match (known, refusal) {
            (Absence::Gone, _) => Ok(Found::Gone { id: id.to_owned() }),
            (Absence::Shown, Some(refusal)) => Err(access_lost(&what, &refusal)),
            (Absence::Shown, None) => Err(doubtful(
                &what,
                "it was answered that it is not there, and a list shows it",
            )),
            (Absence::Young(until), _) => Err(self.young(&what, until)),
            (Absence::Doubtful(why), _) => Err(doubtful(&what, why)),
            (Absence::AskList, _) => Err(doubtful(&what, "the list that decides has not told of it")),
        }
    }

    /// An absence that cannot be proven yet ends the visit, which says when it can.
    fn young(&self, what: &str, until: Moment) -> Halt {
        let left = until.saturating_sub(self.now());
        // Of a moment that does not move, so that the words stand.
        let then = self.began.saturating_add(until).unwrap_or(self.began);
        Halt::sync(
            Reason::OutcomeUnknown,
            format!(
                "{what}: it was answered that it is not there, but it may have been written a moment ago, and Entra takes up to {} s to show a write; that is certain at {}, and nothing is changed before",
                self.visibility.as_secs(),
                then.strftime("%H:%M:%SZ")
            ),
            Retry::After(left + Duration::from_secs(1)),
        )
    }
}

impl Inventory {
    /// What is forbidden, and its list as well, is gone where the catalog that it was in is.
    pub(super) async fn gone_with<T>(&self, catalog: &CatalogId, id: &str, found: Step<Found<T>>) -> Step<Found<T>> {
        match found {
            Err(halt) if halt.problem.reason == Reason::AccessLost => {
                match self.catalog(catalog, Freshness::Now).await {
                    Ok(Found::Gone { .. }) => Ok(Found::Gone { id: id.to_owned() }),
                    Ok(Found::Present(_) | Found::Unborn | Found::Elsewhere { .. }) | Err(_) => Err(halt),
                }
            }
            Ok(_) | Err(_) => found,
        }
    }
}

pub(super) fn boxed<T>(found: Found<T>) -> Found<Box<T>> {
    match found {
        Found::Present(object) => Found::Present(Box::new(object)),
        Found::Unborn => Found::Unborn,
        Found::Gone { id } => Found::Gone { id },
        Found::Elsewhere { id, place } => Found::Elsewhere { id, place },
    }
}

pub(super) fn certain<T>(what: &str, sight: Sight<T>) -> Step<Found<T>> {
    match sight {
        Sight::Certain(found) => Ok(found),
        Sight::Doubtful { id: _, why } => Err(doubtful(what, why)),
    }
}

/// What a list has told; a list that was answered has.
pub(super) fn read<T>(known: Read<Listed<T>>, operation: &'static str) -> Result<Listed<T>, GraphError> {
    match known {
        Read::Read(listed) => Ok(listed),
        Read::Unread => Err(GraphError::new(
            GraphErrorKind::InvalidResponse,
            operation,
            "what was listed is not known any more; it is listed again",
        )),
    }
}

/// An absence that is not proven ends the visit, which changes nothing.
pub(super) fn doubtful(what: &str, why: &str) -> Halt {
    Halt::sync(
        Reason::OutcomeUnknown,
        format!("{what}: {why}; nothing is changed until that is certain"),
        Retry::Backoff,
    )
}

/// Whether the answer is that there is nothing, or nothing for us.
pub(super) fn is_no_sight(error: &GraphError) -> bool {
    matches!(error.kind, GraphErrorKind::NotFound | GraphErrorKind::Forbidden)
}

pub(super) fn lost_or(what: &str, error: GraphError) -> Halt {
    if error.kind == GraphErrorKind::Forbidden {
        access_lost(what, &error)
    } else {
        error.into()
    }
}

pub(super) fn access_lost(what: &str, error: &GraphError) -> Halt {
    Halt::sync(
        Reason::AccessLost,
        format!(
            "{what}: Entra refuses us what is ours by status: {error}; check the application's permission or its role on the catalog"
        ),
        Retry::Backoff,
    )
}
