//! What is done, by seed: the team's tricks, and what honest people do meanwhile.

use serde_json::{Value, json};

use super::{
    deed::{Deed, TEAM},
    people::{NOBODY, Wish},
    world::{self, BARE, ELSEWHERE, FOREIGN, FOREIGN_POLICY},
};
use crate::specs::draw::Draw;

const PACKAGE: &str = "AccessPackage";
const POLICY: &str = "AssignmentPolicy";
const PACKAGES: [&str; 3] = ["one", "two", "three"];
const POLICIES: [&str; 4] = ["red", "blue", "green", "grey"];
const TITLES: [&str; 5] = ["One", "Two", "Three", "Foreign", "Bare"];
const DOORS: [&str; 4] = ["Red", "Blue", "Green", "Foreign door"];
const ROLES: [[&str; 2]; 6] = [
    ["campaign-group", "Member"],
    ["crm", "Reader"],
    ["crm", "Writer"],
    ["campaign-group", "Owner"],
    ["campaign-group", "Nope"],
    ["auditors", "Member"],
];
const GROUP: &str = "access.entra-operator.io";
const FINALIZER: &str = "access.entra-operator.io/finalizer";

/// So many deeds by one seed.
#[must_use]
pub fn deeds(seed: u64, count: usize) -> Vec<Deed> {
    let mut draw = Siege(Draw::seeded(seed));
    let mut deeds = draw.opening();
    while deeds.len() < count {
        deeds.push(draw.deed());
        // Mostly the next comes before this has settled.
        let pause = match draw.0.below(20) {
            0..4 => None,
            4..11 => Some(Deed::Passes(draw.0.one(&[1, 20, 300]))),
            11..15 => Some(Deed::Passes(draw.0.one(&[1_000, 5_000, 30_000]))),
            15..19 => Some(Deed::Settles),
            _ => Some(Deed::Passes(660_000)),
        };
        deeds.extend(pause);
    }
    deeds.push(Deed::Settles);
    deeds.push(Deed::Passes(660_000));
    deeds.push(Deed::Settles);
    deeds
}

struct Siege(Draw);

impl Siege {
    /// What a team has that does its work.
    fn opening(&mut self) -> Vec<Deed> {
        let mut deeds = Vec::new();
        for (name, door) in [("one", "red"), ("two", "green"), ("three", "grey")] {
            if self.0.by(25) {
                continue;
            }
            let is_harmless = self.0.by(60);
            let mut roles = vec![json!({"resource": "campaign-group", "role": "Member"})];
            if !is_harmless {
                roles.push(json!({"resource": "crm", "role": "Reader"}));
            }
            let spec = json!({"catalogRef": {"name": "marketing"}, "displayName": title_of(name),
                "description": "Theirs", "resourceRoles": roles});
            deeds.push(Deed::Writes(self.object(PACKAGE, name, &spec)));
            let approval = match is_harmless && self.0.by(70) {
                true => json!({"notRequired": {}}),
                false => {
                    json!({"requiredForUpdate": true, "stages": [{"approvers": [{"user": {"userPrincipalName": "bob@contoso.com"}}]}]})
                }
            };
            let spec = json!({"accessPackageRef": {"name": name}, "displayName": door_of(door), "description": "Theirs",
                "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true, "update": self.0.by(50)}},
                "approval": approval, "expiration": {"afterDuration": "P90D"}});
            deeds.push(Deed::Writes(self.object(POLICY, door, &spec)));
        }
        deeds.push(Deed::Settles);
        for _ in 0..self.0.below(5) {
            deeds.push(Deed::ComesIn(Wish {
                who: self.0.below(4),
                door: self.0.below(12),
            }));
        }
        deeds
    }

