//! `$batch`: up to twenty requests in one, each answered on its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::GraphError;
use crate::store::same;

/// One request of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<Value>,
    pub(crate) depends_on: Vec<String>,
}

/// Reads a batch and puts it into an order in which every part comes after those that it depends on.
pub(crate) fn read(body: &Value) -> Result<Vec<Part>, GraphError> {
    let refuse = |message: &str| GraphError::bad_request(message.to_owned());
    let requests = body
        .get("requests")
        .and_then(Value::as_array)
        .ok_or_else(|| refuse("Invalid batch payload format."))?;
    if requests.is_empty() || requests.len() > 20 {
        return Err(refuse("Number of batch request steps must be between 1 and 20."));
    }
    let mut parts: Vec<Part> = Vec::new();
    for request in requests {
        let word = |name: &str| request.get(name).and_then(Value::as_str).map(str::to_owned);
        let (Some(id), Some(method), Some(url)) = (word("id"), word("method"), word("url")) else {
            return Err(refuse("Every batch request needs id, method and url."));
        };
        if parts.iter().any(|part| same(&part.id, &id)) {
            return Err(refuse("Request Ids in the batch must be unique."));
        }
        let headers = request.get("headers").and_then(Value::as_object).into_iter().flatten();
        let headers: BTreeMap<String, String> = headers
            .filter_map(|(name, value)| Some((name.to_lowercase(), value.as_str()?.to_owned())))
            .collect();
        let depends_on = request.get("dependsOn").and_then(Value::as_array).into_iter().flatten();
        parts.push(Part {
            id,
            method: method.to_uppercase(),
            url,
            headers,
            body: request.get("body").filter(|body| !body.is_null()).cloned(),
            depends_on: depends_on.filter_map(Value::as_str).map(str::to_owned).collect(),
        });
    }
    let mut ordered: Vec<Part> = Vec::new();
    while !parts.is_empty() {
        let ready = parts.iter().position(|part| {
            part.depends_on
                .iter()
                .all(|id| ordered.iter().any(|done| same(&done.id, id)))
        });
        match ready {
            Some(at) => ordered.push(parts.remove(at)),
            None => {
                return Err(refuse(
                    "dependsOn names a request that is not there or that waits for itself.",
                ));
            }
        }
    }
    Ok(ordered)
}

/// What a part answers when one that it depends on failed.
pub(crate) fn failed_dependency(part: &Part) -> Value {
    json!({"id": part.id, "status": 424, "headers": {"Content-Type": "application/json"},
        "body": {"error": {"code": "FailedDependency", "message": "The request depends on a request that failed."}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_twenty_parts_at_most_with_ids_of_their_own_and_no_circle() {
        let part = |id: &str, on: &[&str]| json!({"id": id, "method": "GET", "url": "/users", "dependsOn": on});
        let many: Vec<Value> = (0..21).map(|id| part(&id.to_string(), &[])).collect();
        assert!(read(&json!({"requests": many})).is_err());
        assert!(read(&json!({"requests": [part("a", &[]), part("A", &[])]})).is_err());
        assert!(read(&json!({"requests": [part("a", &["b"]), part("b", &["a"])]})).is_err());
        let ordered = read(&json!({"requests": [part("a", &["b"]), part("b", &[])]})).unwrap();
        assert_eq!(ordered[0].id, "b");
    }
}
