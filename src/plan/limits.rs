//! What a catalog's grants allow a namespace. No grant, no write.
//!
//! An object fits where at least one grant allows all of it. A policy is held to the grants that cover every resource
//! of its package: a lenient grant for harmless resources must not open a door to others.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::jiff::Timestamp;

use super::Problem;
use crate::api::{
    AccessPackageSpec, Adoption, ApprovalLimit, Approver, AssignmentPolicySpec, CatalogSpec, DeletionPolicy,
    Expiration, Grant, IsoDuration, NamedApprover, NamespaceScope, Permission, Reason, References, RequestorScope,
    Target,
};

const STRICT_SCOPES: [RequestorScope; 2] = [RequestorScope::SpecificDirectoryUsers, RequestorScope::AllMemberUsers];
const STRICT_DURATION: Duration = Duration::from_secs(365 * 86_400);

/// A namespace as grants see it.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels; `None` where they are not known, which no selector matches.
    pub labels: Option<&'a BTreeMap<String, String>>,
}

/// The grants of the catalog that speak of this namespace.
#[must_use]
pub fn grants_for<'a>(catalog: &'a CatalogSpec, namespace: Namespace<'_>) -> Vec<&'a Grant> {
    catalog
        .grants
        .iter()
        .filter(|grant| covers(&grant.namespaces, namespace))
        .collect()
}

fn covers(scope: &NamespaceScope, namespace: Namespace<'_>) -> bool {
    let NamespaceScope { names, selector, all } = scope;
    all.is_some()
        || names
            .as_ref()
            .is_some_and(|names| names.iter().any(|name| name == namespace.name))
        || selector
            .as_ref()
            .zip(namespace.labels)
            .is_some_and(|(selector, labels)| selects(selector, labels))
}

fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    kube::core::Selector::try_from(selector.clone())
        .is_ok_and(|selector| kube::core::SelectorExt::matches(&selector, labels))
}

/// The grants that allow every one of these resources.
#[must_use]
pub fn covering<'a>(grants: &[&'a Grant], resources: &[&str]) -> Vec<&'a Grant> {
    grants
        .iter()
        .copied()
        .filter(|grant| {
            grant.resources.as_ref().is_none_or(|allowed| {
                resources
                    .iter()
                    .all(|resource| allowed.iter().any(|name| name == resource))
            })
        })
        .collect()
}

/// What keeps the package from being written. `grants` are those for its namespace, at least one.
///
/// # Errors
/// [`Reason::LimitExceeded`], naming the field, the grant and the limit.
pub fn check_package<'a>(package: &AccessPackageSpec, grants: &[&'a Grant]) -> Result<Vec<&'a Grant>, Problem> {
    let resources: Vec<&str> = package
        .resource_roles
        .iter()
        .map(|role| role.resource.as_str())
        .collect();
    let covering = covering(grants, &resources);
    if covering.is_empty() {
        let index = package.resource_roles.iter().position(|role| {
            grants.iter().all(|grant| {
                grant
                    .resources
                    .as_ref()
                    .is_some_and(|allowed| !allowed.contains(&role.resource))
            })
        });
        return Err(match index {
            Some(index) => breach(
                &format!("spec.resourceRoles[{index}].resource"),
                &format!(
                    "{:?} is not among the resources that {} allows",
                    resources.get(index).copied().unwrap_or_default(),
                    named(grants)
                ),
            ),
            None => breach(
                "spec.resourceRoles",
                &format!(
                    "no single grant allows all of these resources together; there are {}",
                    named(grants)
                ),
            ),
        });
    }
    first_fitting(&covering, |grant| {
        check_common(
            grant,
            package.id.as_deref(),
            package.adoption,
            package.deletion_policy(),
        )
    })
}

/// What keeps the policy from being written. `grants` are those that cover its package.
///
/// # Errors
/// [`Reason::LimitExceeded`], naming the field, the grant and the limit.
pub fn check_policy(policy: &AssignmentPolicySpec, grants: &[&Grant], now: Timestamp) -> Result<(), Problem> {
    first_fitting(grants, |grant| {
        check_common(grant, policy.id.as_deref(), policy.adoption, policy.deletion_policy())?;
        check_scope(grant, policy)?;
        check_approval(grant, policy)?;
        if let Some(expiration) = &policy.expiration {
            check_expiration(grant, expiration, now)?;
        }
        check_references(grant, policy)
    })
    .map(drop)
}

