use serde_json::{Value, json};

use super::*;
use crate::graph::AssignmentPolicy;

fn entra(patch: Value) -> Terms {
    let mut policy = json!({
        "id": "1", "displayName": "P", "allowedTargetScope": "allMemberUsers",
        "expiration": {"type": "afterDuration", "duration": "P90D"},
        "requestorSettings": {"enableTargetsToSelfAddAccess": true},
        "requestApprovalSettings": {"isApprovalRequiredForAdd": true, "stages": [
            {"primaryApprovers": [{"@odata.type": "#microsoft.graph.singleUser", "userId": "u"}]},
        ]},
    });
    for (field, value) in patch.as_object().unwrap() {
        policy[field] = value.clone();
    }
    let policy: AssignmentPolicy = serde_json::from_value(policy).unwrap();
    Terms::of_entra(&policy.fields)
}

fn approval(stages: Value) -> Consent {
    entra(json!({"requestApprovalSettings": {"isApprovalRequiredForAdd": true, "stages": stages}})).add
}

#[test]
fn what_a_spec_says_and_what_entra_then_has_are_the_same_terms() {
    let spec = serde_json::from_value(json!({
        "accessPackageRef": {"name": "p"}, "displayName": "P",
        "requestors": {"scope": "AllMemberUsers", "selfService": {"add": true}},
        "approval": {"stages": [{"approvers": [{"user": {"id": "u"}}]}]},
        "expiration": {"afterDuration": "P90D"},
    }))
    .unwrap();
    let mut written = Terms {
        wishes: None,
        ..Terms::of_spec(&spec, &[]).unwrap()
    };
    // What Entra has, no field says.
    if let Consent::Asked(stages) = &mut written.add {
        stages.iter_mut().flatten().for_each(|chosen| chosen.field = None);
    }
    assert_eq!(written, entra(json!({})));
}

#[test]
fn every_door_of_a_policy_of_entra_is_seen() {
    let cases = [
        (json!({"requestorSettings": {}}), vec![]),
        (
            json!({"requestorSettings": {"enableTargetsToSelfUpdateAccess": true}}),
            vec![Door::SelfUpdate],
        ),
        (
            json!({"requestorSettings": {"enableOnBehalfRequestorsToAddAccess": true,
                "enableOnBehalfRequestorsToUpdateAccess": true}}),
            vec![Door::OnBehalfAdd, Door::OnBehalfUpdate],
        ),
        (
            json!({"requestorSettings": null, "automaticRequestSettings": {"requestAccessForAllowedTargets": true}}),
            vec![Door::ByRule],
        ),
        (
            json!({"requestorSettings": null, "automaticRequestSettings": {}}),
            vec![Door::ByRule],
        ),
        (
            json!({"requestorSettings": null, "automaticRequestSettings": {"requestAccessForAllowedTargets": false}}),
            vec![],
        ),
    ];
    for (patch, doors) in cases {
        let words = patch.to_string();
        assert_eq!(entra(patch).doors, doors, "{words}");
    }
}

#[test]
fn an_approval_without_an_approver_asks_nobody_and_one_of_strangers_proves_nothing() {
    let bob = json!({"@odata.type": "#microsoft.graph.singleUser", "userId": "u"});
    let owners = json!({"@odata.type": "#microsoft.graph.whoeverIsAround"});
    assert_eq!(approval(json!([])), Consent::NotAsked);
    assert_eq!(approval(json!([{"primaryApprovers": []}])), Consent::NotAsked);
    let unknown = |consent| matches!(consent, Consent::Unknown(_));
    assert!(unknown(approval(json!([{"primaryApprovers": [owners]}]))));
    assert!(unknown(approval(json!([{"primaryApprovers": [bob, owners]}]))));
    assert!(unknown(approval(
        json!([{"primaryApprovers": [bob], "escalationApprovers": [owners]}])
    )));
    let second_is_known = json!([{"primaryApprovers": [owners]}, {"primaryApprovers": [bob]}]);
    assert!(matches!(approval(second_is_known), Consent::Asked(stages) if stages.len() == 1));
}

#[test]
fn an_end_that_is_not_told_is_none() {
    let lasting = |expiration: Value| entra(json!({"expiration": expiration})).lasting;
    assert_eq!(lasting(json!({"type": "notSpecified"})), Lasting::Never);
    assert_eq!(lasting(json!({"type": "noExpiration"})), Lasting::Never);
    for strange in [
        json!({"type": "afterDuration"}),
        json!({"type": "afterDuration", "duration": "P1Y"}),
        json!({"type": "afterDateTime", "endDateTime": null}),
        json!({"type": "afterReview"}),
    ] {
        assert!(matches!(lasting(strange.clone()), Lasting::Unknown(_)), "{strange}");
    }
}

#[test]
fn targets_of_an_unknown_kind_are_unknown_terms() {
    let terms = entra(json!({"specificAllowedTargets": [{"@odata.type": "#microsoft.graph.everybody"}]}));
    assert_eq!(
        terms.unknown,
        ["specificAllowedTargets[0] (#microsoft.graph.everybody)"],
        "told once"
    );
}
