//! The paths of Graph that are served, and what they have in common.

pub(crate) mod assignments;
pub(crate) mod catalogs;
pub(crate) mod directory;
mod eligibility;
pub(crate) mod extensions;
pub(crate) mod organizations;
pub(crate) mod packages;
pub(crate) mod policies;
pub(crate) mod resources;
pub(crate) mod roles;

use std::borrow::Borrow;

use serde_json::{Value, json};

use crate::caller::{Caller, Need};
use crate::error::GraphError;
use crate::odata::filter::{self, Filter, Rules};
use crate::odata::{Query, page};
use crate::quirks::Quirks;
use crate::render::{Glass, Shown};
use crate::schema::{self, is_guid};
use crate::store::{Kind, Object, Store, text};
use crate::world::World;

/// One request to Graph, already signed in.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a World,
    pub(crate) store: &'a mut Store,
    pub(crate) quirks: &'a Quirks,
    pub(crate) caller: &'a Caller,
    /// `https://localhost:P/v1.0`.
    pub(crate) graph: &'a str,
    pub(crate) method: &'a str,
    /// The path below `/v1.0`, decoded.
    pub(crate) path: &'a [String],
    /// The path below `/v1.0` as it was written, for the next link.
    pub(crate) raw_path: &'a str,
    pub(crate) query: Query,
    pub(crate) body: Option<Value>,
    /// What went wrong with the model, for the log only.
    pub(crate) note: &'a mut Option<String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
}

pub(crate) type Answer = Result<Reply, GraphError>;

impl Reply {
    pub(crate) const fn empty(status: u16) -> Answer {
        Ok(Self { status, body: None })
    }
}

