//! Valid specs, each broken in one place: by its schema, by the rules of it, and by sense that no schema has.

use serde_json::{Map, Value, json};

use crate::cluster::Kind;

/// How a spec is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    WrongType,
    UnknownValue,
    UnknownField,
    Missing,
    NoneOfSome,
    TwoOfSome,
    Malformed,
    Empty,
    TooLong,
    TooMany,
    Twice,
    OutOfRange,
    Immutable,
    Conflict,
    /// What only the directory, the clock, or the service can tell.
    Sense,
}

/// One way to break a spec.
#[derive(Clone, Debug)]
pub(super) struct Break {
    pub(super) class: Class,
    /// Where, as the API server names it.
    pub(super) at: String,
    pub(super) spec: Value,
    /// It is refused as a change of what it was before.
    pub(super) is_change: bool,
}

const GUID: &str = "7deff43e-1f17-44ef-9e5f-d516b0ba11d4";

/// Every way to break this spec once.
pub(super) fn breaks(kind: Kind, schema: &Value, spec: &Value) -> Vec<Break> {
    let mut walk = Walk {
        spec,
        found: Vec::new(),
    };
    walk.node(schema, spec, "", "spec");
    let mut found = walk.found;
    found.extend(changes(kind, spec));
    found.extend(conflicts(kind, spec));
    found.extend(senseless(kind, spec));
    found
}

struct Walk<'a> {
    spec: &'a Value,
    found: Vec<Break>,
}

/// The spec with another value at this pointer.
fn with(spec: &Value, pointer: &str, value: Value) -> Value {
    let mut spec = spec.clone();
    *spec.pointer_mut(pointer).unwrap() = value;
    spec
}

/// The spec without this field.
fn without(spec: &Value, pointer: &str, field: &str) -> Value {
    let mut spec = spec.clone();
    spec.pointer_mut(pointer)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(field);
    spec
}

