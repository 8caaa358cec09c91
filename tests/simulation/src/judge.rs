//! What is compared of two runs: what Entra holds, what the cluster says, who has access, and which ways in there ever were.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use entra_access_operator::api::KindName;
use graph_emulator::Tenant;
use serde_json::{Map, Value, json};

use crate::{api_server::ApiServer, stage::Stage};

/// What there is at the end of a run, without what every run has of its own: ids and times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Every object of entitlement management, and how many there are of it.
    pub entra: BTreeMap<String, usize>,
    /// Every custom resource, with what it says of itself.
    pub cluster: BTreeMap<String, String>,
    /// Who has access, by which package.
    pub people: BTreeMap<String, usize>,
    /// Every way in that there was at any time: a role, and what a policy asks of whom for it.
    pub ways: BTreeSet<String>,
    /// To how few roles each package fell at any time at which roles were taken out of it: whoever holds it had no more then.
    pub fell_to: BTreeMap<String, usize>,
}

/// Gathers the ways in while a run lasts.
#[derive(Clone, Debug, Default)]
pub struct Ways(Arc<Mutex<Gathered>>);

#[derive(Clone, Debug, Default)]
struct Gathered {
    ways: BTreeSet<String>,
    /// How many roles each package has, by its id.
    roles: BTreeMap<String, usize>,
    fell_to: BTreeMap<String, usize>,
}

impl Gathered {
    fn look(&mut self, parts: &Parts) {
        self.ways.extend(parts.ways());
        let mut roles = BTreeMap::new();
        for package in &parts.packages {
            let of = |scope: &&Value| scope["accessPackageId"] == package["id"];
            let count = parts.scopes.iter().filter(of).count();
            let id = text(&package["id"]).to_owned();
            if self.roles.get(&id).is_some_and(|before| count < *before) {
                let least = self.fell_to.entry(parts.package(&package["id"])).or_insert(count);
                *least = count.min(*least);
            }
            roles.insert(id, count);
        }
        self.roles = roles;
    }
}

impl Ways {
    /// Looks at the tenant after each write that the operator sends.
    #[must_use]
    pub fn watched(stage: &Stage) -> Self {
        let ways = Self::default();
        let (seen, entra) = (ways.clone(), stage.entra.clone());
        stage.wire.watch(move || seen.look(&entra));
        ways
    }

