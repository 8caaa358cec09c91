//! `policies/roleManagementPolicyAssignments`: for how long Privileged Identity Management makes people eligible for a group.

use serde_json::{Value, json};

use super::{Answer, Call, Reply};
use crate::error::GraphError;
use crate::odata::page;
use crate::store::{Kind, same};

/// What suffices, least first ("List roleManagementPolicyAssignments", PIM for Groups).
const READ: &[&str] = &[
    "RoleManagementPolicy.Read.AzureADGroup",
    "RoleManagementPolicy.ReadWrite.AzureADGroup",
];
const COLLECTION: &str = "policies/roleManagementPolicyAssignments";

pub(super) fn serve(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    match (call.method, rest) {
        ("GET", ["roleManagementPolicyAssignments"]) => Some(list(call)),
        _ => None,
    }
}

fn list(call: &Call<'_>) -> Answer {
    if !call.caller.has_any(READ) {
        return Err(GraphError::denied());
    }
    let Some(scope) = call.query.filter.as_deref().and_then(group_of) else {
        return Err(GraphError::bad_request(
            "The filter must name scopeId and scopeType, such as scopeId eq '…' and scopeType eq 'Group'.",
        ));
    };
    let expands = |name: &str, of: &[crate::odata::expand::Expand]| of.iter().any(|one| one.name == name);
    for one in &call.query.expand {
        let unknown = one.expand.iter().find(|inner| inner.name != "rules");
        if one.name != "policy" || unknown.is_some() {
            let name = unknown.map_or(&one.name, |inner| &inner.name);
            return Err(GraphError::not_emulated(format!("$expand of {name} on {COLLECTION}")));
        }
    }
    let group = call.store.get(Kind::Groups, scope);
    let group = group.filter(|group| group.get("pim").and_then(Value::as_bool) == Some(true));
    let mut items = Vec::new();
    for role in group.iter().flat_map(|_| ["member", "owner"]) {
        let longest = group
            .and_then(|group| group.get("eligibleFor"))
            .filter(|longest| longest.is_string());
        let policy_id = format!("Group_{scope}_{role}");
        let mut item = json!({"id": format!("{policy_id}_{role}"), "policyId": policy_id, "scopeId": scope, "scopeType": "Group",
            "roleDefinitionId": role});
        if expands("policy", &call.query.expand) {
            item["policy"] = json!({"id": policy_id, "displayName": "Group", "scopeId": scope, "scopeType": "Group"});
            if call.query.expand.iter().any(|one| expands("rules", &one.expand)) {
                let rule = |id: &str, level: &str, is_required: bool, longest: Value| {
                    json!({"@odata.type": "#microsoft.graph.unifiedRoleManagementPolicyExpirationRule", "id": id,
                    "isExpirationRequired": is_required, "maximumDuration": longest,
                    "target": {"caller": "Admin", "operations": ["All"], "level": level, "inheritableSettings": [],
                        "enforcedSettings": []}})
                };
                // Another one comes first, as the service answers several.
                item["policy"]["rules"] = json!([
                    rule("Expiration_Admin_Assignment", "Assignment", true, json!("P15D")),
                    rule(
                        "Expiration_Admin_Eligibility",
                        "Eligibility",
                        longest.is_some(),
                        longest.cloned().unwrap_or_else(|| json!("P365D"))
                    ),
                ]);
            }
        }
        items.push(item);
    }
    let items = (1..).zip(items).collect();
    let page = page::cut(&call.query, call.quirks.page_size.unwrap_or(100), items)?;
    let here = format!("{}/{}", call.graph, call.raw_path);
    let context = format!("{}/$metadata#{COLLECTION}", call.graph);
    Ok(Reply {
        status: 200,
        body: Some(page::body(context, &here, &call.query, page)),
    })
}

/// The group of a filter that names both.
fn group_of(filter: &str) -> Option<&str> {
    let (first, second) = filter.split_once(" and ")?;
    let scope = literal(first, "scopeId").or_else(|| literal(second, "scopeId"))?;
    let kind = literal(second, "scopeType").or_else(|| literal(first, "scopeType"))?;
    same(kind, "Group").then_some(scope)
}

/// What a property is compared with.
fn literal<'a>(test: &'a str, property: &str) -> Option<&'a str> {
    let rest = test.trim().strip_prefix(property)?;
    rest.strip_prefix(" eq '")?.strip_suffix('\'')
}

#[cfg(test)]
mod tests {
    use super::group_of;

    #[test]
    fn the_filter_names_the_group_in_either_order() {
        assert_eq!(group_of("scopeId eq 'a' and scopeType eq 'Group'"), Some("a"));
        assert_eq!(group_of("scopeType eq 'Group' and scopeId eq 'a'"), Some("a"));
        assert_eq!(group_of("scopeId eq 'a' and scopeType eq 'DirectoryRole'"), None);
        assert_eq!(group_of("scopeId eq 'a'"), None);
    }
}
