//! Look-ups in the directory: users, groups, service principals, sites, administrative units.

use serde_json::{Value, json};

use super::{Answer, Call, Reply};
use crate::address::same_site;
use crate::caller::{READ_APPLICATIONS, READ_GROUPS, READ_SITES, READ_UNITS, READ_USERS};
use crate::error::GraphError;
use crate::odata::filter::{Operator, Rules, Sort};
use crate::odata::page;
use crate::render::{Shown, directory_object};
use crate::schema::is_guid;
use crate::store::{Kind, Object, ids, same, text};

const TEXT: &[Operator] = &[Operator::Eq, Operator::StartsWith, Operator::In];
const EQUAL: &[Operator] = &[Operator::Eq, Operator::In];

const USERS: Rules = Rules {
    type_name: "user",
    rules: &[
        ("id", "/id", Sort::CaseLess, EQUAL),
        ("userprincipalname", "/userPrincipalName", Sort::CaseLess, TEXT),
        ("mail", "/mail", Sort::CaseLess, TEXT),
        ("displayname", "/displayName", Sort::CaseLess, TEXT),
        ("department", "/department", Sort::CaseLess, TEXT),
        ("usertype", "/userType", Sort::CaseLess, EQUAL),
        ("accountenabled", "/accountEnabled", Sort::Boolean, &[Operator::Eq]),
    ],
    directory: true,
};

const GROUPS: Rules = Rules {
    type_name: "group",
    rules: &[
        ("id", "/id", Sort::CaseLess, EQUAL),
        ("displayname", "/displayName", Sort::CaseLess, TEXT),
        ("mailnickname", "/mailNickname", Sort::CaseLess, TEXT),
        ("uniquename", "/uniqueName", Sort::CaseLess, EQUAL),
        ("mail", "/mail", Sort::CaseLess, TEXT),
    ],
    directory: true,
};

const PRINCIPALS: Rules = Rules {
    type_name: "servicePrincipal",
    rules: &[
        ("id", "/id", Sort::CaseLess, EQUAL),
        ("appid", "/appId", Sort::CaseLess, EQUAL),
        ("displayname", "/displayName", Sort::CaseLess, TEXT),
    ],
    directory: true,
};

const UNITS: Rules = Rules {
    type_name: "administrativeUnit",
    rules: &[
        ("id", "/id", Sort::CaseLess, EQUAL),
        ("displayname", "/displayName", Sort::CaseLess, TEXT),
    ],
    directory: true,
};

pub(super) fn serve(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    if let ("GET", ["sites", rest @ ..]) = (call.method, rest)
        && !rest.is_empty()
        && *rest != ["getAllSites"]
    {
        return Some(site(call, &rest.join("/")));
    }
    let (kind, rules, permissions) = match rest.first().copied()? {
        "users" => (Kind::Users, &USERS, READ_USERS),
        first if first == "groups" || first.starts_with("groups(") => (Kind::Groups, &GROUPS, READ_GROUPS),
        first if first == "servicePrincipals" || first.starts_with("servicePrincipals(") => {
            (Kind::ServicePrincipals, &PRINCIPALS, READ_APPLICATIONS)
        }
        "directory" if rest.get(1) == Some(&"administrativeUnits") => (Kind::AdministrativeUnits, &UNITS, READ_UNITS),
        "directoryObjects" => {
            return Some(match (call.method, rest) {
                ("POST", [_, "getByIds"]) => by_ids(call),
                ("POST", [_, "validateProperties"]) => validate(call),
                _ => return None,
            });
        }
        _ => return None,
    };
    let rest = if kind == Kind::AdministrativeUnits {
        &rest[1..]
    } else {
        rest
    };
    if call.method != "GET" {
        return None;
    }
    Some(match rest {
        [first] if first.contains('(') => {
            let key = alternate_key(first)?;
            get(call, kind, permissions, &key.1, |object| {
                same(text(object, &key.0), &key.1)
            })
        }
        [_] => collection(call, kind, rules, permissions),
        [_, id, "members"] if kind == Kind::Groups => members(call, id),
        [_, id] if !id.starts_with('$') => {
            let upn = kind == Kind::Users && id.contains('@');
            if !upn && !is_guid(id) {
                return Some(Err(if call.caller.has_any(permissions) {
                    // A directory takes any key and does not find it.
                    GraphError::no_directory_object(id)
                } else {
                    GraphError::denied()
                }));
            }
            get(call, kind, permissions, id, |object| {
                same(text(object, if upn { "userPrincipalName" } else { "id" }), id)
            })
        }
        _ => return None,
    })
}

/// `groups(uniqueName='…')` and `servicePrincipals(appId='…')`.
fn alternate_key(segment: &str) -> Option<(String, String)> {
    let (set, rest) = segment.split_once('(')?;
    let (name, value) = rest.strip_suffix(')')?.split_once('=')?;
    let value = value.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
    matches!((set, name), ("groups", "uniqueName") | ("servicePrincipals", "appId")).then(|| (name.to_owned(), value))
}

