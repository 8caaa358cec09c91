//! The list of drift directions is written from runs of each kind's `merge` over samples. A field that is compared and has
//! no sample fails.

use std::{collections::BTreeSet, fs};

use entra_access_operator::{
    api::DriftPolicy,
    graph::{
        AccessPackage, AllowedTargetScope, ApprovalSettings, ApprovalStage, AutomaticRequestSettings, Catalog,
        CatalogState, ConnectedOrganization, ConnectedOrganizationState, Expiration, ExpirationKind, ExtensionKind,
        ExtensionStage, NotificationSettings, PolicyBody, Question, QuestionAnswer, Read, Recurrence,
        RequestorSettings, ResourceAttribute, ReviewExpirationBehavior, ReviewSchedule, ReviewSettings, SponsorList,
        StageSetting, SubjectSet,
    },
    plan::{
        Base, Cause, Difference, Direction, Door, Drift, Holders, Judge, Memory, Record, Rules, Waits,
        access_package::{self, DesiredIncompatible, DesiredPackage},
        assignment_policy,
        catalog::{self, DesiredCatalog, DesiredRoles},
        connected_organization::{self, DesiredOrganization},
        drift::Verdict,
    },
};

use crate::text;

const PLACE: &str = "docs/drift.md";
const BEGIN: &str = "<!-- Written from the `merge` of each kind in src/plan; do not edit. -->\n";
const END: &str = "<!-- End of what is written from src/plan. -->\n";
const WRITE: &str = "cargo test --test docs write_the_directions -- --ignored";

fn rules(base: Base<'_>) -> Rules<'_> {
    Rules {
        base,
        drift: Drift {
            policy: DriftPolicy::Cautious,
            requested: false,
        },
        limit: None,
        confirmed: true,
        waits: Waits::NONE,
    }
}

/// What a kind's comparisons showed: each pair of samples in both directions.
fn compared<S>(samples: &[(S, S)], base: Base<'_>, merge: impl Fn(&S, &S, &mut Judge<'_>)) -> Record {
    let mut all = Record::default();
    let both = samples
        .iter()
        .flat_map(|(one, other)| [(one, other), (other, one), (one, one)]);
    for (before, after) in both {
        let mut judge = Judge::recording(rules(base));
        merge(after, before, &mut judge);
        let Record {
            directions,
            fields,
            unmanaged,
        } = judge.record();
        for direction in directions {
            if !all.directions.contains(&direction) {
                all.directions.push(direction);
            }
        }
        all.fields.extend(fields);
        all.unmanaged.extend(unmanaged);
    }
    all
}

/// Pairs of samples that differ in one thing each.
fn pairs<S: Clone>(base: &S, edits: &[fn(&mut S)]) -> Vec<(S, S)> {
    edits
        .iter()
        .map(|edit| {
            let mut other = base.clone();
            edit(&mut other);
            (base.clone(), other)
        })
        .collect()
}

fn catalogs() -> Record {
    let base = DesiredCatalog {
        display_name: Some("Marketing".into()),
        description: Some("words".into()),
        state: Some(CatalogState::Published),
        externally_visible: Some(true),
        resources: Vec::new(),
        unresolved: Vec::new(),
        roles: DesiredRoles::default(),
    };
    let samples = pairs(
        &base,
        &[
            |one| one.display_name = Some("Other".into()),
            |one| one.description = Some("other words".into()),
            |one| one.state = Some(CatalogState::Unpublished),
            |one| one.externally_visible = Some(false),
        ],
    );
    let mut record = compared(&samples, Base::none(), |after, before, judge| {
        let before = Catalog {
            id: "catalog".into(),
            display_name: before.display_name.clone().unwrap(),
            description: before.description.clone(),
            catalog_type: None,
            state: before.state.clone(),
            externally_visible: before.externally_visible.unwrap(),
            created: None,
        };
        catalog::merge(after, &before, judge);
    });
    let asked = |is_required| ResourceAttribute::Asked {
        name: "jobTitle".into(),
        is_editable: false,
        is_persisted: false,
        question: Question {
            id: None,
            is_required,
            is_answer_editable: false,
            sequence: 1,
            text: "Title?".into(),
            localizations: Vec::new(),
            answer: QuestionAnswer::Text {
                is_single_line: true,
                regex: None,
            },
        },
    };
    let attributes = [(vec![asked(true)], vec![asked(false)])];
    let of_attributes = compared(&attributes, Base::none(), |after, before, judge| {
        catalog::merge_attributes("crm", after.clone(), before, judge);
    });
    record.fields.extend(of_attributes.fields);
    record.directions.extend(of_attributes.directions);
    let set = catalog::role_set(false);
    record.fields.insert(set.path.to_owned());
    record.directions.extend(set.directions("leads (CatalogReader of ann)"));
    record
}

