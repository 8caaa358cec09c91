//! The rules in CEL, evaluated by `kube-cel`.
//!
//! Fields of format `date-time` are texts here, not timestamps: no rule of ours compares one. There is no cost budget.

use std::{collections::HashMap, fmt, sync::Arc};

use kube_cel::cel::{
    Context, Value as Cel,
    objects::{Key, Map, OptionalValue},
};
use serde_json::Value;

use super::super::{
    definition::DefinitionError,
    expression::{Expression, functions},
    field_error::FieldError,
};
use super::{Schema, child_path};

/// A rule of `x-kubernetes-validations`.
#[derive(Debug)]
pub(super) struct Rule {
    expression: Expression,
    message: Option<String>,
    message_expression: Option<Expression>,
    /// Below the field that the rule stands at.
    field: String,
    reason: String,
    /// It compares with what was before, and says nothing of what is new.
    is_transition: bool,
    /// `oldSelf` is an optional: the rule speaks of new values as well.
    has_optional_old: bool,
}

impl Rule {
    pub(super) fn compile(source: &Value) -> Result<Self, DefinitionError> {
        let text = |field: &str| source[field].as_str().map(str::to_owned);
        let parse = |source: &str| Expression::parse(source).map_err(DefinitionError);
        let expression = parse(&text("rule").unwrap_or_default())?; // nothing does not parse
        Ok(Self {
            message: text("message").map(|message| message.trim().to_owned()),
            message_expression: text("messageExpression").as_deref().map(parse).transpose()?,
            field: text("fieldPath").unwrap_or_default(), // at the field itself
            reason: text("reason").unwrap_or_else(|| "FieldValueInvalid".to_owned()),
            is_transition: expression.asks_for("oldSelf"),
            has_optional_old: source["optionalOldSelf"] == true,
            expression,
        })
    }

    /// The field that it finds fault with.
    fn path(&self, at: &str) -> String {
        match self.field.strip_prefix('.') {
            Some(field) => child_path(at, field),
            None => format!("{at}{}", self.field),
        }
    }

    fn error(&self, at: &str, value: &Value, context: &Context<'_>) -> FieldError {
        let computed = self
            .message_expression
            .as_ref()
            .and_then(|expression| expression.text(context));
        let message = computed
            .or_else(|| self.message.clone())
            .unwrap_or_else(|| format!("failed rule: {}", self.expression.source()));
        let path = self.path(at);
        match self.reason.as_str() {
            "FieldValueRequired" => FieldError::required(path, &message),
            "FieldValueForbidden" => FieldError::forbidden(path, &message),
            "FieldValueDuplicate" => FieldError::duplicate_by_rule(path, value, &message),
            _ => FieldError::invalid_by_rule(path, value, &message),
        }
    }
}

/// The functions that rules may call.
pub(in super::super) struct Evaluator(Context<'static>);

impl fmt::Debug for Evaluator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Evaluator")
    }
}

impl Evaluator {
    pub(in super::super) fn new() -> Self {
        Self(functions())
    }

    /// The rules of the schema that the object breaks. Those that compare speak of what was there before; what has not
    /// changed is not judged again.
    pub(in super::super) fn broken_rules(
        &self,
        schema: &Schema,
        object: &Value,
        old: Option<&Value>,
    ) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.walk(schema, object, old, "", &mut errors);
        errors
    }

    fn walk(&self, schema: &Schema, value: &Value, old: Option<&Value>, path: &str, errors: &mut Vec<FieldError>) {
        if !schema.has_rules || value.is_null() || old == Some(value) {
            return;
        }
        self.judge(schema, value, old, path, errors);
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(schema) = schema.field(name) {
                        let old = old.and_then(|old| old.get(name));
                        self.walk(schema, value, old, &child_path(path, name), errors);
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(schema_of_item) = &schema.items {
                        let old = schema.old_item(item, old);
                        self.walk(schema_of_item, item, old, &format!("{path}[{index}]"), errors);
                    }
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Null => {}
        }
    }

    fn judge(&self, schema: &Schema, value: &Value, old: Option<&Value>, path: &str, errors: &mut Vec<FieldError>) {
        if schema.rules.is_empty() {
            return;
        }
        let mut context = self.0.new_inner_scope();
        context.add_variable_from_value("self", to_cel(value, schema));
        let before = old.map(|old| to_cel(old, schema));
        for rule in &schema.rules {
            match (rule.is_transition, rule.has_optional_old, &before) {
                (false, _, _) => {}
                (true, false, None) => continue,
                (true, false, Some(before)) => context.add_variable_from_value("oldSelf", before.clone()),
                (true, true, before) => {
                    let optional = before.clone().map_or_else(OptionalValue::none, OptionalValue::of);
                    context.add_variable_from_value("oldSelf", Cel::Opaque(Arc::new(optional)));
                }
            }
            match rule.expression.value(&context) {
                Ok(Cel::Bool(true)) => {}
                Ok(_) => errors.push(rule.error(path, value, &context)),
                Err(error) => {
                    let words = format!("{error} evaluating rule: {}", rule.expression.source());
                    errors.push(FieldError::invalid_by_rule(path, value, &words));
                }
            }
        }
    }
}

/// A value as rules see it: what the schema does not know is not there.
fn to_cel(value: &Value, schema: &Schema) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(truth) => Cel::Bool(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Cel::Int(whole),
            None => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => {
            let items = items.iter().map(|item| match &schema.items {
                Some(schema) => to_cel(item, schema),
                None => Cel::Null,
            });
            Cel::List(Arc::new(items.collect()))
        }
        Value::Object(fields) => {
            let mut map = HashMap::with_capacity(fields.len());
            for (name, value) in fields {
                // Names of fields are identifiers in CEL; keys of a map are data.
                if let Some(schema) = schema.properties.get(name) {
                    map.insert(Key::String(Arc::new(escaped(name))), to_cel(value, schema));
                } else if let Some(schema) = &schema.additional {
                    map.insert(Key::String(Arc::new(name.clone())), to_cel(value, schema));
                }
            }
            Cel::Map(Map { map: Arc::new(map) })
        }
    }
}

/// Words that CEL keeps for itself.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// A field's name as rules write it.
fn escaped(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}
