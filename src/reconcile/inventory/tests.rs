use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::{
    api::Reason,
    graph::{AccessPackage, AccessPackageId, AssignmentPolicy, ObjectId, PolicyId},
};

/// How often each question was asked, which of them hang until they are let go, and what is answered.
#[derive(Default)]
struct StandIn {
    asked: AtomicUsize,
    lists: AtomicUsize,
    hanging: Mutex<HashSet<&'static str>>,
    go: Notify,
    arrived: Notify,
    fails: Mutex<Option<GraphErrorKind>>,
    packages: Mutex<Vec<AccessPackage>>,
    sees_every_catalog: AtomicBool,
    /// Answered 404, or 403, where they are asked for by id.
    missing: Mutex<Option<GraphErrorKind>>,
}

impl StandIn {
    async fn pass(&self, what: &'static str) -> Result<(), GraphError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.arrived.notify_one();
        if lock(&self.hanging).contains(what) {
            self.go.notified().await;
        }
        match *lock(&self.fails) {
            Some(kind) => Err(GraphError::new(kind, "stand-in", "as told")),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Reads for Arc<StandIn> {
    async fn sees_every_catalog(&self) -> Result<bool, GraphError> {
        Ok(self.sees_every_catalog.load(Ordering::SeqCst))
    }

    async fn catalogs(&self) -> Result<Listed<Catalog>, GraphError> {
        self.pass("catalogs").await?;
        Ok(Listed::default())
    }

    async fn organizations(&self) -> Result<Listed<ConnectedOrganization>, GraphError> {
        self.pass("organizations").await?;
        Ok(Listed::default())
    }

    async fn organizations_named(&self, _: &str) -> Result<Listed<ConnectedOrganization>, GraphError> {
        self.pass("named").await?;
        Ok(Listed::default())
    }

    async fn organization(&self, _: &ObjectId) -> Result<Option<ConnectedOrganization>, GraphError> {
        self.pass("organization").await?;
        match *lock(&self.missing) {
            Some(kind @ GraphErrorKind::Forbidden) => Err(GraphError::new(kind, "stand-in", "as told")),
            Some(_) | None => Ok(None),
        }
    }

    async fn catalogs_named(&self, _: &str) -> Result<Listed<Catalog>, GraphError> {
        self.pass("named").await?;
        Ok(Listed::default())
    }

    async fn catalog(&self, _: &CatalogId) -> Result<Option<Catalog>, GraphError> {
        self.pass("catalog").await?;
        match *lock(&self.missing) {
            Some(kind @ GraphErrorKind::Forbidden) => Err(GraphError::new(kind, "stand-in", "as told")),
            Some(_) | None => Ok(None),
        }
    }

    async fn resources(&self, _: &CatalogId) -> Result<Listed<Resource>, GraphError> {
        self.pass("resources").await?;
        Ok(Listed::default())
    }

    async fn resource(&self, _: &CatalogId, _: &str) -> Result<Option<Resource>, GraphError> {
        self.pass("resource").await?;
        Ok(None)
    }

    async fn roles(&self, _: &CatalogId, _: OriginSystem, _: &ResourceId) -> Result<Listed<ResourceRole>, GraphError> {
        self.pass("roles").await?;
        Ok(Listed::default())
    }

    async fn packages(&self, _: &CatalogId) -> Result<Listed<AccessPackage>, GraphError> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.pass("packages").await?;
        Ok(Listed::of(lock(&self.packages).clone()))
    }

    async fn packages_named(&self, _: &CatalogId, _: &str) -> Result<Listed<AccessPackage>, GraphError> {
        self.pass("named").await?;
        Ok(Listed::of(lock(&self.packages).clone()))
    }

    async fn package(&self, id: &AccessPackageId) -> Result<Option<AccessPackage>, GraphError> {
        self.pass(if id.as_str() == "slow" { "slow" } else { "package" })
            .await?;
        match *lock(&self.missing) {
            Some(GraphErrorKind::NotFound) => Ok(None),
            Some(kind) => Err(GraphError::new(kind, "stand-in", "as told")),
            None => Ok(Some(package(id.as_str()))),
        }
    }

    async fn policies(&self, _: &AccessPackageId) -> Result<Option<Listed<AssignmentPolicy>>, GraphError> {
        self.pass("policies").await?;
        Ok(None)
    }

    async fn policy(&self, _: &PolicyId) -> Result<Option<AssignmentPolicy>, GraphError> {
        self.pass("policy").await?;
        Ok(None)
    }
}

const AGE: Freshness = Freshness::Within(Duration::from_secs(600));

fn package(id: &str) -> AccessPackage {
    serde_json::from_value(json!({"id": id, "displayName": id, "catalog": {"id": "cat"}})).unwrap()
}

fn stage(visibility: u64) -> (Arc<StandIn>, Inventory, CatalogId) {
    let graph = Arc::new(StandIn::default());
    lock(&graph.packages).push(package("p"));
    let inventory = Inventory::reading(
        Box::new(Arc::clone(&graph)),
        Duration::from_secs(visibility),
        Duration::from_secs(60),
        Machine::real(),
    );
    (graph, inventory, "cat".into())
}

fn hang(graph: &StandIn, what: &'static str) {
    lock(&graph.hanging).insert(what);
}

fn reason<T>(step: Step<T>) -> Reason {
    match step {
        Ok(_) => panic!("it went on"),
        Err(halt) => halt.problem.reason,
    }
}

/// What does not end soon hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), work).await {
        Ok(done) => done,
        Err(_) => panic!("it hangs"),
    }
}

