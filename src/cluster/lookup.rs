//! An object that may not parse.

use std::{borrow::Cow, fmt, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt as _};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::{Key, Place, Tracked};
use crate::api::{EntraObject, FINALIZER};

/// An object that exists: read, or not to be read by this version. Clones share it.
pub(crate) enum Lookup<K> {
    /// It parses.
    Readable(Arc<K>),
    /// It does not; it exists all the same, and holds what depends on it.
    Unreadable(Arc<Unreadable>),
}

/// What can be told of an object that does not parse.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    /// Why not.
    pub(crate) error: String,
    /// Name, uid, annotations, finalizers.
    pub(crate) metadata: ObjectMeta,
    /// Name of what the object belongs to; `None` where that cannot be told, and for a kind that belongs to nothing.
    pub(crate) parent: Option<String>,
    /// What it is in Entra.
    pub(crate) identity: Identity,
    /// A create was begun and its outcome is not known.
    pub(crate) is_begun: bool,
}

/// What an object says in status that it is in Entra.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Identity {
    /// Nothing.
    None,
    /// This.
    Known(EntraObject),
    /// Something that cannot be read.
    Unclear,
}

impl<K> Clone for Lookup<K> {
    fn clone(&self) -> Self {
        match self {
            Self::Readable(object) => Self::Readable(Arc::clone(object)),
            Self::Unreadable(object) => Self::Unreadable(Arc::clone(object)),
        }
    }
}

impl<K: fmt::Debug> fmt::Debug for Lookup<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readable(object) => object.fmt(formatter),
            Self::Unreadable(object) => object.fmt(formatter),
        }
    }
}

impl<K> Lookup<K> {
    /// The object where it could be read.
    pub(crate) fn readable(&self) -> Option<&Arc<K>> {
        match self {
            Self::Readable(object) => Some(object),
            Self::Unreadable(_) => None,
        }
    }

    /// The object, or why it cannot be read.
    pub(crate) fn read(&self) -> Result<&Arc<K>, &Unreadable> {
        match self {
            Self::Readable(object) => Ok(object),
            Self::Unreadable(object) => Err(object),
        }
    }
}

impl<K: Tracked> Lookup<K> {
    /// Its uid; empty where it has none, which the API server never sends.
    pub(crate) fn uid(&self) -> &str {
        // No uid equals no owner's: nothing is proven by it.
        self.meta().uid.as_deref().unwrap_or_default()
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        let meta = self.meta();
        // Every object has a name; one without would stand by itself.
        Place::new(meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default())
    }

    /// `AccessPackage marketing/campaign`.
    pub(crate) fn title(&self) -> String {
        let Place { namespace, name } = self.place();
        // An object of the cluster has none.
        let namespace = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
        format!("{} {namespace}{name}", K::KIND.name())
    }

    /// Whether it is being deleted.
    pub(crate) fn is_going(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }

    /// Whether it stays until we let it go: it is not going, or our finalizer keeps it.
    pub(crate) fn is_held(&self) -> bool {
        let finalizers = self.meta().finalizers.as_deref().unwrap_or_default(); // the API server leaves an empty list out
        !self.is_going() || finalizers.iter().any(|finalizer| finalizer == FINALIZER)
    }

    /// Name of what it belongs to; `None` where that cannot be told, and for a kind that belongs to nothing.
    pub(crate) fn parent_name(&self) -> Option<&str> {
        match self {
            Self::Readable(object) => object.parent_name(),
            Self::Unreadable(object) => object.parent.as_deref(),
        }
    }

    /// Whom it reads beside what it belongs to; what cannot be read says nothing of that, and waits to be corrected.
    pub(super) fn others(&self) -> Vec<Key> {
        self.readable().map(|object| object.others()).unwrap_or_default() // as above
    }

