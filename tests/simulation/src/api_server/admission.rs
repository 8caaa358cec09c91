//! ValidatingAdmissionPolicies, as far as the chart's needs: they come into force when they and their binding are stored.
//!
//! Not known: parameters, selectors of a binding or of `matchConstraints`, `failurePolicy: Ignore`, actions other than `Deny`,
//! who may do what (`authorizer` allows everything). `managedFields`, which the server does not keep, are there for policies
//! as one entry that was written now.

use std::{collections::HashMap, fmt, sync::Arc};

use k8s_openapi::jiff::Timestamp;
use kube_cel::cel::{
    Context, Value as Cel,
    extractors::This,
    objects::{Key, Map},
};
use serde_json::{Value, json};

use super::{
    expression::{self, Expression},
    field_error::FieldError,
    metadata,
    refusal::Refusal,
    request::Request,
    resource::Resource,
    state::State,
};

const POLICIES: &str = "validatingadmissionpolicies.admissionregistration.k8s.io";
const BINDINGS: &str = "validatingadmissionpolicybindings.admissionregistration.k8s.io";

/// What is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
        }
    }
}

/// The policies in force.
#[derive(Default)]
pub(super) struct Admission {
    policies: Vec<Policy>,
    /// What they call; nothing where there are none.
    functions: Context<'static>,
}

impl fmt::Debug for Admission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Admission").field(&self.policies).finish()
    }
}

/// A policy that is bound.
#[derive(Debug)]
struct Policy {
    name: String,
    binding: String,
    rules: Vec<Value>,
    conditions: Vec<Expression>,
    variables: Vec<(String, Expression)>,
    validations: Vec<Validation>,
}

#[derive(Debug)]
struct Validation {
    expression: Expression,
    message: Option<String>,
    message_expression: Option<Expression>,
    reason: String,
}

impl State {
    /// Brings into force what is stored; asked after each write there.
    pub(super) fn bind_policies(&mut self) {
        let stored = |storage: &str| {
            let found = self.store.range(storage, None);
            found.map(|(_, object)| Arc::clone(object)).collect::<Vec<_>>()
        };
        let policies = stored(POLICIES);
        let denies = |binding: &Value| {
            let actions = binding["spec"]["validationActions"].as_array();
            actions.is_some_and(|actions| actions.contains(&"Deny".into()))
        };
        let mut bound = Vec::new();
        for binding in stored(BINDINGS).iter().filter(|binding| denies(binding)) {
            let policy = policies
                .iter()
                .find(|policy| policy["metadata"]["name"] == binding["spec"]["policyName"]);
            // What does not parse was refused when it was written.
            bound.extend(policy.and_then(|policy| Policy::read(policy, metadata::text(binding, "name")).ok()));
        }
        self.admission = Admission {
            policies: bound,
            functions: functions(),
        };
    }
}

/// What is wrong with a policy, where an object is one.
pub(super) fn validate_policy(resource: &Resource, object: &Value) -> Vec<FieldError> {
    if resource.qualified() != POLICIES {
        return Vec::new();
    }
    let faults = Policy::read(object, "").err();
    faults
        .map(|words| FieldError::invalid("spec", &"".into(), &format!("compilation failed: {words}")))
        .into_iter()
        .collect()
}

impl Policy {
    fn read(policy: &Value, binding: &str) -> Result<Self, String> {
        let spec = &policy["spec"];
        let array = |value: &Value| value.as_array().cloned().unwrap_or_default(); // none are no entries
        let text = |value: &Value| value.as_str().map(|text| text.trim().to_owned());
        let parse = |value: &Value| Expression::parse(value.as_str().unwrap_or_default()); // nothing does not parse
        let mut variables = Vec::new();
        for variable in array(&spec["variables"]) {
            variables.push((
                text(&variable["name"]).unwrap_or_default(),
                parse(&variable["expression"])?,
            ));
        }
        let mut validations = Vec::new();
        for validation in array(&spec["validations"]) {
            let message_expression = validation.get("messageExpression").map(parse).transpose()?;
            validations.push(Validation {
                expression: parse(&validation["expression"])?,
                message: text(&validation["message"]),
                message_expression,
                reason: text(&validation["reason"]).unwrap_or_else(|| "Invalid".to_owned()),
            });
        }
        let conditions = array(&spec["matchConditions"]);
        let conditions = conditions.iter().map(|condition| parse(&condition["expression"]));
        Ok(Self {
            name: metadata::text(policy, "name").to_owned(),
            binding: binding.to_owned(),
            rules: array(&spec["matchConstraints"]["resourceRules"]),
            conditions: conditions.collect::<Result<_, _>>()?,
            variables,
            validations,
        })
    }

