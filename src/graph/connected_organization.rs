//! Connected organizations: the directories and domains of partners, and who vouches for their people.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::access_package::refused_query;
use super::call::Call;
use super::error::{GraphError, GraphErrorKind};
use super::id::ObjectId;
use super::odata;
use super::read::{Listed, Read};
use super::reference::Referenced;
use super::transport::{Graph, Operation, Removed};
use super::wire::string_enum;
use super::{READ, WRITE};

/// What an organization is read with, so that one read tells its sponsors.
const EXPAND: &str = "internalSponsors,externalSponsors";
/// Where the directory cuts a collection that it expands, without a word: as many may be all of them, or the first of more.
const CUT: usize = 20;

string_enum! {
    /// Whether the organization's people are meant by policies for all configured ones.
    ConnectedOrganizationState, Unknown {
        /// They are.
        Configured = "configured",
        /// They are not: somebody, or Entra itself, has put it forward.
        Proposed = "proposed",
    }
}

/// By what Entra knows the people of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// A tenant of this cloud.
    Tenant {
        /// Its id.
        tenant_id: String,
    },
    /// A tenant of another cloud.
    CrossCloudTenant {
        /// The cloud's host: `microsoftonline.com`, `microsoftonline.us` or `partner.microsoftonline.cn`.
        cloud_instance: String,
        /// The tenant's id.
        tenant_id: String,
    },
    /// A domain.
    Domain {
        /// Its name.
        domain: String,
    },
    /// A domain whose people sign in with an identity provider of their own.
    FederatedDomain {
        /// Its name.
        domain: String,
        /// The provider's issuer.
        issuer_uri: String,
    },
    /// People of a social network.
    Social {
        /// Which one: `facebook`.
        provider: String,
    },
    /// One that this version does not know, or that does not say what it means; never written.
    Unknown {
        /// Its `@odata.type`, empty where there was none.
        odata_type: String,
        /// As it came.
        raw: Value,
    },
}

/// Every property of every kind that we read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSource {
    #[serde(rename = "@odata.type", default, deserialize_with = "super::wire::null_as_default")]
    odata_type: String,
    tenant_id: Option<String>,
    cloud_instance: Option<String>,
    domain_name: Option<String>,
    issuer_uri: Option<String>,
    social_identity_source_type: Option<String>,
}

impl<'de> Deserialize<'de> for IdentitySource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(Value::deserialize(deserializer)?))
    }
}

impl IdentitySource {
    fn of(raw: Value) -> Self {
        let Ok(wire) = WireSource::deserialize(&raw) else {
            return Self::Unknown {
                odata_type: String::new(),
                raw,
            };
        };
        let WireSource {
            odata_type,
            tenant_id,
            cloud_instance,
            domain_name,
            issuer_uri,
            social_identity_source_type,
        } = wire;
        let kind = odata_type.strip_prefix("#microsoft.graph.").unwrap_or(&odata_type);
        let known = match kind {
            "azureActiveDirectoryTenant" => tenant_id.map(|tenant_id| Self::Tenant { tenant_id }),
            "crossCloudAzureActiveDirectoryTenant" => {
                cloud_instance
                    .zip(tenant_id)
                    .map(|(cloud_instance, tenant_id)| Self::CrossCloudTenant {
                        cloud_instance,
                        tenant_id,
                    })
            }
            "domainIdentitySource" => domain_name.map(|domain| Self::Domain { domain }),
            "externalDomainFederation" => domain_name
                .zip(issuer_uri)
                .map(|(domain, issuer_uri)| Self::FederatedDomain { domain, issuer_uri }),
            "socialIdentitySource" => social_identity_source_type.map(|provider| Self::Social { provider }),
            // Kinds that are newer than this version.
            _ => None,
        };
        known.unwrap_or(Self::Unknown { odata_type, raw })
    }

