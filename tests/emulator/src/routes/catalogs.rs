//! `catalogs` and what lies below one.

use serde_json::{Value, json};

use super::{Answer, Call, Reply};
use crate::caller::Need;
use crate::error::GraphError;
use crate::odata::filter::{Operator, Rules, Sort};
use crate::render::Shown;
use crate::schema::object;
use crate::store::{Kind, Object, same, text};
use crate::world::CatalogRole;

const SHOWN: Shown = Shown::Stored(Kind::Catalogs);

const RULES: Rules = Rules {
    type_name: "accessPackageCatalog",
    rules: &[
        (
            "displayname",
            "/displayName",
            Sort::Exact,
            &[Operator::Eq, Operator::Contains, Operator::StartsWith],
        ),
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

pub(super) fn serve(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    Some(match (call.method, rest) {
        ("GET", []) => list(call),
        ("POST", []) => create(call),
        ("GET", [id]) => call
            .found(Kind::Catalogs, id, Need::Read)
            .and_then(|catalog| call.one(200, SHOWN, &catalog)),
        ("PATCH", [id]) => update(call, id),
        ("DELETE", [id]) => delete(call, id),
        ("GET", [id, "accessPackages"]) => super::packages::list_of_catalog(call, id),
        ("GET", [id, "resources"]) => super::resources::list_of_catalog(call, id),
        ("GET", [id, "resources", resource]) => super::resources::get_of_catalog(call, id, resource),
        ("GET", [id, "resourceRoles"]) => super::resources::roles_of_catalog(call, id),
        ("GET", [id, "resourceScopes"]) => super::resources::scopes_of_catalog(call, id),
        (_, [id, "customWorkflowExtensions", rest @ ..]) => return super::extensions::serve(call, id, rest),
        _ => return None,
    })
}

fn list(call: &Call<'_>) -> Answer {
    let catalogs = call.visible(Kind::Catalogs, |_| true)?;
    call.list(SHOWN, &RULES, catalogs)
}

fn create(call: &mut Call<'_>) -> Answer {
    if !call.caller.writes_all() {
        let held = call.caller.catalog_roles(call.store);
        if !held.values().flatten().any(|role| *role == CatalogRole::CatalogCreator) {
            return Err(GraphError::denied());
        }
    }
    let mut catalog = call.model("accessPackageCatalog")?;
    if text(&catalog, "displayName").trim().is_empty() {
        return call.senseless("displayName is missing");
    }
    for (name, value) in catalog.clone() {
        if value.is_array() || value.is_object() {
            return call.senseless(format!("{name} cannot be set when a catalog is created"));
        }
    }
    let (id, now) = (call.store.ids.fresh(), call.store.clock.text());
    crate::schema::complete("accessPackageCatalog", &mut catalog);
    if catalog.get("state").is_none_or(Value::is_null) {
        catalog.insert("state".into(), json!("published"));
    }
    catalog.insert("id".into(), json!(id));
    catalog.insert("catalogType".into(), json!("userManaged"));
    catalog.insert("createdDateTime".into(), json!(now));
    catalog.insert("modifiedDateTime".into(), json!(now));
    catalog.remove("@odata.type");
    call.store.insert(Kind::Catalogs, &id, catalog.clone());
    if !call.caller.writes_all() {
        // The creator becomes the first owner.
        let assignment = call.store.ids.fresh();
        let value = json!({"id": assignment, "principalId": call.caller.object_id,
            "roleDefinitionId": CatalogRole::CatalogOwner.id(), "appScopeId": format!("/AccessPackageCatalog/{id}")});
        call.store.insert(Kind::RoleAssignments, &assignment, object(value));
    }
    crate::seed::grant_catalog_roles(call.world, call.store);
    call.one(201, SHOWN, &catalog)
}

/// Takes the changes that the documentation lists; the rest of the model is read-only.
pub(super) fn changes(call: &mut Call<'_>, body: Object, allowed: &[&str]) -> Result<Object, GraphError> {
    let ignored = ["id", "createdDateTime", "modifiedDateTime"];
    for name in body.keys() {
        if !allowed.contains(&name.as_str()) && !ignored.contains(&name.as_str()) && !name.starts_with('@') {
            return call.senseless(format!("{name} cannot be changed"));
        }
    }
    Ok(body
        .into_iter()
        .filter(|(name, _)| allowed.contains(&name.as_str()))
        .collect())
}

fn update(call: &mut Call<'_>, id: &str) -> Answer {
    call.found(Kind::Catalogs, id, Need::Catalog)?;
    let body = call.model("accessPackageCatalog")?;
    let changes = changes(
        call,
        body,
        &["displayName", "description", "state", "isExternallyVisible"],
    )?;
    if changes
        .get("displayName")
        .is_some_and(|name| name.as_str().is_none_or(|name| name.trim().is_empty()))
    {
        return call.senseless("displayName is empty");
    }
    let now = call.store.clock.text();
    call.store.update(Kind::Catalogs, id, |catalog| {
        catalog.extend(changes);
        catalog.insert("modifiedDateTime".into(), json!(now));
    });
    Reply::empty(204)
}

fn delete(call: &mut Call<'_>, id: &str) -> Answer {
    let catalog = call.found(Kind::Catalogs, id, Need::Catalog)?;
    if text(&catalog, "catalogType") == "serviceDefault" {
        return Err(GraphError::stand_in(
            400,
            "BuiltInCatalog",
            "The built-in catalog cannot be deleted.",
        ));
    }
    if call
        .store
        .all(Kind::AccessPackages)
        .any(|package| same(text(package, "catalogId"), id))
    {
        return Err(GraphError::stand_in(
            400,
            "CatalogHasAccessPackages",
            "The catalog cannot be deleted because it has access packages.",
        ));
    }
    let belongs: Vec<(Kind, String)> = [Kind::Resources, Kind::CustomWorkflowExtensions]
        .into_iter()
        .flat_map(|kind| call.store.all(kind).map(move |object| (kind, object)))
        .filter(|(_, object)| same(text(object, "catalogId"), id))
        .map(|(kind, object)| (kind, text(object, "id").to_owned()))
        .collect();
    for (kind, key) in belongs {
        call.store.remove(kind, &key);
    }
    let scope = format!("/AccessPackageCatalog/{id}");
    let roles: Vec<String> = call
        .store
        .all(Kind::RoleAssignments)
        .filter(|assignment| same(text(assignment, "appScopeId"), &scope))
        .map(|assignment| text(assignment, "id").to_owned())
        .collect();
    for role in roles {
        call.store.remove(Kind::RoleAssignments, &role);
    }
    call.store.remove(Kind::Catalogs, id);
    Reply::empty(204)
}