/// Whether the grants let a deletion of this namespace's object leave Entra as it is.
///
/// # Errors
/// [`Reason::LimitExceeded`], naming the limit.
pub fn check_deletion(method: DeletionPolicy, grants: &[&Grant]) -> Result<(), Problem> {
    first_fitting(grants, |grant| check_deletion_of(grant, method)).map(drop)
}

/// The grants under which `check` passes, or the complaint of the grant that stands first.
fn first_fitting<'a>(
    grants: &[&'a Grant],
    check: impl Fn(&Grant) -> Result<(), Problem>,
) -> Result<Vec<&'a Grant>, Problem> {
    let mut fitting = Vec::new();
    let mut first = None;
    for grant in grants {
        match check(grant) {
            Ok(()) => fitting.push(*grant),
            Err(problem) => first = first.or(Some(problem)),
        }
    }
    match first {
        Some(problem) if fitting.is_empty() => Err(problem),
        _ => Ok(fitting),
    }
}

fn check_common(grant: &Grant, id: Option<&str>, adoption: Adoption, deletion: DeletionPolicy) -> Result<(), Problem> {
    let adopts = id.is_some() || adoption == Adoption::ByName;
    if adopts && grant.limits.adoption == Permission::Denied {
        let field = if id.is_some() { "spec.id" } else { "spec.adoption" };
        return Err(limited(
            field,
            grant,
            "does not allow taking over objects that exist in Entra already (limits.adoption)",
        ));
    }
    check_deletion_of(grant, deletion)
}

fn check_deletion_of(grant: &Grant, method: DeletionPolicy) -> Result<(), Problem> {
    let strict = [DeletionPolicy::Delete];
    let allowed = grant.limits.deletion.as_deref().unwrap_or(&strict);
    if allowed.contains(&method) {
        return Ok(());
    }
    Err(limited(
        "spec.deletionPolicy",
        grant,
        &format!("allows {allowed:?} only, not {method:?} (limits.deletion)"),
    ))
}

fn check_scope(grant: &Grant, policy: &AssignmentPolicySpec) -> Result<(), Problem> {
    let Some(requestors) = &policy.requestors else {
        return Ok(());
    };
    let allowed = grant.limits.requestor_scopes.as_deref().unwrap_or(&STRICT_SCOPES);
    if requestors.scope == RequestorScope::None || allowed.contains(&requestors.scope) {
        return Ok(());
    }
    Err(limited(
        "spec.requestors.scope",
        grant,
        &format!(
            "allows {allowed:?} only, not {:?} (limits.requestorScopes)",
            requestors.scope
        ),
    ))
}

fn check_approval(grant: &Grant, policy: &AssignmentPolicySpec) -> Result<(), Problem> {
    let without = policy
        .approval
        .as_ref()
        .is_none_or(|approval| approval.stages.is_none());
    if without && grant.limits.approval == ApprovalLimit::Required {
        return Err(limited(
            "spec.approval",
            grant,
            "demands at least one approval stage (limits.approval)",
        ));
    }
    Ok(())
}

fn check_expiration(grant: &Grant, expiration: &Expiration, now: Timestamp) -> Result<(), Problem> {
    let Expiration {
        never,
        after_date_time,
        after_duration,
    } = expiration;
    let limit = grant
        .limits
        .max_duration
        .as_ref()
        .and_then(IsoDuration::as_duration)
        .unwrap_or(STRICT_DURATION);
    let spelled = grant.limits.max_duration.as_ref().map_or("P365D", IsoDuration::as_str);
    if never.is_some() && grant.limits.unlimited_duration == Permission::Denied {
        return Err(limited(
            "spec.expiration.never",
            grant,
            &format!("demands an end, at most {spelled} after the start (limits.unlimitedDuration)"),
        ));
    }
    let too_long = |field: &str| limited(field, grant, &format!("allows at most {spelled} (limits.maxDuration)"));
    if after_duration
        .as_ref()
        .is_some_and(|duration| duration.as_duration().is_none_or(|length| length > limit))
    {
        return Err(too_long("spec.expiration.afterDuration"));
    }
    if let Some(end) = after_date_time {
        let seconds = end
            .parse::<Timestamp>()
            .ok()
            .map(|end| end.as_second() - now.as_second());
        if seconds.is_none_or(|seconds| seconds > i64::try_from(limit.as_secs()).unwrap_or(i64::MAX)) {
            return Err(too_long("spec.expiration.afterDateTime"));
        }
    }
    Ok(())
}

