//! The packages as Entra has them, drawn from the emulator's state: nothing of this comes from Kubernetes.

use serde_json::Value;

use crate::company::name_of;
use crate::screen::Screen;

/// A line of the tree and what hangs under it.
struct Node {
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn leaf(text: String) -> Self {
        Self {
            text,
            children: Vec::new(),
        }
    }
}

/// Every catalog but the built-in one.
pub(crate) fn draw(state: &Value, screen: &mut Screen) {
    for catalog in elements(state, "catalogs") {
        if catalog["catalogType"] == "serviceDefault" {
            continue;
        }
        let root = catalog_node(catalog, state, screen);
        screen.line(&format!("  {}", root.text));
        draw_children(&root.children, "  ", screen);
    }
}

fn draw_children(children: &[Node], indent: &str, screen: &mut Screen) {
    for (index, child) in children.iter().enumerate() {
        let last = index + 1 == children.len();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let lead = screen.dim(&format!("{indent}{branch}"));
        screen.line(&format!("{lead}{}", child.text));
        draw_children(&child.children, &format!("{indent}{below}"), screen);
    }
}

fn catalog_node(catalog: &Value, state: &Value, screen: &Screen) -> Node {
    let id = text(catalog, "id");
    let mut children: Vec<Node> = elements(state, "resources")
        .filter(|resource| resource["catalogId"] == id)
        .map(|resource| {
            let kind = resource_kind(text(resource, "originSystem"));
            Node::leaf(format!(
                "{} {} {}",
                screen.dim("resource"),
                text(resource, "displayName"),
                screen.dim(kind)
            ))
        })
        .collect();
    let packages = elements(state, "accessPackages").filter(|package| package["catalogId"] == id);
    children.extend(packages.map(|package| package_node(package, state, screen)));
    let name = screen.bold(text(catalog, "displayName"));
    Node {
        text: format!(
            "{} {name} {}",
            screen.dim("catalog"),
            screen.dim(text(catalog, "state"))
        ),
        children,
    }
}

fn package_node(package: &Value, state: &Value, screen: &Screen) -> Node {
    let id = text(package, "id");
    let scopes = elements(state, "resourceRoleScopes").filter(|scope| scope["accessPackageId"] == id);
    let mut children: Vec<Node> = scopes
        .map(|scope| {
            let origin = text(&scope["scope"], "originId");
            let resource = elements(state, "resources").find(|resource| text(resource, "originId") == origin);
            let resource = resource.map_or("?", |resource| text(resource, "displayName"));
            let role = text(&scope["role"], "displayName");
            Node::leaf(format!("{} {resource} {} {role}", screen.dim("role"), screen.dim("→")))
        })
        .collect();
    for group in package["incompatibleGroups"].as_array().into_iter().flatten() {
        let id = group.as_str().unwrap_or_else(|| text(group, "id"));
        children.push(Node::leaf(format!("{} {}", screen.dim("not with group"), name_of(id))));
    }
    for other in package["incompatibleAccessPackages"].as_array().into_iter().flatten() {
        let id = other.as_str().unwrap_or_else(|| text(other, "id"));
        let name = elements(state, "accessPackages").find(|package| package["id"] == id);
        let name = name.map_or(id, |package| text(package, "displayName"));
        children.push(Node::leaf(format!("{} {name}", screen.dim("not with package"))));
    }
    let policies = elements(state, "assignmentPolicies").filter(|policy| policy["accessPackageId"] == id);
    children.extend(policies.map(|policy| policy_node(policy, screen)));
    Node {
        text: format!(
            "{} {}",
            screen.dim("access package"),
            screen.bold(text(package, "displayName"))
        ),
        children,
    }
}

fn policy_node(policy: &Value, screen: &Screen) -> Node {
    let mut children = vec![Node::leaf(format!("{} {}", screen.dim("who     "), requestors(policy)))];
    let approval = &policy["requestApprovalSettings"];
    let stages = approval["stages"].as_array().map_or(&[][..], Vec::as_slice);
    if approval["isApprovalRequiredForAdd"] != true || stages.is_empty() {
        children.push(Node::leaf(format!("{} nobody is asked", screen.dim("approval"))));
    }
    for (index, stage) in stages.iter().enumerate() {
        let approvers = subjects(&stage["primaryApprovers"]);
        let within = duration(text(stage, "durationBeforeAutomaticDenial"));
        let number = if stages.len() > 1 {
            format!("stage {}: ", index + 1)
        } else {
            String::new()
        };
        let within = if within.is_empty() {
            String::new()
        } else {
            screen.dim(&format!("within {within}"))
        };
        children.push(Node::leaf(format!(
            "{} {number}{approvers} {within}",
            screen.dim("approval")
        )));
    }
    children.push(Node::leaf(format!(
        "{} {}",
        screen.dim("lasts   "),
        expiration(&policy["expiration"])
    )));
    for question in policy["questions"].as_array().into_iter().flatten() {
        let must = if question["isRequired"] == true {
            ""
        } else {
            " (may be left out)"
        };
        children.push(Node::leaf(format!(
            "{} {}{}",
            screen.dim("asks    "),
            text(question, "text"),
            screen.dim(must)
        )));
    }
    let review = &policy["reviewSettings"];
    if review["isEnabled"] == true {
        children.push(Node::leaf(format!("{} {}", screen.dim("review  "), reviews(review))));
    }
    Node {
        text: format!("{} {}", screen.dim("policy"), screen.bold(text(policy, "displayName"))),
        children,
    }
}

