//! What people do in My Access: they ask for a package, and those who are asked decide. Applications cannot do either.
//!
//! Somebody asks by `POST /state/assignmentRequests` of the control endpoint, with `requestor` (a user), `accessPackageId`, and where
//! it matters `assignmentPolicyId`, `answers` (by question id or text) and `justification`. Somebody decides by
//! `PATCH /state/assignmentRequests/ID` with `decision: {approver, approve}`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::delivery::{is_live, schedule_of, seconds, subject};
use crate::schema::object;
use crate::store::{Kind, Object, Store, ids, same, text};

type Outcome<T> = Result<T, String>;

/// Milliseconds until what was granted is delivered.
const DELIVERY: i64 = 200;

fn user(store: &Store, name: &str) -> Outcome<Object> {
    let found = store
        .all(Kind::Users)
        .find(|user| same(text(user, "id"), name) || same(text(user, "userPrincipalName"), name));
    let user = found.cloned().ok_or_else(|| format!("there is no user '{name}'"))?;
    if user.get("accountEnabled") == Some(&json!(false)) {
        return Err(format!("{name} may not sign in"));
    }
    Ok(user)
}

fn is_member_of(store: &Store, group: &str, person: &str) -> bool {
    let group = store.get(Kind::Groups, group);
    group.is_some_and(|group| ids(group, "members").iter().any(|member| same(member, person)))
}

/// Whether a subject of a policy's list is this person.
fn is_subject(store: &Store, subject: &Value, person: &Object) -> bool {
    let word = |name: &str| subject[name].as_str().unwrap_or_default();
    let id = text(person, "id");
    match word("@odata.type").trim_start_matches("#microsoft.graph.") {
        "singleUser" => same(word("userId"), id),
        "groupMembers" => is_member_of(store, word("groupId"), id),
        "connectedOrganizationMembers" => {
            let organization = store.get(Kind::ConnectedOrganizations, word("connectedOrganizationId"));
            organization.is_some_and(|organization| is_of(organization, person))
        }
        _ => false,
    }
}

/// Whether somebody comes from this organization, by the domain of their mail.
fn is_of(organization: &Object, person: &Object) -> bool {
    let domain = text(person, "mail")
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let sources = organization
        .get("identitySources")
        .map(Value::to_string)
        .unwrap_or_default();
    !domain.is_empty() && sources.to_lowercase().contains(&format!("\"{domain}\""))
}

fn is_guest(person: &Object) -> bool {
    text(person, "userType") == "Guest"
}

/// Whom a policy means, and whether it names them: one that does comes before one that means everybody (product documentation,
/// "Troubleshoot entitlement management").
fn means(store: &Store, policy: &Object, person: &Object) -> Option<Naming> {
    let targets = policy.get("specificAllowedTargets").and_then(Value::as_array);
    let named = || {
        targets
            .into_iter()
            .flatten()
            .any(|target| is_subject(store, target, person))
    };
    let configured = || {
        store
            .all(Kind::ConnectedOrganizations)
            .any(|organization| text(organization, "state") == "configured" && is_of(organization, person))
    };
    let (is_meant, naming) = match text(policy, "allowedTargetScope") {
        "specificDirectoryUsers" | "specificConnectedOrganizationUsers" => (named(), Naming::Specific),
        "allMemberUsers" => (!is_guest(person), Naming::General),
        "allDirectoryUsers" => (true, Naming::General),
        "allConfiguredConnectedOrganizationUsers" => (configured(), Naming::General),
        "allExternalUsers" => (is_guest(person), Naming::General),
        _ => (false, Naming::General),
    };
    is_meant.then_some(naming)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    Specific,
    General,
}

/// Whether whom this policy means come from outside, who see what is visible to them only.
fn is_external(policy: &Object) -> bool {
    matches!(
        text(policy, "allowedTargetScope"),
        "specificConnectedOrganizationUsers" | "allConfiguredConnectedOrganizationUsers" | "allExternalUsers"
    )
}

