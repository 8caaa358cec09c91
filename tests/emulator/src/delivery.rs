//! How assignments come and go, and what they do to the directory.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::store::{Grant, Kind, Object, Store, derived_id, ids, same, text};

/// The `status` text that goes with a state, as the documentation pairs them.
pub(crate) fn status_of(state: &str) -> &'static str {
    match state {
        "delivering" => "Delivering",
        "delivered" => "Delivered",
        "partiallyDelivered" => "PartiallyDelivered",
        "expired" => "ExpiredNotificationTriggered",
        "deliveryFailed" => "DeliveryFailed",
        _ => "Accepted",
    }
}

/// A schedule without end.
pub(crate) fn open_schedule(start: &str) -> Value {
    json!({"startDateTime": start, "recurrence": null,
        "expiration": {"endDateTime": null, "duration": null, "type": "noExpiration"}})
}

/// The schedule that a policy gives to an assignment made now.
pub(crate) fn schedule_of(clock: Clock, policy: &Object) -> Value {
    let now = clock.text();
    let expiration = policy.get("expiration").cloned().unwrap_or_default();
    let end = match expiration.get("type").and_then(Value::as_str) {
        Some("afterDateTime") => expiration.get("endDateTime").and_then(Value::as_str).map(str::to_owned),
        Some("afterDuration") => expiration
            .get("duration")
            .and_then(Value::as_str)
            .and_then(seconds)
            .and_then(|seconds| clock.now().checked_add(SignedDuration::from_secs(seconds)).ok())
            .map(|end| end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        _ => None,
    };
    match end {
        Some(end) => json!({"startDateTime": now, "recurrence": null,
            "expiration": {"endDateTime": end, "duration": null, "type": "afterDateTime"}}),
        None => open_schedule(&now),
    }
}

/// Seconds of an Edm.Duration.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut number = String::new();
    let mut in_time = false;
    for letter in text.strip_prefix('P')?.chars() {
        let unit = match letter {
            'T' => {
                in_time = true;
                continue;
            }
            'D' => 86_400,
            'H' => 3_600,
            'M' if in_time => 60,
            'S' => 1,
            _ => {
                number.push(letter);
                continue;
            }
        };
        total += number.split('.').next()?.parse::<i64>().ok()? * unit;
        number.clear();
    }
    Some(total)
}

/// How entitlement management sees a principal of the directory.
pub(crate) fn subject(store: &Store, principal_id: &str) -> Value {
    let Some((kind, object)) = store.principal(principal_id) else {
        return json!({"id": derived_id(&["subject", principal_id]), "objectId": null, "displayName": null,
            "email": principal_id, "principalName": null, "subjectType": "user", "subjectLifecycle": "governed",
            "onPremisesSecurityIdentifier": null});
    };
    let kind = if kind == Kind::ServicePrincipals {
        "servicePrincipal"
    } else {
        "user"
    };
    json!({"id": derived_id(&["subject", principal_id]), "objectId": object.get("id"),
        "displayName": object.get("displayName"), "email": object.get("mail").cloned().unwrap_or_default(),
        "principalName": object.get("userPrincipalName").cloned().unwrap_or_default(), "subjectType": kind,
        "subjectLifecycle": "notDefined", "onPremisesSecurityIdentifier": null})
}

/// Whether an assignment in this state still holds or may yet hold its package.
pub(crate) fn is_live(assignment: &Object) -> bool {
    text(assignment, "state") != "expired"
}

/// Brings about what has come due: deliveries, removals, ends.
pub(crate) fn advance(store: &mut Store, carries_out_rules: bool) {
    crate::my_access::advance(store);
    if carries_out_rules {
        crate::automatic::carry_out(store);
        settle(store);
    }
    let now = store.now();
    let due: Vec<(String, Object)> = store
        .all(Kind::AssignmentRequests)
        .filter(|request| {
            request
                .get("dueAt")
                .and_then(Value::as_i64)
                .is_some_and(|due| due <= now)
        })
        .map(|request| (text(request, "id").to_owned(), request.clone()))
        .collect();
    let today = store.clock.now();
    let ended: Vec<String> = store
        .all(Kind::Assignments)
        .filter(|assignment| is_live(assignment))
        .filter(|assignment| {
            let end = assignment
                .get("schedule")
                .and_then(|s| s.pointer("/expiration/endDateTime"))
                .and_then(Value::as_str);
            end.and_then(|end| end.parse::<Timestamp>().ok())
                .is_some_and(|end| end <= today)
        })
        .map(|assignment| text(assignment, "id").to_owned())
        .collect();
    if due.is_empty() && ended.is_empty() {
        crate::guests::advance(store);
        return;
    }
    for id in ended {
        expire(store, &id);
    }
    for (id, request) in due {
        let assignment = text(&request, "assignmentId").to_owned();
        match text(&request, "requestType") {
            "adminRemove" => expire(store, &assignment),
            "adminUpdate" => {
                let schedule = request.get("schedule").cloned().unwrap_or_default();
                store.update(Kind::Assignments, &assignment, |assignment| {
                    if schedule
                        .pointer("/expiration/type")
                        .is_some_and(|kind| kind != "notSpecified")
                    {
                        assignment.insert("schedule".into(), schedule);
                    }
                });
            }
            _ => {
                store.update(Kind::Assignments, &assignment, |assignment| {
                    if is_live(assignment) {
                        assignment.insert("state".into(), json!("delivered"));
                        assignment.insert("status".into(), json!("Delivered"));
                    }
                });
            }
        }
        let now = store.clock.text();
        store.update(Kind::AssignmentRequests, &id, |request| {
            request.remove("dueAt");
            request.insert("state".into(), json!("delivered"));
            request.insert("status".into(), json!("Delivered"));
            request.insert("completedDateTime".into(), json!(now));
        });
    }
    settle(store);
}

