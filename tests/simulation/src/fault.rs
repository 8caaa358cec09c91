//! What can befall a call, and what can befall all of them for a while.

use std::fmt;

use tokio::time::Instant;

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operator is killed before the call leaves.
    CrashBefore,
    /// The operator is killed after the call was carried out, before it hears of it.
    CrashAfter,
    /// The connection is cut before the call arrives; the operator cannot tell.
    CutBefore,
    /// The call is carried out, and the connection is cut in place of the answer.
    CutAfter,
    /// It is not carried out, and answered with this status.
    Refused(u16),
    /// It is not carried out, and answered 429, with a wait in this form.
    Throttled(Wait),
    /// It is carried out, and its answer is spoilt.
    Spoilt(Spoilt),
    /// It is never answered, and not carried out.
    Hangs,
    /// The connection is cut, and so many seconds later it is carried out all the same.
    CutLate(u64),
    /// The operator is killed, and so many seconds later the call is carried out all the same.
    CrashLate(u64),
    /// Another writer touches the object before a write to the API server is carried out, which is refused for that.
    Outrun,
    /// With this call something begins that lasts so many seconds.
    Begins(Spell, u64),
    /// Another process begins to lead, and this one goes on for so many seconds: it has not heard of it, and hears everything
    /// by so many seconds late.
    Overlap {
        /// How long both work.
        lasts: u64,
        /// How late the old one hears of what is written.
        deaf: u64,
    },
    /// The process stands still for so many seconds with this call in hand, which then leaves; another leads meanwhile.
    FrozenBefore(u64),
    /// The process stands still for so many seconds after this call was carried out; another leads meanwhile. Then it goes on
    /// with what follows.
    FrozenAfter(u64),
    /// There is no connection, and the operator can tell that nothing was sent.
    Unconnected,
}

/// What lasts for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spell {
    /// The API server is away: every call to it is cut, and no news comes. The Lease is not renewed either: the process ends
    /// twelve seconds later where it lasts that long.
    Away,
    /// The API server takes calls and never answers, and no news comes; there is no election, and the process goes on.
    Hanging,
    /// Every watch stalls: calls are answered, and no news comes.
    Stalled,
    /// Writes of status are answered with this status, and not carried out.
    StatusRefused(u16),
    /// Every other write to the API server comes after another writer's, and each third is answered 409.
    Conflicts,
}

/// How a call is lost on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nobody can tell whether it arrived.
    Cut,
    /// It was never sent.
    Unconnected,
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cut => "the connection was cut",
            Self::Unconnected => "the connection was refused",
        })
    }
}

/// A time in which every call to Entra is met by the same.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// Its first moment.
    pub from: Instant,
    /// The first moment after it.
    pub until: Instant,
    /// What befalls the calls.
    pub fault: Fault,
}

/// How a 429 says for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Untold,
    /// `Retry-After: 17`.
    Seconds,
    /// `Retry-After`, as a date twenty seconds ahead.
    Date,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    /// Its second half is missing.
    Truncated,
    /// A proxy's page, with 200.
    Html,
    /// A redirect to another host.
    Redirect,
    /// What follows is to be read from another host.
    ForeignNextLink,
    /// Each object lacks its id.
    WithoutId,
    /// Each enumeration has a value that nobody knows.
    UnknownEnum,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrashBefore => formatter.write_str("killed before"),
            Self::CrashAfter => formatter.write_str("killed after"),
            Self::CutBefore => formatter.write_str("cut before"),
            Self::CutAfter => formatter.write_str("cut after"),
            Self::Refused(status) => write!(formatter, "answered {status}"),
            Self::Throttled(Wait::Untold) => formatter.write_str("429"),
            Self::Throttled(Wait::Seconds) => formatter.write_str("429, wait in seconds"),
            Self::Throttled(Wait::Date) => formatter.write_str("429, wait as a date"),
            Self::Spoilt(Spoilt::Truncated) => formatter.write_str("truncated"),
            Self::Spoilt(Spoilt::Html) => formatter.write_str("HTML with 200"),
            Self::Spoilt(Spoilt::Redirect) => formatter.write_str("redirect"),
            Self::Spoilt(Spoilt::ForeignNextLink) => formatter.write_str("foreign nextLink"),
            Self::Spoilt(Spoilt::WithoutId) => formatter.write_str("without id"),
            Self::Spoilt(Spoilt::UnknownEnum) => formatter.write_str("unknown enum value"),
            Self::Hangs => formatter.write_str("hangs"),
            Self::CutLate(seconds) => write!(formatter, "cut, and carried out {seconds} s later"),
            Self::CrashLate(seconds) => write!(formatter, "killed, and carried out {seconds} s later"),
            Self::Outrun => formatter.write_str("outrun by another writer"),
            Self::Begins(Spell::Away, seconds) => write!(formatter, "the API server away for {seconds} s from"),
            Self::Begins(Spell::Hanging, seconds) => write!(formatter, "the API server hanging for {seconds} s from"),
            Self::Begins(Spell::Stalled, seconds) => write!(formatter, "every watch stalled for {seconds} s from"),
            Self::Begins(Spell::StatusRefused(status), seconds) => {
                write!(formatter, "every status answered {status} for {seconds} s from")
            }
            Self::Begins(Spell::Conflicts, seconds) => write!(formatter, "conflicts for {seconds} s from"),
            Self::Overlap { lasts, deaf } => {
                write!(
                    formatter,
                    "a second leader for {lasts} s, the first {deaf} s behind, from"
                )
            }
            Self::FrozenBefore(seconds) => write!(formatter, "frozen for {seconds} s before"),
            Self::FrozenAfter(seconds) => write!(formatter, "frozen for {seconds} s after"),
            Self::Unconnected => formatter.write_str("connection refused"),
        }
    }
}
