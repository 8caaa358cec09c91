//! What is done in a siege, as data: by the team, by those who run the platform, in the portal, by people, by the weather.

use std::{fmt, time::Duration};

use graph_emulator::Tenant;
use serde_json::{Value, json};

use super::{
    answers::askers,
    ground::{Asked, Cluster, Ground, Method},
    oracle::{By, Oracle},
    people::{self, Wish},
    world::API_VERSION,
};
use crate::{api_server::User, stage::Restless};

/// The team's namespace, in which it may do everything with packages and policies.
pub const TEAM: &str = "marketing";

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// The team writes this object: made where it is not there, otherwise its spec is replaced.
    Writes(Value),
    /// The team merges this into the object of this kind and name.
    Merges(&'static str, &'static str, Value),
    /// The team copies the status of another object, of any namespace, into its own.
    CopiesStatus {
        /// Kind of both.
        kind: &'static str,
        /// From which, by namespace and name.
        from: (&'static str, &'static str),
        /// Into which of its own.
        to: &'static str,
    },
    /// The team asks the same of what is forbidden to it and of what is not there: by two packages of this number.
    Asks(usize, Value, Value),
    /// The team deletes the object of this kind and name.
    Deletes(&'static str, &'static str),
    /// Who runs the namespaces labels the team's.
    Labels(Option<&'static str>),
    /// Who runs the platform merges this into the spec of the Catalog.
    Grants(Value),
    /// An administrator merges this into one of the policies of the team's packages, by its number.
    PortalPolicy(usize, Value),
    /// An administrator gives one of the team's packages a policy, by the package's number.
    PortalAdds(usize, Value),
    /// An administrator takes a role out of one of the team's packages, by its number.
    PortalTakesRole(usize),
    /// An administrator deletes one of the policies of the team's packages, by its number.
    PortalDeletes(usize),
    /// Somebody asks for access by one of the doors that are open, by its number, and is approved where that takes an approval.
    ComesIn(Wish),
    /// The service behaves like this from now on.
    Weather(Value),
    /// The operator is started again.
    Restarts,
    /// So many milliseconds pass.
    Passes(u64),
    /// So much time passes that everything has settled that can.
    Settles,
}

impl fmt::Display for Deed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Writes(object) => {
                let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
                let marks = &object["metadata"]["annotations"];
                write!(formatter, "the team writes {kind} {name} {marks}: {}", object["spec"])
            }
            Self::Merges(kind, name, patch) => write!(formatter, "the team merges into {kind} {name}: {patch}"),
            Self::CopiesStatus { kind, from, to } => {
                write!(
                    formatter,
                    "the team copies the status of {kind} {}/{} into {to}",
                    from.0, from.1
                )
            }
            Self::Asks(number, here, gone) => write!(formatter, "the team asks, {number}: {here} and {gone}"),
            Self::Deletes(kind, name) => write!(formatter, "the team deletes {kind} {name}"),
            Self::Labels(label) => write!(formatter, "the namespace's label is {label:?}"),
            Self::Grants(spec) => write!(formatter, "the platform's Catalog: {spec}"),
            Self::PortalPolicy(number, patch) => write!(formatter, "portal, policy {number}: {patch}"),
            Self::PortalAdds(number, policy) => write!(formatter, "portal, package {number} has a policy: {policy}"),
            Self::PortalTakesRole(number) => write!(formatter, "portal, package {number} loses a role"),
            Self::PortalDeletes(number) => write!(formatter, "portal, policy {number} is deleted"),
            Self::ComesIn(wish) => write!(formatter, "comes in: {wish:?}"),
            Self::Weather(quirks) => write!(formatter, "weather: {quirks}"),
            Self::Restarts => formatter.write_str("the operator is started again"),
            Self::Passes(milliseconds) => write!(formatter, "{milliseconds} ms pass"),
            Self::Settles => formatter.write_str("everything settles"),
        }
    }
}

/// The team's account.
#[must_use]
pub fn team() -> User {
    User::service_account(TEAM, "team")
}

/// What came of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It was done.
    Done,
    /// The API server refused it, or there was nothing to do it to.
    Refused,
}

impl Deed {
    /// Does it, and has the oracle hear or look at what came of it.
    ///
    /// # Errors
    /// Where the operator does not come to rest that is waited for.
    pub async fn play(&self, ground: &mut impl Ground, oracle: &Oracle) -> Result<Came, Restless> {
        if !self.is_by_hand() {
            let came = self.done(ground, oracle).await;
            oracle.hear();
            return came;
        }
        ground.holds_still();
        oracle.hear();
        let came = self.done(ground, oracle).await;
        oracle.look(By::Hand);
        ground.goes_on();
        came
    }

