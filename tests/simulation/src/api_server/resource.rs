//! Which kinds there are, and what is particular about each.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{definition::Definitions, refusal::qualified, schema::Schema};

/// A kind as it is served.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its API group; empty for the core.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its name in paths.
    pub plural: String,
    /// Its name in objects.
    pub kind: String,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
    /// What is particular about it.
    pub(super) nature: Nature,
}

/// What is particular about a kind.
#[derive(Clone, Debug)]
pub(super) enum Nature {
    /// Of a CustomResourceDefinition.
    Custom(Arc<Schema>),
    /// Goes when its content is gone.
    Namespace,
    Secret,
    /// Served in two groups, whose fields have different names.
    Event,
    /// Neither defaults nor rules of its own are known here.
    Plain {
        has_generation: bool,
    },
}

impl Resource {
    /// `catalogs.access.entra-operator.io`.
    #[must_use]
    pub fn qualified(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `Catalog.access.entra-operator.io`.
    #[must_use]
    pub fn qualified_kind(&self) -> String {
        qualified(&self.kind, &self.group)
    }

    /// `access.entra-operator.io/v1alpha1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// What its objects are stored under: events of both groups are the same.
    pub(super) fn storage(&self) -> String {
        match &self.nature {
            Nature::Event => "events".to_owned(),
            Nature::Custom(_) | Nature::Namespace | Nature::Secret | Nature::Plain { .. } => self.qualified(),
        }
    }

    pub(super) fn schema(&self) -> Option<&Schema> {
        match &self.nature {
            Nature::Custom(schema) => Some(schema),
            Nature::Namespace | Nature::Secret | Nature::Event | Nature::Plain { .. } => None,
        }
    }

    pub(super) fn is_custom(&self) -> bool {
        self.schema().is_some()
    }

    /// Whether its objects count the changes of their spec.
    pub(super) fn has_generation(&self) -> bool {
        match self.nature {
            Nature::Custom(_) => true,
            Nature::Plain { has_generation } => has_generation,
            Nature::Namespace | Nature::Secret | Nature::Event => false,
        }
    }

    /// Whether status is written apart from the rest.
    pub(super) fn has_status(&self) -> bool {
        matches!(self.nature, Nature::Custom(_) | Nature::Namespace)
    }

    /// Whether a PUT may leave out which version it replaces.
    pub(super) fn takes_blind_updates(&self) -> bool {
        match self.nature {
            Nature::Custom(_) => false,
            Nature::Namespace | Nature::Secret | Nature::Event => true,
            // Of those that are served here: leases, and what is in admissionregistration.k8s.io.
            Nature::Plain { .. } => false,
        }
    }
}

/// The kinds that are served.
#[derive(Clone, Debug, Default)]
pub(super) struct Resources(BTreeMap<(String, String), Arc<Resource>>);

impl Resources {
    /// Those of the core that the operator and its users ask for, and those that are defined.
    pub(super) fn new(definitions: &Definitions) -> Self {
        let plain = |has_generation| Nature::Plain { has_generation };
        let core = [
            ("", "v1", "namespaces", "Namespace", false, Nature::Namespace),
            ("", "v1", "secrets", "Secret", true, Nature::Secret),
            ("", "v1", "events", "Event", true, Nature::Event),
            ("events.k8s.io", "v1", "events", "Event", true, Nature::Event),
            ("coordination.k8s.io", "v1", "leases", "Lease", true, plain(false)),
            (
                "admissionregistration.k8s.io",
                "v1",
                "validatingadmissionpolicies",
                "ValidatingAdmissionPolicy",
                false,
                plain(true),
            ),
            (
                "admissionregistration.k8s.io",
                "v1",
                "validatingadmissionpolicybindings",
                "ValidatingAdmissionPolicyBinding",
                false,
                plain(true),
            ),
        ];
        let core = core.map(|(group, version, plural, kind, is_namespaced, nature)| Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            kind: kind.to_owned(),
            is_namespaced,
            nature,
        });
        let mut resources = Self::default();
        for resource in core.into_iter().chain(definitions.resources().iter().cloned()) {
            let key = (resource.group.clone(), resource.plural.clone());
            resources.0.insert(key, Arc::new(resource));
        }
        resources
    }

    /// By group and version, and the name in paths.
    pub(super) fn at(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        let found = self.0.get(&(group.to_owned(), plural.to_owned()));
        found.filter(|resource| resource.version == version)
    }

    /// By kind (`Catalog`) or by the name in paths, with or without `.group`.
    pub(super) fn named(&self, name: &str) -> Option<&Arc<Resource>> {
        let (name, group) = match name.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (name, None),
        };
        self.0.values().find(|resource| {
            let is_it = resource.kind.eq_ignore_ascii_case(name) || resource.plural == name;
            is_it && group.is_none_or(|group| resource.group == group)
        })
    }

    /// That of an object, by its apiVersion and kind.
    pub(super) fn of(&self, object: &Value) -> Option<&Arc<Resource>> {
        let (kind, version) = (object["kind"].as_str()?, object["apiVersion"].as_str()?);
        self.0
            .values()
            .find(|resource| resource.kind == kind && resource.api_version() == version)
    }

    /// Those whose objects are in namespaces, each store once.
    pub(super) fn namespaced(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.0
            .values()
            .filter(|resource| resource.is_namespaced && resource.group != "events.k8s.io")
    }
}
