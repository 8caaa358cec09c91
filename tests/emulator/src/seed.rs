//! From the world file to the tenant's first state. Ids that the file leaves out are made from names, the same on
//! every start.

use serde_json::{Value, json};

use crate::schema::{self, is_guid, object};
use crate::store::{Kind, Object, Store, derived_id, same, text};
use crate::world::{CatalogRole, UserType, World};

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

/// Builds the tenant that the world file describes.
pub(crate) fn build(world: &World) -> Result<Store, SeedError> {
    let mut store = Store::new();
    if !is_guid(&world.tenant.id) {
        return wrong(
            &world.tenant.id,
            format!("tenant.id '{}' is not a GUID", world.tenant.id),
        );
    }
    users(world, &mut store)?;
    service_principals(world, &mut store)?;
    groups(world, &mut store)?;
    sites(world, &mut store);
    for unit in &world.administrative_units {
        let id = id_or(unit.id.as_ref(), &["administrativeUnit", &unit.display_name])?;
        let value = json!({"id": id, "displayName": unit.display_name, "description": unit.description,
            "visibility": null, "membershipRule": null, "membershipRuleProcessingState": null,
            "membershipType": null, "isMemberManagementRestricted": false});
        store.seed(Kind::AdministrativeUnits, &id, object(value));
    }
    store.settings = object(
        json!({"id": "singleton", "externalUserLifecycleAction": "blockSignInAndDelete",
        "durationUntilExternalUserDeletedAfterBlocked": "P30D"}),
    );
    entitlement(world, &mut store)?;
    grant_catalog_roles(world, &mut store);
    crate::delivery::settle(&mut store);
    Ok(store)
}

fn users(world: &World, store: &mut Store) -> Result<(), SeedError> {
    for user in &world.users {
        let upn = &user.user_principal_name;
        let id = id_or(user.id.as_ref(), &["user", upn])?;
        if store.get(Kind::Users, &id).is_some() || find_user(store, upn).is_some() {
            return wrong(upn, format!("the user {upn} is there twice"));
        }
        let guest = user.user_type == Some(UserType::Guest);
        let value = json!({"id": id, "displayName": user.display_name.as_ref().unwrap_or(upn), "userPrincipalName": upn,
            "mail": user.mail, "userType": if guest { "Guest" } else { "Member" },
            "accountEnabled": user.account_enabled.unwrap_or(true), "department": user.department,
            "jobTitle": user.job_title, "givenName": null, "surname": null, "mailNickname": upn.split('@').next(),
            "employeeId": null, "externalUserState": guest.then_some("Accepted"), "otherMails": [],
            "createdDateTime": BIRTH, "deletedDateTime": null});
        store.seed(Kind::Users, &id, object(value));
    }
    for user in &world.users {
        if let Some(manager) = &user.manager {
            // A manager need not be in the file: nothing is delivered to one.
            let Some(manager_id) = find_user(store, manager) else {
                continue;
            };
            if let Some(id) = find_user(store, &user.user_principal_name) {
                store.update(Kind::Users, &id, |user| {
                    user.insert("managerId".into(), json!(manager_id));
                });
            }
        }
    }
    Ok(())
}

/// A user's id, by id or userPrincipalName.
pub(crate) fn find_user(store: &Store, name: &str) -> Option<String> {
    store
        .all(Kind::Users)
        .find(|user| same(text(user, "id"), name) || same(text(user, "userPrincipalName"), name))
        .map(|user| text(user, "id").to_owned())
}

fn service_principals(world: &World, store: &mut Store) -> Result<(), SeedError> {
    let mut add = |id: String, app_id: &str, name: &str, description: Option<&String>, roles: Vec<Value>| {
        if !is_guid(app_id) {
            return wrong(app_id, format!("the appId '{app_id}' of {name} is not a GUID"));
        }
        if store.get(Kind::ServicePrincipals, &id).is_some() {
            return wrong(name, format!("the service principal {name} is there twice"));
        }
        let value = json!({"id": id, "appId": app_id, "displayName": name, "appDisplayName": name, "appRoles": roles,
            "accountEnabled": true, "appRoleAssignmentRequired": false, "appOwnerOrganizationId": world.tenant.id,
            "servicePrincipalType": "Application", "servicePrincipalNames": [app_id], "tags": [],
            "description": description, "homepage": null, "disabledByMicrosoftStatus": null, "deletedDateTime": null});
        store.seed(Kind::ServicePrincipals, &id, object(value));
        Ok(())
    };
    for application in &world.applications {
        if application.client_id.is_empty() || !is_guid(&application.client_id) {
            return wrong(
                &application.client_id,
                format!("clientId '{}' is not a GUID", application.client_id),
            );
        }
        let mut roles = application.entitlement_roles.iter();
        if roles.any(|role| role.catalog.is_none() && role.role != CatalogRole::CatalogCreator) {
            let name = &application.display_name;
            return wrong(
                name,
                format!("an entitlement role of {name} needs a catalog; only CatalogCreator has none"),
            );
        }
        let id = id_or(
            application.object_id.as_ref(),
            &["servicePrincipal", &application.client_id],
        )?;
        add(id, &application.client_id, &application.display_name, None, Vec::new())?;
    }
    for principal in &world.service_principals {
        let id = id_or(principal.id.as_ref(), &["servicePrincipal", &principal.app_id])?;
        let mut roles = Vec::new();
        for role in &principal.app_roles {
            let role_id = id_or(role.id.as_ref(), &["appRole", &principal.app_id, &role.display_name])?;
            roles.push(
                json!({"id": role_id, "displayName": role.display_name, "value": role.value,
                "description": role.description.as_ref().unwrap_or(&role.display_name), "isEnabled": role.enabled,
                "allowedMemberTypes": ["User"], "origin": "Application"}),
            );
        }
        add(
            id,
            &principal.app_id,
            &principal.display_name,
            principal.description.as_ref(),
            roles,
        )?;
    }
    Ok(())
}