    /// Whether the policy speaks of such a request.
    fn matches(&self, request: &Request, operation: Operation) -> bool {
        let resource = &request.resource;
        let door = if request.is_of_status { "/status" } else { "" };
        let asked = format!("{}{door}", resource.plural);
        let has = |list: &Value, wanted: &str| {
            list.as_array()
                .is_some_and(|list| list.iter().any(|entry| entry == "*" || *entry == wanted))
        };
        self.rules.iter().any(|rule| {
            has(&rule["apiGroups"], &resource.group)
                && has(&rule["apiVersions"], &resource.version)
                && has(&rule["operations"], operation.name())
                && has(&rule["resources"], &asked)
        })
    }

    /// Why the request is denied.
    fn denial(&self, context: &Context<'_>) -> Option<(String, String)> {
        let holds = |condition: &Expression| matches!(condition.value(context), Ok(Cel::Bool(true)));
        if !self.conditions.iter().all(holds) {
            return None;
        }
        let mut context = context.new_inner_scope();
        let mut variables = HashMap::new();
        for (name, variable) in &self.variables {
            bind(&mut context, "variables", map(variables.clone()));
            // One that cannot be told is missed where it is asked for, and only there.
            if let Ok(value) = variable.value(&context) {
                variables.insert(name.clone(), value);
            }
        }
        bind(&mut context, "variables", map(variables));
        self.validations.iter().find_map(|validation| {
            let failure = match validation.expression.value(&context) {
                Ok(Cel::Bool(true)) => return None,
                Ok(_) => validation.message(&context),
                Err(error) => format!(
                    "expression '{}' resulted in error: {error}",
                    validation.expression.source()
                ),
            };
            let (policy, binding) = (&self.name, &self.binding);
            let words =
                format!("ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {failure}");
            Some((validation.reason.clone(), words))
        })
    }
}

impl Validation {
    fn message(&self, context: &Context<'_>) -> String {
        let computed = self
            .message_expression
            .as_ref()
            .and_then(|expression| expression.text(context));
        computed
            .or_else(|| self.message.clone())
            .unwrap_or_else(|| format!("failed expression: {}", self.expression.source()))
    }
}

impl Admission {
    /// Whether every policy that is in force lets this be stored.
    pub(super) fn admit(
        &self,
        request: &Request,
        operation: Operation,
        object: &Value,
        old: Option<&Value>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut policies = self
            .policies
            .iter()
            .filter(|policy| policy.matches(request, operation))
            .peekable();
        if policies.peek().is_none() {
            return Ok(());
        }
        let mut object = object.clone();
        object["metadata"]["managedFields"] = json!([{"time": metadata::time(now)}]);
        let mut context = self.functions.new_inner_scope();
        bind(&mut context, "object", to_cel(&object));
        bind(&mut context, "oldObject", old.map_or(Cel::Null, to_cel));
        bind(&mut context, "request", to_cel(&described(request, operation, &object)));
        bind(&mut context, "authorizer", Cel::Null);
        match policies.find_map(|policy| policy.denial(&context)) {
            None => Ok(()),
            Some((reason, words)) => {
                let name = metadata::text(&object, "name");
                Err(Refusal::denied(&request.resource, name, &reason, &words))
            }
        }
    }
}

/// What policies may call: what rules may, and `authorizer`, by which everybody may do everything.
fn functions() -> Context<'static> {
    let mut context = expression::functions();
    for name in ["group", "resource", "subresource", "namespace", "name", "check"] {
        context.add_function(name, |This(_): This<Cel>, _: Arc<String>| true);
    }
    context.add_function("allowed", |This(_): This<Cel>| true);
    context
}

/// `request`, as policies see it.
fn described(request: &Request, operation: Operation, object: &Value) -> Value {
    let resource = &request.resource;
    let mut described = json!({
        "operation": operation.name(),
        "name": metadata::text(object, "name"),
        "namespace": request.namespace.clone().unwrap_or_default(), // none is an empty one
        "userInfo": {"username": request.user.name, "groups": request.user.groups},
        "kind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "resource": {"group": resource.group, "version": resource.version, "resource": resource.plural},
        "dryRun": request.is_dry_run(),
        "options": {"fieldManager": request.asks("fieldManager").unwrap_or_default()},
    });
    if request.is_of_status {
        described["subResource"] = "status".into();
    }
    described
}

fn bind(context: &mut Context<'_>, name: &str, value: Cel) {
    context.add_variable_from_value(name, value);
}

fn map(fields: HashMap<String, Cel>) -> Cel {
    let fields = fields
        .into_iter()
        .map(|(name, value)| (Key::String(Arc::new(name)), value));
    Cel::Map(Map {
        map: Arc::new(fields.collect()),
    })
}

/// A value as policies see it.
fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(truth) => Cel::Bool(*truth),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Cel::Float(number.as_f64().unwrap_or(f64::NAN)), Cel::Int),
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => map(fields
            .iter()
            .map(|(name, value)| (name.clone(), to_cel(value)))
            .collect()),
    }
}
