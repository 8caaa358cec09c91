//! What is too long is refused with the limit.

use crate::cluster::{Kind, NOT_CHECKED, refuses};

fn a_hundred_and_one(entry: impl Fn(usize) -> String) -> String {
    (0..101).map(entry).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_list_that_is_too_long_is_refused_with_its_limit() {
    let lines: &[&str] = &[
        "spec.resources: Too many: 101: must have at most 100 items",
        NOT_CHECKED,
    ];
    let resources = a_hundred_and_one(|number| format!("{{name: group-{number}, group: {{displayName: A}}}}"));
    refuses(
        Kind::Catalog,
        &[("resources", &format!("{{resources: [{resources}]}}"), lines)],
    );

    let lines: &[&str] = &[
        "spec.resourceRoles: Too many: 101: must have at most 100 items",
        NOT_CHECKED,
    ];
    let roles = a_hundred_and_one(|number| format!("{{resource: group-{number}, role: Member}}"));
    refuses(
        Kind::AccessPackage,
        &[("roles", &format!("{{resourceRoles: [{roles}]}}"), lines)],
    );

    let lines: &[&str] = &[
        "spec.requestors.targets: Too many: 101: must have at most 100 items",
        NOT_CHECKED,
    ];
    let targets = a_hundred_and_one(|number| format!("{{user: {{mail: user-{number}@contoso.com}}}}"));
    let requestors = format!("{{requestors: {{scope: SpecificDirectoryUsers, targets: [{targets}]}}}}");
    refuses(Kind::AssignmentPolicy, &[("targets", &requestors, lines)]);
}

#[test]
fn a_text_that_is_too_long_is_refused_with_its_limit() {
    refuses(
        Kind::Catalog,
        &[(
            "a name",
            &format!("{{displayName: {}}}", "x".repeat(257)),
            &[
                "spec.displayName: Too long: may not be more than 256 bytes",
                NOT_CHECKED,
            ],
        )],
    );
    refuses(
        Kind::AccessPackage,
        &[(
            "a description",
            &format!("{{description: {}}}", "x".repeat(1025)),
            &[
                "spec.description: Too long: may not be more than 1024 bytes",
                NOT_CHECKED,
            ],
        )],
    );
}
