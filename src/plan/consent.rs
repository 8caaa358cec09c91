//! Whether a change of what people have waits for a person.
//!
//! What takes access from those who have it, or hands them more, is counted over those who have it now. From a number on, or from a
//! share of a package's holders, it waits for a person, who agrees to this very change and to this very number: both are in the
//! token. Everything else of the same plan goes ahead.

use std::{collections::BTreeSet, fmt};

use super::{Act, Hold, Holders, Plan, Problem, drift::digest};
use crate::api::{ACKNOWLEDGE, Acknowledge, Reason};

/// A number that grew by no more than one in so many is the one that was agreed to.
const GROWTH: usize = 10;
/// So many letters of a digest tell one change from another.
const LETTERS: usize = 10;

/// What a person agrees to by an annotation: one change, and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    change: String,
    count: usize,
}

impl Token {
    /// Of a change that this text tells from any other.
    pub(super) fn new(change: &str, count: usize) -> Self {
        let mut change = digest(change);
        change.truncate(LETTERS);
        Self { change, count }
    }

    /// Whether this annotation agrees: to this change, and to a number that has not grown by more than a tenth since.
    pub(super) fn is_in(&self, annotation: Option<&str>) -> bool {
        let Some((change, count)) = annotation.and_then(|text| text.trim().rsplit_once('-')) else {
            return false;
        };
        let agreed = count.parse::<usize>().ok();
        change == self.change && agreed.is_some_and(|agreed| self.count <= agreed + agreed / GROWTH)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.change, self.count)
    }
}

/// Which changes of what people have are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Those that take access away.
    pub cuts: bool,
    /// Those that hand out more.
    pub hands_out: bool,
}

impl Waits {
    /// None.
    pub const NONE: Self = Self {
        cuts: false,
        hands_out: false,
    };

    /// What holds back a change that does this to people.
    #[must_use]
    pub fn hold(self, holders: Holders) -> Option<Hold> {
        let waits = match holders {
            Holders::Untouched => false,
            Holders::Cuts => self.cuts,
            Holders::HandsOut => self.hands_out,
        };
        // Its words come once the whole plan is known.
        waits.then(|| Hold::Unacknowledged(Problem::new(Reason::AcknowledgementRequired, "people have it")))
    }
}

/// Those whom a change touches, counted just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Those who came by what is changed.
    pub people: usize,
    /// Guests among them.
    pub guests: usize,
    /// All who hold the package.
    pub of_package: usize,
}

impl Live {
    /// What waits, by what the tenant says. Nobody is nobody to wait for.
    #[must_use]
    pub fn waits(self, from: &Acknowledge) -> Waits {
        let Acknowledge {
            cuts_from,
            cuts_from_percent,
            grants_from,
            grants_from_percent,
        } = from;
        let reaches = |number: i32, percent: Option<i32>| {
            let number = usize::try_from(number).unwrap_or(0); // less than none is always
            let share = percent.and_then(|percent| usize::try_from(percent).ok());
            let is_share = share.is_some_and(|share| self.people * 100 >= share * self.of_package);
            self.people > 0 && (self.people >= number || is_share)
        };
        Waits {
            cuts: reaches(*cuts_from, *cuts_from_percent),
            hands_out: reaches(*grants_from, *grants_from_percent),
        }
    }
}

/// What a plan does to people: what the token stands for, and what is told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Touching {
    /// What takes access away.
    cuts: BTreeSet<String>,
    /// What hands out more.
    hands_out: BTreeSet<String>,
}

impl Touching {
    fn of<A>(plan: &Plan<A>) -> Self {
        let mut touching = Self::default();
        for (step, _) in plan.held.iter().filter(|(_, hold)| is_unacknowledged(hold)) {
            let mut is_told = false;
            for difference in &step.differences {
                is_told |= touching.add(difference.stake.holders, difference.to_string());
            }
            // Who is asked to go changes while they go.
            if !is_told {
                touching.add(Holders::Cuts, "all assignments -> removed".to_owned());
            }
        }
        touching
    }

    fn add(&mut self, holders: Holders, part: String) -> bool {
        match holders {
            Holders::Untouched => return false,
            Holders::Cuts => self.cuts.insert(part),
            Holders::HandsOut => self.hands_out.insert(part),
        };
        true
    }

    fn all(&self) -> BTreeSet<&str> {
        self.cuts.iter().chain(&self.hands_out).map(String::as_str).collect()
    }
}

fn is_unacknowledged(hold: &Hold) -> bool {
    match hold {
        Hold::Unacknowledged(_) => true,
        Hold::Observe
        | Hold::Drift
        | Hold::DriftReported
        | Hold::DeletedInEntra { .. }
        | Hold::Limit(_)
        | Hold::UnmanagedSettings(_)
        | Hold::Waits(_) => false,
    }
}

