//! Who knows the grants and looks at Entra, after every write of the operator and after everything that is done by hand.
//!
//! What stood is allowed to stay, whatever becomes of the grants; what the operator's writes add to it is not. What other hands
//! do is theirs, and stands from then on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entra_access_operator::clock::Clock;
use graph_emulator::Tenant;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    deed::{TEAM, text},
    ground::{Cluster, Ground},
    history::History,
    meaning::{Role, Terms},
    people::all,
};

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Somebody can have a role by a way that no single grant allows.
    Way(String),
    /// Somebody has a role who came in by less than any grant for it demands.
    Handed(String),
    /// Somebody else's object was changed.
    Foreign(String),
    /// Somebody lost access without the grant's leave.
    Lost(String),
    /// What an administrator had shut is open again.
    Reopened(String),
    /// An answer tells what is forbidden from what is not there.
    Told(String),
    /// The operator did not come to rest.
    Restless(String),
}

impl Finding {
    /// Its kind, by which findings are counted.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Way(_) => "ways outside the grants",
            Self::Handed(_) => "handed to people who came in by less",
            Self::Foreign(_) => "foreign objects changed",
            Self::Lost(_) => "access lost without leave",
            Self::Reopened(_) => "opened again",
            Self::Told(_) => "answers that tell",
            Self::Restless(_) => "restless",
        }
    }

    /// Every kind.
    pub const KINDS: [&str; 7] = [
        "ways outside the grants",
        "handed to people who came in by less",
        "foreign objects changed",
        "access lost without leave",
        "opened again",
        "answers that tell",
        "restless",
    ];
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Way(words)
        | Self::Handed(words)
        | Self::Foreign(words)
        | Self::Lost(words)
        | Self::Reopened(words)
        | Self::Told(words)
        | Self::Restless(words)) = self;
        write!(formatter, "{}: {words}", self.kind())
    }
}

/// Whose act a look follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The operator's.
    Operator,
    /// Anybody else's.
    Hand,
}

/// The oracle. Clones are the same one.
#[derive(Clone)]
pub struct Oracle {
    state: Arc<Mutex<State>>,
    cluster: Arc<dyn Cluster>,
    entra: Tenant,
    clock: Clock,
    kept: Arc<Mutex<Vec<Glimpse>>>,
    /// For so long after somebody else has touched a package the operator may not know it.
    late: Duration,
}

/// What Entra had at a moment.
struct Glimpse {
    at: Instant,
    second: i64,
    picture: Picture,
}

#[derive(Default)]
struct State {
    history: History,
    /// Nothing is judged before everything is set up.
    is_sealed: bool,
    before: Picture,
    /// Objects of somebody else, by their ids.
    foreign: BTreeMap<String, Value>,
    /// By which terms somebody came in, by the assignment's id.
    came_by: BTreeMap<String, Terms>,
    /// When somebody else last touched a package, or a policy of it.
    touched: BTreeMap<String, Instant>,
    /// Policies by which people asked for themselves until an administrator shut them, with what the team wanted then.
    shut: BTreeMap<String, Value>,
    findings: Vec<Finding>,
}

/// What Entra has.
#[derive(Clone, Default)]
struct Picture {
    packages: BTreeMap<String, Value>,
    roles: BTreeMap<String, BTreeSet<Role>>,
    policies: BTreeMap<String, Value>,
    /// Live assignments.
    held: BTreeMap<String, Value>,
    /// Requests to take access away.
    removals: BTreeMap<String, Value>,
}

impl Picture {
    fn of(entra: &Tenant) -> Self {
        let by_id = |part: &str| {
            let elements = all(entra, part).into_iter();
            elements
                .map(|element| (text(&element["id"]).to_owned(), element))
                .collect::<BTreeMap<_, _>>()
        };
        let mut roles: BTreeMap<String, BTreeSet<Role>> = BTreeMap::new();
        for scope in all(entra, "resourceRoleScopes") {
            let role = (
                text(&scope["originId"]).to_lowercase(),
                text(&scope["role"]["displayName"]).to_owned(),
            );
            roles
                .entry(text(&scope["accessPackageId"]).to_owned())
                .or_default()
                .insert(role);
        }
        let mut held = by_id("assignments");
        held.retain(|_, assignment| assignment["state"] != "expired");
        let mut removals = by_id("assignmentRequests");
        removals.retain(|_, request| request["requestType"] == "adminRemove");
        Self {
            packages: by_id("accessPackages"),
            roles,
            policies: by_id("assignmentPolicies"),
            held,
            removals,
        }
    }

    fn roles(&self, package: &str) -> BTreeSet<Role> {
        self.roles.get(package).cloned().unwrap_or_default()
    }
}

