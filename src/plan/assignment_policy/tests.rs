use super::*;
use crate::graph::{
    AllowedTargetScope, AutomaticRequestSettings, Expiration, ExpirationKind, Question, QuestionAnswer, Read,
    Recurrence, ReviewExpirationBehavior, ReviewSchedule, ReviewSettings,
};
use crate::{
    api::{Applied, DriftPolicy},
    plan::{Base, Cause, Drift, Waits},
};

const CAUTIOUS: Drift = Drift {
    policy: DriftPolicy::Cautious,
    requested: false,
};

fn user(id: &str) -> SubjectSet {
    SubjectSet::SingleUser { user_id: id.into() }
}

fn fields() -> PolicyBody {
    PolicyBody {
        display_name: "Marketing Campaign Policy".into(),
        description: Some("words".into()),
        allowed_target_scope: AllowedTargetScope::AllMemberUsers,
        specific_allowed_targets: Vec::new(),
        expiration: Expiration {
            kind: ExpirationKind::AfterDuration,
            duration: Some("P90D".into()),
            end: None,
        },
        requestor_settings: RequestorSettings {
            enable_targets_to_self_add_access: true,
            ..RequestorSettings::default()
        },
        request_approval_settings: ApprovalSettings {
            is_approval_required_for_add: true,
            is_approval_required_for_update: false,
            is_requestor_justification_required: Some(false),
            stages: vec![ApprovalStage {
                duration_before_automatic_denial: Some("P14D".into()),
                primary_approvers: vec![user("a"), user("b")],
                ..ApprovalStage::default()
            }],
        },
        review_settings: None,
        automatic_request_settings: None,
        notification_settings: None,
        questions: Vec::new(),
        custom_extension_stage_settings: Vec::new(),
    }
}

