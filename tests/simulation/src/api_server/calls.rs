//! What was asked, by whom, and how it was answered.

use std::fmt;

use k8s_openapi::jiff::Timestamp;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was answered.
    pub at: Timestamp,
    /// Who asked.
    pub user: String,
    /// `GET`, `PUT`, …
    pub method: String,
    /// Of what.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
    /// The HTTP status of the answer.
    pub code: u16,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.code, self.method, self.path)?;
        if !self.query.is_empty() {
            write!(formatter, "?{}", self.query)?;
        }
        Ok(())
    }
}