    fn deed(&mut self) -> Deed {
        match self.0.below(100) {
            0..20 => self.writes_package(),
            20..42 => self.writes_policy(),
            42..56 => self.merges(),
            56..60 => self.deletes(),
            60..62 => self.copies(),
            62..64 => Deed::Labels(self.0.one(&[None, Some("trusted"), Some("other")])),
            64..71 => Deed::Grants(self.grants()),
            71..76 => self.by_hand(),
            76..90 => Deed::ComesIn(Wish {
                who: self.0.below(5),
                door: self.0.below(12),
            }),
            90..94 => self.weather(),
            94..95 => Deed::Restarts,
            _ => self.asks(),
        }
    }

    fn name(&mut self) -> &'static str {
        self.0.one(&PACKAGES)
    }

    /// Specs at which the API server shakes its head are drawn as well.
    fn writes_package(&mut self) -> Deed {
        let name = self.name();
        let roles = self.roles();
        let mut spec = json!({"catalogRef": {"name": "marketing"}, "displayName": title_of(name),
            "description": "Theirs", "resourceRoles": roles});
        if self.0.by(8) {
            spec["catalogRef"]["name"] = self.0.one(&["finance", "nothing", "absent"]).into();
        }
        if self.0.by(15) {
            spec["displayName"] = self.0.one(&TITLES).into();
        }
        if self.0.by(12) {
            spec["incompatibleWith"] = self.0.one(&[0, 1, 2]).pipe(|which| match which {
                0 => json!({"accessPackages": [{"name": "two"}]}),
                1 => json!({"groups": [{"displayName": "Auditors"}]}),
                _ => json!({"groups": [{"displayName": "Nobody knows them"}]}),
            });
        }
        self.handling(
            &mut spec,
            &[
                FOREIGN,
                BARE,
                ELSEWHERE,
                NOBODY,
                "@accessPackages/Payments",
                "@accessPackages/Two",
            ],
        );
        Deed::Writes(self.object(PACKAGE, name, &spec))
    }

    fn roles(&mut self) -> Value {
        let mut roles: Vec<Value> = Vec::new();
        for (index, [resource, role]) in ROLES.iter().enumerate() {
            if self.0.by([80, 40, 8, 4, 10, 2][index]) {
                roles.push(json!({"resource": resource, "role": role}));
            }
        }
        roles.into()
    }

    fn handling(&mut self, spec: &mut Value, ids: &[&str]) {
        if self.0.by(12) {
            spec["management"] = self.0.one(&["Full", "Observe"]).into();
        }
        if self.0.by(20) {
            spec["driftPolicy"] = self.0.one(&["Cautious", "Correct", "Report"]).into();
        }
        let ends = ["Delete", "DeleteWithAssignments", "Orphan"];
        if self.0.by(25) {
            spec["deletionPolicy"] = self.0.one(&ends).into();
        }
        match self.0.below(14) {
            0 => {
                spec["adoption"] = "ByName".into();
                spec["deletionPolicy"] = self.0.one(&ends).into();
            }
            1 => {
                spec["id"] = self.0.one(ids).into();
                spec["deletionPolicy"] = self.0.one(&ends).into();
            }
            _ => {}
        }
    }

    fn object(&mut self, kind: &str, name: &str, spec: &Value) -> Value {
        let mut object = json!({"apiVersion": world::API_VERSION, "kind": kind,
            "metadata": {"name": name, "namespace": TEAM}, "spec": spec});
        if self.0.by(8) {
            let (mark, value) = self.mark();
            object["metadata"]["annotations"] = json!({mark: value});
        }
        object
    }

    fn mark(&mut self) -> (String, Value) {
        let times = ["1", "2", "3"];
        let (mark, value) = match self.0.below(10) {
            0..3 => ("paused", json!("true")),
            3..5 => ("paused", Value::Null),
            5 => ("orphan", json!("true")),
            6 => ("reconcile-requested-at", json!(self.0.one(&times))),
            7 => ("acknowledge", json!("0123456789-3")),
            8 => (
                "external-id",
                json!(
                    self.0
                        .one(&[FOREIGN, "@accessPackages/Payments", "@assignmentPolicies/Red"])
                ),
            ),
            _ => ("reconcile-requested-at", json!("now")),
        };
        (format!("{GROUP}/{mark}"), value)
    }

    fn writes_policy(&mut self) -> Deed {
        let name = self.0.one(&POLICIES);
        if self.0.by(12) {
            // Anything that a policy can say.
            let mut spec = self.0.policy();
            spec["accessPackageRef"]["name"] = self.package_of(name).into();
            if spec["id"].is_string() {
                spec["id"] = FOREIGN_POLICY.into();
            }
            return Deed::Writes(self.object(POLICY, name, &spec));
        }
        let mut spec = json!({"accessPackageRef": {"name": self.package_of(name)},
            "displayName": door_of(name), "description": "Theirs"});
        if self.0.by(12) {
            spec["displayName"] = self.0.one(&DOORS).into();
        }
        if self.0.by(7) {
            spec["automatic"] =
                json!({"rule": "(user.department -eq \"Marketing\")", "removeWhenNoLongerMatching": self.0.by(50)});
        } else {
            spec["requestors"] = self.requestors();
            spec["approval"] = self.approval();
            spec["expiration"] = self.0.one(&[0, 0, 0, 0, 0, 0, 0, 1, 2, 3]).pipe(|which| match which {
                0 => json!({"afterDuration": "P90D"}),
                1 => json!({"afterDuration": "P400D"}),
                2 => json!({"never": {}}),
                _ => json!({"afterDateTime": "2027-06-30T00:00:00Z"}),
            });
        }
        self.handling(
            &mut spec,
            &[
                FOREIGN_POLICY,
                NOBODY,
                "@assignmentPolicies/Red",
                "@assignmentPolicies/Payments",
            ],
        );
        Deed::Writes(self.object(POLICY, name, &spec))
    }

    /// What a policy belongs to is fixed: mostly the same is drawn.
    fn package_of(&mut self, policy: &str) -> &'static str {
        match policy {
            _ if self.0.by(6) => self.name(),
            "red" | "blue" => "one",
            "green" => "two",
            _ => "three",
        }
    }

    fn requestors(&mut self) -> Value {
        let scope = self.0.one(&[
            "AllMemberUsers",
            "AllMemberUsers",
            "AllMemberUsers",
            "AllMemberUsers",
            "SpecificDirectoryUsers",
            "AllDirectoryUsers",
            "AllExternalUsers",
            "None",
        ]);
        let is_nobody = scope == "None";
        let mut requestors = json!({"scope": scope, "selfService": {"add": !is_nobody && self.0.by(85),
            "update": !is_nobody && self.0.by(30), "remove": self.0.by(50)}});
        if scope == "SpecificDirectoryUsers" {
            let upn = self.0.one(&[
                "ann@contoso.com",
                "dave@contoso.com",
                "bob@contoso.com",
                "nobody@contoso.com",
            ]);
            requestors["targets"] = json!([{"user": {"userPrincipalName": upn}}]);
        }
        if self.0.by(4) {
            requestors["onBehalf"] = json!({"add": !is_nobody, "requestors": [{"targetManager": {"level": 1}}]});
        }
        requestors
    }

    fn approval(&mut self) -> Value {
        if self.0.by(45) {
            return json!({"notRequired": {}});
        }
        let who = self.0.one(&[
            "bob@contoso.com",
            "carol@contoso.com",
            "bob@contoso.com",
            "carol@contoso.com",
            "nobody@contoso.com",
        ]);
        json!({"requiredForUpdate": self.0.by(70), "stages": [{"approvers": [{"user": {"userPrincipalName": who}}]}]})
    }

    fn any(&mut self) -> (&'static str, &'static str) {
        if self.0.by(50) {
            (PACKAGE, self.name())
        } else {
            (POLICY, self.0.one(&POLICIES))
        }
    }

    fn merges(&mut self) -> Deed {
        let (kind, name) = self.any();
        let patch = match self.0.below(10) {
            0..4 => {
                let (mark, value) = self.mark();
                json!({"metadata": {"annotations": {mark: value}}})
            }
            4 => json!({"metadata": {"finalizers": self.0.one(&[0, 1, 2]).pipe(|which| match which {
                0 => Value::Null,
                1 => json!(["example.com/other"]),
                _ => json!([FINALIZER, "example.com/other"]),
            })}}),
            5 => json!({"spec": {"management": self.0.one(&["Full", "Observe"])}}),
            6 => json!({"spec": {"driftPolicy": self.0.one(&["Cautious", "Correct", "Report"])}}),
            7 => json!({"spec": {"deletionPolicy": self.0.one(&["Delete", "DeleteWithAssignments", "Orphan"])}}),
            _ if kind == PACKAGE => json!({"spec": {"resourceRoles": self.roles()}}),
            8 => json!({"spec": {"approval": {"stages": null, "notRequired": {}}}}),
            _ => json!({"spec": {"approval": {"notRequired": null, "requiredForUpdate": self.0.by(70),
                "stages": [{"approvers": [{"user": {"userPrincipalName": self.0.one(&["bob@contoso.com", "nobody@contoso.com"])}}]}]}}}),
        };
        Deed::Merges(kind, name, patch)
    }

    fn deletes(&mut self) -> Deed {
        let (kind, name) = self.any();
        Deed::Deletes(kind, name)
    }

    fn copies(&mut self) -> Deed {
        let (kind, to) = self.any();
        let from = match (kind, self.0.below(3)) {
            (PACKAGE, 0) => ("finance", "payments"),
            (PACKAGE, _) => (TEAM, self.name()),
            (_, 0) => ("finance", "payments"),
            (_, _) => (TEAM, self.0.one(&POLICIES)),
        };
        Deed::CopiesStatus { kind, from, to }
    }

    /// The platform's mind changes.
    fn grants(&mut self) -> Value {
        if self.0.by(12) {
            let mut resources = world::resources();
            if self.0.by(50) {
                resources.retain(|resource| resource["name"] != "crm");
            }
            return json!({"resources": resources});
        }
        let mut limits = json!({"approval": self.0.one(&["Required", "Optional"])});
        if self.0.by(30) {
            limits["deletion"] = json!(self.0.one(&[0, 1, 2]).pipe(|which| match which {
                0 => json!(["Delete", "DeleteWithAssignments"]),
                1 => json!(["Delete", "DeleteWithAssignments", "Orphan"]),
                _ => json!(["Delete", "Orphan"]),
            }));
        }
        if self.0.by(25) {
            limits["adoption"] = "Allowed".into();
        }
        if self.0.by(20) {
            limits["maxDuration"] = self.0.one(&["P30D", "P500D"]).into();
        }
        if self.0.by(10) {
            limits["unlimitedDuration"] = "Allowed".into();
        }
        if self.0.by(10) {
            limits["automaticAssignment"] = "Allowed".into();
        }
        if self.0.by(20) {
            limits["requestorScopes"] = json!(["AllMemberUsers", "AllDirectoryUsers", "AllExternalUsers"]);
        }
        if self.0.by(15) {
            limits["driftPolicy"] = json!(["Cautious", "Correct", "Report"]);
        }
        let limits = world::limited(limits);
        let harmless = json!({"name": "harmless", "namespaces": {"names": [TEAM]}, "resources": ["campaign-group"], "limits": limits});
        let mut everything = json!({"name": "everything", "namespaces": {"names": [TEAM]}, "limits": world::limited(json!({"deletion": ["Delete", "Orphan"]}))});
        if self.0.by(25) {
            everything["limits"]["approvers"] = self.0.one(&[0, 1]).pipe(|which| match which {
                0 => json!({"users": [{"id": world::BOB}]}),
                _ => json!({"kinds": ["RequestorManager"]}),
            });
        }
        let mut grants = vec![harmless];
        match self.0.below(8) {
            0 => {}
            1 => {
                everything["suspended"] = true.into();
                grants.push(everything);
            }
            2 => {
                everything["namespaces"] = json!({"selector": {"matchLabels": {"team": "trusted"}}});
                grants.push(everything);
            }
            3 => {
                everything["resources"] = json!(["crm"]);
                grants.push(everything);
            }
            4 => {
                everything["limits"]["adoption"] = "Allowed".into();
                grants.push(everything);
            }
            _ => grants.push(everything),
        }
        json!({"grants": grants})
    }

    fn by_hand(&mut self) -> Deed {
        let number = self.0.below(6);
        match self.0.below(10) {
            0..3 => Deed::PortalPolicy(
                number,
                json!({"requestorSettings": {"enableTargetsToSelfAddAccess": false}}),
            ),
            3..5 => Deed::PortalPolicy(
                number,
                json!({"requestApprovalSettings": {"stages": [world::stage("683a6675-085d-4142-a8e4-e77a0f7f7f1b")]}}),
            ),
            5 => Deed::PortalPolicy(
                number,
                json!({"requestApprovalSettings": {"isApprovalRequiredForAdd": false}}),
            ),
            6 | 7 => Deed::PortalAdds(number, world::open_policy("By hand", self.0.by(50))),
            8 => Deed::PortalTakesRole(number),
            _ => Deed::PortalDeletes(number),
        }
    }

    fn weather(&mut self) -> Deed {
        let count = 1 + self.0.below(2);
        Deed::Weather(match self.0.below(5) {
            0 | 1 => json!({"dropAfterCommit": {"count": count}}),
            2 => json!({"failNext": {"count": count, "status": self.0.one(&[500, 503, 403, 404, 409])}}),
            3 => json!({"failNext": {"count": count, "status": 503, "method": "GET", "path": "/accessPackages"}}),
            _ => json!({"throttle": {"count": count, "retryAfter": 3}}),
        })
    }

    /// The same question twice, of what is forbidden and of what is not there.
    fn asks(&mut self) -> Deed {
        let number = self.0.below(1_000);
        let package = |reference: Value| {
            let mut spec = json!({"catalogRef": {"name": "marketing"},
                "resourceRoles": [{"resource": "campaign-group", "role": "Member"}]});
            json_patch::merge(&mut spec, &reference);
            spec
        };
        let roles = self.roles();
        let (here, gone) = match self.0.below(3) {
            0 => (
                package(json!({"catalogRef": {"name": "finance"}, "resourceRoles": roles})),
                package(json!({"catalogRef": {"name": "nothing"}, "resourceRoles": roles})),
            ),
            1 => (
                package(json!({"incompatibleWith": {"accessPackages": [{"namespace": "legal", "name": "secrets"}]}})),
                package(json!({"incompatibleWith": {"accessPackages": [{"namespace": "legal", "name": "nothing"}]}})),
            ),
            _ => (
                package(json!({"id": "@accessPackages/Payments", "deletionPolicy": "Delete"})),
                package(json!({"id": NOBODY, "deletionPolicy": "Delete"})),
            ),
        };
        Deed::Asks(number, here, gone)
    }
}

/// What a value is made into: for choices in the middle of a draw.
trait Pipe: Sized {
    fn pipe<T>(self, make: impl FnOnce(Self) -> T) -> T {
        make(self)
    }
}

impl Pipe for i32 {}

fn title_of(name: &str) -> &'static str {
    match name {
        "one" => "One",
        "two" => "Two",
        _ => "Three",
    }
}

fn door_of(name: &str) -> &'static str {
    match name {
        "red" => "Red",
        "blue" => "Blue",
        "green" => "Green",
        _ => "Grey",
    }
}
