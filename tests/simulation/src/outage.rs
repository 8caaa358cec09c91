//! A quarter of an hour without Graph, for one tenant with many objects.
//!
//! Everything is Ready, then nobody answers at Graph and at the token authority. In the middle of that people edit some of the
//! packages. What counts: the tenant waits as one, says so at once, comes back spread, and does nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use entra_access_operator::api::KindName;
use serde_json::{Value, json};

use crate::{
    fault::{Fault, Outage},
    stage::{Setting, Stage},
    wire::{Seen, Side},
};

/// How Graph is away: no connection, and an answer that says so.
pub const WAYS: [Fault; 2] = [Fault::Unconnected, Fault::Refused(503)];
/// For how long.
pub const LASTS: Duration = Duration::from_secs(15 * 60);

const API_VERSION: &str = "access.entra-operator.io/v1alpha1";
const TEAM: &str = "team";
/// Objects of one catalog, itself among them.
const OF_A_CATALOG: usize = 100;
/// Every how many-th package is edited while Graph is away: no divisor of the number of catalogs, so that people edit here and
/// there, and not all in the same two.
const EDITED: usize = 51;
/// What the tenant may take to say so, from the first lost answer.
const AT_ONCE: Duration = Duration::from_secs(15);
/// What everything may take to settle after the outage: half a minute to the next probe, and the turns of ten thousand.
const SOON: Duration = Duration::from_secs(180);
const SECOND: Duration = Duration::from_secs(1);

/// What was seen of an outage.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// How many objects there are.
    pub objects: usize,
    /// Calls to Entra while it was away.
    pub calls: usize,
    /// Those in the busiest second of that, but for the first half minute.
    pub calls_at_once: usize,
    /// From the first lost answer to the tenant's condition.
    pub told_after: Duration,
    /// The most calls in any second, and in any ten, before the outage, while nothing changed.
    pub before: Rate,
    /// The same after it.
    pub after: Rate,
    /// The most visits that began in one second after it.
    pub visits: usize,
    /// From the end of the outage until every object was visited and everything is as it should be.
    pub settled_after: Duration,
    /// Writes to Entra that were carried out after its beginning.
    pub writes: usize,
    /// Those that were to be.
    pub edits: usize,
    /// What was written more than once.
    pub twice: Vec<String>,
    /// Objects that were forgotten by the scheduler, as the operator counts them.
    pub forgotten: u64,
}

/// The most of something in any second, and in any ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// In one second.
    pub second: usize,
    /// In ten.
    pub ten: usize,
}

impl Rate {
    /// Of these moments, in milliseconds and in their order.
    fn of(moments: &[u128]) -> Self {
        let most = |window: u128| {
            let begins = moments.iter().enumerate();
            let counts = begins.map(|(index, begin)| moments[index..].partition_point(|at| *at < begin + window));
            counts.max().unwrap_or_default()
        };
        Self {
            second: most(1_000),
            ten: most(10_000),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} objects, {} s away: {} calls meanwhile (at most {} in a second), said after {:.1} s; then at most {} calls in one \
             second and {} in ten (before it {} and {}), at most {} visits in one second, all settled after {:.0} s; {} of {} edits \
             written, {} twice",
            self.objects,
            LASTS.as_secs(),
            self.calls,
            self.calls_at_once,
            self.told_after.as_secs_f64(),
            self.after.second,
            self.after.ten,
            self.before.second,
            self.before.ten,
            self.visits,
            self.settled_after.as_secs_f64(),
            self.writes,
            self.edits,
            self.twice.len(),
        )
    }
}

impl Figures {
    /// What is not as it must be.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |holds: bool, words: String| {
            if !holds {
                wrong.push(words);
            }
        };
        must(
            self.calls <= 60 && self.calls_at_once <= 2,
            format!(
                "the tenant does not wait as one: {} calls, {} of them in one second",
                self.calls, self.calls_at_once
            ),
        );
        must(
            self.told_after <= AT_ONCE,
            format!("the tenant says so after {:?} only", self.told_after),
        );
        must(
            self.visits <= self.objects * 3 / 4 && self.visits <= 500,
            format!("{} of {} objects are visited in one second", self.visits, self.objects),
        );
        must(
            self.after.second <= self.before.second.max(50),
            format!("{} calls in one second after it", self.after.second),
        );
        must(
            self.settled_after <= SOON,
            format!("settled after {:?} only", self.settled_after),
        );
        must(
            self.writes == self.edits && self.twice.is_empty(),
            format!(
                "{} writes for {} edits, twice: {:?}",
                self.writes, self.edits, self.twice
            ),
        );
        must(
            self.forgotten == 0,
            format!("{} objects were forgotten", self.forgotten),
        );
        wrong
    }
}

/// One outage of this kind for so many objects, in a runtime of its own, whose time is paused.
///
/// # Errors
/// Where the stage does not get to its beginning, or not to its end.
pub fn run(objects: usize, fault: Fault) -> Result<Figures, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(play(objects, fault))
}

