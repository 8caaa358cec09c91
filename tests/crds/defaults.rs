//! Every default of every spec, in one place.

use entra_access_operator::api::custom_resource_definitions;
use serde_json::Value;

/// Calls `visit` with the path and the schema of every field below this object.
fn fields(node: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        visit(&path, field);
        fields(field, &path, visit);
        if let Some(items) = field.get("items") {
            fields(items, &format!("{path}[]"), visit);
        }
    }
}

fn of_all_specs(mut visit: impl FnMut(&str, &Value)) {
    for crd in custom_resource_definitions() {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        fields(spec, kind, &mut visit);
    }
}

/// A new line here is a decision: no default may widen who gets access, to what, or for how long.
#[test]
fn no_default_widens_access() {
    let mut found = Vec::new();
    of_all_specs(|path, field| {
        if let Some(default) = field.get("default") {
            found.push(format!("{path} {default}"));
        }
    });
    assert_eq!(
        found,
        [
            r#"EntraTenant.acknowledge {"cutsFrom":10,"grantsFrom":100}"#,
            r#"EntraTenant.acknowledge.cutsFrom 10"#,
            r#"EntraTenant.acknowledge.grantsFrom 100"#,
            r#"EntraTenant.cloud "Global""#,
            r#"EntraTenant.credentials.clientSecret.secretRef.key "clientSecret""#,
            r#"EntraTenant.driftInterval "PT10M""#,
            r#"EntraTenant.maxDeletionsPerHour 20"#,
            r#"EntraTenant.maxDeletionsPercent 25"#,
            r#"EntraTenant.mode "Enforce""#,
            r#"EntraTenant.requireAdmissionPolicy false"#,
            r#"Catalog.deletionPolicy "Orphan""#,
            r#"Catalog.grants[].limits {"adoption":"Denied","approval":"Required","automaticAssignment":"Denied","extension":"Approved","onBehalf":"Denied","references":"Any","unlimitedDuration":"Denied"}"#,
            r#"Catalog.grants[].limits.adoption "Denied""#,
            r#"Catalog.grants[].limits.approval "Required""#,
            r#"Catalog.grants[].limits.automaticAssignment "Denied""#,
            r#"Catalog.grants[].limits.extension "Approved""#,
            r#"Catalog.grants[].limits.onBehalf "Denied""#,
            r#"Catalog.grants[].limits.references "Any""#,
            r#"Catalog.grants[].limits.unlimitedDuration "Denied""#,
            r#"Catalog.grants[].onWithdrawal "Keep""#,
            r#"Catalog.grants[].suspended false"#,
            r#"Catalog.management "Full""#,
            r#"Catalog.resources[].attributes[].editable false"#,
            r#"Catalog.resources[].attributes[].keptAfterRemoval false"#,
            r#"Catalog.resources[].attributes[].question.choice.multiple false"#,
            r#"Catalog.resources[].attributes[].question.required false"#,
            r#"Catalog.resources[].attributes[].question.text.singleLine false"#,
            r#"Catalog.resources[].roleAssignable "Denied""#,
            r#"Catalog.tenantRef {"name":"default"}"#,
            r#"ConnectedOrganization.deletionPolicy "Orphan""#,
            r#"ConnectedOrganization.driftPolicy "Cautious""#,
            r#"ConnectedOrganization.management "Full""#,
            r#"ConnectedOrganization.tenantRef {"name":"default"}"#,
            r#"AccessPackage.adoption "Never""#,
            r#"AccessPackage.description """#,
            r#"AccessPackage.driftPolicy "Cautious""#,
            r#"AccessPackage.hidden false"#,
            r#"AccessPackage.management "Full""#,
            r#"AssignmentPolicy.adoption "Never""#,
            r#"AssignmentPolicy.approval.requiredForUpdate false"#,
            r#"AssignmentPolicy.approval.stages[].approverVisibility "Default""#,
            r#"AssignmentPolicy.approval.stages[].approvers[].requestorManager.level 1"#,
            r#"AssignmentPolicy.approval.stages[].approvers[].targetManager.level 1"#,
            r#"AssignmentPolicy.approval.stages[].decisionTimeout "P14D""#,
            r#"AssignmentPolicy.approval.stages[].escalation.approvers[].requestorManager.level 1"#,
            r#"AssignmentPolicy.approval.stages[].escalation.approvers[].targetManager.level 1"#,
            r#"AssignmentPolicy.approval.stages[].justification "NotRequired""#,
            r#"AssignmentPolicy.automatic.removeWhenNoLongerMatching true"#,
            r#"AssignmentPolicy.description """#,
            r#"AssignmentPolicy.driftPolicy "Cautious""#,
            r#"AssignmentPolicy.management "Full""#,
            r#"AssignmentPolicy.notifications.assignment "Enabled""#,
            r#"AssignmentPolicy.questions[].choice.multiple false"#,
            r#"AssignmentPolicy.questions[].editable false"#,
            r#"AssignmentPolicy.questions[].required false"#,
            r#"AssignmentPolicy.questions[].text.singleLine false"#,
            r#"AssignmentPolicy.requestors.justification "NotRequired""#,
            r#"AssignmentPolicy.requestors.onBehalf.add false"#,
            r#"AssignmentPolicy.requestors.onBehalf.remove false"#,
            r#"AssignmentPolicy.requestors.onBehalf.requestors[].targetManager.level 1"#,
            r#"AssignmentPolicy.requestors.onBehalf.update false"#,
            r#"AssignmentPolicy.requestors.selfService {"add":false,"customSchedule":false,"remove":false,"update":false}"#,
            r#"AssignmentPolicy.requestors.selfService.add false"#,
            r#"AssignmentPolicy.requestors.selfService.customSchedule false"#,
            r#"AssignmentPolicy.requestors.selfService.remove false"#,
            r#"AssignmentPolicy.requestors.selfService.update false"#,
            r#"AssignmentPolicy.review.justification "Required""#,
            r#"AssignmentPolicy.review.lasts "P14D""#,
            r#"AssignmentPolicy.review.recommendations true"#,
            r#"AssignmentPolicy.review.reviewers[].targetManager.level 1"#,
            r#"AssignmentPolicy.review.selfReview false"#,
        ]
    );
}

