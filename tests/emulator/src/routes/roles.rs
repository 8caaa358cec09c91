//! `roleManagement/entitlementManagement`: the roles of entitlement management and who holds them.

use serde_json::json;

use super::{Answer, Call, Reply};
use crate::caller::Need;
use crate::error::GraphError;
use crate::odata::filter::{Operator, Rules, Sort};
use crate::render::Shown;
use crate::schema::{is_guid, object};
use crate::store::{Kind, Object, same, text};
use crate::world::CatalogRole;

const SHOWN: Shown = Shown::Stored(Kind::RoleAssignments);

const RULES: Rules = Rules {
    type_name: "unifiedRoleAssignment",
    rules: &[
        ("appscopeid", "/appScopeId", Sort::CaseLess, &[Operator::Eq]),
        ("principalid", "/principalId", Sort::CaseLess, &[Operator::Eq]),
        ("roledefinitionid", "/roleDefinitionId", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

const DEFINITION_RULES: Rules = Rules {
    type_name: "unifiedRoleDefinition",
    rules: &[
        ("displayname", "/displayName", Sort::CaseLess, &[Operator::Eq]),
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

/// A built-in role, as the API names it.
pub(crate) fn definition(role: CatalogRole) -> Object {
    const ALL: &str = "microsoft.entitlementManagement/";
    let (name, actions): (&str, &[&str]) = match role {
        CatalogRole::CatalogOwner => ("Catalog owner", &["allEntities/allTasks"]),
        CatalogRole::CatalogReader => ("Catalog reader", &["allEntities/Read"]),
        CatalogRole::AccessPackageManager => (
            "AccessPackages manager",
            &[
                "AccessPackageCatalog/AccessPackage/allTasks",
                "AccessPackageCatalog/allEntities/Read",
            ],
        ),
        CatalogRole::CatalogCreator => ("Catalog creator", &["AccessPackageCatalog/Create"]),
        CatalogRole::AccessPackageAssignmentManager => (
            "AccessPackage assignment manager",
            &[
                "AccessPackageCatalog/AccessPackage/GrantRequests/allTasks",
                "AccessPackageCatalog/AccessPackage/Grants/allTasks",
                "AccessPackageCatalog/allEntities/Read",
            ],
        ),
    };
    let actions: Vec<String> = actions.iter().map(|action| format!("{ALL}{action}")).collect();
    object(
        json!({"id": role.id(), "displayName": name, "description": name, "isBuiltIn": true, "isEnabled": true,
        "templateId": role.id(), "version": "1.0", "resourceScopes": [],
        "rolePermissions": [{"allowedResourceActions": actions, "excludedResourceActions": [], "condition": null}]}),
    )
}

pub(super) fn serve(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    Some(match (call.method, rest) {
        ("GET", ["roleDefinitions"]) => call.caller.allow_lists(call.store).and_then(|_| {
            let all = (1..).zip(CatalogRole::ALL.into_iter().map(definition)).collect();
            call.list(Shown::RoleDefinition, &DEFINITION_RULES, all)
        }),
        ("GET", ["roleDefinitions", id]) => call.caller.allow_lists(call.store).and_then(|_| {
            if !is_guid(id) {
                return Err(GraphError::malformed_id(id));
            }
            let role = CatalogRole::from_id(id).ok_or_else(|| call.absent())?;
            call.one(200, Shown::RoleDefinition, &definition(role))
        }),
        ("GET", ["roleAssignments"]) => call
            .visible(Kind::RoleAssignments, |_| true)
            .and_then(|found| call.list(SHOWN, &RULES, found)),
        ("POST", ["roleAssignments"]) => create(call),
        ("GET", ["roleAssignments", id]) => call
            .found(Kind::RoleAssignments, id, Need::Read)
            .and_then(|found| call.one(200, SHOWN, &found)),
        ("DELETE", ["roleAssignments", id]) => call.found(Kind::RoleAssignments, id, Need::Catalog).and_then(|_| {
            call.store.remove(Kind::RoleAssignments, id);
            Reply::empty(204)
        }),
        _ => return None,
    })
}

fn create(call: &mut Call<'_>) -> Answer {
    let body = call.model("unifiedRoleAssignment")?;
    let (principal, role, scope) = (
        text(&body, "principalId").to_owned(),
        text(&body, "roleDefinitionId").to_owned(),
        text(&body, "appScopeId").to_owned(),
    );
    let Some(role) = CatalogRole::from_id(&role) else {
        return call.senseless(format!(
            "roleDefinitionId '{role}' is no role of entitlement management"
        ));
    };
    if !is_guid(&principal) {
        return Err(GraphError::malformed_id(&principal));
    }
    if call.store.principal(&principal).is_none() {
        return Err(GraphError::not_found());
    }
    let scope = match (scope.as_str(), role) {
        ("/", CatalogRole::CatalogCreator) => {
            call.caller.allow_tenant(true)?;
            scope
        }
        (_, CatalogRole::CatalogCreator) | ("/" | "", _) => {
            return call.senseless(
                "appScopeId does not fit the role: \"/\" for the Catalog creator, \
                 /AccessPackageCatalog/{id} for the others",
            );
        }
        _ => {
            // The path segment is taken in any case, as ids are.
            let Some(catalog) = scope
                .get(..22)
                .filter(|start| same(start, "/AccessPackageCatalog/"))
                .and_then(|_| scope.get(22..))
                .map(str::to_owned)
            else {
                return call.senseless("appScopeId is not /AccessPackageCatalog/{id}");
            };
            if !is_guid(&catalog) {
                return Err(GraphError::malformed_id(&catalog));
            }
            if call.store.get(Kind::Catalogs, &catalog).is_none() {
                return Err(call.absent());
            }
            call.caller.allow(call.store, Need::Catalog, Some(&catalog))?;
            format!("/AccessPackageCatalog/{}", catalog.to_lowercase())
        }
    };
    let twice = call.store.all(Kind::RoleAssignments).any(|held| {
        same(text(held, "principalId"), &principal)
            && same(text(held, "roleDefinitionId"), role.id())
            && same(text(held, "appScopeId"), &scope)
    });
    if twice {
        return Err(GraphError::stand_in(
            409,
            "RoleAssignmentExists",
            "The role assignment already exists.",
        ));
    }
    let id = call.store.ids.fresh();
    let made = object(
        json!({"id": id, "principalId": principal.to_lowercase(), "roleDefinitionId": role.id(), "appScopeId": scope}),
    );
    call.store.insert(Kind::RoleAssignments, &id, made.clone());
    call.one(201, SHOWN, &made)
}