fn groups(world: &World, store: &mut Store) -> Result<(), SeedError> {
    for group in &world.groups {
        let nickname = group
            .mail_nickname
            .clone()
            .unwrap_or_else(|| group.display_name.replace(' ', "-").to_lowercase());
        let id = id_or(group.id.as_ref(), &["group", &group.display_name, &nickname])?;
        if store.get(Kind::Groups, &id).is_some() {
            return wrong(
                &group.display_name,
                format!("the group {} is there twice; give it its own id", group.display_name),
            );
        }
        let resolve = |store: &Store, names: &[String]| -> Result<Vec<String>, SeedError> {
            names
                .iter()
                .map(
                    |name| match find_user(store, name).or_else(|| principal_named(store, name)) {
                        Some(id) => Ok(id),
                        None => wrong(
                            name,
                            format!(
                                "{name}, in the group {}, is no user, group or service principal",
                                group.display_name
                            ),
                        ),
                    },
                )
                .collect()
        };
        let (members, owners) = (resolve(store, &group.members)?, resolve(store, &group.owners)?);
        let value = json!({"id": id, "displayName": group.display_name, "description": group.description,
            "mailNickname": nickname, "uniqueName": group.unique_name, "mail": null, "mailEnabled": false,
            "securityEnabled": true, "groupTypes": if group.dynamic { json!(["DynamicMembership"]) } else { json!([]) },
            "membershipRule": group.dynamic.then_some("(user.department -eq \"Marketing\")"),
            "membershipRuleProcessingState": group.dynamic.then_some("On"),
            "isAssignableToRole": group.role_assignable.then_some(true),
            "onPremisesSyncEnabled": group.synced.then_some(true), "visibility": null, "classification": null,
            "createdDateTime": BIRTH, "deletedDateTime": null, "preferredLanguage": null, "theme": null,
            "resourceProvisioningOptions": [], "members": members, "owners": owners, "pim": group.pim});
        store.seed(Kind::Groups, &id, object(value));
    }
    Ok(())
}

fn principal_named(store: &Store, name: &str) -> Option<String> {
    let by_id = store.principal(name).map(|(_, object)| text(object, "id").to_owned());
    by_id.or_else(|| {
        store
            .all(Kind::ServicePrincipals)
            .find(|principal| same(text(principal, "appId"), name))
            .map(|principal| text(principal, "id").to_owned())
    })
}

fn sites(world: &World, store: &mut Store) {
    let host = world.tenant.share_point_host.clone().unwrap_or_else(|| {
        format!(
            "{}.sharepoint.com",
            world.tenant.domain.split('.').next().unwrap_or("contoso")
        )
    });
    for site in &world.sites {
        let url = site.web_url.trim_end_matches('/');
        let site_host = url.trim_start_matches("https://").split('/').next().unwrap_or(&host);
        let name = url.rsplit('/').next().unwrap_or_default();
        let id = format!(
            "{site_host},{},{}",
            derived_id(&["siteCollection", url]),
            derived_id(&["web", url])
        );
        let roles: Vec<Value> = site
            .roles
            .iter()
            .map(|role| json!({"originId": role.origin_id, "displayName": role.display_name}))
            .collect();
        let value = json!({"id": id, "displayName": site.display_name.as_deref().unwrap_or(name), "name": name,
            "webUrl": url, "description": null, "createdDateTime": BIRTH, "lastModifiedDateTime": BIRTH,
            "isPersonalSite": false, "root": {}, "roles": roles});
        store.seed(Kind::Sites, &id, object(value));
    }
    let id = derived_id(&["resourceEnvironment", &host]);
    let admin = match host.split_once('.') {
        Some((tenant, rest)) => format!("https://{tenant}-admin.{rest}/"),
        None => format!("https://{host}-admin/"),
    };
    let value = json!({"id": id, "displayName": format!("https://{host}/"), "description": format!("https://{host}/"),
        "originSystem": "SharePointOnline", "originId": admin, "isDefaultEnvironment": true, "connectionInfo": null,
        "createdDateTime": BIRTH, "modifiedDateTime": BIRTH});
    store.seed(Kind::ResourceEnvironments, &id, object(value));
}

