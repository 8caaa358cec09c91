//! The limits that hold, and where each comes from.

use std::fmt::Debug;

use super::{
    chosen::Allowed,
    fit::{STRICT_DRIFT_POLICIES, STRICT_DURATION_WORDS, STRICT_SCOPES},
};
use crate::api::{
    ApproverLimit, CatalogSpec, DeletionPolicy, EffectiveGrant, EffectiveLimit, IsoDuration, Limits, OnBehalfLimit,
    TargetLimit,
};

/// What holds under each grant of the Catalog.
#[must_use]
pub fn effective(spec: &CatalogSpec) -> Vec<EffectiveGrant> {
    let grants = spec.grants.iter();
    grants
        .map(|grant| EffectiveGrant {
            name: grant.name.clone(),
            limits: of_limits(&grant.limits),
        })
        .collect()
}

/// Each limit: one that is added does not compile until it is told.
fn of_limits(limits: &Limits) -> Vec<EffectiveLimit> {
    let (strict, anybody) = (Limits::default(), Allowed::Anybody.to_string());
    let Limits {
        requestor_scopes,
        approval,
        approvers,
        extension,
        targets,
        must_ask,
        max_duration,
        unlimited_duration,
        automatic_assignment,
        on_behalf,
        on_behalf_requestors,
        adoption,
        references,
        max_packages,
        max_policies,
        display_name_prefix,
        deletion,
        drift_policy,
    } = limits;
    let number = |most: &Option<i32>| most.map_or("any number".to_owned(), |most| most.to_string());
    let asked: Vec<&str> = must_ask.iter().map(|must| must.name.as_str()).collect();
    let told = [
        (
            "requestorScopes",
            list(requestor_scopes.as_deref().unwrap_or(&STRICT_SCOPES)),
            list(&STRICT_SCOPES),
        ),
        ("approval", format!("{approval:?}"), format!("{:?}", strict.approval)),
        (
            "approvers",
            Allowed::approvers(approvers.as_ref()).to_string(),
            Allowed::approvers(Some(&ApproverLimit::default())).to_string(),
        ),
        ("extension", format!("{extension:?}"), format!("{:?}", strict.extension)),
        (
            "targets",
            Allowed::targets(targets.as_ref()).to_string(),
            Allowed::targets(Some(&TargetLimit::default())).to_string(),
        ),
        ("mustAsk", format!("[{}]", asked.join(", ")), "[]".to_owned()),
        (
            "maxDuration",
            max_duration
                .as_ref()
                .map_or(STRICT_DURATION_WORDS, IsoDuration::as_str)
                .to_owned(),
            STRICT_DURATION_WORDS.to_owned(),
        ),
        (
            "unlimitedDuration",
            format!("{unlimited_duration:?}"),
            format!("{:?}", strict.unlimited_duration),
        ),
        (
            "automaticAssignment",
            format!("{automatic_assignment:?}"),
            format!("{:?}", strict.automatic_assignment),
        ),
        ("onBehalf", format!("{on_behalf:?}"), format!("{:?}", strict.on_behalf)),
        (
            "onBehalfRequestors",
            Allowed::on_behalf(on_behalf_requestors.as_ref()).to_string(),
            Allowed::on_behalf(Some(&OnBehalfLimit::default())).to_string(),
        ),
        ("adoption", format!("{adoption:?}"), format!("{:?}", strict.adoption)),
        (
            "references",
            format!("{references:?}"),
            format!("{:?}", strict.references),
        ),
        ("maxPackages", number(max_packages), number(&None)),
        ("maxPolicies", number(max_policies), number(&None)),
        (
            "displayNamePrefix",
            display_name_prefix.as_deref().unwrap_or("anything").to_owned(),
            "anything".to_owned(),
        ),
        (
            "deletion",
            list(deletion.as_deref().unwrap_or(&[DeletionPolicy::Delete])),
            list(&[DeletionPolicy::Delete]),
        ),
        (
            "driftPolicy",
            list(drift_policy.as_deref().unwrap_or(&STRICT_DRIFT_POLICIES)),
            list(&STRICT_DRIFT_POLICIES),
        ),
    ];
    told.into_iter()
        .map(|(limit, value, strict)| EffectiveLimit {
            limit: limit.to_owned(),
            from: if value == strict {
                "Strict"
            } else if value == anybody {
                "Unset"
            } else {
                "Grant"
            }
            .to_owned(),
            value,
        })
        .collect()
}

fn list<T: Debug>(all: &[T]) -> String {
    format!("{all:?}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_limit_is_told_with_what_holds_and_where_it_comes_from() {
        let spec = serde_json::from_value(
            json!({"displayName": "C", "grants": [{"name": "g", "namespaces": {"all": {}},
            "limits": {"approval": "Optional", "maxDuration": "P30D", "adoption": "Denied",
                "approvers": {"users": [{"userPrincipalName": "bob@contoso.com"}]}, "targets": {}}}]}),
        )
        .unwrap();
        let told: Vec<String> = effective(&spec)
            .into_iter()
            .flat_map(|grant| grant.limits)
            .map(|EffectiveLimit { limit, value, from }| format!("{limit}: {value} ({from})"))
            .collect();
        assert_eq!(
            told,
            [
                "requestorScopes: [SpecificDirectoryUsers, AllMemberUsers] (Strict)",
                "approval: Optional (Grant)",
                "approvers: RequestorManager, TargetManager, InternalSponsors, user bob@contoso.com (Grant)",
                "extension: Approved (Strict)",
                "targets: nobody (Strict)",
                "mustAsk: [] (Strict)",
                "maxDuration: P30D (Grant)",
                "unlimitedDuration: Denied (Strict)",
                "automaticAssignment: Denied (Strict)",
                "onBehalf: Denied (Strict)",
                "onBehalfRequestors: whomever the policy names (Unset)",
                "adoption: Denied (Strict)",
                "references: Any (Strict)",
                "maxPackages: any number (Strict)",
                "maxPolicies: any number (Strict)",
                "displayNamePrefix: anything (Strict)",
                "deletion: [Delete] (Strict)",
                "driftPolicy: [Cautious, Report] (Strict)",
            ]
        );
    }
}
