//! The people and programs that a policy names, bound to ids.

use std::collections::BTreeMap;

use super::{
    directory::{DirectoryKey, group_key, service_principal_key, user_key},
    halt::{Halt, Step},
    tenant::Tenant,
};
use crate::{
    api::{
        Approver, AssignmentPolicySpec, GroupRef, NamedApprover, PinnedReference, Reason, Requirement, Target, UserRef,
    },
    graph::{self, ApprovalStage, SubjectSet},
    plan::Problem,
};

/// The references of a spec on their way to being bound.
pub(crate) struct Binding<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) pins: BTreeMap<String, String>,
    pub(crate) bound: Vec<PinnedReference>,
    pub(crate) warning: Option<Problem>,
}

impl Binding<'_> {
    async fn bind(&mut self, field: String, key: Option<DirectoryKey>) -> Step<graph::ObjectId> {
        let key = key.ok_or_else(|| {
            Halt::reference(Problem::new(
                Reason::InvalidSpec,
                format!("{field}: exactly one way to name it is needed"),
            ))
        })?;
        let bound = self.tenant.directory.bind(&field, &key, &self.pins).await?;
        if let Some(pin) = bound
            .pin
            .filter(|pin| self.bound.iter().all(|known| known.reference != pin.reference))
        {
            self.bound.push(pin);
        }
        if self.warning.is_none() {
            self.warning = bound.moved;
        }
        Ok(bound.id.into())
    }

    async fn user(&mut self, path: &str, user: &UserRef) -> Step<SubjectSet> {
        let user_id = self.bind(format!("{path}.user"), user_key(user)).await?;
        Ok(SubjectSet::SingleUser { user_id })
    }

    async fn group(&mut self, path: &str, group: &GroupRef) -> Step<SubjectSet> {
        let group_id = self.bind(format!("{path}.group"), group_key(group)).await?;
        Ok(SubjectSet::GroupMembers { group_id })
    }

    pub(crate) async fn targets(&mut self, spec: &AssignmentPolicySpec) -> Step<Vec<SubjectSet>> {
        let mut sets = Vec::new();
        let targets = spec
            .requestors
            .as_ref()
            .map(|requestors| requestors.targets.as_slice())
            .unwrap_or_default();
        for (
            index,
            Target {
                user,
                group,
                service_principal,
            },
        ) in targets.iter().enumerate()
        {
            let path = format!("spec.requestors.targets[{index}]");
            sets.push(match (user, group, service_principal) {
                (Some(user), ..) => self.user(&path, user).await?,
                (None, Some(group), _) => self.group(&path, group).await?,
                (None, None, principal) => {
                    let key = principal.as_ref().and_then(service_principal_key);
                    SubjectSet::SingleServicePrincipal {
                        id: self.bind(format!("{path}.servicePrincipal"), key).await?,
                    }
                }
            });
        }
        Ok(sets)
    }

    pub(crate) async fn stages(&mut self, spec: &AssignmentPolicySpec) -> Step<Vec<ApprovalStage>> {
        let mut bound = Vec::new();
        let stages = spec
            .approval
            .as_ref()
            .and_then(|approval| approval.stages.as_deref())
            .unwrap_or_default();
        for (index, stage) in stages.iter().enumerate() {
            let path = format!("spec.approval.stages[{index}]");
            let mut wire = ApprovalStage {
                duration_before_automatic_denial: Some(stage.decision_timeout.to_string()),
                is_approver_justification_required: stage.justification == Requirement::Required,
                primary_approvers: self.approvers(&format!("{path}.approvers"), &stage.approvers).await?,
                fallback_primary_approvers: self
                    .fallbacks(&format!("{path}.fallbackApprovers"), &stage.fallback_approvers)
                    .await?,
                ..ApprovalStage::default()
            };
            if let Some(escalation) = &stage.escalation {
                let path = format!("{path}.escalation");
                wire.is_escalation_enabled = true;
                wire.duration_before_escalation = Some(escalation.after.to_string());
                wire.escalation_approvers = self
                    .approvers(&format!("{path}.approvers"), &escalation.approvers)
                    .await?;
                wire.fallback_escalation_approvers = self
                    .fallbacks(&format!("{path}.fallbackApprovers"), &escalation.fallback_approvers)
                    .await?;
            }
            bound.push(wire);
        }
        Ok(bound)
    }

    async fn approvers(&mut self, path: &str, approvers: &[Approver]) -> Step<Vec<SubjectSet>> {
        let mut sets = Vec::new();
        for (index, approver) in approvers.iter().enumerate() {
            let Approver {
                user,
                group,
                requestor_manager,
                internal_sponsors,
                external_sponsors: _,
            } = approver;
            let path = format!("{path}[{index}]");
            sets.push(if let Some(user) = user {
                self.user(&path, user).await?
            } else if let Some(group) = group {
                self.group(&path, group).await?
            } else if let Some(manager) = requestor_manager {
                SubjectSet::RequestorManager { level: manager.level }
            } else if internal_sponsors.is_some() {
                SubjectSet::InternalSponsors
            } else {
                SubjectSet::ExternalSponsors
            });
        }
        Ok(sets)
    }

    async fn fallbacks(&mut self, path: &str, approvers: &[NamedApprover]) -> Step<Vec<SubjectSet>> {
        let mut sets = Vec::new();
        for (index, NamedApprover { user, group }) in approvers.iter().enumerate() {
            let path = format!("{path}[{index}]");
            sets.push(match (user, group) {
                (Some(user), _) => self.user(&path, user).await?,
                (None, group) => self.group(&path, &group.clone().unwrap_or_default()).await?,
            });
        }
        Ok(sets)
    }
}
