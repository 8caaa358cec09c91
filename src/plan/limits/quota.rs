//! How many objects a namespace may have under a grant.
//!
//! What is in Entra comes first, then the older: so each object is told by itself whether it is one too many, and two that
//! come at the same time are not both the last.

use super::breach;
use crate::{
    api::{Grant, Limits},
    plan::Problem,
};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// AccessPackages of the catalog.
    Packages,
    /// AssignmentPolicies of such packages.
    Policies,
}

impl Counted {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Packages => ("access packages", "limits.maxPackages"),
            Self::Policies => ("assignment policies", "limits.maxPolicies"),
        }
    }

    /// The most of them that these limits allow.
    #[must_use]
    pub fn of(self, limits: &Limits) -> Option<i32> {
        match self {
            Self::Packages => limits.max_packages,
            Self::Policies => limits.max_policies,
        }
    }
}

/// An object of the namespace that is counted, in the order in which they come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kin {
    /// Neither in Entra nor begun to be.
    pub is_new: bool,
    /// When it was made, in seconds.
    pub created: Option<i64>,
    /// Its uid.
    pub uid: String,
}

/// The grants under which the object of this uid is none too many.
///
/// # Errors
/// [`crate::api::Reason::LimitExceeded`] with the grant that stands first.
pub fn within_quota(grants: Vec<Grant>, counted: Counted, uid: &str, kin: &[Kin]) -> Result<Vec<Grant>, Problem> {
    let this = kin.iter().find(|one| one.uid == uid);
    let before = kin.iter().filter(|one| this.is_some_and(|this| *one < this)).count();
    let has_room = |grant: &Grant| match counted.of(&grant.limits) {
        Some(most) => usize::try_from(most).is_ok_and(|most| before < most), // less than none is none
        None => true,
    };
    let (left, full): (Vec<Grant>, Vec<Grant>) = grants.into_iter().partition(has_room);
    match full.first() {
        Some(grant) if left.is_empty() => {
            let (what, limit) = counted.words();
            let most = counted.of(&grant.limits).unwrap_or(0);
            Err(breach(
                "spec",
                &format!(
                    "grant {:?} allows {most} {what} of this namespace, and as many come before this one ({limit})",
                    grant.name
                ),
            ))
        }
        Some(_) | None => Ok(left),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn grant(name: &str, limits: Value) -> Grant {
        serde_json::from_value(json!({"name": name, "namespaces": {"all": {}}, "limits": limits})).unwrap()
    }

    fn kin(is_new: bool, created: i64, uid: &str) -> Kin {
        Kin {
            is_new,
            created: Some(created),
            uid: uid.into(),
        }
    }

    #[test]
    fn what_is_in_entra_comes_first_then_the_older_and_each_knows_whether_it_is_too_many() {
        let all = [
            kin(true, 1, "old"),
            kin(false, 9, "made"),
            kin(true, 5, "b"),
            kin(true, 5, "a"),
        ];
        let two = || vec![grant("g", json!({"maxPackages": 2}))];
        let has = |uid: &str| within_quota(two(), Counted::Packages, uid, &all).is_ok();
        assert!(has("made") && has("old"));
        assert!(!has("a") && !has("b"));
        let refused = within_quota(two(), Counted::Packages, "a", &all).unwrap_err();
        assert!(
            refused.message().starts_with(
                "spec: grant \"g\" allows 2 access packages of this namespace, and as many come before this one \
                 (limits.maxPackages)"
            ),
            "{}",
            refused.message()
        );
    }

    #[test]
    fn a_grant_that_has_room_is_left_and_none_is_full_without_a_number() {
        let grants = vec![grant("full", json!({"maxPolicies": 0})), grant("free", json!({}))];
        let left = within_quota(grants, Counted::Policies, "a", &[kin(true, 1, "a")]).unwrap();
        assert_eq!(
            left.iter().map(|grant| grant.name.as_str()).collect::<Vec<_>>(),
            ["free"]
        );
        let none = vec![grant("full", json!({"maxPolicies": 0}))];
        assert!(within_quota(none.clone(), Counted::Policies, "a", &[kin(true, 1, "a")]).is_err());
        assert!(within_quota(none, Counted::Packages, "a", &[kin(true, 1, "a")]).is_ok());
    }
}