/// The policy by which somebody gets in.
fn policy_for(store: &Store, package: &Object, person: &Object, wanted: Option<&str>) -> Outcome<Object> {
    let catalog = store.get(Kind::Catalogs, text(package, "catalogId"));
    let catalog = catalog.ok_or("the package has no catalog")?;
    if text(catalog, "state") != "published" {
        return Err("the catalog is unpublished".to_owned());
    }
    let is_visible = catalog.get("isExternallyVisible") == Some(&json!(true));
    let is_open = |policy: &&Object| {
        let settings = policy.get("requestorSettings").unwrap_or(&Value::Null);
        settings["enableTargetsToSelfAddAccess"] == true && (is_visible || !is_external(policy))
    };
    let of_package = store
        .all(Kind::AssignmentPolicies)
        .filter(|policy| same(text(policy, "accessPackageId"), text(package, "id")));
    let meant: Vec<(Naming, &Object)> = of_package
        .filter(is_open)
        .filter_map(|policy| Some((means(store, policy, person)?, policy)))
        .collect();
    let is_specific = meant.iter().any(|(naming, _)| *naming == Naming::Specific);
    let mut serving = meant
        .into_iter()
        .filter(|(naming, _)| !is_specific || *naming == Naming::Specific)
        .map(|(_, policy)| policy)
        .filter(|policy| wanted.is_none_or(|wanted| same(wanted, text(policy, "id"))));
    let policy = serving.next().cloned();
    policy.ok_or_else(|| "no policy lets them request the package".to_owned())
}

/// Whether every question is answered that has to be. Patterns are not carried out.
fn answered(policy: &Object, given: &Object) -> Outcome<Vec<Value>> {
    let answers = given.get("answers").and_then(Value::as_object);
    let mut told = Vec::new();
    let questions = policy.get("questions").and_then(Value::as_array);
    for question in questions.into_iter().flatten() {
        let word = |name: &str| question[name].as_str().unwrap_or_default();
        let answer = answers.and_then(|answers| answers.get(word("id")).or_else(|| answers.get(word("text"))));
        let answer = answer.and_then(Value::as_str).filter(|answer| !answer.is_empty());
        match answer {
            None if question["isRequired"] == true => {
                return Err(format!("the question {:?} has no answer", word("text")));
            }
            None => {}
            Some(answer) => {
                let choices = question["choices"].as_array();
                let is_choice = |choices: &Vec<Value>| choices.iter().any(|choice| choice["actualValue"] == answer);
                if choices.is_some_and(|choices| !is_choice(choices)) {
                    return Err(format!("{answer:?} is no answer to {:?}", word("text")));
                }
                told.push(
                    json!({"@odata.type": "#microsoft.graph.accessPackageAnswerString", "value": answer,
                    "displayValue": answer, "answeredQuestion": question}),
                );
            }
        }
    }
    Ok(told)
}

/// Somebody asks for a package; answers the request's id.
pub(crate) fn ask(store: &mut Store, given: &Object) -> Outcome<String> {
    let person = user(store, text(given, "requestor"))?;
    let package = store.get(Kind::AccessPackages, text(given, "accessPackageId")).cloned();
    let package = package.ok_or("there is no such package")?;
    let wanted = given.get("assignmentPolicyId").and_then(Value::as_str);
    let policy = policy_for(store, &package, &person, wanted)?;
    let id = text(&person, "id").to_owned();
    let holds = |package: &str| {
        store.all(Kind::Assignments).any(|assignment| {
            same(text(assignment, "accessPackageId"), package)
                && same(text(assignment, "targetId"), &id)
                && is_live(assignment)
        })
    };
    if holds(text(&package, "id")) {
        return Err("they have the package already".to_owned());
    }
    if ids(&package, "incompatibleAccessPackages")
        .iter()
        .any(|other| holds(other))
        || ids(&package, "incompatibleGroups")
            .iter()
            .any(|group| is_member_of(store, group, &id))
    {
        return Err("they have what is incompatible with the package".to_owned());
    }
    let answers = answered(&policy, given)?;
    let approval = policy.get("requestApprovalSettings").cloned().unwrap_or_default();
    if approval["isRequestorJustificationRequired"] == true && text(given, "justification").is_empty() {
        return Err("the request says no reason".to_owned());
    }
    let stages = approval["stages"].as_array().cloned().unwrap_or_default();
    let is_approved = approval["isApprovalRequiredForAdd"] != true || stages.is_empty();
    let request_id = store.ids.fresh();
    // What the policy says now counts for the request, whatever becomes of the policy.
    let request = object(
        json!({"id": request_id, "requestType": "userAdd", "state": "pendingApproval",
        "status": "PendingApproval", "createdDateTime": store.clock.text(), "completedDateTime": null,
        "schedule": {"startDateTime": null, "recurrence": null,
            "expiration": {"endDateTime": null, "duration": null, "type": "notSpecified"}},
        "answers": answers, "justification": given.get("justification"), "customExtensionCalloutInstances": [],
        "accessPackageId": text(&package, "id"), "assignmentId": null, "targetObjectId": id,
        "requestor": subject(store, &id), "asked": {"policy": policy, "stages": stages, "stage": 0, "since": store.clock.text()}}),
    );
    store.insert(Kind::AssignmentRequests, &request_id, request);
    if is_approved {
        grant(store, &request_id);
    }
    Ok(request_id)
}

