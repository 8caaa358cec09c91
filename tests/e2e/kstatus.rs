//! What Flux, `helm --wait` and `kubectl wait` take an object for.
//!
//! The first two ask kstatus, which is asked at the end of every other test here too: `review`.

use serde_json::{Value, json};
use stage::{Result, Signal, is_ready, world};

use crate::review::agreed;
use crate::scene::{Portal, Stage};
use crate::support::{
    CAMPAIGN, NAMESPACE, RECONCILE_REQUESTED_AT, SOON, all_ready, apply_ready, builder, catalog, entra_id, namespace,
    now, package, patched, place, policy, real_furnished, renamed, tenant, wait_reason,
};

const PAUSED: &str = "access.entra-operator.io/paused";

/// One package and its policy in the crowd, and what keeps them from being ready at first.
struct Member {
    trouble: Trouble,
    package: Value,
    policy: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    NoSuchApprover,
    NoGrant,
    TooLong,
    /// To be taken over, and not there.
    NoSuchPackage,
    Paused,
}

impl Trouble {
    /// The reasons of package and policy; none where they are Ready.
    fn reasons(self) -> [Option<&'static str>; 2] {
        match self {
            Self::None => [None, None],
            Self::NoSuchApprover => [None, Some("ReferenceNotFound")],
            Self::NoGrant => [Some("CatalogNotGranted"); 2],
            Self::TooLong => [None, Some("LimitExceeded")],
            Self::NoSuchPackage => [Some("AdoptionNotFound"), Some("AccessPackageNotReady")],
            Self::Paused => [Some("Paused"); 2],
        }
    }
}

impl Member {
    fn new(number: usize) -> Self {
        let trouble = match number % 8 {
            3 => Trouble::NoSuchApprover,
            4 => Trouble::NoGrant,
            5 => Trouble::TooLong,
            6 => Trouble::NoSuchPackage,
            7 => Trouble::Paused,
            _ => Trouble::None,
        };
        let name = format!("crowd-{number}");
        let package = renamed(package(), &name, &format!("Package {number}"));
        let policy = patched(
            renamed(policy(), &name, &format!("Policy {number}")),
            json!({"spec": {"accessPackageRef": {"name": name}}}),
        );
        let both = |patch: Value| (patched(package.clone(), patch.clone()), patched(policy.clone(), patch));
        let (package, policy) = match trouble {
            Trouble::None => (package, policy),
            Trouble::NoSuchApprover => {
                let erin = json!({"stages": [{"approvers": [{"user": {"userPrincipalName": "erin@contoso.com"}}]}]});
                (package, patched(policy, json!({"spec": {"approval": erin}})))
            }
            Trouble::NoGrant => both(json!({"metadata": {"namespace": "sales"}})),
            Trouble::TooLong => (
                package,
                patched(policy, json!({"spec": {"expiration": {"afterDuration": "P900D"}}})),
            ),
            Trouble::NoSuchPackage => {
                let absent = "00000000-0000-4000-8000-000000000001";
                let spec = json!({"id": absent, "deletionPolicy": "Delete"});
                (patched(package, json!({"spec": spec})), policy)
            }
            Trouble::Paused => both(json!({"metadata": {"annotations": {PAUSED: "true"}}})),
        };
        Self {
            trouble,
            package,
            policy,
        }
    }

    fn both(&self) -> [&Value; 2] {
        [&self.package, &self.policy]
    }
}

fn of(crowd: &[Member], trouble: Trouble) -> impl Iterator<Item = &Member> {
    crowd.iter().filter(move |member| member.trouble == trouble)
}

/// Every member as its trouble has it, or Ready where it has none any more.
fn settled(stage: &Stage, crowd: &[Member], remaining: &[Trouble]) -> Result<()> {
    for member in crowd {
        let reasons = if remaining.contains(&member.trouble) {
            member.trouble.reasons()
        } else {
            [None, None]
        };
        for (manifest, reason) in member.both().into_iter().zip(reasons) {
            let (kind, name, namespace) = place(manifest);
            match reason {
                Some(reason) => wait_reason(stage, manifest, "Ready", reason)?,
                None => stage.wait_ready(kind, name, namespace, SOON)?,
            };
        }
    }
    Ok(())
}

/// The catalog, open to these namespaces, from which packages may be taken over.
fn open_to(namespaces: &[&str]) -> Value {
    let limits = json!({"adoption": "Allowed"});
    let grants = json!([{"name": "teams", "namespaces": {"names": namespaces}, "limits": limits}]);
    patched(catalog(), json!({"spec": {"grants": grants}}))
}

