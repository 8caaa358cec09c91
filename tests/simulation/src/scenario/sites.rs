//! Resources of catalogs: a SharePoint site, which no list shows to an application, and what requestors are asked for the sake of one;
//! and what is only read for people to look at.

use serde_json::{Value, json};

use super::{
    Act, Scenario, Target,
    stories::{PACKAGE, all_with, catalog, namespace, package, policy, tenant, with},
};

const CATALOG: Target = Target {
    kind: "Catalog",
    namespace: None,
    name: "marketing",
};
const BOB: &str = "57295564-f74c-4031-97d3-d668fe6e6e0a";
const APPROVERS: &str = "46c6c5d1-f385-4791-b6e8-ddfefd7ed749";

fn site(role: &str) -> Value {
    json!({"name": "portal", "sharePointSite": {"url": "https://contoso.sharepoint.com/sites/marketing"}, "roles": [role]})
}

fn resources(of: &Value, more: &[Value]) -> Value {
    let mut all = of["spec"]["resources"].as_array().cloned().unwrap_or_default();
    all.extend_from_slice(more);
    json!({"spec": {"resources": all}})
}

fn handed_out(more: &[Value]) -> Value {
    let mut all = package()["spec"]["resourceRoles"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    all.extend_from_slice(more);
    json!({"spec": {"resourceRoles": all}})
}

/// Every scenario of it.
pub(super) fn scenarios() -> Vec<Scenario> {
    let visitors = json!({"resource": "portal", "role": "Marketing Visitors"});
    // The site comes with its role, leaves the package, and then the catalog.
    let mut sites: Vec<Act> = [
        namespace(),
        tenant(),
        with(catalog(), &resources(&catalog(), &[site("Marketing Visitors")])),
        with(package(), &handed_out(&[visitors])),
        policy(),
    ]
    .map(Act::Apply)
    .into();
    sites.extend([
        Act::AllReady,
        Act::Patch(PACKAGE, handed_out(&[])),
        Act::Settle,
        Act::Patch(CATALOG, resources(&catalog(), &[])),
        Act::AllReady,
    ]);
    // Approvers by id, a group of them, two packages that keep each other out: all of them are looked at, seldom.
    let apart = json!({"spec": {"incompatibleWith": {"accessPackages": [{"name": "audit"}]}}});
    let mut looked_at = all_with(with(package(), &apart));
    let audit = json!({"metadata": {"name": "audit"}, "spec": {"displayName": "Audit", "resourceRoles": []}});
    let deciders = json!({"spec": {"approval": {"stages": [{"approvers": [{"user": {"id": BOB}}, {"group": {"id": APPROVERS}}]}]}}});
    looked_at.extend([
        Act::Apply(with(package(), &audit)),
        Act::Apply(with(policy(), &deciders)),
        Act::AllReady,
        Act::Pass(std::time::Duration::from_secs(60 * 60)),
    ]);
    // What requestors are asked for the sake of an application: one question, another, none.
    let asking = |attributes: &Value| {
        let mut resources = catalog()["spec"]["resources"].as_array().cloned().unwrap_or_default();
        for resource in resources.iter_mut().filter(|resource| resource["name"] == "crm") {
            resource["attributes"] = attributes.clone();
        }
        json!({"spec": {"resources": resources}})
    };
    let asks = |prompt: &str| {
        json!([{"name": "extension_0f7c_costCenter", "keptAfterRemoval": true,
            "question": {"prompt": prompt, "required": true, "text": {"singleLine": true}}}])
    };
    let mut attributes: Vec<Act> = [
        namespace(),
        tenant(),
        with(catalog(), &asking(&asks("Which cost center pays?"))),
        package(),
        policy(),
    ]
    .map(Act::Apply)
    .into();
    attributes.extend([
        Act::AllReady,
        Act::Patch(CATALOG, asking(&asks("Whose money is it?"))),
        Act::Settle,
        Act::Patch(CATALOG, asking(&json!([]))),
        Act::AllReady,
    ]);
    let scenario = |name, acts| Scenario {
        name,
        acts,
        holds: &["package Marketing/Campaign "],
        lacks: &[],
    };
    vec![
        scenario("sites", sites),
        scenario("attributes", attributes),
        scenario("looked-at", looked_at),
    ]
}
