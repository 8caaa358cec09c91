//! Whose leave it takes to leave something behind in Entra, or to take people's access away.

use super::{Namespace, first_fitting, fit::check_wishes, grants_for};
use crate::{
    api::{CatalogSpec, DeletionPolicy, Grant, Reason},
    plan::Problem,
};

/// A Catalog that stands, or may stand, for the catalog in which identity proves the object to be.
#[derive(Clone, Copy, Debug)]
pub enum Keeper<'a> {
    /// Its spec.
    Readable(&'a CatalogSpec),
    /// It exists, and cannot be read: newer than this program, perhaps. Its name.
    Unreadable(&'a str),
}

/// Whether a deletion may go like this. `keepers` are the Catalogs of the catalog that `status.entra` proves, never those
/// that the object names; where there is none, nobody is left to give leave, and none is needed.
///
/// A plain deletion needs no leave: what is proven ours may always go.
///
/// # Errors
/// [`Reason::LimitExceeded`] where the grants do not allow it, [`Reason::CatalogNotGranted`] where there are none,
/// [`Reason::CatalogNotReady`] where the Catalog cannot be read.
pub fn leave(method: DeletionPolicy, keepers: &[Keeper<'_>], namespace: Namespace<'_>) -> Result<(), Problem> {
    match method {
        DeletionPolicy::Delete => return Ok(()),
        DeletionPolicy::DeleteWithAssignments | DeletionPolicy::Orphan => {}
    }
    if keepers.is_empty() {
        return Ok(());
    }
    let mut grants: Vec<&Grant> = Vec::new();
    for keeper in keepers {
        match keeper {
            Keeper::Readable(spec) => grants.extend(grants_for(spec, namespace)),
            Keeper::Unreadable(name) => {
                return Err(Problem::new(
                    Reason::CatalogNotReady,
                    format!("Catalog {name:?} cannot be read, so nobody gives leave for {method:?}"),
                )
                .at("spec.deletionPolicy")
                .remedy("correct that Catalog, or write deletionPolicy: Delete, which needs no leave"));
            }
        }
    }
    if grants.is_empty() {
        return Err(Problem::new(
            Reason::CatalogNotGranted,
            format!(
                "the catalog that holds it grants nothing to namespace {:?}, so nobody gives leave for {method:?}",
                namespace.name
            ),
        )
        .at("spec.deletionPolicy")
        .remedy("write deletionPolicy: Delete, which needs no leave, or ask those who run the catalog for a grant"));
    }
    first_fitting(&grants, |grant| check_wishes(grant, None, method, None)).map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MARKETING: Namespace<'_> = Namespace {
        name: "marketing",
        labels: None,
    };

    fn catalog(namespace: &str, deletion: &[&str]) -> CatalogSpec {
        serde_json::from_value(json!({"displayName": "C", "grants": [
            {"name": "g", "namespaces": {"names": [namespace]}, "limits": {"deletion": deletion}},
        ]}))
        .unwrap()
    }

    fn asked(method: DeletionPolicy, keepers: &[Keeper<'_>]) -> Result<(), String> {
        leave(method, keepers, MARKETING).map_err(|problem| problem.message())
    }

    #[test]
    fn a_plain_deletion_needs_nobodys_leave() {
        let strange = catalog("other", &["Orphan"]);
        let keepers = [Keeper::Unreadable("c"), Keeper::Readable(&strange)];
        assert_eq!(asked(DeletionPolicy::Delete, &keepers), Ok(()));
    }

    #[test]
    fn access_is_taken_away_and_left_behind_with_the_grants_leave_only() {
        for method in [DeletionPolicy::DeleteWithAssignments, DeletionPolicy::Orphan] {
            let strict = catalog("marketing", &["Delete"]);
            let refused = asked(method, &[Keeper::Readable(&strict)]).unwrap_err();
            assert!(
                refused.starts_with("spec.deletionPolicy: grant \"g\" allows [Delete] only, not"),
                "{refused}"
            );
            let lenient = catalog("marketing", &["DeleteWithAssignments", "Orphan"]);
            assert_eq!(asked(method, &[Keeper::Readable(&lenient)]), Ok(()));
        }
    }

    #[test]
    fn a_catalog_that_cannot_be_read_gives_no_leave_and_one_that_is_gone_needs_none() {
        let lenient = catalog("marketing", &["DeleteWithAssignments"]);
        let method = DeletionPolicy::DeleteWithAssignments;
        let refused = asked(method, &[Keeper::Readable(&lenient), Keeper::Unreadable("c")]).unwrap_err();
        assert!(refused.contains("Catalog \"c\" cannot be read"), "{refused}");
        assert_eq!(asked(method, &[]), Ok(()));
    }

    #[test]
    fn a_catalog_that_grants_nothing_gives_no_leave() {
        let others = catalog("other", &["Orphan"]);
        let refused = leave(DeletionPolicy::Orphan, &[Keeper::Readable(&others)], MARKETING).unwrap_err();
        assert_eq!(refused.reason, Reason::CatalogNotGranted);
    }
}
