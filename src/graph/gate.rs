//! The tenant's weather: when the service asks to wait, or stops answering, the *tenant* waits. Pure: no clock, no
//! randomness, no client.
//!
//! | state | what is seen | what follows |
//! |---|---|---|
//! | open | 429, or 503 with `Retry-After` | closed for as long as asked, never shorter |
//! | open | three answers lost in a row | closed for a pause of our own |
//! | closed | a request | refused here, with the time left; the answer that closed the gate is its reason |
//! | closed, over | the first request | it goes as the probe; the others are refused a little longer, spread |
//! | probing | the probe is answered | open |
//! | probing | the probe is refused or lost | closed again, for longer |
//! | probing | the probe is never heard of | the next request goes as the probe |
//!
//! Closed for a second time in a row, or told by the service that it is away for longer than a moment, the gate says that
//! the service is away ([`Gate::away`]): that is told to people, and who has other work does not even ask until it is back.
//! A service that slows us down (429) answers, and is not away.
//!
//! Requests that were under way when the gate closed prove nothing about it, but for a longer wait that one was asked.

use std::time::Duration;

use tokio::time::Instant;

/// Lost answers in a row that close the gate.
const LOST: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A probe that is not heard of for this long is given up.
const PROBE_LIMIT: Duration = Duration::from_secs(40);
/// How long the others wait for a probe before they look again.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// The others come back spread over a part of the pause, at most this long.
const LONGEST_SPREAD: Duration = Duration::from_secs(30);
/// A pause that is longer than this is not worth standing in line for.
const MOMENT: Duration = Duration::from_secs(5);

/// What a request was answered with, as far as it tells about the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Answered; whether with what the caller hoped for is not the tenant's concern.
    Answered,
    /// Refused for now, since we ask too much; with the wait that was asked for.
    Asked(Option<Duration>),
    /// Refused for now, since the service is not there; with the wait that was asked for.
    Away(Duration),
    /// Not answered.
    Lost,
}

/// The right to send one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    epoch: u64,
}

/// Whether a request may be sent now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission<'a, W> {
    /// It may.
    Go(Pass),
    /// Not before this long; with what closed the gate.
    Wait(Duration, &'a W),
}

#[derive(Debug)]
enum State<W> {
    Open,
    Closed { until: Instant, pause: Duration, why: W },
    Probing { until: Instant, pause: Duration, why: W },
}

/// The gate of one tenant. `W` is what closed it, for those who are refused.
#[derive(Debug)]
pub(super) struct Gate<W> {
    state: State<W>,
    /// Counts changes of the state: what was sent before one proves nothing after it.
    epoch: u64,
    lost: u32,
    /// How often in a row the gate was closed because nobody was there.
    closings: u32,
    /// Our own next pause.
    pause: Duration,
}

impl<W> Default for Gate<W> {
    fn default() -> Self {
        Self {
            state: State::Open,
            epoch: 0,
            lost: 0,
            closings: 0,
            pause: FIRST_PAUSE,
        }
    }
}

