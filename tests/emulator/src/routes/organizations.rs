//! `connectedOrganizations` with their sponsors, and the tenant's `settings`.

use serde_json::{Value, json};

use super::{Answer, Call, Reply, referenced};
use crate::error::GraphError;
use crate::odata::filter::{Operator, Rules, Sort};
use crate::odata::page;
use crate::render::{Shown, directory_object};
use crate::schema::{self, is_guid};
use crate::store::{Kind, Object, derived_id, ids, same, text};

const SHOWN: Shown = Shown::Stored(Kind::ConnectedOrganizations);

const RULES: Rules = Rules {
    type_name: "connectedOrganization",
    rules: &[
        ("displayname", "/displayName", Sort::Exact, &[Operator::Eq]),
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
        ("state", "/state", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

pub(super) fn serve(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    let known = matches!(
        (call.method, rest),
        ("GET" | "POST", [])
            | ("GET" | "PATCH" | "DELETE", [_])
            | ("GET", [_, "internalSponsors" | "externalSponsors"])
            | ("POST", [_, "internalSponsors" | "externalSponsors", "$ref"])
            | ("DELETE", [_, "internalSponsors" | "externalSponsors", _, "$ref"])
    );
    if !known {
        return None;
    }
    // Connected organizations belong to the tenant: a catalog role is not enough.
    if let Err(refused) = call.caller.allow_tenant(call.method != "GET") {
        return Some(Err(refused));
    }
    Some(match (call.method, rest) {
        ("POST", []) => create(call),
        (_, []) => {
            let all = call
                .store
                .list(Kind::ConnectedOrganizations, call.quirks.lags().lists)
                .collect();
            call.list(SHOWN, &RULES, all)
        }
        ("GET", [id]) => named(call, id).and_then(|found| call.one(200, SHOWN, &found)),
        ("PATCH", [id]) => update(call, id),
        ("DELETE", [id]) => delete(call, id),
        ("GET", [id, list]) => sponsors(call, id, list),
        ("POST", [id, list, ..]) => add_sponsor(call, id, list),
        (_, [id, list, sponsor, ..]) => remove_sponsor(call, id, list, sponsor),
        _ => return None,
    })
}

fn named(call: &Call<'_>, id: &str) -> Result<Object, GraphError> {
    if !is_guid(id) {
        return Err(GraphError::malformed_id(id));
    }
    call.store
        .get(Kind::ConnectedOrganizations, id)
        .cloned()
        .ok_or_else(|| call.absent())
}

/// A domain is recognized as the tenant behind it when the organization is read back.
fn recognized(source: &Value) -> Value {
    let domain = source.get("domainName").and_then(Value::as_str).unwrap_or_default();
    if source.get("@odata.type").and_then(Value::as_str) != Some("#microsoft.graph.domainIdentitySource") {
        return source.clone();
    }
    json!({"@odata.type": "#microsoft.graph.azureActiveDirectoryTenant", "tenantId": derived_id(&["tenant", domain]),
        "displayName": source.get("displayName").filter(|name| !name.is_null()).cloned()
            .unwrap_or_else(|| json!(domain))})
}

fn create(call: &mut Call<'_>) -> Answer {
    let mut organization = call.model("connectedOrganization")?;
    if text(&organization, "displayName").trim().is_empty() {
        return call.senseless("displayName is missing");
    }
    let sources = organization
        .get("identitySources")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if sources.len() != 1 {
        return call.senseless(format!(
            "identitySources has {} elements; exactly one is possible",
            sources.len()
        ));
    }
    schema::complete("connectedOrganization", &mut organization);
    if organization.get("state").is_none_or(Value::is_null) {
        organization.insert("state".into(), json!("configured"));
    }
    let (id, now) = (call.store.ids.fresh(), call.store.clock.text());
    organization.insert("id".into(), json!(id));
    organization.insert("createdDateTime".into(), json!(now));
    organization.insert("modifiedDateTime".into(), json!(now));
    organization.insert("identitySources".into(), sources.iter().map(recognized).collect());
    organization.insert("internalSponsors".into(), json!([]));
    organization.insert("externalSponsors".into(), json!([]));
    organization.remove("@odata.type");
    call.store
        .insert(Kind::ConnectedOrganizations, &id, organization.clone());
    if sources.iter().any(|source| source.get("domainName").is_some()) {
        // The documented answer to a domain has no identity source yet.
        organization.insert("identitySources".into(), json!([]));
    }
    call.one(201, SHOWN, &organization)
}

fn update(call: &mut Call<'_>, id: &str) -> Answer {
    named(call, id)?;
    let body = call.model("connectedOrganization")?;
    let changes = super::catalogs::changes(call, body, &["displayName", "description", "state"])?;
    let now = call.store.clock.text();
    call.store.update(Kind::ConnectedOrganizations, id, |organization| {
        organization.extend(changes);
        organization.insert("modifiedDateTime".into(), json!(now));
    });
    let organization = named(call, id)?;
    call.one(202, SHOWN, &organization)
}

fn names(value: &Value, id: &str) -> bool {
    match value {
        Value::Object(object) => {
            same(text(object, "connectedOrganizationId"), id) || object.values().any(|value| names(value, id))
        }
        Value::Array(elements) => elements.iter().any(|element| names(element, id)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn delete(call: &mut Call<'_>, id: &str) -> Answer {
    named(call, id)?;
    if call
        .store
        .all(Kind::AssignmentPolicies)
        .any(|policy| policy.values().any(|value| names(value, id)))
    {
        return Err(GraphError::stand_in(
            400,
            "ConnectedOrganizationInUse",
            "The connected organization is named by a policy.",
        ));
    }
    call.store.remove(Kind::ConnectedOrganizations, id);
    Reply::empty(204)
}

fn sponsors(call: &Call<'_>, id: &str, list: &str) -> Answer {
    let organization = named(call, id)?;
    let people = ids(&organization, list)
        .iter()
        .filter_map(|id| {
            call.store
                .principal(id)
                .map(|(kind, object)| directory_object(kind, object))
        })
        .collect();
    let page = page::Page {
        count: 0,
        items: people,
        next: None,
    };
    let context = format!("{}/$metadata#directoryObjects", call.graph);
    Ok(Reply {
        status: 200,
        body: Some(page::body(context, call.graph, &call.query, page)),
    })
}

fn add_sponsor(call: &mut Call<'_>, id: &str, list: &str) -> Answer {
    let organization = named(call, id)?;
    let sponsor = referenced(call, &["users", "groups", "directoryObjects"])?;
    if call.store.principal(&sponsor).is_none() {
        return Err(call.absent());
    }
    let mut people = ids(&organization, list);
    if people.iter().any(|known| same(known, &sponsor)) {
        return Err(GraphError::stand_in(
            409,
            "ReferenceExists",
            "The reference already exists.",
        ));
    }
    people.push(sponsor);
    call.store.update(Kind::ConnectedOrganizations, id, |organization| {
        organization.insert(list.to_owned(), json!(people));
    });
    Reply::empty(204)
}

fn remove_sponsor(call: &mut Call<'_>, id: &str, list: &str, sponsor: &str) -> Answer {
    let organization = named(call, id)?;
    if !is_guid(sponsor) {
        return Err(GraphError::malformed_id(sponsor));
    }
    let mut people = ids(&organization, list);
    let before = people.len();
    people.retain(|known| !same(known, sponsor));
    if people.len() == before {
        return Err(call.absent());
    }
    call.store.update(Kind::ConnectedOrganizations, id, |organization| {
        organization.insert(list.to_owned(), json!(people));
    });
    Reply::empty(204)
}

pub(super) fn settings(call: &mut Call<'_>) -> Option<Answer> {
    if !matches!(call.method, "GET" | "PATCH") {
        return None;
    }
    if let Err(refused) = call.caller.allow_tenant(call.method == "PATCH") {
        return Some(Err(refused));
    }
    if call.method == "GET" {
        let mut value = Value::Object(call.store.settings.clone());
        value["@odata.context"] = json!(format!(
            "{}/$metadata#identityGovernance/entitlementManagement/settings/$entity",
            call.graph
        ));
        return Some(Ok(Reply {
            status: 200,
            body: Some(value),
        }));
    }
    Some(call.model("entitlementManagementSettings").and_then(|changes| {
        call.store.settings.extend(
            changes
                .into_iter()
                .filter(|(name, _)| name != "id" && !name.starts_with('@')),
        );
        Reply::empty(204)
    }))
}
