//! What should be in Entra: the spec, with everything that it points at put in its place.

use kube::ResourceExt as _;

use super::{
    Canonical, Problem,
    access_package::{DesiredIncompatible, DesiredPackage, DesiredRole, RoleKey},
    assignment_policy::questions::wanted,
    catalog::{DesiredCatalog, DesiredResource, DesiredRoles},
    connected_organization::{DesiredOrganization, DesiredSponsor},
    limits::scope_of,
    people::People,
    resources::ResolvedResource,
    roles,
};
use crate::{
    api::{
        self, AccessPackageSpec, ApproverVisibility, AssignmentPolicySpec, Catalog, CatalogSpec, CloudInstance,
        ConnectedOrganizationSpec, CrossCloudTenant, ExternalDomainFederation, NoDecision, Notification,
        QuestionStatus, Reason, Requirement, ResourceRole, ResourceRoleStatus, Review, ReviewInterval,
    },
    graph::{
        self, AllowedTargetScope, ApprovalSettings, AutomaticRequestSettings, CatalogId, CatalogState, Cloud,
        ConnectedOrganizationState, Expiration, ExpirationKind, Feature, NewResourceRoleScope, NotificationSettings,
        OriginSystem, PolicyBody, Recurrence, RequestorSettings, ResourceRoleScope, ResourceScope,
        ReviewExpirationBehavior, ReviewSchedule, ReviewSettings, StageSetting, SubjectSet,
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
        incompatible: DesiredIncompatible::default(),
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

/// The policy as Graph wants it, in full. `questions` are those whose ids are known.
///
/// # Errors
/// [`Reason::InvalidSpec`] where a choice is missing, which the schema refuses: nothing is chosen for anybody; and where the
/// cloud has no such setting, which is never left out in silence.
pub fn policy(
    spec: &AssignmentPolicySpec,
    people: People,
    questions: &[QuestionStatus],
    cloud: Cloud,
) -> Result<PolicyBody, Problem> {
    if let Some(problem) = lacking(spec, cloud) {
        return Err(problem);
    }
    let People {
        targets,
        on_behalf: on_behalf_requestors,
        stages,
        reviewers,
        fallback_reviewers,
        extensions,
    } = people;
    if let Some(problem) = twice(&extensions) {
        return Err(problem);
    }
    let display_name = spec.display_name.canonical();
    let description = Some(spec.description.clone());
    let review_settings = match &spec.review {
        Some(review) => Some(self::review(review, reviewers, fallback_reviewers)?),
        None => None,
    };
    // Nothing said: people are told.
    let is_told = spec.notifications.unwrap_or_default().assignment == Notification::Enabled;
    let notification_settings = cloud
        .has(Feature::NotificationSettings)
        .then_some(NotificationSettings {
            is_assignment_notification_disabled: !is_told,
        });
    let says_why = |is_required| cloud.has(Feature::RequestorJustification).then_some(is_required);
    if let Some(automatic) = &spec.automatic {
        return Ok(PolicyBody {
            display_name,
            description,
            allowed_target_scope: AllowedTargetScope::SpecificDirectoryUsers,
            specific_allowed_targets: vec![SubjectSet::AttributeRuleMembers {
                rule: automatic.rule.clone(),
            }],
            expiration: Expiration {
                kind: ExpirationKind::NoExpiration,
                duration: None,
                end: None,
            },
            requestor_settings: RequestorSettings::default(),
            request_approval_settings: ApprovalSettings {
                is_approval_required_for_add: false,
                is_approval_required_for_update: false,
                is_requestor_justification_required: says_why(false),
                stages: Vec::new(),
            },
            review_settings,
            automatic_request_settings: Some(AutomaticRequestSettings {
                request_access_for_allowed_targets: Some(true),
                remove_access_when_target_leaves_allowed_targets: automatic.remove_when_no_longer_matching,
                grace_period_before_access_removal: automatic.grace_period.as_ref().map(ToString::to_string),
            }),
            notification_settings,
            questions: Vec::new(),
            custom_extension_stage_settings: extensions,
        });
    }
    let requestors = spec.requestors.as_ref().ok_or_else(|| missing("spec.requestors"))?;
    let approval = spec.approval.as_ref().ok_or_else(|| missing("spec.approval"))?;
    let expiration = spec.expiration.as_ref().ok_or_else(|| missing("spec.expiration"))?;
    let service = requestors.self_service;
    let on_behalf = requestors.on_behalf.as_ref();
    let required = approval.stages.is_some();
    Ok(PolicyBody {
        display_name,
        description,
        allowed_target_scope: scope_of(requestors.scope),
        specific_allowed_targets: targets,
        expiration: ends(expiration)?,
        requestor_settings: RequestorSettings {
            enable_targets_to_self_add_access: service.add,
            enable_targets_to_self_update_access: service.update,
            enable_targets_to_self_remove_access: service.remove,
            allow_custom_assignment_schedule: service.custom_schedule,
            enable_on_behalf_requestors_to_add_access: on_behalf.is_some_and(|others| others.add),
            enable_on_behalf_requestors_to_update_access: on_behalf.is_some_and(|others| others.update),
            enable_on_behalf_requestors_to_remove_access: on_behalf.is_some_and(|others| others.remove),
            on_behalf_requestors,
        },
        request_approval_settings: ApprovalSettings {
            is_approval_required_for_add: required,
            is_approval_required_for_update: required && approval.required_for_update,
            is_requestor_justification_required: says_why(requestors.justification == Requirement::Required),
            stages,
        },
        review_settings,
        automatic_request_settings: None,
        notification_settings,
        questions: wanted(&spec.questions, questions),
        custom_extension_stage_settings: extensions,
    })
}

/// One extension that is to run twice at a stage.
fn twice(extensions: &[StageSetting]) -> Option<Problem> {
    let (later, first) = (1..extensions.len()).find_map(|later| {
        let first = extensions[..later].iter().position(|one| *one == extensions[later])?;
        Some((later, first))
    })?;
    let what = format!("is the same extension at the same stage as spec.extensions[{first}]");
    Some(
        Problem::new(Reason::InvalidSpec, what)
            .at(format!("spec.extensions[{later}]"))
            .remedy("keep one"),
    )
}

fn missing(field: &str) -> Problem {
    Problem::new(Reason::InvalidSpec, "is required").at(field)
}

/// What the spec asks for and the cloud does not have.
fn lacking(spec: &AssignmentPolicySpec, cloud: Cloud) -> Option<Problem> {
    let requestors = spec.requestors.iter();
    let mut asking = requestors.filter(|requestors| requestors.justification == Requirement::Required);
    let justification = asking.next().map(|_| {
        (
            Feature::RequestorJustification,
            "spec.requestors.justification".to_owned(),
            "NotRequired",
        )
    });
    let mut stages = spec.approval.iter().flat_map(|approval| &approval.stages).flatten();
    let told = stages.position(|stage| stage.approver_visibility != ApproverVisibility::Default);
    let visibility = told.map(|index| {
        (
            Feature::ApproverInformationVisibility,
            format!("spec.approval.stages[{index}].approverVisibility"),
            "Default",
        )
    });
    let silent = spec
        .notifications
        .filter(|mails| mails.assignment == Notification::Disabled);
    let notifications = silent.map(|_| {
        (
            Feature::NotificationSettings,
            "spec.notifications.assignment".to_owned(),
            "Enabled",
        )
    });
    let asked = [justification, visibility, notifications].into_iter().flatten();
    let mut lacks = asked.filter(|(feature, _, _)| !cloud.has(*feature));
    lacks.next().map(|(_, field, default)| {
        Problem::new(
            Reason::InvalidSpec,
            format!("cloud {} has no such setting of a policy", cloud.name()),
        )
        .at(&field)
        .remedy(format!("write {default}, or leave it out"))
    })
}

/// The reviews as Graph wants them.
fn review(review: &Review, primary: Vec<SubjectSet>, fallback: Vec<SubjectSet>) -> Result<ReviewSettings, Problem> {
    let Review {
        every,
        starts_on,
        lasts,
        reviewers: _,
        fallback_reviewers: _,
        self_review,
        if_no_decision,
        recommendations,
        justification,
    } = review;
    let recurrence = match every.ok_or_else(|| missing("spec.review.every"))? {
        ReviewInterval::Weekly => Recurrence::Weekly,
        ReviewInterval::Monthly => Recurrence::EveryMonths(1),
        ReviewInterval::Quarterly => Recurrence::EveryMonths(3),
        ReviewInterval::SemiAnnually => Recurrence::EveryMonths(6),
        ReviewInterval::Annually => Recurrence::EveryMonths(12),
    };
    let expiration_behavior = match if_no_decision.ok_or_else(|| missing("spec.review.ifNoDecision"))? {
        NoDecision::RemoveAccess => ReviewExpirationBehavior::RemoveAccess,
        NoDecision::KeepAccess => ReviewExpirationBehavior::KeepAccess,
        NoDecision::TakeRecommendation => ReviewExpirationBehavior::AcceptAccessRecommendation,
    };
    Ok(ReviewSettings {
        is_enabled: true,
        expiration_behavior,
        is_recommendation_enabled: *recommendations,
        is_reviewer_justification_required: *justification == Requirement::Required,
        is_self_review: *self_review,
        schedule: ReviewSchedule {
            start_date_time: starts_on.as_ref().map(|day| format!("{day}T00:00:00Z")),
            expiration: Expiration {
                kind: ExpirationKind::AfterDuration,
                duration: Some(lasts.to_string()),
                end: None,
            },
            recurrence: recurrence.to_graph().unwrap_or_default(), // each of these is known
        },
        primary_reviewers: primary,
        fallback_reviewers: fallback,
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
pub fn catalog(
    spec: &CatalogSpec,
    resources: &[Result<ResolvedResource, Problem>],
    roles: DesiredRoles,
) -> DesiredCatalog {
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
        resources: self::resources(resources),
        unresolved: resources
            .iter()
            .filter_map(|resource| resource.as_ref().err().cloned())
            .collect(),
        roles,
    }
}

/// What requestors are asked for the sake of a resource, as Graph wants it.
#[must_use]
pub fn attributes(resource: &api::CatalogResource) -> Vec<graph::ResourceAttribute> {
    let attributes = resource.attributes.iter();
    let asked = attributes.flat_map(|attribute| {
        let questions = wanted(&[attribute.as_question()], &[]).into_iter();
        questions.map(|question| graph::ResourceAttribute::Asked {
            name: attribute.name.clone(),
            is_editable: attribute.editable,
            is_persisted: attribute.kept_after_removal,
            question,
        })
    });
    asked.collect()
}

/// Those resources of a catalog that could be resolved.
#[must_use]
pub fn resources(resolved: &[Result<ResolvedResource, Problem>]) -> Vec<DesiredResource> {
    let resolved = resolved.iter().flatten();
    resolved
        .map(|resolved| DesiredResource {
            name: resolved.name.clone(),
            resource: resolved.resource.clone(),
            is_seen: resolved.is_seen,
            attributes: resolved.attributes.clone(),
        })
        .collect()
}

/// A connected organization as its spec wants it, with its sponsors. What is left unset in one of somebody else stays as it is;
/// in one of our own it has its default.
///
/// # Errors
/// [`Reason::InvalidSpec`] where what it stands for is not one thing, which the schema refuses: nothing is chosen for anybody.
pub fn organization(
    spec: &ConnectedOrganizationSpec,
    internal_sponsors: Option<Vec<DesiredSponsor>>,
    external_sponsors: Option<Vec<DesiredSponsor>>,
) -> Result<DesiredOrganization, Problem> {
    let state = spec.state.map(|state| match state {
        api::ConnectedOrganizationState::Configured => ConnectedOrganizationState::Configured,
        api::ConnectedOrganizationState::Proposed => ConnectedOrganizationState::Proposed,
    });
    let is_ours = spec.id.is_none();
    Ok(DesiredOrganization {
        display_name: spec.display_name.as_ref().map(Canonical::canonical),
        description: spec.description.clone().or(is_ours.then(String::new)),
        state: state.or(is_ours.then_some(ConnectedOrganizationState::Configured)),
        identity_source: spec.identity_source.as_ref().map(identity_source).transpose()?,
        internal_sponsors,
        external_sponsors,
    })
}

fn identity_source(source: &api::IdentitySource) -> Result<graph::IdentitySource, Problem> {
    let api::IdentitySource {
        tenant_id,
        domain,
        cross_cloud_tenant,
        external_domain_federation,
        social,
    } = source.clone();
    let tenant = tenant_id.map(|tenant_id| graph::IdentitySource::Tenant { tenant_id });
    let domain = domain.map(|domain| graph::IdentitySource::Domain { domain });
    let cross_cloud = cross_cloud_tenant.map(
        |CrossCloudTenant {
             cloud_instance,
             tenant_id,
         }| {
            let host = match cloud_instance {
                CloudInstance::Global => "microsoftonline.com",
                CloudInstance::UsGovernment => "microsoftonline.us",
                CloudInstance::China => "partner.microsoftonline.cn",
            };
            graph::IdentitySource::CrossCloudTenant {
                cloud_instance: host.into(),
                tenant_id,
            }
        },
    );
    let federated = external_domain_federation.map(|ExternalDomainFederation { domain, issuer_uri }| {
        graph::IdentitySource::FederatedDomain { domain, issuer_uri }
    });
    let social = social.map(|network| graph::IdentitySource::Social {
        provider: match network {
            api::SocialNetwork::Facebook => "facebook".into(),
        },
    });
    let mut given = [tenant, domain, cross_cloud, federated, social].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(source), None) => Ok(source),
        (None, _) | (Some(_), Some(_)) => {
            let words = "exactly one of tenantId, domain, crossCloudTenant, externalDomainFederation, social is needed";
            Err(Problem::new(Reason::InvalidSpec, words).at("spec.identitySource"))
        }
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
            let problem = policy(&spec(unclear), People::default(), &[], Cloud::Global).unwrap_err();
            assert_eq!(problem.reason, Reason::InvalidSpec);
        }
        let chosen = policy(&spec(json!({"never": {}})), People::default(), &[], Cloud::Global).unwrap();
        assert_eq!(chosen.expiration.kind, ExpirationKind::NoExpiration);
    }

    #[test]
    fn what_a_partner_is_known_by_is_one_thing_that_somebody_chose() {
        let wanted = |source: serde_json::Value| {
            let spec = json!({"displayName": "F", "identitySource": source});
            organization(&serde_json::from_value(spec).unwrap(), None, None).map(|desired| desired.identity_source)
        };
        let tenant_id = "33333333-3333-4333-8333-333333333333".to_owned();
        assert_eq!(
            wanted(json!({"crossCloudTenant": {"cloudInstance": "USGovernment", "tenantId": tenant_id}})).unwrap(),
            Some(graph::IdentitySource::CrossCloudTenant {
                cloud_instance: "microsoftonline.us".into(),
                tenant_id: tenant_id.clone(),
            })
        );
        for unclear in [json!({}), json!({"domain": "f.com", "tenantId": tenant_id})] {
            assert_eq!(wanted(unclear).unwrap_err().reason, Reason::InvalidSpec);
        }
        let taken_over = json!({"id": tenant_id});
        let desired = organization(&serde_json::from_value(taken_over).unwrap(), None, None).unwrap();
        assert_eq!(
            (desired.state, desired.identity_source),
            (None, None),
            "it is left as it is"
        );
    }

    #[test]
    fn what_the_cloud_does_not_know_is_not_said() {
        let body = policy(&spec(json!({"never": {}})), People::default(), &[], Cloud::China).unwrap();
        assert_eq!(body.request_approval_settings.is_requestor_justification_required, None);
        assert_eq!(body.notification_settings, None);
    }

    #[test]
    fn what_the_cloud_lacks_is_refused_by_its_name_and_never_left_out() {
        let with = |changes: serde_json::Value| {
            let mut value = json!({
                "accessPackageRef": {"name": "p"}, "displayName": "P", "requestors": {"scope": "AllMemberUsers"},
                "approval": {"notRequired": {}}, "expiration": {"never": {}},
            });
            value
                .as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
            serde_json::from_value::<AssignmentPolicySpec>(value).unwrap()
        };
        for (changes, field) in [
            (
                json!({"requestors": {"scope": "AllMemberUsers", "justification": "Required"}}),
                "spec.requestors.justification",
            ),
            (
                json!({"notifications": {"assignment": "Disabled"}}),
                "spec.notifications.assignment",
            ),
            (
                json!({"approval": {"stages": [{"approverVisibility": "Visible",
                    "approvers": [{"user": {"id": "u"}}]}]}}),
                "spec.approval.stages[0].approverVisibility",
            ),
        ] {
            let spec = with(changes);
            assert!(policy(&spec, People::default(), &[], Cloud::Global).is_ok());
            let problem = policy(&spec, People::default(), &[], Cloud::China).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field));
            assert!(problem.message().contains("China"), "{}", problem.message());
        }
    }
}
