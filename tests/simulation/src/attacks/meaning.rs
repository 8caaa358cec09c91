//! What grants mean, from their words: written beside the operator's own judgement, with which it shares nothing.
//!
//! A policy of Entra lets people do something ([`Terms`]); a grant of a Catalog, as it was written, allows it or does not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::deed::{TEAM, text};

const DAY: i64 = 86_400;

/// What a policy of Entra lets people do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// By which people come in, or stay.
    pub(super) doors: BTreeSet<&'static str>,
    scope: String,
    targets: BTreeSet<String>,
    /// How many have to approve one after the other before somebody comes in.
    pub(super) asked: usize,
    asked_again: usize,
    /// Those who approve, as they are written.
    approvers: String,
    /// All who are asked in each stage: what they are, and the id of a user.
    stages: Vec<Vec<(String, String)>>,
    /// Whom it means by name: what they are, and the id of a user.
    named: Vec<(String, String)>,
    /// For how many seconds; none for ever.
    lasts: Option<i64>,
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

impl Terms {
    /// Those of a policy, at this second.
    pub(super) fn of(policy: &Value, now: i64) -> Self {
        let settings = &policy["requestorSettings"];
        let mut doors = BTreeSet::new();
        for (flag, door) in [
            ("enableTargetsToSelfAddAccess", "self"),
            ("enableTargetsToSelfUpdateAccess", "self again"),
            ("enableOnBehalfRequestorsToAddAccess", "others"),
            ("enableOnBehalfRequestorsToUpdateAccess", "others again"),
        ] {
            if settings[flag] == true {
                doors.insert(door);
            }
        }
        if policy["automaticRequestSettings"]["requestAccessForAllowedTargets"] == true {
            doors.insert("rule");
        }
        let scope = text(&policy["allowedTargetScope"]).to_owned();
        if scope == "notSpecified" {
            doors.clear(); // nobody is meant
        }
        let approval = &policy["requestApprovalSettings"];
        let stages = list(&approval["stages"]);
        let with_somebody = stages
            .iter()
            .filter(|stage| !list(&stage["primaryApprovers"]).is_empty());
        let count = with_somebody.count();
        let asks = |flag: &str| if approval[flag] == true { count } else { 0 };
        let expiration = &policy["expiration"];
        let lasts = match text(&expiration["type"]) {
            "afterDuration" => Some(seconds(text(&expiration["duration"]))),
            "afterDateTime" => text(&expiration["endDateTime"])
                .parse::<k8s_openapi::jiff::Timestamp>()
                .ok()
                .map(|end| end.as_second() - now),
            _ => None,
        };
        let who = |set: &Value| {
            let ids = [
                "@odata.type",
                "userId",
                "groupId",
                "connectedOrganizationId",
                "servicePrincipalId",
                "managerLevel",
                "membershipRule",
            ];
            ids.map(|id| set[id].to_string()).join(" ")
        };
        let person = |set: &Value| {
            let kind = text(&set["@odata.type"]);
            let kind = kind.rsplit('.').next().unwrap_or_default();
            (kind.to_owned(), text(&set["userId"]).to_lowercase())
        };
        let everybody = |stage: &Value| {
            let sets = [
                "primaryApprovers",
                "fallbackPrimaryApprovers",
                "escalationApprovers",
                "fallbackEscalationApprovers",
            ];
            sets.iter()
                .flat_map(|of| list(&stage[*of]).iter().map(person))
                .collect()
        };
        Self {
            stages: stages.iter().map(everybody).collect(),
            named: list(&policy["specificAllowedTargets"]).iter().map(person).collect(),
            doors,
            scope,
            targets: list(&policy["specificAllowedTargets"]).iter().map(who).collect(),
            asked: asks("isApprovalRequiredForAdd"),
            asked_again: asks("isApprovalRequiredForUpdate"),
            approvers: stages
                .iter()
                .map(|stage| {
                    let sets = [
                        "primaryApprovers",
                        "fallbackPrimaryApprovers",
                        "escalationApprovers",
                        "fallbackEscalationApprovers",
                    ];
                    sets.map(|of| list(&stage[of]).iter().map(who).collect::<BTreeSet<_>>())
                })
                .map(|sets| format!("{sets:?}"))
                .collect(),
            lasts,
        }
    }

    /// Whether anybody can come in, or stay longer.
    pub(super) fn is_open(&self) -> bool {
        !self.doors.is_empty()
    }