/// What a person has to agree to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    token: Token,
    touching: Touching,
    live: Live,
}

impl Question {
    /// What is asked for the sake of a plan that was made with [`Live::waits`]; `None` where nothing waits. `id` is the object of
    /// Entra: an answer for one is none for another.
    #[must_use]
    pub fn of<A>(plan: &Plan<A>, id: &str, live: Live) -> Option<Self> {
        let touching = Touching::of(plan);
        let all: Vec<&str> = touching.all().into_iter().collect();
        if all.is_empty() {
            return None;
        }
        let token = Token::new(&format!("{} {}", id.to_lowercase(), all.join("\n")), live.people);
        Some(Self { token, touching, live })
    }

    /// What is to be written into the annotation.
    #[must_use]
    pub fn token(&self) -> String {
        self.token.to_string()
    }

    /// Whether this annotation agrees: to this change, and to a number that has not grown by more than a tenth since.
    #[must_use]
    pub fn is_answered(&self, annotation: Option<&str>) -> bool {
        self.token.is_in(annotation)
    }

    /// The plan with the words of what it waits for: of all of it, since all of it is what is agreed to. `annotate` is the command up to
    /// the annotation.
    #[must_use]
    pub fn asked<A: Act>(&self, mut plan: Plan<A>, annotate: &str) -> Plan<A> {
        let command = format!("{annotate} --overwrite {ACKNOWLEDGE}={}", self.token());
        for (_, hold) in &mut plan.held {
            if is_unacknowledged(hold) {
                *hold = Hold::Unacknowledged(self.problem(&command));
            }
        }
        plan
    }

    fn problem(&self, command: &str) -> Problem {
        let Live {
            people,
            guests,
            of_package,
        } = self.live;
        let guests = match guests {
            0 => String::new(),
            1 => ", one of them a guest".to_owned(),
            guests => format!(", {guests} of them guests"),
        };
        let of = if of_package > people {
            format!(" of {of_package} who hold the package")
        } else {
            " who hold the package".to_owned()
        };
        let who = format!("{people} people{of}{guests}");
        let fate = if guests.is_empty() {
            ""
        } else {
            "; a guest who then holds nothing may be blocked and deleted by the tenant's settings"
        };
        let Touching { cuts, hands_out } = &self.touching;
        let what = |parts: &BTreeSet<String>| parts.iter().cloned().collect::<Vec<_>>().join("; ");
        let told = match (cuts.is_empty(), hands_out.is_empty()) {
            (false, false) => format!(
                "{}: this takes access from {who}{fate}; and {}: this hands more to them",
                what(cuts),
                what(hands_out)
            ),
            (true, false) => format!("{}: this hands more to {who}", what(hands_out)),
            (_, true) => format!("{}: this takes access from {who}{fate}", what(cuts)),
        };
        Problem::new(Reason::AcknowledgementRequired, told)
            .remedy(format!("to let it happen: {command}; to give it up, change the spec"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(people: usize, of_package: usize) -> Live {
        Live {
            people,
            guests: 0,
            of_package,
        }
    }

    fn from(cuts: i32, percent: Option<i32>) -> Acknowledge {
        Acknowledge {
            cuts_from: cuts,
            cuts_from_percent: percent,
            ..Acknowledge::default()
        }
    }

    #[test]
    fn the_stricter_of_number_and_share_holds_and_nobody_is_nobody_to_wait_for() {
        for (people, of_package, cuts, percent, waits) in [
            (9, 9, 10, None, false),
            (10, 100, 10, None, true),
            (3, 4, 10, Some(50), true),
            (3, 10, 10, Some(50), false),
            (1, 1, 0, None, true),
            (0, 0, 0, Some(1), false),
        ] {
            let asked = live(people, of_package).waits(&from(cuts, percent));
            assert_eq!(asked.cuts, waits, "{people} of {of_package} from {cuts}, {percent:?}");
        }
        assert!(
            !live(99, 99).waits(&from(0, None)).hands_out,
            "that has a number of its own"
        );
    }

    #[test]
    fn a_token_agrees_to_one_change_and_to_a_number_that_hardly_grew() {
        let question = |change: &str, people| Question {
            token: Token {
                change: change.into(),
                count: people,
            },
            touching: Touching::default(),
            live: live(people, people),
        };
        let token = question("abc", 20).token();
        for (change, people, is_answered) in [
            ("abc", 20, true),
            ("abc", 12, true),
            ("abc", 22, true),
            ("abc", 23, false),
            ("other", 20, false),
        ] {
            assert_eq!(
                question(change, people).is_answered(Some(&token)),
                is_answered,
                "{change} {people}"
            );
        }
        for nonsense in [None, Some(""), Some("abc"), Some("abc-"), Some("abc-many"), Some("-20")] {
            assert!(!question("abc", 20).is_answered(nonsense), "{nonsense:?}");
        }
    }
}
