//! Which Kubernetes object holds which object of Entra: one at a time. And which objects we have let go.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::api::EntraObject;

/// The holder of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// `AccessPackage marketing/campaign`.
    pub(crate) name: String,
    /// uid of the object.
    pub(crate) uid: String,
}

/// The claims of every tenant.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By cloud, tenant and id.
    held: HashMap<(String, String, String), Holder>,
    /// uids of objects whose deletion we have done or whose release was ours to give, until they are gone.
    let_go: HashSet<String>,
}

impl Claims {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims `entra` for `holder`.
    ///
    /// # Errors
    /// The holder that came first.
    pub(crate) fn claim(&self, entra: &EntraObject, holder: &Holder) -> Result<(), Holder> {
        let mut state = self.state();
        let held = state.held.entry(key(entra)).or_insert_with(|| holder.clone());
        if held.uid == holder.uid {
            Ok(())
        } else {
            Err(held.clone())
        }
    }

    /// Who holds the object of this id, if anybody.
    pub(crate) fn holder(&self, cloud: &str, tenant_id: &str, id: &str) -> Option<Holder> {
        let key = (cloud.to_owned(), tenant_id.to_lowercase(), id.to_lowercase());
        self.state().held.get(&key).cloned()
    }

    /// Gives up everything that `uid` holds.
    pub(crate) fn release(&self, uid: &str) {
        self.state().held.retain(|_, holder| holder.uid != uid);
    }

    /// What `uid` stands for in Entra has been dealt with as its deletion asks: the object may go. To be said before the
    /// finalizer is taken off, since news of the end may come before the answer.
    pub(crate) fn let_go(&self, uid: &str) {
        self.state().let_go.insert(uid.to_owned());
    }

    /// Whether we have let `uid` go.
    pub(crate) fn is_let_go(&self, uid: &str) -> bool {
        self.state().let_go.contains(uid)
    }

    /// `uid` is gone: nothing of it is remembered.
    pub(crate) fn forget(&self, uid: &str) {
        self.release(uid);
        self.state().let_go.remove(uid);
    }
}

fn key(entra: &EntraObject) -> (String, String, String) {
    (
        entra.cloud.clone(),
        entra.tenant_id.to_lowercase(),
        entra.id.to_lowercase(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entra() -> EntraObject {
        EntraObject {
            cloud: "Global".into(),
            tenant_id: "T".into(),
            catalog_id: "C".into(),
            id: "ID".into(),
            owner_uid: "1".into(),
        }
    }

    fn holder(uid: &str) -> Holder {
        Holder {
            name: format!("AccessPackage a/{uid}"),
            uid: uid.into(),
        }
    }

    #[test]
    fn the_second_to_claim_is_told_who_holds_it() {
        let claims = Claims::default();
        let entra = entra();
        assert_eq!(claims.claim(&entra, &holder("1")), Ok(()));
        assert_eq!(claims.claim(&entra, &holder("1")), Ok(()));
        assert_eq!(
            claims.claim(
                &EntraObject {
                    id: "id".into(),
                    ..entra.clone()
                },
                &holder("2")
            ),
            Err(holder("1"))
        );
        claims.release("1");
        assert_eq!(claims.claim(&entra, &holder("2")), Ok(()));
    }

    #[test]
    fn of_what_is_gone_nothing_is_remembered() {
        let claims = Claims::default();
        assert_eq!(claims.claim(&entra(), &holder("1")), Ok(()));
        claims.let_go("1");
        assert!(claims.is_let_go("1"));
        claims.forget("1");
        assert!(!claims.is_let_go("1"));
        assert_eq!(claims.holder("Global", "t", "id"), None);
    }
}
