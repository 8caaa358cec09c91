//! `docs/graph-properties.md`: for each property and value of Graph v1.0, the field of ours that writes it, or why none does.
//!
//! What v1.0 has stands in `graph-v1.0.json`; what becomes of it in [`mapping`]. A property without an answer fails, as does a
//! field that no custom resource has.

mod mapping;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
};

use mapping::{Answer, MAPPING};
use serde_json::{Map, Value};

use crate::{
    fields::{definitions, field},
    text,
};

const PLACE: &str = "docs/graph-properties.md";
const WRITE: &str = "cargo test --test docs write_the_properties -- --ignored";
/// A value that stands for those which a later version may know.
const FUTURE: &str = "unknownFutureValue";

/// The entities that the kinds stand for, those that are written as a part of them, and how the page calls each.
const ENTITIES: [&str; 11] = [
    "accessPackageAssignmentPolicy",
    "accessPackage",
    "accessPackageCatalog",
    "connectedOrganization",
    "accessPackageQuestion",
    "customExtensionStageSetting",
    "accessPackageResourceRoleScope",
    "accessPackageResourceRole",
    "accessPackageResourceScope",
    "accessPackageResource",
    "accessPackageResourceEnvironment",
];

/// The types of v1.0, each with its members: properties with their types, or values with none.
struct Surface {
    source: String,
    types: BTreeMap<String, Vec<(String, String)>>,
}

fn surface() -> Surface {
    let file: Value = serde_json::from_str(include_str!("graph-v1.0.json")).unwrap();
    let types = file["types"].as_object().unwrap();
    Surface {
        source: format!(
            "{}, {}",
            file["source"].as_str().unwrap(),
            file["date"].as_str().unwrap()
        ),
        types: types
            .iter()
            .map(|(name, about)| (name.clone(), members(about)))
            .collect(),
    }
}

fn members(about: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match about["values"].as_array() {
        Some(values) => {
            let values = values.iter().filter(|value| *value != FUTURE);
            values.map(|value| (text(value), String::new())).collect()
        }
        None => {
            let properties = about["properties"].as_object().unwrap();
            properties.iter().map(|(name, of)| (name.clone(), text(of))).collect()
        }
    }
}

/// What becomes of a member; a type that is answered as a whole answers for its members.
fn answer(of: &str, member: &str) -> Option<&'static Answer> {
    let (_, rows) = MAPPING.iter().find(|(name, _)| *name == of)?;
    let row = rows.iter().find(|(name, _)| *name == member || *name == mapping::ALL);
    row.map(|(_, answer)| answer)
}

#[test]
fn every_property_and_value_of_v1_is_written_by_a_field_or_has_its_reason() {
    let missing: Vec<String> = surface()
        .types
        .iter()
        .flat_map(|(of, members)| members.iter().map(move |(member, _)| (of, member)))
        .filter(|(of, member)| answer(of, member).is_none())
        .map(|(of, member)| format!("{of}.{member}"))
        .collect();
    assert!(missing.is_empty(), "no answer for {missing:#?}");
}

#[test]
fn every_answer_is_about_something_that_v1_has() {
    let surface = surface();
    for (of, rows) in MAPPING {
        let members = surface.types.get(*of).unwrap_or_else(|| panic!("v1.0 has no {of}"));
        let mut seen = BTreeSet::new();
        for (member, _) in *rows {
            assert!(seen.insert(*member), "{of}.{member} is answered twice");
            let is_there = *member == mapping::ALL || members.iter().any(|(name, _)| name == member);
            assert!(is_there, "v1.0 has no {of}.{member}");
        }
    }
}