fn reference(given: &mut Object, navigation: &str, flat: &str) -> Option<String> {
    let nested = given
        .remove(navigation)
        .and_then(|value| value.get("id").and_then(Value::as_str).map(str::to_owned));
    nested
        .or_else(|| given.remove(flat).and_then(|value| value.as_str().map(str::to_owned)))
        .map(|id| id.to_lowercase())
}

/// Checks an object of the world file against v1.0 and gives it an id and its dates.
fn adopt(kind: Kind, type_name: &str, given: &Object, extra: &[&str]) -> Result<(String, Object), SeedError> {
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
    if let Err(what) = schema::check(type_name, &mut given) {
        return wrong(&needle, format!("entitlement.{}: {what}", kind.name()));
    }
    let words = [kind.name(), &serde_json::to_string(&given).unwrap_or_default()];
    let id = id_or(
        given.get("id").and_then(Value::as_str).map(str::to_owned).as_ref(),
        &words,
    )?;
    schema::complete(type_name, &mut given);
    given.insert("id".into(), json!(id));
    for date in ["createdDateTime", "modifiedDateTime"] {
        if given.get(date).is_some_and(Value::is_null) {
            given.insert(date.into(), json!(BIRTH));
        }
    }
    given.extend(kept);
    Ok((id, given))
}

fn entitlement(world: &World, store: &mut Store) -> Result<(), SeedError> {
    let given = &world.entitlement;
    for catalog in &given.catalogs {
        let (id, mut value) = adopt(Kind::Catalogs, "accessPackageCatalog", catalog, &[])?;
        for (name, default) in [("catalogType", "userManaged"), ("state", "published")] {
            if value.get(name).is_none_or(Value::is_null) {
                value.insert(name.into(), json!(default));
            }
        }
        store.seed(Kind::Catalogs, &id, value);
    }
    for resource in &given.resources {
        let (_, mut value) = adopt(
            Kind::Resources,
            "accessPackageResource",
            resource,
            &["catalog", "catalogId"],
        )?;
        let catalog = known(store, Kind::Catalogs, &mut value, "catalog", "catalogId")?;
        let made = crate::routes::resources::new_resource(store, &catalog, &value);
        store.seed(Kind::Resources, text(&made, "id"), made.clone());
    }
    for package in &given.access_packages {
        let extra = [
            "catalog",
            "catalogId",
            "incompatibleAccessPackages",
            "incompatibleGroups",
        ];
        let (id, mut value) = adopt(Kind::AccessPackages, "accessPackage", package, &extra)?;
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
        store.seed(Kind::AccessPackages, &id, value);
    }
    for role_scope in &given.resource_role_scopes {
        let mut value = role_scope.clone();
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
            Some((key, made)) => store.seed(Kind::ResourceRoleScopes, &key, made),
            None => {
                return wrong(
                    &origin,
                    format!(
                        "entitlement.resourceRoleScopes: no resource {scope} with the role {origin} in the \
                         package's catalog"
                    ),
                );
            }
        }
    }
    for policy in &given.assignment_policies {
        let extra = ["accessPackage", "accessPackageId"];
        let (id, mut value) = adopt(
            Kind::AssignmentPolicies,
            "accessPackageAssignmentPolicy",
            policy,
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
        store.seed(Kind::AssignmentPolicies, &id, value);
    }
    for assignment in &given.assignments {
        let extra = [
            "accessPackage",
            "accessPackageId",
            "assignmentPolicy",
            "assignmentPolicyId",
            "target",
            "targetId",
        ];
        let (id, mut value) = adopt(Kind::Assignments, "accessPackageAssignment", assignment, &extra)?;
        let package = known(
            store,
            Kind::AccessPackages,
            &mut value,
            "accessPackage",
            "accessPackageId",
        )?;
        let policy = known(
            store,
            Kind::AssignmentPolicies,
            &mut value,
            "assignmentPolicy",
            "assignmentPolicyId",
        )?;
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
        value.insert("assignmentPolicyId".into(), json!(policy));
        value.insert("targetId".into(), json!(user));
        value.insert("target".into(), crate::delivery::subject(store, &user));
        store.seed(Kind::Assignments, &id, value);
    }
    for organization in &given.connected_organizations {
        let (id, mut value) = adopt(Kind::ConnectedOrganizations, "connectedOrganization", organization, &[])?;
        if value.get("state").is_none_or(Value::is_null) {
            value.insert("state".into(), json!("configured"));
        }
        value.insert("internalSponsors".into(), json!([]));
        value.insert("externalSponsors".into(), json!([]));
        store.seed(Kind::ConnectedOrganizations, &id, value);
    }
    Ok(())
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
            if store.get(Kind::RoleAssignments, &id).is_none() {
                let value = json!({"id": id, "principalId": principal,
                    "roleDefinitionId": role.role.id(), "appScopeId": scope});
                store.seed(Kind::RoleAssignments, &id, object(value));
            }
        }
    }
}
