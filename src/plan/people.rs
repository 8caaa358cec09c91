//! The people, programs and workflow extensions that a policy names: which references those are, and what the policy says once each is bound.
//!
//! One walk serves both: it asks for the id of each reference, by its field and key, in the order of the spec.

use super::{
    Problem,
    assignment_policy::extensions::stage_of,
    bindings::{DirectoryKey, extension_key, group_key, organization_key, service_principal_key, user_key},
};
use crate::{
    api::{
        ApprovalStage as Stage, Approver, ApproverVisibility, AssignmentPolicySpec, Escalation, Extension, GroupRef,
        NamedApprover, OnBehalfRequestor, Reason, Requirement, Reviewer, Target, TargetManagerLevel, UserRef,
    },
    graph::{ApprovalStage, CatalogId, ObjectId, StageSetting, SubjectSet},
};

/// Those who may request, those who approve, those who review, and what runs meanwhile, by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct People {
    /// Who may request, where single ones are named.
    pub targets: Vec<SubjectSet>,
    /// Who may request for others.
    pub on_behalf: Vec<SubjectSet>,
    /// The stages of approval.
    pub stages: Vec<ApprovalStage>,
    /// Who decides in reviews.
    pub reviewers: Vec<SubjectSet>,
    /// Who decides there where a manager is missing.
    pub fallback_reviewers: Vec<SubjectSet>,
    /// What runs at which stage.
    pub extensions: Vec<StageSetting>,
}

/// Every reference that the policy makes to the directory, or to its package's catalog: its field, and what it names.
///
/// # Errors
/// [`Reason::InvalidSpec`] where a choice is empty or has more than one answer, which the schema refuses.
pub fn references(spec: &AssignmentPolicySpec, catalog: &CatalogId) -> Result<Vec<(String, DirectoryKey)>, Problem> {
    let mut found = Vec::new();
    bound(spec, catalog, &mut |field, key| {
        found.push((field.to_owned(), key));
        Ok(ObjectId::from(""))
    })?;
    Ok(found)
}

/// The people of the policy, each reference as `bind` answers it.
///
/// # Errors
/// What `bind` says, and [`Reason::InvalidSpec`] as in [`references`].
pub fn bound(spec: &AssignmentPolicySpec, catalog: &CatalogId, bind: Bind<'_>) -> Result<People, Problem> {
    let mut walk = Walk { bind };
    let mut people = People::default();
    let targets = spec.requestors.iter().flat_map(|requestors| &requestors.targets);
    for (index, target) in targets.enumerate() {
        let path = format!("spec.requestors.targets[{index}]");
        people.targets.push(walk.target(&path, target)?);
    }
    let on_behalf = spec.requestors.iter().flat_map(|requestors| &requestors.on_behalf);
    let on_behalf = on_behalf.flat_map(|on_behalf| &on_behalf.requestors).map(
        |OnBehalfRequestor {
             user,
             group,
             target_manager,
         }| (user.as_ref(), group.as_ref(), *target_manager),
    );
    people.on_behalf = walk.persons("spec.requestors.onBehalf.requestors", on_behalf)?;
    let stages = spec.approval.iter().flat_map(|approval| &approval.stages).flatten();
    for (index, stage) in stages.enumerate() {
        let path = format!("spec.approval.stages[{index}]");
        people.stages.push(walk.stage(&path, stage)?);
    }
    if let Some(review) = &spec.review {
        let reviewers = review.reviewers.iter().map(
            |Reviewer {
                 user,
                 group,
                 target_manager,
             }| (user.as_ref(), group.as_ref(), *target_manager),
        );
        people.reviewers = walk.persons("spec.review.reviewers", reviewers)?;
        people.fallback_reviewers = walk.fallbacks("spec.review.fallbackReviewers", &review.fallback_reviewers)?;
    }
    for (index, extension) in spec.extensions.iter().enumerate() {
        let path = format!("spec.extensions[{index}]");
        people.extensions.push(walk.extension(&path, extension, catalog)?);
    }
    Ok(people)
}

/// Answers the id of what a field names.
type Bind<'a> = &'a mut dyn FnMut(&str, DirectoryKey) -> Result<ObjectId, Problem>;

