//! AssignmentPolicy: who may request its package, by whose approval, for how long.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kube::{Api, Client, ResourceExt};

use super::{
    Kind, Managed, Visited,
    binding::bind_people,
    context::{Context, find, matching},
    directory::Memory,
    grants::{granted, limit},
    halt::{Halt, Retry, Step},
    identity::{self, Candidate, Place, Takeover},
    inventory::Freshness,
    is_ready,
    parting::{Departure, close, may_write, parting, refuse_observed, wait_for_assignments},
    pipeline,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{
        AccessPackage, AssignmentPolicy, AssignmentPolicySpec, EntraObject, Expiration, ManagedStatus, Management,
        PinnedReference, Reason, RequestorScope, Requirement,
    },
    graph::{
        self, AccessPackageId, AllowedTargetScope, ApprovalSettings, ApprovalStage, CatalogId, ExpirationKind, Feature,
        GraphErrorKind, PolicyBody, PolicyId, RequestorSettings, SubjectSet,
    },
    plan::{
        Base, Change, Drift, Plan, Problem,
        assignment_policy::{ObservedPolicy, plan, unmanaged_settings},
        limits,
    },
    report::{Note, Report},
};

/// What a policy's spec points at, everything bound.
pub(crate) struct PolicyReferences {
    tenant: Arc<Tenant>,
    catalog_id: CatalogId,
    package_id: AccessPackageId,
    package: String,
    targets: Vec<SubjectSet>,
    stages: Vec<ApprovalStage>,
    pins: Vec<PinnedReference>,
    warning: Option<Problem>,
}

impl Kind for AssignmentPolicy {
    fn api(client: &Client, namespace: Option<&str>) -> Api<Self> {
        Api::namespaced(client.clone(), namespace.unwrap_or_default())
    }

    async fn visit(context: &Context, subject: &mut Subject<Self>) -> Step<Visited> {
        pipeline(context, subject).await
    }

    async fn finalise(context: &Context, subject: &mut Subject<Self>) -> Step<()> {
        finalise(context, subject).await
    }
}

impl Managed for AssignmentPolicy {
    const NOUN: &'static str = "assignment policy";
    const TAKEOVER: &'static str = "spec.adoption: ByName, or another AssignmentPolicy with spec.id";
    const NAMES_ARE_UNIQUE: bool = false;
    type References = PolicyReferences;
    type Desired = PolicyBody;
    type Observed = ObservedPolicy;

    fn display_name(&self) -> String {
        self.spec.display_name.clone()
    }

    fn description(&self) -> String {
        self.spec.description.clone()
    }