fn organizations() -> Record {
    let base = DesiredOrganization {
        display_name: Some("Fabrikam".into()),
        description: Some("words".into()),
        state: Some(ConnectedOrganizationState::Configured),
        identity_source: None,
        internal_sponsors: None,
        external_sponsors: None,
    };
    let samples = pairs(
        &base,
        &[
            |one| one.display_name = Some("Other".into()),
            |one| one.description = Some("other words".into()),
            |one| one.state = Some(ConnectedOrganizationState::Proposed),
        ],
    );
    let mut record = compared(&samples, Base::none(), |after, before, judge| {
        let before = ConnectedOrganization {
            id: "organization".into(),
            display_name: before.display_name.clone().unwrap(),
            description: before.description.clone(),
            state: before.state.clone(),
            identity_sources: Vec::new(),
            created: None,
            internal_sponsors: Read::Unread,
            external_sponsors: Read::Unread,
        };
        connected_organization::merge(after, &before, judge);
    });
    for list in [SponsorList::Internal, SponsorList::External] {
        let set = connected_organization::sponsor_set(list);
        record.fields.insert(set.path.to_owned());
        record.directions.extend(set.directions("ann@contoso.com"));
    }
    record
}

fn packages() -> Record {
    let base = DesiredPackage {
        catalog: "catalog".into(),
        display_name: "Campaign".into(),
        description: "words".into(),
        hidden: false,
        roles: Vec::new(),
        unresolved: Vec::new(),
        incompatible: DesiredIncompatible::default(),
        offered: BTreeSet::new(),
        site_roles_are_told: true,
        reads_may_be_late: false,
    };
    let samples = pairs(
        &base,
        &[
            |one| one.display_name = "Other".into(),
            |one| one.description = "other words".into(),
            |one| one.hidden = true,
        ],
    );
    let mut record = compared(&samples, Base::none(), |after, before, judge| {
        let before = AccessPackage {
            id: "package".into(),
            display_name: before.display_name.clone(),
            description: Some(before.description.clone()),
            hidden: before.hidden,
            created: None,
            catalog: None,
            resource_role_scopes: Read::Unread,
            policies: Read::Unread,
            incompatible_packages: Read::Unread,
            incompatible_groups: Read::Unread,
        };
        access_package::merge(after, &before, judge);
    });
    for (set, member) in [
        (access_package::role_set(false), "crm/Reader"),
        (access_package::incompatible_set(false), "package finance/payments"),
    ] {
        record.fields.insert(set.path.to_owned());
        record.directions.extend(set.directions(member));
    }
    record
}

fn user(name: &str) -> SubjectSet {
    SubjectSet::SingleUser { user_id: name.into() }
}