/// A stage on which so many objects are Ready: a tenant, and catalogs with packages and policies.
///
/// # Errors
/// Where they do not become Ready.
pub async fn furnished(objects: usize) -> Result<Stage, String> {
    let mut stage = Stage::new(&Setting {
        objects,
        ..Setting::default()
    });
    let catalogs = (objects / OF_A_CATALOG).max(1);
    let packages = objects.saturating_sub(1 + catalogs).div_ceil(2);
    let policies = objects.saturating_sub(1 + catalogs + packages);
    apply(
        &stage,
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}}),
    )?;
    apply(&stage, &tenant())?;
    for number in 0..catalogs {
        apply(&stage, &catalog(number))?;
        let here = |of: usize| (number..of).step_by(catalogs);
        for package in here(packages) {
            apply(&stage, &self::package(package, number))?;
        }
        for policy in here(policies) {
            apply(&stage, &self::policy(policy))?;
        }
        // Catalog by catalog, and what was written before is history.
        stage.settle().await.map_err(|restless| restless.to_string())?;
        stage.cluster.compact(stage.cluster.revision());
    }
    let open = unsettled(&stage);
    if open.is_empty() {
        Ok(stage)
    } else {
        Err(format!("{} objects are not Ready: {:?}", open.len(), open.first()))
    }
}

async fn play(objects: usize, fault: Fault) -> Result<Figures, String> {
    let mut stage = furnished(objects).await?;
    let restless = |restless: crate::stage::Restless| restless.to_string();
    let quirks = graph_emulator::Quirks::from_json(json!({"latency": 100, "tokenLifetime": 30 * 86_400}))
        .map_err(|error| error.to_string())?;
    stage.entra.set_quirks(quirks);
    // Everything in step with the drift interval, and nothing to do.
    pass(&mut stage, Duration::from_secs(25 * 60)).await?;
    let quiet = stage.trace().len();
    pass(&mut stage, Duration::from_secs(11 * 60)).await?;
    let before = Rate::of(&moments(&stage.trace()[quiet..]));

    let begun = stage.trace().len();
    let from = stage.instant();
    let until = from + LASTS;
    stage.wire.plan_outage(Outage { from, until, fault });
    let mut told = None;
    while stage.instant() < from + LASTS / 2 {
        stage.pass(SECOND).await.map_err(restless)?;
        if told.is_none() && says_away(&stage) {
            told = Some(stage.age());
        }
    }
    let edits = edit(&stage, objects)?;
    let left = until.saturating_duration_since(stage.instant());
    pass(&mut stage, left).await?;
    let end = stage.age();
    let last_call = stage.trace().len();
    let writes_of = |trace: &[Seen]| -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let writes = trace
            .iter()
            .filter(|seen| seen.side == Side::Entra && seen.is_write() && !seen.outcome.starts_with("not sent"));
        for seen in writes {
            *counts.entry(seen.what.clone()).or_default() += 1;
        }
        counts
    };

    // Until it is said that Graph is back, everything is as it should be, and everybody was visited since.
    let mut back = None;
    let settled_after = loop {
        stage.pass(SECOND).await.map_err(restless)?;
        let now = stage.age();
        if now > end + 4 * SOON {
            let open = unsettled(&stage);
            return Err(format!(
                "{} objects are not settled: {:?}; visited {:?} ago",
                open.len(),
                open.first(),
                unvisited(&stage)
            ));
        }
        if back.is_none() && !says_away(&stage) {
            // Some time in the second that has just passed.
            back = Some(now.saturating_sub(SECOND));
        }
        let all_visited = back.is_some_and(|back| unvisited(&stage) < now.saturating_sub(back));
        if all_visited && unsettled(&stage).is_empty() {
            break now.saturating_sub(end);
        }
    };
    // What is done now would be done twice.
    pass(&mut stage, Duration::from_secs(11 * 60)).await?;
    let trace = stage.trace();
    let (during, after) = (moments(&trace[begun..last_call]), moments(&trace[last_call..]));
    let first = during.first().copied().unwrap_or_default();
    let late: Vec<u128> = during.iter().copied().filter(|at| *at > first + 30_000).collect();
    let writes = writes_of(&trace[begun..]);
    let visits = stage.visits_begun();
    let after_the_end = visits.range(end.as_secs()..);
    let figures = Figures {
        objects,
        calls: during.len(),
        calls_at_once: Rate::of(&late).second,
        told_after: told.map_or(LASTS, |told| {
            told.saturating_sub(Duration::from_millis(u64::try_from(first).unwrap_or(u64::MAX)))
        }),
        before,
        after: Rate::of(&after),
        visits: after_the_end.map(|(_, count)| *count).max().unwrap_or_default(),
        settled_after,
        writes: writes.values().sum(),
        edits,
        twice: writes
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .map(|(what, _)| what)
            .collect(),
        forgotten: counted(&stage, "forgotten_total").map(|count| count as u64).sum(),
    };
    stage.kill();
    Ok(figures)
}

