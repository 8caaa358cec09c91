//! Names in the directory: looked up once, then bound.
//!
//! What a name resolved to is pinned in status and stays what is meant, whatever happens to the name. From time to time
//! the name is looked up again, only to tell when it has moved.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::halt::{Halt, Retry, Stage, Step};
use crate::{
    api::{ApplicationRef, GroupRef, PinnedReference, Reason, ServicePrincipalRef, SharePointSiteRef, UserRef},
    clock::Clock,
    graph::{AppRole, Graph, GraphError, GraphErrorKind, Group, GroupKey, ServicePrincipalKey, SiteKey, UserKey},
    plan::Problem,
};

/// One object of the directory, as a spec names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DirectoryKey {
    User(UserKey),
    Group(GroupKey),
    ServicePrincipal(ServicePrincipalKey),
    Site(SiteKey),
}

impl DirectoryKey {
    /// The id, where the spec gives it: then there is nothing to look up.
    fn id(&self) -> Option<&str> {
        match self {
            Self::User(UserKey::Id(id)) | Self::Group(GroupKey::Id(id)) => Some(id),
            Self::ServicePrincipal(ServicePrincipalKey::Id(id)) => Some(id),
            // Entitlement management knows a site by its address.
            Self::Site(SiteKey::Url(url)) => Some(url),
            Self::User(_) | Self::Group(_) | Self::ServicePrincipal(_) | Self::Site(_) => None,
        }
    }

    fn parts(&self) -> (&'static str, &'static str, &str) {
        match self {
            Self::User(UserKey::Id(value)) => ("user", "id", value),
            Self::User(UserKey::UserPrincipalName(value)) => ("user", "userPrincipalName", value),
            Self::User(UserKey::Mail(value)) => ("user", "mail", value),
            Self::Group(GroupKey::Id(value)) => ("group", "id", value),
            Self::Group(GroupKey::DisplayName(value)) => ("group", "displayName", value),
            Self::Group(GroupKey::MailNickname(value)) => ("group", "mailNickname", value),
            Self::Group(GroupKey::UniqueName(value)) => ("group", "uniqueName", value),
            Self::ServicePrincipal(ServicePrincipalKey::Id(value)) => ("service principal", "id", value),
            Self::ServicePrincipal(ServicePrincipalKey::AppId(value)) => ("service principal", "appId", value),
            Self::ServicePrincipal(ServicePrincipalKey::DisplayName(value)) => {
                ("service principal", "displayName", value)
            }
            Self::Site(SiteKey::Url(value)) => ("site", "url", value),
            Self::Site(SiteKey::Id(value)) => ("site", "id", value),
        }
    }
}

impl fmt::Display for DirectoryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, by, value) = self.parts();
        write!(formatter, "{kind} {by}={value}")
    }
}

/// An object that was found.
#[derive(Clone, Debug)]
pub(crate) struct DirectoryObject {
    /// Object id; for a site its address, which is what entitlement management knows it by.
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) app_roles: Vec<AppRole>,
    /// Why entitlement management cannot manage it, where that is known.
    pub(crate) unsuitable: Option<&'static str>,
}

/// What a reference means.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) id: String,
    /// What the directory says of it, where it was asked.
    pub(crate) object: Option<DirectoryObject>,
    /// What to remember; none where the spec gives the id.
    pub(crate) pin: Option<PinnedReference>,
    /// The name means something else by now.
    pub(crate) moved: Option<Problem>,
}

/// The directory of one tenant.
pub(crate) struct Directory {
    graph: Graph,
    tenant: String,
    /// How long a look-up that only verifies a pinned name is believed.
    verify_after: Duration,
    clock: Clock,
    found: Mutex<HashMap<String, (Instant, Vec<DirectoryObject>)>>,
}

impl Directory {
    pub(crate) fn new(graph: Graph, tenant: String, verify_after: Duration, clock: Clock) -> Self {
        Self {
            graph,
            tenant,
            verify_after,
            clock,
            found: Mutex::default(),
        }
    }

