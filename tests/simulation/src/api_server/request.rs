//! What is asked for: a path, a verb, a query, a user.

use std::{collections::BTreeMap, sync::Arc};

use http::{Method, request::Parts};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    refusal::Refusal,
    resource::{Resource, Resources},
};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name that it signs in with.
    pub name: String,
    /// Its groups.
    pub groups: Vec<String>,
}

impl User {
    /// One of this name, in these groups.
    #[must_use]
    pub fn new(name: &str, groups: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
        }
    }

    /// The administrator of the cluster.
    #[must_use]
    pub fn admin() -> Self {
        Self::new("admin", &["system:masters", "system:authenticated"])
    }

    /// A service account.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let of_namespace = format!("system:serviceaccounts:{namespace}");
        Self::new(
            &format!("system:serviceaccount:{namespace}:{name}"),
            &["system:serviceaccounts", &of_namespace, "system:authenticated"],
        )
    }
}

/// What is asked to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch(PatchType),
    Delete,
    DeleteCollection,
}

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchType {
    Json,
    Merge,
    /// Kinds of the core take it; custom ones do not.
    StrategicMerge,
    Apply,
}

impl PatchType {
    fn of(content_type: &str) -> Option<Self> {
        match content_type {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::StrategicMerge),
            "application/apply-patch+yaml" => Some(Self::Apply),
            _ => None,
        }
    }
}

/// A request, understood.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) verb: Verb,
    pub(super) resource: Arc<Resource>,
    pub(super) namespace: Option<String>,
    /// Empty where all of the kind are meant.
    pub(super) name: String,
    pub(super) is_of_status: bool,
    pub(super) query: BTreeMap<String, String>,
    /// Only names, labels and the like are wanted.
    pub(super) wants_metadata_only: bool,
    pub(super) user: User,
    /// Null where there is none.
    pub(super) body: Value,
}

impl Request {
    /// Understands a request, of which the body is not read yet.
    pub(super) fn understand(resources: &Resources, parts: &Parts, user: User) -> Result<Self, Refusal> {
        let path: Vec<String> = parts
            .uri
            .path()
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let (group, version, rest) = match path.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(Refusal::no_page()),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, plural, ..] if !is_of_namespaces(group, plural) => (Some(*namespace), &rest[2..]),
            _ => (None, rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, "", None),
            [plural, name] => (*plural, *name, None),
            [plural, name, subresource] => (*plural, *name, Some(*subresource)),
            _ => return Err(Refusal::no_page()),
        };
        let resource = resources.at(group, version, plural).ok_or_else(Refusal::no_page)?;
        let is_of_status = match subresource {
            None => false,
            Some("status") if resource.has_status() => true,
            Some(_) => return Err(Refusal::no_page()),
        };
        let is_misplaced = match (resource.is_namespaced, namespace) {
            (true, None) => !name.is_empty(),
            (false, Some(_)) => true,
            (true, Some(_)) | (false, None) => false,
        };
        if is_misplaced {
            return Err(Refusal::no_page());
        }
        let query = query(parts.uri.query().unwrap_or_default()); // none asks for nothing
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = header(http::header::CONTENT_TYPE).unwrap_or_default(); // none is none of those
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        let is_watched = query.get("watch").is_some_and(|value| value == "true" || value == "1");
        let is_placed = namespace.is_some() || !resource.is_namespaced;
        let verb = match (&parts.method, name.is_empty()) {
            (&Method::GET, false) => Verb::Get,
            (&Method::GET, true) if is_watched => Verb::Watch,
            (&Method::GET, true) => Verb::List,
            (&Method::POST, true) if is_placed => Verb::Create,
            // Which name stands in the path makes no difference to these.
            (&Method::POST, false) if resource.is_custom() && !is_of_status => Verb::Create,
            (&Method::POST, true) if resource.is_custom() => return Err(Refusal::no_page()),
            (&(Method::PUT | Method::PATCH), true) if resource.is_custom() => {
                return Err(Refusal::bad_request("name must be provided"));
            }
            (&Method::PUT, false) => Verb::Update,
            (&Method::PATCH, false) => Verb::Patch(patch_type(resource, content_type)?),
            (&Method::DELETE, false) if !is_of_status => Verb::Delete,
            (&Method::DELETE, true) if is_placed && resource.plural != "namespaces" => Verb::DeleteCollection,
            _ => return Err(Refusal::method_not_allowed()),
        };
        Ok(Self {
            verb,
            resource: Arc::clone(resource),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            is_of_status,
            wants_metadata_only: header(http::header::ACCEPT).is_some_and(|accept| accept.contains("as=PartialObject")),
            query,
            user,
            body: Value::Null,
        })
    }

    pub(super) fn asks(&self, name: &str) -> Option<&str> {
        self.query
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether unknown fields are refused instead of dropped.
    pub(super) fn is_strict(&self) -> bool {
        self.asks("fieldValidation") == Some("Strict")
    }

    /// Whether nothing is to be stored.
    pub(super) fn is_dry_run(&self) -> bool {
        self.asks("dryRun") == Some("All") || self.body["dryRun"][0] == "All"
    }
}

/// `/namespaces/NAME/status` and the like speak of the namespace itself.
fn is_of_namespaces(group: &str, segment: &str) -> bool {
    group.is_empty() && matches!(segment, "status" | "finalize")
}

fn patch_type(resource: &Resource, content_type: &str) -> Result<PatchType, Refusal> {
    let custom = [
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/apply-patch+yaml",
    ];
    let core = [
        custom[0],
        custom[1],
        "application/strategic-merge-patch+json",
        custom[2],
    ];
    let accepted: &[&str] = if resource.is_custom() { &custom } else { &core };
    PatchType::of(content_type)
        .filter(|_| accepted.contains(&content_type))
        .ok_or_else(|| Refusal::unsupported_media_type(accepted))
}

fn query(text: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}
