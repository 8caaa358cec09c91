//! What differs and may, with the reason. Each row is used, or the test that says so fails.

use crate::{answer::Answer, program::Request};

/// One difference.
pub(crate) struct Difference {
    /// What differs, and why it may.
    pub(crate) what: &'static str,
    /// Whether this is it.
    is_it: fn(&Request, &Answer, &Answer) -> bool,
}

/// All that are known.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        what: "a fraction, or a number written as one, where a whole number is wanted: refused by both, by the real one in the words of Go's types",
        is_it: |_, real, ours| real.code == 422 && ours.code == 422 && real.body.to_string().contains("float64"),
    },
    Difference {
        what: "subresources that nobody asks for: refused by both, by the real one in other words",
        is_it: |request, real, ours| {
            let is_one =
                request.path.ends_with("/scale") || (request.method == "DELETE" && request.path.ends_with("/status"));
            is_one && real.code == ours.code
        },
    },
];

/// Whether the answers of the real server and of ours differ as the table says.
pub(crate) fn may_differ(request: &Request, real: &Answer, ours: &Answer) -> bool {
    DIFFERENCES
        .iter()
        .any(|difference| (difference.is_it)(request, real, ours))
}