/// Makes the assignment that was asked for; it is delivered a moment later.
fn grant(store: &mut Store, request_id: &str) {
    let Some(request) = store.get(Kind::AssignmentRequests, request_id).cloned() else {
        return;
    };
    let policy = object(
        request
            .get("asked")
            .map(|asked| asked["policy"].clone())
            .unwrap_or_default(),
    );
    let (id, target) = (store.ids.fresh(), text(&request, "targetObjectId").to_owned());
    let assignment = object(
        json!({"id": id, "state": "delivering", "status": "Delivering", "expiredDateTime": null,
        "schedule": schedule_of(store.clock, &policy), "customExtensionCalloutInstances": [],
        "accessPackageId": text(&request, "accessPackageId"), "assignmentPolicyId": text(&policy, "id"),
        "targetId": target, "target": subject(store, &target)}),
    );
    store.insert(Kind::Assignments, &id, assignment);
    let due = store.now().saturating_add(DELIVERY);
    store.update(Kind::AssignmentRequests, request_id, |request| {
        request.insert("assignmentId".into(), json!(id));
        request.insert("state".into(), json!("submitted"));
        request.insert("status".into(), json!("Accepted"));
        request.insert("dueAt".into(), json!(due));
    });
}

/// Those of a list who can decide now.
fn deciders(store: &Store, list: &Value, person: &Object) -> Vec<String> {
    let manager = |level: i64| {
        let mut of = text(person, "managerId").to_owned();
        for _ in 1..level.max(1) {
            of = store
                .get(Kind::Users, &of)
                .map(|user| text(user, "managerId").to_owned())
                .unwrap_or_default();
        }
        of
    };
    let sponsors = |list: &str| -> Vec<String> {
        let organizations = store
            .all(Kind::ConnectedOrganizations)
            .filter(|organization| is_of(organization, person));
        organizations.flat_map(|organization| ids(organization, list)).collect()
    };
    let listed = list.as_array().into_iter().flatten();
    let found = listed.flat_map(|subject| {
        let word = |name: &str| subject[name].as_str().unwrap_or_default().to_owned();
        match word("@odata.type").trim_start_matches("#microsoft.graph.") {
            "singleUser" => vec![word("userId")],
            "groupMembers" => store
                .get(Kind::Groups, &word("groupId"))
                .map_or_else(Vec::new, |group| ids(group, "members")),
            "requestorManager" | "targetManager" => vec![manager(subject["managerLevel"].as_i64().unwrap_or(1))],
            "internalSponsors" => sponsors("internalSponsors"),
            "externalSponsors" => sponsors("externalSponsors"),
            _ => Vec::new(),
        }
    });
    let may_sign_in = |id: &String| {
        let user = store.get(Kind::Users, id);
        user.is_some_and(|user| user.get("accountEnabled") != Some(&json!(false)))
    };
    found.filter(may_sign_in).collect()
}

fn since(request: &Object) -> Option<Timestamp> {
    request.get("asked")?["since"].as_str()?.parse().ok()
}

