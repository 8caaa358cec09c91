//! References: what stands in a list of another object, and is added to it by its address.

use serde::Deserialize;
use serde_json::json;

use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::id::ObjectId;
use super::read::Listed;
use super::transport::Operation;

/// A directory object of which nothing but the id matters.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Referenced {
    pub(super) id: ObjectId,
}

impl Operation<'_> {
    /// Adds the object of this path and id to the list of that path. Repeatable: one that is there already is no error.
    ///
    /// A refusal that does not say so in words is believed only where the list has the object: a 409 has other reasons.
    /// The list alone would not do, since a caller with roles in one catalog need not see another catalog's package in it.
    ///
    /// # Errors
    ///
    /// The refusal, where the object is not there.
    pub(super) async fn add_reference(&self, list: String, object: &str, id: &ObjectId) -> Result<(), GraphError> {
        // Graph's own address of the object, wherever this Graph is reached.
        let body = json!({"@odata.id": format!("{}{object}", self.graph.cloud().graph_url())});
        match self.write(&Call::add(format!("{list}/$ref"), body)).await {
            Err(error) if matches!(error.kind, GraphErrorKind::Conflict | GraphErrorKind::BadRequest) => {
                if says_it_is_there(&error) {
                    return Ok(());
                }
                let there: Result<Listed<Referenced>, GraphError> = self.all(Call::get(list)).await;
                let is_there = there.is_ok_and(|there| there.elements.iter().any(|referenced| referenced.id == *id));
                if is_there { Ok(()) } else { Err(error) }
            }
            other => other,
        }
    }
}

/// As the directory says it: `One or more added object references already exist`.
fn says_it_is_there(error: &GraphError) -> bool {
    error.to_string().to_lowercase().contains("already exist")
}