impl Walk<'_> {
    fn set(&mut self, class: Class, at: &str, pointer: &str, value: Value) {
        self.found.push(Break {
            class,
            at: at.to_owned(),
            spec: with(self.spec, pointer, value),
            is_change: false,
        });
    }

    fn node(&mut self, schema: &Value, value: &Value, pointer: &str, at: &str) {
        let field = pointer
            .rsplit('/')
            .find(|part| part.parse::<usize>().is_err())
            .unwrap_or_default();
        if !pointer.is_empty() {
            self.leaf(schema, value, (pointer, at, field));
        }
        match value {
            Value::Object(fields) => self.object(schema, fields, pointer, at),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.node(
                        &schema["items"],
                        item,
                        &format!("{pointer}/{index}"),
                        &format!("{at}[{index}]"),
                    );
                }
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn leaf(&mut self, schema: &Value, value: &Value, (pointer, at, field): (&str, &str, &str)) {
        let other = match schema["type"].as_str() {
            Some("string") => json!(42),
            Some("boolean") => json!("yes"),
            Some("integer") => json!("one"),
            Some("array") => json!({"of": "things"}),
            _ => json!("a text"),
        };
        self.set(Class::WrongType, at, pointer, other);
        if schema.get("enum").is_some() {
            self.set(Class::UnknownValue, at, pointer, "Nonsense".into());
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            let text = "x".repeat(usize::try_from(most).unwrap() + 1);
            self.set(Class::TooLong, at, pointer, text.into());
        }
        let rules = |what: &str| {
            let rules = schema["x-kubernetes-validations"].as_array();
            rules.is_some_and(|rules| rules.iter().any(|rule| rule["rule"].as_str().unwrap().contains(what)))
        };
        if value.is_string() && rules("self.matches") {
            for text in malformed(field).iter().copied() {
                self.set(Class::Malformed, at, pointer, text.into());
            }
        }
        if value.is_string() && rules("self.trim()") {
            self.set(Class::Empty, at, pointer, "  ".into());
        }
        if value.is_number() && rules("self") {
            // There is no most of what is the most.
            let outside = if field.starts_with("max") { -1 } else { 9 };
            self.set(Class::OutOfRange, at, pointer, outside.into());
        }
        let Some([first, ..]) = value.as_array().map(Vec::as_slice) else {
            return;
        };
        if let Some(most) = schema["maxItems"].as_u64() {
            let many = vec![first.clone(); usize::try_from(most).unwrap() + 1];
            self.set(Class::TooMany, at, pointer, many.into());
        }
        if schema["x-kubernetes-list-type"] == "map" || schema["x-kubernetes-list-type"] == "set" {
            let mut twice = value.as_array().unwrap().clone();
            twice.push(first.clone());
            let at = format!("{at}[{}]", twice.len() - 1);
            self.set(Class::Twice, &at, pointer, twice.into());
        }
    }

    fn object(&mut self, schema: &Value, fields: &Map<String, Value>, pointer: &str, at: &str) {
        let Some(known) = schema["properties"].as_object() else {
            return; // names and values of labels
        };
        let mut unknown = fields.clone();
        unknown.insert("nonsense".into(), true.into());
        self.set(Class::UnknownField, &format!("{at}.nonsense"), pointer, unknown.into());
        for required in schema["required"].as_array().into_iter().flatten() {
            self.missing(fields, pointer, at, required.as_str().unwrap());
        }
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let text = rule["rule"].as_str().unwrap();
            // Where another field does as well, that one is not there.
            let (other, asked) = match text.split_once(" || ") {
                Some((other, asked)) => (other.strip_prefix("has(self."), asked),
                None => (None, text),
            };
            let is_needed = other.is_none_or(|other| !fields.contains_key(other.trim_end_matches(')')));
            if let Some(field) = rule["fieldPath"].as_str().and_then(|path| path.strip_prefix('.'))
                && is_needed
                && rule["reason"] == "FieldValueRequired"
                && asked.starts_with(&format!("has(self.{field})"))
            {
                self.missing(fields, pointer, at, field);
            }
            let Some(names) = text.strip_suffix("].filter(x, x).size() <= 1") else {
                continue;
            };
            let names: Vec<&str> = names
                .trim_start_matches('[')
                .split(", ")
                .map(|name| name.trim_start_matches("has(self.").trim_end_matches(')'))
                .collect();
            for name in &names {
                if fields.contains_key(*name) {
                    let spec = without(self.spec, pointer, name);
                    self.found.push(Break {
                        class: Class::NoneOfSome,
                        at: at.to_owned(),
                        spec,
                        is_change: false,
                    });
                } else if let Some(value) = example(name, &known[*name]) {
                    let mut two = fields.clone();
                    two.insert((*name).to_owned(), value);
                    self.set(Class::TwoOfSome, at, pointer, two.into());
                }
            }
        }
        for (name, value) in fields {
            if let Some(schema) = known.get(name) {
                self.node(schema, value, &format!("{pointer}/{name}"), &format!("{at}.{name}"));
            }
        }
    }

    fn missing(&mut self, fields: &Map<String, Value>, pointer: &str, at: &str, field: &str) {
        if fields.contains_key(field) {
            self.found.push(Break {
                class: Class::Missing,
                at: format!("{at}.{field}"),
                spec: without(self.spec, pointer, field),
                is_change: false,
            });
        }
    }
}

/// Texts that are nearly what the field takes.
fn malformed(field: &str) -> &'static [&'static str] {
    match field {
        "id" | "appId" | "servicePrincipalId" | "tenantId" | "clientId" => &["7deff43e-1f17-44ef-9e5f", "marketing"],
        "userPrincipalName" | "mail" => &["bob", "bob@", "bob smith@contoso.com"],
        "decisionTimeout" | "after" => &["P15D", "14 days", "PT8H", "P0D"],
        "lasts" => &["P0D", "PT8H", "14"],
        "afterDuration" | "gracePeriod" | "maxDuration" => &["90 days", "P1M", "P", "P0D", "-P1D"],
        "driftInterval" => &["10m", "PT", "P1M"],
        "afterDateTime" => &["2027-13-45T00:00:00Z", "2027-12-31", "tomorrow", "2027-12-31T00:00:00"],
        "startsOn" => &["2027-02-30", "01.01.27", "2027-1-1"],
        "url" => &["http://contoso.sharepoint.com/sites/a", "contoso.sharepoint.com"],
        "language" => &["deutsch!", "d", "de_DE"],
        "domain" => &["contoso", "contoso .com"],
        "key" => &["a key"],
        "name" | "resource" => &["Not A Name", "-a"],
        _ => &[],
    }
}