/// Whether people ask for themselves by it.
pub(super) fn is_self_service(policy: &Value) -> bool {
    policy["requestorSettings"]["enableTargetsToSelfAddAccess"] == true
}

impl Oracle {
    /// One that knows cluster and tenant of this ground.
    #[must_use]
    pub fn of(ground: &impl Ground, clock: Clock, late: Duration) -> Self {
        Self {
            state: Arc::default(),
            cluster: ground.cluster(),
            entra: ground.entra(),
            clock,
            kept: Arc::default(),
            late,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is now is somebody else's.
    pub fn seal(&self) {
        let mut state = self.state();
        let now = Picture::of(&self.entra);
        state.foreign = now.packages.clone();
        state.foreign.extend(now.policies.clone());
        state.before = now;
        state.is_sealed = true;
    }

    /// Whether it is somebody else's.
    #[must_use]
    pub fn is_foreign(&self, id: &str) -> bool {
        self.state().foreign.contains_key(id)
    }

    /// Somebody came in by this policy.
    pub(super) fn came_in(&self, assignment: &str, policy: &Value) {
        let terms = Terms::of(policy, self.clock.now().as_second());
        self.state().came_by.insert(assignment.to_owned(), terms);
    }

    /// What was found so far.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.state().findings.clone()
    }

    /// Adds what was found elsewhere.
    pub fn found(&self, findings: impl IntoIterator<Item = Finding>) {
        self.state().findings.extend(findings);
    }

    /// Keeps what Entra has after a write of the operator, to be judged by [`Oracle::hear`]: the cluster cannot be heard now.
    pub fn keep(&self) {
        let glimpse = Glimpse {
            at: self.clock.instant(),
            second: self.clock.now().as_second(),
            picture: Picture::of(&self.entra),
        };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(glimpse);
    }

    /// Hears what was written in the cluster, and judges what was kept.
    pub fn hear(&self) {
        let now = self.clock.instant();
        let mut state = self.state();
        state.history.hear(&*self.cluster, now);
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        for glimpse in kept {
            self.judge(&mut state, By::Operator, glimpse);
        }
    }

    /// Looks at Entra.
    pub fn look(&self, by: By) {
        self.hear();
        let glimpse = Glimpse {
            at: self.clock.instant(),
            second: self.clock.now().as_second(),
            picture: Picture::of(&self.entra),
        };
        self.judge(&mut self.state(), by, glimpse);
    }

    fn judge(&self, state: &mut State, by: By, glimpse: Glimpse) {
        let Glimpse {
            at: now,
            second,
            picture,
        } = glimpse;
        if !state.is_sealed {
            return;
        }
        let mut found = BTreeSet::new();
        match by {
            By::Operator => {
                let judge = Judge {
                    history: &state.history,
                    before: &state.before,
                    after: &picture,
                    touched: &state.touched,
                    came_by: &state.came_by,
                    now,
                    second,
                    late: self.late,
                };
                let taken = judge.foreign(&state.foreign, &mut found);
                for id in taken {
                    state.foreign.remove(&id);
                }
                judge.ways(&state.foreign, &mut found);
                judge.holders(&mut found);
                judge.losses(&mut found);
                let opened = judge.reopened(&state.shut, &mut found);
                state.shut.retain(|id, _| !opened.contains(id));
            }
            By::Hand => {
                // What is new was made by hand; what differs was touched.
                for (id, package) in &picture.packages {
                    if !state.before.packages.contains_key(id) {
                        state.foreign.insert(id.clone(), package.clone());
                    }
                }
                for (id, policy) in &picture.policies {
                    let before = state.before.policies.get(id);
                    if before.is_none() || state.foreign.contains_key(id) {
                        state.foreign.insert(id.clone(), policy.clone());
                    }
                    let was_open = before.is_some_and(is_self_service);
                    if was_open && !is_self_service(policy) {
                        state
                            .shut
                            .extend(state.history.wish(id, now).map(|wish| (id.clone(), wish)));
                    } else if is_self_service(policy) {
                        state.shut.remove(id);
                    }
                    if before != Some(policy) {
                        state.touched.insert(text(&policy["accessPackageId"]).to_owned(), now);
                    }
                }
                for (id, policy) in &state.before.policies {
                    if !picture.policies.contains_key(id) {
                        state.foreign.remove(id);
                        state.touched.insert(text(&policy["accessPackageId"]).to_owned(), now);
                    }
                }
                for id in picture.packages.keys() {
                    let holders = |of: &Picture| of.held.values().filter(|held| held["accessPackageId"] == *id).count();
                    if picture.roles(id) != state.before.roles(id) || holders(&picture) != holders(&state.before) {
                        state.touched.insert(id.clone(), now);
                    }
                }
            }
        }
        state.findings.extend(found);
        state.before = picture;
    }
}

/// One look at what the operator did.
struct Judge<'a> {
    history: &'a History,
    before: &'a Picture,
    after: &'a Picture,
    touched: &'a BTreeMap<String, Instant>,
    came_by: &'a BTreeMap<String, Terms>,
    now: Instant,
    second: i64,
    late: Duration,
}