    /// What `key`, written in `field`, means. `pins` are what status remembers.
    pub(crate) async fn bind(&self, field: &str, key: &DirectoryKey, pins: &BTreeMap<String, String>) -> Step<Bound> {
        if let Some(id) = key.id() {
            return Ok(Bound {
                id: id.to_owned(),
                object: None,
                pin: None,
                moved: None,
            });
        }
        let reference = key.to_string();
        let pinned = pins.get(&reference);
        let found = match self.find(key, pinned.is_some()).await {
            Ok(found) => found,
            // A name that is bound needs no look-up: it only cannot be verified now.
            Err(_) if pinned.is_some() => Vec::new(),
            Err(error) => return Err(self.failed(field, &error)),
        };
        let known = |id: &str| found.iter().find(|object| object.id.eq_ignore_ascii_case(id)).cloned();
        let bound = |id: &str, object: Option<DirectoryObject>, moved| Bound {
            id: id.to_owned(),
            object,
            pin: Some(PinnedReference {
                reference: reference.clone(),
                id: id.to_owned(),
            }),
            moved,
        };
        match (pinned, found.as_slice()) {
            (Some(id), [_, ..]) if known(id).is_none() => {
                let elsewhere = found
                    .iter()
                    .map(|object| object.id.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                let moved = Problem::new(
                    Reason::ReferenceMoved,
                    format!(
                        "{field}: the name now stands for {elsewhere}; it stays bound to {id} until this field changes"
                    ),
                );
                Ok(bound(id, None, Some(moved)))
            }
            (Some(id), _) => Ok(bound(id, known(id), None)),
            (None, [one]) => Ok(bound(&one.id, Some(one.clone()), None)),
            (None, []) => Err(self.missing(field, key)),
            (None, several) => Err(self.ambiguous(field, key, several)),
        }
    }

    /// What the directory has under `key`; from memory where that is young enough for its purpose.
    async fn find(&self, key: &DirectoryKey, verifies: bool) -> Result<Vec<DirectoryObject>, GraphError> {
        let reference = key.to_string();
        let age = if verifies {
            self.verify_after
        } else {
            Duration::from_secs(1)
        };
        {
            let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, objects)) = found.get(&reference).filter(|(at, _)| self.clock.since(*at) < age) {
                return Ok(objects.clone());
            }
        }
        let objects = self.look_up(key).await?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(reference, (self.clock.instant(), objects.clone()));
        Ok(objects)
    }

    async fn look_up(&self, key: &DirectoryKey) -> Result<Vec<DirectoryObject>, GraphError> {
        let plain = |id: String, display_name: String| DirectoryObject {
            id,
            display_name,
            app_roles: Vec::new(),
            unsuitable: None,
        };
        Ok(match key {
            DirectoryKey::User(key) => {
                let users = self.graph.find_users(key).await?;
                users
                    .into_iter()
                    .map(|user| plain(user.id.to_string(), user.display_name))
                    .collect()
            }
            DirectoryKey::Group(key) => {
                let groups = self.graph.find_groups(key).await?;
                groups
                    .into_iter()
                    .map(|group| DirectoryObject {
                        unsuitable: unsuitable(&group),
                        ..plain(group.id.to_string(), group.display_name)
                    })
                    .collect()
            }
            DirectoryKey::ServicePrincipal(key) => {
                let principals = self.graph.find_service_principals(key).await?;
                principals
                    .into_iter()
                    .map(|principal| DirectoryObject {
                        app_roles: principal.app_roles,
                        ..plain(principal.id.to_string(), principal.display_name)
                    })
                    .collect()
            }
            DirectoryKey::Site(key) => {
                let sites = self.graph.find_sites(key).await?;
                sites
                    .into_iter()
                    .map(|site| plain(site.web_url, site.display_name.unwrap_or_default()))
                    .collect()
            }
        })
    }

    /// The roles that an application defines; none where we may not read applications.
    pub(crate) async fn app_roles(&self, service_principal: &str) -> Step<Vec<AppRole>> {
        let key = DirectoryKey::ServicePrincipal(ServicePrincipalKey::Id(service_principal.to_owned()));
        match self.find(&key, true).await {
            Ok(found) => Ok(found.into_iter().flat_map(|object| object.app_roles).collect()),
            Err(error) if error.kind == GraphErrorKind::Forbidden => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    fn missing(&self, field: &str, key: &DirectoryKey) -> Halt {
        let (kind, by, value) = key.parts();
        Halt::reference(Problem::new(
            Reason::ReferenceNotFound,
            format!(
                "{field}: no {kind} with {by} {value:?} in tenant {}; correct the {by} or create the {kind}",
                self.tenant
            ),
        ))
        .retried(Retry::After(Duration::from_secs(30)))
    }

    fn ambiguous(&self, field: &str, key: &DirectoryKey, several: &[DirectoryObject]) -> Halt {
        let (kind, by, value) = key.parts();
        let ids = several
            .iter()
            .map(|object| object.id.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        Halt::reference(Problem::new(
            Reason::ReferenceAmbiguous,
            format!(
                "{field}: {} {kind}s have the {by} {value:?} in tenant {}: {ids}; name the one you mean by id",
                several.len(),
                self.tenant
            ),
        ))
        .retried(Retry::After(Duration::from_secs(30)))
    }

    fn failed(&self, field: &str, error: &GraphError) -> Halt {
        let (reason, advice) = match (error.kind, error.needed_permission) {
            (GraphErrorKind::Forbidden, Some(permission)) => (
                Reason::NeedsTenantPermission,
                format!("; grant the application permission {permission}, or give the id instead of the name"),
            ),
            _ if error.is_transient() => (Reason::GraphUnavailable, String::new()),
            _ => (Reason::GraphRefused, String::new()),
        };
        Halt {
            problem: Problem::new(reason, format!("{field}: {error}{advice}")).traced(error.trace()),
            stage: Stage::References,
            retry: error.retry_after.map_or(Retry::Backoff, Retry::After),
        }
    }
}

fn unsuitable(group: &Group) -> Option<&'static str> {
    if group.on_premises_synced {
        Some("is synchronized from on-premises Active Directory, so Entra cannot change its members; use a cloud group")
    } else if group.distribution {
        Some(
            "is an Exchange distribution group, whose members entitlement management cannot change; use a security or Microsoft 365 group",
        )
    } else if group.dynamic {
        Some("has dynamic membership, so nobody can be added as a member; use a group with assigned membership")
    } else {
        None
    }
}

/// The key of a user reference; `None` for an empty one, which the schema refuses.
pub(crate) fn user_key(reference: &UserRef) -> Option<DirectoryKey> {
    let UserRef {
        id,
        user_principal_name,
        mail,
    } = reference.clone();
    id.map(UserKey::Id)
        .or(user_principal_name.map(UserKey::UserPrincipalName))
        .or(mail.map(UserKey::Mail))
        .map(DirectoryKey::User)
}

/// The key of a group reference; `None` for an empty one, which the schema refuses.
pub(crate) fn group_key(reference: &GroupRef) -> Option<DirectoryKey> {
    let GroupRef {
        id,
        display_name,
        mail_nickname,
        unique_name,
    } = reference.clone();
    id.map(GroupKey::Id)
        .or(display_name.map(GroupKey::DisplayName))
        .or(mail_nickname.map(GroupKey::MailNickname))
        .or(unique_name.map(GroupKey::UniqueName))
        .map(DirectoryKey::Group)
}

/// The key of a service principal reference; `None` for an empty one, which the schema refuses.
pub(crate) fn service_principal_key(reference: &ServicePrincipalRef) -> Option<DirectoryKey> {
    let ServicePrincipalRef {
        id,
        app_id,
        display_name,
    } = reference.clone();
    id.map(ServicePrincipalKey::Id)
        .or(app_id.map(ServicePrincipalKey::AppId))
        .or(display_name.map(ServicePrincipalKey::DisplayName))
        .map(DirectoryKey::ServicePrincipal)
}

/// The key of an application reference; `None` for an empty one, which the schema refuses.
pub(crate) fn application_key(reference: &ApplicationRef) -> Option<DirectoryKey> {
    let ApplicationRef {
        app_id,
        service_principal_id,
        display_name,
    } = reference.clone();
    service_principal_key(&ServicePrincipalRef {
        id: service_principal_id,
        app_id,
        display_name,
    })
}

/// The key of a site reference; `None` for an empty one, which the schema refuses.
pub(crate) fn site_key(reference: &SharePointSiteRef) -> Option<DirectoryKey> {
    let SharePointSiteRef { url, id } = reference.clone();
    url.map(SiteKey::Url).or(id.map(SiteKey::Id)).map(DirectoryKey::Site)
}