impl<W> Gate<W> {
    /// Asks to send a request now. `jitter` is a random number from 0 to 1, by which those who wait come back spread.
    pub(super) fn admit(&mut self, now: Instant, jitter: f64) -> Admission<'_, W> {
        let spread = |pause: Duration| (pause / 4).min(LONGEST_SPREAD).mul_f64(jitter.clamp(0.0, 1.0));
        let over = match &self.state {
            State::Open => return Admission::Go(Pass { epoch: self.epoch }),
            State::Closed { until, .. } | State::Probing { until, .. } => *until <= now,
        };
        if over {
            self.epoch += 1;
            self.state = match std::mem::replace(&mut self.state, State::Open) {
                State::Closed { until: _, pause, why } | State::Probing { until: _, pause, why } => State::Probing {
                    until: now + PROBE_LIMIT,
                    pause,
                    why,
                },
                State::Open => State::Open,
            };
            return Admission::Go(Pass { epoch: self.epoch });
        }
        match &self.state {
            State::Closed { until, pause, why } => {
                Admission::Wait(until.saturating_duration_since(now) + spread(*pause), why)
            }
            State::Probing { until: _, pause, why } => Admission::Wait(PROBE_WAIT + spread(*pause), why),
            State::Open => Admission::Go(Pass { epoch: self.epoch }),
        }
    }

    /// Whether the service is away: how long nobody may ask it, zero where the next request goes as the probe, and what
    /// closed the gate.
    pub(super) fn away(&self, now: Instant) -> Option<(Duration, &W)> {
        let (left, pause, why) = match &self.state {
            State::Open => return None,
            State::Closed { until, pause, why } => (until.saturating_duration_since(now), pause, why),
            State::Probing { until, pause, why } => (until.saturating_duration_since(now).min(PROBE_WAIT), pause, why),
        };
        let is_away = self.closings >= 2 || (self.closings == 1 && *pause > MOMENT);
        is_away.then_some((left, why))
    }

    /// Tells how a request ended. `why` is asked for only where it closes the gate.
    pub(super) fn ended(&mut self, now: Instant, pass: Pass, sign: Sign, why: impl FnOnce() -> W) {
        let is_current = pass.epoch == self.epoch;
        match sign {
            Sign::Answered if is_current => {
                self.lost = 0;
                self.closings = 0;
                self.pause = FIRST_PAUSE;
                if !matches!(self.state, State::Open) {
                    self.epoch += 1;
                    self.state = State::Open;
                }
            }
            Sign::Asked(wait) => {
                if is_current {
                    self.closings = 0;
                }
                match wait {
                    Some(wait) => self.asked(now, wait, why),
                    None if is_current => self.close_for_a_pause(now, why()),
                    None => {}
                }
            }
            Sign::Away(wait) => {
                if is_current {
                    self.closings = self.closings.saturating_add(1);
                }
                self.asked(now, wait, why);
            }
            Sign::Lost if is_current => {
                self.lost = self.lost.saturating_add(1);
                if self.lost >= LOST || matches!(self.state, State::Probing { .. }) {
                    self.closings = self.closings.saturating_add(1);
                    self.close_for_a_pause(now, why());
                }
            }
            // Sent before the gate closed, or before it opened again.
            Sign::Answered | Sign::Lost => {}
        }
    }

    /// Tells that the service asked to wait. Whoever was asked to wait longer than the gate is closed for speaks for the
    /// tenant all the same, whenever it was sent.
    pub(super) fn asked(&mut self, now: Instant, wait: Duration, why: impl FnOnce() -> W) {
        let until = now + wait;
        let is_longer = match &self.state {
            State::Open | State::Probing { .. } => true,
            State::Closed { until: known, .. } => until > *known,
        };
        if is_longer {
            self.close(until, wait, why());
        }
    }

    fn close_for_a_pause(&mut self, now: Instant, why: W) {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        self.close(now + pause, pause, why);
    }

    fn close(&mut self, until: Instant, pause: Duration, why: W) {
        self.epoch += 1;
        self.lost = 0;
        self.state = State::Closed { until, pause, why };
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has the machine's clock")]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pass(gate: &mut Gate<&'static str>, now: Instant) -> Pass {
        match gate.admit(now, 0.0) {
            Admission::Go(pass) => pass,
            Admission::Wait(left, why) => panic!("closed for {left:?}: {why}"),
        }
    }

    fn left(gate: &mut Gate<&'static str>, now: Instant, jitter: f64) -> Duration {
        match gate.admit(now, jitter) {
            Admission::Go(_) => panic!("open"),
            Admission::Wait(left, _) => left,
        }
    }

    #[test]
    fn what_one_is_asked_to_wait_the_tenant_waits_and_never_shorter() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let first = pass(&mut gate, now);
        gate.ended(now, first, Sign::Asked(Some(s(900))), || "busy");
        assert_eq!(left(&mut gate, now, 0.0), s(900));
        assert_eq!(left(&mut gate, now + s(899), 0.0), s(1));
        assert!(left(&mut gate, now, 1.0) > s(900), "the others come back spread");
        pass(&mut gate, now + s(900));
    }

    #[test]
    fn one_probe_goes_first_and_opens_for_all() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let first = pass(&mut gate, now);
        gate.ended(now, first, Sign::Asked(Some(s(10))), || "busy");
        let later = now + s(10);
        let probe = pass(&mut gate, later);
        assert_eq!(left(&mut gate, later, 0.0), PROBE_WAIT);
        gate.ended(later, probe, Sign::Answered, || "");
        pass(&mut gate, later);
        pass(&mut gate, later);
    }

    #[test]
    fn three_lost_answers_in_a_row_close_and_each_failed_probe_closes_for_longer() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        for sign in [Sign::Lost, Sign::Lost, Sign::Answered, Sign::Lost, Sign::Lost] {
            let pass = pass(&mut gate, now);
            gate.ended(now, pass, sign, || "down");
        }
        let third = pass(&mut gate, now);
        gate.ended(now, third, Sign::Lost, || "down");
        assert_eq!(left(&mut gate, now, 0.0), FIRST_PAUSE);
        let mut at = now + FIRST_PAUSE;
        for seconds in [4, 8, 16, 30, 30] {
            let probe = pass(&mut gate, at);
            gate.ended(at, probe, Sign::Lost, || "down");
            assert_eq!(left(&mut gate, at, 0.0), s(seconds));
            at += s(seconds);
        }
        let probe = pass(&mut gate, at);
        gate.ended(at, probe, Sign::Answered, || "");
        let busy = pass(&mut gate, at);
        gate.ended(at, busy, Sign::Asked(None), || "busy");
        assert_eq!(
            left(&mut gate, at, 0.0),
            FIRST_PAUSE,
            "an answer forgets the earlier pauses"
        );
    }

    #[test]
    fn what_was_sent_before_the_gate_closed_does_not_open_it() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let (slow, lost, busy, busier) = (
            pass(&mut gate, now),
            pass(&mut gate, now),
            pass(&mut gate, now),
            pass(&mut gate, now),
        );
        gate.ended(now, busy, Sign::Asked(Some(s(10))), || "busy");
        gate.ended(now, slow, Sign::Answered, || "");
        gate.ended(now, lost, Sign::Lost, || "");
        assert_eq!(left(&mut gate, now, 0.0), s(10));
        gate.ended(now, busier, Sign::Asked(Some(s(5))), || "");
        assert_eq!(left(&mut gate, now, 0.0), s(10), "a shorter wait shortens nothing");
        gate.ended(now, busier, Sign::Asked(Some(s(20))), || "");
        assert_eq!(left(&mut gate, now, 0.0), s(20));
    }

    #[test]
    fn the_service_is_away_when_the_first_probe_is_lost_too_and_until_one_is_answered() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        for _ in 0..LOST {
            assert_eq!(gate.away(now), None);
            let pass = pass(&mut gate, now);
            gate.ended(now, pass, Sign::Lost, || "down");
        }
        assert_eq!(gate.away(now), None, "three lost answers may be a moment's");
        let later = now + FIRST_PAUSE;
        let probe = pass(&mut gate, later);
        gate.ended(later, probe, Sign::Lost, || "down");
        assert_eq!(gate.away(later), Some((s(4), &"down")));
        assert_eq!(
            gate.away(later + s(4)),
            Some((Duration::ZERO, &"down")),
            "somebody may ask"
        );
        let probe = pass(&mut gate, later + s(4));
        assert_eq!(gate.away(later + s(4)), Some((PROBE_WAIT, &"down")), "somebody asks");
        gate.ended(later + s(4), probe, Sign::Answered, || "");
        assert_eq!(gate.away(later + s(4)), None);
    }

    #[test]
    fn a_service_that_says_for_how_long_it_is_away_is_believed_and_one_that_slows_us_down_is_there() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let first = pass(&mut gate, now);
        gate.ended(now, first, Sign::Away(s(120)), || "503");
        assert_eq!(gate.away(now), Some((s(120), &"503")));
        let probe = pass(&mut gate, now + s(120));
        gate.ended(now + s(120), probe, Sign::Asked(Some(s(60))), || "429");
        assert_eq!(gate.away(now + s(120)), None, "it answers");
        let mut other = Gate::default();
        let blip = pass(&mut other, now);
        other.ended(now, blip, Sign::Away(s(1)), || "503");
        assert_eq!(other.away(now), None, "a second is no outage");
    }

    #[test]
    fn a_probe_that_is_never_heard_of_is_followed_by_another() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let first = pass(&mut gate, now);
        gate.ended(now, first, Sign::Asked(Some(s(1))), || "busy");
        let vanished = pass(&mut gate, now + s(1));
        assert!(left(&mut gate, now + s(30), 0.0) > Duration::ZERO);
        let second = pass(&mut gate, now + s(1) + PROBE_LIMIT);
        gate.ended(now + s(60), vanished, Sign::Answered, || "");
        assert!(
            left(&mut gate, now + s(60), 0.0) > Duration::ZERO,
            "the second is the probe now"
        );
        gate.ended(now + s(60), second, Sign::Answered, || "");
        pass(&mut gate, now + s(60));
    }
}
