//! What the cluster said, and until when: a visit that was under way may still go by what was said a moment ago.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    deed::{TEAM, text},
    ground::{Cluster, News},
    meaning::{Granting, Role},
    oracle::is_teams,
};

/// How long a visit that was under way may take.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// Kind, namespace, name.
type Place = (String, String, String);

/// One state of an object, and when it began; none where it was gone.
type State = (Instant, Option<Arc<Value>>);

/// Everything that was said.
#[derive(Debug, Default)]
pub(super) struct History {
    heard: u64,
    said: BTreeMap<Place, Vec<State>>,
}

impl History {
    /// Hears what was written since.
    pub(super) fn hear(&mut self, cluster: &dyn Cluster, now: Instant) {
        let (news, heard) = cluster.news(self.heard);
        self.heard = heard;
        for News {
            kind,
            namespace,
            name,
            object: state,
        } in news
        {
            if kind == "Event" {
                continue;
            }
            let states = self.said.entry((kind, namespace, name)).or_default();
            // What nobody can go by any more is forgotten.
            while states.len() > 1 && states[1].0 + UNDER_WAY < now {
                states.remove(0);
            }
            states.push((now, state));
        }
    }

    /// The states of an object by which somebody may go.
    fn states<'a>(&'a self, kind: &'a str, now: Instant) -> impl Iterator<Item = &'a Value> {
        let places = self.said.iter().filter(move |((of, _, _), _)| of == kind);
        places.flat_map(move |(_, states)| recent(states, now))
    }

    /// The Catalog of this id, as it may still be read, with the labels of the team's namespace.
    pub(super) fn granting(&self, catalog: &str, now: Instant) -> Vec<Granting<'_>> {
        let labels: Vec<&Value> = self
            .states("Namespace", now)
            .filter(|namespace| namespace["metadata"]["name"] == TEAM)
            .map(|namespace| &namespace["metadata"]["labels"])
            .collect();
        let specs = self
            .states("Catalog", now)
            .filter(|object| text(&object["status"]["entra"]["id"]).eq_ignore_ascii_case(catalog))
            .map(|object| &object["spec"]);
        specs
            .flat_map(|spec| labels.iter().map(move |labels| Granting { spec, labels }))
            .collect()
    }

    /// Whether the catalog grants the team anything.
    pub(super) fn is_granted(&self, catalog: &str, now: Instant) -> bool {
        self.granting(catalog, now)
            .iter()
            .any(|granting| !granting.grants().is_empty())
    }

    fn of_team<'a>(&'a self, kind: &'a str, now: Instant) -> impl Iterator<Item = &'a Value> {
        self.states(kind, now).filter(|object| is_teams(object))
    }

    /// Whether the team deletes something that takes this access away, in the way that it says.
    pub(super) fn takes_access_away(&self, package: &str, policy: &str, now: Instant) -> bool {
        let ends = |object: &Value, id: &str| {
            object["metadata"]["deletionTimestamp"].is_string()
                && object["spec"]["deletionPolicy"] == "DeleteWithAssignments"
                && object["status"]["entra"]["id"] == id
        };
        self.of_team("AccessPackage", now).any(|object| ends(object, package))
            || self.of_team("AssignmentPolicy", now).any(|object| ends(object, policy))
    }

    /// Whether the team deletes the package.
    pub(super) fn goes(&self, package: &str, now: Instant) -> bool {
        self.of_team("AccessPackage", now).any(|object| {
            object["metadata"]["deletionTimestamp"].is_string() && object["status"]["entra"]["id"] == package
        })
    }

    /// Whether the spec of the package has asked for one of these roles all the time.
    pub(super) fn keeps_asking<'a>(&self, package: &str, roles: impl Iterator<Item = &'a Role>, now: Instant) -> bool {
        let names = |(origin, role): &Role| {
            let resource = match origin.as_str() {
                "0282e19d-bf41-435d-92a4-99bab93af305" => "campaign-group",
                "e81d7f57-0840-45e1-894b-f505c1bdcc1f" => "crm",
                _ => "auditors",
            };
            (resource, role.clone())
        };
        let states: Vec<&Value> = self
            .of_team("AccessPackage", now)
            .filter(|object| object["status"]["entra"]["id"] == package)
            .collect();
        roles.map(names).any(|(resource, role)| {
            !states.is_empty()
                && states.iter().all(|object| {
                    let asked = object["spec"]["resourceRoles"].as_array();
                    asked.is_some_and(|asked| {
                        asked
                            .iter()
                            .any(|asked| asked["resource"] == resource && asked["role"] == *role)
                    })
                })
        })
    }

    /// What the team wants of who may ask, and when it last asked for a visit.
    pub(super) fn wish(&self, policy: &str, now: Instant) -> Option<Value> {
        self.of_policy(policy, now).last().map(wish)
    }

    fn of_policy<'a>(&'a self, policy: &'a str, now: Instant) -> impl Iterator<Item = &'a Value> {
        self.of_team("AssignmentPolicy", now)
            .filter(move |object| object["status"]["entra"]["id"] == policy)
    }

    /// Whether the team wants something else than it did; `mends` where a grant lets it put everything right.
    pub(super) fn wishes_else(&self, policy: &str, before: &Value, mends: bool, now: Instant) -> bool {
        self.of_policy(policy, now)
            .any(|object| wish(object) != *before || (mends && object["spec"]["driftPolicy"] == "Correct"))
    }

    /// Whether the team asks for this object of somebody else.
    pub(super) fn claims(&self, id: &str, was: &Value, now: Instant) -> bool {
        let is_package = was["catalogId"].is_string();
        let kind = if is_package {
            "AccessPackage"
        } else {
            "AssignmentPolicy"
        };
        self.of_team(kind, now).any(|object| {
            let spec = &object["spec"];
            let by_name =
                spec["adoption"] == "ByName" && text(&spec["displayName"]).trim() == text(&was["displayName"]).trim();
            text(&spec["id"]).eq_ignore_ascii_case(id) || by_name
        })
    }
}

/// What a policy wants of who may ask, and what it asks for beside.
fn wish(object: &Value) -> Value {
    let asked = &object["metadata"]["annotations"]["access.entra-operator.io/reconcile-requested-at"];
    json!([object["spec"]["requestors"], asked])
}

/// The states by which somebody may still go: the last, and those that ended a moment ago.
fn recent(states: &[State], now: Instant) -> impl Iterator<Item = &Value> {
    let count = states.len();
    states.iter().enumerate().filter_map(move |(index, (_, object))| {
        let ended = states.get(index + 1).map(|(since, _)| *since);
        let is_recent = index + 1 == count || ended.is_some_and(|ended| ended + UNDER_WAY >= now);
        object.as_deref().filter(|_| is_recent)
    })
}
