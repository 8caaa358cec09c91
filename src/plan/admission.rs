//! Whether an admission policy keeps everybody but the operator from writing what identity rests on.
//!
//! It is judged by what it says and not by its name: a policy that covers less, or that lets somebody else past, protects nothing.
//! Its expressions are those of the chart; one of another wording may be as good, and nobody can tell.

use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};

use crate::api::{GROUP, KindName};

/// What the policy has to refuse, and the expression by which the chart's does.
const VALIDATIONS: [(&str, &str); 3] = [
    ("who writes a status", r#"request.?subResource.orValue("") != "status""#),
    (
        "who writes the annotation external-id",
        r#"variables.claimed == "" || variables.claimed == variables.before"#,
    ),
    (
        "who takes the operator's finalizer off",
        "variables.isHeld || !variables.wasHeld || variables.isRelease",
    ),
];

/// The variables that those go by.
const VARIABLES: [(&str, &str); 5] = [
    (
        "claimed",
        r#"object.metadata.?annotations[?"access.entra-operator.io/external-id"].orValue("")"#,
    ),
    (
        "before",
        r#"oldObject == null ? "" : oldObject.metadata.?annotations[?"access.entra-operator.io/external-id"].orValue("")"#,
    ),
    (
        "isHeld",
        r#"object.metadata.?finalizers.orValue([]).exists(name, name == "access.entra-operator.io/finalizer")"#,
    ),
    (
        "wasHeld",
        r#"oldObject != null && oldObject.metadata.?finalizers.orValue([]).exists(name, name == "access.entra-operator.io/finalizer")"#,
    ),
    (
        "isRelease",
        r#"request.?options.?fieldManager.orValue("") == "entra-access-operator-release" && authorizer.group("access.entra-operator.io").resource(request.resource.resource).check("patch").allowed()"#,
    ),
];

/// How a condition may begin by which the policy passes somebody over: the operator, and who is exempt by name.
const PASSED_OVER: [&str; 3] = [
    "request.userInfo.username != ",
    "!(request.userInfo.username in ",
    "!has(request.userInfo.groups) || !request.userInfo.groups.exists(group, group in ",
];

/// What the policy lets through that it must not, in words; `None` where it keeps everybody out.
#[must_use]
pub fn gap(policy: &ValidatingAdmissionPolicy) -> Option<String> {
    let Some(spec) = &policy.spec else {
        return Some("has no spec".into());
    };
    if spec.failure_policy.as_deref() == Some("Ignore") {
        return Some("lets through what it cannot judge (failurePolicy: Ignore)".into());
    }
    if spec.param_kind.is_some() {
        return Some("goes by parameters (paramKind), which nobody here can read".into());
    }
    if let Some(words) = spec
        .match_constraints
        .as_ref()
        .map_or_else(|| Some("matches nothing (matchConstraints)".to_owned()), uncovered)
    {
        return Some(words);
    }
    let strange = spec.match_conditions.iter().flatten().find(|condition| {
        let expression = plain(&condition.expression);
        let begins = PASSED_OVER.iter().any(|begin| expression.starts_with(begin));
        !begins || expression.matches("||").count() > usize::from(expression.starts_with("!has("))
    });
    if let Some(condition) = strange {
        return Some(format!(
            "passes over more than people by name (matchConditions, {:?})",
            condition.name
        ));
    }
    let validations: Vec<String> = spec
        .validations
        .iter()
        .flatten()
        .map(|validation| plain(&validation.expression))
        .collect();
    if let Some((what, _)) = VALIDATIONS
        .iter()
        .find(|(_, expression)| !validations.contains(&plain(expression)))
    {
        return Some(format!(
            "does not refuse {what} as the chart's policy does (validations)"
        ));
    }
    let variables = spec.variables.as_deref().unwrap_or_default(); // none are as good as missing ones
    let says = |(name, expression): &&(&str, &str)| {
        let same = |variable: &k8s_openapi::api::admissionregistration::v1::Variable| {
            variable.name == *name && plain(&variable.expression) == plain(expression)
        };
        !variables.iter().any(same)
    };
    VARIABLES
        .iter()
        .find(says)
        .map(|(name, _)| format!("has another variable {name:?} than the chart's policy"))
}

/// Whether the binding puts the policy into force for every object.
#[must_use]
pub fn binds(binding: &ValidatingAdmissionPolicyBinding, policy: &str) -> bool {
    let spec = binding.spec.as_ref();
    spec.is_some_and(|spec| {
        let actions = spec.validation_actions.as_deref().unwrap_or_default(); // none deny
        spec.policy_name.as_deref() == Some(policy)
            && actions.iter().any(|action| action == "Deny")
            && spec.match_resources.is_none()
            && spec.param_ref.is_none()
    })
}

/// What of ours is not under the policy.
fn uncovered(constraints: &MatchResources) -> Option<String> {
    let MatchResources {
        exclude_resource_rules,
        match_policy,
        namespace_selector,
        object_selector,
        resource_rules,
    } = constraints;
    let selects = |selector: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector>| {
        selector
            .as_ref()
            .is_some_and(|selector| *selector != Default::default()) // an empty one selects all
    };
    if exclude_resource_rules.iter().flatten().next().is_some()
        || selects(namespace_selector)
        || selects(object_selector)
    {
        return Some("leaves some objects out (matchConstraints)".into());
    }
    if match_policy.as_deref() == Some("Exact") {
        return Some(
            "leaves out objects that are written in another version (matchConstraints.matchPolicy: Exact)".into(),
        );
    }
    let rules = resource_rules.as_deref().unwrap_or_default(); // no rule covers nothing
    let plurals = KindName::ALL.iter().map(|kind| kind.resource().plural);
    plurals
        .flat_map(|plural| [plural.clone(), format!("{plural}/status")])
        .find(|resource| {
            !["CREATE", "UPDATE"]
                .iter()
                .all(|operation| covers(rules, resource, operation))
        })
        .map(|resource| format!("does not cover {resource} (matchConstraints)"))
}

fn covers(rules: &[NamedRuleWithOperations], resource: &str, operation: &str) -> bool {
    let has = |list: &Option<Vec<String>>, wanted: &str| {
        let list = list.as_deref().unwrap_or_default(); // an empty one matches nothing
        list.iter().any(|one| one == "*" || one == wanted)
    };
    rules.iter().any(|rule| {
        let NamedRuleWithOperations {
            api_groups,
            api_versions,
            operations,
            resource_names,
            resources,
            scope,
        } = rule;
        let all = |list: &Option<Vec<String>>| list.as_deref().is_none_or(<[String]>::is_empty); // none named: all
        has(api_groups, GROUP)
            && has(api_versions, "v1alpha1")
            && has(operations, operation)
            && all(resource_names)
            && (has(resources, resource) || resources.iter().flatten().any(|one| one == "*/*"))
            && scope.as_deref().is_none_or(|scope| scope == "*") // absent: all
    })
}

/// The expression in one line.
fn plain(expression: &str) -> String {
    expression.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn chart() -> Value {
        let validation = |(_, expression): &(&str, &str)| json!({"expression": expression, "message": "no"});
        let variable = |(name, expression): &(&str, &str)| json!({"name": name, "expression": expression});
        let resources: Vec<String> = KindName::ALL
            .iter()
            .flat_map(|kind| [kind.resource().plural, format!("{}/status", kind.resource().plural)])
            .collect();
        json!({"metadata": {"name": "p"}, "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{"apiGroups": [GROUP], "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"], "resources": resources}],
                "namespaceSelector": {}, "objectSelector": {}, "matchPolicy": "Equivalent"},
            "matchConditions": [{"name": "not-the-operator",
                "expression": "request.userInfo.username != \"system:serviceaccount:a:b\""}],
            "variables": VARIABLES.iter().map(variable).collect::<Vec<_>>(),
            "validations": VALIDATIONS.iter().map(validation).collect::<Vec<_>>(),
        }})
    }

    fn gap_of(pointer: &str, value: Value) -> Option<String> {
        let mut policy = chart();
        if let Some(place) = policy.pointer_mut(pointer) {
            *place = value;
        }
        gap(&serde_json::from_value(policy).expect("a policy"))
    }

    #[test]
    fn what_the_chart_installs_keeps_everybody_out() {
        assert_eq!(gap_of("/none", Value::Null), None);
    }

    #[test]
    fn a_policy_that_covers_less_or_lets_somebody_past_is_told() {
        for (pointer, value, words) in [
            ("/spec/failurePolicy", json!("Ignore"), "failurePolicy"),
            ("/spec/matchConstraints/matchPolicy", json!("Exact"), "matchPolicy"),
            (
                "/spec/matchConstraints/namespaceSelector",
                json!({"matchLabels": {"a": "b"}}),
                "leaves some objects out",
            ),
            (
                "/spec/matchConstraints/resourceRules/0/resources",
                json!(["accesspackages"]),
                "does not cover entratenants",
            ),
            (
                "/spec/matchConstraints/resourceRules/0/operations",
                json!(["CREATE"]),
                "does not cover entratenants",
            ),
            (
                "/spec/matchConditions/0/expression",
                json!("false"),
                "passes over more than people by name",
            ),
            (
                "/spec/matchConditions/0/expression",
                json!("request.userInfo.username != \"a\" || true"),
                "passes over more than people by name",
            ),
            ("/spec/validations/0/expression", json!("true"), "who writes a status"),
            (
                "/spec/variables/2/expression",
                json!("true"),
                "has another variable \"isHeld\"",
            ),
        ] {
            let told = gap_of(pointer, value).unwrap_or_default();
            assert!(told.contains(words), "{pointer}: {told:?}");
        }
    }
}