fn check_references(grant: &Grant, policy: &AssignmentPolicySpec) -> Result<(), Problem> {
    if grant.limits.references == References::Any {
        return Ok(());
    }
    match named_references(policy).first() {
        Some(field) => Err(limited(
            field,
            grant,
            "allows users, groups and service principals by id only (limits.references)",
        )),
        None => Ok(()),
    }
}

/// The fields that name an object of the directory by anything but its id.
fn named_references(policy: &AssignmentPolicySpec) -> Vec<String> {
    let mut fields = Vec::new();
    if let Some(requestors) = &policy.requestors {
        for (index, target) in requestors.targets.iter().enumerate() {
            let Target {
                user,
                group,
                service_principal,
            } = target;
            let by_name = user.as_ref().is_some_and(|user| user.id.is_none())
                || group.as_ref().is_some_and(|group| group.id.is_none())
                || service_principal
                    .as_ref()
                    .is_some_and(|principal| principal.id.is_none());
            if by_name {
                fields.push(format!("spec.requestors.targets[{index}]"));
            }
        }
    }
    let stages = policy
        .approval
        .as_ref()
        .and_then(|approval| approval.stages.as_deref())
        .unwrap_or_default();
    for (index, stage) in stages.iter().enumerate() {
        let path = format!("spec.approval.stages[{index}]");
        fields.extend(named_approvers(&format!("{path}.approvers"), &stage.approvers));
        fields.extend(named_fallbacks(
            &format!("{path}.fallbackApprovers"),
            &stage.fallback_approvers,
        ));
        if let Some(escalation) = &stage.escalation {
            fields.extend(named_approvers(
                &format!("{path}.escalation.approvers"),
                &escalation.approvers,
            ));
            fields.extend(named_fallbacks(
                &format!("{path}.escalation.fallbackApprovers"),
                &escalation.fallback_approvers,
            ));
        }
    }
    fields
}

fn named_approvers(path: &str, approvers: &[Approver]) -> Vec<String> {
    let by_name = |approver: &Approver| {
        approver.user.as_ref().is_some_and(|user| user.id.is_none())
            || approver.group.as_ref().is_some_and(|group| group.id.is_none())
    };
    indices(path, approvers.iter().map(by_name))
}

fn named_fallbacks(path: &str, approvers: &[NamedApprover]) -> Vec<String> {
    let by_name = |approver: &NamedApprover| {
        approver.user.as_ref().is_some_and(|user| user.id.is_none())
            || approver.group.as_ref().is_some_and(|group| group.id.is_none())
    };
    indices(path, approvers.iter().map(by_name))
}

fn indices(path: &str, by_name: impl Iterator<Item = bool>) -> Vec<String> {
    by_name
        .enumerate()
        .filter(|(_, by_name)| *by_name)
        .map(|(index, _)| format!("{path}[{index}]"))
        .collect()
}

fn limited(field: &str, grant: &Grant, limit: &str) -> Problem {
    breach(field, &format!("grant {:?} {limit}", grant.name))
}

fn breach(field: &str, what: &str) -> Problem {
    Problem::new(Reason::LimitExceeded, what)
        .at(field)
        .remedy("stay within the limit, or ask those who run the catalog to widen it")
}

