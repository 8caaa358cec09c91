//! The rooms of `src/` and the arrows between them, which point one way.

use std::{fs, path::Path};

use entra_access_operator::api::KindName;

/// A room, and what no line of it may contain.
const ROOMS: [(&str, &[&str]); 5] = [
    (
        "src/api",
        &[
            "crate::graph",
            "crate::plan",
            "crate::reconcile",
            "crate::report",
            "kube::Client",
            "kube::Api",
            "async fn",
        ],
    ),
    (
        "src/graph",
        &[
            "crate::api",
            "crate::plan",
            "crate::reconcile",
            "crate::report",
            "kube::",
            "k8s_openapi",
        ],
    ),
    (
        "src/plan",
        &[
            "crate::reconcile",
            "crate::report",
            "Client",
            "kube::Api",
            "async fn",
            ".await",
            "::now()",
            "reqwest",
        ],
    ),
    (
        "src/cluster",
        &[
            "crate::graph",
            "crate::reconcile",
            "crate::report",
            "kube::Client",
            "kube::Api",
            "::now()",
            "sleep",
        ],
    ),
    (
        "src/report",
        &[
            "crate::reconcile",
            "crate::graph",
            "Client",
            "async fn",
            ".await",
            "::now()",
        ],
    ),
];

fn source_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn no_room_looks_at_a_room_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (room, forbidden) in ROOMS {
        let files = source_files(&root.join(room));
        assert!(files.len() > 1, "{room} has moved; tell this test where");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text
                .lines()
                .enumerate()
                .filter(|(_, line)| !line.trim_start().starts_with("//"))
            {
                for word in forbidden {
                    assert!(
                        !line.contains(word),
                        "{}:{}: {room} must not know {word:?}: {line}",
                        file.display(),
                        number + 1
                    );
                }
            }
        }
    }
}

#[test]
fn only_the_door_speaks_to_graph() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in source_files(&root.join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let is_door = file.ends_with("graph/line.rs");
        // The name of a method sends nothing.
        let text = text.replace("reqwest::Method", "");
        assert!(
            is_door || !text.contains("reqwest::"),
            "{} speaks HTTP by itself",
            file.display()
        );
    }
}

/// Each derive of a definition names its kind.
#[test]
fn a_kind_that_has_a_definition_is_in_the_one_list_of_kinds() {
    let mut defined = Vec::new();
    for file in source_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for rest in text.split("derive(CustomResource").skip(1) {
            let kind = rest.split("kind = \"").nth(1).and_then(|rest| rest.split('"').next());
            defined.push(kind.unwrap().to_owned());
        }
    }
    defined.sort();
    let mut listed: Vec<String> = KindName::ALL.iter().map(|kind| kind.name().to_owned()).collect();
    listed.sort();
    assert_eq!(listed, defined);
}

/// Where kinds are named in files that no compiler reads.
#[test]
fn every_kind_is_named_by_the_chart_wherever_it_lists_kinds() {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/entra-access-operator");
    for file in [
        "templates/rbac.yaml",
        "templates/release.yaml",
        "templates/admissionpolicy.yaml",
    ] {
        let text = fs::read_to_string(chart.join(file)).unwrap();
        for kind in KindName::ALL {
            let plural = kind.resource().plural;
            assert!(text.contains(&plural), "{file} forgets {plural}");
        }
        if file != "templates/release.yaml" {
            for kind in KindName::ALL {
                let status = format!("{}/status", kind.resource().plural);
                assert!(text.contains(&status), "{file} forgets {status}");
            }
        }
    }
}
