//! Objects that are gone: what is remembered of them goes too, and what they leave in Entra without our having let them go
//! is told.
//!
//! Our finalizer is ours to take off, when Entra has been dealt with. The chart's admission policy sees to that; where
//! somebody could take it off all the same, what the object stood for stays in Entra, open as it was, and nobody manages it.
//! The object itself can carry no condition any more. So it is told by an event about the object that is gone, in its
//! namespace, by another about the Catalog, for those who run it, by the metric `left_behind` and by a line in the log.

use k8s_openapi::api::core::v1::ObjectReference;

use super::context::Context;
use crate::{
    api::{GROUP, KindName, Reason},
    cluster::{Departed, Identity, Key, Place},
    report::Note,
};

/// Something in Entra that no object here stands for any more.
#[derive(Debug)]
pub(crate) struct LeftBehind {
    departed: Departed,
    note: Note,
}

impl Context {
    /// Forgets the object; answers what it leaves behind.
    pub(crate) fn depart(&self, departed: Departed) -> Option<LeftBehind> {
        let (uid, is_gone) = (departed.uid.clone(), departed.is_gone);
        let (key, title) = (departed.key.clone(), title(&departed.key));
        let left = left_behind(departed, self.claims.is_let_go(&uid));
        self.claims.release(&uid);
        if is_gone {
            self.forget(&key, &title, &uid);
        }
        left
    }

    /// Tells of it.
    pub(crate) async fn tell_left_behind(&self, left: LeftBehind) {
        let LeftBehind { departed, note } = left;
        let Departed {
            key,
            uid,
            identity,
            is_begun: _,
            catalog,
            is_gone: _,
            was_held: _,
        } = departed;
        let id = match &identity {
            Identity::Known(entra) => Some(entra.id.as_str()),
            Identity::None | Identity::Unclear => None,
        };
        let object = title(&key);
        tracing::warn!(%object, id, reason = %note.reason.name(), "{}", note.message);
        self.metrics.left_behind(key.kind.name());
        let is_catalog = key.kind == KindName::Catalog;
        self.events.publish_about(&reference(&key, Some(&uid)), &note).await;
        if is_catalog {
            return;
        }
        let proven = match &identity {
            Identity::Known(entra) => self.cluster.catalogs_of_entra(entra),
            Identity::None | Identity::Unclear => Vec::new(),
        };
        let found = proven.into_iter().next();
        let found = found.or_else(|| catalog.and_then(|name| self.cluster.catalog(&name)));
        if let Some(catalog) = found {
            let key = Key {
                kind: KindName::Catalog,
                place: catalog.place(),
            };
            self.events
                .publish_about(&reference(&key, Some(catalog.uid())), &note)
                .await;
        }
    }
}

/// What an object leaves in Entra that went without our letting it go; told once, when it is no longer held.
fn left_behind(departed: Departed, is_let_go: bool) -> Option<LeftBehind> {
    if is_let_go || !departed.was_held {
        return None;
    }
    let noun = match departed.key.kind {
        // It stands for nothing in Entra.
        KindName::EntraTenant => return None,
        KindName::Catalog => "catalog",
        KindName::ConnectedOrganization => "connected organization",
        KindName::AccessPackage => "access package",
        KindName::AssignmentPolicy => "assignment policy",
    };
    let what = match &departed.identity {
        Identity::Known(entra) => format!("{noun} {} stays in Entra as it is", entra.id),
        Identity::Unclear => format!("its {noun} stays in Entra as it is; which one could not be read"),
        Identity::None if departed.is_begun => format!("its {noun} may have been made in Entra, and stays as it is"),
        Identity::None => return None,
    };
    let message = format!(
        "{} went without the operator letting it go, its finalizer was taken off: {what}, and nobody manages it; delete it there, or take it over by spec.id in a new object",
        title(&departed.key)
    );
    Some(LeftBehind {
        departed,
        note: Note {
            reason: Reason::LeftBehind,
            message,
            is_warning: true,
        },
    })
}

fn title(key: &Key) -> String {
    let Place { namespace, name } = &key.place;
    let namespace = namespace.as_ref().map(|namespace| format!("{namespace}/"));
    format!("{} {}{name}", key.kind.name(), namespace.unwrap_or_default()) // an object of the cluster has none
}

fn reference(key: &Key, uid: Option<&str>) -> ObjectReference {
    let Place { namespace, name } = &key.place;
    let resource = key.kind.resource();
    debug_assert_eq!(resource.group, GROUP);
    ObjectReference {
        api_version: Some(resource.api_version),
        kind: Some(resource.kind),
        name: Some(name.clone()),
        namespace: namespace.clone(),
        uid: uid.map(str::to_owned),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::EntraObject;

    fn departed(identity: Identity) -> Departed {
        Departed {
            key: Key {
                kind: KindName::AssignmentPolicy,
                place: Place::new(Some("marketing"), "open"),
            },
            uid: "1".into(),
            identity,
            is_begun: false,
            catalog: Some("marketing".into()),
            is_gone: true,
            was_held: true,
        }
    }

    fn known() -> Identity {
        Identity::Known(EntraObject {
            cloud: "Global".into(),
            tenant_id: "t".into(),
            catalog_id: "c".into(),
            id: "4540a08f".into(),
            owner_uid: "1".into(),
        })
    }

    #[test]
    fn what_goes_with_its_finalizer_taken_off_leaves_something_behind_and_the_words_have_its_id() {
        let left = left_behind(departed(known()), false).expect("it is told");
        assert_eq!(left.note.reason, Reason::LeftBehind);
        assert!(left.note.is_warning);
        assert!(
            left.note.message.starts_with(
                "AssignmentPolicy marketing/open went without the operator letting it go, its finalizer was taken off: assignment policy 4540a08f stays in Entra"
            ),
            "{}",
            left.note.message
        );
    }

    #[test]
    fn what_we_let_go_leaves_nothing_behind() {
        assert!(left_behind(departed(known()), true).is_none());
    }

    #[test]
    fn what_never_was_anything_in_entra_leaves_nothing_behind() {
        assert!(left_behind(departed(Identity::None), false).is_none());
        let begun = Departed {
            is_begun: true,
            ..departed(Identity::None)
        };
        assert!(
            left_behind(begun, false).is_some(),
            "a create may have been carried out"
        );
    }

    #[test]
    fn a_departure_that_was_told_when_the_finalizer_went_is_not_told_again() {
        let later = Departed {
            was_held: false,
            ..departed(known())
        };
        assert!(left_behind(later, false).is_none());
    }
}
