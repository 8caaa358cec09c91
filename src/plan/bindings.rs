//! What a reference to the directory means, once the directory has answered or refused to.
//!
//! | pinned | the directory | the reference means |
//! |---|---|---|
//! | yes | has it under the name | what is pinned |
//! | yes | has another under the name | what is pinned, and `ReferenceMoved` is told |
//! | yes | has none, or does not answer | what is pinned |
//! | no | has exactly one | that one, pinned from now on |
//! | no | has none or several | nothing: `ReferenceNotFound`, `ReferenceAmbiguous` |
//! | no | does not answer | nothing: why it does not |

use std::{fmt, time::Duration};

use super::{Problem, sites};
use crate::{
    api::{
        ApplicationRef, ConnectedOrganizationRef, Extension, GroupRef, PinnedReference, Reason, Reference, ReferenceAt,
        Refers, ServicePrincipalRef, SharePointSiteRef, UserRef,
    },
    graph::{
        AppRole, CatalogId, ExtensionKind, Group, GroupKey, OrganizationKey, ServicePrincipalKey, SiteKey, UserKey,
    },
};

/// How long a look-up that found nothing usable is believed at first; each further one is believed twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// A workflow extension, as a policy of its catalog names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionKey {
    /// The catalog that has it.
    pub catalog: CatalogId,
    /// What it must be made for, by the stage that runs it.
    pub kind: ExtensionKind,
    /// By which it is named.
    pub by: ExtensionName,
}

/// By which a workflow extension is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtensionName {
    /// Its id.
    Id(String),
    /// Its name; not unique.
    DisplayName(String),
}

/// One object of the directory, as a spec names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryKey {
    /// A user.
    User(UserKey),
    /// A group.
    Group(GroupKey),
    /// An application as it exists in the tenant.
    ServicePrincipal(ServicePrincipalKey),
    /// A SharePoint site.
    Site(SiteKey),
    /// A connected organization: entitlement management knows it, and not the directory.
    Organization(OrganizationKey),
    /// A workflow extension: a catalog has it.
    Extension(ExtensionKey),
}

impl DirectoryKey {
    /// The id, where the spec gives it: then nothing has to be looked up to know what is meant.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::User(UserKey::Id(id)) | Self::Group(GroupKey::Id(id)) => Some(id),
            Self::ServicePrincipal(ServicePrincipalKey::Id(id)) | Self::Organization(OrganizationKey::Id(id)) => {
                Some(id)
            }
            Self::User(UserKey::UserPrincipalName(_) | UserKey::Mail(_))
            | Self::Group(GroupKey::DisplayName(_) | GroupKey::MailNickname(_) | GroupKey::UniqueName(_))
            | Self::ServicePrincipal(ServicePrincipalKey::AppId(_) | ServicePrincipalKey::DisplayName(_))
            | Self::Site(SiteKey::Url(_) | SiteKey::Id(_))
            | Self::Organization(
                OrganizationKey::DisplayName(_) | OrganizationKey::TenantId(_) | OrganizationKey::Domain(_),
            ) => None,
            Self::Extension(ExtensionKey { by, .. }) => match by {
                ExtensionName::Id(id) => Some(id),
                ExtensionName::DisplayName(_) => None,
            },
        }
    }

    /// The kind of object, the property that names it, and its value.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &'static str, &str) {
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
            Self::Organization(OrganizationKey::Id(value)) => ("connected organization", "id", value),
            Self::Organization(OrganizationKey::DisplayName(value)) => ("connected organization", "displayName", value),
            Self::Organization(OrganizationKey::TenantId(value)) => ("connected organization", "tenantId", value),
            Self::Organization(OrganizationKey::Domain(value)) => ("connected organization", "domain", value),
            Self::Extension(ExtensionKey { catalog: _, kind, by }) => {
                let kind = match kind {
                    ExtensionKind::Request => "request workflow extension",
                    ExtensionKind::Assignment => "assignment workflow extension",
                };
                match by {
                    ExtensionName::Id(value) => (kind, "id", value),
                    ExtensionName::DisplayName(value) => (kind, "displayName", value),
                }
            }
        }
    }

    /// Where it is looked for, in words.
    fn place(&self, tenant: &str) -> String {
        match self {
            Self::Extension(ExtensionKey { catalog, .. }) => format!("catalog {catalog}"),
            Self::User(_) | Self::Group(_) | Self::ServicePrincipal(_) | Self::Site(_) | Self::Organization(_) => {
                format!("tenant {tenant}")
            }
        }
    }
}