impl Call<'_> {
    pub(crate) fn glass(&self) -> Glass<'_> {
        Glass {
            store: self.store,
            quirks: self.quirks,
            lag: self.quirks.lags().expands,
        }
    }

    /// The body, checked against a type of v1.0.
    pub(crate) fn model(&mut self, type_name: &str) -> Result<Object, GraphError> {
        let Some(Value::Object(mut object)) = self.body.take() else {
            *self.note = Some("the body is no JSON object".to_owned());
            return Err(GraphError::invalid_model());
        };
        match schema::check(type_name, &mut object) {
            Ok(()) => {
                if self.quirks.trims_texts {
                    trim(&mut object);
                }
                Ok(object)
            }
            Err(what) => {
                *self.note = Some(what);
                Err(GraphError::invalid_model())
            }
        }
    }

    /// Refuses a body whose shape fits but whose sense does not; the reason goes to the log.
    pub(crate) fn senseless<T>(&mut self, why: impl Into<String>) -> Result<T, GraphError> {
        *self.note = Some(why.into());
        Err(GraphError::invalid_model())
    }

    /// What an absent id answers to this caller.
    pub(crate) fn absent(&self) -> GraphError {
        let by_role = !self.caller.reads_all() && !self.caller.catalog_roles(self.store).is_empty();
        if by_role || self.quirks.forbidden_instead_of_not_found {
            GraphError::unauthorized()
        } else if self.caller.reads_all() {
            GraphError::not_found()
        } else {
            GraphError::denied()
        }
    }

    /// An object by the id in the path, if the caller may do this with it.
    pub(crate) fn found(&self, kind: Kind, id: &str, need: Need) -> Result<Object, GraphError> {
        if !is_guid(id) {
            self.caller.allow_lists(self.store)?;
            return Err(GraphError::malformed_id(id));
        }
        let lag = if self.method == "GET" {
            self.quirks.lags().reads
        } else {
            0
        };
        let Some(object) = self.store.get_late(kind, id, lag).cloned() else {
            return Err(self.absent());
        };
        self.caller
            .allow(self.store, need, self.catalog_of(kind, &object).as_deref())?;
        Ok(object)
    }

    /// The catalog that an object belongs to.
    pub(crate) fn catalog_of(&self, kind: Kind, object: &Object) -> Option<String> {
        match kind {
            Kind::Catalogs => Some(text(object, "id").to_owned()),
            Kind::AssignmentPolicies | Kind::Assignments | Kind::AssignmentRequests | Kind::ResourceRoleScopes => self
                .store
                .get(Kind::AccessPackages, text(object, "accessPackageId"))
                .map(|package| text(package, "catalogId").to_owned()),
            Kind::RoleAssignments => Some(
                text(object, "appScopeId")
                    .trim_start_matches("/AccessPackageCatalog/")
                    .to_owned(),
            ),
            Kind::Resources
            | Kind::ResourceRequests
            | Kind::AccessPackages
            | Kind::CustomWorkflowExtensions
            | Kind::ResourceEnvironments
            | Kind::ConnectedOrganizations
            | Kind::Users
            | Kind::Groups
            | Kind::ServicePrincipals
            | Kind::Sites
            | Kind::AdministrativeUnits => {
                let catalog = text(object, "catalogId");
                (!catalog.is_empty()).then(|| catalog.to_owned())
            }
        }
    }

    fn context(&self, suffix: &str) -> String {
        format!("{}/$metadata#{}{suffix}", self.graph, self.path.join("/"))
    }

    /// One object as the answer.
    pub(crate) fn one(&self, status: u16, shown: Shown, object: &Object) -> Answer {
        self.glass().admit(shown, &self.query.select, &self.query.expand)?;
        let mut value = self
            .glass()
            .show(shown, object, &self.query.select, &self.query.expand)?;
        self.cut_expanded(&mut value);
        let set = if self.method == "POST" || matches!(self.path.last().map(String::as_str), Some("settings")) {
            self.path.join("/")
        } else {
            self.path
                .iter()
                .take(self.path.len().saturating_sub(1))
                .cloned()
                .collect::<Vec<_>>()
                .join("/")
        };
        value["@odata.context"] = json!(format!("{}/$metadata#{set}/$entity", self.graph));
        Ok(Reply {
            status,
            body: Some(value),
        })
    }

    /// Cuts the collections that were expanded on an access package, where a quirk says so: the rest is behind a link.
    fn cut_expanded(&self, package: &mut Value) {
        let (Some(size), true) = (
            self.quirks.expand_page_size,
            self.path.iter().any(|part| part == "accessPackages"),
        ) else {
            return;
        };
        let id = package["id"].as_str().unwrap_or_default().to_owned();
        for expand in &self.query.expand {
            let Some(elements) = package.get_mut(&expand.name).and_then(Value::as_array_mut) else {
                continue;
            };
            if elements.len() <= size {
                continue;
            }
            elements.truncate(size);
            let inner: Vec<&str> = expand.expand.iter().map(|inner| inner.name.as_str()).collect();
            let inner = if inner.is_empty() {
                String::new()
            } else {
                format!("&$expand={}", inner.join(","))
            };
            let link = format!(
                "{}/identityGovernance/entitlementManagement/accessPackages/{id}/{}?$skip={size}{inner}",
                self.graph, expand.name
            );
            package[format!("{}@odata.nextLink", expand.name)] = link.into();
        }
    }

    /// The filter of the request, admitted by the collection's rules.
    pub(crate) fn filter(&self, rules: &Rules) -> Result<Option<Filter>, GraphError> {
        let Some(filter) = &self.query.filter else {
            return Ok(None);
        };
        let filter = filter::parse(filter)?;
        filter.admit(rules)?;
        Ok(Some(filter))
    }

    /// A collection as the answer.
    pub(crate) fn list<T: Borrow<Object>>(&self, shown: Shown, rules: &Rules, objects: Vec<(u64, T)>) -> Answer {
        let filter = self.filter(rules)?;
        let glass = self.glass();
        glass.admit(shown, &self.query.select, &self.query.expand)?;
        if self.quirks.no_collection_expand && self.query.expand.iter().any(|one| one.name == "resourceRoleScopes") {
            return Err(GraphError::bad_request(
                "Parsing OData Select and Expand failed: 'resourceRoleScopes' cannot be expanded in a collection.",
            ));
        }
        let passed: Vec<(u64, T)> = objects
            .into_iter()
            .filter(|(_, object)| {
                filter
                    .as_ref()
                    .is_none_or(|filter| filter.admits(rules, object.borrow()))
            })
            .collect();
        let cut = page::cut(&self.query, self.quirks.page_size.unwrap_or(100), passed)?;
        let mut items = Vec::new();
        for object in &cut.items {
            let mut item = glass.show(shown, object.borrow(), &self.query.select, &self.query.expand)?;
            self.cut_expanded(&mut item);
            items.push(item);
        }
        let page = page::Page {
            items,
            next: cut.next,
            count: cut.count,
        };
        let here = format!("{}/{}", self.graph, self.raw_path);
        Ok(Reply {
            status: 200,
            body: Some(page::body(self.context(""), &here, &self.query, page)),
        })
    }

    /// The stored objects of a collection as this caller and a lagging replica see them.
    pub(crate) fn visible(
        &self,
        kind: Kind,
        keep: impl Fn(&Object) -> bool,
    ) -> Result<Vec<(u64, &Object)>, GraphError> {
        let only = self.caller.allow_lists(self.store)?;
        let mine = |object: &Object| {
            only.as_ref().is_none_or(|catalogs| {
                self.catalog_of(kind, object)
                    .is_some_and(|catalog| catalogs.contains(&catalog.to_lowercase()))
            })
        };
        let all = self.store.list(kind, self.quirks.lags().lists);
        Ok(all.filter(|(_, object)| keep(object) && mine(object)).collect())
    }
}

