//! Collections: Microsoft Graph docs, "Paging Microsoft Graph data in your app".

use std::sync::PoisonError;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::warn;
use url::Url;

use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::read::{Listed, Read, Unreadable};
use super::transport::{Answer, Operation};

/// A collection longer than this is a service that repeats itself.
const MAX_PAGES: usize = 10_000;
/// Beyond this many, elements that cannot be read are told again rather than remembered for ever.
const MOST_TOLD: usize = 1_000;

#[derive(Deserialize)]
struct Page {
    value: Vec<Value>,
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
}

impl Operation<'_> {
    /// All elements of a collection, page after page, each read for itself. The next link is followed as it came, but
    /// only below the Graph root.
    pub(super) async fn all<T: DeserializeOwned>(&self, call: Call) -> Result<Listed<T>, GraphError> {
        let mut call = call;
        let mut listed = Listed::default();
        let mut last_link: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page: Page = self.read(&call).await?;
            listed.extend(Listed::parse(page.value));
            let Some(link) = page.next_link else {
                self.tell(&listed);
                return Ok(listed);
            };
            if last_link.as_ref() == Some(&link) {
                break;
            }
            call = self.next(&link)?;
            last_link = Some(link);
        }
        Err(self.error(
            GraphErrorKind::InvalidResponse,
            "the pages of the collection do not end",
        ))
    }

    /// What an expanded collection left for further pages, where the service has cut it: a part that looks whole would
    /// pass for absence of the rest.
    pub(super) async fn rest<T: DeserializeOwned>(
        &self,
        link: Option<String>,
        listed: &mut Listed<T>,
    ) -> Result<(), GraphError> {
        self.tell(listed);
        if let Some(link) = link {
            listed.extend(self.all(self.next(&link)?).await?);
        }
        Ok(())
    }

    /// As [`Operation::rest`], of a part that may be unread.
    pub(super) async fn rest_of<T: DeserializeOwned>(
        &self,
        link: Option<String>,
        part: &mut Read<Listed<T>>,
    ) -> Result<(), GraphError> {
        match part {
            Read::Read(listed) => self.rest(link, listed).await,
            Read::Unread => Ok(()),
        }
    }

    /// Says once of each element that cannot be read why it cannot: a list is read again and again.
    pub(super) fn tell<T>(&self, listed: &Listed<T>) {
        let Listed {
            elements: _,
            unreadable,
        } = listed;
        for Unreadable { id, display_name, why } in unreadable {
            let mut told = self.graph.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() > MOST_TOLD {
                told.clear();
            }
            if told.insert((id.clone(), why.clone())) {
                warn!(
                    operation = self.name,
                    id, display_name, why, "Graph answered an element that cannot be read; the others stand"
                );
            }
        }
    }

    pub(super) fn next(&self, link: &str) -> Result<Call, GraphError> {
        Url::parse(link)
            .map(Call::get_given)
            .map_err(|_| self.error(GraphErrorKind::InvalidResponse, "@odata.nextLink is not a URL"))
    }

    /// The elements of a collection's first page, and its next link.
    pub(super) fn page_of(&self, answer: &Answer) -> Result<(Vec<Value>, Option<String>), GraphError> {
        let Page { value, next_link } = self.parse(answer)?;
        Ok((value, next_link))
    }

    /// The elements of a collection in which the one that is looked for must not hide.
    pub(super) fn readable<T>(&self, listed: Listed<T>) -> Result<Vec<T>, GraphError> {
        self.tell(&listed);
        let Listed { elements, unreadable } = listed;
        match unreadable.first() {
            None => Ok(elements),
            Some(first) => Err(self.error(
                GraphErrorKind::InvalidResponse,
                format!(
                    "one of the answers ({}) cannot be read: {}",
                    first.id.as_deref().unwrap_or("without an id"),
                    first.why
                ),
            )),
        }
    }
}