impl fmt::Display for DirectoryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, by, value) = self.parts();
        match self {
            // Names mean something within their catalog only.
            Self::Extension(ExtensionKey { catalog, .. }) => {
                write!(formatter, "{kind} of catalog {catalog} {by}={value}")
            }
            Self::User(_) | Self::Group(_) | Self::ServicePrincipal(_) | Self::Site(_) | Self::Organization(_) => {
                write!(formatter, "{kind} {by}={value}")
            }
        }
    }
}

/// An object that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryObject {
    /// Object id; for a site its address, which is what entitlement management knows it by.
    pub id: String,
    /// Its name.
    pub display_name: String,
    /// The roles that an application defines.
    pub app_roles: Vec<AppRole>,
    /// What keeps a group from being a resource.
    pub unsuitable: Option<Unsuitable>,
    /// A user who may not sign in.
    pub is_disabled: bool,
    /// A user who is a guest of the directory.
    pub is_guest: bool,
}

impl DirectoryObject {
    /// An object of which nothing more than id and name matters.
    #[must_use]
    pub fn new(id: impl Into<String>, display_name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            display_name: display_name.into(),
            app_roles: Vec::new(),
            unsuitable: None,
            is_disabled: false,
            is_guest: false,
        }
    }
}

/// What keeps a group from being a resource of a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsuitable {
    /// Kept by an on-premises directory.
    OnPremises,
    /// An Exchange distribution group.
    Distribution,
    /// Its members may get directory roles through it: only where the Catalog opts in.
    RoleAssignable,
    /// Its members follow from a rule: its owners can still be managed.
    Dynamic,
}

impl Unsuitable {
    /// What is the matter with a group, the worst first.
    #[must_use]
    pub fn of(group: &Group) -> Option<Self> {
        if group.on_premises_synced {
            Some(Self::OnPremises)
        } else if group.distribution {
            Some(Self::Distribution)
        } else if group.role_assignable {
            // Such a group is never dynamic.
            Some(Self::RoleAssignable)
        } else if group.dynamic {
            Some(Self::Dynamic)
        } else {
            None
        }
    }

    /// Whether it matters for a resource that offers these roles.
    #[must_use]
    pub fn matters(self, offered: &[String], role_assignable_allowed: bool) -> bool {
        match self {
            Self::OnPremises | Self::Distribution => true,
            Self::RoleAssignable => !role_assignable_allowed,
            Self::Dynamic => !offered.iter().all(|role| role == "Owner"),
        }
    }

    /// What is wrong and what to do, as it goes on after `the group …`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::OnPremises => {
                "is synchronized from on-premises Active Directory, so Entra cannot change its members; use a cloud group"
            }
            Self::Distribution => {
                "is an Exchange distribution group, whose members entitlement management cannot change; use a security or Microsoft 365 group"
            }
            Self::RoleAssignable => {
                "can hold directory roles (isAssignableToRole), so whoever gets this package might administer the tenant; use another group, or write roleAssignable: Allowed beside it if that is meant"
            }
            Self::Dynamic => {
                "has dynamic membership, so nobody can be added as a member; use a group with assigned membership"
            }
        }
    }
}

/// What was probably meant by an id that stands for nothing of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// It is the id of another kind of object.
    Kind(&'static str),
    /// It is an application's own object id; its service principal, where it has one here, has this id.
    ApplicationObject(Option<String>),
    /// It is an appId; the service principal has this id.
    AppId(String),
    /// It is the object id of a service principal where its appId is asked for.
    ServicePrincipal,
    /// It is a workflow extension that is made for other stages.
    OtherStage,
}

impl Mistake {
    fn what(&self) -> String {
        match self {
            Self::Kind(kind) => format!("it is the id of a {kind}"),
            Self::ApplicationObject(_) => {
                "it is the object id of an app registration, not of its service principal (enterprise application)"
                    .into()
            }
            Self::AppId(_) => "it is an application (client) id".into(),
            Self::ServicePrincipal => {
                "it is the object id of a service principal, not an application (client) id".into()
            }
            Self::OtherStage => "the one that there is is made for other stages".into(),
        }
    }

    fn remedy(&self, kind: &str, by: &str) -> String {
        match self {
            Self::Kind(_) => format!("write the {by} of a {kind}"),
            Self::ApplicationObject(Some(id)) | Self::AppId(id) => {
                format!("the service principal has the id {id}: write that, or name it by appId")
            }
            Self::ApplicationObject(None) => {
                "create its service principal in this tenant, and write that one's id".into()
            }
            Self::ServicePrincipal => {
                "write its appId, or give this one as the object id of the service principal".into()
            }
            Self::OtherStage => format!("name a {kind}, or have it run at the stages that it is made for"),
        }
    }
}