fn reviews(review: &Value) -> String {
    let pattern = &review["schedule"]["recurrence"]["pattern"];
    let every = match (text(pattern, "type"), pattern["interval"].as_u64()) {
        ("weekly", _) => "every week".to_owned(),
        (_, Some(1)) => "every month".to_owned(),
        (_, Some(months)) => format!("every {months} months"),
        (kind, None) => kind.to_owned(),
    };
    let who = if review["isSelfReview"] == true {
        "everybody for themselves".to_owned()
    } else {
        subjects(&review["primaryReviewers"])
    };
    let otherwise = match text(review, "expirationBehavior") {
        "removeAccess" => "undecided access ends",
        "keepAccess" => "undecided access stays",
        _ => "undecided: as recommended",
    };
    format!("{every} by {who}; {otherwise}")
}

fn requestors(policy: &Value) -> String {
    if policy["automaticRequestSettings"]["requestAccessForAllowedTargets"] == true {
        return "assigned automatically by a rule".to_owned();
    }
    let scope = match text(policy, "allowedTargetScope") {
        "notSpecified" => "nobody by themselves: direct assignment only",
        "specificDirectoryUsers" | "specificDirectoryServicePrincipals" | "specificConnectedOrganizationUsers" => {
            "these:"
        }
        "allMemberUsers" => "all members of the tenant",
        "allDirectoryUsers" => "all users of the tenant, guests too",
        "allConfiguredConnectedOrganizationUsers" => "all users of connected organizations",
        "allExternalUsers" => "anybody outside the tenant",
        other => other,
    };
    let targets = subjects(&policy["specificAllowedTargets"]);
    format!("{scope} {targets}").trim_end().to_owned()
}

fn subjects(set: &Value) -> String {
    let names = set.as_array().into_iter().flatten().map(|subject| {
        match text(subject, "@odata.type").trim_start_matches("#microsoft.graph.") {
            "requestorManager" | "targetManager" => "the requestor's manager".to_owned(),
            "internalSponsors" => "internal sponsors".to_owned(),
            "externalSponsors" => "external sponsors".to_owned(),
            "singleUser" => name_of(text(subject, "userId")),
            "connectedOrganizationMembers" => format!("people of {}", text(subject, "description")),
            "groupMembers" => format!("members of {}", name_of(text(subject, "groupId"))),
            other => other.to_owned(),
        }
    });
    names.collect::<Vec<_>>().join(" or ")
}

fn expiration(expiration: &Value) -> String {
    match text(expiration, "type") {
        "noExpiration" => "until taken away".to_owned(),
        "afterDateTime" => format!("until {}", text(expiration, "endDateTime")),
        _ => duration(text(expiration, "duration")),
    }
}

/// `P90D` as `90 days`; what is not a plain number of days or hours stays as it is.
fn duration(iso: &str) -> String {
    let counted = |prefix: &str, suffix: char, unit: &str| {
        let count: u32 = iso.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()?;
        Some(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
    };
    let known = counted("P", 'D', "day").or_else(|| counted("PT", 'H', "hour"));
    known.unwrap_or_else(|| iso.to_owned())
}

fn resource_kind(origin_system: &str) -> &'static str {
    match origin_system {
        "AadGroup" => "(group)",
        "AadApplication" => "(application)",
        "SharePointOnline" => "(SharePoint site)",
        "DirectoryRole" => "(directory role)",
        _ => "",
    }
}

fn elements<'a>(state: &'a Value, collection: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    state[collection].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn plain_durations_are_read_out_and_others_stay() {
        assert_eq!(duration("P90D"), "90 days");
        assert_eq!(duration("PT1H"), "1 hour");
        assert_eq!(duration("P1DT12H"), "P1DT12H");
    }
}
