use super::*;

const VISIBILITY: Duration = Duration::from_secs(120);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn intent() -> Intent {
    serde_json::from_value(serde_json::json!({
        "nonce": "n", "displayName": "Marketing", "parentId": "catalog", "startedAt": "2026-11-25T10:00:00Z",
        "fingerprint": fingerprint("words"),
    }))
    .unwrap()
}

fn candidate(id: &str) -> Candidate {
    Candidate {
        id: id.into(),
        display_name: "Marketing".into(),
        description: Some("words ".into()),
        created: Some("2026-11-25T10:00:01Z".into()),
        holder: None,
    }
}

fn known() -> EntraObject {
    EntraObject {
        cloud: "Global".into(),
        tenant_id: "t".into(),
        catalog_id: "c".into(),
        id: "old".into(),
        owner_uid: "u".into(),
    }
}

fn facts() -> Facts<'static> {
    Facts {
        noun: "access package",
        how_to_take_over: "spec.adoption: ByName",
        place: "catalog \"marketing\"",
        display_name: "Marketing",
        description: "words",
        known: None,
        intent: None,
        id: None,
        external_id: None,
        adoption: Adoption::Never,
        names_are_unique: false,
    }
}

fn stands(facts: &Facts<'_>, found: &[Candidate]) -> Stand {
    facts.stands(found, VISIBILITY, at("2026-11-25T10:00:30Z"))
}

#[test]
fn an_open_intent_outranks_a_status_id() {
    let (known, intent) = (known(), intent());
    let facts = Facts {
        known: Some(&known),
        intent: Some(&intent),
        ..facts()
    };
    assert_eq!(
        facts.asks(),
        Question::Outcome {
            name: "Marketing".into()
        }
    );
    assert!(matches!(stands(&facts, &[candidate("new")]), Stand::Becomes { id, .. } if id == "new"));
    assert!(matches!(stands(&facts, &[]), Stand::Searching(_)));
}

#[test]
fn an_intent_whose_outcome_should_have_shown_came_to_nothing() {
    let intent = intent();
    let facts = Facts {
        intent: Some(&intent),
        ..facts()
    };
    let late = facts.stands(&[], VISIBILITY, at("2026-11-25T10:02:00Z"));
    assert_eq!(
        late,
        Stand::New {
            act: Some(IdentityAct::DropIntent)
        }
    );
}

#[test]
fn the_one_that_is_gone_is_neither_the_outcome_nor_in_the_way_where_a_late_list_still_shows_it() {
    let (known, intent) = (known(), intent());
    let ghost = Candidate {
        created: Some("2026-11-25T09:59:57Z".into()),
        ..candidate("old")
    };
    let facts = Facts {
        known: Some(&known),
        external_id: Some("old"),
        ..facts()
    };
    assert_eq!(facts.obstacle(std::slice::from_ref(&ghost)), None);
    assert!(facts.obstacle(&[ghost.clone(), candidate("other")]).is_some());
    let held = Candidate {
        holder: Some("AccessPackage a/b".into()),
        ..ghost.clone()
    };
    assert!(facts.obstacle(&[held]).is_some(), "somebody else has it now");
    let facts = Facts {
        intent: Some(&intent),
        known: None,
        ..facts
    };
    assert!(matches!(
        stands(&facts, std::slice::from_ref(&ghost)),
        Stand::Searching(_)
    ));
    let both = [ghost, candidate("new")];
    assert!(matches!(stands(&facts, &both), Stand::Becomes { id, .. } if id == "new"));
    let unmarked = Facts {
        external_id: None,
        ..facts
    };
    assert!(
        matches!(stands(&unmarked, &both), Stand::Refused(_)),
        "two that may both be ours"
    );
}

