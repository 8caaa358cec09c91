//! The settings that a policy may do without: a rule that assigns, questions, reviews.

use super::{days, fallbacks, invalid, is_of_days_and_hours, missing, one_of, person};
use crate::{
    api::{AssignmentPolicySpec, Automatic, ChoiceQuestion, Localization, Question, Review, ReviewInterval, Reviewer},
    plan::Problem,
};

/// A rule is the only way in of its policy.
pub(super) fn automatic(spec: &AssignmentPolicySpec, automatic: &Automatic) -> Result<(), Problem> {
    for (field, is_written, why) in [
        (
            "spec.requestors",
            spec.requestors.is_some(),
            "a rule assigns here, and nobody requests",
        ),
        (
            "spec.approval",
            spec.approval.is_some(),
            "a rule assigns here, and nobody approves",
        ),
        (
            "spec.expiration",
            spec.expiration.is_some(),
            "access by a rule ends when the rule matches no longer",
        ),
        (
            "spec.questions",
            !spec.questions.is_empty(),
            "a rule assigns here, and nobody is asked",
        ),
    ] {
        if is_written {
            return Err(invalid(field, why, "remove it, or remove automatic"));
        }
    }
    let Automatic {
        rule,
        remove_when_no_longer_matching: _,
        grace_period,
    } = automatic;
    if rule.trim().is_empty() {
        return Err(missing(
            "spec.automatic.rule",
            "rule: (user.department -eq \"Marketing\")",
        ));
    }
    match grace_period {
        Some(period) if !is_of_days_and_hours(period) => Err(invalid(
            "spec.automatic.gracePeriod",
            format!("{period} is no duration of days and hours, or none at all"),
            "write for example P7D, or PT8H",
        )),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn questions(questions: &[Question]) -> Result<(), Problem> {
    let mut names = std::collections::BTreeSet::new();
    for (index, question) in questions.iter().enumerate() {
        let field = format!("spec.questions[{index}]");
        let name = &question.name;
        if !names.insert(name) {
            return Err(invalid(
                &format!("{field}.name"),
                format!("two questions are called {name:?}"),
                "give each a name of its own",
            ));
        }
        well_asked(&field, question)?;
    }
    Ok(())
}

/// Whether a question says all that it has to say, and says it once.
///
/// # Errors
/// [`Reason::InvalidSpec`] with the field and what to write.
pub fn well_asked(field: &str, question: &Question) -> Result<(), Problem> {
    let Question {
        name: _,
        prompt,
        localizations,
        required: _,
        editable: _,
        text,
        choice,
    } = question;
    if prompt.trim().is_empty() {
        return Err(missing(&format!("{field}.prompt"), "prompt: Why do you need it?"));
    }
    languages(field, localizations)?;
    one_of(
        field,
        &[("text", text.is_some()), ("choice", choice.is_some())],
        "text: {singleLine: true}",
    )?;
    let Some(ChoiceQuestion { multiple: _, choices }) = choice else {
        return Ok(());
    };
    let field = format!("{field}.choice.choices");
    if choices.is_empty() {
        return Err(missing(&field, "choices: [{value: emea, text: Europe}, {value: apac}]"));
    }
    let mut values = std::collections::BTreeSet::new();
    if let Some(twice) = choices.iter().find(|choice| !values.insert(&choice.value)) {
        return Err(invalid(
            &field,
            format!("{:?} can be chosen twice", twice.value),
            "keep one",
        ));
    }
    for (index, choice) in choices.iter().enumerate() {
        languages(&format!("{field}[{index}]"), &choice.localizations)?;
    }
    Ok(())
}

/// A text that is there twice in one language has no meaning.
fn languages(field: &str, localizations: &[Localization]) -> Result<(), Problem> {
    let mut known = std::collections::BTreeSet::new();
    let mut numbered = localizations.iter().enumerate();
    match numbered.find(|(_, one)| !known.insert(one.language.to_lowercase())) {
        Some((index, twice)) => Err(invalid(
            &format!("{field}.localizations[{index}].language"),
            format!("language {:?} is there twice", twice.language),
            "keep one text for each language",
        )),
        None => Ok(()),
    }
}

pub(super) fn review(review: &Review) -> Result<(), Problem> {
    let Review {
        every,
        starts_on,
        lasts,
        reviewers,
        fallback_reviewers,
        self_review,
        if_no_decision,
        recommendations: _,
        justification: _,
    } = review;
    let Some(every) = every else {
        return Err(missing("spec.review.every", "every: Quarterly"));
    };
    if if_no_decision.is_none() {
        return Err(missing("spec.review.ifNoDecision", "ifNoDecision: RemoveAccess"));
    }
    if let Some(day) = starts_on
        && day.parse::<k8s_openapi::jiff::civil::Date>().is_err()
    {
        return Err(invalid(
            "spec.review.startsOn",
            format!("{day:?} is no day"),
            "write for example 2027-01-01",
        ));
    }
    let between = match every {
        ReviewInterval::Weekly => 7,
        ReviewInterval::Monthly => 28,
        ReviewInterval::Quarterly => 89,
        ReviewInterval::SemiAnnually => 181,
        ReviewInterval::Annually => 365,
    };
    // What is no number of days is refused as well.
    if days(lasts).is_none_or(|days| days == 0 || days >= between) {
        return Err(invalid(
            "spec.review.lasts",
            format!("{lasts} is not one day or more and less than the time from one review to the next"),
            "write for example P14D, or P6D for a weekly one",
        ));
    }
    let field = "spec.review.reviewers";
    match (self_review, reviewers.is_empty()) {
        (true, false) => {
            return Err(invalid(
                field,
                "selfReview and reviewers exclude each other",
                "keep one",
            ));
        }
        (false, true) => {
            return Err(missing(
                field,
                "reviewers: [{targetManager: {level: 1}}], or selfReview: true",
            ));
        }
        (true, true) | (false, false) => {}
    }
    for (index, reviewer) in reviewers.iter().enumerate() {
        let Reviewer {
            user,
            group,
            target_manager,
        } = reviewer;
        person(
            &format!("{field}[{index}]"),
            (user.is_some(), group.is_some(), *target_manager),
        )?;
    }
    let is_named = |reviewer: &Reviewer| reviewer.user.is_some() || reviewer.group.is_some();
    if !reviewers.is_empty() && fallback_reviewers.is_empty() && !reviewers.iter().any(is_named) {
        return Err(invalid(
            "spec.review.fallbackReviewers",
            "only managers decide here, and somebody may have none",
            "write for example fallbackReviewers: [{group: {displayName: Reviewers}}]",
        ));
    }
    fallbacks("spec.review.fallbackReviewers", fallback_reviewers)
}
