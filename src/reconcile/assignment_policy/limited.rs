//! By what a policy is limited: the grants, and every role of its package.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::{Around, PolicyReferences};
use crate::{
    api::{AccessPackage, Catalog, EntraStatus, Grant, Reason},
    graph,
    layer::{Layer, is_out},
    plan::{
        Base, Found, Problem,
        limits::{self, Beyond, RoleAt, Way},
    },
};

/// By what a policy is limited: with every role of its package, in the spec and in Entra.
pub(super) struct Limited {
    pub(super) way: Way,
    pub(super) package: AccessPackage,
    pub(super) catalog: Catalog,
    pub(super) grants: Vec<Grant>,
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

    pub(super) fn admits(&self, roles: &[RoleAt]) -> Option<Problem> {
        let ways = std::slice::from_ref(&self.way);
        limits::admits(&self.grants(), &self.catalog.spec, roles, ways, self.now).err()
    }
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
