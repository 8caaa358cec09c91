//! `accessPackages`, their resource roles and their incompatibilities.

use serde_json::{Value, json};

use super::resources::{roles_of, same_origin, scope_of};
use super::{Answer, Call, Reply, reference, referenced};
use crate::caller::Need;
use crate::error::GraphError;
use crate::odata::filter::{Operator, Rules, Sort};
use crate::render::{Shown, is_site};
use crate::schema::{is_guid, object};
use crate::store::{Kind, Object, Store, ids, same, text};

const SHOWN: Shown = Shown::Stored(Kind::AccessPackages);

pub(super) const RULES: Rules = Rules {
    type_name: "accessPackage",
    rules: &[
        (
            "displayname",
            "/displayName",
            Sort::Exact,
            &[Operator::Eq, Operator::Contains, Operator::StartsWith],
        ),
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
        ("catalog/id", "/catalogId", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

const GROUP_RULES: Rules = Rules {
    type_name: "group",
    rules: &[],
    directory: true,
};

const ZERO: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn serve(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    Some(match (call.method, rest) {
        ("GET", []) => call
            .visible(Kind::AccessPackages, |_| true)
            .and_then(|found| call.list(SHOWN, &RULES, found)),
        ("POST", []) => create(call),
        ("GET", [id]) => call
            .found(Kind::AccessPackages, id, Need::Read)
            .and_then(|found| call.one(200, SHOWN, &found)),
        ("PATCH", [id]) => update(call, id),
        ("DELETE", [id]) => delete(call, id),
        ("GET", [id, "catalog"]) => call.found(Kind::AccessPackages, id, Need::Read).and_then(|package| {
            let catalog = call.found(Kind::Catalogs, text(&package, "catalogId"), Need::Read)?;
            call.one(200, Shown::Stored(Kind::Catalogs), &catalog)
        }),
        ("GET", [id, "assignmentPolicies"]) => below(call, id, Kind::AssignmentPolicies, &super::policies::RULES),
        ("GET", [id, "resourceRoleScopes"]) => below(call, id, Kind::ResourceRoleScopes, &ROLE_SCOPE_RULES),
        ("POST", [id, "resourceRoleScopes"]) => add_role_scope(call, id),
        ("GET", [id, "resourceRoleScopes", role_scope]) => role_scope_named(call, id, role_scope, Need::Read)
            .and_then(|(_, found)| call.one(200, Shown::Stored(Kind::ResourceRoleScopes), &found)),
        ("DELETE", [id, "resourceRoleScopes", role_scope]) => remove_role_scope(call, id, role_scope),
        (
            "GET",
            [
                id,
                list @ ("incompatibleAccessPackages" | "accessPackagesIncompatibleWith"),
            ],
        ) => related(call, id, list),
        ("GET", [id, "incompatibleGroups"]) => related_groups(call, id),
        ("POST", [id, "incompatibleAccessPackages", "$ref"]) => relate(call, id, "incompatibleAccessPackages"),
        ("POST", [id, "incompatibleGroups", "$ref"]) => relate(call, id, "incompatibleGroups"),
        (
            "DELETE",
            [
                id,
                list @ ("incompatibleAccessPackages" | "incompatibleGroups"),
                other,
                "$ref",
            ],
        ) => unrelate(call, id, list, other),
        ("POST", [_, "getApplicablePolicyRequirements"]) => Err(GraphError::stand_in(
            403,
            "DelegatedOnly",
            "This action needs a signed-in user; application permissions are not supported.",
        )),
        _ => return None,
    })
}

const ROLE_SCOPE_RULES: Rules = Rules {
    type_name: "accessPackageResourceRoleScope",
    rules: &[],
    directory: false,
};

fn below(call: &Call<'_>, package: &str, kind: Kind, rules: &Rules) -> Answer {
    call.found(Kind::AccessPackages, package, Need::Read)?;
    let sites = call.quirks.share_point_needs_delegated.shown().packages;
    let found = call.visible(kind, |object| {
        same(text(object, "accessPackageId"), package) && (sites || !is_site(object))
    })?;
    call.list(Shown::Stored(kind), rules, found)
}

pub(super) fn list_of_catalog(call: &Call<'_>, catalog: &str) -> Answer {
    call.found(Kind::Catalogs, catalog, Need::Read)?;
    let found = call.visible(Kind::AccessPackages, |package| {
        same(text(package, "catalogId"), catalog)
    })?;
    call.list(SHOWN, &RULES, found)
}

fn name_is_taken(call: &Call<'_>, catalog: &str, name: &str, but: &str) -> Result<(), GraphError> {
    let taken = call.store.all(Kind::AccessPackages).any(|package| {
        same(text(package, "catalogId"), catalog)
            && text(package, "displayName").to_lowercase() == name.to_lowercase()
            && !same(text(package, "id"), but)
    });
    if taken {
        return Err(GraphError::new(
            409,
            "DuplicateAccessPackage",
            format!("There's an existing access package with name \"{name}\" in the catalog."),
        ));
    }
    Ok(())
}

fn create(call: &mut Call<'_>) -> Answer {
    let body = call.model("accessPackage")?;
    let name = text(&body, "displayName").to_owned();
    if name.trim().is_empty() {
        return call.senseless("displayName is missing");
    }
    let Some(catalog) = reference(&body, "catalog") else {
        return call.senseless("catalog.id is missing");
    };
    if let Some((list, _)) = body
        .iter()
        .find(|(_, value)| value.as_array().is_some_and(|list| !list.is_empty()))
    {
        return call.senseless(format!("{list} cannot be set when a package is created"));
    }
    if !is_guid(&catalog) {
        return Err(GraphError::malformed_id(&catalog));
    }
    if call.store.get(Kind::Catalogs, &catalog).is_none() {
        return Err(call.absent());
    }
    call.caller.allow(call.store, Need::Packages, Some(&catalog))?;
    name_is_taken(call, &catalog, &name, "")?;
    let (id, now) = (call.store.ids.fresh(), call.store.clock.text());
    let package = object(
        json!({"id": id, "displayName": name, "description": body.get("description"),
        "isHidden": body.get("isHidden").and_then(Value::as_bool).unwrap_or(false), "createdDateTime": now,
        "modifiedDateTime": now, "catalogId": catalog.to_lowercase(),
        "incompatibleAccessPackages": [], "incompatibleGroups": []}),
    );
    call.store.insert(Kind::AccessPackages, &id, package.clone());
    call.one(201, SHOWN, &package)
}

fn update(call: &mut Call<'_>, id: &str) -> Answer {
    let package = call.found(Kind::AccessPackages, id, Need::Packages)?;
    let body = call.model("accessPackage")?;
    let changes = super::catalogs::changes(call, body, &["displayName", "description", "isHidden"])?;
    if let Some(name) = changes.get("displayName") {
        let name = name.as_str().unwrap_or_default().to_owned();
        if name.trim().is_empty() {
            return call.senseless("displayName is empty");
        }
        name_is_taken(call, text(&package, "catalogId"), &name, id)?;
    }
    let now = call.store.clock.text();
    call.store.update(Kind::AccessPackages, id, |package| {
        package.extend(changes);
        package.insert("modifiedDateTime".into(), json!(now));
    });
    Reply::empty(204)
}

fn delete(call: &mut Call<'_>, id: &str) -> Answer {
    call.found(Kind::AccessPackages, id, Need::Packages)?;
    let held = call
        .store
        .all(Kind::Assignments)
        .any(|assignment| same(text(assignment, "accessPackageId"), id) && crate::delivery::is_live(assignment));
    if held {
        return Err(GraphError::stand_in(
            400,
            "AccessPackageHasAssignments",
            "The access package cannot be deleted because it has assignments.",
        ));
    }
    let belongs: Vec<(Kind, String)> = call
        .store
        .all(Kind::AssignmentPolicies)
        .filter(|policy| same(text(policy, "accessPackageId"), id))
        .map(|policy| (Kind::AssignmentPolicies, text(policy, "id").to_owned()))
        .chain(
            call.store
                .all(Kind::ResourceRoleScopes)
                .filter(|role_scope| same(text(role_scope, "accessPackageId"), id))
                .map(|role_scope| (Kind::ResourceRoleScopes, role_scope_key(id, text(role_scope, "id")))),
        )
        .collect();
    for (kind, key) in belongs {
        call.store.remove(kind, &key);
    }
    let others: Vec<String> = call
        .store
        .all(Kind::AccessPackages)
        .filter(|other| {
            ids(other, "incompatibleAccessPackages")
                .iter()
                .any(|other| same(other, id))
        })
        .map(|other| text(other, "id").to_owned())
        .collect();
    for other in others {
        drop_reference(call.store, &other, "incompatibleAccessPackages", id);
    }
    call.store.remove(Kind::AccessPackages, id);
    Reply::empty(204)
}

/// Two packages may hold the same role scope, and so the same id: the key names the package too.
pub(crate) fn role_scope_key(package: &str, id: &str) -> String {
    format!("{package}/{id}")
}

fn role_scope_named(call: &Call<'_>, package: &str, id: &str, need: Need) -> Result<(String, Object), GraphError> {
    call.found(Kind::AccessPackages, package, need)?;
    let well_formed = id
        .split_once('_')
        .is_some_and(|(role, scope)| is_guid(role) && is_guid(scope));
    if !well_formed {
        return Err(GraphError::malformed_id(id));
    }
    let key = role_scope_key(package, id);
    match call.store.get(Kind::ResourceRoleScopes, &key) {
        Some(found) => Ok((key, found.clone())),
        None => Err(call.absent()),
    }
}

/// The role scope of a package for a role of a resource in its catalog.
pub(crate) fn role_scope_of(
    store: &Store,
    package: &str,
    scope_origin: &str,
    role_origin: &str,
) -> Option<(String, Object)> {
    let catalog = text(store.get(Kind::AccessPackages, package)?, "catalogId").to_owned();
    let resource = store.all(Kind::Resources).find(|resource| {
        same(text(resource, "catalogId"), &catalog) && same_origin(text(resource, "originId"), scope_origin)
    })?;
    let role = roles_of(store, resource)
        .into_iter()
        .find(|role| same(text(role, "originId"), role_origin))?;
    Some(made(store, package, resource, role))
}

fn made(store: &Store, package: &str, resource: &Object, role: Object) -> (String, Object) {
    let scope = scope_of(resource);
    let id = format!("{}_{}", text(&role, "id"), text(&scope, "id"));
    let value = object(
        json!({"id": id, "createdDateTime": store.clock.text(), "accessPackageId": package,
        "resourceId": text(resource, "id"), "originSystem": text(resource, "originSystem"),
        "originId": text(resource, "originId"), "roleOriginId": text(&role, "originId"),
        "roleId": text(&role, "id"), "scopeId": text(&scope, "id"), "role": role, "scope": scope}),
    );
    (role_scope_key(package, &id), value)
}

fn add_role_scope(call: &mut Call<'_>, id: &str) -> Answer {
    let package = call.found(Kind::AccessPackages, id, Need::Packages)?;
    let body = call.model("accessPackageResourceRoleScope")?;
    let part = |name: &str| body.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let (role, scope) = (part("role"), part("scope"));
    let named = role
        .get("resource")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    if role.is_empty() || scope.is_empty() {
        return call.senseless("role or scope is missing");
    }
    if text(&role, "originId").is_empty()
        || text(&role, "originSystem").is_empty()
        || text(&scope, "originId").is_empty()
    {
        return call.senseless("role.originId, role.originSystem or scope.originId is missing");
    }
    if text(&role, "id") == ZERO {
        return call.senseless("a role whose id is the zero GUID must be sent without id");
    }
    let resource_id = text(&named, "id");
    if !resource_id.is_empty() && !is_guid(resource_id) {
        return Err(GraphError::malformed_id(resource_id));
    }
    let unnamed = text(&named, "originId").is_empty() || call.quirks.role_scope_needs_resource_id;
    if resource_id.is_empty() && unnamed {
        return call.senseless("role.resource needs its id");
    }
    let resource = call
        .store
        .all(Kind::Resources)
        .find(|resource| {
            same(text(resource, "catalogId"), text(&package, "catalogId"))
                && if resource_id.is_empty() {
                    same_origin(text(resource, "originId"), text(&named, "originId"))
                } else {
                    same(text(resource, "id"), resource_id)
                }
        })
        .cloned()
        .ok_or_else(GraphError::not_found)?;
    let real_scope = scope_of(&resource);
    let scope_id = text(&scope, "id");
    if !same_origin(text(&scope, "originId"), text(&resource, "originId"))
        || (!scope_id.is_empty() && !same(scope_id, text(&real_scope, "id")))
    {
        return Err(GraphError::not_found());
    }
    let found = roles_of(call.store, &resource).into_iter().find(|known| {
        same(text(known, "originId"), text(&role, "originId"))
            && same(text(known, "originSystem"), text(&role, "originSystem"))
            && (text(&role, "id").is_empty() || same(text(known, "id"), text(&role, "id")))
    });
    let Some(found) = found else {
        return Err(GraphError::role_not_found());
    };
    let (key, value) = made(call.store, text(&package, "id"), &resource, found);
    // The same role scope again has the same id; what the service answers is not documented: the same object.
    if call.store.get(Kind::ResourceRoleScopes, &key).is_none() {
        call.store.insert(Kind::ResourceRoleScopes, &key, value.clone());
        touch(call.store, id);
        crate::delivery::settle(call.store);
    }
    call.one(201, Shown::Stored(Kind::ResourceRoleScopes), &value)
}

fn touch(store: &mut Store, package: &str) {
    let now = store.clock.text();
    store.update(Kind::AccessPackages, package, |package| {
        package.insert("modifiedDateTime".into(), json!(now));
    });
}

fn remove_role_scope(call: &mut Call<'_>, id: &str, role_scope: &str) -> Answer {
    let (key, _) = role_scope_named(call, id, role_scope, Need::Packages)?;
    call.store.remove(Kind::ResourceRoleScopes, &key);
    touch(call.store, id);
    crate::delivery::settle(call.store);
    Reply::empty(204)
}

fn related(call: &Call<'_>, id: &str, list: &str) -> Answer {
    let package = call.found(Kind::AccessPackages, id, Need::Read)?;
    let listed = ids(&package, "incompatibleAccessPackages");
    let found = call.visible(Kind::AccessPackages, |other| {
        if list == "incompatibleAccessPackages" {
            listed.iter().any(|listed| same(listed, text(other, "id")))
        } else {
            ids(other, "incompatibleAccessPackages")
                .iter()
                .any(|other| same(other, id))
        }
    })?;
    call.list(SHOWN, &RULES, found)
}

fn related_groups(call: &Call<'_>, id: &str) -> Answer {
    let package = call.found(Kind::AccessPackages, id, Need::Read)?;
    let groups: Vec<Object> = ids(&package, "incompatibleGroups")
        .iter()
        .filter_map(|id| call.store.get(Kind::Groups, id).cloned())
        .collect();
    call.list(Shown::Stored(Kind::Groups), &GROUP_RULES, (1..).zip(groups).collect())
}

fn relate(call: &mut Call<'_>, id: &str, list: &str) -> Answer {
    call.found(Kind::AccessPackages, id, Need::Packages)?;
    let (collection, kind) = match list {
        "incompatibleGroups" => ("groups", Kind::Groups),
        _ => ("accessPackages", Kind::AccessPackages),
    };
    let other = referenced(call, &[collection])?;
    if call.store.get(kind, &other).is_none() {
        return Err(call.absent());
    }
    let package = call.store.get(Kind::AccessPackages, id).cloned().unwrap_or_default();
    let mut listed = ids(&package, list);
    if same(&other, id) {
        return call.senseless("a package cannot be incompatible with itself");
    }
    if listed.iter().any(|listed| same(listed, &other)) {
        return Err(GraphError::stand_in(
            409,
            "ReferenceExists",
            "The reference already exists.",
        ));
    }
    listed.push(other);
    call.store.update(Kind::AccessPackages, id, |package| {
        package.insert(list.to_owned(), json!(listed));
    });
    Reply::empty(204)
}

fn drop_reference(store: &mut Store, id: &str, list: &str, other: &str) -> bool {
    let Some(package) = store.get(Kind::AccessPackages, id) else {
        return false;
    };
    let listed = ids(package, list);
    let left: Vec<&String> = listed.iter().filter(|listed| !same(listed, other)).collect();
    if left.len() == listed.len() {
        return false;
    }
    let left = json!(left);
    store.update(Kind::AccessPackages, id, |package| {
        package.insert(list.to_owned(), left);
    })
}

fn unrelate(call: &mut Call<'_>, id: &str, list: &str, other: &str) -> Answer {
    call.found(Kind::AccessPackages, id, Need::Packages)?;
    if !is_guid(other) {
        return Err(GraphError::malformed_id(other));
    }
    if drop_reference(call.store, id, list, other) {
        Reply::empty(204)
    } else {
        Err(call.absent())
    }
}
