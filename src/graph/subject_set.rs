//! Who a policy speaks of: Graph's `subjectSet` and its derived types.

use std::fmt;

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
    /// The owners of the target application.
    TargetApplicationOwners,
    /// The sponsors or owners of the target agent identity.
    TargetAgentIdentitySponsorsOrOwners,
    /// A kind that this version does not know, or one that does not say whom it means; never written.
    Unknown {
        /// Its `@odata.type`, empty where there was none.
        odata_type: String,
        /// The set as it came, so that it can be compared and shown.
        raw: Value,
    },
}

/// Every property of every kind that we read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "@odata.type", default, deserialize_with = "super::wire::null_as_default")]
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
        let value = Value::deserialize(deserializer)?;
        if value.is_object() {
            Ok(Self::of(&value))
        } else {
            Err(serde::de::Error::custom("a subject set is not an object"))
        }
    }
}

impl fmt::Display for SubjectSet {
    /// The set in Graph's own shape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { odata_type: _, raw } => write!(f, "{raw}"),
            known => known.to_body().map_or(Ok(()), |body| write!(f, "{body}")),
        }
    }
}

impl SubjectSet {
    /// The set that an answer's object stands for.
    pub(super) fn of(value: &Value) -> Self {
        let unknown = |odata_type: String| Self::Unknown {
            odata_type,
            raw: value.clone(),
        };
        let Ok(wire) = Wire::deserialize(value) else {
            return unknown(text(value, "@odata.type"));
        };
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
            "targetApplicationOwners" => Some(Self::TargetApplicationOwners),
            "targetAgentIdentitySponsorsOrOwners" => Some(Self::TargetAgentIdentitySponsorsOrOwners),
            // Kinds that are newer than this version.
            _ => None,
        };
        // A known kind without its id says nothing about whom it means either.
        known.unwrap_or_else(|| unknown(wire.odata_type))
    }

    /// The property that says whom the set means, for the kinds that have one.
    pub(super) fn property(&self) -> Option<&'static str> {
        let (_, field) = self.wire()?;
        field.map(|(name, _)| name)
    }

    /// The set as Graph wants it; `None` for one that this version does not know.
    pub(super) fn to_body(&self) -> Option<Value> {
        let (kind, field) = self.wire()?;
        let mut body = json!({"@odata.type": format!("{PREFIX}{kind}")});
        if let Some((name, value)) = field {
            body[name] = value;
        }
        Some(body)
    }

    fn wire(&self) -> Option<(&'static str, Option<(&'static str, Value)>)> {
        Some(match self {
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
            Self::TargetApplicationOwners => ("targetApplicationOwners", None),
            Self::TargetAgentIdentitySponsorsOrOwners => ("targetAgentIdentitySponsorsOrOwners", None),
            Self::Unknown { .. } => return None,
        })
    }
}

fn text(value: &Value, name: &str) -> String {
    // Its name in words; what it is stays whole beside it.
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_newer_than_us_is_kept_and_never_written() {
        for raw in [
            json!({"@odata.type": "#microsoft.graph.aNewKind", "x": 1}),
            json!({"@odata.type": "#microsoft.graph.singleUser", "userId": null}),
            json!({"@odata.type": "#microsoft.graph.singleUser", "userId": 7}),
        ] {
            let set: SubjectSet = serde_json::from_value(raw.clone()).unwrap();
            let odata_type = raw["@odata.type"].as_str().unwrap().to_owned();
            assert_eq!(set.to_body(), None);
            assert_eq!(set, SubjectSet::Unknown { odata_type, raw });
        }
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
            SubjectSet::TargetApplicationOwners,
            SubjectSet::TargetAgentIdentitySponsorsOrOwners,
        ];
        for set in sets {
            let read: SubjectSet = serde_json::from_value(set.to_body().unwrap()).unwrap();
            assert_eq!(read, set);
        }
    }
}