    /// The source as Graph wants it; `None` for one that this version does not know.
    fn to_body(&self) -> Option<Value> {
        let of = |kind: &str, mut fields: Value| {
            fields["@odata.type"] = format!("#microsoft.graph.{kind}").into();
            fields
        };
        Some(match self {
            Self::Tenant { tenant_id } => of("azureActiveDirectoryTenant", json!({"tenantId": tenant_id})),
            Self::CrossCloudTenant {
                cloud_instance,
                tenant_id,
            } => of(
                "crossCloudAzureActiveDirectoryTenant",
                json!({"cloudInstance": cloud_instance, "tenantId": tenant_id}),
            ),
            Self::Domain { domain } => of(
                "domainIdentitySource",
                json!({"domainName": domain, "displayName": domain}),
            ),
            Self::FederatedDomain { domain, issuer_uri } => of(
                "externalDomainFederation",
                json!({"domainName": domain, "issuerUri": issuer_uri, "displayName": domain}),
            ),
            Self::Social { provider } => of("socialIdentitySource", json!({"socialIdentitySourceType": provider})),
            Self::Unknown { .. } => return None,
        })
    }
}

/// A connected organization as Graph answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectedOrganization {
    /// Its id.
    pub id: ObjectId,
    /// Its name; not unique.
    pub display_name: String,
    /// Its description.
    pub description: Option<String>,
    /// Whether it is configured.
    pub state: Option<ConnectedOrganizationState>,
    /// What it stands for. A domain is answered as the tenant behind it, or for a while as nothing.
    pub identity_sources: Vec<IdentitySource>,
    /// When it was made (RFC 3339).
    pub created: Option<String>,
    /// Those of this directory who vouch for its people.
    pub internal_sponsors: Read<BTreeSet<ObjectId>>,
    /// Those of the organization itself who do.
    pub external_sponsors: Read<BTreeSet<ObjectId>>,
}

/// An organization as it comes: the expanded collections may be cut into pages of their own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    id: ObjectId,
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    display_name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    state: Option<ConnectedOrganizationState>,
    #[serde(default, deserialize_with = "super::wire::null_as_default")]
    identity_sources: Vec<IdentitySource>,
    #[serde(default, rename = "createdDateTime")]
    created: Option<String>,
    #[serde(default)]
    internal_sponsors: Read<Listed<Referenced>>,
    #[serde(default, rename = "internalSponsors@odata.nextLink")]
    more_internal: Option<String>,
    #[serde(default)]
    external_sponsors: Read<Listed<Referenced>>,
    #[serde(default, rename = "externalSponsors@odata.nextLink")]
    more_external: Option<String>,
}

/// How to find a connected organization.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OrganizationKey {
    /// By id.
    Id(String),
    /// By name; not unique.
    DisplayName(String),
    /// By the tenant that it stands for.
    TenantId(String),
    /// By the domain that it stands for, as far as it is shown: with a tenant behind it, that one is.
    Domain(String),
}

impl OrganizationKey {
    fn is_shown_by(&self, source: &IdentitySource) -> bool {
        match (self, source) {
            (
                Self::TenantId(id),
                IdentitySource::Tenant { tenant_id } | IdentitySource::CrossCloudTenant { tenant_id, .. },
            ) => id.eq_ignore_ascii_case(tenant_id),
            (
                Self::Domain(name),
                IdentitySource::Domain { domain } | IdentitySource::FederatedDomain { domain, .. },
            ) => name.eq_ignore_ascii_case(domain),
            (Self::Id(_) | Self::DisplayName(_) | Self::TenantId(_) | Self::Domain(_), _) => false,
        }
    }
}

/// One of the two lists of sponsors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SponsorList {
    /// Of this directory.
    Internal,
    /// Of the organization itself.
    External,
}

impl SponsorList {
    /// Graph's name of the list, and ours.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internal => "internalSponsors",
            Self::External => "externalSponsors",
        }
    }
}

/// A sponsor to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sponsor {
    /// A user.
    User(ObjectId),
    /// A group.
    Group(ObjectId),
}

impl Sponsor {
    /// The object id.
    pub const fn id(&self) -> &ObjectId {
        match self {
            Self::User(id) | Self::Group(id) => id,
        }
    }
}