    /// Whether it lets anybody do what the other did not.
    pub(super) fn is_wider(&self, before: &Self) -> bool {
        let new_door = !self.doors.is_subset(&before.doors);
        let rank = |scope: &str| match scope {
            "notSpecified" => 0,
            "specificDirectoryUsers" => 1,
            "allMemberUsers" => 2,
            "allDirectoryUsers" => 3,
            _ => 9, // not to be compared
        };
        let (mine, theirs) = (rank(&self.scope), rank(&before.scope));
        let more_people = if self.scope == before.scope {
            !self.targets.is_subset(&before.targets)
        } else {
            mine == 9 || theirs == 9 || mine > theirs || (mine == 1 && theirs > 1)
        };
        let less_asked = self.asked < before.asked
            || self.asked_again < before.asked_again
            || (before.asked + before.asked_again > 0 && self.approvers != before.approvers);
        let longer = match (self.lasts, before.lasts) {
            (_, None) => false,
            (None, Some(_)) => true,
            // Ends that are moments come nearer.
            (Some(mine), Some(theirs)) => mine > theirs + DAY,
        };
        self.is_open() && (new_door || more_people || less_asked || longer)
    }
}

/// Seconds of an ISO 8601 duration.
fn seconds(duration: &str) -> i64 {
    let (mut total, mut number) = (0, 0);
    for letter in duration.chars() {
        match letter {
            '0'..='9' => number = number * 10 + i64::from(letter as u8 - b'0'),
            'D' => total += std::mem::take(&mut number) * DAY,
            'H' => total += std::mem::take(&mut number) * 3_600,
            'M' => total += std::mem::take(&mut number) * 60,
            'S' => total += std::mem::take(&mut number),
            _ => {}
        }
    }
    total
}

/// A role, by the id of what it is a role of, and by its name.
pub(super) type Role = (String, String);

/// A Catalog as it was written, with the labels of the team's namespace at that time.
#[derive(Clone, Debug)]
pub(super) struct Granting<'a> {
    pub(super) spec: &'a Value,
    pub(super) labels: &'a Value,
}

impl<'a> Granting<'a> {
    /// The grants that speak of the team's namespace.
    pub(super) fn grants(&self) -> Vec<&'a Value> {
        let means = |grant: &&Value| {
            let whom = &grant["namespaces"];
            if whom["all"].is_object() {
                return true;
            }
            if list(&whom["names"]).iter().any(|name| name == TEAM) {
                return true;
            }
            let labels = whom["selector"]["matchLabels"].as_object();
            labels.is_some_and(|labels| {
                !labels.is_empty() && labels.iter().all(|(name, value)| &self.labels[name] == value)
            })
        };
        list(&self.spec["grants"]).iter().filter(means).collect()
    }

    /// Whether the grant lets packages hand out this role.
    fn hands_out(&self, grant: &Value, (origin, role): &Role) -> bool {
        list(&self.spec["resources"]).iter().any(|resource| {
            let is_it = points_at(resource).is_some_and(|id| id.eq_ignore_ascii_case(origin));
            let offered = match list(&resource["roles"]) {
                [] => role == "Member",
                roles => roles.iter().any(|offered| offered == role),
            };
            let named = match &grant["resources"] {
                Value::Array(names) => names.contains(&resource["name"]),
                _ => true, // all of the Catalog's
            };
            is_it && offered && named
        })
    }

    /// A grant that allows all of these roles, and everything that people may do by these terms.
    pub(super) fn allows(&self, roles: &BTreeSet<Role>, terms: &Terms) -> bool {
        self.grants().into_iter().any(|grant| {
            let covers = roles.iter().all(|role| self.hands_out(grant, role));
            covers && grant["suspended"] != true && lets(&grant["limits"], terms)
        })
    }

    /// A grant that allows all of these roles to people who came in by these terms.
    pub(super) fn allows_holders(&self, roles: &BTreeSet<Role>, came_by: &Terms) -> bool {
        self.grants().into_iter().any(|grant| {
            let covers = roles.iter().all(|role| self.hands_out(grant, role));
            let by_rule = came_by.doors.contains("rule") && grant["limits"]["automaticAssignment"] == "Allowed";
            let were_asked = grant["limits"]["approval"] == "Optional" || came_by.asked > 0 || by_rule;
            covers && grant["suspended"] != true && were_asked
        })
    }

    /// A grant that lets the team end like this.
    pub(super) fn lets_end(&self, method: &str) -> bool {
        self.grants().into_iter().any(|grant| {
            list(&grant["limits"]["deletion"])
                .iter()
                .any(|allowed| allowed == method)
        })
    }

    /// A grant that lets the team take over what has these roles and these ways in.
    pub(super) fn lets_take_over(&self, roles: &BTreeSet<Role>, ways: &[Terms]) -> bool {
        self.grants().into_iter().any(|grant| {
            let covers = roles.iter().all(|role| self.hands_out(grant, role));
            covers && grant["limits"]["adoption"] == "Allowed" && ways.iter().all(|terms| lets(&grant["limits"], terms))
        })
    }
}

