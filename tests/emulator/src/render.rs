//! From what is stored to what Graph shows: inner properties left out, navigation properties only when expanded.

use serde_json::{Value, json};

use crate::error::GraphError;
use crate::odata::expand::Expand;
use crate::quirks::{Quirks, ShownSites};
use crate::schema;
use crate::store::{Kind, Object, Store, ids, same, text};
use crate::world::CatalogRole;

/// The types that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Stored(Kind),
    ResourceRole,
    ResourceScope,
    Subject,
    StageSetting,
    Question,
    RoleDefinition,
}

impl Shown {
    pub(crate) const fn type_name(self) -> &'static str {
        match self {
            Self::Stored(kind) => match kind {
                Kind::Catalogs => "accessPackageCatalog",
                Kind::Resources => "accessPackageResource",
                Kind::ResourceRequests => "accessPackageResourceRequest",
                Kind::ResourceEnvironments => "accessPackageResourceEnvironment",
                Kind::AccessPackages => "accessPackage",
                Kind::ResourceRoleScopes => "accessPackageResourceRoleScope",
                Kind::AssignmentPolicies => "accessPackageAssignmentPolicy",
                Kind::Assignments => "accessPackageAssignment",
                Kind::AssignmentRequests => "accessPackageAssignmentRequest",
                Kind::RoleAssignments => "unifiedRoleAssignment",
                Kind::ConnectedOrganizations => "connectedOrganization",
                Kind::CustomWorkflowExtensions => "customCalloutExtension",
                Kind::Users => "user",
                Kind::Groups => "group",
                Kind::ServicePrincipals => "servicePrincipal",
                Kind::Sites => "site",
                Kind::AdministrativeUnits => "administrativeUnit",
            },
            Self::ResourceRole => "accessPackageResourceRole",
            Self::ResourceScope => "accessPackageResourceScope",
            Self::Subject => "accessPackageSubject",
            Self::StageSetting => "customExtensionStageSetting",
            Self::Question => "accessPackageQuestion",
            Self::RoleDefinition => "unifiedRoleDefinition",
        }
    }

    /// What the store keeps beside the public properties, and navigation properties that it holds inline.
    const fn inner(self) -> &'static [&'static str] {
        match self {
            Self::Stored(kind) => match kind {
                Kind::Resources => &["catalogId", "environmentId"],
                Kind::ResourceRequests => &["catalogId", "resourceId", "resource"],
                Kind::AccessPackages => &["catalogId", "incompatibleAccessPackages", "incompatibleGroups"],
                Kind::ResourceRoleScopes => &[
                    "accessPackageId",
                    "resourceId",
                    "originSystem",
                    "originId",
                    "roleOriginId",
                    "role",
                    "scope",
                    "roleId",
                    "scopeId",
                ],
                Kind::AssignmentPolicies => &["accessPackageId", "customExtensionStageSettings", "reviewSeries"],
                Kind::Assignments => &[
                    "accessPackageId",
                    "assignmentPolicyId",
                    "targetId",
                    "target",
                    "graceUntil",
                ],
                Kind::AssignmentRequests => &[
                    "accessPackageId",
                    "assignmentId",
                    "targetObjectId",
                    "requestor",
                    "asked",
                    "dueAt",
                ],
                Kind::ConnectedOrganizations => &["internalSponsors", "externalSponsors"],
                Kind::CustomWorkflowExtensions => &["catalogId"],
                Kind::Users => &["managerId", "governed", "blockedSince"],
                Kind::Groups => &["members", "owners", "pim", "eligibleFor"],
                Kind::Sites => &["roles"],
                Kind::Catalogs
                | Kind::ResourceEnvironments
                | Kind::RoleAssignments
                | Kind::ServicePrincipals
                | Kind::AdministrativeUnits => &[],
            },
            Self::ResourceRole | Self::ResourceScope => &["resourceId"],
            Self::StageSetting => &["customExtensionId"],
            Self::Subject | Self::Question | Self::RoleDefinition => &[],
        }
    }

    /// Everything that `$expand=*` opens.
    const fn navigations(self) -> &'static [&'static str] {
        match self {
            Self::Stored(kind) => match kind {
                Kind::Catalogs => &["accessPackages", "resources", "customWorkflowExtensions"],
                Kind::Resources => &["roles", "scopes", "environment"],
                Kind::ResourceRequests => &["catalog", "resource"],
                Kind::AccessPackages => &[
                    "catalog",
                    "assignmentPolicies",
                    "resourceRoleScopes",
                    "incompatibleAccessPackages",
                    "incompatibleGroups",
                    "accessPackagesIncompatibleWith",
                ],
                Kind::ResourceRoleScopes => &["role", "scope"],
                Kind::AssignmentPolicies => &["accessPackage", "catalog", "customExtensionStageSettings", "questions"],
                Kind::Assignments => &["accessPackage", "assignmentPolicy", "target"],
                Kind::AssignmentRequests => &["accessPackage", "assignment", "requestor"],
                Kind::RoleAssignments => &["principal", "roleDefinition"],
                Kind::ConnectedOrganizations => &["internalSponsors", "externalSponsors"],
                Kind::ResourceEnvironments
                | Kind::CustomWorkflowExtensions
                | Kind::Users
                | Kind::Groups
                | Kind::ServicePrincipals
                | Kind::Sites
                | Kind::AdministrativeUnits => &[],
            },
            Self::ResourceRole | Self::ResourceScope => &["resource"],
            Self::StageSetting => &["customExtension"],
            Self::Subject | Self::Question | Self::RoleDefinition => &[],
        }
    }
}