/// Names and descriptions without white space at their end and with LF for CRLF, however deep they stand.
fn trim(object: &mut Object) {
    fn value(inner: &mut Value) {
        match inner {
            Value::Object(inner) => trim(inner),
            Value::Array(elements) => elements.iter_mut().for_each(value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for (name, inner) in object.iter_mut() {
        match inner {
            Value::String(text) if matches!(name.as_str(), "displayName" | "description") => {
                *text = text.replace("\r\n", "\n").trim_end().to_owned();
            }
            other => value(other),
        }
    }
}

/// The id in a body's reference `{"id": …}`.
pub(crate) fn reference(object: &Object, navigation: &str) -> Option<String> {
    object
        .get(navigation)
        .and_then(|value| value.get("id"))
        .and_then(Value::as_str)
        .map(str::to_owned)
}

/// The last segment of an `@odata.id`.
pub(crate) fn referenced(call: &mut Call<'_>, collection: &[&str]) -> Result<String, GraphError> {
    let body = call.body.take().unwrap_or_default();
    let Some(reference) = body.get("@odata.id").and_then(Value::as_str) else {
        return call.senseless("@odata.id is missing");
    };
    let mut parts = reference.trim_end_matches('/').rsplit('/');
    let (id, within) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if !reference.starts_with("https://") || !collection.contains(&within) {
        return call.senseless(format!(
            "@odata.id '{reference}' names none of {}",
            collection.join(", ")
        ));
    }
    if !is_guid(id) {
        return Err(GraphError::malformed_id(id));
    }
    Ok(id.to_lowercase())
}

/// Serves a request.
pub(crate) fn dispatch(call: &mut Call<'_>) -> Answer {
    let segments = call.path;
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let served = match path.as_slice() {
        ["identityGovernance", "entitlementManagement", rest @ ..] => {
            licensed(call)?;
            match rest {
                ["catalogs", rest @ ..] => catalogs::serve(call, rest),
                ["resources", rest @ ..] => resources::serve(call, rest),
                ["resourceRequests", rest @ ..] => resources::requests(call, rest),
                ["resourceEnvironments", rest @ ..] => resources::environments(call, rest),
                ["accessPackages", rest @ ..] => packages::serve(call, rest),
                ["assignmentPolicies", rest @ ..] => policies::serve(call, rest),
                ["assignments", rest @ ..] => assignments::serve(call, rest),
                ["assignmentRequests", rest @ ..] => assignments::requests(call, rest),
                ["subjects"] => assignments::subjects(call),
                ["connectedOrganizations", rest @ ..] => organizations::serve(call, rest),
                ["settings"] => organizations::settings(call),
                _ => None,
            }
        }
        ["roleManagement", "entitlementManagement", rest @ ..] => {
            licensed(call)?;
            roles::serve(call, rest)
        }
        ["policies", rest @ ..] => eligibility::serve(call, rest),
        rest => directory::serve(call, rest),
    };
    served.unwrap_or_else(|| {
        let known = schema::methods(call.path);
        Err(match known {
            Some(methods) if !methods.contains(call.method) => GraphError::new(
                405,
                "MethodNotAllowed",
                format!("{} is not supported on {}.", call.method, call.raw_path),
            ),
            Some(_) | None => GraphError::not_emulated(format!("{} {}", call.method, call.raw_path)),
        })
    })
}

/// A tenant without a licence gets no entitlement management. The wording is a stand-in.
fn licensed(call: &Call<'_>) -> Result<(), GraphError> {
    if call.world.licences.is_empty() {
        return Err(GraphError::stand_in(
            403,
            "TenantNotLicensed",
            "The tenant has no licence for this feature: Microsoft Entra ID P2 or Microsoft Entra ID Governance \
             is required.",
        ));
    }
    Ok(())
}
