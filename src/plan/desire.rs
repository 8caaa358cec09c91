//! What should be in Entra: the spec, with everything that it points at put in its place.

use kube::ResourceExt as _;

use super::{
    Canonical, Problem,
    access_package::{DesiredPackage, DesiredRole, RoleKey},
    catalog::{DesiredCatalog, DesiredResource},
    limits::scope_of,
    people::People,
    resources::ResolvedResource,
    roles,
};
use crate::{
    api::{
        self, AccessPackageSpec, AssignmentPolicySpec, Catalog, CatalogSpec, Reason, Requirement, ResourceRole,
        ResourceRoleStatus,
    },
    graph::{
        self, ApprovalSettings, CatalogId, CatalogState, Expiration, ExpirationKind, NewResourceRoleScope,
        OriginSystem, PolicyBody, RequestorSettings, ResourceRoleScope, ResourceScope,
    },
};

/// A package as its spec wants it, its roles resolved by what the Catalog's status tells.
#[must_use]
pub fn package(spec: &AccessPackageSpec, catalog: &Catalog, catalog_id: CatalogId) -> DesiredPackage {
    let mut desired = DesiredPackage {
        catalog: catalog_id,
        display_name: spec.display_name.canonical(),
        description: spec.description.clone(),
        hidden: spec.hidden,
        roles: Vec::new(),
        unresolved: Vec::new(),
        site_roles_are_told: true,
        reads_may_be_late: false,
        offered: catalog
            .status
            .iter()
            .flat_map(|status| &status.resources)
            .flat_map(|resource| {
                let roles = resource.roles.iter();
                roles.map(|role| RoleKey::new(&role.id, &resource.origin_id))
            })
            .collect(),
    };
    for (index, role) in spec.resource_roles.iter().enumerate() {
        match self::role(catalog, role, index) {
            Ok(role) => desired.roles.push(role),
            Err(problem) => desired.unresolved.push(problem),
        }
    }
    desired
}

/// The role of the catalog's resource that an entry of `resourceRoles` means.
///
/// # Errors
/// What keeps it from being one: the Catalog does not know the resource or the role, or has not brought it in yet.
pub fn role(catalog: &Catalog, role: &ResourceRole, index: usize) -> Result<DesiredRole, Problem> {
    let ResourceRole {
        resource,
        role: role_name,
    } = role;
    let field = format!("spec.resourceRoles[{index}]");
    if catalog.spec.resources.iter().all(|known| known.name != *resource) {
        let known: Vec<&str> = catalog.spec.resources.iter().map(|known| known.name.as_str()).collect();
        return Err(Problem::new(
            Reason::ResourceNotInCatalog,
            format!(
                "{field}.resource: catalog {:?} has no resource {resource:?}; it has {}; correct the name, or ask those who run the catalog to add it",
                catalog.name_any(),
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            ),
        ));
    }
    let status = catalog
        .status
        .iter()
        .flat_map(|status| &status.resources)
        .find(|status| status.name == *resource);
    let waiting = |why: &str| {
        Problem::new(
            Reason::ResourceNotReady,
            format!(
                "{field}.resource: resource {resource:?} of catalog {:?} {why}",
                catalog.name_any()
            ),
        )
    };
    let status = status.ok_or_else(|| waiting("is not in Entra yet; waiting for it"))?;
    let id = status.id.as_deref().ok_or_else(|| {
        waiting(
            status
                .message
                .as_deref()
                .map_or("is not in Entra yet; waiting for it".into(), |why| {
                    format!("is not in Entra yet: {why}")
                })
                .as_str(),
        )
    })?;
    let known = roles::offered(role_name, &status.roles, resource, &format!("{field}.role"))?;
    let system = OriginSystem::from(status.origin_system.as_str());
    Ok(DesiredRole {
        resource: resource.clone(),
        role: role_name.clone(),
        role_scope: NewResourceRoleScope {
            role: graph::ResourceRole {
                id: None,
                display_name: known.display_name.clone(),
                origin_id: known.id.clone(),
                origin_system: system.clone(),
            },
            scope: ResourceScope {
                id: status.scope_id.clone(),
                display_name: "Root".into(),
                origin_id: status.origin_id.clone(),
                origin_system: system,
                is_root: true,
            },
            resource: (id.into(), status.origin_id.clone()),
        },
    })
}

/// How a role of the spec stands in Entra.
#[must_use]
pub fn role_status(role: &DesiredRole, scopes: &[ResourceRoleScope]) -> ResourceRoleStatus {
    let found = role.find_in(scopes);
    ResourceRoleStatus {
        resource: role.resource.clone(),
        role: role.role.clone(),
        id: found.map(|scope| scope.id.to_string()),
        state: (if found.is_some() { "Assigned" } else { "Missing" }).into(),
    }
}