/// Whether a duration has passed since the stage began.
fn has_passed(store: &Store, request: &Object, duration: &Value) -> bool {
    let length = duration.as_str().and_then(seconds).filter(|seconds| *seconds > 0);
    let end = since(request).zip(length);
    let end = end.and_then(|(since, length)| since.checked_add(SignedDuration::from_secs(length)).ok());
    end.is_some_and(|end| end <= store.clock.now())
}

/// Who can decide about a request now: the approvers of its stage, or their fallbacks where there is none; and once it is
/// escalated, those whom it is escalated to.
fn approvers(store: &Store, request: &Object) -> Vec<String> {
    let asked = request.get("asked").cloned().unwrap_or_default();
    let number = asked["stage"]
        .as_u64()
        .and_then(|stage| usize::try_from(stage).ok())
        .unwrap_or_default();
    let stage = asked["stages"][number].clone();
    let person = store
        .get(Kind::Users, text(request, "targetObjectId"))
        .cloned()
        .unwrap_or_default();
    let or_fallback = |list: &str, fallback: &str| {
        let first = deciders(store, &stage[list], &person);
        if first.is_empty() {
            deciders(store, &stage[fallback], &person)
        } else {
            first
        }
    };
    let mut all = or_fallback("primaryApprovers", "fallbackPrimaryApprovers");
    let is_escalated =
        stage["isEscalationEnabled"] == true && has_passed(store, request, &stage["durationBeforeEscalation"]);
    if is_escalated {
        all.extend(or_fallback("escalationApprovers", "fallbackEscalationApprovers"));
    }
    // Nobody decides about themselves.
    all.retain(|id| !same(id, text(request, "targetObjectId")));
    all
}

/// Somebody decides.
pub(crate) fn decide(store: &mut Store, request_id: &str, decision: &Value) -> Outcome<()> {
    let request = store.get(Kind::AssignmentRequests, request_id).cloned();
    let request = request.ok_or("there is no such request")?;
    if text(&request, "state") != "pendingApproval" {
        return Err(format!("the request is {}", text(&request, "state")));
    }
    let approver = user(store, decision["approver"].as_str().unwrap_or_default())?;
    let id = text(&approver, "id");
    if !approvers(store, &request).iter().any(|one| same(one, id)) {
        return Err(format!(
            "{} is none of those who decide",
            text(&approver, "displayName")
        ));
    }
    if decision["approve"] != true {
        deny(store, request_id, "Denied");
        return Ok(());
    }
    let asked = request.get("asked").cloned().unwrap_or_default();
    let next = asked["stage"].as_u64().unwrap_or_default().saturating_add(1);
    let count = asked["stages"].as_array().map_or(0, Vec::len);
    if usize::try_from(next).is_ok_and(|next| next >= count) {
        grant(store, request_id);
        return Ok(());
    }
    let now = store.clock.text();
    store.update(Kind::AssignmentRequests, request_id, |request| {
        if let Some(asked) = request.get_mut("asked") {
            asked["stage"] = json!(next);
            asked["since"] = json!(now);
        }
    });
    Ok(())
}

fn deny(store: &mut Store, request_id: &str, status: &str) {
    let now = store.clock.text();
    store.update(Kind::AssignmentRequests, request_id, |request| {
        request.insert("state".into(), json!("denied"));
        request.insert("status".into(), json!(status));
        request.insert("completedDateTime".into(), json!(now));
    });
}

/// Denies what nobody has decided about in time.
pub(crate) fn advance(store: &mut Store) {
    let is_late = |request: &&Object| {
        let asked = request.get("asked").unwrap_or(&Value::Null);
        let number = asked["stage"]
            .as_u64()
            .and_then(|stage| usize::try_from(stage).ok())
            .unwrap_or_default();
        text(request, "state") == "pendingApproval"
            && has_passed(
                store,
                request,
                &asked["stages"][number]["durationBeforeAutomaticDenial"],
            )
    };
    let late = store.all(Kind::AssignmentRequests).filter(is_late);
    let late: Vec<String> = late.map(|request| text(request, "id").to_owned()).collect();
    for id in late {
        deny(store, &id, "NotDecided");
    }
}