fn a_policy() -> PolicyBody {
    let stage = ApprovalStage {
        duration_before_automatic_denial: Some("P14D".into()),
        primary_approvers: vec![user("ann"), user("bob")],
        fallback_primary_approvers: vec![user("fay")],
        is_escalation_enabled: true,
        duration_before_escalation: Some("P7D".into()),
        escalation_approvers: vec![user("eve")],
        ..ApprovalStage::default()
    };
    PolicyBody {
        display_name: "Campaign".into(),
        description: Some("words".into()),
        allowed_target_scope: AllowedTargetScope::AllMemberUsers,
        specific_allowed_targets: Vec::new(),
        expiration: Expiration {
            kind: ExpirationKind::AfterDuration,
            duration: Some("P90D".into()),
            end: None,
        },
        requestor_settings: RequestorSettings::default(),
        request_approval_settings: ApprovalSettings {
            is_approval_required_for_add: true,
            is_approval_required_for_update: false,
            is_requestor_justification_required: Some(false),
            stages: vec![stage],
        },
        review_settings: None,
        automatic_request_settings: None,
        notification_settings: None,
        questions: Vec::new(),
        custom_extension_stage_settings: Vec::new(),
    }
}

fn stage(policy: &mut PolicyBody) -> &mut ApprovalStage {
    &mut policy.request_approval_settings.stages[0]
}

fn reviewed() -> ReviewSettings {
    ReviewSettings {
        is_enabled: true,
        expiration_behavior: ReviewExpirationBehavior::AcceptAccessRecommendation,
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
        primary_reviewers: vec![user("ann")],
        fallback_reviewers: Vec::new(),
    }
}

fn review(policy: &mut PolicyBody) -> &mut ReviewSettings {
    policy.review_settings.as_mut().unwrap()
}

fn rule(policy: &mut PolicyBody) -> &mut AutomaticRequestSettings {
    policy.automatic_request_settings.as_mut().unwrap()
}

/// Those that a spec may leave out, as of an object that had them once.
const OPTIONAL: [&str; 10] = [
    "review",
    "questions",
    "extensions",
    "automatic",
    "notifications.assignment",
    "requestors.onBehalf.add",
    "requestors.onBehalf.update",
    "requestors.onBehalf.remove",
    "requestors.onBehalf.requestors",
    "approval.stages[0].approverVisibility",
];

