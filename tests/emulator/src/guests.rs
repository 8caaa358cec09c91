//! What becomes of guests who came in through entitlement management: whoever loses the last assignment is blocked, and deleted
//! some time after (product documentation, "Govern access for external users"; the tenant's `settings` say how).

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::delivery::{is_live, seconds};
use crate::store::{Kind, Object, Store, same, text};

fn governed(store: &Store) -> Vec<Object> {
    if !store.governs {
        return Vec::new();
    }
    let governed = |user: &&Object| user.get("governed") == Some(&json!(true));
    store.all(Kind::Users).filter(governed).cloned().collect()
}

/// Blocks those who hold nothing any more, and lets those in again who hold something.
pub(crate) fn follow(store: &mut Store) {
    let blocks = text(&store.settings, "externalUserLifecycleAction") != "none";
    for guest in governed(store) {
        let id = text(&guest, "id").to_owned();
        let is_own = |held: &&Object| same(text(held, "targetId"), &id);
        let own: Vec<bool> = store.all(Kind::Assignments).filter(is_own).map(is_live).collect();
        // Who never held anything has lost nothing.
        let (has_held, holds) = (!own.is_empty(), own.contains(&true));
        let is_blocked = guest.contains_key("blockedSince");
        let now = store.clock.text();
        match (holds, is_blocked) {
            (false, false) if has_held && blocks => {
                store.update(Kind::Users, &id, |user| {
                    user.insert("accountEnabled".into(), json!(false));
                    user.insert("blockedSince".into(), json!(now));
                });
            }
            (true, true) => {
                store.update(Kind::Users, &id, |user| {
                    user.insert("accountEnabled".into(), json!(true));
                    user.remove("blockedSince");
                });
            }
            (_, _) => {}
        }
    }
}

/// Deletes those who have been blocked for as long as the settings say.
pub(crate) fn advance(store: &mut Store) {
    if text(&store.settings, "externalUserLifecycleAction") != "blockSignInAndDelete" {
        return;
    }
    let length = seconds(text(&store.settings, "durationUntilExternalUserDeletedAfterBlocked")).unwrap_or_default();
    for guest in governed(store) {
        let since = text(&guest, "blockedSince").parse::<Timestamp>().ok();
        let end = since.and_then(|since| since.checked_add(SignedDuration::from_secs(length)).ok());
        if end.is_some_and(|end| end <= store.clock.now()) {
            store.remove(Kind::Users, text(&guest, "id"));
        }
    }
}
