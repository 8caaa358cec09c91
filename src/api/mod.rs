//! The custom resources: what people write, and what the operator answers in `status`.
//!
//! This room knows no client: types, schema rules, condition types and reasons only. Everything that can be decided
//! without asking Entra or the cluster is refused by the API server, with the path of the field and words for people.

mod access_package;
mod assignment_policy;
mod catalog;
mod connected_organization;
mod duration;
mod entra_tenant;
mod kind;
mod management;
mod reason;
mod reference;
mod references;
mod rules;
mod schema;
mod status;

pub use access_package::{
    AccessPackage, AccessPackageSpec, AccessPackageStatus, IncompatiblePackage, IncompatibleStatus, IncompatibleWith,
    ResourceRole, ResourceRoleStatus, WeakestWayIn,
};
pub use assignment_policy::{
    Approval, ApprovalStage, Approver, ApproverVisibility, AssignmentPolicy, AssignmentPolicySpec,
    AssignmentPolicyStatus, Automatic, Choice, ChoiceQuestion, Escalation, Expiration, Extension, ExtensionStage,
    Localization, ManagerLevel, NamedApprover, NoDecision, Notification, Notifications, OnBehalf, OnBehalfRequestor,
    Question, QuestionStatus, RequestorScope, Requestors, Review, ReviewInterval, Reviewer, SelfService, Target,
    TargetManagerLevel, TextQuestion, WaySoFar,
};
pub use catalog::{
    ApprovalLimit, ApproverKind, ApproverLimit, AttributeChoice, AttributeChoices, AttributeQuestion, Catalog,
    CatalogDeletionPolicy, CatalogResource, CatalogRole, CatalogSpec, CatalogState, CatalogStatus, EffectiveGrant,
    EffectiveLimit, ExtensionLimit, Grant, Limits, MustAsk, NamespaceScope, OnBehalfKind, OnBehalfLimit, OnWithdrawal,
    Permission, Principal, References, ResourceAttribute, ResourceState, ResourceStatus, RoleAssignment, RoleStatus,
    TargetKind, TargetLimit,
};
pub use connected_organization::{
    CloudInstance, ConnectedOrganization, ConnectedOrganizationSpec, ConnectedOrganizationState,
    ConnectedOrganizationStatus, CrossCloudTenant, ExternalDomainFederation, IdentitySource,
    OrganizationDeletionPolicy, SocialNetwork, Sponsor,
};
pub use duration::IsoDuration;
pub use entra_tenant::{
    Acknowledge, ClientCertificateCredential, ClientSecretCredential, Cloud, Credentials, Deletion, EntraTenant,
    EntraTenantSpec, EntraTenantStatus, ManagedIdentityCredential, Mode, SecretKeyRef, SecretRef,
    WorkloadIdentityCredential,
};
pub use kind::KindName;
pub use management::{Adoption, DeletionPolicy, DriftPolicy, Empty, Management, Requirement};
pub use reason::Reason;
pub use reference::{
    ApplicationRef, ConnectedOrganizationRef, DirectoryRoleRef, GroupRef, NameRef, ServicePrincipalRef,
    SharePointSiteRef, UserRef,
};
pub use references::{Reference, ReferenceAt, Refers};
pub use schema::custom_resource_definitions;
pub use status::{
    Applied, ConditionType, EntraObject, EntraStatus, Identity, Intent, ManagedStatus, NEVER_OBSERVED, PinnedReference,
    Standing, TenantOfIntent, UnmanagedPolicy, Written,
};

/// The API group of every kind and of every annotation.
pub const GROUP: &str = "access.entra-operator.io";

/// Keeps an object until what it made in Entra is dealt with.
pub const FINALIZER: &str = "access.entra-operator.io/finalizer";

/// `"true"`: the operator leaves the object alone, in Kubernetes and in Entra.
pub const PAUSED: &str = "access.entra-operator.io/paused";

/// Any new value asks for a visit now, with fresh reads, and for the correction of drift that was held back.
pub const RECONCILE_REQUESTED_AT: &str = "access.entra-operator.io/reconcile-requested-at";

/// Annotation, written by the operator: the id of the object of Entra. A hint that finds an object again which was restored without its status.
pub const EXTERNAL_ID: &str = "access.entra-operator.io/external-id";

/// The token of a condition that asks for it: a person agrees to what a change does to those who have access.
pub const ACKNOWLEDGE: &str = "access.entra-operator.io/acknowledge";

/// `"true"`: a deletion releases the object and leaves Entra as it is (where the grant allows it).
pub const ORPHAN: &str = "access.entra-operator.io/orphan";

/// The tenant that objects belong to which name none.
pub const DEFAULT_TENANT: &str = "default";
