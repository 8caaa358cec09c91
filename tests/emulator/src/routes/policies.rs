//! `assignmentPolicies`: made by POST, replaced whole by PUT.

use serde_json::{Value, json};

use super::{Answer, Call, Reply, reference};
use crate::caller::Need;
use crate::error::GraphError;
use crate::odata::filter::{Operator, Rules, Sort};
use crate::render::Shown;
use crate::schema::{self, is_guid};
use crate::store::{Kind, Object, Store, same, text};

const SHOWN: Shown = Shown::Stored(Kind::AssignmentPolicies);

pub(super) const RULES: Rules = Rules {
    type_name: "accessPackageAssignmentPolicy",
    rules: &[
        ("displayname", "/displayName", Sort::Exact, &[Operator::Eq]),
        ("id", "/id", Sort::CaseLess, &[Operator::Eq]),
        ("accesspackage/id", "/accessPackageId", Sort::CaseLess, &[Operator::Eq]),
    ],
    directory: false,
};

pub(super) fn serve(call: &mut Call<'_>, rest: &[&str]) -> Option<Answer> {
    Some(match (call.method, rest) {
        ("GET", []) => call
            .visible(Kind::AssignmentPolicies, |_| true)
            .and_then(|found| call.list(SHOWN, &RULES, found)),
        ("POST", []) => create(call),
        ("GET", [id]) => call
            .found(Kind::AssignmentPolicies, id, Need::Read)
            .and_then(|found| call.one(200, SHOWN, &found)),
        ("PUT", [id]) => replace(call, id),
        ("DELETE", [id]) => delete(call, id),
        _ => return None,
    })
}

/// Fills in what the service fills in: settings that were left out, the names of subjects, ids of questions and stages.
pub(crate) fn settle(store: &Store, policy: &mut Object) {
    for (name, default) in [
        ("expiration", json!({"type": "noExpiration"})),
        ("requestorSettings", json!({})),
        ("requestApprovalSettings", json!({"stages": []})),
        ("notificationSettings", json!({})),
        ("specificAllowedTargets", json!([])),
        ("allowedTargetScope", json!("notSpecified")),
    ] {
        if policy.get(name).is_none_or(Value::is_null) {
            policy.insert(name.to_owned(), default);
        }
    }
    let questions = policy
        .remove("questions")
        .and_then(|value| value.as_array().cloned())
        .unwrap_or_default();
    let questions: Vec<Value> = questions
        .into_iter()
        .filter_map(|question| {
            let mut question = question.as_object().cloned()?;
            schema::complete("accessPackageQuestion", &mut question);
            question.entry("id").or_insert_with(|| json!(store.ids.fresh()));
            Some(Value::Object(question))
        })
        .collect();
    policy.insert("questions".into(), json!(questions));
    let stages = policy
        .remove("customExtensionStageSettings")
        .and_then(|value| value.as_array().cloned())
        .unwrap_or_default();
    let stages: Vec<Value> = stages
        .iter()
        .map(|setting| {
            let id = setting
                .get("id")
                .and_then(Value::as_str)
                .map_or_else(|| store.ids.fresh(), str::to_owned);
            let extension = setting
                .pointer("/customExtension/id")
                .or_else(|| setting.get("customExtensionId"));
            json!({"id": id, "stage": setting.get("stage"), "customExtensionId": extension})
        })
        .collect();
    policy.insert("customExtensionStageSettings".into(), json!(stages));
    schema::complete("accessPackageAssignmentPolicy", policy);
    if let Some(schedule) = policy
        .get_mut("reviewSettings")
        .and_then(|review| review.get_mut("schedule"))
        .and_then(Value::as_object_mut)
        && schedule.get("startDateTime").is_none_or(Value::is_null)
    {
        schedule.insert("startDateTime".into(), json!(store.clock.text()));
    }
    for value in policy.values_mut() {
        describe(store, value);
    }
}