/// Something that the field takes.
fn example(field: &str, schema: &Value) -> Option<Value> {
    let of_type = match field {
        "id" | "appId" | "servicePrincipalId" => json!(GUID),
        "userPrincipalName" | "mail" => json!("ann@contoso.com"),
        "displayName" | "mailNickname" | "uniqueName" => json!("a"),
        "url" => json!("https://contoso.sharepoint.com/sites/a"),
        "user" => json!({"id": GUID}),
        "group" | "application" | "servicePrincipal" => json!({"displayName": "A"}),
        "sharePointSite" => json!({"url": "https://contoso.sharepoint.com/sites/a"}),
        "directoryRole" => json!({"roleTemplateId": GUID}),
        "afterDateTime" => json!("2029-01-01T00:00:00Z"),
        "afterDuration" => json!("P90D"),
        "names" => json!(["marketing"]),
        "selector" => json!({"matchLabels": {"a": "b"}}),
        "choice" => json!({"choices": [{"value": "a"}]}),
        "workloadIdentity" => json!({"clientId": GUID}),
        "clientSecret" | "clientCertificate" => json!({"clientId": GUID, "secretRef": {"name": "a"}}),
        _ if schema["type"] == "object" => json!({}),
        _ => return None,
    };
    Some(of_type)
}

fn broken(class: Class, at: &str, spec: Value) -> Break {
    Break {
        class,
        at: at.to_owned(),
        spec,
        is_change: false,
    }
}

/// What may not change once it is there.
fn changes(kind: Kind, spec: &Value) -> Vec<Break> {
    let mut found = Vec::new();
    let mut changed = |at: &str, spec: Value| {
        found.push(Break {
            is_change: true,
            ..broken(Class::Immutable, at, spec)
        });
    };
    let put = |field: &str, value: Value| {
        let mut spec = spec.clone();
        spec[field] = value;
        spec
    };
    match kind {
        Kind::EntraTenant => {
            changed("spec.tenantId", put("tenantId", GUID.into()));
            let cloud = if spec["cloud"] == "China" { "Global" } else { "China" };
            changed("spec.cloud", put("cloud", cloud.into()));
        }
        Kind::Catalog => {
            changed("spec.tenantRef", put("tenantRef", json!({"name": "another"})));
            for (index, resource) in spec["resources"].as_array().into_iter().flatten().enumerate() {
                let mut other = resource.clone();
                for way in ["group", "application", "sharePointSite", "directoryRole"] {
                    if other.get(way).is_some() {
                        other[way] = example(way, &Value::Null).unwrap();
                    }
                }
                let spec = with(spec, &format!("/resources/{index}"), other);
                changed(&format!("spec.resources[{index}]"), spec);
            }
        }
        Kind::ConnectedOrganization => {
            changed("spec.tenantRef", put("tenantRef", json!({"name": "another"})));
            changed(
                "spec.identitySource",
                put("identitySource", json!({"domain": "another.example.com"})),
            );
        }
        Kind::AccessPackage => changed("spec.catalogRef", put("catalogRef", json!({"name": "another"}))),
        Kind::AssignmentPolicy => {
            changed(
                "spec.accessPackageRef",
                put("accessPackageRef", json!({"name": "another"})),
            );
            let mut other = json!({
                "accessPackageRef": spec["accessPackageRef"], "displayName": spec["displayName"],
            });
            match spec.get("automatic") {
                None => other["automatic"] = json!({"rule": "(user.accountEnabled -eq true)"}),
                Some(_) => {
                    other["requestors"] = json!({"scope": "AllMemberUsers"});
                    other["approval"] = json!({"notRequired": {}});
                    other["expiration"] = json!({"afterDuration": "P90D"});
                }
            }
            for field in ["id", "deletionPolicy", "adoption"] {
                if let Some(value) = spec.get(field) {
                    other[field] = value.clone();
                }
            }
            changed("spec.automatic", other);
        }
    }
    if !matches!(kind, Kind::EntraTenant) {
        match spec.get("id") {
            Some(_) => changed("spec.id", put("id", GUID.into())),
            None => {
                let mut taken = put("id", GUID.into());
                if !matches!(kind, Kind::Catalog) {
                    taken["deletionPolicy"] = "Orphan".into();
                    taken.as_object_mut().unwrap().remove("adoption");
                }
                changed("spec.id", taken);
            }
        }
    }
    found
}