/// A user, a group, or a manager of whoever is to have the package: one of the three is right.
type PersonChoice<'a> = (Option<&'a UserRef>, Option<&'a GroupRef>, Option<TargetManagerLevel>);

struct Walk<'a> {
    bind: Bind<'a>,
}

impl Walk<'_> {
    fn id(&mut self, field: &str, key: Option<DirectoryKey>) -> Result<ObjectId, Problem> {
        let key = key.ok_or_else(|| invalid(field, "exactly one way to name it is needed"))?;
        (self.bind)(field, key)
    }

    fn user(&mut self, path: &str, user: &UserRef) -> Result<SubjectSet, Problem> {
        let user_id = self.id(&format!("{path}.user"), user_key(user))?;
        Ok(SubjectSet::SingleUser { user_id })
    }

    fn group(&mut self, path: &str, group: &GroupRef) -> Result<SubjectSet, Problem> {
        let group_id = self.id(&format!("{path}.group"), group_key(group))?;
        Ok(SubjectSet::GroupMembers { group_id })
    }

    /// Each a user, a group, or a manager of whoever is to have the package.
    fn persons<'a>(
        &mut self,
        path: &str,
        choices: impl Iterator<Item = PersonChoice<'a>>,
    ) -> Result<Vec<SubjectSet>, Problem> {
        let numbered = choices.enumerate();
        numbered
            .map(|(index, choice)| self.person(&format!("{path}[{index}]"), choice))
            .collect()
    }

    fn person(&mut self, path: &str, choice: PersonChoice<'_>) -> Result<SubjectSet, Problem> {
        match choice {
            (Some(user), None, None) => self.user(path, user),
            (None, Some(group), None) => self.group(path, group),
            (None, None, Some(manager)) => Ok(SubjectSet::TargetManager { level: manager.level }),
            (None, None, None) | (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                Err(invalid(path, "it is exactly one of user, group, targetManager"))
            }
        }
    }

    fn target(&mut self, path: &str, target: &Target) -> Result<SubjectSet, Problem> {
        let Target {
            user,
            group,
            service_principal,
            connected_organization,
        } = target;
        match (user, group, service_principal, connected_organization) {
            (Some(user), None, None, None) => self.user(path, user),
            (None, Some(group), None, None) => self.group(path, group),
            (None, None, None, Some(organization)) => {
                let id = self.id(&format!("{path}.connectedOrganization"), organization_key(organization))?;
                Ok(SubjectSet::ConnectedOrganizationMembers { id })
            }
            (None, None, Some(principal), None) => {
                let id = self.id(&format!("{path}.servicePrincipal"), service_principal_key(principal))?;
                Ok(SubjectSet::SingleServicePrincipal { id })
            }
            // An empty choice is never the widest, nor is one of two.
            _ => Err(invalid(
                path,
                "a target is exactly one of user, group, servicePrincipal, connectedOrganization",
            )),
        }
    }

    fn extension(&mut self, path: &str, extension: &Extension, catalog: &CatalogId) -> Result<StageSetting, Problem> {
        let missing = || invalid(&format!("{path}.stage"), "is required");
        let stage = stage_of(extension.stage.ok_or_else(missing)?);
        let kind = stage.runs().ok_or_else(missing)?;
        Ok(StageSetting::Runs {
            id: None,
            extension: self.id(path, extension_key(extension, catalog, kind))?,
            stage,
            kind,
        })
    }

    fn stage(&mut self, path: &str, stage: &Stage) -> Result<ApprovalStage, Problem> {
        let mut wire = ApprovalStage {
            duration_before_automatic_denial: Some(stage.decision_timeout.to_string()),
            is_approver_justification_required: stage.justification == Requirement::Required,
            primary_approvers: self.approvers(&format!("{path}.approvers"), &stage.approvers)?,
            fallback_primary_approvers: self
                .fallbacks(&format!("{path}.fallbackApprovers"), &stage.fallback_approvers)?,
            approver_information_visibility: visibility(stage.approver_visibility),
            ..ApprovalStage::default()
        };
        if let Some(escalation) = &stage.escalation {
            let Escalation {
                after,
                approvers,
                fallback_approvers,
            } = escalation;
            let path = format!("{path}.escalation");
            wire.is_escalation_enabled = true;
            wire.duration_before_escalation = Some(after.to_string());
            wire.escalation_approvers = self.approvers(&format!("{path}.approvers"), approvers)?;
            wire.fallback_escalation_approvers =
                self.fallbacks(&format!("{path}.fallbackApprovers"), fallback_approvers)?;
        }
        Ok(wire)
    }

    fn approvers(&mut self, path: &str, approvers: &[Approver]) -> Result<Vec<SubjectSet>, Problem> {
        let numbered = approvers.iter().enumerate();
        numbered
            .map(|(index, approver)| self.approver(&format!("{path}[{index}]"), approver))
            .collect()
    }

    fn approver(&mut self, path: &str, approver: &Approver) -> Result<SubjectSet, Problem> {
        let Approver {
            user,
            group,
            requestor_manager,
            internal_sponsors,
            external_sponsors,
            target_manager,
            target_user_sponsors,
            target_application_owners,
            target_agent_identity_sponsors_or_owners,
        } = approver;
        let by_role = [
            requestor_manager.map(|manager| SubjectSet::RequestorManager { level: manager.level }),
            internal_sponsors.map(|_| SubjectSet::InternalSponsors),
            external_sponsors.map(|_| SubjectSet::ExternalSponsors),
            target_manager.map(|manager| SubjectSet::TargetManager { level: manager.level }),
            target_user_sponsors.map(|_| SubjectSet::TargetUserSponsors),
            target_application_owners.map(|_| SubjectSet::TargetApplicationOwners),
            target_agent_identity_sponsors_or_owners.map(|_| SubjectSet::TargetAgentIdentitySponsorsOrOwners),
        ];
        let mut by_role = by_role.into_iter().flatten();
        match (user, group, by_role.next(), by_role.next()) {
            (Some(user), None, None, None) => self.user(path, user),
            (None, Some(group), None, None) => self.group(path, group),
            (None, None, Some(role), None) => Ok(role),
            // An empty choice is never the widest, nor is one of two.
            _ => Err(invalid(
                path,
                "an approver is exactly one of user, group, requestorManager, internalSponsors, externalSponsors, targetManager, targetUserSponsors, targetApplicationOwners, targetAgentIdentitySponsorsOrOwners",
            )),
        }
    }

    fn fallbacks(&mut self, path: &str, approvers: &[NamedApprover]) -> Result<Vec<SubjectSet>, Problem> {
        let mut sets = Vec::new();
        for (index, NamedApprover { user, group }) in approvers.iter().enumerate() {
            let path = format!("{path}[{index}]");
            sets.push(match (user, group) {
                (Some(user), None) => self.user(&path, user)?,
                (None, Some(group)) => self.group(&path, group)?,
                (None, None) | (Some(_), Some(_)) => {
                    return Err(invalid(&path, "a fallback approver is exactly one of user, group"));
                }
            });
        }
        Ok(sets)
    }
}

