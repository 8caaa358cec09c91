//! Who may read the metrics: whoever Kubernetes knows by a token, and lets `get` the path `/metrics`.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest;
use k8s_openapi::api::{
    authentication::v1::{TokenReview, TokenReviewSpec, UserInfo},
    authorization::v1::{NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
};
use kube::{Api, Client, api::PostParams};
use tokio::{sync::Semaphore, time::Instant};

use crate::clock::Clock;

/// The path that a reader must be allowed to `get`.
pub(super) const PATH: &str = "/metrics";
/// How long the API server's consent counts without asking again.
const COUNTS: Duration = Duration::from_secs(60);
/// How long it counts while the API server does not answer: what is measured is wanted most then.
const COUNTS_UNANSWERED: Duration = Duration::from_secs(900);
/// So many readers are remembered; a cluster has few that scrape.
const MOST_REMEMBERED: usize = 64;
/// So many tokens are asked about at the same time: whoever invents tokens keeps the API server no busier than that.
const ASKED_AT_ONCE: usize = 4;
/// How long the API server may take; a scrape waits ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// What becomes of somebody who wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Read.
    May,
    /// Nobody whom the API server knows.
    Unknown,
    /// Somebody without the right.
    MayNot,
    /// The API server cannot be asked now.
    Unanswered,
    /// Too many are being asked about.
    Busy,
}

/// Asks the API server who may read, and remembers those who may.
pub(super) struct Readers {
    client: Client,
    clock: Clock,
    /// When each was let in, by the digest of the token: no token is kept.
    let_in: Mutex<HashMap<Vec<u8>, Instant>>,
    asking: Semaphore,
}

