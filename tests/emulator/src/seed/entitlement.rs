//! The objects of entitlement management that were not made through Graph: those of the world file, and those that
//! somebody makes in the portal.

use serde_json::{Value, json};

use super::directory::{find_user, principal_named};
use super::{BIRTH, SeedError, id_or, wrong};
use crate::schema;
use crate::store::{Kind, Object, Store, text};
use crate::world::World;

fn reference(given: &mut Object, navigation: &str, flat: &str) -> Option<String> {
    let nested = given
        .remove(navigation)
        .and_then(|value| value.get("id").and_then(Value::as_str).map(str::to_owned));
    nested
        .or_else(|| given.remove(flat).and_then(|value| value.as_str().map(str::to_owned)))
        .map(|id| id.to_lowercase())
}

/// Checks an object of the world file against v1.0 and gives it an id and its dates. Once the tenant lives, the id is a
/// fresh one, and what v1.0 does not know is kept: the portal may be newer.
fn adopt(
    store: &Store,
    kind: Kind,
    type_name: &str,
    given: &Object,
    extra: &[&str],
) -> Result<(String, Object), SeedError> {
    let mut given = given.clone();
    let kept: Vec<(String, Value)> = extra
        .iter()
        .filter_map(|name| given.remove(*name).map(|value| ((*name).to_owned(), value)))
        .collect();
    let needle = given
        .get("id")
        .or_else(|| given.get("displayName"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let checked = schema::check(type_name, &mut given);
    if let (Err(what), false) = (checked, store.lives) {
        return wrong(&needle, format!("entitlement.{}: {what}", kind.name()));
    }
    let words = [kind.name(), &serde_json::to_string(&given).unwrap_or_default()];
    let named = given.get("id").and_then(Value::as_str).map(str::to_owned);
    let id = match (named, store.lives) {
        (None, true) => store.ids.fresh(),
        (named, _) => id_or(named.as_ref(), &words)?,
    };
    schema::complete(type_name, &mut given);
    given.insert("id".into(), json!(id));
    for date in ["createdDateTime", "modifiedDateTime"] {
        if given.get(date).is_some_and(Value::is_null) {
            let born = if store.lives {
                store.clock.text()
            } else {
                BIRTH.to_owned()
            };
            given.insert(date.into(), json!(born));
        }
    }
    given.extend(kept);
    Ok((id, given))
}

/// Everything of the world file.
pub(super) fn all(world: &World, store: &mut Store) -> Result<(), SeedError> {
    let given = &world.entitlement;
    for (kind, objects) in [
        (Kind::Catalogs, &given.catalogs),
        (Kind::Resources, &given.resources),
        (Kind::AccessPackages, &given.access_packages),
        (Kind::ResourceRoleScopes, &given.resource_role_scopes),
        (Kind::AssignmentPolicies, &given.assignment_policies),
        (Kind::Assignments, &given.assignments),
        (Kind::ConnectedOrganizations, &given.connected_organizations),
    ] {
        for object in objects {
            add(store, kind, object)?;
        }
    }
    Ok(())
}

/// Places one object, in the shape of the world file; answers its key.
pub(super) fn add(store: &mut Store, kind: Kind, given: &Object) -> Result<String, SeedError> {
    match kind {
        Kind::Catalogs => catalog(store, given),
        Kind::Resources => resource(store, given),
        Kind::AccessPackages => package(store, given),
        Kind::ResourceRoleScopes => role_scope(store, given),
        Kind::AssignmentPolicies => policy(store, given),
        Kind::Assignments => assignment(store, given),
        Kind::ConnectedOrganizations => organization(store, given),
        Kind::RoleAssignments | Kind::CustomWorkflowExtensions => {
            let mut given = given.clone();
            let id = match given.get("id").and_then(Value::as_str) {
                Some(id) => id.to_owned(),
                None => store.ids.fresh(),
            };
            given.insert("id".into(), json!(id));
            store.place(kind, &id, given);
            Ok(id)
        }
        Kind::ResourceRequests
        | Kind::ResourceEnvironments
        | Kind::AssignmentRequests
        | Kind::Users
        | Kind::Groups
        | Kind::ServicePrincipals
        | Kind::Sites
        | Kind::AdministrativeUnits => wrong("", format!("{} cannot be made here", kind.name())),
    }
}

fn catalog(store: &mut Store, given: &Object) -> Result<String, SeedError> {
    let (id, mut value) = adopt(store, Kind::Catalogs, "accessPackageCatalog", given, &[])?;
    for (name, default) in [("catalogType", "userManaged"), ("state", "published")] {
        if value.get(name).is_none_or(Value::is_null) {
            value.insert(name.into(), json!(default));
        }
    }
    store.place(Kind::Catalogs, &id, value);
    Ok(id)
}

fn resource(store: &mut Store, given: &Object) -> Result<String, SeedError> {
    let (_, mut value) = adopt(
        store,
        Kind::Resources,
        "accessPackageResource",
        given,
        &["catalog", "catalogId"],
    )?;
    let catalog = known(store, Kind::Catalogs, &mut value, "catalog", "catalogId")?;
    let made = crate::routes::resources::new_resource(store, &catalog, &value);
    let id = text(&made, "id").to_owned();
    store.place(Kind::Resources, &id, made);
    Ok(id)
}

fn package(store: &mut Store, given: &Object) -> Result<String, SeedError> {
    let extra = [
        "catalog",
        "catalogId",
        "incompatibleAccessPackages",
        "incompatibleGroups",
    ];
    let (id, mut value) = adopt(store, Kind::AccessPackages, "accessPackage", given, &extra)?;
    let catalog = known(store, Kind::Catalogs, &mut value, "catalog", "catalogId")?;
    value.insert("catalogId".into(), json!(catalog));
    for list in ["incompatibleAccessPackages", "incompatibleGroups"] {
        let ids: Vec<Value> = value
            .remove(list)
            .and_then(|value| value.as_array().cloned())
            .unwrap_or_default()
            .into_iter()
            .map(|entry| entry.get("id").cloned().unwrap_or(entry))
            .collect();
        value.insert(list.into(), json!(ids));
    }
    store.place(Kind::AccessPackages, &id, value);
    Ok(id)
}

fn role_scope(store: &mut Store, given: &Object) -> Result<String, SeedError> {
    let mut value = given.clone();
    let package = known(
        store,
        Kind::AccessPackages,
        &mut value,
        "accessPackage",
        "accessPackageId",
    )?;
    let origin = value
        .get("role")
        .and_then(|role| role.get("originId"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let scope = value
        .get("scope")
        .and_then(|scope| scope.get("originId"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    match crate::routes::packages::role_scope_of(store, &package, &scope, &origin) {
        Some((key, made)) => {
            store.place(Kind::ResourceRoleScopes, &key, made);
            Ok(key)
        }
        None => wrong(
            &origin,
            format!(
                "entitlement.resourceRoleScopes: no resource {scope} with the role {origin} in the \
                     package's catalog"
            ),
        ),
    }
}

fn policy(store: &mut Store, given: &Object) -> Result<String, SeedError> {
    let extra = ["accessPackage", "accessPackageId"];
    let (id, mut value) = adopt(
        store,
        Kind::AssignmentPolicies,
        "accessPackageAssignmentPolicy",
        given,
        &extra,
    )?;
    let package = known(
        store,
        Kind::AccessPackages,
        &mut value,
        "accessPackage",
        "accessPackageId",
    )?;
    crate::routes::policies::settle(store, &mut value);
    value.insert("accessPackageId".into(), json!(package));
    store.place(Kind::AssignmentPolicies, &id, value);
    Ok(id)
}

fn assignment(store: &mut Store, given: &Object) -> Result<String, SeedError> {
    let extra = [
        "accessPackage",
        "accessPackageId",
        "assignmentPolicy",
        "assignmentPolicyId",
        "target",
        "targetId",
    ];
    let (id, mut value) = adopt(store, Kind::Assignments, "accessPackageAssignment", given, &extra)?;
    let package = known(
        store,
        Kind::AccessPackages,
        &mut value,
        "accessPackage",
        "accessPackageId",
    )?;
    // Null says that it is shown without one.
    let policy = match value.get("assignmentPolicyId") {
        Some(Value::Null) => Value::Null,
        _ => json!(known(
            store,
            Kind::AssignmentPolicies,
            &mut value,
            "assignmentPolicy",
            "assignmentPolicyId",
        )?),
    };
    let target = value.remove("target").unwrap_or_default();
    let name = target
        .as_str()
        .or_else(|| {
            ["objectId", "id", "userPrincipalName", "principalName", "email"]
                .iter()
                .find_map(|key| target.get(*key)?.as_str())
        })
        .map(str::to_owned)
        .or_else(|| {
            value
                .remove("targetId")
                .and_then(|value| value.as_str().map(str::to_owned))
        })
        .unwrap_or_default();
    value.remove("targetId");
    let Some(user) = find_user(store, &name).or_else(|| principal_named(store, &name)) else {
        return wrong(
            &name,
            format!("entitlement.assignments: the target '{name}' is no user"),
        );
    };
    let state = match value.get("state").and_then(Value::as_str) {
        Some(state) => state.to_owned(),
        None => "delivered".to_owned(),
    };
    value.insert("state".into(), json!(state));
    if value.get("status").is_none_or(Value::is_null) {
        value.insert("status".into(), json!(crate::delivery::status_of(&state)));
    }
    if value.get("schedule").is_none_or(Value::is_null) {
        value.insert("schedule".into(), crate::delivery::open_schedule(BIRTH));
    }
    value.insert("accessPackageId".into(), json!(package));
    value.insert("assignmentPolicyId".into(), policy);
    value.insert("targetId".into(), json!(user));
    value.insert("target".into(), crate::delivery::subject(store, &user));
    store.place(Kind::Assignments, &id, value);
    Ok(id)
}

fn organization(store: &mut Store, given: &Object) -> Result<String, SeedError> {
    let (id, mut value) = adopt(store, Kind::ConnectedOrganizations, "connectedOrganization", given, &[])?;
    if value.get("state").is_none_or(Value::is_null) {
        value.insert("state".into(), json!("configured"));
    }
    value.insert("internalSponsors".into(), json!([]));
    value.insert("externalSponsors".into(), json!([]));
    store.place(Kind::ConnectedOrganizations, &id, value);
    Ok(id)
}

fn known(store: &Store, kind: Kind, value: &mut Object, navigation: &str, flat: &str) -> Result<String, SeedError> {
    let name = text(value, "displayName").to_owned();
    let Some(id) = reference(value, navigation, flat) else {
        return wrong(&name, format!("'{name}' needs {navigation}: {{id: …}}"));
    };
    if store.get(kind, &id).is_none() {
        return wrong(
            &id,
            format!("'{name}' names {navigation} {id}, which is not in the world"),
        );
    }
    Ok(id)
}
