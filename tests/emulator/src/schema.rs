//! The v1.0 model, read from the embedded OpenAPI slice: what a body may hold, and what the service fills in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::store::Object;

/// The slice, as it stands in the crate.
pub(crate) const SLICE: &str = include_str!("../contract/entitlement-openapi.json");

static MODEL: LazyLock<Model> = LazyLock::new(Model::read);

/// Polymorphic values that Graph's clients must type although the slice does not call the base abstract.
const MUST_BE_TYPED: [&str; 2] = ["accessPackageQuestion", "customCalloutExtension"];
/// A base that the documentation itself prints as an instance.
const BASE_IS_PRINTED: [&str; 1] = ["customExtensionCallbackConfiguration"];
/// Booleans whose documented default is true.
const TRUE_BY_DEFAULT: [&str; 2] = ["isRecommendationEnabled", "isReviewerJustificationRequired"];

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Text,
    Date,
    DateTime,
    Duration,
    Guid,
    Boolean,
    Integer,
    Any,
    List(Box<Property>),
    Named(String),
}

#[derive(Debug, Clone, PartialEq)]
struct Property {
    shape: Shape,
    nullable: bool,
    navigation: bool,
    write_only: bool,
}

#[derive(Debug, Default)]
struct Type {
    members: Vec<String>,
    properties: BTreeMap<String, Property>,
    base: Option<String>,
    polymorphic: bool,
    is_abstract: bool,
}

#[derive(Debug, Default)]
struct Model {
    types: BTreeMap<String, Type>,
    paths: BTreeMap<String, BTreeSet<String>>,
}

fn short(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.trim_start_matches('#')
        .trim_start_matches("microsoft.graph.")
        .to_owned()
}

impl Property {
    fn read(node: &Value) -> Self {
        let flag = |name: &str| node.get(name).and_then(Value::as_bool).unwrap_or(false);
        let reference = node
            .get("$ref")
            .or_else(|| node.pointer("/allOf/0/$ref"))
            .and_then(Value::as_str);
        let shape = match (reference, node.get("type").and_then(Value::as_str)) {
            (Some(name), _) => Shape::Named(short(name)),
            (None, Some("array")) => Shape::List(Box::new(Self::read(node.get("items").unwrap_or(&Value::Null)))),
            (None, Some("boolean")) => Shape::Boolean,
            (None, Some("integer")) => Shape::Integer,
            (None, Some("string")) => match node.get("format").and_then(Value::as_str) {
                Some("date-time") => Shape::DateTime,
                Some("date") => Shape::Date,
                Some("duration") => Shape::Duration,
                Some("uuid") => Shape::Guid,
                _ => Shape::Text,
            },
            _ => Shape::Any,
        };
        Self {
            shape,
            nullable: flag("nullable"),
            navigation: flag("x-ms-navigationProperty"),
            write_only: flag("writeOnly"),
        }
    }
}