#[test]
fn the_outcome_of_a_create_may_show_from_its_end_on_and_not_from_its_beginning() {
    const LONGEST: Duration = Duration::from_secs(45);
    let after = at("2026-11-25T10:00:07Z");
    assert_eq!(attempt(&intent(), Some(after), LONGEST), Duration::from_secs(7));
    assert_eq!(attempt(&intent(), None, LONGEST), LONGEST, "it may still be under way");
    let before = at("2026-11-25T09:59:56Z");
    assert_eq!(
        attempt(&intent(), Some(before), LONGEST),
        Duration::ZERO,
        "clocks differ"
    );
    let beside = at("2026-11-25T09:59:50Z");
    assert_eq!(
        attempt(&intent(), Some(beside), LONGEST),
        LONGEST,
        "another process began it after this one had begun to work"
    );
    let far = at("2026-11-25T11:00:00Z");
    assert_eq!(attempt(&intent(), Some(far), LONGEST), LONGEST);
    let untold = Intent {
        started_at: "then".into(),
        ..intent()
    };
    assert_eq!(attempt(&untold, Some(after), LONGEST), LONGEST);
    let old = intent();
    let facts = Facts {
        intent: Some(&old),
        ..facts()
    };
    let patience = VISIBILITY + attempt(&old, Some(after), LONGEST);
    let stands = |at| facts.stands(&[], patience, at);
    assert!(matches!(stands(self::at("2026-11-25T10:02:06Z")), Stand::Searching(_)));
    assert!(matches!(stands(self::at("2026-11-25T10:02:07Z")), Stand::New { .. }));
}

#[test]
fn what_was_made_before_the_intent_or_otherwise_or_is_held_is_not_its_outcome() {
    let intent = intent();
    assert!(is_outcome_of(&candidate("a"), &intent));
    let created = |created: Option<&str>| Candidate {
        created: created.map(Into::into),
        ..candidate("a")
    };
    assert!(
        is_outcome_of(&created(Some("2026-11-25T09:59:56Z")), &intent),
        "clocks differ"
    );
    assert!(!is_outcome_of(&created(Some("2026-11-25T09:59:50Z")), &intent));
    assert!(!is_outcome_of(&created(None), &intent), "unknown is not proof");
    let foreign = Candidate {
        description: Some("other words".into()),
        ..candidate("a")
    };
    assert!(!is_outcome_of(&foreign, &intent));
    let held = Candidate {
        holder: Some("AccessPackage a/b".into()),
        ..candidate("a")
    };
    let facts = Facts {
        intent: Some(&intent),
        ..facts()
    };
    assert!(matches!(stands(&facts, &[held]), Stand::Searching(_)));
}

#[test]
fn a_status_id_needs_no_question() {
    let known = known();
    let facts = Facts {
        known: Some(&known),
        ..facts()
    };
    assert_eq!(facts.asks(), Question::Nothing);
    assert_eq!(stands(&facts, &[]), Stand::Known { id: "old".into() });
}

#[test]
fn a_name_that_is_taken_is_reported_and_never_taken() {
    assert_eq!(facts().asks(), Question::Nothing);
    assert_eq!(stands(&facts(), &[]), Stand::New { act: None });
    let taken = facts().obstacle(&[candidate("b"), candidate("a")]).unwrap();
    assert_eq!(taken.reason, Reason::NameTaken);
    assert!(taken.what.contains("is not ours: a, b;"), "{taken:?}");
    assert_eq!(facts().obstacle(&[]), None);
}

#[test]
fn adoption_by_name_takes_the_one_and_refuses_several() {
    let facts = Facts {
        adoption: Adoption::ByName,
        ..facts()
    };
    assert!(matches!(stands(&facts, &[candidate("a")]), Stand::Becomes { .. }));
    assert!(matches!(
        stands(&facts, &[candidate("a"), candidate("b")]),
        Stand::Refused(_)
    ));
}

#[test]
fn what_somebody_else_holds_is_not_taken_over() {
    let facts = Facts {
        id: Some("a"),
        ..facts()
    };
    let held = Candidate {
        holder: Some("AccessPackage a/b".into()),
        ..candidate("a")
    };
    assert!(matches!(stands(&facts, &[held]), Stand::Refused(problem) if problem.reason == Reason::AlreadyClaimed));
    assert!(matches!(stands(&facts, &[]), Stand::Refused(problem) if problem.reason == Reason::AdoptionNotFound));
}

#[test]
fn a_restored_object_is_not_made_twice() {
    let facts = Facts {
        external_id: Some("a"),
        ..facts()
    };
    assert_eq!(facts.asks(), Question::ById("a".into()));
    assert!(
        matches!(stands(&facts, &[candidate("a")]), Stand::Refused(problem) if problem.reason == Reason::AdoptionRequired)
    );
    assert_eq!(stands(&facts, &[]), Stand::New { act: None });
}

