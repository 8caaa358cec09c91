//! Programs that are made: an object for every rule, and every field of objects altered.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    program::{GROUP, Program, delete, get, post, put},
    servers::servers,
};

/// A kind, the spec that the tables of `tests/crds` vary, and those tables.
struct Made {
    kind: &'static str,
    plural: &'static str,
    is_namespaced: bool,
    example: &'static str,
    tables: &'static str,
    /// Objects in which everything is set that can be: what is altered, one field after the other.
    full: &'static [&'static str],
}

const MADE: [Made; 4] = [
    Made {
        kind: "EntraTenant",
        plural: "entratenants",
        is_namespaced: false,
        example: "{tenantId: 11111111-2222-3333-4444-555555555555, credentials: {workloadIdentity: {clientId: 22222222-3333-4444-5555-666666666666}}}",
        tables: include_str!("../../../crds/entra_tenant.rs"),
        full: &[
            "{cloud: Global, domain: contoso.com, driftInterval: PT10M, mode: Observe, credentials: {clientSecret: {clientId: 22222222-3333-4444-5555-666666666666, secretRef: {name: contoso, key: value}}}}",
            "{credentials: {clientCertificate: {clientId: 22222222-3333-4444-5555-666666666666, secretRef: {name: contoso}}}}",
            "{credentials: {managedIdentity: {clientId: 22222222-3333-4444-5555-666666666666}}}",
        ],
    },
    Made {
        kind: "Catalog",
        plural: "catalogs",
        is_namespaced: false,
        example: "{displayName: Marketing}",
        tables: include_str!("../../../crds/catalog.rs"),
        full: &[
            "{tenantRef: {name: contoso}, description: Words, state: Unpublished, externallyVisible: true, deletionPolicy: Delete, management: Full, resources: [{name: crm, application: {appId: 22222222-3333-4444-5555-666666666666}, roles: [Reader]}, {name: leads, group: {mailNickname: leads}, roles: [Member, Owner], roleAssignable: Allowed}, {name: portal, sharePointSite: {url: \"https://contoso.sharepoint.com/sites/marketing\"}, roles: [Marketing Visitors]}], grants: [{name: a, namespaces: {names: [marketing]}, resources: [crm]}, {name: c, namespaces: {selector: {matchLabels: {team: marketing}, matchExpressions: [{key: team, operator: In, values: [a, b]}]}}}, {name: d, namespaces: {all: {}}, limits: {requestorScopes: [AllExternalUsers], approval: Optional, maxDuration: PT8H, unlimitedDuration: Allowed, adoption: Allowed, references: IdsOnly, deletion: [Delete, Orphan]}}]}",
            "{displayName: null, id: b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1, management: Observe}",
        ],
    },
    Made {
        kind: "AccessPackage",
        plural: "accesspackages",
        is_namespaced: true,
        example: "{catalogRef: {name: marketing}, displayName: Marketing Campaign Access}",
        tables: include_str!("../../../crds/access_package.rs"),
        full: &[
            "{description: Everything, hidden: true, adoption: ByName, deletionPolicy: Orphan, driftPolicy: Correct, management: Full, resourceRoles: [{resource: crm, role: Reader}, {resource: crm, role: Writer}]}",
            "{id: 56ff43fd-6b05-48df-9634-956a777fce6d, deletionPolicy: Orphan}",
        ],
    },
    Made {
        kind: "AssignmentPolicy",
        plural: "assignmentpolicies",
        is_namespaced: true,
        example: "{accessPackageRef: {name: marketing-campaign}, displayName: Marketing Campaign Policy, requestors: {scope: AllMemberUsers}, approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]}, expiration: {afterDuration: P90D}}",
        tables: include_str!("../../../crds/assignment_policy.rs"),
        full: &[
            "{description: Words, requestors: {scope: SpecificDirectoryUsers, targets: [{user: {mail: ann@contoso.com}}, {group: {uniqueName: marketing}}], selfService: {add: true, update: true, remove: true, customSchedule: true}, justification: Required}, approval: {requiredForUpdate: true, stages: [{approvers: [{group: {displayName: Approvers}}, {requestorManager: {level: 2}}], fallbackApprovers: [{user: {id: 7deff43e-1f17-44ef-9e5f-d516b0ba11d4}}], decisionTimeout: P5D, justification: Required, escalation: {after: P4D, approvers: [{requestorManager: {}}], fallbackApprovers: [{user: {userPrincipalName: bob@contoso.com}}]}}]}, expiration: {afterDateTime: \"2027-12-31T00:00:00Z\"}}",
            "{requestors: {scope: SpecificDirectoryServicePrincipals, targets: [{servicePrincipal: {appId: 22222222-3333-4444-5555-666666666666}}]}, approval: {notRequired: {}}, expiration: {never: {}}}",
        ],
    },
];

impl Made {
    /// The collection that its objects are in.
    fn collection(&self) -> String {
        if self.is_namespaced {
            format!("{GROUP}/namespaces/default/{}", self.plural)
        } else {
            format!("{GROUP}/{}", self.plural)
        }
    }

    /// An object with these fields instead of the example's, as `tests/crds` makes them.
    fn object(&self, name: &str, differences: &Map<String, Value>) -> Value {
        let mut spec = fields(self.example);
        for (field, value) in differences {
            if value.is_null() {
                spec.remove(field);
            } else {
                spec.insert(field.clone(), value.clone());
            }
        }
        json!({
            "apiVersion": "access.entra-operator.io/v1alpha1", "kind": self.kind,
            "metadata": {"name": name}, "spec": spec,
        })
    }
}

