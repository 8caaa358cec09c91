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

/// What turns "not known" into "none", or takes whatever is left for one thing, without a word.
fn is_silent(line: &str) -> bool {
    let arm = line.trim_start();
    line.contains("is_none_or(")
        || line.contains("unwrap_or_default()")
        || arm.starts_with("_ =>")
        || arm.starts_with("_ if ")
}

#[test]
fn whatever_takes_the_unknown_for_something_says_why() {
    for file in source_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        if file.ends_with("tests.rs") {
            continue;
        }
        // Tests stand below what they test.
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| is_silent(line)) {
            let above = index.checked_sub(1).map_or("", |above| lines[above].trim_start());
            let has_reason = line.contains("// ") || above.starts_with("// ");
            assert!(
                has_reason || line.trim_start().starts_with("//"),
                "{}:{}: a reason beside it, or name what is meant: {line}",
                file.display(),
                index + 1
            );
        }
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

/// A function of `src`, by its file and its name.
type Place = (String, String);

/// The functions of a file with their bodies, as far as indentation tells: `fn` opens one, a line that is indented no more
/// closes it.
fn functions(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, usize, String)> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let indent = line.len() - line.trim_start().len();
        if !line.trim().is_empty() && !line.trim_start().starts_with(')') {
            open.retain(|index| found[*index].1 < indent);
        }
        let declared = line.split("fn ").nth(1).filter(|_| {
            let before = line.split("fn ").next().unwrap_or_default().trim();
            before
                .split_whitespace()
                .all(|word| word.starts_with("pub") || ["async", "const"].contains(&word))
        });
        if let Some(rest) = declared {
            let name: String = rest
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect();
            found.push((name, indent, String::new()));
            open.push(found.len() - 1);
        }
        for index in &open {
            found[*index].2.push_str(line);
            found[*index].2.push('\n');
        }
    }
    found.into_iter().map(|(name, _, body)| (name, body)).collect()
}

/// Every function outside of `src/graph` that contains a call of one of these names.
fn callers(names: &[String]) -> Vec<Place> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places = Vec::new();
    for file in source_files(&root.join("src")) {
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        if name.starts_with("src/graph/") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap_or_default();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (function, body) in functions(text) {
            let own = format!("fn {function}");
            let calls = |called: &String| {
                body.match_indices(&format!("{called}(")).any(|(at, _)| {
                    let before = &body[..at];
                    !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
                        && !before.ends_with("fn ")
                        && !before.ends_with(&own)
                })
            };
            if names.iter().any(calls) {
                places.push((name.clone(), function));
            }
        }
    }
    places
}

#[test]
fn whatever_changes_graph_is_a_step_that_the_executor_performs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for file in source_files(&root.join("src/graph")) {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        all.extend(functions(text));
    }
    let mut calls = ["Call::create", "Call::patch", "Call::put", "Call::delete"]
        .map(str::to_owned)
        .to_vec();
    let mut writing: Vec<String> = Vec::new();
    // From the requests that write to the operations that send them.
    while !calls.is_empty() {
        let sends = |body: &str| calls.iter().any(|call| body.contains(&format!("{call}(")));
        let more: Vec<String> = all
            .iter()
            .filter(|(function, body)| !writing.contains(function) && sends(body))
            .map(|(function, _)| function.clone())
            .collect();
        writing.extend(more.iter().cloned());
        calls = more.iter().map(|function| format!(".{function}")).collect();
    }
    let is_operation = |name: &String| {
        all.iter()
            .any(|(function, body)| function == name && body.contains("pub async fn"))
    };
    writing.retain(is_operation);
    writing.sort();
    writing.dedup();
    assert!(writing.len() >= 15, "the writing operations of src/graph: {writing:?}");
    let mut wanted = writing;
    let mut seen: Vec<Place> = Vec::new();
    // From the operations to those who call them, and on, until nobody is left but the arms of `perform`.
    while !wanted.is_empty() {
        let next: Vec<Place> = callers(&wanted)
            .into_iter()
            .filter(|place| !seen.contains(place))
            .collect();
        seen.extend(next.iter().cloned());
        wanted = next
            .into_iter()
            .filter(|(file, function)| {
                let is_arm = function == "perform" && file.starts_with("src/reconcile/");
                !is_arm
            })
            .map(|(_, function)| function)
            .collect();
        assert!(seen.len() < 40, "the writing operations have got about: {seen:#?}");
    }
    let outside: Vec<&Place> = seen
        .iter()
        .filter(|(file, _)| !file.starts_with("src/reconcile/"))
        .collect();
    assert!(outside.is_empty(), "only visits change Graph: {outside:?}");
    let arms = seen.iter().filter(|(_, function)| function == "perform").count();
    assert_eq!(arms, 4, "each kind performs its own acts: {seen:#?}");
    let performs = callers(&["perform".to_owned()]);
    assert_eq!(
        performs,
        [("src/reconcile/execute.rs".to_owned(), "run".to_owned())],
        "a plan is carried out by the executor alone"
    );
}