#[test]
fn kstatus_by_the_real_library_equals_our_ready_in_a_thousand_states_of_a_crowd()
-> std::result::Result<(), Box<dyn std::error::Error>> {
    let stage = builder().start()?;
    // At the end all of the crowd goes at once.
    let unbraked = json!({"spec": {"maxDeletionsPerHour": 1_000, "maxDeletionsPercent": 100}});
    apply_ready(&stage, &patched(tenant(&stage), unbraked))?;
    for name in [NAMESPACE, "sales"] {
        stage.apply_object(&namespace(name))?;
    }
    apply_ready(&stage, &open_to(&[NAMESPACE]))?;
    let crowd: Vec<Member> = (0..CROWD).map(Member::new).collect();
    for member in &crowd {
        for manifest in member.both() {
            stage.apply_object(manifest)?;
        }
    }
    let all = [
        Trouble::NoSuchApprover,
        Trouble::NoGrant,
        Trouble::TooLong,
        Trouble::NoSuchPackage,
        Trouble::Paused,
    ];
    settled(&stage, &crowd, &all)?;

    // What each of them needs comes.
    let erin = json!({"userPrincipalName": "erin@contoso.com"});
    stage.emulator().patch_state("users", world::DAVE_ID, &erin)?;
    stage.apply_object(&open_to(&[NAMESPACE, "sales"]))?;
    for member in of(&crowd, Trouble::TooLong) {
        let (kind, name, namespace) = place(&member.policy);
        let year = json!({"spec": {"expiration": {"afterDuration": "P365D"}}});
        stage.patch(kind, name, namespace, &year)?;
    }
    for manifest in of(&crowd, Trouble::Paused).flat_map(Member::both) {
        let (kind, name, namespace) = place(manifest);
        stage.annotate(kind, name, namespace, PAUSED, None)?;
    }
    let remaining = [Trouble::NoSuchPackage];
    settled(&stage, &crowd, &remaining)?;

    // Everybody wants something else while Graph is down.
    let outage = json!({"failNext": {"count": 100_000, "status": 503, "code": "UnknownError"}});
    stage.emulator().set_quirks(&outage)?;
    for manifest in crowd.iter().flat_map(Member::both) {
        let (kind, name, namespace) = place(manifest);
        stage.patch(kind, name, namespace, &json!({"spec": {"description": "Other words"}}))?;
    }
    wait_reason(&stage, &crowd[0].package, "Ready", "GraphUnavailable")?;
    stage.emulator().set_quirks(&json!({}))?;
    settled(&stage, &crowd, &remaining)?;

    // Somebody deletes what he does not know; it is made anew where that is asked for.
    for member in of(&crowd, Trouble::TooLong) {
        let id = entra_id(&now(&stage, &member.package)?);
        stage.emulator().delete_state("accessPackages", &id)?;
    }
    for member in of(&crowd, Trouble::TooLong) {
        wait_reason(&stage, &member.package, "Ready", "DeletedInEntra")?;
        let (kind, name, namespace) = place(&member.package);
        stage.annotate(kind, name, namespace, RECONCILE_REQUESTED_AT, Some("anew"))?;
        stage.wait_ready(kind, name, namespace, SOON)?;
    }

    // All go, but one that somebody holds.
    let held = &crowd[0];
    let [package, policy] = held.both().map(|manifest| now(&stage, manifest));
    Portal::open(&stage)?.assign(&stage, &entra_id(&package?), &entra_id(&policy?))?;
    for manifest in crowd.iter().flat_map(Member::both) {
        let (kind, name, namespace) = place(manifest);
        stage.delete(kind, name, namespace)?;
    }
    wait_reason(&stage, &held.package, "Ready", "AssignmentsRemain")?;
    for manifest in crowd.iter().skip(1).flat_map(Member::both) {
        let (kind, name, namespace) = place(manifest);
        stage.wait_gone(kind, name, namespace, SOON)?;
    }

    let states = stage.history();
    let counts = agreed(&states)?;
    println!("kstatus of {} states: {counts:?}", states.len());
    assert!(states.len() >= 1_000, "{} states", states.len());
    let kinds: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["Current", "Failed", "InProgress", "Terminating"]);
    Ok(())
}

/// Some eighteen states each.
const CROWD: usize = 72;

#[test]
fn kubectl_wait_ends_when_the_operator_says_ready_of_the_present_spec_and_not_before() -> Result<()> {
    let mut stage = real_furnished("kubectl waits")?;
    let second = renamed(package(), "second", "Second");
    // Nobody is there to look at what is new.
    stage.real_mut()?.operator()?.signal(Signal::Stop)?;
    let words = json!({"spec": {"description": "Other words"}});
    stage.patch("AccessPackage", CAMPAIGN, Some(NAMESPACE), &words)?;
    stage.apply_object(&second)?;
    let wait = |stage: &Stage, name: &str, timeout: &str| {
        let (object, timeout) = (format!("accesspackage/{name}"), format!("--timeout={timeout}"));
        let arguments = ["wait", "--for=condition=Ready", &object, "-n", NAMESPACE, &timeout];
        stage.real()?.try_kubectl(&arguments, "")
    };
    // The edited one has Ready at True still, of the spec before.
    for name in [CAMPAIGN, "second"] {
        let answer = wait(&stage, name, "0s")?;
        assert!(!answer.success, "{name}: {}", answer.stdout);
    }
    stage.real_mut()?.operator()?.signal(Signal::Continue)?;
    for name in [CAMPAIGN, "second"] {
        let answer = wait(&stage, name, "45s")?;
        assert!(answer.success, "{name}: {}", answer.stderr);
        let object = stage.get("AccessPackage", name, Some(NAMESPACE))?.unwrap_or_default();
        assert!(is_ready(&object), "{object:#}");
    }
    all_ready(&stage)
}
