//! From the world file to the tenant's first state. Ids that the file leaves out are made from names, the same on
//! every start.

mod directory;
pub(crate) use directory::environment_of;
mod entitlement;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::schema::{is_guid, object};
use crate::store::{Kind, Object, Store, derived_id, same, text};
use crate::world::{Application, CatalogRole, World};

/// What is wrong with a world file, and the text to look for when naming the line.
#[derive(Debug)]
pub(crate) struct SeedError {
    pub(crate) message: String,
    pub(crate) needle: String,
}

fn wrong<T>(needle: &str, message: impl Into<String>) -> Result<T, SeedError> {
    Err(SeedError {
        message: message.into(),
        needle: needle.to_owned(),
    })
}

const BIRTH: &str = "2024-01-15T09:00:00Z";

fn id_or(given: Option<&String>, words: &[&str]) -> Result<String, SeedError> {
    match given {
        Some(id) if is_guid(id) => Ok(id.to_lowercase()),
        Some(id) => wrong(id, format!("'{id}' is not a GUID")),
        None => Ok(derived_id(words)),
    }
}

/// Places the service principal of an application that may now sign in.
pub(crate) fn make_application(world: &World, store: &mut Store, application: &Application) -> Result<(), SeedError> {
    directory::add_application(world, store, application).map(drop)
}

/// Builds the tenant that the world file describes.
pub(crate) fn build(world: &World, clock: Clock) -> Result<Store, SeedError> {
    let mut store = Store::new(clock);
    if !is_guid(&world.tenant.id) {
        return wrong(
            &world.tenant.id,
            format!("tenant.id '{}' is not a GUID", world.tenant.id),
        );
    }
    directory::all(world, &mut store)?;
    store.settings = object(
        json!({"id": "singleton", "externalUserLifecycleAction": "blockSignInAndDelete",
        "durationUntilExternalUserDeletedAfterBlocked": "P30D"}),
    );
    entitlement::all(world, &mut store)?;
    grant_catalog_roles(world, &mut store);
    crate::delivery::settle(&mut store);
    store.lives = true;
    Ok(store)
}

/// Places what somebody made in the portal, in the shape of the world file; answers its key.
pub(crate) fn make(world: &World, store: &mut Store, kind: Kind, given: &Object) -> Result<String, SeedError> {
    fn read<T: serde::de::DeserializeOwned>(given: &Object) -> Result<T, SeedError> {
        serde_json::from_value(Value::Object(given.clone())).or_else(|error| wrong("", error.to_string()))
    }
    match kind {
        Kind::Users => {
            let user = read(given)?;
            let key = directory::add_user(store, &user)?;
            directory::set_manager(store, &user);
            Ok(key)
        }
        Kind::Groups => directory::add_group(store, &read(given)?),
        Kind::ServicePrincipals => directory::add_principal(world, store, &read(given)?),
        Kind::Sites => Ok(directory::add_site(world, store, &read(given)?)),
        Kind::AdministrativeUnits => directory::add_unit(store, &read(given)?),
        Kind::AssignmentRequests => crate::my_access::ask(store, given).or_else(|why| wrong("", why)),
        _ => {
            let id = given.get("id").and_then(Value::as_str).unwrap_or_default();
            if store.get(kind, id).is_some() {
                return wrong(id, format!("{} has '{id}' already", kind.name()));
            }
            let key = entitlement::add(store, kind, given)?;
            if kind == Kind::Catalogs {
                grant_catalog_roles(world, store);
            }
            Ok(key)
        }
    }
}

/// Gives the applications of the world their roles on the catalogs that exist by now.
pub(crate) fn grant_catalog_roles(world: &World, store: &mut Store) {
    for application in &world.applications {
        let Some(principal) = store
            .all(Kind::ServicePrincipals)
            .find(|principal| same(text(principal, "appId"), &application.client_id))
            .map(|principal| text(principal, "id").to_owned())
        else {
            continue;
        };
        for role in &application.entitlement_roles {
            let scope = match (&role.catalog, role.role) {
                (None, _) | (Some(_), CatalogRole::CatalogCreator) => "/".to_owned(),
                (Some(name), _) => {
                    let Some(catalog) = store
                        .all(Kind::Catalogs)
                        .find(|catalog| text(catalog, "displayName") == name)
                    else {
                        continue;
                    };
                    format!("/AccessPackageCatalog/{}", text(catalog, "id"))
                }
            };
            let id = derived_id(&["roleAssignment", &principal, role.role.id(), &scope]);
            // One that was taken away stays away.
            if !store.knew(Kind::RoleAssignments, &id) {
                let value = json!({"id": id, "principalId": principal,
                    "roleDefinitionId": role.role.id(), "appScopeId": scope});
                store.place(Kind::RoleAssignments, &id, object(value));
            }
        }
    }
}
