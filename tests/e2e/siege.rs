//! The sieges of `cargo simulate attacks`, played on real parts: the team asks the real API server by a token of its own, through
//! the chart's admission policy, and the real binary writes to the emulated Graph.
//!
//! The oracle is the same one. It looks after each write, and judges once the cluster has been heard; whoever changes the tenant by
//! hand does so while the operator is held still, so that nobody's write is taken for another's.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use entra_access_operator::clock::Clock;

use serde_json::{Value, json};
use simulation::attacks;
use simulation::attacks::ground::{Asked, Cluster, Ground, News};
use simulation::attacks::oracle::Oracle;
use simulation::stage::Restless;
use stage::{Signal, Tenant, User};

use super::support::builder;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const TEAM: &str = "marketing";
const GROUP: &str = "access.entra-operator.io";
/// What the oracle hears.
const HEARD: [(&str, &str); 4] = [
    ("Namespace", "/api/v1/namespaces"),
    ("Catalog", "/apis/access.entra-operator.io/v1alpha1/catalogs"),
    (
        "AccessPackage",
        "/apis/access.entra-operator.io/v1alpha1/accesspackages",
    ),
    (
        "AssignmentPolicy",
        "/apis/access.entra-operator.io/v1alpha1/assignmentpolicies",
    ),
];
/// Nothing was written for so long: it has settled.
const QUIET: Duration = Duration::from_millis(1_500);
/// A siege goes on even where something is tried again and again.
const LONG_ENOUGH: Duration = Duration::from_secs(12);
/// The longest that time passes at once; sieges were drawn for a clock that nobody waits for.
const LONGEST_PAUSE: Duration = Duration::from_millis(300);
/// How many steps are played with every run of the tests; `SIEGE_STEPS` says otherwise.
const STEPS: usize = 60;

struct RealCluster {
    admin: User,
    team: User,
    /// Which version of each object was heard of last.
    heard: Mutex<BTreeMap<(String, String, String), String>>,
}

impl RealCluster {
    fn now(&self) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for (kind, path) in HEARD {
            let listed = self.admin.request("GET", path, "", None).unwrap_or_default();
            let items = listed["items"].as_array().cloned().unwrap_or_default();
            all.extend(items.into_iter().map(|item| (kind.to_owned(), item)));
        }
        all
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Cluster for RealCluster {
    fn news(&self, since: u64) -> (Vec<News>, u64) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = heard.clone();
        let mut news = Vec::new();
        for (kind, object) in self.now() {
            let meta = &object["metadata"];
            let place = (kind.clone(), word(&meta["namespace"]), word(&meta["name"]));
            gone.remove(&place);
            let version = word(&meta["resourceVersion"]);
            if heard.insert(place.clone(), version.clone()) != Some(version) {
                let (kind, namespace, name) = place;
                news.push(News {
                    kind,
                    namespace,
                    name,
                    object: Some(Arc::new(object)),
                });
            }
        }
        for place in gone.into_keys() {
            heard.remove(&place);
            let (kind, namespace, name) = place;
            news.push(News {
                kind,
                namespace,
                name,
                object: None,
            });
        }
        (news, since + 1)
    }

    fn object(&self, kind: &str, name: &str, namespace: Option<&str>) -> Option<Value> {
        self.admin.get(kind, name, namespace).ok().flatten()
    }

    fn objects(&self, kind: &str, namespace: &str) -> Vec<Value> {
        self.admin.list(kind, Some(namespace)).unwrap_or_default()
    }

    fn told(&self, kind: &str, name: &str, namespace: &str) -> Vec<Value> {
        self.admin.events(kind, name, Some(namespace)).unwrap_or_default()
    }

    fn team_asks(&self, asked: &Asked<'_>) -> bool {
        let Asked {
            method,
            kind,
            name,
            door,
        } = asked;
        let plural = match *kind {
            "AccessPackage" => "accesspackages",
            _ => "assignmentpolicies",
        };
        let path = format!("/apis/{GROUP}/v1alpha1/namespaces/{TEAM}/{plural}/{name}");
        let path = format!("{}{door}", path.trim_end_matches('/'));
        let (method, content_type, body) = method.parts();
        self.team.request(method, &path, content_type, body).is_ok()
    }

    fn platform_merges(&self, kind: &str, name: &str, patch: &Value) -> bool {
        self.admin.patch(kind, name, None, patch).is_ok()
    }

    fn platform_applies(&self, object: &Value) -> Result<(), String> {
        self.admin
            .apply_object(object)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

struct Real<'a> {
    stage: &'a mut stage::Stage,
    cluster: Arc<RealCluster>,
    oracle: Option<Oracle>,
}

impl Real<'_> {
    fn signal(&mut self, signal: Signal) {
        if let Ok(operator) = self.stage.operator() {
            let _ = operator.signal(signal); // one that has ended shows at the next look
        }
    }