#[test]
fn every_default_is_told_where_the_field_is_explained() {
    of_all_specs(|path, field| {
        let description = field["description"].as_str().unwrap_or_default();
        assert!(
            field.get("default").is_none() || description.contains("Default"),
            "{path} has a default, but its description does not say so: {description}"
        );
    });
}

#[test]
fn every_field_that_must_be_there_says_so_where_it_is_explained() {
    for crd in custom_resource_definitions() {
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let mut objects = vec![("spec".to_owned(), spec)];
        while let Some((path, object)) = objects.pop() {
            for rule in object["x-kubernetes-validations"].as_array().into_iter().flatten() {
                let field = rule["fieldPath"].as_str().and_then(|path| path.strip_prefix('.'));
                let Some(field) = field.filter(|field| rule["rule"] == format!("has(self.{field})")) else {
                    continue;
                };
                let description = object["properties"][field]["description"].as_str().unwrap_or_default();
                assert!(description.contains("Required."), "{path}.{field}: {description}");
            }
            for (name, field) in object["properties"].as_object().into_iter().flatten() {
                objects.push((format!("{path}.{name}"), field));
                if let Some(items) = field.get("items") {
                    objects.push((format!("{path}.{name}[]"), items));
                }
            }
        }
    }
}

/// The rows of the section of `docs/defaults.md` that speaks of this kind: field and default.
fn documented(kind: &str) -> Vec<(String, String)> {
    let text = include_str!("../../docs/defaults.md");
    let section = text.split("\n## ").find(|section| section.starts_with(kind)).unwrap();
    section
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let field = cells.next()?.strip_suffix('`')?;
            Some((field.to_owned(), cells.next()?.to_owned()))
        })
        .collect()
}

#[test]
fn the_table_of_defaults_in_the_documentation_is_complete() {
    of_all_specs(|path, field| {
        let Some(default) = field.get("default").filter(|_| field["properties"].is_null()) else {
            return;
        };
        let (kind, path) = path.split_once('.').unwrap();
        let rows = documented(kind);
        let row = rows.iter().find(|(field, _)| match field.strip_prefix('…') {
            Some(end) => path.ends_with(end),
            None => field == path,
        });
        let (_, told) = row.unwrap_or_else(|| panic!("docs/defaults.md lacks {kind} {path}: {default}"));
        let expected = match default.as_str() {
            Some("") => "empty".to_owned(),
            Some(text) => format!("`{text}`"),
            None => format!("`{default}`"),
        };
        assert_eq!(*told, expected, "docs/defaults.md, {kind} {path}");
    });
}
