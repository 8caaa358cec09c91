//! Microsoft Graph v1.0 entitlement management as it is: typed wire models, one function per operation, and one
//! door through which every request goes.
//!
//! | file | what it holds |
//! |---|---|
//! | `cloud` | where Graph and the token authority are, and what each national cloud lacks |
//! | `auth`, `certificate` | the credentials and the bearer token |
//! | `call` | a request before it is sent |
//! | `transport` | the door: bearer, request ids, deadline, read-only refusal, retry, tracing |
//! | `line` | what carries a request, and where an answer is cut |
//! | `gate` | the tenant's weather, pure: who waits, who goes first |
//! | `retry` | the pure decision whether a request may be sent again, and when |
//! | `read` | what an answer tells and what it does not: unread, unreadable |
//! | `undeclared` | what a policy's answer has beside what we know |
//! | `review`, `question` | access reviews of a policy, and its questions |
//! | `closing` | a policy's doors, and shutting them without changing anything else |
//! | `page`, `batch` | collections over `@odata.nextLink`, reads in one `$batch` |
//! | `odata`, `wire`, `id` | literals and URLs, tolerant enums, id newtypes |
//! | `error` | what went wrong, with the ids that support asks for |
//! | `catalog`, `resource`, `access_package`, `assignment_policy`, `assignment`, `connected_organization`, `directory`, `eligibility`, `lookup` | the operations |
//!
//! This module knows neither Kubernetes nor the operator's own resources. Absent (`None`, an empty list) is only
//! ever answered where Graph has said so: a refusal (403) or a failure is always an error.

pub mod access_package;
pub mod assignment;
pub mod assignment_policy;
mod attempt;
mod attribute;
mod auth;
mod batch;
mod call;
pub mod catalog;
mod certificate;
mod closing;
mod cloud;
pub mod connected_organization;
pub mod directory;
mod eligibility;
mod error;
mod extension;
mod gate;
mod id;
mod line;
mod lookup;
mod odata;
mod page;
mod question;
mod read;
mod reference;
pub mod resource;
mod retry;
mod review;
mod role_assignment;
mod subject_set;
mod token_retry;
mod transport;
mod undeclared;
mod wire;

pub use access_package::{
    AccessPackage, AccessPackagePatch, Incompatible, IncompatibleKind, NewAccessPackage, NewResourceRoleScope,
    ResourceRoleScope,
};
pub use assignment::{Assignment, AssignmentSchedule, AssignmentState, AssignmentTarget, OpenRemoval, RemovalAsked};
pub use assignment_policy::{
    AllowedTargetScope, ApprovalSettings, ApprovalStage, AssignmentPolicy, AutomaticRequestSettings, Expiration,
    ExpirationKind, NotificationSettings, PolicyBody, PolicyRead, RequestorSettings,
};
pub use attribute::ResourceAttribute;
pub use auth::{Credential, Secret, TokenClaims};
pub use catalog::{Catalog, CatalogFields, CatalogPatch, CatalogState, CatalogType};
pub use closing::Doors;
pub use cloud::{Cloud, Endpoint, Feature};
pub use connected_organization::{
    ConnectedOrganization, ConnectedOrganizationFields, ConnectedOrganizationPatch, ConnectedOrganizationState,
    IdentitySource, OrganizationKey, Sponsor, SponsorList,
};
pub use directory::{
    AppRole, Found, Group, GroupKey, Lookup, ServicePrincipal, ServicePrincipalKey, Site, SiteKey, User, UserKey,
};
pub use eligibility::{EligibilityLimit, GroupAccess};
pub use error::{GraphError, GraphErrorKind, GraphFault};
pub use extension::{ExtensionKind, ExtensionStage, StageSetting, WorkflowExtension};
pub use id::{
    AccessPackageId, AssignmentId, CatalogId, ObjectId, PolicyId, ResourceId, ResourceRequestId, ResourceRoleScopeId,
    RoleAssignmentId,
};
pub use line::{Line, LineBody, LineError, NotSent};
pub use lookup::{Identified, ObjectKind};
pub use odata::literal;
pub use question::{AnswerChoice, Localization, Question, QuestionAnswer};
pub use read::{Listed, Read, Unreadable};
pub use resource::{
    NewResource, OriginSystem, RequestState, RequestedResource, Resource, ResourceRequest, ResourceRole, ResourceScope,
};
pub use review::{Recurrence, ReviewExpirationBehavior, ReviewSchedule, ReviewSettings};
pub use role_assignment::{CatalogRole, RoleAssignment};
pub use subject_set::SubjectSet;
pub use transport::{Access, Away, Exchange, Graph, Observer, Removed, Weather};

/// Least application permission of entitlement management reads; a role on the catalog serves as well.
const READ: &str = "EntitlementManagement.Read.All";
/// Least application permission of entitlement management writes; a role on the catalog serves as well.
const WRITE: &str = "EntitlementManagement.ReadWrite.All";