fn collection(call: &Call<'_>, kind: Kind, rules: &Rules, permissions: &[&str]) -> Answer {
    if !call.caller.has_any(permissions) {
        return Err(GraphError::denied());
    }
    let all = call
        .store
        .list(kind, 0)
        .map(|(number, object)| (number, object.clone()))
        .collect();
    call.list(Shown::Stored(kind), rules, all)
}

fn get(call: &Call<'_>, kind: Kind, permissions: &[&str], name: &str, matches: impl Fn(&Object) -> bool) -> Answer {
    if !call.caller.has_any(permissions) {
        return Err(GraphError::denied());
    }
    match call.store.all(kind).find(|object| matches(object)) {
        Some(found) => call.one(200, Shown::Stored(kind), found),
        None => Err(GraphError::no_directory_object(name)),
    }
}

/// The direct members of a group: users, groups and service principals, each with its kind and what is selected.
fn members(call: &Call<'_>, id: &str) -> Answer {
    if !call.caller.has_any(READ_GROUPS) {
        return Err(GraphError::denied());
    }
    let Some(group) = call.store.get(Kind::Groups, id) else {
        return Err(GraphError::no_directory_object(id));
    };
    let members: Vec<(u64, Value)> = (1..)
        .zip(ids(group, "members"))
        .filter_map(|(number, id)| {
            let (kind, object) = call.store.principal(&id)?;
            let mut member = directory_object(kind, object);
            let select = &call.query.select;
            if let (Some(member), false) = (member.as_object_mut(), select.is_empty()) {
                member.retain(|name, _| name.starts_with('@') || select.iter().any(|wanted| same(wanted, name)));
            }
            Some((number, member))
        })
        .collect();
    let page = page::cut(&call.query, call.quirks.page_size.unwrap_or(100), members)?;
    let here = format!("{}/{}", call.graph, call.raw_path);
    let context = format!("{}/$metadata#directoryObjects", call.graph);
    Ok(Reply {
        status: 200,
        body: Some(page::body(context, &here, &call.query, page)),
    })
}

/// `root`, `{hostname}`, `{id}` and `{hostname}:/{path}`.
fn site(call: &Call<'_>, name: &str) -> Answer {
    if !call.caller.has_any(READ_SITES) {
        return Err(GraphError::denied());
    }
    let not_found = || GraphError::new(404, "itemNotFound", "Requested site could not be found");
    let host = call.world.tenant.share_point_host();
    // Decoded once already: a percent sign that is left was one of the name's, which no site has.
    if name.contains('%') {
        return Err(not_found());
    }
    let url = match name.split_once(":/") {
        Some((host, path)) => format!("https://{host}/{}", path.trim_end_matches([':', '/'])),
        None if name == "root" => format!("https://{host}"),
        None => format!("https://{name}"),
    };
    let found = call
        .store
        .all(Kind::Sites)
        .find(|site| same_site(text(site, "webUrl"), &url) || same(text(site, "id"), name));
    match found {
        Some(found) => call.one(200, Shown::Stored(Kind::Sites), found),
        None => Err(not_found()),
    }
}

fn by_ids(call: &mut Call<'_>) -> Answer {
    let readable: Vec<Kind> = [
        (Kind::Users, READ_USERS),
        (Kind::Groups, READ_GROUPS),
        (Kind::ServicePrincipals, READ_APPLICATIONS),
    ]
    .into_iter()
    .filter(|(_, permissions)| call.caller.has_any(permissions))
    .map(|(kind, _)| kind)
    .collect();
    if readable.is_empty() {
        return Err(GraphError::denied());
    }
    let body = call.model("GetByIdsRequest")?;
    let wanted = crate::store::ids(&body, "ids");
    if wanted.is_empty() || wanted.len() > 1000 {
        return Err(GraphError::new(
            400,
            "Request_BadRequest",
            "ids must have 1 to 1000 elements.",
        ));
    }
    if let Some(bad) = wanted.iter().find(|id| !is_guid(id)) {
        return Err(GraphError::new(
            400,
            "Request_BadRequest",
            format!("Invalid object identifier '{bad}'."),
        ));
    }
    let types = crate::store::ids(&body, "types");
    let found: Vec<Value> = wanted
        .iter()
        .filter_map(|id| call.store.principal(id))
        .filter(|(kind, _)| readable.contains(kind))
        .filter(|(kind, _)| {
            let name = Shown::Stored(*kind).type_name();
            types.is_empty()
                || types
                    .iter()
                    .any(|wanted| same(wanted, name) || same(wanted, "directoryObject"))
        })
        .map(|(kind, object)| directory_object(kind, object))
        .collect();
    let context = format!("{}/$metadata#directoryObjects", call.graph);
    Ok(Reply {
        status: 200,
        body: Some(json!({"@odata.context": context, "value": found})),
    })
}

fn validate(call: &mut Call<'_>) -> Answer {
    if !call.caller.has_any(READ_GROUPS) {
        return Err(GraphError::denied());
    }
    let body = call.model("ValidatePropertiesRequest")?;
    if !same(text(&body, "entityType"), "Group") {
        return Err(GraphError::new(
            400,
            "Request_BadRequest",
            "entityType must be 'Group'.",
        ));
    }
    Reply::empty(204)
}