fn policies() -> Record {
    let samples = pairs(
        &a_policy(),
        &[
            |one| one.display_name = "Other".into(),
            |one| one.description = Some("other words".into()),
            |one| one.allowed_target_scope = AllowedTargetScope::NotSpecified,
            |one| one.allowed_target_scope = AllowedTargetScope::AllDirectoryUsers,
            |one| {
                one.allowed_target_scope = AllowedTargetScope::SpecificDirectoryUsers;
                one.specific_allowed_targets = vec![user("dan")];
            },
            |one| one.requestor_settings.enable_targets_to_self_add_access = true,
            |one| one.requestor_settings.enable_targets_to_self_update_access = true,
            |one| one.requestor_settings.enable_targets_to_self_remove_access = true,
            |one| one.requestor_settings.allow_custom_assignment_schedule = true,
            |one| one.requestor_settings.enable_on_behalf_requestors_to_add_access = true,
            |one| one.requestor_settings.enable_on_behalf_requestors_to_update_access = true,
            |one| one.requestor_settings.enable_on_behalf_requestors_to_remove_access = true,
            |one| one.requestor_settings.on_behalf_requestors = vec![SubjectSet::TargetManager { level: 1 }],
            |one| {
                one.notification_settings = Some(NotificationSettings {
                    is_assignment_notification_disabled: true,
                });
            },
            |one| stage(one).approver_information_visibility = Some("visible".into()),
            |one| one.request_approval_settings.is_requestor_justification_required = Some(true),
            |one| one.request_approval_settings = ApprovalSettings::default(),
            |one| one.request_approval_settings.is_approval_required_for_update = true,
            |one| {
                let second = stage(one).clone();
                one.request_approval_settings.stages.push(second);
            },
            |one| stage(one).duration_before_automatic_denial = Some("P3D".into()),
            |one| stage(one).is_approver_justification_required = true,
            |one| stage(one).primary_approvers = vec![user("ann")],
            |one| stage(one).primary_approvers = vec![user("ann"), user("sam")],
            |one| stage(one).fallback_primary_approvers = Vec::new(),
            |one| stage(one).is_escalation_enabled = false,
            |one| stage(one).duration_before_escalation = Some("P3D".into()),
            |one| stage(one).escalation_approvers = vec![user("eve"), user("sam")],
            |one| stage(one).fallback_escalation_approvers = vec![user("fay")],
            |one| one.expiration.duration = Some("P30D".into()),
            |one| {
                one.expiration = Expiration {
                    kind: ExpirationKind::NoExpiration,
                    duration: None,
                    end: None,
                }
            },
            |one| {
                one.expiration = Expiration {
                    kind: ExpirationKind::AfterDateTime,
                    duration: None,
                    end: Some("2030-01-01T00:00:00Z".into()),
                }
            },
        ],
    );
    let mut samples = samples;
    let with_reviews = PolicyBody {
        review_settings: Some(reviewed()),
        ..a_policy()
    };
    samples.push((a_policy(), with_reviews.clone()));
    samples.extend(pairs(
        &with_reviews,
        &[
            |one| review(one).schedule.recurrence = Recurrence::EveryMonths(1).to_graph().unwrap(),
            |one| review(one).schedule.expiration.duration = Some("P7D".into()),
            |one| review(one).expiration_behavior = ReviewExpirationBehavior::RemoveAccess,
            |one| review(one).expiration_behavior = ReviewExpirationBehavior::KeepAccess,
            |one| review(one).is_recommendation_enabled = false,
            |one| review(one).is_reviewer_justification_required = false,
            |one| review(one).is_self_review = true,
            |one| review(one).primary_reviewers = vec![user("ann"), user("sam")],
            |one| review(one).fallback_reviewers = vec![user("fay")],
        ],
    ));
    let asked = PolicyBody {
        questions: vec![Question {
            id: Some("1".into()),
            is_required: true,
            is_answer_editable: false,
            sequence: 1,
            text: "Why?".into(),
            localizations: Vec::new(),
            answer: QuestionAnswer::Text {
                is_single_line: true,
                regex: None,
            },
        }],
        ..a_policy()
    };
    samples.push((a_policy(), asked.clone()));
    samples.extend(pairs(
        &asked,
        &[
            |one| one.questions[0].text = "What for?".into(),
            |one| one.questions[0].is_required = false,
        ],
    ));
    let extended = PolicyBody {
        custom_extension_stage_settings: vec![StageSetting::Runs {
            id: None,
            stage: ExtensionStage::AssignmentRequestCreated,
            extension: "ticket".into(),
            kind: ExtensionKind::Request,
        }],
        ..a_policy()
    };
    samples.extend([(a_policy(), extended.clone()), (extended, a_policy())]);
    let by_rule = PolicyBody {
        allowed_target_scope: AllowedTargetScope::SpecificDirectoryUsers,
        specific_allowed_targets: vec![SubjectSet::AttributeRuleMembers {
            rule: "(user.department -eq \"Marketing\")".into(),
        }],
        request_approval_settings: ApprovalSettings::default(),
        automatic_request_settings: Some(AutomaticRequestSettings {
            request_access_for_allowed_targets: Some(true),
            remove_access_when_target_leaves_allowed_targets: true,
            grace_period_before_access_removal: Some("P7D".into()),
        }),
        ..a_policy()
    };
    samples.extend(pairs(
        &by_rule,
        &[
            |one| one.automatic_request_settings = None,
            |one| rule(one).remove_access_when_target_leaves_allowed_targets = false,
            |one| rule(one).grace_period_before_access_removal = None,
            |one| {
                one.specific_allowed_targets = vec![SubjectSet::AttributeRuleMembers {
                    rule: "(user.department -eq \"Sales\")".into(),
                }];
            },
        ],
    ));
    let applied = entra_access_operator::plan::applied(&OPTIONAL.map(|path| Memory::keep(path, "before")));
    let merge = |after: &PolicyBody, before: &PolicyBody, judge: &mut Judge<'_>| {
        assignment_policy::merge(after.clone(), &before.clone().into(), judge);
    };
    let mut record = compared(&samples, Base::of(Some(&applied)), merge);
    record
        .unmanaged
        .extend(compared(&samples, Base::none(), merge).unmanaged);
    record
}