    fn takeover(&self) -> Takeover<'_> {
        Takeover {
            id: self.spec.id.as_deref(),
            adoption: self.spec.adoption,
        }
    }

    fn tenant(references: &PolicyReferences) -> &Tenant {
        &references.tenant
    }

    fn place(references: &PolicyReferences) -> Place {
        Place {
            catalog_id: references.catalog_id.to_string(),
            parent_id: references.package_id.to_string(),
            parent: format!("access package {:?}", references.package),
        }
    }

    async fn look_by_name(tenant: &Tenant, references: &PolicyReferences, name: &str) -> Step<Vec<Candidate>> {
        let policies = tenant
            .inventory
            .policies(&references.catalog_id, &references.package_id)
            .await?;
        Ok(policies
            .into_iter()
            .filter(|policy| policy.fields.display_name == name)
            .map(candidate)
            .collect())
    }

    async fn look_by_id(tenant: &Tenant, references: &PolicyReferences, id: &str) -> Step<Option<Candidate>> {
        let inventory = &tenant.inventory;
        let found = inventory
            .policy(
                &references.catalog_id,
                &references.package_id,
                &id.into(),
                Freshness::Now,
            )
            .await?;
        Ok(found.map(candidate))
    }

    async fn resolve(context: &Context, subject: &mut Subject<Self>) -> Step<PolicyReferences> {
        let namespace = subject.namespace();
        let spec = subject.object.spec.clone();
        let package = package_of(context, &spec, &namespace)?;
        require_kept(&package)?;
        let (catalog, grants) = granted(
            context,
            &package.spec.catalog_ref.name,
            &namespace,
            "spec.accessPackageRef: its spec.catalogRef",
        )?;
        let tenant = context.tenant(&catalog.spec.tenant_ref.name).await?;
        subject.drift_interval = tenant.drift_interval;
        // Limits come first: a namespace that may give ids only makes no look-ups.
        let resources: Vec<&str> = package
            .spec
            .resource_roles
            .iter()
            .map(|role| role.resource.as_str())
            .collect();
        let grants: Vec<_> = grants.iter().collect();
        let covering = limits::covering(&grants, &resources);
        if covering.is_empty() {
            return Err(limit(Problem::new(
                Reason::LimitExceeded,
                format!(
                    "spec.accessPackageRef: no grant allows all resources of access package {:?}; its own condition says more",
                    package.name_any()
                ),
            )));
        }
        limits::check_policy(&spec, &covering, subject.now).map_err(limit)?;
        let entra = package_identity(&package)?;
        if subject.status.identity.entra.is_none() && subject.status.identity.intent.is_none() && spec.id.is_none() {
            require_ready(&package)?;
        }
        let pins: BTreeMap<String, String> = subject
            .status
            .resolved
            .iter()
            .map(|pin| (pin.reference.clone(), pin.id.clone()))
            .collect();
        let memory = Memory {
            pins: &pins,
            asked_for: subject.requested().is_some(),
            wants_news: false,
        };
        let people = bind_people(&tenant, &spec, memory).await?;
        subject.status.access_package_id = Some(entra.id.clone());
        Ok(PolicyReferences {
            catalog_id: entra.catalog_id.as_str().into(),
            package_id: entra.id.as_str().into(),
            package: package.spec.display_name.clone(),
            tenant: Arc::clone(&tenant),
            targets: people.targets,
            stages: people.stages,
            pins: people.pins,
            warning: people.warning,
        })
    }

    fn desire(subject: &Subject<Self>, references: &PolicyReferences) -> Step<PolicyBody> {
        desire(&subject.object.spec, references)
    }

    async fn observe(
        subject: &mut Subject<Self>,
        references: &PolicyReferences,
        freshness: Freshness,
    ) -> Step<ObservedPolicy> {
        let Some(entra) = identity::proven(subject, &references.tenant) else {
            return Ok(ObservedPolicy::Unborn);
        };
        let id = PolicyId::from(entra.id.as_str());
        let inventory = &references.tenant.inventory;
        let found = inventory
            .policy(&references.catalog_id, &references.package_id, &id, freshness)
            .await?;
        Ok(match found {
            Some(policy) => ObservedPolicy::Present(Box::new(policy)),
            None => ObservedPolicy::Gone { id: entra.id },
        })
    }

    fn plan(
        subject: &mut Subject<Self>,
        references: &PolicyReferences,
        desired: &PolicyBody,
        observed: &ObservedPolicy,
    ) -> Step<Plan> {
        let drift = Drift {
            policy: subject.object.spec.drift_policy,
            requested: subject.requested().is_some(),
        };
        let plan = plan(
            desired,
            observed,
            Base::of(subject.status.identity.applied.as_ref()),
            drift,
        )
        .managed(references.tenant.management)
        .managed(subject.object.spec.management);
        if let (false, ObservedPolicy::Present(policy)) = (plan.is_empty(), observed) {
            let settings = unmanaged_settings(&policy.fields.provisional());
            if !settings.is_empty() {
                return Err(Halt::sync(
                    Reason::UnmanagedSettings,
                    format!(
                        "the policy in Entra carries settings that this kind cannot express, so it is not written: {}; remove them in Entra, or set management: Observe. Not written: {}",
                        settings.join(", "),
                        plan.changes
                            .iter()
                            .map(ToString::to_string)
                            .collect::<Vec<_>>()
                            .join("; ")
                    ),
                    Retry::OnChange,
                ));
            }
        }
        Ok(plan)
    }

    async fn apply(
        context: &Context,
        subject: &mut Subject<Self>,
        references: &PolicyReferences,
        plan: &Plan,
        mut observed: ObservedPolicy,
    ) -> Step<ObservedPolicy> {
        let tenant = &references.tenant;
        let (catalog, package) = (&references.catalog_id, &references.package_id);
        for change in &plan.changes {
            match (change, &mut observed) {
                (Change::CreateAssignmentPolicy(fields), _) => {
                    let _one_at_a_time = tenant.policy_creation.lock().await;
                    let send = async {
                        let made = create_serially(&tenant.graph, package, fields).await?;
                        Ok((made.id.to_string(), made))
                    };
                    let place = Self::place(references);
                    let made = identity::create(context, tenant, subject, references, &place, send).await?;
                    tenant
                        .inventory
                        .policy_changed(catalog, package, &made.id, Some(made.clone()))
                        .await;
                    observed = ObservedPolicy::Present(Box::new(made));
                }
                (Change::ReplaceAssignmentPolicy { fields, .. }, ObservedPolicy::Present(policy)) => {
                    tenant
                        .graph
                        .replace_assignment_policy(&policy.id, package, fields)
                        .await?;
                    policy.fields = (**fields).clone().into();
                    let written = (**policy).clone();
                    tenant
                        .inventory
                        .policy_changed(catalog, package, &policy.id, Some(written))
                        .await;
                    subject.notes.push(Note::done(Reason::Updated, change.to_string()));
                }
                _ => {}
            }
        }
        Ok(observed)
    }

    fn conclude(
        subject: &mut Subject<Self>,
        references: &PolicyReferences,
        _desired: &PolicyBody,
        observed: &ObservedPolicy,
        plan: &Plan,
    ) -> Report {
        let held = plan.held_problem(&subject.request_command());
        if matches!(observed, ObservedPolicy::Present(_))
            && may_write(&references.tenant, subject.object.spec.management)
        {
            subject.status.identity.applied = Some(plan.applied.clone());
        }
        subject.status.resolved.clone_from(&references.pins);
        let ready = match held.clone() {
            Some(held) if held.reason != Reason::DriftReported => Err(held),
            Some(drift) => Ok(drift),
            None if subject.object.spec.management == Management::Observe => Ok(Problem::new(
                Reason::Observed,
                format!("policy of access package {:?}", references.package),
            )),
            None => Ok(Problem::new(
                Reason::InSync,
                format!("policy of access package {:?}", references.package),
            )),
        };
        Report {
            ready,
            references: None,
            sync: held,
            warning: references.warning.clone(),
        }
    }
}

