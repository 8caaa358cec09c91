//! The control plane that all tests of this target share, with the CRDs of `crds/` in it.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use entra_access_operator::api::GROUP;
use serde_json::{Map, Value, json};
use stage::{ControlPlane, condition_in};

/// What the API server adds where the schema itself is violated: it then looks at no rule.
pub(crate) const NOT_CHECKED: &str = "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

/// What was tried, the fields that differ from the kind's example (`null`: left out), and the lines of the answer.
pub(crate) type Refused<'a> = (&'a str, &'a str, &'a [&'a str]);

/// What was tried, the differing fields before and after the change, and the lines of the answer.
pub(crate) type RefusedChange<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    EntraTenant,
    Catalog,
    ConnectedOrganization,
    AccessPackage,
    AssignmentPolicy,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::EntraTenant,
        Self::Catalog,
        Self::ConnectedOrganization,
        Self::AccessPackage,
        Self::AssignmentPolicy,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EntraTenant => "EntraTenant",
            Self::Catalog => "Catalog",
            Self::ConnectedOrganization => "ConnectedOrganization",
            Self::AccessPackage => "AccessPackage",
            Self::AssignmentPolicy => "AssignmentPolicy",
        }
    }

    pub(crate) fn crd(self) -> String {
        let plural = match self {
            Self::EntraTenant => "entratenants",
            Self::Catalog => "catalogs",
            Self::ConnectedOrganization => "connectedorganizations",
            Self::AccessPackage => "accesspackages",
            Self::AssignmentPolicy => "assignmentpolicies",
        };
        format!("{plural}.{GROUP}")
    }

    pub(crate) fn namespace(self) -> Option<&'static str> {
        match self {
            Self::EntraTenant | Self::Catalog | Self::ConnectedOrganization => None,
            Self::AccessPackage | Self::AssignmentPolicy => Some("default"),
        }
    }

    /// The spec that the tables vary.
    fn example(self) -> &'static str {
        match self {
            Self::EntraTenant => {
                "{tenantId: 11111111-2222-3333-4444-555555555555,
                  credentials: {workloadIdentity: {clientId: 22222222-3333-4444-5555-666666666666}}}"
            }
            Self::Catalog => "{displayName: Marketing}",
            Self::ConnectedOrganization => "{displayName: Fabrikam, identitySource: {domain: fabrikam.com}}",
            Self::AccessPackage => "{catalogRef: {name: marketing}, displayName: Marketing Campaign Access}",
            Self::AssignmentPolicy => {
                "{accessPackageRef: {name: marketing-campaign}, displayName: Marketing Campaign Policy,
                  requestors: {scope: AllMemberUsers},
                  approval: {stages: [{approvers: [{user: {userPrincipalName: bob@contoso.com}}]}]},
                  expiration: {afterDuration: P90D}}"
            }
        }
    }

    /// An object of the kind; `differences` replace the fields of the example's spec.
    pub(crate) fn object(self, name: &str, differences: &str) -> Value {
        let mut spec = fields(self.example());
        for (field, value) in fields(differences) {
            if value.is_null() {
                spec.remove(&field);
            } else {
                spec.insert(field, value);
            }
        }
        let mut object = json!({
            "apiVersion": format!("{GROUP}/v1alpha1"),
            "kind": self.name(),
            "metadata": {"name": name},
            "spec": spec,
        });
        if let Some(namespace) = self.namespace() {
            object["metadata"]["namespace"] = namespace.into();
        }
        object
    }
}

fn fields(yaml: &str) -> Map<String, Value> {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The shared control plane. It ends with this process.
pub(crate) fn cluster() -> &'static ControlPlane {
    static CLUSTER: OnceLock<ControlPlane> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let plane = ControlPlane::start().unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
        plane.kubectl(&["apply", "-f", folder]).unwrap();
        for kind in Kind::ALL {
            let established = |crd: &Value| condition_in(crd, "Established").is_some_and(|it| it["status"] == "True");
            plane
                .wait_object(
                    "CustomResourceDefinition",
                    &kind.crd(),
                    None,
                    "to be established",
                    Duration::from_secs(20),
                    established,
                )
                .unwrap();
        }
        plane
    })
}

/// A name that no other test uses.
pub(crate) fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("subject-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// `kubectl apply` without a change of the cluster; the error is what a person reads.
fn try_apply(object: &Value) -> Result<(), String> {
    let output = cluster()
        .try_kubectl(&["apply", "--dry-run=server", "-f", "-"], &object.to_string())
        .unwrap();
    if output.success { Ok(()) } else { Err(output.stderr) }
}

pub(crate) fn accepts(kind: Kind, objects: &[(&str, &str)]) {
    for (what, differences) in objects {
        if let Err(answer) = try_apply(&kind.object("subject", differences)) {
            panic!("{what} should be accepted: {differences}\n{answer}");
        }
    }
}

pub(crate) fn refuses(kind: Kind, objects: &[Refused<'_>]) {
    let mut wrong = Vec::new();
    for (what, differences, lines) in objects {
        let answer = try_apply(&kind.object("subject", differences));
        compare(&mut wrong, what, answer, &text(kind, "subject", lines));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

pub(crate) fn accepts_changes(kind: Kind, changes: &[(&str, &str, &str)]) {
    for (what, before, after) in changes {
        let name = fresh_name();
        cluster().apply(&kind.object(&name, before).to_string()).unwrap();
        if let Err(answer) = try_apply(&kind.object(&name, after)) {
            panic!("{what} should be accepted: {before} → {after}\n{answer}");
        }
    }
}

pub(crate) fn refuses_changes(kind: Kind, changes: &[RefusedChange<'_>]) {
    let mut wrong = Vec::new();
    for (what, before, after, lines) in changes {
        let name = fresh_name();
        cluster().apply(&kind.object(&name, before).to_string()).unwrap();
        let answer = try_apply(&kind.object(&name, after));
        compare(&mut wrong, what, answer, &text(kind, &name, lines));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn compare(wrong: &mut Vec<String>, what: &str, answer: Result<(), String>, expected: &str) {
    match answer {
        Ok(()) => wrong.push(format!("{what} was accepted; expected:\n{expected}")),
        Err(answer) if answer != expected => {
            wrong.push(format!("{what} was answered:\n{answer}\nexpected:\n{expected}"));
        }
        Err(_) => {}
    }
}

/// The whole answer of `kubectl apply` whose lines these are.
fn text(kind: Kind, name: &str, lines: &[&str]) -> String {
    let kind = kind.name();
    match lines {
        [line] if line.starts_with("Error from server") => format!("{line}\n"),
        [line] => format!("The {kind} \"{name}\" is invalid: {line}\n"),
        lines => {
            let lines: String = lines.iter().map(|line| format!("* {line}\n")).collect();
            format!("The {kind} \"{name}\" is invalid: \n{lines}")
        }
    }
}