/// What the directory answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The objects of that name; an id has one at most.
    pub objects: Vec<DirectoryObject>,
    /// What an id that has none probably is.
    pub mistake: Option<Mistake>,
}

impl Answer {
    /// Whether there is exactly one, and nothing the matter with it that could change: no need to ask again soon.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self.objects.as_slice() {
            [one] => matches!(one.unsuitable, None | Some(Unsuitable::RoleAssignable)),
            [] | [_, _, ..] => false,
        }
    }
}

/// How long an answer that binds nothing is believed, this being the `misses`th in a row: doubling, `longest` at most.
#[must_use]
pub fn believed(misses: u32, longest: Duration) -> Duration {
    let doublings = misses.saturating_sub(1).min(16);
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doublings)).min(longest)
}

/// What a reference means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The id of the object; of a site its address.
    pub id: String,
    /// What the directory says of it, where it was asked and knows it.
    pub object: Option<DirectoryObject>,
    /// What to remember; none where the spec gives the id.
    pub pin: Option<PinnedReference>,
    /// The name means something else by now.
    pub moved: Option<Problem>,
    /// The directory has answered, and has nothing of this name any more.
    pub is_gone: bool,
}

impl Bound {
    /// What is to be told of somebody who is to decide, and cannot.
    #[must_use]
    pub fn cannot_decide(&self, field: &str) -> Option<Problem> {
        let what = match &self.object {
            None if self.is_gone => "nobody of this name exists any more",
            Some(object) if object.is_disabled => "the account is disabled",
            Some(_) | None => return None,
        };
        Some(
            Problem::new(
                Reason::ApproverUnavailable,
                format!("{what}, and who is meant cannot decide"),
            )
            .at(field)
            .remedy("name somebody else, or have the account put right"),
        )
    }
}

impl Bound {
    /// What is certain without the directory.
    #[must_use]
    pub fn certain(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            object: None,
            pin: None,
            moved: None,
            is_gone: false,
        }
    }
}

/// What a name means, by the table on top; `answer` is none where the directory did not answer. `Ok(None)`: nothing is
/// pinned and nothing answered, so that the caller says why.
///
/// # Errors
/// [`Reason::ReferenceNotFound`] with the likely mistake, [`Reason::ReferenceAmbiguous`] with the candidates.
pub fn decide(
    field: &str,
    key: &DirectoryKey,
    pinned: Option<&str>,
    answer: Option<&Answer>,
    tenant: &str,
) -> Result<Option<Bound>, Problem> {
    let bound = |id: &str, object: Option<&DirectoryObject>, moved| {
        Some(Bound {
            id: id.to_owned(),
            object: object.cloned(),
            pin: Some(PinnedReference {
                reference: key.to_string(),
                id: id.to_owned(),
            }),
            moved,
            is_gone: answer.is_some_and(|answer| answer.objects.is_empty()),
        })
    };
    let (Some(answer), pinned) = (answer, pinned) else {
        return Ok(pinned.and_then(|id| bound(id, None, None)));
    };
    let objects = answer.objects.as_slice();
    match (pinned, objects) {
        (Some(id), _) => {
            let known = objects.iter().find(|object| sites::same_origin(&object.id, id));
            let moved = (known.is_none() && !objects.is_empty()).then(|| {
                let elsewhere = ids(objects);
                Problem::new(
                    Reason::ReferenceMoved,
                    format!("the name now stands for {elsewhere}; it stays bound to {id} until this field changes"),
                )
                .at(field)
            });
            Ok(bound(id, known, moved))
        }
        (None, [one]) => Ok(bound(&one.id, Some(one), None)),
        (None, []) => Err(missing(field, key, answer.mistake.as_ref(), tenant)),
        (None, several) => Err(ambiguous(field, key, several, tenant)),
    }
}

/// An id that the directory does not have, or a name that nothing has.
#[must_use]
pub fn missing(field: &str, key: &DirectoryKey, mistake: Option<&Mistake>, tenant: &str) -> Problem {
    let (kind, by, value) = key.parts();
    let mut what = format!("no {kind} with {by} {value:?} in {}", key.place(tenant));
    let mut remedy = format!("correct the {by} or create the {kind}");
    if let DirectoryKey::Organization(OrganizationKey::Domain(_)) = key {
        "Entra shows a domain as the tenant behind it: name the organization by tenantId or displayName, or by the name of its ConnectedOrganization here".clone_into(&mut remedy);
    }
    if let Some(mistake) = mistake {
        what = format!("{what}: {}", mistake.what());
        remedy = mistake.remedy(kind, by);
    }
    Problem::new(Reason::ReferenceNotFound, what).at(field).remedy(remedy)
}

