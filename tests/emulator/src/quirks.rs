//! Switches for what Graph was seen to do on a bad day. Each is off unless asked for; the README names the source.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The switches. Absent means off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quirks {
    /// Milliseconds that every Graph call takes at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u64>,
    /// How far lists and expands lag behind; single reads are right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_lag: Option<Lag>,
    /// `true`: policy creates in parallel answer 409 `DuplicateKey`; a number: so do the next that many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_key: Option<Switch>,
    /// The next requests are throttled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// `resources?$expand=roles` stays empty for applications; `resourceRoles` answers.
    #[serde(default, skip_serializing_if = "is_off")]
    pub empty_app_roles: bool,
    /// Absent ids of entitlement management answer 403 to everyone.
    #[serde(default, skip_serializing_if = "is_off")]
    pub forbidden_instead_of_not_found: bool,
    /// `resourceRoleScopes` cannot be expanded in a collection.
    #[serde(default, skip_serializing_if = "is_off")]
    pub no_collection_expand: bool,
    /// Elements on a page; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<usize>,
    /// Roles have no id until a package uses them.
    #[serde(default, skip_serializing_if = "is_off")]
    pub roles_without_ids: bool,
    /// Milliseconds until a request for an assignment is delivered; 200 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_delay: Option<u64>,
    /// Seconds that a token is good for; 3599 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_lifetime: Option<i64>,
    /// The next matching requests fail before anything is done. Token requests only where `path` names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_next: Option<FailNext>,
    /// The next matching writes are done, and the connection is cut instead of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_after_commit: Option<DropAfterCommit>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_off(flag: &bool) -> bool {
    !*flag
}

/// On, or the next so many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Switch {
    /// While the quirk is set.
    On(bool),
    /// So many times more.
    Times(u64),
}

/// Milliseconds of lag, alike or by read path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Lag {
    /// Lists and expands alike.
    Alike(u64),
    /// Each its own.
    #[serde(rename_all = "camelCase")]
    Apart {
        /// Milliseconds for collections.
        #[serde(default)]
        lists: u64,
        /// Milliseconds for `$expand`.
        #[serde(default)]
        expands: u64,
    },
}

/// Throttling: a count (with `Retry-After: 1`) or a count and its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Throttle {
    /// The next so many requests, `Retry-After: 1`.
    Times(u64),
    /// The next `count` requests.
    #[serde(rename_all = "camelCase")]
    Exactly {
        /// How many.
        count: u64,
        /// Seconds in `Retry-After`; no header without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
}

/// The next `count` requests that match answer `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailNext {
    /// How many.
    pub count: u64,
    /// The HTTP status.
    pub status: u16,
    /// The error code; `UnknownError` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Seconds in `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only paths that contain this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// The next writes to lose the answer of: a count, or a count of those that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DropAfterCommit {
    /// The next so many writes.
    Times(u64),
    /// The next `count` writes that match.
    #[serde(rename_all = "camelCase")]
    Matching {
        /// How many.
        count: u64,
        /// Only this method.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<String>,
        /// Only paths that contain this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
}

fn matches(method: Option<&String>, path: Option<&String>, request: (&str, &str)) -> bool {
    method.is_none_or(|wanted| wanted.eq_ignore_ascii_case(request.0))
        && path.is_none_or(|part| request.1.contains(part))
}

impl Quirks {
    /// Reads switches from their JSON form.
    ///
    /// # Errors
    ///
    /// Names the switch that is unknown or has a wrong value.
    pub fn from_json(value: Value) -> Result<Self, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    /// Sets one switch as the command line writes it: `NAME` or `NAME=VALUE`, the value in JSON.
    ///
    /// # Errors
    ///
    /// Names the switch that is unknown or has a wrong value.
    pub fn set(&mut self, argument: &str) -> Result<(), String> {
        let (name, value) = argument.split_once('=').unwrap_or((argument, "true"));
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        let mut all = serde_json::to_value(&*self).unwrap_or_default();
        if let Some(all) = all.as_object_mut() {
            all.insert(name.to_owned(), value);
        }
        *self = Self::from_json(all).map_err(|error| format!("quirk {name}: {error}"))?;
        Ok(())
    }

    pub(crate) fn lags(&self) -> (u64, u64) {
        match self.replication_lag {
            None => (0, 0),
            Some(Lag::Alike(lag)) => (lag, lag),
            Some(Lag::Apart { lists, expands }) => (lists, expands),
        }
    }

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_quirk_is_refused_by_name() {
        let refused = Quirks::default().set("gravity=9.81").unwrap_err();
        assert!(refused.contains("gravity"), "{refused}");
    }

    #[test]
    fn a_count_runs_out() {
        let mut quirks = Quirks::default();
        quirks.set("throttle=2").unwrap();
        assert_eq!(quirks.take_throttle(), Some(Some(1)));
        assert_eq!(quirks.take_throttle(), Some(Some(1)));
        assert_eq!(quirks.take_throttle(), None);
    }
}
