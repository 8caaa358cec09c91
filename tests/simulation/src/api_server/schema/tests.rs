use serde_json::{Value, json};

use super::{Evaluator, Part, Schema};

fn schema(source: Value) -> Schema {
    Schema::compile(&source).unwrap()
}

#[test]
fn what_a_schema_does_not_know_goes_and_its_path_is_told() {
    let schema = schema(
        json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        }}}}),
    );
    let mut object = json!({"kind": "A", "metadata": {"x": 1}, "other": 1, "spec": {
        "list": [{"a": "b", "c": "d"}], "map": {"any": "thing"}, "more": null,
    }});
    assert_eq!(schema.prune(&mut object), ["other", "spec.list[0].c", "spec.more"]);
    assert_eq!(
        object,
        json!({"kind": "A", "metadata": {"x": 1}, "spec": {"list": [{"a": "b"}], "map": {"any": "thing"}}})
    );
}

#[test]
fn defaults_stand_for_what_is_absent_or_null_and_other_nulls_go() {
    let schema = schema(json!({"type": "object", "properties": {
        "a": {"type": "string", "default": "A"},
        "b": {"type": "object", "properties": {"c": {"type": "integer", "default": 1}}},
        "d": {"type": "string"}, "e": {"type": "string", "nullable": true},
    }}));
    let mut object = json!({"a": null, "b": {}, "d": null, "e": null});
    schema.set_defaults(&mut object);
    assert_eq!(object, json!({"a": "A", "b": {"c": 1}, "e": null}));
}

#[test]
fn a_keyword_that_is_not_known_is_refused_and_not_ignored() {
    let error = Schema::compile(&json!({"type": "object", "oneOf": []})).unwrap_err();
    assert!(error.to_string().contains("oneOf"), "{error}");
}

#[test]
fn rules_that_compare_say_nothing_of_what_is_new_unless_they_ask_to() {
    let schema = schema(json!({"type": "object", "properties": {
        "a": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed"}]},
        "b": {"type": "string", "x-kubernetes-validations": [
            {"rule": "oldSelf.orValue('x') == 'x'", "optionalOldSelf": true, "message": "was x"},
        ]},
    }}));
    let evaluator = Evaluator::new();
    let broken = |new: Value, old: Option<Value>| evaluator.broken_rules(&schema, &new, old.as_ref()).len();
    assert_eq!(broken(json!({"a": "1", "b": "y"}), None), 0);
    assert_eq!(broken(json!({"a": "2"}), Some(json!({"a": "1"}))), 1);
    assert_eq!(broken(json!({"a": "2"}), Some(json!({}))), 0, "it was not there");
    assert_eq!(broken(json!({"b": "z"}), Some(json!({"b": "x"}))), 0);
    assert_eq!(broken(json!({"b": "z"}), Some(json!({"b": "y"}))), 1);
}

#[test]
fn what_was_stored_once_is_not_held_against_a_change_elsewhere() {
    let schema = schema(json!({"type": "object", "properties": {
        "a": {"type": "string", "maxLength": 1, "x-kubernetes-validations": [{"rule": "self != 'aa'"}]},
        "b": {"type": "string", "maxLength": 1},
    }}));
    let (old, new) = (json!({"a": "aa", "b": "b"}), json!({"a": "aa", "b": "c"}));
    assert_eq!(schema.validate(Part::Whole, &new, Some(&old)), []);
    assert_eq!(schema.validate(Part::Whole, &new, None).len(), 1);
    assert_eq!(Evaluator::new().broken_rules(&schema, &new, Some(&old)), []);
}