/// What a navigation property leads to.
enum Led {
    One(Shown, Option<Object>),
    Many(Shown, Vec<Object>),
    /// Directory objects of several types, each shown with its type.
    People(Vec<Object>),
    Person(Option<Object>),
}

/// What a user shows unless more is selected (Microsoft Graph, "user: properties returned by default").
const USER_BY_DEFAULT: [&str; 7] = [
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "surname",
    "userPrincipalName",
];

/// A look at the tenant from one request.
pub(crate) struct Glass<'a> {
    pub(crate) store: &'a Store,
    pub(crate) quirks: &'a Quirks,
    /// Milliseconds that expands lag behind.
    pub(crate) lag: u64,
}

impl Glass<'_> {
    fn owned(&self, kind: Kind, key: &str, id: &str) -> Vec<Object> {
        self.store
            .list(kind, self.lag)
            .filter(|(_, object)| same(text(object, key), id))
            .map(|(_, object)| object.clone())
            .collect()
    }

    fn sites(&self) -> ShownSites {
        self.quirks.share_point_needs_delegated.shown()
    }

    fn one(&self, kind: Kind, id: &str) -> Led {
        Led::One(Shown::Stored(kind), self.store.get(kind, id).cloned())
    }

    fn follow(&self, shown: Shown, object: &Object, name: &str) -> Option<Led> {
        let id = text(object, "id");
        let led = match (shown, name) {
            (Shown::Stored(Kind::Catalogs), "accessPackages") => Led::Many(
                Shown::Stored(Kind::AccessPackages),
                self.owned(Kind::AccessPackages, "catalogId", id),
            ),
            (Shown::Stored(Kind::Catalogs), "resources") => {
                let mut resources = self.owned(Kind::Resources, "catalogId", id);
                resources.retain(|resource| self.sites().lists || !is_site(resource));
                Led::Many(Shown::Stored(Kind::Resources), resources)
            }
            (Shown::Stored(Kind::Catalogs), "customWorkflowExtensions") => Led::Many(
                Shown::Stored(Kind::CustomWorkflowExtensions),
                self.owned(Kind::CustomWorkflowExtensions, "catalogId", id),
            ),
            (Shown::Stored(Kind::AccessPackages), "catalog") => self.one(Kind::Catalogs, text(object, "catalogId")),
            (Shown::Stored(Kind::AccessPackages), "assignmentPolicies") => Led::Many(
                Shown::Stored(Kind::AssignmentPolicies),
                self.owned(Kind::AssignmentPolicies, "accessPackageId", id),
            ),
            (Shown::Stored(Kind::AccessPackages), "resourceRoleScopes") => {
                let mut role_scopes = self.owned(Kind::ResourceRoleScopes, "accessPackageId", id);
                role_scopes.retain(|role_scope| self.sites().packages || !is_site(role_scope));
                Led::Many(Shown::Stored(Kind::ResourceRoleScopes), role_scopes)
            }
            (Shown::Stored(Kind::AccessPackages), "incompatibleAccessPackages") => Led::Many(
                Shown::Stored(Kind::AccessPackages),
                ids(object, name)
                    .iter()
                    .filter_map(|id| self.store.get(Kind::AccessPackages, id).cloned())
                    .collect(),
            ),
            (Shown::Stored(Kind::AccessPackages), "incompatibleGroups") => Led::Many(
                Shown::Stored(Kind::Groups),
                ids(object, name)
                    .iter()
                    .filter_map(|id| self.store.get(Kind::Groups, id).cloned())
                    .collect(),
            ),
            (Shown::Stored(Kind::AccessPackages), "accessPackagesIncompatibleWith") => Led::Many(
                Shown::Stored(Kind::AccessPackages),
                self.store
                    .all(Kind::AccessPackages)
                    .filter(|other| {
                        ids(other, "incompatibleAccessPackages")
                            .iter()
                            .any(|other| same(other, id))
                    })
                    .cloned()
                    .collect(),
            ),
            (
                Shown::Stored(Kind::AssignmentPolicies | Kind::Assignments | Kind::AssignmentRequests),
                "accessPackage",
            ) => self.one(Kind::AccessPackages, text(object, "accessPackageId")),
            (Shown::Stored(Kind::AssignmentPolicies), "catalog") => {
                let catalog = self
                    .store
                    .get(Kind::AccessPackages, text(object, "accessPackageId"))
                    .map(|package| text(package, "catalogId").to_owned());
                self.one(Kind::Catalogs, &catalog.unwrap_or_default())
            }
            (Shown::Stored(Kind::AssignmentPolicies), "customExtensionStageSettings") => {
                Led::Many(Shown::StageSetting, inline(object, name))
            }
            (Shown::Stored(Kind::AssignmentPolicies), "questions") => Led::Many(Shown::Question, inline(object, name)),
            (Shown::StageSetting, "customExtension") => {
                self.one(Kind::CustomWorkflowExtensions, text(object, "customExtensionId"))
            }
            (Shown::Stored(Kind::Assignments), "assignmentPolicy") => {
                self.one(Kind::AssignmentPolicies, text(object, "assignmentPolicyId"))
            }
            (Shown::Stored(Kind::Assignments), "target") | (Shown::Stored(Kind::AssignmentRequests), "requestor") => {
                Led::One(Shown::Subject, object.get(name).and_then(Value::as_object).cloned())
            }
            (Shown::Stored(Kind::AssignmentRequests), "assignment") => {
                self.one(Kind::Assignments, text(object, "assignmentId"))
            }
            (Shown::Stored(Kind::Resources), "roles") => {
                let empty = self.quirks.empty_app_roles && text(object, "originSystem") == "AadApplication";
                let roles = if empty { Vec::new() } else { self.roles(object) };
                Led::Many(Shown::ResourceRole, roles)
            }
            (Shown::Stored(Kind::Resources), "scopes") => {
                Led::Many(Shown::ResourceScope, vec![crate::routes::resources::scope_of(object)])
            }
            (Shown::Stored(Kind::Resources), "environment") => {
                self.one(Kind::ResourceEnvironments, text(object, "environmentId"))
            }
            (Shown::ResourceRole | Shown::ResourceScope, "resource") => {
                self.one(Kind::Resources, text(object, "resourceId"))
            }
            (Shown::Stored(Kind::ResourceRequests), "catalog") => self.one(Kind::Catalogs, text(object, "catalogId")),
            // A resource that has left its catalog is still known to the request.
            (Shown::Stored(Kind::ResourceRequests), "resource") => Led::One(
                Shown::Stored(Kind::Resources),
                object
                    .get("resource")
                    .and_then(Value::as_object)
                    .filter(|resource| self.sites().requests || !is_site(resource))
                    .cloned(),
            ),
            (Shown::Stored(Kind::ResourceRoleScopes), "role") => Led::One(
                Shown::ResourceRole,
                object.get(name).and_then(Value::as_object).cloned(),
            ),
            (Shown::Stored(Kind::ResourceRoleScopes), "scope") => Led::One(
                Shown::ResourceScope,
                object.get(name).and_then(Value::as_object).cloned(),
            ),
            (Shown::Stored(Kind::ConnectedOrganizations), "internalSponsors" | "externalSponsors") => Led::People(
                ids(object, name)
                    .iter()
                    .filter_map(|id| self.store.principal(id).map(|(kind, found)| typed(kind, found)))
                    .collect(),
            ),
            (Shown::Stored(Kind::RoleAssignments), "principal") => Led::Person(
                self.store
                    .principal(text(object, "principalId"))
                    .map(|(kind, found)| typed(kind, found)),
            ),
            (Shown::Stored(Kind::RoleAssignments), "roleDefinition") => Led::One(
                Shown::RoleDefinition,
                CatalogRole::from_id(text(object, "roleDefinitionId")).map(crate::routes::roles::definition),
            ),
            _ => return None,
        };
        Some(led)
    }

    /// The roles of a resource, without ids where that quirk is on and no package uses them yet.
    pub(crate) fn roles(&self, resource: &Object) -> Vec<Object> {
        let mut roles = crate::routes::resources::roles_of(self.store, resource);
        if self.quirks.roles_without_ids {
            for role in &mut roles {
                let used = self
                    .store
                    .all(Kind::ResourceRoleScopes)
                    .any(|used| text(used, "roleId") == text(role, "id"));
                if !used {
                    role.remove("id");
                }
            }
        }
        roles
    }

    /// Shows an object.
    pub(crate) fn show(
        &self,
        shown: Shown,
        object: &Object,
        select: &[String],
        expand: &[Expand],
    ) -> Result<Value, GraphError> {
        let mut seen = object.clone();
        for name in shown.inner() {
            seen.remove(*name);
        }
        for name in select {
            if name != "*" && !schema::declares(shown.type_name(), name) && !object.contains_key(name) {
                return Err(unknown(shown, name));
            }
        }
        if !select.is_empty() && !select.iter().any(|name| name == "*") {
            seen.retain(|name, _| name.starts_with('@') || select.iter().any(|wanted| same(wanted, name)));
        } else if shown == Shown::Stored(Kind::Users) {
            seen.retain(|name, _| name.starts_with('@') || USER_BY_DEFAULT.contains(&name.as_str()));
        }
        let all: Vec<Expand>;
        let expand = if expand.iter().any(|one| one.name == "*") {
            all = shown
                .navigations()
                .iter()
                .map(|name| Expand {
                    name: (*name).to_owned(),
                    ..Expand::default()
                })
                .collect();
            all.as_slice()
        } else {
            expand
        };
        for one in expand {
            let Some(led) = self.follow(shown, object, &one.name) else {
                return Err(unknown(shown, &one.name));
            };
            let value = match led {
                Led::One(of, Some(object)) => self.show(of, &object, &one.select, &one.expand)?,
                Led::One(_, None) | Led::Person(None) => Value::Null,
                Led::Many(of, objects) => {
                    let mut values = Vec::new();
                    for object in &objects {
                        values.push(self.show(of, object, &one.select, &one.expand)?);
                    }
                    json!(values)
                }
                Led::Person(Some(object)) => person(&object, &one.select),
                Led::People(objects) => objects.iter().map(|object| person(object, &one.select)).collect(),
            };
            seen.insert(one.name.clone(), value);
        }
        Ok(Value::Object(seen))
    }

    /// Whether every name can be expanded and selected, also where there is nothing to show.
    pub(crate) fn admit(&self, shown: Shown, select: &[String], expand: &[Expand]) -> Result<(), GraphError> {
        for name in select {
            if name != "*" && !schema::declares(shown.type_name(), name) {
                return Err(unknown(shown, name));
            }
        }
        let empty = Object::new();
        for one in expand.iter().filter(|one| one.name != "*") {
            match self.follow(shown, &empty, &one.name) {
                Some(Led::One(of, _) | Led::Many(of, _)) => self.admit(of, &one.select, &one.expand)?,
                Some(Led::People(_) | Led::Person(_)) => {}
                None => return Err(unknown(shown, &one.name)),
            }
        }
        Ok(())
    }
}