fn kinds() -> [(&'static str, Record); 4] {
    [
        ("Catalog", catalogs()),
        ("ConnectedOrganization", organizations()),
        ("AccessPackage", packages()),
        ("AssignmentPolicy", policies()),
    ]
}

fn row(direction: &Direction) -> String {
    let Direction {
        path,
        before,
        after,
        stake,
    } = direction.clone();
    let door = match stake.door {
        Door::Neutral => "neither",
        Door::Narrows => "narrows",
        Door::Widens => "widens",
    };
    let holders = match stake.holders {
        Holders::Untouched => "",
        Holders::Cuts => "holders lose it",
        Holders::HandsOut => "holders get it",
    };
    let difference = Difference {
        path: path.clone(),
        before: before.clone(),
        after: after.clone(),
        cause: Cause::Drift,
        stake,
    };
    let done = match rules(Base::none()).verdict(&difference) {
        Verdict::Write => "put back",
        Verdict::Hold(_) => "**held**",
    };
    format!("| `{path}` | {before} | {after} | {door} | {holders} | {done} |\n")
}

fn tables() -> String {
    let tables = kinds().map(|(kind, record)| {
        let mut directions = record.directions;
        directions.sort_by(|one, other| one.path.cmp(&other.path));
        let rows: String = directions.iter().map(row).collect();
        let unmanaged: String = record.unmanaged.iter().map(|words| format!("- {words}\n")).collect();
        let unmanaged = if unmanaged.is_empty() {
            String::new()
        } else {
            format!("\nWhere the spec never named one of these and it is in use, it is not written over, and nothing else is written:\n\n{unmanaged}")
        };
        format!(
            "## {kind}\n\n| field | Entra has | the spec says | putting it back | | `Cautious` |\n|---|---|---|---|---|---|\n{rows}{unmanaged}"
        )
    });
    tables.join("\n")
}

/// What is before, within and after the marks.
fn parts(page: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (written, after) = rest.split_once(END)?;
    Some((before, written, after))
}

#[test]
fn every_field_that_is_compared_has_its_direction_both_ways() {
    for (kind, record) in kinds() {
        for field in &record.fields {
            let of: Vec<&Direction> = record.directions.iter().filter(|one| one.path == *field).collect();
            let is_reversed = |one: &Direction| {
                of.iter()
                    .any(|other| other.before == one.after && other.after == one.before)
                    || one.before == "missing"
                    || one.after == "removed"
            };
            assert!(!of.is_empty(), "{kind}: {field} has no sample here");
            assert!(
                of.iter().all(|one| is_reversed(one)),
                "{kind}: {field} is shown one way only"
            );
        }
    }
}

#[test]
fn what_widens_one_way_does_not_widen_the_other() {
    for (kind, record) in kinds() {
        for one in record.directions.iter().filter(|one| one.stake.door == Door::Narrows) {
            let back = record
                .directions
                .iter()
                .find(|other| other.path == one.path && (&other.before, &other.after) == (&one.after, &one.before));
            assert!(
                back.is_none_or(|back| back.stake.door == Door::Widens),
                "{kind}: {one:?} narrows and its way back does not widen"
            );
        }
    }
}

#[test]
fn the_list_of_directions_is_that_of_the_code() {
    let page = text::read(PLACE);
    let (_, written, _) = parts(&page).expect("the marks around the list");
    assert_eq!(written.trim(), tables().trim(), "{PLACE} is not current; run `{WRITE}`");
}

#[test]
#[ignore = "it writes the list of directions"]
fn write_the_directions() {
    let page = text::read(PLACE);
    let (before, _, after) = parts(&page).expect("the marks around the list");
    let page = format!("{before}{BEGIN}\n{}\n{END}{after}", tables());
    fs::write(text::root().join(PLACE), page).expect("the page can be written");
}
