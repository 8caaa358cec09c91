//! The settings that a policy may do without: reviews, a rule that assigns, notifications.

use super::{
    Canonical, Judge, Memory, Stake, asking,
    values::{Approvers, Length, duration, subjects},
};
use crate::{
    graph::{
        AutomaticRequestSettings, NotificationSettings, Recurrence, ReviewExpirationBehavior, ReviewSchedule,
        ReviewSettings,
    },
    plan::Holders,
};

const REVIEW: &str = "review";

/// Reviews as one thing: switched off, or not there, is none.
#[derive(Clone, Debug)]
struct Reviews(Option<ReviewSettings>);

impl Reviews {
    fn on(&self) -> Option<&ReviewSettings> {
        self.0.as_ref().filter(|settings| settings.is_enabled)
    }
}

impl Canonical for Reviews {
    fn canonical(&self) -> String {
        let Some(settings) = self.on() else {
            return "none".into();
        };
        let ReviewSettings {
            is_enabled: _,
            expiration_behavior,
            is_recommendation_enabled,
            is_reviewer_justification_required,
            is_self_review,
            schedule,
            primary_reviewers,
            fallback_reviewers,
        } = settings;
        let mut text = format!(
            "{} for {} by ",
            Every(schedule.recurrence.clone()).canonical(),
            duration(schedule.expiration.duration.as_deref())
        );
        text.push_str(&if *is_self_review {
            "everybody for themselves".to_owned()
        } else {
            subjects(primary_reviewers)
        });
        if !fallback_reviewers.is_empty() {
            text.push_str(&format!(" (fallback {})", subjects(fallback_reviewers)));
        }
        text.push_str(&format!(", undecided: {}", expiration_behavior.canonical()));
        if *is_recommendation_enabled {
            text.push_str(", with recommendations");
        }
        if *is_reviewer_justification_required {
            text.push_str(", with justification");
        }
        text
    }
}

/// How often: only what means something for reviews is compared.
#[derive(Clone, Debug)]
struct Every(serde_json::Value);

impl Every {
    fn months(&self) -> Option<u32> {
        match Recurrence::of(&self.0) {
            Recurrence::Weekly => Some(0),
            Recurrence::EveryMonths(months) => Some(months),
            Recurrence::Other(_) => None,
        }
    }

    /// False where that is not certain.
    fn is_no_rarer_than(&self, other: &Self) -> bool {
        matches!((self.months(), other.months()), (Some(one), Some(other)) if one <= other)
    }
}

impl Canonical for Every {
    fn canonical(&self) -> String {
        match Recurrence::of(&self.0) {
            Recurrence::Weekly => "every week".into(),
            Recurrence::EveryMonths(1) => "every month".into(),
            Recurrence::EveryMonths(months) => format!("every {months} months"),
            Recurrence::Other(recurrence) => format!("by {recurrence}"),
        }
    }
}

impl Canonical for ReviewExpirationBehavior {
    fn canonical(&self) -> String {
        self.to_string()
    }
}

/// How little is left of access that nobody decided on; none where that is not known.
fn strictness(behavior: &ReviewExpirationBehavior) -> Option<u8> {
    match behavior {
        ReviewExpirationBehavior::KeepAccess => Some(0),
        ReviewExpirationBehavior::AcceptAccessRecommendation => Some(1),
        ReviewExpirationBehavior::RemoveAccess => Some(2),
        ReviewExpirationBehavior::Unknown(_) => None,
    }
}

/// Reviews take access away: fewer, rarer, or by more people, is wider. Field by field where there are some on both sides, so
/// that whoever took a reviewer out in the portal has said nothing about the rest.
pub(super) fn reviews(
    after: Option<ReviewSettings>,
    before: &Option<ReviewSettings>,
    judge: &mut Judge<'_>,
) -> Option<ReviewSettings> {
    let (to, from) = (Reviews(after), Reviews(before.clone()));
    if judge.is_foreign(REVIEW, to.on().is_some(), from.on().is_some()) {
        return judge.unmanaged("access reviews (reviewSettings)", |_| true, before);
    }
    let wanted = to.clone();
    let merged = match (to.on(), from.on()) {
        (Some(after), Some(before)) => Reviews(Some(review(after.clone(), before, judge))),
        (Some(_) | None, _) => judge.field(
            REVIEW,
            |_, after: &Reviews| Stake::widening(after.on().is_none()),
            to,
            &from,
        ),
    };
    if merged.canonical() == wanted.canonical() {
        judge.alongside([Memory::keep(REVIEW, wanted.canonical())]);
        if let Some(wanted) = wanted.on() {
            judge.alongside(Judge::in_place(|judge| {
                review(wanted.clone(), wanted, judge);
            }));
        }
    }
    merged.0
}