fn candidate(policy: graph::AssignmentPolicy) -> Candidate {
    Candidate {
        id: policy.id.to_string(),
        display_name: policy.fields.display_name,
        description: policy.fields.description,
        created: policy.created,
    }
}

fn package_of(context: &Context, spec: &AssignmentPolicySpec, namespace: &str) -> Step<AccessPackage> {
    let name = &spec.access_package_ref.name;
    find(&context.stores.packages, Some(namespace), name).ok_or_else(|| {
        Halt::reference(Problem::new(
            Reason::AccessPackageNotFound,
            format!("spec.accessPackageRef: no AccessPackage {name:?} in namespace {namespace:?}; create it, or correct the name"),
        ))
    })
}

fn package_identity(package: &AccessPackage) -> Step<EntraObject> {
    identity::own(package).cloned().ok_or_else(|| not_ready(package))
}

/// A new policy waits until its package is whole: nothing can be requested before that.
fn require_ready(package: &AccessPackage) -> Step<()> {
    if is_ready(package) {
        Ok(())
    } else {
        Err(not_ready(package))
    }
}

/// The deletion of a package closes its policies; whoever went on with them would open them again.
fn require_kept(package: &AccessPackage) -> Step<()> {
    if package.metadata.deletion_timestamp.is_none() {
        return Ok(());
    }
    Err(Halt::reference(Problem::new(
        Reason::AccessPackageNotReady,
        format!(
            "spec.accessPackageRef: AccessPackage {:?} is being deleted, so nothing is done about its policies any more; delete this object too",
            package.name_any()
        ),
    )))
}