/// A connected organization to be made; everything is said, nothing is left to the service's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedOrganizationFields {
    /// Its name.
    pub display_name: String,
    /// Its description.
    pub description: String,
    /// Whether it is configured.
    pub state: ConnectedOrganizationState,
    /// What it stands for, for good.
    pub identity_source: IdentitySource,
}

/// The properties of a connected organization to change; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectedOrganizationPatch {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ConnectedOrganizationState>,
}

impl Operation<'_> {
    /// The ids of a list of sponsors, whole. Where one of them cannot be read, nobody can tell who they are.
    async fn sponsors(
        &self,
        mut part: Read<Listed<Referenced>>,
        more: Option<String>,
    ) -> Result<Read<BTreeSet<ObjectId>>, GraphError> {
        let is_cut = more.is_none() && part.known().is_some_and(|people| people.elements.len() >= CUT);
        self.rest_of(more, &mut part).await?;
        Ok(match part {
            Read::Read(people) if people.unreadable.is_empty() && !is_cut => Read::Read(ids(people)),
            Read::Read(_) | Read::Unread => Read::Unread,
        })
    }

    /// The organization with all pages of its sponsors.
    async fn organization(&self, wire: Wire) -> Result<ConnectedOrganization, GraphError> {
        let Wire {
            id,
            display_name,
            description,
            state,
            identity_sources,
            created,
            internal_sponsors,
            more_internal,
            external_sponsors,
            more_external,
        } = wire;
        Ok(ConnectedOrganization {
            id,
            display_name,
            description,
            state,
            identity_sources,
            created,
            internal_sponsors: self.sponsors(internal_sponsors, more_internal).await?,
            external_sponsors: self.sponsors(external_sponsors, more_external).await?,
        })
    }

    async fn organizations(&self, call: Call) -> Result<Listed<ConnectedOrganization>, GraphError> {
        let Listed { elements, unreadable } = self.all(call).await?;
        let mut organizations = Vec::with_capacity(elements.len());
        for wire in elements {
            organizations.push(self.organization(wire).await?);
        }
        Ok(Listed {
            elements: organizations,
            unreadable,
        })
    }

    /// A list of sponsors by itself, which has no end where an expanded one may.
    async fn sponsors_by_themselves(
        &self,
        id: &ObjectId,
        list: SponsorList,
    ) -> Result<Read<BTreeSet<ObjectId>>, GraphError> {
        let path = self.entitlement(&["connectedOrganizations", id.as_str(), list.name()])?;
        let people: Listed<Referenced> = self.all(Call::get(path)).await?;
        self.tell(&people);
        Ok(if people.unreadable.is_empty() {
            Read::Read(ids(people))
        } else {
            Read::Unread
        })
    }
}

fn ids(people: Listed<Referenced>) -> BTreeSet<ObjectId> {
    people.elements.into_iter().map(|person| person.id).collect()
}

