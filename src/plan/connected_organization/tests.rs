use super::*;
use crate::{
    api::{Applied, DriftPolicy},
    plan::{Base, Drift, Waits},
};

fn tenant(id: &str) -> IdentitySource {
    IdentitySource::Tenant {
        tenant_id: id.to_owned(),
    }
}

fn domain(name: &str) -> IdentitySource {
    IdentitySource::Domain {
        domain: name.to_owned(),
    }
}

fn federated(name: &str, issuer: &str) -> IdentitySource {
    IdentitySource::FederatedDomain {
        domain: name.to_owned(),
        issuer_uri: issuer.to_owned(),
    }
}

fn ann() -> DesiredSponsor {
    DesiredSponsor {
        name: "user userPrincipalName=ann@contoso.com".to_owned(),
        sponsor: Sponsor::User("ann".into()),
    }
}

fn desired() -> DesiredOrganization {
    DesiredOrganization {
        display_name: Some("Fabrikam".to_owned()),
        description: Some("A partner".to_owned()),
        state: Some(ConnectedOrganizationState::Configured),
        identity_source: Some(domain("fabrikam.com")),
        internal_sponsors: Some(vec![ann()]),
        external_sponsors: None,
    }
}

fn seen() -> ConnectedOrganization {
    ConnectedOrganization {
        id: "o".into(),
        display_name: "Fabrikam".to_owned(),
        description: Some("A partner".to_owned()),
        state: Some(ConnectedOrganizationState::Configured),
        identity_sources: vec![tenant("t")],
        created: None,
        internal_sponsors: Read::Read(["ANN".into()].into()),
        external_sponsors: Read::Read(["eve".into()].into()),
    }
}

fn applied() -> Applied {
    let memories: Vec<Memory> = create(&desired())
        .steps
        .into_iter()
        .flat_map(|step| step.memories)
        .collect();
    crate::plan::applied(&memories)
}

fn planned(
    desired: &DesiredOrganization,
    observed: &Found<ConnectedOrganization>,
    others: &[ConnectedOrganization],
    applied: Option<&Applied>,
    confirmed: bool,
) -> Plan<OrganizationAct> {
    let rules = Rules {
        base: Base::of(applied),
        drift: Drift {
            policy: DriftPolicy::Cautious,
            requested: false,
        },
        limit: None,
        confirmed,
        waits: Waits::NONE,
    };
    plan(desired, observed, others, &rules)
}

fn acts(plan: &Plan<OrganizationAct>) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

fn held(plan: &Plan<OrganizationAct>) -> Vec<Reason> {
    plan.held.iter().map(|(_, hold)| hold.reason()).collect()
}

/// Present, as it was applied, but for this.
fn drifted(change: impl FnOnce(&mut ConnectedOrganization)) -> Plan<OrganizationAct> {
    let mut seen = seen();
    change(&mut seen);
    planned(&desired(), &Found::Present(seen), &[], Some(&applied()), true)
}

#[test]
fn what_is_as_it_was_applied_is_left_alone_and_so_are_sponsors_of_whom_the_spec_says_nothing() {
    assert!(drifted(|_| {}).is_quiet());
}

#[test]
fn it_is_made_first_and_its_sponsors_are_added_then() {
    let plan = planned(&desired(), &Found::Unborn, &[], None, true);
    assert_eq!(
        acts(&plan),
        [
            "create connected organization \"Fabrikam\"",
            "add user userPrincipalName=ann@contoso.com (ann) to internalSponsors",
        ]
    );
}

#[test]
fn a_sponsor_who_was_added_elsewhere_is_removed_and_one_who_was_removed_is_a_persons_to_add_again() {
    let plan = drifted(|seen| seen.internal_sponsors = Read::Read(["ann".into(), "bob".into()].into()));
    assert_eq!(acts(&plan), ["remove bob from internalSponsors"]);
    let plan = drifted(|seen| seen.internal_sponsors = Read::Read(BTreeSet::new()));
    assert_eq!((acts(&plan), held(&plan)), (Vec::new(), vec![Reason::DriftHeld]));
}

#[test]
fn what_opens_it_to_all_policies_is_a_persons_and_what_closes_it_is_put_back() {
    let plan = drifted(|seen| seen.state = Some(ConnectedOrganizationState::Proposed));
    assert_eq!(held(&plan), [Reason::DriftHeld]);
    let proposed = DesiredOrganization {
        state: Some(ConnectedOrganizationState::Proposed),
        ..desired()
    };
    let mut memories = applied();
    Memory::keep("state", "proposed").enter(&mut memories);
    let plan = planned(&proposed, &Found::Present(seen()), &[], Some(&memories), true);
    assert_eq!(acts(&plan), ["change state: configured -> proposed"]);
}