fn not_ready(package: &AccessPackage) -> Halt {
    let why = package
        .status
        .as_ref()
        .and_then(ManagedStatus::ready)
        .filter(|ready| ready.status == "False")
        .map_or_else(String::new, |condition| format!(" ({})", condition.reason));
    Halt::reference(Problem::new(
        Reason::AccessPackageNotReady,
        format!(
            "spec.accessPackageRef: AccessPackage {:?} is not ready{why}; waiting for it",
            package.name_any()
        ),
    ))
}

/// The policy as Graph wants it, in full.
fn desire(spec: &AssignmentPolicySpec, references: &PolicyReferences) -> Step<PolicyBody> {
    let incomplete = |field: &str| limit(Problem::new(Reason::InvalidSpec, format!("{field} is required")));
    let requestors = spec.requestors.as_ref().ok_or_else(|| incomplete("spec.requestors"))?;
    let approval = spec.approval.as_ref().ok_or_else(|| incomplete("spec.approval"))?;
    let expiration = spec.expiration.as_ref().ok_or_else(|| incomplete("spec.expiration"))?;
    let service = requestors.self_service;
    let required = approval.stages.is_some();
    let asks_why = requestors.justification == Requirement::Required;
    let has_justification = references.tenant.graph.cloud().has(Feature::RequestorJustification);
    Ok(PolicyBody {
        display_name: spec.display_name.clone(),
        description: Some(spec.description.clone()),
        allowed_target_scope: scope(requestors.scope),
        specific_allowed_targets: references.targets.clone(),
        expiration: wire_expiration(expiration),
        requestor_settings: RequestorSettings {
            enable_targets_to_self_add_access: service.add,
            enable_targets_to_self_update_access: service.update,
            enable_targets_to_self_remove_access: service.remove,
            allow_custom_assignment_schedule: service.custom_schedule,
            ..RequestorSettings::default()
        },
        request_approval_settings: ApprovalSettings {
            is_approval_required_for_add: required,
            is_approval_required_for_update: required && approval.required_for_update,
            is_requestor_justification_required: has_justification.then_some(asks_why),
            stages: references.stages.clone(),
        },
        review_settings: None,
        automatic_request_settings: None,
        notification_settings: None,
        questions: Vec::new(),
        custom_extension_stage_settings: Vec::new(),
    })
}

fn scope(scope: RequestorScope) -> AllowedTargetScope {
    match scope {
        RequestorScope::None => AllowedTargetScope::NotSpecified,
        RequestorScope::SpecificDirectoryUsers => AllowedTargetScope::SpecificDirectoryUsers,
        RequestorScope::SpecificDirectoryServicePrincipals => AllowedTargetScope::SpecificDirectoryServicePrincipals,
        RequestorScope::AllMemberUsers => AllowedTargetScope::AllMemberUsers,
        RequestorScope::AllDirectoryUsers => AllowedTargetScope::AllDirectoryUsers,
        RequestorScope::AllDirectoryServicePrincipals => AllowedTargetScope::AllDirectoryServicePrincipals,
        RequestorScope::AllDirectoryAgentIdentities => AllowedTargetScope::AllDirectoryAgentIdentities,
        RequestorScope::AllConfiguredConnectedOrganizationUsers => {
            AllowedTargetScope::AllConfiguredConnectedOrganizationUsers
        }
        RequestorScope::AllExternalUsers => AllowedTargetScope::AllExternalUsers,
    }
}

fn wire_expiration(expiration: &Expiration) -> graph::Expiration {
    let Expiration {
        never: _,
        after_date_time,
        after_duration,
    } = expiration;
    let kind = match (after_date_time, after_duration) {
        (Some(_), _) => ExpirationKind::AfterDateTime,
        (None, Some(_)) => ExpirationKind::AfterDuration,
        (None, None) => ExpirationKind::NoExpiration,
    };
    graph::Expiration {
        kind,
        duration: after_duration.as_ref().map(ToString::to_string),
        end: after_date_time.clone(),
    }
}

