//! The files in `crds/` are what the code says.

use std::path::Path;

use entra_access_operator::{api::custom_resource_definitions, commands::crd};
use serde_json::Value;

#[test]
fn the_files_in_crds_are_current() {
    let outdated = crd::outdated(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).unwrap();
    assert!(
        outdated.is_empty(),
        "{} in crds/ not current; run `cargo run -- crd --write crds`",
        outdated.join(", ")
    );
}

#[test]
fn the_yaml_of_a_crd_says_what_the_crd_says() {
    let read: Vec<Value> = crd::files()
        .unwrap()
        .iter()
        .map(|(_, yaml)| serde_saphyr::from_str(yaml).unwrap())
        .collect();
    assert_eq!(read, custom_resource_definitions());
}

#[test]
fn the_yaml_of_a_crd_is_in_block_style_and_fits_kubectls_annotation() {
    for (name, yaml) in crd::files().unwrap() {
        for line in yaml.lines() {
            let value = line.split_once(": ").map_or("", |(_, value)| value);
            // `status: {}`, the subresource, has no other spelling.
            assert!(value == "{}" || !value.starts_with(['{', '[', '|']), "{name}: {line}");
            assert_eq!(line, line.trim_end(), "{name}: trailing blanks");
        }
        // `kubectl apply` keeps the whole object in an annotation; all annotations together may have 256 KiB.
        assert!(yaml.len() < 200 * 1024, "{name} has {} bytes", yaml.len());
    }
}
