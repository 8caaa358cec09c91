//! Connected organizations and their sponsors.

use std::collections::BTreeSet;

use entra_access_operator::graph::{
    ConnectedOrganizationFields, ConnectedOrganizationState, GraphErrorKind, IdentitySource, Read, Removed, Sponsor,
    SponsorList,
};
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn};

const EM: &str = "/v1.0/identityGovernance/entitlementManagement";

fn people(count: usize) -> Value {
    (0..count).map(|number| json!({"id": number.to_string()})).collect()
}

#[tokio::test]
async fn what_is_made_says_what_it_stands_for_and_the_answer_may_say_nothing_of_it() {
    let stand_in = StandIn::playing(vec![Reply::json(
        201,
        json!({"id": "o", "displayName": "Fabrikam", "identitySources": []}),
    )])
    .await;
    let made = stand_in
        .graph()
        .create_connected_organization(&ConnectedOrganizationFields {
            display_name: "Fabrikam".to_owned(),
            description: "A partner".to_owned(),
            state: ConnectedOrganizationState::Configured,
            identity_source: IdentitySource::Domain {
                domain: "fabrikam.com".to_owned(),
            },
        })
        .await
        .unwrap();
    assert_eq!(made.identity_sources, []);
    assert_eq!(
        made.internal_sponsors,
        Read::Read(BTreeSet::new()),
        "what is new has nobody"
    );
    let seen = stand_in.seen();
    assert_eq!(seen[0].path, format!("{EM}/connectedOrganizations"));
    assert_eq!(
        seen[0].json(),
        json!({"displayName": "Fabrikam", "description": "A partner", "state": "configured", "identitySources": [
            {"@odata.type": "#microsoft.graph.domainIdentitySource", "domainName": "fabrikam.com", "displayName": "fabrikam.com"}]})
    );
}

#[tokio::test]
async fn sponsors_that_an_expansion_may_have_cut_are_read_by_themselves() {
    let organization = json!({"id": "o", "internalSponsors": people(20), "externalSponsors": people(3)});
    let stand_in = StandIn::playing(vec![
        Reply::json(200, json!({"value": [organization]})),
        Reply::json(200, organization),
        Reply::json(200, json!({"value": people(25)})),
    ])
    .await;
    let graph = stand_in.graph();
    let listed = graph.list_connected_organizations().await.unwrap();
    assert_eq!(
        listed.elements[0].internal_sponsors,
        Read::Unread,
        "twenty may be the first of more"
    );
    let read = graph.get_connected_organization(&"o".into()).await.unwrap().unwrap();
    assert_eq!(read.internal_sponsors.known().map(BTreeSet::len), Some(25));
    assert_eq!(read.external_sponsors.known().map(BTreeSet::len), Some(3));
    let seen = stand_in.seen();
    assert_eq!(seen[1].query("$expand"), Some("internalSponsors,externalSponsors"));
    assert_eq!(seen[2].path, format!("{EM}/connectedOrganizations/o/internalSponsors"));
}

#[tokio::test]
async fn where_the_expansion_is_refused_the_sponsors_are_unread_and_not_none() {
    let stand_in = StandIn::playing(vec![
        Reply::error(400, "BadRequest", vec![]),
        Reply::json(200, json!({"value": [{"id": "o"}]})),
    ])
    .await;
    let listed = stand_in.graph().list_connected_organizations().await.unwrap();
    assert_eq!(listed.elements[0].internal_sponsors, Read::Unread);
}

#[tokio::test]
async fn a_sponsor_is_added_by_graphs_own_address_and_one_who_is_there_is_no_error() {
    let stand_in = StandIn::playing(vec![
        Reply::json(204, json!({})),
        Reply::error(409, "ReferenceExists", vec![]),
        Reply::json(200, json!({"value": [{"id": "OWNERS"}]})),
        Reply::error(409, "Conflict", vec![]),
        Reply::json(200, json!({"value": []})),
        Reply::json(204, json!({})),
        Reply::error(403, "Forbidden", vec![]),
    ])
    .await;
    let graph = stand_in.graph();
    let id = "o".into();
    graph
        .add_sponsor(&id, SponsorList::Internal, &Sponsor::User("ann".into()))
        .await
        .unwrap();
    graph
        .add_sponsor(&id, SponsorList::External, &Sponsor::Group("owners".into()))
        .await
        .unwrap();
    let refused = graph
        .add_sponsor(&id, SponsorList::External, &Sponsor::Group("owners".into()))
        .await;
    assert_eq!(refused.unwrap_err().kind, GraphErrorKind::Conflict, "nobody is there");
    let removed = graph.remove_sponsor(&id, SponsorList::External, &"owners".into()).await;
    assert_eq!(removed.unwrap(), Removed::Away);
    let seen = stand_in.seen();
    let paths: Vec<&str> = seen.iter().map(|one| one.path.trim_start_matches(EM)).collect();
    assert_eq!(
        paths,
        [
            "/connectedOrganizations/o/internalSponsors/$ref",
            "/connectedOrganizations/o/externalSponsors/$ref",
            "/connectedOrganizations/o/externalSponsors",
            "/connectedOrganizations/o/externalSponsors/$ref",
            "/connectedOrganizations/o/externalSponsors",
            "/connectedOrganizations/o/externalSponsors/owners/$ref",
        ]
    );
    assert_eq!(
        seen[0].json(),
        json!({"@odata.id": "https://graph.microsoft.com/v1.0/users/ann"})
    );
    assert_eq!(
        seen[1].json(),
        json!({"@odata.id": "https://graph.microsoft.com/v1.0/groups/owners"})
    );
    let refused = graph.delete_connected_organization(&id).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.needed_permission),
        (GraphErrorKind::Forbidden, Some("EntitlementManagement.ReadWrite.All"))
    );
}