impl Judge<'_> {
    fn title(&self, package: &str) -> String {
        let found = self
            .after
            .packages
            .get(package)
            .or_else(|| self.before.packages.get(package));
        found.map_or_else(
            || package.to_owned(),
            |package| text(&package["displayName"]).to_owned(),
        )
    }

    /// The catalog of a package.
    fn catalog(&self, package: &str) -> &str {
        let found = self
            .after
            .packages
            .get(package)
            .or_else(|| self.before.packages.get(package));
        found.map_or("", |package| text(&package["catalogId"]))
    }

    /// Whether somebody else has touched the package so shortly ago that the operator need not know.
    fn is_touched(&self, package: &str) -> bool {
        let touched = self.touched.get(package);
        touched.is_some_and(|at| self.now.saturating_duration_since(*at) < self.late)
    }

    fn open_policies<'a>(&self, of: &'a Picture, package: &'a str) -> impl Iterator<Item = (&'a String, Terms)> {
        let second = self.second;
        let policies = of
            .policies
            .iter()
            .filter(move |(_, policy)| policy["accessPackageId"] == package);
        policies.map(move |(id, policy)| (id, Terms::of(policy, second)))
    }

    /// Ways that the operator has added or widened are allowed by one grant each, with all roles of the package.
    fn ways(&self, foreign: &BTreeMap<String, Value>, found: &mut BTreeSet<Finding>) {
        for package in self.after.packages.keys().filter(|id| !foreign.contains_key(*id)) {
            let (roles, before) = (self.after.roles(package), self.before.roles(package));
            if !self.before.packages.contains_key(package) && !self.history.is_granted(self.catalog(package), self.now)
            {
                let words = format!(
                    "package {:?} was made in a catalog that grants nothing",
                    self.title(package)
                );
                found.insert(Finding::Way(words));
            }
            let more_roles = !roles.is_subset(&before);
            if self.is_touched(package) || roles.is_empty() {
                continue;
            }
            for (policy, terms) in self
                .open_policies(self.after, package)
                .filter(|(_, terms)| terms.is_open())
            {
                let stood = self
                    .before
                    .policies
                    .get(policy)
                    .map(|policy| Terms::of(policy, self.second));
                let is_wider = stood.is_none_or(|stood| terms.is_wider(&stood));
                if !(is_wider || more_roles) {
                    continue;
                }
                let versions = self.history.granting(self.catalog(package), self.now);
                if !versions.iter().any(|granting| granting.allows(&roles, &terms)) {
                    let name = text(&self.after.policies[policy]["displayName"]);
                    let words = format!("{:?} by policy {name:?}: {roles:?} for {terms:?}", self.title(package));
                    found.insert(Finding::Way(words));
                }
            }
        }
    }

    /// Roles that the operator has added to a package go to all who hold it.
    fn holders(&self, found: &mut BTreeSet<Finding>) {
        for (id, held) in &self.after.held {
            let package = text(&held["accessPackageId"]);
            let (roles, before) = (self.after.roles(package), self.before.roles(package));
            if roles.is_subset(&before) || !self.before.held.contains_key(id) || self.is_touched(package) {
                continue;
            }
            let Some(terms) = self.came_by.get(id) else {
                continue; // by hand
            };
            let versions = self.history.granting(self.catalog(package), self.now);
            if !versions.iter().any(|granting| granting.allows_holders(&roles, terms)) {
                let words = format!(
                    "{:?} hands {roles:?} to {} who came in by {terms:?}",
                    self.title(package),
                    text(&held["target"]["displayName"])
                );
                found.insert(Finding::Handed(words));
            }
        }
    }

    /// Access goes where a grant lets it.
    fn losses(&self, found: &mut BTreeSet<Finding>) {
        let asked = self
            .after
            .removals
            .iter()
            .filter(|(id, _)| !self.before.removals.contains_key(*id));
        let asked = asked.filter_map(|(_, request)| self.before.held.get(text(&request["assignmentId"])));
        let gone = self.before.held.iter().filter(|(id, _)| {
            let is_asked = || {
                self.after
                    .removals
                    .values()
                    .any(|request| text(&request["assignmentId"]) == **id)
            };
            !self.after.held.contains_key(*id) && !is_asked()
        });
        let gone = gone.map(|(_, held)| held).filter(|held| {
            let ends = text(&held["schedule"]["expiration"]["endDateTime"]);
            let end = ends.parse::<k8s_openapi::jiff::Timestamp>();
            end.map_or(true, |end| end.as_second() > self.second) // for ever
        });
        for held in asked.chain(gone) {
            let (package, policy) = (text(&held["accessPackageId"]), text(&held["assignmentPolicyId"]));
            let is_going = self.history.takes_access_away(package, policy, self.now);
            let has_leave = self
                .history
                .granting(self.catalog(package), self.now)
                .iter()
                .any(|granting| granting.lets_end("DeleteWithAssignments"));
            if !(is_going && has_leave) {
                let words = format!(
                    "{} lost {:?}; is something deleted with its assignments: {is_going}, is there leave: {has_leave}",
                    text(&held["target"]["displayName"]),
                    self.title(package)
                );
                found.insert(Finding::Lost(words));
            }
        }
        // A role that the spec keeps is not taken from those who hold it.
        for (package, before) in &self.before.roles {
            let roles = self.after.roles(package);
            let is_held = self
                .after
                .held
                .values()
                .any(|held| held["accessPackageId"] == **package);
            if is_held && self.history.keeps_asking(package, before.difference(&roles), self.now) {
                let words = format!("{:?} lost a role that its spec asks for", self.title(package));
                found.insert(Finding::Lost(words));
            }
        }
    }

    /// What an administrator has shut stays shut, until the team asks for this very thing, or a grant lets it mend everything;
    /// answers what is open again.
    fn reopened(&self, shut: &BTreeMap<String, Value>, found: &mut BTreeSet<Finding>) -> Vec<String> {
        let is_open = |id: &&String| self.after.policies.get(*id).is_some_and(is_self_service);
        let opened: Vec<String> = shut.keys().filter(is_open).cloned().collect();
        for id in &opened {
            let package = text(&self.after.policies[id]["accessPackageId"]);
            let mends = self
                .history
                .granting(self.catalog(package), self.now)
                .iter()
                .any(|granting| {
                    let grants = granting.grants();
                    grants
                        .iter()
                        .any(|grant| grant["limits"]["driftPolicy"].to_string().contains("Correct"))
                });
            let is_asked = self.history.wishes_else(id, &shut[id], mends, self.now);
            if !(is_asked || self.is_touched(package)) {
                let name = text(&self.after.policies[id]["displayName"]);
                found.insert(Finding::Reopened(format!(
                    "policy {name:?} of {:?}",
                    self.title(package)
                )));
            }
        }
        opened
    }

    /// What is somebody else's stays as it is, unless it is taken over with a grant's leave; answers what was.
    fn foreign(&self, foreign: &BTreeMap<String, Value>, found: &mut BTreeSet<Finding>) -> Vec<String> {
        let mut taken = Vec::new();
        for (id, was) in foreign {
            let is_package = was["catalogId"].is_string();
            let package = if is_package {
                id.as_str()
            } else {
                text(&was["accessPackageId"])
            };
            let is = |of: &Picture| {
                if is_package {
                    of.packages.get(id).cloned()
                } else {
                    of.policies.get(id).cloned()
                }
            };
            let same =
                is(self.before) == is(self.after) && (!is_package || self.before.roles(id) == self.after.roles(id));
            if same {
                continue;
            }
            // With a package that is ours everything of it goes.
            if !is_package && self.history.goes(package, self.now) {
                taken.push(id.clone());
                continue;
            }
            let claimed = self.history.claims(id, was, self.now);
            let ways: Vec<Terms> = self
                .open_policies(self.before, package)
                .map(|(_, terms)| terms)
                .collect();
            let ways = if is_package {
                ways
            } else {
                vec![Terms::of(was, self.second)]
            };
            let may = self
                .history
                .granting(self.catalog(package), self.now)
                .iter()
                .any(|granting| granting.lets_take_over(&self.before.roles(package), &ways));
            if claimed && (may || self.is_touched(package)) {
                taken.push(id.clone());
            } else {
                let what = if is_package { "package" } else { "policy" };
                let words = format!(
                    "{what} {:?}; does the team ask for it: {claimed}, may it: {may}",
                    text(&was["displayName"])
                );
                found.insert(Finding::Foreign(words));
                taken.push(id.clone()); // once is enough
            }
        }
        taken
    }
}

/// Whether an object of the cluster is the team's.
pub(super) fn is_teams(object: &Value) -> bool {
    object["metadata"]["namespace"] == TEAM
}
