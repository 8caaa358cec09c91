//! Who a policy speaks of: Graph's `subjectSet` and its derived types.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::id::ObjectId;

const PREFIX: &str = "#microsoft.graph.";

/// People or programs: targets, requestors, approvers, reviewers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SubjectSet {
    /// One user.
    SingleUser {
        /// The user's id.
        user_id: ObjectId,
    },
    /// The members of a group.
    GroupMembers {
        /// The group's id.
        group_id: ObjectId,
    },
    /// The people of a connected organization.
    ConnectedOrganizationMembers {
        /// The connected organization's id.
        id: ObjectId,
    },
    /// The requestor's manager.
    RequestorManager {
        /// How far up: 1 is the direct manager.
        level: i32,
    },
    /// The target's manager.
    TargetManager {
        /// How far up: 1 is the direct manager.
        level: i32,
    },
    /// The internal sponsors of the requestor's connected organization.
    InternalSponsors,
    /// The external sponsors of the requestor's connected organization.
    ExternalSponsors,
    /// The sponsors of the target user.
    TargetUserSponsors,
    /// The people whom a rule matches.
    AttributeRuleMembers {
        /// A membership rule such as `(user.department -eq "Marketing")`.
        rule: String,
    },
    /// One service principal.
    SingleServicePrincipal {
        /// The service principal's object id.
        id: ObjectId,
    },
    /// A kind that this version does not know; never written.
    Unknown {
        /// Its `@odata.type`, empty where there was none.
        odata_type: String,
    },
}

/// Every property of every kind that we read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "@odata.type", default)]
    odata_type: String,
    user_id: Option<ObjectId>,
    group_id: Option<ObjectId>,
    connected_organization_id: Option<ObjectId>,
    service_principal_id: Option<ObjectId>,
    manager_level: Option<i32>,
    membership_rule: Option<String>,
}

impl<'de> Deserialize<'de> for SubjectSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let kind = wire.odata_type.strip_prefix(PREFIX).unwrap_or(&wire.odata_type);
        let known = match kind {
            "singleUser" => wire.user_id.map(|user_id| Self::SingleUser { user_id }),
            "groupMembers" => wire.group_id.map(|group_id| Self::GroupMembers { group_id }),
            "connectedOrganizationMembers" => wire
                .connected_organization_id
                .map(|id| Self::ConnectedOrganizationMembers { id }),
            "requestorManager" => Some(Self::RequestorManager {
                level: wire.manager_level.unwrap_or(1),
            }),
            "targetManager" => Some(Self::TargetManager {
                level: wire.manager_level.unwrap_or(1),
            }),
            "internalSponsors" => Some(Self::InternalSponsors),
            "externalSponsors" => Some(Self::ExternalSponsors),
            "targetUserSponsors" => Some(Self::TargetUserSponsors),
            "attributeRuleMembers" => wire.membership_rule.map(|rule| Self::AttributeRuleMembers { rule }),
            "singleServicePrincipal" => wire.service_principal_id.map(|id| Self::SingleServicePrincipal { id }),
            _ => None,
        };
        // A known kind without its id says nothing about whom it means either.
        Ok(known.unwrap_or(Self::Unknown {
            odata_type: wire.odata_type,
        }))
    }
}

impl SubjectSet {
    /// The set as Graph wants it; `None` for one that this version does not know.
    pub(super) fn to_body(&self) -> Option<Value> {
        let (kind, field) = match self {
            Self::SingleUser { user_id } => ("singleUser", Some(("userId", json!(user_id)))),
            Self::GroupMembers { group_id } => ("groupMembers", Some(("groupId", json!(group_id)))),
            Self::ConnectedOrganizationMembers { id } => (
                "connectedOrganizationMembers",
                Some(("connectedOrganizationId", json!(id))),
            ),
            Self::RequestorManager { level } => ("requestorManager", Some(("managerLevel", json!(level)))),
            Self::TargetManager { level } => ("targetManager", Some(("managerLevel", json!(level)))),
            Self::InternalSponsors => ("internalSponsors", None),
            Self::ExternalSponsors => ("externalSponsors", None),
            Self::TargetUserSponsors => ("targetUserSponsors", None),
            Self::AttributeRuleMembers { rule } => ("attributeRuleMembers", Some(("membershipRule", json!(rule)))),
            Self::SingleServicePrincipal { id } => ("singleServicePrincipal", Some(("servicePrincipalId", json!(id)))),
            Self::Unknown { .. } => return None,
        };
        let mut body = json!({"@odata.type": format!("{PREFIX}{kind}")});
        if let Some((name, value)) = field {
            body[name] = value;
        }
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_newer_than_us_is_kept_and_never_written() {
        let set: SubjectSet =
            serde_json::from_value(json!({"@odata.type": "#microsoft.graph.targetApplicationOwners"})).unwrap();
        assert_eq!(
            set,
            SubjectSet::Unknown {
                odata_type: "#microsoft.graph.targetApplicationOwners".to_owned()
            }
        );
        assert_eq!(set.to_body(), None);
    }

    #[test]
    fn every_known_kind_survives_the_wire() {
        let sets = [
            SubjectSet::SingleUser { user_id: "u".into() },
            SubjectSet::GroupMembers { group_id: "g".into() },
            SubjectSet::ConnectedOrganizationMembers { id: "c".into() },
            SubjectSet::RequestorManager { level: 2 },
            SubjectSet::TargetManager { level: 4 },
            SubjectSet::InternalSponsors,
            SubjectSet::ExternalSponsors,
            SubjectSet::TargetUserSponsors,
            SubjectSet::AttributeRuleMembers {
                rule: "(user.department -eq \"Marketing\")".to_owned(),
            },
            SubjectSet::SingleServicePrincipal { id: "s".into() },
        ];
        for set in sets {
            let read: SubjectSet = serde_json::from_value(set.to_body().unwrap()).unwrap();
            assert_eq!(read, set);
        }
    }
}