fn fields(yaml: &str) -> Map<String, Value> {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The texts in quotes of a Rust file, in order.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut characters = source.chars();
    while let Some(character) = characters.next() {
        if character != '"' {
            continue;
        }
        let mut literal = String::new();
        while let Some(character) = characters.next().filter(|character| *character != '"') {
            match character {
                '\\' => literal.extend(characters.next()),
                other => literal.push(other),
            }
        }
        found.push(literal);
    }
    found
}

/// What the tables vary: fields for an object, or before and after a change.
fn rows(tables: &str) -> Vec<Vec<Map<String, Value>>> {
    let mut rows: Vec<Vec<Map<String, Value>>> = Vec::new();
    let mut in_row = false;
    for literal in literals(tables) {
        let parsed = literal
            .starts_with('{')
            .then(|| serde_saphyr::from_str(&literal).ok())
            .flatten();
        match (parsed, in_row) {
            (Some(fields), true) => rows.last_mut().unwrap().push(fields),
            (Some(fields), false) => rows.push(vec![fields]),
            (None, _) => {}
        }
        in_row = literal.starts_with('{');
    }
    rows
}

#[test]
fn the_objects_of_the_tables_of_rules_are_taken_and_refused_alike() {
    let mut program = Program::new();
    for made in &MADE {
        for (number, row) in rows(made.tables).iter().enumerate() {
            let name = format!("row-{number}");
            let collection = made.collection();
            match row.as_slice() {
                [one] => program.push(post(&format!("{collection}?dryRun=All"), made.object(&name, one))),
                [before, after, ..] => {
                    let path = format!("{collection}/{name}");
                    let mut after = made.object(&name, after);
                    after["metadata"]["resourceVersion"] = "$RV".into();
                    program.push(post(&collection, made.object(&name, before)));
                    program.push(put(&path, after));
                    program.push(get(&path));
                    program.push(delete(&path));
                }
                [] => {}
            }
        }
    }
    assert!(program.len() > 200, "only {} rows were found", program.len());
    servers().play(&program);
}

/// Every way of altering one place of a value.
fn altered(value: &Value) -> Vec<Value> {
    let mut forms = Vec::new();
    alter(value, &mut |form| forms.push(form));
    forms
}

fn alter(value: &Value, tell: &mut dyn FnMut(Value)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let with = |form: Option<Value>| {
                    let mut fields = fields.clone();
                    match form {
                        Some(form) => fields.insert(name.clone(), form),
                        None => fields.remove(name),
                    };
                    Value::Object(fields)
                };
                tell(with(None));
                tell(with(Some(Value::Null)));
                alter(field, &mut |form| tell(with(Some(form))));
            }
            let mut more = fields.clone();
            more.insert("unheardOf".to_owned(), json!({"a": 1}));
            tell(Value::Object(more));
            tell(json!("text"));
            tell(json!([]));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                alter(item, &mut |form| {
                    let mut items = items.clone();
                    items[index] = form;
                    tell(Value::Array(items));
                });
            }
            tell(json!([]));
            tell(json!({}));
            tell(json!([null]));
            if let Some(first) = items.first() {
                tell(Value::Array(items.iter().chain([first]).cloned().collect()));
                tell(Value::Array(vec![first.clone(); 101]));
            }
        }
        Value::String(_) => {
            for form in [
                json!(""),
                json!(" "),
                json!("No such thing"),
                json!("x".repeat(2000)),
                json!(7),
                json!(true),
            ] {
                tell(form);
            }
            tell(json!({"a": "b"}));
        }
        Value::Bool(truth) => {
            for form in [json!(!truth), json!("true"), json!(1)] {
                tell(form);
            }
        }
        Value::Number(_) => {
            for form in [json!(0), json!(-1), json!(1.5), json!(1e12), json!("1")] {
                tell(form);
            }
        }
        Value::Null => {}
    }
}

fn alterations(made: &Made) -> Program {
    let mut seen = BTreeSet::new();
    let mut program = Program::new();
    for (strictness, full) in made
        .full
        .iter()
        .flat_map(|full| ["", "&fieldValidation=Strict"].map(|of| (of, full)))
    {
        let object = made.object("altered", &fields(full));
        for spec in altered(&object["spec"]) {
            let mut object = object.clone();
            object["spec"] = spec;
            let is_strange = object.to_string().contains("unheardOf");
            // Unknown fields are where strictness shows.
            if (strictness.is_empty() || is_strange) && seen.insert(format!("{strictness}{object}")) {
                program.push(post(&format!("{}?dryRun=All{strictness}", made.collection()), object));
            }
        }
    }
    program
}

#[test]
fn every_field_of_a_tenant_is_judged_alike() {
    servers().play(&alterations(&MADE[0]));
}

#[test]
fn every_field_of_a_catalog_is_judged_alike() {
    servers().play(&alterations(&MADE[1]));
}

#[test]
fn every_field_of_a_package_is_judged_alike() {
    servers().play(&alterations(&MADE[2]));
}

#[test]
fn every_field_of_a_policy_is_judged_alike() {
    servers().play(&alterations(&MADE[3]));
}