fn rules(base: Base<'_>, drift: Drift) -> Rules<'_> {
    Rules {
        base,
        drift,
        limit: None,
        confirmed: true,
        waits: Waits::NONE,
    }
}

/// What is remembered after this was made.
fn applied(made: &PolicyBody) -> Applied {
    let plan = plan(made, &Found::Unborn, &rules(Base::none(), CAUTIOUS));
    crate::plan::applied(&plan.steps[0].memories)
}

fn plan_for(desired: &PolicyBody, observed: &PolicyBody, base: &Applied, drift: Drift) -> Plan<PolicyAct> {
    plan_from(desired, observed.clone().into(), base, drift)
}

fn plan_from(desired: &PolicyBody, observed: PolicyRead, base: &Applied, drift: Drift) -> Plan<PolicyAct> {
    let policy = AssignmentPolicy {
        id: "policy".into(),
        created: None,
        modified: None,
        access_package: None,
        fields: observed,
        whole: None,
    };
    plan(
        desired,
        &Found::Present(Box::new(policy)),
        &rules(Base::of(Some(base)), drift),
    )
}

#[test]
fn what_the_service_spells_otherwise_is_no_difference() {
    let desired = fields();
    let mut observed = fields();
    observed.request_approval_settings.stages[0].primary_approvers = vec![user("B"), user("A")];
    observed.request_approval_settings.stages[0].duration_before_escalation = Some("PT0S".into());
    observed.expiration.duration = Some("PT2160H".into());
    observed.request_approval_settings.is_requestor_justification_required = None;
    let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
    assert!(plan.is_quiet(), "{plan:?}");
}

#[test]
fn requests_switched_off_in_the_portal_stay_off_until_somebody_asks() {
    let desired = fields();
    let mut observed = fields();
    observed.requestor_settings.enable_targets_to_self_add_access = false;
    let held = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
    assert!(held.steps.is_empty());
    assert_eq!(
        held.held[0].0.differences[0].to_string(),
        "requestors.selfService.add: false -> true"
    );
    let asked = plan_for(
        &desired,
        &observed,
        &applied(&desired),
        Drift {
            requested: true,
            ..CAUTIOUS
        },
    );
    assert_eq!(asked.steps.len(), 1);
}

#[test]
fn of_an_end_that_has_passed_nothing_is_written_but_what_closes_with_the_end_that_entra_has() {
    let before = fields();
    let base = applied(&before);
    let mut after = fields();
    after.description = Some("new words".into());
    after.requestor_settings.enable_targets_to_self_add_access = false;
    after.expiration = Expiration {
        kind: ExpirationKind::AfterDateTime,
        duration: None,
        end: Some("2020-01-01T00:00:00Z".into()),
    };
    let past = Problem::new(Reason::InvalidSpec, "it has passed");
    let observed = Found::Present(Box::new(AssignmentPolicy {
        id: "policy".into(),
        created: None,
        modified: None,
        access_package: None,
        fields: before.clone().into(),
        whole: None,
    }));
    let rules = rules(Base::of(Some(&base)), CAUTIOUS);
    let ended = plan_ended(&after, &observed, &rules, &past);
    let PolicyAct::Replace(written) = &ended.steps[0].act else {
        panic!("{ended:?}");
    };
    assert!(!written.requestor_settings.enable_targets_to_self_add_access);
    assert_eq!(written.expiration, before.expiration);
    assert_eq!(written.description, before.description);
    let held: Vec<&str> = ended
        .held
        .iter()
        .flat_map(|(step, _)| &step.differences)
        .map(|difference| difference.path.as_str())
        .collect();
    assert_eq!(held, ["description", "expiration"]);
    assert!(ended.held.iter().all(|(_, hold)| *hold == Hold::Limit(past.clone())));
    // Nor is anything made, for the first time or anew.
    for absent in [Found::Unborn, Found::Gone { id: "policy".into() }] {
        assert!(plan_ended(&after, &absent, &rules, &past).steps.is_empty());
    }
}

#[test]
fn a_changed_description_does_not_reopen_what_somebody_closed() {
    let before = fields();
    let mut after = fields();
    after.description = Some("new words".into());
    let mut observed = fields();
    observed.requestor_settings.enable_targets_to_self_add_access = false;
    let plan = plan_for(&after, &observed, &applied(&before), CAUTIOUS);
    let PolicyAct::Replace(fields) = &plan.steps[0].act else {
        panic!("{plan:?}");
    };
    assert_eq!(plan.steps[0].differences.len(), 1);
    assert_eq!(fields.description.as_deref(), Some("new words"));
    assert!(!fields.requestor_settings.enable_targets_to_self_add_access);
    assert_eq!(plan.held.len(), 1);
}

#[test]
fn widening_drift_is_corrected_at_once() {
    let desired = fields();
    let mut observed = fields();
    observed.allowed_target_scope = AllowedTargetScope::AllDirectoryUsers;
    observed.request_approval_settings = ApprovalSettings::default();
    observed.expiration = Expiration {
        kind: ExpirationKind::NoExpiration,
        duration: None,
        end: None,
    };
    let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
    assert_eq!(plan.steps.len(), 1);
    assert!(plan.held.is_empty(), "{plan:?}");
}

#[test]
fn every_way_of_widening_is_recognised() {
    type Edit = fn(&mut PolicyBody);
    let narrower: [Edit; 6] = [
        |policy| policy.allowed_target_scope = AllowedTargetScope::NotSpecified,
        |policy| policy.requestor_settings.enable_targets_to_self_add_access = false,
        |policy| policy.expiration.duration = Some("P30D".into()),
        |policy| {
            let second = policy.request_approval_settings.stages[0].clone();
            policy.request_approval_settings.stages.push(second);
        },
        |policy| policy.request_approval_settings.is_approval_required_for_update = true,
        |policy| {
            policy.allowed_target_scope = AllowedTargetScope::SpecificDirectoryUsers;
            policy.specific_allowed_targets = vec![user("x")];
        },
    ];
    for (index, edit) in narrower.into_iter().enumerate() {
        let desired = fields();
        let mut observed = fields();
        edit(&mut observed);
        let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
        assert!(plan.steps.is_empty() && !plan.held.is_empty(), "case {index}: {plan:?}");
    }
}

#[test]
fn settings_that_the_spec_cannot_express_are_named_and_hold_every_write() {
    let before = fields();
    let mut after = fields();
    after.description = Some("new words".into());
    let mut observed = fields();
    observed.review_settings = Some(reviews());
    observed.questions = vec![question()];
    // Of a version that knew nothing of reviews.
    let base = crate::plan::applied(&[Memory::keep("description", "words")]);
    let plan = plan_for(&after, &observed, &base, CAUTIOUS);
    assert!(plan.steps.is_empty(), "{plan:?}");
    assert_eq!(
        plan.held[0].1,
        Hold::UnmanagedSettings(vec![
            "access reviews (reviewSettings)".into(),
            "questions to the requestor (questions)".into()
        ])
    );
    assert!(plan_for(&before, &observed, &base, CAUTIOUS).is_quiet());
}

fn question() -> Question {
    Question {
        id: Some("q".into()),
        is_required: true,
        is_answer_editable: false,
        sequence: 1,
        text: "Why?".into(),
        localizations: Vec::new(),
        answer: QuestionAnswer::Text {
            is_single_line: true,
            regex: None,
        },
    }
}

#[test]
fn questions_that_were_not_read_are_asked_for_before_anything_is_said() {
    let asked = PolicyBody {
        questions: vec![question()],
        ..fields()
    };
    let unread = PolicyRead {
        questions: Read::Unread,
        ..asked.clone().into()
    };
    let plan = plan_from(&asked, unread.clone(), &applied(&asked), CAUTIOUS);
    assert!(!plan.is_open, "it was confirmed");
    let rules = Rules {
        confirmed: false,
        ..rules(Base::none(), CAUTIOUS)
    };
    let open = |wanted: &PolicyBody| {
        let mut judge = Judge::new(rules);
        merge(wanted.clone(), &unread, &mut judge);
        judge.judgement().is_open
    };
    assert!(open(&asked));
    assert!(!open(&fields()), "whoever asks nothing need not look");
}

fn reviews() -> ReviewSettings {
    ReviewSettings {
        is_enabled: true,
        expiration_behavior: ReviewExpirationBehavior::RemoveAccess,
        is_recommendation_enabled: true,
        is_reviewer_justification_required: true,
        is_self_review: false,
        schedule: ReviewSchedule {
            start_date_time: None,
            expiration: Expiration {
                kind: ExpirationKind::AfterDuration,
                duration: Some("P14D".into()),
                end: None,
            },
            recurrence: Recurrence::EveryMonths(3).to_graph().unwrap(),
        },
        primary_reviewers: vec![user("a"), user("b")],
        fallback_reviewers: Vec::new(),
    }
}

fn reviewed() -> PolicyBody {
    PolicyBody {
        review_settings: Some(reviews()),
        ..fields()
    }
}

fn sent(plan: &Plan<PolicyAct>) -> &PolicyBody {
    match &plan.steps[0].act {
        PolicyAct::Replace(body) => body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_edit_elsewhere_keeps_the_series_of_reviews_as_it_began() {
    let before = reviewed();
    let after = PolicyBody {
        description: Some("new words".into()),
        ..reviewed()
    };
    let mut observed = reviewed();
    let begun = observed.review_settings.as_mut().unwrap();
    begun.schedule.start_date_time = Some("2026-01-01T00:00:00Z".into());
    begun.schedule.recurrence["pattern"]["dayOfMonth"] = 17.into();
    begun.schedule.expiration.duration = Some("PT336H".into());
    let series = observed.review_settings.clone();
    let plan = plan_for(&after, &observed, &applied(&before), CAUTIOUS);
    let written = sent(&plan).review_settings.clone().unwrap();
    assert_eq!(written.schedule, series.unwrap().schedule);
    assert!(plan_for(&before, &observed, &applied(&before), CAUTIOUS).is_quiet());
}

#[test]
fn a_review_that_somebody_adds_stays_and_one_that_somebody_takes_away_comes_back() {
    let added = plan_for(&fields(), &reviewed(), &applied(&fields()), CAUTIOUS);
    assert!(added.steps.is_empty());
    assert_eq!(added.held[0].1, Hold::Drift);
    let mut off = reviewed();
    off.review_settings.as_mut().unwrap().is_enabled = false;
    for observed in [fields(), off] {
        let removed = plan_for(&reviewed(), &observed, &applied(&reviewed()), CAUTIOUS);
        assert!(removed.held.is_empty());
        assert!(sent(&removed).review_settings.as_ref().unwrap().is_enabled);
    }
}

#[test]
fn a_review_that_leaves_the_spec_leaves_entra() {
    let plan = plan_for(&fields(), &reviewed(), &applied(&reviewed()), CAUTIOUS);
    assert_eq!(sent(&plan).review_settings, None);
    assert_eq!(plan.steps[0].differences[0].path, "review");
}

#[test]
fn a_reviewer_who_was_taken_out_in_the_portal_stays_out_and_the_rest_is_put_back() {
    let mut observed = reviewed();
    let review = observed.review_settings.as_mut().unwrap();
    review.primary_reviewers = vec![user("a")];
    review.expiration_behavior = ReviewExpirationBehavior::KeepAccess;
    let plan = plan_for(&reviewed(), &observed, &applied(&reviewed()), CAUTIOUS);
    assert_eq!(plan.held[0].0.differences[0].path, "review.reviewers");
    let written = sent(&plan).review_settings.clone().unwrap();
    assert_eq!(written.primary_reviewers, [user("a")]);
    assert_eq!(written.expiration_behavior, ReviewExpirationBehavior::RemoveAccess);
}

#[test]
fn a_rule_that_was_switched_off_in_the_portal_is_not_switched_on_again() {
    let by_rule = PolicyBody {
        allowed_target_scope: AllowedTargetScope::SpecificDirectoryUsers,
        specific_allowed_targets: vec![SubjectSet::AttributeRuleMembers { rule: "r".into() }],
        automatic_request_settings: Some(AutomaticRequestSettings {
            request_access_for_allowed_targets: Some(true),
            remove_access_when_target_leaves_allowed_targets: true,
            grace_period_before_access_removal: None,
        }),
        ..fields()
    };
    let mut observed = by_rule.clone();
    observed.automatic_request_settings = None;
    let plan = plan_for(&by_rule, &observed, &applied(&by_rule), CAUTIOUS);
    assert!(plan.steps.is_empty());
    let difference = &plan.held[0].0.differences[0];
    assert_eq!(
        (difference.path.as_str(), difference.stake.holders),
        ("automatic", Holders::HandsOut)
    );
}

#[test]
fn who_may_request_for_others_is_ours_only_where_the_spec_ever_said_so() {
    let mut observed = fields();
    observed.requestor_settings.enable_on_behalf_requestors_to_add_access = true;
    observed.requestor_settings.on_behalf_requestors = vec![SubjectSet::TargetManager { level: 1 }];
    let mut after = fields();
    after.description = Some("new words".into());
    let foreign = plan_for(&after, &observed, &crate::plan::applied(&[]), CAUTIOUS);
    assert!(matches!(foreign.held[0].1, Hold::UnmanagedSettings(_)));
    let ours = plan_for(&fields(), &observed, &applied(&observed), CAUTIOUS);
    let written = &sent(&ours).requestor_settings;
    assert!(!written.enable_on_behalf_requestors_to_add_access && written.on_behalf_requestors.is_empty());
}

#[test]
fn what_was_not_read_or_is_not_known_is_not_written_over() {
    let before = fields();
    let mut after = fields();
    after.description = Some("new words".into());
    let mut unread: PolicyRead = fields().into();
    unread.questions = crate::graph::Read::Unread;
    assert!(plan_from(&after, unread, &applied(&before), CAUTIOUS).steps.is_empty());
    let mut newer: PolicyRead = fields().into();
    newer.undeclared = vec!["verifiableCredentialSettings".into()];
    let plan = plan_from(&after, newer, &applied(&before), CAUTIOUS);
    assert!(plan.steps.is_empty());
    let problem = plan.held_problem("ask").unwrap();
    assert!(
        problem
            .what
            .contains("verifiableCredentialSettings, which this version does not know"),
        "{problem:?}"
    );
}

#[test]
fn who_decides_is_a_door_in_both_directions() {
    type Edit = fn(&mut ApprovalStage);
    let mut desired = fields();
    let stage = &mut desired.request_approval_settings.stages[0];
    stage.fallback_primary_approvers = vec![user("f")];
    stage.is_escalation_enabled = true;
    stage.duration_before_escalation = Some("P7D".into());
    stage.escalation_approvers = vec![user("e")];
    stage.is_approver_justification_required = false;
    // What somebody did in the portal, and whether putting it back is left to a person.
    let cases: [(&str, Edit, bool); 12] = [
        (
            "took an approver out",
            |stage| stage.primary_approvers = vec![user("a")],
            true,
        ),
        (
            "replaced an approver",
            |stage| stage.primary_approvers = vec![user("a"), user("s")],
            true,
        ),
        (
            "added an approver",
            |stage| stage.primary_approvers = vec![user("a"), user("b"), user("s")],
            false,
        ),
        (
            "took the fallback out",
            |stage| stage.fallback_primary_approvers.clear(),
            true,
        ),
        (
            "added a fallback",
            |stage| stage.fallback_primary_approvers = vec![user("f"), user("s")],
            false,
        ),
        (
            "switched the escalation off",
            |stage| stage.is_escalation_enabled = false,
            true,
        ),
        (
            "made the escalation later",
            |stage| stage.duration_before_escalation = Some("P10D".into()),
            true,
        ),
        (
            "made the escalation earlier",
            |stage| stage.duration_before_escalation = Some("P1D".into()),
            false,
        ),
        (
            "shortened the time to decide",
            |stage| stage.duration_before_automatic_denial = Some("P1D".into()),
            true,
        ),
        (
            "lengthened the time to decide",
            |stage| stage.duration_before_automatic_denial = Some("P28D".into()),
            false,
        ),
        (
            "asked approvers to say why",
            |stage| stage.is_approver_justification_required = true,
            true,
        ),
        (
            "added an escalation approver",
            |stage| stage.escalation_approvers = vec![user("e"), user("s")],
            false,
        ),
    ];
    for (what, edit, is_held) in cases {
        let mut observed = desired.clone();
        edit(&mut observed.request_approval_settings.stages[0]);
        let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
        assert_eq!(plan.steps.is_empty(), is_held, "{what}: {plan:?}");
        assert_eq!(
            plan.held.iter().any(|(_, hold)| *hold == Hold::Drift),
            is_held,
            "{what}: {plan:?}"
        );
        let differences = plan.steps.iter().chain(plan.held.iter().map(|(step, _)| step));
        assert!(
            differences
                .flat_map(|step| &step.differences)
                .all(|difference| difference.cause == Cause::Drift),
            "{what}"
        );
    }
}

#[test]
fn others_who_decide_are_others_however_much_alike_they_are() {
    let group = |id: &str| SubjectSet::GroupMembers { group_id: id.into() };
    let cases: [(&str, [SubjectSet; 2], [SubjectSet; 2]); 3] = [
        ("a user for a group", [user("a"), user("b")], [user("a"), group("b")]),
        (
            "the manager's manager for the manager",
            [user("a"), SubjectSet::RequestorManager { level: 1 }],
            [user("a"), SubjectSet::RequestorManager { level: 2 }],
        ),
        (
            "external sponsors for internal ones",
            [user("a"), SubjectSet::InternalSponsors],
            [user("a"), SubjectSet::ExternalSponsors],
        ),
    ];
    for (what, spec, portal) in cases {
        let mut desired = fields();
        desired.request_approval_settings.stages[0].primary_approvers = spec.to_vec();
        let mut observed = desired.clone();
        observed.request_approval_settings.stages[0].primary_approvers = portal.to_vec();
        let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
        assert!(plan.steps.is_empty(), "{what}: {plan:?}");
        assert_eq!(plan.held[0].1, Hold::Drift, "{what}");
    }
}

#[test]
fn stages_that_somebody_put_in_another_order_are_not_put_back() {
    let mut desired = fields();
    let second = ApprovalStage {
        primary_approvers: vec![user("c")],
        ..desired.request_approval_settings.stages[0].clone()
    };
    desired.request_approval_settings.stages.push(second);
    let mut observed = desired.clone();
    observed.request_approval_settings.stages.reverse();
    let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
    assert!(plan.steps.is_empty(), "{plan:?}");
    assert_eq!(plan.held.len(), 2);
}

#[test]
fn an_end_that_cannot_be_read_is_not_the_earliest() {
    let at = |end: Option<&str>| Expiration {
        kind: ExpirationKind::AfterDateTime,
        duration: None,
        end: end.map(str::to_owned),
    };
    let one = at(Some("2030-01-01T00:00:00Z"));
    assert!(!lasts_no_longer(&at(None), &one));
    assert!(!lasts_no_longer(&at(Some("soon")), &one));
    assert!(!lasts_no_longer(&one, &at(None)));
    // Fractions and offsets are no strings to be compared.
    assert!(lasts_no_longer(&at(Some("2030-01-01T00:00:00.5+01:00")), &one));
}

#[test]
fn an_approver_taken_out_in_the_portal_stays_out_while_the_rest_is_put_right() {
    let desired = fields();
    let mut observed = fields();
    observed.request_approval_settings.stages[0].primary_approvers = vec![user("a")];
    observed.request_approval_settings.stages[0].duration_before_automatic_denial = Some("P28D".into());
    let plan = plan_for(&desired, &observed, &applied(&desired), CAUTIOUS);
    let PolicyAct::Replace(body) = &plan.steps[0].act else {
        panic!("{plan:?}");
    };
    let stage = &body.request_approval_settings.stages[0];
    assert_eq!(stage.primary_approvers, [user("a")]);
    assert_eq!(stage.duration_before_automatic_denial.as_deref(), Some("P14D"));
}

#[test]
fn an_approver_taken_out_after_the_approval_was_written_as_one_thing_is_no_change_of_the_spec() {
    let mut before = fields();
    before.request_approval_settings = ApprovalSettings::default();
    let desired = fields();
    let mut remembered = applied(&before);
    let written = plan_for(&desired, &before, &remembered, CAUTIOUS);
    for memory in written.found.iter().chain(&written.steps[0].memories) {
        memory.enter(&mut remembered);
    }
    let mut observed = fields();
    observed.request_approval_settings.stages[0].primary_approvers = vec![user("a")];
    assert_eq!(
        plan_for(&desired, &observed, &remembered, CAUTIOUS).held[0].1,
        Hold::Drift
    );
}

#[test]
fn texts_that_the_service_trims_are_no_drift() {
    let mut desired = fields();
    desired.description = Some("two\r\nlines\n".into());
    let mut observed = fields();
    observed.description = Some("two\nlines".into());
    assert!(plan_for(&desired, &observed, &applied(&desired), CAUTIOUS).is_quiet());
}

#[test]
fn where_no_grant_allows_it_what_widens_is_held_and_what_closes_goes_ahead() {
    let before = fields();
    let mut after = fields();
    after.expiration.duration = Some("P365D".into());
    after.requestor_settings.enable_targets_to_self_add_access = false;
    let limit = crate::plan::Problem::new(Reason::LimitExceeded, "no grant");
    let policy = AssignmentPolicy {
        id: "policy".into(),
        created: None,
        modified: None,
        access_package: None,
        fields: before.clone().into(),
        whole: None,
    };
    let applied = applied(&before);
    let limited = Rules {
        limit: Some(&limit),
        ..rules(Base::of(Some(&applied)), CAUTIOUS)
    };
    let plan = plan(&after, &Found::Present(Box::new(policy)), &limited);
    let PolicyAct::Replace(body) = &plan.steps[0].act else {
        panic!("{plan:?}");
    };
    assert!(!body.requestor_settings.enable_targets_to_self_add_access);
    assert_eq!(body.expiration.duration.as_deref(), Some("P90D"));
    assert_eq!(plan.held[0].1, Hold::Limit(limit.clone()));
}