fn review(after: ReviewSettings, before: &ReviewSettings, judge: &mut Judge<'_>) -> ReviewSettings {
    let path = |field: &str| format!("{REVIEW}.{field}");
    let ReviewSettings {
        is_enabled,
        expiration_behavior,
        is_recommendation_enabled,
        is_reviewer_justification_required,
        is_self_review,
        schedule:
            ReviewSchedule {
                start_date_time,
                expiration,
                recurrence,
            },
        primary_reviewers,
        fallback_reviewers,
    } = after;
    let who = |judge: &mut Judge<'_>, field: &str, after: Vec<_>, before: &[_]| {
        judge
            .field(
                &path(field),
                |before: &Approvers, after: &Approvers| Stake::widening(!after.is_within(before)),
                Approvers(after),
                &Approvers(before.to_vec()),
            )
            .0
    };
    let every = judge.field(
        &path("every"),
        |before: &Every, after: &Every| Stake::widening(!after.is_no_rarer_than(before)),
        Every(recurrence),
        &Every(before.schedule.recurrence.clone()),
    );
    let lasts = judge.field(
        &path("lasts"),
        |before: &Length, after: &Length| Stake::widening(!after.is_no_longer_than(before)),
        Length(expiration.duration.clone()),
        &Length(before.schedule.expiration.duration.clone()),
    );
    let is_same_series = Recurrence::of(&every.0) == Recurrence::of(&before.schedule.recurrence);
    ReviewSettings {
        is_enabled,
        expiration_behavior: judge.field(
            &path("ifNoDecision"),
            |before, after| {
                Stake::widening(
                    !matches!((strictness(before), strictness(after)), (Some(before), Some(after)) if before <= after),
                )
            },
            expiration_behavior,
            &before.expiration_behavior,
        ),
        is_recommendation_enabled: judge.field(
            &path("recommendations"),
            |_, _| Stake::NEUTRAL,
            is_recommendation_enabled,
            &before.is_recommendation_enabled,
        ),
        is_reviewer_justification_required: judge.field(
            &path("justification"),
            asking,
            is_reviewer_justification_required,
            &before.is_reviewer_justification_required,
        ),
        is_self_review: judge.field(
            &path("selfReview"),
            |_, after| Stake::widening(*after),
            is_self_review,
            &before.is_self_review,
        ),
        schedule: ReviewSchedule {
            // A series that exists keeps its beginning: another one would be refused, or begin it anew.
            start_date_time: before.schedule.start_date_time.clone().or(start_date_time),
            expiration: crate::graph::Expiration {
                duration: lasts.0,
                ..expiration
            },
            recurrence: if is_same_series {
                before.schedule.recurrence.clone()
            } else {
                every.0
            },
        },
        primary_reviewers: who(judge, "reviewers", primary_reviewers, &before.primary_reviewers),
        fallback_reviewers: who(
            judge,
            "fallbackReviewers",
            fallback_reviewers,
            &before.fallback_reviewers,
        ),
    }
}

/// A rule as one thing: one that does not assign is none.
#[derive(Clone, Debug)]
struct Rule(Option<AutomaticRequestSettings>);

impl Rule {
    fn on(&self) -> Option<&AutomaticRequestSettings> {
        self.0.as_ref().filter(|settings| settings.assigns())
    }
}

impl Canonical for Rule {
    fn canonical(&self) -> String {
        let Some(settings) = self.on() else {
            return "none".into();
        };
        if settings.remove_access_when_target_leaves_allowed_targets {
            format!(
                "assigns, and takes away {} after it matches no longer",
                grace(settings).canonical()
            )
        } else {
            "assigns, and takes nothing away".into()
        }
    }
}

/// How long after the rule matches no longer; none is at once.
fn grace(settings: &AutomaticRequestSettings) -> Length {
    let period = settings.grace_period_before_access_removal.as_deref();
    Length(Some(period.unwrap_or("PT0S").to_owned()))
}

/// Whether a rule assigns, and how it takes away. Switched on, it hands out; switched off, it takes away.
pub(super) fn rule(
    after: Option<AutomaticRequestSettings>,
    before: &Option<AutomaticRequestSettings>,
    judge: &mut Judge<'_>,
) -> Option<AutomaticRequestSettings> {
    let stays = |settings: &AutomaticRequestSettings| !settings.remove_access_when_target_leaves_allowed_targets;
    judge
        .optional(
            "automatic",
            "automatic assignment (automaticRequestSettings)",
            |rule: &Rule| rule.on().is_some(),
            |before, after| match (before.on(), after.on()) {
                (_, None) => Stake::widening(false).holders(Holders::Cuts),
                (None, Some(_)) => Stake::widening(true).holders(Holders::HandsOut),
                (Some(before), Some(after)) => {
                    Stake::widening((stays(after) && !stays(before)) || !grace(after).is_no_longer_than(&grace(before)))
                }
            },
            (Rule(after), &Rule(before.clone())),
        )
        .0
}

/// Whether people are told of their assignments.
pub(super) fn notifications(
    after: Option<NotificationSettings>,
    before: &Option<NotificationSettings>,
    judge: &mut Judge<'_>,
) -> Option<NotificationSettings> {
    let is_off = |settings: &Option<NotificationSettings>| {
        settings.is_some_and(|settings| settings.is_assignment_notification_disabled)
    };
    let is_off_after = judge.optional(
        "notifications.assignment",
        "switched-off notifications (notificationSettings)",
        |is_off: &Told| is_off.0,
        |_, _| Stake::NEUTRAL,
        (Told(is_off(&after)), &Told(is_off(before))),
    );
    // A cloud without the property gets none.
    after.map(|_| NotificationSettings {
        is_assignment_notification_disabled: is_off_after.0,
    })
}

/// Whether nobody is told.
#[derive(Clone, Debug)]
struct Told(bool);

impl Canonical for Told {
    fn canonical(&self) -> String {
        (if self.0 { "Disabled" } else { "Enabled" }).to_owned()
    }
}