/// Whether limits allow what people may do by these terms.
fn lets(limits: &Value, terms: &Terms) -> bool {
    if !terms.is_open() {
        return true;
    }
    let allowed = |limit: &str| limits[limit] == "Allowed";
    let capital = |scope: &str| {
        let (first, rest) = scope.split_at(1.min(scope.len()));
        format!("{}{rest}", first.to_uppercase())
    };
    let scopes: Vec<&str> = match &limits["requestorScopes"] {
        Value::Array(scopes) => scopes.iter().map(text).collect(),
        _ => vec!["SpecificDirectoryUsers", "AllMemberUsers"],
    };
    let asked = capital(&terms.scope);
    let for_these = scopes.contains(&asked.as_str())
        || (asked == "SpecificConnectedOrganizationUsers" && scopes.contains(&"AllExternalUsers"));
    let by_others = !terms.doors.iter().any(|door| door.starts_with("others")) || allowed("onBehalf");
    let by_rule = !terms.doors.contains("rule") || allowed("automaticAssignment");
    let comes_in = terms.doors.contains("self") || terms.doors.contains("others");
    let stays = terms.doors.contains("self again") || terms.doors.contains("others again");
    let has_leave = (limits["approval"] == "Optional" || approved(limits, terms)) && means(limits, terms);
    let asks =
        limits["approval"] == "Optional" || ((!comes_in || terms.asked > 0) && (!stays || terms.asked_again > 0));
    let longest = match &limits["maxDuration"] {
        Value::String(longest) => seconds(longest),
        _ => 365 * DAY,
    };
    let ends = match terms.lasts {
        // A rule takes back what it gave.
        None => allowed("unlimitedDuration") || terms.doors.iter().all(|door| *door == "rule"),
        Some(lasts) => lasts <= longest,
    };
    for_these && by_others && by_rule && asks && has_leave && ends
}

/// Whether a user of this id is among those whom a limit names.
fn names(limit: &Value, id: &str) -> bool {
    list(&limit["users"])
        .iter()
        .any(|user| text(&user["id"]).eq_ignore_ascii_case(id))
}

/// Whether one stage asks nobody but those whose approval counts; where nothing is requested nobody has to.
fn approved(limits: &Value, terms: &Terms) -> bool {
    let limit = &limits["approvers"];
    if !limit.is_object() {
        return true; // the policy's choice, as long as the limit is not written
    }
    let kinds: Vec<&str> = match &limit["kinds"] {
        Value::Array(kinds) => kinds.iter().map(text).collect(),
        _ => vec!["RequestorManager", "TargetManager", "InternalSponsors"],
    };
    let counts = |(kind, id): &(String, String)| match kind.as_str() {
        "singleUser" => names(limit, id) || kinds.contains(&"AnyUser"),
        "groupMembers" => kinds.contains(&"AnyGroup"),
        other => kinds.iter().any(|kind| kind.eq_ignore_ascii_case(other)),
    };
    let is_requested = terms.doors.iter().any(|door| *door != "rule");
    let stage = |stage: &Vec<(String, String)>| !stage.is_empty() && stage.iter().all(counts);
    !is_requested || terms.stages.iter().any(stage)
}

/// Whether the limits let a policy mean those whom it names.
fn means(limits: &Value, terms: &Terms) -> bool {
    let limit = &limits["targets"];
    if !limit.is_object() {
        return true; // likewise
    }
    let kinds = list(&limit["kinds"]);
    let is_by_name = terms.scope == "specificDirectoryUsers" && terms.doors.iter().any(|door| *door != "rule");
    let may = |(kind, id): &(String, String)| match kind.as_str() {
        "singleUser" => names(limit, id) || kinds.iter().any(|kind| kind == "AnyUser"),
        "groupMembers" => kinds.iter().any(|kind| kind == "AnyGroup"),
        _ => false,
    };
    !is_by_name || terms.named.iter().all(may)
}

/// What a resource of a Catalog is in the world.
fn points_at(resource: &Value) -> Option<&'static str> {
    if resource["group"]["displayName"] == "Marketing Campaign" {
        return Some("0282e19d-bf41-435d-92a4-99bab93af305");
    }
    if resource["group"]["displayName"] == "Auditors" {
        return Some("35b5b4c0-e274-4680-a5d7-ccedec6dc638");
    }
    if resource["application"]["appId"] == "22222222-2222-4222-8222-222222222222" {
        return Some("e81d7f57-0840-45e1-894b-f505c1bdcc1f");
    }
    None
}
