//! Which objects of a list are meant, by labels and by fields.

use serde_json::Value;

use super::{refusal::Refusal, request::Request, resource::Nature};

/// A label selector and a field selector together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selector {
    labels: Vec<(String, Test)>,
    fields: Vec<(&'static str, Test)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Is(String),
    IsNot(String),
    Exists,
    DoesNotExist,
}

/// Fields that every kind can be selected by.
const OF_ALL: [(&str, &str); 2] = [
    ("metadata.name", "/metadata/name"),
    ("metadata.namespace", "/metadata/namespace"),
];
/// Fields that events can be selected by.
const OF_EVENTS: [(&str, &str); 8] = [
    ("involvedObject.kind", "/involvedObject/kind"),
    ("involvedObject.namespace", "/involvedObject/namespace"),
    ("involvedObject.name", "/involvedObject/name"),
    ("involvedObject.uid", "/involvedObject/uid"),
    ("reason", "/reason"),
    ("type", "/type"),
    ("regarding.name", "/involvedObject/name"),
    ("regarding.kind", "/involvedObject/kind"),
];

impl Selector {
    pub(super) fn read(request: &Request) -> Result<Self, Refusal> {
        let mut selector = Self::default();
        for term in terms(request.asks("labelSelector")) {
            if [" in ", " notin ", "("].iter().any(|set| term.contains(set)) {
                return Err(Refusal::internal("the simulation knows no selectors by sets"));
            }
            let (key, test) = match term.strip_prefix('!') {
                Some(key) => (key, Test::DoesNotExist),
                None => split(term).unwrap_or((term, Test::Exists)),
            };
            selector.labels.push((key.trim().to_owned(), test));
        }
        for term in terms(request.asks("fieldSelector")) {
            let (field, test) = split(term)
                .ok_or_else(|| Refusal::bad_request(&format!("invalid selector: {term:?}; can't understand it")))?;
            let of_events = matches!(request.resource.nature, Nature::Event).then_some(&OF_EVENTS[..]);
            let mut known = OF_ALL.iter().chain(of_events.unwrap_or_default());
            let (_, pointer) = known
                .find(|(name, _)| *name == field)
                .ok_or_else(|| Refusal::bad_request(&format!("field label not supported: {field}")))?;
            selector.fields.push((pointer, test));
        }
        Ok(selector)
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let holds = |value: Option<&str>, test: &Test| match test {
            Test::Is(wanted) => value == Some(wanted),
            Test::IsNot(unwanted) => value != Some(unwanted),
            Test::Exists => value.is_some(),
            Test::DoesNotExist => value.is_none(),
        };
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default(); // Go's zero value
        self.labels
            .iter()
            .all(|(key, test)| holds(labels.get(key).and_then(Value::as_str), test))
            && self
                .fields
                .iter()
                .all(|(pointer, test)| holds(Some(text(pointer)), test))
    }
}

fn terms(selector: Option<&str>) -> impl Iterator<Item = &str> {
    selector.into_iter().flat_map(|selector| selector.split(','))
}

fn split(term: &str) -> Option<(&str, Test)> {
    if let Some((key, value)) = term.split_once("!=") {
        return Some((key, Test::IsNot(value.trim().to_owned())));
    }
    let (key, value) = term.split_once("==").or_else(|| term.split_once('='))?;
    Some((key, Test::Is(value.trim().to_owned())))
}
