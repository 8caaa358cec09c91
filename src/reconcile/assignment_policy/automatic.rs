//! What a policy needs whose rule assigns by itself.

use super::super::{halt::Step, tenant::Tenant};
use crate::{
    api::{AssignmentPolicySpec, Reason},
    plan::Problem,
};

/// The permission that a rule needs and the token does not have: a role on the catalog is not enough for it, and Graph would say
/// no more than 403.
pub(super) async fn unpermitted(tenant: &Tenant, spec: &AssignmentPolicySpec) -> Step<Option<Problem>> {
    if spec.automatic.is_none() || tenant.graph.token_claims().await?.is_tenant_wide() {
        return Ok(None);
    }
    let words = format!(
        "assignment by a rule needs more than a role on a catalog, and the application of EntraTenant {:?} has no more",
        tenant.name
    );
    Ok(Some(
        Problem::new(Reason::NeedsTenantPermission, words)
            .at("spec.automatic")
            .remedy("grant it the application permission EntitlementManagement.ReadWrite.All, or write requestors in place of automatic"),
    ))
}