impl Graph {
    /// All connected organizations of the tenant, those that Entra made by itself among them, with their sponsors.
    /// `GET connectedOrganizations?$expand=internalSponsors,externalSponsors`; EntitlementManagement.Read.All. Where the
    /// service refuses that expand on the collection, the sponsors are unread.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn list_connected_organizations(&self) -> Result<Listed<ConnectedOrganization>, GraphError> {
        let op = self.operation("connectedOrganizations.list", READ);
        let collection = Call::get(op.entitlement(&["connectedOrganizations"])?);
        let expanded = collection.clone().query(&[("$expand", EXPAND.to_owned())]);
        match op.organizations(expanded).await {
            Err(error) if refused_query(&error) => op.organizations(collection).await,
            other => other,
        }
    }

    /// The connected organizations of this name, without their sponsors.
    /// `GET connectedOrganizations?$filter=displayName eq '…'`; EntitlementManagement.Read.All. One that was just made may
    /// be missing for some seconds; one that cannot be read has the name all the same.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn find_connected_organizations_named(
        &self,
        display_name: &str,
    ) -> Result<Listed<ConnectedOrganization>, GraphError> {
        let op = self.operation("connectedOrganizations.find", READ);
        let call = Call::get(op.entitlement(&["connectedOrganizations"])?);
        op.organizations(call.query(&[("$filter", odata::eq("displayName", display_name))]))
            .await
    }

    /// The connected organizations that are named so; an empty list is a proven absence. By name as
    /// [`Graph::find_connected_organizations_named`]; by tenant or domain out of the list of all, since no filter knows them;
    /// EntitlementManagement.Read.All.
    ///
    /// # Errors
    ///
    /// As every operation; `InvalidResponse` where one that cannot be read may be the one.
    pub async fn find_connected_organizations(
        &self,
        key: &OrganizationKey,
    ) -> Result<Vec<ConnectedOrganization>, GraphError> {
        let op = self.operation("connectedOrganizations.find", READ);
        let listed = match key {
            OrganizationKey::Id(id) => {
                let found = self.get_connected_organization(&id.as_str().into()).await?;
                return Ok(found.into_iter().collect());
            }
            OrganizationKey::DisplayName(name) => self.find_connected_organizations_named(name).await?,
            OrganizationKey::TenantId(_) | OrganizationKey::Domain(_) => {
                let collection = Call::get(op.entitlement(&["connectedOrganizations"])?);
                let mut all = op.organizations(collection).await?;
                all.elements
                    .retain(|one| one.identity_sources.iter().any(|source| key.is_shown_by(source)));
                all
            }
        };
        op.readable(listed)
    }

    /// One connected organization with all its sponsors; `None` only where Graph says 404.
    /// `GET connectedOrganizations/{id}?$expand=internalSponsors,externalSponsors`, and `GET …/internalSponsors` where there
    /// may be more of them than the expansion shows; EntitlementManagement.Read.All.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn get_connected_organization(&self, id: &ObjectId) -> Result<Option<ConnectedOrganization>, GraphError> {
        let op = self.operation("connectedOrganizations.get", READ);
        let call = Call::get(op.entitlement(&["connectedOrganizations", id.as_str()])?);
        let Some(wire) = op.read_existing(&call.query(&[("$expand", EXPAND.to_owned())])).await? else {
            return Ok(None);
        };
        let mut organization = op.organization(wire).await?;
        if organization.internal_sponsors == Read::Unread {
            organization.internal_sponsors = op.sponsors_by_themselves(id, SponsorList::Internal).await?;
        }
        if organization.external_sponsors == Read::Unread {
            organization.external_sponsors = op.sponsors_by_themselves(id, SponsorList::External).await?;
        }
        Ok(Some(organization))
    }

    /// Makes a connected organization, without sponsors. `POST connectedOrganizations`; EntitlementManagement.ReadWrite.All.
    /// Not repeatable: names are not unique.
    ///
    /// # Errors
    ///
    /// `OutcomeUnknown` where the answer was lost: look by name before creating again.
    pub async fn create_connected_organization(
        &self,
        fields: &ConnectedOrganizationFields,
    ) -> Result<ConnectedOrganization, GraphError> {
        let op = self.operation("connectedOrganizations.create", WRITE);
        let ConnectedOrganizationFields {
            display_name,
            description,
            state,
            identity_source,
        } = fields;
        let source = identity_source.to_body().ok_or_else(|| {
            let why = "an identity source that this version does not know is never written";
            op.error(GraphErrorKind::BadRequest, why)
        })?;
        let body = json!({"displayName": display_name, "description": description, "state": state,
            "identitySources": [source]});
        let made: Wire = op
            .read(&Call::create(op.entitlement(&["connectedOrganizations"])?, body))
            .await?;
        let made = op.organization(made).await?;
        // What was just made has nobody yet.
        Ok(ConnectedOrganization {
            internal_sponsors: Read::Read(BTreeSet::new()),
            external_sponsors: Read::Read(BTreeSet::new()),
            ..made
        })
    }

    /// Changes a connected organization. `PATCH connectedOrganizations/{id}`; EntitlementManagement.ReadWrite.All.
    /// Repeatable. Its identity source is not among what can be changed.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn update_connected_organization(
        &self,
        id: &ObjectId,
        patch: &ConnectedOrganizationPatch,
    ) -> Result<(), GraphError> {
        let op = self.operation("connectedOrganizations.update", WRITE);
        let body = op.body(patch)?;
        let path = op.entitlement(&["connectedOrganizations", id.as_str()])?;
        op.write(&Call::patch(path, body)).await
    }

    /// Removes a connected organization that no policy names. `DELETE connectedOrganizations/{id}`;
    /// EntitlementManagement.ReadWrite.All. Repeatable.
    ///
    /// # Errors
    ///
    /// A 4xx while a policy names it.
    pub async fn delete_connected_organization(&self, id: &ObjectId) -> Result<Removed, GraphError> {
        let op = self.operation("connectedOrganizations.delete", WRITE);
        op.remove(&Call::delete(op.entitlement(&["connectedOrganizations", id.as_str()])?))
            .await
    }

    /// Has somebody vouch for the organization's people. `POST connectedOrganizations/{id}/internalSponsors/$ref`, or
    /// `externalSponsors`; EntitlementManagement.ReadWrite.All. Repeatable: who vouches already is no error.
    ///
    /// # Errors
    ///
    /// `OutcomeUnknown` where the answer was lost.
    pub async fn add_sponsor(&self, id: &ObjectId, list: SponsorList, sponsor: &Sponsor) -> Result<(), GraphError> {
        let op = self.operation("connectedOrganizations.sponsors.create", WRITE);
        let collection = match sponsor {
            Sponsor::User(_) => "users",
            Sponsor::Group(_) => "groups",
        };
        let person = op.path(&[collection, sponsor.id().as_str()])?;
        let list = op.entitlement(&["connectedOrganizations", id.as_str(), list.name()])?;
        op.add_reference(list, &person, sponsor.id()).await
    }

    /// Has somebody vouch no longer. `DELETE connectedOrganizations/{id}/internalSponsors/{id}/$ref`, or
    /// `externalSponsors`; EntitlementManagement.ReadWrite.All. Repeatable.
    ///
    /// # Errors
    ///
    /// As every operation: see [`super::GraphErrorKind`].
    pub async fn remove_sponsor(
        &self,
        id: &ObjectId,
        list: SponsorList,
        sponsor: &ObjectId,
    ) -> Result<Removed, GraphError> {
        let op = self.operation("connectedOrganizations.sponsors.delete", WRITE);
        let segments = [
            "connectedOrganizations",
            id.as_str(),
            list.name(),
            sponsor.as_str(),
            "$ref",
        ];
        op.remove(&Call::delete(op.entitlement(&segments)?)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_source_survives_the_wire_and_a_newer_one_is_kept_and_never_written() {
        let sources = [
            IdentitySource::Tenant { tenant_id: "t".into() },
            IdentitySource::CrossCloudTenant {
                cloud_instance: "microsoftonline.us".into(),
                tenant_id: "t".into(),
            },
            IdentitySource::Domain {
                domain: "fabrikam.com".into(),
            },
            IdentitySource::FederatedDomain {
                domain: "fabrikam.com".into(),
                issuer_uri: "https://sts.fabrikam.com".into(),
            },
            IdentitySource::Social {
                provider: "facebook".into(),
            },
        ];
        for source in sources {
            let read: IdentitySource = serde_json::from_value(source.to_body().unwrap()).unwrap();
            assert_eq!(read, source);
        }
        for raw in [
            json!({"@odata.type": "#microsoft.graph.aNewKind", "x": 1}),
            json!({"@odata.type": "#microsoft.graph.azureActiveDirectoryTenant", "tenantId": null}),
            json!(7),
        ] {
            let read: IdentitySource = serde_json::from_value(raw).unwrap();
            assert_eq!(read.to_body(), None);
        }
    }
}
