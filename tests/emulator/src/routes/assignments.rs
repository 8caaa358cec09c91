//! `assignments` and the `assignmentRequests` that make and end them.

use serde_json::{Value, json};

use super::{Answer, Call, Reply, reference};
use crate::caller::Need;
use crate::delivery::{is_live, schedule_of, subject};
use crate::error::GraphError;
use crate::odata::filter::{Operator, Rules, Sort};
use crate::render::Shown;
use crate::schema::{is_guid, object};
use crate::store::{Kind, Object, same, text};

const SHOWN: Shown = Shown::Stored(Kind::Assignments);
const REQUEST: Shown = Shown::Stored(Kind::AssignmentRequests);

const EITHER: &[Operator] = &[Operator::Eq, Operator::Ne];

const RULES: Rules = Rules {
    type_name: "accessPackageAssignment",
    rules: &[
        ("accesspackage/id", "/accessPackageId", Sort::CaseLess, EITHER),
        ("assignmentpolicy/id", "/assignmentPolicyId", Sort::CaseLess, EITHER),
        ("target/objectid", "/target/objectId", Sort::CaseLess, &[Operator::Eq]),
        ("state", "/state", Sort::CaseLess, EITHER),
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

const ORDER: &[Operator] = &[Operator::Eq, Operator::Gt, Operator::Ge, Operator::Lt, Operator::Le];

const REQUEST_RULES: Rules = Rules {
    type_name: "accessPackageAssignmentRequest",
    rules: &[
        ("state", "/state", Sort::CaseLess, &[Operator::Eq]),
        ("createddatetime", "/createdDateTime", Sort::Date, ORDER),
        ("accesspackage/id", "/accessPackageId", Sort::CaseLess, &[Operator::Eq]),
        (
            "assignment/target/objectid",
            "/targetObjectId",
            Sort::CaseLess,
            &[Operator::Eq],
        ),
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

const SUBJECT_RULES: Rules = Rules {
    type_name: "accessPackageSubject",
    rules: &[
        ("objectid", "/objectId", Sort::CaseLess, &[Operator::Eq]),
        ("email", "/email", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

pub(super) fn serve(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    Some(match (call.method, rest) {
        ("GET", []) => list(call),
        ("GET", [function]) if function.starts_with("additionalAccess(") => additional_access(call, function),
        ("GET", [id]) if !id.contains('(') && !id.starts_with('$') => call
            .found(Kind::Assignments, id, Need::Read)
            .and_then(|found| call.one(200, SHOWN, &found)),
        ("POST", [id, "reprocess"]) => call.found(Kind::Assignments, id, Need::Assign).and_then(|_| {
            crate::delivery::settle(call.store);
            Reply::empty(202)
        }),
        _ => return None,
    })
}

fn list(call: &Call<'_>) -> Answer {
    let only = call.caller.allow_lists(call.store)?;
    let filter = call.filter(&RULES)?;
    if only.is_some() {
        // A caller with a catalog role must name the package (Microsoft Graph, "List assignments").
        let Some(package) = filter.as_ref().and_then(|filter| filter.requires("accessPackage/id")) else {
            return Err(GraphError::unauthorized());
        };
        call.found(Kind::AccessPackages, package, Need::Read)?;
    }
    let found = call.visible(Kind::Assignments, |_| true)?;
    call.list(SHOWN, &RULES, found)
}

/// `additionalAccess(accessPackageId='…',incompatibleAccessPackageId='…')`: the assignments of the first package whose holders
/// have the second one as well.
fn additional_access(call: &Call<'_>, function: &str) -> Answer {
    let argument = |name: &str| {
        let (_, rest) = function.split_once(&format!("{name}='"))?;
        rest.split_once('\'').map(|(value, _)| value)
    };
    let (Some(package), Some(other)) = (argument("(accessPackageId"), argument(",incompatibleAccessPackageId")) else {
        return Err(GraphError::bad_request(
            "additionalAccess takes accessPackageId and incompatibleAccessPackageId.",
        ));
    };
    call.found(Kind::AccessPackages, package, Need::Read)?;
    call.found(Kind::AccessPackages, other, Need::Read)?;
    let of =
        |assignment: &Object, package: &str| same(text(assignment, "accessPackageId"), package) && is_live(assignment);
    let holds_other = |assignment: &Object| {
        let holder = text(assignment, "targetId");
        !holder.is_empty()
            && call
                .store
                .all(Kind::Assignments)
                .any(|held| of(held, other) && same(text(held, "targetId"), holder))
    };
    let found = call.visible(Kind::Assignments, |assignment| {
        of(assignment, package) && holds_other(assignment)
    })?;
    call.list(SHOWN, &RULES, found)
}

pub(super) fn subjects(call: &mut Call<'_>) -> Option<Answer> {
    if call.method != "GET" {
        return None;
    }
    Some(call.caller.allow_tenant(false).and_then(|()| {
        let mut seen: Vec<Object> = Vec::new();
        for assignment in call.store.all(Kind::Assignments) {
            if let Some(target) = assignment.get("target").and_then(Value::as_object)
                && !seen.iter().any(|known| text(known, "id") == text(target, "id"))
            {
                seen.push(target.clone());
            }
        }
        call.list(Shown::Subject, &SUBJECT_RULES, (1..).zip(seen).collect())
    }))
}

pub(super) fn requests(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    Some(match (call.method, rest) {
        ("GET", []) => call
            .visible(Kind::AssignmentRequests, |_| true)
            .and_then(|found| call.list(REQUEST, &REQUEST_RULES, found)),
        ("POST", []) => create(call),
        ("GET", [id]) if !id.contains('(') && !id.starts_with('$') => call
            .found(Kind::AssignmentRequests, id, Need::Read)
            .and_then(|found| call.one(200, REQUEST, &found)),
        ("DELETE", [id]) => delete(call, id),
        ("POST", [id, "cancel"]) => cancel(call, id),
        ("POST", [id, "reprocess"]) => reprocess(call, id),
        _ => return None,
    })
}

fn open_request() -> GraphError {
    GraphError::new(400, "ExistingOpenRequest", "There is already an existing open request.")
}

fn create(call: &mut Call<'_>) -> Answer {
    let body = call.model("accessPackageAssignmentRequest")?;
    let given = body
        .get("assignment")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    match text(&body, "requestType") {
        "adminAdd" => add(call, &body, &given),
        kind @ ("adminRemove" | "adminUpdate") => {
            let kind = kind.to_owned();
            on_existing(call, &kind, &body, &given)
        }
        "userAdd" | "userUpdate" | "userRemove" | "onBehalfAdd" => {
            Err(GraphError::bad_request("No valid policy was found in the request."))
        }
        other => {
            let why = format!("requestType '{other}' cannot be made by a caller");
            call.senseless(why)
        }
    }
}

fn id_of(given: &Object, flat: &str, navigation: &str) -> Option<String> {
    given
        .get(flat)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .or_else(|| reference(given, navigation))
}

fn add(call: &mut Call<'_>, body: &Object, given: &Object) -> Answer {
    let (package, policy) = (
        id_of(given, "accessPackageId", "accessPackage"),
        id_of(given, "assignmentPolicyId", "assignmentPolicy"),
    );
    let (Some(package), Some(policy)) = (package, policy) else {
        return call.senseless("assignment needs accessPackageId and assignmentPolicyId");
    };
    let package = call.found(Kind::AccessPackages, &package, Need::Assign)?;
    let policy = call.found(Kind::AssignmentPolicies, &policy, Need::Assign)?;
    if !same(text(&policy, "accessPackageId"), text(&package, "id")) {
        return call.senseless("the policy belongs to another access package");
    }
    let named = given
        .get("target")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let object_id = given
        .get("targetId")
        .or_else(|| named.get("objectId"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    let (target_id, target) = match object_id {
        Some(id) if !is_guid(&id) => return Err(GraphError::malformed_id(&id)),
        Some(id) => {
            if call.store.principal(&id).is_none() {
                return Err(GraphError::not_found());
            }
            (id.to_lowercase(), subject(call.store, &id))
        }
        None => {
            let email = text(&named, "email").to_owned();
            if !email.contains('@') {
                return call.senseless("assignment needs targetId or target.email");
            }
            let known = call
                .store
                .all(Kind::Users)
                .find(|user| same(text(user, "mail"), &email))
                .map(|user| text(user, "id").to_owned());
            match known {
                Some(id) => (id.clone(), subject(call.store, &id)),
                None => (String::new(), subject(call.store, &email)),
            }
        }
    };
    let same_target = |assignment: &Object| {
        assignment.get("target").and_then(|other| other.get("id")) == target.get("id")
            && same(text(assignment, "accessPackageId"), text(&package, "id"))
            && is_live(assignment)
    };
    let held = call
        .store
        .all(Kind::Assignments)
        .find(|assignment| same_target(assignment))
        .cloned();
    if let Some(held) = held {
        let open = call
            .store
            .all(Kind::AssignmentRequests)
            .any(|request| same(text(request, "assignmentId"), text(&held, "id")) && request.contains_key("dueAt"));
        if open {
            return Err(open_request());
        }
        if same(text(&held, "assignmentPolicyId"), text(&policy, "id")) {
            return Err(GraphError::stand_in(
                409,
                "AssignmentExists",
                "The target already has this access package through this policy.",
            ));
        }
    }
    let groups_in_the_way = crate::store::ids(&package, "incompatibleGroups")
        .into_iter()
        .any(|group| {
            call.store.get(Kind::Groups, &group).is_some_and(|group| {
                crate::store::ids(group, "members")
                    .iter()
                    .any(|member| same(member, &target_id))
            })
        });
    let package_in_the_way = crate::store::ids(&package, "incompatibleAccessPackages")
        .into_iter()
        .any(|other| {
            call.store.all(Kind::Assignments).any(|assignment| {
                same(text(assignment, "accessPackageId"), &other)
                    && !target_id.is_empty()
                    && same(text(assignment, "targetId"), &target_id)
                    && is_live(assignment)
            })
        });
    if groups_in_the_way || package_in_the_way {
        return Err(GraphError::stand_in(
            400,
            "IncompatibleAccess",
            "The target has access that is incompatible with this access package.",
        ));
    }
    let (assignment_id, now) = (call.store.ids.fresh(), call.store.clock.text());
    let asked = body.get("schedule").filter(|schedule| {
        schedule
            .pointer("/expiration/type")
            .is_some_and(|kind| kind != "notSpecified")
    });
    let mut schedule = object(asked.cloned().unwrap_or_else(|| schedule_of(call.store.clock, &policy)));
    crate::schema::complete("entitlementManagementSchedule", &mut schedule);
    if schedule.get("startDateTime").is_none_or(Value::is_null) {
        schedule.insert("startDateTime".into(), json!(now));
    }
    let assignment = object(
        json!({"id": assignment_id, "state": "delivering", "status": "Delivering", "expiredDateTime": null,
        "schedule": schedule, "customExtensionCalloutInstances": [], "accessPackageId": text(&package, "id"),
        "assignmentPolicyId": text(&policy, "id"), "targetId": target_id, "target": target}),
    );
    call.store.insert(Kind::Assignments, &assignment_id, assignment.clone());
    submit(call, "adminAdd", body, &assignment)
}

fn on_existing(call: &mut Call<'_>, kind: &str, body: &Object, given: &Object) -> Answer {
    let id = text(given, "id").to_owned();
    if id.is_empty() {
        return call.senseless("assignment.id is missing");
    }
    let assignment = call.found(Kind::Assignments, &id, Need::Assign)?;
    let open = call
        .store
        .all(Kind::AssignmentRequests)
        .any(|request| same(text(request, "assignmentId"), &id) && request.contains_key("dueAt"));
    if open {
        return Err(open_request());
    }
    if !is_live(&assignment) {
        return Err(GraphError::stand_in(
            400,
            "AssignmentExpired",
            "The assignment has ended already.",
        ));
    }
    submit(call, kind, body, &assignment)
}

fn submit(call: &mut Call<'_>, kind: &str, body: &Object, assignment: &Object) -> Answer {
    let delay = i64::try_from(call.quirks.delivery_delay.unwrap_or(200)).unwrap_or(i64::MAX);
    let due = call.store.now().saturating_add(delay);
    let unset = json!({"startDateTime": null, "recurrence": null,
        "expiration": {"endDateTime": null, "duration": null, "type": "notSpecified"}});
    let mut schedule = object(
        body.get("schedule")
            .filter(|schedule| schedule.is_object())
            .cloned()
            .unwrap_or(unset),
    );
    crate::schema::complete("entitlementManagementSchedule", &mut schedule);
    let mut answers = body
        .get("answers")
        .filter(|answers| answers.is_array())
        .cloned()
        .unwrap_or_else(|| json!([]));
    for answer in answers
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        answer.entry("displayValue").or_insert(Value::Null);
        if let Some(question) = answer.get_mut("answeredQuestion").and_then(Value::as_object_mut) {
            crate::schema::complete("accessPackageQuestion", question);
        }
    }
    let id = call.store.ids.fresh();
    let target = assignment.get("target").cloned().unwrap_or_default();
    let request = object(
        json!({"id": id, "requestType": kind, "state": "submitted", "status": "Accepted",
        "createdDateTime": call.store.clock.text(), "completedDateTime": null, "schedule": schedule, "answers": answers,
        "justification": body.get("justification"), "customExtensionCalloutInstances": [],
        "accessPackageId": text(assignment, "accessPackageId"), "assignmentId": text(assignment, "id"),
        "targetObjectId": target.get("objectId"), "requestor": subject(call.store, &call.caller.object_id),
        "dueAt": due}),
    );
    call.store.insert(Kind::AssignmentRequests, &id, request.clone());
    call.one(201, REQUEST, &request)
}

fn is_done(request: &Object) -> bool {
    matches!(
        text(request, "state"),
        "delivered" | "denied" | "canceled" | "deliveryFailed" | "partiallyDelivered"
    )
}

/// Only a request that is done can be deleted, and not one whose assignment lives.
fn delete(call: &mut Call<'_>, id: &str) -> Answer {
    let request = call.found(Kind::AssignmentRequests, id, Need::Assign)?;
    if !is_done(&request) {
        return Err(GraphError::stand_in(
            400,
            "RequestNotCompleted",
            "Only a denied or completed request can be deleted.",
        ));
    }
    if call
        .store
        .get(Kind::Assignments, text(&request, "assignmentId"))
        .is_some_and(is_live)
    {
        return Err(GraphError::stand_in(
            400,
            "RequestHasAssignment",
            "The request cannot be deleted while it has an assignment.",
        ));
    }
    call.store.remove(Kind::AssignmentRequests, id);
    Reply::empty(204)
}

fn cancel(call: &mut Call<'_>, id: &str) -> Answer {
    let request = call.found(Kind::AssignmentRequests, id, Need::Assign)?;
    if is_done(&request) {
        return Err(GraphError::stand_in(
            400,
            "RequestCompleted",
            "A completed request cannot be canceled.",
        ));
    }
    if text(&request, "requestType") == "adminAdd" {
        call.store.remove(Kind::Assignments, text(&request, "assignmentId"));
    }
    let now = call.store.clock.text();
    call.store.update(Kind::AssignmentRequests, id, |request| {
        request.remove("dueAt");
        request.insert("state".into(), json!("canceled"));
        request.insert("status".into(), json!("Canceled"));
        request.insert("completedDateTime".into(), json!(now));
    });
    Reply::empty(204)
}

fn reprocess(call: &mut Call<'_>, id: &str) -> Answer {
    let request = call.found(Kind::AssignmentRequests, id, Need::Assign)?;
    if !matches!(text(&request, "state"), "deliveryFailed" | "partiallyDelivered") {
        return Err(GraphError::stand_in(
            400,
            "RequestNotReprocessable",
            "Only a request that failed or was partly delivered can be reprocessed.",
        ));
    }
    let due = call.store.now();
    call.store.update(Kind::AssignmentRequests, id, |request| {
        request.insert("dueAt".into(), json!(due));
    });
    Reply::empty(202)
}