/// What each is right by itself and wrong together.
fn conflicts(kind: Kind, spec: &Value) -> Vec<Break> {
    let mut found = Vec::new();
    let put = |fields: &[(&str, Value)]| {
        let mut spec = spec.clone();
        for (pointer, value) in fields {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            spec.pointer_mut(parent).unwrap()[field] = value.clone();
        }
        spec
    };
    let mut conflict = |at: &str, fields: &[(&str, Value)]| found.push(broken(Class::Conflict, at, put(fields)));
    if matches!(kind, Kind::AccessPackage | Kind::AssignmentPolicy) {
        conflict(
            "spec.adoption",
            &[
                ("/id", GUID.into()),
                ("/adoption", "ByName".into()),
                ("/deletionPolicy", "Orphan".into()),
            ],
        );
        let mut implicit = put(&[("/adoption", "ByName".into())]);
        for field in ["id", "deletionPolicy"] {
            implicit.as_object_mut().unwrap().remove(field);
        }
        found.push(broken(Class::Conflict, "spec.deletionPolicy", implicit));
    }
    match kind {
        Kind::EntraTenant | Kind::ConnectedOrganization | Kind::AccessPackage => {}
        Kind::Catalog => {
            let mut conflict =
                |at: &str, fields: &[(&str, Value)]| found.push(broken(Class::Conflict, at, put(fields)));
            let grant = |rest: Value| {
                let mut grant = json!({"name": "a", "namespaces": {"all": {}}});
                grant.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
                json!([grant])
            };
            conflict(
                "spec.grants",
                &[("/grants", grant(json!({"resources": ["nobody-knows-it"]})))],
            );
            let selector = |selector: Value| grant(json!({"namespaces": {"selector": selector}}));
            let at = "spec.grants[0].namespaces.selector";
            conflict(at, &[("/grants", selector(json!({})))]);
            let expression = json!({"matchExpressions": [{"key": "team", "operator": "In"}]});
            conflict(&format!("{at}.matchExpressions"), &[("/grants", selector(expression))]);
            let expression = json!({"matchExpressions": [{"key": "team", "operator": "Exists", "values": ["a"]}]});
            conflict(&format!("{at}.matchExpressions"), &[("/grants", selector(expression))]);
            for (index, resource) in spec["resources"].as_array().into_iter().flatten().enumerate() {
                let (field, value) = match resource.get("group") {
                    Some(_) => ("roles", json!(["Reader"])),
                    None => ("roleAssignable", json!("Allowed")),
                };
                conflict(
                    &format!("spec.resources[{index}].{field}"),
                    &[(&format!("/resources/{index}/{field}"), value)],
                );
                if resource.get("group").is_none() {
                    let spec = without(spec, &format!("/resources/{index}"), "roles");
                    found.push(broken(Class::Conflict, &format!("spec.resources[{index}].roles"), spec));
                    break;
                }
            }
        }
        Kind::AssignmentPolicy => found.extend(conflicts_of_a_policy(spec, put)),
    }
    found
}

fn conflicts_of_a_policy(spec: &Value, put: impl Fn(&[(&str, Value)]) -> Value) -> Vec<Break> {
    let mut found = Vec::new();
    let mut conflict = |at: &str, fields: &[(&str, Value)]| found.push(broken(Class::Conflict, at, put(fields)));
    let review = |rest: Value| {
        let mut review =
            json!({"every": "Quarterly", "ifNoDecision": "KeepAccess", "reviewers": [{"user": {"id": GUID}}]});
        review
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        [("/review", review)]
    };
    conflict("spec.review.reviewers", &review(json!({"selfReview": true})));
    conflict("spec.review.lasts", &review(json!({"every": "Weekly", "lasts": "P7D"})));
    let managers = json!({"reviewers": [{"targetManager": {}}]});
    conflict("spec.review.fallbackReviewers", &review(managers));
    if spec.get("automatic").is_some() {
        conflict(
            "spec.requestors",
            &[("/requestors", json!({"scope": "AllMemberUsers"}))],
        );
        conflict("spec.approval", &[("/approval", json!({"notRequired": {}}))]);
        conflict("spec.expiration", &[("/expiration", json!({"never": {}}))]);
        let question = json!([{"name": "a", "prompt": "Why?", "text": {}}]);
        conflict("spec.questions", &[("/questions", question)]);
        return found;
    }
    let scope = |rest: Value| [("/requestors", rest)];
    let (user, principal) = (
        json!([{"user": {"id": GUID}}]),
        json!([{"servicePrincipal": {"id": GUID}}]),
    );
    let targets = "spec.requestors.targets";
    conflict(targets, &scope(json!({"scope": "SpecificDirectoryUsers"})));
    conflict(targets, &scope(json!({"scope": "AllMemberUsers", "targets": user})));
    conflict(
        targets,
        &scope(json!({"scope": "SpecificDirectoryUsers", "targets": principal})),
    );
    conflict(
        targets,
        &scope(json!({"scope": "SpecificDirectoryServicePrincipals", "targets": user})),
    );
    conflict(
        "spec.requestors.selfService",
        &scope(json!({"scope": "None", "selfService": {"add": true}})),
    );
    let others = json!({"add": true, "requestors": [{"targetManager": {}}]});
    conflict(
        "spec.requestors.onBehalf",
        &scope(json!({"scope": "None", "onBehalf": others})),
    );
    let approval = |rest: Value| [("/approval", rest)];
    conflict(
        "spec.approval.requiredForUpdate",
        &approval(json!({"notRequired": {}, "requiredForUpdate": true})),
    );
    let stages = json!([{"approvers": [{"user": {"id": GUID}}]}]);
    conflict("spec.approval", &approval(json!({"notRequired": {}, "stages": stages})));
    conflict("spec.approval.stages", &approval(json!({"stages": []})));
    let managers = json!({"stages": [{"approvers": [{"requestorManager": {}}]}]});
    conflict("spec.approval.stages[0].fallbackApprovers", &approval(managers));
    let late = json!({"stages": [{
        "approvers": [{"user": {"id": GUID}}], "decisionTimeout": "P3D",
        "escalation": {"after": "P3D", "approvers": [{"user": {"id": GUID}}]},
    }]});
    conflict("spec.approval.stages[0].escalation.after", &approval(late));
    found
}

