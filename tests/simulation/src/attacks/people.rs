//! People: who comes in by which door, and what an administrator points at.

use std::collections::BTreeSet;

use graph_emulator::Tenant;
use serde_json::{Value, json};

use super::{
    deed::text,
    oracle::{Oracle, is_self_service},
};

/// An id that nothing has.
pub(super) const NOBODY: &str = "99999999-9999-4999-8999-999999999999";
/// Users of the world: members first, one guest.
const USERS: [&str; 5] = [
    "46184453-e63b-4f20-86c2-c557ed5d5df9",
    "57295564-f74c-4031-97d3-d668fe6e6e0a",
    "683a6675-085d-4142-a8e4-e77a0f7f7f1b",
    "794b7786-196e-4253-b9f5-f88b1a8a8a2c",
    "8a5c8897-2a7f-4364-8a06-a99c2b9b9b3d",
];
const MEMBERS: usize = 4;

/// Who asks, and by which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Which user, by number.
    pub who: usize,
    /// Which of the policies that let somebody ask, by number.
    pub door: usize,
}

/// All elements of a part of the tenant.
pub(super) fn all(entra: &Tenant, part: &str) -> Vec<Value> {
    match entra.part(part) {
        Some(Value::Array(elements)) => elements,
        Some(_) | None => Vec::new(),
    }
}

/// Packages that are in the hands of the team, by their ids.
fn packages(entra: &Tenant, oracle: &Oracle) -> BTreeSet<String> {
    let all = all(entra, "accessPackages");
    // Those that only ask something are left alone: what is done to one of them is no answer.
    let kept = all
        .iter()
        .filter(|package| !text(&package["displayName"]).starts_with("asks-"));
    let ids = kept.map(|package| text(&package["id"]).to_owned());
    ids.filter(|id| !oracle.is_foreign(id)).collect()
}

/// One of the packages in the team's hands.
pub(super) fn nth_package(entra: &Tenant, oracle: &Oracle, number: usize) -> Option<String> {
    let packages = packages(entra, oracle);
    packages.iter().nth(number % packages.len().max(1)).cloned()
}

/// One of the policies of these packages.
pub(super) fn nth_policy(entra: &Tenant, oracle: &Oracle, number: usize) -> Option<String> {
    let packages = packages(entra, oracle);
    let mut policies = all(entra, "assignmentPolicies");
    policies.retain(|policy| packages.contains(text(&policy["accessPackageId"])));
    let policy = policies.get(number % policies.len().max(1))?;
    Some(text(&policy["id"]).to_owned())
}

/// A role of the package, by its id.
pub(super) fn any_role(entra: &Tenant, package: &str) -> Option<String> {
    let scopes = all(entra, "resourceRoleScopes");
    let scope = scopes.iter().find(|scope| scope["accessPackageId"] == package)?;
    // The same role may stand in others: only one that stands in this one alone is taken out of it alone.
    let alone = scopes.iter().filter(|other| other["id"] == scope["id"]).count() == 1;
    alone.then(|| text(&scope["id"]).to_owned())
}

/// Whether anybody holds access by the policy.
pub(super) fn is_used(entra: &Tenant, policy: &str) -> bool {
    all(entra, "assignments")
        .iter()
        .any(|assignment| assignment["assignmentPolicyId"] == policy && assignment["state"] != "expired")
}

/// Whether the policy means this user.
fn means(policy: &Value, who: usize) -> bool {
    let is_member = who < MEMBERS;
    match text(&policy["allowedTargetScope"]) {
        "allMemberUsers" => is_member,
        "allDirectoryUsers" => true,
        "allExternalUsers" => !is_member,
        "specificDirectoryUsers" => {
            let sets = policy["specificAllowedTargets"].as_array().cloned().unwrap_or_default();
            sets.iter().any(|set| set["userId"] == USERS[who])
        }
        _ => false, // nobody of these
    }
}

/// Somebody asks by a door that is open to them, and has the package: approved where that takes an approval.
pub(super) fn come_in(entra: &Tenant, oracle: &Oracle, wish: Wish) -> bool {
    let who = wish.who % USERS.len();
    let packages = packages(entra, oracle);
    let doors: Vec<Value> = all(entra, "assignmentPolicies")
        .into_iter()
        .filter(|policy| packages.contains(text(&policy["accessPackageId"])))
        .filter(|policy| is_self_service(policy) && means(policy, who))
        .collect();
    let Some(policy) = doors.get(wish.door % doors.len().max(1)) else {
        return false;
    };
    let package = &policy["accessPackageId"];
    let has_it = all(entra, "assignments").iter().any(|held| {
        held["accessPackageId"] == *package && held["targetId"] == USERS[who] && held["state"] != "expired"
    });
    if has_it {
        return false;
    }
    let given = json!({"accessPackage": {"id": package}, "assignmentPolicy": {"id": policy["id"]},
        "target": USERS[who], "state": "delivered"});
    match entra.create("assignments", given) {
        Ok(made) => {
            oracle.came_in(text(&made["id"]), policy);
            true
        }
        Err(_) => false,
    }
}