#[test]
fn sponsors_that_were_not_read_are_asked_for_and_nobody_is_added_or_removed_by_guess() {
    let mut unread = seen();
    unread.internal_sponsors = Read::Unread;
    let first = planned(
        &desired(),
        &Found::Present(unread.clone()),
        &[],
        Some(&applied()),
        false,
    );
    assert!(first.is_open && first.is_quiet());
    let second = planned(&desired(), &Found::Present(unread), &[], Some(&applied()), true);
    assert_eq!((acts(&second), held(&second)), (Vec::new(), vec![Reason::GraphRefused]));
}

#[test]
fn sponsors_whom_the_spec_no_longer_speaks_of_are_forgotten_and_stay() {
    let silent = DesiredOrganization {
        internal_sponsors: None,
        ..desired()
    };
    let plan = planned(&silent, &Found::Present(seen()), &[], Some(&applied()), true);
    assert!(plan.is_quiet());
    assert!(plan.found.contains(&Memory::forget("internalSponsors[ann]")));
    let nobody = DesiredOrganization {
        internal_sponsors: Some(Vec::new()),
        ..desired()
    };
    let plan = planned(&nobody, &Found::Present(seen()), &[], Some(&applied()), true);
    assert_eq!(acts(&plan), ["remove ANN from internalSponsors"]);
}

#[test]
fn what_is_proven_to_stand_for_others_is_told_and_nothing_is_written_to_it() {
    let mut other = seen();
    other.display_name = "Northwind".to_owned();
    other.identity_sources = vec![domain("northwind.com")];
    let plan = planned(&desired(), &Found::Present(other), &[], None, true);
    assert_eq!(
        (acts(&plan), held(&plan)),
        (Vec::new(), vec![Reason::IdentitySourceDiffers])
    );
    let problem = plan.held_problem("").unwrap();
    assert!(
        problem
            .message()
            .contains("stands for domain northwind.com, and the spec for domain fabrikam.com"),
        "{}",
        problem.message()
    );
}

#[test]
fn one_for_the_same_people_that_is_not_ours_keeps_another_from_being_made() {
    let mut proposed = seen();
    proposed.identity_sources = vec![domain("FABRIKAM.com")];
    let plan = planned(&desired(), &Found::Unborn, &[proposed], None, true);
    assert!(plan.steps.is_empty());
    assert!(held(&plan).iter().all(|reason| *reason == Reason::NameTaken));
    // The tenant may be the one behind the domain, which nobody can tell.
    let plan = planned(&desired(), &Found::Unborn, &[seen()], None, true);
    assert!(plan.creates());
}

#[test]
fn one_that_was_deleted_in_entra_is_made_anew_when_a_person_asks() {
    let plan = planned(&desired(), &Found::Gone { id: "o".into() }, &[], Some(&applied()), true);
    assert!(plan.steps.is_empty());
    assert!(held(&plan).iter().all(|reason| *reason == Reason::DeletedInEntra));
}

#[test]
fn identities_are_compared_by_what_can_be_proven() {
    use Likeness::{Another, Perhaps, Same};
    let unknown = IdentitySource::Unknown {
        odata_type: "new".to_owned(),
        raw: serde_json::json!({}),
    };
    let elsewhere = IdentitySource::CrossCloudTenant {
        cloud_instance: "microsoftonline.us".to_owned(),
        tenant_id: "T".to_owned(),
    };
    let social = IdentitySource::Social {
        provider: "facebook".to_owned(),
    };
    for (asked, shown, expected) in [
        (tenant("t"), vec![], Perhaps),
        (tenant("t"), vec![tenant("T")], Same),
        (tenant("t"), vec![elsewhere.clone()], Same),
        (elsewhere, vec![tenant("other")], Another),
        (tenant("t"), vec![tenant("other")], Another),
        (tenant("t"), vec![tenant("other"), tenant("t")], Same),
        (tenant("t"), vec![tenant("other"), unknown.clone()], Perhaps),
        (tenant("t"), vec![domain("d.com")], Perhaps),
        (domain("d.com"), vec![tenant("t")], Perhaps),
        (domain("d.com"), vec![domain("D.com")], Same),
        (domain("d.com"), vec![domain("e.com")], Another),
        (domain("d.com"), vec![federated("d.com", "i")], Same),
        (federated("d.com", "i"), vec![domain("d.com")], Perhaps),
        (federated("d.com", "i"), vec![domain("e.com")], Another),
        (federated("d.com", "i"), vec![federated("d.com", "i/")], Same),
        (federated("d.com", "i"), vec![federated("d.com", "j")], Another),
        (social.clone(), vec![social.clone()], Same),
        (social.clone(), vec![tenant("t")], Another),
        (domain("d.com"), vec![social], Another),
        (domain("d.com"), vec![unknown], Perhaps),
    ] {
        assert_eq!(likeness(&asked, &shown), expected, "{asked:?} {shown:?}");
    }
}
