//! What an answer tells, and what it does not: unread is never none, and one element that cannot be read stands for
//! itself alone.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A part of an object that an answer may leave out. Not read is never "none": whoever needs the part has to ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Read<T> {
    /// The answer did not have it.
    #[default]
    Unread,
    /// The answer had it.
    Read(T),
}

impl<T> Read<T> {
    /// What was read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Unread => None,
        }
    }

    /// What was read, to let it follow a write of ours.
    pub fn known_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Unread => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Read<T> {
    /// An absent property and a null are unread: Graph answers collections that it has read as arrays.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Unread, Self::Read))
    }
}

/// An element of a collection that exists and cannot be read: newer than this program, or malformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its id, where at least that could be read.
    pub id: Option<String>,
    /// Its display name, likewise.
    pub display_name: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

/// The elements of a collection. What cannot be read is told apart, and is not absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// Those that could be read.
    pub elements: Vec<T>,
    /// Those that could not.
    pub unreadable: Vec<Unreadable>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            elements: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}

impl<T> Listed<T> {
    /// A collection of which everything was read.
    pub fn of(elements: Vec<T>) -> Self {
        Self {
            elements,
            unreadable: Vec::new(),
        }
    }

    /// Whether an element of this id may be among those that could not be read: then it is not absent.
    #[must_use]
    pub fn hides(&self, id: &str) -> bool {
        self.unreadable
            .iter()
            // One whose id cannot be read may be any.
            .any(|hidden| hidden.id.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(id)))
    }

    /// Whether there is nothing at all, read or unread.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty() && self.unreadable.is_empty()
    }

    /// The same elements, each turned into another form.
    #[must_use]
    pub fn map<U>(self, of: impl FnMut(T) -> U) -> Listed<U> {
        let Self { elements, unreadable } = self;
        Listed {
            elements: elements.into_iter().map(of).collect(),
            unreadable,
        }
    }

    /// Adds what another page has.
    pub fn extend(&mut self, other: Self) {
        let Self { elements, unreadable } = other;
        self.elements.extend(elements);
        self.unreadable.extend(unreadable);
    }
}

impl<T> From<Vec<T>> for Listed<T> {
    fn from(elements: Vec<T>) -> Self {
        Self::of(elements)
    }
}

impl<T: DeserializeOwned> Listed<T> {
    /// Reads each element for itself.
    pub(super) fn parse(values: Vec<Value>) -> Self {
        let mut listed = Self::default();
        for value in values {
            let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
            let (id, display_name) = (text("id"), text("displayName"));
            match serde_json::from_value(value) {
                Ok(element) => listed.elements.push(element),
                Err(why) => listed.unreadable.push(Unreadable {
                    id,
                    display_name,
                    why: why.to_string(),
                }),
            }
        }
        listed
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Value>::deserialize(deserializer).map(Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Element {
        id: String,
        size: u8,
    }

    #[test]
    fn one_element_that_cannot_be_read_stands_for_itself_alone() {
        let listed: Listed<Element> = serde_json::from_value(serde_json::json!([
            {"id": "a", "size": 1}, {"id": "b", "displayName": "B", "size": null}, {"id": "c", "size": 3},
        ]))
        .unwrap();
        assert_eq!(listed.elements.len(), 2);
        assert_eq!(listed.unreadable[0].id.as_deref(), Some("b"));
        assert_eq!(listed.unreadable[0].display_name.as_deref(), Some("B"));
    }

    #[test]
    fn an_element_that_is_no_object_may_be_any() {
        let listed: Listed<Element> =
            serde_json::from_value(serde_json::json!([null, {"id": "a", "size": 1}, "b"])).unwrap();
        assert_eq!((listed.elements.len(), listed.unreadable.len()), (1, 2));
        assert!(listed.hides("c") && !listed.is_empty());
    }

    #[test]
    fn what_is_absent_is_unread_and_an_empty_collection_is_read() {
        #[derive(Deserialize)]
        struct Holder {
            #[serde(default)]
            parts: Read<Listed<Element>>,
        }
        let read = |json: &str| serde_json::from_str::<Holder>(json).unwrap().parts;
        assert_eq!(read("{}"), Read::Unread);
        assert_eq!(read(r#"{"parts": null}"#), Read::Unread);
        assert_eq!(read(r#"{"parts": []}"#), Read::Read(Listed::default()));
    }
}
