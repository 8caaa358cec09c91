//! Resources of a catalog, their roles and scopes, and the requests that add and remove them.

use serde_json::{Value, json};

use super::{Answer, Call, Reply, reference};
use crate::address::same_site;
use crate::caller::Need;
use crate::error::GraphError;
use crate::odata::filter::{Operator, Rules, Sort};
use crate::quirks::ShownSites;
use crate::render::{Shown, is_site};
use crate::schema::{is_guid, object};
use crate::store::{Kind, Object, Store, derived_id, ids, same, text};

const SHOWN: Shown = Shown::Stored(Kind::Resources);

const RULES: Rules = Rules {
    type_name: "accessPackageResource",
    rules: &[
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
        (
            "originid",
            "/originId",
            Sort::CaseLess,
            &[Operator::Eq, Operator::StartsWith],
        ),
        ("originsystem", "/originSystem", Sort::CaseLess, &[Operator::Eq]),
        (
            "displayname",
            "/displayName",
            Sort::Exact,
            &[Operator::Eq, Operator::Contains, Operator::StartsWith],
        ),
    ],
    directory: false,
};

const ROLE_RULES: Rules = Rules {
    type_name: "accessPackageResourceRole",
    rules: &[
        ("originsystem", "/originSystem", Sort::CaseLess, &[Operator::Eq]),
        ("resource/id", "/resourceId", Sort::CaseLess, &[Operator::Eq]),
        ("originid", "/originId", Sort::CaseLess, &[Operator::Eq]),
        ("displayname", "/displayName", Sort::Exact, &[Operator::Eq]),
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

const SCOPE_RULES: Rules = Rules {
    type_name: "accessPackageResourceScope",
    rules: &[
        ("originsystem", "/originSystem", Sort::CaseLess, &[Operator::Eq]),
        ("originid", "/originId", Sort::CaseLess, &[Operator::Eq]),
        ("resource/id", "/resourceId", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

const REQUEST_RULES: Rules = Rules {
    type_name: "accessPackageResourceRequest",
    rules: &[
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
        ("requesttype", "/requestType", Sort::CaseLess, &[Operator::Eq]),
        ("state", "/state", Sort::CaseLess, &[Operator::Eq]),
        ("catalog/id", "/catalogId", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

const ENVIRONMENT_RULES: Rules = Rules {
    type_name: "accessPackageResourceEnvironment",
    rules: &[
        ("originsystem", "/originSystem", Sort::CaseLess, &[Operator::Eq]),
        ("originid", "/originId", Sort::CaseLess, &[Operator::Eq]),
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

/// The one scope that a resource has.
pub(crate) fn scope_of(resource: &Object) -> Object {
    object(
        json!({"id": derived_id(&["scope", text(resource, "id")]), "displayName": "Root", "description": "Root Scope",
        "originId": text(resource, "originId"), "originSystem": text(resource, "originSystem"), "isRootScope": true,
        "resourceId": text(resource, "id")}),
    )
}

/// The roles that a resource has in its origin system now.
pub(crate) fn roles_of(store: &Store, resource: &Object) -> Vec<Object> {
    let (id, origin, system) = (
        text(resource, "id"),
        text(resource, "originId"),
        text(resource, "originSystem"),
    );
    let role = |role_origin: &str, name: &str, description: Value| {
        object(
            json!({"id": derived_id(&["role", id, role_origin]), "displayName": name, "description": description,
            "originId": role_origin, "originSystem": system, "resourceId": id}),
        )
    };
    match system {
        "AadGroup" => {
            let Some(group) = store.get(Kind::Groups, origin) else {
                return Vec::new();
            };
            let dynamic = ids(group, "groupTypes").iter().any(|kind| kind == "DynamicMembership");
            let mut roles = Vec::new();
            if !dynamic {
                roles.push(role(&format!("Member_{origin}"), "Member", Value::Null));
            }
            roles.push(role(&format!("Owner_{origin}"), "Owner", Value::Null));
            if group.get("pim").and_then(Value::as_bool) == Some(true) {
                roles.push(role(
                    &format!("EligibleMember_{origin}"),
                    "Eligible Member",
                    Value::Null,
                ));
                roles.push(role(&format!("EligibleOwner_{origin}"), "Eligible Owner", Value::Null));
            }
            roles
        }
        "AadApplication" => {
            let Some(principal) = store.get(Kind::ServicePrincipals, origin) else {
                return Vec::new();
            };
            let enabled: Vec<Object> = principal
                .get("appRoles")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter(|role| role.get("isEnabled").and_then(Value::as_bool) == Some(true))
                .map(|given| {
                    let word = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
                    role(
                        word("id"),
                        word("displayName"),
                        given.get("description").cloned().unwrap_or_default(),
                    )
                })
                .collect();
            if enabled.is_empty() {
                return vec![role(
                    &derived_id(&["defaultAccess", origin]),
                    "Default Access",
                    json!("Default Access"),
                )];
            }
            enabled
        }
        "DirectoryRole" => vec![
            role("Eligible", "Eligible Member", Value::Null),
            role("Active", "Active Member", Value::Null),
        ],
        "SharePointOnline" => {
            let Some(site) = site(store, origin) else {
                return Vec::new();
            };
            let roles = site.get("roles").and_then(Value::as_array).cloned().unwrap_or_default();
            roles
                .iter()
                .map(|given| {
                    let word = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
                    role(word("originId"), word("displayName"), Value::Null)
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Some of the directory's built-in roles: template id, display name, whether Microsoft counts it as privileged
/// (Microsoft Entra built-in roles, November 2026).
const DIRECTORY_ROLES: [(&str, &str, bool); 6] = [
    ("4a5d8f65-41da-4de4-8968-e035b65339cf", "Reports Reader", false),
    ("790c1fb9-7f7d-4f88-86a1-ef1f95c05c1b", "Message Center Reader", false),
    ("a9ea8996-122f-4c74-9520-8edcd192826c", "Fabric Administrator", false),
    ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator", true),
    ("729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk Administrator", true),
    ("fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator", true),
];

fn directory_role(template: &str) -> Option<(&'static str, bool)> {
    let mut roles = DIRECTORY_ROLES.into_iter();
    roles
        .find(|(id, _, _)| same(id, template))
        .map(|(_, name, privileged)| (name, privileged))
}

/// A site by its URL.
pub(crate) fn site<'a>(store: &'a Store, url: &str) -> Option<&'a Object> {
    store.all(Kind::Sites).find(|site| same_site(text(site, "webUrl"), url))
}

/// Whether two `originId` are of one thing.
pub(crate) fn same_origin(one: &str, other: &str) -> bool {
    same(one, other) || (one.starts_with("https://") && same_site(one, other))
}

/// A resource for a catalog, named after its origin where it was not named.
pub(crate) fn new_resource(store: &Store, catalog: &str, given: &Object) -> Object {
    let mut origin = text(given, "originId").trim_end_matches('/').to_owned();
    let system = text(given, "originSystem").to_owned();
    let source = match system.as_str() {
        "AadGroup" => store.get(Kind::Groups, &origin),
        "AadApplication" => store.get(Kind::ServicePrincipals, &origin),
        "DirectoryRole" => None,
        _ => site(store, &origin),
    };
    if let Some(url) = source
        .map(|source| text(source, "webUrl"))
        .filter(|url| !url.is_empty())
    {
        origin = url.to_owned();
    }
    let or_source = |name: &str| {
        given
            .get(name)
            .filter(|value| !value.is_null())
            .or_else(|| source.and_then(|source| source.get(name)))
            .cloned()
            .or_else(|| {
                let role = directory_role(&origin).filter(|_| system == "DirectoryRole" && name == "displayName");
                role.map(|(title, _)| json!(title))
            })
            .unwrap_or_default()
    };
    let environment = (system == "SharePointOnline")
        .then(|| {
            let (_, environment) = crate::seed::environment_of(store, host_of(&origin));
            environment.map(|environment| text(&environment, "id").to_owned())
        })
        .flatten();
    let id = match given.get("id").and_then(Value::as_str).filter(|id| is_guid(id)) {
        Some(id) => id.to_owned(),
        None => store.ids.fresh(),
    };
    let now = store.clock.text();
    object(
        json!({"id": id, "displayName": or_source("displayName"), "description": or_source("description"),
        "originId": origin, "originSystem": system,
        "attributes": given.get("attributes").cloned().filter(Value::is_array).unwrap_or_else(|| json!([])),
        "createdDateTime": now, "modifiedDateTime": now, "catalogId": catalog, "environmentId": environment}),
    )
}

pub(super) fn serve(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    Some(match (call.method, rest) {
        ("GET", []) => call
            .visible(Kind::Resources, |resource| sites(call).lists || !is_site(resource))
            .and_then(|found| call.list(SHOWN, &RULES, found)),
        ("GET", [id]) => read(call, id).and_then(|found| call.one(200, SHOWN, &found)),
        ("POST", [id, "refresh"]) => refresh(call, id),
        _ => return None,
    })
}

/// Where the caller, always an application, sees sites.
fn sites(call: &Call<'_>) -> ShownSites {
    call.quirks.share_point_needs_delegated.shown()
}

fn read(call: &Call<'_>, id: &str) -> Result<Object, GraphError> {
    let resource = call.found(Kind::Resources, id, Need::Read)?;
    if is_site(&resource) && !sites(call).reads {
        return Err(call.absent());
    }
    Ok(resource)
}

fn refresh(call: &mut Call<'_>, id: &str) -> Answer {
    let resource = call.found(Kind::Resources, id, Need::Catalog)?;
    let fresh = new_resource(
        call.store,
        text(&resource, "catalogId"),
        &object(json!({
        "originId": resource.get("originId"), "originSystem": resource.get("originSystem")})),
    );
    call.store.update(Kind::Resources, id, |resource| {
        for name in ["displayName", "description", "modifiedDateTime"] {
            resource.insert(name.into(), fresh.get(name).cloned().unwrap_or_default());
        }
    });
    Reply::empty(204)
}

pub(super) fn list_of_catalog(call: &Call<'_>, catalog: &str) -> Answer {
    call.found(Kind::Catalogs, catalog, Need::Read)?;
    let found = call.visible(Kind::Resources, |resource| {
        same(text(resource, "catalogId"), catalog) && (sites(call).lists || !is_site(resource))
    })?;
    call.list(SHOWN, &RULES, found)
}

pub(super) fn get_of_catalog(call: &Call<'_>, catalog: &str, id: &str) -> Answer {
    call.found(Kind::Catalogs, catalog, Need::Read)?;
    let resource = read(call, id)?;
    if !same(text(&resource, "catalogId"), catalog) {
        return Err(call.absent());
    }
    call.one(200, SHOWN, &resource)
}

/// The page writes the filter into the request itself: both clauses are needed.
pub(super) fn roles_of_catalog(call: &Call<'_>, catalog: &str) -> Answer {
    call.found(Kind::Catalogs, catalog, Need::Read)?;
    let filter = call.filter(&ROLE_RULES)?;
    let wanted = filter
        .as_ref()
        .and_then(|filter| Some((filter.requires("originSystem")?, filter.requires("resource/id")?)));
    let Some((_, resource_id)) = wanted else {
        return Err(GraphError::bad_request(
            "The request needs a $filter on originSystem and resource/id: $filter=(originSystem eq \
             '…' and resource/id eq '…').",
        ));
    };
    let mut roles = Vec::new();
    for (_, resource) in call.visible(Kind::Resources, |resource| {
        same(text(resource, "catalogId"), catalog)
            && same(text(resource, "id"), resource_id)
            && (sites(call).resource_roles || !is_site(resource))
    })? {
        roles.extend(call.glass().roles(resource));
    }
    call.list(Shown::ResourceRole, &ROLE_RULES, (1..).zip(roles).collect())
}

pub(super) fn scopes_of_catalog(call: &Call<'_>, catalog: &str) -> Answer {
    call.found(Kind::Catalogs, catalog, Need::Read)?;
    let found = call.visible(Kind::Resources, |resource| {
        same(text(resource, "catalogId"), catalog) && (sites(call).resource_roles || !is_site(resource))
    })?;
    let scopes = found
        .into_iter()
        .map(|(number, resource)| (number, scope_of(resource)))
        .collect();
    call.list(Shown::ResourceScope, &SCOPE_RULES, scopes)
}

pub(super) fn environments(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    let shown = Shown::Stored(Kind::ResourceEnvironments);
    Some(match (call.method, rest) {
        ("GET", []) => call.caller.allow_lists(call.store).and_then(|_| {
            let all = call
                .store
                .list(Kind::ResourceEnvironments, 0)
                .map(|(n, object)| (n, object.clone()))
                .collect();
            call.list(shown, &ENVIRONMENT_RULES, all)
        }),
        ("GET", [id]) => call.caller.allow_lists(call.store).and_then(|_| {
            if !is_guid(id) {
                return Err(GraphError::malformed_id(id));
            }
            let found = call
                .store
                .get(Kind::ResourceEnvironments, id)
                .cloned()
                .ok_or_else(|| call.absent())?;
            call.one(200, shown, &found)
        }),
        _ => return None,
    })
}

pub(super) fn requests(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    let shown = Shown::Stored(Kind::ResourceRequests);
    Some(match (call.method, rest) {
        ("GET", []) => call
            .visible(Kind::ResourceRequests, |_| true)
            .and_then(|found| call.list(shown, &REQUEST_RULES, found)),
        ("GET", [id]) => call
            .found(Kind::ResourceRequests, id, Need::Read)
            .and_then(|found| call.one(200, shown, &found)),
        ("GET", [id, "resource"]) => call.found(Kind::ResourceRequests, id, Need::Read).and_then(|request| {
            let resource = request
                .get("resource")
                .and_then(Value::as_object)
                .filter(|resource| sites(call).requests || !is_site(resource))
                .cloned()
                .ok_or_else(|| call.absent())?;
            call.one(200, SHOWN, &resource)
        }),
        ("POST", []) => request(call),
        _ => return None,
    })
}

fn request(call: &mut Call<'_>) -> Answer {
    let body = call.model("accessPackageResourceRequest")?;
    let Some(given) = body.get("resource").and_then(Value::as_object).cloned() else {
        return call.senseless("resource is missing");
    };
    let kind = text(&body, "requestType").to_owned();
    let mut catalog = reference(&body, "catalog");
    if catalog.is_none() && kind == "adminRemove" {
        // Whether a removal needs the catalog is not documented; the resource names it.
        catalog = call
            .store
            .get(Kind::Resources, text(&given, "id"))
            .map(|resource| text(resource, "catalogId").to_owned());
    }
    let Some(catalog) = catalog else {
        return call.senseless("catalog.id is missing");
    };
    if !is_guid(&catalog) {
        return Err(GraphError::malformed_id(&catalog));
    }
    if call.store.get(Kind::Catalogs, &catalog).is_none() {
        return Err(call.absent());
    }
    call.caller.allow(call.store, Need::Catalog, Some(&catalog))?;
    let resource = match kind.as_str() {
        "adminAdd" => add(call, &catalog, &given)?,
        "adminRemove" => remove(call, &catalog, &given)?,
        "adminUpdate" => change(call, &catalog, &given)?,
        other => {
            return call.senseless(format!(
                "requestType '{other}' is none of adminAdd, adminRemove, adminUpdate"
            ));
        }
    };
    let id = call.store.ids.fresh();
    let made = object(
        json!({"id": id, "requestType": kind, "state": "delivered", "createdDateTime": call.store.clock.text(),
        "catalogId": catalog, "resourceId": text(&resource, "id"), "resource": resource}),
    );
    call.store.insert(Kind::ResourceRequests, &id, made.clone());
    let mut reply = call.one(201, Shown::Stored(Kind::ResourceRequests), &made)?;
    // No list will show a site that was added: its id is told here, or nowhere.
    if is_site(&resource)
        && sites(call).answers
        && let Some(Value::Object(body)) = &mut reply.body
        && !body.contains_key("resource")
    {
        body.insert("resource".into(), call.glass().show(SHOWN, &resource, &[], &[])?);
    }
    Ok(reply)
}

fn host_of(url: &str) -> &str {
    let url = url.trim_start_matches("https://");
    url.split('/').next().unwrap_or(url)
}

fn origin_unknown() -> GraphError {
    GraphError::new(
        400,
        "ResourceNotFoundInOriginSystem",
        "The resource was not found in the origin system.",
    )
}

fn add(call: &mut Call<'_>, catalog: &str, given: &Object) -> Result<Object, GraphError> {
    let (origin, system) = (
        text(given, "originId").to_owned(),
        text(given, "originSystem").to_owned(),
    );
    match system.as_str() {
        "AadGroup" | "AadApplication" | "SharePointOnline" | "DirectoryRole" => {}
        "AzureResources" | "CustomDataProvidedResource" => {
            return Err(GraphError::not_emulated(format!(
                "resources of the origin system {system}"
            )));
        }
        _ => {
            return Err(GraphError::new(
                400,
                "ArgumentException",
                format!("Requested value '{system}' was not found."),
            ));
        }
    }
    if system != "SharePointOnline" && !is_guid(&origin) {
        return Err(GraphError::malformed_id(&origin));
    }
    let not_owner = || GraphError::new(400, "CallerNotResourceOwner", "The caller is not the resource owner.");
    match system.as_str() {
        "AadGroup" => {
            let group = call.store.get(Kind::Groups, &origin).ok_or_else(origin_unknown)?;
            if group.get("onPremisesSyncEnabled").and_then(Value::as_bool) == Some(true) {
                return Err(GraphError::stand_in(
                    400,
                    "GroupNotSupported",
                    "A group that is synchronized from on-premises cannot be added to a catalog.",
                ));
            }
            let owns = ids(group, "owners")
                .iter()
                .any(|owner| same(owner, &call.caller.object_id));
            let guarded = group.get("isAssignableToRole").and_then(Value::as_bool) == Some(true);
            let may = if guarded {
                call.caller.has("RoleManagement.ReadWrite.Directory")
            } else {
                call.caller.has("Group.ReadWrite.All")
            };
            if !owns && !may {
                return Err(not_owner());
            }
        }
        "AadApplication" => {
            call.store
                .get(Kind::ServicePrincipals, &origin)
                .ok_or_else(origin_unknown)?;
            if !call.caller.has("Application.ReadWrite.All") {
                return Err(not_owner());
            }
        }
        // Facts 1.3: an application needs more than entitlement management's permission for it, and privileged roles are
        // not taken any more; the words of the refusal are not documented.
        "DirectoryRole" => {
            let (_, privileged) = directory_role(&origin).ok_or_else(origin_unknown)?;
            if !call.caller.has("RoleManagement.ReadWrite.Directory") {
                return Err(not_owner());
            }
            if privileged {
                return Err(GraphError::stand_in(
                    400,
                    "PrivilegedRoleNotSupported",
                    "A privileged directory role cannot be added to a catalog.",
                ));
            }
        }
        _ => {
            let site = site(call.store, &origin).ok_or_else(origin_unknown)?;
            // A site of another geographic location is found in that one's environment only; that it is so is unverified.
            let (admin, environment) = crate::seed::environment_of(call.store, host_of(text(site, "webUrl")));
            let is_default =
                environment.is_some_and(|environment| environment.get("isDefaultEnvironment") == Some(&json!(true)));
            let asked = given
                .get("environment")
                .and_then(|environment| environment.get("originId"));
            let is_there = match asked.and_then(Value::as_str) {
                Some(asked) => same(asked.trim_end_matches('/'), admin.trim_end_matches('/')),
                None => is_default,
            };
            if !is_there {
                return Err(origin_unknown());
            }
            if !call.caller.has("Sites.FullControl.All") {
                return Err(not_owner());
            }
        }
    }
    let made = new_resource(call.store, catalog, given);
    let twice = call.store.all(Kind::Resources).any(|resource| {
        same(text(resource, "catalogId"), catalog)
            && text(resource, "originSystem") == system
            && same(text(resource, "originId"), text(&made, "originId"))
    });
    if twice {
        return Err(GraphError::stand_in(
            400,
            "ResourceAlreadyOnboarded",
            "The specified resource is already onboarded to ELM",
        ));
    }
    call.store.insert(Kind::Resources, text(&made, "id"), made.clone());
    Ok(made)
}

fn named(call: &Call<'_>, catalog: &str, given: &Object) -> Result<Object, GraphError> {
    let id = text(given, "id");
    if !id.is_empty() && !is_guid(id) {
        return Err(GraphError::malformed_id(id));
    }
    let found = call.store.all(Kind::Resources).find(|resource| {
        same(text(resource, "catalogId"), catalog)
            && if id.is_empty() {
                same_origin(text(resource, "originId"), text(given, "originId"))
                    && same(text(resource, "originSystem"), text(given, "originSystem"))
            } else {
                same(text(resource, "id"), id)
            }
    });
    found.cloned().ok_or_else(GraphError::not_found)
}

fn remove(call: &mut Call<'_>, catalog: &str, given: &Object) -> Result<Object, GraphError> {
    let resource = named(call, catalog, given)?;
    let id = text(&resource, "id").to_owned();
    if call
        .store
        .all(Kind::ResourceRoleScopes)
        .any(|used| same(text(used, "resourceId"), &id))
    {
        let name = text(&resource, "displayName");
        return Err(GraphError::new(
            400,
            "InvalidDeleteResourceHasEntitlements",
            format!("The resource: {name} can not be deleted because there are active entitlements."),
        ));
    }
    call.store.remove(Kind::Resources, &id);
    Ok(resource)
}

fn change(call: &mut Call<'_>, catalog: &str, given: &Object) -> Result<Object, GraphError> {
    let resource = named(call, catalog, given)?;
    let mut attributes = given.get("attributes").cloned().unwrap_or_else(|| json!([]));
    for attribute in attributes
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        crate::schema::complete("accessPackageResourceAttribute", attribute);
        if let Some(question) = attribute
            .get_mut("source")
            .and_then(|source| source.get_mut("question"))
            .and_then(Value::as_object_mut)
        {
            crate::schema::complete("accessPackageQuestion", question);
            question.entry("id").or_insert_with(|| json!(call.store.ids.fresh()));
        }
    }
    let id = text(&resource, "id").to_owned();
    let now = call.store.clock.text();
    call.store.update(Kind::Resources, &id, |resource| {
        resource.insert("attributes".into(), attributes);
        resource.insert("modifiedDateTime".into(), json!(now));
    });
    Ok(call.store.get(Kind::Resources, &id).cloned().unwrap_or(resource))
}