    fn look(&self, entra: &Tenant) {
        let parts = Parts::of(entra);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).look(&parts);
    }

    fn all(&self) -> Gathered {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The collections that are looked at.
struct Parts {
    catalogs: Vec<Value>,
    resources: Vec<Value>,
    packages: Vec<Value>,
    scopes: Vec<Value>,
    policies: Vec<Value>,
    assignments: Vec<Value>,
    organizations: Vec<Value>,
    assigned: Vec<Value>,
}

impl Parts {
    fn of(entra: &Tenant) -> Self {
        let part = |name: &str| match entra.part(name) {
            Some(Value::Array(elements)) => elements,
            Some(_) | None => Vec::new(),
        };
        Self {
            catalogs: part("catalogs"),
            resources: part("resources"),
            packages: part("accessPackages"),
            scopes: part("resourceRoleScopes"),
            policies: part("assignmentPolicies"),
            assignments: part("assignments"),
            organizations: part("connectedOrganizations"),
            assigned: part("roleAssignments"),
        }
    }

    fn name(elements: &[Value], id: &Value) -> String {
        let found = elements.iter().find(|element| &element["id"] == id);
        found.map_or_else(
            || "nothing".to_owned(),
            |element| text(&element["displayName"]).to_owned(),
        )
    }

    fn catalog(&self, id: &Value) -> String {
        Self::name(&self.catalogs, id)
    }

    fn package(&self, id: &Value) -> String {
        let found = self.packages.iter().find(|package| &package["id"] == id);
        found.map_or_else(
            || "nothing".to_owned(),
            |package| {
                format!(
                    "{}/{}",
                    self.catalog(&package["catalogId"]),
                    text(&package["displayName"])
                )
            },
        )
    }

    /// What keeps people from asking for the package, by its names in a stable order.
    fn fences(&self, package: &Value) -> String {
        let list = |name: &str| package[name].as_array().cloned().unwrap_or_default();
        let packages = list("incompatibleAccessPackages");
        let packages = packages.iter().map(|id| format!("holders of {}", self.package(id)));
        let groups = list("incompatibleGroups");
        let groups = groups.iter().map(|id| format!("members of {}", text(id)));
        let mut fences: Vec<String> = packages.chain(groups).collect();
        fences.sort();
        fences.iter().map(|fence| format!(", but not for {fence}")).collect()
    }

    fn role(scope: &Value) -> String {
        format!(
            "{} of {}",
            text(&scope["role"]["displayName"]),
            text(&scope["originId"])
        )
    }

    fn ways(&self) -> BTreeSet<String> {
        let mut ways = BTreeSet::new();
        for policy in self.policies.iter().filter(|policy| is_open(policy)) {
            let approval = &policy["requestApprovalSettings"];
            let asks = if approval["isApprovalRequiredForAdd"] == true {
                let stages = approval["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
                let approvers: Vec<String> = stages
                    .iter()
                    .map(|stage| subjects(&stage["primaryApprovers"]))
                    .collect();
                format!("approved by {}", approvers.join(", then "))
            } else {
                "not approved by anybody".to_owned()
            };
            let roles = self
                .scopes
                .iter()
                .filter(|scope| scope["accessPackageId"] == policy["accessPackageId"]);
            let package = self
                .packages
                .iter()
                .find(|package| package["id"] == policy["accessPackageId"]);
            let fences = package.map(|package| self.fences(package)).unwrap_or_default();
            for scope in roles {
                // Names may change on the way.
                ways.insert(format!(
                    "{} ({} {}), {asks}, for {}{fences}",
                    Self::role(scope),
                    text(&policy["allowedTargetScope"]),
                    subjects(&policy["specificAllowedTargets"]),
                    policy["expiration"],
                ));
            }
        }
        ways
    }
}

/// Whether somebody can ask for access by it.
fn is_open(policy: &Value) -> bool {
    let settings = &policy["requestorSettings"];
    policy["allowedTargetScope"] != "notSpecified"
        && (settings["enableTargetsToSelfAddAccess"] == true || settings["enableOnBehalfRequestorsToAddAccess"] == true)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn subjects(sets: &Value) -> String {
    let sets = sets.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut named: Vec<String> = sets
        .iter()
        .map(|set| {
            let named: String = ["userId", "groupId"].iter().map(|id| text(&set[*id])).collect();
            // An organization has another id in every run.
            if set["connectedOrganizationId"].is_string() {
                format!("organization {}", text(&set["description"]))
            } else {
                named
            }
        })
        .collect();
    named.sort();
    named.join("+")
}

/// Without ids and times that a run has of its own.
fn canonical(object: &Value) -> Value {
    match object {
        Value::Object(members) => {
            let own = [
                "id",
                "createdDateTime",
                "modifiedDateTime",
                "expiredDateTime",
                "catalogId",
                "accessPackageId",
                "assignmentPolicyId",
                "connectedOrganizationId",
                // Told by names.
                "incompatibleAccessPackages",
                "incompatibleGroups",
            ];
            let kept = members.iter().filter(|(name, _)| !own.contains(&name.as_str()));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), canonical(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(elements) => Value::Array(elements.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

impl Picture {
    /// What there is now.
    #[must_use]
    pub fn of(stage: &Stage, ways: &Ways) -> Self {
        let parts = Parts::of(&stage.entra);
        let mut entra = BTreeMap::new();
        let mut enter = |line: String| *entra.entry(line).or_default() += 1;
        for catalog in &parts.catalogs {
            enter(format!(
                "catalog {} {}",
                text(&catalog["displayName"]),
                canonical(catalog)
            ));
        }
        for organization in &parts.organizations {
            let mut shown = canonical(organization);
            // Nobody comes first among sponsors.
            for list in ["internalSponsors", "externalSponsors"] {
                if let Some(sponsors) = shown[list].as_array_mut() {
                    sponsors.sort_by_key(ToString::to_string);
                }
            }
            enter(format!("organization {} {shown}", text(&organization["displayName"])));
        }
        for resource in &parts.resources {
            let catalog = parts.catalog(&resource["catalogId"]);
            enter(format!("resource {} in {catalog}", text(&resource["originId"])));
        }
        for one in &parts.assigned {
            let scope = text(&one["appScopeId"])
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned();
            enter(format!(
                "{} runs {} as {}",
                text(&one["principalId"]),
                parts.catalog(&scope.into()),
                text(&one["roleDefinitionId"])
            ));
        }
        for package in &parts.packages {
            enter(format!(
                "package {} {}{}",
                parts.package(&package["id"]),
                canonical(package),
                parts.fences(package)
            ));
        }
        for scope in &parts.scopes {
            let package = parts.package(&scope["accessPackageId"]);
            enter(format!("role {} in {package}", Parts::role(scope)));
        }
        for policy in &parts.policies {
            let package = parts.package(&policy["accessPackageId"]);
            enter(format!(
                "policy {package}/{} {}",
                text(&policy["displayName"]),
                canonical(policy)
            ));
        }
        let mut people = BTreeMap::new();
        for assignment in &parts.assignments {
            let line =
                json!({"package": parts.package(&assignment["accessPackageId"]), "assignment": canonical(assignment)});
            *people.entry(line.to_string()).or_default() += 1;
        }
        let Gathered {
            ways,
            roles: _,
            fell_to,
        } = ways.all();
        Self {
            entra,
            cluster: cluster(&stage.cluster, &parts),
            people,
            ways,
            fell_to,
        }
    }

    /// What Entra lacks of what it must hold exactly once, and holds of what it must lack.
    #[must_use]
    pub fn ends(&self, holds: &[&str], lacks: &[&str]) -> Vec<Wrong> {
        let all = |is: &dyn Fn(&str) -> bool| -> usize {
            let found = self.entra.iter().filter(|(object, _)| is(object));
            found.map(|(_, count)| count).sum()
        };
        let count = |begins: &str| all(&|object| object.starts_with(begins));
        let missing = holds.iter().filter(|begins| count(begins) == 0);
        let twins = holds.iter().filter(|begins| count(begins) > 1);
        let left = lacks.iter().filter(|begins| count(begins) > 0);
        let words = |begins: &&str| (*begins).to_owned();
        // What is replaced is replaced by adding first: nobody has less meanwhile than before and after.
        let cut = self.fell_to.iter().filter_map(|(package, least)| {
            let of_it = format!(" in {package}");
            let kept = all(&|object| object.starts_with("role ") && object.ends_with(&of_it));
            (*least < kept).then(|| {
                Wrong::People(format!(
                    "whoever holds {package} had {least} of its roles for a while, of {kept} that it keeps"
                ))
            })
        });
        missing
            .map(|begins| Wrong::Missing(words(begins)))
            .chain(twins.map(|begins| Wrong::Duplicate(words(begins))))
            .chain(left.map(|begins| Wrong::LeftOver(words(begins))))
            .chain(cut)
            .collect()
    }

    /// What is wrong with this run, where `right` is how it ends undisturbed.
    #[must_use]
    pub fn faults(&self, right: &Self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        for (object, count) in &self.entra {
            let expected = right.entra.get(object).copied().unwrap_or_default(); // none
            if *count > expected {
                let name = Name::of(object);
                let is_twin = self
                    .entra
                    .iter()
                    .filter(|(other, _)| Name::of(other) == name)
                    .map(|(_, count)| count)
                    .sum::<usize>()
                    > right
                        .entra
                        .iter()
                        .filter(|(other, _)| Name::of(other) == name)
                        .map(|(_, count)| count)
                        .sum::<usize>()
                    && expected > 0;
                wrong.push(if is_twin {
                    Wrong::Duplicate(object.clone())
                } else {
                    Wrong::LeftOver(object.clone())
                });
            }
        }
        for (object, expected) in &right.entra {
            if self.entra.get(object).copied().unwrap_or_default() < *expected {
                wrong.push(Wrong::Missing(object.clone()));
            }
        }
        for (object, says) in &self.cluster {
            match right.cluster.get(object) {
                Some(expected) if expected == says => {}
                Some(expected) => wrong.push(Wrong::Status(format!("{object}: {says}, and not {expected}"))),
                None => wrong.push(Wrong::Stuck(format!("{object}: {says}"))),
            }
        }
        for object in right
            .cluster
            .keys()
            .filter(|object| !self.cluster.contains_key(*object))
        {
            wrong.push(Wrong::Status(format!("{object} is gone from the cluster")));
        }
        if self.people != right.people {
            wrong.push(Wrong::People(format!("{:?}, and not {:?}", self.people, right.people)));
        }
        wrong.extend(self.ways.difference(&right.ways).cloned().map(Wrong::Open));
        for (package, least) in &self.fell_to {
            if right.fell_to.get(package).is_none_or(|right| least < right) {
                wrong.push(Wrong::People(format!(
                    "whoever holds {package} had {least} of its roles for a while, and undisturbed never so few"
                )));
            }
        }
        wrong
    }
}

/// The kind and the name of an object as [`Picture::entra`] has it.
#[derive(PartialEq)]
struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    fn of(line: &'a str) -> Self {
        Self(line.split(" {").next().unwrap_or(line))
    }
}

fn cluster(cluster: &ApiServer, parts: &Parts) -> BTreeMap<String, String> {
    let mut said = BTreeMap::new();
    for kind in KindName::ALL {
        for object in cluster.list(kind.name(), None) {
            let meta = &object["metadata"];
            let title = format!("{} {}/{}", kind.name(), text(&meta["namespace"]), text(&meta["name"]));
            let status = &object["status"];
            let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
            let mut words: Vec<String> = conditions
                .iter()
                .map(|condition| {
                    let (kind, value, reason) = (&condition["type"], &condition["status"], &condition["reason"]);
                    format!("{}={} {}", text(kind), text(value), text(reason))
                })
                .collect();
            words.sort();
            if status["observedGeneration"] != meta["generation"] {
                words.push("another generation".to_owned());
            }
            if meta["deletionTimestamp"].is_string() {
                words.push("being deleted".to_owned());
            }
            if !status["intent"].is_null() {
                words.push("an intent is open".to_owned());
            }
            let id = &status["entra"]["id"];
            if id.is_string() {
                let all = parts.catalogs.iter().chain(&parts.packages).chain(&parts.policies);
                let all = all.chain(&parts.organizations);
                let is_there = all.into_iter().any(|object| &object["id"] == id);
                words.push(
                    if is_there {
                        "is in Entra"
                    } else {
                        "names what is not in Entra"
                    }
                    .to_owned(),
                );
            }
            said.insert(title, words.join(", "));
        }
    }
    said
}

/// What is wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There are two.
    Duplicate(String),
    /// There is what should not be there any more, or not in this form.
    LeftOver(String),
    /// There is not what should be there: deleted, or never made.
    Missing(String),
    /// An object should be gone from the cluster.
    Stuck(String),
    /// An object says something else of itself.
    Status(String),
    /// Somebody lost or gained access.
    People(String),
    /// There was a way in for a while that the undisturbed run never had.
    Open(String),
    /// It did not come to rest.
    Restless(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, words) = match self {
            Self::Duplicate(words) => ("duplicate", words),
            Self::LeftOver(words) => ("left over", words),
            Self::Missing(words) => ("missing", words),
            Self::Stuck(words) => ("stuck", words),
            Self::Status(words) => ("status", words),
            Self::People(words) => ("people", words),
            Self::Open(words) => ("a way in", words),
            Self::Restless(words) => ("restless", words),
        };
        write!(formatter, "{what}: {words}")
    }
}