pub(crate) fn expire(store: &mut Store, assignment: &str) {
    let now = store.clock.text();
    store.update(Kind::Assignments, assignment, |assignment| {
        assignment.insert("state".into(), json!("expired"));
        assignment.insert("status".into(), json!(status_of("expired")));
        assignment.insert("expiredDateTime".into(), json!(now));
    });
}

/// Puts the holders of delivered assignments into the roles of their packages, and takes those out who hold none any
/// more: also people who were in the group before (product documentation, "change resource roles").
pub(crate) fn settle(store: &mut Store) {
    let mut offered: BTreeMap<String, Vec<&Object>> = BTreeMap::new();
    for role_scope in store.all(Kind::ResourceRoleScopes) {
        offered
            .entry(text(role_scope, "accessPackageId").to_lowercase())
            .or_default()
            .push(role_scope);
    }
    let mut wanted = BTreeSet::new();
    for assignment in store.all(Kind::Assignments) {
        let holder = text(assignment, "targetId");
        if holder.is_empty() || !matches!(text(assignment, "state"), "delivered" | "partiallyDelivered") {
            continue;
        }
        let roles = offered.get(&text(assignment, "accessPackageId").to_lowercase());
        for role_scope in roles.into_iter().flatten() {
            wanted.insert(Grant {
                origin_system: text(role_scope, "originSystem").to_owned(),
                origin_id: text(role_scope, "originId").to_owned(),
                role_origin_id: text(role_scope, "roleOriginId").to_owned(),
                principal_id: holder.to_owned(),
            });
        }
    }
    let gone: Vec<Grant> = store.granted.difference(&wanted).cloned().collect();
    let fresh: Vec<Grant> = wanted.difference(&store.granted).cloned().collect();
    for grant in gone {
        apply(store, &grant, false);
    }
    for grant in fresh {
        apply(store, &grant, true);
    }
    store.granted = wanted;
    crate::guests::follow(store);
}

fn apply(store: &mut Store, grant: &Grant, add: bool) {
    let list = match grant.role_origin_id.split_once('_') {
        Some(("Member", _)) => Some("members"),
        Some(("Owner", _)) => Some("owners"),
        _ => None,
    };
    match list {
        Some(list) if grant.origin_system == "AadGroup" => {
            store.update(Kind::Groups, &grant.origin_id, |group| {
                let mut people = ids(group, list);
                people.retain(|id| !same(id, &grant.principal_id));
                if add {
                    people.push(grant.principal_id.clone());
                }
                group.insert(list.into(), json!(people));
            });
        }
        _ if add => {
            store.role_holders.insert(grant.clone());
        }
        _ => {
            store.role_holders.remove(grant);
        }
    }
}

/// Who is now in which group, application role and site role.
pub(crate) fn directory(store: &Store) -> Value {
    let groups: Vec<Value> = store
        .all(Kind::Groups)
        .map(|group| {
            let eligible = |role: &str| -> Vec<&str> {
                let role = format!("{role}_{}", text(group, "id"));
                store
                    .role_holders
                    .iter()
                    .filter(|held| same(&held.role_origin_id, &role))
                    .map(|held| held.principal_id.as_str())
                    .collect()
            };
            json!({"id": group.get("id"), "displayName": group.get("displayName"), "members": group.get("members"),
                "owners": group.get("owners"), "eligibleMembers": eligible("EligibleMember"),
                "eligibleOwners": eligible("EligibleOwner")})
        })
        .collect();
    let held = |system: &str, resource: &str, role: &str| -> Vec<Value> {
        store
            .role_holders
            .iter()
            .filter(|held| held.origin_system == system)
            .map(|held| json!({resource: held.origin_id, role: held.role_origin_id, "principalId": held.principal_id}))
            .collect()
    };
    json!({"groups": groups, "appRoles": held("AadApplication", "servicePrincipalId", "appRoleId"),
        "siteRoles": held("SharePointOnline", "webUrl", "roleOriginId"),
        "directoryRoles": held("DirectoryRole", "roleTemplateId", "roleOriginId")})
}
