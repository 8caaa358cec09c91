//! What is done to the tenant behind Graph's back, and what it is seen to hold from there.

use serde_json::{Value, json};

use crate::store::{Kind, Object, Store, same, text};
use crate::world::{Application, World};

const APPLICATIONS: &str = "applications";

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no such collection or element.
    NotFound(String),
    /// It makes no sense.
    Wrong(String),
}

impl Refusal {
    pub(crate) fn message(self) -> String {
        match self {
            Self::NotFound(message) | Self::Wrong(message) => message,
        }
    }
}

fn kind_of(collection: &str) -> Result<Kind, Refusal> {
    Kind::named(collection).ok_or_else(|| Refusal::NotFound(format!("there is no collection '{collection}'")))
}

/// The keys under which an id is stored: a role scope's id may stand in several packages.
fn keys(store: &Store, kind: Kind, id: &str) -> Vec<String> {
    if store.get(kind, id).is_some() {
        return vec![id.to_owned()];
    }
    let named = |object: &&Object| match kind {
        Kind::Users => same(text(object, "userPrincipalName"), id),
        Kind::Sites => same(text(object, "webUrl"), id),
        _ => same(text(object, "id"), id),
    };
    let found = store.all(kind).filter(named);
    match kind {
        Kind::ResourceRoleScopes => found
            .map(|object| crate::routes::packages::role_scope_key(text(object, "accessPackageId"), text(object, "id")))
            .collect(),
        _ => found.map(|object| text(object, "id").to_owned()).collect(),
    }
}

fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                merge(old.entry(name).or_insert(Value::Null), value);
            }
        }
        (old, new) => *old = new,
    }
}

/// What can be changed of an application that may sign in. Tokens that were issued before keep what they say.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ApplicationChange {
    app_permissions: Option<Vec<String>>,
    secret: Option<String>,
}

fn application_named(world: &World, id: &str) -> Result<usize, Refusal> {
    let named = |application: &Application| {
        same(&application.client_id, id)
            || application.object_id.as_ref().is_some_and(|known| same(known, id))
            || application.display_name == id
    };
    world
        .applications
        .iter()
        .position(named)
        .ok_or_else(|| Refusal::NotFound(format!("{APPLICATIONS} has no '{id}'")))
}

/// An application without what it signs in by.
fn application(application: &Application) -> Value {
    json!({"clientId": application.client_id, "displayName": application.display_name,
        "objectId": application.object_id, "appPermissions": application.app_permissions})
}

/// Makes what is given, one element or a list of them; answers what is there now.
pub(crate) fn create(world: &mut World, store: &mut Store, collection: &str, given: Value) -> Result<Value, Refusal> {
    let (given, alone) = match given {
        Value::Array(elements) => (elements, false),
        one => (vec![one], true),
    };
    let mut made = Vec::new();
    for one in given {
        let wrong = |what: String| Refusal::Wrong(format!("{collection}: {what}"));
        let Value::Object(one) = one else {
            return Err(wrong(format!("{one} is no JSON object")));
        };
        if collection == APPLICATIONS {
            let new: Application =
                serde_json::from_value(Value::Object(one)).map_err(|error| wrong(error.to_string()))?;
            crate::seed::make_application(world, store, &new).map_err(|error| wrong(error.message))?;
            made.push(application(&new));
            world.applications.push(new);
            crate::seed::grant_catalog_roles(world, store);
        } else {
            let kind = kind_of(collection)?;
            let key = crate::seed::make(world, store, kind, &one).map_err(|error| wrong(error.message))?;
            made.push(json!(store.get(kind, &key)));
        }
    }
    crate::delivery::settle(store);
    Ok(if alone {
        made.pop().unwrap_or_default()
    } else {
        json!(made)
    })
}

