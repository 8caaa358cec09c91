//! Switches with a count: how a request uses them up.

use super::{DropAfterCommit, FailNext, Quirks, Switch, Throttle, matches};

impl Quirks {
    /// Whether the next request is throttled, and with which `Retry-After`.
    pub(crate) fn take_throttle(&mut self) -> Option<Option<u64>> {
        let (count, retry_after) = match self.throttle? {
            Throttle::Times(count) => (count, Some(1)),
            Throttle::Exactly { count, retry_after } => (count, retry_after),
        };
        let left = count.checked_sub(1)?;
        self.throttle = match self.throttle {
            _ if left == 0 => None,
            Some(Throttle::Exactly { .. }) => Some(Throttle::Exactly {
                count: left,
                retry_after,
            }),
            Some(Throttle::Times(_)) | None => Some(Throttle::Times(left)),
        };
        Some(retry_after)
    }

    pub(crate) fn take_failure(&mut self, request: (&str, &str)) -> Option<FailNext> {
        let failure = self.fail_next.as_mut()?;
        if failure.count == 0 || !matches(failure.method.as_ref(), failure.path.as_ref(), request) {
            return None;
        }
        failure.count -= 1;
        let taken = failure.clone();
        if taken.count == 0 {
            self.fail_next = None;
        }
        Some(taken)
    }

    /// As [`Quirks::take_failure`], for a token request: only a failure that names the path meets it.
    pub(crate) fn take_token_failure(&mut self, path: &str) -> Option<FailNext> {
        self.fail_next.as_ref()?.path.as_ref()?;
        self.take_failure(("POST", path))
    }

    pub(crate) fn take_drop(&mut self, request: (&str, &str)) -> bool {
        let count = match &mut self.drop_after_commit {
            None => return false,
            Some(DropAfterCommit::Times(count)) => count,
            Some(DropAfterCommit::Matching { count, method, path }) => {
                if !matches(method.as_ref(), path.as_ref(), request) {
                    return false;
                }
                count
            }
        };
        if *count == 0 {
            return false;
        }
        *count -= 1;
        if *count == 0 {
            self.drop_after_commit = None;
        }
        true
    }

    /// Whether this policy create collides. `parallel`: another one is under way.
    pub(crate) fn take_duplicate_key(&mut self, parallel: bool) -> bool {
        match self.duplicate_key {
            Some(Switch::On(on)) => on && parallel,
            Some(Switch::Times(count)) => {
                self.duplicate_key = count.checked_sub(1).filter(|left| *left > 0).map(Switch::Times);
                count > 0
            }
            None => false,
        }
    }

    /// Whether this request's token, good as it is, is refused. `old`: it was issued before the quirk was set.
    pub(crate) fn take_rejection(&mut self, old: bool) -> bool {
        match self.reject_tokens {
            Some(Switch::On(on)) => on && old,
            Some(Switch::Times(count)) => {
                self.reject_tokens = count.checked_sub(1).filter(|left| *left > 0).map(Switch::Times);
                count > 0
            }
            None => false,
        }
    }

    /// For how many milliseconds this request hangs.
    pub(crate) fn take_hang(&mut self, request: (&str, &str)) -> Option<u64> {
        const DAY: u64 = 86_400_000;
        let hang = self.hang_next.as_mut()?;
        if hang.count == 0 || !matches(hang.method.as_ref(), hang.path.as_ref(), request) {
            return None;
        }
        hang.count -= 1;
        let milliseconds = hang.ms.unwrap_or(DAY);
        if hang.count == 0 {
            self.hang_next = None;
        }
        Some(milliseconds)
    }

    /// Behind how many MiB of white space this request is answered.
    pub(crate) fn take_padding(&mut self, request: (&str, &str)) -> u64 {
        let Some(huge) = self.huge_body.as_mut() else {
            return 0;
        };
        if huge.count == 0 || !matches(huge.method.as_ref(), huge.path.as_ref(), request) {
            return 0;
        }
        huge.count -= 1;
        let mib = huge.mib;
        if huge.count == 0 {
            self.huge_body = None;
        }
        mib
    }
}
