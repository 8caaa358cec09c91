//! The schema rules that several types share: CEL that the API server evaluates, with words for people.
//!
//! A field that must be there is asked for by [`required`] or [`at_least_one`], not by the schema's `required`, whose
//! message does not say what to write and hides the errors of all other fields.

use kube::core::{Message, Reason, Rule};

/// Directory objects, tenants, applications: everything in Entra has an id of this form.
const GUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";

/// Names of Kubernetes objects (RFC 1123 subdomain).
const OBJECT_NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// Names of domains, at least one dot in them.
const DOMAIN: &str = "^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?([.][a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)+$";

/// Names of namespaces and of the entries of a catalog (RFC 1123 label).
const LABEL_NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// The field must be there; the message says what to write.
pub(super) fn required(field: &str, message: &str) -> Rule {
    missing(format!("has(self.{field})"), field, message)
}

/// The list must be there and have an entry.
pub(super) fn at_least_one(field: &str, message: &str) -> Rule {
    missing(format!("has(self.{field}) && self.{field}.size() > 0"), field, message)
}

/// The field must be there where the other one is not; the message says what to write.
pub(super) fn required_without(other: &str, field: &str, message: &str) -> Rule {
    missing(format!("has(self.{other}) || has(self.{field})"), field, message)
}

/// The field may be there only where the other one is not.
pub(super) fn only_without(other: &str, field: &str, message: &str) -> Rule {
    Rule::new(format!("!(has(self.{other}) && has(self.{field}))"))
        .message(message)
        .field_path(format!(".{field}"))
}

/// A field that can neither be added nor removed; what it says may change.
pub(super) fn given_or_not(field: &str, message: &str) -> Rule {
    frozen(format!("has(self.{field}) == has(oldSelf.{field})"), field, message)
}

fn missing(rule: String, field: &str, message: &str) -> Rule {
    Rule::new(rule)
        .message(message)
        .field_path(format!(".{field}"))
        .reason(Reason::FieldValueRequired)
}

/// A field that is always there, by [`required`] or by its default, and keeps its first value.
pub(super) fn immutable(field: &str, message: &str) -> Rule {
    frozen(
        format!("!has(self.{field}) || !has(oldSelf.{field}) || self.{field} == oldSelf.{field}"),
        field,
        message,
    )
}

/// An optional field that can neither be changed nor added nor removed.
pub(super) fn fixed(field: &str, message: &str) -> Rule {
    frozen(same(field), field, message)
}

fn frozen(rule: String, field: &str, message: &str) -> Rule {
    Rule::new(rule)
        .message(message)
        .field_path(format!(".{field}"))
        .reason(Reason::FieldValueForbidden)
}

/// None of these optional fields can be changed, added or removed; the message stands at the object that has them.
pub(super) fn all_fixed(fields: &[&str], message: &str) -> Rule {
    let rules: Vec<_> = fields.iter().map(|field| same(field)).collect();
    Rule::new(rules.join(" && "))
        .message(message)
        .reason(Reason::FieldValueForbidden)
}

fn same(field: &str) -> String {
    format!("has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})")
}

/// One of these fields must be there; the message says what to write.
pub(super) fn any_of(fields: &[&str], message: &str) -> Rule {
    let there: Vec<_> = fields.iter().map(|field| format!("has(self.{field})")).collect();
    Rule::new(there.join(" || ")).message(message)
}

/// No two of these fields may be there. (A message that names just those that are there would cost more than the API
/// server grants all rules of a CRD together.)
pub(super) fn at_most_one_of(fields: &[&str]) -> Rule {
    let there: Vec<_> = fields.iter().map(|field| format!("has(self.{field})")).collect();
    let names = match fields {
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
        [] => String::new(),
    };
    Rule::new(format!("[{}].filter(x, x).size() <= 1", there.join(", ")))
        .message(Message::Message(format!("{names} exclude each other: keep one")))
}

/// The text is an id of Entra.
pub(super) fn guid(message: &str) -> Rule {
    matching(GUID, message)
}

/// The text is the name of a domain of the internet.
pub(super) fn domain(message: &str) -> Rule {
    matching(DOMAIN, message)
}

/// The text is the name of a Kubernetes object.
pub(super) fn object_name(message: &str) -> Rule {
    matching(OBJECT_NAME, message)
}

/// The text is the name of an entry of a catalog.
pub(super) fn entry_name() -> Rule {
    matching(
        LABEL_NAME,
        "must consist of lower case letters, digits and hyphens, such as campaign-group",
    )
}

/// All texts of the list are names of namespaces.
pub(super) fn namespace_names() -> Rule {
    Rule::new(format!("self.all(name, name.matches('{LABEL_NAME}'))"))
        .message("must be names of namespaces: lower case letters, digits and hyphens, such as marketing")
}

/// The text matches this regular expression, and the message says in words what that means.
pub(super) fn matching(pattern: &str, message: &str) -> Rule {
    Rule::new(format!("self.matches('{pattern}')")).message(message)
}
