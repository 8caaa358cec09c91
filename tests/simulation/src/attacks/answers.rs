//! What the team is told: the same of what is forbidden to it and of what is not there, and nothing of what is others'.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    deed::{TEAM, text},
    ground::Cluster,
    oracle::Finding,
};

/// The two objects of this number that ask, named alike in length.
pub(super) fn askers(number: usize) -> [String; 2] {
    [format!("asks-here-{number}"), format!("asks-gone-{number}")]
}

/// What others' objects say, and nobody has told the team.
const SECRETS: [&str; 2] = ["\"Payments\"", "Out of sight"];

/// What is told that should not be.
#[must_use]
pub(super) fn findings(cluster: &dyn Cluster, asked: &[usize]) -> Vec<Finding> {
    let mut found = Vec::new();
    for number in asked {
        let [here, gone] = askers(*number).map(|name| told(cluster, &name));
        let (Some(here), Some(gone)) = (here, gone) else {
            continue; // not visited yet
        };
        if here == gone {
            continue;
        }
        found.push(Finding::Told(format!(
            "of what is there: {here:#?}; of what is not: {gone:#?}"
        )));
    }
    for kind in ["AccessPackage", "AssignmentPolicy"] {
        for object in cluster.objects(kind, TEAM) {
            let name = text(&object["metadata"]["name"]);
            let said = format!("{}{:?}", object["status"], cluster.told(kind, name, TEAM));
            let asked = object["spec"].to_string();
            for secret in SECRETS {
                if said.contains(secret) && !asked.contains(secret.trim_matches('"')) {
                    found.push(Finding::Told(format!(
                        "{kind} {name} says {secret}: {}",
                        object["status"]
                    )));
                }
            }
        }
    }
    found
}

/// All that one of the askers was told, without its name and what it asked for; none before it was visited.
fn told(cluster: &dyn Cluster, name: &str) -> Option<BTreeSet<String>> {
    let object = cluster.object("AccessPackage", name, Some(TEAM))?;
    let status = &object["status"];
    if status["observedGeneration"] != object["metadata"]["generation"] {
        return None;
    }
    let payments = cluster
        .object("AccessPackage", "payments", Some("finance"))
        .unwrap_or_default();
    let forbidden = text(&payments["status"]["entra"]["id"]).to_owned();
    let plain = |words: &str| {
        let mut words = words.to_owned();
        for asked in [
            (name, "ME"),
            (text(&status["entra"]["id"]), "MINE"),
            ("\"finance\"", "IT"),
            ("\"nothing\"", "IT"),
            ("legal/secrets", "IT"),
            ("legal/nothing", "IT"),
            (&forbidden, "IT"),
            (super::people::NOBODY, "IT"),
        ] {
            if !asked.0.is_empty() {
                words = words.replace(asked.0, asked.1);
            }
        }
        // Each request has an id of its own.
        words.split(" [request-id").next().unwrap_or_default().to_owned()
    };
    let mut told = BTreeSet::new();
    for condition in status["conditions"].as_array().into_iter().flatten() {
        let said = ["type", "status", "reason", "message"].map(|field| text(&condition[field]));
        told.insert(plain(&said.join(" ")));
    }
    // The weather is not the same for both.
    let is_weather = |event: &&Value| {
        let words = text(&event["message"]);
        text(&event["type"]) == "Normal"
            || words.contains("outcome unknown")
            || words.contains(": HTTP ")
            || text(&event["reason"]).contains("Graph")
            // An answer that was lost befalls one of them.
            || text(&event["reason"]) == "OutcomeUnknown"
    };
    let events = cluster.told("AccessPackage", name, TEAM);
    for event in events.iter().filter(|event| !is_weather(event)) {
        told.insert(plain(&format!(
            "event {} {} {}",
            text(&event["type"]),
            text(&event["reason"]),
            text(&event["message"])
        )));
    }
    for (field, value) in status.as_object().into_iter().flatten() {
        if !["conditions", "observedGeneration", "entra", "applied", "resourceRoles"].contains(&field.as_str()) {
            told.insert(plain(&format!("{field} {value}")));
        }
    }
    Some(told)
}
