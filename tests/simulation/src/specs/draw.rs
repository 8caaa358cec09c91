//! Valid specs by seed: every field, every kind of subject, every value of every enumeration is drawn sooner or later.

use serde_json::{Map, Value, json};

/// Users of the world, each with all that it can be named by; ids also in capitals.
const USERS: [[&str; 3]; 5] = [
    [
        "46184453-e63b-4f20-86c2-c557ed5d5df9",
        "ann@contoso.com",
        "ann@contoso.com",
    ],
    [
        "57295564-F74C-4031-97D3-D668FE6E6E0A",
        "bob@contoso.com",
        "bob@contoso.com",
    ],
    [
        "683a6675-085d-4142-a8e4-e77a0f7f7f1b",
        "carol@contoso.com",
        "carol@contoso.com",
    ],
    [
        "794b7786-196e-4253-b9f5-f88b1a8a8a2c",
        "Dave@Contoso.com",
        "dave@contoso.com",
    ],
    [
        "8a5c8897-2a7f-4364-8a06-a99c2b9b9b3d",
        "gina_fabrikam.com#EXT#@contoso.com",
        "gina@fabrikam.com",
    ],
];
/// Groups of the world that can be resources: id, display name, mail nickname, unique name.
const GROUPS: [[&str; 4]; 3] = [
    [
        "0282e19d-bf41-435d-92a4-99bab93af305",
        "Marketing Campaign",
        "marketing-campaign",
        "marketing-campaign",
    ],
    [
        "35B5B4C0-E274-4680-A5D7-CCEDEC6DC638",
        "Auditors",
        "auditors",
        "auditors",
    ],
    [
        "46c6c5d1-f385-4791-b6e8-ddfefd7ed749",
        "Approvers",
        "approvers",
        "approvers",
    ],
];
/// Service principals of the world: object id, application id, display name.
const PRINCIPALS: [[&str; 3]; 2] = [
    [
        "e81d7f57-0840-45e1-894b-f505c1bdcc1f",
        "22222222-2222-4222-8222-222222222222",
        "CRM",
    ],
    [
        "F92E8068-1951-46F2-9A5C-061602CEDD20",
        "33333333-3333-4333-8333-333333333333",
        "Payroll",
    ],
];
/// What packages can hand out of the catalog that [`catalog_of_packages`] makes.
const ROLES: [[&str; 2]; 11] = [
    ["campaign-group", "Member"],
    ["campaign-group", "Owner"],
    ["auditors", "Member"],
    ["approvers", "EligibleMember"],
    ["approvers", "EligibleOwner"],
    ["crm", "Reader"],
    ["crm", "Writer"],
    ["crm", "Exporter.Contacts"],
    ["portal", "Marketing Visitors"],
    ["portal", "Marketing Members"],
    ["portal", "Marketing Owners"],
];
/// Packages that others have made in that catalog, by id.
pub(super) const OTHER_PACKAGES: [&str; 3] = [
    "aaaaaaaa-0000-4000-8000-000000000011",
    "aaaaaaaa-0000-4000-8000-000000000012",
    "AAAAAAAA-0000-4000-8000-000000000013",
];
/// Workflow extensions of that catalog: id, display name, what they are made for.
pub(super) const EXTENSIONS: [[&str; 3]; 3] = [
    ["78eaee8c-e6cf-48c9-8f99-aae44c35e379", "Open a ticket", "Request"],
    ["89fbff9d-f7d0-49d0-9faa-bbf55d46f48a", "Remind", ""],
    ["9a0c00ae-08e1-4ae1-aabb-cc066e57059b", "Tell the team", "Request"],
];
/// Partners of the tenant: id, display name, tenant.
pub(super) const PARTNERS: [[&str; 3]; 2] = [
    [
        "c3bf99ed-99ed-43bf-8d99-cfb1ed99cfb1",
        "Fabrikam",
        "44444444-4444-4444-8444-444444444444",
    ],
    [
        "d4c0aafe-0afe-44c0-9eaa-d0c2fe0ad0c2",
        "Tailspin",
        "55555555-5555-4555-8555-555555555555",
    ],
];
const NAMES: [&str; 6] = [
    "Zugang",
    "Access to CRM",
    "Доступ",
    "A \"quoted\" & <odd> name",
    "accès",
    "日本",
];
const WORDS: [&str; 6] = [
    "",
    "For people of a campaign",
    " with blanks around ",
    "one line\nand another",
    "\"quotes\" and 100 %",
    "für alle",
];
const TIMES: [&str; 5] = [
    "2027-12-31T00:00:00Z",
    "2027-12-31T01:00:00+01:00",
    "2028-02-29T12:30:00Z",
    "2029-06-30T23:59:59.5Z",
    "2030-01-01T00:00:00-08:00",
];
const LENGTHS: [&str; 8] = ["P90D", "PT2160H", "P1D", "PT24H", "PT8H", "P1DT12H", "P365D", "P3650D"];
const RULES: [&str; 3] = [
    "(user.department -eq \"Marketing\")",
    "(user.accountEnabled -eq true)",
    "(user.department -eq \"Sales\") and (user.jobTitle -ne null)",
];
const GUID: &str = "4540a08f-8ab5-43f6-a923-015275799197";