impl Readers {
    pub(super) fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            let_in: Mutex::default(),
            asking: Semaphore::new(ASKED_AT_ONCE),
        }
    }

    /// Whether whoever shows this token may read.
    pub(super) async fn judge(&self, token: &str) -> Verdict {
        let key = digest::digest(&digest::SHA256, token.as_bytes()).as_ref().to_vec();
        if self.was_let_in(&key, COUNTS) {
            return Verdict::May;
        }
        let or_before = |verdict| match self.was_let_in(&key, COUNTS_UNANSWERED) {
            true => Verdict::May,
            false => verdict,
        };
        let Ok(_turn) = self.asking.try_acquire() else {
            return or_before(Verdict::Busy);
        };
        let asked = self.ask(token);
        match self.clock.within(PATIENCE, asked).await {
            Some(Ok(verdict)) => {
                self.remember(key, verdict);
                verdict
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "the API server cannot be asked who reads the metrics");
                or_before(Verdict::Unanswered)
            }
            None => {
                tracing::warn!("the API server does not say who reads the metrics");
                or_before(Verdict::Unanswered)
            }
        }
    }

    async fn ask(&self, token: &str) -> Result<Verdict, kube::Error> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: Some(token.to_owned()),
                ..TokenReviewSpec::default()
            },
            ..TokenReview::default()
        };
        let reviews: Api<TokenReview> = Api::all(self.client.clone());
        let reviewed = reviews.create(&PostParams::default(), &review).await?;
        let status = reviewed.status.unwrap_or_default(); // nothing said: nobody is known by it
        let Some(UserInfo {
            username,
            uid,
            groups,
            extra,
        }) = status.user.filter(|_| status.authenticated == Some(true))
        else {
            return Ok(Verdict::Unknown);
        };
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: username,
                uid,
                groups,
                extra,
                non_resource_attributes: Some(NonResourceAttributes {
                    path: Some(PATH.to_owned()),
                    verb: Some("get".to_owned()),
                }),
                resource_attributes: None,
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let reviewed = reviews.create(&PostParams::default(), &review).await?;
        Ok(match reviewed.status.is_some_and(|status| status.allowed) {
            true => Verdict::May,
            false => Verdict::MayNot,
        })
    }

    fn was_let_in(&self, key: &[u8], within: Duration) -> bool {
        let let_in = self.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.instant();
        let_in.get(key).is_some_and(|at| now.duration_since(*at) < within)
    }

    fn remember(&self, key: Vec<u8>, verdict: Verdict) {
        let mut let_in = self.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.instant();
        match verdict {
            Verdict::May => {
                let_in.retain(|_, at| now.duration_since(*at) < COUNTS_UNANSWERED);
                if let_in.len() < MOST_REMEMBERED || let_in.contains_key(&key) {
                    let_in.insert(key, now);
                }
            }
            // A right that was taken away ends here.
            Verdict::Unknown | Verdict::MayNot => {
                let_in.remove(&key);
            }
            Verdict::Unanswered | Verdict::Busy => {}
        }
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Readers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use http::{Request, Response, StatusCode};
    use http_body_util::BodyExt as _;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    /// An API server that knows `reader`, who may, and `stranger`, who may not; and whether it answers.
    struct Stand {
        readers: Readers,
        asked: Arc<AtomicUsize>,
        is_away: Arc<std::sync::atomic::AtomicBool>,
    }

    fn stand() -> Stand {
        let (asked, is_away) = (Arc::<AtomicUsize>::default(), Arc::default());
        let (count, away): (_, Arc<std::sync::atomic::AtomicBool>) = (Arc::clone(&asked), Arc::clone(&is_away));
        let service = tower::service_fn(move |request: Request<Body>| {
            let (count, away) = (Arc::clone(&count), Arc::clone(&away));
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.map_err(tower::BoxError::from)?;
                let asked: Value = serde_json::from_slice(&body.to_bytes())?;
                let mut answer = asked.clone();
                answer["status"] = if path.ends_with("/tokenreviews") {
                    let name = &asked["spec"]["token"];
                    let is_known = name != "invented";
                    json!({"authenticated": is_known, "user": {"username": name}})
                } else {
                    assert_eq!(
                        asked["spec"]["nonResourceAttributes"],
                        json!({"path": "/metrics", "verb": "get"})
                    );
                    json!({"allowed": asked["spec"]["user"] == "reader"})
                };
                let status = match away.load(Ordering::Relaxed) {
                    true => StatusCode::SERVICE_UNAVAILABLE,
                    false => StatusCode::CREATED,
                };
                let answer = Response::builder()
                    .status(status)
                    .body(Body::from(answer.to_string().into_bytes()));
                Ok::<_, tower::BoxError>(answer?)
            }
        });
        let readers = Readers::new(Client::new(service, "default"), Clock::system());
        Stand {
            readers,
            asked,
            is_away,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_is_asked_once_a_minute_and_who_may_not_each_time() {
        let Stand { readers, asked, .. } = stand();
        for _ in 0..3 {
            assert_eq!(readers.judge("reader").await, Verdict::May);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2, "who it is, and whether they may");
        assert_eq!(readers.judge("stranger").await, Verdict::MayNot);
        assert_eq!(readers.judge("stranger").await, Verdict::MayNot);
        assert_eq!(readers.judge("invented").await, Verdict::Unknown);
        assert_eq!(asked.load(Ordering::Relaxed), 2 + 2 * 2 + 1);
        tokio::time::advance(COUNTS).await;
        assert_eq!(readers.judge("reader").await, Verdict::May);
        assert_eq!(asked.load(Ordering::Relaxed), 7 + 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_is_away_keeps_out_whoever_it_has_not_let_in_lately() {
        let Stand { readers, is_away, .. } = stand();
        assert_eq!(readers.judge("reader").await, Verdict::May);
        is_away.store(true, Ordering::Relaxed);
        tokio::time::advance(COUNTS * 2).await;
        assert_eq!(readers.judge("reader").await, Verdict::May);
        assert_eq!(readers.judge("other").await, Verdict::Unanswered);
        tokio::time::advance(COUNTS_UNANSWERED).await;
        assert_eq!(readers.judge("reader").await, Verdict::Unanswered);
    }
}
