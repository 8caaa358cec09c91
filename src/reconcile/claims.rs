//! Which Kubernetes object holds which object of Entra: one at a time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
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

/// The claims of every tenant, keyed by cloud, tenant and id.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<HashMap<(String, String, String), Holder>>);

impl Claims {
    /// Claims `entra` for `holder`.
    ///
    /// # Errors
    /// The holder that came first.
    pub(crate) fn claim(&self, entra: &EntraObject, holder: &Holder) -> Result<(), Holder> {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = claims.entry(key(entra)).or_insert_with(|| holder.clone());
        if held.uid == holder.uid {
            Ok(())
        } else {
            Err(held.clone())
        }
    }

    /// Who holds the object of this id, if anybody.
    pub(crate) fn holder(&self, cloud: &str, tenant_id: &str, id: &str) -> Option<Holder> {
        let claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims
            .get(&(cloud.to_owned(), tenant_id.to_lowercase(), id.to_lowercase()))
            .cloned()
    }

    /// Gives up everything that `uid` holds.
    pub(crate) fn release(&self, uid: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, holder| holder.uid != uid);
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

    #[test]
    fn the_second_to_claim_is_told_who_holds_it() {
        let claims = Claims::default();
        let entra = EntraObject {
            cloud: "Global".into(),
            tenant_id: "T".into(),
            catalog_id: "C".into(),
            id: "ID".into(),
            owner_uid: "1".into(),
        };
        let holder = |uid: &str| Holder {
            name: format!("AccessPackage a/{uid}"),
            uid: uid.into(),
        };
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
}
