//! Rules that assign by themselves, where the quirk `carriesOutRules` is on.

use serde_json::{Value, json};

use crate::delivery::{expire, is_live, open_schedule, seconds, subject};
use crate::schema::object;
use crate::store::{Kind, Object, Store, same, text};

/// People beyond this are silently left out (older pages of "Configure an automatic assignment policy").
const MOST: usize = 5_000;

/// Gives and takes what the rules say now.
pub(crate) fn carry_out(store: &mut Store) {
    let is_rule = |policy: &&Object| {
        policy
            .get("automaticRequestSettings")
            .is_some_and(|settings| settings["requestAccessForAllowedTargets"] == true)
    };
    let policies: Vec<Object> = store.all(Kind::AssignmentPolicies).filter(is_rule).cloned().collect();
    for policy in policies {
        assign(store, &policy);
    }
}

fn assign(store: &mut Store, policy: &Object) {
    let targets = policy.get("specificAllowedTargets").and_then(Value::as_array);
    let mut rules = targets
        .into_iter()
        .flatten()
        .filter_map(|target| target["membershipRule"].as_str());
    // A rule that is not understood here assigns nobody, and takes from nobody.
    let Some(rule) = rules.next().and_then(parse) else {
        return;
    };
    let users = store.all(Kind::Users).filter(|user| rule.holds(user));
    let matching: Vec<String> = users.map(|user| text(user, "id").to_owned()).take(MOST).collect();
    let of_policy = |assignment: &&Object| same(text(assignment, "assignmentPolicyId"), text(policy, "id"));
    let live: Vec<Object> = store
        .all(Kind::Assignments)
        .filter(|assignment| is_live(assignment))
        .filter(of_policy)
        .cloned()
        .collect();
    for user in &matching {
        let held = live.iter().find(|assignment| same(text(assignment, "targetId"), user));
        match held {
            None => give(store, policy, user),
            Some(held) if held.contains_key("graceUntil") => {
                store.update(Kind::Assignments, text(held, "id"), |assignment| {
                    assignment.remove("graceUntil");
                    assignment.insert("status".into(), json!("Delivered"));
                });
            }
            Some(_) => {}
        }
    }
    let settings = policy.get("automaticRequestSettings").cloned().unwrap_or_default();
    if settings["removeAccessWhenTargetLeavesAllowedTargets"] != true {
        return;
    }
    let grace = settings["gracePeriodBeforeAccessRemoval"]
        .as_str()
        .and_then(seconds)
        .unwrap_or_default();
    let left = live
        .iter()
        .filter(|assignment| !matching.iter().any(|user| same(user, text(assignment, "targetId"))));
    for assignment in left {
        let (id, now) = (text(assignment, "id"), store.now());
        match assignment.get("graceUntil").and_then(Value::as_i64) {
            Some(until) if until <= now => expire(store, id),
            Some(_) => {}
            None if grace == 0 => expire(store, id),
            None => {
                let until = now.saturating_add(grace.saturating_mul(1_000));
                store.update(Kind::Assignments, id, |assignment| {
                    assignment.insert("graceUntil".into(), json!(until));
                    assignment.insert("status".into(), json!("AutoAssignmentInGracePeriod"));
                });
            }
        }
    }
}

fn give(store: &mut Store, policy: &Object, user: &str) {
    let (id, now) = (store.ids.fresh(), store.clock.text());
    let assignment = object(
        json!({"id": id, "state": "delivered", "status": "Delivered", "expiredDateTime": null,
        "schedule": open_schedule(&now), "customExtensionCalloutInstances": [],
        "accessPackageId": text(policy, "accessPackageId"), "assignmentPolicyId": text(policy, "id"), "targetId": user,
        "target": subject(store, user)}),
    );
    store.insert(Kind::Assignments, &id, assignment);
}