/// The policy as Graph wants it, in full. `justifies` tells whether the cloud knows of requestors who say why.
///
/// # Errors
/// [`Reason::InvalidSpec`] where a choice is missing, which the schema refuses: nothing is chosen for anybody.
pub fn policy(spec: &AssignmentPolicySpec, people: People, justifies: bool) -> Result<PolicyBody, Problem> {
    let missing = |field: &str| Problem::new(Reason::InvalidSpec, "is required").at(field);
    let requestors = spec.requestors.as_ref().ok_or_else(|| missing("spec.requestors"))?;
    let approval = spec.approval.as_ref().ok_or_else(|| missing("spec.approval"))?;
    let expiration = spec.expiration.as_ref().ok_or_else(|| missing("spec.expiration"))?;
    let service = requestors.self_service;
    let required = approval.stages.is_some();
    let asks_why = requestors.justification == Requirement::Required;
    let People { targets, stages } = people;
    Ok(PolicyBody {
        display_name: spec.display_name.canonical(),
        description: Some(spec.description.clone()),
        allowed_target_scope: scope_of(requestors.scope),
        specific_allowed_targets: targets,
        expiration: ends(expiration)?,
        requestor_settings: RequestorSettings {
            enable_targets_to_self_add_access: service.add,
            enable_targets_to_self_update_access: service.update,
            enable_targets_to_self_remove_access: service.remove,
            allow_custom_assignment_schedule: service.custom_schedule,
            // The spec has no words for these yet.
            enable_on_behalf_requestors_to_add_access: false,
            enable_on_behalf_requestors_to_update_access: false,
            enable_on_behalf_requestors_to_remove_access: false,
            on_behalf_requestors: Vec::new(),
        },
        request_approval_settings: ApprovalSettings {
            is_approval_required_for_add: required,
            is_approval_required_for_update: required && approval.required_for_update,
            is_requestor_justification_required: justifies.then_some(asks_why),
            stages,
        },
        review_settings: None,
        automatic_request_settings: None,
        notification_settings: None,
        questions: Vec::new(),
        custom_extension_stage_settings: Vec::new(),
    })
}

/// When an assignment ends. An empty choice is no choice, and never the widest.
fn ends(expiration: &api::Expiration) -> Result<Expiration, Problem> {
    let api::Expiration {
        never,
        after_date_time,
        after_duration,
    } = expiration;
    let (kind, duration, end) = match (never, after_date_time, after_duration) {
        (Some(_), None, None) => (ExpirationKind::NoExpiration, None, None),
        (None, Some(end), None) => (ExpirationKind::AfterDateTime, None, Some(end.clone())),
        (None, None, Some(length)) => (ExpirationKind::AfterDuration, Some(length.to_string()), None),
        (None, None, None) | (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            let words = "exactly one of never, afterDateTime, afterDuration is needed";
            return Err(Problem::new(Reason::InvalidSpec, words).at("spec.expiration"));
        }
    };
    Ok(Expiration { kind, duration, end })
}

/// A catalog as its spec wants it. What is left unset in a catalog of somebody else stays as it is; in one of our own it
/// has its default.
#[must_use]
pub fn catalog(spec: &CatalogSpec, resources: &[Result<ResolvedResource, Problem>]) -> DesiredCatalog {
    let state = spec.state.map(|state| match state {
        api::CatalogState::Published => CatalogState::Published,
        api::CatalogState::Unpublished => CatalogState::Unpublished,
    });
    let is_ours = spec.id.is_none();
    DesiredCatalog {
        display_name: spec.display_name.as_ref().map(Canonical::canonical),
        description: spec.description.clone().or(is_ours.then(String::new)),
        state: state.or(is_ours.then_some(CatalogState::Published)),
        externally_visible: spec.externally_visible.or(is_ours.then_some(false)),
        resources: resources
            .iter()
            .flatten()
            .map(|resolved| DesiredResource {
                name: resolved.name.clone(),
                resource: resolved.resource.clone(),
                is_seen: resolved.is_seen,
            })
            .collect(),
        unresolved: resources
            .iter()
            .filter_map(|resource| resource.as_ref().err().cloned())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(expiration: serde_json::Value) -> AssignmentPolicySpec {
        serde_json::from_value(json!({
            "accessPackageRef": {"name": "p"}, "displayName": "P", "requestors": {"scope": "AllMemberUsers"},
            "approval": {"notRequired": {}}, "expiration": expiration,
        }))
        .unwrap()
    }

    #[test]
    fn an_end_that_nobody_chose_is_not_never() {
        for unclear in [json!({}), json!({"never": {}, "afterDuration": "P1D"})] {
            let problem = policy(&spec(unclear), People::default(), true).unwrap_err();
            assert_eq!(problem.reason, Reason::InvalidSpec);
        }
        let chosen = policy(&spec(json!({"never": {}})), People::default(), true).unwrap();
        assert_eq!(chosen.expiration.kind, ExpirationKind::NoExpiration);
    }

    #[test]
    fn what_the_cloud_does_not_know_is_not_said() {
        let body = policy(&spec(json!({"never": {}})), People::default(), false).unwrap();
        assert_eq!(body.request_approval_settings.is_requestor_justification_required, None);
    }
}