fn visibility(visibility: ApproverVisibility) -> Option<String> {
    match visibility {
        ApproverVisibility::Default => None,
        ApproverVisibility::Visible => Some("visible".to_owned()),
        ApproverVisibility::NotVisible => Some("notVisible".to_owned()),
    }
}

fn invalid(field: &str, what: &str) -> Problem {
    Problem::new(Reason::InvalidSpec, what).at(field).remedy("name one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Refers as _;

    fn spec(rest: &serde_json::Value) -> AssignmentPolicySpec {
        let mut spec = serde_json::json!({
            "accessPackageRef": {"name": "a"},
            "displayName": "A",
            "requestors": {"scope": "SpecificDirectoryUsers", "targets": [{"group": {"displayName": "Sales"}}]},
            "approval": {"stages": [{"approvers": [
                {"user": {"userPrincipalName": "bob@contoso.com"}}, {"requestorManager": {"level": 2}},
            ], "fallbackApprovers": [{"group": {"id": "g"}}]}]},
            "expiration": {"afterDuration": "P90D"},
        });
        for (name, value) in rest.as_object().unwrap() {
            spec[name] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn references_are_told_by_field_in_the_order_of_the_spec() {
        let references = references(&spec(&serde_json::json!({})), &"c".into()).unwrap();
        let told: Vec<String> = references
            .iter()
            .map(|(field, key)| format!("{field}: {key}"))
            .collect();
        assert_eq!(
            told,
            [
                "spec.requestors.targets[0].group: group displayName=Sales",
                "spec.approval.stages[0].approvers[0].user: user userPrincipalName=bob@contoso.com",
                "spec.approval.stages[0].fallbackApprovers[0].group: group id=g",
            ]
        );
    }

    #[test]
    fn every_reference_of_the_directory_that_the_spec_lists_is_bound() {
        let spec = spec(&serde_json::json!({}));
        let bound: Vec<String> = references(&spec, &"c".into())
            .unwrap()
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        let listed: Vec<String> = spec
            .references()
            .into_iter()
            .filter(|one| one.reference.given().is_some())
            .map(|one| one.field)
            .collect();
        assert_eq!(bound, listed);
    }

    #[test]
    fn each_reference_becomes_what_it_is_bound_to() {
        let people = bound(&spec(&serde_json::json!({})), &"c".into(), &mut |field, _| {
            Ok(field.into())
        })
        .unwrap();
        assert_eq!(
            people.stages[0].primary_approvers,
            [
                SubjectSet::SingleUser {
                    user_id: "spec.approval.stages[0].approvers[0].user".into()
                },
                SubjectSet::RequestorManager { level: 2 },
            ]
        );
        assert_eq!(people.targets.len(), 1);
    }

    #[test]
    fn an_empty_choice_is_refused_and_never_the_widest() {
        for (rest, field) in [
            (
                serde_json::json!({"approval": {"stages": [{"approvers": [{}]}]}}),
                "spec.approval.stages[0].approvers[0]",
            ),
            (
                serde_json::json!({"approval": {"stages": [{"approvers": [{"user": {}}]}]}}),
                "spec.approval.stages[0].approvers[0].user",
            ),
            (
                serde_json::json!({"approval": {"stages": [{"approvers": [], "fallbackApprovers": [{}]}]}}),
                "spec.approval.stages[0].fallbackApprovers[0]",
            ),
            (
                serde_json::json!({"requestors": {"scope": "SpecificDirectoryUsers", "targets": [{}]}}),
                "spec.requestors.targets[0]",
            ),
        ] {
            let problem = references(&spec(&rest), &"c".into()).unwrap_err();
            assert_eq!(
                (problem.reason, problem.field.as_deref()),
                (Reason::InvalidSpec, Some(field))
            );
        }
    }

    #[test]
    fn a_connected_organization_is_named_by_what_entra_knows_it_by() {
        for (way, told) in [
            (serde_json::json!({"id": "o"}), "connected organization id=o"),
            (
                serde_json::json!({"tenantId": "t"}),
                "connected organization tenantId=t",
            ),
            (
                serde_json::json!({"domain": "f.com"}),
                "connected organization domain=f.com",
            ),
            (
                serde_json::json!({"displayName": "F"}),
                "connected organization displayName=F",
            ),
        ] {
            let requestors = serde_json::json!({"requestors": {"scope": "SpecificConnectedOrganizationUsers",
                "targets": [{"connectedOrganization": way}]}});
            let spec = spec(&requestors);
            assert_eq!(references(&spec, &"c".into()).unwrap()[0].1.to_string(), told);
            let people = bound(&spec, &"c".into(), &mut |_, _| Ok("o".into())).unwrap();
            assert_eq!(
                people.targets,
                [SubjectSet::ConnectedOrganizationMembers { id: "o".into() }]
            );
        }
    }

    #[test]
    fn a_choice_with_two_answers_is_refused() {
        let both = serde_json::json!({"approval": {"stages": [{"approvers": [
            {"user": {"id": "u"}, "externalSponsors": {}},
        ]}]}});
        assert_eq!(
            references(&spec(&both), &"c".into()).unwrap_err().reason,
            Reason::InvalidSpec
        );
    }
}
