//! Every manifest that is shown is what the types and a real API server take.

use std::collections::BTreeSet;
use std::path::Path;

use entra_access_operator::api::{AccessPackage, AssignmentPolicy, Catalog, ConnectedOrganization, EntraTenant};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use stage::ControlPlane;

use crate::text;

const GROUP: &str = "access.entra-operator.io/";

#[test]
fn the_readme_shows_the_smallest_story_in_at_most_45_lines() {
    let shown = text::blocks(&text::read("README.md"), "yaml");
    let smallest = text::read("docs/smallest.yaml");
    assert_eq!(shown.first(), Some(&smallest));
    assert!(smallest.lines().count() <= 45, "{} lines", smallest.lines().count());
}

#[test]
fn every_manifest_has_only_fields_that_the_types_know() {
    let mut seen = 0;
    for (place, document) in documents() {
        match document["kind"].as_str().unwrap_or_default() {
            "EntraTenant" => assert_known::<EntraTenant>(&place, &document),
            "Catalog" => assert_known::<Catalog>(&place, &document),
            "ConnectedOrganization" => assert_known::<ConnectedOrganization>(&place, &document),
            "AccessPackage" => assert_known::<AccessPackage>(&place, &document),
            "AssignmentPolicy" => assert_known::<AssignmentPolicy>(&place, &document),
            kind => panic!("{place}: no kind {kind}"),
        }
        seen += 1;
    }
    assert!(seen >= 11, "only {seen} manifests were found");
}

#[test]
fn no_two_samples_hold_the_same_object() {
    let mut seen = BTreeSet::new();
    for text in text::all()
        .iter()
        .filter(|text| text.place.starts_with("docs/samples/"))
    {
        for document in parse(&text.place, &text.content) {
            let metadata = &document["metadata"];
            let name = format!("{} {} {}", document["kind"], metadata["namespace"], metadata["name"]);
            assert!(seen.insert(name.clone()), "{}: {name}", text.place);
        }
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

#[test]
fn a_real_api_server_takes_every_manifest_and_refuses_the_scope_that_no_version_has() {
    let cluster = ControlPlane::start().unwrap();
    let definitions = text::root().join("crds").display().to_string();
    cluster
        .kubectl(&["apply", "--server-side", "-f", &definitions])
        .unwrap();
    cluster
        .kubectl(&[
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "-f",
            &definitions,
        ])
        .unwrap();

    // The samples as a folder, as people apply it: twice, since applying again must change nothing.
    let samples = text::root().join("docs/samples").display().to_string();
    cluster.kubectl(&["apply", "-f", &samples]).unwrap();
    let before = generations(&cluster);
    cluster.kubectl(&["apply", "-f", &samples]).unwrap();
    assert_eq!(generations(&cluster), before);

    for (place, document) in documents() {
        let dry_run = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        let answer = cluster.try_kubectl(&dry_run, &document.to_string()).unwrap();
        // The samples and the smallest story share names on purpose, and some of their fields are immutable.
        let answer = match answer.success {
            true => answer,
            false => cluster.try_kubectl(&dry_run, &renamed(&document).to_string()).unwrap(),
        };
        assert!(answer.success, "{place}: {}", answer.stderr);
    }

    let page = text::read("docs/from-powershell.md");
    let told = text::blocks(&page, "").pop().unwrap();
    let mut policy = documents_of("docs/from-powershell.md", &page).pop().unwrap();
    policy["spec"]["requestors"]["scope"] = "AllExistingConnectedDirectorySubjects".into();
    let refused = cluster.apply_refused(&renamed(&policy).to_string()).unwrap();
    let refused: Vec<String> = refused
        .lines()
        .map(|line| line.replace("-anew\"", "\"").trim_end().to_owned())
        .collect();
    assert_eq!(refused, told.lines().collect::<Vec<_>>());
}

/// The generation of every object of the samples: it counts the changes of the spec.
fn generations(cluster: &ControlPlane) -> Vec<String> {
    let objects = [
        ("EntraTenant", "default", None),
        ("Catalog", "marketing", None),
        ("AccessPackage", "marketing-campaign", Some("marketing")),
        ("AssignmentPolicy", "marketing-campaign", Some("marketing")),
    ];
    objects
        .map(|(kind, name, namespace)| {
            let object = cluster.get(kind, name, namespace).unwrap().unwrap();
            object["metadata"]["generation"].to_string()
        })
        .to_vec()
}

fn renamed(document: &Value) -> Value {
    let mut document = document.clone();
    let name = format!("{}-anew", document["metadata"]["name"].as_str().unwrap());
    document["metadata"]["name"] = name.into();
    document
}

/// Every manifest of ours in the texts, with its place.
fn documents() -> Vec<(String, Value)> {
    let texts = text::all();
    texts
        .iter()
        .flat_map(|text| {
            documents_of(&text.place, &text.content)
                .into_iter()
                .map(|document| (text.place.clone(), document))
        })
        .collect()
}

fn documents_of(place: &str, content: &str) -> Vec<Value> {
    let sources = match Path::new(place).extension().and_then(|extension| extension.to_str()) {
        Some("yaml") => vec![content.to_owned()],
        Some("md") => text::blocks(content, "yaml"),
        _ => Vec::new(),
    };
    let ours = |document: &Value| {
        document["apiVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with(GROUP))
    };
    sources
        .iter()
        .flat_map(|source| parse(place, source))
        .filter(ours)
        .collect()
}

fn parse(place: &str, yaml: &str) -> Vec<Value> {
    let documents = yaml.split("\n---\n");
    documents
        .map(|document| serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{place}: {error}\n{document}")))
        .collect()
}

/// What is read and written again still has all that was there: nothing was unknown, nothing was misread.
fn assert_known<K: DeserializeOwned + Serialize>(place: &str, document: &Value) {
    let object: K =
        serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{place}: {error}\n{document}"));
    let again = serde_json::to_value(object).unwrap();
    if let Some(lost) = lost(document, &again, "") {
        panic!("{place}: {} has no field {lost}", document["kind"]);
    }
}

/// The first path of `before` that `after` does not have, or has with another value.
fn lost(before: &Value, after: &Value, path: &str) -> Option<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match after.get(name) {
                Some(found) => lost(value, found, &path),
                None if value == &Value::Array(Vec::new()) => None,
                None => Some(path),
            }
        }),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => before
            .iter()
            .zip(after)
            .enumerate()
            .find_map(|(index, (before, after))| lost(before, after, &format!("{path}[{index}]"))),
        (before, after) => (before != after).then(|| path.to_owned()),
    }
}