#[test]
fn every_field_that_is_named_for_a_property_exists() {
    let definitions = definitions();
    let mut wrong = Vec::new();
    for (of, rows) in MAPPING {
        for (member, answer) in *rows {
            let Answer::By(places) = answer else { continue };
            assert!(!places.is_empty(), "{of}.{member}");
            for place in *places {
                if let Err(why) = field(&definitions, place) {
                    wrong.push(format!("{of}.{member}, {place}: {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Whoever looks for fields finds no others.
    assert!(field(&definitions, "AssignmentPolicy requestors.nobody").is_err());
    assert!(field(&definitions, "AssignmentPolicy requestors.scope: Nobody").is_err());
}

#[test]
fn the_list_of_properties_is_that_of_the_model_of_graph_where_it_is_at_hand() {
    let place = text::root().join("../shared/graph/models.json");
    let Ok(model) = fs::read_to_string(place) else {
        eprintln!("skipped: the model of Graph is not at hand");
        return;
    };
    let model: Value = serde_json::from_str(&model).unwrap();
    let all = model["types"].as_object().unwrap();
    let mut types = BTreeMap::new();
    let mut next: Vec<String> = ENTITIES.map(str::to_owned).to_vec();
    while let Some(name) = next.pop() {
        let Some(about) = all.get(&format!("microsoft.graph.{name}")) else {
            panic!("the model has no {name}");
        };
        if types.contains_key(&name) {
            continue;
        }
        next.extend(beyond(all, &name, about));
        let members = match about["members"].as_array() {
            Some(values) if about["kind"] == "EnumType" => {
                let names = values.iter().map(|value| value[0].as_str().unwrap().to_owned());
                names.filter(|name| name != FUTURE).collect()
            }
            _ => properties(about).map(|(name, _)| name).collect::<BTreeSet<_>>(),
        };
        types.insert(name, members);
    }
    let ours: BTreeMap<String, BTreeSet<String>> = surface()
        .types
        .into_iter()
        .map(|(name, members)| (name, members.into_iter().map(|(member, _)| member).collect()))
        .collect();
    assert_eq!(ours, types, "tests/docs/graph-v1.0.json is not that of the model");
}

fn properties(about: &Value) -> impl Iterator<Item = (String, String)> {
    let both = ["properties", "navigation"]
        .into_iter()
        .filter_map(|of| about[of].as_array());
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .trim_start_matches("microsoft.graph.")
            .to_owned()
    };
    both.flatten().map(move |one| (text(&one["name"]), text(&one["type"])))
}

/// The complex types and enumerations of a type's properties, and the types that are derived from it.
fn beyond(all: &Map<String, Value>, name: &str, about: &Value) -> Vec<String> {
    let is_part = |of: &str| {
        let about = all.get(&format!("microsoft.graph.{of}"));
        about.is_some_and(|about| about["kind"] != "EntityType")
    };
    let parts = properties(about).map(|(_, of)| of).filter(|of| is_part(of));
    let has_kinds = about["kind"] == "ComplexType" || name == "accessPackageQuestion";
    let base = format!("microsoft.graph.{name}");
    let derived = all.iter().filter(|(_, other)| has_kinds && other["baseType"] == *base);
    let derived = derived.map(|(name, _)| name.trim_start_matches("microsoft.graph.").to_owned());
    parts.chain(derived).collect()
}

/// Kinds, each with its fields.
fn words(places: &[&str]) -> String {
    let mut by_kind: Vec<(&str, Vec<String>)> = Vec::new();
    for place in places {
        let (kind, path) = place.split_once(' ').unwrap();
        let path = format!("`{path}`");
        match by_kind.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, paths)) => paths.push(path),
            None => by_kind.push((kind, vec![path])),
        }
    }
    let told = by_kind
        .iter()
        .map(|(kind, paths)| format!("{kind}: {}", paths.join(", ")));
    told.collect::<Vec<_>>().join("; ")
}

fn page() -> String {
    let Surface { source, types } = surface();
    let (mut written, mut reasoned) = (0, 0);
    let mut tables = String::new();
    let first = ENTITIES.iter().map(|name| (*name).to_owned());
    let others = types.keys().filter(|name| !ENTITIES.contains(&name.as_str())).cloned();
    for name in first.chain(others) {
        let members = &types[&name];
        if members.is_empty() && answer(&name, mapping::ALL).is_none() {
            continue; // what others are derived from
        }
        write!(tables, "\n## {name}\n\n").unwrap();
        let is_whole = MAPPING
            .iter()
            .any(|(of, rows)| *of == name && matches!(rows, [(mapping::ALL, _)]));
        tables.push_str("| | of v1.0 | written by |\n|---|---|---|\n");
        let whole = [(String::new(), String::new())];
        let rows: &[(String, String)] = if is_whole { &whole } else { members };
        for (member, of) in rows {
            let told = match answer(&name, member) {
                Some(Answer::By(places)) => {
                    written += 1;
                    words(places)
                }
                Some(Answer::Not(why)) => {
                    reasoned += 1;
                    format!("none: {why}")
                }
                None => String::new(),
            };
            let member = match member.as_str() {
                "" => "all of it".to_owned(),
                member => format!("`{member}`"),
            };
            writeln!(tables, "| {member} | {of} | {told} |").unwrap();
        }
    }
    format!(
        "# Graph v1.0, property by property

Written by `{WRITE}`; do not edit. What v1.0 has is that of {source}.

Each property of a policy, a package, a catalog and a connected organization, of the types that they are made of, and each value of
their enumerations: the fields of `spec` that write it, or why none does. {written} rows are written by a field, {reasoned} by none for
a reason. What none of ours writes is never written over: where a write would lose it, the operator holds the write
(`UnmanagedSettings` in [reasons](reasons.md)).
{tables}"
    )
}

#[test]
fn the_page_of_properties_is_that_of_the_code() {
    let found = fs::read_to_string(text::root().join(PLACE)).unwrap_or_default();
    assert!(found == page(), "{PLACE} is not current; run `{WRITE}`");
}

#[test]
#[ignore = "it writes the page of properties"]
fn write_the_properties() {
    fs::write(text::root().join(PLACE), page()).expect("the page can be written");
}
