//! Collections: Microsoft Graph docs, "Paging Microsoft Graph data in your app".

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::read::Listed;
use super::transport::Operation;

/// A collection longer than this is a service that repeats itself.
const MAX_PAGES: usize = 10_000;

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
}

impl Operation<'_> {
    /// All elements of a collection, page after page. The next link is followed as it came, but only below the Graph
    /// root.
    pub(super) async fn all<T: DeserializeOwned>(&self, call: Call) -> Result<Vec<T>, GraphError> {
        let mut call = call;
        let mut elements = Vec::new();
        let mut last_link: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page: Page<T> = self.read(&call).await?;
            elements.extend(page.value);
            let Some(link) = page.next_link else {
                return Ok(elements);
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
        if let Some(link) = link {
            listed.extend(Listed::parse(self.all(self.next(&link)?).await?));
        }
        Ok(())
    }

    fn next(&self, link: &str) -> Result<Call, GraphError> {
        Url::parse(link)
            .map(Call::get_given)
            .map_err(|_| self.error(GraphErrorKind::InvalidResponse, "@odata.nextLink is not a URL"))
    }

    /// The first page of a collection: for look-ups where more than one hit is already too many.
    pub(super) async fn first_page<T: DeserializeOwned>(&self, call: &Call) -> Result<Vec<T>, GraphError> {
        let page: Page<T> = self.read(call).await?;
        Ok(page.value)
    }
}
