//! Something that is done for every kind that is reconciled.

use super::Kind;
use crate::api::{AccessPackage, AssignmentPolicy, Catalog, ConnectedOrganization, EntraTenant, KindName};

/// What is done for a kind.
pub(crate) trait KindVisitor {
    /// Does it.
    fn kind<K: Kind>(&mut self);
}

/// Has `visitor` visit every kind, in the order of [`KindName::ALL`].
pub(crate) fn each_kind(visitor: &mut impl KindVisitor) {
    for kind in KindName::ALL {
        match kind {
            KindName::EntraTenant => visitor.kind::<EntraTenant>(),
            KindName::Catalog => visitor.kind::<Catalog>(),
            KindName::ConnectedOrganization => visitor.kind::<ConnectedOrganization>(),
            KindName::AccessPackage => visitor.kind::<AccessPackage>(),
            KindName::AssignmentPolicy => visitor.kind::<AssignmentPolicy>(),
        }
    }
}
