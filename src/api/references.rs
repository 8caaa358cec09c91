//! Every reference that a spec makes, with its field: what is named by name has to be found, and may be forbidden.
//!
//! Each spec is taken apart in full: a new field does not compile until somebody says here whether it refers to
//! something.

use super::{
    AccessPackageSpec, Approval, ApprovalStage, Approver, ApproverLimit, AssignmentPolicySpec, CatalogResource,
    CatalogSpec, ClientCertificateCredential, ClientSecretCredential, ConnectedOrganizationSpec, Credentials,
    EntraTenantSpec, Escalation, Extension, IncompatiblePackage, IncompatibleWith, Limits, NamedApprover, OnBehalf,
    OnBehalfLimit, OnBehalfRequestor, Principal, Requestors, ResourceRole, Review, Reviewer, RoleAssignment,
    SecretKeyRef, SecretRef, Sponsor, Target, TargetLimit,
    reference::{
        ApplicationRef, ConnectedOrganizationRef, GroupRef, NameRef, ServicePrincipalRef, SharePointSiteRef, UserRef,
    },
};

/// What a field points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// An EntraTenant, by name.
    Tenant(&'a NameRef),
    /// A Catalog, by name.
    Catalog(&'a NameRef),
    /// An AccessPackage of the same namespace, by name.
    AccessPackage(&'a NameRef),
    /// A package that this one is incompatible with: by name, also of another namespace, or by its id in Entra.
    Incompatible(&'a IncompatiblePackage),
    /// A role of a resource of the Catalog, both as the Catalog names them.
    ResourceRole(&'a ResourceRole),
    /// A Secret of the operator's namespace, by name.
    Secret(&'a str),
    /// A user of the directory.
    User(&'a UserRef),
    /// A group of the directory.
    Group(&'a GroupRef),
    /// A service principal that may request.
    ServicePrincipal(&'a ServicePrincipalRef),
    /// A connected organization whose people may request.
    ConnectedOrganization(&'a ConnectedOrganizationRef),
    /// A workflow extension of the package's catalog.
    Extension(&'a Extension),
    /// An application as a resource.
    Application(&'a ApplicationRef),
    /// A SharePoint Online site.
    Site(&'a SharePointSiteRef),
}

/// A reference and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceAt<'a> {
    /// The field, for example `spec.approval.stages[0].approvers[1].user`.
    pub field: String,
    /// What it points at.
    pub reference: Reference<'a>,
}

/// The ways in which a reference to the directory was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The ways that are written: exactly one of them is right.
    pub ways: Vec<&'static str>,
    /// All the ways that there are.
    pub possible: Vec<&'static str>,
    /// Whether the id, and nothing else, is written: then nothing has to be looked up.
    pub is_id_alone: bool,
}

impl Reference<'_> {
    /// How the object of the directory is given; `None` for what is not of the directory and has one spelling only.
    #[must_use]
    pub fn given(&self) -> Option<Given> {
        match self {
            Self::Tenant(_) | Self::Catalog(_) | Self::AccessPackage(_) | Self::ResourceRole(_) | Self::Secret(_) => {
                None
            }
            Self::Incompatible(IncompatiblePackage { name, namespace: _, id }) => {
                Some(given("id", &[("name", name.is_some()), ("id", id.is_some())]))
            }
            Self::User(UserRef {
                id,
                user_principal_name,
                mail,
            }) => Some(given(
                "id",
                &[
                    ("id", id.is_some()),
                    ("userPrincipalName", user_principal_name.is_some()),
                    ("mail", mail.is_some()),
                ],
            )),
            Self::Group(GroupRef {
                id,
                display_name,
                mail_nickname,
                unique_name,
            }) => Some(given(
                "id",
                &[
                    ("id", id.is_some()),
                    ("displayName", display_name.is_some()),
                    ("mailNickname", mail_nickname.is_some()),
                    ("uniqueName", unique_name.is_some()),
                ],
            )),
            Self::ServicePrincipal(ServicePrincipalRef {
                id,
                app_id,
                display_name,
            }) => Some(given(
                "id",
                &[
                    ("id", id.is_some()),
                    ("appId", app_id.is_some()),
                    ("displayName", display_name.is_some()),
                ],
            )),
            Self::ConnectedOrganization(ConnectedOrganizationRef {
                name,
                id,
                display_name,
                tenant_id,
                domain,
            }) => {
                let ways = [
                    ("name", name.is_some()),
                    ("id", id.is_some()),
                    ("displayName", display_name.is_some()),
                    ("tenantId", tenant_id.is_some()),
                    ("domain", domain.is_some()),
                ];
                // Neither asks Entra.
                let one = if name.is_some() { "name" } else { "id" };
                Some(given(one, &ways))
            }
            Self::Extension(Extension {
                stage: _,
                display_name,
                id,
            }) => Some(given(
                "id",
                &[("displayName", display_name.is_some()), ("id", id.is_some())],
            )),
            Self::Application(ApplicationRef {
                app_id,
                service_principal_id,
                display_name,
            }) => Some(given(
                "servicePrincipalId",
                &[
                    ("appId", app_id.is_some()),
                    ("servicePrincipalId", service_principal_id.is_some()),
                    ("displayName", display_name.is_some()),
                ],
            )),
            Self::Site(SharePointSiteRef { url, id }) => {
                Some(given("id", &[("url", url.is_some()), ("id", id.is_some())]))
            }
        }
    }
}

fn given(id: &str, ways: &[(&'static str, bool)]) -> Given {
    let written: Vec<_> = ways.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    Given {
        is_id_alone: written == [id],
        ways: written,
        possible: ways.iter().map(|(name, _)| *name).collect(),
    }
}

/// A spec that may point at other things.
pub trait Refers {
    /// Everything that it points at, in the order of its fields.
    fn references(&self) -> Vec<ReferenceAt<'_>>;
}

/// The references found so far.
#[derive(Default)]
struct Found<'a>(Vec<ReferenceAt<'a>>);

impl<'a> Found<'a> {
    fn add(&mut self, field: impl Into<String>, reference: Reference<'a>) {
        self.0.push(ReferenceAt {
            field: field.into(),
            reference,
        });
    }

    fn user(&mut self, field: &str, user: Option<&'a UserRef>) {
        if let Some(user) = user {
            self.add(format!("{field}.user"), Reference::User(user));
        }
    }

    fn group(&mut self, field: &str, group: Option<&'a GroupRef>) {
        if let Some(group) = group {
            self.add(format!("{field}.group"), Reference::Group(group));
        }
    }

    fn people(&mut self, field: &str, users: &'a [UserRef], groups: &'a [GroupRef]) {
        for (index, user) in users.iter().enumerate() {
            self.add(format!("{field}.users[{index}]"), Reference::User(user));
        }
        for (index, group) in groups.iter().enumerate() {
            self.add(format!("{field}.groups[{index}]"), Reference::Group(group));
        }
    }

    fn approvers(&mut self, field: &str, approvers: &'a [Approver]) {
        for (index, approver) in approvers.iter().enumerate() {
            let Approver {
                user,
                group,
                requestor_manager: _,
                internal_sponsors: _,
                external_sponsors: _,
                target_manager: _,
                target_user_sponsors: _,
                target_application_owners: _,
                target_agent_identity_sponsors_or_owners: _,
            } = approver;
            let field = format!("{field}.approvers[{index}]");
            self.user(&field, user.as_ref());
            self.group(&field, group.as_ref());
        }
    }

    fn fallbacks(&mut self, field: &str, approvers: &'a [NamedApprover]) {
        for (index, NamedApprover { user, group }) in approvers.iter().enumerate() {
            let field = format!("{field}[{index}]");
            self.user(&field, user.as_ref());
            self.group(&field, group.as_ref());
        }
    }

    fn requestors(&mut self, requestors: &'a Requestors) {
        let Requestors {
            scope: _,
            targets,
            self_service: _,
            on_behalf,
            justification: _,
        } = requestors;
        for (index, target) in targets.iter().enumerate() {
            let Target {
                user,
                group,
                service_principal,
                connected_organization,
            } = target;
            let field = format!("spec.requestors.targets[{index}]");
            self.user(&field, user.as_ref());
            self.group(&field, group.as_ref());
            if let Some(principal) = service_principal {
                let field = format!("{field}.servicePrincipal");
                self.add(field, Reference::ServicePrincipal(principal));
            }
            if let Some(organization) = connected_organization {
                let field = format!("{field}.connectedOrganization");
                self.add(field, Reference::ConnectedOrganization(organization));
            }
        }
        let Some(OnBehalf {
            add: _,
            update: _,
            remove: _,
            requestors,
        }) = on_behalf
        else {
            return;
        };
        for (index, requestor) in requestors.iter().enumerate() {
            let OnBehalfRequestor {
                user,
                group,
                target_manager: _,
            } = requestor;
            let field = format!("spec.requestors.onBehalf.requestors[{index}]");
            self.user(&field, user.as_ref());
            self.group(&field, group.as_ref());
        }
    }

    fn review(&mut self, review: &'a Review) {
        let Review {
            every: _,
            starts_on: _,
            lasts: _,
            reviewers,
            fallback_reviewers,
            self_review: _,
            if_no_decision: _,
            recommendations: _,
            justification: _,
        } = review;
        for (index, reviewer) in reviewers.iter().enumerate() {
            let Reviewer {
                user,
                group,
                target_manager: _,
            } = reviewer;
            let field = format!("spec.review.reviewers[{index}]");
            self.user(&field, user.as_ref());
            self.group(&field, group.as_ref());
        }
        self.fallbacks("spec.review.fallbackReviewers", fallback_reviewers);
    }

    fn approval(&mut self, approval: &'a Approval) {
        let Approval {
            not_required: _,
            stages,
            required_for_update: _,
        } = approval;
        for (index, stage) in stages.iter().flatten().enumerate() {
            let ApprovalStage {
                approvers,
                fallback_approvers,
                decision_timeout: _,
                justification: _,
                escalation,
                approver_visibility: _,
            } = stage;
            let field = format!("spec.approval.stages[{index}]");
            self.approvers(&field, approvers);
            self.fallbacks(&format!("{field}.fallbackApprovers"), fallback_approvers);
            if let Some(Escalation {
                after: _,
                approvers,
                fallback_approvers,
            }) = escalation
            {
                let field = format!("{field}.escalation");
                self.approvers(&field, approvers);
                self.fallbacks(&format!("{field}.fallbackApprovers"), fallback_approvers);
            }
        }
    }
}

impl Refers for AssignmentPolicySpec {
    fn references(&self) -> Vec<ReferenceAt<'_>> {
        let Self {
            access_package_ref,
            display_name: _,
            description: _,
            requestors,
            approval,
            expiration: _,
            automatic: _,
            review,
            questions: _,
            notifications: _,
            extensions,
            management: _,
            adoption: _,
            id: _,
            drift_policy: _,
            deletion_policy: _,
        } = self;
        let mut found = Found::default();
        found.add("spec.accessPackageRef", Reference::AccessPackage(access_package_ref));
        if let Some(requestors) = requestors {
            found.requestors(requestors);
        }
        if let Some(approval) = approval {
            found.approval(approval);
        }
        if let Some(review) = review {
            found.review(review);
        }
        for (index, extension) in extensions.iter().enumerate() {
            found.add(format!("spec.extensions[{index}]"), Reference::Extension(extension));
        }
        found.0
    }
}

impl Refers for AccessPackageSpec {
    fn references(&self) -> Vec<ReferenceAt<'_>> {
        let Self {
            catalog_ref,
            display_name: _,
            description: _,
            hidden: _,
            resource_roles,
            incompatible_with,
            management: _,
            adoption: _,
            id: _,
            drift_policy: _,
            deletion_policy: _,
        } = self;
        let mut found = Found::default();
        found.add("spec.catalogRef", Reference::Catalog(catalog_ref));
        for (index, role) in resource_roles.iter().enumerate() {
            found.add(format!("spec.resourceRoles[{index}]"), Reference::ResourceRole(role));
        }
        if let Some(IncompatibleWith {
            access_packages,
            groups,
        }) = incompatible_with
        {
            for (index, package) in access_packages.iter().enumerate() {
                let field = format!("spec.incompatibleWith.accessPackages[{index}]");
                found.add(field, Reference::Incompatible(package));
            }
            for (index, group) in groups.iter().enumerate() {
                found.add(
                    format!("spec.incompatibleWith.groups[{index}]"),
                    Reference::Group(group),
                );
            }
        }
        found.0
    }
}

impl Refers for CatalogSpec {
    fn references(&self) -> Vec<ReferenceAt<'_>> {
        let Self {
            tenant_ref,
            id: _,
            management: _,
            display_name: _,
            description: _,
            state: _,
            externally_visible: _,
            resources,
            role_assignments,
            grants,
            deletion_policy: _,
        } = self;
        let mut found = Found::default();
        found.add("spec.tenantRef", Reference::Tenant(tenant_ref));
        for (index, resource) in resources.iter().enumerate() {
            let CatalogResource {
                name: _,
                group,
                application,
                share_point_site,
                // Nothing is looked up: its id is all there is to it.
                directory_role: _,
                roles: _,
                role_assignable: _,
                attributes: _,
                environment: _,
            } = resource;
            let field = format!("spec.resources[{index}]");
            found.group(&field, group.as_ref());
            if let Some(application) = application {
                found.add(format!("{field}.application"), Reference::Application(application));
            }
            if let Some(site) = share_point_site {
                found.add(format!("{field}.sharePointSite"), Reference::Site(site));
            }
        }
        for (index, assignment) in role_assignments.iter().enumerate() {
            let RoleAssignment {
                name: _,
                role: _,
                principal,
            } = assignment;
            let Some(Principal {
                user,
                group,
                service_principal,
            }) = principal
            else {
                continue;
            };
            let field = format!("spec.roleAssignments[{index}].principal");
            found.user(&field, user.as_ref());
            found.group(&field, group.as_ref());
            if let Some(principal) = service_principal {
                found.add(
                    format!("{field}.servicePrincipal"),
                    Reference::ServicePrincipal(principal),
                );
            }
        }
        for (index, grant) in grants.iter().enumerate() {
            found
                .0
                .extend(grant.limits.references(&format!("spec.grants[{index}].limits")));
        }
        found.0
    }
}

impl Limits {
    /// Everybody whom the limits name, in the order of their fields; `path` is where they stand.
    #[must_use]
    pub fn references(&self, path: &str) -> Vec<ReferenceAt<'_>> {
        let Self {
            requestor_scopes: _,
            approval: _,
            approvers,
            extension: _,
            targets,
            must_ask: _,
            max_duration: _,
            unlimited_duration: _,
            automatic_assignment: _,
            on_behalf: _,
            on_behalf_requestors,
            adoption: _,
            references: _,
            max_packages: _,
            max_policies: _,
            display_name_prefix: _,
            deletion: _,
            drift_policy: _,
        } = self;
        let mut found = Found::default();
        if let Some(ApproverLimit {
            kinds: _,
            users,
            groups,
        }) = approvers
        {
            found.people(&format!("{path}.approvers"), users, groups);
        }
        if let Some(TargetLimit {
            kinds: _,
            users,
            groups,
        }) = targets
        {
            found.people(&format!("{path}.targets"), users, groups);
        }
        if let Some(OnBehalfLimit {
            kinds: _,
            users,
            groups,
        }) = on_behalf_requestors
        {
            found.people(&format!("{path}.onBehalfRequestors"), users, groups);
        }
        found.0
    }
}

impl Refers for ConnectedOrganizationSpec {
    fn references(&self) -> Vec<ReferenceAt<'_>> {
        let Self {
            tenant_ref,
            id: _,
            management: _,
            display_name: _,
            description: _,
            identity_source: _,
            state: _,
            internal_sponsors,
            external_sponsors,
            drift_policy: _,
            deletion_policy: _,
        } = self;
        let mut found = Found::default();
        found.add("spec.tenantRef", Reference::Tenant(tenant_ref));
        let lists = [
            ("spec.internalSponsors", internal_sponsors),
            ("spec.externalSponsors", external_sponsors),
        ];
        for (field, sponsors) in lists {
            for (index, Sponsor { user, group }) in sponsors.iter().flatten().enumerate() {
                let field = format!("{field}[{index}]");
                found.user(&field, user.as_ref());
                found.group(&field, group.as_ref());
            }
        }
        found.0
    }
}

impl Refers for EntraTenantSpec {
    fn references(&self) -> Vec<ReferenceAt<'_>> {
        let Self {
            tenant_id: _,
            cloud: _,
            domain: _,
            credentials,
            mode: _,
            drift_interval: _,
            require_admission_policy: _,
            acknowledge: _,
            max_deletions_per_hour: _,
            max_deletions_percent: _,
        } = self;
        let Credentials {
            workload_identity: _,
            client_secret,
            client_certificate,
            managed_identity: _,
        } = credentials;
        let mut found = Found::default();
        if let Some(ClientSecretCredential {
            client_id: _,
            secret_ref: SecretKeyRef { name, key: _ },
        }) = client_secret
        {
            found.add("spec.credentials.clientSecret.secretRef", Reference::Secret(name));
        }
        if let Some(ClientCertificateCredential {
            client_id: _,
            secret_ref: SecretRef { name },
        }) = client_certificate
        {
            found.add("spec.credentials.clientCertificate.secretRef", Reference::Secret(name));
        }
        found.0
    }
}

#[cfg(test)]
mod tests;