fn ambiguous(field: &str, key: &DirectoryKey, several: &[DirectoryObject], tenant: &str) -> Problem {
    let (kind, by, value) = key.parts();
    let words = format!(
        "{} {kind}s have the {by} {value:?} in {}: {}",
        several.len(),
        key.place(tenant),
        ids(several)
    );
    Problem::new(Reason::ReferenceAmbiguous, words)
        .at(field)
        .remedy("name the one you mean by id")
}

/// In a stable order: the service answers in any.
fn ids(objects: &[DirectoryObject]) -> String {
    let mut ids: Vec<&str> = objects.iter().map(|object| object.id.as_str()).collect();
    ids.sort_unstable();
    ids.join(", ")
}

/// Adds a pin unless there is one for this reference already: status has each once.
pub fn remember(pins: &mut Vec<PinnedReference>, pin: Option<PinnedReference>) {
    if let Some(pin) = pin
        && pins.iter().all(|known| known.reference != pin.reference)
    {
        pins.push(pin);
    }
}

/// What a spec gives by an id of the directory, each with its field.
#[must_use]
pub fn given_by_id(spec: &impl Refers) -> Vec<(String, DirectoryKey)> {
    let keys = spec
        .references()
        .into_iter()
        .filter_map(|ReferenceAt { field, reference }| Some((field, directory_key(reference)?)));
    keys.filter(|(_, key)| key.id().is_some()).collect()
}

/// The key of whatever is named in the directory; `None` for an empty reference, and for what is found by name alone or not in
/// the directory.
#[must_use]
pub fn directory_key(reference: Reference<'_>) -> Option<DirectoryKey> {
    match reference {
        Reference::User(user) => user_key(user),
        Reference::Group(group) => group_key(group),
        Reference::ServicePrincipal(principal) => service_principal_key(principal),
        Reference::Application(application) => application_key(application),
        Reference::ConnectedOrganization(organization) => organization_key(organization),
        Reference::Tenant(_)
        | Reference::Catalog(_)
        | Reference::AccessPackage(_)
        | Reference::Incompatible(_)
        | Reference::ResourceRole(_)
        | Reference::Secret(_)
        | Reference::Extension(_)
        | Reference::Site(_) => None,
    }
}

/// The key of a user reference; `None` for an empty one, which the schema refuses.
#[must_use]
pub fn user_key(reference: &UserRef) -> Option<DirectoryKey> {
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
#[must_use]
pub fn group_key(reference: &GroupRef) -> Option<DirectoryKey> {
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
#[must_use]
pub fn service_principal_key(reference: &ServicePrincipalRef) -> Option<DirectoryKey> {
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

/// The key of a workflow extension of this catalog; `None` for an empty one, which the schema refuses.
#[must_use]
pub fn extension_key(extension: &Extension, catalog: &CatalogId, kind: ExtensionKind) -> Option<DirectoryKey> {
    let Extension {
        stage: _,
        display_name,
        id,
    } = extension.clone();
    let by = id
        .map(ExtensionName::Id)
        .or(display_name.map(ExtensionName::DisplayName))?;
    Some(DirectoryKey::Extension(ExtensionKey {
        catalog: catalog.clone(),
        kind,
        by,
    }))
}

/// The key of a connected organization in Entra; `None` for an empty one, which the schema refuses, and for one that is named by
/// its object in the cluster.
#[must_use]
pub fn organization_key(reference: &ConnectedOrganizationRef) -> Option<DirectoryKey> {
    let ConnectedOrganizationRef {
        name: _,
        id,
        display_name,
        tenant_id,
        domain,
    } = reference.clone();
    id.map(OrganizationKey::Id)
        .or(display_name.map(OrganizationKey::DisplayName))
        .or(tenant_id.map(OrganizationKey::TenantId))
        .or(domain.map(OrganizationKey::Domain))
        .map(DirectoryKey::Organization)
}

/// The key of an application reference; `None` for an empty one, which the schema refuses.
#[must_use]
pub fn application_key(reference: &ApplicationRef) -> Option<DirectoryKey> {
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
#[must_use]
pub fn site_key(reference: &SharePointSiteRef) -> Option<DirectoryKey> {
    let SharePointSiteRef { url, id } = reference.clone();
    url.map(SiteKey::Url).or(id.map(SiteKey::Id)).map(DirectoryKey::Site)
}

#[cfg(test)]
mod tests;
