//! Switches for what Graph was seen to do on a bad day. Each but `sharePointNeedsDelegated` is off unless asked for; the
//! README names the source.

mod sites;
mod spent;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use sites::{DelegatedSites, ShownSites};

/// The switches. Absent means off, but for [`Quirks::share_point_needs_delegated`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quirks {
    /// Milliseconds that every Graph call takes at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u64>,
    /// How far lists and expands lag behind; single reads are right unless they have a lag of their own.
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
    /// Elements of an expanded collection of an access package, with a link to the rest; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expand_page_size: Option<usize>,
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
    /// SharePoint sites are not listed to applications; on unless it is `false`.
    #[serde(default, skip_serializing_if = "DelegatedSites::is_default")]
    pub share_point_needs_delegated: DelegatedSites,
    /// A role scope is refused where it names its resource by `originId` alone.
    #[serde(default, skip_serializing_if = "is_off")]
    pub role_scope_needs_resource_id: bool,
    /// Names and descriptions are kept without white space at their end, and with LF for CRLF.
    #[serde(default, skip_serializing_if = "is_off")]
    pub trims_texts: bool,
    /// Rules of automatic assignment are carried out; stored only otherwise.
    #[serde(default, skip_serializing_if = "is_off")]
    pub carries_out_rules: bool,
    /// No subscription is linked that guests are billed to: policies that may bring in guests and have sponsors who approve,
    /// workflow extensions or a rule are refused.
    #[serde(default, skip_serializing_if = "is_off")]
    pub guest_billing_not_linked: bool,
    /// `true`: tokens that were issued before this was set are refused; a number: so are the next that many requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject_tokens: Option<Switch>,
    /// Milliseconds that the service's clock is ahead of this machine's; negative: behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<i64>,
    /// The next matching requests wait before anything is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hang_next: Option<HangNext>,
    /// The next matching requests are answered behind MiB of white space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huge_body: Option<HugeBody>,
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
    /// Lists and expands alike; single reads are right.
    Alike(u64),
    /// Each its own.
    Apart(Lags),
}

/// Milliseconds of lag by read path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Lags {
    /// Milliseconds for collections.
    pub lists: u64,
    /// Milliseconds for `$expand`.
    pub expands: u64,
    /// Milliseconds for single reads of entitlement management.
    pub reads: u64,
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

/// The next `count` requests that match are served only after `ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HangNext {
    /// How many.
    pub count: u64,
    /// Milliseconds; a day without it, which is longer than any client waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// Only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only paths that contain this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// The next `count` requests that match are answered as ever, behind `mib` MiB of white space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HugeBody {
    /// How many.
    pub count: u64,
    /// MiB of white space.
    pub mib: u64,
    /// Only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only paths that contain this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
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
        let names = value.as_object().cloned().unwrap_or_default();
        serde_json::from_value(value).map_err(|error| {
            // Serde does not say which switch has the wrong value.
            let alone = |(name, value): (String, Value)| {
                let one = Value::Object(std::iter::once((name.clone(), value)).collect());
                let error = serde_json::from_value::<Self>(one).err()?;
                Some(format!("quirk {name}: {error}"))
            };
            names.into_iter().find_map(alone).unwrap_or_else(|| error.to_string())
        })
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
        *self = Self::from_json(all)?;
        Ok(())
    }

    pub(crate) fn lags(&self) -> Lags {
        match self.replication_lag {
            None => Lags::default(),
            Some(Lag::Alike(lag)) => Lags {
                lists: lag,
                expands: lag,
                reads: 0,
            },
            Some(Lag::Apart(lags)) => lags,
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
