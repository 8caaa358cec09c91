//! Collections: filter, pages with an opaque token, count.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Query;
use crate::error::GraphError;

/// One page of a collection: its elements' numbers, and the token of the next page.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
    pub(crate) count: usize,
}

/// Cuts a page out of what passed the filter. Each item comes with its place in the collection's order.
pub(crate) fn cut<T>(query: &Query, page_size: usize, items: Vec<(u64, T)>) -> Result<Page<T>, GraphError> {
    let count = items.len();
    let after = match &query.skip_token {
        Some(token) => Some(open(token)?),
        None => None,
    };
    // $top bounds the page, not the whole: the next link goes on, as it does for the service's own pages.
    let size = query.top.unwrap_or(page_size).min(page_size.max(1)).max(1);
    let mut rest: Vec<(u64, T)> = match after {
        Some(after) => items.into_iter().filter(|(number, _)| *number > after).collect(),
        None => items.into_iter().skip(query.skip).collect(),
    };
    let more = rest.len() > size;
    rest.truncate(size);
    let next = more.then(|| rest.last().map(|(number, _)| seal(*number))).flatten();
    Ok(Page {
        items: rest.into_iter().map(|(_, item)| item).collect(),
        next,
        count,
    })
}

fn seal(number: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("after:{number}"))
}

fn open(token: &str) -> Result<u64, GraphError> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix("after:")?.parse().ok())
        .ok_or_else(|| GraphError::bad_request("Skip token is not valid."))
}

/// The body of a collection.
pub(crate) fn body(context: String, here: &str, query: &Query, page: Page<Value>) -> Value {
    let mut body = json!({"@odata.context": context, "value": page.items});
    if query.count {
        body["@odata.count"] = json!(page.count);
    }
    if let Some(token) = page.next {
        let rest = if query.rest.is_empty() {
            String::new()
        } else {
            format!("{}&", query.rest)
        };
        body["@odata.nextLink"] = json!(format!("{here}?{rest}$skiptoken={token}"));
    }
    body
}
