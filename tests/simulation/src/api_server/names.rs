//! How things may be called.

use std::sync::LazyLock;

use regex::Regex;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const NAME_PART: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const CONFIG_KEY: &str = "[-._a-zA-Z0-9]+";

static IS_LABEL: LazyLock<Regex> = LazyLock::new(|| whole(LABEL));
static IS_SUBDOMAIN: LazyLock<Regex> = LazyLock::new(|| whole(SUBDOMAIN));
static IS_NAME_PART: LazyLock<Regex> = LazyLock::new(|| whole(NAME_PART));
static IS_LABEL_VALUE: LazyLock<Regex> = LazyLock::new(|| whole(LABEL_VALUE));
static IS_CONFIG_KEY: LazyLock<Regex> = LazyLock::new(|| whole(CONFIG_KEY));

#[expect(clippy::expect_used, reason = "the patterns are constants; a test compiles each")]
fn whole(pattern: &str) -> Regex {
    Regex::new(&format!("^(?:{pattern})$")).expect("a pattern of this file")
}

fn too_long(most: usize) -> String {
    format!("must be no more than {most} bytes")
}

/// Other validators of the real server count otherwise.
fn too_many_characters(most: usize) -> String {
    format!("must be no more than {most} characters")
}

/// What is wrong with the name of a namespace.
pub(super) fn label_name(name: &str) -> Option<String> {
    if name.len() > 63 {
        return Some(too_many_characters(63));
    }
    if name.contains('.') {
        return Some("must not contain dots".to_owned());
    }
    (!IS_LABEL.is_match(name)).then(|| {
        format!(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL}')"
        )
    })
}

/// What is wrong with the name of any other object.
pub(super) fn subdomain(name: &str) -> Option<String> {
    if name.len() > 253 {
        return Some(too_many_characters(253));
    }
    (!IS_SUBDOMAIN.is_match(name)).then(|| {
        format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{SUBDOMAIN}')"
        )
    })
}

/// What is wrong with a key of labels or annotations, or with a finalizer: `name`, or `domain/name`.
pub(super) fn qualified(key: &str) -> Vec<String> {
    let characters = format!(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{NAME_PART}')"
    );
    let (prefix, name) = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => {
            return vec![format!(
                "a valid label key {characters} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    let mut faults = Vec::new();
    match prefix {
        Some("") => faults.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => faults.extend(subdomain(prefix).map(|words| format!("prefix part {words}"))),
        None => {}
    }
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    }
    if name.len() > 63 {
        faults.push(format!("name part {}", too_long(63)));
    }
    if !IS_NAME_PART.is_match(name) {
        faults.push(format!("name part {characters}"));
    }
    faults
}

/// What is wrong with the value of a label.
pub(super) fn label_value(value: &str) -> Option<String> {
    if value.len() > 63 {
        return Some(too_long(63));
    }
    (!IS_LABEL_VALUE.is_match(value)).then(|| {
        format!(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{LABEL_VALUE}')"
        )
    })
}

/// What is wrong with a key of a Secret.
pub(super) fn config_key(key: &str) -> Option<String> {
    (!IS_CONFIG_KEY.is_match(key)).then(|| {
        format!(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '{CONFIG_KEY}')"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_speaks_of_the_whole_name() {
        assert_eq!(label_name("a-1"), None);
        assert!(label_name("a.b").is_some() && label_name("-a").is_some());
        assert_eq!(subdomain("a.b-c"), None);
        assert!(subdomain("A").is_some() && subdomain(&"a".repeat(254)).is_some());
        assert!(qualified("access.entra-operator.io/finalizer").is_empty());
        for key in ["a b", "/a", "a/", "a/b/c", "A/b"] {
            assert!(!qualified(key).is_empty(), "{key}");
        }
        assert_eq!(label_value(""), None);
        assert!(label_value("a b").is_some());
        assert_eq!(config_key("tls.crt"), None);
        assert!(config_key("b c").is_some());
    }
}
