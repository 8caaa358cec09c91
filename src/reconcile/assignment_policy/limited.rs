//! By what a policy is limited: the grants, and every role of its package.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::{Around, PolicyReferences};
use crate::{
    api::{AccessPackage, Catalog, EntraStatus, Grant, ManagedStatus as _, OnWithdrawal, Reason},
    graph,
    layer::{Layer, is_out},
    plan::{
        Base, Found, Problem,
        limits::{self, Beyond, RoleAt, Terms, Way},
    },
};

/// By what a policy is limited: with every role of its package, in the spec and in Entra.
pub(super) struct Limited {
    pub(super) way: Way,
    pub(super) package: AccessPackage,
    pub(super) catalog: Catalog,
    pub(super) grants: Vec<Grant>,
    /// The namespace has as many policies as it may before this one.
    pub(super) quota: Option<Problem>,
    pub(super) now: Timestamp,
    pub(super) uid: String,
}

impl Limited {
    pub(super) fn grants(&self) -> Vec<&Grant> {
        self.grants.iter().collect()
    }

    /// The roles that the package's spec asks for, as far as the Catalog offers them: what it does not offer is the package's
    /// own trouble, and never comes into it.
    pub(super) fn roles(&self) -> Vec<RoleAt> {
        let asked = self.package.spec.resource_roles.iter().enumerate();
        asked
            .map(|(index, role)| RoleAt::of_spec(index, role, self.catalog.status.as_ref()))
            .filter(|role| role.is_offered(&self.catalog.spec))
            .collect()
    }

    /// What the specs alone forbid.
    pub(super) fn by_spec(&self) -> Option<Problem> {
        if let Some(full) = &self.quota {
            return Some(full.clone());
        }
        let spec = &self.package.spec;
        let resources: Vec<&str> = spec.resource_roles.iter().map(|role| role.resource.as_str()).collect();
        let grants = self.grants();
        if limits::covering(&grants, &resources).is_empty() {
            return Some(Problem::new(
                Reason::LimitExceeded,
                format!(
                    "spec.accessPackageRef: no grant allows all resources of access package {:?}; its own condition says more",
                    self.package.name_any()
                ),
            ));
        }
        self.admits(&self.roles())
    }

    /// What forbids that anything of it is widened, with what Entra has and what is about to be written.
    pub(super) fn by_entra(
        &self,
        package: &Found<Box<graph::AccessPackage>>,
        coming: Vec<RoleAt>,
        tells_sites: bool,
    ) -> Option<Problem> {
        if let Some(breach) = self.by_spec() {
            return Some(breach);
        }
        let untold = |what: &str| {
            let words = format!(
                "spec.accessPackageRef: {what} of access package {:?} in Entra, so nothing of its policies is widened",
                self.package.name_any()
            );
            Some(Problem::new(Reason::LimitExceeded, words).remedy("it is looked at again"))
        };
        let mut roles = self.roles();
        match package {
            Found::Present(package) => match package.resource_role_scopes.known() {
                Some(held) if held.unreadable.is_empty() => {
                    let status = self.catalog.status.as_ref();
                    let mut there: Vec<RoleAt> = held
                        .elements
                        .iter()
                        .map(|held| RoleAt::of_entra(held, status))
                        .collect();
                    let applied = self.package.status.as_ref().and_then(EntraStatus::applied);
                    let beyond = Beyond {
                        shown: &package.resource_role_scopes,
                        asked: &roles,
                        base: Base::of(applied),
                        is_made_here: false,
                        tells_sites,
                    };
                    there.extend(RoleAt::beyond_reads(beyond, &self.catalog.spec, status));
                    // Entra lists them in no order; words that change say nothing new.
                    there.sort_by(|one, other| one.words.cmp(&other.words));
                    if !is_out(Layer::RolesInEntra) {
                        roles.extend(there);
                    }
                }
                Some(_) => return untold("a role cannot be read"),
                None => return untold("nothing is told of the roles"),
            },
            // Nobody comes in by a package that is not there.
            Found::Unborn | Found::Gone { .. } => {}
            Found::Elsewhere { .. } => return untold("somebody has moved the package: nothing is known of the roles"),
        }
        roles.extend(coming);
        self.admits(&roles)
    }

    /// Whether what Entra has lets people in as no grant allows any more, and a grant says that the policy is closed then. What was
    /// not told, and a Catalog that is not ready, close nothing.
    pub(super) fn closes(&self, policy: &graph::AssignmentPolicy, package: &Found<Box<graph::AccessPackage>>) -> bool {
        let asks = |grant: &Grant| grant.on_withdrawal == OnWithdrawal::CloseRequests;
        let terms = Terms::of_entra(&policy.fields);
        if !self.grants.iter().any(asks) || !terms.is_open() || !terms.is_told() || !is_settled(&self.catalog) {
            return false;
        }
        let held = match package {
            Found::Present(package) => package.resource_role_scopes.known(),
            Found::Unborn | Found::Gone { .. } | Found::Elsewhere { .. } => None,
        };
        held.filter(|held| held.unreadable.is_empty()).is_some_and(|held| {
            let status = self.catalog.status.as_ref();
            let held = held.elements.iter();
            let roles: Vec<RoleAt> = held.map(|held| RoleAt::of_entra(held, status)).collect();
            let way = [Way::of_entra(policy, None)];
            limits::admits(&self.grants(), &self.catalog.spec, &roles, &way, self.now).is_err()
        })
    }

    pub(super) fn admits(&self, roles: &[RoleAt]) -> Option<Problem> {
        let ways = std::slice::from_ref(&self.way);
        limits::admits(&self.grants(), &self.catalog.spec, roles, ways, self.now).err()
    }
}

/// Whether status of the Catalog is about its present spec, with nothing missing: all resources and names of it are known.
fn is_settled(catalog: &Catalog) -> bool {
    let Some(status) = &catalog.status else { return false };
    status
        .ready()
        .is_some_and(|ready| ready.status == "True" && ready.observed_generation == catalog.metadata.generation)
}

pub(super) fn limit_now(references: &PolicyReferences, around: &Around) -> Option<Problem> {
    let PolicyReferences {
        tenant,
        package_id,
        limits,
        ..
    } = references;
    let coming = tenant.coming.roles(package_id.as_str(), &limits.uid);
    limits.by_entra(&around.package, coming, tenant.graph.tells_site_roles())
}