    async fn done(&self, ground: &mut impl Ground, oracle: &Oracle) -> Result<Came, Restless> {
        let cluster = ground.cluster();
        let cluster = &*cluster;
        let entra = ground.entra();
        let came = match self {
            Self::Writes(object) => write(cluster, &with_ids(&entra, object)),
            Self::Merges(kind, name, patch) => merge(cluster, kind, name, &with_ids(&entra, patch), ""),
            Self::CopiesStatus { kind, from, to } => {
                let status = cluster
                    .object(kind, from.1, Some(from.0))
                    .map(|object| object["status"].clone());
                match status {
                    Some(status) if !status.is_null() => {
                        merge(cluster, kind, to, &json!({"status": status}), "/status")
                    }
                    Some(_) | None => false,
                }
            }
            Self::Asks(number, here, gone) => {
                let asks = askers(*number).into_iter().zip([here, gone]).map(|(name, spec)| {
                    let mut spec = spec.clone();
                    spec["displayName"] = name.as_str().into();
                    let object = json!({"apiVersion": API_VERSION, "kind": "AccessPackage",
                        "metadata": {"name": name, "namespace": TEAM}, "spec": spec});
                    write(cluster, &with_ids(&entra, &object))
                });
                // Both are asked, whatever came of the first.
                let written: Vec<bool> = asks.collect();
                written.iter().all(|is_written| *is_written)
            }
            Self::Deletes(kind, name) => cluster.team_asks(&Asked {
                method: Method::Delete,
                kind,
                name,
                door: "",
            }),
            Self::Labels(label) => {
                let patch = json!({"metadata": {"labels": {"team": label}}});
                cluster.platform_merges("Namespace", TEAM, &patch)
            }
            Self::Grants(spec) => cluster.platform_merges("Catalog", TEAM, &json!({"spec": spec})),
            Self::PortalPolicy(number, patch) => people::nth_policy(&entra, oracle, *number)
                .is_some_and(|id| entra.patch("assignmentPolicies", &id, patch.clone()).is_ok()),
            Self::PortalAdds(number, policy) => people::nth_package(&entra, oracle, *number).is_some_and(|id| {
                let mut policy = policy.clone();
                policy["accessPackage"] = json!({"id": id});
                entra.create("assignmentPolicies", policy).is_ok()
            }),
            Self::PortalTakesRole(number) => people::nth_package(&entra, oracle, *number)
                .and_then(|id| people::any_role(&entra, &id))
                .is_some_and(|id| entra.delete("resourceRoleScopes", &id).is_ok()),
            Self::PortalDeletes(number) => people::nth_policy(&entra, oracle, *number)
                .is_some_and(|id| !people::is_used(&entra, &id) && entra.delete("assignmentPolicies", &id).is_ok()),
            Self::ComesIn(wish) => people::come_in(&entra, oracle, *wish),
            Self::Weather(quirks) => {
                let mut all = serde_json::to_value(entra.quirks()).unwrap_or_default();
                json_patch::merge(&mut all, quirks);
                graph_emulator::Quirks::from_json(all)
                    .map(|quirks| entra.set_quirks(quirks))
                    .is_ok()
            }
            Self::Restarts => {
                ground.restarts();
                true
            }
            Self::Passes(milliseconds) => {
                ground.passes(Duration::from_millis(*milliseconds)).await?;
                true
            }
            Self::Settles => {
                ground.settles().await?;
                true
            }
        };
        Ok(if came { Came::Done } else { Came::Refused })
    }

    /// Whether it changes the tenant beside the operator.
    #[must_use]
    pub fn is_by_hand(&self) -> bool {
        match self {
            Self::PortalPolicy(..)
            | Self::PortalAdds(..)
            | Self::PortalTakesRole(_)
            | Self::PortalDeletes(_)
            | Self::ComesIn(_) => true,
            Self::Writes(_)
            | Self::Merges(..)
            | Self::CopiesStatus { .. }
            | Self::Asks(..)
            | Self::Deletes(..)
            | Self::Labels(_)
            | Self::Grants(_)
            | Self::Weather(_)
            | Self::Restarts
            | Self::Passes(_)
            | Self::Settles => false,
        }
    }
}

fn merge(cluster: &dyn Cluster, kind: &str, name: &str, patch: &Value, door: &str) -> bool {
    cluster.team_asks(&Asked {
        method: Method::Merge(patch),
        kind,
        name,
        door,
    })
}

fn write(cluster: &dyn Cluster, object: &Value) -> bool {
    let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
    let Some(mut there) = cluster.object(kind, name, Some(TEAM)) else {
        return cluster.team_asks(&Asked {
            method: Method::Post(object),
            kind,
            name: "",
            door: "",
        });
    };
    there["spec"] = object["spec"].clone();
    if let Some(marks) = object["metadata"]["annotations"].as_object() {
        for (mark, value) in marks {
            there["metadata"]["annotations"][mark] = value.clone();
        }
    }
    cluster.team_asks(&Asked {
        method: Method::Put(&there),
        kind,
        name,
        door: "",
    })
}

/// With the id in place of `@collection/name`: who looks into Entra knows ids.
fn with_ids(entra: &Tenant, value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), with_ids(entra, value)))
            .collect(),
        Value::Array(elements) => elements.iter().map(|element| with_ids(entra, element)).collect(),
        Value::String(text) => match text.strip_prefix('@').and_then(|path| path.split_once('/')) {
            Some((collection, name)) => {
                let elements = people::all(entra, collection);
                let named = elements.iter().find(|element| element["displayName"] == name);
                named.map_or_else(|| people::NOBODY.into(), |element| element["id"].clone())
            }
            None => value.clone(),
        },
        other => other.clone(),
    }
}

/// The text of a value; empty where it is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