#[test]
fn what_nothing_came_of_leaves_the_spec_to_be_asked_for() {
    let intent = intent();
    let over = Stand::New {
        act: Some(IdentityAct::DropIntent),
    };
    let by_name = Facts {
        intent: Some(&intent),
        adoption: Adoption::ByName,
        ..facts()
    };
    let after = by_name.after(&over).map(|facts| facts.asks());
    assert!(matches!(after, Some(Question::ByName(_))), "{after:?}");
    assert!(by_name.after(&Stand::New { act: None }).is_none(), "nothing is over");
    let never = Facts {
        adoption: Adoption::Never,
        ..by_name
    };
    assert!(never.after(&over).is_none(), "nothing is to be asked");
}

#[test]
fn of_several_that_an_intent_may_have_made_none_is_taken_and_the_words_say_what_ends_it() {
    let intent = intent();
    let facts = Facts {
        intent: Some(&intent),
        ..facts()
    };
    let Stand::Refused(problem) = stands(&facts, &[candidate("b"), candidate("a")]) else {
        panic!("one was taken");
    };
    assert_eq!(problem.reason, Reason::NameTaken);
    let said = problem.message();
    assert!(
        said.contains("2 that it may have made") && said.contains(": a, b; have those deleted"),
        "{said}"
    );
    assert!(!said.contains("choose another name"), "{said}");
}

#[test]
fn of_two_creates_of_one_name_in_one_place_one_goes_first() {
    let earlier = intent();
    let later = Intent {
        nonce: "later".into(),
        started_at: "2026-11-25T10:00:30Z".into(),
        display_name: earlier.display_name.to_uppercase(),
        ..intent()
    };
    let (tenant, parent) = ("t", earlier.parent_id.as_str());
    let first = |other: &Intent, own: Option<&Intent>| goes_first(other, own, "marketing", tenant, parent);
    assert!(first(&later, None) && first(&earlier, Some(&later)));
    assert!(!first(&later, Some(&earlier)), "or both would wait for ever");
    assert!(!goes_first(&earlier, None, "Other", tenant, parent));
    assert!(!goes_first(&earlier, None, "Marketing", tenant, "elsewhere"));
}

#[test]
fn where_names_are_unique_the_same_create_is_sent_once_more_and_only_once() {
    let first = intent();
    let facts = Facts {
        intent: Some(&first),
        names_are_unique: true,
        ..facts()
    };
    let (soon, later) = (at("2026-11-25T10:00:09Z"), at("2026-11-25T10:00:10Z"));
    let stands = |facts: &Facts<'_>, found: &[Candidate], now| facts.stands(found, VISIBILITY, now);
    assert!(
        matches!(stands(&facts, &[], soon), Stand::Searching(_)),
        "the service may be about the first"
    );
    let Stand::Again(Search { problem, left }) = stands(&facts, &[], later) else {
        panic!("{:?}", stands(&facts, &[], later))
    };
    assert_eq!(left, Some(Duration::from_secs(110)), "it is looked at again by then");
    assert!(
        problem.what.ends_with("until 2026-11-25T10:02:00Z at the latest"),
        "{problem:?}"
    );
    let foreign = Candidate {
        description: Some("other words".into()),
        ..candidate("a")
    };
    assert!(
        matches!(stands(&facts, &[foreign], later), Stand::Searching(_)),
        "the name is somebody's"
    );
    let otherwise = [
        Facts {
            display_name: "Sales",
            ..facts
        },
        Facts {
            description: "other words",
            ..facts
        },
        Facts {
            names_are_unique: false,
            ..facts
        },
    ];
    for facts in otherwise {
        assert!(matches!(stands(&facts, &[], later), Stand::Searching(_)), "{facts:?}");
    }
    let second = Intent {
        tried_again_at: Some("2026-11-25T10:00:10Z".into()),
        ..intent()
    };
    let facts = Facts {
        intent: Some(&second),
        ..facts
    };
    let last = at("2026-11-25T10:02:09Z");
    assert!(
        matches!(stands(&facts, &[], last), Stand::Searching(_)),
        "of the second try"
    );
    let over = at("2026-11-25T10:02:10Z");
    assert!(matches!(stands(&facts, &[], over), Stand::New { .. }));
    let late = Candidate {
        created: Some("2026-11-25T10:00:01Z".into()),
        ..candidate("a")
    };
    assert!(
        matches!(stands(&facts, &[late], last), Stand::Becomes { .. }),
        "what the first has made is ours"
    );
}