#[tokio::test]
async fn whoever_waits_for_the_same_list_shares_one_flight() {
    let (graph, inventory, catalog) = stage(60);
    hang(&graph, "packages");
    let (one, two, ()) = soon(async {
        tokio::join!(
            inventory.packages(&catalog, AGE),
            inventory.packages(&catalog, AGE),
            async {
                graph.arrived.notified().await;
                graph.go.notify_one();
            }
        )
    })
    .await;
    assert_eq!(one.unwrap().elements.len(), 1);
    assert_eq!(two.unwrap().elements.len(), 1);
    assert_eq!(graph.lists.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_waiter_that_leaves_does_not_end_the_flight() {
    let (graph, inventory, catalog) = stage(60);
    hang(&graph, "packages");
    tokio::select! {
        biased;
        _ = inventory.packages(&catalog, AGE) => panic!("it hangs"),
        () = graph.arrived.notified() => {}
    }
    graph.go.notify_one();
    assert_eq!(soon(inventory.packages(&catalog, AGE)).await.unwrap().elements.len(), 1);
    assert_eq!(graph.lists.load(Ordering::SeqCst), 1, "nobody begins anew");
}

#[tokio::test]
async fn a_list_serves_from_its_end_however_long_it_took() {
    let (graph, inventory, catalog) = stage(60);
    hang(&graph, "packages");
    let (age, longer) = (Duration::from_secs(1), Duration::from_millis(1_200));
    let (first, ()) = tokio::join!(inventory.packages(&catalog, Freshness::Within(age)), async {
        graph.arrived.notified().await;
        tokio::time::sleep(longer).await;
        graph.go.notify_one();
    });
    assert!(first.is_ok());
    lock(&graph.hanging).clear();
    assert!(inventory.packages(&catalog, Freshness::Within(age)).await.is_ok());
    assert_eq!(graph.lists.load(Ordering::SeqCst), 1, "whoever comes next begins anew");
}

#[tokio::test]
async fn a_get_that_hangs_holds_up_nobody_else() {
    let (graph, inventory, catalog) = stage(60);
    hang(&graph, "slow");
    let slow = AccessPackageId::from("slow");
    tokio::select! {
        biased;
        _ = inventory.package(&catalog, &slow, Freshness::Now) => panic!("it hangs"),
        found = async {
            graph.arrived.notified().await;
            inventory.package_changed(&catalog, &"p".into(), |package| package.hidden = true);
            soon(inventory.package(&catalog, &"p".into(), Freshness::Now)).await
        } => assert!(matches!(found, Ok(Found::Present(_)))),
    }
}

#[tokio::test]
async fn a_list_that_fails_fails_for_all_who_wait_and_for_who_comes_next() {
    let (graph, inventory, catalog) = stage(60);
    *lock(&graph.fails) = Some(GraphErrorKind::ServiceUnavailable);
    let (one, two) = tokio::join!(inventory.packages(&catalog, AGE), inventory.packages(&catalog, AGE));
    assert_eq!(reason(one), Reason::GraphUnavailable);
    assert_eq!(reason(two), Reason::GraphUnavailable);
    assert_eq!(
        reason(inventory.package(&catalog, &"p".into(), AGE).await),
        Reason::GraphUnavailable
    );
    assert_eq!(graph.asked.load(Ordering::SeqCst), 1, "one outage, one question");
}

#[tokio::test]
async fn a_list_that_is_asked_for_now_is_not_one_that_was_under_way() {
    let (graph, inventory, catalog) = stage(60);
    hang(&graph, "packages");
    let (early, late, ()) = tokio::join!(
        inventory.packages(&catalog, AGE),
        async {
            graph.arrived.notified().await;
            inventory.packages(&catalog, Freshness::Now).await
        },
        async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            lock(&graph.packages).push(package("q"));
            lock(&graph.hanging).clear();
            graph.go.notify_one();
        }
    );
    assert!(early.is_ok());
    assert_eq!(late.unwrap().elements.len(), 2);
    assert_eq!(graph.lists.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_404_against_a_list_is_in_doubt_however_often_it_comes() {
    let (graph, inventory, catalog) = stage(0);
    *lock(&graph.missing) = Some(GraphErrorKind::NotFound);
    for _ in 0..4 {
        let found = inventory.package(&catalog, &"p".into(), Freshness::Now).await;
        assert_eq!(reason(found), Reason::OutcomeUnknown);
    }
    assert!(matches!(
        inventory.package(&catalog, &"p".into(), AGE).await,
        Ok(Found::Present(_))
    ));
}

#[tokio::test]
async fn what_is_answered_404_twice_and_not_listed_is_gone() {
    let (graph, inventory, catalog) = stage(0);
    *lock(&graph.missing) = Some(GraphErrorKind::NotFound);
    lock(&graph.packages).clear();
    let ask = || async { inventory.package(&catalog, &"p".into(), Freshness::Now).await };
    assert_eq!(reason(ask().await), Reason::OutcomeUnknown);
    assert!(matches!(ask().await, Ok(Found::Gone { .. })));
}

#[tokio::test]
async fn what_is_forbidden_is_gone_where_the_list_lacks_it_and_lost_where_the_list_is_refused() {
    let (graph, inventory, catalog) = stage(0);
    *lock(&graph.missing) = Some(GraphErrorKind::Forbidden);
    let ask = || async { inventory.package(&catalog, &"p".into(), Freshness::Now).await };
    assert_eq!(reason(ask().await), Reason::AccessLost, "it is listed");
    lock(&graph.packages).clear();
    assert!(matches!(ask().await, Ok(Found::Gone { .. })));
    *lock(&graph.fails) = Some(GraphErrorKind::Forbidden);
    assert_eq!(
        reason(inventory.package(&catalog, &"q".into(), Freshness::Now).await),
        Reason::AccessLost
    );
}

#[tokio::test]
async fn a_catalog_that_is_forbidden_is_gone_only_for_those_who_may_see_every_catalog() {
    let (graph, inventory, catalog) = stage(0);
    *lock(&graph.missing) = Some(GraphErrorKind::Forbidden);
    let ask = || async { inventory.catalog(&catalog, Freshness::Now).await };
    assert_eq!(
        reason(ask().await),
        Reason::AccessLost,
        "a role may have been withdrawn"
    );
    graph.sees_every_catalog.store(true, Ordering::SeqCst);
    assert!(matches!(ask().await, Ok(Found::Gone { .. })));
    *lock(&graph.fails) = Some(GraphErrorKind::Forbidden);
    assert_eq!(reason(ask().await), Reason::AccessLost, "the list is refused as well");
}

#[tokio::test]
async fn a_connected_organization_that_is_forbidden_is_gone_for_whoever_may_list_them_and_others_lack_a_permission() {
    let (graph, inventory, _) = stage(0);
    *lock(&graph.missing) = Some(GraphErrorKind::Forbidden);
    let ask = || async { inventory.organization(&"o".into(), Freshness::Now).await };
    assert!(matches!(ask().await, Ok(Found::Gone { .. })));
    *lock(&graph.fails) = Some(GraphErrorKind::Forbidden);
    assert_eq!(reason(ask().await), Reason::NeedsTenantPermission);
}

#[tokio::test]
async fn a_policy_whose_package_is_not_listed_any_more_is_gone_with_it() {
    let (graph, inventory, catalog) = stage(0);
    lock(&graph.packages).clear();
    let ask = || async {
        inventory
            .policy(&catalog, &"p".into(), &"x".into(), Freshness::Now)
            .await
    };
    assert_eq!(reason(ask().await), Reason::OutcomeUnknown);
    assert!(matches!(ask().await, Ok(Found::Gone { .. })));
}

#[tokio::test]
async fn a_search_for_an_intent_asks_graph_even_where_we_made_the_place_just_now() {
    let (graph, inventory, catalog) = stage(60);
    let made: Catalog = serde_json::from_value(json!({"id": "cat"})).unwrap();
    inventory.catalog_born(&made);
    assert!(
        inventory
            .packages_named(&catalog, "p")
            .await
            .unwrap()
            .elements
            .is_empty()
    );
    assert_eq!(graph.asked.load(Ordering::SeqCst), 0);
    let search = inventory
        .search_packages(&catalog, "p", Duration::from_secs(59))
        .await
        .unwrap();
    assert_eq!((search.named.elements.len(), search.is_over), (1, false));
    inventory.package_born(&catalog, package("new"));
    assert_eq!(
        reason(
            inventory
                .search_policies(&catalog, &"new".into(), "x", Duration::from_secs(90))
                .await
        ),
        Reason::OutcomeUnknown,
        "a package that is answered as not there has not no policies"
    );
}

#[tokio::test]
async fn a_catalog_that_cannot_be_listed_is_said_after_three_intervals() {
    let graph = Arc::new(StandIn::default());
    let inventory = Inventory::reading(
        Box::new(Arc::clone(&graph)),
        Duration::ZERO,
        Duration::ZERO,
        Machine::real(),
    );
    let catalog = CatalogId::from("cat");
    assert_eq!(inventory.stale_for(&catalog), None, "nobody asked");
    assert!(inventory.packages(&catalog, Freshness::Now).await.is_ok());
    assert_eq!(inventory.stale_for(&catalog), None);
    *lock(&graph.fails) = Some(GraphErrorKind::ServiceUnavailable);
    assert!(inventory.packages(&catalog, Freshness::Now).await.is_err());
    assert!(inventory.stale_for(&catalog).is_some());
}