fn unknown(shown: Shown, name: &str) -> GraphError {
    let type_name = shown.type_name();
    if schema::declares(type_name, name) {
        return GraphError::not_emulated(format!("'{name}' of {type_name} in $expand"));
    }
    GraphError::bad_request(format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on \
         type 'microsoft.graph.{type_name}'."
    ))
}

/// Whether a resource, or what hands one out, is a site.
pub(crate) fn is_site(object: &Object) -> bool {
    text(object, "originSystem") == "SharePointOnline"
}

fn inline(object: &Object, name: &str) -> Vec<Object> {
    object
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .cloned()
        .collect()
}

fn typed(kind: Kind, object: &Object) -> Object {
    let mut object = object.clone();
    for name in Shown::Stored(kind).inner() {
        object.remove(*name);
    }
    if kind == Kind::Users {
        object.retain(|name, _| USER_BY_DEFAULT.contains(&name.as_str()));
    }
    object.insert(
        "@odata.type".into(),
        json!(format!("#microsoft.graph.{}", Shown::Stored(kind).type_name())),
    );
    object
}

/// A directory object where the declared type is only `directoryObject`.
pub(crate) fn directory_object(kind: Kind, object: &Object) -> Value {
    Value::Object(typed(kind, object))
}

fn person(object: &Object, select: &[String]) -> Value {
    let mut object = object.clone();
    if !select.is_empty() {
        object.retain(|name, _| name.starts_with('@') || select.iter().any(|wanted| same(wanted, name)));
    }
    Value::Object(object)
}