fn named(grants: &[&Grant]) -> String {
    let names: Vec<String> = grants.iter().map(|grant| format!("{:?}", grant.name)).collect();
    format!(
        "{} {}",
        if names.len() == 1 { "grant" } else { "any of the grants" },
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn grant(name: &str, resources: Option<&[&str]>, limits: Value) -> Grant {
        serde_json::from_value(json!({
            "name": name, "namespaces": {"names": ["marketing"]}, "resources": resources, "limits": limits,
        }))
        .unwrap()
    }

    fn policy(patch: Value) -> AssignmentPolicySpec {
        let mut spec = json!({
            "accessPackageRef": {"name": "p"}, "displayName": "P",
            "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
            "approval": {"stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]},
            "expiration": {"afterDuration": "P90D"},
        });
        for (key, value) in patch.as_object().unwrap() {
            spec[key] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    fn package(resources: &[&str]) -> AccessPackageSpec {
        let roles: Vec<Value> = resources
            .iter()
            .map(|name| json!({"resource": name, "role": "Member"}))
            .collect();
        serde_json::from_value(json!({"catalogRef": {"name": "c"}, "displayName": "P", "resourceRoles": roles}))
            .unwrap()
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_strict_limits_allow_the_ordinary_policy() {
        assert_eq!(
            check_policy(&policy(json!({})), &[&grant("g", None, json!({}))], now()),
            Ok(())
        );
    }

    #[test]
    fn each_strict_limit_is_refused_in_words() {
        let cases = [
            (
                json!({"requestors": {"scope": "AllExternalUsers"}}),
                "spec.requestors.scope: grant \"g\" allows [SpecificDirectoryUsers, AllMemberUsers] only",
            ),
            (
                json!({"approval": {"notRequired": {}}}),
                "spec.approval: grant \"g\" demands at least one approval stage",
            ),
            (
                json!({"expiration": {"never": {}}}),
                "spec.expiration.never: grant \"g\" demands an end",
            ),
            (
                json!({"expiration": {"afterDuration": "P366D"}}),
                "spec.expiration.afterDuration: grant \"g\" allows at most P365D",
            ),
            (
                json!({"expiration": {"afterDateTime": "2027-06-01T00:00:00Z"}}),
                "spec.expiration.afterDateTime: grant \"g\" allows at most P365D",
            ),
            (
                json!({"id": "x", "deletionPolicy": "Delete"}),
                "spec.id: grant \"g\" does not allow taking over",
            ),
            (
                json!({"adoption": "ByName", "deletionPolicy": "Delete"}),
                "spec.adoption: grant \"g\" does not allow taking over",
            ),
            (
                json!({"deletionPolicy": "Orphan"}),
                "spec.deletionPolicy: grant \"g\" allows [Delete] only, not Orphan",
            ),
        ];
        for (patch, words) in cases {
            let problem = check_policy(&policy(patch), &[&grant("g", None, json!({}))], now()).unwrap_err();
            assert_eq!(problem.reason, Reason::LimitExceeded);
            assert!(problem.message().starts_with(words), "{}", problem.message());
        }
    }

    #[test]
    fn ids_only_refuses_a_name_with_its_path() {
        let strict = grant("g", None, json!({"references": "IdsOnly"}));
        let problem = check_policy(&policy(json!({})), &[&strict], now()).unwrap_err();
        assert!(
            problem
                .message()
                .starts_with("spec.approval.stages[0].approvers[0]: grant \"g\" allows users"),
            "{problem:?}"
        );
    }

    #[test]
    fn a_lenient_grant_for_one_resource_opens_no_door_to_another() {
        let lenient = grant("lenient", Some(&["wiki"]), json!({"approval": "Optional"}));
        let strict = grant("strict", Some(&["payroll"]), json!({}));
        let grants = [&lenient, &strict];
        let covering = check_package(&package(&["payroll"]), &grants).unwrap();
        assert_eq!(covering.len(), 1);
        assert!(check_policy(&policy(json!({"approval": {"notRequired": {}}})), &covering, now()).is_err());
        let problem = check_package(&package(&["wiki", "payroll"]), &grants).unwrap_err();
        assert!(
            problem
                .message()
                .contains("no single grant allows all of these resources"),
            "{problem:?}"
        );
    }

    #[test]
    fn a_resource_outside_the_grant_is_named() {
        let problem = check_package(&package(&["payroll"]), &[&grant("g", Some(&["wiki"]), json!({}))]).unwrap_err();
        assert!(
            problem.message().starts_with(
                "spec.resourceRoles[0].resource: \"payroll\" is not among the resources that grant \"g\" allows"
            ),
            "{problem:?}"
        );
    }

    #[test]
    fn a_selector_matches_labels_and_never_the_unknown() {
        let mut catalog: CatalogSpec = serde_json::from_value(json!({"displayName": "C"})).unwrap();
        catalog.grants = vec![
            serde_json::from_value(json!({
                "name": "g", "namespaces": {"selector": {"matchLabels": {"team": "marketing"}}}
            }))
            .unwrap(),
        ];
        let labels = BTreeMap::from([("team".to_owned(), "marketing".to_owned())]);
        let named = |labels| Namespace { name: "any", labels };
        assert_eq!(grants_for(&catalog, named(Some(&labels))).len(), 1);
        let unlabelled = BTreeMap::new();
        assert_eq!(grants_for(&catalog, named(Some(&unlabelled))).len(), 0);
        assert_eq!(grants_for(&catalog, named(None)).len(), 0);
    }
}