/// The catalog that packages are drawn for, with every resource of the world that can be one.
#[must_use]
pub fn catalog_of_packages() -> Value {
    json!({
        "displayName": "Everything",
        "resources": [
            {"name": "campaign-group", "group": {"displayName": "Marketing Campaign"}, "roles": ["Member", "Owner"]},
            {"name": "auditors", "group": {"displayName": "Auditors"}},
            {"name": "approvers", "group": {"displayName": "Approvers"}, "roles": ["EligibleMember", "EligibleOwner"]},
            {"name": "crm", "application": {"appId": PRINCIPALS[0][1]}, "roles": ["Reader", "Writer", "Exporter.Contacts"]},
            {"name": "portal", "sharePointSite": {"url": "https://contoso.sharepoint.com/sites/marketing"},
                "roles": ["Marketing Visitors", "Marketing Members", "Marketing Owners"]},
        ],
    })
}

/// What is drawn, by one seed.
#[derive(Clone, Debug)]
pub struct Draw {
    chance: fastrand::Rng,
}

impl Draw {
    /// What this seed draws.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(seed),
        }
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.chance.usize(..bound.max(1))
    }

    /// True for so many in a hundred.
    pub fn by(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// So many of these, each once, in any order.
    fn some<T: Clone>(&mut self, of: &[T], least: usize, most: usize) -> Vec<T> {
        let mut all = of.to_vec();
        self.chance.shuffle(&mut all);
        let count = least + self.below(most.min(of.len()) + 1 - least);
        all.truncate(count);
        all
    }

    fn bits<const N: usize>(&mut self, names: [&str; N]) -> Map<String, Value> {
        let mut bits = Map::new();
        for name in names {
            // Left out, it has its default.
            if self.by(80) {
                bits.insert(name.to_owned(), self.by(50).into());
            }
        }
        bits
    }

    fn name(&mut self) -> String {
        let name = self.one(&NAMES);
        format!("{name} {}", self.below(1000))
    }

    /// An assignment policy.
    pub fn policy(&mut self) -> Value {
        let is_by_rule = self.by(15);
        self.policy_by(is_by_rule)
    }

    fn policy_by(&mut self, is_by_rule: bool) -> Value {
        let mut spec = Map::new();
        spec.insert("accessPackageRef".into(), json!({"name": "package"}));
        spec.insert("displayName".into(), self.name().into());
        self.maybe(&mut spec, "description", 70, |draw| draw.one(&WORDS).into());
        if is_by_rule {
            let rule = self.automatic();
            spec.insert("automatic".into(), rule);
        } else {
            let (requestors, approval, expiration) = (self.requestors(), self.approval(), self.expiration());
            spec.insert("requestors".into(), requestors);
            spec.insert("approval".into(), approval);
            spec.insert("expiration".into(), expiration);
            self.maybe(&mut spec, "questions", 50, Self::questions);
        }
        self.maybe(&mut spec, "review", 50, Self::review);
        self.maybe(&mut spec, "notifications", 50, |draw| {
            let assignment = draw.one(&["Enabled", "Disabled"]);
            if draw.by(80) {
                json!({"assignment": assignment})
            } else {
                json!({})
            }
        });
        self.maybe(&mut spec, "extensions", 40, Self::extensions);
        self.handling(&mut spec);
        Value::Object(spec)
    }

    /// Each at a stage that runs its kind, none twice.
    fn extensions(&mut self) -> Value {
        const STAGES: [(&str, &str); 6] = [
            ("AssignmentRequestCreated", "Request"),
            ("AssignmentRequestApproved", "Request"),
            ("AssignmentRequestGranted", "Request"),
            ("AssignmentRequestRemoved", "Request"),
            ("AssignmentFourteenDaysBeforeExpiration", ""),
            ("AssignmentOneDayBeforeExpiration", ""),
        ];
        let all: Vec<(&str, [&str; 3])> = STAGES
            .iter()
            .flat_map(|(stage, kind)| {
                let fit = EXTENSIONS.iter().filter(move |[_, _, of]| of == kind);
                fit.map(move |extension| (*stage, *extension))
            })
            .collect();
        let chosen = self.some(&all, 0, 4);
        let one = |(stage, [id, display_name, _]): (&str, [&str; 3])| {
            if self.by(50) {
                json!({"stage": stage, "id": id})
            } else {
                json!({"stage": stage, "displayName": display_name})
            }
        };
        chosen.into_iter().map(one).collect::<Vec<_>>().into()
    }

    /// How the operator is to treat it: nothing of it reaches Entra.
    fn handling(&mut self, spec: &mut Map<String, Value>) {
        self.maybe(spec, "management", 30, |draw| draw.one(&["Full", "Observe"]).into());
        self.maybe(spec, "driftPolicy", 30, |draw| {
            draw.one(&["Cautious", "Correct", "Report"]).into()
        });
        let ends = ["Delete", "DeleteWithAssignments", "Orphan"];
        self.maybe(spec, "deletionPolicy", 30, |draw| draw.one(&ends).into());
        match self.below(10) {
            0 => {
                spec.insert("adoption".into(), "ByName".into());
                spec.insert("deletionPolicy".into(), self.one(&ends).into());
            }
            1 => {
                spec.insert("id".into(), GUID.into());
                spec.insert("deletionPolicy".into(), self.one(&ends).into());
            }
            2 => {
                spec.insert("adoption".into(), "Never".into());
            }
            _ => {}
        }
    }

    fn maybe(
        &mut self,
        into: &mut Map<String, Value>,
        name: &str,
        percent: usize,
        draw: impl FnOnce(&mut Self) -> Value,
    ) {
        if self.by(percent) {
            let value = draw(self);
            into.insert(name.to_owned(), value);
        }
    }

    fn automatic(&mut self) -> Value {
        let mut rule = self.bits(["removeWhenNoLongerMatching"]);
        rule.insert("rule".into(), self.one(&RULES).into());
        self.maybe(&mut rule, "gracePeriod", 50, |draw| {
            draw.one(&["P7D", "PT12H", "P1DT1H"]).into()
        });
        Value::Object(rule)
    }

    fn user(&mut self, index: usize) -> Value {
        let key = self.below(3);
        json!({"user": {["id", "userPrincipalName", "mail"][key]: USERS[index][key]}})
    }

    fn group(&mut self, index: usize) -> Value {
        let key = self.below(4);
        json!({"group": {["id", "displayName", "mailNickname", "uniqueName"][key]: GROUPS[index][key]}})
    }

    /// Users and groups, each once.
    fn people(&mut self, least: usize, most: usize) -> Vec<Value> {
        let all: Vec<usize> = (0..USERS.len() + GROUPS.len()).collect();
        let chosen = self.some(&all, least, most);
        let person = |index| match usize::checked_sub(index, USERS.len()) {
            None => self.user(index),
            Some(group) => self.group(group),
        };
        chosen.into_iter().map(person).collect()
    }

    fn target_manager(&mut self) -> Value {
        match self.below(5) {
            0 => json!({"targetManager": {}}),
            level => json!({"targetManager": {"level": level}}),
        }
    }

    fn requestors(&mut self) -> Value {
        const SCOPES: [&str; 10] = [
            "None",
            "SpecificDirectoryUsers",
            "SpecificDirectoryServicePrincipals",
            "SpecificConnectedOrganizationUsers",
            "AllMemberUsers",
            "AllDirectoryUsers",
            "AllDirectoryServicePrincipals",
            "AllDirectoryAgentIdentities",
            "AllConfiguredConnectedOrganizationUsers",
            "AllExternalUsers",
        ];
        let scope = self.one(&SCOPES);
        let mut requestors = Map::new();
        requestors.insert("scope".into(), scope.into());
        let targets = match scope {
            "SpecificDirectoryUsers" => self.people(1, 4),
            "SpecificDirectoryServicePrincipals" => {
                let all = self.some(&PRINCIPALS, 1, 2);
                let one = |principal: [&str; 3]| {
                    let key = self.below(3);
                    json!({"servicePrincipal": {["id", "appId", "displayName"][key]: principal[key]}})
                };
                all.into_iter().map(one).collect()
            }
            "SpecificConnectedOrganizationUsers" => {
                let all = self.some(&PARTNERS, 1, 2);
                let one = |partner: [&str; 3]| {
                    let key = self.below(3);
                    json!({"connectedOrganization": {["id", "displayName", "tenantId"][key]: partner[key]}})
                };
                all.into_iter().map(one).collect()
            }
            _ => Vec::new(),
        };
        if !targets.is_empty() {
            requestors.insert("targets".into(), targets.into());
        }
        let mut service = self.bits(["add", "update", "remove", "customSchedule"]);
        let mut on_behalf = self.bits(["add", "update", "remove"]);
        if scope == "None" {
            for bits in [&mut service, &mut on_behalf] {
                bits.remove("add");
                bits.remove("update");
            }
        }
        requestors.insert("selfService".into(), service.into());
        if self.by(30) {
            let mut others = self.people(0, 2);
            if others.is_empty() || self.by(50) {
                others.push(self.target_manager());
            }
            on_behalf.insert("requestors".into(), others.into());
            requestors.insert("onBehalf".into(), on_behalf.into());
        }
        self.maybe(&mut requestors, "justification", 60, Self::requirement);
        Value::Object(requestors)
    }

    fn requirement(&mut self) -> Value {
        self.one(&["Required", "NotRequired"]).into()
    }

    /// People, and those who are known by what they are to somebody; those who stand in where nobody else is named.
    fn approvers(&mut self) -> (Vec<Value>, Vec<Value>) {
        let mut approvers = self.people(0, 2);
        let are_named = !approvers.is_empty();
        let least = usize::from(!are_named);
        for by in self.some(&[0, 1, 2, 3, 4, 5, 6], least, 2) {
            approvers.push(match by {
                0 => match self.below(3) {
                    0 => json!({"requestorManager": {}}),
                    level => json!({"requestorManager": {"level": level}}),
                },
                1 => json!({"internalSponsors": {}}),
                2 => json!({"externalSponsors": {}}),
                3 => self.target_manager(),
                4 => json!({"targetUserSponsors": {}}),
                5 => json!({"targetApplicationOwners": {}}),
                _ => json!({"targetAgentIdentitySponsorsOrOwners": {}}),
            });
        }
        let fallbacks = if are_named && self.by(60) {
            Vec::new()
        } else {
            self.people(1, 2)
        };
        (approvers, fallbacks)
    }

    fn approval(&mut self) -> Value {
        if self.by(15) {
            return match self.by(50) {
                true => json!({"notRequired": {}}),
                false => json!({"notRequired": {}, "requiredForUpdate": false}),
            };
        }
        let count = 1 + self.below(3);
        let stages: Vec<Value> = (0..count).map(|_| self.stage()).collect();
        let mut approval = self.bits(["requiredForUpdate"]);
        approval.insert("stages".into(), stages.into());
        Value::Object(approval)
    }

    fn stage(&mut self) -> Value {
        let mut stage = Map::new();
        let (approvers, fallbacks) = self.approvers();
        stage.insert("approvers".into(), approvers.into());
        if !fallbacks.is_empty() {
            stage.insert("fallbackApprovers".into(), fallbacks.into());
        }
        let days = match self.by(30) {
            true => 14,
            false => {
                let days = 1 + self.below(14);
                stage.insert("decisionTimeout".into(), format!("P{days}D").into());
                days
            }
        };
        self.maybe(&mut stage, "justification", 60, Self::requirement);
        self.maybe(&mut stage, "approverVisibility", 60, |draw| {
            draw.one(&["Default", "Visible", "NotVisible"]).into()
        });
        if days > 1 && self.by(40) {
            let (approvers, fallbacks) = self.approvers();
            let mut escalation = Map::new();
            escalation.insert("after".into(), format!("P{}D", 1 + self.below(days - 1)).into());
            escalation.insert("approvers".into(), approvers.into());
            if !fallbacks.is_empty() {
                escalation.insert("fallbackApprovers".into(), fallbacks.into());
            }
            stage.insert("escalation".into(), escalation.into());
        }
        Value::Object(stage)
    }

    fn expiration(&mut self) -> Value {
        match self.below(4) {
            0 => json!({"never": {}}),
            1 => json!({"afterDateTime": self.one(&TIMES)}),
            _ => json!({"afterDuration": self.one(&LENGTHS)}),
        }
    }

    fn review(&mut self) -> Value {
        let (every, longest) = self.one(&[
            ("Weekly", 6),
            ("Monthly", 27),
            ("Quarterly", 88),
            ("SemiAnnually", 180),
            ("Annually", 364),
        ]);
        let mut review = self.bits(["recommendations"]);
        review.insert("every".into(), every.into());
        if every == "Weekly" || self.by(70) {
            review.insert("lasts".into(), format!("P{}D", 1 + self.below(longest)).into());
        }
        self.maybe(&mut review, "startsOn", 40, |draw| {
            draw.one(&["2027-01-01", "2027-06-30", "2028-02-29"]).into()
        });
        let ends = ["RemoveAccess", "KeepAccess", "TakeRecommendation"];
        review.insert("ifNoDecision".into(), self.one(&ends).into());
        self.maybe(&mut review, "justification", 60, Self::requirement);
        if self.by(20) {
            review.insert("selfReview".into(), true.into());
            return Value::Object(review);
        }
        self.maybe(&mut review, "selfReview", 30, |_| false.into());
        let mut reviewers = self.people(0, 2);
        let are_named = !reviewers.is_empty();
        if !are_named || self.by(30) {
            reviewers.push(self.target_manager());
        }
        review.insert("reviewers".into(), reviewers.into());
        if !are_named || self.by(30) {
            review.insert("fallbackReviewers".into(), self.people(1, 2).into());
        }
        Value::Object(review)
    }

    fn localizations(&mut self) -> Vec<Value> {
        let texts = self.some(&[("de", "Wozu?"), ("fr", "Pourquoi ?"), ("pt-br", "Por quê?")], 1, 3);
        let one = |(language, text)| json!({"language": language, "text": text});
        texts.into_iter().map(one).collect()
    }

    fn questions(&mut self) -> Value {
        let names = self.some(&["reason", "ticket", "region", "budget"], 1, 4);
        let questions = names.into_iter().map(|name| self.question(name));
        questions.collect::<Vec<_>>().into()
    }

    fn question(&mut self, name: &str) -> Value {
        let mut question = self.bits(["required", "editable"]);
        question.insert("name".into(), name.into());
        question.insert("prompt".into(), format!("{name}? {}", self.below(10)).into());
        self.maybe(&mut question, "localizations", 40, |draw| draw.localizations().into());
        if self.by(50) {
            let mut text = self.bits(["singleLine"]);
            self.maybe(&mut text, "regex", 50, |draw| {
                draw.one(&["^CHG[0-9]+$", "[a-z]{3,}"]).into()
            });
            question.insert("text".into(), text.into());
        } else {
            let values = self.some(&["emea", "apac", "latam", "north america"], 1, 4);
            let choices = values.into_iter().map(|value| {
                let mut choice = Map::new();
                choice.insert("value".into(), value.into());
                self.maybe(&mut choice, "text", 60, |draw| {
                    format!("{} {}", value.to_uppercase(), draw.below(5)).into()
                });
                self.maybe(&mut choice, "localizations", 30, |draw| draw.localizations().into());
                Value::Object(choice)
            });
            let choices: Vec<Value> = choices.collect();
            let mut choice = self.bits(["multiple"]);
            choice.insert("choices".into(), choices.into());
            question.insert("choice".into(), choice.into());
        }
        Value::Object(question)
    }

    /// An access package of [`catalog_of_packages`].
    pub fn package(&mut self) -> Value {
        let mut spec = self.bits(["hidden"]);
        spec.insert("catalogRef".into(), json!({"name": "catalog"}));
        spec.insert("displayName".into(), self.name().into());
        self.maybe(&mut spec, "description", 70, |draw| draw.one(&WORDS).into());
        let roles = self.some(&ROLES, 0, ROLES.len());
        if !roles.is_empty() {
            let one = |[resource, role]: [&str; 2]| json!({"resource": resource, "role": role});
            spec.insert("resourceRoles".into(), roles.into_iter().map(one).collect());
        }
        self.maybe(&mut spec, "incompatibleWith", 50, Self::incompatible);
        self.handling(&mut spec);
        Value::Object(spec)
    }

    fn incompatible(&mut self) -> Value {
        let mut with = Map::new();
        self.maybe(&mut with, "accessPackages", 70, |draw| {
            let chosen = draw.some(&OTHER_PACKAGES, 0, 3);
            let one = |id| json!({"id": id});
            chosen.into_iter().map(one).collect::<Vec<_>>().into()
        });
        self.maybe(&mut with, "groups", 60, |draw| {
            let chosen = draw.some(&[0, 1, 2], 0, 3);
            let one = |index| draw.group(index)["group"].clone();
            chosen.into_iter().map(one).collect::<Vec<_>>().into()
        });
        Value::Object(with)
    }

    /// A catalog.
    pub fn catalog(&mut self) -> Value {
        let mut spec = self.bits(["externallyVisible"]);
        spec.insert("displayName".into(), self.name().into());
        self.maybe(&mut spec, "tenantRef", 50, |_| json!({"name": "default"}));
        self.maybe(&mut spec, "id", 10, |_| GUID.into());
        self.maybe(&mut spec, "description", 60, |draw| draw.one(&WORDS).into());
        self.maybe(&mut spec, "state", 60, |draw| {
            draw.one(&["Published", "Unpublished"]).into()
        });
        self.maybe(&mut spec, "management", 30, |draw| {
            draw.one(&["Full", "Observe"]).into()
        });
        self.maybe(&mut spec, "deletionPolicy", 50, |draw| {
            draw.one(&["Orphan", "Delete"]).into()
        });
        let all: Vec<usize> = (0..GROUPS.len() + PRINCIPALS.len() + 2).collect();
        let chosen = self.some(&all, 0, all.len());
        let resources: Vec<Value> = chosen.into_iter().map(|index| self.resource(index)).collect();
        if self.by(60) {
            let grants = self.grants(&resources);
            spec.insert("grants".into(), grants);
        }
        if !resources.is_empty() {
            spec.insert("resources".into(), resources.into());
        }
        self.maybe(&mut spec, "roleAssignments", 40, Self::role_assignments);
        Value::Object(spec)
    }

    /// Nobody has a role twice.
    fn role_assignments(&mut self) -> Value {
        const ROLES: [&str; 4] = [
            "CatalogOwner",
            "CatalogReader",
            "AccessPackageManager",
            "AccessPackageAssignmentManager",
        ];
        let count = USERS.len() + GROUPS.len() + PRINCIPALS.len();
        let all: Vec<(&str, usize)> = ROLES
            .iter()
            .flat_map(|role| (0..count).map(move |holder| (*role, holder)))
            .collect();
        let chosen = self.some(&all, 0, 4).into_iter().enumerate();
        let one = |(index, (role, holder)): (usize, (&str, usize))| {
            let principal = match holder {
                0..5 => self.user(holder),
                5..8 => self.group(holder - 5),
                _ => {
                    let key = self.below(3);
                    json!({"servicePrincipal": {["id", "appId", "displayName"][key]: PRINCIPALS[holder - 8][key]}})
                }
            };
            json!({"name": format!("role-{index}"), "role": role, "principal": principal})
        };
        chosen.map(one).collect::<Vec<_>>().into()
    }

    fn resource(&mut self, index: usize) -> Value {
        let mut resource = match index {
            0..3 => {
                let mut group = self.group(index);
                self.roles_of_a_group(&mut group);
                group
            }
            3 | 4 => {
                let principal = PRINCIPALS[index - 3];
                let key = self.below(3);
                let key_name = ["servicePrincipalId", "appId", "displayName"][key];
                json!({"application": {key_name: principal[key]}, "roles": ["Reader"]})
            }
            6 => {
                let ways = self.some(&["EligibleMember", "ActiveMember"], 1, 2);
                json!({"directoryRole": {"roleTemplateId": self.one(&[
                    "4a5d8f65-41da-4de4-8968-e035b65339cf", "4A5D8F65-41DA-4DE4-8968-E035B65339CF",
                ])}, "roles": ways})
            }
            _ => json!({"sharePointSite": {"url": self.one(&[
                "https://contoso.sharepoint.com/sites/marketing", "https://contoso.sharepoint.com/Sites/Marketing/",
            ])}, "roles": ["Marketing Visitors"]}),
        };
        resource["name"] = format!("resource-{index}").into();
        if (3..6).contains(&index) && self.by(40) {
            resource["attributes"] = self.attributes();
        }
        if index == 5 && self.by(50) {
            resource["environment"] = "https://contoso-admin.sharepoint.com/".into();
        }
        resource
    }

    /// What requestors are asked for the sake of a resource.
    fn attributes(&mut self) -> Value {
        let names = self.some(&["jobTitle", "department", "extension_0f7c_costCenter"], 0, 3);
        let one = |name: &str| {
            let mut attribute = self.bits(["editable", "keptAfterRemoval"]);
            let mut question = self.question(name);
            if let Some(question) = question.as_object_mut() {
                question.remove("name");
                question.remove("editable");
                let choices = question
                    .get_mut("choice")
                    .and_then(|choice| choice["choices"].as_array_mut());
                for choice in choices.into_iter().flatten().filter_map(Value::as_object_mut) {
                    choice.remove("localizations");
                }
            }
            attribute.insert("name".into(), name.into());
            attribute.insert("question".into(), question);
            Value::Object(attribute)
        };
        names.into_iter().map(one).collect::<Vec<_>>().into()
    }

    fn roles_of_a_group(&mut self, group: &mut Value) {
        match self.below(3) {
            0 => {}
            1 => group["roles"] = json!(["Owner", "Member"]),
            _ => group["roles"] = json!(["Member"]),
        }
        match self.below(3) {
            0 => {}
            1 => group["roleAssignable"] = "Allowed".into(),
            _ => group["roleAssignable"] = "Denied".into(),
        }
    }

    fn grants(&mut self, resources: &[Value]) -> Value {
        let names: Vec<Value> = resources.iter().map(|resource| resource["name"].clone()).collect();
        let grants = self.some(&["marketing", "sales", "Everybody else"], 1, 3);
        let grants = grants.into_iter().map(|name| {
            let mut grant = Map::new();
            grant.insert("name".into(), name.into());
            grant.insert("namespaces".into(), self.namespaces());
            if !names.is_empty() {
                self.maybe(&mut grant, "resources", 50, |draw| {
                    draw.some(&names, 0, names.len()).into()
                });
            }
            self.maybe(&mut grant, "suspended", 30, |draw| draw.by(50).into());
            self.maybe(&mut grant, "onWithdrawal", 40, |draw| {
                draw.one(&["Keep", "CloseRequests"]).into()
            });
            self.maybe(&mut grant, "limits", 70, Self::limits);
            Value::Object(grant)
        });
        grants.collect::<Vec<_>>().into()
    }

    fn namespaces(&mut self) -> Value {
        match self.below(4) {
            0 => json!({"names": ["marketing", "marketing-test"]}),
            1 => json!({"all": {}}),
            2 => json!({"selector": {"matchLabels": {"team": "marketing"}}}),
            _ => {
                let operator = self.one(&["In", "NotIn", "Exists", "DoesNotExist"]);
                let mut expression = json!({"key": "team", "operator": operator});
                if operator.ends_with("In") {
                    expression["values"] = json!(["marketing", "sales"]);
                }
                json!({"selector": {"matchExpressions": [expression]}})
            }
        }
    }

    fn approver_limit(&mut self) -> Value {
        const KINDS: [&str; 9] = [
            "RequestorManager",
            "TargetManager",
            "InternalSponsors",
            "ExternalSponsors",
            "TargetUserSponsors",
            "TargetApplicationOwners",
            "TargetAgentIdentitySponsorsOrOwners",
            "AnyUser",
            "AnyGroup",
        ];
        self.people_limit(&KINDS)
    }

    /// Whom a grant lets policies name, of these kinds.
    fn people_limit(&mut self, kinds: &[&'static str]) -> Value {
        let mut limit = Map::new();
        self.maybe(&mut limit, "kinds", 50, |draw| draw.some(kinds, 0, kinds.len()).into());
        for (people, one) in [("users", "user"), ("groups", "group")] {
            self.maybe(&mut limit, people, 50, |draw| {
                let named = draw.people(0, 4).into_iter();
                named.filter_map(|person| person.get(one).cloned()).collect()
            });
        }
        Value::Object(limit)
    }

    fn limits(&mut self) -> Value {
        const SCOPES: [&str; 10] = [
            "None",
            "SpecificDirectoryUsers",
            "SpecificDirectoryServicePrincipals",
            "SpecificConnectedOrganizationUsers",
            "AllMemberUsers",
            "AllDirectoryUsers",
            "AllDirectoryServicePrincipals",
            "AllDirectoryAgentIdentities",
            "AllConfiguredConnectedOrganizationUsers",
            "AllExternalUsers",
        ];
        let mut limits = Map::new();
        self.maybe(&mut limits, "requestorScopes", 50, |draw| {
            draw.some(&SCOPES, 0, 10).into()
        });
        self.maybe(&mut limits, "approval", 50, |draw| {
            draw.one(&["Required", "Optional"]).into()
        });
        self.maybe(&mut limits, "approvers", 50, Self::approver_limit);
        self.maybe(&mut limits, "extension", 50, |draw| {
            draw.one(&["Denied", "Approved", "Allowed"]).into()
        });
        self.maybe(&mut limits, "targets", 50, |draw| {
            draw.people_limit(&["AnyUser", "AnyGroup"])
        });
        self.maybe(&mut limits, "onBehalfRequestors", 50, |draw| {
            draw.people_limit(&["TargetManager", "AnyUser", "AnyGroup"])
        });
        self.maybe(&mut limits, "mustAsk", 30, |draw| {
            let mut ticket = json!({"name": "ticket", "regex": "^CHG[0-9]+$"});
            if draw.by(50) {
                ticket["prompt"] = "Which change ticket is this for?".into();
            }
            if draw.by(50) {
                ticket["message"] = "Name the change ticket.".into();
            }
            json!([ticket])
        });
        for most in ["maxPackages", "maxPolicies"] {
            self.maybe(&mut limits, most, 20, |draw| draw.below(4).into());
        }
        self.maybe(&mut limits, "displayNamePrefix", 20, |_| "Marketing ".into());
        self.maybe(&mut limits, "maxDuration", 50, |draw| {
            draw.one(&["P90D", "PT8H30M"]).into()
        });
        for permission in ["unlimitedDuration", "automaticAssignment", "onBehalf", "adoption"] {
            self.maybe(&mut limits, permission, 50, |draw| {
                draw.one(&["Denied", "Allowed"]).into()
            });
        }
        self.maybe(&mut limits, "references", 50, |draw| {
            draw.one(&["Any", "IdsOnly"]).into()
        });
        let ends = ["Delete", "DeleteWithAssignments", "Orphan"];
        self.maybe(&mut limits, "deletion", 50, |draw| draw.some(&ends, 1, 3).into());
        let drift = ["Cautious", "Correct", "Report"];
        self.maybe(&mut limits, "driftPolicy", 50, |draw| draw.some(&drift, 0, 3).into());
        Value::Object(limits)
    }

    /// The way to a tenant.
    pub fn tenant(&mut self) -> Value {
        let client = "22222222-3333-4444-5555-666666666666";
        let credentials = match self.below(5) {
            0 => json!({"workloadIdentity": {"clientId": client}}),
            1 => json!({"clientSecret": {"clientId": client, "secretRef": {"name": "contoso", "key": "secret"}}}),
            2 => json!({"clientCertificate": {"clientId": client, "secretRef": {"name": "contoso"}}}),
            3 => json!({"managedIdentity": {"clientId": client}}),
            _ => json!({"managedIdentity": {}}),
        };
        let mut spec = Map::new();
        spec.insert("tenantId".into(), "11111111-2222-3333-4444-555555555555".into());
        spec.insert("credentials".into(), credentials);
        self.maybe(&mut spec, "cloud", 70, |draw| {
            draw.one(&["Global", "USGovernment", "USGovernmentDoD", "China"]).into()
        });
        self.maybe(&mut spec, "domain", 60, |_| "contoso.com".into());
        self.maybe(&mut spec, "mode", 60, |draw| draw.one(&["Enforce", "Observe"]).into());
        self.maybe(&mut spec, "driftInterval", 60, |draw| {
            draw.one(&["PT10M", "PT1H30M", "P1D"]).into()
        });
        Value::Object(spec)
    }

    /// Another policy with the same way in: one that has nothing to do with it, or differs in some fields, or in none.
    pub fn other_policy(&mut self, policy: &Value) -> Value {
        let other = self.policy_by(policy.get("automatic").is_some());
        let mut changed = self.mixed(policy, other);
        if self.by(20)
            && let Some(questions) = changed.get_mut("questions").and_then(Value::as_array_mut)
        {
            self.chance.shuffle(questions);
        }
        changed
    }

    /// Another package of the same catalog.
    pub fn other_package(&mut self, package: &Value) -> Value {
        let other = self.package();
        self.mixed(package, other)
    }

    /// Another catalog.
    pub fn other_catalog(&mut self, catalog: &Value) -> Value {
        let other = self.catalog();
        self.mixed(catalog, other)
    }

    fn mixed(&mut self, spec: &Value, other: Value) -> Value {
        if self.by(25) {
            return other;
        }
        let mut changed = spec.clone();
        let (Some(into), Some(from)) = (changed.as_object_mut(), other.as_object()) else {
            return changed;
        };
        let fields: Vec<String> = into.keys().chain(from.keys()).cloned().collect();
        for field in self.some(&fields, 0, 3) {
            match from.get(&field) {
                Some(value) => into.insert(field, value.clone()),
                None => into.remove(&field),
            };
        }
        // Fields that need each other go together.
        for field in ["id", "adoption", "deletionPolicy"] {
            match spec.get(field) {
                Some(value) => into.insert(field.to_owned(), value.clone()),
                None => into.remove(field),
            };
        }
        if into.contains_key("grants") {
            for field in ["grants", "resources"] {
                match from.get(field) {
                    Some(value) => into.insert(field.to_owned(), value.clone()),
                    None => into.remove(field),
                };
            }
        }
        changed
    }
}
