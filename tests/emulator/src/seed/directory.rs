//! The directory: users, groups, service principals, sites.

use serde_json::{Value, json};

use super::{BIRTH, SeedError, id_or, wrong};
use crate::address::{canonical, same_site};
use crate::schema::{is_guid, object};
use crate::store::{Kind, Object, Store, derived_id, same, text};
use crate::world::{
    AdministrativeUnit, Application, CatalogRole, Group, ServicePrincipal, Site, User, UserType, World,
};

/// Everything of the world file.
pub(super) fn all(world: &World, store: &mut Store) -> Result<(), SeedError> {
    // The tenant's own location comes first: it is the default one.
    add_environment(store, &world.tenant.share_point_host());
    for user in &world.users {
        add_user(store, user)?;
    }
    for user in &world.users {
        set_manager(store, user);
    }
    for application in &world.applications {
        add_application(world, store, application)?;
    }
    for principal in &world.service_principals {
        add_principal(world, store, principal)?;
    }
    for group in &world.groups {
        add_group(store, group)?;
    }
    for site in &world.sites {
        add_site(world, store, site);
    }
    let root = format!("https://{}", world.tenant.share_point_host());
    if !store
        .all(Kind::Sites)
        .any(|site| same_site(text(site, "webUrl"), &root))
    {
        // Every tenant has one.
        add_site(world, store, &Site::root(root));
    }
    for unit in &world.administrative_units {
        add_unit(store, unit)?;
    }
    Ok(())
}

/// Places one user; answers the key, as all of these do.
pub(super) fn add_user(store: &mut Store, user: &User) -> Result<String, SeedError> {
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
    let mut value = object(value);
    if user.governed {
        value.insert("governed".into(), json!(true));
        store.governs = true;
    }
    store.place(Kind::Users, &id, value);
    Ok(id)
}

/// A manager need not be in the file: nothing is delivered to one.
pub(super) fn set_manager(store: &mut Store, user: &User) {
    let manager = user.manager.as_ref().and_then(|manager| find_user(store, manager));
    if let (Some(manager), Some(id)) = (manager, find_user(store, &user.user_principal_name)) {
        store.update(Kind::Users, &id, |user| {
            user.insert("managerId".into(), json!(manager));
        });
    }
}

/// A user's id, by id or userPrincipalName.
pub(super) fn find_user(store: &Store, name: &str) -> Option<String> {
    store
        .all(Kind::Users)
        .find(|user| same(text(user, "id"), name) || same(text(user, "userPrincipalName"), name))
        .map(|user| text(user, "id").to_owned())
}

/// A service principal as the directory has it.
struct Principal<'a> {
    id: String,
    app_id: &'a str,
    name: &'a str,
    description: Option<&'a String>,
    roles: Vec<Value>,
}

fn place_principal(world: &World, store: &mut Store, principal: Principal<'_>) -> Result<String, SeedError> {
    let Principal {
        id,
        app_id,
        name,
        description,
        roles,
    } = principal;
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
    store.place(Kind::ServicePrincipals, &id, object(value));
    Ok(id)
}

/// Places the service principal of an application that may sign in.
pub(super) fn add_application(
    world: &World,
    store: &mut Store,
    application: &Application,
) -> Result<String, SeedError> {
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
    let principal = Principal {
        id,
        app_id: &application.client_id,
        name: &application.display_name,
        description: None,
        roles: Vec::new(),
    };
    place_principal(world, store, principal)
}

/// Places one service principal.
pub(super) fn add_principal(
    world: &World,
    store: &mut Store,
    principal: &ServicePrincipal,
) -> Result<String, SeedError> {
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
    let principal = Principal {
        id,
        app_id: &principal.app_id,
        name: &principal.display_name,
        description: principal.description.as_ref(),
        roles,
    };
    place_principal(world, store, principal)
}

/// Places one group.
pub(super) fn add_group(store: &mut Store, group: &Group) -> Result<String, SeedError> {
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
        "resourceProvisioningOptions": [], "members": members, "owners": owners, "pim": group.pim,
        // Permanently, where nothing else is said.
        "eligibleFor": null});
    store.place(Kind::Groups, &id, object(value));
    Ok(id)
}

/// The id of a principal, by its id or, where it is an application, by `appId`.
pub(super) fn principal_named(store: &Store, name: &str) -> Option<String> {
    let by_id = store.principal(name).map(|(_, object)| text(object, "id").to_owned());
    by_id.or_else(|| {
        store
            .all(Kind::ServicePrincipals)
            .find(|principal| same(text(principal, "appId"), name))
            .map(|principal| text(principal, "id").to_owned())
    })
}

/// Places one site.
pub(super) fn add_site(world: &World, store: &mut Store, site: &Site) -> String {
    let host = world.tenant.share_point_host();
    let url = canonical(&site.web_url);
    let url = url.as_str();
    let site_host = url.trim_start_matches("https://").split('/').next().unwrap_or(&host);
    let name = url
        .trim_start_matches("https://")
        .rsplit_once('/')
        .map_or("", |(_, name)| name);
    add_environment(store, site_host);
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
    store.place(Kind::Sites, &id, object(value));
    id
}

/// The environment of SharePoint that addresses of this host are in: one for each geographic location.
pub(crate) fn environment_of(store: &Store, host: &str) -> (String, Option<Object>) {
    let admin = match host.split_once('.') {
        Some((tenant, rest)) => format!("https://{tenant}-admin.{rest}/"),
        None => format!("https://{host}-admin/"),
    };
    let known = store
        .all(Kind::ResourceEnvironments)
        .find(|environment| same(text(environment, "originId"), &admin));
    let known = known.cloned();
    (admin, known)
}

fn add_environment(store: &mut Store, host: &str) {
    let (admin, None) = environment_of(store, host) else {
        return;
    };
    let id = derived_id(&["resourceEnvironment", host]);
    let is_first = store.all(Kind::ResourceEnvironments).next().is_none();
    let value = json!({"id": id, "displayName": format!("https://{host}/"), "description": format!("https://{host}/"),
        "originSystem": "SharePointOnline", "originId": admin, "isDefaultEnvironment": is_first, "connectionInfo": null,
        "createdDateTime": BIRTH, "modifiedDateTime": BIRTH});
    store.place(Kind::ResourceEnvironments, &id, object(value));
}

/// Places one administrative unit.
pub(super) fn add_unit(store: &mut Store, unit: &AdministrativeUnit) -> Result<String, SeedError> {
    let id = id_or(unit.id.as_ref(), &["administrativeUnit", &unit.display_name])?;
    let value = json!({"id": id, "displayName": unit.display_name, "description": unit.description,
        "visibility": null, "membershipRule": null, "membershipRuleProcessingState": null,
        "membershipType": null, "isMemberManagementRestricted": false});
    store.place(Kind::AdministrativeUnits, &id, object(value));
    Ok(id)
}