/// `description` of a subject is the directory's name for it.
fn describe(store: &Store, value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|element| describe(store, element)),
        Value::Object(object) => {
            let (kind, key) = match object.get("@odata.type").and_then(Value::as_str).unwrap_or_default() {
                "#microsoft.graph.singleUser" => (Kind::Users, "userId"),
                "#microsoft.graph.groupMembers" => (Kind::Groups, "groupId"),
                "#microsoft.graph.singleServicePrincipal" => (Kind::ServicePrincipals, "servicePrincipalId"),
                "#microsoft.graph.connectedOrganizationMembers" => {
                    (Kind::ConnectedOrganizations, "connectedOrganizationId")
                }
                _ => {
                    object.values_mut().for_each(|value| describe(store, value));
                    return;
                }
            };
            if let Some(name) = store
                .get(kind, text(object, key))
                .and_then(|found| found.get("displayName"))
                .cloned()
            {
                object.insert("description".into(), name);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the model cannot say about itself.
fn sense(call: &Call<'_>, policy: &Object, catalog: &str) -> Result<(), String> {
    if text(policy, "displayName").trim().is_empty() {
        return Err("displayName is missing".to_owned());
    }
    let word = |pointer: &str| {
        Value::Object(policy.clone())
            .pointer(pointer)
            .cloned()
            .unwrap_or_default()
    };
    let flag = |pointer: &str| word(pointer).as_bool() == Some(true);
    let stages = word("/requestApprovalSettings/stages").as_array().map_or(0, Vec::len);
    let required = flag("/requestApprovalSettings/isApprovalRequiredForAdd")
        || flag("/requestApprovalSettings/isApprovalRequiredForUpdate");
    if required && !(1..=3).contains(&stages) {
        return Err(format!(
            "approval is required and there are {stages} stages; 1 to 3 are possible"
        ));
    }
    match word("/expiration/type").as_str() {
        Some("afterDuration") if !word("/expiration/duration").is_string() => {
            return Err("expiration.duration is missing".to_owned());
        }
        Some("afterDateTime") if !word("/expiration/endDateTime").is_string() => {
            return Err("expiration.endDateTime is missing".to_owned());
        }
        _ => {}
    }
    if flag("/reviewSettings/isEnabled") && !word("/reviewSettings/schedule/recurrence/pattern").is_object() {
        return Err("reviewSettings.schedule.recurrence is missing".to_owned());
    }
    for setting in word("/customExtensionStageSettings").as_array().into_iter().flatten() {
        let id = setting
            .pointer("/customExtension/id")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let there = call
            .store
            .get(Kind::CustomWorkflowExtensions, id)
            .filter(|extension| same(text(extension, "catalogId"), catalog));
        let Some(extension) = there else {
            return Err(format!(
                "customExtensionStageSettings: no extension '{id}' in the package's catalog"
            ));
        };
        // What runs while a request is under way is another kind than what runs of an assignment; that the service refuses one
        // where the other belongs is unverified.
        let stage = setting.get("stage").and_then(Value::as_str).unwrap_or_default();
        let fits = if stage.to_lowercase().starts_with("assignmentrequest") {
            "accessPackageAssignmentRequestWorkflowExtension"
        } else {
            "accessPackageAssignmentWorkflowExtension"
        };
        if !text(extension, "@odata.type").ends_with(fits) {
            return Err(format!(
                "customExtensionStageSettings: extension '{id}' is none for {stage}"
            ));
        }
    }
    Ok(())
}

/// Whether a policy is of those for which guests must be billed to somebody: whom it means may be guests, and sponsors approve,
/// extensions run, or a rule assigns.
fn bills_guests(policy: &Object) -> bool {
    let scope = text(policy, "allowedTargetScope").to_lowercase();
    let may_be_guests = [
        "specificdirectoryusers",
        "specificconnectedorganizationusers",
        "alldirectoryusers",
        "allconfiguredconnectedorganizationusers",
        "allexternalusers",
    ];
    let approval = policy
        .get("requestApprovalSettings")
        .map(Value::to_string)
        .unwrap_or_default();
    let extensions = policy.get("customExtensionStageSettings").and_then(Value::as_array);
    may_be_guests.contains(&scope.as_str())
        && (approval.contains("Sponsors") || extensions.is_some_and(|list| !list.is_empty()) || automatic(policy))
}

/// Since 30 January 2026 (message center MC1225192); code, status and words are stand-ins.
fn billed(call: &Call<'_>, policy: &Object) -> Result<(), GraphError> {
    if call.quirks.guest_billing_not_linked && bills_guests(policy) {
        return Err(GraphError::stand_in(
            400,
            "GuestBillingRequired",
            "An Azure subscription must be linked for guest billing before this feature can be used with guests.",
        ));
    }
    Ok(())
}

fn automatic(policy: &Object) -> bool {
    policy
        .get("automaticRequestSettings")
        .is_some_and(|settings| settings.get("requestAccessForAllowedTargets").and_then(Value::as_bool) == Some(true))
}

/// The package that the body names, if the caller may give it policies.
fn package_of(call: &mut Call<'_>, body: &Object) -> Result<Object, GraphError> {
    let Some(package) = reference(body, "accessPackage") else {
        return call.senseless("accessPackage.id is missing");
    };
    if !is_guid(&package) {
        return Err(GraphError::malformed_id(&package));
    }
    let Some(package) = call.store.get(Kind::AccessPackages, &package).cloned() else {
        return Err(call.absent());
    };
    call.caller
        .allow(call.store, Need::Packages, Some(text(&package, "catalogId")))?;
    if automatic(body) && !call.caller.writes_all() {
        // More than a catalog role is needed (product documentation, "automatic assignment policy").
        return Err(GraphError::unauthorized());
    }
    Ok(package)
}

fn create(call: &mut Call<'_>) -> Answer {
    let mut policy = call.model("accessPackageAssignmentPolicy")?;
    let package = package_of(call, &policy)?;
    if let Err(why) = sense(call, &policy, text(&package, "catalogId")) {
        return call.senseless(why);
    }
    billed(call, &policy)?;
    policy.remove("accessPackage");
    policy.remove("catalog");
    policy.remove("@odata.type");
    settle(call.store, &mut policy);
    let (id, now) = (call.store.ids.fresh(), call.store.clock.text());
    policy.insert("id".into(), json!(id));
    policy.insert("createdDateTime".into(), json!(now));
    policy.insert("modifiedDateTime".into(), json!(now));
    policy.insert("accessPackageId".into(), json!(text(&package, "id")));
    let series = review_series(call.store, &policy, &Value::Null);
    policy.insert("reviewSeries".into(), series);
    call.store.insert(Kind::AssignmentPolicies, &id, policy.clone());
    call.one(201, SHOWN, &policy)
}

/// The series of reviews that a policy has: the same one as long as when it is reviewed stays the same, a new one where that
/// changes, none without reviews. Inferred from terraform-provider-azuread, "once an access review has been created you cannot
/// update its start date".
fn review_series(store: &Store, policy: &Object, before: &Value) -> Value {
    let review = policy.get("reviewSettings").unwrap_or(&Value::Null);
    if review["isEnabled"] != true {
        return Value::Null;
    }
    let when = json!([review["schedule"]["startDateTime"], review["schedule"]["recurrence"]]);
    if before["when"] == when {
        return before.clone();
    }
    json!({"id": store.ids.fresh(), "when": when})
}

/// The properties that the current update page calls required.
const REQUIRED: [&str; 5] = [
    "displayName",
    "allowedTargetScope",
    "accessPackage",
    "requestorSettings",
    "requestApprovalSettings",
];

fn replace(call: &mut Call<'_>, id: &str) -> Answer {
    let old = call.found(Kind::AssignmentPolicies, id, Need::Packages)?;
    let mut policy = call.model("accessPackageAssignmentPolicy")?;
    if let Some(missing) = REQUIRED.iter().find(|name| !policy.contains_key(**name)) {
        return call.senseless(format!("{missing} is missing: PUT replaces the whole policy"));
    }
    let package = package_of(call, &policy)?;
    if !same(text(&package, "id"), text(&old, "accessPackageId")) {
        return call.senseless("a policy cannot be moved to another access package");
    }
    if let Err(why) = sense(call, &policy, text(&package, "catalogId")) {
        return call.senseless(why);
    }
    billed(call, &policy)?;
    policy.remove("accessPackage");
    policy.remove("catalog");
    policy.remove("@odata.type");
    settle(call.store, &mut policy);
    policy.insert("id".into(), json!(text(&old, "id")));
    policy.insert(
        "createdDateTime".into(),
        old.get("createdDateTime").cloned().unwrap_or_default(),
    );
    policy.insert("modifiedDateTime".into(), json!(call.store.clock.text()));
    policy.insert("accessPackageId".into(), json!(text(&package, "id")));
    let before = old.get("reviewSeries").cloned().unwrap_or_default();
    let series = review_series(call.store, &policy, &before);
    policy.insert("reviewSeries".into(), series);
    let new = policy.clone();
    call.store.update(Kind::AssignmentPolicies, id, |policy| *policy = new);
    call.one(200, SHOWN, &policy)
}

fn delete(call: &mut Call<'_>, id: &str) -> Answer {
    call.found(Kind::AssignmentPolicies, id, Need::Packages)?;
    let held = call
        .store
        .all(Kind::Assignments)
        .any(|assignment| same(text(assignment, "assignmentPolicyId"), id) && crate::delivery::is_live(assignment));
    if held {
        return Err(GraphError::stand_in(
            400,
            "PolicyHasAssignments",
            "The policy cannot be deleted because assignments were made through it.",
        ));
    }
    call.store.remove(Kind::AssignmentPolicies, id);
    Reply::empty(204)
}
