//! The kinds: the one list of them. Whatever is done for each kind is a `match` over it without `_`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResourceExt, core::ApiResource};

use super::{AccessPackage, AssignmentPolicy, Catalog, ConnectedOrganization, EntraTenant};

/// A kind of this API group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KindName {
    /// [`EntraTenant`]
    EntraTenant,
    /// [`Catalog`]
    Catalog,
    /// [`ConnectedOrganization`]
    ConnectedOrganization,
    /// [`AccessPackage`]
    AccessPackage,
    /// [`AssignmentPolicy`]
    AssignmentPolicy,
}

impl KindName {
    /// Every kind; those that others point at come first.
    pub const ALL: [Self; 5] = [
        Self::EntraTenant,
        Self::Catalog,
        Self::ConnectedOrganization,
        Self::AccessPackage,
        Self::AssignmentPolicy,
    ];

    /// The kind as it stands in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EntraTenant => "EntraTenant",
            Self::Catalog => "Catalog",
            Self::ConnectedOrganization => "ConnectedOrganization",
            Self::AccessPackage => "AccessPackage",
            Self::AssignmentPolicy => "AssignmentPolicy",
        }
    }

    /// Its definition, as the derive makes it.
    #[must_use]
    pub fn definition(self) -> CustomResourceDefinition {
        match self {
            Self::EntraTenant => EntraTenant::crd(),
            Self::Catalog => Catalog::crd(),
            Self::ConnectedOrganization => ConnectedOrganization::crd(),
            Self::AccessPackage => AccessPackage::crd(),
            Self::AssignmentPolicy => AssignmentPolicy::crd(),
        }
    }

    /// How the API server calls it.
    #[must_use]
    pub fn resource(self) -> ApiResource {
        match self {
            Self::EntraTenant => EntraTenant::api_resource(),
            Self::Catalog => Catalog::api_resource(),
            Self::ConnectedOrganization => ConnectedOrganization::api_resource(),
            Self::AccessPackage => AccessPackage::api_resource(),
            Self::AssignmentPolicy => AssignmentPolicy::api_resource(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_under_its_own_name() {
        for kind in KindName::ALL {
            assert_eq!(kind.definition().spec.names.kind, kind.name());
            assert_eq!(kind.resource().kind, kind.name());
        }
    }
}
