//! Structural schemas: what the API server makes of a custom object before it stores it, and what it refuses.
//!
//! | part | does |
//! |---|---|
//! | `shape` | drops unknown fields, sets defaults |
//! | `validate` | types, required fields, enums, lengths |
//! | `lists` | entries of maps and sets are there once |
//! | `rules` | rules in CEL |
//!
//! Known of a schema is what ours use: `oneOf` and its kin, `x-kubernetes-embedded-resource` and
//! `x-kubernetes-int-or-string` are refused when it is compiled, so that none is overlooked.

mod lists;
mod rules;
mod shape;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::definition::DefinitionError;
use rules::Rule;

pub(super) use rules::Evaluator;
pub(super) use validate::Part;

/// A schema, compiled.
#[derive(Debug, Default)]
pub(super) struct Schema {
    of: Option<Type>,
    properties: BTreeMap<String, Schema>,
    additional: Option<Box<Schema>>,
    items: Option<Box<Schema>>,
    required: Vec<String>,
    allowed: Vec<Value>,
    pattern: Option<Regex>,
    format: Option<Format>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    max_properties: Option<u64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    is_nullable: bool,
    keeps_unknown: bool,
    default: Option<Value>,
    list: ListType,
    rules: Vec<Rule>,
    /// Whether there are rules here or below: what has none need not be walked for them.
    has_rules: bool,
}

/// `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// `format`, where it is one that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    DateTime,
    Int32,
    Int64,
}

/// `x-kubernetes-list-type`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum ListType {
    #[default]
    Atomic,
    Set,
    /// With its keys.
    Map(Vec<String>),
}

/// What a schema may hold. Anything else would be ignored, which is worse than not to serve it.
const KNOWN: [&str; 23] = [
    "type",
    "properties",
    "additionalProperties",
    "items",
    "required",
    "enum",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "minimum",
    "maximum",
    "nullable",
    "default",
    "description",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
];

impl Schema {
    /// Compiles an `openAPIV3Schema` with all that is below it.
    pub(super) fn compile(source: &Value) -> Result<Self, DefinitionError> {
        let Some(fields) = source.as_object() else {
            return Err(DefinitionError(format!("a schema is an object, not {source}")));
        };
        if let Some(unknown) = fields.keys().find(|field| !KNOWN.contains(&field.as_str())) {
            return Err(DefinitionError(format!("schemas with {unknown} are not known here")));
        }
        let below = |field: &str| -> Result<Option<Box<Self>>, DefinitionError> {
            let child = source.get(field).filter(|child| child.is_object());
            child.map(|child| Self::compile(child).map(Box::new)).transpose()
        };
        let mut properties = BTreeMap::new();
        for (name, property) in source["properties"].as_object().into_iter().flatten() {
            properties.insert(name.clone(), Self::compile(property)?);
        }
        let rules = array(&source["x-kubernetes-validations"]).iter().map(Rule::compile);
        let mut schema = Self {
            of: read_type(&source["type"])?,
            properties,
            additional: below("additionalProperties")?,
            items: below("items")?,
            required: texts(&source["required"]),
            allowed: array(&source["enum"]).to_vec(),
            pattern: read_pattern(&source["pattern"])?,
            format: read_format(&source["format"]),
            min_length: source["minLength"].as_u64(),
            max_length: source["maxLength"].as_u64(),
            min_items: source["minItems"].as_u64(),
            max_items: source["maxItems"].as_u64(),
            max_properties: source["maxProperties"].as_u64(),
            minimum: source["minimum"].as_f64(),
            maximum: source["maximum"].as_f64(),
            is_nullable: source["nullable"] == true,
            keeps_unknown: source["x-kubernetes-preserve-unknown-fields"] == true,
            default: source.get("default").cloned(),
            list: read_list_type(source),
            rules: rules.collect::<Result<_, _>>()?,
            has_rules: false,
        };
        schema.has_rules = !schema.rules.is_empty() || schema.children().any(|child| child.has_rules);
        Ok(schema)
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        let boxed = [&self.additional, &self.items];
        let boxed = boxed.into_iter().filter_map(|child| child.as_deref());
        self.properties.values().chain(boxed)
    }

    /// The schema of a field of this object.
    fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }

    /// By which fields the entries of the list at this path are told apart; none where it is no map. Entries of lists have no
    /// name in the path.
    pub(super) fn list_keys(&self, path: &[String]) -> &[String] {
        let mut schema = self;
        for name in path {
            let Some(below) = schema.field(name).or_else(|| schema.items.as_deref()?.field(name)) else {
                return &[];
            };
            schema = below;
        }
        match &schema.list {
            ListType::Map(keys) => keys,
            ListType::Atomic | ListType::Set => &[],
        }
    }

    /// The old entry that this one of a list has become: by its keys in a map, else none, since entries of other lists have
    /// no identity.
    fn old_item<'a>(&self, item: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
        let ListType::Map(keys) = &self.list else {
            return None;
        };
        let same = |other: &&Value| keys.iter().all(|key| other.get(key) == item.get(key));
        old?.as_array()?.iter().find(same)
    }
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    /// That of a value; none of null.
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(_) => Some(Self::Boolean),
            Value::Number(number) if number.is_f64() => Some(Self::Number),
            Value::Number(_) => Some(Self::Integer),
            Value::String(_) => Some(Self::String),
            Value::Array(_) => Some(Self::Array),
            Value::Object(_) => Some(Self::Object),
        }
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default() // none are no entries
}

fn texts(value: &Value) -> Vec<String> {
    array(value)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn read_type(value: &Value) -> Result<Option<Type>, DefinitionError> {
    let types = [
        Type::Object,
        Type::Array,
        Type::String,
        Type::Integer,
        Type::Number,
        Type::Boolean,
    ];
    let Some(name) = value.as_str() else {
        return Ok(None);
    };
    let found = types.into_iter().find(|of| of.name() == name);
    found.map_or_else(
        || Err(DefinitionError(format!("no type is called {name}"))),
        |of| Ok(Some(of)),
    )
}

fn read_pattern(value: &Value) -> Result<Option<Regex>, DefinitionError> {
    let compile = |pattern| Regex::new(pattern).map_err(|error| DefinitionError(error.to_string()));
    value.as_str().map(compile).transpose()
}

/// The API server ignores formats that it does not know.
fn read_format(value: &Value) -> Option<Format> {
    match value.as_str()? {
        "date-time" => Some(Format::DateTime),
        "int32" => Some(Format::Int32),
        "int64" => Some(Format::Int64),
        _ => None,
    }
}

fn read_list_type(source: &Value) -> ListType {
    match source["x-kubernetes-list-type"].as_str() {
        Some("map") => ListType::Map(texts(&source["x-kubernetes-list-map-keys"])),
        Some("set") => ListType::Set,
        Some(_) | None => ListType::Atomic,
    }
}

/// `path.name`, or the name alone at the root.
fn child_path(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
