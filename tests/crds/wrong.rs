//! Specs by the thousand, each wrong in one place: how many of them the API server refuses with the place, and what becomes of
//! those that it lets through.

mod broken;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use broken::{Break, Class, breaks};
use entra_access_operator::api::GROUP;
use serde_json::{Value, json};
use simulation::{
    specs::{
        bench::world,
        draw::{Draw, catalog_of_packages},
        reach,
    },
    stage::{Setting, Stage},
};

use crate::cluster::{Kind, cluster, fresh_name};

const COUNT: u64 = 1_200;
const SEED: u64 = 20_261_129;

/// The specs of the samples, by kind.
fn samples() -> Vec<(Kind, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/samples");
    let texts = fs::read_dir(folder)
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let documents: Vec<String> = texts
        .flat_map(|text| text.split("\n---\n").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let mut samples: Vec<_> = documents
        .iter()
        .filter_map(|text| {
            let object: Value = serde_saphyr::from_str(text).unwrap();
            let kind = Kind::ALL.into_iter().find(|kind| object["kind"] == kind.name())?;
            Some((kind, object["spec"].clone()))
        })
        .collect();
    samples.sort_by_key(|(kind, spec)| (kind.name(), spec.to_string()));
    samples
}

/// A valid spec: one of the samples, or one with whatever there is in it.
fn valid(draw: &mut Draw, samples: &[(Kind, Value)]) -> (Kind, Value) {
    match draw.below(20) {
        0..2 => samples[draw.below(samples.len())].clone(),
        2..5 => (Kind::EntraTenant, draw.tenant()),
        5..10 => (Kind::Catalog, draw.catalog()),
        10..13 => (Kind::AccessPackage, draw.package()),
        _ => (Kind::AssignmentPolicy, draw.policy()),
    }
}

fn object(kind: Kind, name: &str, spec: &Value) -> Value {
    let mut object = kind.object(name, "{}");
    object["spec"] = spec.clone();
    object
}

fn path(kind: Kind) -> String {
    let plural = kind.crd().split('.').next().unwrap().to_owned();
    match kind.namespace() {
        Some(namespace) => format!("/apis/{GROUP}/v1alpha1/namespaces/{namespace}/{plural}"),
        None => format!("/apis/{GROUP}/v1alpha1/{plural}"),
    }
}

/// What the API server says to an object that it is only asked about.
fn asked(kind: Kind, spec: &Value) -> Result<(), String> {
    let path = format!("{}?dryRun=All&fieldValidation=Strict", path(kind));
    let answer = cluster().request("POST", &path, "application/json", Some(&object(kind, "subject", spec)));
    answer.map(drop).map_err(|error| error.to_string())
}

/// What it says to a change of one that is there.
fn asked_to_change(kind: Kind, before: &Value, after: &Value) -> Result<(), String> {
    let name = fresh_name();
    let made = cluster().create(&object(kind, &name, before)).unwrap();
    let mut changed = made;
    changed["spec"] = after.clone();
    let path = format!("{}/{name}?dryRun=All&fieldValidation=Strict", path(kind));
    let answer = cluster().request("PUT", &path, "application/json", Some(&changed));
    answer.map(drop).map_err(|error| error.to_string())
}

/// One that is let through.
struct LetThrough {
    kind: Kind,
    broken: Break,
}

#[derive(Default)]
struct Figures {
    refused: usize,
    /// Those of them whose place is not named, with the answer.
    elsewhere: Vec<String>,
    by_class: BTreeMap<Class, (usize, usize)>,
    let_through: Vec<LetThrough>,
    /// What was to be broken was so already.
    valid_and_refused: Vec<String>,
}

fn figures() -> Figures {
    let (schemas, samples) = (reach::schemas(), samples());
    let mut figures = Figures::default();
    for seed in SEED..SEED + COUNT {
        let mut draw = Draw::seeded(seed);
        let (kind, spec) = valid(&mut draw, &samples);
        if let Err(answer) = asked(kind, &spec) {
            figures.valid_and_refused.push(format!("seed {seed}: {answer}\n{spec}"));
        }
        let all = breaks(kind, &schemas[kind.name()], &spec);
        // Each class as often as any other, however many fields it can befall.
        let classes: BTreeSet<Class> = all.iter().map(|one| one.class).collect();
        let classes: Vec<Class> = classes.into_iter().collect();
        let class = draw.one(&classes);
        let of_class: Vec<&Break> = all.iter().filter(|one| one.class == class).collect();
        let broken = of_class[draw.below(of_class.len())].clone();
        let answer = match broken.is_change {
            true => asked_to_change(kind, &spec, &broken.spec),
            false => asked(kind, &broken.spec),
        };
        let (count, refused) = figures.by_class.entry(class).or_default();
        *count += 1;
        match answer {
            Err(answer) => {
                *refused += 1;
                figures.refused += 1;
                if !answer.contains(&broken.at) {
                    figures.elsewhere.push(format!("{class:?} at {}: {answer}", broken.at));
                }
            }
            Ok(()) => figures.let_through.push(LetThrough { kind, broken }),
        }
    }
    figures
}

/// What the operator says of an object that is wrong and there.
fn condition(kind: Kind, spec: &Value) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(&Setting {
            world: Some(world()),
            quirks: json!({"sharePointNeedsDelegated": false}),
            ..Setting::default()
        });
        let mut catalog = catalog_of_packages();
        catalog["grants"] = json!([{"name": "everybody", "namespaces": {"all": {}}, "limits": {
            "requestorScopes": ["SpecificDirectoryUsers", "SpecificDirectoryServicePrincipals", "AllMemberUsers",
                "AllDirectoryUsers", "AllDirectoryServicePrincipals", "AllDirectoryAgentIdentities",
                "AllConfiguredConnectedOrganizationUsers", "AllExternalUsers"],
            "approval": "Optional", "unlimitedDuration": "Allowed", "automaticAssignment": "Allowed", "onBehalf": "Allowed",
            "targets": {"kinds": ["AnyUser", "AnyGroup"]}, "onBehalfRequestors": {"kinds": ["AnyUser", "AnyGroup", "TargetManager"]},
            "adoption": "Allowed", "deletion": ["Delete", "DeleteWithAssignments", "Orphan"], "maxDuration": "P9999D",
        }}]);
        let mut broken = spec.clone();
        if kind.namespace().is_some() {
            // It is wrong as what it is, not as one that takes over or only looks.
            for field in ["id", "adoption", "management"] {
                broken.as_object_mut().unwrap().remove(field);
            }
        }
        match kind {
            Kind::AccessPackage => broken["catalogRef"] = json!({"name": "catalog"}),
            Kind::AssignmentPolicy => broken["accessPackageRef"] = json!({"name": "package"}),
            Kind::EntraTenant | Kind::Catalog | Kind::ConnectedOrganization => {}
        }
        let tenant = json!({"tenantId": "11111111-1111-4111-8111-111111111111", "credentials": {"clientSecret": {
            "clientId": "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11", "secretRef": {"name": "entra-credentials"}}}});
        let package = json!({"catalogRef": {"name": "catalog"}, "displayName": "Package",
            "resourceRoles": [{"resource": "auditors", "role": "Member"}]});
        let objects = [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}),
            object(Kind::EntraTenant, "default", &tenant),
            object(Kind::Catalog, "catalog", &catalog),
            object(Kind::AccessPackage, "package", &package),
            object(kind, "subject", &broken),
        ];
        for object in objects {
            if let Err(refusal) = stage.cluster.apply(&object) {
                return format!("not taken in process: {refusal:?}");
            }
        }
        if let Err(restless) = stage.settle().await {
            return restless.to_string();
        }
        let subject = stage.cluster.get(kind.name(), "subject", kind.namespace()).unwrap();
        let conditions = subject["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready");
        let ready = ready.unwrap_or_default();
        let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        stage.kill();
        match ready["status"].as_str() {
            Some("True") => "Ready".to_owned(),
            _ => format!("{}: {}", text("reason"), text("message")),
        }
    })
}