async fn pass(stage: &mut Stage, time: Duration) -> Result<(), String> {
    stage.pass(time).await.map_err(|restless| restless.to_string())?;
    stage.cluster.compact(stage.cluster.revision());
    Ok(())
}

fn apply(stage: &Stage, object: &Value) -> Result<(), String> {
    let applied = stage.cluster.apply(object);
    applied.map(drop).map_err(|refusal| format!("{object}: {refusal:?}"))
}

/// People edit packages; how many.
fn edit(stage: &Stage, objects: usize) -> Result<usize, String> {
    let words = json!({"spec": {"description": "Edited while Graph was away"}});
    let mut edits = 0;
    for number in (0..objects / 3).step_by(EDITED) {
        let edited = stage
            .cluster
            .patch("AccessPackage", &format!("package-{number}"), Some(TEAM), &words);
        edited.map_err(|refusal| format!("package-{number}: {refusal:?}"))?;
        edits += 1;
    }
    Ok(edits)
}

/// When calls to Entra ended, in milliseconds.
fn moments(trace: &[Seen]) -> Vec<u128> {
    let mut moments: Vec<u128> = trace
        .iter()
        .filter(|seen| seen.side == Side::Entra)
        .map(|seen| seen.at)
        .collect();
    moments.sort_unstable();
    moments
}

/// Whether the tenant says that Graph is away.
fn says_away(stage: &Stage) -> bool {
    let tenant = stage.cluster.get("EntraTenant", "default", None).unwrap_or_default();
    conditions(&tenant).any(|condition| {
        condition["status"] == "False"
            && (condition["reason"] == "Unreachable" || condition["reason"] == "GraphUnavailable")
    })
}

fn conditions(object: &Value) -> impl Iterator<Item = &Value> {
    object["status"]["conditions"].as_array().into_iter().flatten()
}

/// The objects that are not as their spec says, or have something to complain of.
fn unsettled(stage: &Stage) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for kind in KindName::ALL {
        for object in stage.cluster.list(kind.name(), None) {
            let meta = &object["metadata"];
            let is_current = object["status"]["observedGeneration"] == meta["generation"];
            let is = |wanted: &str| {
                conditions(&object).any(|condition| condition["type"] == wanted && condition["status"] == "True")
            };
            if !(is_current && is("Ready") && is("Synced")) {
                open.insert(format!(
                    "{} {}: {}",
                    kind.name(),
                    meta["name"],
                    object["status"]["conditions"]
                ));
            }
        }
    }
    open
}

/// How long ago the object was visited whose visit is the longest ago, of all kinds.
#[must_use]
pub fn unvisited(stage: &Stage) -> Duration {
    let ages = counted(stage, "unvisited_seconds");
    Duration::from_secs_f64(ages.fold(0.0, f64::max))
}

/// The values of a metric's series.
pub fn counted(stage: &Stage, metric: &str) -> impl Iterator<Item = f64> + use<> {
    let begin = format!("entra_access_operator_{metric}{{");
    let text = stage.metrics();
    let values: Vec<f64> = text
        .lines()
        .filter(|line| line.starts_with(&begin))
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect();
    values.into_iter()
}

fn tenant() -> Value {
    json!({"apiVersion": API_VERSION, "kind": "EntraTenant", "metadata": {"name": "default"}, "spec": {
        "tenantId": "11111111-1111-4111-8111-111111111111", "domain": "contoso.com",
        "credentials": {"clientSecret": {"clientId": "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11",
            "secretRef": {"name": "entra-credentials", "key": "clientSecret"}}}}})
}

fn catalog(number: usize) -> Value {
    json!({"apiVersion": API_VERSION, "kind": "Catalog", "metadata": {"name": format!("catalog-{number}")}, "spec": {
        "displayName": format!("Catalog {number}"), "description": "One of many",
        "resources": [{"name": "group", "group": {"displayName": "Marketing Campaign"}}],
        "grants": [{"name": "team", "namespaces": {"names": [TEAM]}}]}})
}

fn package(number: usize, catalog: usize) -> Value {
    json!({"apiVersion": API_VERSION, "kind": "AccessPackage",
        "metadata": {"name": format!("package-{number}"), "namespace": TEAM}, "spec": {
        "catalogRef": {"name": format!("catalog-{catalog}")}, "displayName": format!("Package {number}"),
        "description": "One of many", "resourceRoles": [{"resource": "group", "role": "Member"}]}})
}

fn policy(number: usize) -> Value {
    json!({"apiVersion": API_VERSION, "kind": "AssignmentPolicy",
        "metadata": {"name": format!("policy-{number}"), "namespace": TEAM}, "spec": {
        "accessPackageRef": {"name": format!("package-{number}")}, "displayName": "Members", "description": "Members ask",
        "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
        "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]},
        "expiration": {"afterDuration": "P90D"}}})
}