/// A membership rule, as far as it is understood: comparisons with a text or a switch, and, or, not, parentheses.
#[derive(Debug, PartialEq)]
enum Rule {
    Is { property: String, how: How, value: String },
    And(Box<Rule>, Box<Rule>),
    Or(Box<Rule>, Box<Rule>),
    Not(Box<Rule>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Eq,
    Ne,
    StartsWith,
    Contains,
}

impl Rule {
    fn holds(&self, user: &Object) -> bool {
        match self {
            Self::And(one, other) => one.holds(user) && other.holds(user),
            Self::Or(one, other) => one.holds(user) || other.holds(user),
            Self::Not(rule) => !rule.holds(user),
            Self::Is { property, how, value } => {
                let own = match user.get(property) {
                    Some(Value::String(text)) => text.to_lowercase(),
                    Some(Value::Bool(flag)) => flag.to_string(),
                    Some(_) | None => "null".to_owned(),
                };
                let value = value.to_lowercase();
                match how {
                    How::Eq => own == value,
                    How::Ne => own != value,
                    How::StartsWith => own.starts_with(&value),
                    How::Contains => own.contains(&value),
                }
            }
        }
    }
}

fn tokens(text: &str) -> Option<Vec<String>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '(' | ')' => 1,
            '"' | '\'' => rest[1..].find(first)? + 2,
            _ => rest
                .find(|letter: char| letter.is_whitespace() || "()".contains(letter))
                .unwrap_or(rest.len()),
        };
        tokens.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    tokens.reverse();
    Some(tokens)
}

fn parse(text: &str) -> Option<Rule> {
    let mut tokens = tokens(text)?;
    let rule = either(&mut tokens)?;
    tokens.is_empty().then_some(rule)
}

fn takes(tokens: &mut Vec<String>, word: &str) -> bool {
    tokens
        .pop_if(|token| same(token.trim_start_matches('-'), word))
        .is_some()
}

fn either(tokens: &mut Vec<String>) -> Option<Rule> {
    let mut rule = both(tokens)?;
    while takes(tokens, "or") {
        rule = Rule::Or(Box::new(rule), Box::new(both(tokens)?));
    }
    Some(rule)
}

fn both(tokens: &mut Vec<String>) -> Option<Rule> {
    let mut rule = one(tokens)?;
    while takes(tokens, "and") {
        rule = Rule::And(Box::new(rule), Box::new(one(tokens)?));
    }
    Some(rule)
}

fn one(tokens: &mut Vec<String>) -> Option<Rule> {
    if takes(tokens, "not") {
        return Some(Rule::Not(Box::new(one(tokens)?)));
    }
    if takes(tokens, "(") {
        let rule = either(tokens)?;
        return takes(tokens, ")").then_some(rule);
    }
    let property = tokens.pop()?.strip_prefix("user.")?.to_owned();
    let how = match tokens.pop()?.trim_start_matches('-').to_lowercase().as_str() {
        "eq" => How::Eq,
        "ne" => How::Ne,
        "startswith" => How::StartsWith,
        "contains" => How::Contains,
        _ => return None,
    };
    let value = tokens.pop()?.trim_matches(['"', '\'']).to_owned();
    Some(Rule::Is { property, how, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_people_write_it_and_one_that_is_not_understood_is_none() {
        let ann = object(json!({"department": "Marketing", "userType": "Member", "accountEnabled": true}));
        for (rule, holds) in [
            ("(user.department -eq \"Marketing\")", Some(true)),
            ("user.department -ne 'marketing'", Some(false)),
            (
                "(user.department -eq \"Sales\") or (user.accountEnabled -eq true)",
                Some(true),
            ),
            (
                "(user.department -startsWith \"Mark\") -and not (user.userType -eq \"Guest\")",
                Some(true),
            ),
            ("(user.jobTitle -contains \"Head\")", Some(false)),
            ("(user.department -match \"M.*\")", None),
            ("(user.department -eq \"Marketing\"", None),
        ] {
            assert_eq!(parse(rule).map(|rule| rule.holds(&ann)), holds, "{rule}");
        }
    }
}