    /// What status says that it is in Entra, for whomever that was written.
    pub(crate) fn identity(&self) -> Identity {
        match self {
            Self::Readable(object) => object.entra().cloned().map_or(Identity::None, Identity::Known),
            Self::Unreadable(object) => object.identity.clone(),
        }
    }

    /// What status proves that it is in Entra: written for this very object.
    pub(crate) fn own_identity(&self) -> Identity {
        match self.identity() {
            Identity::Known(entra) if entra.owner_uid != self.uid() => Identity::None,
            identity => identity,
        }
    }

    /// Whether a create was begun whose outcome is not known.
    pub(crate) fn is_begun(&self) -> bool {
        match self {
            Self::Readable(object) => object.is_begun(),
            Self::Unreadable(object) => object.is_begun,
        }
    }

    /// Whether anything in Entra may be this object.
    pub(crate) fn is_made(&self) -> bool {
        self.identity() != Identity::None || self.is_begun()
    }

    /// Whether this was written after `other`. Versions of one kind are numbers that grow with every write, those of an object
    /// and of its successors alike; of what is no number nothing is told.
    ///
    /// Source: Kubernetes API Concepts, "Resource versions"; comparing them is part of the contract since 1.35.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        let version = |object: &Self| object.meta().resource_version.as_deref()?.parse::<u64>().ok();
        version(self)
            .zip(version(other))
            .is_some_and(|(one, other)| one > other)
    }

    /// Whether nothing holds it any more: the API server answers so to the write that let it go.
    pub(super) fn is_over(&self) -> bool {
        self.is_going() && self.meta().finalizers.as_deref().is_none_or(<[_]>::is_empty) // an empty list is left out
    }

    /// Whether `other` is this very object at this very version.
    pub(super) fn is_version_of(&self, other: &Self) -> bool {
        let (one, other) = (self.meta(), other.meta());
        one.resource_version.is_some() && one.resource_version == other.resource_version && one.uid == other.uid
    }
}

/// Most of an object's size in memory is who owns which of its fields, and a copy of what was applied. Neither is needed: the
/// API server keeps both where a write leaves them out.
pub(crate) fn slim<T: Resource>(object: &mut T) {
    const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    object.meta_mut().managed_fields = None;
    object.annotations_mut().remove(LAST_APPLIED);
}

impl<'de, K: Tracked> Deserialize<'de> for Lookup<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        match K::deserialize(&object) {
            Ok(read) => Ok(Self::Readable(Arc::new(read))),
            Err(error) => unreadable::<K>(&object, error.to_string())
                .map(|object| Self::Unreadable(Arc::new(object)))
                .map_err(D::Error::custom),
        }
    }
}

/// # Errors
/// Where not even the metadata parse: then the answer is not one of the API server's.
fn unreadable<K: Tracked>(object: &Value, error: String) -> Result<Unreadable, serde_json::Error> {
    let parent = K::PARENT.and_then(|parent| match object.pointer(parent.pointer) {
        Some(name) => name.as_str(),
        None => parent.default,
    });
    let status = |field: &str| {
        let value = object.get("status").and_then(|status| status.get(field));
        value.filter(|value| !value.is_null())
    };
    let identity = status("entra").map_or(Identity::None, |entra| {
        EntraObject::deserialize(entra).map_or(Identity::Unclear, Identity::Known)
    });
    Ok(Unreadable {
        error,
        metadata: ObjectMeta::deserialize(object.get("metadata").unwrap_or(&Value::Null))?,
        parent: parent.map(str::to_owned),
        identity,
        is_begun: status("intent").is_some(),
    })
}

impl<K: Tracked> Resource for Lookup<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind(dynamic: &()) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &()) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &()) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &()) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Readable(object) => object.meta(),
            Self::Unreadable(object) => &object.metadata,
        }
    }

    /// Copies where the object is shared.
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Readable(object) => Arc::make_mut(object).meta_mut(),
            Self::Unreadable(object) => &mut Arc::make_mut(object).metadata,
        }
    }
}