    /// Hears while time passes: what was written is judged by what stood then.
    fn wait(&mut self, until: Instant) {
        while Instant::now() < until {
            thread::sleep(Duration::from_millis(100).min(until.saturating_duration_since(Instant::now())));
            if let Some(oracle) = &self.oracle {
                oracle.hear();
            }
        }
    }

    fn writes(&self) -> usize {
        self.stage.emulator().graph_writes().len()
    }
}

impl Ground for Real<'_> {
    fn entra(&self) -> Tenant {
        self.stage.emulator().tenant().clone()
    }

    fn cluster(&self) -> Arc<dyn Cluster> {
        Arc::<RealCluster>::clone(&self.cluster)
    }

    fn tenant_spec(&self) -> Value {
        let manifest: Value = serde_json::from_str(&self.stage.tenant_manifest("default")).unwrap_or_default();
        let mut spec = manifest["spec"].clone();
        spec["driftInterval"] = json!("PT2S");
        spec
    }

    // The stage was started with it.
    fn enforce_admission(&self) -> Result<(), String> {
        Ok(())
    }

    async fn passes(&mut self, time: Duration) -> Result<(), Restless> {
        self.wait(Instant::now() + time.min(LONGEST_PAUSE));
        Ok(())
    }

    async fn settles(&mut self) -> Result<(), Restless> {
        let end = Instant::now() + LONG_ENOUGH;
        loop {
            let before = self.writes();
            self.wait(Instant::now() + QUIET);
            if self.writes() == before || Instant::now() > end {
                return Ok(());
            }
        }
    }

    fn restarts(&mut self) {
        if let Ok(operator) = self.stage.operator() {
            let _ = operator.restart(); // one that does not start shows at the next look
        }
    }

    fn holds_still(&mut self) {
        self.signal(Signal::Stop);
        // What is on its way arrives.
        let mut before = usize::MAX;
        while self.stage.emulator().mark() != before {
            before = self.stage.emulator().mark();
            thread::sleep(Duration::from_millis(60));
        }
    }

    fn goes_on(&mut self) {
        self.signal(Signal::Continue);
    }
}

/// Plays the siege of a seed, as many of its steps as are asked for; answers what came of it.
fn siege(seed: u64, steps: usize) -> Outcome<attacks::Outcome> {
    let mut stage = builder()
        .admission_policy()
        .team(TEAM)
        .real("the team asks the real API server by its own token")
        .start()?;
    let real = stage.real_mut()?;
    let cluster = Arc::new(RealCluster {
        admin: real.admin().clone(),
        team: real.team(TEAM)?.clone(),
        heard: Mutex::default(),
    });
    let mut ground = Real {
        stage: real,
        cluster,
        oracle: None,
    };
    // What somebody else did a moment ago, the operator need not know yet.
    let oracle = Oracle::of(&ground, Clock::system(), Duration::from_secs(8));
    ground.oracle = Some(oracle.clone());
    let watcher = oracle.clone();
    ground.entra().watch(move || watcher.keep());
    let deeds = attacks::siege(seed);
    let deeds = &deeds[..steps.min(deeds.len())];
    // No runtime: whoever asks the API server waits for its answer.
    let mut outcome = futures::executor::block_on(attacks::besiege(&mut ground, &oracle, deeds, true))?;
    outcome.writes = ground.writes();
    ground.entra().watch(|| {});
    ground.stage.operator()?.must_run()?;
    Ok(outcome)
}

#[test]
fn a_team_gets_nothing_through_the_real_api_server_that_no_grant_allows() -> Outcome {
    let asked = std::env::var("SIEGE_STEPS").ok().and_then(|steps| steps.parse().ok());
    let first = std::env::var("SIEGE_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut left: usize = asked.unwrap_or(STEPS);
    let mut all = attacks::Outcome::default();
    for seed in first.unwrap_or(1).. {
        let outcome = siege(seed, left)?;
        writeln!(
            io::stderr(),
            "siege {seed}: {} steps, {} of them refused, {} came in, {} writes, {} findings",
            outcome.steps,
            outcome.refused,
            outcome.came_in,
            outcome.writes,
            outcome.findings.len()
        )?;
        let found: Vec<String> = outcome
            .findings
            .iter()
            .map(|finding| format!("seed {seed}: {finding}"))
            .collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
        left = left.saturating_sub(outcome.steps);
        all.steps += outcome.steps;
        all.refused += outcome.refused;
        all.writes += outcome.writes;
        all.came_in += outcome.came_in;
        if left == 0 {
            break;
        }
    }
    writeln!(
        io::stderr(),
        "{} steps, {} of them refused, {} came in, {} writes, 0 findings",
        all.steps,
        all.refused,
        all.came_in,
        all.writes
    )?;
    assert!(all.writes > 0 && all.refused < all.steps, "something is at stake");
    Ok(())
}