/// Sends a create; Graph refuses creates that run beside each other, whoever sends them, so that is tried again.
///
/// `DuplicateKey` may also stand for a lost answer of our own: a policy of this name is looked for before each retry, and
/// where there is one the conflict stands. Whether it is ours is for `identity` to say, from the intent.
async fn create_serially(
    graph: &graph::Graph,
    package: &AccessPackageId,
    fields: &PolicyBody,
) -> Result<graph::AssignmentPolicy, graph::GraphError> {
    let mut wait = Duration::from_millis(200);
    for _ in 0..6 {
        match graph.create_assignment_policy(package, fields).await {
            Err(error) if error.kind == GraphErrorKind::Conflict && error.has_code("DuplicateKey") => {
                tokio::time::sleep(wait).await;
                wait *= 2;
                let listed = graph.list_assignment_policies(package).await?.unwrap_or_default();
                if listed
                    .elements
                    .iter()
                    .any(|policy| policy.fields.display_name == fields.display_name)
                {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
    graph.create_assignment_policy(package, fields).await
}

async fn finalise(context: &Context, subject: &mut Subject<AssignmentPolicy>) -> Step<()> {
    let namespace = subject.namespace();
    let spec = subject.object.spec.clone();
    let catalog = catalog_name(context, subject);
    let departure = Departure {
        annotated: subject.is_to_be_orphaned(),
        management: spec.management,
        method: spec.deletion_policy(),
        is_written: subject.status.identity.applied.is_some() || subject.status.identity.intent.is_some(),
        catalog: &catalog,
        namespace: &namespace,
    };
    let Some(method) = parting(context, &departure)? else {
        subject.note_release();
        return Ok(());
    };
    let known = identity::own(&subject.object).cloned();
    if known.is_none() && subject.status.identity.intent.is_none() {
        return Ok(());
    }
    let tenant = match &known {
        Some(entra) => context.tenant_of(entra).await?,
        None => {
            // The package may be gone by now, and with it whatever came of the intent.
            if find(
                &context.stores.packages,
                Some(&namespace),
                &spec.access_package_ref.name,
            )
            .is_none()
            {
                return Ok(());
            }
            let references = AssignmentPolicy::resolve(context, subject).await?;
            let place = AssignmentPolicy::place(&references);
            identity::settle(context, &references.tenant, subject, &references, &place).await?;
            references.tenant
        }
    };
    subject.drift_interval = tenant.drift_interval;
    let Some(entra) = identity::proven(subject, &tenant) else {
        return Ok(());
    };
    refuse_observed(&tenant)?;
    let Some(package) = subject.status.access_package_id.clone() else {
        return Err(Halt::sync(
            Reason::InvalidSpec,
            "status.accessPackageId is missing, so the policy cannot be found",
            Retry::OnChange,
        ));
    };
    let (catalog, package) = (
        CatalogId::from(entra.catalog_id.as_str()),
        AccessPackageId::from(package.as_str()),
    );
    let id = PolicyId::from(entra.id.as_str());
    let Some(policy) = tenant.inventory.policy(&catalog, &package, &id, Freshness::Now).await? else {
        subject.notes.push(Note::done(
            Reason::Deleted,
            format!("assignment policy {id} was gone from Entra already"),
        ));
        return Ok(());
    };
    close(&tenant, &catalog, &package, &id).await?;
    wait_for_assignments(&tenant, &package, Some(&id), method).await?;
    tenant.graph.delete_assignment_policy(&id).await?;
    tenant.inventory.policy_changed(&catalog, &package, &id, None).await;
    let name = &policy.fields.display_name;
    subject.notes.push(Note::done(
        Reason::Deleted,
        format!("deleted assignment policy {name:?} ({id}) in Entra"),
    ));
    Ok(())
}

/// The Catalog of the policy's package; by its id in Entra where the package is gone already.
fn catalog_name(context: &Context, subject: &Subject<AssignmentPolicy>) -> String {
    let package = &subject.object.spec.access_package_ref.name;
    if let Some(package) = find(&context.stores.packages, Some(&subject.namespace()), package) {
        return package.spec.catalog_ref.name;
    }
    let id = subject
        .status
        .identity
        .entra
        .as_ref()
        .map(|entra| entra.catalog_id.clone());
    let catalogs = matching(&context.stores.catalogs, |catalog| {
        catalog
            .status
            .as_ref()
            .and_then(|status| status.identity.entra.as_ref())
            .map(|entra| &entra.id)
            == id.as_ref()
    });
    catalogs.first().map(ResourceExt::name_any).unwrap_or_default()
}