#[test]
fn nine_of_ten_wrong_specs_are_refused_with_the_place_and_the_others_get_a_condition() {
    let Figures {
        refused,
        elsewhere,
        by_class,
        let_through,
        valid_and_refused,
    } = figures();
    assert!(
        valid_and_refused.is_empty(),
        "valid, and refused: {}",
        valid_and_refused.join("\n")
    );
    for (class, (count, refused)) in &by_class {
        println!("{class:?}: {refused} of {count} refused");
    }
    let mut told = BTreeSet::new();
    for LetThrough { kind, broken } in &let_through {
        let what = format!("{} {:?} at {}", kind.name(), broken.class, broken.at);
        if told.insert(what.clone()) {
            println!("let through: {what}\n  {}", condition(*kind, &broken.spec));
        }
    }
    for answer in &elsewhere {
        println!("refused elsewhere: {answer}");
    }
    let share = |part: usize| part as f64 * 100.0 / COUNT as f64;
    println!(
        "{COUNT} wrong specs: {refused} refused ({:.1} %), {} of them without the place; {} let through in {} ways",
        share(refused),
        elsewhere.len(),
        let_through.len(),
        told.len()
    );
    assert!(share(refused) >= 90.0, "{:.1} % are refused", share(refused));
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    // Everything that a schema can tell is told: what comes through is beyond it.
    for LetThrough { kind, broken } in &let_through {
        assert_eq!(broken.class, Class::Sense, "{kind:?} at {}: {}", broken.at, broken.spec);
    }
}