impl Model {
    fn read() -> Self {
        let document: Value = serde_json::from_str(SLICE).unwrap_or_default();
        let mut model = Self::default();
        for (name, node) in document
            .pointer("/components/schemas")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let mut read = Type {
                is_abstract: node.get("x-ms-abstract").and_then(Value::as_bool).unwrap_or(false),
                members: node
                    .get("enum")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                ..Type::default()
            };
            let parts = node
                .get("allOf")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_else(|| vec![node.clone()]);
            for part in &parts {
                if let Some(base) = part.get("$ref").and_then(Value::as_str) {
                    read.base = Some(short(base));
                }
                read.polymorphic |= part.get("discriminator").is_some();
                for (property, schema) in part.get("properties").and_then(Value::as_object).into_iter().flatten() {
                    read.properties.insert(property.clone(), Property::read(schema));
                }
            }
            model.types.insert(short(name), read);
        }
        for (path, methods) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            let methods = methods
                .as_object()
                .into_iter()
                .flatten()
                .map(|(method, _)| method.to_uppercase())
                .collect();
            model.paths.insert(path.clone(), methods);
        }
        model
    }

    fn property(&self, type_name: &str, name: &str) -> Option<&Property> {
        let found = self.types.get(type_name)?;
        match found.properties.get(name) {
            Some(property) => Some(property),
            None => self.property(found.base.as_deref()?, name),
        }
    }

    fn properties(&self, type_name: &str) -> BTreeMap<&str, &Property> {
        let Some(found) = self.types.get(type_name) else {
            return BTreeMap::new();
        };
        let mut all = found
            .base
            .as_deref()
            .map(|base| self.properties(base))
            .unwrap_or_default();
        all.extend(
            found
                .properties
                .iter()
                .map(|(name, property)| (name.as_str(), property)),
        );
        all
    }

    fn derives(&self, type_name: &str, base: &str) -> bool {
        type_name == base
            || self
                .types
                .get(type_name)
                .and_then(|found| found.base.as_deref())
                .is_some_and(|parent| self.derives(parent, base))
    }

    /// The type that a value says it has, or the declared one.
    fn actual(&self, declared: &str, object: &Object, at: &str) -> Result<String, String> {
        let known = self.types.get(declared);
        let typed = known.is_some_and(|t| t.is_abstract && t.polymorphic) || MUST_BE_TYPED.contains(&declared);
        match object.get("@odata.type") {
            None if typed => Err(format!("{at}: @odata.type is missing, {declared} is abstract")),
            None => Ok(declared.to_owned()),
            Some(Value::String(given)) => {
                let given = short(given);
                let base_only = given == declared && typed && !BASE_IS_PRINTED.contains(&declared);
                if base_only || !self.types.contains_key(&given) || !self.derives(&given, declared) {
                    return Err(format!("{at}: {given} is no {declared}"));
                }
                Ok(given)
            }
            Some(other) => Err(format!("{at}: @odata.type is {other}")),
        }
    }

    fn check_object(&self, declared: &str, object: &mut Object, at: &str) -> Result<(), String> {
        let actual = self.actual(declared, object, at)?;
        if let Some(given) = object.get_mut("@odata.type") {
            *given = json!(format!("#microsoft.graph.{actual}"));
        }
        for (name, value) in object.iter_mut() {
            let here = format!("{at}/{name}");
            if let Some(bound) = name.strip_suffix("@odata.bind") {
                let navigation = self
                    .property(&actual, bound)
                    .is_some_and(|property| property.navigation);
                if navigation && value.is_string() {
                    continue;
                }
                return Err(format!("{here}: {bound} cannot be bound"));
            }
            if name.starts_with("@odata.") {
                continue;
            }
            match self.property(&actual, name) {
                Some(property) => self.check_value(property, value, &here)?,
                None => return Err(format!("{here}: {actual} declares no such property")),
            }
        }
        Ok(())
    }

    fn check_value(&self, property: &Property, value: &mut Value, at: &str) -> Result<(), String> {
        if value.is_null() {
            return if property.nullable {
                Ok(())
            } else {
                Err(format!("{at}: null"))
            };
        }
        let text = value.as_str();
        let fits = match &property.shape {
            Shape::Any => true,
            Shape::Boolean => value.is_boolean(),
            Shape::Integer => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            Shape::Text => text.is_some(),
            Shape::Date => text.is_some_and(|text| text.parse::<jiff::civil::Date>().is_ok()),
            Shape::DateTime => text.is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
            Shape::Duration => text.is_some_and(is_duration),
            Shape::Guid => text.is_some_and(is_guid),
            Shape::List(items) => {
                let Some(elements) = value.as_array_mut() else {
                    return Err(format!("{at}: not a list"));
                };
                for (number, element) in elements.iter_mut().enumerate() {
                    self.check_value(items, element, &format!("{at}/{number}"))?;
                }
                true
            }
            Shape::Named(name) => {
                let members = self
                    .types
                    .get(name)
                    .map(|found| found.members.as_slice())
                    .unwrap_or_default();
                if members.is_empty() {
                    let Some(object) = value.as_object_mut() else {
                        return Err(format!("{at}: not an object"));
                    };
                    return self.check_object(name, object, at);
                }
                let Some(member) =
                    text.and_then(|text| members.iter().find(|member| member.eq_ignore_ascii_case(text)))
                else {
                    return Err(format!("{at}: {value} is no {name}"));
                };
                *value = json!(member);
                true
            }
        };
        if fits {
            Ok(())
        } else {
            Err(format!("{at}: {value} does not fit"))
        }
    }

    /// What the service returns for what was not sent: null, an empty list, false, and the documented defaults.
    fn default_of(&self, name: &str, property: &Property) -> Value {
        match (&property.shape, name) {
            (Shape::List(_), _) => json!([]),
            (Shape::Boolean, _) => json!(TRUE_BY_DEFAULT.contains(&name)),
            (Shape::Duration, "durationBeforeEscalation") => json!("PT0S"),
            (Shape::Integer, "managerLevel") => json!(1),
            (Shape::Named(type_name), _) if !property.nullable => {
                match self.types.get(type_name).and_then(|found| found.members.first()) {
                    Some(member) => json!(member),
                    None => Value::Null,
                }
            }
            (_, _) if property.nullable => Value::Null,
            (Shape::Integer, _) => json!(0),
            _ => Value::Null,
        }
    }

    fn complete(&self, declared: &str, object: &mut Object) {
        let actual = match object.get("@odata.type").and_then(Value::as_str) {
            Some(given) => short(given),
            None => declared.to_owned(),
        };
        for (name, property) in self.properties(&actual) {
            if property.navigation || property.write_only || name == "@odata.type" || name == "id" {
                continue;
            }
            let value = object.entry(name).or_insert_with(|| self.default_of(name, property));
            if value.is_null() && matches!(property.shape, Shape::Boolean) {
                *value = self.default_of(name, property);
            }
            match (&property.shape, value) {
                (Shape::Named(inner), Value::Object(inner_object)) => self.complete(inner, inner_object),
                (Shape::List(items), Value::Array(elements)) => {
                    if let Shape::Named(inner) = &items.shape {
                        for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                            self.complete(inner, element);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// Checks a body against a type of v1.0 and puts enum members and `@odata.type` into their own spelling.
///
/// # Errors
///
/// The place and what does not fit. Graph itself only says `InvalidModel`.
pub(crate) fn check(type_name: &str, object: &mut Object) -> Result<(), String> {
    MODEL.check_object(type_name, object, "")
}

/// Fills in what the service returns for what was not sent.
pub(crate) fn complete(type_name: &str, object: &mut Object) {
    MODEL.complete(type_name, object);
}

/// Whether the type declares the property; true as well for a type that the slice does not have.
pub(crate) fn declares(type_name: &str, property: &str) -> bool {
    !MODEL.types.contains_key(type_name) || MODEL.property(type_name, property).is_some()
}

/// Whether `name` is a member of the enum, whatever its case; gives its own spelling.
#[cfg(test)]
pub(crate) fn member(enum_name: &str, name: &str) -> Option<String> {
    MODEL
        .types
        .get(enum_name)?
        .members
        .iter()
        .find(|member| member.eq_ignore_ascii_case(name))
        .cloned()
}

/// The methods that v1.0 declares for a path below `/v1.0`; none when the path is not in the slice.
pub(crate) fn methods(segments: &[String]) -> Option<&'static BTreeSet<String>> {
    MODEL
        .paths
        .iter()
        .find(|(template, _)| fits(template, segments))
        .map(|(_, methods)| methods)
}

fn fits(template: &str, segments: &[String]) -> bool {
    let parts: Vec<&str> = template.split('/').filter(|part| !part.is_empty()).collect();
    parts.len() == segments.len()
        && parts.iter().zip(segments).all(|(part, segment)| {
            part.starts_with('{')
                || *part == segment
                || part.split_once("='").is_some_and(|(name, _)| segment.starts_with(name))
        })
}

/// An object of the given members.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// Whether the text is a GUID in its usual form.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// Whether the text is an ISO 8601 duration as Edm.Duration writes it: days and below, at least one part.
pub(crate) fn is_duration(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let Some(rest) = text.strip_prefix('P') else {
        return false;
    };
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) => (days, Some(time)),
        None => (rest, None),
    };
    let days_fit = days.is_empty()
        || days
            .strip_suffix('D')
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let Some(time) = time else {
        return days_fit && !days.is_empty();
    };
    let mut number = String::new();
    let mut units = "HMS".chars();
    let mut parts = 0;
    for letter in time.chars() {
        if letter.is_ascii_digit() || letter == '.' {
            number.push(letter);
        } else if !number.is_empty() && units.any(|unit| unit == letter) && (letter == 'S' || !number.contains('.')) {
            number.clear();
            parts += 1;
        } else {
            return false;
        }
    }
    days_fit && number.is_empty() && parts > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_iso_8601_and_nothing_else() {
        for good in ["P14D", "PT4H", "P1DT2H30M", "PT0S", "PT0.5S"] {
            assert!(is_duration(good), "{good}");
        }
        for bad in ["14 days, 0:00:00", "P", "PT", "14", "P2W", "PT4", "PTH", "PT1S1H"] {
            assert!(!is_duration(bad), "{bad}");
        }
    }

    #[test]
    fn a_subject_set_without_an_odata_type_does_not_fit_the_model() {
        let mut body = object(json!({"specificAllowedTargets": [{"userId": "x"}]}));
        assert!(check("accessPackageAssignmentPolicy", &mut body).is_err());
    }

    #[test]
    fn enum_members_are_taken_in_any_case_and_kept_in_their_own() {
        let mut body = object(json!({"externalUserLifecycleAction": "BLOCKSIGNIN"}));
        assert_eq!(check("entitlementManagementSettings", &mut body), Ok(()));
        assert_eq!(body["externalUserLifecycleAction"], "blockSignIn");
        assert_eq!(
            member("accessPackageRequestType", "AdminAdd").as_deref(),
            Some("adminAdd")
        );
    }

    #[test]
    fn a_path_of_the_slice_is_known_by_its_template() {
        let path: Vec<String> = ["groups(uniqueName='a')"].map(str::to_owned).to_vec();
        assert!(methods(&path).is_some());
        assert!(methods(&["nonsense".to_owned()]).is_none());
    }
}
