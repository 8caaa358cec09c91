//! `customWorkflowExtensions` of a catalog. The documentation updates by PUT, older pages and the SDKs by PATCH.

use serde_json::{Value, json};

use super::{Answer, Call, Reply};
use crate::caller::Need;
use crate::error::GraphError;
use crate::odata::filter::{Operator, Rules, Sort};
use crate::render::Shown;
use crate::schema;
use crate::store::{Kind, Object, same, text};

const SHOWN: Shown = Shown::Stored(Kind::CustomWorkflowExtensions);

const RULES: Rules = Rules {
    type_name: "customCalloutExtension",
    rules: &[
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
        ("displayname", "/displayName", Sort::Exact, &[Operator::Eq]),
    ],
    directory: false,
};

pub(super) fn serve(call: &mut Call<'_>, catalog: &str, rest: &[&str]) -> Option<Answer> {
    Some(match (call.method, rest) {
        ("GET", []) => call.found(Kind::Catalogs, catalog, Need::Read).and_then(|_| {
            let found = call.visible(Kind::CustomWorkflowExtensions, |extension| {
                same(text(extension, "catalogId"), catalog)
            })?;
            call.list(SHOWN, &RULES, found)
        }),
        ("POST", []) => create(call, catalog),
        ("GET", [id]) => named(call, catalog, id, Need::Read).and_then(|found| call.one(200, SHOWN, &found)),
        ("PUT" | "PATCH", [id]) => update(call, catalog, id),
        ("DELETE", [id]) => delete(call, catalog, id),
        _ => return None,
    })
}

fn named(call: &Call<'_>, catalog: &str, id: &str, need: Need) -> Result<Object, GraphError> {
    call.found(Kind::Catalogs, catalog, need)?;
    let extension = call.found(Kind::CustomWorkflowExtensions, id, need)?;
    if same(text(&extension, "catalogId"), catalog) {
        Ok(extension)
    } else {
        Err(call.absent())
    }
}

/// What both kinds must have. An application has to give the Logic App's URL.
fn sense(extension: &Object) -> Result<(), &'static str> {
    if text(extension, "displayName").trim().is_empty() {
        return Err("displayName is missing");
    }
    let endpoint = extension.get("endpointConfiguration").unwrap_or(&Value::Null);
    if !endpoint.is_object()
        || !extension
            .get("authenticationConfiguration")
            .is_some_and(Value::is_object)
    {
        return Err("endpointConfiguration or authenticationConfiguration is missing");
    }
    let kind = endpoint.get("@odata.type").and_then(Value::as_str).unwrap_or_default();
    if kind.ends_with("logicAppTriggerEndpointConfiguration") && !endpoint.get("url").is_some_and(Value::is_string) {
        return Err("endpointConfiguration.url is missing: an application has to give it");
    }
    Ok(())
}

fn create(call: &mut Call<'_>, catalog: &str) -> Answer {
    call.found(Kind::Catalogs, catalog, Need::Catalog)?;
    let mut extension = call.model("customCalloutExtension")?;
    if let Err(why) = sense(&extension) {
        return call.senseless(why);
    }
    schema::complete("customCalloutExtension", &mut extension);
    let (id, now) = (call.store.ids.fresh(), call.store.clock.text());
    extension.insert("id".into(), json!(id));
    extension.insert("createdDateTime".into(), json!(now));
    extension.insert("lastModifiedDateTime".into(), json!(now));
    extension.insert("createdBy".into(), json!(call.caller.client_id));
    extension.insert("lastModifiedBy".into(), json!(call.caller.client_id));
    extension.insert("catalogId".into(), json!(catalog.to_lowercase()));
    call.store
        .insert(Kind::CustomWorkflowExtensions, &id, extension.clone());
    call.one(201, SHOWN, &extension)
}

/// Both methods change what was sent: the documented PUT leaves the endpoint out and its answer still has it.
fn update(call: &mut Call<'_>, catalog: &str, id: &str) -> Answer {
    let old = named(call, catalog, id, Need::Catalog)?;
    let changes = call.model("customCalloutExtension")?;
    if text(&changes, "@odata.type") != text(&old, "@odata.type") {
        return call.senseless("the kind of an extension cannot be changed");
    }
    let mut new = old;
    new.extend(
        changes
            .into_iter()
            .filter(|(name, _)| !matches!(name.as_str(), "id" | "createdDateTime" | "createdBy")),
    );
    if let Err(why) = sense(&new) {
        return call.senseless(why);
    }
    schema::complete("customCalloutExtension", &mut new);
    new.insert("lastModifiedDateTime".into(), json!(call.store.clock.text()));
    new.insert("lastModifiedBy".into(), json!(call.caller.client_id));
    let stored = new.clone();
    call.store
        .update(Kind::CustomWorkflowExtensions, id, |extension| *extension = stored);
    call.one(200, SHOWN, &new)
}

fn delete(call: &mut Call<'_>, catalog: &str, id: &str) -> Answer {
    named(call, catalog, id, Need::Catalog)?;
    let used = call.store.all(Kind::AssignmentPolicies).any(|policy| {
        let settings = policy.get("customExtensionStageSettings").and_then(Value::as_array);
        settings.into_iter().flatten().any(|setting| {
            setting
                .get("customExtensionId")
                .and_then(Value::as_str)
                .is_some_and(|used| same(used, id))
        })
    });
    if used {
        return Err(GraphError::stand_in(
            400,
            "ExtensionInUse",
            "The custom extension must first be removed from all policies.",
        ));
    }
    call.store.remove(Kind::CustomWorkflowExtensions, id);
    Reply::empty(204)
}