/// Merges the changes into an element; answers what is there now.
pub(crate) fn change(
    world: &mut World,
    store: &mut Store,
    collection: &str,
    id: &str,
    changes: Object,
) -> Result<Value, Refusal> {
    if collection == APPLICATIONS {
        let at = application_named(world, id)?;
        let changes: ApplicationChange = serde_json::from_value(Value::Object(changes))
            .map_err(|error| Refusal::Wrong(format!("{APPLICATIONS}: {error}")))?;
        let ApplicationChange {
            app_permissions,
            secret,
        } = changes;
        let changed = &mut world.applications[at];
        if let Some(permissions) = app_permissions {
            changed.app_permissions = permissions;
        }
        if let Some(secret) = secret {
            changed.secret = Some(secret);
        }
        return Ok(application(changed));
    }
    let kind = kind_of(collection)?;
    let keys = keys(store, kind, id);
    if keys.is_empty() {
        return Err(Refusal::NotFound(format!("{collection} has no '{id}'")));
    }
    if let (Kind::AssignmentRequests, Some(decision)) = (kind, changes.get("decision")) {
        crate::my_access::decide(store, id, decision).map_err(Refusal::Wrong)?;
        return Ok(json!(store.get(kind, id)));
    }
    for key in &keys {
        let now = store.clock.text();
        store.update(kind, key, |object| {
            if object.contains_key("modifiedDateTime") {
                object.insert("modifiedDateTime".into(), json!(now));
            }
            for (name, value) in changes.clone() {
                merge(object.entry(name).or_insert(Value::Null), value);
            }
        });
    }
    crate::delivery::settle(store);
    Ok(json!(keys.first().and_then(|key| store.get(kind, key))))
}

/// What goes with an object that somebody deleted in the portal.
fn belonging(store: &Store, kind: Kind, id: &str) -> Vec<(Kind, String)> {
    let (key, kinds): (&str, &[Kind]) = match kind {
        Kind::Catalogs => (
            "catalogId",
            &[Kind::AccessPackages, Kind::Resources, Kind::CustomWorkflowExtensions],
        ),
        Kind::AccessPackages => (
            "accessPackageId",
            &[Kind::AssignmentPolicies, Kind::ResourceRoleScopes, Kind::Assignments],
        ),
        Kind::Resources => ("resourceId", &[Kind::ResourceRoleScopes]),
        _ => return Vec::new(),
    };
    kinds
        .iter()
        .flat_map(|kind| store.all(*kind).map(move |object| (*kind, object)))
        .filter(|(_, object)| same(text(object, key), id))
        .map(|(kind, object)| {
            let key = match kind {
                Kind::ResourceRoleScopes => {
                    crate::routes::packages::role_scope_key(text(object, "accessPackageId"), text(object, "id"))
                }
                _ => text(object, "id").to_owned(),
            };
            (kind, key)
        })
        .collect()
}

fn uproot(store: &mut Store, kind: Kind, key: &str) {
    for (kind, key) in belonging(store, kind, key) {
        uproot(store, kind, &key);
    }
    store.remove(kind, key);
}

/// Removes an element and what belongs to it.
pub(crate) fn delete(world: &mut World, store: &mut Store, collection: &str, id: &str) -> Result<(), Refusal> {
    if collection == APPLICATIONS {
        let at = application_named(world, id)?;
        world.applications.remove(at);
        return Ok(());
    }
    let kind = kind_of(collection)?;
    let keys = keys(store, kind, id);
    if keys.is_empty() {
        return Err(Refusal::NotFound(format!("{collection} has no '{id}'")));
    }
    for key in keys {
        uproot(store, kind, &key);
    }
    crate::delivery::settle(store);
    Ok(())
}

fn elements(store: &Store, kind: Kind) -> Value {
    let shown = |object: &Object| {
        let mut object = object.clone();
        object.remove("dueAt");
        if kind == Kind::Resources {
            let roles = crate::routes::resources::roles_of(store, &object);
            object.insert("scopes".into(), json!([crate::routes::resources::scope_of(&object)]));
            object.insert("roles".into(), json!(roles));
        }
        Value::Object(object)
    };
    store.all(kind).map(shown).collect()
}

/// One part of [`tenant`].
pub(crate) fn part(world: &World, store: &Store, name: &str) -> Option<Value> {
    match name {
        APPLICATIONS => Some(world.applications.iter().map(application).collect()),
        "settings" => Some(Value::Object(store.settings.clone())),
        "directory" => Some(crate::delivery::directory(store)),
        _ => Some(elements(store, Kind::named(name)?)),
    }
}

/// The whole tenant, with the ids that tie its objects together.
pub(crate) fn tenant(world: &World, store: &Store) -> Value {
    Kind::ALL
        .into_iter()
        .map(Kind::name)
        .chain([APPLICATIONS, "settings", "directory"])
        .filter_map(|name| Some((name.to_owned(), part(world, store, name)?)))
        .collect::<Object>()
        .into()
}
