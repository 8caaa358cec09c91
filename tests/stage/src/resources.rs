use serde_json::Value;

use crate::{Result, User};

/// Aggregated discovery: every resource of the server in two requests.
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// A resource as the API server serves it.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    group: String,
    version: String,
    plural: String,
    names: Vec<String>,
    namespaced: bool,
}

impl Resource {
    /// The path of one object, or of all of a namespace, or of all. A namespace is ignored for a cluster-scoped one.
    pub(crate) fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut path = match self.group.as_str() {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str(&format!("/namespaces/{namespace}"));
        }
        path.push_str(&format!("/{}", self.plural));
        if let Some(name) = name {
            path.push_str(&format!("/{name}"));
        }
        path
    }
}

/// What the API server serves, the preferred version of each.
#[derive(Debug, Default)]
pub(crate) struct Resources(Vec<Resource>);

impl Resources {
    pub(crate) fn discover(user: &User) -> Result<Self> {
        let mut found = Vec::new();
        for root in ["/api", "/apis"] {
            let groups = user.request("GET", root, DISCOVERY, None)?;
            for group in array(&groups["items"]) {
                // Versions come in order of preference, so the first that has a resource wins.
                for version in array(&group["versions"]) {
                    let resources = array(&version["resources"]);
                    found.extend(resources.iter().map(|resource| read(group, version, resource)));
                }
            }
        }
        Ok(Self(found))
    }

    /// By kind, plural, singular or short name, with or without `.group`. Kinds win over short names.
    pub(crate) fn find(&self, wanted: &str) -> Option<Resource> {
        let (name, group) = wanted
            .split_once('.')
            .map_or((wanted, None), |(name, group)| (name, Some(group)));
        let mut served = self
            .0
            .iter()
            .filter(|resource| group.is_none_or(|group| resource.group == group));
        let by_kind = served.clone().find(|resource| resource.kind.eq_ignore_ascii_case(name));
        by_kind
            .or_else(|| served.find(|resource| resource.names.iter().any(|known| known.eq_ignore_ascii_case(name))))
            .cloned()
    }
}

fn read(group: &Value, version: &Value, resource: &Value) -> Resource {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let plural = text(&resource["resource"]);
    let mut names: Vec<String> = array(&resource["shortNames"]).iter().map(&text).collect();
    names.extend([plural.clone(), text(&resource["singularResource"])]);
    Resource {
        kind: text(&resource["responseKind"]["kind"]),
        group: text(&group["metadata"]["name"]),
        version: text(&version["version"]),
        plural,
        names,
        namespaced: resource["scope"] == "Namespaced",
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
