//! Many reads in one request: Microsoft Graph docs, "Combine multiple HTTP requests using JSON batching".

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::retry::{self, Decision, Outcome, Replay};
use super::transport::{Answer, Operation, RequestIds};

/// The most that one batch may hold.
const MAX_PARTS: usize = 20;

#[derive(Deserialize)]
struct Responses {
    responses: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    id: String,
    status: u16,
    #[serde(default)]
    headers: HashMap<String, Value>,
    #[serde(default)]
    body: Value,
}

impl Part {
    fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }
}

impl Operation<'_> {
    /// Sends reads, twenty in a batch, and returns their answers in the order of the calls. A part that was throttled
    /// or failed is sent again without those that were answered.
    pub(super) async fn batch(&self, calls: &[Call]) -> Result<Vec<Result<Answer, GraphError>>, GraphError> {
        let mut answers = Vec::with_capacity(calls.len());
        for chunk in calls.chunks(MAX_PARTS) {
            answers.extend(self.one_batch(chunk).await?);
            self.got_on();
        }
        Ok(answers)
    }

    async fn one_batch(&self, calls: &[Call]) -> Result<Vec<Result<Answer, GraphError>>, GraphError> {
        let mut settled: Vec<Option<Result<Answer, GraphError>>> = calls.iter().map(|_| None).collect();
        let mut attempt = 1;
        loop {
            let open: Vec<usize> = (0..calls.len()).filter(|index| settled[*index].is_none()).collect();
            let requests: Vec<Value> = open
                .iter()
                .map(|index| json!({"id": index.to_string(), "method": "GET", "url": calls[*index].relative_url()}))
                .collect();
            let batch = Call::post_read("/$batch".to_owned(), json!({ "requests": requests }));
            let answer = self.send(&batch).await?;
            let Responses { responses } = self.parse(&answer)?;
            let mut longest_wait = Duration::ZERO;
            for part in responses {
                let Some(index) = part.id.parse::<usize>().ok().filter(|index| open.contains(index)) else {
                    return Err(self.error(
                        GraphErrorKind::InvalidResponse,
                        "an answer of the batch belongs to no request",
                    ));
                };
                match self.settle(part, attempt, &answer.ids) {
                    Settled::Done(result) => settled[index] = Some(result),
                    Settled::Again(wait) => longest_wait = longest_wait.max(wait),
                }
            }
            if longest_wait.is_zero() {
                break;
            }
            self.graph.clock.sleep(longest_wait).await;
            attempt += 1;
        }
        settled
            .into_iter()
            .map(|part| {
                part.ok_or_else(|| self.error(GraphErrorKind::InvalidResponse, "the batch was not answered whole"))
            })
            .collect()
    }

    fn settle(&self, part: Part, attempt: u32, ids: &RequestIds) -> Settled {
        let request_id = part.header("request-id").or_else(|| ids.request_id.clone());
        let ids = RequestIds {
            request_id,
            client_request_id: ids.client_request_id.clone(),
        };
        let body = Bytes::from(part.body.to_string());
        if (200..300).contains(&part.status) {
            return Settled::Done(Ok(Answer {
                status: part.status,
                body,
                ids,
            }));
        }
        let retry_after = part
            .header("Retry-After")
            .and_then(|value| retry::retry_after(&value, self.graph.clock.wall()));
        let outcome = Outcome::Answered {
            status: part.status,
            retry_after,
        };
        let mut error = GraphError::from_answer(self.name, self.permission, part.status, &body);
        error.retry_after = retry_after;
        error.request_id = ids.request_id;
        error.client_request_id = ids.client_request_id;
        if let (429, Some(wait)) = (part.status, retry_after) {
            self.part_was_refused(wait, &error);
        }
        if let Decision::Retry(wait) =
            retry::decide(attempt, Replay::Safe, outcome, self.graph.chance.share(), self.left())
        {
            return Settled::Again(wait);
        }
        Settled::Done(Err(error))
    }
}

/// What became of a part.
enum Settled {
    Done(Result<Answer, GraphError>),
    Again(Duration),
}