/// What no schema can know, or does not.
fn senseless(kind: Kind, spec: &Value) -> Vec<Break> {
    let mut found = Vec::new();
    let mut sense = |at: &str, field: &str, value: Value| {
        let mut spec = spec.clone();
        spec[field] = value;
        // They speak of resources that are there no longer.
        spec.as_object_mut().unwrap().remove("grants");
        found.push(broken(Class::Sense, at, spec));
    };
    match kind {
        Kind::EntraTenant | Kind::ConnectedOrganization => {}
        Kind::Catalog => {
            let group = json!([{"name": "a", "group": {"displayName": "Nobody knows it"}}]);
            sense("spec.resources[0].group", "resources", group);
            let role = json!([{"name": "a", "application": {"displayName": "CRM"}, "roles": ["Nobody"]}]);
            sense("spec.resources[0].roles[0]", "resources", role);
        }
        Kind::AccessPackage => {
            let resource = json!([{"resource": "nobody-knows-it", "role": "Member"}]);
            sense("spec.resourceRoles[0].resource", "resourceRoles", resource);
            let role = json!([{"resource": "crm", "role": "Nobody"}]);
            sense("spec.resourceRoles[0].role", "resourceRoles", role);
        }
        Kind::AssignmentPolicy if spec.get("automatic").is_some() => {
            sense("spec.automatic.rule", "automatic", json!({"rule": "everybody"}));
        }
        Kind::AssignmentPolicy => {
            let question = |rest: Value| {
                let mut question = json!({"name": "a", "prompt": "Why?"});
                question
                    .as_object_mut()
                    .unwrap()
                    .extend(rest.as_object().unwrap().clone());
                json!([question])
            };
            let regex = question(json!({"text": {"regex": "([a-z"}}));
            sense("spec.questions[0].text.regex", "questions", regex);
            let choices = question(json!({"choice": {"choices": [{"value": "a"}, {"value": "a"}]}}));
            sense("spec.questions[0].choice.choices[1].value", "questions", choices);
            let languages = json!([{"language": "de", "text": "A"}, {"language": "de", "text": "B"}]);
            let languages = question(json!({"text": {}, "localizations": languages}));
            sense("spec.questions[0].localizations[1].language", "questions", languages);
            let past = json!({"afterDateTime": "2020-01-01T00:00:00Z"});
            sense("spec.expiration.afterDateTime", "expiration", past);
            let nobody = json!({"stages": [{"approvers": [{"user": {"userPrincipalName": "nobody@contoso.com"}}]}]});
            sense("spec.approval.stages[0].approvers[0].user", "approval", nobody);
            let group = json!({"scope": "SpecificDirectoryUsers", "targets": [{"group": {"displayName": "Nobody"}}]});
            sense("spec.requestors.targets[0].group", "requestors", group);
            let twice = json!([{"user": {"mail": "bob@contoso.com"}}, {"user": {"mail": "bob@contoso.com"}}]);
            let twice = json!({"stages": [{"approvers": twice}]});
            sense("spec.approval.stages[0].approvers[1]", "approval", twice);
        }
    }
    found
}
