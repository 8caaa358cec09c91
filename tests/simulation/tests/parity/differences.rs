//! What differs and may, with the reason.

use serde_json::json;

use crate::{
    answer::Answer,
    program::{GROUP, Request, delete, get, post},
    servers::servers,
};

/// One difference.
pub(crate) struct Difference {
    /// What differs, and why it may.
    what: &'static str,
    is_it: fn(&Request, &Answer, &Answer) -> bool,
    /// A request that shows it.
    example: fn() -> Request,
}

/// All that are known, but for what `answer` masks in every answer: uids, resourceVersions and times; `managedFields`, which
/// are not kept; conditions of a namespace that goes, in which the real controller tells what it found; the order of causes.
const DIFFERENCES: [Difference; 2] = [
    Difference {
        what: "a fraction, or a number written as one, where a whole number is wanted: refused by both, by the real one in the words of Go's types",
        is_it: |_, real, ours| real.code == 422 && ours.code == 422 && real.body.to_string().contains("float64"),
        example: || {
            let stages = json!([{"approvers": [{"requestorManager": {"level": 1.5}}], "fallbackApprovers": [{"user": {"mail": "bob@contoso.com"}}]}]);
            let policy = json!({
                "apiVersion": "access.entra-operator.io/v1alpha1", "kind": "AssignmentPolicy", "metadata": {"name": "d"},
                "spec": {
                    "accessPackageRef": {"name": "p"}, "displayName": "P", "requestors": {"scope": "AllMemberUsers"},
                    "approval": {"stages": stages}, "expiration": {"never": {}},
                },
            });
            post(&format!("{GROUP}/namespaces/default/assignmentpolicies"), policy)
        },
    },
    Difference {
        what: "subresources that nobody asks for: refused by both, by the real one in other words",
        is_it: |request, real, ours| {
            let is_scale = request.path.ends_with("/scale");
            (is_scale || (request.method == "DELETE" && request.path.ends_with("/status"))) && real.code == ours.code
        },
        example: || delete(&format!("{GROUP}/catalogs/absent/status")),
    },
];

/// What it is in which the answers of the real server and of ours may differ.
pub(crate) fn known(request: &Request, real: &Answer, ours: &Answer) -> Option<&'static str> {
    let found = DIFFERENCES
        .iter()
        .find(|difference| (difference.is_it)(request, real, ours));
    found.map(|difference| difference.what)
}

#[test]
fn every_difference_of_the_table_is_one() {
    let mut servers = servers();
    for difference in &DIFFERENCES {
        let (real, ours) = servers.answers(&(difference.example)());
        assert_ne!(real, ours, "{}", difference.what);
        assert!(
            (difference.is_it)(&(difference.example)(), &real, &ours),
            "{}\n{real}\n{ours}",
            difference.what
        );
    }
    let (real, ours) = servers.answers(&get(&format!("{GROUP}/catalogs/absent")));
    assert_eq!(real, ours, "and others are none");
}
